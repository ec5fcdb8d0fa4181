/*-------------------------------------------------------------------------
 *
 * graph_job_parallel.c
 *	  Writing a graph segment: what all processes do, and how they meet.
 *
 * Leader and workers go through the phases of the builder and then write the
 * nodes, page by page, with a barrier after each phase.  A worker may come at
 * any time: it begins with the phase it finds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "am/common/build.h"
#include "am/common/graph_job_state.h"
#include "base/background.h"
#include "base/compat.h"
#include "base/debug_points.h"
#include "base/progress.h"
#include "graph/encode.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "storage/dsm.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* Keys of the table of contents. */
#define GRAPH_JOB_KEY_BLOCK UINT64CONST(0x5644420000000011)
#define GRAPH_JOB_KEY_QUERY UINT64CONST(0x5644420000000012)

/* Pages of nodes that a process takes at a time. */
#define GRAPH_JOB_PAGES 16

extern PGDLLEXPORT void vdb_graph_worker_main(dsm_segment *seg, shm_toc *toc);

/* Of the phase that runs, what the view of progress shows of the leader. */
typedef struct JobProgress
{
	GraphJob   *job;
	bool		leader;
	uint32		nnodes;
	int			phase;
} JobProgress;

static void graph_job_begin_phase(JobProgress *progress, int phase);
static void graph_job_write_nodes(GraphJob *job, bool leader);
static void graph_job_write_node_page(GraphJob *job, SegmentReader *reader,
									  GraphEncoder *encoder, char *contents,
									  uint32 page);
static void graph_job_check(void *arg);
static GraphJobShared *graph_job_share(GraphJob *job, Size size,
									   int nworkers);
static void graph_job_meet(GraphJob *job, bool leader);
static void graph_job_look_around(GraphJob *job);

/* ----------------------------------------------------------------------
 * Memory
 * ----------------------------------------------------------------------
 */

/* Takes room for an array from the block that is laid out. */
static void *
block_take(char *block, Size *at, Size nbytes)
{
	void	   *result = block == NULL ? NULL : block + *at;

	*at = TYPEALIGN(64, *at + nbytes);
	return result;
}

static Size
graph_job_layout(GraphJob *job, char *block, const IndexIdentity *identity,
				 const GraphParams *params, uint32 capacity)
{
	Size		n = capacity;
	bool		ip = identity->metric == QUANT_IP;
	Size		at = TYPEALIGN(64, sizeof(GraphJobShared));

	job->codes = block_take(block, &at, n * identity->dim);
	job->scale = block_take(block, &at, n * sizeof(float));
	job->norm_sq = block_take(block, &at, n * sizeof(float));
	job->radius = block_take(block, &at, n * sizeof(float));
	job->numbers = block_take(block, &at, n * sizeof(uint32));
	job->node_row = block_take(block, &at, n * sizeof(uint32));
	job->copy_first = block_take(block, &at, n * sizeof(uint32));
	job->ncopies = block_take(block, &at, n * sizeof(uint32));
	job->tids = block_take(block, &at, n * sizeof(ItemPointerData));
	if (ip)
	{
		job->lift = block_take(block, &at, n * sizeof(float));
		job->shift = block_take(block, &at, identity->dim * sizeof(float));
	}

	job->rows.n = capacity;
	job->rows.dim = identity->dim;
	job->rows.codes = job->codes;
	job->rows.scale = job->scale;
	job->rows.norm_sq = job->norm_sq;
	job->rows.inner_product = ip;
	job->rows.lift = job->lift;
	job->rows.shift = job->shift;
	job->build_block = block_take(block, &at,
								  graph_build_size(&job->rows, params));
	return at;
}

Size
graph_job_block_size(const IndexIdentity *identity,
					 const GraphParams *params, uint32 capacity)
{
	GraphJob	job = {0};

	return graph_job_layout(&job, NULL, identity, params, capacity) + 64;
}

void
graph_job_map(GraphJob *job, GraphJobShared *shared)
{
	job->shared = shared;
	job->shape = graph_shape(shared->identity.dim, shared->identity.bits,
							 shared->steer_dim);
	(void) graph_job_layout(job, (char *) shared, &shared->identity,
							&shared->params, shared->capacity);
}

/*
 * Can so much shared memory be had?  Where it lies in a file system, that one
 * may be small, in containers above all; without workers ordinary memory will
 * do.  There is no other way to know than to try.
 */
static bool
graph_job_can_share(Relation index, Size size)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ProgressSaved progress = progress_save();
	volatile bool can = true;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		dsm_segment *segment = dsm_create(size,
										  DSM_CREATE_NULL_IF_MAXSEGMENTS);

		if (segment != NULL)
			dsm_detach(segment);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		progress_restore(&progress);
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) !=
			ERRCODE_INSUFFICIENT_RESOURCES)
			ReThrowError(error);
		ereport(NOTICE,
				errmsg("building the graph of index \"%s\" without parallel workers",
					   RelationGetRelationName(index)),
				errdetail_internal("%s", error->message),
				errhint("Give the server more shared memory, or lower maintenance_work_mem."));
		can = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return can;
}

