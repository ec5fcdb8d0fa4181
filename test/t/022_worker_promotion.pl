# Workers do nothing on a standby, and go on after it has been promoted.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectordbTest;

my $workers = q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type LIKE 'vectordb%'};
my $states = q{SELECT string_agg(DISTINCT state, ' ' ORDER BY state)
	FROM vectordb.jobs};

foreach my $preload ('vectordb', '')
{
	my $name = $preload ? 'preloaded' : 'not preloaded';
	my $primary = new_node($preload ? 'primary' : 'plain_primary',
		allows_streaming => 1);
	my $standby = PostgreSQL::Test::Cluster->new(
		$preload ? 'standby' : 'plain_standby');

	$primary->append_conf('postgresql.conf', qq(
shared_preload_libraries = '$preload'
vectordb.launcher_naptime = 1
));
	$primary->start;
	$primary->safe_psql('postgres', q{
CREATE EXTENSION vectordb;
CREATE TABLE t (id int, v vector(3));
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
INSERT INTO t SELECT i, format('[%s,%s,%s]', i, i % 7, i % 11)::vector
	FROM generate_series(1, 5000) i;
SELECT vectordb.flush('t_idx')});
	$primary->backup('start');
	$standby->init_from_backup($primary, 'start', has_streaming => 1);
	$standby->append_conf('postgresql.conf', 'vectordb.max_workers = 2');
	$standby->start;
	$primary->wait_for_catchup($standby);

	sleep 3;
	is($standby->safe_psql('postgres', $workers),
		'0', "$name: no process of ours on a standby");
	is($standby->safe_psql('postgres', $states),
		'pending', "$name: there is something to be done");
	foreach my $function ('optimize', 'compact', 'pause', 'resume')
	{
		my $err;

		$standby->psql('postgres', "SELECT vectordb.$function('t_idx')",
			stderr => \$err);
		like($err, qr/cannot execute $function\(\) during recovery/,
			"$name: $function() is refused");
	}
	cmp_ok($standby->safe_psql('postgres', q{SELECT vectordb.prewarm('t_idx')}),
		'>', 10, "$name: prewarm is not");

	$primary->stop;
	$standby->promote;
	$standby->safe_psql('postgres', 'VACUUM t') unless $preload;
	ok($standby->poll_query_until('postgres', $states, 'done'),
		"$name: it is done after promotion");
	is($standby->safe_psql('postgres', q{SELECT * FROM vectordb.check('t_idx')}),
		'', "$name: check finds nothing");
	is($standby->safe_psql('postgres', q{
		SELECT string_agg(file_type, ' ') FROM vectordb.segments}),
		'sealed/graph', "$name: there is a graph");
	$standby->stop;
}
done_testing();
