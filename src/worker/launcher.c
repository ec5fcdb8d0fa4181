/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  Visits every database from time to time, if the library is preloaded.
 *
 * Processes that leave work behind start workers themselves (wakeup.c).  The
 * launcher is for what nobody has reported: what was left by a crash or a
 * failure, what has become idle, what was done while all workers were busy
 * elsewhere.  It is connected to no database, so it is in nobody's way; which
 * databases have the extension only a worker can find out, which leaves at
 * once where there is nothing to do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/settings.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

/* After a failure of its own, e.g. because of a full process table. */
#define LAUNCHER_RESTART_S 10

typedef struct LauncherDatabase
{
	Oid			oid;
	TimestampTz visited;		/* 0: not yet */
	BackgroundWorkerHandle *handle; /* of the worker there, or NULL */
	bool		exists;
} LauncherDatabase;

static List *launcher_databases = NIL;

extern PGDLLEXPORT void vdb_launcher_main(Datum arg);

static void launcher_read_databases(void);
static LauncherDatabase *launcher_find(Oid oid);
static int	launcher_count_workers(void);
static void launcher_visit(void);

void
launcher_register(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	snprintf(worker.bgw_name, BGW_MAXLEN, "vectordb launcher");
	snprintf(worker.bgw_type, BGW_MAXLEN, "vectordb launcher");
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "vectordb");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "vdb_launcher_main");
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	/* Not on a standby, but as soon as it is promoted. */
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = LAUNCHER_RESTART_S;
	RegisterBackgroundWorker(&worker);
}

void
vdb_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("vectordb launcher");

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (vdb_max_workers > 0)
		{
			launcher_read_databases();
			launcher_visit();
		}
		/* The end of a worker sets the latch, too. */
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(vdb_worker_naptime, 1000), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/*
 * The databases that may be connected to.  Templates are left alone: CREATE
 * DATABASE has to wait for whoever is connected to one.
 */
static void
launcher_read_databases(void)
{
	MemoryContext context = CurrentMemoryContext;
	ListCell   *cell;
	Relation	relation;
	TableScanDesc scan;
	HeapTuple	tuple;

	foreach(cell, launcher_databases)
		((LauncherDatabase *) lfirst(cell))->exists = false;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		LauncherDatabase *database = launcher_find(form->oid);

		if (!form->datallowconn || form->datistemplate)
			continue;
		if (database == NULL)
		{
			MemoryContextSwitchTo(TopMemoryContext);
			database = palloc0(sizeof(LauncherDatabase));
			database->oid = form->oid;
			launcher_databases = lappend(launcher_databases, database);
		}
		database->exists = true;
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);

	foreach(cell, launcher_databases)
	{
		LauncherDatabase *database = lfirst(cell);

		if (database->exists || database->handle != NULL)
			continue;
		launcher_databases = foreach_delete_current(launcher_databases, cell);
		pfree(database);
	}
}

static LauncherDatabase *
launcher_find(Oid oid)
{
	ListCell   *cell;

	foreach(cell, launcher_databases)
	{
		LauncherDatabase *database = lfirst(cell);

		if (database->oid == oid)
			return database;
	}
	return NULL;
}

/* Workers that this process started and that have not ended. */
static int
launcher_count_workers(void)
{
	ListCell   *cell;
	int			n = 0;

	foreach(cell, launcher_databases)
	{
		LauncherDatabase *database = lfirst(cell);
		pid_t		pid;

		if (database->handle == NULL)
			continue;
		if (GetBackgroundWorkerPid(database->handle, &pid) == BGWH_STOPPED)
		{
			pfree(database->handle);
			database->handle = NULL;
		}
		else
			n++;
	}
	return n;
}

/* Start workers where none has been for longest, as many as may run. */
static void
launcher_visit(void)
{
	int			nworkers = launcher_count_workers();

	while (nworkers < vdb_max_workers)
	{
		LauncherDatabase *next = NULL;
		TimestampTz now = GetCurrentTimestamp();
		ListCell   *cell;
		MemoryContext context;
		bool		started;

		foreach(cell, launcher_databases)
		{
			LauncherDatabase *database = lfirst(cell);

			if (!database->exists || database->handle != NULL ||
				(database->visited != 0 &&
				 !TimestampDifferenceExceeds(database->visited, now,
											 vdb_launcher_naptime * 1000)))
				continue;
			if (next == NULL || database->visited < next->visited)
				next = database;
		}
		if (next == NULL)
			return;
		context = MemoryContextSwitchTo(TopMemoryContext);
		started = worker_start(next->oid, false, &next->handle);
		MemoryContextSwitchTo(context);
		if (!started)
		{
			next->handle = NULL;
			return;
		}
		next->visited = now;
		nworkers++;
	}
}
