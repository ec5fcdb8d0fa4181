# A query on a standby while the primary gives up segments and uses their
# pages again (rule 19 of the design): it gets the right rows, or an error
# that says so, never a wrong row.  With and without hot_standby_feedback.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', qq(
autovacuum = off
wal_consistency_checking = 'all'
));
$primary->start;
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', qq(
hot_standby_feedback = off
max_standby_streaming_delay = 0
wal_receiver_status_interval = 1s
));
$standby->start;

$primary->safe_psql('postgres', q{
CREATE EXTENSION vectordb;
CREATE TABLE t (id int, v vector(32));
CREATE INDEX t_idx ON t USING flat (v vector_l2_ops)
  WITH (seal_size = '128kB');
});

# Rows whose order is known: id is the rank by distance from the origin.
sub add_rows
{
	my ($first, $last) = @_;
	$primary->safe_psql('postgres', qq{
INSERT INTO t SELECT i, array_fill(i::real, ARRAY[32])::vector
FROM generate_series($first, $last) i;});
}

# Give up segments by rewriting them (no row of the table is removed, so that
# the heap causes no conflict), then write until their pages are used again.
sub retire_and_reuse
{
	my ($first) = @_;
	my $size = $primary->safe_psql('postgres',
		q{SELECT pg_relation_size('t_idx')});
	$primary->safe_psql('postgres', q{SELECT vectordb.build('t_idx')});
	my $free = $primary->safe_psql('postgres',
		q{SELECT (vectordb.index_info('t_idx')).free_size});
	cmp_ok($free, '>', 0, 'the rewrite gave pages back');
	$primary->safe_psql('postgres', 'SELECT pg_current_xact_id()') for 1 .. 3;
	add_rows($first, $first + 2999);
	my $left = $primary->safe_psql('postgres',
		q{SELECT (vectordb.index_info('t_idx')).free_size});
	return $left < $free;
}

my $zero = '[' . join(',', (0) x 32) . ']';

# A session on the standby with an open cursor; fetch() returns its lines.
sub open_cursor
{
	my %session = (in => '', out => '', err => '');
	$session{handle} = IPC::Run::start(
		[ 'psql', '-X', '-A', '-t', '-q', '-d', $standby->connstr('postgres'),
			'-f', '-' ],
		'<', \$session{in}, '>', \$session{out}, '2>', \$session{err},
		IPC::Run::timeout(180));
	$session{in} .= "BEGIN ISOLATION LEVEL REPEATABLE READ;
SET enable_seqscan = off;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> '$zero';
FETCH 5 FROM c;\n\\echo opened\n";
	IPC::Run::pump_nb($session{handle});
	$session{handle}->pump until $session{out} =~ /opened/;
	return \%session;
}

sub fetch_rest
{
	my ($session) = @_;
	$session->{in} .= "FETCH ALL FROM c;\n\\q\n";
	$session->{handle}->finish;
	my @ids = grep { /^\d+$/ } split /\n/, $session->{out};
	return (\@ids, $session->{err});
}

# 1. Without feedback: the conflict record ends the query.
add_rows(1, 3000);
$primary->safe_psql('postgres', q{SELECT vectordb.flush('t_idx')});
$primary->wait_for_catchup($standby);
my $session = open_cursor();
ok(retire_and_reuse(3001), 'pages were used again in spite of the standby');
$primary->wait_for_catchup($standby);
my ($ids, $err) = fetch_rest($session);
if ($err eq '')
{
	is_deeply($ids, [ 1 .. 3000 ], 'no feedback: the cursor got all its rows');
}
else
{
	like($err, qr/conflict with recovery/, 'no feedback: the query was told');
	is_deeply($ids, [ 1 .. scalar(@$ids) ],
		'no feedback: what it got was right');
}
cmp_ok($standby->safe_psql('postgres',
		q{SELECT confl_snapshot FROM pg_stat_database_conflicts
		  WHERE datname = 'postgres'}),
	'>', 0, 'no feedback: the standby saw a snapshot conflict');

# 2. With feedback: the primary waits with the pages.
$standby->append_conf('postgresql.conf', 'hot_standby_feedback = on');
$standby->reload;
$primary->poll_query_until('postgres', q{
SELECT backend_xmin IS NOT NULL FROM pg_stat_replication});
$primary->safe_psql('postgres', q{SELECT vectordb.flush('t_idx')});
$primary->wait_for_catchup($standby);
$session = open_cursor();
# Let the snapshot reach the primary.
my $xmin = $primary->safe_psql('postgres',
	'SELECT backend_xmin FROM pg_stat_replication');
$primary->safe_psql('postgres', 'SELECT pg_current_xact_id()') for 1 .. 3;
sleep 3;
retire_and_reuse(6001);
$primary->wait_for_catchup($standby);
($ids, $err) = fetch_rest($session);
is($err, '', 'feedback: no error');
is_deeply($ids, [ 1 .. 6000 ], 'feedback: the cursor got all its rows');

# 3. Replay is paused while the primary goes on.
$primary->wait_for_catchup($standby);
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$session = open_cursor();
retire_and_reuse(9001);
($ids, $err) = fetch_rest($session);
is($err, '', 'paused: no error');
is_deeply($ids, [ 1 .. 9000 ], 'paused: the cursor got all its rows');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$primary->wait_for_catchup($standby);

# 4. The standby is right, and stays right when it is promoted.
is( $standby->safe_psql('postgres',
		qq{SET enable_seqscan = off;
		   SELECT count(*), min(r - id), max(r - id) FROM
		   (SELECT id, row_number() OVER () AS r FROM
			 (SELECT id FROM t ORDER BY v <-> '$zero') s) u}),
	'12000|0|0', 'the standby answers in exact order');
$standby->promote;
is($standby->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
	'', 'check finds nothing after promotion');
$standby->safe_psql('postgres', qq{
INSERT INTO t VALUES (0, '$zero'); SELECT vectordb.build('t_idx');});
is( $standby->safe_psql('postgres',
		qq{SET enable_seqscan = off;
		   SELECT id FROM t ORDER BY v <-> '$zero' LIMIT 2}),
	"0\n1", 'the promoted server takes rows');
is($standby->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
	'', 'check finds nothing at the end');

my $log = slurp_file($standby->logfile);
unlike($log, qr/inconsistent page/, 'replay made the same pages');

$standby->stop;
$primary->stop;
done_testing();
