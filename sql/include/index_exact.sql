-- Answers through an index are those of a sequential scan: all metrics, real
-- embeddings, and rows that are easily lost.
\set helpers :srcdir '/sql/include/index_helpers.sql'
\i :helpers
\set load '\\copy words FROM PROGRAM ''gzip -dc ' :srcdir '/test/data/wordnet-2k.tsv.gz'''
\set load_queries '\\copy definitions FROM PROGRAM ''gzip -dc ' :srcdir '/test/data/wordnet-2k-queries.tsv.gz'''

CREATE TABLE words (id int, pos text, lexfile text, words text, gloss text,
					v vector(384));
:load
CREATE TABLE definitions (id int, word text, definition text, v vector(384));
:load_queries
SELECT count(*), count(DISTINCT v) > 1990 AS differ FROM words;

-- Real embeddings, four metrics: rows built, and rows inserted later.
CREATE INDEX words_l2 ON words USING :am (v vector_l2_ops);
CREATE INDEX words_ip ON words USING :am (v vector_ip_ops);
CREATE INDEX words_cosine ON words USING :am (v vector_cosine_ops);
CREATE INDEX words_l1 ON words USING :am (v vector_l1_ops);
SELECT op, pg_temp.mismatches('words', op, array_agg(v), '{10, 100}')
FROM (SELECT v FROM definitions ORDER BY id LIMIT 20) d,
	unnest('{<->,<#>,<=>,<+>}'::text[]) op
GROUP BY op ORDER BY op;
SELECT op, pg_temp.mismatches('words', op, array_agg(v), '{5000}')
FROM (SELECT v FROM definitions ORDER BY id LIMIT 2) d,
	unnest('{<->,<#>,<=>,<+>}'::text[]) op
GROUP BY op ORDER BY op;

INSERT INTO words SELECT id + 1000000, pos, lexfile, words, gloss,
	v + pg_temp.noise(id, 384) * array_fill(8, ARRAY[384])::vector(384)
FROM words;
SELECT op, pg_temp.mismatches('words', op, array_agg(v), '{10, 100}')
FROM (SELECT v FROM definitions ORDER BY id DESC LIMIT 10) d,
	unnest('{<->,<#>,<=>,<+>}'::text[]) op
GROUP BY op ORDER BY op;
-- A row is its own nearest neighbour.
SELECT count(*) FROM (SELECT * FROM words ORDER BY id LIMIT 50) w,
	LATERAL (SELECT id FROM words x ORDER BY x.v <-> w.v LIMIT 1) n
WHERE n.id = w.id;
SELECT problem FROM vectordb.check('words_l2')
UNION ALL SELECT problem FROM vectordb.check('words_ip')
UNION ALL SELECT problem FROM vectordb.check('words_cosine')
UNION ALL SELECT problem FROM vectordb.check('words_l1');
DROP TABLE words, definitions;

-- NULLs, zero vectors, duplicates, opposite and parallel vectors, in a segment
-- that was built and in one that grows.
CREATE TABLE mixed (id serial, v vector(4));
INSERT INTO mixed (v) SELECT pg_temp.clustered(i, 7, 4) FROM generate_series(1, 300) i;
INSERT INTO mixed (v) SELECT NULL FROM generate_series(1, 20);
INSERT INTO mixed (v) SELECT '[0,0,0,0]' FROM generate_series(1, 20);
INSERT INTO mixed (v) SELECT '[1,2,3,4]' FROM generate_series(1, 20);
INSERT INTO mixed (v) SELECT format('[%s,%s,0,0]', i, -i)::vector FROM generate_series(-10, 10) i;
CREATE INDEX mixed_l2 ON mixed USING :am (v vector_l2_ops);
CREATE INDEX mixed_ip ON mixed USING :am (v vector_ip_ops);
CREATE INDEX mixed_cosine ON mixed USING :am (v vector_cosine_ops);
CREATE INDEX mixed_l1 ON mixed USING :am (v vector_l1_ops);
CREATE TABLE questions (q vector(4));
INSERT INTO questions VALUES ('[1,2,3,4]'), ('[0,0,0,0]'), (NULL), ('[-1,-2,-3,-4]'),
	('[0.1,0.1,-0.1,0.1]'), ('[1e-30,0,0,0]'), ('[1e30,1e30,0,0]'), ('[3e38,-3e38,0,0]');
