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

#endif							/* VDB_COST_H */
