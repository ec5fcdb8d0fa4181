# Cursors across a merge by the worker: one that was opened before goes on to
# its end with its old segments, right rows in the right order, and their pages
# are used again only when it has been closed (rule 18 of the design).  Also
# WITH HOLD, and in a transaction whose snapshot is older than the merge while
# its scan begins after it.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $nrows = 3000;
my @methods = ('flat', 'hnsw');
my $node = new_node('main');

sub value
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

$node->append_conf('postgresql.conf', q(
shared_preload_libraries = 'vectordb'
vectordb.max_workers = 2
vectordb.seal_idle_time = 0
vectordb.launcher_naptime = 1
));
$node->start;
value(q{
CREATE EXTENSION vectordb;
CREATE FUNCTION place(id numeric) RETURNS vector IMMUTABLE LANGUAGE sql AS
	$$ SELECT array_fill(id::real, ARRAY[32])::vector $$;});

# A segment half of whose rows are dead, and one with the other half, whose jobs
# wait for resume(): together they make one.  The id of a row is its rank.
sub new_table
{
	my ($table, $method) = @_;

	value(qq{
CREATE TABLE $table (id int, v vector(32));
INSERT INTO $table SELECT i, place(i) FROM generate_series(1, $nrows) i;
CREATE INDEX ${table}_idx ON $table USING $method (v vector_l2_ops)
	WITH (worker = off);
UPDATE $table SET v = place(id + 0.01) WHERE id % 2 = 0;
SELECT vectordb.flush('${table}_idx')});
	value("VACUUM $table");
	return;
}

my @SCAN = ('SET enable_seqscan = off', 'SET enable_sort = off',
	'SET vectordb.target_recall = 1');

# A session with an open transaction.
sub session
{
	my ($begin, @statements) = @_;
	my $session = $node->background_psql('postgres');

	$session->query_safe($_) foreach @SCAN, $begin, @statements;
	return $session;
}

# What the session's cursor, or query, returns.
sub ids
{
	my ($session, $sql) = @_;

	return [ split /\n/, $session->query_safe($sql) ];
}

sub info
{
	my ($table, $column) = @_;

	return value("SELECT ($column)::bigint FROM vectordb.index_info('${table}_idx')");
}

# Old segments that are still there, in whatever state.
sub segments_left
{
	my ($table, @ids) = @_;

	return value(qq{SELECT count(*) FROM vectordb.index_segments('${table}_idx')
		WHERE file_id IN (} . join(',', @ids) . ')');
}

# The worker puts all there is into one segment.
sub merged
{
	my ($table) = @_;

	value("SELECT vectordb.resume('${table}_idx')");
	$node->poll_query_until('postgres', qq{SELECT count(*) = 1 AND sum(dead_rows) = 0
		AND bool_and(file_type <> 'sealed/rows')
		FROM vectordb.index_segments('${table}_idx')})
	  or die "$table is not merged";
	value("SELECT vectordb.pause('${table}_idx')");
	return;
}

my $nadded = $nrows;

# Rows farther away than all others.
sub add_rows
{
	my ($table, $n) = @_;

	value("INSERT INTO $table SELECT i, place(i) FROM generate_series("
		  . ($nadded + 1) . ', ' . ($nadded + $n) . ') i');
	$nadded += $n;
	return;
}

foreach my $method (@methods)
{
	my $table = "t_$method";
	my $query = "SELECT id FROM $table ORDER BY v <-> place(0)";
	my $name = "$method";
	my @all = (1 .. $nrows);
	my ($spare, $retired);
	my ($cursor, $hold, $late, @old);
	my @rows;

	new_table($table, $method);
	@old = split /\n/, value(
		"SELECT file_id FROM vectordb.index_segments('${table}_idx')");
	cmp_ok(scalar @old, '>', 1, "$name: there are segments to be merged");

	like(value(join(';', @SCAN) . "; EXPLAIN (COSTS OFF) $query"),
		qr/Index Scan using ${table}_idx/, "$name: queries read the index");
	$cursor = session('BEGIN', "DECLARE c CURSOR FOR $query");
	push @rows, @{ ids($cursor, 'FETCH 5 FROM c') };
	# Read to its end at commit, which comes after the merge.
	$hold = session('BEGIN', "DECLARE h CURSOR WITH HOLD FOR $query", 'FETCH 5 FROM h');
	# Its snapshot is taken now, its scan begins later.
	$late = session('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM pg_class');

	$spare = info($table, 'free_size');
	merged($table);
	is(segments_left($table, @old), '0', "$name: the old segments are retired");
	$retired = info($table, 'free_size') - $spare;
	cmp_ok($retired, '>=', 100000, "$name: their pages are on the free list");

	# The worker has nothing to say of rows that come now.
	push @rows, @{ ids($cursor, 'FETCH 500 FROM c') };
	add_rows($table, 1000) foreach 1 .. 10;
	cmp_ok(info($table, 'free_size'), '>=', $retired,
		"$name: none of their pages is used while somebody may read them");
	value("VACUUM $table");
	cmp_ok(info($table, 'free_size'), '>=', $retired,
		"$name: nor is VACUUM in their way");

	is_deeply(ids($late, $query), \@all,
		"$name: a scan that begins after the merge, under a snapshot from before");
	is_deeply(ids($late, 'SET enable_indexscan = off; SET enable_seqscan = on; SET enable_sort = on;'
			. " SELECT id FROM $table ORDER BY v <-> place(0)"), \@all,
		"$name: as the table has it");
	push @rows, @{ ids($cursor, 'FETCH ALL FROM c') };
	is_deeply(\@rows, \@all, "$name: the cursor has all its rows in order");
	$hold->query_safe('COMMIT');
	is_deeply(ids($hold, 'FETCH ALL FROM h'), [ 6 .. $nrows ],
		"$name: so has the one WITH HOLD, whose transaction has ended");

	# They are let go one after the other.
	$cursor->quit;
	$hold->quit;
	add_rows($table, 1000);
	cmp_ok(info($table, 'free_size'), '>=', $retired,
		"$name: one snapshot is enough to keep them");
	$late->query_safe('COMMIT');
	$late->quit;
	value("VACUUM $table");
	foreach my $try (1 .. 40)
	{
		add_rows($table, 1000);
		last if info($table, 'free_size') < $retired / 2;
	}
	cmp_ok(info($table, 'free_size'), '<', $retired / 2,
		"$name: then they are used again");
	is(value("SELECT * FROM vectordb.check('${table}_idx')"),
		'', "$name: check finds nothing");
	is(value(join(';', @SCAN) . "; SELECT count(*), count(*) FILTER (WHERE id <> r) FROM
			(SELECT id, row_number() OVER () AS r FROM ($query) s) u"),
		"$nadded|0", "$name: and what is there now is right");
	$nadded = $nrows;
}

unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:|is damaged|wrong order/,
	'nothing is wrong in the log');
$node->stop;
done_testing();
