/*-------------------------------------------------------------------------
 *
 * search.c
 *	  Walking a graph towards a query.
 *
 * Candidates wait in two places: those nearer than a bar in a binary heap,
 * the others in an array without order.  When the heap is empty the nearest
 * of the array come in and the bar is raised; when it is full the farther
 * half goes out.  So most of the neighbours of a node, which will never be
 * expanded, cost a comparison and a store.
 *
 * A node is seen from several of its neighbours, each time with an estimate
 * that is off by some percent in a way of its own.  Their mean, by the inverse
 * of their variances, is what counts: at the same recall a walk takes a
 * quarter fewer steps than by the least of them (README.md).  Each change of
 * the mean makes another candidate; what is not the node's mean when it comes
 * up is dropped.
 *
 * Pages of the candidates that will probably be next are asked for ahead: most
 * of the time of a step is waiting for memory.  On a primary pages of nodes do
 * not change and need no lock; in recovery one is locked for the step
 * (storage/README.md, invariant 9).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/xlog.h"
#include "base/topk.h"
#include "distance/distance.h"
#include "graph/search.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

/* Candidates that the heap takes, and what is left of them by the bar. */
#define WALK_HEAP_MAX 192
#define WALK_HEAP_KEEP 64

/* Entries from which a walk starts. */
#define WALK_STARTS 4

/* Nodes that the table of those seen has room for at first, twice over, */
#define WALK_SEEN 4096

/* and candidates that "far" has room for. */
#define WALK_FAR 2048

/*
 * The same in a small graph, or in all but one: little of them is walked
 * along, and to clear large tables would take longer than the steps.
 */
#define WALK_SMALL_GRAPH 32768
#define WALK_SMALL_SEEN 1024
#define WALK_SMALL_FAR 512

/* Walks whose tables are kept for the next search. */
#define WALK_SPARES 9

/* Candidates whose nodes are asked for ahead, and how many are remembered. */
#define WALK_AHEAD 2
#define WALK_EXPECTED 16

/* So many after a page had to be read from its file, for so many steps. */
#define WALK_AHEAD_COLD 12
#define WALK_COLD_STEPS 8

/* Estimate in the upper half, as top_float_order() has it; node below. */
typedef uint64 Candidate;

#define CANDIDATE_NONE PG_UINT64_MAX

/* No order of a number: 0 would be that of a NaN. */
#define SEEN_EXPANDED 0

/* Factors of a variance, in units of the walk, are no smaller. */
#define SEEN_LEAST 1e-9f

/*
 * A node that has been seen: the mean of the estimates, each by the inverse of
 * its variance.
 */
typedef struct Seen
{
	uint32		node;			/* + 1; 0: free */
	uint32		order;			/* of the mean, as in the candidate; or
								 * SEEN_EXPANDED */
	float		weight;
	float		sum;			/* of weights times estimates, in units */
} Seen;

struct GraphWalk
{
	const Graph *graph;
	const QuantQuery *query;
	const QuantSteer *steer;
	MemoryContext context;
	uint32		nsteps;
	bool		cut;
	bool		locking;		/* pages may change: no pins without lock */

	Seen	   *seen;			/* a hash table */
	uint32		nseen;
	uint32		seen_size;		/* a power of two */
	float		lift;			/* score + lift is a squared distance, */
	float		unit;			/* times this about 1 (walk_see) */

	uint32		heap_count;
	Candidate	heap[WALK_HEAP_MAX + GRAPH_DEGREE];
	Candidate	bar;			/* nothing in "far" is below it */
	struct WalkTables *tables;	/* that far and seen are at first; or NULL */
	Candidate  *far;
	uint32		far_count;
	uint32		far_size;
	uint32		far_max;

	uint32		expected[WALK_EXPECTED];	/* nodes asked for last */
	uint32		nexpected;
	uint32		cold_steps;		/* left of the latter */
};

/* Tables of a walk that are kept; the first are large, the others small. */
typedef struct WalkTables
{
	Seen	   *seen;
	Candidate  *far;
	bool		taken;
} WalkTables;

