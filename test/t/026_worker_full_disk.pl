# The disk is full while the worker merges, or builds a graph: the job fails
# and says why, the old segments serve, what was taken is given back however
# often it is tried; when there is space again, the job is done.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $nrows = 2400;
my @methods = ('flat', 'hnsw');

# Log segments of 1 MB are shorter than the limit.
my $node = new_node('main', extra => ['--wal-segsize=1']);

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

# A limit to the size of files stands for a full disk; processes that start from
# now on have it.  It ends within a block: the system writes a part of that,
# which is what says that space is lacking.
sub limit_files
{
	my ($bytes) = @_;
	my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /\A(\d+)/;

	system_or_bail('prlimit', '--pid', $pid, "--fsize=$bytes:");
	$node->poll_query_until('postgres', q{SELECT count(*) = 0
		FROM pg_stat_activity WHERE backend_type = 'vectordb worker'})
	  or die 'a worker stays';
	return;
}

sub job
{
	my ($method, $columns) = @_;

	return "SELECT string_agg(DISTINCT concat_ws(' ', $columns), ', ')
		FROM vectordb.jobs
		WHERE indexrelid = '${method}_idx'::regclass AND state <> 'done'";
}

sub info
{
	my ($method, $column) = @_;

	return value("SELECT $column FROM vectordb.index_info('${method}_idx')");
}

sub segments
{
	my ($method) = @_;

	return value("SELECT string_agg(concat_ws(' ', file_id, state, file_type,
		row_count), ', ' ORDER BY file_id)
		FROM vectordb.index_segments('${method}_idx')");
}

sub nearest
{
	my ($method, $settings) = @_;

	return value("SET vectordb.target_recall = 1; $settings;
SELECT string_agg(id::text, ' ') FROM (
	SELECT id FROM $method ORDER BY big(id)::vector(1000) <-> big(-5) LIMIT 50) t");
}

# One test: the query of nearest() reads the index.
sub uses_index
{
	my ($method) = @_;

	like(value("SET enable_seqscan = off; SET enable_sort = off; EXPLAIN (COSTS OFF)
		SELECT id FROM $method ORDER BY big(id)::vector(1000) <-> big(-5) LIMIT 50"),
		qr/Index Scan using ${method}_idx/, "$method: the index is used");
	return;
}

sub all_well
{
	my ($method, $name) = @_;

	is(value("SELECT * FROM vectordb.check('${method}_idx')"),
		'', "$name: check finds nothing");
	is(nearest($method, 'SET enable_seqscan = off; SET enable_sort = off'),
		nearest($method, 'SET enable_indexscan = off'),
		"$name: the index answers as the table does");
	return;
}

$node->append_conf('postgresql.conf', q(
shared_preload_libraries = 'vectordb'
vectordb.max_workers = 2
vectordb.seal_idle_time = 0
vectordb.launcher_naptime = 1
));
$node->start;
value(q{
CREATE EXTENSION vectordb;
CREATE FUNCTION big(id int) RETURNS public.vector IMMUTABLE LANGUAGE sql
	AS $$ SELECT array_fill(id::real, ARRAY[1000])::public.vector $$});

# PostgreSQL 16 and later may ask for many blocks at once, which says otherwise.
my $reason = $node->pg_version >= 16 ? qr/53100: disk full|XX000/ : qr/53100: disk full/;

foreach my $method (@methods)
{
	my $name = "$method, no space";
	my ($file, $limit, $sources, $size, $free);

	# The vectors exist in the index alone, so that its file is the largest.
	value(qq{
CREATE TABLE $method (id int);
INSERT INTO $method SELECT generate_series(1, $nrows / 2);
CREATE INDEX ${method}_idx ON $method USING $method ((big(id)::vector(1000))
	vector_l2_ops) WITH (worker = off);
INSERT INTO $method SELECT generate_series($nrows / 2 + 1, $nrows);
SELECT vectordb.flush('${method}_idx');
CHECKPOINT});
	uses_index($method);
	$sources = segments($method);
	$file = $node->data_dir . '/' . value("SELECT pg_relation_filepath('${method}_idx')");
	# Room for a part of the new segment.
	$limit = (-s $file) + 64 * 8192 + 4096;
	limit_files($limit);
	value("SELECT vectordb.resume('${method}_idx')");

	becomes(job($method, 'state, tries > 0'), 'retry t', "$name: the job fails");
	like(value(job($method, 'last_error')), $reason, "$name: and says why");
	# Stopped after a try or in the middle of one, which VACUUM takes back then.
	value("SELECT vectordb.pause('${method}_idx')");
	value("VACUUM $method");
	is(info($method, 'pending'), '0', "$name: what was begun is taken back");
	is(segments($method), $sources, "$name: the old segments serve");
	all_well($method, $name);
	$free = info($method, 'free_size');
	$size = -s $file;
	cmp_ok($free, '>', 32 * 8192, "$name: what was taken is free");
	cmp_ok($size, '<=', $limit, "$name: the file has the size that it may have");

	# Until it is left alone for an hour.  Each source of a merge says so.
	value("SELECT vectordb.resume('${method}_idx')");
	becomes(job($method, 'state, tries'), 'failed 3', "$name: three tries");
	becomes("SELECT pending FROM vectordb.index_info('${method}_idx')", '0',
		"$name: the worker takes back what was begun");
	is(info($method, 'free_size'), $free, "$name: as much as before is free");
	is(-s $file, $size, "$name: the file has not grown");
	is(segments($method), $sources, "$name: the old segments still serve");
	is(value("INSERT INTO $method VALUES (0) RETURNING id"), '0',
		"$name: rows can be inserted into what is free");
	value("DELETE FROM $method WHERE id = 0");
	all_well($method, "$name, three times");

	limit_files('unlimited');
	$name = "$method, space again";
	all_well($method, $name);
	# What failed for want of space is tried again after an hour, or now.
	value("SELECT vectordb.resume('${method}_idx')");
	becomes("SELECT string_agg(concat_ws(' ', file_type, row_count), ', ')
			FROM vectordb.index_segments('${method}_idx')
			WHERE state = 'sealed'",
		($method eq 'hnsw' ? 'sealed/graph' : 'sealed/planes') . " $nrows",
		"$name: the job is done");
	is(value(job($method, 'kind')), '', "$name: nothing is left to be done");
	all_well($method, "$name, merged");
}
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP:|PANIC:/,
	'no process has crashed');
$node->stop;
done_testing();
