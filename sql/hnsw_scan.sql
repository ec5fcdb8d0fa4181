-- sql/include/index_scan.sql, for the access method "hnsw".
\getenv srcdir PG_ABS_SRCDIR
-- With a target of 1 an index with graphs is exact, too.
SET vectordb.target_recall = 1;
\set am hnsw
\set body :srcdir '/sql/include/index_scan.sql'
\i :body