SELECT op, pg_temp.mismatches('mixed', op, array_agg(q), '{1, 10, 100, 1000}')
FROM questions, unnest('{<->,<#>,<=>,<+>}'::text[]) op GROUP BY op ORDER BY op;
INSERT INTO mixed (v) SELECT v FROM mixed;
SELECT op, pg_temp.mismatches('mixed', op, array_agg(q), '{1, 10, 100, 1000}')
FROM questions, unnest('{<->,<#>,<=>,<+>}'::text[]) op GROUP BY op ORDER BY op;

-- The order at the end: distances, NaN, NULL.  A NULL query: all rows.
SET enable_seqscan = off;
SET enable_sort = off;
SELECT d, count(*) FROM
	(SELECT v <=> '[1,2,3,4]' AS d FROM mixed ORDER BY v <=> '[1,2,3,4]' OFFSET 680) s
	GROUP BY d ORDER BY d;
SELECT count(*), count(v) FROM (SELECT v FROM mixed ORDER BY v <-> NULL::vector) s;
SELECT count(*), count(v), count(d) FROM
	(SELECT v, v <=> '[0,0,0,0]' AS d FROM mixed ORDER BY v <=> '[0,0,0,0]') s;
RESET enable_seqscan;
RESET enable_sort;
DROP TABLE mixed, questions;

-- Ten thousand copies of one vector, and nothing near it.
CREATE TABLE copies (id serial, v vector(3));
CREATE INDEX copies_v ON copies USING :am (v vector_l2_ops);
INSERT INTO copies (v) SELECT '[1,2,3]' FROM generate_series(1, 5000);
REINDEX INDEX copies_v;
INSERT INTO copies (v) SELECT '[1,2,3]' FROM generate_series(1, 5000);
INSERT INTO copies (v) VALUES ('[1,2,3.5]');
SELECT pg_temp.mismatches('copies', '<->', '{"[1,2,3]","[1,2,3.4]","[0,0,0]"}', '{10, 9999, 10001, 20000}');
-- With little memory the rows wait for several passes.
SET work_mem = '64kB';
SELECT pg_temp.mismatches('copies', '<->', '{"[1,2,3]","[1,2,3.4]","[0,0,0]"}', '{10, 9999, 10001, 20000}');
SELECT pg_temp.mismatches('copies', '<->', '{NULL}', '{10, 20000}');
RESET work_mem;
DROP TABLE copies;

-- First bounds that tell nothing: all rows lie within their radius of each
-- other, far from the centre.  All are collected by their final bounds.
CREATE TABLE shell (id serial, v vector(16));
CREATE INDEX shell_v ON shell USING :am (v vector_l2_ops);
INSERT INTO shell (v)
SELECT array_fill(100, ARRAY[16])::vector(16) + pg_temp.noise(i, 16) * array_fill(0.01, ARRAY[16])::vector(16)
FROM generate_series(1, 6000) i;
SET work_mem = '64kB';
SELECT pg_temp.mismatches('shell', '<->', ARRAY[pg_temp.noise(1, 16), array_fill(100, ARRAY[16])::vector], '{10, 3000, 7000}');
SELECT vectordb.build('shell_v');
SELECT pg_temp.mismatches('shell', '<->', ARRAY[pg_temp.noise(1, 16), array_fill(100, ARRAY[16])::vector], '{10, 3000, 7000}');
RESET work_mem;
DROP TABLE shell;
