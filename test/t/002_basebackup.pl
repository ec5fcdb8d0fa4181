# A base backup that is taken while rows come and go has complete indexes.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $node = new_node('main', allows_streaming => 1);
$node->start;
load_sample($node);
create_indexes($node, 'flat');
$node->safe_psql('postgres', q{
	SELECT vectordb.flush('meanings_vector_l2_ops');
	CREATE TABLE go_on AS SELECT true AS go_on;});

# Writes until it is told to stop; every round is a transaction of its own.
my $writer = q{
	DO $$
	BEGIN
		FOR round IN 1 .. 10000 LOOP
			EXIT WHEN NOT (SELECT go_on FROM go_on);
			INSERT INTO meanings
				SELECT 1000000 + round * 100 + x.n, words, embedding
				FROM (SELECT *, row_number() OVER (ORDER BY id) AS n
					  FROM meanings WHERE id < 1000000
					  ORDER BY id LIMIT 20) x;
			DELETE FROM meanings WHERE id = 1000000 + round * 100 + 1;
			COMMIT;
		END LOOP;
	END $$;};
my $script = PostgreSQL::Test::Utils::tempdir() . '/writer.sql';
append_to_file($script, $writer);
my $harness = IPC::Run::start(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d',
		$node->connstr('postgres'), '-f', $script ]);

$node->poll_query_until('postgres',
	'SELECT count(*) > 2100 FROM meanings')
  or die 'the writer does not write';
$node->backup('busy');
$node->safe_psql('postgres', 'UPDATE go_on SET go_on = false');
ok($harness->finish, 'the writer came to its end');
same_answers($node, 'the server that was backed up');

my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'busy');
$copy->start;
cmp_ok($copy->safe_psql('postgres', 'SELECT count(*) FROM meanings'),
	'>', 2000, 'the copy has rows that came in during the backup');
same_answers($copy, 'copy');
check_indexes($copy, 'copy');

# Life goes on in the copy.
$copy->safe_psql('postgres', q{
	DELETE FROM meanings WHERE id % 3 = 0;
	VACUUM meanings;
	INSERT INTO meanings
		SELECT id + 5000000, words, embedding FROM meanings
		WHERE id < 1000000;});
same_answers($copy, 'copy after more writes');
check_indexes($copy, 'copy after more writes');

$copy->stop;
$node->stop;
done_testing();
