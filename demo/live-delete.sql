-- live-delete.sql: a quarter of the rows of live.sql dies
\set ECHO queries

\echo
\echo '--- nobody has asked for anything, and nearly all rows are in one graph.  The'
\echo '--- few that came last (under 1,024) wait in the growing segment.  Now the verbs'
\echo '--- are deleted; VACUUM marks them dead (░), and a graph with more than a fifth'
\echo '--- of dead rows is made anew'
\echo
DELETE FROM live_meanings WHERE pos = 'verb';
VACUUM live_meanings;
\echo
