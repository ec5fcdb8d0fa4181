# Two thousand sealed segments: searched right, vacuumed, checked, given up,
# merged and rewritten (rule 15 of the design: the manifest has pages of its
# own, and a change that concerns many of them must not fail).
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vectordb');

# A page of 64 dimensions holds 92 rows, and 1 kB of raw vectors is less: every
# page becomes a segment.
$node->safe_psql(
	'postgres', q{
CREATE TABLE t (id int PRIMARY KEY, v vector(64));
CREATE INDEX t_idx ON t USING flat (v vector_l2_ops) WITH (seal_size = '1kB');
INSERT INTO t SELECT i, array_fill(i::real, ARRAY[64])::vector
FROM generate_series(1, 190000) i;
ANALYZE t;
});

sub segments
{
	return $node->safe_psql('postgres',
		q{SELECT count(*) FROM vectordb.segments
		  WHERE indexrelid = 't_idx'::regclass AND state = 'sealed'});
}

sub nearest_is
{
	my ($id, $expected, $name) = @_;
	is( $node->safe_psql(
			'postgres', qq{
SET enable_seqscan = off;
SELECT string_agg(id::text, ' ') FROM
  (SELECT id FROM t ORDER BY v <-> array_fill($id + 0.1::real, ARRAY[64])::vector
   LIMIT 3) s}),
		$expected, $name);
}

sub all_well
{
	my ($name) = @_;
	is($node->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
		'', "$name: check finds nothing");
}

my $many = segments();
cmp_ok($many, '>', 2000, "$many segments");
nearest_is(100000, '100000 100001 99999', 'many segments are searched');
all_well('many segments');

# Rows die in all of them; the addresses are kept.
$node->safe_psql('postgres', 'DELETE FROM t WHERE id % 5 = 0; VACUUM t;');
cmp_ok(segments(), '>', 1000, 'a fifth dead: segments stay');
nearest_is(100000, '100001 99999 100002', 'dead rows are not returned');
all_well('a fifth dead');

# Half of the segments lose everything, others nearly.
$node->safe_psql('postgres', 'DELETE FROM t WHERE id <= 95000; VACUUM t;');
$node->safe_psql('postgres',
	'DELETE FROM t WHERE id > 150000 AND id % 50 <> 1; VACUUM t;');
cmp_ok(segments(), '<', $many / 2, 'wholly dead segments are given up');
nearest_is(1, '95001 95002 95003', 'the rest is searched');
nearest_is(180000, '180001 179951 180051', 'survivors are searched');
all_well('many dead');

# The space serves new rows, and everything can be reorganised.
my $size = $node->safe_psql('postgres', q{SELECT pg_relation_size('t_idx')});
$node->safe_psql(
	'postgres', q{
INSERT INTO t SELECT i, array_fill(i::real, ARRAY[64])::vector
FROM generate_series(200001, 230000) i});
cmp_ok($node->safe_psql('postgres', q{SELECT pg_relation_size('t_idx')}),
	'<=', $size, 'pages of dead segments are used again');
$node->safe_psql('postgres', q{SELECT vectordb.build('t_idx')});
is( $node->safe_psql(
		'postgres', q{
SELECT count(*) FROM vectordb.segments
WHERE indexrelid = 't_idx'::regclass AND file_type <> 'sealed/planes'}),
	'0', 'all segments are reorganised');
nearest_is(210000, '210000 210001 209999', 'reorganised segments are searched');
all_well('reorganised');

$node->stop;
done_testing();
