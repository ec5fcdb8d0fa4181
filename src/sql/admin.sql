-- Administration: schema vectordb (docs/administration.md)

CREATE SCHEMA vectordb;
GRANT USAGE ON SCHEMA vectordb TO PUBLIC;
COMMENT ON SCHEMA vectordb IS
	'administration of vector indexes';

-- The columns of the view vectordb.segments, in its order.
CREATE FUNCTION vectordb.index_segments(
	index regclass,
	OUT file_id bigint,
	OUT file_type text,
	OUT file_size bigint,
	OUT row_count bigint,
	OUT created_on timestamptz,
	OUT state text,
	OUT dead_rows bigint,
	OUT level integer)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'vdb_index_segments'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vectordb.index_segments(regclass) IS
	'segments of a vector index';

CREATE FUNCTION vectordb.index_info(
	index regclass,
	OUT dimension integer,
	OUT metric text,
	OUT code_bits integer,
	OUT format_version integer,
	OUT created_on timestamptz,
	OUT segments integer,
	OUT pending integer,
	OUT size bigint,
	OUT free_size bigint,
	OUT centred boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'vdb_index_info'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vectordb.index_info(regclass) IS
	'properties of a vector index';

CREATE FUNCTION vectordb.flush(index regclass) RETURNS bigint
AS 'MODULE_PATHNAME', 'vdb_flush'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vectordb.flush(regclass) IS
	'seal the growing segment of a vector index; returns its number';

CREATE FUNCTION vectordb.build(index regclass) RETURNS integer
AS 'MODULE_PATHNAME', 'vdb_build'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vectordb.build(regclass) IS
	'seal and reorganise a vector index now, building graphs for hnsw; returns the number of segments written';

CREATE FUNCTION vectordb.optimize(index regclass) RETURNS integer
AS 'MODULE_PATHNAME', 'vdb_optimize'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vectordb.optimize(regclass) IS
	'merge the segments of a vector index into as few as max_segment_size and memory allow; returns the number of segments written';

CREATE FUNCTION vectordb.compact(index regclass) RETURNS integer
AS 'MODULE_PATHNAME', 'vdb_compact'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vectordb.compact(regclass) IS
	'rewrite the segments of a vector index that have dead rows, without these; returns the number of segments written';

CREATE FUNCTION vectordb.pause(index regclass) RETURNS void
AS 'MODULE_PATHNAME', 'vdb_pause'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vectordb.pause(regclass) IS
	'keep maintenance workers away from a vector index';

CREATE FUNCTION vectordb.resume(index regclass) RETURNS void
AS 'MODULE_PATHNAME', 'vdb_resume'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vectordb.resume(regclass) IS
	'let maintenance workers take care of a vector index again, and forget failed jobs';

CREATE FUNCTION vectordb.prewarm(index regclass) RETURNS bigint
AS 'MODULE_PATHNAME', 'vdb_prewarm'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vectordb.prewarm(regclass) IS
	'read a vector index into shared buffers; returns the number of blocks';

-- The columns of the view vectordb.jobs, in its order.
CREATE FUNCTION vectordb.index_jobs(
	index regclass,
	OUT kind text,
	OUT segment bigint,
	OUT state text,
	OUT progress double precision,
	OUT start timestamptz,
	OUT tries integer,
	OUT last_error text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'vdb_index_jobs'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vectordb.index_jobs(regclass) IS
	'maintenance of a vector index: what is to be done, is being done and is done';

CREATE FUNCTION vectordb.last_scan(
	OUT segments integer,
	OUT rounds bigint,
	OUT steps bigint,
	OUT rows_scanned bigint,
	OUT rows_refined bigint,
	OUT rows_returned bigint,
	OUT pages bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'vdb_last_scan_stats'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION vectordb.last_scan() IS
	'what the last index scan of this session has read';

CREATE FUNCTION vectordb.check(
	index regclass,
	OUT segment_id bigint,
	OUT block bigint,
	OUT problem text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'vdb_check'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vectordb.check(regclass) IS
	'verify every page and row of a vector index: one row for each violation';

-- The vector indexes whose tables the current user may read.
-- MATERIALIZED: index_info() must not be asked about other indexes.
CREATE VIEW vectordb.tables AS
WITH ours AS MATERIALIZED (
	SELECT i.indrelid, i.indexrelid, i.indisvalid, am.amname
	FROM pg_catalog.pg_index i
	JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
	JOIN pg_catalog.pg_am am ON am.oid = c.relam
	JOIN pg_catalog.pg_proc p ON p.oid = am.amhandler
	WHERE p.probin = 'MODULE_PATHNAME'
	  AND c.relkind = 'i'
	  AND NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())
	  AND i.indisready
	  AND pg_catalog.has_table_privilege(i.indrelid, 'SELECT')
	  AND NOT pg_catalog.pg_is_other_temp_schema(c.relnamespace))
SELECT ours.indrelid::regclass AS table_id,
	   ours.indexrelid::regclass AS indexrelid,
	   info.dimension,
	   info.created_on,
	   CASE WHEN NOT ours.indisvalid THEN 'invalid'
			WHEN info.pending > 0 THEN 'pending'
			ELSE 'ready' END AS state,
	   upper(ours.amname::text) AS engine_type,
	   NULL::integer AS nlist,
	   info.metric AS metric_type
FROM ours
CROSS JOIN LATERAL vectordb.index_info(ours.indexrelid) info;

CREATE VIEW vectordb.segments AS
SELECT t.table_id,
	   t.engine_type,
	   s.*,
	   t.indexrelid
FROM vectordb.tables t
CROSS JOIN LATERAL vectordb.index_segments(t.indexrelid) s;

CREATE VIEW vectordb.jobs AS
SELECT t.indexrelid,
	   j.*
FROM vectordb.tables t
CROSS JOIN LATERAL vectordb.index_jobs(t.indexrelid) j;

COMMENT ON VIEW vectordb.jobs IS
	'maintenance of the indexes in vectordb.tables';
COMMENT ON VIEW vectordb.tables IS
	'vector indexes on tables that the current user may read';
COMMENT ON VIEW vectordb.segments IS
	'segments of the indexes in vectordb.tables';

GRANT SELECT ON vectordb.tables, vectordb.segments, vectordb.jobs TO PUBLIC;

COMMENT ON COLUMN vectordb.tables.table_id IS
	'the table';
COMMENT ON COLUMN vectordb.tables.indexrelid IS
	'the index';
COMMENT ON COLUMN vectordb.tables.dimension IS
	'dimensions of the indexed vectors';
COMMENT ON COLUMN vectordb.tables.created_on IS
	'when the index was built';
COMMENT ON COLUMN vectordb.tables.state IS
	'ready; pending: a step is unfinished; invalid: as in pg_index';
COMMENT ON COLUMN vectordb.tables.engine_type IS
	'access method';
COMMENT ON COLUMN vectordb.tables.nlist IS
	'lists of an ivf index';
COMMENT ON COLUMN vectordb.tables.metric_type IS
	'L2, IP, COSINE or L1';

COMMENT ON COLUMN vectordb.segments.table_id IS
	'the table';
COMMENT ON COLUMN vectordb.segments.engine_type IS
	'access method';
COMMENT ON COLUMN vectordb.segments.file_id IS
	'number of the segment in its index, never used again';
COMMENT ON COLUMN vectordb.segments.file_type IS
	'state and kind: growing, sealed/rows, sealed/planes, sealed/graph, ...';
COMMENT ON COLUMN vectordb.segments.file_size IS
	'bytes';
COMMENT ON COLUMN vectordb.segments.row_count IS
	'rows, dead ones included';
COMMENT ON COLUMN vectordb.segments.created_on IS
	'when the segment was sealed or written; NULL while it grows';
COMMENT ON COLUMN vectordb.segments.state IS
	'growing, sealing, sealed, building or retired';
COMMENT ON COLUMN vectordb.segments.dead_rows IS
	'dead rows, as of the last VACUUM';
COMMENT ON COLUMN vectordb.segments.level IS
	'how often the rows were rewritten';
COMMENT ON COLUMN vectordb.segments.indexrelid IS
	'the index';
COMMENT ON COLUMN vectordb.jobs.indexrelid IS
	'the index';
COMMENT ON COLUMN vectordb.jobs.kind IS
	'seal, build, merge, compact, free';
COMMENT ON COLUMN vectordb.jobs.segment IS
	'the first segment concerned; with seal, the growing one';
COMMENT ON COLUMN vectordb.jobs.state IS
	'pending, running, retry, failed, done';
COMMENT ON COLUMN vectordb.jobs.progress IS
	'of a graph that is being built: 0 to 1';
COMMENT ON COLUMN vectordb.jobs.start IS
	'when the job was started; of what is done, when the segment was written';
COMMENT ON COLUMN vectordb.jobs.tries IS
	'failures so far';
COMMENT ON COLUMN vectordb.jobs.last_error IS
	'code of the last failure, and what it means';
