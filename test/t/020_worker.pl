# What maintenance workers do by themselves, with the library preloaded and
# without: segments are sealed, built, merged and compacted.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $node;
my $name;

sub value
{
	my ($sql, $database) = @_;

	return $node->safe_psql($database || 'postgres', $sql);
}

# One test: the query becomes what is expected.
sub becomes
{
	my ($sql, $expected, $what) = @_;

	ok($node->poll_query_until('postgres', $sql, $expected),
		"$name: $what");
	return;
}

# Two tests: the index is sound, and answers as the table does.
sub all_well
{
	my ($what) = @_;
	my $nearest = q{SELECT string_agg(d::text, ' ' ORDER BY d) FROM
		(SELECT v <-> sample_vector(77) AS d FROM t
		 ORDER BY v <-> sample_vector(77) LIMIT 50) n};

	is(value(q{SELECT * FROM vectordb.check('t_idx')}),
		'', "$name: $what: check finds nothing");
	is(value("SET enable_seqscan = off; SET vectordb.target_recall = 1; $nearest"),
		value("SET enable_indexscan = off; $nearest"),
		"$name: $what: the index answers as the table does");
	return;
}

my $states = q{SELECT string_agg(DISTINCT state, ' ' ORDER BY state)
	FROM vectordb.jobs WHERE indexrelid = 't_idx'::regclass};
# How many live rows are in segments of each kind.
my $segments = q{SELECT string_agg(file_type || ' ' || live, ', '
		ORDER BY file_type)
	FROM (SELECT file_type, sum(row_count - dead_rows) AS live
		FROM vectordb.segments WHERE indexrelid = 't_idx'::regclass
		GROUP BY file_type) kinds};
my $rows = q{SELECT concat_ws(' ', sum(row_count), sum(dead_rows))
	FROM vectordb.segments WHERE indexrelid = 't_idx'::regclass};
my $workers = q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'vectordb worker'};