static WalkTables walk_spares[WALK_SPARES];

static void walk_take_tables(GraphWalk *walk);
static void walk_enter(GraphWalk *walk);
static bool walk_pop(GraphWalk *walk, uint32 *node);
static bool walk_top(GraphWalk *walk);
static void walk_lower_bar(GraphWalk *walk);
static bool walk_refill(GraphWalk *walk);
static void walk_add_neighbours(GraphWalk *walk, uint32 number,
								const GraphNode *node, float score);
static void walk_make_room(GraphWalk *walk);
static void heap_push(Candidate *heap, uint32 count, Candidate candidate);
static void candidates_select(Candidate *c, uint32 n, uint32 k);
static Buffer walk_pin(GraphWalk *walk, uint32 node, bool *locked);
static void walk_expect(GraphWalk *walk);
static const GraphNode *walk_node(GraphWalk *walk, Buffer buffer,
								  uint32 node);
static void walk_grow_seen(GraphWalk *walk);
static void walk_grow_far(GraphWalk *walk);

/* ----------------------------------------------------------------------
 * Walking
 * ----------------------------------------------------------------------
 */

/* The context of the walk that has them is reset, be it after an error. */
static void
walk_give_back_tables(void *arg)
{
	WalkTables *tables = arg;

	tables->taken = false;
}

/* Tables of this process that nobody has; NULL: all are taken. */
static WalkTables *
walk_find_tables(bool small)
{
	for (int i = small ? 1 : 0; i < WALK_SPARES; i++)
	{
		WalkTables *tables = &walk_spares[i];
		Size		seen = sizeof(Seen) *
		(i == 0 ? WALK_SEEN : WALK_SMALL_SEEN);
		Size		far = sizeof(Candidate) *
		(i == 0 ? WALK_FAR : WALK_SMALL_FAR);

		if (tables->taken)
			continue;
		if (tables->seen == NULL)
			tables->seen = MemoryContextAlloc(TopMemoryContext, seen);
		if (tables->far == NULL)
			tables->far = MemoryContextAlloc(TopMemoryContext, far);
		return tables;
	}
	return NULL;
}

/*
 * Tables in which nothing is.  Some are kept for the next walks of this
 * process: to get so much memory from the system and give it back costs a
 * tenth of a search.
 */
static void
walk_take_tables(GraphWalk *walk)
{
	bool		small = walk_spares[0].taken ||
	walk->graph->reader->nnodes < WALK_SMALL_GRAPH;
	WalkTables *tables = walk_find_tables(small);

	walk->tables = tables;
	walk->seen_size = small ? WALK_SMALL_SEEN : WALK_SEEN;
	walk->far_size = small ? WALK_SMALL_FAR : WALK_FAR;
	if (tables == NULL)
	{
		walk->seen = palloc(sizeof(Seen) * walk->seen_size);
		walk->far = palloc(sizeof(Candidate) * walk->far_size);
	}
	else
	{
		MemoryContextCallback *callback =
		palloc0(sizeof(MemoryContextCallback));

		callback->func = walk_give_back_tables;
		callback->arg = tables;
		MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
		tables->taken = true;
		walk->seen = tables->seen;
		walk->far = tables->far;
	}
	memset(walk->seen, 0, sizeof(Seen) * walk->seen_size);
}

GraphWalk *
graph_walk_create(const Graph *graph, uint32 max_candidates)
{
	GraphWalk  *walk = palloc0(sizeof(GraphWalk));

	walk->graph = graph;
	walk->context = CurrentMemoryContext;
	walk_take_tables(walk);
	walk->far_max = Max(max_candidates,
						Max(walk->far_size, 4 * WALK_HEAP_MAX));
	return walk;
}

