-- Scans: what the executor and the planner make of an ordering index.
\set helpers :srcdir '/sql/include/index_helpers.sql'
\i :helpers

CREATE TABLE t (id int PRIMARY KEY, category int, w vector(8), v vector(8));
INSERT INTO t SELECT i, i % 1000, pg_temp.clustered(i + 7, 5, 8), pg_temp.clustered(i, 20, 8)
FROM generate_series(1, 6000) i;
UPDATE t SET v = NULL WHERE id % 600 = 0;
CREATE INDEX t_v ON t USING :am (v vector_l2_ops);
-- Two segments: one built, one that grows.
INSERT INTO t SELECT i, i % 1000, pg_temp.clustered(i + 7, 5, 8), pg_temp.clustered(i, 20, 8)
FROM generate_series(6001, 8000) i;
VACUUM ANALYZE t;
SELECT array_agg(pg_temp.clustered(i, 20, 8)) AS queries FROM generate_series(90001, 90005) i \gset

-- The planner uses the index where it pays, and only there.
SELECT * FROM pg_temp.plan('SELECT id FROM t ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 10');
SELECT * FROM pg_temp.plan('SELECT id FROM t ORDER BY ''[1,2,3,4,5,6,7,8]'' <-> v LIMIT 10');
SELECT * FROM pg_temp.plan('SELECT id FROM t ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
SELECT * FROM pg_temp.plan('SELECT id FROM t ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' DESC LIMIT 10');
SELECT * FROM pg_temp.plan('SELECT id FROM t ORDER BY v <#> ''[1,2,3,4,5,6,7,8]'' LIMIT 10');
SELECT * FROM pg_temp.plan('SELECT id FROM t WHERE id = 77 ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 10');
SELECT * FROM pg_temp.plan('SELECT id FROM t WHERE category < 500 ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 10');
SELECT * FROM pg_temp.plan('SELECT count(*) FROM t WHERE v <-> ''[1,2,3,4,5,6,7,8]'' < 1');
-- Never without an order, even where everything else is disabled.
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT * FROM pg_temp.plan('SELECT count(*) FROM t WHERE v IS NOT NULL');
RESET enable_seqscan;
RESET enable_bitmapscan;

-- Filters of every selectivity get their full LIMIT, and the right rows.
SELECT cond, pg_temp.mismatches('t', '<->', :'queries', '{1, 10, 500}', cond)
FROM unnest(ARRAY['category < 1000', 'category < 500', 'category < 100', 'category < 10',
	'category = 5', 'id = 4711', 'id < 0', 'v IS NULL', 'v IS NOT NULL']) WITH ORDINALITY u(cond, n)
ORDER BY n;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM (SELECT id FROM t WHERE category = 5 ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 8) s;

-- OFFSET and pages: no row is missing or doubled.
SELECT count(*), count(DISTINCT id) FROM
	(SELECT id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' OFFSET 3000 LIMIT 3000) s;
SELECT count(*), count(DISTINCT id), count(v) FROM
	(SELECT id, v FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 100000) s;

-- Two keys: the second orders rows of the same distance.
CREATE TABLE pairs (id serial, v vector(2));
INSERT INTO pairs (v) SELECT ARRAY[i % 5, i % 7]::vector FROM generate_series(1, 350) i;
INSERT INTO pairs (v) VALUES (NULL), (NULL);
CREATE INDEX pairs_v ON pairs USING :am (v vector_l2_ops);
SELECT * FROM pg_temp.plan('SELECT v FROM pairs ORDER BY v <-> ''[0,0]'', v <-> ''[5,5]'' LIMIT 5');
SELECT count(*) FILTER (WHERE NOT ordered) FROM
	(SELECT coalesce((a, b) >= lag((a, b)) OVER (), true) AS ordered FROM
		(SELECT v <-> '[2,2]' AS a, v <-> '[5,5]' AS b FROM pairs
		 ORDER BY v <-> '[2,2]', v <-> '[5,5]') s) o;
SELECT count(*) FILTER (WHERE NOT ordered) FROM
	(SELECT coalesce(b >= lag(b) OVER (), true) AS ordered FROM
		(SELECT v <-> '[5,5]' AS b FROM pairs
		 ORDER BY v <-> (SELECT NULL::vector), v <-> '[5,5]' LIMIT 350) s) o;
-- The server cannot sort by keys behind a NULL, so they are not left to it.
SELECT count(*) FILTER (WHERE line ~ 'Order By: ') FROM
	pg_temp.plan('SELECT v FROM pairs ORDER BY v <-> (SELECT NULL::vector), v <-> ''[5,5]''') line;
SELECT count(*) FROM (SELECT v FROM pairs ORDER BY v <-> '[0,0]', v <-> '[5,5]'
	FETCH FIRST 12 ROWS WITH TIES) s;
DROP TABLE pairs;

-- DISTINCT, aggregates over ordered rows, set operations.
SELECT count(*) FROM (SELECT DISTINCT category FROM
	(SELECT category FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 50) s) c;
SELECT count(*) FROM (SELECT DISTINCT ON (v <-> '[1,0,0,0,0,0,0,0]') id FROM t
	ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 20) s;
SELECT count(*) FROM (SELECT v <-> '[1,0,0,0,0,0,0,0]' AS d, count(*) FROM t GROUP BY 1 ORDER BY 1 LIMIT 20) s;

-- Any amount of memory.
SET work_mem = '1TB';
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' OFFSET 7000) s;
RESET work_mem;

-- Joins: the scan starts again for each outer row.
SELECT count(*), count(DISTINCT n.id) > 500 AS many,
	count(*) FILTER (WHERE n.rank = 1 AND n.id <> o.id AND n.d > 0) AS wrong
FROM (SELECT * FROM t WHERE id % 19 = 1) o,
	LATERAL (SELECT id, v <-> o.v AS d, row_number() OVER () AS rank
			 FROM (SELECT * FROM t ORDER BY v <-> o.v LIMIT 3) s) n;
-- Outer rows with NULL, and with another query each time.
SELECT o.id, count(n.id) FROM (SELECT * FROM t WHERE id IN (599, 600, 601)) o,
	LATERAL (SELECT id FROM t ORDER BY v <-> o.v LIMIT 4) n GROUP BY o.id ORDER BY o.id;
-- Two scans of one index at the same time.
SELECT count(*) FROM
	(SELECT id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 300) a
	JOIN (SELECT id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 300) b USING (id);

-- Cursors.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]';
MOVE 2500 IN c;
INSERT INTO t SELECT i, 0, NULL, '[1,0,0,0,0,0,0,0]' FROM generate_series(10001, 10100) i;
DELETE FROM t WHERE id % 2 = 0;
MOVE ALL IN c;
CLOSE c;
DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 3;
FETCH ALL FROM c;
FETCH BACKWARD 2 FROM c;
ROLLBACK;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]') s;

-- Prepared statements, with generic plans too.
SET plan_cache_mode = force_generic_plan;
PREPARE nearest(vector, int) AS SELECT count(*) FROM
	(SELECT id FROM t ORDER BY v <-> $1 LIMIT $2) s;
EXECUTE nearest('[1,0,0,0,0,0,0,0]', 10);
EXECUTE nearest(NULL, 20);
SELECT pg_temp.error_of('EXECUTE nearest(''[1,0,0,0,0,0,0]'', 10)');
RESET plan_cache_mode;
DEALLOCATE nearest;

-- FOR UPDATE.
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 5 FOR UPDATE) s;

