# Everything at once: writers, readers that compare with the table, VACUUM,
# workers that seal, build, merge and compact, and a crash in the middle.  The
# table keeps its number of rows, so indexes and workers must keep their size.
#
# VECTORDB_SOAK_SECONDS makes it last; without it, it is short, and sizes are
# not compared.  VECTORDB_SOAK_DATA names a file of rows to take vectors from,
# number and vector as COPY has them; test/bench/soak sets both.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $seconds = $ENV{VECTORDB_SOAK_SECONDS} || 30;
my $data = $ENV{VECTORDB_SOAK_DATA};
my $interval = $seconds >= 300 ? 3 : 1;
my $node = new_node('main');
my @samples;

sub value
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

# Vectors of a file in place of those of sample_vector(); how many dimensions.
sub take_vectors
{
	return 16 if !$data;
	open my $handle, '<', $data or die "cannot open $data: $!";
	my $dims = 1 + (() = <$handle> =~ /,/g);
	close $handle;
	value(qq{
CREATE TABLE sample (id int PRIMARY KEY, v vector($dims));
COPY sample FROM '$data';
ANALYZE sample;});
	my $count = value('SELECT count(*) FROM sample');

	value(qq{
CREATE OR REPLACE FUNCTION sample_vector(seed bigint) RETURNS vector
LANGUAGE sql AS \$\$ SELECT v FROM sample WHERE id = seed % $count \$\$;});
	return $dims;
}

# Sizes of the indexes, rows of the table, memory of the largest worker.
sub sample
{
	my $line = eval {
		value(q{SELECT pg_relation_size('t_graph'), pg_relation_size('t_flat'),
			(SELECT count(*) FROM t), (SELECT string_agg(pid::text, ' ')
				FROM pg_stat_activity WHERE backend_type = 'vectordb worker')})
	};
	my %sample = (memory => 0);

	return if !$line;
	(@sample{qw(t_graph t_flat rows)}, my $pids) = split /\|/, $line;
	foreach my $pid (split / /, $pids || '')
	{
		my $kb = own_memory($pid);

		$sample{memory} = $kb if $kb > $sample{memory};
	}
	push @samples, \%sample;
	return;
}

# Memory of a process that it does not share, in kB; 0 if it has gone.
sub own_memory
{
	my ($pid) = @_;

	open my $handle, '<', "/proc/$pid/status" or return 0;
	my ($kb) = join('', <$handle>) =~ /^RssAnon:\s+(\d+) kB/m;
	close $handle;
	return $kb || 0;
}

sub watch_for
{
	my ($duration) = @_;
	my $end = time + $duration;

	while (time < $end)
	{
		sample();
		sleep $interval;
	}
	return;
}

# The largest of a third of the samples: 0, 1 or 2.
sub largest_of
{
	my ($what, $third) = @_;
	my $n = int(@samples / 3);
	my @values = sort { $a <=> $b }
	  map { $_->{$what} } @samples[ $third * $n .. ($third + 1) * $n - 1 ];

	return $values[-1];
}

# One test: the last third is not above the second one, but for a share.
sub is_level
{
	my ($what, $unit, $share, $spare) = @_;
	my @thirds = map { largest_of($what, $_) } 0 .. 2;

	note("$what, largest of each third: @thirds $unit");
	cmp_ok($thirds[2], '<=', $share * $thirds[1] + $spare,
		"$what is level");
	return;
}

$node->append_conf('postgresql.conf', q(
shared_preload_libraries = 'vectordb'
vectordb.max_workers = 2
vectordb.launcher_naptime = 1
vectordb.seal_idle_time = 2
autovacuum = on
autovacuum_naptime = 1
autovacuum_vacuum_cost_delay = 0
));
$node->start;
create_extension($node);

my $dims = take_vectors();
my ($seal, $seal_flat, $max) = map { $_ * $dims . 'kB' } (16, 8, 32);

value(qq{
CREATE TABLE t (id int, v vector($dims));
CREATE INDEX t_graph ON t USING hnsw (v vector_l2_ops)
	WITH (seal_size = '$seal', compaction_threshold = 0.1);
CREATE INDEX t_flat ON t USING flat (v vector_cosine_ops)
	WITH (seal_size = '$seal_flat', max_segment_size = '$max');
CREATE INDEX t_id ON t (id);
ALTER TABLE t SET (autovacuum_vacuum_threshold = 500,
	autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_insert_threshold = 2000,
	autovacuum_vacuum_insert_scale_factor = 0);
INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(1, 20000) i;});
value(q{
-- The nearest rows, by an index and by the table, under one snapshot.
CREATE FUNCTION compare(q vector) RETURNS void LANGUAGE plpgsql
SET vectordb.target_recall = 1 SET enable_sort = off AS
$$
DECLARE by_index float8[]; by_table float8[]; op text;
BEGIN
	FOREACH op IN ARRAY ARRAY['<->', '<=>'] LOOP
		SET LOCAL enable_seqscan = off;
		EXECUTE format('SELECT array_agg(d) FROM (SELECT v %s $1 AS d FROM t
			ORDER BY v %s $1 LIMIT 20) n', op, op) INTO by_index USING q;
		EXECUTE format('SELECT array_agg(d ORDER BY d) FROM (SELECT d FROM
			(SELECT v %s $1 AS d FROM t OFFSET 0) m ORDER BY d LIMIT 20) n',
			op) INTO by_table USING q;
		IF by_index IS DISTINCT FROM by_table THEN
			RAISE EXCEPTION 'WRONG %: % instead of %', op, by_index, by_table;
		END IF;
	END LOOP;
END $$;});

