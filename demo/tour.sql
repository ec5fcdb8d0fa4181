-- tour.sql: an index over the meanings, and what it is asked for
\pset footer off
\pset linestyle unicode
\pset border 1
\set ECHO queries

\echo
\echo '=== 1. An index over 20,000 meanings of 384 dimensions ==================='
\echo
\timing on
CREATE INDEX ON meanings USING flat (embedding vector_cosine_ops);
\timing off

SELECT pg_size_pretty(pg_table_size('meanings')) AS "table",
       pg_size_pretty(pg_relation_size('meanings_embedding_idx')) AS "index";

\echo
\echo '=== 2. The meanings that are nearest to a word''s meaning ================='
\echo
\timing on
WITH query AS (SELECT embedding FROM meanings
               WHERE words = 'telescope, scope')
SELECT round((embedding <=> (TABLE query))::numeric, 3) AS distance,
       words, left(gloss, 44) AS gloss
FROM meanings
ORDER BY embedding <=> (TABLE query)
LIMIT 6;
\timing off

\echo
\echo '--- the same for six words, in one statement'
\echo
\timing on
SELECT split_part(m.words, ',', 1) AS word,
       string_agg(n.words, '; ' ORDER BY n.d) AS "nearest"
FROM meanings m,
     LATERAL (SELECT split_part(words, ',', 1) AS words,
                     embedding <=> m.embedding AS d
              FROM meanings
              WHERE id <> m.id
              ORDER BY embedding <=> m.embedding LIMIT 4) n
WHERE (m.words, m.lexfile) IN
      (('wolf', 'noun.animal'), ('ocean', 'noun.object'),
       ('violin, fiddle', 'noun.artifact'),
       ('winter, wintertime', 'noun.time'),
       ('laugh, laughter', 'noun.communication'),
       ('king, male monarch, Rex', 'noun.person'))
GROUP BY m.words ORDER BY m.words;
\timing off

\echo
\echo '--- with a condition: the *persons* that are nearest to "hospital"'
\echo
SELECT words, left(gloss, 48) AS gloss
FROM meanings
WHERE lexfile = 'noun.person'
ORDER BY embedding <=> (SELECT embedding FROM meanings
                        WHERE words = 'hospital, infirmary')
LIMIT 4;

\echo
\echo '=== 3. A reverse dictionary: definitions of 1913, which word is meant? ==='
\echo
\timing on
SELECT left(definition, 48) AS "definition of 1913",
       headword AS "its word there", n.found AS "found here"
FROM definitions d,
     LATERAL (SELECT string_agg(split_part(words, ',', 1), '; ') AS found
              FROM (SELECT words FROM meanings
                    ORDER BY embedding <=> d.embedding LIMIT 2) x) n
WHERE id IN (277, 360, 437, 561, 761, 1315, 1470, 1724)
ORDER BY id;
\timing off

\echo
\echo '=== 4. Rows are found the moment they are inserted ======================='
\echo
SELECT definition FROM definitions WHERE headword = 'Lycanthrope';

\echo '--- the table has no word for such a being'
\echo
PREPARE lycanthrope AS
SELECT words, left(gloss, 34) AS gloss
FROM meanings
ORDER BY embedding <=> (SELECT embedding FROM definitions
                        WHERE headword = 'Lycanthrope')
LIMIT 2;

EXECUTE lycanthrope;

\echo '--- eight creatures of fable come in, and one of them is meant'
\echo
BEGIN;
INSERT INTO meanings SELECT * FROM newcomers;
EXECUTE lycanthrope;

\echo '--- rolled back, they are gone; inserted again, they are back'
\echo
ROLLBACK;
EXECUTE lycanthrope;
INSERT INTO meanings SELECT * FROM newcomers;
EXECUTE lycanthrope;
