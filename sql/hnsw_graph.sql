-- Searching along graphs: how much is found, and what must hold whatever is
-- found: the order, full limits, every row once.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/index_helpers.sql'
\i :helpers
\set ECHO none

-- A query that returns (id, d), by the index; without help of the table.
CREATE FUNCTION pg_temp.found(query text, q vector, OUT ids bigint[], OUT distances float8[])
LANGUAGE sql AS $$ SELECT a.ids, a.distances FROM pg_temp.answer(query, true, q) a $$;

-- Of the k nearest by the table, how many does the index find?  Rows at the
-- same distance are as good as one another.  In strict order what is found too
-- late is left out: may_miss rows where there are hardly more than k.
CREATE FUNCTION pg_temp.recall(tab text, op text, queries vector[], k int, cond text DEFAULT 'true',
							   may_miss int DEFAULT 0)
RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT id, v %s $1 AS d FROM %s WHERE %s ORDER BY v %s $1 LIMIT %s',
						 op, tab, cond, op, k);
	q vector;
	a record;
	b record;
	hits numeric := 0;
	total numeric := 0;
BEGIN
	FOREACH q IN ARRAY queries LOOP
		a := pg_temp.answer(query, true, q);
		b := pg_temp.answer(query, false, q);
		IF coalesce(cardinality(a.ids), 0) NOT BETWEEN
			coalesce(cardinality(b.ids), 0) - may_miss AND coalesce(cardinality(b.ids), 0) THEN
			RAISE EXCEPTION '% rows instead of %', cardinality(a.ids), cardinality(b.ids);
		END IF;
		IF a.ids IS NULL THEN
			CONTINUE;
		END IF;
		IF (SELECT count(*) <> count(DISTINCT id) FROM unnest(a.ids) id) THEN
			RAISE EXCEPTION 'a row came twice';
		END IF;
		IF EXISTS (SELECT FROM (SELECT d, lag(d) OVER (ORDER BY n) AS before
								FROM unnest(a.distances) WITH ORDINALITY u(d, n)) s WHERE before > d) THEN
			RAISE EXCEPTION 'rows are not in order';
		END IF;
		hits := hits + (SELECT count(*) FROM unnest(a.distances) d
						WHERE d <= b.distances[cardinality(b.distances)]);
		total := total + cardinality(b.ids);
	END LOOP;
	RETURN round(hits / greatest(total, 1), 4);
END
$$;

