/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  A maintenance worker.
 *
 * Looks at the indexes of one database, does what is due, and leaves when
 * there is nothing left.  One worker leads; when it finds work in several
 * indexes it calls a helper, which only runs jobs that are due.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "am/common/options.h"
#include "base/background.h"
#include "base/compat.h"
#include "base/settings.h"
#include "catalog/dependency.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "worker/job.h"
#include "worker/slots.h"
#include "worker/worker.h"

/* A worker that has nothing to do but wait leaves after this, at least. */
#define WORKER_LINGER_MS 5000

/* ... and after this if something is due that it cannot do now. */
#define WORKER_LINGER_DUE_MS 600000

/* A job that is due later than that is left to another worker. */
#define WORKER_MAX_WAIT_MS 60000

/* Looking at the indexes may take one part in so many of the time. */
#define WORKER_LOOK_SHARE 20

/* Rows are counted again after this, for their rate. */
#define WORKER_COUNT_MS 500

/* Who wants the database waits some seconds at most. */
#define WORKER_MAX_NAP_MS 1000

/* An index that cannot be read is looked at again after 2^n s, n up to: */
#define WORKER_MAX_ERRORS 12

bool		worker_is_this_process = false;

/* What a worker remembers of an index. */
typedef struct WorkerIndex
{
	Oid			oid;			/* key */
	uint32		growing_id;
	uint64		growing_rows;
	TimestampTz growing_since;	/* no row has been added since */
	uint32		counted_id;		/* the growing segment, how many rows it had */
	uint64		counted_rows;	/* and when */
	TimestampTz counted;
	double		rate;			/* rows a second; infinite: not known */
	int			nerrors;
	TimestampTz erred;
} WorkerIndex;

typedef struct Worker
{
	bool		helper;
	HTAB	   *indexes;
	MemoryContext context;		/* of one pass */
	int			ndone;			/* jobs of this pass */
	int			ndue;			/* indexes with work that is due */
	int64		wait_ms;		/* until something else is; -1: nothing */
	int64		job_ms;			/* that jobs took, run to their end or not */
	TimestampTz grew;			/* when rows were last seen to come in */
} Worker;

extern PGDLLEXPORT void vdb_worker_main(Datum arg);

static void worker_loop(Worker *worker);
static void worker_call_helper(void);
static void worker_pass(Worker *worker);
static List *worker_list_indexes(void);
static bool worker_is_our_method(Oid amid, Oid extension);
static void worker_look(Worker *worker, Oid indexrelid);
static JobList *worker_find(Worker *worker, Oid indexrelid);
static JobList *worker_find_in_transaction(Worker *worker, Oid indexrelid);
static bool worker_run_first(Worker *worker, Oid indexrelid, JobList *list);
static JobResult worker_run(Worker *worker, Oid indexrelid, const Job *job);
static bool worker_is_due(const WorkerIndex *known, const Job *job);
static void worker_count_rows(WorkerIndex *known, const JobList *list);
static bool worker_watch_growing(Worker *worker, Oid indexrelid,
								 const JobList *list);
static bool worker_seals_early(const WorkerIndex *known, const JobList *list);
static WorkerIndex *worker_index(Worker *worker, Oid indexrelid);
static void worker_wait_for(Worker *worker, int64 ms);
static void worker_nap(int64 ms);

void
worker_init(void)
{
	wakeup_init();
	job_vacuum_init();
	if (process_shared_preload_libraries_in_progress && !IsBinaryUpgrade)
		launcher_register();
}

bool
worker_start(Oid database, bool helper, BackgroundWorkerHandle * *handle)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	snprintf(worker.bgw_name, BGW_MAXLEN, "vectordb worker for database %u",
			 database);
	snprintf(worker.bgw_type, BGW_MAXLEN, "vectordb worker");
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "vectordb");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "vdb_worker_main");
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = handle != NULL ? MyProcPid : 0;
	worker.bgw_extra[0] = helper;
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

