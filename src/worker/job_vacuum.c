/*-------------------------------------------------------------------------
 *
 * job_vacuum.c
 *	  Jobs that VACUUM runs, where no worker does.
 *
 * If vectordb.vacuum_build is on and the index has no worker to look after
 * it, VACUUM runs what there is to do before it leaves the index (design, rule
 * 20).  Its snapshot keeps nothing from being removed, so the sources are as
 * unprotected as those of a worker: it takes the locks that a worker's job
 * takes, and leaves the index as it is when they are not to be had at once.
 *
 * A job runs in a subtransaction.  If it fails VACUUM warns and goes on, and
 * the failure is noted in the segments, as that of a worker is; if VACUUM is
 * cancelled nothing is noted.  A parallel VACUUM cannot have a subtransaction:
 * there an error ends it, after its dead rows have been marked, and nothing is
 * noted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/transam.h"
#include "access/xact.h"
#include "am/common/graph_job.h"
#include "am/common/options.h"
#include "am/common/rewrite.h"
#include "base/background.h"
#include "base/compat.h"
#include "base/debug_points.h"
#include "base/progress.h"
#include "base/settings.h"
#include "catalog/pg_class.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "postmaster/autovacuum.h"
#include "storage/growing.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/manifest.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "worker/job.h"
#include "worker/job_mark.h"
#include "worker/job_progress.h"

/* As job_run.c has it: keeps away who rewrites, or changes the index. */
#define JOB_LOCK ShareUpdateExclusiveLock

/* How often a job looks whether it is in somebody's way. */
#define JOB_CHECK_MS 100

/* Rows that one VACUUM writes, at most, by those that were there. */
#define JOB_VACUUM_TIMES 3

/* The job that runs in this process. */
static Relation vacuum_index;
static bool vacuum_gave_up;
static TimestampTz vacuum_checked;

static void job_vacuum(Relation index);
static bool job_vacuum_has_worker(Relation index);
static void job_vacuum_all(Relation index);
static bool job_vacuum_is_urgent(Relation index);
static uint64 job_vacuum_count_rows(Relation index);
static bool job_vacuum_one(Relation index, int memory, uint64 *budget);
static bool job_vacuum_run(Relation index, const Job *job, int memory);
static bool job_vacuum_try(Relation index, const Job *job, int memory);
static bool job_vacuum_rewrite(Relation index, const Job *job, int memory);
static void job_vacuum_failed(Relation index, const Job *job,
							  ErrorData *error);
static void job_vacuum_check(void);

void
job_vacuum_init(void)
{
	background_vacuum_hook = job_vacuum;
}

static void
job_vacuum(Relation index)
{
	void		(*check_hook) (void) = background_check_hook;

	if (!vdb_vacuum_build || job_vacuum_has_worker(index) ||
		!ConditionalLockRelation(index, JOB_LOCK))
		return;
	if (!sources_are_wanted(index) && sources_try_lock(index))
	{
		vacuum_index = index;
		vacuum_gave_up = false;
		vacuum_checked = GetCurrentTimestamp();
		background_check_hook = job_vacuum_check;
		background_check_due = true;
		PG_TRY();
		{
			job_vacuum_all(index);
		}
		PG_FINALLY();
		{
			background_check_hook = check_hook;
			background_check_due = false;
			vacuum_index = NULL;
			job_forget_marks();
		}
		PG_END_TRY();
		sources_unlock(index);
	}
	UnlockRelation(index, JOB_LOCK);
}

/* Does a worker look after the index? */
static bool
job_vacuum_has_worker(Relation index)
{
	return vdb_max_workers > 0 && !RelationUsesLocalBuffers(index) &&
		options_maintenance(index, 1).worker;
}

static void
job_vacuum_all(Relation index)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "vectordb jobs",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	int			memory = AmAutoVacuumWorkerProcess() &&
	autovacuum_work_mem >= 0 ? autovacuum_work_mem : maintenance_work_mem;
	JobList    *list = job_find(index, memory);
	uint64		budget;
	bool		any = false;

	/* Nobody else would before it is full. */
	if (list->graphs && policy_seal_early(list->growing_rows, 0))
		growing_seal(index);
	budget = JOB_VACUUM_TIMES * job_vacuum_count_rows(index);
	while (!job_vacuum_is_urgent(index) &&
		   job_vacuum_one(index, memory, &budget))
	{
		any = true;
		MemoryContextReset(context);
	}
	if (any)
		manifest_pass_horizon();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Is there something more important for VACUUM to do: old transaction ids? */
static bool
job_vacuum_is_urgent(Relation index)
{
	Oid			heapid = index->rd_index->indrelid;
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(heapid));
	TransactionId oldest;

	if (!HeapTupleIsValid(tuple))
		return true;
	oldest = ((Form_pg_class) GETSTRUCT(tuple))->relfrozenxid;
	ReleaseSysCache(tuple);
	return TransactionIdIsNormal(oldest) &&
		(int32) (XidFromFullTransactionId(ReadNextFullTransactionId()) -
				 oldest) > autovacuum_freeze_max_age;
}