-- The kinds of segments of an index.
CREATE FUNCTION pg_temp.kinds(idx regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(n || ' ' || file_type, ', ' ORDER BY file_type)
	FROM (SELECT file_type, count(*) AS n FROM vectordb.segments WHERE indexrelid = idx
		  GROUP BY 1) s
$$;
\set ECHO all

-- Real embeddings and sums of two of them; queries of another origin.
CREATE TEMP TABLE stage (id int, pos text, lexfile text, words text, gloss text, embedding vector(384));
CREATE TEMP TABLE stage_queries (id int, headword text, body text, embedding vector(384));
\set ECHO none
\set copy 'gzip -dc ' :srcdir '/test/data/wordnet-2k.tsv.gz'
COPY stage FROM PROGRAM :'copy';
\set copy 'gzip -dc ' :srcdir '/test/data/wordnet-2k-queries.tsv.gz'
COPY stage_queries FROM PROGRAM :'copy';
\set ECHO all
CREATE TABLE real (id int PRIMARY KEY, p int, near_p int, v vector(384));
INSERT INTO real SELECT n + 10000 * s, hashint8extended(n + 10000 * s, 1) & 1023, 0,
	l2_normalize(CASE WHEN s = 0 THEN a.embedding ELSE a.embedding + b.embedding END)
	* array_fill((1 + n % 7 * 0.05)::real, ARRAY[384])::vector
FROM (SELECT row_number() OVER (ORDER BY id) AS n, embedding FROM stage) a
	CROSS JOIN generate_series(0, 2) s
	JOIN (SELECT row_number() OVER (ORDER BY id) AS m, embedding FROM stage) b ON m = 1 + (n + 7 * s) % 2000;
SELECT array_agg(l2_normalize(embedding) ORDER BY id) AS queries,
	(array_agg(l2_normalize(embedding) ORDER BY id))[1] AS q FROM stage_queries WHERE id % 2 = 0 \gset
-- Ranks by distance from the first query: conditions that agree with it or not.
UPDATE real SET near_p = s.rank FROM
	(SELECT id, row_number() OVER (ORDER BY v <-> :'q', id) AS rank FROM real) s WHERE s.id = real.id;
VACUUM real;
CREATE INDEX real_l2 ON real USING hnsw (v vector_l2_ops);
CREATE INDEX real_ip ON real USING hnsw (v vector_ip_ops);
CREATE INDEX real_cosine ON real USING hnsw (v vector_cosine_ops);
ANALYZE real;
SELECT pg_temp.kinds('real_l2'), pg_temp.kinds('real_ip'), pg_temp.kinds('real_cosine');
SELECT count(*) FROM (SELECT vectordb.check(i::regclass) FROM unnest('{real_l2,real_ip,real_cosine}'::text[]) i) s;
SELECT op, pg_temp.recall('real', op, :'queries', 10) >= 0.9 AS enough
FROM unnest('{<->,<#>,<=>}'::text[]) op;
SET vectordb.target_recall = 0.99;
SELECT op, pg_temp.recall('real', op, :'queries', 10) >= 0.96 AS enough
FROM unnest('{<->,<#>,<=>}'::text[]) op;
-- All of them, when nothing less will do.
SET vectordb.target_recall = 1;
SELECT op, pg_temp.recall('real', op, :'queries', 10) FROM unnest('{<->,<#>,<=>}'::text[]) op;
RESET vectordb.target_recall;

-- hnsw.ef_search means what it meant: more of it finds more.
SET hnsw.ef_search = 10;
SELECT pg_temp.recall('real', '<->', :'queries', 10) AS few \gset
SET hnsw.ef_search = 40;
SELECT pg_temp.recall('real', '<->', :'queries', 10) AS some \gset
SET hnsw.ef_search = 400;
SELECT pg_temp.recall('real', '<->', :'queries', 10) AS many \gset
SELECT :few > 0.5 AS few, :some >= :few AS some, :many >= :some AND :many > 0.97 AS many;
RESET hnsw.ef_search;

-- Large limits, which are read rather than walked.
SELECT k, pg_temp.recall('real', '<->', (:'queries'::vector[])[1:5], k, 'true', CASE WHEN k > 1000 THEN 60 ELSE 0 END) >= 0.9 AS enough
FROM unnest('{100,1000,6000,10000}'::int[]) k;

-- Filters, at random and by distance: a full limit each time.
SELECT cond, pg_temp.recall('real', '<->', (:'queries'::vector[])[1:30], 10, cond) >= 0.88 AS enough
FROM unnest('{p < 512,p < 102,p < 10,p < 3,near_p <= 600,near_p > 5400,near_p > 5980}'::text[])
	WITH ORDINALITY u(cond, n) ORDER BY n;

-- Without a filter "off" ends after hnsw.ef_search rows, 40 by default; the
-- others go on to the end.
CREATE FUNCTION pg_temp.count_of(query text, q vector) RETURNS text LANGUAGE sql AS $$
	SELECT cardinality(ids) || ' rows, ' || (SELECT count(DISTINCT id) FROM unnest(ids) id) || ' different'
	FROM pg_temp.found(query, q)
$$;
\set all 'SELECT id, v <-> $1 AS d FROM real ORDER BY v <-> $1'
SET hnsw.iterative_scan = off;
SELECT pg_temp.count_of(:'all', :'q');
SET hnsw.ef_search = 100;
SELECT pg_temp.count_of(:'all', :'q');
RESET hnsw.ef_search;
SET hnsw.iterative_scan = relaxed_order;
SELECT pg_temp.count_of(:'all', :'q');
SELECT pg_temp.count_of(:'all', q) FROM unnest(:'queries'::vector[]) WITH ORDINALITY u(q, n)
	WHERE n BETWEEN 2 AND 4;
SET work_mem = '64kB';
SELECT pg_temp.count_of(:'all', :'q');
RESET work_mem;
SET hnsw.max_scan_tuples = 50;
SELECT pg_temp.count_of(:'all', :'q');
RESET hnsw.max_scan_tuples;
SET hnsw.iterative_scan = strict_order;
-- What is found too late for the order is left out.
SELECT count(*) BETWEEN 5900 AND 6000 AS most, count(*) = count(DISTINCT id) AS once
FROM (SELECT unnest(ids) AS id FROM pg_temp.found(:'all', :'q')) s;
SET hnsw.max_scan_tuples = 50;
SELECT pg_temp.count_of(:'all', :'q');
RESET hnsw.max_scan_tuples;
RESET hnsw.iterative_scan;

-- Rescans: many queries in one statement, NULL among them.
SET enable_seqscan = off;
SET enable_sort = off;
SELECT n, count(id) >= 5900 AS most, count(id) = count(DISTINCT id) AS once, count(d) > 0 AS distances FROM
	(SELECT n, CASE WHEN n % 3 = 2 THEN NULL ELSE q END AS q
	 FROM unnest(:'queries'::vector[]) WITH ORDINALITY u(q, n) WHERE n <= 7) q,
	LATERAL (SELECT id, v <-> q AS d FROM real ORDER BY v <-> q LIMIT 6000) s
GROUP BY n ORDER BY n;
SET hnsw.iterative_scan = relaxed_order;
SELECT n, count(id), count(DISTINCT id) FROM
	(SELECT n, CASE WHEN n % 3 = 2 THEN NULL ELSE q END AS q
	 FROM unnest(:'queries'::vector[]) WITH ORDINALITY u(q, n) WHERE n <= 7) q,
	LATERAL (SELECT id FROM real ORDER BY v <-> q LIMIT 6000) s
GROUP BY n ORDER BY n;
RESET hnsw.iterative_scan;

-- A query that a segment's rows have no bounds for, and one of zeros.
SELECT count(*), count(DISTINCT id) FROM
	(SELECT id FROM real ORDER BY v <-> array_fill(1e30::real, ARRAY[384])::vector LIMIT 6000) s;
SELECT count(*), count(DISTINCT id) FROM
	(SELECT id FROM real ORDER BY v <=> array_fill(0::real, ARRAY[384])::vector LIMIT 6000) s;

-- A cursor outlives a rebuild, and the segments that it reads.
INSERT INTO real SELECT id + 100000, p, near_p, v FROM real WHERE id % 2 = 0;
BEGIN;
SET LOCAL hnsw.iterative_scan = relaxed_order;
DECLARE c CURSOR FOR SELECT id FROM real ORDER BY v <-> :'q';
MOVE 20 FROM c;
SELECT vectordb.build('real_l2');
MOVE 200 FROM c;
INSERT INTO real SELECT id + 200000, p, near_p, v FROM real WHERE id < 3000;
MOVE ALL FROM c;
ROLLBACK;
DELETE FROM real WHERE id > 100000;
VACUUM real;
REINDEX INDEX real_l2;
RESET enable_seqscan;
RESET enable_sort;

-- Rows inserted later are found at once; building gives them a graph.
INSERT INTO real SELECT id + 100000, p, near_p, v + array_fill(0.001::real, ARRAY[384])::vector FROM real;
SELECT pg_temp.kinds('real_l2');
SELECT pg_temp.recall('real', '<->', :'queries', 10) >= 0.9 AS enough;
SET hnsw.iterative_scan = relaxed_order;
SELECT pg_temp.count_of(:'all', :'q');
SET work_mem = '64kB';
SELECT pg_temp.count_of(:'all', :'q');
RESET work_mem;
RESET hnsw.iterative_scan;
SELECT vectordb.build('real_l2');
SELECT pg_temp.kinds('real_l2');
SELECT count(*) FROM vectordb.check('real_l2');
SELECT op, pg_temp.recall('real', op, :'queries', 10) >= 0.9 AS enough
FROM unnest('{<->,<#>,<=>}'::text[]) op;

-- Deleted: a quarter at random, all that is near a query, all but ten.
DELETE FROM real WHERE p % 4 = 0;
VACUUM real;
SELECT pg_temp.recall('real', '<->', :'queries', 10) >= 0.9 AS enough;
DELETE FROM real WHERE id IN (SELECT id FROM real ORDER BY v <-> :'q' LIMIT 1500);
VACUUM real;
SELECT pg_temp.recall('real', '<->', ARRAY[:'q'::vector], 10) >= 0.8 AS enough,
	pg_temp.recall('real', '<->', :'queries', 10) >= 0.85 AS on_average;
DELETE FROM real WHERE id NOT IN (SELECT id FROM real ORDER BY id LIMIT 10);
SELECT pg_temp.recall('real', '<->', :'queries', 10, 'true', 3) >= 0.7 AS enough;
VACUUM real;
SELECT op, pg_temp.recall('real', op, :'queries', 10) FROM unnest('{<->,<#>,<=>}'::text[]) op;
SELECT pg_temp.kinds('real_l2'), (SELECT count(*) FROM vectordb.check('real_l2'));
DROP TABLE real;

-- Data that graphs do not like.
CREATE FUNCTION pg_temp.try(tab text, queries vector[], enough numeric DEFAULT 0.85) RETURNS TABLE (metric text, kinds text, problems bigint,
	ten boolean, thousand boolean, relaxed boolean)
LANGUAGE plpgsql AS $$
DECLARE
	nrows int;
	op text;
BEGIN
	EXECUTE format('SELECT count(*) FROM %I', tab) INTO nrows;
	FOREACH metric IN ARRAY '{l2,ip,cosine}'::text[] LOOP
		op := CASE metric WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' ELSE '<=>' END;
		EXECUTE format('CREATE INDEX idx ON %I USING hnsw (v vector_%s_ops)', tab, metric);
		EXECUTE format('ANALYZE %I', tab);
		kinds := pg_temp.kinds('idx');
		SELECT count(*) FROM vectordb.check('idx') INTO problems;
		ten := pg_temp.recall(tab, op, queries, 10) >= enough;
		thousand := pg_temp.recall(tab, op, queries[1:2], 1000) >= enough;
		PERFORM set_config('hnsw.iterative_scan', 'relaxed_order', true);
		relaxed := (SELECT bool_and((SELECT count(DISTINCT id) = nrows AND cardinality(ids) = nrows
									 FROM unnest(ids) id))
					FROM unnest(queries[1:2]) q,
						pg_temp.found(format('SELECT id, v %s $1 AS d FROM %I ORDER BY v %s $1', op, tab, op), q));
		PERFORM set_config('hnsw.iterative_scan', 'strict_order', true);
		DROP INDEX idx;
		RETURN NEXT;
	END LOOP;
END
$$;
-- Forty copies of each vector; ten thousand of one, and of two multiples of it.
CREATE TABLE odd (id serial, v vector(16));
INSERT INTO odd (v) SELECT pg_temp.noise(i / 40, 16) FROM generate_series(0, 4999) i;
SELECT array_agg(pg_temp.noise(i, 16)) AS queries FROM generate_series(1000001, 1000010) i \gset
SELECT * FROM pg_temp.try('odd', :'queries');
INSERT INTO odd (v) SELECT pg_temp.noise(-1, 16) FROM generate_series(1, 10000);
SELECT * FROM pg_temp.try('odd', :'queries'::vector[] || pg_temp.noise(-1, 16));
TRUNCATE odd;
INSERT INTO odd (v) SELECT pg_temp.noise(1, 16) * array_fill((i % 3 + 1)::real, ARRAY[16])::vector
FROM generate_series(1, 6000) i;
SELECT * FROM pg_temp.try('odd', :'queries');
-- One vector alone, and vectors with one number that is not zero.
TRUNCATE odd;
INSERT INTO odd (v) SELECT array_fill(3::real, ARRAY[16])::vector FROM generate_series(1, 5000) i;
SELECT * FROM pg_temp.try('odd', :'queries');
TRUNCATE odd;
INSERT INTO odd (v) SELECT array_agg((CASE WHEN j = i % 16 THEN 1 + i / 4000.0 ELSE 0 END)::real ORDER BY j)::vector
FROM generate_series(1, 5000) i, generate_series(0, 15) j GROUP BY i ORDER BY i;
-- (Of inner products, a search may end at the tip of the wrong axis.)
SELECT * FROM pg_temp.try('odd', :'queries', 0.35);
-- Two clusters far apart, and queries in between.
TRUNCATE odd;
INSERT INTO odd (v) SELECT pg_temp.noise(i, 16) + array_fill((i % 2 * 1000)::real, ARRAY[16])::vector
FROM generate_series(1, 6000) i;
SELECT * FROM pg_temp.try('odd', (SELECT array_agg(pg_temp.noise(i, 16) + array_fill((400 + i % 10 * 20)::real,
	ARRAY[16])::vector) FROM generate_series(70001, 70010) i));
-- Norms from a millionth to a million.
TRUNCATE odd;
INSERT INTO odd (v) SELECT pg_temp.noise(i, 16) * array_fill((10 ^ (i % 13 - 6))::real, ARRAY[16])::vector
FROM generate_series(1, 6000) i;
SELECT * FROM pg_temp.try('odd', :'queries');
-- NULLs, zeros, and rows without bounds.
TRUNCATE odd;
INSERT INTO odd (v) SELECT CASE i % 10 WHEN 1 THEN NULL WHEN 2 THEN array_fill(0::real, ARRAY[16])::vector
	ELSE pg_temp.noise(i, 16) END FROM generate_series(1, 6000) i;
INSERT INTO odd (v) SELECT pg_temp.noise(i, 16) * array_fill(1e25::real, ARRAY[16])::vector
FROM generate_series(1, 20) i;
SELECT * FROM pg_temp.try('odd', :'queries');
INSERT INTO odd (v) SELECT pg_temp.noise(i, 16) * array_fill(1e25::real, ARRAY[16])::vector
FROM generate_series(1, 500) i;
SELECT * FROM pg_temp.try('odd', :'queries');
-- One dimension, and two with many ties.
CREATE TABLE line (id serial, v vector(1));
INSERT INTO line (v) SELECT ARRAY[i % 3000]::vector FROM generate_series(1, 6000) i;
SELECT * FROM pg_temp.try('line', ARRAY['[7.5]', '[2999]', '[-1]', '[100000]']::vector[]);
DROP TABLE line;
CREATE TABLE grid (id serial, v vector(2));
INSERT INTO grid (v) SELECT ARRAY[i % 80, i / 80]::vector FROM generate_series(1, 6400) i;
SELECT * FROM pg_temp.try('grid', ARRAY['[7.5,3]', '[79,-10]', '[40,40]']::vector[]);
DROP TABLE grid;

-- With too little memory for all rows there are several graphs.
TRUNCATE odd;
INSERT INTO odd (v) SELECT pg_temp.clustered(i, 50, 16) FROM generate_series(1, 20000) i;
-- (The size at which segments are sealed is nothing to CREATE INDEX.)
CREATE INDEX odd_v ON odd USING hnsw (v vector_l2_ops) WITH (seal_size = '1kB');
SELECT pg_temp.kinds('odd_v');
DROP INDEX odd_v;
SET maintenance_work_mem = '4MB';
CREATE INDEX odd_v ON odd USING hnsw (v vector_l2_ops);
SELECT count(*) FILTER (WHERE file_type = 'sealed/graph') > 1 AS several FROM vectordb.segments
WHERE indexrelid = 'odd_v'::regclass;
-- With too little for any there is none, and a notice.
SET maintenance_work_mem = '1MB';
SET client_min_messages = notice;
REINDEX INDEX odd_v;
SET client_min_messages = warning;
SELECT vectordb.build('odd_v') AS built;
SELECT count(*) FILTER (WHERE file_type = 'sealed/graph') AS graphs FROM vectordb.segments
WHERE indexrelid = 'odd_v'::regclass;
-- What the notice says is enough.
SET maintenance_work_mem = '13MB';
SELECT vectordb.build('odd_v') AS built;
SET maintenance_work_mem = '4MB';
-- Rows of one segment, too.
DROP INDEX odd_v;
CREATE TABLE many (id int, v vector(16));
CREATE INDEX many_v ON many USING hnsw (v vector_l2_ops);
INSERT INTO many SELECT id, v FROM odd;
INSERT INTO many VALUES (0, NULL), (-1, array_fill(1e30::real, ARRAY[16])::vector);
SELECT vectordb.flush('many_v') > 0 AS sealed;
SELECT pg_temp.kinds('many_v');
DELETE FROM many WHERE id % 100 = 0;
VACUUM many;
SELECT vectordb.build('many_v') > 0 AS built;
SELECT count(*) > 2 AS several, bool_and(file_type = 'sealed/graph') AS graphs FROM vectordb.segments
WHERE indexrelid = 'many_v'::regclass;
RESET maintenance_work_mem;
ANALYZE many;
SELECT count(*) FROM vectordb.check('many_v');
SELECT pg_temp.recall('many', '<->', (SELECT array_agg(pg_temp.clustered(i, 50, 16))
	FROM generate_series(90001, 90020) i), 10) >= 0.8 AS enough;
DROP TABLE many;
CREATE INDEX odd_v ON odd USING hnsw (v vector_l2_ops);
ANALYZE odd;
SELECT pg_temp.recall('odd', '<->', (SELECT array_agg(pg_temp.clustered(i, 50, 16))
	FROM generate_series(90001, 90020) i), 10) >= 0.8 AS enough;
SELECT count(*) FROM vectordb.check('odd_v');

-- Queries that are rows, and rows of any size.
SELECT pg_temp.recall('odd', '<->', (SELECT array_agg(v) FROM (SELECT v FROM odd WHERE v IS NOT NULL
	AND vector_norm(v) < 1e10 ORDER BY id LIMIT 20) s), 10) >= 0.9 AS enough;
CREATE TABLE huge AS SELECT id, (v * array_fill(1e14::real, ARRAY[16])::vector)::vector(16) AS v FROM odd
	WHERE v IS NOT NULL AND vector_norm(v) < 1e10 LIMIT 4000;
CREATE INDEX huge_v ON huge USING hnsw (v vector_l2_ops);
ANALYZE huge;
SELECT pg_temp.kinds('huge_v'), pg_temp.recall('huge', '<->', (SELECT array_agg(v) FROM (SELECT v FROM huge
	ORDER BY id LIMIT 20) s), 10) >= 0.9 AS enough;
SELECT steps > 0 AS walked FROM vectordb.last_scan();
UPDATE huge SET v = v * array_fill(1e-34::real, ARRAY[16])::vector;
REINDEX INDEX huge_v;
ANALYZE huge;
SELECT pg_temp.kinds('huge_v'), pg_temp.recall('huge', '<->', (SELECT array_agg(v) FROM (SELECT v FROM huge
	ORDER BY id LIMIT 20) s), 10) >= 0.9 AS enough;
SELECT steps > 0 AS walked FROM vectordb.last_scan();
DROP TABLE huge;

-- Temporary and unlogged tables have graphs, too.
CREATE TEMP TABLE temp AS SELECT id, v FROM odd LIMIT 4000;
CREATE INDEX temp_v ON temp USING hnsw (v vector_l2_ops);
ANALYZE temp;
SELECT pg_temp.kinds('temp_v'), (SELECT count(*) FROM vectordb.check('temp_v')),
	pg_temp.recall('temp', '<->', (SELECT array_agg(pg_temp.clustered(i, 50, 16))
	FROM generate_series(90001, 90020) i), 10) >= 0.8 AS enough;
-- A row without a vector that was inserted later does not keep anyone from
-- walking.
INSERT INTO temp VALUES (-1, NULL);
SELECT pg_temp.recall('temp', '<->', (SELECT array_agg(pg_temp.clustered(i, 50, 16))
	FROM generate_series(90001, 90020) i), 10) >= 0.8 AS enough;
SELECT array_length((pg_temp.answer('SELECT id, v <-> $1 AS d FROM temp ORDER BY v <-> $1 LIMIT 10', true,
	pg_temp.clustered(90001, 50, 16))).ids, 1);
SELECT steps > 0 AS walked, rows_scanned < 100 AS not_read FROM vectordb.last_scan();
CREATE UNLOGGED TABLE unlogged AS SELECT id, v FROM odd LIMIT 4000;
CREATE INDEX unlogged_v ON unlogged USING hnsw (v vector_l2_ops);
ANALYZE unlogged;
SELECT pg_temp.kinds('unlogged_v'), (SELECT count(*) FROM vectordb.check('unlogged_v')),
	pg_temp.recall('unlogged', '<->', (SELECT array_agg(pg_temp.clustered(i, 50, 16))
	FROM generate_series(90001, 90020) i), 10) >= 0.8 AS enough;
DROP TABLE temp, unlogged, odd;

-- Free space in more pieces than a segment can have.
CREATE TABLE scattered (id serial, v vector(1000));
CREATE INDEX scattered_v ON scattered USING hnsw (v vector_l2_ops) WITH (seal_size = '1kB');
INSERT INTO scattered (v)
SELECT ((SELECT array_agg(((hashint8extended(i, j) >> 40) / 8388608.0)::real ORDER BY j)
		 FROM generate_series(1, 8) j) || array_fill(0::real, ARRAY[992]))::vector
FROM generate_series(1, 8500) i;
SELECT count(*) > 1000 AS many FROM vectordb.segments WHERE indexrelid = 'scattered_v'::regclass;
SELECT vectordb.build('scattered_v') > 0 AS built;
DELETE FROM scattered WHERE id % 3 = 0;
VACUUM scattered;
SELECT txid_current() > 0 AS passed;
SELECT vectordb.build('scattered_v') > 0 AS built;
SELECT file_type, row_count FROM vectordb.segments WHERE indexrelid = 'scattered_v'::regclass;
SELECT count(*) FROM vectordb.check('scattered_v');
DROP TABLE scattered;
