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

#include <float.h>
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

/* The length is a constant, so that the compiler compares several at once. */
static bool
pool_contains(const GraphPool *pool, uint32 node)
{
	uint32		found = 0;

	for (int i = 0; i < POOL_SIZE; i++)
		found |= pool->ids[i] == node;
	return found != 0;
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
pool_offer(GraphBuild *build, uint32 node, const Candidate *candidates,
		   uint32 n)
{
	GraphPool  *pool = &build->pools[node];
	uint32		count = pool_lock(build, node);
	uint32		farthest = 0;

	if (count == 0)
		memset(pool->ids, 0xFF, sizeof(pool->ids));
	else if (count == POOL_SIZE)
		farthest = pool_farthest(pool, 0, POOL_SIZE);
	for (uint32 i = 0; i < n; i++)
	{
		uint32		place = count;

		if (count == POOL_SIZE)
		{
			Candidate	last = {pool->ids[farthest], pool->dists[farthest]};

			if (!candidate_less(candidates[i], last))
				continue;
			place = farthest;
		}
		if (pool_contains(pool, candidates[i].node))
			continue;
		pool->ids[place] = candidates[i].node;
		pool->dists[place] = candidates[i].dist;
		if (count < POOL_SIZE)
			count++;
		if (count == POOL_SIZE)
			farthest = pool_farthest(pool, 0, POOL_SIZE);
	}
	pool_unlock(build, node, count);
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
