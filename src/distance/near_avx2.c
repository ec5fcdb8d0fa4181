/*-------------------------------------------------------------------------
 *
 * near_avx2.c
 *	  Rows against rows with AVX2.
 *
 * Bytes are widened to 16 bits, since the multiplication of bytes saturates.
 * Four rows fill a register; each has two sums, which are added in the end.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#ifdef VDB_KERNELS_X86

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

/* Distances of 8 rows, r and those after it. */
AVX2_INLINE __m256
avx2_row_distances(__m256i dots, const NearRows *rows, int r,
				   const NearQuery *query)
{
	__m256i		product = _mm256_slli_epi32(dots, 2);
	__m256		factor = _mm256_mul_ps(_mm256_set1_ps(2 * query->scale),
									   _mm256_loadu_ps(rows->scale + r));
	__m256		dist = _mm256_add_ps(_mm256_set1_ps(query->norm_sq),
									 _mm256_loadu_ps(rows->norm_sq + r));

	product = _mm256_add_epi32(product,
							   _mm256_loadu_si256((const __m256i *)
												  (rows->term + r)));
	product = _mm256_add_epi32(product, _mm256_set1_epi32(query->term));
	dist = _mm256_sub_ps(dist, _mm256_mul_ps(factor,
											 _mm256_cvtepi32_ps(product)));
	if (rows->lift != NULL)
	{
		__m256		apart = _mm256_sub_ps(_mm256_set1_ps(query->lift),
										  _mm256_loadu_ps(rows->lift + r));

		dist = _mm256_add_ps(dist, _mm256_mul_ps(apart, apart));
	}
	return dist;
}

/* Four bytes of a query, widened, for each of four rows. */
AVX2_INLINE __m256i
avx2_widen_group(const int8_t *query)
{
	int32_t		bytes;
	__m128i		group;

	memcpy(&bytes, query, 4);
	group = _mm_cvtepi8_epi16(_mm_cvtsi32_si128(bytes));
	return _mm256_broadcastq_epi64(group);
}

/* The two sums of each of 8 rows, in two registers, to one. */
AVX2_INLINE __m256i
avx2_pair_rows(__m256i a, __m256i b)
{
	return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xD8);
}

AVX2_INLINE void
avx2_packed_store(__m256 dist, float *dists, float *least)
{
	_mm256_storeu_ps(dists, dist);
	_mm256_storeu_ps(least, _mm256_min_ps(dist, _mm256_loadu_ps(least)));
}

/* One block against one or two queries, a constant. */
AVX2_INLINE void
avx2_packed_tile(const PackedRows *rows, int block,
				 const PackedQuery *queries, const int nqueries,
				 float *dists, size_t stride, float *minima)
{
	const uint8_t *codes = rows->codes + (size_t) block * rows->ngroups * 64;
	__m256i		acc[8];

	UNROLL_16
	for (int i = 0; i < 4 * nqueries; i++)
		acc[i] = _mm256_setzero_si256();
	for (uint32_t g = 0; g < rows->ngroups; g++, codes += 64)
	{
		__m256i		q[2];

		UNROLL_16
		for (int i = 0; i < nqueries; i++)
			q[i] = avx2_widen_group(queries[i].code + 4 * g);
		UNROLL_16
		for (int i = 0; i < 4 * nqueries; i++)
		{
			__m128i		bytes = _mm_loadu_si128((const __m128i *)
												(codes + i % 4 * 16));
			__m256i		c = _mm256_cvtepu8_epi16(bytes);

			acc[i] = _mm256_add_epi32(acc[i], _mm256_madd_epi16(c, q[i / 4]));
		}
	}
	UNROLL_16
	for (int i = 0; i < 2 * nqueries; i++)
	{
		int			q = i / 2;
		int			r = block * 16 + i % 2 * 8;
		__m256i		dots = avx2_pair_rows(acc[2 * i], acc[2 * i + 1]);

		avx2_packed_store(avx2_row_distances(dots, &rows->terms, r,
											 &queries[q].terms),
						  dists + q * stride + r,
						  minima + q * PACKED_MINIMA + r % PACKED_MINIMA);
	}
}

