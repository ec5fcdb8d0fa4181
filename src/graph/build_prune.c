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
#include "graph/build_pool.h"

typedef struct PruneState
{
	GraphBuild *build;
	uint32		n;				/* candidates */
	Candidate	candidates[POOL_SIZE];
	float		limits[POOL_SIZE];	/* their distances */
	uint8	   *codes;			/* copies, side by side */
	int8	   *query;
	int32_t		term[POOL_SIZE];
	float		scale[POOL_SIZE];
	float		norm_sq[POOL_SIZE];
	float		lift[POOL_SIZE];
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

/* Copy what is needed of the candidates. */
static void
prune_gather(PruneState *state)
{
	const GraphRows *rows = &state->build->rows;
	Size		dim = rows->dim;

	for (uint32 i = 0; i < state->n; i++)
	{
		uint32		node = state->candidates[i].node;

		memcpy(state->codes + i * dim, rows->codes + node * dim, dim);
		state->limits[i] = state->candidates[i].dist;
		state->term[i] = near_row_term(state->build, node);
		state->scale[i] = rows->scale[node];
		state->norm_sq[i] = rows->norm_sq[node];
		if (rows->lift != NULL)
			state->lift[i] = rows->lift[node];
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
	NearQuery	query = near_query(state->build, state->candidates[by].node,
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
	state->codes = palloc((Size) POOL_SIZE * build->rows.dim);
	state->query = palloc(build->rows.dim);
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
		for (uint32 node = chunk * CHUNK_NODES; node < end; node++)
		{
			const GraphPool *pool = &build->pools[node];
			int			degree;
			const uint32 *ids = graph_build_neighbours(build, node, &degree);

			for (int i = 0; i < degree; i++)
				pool_offer_reverse(build, ids[i],
								   candidate_make(node, pool->dists[i]));
		}
		build_done(build, PHASE_REVERSE, end - chunk * CHUNK_NODES);
	}
}
