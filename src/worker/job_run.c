/*-------------------------------------------------------------------------
 *
 * job_run.c
 *	  Running a job in a maintenance worker.
 *
 * A job is one transaction.  It locks the index so that neither another job
 * nor any command that changes the index can come in between (rule 21), and
 * lets go of it as soon as somebody wants that lock; it has no snapshot while
 * it works, so that it holds up no VACUUM (rule 22): its sources are safe
 * because nobody else may retire segments meanwhile (sources_try_lock()).
 *
 * A job that has begun counts as one that has failed until it ends, in the
 * descriptors of its sources: else a job for which the server has not memory
 * enough, say, would crash it again and again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "am/common/options.h"
#include "am/common/rewrite.h"
#include "base/background.h"
#include "base/debug_points.h"
#include "base/settings.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/growing.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/manifest.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "worker/job.h"
#include "worker/job_mark.h"
#include "worker/job_progress.h"
#include "worker/slots.h"

/* How often a job looks whether it is in somebody's way. */
#define JOB_CHECK_MS 100
#define JOB_CHECK_DATABASE_MS 1000

/* Starting a helper takes as long as building a graph of some hundred rows. */
#define JOB_ROWS_OF_HELPER 16384

/* A swap names no more segments than its descriptor pages hold. */
#define JOB_MAX_SOURCES \
	(MANIFEST_META_SLOTS + MANIFEST_SWAP_PAGES * MANIFEST_PAGE_SLOTS)

/* Conflicts with itself and with all commands that change the index. */
#define JOB_LOCK ShareUpdateExclusiveLock

bool		job_must_leave = false;

/* The job that runs in this process. */
static Relation job_index = NULL;
static bool job_gave_up;
static TimestampTz job_checked_database;

/* What the descriptors of its sources said before it began. */
typedef struct JobMarks
{
	Oid			indexrelid;		/* InvalidOid: no job has begun */
	int			nids;
	SegmentInfo before[JOB_MAX_SOURCES];
} JobMarks;

static JobMarks job_marks;
static TimeoutId job_timeout;

static JobResult job_run_in_transaction(Oid indexrelid, const Job *job);
static Relation job_lock_index(Oid indexrelid);
static bool job_do(Relation index, const Job *job);
static int	job_count_helpers(const Job *job);
static bool job_free(Relation index);
static JobResult job_failed(Oid indexrelid, const Job *job);
static void job_unmark(uint32 culprit, uint32 sqlstate);
static void job_tick(void);
static void job_check(void);
static void job_give_up(const char *reason);

void
job_init_worker(void)
{
	background_check_hook = job_check;
	job_timeout = RegisterTimeout(USER_TIMEOUT, job_tick);
	before_shmem_exit(job_at_exit, (Datum) 0);
}

JobResult
job_run(Oid indexrelid, const Job *job)
{
	SlotKind	kind = job->kind == JOB_BUILD ? SLOT_BUILD : SLOT_MERGE;
	bool		limited = job->kind == JOB_BUILD || job->kind == JOB_MERGE ||
	job->kind == JOB_COMPACT;
	int			slot = -1;
	MemoryContext context = CurrentMemoryContext;
	volatile JobResult result;

	if (limited)
	{
		slot = slot_try_take(kind, job->kind == JOB_BUILD ?
							 vdb_max_build_workers : vdb_max_merge_workers);
		if (slot < 0)
			return JOB_NOT_NOW;
	}
	job_gave_up = false;
	job_checked_database = GetCurrentTimestamp();
	PG_TRY();
	{
		result = job_run_in_transaction(indexrelid, job);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		result = job_failed(indexrelid, job);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	if (limited)
		slot_give_back(kind, slot);
	return result;
}

static JobResult
job_run_in_transaction(Oid indexrelid, const Job *job)
{
	bool		done = false;
	Relation	index;

	StartTransactionCommand();
	index = job_lock_index(indexrelid);
	if (index == NULL || sources_are_wanted(index) ||
		!sources_try_lock(index))
	{
		CommitTransactionCommand();
		return JOB_NOT_NOW;
	}
	job_progress_start(index, job);
	if (job_mark(index, job))
	{
		job_index = index;
		background_check_due = false;
		VacuumCostActive = vdb_worker_cost_delay > 0;
		VacuumCostBalance = 0;
		enable_timeout_every(job_timeout,
							 TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
														 JOB_CHECK_MS),
							 JOB_CHECK_MS);
		InvalidateCatalogSnapshot();
		Assert(!TransactionIdIsValid(MyProc->xmin));
		debug_point("job-begin");
		done = job_do(index, job);
		disable_timeout(job_timeout, false);
		VacuumCostActive = false;
		job_index = NULL;
		job_unmark_index(index, 0, 0);
	}
	sources_unlock(index);
	relation_close(index, JOB_LOCK);
	job_progress_end();
	CommitTransactionCommand();
	return done ? JOB_DONE : JOB_NOT_NOW;
}

