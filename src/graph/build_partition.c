/*-------------------------------------------------------------------------
 *
 * build_partition.c
 *	  The first partition: every node goes to the balls of its nearest leaders.
 *
 * Leaders are nodes, chosen at random.  The first phase writes the numbers of
 * each node's balls into its pool, which is not in use yet; the second one
 * turns them into lists of nodes by ball, ascending.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph/build_near.h"

/* A random node of each of equally long stretches. */
static void
partition_leaders(const GraphBuild *build, uint32 *leaders)
{
	uint64		n = build->rows.n;

	for (uint32 i = 0; i < build->nballs; i++)
	{
		uint32		first = n * i / build->nballs;
		uint32		length = n * (i + 1) / build->nballs - first;
		uint64		random = build_random(build->params.seed, 2, i);

		leaders[i] = first + build_random_below(random, length);
	}
}

static void
partition_factors(GraphBuild *build, uint32 node)
{
	const GraphRows *rows = &build->rows;
	NodeFactors *factors = &build->factors[node];
	Size		dim = rows->dim;
	const uint8 *code = rows->codes + node * dim;
	int32		sum = 0;

	for (Size i = 0; i < dim; i++)
		sum += code[i];
	factors->sum = sum;
	factors->scale = rows->scale[node];
	factors->norm_sq = rows->norm_sq[node];
	factors->lift = rows->lift != NULL ? rows->lift[node] : 0;
}

/* Find the balls of nodes first to first + n - 1. */
static void
partition_assign(GraphBuild *build, const NearSet *set, NearBatch *batch,
				 uint32 first, uint32 n)
{
	uint32		nodes[NEAR_BATCH];
	Near		found[MAX_FAN];

	for (uint32 i = 0; i < n; i++)
	{
		nodes[i] = first + i;
		partition_factors(build, first + i);
		pg_atomic_init_u32(&build->states[first + i], 0);
	}
	near_batch_run(batch, build, set, nodes, n);
	for (uint32 i = 0; i < n; i++)
	{
		near_nearest(batch, set, i, build->fan, found);
		for (uint32 j = 0; j < build->fan; j++)
			build->pools[first + i].ids[j] = found[j].row;
	}
}

void
build_phase_assign(GraphBuild *build)
{
	uint32		nballs = build->nballs;
	uint32	   *leaders = palloc(nballs * sizeof(uint32));
	NearSet    *set = near_set_create(build, nballs);
	NearBatch  *batch = near_batch_create(build, set->capacity);
	uint32		chunk;

	/* All processes write the same factors of leaders. */
	partition_leaders(build, leaders);
	for (uint32 i = 0; i < nballs; i++)
		partition_factors(build, leaders[i]);
	near_set_fill(set, build, leaders, nballs);
	while (build_next(build, PHASE_ASSIGN, build_nchunks(build), &chunk))
	{
		uint32		end = build_chunk_end(build, chunk);

		for (uint32 node = chunk * CHUNK_NODES; node < end;
			 node += NEAR_BATCH)
		{
			build_check(build);
			partition_assign(build, set, batch, node,
							 Min(NEAR_BATCH, end - node));
		}
		build_done(build, PHASE_ASSIGN, end - chunk * CHUNK_NODES);
	}
	near_batch_free(batch);
	near_set_free(set);
	pfree(leaders);
}

/*
 * A tour of the balls, from each to the nearest that is left: what is handled
 * one after the other should have much in common.
 */
static void
partition_tour(GraphBuild *build)
{
	uint32		nballs = build->nballs;
	uint32	   *tour = build->shared->tour;
	uint32	   *leaders = palloc(nballs * sizeof(uint32));
	bool	   *visited = palloc0(nballs * sizeof(bool));
	NearSet    *set = near_set_create(build, nballs);
	NearBatch  *batch = near_batch_create(build, set->capacity);

	partition_leaders(build, leaders);
	near_set_fill(set, build, leaders, nballs);
	tour[0] = 0;
	for (uint32 i = 1; i < nballs; i++)
	{
		uint32		best = nballs;

		build_check(build);
		visited[tour[i - 1]] = true;
		near_batch_run(batch, build, set, &leaders[tour[i - 1]], 1);
		for (uint32 ball = 0; ball < nballs; ball++)
			if (!visited[ball] &&
				(best == nballs ||
				 near_dist(batch, 0, ball) < near_dist(batch, 0, best)))
				best = ball;
		tour[i] = best;
	}
	near_batch_free(batch);
	near_set_free(set);
	pfree(visited);
	pfree(leaders);
}

/* Nodes by their nearest leaders, in the order of the tour. */
static void
partition_order(GraphBuild *build)
{
	uint32		end[MAX_BALLS + 1] = {0};
	uint32		at = 0;

	for (uint32 node = 0; node < build->rows.n; node++)
		end[build->pools[node].ids[0]]++;
	for (uint32 i = 0; i < build->nballs; i++)
	{
		uint32		count = end[build->shared->tour[i]];

		end[build->shared->tour[i]] = at;
		at += count;
	}
	for (uint32 node = 0; node < build->rows.n; node++)
		build->order[end[build->pools[node].ids[0]]++] = node;
}

static void
partition_members(GraphBuild *build)
{
	uint32	   *first = build->shared->first_member;
	uint32		end[MAX_BALLS];

	for (uint32 node = 0; node < build->rows.n; node++)
		for (uint32 i = 0; i < build->fan; i++)
			first[build->pools[node].ids[i] + 1]++;
	for (uint32 ball = 0; ball < build->nballs; ball++)
	{
		first[ball + 1] += first[ball];
		end[ball] = first[ball];
	}
	for (uint32 node = 0; node < build->rows.n; node++)
	{
		if (node % CHUNK_NODES == 0)
			build_check(build);
		for (uint32 i = 0; i < build->fan; i++)
			build->members[end[build->pools[node].ids[i]]++] = node;
	}
}

/* Handed out as one piece: it takes 0.1 us a node. */
void
build_phase_lists(GraphBuild *build)
{
	uint32		piece;

	if (!build_next(build, PHASE_LISTS, 1, &piece))
		return;
	partition_tour(build);
	partition_order(build);
	partition_members(build);
	build_done(build, PHASE_LISTS, build->rows.n);
}
