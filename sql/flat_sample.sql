-- The first round of a large index has a threshold from a sample (am/README.md).
-- Whatever the sample is like, the answer is that of the table.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/index_helpers.sql'
\i :helpers
\set ECHO none
SET max_parallel_workers_per_gather = 0;
SET max_parallel_maintenance_workers = 0;

-- Limits and queries for which index and table differ; and the most rounds.
CREATE FUNCTION pg_temp.differing(tab text, queries vector[], limits int[],
								  OUT wrong text[], OUT rounds int)
LANGUAGE plpgsql AS $$
DECLARE
	k int;
BEGIN
	rounds := 0;
	FOREACH k IN ARRAY limits LOOP
		FOR i IN 1 .. cardinality(queries) LOOP
			IF pg_temp.differs(format('SELECT id, v <-> $1 AS d FROM %s ORDER BY v <-> $1 LIMIT %s',
									  tab, k), queries[i]) THEN
				wrong := wrong || format('%s: %s', i, k);
			END IF;
			rounds := greatest(rounds, (SELECT s.rounds FROM vectordb.last_scan() s));
		END LOOP;
	END LOOP;
END
$$;
\set ECHO all

-- 32,768 rows: groups of 16 are looked at around every 512th.  In the first
-- table these are copies of two vectors, in the second the only rows that are
-- not copies; in the third they have no vector.
CREATE TABLE copies AS
	SELECT id, CASE WHEN (id + 255) % 512 < 32 THEN pg_temp.noise(id % 2, 16)
					ELSE pg_temp.noise(id, 16) END AS v
	FROM generate_series(1, 32768) id;
CREATE TABLE rare AS
	SELECT id, CASE WHEN (id + 255) % 512 < 32 THEN pg_temp.noise(id, 16)
					ELSE pg_temp.noise(id % 2, 16) END AS v
	FROM generate_series(1, 32768) id;
CREATE TABLE absent AS
	SELECT id, CASE WHEN (id + 255) % 512 < 32 THEN NULL
					ELSE pg_temp.noise(id, 16) END AS v
	FROM generate_series(1, 32768) id;
ALTER TABLE copies ALTER v TYPE vector(16);
ALTER TABLE rare ALTER v TYPE vector(16);
ALTER TABLE absent ALTER v TYPE vector(16);
CREATE INDEX ON copies USING flat (v vector_l2_ops);
CREATE INDEX ON rare USING flat (v vector_l2_ops);
CREATE INDEX ON absent USING flat (v vector_l2_ops);
SELECT array[pg_temp.noise(0, 16), pg_temp.noise(700, 16), pg_temp.noise(70000, 16)] AS queries \gset
SELECT wrong FROM pg_temp.differing('copies', :'queries', '{10, 3000}');
SELECT wrong FROM pg_temp.differing('rare', :'queries', '{10, 3000}');
SELECT wrong FROM pg_temp.differing('absent', :'queries', '{10, 3000, 32768}');

-- One round is enough for ten rows when the sample is like the rest.
SELECT * FROM pg_temp.differing('absent', :'queries', '{10}');

-- The same of rows that were inserted, and after most of those near one query
-- were deleted.
CREATE TABLE grown (id bigint, v vector(16));
CREATE INDEX ON grown USING flat (v vector_l2_ops);
INSERT INTO grown TABLE absent;
SELECT wrong FROM pg_temp.differing('grown', :'queries', '{10, 3000, 32768}');
INSERT INTO grown SELECT id + 40000, v FROM copies;
SELECT wrong FROM pg_temp.differing('grown', :'queries', '{10, 3000}');
DELETE FROM grown WHERE v <-> pg_temp.noise(0, 16) < 2 AND id % 100 <> 0;
VACUUM grown;
SELECT wrong FROM pg_temp.differing('grown', :'queries', '{10, 3000}');
SELECT vectordb.build('grown_v_idx');
SELECT wrong FROM pg_temp.differing('grown', :'queries', '{10, 3000}');
SELECT * FROM vectordb.check('grown_v_idx');
DROP TABLE copies, rare, absent, grown;