/*
 * Nothing is waited for: table, then index, as everybody does; then the table
 * is let go.  NULL when the index is not to be had, or not to be maintained.
 */
static Relation
job_lock_index(Oid indexrelid)
{
	Oid			heapid = IndexGetRelation(indexrelid, true);
	Relation	index = NULL;

	if (!OidIsValid(heapid) ||
		!ConditionalLockRelationOid(heapid, AccessShareLock))
		return NULL;
	if (ConditionalLockRelationOid(indexrelid, JOB_LOCK))
	{
		index = try_relation_open(indexrelid, NoLock);
		if (index == NULL || index->rd_rel->relkind != RELKIND_INDEX ||
			!index->rd_index->indislive || !index->rd_index->indisready ||
			!index->rd_index->indisvalid ||
			!options_maintenance(index, 1).worker)
		{
			if (index != NULL)
				relation_close(index, NoLock);
			UnlockRelationOid(indexrelid, JOB_LOCK);
			index = NULL;
		}
	}
	UnlockRelationOid(heapid, AccessShareLock);
	return index;
}

/* False when there was nothing to do after all. */
static bool
job_do(Relation index, const Job *job)
{
	GraphHelp	help = {.nworkers = job_count_helpers(job),.team = true};

	switch (job->kind)
	{
		case JOB_SEAL:
			return growing_seal(index) != 0;
		case JOB_FREE:
			return job_free(index);
		default:
			if (!job_rewrite(index, job, job_memory(), &help))
				return false;
			/* So that the pages of the sources can be used again. */
			manifest_pass_horizon();
			return true;
	}
}

/* As many as CREATE INDEX has, but none where there is little to do. */
static int
job_count_helpers(const Job *job)
{
	return Min(max_parallel_maintenance_workers,
			   job->rows / JOB_ROWS_OF_HELPER);
}

static bool
job_free(Relation index)
{
	if (!maintenance_try_lock(index))
		return false;
	manifest_finish_pending(index);
	manifest_retire_empty(index);
	maintenance_unlock(index);
	return true;
}

/* ----------------------------------------------------------------------
 * Failures
 * ----------------------------------------------------------------------
 */

/* The error is at the top of the stack. */
static JobResult
job_failed(Oid indexrelid, const Job *job)
{
	uint32		culprit = rewrite_reading;
	uint32		sqlstate = geterrcode();

	HOLD_INTERRUPTS();
	disable_timeout(job_timeout, false);
	VacuumCostActive = false;
	job_index = NULL;
	rewrite_reading = 0;
	/* A helper that is told to end has not failed, either. */
	if (sqlstate == ERRCODE_ADMIN_SHUTDOWN)
		job_gave_up = true;
	if (!job_gave_up)
	{
		errcontext("%s of index with OID %u", job_kind_name(job->kind),
				   indexrelid);
		EmitErrorReport();
	}
	AbortCurrentTransaction();
	FlushErrorState();
	job_progress_end();
	RESUME_INTERRUPTS();

	if (job_gave_up)
	{
		job_unmark(0, 0);
		return JOB_NOT_NOW;
	}
	/* The fault may have shown itself while a source was read by chance. */
	if (culprit == 0 || job_fault_is_elsewhere(sqlstate))
		culprit = PG_UINT32_MAX;
	job_unmark(culprit, sqlstate);
	return JOB_ERROR;
}

/*
 * Note in the sources that a job has begun, as if the server crashed in it.
 * False when they are not there any more.
 */
