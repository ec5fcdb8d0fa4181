-- Kinds of tables and of indexes.
\set helpers :srcdir '/sql/include/index_helpers.sql'
\i :helpers

\set probe 'pg_temp.noise(-1, 6)'
-- Partial and on an expression.
CREATE TABLE t (id int PRIMARY KEY, kind text, v vector(6), a real[]);
INSERT INTO t SELECT i, (ARRAY['a', 'b', 'c'])[i % 3 + 1], pg_temp.noise(i, 6), pg_temp.noise(i, 6)::real[]
FROM generate_series(1, 2000) i;
CREATE INDEX t_partial ON t USING :am (v vector_l2_ops) WHERE kind = 'b';
CREATE INDEX t_expression ON t USING :am ((a::vector(6)) vector_l2_ops);
ANALYZE t;
SELECT pg_temp.mismatches('t', '<->', ARRAY[:probe], '{10, 3000}', 'kind = ''b''');
SELECT * FROM pg_temp.plan('SELECT id FROM t WHERE kind = ''b'' ORDER BY v <-> ''[1,2,3,4,5,6]'' LIMIT 3');
SELECT * FROM pg_temp.plan('SELECT id FROM t WHERE kind = ''a'' ORDER BY v <-> ''[1,2,3,4,5,6]'' LIMIT 3');
SELECT * FROM pg_temp.plan('SELECT id FROM t ORDER BY a::vector(6) <-> ''[1,2,3,4,5,6]'' LIMIT 3');
UPDATE t SET kind = 'b' WHERE kind = 'c' AND id < 1000;
UPDATE t SET kind = 'a' WHERE kind = 'b' AND id > 1500;
VACUUM t;
SELECT pg_temp.mismatches('t', '<->', ARRAY[:probe], '{10, 3000}', 'kind = ''b''');
SELECT pg_temp.differs('SELECT id, a::vector(6) <-> $1 AS d FROM t ORDER BY a::vector(6) <-> $1 LIMIT 50', :probe);
-- A partial index counts its own rows.
SELECT reltuples BETWEEN 600 AND 900 AS own FROM pg_class WHERE relname = 't_partial';
SELECT problem FROM vectordb.check('t_partial') UNION ALL SELECT problem FROM vectordb.check('t_expression');

-- An expression that fails leaves no index behind.
SELECT pg_temp.error_of(format('CREATE INDEX t_fails ON t USING %I (((a || array_fill(0, ARRAY[id / 1999])::real[])::vector(6)) vector_l2_ops)', :'am'));
SELECT count(*) FROM pg_class WHERE relname = 't_fails';

-- REINDEX, CONCURRENTLY too; CLUSTER and VACUUM FULL give rows new addresses.
CREATE INDEX CONCURRENTLY t_v ON t USING :am (v vector_l2_ops);
SELECT pg_temp.mismatches('t', '<->', ARRAY[:probe], '{10, 3000}');
REINDEX INDEX t_v;
SELECT pg_temp.mismatches('t', '<->', ARRAY[:probe], '{10, 3000}');
REINDEX INDEX CONCURRENTLY t_v;
SELECT pg_temp.mismatches('t', '<->', ARRAY[:probe], '{10, 3000}');
DELETE FROM t WHERE id % 5 = 0;
VACUUM FULL t;
SELECT pg_temp.mismatches('t', '<->', ARRAY[:probe], '{10, 3000}');
CLUSTER t USING t_pkey;
SELECT pg_temp.mismatches('t', '<->', ARRAY[:probe], '{10, 3000}');
SELECT pg_temp.error_of('CLUSTER t USING t_v');
SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND NOT indisvalid;
SELECT * FROM vectordb.check('t_v');
-- Parallel VACUUM: several indexes of one table.
ALTER TABLE t SET (autovacuum_enabled = off);
SET min_parallel_index_scan_size = 0;
DELETE FROM t WHERE id % 7 = 0;
VACUUM (PARALLEL 2) t;
RESET min_parallel_index_scan_size;
SELECT pg_temp.mismatches('t', '<->', ARRAY[:probe], '{10, 3000}');
SELECT pg_temp.mismatches('t', '<->', ARRAY[:probe], '{10, 3000}', 'kind = ''b''');
ALTER TABLE t ALTER v TYPE vector(6) USING pg_temp.noise(id + 1, 6);
SELECT pg_temp.mismatches('t', '<->', ARRAY[:probe], '{10, 3000}');
SELECT pg_temp.error_of('ALTER TABLE t ALTER v TYPE vector');
DROP TABLE t;

