/*-------------------------------------------------------------------------
 *
 * steer.c
 *	  A query as tables for FastScan: where to go, not how far it is.
 *
 * The tables are made of the query's integers, so that nothing but the query
 * form of query.c has to be kept.  Of each group of four dimensions the table
 * holds the sum over the dimensions whose sign is set, less the smallest such
 * sum, in units that make the largest entry of all tables 255.  The estimates
 * that come out are no bounds: a code of one sign a dimension is off by far
 * more than the rounding here (Gao and Long, RaBitQ, SIGMOD 2024; FastScan:
 * Andre, Kermarrec and Le Scouarnec, VLDB 2015).
 *
 *-------------------------------------------------------------------------
 */
#include "quant/quant_private.h"

/* Sums over the subsets of four numbers, by the bits of their index. */
static void
steer_subset_sums(const float *x, float *sums)
{
	sums[0] = 0;
	for (int bit = 0; bit < 4; bit++)
		for (int i = 0; i < 1 << bit; i++)
			sums[(1 << bit) + i] = sums[i] + x[bit];
}

/*
 * The four numbers of a group; those behind the last dimension are 0.  Of two
 * signs a dimension the second counts half.
 */
static void
steer_group(const QuantQuery *query, uint32 dim, uint32 group, float *x)
{
	const struct QuantQueryData *data = query->data;
	float		step = (float) data->fine.step;
	uint32		second = QUANT_STEER_SECOND(query->space->dim);

	for (uint32 i = 0; i < 4; i++)
	{
		uint32		d = 4 * group + i;
		float		share = step;

		if (d >= second && dim > second)
		{
			d -= second;
			share /= 2;
		}
		x[i] = d < Min(dim, query->space->dim) ?
			share * (128 * data->high[d] + data->low[d]) : 0;
	}
}

QuantSteer *
quant_steer_create(const QuantQuery *query, uint32 dim)
{
	const struct QuantQueryData *data = query->data;
	bool		ip = query->space->metric == QUANT_IP;
	uint32		ngroups = (dim + 3) / 4;
	QuantSteer *steer = palloc(offsetof(QuantSteer, lut) + 16 * ngroups);
	float		largest = 0;
	float		lowest = 0;		/* sum of what the tables are less by */
	float		total = 0;		/* of the query's elements */
	float		x[4];
	float		inverse;

	Assert(query->class == QUERY_BOUNDED && query->space->metric != QUANT_L1);
	for (uint32 g = 0; g < ngroups; g++)
	{
		float		range = 0;

		steer_group(query, dim, g, x);
		for (int i = 0; i < 4; i++)
		{
			total += x[i];
			lowest += Min(x[i], 0);
			range += fabsf(x[i]);
		}
		largest = Max(largest, range);
	}

	inverse = largest > 0 ? 255 / largest : 0;
	for (uint32 g = 0; g < ngroups; g++)
	{
		uint8	   *table = steer->lut + 16 * g;
		float		sums[16];
		float		low = 0;

		steer_group(query, dim, g, x);
		steer_subset_sums(x, sums);
		for (int i = 0; i < 4; i++)
			low += Min(x[i], 0);
		for (int i = 0; i < 16; i++)
			table[i] = (uint8) Min((sums[i] - low) * inverse + 0.5f, 255);
	}

	/* <y, q> = 2 <u, q> - total, u being the signs as 0 and 1 */
	steer->ngroups = ngroups;
	steer->factor = 2 * largest / 255;
	steer->offset = 2 * lowest - total;
	steer->centre_score = ip ? -2 * data->centre_dot : data->fine.norm_sq;
	steer->query_norm_sq = data->norm * data->norm;
	return steer;
}
