# Rows die, and their heap addresses are used again, while the worker rewrites
# the segments that have them (rules 16 and 17 of the design): stopped before it
# looks for deaths, it carries them over; stopped afterwards, VACUUM waits until
# it has published.  New rows and seals meanwhile do not disturb it (rule 24).
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

# Class of the advisory lock for which a process waits at a debug point.
my $LOCK_CLASS = 7064;

my $node = new_node('main');

sub value
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

sub waits_for
{
	my ($what, $sql) = @_;

	$node->poll_query_until('postgres', $sql) or die "no $what";
	return;
}

my $all = q{SELECT count(*), count(DISTINCT id), sum(id) FROM
	(SELECT id FROM t ORDER BY v <-> sample_vector(77)) s};
my $by_index = 'SET enable_seqscan = off; SET enable_sort = off;
	SET vectordb.target_recall = 1;';

$node->append_conf('postgresql.conf', q(
shared_preload_libraries = 'vectordb'
vectordb.max_workers = 2
vectordb.launcher_naptime = 1
vectordb.seal_idle_time = 0
));
$node->start;
create_extension($node);

foreach my $method ('flat', 'hnsw')
{
	foreach my $point ('build-logged', 'swap-begin')
	{
		my $name = "$method, $point";
		my $holder = $node->background_psql('postgres');
		my ($out, $err) = ('', '');
		my $vacuum;

		value(qq{
CREATE TABLE t (id int, v vector(16)) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(1, 4000) i;
CREATE INDEX t_idx ON t USING $method (v vector_l2_ops) WITH (worker = off);
DELETE FROM t WHERE id % 3 = 0});
		value('VACUUM t');
		like(value("$by_index EXPLAIN (COSTS OFF) SELECT id FROM t
			ORDER BY v <-> sample_vector(77)"), qr/Index Scan using t_idx/,
			"$name: the index is used");
		$holder->query_safe("SELECT pg_advisory_lock($LOCK_CLASS, 0)");
		value("ALTER SYSTEM SET vectordb.debug_points = '$point=wait'");
		value('SELECT pg_reload_conf()');
		value(q{SELECT vectordb.resume('t_idx')});
		waits_for('worker', q{SELECT count(*) = 1 FROM pg_locks JOIN pg_stat_activity
			USING (pid) WHERE locktype = 'advisory' AND NOT granted
			  AND backend_type = 'vectordb worker'});
		value('ALTER SYSTEM RESET vectordb.debug_points');
		value('SELECT pg_reload_conf()');

		# The worker compacts; more rows of what it reads die now.
		value('DELETE FROM t WHERE id % 3 = 1');
		$vacuum = IPC::Run::start(
			[ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', 'VACUUM t' ],
			'>', \$out, '2>', \$err, IPC::Run::timeout(180));
		if ($point eq 'swap-begin')
		{
			waits_for('VACUUM that waits', q{SELECT count(*) = 1 FROM pg_locks
				JOIN pg_stat_activity USING (pid)
				WHERE query = 'VACUUM t' AND NOT granted});
			pass("$name: VACUUM waits for what is being published");
		}
		else
		{
			$vacuum->finish;
			value(q{INSERT INTO t SELECT i, sample_vector(i)
				FROM generate_series(5001, 6000) i});
			is(value(q{SELECT count(*) > 500 FROM t WHERE id > 5000
				AND (ctid::text::point)[0] < (SELECT max((ctid::text::point)[0])
					FROM t WHERE id < 4000)}), 't',
				"$name: new rows have the addresses of dead ones");
			value(q{SELECT vectordb.flush('t_idx')});
		}
		$holder->quit;
		$vacuum->finish if $point eq 'swap-begin';
		is($err, '', "$name: VACUUM goes well");
		waits_for('compacted segment', q{SELECT count(*) = 0
			FROM vectordb.index_segments('t_idx') WHERE level = 0
			  AND file_type <> 'sealed/rows'});
		value("SELECT vectordb.pause('t_idx')");
		value(q{INSERT INTO t SELECT i, sample_vector(i)
			FROM generate_series(6001, 8000) i});
		is(value(q{SELECT * FROM vectordb.check('t_idx')}),
			'', "$name: check finds nothing");
		is(value("$by_index $all"), value("SET enable_indexscan = off; $all"),
			"$name: each row is found once");
		value('VACUUM t');
		is(value(q{SELECT sum(row_count - dead_rows) FROM vectordb.index_segments('t_idx')
			WHERE state = 'sealed'}) + value(q{SELECT coalesce(sum(row_count - dead_rows), 0)
			FROM vectordb.index_segments('t_idx') WHERE state = 'growing'}),
			value('SELECT count(*) FROM t'), "$name: all deaths are known");
		value('DROP TABLE t');
	}
}
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:|is damaged|wrong order/,
	'nothing is wrong in the log');
$node->stop;
done_testing();
