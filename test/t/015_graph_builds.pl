# Builds of graphs that die, are cancelled, lose a worker or find no memory:
# no row is lost, vectordb.check() finds nothing, space comes back.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

# Class of the advisory lock for which a process waits at a debug point.
my $LOCK_CLASS = 7064;

my $node = new_node('main');
$node->append_conf('postgresql.conf', qq(
restart_after_crash = on
maintenance_work_mem = 128MB
min_parallel_table_scan_size = 0
));
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION vectordb;
CREATE FUNCTION sample_vector(seed bigint) RETURNS vector LANGUAGE sql AS $$
  SELECT array_agg(((hashint8extended(seed, i) >> 40) / 8388608.0)::real
				   ORDER BY i)::vector FROM generate_series(1, 16) i $$;
CREATE FUNCTION nearest(by_index bool) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; result text := '';
BEGIN
  PERFORM set_config('enable_seqscan', (NOT by_index)::text, true),
	set_config('enable_indexscan', by_index::text, true),
	set_config('vectordb.target_recall', '1', true);
  FOR s IN 1 .. 5 LOOP
	EXECUTE 'SELECT string_agg(d::text, '' '') FROM
	  (SELECT v <-> $1 AS d FROM t ORDER BY v <-> $1 LIMIT 20) s'
	  INTO answer USING sample_vector(-s);
	result := result || answer || ';';
  END LOOP;
  RETURN result;
END $$;});

my $setup = q{
DROP TABLE IF EXISTS t;
CREATE TABLE t (id int PRIMARY KEY, v vector(16));
INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(1, 3000) i;};
my $create = 'CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops)';
my $more = q{
INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(3001, 6000) i;
DELETE FROM t WHERE id % 7 = 0;
VACUUM t;};
my $build = q{SELECT vectordb.build('t_idx')};

sub restarts
{
	my @found = slurp_file($node->logfile) =~
	  /all server processes terminated; reinitializing/g;
	return scalar @found;
}

# Whether the server went down with the statement.
sub dies
{
	my ($sql) = @_;
	my $restarts = restarts();

	return 0 if $node->psql('postgres', $sql) == 0;
	foreach (1 .. 600)
	{
		last if restarts() > $restarts;
		select(undef, undef, undef, 0.1);
	}
	is_back($node)
	  or die 'the server did not come back';
	return restarts() > $restarts;
}

sub all_well
{
	my ($name) = @_;

	is($node->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
		'', "$name: check finds nothing");
	is($node->safe_psql('postgres', 'SELECT nearest(true)'),
		$node->safe_psql('postgres', 'SELECT nearest(false)'),
		"$name: the index answers as the table does");
	return;
}

sub value
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

my $graphs = q{SELECT count(*) FROM vectordb.segments
  WHERE indexrelid = 't_idx'::regclass AND file_type = 'sealed/graph'};

# ---------------------------------------------------------------------------
# The process dies
# ---------------------------------------------------------------------------

# Points that every build passes, those that one of an index in use alone
# does, and those that one of a new index alone does.
my @points = map { [ $_, 1, 1 ] } 'build-registered', 'build-run-added',
  'build-written', 'build-logged', 'graph-launched', 'graph-laid-out',
  'graph-nodes-written', 'swap-done';
push @points, map { [ $_, 0, 1 ] } 'seal-closed', 'seal-lanes-closed',
  'seal-done', 'retired-chained';
push @points, [ 'graph-sources-forgotten', 1, 0 ];

