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

#include "base/background.h"
#include "distance/distance.h"
#include "graph/measure.h"
#include "utils/memutils.h"

#define MEASURE_QUERIES 400

/* Queries whose neighbours are looked for together, and codes at a time. */
#define MEASURE_BATCH 8
#define MEASURE_BLOCK_BYTES (128 * 1024)

/* One query in so many is followed up to the last group of ranks. */
#define MEASURE_FAR 4

/*
 * A walk that has not settled after so many steps counts as it stands.  A scan
 * of few rows gives the graph up before (am/common/scan_limits.h).
 */
#define MEASURE_MAX_STEPS 1000
#define MEASURE_MIN_STEPS 400
#define MEASURE_STEP_ROWS 75

static const int measure_last_rank[GRAPH_CURVE_GROUPS] = {16, 64, 256};

#define MEASURE_K GRAPH_LAST_GROUP

static const float measure_slacks[GRAPH_CURVE_POINTS] = {
	0.0f, 0.01f, 0.02f, 0.03f, 0.04f, 0.06f, 0.08f, 0.11f, 0.15f, 0.2f, 0.3f,
	0.4f
};

/* The nearest nodes found so far, nearest first. */
typedef struct MeasureTop
{
	int			n;
	int			size;			/* at most */
	float		distances[MEASURE_K];
} MeasureTop;

/* How far a scan with one of the slacks has come. */
typedef struct MeasureScan
{
	int			next;			/* in the nearest found: the row to return */
	int			returned;
	uint32		steps;			/* when the first one was */
	int			nhits;
	int			hits[GRAPH_CURVE_GROUPS];	/* of the nearest, returned */
} MeasureScan;

typedef struct Measure
{
	Graph	   *graph;
	const QuantSpace *space;
	const GraphRows *rows;
	const GraphBuild *build;
	const uint32 *order;
	float	   *shift;			/* rotated centre, for inner products */
	GraphWalk  *walk;
	uint32		max_steps;		/* of one walk */
	uint32		nsteps;			/* of all walks */
	double		steps[GRAPH_CURVE_POINTS];
	double		hits[GRAPH_CURVE_POINTS][GRAPH_CURVE_GROUPS];
	double		wanted[GRAPH_CURVE_GROUPS]; /* true neighbours looked for */
} Measure;

static const QuantQuery *measure_query(Measure *measure, uint32 number);
static void measure_batch(Measure *measure, int first, int n, int nqueries);
static void measure_nearest(const Measure *measure, const QuantQuery *query,
							uint32 first, uint32 n, MeasureTop *top);
static void measure_walk(Measure *measure, const QuantQuery *query,
						 const MeasureTop *truth);
static void measure_settle(const Measure *measure, const QuantQuery *query,
						   const QuantSteer *steer, const MeasureTop *truth,
						   const MeasureTop *found, float slack,
						   MeasureScan *scan);
static double measure_steps(const Measure *measure, const MeasureScan *scans,
							int npoints, int point);
static void measure_count(const MeasureTop *truth, MeasureScan *scan,
						  float distance);
static int	measure_add(MeasureTop *top, float distance);
static void measure_write(const Measure *measure, int nqueries,
						  GraphInfo *info);

void
graph_measure(Graph *graph, const QuantSpace *space, const GraphRows *rows,
			  const GraphBuild *build, const uint32 *order,
			  MeasureReport report)
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
	measure.max_steps = Max(MEASURE_MIN_STEPS,
							Min(MEASURE_MAX_STEPS,
								rows->n / MEASURE_STEP_ROWS));
	for (int i = 0; i < nqueries; i += MEASURE_BATCH)
	{
		if (report != NULL)
			report(i, nqueries);
		MemoryContextSwitchTo(query_context);
		measure_batch(&measure, i, Min(nqueries - i, MEASURE_BATCH),
					  nqueries);
		MemoryContextReset(query_context);
	}
	MemoryContextSwitchTo(old);

	measure_write(&measure, nqueries, graph->info);
	MemoryContextDelete(context);
}

