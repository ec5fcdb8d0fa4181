/*-------------------------------------------------------------------------
 *
 * build_leaves.c
 *	  Takes the balls of the first partition apart into leaves, and finds near
 *	  nodes within each leaf.
 *
 * Every pair that is found is offered to the pools of both nodes.  A pool
 * keeps the POOL_SIZE nearest of all that were offered, whatever their order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sched.h>

#include "graph/build_near.h"

/* Larger balls are taken in parts, at random. */
#define MAX_BALL_NODES 65536

/* Levels of the partition before a part is cut at random. */
#define MAX_LEVEL 6

typedef struct LeafState
{
	GraphBuild *build;
	NearSet    *set;
	Near	   *found;
	uint64		seed;			/* of the ball */
	uint64		nrandom;		/* numbers drawn from it */
} LeafState;

/* Nodes by part, as the first partition has them. */
typedef struct PartList
{
	uint32		nparts;
	uint32	   *first;			/* nparts + 1 */
	uint32	   *members;
} PartList;

static void
pool_lock(GraphBuild *build, uint32 node, uint32 *state)
{
	pg_atomic_uint32 *word = &build->states[node];

	for (int tries = 1;; tries++)
	{
		*state = pg_atomic_read_u32(word) & ~POOL_LOCKED;
		if (pg_atomic_compare_exchange_u32(word, state,
										   *state | POOL_LOCKED))
			return;
		if (tries % 100 == 0)
			sched_yield();
	}
}

static void
pool_unlock(GraphBuild *build, uint32 node, uint32 state)
{
	pg_write_barrier();
	pg_atomic_write_u32(&build->states[node], state);
}

/* Among count places from ids/dists on, keep the nearest; returns count. */
static uint32
pool_keep(uint32 *ids, float *dists, uint32 count, uint32 size,
		  Candidate candidate)
{
	uint32		farthest = 0;

	for (uint32 i = 0; i < count; i++)
	{
		Candidate	a = {ids[i], dists[i]};
		Candidate	b = {ids[farthest], dists[farthest]};

		if (a.node == candidate.node)
			return count;
		if (candidate_less(b, a))
			farthest = i;
	}
	if (count < size)
		farthest = count++;
	else
	{
		Candidate	last = {ids[farthest], dists[farthest]};

		if (!candidate_less(candidate, last))
			return count;
	}
	ids[farthest] = candidate.node;
	dists[farthest] = candidate.dist;
	return count;
}

static void
pool_offer(GraphBuild *build, uint32 node, Candidate candidate)
{
	GraphPool  *pool = &build->pools[node];
	uint32		count;

	pool_lock(build, node, &count);
	count = pool_keep(pool->ids, pool->dists, count, POOL_SIZE, candidate);
	pool_unlock(build, node, count);
}

static void
leaf_search(LeafState *state, const uint32 *nodes, uint32 n)
{
	GraphBuild *build = state->build;
	uint32		nearest = build->params.nearest;

	if (build->nballs == 1)
		nearest = POOL_SIZE;
	near_set_fill(state->set, build, nodes, n);
	for (uint32 row = 0; row < n; row++)
	{
		uint32		nfound = near_search(build, state->set, nodes[row], row,
										 nearest, state->found);

		if (row % 64 == 0)
			build_check(build);
		for (uint32 i = 0; i < nfound; i++)
		{
			uint32		other = nodes[state->found[i].row];
			float		dist = state->found[i].dist;

			pool_offer(build, nodes[row], candidate_make(other, dist));
			pool_offer(build, other, candidate_make(nodes[row], dist));
		}
	}
}

static uint32
leaf_random(LeafState *state, uint32 n)
{
	return build_random_below(build_random(state->seed, 3, state->nrandom++),
							  n);
}

/* Assign nodes to the nearest "fan" of nparts of them, drawn at random. */
static PartList
leaf_partition(LeafState *state, const uint32 *nodes, uint32 n,
			   uint32 nparts, uint32 fan)
{
	GraphBuild *build = state->build;
	uint32	   *leaders = palloc(nparts * sizeof(uint32));
	uint16	   *parts = palloc((Size) n * fan * sizeof(uint16));
	NearSet    *set = near_set_create(build, nparts);
	PartList	list;

	for (uint32 i = 0; i < nparts; i++)
		leaders[i] = nodes[leaf_random(state, n)];
	near_set_fill(set, build, leaders, nparts);
	list.nparts = nparts;
	list.first = palloc0((nparts + 2) * sizeof(uint32));
	list.members = palloc((Size) n * fan * sizeof(uint32));
	for (uint32 i = 0; i < n; i++)
	{
		if (i % 64 == 0)
			build_check(build);
		near_search(build, set, nodes[i], PG_UINT32_MAX, fan, state->found);
		for (uint32 j = 0; j < fan; j++)
		{
			parts[i * fan + j] = state->found[j].row;
			list.first[state->found[j].row + 2]++;
		}
	}
	for (uint32 i = 2; i <= nparts; i++)
		list.first[i] += list.first[i - 1];
	for (uint32 i = 0; i < n; i++)
		for (uint32 j = 0; j < fan; j++)
			list.members[list.first[parts[i * fan + j] + 1]++] = nodes[i];
	near_set_free(set);
	pfree(parts);
	pfree(leaders);
	return list;
}