my $round = 0;
foreach my $case (@points)
{
	my ($point, $in_new, $in_old) = @$case;
	# Without workers there is nothing to be launched.
	my $workers = $round++ % 2 == 0 || $point eq 'graph-launched' ? 2 : 0;
	my $workers_set = "SET max_parallel_maintenance_workers = $workers;";
	my $settings = "$workers_set SET vectordb.debug_points = '$point=crash';";
	my $name = "$point, $workers workers";

	value($setup);
	if ($in_new)
	{
		ok(dies("$settings $create"), "$name: CREATE INDEX died");
		is(value(q{SELECT count(*) FROM pg_class WHERE relname = 't_idx'}),
			'0', "$name: there is no index");
	}
	value("$workers_set $create");
	is(value($graphs), '1', "$name: the index has a graph");
	value($more);
	if ($in_new)
	{
		ok(dies("$settings REINDEX INDEX CONCURRENTLY t_idx;"),
			"$name: REINDEX CONCURRENTLY died");
		is( value(q{SELECT indisvalid, relname FROM pg_class JOIN pg_index
			  ON indexrelid = pg_class.oid WHERE relname ~ '^t_idx'
			  ORDER BY relname}),
			"t|t_idx\nf|t_idx_ccnew",
			"$name: it leaves what the server's own would leave");
		all_well("$name, REINDEX");
		value('DROP INDEX t_idx_ccnew');
	}
	if ($in_old)
	{
		ok(dies("$settings $build"), "$name: the build died");
	}
	is(value('SELECT count(*) FROM t'), '5143', "$name: no row is lost");
	all_well($name);
	value('VACUUM t');
	is(value(q{SELECT (vectordb.index_info('t_idx')).pending}),
		'0', "$name: nothing is pending after VACUUM");
	value("$workers_set $build");
	cmp_ok(value($graphs), '>', 0, "$name: built in the end");
	is( value(q{SELECT count(*) FROM vectordb.segments
		  WHERE indexrelid = 't_idx'::regclass AND file_type <> 'sealed/graph'}),
		'0', "$name: all rows are in graphs");
	all_well("$name, built");
	next if !$in_new;
	value("$workers_set REINDEX INDEX CONCURRENTLY t_idx;");
	is(value($graphs), '1', "$name: built anew");
	all_well("$name, built anew");
}

# What dead builds leave is used again.
my @sizes;
foreach my $try (1 .. 12)
{
	value(q{UPDATE t SET v = sample_vector(id + 1) WHERE id % 2 = 0; VACUUM t});
	dies("SET vectordb.debug_points = 'build-logged=crash'; $build")
	  or die 'the build did not die'
	  if $try % 3 == 0;
	value("VACUUM t; $build");
	value('SELECT txid_current()');
	push @sizes, value(q{SELECT pg_relation_size('t_idx')});
}
cmp_ok($sizes[-1], '<=', 1.2 * $sizes[5], 'space of dead builds is used again')
  or diag("@sizes");
all_well('dead builds');

# ---------------------------------------------------------------------------
# Cancelled, or without a worker
# ---------------------------------------------------------------------------

# Runs the build up to a debug point, where $between meets it.
sub interrupted
{
	my ($name, $sql, $point, $between, $expected) = @_;
	my $holder = $node->background_psql('postgres');
	my ($out, $err) = ('', '');
	my $run;

	$holder->query_safe("SELECT pg_advisory_lock($LOCK_CLASS, 0)");
	$run = IPC::Run::start(
		[ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c',
			"SET max_parallel_maintenance_workers = 2;
			 SET application_name = 'builder';
			 SET vectordb.debug_points = '$point=wait';",
			'-c', $sql ],
		'>', \$out, '2>', \$err);
	$node->poll_query_until('postgres',
		q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted})
	  or die "the build does not reach $point";
	$between->();
	$holder->quit;
	eval { $run->finish };
	like($err, $expected, "$name: the build ends as it should");
	return;
}

my $cancel = sub {
	value(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity
		WHERE application_name = 'builder' AND backend_type = 'client backend'});
};
my $terminate = sub {
	is( value(q{SELECT count(pg_terminate_backend(pid)) > 0
			FROM pg_stat_activity WHERE backend_type = 'parallel worker'}),
		't', 'there are workers');
};
value("$setup $create; $more");
interrupted('cancelled', $build, 'build-registered', $cancel,
	qr/canceling statement due to user request/);
all_well('cancelled');
interrupted('worker terminated', $build, 'build-registered', $terminate,
	qr/terminating|lost connection to parallel worker/);