AVX2 void
avx2_packed_distances(const PackedRows *rows, const PackedQuery *queries,
					  int nqueries, float *dists, size_t stride,
					  float *minima)
{
	for (int i = 0; i < nqueries * PACKED_MINIMA; i += 8)
		_mm256_storeu_ps(minima + i, _mm256_set1_ps(INFINITY));
	for (int block = 0; block < rows->nblocks; block++)
	{
		int			q = 0;

		for (; q + 2 <= nqueries; q += 2)
			avx2_packed_tile(rows, block, queries + q, 2, dists + q * stride,
							 stride, minima + q * PACKED_MINIMA);
		if (q < nqueries)
			avx2_packed_tile(rows, block, queries + q, 1, dists + q * stride,
							 stride, minima + q * PACKED_MINIMA);
	}
}

/* The largest of the minima that fewer than k others are smaller than. */
AVX2_INLINE float
avx2_threshold(const float *minima, int k)
{
	float		threshold = -INFINITY;

	if (k > PACKED_MINIMA)
		return FLT_MAX;
	for (int i = 0; i < PACKED_MINIMA; i += 8)
	{
		__m256		x = _mm256_loadu_ps(minima + i);
		__m256i		nsmaller = _mm256_setzero_si256();
		int			mask;

		for (int j = 0; j < PACKED_MINIMA; j++)
		{
			__m256		less = _mm256_cmp_ps(_mm256_broadcast_ss(minima + j),
											 x, _CMP_LT_OQ);

			nsmaller = _mm256_sub_epi32(nsmaller, _mm256_castps_si256(less));
		}
		nsmaller = _mm256_cmpgt_epi32(_mm256_set1_epi32(k), nsmaller);
		mask = _mm256_movemask_ps(_mm256_castsi256_ps(nsmaller));
		for (; mask != 0; mask &= mask - 1)
		{
			float		value = minima[i + __builtin_ctz(mask)];

			threshold = value > threshold ? value : threshold;
		}
	}
	return threshold < FLT_MAX ? threshold : FLT_MAX;
}

AVX2 int
avx2_packed_select(const float *dists, int n, const float *minima, int k,
				   uint16_t *rows)
{
	const __m256 threshold = _mm256_set1_ps(avx2_threshold(minima, k));
	int			nselected = 0;

	for (int r = 0; r < n; r += 8)
	{
		__m256		pass = _mm256_cmp_ps(_mm256_loadu_ps(dists + r), threshold,
										 _CMP_LE_OQ);
		int			mask = _mm256_movemask_ps(pass);

		for (; mask != 0; mask &= mask - 1)
			rows[nselected++] = (uint16_t) (r + __builtin_ctz(mask));
	}
	return nselected;
}

