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

#include "graph/build_near.h"
#include "graph/build_pool.h"

/* Larger balls are taken in parts, at random. */
#define MAX_BALL_NODES 65536

/* Levels of the partition before a part is cut at random. */
#define MAX_LEVEL 6

/* Near rows that are taken of a row of a leaf, at most. */
#define LEAF_MOST POOL_SIZE

/* Rows whose pools are filled between looks at interrupts. */
#define CHECK_ROWS 256

/* Pools are asked for so many rows ahead. */
#define PREFETCH_ROWS 4

typedef struct LeafState
{
	GraphBuild *build;
	NearSet    *set;
	NearBatch  *batch;
	uint32	   *near_first;		/* where each row's near ones begin */
	Near	   *near;
	uint32	   *reverse_first;	/* where those begin that found the row */
	Near	   *reverse;
	uint32	   *candidates;		/* for the pool of a row */
	float	   *dists;
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

/*
 * Rows near to one of the leaf, which is found itself; there are some more
 * than asked for, which do no harm.
 */
static uint32
leaf_take(LeafState *state, uint32 q, uint32 row, uint32 nearest, Near *out)
{
	NearBatch  *batch = state->batch;
	uint32		nselected = near_select(batch, state->set, q, nearest + 1);
	uint32		n = 0;

	if (nselected > LEAF_MOST)
		nselected = near_nearest(batch, state->set, q, nearest + 1, out);
	else
		for (uint32 i = 0; i < nselected; i++)
		{
			out[i].row = batch->rows[i];
			out[i].dist = near_dist(batch, q, batch->rows[i]);
		}
	for (uint32 i = 0; i < nselected; i++)
		if (out[i].row != row)
			out[n++] = out[i];
	return n;
}

/* Fill in state->near_first and state->near for all rows of the leaf. */
static void
leaf_find(LeafState *state, const uint32 *nodes, uint32 n)
{
	uint32		nearest = state->build->params.nearest;
	uint32		nnear = 0;

	/* all data in one leaf: nothing else will fill the pools */
	if (state->build->nballs == 1)
		nearest = POOL_SIZE;
	near_set_fill(state->set, state->build, nodes, n);
	for (uint32 row = 0; row < n; row += NEAR_BATCH)
	{
		uint32		nrows = Min(NEAR_BATCH, n - row);

		build_check(state->build);
		near_batch_run(state->batch, state->build, state->set, nodes + row,
					   nrows);
		for (uint32 i = 0; i < nrows; i++)
		{
			state->near_first[row + i] = nnear;
			nnear += leaf_take(state, i, row + i, nearest,
							   state->near + nnear);
		}
	}
	state->near_first[n] = nnear;
}

/* Turn the lists of near rows around. */
static void
leaf_reverse(LeafState *state, uint32 n)
{
	uint32	   *first = state->reverse_first;

	memset(first, 0, (n + 2) * sizeof(uint32));
	for (uint32 i = 0; i < state->near_first[n]; i++)
		first[state->near[i].row + 2]++;
	for (uint32 i = 2; i <= n; i++)
		first[i] += first[i - 1];
	for (uint32 row = 0; row < n; row++)
		for (uint32 i = state->near_first[row]; i < state->near_first[row + 1];
			 i++)
		{
			uint32		at = first[state->near[i].row + 1]++;

			state->reverse[at].row = row;
			state->reverse[at].dist = state->near[i].dist;
		}
}

/* Append rows that were found to the candidates of one. */
static uint32
leaf_add_candidates(LeafState *state, uint32 at, const Near *near, uint32 n,
					const uint32 *nodes)
{
	for (uint32 i = 0; i < n; i++)
	{
		state->candidates[at + i] = nodes[near[i].row];
		state->dists[at + i] = near[i].dist;
	}
	return at + n;
}

static void
leaf_search(LeafState *state, const uint32 *nodes, uint32 n)
{
	GraphBuild *build = state->build;

	leaf_find(state, nodes, n);
	leaf_reverse(state, n);
	for (uint32 row = 0; row < n; row++)
	{
		uint32		first = state->near_first[row];
		uint32		reverse = state->reverse_first[row];
		uint32		count;

		if (row % CHECK_ROWS == 0)
			build_check(build);
		if (row + PREFETCH_ROWS < n)
			pool_prefetch(build, nodes[row + PREFETCH_ROWS]);
		count = leaf_add_candidates(state, 0, state->near + first,
									state->near_first[row + 1] - first, nodes);
		count = leaf_add_candidates(state, count, state->reverse + reverse,
									state->reverse_first[row + 1] - reverse,
									nodes);
		pool_offer(build, nodes[row], state->candidates, state->dists, count);
	}
}

static uint32
leaf_random(LeafState *state, uint32 n)
{
	return build_random_below(build_random(state->seed, 3, state->nrandom++),
							  n);
}

/* Find for each node the parts that it goes to, "fan" of them. */
static void
leaf_assign(LeafState *state, const NearSet *set, const uint32 *nodes,
			uint32 n, uint32 fan, uint16 *parts)
{
	NearBatch  *batch = near_batch_create(state->build, set->capacity);
	Near		found[MAX_FAN];

	for (uint32 first = 0; first < n; first += NEAR_BATCH)
	{
		uint32		count = Min(NEAR_BATCH, n - first);

		build_check(state->build);
		near_batch_run(batch, state->build, set, nodes + first, count);
		for (uint32 i = 0; i < count; i++)
		{
			near_nearest(batch, set, i, fan, found);
			for (uint32 j = 0; j < fan; j++)
				*parts++ = found[j].row;
		}
	}
	near_batch_free(batch);
}

/* Assign nodes to the nearest "fan" of nparts of them, drawn at random. */
static PartList
leaf_partition(LeafState *state, const uint32 *nodes, uint32 n,
			   uint32 nparts, uint32 fan)
{
	uint32	   *leaders = palloc(nparts * sizeof(uint32));
	uint16	   *parts = palloc((Size) n * fan * sizeof(uint16));
	NearSet    *set = near_set_create(state->build, nparts);
	PartList	list;

	for (uint32 i = 0; i < nparts; i++)
		leaders[i] = nodes[leaf_random(state, n)];
	near_set_fill(set, state->build, leaders, nparts);
	leaf_assign(state, set, nodes, n, fan, parts);
	list.nparts = nparts;
	list.first = palloc0((nparts + 2) * sizeof(uint32));
	list.members = palloc((Size) n * fan * sizeof(uint32));
	for (uint32 i = 0; i < n * fan; i++)
		list.first[parts[i] + 2]++;
	for (uint32 i = 2; i <= nparts; i++)
		list.first[i] += list.first[i - 1];
	for (uint32 i = 0; i < n * fan; i++)
		list.members[list.first[parts[i] + 1]++] = nodes[i / fan];
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

static LeafState *
leaf_create(GraphBuild *build)
{
	LeafState  *state = palloc(sizeof(LeafState));
	uint32		n = build->params.leaf_size;

	state->build = build;
	state->set = near_set_create(build, n);
	state->batch = near_batch_create(build, n);
	state->near_first = palloc((n + 1) * sizeof(uint32));
	state->near = palloc((Size) n * (LEAF_MOST + 1) * sizeof(Near));
	state->reverse_first = palloc((n + 2) * sizeof(uint32));
	state->reverse = palloc((Size) n * (LEAF_MOST + 1) * sizeof(Near));
	state->candidates = palloc((n + LEAF_MOST) * sizeof(uint32));
	state->dists = palloc((n + LEAF_MOST) * sizeof(float));
	return state;
}

static void
leaf_free(LeafState *state)
{
	near_set_free(state->set);
	near_batch_free(state->batch);
	pfree(state->near_first);
	pfree(state->near);
	pfree(state->reverse_first);
	pfree(state->reverse);
	pfree(state->candidates);
	pfree(state->dists);
	pfree(state);
}

void
build_phase_leaves(GraphBuild *build)
{
	LeafState  *state = leaf_create(build);
	uint32		piece;

	while (build_next(build, PHASE_LEAVES, build->nballs, &piece))
	{
		uint32		ball = build->shared->tour[piece];
		uint32		n = build->shared->first_member[ball + 1] -
		build->shared->first_member[ball];
		uint32		nparts = (n + MAX_BALL_NODES - 1) / MAX_BALL_NODES;

		for (uint32 part = 0; part < nparts; part++)
			leaf_ball_part(state, ball, part, nparts);
		build_done(build, PHASE_LEAVES, n / build->fan);
	}
	leaf_free(state);
}