void
graph_walk_start(GraphWalk *walk, const QuantQuery *query,
				 const QuantSteer *steer)
{
	if (walk->nsteps > 0)
		memset(walk->seen, 0, sizeof(Seen) * walk->seen_size);
	walk->nseen = 0;
	walk->lift = 0;
	if (walk->graph->info->lift_sq > 0)
		walk->lift = steer->query_norm_sq + walk->graph->info->lift_sq;
	walk->query = query;
	walk->steer = steer;
	walk->nsteps = 0;
	walk->cold_steps = 0;
	walk->cut = false;
	walk->locking = RecoveryInProgress();
	memset(walk->expected, 0xFF, sizeof(walk->expected));
	walk->heap_count = 0;
	walk->far_count = 0;
	walk->bar = PG_UINT64_MAX;
	walk_enter(walk);
}

uint32
graph_walk_steps(const GraphWalk *walk)
{
	return walk->nsteps;
}

bool
graph_walk_is_cut(const GraphWalk *walk)
{
	return walk->cut;
}

static inline Seen *
walk_seen(const GraphWalk *walk, uint32 node)
{
	uint32		mask = walk->seen_size - 1;
	uint32		slot = (node * 0x9E3779B1) >> 7 & mask;

	while (walk->seen[slot].node != 0 && walk->seen[slot].node != node + 1)
		slot = (slot + 1) & mask;
	return &walk->seen[slot];
}

bool
graph_walk_has(const GraphWalk *walk, uint32 node)
{
	const Seen *seen = walk_seen(walk, node);

	return seen->node != 0 && seen->order == SEEN_EXPANDED;
}

static inline Candidate
walk_candidate(float estimate, uint32 node)
{
	return (uint64) top_float_order(estimate) << 32 | node;
}

float
graph_walk_front(GraphWalk *walk)
{
	if (!walk_top(walk))
		return INFINITY;
	return top_order_float((uint32) (walk->heap[0] >> 32));
}

bool
graph_walk_step(GraphWalk *walk, GraphFound *found)
{
	uint32		number;
	Buffer		buffer;
	bool		locked;
	const GraphNode *node;

	if (!walk_pop(walk, &number))
		return false;
	buffer = walk_pin(walk, number, &locked);
	node = walk_node(walk, buffer, number);
	walk->nsteps++;

	found->node = number;
	found->copy_first = node->copy_first;
	found->ncopies = node->ncopies;
	found->bound = quant_row_score(walk->query, graph_node_code(node),
								   &node->factors, &found->score);
	walk_add_neighbours(walk, number, node, found->score);
	page_unpin(buffer, locked);
	walk_expect(walk);
	return true;
}

/* The entries that seem nearest, and no others, become candidates. */
static void
walk_enter(GraphWalk *walk)
{
	const Graph *graph = walk->graph;
	const QuantSteer *steer = walk->steer;
	Candidate	best[WALK_STARTS];
	float		farthest = 0;
	int			nbest = 0;

	for (uint32 b = 0; b < graph_entry_blocks(graph->info->nentries); b++)
	{
		const GraphEntries *entries =
		graph_info_entries(graph->info, graph->shape.ngroups, b);
		uint32		n = Min(graph->info->nentries - b * GRAPH_DEGREE,
							GRAPH_DEGREE);
		uint32		sums[GRAPH_DEGREE];

		vdb_kernels->fastscan_block(entries->signs, steer->lut,
									steer->ngroups, sums);
		for (uint32 i = 0; i < n; i++)
		{
			float		estimate = steer->centre_score + entries->add[i] +
			entries->res[i] * (steer->factor * sums[i] + steer->offset);
			Candidate	candidate = walk_candidate(estimate, entries->ids[i]);
			int			at;

			farthest = Max(farthest, fabsf(estimate + walk->lift));

			if (nbest == WALK_STARTS && candidate >= best[nbest - 1])
				continue;
			at = nbest < WALK_STARTS ? nbest++ : nbest - 1;
			for (; at > 0 && best[at - 1] > candidate; at--)
				best[at] = best[at - 1];
			best[at] = candidate;
		}
	}
	walk->unit = 1 / Max(Min(farthest, FLT_MAX), FLT_MIN);
	for (int i = 0; i < nbest; i++)
		heap_push(walk->heap, walk->heap_count++, best[i]);
	walk_expect(walk);
}

/* ----------------------------------------------------------------------
 * Candidates
 * ----------------------------------------------------------------------
 */

