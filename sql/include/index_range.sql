-- Rows within a radius: through an index, with and without an order, as by a
-- sequential scan.
\set helpers :srcdir '/sql/include/index_helpers.sql'
\i :helpers

-- The rows of a query, by one way of reading or another.
CREATE FUNCTION pg_temp.rows_by(way text, query text, q vector, r float8)
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
	ids bigint[];
BEGIN
	PERFORM set_config('enable_seqscan', (way = 'Seq Scan')::text, true);
	PERFORM set_config('enable_bitmapscan', (way = 'Bitmap Index Scan')::text, true);
	PERFORM set_config('enable_indexscan', (way = 'Index Scan')::text, true);
	PERFORM set_config('enable_sort', (way <> 'Index Scan')::text, true);
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query USING q, r LOOP
		plan := plan || line;
	END LOOP;
	-- A NULL that the planner knows makes a plan without any scan.
	IF plan !~ way OR (way <> 'Seq Scan' AND plan !~ 'Index Cond') THEN
		RAISE EXCEPTION 'plan is not what is to be tested: %', plan;
	END IF;
	EXECUTE 'SELECT array_agg(id) FROM (' || query || ') s' INTO ids USING q, r;
	PERFORM set_config('enable_seqscan', 'on', true);
	PERFORM set_config('enable_bitmapscan', 'on', true);
	PERFORM set_config('enable_indexscan', 'on', true);
	PERFORM set_config('enable_sort', 'on', true);
	RETURN coalesce(ids, '{}');
END
$$;

CREATE FUNCTION pg_temp.sorted(ids bigint[]) RETURNS bigint[]
LANGUAGE sql AS 'SELECT coalesce(array_agg(i ORDER BY i), ''{}'') FROM unnest(ids) i';

-- What is wrong with the answers for a sphere, NULL if nothing is.  Without an
-- order by index and bitmap; in the order of the distance; in that from
-- another point.  "wanted" is said by the distance alone.
CREATE FUNCTION pg_temp.range_problem(tab text, op text, q vector, r float8, other vector)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	within text := format('v <%s> (SELECT sphere($1, $2))', op);
	plain text := format('SELECT id FROM %s WHERE ', tab);
	wanted bigint[];
	answer bigint[];
	n bigint;
BEGIN
	wanted := pg_temp.sorted(pg_temp.rows_by('Seq Scan',
		plain || format('v %s (SELECT $1) < (SELECT $2)', op), q, r));
	IF pg_temp.sorted(pg_temp.rows_by('Seq Scan', plain || within, q, r)) <> wanted THEN
		RETURN 'operator';
	END IF;
	IF pg_temp.sorted(pg_temp.rows_by('Index Scan', plain || within, q, r)) <> wanted THEN
		RETURN 'index scan';
	END IF;
	IF pg_temp.sorted(pg_temp.rows_by('Bitmap Index Scan', plain || within, q, r)) <> wanted THEN
		RETURN 'bitmap scan';
	END IF;
	answer := pg_temp.rows_by('Index Scan',
		plain || within || format(' ORDER BY v %s (SELECT $1)', op), q, r);
	IF pg_temp.sorted(answer) <> wanted THEN
		RETURN 'ordered scan';
	END IF;
	EXECUTE format('SELECT count(*) FROM (SELECT v %s $2 < lag(v %s $2) OVER (ORDER BY n) AS wrong
			FROM unnest($1) WITH ORDINALITY u(i, n) JOIN %s ON id = i) s WHERE wrong', op, op, tab)
		INTO n USING answer, q;
	IF n > 0 THEN
		RETURN 'order';
	END IF;
	answer := pg_temp.rows_by('Index Scan',
		plain || within || format(' ORDER BY v %s %L', op, other), q, r);
	IF pg_temp.sorted(answer) <> wanted THEN
		RETURN 'scan in another order';
	END IF;
	EXECUTE format('SELECT count(*) FROM (SELECT v %s $2 < lag(v %s $2) OVER (ORDER BY n) AS wrong
			FROM unnest($1) WITH ORDINALITY u(i, n) JOIN %s ON id = i) s WHERE wrong', op, op, tab)
		INTO n USING answer, other;
	RETURN CASE WHEN n > 0 THEN 'another order' END;
END
$$;

