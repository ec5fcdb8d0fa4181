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

my $folder = PostgreSQL::Test::Utils::tempdir();
my $definitions = q{
	SELECT pg_get_indexdef(indexrelid) FROM pg_index
	WHERE indrelid = 'meanings'::regclass ORDER BY 1};
my $contents = q{
	SELECT count(*), md5(string_agg(id || words || embedding::text, ','
									ORDER BY id))
	FROM meanings};

# Commands that restore into a database, but for the dump's name.
my %restore = (
	plain => [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f' ],
	custom => [ 'pg_restore', '--exit-on-error' ],
	directory => [ 'pg_restore', '--exit-on-error', '-j', '2' ]);

foreach my $method ('flat', 'hnsw')
{
	my $node = new_node($method);

	$node->start;
	load_sample($node);
	create_indexes($node, $method);

	# What the indexes hold must not depend on how the rows came in.
	$node->safe_psql(
		'postgres', q{
		DELETE FROM meanings WHERE id % 7 = 0;
		UPDATE meanings SET words = words || '!' WHERE id % 11 = 0;
		INSERT INTO meanings SELECT id + 1000000, words, embedding
			FROM meanings WHERE id % 5 = 0;
		VACUUM meanings;});
	same_answers($node, "$method, before the dump");
	dump_and_restore($node, $method, $_) foreach sort keys %restore;
	$node->stop;
}
done_testing();

sub dump_and_restore
{
	my ($node, $method, $format) = @_;
	my $database = "restored_$format";
	my $dump = "$folder/$method-$format";
	my $name = "$method, $format";
	my ($program, @arguments) = @{ $restore{$format} };

	$node->command_ok(
		[ 'pg_dump', "--format=$format", '-f', $dump, 'postgres' ],
		"$name: dump");
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->command_ok([ $program, '-d', $database, @arguments, $dump ],
		"$name: restore");

	is( $node->safe_psql($database, $contents),
		$node->safe_psql('postgres', $contents),
		"$name: same rows");
	is( $node->safe_psql($database, $definitions),
		$node->safe_psql('postgres', $definitions),
		"$name: same indexes");
	is( answers($node, 'index', $database),
		answers($node, 'index'),
		"$name: same answers");
	same_answers($node, $name, $database);
	check_indexes($node, $name, $database);
	return;
}
