/*-------------------------------------------------------------------------
 *
 * plain_search.c
 *	  A simple search over graph nodes in memory, for tests and the bench.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <stdlib.h>

#include "distance/distance.h"
#include "plain_search.h"

/* Entries whose codes are good enough to begin with. */
#define NSTARTS 4

/* The query as tables of bytes; <y, query> = slope * sum + base. */
typedef struct QueryTable
{
	uint8	   *lut;
	float		slope;
	float		base;
} QueryTable;

typedef struct Heap
{
	PlainResult *items;
	int			n;
	int			capacity;
} Heap;

static const GraphNode *
plain_node(const PlainGraph *graph, uint32 node)
{
	return (const GraphNode *) (graph->nodes +
								(Size) node * graph->shape.node_bytes);
}

static float
plain_subset(const float *query, uint32 dim, uint32 group, int subset)
{
	float		sum = 0;

	for (uint32 b = 0; b < 4; b++)
		if (group * 4 + b < dim && subset >> b & 1)
			sum += query[group * 4 + b];
	return sum;
}

static QueryTable
plain_table(const PlainGraph *graph, const float *query)
{
	QueryTable	table;
	uint32		ngroups = graph->shape.ngroups;
	uint32		dim = Min(graph->dim, ngroups * 4);
	float		low = INFINITY;
	float		high = -INFINITY;
	float		sum = 0;
	float		step;

	table.lut = malloc(ngroups * 16);
	for (uint32 i = 0; i < dim; i++)
		sum += query[i];
	for (uint32 i = 0; i < ngroups * 16; i++)
	{
		float		value = plain_subset(query, dim, i / 16, i % 16);

		low = fminf(low, value);
		high = fmaxf(high, value);
	}
	step = high > low ? (high - low) / 255 : 1;
	for (uint32 i = 0; i < ngroups * 16; i++)
	{
		float		value = plain_subset(query, dim, i / 16, i % 16);

		table.lut[i] = (uint8) ((value - low) / step + 0.5f);
	}
	table.slope = 2 * step;
	table.base = 2 * low * ngroups - sum;
	return table;
}

/* The score of a node by its code. */
static float
plain_score(const PlainGraph *graph, const float *query, uint32 node)
{
	const GraphNode *n = plain_node(graph, node);
	const uint8 *code = graph->shape.own_bytes > 0 ? graph_node_code(n) :
	graph->codes + (Size) node * graph->dim;
	float		product = 0;
	float		norm_sq = 0;

	for (uint32 i = 0; i < graph->dim; i++)
	{
		product += query[i] * (2 * code[i] - 255);
		norm_sq += query[i] * query[i];
	}
	product *= n->factors.scale;
	if (graph->inner_product)
		return -2 * product;
	return norm_sq + n->factors.norm_sq - 2 * product;
}

static void
plain_push(Heap *heap, PlainResult item)
{
	int			i = heap->n++;

	if (heap->n > heap->capacity)
	{
		heap->capacity = 2 * heap->n;
		heap->items = realloc(heap->items,
							  heap->capacity * sizeof(PlainResult));
	}
	for (; i > 0 && heap->items[(i - 1) / 2].score > item.score;
		 i = (i - 1) / 2)
		heap->items[i] = heap->items[(i - 1) / 2];
	heap->items[i] = item;
}

static PlainResult
plain_pop(Heap *heap)
{
	PlainResult top = heap->items[0];
	PlainResult last = heap->items[--heap->n];
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child + 1 < heap->n &&
			heap->items[child + 1].score < heap->items[child].score)
			child++;
		if (child >= heap->n || heap->items[child].score >= last.score)
			break;
		heap->items[i] = heap->items[child];
		i = child;
	}
	heap->items[i] = last;
	return top;
}

/* Keep the "room" best, best first; returns how many there are. */
static int
plain_keep(PlainResult *best, int n, int room, PlainResult item)
{
	int			at = n < room ? n : room - 1;

	if (n == room && item.score >= best[room - 1].score)
		return n;
	for (; at > 0 && best[at - 1].score > item.score; at--)
		best[at] = best[at - 1];
	best[at] = item;
	return n < room ? n + 1 : n;
}

static float
plain_bfloat16(const uint8 *at)
{
	union
	{
		float		f;
		uint32		u;
	}			bits = {.u = (uint32) at[0] << 16 | (uint32) at[1] << 24};

	return bits.f;
}

static void
plain_expand(PlainGraph *graph, const QueryTable *table, PlainResult from,
			 Heap *heap)
{
	const GraphNode *node = plain_node(graph, from.node);
	const uint8 *ids = graph_node_ids(&graph->shape, node);
	const uint8 *factors = graph_node_factors(&graph->shape, node);
	uint32		sums[GRAPH_DEGREE];

	vdb_kernels->fastscan_block(graph_node_signs(&graph->shape, node),
								table->lut, graph->shape.ngroups, sums);
	for (int i = 0; i < node->nneighbours; i++)
	{
		float		add = plain_bfloat16(factors + 2 * i);
		float		res = plain_bfloat16(factors + 2 * (GRAPH_DEGREE + i));
		PlainResult item = {
			graph_node_id(ids, i),
			from.score + add + res * (table->slope * sums[i] + table->base)
		};

		if (graph->visited[item.node] != graph->nsearches)
			plain_push(heap, item);
	}
}

int
plain_search(PlainGraph *graph, const float *query, int width, int k,
			 PlainResult *results, int *nexpanded)
{
	QueryTable	table = plain_table(graph, query);
	PlainResult *best = malloc(width * sizeof(PlainResult));
	PlainResult starts[NSTARTS];
	Heap		heap = {0};
	int			nbest = 0;
	int			nstarts = 0;

	graph->nsearches++;
	*nexpanded = 0;
	for (int i = 0; i < graph->nentries; i++)
	{
		PlainResult item = {
			graph->entries[i],
			plain_score(graph, query, graph->entries[i])
		};

		nstarts = plain_keep(starts, nstarts, NSTARTS, item);
	}
	for (int i = 0; i < nstarts; i++)
		plain_push(&heap, starts[i]);
	while (heap.n > 0)
	{
		PlainResult next = plain_pop(&heap);

		if (nbest == width && next.score > best[width - 1].score)
			break;
		if (graph->visited[next.node] == graph->nsearches)
			continue;
		graph->visited[next.node] = graph->nsearches;
		graph->expanded[(*nexpanded)++] = next.node;
		next.score = plain_score(graph, query, next.node);
		nbest = plain_keep(best, nbest, width, next);
		plain_expand(graph, &table, next, &heap);
	}
	if (nbest < k)
		k = nbest;
	for (int i = 0; i < k; i++)
		results[i] = best[i];
	free(heap.items);
	free(table.lut);
	free(best);
	return k;
}
