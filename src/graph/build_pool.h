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

static inline void
pool_prefetch(const GraphBuild *build, uint32 node)
{
	const char *pool = (const char *) &build->pools[node];

	__builtin_prefetch(&build->states[node], 1);
	for (Size i = 0; i < sizeof(GraphPool); i += 64)
		__builtin_prefetch(pool + i, 1);
}

/*
 * Offer candidates to a node.  Of all that it was ever offered, each counted
 * once, it keeps the POOL_SIZE nearest.
 */
extern void pool_offer(GraphBuild *build, uint32 node, const uint32 *ids,
					   const float *dists, uint32 n);

/*
 * Offer to a node whose pool has been pruned one that has it as a neighbour;
 * it keeps the nearest, as many as there is room for.
 */
extern void pool_offer_reverse(GraphBuild *build, uint32 node,
							   Candidate candidate);

#endif							/* VDB_GRAPH_BUILD_POOL_H */
