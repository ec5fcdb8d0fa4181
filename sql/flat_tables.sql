-- sql/include/index_tables.sql, for the access method "flat".
\getenv srcdir PG_ABS_SRCDIR
\set am flat
\set body :srcdir '/sql/include/index_tables.sql'
\i :body
