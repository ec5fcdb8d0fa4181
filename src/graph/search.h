/*-------------------------------------------------------------------------
 *
 * search.h
 *	  Walking a graph towards a query, as far as the caller wants.
 *
 * A walk expands one node after the other, always the one that seems nearest
 * of those seen.  Expanding reads one page: the node's own code gives its
 * distance and a certain bound of it, its neighbours' codes say which of them
 * to expand later (SymphonyQG: Gou, Gao, Xu and Long, SIGMOD 2025).  Nothing
 * is thrown away but what is known to be far when memory is short, so a walk
 * can go on until all that can be reached has been.
 *
 * Distances here are scores: squared distances, or -2 times the inner product
 * (node.h).  graph_walk_front() is the score at which the walk now stands:
 * nodes still to be expanded are estimated not to be nearer.  A row is
 * settled, nearer ones having been found with the probability of the recall
 * curve, when the front is beyond (1 + slack) times its distance and that of
 * the last row of its group: groups go up to the nearest 16, 24, 32, 48 and so
 * on to 256.  Rows are settled in groups since nobody knows how many are
 * wanted, and a row that is found after a farther one has been returned is
 * lost (strict order): so the walk is ahead of what is returned, by an amount
 * that grows as the walk does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GRAPH_SEARCH_H
#define VDB_GRAPH_SEARCH_H

#include "postgres.h"

#include "graph/info.h"
#include "graph/node.h"
#include "quant/quant.h"
#include "storage/segment.h"

/* Ranks up to which the first and the last group go. */
#define GRAPH_FIRST_GROUP 16
#define GRAPH_LAST_GROUP 256

/* Up to which rank, from 1, the group of a rank goes: 16, 24, 32, 48 ... */
static inline uint32
graph_group(uint64 rank)
{
	uint32		group = GRAPH_FIRST_GROUP;

	while (group < rank && group < GRAPH_LAST_GROUP)
	{
		if (group / 2 * 3 >= rank)
			return group / 2 * 3;
		group *= 2;
	}
	return group;
}

/* One graph, opened for walking. */
typedef struct Graph
{
	const SegmentReader *reader;
	GraphShape	shape;
	GraphInfo  *info;			/* with its entries */
	float		slack[GRAPH_CURVE_GROUPS];	/* for the recall that is wanted;
											 * the first is infinity when no
											 * walk is known to reach it */
} Graph;

/*
 * Open the graph of a segment, in the current memory context.  Reports damage
 * when what it says of itself cannot be.
 */
extern Graph *graph_open(const SegmentReader *reader, uint32 dim, int bits,
						 float target_recall);

/*
 * The point of the recall curve that is right for the recall that is wanted,
 * from one page: how much slack, and how many nodes a walk expands on average
 * before it settles.  Both are infinite when no walk is known to reach it,
 * and the steps 0 when the curve has not been measured.
 */
extern GraphCurvePoint graph_read_point(const SegmentReader *reader,
										float target_recall);

/* What expanding a node has found: the node itself. */
typedef struct GraphFound
{
	uint32		node;			/* and row */
	uint32		copy_first;		/* rows with the same vector */
	uint32		ncopies;
	float		bound;			/* certain, as the SQL operator counts */
	float		score;
} GraphFound;

typedef struct GraphWalk GraphWalk;

/*
 * A walk that can be started for one query after the other; memory comes from
 * the current context, and max_candidates bounds it.
 */
extern GraphWalk *graph_walk_create(const Graph *graph,
									uint32 max_candidates);

/* Start towards a query; both must last as long as the walk goes on. */
extern void graph_walk_start(GraphWalk *walk, const QuantQuery *query,
							 const QuantSteer *steer);

/* Expand one node; false when there is none left. */
extern bool graph_walk_step(GraphWalk *walk, GraphFound *found);

/* Score of the best node not yet expanded; infinity when there is none. */
extern float graph_walk_front(GraphWalk *walk);

/* Nodes expanded since the start. */
extern uint32 graph_walk_steps(const GraphWalk *walk);

/* Were candidates thrown away for want of memory? */
extern bool graph_walk_is_cut(const GraphWalk *walk);

/* Has this walk expanded the node? */
extern bool graph_walk_has(const GraphWalk *walk, uint32 node);

/* The score of a distance as the operator counts. */
extern float graph_distance_score(const QuantQuery *query, float distance);

/* The slack with which a walk settles the rows of a group. */
extern float graph_slack(const Graph *graph, uint32 group);

/* The score of what is (1 + slack) times as far away as a score says. */
extern float graph_widen_score(const Graph *graph, const QuantSteer *steer,
							   float slack, float score);

#endif							/* VDB_GRAPH_SEARCH_H */
