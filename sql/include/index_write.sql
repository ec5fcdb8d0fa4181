-- Rows that are inserted, updated, deleted and vacuumed under an index.
\set helpers :srcdir '/sql/include/index_helpers.sql'
\i :helpers

CREATE TABLE t (id int PRIMARY KEY, note text, v vector(4)) WITH (fillfactor = 50);
CREATE INDEX t_v ON t USING :am (v vector_l2_ops) WITH (seal_size = '8kB');
CREATE FUNCTION pg_temp.nearest(q vector, k int) RETURNS int[] LANGUAGE sql
SET enable_seqscan = off SET enable_sort = off AS
	'SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <-> q LIMIT k) s';
SELECT pg_temp.nearest('[0,0,0,0]', 3);

-- A transaction finds its own rows; what is rolled back is never found.
BEGIN;
INSERT INTO t VALUES (1, 'one', '[1,0,0,0]'), (2, 'two', '[2,0,0,0]');
SELECT pg_temp.nearest('[0,0,0,0]', 3);
SAVEPOINT a;
INSERT INTO t VALUES (3, 'three', '[0,0,0,0]');
SELECT pg_temp.nearest('[0,0,0,0]', 3);
ROLLBACK TO a;
SELECT pg_temp.nearest('[0,0,0,0]', 3);
SAVEPOINT b;
INSERT INTO t VALUES (3, 'three', '[3,0,0,0]');
DELETE FROM t WHERE id = 1;
RELEASE b;
SELECT pg_temp.nearest('[0,0,0,0]', 3);
COMMIT;
SELECT pg_temp.nearest('[0,0,0,0]', 3);
BEGIN;
INSERT INTO t SELECT i, 'lost', '[0,0,0,0]' FROM generate_series(100, 1000) i;
SELECT cardinality(pg_temp.nearest('[0,0,0,0]', 2000));
ROLLBACK;
SELECT pg_temp.nearest('[0,0,0,0]', 3);

-- HOT updates leave the index alone, others do not.
UPDATE t SET note = note || '!' WHERE id = 2;
UPDATE t SET note = note || '!' WHERE id = 2;
SELECT pg_temp.nearest('[0,0,0,0]', 3);
UPDATE t SET v = '[9,0,0,0]' WHERE id = 2;
SELECT pg_temp.nearest('[0,0,0,0]', 3);
INSERT INTO t VALUES (2, '', '[0,0,0,0]') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT pg_temp.nearest('[0,0,0,0]', 3);
INSERT INTO t VALUES (2, '', NULL) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT pg_temp.nearest('[0,0,0,0]', 3);

-- A statement that reads the index it writes to ends.
TRUNCATE t;
SELECT pg_temp.nearest('[0,0,0,0]', 3);
INSERT INTO t SELECT i, '', pg_temp.noise(i, 4) FROM generate_series(1, 200) i;
SET enable_seqscan = off;
SET enable_sort = off;
INSERT INTO t SELECT 1000 + id, '', v FROM t ORDER BY v <-> '[0,0,0,0]';
INSERT INTO t SELECT 10000 + id, '', v FROM t ORDER BY v <-> '[0,0,0,0]' LIMIT 250;
RESET enable_seqscan;
RESET enable_sort;
SELECT count(*), count(DISTINCT v) FROM t;
SELECT pg_temp.mismatches('t', '<->', ARRAY[pg_temp.noise(777, 4), NULL], '{1, 10, 1000}');