-- Addresses, which some servers lose when they put rows into order: the planner
-- then takes another way.
SELECT count(*) FROM (SELECT ctid AS c, id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 20) s
	JOIN t ON t.ctid = s.c AND t.id = s.id;
BEGIN;
WITH nearest AS (SELECT id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 20 FOR UPDATE)
UPDATE t SET w = NULL FROM nearest WHERE t.id = nearest.id;
SELECT count(*) FROM t WHERE w IS NULL;
ROLLBACK;
SELECT count(*) FROM (SELECT id FROM t WHERE ctid >= '(1,1)' AND ctid < '(2,1)'
	ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 10) s;

-- What the scan did: some rows of each page are refined, few are returned.
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 10) s;
SELECT segments, rounds < 4 AS few_rounds, rows_scanned > 7900 AS all_scanned,
	rows_refined < 1000 AS few_refined,
	rows_returned < 200 AS few_returned FROM vectordb.last_scan();

-- A serialized transaction and an aborted subtransaction do no harm.
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 10) s;
SAVEPOINT s;
SELECT pg_temp.error_of('SELECT id / 0 FROM t ORDER BY v <-> ''[1,0,0,0,0,0,0,0]'' LIMIT 10');
ROLLBACK TO s;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[1,0,0,0,0,0,0,0]' LIMIT 10) s;
COMMIT;
DROP TABLE t;