-- Clusters; NULL, zero, parallel and far-off vectors, copies; rows that were
-- built, and rows that came later.
CREATE TABLE t (id bigint PRIMARY KEY, r int, v vector(6));
INSERT INTO t SELECT i, i % 10, pg_temp.clustered(i, 12, 6) FROM generate_series(1, 1500) i;
INSERT INTO t SELECT 10000 + i, i % 10, NULL FROM generate_series(1, 20) i;
INSERT INTO t SELECT 20000 + i, i % 10, '[0,0,0,0,0,0]' FROM generate_series(1, 20) i;
INSERT INTO t SELECT 30000 + i, i % 10, format('[%s,%s,0,0,0,1]', i, -i)::vector FROM generate_series(1, 20) i;
INSERT INTO t SELECT 40000 + i, i % 10, '[1,2,3,4,5,6]' FROM generate_series(1, 50) i;
INSERT INTO t VALUES (50001, 0, '[1e30,0,0,0,0,0]'), (50002, 0, '[-3e38,3e38,0,0,0,0]'), (50003, 0, '[1e-30,0,0,0,0,0]');
CREATE INDEX t_l2 ON t USING :am (v vector_l2_ops);
CREATE INDEX t_ip ON t USING :am (v vector_ip_ops);
CREATE INDEX t_cosine ON t USING :am (v vector_cosine_ops);
CREATE INDEX t_l1 ON t USING :am (v vector_l1_ops);
ANALYZE t;

-- Radii: as many rows as 0, 1, 10, 100 or 1200 have a smaller distance, which
-- puts one row just on the edge; and what else is a number.
CREATE FUNCTION pg_temp.radii(op text, q vector) RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
	result float8[];
BEGIN
	EXECUTE format('SELECT array_agg(d ORDER BY d) FROM (SELECT v %s $1 AS d, row_number() OVER (ORDER BY v %s $1) AS n
			FROM t WHERE v IS NOT NULL) s WHERE n IN (1, 2, 11, 101, 1201)', op, op)
		INTO result USING q;
	RETURN result || '{0,-1,1e-300,1e300,-Infinity,Infinity,NaN}'::float8[];
END
$$;
CREATE VIEW pg_temp.questions AS SELECT * FROM unnest(ARRAY[pg_temp.clustered(5003, 12, 6), '[1,2,3,4,5,6]',
	'[0,0,0,0,0,0]', '[-1,0.5,0,0,0,2]', '[1e30,0,0,0,0,0]', '[1e-30,0,0,0,0,0]']::vector[]) q;
SELECT op, count(*) AS tried, array_agg(DISTINCT problem) FILTER (WHERE problem IS NOT NULL) AS problems
FROM unnest('{<->,<#>,<=>,<+>}'::text[]) op, pg_temp.questions, unnest(pg_temp.radii(op, q)) r,
	pg_temp.range_problem('t', op, q, r, '[1,0,0,0,0.5,0]') problem
GROUP BY op ORDER BY op;
INSERT INTO t SELECT id + 100000, r, v FROM t WHERE id % 3 > 0;
DELETE FROM t WHERE id % 7 = 0;
SELECT op, count(*) AS tried, array_agg(DISTINCT problem) FILTER (WHERE problem IS NOT NULL) AS problems
FROM unnest('{<->,<#>,<=>,<+>}'::text[]) op, pg_temp.questions, unnest(pg_temp.radii(op, q)) r,
	pg_temp.range_problem('t', op, q, r, '[0,0,0,0,0,0]') problem
WHERE abs(r) BETWEEN 1e-6 AND 1e100
GROUP BY op ORDER BY op;
VACUUM t;
SELECT vectordb.build('t_l2') >= 0 AND vectordb.build('t_ip') >= 0 AS built;
-- Little memory: results of several rounds.
SET work_mem = '64kB';
SELECT op, count(*) AS tried, array_agg(DISTINCT problem) FILTER (WHERE problem IS NOT NULL) AS problems
FROM unnest('{<->,<#>,<=>,<+>}'::text[]) op, pg_temp.questions, unnest(pg_temp.radii(op, q)) r,
	pg_temp.range_problem('t', op, q, r, q) problem
WHERE r > 1
GROUP BY op ORDER BY op;
RESET work_mem;

-- Spheres with NULL have nobody in them.
SELECT count(*) FROM t WHERE v <<->> sphere(NULL, 1);
SET enable_seqscan = off;
SELECT s, (SELECT count(*) FROM t WHERE v <<->> s) AS any_order,
	(SELECT count(*) FROM (SELECT FROM t WHERE v <<->> s ORDER BY v <-> '[1,2,3,4,5,6]') o) AS ordered
FROM unnest(ARRAY[NULL, ROW(NULL, 1), ROW('[1,2,3,4,5,6]', NULL), ROW(NULL, NULL),
	ROW('[1,2,3,4,5,6]', 0.5)]::sphere_vector[]) s;
