/*-------------------------------------------------------------------------
 *
 * encode.c
 *	  From the rows and their neighbours to graph nodes.
 *
 * With d the difference of a neighbour and the node, y its signs and
 * f = |d|^2 / |d|_1, <d, r> is about f <y, r> for a query r that is taken from
 * the node's place.  README.md has what follows for add and res.  Where
 * signs are kept for some dimensions only, |d|_1 and <y, r> run over those.
 * With two signs a dimension y is not a sign but one of 1.5, 0.5, -0.5, -1.5,
 * the second sign saying whether the element is beyond the root mean square;
 * then f = |d|^2 / <d, y>.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "distance/distance.h"
#include "graph/encode.h"

/* Larger than any score; the largest finite bfloat16. */
#define FAR_AWAY 0x7F7F

struct GraphEncoder
{
	GraphShape	shape;
	GraphRows	rows;
	uint32		sign_dim;		/* dimensions with signs */
	bool		two_signs;		/* each of them has two */
	float	   *centre;			/* the node */
	float	   *origin;			/* of queries, as the node sees them: the
								 * node, or for inner products the node and
								 * the rows' centre */
	Size		sign_bytes;		/* of a neighbour */
	uint8	   *signs;			/* of all places */
	uint8	   *rest;			/* signs that are not kept */
	float	   *thresholds;		/* of the second signs */
};

