/*-------------------------------------------------------------------------
 *
 * build_pool.h
 *	  What the nodes remember of the nearest nodes that were found for them.
 *
 * Any process may offer candidates to any node.  A pool is locked while it
 * changes, for less than a microsecond; nobody waits or is interrupted with
 * it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GRAPH_BUILD_POOL_H
#define VDB_GRAPH_BUILD_POOL_H

#include "graph/build_private.h"

/*
 * Offer candidates to a node.  Of all that it was ever offered, each counted
 * once, it keeps the POOL_SIZE nearest.
 */
extern void pool_offer(GraphBuild *build, uint32 node,
					   const Candidate *candidates, uint32 n);

/*
 * Offer to a node whose pool has been pruned one that has it as a neighbour;
 * it keeps the nearest, as many as there is room for.
 */
extern void pool_offer_reverse(GraphBuild *build, uint32 node,
							   Candidate candidate);

#endif							/* VDB_GRAPH_BUILD_POOL_H */
