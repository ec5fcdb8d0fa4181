# Workers among damaged segments, objects that vanish or change hands, revoked
# rights and settings that make no sense: what fails is named and fails alone,
# nothing else is held up (rules 21, 24 and 25 of the design).
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
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

sub becomes
{
	my ($sql, $expected, $what) = @_;

	ok($node->poll_query_until('postgres', $sql, $expected), $what);
	return;
}

# SQLSTATE of what goes wrong, or nothing.
sub sqlstate
{
	my ($sql) = @_;
	my ($out, $err);

	$node->psql('postgres', "\\set VERBOSITY sqlstate\n$sql;", stdout => \$out,
		stderr => \$err, on_error_stop => 1);
	return $err =~ /ERROR:  (\w{5})/ ? $1 : $err;
}

sub set
{
	my ($setting, $value) = @_;

	value("ALTER SYSTEM SET $setting = $value");
	value('SELECT pg_reload_conf()');
	return;
}

# A table with an index and a segment that waits to be built.
sub new_table
{
	my ($name, $schema) = @_;
	my $table = ($schema ? "$schema." : '') . $name;

	value(qq{
CREATE TABLE $table (id int, v vector(16));
CREATE INDEX ${name}_idx ON $table USING hnsw (v vector_l2_ops);
INSERT INTO $table SELECT i, sample_vector(i) FROM generate_series(1, 3000) i;
SELECT vectordb.flush('${table}_idx')});
	return;
}

my $busy = q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'vectordb worker' AND query LIKE 'vectordb: %'
	  AND state = 'active'};

sub job
{
	my ($index) = @_;

	return qq{SELECT string_agg(DISTINCT concat_ws(' ', state, last_error), ', ')
		FROM vectordb.index_jobs('$index')};
}

$node->append_conf('postgresql.conf', q(
shared_preload_libraries = 'vectordb'
vectordb.max_workers = 2
vectordb.launcher_naptime = 1
vectordb.seal_idle_time = 0
));
$node->start;
create_extension($node);

# ---------------------------------------------------------------------------
# Vanishing, and changing hands, under a running job
# ---------------------------------------------------------------------------

