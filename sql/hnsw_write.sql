-- sql/include/index_write.sql, for the access method "hnsw".
\getenv srcdir PG_ABS_SRCDIR
\set am hnsw
\set body :srcdir '/sql/include/index_write.sql'
\i :body
