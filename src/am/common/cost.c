/*-------------------------------------------------------------------------
 *
 * cost.c
 *	  What a scan of a vector index costs.
 *
 * The first row costs a pass over the index: the coarse planes of reorganised
 * segments and all pages of the others, read in order, with arithmetic for
 * each row; then some hundred rows are refined.  Further rows cost their own
 * refinement, and further passes: a pass collects four times the rows of the
 * one before, up to what work_mem holds.  Heap pages are not counted here;
 * the planner adds them, for rows in no order of the heap.
 *
 * Costs are relative to those of a sequential scan, which the planner charges
 * nothing for reading vectors from the TOAST table.  Where the heap's pages
 * cannot hold the vectors, pages of the index are charged in the same
 * proportion: without that the planner would believe that reading a quarter
 * of the bytes costs more than reading them all.
 *
 * Factors are in units of cpu_operator_cost, measured against sequential scans
 * with a sort of 8 to 384 dimensions, all in memory: the pass is some 30 times
 * faster than the scan, a row returned costs one to nine microseconds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "am/common/cost.h"
#include "am/common/opclass.h"
#include "am/common/reorder.h"
#include "base/compat.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "storage/segment.h"
#include "utils/float.h"
#include "utils/spccache.h"

/* Rows refined before the first one is returned. */
#define COST_REFINED_ROWS 150.0

/* Rows of the first pass, and of the last ones for each kB of work_mem. */
#define COST_FIRST_ROUND 1024.0
#define COST_ROUND_GROWTH 4.0
#define COST_ROWS_PER_KB 16.0

typedef struct ScanCost
{
	double		rows;			/* in the index */
	double		pass_pages;		/* read by one pass */
	double		fine_pages;		/* from which rows are refined */
	double		row_cpu;		/* first bound of a row, in operators */
	double		refine_cpu;		/* final bound and return of a row, likewise */
	double		page_share;		/* of a page's cost that is charged */
} ScanCost;

static void cost_read_index(IndexOptInfo *info, ScanCost *cost);
static void cost_count_pages(const Manifest *manifest, double index_pages,
							 ScanCost *cost);
static double cost_page_share(const RelOptInfo *rel, uint32 dim);
static double cost_extra_passes(double rows);

void
cost_exact_scan(PlannerInfo *root, IndexPath *path, double loop_count,
				Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
				double *correlation, double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	ScanCost	cost = {0};
	double		random_cost;
	double		seq_cost;
	double		refined;
	double		touched;
	Cost		pass;
	Cost		refine_row;
	Cost		refine;

	/* There is no order but that of the distance, and no condition. */
	if (path->indexorderbys == NIL || !reorder_is_safe(path))
	{
		*startup_cost = *total_cost = get_float8_infinity();
		*selectivity = 0;
		*correlation = 0;
		*pages = 0;
		vdb_disable_index_path(path);
		return;
	}

	cost_read_index(info, &cost);
	get_tablespace_page_costs(info->reltablespace, &random_cost, &seq_cost);
	random_cost *= cost.page_share;
	seq_cost *= cost.page_share;

	pass = cost.pass_pages * seq_cost +
		cost.rows * cost.row_cpu * cpu_operator_cost;

	/* The fewer of the pages are touched the less they come in order. */
	refined = Min(COST_REFINED_ROWS, cost.rows);
	touched = Min(refined, cost.fine_pages);
	refine_row = cpu_index_tuple_cost + cost.refine_cpu * cpu_operator_cost;
	refine = refined * refine_row;
	if (touched > 0)
		refine += touched * (seq_cost + (random_cost - seq_cost) *
							 (1 - touched / cost.fine_pages));

	*startup_cost = pass + refine;
	*total_cost = *startup_cost +
		cost_extra_passes(cost.rows) * pass +
		(cost.rows - refined) * refine_row +
		Max(cost.fine_pages - touched, 0) * seq_cost;
	*selectivity = 1.0;
	*correlation = 0;
	*pages = info->pages;
}

/* From the definition of the index and its manifest, no other page. */
static void
cost_read_index(IndexOptInfo *info, ScanCost *cost)
{
	Relation	index;
	Manifest   *manifest;
	uint32		dim;

	cost->rows = Max(info->tuples, 1);
	if (info->hypothetical)
	{
		cost->pass_pages = Max(info->pages / 2, 1);
		cost->fine_pages = info->pages / 2;
		cost->row_cpu = 1;
		cost->refine_cpu = 250;
		cost->page_share = 1;
		return;
	}

	index = index_open(info->indexoid, NoLock);
	manifest = manifest_read(index);
	dim = manifest->identity.dim;
	cost_count_pages(manifest, info->pages, cost);
	cost->row_cpu = 0.1 + dim / 1024.0;
	cost->refine_cpu = 60 + dim / 2.0;
	cost->page_share = cost_page_share(info->rel, dim);
	pfree(manifest->segments);
	pfree(manifest);
	index_close(index, NoLock);
}

/*
 * The growing segment's pages are what others leave of the index, and not
 * more than its size.
 */
static void
cost_count_pages(const Manifest *manifest, double index_pages,
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
		else if (info->kind == SEGMENT_PLANES)
		{
			cost->pass_pages += ceil(info->nrows /
									 (double) shape.coarse_rows_per_page);
			bounded += info->nrows;
		}
		else
			cost->pass_pages += info->npages;
	}
	if (growing && rest > 0)
		cost->pass_pages += Min(rest, ceil(Max(cost->rows - bounded, 1) /
										   shape.rows_per_page));
	cost->fine_pages = shape.fine_rows_per_page == 0 ? 0 :
		ceil(bounded / shape.fine_rows_per_page);
}

/* Share of the vectors' bytes that a sequential scan is charged for. */
static double
cost_page_share(const RelOptInfo *rel, uint32 dim)
{
	double		heap_bytes = (double) rel->pages * BLCKSZ;
	double		raw_bytes = rel->tuples * sizeof(float4) * dim;

	if (heap_bytes <= 0 || raw_bytes <= heap_bytes)
		return 1;
	return heap_bytes / (heap_bytes + raw_bytes);
}

/* Passes after the first that it takes to return all rows. */
static double
cost_extra_passes(double rows)
{
	double		most = COST_ROWS_PER_KB * work_mem;
	double		round = Min(COST_FIRST_ROUND, most);
	double		passes = 0;

	for (rows -= round; rows > 0; rows -= round)
	{
		round = Min(round * COST_ROUND_GROWTH, most);
		passes++;
		if (round == most)
			return passes + ceil(Max(rows - round, 0) / most);
	}
	return passes;
}