/* On return parallel mode has been entered if there is a context. */
GraphJobShared *
graph_job_allocate(GraphJob *job, Size size, const GraphHelp *help)
{
	GraphJobShared *shared = NULL;

	if (help->nworkers > 0 && graph_job_can_share(job->index, size))
	{
		if (!help->team)
			shared = graph_job_share(job, size, help->nworkers);
		else if ((job->team = graph_team_create(size, help->nworkers)) != NULL)
		{
			shared = graph_team_shared(job->team);
			debug_point("graph-shared");
		}
	}
	if (shared == NULL)
		shared = (GraphJobShared *)
			TYPEALIGN(64, MemoryContextAllocHuge(job->context, size));
	return shared;
}

/* With the server's parallel workers; NULL when there is no room. */
static GraphJobShared *
graph_job_share(GraphJob *job, Size size, int nworkers)
{
	void	   *block;
	ParallelContext *pcxt;
	int			query_len = debug_query_string ?
	strlen(debug_query_string) + 1 : 0;

	EnterParallelMode();
	pcxt = CreateParallelContext("vectordb", "vdb_graph_worker_main",
								 nworkers);
	shm_toc_estimate_chunk(&pcxt->estimator, size);
	shm_toc_estimate_chunk(&pcxt->estimator, query_len);
	shm_toc_estimate_keys(&pcxt->estimator, 2);
	InitializeParallelDSM(pcxt);
	if (pcxt->seg == NULL)
	{
		DestroyParallelContext(pcxt);
		ExitParallelMode();
		return NULL;
	}
	job->pcxt = pcxt;
	block = shm_toc_allocate(pcxt->toc, size);
	shm_toc_insert(pcxt->toc, GRAPH_JOB_KEY_BLOCK, block);
	if (query_len > 0)
	{
		char	   *query = shm_toc_allocate(pcxt->toc, query_len);

		memcpy(query, debug_query_string, query_len);
		shm_toc_insert(pcxt->toc, GRAPH_JOB_KEY_QUERY, query);
	}
	return (GraphJobShared *) TYPEALIGN(64, block);
}

/* ----------------------------------------------------------------------
 * Processes
 * ----------------------------------------------------------------------
 */

/*
 * The leader joins those who meet before there are others: workers that were
 * quick would go through the phases alone, and past the one that is its own.
 */
void
graph_job_launch(GraphJob *job)
{
	(void) BarrierAttach(&job->shared->barrier);
	if (job->team != NULL)
		graph_team_launch(job->team);
	if (job->pcxt == NULL)
		return;
	LaunchParallelWorkers(job->pcxt);
	debug_point("graph-launched");
}

int
graph_job_workers(Relation heap, Relation index)
{
	if (IsInParallelMode() || max_parallel_maintenance_workers == 0)
		return 0;
	return plan_create_index_workers(RelationGetRelid(heap),
									 RelationGetRelid(index));
}

void
graph_job_finish_workers(GraphJob *job)
{
	if (job->pcxt != NULL)
		WaitForParallelWorkersToFinish(job->pcxt);
}

void
graph_job_release_workers(GraphJob *job)
{
	if (job->team != NULL)
		graph_team_release(job->team);
	job->team = NULL;
	if (job->pcxt == NULL)
		return;
	DestroyParallelContext(job->pcxt);
	job->pcxt = NULL;
	ExitParallelMode();
}

void
graph_job_participate(GraphJob *job, bool leader)
{
	Barrier    *barrier = &job->shared->barrier;
	JobProgress progress = {.job = job,.leader = leader,
	.nnodes = job->rows.n};
	int			nphases = graph_build_nphases();
	int			phase = leader ? BarrierPhase(barrier) :
	BarrierAttach(barrier);

	graph_team_set_attached(!leader);
	graph_build_set_check(job->build, graph_job_check, &progress);
	for (; phase <= nphases + 1; phase++)
	{
		graph_job_look_around(job);
		if (leader)
			graph_job_begin_phase(&progress, phase);
		else
			debug_point("graph-helper");
		if (phase < nphases)
		{
			/* A helper may be slow: what only one can do is the leader's. */
			if (leader || !graph_build_phase_is_single(phase))
				graph_build_phase(job->build, phase);
		}
		else if (phase > nphases)
		{
			if (leader)
				graph_job_write_planes(job);
			graph_job_write_nodes(job, leader);
		}
		else if (leader)
		{
			graph_job_start_writing(job);
			debug_point("graph-laid-out");
		}
		graph_job_meet(job, leader);
	}
	graph_build_set_check(job->build, NULL, NULL);
	graph_team_set_attached(false);
	BarrierDetach(barrier);
	if (job->team != NULL)
	{
		graph_team_left_barrier(job->team);
		graph_team_check(job->team);
	}
}

/*
 * A maintenance worker must notice that it is in the way even while it waits
 * for its helpers: so it comes to the barrier when they are there.
 */
