/*-------------------------------------------------------------------------
 *
 * graph_job_team.c
 *	  Helpers of a maintenance worker that builds a graph.
 *
 * The server's parallel workers share the leader's snapshot and keep it, and
 * a maintenance worker has none, so that it holds up no VACUUM.  So its
 * helpers are background workers that this file starts.  They count among
 * max_parallel_workers, as those of CREATE INDEX do.
 *
 * They take no lock that somebody could wait for long: the leader looks
 * whether it is in the way, and when it gives up, or fails, its helpers have
 * ended before it lets go of the index (team_dismiss()).  When a helper
 * fails, the leader does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "am/common/graph_job_state.h"
#include "base/background.h"
#include "base/debug_points.h"
#include "base/settings.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/*
 * Helpers take what processor time others leave: while searches need it all,
 * a build is as slow as that of a worker alone.
 */
#define TEAM_NICE 10

/* Helpers that are told to end do so at once; then they are made to. */
#define TEAM_PATIENCE_MS 1000

struct GraphTeam
{
	dsm_segment *segment;
	GraphJobShared *shared;
	bool		attached;		/* the leader, to the barrier */
	int			nwanted;
	int			nhelpers;		/* started: those that have a handle */
	BackgroundWorkerHandle *helpers[FLEXIBLE_ARRAY_MEMBER];
};

extern PGDLLEXPORT void vdb_graph_helper_main(Datum arg);

/* A helper's state: what it works on; is it attached to the barrier? */
static GraphJobShared *helper_shared = NULL;
static bool helper_attached = false;

static void team_dismiss(dsm_segment *segment, Datum arg);
static bool team_has_ended(const GraphTeam *team);
static void helper_run(GraphJobShared *shared);
static void helper_check(void);
static void helper_leave(dsm_segment *segment, Datum arg);

/* ----------------------------------------------------------------------
 * The leader
 * ----------------------------------------------------------------------
 */

/* NULL when there is no room.  Not in a context that an error takes away. */
GraphTeam *
graph_team_create(Size size, int nhelpers)
{
	dsm_segment *segment = dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	GraphTeam  *team;

	if (segment == NULL)
		return NULL;
	team = MemoryContextAllocZero(TopMemoryContext,
								  offsetof(GraphTeam, helpers) +
								  sizeof(team->helpers[0]) * nhelpers);
	team->segment = segment;
	team->nwanted = nhelpers;
	team->shared = (GraphJobShared *)
		TYPEALIGN(64, dsm_segment_address(segment));
	on_dsm_detach(segment, team_dismiss, PointerGetDatum(team));
	return team;
}

GraphJobShared *
graph_team_shared(const GraphTeam *team)
{
	return team->shared;
}

/* The leader is attached to the barrier.  Fewer helpers, or none, will do. */
void
graph_team_launch(GraphTeam *team)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	BackgroundWorker worker;

	team->attached = true;
	memset(&worker, 0, sizeof(worker));
	snprintf(worker.bgw_name, BGW_MAXLEN, "vectordb helper of process %d",
			 MyProcPid);
	snprintf(worker.bgw_type, BGW_MAXLEN, "vectordb helper");
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "vectordb");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "vdb_graph_helper_main");
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION | BGWORKER_CLASS_PARALLEL;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(team->segment));
	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra, &MyDatabaseId, sizeof(Oid));
	for (int i = 0; i < team->nwanted; i++)
	{
		if (!RegisterDynamicBackgroundWorker(&worker,
											 &team->helpers[team->nhelpers]))
			break;
		team->nhelpers++;
	}
	MemoryContextSwitchTo(old);
	debug_point("graph-launched");
}

/* All phases are done, by all. */
void
graph_team_left_barrier(GraphTeam *team)
{
	team->attached = false;
}

/* Called often by the leader. */
void
graph_team_check(const GraphTeam *team)
{
	uint32		sqlstate = pg_atomic_read_u32(&team->shared->failed);

	if (sqlstate != 0)
		ereport(ERROR,
				errcode(sqlstate),
				errmsg("a helper of the maintenance worker has failed"),
				errdetail("The server's log has its message before this one."));
}

/* Waits until the helpers have ended, and gives the memory back. */
void
graph_team_release(GraphTeam *team)
{
	dsm_detach(team->segment);
}

/*
 * Before the leader's memory goes, for whatever reason; after an error that is
 * before its locks are released.
 */
