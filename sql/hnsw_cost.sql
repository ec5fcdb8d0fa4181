-- What the planner is told of walks: as much as of reading, where a walk does
-- not find enough or takes too long, since then the segment is read.
SET max_parallel_workers_per_gather = 0;
SET max_parallel_maintenance_workers = 0;
SET enable_seqscan = off;
-- No structure at all: walks must see a large part of the rows.
CREATE TABLE by_flat (id int, v vector(64));
INSERT INTO by_flat
SELECT i, (SELECT array_agg(((hashint8extended(i, j) >> 40) / 8388608.0)::real ORDER BY j)::vector
		   FROM generate_series(1, 64) j)
FROM generate_series(1, 6000) i;
-- Near one another in few dimensions: walks are short.
CREATE TABLE easy (id int, v vector(64));
INSERT INTO easy
SELECT i, (SELECT array_agg((CASE WHEN j <= 4 THEN hashint8extended(i, j) >> 40 ELSE 0 END / 8388608.0)::real
							ORDER BY j)::vector FROM generate_series(1, 64) j)
FROM generate_series(1, 6000) i;
CREATE TABLE by_hnsw AS TABLE by_flat;
CREATE INDEX ON by_flat USING flat (v vector_l2_ops);
CREATE INDEX ON by_hnsw USING hnsw (v vector_l2_ops);
CREATE INDEX ON easy USING hnsw (v vector_l2_ops);
VACUUM ANALYZE by_flat, by_hnsw, easy;

-- Cost of the first row, and steps that were taken for ten.
CREATE FUNCTION pg_temp.startup(tab text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE format('EXPLAIN (FORMAT json) SELECT id FROM %1$I ORDER BY v <-> (%2$L)::vector LIMIT 10',
	tab, (SELECT v FROM by_flat WHERE id = 1)) INTO plan;
  IF plan -> 0 -> 'Plan' -> 'Plans' -> 0 ->> 'Node Type' <> 'Index Scan' THEN
	RAISE EXCEPTION '%', plan;
  END IF;
  RETURN plan -> 0 -> 'Plan' -> 'Plans' -> 0 ->> 'Startup Cost';
END $$;
CREATE FUNCTION pg_temp.steps(tab text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM (SELECT id FROM %1$I ORDER BY v <-> (%2$L)::vector LIMIT 10) s',
	tab, (SELECT v FROM by_flat WHERE id = 1)) INTO n;
  RETURN (SELECT steps FROM vectordb.last_scan());
END $$;

-- More than walks find, more than they find in time, and all.
SELECT recall, set_config('vectordb.target_recall', recall, false) = recall AS set,
  abs(pg_temp.startup('by_hnsw') / pg_temp.startup('by_flat') - 1) < 0.1 AS as_flat,
  pg_temp.steps('by_hnsw') AS steps
FROM unnest('{0.99999, 0.95, 1}'::text[]) recall;
RESET vectordb.target_recall;
-- Short walks.
SELECT pg_temp.startup('easy') <> pg_temp.startup('by_flat') AS walked, pg_temp.steps('easy') > 0 AS steps;
-- Who asks for candidates gets a walk, whatever the recall, and pays for it.
SET vectordb.target_recall = 1;
SELECT ef, set_config('hnsw.ef_search', ef, false) = ef AS set,
  pg_temp.startup('by_hnsw') > pg_temp.startup('by_flat') AS dearer, pg_temp.steps('by_hnsw') > 0 AS steps
FROM unnest('{1, 100}'::text[]) ef;
SET hnsw.ef_search = 100;
SELECT pg_temp.startup('easy') AS at_100 \gset
SET hnsw.ef_search = 200;
SELECT pg_temp.startup('easy') > :at_100 AS dearer;
DROP TABLE by_flat, by_hnsw, easy;
