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
 * Who wants all of the nearest rows, vectordb.target_recall = 1, or more of
 * them than walks were seen to find when a graph was built, or to find in less
 * time than reading takes, has its segment read at once.
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

/* Candidates of one walk, however much memory there is. */
#define GRAPH_MAX_CANDIDATES (1 << 28)

/* Rows that "off" returns when hnsw.ef_search leaves it open. */
#define GRAPH_OFF_ROWS 40

/* Steps before the first row, where the graph does not say. */
#define GRAPH_FIRST_STEPS 60

/* Nodes that a graph must have seen, however small its share of the rows. */
#define GRAPH_LEAST_RANK 4

/*
 * Scores of the nearest nodes found, ascending: all with hnsw.ef_search, else
 * the GRAPH_LAST_GROUP nearest.
 */
typedef struct Nearest
{
	float	   *scores;
	uint32		n;
	uint32		size;
} Nearest;

typedef struct ScanGraph
{
	uint32		segment;		/* its number in the scan */
	Graph	   *graph;
	GraphWalk  *walk;
	double		share;			/* of the nodes of all graphs */
	uint8	   *dead;			/* bits as the scan began; NULL: none */
	Nearest		nearest;		/* of this graph */
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
	uint64		nrows;			/* gone from the heap, of all segments */

	/*
	 * Rows of graphs returned: a hash table of places + 1, 0 where there is
	 * none.
	 */
	uint64	   *returned;
	uint32		returned_size;
	uint32		nreturned;

	Nearest		nearest;		/* of all graphs */
	uint64		max_waiting;	/* rows that wait in the scan's heap */
	TopEntry	passed;			/* last row returned when the graphs were
								 * given up */
};

static bool graphs_are_wanted(void);
static bool graphs_settled(IndexScan *scan, const TopEntry *top,
						   ScanGraph **next);
static float graphs_settled_score(const struct ScanGraphs *graphs,
								  const ScanGraph *graph, float top);
static float graphs_ef_score(const struct ScanGraphs *graphs,
							 const ScanGraph *graph, float top);
static float nearest_score(const Nearest *nearest, uint32 rank);
static void graphs_step(IndexScan *scan, ScanGraph *graph);
static void nearest_init(Nearest *nearest);
static void nearest_add(Nearest *nearest, float score);
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
		Graph	   *graph;

		if (isinf(scan_graph_steps(reader)))
			continue;
		graph = graph_open(reader, scan->space->dim, scan->space->bits,
						   vdb_target_recall);
		graphs->is_graph[i] = true;
		graphs->graphs[graphs->ngraphs].segment = i;
		graphs->graphs[graphs->ngraphs].dead = NULL;
		if (scan->manifest->segments[i].ndead > 0)
		{
			graphs->graphs[graphs->ngraphs].dead = segment_read_dead(reader);
			scan->stats.pages += segment_area_pages(reader, AREA_DEAD);
		}
		graphs->graphs[graphs->ngraphs++].graph = graph;
		nnodes += reader->nnodes;
		scan->stats.pages += segment_area_pages(reader, AREA_GRAPH);
	}
	scan->graphs = graphs;
	if (graphs->ngraphs == 0)
		return;

	graphs->max_steps = scan_most_steps(nnodes);
	graphs->max_waiting = scan->max_heap * vdb_hnsw_scan_mem_multiplier;
	max_candidates = Min(graphs->max_waiting * sizeof(TopEntry) /
						 sizeof(uint64) / graphs->ngraphs,
						 GRAPH_MAX_CANDIDATES);
	for (int i = 0; i < graphs->ngraphs; i++)
	{
		ScanGraph  *graph = &graphs->graphs[i];

		graph->walk = graph_walk_create(graph->graph, max_candidates);
		graph->share = scan->readers[graph->segment]->nnodes / nnodes;
		nearest_init(&graph->nearest);
	}
	nearest_init(&graphs->nearest);
	graphs->returned_size = 256;
	graphs->returned = palloc0(sizeof(uint64) * graphs->returned_size);
}

