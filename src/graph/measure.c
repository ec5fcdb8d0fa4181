/*-------------------------------------------------------------------------
 *
 * measure.c
 *	  How many of the nearest rows a walk finds, by how far it goes on.
 *
 * A row makes a poor query: it is in the graph itself, next to all that it
 * looks for.  So a query is the reflection of a neighbour in a row, 2 o - n: a
 * point that is as far from the row as the neighbour is, and where no row
 * need be.  On held-out queries of both data sets in test/bench it takes as
 * many steps or a few less to find as much (README.md).
 *
 * The true neighbours are found by reading the codes of all rows, in memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "distance/distance.h"
#include "graph/measure.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define MEASURE_QUERIES 400
#define MEASURE_K GRAPH_SETTLE_RANK

/* A walk that has not settled after so many steps counts as it stands. */
#define MEASURE_MAX_STEPS 1000

static const float measure_slacks[GRAPH_CURVE_POINTS] = {
	0.0f, 0.01f, 0.02f, 0.03f, 0.04f, 0.06f, 0.08f, 0.11f, 0.15f, 0.2f, 0.3f,
	0.4f
};

/* The nearest nodes found so far, nearest first. */
typedef struct MeasureTop
{
	int			n;
	uint32		nodes[MEASURE_K];
	float		distances[MEASURE_K];
} MeasureTop;

typedef struct Measure
{
	Graph	   *graph;
	const QuantSpace *space;
	const GraphRows *rows;
	const GraphBuild *build;
	const uint32 *order;
	uint32	   *numbers;		/* the inverse of order */
	float	   *shift;			/* rotated centre, for inner products */
	GraphWalk  *walk;
	double		recall[GRAPH_CURVE_POINTS];
	double		steps[GRAPH_CURVE_POINTS];
} Measure;

static const QuantQuery *measure_query(Measure *measure, uint32 number);
static void measure_nearest(Measure *measure, const QuantQuery *query,
							MeasureTop *top);
static void measure_walk(Measure *measure, const QuantQuery *query,
						 const MeasureTop *truth);
static void measure_add(MeasureTop *top, uint32 node, float distance);

void
graph_measure(Graph *graph, const QuantSpace *space, const GraphRows *rows,
			  const GraphBuild *build, const uint32 *order)
{
	Measure		measure = {graph, space, rows, build, order};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "vectordb measure",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext query_context;
	MemoryContext old = MemoryContextSwitchTo(context);
	int			nqueries = Min(MEASURE_QUERIES, rows->n);

	query_context = AllocSetContextCreate(context, "vectordb query",
										  ALLOCSET_DEFAULT_SIZES);
	measure.shift = rows->inner_product ? quant_rotated_centre(space) : NULL;
	measure.walk = graph_walk_create(graph, 1 << 20);
	for (int i = 0; i < nqueries; i++)
	{
		uint32		number = (uint32) ((uint64) rows->n * i / nqueries);
		const QuantQuery *query;
		MeasureTop	truth = {0};

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(query_context);
		query = measure_query(&measure, number);
		measure_nearest(&measure, query, &truth);
		measure_walk(&measure, query, &truth);
		MemoryContextReset(query_context);
	}
	MemoryContextSwitchTo(old);

	graph->info->ncurve = GRAPH_CURVE_POINTS;
	for (int i = 0; i < GRAPH_CURVE_POINTS; i++)
	{
		graph->info->curve[i].slack = measure_slacks[i];
		graph->info->curve[i].recall = measure.recall[i] / nqueries;
		graph->info->curve[i].steps = measure.steps[i] / nqueries;
		elog(DEBUG1, "slack %.2f: recall %.4f in %.1f steps",
			 measure_slacks[i], graph->info->curve[i].recall,
			 graph->info->curve[i].steps);
	}
	MemoryContextDelete(context);
}

/* The reflection of a neighbour in the node of that number. */
static const QuantQuery *
measure_query(Measure *measure, uint32 number)
{
	const GraphRows *rows = measure->rows;
	uint32		row = measure->order[number];
	float	   *point = palloc(sizeof(float) * rows->dim);
	double		centre_dot = 0;
	const uint8 *code = rows->codes + (Size) row * rows->dim;
	const uint8 *other;
	uint32		neighbour = row;
	const uint32 *neighbours;
	int			n;

	neighbours = graph_build_neighbours(measure->build, row, &n);
	if (n > 0)
		neighbour = neighbours[number % n];
	other = rows->codes + (Size) neighbour * rows->dim;
	for (uint32 i = 0; i < rows->dim; i++)
	{
		point[i] = 2 * rows->scale[row] * (2 * code[i] - 255) -
			rows->scale[neighbour] * (2 * other[i] - 255);
		if (measure->shift != NULL)
		{
			point[i] += measure->shift[i];
			centre_dot += (double) point[i] * measure->shift[i];
		}
	}
	return quant_query_create_projected(measure->space, point, centre_dot);
}

