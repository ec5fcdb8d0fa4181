/*-------------------------------------------------------------------------
 *
 * encode.c
 *	  From a vector to its row code and factors.
 *
 * A uniform quantiser on the projected vector, scaled per row so that its
 * largest element just fits.  At 8 bits no other scale was found to be better
 * by more than a thousandth; at 4 bits, which only very long vectors use, the
 * largest element is far out and cutting it off can pay, so that two scales
 * are tried.
 *
 * The radius is computed from the code as it is, in double: whatever rounding
 * did to the choice of the code, the radius covers what the code leaves out.
 *
 *-------------------------------------------------------------------------
 */
#include "quant/quant_private.h"

#include "distance/distance.h"

/*
 * Best half step of 16 uniform levels for a Gaussian, as a share of its
 * standard deviation.
 */
#define GAUSSIAN_HALF_STEP_4 0.1676f

/* What encode_element() adds up. */
typedef struct EncodeSums
{
	double		left_out;		/* squares, or for L1 magnitudes */
	uint32		sum_sq;
} EncodeSums;

typedef struct EncodeScale
{
	float		scale;
	float		inverse;		/* 1 / (2 scale) */
	int			levels;			/* 256 or 16 */
	bool		l1;
} EncodeScale;

static inline uint8
encode_element(float x, const EncodeScale *scale, EncodeSums *sums)
{
	int			u = (int) (x * scale->inverse + (float) (scale->levels / 2));
	int			y;
	double		e;

	u = Min(Max(u, 0), scale->levels - 1);
	y = 2 * u - (scale->levels - 1);
	e = (double) x - (double) scale->scale * y;
	sums->left_out += scale->l1 ? fabs(e) : e * e;
	sums->sum_sq += (uint32) (y * y);
	return (uint8) u;
}

/*
 * levels = 256 or 16.  Writes one code a byte, and returns the norm of what
 * they leave out: the 2-norm, or the 1-norm for L1.
 */
static double
encode_with_scale(const QuantSpace *space, const float *x, float scale,
				  int levels, uint8 *codes, uint32 *sum_sq)
{
	const EncodeScale how = {
		scale, 0.5f / scale, levels, space->metric == QUANT_L1
	};
	EncodeSums	sums[4];
	double		left_out;
	uint32		i = 0;

	memset(sums, 0, sizeof(sums));
	for (; i + 4 <= space->dim; i += 4)
		for (int j = 0; j < 4; j++)
			codes[i + j] = encode_element(x[i + j], &how, &sums[j]);
	for (; i < space->dim; i++)
		codes[i] = encode_element(x[i], &how, &sums[0]);

	*sum_sq = (sums[0].sum_sq + sums[1].sum_sq) +
		(sums[2].sum_sq + sums[3].sum_sq);
	left_out = (sums[0].left_out + sums[1].left_out) +
		(sums[2].left_out + sums[3].left_out);
	return how.l1 ? left_out : sqrt(left_out);
}

/* Two codes a byte: dimension i with dimension i + plane_bytes. */
static void
encode_pack(const QuantSpace *space, const uint8 *codes, uint8 *packed)
{
	uint32		nbytes = space->plane_bytes;

	for (uint32 i = 0; i < nbytes; i++)
	{
		uint8		high = i + nbytes < space->dim ? codes[i + nbytes] : 0;

		packed[i] = (uint8) (codes[i] | (high << 4));
	}
}

/* The code of the zero vector; everything else is in the radius. */
static void
encode_zero(const QuantSpace *space, const Projection *projection,
			uint8 *code, RowFactors *factors)
{
	if (space->bits == 8)
		memset(code, 128, space->row_bytes);
	else
	{
		memset(code, 0x88, space->row_bytes);
		if (space->dim % 2 != 0)
			code[space->row_bytes - 1] = 0x08;
	}
	factors->radius = quant_round_up(projection->norm * (1 + DOUBLE_SUM_EPS) +
									 projection->error);
}

static double
encode_4_bits(const QuantSpace *space, const float *x, float largest,
			  double norm, RowFactors *factors, uint8 *code)
{
	uint8	   *codes = (uint8 *) (space->scratch + space->dim);
	float		fitted = largest / 16;
	float		cut = GAUSSIAN_HALF_STEP_4 *
	(float) (space->metric == QUANT_L1 ? norm / space->dim :
			 norm / sqrt((double) space->dim));
	uint32		sum_sq;
	double		left_out;

	factors->scale = fitted;
	left_out = encode_with_scale(space, x, fitted, 16, codes, &sum_sq);
	if (cut < fitted)
	{
		uint32		cut_sum_sq;
		double		cut_left_out = encode_with_scale(space, x, cut, 16, codes,
													 &cut_sum_sq);

		if (cut_left_out < left_out)
		{
			factors->scale = cut;
			sum_sq = cut_sum_sq;
			left_out = cut_left_out;
		}
		else
			(void) encode_with_scale(space, x, fitted, 16, codes, &sum_sq);
	}
	factors->norm_sq = quant_norm_sq(factors->scale, sum_sq);
	encode_pack(space, codes, code);
	return left_out;
}

static double
encode_8_bits(const QuantSpace *space, const float *x, float largest,
			  RowFactors *factors, uint8 *code)
{
	uint32		sum_sq;
	double		left_out;

	factors->scale = largest / 256;
	if (space->metric == QUANT_L1)
		return encode_with_scale(space, x, factors->scale, 256, code,
								 &sum_sq);
	left_out = sqrt(vdb_kernels->quantise_u8(x, space->dim, factors->scale,
											 code));
	sum_sq = vdb_kernels->norm_u8(code, space->dim);
	factors->norm_sq = quant_norm_sq(factors->scale, sum_sq);
	return left_out;
}

RowClass
quant_encode(const QuantSpace *space, const float *vector, uint8 *code,
			 RowFactors *factors)
{
	float	   *x = space->scratch;
	Projection	projection;
	RowClass	class;
	float		largest;
	double		left_out;

	memset(factors, 0, sizeof(*factors));
	class = quant_project(space, vector, space->centre, x, &projection);
	if (class != ROW_BOUNDED)
	{
		memset(code, 0, space->row_bytes);
		return class;
	}

	largest = vdb_kernels->largest(x, space->dim);
	if (largest < (float) QUANT_TINY)
	{
		encode_zero(space, &projection, code, factors);
		return ROW_BOUNDED;
	}
	if (space->bits == 4)
		left_out = encode_4_bits(space, x, largest, projection.norm, factors,
								 code);
	else
		left_out = encode_8_bits(space, x, largest, factors, code);
	if (space->metric == QUANT_L1)
		factors->norm_sq = 0;
	factors->radius = quant_round_up(left_out * (1 + DOUBLE_SUM_EPS) +
									 projection.error);
	return ROW_BOUNDED;
}
