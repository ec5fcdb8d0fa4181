# Everything at once: writers, readers that compare with the table, VACUUM,
# workers that seal, build, merge and compact, and a crash in the middle.
#
# VECTORDB_SOAK_SECONDS makes it last; without it, it is short.
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
my $node = new_node('main');

sub value
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
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
value(q{
CREATE TABLE t (id int, v vector(16));
CREATE INDEX t_graph ON t USING hnsw (v vector_l2_ops)
	WITH (seal_size = '256kB', compaction_threshold = 0.1);
CREATE INDEX t_flat ON t USING flat (v vector_cosine_ops)
	WITH (seal_size = '128kB', max_segment_size = '512kB');
CREATE INDEX t_id ON t (id);
ALTER TABLE t SET (autovacuum_vacuum_threshold = 500,
	autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_insert_threshold = 2000,
	autovacuum_vacuum_insert_scale_factor = 0);
INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(1, 20000) i;

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

my %scripts = (
	write => q{\set i random(1, 1000000)
\set d random(1, 40000)
INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(:i, :i + 19) i;
UPDATE t SET v = sample_vector(id + 7) WHERE id BETWEEN :d AND :d + 9;
DELETE FROM t WHERE ctid IN (SELECT ctid FROM t WHERE id >= :i - 5000 LIMIT 15);
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
				[ 'pgbench', '-n', '-c', 2, '-j', 2, '-T', $duration, '-f',
					$file, $node->connstr('postgres') ],
				'>', \$out, '2>', \$err) };
	}
	if (!$must_end_well)
	{
		sleep $duration / 2;
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
	}
	return;
}

load_for($seconds / 3, 1);
load_for($seconds / 3, 0);
load_for($seconds / 3, 1);

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
is(value(q{SELECT compare(sample_vector(5))}), '', 'the answers are right');
cmp_ok(value(q{SELECT max(tries) FROM vectordb.jobs}), '==', 0, 'no job has failed');
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:|is damaged/,
	'nothing is wrong in the log');
$node->stop;
done_testing();