static void
team_dismiss(dsm_segment *segment, Datum arg)
{
	GraphTeam  *team = (GraphTeam *) DatumGetPointer(arg);
	TimestampTz start = GetCurrentTimestamp();

	pg_atomic_write_u32(&team->shared->ended, 1);
	if (team->attached)
		BarrierDetach(&team->shared->barrier);
	HOLD_INTERRUPTS();
	while (!team_has_ended(team) &&
		   !TimestampDifferenceExceeds(start, GetCurrentTimestamp(),
									   TEAM_PATIENCE_MS))
	{
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	for (int i = 0; i < team->nhelpers; i++)
	{
		TerminateBackgroundWorker(team->helpers[i]);
		(void) WaitForBackgroundWorkerShutdown(team->helpers[i]);
		pfree(team->helpers[i]);
	}
	RESUME_INTERRUPTS();
	SetLatch(MyLatch);
	pfree(team);
}

static bool
team_has_ended(const GraphTeam *team)
{
	for (int i = 0; i < team->nhelpers; i++)
	{
		pid_t		pid;

		if (GetBackgroundWorkerPid(team->helpers[i], &pid) != BGWH_STOPPED)
			return false;
	}
	return true;
}

/* ----------------------------------------------------------------------
 * A helper
 * ----------------------------------------------------------------------
 */

void
vdb_graph_helper_main(Datum arg)
{
	dsm_segment *segment;
	GraphJobShared *shared;
	Oid			database;

	memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof(Oid));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	pgstat_report_appname("vectordb helper");
	background_set_timeouts_off();
	background_lower_priority(TEAM_NICE);
	segment = dsm_attach(DatumGetUInt32(arg));
	if (segment == NULL)
		return;
	dsm_pin_mapping(segment);
	shared = (GraphJobShared *) TYPEALIGN(64, dsm_segment_address(segment));
	on_dsm_detach(segment, helper_leave, PointerGetDatum(shared));
	helper_shared = shared;
	background_check_hook = helper_check;
	background_check_due = true;
	VacuumCostActive = vdb_worker_cost_delay > 0;
	VacuumCostBalance = 0;
	PG_TRY();
	{
		helper_run(shared);
	}
	PG_CATCH();
	{
		/* Whoever is told to end need not say why it does. */
		if (pg_atomic_read_u32(&shared->ended) != 0 ||
			pg_atomic_read_u32(&shared->failed) != 0)
			proc_exit(0);
		pg_atomic_write_u32(&shared->failed, geterrcode());
		PG_RE_THROW();
	}
	PG_END_TRY();
	dsm_detach(segment);
}

static void
helper_run(GraphJobShared *shared)
{
	GraphJob	job = {0};

	StartTransactionCommand();
	if (ConditionalLockRelationOid(shared->indexrelid, AccessShareLock))
		job.index = try_relation_open(shared->indexrelid, NoLock);
	if (job.index != NULL)
	{
		pgstat_report_activity(STATE_RUNNING, "vectordb: helps to build");
		/* As in the leader: nothing here may hold up VACUUM. */
		InvalidateCatalogSnapshot();
		Assert(!TransactionIdIsValid(MyProc->xmin));
		job.context = CurrentMemoryContext;
		graph_job_map(&job, shared);
		job.rows.n = shared->nnodes;
		job.build = graph_build_attach(job.build_block, &job.rows,
									   &shared->params, false);
		graph_job_participate(&job, false);
		relation_close(job.index, NoLock);
	}
	CommitTransactionCommand();
}

/* background_check(), each time. */
static void
helper_check(void)
{
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	if (pg_atomic_read_u32(&helper_shared->ended) != 0 ||
		pg_atomic_read_u32(&helper_shared->failed) != 0)
		ereport(ERROR,
				errcode(ERRCODE_ADMIN_SHUTDOWN),
				errmsg_internal("the build has ended without this helper"));
	background_cost_sleep();
}

/* What graph_job_participate() tells of a process that is not the leader. */
void
graph_team_set_attached(bool attached)
{
	helper_attached = attached;
}

/*
 * When a helper dies with work in its hands, the leader is told, even if it
 * waits for it.
 */
static void
helper_leave(dsm_segment *segment, Datum arg)
{
	GraphJobShared *shared = (GraphJobShared *) DatumGetPointer(arg);
	uint32		none = 0;

	if (!helper_attached)
		return;
	helper_attached = false;
	(void) pg_atomic_compare_exchange_u32(&shared->failed, &none,
										  ERRCODE_ADMIN_SHUTDOWN);
	BarrierDetach(&shared->barrier);
}
