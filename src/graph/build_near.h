/*-------------------------------------------------------------------------
 *
 * build_near.h
 *	  Distances between rows, many at once, and the nearest of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GRAPH_BUILD_NEAR_H
#define VDB_GRAPH_BUILD_NEAR_H

#include "graph/build_private.h"

/* Rows of which others are asked for the nearest. */
typedef struct NearSet
{
	uint32		n;
	uint32		capacity;
	PackedRows	packed;			/* points to the following */
	uint8	   *codes;
	int32_t    *term;
	float	   *scale;
	float	   *norm_sq;
	float	   *lift;
} NearSet;

/* Nodes that are compared with a set at a time. */
#define NEAR_BATCH 8

typedef struct NearBatch
{
	uint32		stride;			/* of dists */
	int8	   *codes;
	float	   *dists;
	float		minima[NEAR_BATCH * PACKED_MINIMA];
	PackedQuery queries[NEAR_BATCH];
	uint16	   *rows;			/* what near_select() found */
} NearBatch;

/* A row of a set and how far it is. */
typedef struct Near
{
	uint32		row;
	float		dist;
} Near;

extern NearSet *near_set_create(const GraphBuild *build, uint32 capacity);
extern void near_set_free(NearSet *set);
extern void near_set_fill(NearSet *set, const GraphBuild *build,
						  const uint32 *nodes, uint32 n);

/* For sets of that capacity. */
extern NearBatch *near_batch_create(const GraphBuild *build, uint32 capacity);
extern void near_batch_free(NearBatch *batch);

/* Compute all distances of up to NEAR_BATCH nodes from the rows of a set. */
extern void near_batch_run(NearBatch *batch, const GraphBuild *build,
						   const NearSet *set, const uint32 *nodes, uint32 n);

/*
 * Of the nodes of the last run, node q: rows of the set in batch->rows,
 * ascending, among them the k nearest and few others; returns how many.
 */
extern uint32 near_select(NearBatch *batch, const NearSet *set, uint32 q,
						  uint32 k);

/*
 * The same, but the k nearest alone, all if there are no more, in ascending
 * order of distance and row.
 */
extern uint32 near_nearest(NearBatch *batch, const NearSet *set, uint32 q,
						   uint32 k, Near *found);

static inline float
near_dist(const NearBatch *batch, uint32 q, uint32 row)
{
	return batch->dists[q * batch->stride + row];
}

/* A node as others are compared with it; code has room for its bytes. */
extern NearQuery near_query(const GraphBuild *build, uint32 node,
							int8 *code);

/* The summand of a row's distances that is its own, see distance.h. */
static inline int32
near_row_term(const NodeFactors *factors)
{
	return 2 * factors->sum;
}

/* Ask for what the distances of a node need. */
static inline void
near_prefetch(const GraphBuild *build, uint32 node)
{
	const uint8 *code = build->rows.codes + (Size) node * build->rows.dim;
	uint32		nbytes = Min(build->rows.dim, 1024);

	__builtin_prefetch(&build->factors[node]);
	for (uint32 i = 0; i < nbytes; i += 64)
		__builtin_prefetch(code + i);
	__builtin_prefetch(code + nbytes - 1);
}

#endif							/* VDB_GRAPH_BUILD_NEAR_H */