static void
heap_push(Candidate *heap, uint32 count, Candidate candidate)
{
	uint32		i = count;

	while (i > 0 && heap[(i - 1) / 2] > candidate)
	{
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = candidate;
}

/* Remove the top of a heap of count candidates. */
static void
heap_pop(Candidate *heap, uint32 count)
{
	Candidate	last = heap[count - 1];
	uint32		i = 0;

	for (;;)
	{
		uint32		child = 2 * i + 1;

		if (child >= count - 1)
			break;
		if (child + 1 < count - 1 && heap[child + 1] < heap[child])
			child++;
		if (heap[child] >= last)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
}

/* See that the top of the heap is a node to be expanded; false at the end. */
static bool
walk_top(GraphWalk *walk)
{
	Seen	   *seen;

	for (;;)
	{
		if (walk->heap_count == 0 && !walk_refill(walk))
			return false;
		seen = walk_seen(walk, (uint32) walk->heap[0]);
		if (seen->node == 0 || seen->order == walk->heap[0] >> 32)
			return true;
		heap_pop(walk->heap, walk->heap_count--);
	}
}

static bool
walk_pop(GraphWalk *walk, uint32 *node)
{
	Seen	   *seen;

	if (!walk_top(walk))
		return false;
	*node = (uint32) walk->heap[0];
	heap_pop(walk->heap, walk->heap_count--);
	seen = walk_seen(walk, *node);
	if (seen->node == 0)
	{
		seen->node = *node + 1;
		walk->nseen++;
	}
	seen->order = SEEN_EXPANDED;
	return true;
}

/*
 * See that what one node may add has room among the far candidates.  When
 * memory is short, the farther half of them is forgotten.
 */
static void
walk_make_room(GraphWalk *walk)
{
	if (likely(walk->far_count + WALK_HEAP_MAX + GRAPH_DEGREE <=
			   walk->far_size))
		return;
	if (walk->far_size < walk->far_max)
	{
		walk_grow_far(walk);
		return;
	}
	walk->cut = true;
	walk->far_count /= 2;
	candidates_select(walk->far, 2 * walk->far_count, walk->far_count);
}

/* The k smallest of n to the front, in no order (Hoare's selection). */
static void
candidates_select(Candidate *c, uint32 n, uint32 k)
{
	uint32		low = 0;
	uint32		high = n - 1;

	while (low < high)
	{
		Candidate	pivot = c[low + (high - low) / 2];
		int64		i = (int64) low - 1;
		int64		j = (int64) high + 1;

		for (;;)
		{
			Candidate	swap;

			do
				i++;
			while (c[i] < pivot);
			do
				j--;
			while (c[j] > pivot);
			if (i >= j)
				break;
			swap = c[i];
			c[i] = c[j];
			c[j] = swap;
		}
		if (k <= j + 1)
			high = (uint32) j;
		else
			low = (uint32) (j + 1);
		if (high + 1 == k || low == k)
			return;
	}
}

static Candidate
candidates_min(const Candidate *c, uint32 n)
{
	Candidate	least = c[0];

	for (uint32 i = 1; i < n; i++)
		least = Min(least, c[i]);
	return least;
}

static void
heap_make(Candidate *heap, uint32 count)
{
	for (uint32 i = 1; i < count; i++)
		heap_push(heap, i, heap[i]);
}

/* The heap is full: the farther part of it goes out. */
static void
walk_lower_bar(GraphWalk *walk)
{
	uint32		keep = WALK_HEAP_KEEP;

	candidates_select(walk->heap, walk->heap_count, keep);
	walk->bar = candidates_min(walk->heap + keep, walk->heap_count - keep);
	memcpy(walk->far + walk->far_count, walk->heap + keep,
		   sizeof(Candidate) * (walk->heap_count - keep));
	walk->far_count += walk->heap_count - keep;
	walk->heap_count = keep;
	heap_make(walk->heap, keep);
}

/* The heap is empty: the nearest of the others come in. */
static bool
walk_refill(GraphWalk *walk)
{
	uint32		n = Min(walk->far_count, WALK_HEAP_KEEP);

	if (n == 0)
		return false;
	CHECK_FOR_INTERRUPTS();
	if (n < walk->far_count)
	{
		candidates_select(walk->far, walk->far_count, n);
		walk->bar = candidates_min(walk->far + n, walk->far_count - n);
	}
	else
		walk->bar = PG_UINT64_MAX;
	memcpy(walk->heap, walk->far, sizeof(Candidate) * n);
	walk->heap_count = n;
	heap_make(walk->heap, n);
	walk->far_count -= n;
	memmove(walk->far, walk->far + n, sizeof(Candidate) * walk->far_count);
	return true;
}

/* ----------------------------------------------------------------------
 * Nodes
 * ----------------------------------------------------------------------
 */

static inline float
bfloat16_value(uint16 bits)
{
	union
	{
		uint32		u;
		float		f;
	}			value = {.u = (uint32) bits << 16};

	return value.f;
}

/*
 * A node has been seen from a neighbour at that squared distance from the
 * query, with an estimate of which the variance is that of the neighbour times
 * res^2 (up to a factor that all have in common).  Returns the candidate that
 * stands for it from now on, CANDIDATE_NONE if it has been expanded.
 *
 * All is counted in units of the walk, so that nothing overflows: not where
 * vectors are huge, nor where a neighbour is the query itself.
 */
static inline Candidate
walk_see(GraphWalk *walk, uint32 node, float estimate, float distance_sq,
		 float res)
{
	Candidate	candidate = walk_candidate(estimate, node);
	Seen	   *seen = walk_seen(walk, node);
	float		weight;

	/* Most nodes are far away and are seen once: they are not remembered. */
	if (seen->node == 0 && candidate >= walk->bar)
		return candidate;
	if (seen->node != 0 && seen->order == SEEN_EXPANDED)
		return CANDIDATE_NONE;

	weight = 1 / (Max(distance_sq * walk->unit, SEEN_LEAST) *
				  Max(res * res * walk->unit, SEEN_LEAST));
	if (seen->node == 0)
	{
		seen->node = node + 1;
		seen->weight = 0;
		seen->sum = 0;
		walk->nseen++;
	}
	seen->weight += weight;
	seen->sum += weight * (estimate * walk->unit);
	candidate = walk_candidate(seen->sum / seen->weight / walk->unit, node);
	seen->order = candidate >> 32;
	return candidate;
}

static void
walk_add_neighbours(GraphWalk *walk, uint32 number, const GraphNode *node,
					float score)
{
	const GraphShape *shape = &walk->graph->shape;
	const QuantSteer *steer = walk->steer;
	const uint8 *ids = graph_node_ids(shape, node);
	uint32		nnodes = walk->graph->reader->nnodes;
	uint32		n = node->nneighbours;
	uint32		largest = 0;
	uint32		nnear = 0;
	uint32		nfar = 0;
	Candidate	near[GRAPH_DEGREE];
	Candidate  *far;
	uint16		factors[2 * GRAPH_DEGREE];
	uint32		sums[GRAPH_DEGREE];
	float		estimates[GRAPH_DEGREE];

	memcpy(factors, graph_node_factors(shape, node), sizeof(factors));
	vdb_kernels->fastscan_block(graph_node_signs(shape, node), steer->lut,
								steer->ngroups, sums);
	for (int i = 0; i < GRAPH_DEGREE; i++)
		estimates[i] = score + bfloat16_value(factors[i]) +
			bfloat16_value(factors[GRAPH_DEGREE + i]) *
			(steer->factor * (float) (int32) sums[i] + steer->offset);

	walk_make_room(walk);
	far = walk->far + walk->far_count;
	if (walk->nseen + GRAPH_DEGREE > walk->seen_size / 2)
		walk_grow_seen(walk);
	for (uint32 i = 0; i < n; i++)
	{
		uint32		id = graph_node_id(ids, i);
		float		res = bfloat16_value(factors[GRAPH_DEGREE + i]);
		Candidate	candidate = walk_see(walk, id, estimates[i],
										 score + walk->lift, res);

		largest = Max(largest, id);
		if (candidate == CANDIDATE_NONE)
			continue;
		if (candidate < walk->bar)
			near[nnear++] = candidate;
		else
			far[nfar++] = candidate;
	}
	if (unlikely(largest >= nnodes))
		page_report_damage(walk->graph->reader->index,
						   segment_node_block(walk->graph->reader, number),
						   "A neighbour of a graph node does not exist.");
	walk->far_count += nfar;
	for (uint32 i = 0; i < nnear; i++)
		heap_push(walk->heap, walk->heap_count++, near[i]);
	if (walk->heap_count >= WALK_HEAP_MAX)
		walk_lower_bar(walk);
}

/* The node in its page, after a look at what will be used as a length. */
static const GraphNode *
walk_node(GraphWalk *walk, Buffer buffer, uint32 node)
{
	const SegmentReader *reader = walk->graph->reader;
	const GraphNode *result = (const GraphNode *)
	segment_node_pointer(reader, BufferGetPage(buffer), node);

	if (unlikely(result->nneighbours > GRAPH_DEGREE))
		page_report_damage(reader->index, BufferGetBlockNumber(buffer),
						   "A graph node has too many neighbours.");
	if (unlikely(result->ncopies > 0 &&
				 (result->copy_first < reader->nnodes ||
				  (uint64) result->copy_first + result->ncopies >
				  reader->class_first[ROW_BOUNDED + 1])))
		page_report_damage(reader->index, BufferGetBlockNumber(buffer),
						   "A graph node has copies that do not exist.");
	return result;
}

/* The page of a node; page_unpin() releases it. */
static Buffer
walk_pin(GraphWalk *walk, uint32 node, bool *locked)
{
	const SegmentReader *reader = walk->graph->reader;

	*locked = false;
	if (walk->locking)
		return segment_pin_node(reader, node, locked);
	return page_pin_again(reader->index, segment_node_block(reader, node),
						  PAGE_NODES, reader->id);
}

/* The best candidates: the first of the heap. */
static void
walk_expect(GraphWalk *walk)
{
	const SegmentReader *reader = walk->graph->reader;
	uint32		ahead = walk->cold_steps > 0 ? WALK_AHEAD_COLD : WALK_AHEAD;
	uint32		n = Min(walk->heap_count, ahead);

	if (walk->cold_steps > 0)
		walk->cold_steps--;
	for (uint32 i = 0; i < n; i++)
	{
		uint32		node = (uint32) walk->heap[i];
		bool		expected = false;

		for (int j = 0; j < WALK_EXPECTED; j++)
			expected |= walk->expected[j] == node;
		if (expected || graph_walk_has(walk, node))
			continue;
		walk->expected[walk->nexpected++ % WALK_EXPECTED] = node;
		if (page_expect(reader->index, segment_node_block(reader, node),
						segment_node_offset(reader, node),
						reader->node_bytes))
			walk->cold_steps = WALK_COLD_STEPS;
	}
}

static void
walk_grow_seen(GraphWalk *walk)
{
	Seen	   *old = walk->seen;
	uint32		old_size = walk->seen_size;

	walk->seen_size *= 2;
	walk->seen = MemoryContextAllocExtended(walk->context,
											sizeof(Seen) *
											(Size) walk->seen_size,
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < old_size; i++)
	{
		if (old[i].node != 0)
			*walk_seen(walk, old[i].node - 1) = old[i];
	}
	if (walk->tables == NULL || old != walk->tables->seen)
		pfree(old);
}

static void
walk_grow_far(GraphWalk *walk)
{
	Candidate  *old = walk->far;

	walk->far_size = Min(2 * walk->far_size, walk->far_max);
	walk->far = MemoryContextAllocHuge(walk->context, sizeof(Candidate) *
									   (Size) walk->far_size);
	memcpy(walk->far, old, sizeof(Candidate) * walk->far_count);
	if (walk->tables == NULL || old != walk->tables->far)
		pfree(old);
}