static uint64
job_vacuum_count_rows(Relation index)
{
	Manifest   *manifest = manifest_read(index);
	uint64		nrows = 0;

	for (int i = 0; i < manifest->nsegments; i++)
		nrows += manifest->segments[i].nrows;
	return nrows;
}

/*
 * Run the most urgent job; false when there was none that could be run to its
 * end.  What waits only for a load to settle is run: VACUUM will not come
 * again soon.  While rows are loaded there is always another job, so the rows
 * that may be written are limited.
 */
static bool
job_vacuum_one(Relation index, int memory, uint64 *budget)
{
	JobList    *list = job_find(index, memory);

	for (int i = 0; i < list->njobs; i++)
	{
		const Job  *job = &list->jobs[i];

		if (job->kind == JOB_FREE ||
			(job->state != JOB_PENDING && job->wait_ms != 0) ||
			job->rows > *budget)
			continue;
		*budget -= job->rows;
		if (job_vacuum_run(index, job, memory))
			return true;
		if (vacuum_gave_up)
			break;
	}
	return false;
}

static bool
job_vacuum_run(Relation index, const Job *job, int memory)
{
	static bool registered = false;
	bool		done;

	job_progress_start_in_vacuum(index, job);
	if (IsInParallelMode())
		done = job_vacuum_rewrite(index, job, memory);
	else
	{
		if (!registered)
			before_shmem_exit(job_at_exit, (Datum) 0);
		registered = true;
		done = job_mark(index, job) && job_vacuum_try(index, job, memory);
	}
	job_progress_end_in_vacuum();
	return done;
}

/* In a subtransaction. */
static bool
job_vacuum_try(Relation index, const Job *job, int memory)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext work = AllocSetContextCreate(context, "vectordb job",
											   ALLOCSET_DEFAULT_SIZES);
	ResourceOwner owner = CurrentResourceOwner;
	ProgressSaved progress = progress_save();
	volatile bool done = false;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(work);
	PG_TRY();
	{
		done = job_vacuum_rewrite(index, job, memory);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		progress_restore(&progress);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	MemoryContextDelete(work);
	if (error == NULL)
		job_unmark_index(index, 0, 0);
	else
		job_vacuum_failed(index, job, error);
	return done;
}

static bool
job_vacuum_rewrite(Relation index, const Job *job, int memory)
{
	static const GraphHelp alone = {0};

	debug_point("vacuum-job-begin");
	return job_rewrite(index, job, memory, &alone);
}

/* What the owner or the server wants at once is not the job's failure. */
static void
job_vacuum_failed(Relation index, const Job *job, ErrorData *error)
{
	int			sqlstate = error->sqlerrcode;
	uint32		culprit = rewrite_reading;
	bool		cancelled = ERRCODE_TO_CATEGORY(sqlstate) ==
	ERRCODE_OPERATOR_INTERVENTION;

	rewrite_reading = 0;
	if (vacuum_gave_up || cancelled)
	{
		job_unmark_index(index, 0, 0);
		if (cancelled)
			ReThrowError(error);
		return;
	}
	if (culprit == 0 || job_fault_is_elsewhere(sqlstate))
		culprit = PG_UINT32_MAX;
	job_unmark_index(index, culprit, sqlstate);
	/* Of what was written the space is given back. */
	maintenance_lock(index);
	manifest_finish_pending(index);
	maintenance_unlock(index);
	ereport(WARNING,
			errcode(sqlstate),
			errmsg("%s of index \"%s\" failed: %s",
				   job_kind_name(job->kind), RelationGetRelationName(index),
				   error->message),
			error->detail != NULL ? errdetail_internal("%s", error->detail) : 0,
			error->hint != NULL ? errhint("%s", error->hint) : 0);
	FreeErrorData(error);
}

/*
 * background_check(): as slow as VACUUM is told to be, and out of the way of
 * who waits for the table or the index, if the job can be given up.
 */
static void
job_vacuum_check(void)
{
	TimestampTz now;
	LOCKTAG		table;

	if (InterruptHoldoffCount > 0 || CritSectionCount > 0)
		return;
	vdb_vacuum_delay_point();
	now = GetCurrentTimestamp();
	if (IsInParallelMode() ||
		!TimestampDifferenceExceeds(vacuum_checked, now, JOB_CHECK_MS))
		return;
	vacuum_checked = now;
	SET_LOCKTAG_RELATION(table, MyDatabaseId,
						 vacuum_index->rd_index->indrelid);
	if (LockHasWaiters(&table, ShareUpdateExclusiveLock, false) ||
		LockHasWaitersRelation(vacuum_index, JOB_LOCK) ||
		sources_are_wanted(vacuum_index))
	{
		vacuum_gave_up = true;
		ereport(ERROR,
				errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				errmsg_internal("maintenance of index \"%s\" gives up: another session waits for the index",
								RelationGetRelationName(vacuum_index)));
	}
}
