-- Costs: which plan the planner takes.  The cases are those where one plan is
-- at least twice as fast as the others, as test/bench measures it; the counts
-- of pages and rows are the same everywhere.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/index_helpers.sql'
\i :helpers

-- The nodes that read or sort, from top to bottom.
CREATE FUNCTION pg_temp.way(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	node text;
	nodes text[];
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		node := substring(line, '(Sort|Seq Scan|Index Scan using \w+|Bitmap Index Scan on \w+)');
		-- "Sort Key" is no node.
		IF node IS NOT NULL AND line !~ 'Sort Key|Sort Method' THEN
			nodes := nodes || node;
		END IF;
	END LOOP;
	RETURN array_to_string(nodes, ', ');
END
$$;

SET seq_page_cost = 1;
SET random_page_cost = 4;
SET effective_cache_size = '4GB';
SET work_mem = '4MB';
SET max_parallel_workers_per_gather = 0;

-- Rows of 64 dimensions, 27 on a page; "r" has nothing to do with the vectors.
CREATE TABLE t (id int, r int, v vector(64));
INSERT INTO t SELECT i, i * 7919 % 1000, pg_temp.clustered(i, 50, 64)
FROM generate_series(1, 20000) i;
CREATE INDEX t_v ON t USING flat (v);
VACUUM ANALYZE t;
SELECT pg_temp.noise(1, 64) AS q \gset

-- LIMIT: few rows, and more rows than it is worth to fetch at random.
SELECT k, pg_temp.way(format('SELECT id FROM t ORDER BY v <-> %L LIMIT %s', :'q', k))
FROM unnest(ARRAY[1, 10, 50, 2000, 20000]) k;
SELECT pg_temp.way(format('SELECT id FROM t ORDER BY v <-> %L OFFSET 2000 LIMIT 10', :'q'));
SELECT pg_temp.way(format('SELECT id FROM t ORDER BY v <-> %L', :'q'));

-- Filters: what they let pass decides how many rows are drawn for the LIMIT.
SELECT cond, pg_temp.way(format('SELECT id FROM t WHERE %s ORDER BY v <-> %L LIMIT 10', cond, :'q'))
FROM unnest(ARRAY['r >= 0', 'r < 500', 'r < 200', 'r < 20', 'r < 2', 'r < 0'])
	WITH ORDINALITY u(cond, n) ORDER BY n;

-- A B-tree: for few rows, and not for many.
CREATE INDEX t_r ON t (r);
SELECT cond, pg_temp.way(format('SELECT id FROM t WHERE %s ORDER BY v <-> %L LIMIT 10', cond, :'q'))
FROM unnest(ARRAY['r < 500', 'r < 10', 'r = 5', 'r < 0']) WITH ORDINALITY u(cond, n) ORDER BY n;
DROP INDEX t_r;

-- A partial index has few rows, all of which pass.
CREATE INDEX t_partial ON t USING flat (v) WHERE r < 20;
ANALYZE t;
SELECT cond, pg_temp.way(format('SELECT id FROM t WHERE %s ORDER BY v <-> %L LIMIT 10', cond, :'q'))
FROM unnest(ARRAY['r < 500', 'r < 20']) WITH ORDINALITY u(cond, n) ORDER BY n;
DROP INDEX t_partial;

-- Pages that cost little, as on a server that has all in memory.
SET random_page_cost = 1.1;
SELECT cond, pg_temp.way(format('SELECT id FROM t WHERE %s ORDER BY v <-> %L LIMIT 10', cond, :'q'))
FROM unnest(ARRAY['r >= 0', 'r < 200', 'r < 20', 'r < 0']) WITH ORDINALITY u(cond, n) ORDER BY n;
-- Pages that cost much.
SET random_page_cost = 40;
SELECT k, pg_temp.way(format('SELECT id FROM t ORDER BY v <-> %L LIMIT %s', :'q', k))
FROM unnest(ARRAY[10, 300, 20000]) k;
SET random_page_cost = 4;

-- Searches that do not end with the LIMIT of the query they are in.
SELECT pg_temp.way('SELECT o.id, n.id FROM (SELECT * FROM t WHERE id <= 100) o,
	LATERAL (SELECT id FROM t ORDER BY v <-> o.v LIMIT 5) n');
SELECT pg_temp.way(format('SELECT id FROM (SELECT * FROM t ORDER BY v <-> %L LIMIT 10) s
	ORDER BY id LIMIT 1', :'q'));
CREATE TABLE names (r int PRIMARY KEY, name text);
INSERT INTO names SELECT i, 'name ' || i FROM generate_series(0, 999) i;
VACUUM ANALYZE names;
SELECT pg_temp.way(format('SELECT id, name FROM t JOIN names USING (r) ORDER BY v <-> %L LIMIT 10', :'q'))
	LIKE '%Index Scan using t_v%' AS by_index;

-- A number of rows that is not known is taken for a tenth.
BEGIN;
SET LOCAL plan_cache_mode = force_generic_plan;
PREPARE nearest(vector, int) AS SELECT id FROM t ORDER BY v <-> $1 LIMIT $2;
SELECT pg_temp.way(format('EXECUTE nearest(%L, 10)', :'q'));
SET LOCAL plan_cache_mode = force_custom_plan;
SELECT pg_temp.way(format('EXECUTE nearest(%L, 10)', :'q'));
-- Left to itself the server stays with plans for the numbers it is given.
SET LOCAL plan_cache_mode = auto;
SELECT DISTINCT pg_temp.way(format('EXECUTE nearest(%L, 10)', :'q')) FROM generate_series(1, 10);
ROLLBACK;

-- Little memory: more passes.
SET work_mem = '64kB';
SELECT k, pg_temp.way(format('SELECT id FROM t ORDER BY v <-> %L LIMIT %s', :'q', k))
FROM unnest(ARRAY[10, 2000]) k;
SET work_mem = '4MB';

-- Partitions share the LIMIT.
CREATE TABLE p (id int, r int, v vector(64)) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10001);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10001) TO (30000);
CREATE INDEX p_v ON p USING flat (v);
INSERT INTO p SELECT * FROM t;
VACUUM ANALYZE p;
SELECT k, pg_temp.way(format('SELECT id FROM p ORDER BY v <-> %L LIMIT %s', :'q', k))
FROM unnest(ARRAY[10, 2000]) k;
SELECT cond, pg_temp.way(format('SELECT id FROM p WHERE %s ORDER BY v <-> %L LIMIT 10', cond, :'q'))
FROM unnest(ARRAY['r < 500', 'r < 20']) WITH ORDINALITY u(cond, n) ORDER BY n;
DROP TABLE p;

-- Vectors in the TOAST table: each distance reads them there, so that the
-- index pays for few rows already; not for rows that a filter leaves out.
CREATE TABLE wide (id int, r int, v vector(768));
INSERT INTO wide SELECT i, i * 7919 % 1000, pg_temp.noise(i, 768) FROM generate_series(1, 1000) i;
CREATE INDEX wide_v ON wide USING flat (v vector_cosine_ops);
VACUUM ANALYZE wide;
SELECT pg_temp.noise(0, 768) AS q \gset
SELECT k, pg_temp.way(format('SELECT id FROM wide ORDER BY v <=> %L LIMIT %s', :'q', k))
FROM unnest(ARRAY[1, 10, 1000]) k;
SELECT cond, pg_temp.way(format('SELECT id FROM wide WHERE %s ORDER BY v <=> %L LIMIT 10', cond, :'q'))
FROM unnest(ARRAY['r < 700', 'r < 20', 'r < 0']) WITH ORDINALITY u(cond, n) ORDER BY n;

-- What a distance costs: by dimensions, and by where the vector is.
CREATE FUNCTION pg_temp.row_cost(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Total Cost')::float8 / (plan -> 0 -> 'Plan' ->> 'Plan Rows')::float8;
END
$$;
CREATE TABLE wide_in_row (id int, r int, v vector(768));
ALTER TABLE wide_in_row ALTER v SET STORAGE plain;
INSERT INTO wide_in_row SELECT * FROM wide;
VACUUM ANALYZE wide_in_row;
CREATE TABLE untyped (v vector);
INSERT INTO untyped SELECT v FROM t LIMIT 1000;
VACUUM ANALYZE untyped;
WITH c AS (SELECT tab,
	pg_temp.row_cost(format('SELECT v <-> %L FROM %s', pg_temp.noise(1, dim), tab)) -
	pg_temp.row_cost(format('SELECT v FROM %s', tab)) AS cost
	FROM (VALUES ('t', 64), ('untyped', 64), ('wide_in_row', 768), ('wide', 768)) u(tab, dim))
SELECT (SELECT cost FROM c WHERE tab = 't') BETWEEN 0.05 AND 0.1 AS narrow,
	(SELECT cost FROM c WHERE tab = 'untyped') BETWEEN 0.05 AND 0.1 AS untyped,
	(SELECT cost FROM c WHERE tab = 'wide_in_row') BETWEEN 0.2 AND 0.5 AS wide,
	(SELECT cost FROM c WHERE tab = 'wide') BETWEEN 1 AND 2.5 AS out_of_line;
-- Calls without a column.
SELECT pg_temp.row_cost(format('SELECT l2_distance(%L, $$[1,2]$$), NULL::vector <=> $$[1]$$', '[1,1]')) < 1 AS cheap;
DROP TABLE t, names, wide, wide_in_row, untyped;