-- Unlogged and temporary tables.
CREATE UNLOGGED TABLE un (id int, v vector(6));
INSERT INTO un SELECT i, pg_temp.noise(i, 6) FROM generate_series(1, 500) i;
CREATE INDEX un_v ON un USING :am (v vector_l2_ops);
INSERT INTO un SELECT i, pg_temp.noise(i, 6) FROM generate_series(501, 1000) i;
SELECT pg_temp.mismatches('un', '<->', ARRAY[:probe], '{10, 3000}');
DELETE FROM un WHERE id % 2 = 0;
VACUUM un;
SELECT vectordb.build('un_v') > 0 AS built;
SELECT pg_temp.mismatches('un', '<->', ARRAY[:probe], '{10, 3000}');
ALTER TABLE un SET LOGGED;
SELECT pg_temp.mismatches('un', '<->', ARRAY[:probe], '{10, 3000}');
ALTER TABLE un SET UNLOGGED;
SELECT pg_temp.mismatches('un', '<->', ARRAY[:probe], '{10, 3000}');
SELECT * FROM vectordb.check('un_v');
DROP TABLE un;
CREATE TEMP TABLE tm (id int, v vector(6)) ON COMMIT DELETE ROWS;
CREATE INDEX tm_v ON tm USING :am (v vector_l2_ops);
BEGIN;
INSERT INTO tm SELECT i, pg_temp.noise(i, 6) FROM generate_series(1, 500) i;
SELECT pg_temp.mismatches('tm', '<->', ARRAY[:probe], '{10, 3000}');
COMMIT;
SELECT pg_temp.mismatches('tm', '<->', ARRAY[:probe], '{10}');
DROP TABLE tm;
-- Created and loaded in one transaction, with a truncation between.
BEGIN;
CREATE TABLE fresh (id int, v vector(6));
CREATE INDEX fresh_v ON fresh USING :am (v vector_l2_ops);
INSERT INTO fresh SELECT i, pg_temp.noise(i, 6) FROM generate_series(1, 500) i;
TRUNCATE fresh;
INSERT INTO fresh SELECT i, pg_temp.noise(i, 6) FROM generate_series(501, 900) i;
SELECT pg_temp.mismatches('fresh', '<->', ARRAY[:probe], '{10, 3000}');
COMMIT;
SELECT pg_temp.mismatches('fresh', '<->', ARRAY[:probe], '{10, 3000}');
DROP TABLE fresh;

-- Partitions: an ordered merge of the partitions' scans.
CREATE TABLE p (id int, region int, v vector(6)) PARTITION BY LIST (region);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
CREATE TABLE p3 PARTITION OF p DEFAULT;
INSERT INTO p SELECT i, i % 4, pg_temp.noise(i, 6) FROM generate_series(1, 6000) i;
CREATE INDEX p_v ON p USING :am (v vector_l2_ops);
INSERT INTO p SELECT i, i % 4, pg_temp.noise(i, 6) FROM generate_series(6001, 8000) i;
ANALYZE p;
SELECT * FROM pg_temp.plan('SELECT id FROM p ORDER BY v <-> ''[1,2,3,4,5,6]'' LIMIT 5');
SELECT * FROM pg_temp.plan('SELECT id FROM p WHERE region = 2 ORDER BY v <-> ''[1,2,3,4,5,6]'' LIMIT 5');
SELECT pg_temp.mismatches('p', '<->', ARRAY[:probe, NULL], '{10, 10000}');
-- Two partitions: PostgreSQL 18 forgets what is disabled below an Append of one.
SELECT pg_temp.mismatches('p', '<->', ARRAY[:probe], '{10, 10000}', 'region IN (2, 3)');
UPDATE p SET region = region + 1 WHERE id % 3 = 0;
SELECT pg_temp.mismatches('p', '<->', ARRAY[:probe], '{10, 10000}');
CREATE TABLE p4 (id int, region int, v vector(6));
INSERT INTO p4 SELECT i, 9, pg_temp.noise(i, 6) FROM generate_series(9001, 9100) i;
ALTER TABLE p ATTACH PARTITION p4 FOR VALUES IN (9);
SELECT pg_temp.mismatches('p', '<->', ARRAY[:probe], '{10, 10000}');
ALTER TABLE p DETACH PARTITION p2;
SELECT pg_temp.mismatches('p', '<->', ARRAY[:probe], '{10, 10000}');
DROP TABLE p, p2;

-- Inheritance and a materialized view.
CREATE TABLE base (id int, v vector(6));
INSERT INTO base SELECT i, pg_temp.noise(i, 6) FROM generate_series(1, 1000) i;
CREATE MATERIALIZED VIEW mv AS SELECT * FROM base;
CREATE INDEX mv_v ON mv USING :am (v vector_l2_ops);
DELETE FROM base WHERE id % 2 = 0;
REFRESH MATERIALIZED VIEW mv;
SELECT pg_temp.mismatches('mv', '<->', ARRAY[:probe], '{10, 10000}');
DROP TABLE base CASCADE;