-- An order by NULL.
SELECT count(*) FROM (SELECT FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 0.5) ORDER BY v <-> (SELECT NULL::vector)) s;
-- Another dimension is an error.
SELECT pg_temp.error_of('SELECT count(*) FROM t WHERE v <<->> sphere(''[1,2]'', 1)');

-- Plans.  The planner takes the index by itself; other ways to say the same
-- are filters.
RESET enable_seqscan;
SELECT * FROM pg_temp.plan('SELECT id FROM t WHERE v <<->> sphere(''[1,2,3,4,5,6]'', 0.5)');
SELECT * FROM pg_temp.plan('SELECT id FROM t WHERE v <<->> sphere(''[1,2,3,4,5,6]'', 0.5) ORDER BY v <-> ''[1,2,3,4,5,6]'' LIMIT 10');
SELECT * FROM pg_temp.plan('SELECT id FROM t WHERE v <<#>> sphere(''[1,2,3,4,5,6]'', -20) ORDER BY v <#> ''[1,2,3,4,5,6]''');
SELECT * FROM pg_temp.plan('SELECT id FROM t WHERE NOT v <<->> sphere(''[1,2,3,4,5,6]'', 0.5)');
SELECT * FROM pg_temp.plan('SELECT id FROM t WHERE v <-> ''[1,2,3,4,5,6]'' < 0.5');
SET enable_seqscan = off;
SET enable_indexscan = off;
SELECT * FROM pg_temp.plan('SELECT id FROM t WHERE v <<->> sphere(''[1,2,3,4,5,6]'', 0.5) OR v <<->> sphere(''[0,0,0,0,0,0]'', 0.1)');
SELECT count(*) FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 0.5) OR v <<->> sphere('[0,0,0,0,0,0]', 0.1);
RESET enable_indexscan;
-- The estimate: of all rows, of about a quarter, of few.
CREATE FUNCTION pg_temp.estimate(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::float8;
END
$$;
ANALYZE t;
SELECT radius, pg_temp.estimate(format('SELECT FROM t WHERE v <<->> sphere($$[0,0,0,0,0,0]$$, %s)', radius)) /
		(SELECT count(*) FROM t WHERE v <-> '[0,0,0,0,0,0]' < radius) BETWEEN 0.5 AND 2 AS near_truth
FROM unnest('{100,1.5}'::float8[]) radius;
SELECT pg_temp.estimate('SELECT FROM t WHERE v <<->> (SELECT sphere(v, 1) FROM t LIMIT 1)') /
	(SELECT count(*) FROM t) BETWEEN 0.004 AND 0.006 AS default_estimate;

-- Several conditions, filters, LIMIT, OFFSET.
SELECT count(*) FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 8) AND v <<->> sphere('[0,0,0,0,0,0]', 1.5)
EXCEPT SELECT count(*) FROM t WHERE v <-> '[1,2,3,4,5,6]' < 8 AND v <-> '[0,0,0,0,0,0]' < 1.5;
SELECT count(*) FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 8) AND v <<=>> sphere('[0,1,0,0,0,0]', 0.7)
EXCEPT SELECT count(*) FROM t WHERE v <-> '[1,2,3,4,5,6]' < 8 AND v <=> '[0,1,0,0,0,0]' < 0.7;
SELECT count(*), count(DISTINCT id), min(r), max(r) FROM
	(SELECT * FROM t WHERE v <<->> sphere('[0,0,0,0,0,0]', 1.5) AND r = 3 ORDER BY v <-> '[0,0,0,0,0,0]' OFFSET 10 LIMIT 30) s;
SELECT count(*) FROM (SELECT FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 0.5) LIMIT 7) s;
SELECT EXISTS (SELECT FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 0.5)),
	EXISTS (SELECT FROM t WHERE v <<->> sphere('[50,50,50,50,50,50]', 0.5));
-- The radius ends the scan: no row behind it is fetched.
SELECT count(*) FROM (SELECT FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 0.5) ORDER BY v <-> '[1,2,3,4,5,6]') s;
SELECT rows_returned < 120 AS few_returned FROM vectordb.last_scan();
SELECT count(*) FROM (SELECT FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 0.5) ORDER BY v <-> '[1,2,3,4,5,5]') s;
SELECT rows_returned < 120 AS few_returned, steps FROM vectordb.last_scan();
SELECT count(*) FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 0.5);
SELECT rows_returned < 120 AS few_returned, steps FROM vectordb.last_scan();

