/*-------------------------------------------------------------------------
 *
 * cost.c
 *	  What a scan of a vector index costs.
 *
 * Before the first row comes a pass over the index: the coarse planes of
 * reorganised segments and all pages of the others, read in order, with
 * arithmetic for each row; then some rows are refined.  Each row that is drawn
 * costs its way through the executor's queue, a distance, a random page of
 * the heap and, where vectors are out of line, random pages of the TOAST
 * table; and the more rows are drawn the more must be refined, in further
 * passes when a round has no more of them.
 *
 * None of this is proportional to the number of rows drawn: a thousandth of
 * the rows touches far more than a thousandth of the heap's pages.  But what
 * an access method gives the planner is the cost of all rows, of which the
 * planner takes a share for a LIMIT.  So the rows that will be drawn are
 * estimated here, as the LIMIT and the filters tell, and the total is such
 * that the share of it comes out right.
 *
 * Graphs are walked unless that would take longer than to read them: then no
 * pass is made over their rows, and each row drawn costs a step or two, each
 * of them a random page.
 *
 * Rows within a radius that are not ordered by their distance from the same
 * point take one pass, over graphs too.
 *
 * The planner adds heap pages itself, for all rows, and charges nobody for
 * the TOAST table; in sequential scans the distance functions do that
 * (type/vector_cost.c).
 *
 * Factors are in units of cpu_operator_cost, taken as 5 ns as there; measured
 * by test/bench, part "plans".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "am/common/cost.h"
#include "am/common/range.h"
#include "am/common/reorder.h"
#include "am/common/scan_limits.h"
#include "base/compat.h"
#include "base/settings.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "storage/segment.h"
#include "type/vector_cost.h"
#include "utils/float.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

/* First bound of a row: the call and its part of a page, each dimension. */
#define COST_BOUND 1.0
#define COST_BOUND_DIMENSION (1 / 80.0)

/* Final bound: two random pages of the index, the arithmetic. */
#define COST_REFINE 180.0
#define COST_REFINE_DIMENSION (1 / 6.0)

/* Returning a row: its address, the heap page, the executor's queue. */
#define COST_RETURN 300.0

/* Rows refined before the first one is returned. */
#define COST_REFINED_ROWS 150.0

/* A step along a graph, but for its page; steps for a row. */
#define COST_STEP 200.0
#define COST_STEP_DIMENSION (1 / 4.0)
#define COST_STEPS_PER_ROW 1.5

/*
 * Of the first rows drawn, each makes so many be refined: the more dimensions,
 * the less distances differ from one another, beside the error of a bound.
 */
#define COST_SPREAD 2.0
#define COST_SPREAD_DIMENSION (1 / 48.0)
#define COST_SPREAD_MOST 16.0

typedef struct ScanCost
{
	int			dim;
	double		rows;			/* in the index */
	double		wanted;			/* of these, if nobody stops */
	double		slow_rows;		/* of these, in growing or sealed segments */
	double		graph_rows;		/* of these, in graphs that are walked */
	double		graph_pages;	/* of a pass over those */
	double		first_steps;	/* along them, before the first row */
	double		pass_pages;		/* read by one pass */
	double		fine_pages;		/* from which rows are refined */
	double		random_page;	/* cost of a page of the index */
	double		seq_page;
} ScanCost;

/* In the index, before the first row and until the last one wanted. */
typedef struct IndexCost
{
	Cost		startup;
	Cost		total;
} IndexCost;

/* What walking costs before the first row and until the last one drawn. */
typedef struct WalkCost
{
	Cost		before;
	Cost		after;
} WalkCost;

static double cost_share_within(PlannerInfo *root, IndexPath *path);
static IndexCost cost_in_order(ScanCost *cost, double share);
static IndexCost cost_filtered(const ScanCost *cost, bool is_ordered);
static void cost_read_index(IndexOptInfo *info, ScanCost *cost);
static void cost_count_pages(Relation index, const Manifest *manifest,
							 double index_pages, ScanCost *cost);
static double cost_first_steps(Relation index, const Manifest *manifest,
							   const SegmentInfo *info);
static WalkCost cost_walk(ScanCost *cost, double share);
static Cost cost_pass_cpu(const ScanCost *cost);
static Cost cost_further_passes(const ScanCost *cost, double refined);
static double cost_rows_refined(const ScanCost *cost, double drawn);
static Cost cost_refine(const ScanCost *cost, double refined);
static double cost_passes(double rows, double refined);
static Cost cost_heap_pages(PlannerInfo *root, IndexPath *path, double drawn,
							double loop_count);
