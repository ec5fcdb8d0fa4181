# VectordbTest.pm -- what the tests of this folder have in common
#
# Loads the sample of test/data into a server and asks it the same questions
# through the indexes and without them.  Answers are lists of distances, so
# rows at equal distance may come in any order; that no row comes twice is
# checked as well.
package VectordbTest;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use File::Copy qw(copy);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_node start_again is_back load_sample create_indexes answers
  same_answers check_indexes create_extension make_twins);

my $data = abs_path(dirname(__FILE__) . '/../data');

# Operator of each operator class.
my %operators = (
	vector_l2_ops => '<->',
	vector_ip_ops => '<#>',
	vector_cosine_ops => '<=>',
	vector_l1_ops => '<+>');

# A server that is initialised, not started.
sub new_node
{
	my ($name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(%params);
	$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\n");

	# Nothing happens by itself but in tests of just that.
	$node->append_conf('postgresql.conf', "vectordb.max_workers = 0\n");

	# Buffers are few in tests, and asking a worker for each page takes long.
	$node->append_conf('postgresql.conf', "io_method = sync\n")
	  if $node->pg_version >= 18;
	return $node;
}

# Start after the postmaster was killed: its children may live on for a while.
sub start_again
{
	my ($node) = @_;

	foreach my $try (1 .. 100)
	{
		return if $node->start(fail_ok => 1);
		# the class takes what the dead one left behind for a running server
		$node->stop('immediate', fail_ok => 1);
		select(undef, undef, undef, 0.2);
	}
	die 'the server does not start after a crash';
}

# Wait until a server that restarts after a crash answers.  The client may be
# turned away before it has read its statement, so writing that may fail.
sub is_back
{
	my ($node) = @_;

	foreach my $try (1 .. 600)
	{
		my $answer = eval {
			my ($ret, $out) = $node->psql('postgres', 'SELECT 1');
			$out;
		};

		return 1 if defined $answer && $answer eq '1';
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

# The extension, and sample_vector(seed): 16 dimensions, of any length.  It is
# a constant to the planner, so that ORDER BY v <-> sample_vector(1) can use an
# index.
sub create_extension
{
	my ($node, $database) = @_;

	$node->safe_psql($database || 'postgres', q{
		CREATE EXTENSION vectordb;
		CREATE FUNCTION sample_vector(seed bigint) RETURNS vector
		IMMUTABLE LANGUAGE sql AS $$ SELECT array_agg(sin(seed * 0.37 + i * (seed % 7 + 1)) *
							   (1 + seed % 13) ORDER BY i)::real[]::vector
			  FROM generate_series(1, 16) i $$;});
	return;
}

#
# make_twins -- tables c0, c1, ... with the rows of one and other indexes
#
# $heap is the file of the table's rows; $content gives the contents of the
# index c<i>_idx.  The server is stopped meanwhile.
#
sub make_twins
{
	my ($node, $method, $ntwins, $heap, $content) = @_;
	my $sql = '';
	my %paths;

	foreach my $i (0 .. $ntwins - 1)
	{
		$sql .= "CREATE TABLE c$i (id int, v vector(16));\n"
		  . "CREATE INDEX c${i}_idx ON c$i USING $method (v vector_l2_ops);\n";
	}
	$node->safe_psql('postgres', $sql);
	%paths = map { split /\|/ } split /\n/, $node->safe_psql('postgres',
		q{SELECT relname, pg_relation_filepath(oid) FROM pg_class
		  WHERE relname ~ '^c\d+(_idx)?$'});
	$node->stop;
	foreach my $i (0 .. $ntwins - 1)
	{
		my $file = $node->data_dir . '/' . $paths{"c${i}_idx"};

		copy($heap, $node->data_dir . '/' . $paths{"c$i"})
		  or die "cannot copy: $!";
		open my $handle, '>:raw', $file or die "cannot open $file: $!";
		print $handle $content->($i);
		close $handle or die "cannot write $file: $!";
	}
	$node->start;
	return;
}

# Tables meanings(id, words, embedding) and queries(id, embedding).
sub load_sample
{
	my ($node, $database) = @_;

	$node->safe_psql(
		$database || 'postgres', qq{
		CREATE EXTENSION vectordb;
		CREATE TEMP TABLE stage (id int, pos text, lexfile text, words text,
								 gloss text, embedding vector(384));
		COPY stage FROM PROGRAM 'gzip -dc $data/wordnet-2k.tsv.gz';
		CREATE TABLE meanings (id int PRIMARY KEY, words text,
							   embedding vector(384));
		INSERT INTO meanings SELECT id, words, embedding FROM stage;
		CREATE TEMP TABLE stage_queries (id int, headword text, body text,
										 embedding vector(384));
		COPY stage_queries
			FROM PROGRAM 'gzip -dc $data/wordnet-2k-queries.tsv.gz';
		CREATE TABLE queries (id int PRIMARY KEY, embedding vector(384));
		INSERT INTO queries SELECT id, embedding FROM stage_queries;
		ANALYZE;});
	return;
}

# One index for each operator class, with the access method's own options.
sub create_indexes
{
	my ($node, $method, $database) = @_;
	my %options = (hnsw => ' WITH (m = 12, ef_construction = 80)');

	foreach my $class (sort keys %operators)
	{
		$node->safe_psql($database || 'postgres',
			"CREATE INDEX meanings_$class ON meanings"
			  . " USING $method (embedding $class)"
			  . ($options{$method} || ''));
	}
	return;
}

#
# answers -- the distances of the ten nearest rows of each query
#
# $how is "index" or "table".  One line for each operator and query.  Dies if
# the plan is not the one that was asked for, or if a row comes twice.
#
sub answers
{
	my ($node, $how, $database) = @_;
	my $settings = $how eq 'index'
	  ? 'SET enable_seqscan = off; SET enable_sort = off;'
	  : 'SET enable_indexscan = off; SET enable_bitmapscan = off;';
	my $result = '';

	foreach my $class (sort keys %operators)
	{
		my $operator = $operators{$class};
		my $query = qq{
			SELECT '$operator', q.id, string_agg(n.d::text, ' ' ORDER BY n.d),
				   count(DISTINCT n.id)
			FROM queries q, LATERAL (
				SELECT m.id, m.embedding $operator q.embedding AS d
				FROM meanings m
				ORDER BY m.embedding $operator q.embedding LIMIT 10) n
			GROUP BY q.id ORDER BY q.id};
		my $plan = $node->safe_psql($database || 'postgres',
			"$settings EXPLAIN (COSTS OFF) $query");
		my $uses_index = $plan =~ /Index Scan using meanings_$class/ ? 1 : 0;

		die "the plan is not by $how:\n$plan"
		  if $uses_index != ($how eq 'index' ? 1 : 0);
		my $answer =
		  $node->safe_psql($database || 'postgres', "$settings $query");
		die "a row came twice or was lost: $answer"
		  if grep { !/\|10$/ } split /\n/, $answer;
		$result .= "$answer\n";
	}
	return $result;
}

# One test: indexes and table give the same answers.
sub same_answers
{
	my ($node, $name, $database) = @_;

	is(answers($node, 'index', $database),
		answers($node, 'table', $database),
		"$name: the indexes answer as the table does");
	return;
}

# One test: vectordb.check() has nothing to say about any index.
sub check_indexes
{
	my ($node, $name, $database) = @_;
	my $problems = $node->safe_psql(
		$database || 'postgres', q{
		SELECT i.indexrelid::regclass, p.*
		FROM pg_index i, LATERAL vectordb.check(i.indexrelid) p
		WHERE i.indrelid = 'meanings'::regclass AND NOT i.indisprimary});

	is($problems, '', "$name: vectordb.check() finds nothing");
	return;
}

1;
