/*-------------------------------------------------------------------------
 *
 * scan_graph.c
 *	  The part of a scan that walks graphs.
 *
 * Expanding a node of a graph puts its row, with its final bound, among the
 * rows that wait in the scan's heap.  A row may leave the heap when each graph
 * has settled it: the graph's front is so much farther away that, by its
 * recall curve, few rows are still missing (graph/search.h).  The distance
 * that settles is that of the first row of all segments, so a graph that has
 * nothing near the query stops early by itself.
 *
 * Whoever wants many rows, for a large LIMIT or a filter that few rows pass,
 * is served by reading rather than by walking: when the steps have cost about
 * as much as a pass over the coarse plane, or when there is nothing left to
 * walk to, the graphs are given up and their segments are read like any other,
 * by rounds.  From there on the scan is exact and complete.  Rows that were
 * returned before are remembered and left out.
 *
 * Who wants all of the nearest rows, vectordb.target_recall = 1, has the
 * segments read at once.
 *
 * hnsw.iterative_scan: with strict_order a row that comes up after a row with
 * a larger bound was returned is dropped; with relaxed_order it is returned;
 * with off the scan ends after hnsw.ef_search rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "am/common/scan_graph.h"
#include "am/common/scan_limits.h"
#include "base/settings.h"
#include "graph/search.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* More rows without a bound than these had better not wait in the heap. */
#define GRAPH_MAX_UNBOUNDED 256

/* Rows that "off" returns when hnsw.ef_search leaves it open. */
#define GRAPH_OFF_ROWS 40

typedef struct ScanGraph
{
	uint32		segment;		/* its number in the scan */
	Graph	   *graph;
	GraphWalk  *walk;
} ScanGraph;

struct ScanGraphs
{
	int			ngraphs;
	ScanGraph  *graphs;
	bool	   *is_graph;		/* by number of the segment */
	bool		walking;
	QuantSteer *steer;			/* of the query; lives in its context */
	uint64		nsteps;
	uint64		max_steps;
	uint64		nrows;			/* returned, of all segments */

	/*
	 * Rows of graphs returned: a hash table of places + 1, 0 where there is
	 * none.
	 */
	uint64	   *returned;
	uint32		returned_size;
	uint32		nreturned;

	/* Scores of the nearest rows found, ascending: for hnsw.ef_search. */
	float	   *nearest;
	uint32		nnearest;
	uint32		max_nearest;
};

static bool graphs_settled(IndexScan *scan, const TopEntry *top,
						   ScanGraph **next);
static bool graphs_settled_by_rank(const struct ScanGraphs *graphs,
								   float front);
static void graphs_step(IndexScan *scan, ScanGraph *graph);
static void graphs_note_score(struct ScanGraphs *graphs, float score);
static void graphs_add_unbounded(IndexScan *scan, const ScanGraph *graph);
static void graphs_give_up(IndexScan *scan);
static bool graphs_remember(struct ScanGraphs *graphs, uint64 place);

void
scan_graphs_open(IndexScan *scan)
{
	int			nsegments = scan->manifest->nsegments;
	struct ScanGraphs *graphs = palloc0(sizeof(struct ScanGraphs));
	uint32		max_candidates;
	double		nnodes = 0;

	graphs->graphs = palloc(sizeof(ScanGraph) * Max(nsegments, 1));
	graphs->is_graph = palloc0(sizeof(bool) * Max(nsegments, 1));
	for (int i = 0; i < nsegments; i++)
	{
		const SegmentReader *reader = scan->readers[i];

		if (reader->kind != SEGMENT_GRAPH || reader->nnodes == 0 ||
			reader->class_first[ROW_UNBOUNDED + 1] -
			reader->class_first[ROW_UNBOUNDED] > GRAPH_MAX_UNBOUNDED)
			continue;
		graphs->is_graph[i] = true;
		graphs->graphs[graphs->ngraphs].segment = i;
		graphs->graphs[graphs->ngraphs].graph =
			graph_open(reader, scan->space->dim, scan->space->bits,
					   vdb_target_recall);
		graphs->graphs[graphs->ngraphs++].walk = NULL;
		nnodes += reader->nnodes;
		scan->stats.pages += segment_area_pages(reader, AREA_GRAPH);
	}
	scan->graphs = graphs;
	if (graphs->ngraphs == 0)
		return;

	graphs->max_steps = scan_most_steps(nnodes);
	max_candidates = scan->max_heap * vdb_hnsw_scan_mem_multiplier *
		sizeof(TopEntry) / sizeof(uint64) / graphs->ngraphs;
	for (int i = 0; i < graphs->ngraphs; i++)
		graphs->graphs[i].walk = graph_walk_create(graphs->graphs[i].graph,
												   max_candidates);
	graphs->returned_size = 256;
	graphs->returned = palloc0(sizeof(uint64) * graphs->returned_size);
	graphs->max_nearest = 256;
	graphs->nearest = palloc(sizeof(float) * graphs->max_nearest);
}