static Cost cost_toast_pages(const RelOptInfo *rel, int dim, double drawn,
							 double loop_count);

void
cost_exact_scan(PlannerInfo *root, IndexPath *path, double loop_count,
				Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
				double *correlation, double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	double		within = cost_share_within(root, path);
	ScanCost	cost = {0};
	double		wanted;
	double		share;
	IndexCost	result;

	/* A partial index has not all rows of the table. */
	*selectivity = Min(info->tuples / Max(info->rel->tuples, 1), 1) * within;
	*correlation = 0;
	*pages = info->pages;

	/* All rows in no order are what the table is for. */
	if (path->indexorderbys == NIL ? path->indexclauses == NIL :
		!reorder_is_safe(path))
	{
		*startup_cost = *total_cost = get_float8_infinity();
		*selectivity = 0;
		*pages = 0;
		vdb_disable_index_path(path);
		return;
	}

	cost_read_index(info, &cost);
	cost.wanted = wanted = Max(within * cost.rows, 1);
	share = Max(cost_share_drawn(root, info->rel), 1 / wanted);
	result = path->indexclauses == NIL || (path->indexorderbys != NIL &&
										   range_ends_order(path)) ?
		cost_in_order(&cost, share) :
		cost_filtered(&cost, path->indexorderbys != NIL);
	*startup_cost = result.startup;
	*total_cost = result.total +
		cost_fetch_rows(root, path, cost.dim, wanted, share, loop_count);
}

/* The share of the index that the conditions leave; 1 without any. */
static double
cost_share_within(PlannerInfo *root, IndexPath *path)
{
	List	   *conditions = get_quals_from_indexclauses(path->indexclauses);

	if (conditions == NIL)
		return 1;
	return clauselist_selectivity(root, conditions,
								  path->indexinfo->rel->relid, JOIN_INNER,
								  NULL);
}

/* Rows in the order of their distances, until enough or the radius. */
static IndexCost
cost_in_order(ScanCost *cost, double share)
{
	double		first = Min(COST_REFINED_ROWS, cost->rows);
	WalkCost	walk = cost_walk(cost, share);
	double		refined = cost_rows_refined(cost, share * cost->wanted);
	Cost		drawing;
	IndexCost	result;

	result.startup = cost->pass_pages * cost->seq_page + cost_pass_cpu(cost) +
		cost_refine(cost, first) + walk.before;
	drawing = cost_refine(cost, refined) - cost_refine(cost, first) +
		cost_further_passes(cost, refined) + walk.after;
	result.total = result.startup + Max(drawing, 0) / share;
	return result;
}

/*
 * One pass finds all rows within a radius; graphs are read.  To put them into
 * another order it takes all of them, and another bound for each.
 */
static IndexCost
cost_filtered(const ScanCost *cost, bool is_ordered)
{
	IndexCost	result;

	result.total = cost->pass_pages * cost->seq_page + cost_pass_cpu(cost) +
		cost_refine(cost, Min(cost->wanted + COST_REFINED_ROWS, cost->rows)) *
		(is_ordered ? 2 : 1);
	result.startup = is_ordered ? result.total : 0;
	return result;
}

/*
 * The share of a table's rows that the query draws until it has enough: from
 * LIMIT and filters, cursor_tuple_fraction, EXISTS and so on.  Partitions
 * share the LIMIT.  Of a join it is not known how many of the rows find a
 * partner; here it is as if all did.
 */
double
cost_share_drawn(PlannerInfo *root, const RelOptInfo *rel)
{
	int			parent;

	if (root->tuple_fraction <= 0)
		return 1;
	if (root->tuple_fraction < 1)
		return root->tuple_fraction;
	if (bms_get_singleton_member(rel->top_parent_relids, &parent))
		rel = find_base_rel(root, parent);
	return Min(root->tuple_fraction / Max(rel->rows, 1), 1);
}

/*
 * What so many rows cost once the index has their addresses, if that is wanted
 * of "share" of them.  "dim" is that of the vectors from which the executor
 * computes distances.
 */
