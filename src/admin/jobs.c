/*-------------------------------------------------------------------------
 *
 * jobs.c
 *	  SQL functions about what maintenance workers do, and to do it now.
 *
 * Reading is for everybody who may read the table; changing is for its owner,
 * and refused in recovery.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "admin/admin.h"
#include "am/common/graph_job.h"
#include "am/common/options.h"
#include "base/background.h"
#include "base/compat.h"
#include "base/settings.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/growing.h"
#include "storage/manifest.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "worker/job.h"

PG_FUNCTION_INFO_V1(vdb_index_jobs);
PG_FUNCTION_INFO_V1(vdb_optimize);
PG_FUNCTION_INFO_V1(vdb_compact);
PG_FUNCTION_INFO_V1(vdb_pause);
PG_FUNCTION_INFO_V1(vdb_resume);
PG_FUNCTION_INFO_V1(vdb_prewarm);

#define JOBS_COLUMNS 7

/* Of an index without a running job. */
#define JOB_NONE ((JobKind) 0)

/* One row of vectordb.jobs. */
typedef struct JobRow
{
	JobKind		kind;
	int64		segment;		/* 0: none */
	const char *state;
	double		progress;		/* -1: unknown */
	TimestampTz start;			/* 0: not yet */
	int			tries;
	uint32		sqlstate;		/* 0: no error */
} JobRow;

static void jobs_put(ReturnSetInfo *result, const JobRow *row);
static JobKind jobs_put_running(ReturnSetInfo *result, Oid indexrelid,
								const JobList *list);
static void jobs_put_growing(ReturnSetInfo *result, Relation index,
							 const JobList *list);
static void jobs_put_done(ReturnSetInfo *result, Relation index,
						  const JobList *list);
static bool jobs_have(const JobList *list, uint32 segment);
static char *jobs_error(uint32 sqlstate);
static int	jobs_run_all(Relation heap, Relation index, const JobList *list);
static void jobs_seal(Relation index);
static void jobs_set_worker(Oid indexrelid, const char *action);

/* Jobs of an index: those that wait, the one that runs, and what is done. */
Datum
vdb_index_jobs(PG_FUNCTION_ARGS)
{
	static const char *const states[] = {"pending", "retry", "failed"};
	Oid			indexrelid = PG_GETARG_OID(0);
	Relation	heap;
	Relation	index = admin_open_readable(indexrelid, &heap);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	JobList    *list = job_find(index, job_memory());
	JobKind		running;

	InitMaterializedSRF(fcinfo, 0);
	running = jobs_put_running(result, indexrelid, list);
	for (int i = 0; i < list->njobs; i++)
	{
		const Job  *job = &list->jobs[i];
		JobRow		row = {
			.kind = job->kind,.segment = job->nids > 0 ? job->ids[0] : 0,
			.state = states[job->state],.progress = -1,
			.tries = job->tries,.sqlstate = job->sqlstate
		};

		/* Sources of the running job look as if the server had crashed. */
		if (running != JOB_NONE &&
			(job->sqlstate == ERRCODE_CRASH_SHUTDOWN || job->kind == JOB_FREE))
			continue;
		jobs_put(result, &row);
	}
	if (running != JOB_SEAL)
		jobs_put_growing(result, index, list);
	jobs_put_done(result, index, list);
	admin_close(index, heap, AccessShareLock);
	return (Datum) 0;
}

/* Merge what can be merged, into as few segments as may be. */
Datum
vdb_optimize(PG_FUNCTION_ARGS)
{
	Relation	heap;
	Relation	index;
	int			nwritten = 0;
	int			n;

	admin_refuse_in_recovery("optimize");
	index = admin_open_owned(PG_GETARG_OID(0), ShareUpdateExclusiveLock,
							 &heap);
	jobs_seal(index);
	do
	{
		n = jobs_run_all(heap, index,
						 job_find_optimize(index, maintenance_work_mem));
		nwritten += n;
	} while (n > 0);
	admin_close(index, heap, ShareUpdateExclusiveLock);
	PG_RETURN_INT32(nwritten);
}

