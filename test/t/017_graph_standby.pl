# A standby walks the same graphs as its primary, and answers while it replays
# builds, deletes and VACUUM; every replayed page is compared with the
# primary's (wal_consistency_checking).
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $seconds = $ENV{GRAPH_LOAD_SECONDS} || 10;
my $primary = new_node('primary', allows_streaming => 1);
$primary->append_conf('postgresql.conf', q(
wal_consistency_checking = 'all'
max_parallel_maintenance_workers = 2
min_parallel_table_scan_size = 0
maintenance_work_mem = 128MB
));
$primary->start;
$primary->safe_psql('postgres', q{
CREATE EXTENSION vectordb;
CREATE FUNCTION sample_vector(seed bigint) RETURNS vector LANGUAGE sql AS $$
  SELECT array_agg(((hashint8extended(seed, i) >> 40) / 8388608.0)::real
				   ORDER BY i)::vector FROM generate_series(1, 16) i $$;
CREATE TABLE t (id bigserial PRIMARY KEY, v vector(16));
-- Ten rows for each of ten queries; two queries are those of the seed.
CREATE FUNCTION nearest(by_index bool, seed bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE answer text; result text := '';
BEGIN
  PERFORM set_config('enable_seqscan', (NOT by_index)::text, true),
	set_config('enable_indexscan', by_index::text, true);
  FOR s IN seed .. seed + 9 LOOP
	EXECUTE 'SELECT string_agg(d::text, '' '') FROM
	  (SELECT v <-> $1 AS d FROM t ORDER BY v <-> $1 LIMIT 10) s'
	  INTO answer USING sample_vector(-s);
	result := concat(result, answer, ';');
  END LOOP;
  RETURN result;
END $$;
-- Is the index right, with all of the nearest rows wanted?  In one snapshot.
CREATE FUNCTION right_answer(seed bigint) RETURNS bool
LANGUAGE sql STABLE AS $$
  SELECT set_config('vectordb.target_recall', '1', true) = '1' AND
	nearest(true, seed) = nearest(false, seed) $$;
INSERT INTO t (v) SELECT sample_vector(i) FROM generate_series(1, 4000) i;});
$primary->backup('start');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'start', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\n");
$standby->start;

sub same
{
	my ($name) = @_;

	$primary->wait_for_catchup($standby);
	is( $standby->safe_psql('postgres', 'SELECT nearest(true, 1)'),
		$primary->safe_psql('postgres', 'SELECT nearest(true, 1)'),
		"$name: the standby walks as the primary does");
	is($standby->safe_psql('postgres', 'SELECT right_answer(1)'),
		't', "$name: all of the nearest rows, when they are wanted");
	return;
}

my $graphs = q{SELECT count(*) FROM vectordb.segments
  WHERE indexrelid = 't_idx'::regclass AND file_type = 'sealed/graph'};
my @steps = (
	[ 'the index is built', 'CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops)' ],
	[ 'rows are inserted', 'INSERT INTO t (v) SELECT sample_vector(i) FROM generate_series(10001, 13000) i' ],
	[ 'they get a graph', q{SELECT vectordb.build('t_idx')} ],
	[ 'rows are deleted', 'DELETE FROM t WHERE id % 3 = 0; VACUUM t' ],
	[ 'the graphs are replaced', q{SELECT vectordb.build('t_idx')} ],
	[ 'the index is rebuilt', 'REINDEX INDEX CONCURRENTLY t_idx' ]);
foreach my $step (@steps)
{
	my ($name, $sql) = @$step;

	$primary->safe_psql('postgres', $sql);
	same($name);
}
is($primary->safe_psql('postgres', $graphs), '1', 'there is a graph');

# Both at work.
my $work = $primary->basedir . '/work.sql';
my $read = $primary->basedir . '/read.sql';
append_to_file($work, q{
\set seed random(1, 1000000000)
INSERT INTO t (v) SELECT sample_vector(:seed + i) FROM generate_series(1, 2100) i;
SELECT vectordb.build('t_idx');
DELETE FROM t WHERE id % 5 = :seed % 5;
VACUUM t;
SELECT vectordb.build('t_idx');
});
append_to_file($read, q{
\set seed random(1, 1000000000)
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 / right_answer(:seed)::int;
SELECT count(nearest(true, :seed));
COMMIT;
});
my ($wrote, $answered) = ('', '');
my $writer = IPC::Run::start(
	[ 'pgbench', '-n', '-f', $work, '-T', $seconds,
		$primary->connstr('postgres') ],
	'>', \$wrote, '2>&1', IPC::Run::timeout(300 + $seconds));
my $reader = IPC::Run::start(
	[ 'pgbench', '-n', '-f', $read, '-c', 2, '-T', $seconds,
		$standby->connstr('postgres') ],
	'>', \$answered, '2>&1', IPC::Run::timeout(300 + $seconds));
$writer->finish;
$reader->finish;
unlike($wrote, qr/ERROR|aborted|FATAL/, 'no error of the writer') or diag($wrote);
unlike($answered, qr/ERROR|aborted|FATAL/, 'no error and no wrong answer on the standby')
  or diag($answered);
cmp_ok($answered =~ /transactions actually processed: (\d+)/ ? $1 : 0,
	'>', 2, 'the standby has answered');
same('after work on both');
is($primary->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
	'', 'primary: check finds nothing');

$primary->stop;
$standby->promote;
is($standby->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
	'', 'promoted: check finds nothing');
$standby->safe_psql('postgres', q{
INSERT INTO t (v) SELECT sample_vector(i) FROM generate_series(20001, 23000) i;
SELECT vectordb.build('t_idx');});
is($standby->safe_psql('postgres', 'SELECT right_answer(1)'),
	't', 'promoted: the index answers as the table does');
is($standby->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
	'', 'promoted, built: check finds nothing');
unlike(slurp_file($standby->logfile), qr/inconsistent page|TRAP|PANIC/,
	'no page differs after replay');

$standby->stop;
done_testing();
