/*-------------------------------------------------------------------------
 *
 * build_prune.c
 *	  Chooses the neighbours of a node among candidates.
 *
 * A candidate is taken, nearest first, unless one that was taken before is
 * nearer to it than the node is.  Places that are left go to the nearest of
 * the others: a block of neighbour codes costs the same when it is not full.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph/build_near.h"

typedef struct PruneState
{
	GraphBuild *build;
	NearSet    *set;
	Candidate	candidates[POOL_SIZE];
	uint32		n;
} PruneState;

/* Insertion sort: there are at most 64, and after the first phase many are in
 * order already. */
static void
prune_sort(Candidate *candidates, uint32 n)
{
	for (uint32 i = 1; i < n; i++)
	{
		Candidate	moved = candidates[i];
		uint32		at = i;

		for (; at > 0 && candidate_less(moved, candidates[at - 1]); at--)
			candidates[at] = candidates[at - 1];
		candidates[at] = moved;
	}
}

/* Copy a node's pool, sorted, no node twice. */
static void
prune_load(PruneState *state, uint32 node)
{
	GraphBuild *build = state->build;
	const GraphPool *pool = &build->pools[node];
	uint32		word = pg_atomic_read_u32(&build->states[node]);
	uint32		nothers = word >> POOL_OTHERS_SHIFT;
	uint32		n = word & POOL_COUNT_MASK;
	uint32		unique = 0;

	for (uint32 i = 0; i < n; i++)
		state->candidates[i] = (Candidate)
	{
		pool->ids[i], pool->dists[i]
	};
	for (uint32 i = 0; i < nothers; i++)
		state->candidates[n++] = (Candidate)
	{
		pool->ids[GRAPH_DEGREE + i], pool->dists[GRAPH_DEGREE + i]
	};
	prune_sort(state->candidates, n);
	for (uint32 i = 0; i < n; i++)
		if (unique == 0 || state->candidates[i].node !=
			state->candidates[unique - 1].node)
			state->candidates[unique++] = state->candidates[i];
	state->n = unique;
}

/* Marks what is taken in a word of 64 bits; returns it. */
static uint64
prune_choose(PruneState *state)
{
	uint32		nodes[POOL_SIZE];
	uint64		taken = 0;
	uint64		covered = 0;
	int			ntaken = 0;

	for (uint32 i = 0; i < state->n; i++)
		nodes[i] = state->candidates[i].node;
	near_set_fill(state->set, state->build, nodes, state->n);
	for (uint32 i = 0; i < state->n && ntaken < state->build->params.degree;
		 i++)
	{
		const float *dists;

		if (covered >> i & 1)
			continue;
		taken |= UINT64CONST(1) << i;
		ntaken++;
		dists = near_distances(state->build, state->set, i + 1, nodes[i]);
		for (uint32 j = i + 1; j < state->n; j++)
			if (dists[j - i - 1] <= state->candidates[j].dist)
				covered |= UINT64CONST(1) << j;
	}
	for (uint32 i = 0; i < state->n && ntaken < state->build->params.degree;
		 i++)
		if (!(taken >> i & 1))
		{
			taken |= UINT64CONST(1) << i;
			ntaken++;
		}
	return taken;
}

static void
prune_node(PruneState *state, uint32 node)
{
	GraphBuild *build = state->build;
	GraphPool  *pool = &build->pools[node];
	uint64		taken;
	uint32		n = 0;

	prune_load(state, node);
	taken = prune_choose(state);
	for (uint32 i = 0; i < state->n; i++)
		if (taken >> i & 1)
		{
			pool->ids[n] = state->candidates[i].node;
			pool->dists[n] = state->candidates[i].dist;
			n++;
		}
	pg_atomic_write_u32(&build->states[node], n);
}

static void
prune_all(GraphBuild *build, GraphPhase phase)
{
	PruneState *state = palloc(sizeof(PruneState));
	uint32		chunk;

	state->build = build;
	state->set = near_set_create(build, POOL_SIZE);
	while (build_next(build, phase, build_nchunks(build), &chunk))
	{
		uint32		end = build_chunk_end(build, chunk);

		for (uint32 node = chunk * CHUNK_NODES; node < end; node++)
		{
			if (node % 16 == 0)
				build_check(build);
			prune_node(state, node);
		}
		build_done(build, phase, end - chunk * CHUNK_NODES);
	}
	near_set_free(state->set);
	pfree(state);
}

void
build_phase_prune(GraphBuild *build)
{
	prune_all(build, PHASE_PRUNE);
}

void
build_phase_prune_again(GraphBuild *build)
{
	prune_all(build, PHASE_PRUNE_AGAIN);
}