/* Nothing tells these nodes apart: leaves of any of them. */
static void
leaf_cut(LeafState *state, const uint32 *nodes, uint32 n)
{
	uint32		size = state->build->params.leaf_size;

	for (uint32 i = 0; i < n; i += size)
		leaf_search(state, nodes + i, Min(size, n - i));
}

static void
leaf_split(LeafState *state, const uint32 *nodes, uint32 n, int level)
{
	const GraphParams *params = &state->build->params;
	uint32		fan = level == 1 ? params->nsplits : 1;
	uint32		nparts = (uint32) ((double) n * fan / params->leaf_size * 1.6);
	PartList	list;

	if (n <= params->leaf_size)
	{
		leaf_search(state, nodes, n);
		return;
	}
	nparts = Max(2, Min(nparts + 1, MAX_BALLS));
	list = leaf_partition(state, nodes, n, nparts, Min(fan, nparts));
	for (uint32 i = 0; i < nparts; i++)
	{
		uint32	   *part = list.members + list.first[i];
		uint32		length = list.first[i + 1] - list.first[i];

		if (length == n || level == MAX_LEVEL)
			leaf_cut(state, part, length);
		else if (length > 1)
			leaf_split(state, part, length, level + 1);
	}
	pfree(list.members);
	pfree(list.first);
}

/* Part "part" of nparts of a ball, every nparts-th node. */
static void
leaf_ball_part(LeafState *state, uint32 ball, uint32 part, uint32 nparts)
{
	GraphBuild *build = state->build;
	const uint32 *first = build->shared->first_member + ball;
	uint32		n = first[1] - first[0];
	uint32		length = (n - part + nparts - 1) / nparts;
	uint32	   *nodes = palloc(length * sizeof(uint32));

	for (uint32 i = 0; i < length; i++)
		nodes[i] = build->members[first[0] + part + i * nparts];
	state->seed = build_random(build->params.seed, 4,
							   (uint64) ball << 32 | part);
	state->nrandom = 0;
	leaf_split(state, nodes, length, 1);
	pfree(nodes);
}

void
build_phase_leaves(GraphBuild *build)
{
	LeafState	state = {build};
	uint32		ball;

	state.set = near_set_create(build, build->params.leaf_size);
	state.found = palloc((POOL_SIZE + 1) * sizeof(Near));
	while (build_next(build, PHASE_LEAVES, build->nballs, &ball))
	{
		uint32		n = build->shared->first_member[ball + 1] -
		build->shared->first_member[ball];
		uint32		nparts = (n + MAX_BALL_NODES - 1) / MAX_BALL_NODES;

		for (uint32 part = 0; part < nparts; part++)
			leaf_ball_part(&state, ball, part, nparts);
		build_done(build, PHASE_LEAVES, n / build->fan);
	}
	near_set_free(state.set);
	pfree(state.found);
}

/*
 * Every edge is offered to the node that it leads to, which keeps the nearest
 * in the second half of its pool.
 */
void
build_phase_reverse(GraphBuild *build)
{
	uint32		chunk;

	while (build_next(build, PHASE_REVERSE, build_nchunks(build), &chunk))
	{
		uint32		end = build_chunk_end(build, chunk);

		build_check(build);
		for (uint32 node = chunk * CHUNK_NODES; node < end; node++)
		{
			GraphPool  *own = &build->pools[node];
			uint32		degree = pg_atomic_read_u32(&build->states[node]) &
			POOL_COUNT_MASK;

			for (uint32 i = 0; i < degree; i++)
			{
				GraphPool  *pool = &build->pools[own->ids[i]];
				Candidate	candidate = {node, own->dists[i]};
				uint32		state;
				uint32		others;

				pool_lock(build, own->ids[i], &state);
				others = pool_keep(pool->ids + GRAPH_DEGREE,
								   pool->dists + GRAPH_DEGREE,
								   state >> POOL_OTHERS_SHIFT,
								   POOL_SIZE - GRAPH_DEGREE, candidate);
				pool_unlock(build, own->ids[i], others << POOL_OTHERS_SHIFT |
							(state & POOL_COUNT_MASK));
			}
		}
		build_done(build, PHASE_REVERSE, end - chunk * CHUNK_NODES);
	}
}
