# Maintenance workers in the way of commands, killed, and failing: nobody has
# to wait for them, nothing is lost, and they do not try for ever.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Fcntl qw(SEEK_SET);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use VectordbTest;

my $node = new_node('main');

# Seconds within which a worker is out of the way, on a busy machine.
my $SOON = 5;

sub value
{
	my ($sql, $database) = @_;

	return $node->safe_psql($database || 'postgres', $sql);
}

sub becomes
{
	my ($sql, $expected, $what) = @_;

	ok($node->poll_query_until('postgres', $sql, $expected), $what);
	return;
}

# One test: the statement ends soon.
sub soon
{
	my ($sql, $what, $database) = @_;
	my $start = time();

	value($sql, $database);
	cmp_ok(time() - $start, '<', $SOON, $what);
	return;
}

# What workers do from now on, and nobody else.
sub workers_do
{
	my ($point) = @_;

	value("ALTER SYSTEM SET vectordb.debug_points = '$point'");
	value('SELECT pg_reload_conf()');
	return;
}

# A table with an index and a segment that waits to be built.
sub new_table
{
	my ($name, $database) = @_;

	value(qq{
CREATE TABLE $name (id int, v vector(16));
CREATE INDEX ${name}_idx ON $name USING hnsw (v vector_l2_ops);
INSERT INTO $name SELECT i, sample_vector(i) FROM generate_series(1, 3000) i;
SELECT vectordb.flush('${name}_idx')}, $database);
	return;
}

my $busy = q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'vectordb worker' AND query LIKE 'vectordb: %'
	  AND state = 'active'};

sub job
{
	my ($name) = @_;

	return qq{SELECT concat_ws(' ', kind, state, tries, last_error)
		FROM vectordb.jobs WHERE indexrelid = '${name}_idx'::regclass};
}

$node->append_conf('postgresql.conf', q(
shared_preload_libraries = 'vectordb'
vectordb.max_workers = 2
vectordb.launcher_naptime = 1
));
$node->start;
create_extension($node);

# ---------------------------------------------------------------------------
# In the way
# ---------------------------------------------------------------------------

workers_do('job-begin=busy');
new_table('a');
becomes($busy, '1', 'a worker is busy');
is(value(job('a')), 'build running 0', 'the job is shown');
is(value(q{SELECT count(*) FROM pg_stat_progress_create_index
	WHERE index_relid = 'a_idx'::regclass}), '1', 'and so is its progress');
is(value(q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'vectordb worker' AND backend_xmin IS NOT NULL
	  AND state = 'active'}), '0', 'it holds no snapshot');
soon('VACUUM a', 'VACUUM');
soon('REINDEX INDEX a_idx', 'REINDEX');
new_table('b');
becomes($busy, '1', 'a worker is busy');
soon('REINDEX INDEX CONCURRENTLY b_idx', 'REINDEX CONCURRENTLY');
new_table('c');
becomes($busy, '1', 'a worker is busy');
soon(q{SELECT vectordb.pause('c_idx')}, 'pause');
is(value(job('c')), 'build pending 0', 'what was given up has not failed');
becomes($busy, '0', 'the worker leaves the index alone');
value(q{SELECT vectordb.resume('c_idx')});
becomes($busy, '1', 'it comes back');
soon(q{SELECT vectordb.build('c_idx')}, 'build');
is(value(job('c')), 'build done 0', 'the build has been done');
new_table('d');
becomes($busy, '1', 'a worker is busy');
soon('DROP INDEX d_idx', 'DROP INDEX');
new_table('e');
becomes($busy, '1', 'a worker is busy');
soon('DROP INDEX CONCURRENTLY e_idx', 'DROP INDEX CONCURRENTLY');
new_table('f');
becomes($busy, '1', 'a worker is busy');
soon('DROP EXTENSION vectordb CASCADE', 'DROP EXTENSION');