/* Some of the queries: together codes are read from memory once for all. */
static void
measure_batch(Measure *measure, int first, int n, int nqueries)
{
	const GraphRows *rows = measure->rows;
	const QuantQuery *queries[MEASURE_BATCH];
	MeasureTop *truths = palloc0(sizeof(MeasureTop) * MEASURE_BATCH);
	uint32		block = Min(Max(MEASURE_BLOCK_BYTES / rows->dim, 1),
							QUANT_MAX_BLOCK);

	for (int i = 0; i < n; i++)
	{
		uint64		number = (uint64) rows->n * (first + i) / nqueries;
		bool		is_far = (first + i) % MEASURE_FAR == 0;

		queries[i] = measure_query(measure, (uint32) number);
		truths[i].size = measure_last_rank[GRAPH_CURVE_GROUPS -
										   (is_far ? 1 : 2)];
		truths[i].size = Min(truths[i].size, rows->n);
	}
	for (uint32 row = 0; row < rows->n; row += block)
	{
		background_check();
		for (int i = 0; i < n; i++)
			measure_nearest(measure, queries[i], row,
							Min(rows->n - row, block), &truths[i]);
	}
	for (int i = 0; i < n; i++)
	{
		background_check();
		measure_walk(measure, queries[i], &truths[i]);
	}
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

/* Of n rows. */
static void
measure_nearest(const Measure *measure, const QuantQuery *query, uint32 first,
				uint32 n, MeasureTop *top)
{
	const GraphRows *rows = measure->rows;
	static const float zeros[QUANT_MAX_BLOCK];
	RowBound	bounds[QUANT_MAX_BLOCK];
	CodeBlock	block = {
		.codes = rows->codes + (Size) first * rows->dim,
		.stride = rows->dim,
		.nrows = n,
		.scale = rows->scale + first,
		.norm_sq = rows->norm_sq + first,
		.radius = zeros
	};
	float		limit = top->n < top->size ? INFINITY :
	top->distances[top->size - 1];
	int			nbounds = quant_bounds_row(query, &block, limit, bounds);

	for (int i = 0; i < nbounds; i++)
	{
		if (top->n == top->size &&
			bounds[i].bound > top->distances[top->size - 1])
			continue;
		(void) measure_add(top, measure_distance(measure, query,
												 first + bounds[i].row));
	}
}

/*
 * One walk serves all points of the curves: a scan with a larger slack goes on
 * where one with a smaller has settled.  When one of them has missed nothing,
 * those with larger ones need not be followed.
 */
static void
measure_walk(Measure *measure, const QuantQuery *query,
			 const MeasureTop *truth)
{
	uint32		steer_dim = measure->graph->info->steer_dim;
	const QuantSteer *steer = quant_steer_create(query, steer_dim);
	MeasureTop	found = {.size = truth->size};
	MeasureScan scans[GRAPH_CURVE_POINTS] = {0};
	int			npoints = GRAPH_CURVE_POINTS;
	GraphFound	node;

	graph_walk_start(measure->walk, query, steer);
	while (scans[npoints - 1].returned < truth->n &&
		   graph_walk_steps(measure->walk) < measure->max_steps &&
		   graph_walk_step(measure->walk, &node))
	{
		int			at;

		at = measure_add(&found,
						 measure_distance(measure, query,
										  measure->order[node.node]));
		for (int p = 0; p < npoints; p++)
		{
			/* Before the row to be returned next: it has come too late. */
			if (at < scans[p].next)
				scans[p].next = Min(scans[p].next + 1, found.size);
			measure_settle(measure, query, steer, truth, &found,
						   measure_slacks[p], &scans[p]);
			if (scans[p].steps == 0 && scans[p].returned > 0)
				scans[p].steps = graph_walk_steps(measure->walk);
			if (scans[p].nhits == truth->n)
				npoints = p + 1;
		}
	}
	measure->nsteps += graph_walk_steps(measure->walk);

	for (int p = 0; p < GRAPH_CURVE_POINTS; p++)
	{
		const MeasureScan *scan = &scans[Min(p, npoints - 1)];

		if (p < npoints)
			measure_settle(measure, query, steer, truth, &found, -1,
						   &scans[p]);
		measure->steps[p] += measure_steps(measure, scans, npoints, p);
		for (int g = 0; g < GRAPH_CURVE_GROUPS; g++)
			measure->hits[p][g] += scan->hits[g];
	}
	for (int g = 0; g < GRAPH_CURVE_GROUPS; g++)
		measure->wanted[g] += Max(Min(truth->n, measure_last_rank[g]) -
								  (g > 0 ? measure_last_rank[g - 1] : 0), 0);
}

/*
 * Steps before the first row.  They grow exponentially with the slack, so
 * those of a scan that was not followed are known from those that were.
 */
static double
measure_steps(const Measure *measure, const MeasureScan *scans, int npoints,
			  int point)
{
	uint32		last = graph_walk_steps(measure->walk);
	uint32		low = scans[0].steps;
	uint32		high = scans[npoints - 1].steps;

	if (point < npoints)
		return scans[point].steps > 0 ? scans[point].steps : last;
	if (npoints == 1 || low == 0 || high == 0)
		return last;
	return Min(high * pow((double) high / low,
						  measure_slacks[point] /
						  measure_slacks[npoints - 1] - 1),
			   measure->max_steps);
}

/* Return what is settled; what has been found, if slack is negative. */
static void
measure_settle(const Measure *measure, const QuantQuery *query,
			   const QuantSteer *steer, const MeasureTop *truth,
			   const MeasureTop *found, float slack, MeasureScan *scan)
{
	float		front = graph_walk_front(measure->walk);

	while (scan->next < found->n)
	{
		float		distance = found->distances[scan->next];
		int			group = Min(graph_group(scan->returned + 1), found->size);
		float		score;

		if (slack >= 0)
		{
			if (found->n < group)
				return;
			score = graph_distance_score(query,
										 Max(distance,
											 found->distances[group - 1]));
			if (front < graph_widen_score(measure->graph, steer, slack, score))
				return;
		}
		scan->next++;
		measure_count(truth, scan, distance);
	}
}

/* A row is returned: which of the nearest is it? */
static void
measure_count(const MeasureTop *truth, MeasureScan *scan, float distance)
{
	int			rank = 0;

	scan->returned++;
	while (rank < truth->n && truth->distances[rank] < distance)
		rank++;
	if (rank == truth->n)
		return;
	scan->nhits++;
	for (int g = 0; g < GRAPH_CURVE_GROUPS; g++)
	{
		if (rank < measure_last_rank[g])
		{
			scan->hits[g]++;
			return;
		}
	}
}

/* Returns where it is, "size" if it is not among the nearest. */
static int
measure_add(MeasureTop *top, float distance)
{
	int			at;

	if (top->n == top->size && distance >= top->distances[top->size - 1])
		return top->size;
	at = top->n < top->size ? top->n++ : top->size - 1;
	for (; at > 0 && top->distances[at - 1] > distance; at--)
		top->distances[at] = top->distances[at - 1];
	top->distances[at] = distance;
	return at;
}

static void
measure_write(const Measure *measure, int nqueries, GraphInfo *info)
{
	info->ncurve = GRAPH_CURVE_POINTS;
	for (int p = 0; p < GRAPH_CURVE_POINTS; p++)
	{
		GraphCurvePoint *point = &info->curve[p];

		point->slack = measure_slacks[p];
		point->steps = measure->steps[p] / Max(nqueries, 1);
		for (int g = 0; g < GRAPH_CURVE_GROUPS; g++)
		{
			/* Rows at the same distance may be more than were looked for. */
			point->recall[g] = Min(measure->hits[p][g] /
								   Max(measure->wanted[g], 1), 1);
		}
		elog(DEBUG1, "slack %.2f: recall %.4f, %.4f, %.4f, first row after %.1f steps",
			 point->slack, point->recall[0], point->recall[1],
			 point->recall[2], point->steps);
	}
	elog(DEBUG1, "%u steps to measure recall", measure->nsteps);
}
