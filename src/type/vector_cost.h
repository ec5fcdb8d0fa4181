/*-------------------------------------------------------------------------
 *
 * vector_cost.h
 *	  What reading a vector costs, for the planner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_VECTOR_COST_H
#define VDB_VECTOR_COST_H

#include "postgres.h"

#include "nodes/pathnodes.h"

/*
 * Pages of the TOAST table that a vector of this table takes; 0 if it is in
 * the row.  "rel" may be NULL.
 */
extern double vector_toast_pages(const RelOptInfo *rel, int dim);

#endif							/* VDB_VECTOR_COST_H */
