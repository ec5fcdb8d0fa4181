-- Administration: views, functions, settings.
\pset pager off

-- A setting of an extension is not known before the library is loaded; then
-- what cannot be is taken back, with a warning.  Details name the machine's
-- instruction sets.
\set VERBOSITY terse
SET vectordb.kernels = 'abacus';
SELECT '[1,2,3]'::vector;
SHOW vectordb.kernels;
SET vectordb.kernels = 'abacus';
SET vectordb.kernel = 'auto';
\set VERBOSITY default

SET client_min_messages = warning;
CREATE TABLE docs (id int PRIMARY KEY, v vector(3));
CREATE TABLE "No index" (id int, v vector(3));
CREATE VIEW docs_view AS SELECT * FROM docs;
CREATE SEQUENCE docs_seq;
INSERT INTO docs VALUES (1, '[1,2,3]');

-- Before the first scan of a session there is one row, all NULL.
SELECT * FROM vectordb.last_scan();
SELECT count(*), count(segments) FROM vectordb.last_scan();

-- A table: the hint names its vector indexes, if it has any.
SELECT vectordb.build('docs');
CREATE INDEX docs_l2 ON docs USING flat (v);
SELECT vectordb.build('docs');
CREATE INDEX "docs IP" ON docs USING flat (v vector_ip_ops);
SELECT vectordb.build('docs');
SELECT vectordb.flush('docs');
SELECT vectordb.check('docs');
SELECT vectordb.index_info('docs');
SELECT vectordb.index_segments('docs');
SELECT vectordb.build('"No index"');
SELECT vectordb.build('docs_view');
SELECT vectordb.build('docs_seq');
SELECT vectordb.build('no_such_relation');
SELECT vectordb.build(1::regclass);

-- An index of another kind.
SELECT vectordb.build('docs_pkey');

-- Names are qualified where that is needed.
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.t (v vector(3));
CREATE INDEX t_v ON elsewhere.t USING flat (v);
SELECT vectordb.build('elsewhere.t');
SELECT vectordb.build('elsewhere.t_v');

-- A partitioned table and its index: the indexes of partitions do.
CREATE TABLE parts (id int, v vector(3)) PARTITION BY RANGE (id);
CREATE INDEX parts_v ON parts USING flat (v);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
SELECT vectordb.build('parts');
SELECT vectordb.build('parts_v');
SELECT vectordb.build('parts_1_v_idx');

\set VERBOSITY sqlstate
SELECT vectordb.build('docs');
SELECT vectordb.build('docs_pkey');
SELECT vectordb.build('parts_v');
SELECT vectordb.build(1::regclass);
\set VERBOSITY default

-- Segments of one index and of all have the same columns, in the same order.
INSERT INTO docs SELECT i, ARRAY[i, 2, 3]::vector FROM generate_series(2, 99) i;
SELECT vectordb.flush('docs_l2') IS NOT NULL AS sealed;
INSERT INTO docs SELECT i, ARRAY[i, 2, 3]::vector FROM generate_series(100, 109) i;
SELECT (SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = 'vectordb.segments'::regclass
		  AND attname NOT IN ('table_id', 'indexrelid', 'engine_type')) =
	   (SELECT proargnames[2:]::name[] FROM pg_proc
		WHERE oid = 'vectordb.index_segments'::regproc) AS same_columns;
SELECT file_type, row_count, state, dead_rows, level, created_on IS NULL AS growing
FROM vectordb.index_segments('docs_l2') ORDER BY file_id;
SELECT file_id, file_type, file_size, row_count, created_on, state, dead_rows, level
FROM vectordb.segments WHERE indexrelid = 'docs_l2'::regclass
EXCEPT ALL SELECT * FROM vectordb.index_segments('docs_l2');

DROP TABLE docs, "No index", parts CASCADE;
DROP SEQUENCE docs_seq;
DROP SCHEMA elsewhere CASCADE;
