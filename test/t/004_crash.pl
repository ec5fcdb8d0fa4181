# The postmaster is killed while rows are inserted, deleted, vacuumed and
# segments sealed: what was acknowledged is there, the indexes are complete
# without a REINDEX, and life goes on.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $NROUNDS = 4;
my $folder = PostgreSQL::Test::Utils::tempdir();

my $node = new_node('main');
$node->append_conf('postgresql.conf', 'restart_after_crash = off');
$node->start;
load_sample($node);
create_indexes($node, 'flat');
$node->safe_psql('postgres', 'CREATE TABLE sample AS
	SELECT row_number() OVER (ORDER BY id) AS n, words, embedding
	FROM meanings');

# Every statement commits and then prints the id, so that what the client has
# seen was acknowledged.  Rows with an even id are for the deleter.
sub inserter
{
	my ($round, $parity) = @_;
	my $sql = '';

	foreach my $i (1 .. 5000)
	{
		my $id = $round * 1000000 + 2 * $i + $parity;
		my $n = 1 + $i % 2000;

		$sql .= "INSERT INTO meanings SELECT $id, words, embedding"
		  . " FROM sample WHERE n = $n RETURNING id;\n";
	}
	return $sql;
}

sub deleter
{
	my ($round) = @_;

	return "DELETE FROM meanings WHERE id % 2 = 0 AND id >= $round * 1000000;\n"
	  . "VACUUM meanings;\n"
	  . "SELECT vectordb.flush('meanings_vector_l2_ops');\n"
	  . "SELECT vectordb.flush('meanings_vector_cosine_ops');\n";
}

# A client reads its statements from a file and writes what it gets to another,
# so that it needs nothing from us while it runs.
sub client
{
	my ($name, $sql) = @_;

	append_to_file("$folder/$name.sql", $sql);
	return IPC::Run::start(
		[ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres'),
			'-f', "$folder/$name.sql" ],
		'>', "$folder/$name.out", '2>', "$folder/$name.err");
}

foreach my $round (1 .. $NROUNDS)
{
	my @clients = (
		client("odd$round", inserter($round, 1)),
		client("even$round", inserter($round, 0)),
		client("deleter$round", deleter($round) x 500));

	$node->poll_query_until('postgres',
		"SELECT count(*) > 100 + 60 * $round FROM meanings"
		  . " WHERE id >= $round * 1000000 AND id % 2 = 1")
	  or die 'the clients do not write';
	$node->kill9;
	eval { $_->finish } foreach @clients;
	start_again($node);

	# A line without its end may be cut short.
	my $odd = slurp_file("$folder/odd$round.out");
	my @acknowledged = $odd =~ /^(\d+)\n/mg;
	my $list = join(',', @acknowledged);
	cmp_ok(scalar(@acknowledged), '>', 50, "round $round: clients were at work");
	is( $node->safe_psql('postgres',
			"SELECT count(*) FROM meanings WHERE id IN ($list)"),
		scalar(@acknowledged),
		"round $round: every acknowledged row is in the table");
	same_answers($node, "round $round");
	check_indexes($node, "round $round");
}

$node->safe_psql('postgres', q{
	INSERT INTO meanings
		SELECT 9000000 + n, words, embedding FROM sample;
	VACUUM meanings;
	SELECT vectordb.flush('meanings_vector_l2_ops');});
same_answers($node, 'after all rounds');
check_indexes($node, 'after all rounds');

$node->stop;
done_testing();
