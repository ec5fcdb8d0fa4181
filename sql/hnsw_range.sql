-- sql/include/index_range.sql, for the access method "hnsw".
\getenv srcdir PG_ABS_SRCDIR
-- With a target of 1 an index with graphs is exact, too.
SET vectordb.target_recall = 1;
\set am hnsw
\set body :srcdir '/sql/include/index_range.sql'
\i :body

-- Graphs.  Without an order they are read, not walked, whatever the target: no
-- row is missing.  In the order of the distance they are walked as far as the
-- radius; almost no row is.
RESET vectordb.target_recall;
CREATE TABLE t (id bigint PRIMARY KEY, v vector(24));
INSERT INTO t SELECT i, pg_temp.clustered(i, 40, 24) FROM generate_series(1, 6000) i;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
INSERT INTO t SELECT i, pg_temp.clustered(i, 40, 24) FROM generate_series(6001, 6100) i;
ANALYZE t;
CREATE FUNCTION pg_temp.steps(query text, OUT nrows bigint, OUT walked boolean)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT count(*) FROM (' || query || ') s' INTO nrows;
	walked := steps > 0 FROM vectordb.last_scan();
END
$$;
SET enable_seqscan = off;
SET enable_sort = off;
WITH spheres AS MATERIALIZED
	(SELECT i, q, (SELECT max(d) FROM (SELECT v <-> q AS d FROM t ORDER BY 1 LIMIT i) s) AS r
	 FROM (SELECT i, pg_temp.clustered(90000 + i, 40, 24) AS q FROM unnest('{2,20,60,150}'::int[]) i) s)
SELECT any_order.walked, ordered.walked, sum(any_order.nrows) >= sum(i - 1) AS full,
	sum(ordered.nrows) >= 0.95 * sum(any_order.nrows) AS near_full,
	bool_or(ordered.nrows > any_order.nrows) AS too_many
FROM spheres, pg_temp.steps(format('SELECT id FROM t WHERE v <<->> sphere(%L, %s)', q, r)) any_order,
	pg_temp.steps(format('SELECT id FROM t WHERE v <<->> sphere(%L, %s) ORDER BY v <-> %L', q, r, q)) ordered
GROUP BY 1, 2;
-- Walking for a radius with nobody within it ends soon.
SELECT count(*) FROM (SELECT id FROM t WHERE v <<->> sphere((SELECT v FROM t WHERE id = 7), 1e-9)
	ORDER BY v <-> (SELECT v FROM t WHERE id = 7)) s;
SELECT steps BETWEEN 1 AND 150 AS few FROM vectordb.last_scan();
-- A radius behind all rows: walking ends, all are read.
SELECT nrows > 5900 AS near_all, walked FROM
	pg_temp.steps('SELECT id FROM t WHERE v <<->> sphere(array_fill(0, ARRAY[24])::vector, ''NaN'')
	ORDER BY v <-> array_fill(0, ARRAY[24])::vector');
-- Settings that cut a walk do not cut what is read.
SET hnsw.iterative_scan = off;
SELECT * FROM pg_temp.steps('SELECT id FROM t WHERE v <<->> sphere(array_fill(0, ARRAY[24])::vector, 100)');
SELECT * FROM pg_temp.steps('SELECT id FROM t WHERE v <<->> sphere(array_fill(0, ARRAY[24])::vector, 100)
	ORDER BY v <-> array_fill(1, ARRAY[24])::vector');
SELECT nrows < 1000 AS cut, walked FROM
	pg_temp.steps('SELECT id FROM t WHERE v <<->> sphere(array_fill(0, ARRAY[24])::vector, 100)
	ORDER BY v <-> array_fill(0, ARRAY[24])::vector');
RESET hnsw.iterative_scan;
-- After a search that has walked, one by NULL has all rows again.
SELECT o.n, count(m.id) > CASE o.n WHEN 1 THEN 5900 ELSE 6099 END AS all_rows FROM (VALUES (1, pg_temp.clustered(5, 40, 24)), (2, NULL)) o(n, q),
	LATERAL (SELECT id FROM t ORDER BY v <-> o.q) m
GROUP BY o.n ORDER BY o.n;
DROP TABLE t;