void
vdb_worker_main(Datum arg)
{
	Worker		worker = {0};
	HASHCTL		ctl;

	worker_is_this_process = true;
	worker.helper = MyBgworkerEntry->bgw_extra[0] != 0;
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg),
											  InvalidOid, 0);
	pgstat_report_appname("vectordb worker");
	background_set_timeouts_off();
	if (RecoveryInProgress() ||
		slot_try_take(SLOT_WORKER, vdb_max_workers) < 0)
		return;

	job_init_worker();
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(WorkerIndex);
	worker.indexes = hash_create("vectordb indexes", 64, &ctl,
								 HASH_ELEM | HASH_BLOBS);
	worker.context = AllocSetContextCreate(TopMemoryContext,
										   "vectordb worker",
										   ALLOCSET_DEFAULT_SIZES);
	if (worker.helper)
		worker_loop(&worker);
	else if (database_try_lead())
	{
		worker_loop(&worker);

		/*
		 * Whoever left work behind a moment ago saw a worker here and started
		 * none: so look once more.
		 */
		database_stop_leading();
		worker.helper = true;
		worker_loop(&worker);
	}
}

/* Until there is nothing to do. */
static void
worker_loop(Worker *worker)
{
	TimestampTz busy = GetCurrentTimestamp();

	for (;;)
	{
		TimestampTz start = GetCurrentTimestamp();
		int64		linger = WORKER_LINGER_MS + vdb_seal_idle_time * 1000L;
		int64		took;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (vdb_max_workers == 0 || job_must_leave || database_is_wanted())
			return;

		worker_pass(worker);
		if (worker->ndue > 1 && !worker->helper)
			worker_call_helper();
		if (worker->ndone > 0)
		{
			busy = GetCurrentTimestamp();
			continue;
		}
		if (worker->ndue > 0)
			linger = Max(linger, WORKER_LINGER_DUE_MS);
		if (worker->helper || worker->wait_ms < 0 || job_must_leave ||
			TimestampDifferenceExceeds(Max(busy, worker->grew),
									   GetCurrentTimestamp(), linger) ||
			TimestampDifferenceExceeds(busy, GetCurrentTimestamp(),
									   Max(linger, WORKER_LINGER_DUE_MS)))
			return;
		took = TimestampDifferenceMilliseconds(start, GetCurrentTimestamp()) -
			worker->job_ms;
		worker_nap(Max(Min(worker->wait_ms, vdb_worker_naptime),
					   took * WORKER_LOOK_SHARE));
	}
}

/* Now and then: it may come too late, or find no slot. */
static void
worker_call_helper(void)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (vdb_max_workers < 2 ||
		!TimestampDifferenceExceeds(last, now, vdb_worker_naptime))
		return;
	last = now;
	(void) worker_start(MyDatabaseId, true, NULL);
}

/* Look at each index once, and run at most one job in each. */
static void
worker_pass(Worker *worker)
{
	MemoryContext old = MemoryContextSwitchTo(worker->context);
	List	   *indexes = worker_list_indexes();
	ListCell   *cell;

	worker->ndone = 0;
	worker->ndue = 0;
	worker->wait_ms = -1;
	worker->job_ms = 0;
	foreach(cell, indexes)
	{
		CHECK_FOR_INTERRUPTS();
		if (job_must_leave)
			break;
		worker_look(worker, lfirst_oid(cell));
	}
	pgstat_report_stat(true);
	MemoryContextSwitchTo(old);
	MemoryContextReset(worker->context);
}