/* Rewrite every segment that has dead rows. */
Datum
vdb_compact(PG_FUNCTION_ARGS)
{
	Relation	heap;
	Relation	index;
	int			nwritten;

	admin_refuse_in_recovery("compact");
	index = admin_open_owned(PG_GETARG_OID(0), ShareUpdateExclusiveLock,
							 &heap);
	jobs_seal(index);
	nwritten = jobs_run_all(heap, index, job_find_compact(index));
	admin_close(index, heap, ShareUpdateExclusiveLock);
	PG_RETURN_INT32(nwritten);
}

/* Workers leave the index alone; a job that runs is given up. */
Datum
vdb_pause(PG_FUNCTION_ARGS)
{
	admin_refuse_in_recovery("pause");
	jobs_set_worker(PG_GETARG_OID(0), "SET (worker = off)");
	PG_RETURN_VOID();
}

/* Workers take care of the index again, as if nothing had failed. */
Datum
vdb_resume(PG_FUNCTION_ARGS)
{
	Oid			indexrelid = PG_GETARG_OID(0);
	Relation	heap;
	Relation	index;
	Manifest   *manifest;

	admin_refuse_in_recovery("resume");
	jobs_set_worker(indexrelid, "RESET (worker)");
	index = admin_open_owned(indexrelid, RowExclusiveLock, &heap);
	manifest = manifest_read(index);
	for (int i = 0; i < manifest->nsegments; i++)
	{
		if (manifest->segments[i].tries > 0)
			manifest_set_tries(index, manifest->segments[i].id, 0, 0, 0);
	}
	background_wanted(index);
	admin_close(index, heap, RowExclusiveLock);
	PG_RETURN_VOID();
}

/* Read the index into shared buffers; returns the number of blocks. */
Datum
vdb_prewarm(PG_FUNCTION_ARGS)
{
	Relation	heap;
	Relation	index = admin_open_readable(PG_GETARG_OID(0), &heap);
	BlockNumber nblocks = RelationGetNumberOfBlocks(index);

	for (BlockNumber blkno = 0; blkno < nblocks; blkno++)
	{
		CHECK_FOR_INTERRUPTS();
		ReleaseBuffer(ReadBuffer(index, blkno));
	}
	admin_close(index, heap, AccessShareLock);
	PG_RETURN_INT64((int64) nblocks);
}

/* ----------------------------------------------------------------------
 * Rows of the view
 * ----------------------------------------------------------------------
 */

