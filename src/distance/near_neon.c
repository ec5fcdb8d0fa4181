/*-------------------------------------------------------------------------
 *
 * near_neon.c
 *	  Rows against rows with NEON.
 *
 * A row's bytes are taken as signed, u - 128, and 128 times the sum of the
 * query's is added, as in kernels_neon.c.  What is not here is plain C.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#ifdef VDB_KERNELS_NEON

#include <arm_neon.h>
#include <math.h>
#include <string.h>

/* Distances of 4 rows, r and those after it. */
NEON_INLINE float32x4_t
neon_row_distances(int32x4_t dots, const NearRows *rows, int r,
				   const NearQuery *query)
{
	int32x4_t	product = vaddq_s32(vshlq_n_s32(dots, 2),
									vld1q_s32(rows->term + r));
	float32x4_t factor = vmulq_n_f32(vld1q_f32(rows->scale + r),
									 2 * query->scale);
	float32x4_t dist = vaddq_f32(vld1q_f32(rows->norm_sq + r),
								 vdupq_n_f32(query->norm_sq));

	product = vaddq_s32(product, vdupq_n_s32(query->term));
	dist = vsubq_f32(dist, vmulq_f32(factor, vcvtq_f32_s32(product)));
	if (rows->lift != NULL)
	{
		float32x4_t apart = vsubq_f32(vdupq_n_f32(query->lift),
									  vld1q_f32(rows->lift + r));

		dist = vaddq_f32(dist, vmulq_f32(apart, apart));
	}
	return dist;
}

/* Adds the dots of 4 bytes of each of 4 rows. */
NEON_INLINE int32x4_t
neon_add_group(int32x4_t acc, int8x16_t codes, int8x16_t query)
{
	int16x8_t	lo = vmull_s8(vget_low_s8(codes), vget_low_s8(query));
	int16x8_t	hi = vmull_s8(vget_high_s8(codes), vget_high_s8(query));

	return vaddq_s32(acc, vpaddq_s32(vpaddlq_s16(lo), vpaddlq_s16(hi)));
}

/* The four bytes of a group, for each of four rows. */
NEON_INLINE int8x16_t
neon_repeat_group(const int8_t *query)
{
	int32_t		bytes;

	memcpy(&bytes, query, 4);
	return vreinterpretq_s8_s32(vdupq_n_s32(bytes));
}

static int32_t
neon_query_sum(const PackedQuery *query, uint32_t ngroups)
{
	int32_t		sum = 0;

	for (uint32_t i = 0; i < 4 * ngroups; i++)
		sum += query->code[i];
	return sum;
}

void
neon_packed_distances(const PackedRows *rows, const PackedQuery *queries,
					  int nqueries, float *dists, size_t stride,
					  float *minima)
{
	const uint8x16_t middle = vdupq_n_u8(0x80);

	for (int q = 0; q < nqueries;
		 q++, queries++, dists += stride, minima += PACKED_MINIMA)
	{
		int32_t		sum = 128 * neon_query_sum(queries, rows->ngroups);
		const uint8_t *codes = rows->codes;

		for (int j = 0; j < PACKED_MINIMA; j++)
			minima[j] = INFINITY;
		for (int block = 0; block < rows->nblocks; block++)
		{
			int32x4_t	acc[4];

			for (int k = 0; k < 4; k++)
				acc[k] = vdupq_n_s32(sum);
			for (uint32_t g = 0; g < rows->ngroups; g++, codes += 64)
			{
				int8x16_t	group = neon_repeat_group(queries->code + 4 * g);

				for (int k = 0; k < 4; k++)
				{
					uint8x16_t	c = veorq_u8(vld1q_u8(codes + 16 * k), middle);

					acc[k] = neon_add_group(acc[k], vreinterpretq_s8_u8(c),
											group);
				}
			}
			for (int k = 0; k < 4; k++)
			{
				int			r = 16 * block + 4 * k;
				float	   *least = minima + r % PACKED_MINIMA;
				float32x4_t dist = neon_row_distances(acc[k], &rows->terms, r,
													  &queries->terms);

				vst1q_f32(dists + r, dist);
				vst1q_f32(least, vminq_f32(dist, vld1q_f32(least)));
			}
		}
	}
}

uint64_t
neon_covered(const int32_t *dots, const NearRows *rows, int nrows,
			 const NearQuery *query, const float *limits)
{
	const uint32x4_t weights = {1, 2, 4, 8};
	uint64_t	covered = 0;
	int			r = 0;

	for (; r + 4 <= nrows; r += 4)
	{
		uint32x4_t	pass = vcleq_f32(neon_row_distances(vld1q_s32(dots + r),
														rows, r, query),
									 vld1q_f32(limits + r));

		covered |= (uint64_t) vaddvq_u32(vandq_u32(pass, weights)) << r;
	}
	if (r < nrows)
	{
		NearRows	rest = {
			rows->term + r, rows->scale + r, rows->norm_sq + r,
			rows->lift == NULL ? NULL : rows->lift + r
		};

		covered |= scalar_covered(dots + r, &rest, nrows - r, query,
								  limits + r) << r;
	}
	return covered;
}