# As many rows go as come, and two more while VACUUM has last counted many.
my %scripts = (
	write => q{\set i random(1, 1000000)
\set d random(1, 1000000)
INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(:i, :i + 19) i;
UPDATE t SET v = sample_vector(id + 7) WHERE ctid IN
	(SELECT ctid FROM t WHERE id >= :d ORDER BY id LIMIT 10);
DELETE FROM t WHERE ctid IN (SELECT ctid FROM t WHERE id >= :i - 5000 ORDER BY id
	LIMIT (SELECT CASE WHEN reltuples > 20000 THEN 22 ELSE 20 END
		FROM pg_class WHERE oid = 't'::regclass));
},
	read => q{\set q random(1, 1000000)
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT compare(sample_vector(:q));
COMMIT;
});

# Two of each, for so long; what they say must not have the word.
sub load_for
{
	my ($duration, $must_end_well) = @_;
	my @runs;

	foreach my $name (sort keys %scripts)
	{
		my $file = $node->basedir . "/$name.sql";
		my ($out, $err) = ('', '');

		PostgreSQL::Test::Utils::append_to_file($file, $scripts{$name})
		  unless -e $file;
		push @runs, {
			name => $name, out => \$out, err => \$err,
			handle => IPC::Run::start(
				[ 'pgbench', '-n', '-c', 2, '-j', 2, '-T',
					$must_end_well ? $duration : 2 * $duration, '-f', $file,
					$node->connstr('postgres') ],
				'>', \$out, '2>', \$err) };
	}
	watch_for($duration);
	if (!$must_end_well)
	{
		$node->stop('immediate');
		start_again($node);
	}
	foreach my $run (@runs)
	{
		my $well = eval { $run->{handle}->finish };

		ok($well, "$run->{name} ends well") or diag(${ $run->{err} })
		  if $must_end_well;
		unlike(${ $run->{err} }, qr/WRONG|damaged|could not read block/,
			"$run->{name}: nothing is wrong");
		note("$run->{name}: $1") if ${ $run->{out} } =~ /^(tps = .*)/m;
	}
	return;
}

my $half = int($seconds / 2);

load_for($half, 0);
load_for($half, 1);

cmp_ok(value(q{SELECT max(level) FROM vectordb.segments}),
	'>', 1, 'segments have been merged meanwhile');
ok($node->poll_query_until('postgres',
		q{SELECT string_agg(DISTINCT state, ' ') FROM vectordb.jobs}, 'done'),
	'then all is done')
  or diag(value(q{SELECT j, s FROM vectordb.jobs j JOIN vectordb.segments s
		ON s.indexrelid = j.indexrelid AND s.file_id = j.segment
		WHERE j.state <> 'done'}));
foreach my $index ('t_graph', 't_flat')
{
	is(value("SELECT * FROM vectordb.check('$index')"),
		'', "check of $index finds nothing");
}
foreach my $operator ('<->', '<=>')
{
	is(value(qq{SET vectordb.target_recall = 1; SET enable_seqscan = off;
			SET enable_sort = off; SELECT count(*), count(DISTINCT ctid) FROM
			(SELECT ctid FROM t ORDER BY v $operator sample_vector(5)) n}),
		value('SELECT count(*), count(*) FROM t'),
		"the index of $operator has every row");
}
is(value(q{SELECT compare(sample_vector(5))}), '', 'the answers are right');
cmp_ok(value(q{SELECT max(tries) FROM vectordb.jobs}), '==', 0, 'no job has failed');
SKIP:
{
	skip 'sizes are compared in long runs, where /proc has them', 4
	  if $seconds < 60 || !-e '/proc/self/status';
	cmp_ok(largest_of('rows', 2), '<=', 1.2 * largest_of('rows', 1),
		'the table keeps its size');
	is_level($_, 'bytes', 1.3, 0) foreach ('t_graph', 't_flat');
	is_level('memory', 'kB', 1.2, 8192);
	value('REINDEX TABLE t');
	note("fresh, $_: " . value("SELECT pg_relation_size('$_')") . ' bytes')
	  foreach ('t_graph', 't_flat');
}
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:|is damaged/,
	'nothing is wrong in the log');
$node->stop;
done_testing();