GraphEncoder *
graph_encoder_create(const GraphShape *shape, const GraphRows *rows)
{
	GraphEncoder *encoder = palloc(sizeof(GraphEncoder));

	encoder->shape = *shape;
	encoder->rows = *rows;
	encoder->sign_dim = Min(rows->dim, shape->ngroups * 4);
	encoder->two_signs = shape->ngroups * 4 >=
		QUANT_STEER_TWO_SIGNS(rows->dim);
	encoder->centre = palloc(rows->dim * sizeof(float));
	encoder->origin = palloc(rows->dim * sizeof(float));
	encoder->sign_bytes = (shape->ngroups + 1) / 2;
	encoder->signs = palloc0(GRAPH_DEGREE * encoder->sign_bytes);
	encoder->rest = palloc((rows->dim + 7) / 8);
	encoder->thresholds = palloc(rows->dim * sizeof(float));
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

/*
 * Append the second signs, and make magnitudes <d, y> and signs <y, origin>
 * of all four levels.  They are first signs of the difference from a node
 * that is moved by the root mean square in every dimension, towards d.
 */
static void
encode_second(GraphEncoder *encoder, uint32 node, uint8 *signs,
			  DifferenceSums *sums)
{
	const GraphRows *rows = &encoder->rows;
	uint32		dim = rows->dim;
	float		level = sqrtf(sums->squares / dim);
	uint8	   *second = signs + QUANT_STEER_SECOND(dim) / 8;
	int			ndiffer = 0;
	DifferenceSums beyond;

	for (uint32 i = 0; i < dim; i++)
		encoder->thresholds[i] = encoder->centre[i] +
			((signs[i / 8] >> (i % 8) & 1) ? level : -level);
	beyond = vdb_kernels->code_difference(rows->codes + (Size) node * dim,
										  rows->scale[node],
										  encoder->thresholds,
										  encoder->origin, dim, second);
	for (uint32 i = 0; i < dim; i += 8)
	{
		uint8		kept = dim - i < 8 ? (1 << (dim - i)) - 1 : 0xFF;

		ndiffer += __builtin_popcount((signs[i / 8] ^ second[i / 8]) & kept);
	}
	sums->magnitudes += 0.5f * (beyond.magnitudes +
								level * ((int) dim - 2 * ndiffer));
	sums->signs += 0.5f * beyond.signs;
}

/* Sums and signs of a neighbour's difference from the node. */
static DifferenceSums
encode_difference(GraphEncoder *encoder, uint32 node, uint8 *signs)
{
	const GraphRows *rows = &encoder->rows;
	const uint8 *code = rows->codes + (Size) node * rows->dim;
	uint32		n = encoder->sign_dim;
	DifferenceSums sums;

	sums = vdb_kernels->code_difference(code, rows->scale[node],
										encoder->centre, encoder->origin, n,
										signs);
	if (n < rows->dim)
	{
		DifferenceSums rest;

		rest = vdb_kernels->code_difference(code + n, rows->scale[node],
											encoder->centre + n,
											encoder->origin + n,
											rows->dim - n, encoder->rest);
		sums.squares += rest.squares;
		sums.products += rest.products;
	}
	if (encoder->two_signs)
		encode_second(encoder, node, signs, &sums);
	return sums;
}

/*
 * Put the signs of two neighbours, 16 places apart, into a FastScan block:
 * one fills low, the other high halves of every 16th byte.
 */
static void
encode_pair(const uint8 *low, const uint8 *high, uint32 ngroups, uint8 *block)
{
	for (uint32 g = 0; g + 1 < ngroups; g += 2, low++, high++, block += 32)
	{
		block[0] = (*low & 15) | (*high & 15) << 4;
		block[16] = *low >> 4 | (*high & 0xF0);
	}
	if (ngroups % 2 != 0)
		block[0] = (*low & 15) | (*high & 15) << 4;
}

/* Signs of all places to a block. */
static void
encode_block(const GraphEncoder *encoder, uint8 *block)
{
	for (int place = 0; place < GRAPH_DEGREE / 2; place++)
	{
		const uint8 *signs = encoder->signs + place * encoder->sign_bytes;

		encode_pair(signs, signs + GRAPH_DEGREE / 2 * encoder->sign_bytes,
					encoder->shape.ngroups,
					block + 2 * (place % 8) + place / 8);
	}
}

static void
encode_neighbour(GraphEncoder *encoder, uint32 node, uint8 *signs,
				 uint16 *add, uint16 *res)
{
	DifferenceSums sums = encode_difference(encoder, node, signs);
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

static void
encode_prefetch(const GraphEncoder *encoder, uint32 node)
{
	const GraphRows *rows = &encoder->rows;
	const uint8 *code = rows->codes + (Size) node * rows->dim;

	__builtin_prefetch(&rows->scale[node]);
	for (uint32 i = 0; i < Min(rows->dim, 256); i += 64)
		__builtin_prefetch(code + i);
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

	for (int i = 0; i < nneighbours; i++)
		encode_prefetch(encoder, neighbours[i]);
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

		encode_neighbour(encoder, number,
						 encoder->signs + i * encoder->sign_bytes, &add[i],
						 &res[i]);
		if (numbers != NULL)
			number = numbers[number];
		for (int b = 0; b < GRAPH_ID_BYTES; b++)
			ids[GRAPH_ID_BYTES * i + b] = (uint8) (number >> (8 * b));
	}
	memset(encoder->signs + nneighbours * encoder->sign_bytes, 0,
		   (GRAPH_DEGREE - nneighbours) * encoder->sign_bytes);
	encode_block(encoder, block);
	memcpy(factors, add, sizeof(add));
	memcpy(factors + sizeof(add), res, sizeof(res));
}

/* Entries are encoded as neighbours of the rows' centre. */
void
graph_encode_entries(GraphEncoder *encoder, const uint32 *nodes, int n,
					 const uint32 *numbers, GraphEntries *out)
{
	const GraphRows *rows = &encoder->rows;

	for (uint32 i = 0; i < rows->dim; i++)
	{
		encoder->centre[i] = 0;
		encoder->origin[i] = rows->shift != NULL ? rows->shift[i] : 0;
	}
	memset(encoder->signs, 0, GRAPH_DEGREE * encoder->sign_bytes);
	for (int i = 0; i < GRAPH_DEGREE; i++)
	{
		DifferenceSums sums;
		float		f;

		out->ids[i] = GRAPH_ENTRY_NONE;
		out->add[i] = out->res[i] = 0;
		if (i >= n)
			continue;
		sums = encode_difference(encoder, nodes[i],
								 encoder->signs + i * encoder->sign_bytes);
		f = sums.magnitudes > 0 ? sums.squares / sums.magnitudes : 0;
		out->ids[i] = numbers[nodes[i]];
		out->res[i] = -2 * f;
		out->add[i] = rows->inner_product ?
			-2 * (sums.products - f * sums.signs) :
			sums.squares + 2 * f * sums.signs;
	}
	encode_block(encoder, out->signs);
}
