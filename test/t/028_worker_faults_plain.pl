# Without shared_preload_libraries there is no launcher: a worker is started by
# whoever seals a segment, or vacuums.  Killed at each step it loses nothing,
# and the next of these takes up the work.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $node = new_node('main');

sub value
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

sub becomes
{
	my ($sql, $expected, $what) = @_;

	ok($node->poll_query_until('postgres', $sql, $expected), $what);
	return;
}

# What workers do from now on, and nobody else.
sub workers_do
{
	my ($point) = @_;

	value("LOAD 'vectordb'; ALTER SYSTEM SET vectordb.debug_points = '$point'");
	value('SELECT pg_reload_conf()');
	return;
}

my $workers = q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'vectordb worker'};
my $states = q{SELECT string_agg(DISTINCT state, ' ') FROM vectordb.jobs};

$node->append_conf('postgresql.conf', q(
restart_after_crash = on
vectordb.max_workers = 2
vectordb.seal_idle_time = 0
));
$node->start;
create_extension($node);
value(q{
CREATE TABLE a (id int, v vector(16));
CREATE INDEX a_idx ON a USING hnsw (v vector_l2_ops)});
is(value(q{SHOW shared_preload_libraries}), '', 'nothing is preloaded');

foreach my $point ('job-begin', 'seal-closed', 'build-registered',
	'build-written', 'swap-begin', 'swap-done', 'retired-chain',
	'retired-chained')
{
	my $from = -s $node->logfile;
	my $seal = $point eq 'seal-closed';

	# A seal is the backend's own step: it dies.
	workers_do($seal ? '' : "$point=crash");
	$node->psql('postgres', ($seal ? "SET vectordb.debug_points = '$point=crash';" : '')
		  . q{INSERT INTO a SELECT i, sample_vector(i) FROM generate_series(1, 3000) i;
		SELECT vectordb.flush('a_idx')});
	$node->wait_for_log(qr/was terminated by signal 9/, $from);
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $from);
	is_back($node)
	  or die 'the server does not restart';
	workers_do('');
	is(value($workers), '0', "killed at $point: nobody starts a worker");
	is(value(q{SELECT * FROM vectordb.check('a_idx')}),
		'', "killed at $point: check finds nothing");
	value('VACUUM a');
	becomes($states, 'done', "killed at $point: VACUUM has the work done in the end");
	is(value(q{SELECT (SELECT count(*) FROM a) -
			(SELECT sum(row_count) FROM vectordb.segments)}),
		'0', "killed at $point: no row is lost");
	becomes(q{SELECT (vectordb.index_info('a_idx')).pending}, '0',
		"killed at $point: nothing is left unfinished");
}
is(value(q{SELECT string_agg(DISTINCT file_type, ' ') FROM vectordb.segments}),
	'sealed/graph', 'all rows are in graphs');
is(value(q{SELECT * FROM vectordb.check('a_idx')}), '', 'check finds nothing');
like(value(q{SET enable_seqscan = off; SET enable_sort = off; EXPLAIN (COSTS OFF)
	SELECT id FROM a ORDER BY v <-> sample_vector(77) LIMIT 50}),
	qr/Index Scan using a_idx/, 'the index is used');
is(value(q{SET enable_seqscan = off; SET enable_sort = off; SET vectordb.target_recall = 1;
	SELECT string_agg(d::text, ' ') FROM (SELECT v <-> sample_vector(77) AS d
		FROM a ORDER BY v <-> sample_vector(77) LIMIT 50) n}),
	value(q{SET enable_indexscan = off;
	SELECT string_agg(d::text, ' ') FROM (SELECT v <-> sample_vector(77) AS d
		FROM a ORDER BY v <-> sample_vector(77) LIMIT 50) n}),
	'the index answers as the table does');

# The index of a transaction that nobody else can see is built after commit
# (rule 24), CONCURRENTLY too.
value('DROP INDEX a_idx');
becomes($workers, '0', 'no worker is there');
value(q{CREATE INDEX a_idx ON a USING hnsw (v vector_l2_ops) WITH (build = async)});
becomes($states, 'done', 'an asynchronous build begins at commit');
value('DROP INDEX a_idx');
becomes($workers, '0', 'the worker has left');
value(q{CREATE INDEX CONCURRENTLY a_idx ON a USING hnsw (v vector_l2_ops)
	WITH (build = async)});
becomes($states, 'done', 'so does one of CREATE INDEX CONCURRENTLY');
becomes($workers, '0', 'the worker leaves in the end');

value(q{DROP INDEX a_idx; BEGIN;
	CREATE INDEX a_idx ON a USING hnsw (v vector_l2_ops) WITH (build = async);
	ROLLBACK});
becomes($workers, '0', 'nothing is to be done for an index that never was');
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'no other process has crashed');
$node->stop;
done_testing();
