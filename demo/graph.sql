-- graph.sql: the same meanings with a graph, and what it finds of the nearest
\pset footer off
\pset linestyle unicode
\set ECHO queries

\echo
\echo '=== 6. A graph over the same meanings ===================================='
\echo
\echo '--- a flat index reads the codes of all rows; hnsw walks along a graph, from'
\echo '--- row to neighbouring row, towards what is searched for.  It is made on a'
\echo '--- copy of the table, so that each has one index and no plan is in doubt'
\echo
RESET enable_indexscan;
CREATE TABLE graph_meanings AS
    SELECT * FROM meanings WHERE id NOT IN (SELECT id FROM newcomers);
\timing on
CREATE INDEX ON graph_meanings USING hnsw (embedding vector_cosine_ops);
\timing off
VACUUM ANALYZE graph_meanings;

\echo
\echo '--- the creatures of fable come in again: not into the graph, and yet found'
\echo
INSERT INTO graph_meanings SELECT * FROM newcomers;

SELECT file_type, row_count, pg_size_pretty(file_size) AS size
FROM vectordb.segments WHERE table_id = 'graph_meanings'::regclass;

SELECT words, left(gloss, 34) AS gloss
FROM graph_meanings
ORDER BY embedding <=> (SELECT embedding FROM definitions
                        WHERE headword = 'Lycanthrope')
LIMIT 2;

\echo '--- with a condition: again the *persons* that are nearest to "hospital"'
\echo
SELECT words, left(gloss, 48) AS gloss
FROM graph_meanings
WHERE lexfile = 'noun.person'
ORDER BY embedding <=> (SELECT embedding FROM meanings
                        WHERE words = 'hospital, infirmary')
LIMIT 4;

\echo '--- three meanings for each definition of 1913: through the flat index, which'
\echo '--- is exact, and along the graph'
\echo
SELECT headword AS "word of 1913", exact.found AS "flat", graph.found AS "hnsw"
FROM definitions d,
     LATERAL (SELECT string_agg(split_part(words, ',', 1), '; ') AS found
              FROM (SELECT words FROM meanings
                    ORDER BY embedding <=> d.embedding LIMIT 3) x) exact,
     LATERAL (SELECT string_agg(split_part(words, ',', 1), '; ') AS found
              FROM (SELECT words FROM graph_meanings
                    ORDER BY embedding <=> d.embedding LIMIT 3) x) graph
WHERE id IN (277, 360, 437, 561, 761, 1315, 1470, 1724)
ORDER BY id;

\echo '--- the ten nearest meanings of all forty definitions, along the graph'
\echo
CREATE TEMP VIEW nearest_by_graph AS
SELECT d.id AS definition, n.place, n.id AS meaning, n.distance
FROM definitions d,
     LATERAL (SELECT row_number() OVER () AS place, x.*
              FROM (SELECT m.id, m.embedding <=> d.embedding AS distance
                    FROM graph_meanings m
                    ORDER BY m.embedding <=> d.embedding LIMIT 10) x) n;
EXPLAIN (COSTS OFF) TABLE nearest_by_graph;
\timing on
CREATE TEMP TABLE with_graph AS TABLE nearest_by_graph;
\timing off

\echo
\echo '--- and the same through the flat index, for the time it takes'
\echo
\timing on
CREATE TEMP TABLE with_flat AS TABLE nearest;
\timing off

\echo
\echo '--- which share of the nearest rows did the graph find (its recall)?'
\echo
SELECT (SELECT count(*) FROM with_flat) AS "rows",
       count(*) AS "found",
       round(count(*) / (SELECT count(*) FROM with_flat)::numeric, 3) AS recall
FROM with_graph JOIN with_flat USING (definition, meaning, distance);

\echo '--- a search tries for 95 of 100 unless another share is set; for 100 of 100'
\echo '--- all rows are read, as in the flat index'
\echo
SET vectordb.target_recall = 1;
\timing on
CREATE TEMP TABLE with_all AS TABLE nearest_by_graph;
\timing off
SELECT round(count(*) / (SELECT count(*) FROM with_flat)::numeric, 3) AS recall
FROM with_all JOIN with_flat USING (definition, meaning, distance);
RESET vectordb.target_recall;
