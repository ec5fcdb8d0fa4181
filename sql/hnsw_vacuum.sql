-- sql/include/index_vacuum.sql, for the access method "hnsw".
\getenv srcdir PG_ABS_SRCDIR
\set am hnsw
\set body :srcdir '/sql/include/index_vacuum.sql'
\i :body
