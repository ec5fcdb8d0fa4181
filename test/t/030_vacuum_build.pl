# VACUUM that builds, merges and compacts, where it is told to and no worker
# does: what it does, when it does not, and what becomes of it when it fails or
# is in somebody's way.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run;
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

# VACUUM with the setting on; returns what it says.
sub vacuum
{
	my ($table, %how) = @_;
	my $options = $how{options} || 'PARALLEL 0';
	my $points = $how{points} || '';
	my $err;

	$node->psql('postgres', qq{SET vectordb.vacuum_build = on;
		SET vectordb.debug_points = '$points';
		VACUUM ($options) $table}, stderr => \$err, on_error_stop => 0);
	return $err;
}

# Commands in a session of its own; what it says so far.
my ($out, $err);

sub start
{
	($out, $err) = ('', '');
	return IPC::Run::start([ 'psql', '-XAtq', '-d',
			$node->connstr('postgres'), map { ('-c', $_) } @_ ],
		'<', \undef, '>', \$out, '2>', \$err);
}

# VACUUM, until its job runs.
sub start_vacuum
{
	my ($table) = @_;
	my $session = start('SET vectordb.vacuum_build = on',
		q{SET vectordb.debug_points = 'vacuum-job-begin=busy'},
		"VACUUM (PARALLEL 0) $table", q{SELECT 'goes on'});

	becomes("SELECT state FROM vectordb.jobs
		WHERE indexrelid = '${table}_idx'::regclass AND state = 'running'",
		'running', 'the job of VACUUM is shown');
	return $session;
}

sub add_segment
{
	my ($table) = @_;

	value(qq{INSERT INTO $table
		SELECT i, sample_vector(i) FROM generate_series(1, 3000) i;
		SELECT vectordb.flush('${table}_idx')});
	return;
}

sub new_table
{
	my ($table, $method) = @_;

	$method ||= 'hnsw';
	value(qq{CREATE TABLE $table (id int, v vector(16));
		CREATE INDEX ${table}_idx ON $table
			USING $method (v vector_l2_ops)});
	add_segment($table);
	return;
}

sub segments
{
	my ($table) = @_;

	return value(qq{SELECT string_agg(file_type || ' ' || row_count || ' ' ||
			dead_rows, ', ' ORDER BY file_id)
		FROM vectordb.segments
		WHERE indexrelid = '${table}_idx'::regclass});
}

sub job
{
	my ($table) = @_;

	return value(qq{SELECT string_agg(concat_ws(' ', kind, state, tries,
			last_error), ', ')
		FROM vectordb.jobs WHERE indexrelid = '${table}_idx'::regclass});
}

$node->append_conf('postgresql.conf', q(
shared_preload_libraries = 'vectordb'
restart_after_crash = on
));
$node->start;
create_extension($node);

# What it does.
new_table('a');
value('VACUUM a');
is(segments('a'), 'sealed/rows 3000 0', 'not unless it is told to');
is(vacuum('a', options => 'INDEX_CLEANUP off'), '', 'without index cleanup');
is(segments('a'), 'sealed/rows 3000 0', 'nor then');
is(vacuum('a'), '', 'told to, it says nothing');
is(segments('a'), 'sealed/graph 3000 0', 'but builds');
add_segment('a');
vacuum('a');
is(segments('a'), 'sealed/graph 6000 0', 'and merges');
value('DELETE FROM a WHERE id % 4 = 0');
vacuum('a');
is(segments('a'), 'sealed/graph 4500 0', 'and compacts');
is(value(q{SELECT * FROM vectordb.check('a_idx')}), '', 'check finds nothing');
value(q{INSERT INTO a SELECT i, sample_vector(i) FROM generate_series(1, 17000) i});
vacuum('a');
is(segments('a'), 'sealed/graph 4500 0, sealed/graph 17000 0',
	'a growing segment that is costly to read is sealed');
new_table('p', 'flat');
vacuum('p');
is(segments('p'), 'sealed/planes 3000 0', 'planes of a flat index');

# A temporary table has no worker, ever.
is(value(q{SET vectordb.vacuum_build = on;
	CREATE TEMP TABLE tt (id int, v vector(16));
	CREATE INDEX tt_idx ON tt USING hnsw (v vector_l2_ops);
	INSERT INTO tt SELECT i, sample_vector(i) FROM generate_series(1, 3000) i;
	DO $$ BEGIN PERFORM vectordb.flush('tt_idx'); END $$;
	VACUUM tt;
	SELECT file_type FROM vectordb.index_segments('tt_idx')}),
	'sealed/graph', 'indexes of temporary tables');

# In a parallel VACUUM.
new_table('q');
value(q{CREATE INDEX ON q (id); CREATE INDEX ON q ((id + 1));
	ALTER SYSTEM SET min_parallel_index_scan_size = 0;
	SELECT pg_reload_conf()});
is(vacuum('q', options => 'PARALLEL 2'), '', 'parallel VACUUM');
is(segments('q'), 'sealed/graph 3000 0', 'builds as well');
add_segment('q');
like(vacuum('q', options => 'PARALLEL 2', points => 'vacuum-job-begin=error'),
	qr/ERROR:  debug point/, 'what fails there ends it');
is(job('q'), 'merge pending 0', 'and is not noted');
vacuum('q', options => 'PARALLEL 2');
is(segments('q'), 'sealed/graph 6000 0', 'it is done the next time');
value('ALTER SYSTEM RESET min_parallel_index_scan_size; SELECT pg_reload_conf()');

