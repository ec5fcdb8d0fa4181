-- live-end.sql: all rows of live.sql in one segment, whatever it costs
\pset footer off
\pset linestyle unicode
\set ECHO queries

\echo
\echo '--- who does not want to wait for workers says so'
\echo
SELECT vectordb.optimize('live_index');
SELECT file_type, row_count, dead_rows, pg_size_pretty(file_size) AS size
FROM vectordb.segments WHERE table_id = 'live_meanings'::regclass;
SELECT count(*) AS problems FROM vectordb.check('live_index');