AVX2 uint64_t
avx2_covered(const int32_t *dots, const NearRows *rows, int nrows,
			 const NearQuery *query, const float *limits)
{
	uint64_t	covered = 0;
	int			r = 0;

	for (; r + 8 <= nrows; r += 8)
	{
		__m256i		d = _mm256_loadu_si256((const __m256i *) (dots + r));
		__m256		pass = _mm256_cmp_ps(avx2_row_distances(d, rows, r, query),
										 _mm256_loadu_ps(limits + r),
										 _CMP_LE_OQ);

		covered |= (uint64_t) _mm256_movemask_ps(pass) << r;
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

void
avx2_nearest_merge(uint32_t *ids, float *dists, const uint32_t *new_ids,
				   const float *new_dists, int n)
{
	scalar_nearest_merge(ids, dists, new_ids, new_dists, n);
}

/* Lanes 0 to 7 and 8 to 15; halved as in plain C: 8, 4, 2, 1 apart. */
AVX2_INLINE float
avx2_halve_16(__m256 lo, __m256 hi)
{
	__m256		sum8 = _mm256_add_ps(lo, hi);
	__m128		sum4 = _mm_add_ps(_mm256_castps256_ps128(sum8),
								  _mm256_extractf128_ps(sum8, 1));
	__m128		sum2 = _mm_add_ps(sum4, _mm_movehl_ps(sum4, sum4));

	return _mm_cvtss_f32(_mm_add_ss(sum2, _mm_movehdup_ps(sum2)));
}

/* Lanes of squares, magnitudes, signs and products, for 8 elements. */
AVX2_INLINE uint8_t
avx2_add_difference(__m256 *lanes, const uint8_t *code, __m256 scale,
					const float *centre, const float *origin)
{
	const __m256 minus = _mm256_set1_ps(-0.0f);
	__m128i		bytes = _mm_loadl_epi64((const __m128i *) code);
	__m256i		u = _mm256_cvtepu8_epi32(bytes);
	__m256i		y = _mm256_sub_epi32(_mm256_add_epi32(u, u),
									 _mm256_set1_epi32(255));
	__m256		d = _mm256_sub_ps(_mm256_mul_ps(scale, _mm256_cvtepi32_ps(y)),
								  _mm256_loadu_ps(centre));
	__m256		o = _mm256_loadu_ps(origin);
	__m256		positive = _mm256_cmp_ps(d, _mm256_setzero_ps(), _CMP_GT_OQ);

	lanes[0] = _mm256_add_ps(lanes[0], _mm256_mul_ps(d, d));
	lanes[1] = _mm256_add_ps(lanes[1], _mm256_andnot_ps(minus, d));
	lanes[2] = _mm256_add_ps(lanes[2],
							 _mm256_xor_ps(o, _mm256_andnot_ps(positive,
															   minus)));
	lanes[3] = _mm256_add_ps(lanes[3], _mm256_mul_ps(d, o));
	return (uint8_t) _mm256_movemask_ps(positive);
}

/*
 * The last elements are copied and filled up to 16 with what gives zeros: an
 * origin of zero, and as centre the element's own value.
 */
AVX2_INLINE void
avx2_add_difference_tail(__m256 *lo, __m256 *hi, const uint8_t *code,
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
	bits[0] = avx2_add_difference(lo, c, _mm256_set1_ps(scale), z, o);
	bits[1] = avx2_add_difference(hi, c + 8, _mm256_set1_ps(scale), z + 8,
								  o + 8);
	memcpy(signs, bits, (n + 7) / 8);
}

AVX2 DifferenceSums
avx2_code_difference(const uint8_t *code, float scale, const float *centre,
					 const float *origin, uint32_t n, uint8_t *signs)
{
	const __m256 scales = _mm256_set1_ps(scale);
	DifferenceSums sums;
	__m256		lo[4];
	__m256		hi[4];
	uint32_t	i = 0;

	UNROLL_16
	for (int k = 0; k < 4; k++)
		lo[k] = hi[k] = _mm256_setzero_ps();
	for (; i + 16 <= n; i += 16)
	{
		signs[i / 8] = avx2_add_difference(lo, code + i, scales, centre + i,
										   origin + i);
		signs[i / 8 + 1] = avx2_add_difference(hi, code + i + 8, scales,
											   centre + i + 8, origin + i + 8);
	}
	if (i < n)
		avx2_add_difference_tail(lo, hi, code + i, scale, centre + i,
								 origin + i, n - i, signs + i / 8);
	sums.squares = avx2_halve_16(lo[0], hi[0]);
	sums.magnitudes = avx2_halve_16(lo[1], hi[1]);
	sums.signs = avx2_halve_16(lo[2], hi[2]);
	sums.products = avx2_halve_16(lo[3], hi[3]);
	return sums;
}

#endif							/* VDB_KERNELS_X86 */