value('CREATE ROLE owner; CREATE ROLE heir; CREATE SCHEMA s;
	GRANT ALL ON SCHEMA s, public TO owner, heir');
set('vectordb.debug_points', q{'job-begin=busy'});
# Rather than for ever, if a job does not give way.
$ENV{PGOPTIONS} = '-c statement_timeout=30s';
foreach my $case (
	[ 'DROP TABLE', 'DROP TABLE s.t' ],
	[ 'TRUNCATE', 'TRUNCATE s.t' ],
	[ 'ALTER TYPE', 'ALTER TABLE s.t ALTER v TYPE vector(16) USING v + v' ],
	[ 'DROP COLUMN', 'ALTER TABLE s.t DROP COLUMN v' ],
	[ 'ALTER INDEX', q{ALTER INDEX s.t_idx SET (seal_size = '8MB')} ],
	[ 'CLUSTER', 'CREATE INDEX t_id ON s.t (id); CLUSTER s.t USING t_id' ],
	[ 'VACUUM FULL', 'VACUUM FULL s.t' ],
	[ 'OWNER TO', 'ALTER TABLE s.t OWNER TO heir' ],
	[ 'RENAME', 'ALTER INDEX s.t_idx RENAME TO u_idx; ALTER TABLE s.t RENAME TO u' ],
	[ 'DROP OWNED', 'DROP OWNED BY owner' ],
	[ 'DROP ROLE', 'REASSIGN OWNED BY owner TO heir; DROP OWNED BY owner; DROP ROLE owner' ],
	[ 'DROP SCHEMA', 'DROP SCHEMA s CASCADE' ])
{
	my ($what, $sql) = @$case;
	my $start;

	new_table('t', 's');
	value('ALTER TABLE s.t OWNER TO owner') if $what =~ /DROP (OWNED|ROLE)/;
	$node->poll_query_until('postgres', $busy, '1') or die 'no worker is busy';
	$start = time();
	# Each statement is a transaction of its own.
	value($_) foreach split /; /, $sql;
	cmp_ok(time() - $start, '<', $SOON, "$what does not wait for a job");
	value('DROP SCHEMA IF EXISTS s CASCADE; CREATE SCHEMA s') if $what ne 'DROP SCHEMA';
	value('GRANT ALL ON SCHEMA s TO owner') if $what !~ /^DROP (ROLE|SCHEMA)/;
}
becomes($busy, '0', 'no worker is busy with what is gone');
delete $ENV{PGOPTIONS};
set('vectordb.debug_points', q{''});

# ---------------------------------------------------------------------------
# Rights
# ---------------------------------------------------------------------------

# The function of an index expression says who calls it, and may only be called
# by its owner's sessions.
value(q{
CREATE ROLE poor;
GRANT CREATE ON SCHEMA public TO poor;
SET ROLE poor;
CREATE FUNCTION trap(v vector) RETURNS vector(16) IMMUTABLE LANGUAGE plpgsql AS
	$$ BEGIN
		RAISE LOG 'called in %', current_setting('application_name');
		RETURN v;
	END $$;
CREATE TABLE p (id int, v vector(16));
CREATE INDEX p_idx ON p USING hnsw ((trap(v)::vector(16)) vector_l2_ops) WITH (worker = off);
INSERT INTO p SELECT i, sample_vector(i) FROM generate_series(1, 4000) i;
SELECT vectordb.flush('p_idx');
DELETE FROM p WHERE id % 3 = 0;
RESET ROLE});
value('VACUUM p');
my $from = -s $node->logfile;
value(q{
REVOKE ALL ON p FROM poor;
REVOKE ALL ON SCHEMA public FROM poor;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON SCHEMA vectordb FROM PUBLIC;
REVOKE ALL ON FUNCTION trap(vector) FROM PUBLIC, poor;
ALTER DATABASE postgres CONNECTION LIMIT 0;
ALTER INDEX p_idx RESET (worker)});
becomes(job('p_idx'), 'done', 'an owner without any right has his index built');
is(value(q{SELECT string_agg(concat_ws(' ', file_type, row_count), ', ')
	FROM vectordb.index_segments('p_idx')}), 'sealed/graph 2667',
	'and compacted');
unlike(substr(slurp_file($node->logfile), $from), qr/called in (?!027)/,
	'no worker evaluates an expression of an index');
is(sqlstate(q{SELECT * FROM vectordb.check('p_idx')}), '42501',
	'check calls it as the owner, who may not');
value('GRANT EXECUTE ON FUNCTION trap(vector) TO poor');
is(value(q{SELECT * FROM vectordb.check('p_idx')}), '', 'check finds nothing');
like(substr(slurp_file($node->logfile), $from), qr/called in 027/,
	'others do');
is(sqlstate(q{SET ROLE poor; SELECT vectordb.pause('p_idx')}), '42501',
	'without rights on the schema nothing is to be had');
value(q{GRANT USAGE ON SCHEMA vectordb, public TO PUBLIC;
	ALTER DATABASE postgres CONNECTION LIMIT -1});
foreach my $function ('build', 'flush', 'optimize', 'compact', 'pause', 'resume')
{
	is(sqlstate("SET ROLE heir; SELECT vectordb.$function('p_idx')"),
		'42501', "$function() is not for those who do not own the index");
}
is(value(q{SELECT string_agg(proname, ' ') FROM pg_proc
	WHERE pronamespace = 'vectordb'::regnamespace AND proparallel <> 'u'
	  AND proname IN ('build', 'flush', 'optimize', 'compact', 'pause', 'resume',
		'check', 'prewarm')}),
	'', 'no function of maintenance runs in a parallel worker');
value('DROP TABLE p');

# ---------------------------------------------------------------------------
# Settings
# ---------------------------------------------------------------------------

foreach my $case (
	[ 'max_workers', '-5' ], [ 'max_workers', q{'many'} ],
	[ 'worker_memory', q{'1PB'} ], [ 'worker_naptime', '0' ],
	[ 'launcher_naptime', q{'-1s'} ], [ 'seal_idle_time', q{'soon'} ],
	[ 'worker_cost_delay', '-1' ], [ 'worker_cost_limit', '0' ],
	[ 'max_build_workers', '-1' ], [ 'max_merge_workers', q{'NaN'} ])
{
	is(sqlstate("ALTER SYSTEM SET vectordb.$case->[0] = $case->[1]"),
		'22023', "$case->[0] = $case->[1] is refused");
}
is(sqlstate('SET vectordb.max_workers = 1'), '55P02',
	'a session does not set the number of workers');
is(sqlstate(q{SET ROLE poor; SET vectordb.debug_points = 'job-begin=crash'}),
	'42501', 'nor does everybody kill processes');

# What the file has is worse; and what a database gives to all its sessions.
append_to_file($node->data_dir . '/postgresql.auto.conf', q(
vectordb.worker_memory = 'much'
vectordb.worker_cost_limit = -7
vectordb.no_such_thing = on
vectordb.debug_points = 'job-begin,=,,crash=,=crash,job-begin=nothing'
));
value(q{ALTER DATABASE postgres SET default_transaction_read_only = on;
	ALTER DATABASE postgres SET default_transaction_isolation = serializable;
	ALTER DATABASE postgres SET statement_timeout = '1ms';
	ALTER DATABASE postgres SET lock_timeout = '1ms';
	ALTER DATABASE postgres SET search_path = nowhere;
	ALTER DATABASE postgres SET enable_indexscan = off;
	ALTER DATABASE postgres SET vectordb.target_recall = 0.5});
$ENV{PGOPTIONS} = '-c default_transaction_read_only=off -c statement_timeout=0'
  . ' -c lock_timeout=0 -c search_path=public -c default_transaction_isolation=read\ committed';
value('SELECT pg_reload_conf()');
$node->wait_for_log(qr/invalid value for parameter "vectordb.worker_memory": "much"/, $from);
new_table('t');
becomes(job('public.t_idx'), 'done', 'work is done under settings that make no sense');
value(q{ALTER DATABASE postgres RESET ALL});
delete $ENV{PGOPTIONS};
value('ALTER SYSTEM RESET ALL');
value('SELECT pg_reload_conf()');
value('DROP TABLE t');

# ---------------------------------------------------------------------------
# Damage
# ---------------------------------------------------------------------------

# Four segments, of which the third is damaged, and an index that cannot even
# be looked at.
value(q{
CREATE TABLE d (id int, v vector(16));
CREATE INDEX d_idx ON d USING flat (v vector_l2_ops) WITH (worker = off)});
value(qq{INSERT INTO d SELECT i, sample_vector(i)
	FROM generate_series(3000 * $_ + 1, 3000 * $_ + 3000) i;
	SELECT vectordb.flush('d_idx')}) foreach 0 .. 3;
value(q{CREATE TABLE m (LIKE d); CREATE INDEX m_idx ON m USING flat (v vector_l2_ops);
	INSERT INTO m SELECT * FROM d LIMIT 2000; SELECT vectordb.flush('m_idx');
	CHECKPOINT});
my ($bad) = (split /\n/, value(
	q{SELECT file_id FROM vectordb.index_segments('d_idx') ORDER BY 1}))[2];
my %paths = map { $_ => $node->data_dir . '/' . value("SELECT pg_relation_filepath('$_')") }
  'd_idx', 'm_idx';
$node->stop;

sub scribble
{
	my ($path, $offset) = @_;

	open(my $handle, '+<:raw', $path) or die "cannot open $path: $!";
	sysseek($handle, $offset, SEEK_SET);
	syswrite($handle, "\xff" x 8, 8);
	close $handle;
	return;
}

# The first page of rows with that segment's number in its stamp
# (src/storage/page.h).
{
	my $content = slurp_file($paths{d_idx});
	my @pages = grep {
		my ($segment, $kind, $id) = unpack 'V x4 v x4 v', substr($content, $_ * 8192 + 8176, 16);

		$segment == $bad && $kind == 5 && $id == 0xFD17;
	} 0 .. length($content) / 8192 - 1;

	cmp_ok(scalar @pages, '>', 3, 'the segment has pages');
	scribble($paths{d_idx}, $pages[2] * 8192 + 8176);
	scribble($paths{m_idx}, 24);
}
$from = -s $node->logfile;
$node->start;
value(q{SELECT vectordb.resume('d_idx')});
becomes(q{SELECT string_agg(concat_ws(' ', segment, state, tries, last_error), ', ')
	FROM vectordb.index_jobs('d_idx') WHERE state <> 'done'},
	"$bad failed 3 XX002: the index is damaged",
	'the damaged segment fails, and is named');
becomes(qq{SELECT string_agg(concat_ws(' ', file_type, row_count), ', ' ORDER BY row_count DESC)
	FROM vectordb.index_segments('d_idx') WHERE file_id <> $bad},
	'sealed/planes 9000', 'the others are merged without it');
is(value(qq{SELECT concat_ws(' ', file_type, row_count)
	FROM vectordb.index_segments('d_idx') WHERE file_id = $bad}),
	'sealed/rows 3000', 'it is there as it was');
is(sqlstate(q{SET enable_seqscan = off; SET enable_sort = off;
	SELECT id FROM d ORDER BY v <-> sample_vector(1)}),
	'XX002', 'a search that meets the damage says so');
like(value(q{SELECT string_agg(problem, ', ') FROM vectordb.check('d_idx')}),
	qr/./, 'so does check');
new_table('good');
becomes(job('good_idx'), 'done', 'another index is built');
{
	my @lines = substr(slurp_file($node->logfile), $from) =~
	  /(looking for work in the index)/g;

	cmp_ok(scalar @lines, '>', 0, 'an index that cannot be looked at is logged');
	cmp_ok(scalar @lines, '<', 30, 'not too often');
}
value('REINDEX INDEX d_idx; REINDEX INDEX m_idx');
foreach my $index ('d_idx', 'm_idx')
{
	becomes(job($index), 'done', "$index: REINDEX mends it");
	is(value("SELECT * FROM vectordb.check('$index')"), '',
		"$index: check finds nothing");
}

# ---------------------------------------------------------------------------
# No process to spare
# ---------------------------------------------------------------------------

# The launcher has the only one.
$node->append_conf('postgresql.conf', q(
max_worker_processes = 1
max_logical_replication_workers = 0
));
$node->restart;
{
	my $err;

	$node->psql('postgres', q{
CREATE TABLE n (id int, v vector(16));
CREATE INDEX n_idx ON n USING hnsw (v vector_l2_ops);
INSERT INTO n SELECT i, sample_vector(i) FROM generate_series(1, 3000) i;
SELECT vectordb.flush('n_idx')}, stderr => \$err);
	$node->psql('postgres', 'VACUUM n', stderr => \$err) if $err eq '';
	is($err, '', 'no process to spare: nobody is told');
}
is(value(job('n_idx')), 'pending', 'no process to spare: the work waits');
is(value(q{SET enable_seqscan = off; SELECT id FROM n ORDER BY v <-> sample_vector(9) LIMIT 1}),
	'9', 'no process to spare: searches go on');
$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
$node->restart;
becomes(job('n_idx'), 'done', 'it is done when there is one');

unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:|terminated by signal/,
	'no process has crashed');
$node->stop;
done_testing();
