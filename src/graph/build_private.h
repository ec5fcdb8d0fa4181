/*-------------------------------------------------------------------------
 *
 * build_private.h
 *	  What the files of the builder share: the shared block, the handle.
 *
 * The shared block holds no pointers; graph_build_attach() computes where its
 * parts lie from the number of nodes and the parameters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GRAPH_BUILD_PRIVATE_H
#define VDB_GRAPH_BUILD_PRIVATE_H

#include "graph/build.h"

#include "distance/distance.h"
#include "graph/node.h"
#include "port/atomics.h"

/* Candidates that a node remembers while the leaves are searched. */
#define POOL_SIZE NEAREST_SIZE

/* The first partition has at most so many balls. */
#define MAX_BALLS 1024

/* Balls that a node is in, at most. */
#define MAX_FAN 16

/*
 * The nearest nodes that were found for a node, nearest first; places that are
 * free as nearest_merge() has them.  Once the node is pruned, the first
 * GRAPH_DEGREE places hold its neighbours, and the others collect nodes that
 * have it as a neighbour, in no order.
 */
typedef struct GraphPool
{
	uint32		ids[POOL_SIZE];
	float		dists[POOL_SIZE];
} GraphPool;

/*
 * A pool's state: a lock; whether anything was put into it; once pruned, how
 * many neighbours and how many others it has.
 */
#define POOL_LOCKED 0x80000000
#define POOL_USED 0x40000000
#define POOL_COUNT_MASK 0xFF
#define POOL_OTHERS_SHIFT 8

/* A node that another might have as a neighbour. */
typedef struct Candidate
{
	uint32		node;
	float		dist;
} Candidate;

static inline Candidate
candidate_make(uint32 node, float dist)
{
	Candidate	candidate = {node, dist};

	return candidate;
}

/* Total order: the result must not depend on who found what first. */
static inline bool
candidate_less(Candidate a, Candidate b)
{
	return a.dist < b.dist || (a.dist == b.dist && a.node < b.node);
}

/* What the distances of a node need, besides its code. */
typedef struct NodeFactors
{
	int32		sum;			/* of the code's bytes */
	float		scale;
	float		norm_sq;
	float		lift;
} NodeFactors;

typedef enum GraphPhase
{
	PHASE_ASSIGN,
	PHASE_LISTS,
	PHASE_LEAVES,
	PHASE_PRUNE,
	PHASE_REVERSE,
	PHASE_PRUNE_AGAIN,
	PHASE_CONNECT,
	PHASE_ORDER,
	NPHASES
} GraphPhase;

/* Start of the shared block. */
typedef struct GraphShared
{
	pg_atomic_uint32 next[NPHASES]; /* next piece of work of a phase */
	pg_atomic_uint32 done[NPHASES]; /* nodes done */
	uint32		first_member[MAX_BALLS + 1];	/* of each ball */
	uint32		tour[MAX_BALLS];	/* balls, near ones after each other */
} GraphShared;

struct GraphBuild
{
	GraphRows	rows;
	GraphParams params;
	GraphCheck	check;
	void	   *check_arg;

	/* Derived from rows and params, the same in all processes. */
	uint32		nballs;			/* of the first partition */
	uint32		fan;			/* balls of a node there */

	/* Parts of the shared block. */
	GraphShared *shared;
	GraphPool  *pools;
	pg_atomic_uint32 *states;	/* of the pools */
	NodeFactors *factors;
	uint32	   *order;			/* in which nodes are visited, and stored */
	uint32	   *members;		/* nodes by ball, fan * n; later the parents
								 * and the queue of the search for what cannot
								 * be reached; in the end places by node */
};

/* Nodes that are handed out at a time where nodes are handled one by one. */
#define CHUNK_NODES 1024

/* Take the next piece of work, or return false. */
static inline bool
build_next(GraphBuild *build, GraphPhase phase, uint32 npieces, uint32 *piece)
{
	*piece = pg_atomic_fetch_add_u32(&build->shared->next[phase], 1);
	return *piece < npieces;
}

static inline void
build_done(GraphBuild *build, GraphPhase phase, uint32 nnodes)
{
	pg_atomic_fetch_add_u32(&build->shared->done[phase], nnodes);
}

static inline void
build_check(GraphBuild *build)
{
	if (build->check != NULL)
		build->check(build->check_arg);
}

static inline uint32
build_nchunks(const GraphBuild *build)
{
	return (build->rows.n + CHUNK_NODES - 1) / CHUNK_NODES;
}

static inline uint32
build_chunk_end(const GraphBuild *build, uint32 chunk)
{
	return Min((chunk + 1) * CHUNK_NODES, build->rows.n);
}

/* A number that depends on a seed and up to two others: splitmix64. */
static inline uint64
build_random(uint64 seed, uint64 a, uint64 b)
{
	uint64		x = seed + a * UINT64CONST(0x9E3779B97F4A7C15) +
	b * UINT64CONST(0xD1B54A32D192ED03);

	x = (x ^ (x >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

/* A random number below n. */
static inline uint32
build_random_below(uint64 random, uint32 n)
{
	return (uint32) (((random >> 32) * n) >> 32);
}

/* build_partition.c */
extern void build_phase_assign(GraphBuild *build);
extern void build_phase_lists(GraphBuild *build);

/* build_leaves.c */
extern void build_phase_leaves(GraphBuild *build);

/* build_prune.c */
extern void build_phase_prune(GraphBuild *build);
extern void build_phase_reverse(GraphBuild *build);
extern void build_phase_prune_again(GraphBuild *build);

/* build_connect.c */
extern void build_phase_connect(GraphBuild *build);

/* build_order.c */
extern void build_order_places(GraphBuild *build);
extern void build_phase_order(GraphBuild *build);

#endif							/* VDB_GRAPH_BUILD_PRIVATE_H */