int
neon_packed_select(const float *dists, int n, const float *minima, int k,
				   uint16_t *rows)
{
	return scalar_packed_select(dists, n, minima, k, rows);
}

void
neon_nearest_merge(uint32_t *ids, float *dists, const uint32_t *new_ids,
				   const float *new_dists, int n)
{
	scalar_nearest_merge(ids, dists, new_ids, new_dists, n);
}

/* Lanes of squares, magnitudes, signs and products, for 4 elements. */
NEON_INLINE uint8_t
neon_add_difference(float32x4_t *lanes, uint16x4_t code, float scale,
					const float *centre, const float *origin)
{
	const uint32x4_t weights = {1, 2, 4, 8};
	int32x4_t	u = vreinterpretq_s32_u32(vmovl_u16(code));
	int32x4_t	y = vsubq_s32(vaddq_s32(u, u), vdupq_n_s32(255));
	float32x4_t d = vsubq_f32(vmulq_n_f32(vcvtq_f32_s32(y), scale),
							  vld1q_f32(centre));
	float32x4_t o = vld1q_f32(origin);
	uint32x4_t	positive = vcgtq_f32(d, vdupq_n_f32(0));

	lanes[0] = vaddq_f32(lanes[0], vmulq_f32(d, d));
	lanes[1] = vaddq_f32(lanes[1], vabsq_f32(d));
	lanes[2] = vaddq_f32(lanes[2], vbslq_f32(positive, o, vnegq_f32(o)));
	lanes[3] = vaddq_f32(lanes[3], vmulq_f32(d, o));
	return (uint8_t) vaddvq_u32(vandq_u32(positive, weights));
}

/* 16 elements; lanes[k] has the sums of elements 4 k to 4 k + 3. */
NEON_INLINE void
neon_add_differences(float32x4_t lanes[4][4], const uint8_t *code,
					 float scale, const float *centre, const float *origin,
					 uint8_t *signs)
{
	uint8x16_t	bytes = vld1q_u8(code);
	uint16x8_t	lo = vmovl_u8(vget_low_u8(bytes));
	uint16x8_t	hi = vmovl_u8(vget_high_u8(bytes));

	signs[0] = neon_add_difference(lanes[0], vget_low_u16(lo), scale, centre,
								   origin) |
		neon_add_difference(lanes[1], vget_high_u16(lo), scale, centre + 4,
							origin + 4) << 4;
	signs[1] = neon_add_difference(lanes[2], vget_low_u16(hi), scale,
								   centre + 8, origin + 8) |
		neon_add_difference(lanes[3], vget_high_u16(hi), scale, centre + 12,
							origin + 12) << 4;
}

/* Halved as in plain C: 8, 4, 2, 1 apart. */
NEON_INLINE float
neon_halve_16(float32x4_t lanes[4][4], int k)
{
	float32x4_t sum4 = vaddq_f32(vaddq_f32(lanes[0][k], lanes[2][k]),
								 vaddq_f32(lanes[1][k], lanes[3][k]));
	float32x2_t sum2 = vadd_f32(vget_low_f32(sum4), vget_high_f32(sum4));

	return vget_lane_f32(sum2, 0) + vget_lane_f32(sum2, 1);
}

/* The last elements are filled up with what gives zeros. */
NEON_INLINE void
neon_add_differences_tail(float32x4_t lanes[4][4], const uint8_t *code,
						  float scale, const float *centre,
						  const float *origin, uint32_t n, uint8_t *signs)
{
	uint8_t		c[16] = {0};
	float		z[16];
	float		o[16] = {0};
	uint8_t		bits[2];

	for (int i = 0; i < 16; i++)
		z[i] = scale * -255.0f;
	memcpy(c, code, n);
	memcpy(z, centre, n * sizeof(float));
	memcpy(o, origin, n * sizeof(float));
	neon_add_differences(lanes, c, scale, z, o, bits);
	memcpy(signs, bits, (n + 7) / 8);
}

DifferenceSums
neon_code_difference(const uint8_t *code, float scale, const float *centre,
					 const float *origin, uint32_t n, uint8_t *signs)
{
	DifferenceSums sums;
	float32x4_t lanes[4][4];
	uint32_t	i = 0;

	for (int k = 0; k < 16; k++)
		lanes[k / 4][k % 4] = vdupq_n_f32(0);
	for (; i + 16 <= n; i += 16)
		neon_add_differences(lanes, code + i, scale, centre + i, origin + i,
							 signs + i / 8);
	if (i < n)
		neon_add_differences_tail(lanes, code + i, scale, centre + i,
								  origin + i, n - i, signs + i / 8);
	sums.squares = neon_halve_16(lanes, 0);
	sums.magnitudes = neon_halve_16(lanes, 1);
	sums.signs = neon_halve_16(lanes, 2);
	sums.products = neon_halve_16(lanes, 3);
	return sums;
}

#endif							/* VDB_KERNELS_NEON */