# Nor does it sleep for long after it has been in somebody's way for long.
create_extension($node);
new_table('g');
becomes($busy, '1', 'a worker is busy');
sleep 3;
{
	my $start = time();

	value('REINDEX INDEX g_idx');
	value(q{INSERT INTO g SELECT i, sample_vector(i) FROM generate_series(1, 3000) i;
		SELECT vectordb.flush('g_idx')});
	becomes($busy, '1', 'it is busy again');
	cmp_ok(time() - $start, '<', 2 * $SOON, 'and that soon');
}
is(value(q{SELECT start > now() - interval '20 s' FROM vectordb.jobs
	WHERE indexrelid = 'g_idx'::regclass AND state = 'running'}),
	't', 'a job has the time of its own start');
value('DROP EXTENSION vectordb CASCADE');
value('DROP TABLE a, b, c, d, e, f, g');
workers_do('');
create_extension($node);

# Turned off, and on again.
workers_do('job-begin=busy');
new_table('a');
becomes($busy, '1', 'a worker is busy');
value(q{ALTER SYSTEM SET vectordb.max_workers = 0});
value('SELECT pg_reload_conf()');
becomes($busy, '0', 'no worker is busy when they are turned off');
is(value(job('a')), 'build pending 0', 'and no job has failed');
value(q{ALTER SYSTEM RESET vectordb.max_workers});
value('SELECT pg_reload_conf()');
becomes($busy, '1', 'the launcher sends one when they are turned on');
workers_do('');
becomes(job('a'), 'build done 0', 'a job in progress obeys settings');
value('DROP TABLE a');

# Seals are jobs, too.
workers_do('job-begin=busy');
value(q{CREATE TABLE s (id int, v vector(16));
	CREATE INDEX s_idx ON s USING hnsw (v vector_l2_ops);
	INSERT INTO s SELECT i, sample_vector(i) FROM generate_series(1, 17000) i});
becomes(job('s'), 'seal running 0', 'a seal is shown');
is(value(q{SELECT s.state FROM vectordb.jobs j JOIN vectordb.segments s
	ON s.indexrelid = j.indexrelid AND s.file_id = j.segment}), 'growing',
	'with its segment');
workers_do('');
becomes(job('s'), 'build done 0', 'and done');
value('DROP TABLE s');

# Progress is about linear in time.
workers_do('graph-measured=busy');
new_table('a');
becomes($busy, '1', 'a worker is busy');
becomes(q{SELECT progress > 0.95 AND progress < 1 FROM vectordb.jobs
	WHERE state = 'running'}, 't', 'progress at the end of a job');
value('SELECT vectordb.pause(\'a_idx\'); SELECT vectordb.resume(\'a_idx\')');
workers_do('graph-laid-out=busy');
becomes(q{SELECT progress BETWEEN 0.6 AND 0.8 FROM vectordb.jobs
	WHERE state = 'running'}, 't', 'and two thirds of the way');
workers_do('');
becomes(job('a'), 'build done 0', 'in the end the job is done');
value('DROP TABLE a');

# Commands that want a database for themselves.
mkdir $node->basedir . '/space';
value(q{CREATE TABLESPACE space LOCATION '} . $node->basedir . q{/space'});
value('CREATE DATABASE other');
create_extension($node, 'other');
workers_do('job-begin=busy');
new_table('t', 'other');
becomes($busy, '1', 'a worker is busy elsewhere');
soon('CREATE DATABASE copy TEMPLATE other', 'CREATE DATABASE with template');
value('ALTER DATABASE copy ALLOW_CONNECTIONS off');
becomes($busy, '1', 'the worker comes back');
soon('ALTER DATABASE other SET TABLESPACE space', 'SET TABLESPACE');
becomes($busy, '1', 'the worker comes back once more');
soon('DROP DATABASE other', 'DROP DATABASE');
soon('DROP DATABASE copy', 'DROP DATABASE of the copy');