# Where a worker looks after the index.
value(q{ALTER SYSTEM SET vectordb.max_workers = 1;
	ALTER SYSTEM SET vectordb.max_build_workers = 0;
	SELECT pg_reload_conf()});
new_table('w');
vacuum('w');
is(segments('w'), 'sealed/rows 3000 0', 'what workers look after is theirs');
value('ALTER INDEX w_idx SET (worker = off)');
vacuum('w');
is(segments('w'), 'sealed/graph 3000 0', 'but not where they may not');
value(q{ALTER SYSTEM RESET vectordb.max_workers;
	ALTER SYSTEM RESET vectordb.max_build_workers;
	SELECT pg_reload_conf()});

# Failures.
new_table('f');
foreach my $try (1 .. 3)
{
	like(vacuum('f', points => 'vacuum-job-begin=error'),
		qr/WARNING:  build of index "f_idx" failed: debug point/,
		"it warns, $try");
	is(job('f'), 'build ' . ($try < 3 ? 'retry' : 'failed') .
		" $try XX000: internal error", "and notes it, $try");
	sleep 2**$try + 1 if $try < 3;
}
is(vacuum('f'), '', 'what has failed is left alone');
is(segments('f'), 'sealed/rows 3000 0', 'until something changes');
value('DELETE FROM f WHERE id = 1');
vacuum('f');
is(segments('f'), 'sealed/graph 2999 0', 'such as a dead row');

# In the way, and cancelled.
{
	my $session;
	my $pid;

	new_table('g');
	$session = start_vacuum('g');
	value('CREATE TABLE u (i int); INSERT INTO u SELECT generate_series(1, 100);
		DELETE FROM u');
	$node->psql('postgres', 'VACUUM (VERBOSE) u', stderr => \my $says);
	like($says, qr/100 removed, 0 remain, 0 are dead/,
		'it keeps no VACUUM from removing rows');
	is(value(q{SELECT vectordb.build('g_idx')}), '1', 'it gives way to build()');
	$session->finish;
	is($out . $err, "goes on\n", 'without a word');
	is(job('g'), 'build done 0', 'nothing is left to do');

	new_table('h');
	$session = start_vacuum('h');
	$pid = value(q{SELECT pid FROM pg_stat_progress_vacuum});
	value("SELECT pg_cancel_backend($pid)");
	$session->finish;
	like($err, qr/canceling statement due to user request/, 'it can be cancelled');
	is(job('h'), 'build pending 0', 'which is no failure');
	$session = start_vacuum('h');
	$pid = value(q{SELECT pid FROM pg_stat_progress_vacuum});
	value("SELECT pg_terminate_backend($pid)");
	$session->finish;
	is(job('h'), 'build pending 0', 'nor is being terminated');
	vacuum('h', points => 'vacuum-job-begin=crash');
	is_back($node)
	  or die 'the server does not restart';
	is(job('h'), 'build retry 1 57P02: the server crashed', 'but a crash is');
	becomes(q{SELECT 1 FROM (SELECT pg_sleep(2)) s}, '1', 'after a while');
	vacuum('h');
	is(segments('h'), 'sealed/graph 3000 0', 'it is tried again');
}

# Somebody else rewrites.
{
	my $session;

	new_table('i');
	$session = start(q{SET vectordb.debug_points = 'build-written=busy'},
		q{SELECT vectordb.build('i_idx')});
	becomes(q{SELECT count(*) FROM vectordb.segments
		WHERE indexrelid = 'i_idx'::regclass AND state = 'building'}, '1',
		'a build is under way');
	is(vacuum('i'), '', 'VACUUM waits for no other build');
	is(segments('i') =~ /sealed\/rows 3000/ ? 1 : 0, 1, 'and does none');
	value(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity
		WHERE query LIKE '%vectordb.build%' AND pid <> pg_backend_pid()});
	$session->finish;
	vacuum('i');
	is(segments('i'), 'sealed/graph 3000 0', 'but the next time');
}

# Against wraparound there is no time for it.
new_table('x');
value(q{ALTER SYSTEM SET vectordb.vacuum_build = on;
	ALTER SYSTEM SET autovacuum_naptime = 1;
	ALTER TABLE x SET (autovacuum_freeze_max_age = 100000, autovacuum_enabled = off);
	SELECT pg_reload_conf()});
value(q{DO $$ BEGIN FOR i IN 1 .. 110000 LOOP
	BEGIN PERFORM pg_current_xact_id(); RAISE EXCEPTION 'x';
	EXCEPTION WHEN OTHERS THEN NULL; END;
	END LOOP; END $$});
value('ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf()');
becomes(q{SELECT age(relfrozenxid) < 100000 FROM pg_class WHERE relname = 'x'},
	't', 'autovacuum has prevented a wraparound');
is(segments('x'), 'sealed/rows 3000 0', 'and built nothing');
value(q{ALTER TABLE x SET (autovacuum_freeze_max_age = 100000000,
		autovacuum_enabled = on, autovacuum_vacuum_threshold = 0,
		autovacuum_vacuum_scale_factor = 0);
	DELETE FROM x WHERE id = 1});
becomes(q{SELECT string_agg(file_type || ' ' || row_count, ', ')
	FROM vectordb.segments WHERE indexrelid = 'x_idx'::regclass
	AND state <> 'retired'},
	'sealed/graph 2999', 'another autovacuum does');

unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'no process has crashed by itself');
$node->stop;
done_testing();
