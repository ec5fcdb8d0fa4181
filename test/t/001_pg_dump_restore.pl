# A dump that is restored has the same rows, the same indexes and the same
# answers, whichever form the dump has.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $node = new_node('main');
$node->start;
load_sample($node);
create_indexes($node, 'flat');

# What the indexes hold must not depend on how the rows came in.
$node->safe_psql(
	'postgres', q{
	DELETE FROM meanings WHERE id % 7 = 0;
	UPDATE meanings SET words = words || '!' WHERE id % 11 = 0;
	INSERT INTO meanings
		SELECT id + 1000000, words, embedding FROM meanings WHERE id % 5 = 0;
	VACUUM meanings;});

my $definitions = q{
	SELECT pg_get_indexdef(indexrelid) FROM pg_index
	WHERE indrelid = 'meanings'::regclass ORDER BY 1};
my $contents = q{
	SELECT count(*), md5(string_agg(id || words || embedding::text, ','
									ORDER BY id))
	FROM meanings};
my $answers = answers($node, 'index');
my $folder = PostgreSQL::Test::Utils::tempdir();

same_answers($node, 'before the dump');

my %restore = (
	plain => sub {
		$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1',
				'-d', $_[0], '-f', $_[1] ],
			'restore a plain dump');
	},
	custom => sub {
		$node->command_ok(
			[ 'pg_restore', '--exit-on-error', '-d', $_[0], $_[1] ],
			'restore a custom dump');
	},
	directory => sub {
		$node->command_ok(
			[ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $_[0], $_[1] ],
			'restore a dump in a folder, two jobs');
	});

foreach my $format (sort keys %restore)
{
	my $database = "restored_$format";
	my $dump = "$folder/$format";

	$node->command_ok(
		[ 'pg_dump', "--format=$format", '-f', $dump, 'postgres' ],
		"dump, format $format");
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$restore{$format}->($database, $dump);

	is( $node->safe_psql($database, $contents),
		$node->safe_psql('postgres', $contents),
		"$format: same rows");
	is( $node->safe_psql($database, $definitions),
		$node->safe_psql('postgres', $definitions),
		"$format: same indexes");
	is(answers($node, 'index', $database), $answers,
		"$format: same answers");
	same_answers($node, $format, $database);
	check_indexes($node, $format, $database);
}

$node->stop;
done_testing();