all_well('worker terminated');
is(value(q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'parallel worker'}), '0', 'no worker is left');
value('DROP INDEX t_idx');
interrupted('CREATE INDEX, cancelled', $create, 'build-logged', $cancel,
	qr/canceling statement due to user request/);
is(value(q{SELECT count(*) FROM pg_class WHERE relname = 't_idx'}),
	'0', 'CREATE INDEX, cancelled: there is no index');

# What the view of progress shows when a graph has been written.
interrupted('progress', $create, 'graph-measured', sub {
		is(value(q{SELECT phase, tuples_done, tuples_total > 0
				FROM pg_stat_progress_create_index}),
			'building index: logging segment|0|t', 'progress');
		$cancel->(); },
	qr/canceling statement due to user request/);

# Workers that are there before the leader wait for it.
interrupted('slow leader', $create, 'graph-launched', sub {
	$node->poll_query_until('postgres',
		q{SELECT count(*) > 0 FROM pg_stat_activity
		  WHERE backend_type = 'parallel worker' AND wait_event_type = 'Extension'})
	  or die 'no worker waits';
}, qr/^$/);
is(value($graphs), '1', 'slow leader: there is a graph');
all_well('slow leader');
value('DROP INDEX t_idx');

# Cancelled at other places each time, until there is time enough.
my $timeout = 1;
my %states;
my $last;
value($create);
value(q{INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(10001, 16000) i});
do
{
	my ($out, $err);

	$node->psql('postgres', "\\set VERBOSITY sqlstate
SET max_parallel_maintenance_workers = 2; SET statement_timeout = ${timeout};
$build", stdout => \$out, stderr => \$err);
	$last = $err =~ /ERROR:  (\w{5})/ ? $1 : $err;
	$states{$last}++;
	is(value(q{SELECT * FROM vectordb.check('t_idx')}),
		'', "$timeout ms: check finds nothing");
	$timeout = int($timeout * 1.6) + 1;
} while ($last ne '' && $timeout < 300000);
is(join(' ', sort keys %states), ' 57014', 'timeouts, and no other error');
value('VACUUM t');
is(value(q{SELECT (vectordb.index_info('t_idx')).pending}),
	'0', 'timeouts: nothing is pending after VACUUM');
all_well('timeouts');

# Maintenance is refused while CREATE INDEX CONCURRENTLY builds.
value('DROP INDEX t_idx');
interrupted('concurrently',
	'CREATE INDEX CONCURRENTLY t_idx ON t USING hnsw (v vector_l2_ops)',
	'build-registered', sub {
		foreach my $function ('build', 'flush', 'check')
		{
			my ($out, $err);

			$node->psql('postgres', "SELECT vectordb.$function('t_idx')",
				stderr => \$err);
			like($err, qr/index "t_idx" is not ready/,
				"vectordb.$function() is refused during a build");
		}
	}, qr/^$/);
all_well('concurrently');

unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'no process has crashed');
$node->stop;

# ---------------------------------------------------------------------------
# No shared memory
# ---------------------------------------------------------------------------

# A limit to the size of files stands for a small /dev/shm.
$node->append_conf('postgresql.conf', "dynamic_shared_memory_type = posix\n");
system_or_bail('bash', '-c',
	"ulimit -f 20000; exec pg_ctl -w -s -D '" . $node->data_dir . "' -l '"
	  . $node->logfile . "' start");
value('DROP INDEX t_idx');
value('TRUNCATE t; INSERT INTO t
	SELECT i, sample_vector(i) FROM generate_series(1, 45000) i');
{
	my $err;

	$node->psql('postgres',
		"SET max_parallel_maintenance_workers = 2; $create", stderr => \$err);
	like($err, qr/NOTICE:  building the graph of index "t_idx" without parallel workers/,
		'little shared memory: no workers');
}
is(value($graphs), '1', 'little shared memory: there is a graph');
all_well('little shared memory');
system_or_bail('pg_ctl', '-w', '-s', '-D', $node->data_dir, 'stop');
done_testing();
