# Damaged pages, a full disk, interrupted work, little memory, bad input: an
# error that says what is wrong, never a crash, and nothing lost.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Fcntl qw(SEEK_SET);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

# Layout of pages: src/storage/page.h, manifest_page.h, segment_page.h.
my $BLOCK = 8192;
my $CONTENT = 24;
my %kinds = (
	1 => 'metapage', 2 => 'descriptors', 3 => 'centre', 4 => 'segment header',
	5 => 'rows', 6 => 'coarse', 7 => 'fine', 8 => 'tids', 9 => 'dead');
my @header_bytes = (4, 10, 12, 13, 14, 16, 17, 18, 19);
my @stamp_bytes = (8176, 8177, 8180, 8183, 8184, 8185, 8186, 8187, 8188,
	8190, 8191);
# Contents: what counts and points first, then some of the rest.
my %content_bytes = (
	1 => [ 0, 4, 6 .. 10, 12, 13, 16, map({ ($_, $_ + 3) }
			24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72),
		80, 88, map({ 96 + $_ } 0, 3, 4, 7, 8 .. 12, 16, 20, 24, 27) ],
	2 => [ 0, 1, 3, map({ 8 + $_ } 0, 3, 4, 7, 8 .. 12, 16, 20) ],
	3 => [ 0, 3, 63 ],
	4 => [ 0, 3, 4, 5, 6, map({ ($_, $_ + 1, $_ + 3) }
			8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52),
		map({ 48 + 4 * $_ } 0 .. 8), 112, 120, 124, 125, 127,
		128, 131, 132, 135 ],
	5 => [ 0, 3, 7, 11, 12, 15 ],
	6 => [ 0, 3 ],
	7 => [ 0, 3 ],
	8 => [ 0, 1, 3, 4, 5, 6 ],
	9 => [ 0, 1, 100 ]);

my $node = new_node('main');
$node->append_conf('postgresql.conf', qq(
restart_after_crash = on
max_parallel_maintenance_workers = 0
));
$node->start;
create_extension($node);
$node->safe_psql('postgres', q{
-- "ok" and what the statement returns, or SQLSTATE, message and hint.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE result text; state text; message text; hint text;
BEGIN
	EXECUTE statement INTO result;
	RETURN 'ok ' || coalesce(result, '');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
		message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN state || ' ' || message || '|' || hint;
END $$;
CREATE FUNCTION nearest(tab text, use_index bool) RETURNS text
LANGUAGE plpgsql AS
$$
DECLARE result text;
BEGIN
	PERFORM set_config('enable_seqscan', (NOT use_index)::text, true);
	PERFORM set_config('enable_indexscan', use_index::text, true);
	EXECUTE format('SELECT string_agg(d::text, '' '') FROM (SELECT v <-> %L AS d
		FROM %I ORDER BY v <-> %L) t', sample_vector(77), tab,
		sample_vector(77)) INTO result;
	RETURN result;
END $$;});

sub crashes
{
	my @found = slurp_file($node->logfile) =~
	  /(terminated by signal|TRAP:|PANIC:)/g;
	return scalar @found;
}

# ---------------------------------------------------------------------------
# Damaged pages
# ---------------------------------------------------------------------------

my @master_files;

# A table whose index has pages of every kind: planes with dead rows, more
# sealed segments than the metapage has room for, a free list, a growing
# segment.
sub make_master
{
	$node->safe_psql('postgres', q{
CREATE TABLE master (id int, v vector(16));
INSERT INTO master SELECT i, sample_vector(i) FROM generate_series(1, 1200) i;
INSERT INTO master VALUES (1201, NULL);
CREATE INDEX master_idx ON master USING flat (v vector_l2_ops);});
	foreach my $i (1 .. 70)
	{
		my $id = 2000 + 10 * $i;

		$node->safe_psql('postgres', qq{
INSERT INTO master SELECT i, sample_vector(i)
FROM generate_series($id, $id + 2) i;
SELECT vectordb.flush('master_idx');});
	}
	$node->safe_psql('postgres', q{
DELETE FROM master WHERE id IN (5, 6, 7) OR id BETWEEN 2100 AND 2140;
VACUUM master;
INSERT INTO master SELECT i, sample_vector(i) FROM generate_series(5000, 5010) i;
SELECT vectordb.check('master_idx');
CHECKPOINT;});
	@master_files = files('master');
	return;
}

