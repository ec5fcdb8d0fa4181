/*-------------------------------------------------------------------------
 *
 * test_graph_order.c
 *	  Are neighbours stored side by side?
 *
 * test_graph.c checks that an order is one, and the same whoever built it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdlib.h>

#include "distance/distance.h"
#include "graph/build.h"
#include "unit.h"

#define NROWS 3000
#define DIM 16

static void
random_rows(GraphRows *rows)
{
	uint8	   *codes = malloc(NROWS * DIM);
	float	   *scale = malloc(NROWS * sizeof(float));
	float	   *norm_sq = calloc(NROWS, sizeof(float));

	for (uint32 row = 0; row < NROWS; row++)
	{
		scale[row] = 0.01f;
		for (uint32 i = 0; i < DIM; i++)
		{
			uint8		code = unit_random() % 256;
			float		x = scale[row] * (2 * code - 255);

			codes[row * DIM + i] = code;
			norm_sq[row] += x * x;
		}
	}
	rows->n = NROWS;
	rows->dim = DIM;
	rows->codes = codes;
	rows->scale = scale;
	rows->norm_sq = norm_sq;
}

/* Neighbours of a node that lie on its page, on average. */
static double
page_neighbours(const GraphBuild *build, uint32 per_page)
{
	const uint32 *order = graph_build_order(build);
	uint32		pages[NROWS];
	double		count = 0;

	for (uint32 i = 0; i < NROWS; i++)
		pages[order[i]] = i / per_page;
	for (uint32 node = 0; node < NROWS; node++)
	{
		int			n;
		const uint32 *ids = graph_build_neighbours(build, node, &n);

		for (int i = 0; i < n; i++)
			count += pages[ids[i]] == pages[node];
	}
	return count / NROWS;
}

/* How many there are when pages have so many nodes. */
static double
build_and_count(const GraphRows *rows, uint32 per_page)
{
	GraphParams params = graph_params(16, 64, 5);
	void	   *memory;
	GraphBuild *build;
	double		count;

	params.per_page = per_page;
	params.leaf_size = 256;
	memory = aligned_alloc(64, graph_build_size(rows, &params));
	build = graph_build_attach(memory, rows, &params, true);
	for (int phase = 0; phase < graph_build_nphases(); phase++)
		graph_build_phase(build, phase);
	count = page_neighbours(build, per_page);
	graph_build_detach(build);
	free(memory);
	return count;
}

int
main(void)
{
	GraphRows	rows = {0};
	static const struct
	{
		uint32		per_page;
		double		least;
	}			cases[] = {{3, 1.4}, {9, 3}, {30, 4.5}};

	distance_init("auto");
	random_rows(&rows);
	unit_check(build_and_count(&rows, 1) == 0, "alone, and yet neighbours");
	for (int i = 0; i < 3; i++)
	{
		double		count = build_and_count(&rows, cases[i].per_page);

		unit_check(count >= cases[i].least,
				   "%.2f neighbours among %u on a page", count,
				   cases[i].per_page);
	}
	return unit_finish();
}
