/*-------------------------------------------------------------------------
 *
 * cost.h
 *	  What a scan of a vector index costs, for access methods.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_COST_H
#define VDB_COST_H

#include "postgres.h"

#include "access/amapi.h"
#include "nodes/pathnodes.h"

/* amcostestimate of an exact scan of all segments. */
extern void cost_exact_scan(PlannerInfo *root, IndexPath *path,
							double loop_count, Cost *startup_cost,
							Cost *total_cost, Selectivity *selectivity,
							double *correlation, double *pages);

/* For other scans: the share of the rows that will be drawn. */
extern double cost_share_drawn(PlannerInfo *root, const RelOptInfo *rel);

/* And what so many rows cost outside the index if all are drawn. */
extern Cost cost_fetch_rows(PlannerInfo *root, IndexPath *path, int dim,
							double rows, double share, double loop_count);

#endif							/* VDB_COST_H */
