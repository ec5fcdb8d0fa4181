-- VACUUM merges segments with few live rows, so that a table whose rows die
-- one by one does not keep the space of all that ever were.
CREATE TABLE vac (id int PRIMARY KEY, v vector(32));
CREATE INDEX vac_idx ON vac USING :am (v vector_l2_ops)
  WITH (seal_size = '64kB');
INSERT INTO vac
SELECT i, (SELECT array_agg(sin(i * 0.7 + j)::real ORDER BY j)
           FROM generate_series(1, 32) j)::vector
FROM generate_series(1, 4000) i;
SELECT vectordb.flush('vac_idx') IS NOT NULL AS sealed;
SELECT count(*) > 4 AS many, sum(row_count) FROM vectordb.segments
WHERE indexrelid = 'vac_idx'::regclass;

-- Every segment keeps some rows.
DELETE FROM vac WHERE id % 50 <> 0;
SET vectordb.vacuum_merge = off;
VACUUM vac;
SELECT count(*) > 4 AS many, sum(row_count), sum(dead_rows)
FROM vectordb.segments WHERE indexrelid = 'vac_idx'::regclass;
RESET vectordb.vacuum_merge;
VACUUM vac;
SELECT state, file_type, row_count, dead_rows, level
FROM vectordb.segments WHERE indexrelid = 'vac_idx'::regclass;
SELECT * FROM vectordb.check('vac_idx');

SET enable_seqscan = off;
SELECT id FROM vac ORDER BY v <-> (SELECT v FROM vac WHERE id = 100) LIMIT 1;
SELECT count(*)
FROM (SELECT id FROM vac ORDER BY v <-> (SELECT v FROM vac WHERE id = 50)) s;

-- The space of the old segments is there for new rows.
SELECT (vectordb.index_info('vac_idx')).free_size > 0 AS has_free_space;
INSERT INTO vac SELECT 10000 + i, (SELECT v FROM vac WHERE id = 50)
FROM generate_series(1, 1000) i;
SELECT * FROM vectordb.check('vac_idx');
DROP TABLE vac;

-- VACUUM builds if it is told to.
CREATE TABLE vac (id int, v vector(32));
CREATE INDEX vac_idx ON vac USING :am (v vector_l2_ops);
INSERT INTO vac
SELECT i, (SELECT array_agg(sin(i * 0.7 + j)::real ORDER BY j)
           FROM generate_series(1, 32) j)::vector
FROM generate_series(1, 3000) i;
SELECT vectordb.flush('vac_idx') IS NOT NULL AS sealed;
VACUUM vac;
SELECT file_type, row_count, dead_rows
FROM vectordb.segments WHERE indexrelid = 'vac_idx'::regclass;
SET vectordb.vacuum_build = on;
VACUUM vac;
SELECT file_type, row_count, dead_rows
FROM vectordb.segments WHERE indexrelid = 'vac_idx'::regclass;
DELETE FROM vac WHERE id % 4 = 0;
VACUUM vac;
SELECT file_type, row_count, dead_rows
FROM vectordb.segments WHERE indexrelid = 'vac_idx'::regclass;
RESET vectordb.vacuum_build;
SELECT * FROM vectordb.check('vac_idx');
DROP TABLE vac;
