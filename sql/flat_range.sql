-- sql/include/index_range.sql, for the access method "flat".
\getenv srcdir PG_ABS_SRCDIR
\set am flat
\set body :srcdir '/sql/include/index_range.sql'
\i :body
