/*-------------------------------------------------------------------------
 *
 * build_pool.c
 *	  What the nodes remember of the nearest nodes that were found for them.
 *
 * The result does not depend on the order of offers: order among candidates
 * is total, and one that was dropped is farther than all that are kept, so it
 * is not taken again when it is offered once more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <sched.h>

#include "graph/build_pool.h"

/* Tries before the processor is given to another process. */
#define LOCK_TRIES 200

/* Returns the state that pool_unlock() replaces. */
static uint32
pool_lock(GraphBuild *build, uint32 node)
{
	pg_atomic_uint32 *word = &build->states[node];

	for (int tries = 1;; tries++)
	{
		uint32		state = pg_atomic_read_u32(word);

		if (!(state & POOL_LOCKED) &&
			pg_atomic_compare_exchange_u32(word, &state, state | POOL_LOCKED))
			return state;
		if (tries % LOCK_TRIES == 0)
			sched_yield();
	}
}

static void
pool_unlock(GraphBuild *build, uint32 node, uint32 state)
{
	pg_write_barrier();
	pg_atomic_write_u32(&build->states[node], state);
}

static uint32
pool_farthest(const GraphPool *pool, uint32 first, uint32 end)
{
	uint32		farthest = first;

	for (uint32 i = first + 1; i < end; i++)
		if (candidate_less(candidate_make(pool->ids[farthest],
										  pool->dists[farthest]),
						   candidate_make(pool->ids[i], pool->dists[i])))
			farthest = i;
	return farthest;
}

void
pool_offer(GraphBuild *build, uint32 node, const uint32 *ids,
		   const float *dists, uint32 n)
{
	GraphPool  *pool = &build->pools[node];
	uint32		state = pool_lock(build, node);

	if (!(state & POOL_USED))
		for (int i = 0; i < POOL_SIZE; i++)
		{
			pool->ids[i] = PG_UINT32_MAX;
			pool->dists[i] = INFINITY;
		}
	vdb_kernels->nearest_merge(pool->ids, pool->dists, ids, dists, n);
	pool_unlock(build, node, state | POOL_USED);
}

void
pool_offer_reverse(GraphBuild *build, uint32 node, Candidate candidate)
{
	GraphPool  *pool = &build->pools[node];
	uint32		state = pool_lock(build, node);
	uint32		end = GRAPH_DEGREE + (state >> POOL_OTHERS_SHIFT);

	if (end < POOL_SIZE)
		state += 1 << POOL_OTHERS_SHIFT;
	else
	{
		end = pool_farthest(pool, GRAPH_DEGREE, POOL_SIZE);
		if (!candidate_less(candidate, candidate_make(pool->ids[end],
													  pool->dists[end])))
		{
			pool_unlock(build, node, state);
			return;
		}
	}
	pool->ids[end] = candidate.node;
	pool->dists[end] = candidate.dist;
	pool_unlock(build, node, state);
}
