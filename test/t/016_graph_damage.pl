# Damaged pages of a graph: searches say that the index is damaged, or find
# what they can; vectordb.check() names it; nothing crashes.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

# Layout: src/storage/page.h and segment_page.h, src/graph/node.h and info.h.
my $BLOCK = 8192;
my $CONTENT = 24;
my $NROWS = 3000;
my %kinds = (4 => 'segment header', 8 => 'tids', 9 => 'dead', 10 => 'nodes',
	11 => 'owners', 12 => 'graph');

# Bytes of the contents: what counts and points first.
my %content_bytes = (
	# class_rows, areas, flags, nnodes, node_bytes, nodes_per_page, graph_bytes
	4 => [ map({ ($_, $_ + 1, $_ + 3) } 16, 32 .. 35, 36, 40, 44, 48, 52, 56,
			60, 128, 132, 136, 140) ],
	8 => [ 0, 3, 4 ],
	9 => [ 0, 50 ],
	# scale, norm, radius, address, neighbours, copies, code, ids, factors, signs
	10 => [ 0, 3, 7, 11, 12, 14, 16, 17, 18, 19, 20, 21, 23, 24, 25, 27, 28,
		43, 44, 45, 46, 47, 49, 139, 140, 141, 171, 203, 205, 260, 300 ],
	11 => [ 0, 1, 2, 3, 4, 7 ],
	# version, dimensions, entries, points, m, effort, lift, curve, ids, add, res
	12 => [ 0, 4, 5, 8, 9, 12, 16, 20, 24, 27, 31, 32, 35, 39, 43, 44, 47,
		272, 273, 274, 275, 400, 403, 528, 531, 656 ]);
my @stamp_bytes = (8176, 8180, 8184, 8186, 8190);

my $node = new_node('main');
$node->append_conf('postgresql.conf', qq(
restart_after_crash = on
max_parallel_maintenance_workers = 0
));
$node->start;
$node->safe_psql('postgres', qq{
CREATE EXTENSION vectordb;
CREATE FUNCTION sample_vector(seed bigint) RETURNS vector LANGUAGE sql AS \$\$
  SELECT array_agg(((hashint8extended(seed, i) >> 40) / 8388608.0)::real
				   ORDER BY i)::vector FROM generate_series(1, 16) i \$\$;
CREATE TABLE master (id int, v vector(16));
INSERT INTO master SELECT i, sample_vector(i % 2600) FROM generate_series(1, $NROWS) i;
INSERT INTO master VALUES ($NROWS + 1, NULL);
CREATE INDEX master_idx ON master USING hnsw (v vector_l2_ops);
DELETE FROM master WHERE id % 50 = 0;
VACUUM master;
-- "ok" and what the statement returns, or SQLSTATE, message and hint.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS
\$\$
DECLARE result text; state text; message text; hint text;
BEGIN
	EXECUTE statement INTO result;
	RETURN 'ok ' || coalesce(result, '');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
		message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN state || ' ' || message || '|' || hint;
END \$\$;
CREATE FUNCTION nearest(tab text, use_index bool, how text, k int) RETURNS text
LANGUAGE plpgsql AS
\$\$
DECLARE result text; answer text;
BEGIN
	PERFORM set_config('enable_seqscan', (NOT use_index)::text, true);
	PERFORM set_config('enable_indexscan', use_index::text, true);
	PERFORM set_config('vectordb.target_recall', how, true);
	FOR s IN 1 .. 10 LOOP
		EXECUTE format('SELECT string_agg(d::text, '' '') FROM (SELECT v <-> %L AS d
			FROM %I ORDER BY v <-> %L LIMIT %s) t', sample_vector(-s), tab,
			sample_vector(-s), k) INTO answer;
		result := concat(result, answer, ';');
	END LOOP;
	RETURN md5(result);
END \$\$;
SELECT vectordb.check('master_idx');
CHECKPOINT;});

sub crashes
{
	my @found = slurp_file($node->logfile) =~
	  /(terminated by signal|TRAP:|PANIC:)/g;
	return scalar @found;
}

my @master = map { $node->data_dir . "/$_" } split /\n/, $node->safe_psql(
	'postgres', q{SELECT pg_relation_filepath('master');
		SELECT pg_relation_filepath('master_idx');});
my $answer = $node->safe_psql('postgres',
	"SELECT nearest('master', false, '1', $NROWS)");
is($node->safe_psql('postgres',
		"SELECT nearest('master', true, '1', $NROWS)"),
	$answer, 'the sound index answers as the table does');
is($node->safe_psql('postgres', q{SELECT * FROM vectordb.check('master_idx')}),
	'', 'check finds nothing in the sound index');

# Blocks of the index by kind: the first, one in the middle, the last.
my $index = slurp_file($master[1]);
my %blocks;
foreach my $block (0 .. length($index) / $BLOCK - 1)
{
	my ($kind, $id) =
	  unpack 'v x2 x2 v', substr($index, $block * $BLOCK + 8184, 8);

	push @{ $blocks{$kind} }, $block if $id == 0xFD17;
}

