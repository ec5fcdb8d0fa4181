/*-------------------------------------------------------------------------
 *
 * test_graph_shape.c
 *	  Sizes of graph nodes, for every dimension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph/node.h"
#include "unit.h"

#define MAX_DIM 16000

/* Where the parts of a node end, found by the functions that find them. */
static uint32
node_end(const GraphShape *shape)
{
	const GraphNode *node = (const GraphNode *) 0x10000;

	return (const char *) graph_node_signs(shape, node) - (const char *) node +
		shape->ngroups * 16;
}

static void
check_shape(uint32 dim, int bits, uint32 steer_dim, const GraphShape *shape)
{
	uint32		row_bytes = bits == 8 ? dim : (dim + 1) / 2;
	uint32		without = 28 + 96 + 128 + 16 * shape->ngroups;

	unit_check(shape->ngroups * 4 >= steer_dim &&
			   shape->ngroups * 4 < steer_dim + 4,
			   "%u dimensions: %u groups", steer_dim, shape->ngroups);
	unit_check(shape->own_bytes ==
			   (without + row_bytes <= PAGE_CONTENT_SIZE ? row_bytes : 0),
			   "%u dimensions, %d bits: %u bytes of own code", dim, bits,
			   shape->own_bytes);
	unit_check(node_end(shape) == without + shape->own_bytes &&
			   shape->node_bytes >= node_end(shape) &&
			   shape->node_bytes < node_end(shape) + 4 &&
			   shape->node_bytes % 4 == 0,
			   "%u dimensions, %d bits: %u bytes for a node of %u", dim, bits,
			   shape->node_bytes, node_end(shape));
	unit_check(shape->nodes_per_page > 0 &&
			   shape->nodes_per_page * shape->node_bytes <=
			   PAGE_CONTENT_SIZE &&
			   (shape->nodes_per_page + 1) * shape->node_bytes >
			   PAGE_CONTENT_SIZE,
			   "%u dimensions, %d bits: %u nodes of %u bytes", dim, bits,
			   shape->nodes_per_page, shape->node_bytes);
}

/* More dimensions never take less room, but where the own code moves out. */
static void
check_growth(uint32 dim, const GraphShape *shape, const GraphShape *last)
{
	bool		moved = last->own_bytes > 0 && shape->own_bytes == 0;

	unit_check(moved || (shape->node_bytes >= last->node_bytes &&
						 shape->nodes_per_page <= last->nodes_per_page),
			   "%u dimensions: a node of %u bytes after one of %u", dim,
			   shape->node_bytes, last->node_bytes);
	unit_check(last->own_bytes > 0 || shape->own_bytes == 0,
			   "%u dimensions: the own code is back", dim);
}

int
main(int argc, char **argv)
{
	for (int bits = 4; bits <= 8; bits += 4)
	{
		GraphShape	last = {1, 0, 0, PAGE_CONTENT_SIZE};

		for (uint32 dim = 1; dim <= MAX_DIM; dim++)
		{
			uint32		steer_dim = Min(dim, GRAPH_MAX_STEER_DIM);
			GraphShape	shape = graph_shape(dim, bits, steer_dim);

			check_shape(dim, bits, steer_dim, &shape);
			check_growth(dim, &shape, &last);
			last = shape;
		}
	}

	/* A steering code of fewer dimensions leaves room for the own code. */
	for (uint32 steer_dim = 1; steer_dim <= 128; steer_dim++)
	{
		GraphShape	shape = graph_shape(3072, 8, steer_dim);

		check_shape(3072, 8, steer_dim, &shape);
		unit_check(shape.own_bytes == 3072, "no own code beside %u dimensions",
				   steer_dim);
	}

	/* On disk: it never changes. */
	unit_check(graph_shape(128, 8, 128).node_bytes == 892 &&
			   graph_shape(128, 8, 128).nodes_per_page == 9,
			   "128 dimensions: another size");
	return unit_finish();
}