static void
jobs_put(ReturnSetInfo *result, const JobRow *row)
{
	Datum		values[JOBS_COLUMNS];
	bool		nulls[JOBS_COLUMNS] = {0};

	values[0] = CStringGetTextDatum(job_kind_name(row->kind));
	values[1] = Int64GetDatum(row->segment);
	nulls[1] = row->segment == 0;
	values[2] = CStringGetTextDatum(row->state);
	values[3] = Float8GetDatum(row->progress);
	nulls[3] = row->progress < 0;
	values[4] = TimestampTzGetDatum(row->start);
	nulls[4] = row->start == 0;
	values[5] = Int32GetDatum(row->tries);
	nulls[6] = row->sqlstate == 0;
	values[6] = nulls[6] ? (Datum) 0 :
		CStringGetTextDatum(jobs_error(row->sqlstate));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Returns its kind.  Its tries do not count the present one. */
static JobKind
jobs_put_running(ReturnSetInfo *result, Oid indexrelid, const JobList *list)
{
	RunningJob	running;
	JobRow		row = {.state = "running"};

	if (!job_running(indexrelid, &running))
		return JOB_NONE;
	row.kind = running.kind;
	row.segment = running.segment;
	row.progress = running.progress;
	row.start = running.start;
	for (int i = 0; i < list->njobs; i++)
	{
		if (list->jobs[i].sqlstate == ERRCODE_CRASH_SHUTDOWN &&
			list->jobs[i].tries > 0)
			row.tries = list->jobs[i].tries - 1;
	}
	jobs_put(result, &row);
	return running.kind;
}

/* A worker will seal it when no row has been added for a while, or before. */
static void
jobs_put_growing(ReturnSetInfo *result, Relation index, const JobList *list)
{
	JobRow		row = {
		.kind = JOB_SEAL,.segment = list->growing_id,.state = "pending",
		.progress = -1
	};

	if (list->growing_id != 0 && vdb_seal_idle_time > 0 &&
		vdb_max_workers > 0 && !RelationUsesLocalBuffers(index) &&
		options_maintenance(index, 1).worker)
		jobs_put(result, &row);
}

/*
 * Reorganised segments to which nothing is to be done: each is what came of a
 * job, or of CREATE INDEX.
 */
static void
jobs_put_done(ReturnSetInfo *result, Relation index, const JobList *list)
{
	Manifest   *manifest = manifest_read(index);

	for (int i = 0; i < manifest->nsegments; i++)
	{
		const SegmentInfo *info = &manifest->segments[i];
		JobRow		row = {
			.kind = JOB_BUILD,.segment = info->id,.state = "done",
			.progress = 1,.start = info->created
		};

		if (info->state == SEGMENT_SEALED &&
			segment_has_planes(info->kind) && !jobs_have(list, info->id))
			jobs_put(result, &row);
	}
}

/* Is there something to do with the segment? */
static bool
jobs_have(const JobList *list, uint32 segment)
{
	for (int i = 0; i < list->njobs; i++)
	{
		for (int j = 0; j < list->jobs[i].nids; j++)
		{
			if (list->jobs[i].ids[j] == segment)
				return true;
		}
	}
	return false;
}

/* The server's log has the message; the segment keeps the code. */
static char *
jobs_error(uint32 sqlstate)
{
	const char *text = NULL;

	switch (sqlstate)
	{
		case ERRCODE_INDEX_CORRUPTED:
		case ERRCODE_DATA_CORRUPTED:
			text = "the index is damaged";
			break;
		case ERRCODE_DISK_FULL:
			text = "disk full";
			break;
		case ERRCODE_OUT_OF_MEMORY:
			text = "out of memory";
			break;
		case ERRCODE_CRASH_SHUTDOWN:
			text = "the server crashed";
			break;
		case ERRCODE_QUERY_CANCELED:
			text = "canceled";
			break;
		case ERRCODE_IO_ERROR:
			text = "input or output failed";
			break;
		case ERRCODE_INTERNAL_ERROR:
			text = "internal error";
			break;
		default:
			break;
	}
	return text == NULL ? pstrdup(unpack_sql_state(sqlstate)) :
		psprintf("%s: %s", unpack_sql_state(sqlstate), text);
}

/* ----------------------------------------------------------------------
 * Commands
 * ----------------------------------------------------------------------
 */

static void
jobs_seal(Relation index)
{
	growing_seal(index);
	maintenance_lock_patiently(index);
	manifest_finish_pending(index);
	manifest_retire_empty(index);
	maintenance_unlock(index);
}

/* Returns how many were run to their end. */
static int
jobs_run_all(Relation heap, Relation index, const JobList *list)
{
	int			n = 0;

	for (int i = 0; i < list->njobs; i++)
	{
		GraphHelp	help = {graph_job_workers(heap, index)};

		CHECK_FOR_INTERRUPTS();
		if (job_rewrite(index, &list->jobs[i], maintenance_work_mem, &help))
			n++;
	}
	if (n > 0)
		manifest_pass_horizon();
	return n;
}

/* What ALTER INDEX does, with all it tests and sends. */
static void
jobs_set_worker(Oid indexrelid, const char *action)
{
	Relation	heap;
	Relation	index = admin_open_owned(indexrelid, AccessShareLock, &heap);
	const char *schema = get_namespace_name(RelationGetNamespace(index));
	const char *name = RelationGetRelationName(index);
	char	   *command = psprintf("ALTER INDEX %s %s",
								   quote_qualified_identifier(schema, name),
								   action);

	/* ALTER INDEX refuses to run while this session uses the index. */
	admin_close(index, heap, AccessShareLock);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "ALTER INDEX failed");
	SPI_finish();
}