static inline float
measure_distance(const Measure *measure, const QuantQuery *query, uint32 row)
{
	const GraphRows *rows = measure->rows;
	RowFactors	factors = {rows->scale[row], rows->norm_sq[row], 0};
	float		score;

	return quant_row_score(query, rows->codes + (Size) row * rows->dim,
						   &factors, &score);
}

/* Numbers of rows here, not of nodes. */
static void
measure_nearest(Measure *measure, const QuantQuery *query, MeasureTop *top)
{
	const GraphRows *rows = measure->rows;
	static const float zeros[QUANT_MAX_BLOCK];
	RowBound   *bounds = palloc(sizeof(RowBound) * QUANT_MAX_BLOCK);

	for (uint32 first = 0; first < rows->n; first += QUANT_MAX_BLOCK)
	{
		CodeBlock	block = {
			.codes = rows->codes + (Size) first * rows->dim,
			.stride = rows->dim,
			.nrows = Min(rows->n - first, QUANT_MAX_BLOCK),
			.scale = rows->scale + first,
			.norm_sq = rows->norm_sq + first,
			.radius = zeros
		};
		float		limit = top->n < MEASURE_K ? INFINITY :
		top->distances[MEASURE_K - 1];
		int			n = quant_bounds_row(query, &block, limit, bounds);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < n; i++)
		{
			uint32		row = first + bounds[i].row;

			if (top->n == MEASURE_K &&
				bounds[i].bound > top->distances[MEASURE_K - 1])
				continue;
			measure_add(top, row, measure_distance(measure, query, row));
		}
	}
}

static int
measure_common(const Measure *measure, const MeasureTop *truth,
			   const MeasureTop *found)
{
	int			common = 0;

	for (int i = 0; i < found->n; i++)
		for (int j = 0; j < truth->n; j++)
			common += measure->order[found->nodes[i]] == truth->nodes[j];
	return common;
}

static bool
measure_settled(Measure *measure, const QuantQuery *query,
				const QuantSteer *steer, int point, float distance)
{
	float		score = graph_distance_score(query, distance);

	return graph_walk_front(measure->walk) >=
		graph_widen_score(measure->graph, steer, measure_slacks[point],
						  score);
}

/*
 * One walk serves all points of the curve: a larger slack goes on where a
 * smaller one has settled.
 */
static void
measure_walk(Measure *measure, const QuantQuery *query,
			 const MeasureTop *truth)
{
	uint32		steer_dim = measure->graph->info->steer_dim;
	const QuantSteer *steer = quant_steer_create(query, steer_dim);
	MeasureTop	found = {0};
	GraphFound	node;
	int			point = 0;

	graph_walk_start(measure->walk, query, steer);
	while (point < GRAPH_CURVE_POINTS)
	{
		bool		ended;

		if (found.n == truth->n &&
			measure_settled(measure, query, steer, point,
							found.distances[found.n - 1]))
			ended = false;
		else
		{
			ended = graph_walk_steps(measure->walk) >= MEASURE_MAX_STEPS ||
				!graph_walk_step(measure->walk, &node);
			if (!ended)
			{
				measure_add(&found, node.node,
							measure_distance(measure, query,
											 measure->order[node.node]));
				continue;
			}
		}
		do
		{
			measure->recall[point] +=
				measure_common(measure, truth, &found) / (double) truth->n;
			measure->steps[point] += graph_walk_steps(measure->walk);
			point++;
		} while (ended && point < GRAPH_CURVE_POINTS);
	}
}

static void
measure_add(MeasureTop *top, uint32 node, float distance)
{
	int			at;

	if (top->n == MEASURE_K && distance >= top->distances[MEASURE_K - 1])
		return;
	at = top->n < MEASURE_K ? top->n++ : MEASURE_K - 1;
	for (; at > 0 && top->distances[at - 1] > distance; at--)
	{
		top->distances[at] = top->distances[at - 1];
		top->nodes[at] = top->nodes[at - 1];
	}
	top->distances[at] = distance;
	top->nodes[at] = node;
}
