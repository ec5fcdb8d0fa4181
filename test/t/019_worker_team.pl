# Helpers of a maintenance worker: they build with it, are in nobody's way, and
# whatever happens to one of them, nothing is lost.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use VectordbTest;

my $node = new_node('main');

# Seconds within which a worker is out of the way, on a busy machine.
my $SOON = 5;

# Enough for two helpers (JOB_ROWS_OF_HELPER).
my $ROWS = 33000;

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

sub soon
{
	my ($sql, $what) = @_;
	my $start = time();

	value($sql);
	cmp_ok(time() - $start, '<', $SOON, $what);
	return;
}

# What workers and helpers do from now on, and nobody else.
sub workers_do
{
	my ($point) = @_;

	value("ALTER SYSTEM SET vectordb.debug_points = '$point'");
	value('SELECT pg_reload_conf()');
	return;
}

sub new_index
{
	my ($name) = @_;

	value(qq{
CREATE INDEX $name ON t USING hnsw (v vector_l2_ops) WITH (build = async);
});
	return;
}

my $helpers = q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'vectordb helper'};
my $busy = $helpers . q{ AND state = 'active'};

sub job
{
	my ($name) = @_;

	return qq{SELECT coalesce(
			string_agg(concat_ws(' ', kind, state, tries, last_error), ','),
			'nothing')
		FROM vectordb.jobs
		WHERE indexrelid = '${name}'::regclass AND state <> 'done'};
}

sub good
{
	my ($name, $when) = @_;

	is(value(qq{SELECT string_agg(file_type || ' ' || row_count, ',')
			FROM vectordb.index_segments('$name')}),
		"sealed/graph $ROWS", "$when: there is one graph of all rows");
	is(value("SELECT * FROM vectordb.check('$name')"),
		'', "$when: check finds nothing");
	return;
}

$node->append_conf('postgresql.conf', q(
shared_preload_libraries = 'vectordb'
vectordb.max_workers = 1
vectordb.launcher_naptime = 1
max_parallel_maintenance_workers = 2
max_worker_processes = 8
restart_after_crash = on
));
$node->start;
create_extension($node);
value(qq{
CREATE TABLE t (id int, v vector(16));
INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(1, $ROWS) i});

# They come, and leave.
workers_do('graph-helper=busy');
new_index('a');
becomes($busy, '2', 'two helpers have come');
is(value(q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type LIKE 'vectordb%' AND backend_xmin IS NOT NULL}),
	'0', 'none holds a snapshot');
workers_do('');
becomes(job('a'), 'nothing', 'the graph is built');
becomes($helpers, '0', 'the helpers have left');
good('a', 'with two helpers');

# Given up, or failed, before there are helpers.
foreach my $action ('busy', 'error')
{
	my $from = -s $node->logfile;

	value('DROP INDEX IF EXISTS a');
	workers_do("graph-shared=$action");
	new_index('a');
	if ($action eq 'busy')
	{
		becomes(q{SELECT count(*) FROM pg_stat_activity
			WHERE backend_type = 'vectordb worker' AND state = 'active'},
			'1', 'a worker is busy');
		soon('REINDEX INDEX a', 'REINDEX before the helpers come');
	}
	else
	{
		$node->wait_for_log(qr/debug point "graph-shared"/, $from);
	}
}
workers_do('');
value(q{SELECT vectordb.resume('a')});
becomes(job('a'), 'nothing', 'the graph is built in the end');

# In the way of commands, while they work and the leader waits for them.
foreach my $command ('VACUUM t', 'REINDEX INDEX a',
	'REINDEX INDEX CONCURRENTLY a', 'DROP INDEX a')
{
	value('DROP INDEX IF EXISTS a');
	workers_do('graph-helper=busy');
	new_index('a');
	becomes($busy, '2', 'helpers are busy');
	soon($command, $command);
}
workers_do('');
becomes($helpers, '0', 'no helper is left when the index is gone');

# A helper that is told to end: the job has not failed.
workers_do('graph-helper=busy');
new_index('a');
becomes($busy, '2', 'helpers are busy');
workers_do('');
value(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE backend_type = 'vectordb helper'});
becomes(job('a'), 'nothing', 'it is done all the same');
good('a', 'a helper was told to end');
value('DROP INDEX a');

# One that raises an error: the job has failed for that reason.
workers_do('graph-helper=error');
new_index('a');
becomes(job('a'), 'build retry 1 XX000: internal error',
	'the error of a helper is that of the job');
workers_do('');
becomes(job('a'), 'nothing', 'the next try succeeds');
good('a', 'after an error');
value('DROP INDEX a');

# Where no process is to be had, the worker builds alone.
value('ALTER SYSTEM SET max_parallel_workers = 0; SELECT pg_reload_conf()');
workers_do('graph-helper=error');
new_index('a');
becomes(job('a'), 'nothing', 'a worker without helpers builds alone');
good('a', 'alone');
workers_do('');
value('ALTER SYSTEM RESET max_parallel_workers; SELECT pg_reload_conf()');
value('DROP INDEX a');

# The end of the server, and of one helper by force.
workers_do('graph-helper=busy');
new_index('a');
becomes($busy, '2', 'helpers are busy');
{
	my $start = time();

	$node->stop('fast');
	cmp_ok(time() - $start, '<', 2 * $SOON, 'fast shutdown');
}
$node->start;
becomes($busy, '2', 'they are back');
is(value(job('a')), 'build running 0', 'a shutdown is no failure');
kill 9, value(q{SELECT max(pid) FROM pg_stat_activity
	WHERE backend_type = 'vectordb helper'});
$node->wait_for_log(qr/all server processes terminated; reinitializing/);
is_back($node)
  or die 'the server does not restart';
workers_do('');
becomes(job('a'), 'nothing', 'the job is run again after the crash');
good('a', 'after the crash');
is(value(q{SELECT (vectordb.index_info('a')).pending}), '0',
	'nothing is left unfinished');

unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'no other process has crashed');
$node->stop;
done_testing();