bool
job_mark(Relation index, const Job *job)
{
	Manifest   *manifest;
	uint32		now = GetCurrentTimestamp() / USECS_PER_SEC;

	job_marks.nids = 0;
	if (job->kind == JOB_SEAL)
		return true;
	if (job->nids > lengthof(job_marks.before))
		return false;
	manifest = manifest_read_all(index);
	for (int i = 0; i < job->nids; i++)
	{
		for (int j = 0; j < manifest->nsegments; j++)
		{
			if (manifest->segments[j].id == job->ids[i] &&
				(job->kind == JOB_FREE ||
				 manifest->segments[j].state == SEGMENT_SEALED))
				job_marks.before[job_marks.nids++] = manifest->segments[j];
		}
	}
	if (job_marks.nids < job->nids)
		return false;

	job_marks.indexrelid = RelationGetRelid(index);
	for (int i = 0; i < job_marks.nids; i++)
		manifest_set_tries(index, job_marks.before[i].id,
						   job_marks.before[i].tries + 1,
						   ERRCODE_CRASH_SHUTDOWN, now);
	if (RelationNeedsWAL(index))
		XLogFlush(XactLastRecEnd);
	return true;
}

/*
 * The job has ended.  Those of its sources that are still there are as they
 * were before, but for the one in which it failed; all, if that is
 * PG_UINT32_MAX.  In a transaction of its own.
 */
static void
job_unmark(uint32 culprit, uint32 sqlstate)
{
	MemoryContext context = CurrentMemoryContext;

	if (!OidIsValid(job_marks.indexrelid))
		return;
	PG_TRY();
	{
		Relation	index = NULL;

		StartTransactionCommand();
		if (ConditionalLockRelationOid(job_marks.indexrelid, AccessShareLock))
			index = try_relation_open(job_marks.indexrelid, NoLock);
		if (index != NULL)
		{
			job_unmark_index(index, culprit, sqlstate);
			relation_close(index, NoLock);
		}
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	job_marks.indexrelid = InvalidOid;
}

void
job_unmark_index(Relation index, uint32 culprit, uint32 sqlstate)
{
	uint32		now = GetCurrentTimestamp() / USECS_PER_SEC;

	job_marks.indexrelid = InvalidOid;
	for (int i = 0; i < job_marks.nids; i++)
	{
		const SegmentInfo *info = &job_marks.before[i];

		if (culprit == info->id || culprit == PG_UINT32_MAX)
			manifest_set_tries(index, info->id, info->tries + 1, sqlstate,
							   now);
		else
			manifest_set_tries(index, info->id, info->tries, info->sqlstate,
							   info->tried);
	}
	job_marks.nids = 0;
}

void
job_forget_marks(void)
{
	job_marks.indexrelid = InvalidOid;
}

/*
 * A worker that is told to end has not failed.  The transaction may not have
 * been aborted yet.
 */
void
job_at_exit(int code, Datum arg)
{
	if (!OidIsValid(job_marks.indexrelid))
		return;
	AbortOutOfAnyTransaction();
	job_unmark(0, 0);
}

/* ----------------------------------------------------------------------
 * Being in the way
 * ----------------------------------------------------------------------
 */

/* From the timer's signal. */
static void
job_tick(void)
{
	background_check_due = true;
}

/* background_check() */
static void
job_check(void)
{
	if (job_index == NULL || InterruptHoldoffCount > 0 ||
		CritSectionCount > 0)
		return;
	background_check_due = false;
	InvalidateCatalogSnapshot();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	if (ProcDiePending)
		job_give_up("the worker is told to end");
	if (vdb_max_workers == 0)
		job_give_up("workers are turned off");
	if (LockHasWaitersRelation(job_index, JOB_LOCK) ||
		sources_are_wanted(job_index))
		job_give_up("another session waits for the index");
	if (TimestampDifferenceExceeds(job_checked_database,
								   GetCurrentTimestamp(),
								   JOB_CHECK_DATABASE_MS))
	{
		job_checked_database = GetCurrentTimestamp();
		if (database_is_wanted())
		{
			job_must_leave = true;
			job_give_up("another session waits for the database");
		}
	}
	background_cost_sleep();
}

static void
job_give_up(const char *reason)
{
	job_gave_up = true;
	ereport(ERROR,
			errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			errmsg_internal("maintenance of index \"%s\" gives up: %s",
							RelationGetRelationName(job_index), reason));
}