void
scan_graphs_start(IndexScan *scan)
{
	struct ScanGraphs *graphs = scan->graphs;

	graphs->walking = graphs->ngraphs > 0 && scan->mode == SCAN_BOUNDS &&
		(vdb_target_recall < 1 ||
		 vdb_hnsw_ef_search != HNSW_EF_SEARCH_AUTO);
	if (!graphs->walking)
		return;

	if (graphs->nreturned > 0)
		memset(graphs->returned, 0,
			   sizeof(uint64) * graphs->returned_size);
	graphs->nsteps = 0;
	graphs->nrows = 0;
	graphs->nreturned = 0;
	graphs->nnearest = 0;
	graphs->steer = NULL;
	for (int i = 0; i < graphs->ngraphs; i++)
	{
		ScanGraph  *graph = &graphs->graphs[i];
		uint32		dim = graph->graph->info->steer_dim;

		/* All graphs of an index have codes of the same length. */
		if (graphs->steer == NULL ||
			graphs->steer->ngroups != graph->graph->shape.ngroups)
			graphs->steer = quant_steer_create(scan->query, dim);
		graph_walk_start(graph->walk, scan->query, graphs->steer);
		graphs_add_unbounded(scan, graph);
	}
}

bool
scan_graphs_walk(const IndexScan *scan, uint32 segment)
{
	return scan->graphs->walking && scan->graphs->is_graph[segment];
}

bool
scan_graphs_advance(IndexScan *scan, const TopEntry *top)
{
	struct ScanGraphs *graphs = scan->graphs;
	ScanGraph  *next = NULL;

	if (!graphs->walking)
		return false;
	/* NaN and NULL come after all that can be walked to. */
	if (top == NULL || scan_key_rank(top->key) == RANK_DISTANCE)
	{
		if (graphs_settled(scan, top, &next))
			return false;
		if (next != NULL && graphs->nsteps < graphs->max_steps)
		{
			graphs_step(scan, next);
			return true;
		}
	}
	graphs_give_up(scan);
	return true;
}

bool
scan_graphs_accept(IndexScan *scan, const TopEntry *entry)
{
	struct ScanGraphs *graphs = scan->graphs;

	if (graphs->ngraphs == 0)
		return true;
	if (entry->key < scan->last.key &&
		vdb_hnsw_iterative_scan != ITERATIVE_SCAN_RELAXED)
		return false;
	if (graphs->is_graph[scan_place_segment(entry->place)] &&
		!graphs_remember(graphs, entry->place))
		return false;
	graphs->nrows++;
	return true;
}

bool
scan_graphs_may_go_on(const IndexScan *scan)
{
	const struct ScanGraphs *graphs = scan->graphs;

	if (graphs->ngraphs == 0 || scan->mode != SCAN_BOUNDS)
		return true;
	if (vdb_hnsw_max_scan_tuples != HNSW_MAX_SCAN_TUPLES_NONE &&
		graphs->nrows >= (uint64) vdb_hnsw_max_scan_tuples)
		return false;
	if (vdb_hnsw_iterative_scan == ITERATIVE_SCAN_OFF)
		return graphs->nrows <
			(vdb_hnsw_ef_search == HNSW_EF_SEARCH_AUTO ? GRAPH_OFF_ROWS :
			 vdb_hnsw_ef_search);
	return true;
}

/*
 * Have all graphs settled the row?  If not, *next is the one to walk on, NULL
 * when none can.  Without a row, any graph that can be walked will do.
 */
static bool
graphs_settled(IndexScan *scan, const TopEntry *top, ScanGraph **next)
{
	struct ScanGraphs *graphs = scan->graphs;
	float		score = INFINITY;
	float		nearest = INFINITY;
	bool		settled = top != NULL;

	if (top != NULL && graphs->nnearest >= GRAPH_SETTLE_RANK)
		score = Max(graph_distance_score(scan->query,
										 scan_key_bound(top->key)),
					graphs->nearest[GRAPH_SETTLE_RANK - 1]);

	for (int i = 0; i < graphs->ngraphs; i++)
	{
		ScanGraph  *graph = &graphs->graphs[i];
		float		front = graph_walk_front(graph->walk);

		if (top != NULL && vdb_hnsw_ef_search != HNSW_EF_SEARCH_AUTO &&
			graphs_settled_by_rank(graphs, front))
			continue;
		if (vdb_hnsw_ef_search == HNSW_EF_SEARCH_AUTO &&
			front >= graph_widen_score(graph->graph, graphs->steer,
									   graph->graph->slack, score))
			continue;
		/* What was thrown away for want of memory is nobody's front. */
		if (front == INFINITY && top != NULL &&
			!graph_walk_is_cut(graph->walk))
			continue;
		settled = false;
		if (front < nearest)
		{
			nearest = front;
			*next = graph;
		}
	}
	return settled;
}

