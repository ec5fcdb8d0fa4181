# Every step in the life of a segment is interrupted by the death of the
# process (as kill -9 does it), the server recovers, and then: no committed
# row is missing, vectordb.check() finds nothing (wrong pages, lost blocks,
# wrong codes), work goes on, and the pending steps are finished.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf(
	'postgresql.conf', qq(
restart_after_crash = on
autovacuum = off
max_parallel_maintenance_workers = 0
));
$node->start;
create_extension($node);
$node->safe_psql(
	'postgres', q{
CREATE FUNCTION mismatches(tab text, nqueries int) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE bad bigint := 0; q vector; a text; b text; stmt text;
BEGIN
  FOR s IN 1 .. nqueries LOOP
	q := sample_vector(s * 1000 + 1);
	stmt := format('SELECT string_agg(d::text, '','') FROM
	  (SELECT v <-> %L AS d FROM %I ORDER BY v <-> %L LIMIT 20) t', q, tab, q);
	SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on;
	EXECUTE stmt INTO a;
	SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off;
	EXECUTE stmt INTO b;
	IF a IS DISTINCT FROM b THEN bad := bad + 1; END IF;
  END LOOP;
  RETURN bad;
END $$;
});

# How often the server has started again after the death of a process.
sub restarts
{
	my @found = slurp_file($node->logfile) =~
	  /all server processes terminated; reinitializing/g;
	return scalar @found;
}

# Run a statement that is expected to die at a debug point; returns whether
# it did.
sub run_dying
{
	my ($point, $sql) = @_;
	my ($stdout, $stderr);
	my $restarts = restarts();
	my $rc = $node->psql('postgres',
		"SET vectordb.debug_points = '$point=crash';\n$sql",
		stdout => \$stdout, stderr => \$stderr);

	return 0 if $rc == 0;

	# The postmaster may take a moment to notice, and still accept sessions.
	for (1 .. 600)
	{
		last if restarts() > $restarts;
		select(undef, undef, undef, 0.1);
	}
	is_back($node)
	  or die 'the server did not come back';
	return $stderr =~ /server closed the connection|terminated abnormally/;
}

sub count_is
{
	my ($expected, $name) = @_;
	is($node->safe_psql('postgres', 'SELECT count(*) FROM t'),
		$expected, "$name: committed rows are there");
}

sub all_well
{
	my ($name) = @_;
	is( $node->safe_psql('postgres',
			q{SELECT * FROM vectordb.check('t_idx')}),
		'', "$name: check finds nothing");
	is($node->safe_psql('postgres', q{SELECT mismatches('t', 5)}),
		'0', "$name: answers are those of the table");
}

# seal_size of 64 kB of raw vectors: 1,024 rows of 16 dimensions.
my $setup = q{
DROP TABLE IF EXISTS t;
CREATE TABLE t (id int PRIMARY KEY, v vector(16));
CREATE INDEX t_idx ON t USING flat (v vector_l2_ops)
  WITH (seal_size = '64kB');
INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(1, 500) i;
};
my $insert = q{INSERT INTO t SELECT i, sample_vector(i)
  FROM generate_series(501, 2600) i};

# Inserting: creation of a growing segment, runs, seal.
for my $point ('growing-run-added', 'seal-closed', 'seal-lanes-closed',
	'seal-done')
{
	$node->safe_psql('postgres', $setup);
	ok(run_dying($point, $insert), "$point: the insert died");
	count_is(500, $point);
	all_well($point);
	$node->safe_psql('postgres', $insert);
	count_is(2600, "$point, again");
	all_well("$point, again");
	$node->safe_psql('postgres', 'VACUUM t');
	all_well("$point, vacuumed");
	is( $node->safe_psql('postgres',
			q{SELECT (vectordb.index_info('t_idx')).pending}),
		'0', "$point: nothing is pending after VACUUM");
}

# The first row of an index.
$node->safe_psql('postgres', $setup . 'TRUNCATE t;');
ok( run_dying('growing-created',
		'INSERT INTO t SELECT 1, sample_vector(1)'),
	'growing-created: the insert died');
all_well('growing-created');
$node->safe_psql('postgres', 'INSERT INTO t SELECT 1, sample_vector(1)');
count_is(1, 'growing-created');
all_well('growing-created, again');

# Reorganising.
for my $point ('build-registered', 'build-run-added', 'build-written',
	'build-logged', 'swap-done', 'retired-chained')
{
	$node->safe_psql('postgres', $setup . $insert);
	ok(run_dying($point, q{SELECT vectordb.build('t_idx')}),
		"$point: the build died");
	count_is(2600, $point);
	all_well($point);
	$node->safe_psql('postgres', 'VACUUM t');
	is( $node->safe_psql('postgres',
			q{SELECT (vectordb.index_info('t_idx')).pending}),
		'0', "$point: nothing is pending after VACUUM");
	all_well("$point, vacuumed");
	$node->safe_psql('postgres', q{SELECT vectordb.build('t_idx')});
	all_well("$point, built");
	is( $node->safe_psql('postgres',
			q{SELECT count(*) FROM vectordb.segments
			  WHERE indexrelid = 't_idx'::regclass AND file_type <> 'sealed/planes'}),
		'0', "$point: everything is reorganised");
}

# VACUUM: retiring segments whose rows are all dead.
for my $point ('swap-done', 'retired-chained')
{
	$node->safe_psql('postgres', $setup . $insert);
	$node->safe_psql('postgres', 'DELETE FROM t WHERE id <= 2400');
	ok(run_dying($point, 'VACUUM t'), "vacuum, $point: VACUUM died");
	count_is(200, "vacuum, $point");
	all_well("vacuum, $point");
	$node->safe_psql('postgres', 'VACUUM t');
	all_well("vacuum, $point, again");

	# Space comes back: after some rounds the index grows no more.
	my @sizes;
	for my $round (1 .. 20)
	{
		$node->safe_psql('postgres', 'DELETE FROM t WHERE id <= 2400');
		$node->safe_psql('postgres', 'VACUUM t');
		$node->safe_psql('postgres',
			q{INSERT INTO t SELECT i, sample_vector(i)
			  FROM generate_series(1, 2400) i});
		push @sizes, $node->safe_psql('postgres',
			q{SELECT pg_relation_size('t_idx')});
	}
	all_well("vacuum, $point, reused");
	is($sizes[19], $sizes[11], "vacuum, $point: freed blocks are used again");
}

# The whole server dies while rows stream in.
$node->safe_psql('postgres', $setup);
for my $round (1 .. 3)
{
	my $first = 3000 + $round * 1000;
	$node->safe_psql('postgres', qq{INSERT INTO t SELECT i, sample_vector(i)
	  FROM generate_series($first, $first + 700) i});
	$node->stop('immediate');
	$node->start;
	all_well("immediate stop $round");
}
count_is(500 + 3 * 701, 'immediate stops');

$node->stop;
done_testing();
