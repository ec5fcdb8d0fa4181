# Everything at once for half a minute: inserts with savepoints, updates and
# deletes, VACUUM, flush and build, REINDEX CONCURRENTLY, and readers that
# compare the index with the sequential scan in one snapshot.  Segments are
# small, so that each of them is sealed, rewritten, merged and given up often.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = 25;
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', qq(
autovacuum = on
autovacuum_naptime = 1s
jit = off
deadlock_timeout = 5s
));
$node->start;
$node->safe_psql(
	'postgres', q{
CREATE EXTENSION vectordb;
CREATE TABLE t (id bigserial PRIMARY KEY, v vector(16), n int DEFAULT 0);
CREATE TABLE differences (q vector, by_index text, by_scan text);
CREATE FUNCTION sample(seed bigint) RETURNS vector LANGUAGE sql AS $$
  SELECT array_agg(((hashint8extended(seed, i) >> 40) / 8388608.0)::real
				   ORDER BY i)::vector FROM generate_series(1, 16) i $$;
CREATE INDEX t_idx ON t USING flat (v vector_l2_ops)
  WITH (seal_size = '32kB');
INSERT INTO t (v) SELECT sample(i) FROM generate_series(1, 3000) i;
CREATE FUNCTION nearest(q vector, by_index bool) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
  PERFORM set_config('enable_seqscan', (NOT by_index)::text, true),
	set_config('enable_indexscan', by_index::text, true);
  EXECUTE 'SELECT string_agg(d::text, '' '') FROM
	(SELECT v <-> $1 AS d FROM t ORDER BY v <-> $1 LIMIT 15) s'
	INTO answer USING q;
  RETURN answer;
END $$;
CREATE TABLE checked (n int);
-- It gives way to REINDEX CONCURRENTLY, which waits for its snapshot.
CREATE FUNCTION build_if_possible() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM vectordb.build('t_idx');
EXCEPTION WHEN lock_not_available THEN
  RAISE NOTICE 'REINDEX is at work';
END $$;
});

my %scripts = (
	insert => q{
\set seed random(1, 1000000000)
BEGIN;
INSERT INTO t (v) SELECT sample(:seed + i) FROM generate_series(1, 60) i;
SAVEPOINT s;
INSERT INTO t (v) SELECT sample(:seed - i) FROM generate_series(1, 30) i;
ROLLBACK TO s;
INSERT INTO t (v) VALUES (NULL), (sample(:seed));
COMMIT;
},
	change => q{
\set r random(1, 40)
UPDATE t SET v = sample(id * 7 + 1) WHERE id % 40 = :r;
UPDATE t SET n = n + 1 WHERE id % 97 = :r;
DELETE FROM t WHERE id % 41 = :r AND id > 500;
},
	maintain => q{
VACUUM t;
SELECT vectordb.flush('t_idx');
SELECT build_if_possible();
\sleep 50 ms
},
	read => q{
\set seed random(1, 1000000000)
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO checked VALUES (1);
INSERT INTO differences
  SELECT q, a, b FROM (SELECT q, nearest(q, true) AS a, nearest(q, false) AS b
					   FROM (SELECT sample(:seed) AS q) x) y
  WHERE a IS DISTINCT FROM b;
COMMIT;
});

my %clients = (insert => 2, change => 1, maintain => 1, read => 2);
my @running;
foreach my $name (sort keys %scripts)
{
	my $file = $node->basedir . "/$name.sql";
	append_to_file($file, $scripts{$name});
	my %run = (name => $name, out => '');
	$run{handle} = IPC::Run::start(
		[ 'pgbench', '-n', '-f', $file, '-c', $clients{$name}, '-T', $seconds,
			$node->connstr('postgres') ],
		'>', \$run{out}, '2>&1', IPC::Run::timeout(300));
	push @running, \%run;
}
sleep 8;
# It waits for the transactions that run, and they for nothing.
$node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY t_idx');
foreach my $run (@running)
{
	$run->{handle}->finish;
	unlike($run->{out}, qr/ERROR|aborted|FATAL/, "$run->{name}: no error")
	  or diag($run->{out});
}

cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM checked'),
	'>', 20, 'answers were compared');
is($node->safe_psql('postgres', 'SELECT count(*) FROM differences'),
	'0', 'index and sequential scan agreed in every snapshot');
is($node->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
	'', 'check finds nothing');
is( $node->safe_psql(
		'postgres', q{
SET enable_seqscan = off;
SELECT (SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> sample(1)) s) =
  (SELECT count(*) FROM t)}),
	't', 'the index returns every row');
$node->safe_psql('postgres', q{VACUUM t; SELECT vectordb.build('t_idx')});
is($node->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
	'', 'check finds nothing after VACUUM and build');
unlike(slurp_file($node->logfile), qr/TRAP|terminated by signal/,
	'no process died');

$node->stop;
done_testing();