sub files
{
	my ($table) = @_;
	my @paths = split /\n/, $node->safe_psql('postgres',
		"SELECT pg_relation_filepath('$table');
		 SELECT pg_relation_filepath('${table}_idx');");

	return map { $node->data_dir . "/$_" } @paths;
}

# Blocks of the master's index by kind, up to three of each.
sub blocks_by_kind
{
	my ($content) = @_;
	my %blocks;

	foreach my $block (0 .. length($content) / $BLOCK - 1)
	{
		my $page = substr($content, $block * $BLOCK, $BLOCK);
		my ($kind, $id) = unpack 'v x2 x2 v', substr($page, 8184, 8);

		next if $id != 0xFD17;
		push @{ $blocks{$kind} }, $block;
	}
	foreach my $kind (keys %blocks)
	{
		my @all = @{ $blocks{$kind} };
		my %chosen = map { $_ => 1 } $all[0], $all[ @all / 2 ], $all[-1];

		$blocks{$kind} = [ sort { $a <=> $b } keys %chosen ];
	}
	return %blocks;
}

# Every case: kind, block, offset, bits to flip.
sub damages
{
	my %blocks = @_;
	my @cases;
	my $seed = 12345;

	foreach my $kind (sort keys %kinds)
	{
		my @offsets = (@header_bytes,
			(map { $CONTENT + $_ } @{ $content_bytes{$kind} }), @stamp_bytes);

		die "there is no page of kind $kinds{$kind}" if !$blocks{$kind};
		foreach my $offset (@offsets)
		{
			my @chosen = @{ $blocks{$kind} };
			my $flip;

			$seed = ($seed * 1103515245 + 12345) % 2147483648;
			$flip = (0x01, 0x80, 0xff, 0x10)[ ($seed >> 16) % 4 ];
			push @cases, [ $kind, $chosen[ ($seed >> 20) % @chosen ],
				$offset, $flip ];
		}
		# All zero, all ones, and cut off.
		push @cases, map { [ $kind, $blocks{$kind}[-1], $_, 0 ] }
		  'zeros', 'ones', 'cut';
	}
	return @cases;
}

sub damage
{
	my ($content, $case) = @_;
	my ($kind, $block, $offset, $flip) = @$case;
	my $start = $block * $BLOCK;

	if ($offset eq 'zeros' || $offset eq 'ones')
	{
		my $byte = $offset eq 'zeros' ? "\0" : "\xff";

		substr($content, $start, $BLOCK) = $byte x $BLOCK;
	}
	elsif ($offset eq 'cut')
	{
		$content = substr($content, 0, $start);
	}
	else
	{
		substr($content, $start + $offset, 1) ^= chr($flip);
	}
	return $content;
}

# What one server process says to each statement; "crash" if it died.
sub outcomes
{
	my ($table) = @_;
	my ($out, $err) = ('', '');
	my @statements = (
		"nearest('$table', true)",
		"count(*) || ' ' || coalesce(min(problem), '')"
		  . " FROM vectordb.check('${table}_idx')",
		"count(*) FROM vectordb.index_segments('${table}_idx')",
		"vectordb.index_info('${table}_idx')",
		"vectordb.flush('${table}_idx')",
		"vectordb.build('${table}_idx')");
	my $sql = "SET statement_timeout = '20s';\n";

	$sql .= 'SELECT outcome(' . quoted("SELECT $_") . ");\n" foreach @statements;
	$sql .= 'SELECT outcome('
	  . quoted("INSERT INTO $table SELECT i, sample_vector(i)"
		  . " FROM generate_series(9001, 9020) i RETURNING id")
	  . ");\n";
	$sql .= "\\set VERBOSITY sqlstate\nDELETE FROM $table WHERE id % 10 = 1;\n"
	  . "VACUUM $table;\n";
	eval {
		$node->psql('postgres', $sql, stdout => \$out, stderr => \$err,
			on_error_stop => 0, timeout => 120);
		1;
	} or $err .= 'crash: ' . $@;
	$err = 'crash' if $err =~ /closed the connection|terminated/;
	is_back($node) if $err =~ /crash/;
	return ($err, split /\n/, $out);
}

sub quoted
{
	my ($text) = @_;

	$text =~ s/'/''/g;
	return "'$text'";
}

# Errors that a damaged page may lead to: our own, PostgreSQL's about a page
# header or heap page, and the format version's.
sub is_proper_error
{
	my ($outcome) = @_;

	return $outcome =~
	  /^XX002 index "c\d+_idx" is damaged at block \d+\|Rebuild the index with REINDEX\.$/
	  || $outcome =~ /^XX001 invalid page in block \d+ of relation/
	  || $outcome =~ /^0A000 index "c\d+_idx" has format version \d+\|/;
}

# What is wrong with a case, or nothing.
sub judge
{
	my ($table, $answer) = @_;
	my ($err, $search, $check, @others) = outcomes($table);
	my $found;

	return "a crash: $err" if $err =~ /crash/;
	return 'no answer' if !defined $check;
	$found = $check !~ /^ok 0 / ;
	return "search: $search"
	  if $search !~ /^ok / && !is_proper_error($search) &&
	  # A wrong bound is noticed by the executor, a wrong address by the table.
	  $search !~ /^XX000 index returned tuples in wrong order/ &&
	  $search !~ /^XX001 could not read blocks? [\d.]+ in file/ &&
	  $search !~ /^\w{5} could not open file .* \(target block \d+\)/;
	return "check: $check" if $check !~ /^ok / && !is_proper_error($check);
	return "search found damage, check did not: $search"
	  if $search !~ /^ok / && !$found;
	return "a wrong answer, and check finds nothing"
	  if $search =~ /^ok / && $search ne "ok $answer" && !$found;
	foreach my $other (@others)
	{
		return "other: $other"
		  if $other !~ /^ok/ && !is_proper_error($other);
	}
	return "VACUUM: $err" if $err ne '' && $err !~ /ERROR:  (XX00[12]|0A000)\n?$/;
	return;
}

make_master();
{
	my $index;
	my %blocks;
	my @cases;
	my %failures;
	my %ncases;
	my $answer = $node->safe_psql('postgres', "SELECT nearest('master', false)");

	is($node->safe_psql('postgres', "SELECT nearest('master', true)"),
		$answer, 'the sound index answers as the table does');
	is($node->safe_psql('postgres',
			q{SELECT problem FROM vectordb.check('master_idx')}),
		'', 'check finds nothing in the sound index');
	$index = slurp_file($master_files[1]);
	%blocks = blocks_by_kind($index);
	@cases = damages(%blocks);
	foreach my $i (0 .. $#cases)
	{
		$ncases{ $cases[$i][0] }++;
	}

	make_twins($node, 'flat', scalar @cases, $master_files[0],
		sub { damage($index, $cases[ $_[0] ]) });

	foreach my $i (0 .. $#cases)
	{
		my ($kind, $block, $offset, $flip) = @{ $cases[$i] };
		my $trouble = judge("c$i", $answer);

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
}

# ---------------------------------------------------------------------------
# Interrupted work
# ---------------------------------------------------------------------------

# SQLSTATE of what goes wrong, or nothing; the settings hold for the session.
sub sqlstate
{
	my ($settings, $sql) = @_;
	my ($out, $err);

	$node->psql('postgres', "\\set VERBOSITY sqlstate\n$settings;\n$sql;",
		stdout => \$out, stderr => \$err, on_error_stop => 1);
	return $err =~ /ERROR:  (\w{5})/ ? $1 : $err;
}

sub all_well
{
	my ($name) = @_;

	is($node->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
		'', "$name: check finds nothing");
	is($node->safe_psql('postgres', q{SELECT nearest('t', true)}),
		$node->safe_psql('postgres', q{SELECT nearest('t', false)}),
		"$name: the index answers as the table does");
	return;
}

# Give a statement more and more time, until it has enough: it is cancelled at
# other places each time.  Runs $between after each try.
sub cancelled_then_done
{
	my ($name, $settings, $sql, $between) = @_;
	my %states;
	my $timeout = 1;
	my $state;

	do
	{
		$state = sqlstate("$settings; SET statement_timeout = '${timeout}ms'",
			$sql);
		$states{$state}++;
		$between->() if $between;
		$timeout *= 2;
	} while ($state ne '' && $timeout < 300000);
	is(join(' ', sort keys %states), ' 57014',
		"$name: cancelled, and done in the end");
	return;
}

$node->safe_psql('postgres', q{
CREATE TABLE t (id int, v vector(16));
INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(1, 12000) i;});

cancelled_then_done('CREATE INDEX', 'SET maintenance_work_mem = 1024',
	q{CREATE INDEX t_idx ON t USING flat (v vector_l2_ops)
	  WITH (seal_size = '128kB')});
all_well('CREATE INDEX with 1 MB');

cancelled_then_done('scan of all rows',
	'SET enable_seqscan = off; SET enable_sort = off',
	"SELECT id FROM t ORDER BY v <-> '[" . join(',', (1) x 16) . "]'");

$node->safe_psql('postgres', q{
INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(12001, 24000) i;});
cancelled_then_done('build', 'SET maintenance_work_mem = 1024',
	q{SELECT vectordb.build('t_idx')},
	sub {
		my $problems = $node->safe_psql('postgres',
			q{SELECT * FROM vectordb.check('t_idx')});

		die "a cancelled build left: $problems" if $problems ne '';
	});
all_well('build with 1 MB');

$node->safe_psql('postgres', 'DELETE FROM t WHERE id % 3 = 0');
is(sqlstate('SET maintenance_work_mem = 1024', 'VACUUM t'),
	'', 'VACUUM with 1 MB');
all_well('VACUUM with 1 MB');

is( $node->safe_psql('postgres',
		q{SET work_mem = '64kB'; SELECT nearest('t', true)}),
	$node->safe_psql('postgres', q{SELECT nearest('t', false)}),
	'all rows with 64 kB of work_mem');

foreach my $point ('build-registered', 'build-run-added', 'build-written',
	'build-logged', 'swap-done', 'retired-chained')
{
	$node->safe_psql('postgres', q{
INSERT INTO t SELECT i, sample_vector(i) FROM generate_series(30001, 31000) i;});
	is( sqlstate("SET vectordb.debug_points = '$point=error'",
			q{SELECT vectordb.build('t_idx')}),
		'XX000', "$point: the build fails");
	all_well($point);
	$node->safe_psql('postgres', 'VACUUM t');
	is( $node->safe_psql('postgres',
			q{SELECT (vectordb.index_info('t_idx')).pending}),
		'0', "$point: nothing is pending after VACUUM");
	is(sqlstate('', q{SELECT vectordb.build('t_idx')}),
		'', "$point: the next build goes well");
	all_well("$point, built");
}

# ---------------------------------------------------------------------------
# Bad input
# ---------------------------------------------------------------------------

sub refused
{
	my ($state, $sql) = @_;

	is(sqlstate('', $sql), $state, $sql =~ s/\s+/ /gr);
	return;
}

$node->safe_psql('postgres', 'CREATE TABLE bad (id int, v vector(3), free vector);
	CREATE INDEX bad_idx ON bad USING flat (v vector_l2_ops);
	INSERT INTO bad VALUES (1, \'[1,2,3]\')');
refused('22000', q{INSERT INTO bad (v) VALUES ('[1,2]')});
refused('22P02', q{INSERT INTO bad (v) VALUES ('[1,2,x]')});
refused('22000', q{INSERT INTO bad (v) VALUES ('[1,2,NaN]')});
refused('22000', q{INSERT INTO bad (v) VALUES ('[1,2,Infinity]')});
refused('22000', q{SET enable_seqscan = off;
	SELECT id FROM bad ORDER BY v <-> '[1,2]' LIMIT 1});
refused('22023', 'CREATE INDEX ON bad USING flat (v) WITH (lists = 5)');
refused('22023', q{CREATE INDEX ON bad USING flat (v) WITH (seal_size = '0')});
refused('22023',
	q{CREATE INDEX ON bad USING flat (v) WITH (seal_size = '9 miles')});
refused('22023', q{ALTER INDEX bad_idx SET (seal_size = '1TB')});
refused('22023', 'CREATE INDEX ON bad USING flat (free)');
refused('42809', q{SELECT vectordb.check('bad')});
is( $node->safe_psql('postgres',
		q{SELECT * FROM vectordb.check('bad_idx')}),
	'', 'bad input leaves nothing in the index');

is(crashes(), 0, 'no process has crashed at the end');
$node->stop;

# ---------------------------------------------------------------------------
# No space
# ---------------------------------------------------------------------------

# A limit to the size of files stands for a full disk.  The vectors exist in
# the index alone, so that its file is the one that meets the limit.
my $small = new_node('small', extra => ['--wal-segsize=1']);
my $nrows = 1500;

sub start_limited
{
	my ($kilobytes) = @_;

	system_or_bail('bash', '-c',
		"ulimit -f $kilobytes; exec pg_ctl -w -s -D '"
		  . $small->data_dir . "' -l '" . $small->logfile . "' start");
	return;
}

sub stop_limited
{
	system_or_bail('pg_ctl', '-w', '-s', '-D', $small->data_dir, 'stop');
	return;
}

sub small_outcome
{
	my ($sql) = @_;
	my ($out, $err);

	$small->psql('postgres', $sql, stdout => \$out, stderr => \$err);
	return $err;
}

sub small_nearest
{
	my ($use_index) = @_;
	my ($yes, $no) = $use_index ? ('on', 'off') : ('off', 'on');

	return $small->safe_psql('postgres', qq{
SET enable_indexscan = $yes; SET enable_seqscan = $no;
SELECT string_agg(id::text, ' ') FROM (
	SELECT id FROM f ORDER BY big(id)::vector(1000) <-> big(-5) LIMIT 50) t});
}

sub small_well
{
	my ($name) = @_;

	is($small->safe_psql('postgres', 'SELECT count(*) FROM f'),
		$nrows, "$name: committed rows are there");
	is( $small->safe_psql('postgres',
			q{SELECT * FROM vectordb.check('f_idx')}),
		'', "$name: check finds nothing");
	is(small_nearest(1), small_nearest(0),
		"$name: the index answers as the table does");
	return;
}

$small->start;
$small->safe_psql('postgres', qq{
CREATE EXTENSION vectordb;
CREATE FUNCTION big(id int) RETURNS public.vector IMMUTABLE LANGUAGE sql
	AS \$\$ SELECT array_fill(id::real, ARRAY[1000])::public.vector \$\$;
CREATE TABLE f (id int);
CREATE INDEX f_idx ON f USING flat ((big(id)::vector(1000)) vector_l2_ops)
	WITH (seal_size = '2MB');
INSERT INTO f SELECT generate_series(1, $nrows);
CHECKPOINT});
$small->stop;

start_limited(3072);
small_well('little space');
like(small_outcome('INSERT INTO f SELECT generate_series(10001, 20000)'),
	qr/could not extend file/, 'no space: an insert fails');
like(small_outcome(q{SELECT vectordb.build('f_idx')}),
	qr/could not extend file/, 'no space: a build fails');
like(small_outcome('CREATE INDEX f_big ON f USING flat '
		  . '((array_fill(id, ARRAY[4000])::vector(4000)) vector_l2_ops)'),
	qr/could not extend file/, 'no space: CREATE INDEX fails');
small_well('no space');
stop_limited();

$small->start;
small_well('space again');
$small->safe_psql('postgres', 'VACUUM f');
small_well('space again, vacuumed');
is( $small->safe_psql('postgres',
		q{SELECT (vectordb.index_info('f_idx')).pending}),
	'0', 'space again: nothing is pending after VACUUM');
is(small_outcome(q{SELECT vectordb.build('f_idx')}),
	'', 'space again: the build goes well');
small_well('space again, built');
$small->stop;
unlike(slurp_file($small->logfile), qr/terminated by signal|TRAP:|PANIC:/,
	'no process has crashed for want of space');
done_testing();
