/*-------------------------------------------------------------------------
 *
 * build_parallel.c
 *	  Building a vector index with parallel workers.
 *
 * Leader and workers read the table by a parallel scan; each encodes what it
 * reads and writes segments of its own, within its share of
 * maintenance_work_mem.  They share nothing but counts: pages are handed out
 * under the metapage's lock, as ever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "am/common/build_state.h"
#include "base/compat.h"
#include "catalog/index.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"

/* Keys of the table of contents. */
#define BUILD_KEY_SHARED UINT64CONST(0x5644420000000001)
#define BUILD_KEY_SCAN UINT64CONST(0x5644420000000002)
#define BUILD_KEY_QUERY UINT64CONST(0x5644420000000003)
#define BUILD_KEY_WAL UINT64CONST(0x5644420000000004)
#define BUILD_KEY_BUFFERS UINT64CONST(0x5644420000000005)

typedef struct BuildShared
{
	Oid			heaprelid;
	Oid			indexrelid;
	bool		concurrent;
	int			nparts;

	slock_t		mutex;			/* protects the rest */
	double		heap_rows;
	double		index_rows;
	bool		broken_hot_chain;
} BuildShared;

/* The leader's side. */
typedef struct BuildLeader
{
	ParallelContext *pcxt;
	Snapshot	snapshot;
	BuildShared *shared;
	ParallelTableScanDesc scan;
	WalUsage   *wal_usage;
	BufferUsage *buffer_usage;
} BuildLeader;

extern PGDLLEXPORT void vdb_build_worker_main(dsm_segment *seg, shm_toc *toc);

static bool build_leader_begin(BuildLeader *leader, BuildPart *part,
							   int nworkers);
static void build_leader_fill(BuildLeader *leader, BuildPart *part,
							  Size scan_size);
static void build_leader_end(BuildLeader *leader);
static void build_share_part(BuildPart *part, BuildShared *shared,
							 ParallelTableScanDesc scan);

bool
build_parallel(BuildPart *part, int nworkers, IndexBuildResult *result)
{
	BuildLeader leader = {0};

	EnterParallelMode();
	if (!build_leader_begin(&leader, part, nworkers))
	{
		ExitParallelMode();
		return false;
	}
	build_share_part(part, leader.shared, leader.scan);
	WaitForParallelWorkersToFinish(leader.pcxt);

	result->heap_tuples = leader.shared->heap_rows;
	result->index_tuples = leader.shared->index_rows;
	if (leader.shared->broken_hot_chain)
		part->info->ii_BrokenHotChain = true;
	build_leader_end(&leader);
	ExitParallelMode();
	return true;
}

/*
 * A worker: what the leader does, with relations and an encoder of its own.
 * Everything is released at the end of the worker's transaction.
 */
void
vdb_build_worker_main(dsm_segment *seg, shm_toc *toc)
{
	BuildShared *shared = shm_toc_lookup(toc, BUILD_KEY_SHARED, false);
	ParallelTableScanDesc scan = shm_toc_lookup(toc, BUILD_KEY_SCAN, false);
	WalUsage   *wal_usage = shm_toc_lookup(toc, BUILD_KEY_WAL, false);
	BufferUsage *buffer_usage = shm_toc_lookup(toc, BUILD_KEY_BUFFERS, false);
	LOCKMODE	heap_lock = shared->concurrent ? ShareUpdateExclusiveLock :
	ShareLock;
	LOCKMODE	index_lock = shared->concurrent ? RowExclusiveLock :
	AccessExclusiveLock;
	BuildPart	part = {0};

	debug_query_string = shm_toc_lookup(toc, BUILD_KEY_QUERY, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);

	part.heap = table_open(shared->heaprelid, heap_lock);
	part.index = index_open(shared->indexrelid, index_lock);
	part.info = BuildIndexInfo(part.index);
	part.info->ii_Concurrent = shared->concurrent;
	part.encoder = encoder_create(part.index);

	InstrStartParallelQuery();
	build_share_part(&part, shared, scan);
	InstrEndParallelQuery(&buffer_usage[ParallelWorkerNumber],
						  &wal_usage[ParallelWorkerNumber]);

	index_close(part.index, index_lock);
	table_close(part.heap, heap_lock);
}

/*
 * Set up shared memory and start the workers.  False, with everything undone,
 * when none could be started.
 */
