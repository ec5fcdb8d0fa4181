-- Definition of indexes: operator classes, options, settings.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/index_helpers.sql'
\i :helpers

SELECT opcname, opcdefault, amvalidate(o.oid)
FROM pg_opclass o JOIN pg_am a ON a.oid = opcmethod
WHERE amname = 'hnsw' ORDER BY opcname;
SELECT amopstrategy, amoppurpose, oprname, opfname
FROM pg_amop JOIN pg_operator o ON o.oid = amopopr
	JOIN pg_am a ON a.oid = amopmethod LEFT JOIN pg_opfamily f ON f.oid = amopsortfamily
WHERE amname = 'hnsw' ORDER BY oprname;
SELECT pg_indexam_has_property(oid, name) IS TRUE AS has, name FROM pg_am,
	unnest('{can_order,can_unique,can_multi_col,can_include}'::text[]) name
WHERE amname = 'hnsw' ORDER BY name;

-- The metric has to be said.
CREATE TABLE t (id int, v vector(3), free vector, w vector(3));
CREATE INDEX ON t USING hnsw (v);
CREATE INDEX ON t USING hnsw (free vector_l2_ops);
CREATE INDEX ON t USING hnsw (id vector_l2_ops);
CREATE INDEX ON t USING hnsw (v vector_l2_ops, w vector_l2_ops);
CREATE UNIQUE INDEX ON t USING hnsw (v vector_l2_ops);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) INCLUDE (id);
CREATE INDEX ON t USING hnsw (v vector_l2_ops DESC);

-- Options: m, ef_construction, and what all indexes have.
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 100, seal_size = '4kB');
SELECT pg_get_indexdef('t_v'::regclass);
SELECT engine_type, metric_type, dimension, nlist FROM vectordb.tables WHERE indexrelid = 't_v'::regclass;
INSERT INTO t (id, v) SELECT i, pg_temp.noise(i, 3) FROM generate_series(1, 2000) i;
SELECT count(*) BETWEEN 3 AND 8 AS several FROM vectordb.segments WHERE indexrelid = 't_v'::regclass;
SELECT pg_temp.mismatches('t', '<->', ARRAY[pg_temp.noise(5000, 3)], '{10, 5000}');
ALTER INDEX t_v SET (m = 24);
ALTER INDEX t_v SET (ef_construction = 1000);
REINDEX INDEX t_v;
SELECT reloptions FROM pg_class WHERE relname = 't_v';
SELECT pg_temp.mismatches('t', '<->', ARRAY[pg_temp.noise(5000, 3)], '{10, 5000}');
ALTER INDEX t_v RESET (m, ef_construction, seal_size);
SELECT reloptions FROM pg_class WHERE relname = 't_v';
-- Fewer candidates than twice the neighbours make no sense: 16 is the default
-- of one, 64 of the other.
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 33);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (ef_construction = 31);
CREATE INDEX t_small ON t USING hnsw (v vector_l2_ops) WITH (m = 2, ef_construction = 4);
CREATE INDEX t_large ON t USING hnsw (v vector_l2_ops) WITH (m = 100, ef_construction = 200);
ALTER INDEX t_v SET (m = 64);
ALTER INDEX t_large RESET (ef_construction);
SELECT relname, reloptions FROM pg_class WHERE relname IN ('t_v', 't_small', 't_large') ORDER BY 1;
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 1);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 101, ef_construction = 1000);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 2, ef_construction = 3);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (ef_construction = 1001);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = many);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (lists = 100);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (fillfactor = 50);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (seal_size = 'large');
CREATE INDEX ON t USING flat (v) WITH (m = 16);
CREATE INDEX ON t USING flat (v) WITH (ef_construction = 64);
DROP TABLE t;
-- A partitioned table hands them to its partitions, and refuses the same.
CREATE TABLE p (id int, v vector(3)) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE INDEX p_v ON p USING hnsw (v vector_cosine_ops) WITH (m = 10, ef_construction = 40);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
SELECT tablename, regexp_replace(indexdef, '^.* USING', '') FROM pg_indexes WHERE tablename IN ('p', 'p1', 'p2') ORDER BY 1;
CREATE INDEX ON p USING hnsw (v vector_cosine_ops) WITH (m = 40);
DROP TABLE p;

-- Settings: names and values of existing programs, with defaults that need no
-- change.
SELECT name, setting, vartype, min_val, max_val, enumvals, context FROM pg_settings
WHERE name LIKE 'hnsw.%' OR name = 'vectordb.target_recall' ORDER BY name;
SET hnsw.ef_search = 40;
SHOW hnsw.ef_search;
SET hnsw.ef_search = 1000;
BEGIN;
SET LOCAL hnsw.ef_search = 100;
ROLLBACK;
SHOW hnsw.ef_search;
SET hnsw.ef_search = 1001;
SET hnsw.ef_search = -1;
SET hnsw.ef_search TO DEFAULT;
SHOW hnsw.ef_search;
SET hnsw.iterative_scan = off;
SET hnsw.iterative_scan = 'relaxed_order';
SET hnsw.iterative_scan = strict_order;
SET hnsw.iterative_scan = on;
SET hnsw.max_scan_tuples = 20000;
SET hnsw.max_scan_tuples = -2;
SET hnsw.max_scan_tuples = 0;
SET hnsw.scan_mem_multiplier = 2;
SET hnsw.scan_mem_multiplier = 0.5;
SET vectordb.target_recall = 0.99;
SET vectordb.target_recall = 0.4;
SET vectordb.target_recall = 1.1;
SET hnsw.ef_serach = 40;
SHOW hnsw.ef_construction;

-- Set before the library is loaded, they hold; what is no setting or no value
-- of one does not.
\c -
SET hnsw.ef_search = 77;
SET hnsw.iterative_scan = relaxed_order;
SET hnsw.max_scan_tuples = 'x';
SET hnsw.ef_serach = 40;
LOAD '$libdir/vectordb';
SHOW hnsw.ef_search;
SHOW hnsw.iterative_scan;
SHOW hnsw.max_scan_tuples;
SHOW hnsw.ef_serach;