-- Deletes, with and without VACUUM; the rows left are all found.
DELETE FROM t WHERE id % 3 = 0;
SELECT pg_temp.mismatches('t', '<->', ARRAY[pg_temp.noise(777, 4), NULL], '{1, 10, 1000}');
VACUUM t;
SELECT pg_temp.mismatches('t', '<->', ARRAY[pg_temp.noise(777, 4), NULL], '{1, 10, 1000}');
-- Their heap addresses are used again.
INSERT INTO t SELECT 20000 + i, '', pg_temp.noise(-i, 4) FROM generate_series(1, 300) i;
SELECT pg_temp.mismatches('t', '<->', ARRAY[pg_temp.noise(777, 4), NULL], '{1, 10, 1000}');
SELECT vectordb.flush('t_v') IS NOT NULL AS sealed;
SELECT vectordb.build('t_v') > 0 AS built;
SELECT pg_temp.mismatches('t', '<->', ARRAY[pg_temp.noise(777, 4), NULL], '{1, 10, 1000}');
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT vectordb.build('t_v') > 0 AS rebuilt;
SELECT pg_temp.mismatches('t', '<->', ARRAY[pg_temp.noise(777, 4), NULL], '{1, 10, 1000}');
SELECT sum(row_count) - sum(dead_rows) = (SELECT count(*) FROM t) AS counted
FROM vectordb.segments WHERE indexrelid = 't_v'::regclass;
SELECT * FROM vectordb.check('t_v');
DELETE FROM t;
VACUUM t;
SELECT count(*) FROM vectordb.segments WHERE indexrelid = 't_v'::regclass AND file_type <> 'growing';
SELECT pg_temp.nearest('[0,0,0,0]', 3);
SELECT * FROM vectordb.check('t_v');
DROP TABLE t;

-- A table that is updated for ever does not grow for ever, whether or not its
-- segments are reorganised.
CREATE TABLE u (id int PRIMARY KEY, v vector(16)) WITH (autovacuum_enabled = off);
INSERT INTO u SELECT i, pg_temp.noise(i, 16) FROM generate_series(1, 3000) i;
CREATE INDEX u_v ON u USING :am (v vector_l2_ops) WITH (seal_size = '64kB');
CREATE TEMP TABLE sizes AS SELECT 0 AS round, pg_relation_size('u_v') AS bytes;
CREATE FUNCTION pg_temp.negate(vector) RETURNS vector LANGUAGE sql IMMUTABLE AS
	'SELECT array_fill(0, ARRAY[vector_dims($1)])::vector - $1';
\set round 'UPDATE u SET v = pg_temp.negate(v); VACUUM u; INSERT INTO sizes SELECT max(round) + 1, pg_relation_size(''u_v'') FROM sizes;'
:round :round :round :round :round :round :round :round :round :round
SELECT max(bytes) < 3 * min(bytes) AS below_three,
	max(bytes) FILTER (WHERE round >= 5) <= max(bytes) FILTER (WHERE round < 5) AS level
FROM sizes;
SELECT pg_temp.mismatches('u', '<->', ARRAY[pg_temp.noise(777, 16)], '{1, 10, 5000}');
SELECT vectordb.build('u_v') > 0 AS built;
:round :round :round :round :round
SELECT max(bytes) < 3 * min(bytes) AS below_three FROM sizes;
SELECT pg_temp.mismatches('u', '<->', ARRAY[pg_temp.noise(777, 16)], '{1, 10, 5000}');
SELECT * FROM vectordb.check('u_v');
DROP TABLE u;

-- COPY, and a value of the wrong dimension that changes nothing.
CREATE TABLE c (id int, v vector);
CREATE INDEX c_v ON c USING :am ((v::vector(2)) vector_l2_ops);
COPY c FROM stdin;
1	[1,2]
2	\N
3	[3,4]
\.
SELECT pg_temp.error_of('INSERT INTO c VALUES (4, ''[1,2,3]'')');
SELECT count(*) FROM c;
SET enable_seqscan = off;
SELECT id FROM c ORDER BY v::vector(2) <-> '[3,3]';
RESET enable_seqscan;
DROP TABLE c;
-- A growing segment half of which is dead is sealed by VACUUM, with its dead rows counted.
CREATE TABLE d (id int, v vector(64));
CREATE INDEX d_v ON d USING :am (v vector_l2_ops);
INSERT INTO d SELECT i, array_fill(i, ARRAY[64])::vector FROM generate_series(1, 3000) i;
DELETE FROM d WHERE id > 1000;
SET vectordb.vacuum_merge = off;
VACUUM d;
RESET vectordb.vacuum_merge;
SELECT file_type, row_count, dead_rows FROM vectordb.index_segments('d_v');
DROP TABLE d;
