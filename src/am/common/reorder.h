/*-------------------------------------------------------------------------
 *
 * reorder.h
 *	  What the executor cannot do with rows that it puts into order itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_REORDER_H
#define VDB_REORDER_H

#include "postgres.h"

#include "nodes/pathnodes.h"

/*
 * Can the executor run this path, whose rows it has to reorder by exact
 * distances, and give the right answer?
 */
extern bool reorder_is_safe(const IndexPath *path);

#endif							/* VDB_REORDER_H */