/* The ef_search nearest, and as many more as have been returned, are found. */
static bool
graphs_settled_by_rank(const struct ScanGraphs *graphs, float front)
{
	uint32		ef = vdb_hnsw_ef_search;
	uint64		rank = (graphs->nrows / ef + 1) * ef;

	return rank <= graphs->nnearest && front > graphs->nearest[rank - 1];
}

static void
graphs_step(IndexScan *scan, ScanGraph *graph)
{
	struct ScanGraphs *graphs = scan->graphs;
	TopEntry	entry;
	GraphFound	found;

	graphs->nsteps++;
	scan->stats.steps++;
	if (!graph_walk_step(graph->walk, &found))
		return;
	scan->stats.pages++;

	entry.key = scan_key(RANK_DISTANCE, found.bound, true);
	entry.place = scan_place(graph->segment, found.node);
	top_heap_add(&scan->heap, &entry, 1);
	for (uint32 i = 0; i < found.ncopies; i++)
	{
		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		entry.place = scan_place(graph->segment, found.copy_first + i);
		top_heap_add(&scan->heap, &entry, 1);
	}
	graphs_note_score(graphs, found.score);
}

static void
graphs_note_score(struct ScanGraphs *graphs, float score)
{
	uint32		at = graphs->nnearest;

	if (vdb_hnsw_ef_search == HNSW_EF_SEARCH_AUTO &&
		graphs->nnearest == GRAPH_SETTLE_RANK)
	{
		if (score >= graphs->nearest[--at])
			return;
		graphs->nnearest = at;
	}
	else if (graphs->nnearest == graphs->max_nearest)
	{
		graphs->max_nearest *= 2;
		graphs->nearest = repalloc_huge(graphs->nearest, sizeof(float) *
										(Size) graphs->max_nearest);
	}
	while (at > 0 && graphs->nearest[at - 1] > score)
	{
		graphs->nearest[at] = graphs->nearest[at - 1];
		at--;
	}
	graphs->nearest[at] = score;
	graphs->nnearest++;
}

/* Rows of which no bound is known come first; they are not in the graph. */
static void
graphs_add_unbounded(IndexScan *scan, const ScanGraph *graph)
{
	const SegmentReader *reader = scan->readers[graph->segment];
	TopEntry	entry = {.key = scan_key(RANK_DISTANCE, -INFINITY, true)};

	for (uint32 row = reader->class_first[ROW_UNBOUNDED];
		 row < reader->class_first[ROW_UNBOUNDED + 1]; row++)
	{
		entry.place = scan_place(graph->segment, row);
		top_heap_add(&scan->heap, &entry, 1);
	}
}

/*
 * From now on all segments are read.  The rounds begin anew; what has been
 * returned is left out by scan_graphs_accept().
 */
static void
graphs_give_up(IndexScan *scan)
{
	scan_graphs_stop(scan);
	scan_start_rounds(scan);
	scan->limit = Min(scan->graphs->nrows, scan->max_limit);
}

void
scan_graphs_stop(IndexScan *scan)
{
	scan->graphs->walking = false;
}

/* Note that a row is returned; false if it was before. */
static bool
graphs_remember(struct ScanGraphs *graphs, uint64 place)
{
	uint32		mask = graphs->returned_size - 1;
	uint32		slot = (uint32) ((place * UINT64CONST(0x9E3779B97F4A7C15)) >>
								 32) & mask;

	while (graphs->returned[slot] != 0)
	{
		if (graphs->returned[slot] == place + 1)
			return false;
		slot = (slot + 1) & mask;
	}
	/* Rows returned after the graphs were given up come in their order. */
	if (!graphs->walking)
		return true;
	graphs->returned[slot] = place + 1;
	if (++graphs->nreturned > graphs->returned_size / 2)
	{
		uint64	   *old = graphs->returned;
		uint32		old_size = graphs->returned_size;

		graphs->returned_size *= 2;
		graphs->returned =
			MemoryContextAllocExtended(GetMemoryChunkContext(old),
									   sizeof(uint64) *
									   (Size) graphs->returned_size,
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		graphs->nreturned = 0;
		for (uint32 i = 0; i < old_size; i++)
		{
			if (old[i] != 0)
				(void) graphs_remember(graphs, old[i] - 1);
		}
		pfree(old);
	}
	return true;
}