/* The vector indexes of the database, NIL where the extension is not. */
static List *
worker_list_indexes(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *indexes = NIL;
	Oid			extension;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	extension = get_extension_oid("vectordb", true);
	if (OidIsValid(extension))
	{
		Relation	catalog = table_open(RelationRelationId, AccessShareLock);
		TableScanDesc scan = table_beginscan_catalog(catalog, 0, NULL);
		HeapTuple	tuple;

		while (HeapTupleIsValid(tuple = heap_getnext(scan,
													 ForwardScanDirection)))
		{
			Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

			if (form->relkind != RELKIND_INDEX ||
				form->relpersistence == RELPERSISTENCE_TEMP ||
				!worker_is_our_method(form->relam, extension))
				continue;
			MemoryContextSwitchTo(context);
			indexes = lappend_oid(indexes, form->oid);
		}
		table_endscan(scan);
		table_close(catalog, AccessShareLock);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return indexes;
}

/*
 * Not by asking the access method, as other code of this extension does: that
 * would load the libraries of other extensions.
 */
static bool
worker_is_our_method(Oid amid, Oid extension)
{
	static Oid	last = InvalidOid;
	static bool last_is_ours = false;

	if (amid < FirstNormalObjectId)
		return false;
	if (amid != last)
	{
		last = amid;
		last_is_ours = getExtensionOfObject(AccessMethodRelationId,
											amid) == extension;
	}
	return last_is_ours;
}

/* Look at an index, and run its most urgent job that can be run now. */
static void
worker_look(Worker *worker, Oid indexrelid)
{
	JobList    *list = worker_find(worker, indexrelid);

	if (list == NULL)
		return;
	worker_count_rows(worker_index(worker, indexrelid), list);
	if (worker_watch_growing(worker, indexrelid, list) ||
		worker_run_first(worker, indexrelid, list))
		worker->ndone++;
}

/* False when no job could be run to its end. */
static bool
worker_run_first(Worker *worker, Oid indexrelid, JobList *list)
{
	const WorkerIndex *known = worker_index(worker, indexrelid);
	bool		due = false;
	bool		done = false;

	for (int i = 0; i < list->njobs && !done; i++)
	{
		const Job  *job = &list->jobs[i];

		if (!worker_is_due(known, job))
		{
			if (job->wait_ms > 0 && job->wait_ms <= WORKER_MAX_WAIT_MS)
				worker_wait_for(worker, job->wait_ms);
			continue;
		}
		due = true;
		switch (worker_run(worker, indexrelid, job))
		{
			case JOB_DONE:
				done = true;
				break;
			case JOB_ERROR:
				/* Its waiting time is found in the next pass. */
				worker_wait_for(worker, vdb_worker_naptime);
				break;
			case JOB_NOT_NOW:
				worker_wait_for(worker, vdb_worker_naptime);
				break;
		}
		if (job_must_leave)
			break;
	}
	if (due)
		worker->ndue++;
	return done;
}

static JobResult
worker_run(Worker *worker, Oid indexrelid, const Job *job)
{
	TimestampTz start = GetCurrentTimestamp();
	JobResult	result = job_run(indexrelid, job);

	worker->job_ms += TimestampDifferenceMilliseconds(start,
													  GetCurrentTimestamp());
	return result;
}

/* What waits for a load to settle need not when it is seen to be over. */
static bool
worker_is_due(const WorkerIndex *known, const Job *job)
{
	return job->wait_ms == 0 ||
		(job->state == JOB_PENDING && job->wait_ms > 0 &&
		 known->rate <= POLICY_EARLY_RATE);
}

/* NULL when there is nothing to be seen now. */
static JobList *
worker_find(Worker *worker, Oid indexrelid)
{
	WorkerIndex *known = worker_index(worker, indexrelid);
	MemoryContext context = CurrentMemoryContext;
	JobList    *volatile list = NULL;

	if (known->nerrors > 0 &&
		!TimestampDifferenceExceeds(known->erred, GetCurrentTimestamp(),
									1000 << Min(known->nerrors,
												WORKER_MAX_ERRORS)))
		return NULL;
	PG_TRY();
	{
		list = worker_find_in_transaction(worker, indexrelid);
		known->nerrors = 0;
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		errcontext("looking for work in the index with OID %u", indexrelid);
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
		known->nerrors++;
		known->erred = GetCurrentTimestamp();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return list;
}

/*
 * With a snapshot, so that no segment goes while it is looked at.  An index
 * that is locked is looked at again: who created it and has just committed
 * may hold its locks for a moment more.
 */
static JobList *
worker_find_in_transaction(Worker *worker, Oid indexrelid)
{
	MemoryContext context = CurrentMemoryContext;
	JobList    *list = NULL;
	Relation	index = NULL;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (ConditionalLockRelationOid(indexrelid, AccessShareLock))
		index = try_relation_open(indexrelid, NoLock);
	else
		worker_wait_for(worker, vdb_worker_naptime);
	if (index != NULL)
	{
		if (index->rd_rel->relkind == RELKIND_INDEX &&
			index->rd_index->indislive && index->rd_index->indisready &&
			index->rd_index->indisvalid &&
			options_maintenance(index, 1).worker)
		{
			MemoryContextSwitchTo(context);
			list = job_find(index, job_memory());
		}
		relation_close(index, AccessShareLock);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return list;
}

/* How fast rows come in. */
static void
worker_count_rows(WorkerIndex *known, const JobList *list)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		ms = TimestampDifferenceMilliseconds(known->counted, now);

	if (known->counted != 0 && ms < WORKER_COUNT_MS)
		return;
	known->rate = INFINITY;
	if (known->counted != 0 && known->counted_id == list->newest_id)
		known->rate = 1000.0 / ms *
			(list->growing_rows -
			 Min(known->counted_rows, list->growing_rows));
	known->counted_id = list->newest_id;
	known->counted_rows = list->growing_rows;
	known->counted = now;
}

/*
 * A growing segment to which no row has been added for long is sealed, or one
 * that is costly to read while there is nothing else to do.  How
 * long it has been so is known only to a worker that was there, so it stays
 * as long.  True when it has been sealed.
 */
static bool
worker_watch_growing(Worker *worker, Oid indexrelid, const JobList *list)
{
	WorkerIndex *known = worker_index(worker, indexrelid);
	TimestampTz now = GetCurrentTimestamp();
	uint32		id = list->growing_id;
	Job			job = {.kind = JOB_SEAL,.nids = 1,.ids = &id};
	bool		early;
	int64		idle;

	if (list->growing_id == 0 || vdb_seal_idle_time == 0)
		return false;
	early = worker_seals_early(known, list);
	if (known->growing_id != list->growing_id ||
		known->growing_rows != list->growing_rows)
	{
		known->growing_id = list->growing_id;
		known->growing_rows = list->growing_rows;
		known->growing_since = now;
		worker->grew = now;
	}
	idle = TimestampDifferenceMilliseconds(known->growing_since, now);
	if (!early && idle < vdb_seal_idle_time * 1000L)
	{
		worker_wait_for(worker, vdb_seal_idle_time * 1000L - idle);
		return false;
	}
	if (worker->helper)
		return false;
	switch (worker_run(worker, indexrelid, &job))
	{
		case JOB_DONE:
			return true;
		case JOB_ERROR:
			known->growing_since = now;
			break;
		case JOB_NOT_NOW:
			break;
	}
	worker_wait_for(worker, vdb_worker_naptime);
	return false;
}

/* Not while it has jobs to run: rows of many seals are built together. */
static bool
worker_seals_early(const WorkerIndex *known, const JobList *list)
{
	if (!list->graphs)
		return false;
	for (int i = 0; i < list->njobs; i++)
	{
		if (list->jobs[i].state == JOB_PENDING && list->jobs[i].wait_ms == 0)
			return false;
	}
	return policy_seal_early(list->growing_rows, known->rate);
}

static WorkerIndex *
worker_index(Worker *worker, Oid indexrelid)
{
	bool		found;
	WorkerIndex *known = hash_search(worker->indexes, &indexrelid, HASH_ENTER,
									 &found);

	if (!found)
	{
		memset(known, 0, sizeof(WorkerIndex));
		known->oid = indexrelid;
		known->rate = INFINITY;
	}
	return known;
}

static void
worker_wait_for(Worker *worker, int64 ms)
{
	if (worker->wait_ms < 0 || ms < worker->wait_ms)
		worker->wait_ms = ms;
}

static void
worker_nap(int64 ms)
{
	/* The timer of a job sets the latch, too. */
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	while (ms > 0 && !database_is_wanted())
	{
		int64		part = Min(ms, WORKER_MAX_NAP_MS);

		ms -= part;
		if (WaitLatch(MyLatch,
					  WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, part,
					  PG_WAIT_EXTENSION) & WL_LATCH_SET)
			break;
	}
	ResetLatch(MyLatch);
}