foreach my $preload ('', 'vectordb')
{
	$name = $preload ? 'preloaded' : 'not preloaded';
	$node = new_node($preload ? 'preloaded' : 'plain');
	$node->append_conf('postgresql.conf', qq(
shared_preload_libraries = '$preload'
vectordb.max_workers = 2
vectordb.seal_idle_time = 2
vectordb.launcher_naptime = 3
));
	$node->start;
	create_extension($node);
	value(q{
CREATE TABLE t (id int, v vector(16));
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops)
	WITH (seal_size = '512kB')});

	# 8,192 rows are a segment.
	value('INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(1, 20000) i');
	becomes($segments, 'sealed/graph 20000', 'rows are sealed, built and merged');
	is(value($states), 'done', "$name: nothing is left to be done");
	all_well('loaded');
	becomes($workers, '0', 'the worker leaves when there is nothing to do');

	value('DELETE FROM t WHERE id % 4 = 0; VACUUM t');
	becomes($rows, '15000 0', 'dead rows are left out');
	all_well('compacted');

	# Not by workers now.
	value(q{SELECT vectordb.pause('t_idx');
		INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(20001, 23000) i;
		SELECT vectordb.flush('t_idx')});
	sleep 8;
	is(value($segments), 'sealed/graph 15000, sealed/rows 3000',
		"$name: an index that is paused is left alone");
	is(value($states), 'done pending', "$name: but its work is shown");
	value(q{SELECT vectordb.resume('t_idx')});
	becomes($segments, 'sealed/graph 18000',
		'and done when it is resumed');
	is(value(q{SELECT vectordb.optimize('t_idx')}),
		'1', "$name: optimize writes one segment");
	is(value(q{SELECT count(*) FROM vectordb.segments}),
		'1', "$name: of all rows");
	value('DELETE FROM t WHERE id % 10 = 1; VACUUM t');
	is(value(q{SELECT vectordb.compact('t_idx')}),
		'1', "$name: compact writes a segment");
	is(value($rows), '15700 0', "$name: without dead rows");
	all_well('optimized');

	# Graphs later.
	value(q{DROP INDEX t_idx; CREATE INDEX t_idx ON t
		USING hnsw (v vector_l2_ops) WITH (build = async)});
	like(value($segments), qr/sealed\/planes 15700/,
		"$name: an asynchronous build returns before there are graphs");
	becomes($segments, 'sealed/graph 15700', 'which are built then');
	all_well('asynchronous');

	# Valid long after it was built: not before an old snapshot is gone.
	value('DROP INDEX t_idx');
	{
		my $reader = IPC::Run::start([ 'psql', '-XAtq', '-d',
				$node->connstr('postgres'), '-c',
				'BEGIN ISOLATION LEVEL REPEATABLE READ;
				SELECT 1; SELECT pg_sleep(4)' ], '<', \undef, '>', \my $out);

		becomes(q{SELECT count(*) FROM pg_stat_activity
			WHERE query LIKE '%pg_sleep(4)' AND backend_xmin IS NOT NULL}, '1',
			'there is an old snapshot');
		value(q{CREATE INDEX CONCURRENTLY t_idx ON t
			USING hnsw (v vector_l2_ops) WITH (build = async)});
		$reader->finish;
	}
	becomes($segments, 'sealed/graph 15700',
		'graphs of CREATE INDEX CONCURRENTLY');
	value('REINDEX INDEX CONCURRENTLY t_idx');
	becomes($segments, 'sealed/graph 15700',
		'graphs of REINDEX CONCURRENTLY');
	all_well('concurrently');

	# In a transaction that nobody else can see.
	value(q{BEGIN; CREATE TABLE u (id int, v vector(16));
		CREATE INDEX u_idx ON u USING flat (v vector_l2_ops)
			WITH (seal_size = '512kB');
		INSERT INTO u SELECT id, v FROM t;
		SELECT pg_sleep(2);
		COMMIT});
	becomes(q{SELECT string_agg(DISTINCT file_type, ' ') FROM vectordb.segments
		WHERE indexrelid = 'u_idx'::regclass},
		'sealed/planes', 'an index is taken care of once it is committed');

	# Not idle and not full, but worth it.
	value('ALTER SYSTEM SET vectordb.seal_idle_time = 3600');
	value('SELECT pg_reload_conf()');
	value(q{CREATE TABLE w (id int, v vector(16));
		CREATE INDEX w_idx ON w USING hnsw (v vector_l2_ops);
		INSERT INTO w SELECT i, sample_vector(i) FROM generate_series(1, 17000) i});
	becomes(q{SELECT string_agg(file_type || row_count, ' ') FROM vectordb.segments
		WHERE indexrelid = 'w_idx'::regclass},
		'sealed/graph17000', 'a large growing segment does not wait until it is full');
	value('INSERT INTO w SELECT i, sample_vector(i) FROM generate_series(1, 2000) i');
	{
		my $jobs = q{SELECT string_agg(concat_ws(' ', j.kind, j.state, s.state),
				', ' ORDER BY j.kind)
			FROM vectordb.jobs j JOIN vectordb.segments s
			ON s.indexrelid = j.indexrelid AND s.file_id = j.segment
			WHERE j.indexrelid = 'w_idx'::regclass};

		is(value($jobs), 'build done sealed, seal pending growing',
			"$name: a segment that will be sealed is shown");
		value(q{SELECT vectordb.pause('w_idx')});
		is(value($jobs), 'build done sealed', "$name: unless nobody does");
		value(q{SELECT vectordb.resume('w_idx')});
	}
	value('ALTER SYSTEM RESET vectordb.seal_idle_time');
	value('SELECT pg_reload_conf()');

	# Settings of hnsw belong to whoever needs them first, preloaded or not.
	is(value(q{SET hnsw.ef_search = 77;
			SELECT count(*) FROM (SELECT id FROM t
				ORDER BY v <-> sample_vector(1) LIMIT 1) s;
			SHOW hnsw.ef_search}), "1\n77", "$name: a setting from before is kept");
	{
		my $err;

		$node->psql('postgres', q{SELECT count(*) FROM (SELECT id FROM t
			ORDER BY v <-> sample_vector(1) LIMIT 1) s;
			SET hnsw.ef_search = 5000}, stderr => \$err);
		like($err, qr/outside the valid range/, "$name: then it is checked");
		$node->psql('postgres', 'SHOW hnsw.ef_search', stderr => \$err);
		like($err, qr/unrecognized configuration parameter/,
			"$name: until then another library may define it");
	}

	# The owner, not everybody.
	value('CREATE ROLE somebody');
	foreach my $function ('pause', 'resume', 'optimize', 'compact', 'prewarm')
	{
		my $err;

		$node->psql('postgres', "SET ROLE somebody; SELECT vectordb.$function('t_idx')",
			stderr => \$err);
		like($err, qr/must be owner of|permission denied for table t/,
			"$name: $function() is not for everybody");
	}
	is(value('SET ROLE somebody; SELECT count(*) FROM vectordb.jobs'),
		'0', "$name: nor are jobs");
	cmp_ok(value(q{SELECT vectordb.prewarm('t_idx')}), '>', 100,
		"$name: prewarm reads the index");
	becomes($workers, '0', 'the worker leaves in the end');
	unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:|ERROR:.*vectordb|FATAL/,
		"$name: no worker has failed");
	$node->stop;
}
done_testing();