# The end of the server.
new_table('a');
becomes($busy, '1', 'a worker is busy');
{
	my $start = time();

	$node->stop('fast');
	cmp_ok(time() - $start, '<', 2 * $SOON, 'fast shutdown');
}
$node->start;
becomes($busy, '1', 'the worker is back after a restart');
is(value(job('a')), 'build running 0', 'a shutdown is no failure');
workers_do('');
$node->stop('immediate');
$node->start;
becomes(job('a'), 'build done 0', 'the work is done after a crash');
is(value(q{SELECT * FROM vectordb.check('a_idx')}), '', 'check finds nothing');

# ---------------------------------------------------------------------------
# Killed at each step
# ---------------------------------------------------------------------------

$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->restart;
foreach my $point ('job-begin', 'build-registered', 'build-run-added',
	'build-written', 'build-logged', 'swap-begin', 'swap-done',
	'retired-chain', 'retired-chained')
{
	my $from = -s $node->logfile;

	workers_do("$point=crash");
	value(q{INSERT INTO a SELECT i, sample_vector(i) FROM generate_series(1, 3000) i;
		SELECT vectordb.flush('a_idx')});
	$node->wait_for_log(qr/vectordb worker.*was terminated by signal 9/, $from);
	is_back($node)
	  or die 'the server does not restart';
	workers_do('');
	becomes(q{SELECT string_agg(DISTINCT state, ' ') FROM vectordb.jobs},
		'done', "killed at $point: the work is done in the end");
	is(value(q{SELECT * FROM vectordb.check('a_idx')}),
		'', "killed at $point: check finds nothing");
	is(value(q{SELECT (SELECT count(*) FROM a) -
			(SELECT sum(row_count) FROM vectordb.segments)}),
		'0', "killed at $point: no row is lost");
}
becomes(q{SELECT (vectordb.index_info('a_idx')).pending}, '0',
	'nothing is left unfinished');

# A worker that is killed alone, with its job under way.
workers_do('job-begin=busy');
new_table('k');
becomes($busy, '1', 'a worker is busy');
kill 9, value(q{SELECT pid FROM pg_stat_activity
	WHERE backend_type = 'vectordb worker' AND state = 'active'});
$node->wait_for_log(qr/all server processes terminated; reinitializing/);
workers_do('') if is_back($node);
becomes(job('k'), 'build done 0', 'a job is run again after the crash');

# ---------------------------------------------------------------------------
# Failing
# ---------------------------------------------------------------------------

workers_do('job-begin=error');
new_table('f');
becomes(job('f'), 'build retry 1 XX000: internal error', 'a job has failed');
becomes(job('f'), 'build failed 3 XX000: internal error', 'three times');
{
	my $from = -s $node->logfile;

	sleep 10;
	unlike(substr(slurp_file($node->logfile), $from), qr/debug point/,
		'then it is left alone');
}
workers_do('');
value(q{SELECT vectordb.resume('f_idx')});
becomes(job('f'), 'build done 0', 'until somebody says so');

# One damaged segment: the others go on.
value(q{ALTER SYSTEM SET vectordb.max_workers = 0; SELECT pg_reload_conf()});
value('DROP TABLE a, f, k');
new_table('bad');
new_table('good');
value('CHECKPOINT');
my $path = $node->data_dir . '/' . value(q{SELECT pg_relation_filepath('bad_idx')});
$node->stop;
open(my $handle, '+<', $path) or die "cannot open $path: $!";
binmode $handle;
# A page of rows, its stamp (src/storage/page.h).
sysseek($handle, 8 * 8192 + 8176, SEEK_SET);
syswrite($handle, "\xff" x 16, 16);
close $handle;
$node->start;
value(q{ALTER SYSTEM SET vectordb.max_workers = 2; SELECT pg_reload_conf()});
becomes(job('good'), 'build done 0', 'the good index is built');
becomes(job('bad'), 'build failed 3 XX002: the index is damaged',
	'the bad one is not, and says why');
new_table('later');
becomes(job('later'), 'build done 0', 'others go on');

unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'no other process has crashed');
$node->stop;
done_testing();
