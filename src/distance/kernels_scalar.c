/*-------------------------------------------------------------------------
 *
 * kernels_scalar.c
 *	  Plain C kernels: the meaning of every kernel in the table.
 *
 * The other kernel files are compared with this one: the float distances and
 * the Hadamard transform bit for bit, the integer kernels exactly, the sums
 * over L1 codes and the filters within the bound of README.md.  Nothing is
 * relied on but C and IEEE arithmetic without contraction.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#include <math.h>
#include <string.h>

/* Halve the lanes until one is left: 16, 8, 4, 2, 1 apart. */
static float
scalar_reduce(float *lanes)
{
	for (int width = FLOAT_LANES / 2; width > 0; width /= 2)
		for (int j = 0; j < width; j++)
			lanes[j] += lanes[j + width];
	return lanes[0];
}

/*
 * Lanes start at +0.0 and can never become -0.0 (x + -x is +0.0), so that an
 * implementation may pad the last block with elements that contribute zero of
 * either sign.
 */
static float
scalar_l2_sq(const float *a, const float *b, uint32_t dim)
{
	float		lanes[FLOAT_LANES] = {0};
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
		for (int j = 0; j < FLOAT_LANES; j++)
		{
			float		d = a[i + j] - b[i + j];

			lanes[j] += d * d;
		}
	for (int j = 0; i < dim; i++, j++)
	{
		float		d = a[i] - b[i];

		lanes[j] += d * d;
	}
	return scalar_reduce(lanes);
}

static float
scalar_ip(const float *a, const float *b, uint32_t dim)
{
	float		lanes[FLOAT_LANES] = {0};
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
		for (int j = 0; j < FLOAT_LANES; j++)
			lanes[j] += a[i + j] * b[i + j];
	for (int j = 0; i < dim; i++, j++)
		lanes[j] += a[i] * b[i];
	return scalar_reduce(lanes);
}

static float
scalar_l1(const float *a, const float *b, uint32_t dim)
{
	float		lanes[FLOAT_LANES] = {0};
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
		for (int j = 0; j < FLOAT_LANES; j++)
			lanes[j] += fabsf(a[i + j] - b[i + j]);
	for (int j = 0; i < dim; i++, j++)
		lanes[j] += fabsf(a[i] - b[i]);
	return scalar_reduce(lanes);
}

static CosineSums
scalar_cosine(const float *a, const float *b, uint32_t dim)
{
	CosineSums	sums;

	sums.ab = scalar_ip(a, b, dim);
	sums.aa = scalar_ip(a, a, dim);
	sums.bb = scalar_ip(b, b, dim);
	return sums;
}

static void
scalar_dot_u8_s8(const uint8_t *codes, size_t stride, int nrows,
				 const int8_t *query, uint32_t dim, int32_t *dots)
{
	for (int r = 0; r < nrows; r++, codes += stride)
	{
		int32_t		dot = 0;

		for (uint32_t i = 0; i < dim; i++)
			dot += (int32_t) codes[i] * query[i];
		dots[r] = dot;
	}
}

static void
scalar_dot_u4_s8(const uint8_t *codes, size_t stride, int nrows,
				 const int8_t *query_lo, const int8_t *query_hi,
				 uint32_t nbytes, int32_t *dots)
{
	for (int r = 0; r < nrows; r++, codes += stride)
	{
		int32_t		dot = 0;

		for (uint32_t i = 0; i < nbytes; i++)
			dot += (int32_t) (codes[i] & 15) * query_lo[i] +
				(int32_t) (codes[i] >> 4) * query_hi[i];
		dots[r] = dot;
	}
}

/* 16 lanes, the fewest that the bound in README.md allows. */
static float
scalar_reduce_l1(const float *lanes)
{
	float		sum = 0;

	for (int j = 0; j < 16; j++)
		sum += lanes[j];
	return sum;
}

static void
scalar_l1_u8(const uint8_t *codes, size_t stride, int nrows,
			 const float *query, const float *scales, uint32_t dim,
			 float *sums)
{
	for (int r = 0; r < nrows; r++, codes += stride)
	{
		float		lanes[16] = {0};

		for (uint32_t i = 0; i < dim; i++)
			lanes[i % 16] += fabsf(query[i] -
								   scales[r] * (float) (2 * codes[i] - 255));
		sums[r] = scalar_reduce_l1(lanes);
	}
}

static void
scalar_l1_u4(const uint8_t *codes, size_t stride, int nrows,
			 const float *query_lo, const float *query_hi,
			 const float *scales, uint32_t nbytes, float *sums)
{
	for (int r = 0; r < nrows; r++, codes += stride)
	{
		float		lanes[16] = {0};

		for (uint32_t i = 0; i < nbytes; i++)
		{
			float		lo = (float) (2 * (codes[i] & 15) - 15);
			float		hi = (float) (2 * (codes[i] >> 4) - 15);

			lanes[i % 16] += fabsf(query_lo[i] - scales[r] * lo);
			lanes[i % 16] += fabsf(query_hi[i] - scales[r] * hi);
		}
		sums[r] = scalar_reduce_l1(lanes);
	}
}

static void
scalar_fastscan_block(const uint8_t *block, const uint8_t *lut,
					  uint32_t ngroups, uint32_t *sums)
{
	memset(sums, 0, 32 * sizeof(uint32_t));
	for (uint32_t g = 0; g < ngroups; g++, block += 16, lut += 16)
		for (int j = 0; j < 16; j++)
		{
			/* the order 0, 8, 1, 9, ... that README.md explains */
			int			row = (j >> 1) + (j & 1) * 8;

			sums[row] += lut[block[j] & 15];
			sums[row + 16] += lut[block[j] >> 4];
		}
}

static int
scalar_filter_l2(const FilterRows *rows, const FilterParams *params,
				 uint16_t *passed)
{
	int			npassed = 0;

	for (int r = 0; r < rows->nrows; r++)
	{
		float		x = (float) (2 * rows->dots[r] - params->offset);
		float		est = params->base +
		params->norm_factor * rows->norm_sq[r] -
		params->factor * (rows->scale[r] * x);
		float		limit = params->radius_factor *
		(params->limit + rows->radius[r]);

		if (!(est > limit * limit))
			passed[npassed++] = (uint16_t) r;
	}
	return npassed;
}

static int
scalar_filter_ip(const FilterRows *rows, const FilterParams *params,
				 uint16_t *passed)
{
	int			npassed = 0;

	for (int r = 0; r < rows->nrows; r++)
	{
		float		x = (float) (2 * rows->dots[r] - params->offset);
		float		bound = params->base -
		params->factor * (rows->scale[r] * x) -
		params->radius_factor * rows->radius[r] -
		params->norm_factor * sqrtf(rows->norm_sq[r]);

		if (!(bound > params->limit))
			passed[npassed++] = (uint16_t) r;
	}
	return npassed;
}

const VdbKernels vdb_kernels_scalar = {
	.name = "scalar",
	.l2_sq = scalar_l2_sq,
	.ip = scalar_ip,
	.l1 = scalar_l1,
	.cosine = scalar_cosine,
	.dot_u8_s8 = scalar_dot_u8_s8,
	.dot_u4_s8 = scalar_dot_u4_s8,
	.l1_u8 = scalar_l1_u8,
	.l1_u4 = scalar_l1_u4,
	.fastscan_block = scalar_fastscan_block,
	.filter_l2 = scalar_filter_l2,
	.filter_ip = scalar_filter_ip,
	ENCODE_KERNELS(scalar)
	NEAR_KERNELS(scalar)
};
