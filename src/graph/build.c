/*-------------------------------------------------------------------------
 *
 * build.c
 *	  The builder's frame: parameters, shared block, phases, results.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "graph/build_private.h"

/* What a build knows of a phase. */
typedef struct PhaseEntry
{
	const char *name;
	void		(*run) (GraphBuild *build);
} PhaseEntry;

static const PhaseEntry phases[NPHASES] = {
	[PHASE_ASSIGN] = {"assigning rows to balls", build_phase_assign},
	[PHASE_LISTS] = {"listing balls", build_phase_lists},
	[PHASE_LEAVES] = {"finding near rows", build_phase_leaves},
	[PHASE_PRUNE] = {"choosing neighbours", build_phase_prune},
	[PHASE_REVERSE] = {"reversing edges", build_phase_reverse},
	[PHASE_PRUNE_AGAIN] = {"choosing neighbours again",
	build_phase_prune_again},
	[PHASE_CONNECT] = {"connecting the graph", build_phase_connect},
	[PHASE_ORDER] = {"ordering nodes", build_phase_order},
};

/* Where the parts of the shared block begin. */
typedef struct SharedLayout
{
	Size		pools;
	Size		states;
	Size		factors;
	Size		order;
	Size		members;
	Size		total;
} SharedLayout;

bool
graph_supported(uint32 dim, int bits)
{
	return bits == 8 && dim > 0 && dim <= 16384;
}

GraphParams
graph_params(int m, int ef_construction, uint64 seed)
{
	GraphParams params;
	double		effort = sqrt(ef_construction / 64.0);

	params.seed = seed;
	params.degree = Min(2 * m, GRAPH_DEGREE);
	params.nballs = Max(2, Min((int) rint(6 * effort), 16));
	params.nsplits = 2;
	params.nearest = Max(4, Min((int) rint(8 * effort), 16));
	params.leaf_size = 1024;
	params.per_page = 1;
	return params;
}

/* About a quarter of a leaf for each ball's leader, 1,000 leaders at most. */
static uint32
build_nballs(const GraphRows *rows, const GraphParams *params)
{
	if (rows->n <= params->leaf_size)
		return 1;
	return Min(MAX_BALLS, Max(2, rows->n / (params->leaf_size / 4)));
}

static uint32
build_fan(const GraphRows *rows, const GraphParams *params)
{
	return Min((uint32) params->nballs, build_nballs(rows, params));
}

static SharedLayout
build_layout(const GraphRows *rows, const GraphParams *params)
{
	SharedLayout layout;
	Size		n = rows->n;
	Size		at = TYPEALIGN(64, sizeof(GraphShared));

	layout.pools = at;
	at += n * sizeof(GraphPool);
	layout.states = at;
	at = TYPEALIGN(64, at + n * sizeof(pg_atomic_uint32));
	layout.factors = at;
	at = TYPEALIGN(64, at + n * sizeof(NodeFactors));
	layout.order = at;
	at = TYPEALIGN(64, at + n * sizeof(uint32));
	layout.members = at;
	/* later: parents, queue */
	at += n * Max(2, build_fan(rows, params)) * sizeof(uint32);
	layout.total = TYPEALIGN(64, at);
	return layout;
}

Size
graph_build_size(const GraphRows *rows, const GraphParams *params)
{
	return build_layout(rows, params).total;
}

GraphBuild *
graph_build_attach(void *shared, const GraphRows *rows,
				   const GraphParams *params, bool init)
{
	GraphBuild *build = palloc0(sizeof(GraphBuild));
	SharedLayout layout = build_layout(rows, params);

	Assert(rows->n > 0 && rows->n <= GRAPH_MAX_NODES);
	build->rows = *rows;
	build->params = *params;
	build->nballs = build_nballs(rows, params);
	build->fan = build_fan(rows, params);
	build->shared = (GraphShared *) shared;
	build->pools = (GraphPool *) ((char *) shared + layout.pools);
	build->states = (pg_atomic_uint32 *) ((char *) shared + layout.states);
	build->factors = (NodeFactors *) ((char *) shared + layout.factors);
	build->order = (uint32 *) ((char *) shared + layout.order);
	build->members = (uint32 *) ((char *) shared + layout.members);
	if (init)
	{
		for (int phase = 0; phase < NPHASES; phase++)
		{
			pg_atomic_init_u32(&build->shared->next[phase], 0);
			pg_atomic_init_u32(&build->shared->done[phase], 0);
		}
		memset(build->shared->first_member, 0,
			   sizeof(build->shared->first_member));
	}
	return build;
}

void
graph_build_detach(GraphBuild *build)
{
	pfree(build);
}

void
graph_build_set_check(GraphBuild *build, GraphCheck check, void *arg)
{
	build->check = check;
	build->check_arg = arg;
}

int
graph_build_nphases(void)
{
	return NPHASES;
}

void
graph_build_phase(GraphBuild *build, int phase)
{
	Assert(phase >= 0 && phase < NPHASES);
	phases[phase].run(build);
}

uint32
graph_build_progress(const GraphBuild *build, int phase)
{
	return pg_atomic_read_u32(&build->shared->done[phase]);
}

bool
graph_build_phase_is_single(int phase)
{
	return phase == PHASE_LISTS || phase == PHASE_CONNECT;
}

const char *
graph_build_phase_name(int phase)
{
	return phases[phase].name;
}

const uint32 *
graph_build_neighbours(const GraphBuild *build, uint32 node, int *n)
{
	*n = pg_atomic_read_u32(&build->states[node]) & POOL_COUNT_MASK;
	return build->pools[node].ids;
}

/* One node of each of equally long stretches, at random. */
int
graph_build_entries(const GraphBuild *build, uint32 *nodes)
{
	uint64		n = build->rows.n;
	uint32		nentries = Max(1, Min(n / 64, GRAPH_MAX_ENTRIES));

	for (uint32 i = 0; i < nentries; i++)
	{
		uint32		first = n * i / nentries;
		uint32		length = n * (i + 1) / nentries - first;
		uint64		random = build_random(build->params.seed, 1, i);

		nodes[i] = first + build_random_below(random, length);
	}
	return nentries;
}

const uint32 *
graph_build_order(const GraphBuild *build)
{
	return build->order;
}
