# Queries on a standby while the primary's worker, and vectordb.optimize(),
# retire the segments that they read and the pages are used again (rule 19 of
# the design): the right rows, or error 40001, never a wrong row.  With and
# without feedback, with replay that waits, does not wait, is paused and is
# resumed in the middle; flat and hnsw; open cursors and running statements.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $nrows = 3000;
my @tables = ('flat', 'hnsw');
my $primary = new_node('primary', allows_streaming => 1);
my $standby = PostgreSQL::Test::Cluster->new('standby');
my $name;

sub value
{
	my ($sql) = @_;

	return $primary->safe_psql('postgres', $sql);
}

# For each table, whose name stands for "<t>".
sub values_of
{
	my ($sql) = @_;

	return map { value($sql =~ s/<t>/$_/gr) } @tables;
}

$primary->append_conf('postgresql.conf', q(
shared_preload_libraries = 'vectordb'
vectordb.max_workers = 2
vectordb.seal_idle_time = 0
vectordb.launcher_naptime = 1
wal_keep_size = 512MB
));
$primary->start;
$primary->backup('base');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "wal_receiver_status_interval = 1s\n");
$standby->start;

# The id of a row is its rank by distance from the origin.  waits() stops a
# statement while the lock is held.
value(q{
CREATE EXTENSION vectordb;
CREATE FUNCTION place(id int, step int) RETURNS vector IMMUTABLE LANGUAGE sql AS
	$$ SELECT array_fill((id + step / 100.0)::real, ARRAY[32])::vector $$;
CREATE FUNCTION waits(id int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN IF id = 5 THEN PERFORM pg_advisory_lock_shared(7); END IF;
		RETURN id; END $$;});

# ---------------------------------------------------------------------------
# The primary
# ---------------------------------------------------------------------------

sub free_size
{
	my ($table) = @_;

	return value("SELECT (vectordb.index_info('${table}_idx')).free_size");
}

# New tables, in whose indexes every second row has moved to a segment of its
# own; the others are left in one that is half dead.  All that VACUUM does has
# been replayed before a session of the standby begins.
sub prepare
{
	values_of(qq{
DROP TABLE IF EXISTS <t>;
CREATE TABLE <t> (id int, v vector(32));
INSERT INTO <t> SELECT i, place(i, 0) FROM generate_series(1, $nrows) i;
CREATE INDEX <t>_idx ON <t> USING <t> (v vector_l2_ops) WITH (worker = off);
UPDATE <t> SET v = place(id, 1) WHERE id % 2 = 0;
SELECT vectordb.flush('<t>_idx')});
	foreach my $table (@tables)
	{
		# While a snapshot of the standby is known, VACUUM keeps dead rows.
		foreach my $try (1 .. 600)
		{
			value("VACUUM $table");
			last if value("SELECT sum(dead_rows) = $nrows / 2
				FROM vectordb.index_segments('${table}_idx')") eq 't';
			select(undef, undef, undef, 0.1);
		}
	}
	$primary->wait_for_catchup($standby);
	return;
}

# Replace the segments; no row of the table is removed, so that the table
# causes no conflict.  Then write, until pages of theirs are used again.
# Returns the tables in which they are.
sub replace
{
	my ($how) = @_;
	my %spare = map { $_ => free_size($_) } @tables;
	my @reused;

	values_of(q{SELECT vectordb.optimize('<t>_idx')}) if $how eq 'optimize';
	values_of(q{SELECT vectordb.resume('<t>_idx')}) if $how eq 'worker';
	foreach my $table (@tables)
	{
		my $retired;

		$primary->poll_query_until('postgres', qq{SELECT sum(dead_rows) = 0
			FROM vectordb.index_segments('${table}_idx')})
		  or die "$how does not compact $table";
		value("SELECT vectordb.pause('${table}_idx')");
		$retired = free_size($table) - $spare{$table};
		die "no segment of $table was retired" if $retired <= 0;
		foreach my $try (1 .. 20)
		{
			value(qq{INSERT INTO $table SELECT i, place(i, 0) FROM
				generate_series(1000 * $try + $nrows - 999, 1000 * $try + $nrows) i});
			next if free_size($table) >= $retired;
			push @reused, $table;
			last;
		}
	}
	return @reused;
}

# ---------------------------------------------------------------------------
# The standby
# ---------------------------------------------------------------------------

my $holder;

sub configure
{
	my ($feedback, $delay) = @_;

	$standby->append_conf('postgresql.conf', "hot_standby_feedback = $feedback
max_standby_streaming_delay = $delay\n");
	$standby->reload;
	$primary->poll_query_until('postgres', q{SELECT backend_xmin IS }
		  . ($feedback eq 'on' ? 'NOT NULL' : 'NULL')
		  . ' FROM pg_stat_replication')
	  or die 'feedback does not come';
	return;
}

sub open_session
{
	my ($table, $kind) = @_;
	my %session = (table => $table, kind => $kind, in => '', out => '', err => '');
	my $recall = $kind eq 'walk' ? 'DEFAULT' : '1';
	my $query = "FROM $table ORDER BY v <-> place(0, 0)";

	$session{handle} = IPC::Run::start(
		[ 'psql', '-X', '-A', '-t', '-q', '-d', $standby->connstr('postgres'),
			'-f', '-' ],
		'<', \$session{in}, '>', \$session{out}, '2>', \$session{err},
		IPC::Run::timeout(180));
	$session{in} .= "\\set VERBOSITY verbose
SET enable_seqscan = off; SET enable_sort = off;
SET vectordb.target_recall = $recall;
EXPLAIN (COSTS OFF) SELECT id $query;
BEGIN ISOLATION LEVEL REPEATABLE READ;\n";
	if ($kind eq 'cursor')
	{
		$session{in} .= "DECLARE c CURSOR FOR SELECT id $query;
FETCH 5 FROM c;\n\\echo opened\n";
		$session{handle}->pump until $session{out} =~ /opened/;
	}
	else
	{
		$session{in} .= "SELECT waits(id) $query;\nCOMMIT;\n\\q\n";
		$session{handle}->pump_nb;
	}
	return \%session;
}

# An open cursor and a statement that has begun, for each table.
sub open_sessions
{
	my @sessions;

	$holder = $standby->background_psql('postgres');
	$holder->query_safe('SELECT pg_advisory_lock(7)');
	@sessions = map { (open_session($_, 'cursor'), open_session($_, 'statement')) }
	  @tables;
	push @sessions, open_session('hnsw', 'walk');
	$standby->poll_query_until('postgres', q{SELECT count(*) = 3 FROM pg_locks
		WHERE locktype = 'advisory' AND NOT granted})
	  or die 'the statements do not begin';
	return @sessions;
}

# Some rows more, from each cursor.
sub go_on
{
	foreach my $session (grep { $_->{kind} eq 'cursor' } @_)
	{
		$session->{in} .= "FETCH 100 FROM c;\n\\echo more\n";
		$session->{handle}->pump until $session->{out} =~ /more/;
	}
	return;
}

# One test for each session; returns how many were told to try again.
sub close_sessions
{
	my ($may_fail, @sessions) = @_;
	my $nfailed = 0;

	$holder->quit;
	foreach my $session (@sessions)
	{
		my $what = "$name: $session->{table}, $session->{kind}";
		my @ids;
		my $last = 0;
		my $nwrong;

		$session->{in} .= "FETCH ALL FROM c;\nCOMMIT;\n\\q\n"
		  if $session->{kind} eq 'cursor';
		# An error is told from what it has said.
		eval { $session->{handle}->finish };
		like($session->{out}, qr/Index Scan using $session->{table}_idx/,
			"$what: it reads the index");
		@ids = grep { /^\d+$/ } split /\n/, $session->{out};
		$nwrong = grep { my $wrong = $_ <= $last || $_ > $nrows; $last = $_; $wrong } @ids;
		if ($may_fail && $session->{err} ne '')
		{
			$nfailed++;
			like($session->{err}, qr/\A(psql:\S+ )?(ERROR|FATAL):  40001: /,
				"$what: told to try again");
			$nwrong++ if $session->{kind} eq 'cursor' && @ids != $last;
			is($nwrong, 0, "$what: until then the rows were right");
			next;
		}
		is($session->{err}, '', "$what: no error");
		if ($session->{kind} eq 'walk')
		{
			ok($nwrong == 0 && @ids >= 0.95 * $nrows, "$what: right rows")
			  or diag(scalar(@ids) . ' rows');
		}
		else
		{
			ok($nwrong == 0 && @ids == $nrows, "$what: all rows in order")
			  or diag(scalar(@ids) . " rows, $nwrong wrong");
		}
	}
	return $nfailed;
}

sub conflicts
{
	return $standby->safe_psql('postgres', q{SELECT confl_snapshot
		FROM pg_stat_database_conflicts WHERE datname = 'postgres'});
}

# One test: reading by index, the standby has what the table has.
sub standby_is_right
{
	$primary->wait_for_catchup($standby);
	foreach my $table (@tables)
	{
		is($standby->safe_psql('postgres', qq{
SET enable_seqscan = off; SET enable_sort = off; SET vectordb.target_recall = 1;
SELECT count(*), count(*) FILTER (WHERE r <> id) FROM
	(SELECT id, row_number() OVER () AS r FROM
		(SELECT id FROM $table ORDER BY v <-> place(0, 0)) s) u}),
			value("SELECT count(*) FROM $table") . '|0', "$name: $table: the standby is right afterwards");
	}
	return;
}

# Segments are replaced while sessions read them.
foreach my $case (
	[ 'worker', 'off', '100ms' ], [ 'optimize', 'off', '100ms' ],
	[ 'optimize', 'off', '-1' ], [ 'worker', 'on', '100ms' ],
	[ 'optimize', 'on', '-1' ])
{
	my ($how, $feedback, $delay) = @$case;
	my $may_fail = $feedback eq 'off' && $delay ne '-1';
	my $conflicts = conflicts();
	my @sessions;
	my $nfailed;

	$name = "$how, feedback $feedback, delay $delay";
	configure($feedback, $delay);
	prepare();
	@sessions = open_sessions();
	if ($feedback eq 'on')
	{
		# Until the primary knows of these snapshots.
		my $next = $standby->safe_psql('postgres',
			'SELECT pg_snapshot_xmin(pg_current_snapshot())');

		value('SELECT pg_current_xact_id()') foreach 1 .. 3;
		$primary->poll_query_until('postgres',
			"SELECT backend_xmin = '$next'::xid FROM pg_stat_replication")
		  or die 'the snapshots are not heard of';
	}
	is(join(' ', replace($how)), $feedback eq 'off' ? 'flat hnsw' : '',
		"$name: pages are used again " . ($feedback eq 'off' ?
			'in spite of the standby' : 'only when the standby is done'));
	$primary->wait_for_catchup($standby) if $delay ne '-1';
	go_on(@sessions) if $delay eq '-1' || $feedback eq 'on';
	$nfailed = close_sessions($may_fail, @sessions);
	if ($may_fail)
	{
		cmp_ok($nfailed, '>', 0, "$name: somebody was told");
		cmp_ok(conflicts(), '>', $conflicts, "$name: the server counts conflicts");
	}
	else
	{
		is(conflicts(), $conflicts, "$name: no conflict");
	}
	standby_is_right();
}

# Replay is paused and resumed in the middle of the reading.
foreach my $case (
	[ 'worker', 'off', '100ms', 'before' ], [ 'optimize', 'off', '-1', 'before' ],
	[ 'optimize', 'off', '100ms', 'after' ], [ 'optimize', 'on', '100ms', 'after' ])
{
	my ($how, $feedback, $delay, $when) = @$case;
	my $may_fail = $feedback eq 'off' && $delay ne '-1';
	my @sessions;

	$name = "replay paused, feedback $feedback, delay $delay, opened $when";
	configure($feedback, $delay);
	prepare();
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	$standby->poll_query_until('postgres',
		q{SELECT pg_get_wal_replay_pause_state() = 'paused'});
	@sessions = open_sessions() if $when eq 'before';
	# The primary knows of what is paused, too.
	is(join(' ', replace($how)), $feedback eq 'off' ? 'flat hnsw' : '',
		"$name: pages are used again as feedback says");
	@sessions = open_sessions() if $when eq 'after';
	go_on(@sessions);
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	$primary->wait_for_catchup($standby) if $delay ne '-1';
	close_sessions($may_fail, @sessions);
	standby_is_right();
}

$primary->stop;
$standby->promote;
foreach my $table (@tables)
{
	is($standby->safe_psql('postgres', "SELECT * FROM vectordb.check('${table}_idx')"),
		'', "$table: check finds nothing after promotion");
}
unlike(slurp_file($standby->logfile), qr/inconsistent page|TRAP:|PANIC:|is damaged|wrong order/,
	'nothing is wrong in the log of the standby');
unlike(slurp_file($primary->logfile), qr/TRAP:|PANIC:|is damaged|wrong order/,
	'nor in that of the primary');
$standby->stop;
done_testing();
