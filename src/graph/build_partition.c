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
partition_sum(GraphBuild *build, uint32 node)
{
	Size		dim = build->rows.dim;
	const uint8 *code = build->rows.codes + node * dim;
	int32		sum = 0;

	for (Size i = 0; i < dim; i++)
		sum += code[i];
	build->sums[node] = sum;
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
		partition_sum(build, first + i);
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

	/* All processes write the same sums of leaders. */
	partition_leaders(build, leaders);
	for (uint32 i = 0; i < nballs; i++)
		partition_sum(build, leaders[i]);
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

/* Handed out as one piece: it takes 20 ns a node. */
void
build_phase_lists(GraphBuild *build)
{
	uint32	   *first = build->shared->first_member;
	uint32		end[MAX_BALLS];
	uint32		piece;

	if (!build_next(build, PHASE_LISTS, 1, &piece))
		return;
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
	build_done(build, PHASE_LISTS, build->rows.n);
}
