-- compare.sql: the same answers, in the same order, with the index and without
\pset footer off
\pset linestyle unicode
\set ECHO queries

\echo
\echo '=== 5. The same answer with the index and without it ====================='
\echo
\echo '--- the ten nearest meanings of forty definitions'
\echo
CREATE TEMP VIEW nearest AS
SELECT d.id AS definition, n.place, n.id AS meaning, n.distance
FROM definitions d,
     LATERAL (SELECT row_number() OVER () AS place, x.*
              FROM (SELECT m.id, m.embedding <=> d.embedding AS distance
                    FROM meanings m
                    ORDER BY m.embedding <=> d.embedding LIMIT 10) x) n;

\echo
\echo '--- through the index'
\echo
EXPLAIN (COSTS OFF) TABLE nearest;
\timing on
CREATE TEMP TABLE with_index AS TABLE nearest;
\timing off

\echo
\echo '--- by computing every distance'
\echo
SET enable_indexscan = off;
EXPLAIN (COSTS OFF) TABLE nearest;
\timing on
CREATE TEMP TABLE without_index AS TABLE nearest;
\timing off

\echo
\echo '--- how many are the same row, at the same distance, in the same place?'
\echo
SELECT (SELECT count(*) FROM without_index) AS "rows",
       (SELECT count(*) FROM (TABLE with_index INTERSECT
                              TABLE without_index) x) AS "the same";