static void
graph_job_meet(GraphJob *job, bool leader)
{
	GraphJobShared *shared = job->shared;

	if (!leader)
		pg_atomic_fetch_add_u32(&shared->waiting, 1);
	while (leader && job->team != NULL &&
		   pg_atomic_read_u32(&shared->waiting) + 1 <
		   BarrierParticipants(&shared->barrier))
	{
		graph_job_look_around(job);
		pg_usleep(1000);
	}
	BarrierArriveAndWait(&shared->barrier, PG_WAIT_EXTENSION);
	if (!leader)
		pg_atomic_fetch_sub_u32(&shared->waiting, 1);
}

/* Is all well with the others?  Does anybody want this process to end? */
static void
graph_job_look_around(GraphJob *job)
{
	background_check();
	if (job->team != NULL)
		graph_team_check(job->team);
}

char *
graph_job_phase_name(int phase)
{
	static char *const after[] = {
		"laying out segment", "writing segment",
		"measuring recall", "logging segment"
	};
	int			nphases = graph_build_nphases();

	if (phase < 0 || phase >= nphases + (int) lengthof(after))
		return NULL;
	if (phase < nphases)
		return (char *) graph_build_phase_name(phase);
	return after[phase - nphases];
}

/* Of queries, and of nothing. */
void
graph_job_report_measuring(void)
{
	build_report_graph_phase(graph_build_nphases() + 2);
}

void
graph_job_report_logging(void)
{
	build_report_graph_phase(graph_build_nphases() + 3);
}

static void
graph_job_begin_phase(JobProgress *progress, int phase)
{
	progress->phase = phase;
	build_report_graph_phase(phase);
	build_report_graph_nodes(0, progress->nnodes);
}

/* Called by the builder, all the time. */
static void
graph_job_check(void *arg)
{
	JobProgress *progress = arg;

	graph_job_look_around(progress->job);
	if (progress->leader)
		build_report_graph_nodes(graph_build_progress(progress->job->build,
													  progress->phase),
								 progress->nnodes);
}

/* Encode nodes and write them, as long as there are pages to be had. */
static void
graph_job_write_nodes(GraphJob *job, bool leader)
{
	GraphJobShared *shared = job->shared;
	SegmentReader *reader = segment_open(job->index, &shared->identity,
										 &shared->segment);
	GraphEncoder *encoder = graph_encoder_create(&job->shape, &job->rows);
	uint32		npages = segment_area_pages(reader, AREA_NODES);
	char	   *contents = palloc0(BLCKSZ);

	for (;;)
	{
		uint32		page = GRAPH_JOB_PAGES *
		pg_atomic_fetch_add_u32(&shared->next_page, 1);

		if (page >= npages)
			break;
		graph_job_look_around(job);
		for (uint32 i = page; i < Min(page + GRAPH_JOB_PAGES, npages); i++)
			graph_job_write_node_page(job, reader, encoder, contents, i);
		if (leader)
			build_report_graph_nodes(page * reader->nodes_per_page,
									 reader->nnodes);
	}
	if (leader)
		build_report_graph_nodes(reader->nnodes, reader->nnodes);
	pfree(contents);
	segment_close(reader);
}

static void
graph_job_write_node_page(GraphJob *job, SegmentReader *reader,
						  GraphEncoder *encoder, char *contents, uint32 page)
{
	const uint32 *order = graph_build_order(job->build);
	uint32		first = page * reader->nodes_per_page;
	uint32		end = Min(first + reader->nodes_per_page, reader->nnodes);

	for (uint32 number = first; number < end; number++)
	{
		uint32		node = order[number];
		int			n;
		const uint32 *neighbours = graph_build_neighbours(job->build, node,
														  &n);
		GraphNode  *out = (GraphNode *)
		(contents + (number - first) * reader->node_bytes);

		graph_encode_node(encoder, node, neighbours, n, job->numbers, out);
		out->factors.scale = job->scale[node];
		out->factors.norm_sq = job->norm_sq[node];
		out->factors.radius = job->radius[node];
		out->tid = job->tids[job->node_row[node]];
		out->copy_first = job->copy_first[number];
		out->ncopies = job->ncopies[number];
	}
	segment_write_node_page(reader, page, contents);
}

/* Everything is released at the end of the worker's transaction. */
void
vdb_graph_worker_main(dsm_segment *seg, shm_toc *toc)
{
	GraphJobShared *shared = (GraphJobShared *)
	TYPEALIGN(64, shm_toc_lookup(toc, GRAPH_JOB_KEY_BLOCK, false));
	GraphJob	job = {0};

	debug_query_string = shm_toc_lookup(toc, GRAPH_JOB_KEY_QUERY, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);

	/* The leader's locks are those of the group. */
	job.index = relation_open(shared->indexrelid, AccessShareLock);
	job.context = CurrentMemoryContext;
	graph_job_map(&job, shared);
	job.rows.n = shared->nnodes;
	job.build = graph_build_attach(job.build_block, &job.rows,
								   &shared->params, false);
	graph_job_participate(&job, false);
	relation_close(job.index, AccessShareLock);
}
