/*-------------------------------------------------------------------------
 *
 * test_graph_encode.c
 *	  Encoded nodes against the formulas.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <stdlib.h>

#include "distance/distance.h"
#include "graph/encode.h"
#include "graph_data.h"
#include "unit.h"

static float
from_bfloat16(const uint8 *at)
{
	union
	{
		float		f;
		uint32		u;
	}			bits = {.u = (uint32) at[0] << 16 | (uint32) at[1] << 24};

	return bits.f;
}

static double
decoded(const GraphRows *rows, uint32 node, uint32 i)
{
	return (double) rows->scale[node] *
		(2 * rows->codes[(Size) node * rows->dim + i] - 255);
}

static bool
sign_of_place(const uint8 *block, int place, uint32 i)
{
	int			byte = 2 * (place % 8) + place % 16 / 8;

	return block[i / 4 * 16 + byte] >> (place / 16 * 4 + i % 4) & 1;
}

/* Root mean square of the elements of a neighbour's difference. */
static double
difference_rms(const GraphRows *rows, uint32 node, uint32 other)
{
	double		squares = 0;

	for (uint32 i = 0; i < rows->dim; i++)
	{
		double		d = decoded(rows, other, i) - decoded(rows, node, i);

		squares += d * d;
	}
	return sqrt(squares / rows->dim);
}

/*
 * At the node + t (neighbour - node) the estimate from add, res and signs is
 * exact but for rounding; with fewer signs than dimensions only if what has
 * none stays where it is, and then for products along what has some.
 */
static void
check_estimate(const GraphRows *rows, const GraphShape *shape,
			   const GraphNode *out, uint32 node, uint32 other, int place)
{
	const uint8 *factors = graph_node_factors(shape, out);
	double		add = from_bfloat16(factors + 2 * place);
	double		res = from_bfloat16(factors + 2 * (GRAPH_DEGREE + place));
	uint32		nsigns = Min(rows->dim, shape->ngroups * 4);
	uint32		second = QUANT_STEER_SECOND(rows->dim);
	bool		two_signs = shape->ngroups * 4 > second;
	double		level = two_signs ? difference_rms(rows, node, other) : 0;
	double		squares = 0;
	double		magnitudes = 0;
	double		signs_origin = 0;
	double		product = 0;
	double		f;
	double		expected;

	for (uint32 i = 0; i < rows->dim; i++)
	{
		double		centre = decoded(rows, node, i);
		double		d = decoded(rows, other, i) - centre;
		double		origin = centre +
		(rows->shift != NULL ? rows->shift[i] : 0);
		double		y;
		bool		sign;

		squares += d * d;
		product += d * origin;
		if (i >= nsigns)
			continue;
		sign = sign_of_place(graph_node_signs(shape, out), place, i);
		y = sign ? 1 : -1;
		if (two_signs)
		{
			bool		beyond = sign_of_place(graph_node_signs(shape, out),
											   place, second + i);

			y += beyond ? 0.5 : -0.5;
			unit_check(fabs(fabs(d) - level) < 1e-5 ||
					   (beyond == sign) == (fabs(d) > level),
					   "second sign %u of node %u's neighbour %u is wrong", i,
					   node, other);
		}
		magnitudes += d * y;
		signs_origin += y * origin;
		unit_check(fabs(d) < 1e-5 || sign == (d > 0),
				   "sign %u of node %u's neighbour %u is wrong", i, node,
				   other);
	}
	f = magnitudes > 0 ? squares / magnitudes : 0;
	unit_check(fabs(res + 2 * f) <= 0x1p-8 * 2 * f + 1e-6,
			   "res of node %u is %g, not %g", node, res, -2 * f);
	expected = rows->inner_product ? -2 * (product - f * signs_origin) :
		squares + 2 * f * signs_origin;
	unit_check(fabs(add - expected) <= 0x1p-8 * fabs(expected) +
			   1e-4 * (squares + fabs(product) + fabs(f * signs_origin)) +
			   1e-6,
			   "add of node %u is %g, not %g", node, add, expected);
}

static void
check_encoded(const Data *data, GraphShape shape, uint32 node,
			  int nneighbours)
{
	GraphEncoder *encoder = graph_encoder_create(&shape, &data->rows);
	GraphNode  *out = malloc(shape.node_bytes);
	uint32	   *numbers = malloc(data->n * sizeof(uint32));
	uint32		neighbours[GRAPH_DEGREE];
	const uint8 *ids = graph_node_ids(&shape, out);

	for (uint32 i = 0; i < data->n; i++)
		numbers[i] = i * 3 + 70000;
	for (int i = 0; i < nneighbours; i++)
		neighbours[i] = (node + 1 + i * 7) % data->n;
	graph_encode_node(encoder, node, neighbours, nneighbours, numbers, out);
	unit_check(out->nneighbours == nneighbours &&
			   out->factors.scale == data->rows.scale[node] &&
			   out->factors.norm_sq == data->rows.norm_sq[node],
			   "node %u has other factors", node);
	if (shape.own_bytes > 0)
		unit_check(memcmp(graph_node_code(out), data->rows.codes +
						  (Size) node * data->dim, data->dim) == 0,
				   "node %u has another code", node);
	for (int i = 0; i < nneighbours; i++)
	{
		unit_check(graph_node_id(ids, i) == numbers[neighbours[i]],
				   "node %u has another neighbour", node);
		check_estimate(&data->rows, &shape, out, node, neighbours[i], i);
	}
	for (int i = nneighbours; i < GRAPH_DEGREE; i++)
	{
		const uint8 *factors = graph_node_factors(&shape, out);

		unit_check(graph_node_id(ids, i) == 0 &&
				   from_bfloat16(factors + 2 * i) > 1e38 &&
				   from_bfloat16(factors + 2 * (GRAPH_DEGREE + i)) == 0,
				   "place %d of node %u is not empty", i, node);
	}
	free(numbers);
	free(out);
}

int
main(void)
{
	static const uint32 dims[] = {1, 2, 3, 4, 5, 7, 8, 31, 33, 128, 130, 2500};

	distance_init("auto");
	for (int i = 0; i < 12; i++)
		for (int metric = QUANT_L2; metric <= QUANT_IP; metric++)
		{
			Data		data = data_clustered(60, dims[i], 3, 0.5f);
			GraphShape	shape = graph_shape(dims[i], 8, Min(dims[i], 1900));

			data.metric = metric;
			data_encode(&data);
			check_encoded(&data, shape, 0, 32);
			check_encoded(&data, shape, 5, 32);
			check_encoded(&data, shape, 59, 17);
			check_encoded(&data, shape, 1, 0);
			shape = graph_shape(dims[i], 8,
								Min(QUANT_STEER_TWO_SIGNS(dims[i]), 1900));
			if (dims[i] <= 130)
				check_encoded(&data, shape, 3, 30);
			if (dims[i] > 8)
				check_encoded(&data, graph_shape(dims[i], 8, dims[i] / 2), 2,
							  31);
			data_free(&data);
		}
	return unit_finish();
}
