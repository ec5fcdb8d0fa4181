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

/* Rows whose codes and factors have been copied side by side. */
typedef struct NearSet
{
	uint32		n;
	uint32		capacity;
	uint8	   *codes;
	int32	   *terms;			/* 2 * sum of the code's bytes */
	float	   *scale;
	float	   *norm_sq;
	float	   *lift;
} NearSet;

/* A row of a set and how far it is. */
typedef struct Near
{
	uint32		row;
	float		dist;
} Near;

/* Memory for distances of one row to a set. */
typedef struct NearScratch
{
	int8	   *query;			/* a code, minus 128 */
	int32	   *dots;
	float	   *dists;
	uint32		capacity;
} NearScratch;

extern NearScratch *near_create(const GraphBuild *build);
extern void near_free(NearScratch *scratch);

extern NearSet *near_set_create(const GraphBuild *build, uint32 capacity);
extern void near_set_free(NearSet *set);
extern void near_set_fill(NearSet *set, const GraphBuild *build,
						  const uint32 *nodes, uint32 n);

/* Squared distances of a node from rows [first, set->n) of a set. */
extern const float *near_distances(GraphBuild *build, const NearSet *set,
								   uint32 first, uint32 node);

/*
 * The "nearest" nearest rows of a set to a node, all if there are no more, in
 * ascending order of distance and row; except is not among them.
 */
extern uint32 near_search(GraphBuild *build, const NearSet *set, uint32 node,
						  uint32 except, uint32 nearest, Near *found);

/* Squared distance of two nodes. */
extern float near_distance(GraphBuild *build, uint32 a, uint32 b);

#endif							/* VDB_GRAPH_BUILD_NEAR_H */
