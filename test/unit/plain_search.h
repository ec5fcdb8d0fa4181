/*-------------------------------------------------------------------------
 *
 * plain_search.h
 *	  A simple search over graph nodes in memory, for tests and the bench.
 *
 * Does with encoded nodes what a scan does with pages, without its care for
 * memory and damage: to see how good a graph is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_PLAIN_SEARCH_H
#define VDB_PLAIN_SEARCH_H

#include "postgres.h"

#include "graph/node.h"
#include "quant/quant.h"

typedef struct PlainGraph
{
	GraphShape	shape;
	uint32		n;
	uint32		dim;
	bool		inner_product;
	uint8	   *nodes;			/* n times node_bytes */
	const uint8 *codes;			/* where the nodes have none */
	const uint32 *entries;
	int			nentries;
	uint32	   *visited;		/* n numbers of searches */
	uint32		nsearches;
	uint32	   *expanded;		/* n: nodes in the order of expansion */
} PlainGraph;

typedef struct PlainResult
{
	uint32		node;
	float		score;
} PlainResult;

/*
 * Search for the projected query: expand nodes until "width" expanded ones are
 * nearer than every other known.  Writes the k best into results, returns
 * how many there are; nexpanded is set.
 */
extern int	plain_search(PlainGraph *graph, const float *query, int width,
						 int k, PlainResult *results, int *nexpanded);

#endif							/* VDB_PLAIN_SEARCH_H */
