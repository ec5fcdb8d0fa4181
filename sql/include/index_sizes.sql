-- Dimensions, magnitudes, and numbers of segments.
\set helpers :srcdir '/sql/include/index_helpers.sql'
\i :helpers

-- From one dimension to 16,000; 8-bit codes, and 4-bit ones where a row of
-- 8 bits does not fit a page.
CREATE FUNCTION pg_temp.try_dim(am text, dim int, nrows int) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	result text := '';
	op text;
BEGIN
	EXECUTE format('CREATE TABLE d (id int, v vector(%s))', dim);
	EXECUTE 'INSERT INTO d SELECT i, pg_temp.clustered(i, 5, $1) FROM generate_series(1, $2) i'
		USING dim, nrows;
	FOREACH op IN ARRAY '{l2,ip,cosine,l1}'::text[] LOOP
		EXECUTE format('CREATE INDEX ON d USING %I (v %I)', am,
					   'vector_' || op || '_ops');
	END LOOP;
	EXECUTE 'INSERT INTO d SELECT i, pg_temp.clustered(i, 5, $1) FROM generate_series($2 + 1, $2 + $2 / 2) i'
		USING dim, nrows;
	FOREACH op IN ARRAY '{<->,<#>,<=>,<+>}'::text[] LOOP
		result := result || pg_temp.mismatches('d', op,
			ARRAY[pg_temp.clustered(-3, 5, dim), pg_temp.noise(-4, dim)], '{1, 5, 10000}') || '; ';
	END LOOP;
	SELECT result || count(*) || ' problems' INTO result FROM pg_index, vectordb.check(indexrelid)
		WHERE indrelid = 'd'::regclass;
	DROP TABLE d;
	RETURN result;
END
$$;
SELECT dim, pg_temp.try_dim(:'am', dim, nrows)
FROM (VALUES (1, 400), (2, 400), (3, 400), (7, 400), (63, 200), (64, 200), (65, 200),
	(129, 200), (1023, 30), (2000, 30), (8096, 6), (8097, 6), (16000, 6)) s(dim, nrows);
SELECT pg_temp.error_of('CREATE TABLE d (v vector(16001))');

-- Magnitudes at which squares overflow or vanish, all of them together.
CREATE TABLE m (id serial, v vector(5));
INSERT INTO m (v)
SELECT format('[%s,%s,%s,%s,%s]', x, x, -x, x / 3, x / 7)::vector
FROM unnest('{1e-45,1e-40,1e-38,1e-30,1e-20,1e-10,1,1e5,1e10,1e18,1e19,1e20,1e30,1e37,3e38}'::float8[]) x,
	generate_series(1, 10) i;
INSERT INTO m (v) SELECT pg_temp.noise(i, 5) FROM generate_series(1, 100) i;
CREATE INDEX m_l2 ON m USING :am (v vector_l2_ops);
CREATE INDEX m_ip ON m USING :am (v vector_ip_ops);
CREATE INDEX m_cosine ON m USING :am (v vector_cosine_ops);
CREATE INDEX m_l1 ON m USING :am (v vector_l1_ops);
INSERT INTO m (v) SELECT v FROM m;
SELECT op, pg_temp.mismatches('m', op,
	'{"[1,1,-1,0.3,0.14]","[1e-45,0,0,0,0]","[1e-30,1e-30,0,0,0]","[1e15,-1e15,0,0,0]","[3e38,3e38,3e38,3e38,3e38]","[1e20,0,0,0,1e20]"}',
	'{1, 20, 1000}')
FROM unnest('{<->,<#>,<=>,<+>}'::text[]) op ORDER BY op;
SELECT problem FROM vectordb.check('m_l2') UNION ALL SELECT problem FROM vectordb.check('m_ip')
UNION ALL SELECT problem FROM vectordb.check('m_cosine') UNION ALL SELECT problem FROM vectordb.check('m_l1');
DROP TABLE m;

-- Two thousand segments: sealed, searched, vacuumed, reorganised.
CREATE TABLE s (id int, v vector(256));
CREATE INDEX s_v ON s USING :am (v vector_l2_ops) WITH (seal_size = '1kB');
CREATE TABLE source AS SELECT pg_temp.clustered(1, 5, 256) AS v;
INSERT INTO s SELECT i, v + array_fill(i % 91, ARRAY[256])::vector
FROM source, generate_series(1, 60000) i;
SELECT count(*) > 2000 AS many FROM vectordb.segments WHERE indexrelid = 's_v'::regclass;
SELECT pg_temp.mismatches('s', '<->', ARRAY[pg_temp.noise(1, 256)], '{1, 1000}');
DELETE FROM s WHERE id % 2 = 0 OR id < 30000;
VACUUM s;
SELECT count(*) BETWEEN 500 AND 1500 AS fewer FROM vectordb.segments WHERE indexrelid = 's_v'::regclass;
SELECT pg_temp.mismatches('s', '<->', ARRAY[pg_temp.noise(1, 256)], '{1, 1000}');
SELECT * FROM vectordb.check('s_v');
DROP TABLE s, source;

-- Little memory while building: more segments, the same answers.
CREATE TABLE b (id int, v vector(64));
INSERT INTO b SELECT i, pg_temp.clustered(i, 9, 64) FROM generate_series(1, 20000) i;
SET maintenance_work_mem = '1MB';
CREATE INDEX b_v ON b USING :am (v vector_l2_ops);
SELECT count(*) FROM vectordb.segments WHERE indexrelid = 'b_v'::regclass;
SELECT pg_temp.mismatches('b', '<->', ARRAY[pg_temp.noise(1, 64)], '{1, 100}');
RESET maintenance_work_mem;
REINDEX INDEX b_v;
SELECT count(*) FROM vectordb.segments WHERE indexrelid = 'b_v'::regclass;
SELECT pg_temp.mismatches('b', '<->', ARRAY[pg_temp.noise(1, 64)], '{1, 100}');

-- In parallel: each process writes segments of its own.
SET min_parallel_table_scan_size = 0;
SET max_parallel_maintenance_workers = 2;
ALTER TABLE b SET (parallel_workers = 2);
SET maintenance_work_mem = '128MB';
REINDEX INDEX b_v;
SELECT pg_temp.mismatches('b', '<->', ARRAY[pg_temp.noise(1, 64)], '{1, 100, 30000}');
SELECT sum(row_count) FROM vectordb.segments WHERE indexrelid = 'b_v'::regclass;
SELECT reltuples FROM pg_class WHERE relname = 'b_v';
SELECT * FROM vectordb.check('b_v');
-- Whichever process fails, the build does.
SELECT pg_temp.error_of(format('CREATE INDEX b_fails ON b USING %I ((array_fill(1, ARRAY[64 + id / 20000])::vector(64)) vector_l2_ops)', :'am'));
SELECT count(*) FROM pg_class WHERE relname = 'b_fails';
DROP TABLE b;
