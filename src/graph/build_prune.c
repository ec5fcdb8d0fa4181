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

#include <math.h>

#include "graph/build_near.h"
#include "graph/build_pool.h"
#include "port/pg_bitutils.h"

/*
 * A candidate is covered by a neighbour that is so much nearer to it than the
 * node is, in squared distances (1 / 1.05^2): with 1 some edges are missing
 * that a walk would take.
 */
#define PRUNE_CLOSER 0.907f

typedef struct PruneState
{
	GraphBuild *build;
	uint32		n;				/* candidates */
	uint32		ids[POOL_SIZE]; /* as nearest_merge() has them */
	float		dists[POOL_SIZE];
	float		limits[POOL_SIZE];
	uint8	   *codes;			/* copies, side by side */
	int8	   *query;
	int32_t		term[POOL_SIZE];
	float		scale[POOL_SIZE];
	float		norm_sq[POOL_SIZE];
	float		lift[POOL_SIZE];
} PruneState;

/*
 * Copy a node's pool: the nearest that were found, or neighbours and others,
 * sorted.
 */
static void
prune_load(PruneState *state, uint32 node)
{
	const GraphPool *pool = &state->build->pools[node];
	uint32		word = pg_atomic_read_u32(&state->build->states[node]);
	uint32		count = word & POOL_COUNT_MASK;
	uint32		nothers = (word & ~POOL_USED) >> POOL_OTHERS_SHIFT;

	if (word & POOL_USED)
		count = POOL_SIZE;
	memcpy(state->ids, pool->ids, count * sizeof(uint32));
	memcpy(state->dists, pool->dists, count * sizeof(float));
	for (uint32 i = count; i < POOL_SIZE; i++)
	{
		state->ids[i] = PG_UINT32_MAX;
		state->dists[i] = INFINITY;
	}
	vdb_kernels->nearest_merge(state->ids, state->dists,
							   pool->ids + GRAPH_DEGREE,
							   pool->dists + GRAPH_DEGREE, nothers);
	for (state->n = 0; state->n < POOL_SIZE; state->n++)
		if (state->ids[state->n] == PG_UINT32_MAX)
			break;
}

/* Copy what is needed of the candidates. */
static void
prune_gather(PruneState *state)
{
	const GraphRows *rows = &state->build->rows;
	Size		dim = rows->dim;

	for (uint32 i = 0; i < state->n; i++)
	{
		uint32		node = state->ids[i];
		const NodeFactors *factors = &state->build->factors[node];

		memcpy(state->codes + i * dim, rows->codes + node * dim, dim);
		state->term[i] = near_row_term(factors);
		state->scale[i] = factors->scale;
		state->norm_sq[i] = factors->norm_sq;
		state->lift[i] = factors->lift;
	}
}

/* Which of the candidates from "first" on are nearer to one than to the node? */
static uint64
prune_covered(PruneState *state, uint32 by, uint32 first)
{
	uint32		dim = state->build->rows.dim;
	NearRows	rows = {
		state->term + first, state->scale + first, state->norm_sq + first,
		state->build->rows.lift != NULL ? state->lift + first : NULL
	};
	NearQuery	query = near_query(state->build, state->ids[by],
								   state->query);
	int32_t		dots[POOL_SIZE];

	vdb_kernels->dot_u8_s8(state->codes + (Size) first * dim, dim,
						   state->n - first, state->query, dim, dots);
	return vdb_kernels->covered(dots, &rows, state->n - first, &query,
								state->limits + first) << first;
}

/* Marks what is taken in a word of 64 bits; returns it. */
static uint64
prune_choose(PruneState *state)
{
	int			degree = state->build->params.degree;
	uint64		taken = 0;
	uint64		covered = 0;
	int			ntaken = 0;

	prune_gather(state);
	for (uint32 i = 0; i < state->n; i++)
		state->limits[i] = state->dists[i] * PRUNE_CLOSER;
	for (uint32 i = 0; i < state->n && ntaken < degree; i++)
	{
		if (covered >> i & 1)
			continue;
		taken |= UINT64CONST(1) << i;
		ntaken++;
		if (i + 1 < state->n)
			covered |= prune_covered(state, i, i + 1);
	}
	for (uint32 i = 0; i < state->n && ntaken < degree; i++)
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
	for (; taken != 0; taken &= taken - 1)
	{
		int			i = pg_rightmost_one_pos64(taken);

		pool->ids[n] = state->ids[i];
		pool->dists[n] = state->dists[i];
		n++;
	}
	pg_atomic_write_u32(&build->states[node], n);
}

/* Ask for what a node that comes soon needs: its pool, or what is in it. */
static void
prune_prefetch(PruneState *state, uint32 at)
{
	const GraphBuild *build = state->build;

	if (at + 2 < build->rows.n)
		pool_prefetch(build, build->order[at + 2]);
	if (at + 1 < build->rows.n)
	{
		const GraphPool *pool = &build->pools[build->order[at + 1]];

		for (int i = 0; i < POOL_SIZE; i++)
			if (pool->ids[i] < build->rows.n)
				near_prefetch(build, pool->ids[i]);
	}
}

static void
prune_all(GraphBuild *build, GraphPhase phase)
{
	PruneState *state = palloc(sizeof(PruneState));
	uint32		chunk;

	state->build = build;
	state->codes = palloc((Size) POOL_SIZE * build->rows.dim);
	state->query = palloc(build->rows.dim);
	while (build_next(build, phase, build_nchunks(build), &chunk))
	{
		uint32		end = build_chunk_end(build, chunk);

		for (uint32 i = chunk * CHUNK_NODES; i < end; i++)
		{
			if (i % 16 == 0)
				build_check(build);
			prune_prefetch(state, i);
			prune_node(state, build->order[i]);
		}
		build_done(build, phase, end - chunk * CHUNK_NODES);
	}
	pfree(state->codes);
	pfree(state->query);
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

/* Every edge is offered to the node that it leads to. */
void
build_phase_reverse(GraphBuild *build)
{
	uint32		chunk;

	while (build_next(build, PHASE_REVERSE, build_nchunks(build), &chunk))
	{
		uint32		end = build_chunk_end(build, chunk);

		build_check(build);
		for (uint32 i = chunk * CHUNK_NODES; i < end; i++)
		{
			uint32		node = build->order[i];
			const GraphPool *pool = &build->pools[node];
			int			degree;
			const uint32 *ids = graph_build_neighbours(build, node, &degree);

			for (int j = 0; j < degree; j++)
				pool_offer_reverse(build, ids[j],
								   candidate_make(node, pool->dists[j]));
		}
		build_done(build, PHASE_REVERSE, end - chunk * CHUNK_NODES);
	}
}