double
scan_graph_steps(const SegmentReader *reader)
{
	double		steps;

	if (!graphs_are_wanted() || reader->kind != SEGMENT_GRAPH ||
		reader->nnodes == 0 ||
		reader->class_first[ROW_UNBOUNDED + 1] -
		reader->class_first[ROW_UNBOUNDED] > GRAPH_MAX_UNBOUNDED)
		return INFINITY;
	if (vdb_hnsw_ef_search != HNSW_EF_SEARCH_AUTO)
		return GRAPH_FIRST_STEPS;
	steps = graph_read_point(reader, vdb_target_recall).steps;
	if (!(steps > 0))
		return GRAPH_FIRST_STEPS;
	return steps > scan_most_steps(reader->nnodes) ? INFINITY : steps;
}

/* Do the settings leave anything to be found by walking? */
static bool
graphs_are_wanted(void)
{
	return vdb_target_recall < 1 || vdb_hnsw_ef_search != HNSW_EF_SEARCH_AUTO;
}

void
scan_graphs_start(IndexScan *scan)
{
	static const TopEntry before_all = {0, 0};
	struct ScanGraphs *graphs = scan->graphs;

	if (graphs->nreturned > 0)
		memset(graphs->returned, 0,
			   sizeof(uint64) * graphs->returned_size);
	graphs->nsteps = 0;
	graphs->nrows = 0;
	graphs->nreturned = 0;
	graphs->nearest.n = 0;
	graphs->passed = before_all;
	graphs->steer = NULL;
	graphs->walking = graphs->ngraphs > 0 && scan->mode == SCAN_BOUNDS &&
		scan->filter == FILTER_NONE && !scan->empty &&
		graphs_are_wanted();
	if (!graphs->walking)
		return;

	for (int i = 0; i < graphs->ngraphs; i++)
	{
		ScanGraph  *graph = &graphs->graphs[i];
		uint32		dim = graph->graph->info->steer_dim;

		/* All graphs of an index have codes of the same length. */
		if (graphs->steer == NULL ||
			graphs->steer->ngroups != graph->graph->shape.ngroups)
			graphs->steer = quant_steer_create(scan->query, dim);
		graph->nearest.n = 0;
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
	if (top != NULL && scan_key_rank(top->key) != RANK_DISTANCE)
		top = NULL;
	if (graphs_settled(scan, top, &next))
		return false;
	/* What is remembered must fit as well as what waits. */
	if (next != NULL && graphs->nsteps < graphs->max_steps &&
		graphs->nreturned < graphs->max_waiting / 2)
	{
		graphs_step(scan, next);
		return true;
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
	if (entry->key < Max(scan->last.key, graphs->passed.key) &&
		vdb_hnsw_iterative_scan != ITERATIVE_SCAN_RELAXED)
		return false;
	if (graphs->is_graph[scan_place_segment(entry->place)])
	{
		if (!graphs_remember(graphs, entry->place))
			return false;
	}
	/* Other segments had given all that comes before when they were left. */
	else if (!top_less(&graphs->passed, entry))
		return false;
	graphs->nrows++;
	return true;
}

bool
scan_graphs_may_go_on(const IndexScan *scan)
{
	const struct ScanGraphs *graphs = scan->graphs;

	if (graphs->ngraphs == 0 || scan->mode != SCAN_BOUNDS ||
		scan->filter != FILTER_NONE)
		return true;
	if (vdb_hnsw_max_scan_tuples != HNSW_MAX_SCAN_TUPLES_NONE &&
		scan->nreturned >= (uint64) vdb_hnsw_max_scan_tuples)
		return false;
	if (vdb_hnsw_iterative_scan == ITERATIVE_SCAN_OFF)
		return scan->nreturned <
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

	if (top != NULL)
		score = graph_distance_score(scan->query, scan_key_bound(top->key));

	for (int i = 0; i < graphs->ngraphs; i++)
	{
		ScanGraph  *graph = &graphs->graphs[i];
		float		front = graph_walk_front(graph->walk);

		if (top != NULL && front >= graphs_settled_score(graphs, graph, score))
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

/*
 * How far away the front of a graph has to be.  Near rows of another graph do
 * not excuse it from arriving where its own nearest rows are: the front of a
 * walk that has only just begun is far away, too.
 */
static float
graphs_settled_score(const struct ScanGraphs *graphs, const ScanGraph *graph,
					 float top)
{
	uint32		group = graph_group(graphs->nrows + 1);
	uint32		own = Max(group * graph->share, GRAPH_LEAST_RANK);
	float		score;

	if (vdb_hnsw_ef_search != HNSW_EF_SEARCH_AUTO)
		return graphs_ef_score(graphs, graph, top);
	score = Max(top, nearest_score(&graphs->nearest, group));
	if (graphs->ngraphs > 1)
		score = Max(score, nearest_score(&graph->nearest, own));
	return graph_widen_score(graph->graph, graphs->steer,
							 graph_slack(graph->graph, group), score);
}

/* The ef_search nearest, and as many more as have been returned, are found. */
static float
graphs_ef_score(const struct ScanGraphs *graphs, const ScanGraph *graph,
				float top)
{
	uint32		ef = vdb_hnsw_ef_search;
	uint64		rank = (graphs->nrows / ef + 1) * ef;
	uint32		own = Max(rank * graph->share, GRAPH_LEAST_RANK);

	if (graphs->ngraphs == 1)
		return nearest_score(&graphs->nearest, rank);
	return Max(top, nearest_score(&graph->nearest, own));
}

/* Infinity as long as there are not so many. */
static float
nearest_score(const Nearest *nearest, uint32 rank)
{
	return rank <= nearest->n ? nearest->scores[rank - 1] : INFINITY;
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
	if (scan->heap.count + (uint64) found.ncopies >= graphs->max_waiting)
	{
		graphs_give_up(scan);
		return;
	}

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
	/* A walk has not arrived where it has found none but dead rows. */
	if (found.ncopies == 0 && graph->dead != NULL &&
		(graph->dead[found.node / 8] >> (found.node % 8) & 1) != 0)
		return;
	nearest_add(&graphs->nearest, found.score);
	if (graphs->ngraphs > 1)
		nearest_add(&graph->nearest, found.score);
}

static void
nearest_init(Nearest *nearest)
{
	nearest->n = 0;
	nearest->size = GRAPH_LAST_GROUP;
	nearest->scores = palloc(sizeof(float) * nearest->size);
}

static void
nearest_add(Nearest *nearest, float score)
{
	uint32		at = nearest->n;

	if (vdb_hnsw_ef_search == HNSW_EF_SEARCH_AUTO &&
		nearest->n == GRAPH_LAST_GROUP)
	{
		if (score >= nearest->scores[--at])
			return;
		nearest->n = at;
	}
	else if (nearest->n == nearest->size)
	{
		nearest->size *= 2;
		nearest->scores = repalloc_huge(nearest->scores, sizeof(float) *
										(Size) nearest->size);
	}
	while (at > 0 && nearest->scores[at - 1] > score)
	{
		nearest->scores[at] = nearest->scores[at - 1];
		at--;
	}
	nearest->scores[at] = score;
	nearest->n++;
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

/*
 * "last" says from now on how far the rounds have come, which may be far
 * behind the last row that a walk has found.
 */
void
scan_graphs_stop(IndexScan *scan)
{
	struct ScanGraphs *graphs = scan->graphs;

	if (!graphs->walking)
		return;
	graphs->walking = false;
	graphs->passed = scan->last;
	memset(&scan->last, 0, sizeof(TopEntry));
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
