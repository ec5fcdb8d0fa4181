-- sql/include/index_tables.sql, for the access method "hnsw".
\getenv srcdir PG_ABS_SRCDIR
\set am hnsw
\set body :srcdir '/sql/include/index_tables.sql'
\i :body
