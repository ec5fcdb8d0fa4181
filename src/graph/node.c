/*-------------------------------------------------------------------------
 *
 * node.c
 *	  Sizes of graph nodes.
 *
 * Relies on nothing but the format (node.h).  Promises that a node fits a
 * page, whatever the dimension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph/node.h"

/* What a node has besides its own code and the neighbours' signs. */
#define NODE_FIXED_BYTES \
	(offsetof(GraphNode, data) + GRAPH_DEGREE * GRAPH_ID_BYTES + \
	 2 * GRAPH_DEGREE * sizeof(uint16))

/* Signs of four dimensions of all neighbours. */
#define NODE_GROUP_BYTES 16

StaticAssertDecl(NODE_FIXED_BYTES +
				 GRAPH_MAX_STEER_DIM / 4 * NODE_GROUP_BYTES <=
				 PAGE_CONTENT_SIZE, "a node fits a page");

GraphShape
graph_shape(uint32 dim, int bits, uint32 steer_dim)
{
	GraphShape	shape;
	uint32		row_bytes = bits == 8 ? dim : (dim + 1) / 2;
	uint32		bytes;

	Assert(steer_dim > 0 && steer_dim <= GRAPH_MAX_STEER_DIM);
	shape.ngroups = (steer_dim + 3) / 4;
	bytes = NODE_FIXED_BYTES + shape.ngroups * NODE_GROUP_BYTES;
	shape.own_bytes = bytes + row_bytes <= PAGE_CONTENT_SIZE ? row_bytes : 0;
	shape.node_bytes = TYPEALIGN(sizeof(uint32), bytes + shape.own_bytes);
	shape.nodes_per_page = PAGE_CONTENT_SIZE / shape.node_bytes;
	Assert(shape.nodes_per_page > 0);
	return shape;
}
