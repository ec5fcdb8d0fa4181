-- Administrative functions: what is not a vector index, and what is said then.
\pset pager off
SET client_min_messages = warning;
CREATE TABLE docs (id int PRIMARY KEY, v vector(3));
CREATE TABLE "No index" (id int, v vector(3));
CREATE VIEW docs_view AS SELECT * FROM docs;
CREATE SEQUENCE docs_seq;
INSERT INTO docs VALUES (1, '[1,2,3]');

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

DROP TABLE docs, "No index", parts CASCADE;
DROP SEQUENCE docs_seq;
DROP SCHEMA elsewhere CASCADE;