# Every case: kind, block, offset, bits to flip.
my @cases;
my $seed = 4711;
foreach my $kind (sort { $a <=> $b } keys %kinds)
{
	my @all = @{ $blocks{$kind} || [] };

	die "there is no page of kind $kinds{$kind}" if !@all;
	# The first segment header is that of rows that were merged.
	@all = ($all[-1]) if $kind == 4;
	foreach my $offset ((map { $CONTENT + $_ } @{ $content_bytes{$kind} }),
		@stamp_bytes)
	{
		$seed = ($seed * 1103515245 + 12345) % 2147483648;
		push @cases, [ $kind, $all[ ($seed >> 20) % @all ], $offset,
			(0x01, 0x80, 0xff, 0x10)[ ($seed >> 16) % 4 ] ];
	}
	push @cases, map { [ $kind, $all[-1], $_, 0 ] } 'zeros', 'ones';
}

sub damaged
{
	my ($i) = @_;
	my ($kind, $block, $offset, $flip) = @{ $cases[$i] };
	my $content = $index;
	my $start = $block * $BLOCK;

	if ($offset eq 'zeros' || $offset eq 'ones')
	{
		substr($content, $start + $CONTENT, $BLOCK - $CONTENT - 16) =
		  ($offset eq 'zeros' ? "\0" : "\xff") x ($BLOCK - $CONTENT - 16);
	}
	else
	{
		substr($content, $start + $offset, 1) ^= chr($flip);
	}
	return $content;
}
make_twins($node, 'hnsw', scalar @cases, $master[0], \&damaged);

sub quoted
{
	my ($text) = @_;

	$text =~ s/'/''/g;
	return "'$text'";
}

# What one process says to each statement; "crash" if it died.
sub outcomes
{
	my ($table) = @_;
	my ($out, $err) = ('', '');
	my $sql = "SET statement_timeout = '20s';\n";

	foreach my $statement (
		"nearest('$table', true, '1', $NROWS)",
		"nearest('$table', true, '0.95', 10)",
		"nearest('$table', true, '0.95', $NROWS)",
		"count(*) || ' ' || coalesce(min(problem), '')"
		  . " FROM vectordb.check('${table}_idx')")
	{
		$sql .= 'SELECT outcome(' . quoted("SELECT $statement") . ");\n";
	}
	$sql .= "\\set VERBOSITY sqlstate\nDELETE FROM $table WHERE id % 3 = 1;\n"
	  . "VACUUM $table;\n\\set VERBOSITY default\n"
	  . 'SELECT outcome('
	  . quoted("SELECT vectordb.build('${table}_idx')") . ");\n";
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err,
		on_error_stop => 0, timeout => 120);
	$err = 'crash' if $err =~ /closed the connection|terminated/;
	is_back($node) if $err =~ /crash/;
	return ($err, split /\n/, $out);
}

sub is_proper
{
	my ($outcome) = @_;

	return $outcome =~ /^ok /
	  || $outcome =~
	  /^XX002 index "c\d+_idx" is damaged at block \d+\|Rebuild the index with REINDEX\.$/
	  || $outcome =~ /^XX001 invalid page in block \d+ of relation/;
}

# What is wrong with a case, or nothing.
sub judge
{
	my ($table) = @_;
	my ($err, $exact, $ten, $all, $check, $build) = outcomes($table);
	my $found;

	return "a crash: $err" if $err =~ /crash/;
	return "no answer: $err" if !defined $build;
	$found = $check !~ /^ok 0 /;
	foreach my $search ($exact, $ten, $all)
	{
		# A wrong bound is noticed by the executor, a wrong address by the table.
		return "search: $search"
		  if !is_proper($search) &&
		  $search !~ /^XX000 index returned tuples in wrong order/ &&
		  $search !~ /^XX001 could not read blocks? [\d.]+ in file/ &&
		  $search !~ /^\w{5} could not open file .* \(target block \d+\)/;
		return "search found damage, check did not: $search"
		  if $search !~ /^ok / && !$found;
	}
	return "check: $check" if !is_proper($check);
	return "a wrong answer, and check finds nothing"
	  if $exact =~ /^ok / && $exact ne "ok $answer" && !$found;
	return "build: $build" if !is_proper($build);
	return "VACUUM: $err" if $err ne '' && $err !~ /ERROR:  XX00[12]\n?$/;
	return;
}

my %failures;
my %nfound;
foreach my $i (0 .. $#cases)
{
	my ($kind, $block, $offset, $flip) = @{ $cases[$i] };
	my $trouble = judge("c$i");

	note("c$i $kinds{$kind} block $block offset $offset flip $flip: "
		  . ($trouble || 'well'));
	push @{ $failures{$kind} },
	  "c$i block $block offset $offset flip $flip: $trouble"
	  if defined $trouble;
}
foreach my $kind (sort keys %kinds)
{
	is(join("\n", @{ $failures{$kind} || [] }), '',
		"$kinds{$kind}: damage is named, or harmless");
}
is(crashes(), 0, 'no process has crashed');

$node->stop;
done_testing();