Cost
cost_fetch_rows(PlannerInfo *root, IndexPath *path, int dim, double rows,
				double share, double loop_count)
{
	QualCost	distance;
	QualCost	condition;
	Cost		random;

	cost_qual_eval(&distance, path->indexorderbys, root);
	cost_qual_eval(&condition, get_quals_from_indexclauses(path->indexclauses),
				   root);
	random = cost_heap_pages(root, path, rows * share, loop_count) / share -
		cost_heap_pages(root, path, rows, loop_count);
	random = Max(random, 0) +
		cost_toast_pages(path->indexinfo->rel, dim, rows * share,
						 loop_count) / share;
	return random + rows *
		(cpu_index_tuple_cost + COST_RETURN * cpu_operator_cost +
		 distance.per_tuple + condition.per_tuple);
}

/* From the definition of the index, its manifest and its recall curves. */
static void
cost_read_index(IndexOptInfo *info, ScanCost *cost)
{
	Relation	index;
	Manifest   *manifest;

	cost->rows = Max(info->tuples, 1);
	get_tablespace_page_costs(info->reltablespace, &cost->random_page,
							  &cost->seq_page);
	if (info->hypothetical)
	{
		cost->dim = 384;
		cost->pass_pages = Max(info->pages / 2, 1);
		cost->fine_pages = info->pages / 2;
		return;
	}

	index = index_open(info->indexoid, NoLock);
	manifest = manifest_read(index);
	cost->dim = manifest->identity.dim;
	cost_count_pages(index, manifest, info->pages, cost);
	pfree(manifest->segments);
	pfree(manifest);
	index_close(index, NoLock);
}

/*
 * The growing segment's pages are what others leave of the index, and not
 * more than its size.
 */
static void
cost_count_pages(Relation index, const Manifest *manifest, double index_pages,
				 ScanCost *cost)
{
	const IndexIdentity *identity = &manifest->identity;
	SegmentShape shape = segment_shape(identity->dim, identity->bits);
	double		rest = index_pages - 1 - manifest->centre_npages;
	double		bounded = 0;
	bool		growing = false;

	cost->pass_pages = 1 + manifest->centre_npages + manifest->nsegments;
	for (int i = 0; i < manifest->nsegments; i++)
	{
		const SegmentInfo *info = &manifest->segments[i];

		rest -= info->npages;
		if (info->state == SEGMENT_GROWING)
			growing = true;
		else if (segment_has_planes(info->kind))
		{
			double		pages = ceil(info->nrows /
									 (double) shape.coarse_rows_per_page);
			double		steps = cost_first_steps(index, manifest, info);

			cost->pass_pages += pages;
			bounded += info->nrows;
			if (!isinf(steps))
			{
				cost->first_steps += steps;
				cost->graph_rows += info->nrows;
				cost->graph_pages += pages;
			}
		}
		else
			cost->pass_pages += info->npages;
	}
	if (growing && rest > 0)
		cost->pass_pages += Min(rest, ceil(Max(cost->rows - bounded, 1) /
										   shape.rows_per_page));
	cost->slow_rows = Max(cost->rows - bounded, 0);
	cost->fine_pages = shape.fine_rows_per_page == 0 ? 0 :
		ceil(bounded / shape.fine_rows_per_page);
}

/*
 * As scan_graph_steps() has it, of a segment that is not open.  Who wants no
 * index scan gets a plan even if the graph is damaged.
 */
static double
cost_first_steps(Relation index, const Manifest *manifest,
				 const SegmentInfo *info)
{
	SegmentReader *reader;
	double		steps;

	if (info->kind != SEGMENT_GRAPH || !enable_indexscan)
		return INFINITY;
	reader = segment_open(index, &manifest->identity, info);
	steps = scan_graph_steps(reader);
	segment_close(reader);
	return steps;
}

/* ----------------------------------------------------------------------
 * In the index
 * ----------------------------------------------------------------------
 */

/*
 * The graphs' share of a scan.  If they are walked to the end, their rows are
 * none of those that are read; if they are given up, all are.
 */
