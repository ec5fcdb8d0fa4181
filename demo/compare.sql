-- compare.sql: the same answers with the index and without it
\pset footer off
\pset linestyle unicode
\set ECHO queries

\echo
\echo '=== 5. The same answer with the index and without it ====================='
\echo
PREPARE nearest AS
SELECT d.id, n.meaning, n.distance
FROM definitions d,
     LATERAL (SELECT m.id AS meaning, m.embedding <=> d.embedding AS distance
              FROM meanings m
              ORDER BY m.embedding <=> d.embedding LIMIT 10) n;

\echo '--- the ten nearest meanings of forty definitions, through the index'
\echo
EXPLAIN (COSTS OFF) EXECUTE nearest;
\timing on
CREATE TEMP TABLE with_index AS EXECUTE nearest;
\timing off

\echo '--- and by computing every distance'
\echo
SET enable_indexscan = off;
DEALLOCATE nearest;
PREPARE nearest AS
SELECT d.id, n.meaning, n.distance
FROM definitions d,
     LATERAL (SELECT m.id AS meaning, m.embedding <=> d.embedding AS distance
              FROM meanings m
              ORDER BY m.embedding <=> d.embedding LIMIT 10) n;
EXPLAIN (COSTS OFF) EXECUTE nearest;
\timing on
CREATE TEMP TABLE without_index AS EXECUTE nearest;
\timing off

\echo '--- how many of the rows are the same?'
\echo
SELECT (SELECT count(*) FROM without_index) AS "rows",
       (SELECT count(*) FROM (TABLE with_index INTERSECT
                              TABLE without_index) x) AS "the same";
