# Everything at once on an index with graphs: two backends insert, one deletes,
# VACUUM, builds and REINDEX CONCURRENTLY; searches are compared with the
# sequential scan in one snapshot, and walks of the graphs are held to what
# holds without exactness.  GRAPH_LOAD_SECONDS makes it longer.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $seconds = $ENV{GRAPH_LOAD_SECONDS} || 30;
my $node = new_node('main');
$node->append_conf('postgresql.conf', qq(
deadlock_timeout = 5s
maintenance_work_mem = 64MB
max_parallel_maintenance_workers = 2
min_parallel_table_scan_size = 0
));
$node->start;
$node->safe_psql(
	'postgres', q{
CREATE EXTENSION vectordb;
CREATE TABLE t (id bigserial PRIMARY KEY, v vector(16));
CREATE TABLE checked (kind text);
CREATE TABLE wrong (kind text, q vector, by_index text, by_scan text);
CREATE FUNCTION sample(seed bigint) RETURNS vector LANGUAGE sql AS $$
  SELECT array_agg(((hashint8extended(seed, i) >> 40) / 8388608.0)::real
				   ORDER BY i)::vector FROM generate_series(1, 16) i $$;
INSERT INTO t (v) SELECT sample(i) FROM generate_series(1, 6000) i;
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (seal_size = '256kB');
CREATE FUNCTION nearest(q vector, by_index bool) RETURNS float8[]
LANGUAGE plpgsql AS $$
DECLARE answer float8[];
BEGIN
  PERFORM set_config('enable_seqscan', (NOT by_index)::text, true),
	set_config('enable_sort', (NOT by_index)::text, true),
	set_config('enable_indexscan', by_index::text, true);
  EXECUTE 'SELECT array_agg(d) FROM (SELECT v <-> $1 AS d FROM t ORDER BY v <-> $1 LIMIT 15) s'
	INTO answer USING q;
  RETURN answer;
END $$;
-- All of the nearest rows; and a walk: fifteen rows, in order, each no nearer
-- than the one of that place, most of them the nearest.
CREATE FUNCTION compare(q vector) RETURNS void LANGUAGE plpgsql AS $$
DECLARE exact float8[]; found float8[];
BEGIN
  exact := nearest(q, false);
  PERFORM set_config('vectordb.target_recall', '1', true);
  found := nearest(q, true);
  INSERT INTO checked VALUES ('exact');
  IF found IS DISTINCT FROM exact THEN
	INSERT INTO wrong VALUES ('exact', q, found::text, exact::text);
  END IF;
  PERFORM set_config('vectordb.target_recall', '0.95', true);
  found := nearest(q, true);
  INSERT INTO checked VALUES ('walk');
  IF cardinality(found) <> 15 OR
	EXISTS (SELECT FROM unnest(found, exact) WITH ORDINALITY u(f, e, n)
			WHERE f < e OR f < found[n - 1]) THEN
	INSERT INTO wrong VALUES ('walk', q, found::text, exact::text);
  END IF;
  INSERT INTO checked SELECT 'missed' FROM unnest(found) f WHERE f > exact[15];
END $$;});

my %scripts = (
	insert => q{
\set seed random(1, 1000000000)
BEGIN;
INSERT INTO t (v) SELECT sample(:seed + i) FROM generate_series(1, 200) i;
SAVEPOINT s;
INSERT INTO t (v) SELECT sample(:seed - i) FROM generate_series(1, 30) i;
ROLLBACK TO s;
COMMIT;
\sleep 30 ms
},
	delete => q{
\set r random(0, 999)
DELETE FROM t WHERE id % 40 = :r % 40 OR id < (SELECT max(id) FROM t) - 40000;
UPDATE t SET v = sample(id + :r) WHERE id % 97 = :r % 97;
\sleep 20 ms
},
	maintain => q{
-- Now and then a segment is too large for one graph.
\set memory 1024 * random(2, 8)
SET maintenance_work_mem = :memory;
VACUUM t;
DO $$
BEGIN
  PERFORM vectordb.build('t_idx');
  INSERT INTO checked VALUES ('built');
EXCEPTION WHEN lock_not_available OR undefined_table THEN
  INSERT INTO checked VALUES ('gave way');
END $$;
\sleep 100 ms
},
	reindex => q{
INSERT INTO checked VALUES ('reindexed');
REINDEX INDEX CONCURRENTLY t_idx;
\sleep 2000 ms
},
	read => q{
\set seed random(1, 1000000000)
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT compare(sample(:seed));
COMMIT;
});

my %clients = (insert => 2, delete => 1, maintain => 1, reindex => 1, read => 2);
my @running;
foreach my $name (sort keys %scripts)
{
	my $file = $node->basedir . "/$name.sql";
	my %run = (name => $name, out => '');

	append_to_file($file, $scripts{$name});
	$run{handle} = IPC::Run::start(
		[ 'pgbench', '-n', '-f', $file, '-c', $clients{$name}, '-T', $seconds,
			$node->connstr('postgres') ],
		'>', \$run{out}, '2>&1', IPC::Run::timeout(300 + 2 * $seconds));
	push @running, \%run;
}
foreach my $run (@running)
{
	my $errors;

	$run->{handle}->finish;
	$errors = join "\n", grep { /ERROR|aborted|FATAL/ } split /\n/, $run->{out};
	is($errors, '', "$run->{name}: no error");
}

foreach my $kind ('exact', 'walk')
{
	cmp_ok($node->safe_psql('postgres',
			"SELECT count(*) FROM checked WHERE kind = '$kind'"),
		'>', 20, "$kind: answers were compared");
	is($node->safe_psql('postgres',
			"SELECT * FROM wrong WHERE kind = '$kind' LIMIT 3"),
		'', "$kind: every answer was right");
}
is( $node->safe_psql('postgres', q{
SELECT count(*) FILTER (WHERE kind = 'missed') <=
	0.1 * 15 * count(*) FILTER (WHERE kind = 'walk') FROM checked}),
	't', 'walks have found most of the nearest rows')
  or diag($node->safe_psql('postgres', 'SELECT kind, count(*) FROM checked GROUP BY 1'));
is($node->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
	'', 'check finds nothing');
is( $node->safe_psql(
		'postgres', q{
SET enable_seqscan = off; SET enable_sort = off; SET hnsw.iterative_scan = relaxed_order;
SELECT (SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v <-> sample(1)) s) =
  (SELECT count(*) FROM t)}),
	't', 'the index returns every row');
$node->safe_psql('postgres', q{VACUUM t; SELECT vectordb.build('t_idx')});
is($node->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
	'', 'check finds nothing after VACUUM and build');
diag($node->safe_psql('postgres',
	q{SELECT string_agg(kind || ' ' || n, ', ') FROM
	  (SELECT kind, count(*) AS n FROM checked GROUP BY kind ORDER BY kind) s}));
# pgbench does not tell of all, nor that it tried again.
unlike(slurp_file($node->logfile), qr/ERROR:  (?!canceling)/,
	'no error in the log');
unlike(slurp_file($node->logfile), qr/TRAP|terminated by signal|PANIC/,
	'no process died');

$node->stop;
done_testing();
