/*-------------------------------------------------------------------------
 *
 * node.h
 *	  Disk format of a graph node.
 *
 * Node of a graph segment; node i is row i of the segment.  Its length and
 * the number of nodes on a page follow from GraphShape; nodes lie one after
 * the other from the start of the page, and none crosses a page.
 *
 *	 OFFSET  SIZE  FIELD
 *		  0     4  scale           RowFactors of the own code
 *		  4     4  norm_sq
 *		  8     4  radius
 *		 12     6  tid             heap address of row i
 *		 18     2  nneighbours     at most GRAPH_DEGREE
 *		 20     4  copy_first      first of the rows with the same vector, and
 *		 24     4  ncopies         how many there are, row i not counted
 *		 28     B  own code        row code; B = own_bytes, 0 where it lies in
 *		                           the planes because the page has no room
 *		  .    96  neighbours      node numbers of 3 bytes, least byte first
 *		  .    64  add             bfloat16: score(o) is about score(this) +
 *		  .    64  res             add + res * <y, P q>, y the signs below
 *		  .    16G signs           FastScan block of the neighbours' codes,
 *		                           G = ngroups (src/distance/README.md)
 *
 * Scores are squared distances (cosine: of the unit vectors), or -2 times the
 * inner product.  README.md derives add and res.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GRAPH_NODE_H
#define VDB_GRAPH_NODE_H

#include "postgres.h"

#include "quant/quant.h"
#include "storage/itemptr.h"
#include "storage/page.h"

/* Neighbours of a node: what one FastScan block holds. */
#define GRAPH_DEGREE 32

#define GRAPH_ID_BYTES 3
#define GRAPH_MAX_NODES ((1 << 24) - 1)

/* Dimensions of a steering code, with which a node fits a page. */
#define GRAPH_MAX_STEER_DIM 1972

typedef struct GraphNode
{
	RowFactors	factors;
	ItemPointerData tid;
	uint16		nneighbours;
	uint32		copy_first;
	uint32		ncopies;
	uint8		data[FLEXIBLE_ARRAY_MEMBER];
} GraphNode;

StaticAssertDecl(offsetof(GraphNode, data) == 28, "on-disk format");

/* Sizes that follow from the dimension, the bits and the steering codes. */
typedef struct GraphShape
{
	uint32		own_bytes;		/* of the own code in the node, or 0 */
	uint32		ngroups;		/* of four dimensions in a steering code */
	uint32		node_bytes;
	uint32		nodes_per_page;
} GraphShape;

/*
 * The shape of the nodes of an index; steer_dim is one that graph_steer_fits()
 * the dimension.
 */
extern GraphShape graph_shape(uint32 dim, int bits, uint32 steer_dim);

/* As many dimensions as there are, fewer, or two signs for each. */
static inline bool
graph_steer_fits(uint32 steer_dim, uint32 dim)
{
	return steer_dim > 0 && steer_dim <= GRAPH_MAX_STEER_DIM &&
		(steer_dim <= dim || steer_dim == QUANT_STEER_TWO_SIGNS(dim));
}

static inline const uint8 *
graph_node_code(const GraphNode *node)
{
	return node->data;
}

static inline const uint8 *
graph_node_ids(const GraphShape *shape, const GraphNode *node)
{
	return node->data + shape->own_bytes;
}

/* Behind the last one lie the factors, so four bytes can be read. */
static inline uint32
graph_node_id(const uint8 *ids, int i)
{
	const uint8 *id = ids + i * GRAPH_ID_BYTES;

#ifdef WORDS_BIGENDIAN
	return id[0] | (uint32) id[1] << 8 | (uint32) id[2] << 16;
#else
	uint32		word;

	memcpy(&word, id, sizeof(word));
	return word & 0xFFFFFF;
#endif
}

static inline const uint8 *
graph_node_factors(const GraphShape *shape, const GraphNode *node)
{
	return graph_node_ids(shape, node) + GRAPH_DEGREE * GRAPH_ID_BYTES;
}

static inline const uint8 *
graph_node_signs(const GraphShape *shape, const GraphNode *node)
{
	return graph_node_factors(shape, node) +
		2 * GRAPH_DEGREE * sizeof(uint16);
}

#endif							/* VDB_GRAPH_NODE_H */
