/*-------------------------------------------------------------------------
 *
 * encode.c
 *	  From the rows and their neighbours to graph nodes.
 *
 * With d the difference of a neighbour and the node, y its signs and
 * f = |d|^2 / |d|_1, <d, r> is about f <y, r> for a query r that is taken from
 * the node's place.  README.md has what follows for add and res.  Where
 * signs are kept for some dimensions only, |d|_1 and <y, r> run over those.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "graph/encode.h"

/* Larger than any score; the largest finite bfloat16. */
#define FAR_AWAY 0x7F7F

struct GraphEncoder
{
	GraphShape	shape;
	GraphRows	rows;
	uint32		sign_dim;		/* dimensions with signs */
	float	   *centre;			/* the node */
	float	   *origin;			/* of queries, as the node sees them: the
								 * node, or for inner products the node and
								 * the rows' centre */
};

/* What is summed over a difference. */
typedef struct DifferenceSums
{
	float		squares;		/* |d|^2 */
	float		magnitudes;		/* |d|_1 */
	float		signs;			/* <y, origin> */
	float		products;		/* <d, origin> */
} DifferenceSums;

GraphEncoder *
graph_encoder_create(const GraphShape *shape, const GraphRows *rows)
{
	GraphEncoder *encoder = palloc(sizeof(GraphEncoder));

	encoder->shape = *shape;
	encoder->rows = *rows;
	encoder->sign_dim = Min(rows->dim, shape->ngroups * 4);
	encoder->centre = palloc(rows->dim * sizeof(float));
	encoder->origin = palloc(rows->dim * sizeof(float));
	return encoder;
}

/* Rounded to the nearest, of equally near ones to the even. */
static uint16
encode_bfloat16(float x)
{
	union
	{
		float		f;
		uint32		u;
	}			bits = {.f = x};

	return (uint16) ((bits.u + 0x7FFF + ((bits.u >> 16) & 1)) >> 16);
}

/* Where the low or high nibble of row r of a FastScan block lies. */
static int
encode_byte_of_row(int row)
{
	return 2 * (row % 8) + (row % 16) / 8;
}

static DifferenceSums
encode_difference(const GraphEncoder *encoder, uint32 node, int place,
				  uint8 *block)
{
	const GraphRows *rows = &encoder->rows;
	const uint8 *code = rows->codes + (Size) node * rows->dim;
	float		scale = rows->scale[node];
	DifferenceSums sums = {0};

	block += encode_byte_of_row(place);
	for (uint32 i = 0; i < rows->dim; i++)
	{
		float		d = scale * (2 * code[i] - 255) - encoder->centre[i];

		sums.squares += d * d;
		sums.products += d * encoder->origin[i];
		if (i >= encoder->sign_dim)
			continue;
		sums.magnitudes += fabsf(d);
		sums.signs += d > 0 ? encoder->origin[i] : -encoder->origin[i];
		if (d > 0)
			block[i / 4 * 16] |= 1 << (i % 4 + (place >= 16 ? 4 : 0));
	}
	return sums;
}

static void
encode_neighbour(GraphEncoder *encoder, uint32 node, int place, uint8 *block,
				 uint16 *add, uint16 *res)
{
	DifferenceSums sums = encode_difference(encoder, node, place, block);
	float		f = 0;

	if (sums.magnitudes > 0)
		f = sums.squares / sums.magnitudes;
	if (encoder->rows.inner_product)
		*add = encode_bfloat16(-2 * (sums.products - f * sums.signs));
	else
		*add = encode_bfloat16(sums.squares + 2 * f * sums.signs);
	*res = encode_bfloat16(-2 * f);
}

static void
encode_centre(GraphEncoder *encoder, uint32 node)
{
	const GraphRows *rows = &encoder->rows;
	const uint8 *code = rows->codes + (Size) node * rows->dim;
	float		scale = rows->scale[node];

	for (uint32 i = 0; i < rows->dim; i++)
	{
		encoder->centre[i] = scale * (2 * code[i] - 255);
		encoder->origin[i] = encoder->centre[i] +
			(rows->shift != NULL ? rows->shift[i] : 0);
	}
}

void
graph_encode_node(GraphEncoder *encoder, uint32 node,
				  const uint32 *neighbours, int nneighbours,
				  const uint32 *numbers, GraphNode *out)
{
	const GraphShape *shape = &encoder->shape;
	const GraphRows *rows = &encoder->rows;
	uint8	   *ids = out->data + shape->own_bytes;
	uint8	   *factors = ids + GRAPH_DEGREE * GRAPH_ID_BYTES;
	uint8	   *block = factors + 2 * GRAPH_DEGREE * sizeof(uint16);
	uint16		add[GRAPH_DEGREE];
	uint16		res[GRAPH_DEGREE] = {0};

	memset(out, 0, shape->node_bytes);
	out->factors.scale = rows->scale[node];
	out->factors.norm_sq = rows->norm_sq[node];
	out->nneighbours = nneighbours;
	if (shape->own_bytes > 0)
		memcpy(out->data, rows->codes + (Size) node * rows->dim,
			   rows->dim);
	encode_centre(encoder, node);
	for (int i = 0; i < GRAPH_DEGREE; i++)
		add[i] = FAR_AWAY;
	for (int i = 0; i < nneighbours; i++)
	{
		uint32		number = neighbours[i];

		encode_neighbour(encoder, number, i, block, &add[i], &res[i]);
		if (numbers != NULL)
			number = numbers[number];
		for (int b = 0; b < GRAPH_ID_BYTES; b++)
			ids[GRAPH_ID_BYTES * i + b] = (uint8) (number >> (8 * b));
	}
	memcpy(factors, add, sizeof(add));
	memcpy(factors + sizeof(add), res, sizeof(res));
}