-- Joins: another sphere for each row, NULL among them.
SELECT o.id, count(n.id), count(*) FILTER (WHERE n.v <-> o.v >= 0.3) AS outside
FROM (SELECT * FROM t WHERE id IN (1, 2, 3, 10001, 20001, 40001)) o LEFT JOIN t n ON n.v <<->> sphere(o.v, 0.3)
GROUP BY o.id ORDER BY o.id;
SELECT o.id, count(n.id) FROM (SELECT * FROM t WHERE id IN (1, 2, 10001, 40001)) o,
	LATERAL (SELECT id FROM t WHERE v <<->> sphere(o.v, o.id) ORDER BY v <-> o.v LIMIT 5) n
GROUP BY o.id ORDER BY o.id;
-- After a search, one by NULL: it has all rows again.
SELECT o.n, count(m.id) = (SELECT count(*) FROM t) AS all_rows FROM (VALUES (1, '[1,2,3,4,5,6]'::vector), (2, NULL)) o(n, q),
	LATERAL (SELECT id FROM t ORDER BY v <-> o.q) m
GROUP BY o.n ORDER BY o.n;

-- Parameters, with plans for any value.
PREPARE near(vector, float8) AS SELECT count(*), count(*) FILTER (WHERE v <-> $1 < $2) FROM t WHERE v <<->> sphere($1, $2);
PREPARE nearest(vector, real) AS SELECT id < 50000 AS copy FROM t WHERE v <<->> sphere($1, $2) ORDER BY v <-> $1 LIMIT 2;
SET plan_cache_mode = force_generic_plan;
SELECT * FROM pg_temp.plan('EXECUTE near(''[1,2,3,4,5,6]'', 0.5)');
EXECUTE near('[1,2,3,4,5,6]', 0.5);
EXECUTE near('[1,2,3,4,5,6]', NULL);
EXECUTE near(NULL, 0.5);
EXECUTE nearest('[1,2,3,4,5,6]', 0.5);
RESET plan_cache_mode;
EXECUTE near('[0,0,0,0,0,0]', 1);
DEALLOCATE near;
DEALLOCATE nearest;

-- Cursors, FOR UPDATE, rows of the own transaction.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 0.5);
MOVE 3 IN c;
INSERT INTO t VALUES (60000, 0, '[1,2,3,4,5,6]');
MOVE ALL IN c;
SELECT count(*) FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 0.5);
SELECT count(*) FROM (SELECT FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 0.5) FOR UPDATE) s;
DELETE FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 0.5);
SELECT count(*) FROM t WHERE v <<->> sphere('[1,2,3,4,5,6]', 0.5);
ROLLBACK;

-- Partial indexes, expressions, partitions, columns of the type.
CREATE INDEX t_partial ON t USING :am ((v::vector(6)) vector_l1_ops) WHERE r = 3;
SELECT count(*) = (SELECT count(*) FROM t WHERE r = 3 AND v <+> '[0,0,0,0,0,0]' < 3) AS same
FROM t WHERE r = 3 AND v::vector(6) <<+>> sphere('[0,0,0,0,0,0]', 3);
-- A partial index without a condition on the distance: all of its rows.
SET enable_indexscan = off;
SELECT count(*) FROM pg_temp.plan('SELECT id FROM t WHERE r = 3 ORDER BY v::vector(6) <+> ''[0,0,0,0,0,0]''') p
WHERE p ~ 'Bitmap Index Scan on t_partial';
SELECT count(*) = (SELECT count(*) FROM t WHERE r = 3) AS same
FROM (SELECT id FROM t WHERE r = 3 ORDER BY v::vector(6) <+> '[0,0,0,0,0,0]') s;
RESET enable_indexscan;
CREATE TABLE p (id bigint, v vector(6)) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (2000);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (2000) TO (200000);
CREATE INDEX ON p USING :am (v vector_l2_ops);
INSERT INTO p SELECT id, v FROM t;
SELECT * FROM pg_temp.plan('SELECT id FROM p WHERE v <<->> sphere(''[0,0,0,0,0,0]'', 1) ORDER BY v <-> ''[0,0,0,0,0,0]''');
SELECT count(*) = (SELECT count(*) FROM t WHERE v <-> '[0,0,0,0,0,0]' < 1) AS same
FROM (SELECT FROM p WHERE v <<->> sphere('[0,0,0,0,0,0]', 1) ORDER BY v <-> '[0,0,0,0,0,0]') s;
CREATE TABLE alarms (name text, area sphere_vector);
INSERT INTO alarms VALUES ('copies', sphere('[1,2,3,4,5,6]', 0.5)), ('nothing', sphere('[9,9,9,9,9,9]', 1)), ('unset', NULL);
SELECT name, (area).radius, count(t.id) FROM alarms LEFT JOIN t ON v <<->> area GROUP BY name, area ORDER BY name;
DROP TABLE t, p, alarms CASCADE;
