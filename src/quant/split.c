/*-------------------------------------------------------------------------
 *
 * split.c
 *	  A row code taken apart into a coarse and a fine plane, and back.
 *
 * With u = 16 h + l, 2 u - 255 = 16 (2 h - 15) + (2 l - 15): the high nibbles
 * are a code of 4 bits of their own with 16 times the scale, and what they
 * leave out of the full code has the norm of the (2 l - 15), exactly.
 *
 *-------------------------------------------------------------------------
 */
#include "quant/quant_private.h"

#include "distance/distance.h"

/* What the nibble that an odd dimension leaves over adds: (2 * 0 - 15)^2. */
#define UNUSED_NIBBLE_SQ 225

#define LOW_NIBBLES UINT64CONST(0x0F0F0F0F0F0F0F0F)

/* Eight bytes of each at a time; bytes keep their places in the words. */
void
quant_split_codes(const QuantSpace *space, const uint8 *code, uint8 *coarse,
				  uint8 *fine)
{
	uint32		nbytes = space->plane_bytes;
	uint32		npairs = space->dim - nbytes;
	const uint8 *second = code + nbytes;
	uint32		i = 0;

	for (; i + 8 <= npairs; i += 8)
	{
		uint64		a;
		uint64		b;
		uint64		high;
		uint64		low;

		memcpy(&a, code + i, sizeof(a));
		memcpy(&b, second + i, sizeof(b));
		high = ((a >> 4) & LOW_NIBBLES) | (b & ~LOW_NIBBLES);
		low = (a & LOW_NIBBLES) | ((b & LOW_NIBBLES) << 4);
		memcpy(coarse + i, &high, sizeof(high));
		memcpy(fine + i, &low, sizeof(low));
	}
	for (; i < nbytes; i++)
	{
		uint8		b = i < npairs ? second[i] : 0;

		coarse[i] = (uint8) ((code[i] >> 4) | (b & 0xF0));
		fine[i] = (uint8) ((code[i] & 0x0F) | (b << 4));
	}
}

void
quant_join_codes(const QuantSpace *space, const uint8 *coarse,
				 const uint8 *fine, uint8 *code)
{
	uint32		nbytes = space->plane_bytes;
	uint32		npairs = space->dim - nbytes;
	uint8	   *second = code + nbytes;
	uint32		i = 0;

	for (; i + 8 <= npairs; i += 8)
	{
		uint64		high;
		uint64		low;
		uint64		a;
		uint64		b;

		memcpy(&high, coarse + i, sizeof(high));
		memcpy(&low, fine + i, sizeof(low));
		a = ((high & LOW_NIBBLES) << 4) | (low & LOW_NIBBLES);
		b = (high & ~LOW_NIBBLES) | ((low >> 4) & LOW_NIBBLES);
		memcpy(code + i, &a, sizeof(a));
		memcpy(second + i, &b, sizeof(b));
	}
	for (; i < nbytes; i++)
	{
		code[i] = (uint8) ((coarse[i] << 4) | (fine[i] & 0x0F));
		if (i < npairs)
			second[i] = (uint8) ((coarse[i] & 0xF0) | (fine[i] >> 4));
	}
}

/* The 1-norm of the (2 l - 15). */
static uint32
split_low_sum(const QuantSpace *space, const uint8 *code)
{
	uint32		sum = 0;

	for (uint32 i = 0; i < space->dim; i++)
		sum += (uint32) abs(2 * (code[i] & 15) - 15);
	return sum;
}

void
quant_split(const QuantSpace *space, const uint8 *code,
			const RowFactors *full, uint8 *coarse, uint8 *fine,
			RowFactors *coarse_factors)
{
	uint32		nbytes = space->plane_bytes;
	uint32		unused = space->dim % 2 != 0 ? UNUSED_NIBBLE_SQ : 0;
	double		left_out;

	Assert(space->bits == 8);
	quant_split_codes(space, code, coarse, fine);

	/* exact: a power of two, and scale is 0 or far from the ends */
	coarse_factors->scale = 16 * full->scale;
	if (space->metric == QUANT_L1)
	{
		coarse_factors->norm_sq = 0;
		left_out = (double) full->scale * split_low_sum(space, code);
	}
	else
	{
		uint32		high_sum_sq = vdb_kernels->norm_u4(coarse, nbytes);
		uint32		low_sum_sq = vdb_kernels->norm_u4(fine, nbytes);

		coarse_factors->norm_sq = quant_norm_sq(coarse_factors->scale,
												high_sum_sq - unused);
		left_out = (double) full->scale *
			sqrt((double) (low_sum_sq - unused));
	}
	coarse_factors->radius =
		quant_round_up((left_out + full->radius) * (1 + DOUBLE_SUM_EPS));
}

void
quant_join(const QuantSpace *space, const uint8 *coarse, const uint8 *fine,
		   float coarse_scale, float radius, uint8 *code, RowFactors *full)
{
	Assert(space->bits == 8);
	quant_join_codes(space, coarse, fine, code);
	full->scale = coarse_scale / 16;
	full->radius = radius;
	full->norm_sq = space->metric == QUANT_L1 ? 0 :
		quant_norm_sq(full->scale, vdb_kernels->norm_u8(code, space->dim));
}
