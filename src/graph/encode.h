/*-------------------------------------------------------------------------
 *
 * encode.h
 *	  From the rows and their neighbours to graph nodes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GRAPH_ENCODE_H
#define VDB_GRAPH_ENCODE_H

#include "postgres.h"

#include "graph/build.h"
#include "graph/info.h"
#include "graph/node.h"

typedef struct GraphEncoder GraphEncoder;

/* Allocated in the current memory context, with some scratch memory. */
extern GraphEncoder *graph_encoder_create(const GraphShape *shape,
										  const GraphRows *rows);

/*
 * Fill in a node: scale and norm_sq, the own code if the shape has one,
 * neighbours, add, res and signs.  All other fields are zero, and the caller
 * sets them.  numbers gives the numbers by which nodes are stored, NULL if
 * they are the same as in rows.  out has shape->node_bytes.
 */
extern void graph_encode_node(GraphEncoder *encoder, uint32 node,
							  const uint32 *neighbours, int nneighbours,
							  const uint32 *numbers, GraphNode *out);

/* Fill in a block of n entries, 1 to GRAPH_DEGREE: see info.h. */
extern void graph_encode_entries(GraphEncoder *encoder, const uint32 *nodes,
								 int n, const uint32 *numbers,
								 GraphEntries *out);

#endif							/* VDB_GRAPH_ENCODE_H */