static bool
build_leader_begin(BuildLeader *leader, BuildPart *part, int nworkers)
{
	ParallelContext *pcxt;
	Size		scan_size;
	int			query_len = debug_query_string ?
	strlen(debug_query_string) + 1 : 0;

	pcxt = CreateParallelContext("vectordb", "vdb_build_worker_main",
								 nworkers);
	leader->pcxt = pcxt;
	leader->snapshot = part->info->ii_Concurrent ?
		RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;

	scan_size = table_parallelscan_estimate(part->heap, leader->snapshot);
	shm_toc_estimate_chunk(&pcxt->estimator, BUFFERALIGN(sizeof(BuildShared)));
	shm_toc_estimate_chunk(&pcxt->estimator, scan_size);
	shm_toc_estimate_chunk(&pcxt->estimator,
						   mul_size(sizeof(WalUsage), pcxt->nworkers));
	shm_toc_estimate_chunk(&pcxt->estimator,
						   mul_size(sizeof(BufferUsage), pcxt->nworkers));
	shm_toc_estimate_chunk(&pcxt->estimator, query_len);
	shm_toc_estimate_keys(&pcxt->estimator, 5);

	InitializeParallelDSM(pcxt);
	if (pcxt->seg == NULL)
	{
		build_leader_end(leader);
		return false;
	}
	build_leader_fill(leader, part, scan_size);
	LaunchParallelWorkers(pcxt);
	if (pcxt->nworkers_launched == 0)
	{
		build_leader_end(leader);
		return false;
	}
	return true;
}

static void
build_leader_fill(BuildLeader *leader, BuildPart *part, Size scan_size)
{
	ParallelContext *pcxt = leader->pcxt;
	BuildShared *shared = shm_toc_allocate(pcxt->toc, sizeof(BuildShared));
	Size		usage_size;

	memset(shared, 0, sizeof(BuildShared));
	shared->heaprelid = RelationGetRelid(part->heap);
	shared->indexrelid = RelationGetRelid(part->index);
	shared->concurrent = part->info->ii_Concurrent;
	shared->nparts = pcxt->nworkers + 1;
	SpinLockInit(&shared->mutex);
	shm_toc_insert(pcxt->toc, BUILD_KEY_SHARED, shared);
	leader->shared = shared;

	leader->scan = shm_toc_allocate(pcxt->toc, scan_size);
	table_parallelscan_initialize(part->heap, leader->scan, leader->snapshot);
	shm_toc_insert(pcxt->toc, BUILD_KEY_SCAN, leader->scan);

	usage_size = sizeof(WalUsage) * pcxt->nworkers;
	leader->wal_usage = shm_toc_allocate(pcxt->toc, usage_size);
	shm_toc_insert(pcxt->toc, BUILD_KEY_WAL, leader->wal_usage);
	usage_size = sizeof(BufferUsage) * pcxt->nworkers;
	leader->buffer_usage = shm_toc_allocate(pcxt->toc, usage_size);
	shm_toc_insert(pcxt->toc, BUILD_KEY_BUFFERS, leader->buffer_usage);

	if (debug_query_string != NULL)
	{
		Size		len = strlen(debug_query_string) + 1;
		char	   *query = shm_toc_allocate(pcxt->toc, len);

		memcpy(query, debug_query_string, len);
		shm_toc_insert(pcxt->toc, BUILD_KEY_QUERY, query);
	}
}

/* Also when the workers have not been started; the context is destroyed. */
static void
build_leader_end(BuildLeader *leader)
{
	ParallelContext *pcxt = leader->pcxt;

	if (pcxt->nworkers_launched > 0)
	{
		for (int i = 0; i < pcxt->nworkers_launched; i++)
			InstrAccumParallelQuery(&leader->buffer_usage[i],
									&leader->wal_usage[i]);
	}
	if (IsMVCCSnapshot(leader->snapshot))
		UnregisterSnapshot(leader->snapshot);
	DestroyParallelContext(pcxt);
}

/* The part of one process, leader or worker, and its share of the counts. */
static void
build_share_part(BuildPart *part, BuildShared *shared,
				 ParallelTableScanDesc scan)
{
	TableScanDesc desc = table_beginscan_parallel(part->heap, scan);
	double		heap_rows = build_part(part, desc, shared->nparts);

	SpinLockAcquire(&shared->mutex);
	shared->heap_rows += heap_rows;
	shared->index_rows += part->nindexed;
	shared->broken_hot_chain |= part->info->ii_BrokenHotChain;
	SpinLockRelease(&shared->mutex);
}
