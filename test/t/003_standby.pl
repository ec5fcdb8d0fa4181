# A standby that has caught up answers as its primary does; when it is promoted
# it goes on as a primary.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $primary = new_node('primary', allows_streaming => 1);
$primary->append_conf('postgresql.conf', 'wal_consistency_checking = all');
$primary->start;
load_sample($primary);

$primary->backup('start');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'start', has_streaming => 1);
$standby->start;

# Every step is made on the primary; then both are asked.
my @steps = (
	[ 'indexes are built', sub { create_indexes($primary, 'flat'); } ],
	[ 'rows are inserted', q{
		INSERT INTO meanings
			SELECT id + 1000000, words, embedding FROM meanings
			WHERE id % 2 = 0;} ],
	[ 'a transaction is rolled back', q{
		BEGIN;
		INSERT INTO meanings
			SELECT id + 2000000, words, embedding FROM meanings;
		ROLLBACK;} ],
	[ 'rows are deleted', 'DELETE FROM meanings WHERE id % 5 = 0;' ],
	[ 'the table is vacuumed', 'VACUUM meanings;' ],
	[ 'segments are sealed', q{
		SELECT vectordb.flush(indexrelid) FROM pg_index
		WHERE indrelid = 'meanings'::regclass AND NOT indisprimary;} ],
	[ 'sealed segments are vacuumed', q{
		DELETE FROM meanings WHERE id % 7 = 0;
		INSERT INTO meanings
			SELECT id + 4000000, words, embedding FROM meanings
			WHERE id % 3 = 0;
		VACUUM meanings;} ],
	[ 'an index is rebuilt', 'REINDEX INDEX meanings_vector_l2_ops;' ],
	[ 'the table is rewritten', 'VACUUM FULL meanings;' ]);

foreach my $step (@steps)
{
	my ($name, $action) = @$step;

	ref $action ? $action->() : $primary->safe_psql('postgres', $action);
	$primary->wait_for_catchup($standby);
	is(answers($standby, 'index'), answers($primary, 'index'),
		"$name: the standby answers as the primary does");
	same_answers($standby, $name);
}
check_indexes($primary, 'primary');

$primary->stop;
$standby->promote;
check_indexes($standby, 'promoted');
$standby->safe_psql('postgres', q{
	INSERT INTO meanings
		SELECT id + 9000000, words, embedding FROM meanings
		WHERE id % 2 = 0;
	DELETE FROM meanings WHERE id % 11 = 0;
	VACUUM meanings;});
same_answers($standby, 'promoted, after more writes');
check_indexes($standby, 'promoted, after more writes');

unlike(slurp_file($standby->logfile), qr/inconsistent page/,
	'no page differs after replay');

$standby->stop;
done_testing();