static WalkCost
cost_walk(ScanCost *cost, double share)
{
	WalkCost	walk = {0, 0};
	double		first = Max(cost->first_steps, vdb_hnsw_ef_search);
	double		in_graphs = Min(cost->graph_rows / cost->rows, 1);
	double		steps = first +
	COST_STEPS_PER_ROW * share * cost->wanted * in_graphs;
	double		most = scan_most_steps(cost->graph_rows);
	Cost		step = cost->random_page + cpu_operator_cost *
	(COST_STEP + COST_STEP_DIMENSION * cost->dim);

	if (cost->graph_rows == 0)
		return walk;
	if (steps > most)
	{
		walk.before = most * step;
		return walk;
	}
	walk.before = first * step;
	walk.after = (steps - first) * step;
	cost->rows = Max(cost->rows - cost->graph_rows, 1);
	cost->wanted *= 1 - in_graphs;
	cost->pass_pages = Max(cost->pass_pages - cost->graph_pages, 1);
	cost->fine_pages *= Max(1 - cost->graph_rows /
							(cost->rows + cost->graph_rows), 0);
	return walk;
}

/* Rows that are not reorganised take twice as long. */
static Cost
cost_pass_cpu(const ScanCost *cost)
{
	return (cost->rows + cost->slow_rows) * cpu_operator_cost *
		(COST_BOUND + COST_BOUND_DIMENSION * cost->dim);
}

/* Pages that fit into the cache are read once. */
static Cost
cost_further_passes(const ScanCost *cost, double refined)
{
	Cost		pass = cost_pass_cpu(cost);

	if (cost->pass_pages > effective_cache_size)
		pass += cost->pass_pages * cost->seq_page;
	return cost_passes(cost->rows, refined) * pass;
}

/* The curve is steep at first and reaches all rows before all are drawn. */
static double
cost_rows_refined(const ScanCost *cost, double drawn)
{
	double		spread = Min(COST_SPREAD + COST_SPREAD_DIMENSION * cost->dim,
							 COST_SPREAD_MOST);
	double		left = Max(1 - drawn / cost->rows, 0);

	return Min(Max(cost->rows * (1 - pow(left, spread)), COST_REFINED_ROWS),
			   cost->rows);
}

/* The more of the pages are touched the more they come in order. */
static Cost
cost_refine(const ScanCost *cost, double refined)
{
	Cost		result = refined * cpu_operator_cost *
	(COST_REFINE + COST_REFINE_DIMENSION * cost->dim);
	double		touched = Min(refined, cost->fine_pages);

	if (touched > 0)
		result += touched * (cost->seq_page +
							 (cost->random_page - cost->seq_page) *
							 (1 - touched / cost->fine_pages));
	return result;
}

/*
 * Passes after the first that it takes to collect so many rows.  The last one
 * hands over up to twice what the others do.
 */
static double
cost_passes(double rows, double refined)
{
	uint32		most = scan_round_most();
	uint32		limit = scan_round_first(rows, most);
	double		left = refined - limit;
	double		passes = 0;

	while (left > 0 && limit < most)
	{
		limit = scan_round_next(limit, most);
		left -= left + (rows - refined) <= 2.0 * limit ? left : limit;
		passes++;
	}
	if (left > 0)
		passes += ceil(left / most);
	return passes;
}

/* ----------------------------------------------------------------------
 * In the table
 * ----------------------------------------------------------------------
 */

/* As the planner does it, for one of the loops. */
static Cost
cost_heap_pages(PlannerInfo *root, IndexPath *path, double drawn,
				double loop_count)
{
	RelOptInfo *rel = path->indexinfo->rel;
	double		random_page;

	get_tablespace_page_costs(rel->reltablespace, &random_page, NULL);
	return random_page / loop_count *
		index_pages_fetched(drawn * loop_count, rel->pages,
							path->indexinfo->pages, root);
}

/*
 * Random pages of the TOAST table, beyond those that the distance function
 * was charged with.  A value rarely begins where a page does.  The server's
 * own formula (Mackert and Lohman) is for the tables of the query, of which
 * it knows the sum.
 */
static Cost
cost_toast_pages(const RelOptInfo *rel, int dim, double drawn,
				 double loop_count)
{
	double		row_pages = vector_toast_pages(rel, dim);
	double		reads = drawn * loop_count * (row_pages + 0.75);
	double		all = Max(rel->tuples * row_pages, 1);
	double		missing = 1 - Min(effective_cache_size / all, 1);
	double		touched;
	double		random_page;

	if (row_pages == 0)
		return 0;
	get_tablespace_page_costs(rel->reltablespace, &random_page, NULL);
	touched = Min(2 * all * reads / (2 * all + reads), all);
	touched = Max(touched, reads * missing) / loop_count;
	return Max(touched * random_page - drawn * row_pages * seq_page_cost, 0);
}
