/*-------------------------------------------------------------------------
 *
 * near_avx512.c
 *	  Rows against rows with AVX-512.
 *
 * Packed rows need no sums across a register: element r of an accumulator is
 * the dot of row r.  Tiles of 4 blocks and 4 queries load 8 registers for 16
 * multiplications, which are then what takes the time.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#ifdef VDB_KERNELS_X86

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

/* Blocks and queries of a tile. */
#define TILE 4

/* Distances of 16 rows, r and those after it. */
AVX512_INLINE __m512
avx512_row_distances(__m512i dots, const NearRows *rows, int r,
					 __mmask16 mask, const NearQuery *query)
{
	__m512i		product = _mm512_slli_epi32(dots, 2);
	__m512		factor = _mm512_set1_ps(2 * query->scale);
	__m512		dist;

	product = _mm512_add_epi32(product,
							   _mm512_maskz_loadu_epi32(mask, rows->term + r));
	product = _mm512_add_epi32(product, _mm512_set1_epi32(query->term));
	factor = _mm512_mul_ps(factor,
						   _mm512_maskz_loadu_ps(mask, rows->scale + r));
	dist = _mm512_add_ps(_mm512_set1_ps(query->norm_sq),
						 _mm512_maskz_loadu_ps(mask, rows->norm_sq + r));
	dist = _mm512_sub_ps(dist, _mm512_mul_ps(factor,
											 _mm512_cvtepi32_ps(product)));
	if (rows->lift != NULL)
	{
		__m512		apart = _mm512_maskz_loadu_ps(mask, rows->lift + r);

		apart = _mm512_sub_ps(_mm512_set1_ps(query->lift), apart);
		dist = _mm512_add_ps(dist, _mm512_mul_ps(apart, apart));
	}
	return dist;
}

/* nblocks and nqueries are constants, so that acc is in registers. */
AVX512_INLINE void
avx512_packed_tile(const PackedRows *rows, int block, const int nblocks,
				   const PackedQuery *queries, const int nqueries,
				   float *dists, size_t stride, float *minima)
{
	const uint8_t *codes = rows->codes + (size_t) block * rows->ngroups * 64;
	size_t		block_bytes = (size_t) rows->ngroups * 64;
	__m512i		acc[TILE * TILE];

	UNROLL_16
	for (int i = 0; i < nblocks * nqueries; i++)
		acc[i] = _mm512_setzero_si512();
	for (uint32_t g = 0; g < rows->ngroups; g++, codes += 64)
	{
		__m512i		c[TILE];

		UNROLL_16
		for (int b = 0; b < nblocks; b++)
			c[b] = _mm512_loadu_si512(codes + b * block_bytes);
		UNROLL_16
		for (int i = 0; i < nblocks * nqueries; i++)
		{
			int32_t		bytes;

			memcpy(&bytes, queries[i / nblocks].code + 4 * g, 4);
			acc[i] = _mm512_dpbusd_epi32(acc[i], c[i % nblocks],
										 _mm512_set1_epi32(bytes));
		}
	}
	UNROLL_16
	for (int i = 0; i < nblocks * nqueries; i++)
	{
		int			q = i / nblocks;
		int			b = block + i % nblocks;
		float	   *least = minima + q * PACKED_MINIMA + b % 2 * 16;
		__m512		dist = avx512_row_distances(acc[i], &rows->terms, 16 * b,
												0xFFFF, &queries[q].terms);

		_mm512_storeu_ps(dists + q * stride + 16 * b, dist);
		_mm512_storeu_ps(least, _mm512_min_ps(dist, _mm512_loadu_ps(least)));
	}
}

/* One or four blocks, a constant, against all queries. */
AVX512_INLINE void
avx512_packed_blocks(const PackedRows *rows, int block, const int nblocks,
					 const PackedQuery *queries, int nqueries, float *dists,
					 size_t stride, float *minima)
{
	int			q = 0;

	for (; q + TILE <= nqueries; q += TILE)
		avx512_packed_tile(rows, block, nblocks, queries + q, TILE,
						   dists + q * stride, stride,
						   minima + q * PACKED_MINIMA);
	for (; q < nqueries; q++)
		avx512_packed_tile(rows, block, nblocks, queries + q, 1,
						   dists + q * stride, stride,
						   minima + q * PACKED_MINIMA);
}

AVX512 void
avx512_packed_distances(const PackedRows *rows, const PackedQuery *queries,
						int nqueries, float *dists, size_t stride,
						float *minima)
{
	int			block = 0;

	for (int i = 0; i < nqueries * PACKED_MINIMA; i += 16)
		_mm512_storeu_ps(minima + i, _mm512_set1_ps(INFINITY));
	for (; block + TILE <= rows->nblocks; block += TILE)
		avx512_packed_blocks(rows, block, TILE, queries, nqueries, dists,
							 stride, minima);
	for (; block < rows->nblocks; block++)
		avx512_packed_blocks(rows, block, 1, queries, nqueries, dists,
							 stride, minima);
}

/* The largest of the minima that fewer than k others are smaller than. */
AVX512_INLINE float
avx512_threshold(const float *minima, int k)
{
	const __m512i one = _mm512_set1_epi32(1);
	__m512		lo = _mm512_loadu_ps(minima);
	__m512		hi = _mm512_loadu_ps(minima + 16);
	__m512i		nlo = _mm512_setzero_si512();
	__m512i		nhi = _mm512_setzero_si512();
	__m512i		limit = _mm512_set1_epi32(k);
	__m512		least = _mm512_set1_ps(-INFINITY);
	float		threshold;

	if (k > PACKED_MINIMA)
		return FLT_MAX;
	for (int i = 0; i < PACKED_MINIMA; i++)
	{
		__m512		x = _mm512_set1_ps(minima[i]);

		nlo = _mm512_mask_add_epi32(nlo,
									_mm512_cmp_ps_mask(x, lo, _CMP_LT_OQ),
									nlo, one);
		nhi = _mm512_mask_add_epi32(nhi,
									_mm512_cmp_ps_mask(x, hi, _CMP_LT_OQ),
									nhi, one);
	}
	lo = _mm512_mask_mov_ps(least, _mm512_cmplt_epi32_mask(nlo, limit), lo);
	hi = _mm512_mask_mov_ps(least, _mm512_cmplt_epi32_mask(nhi, limit), hi);
	threshold = _mm512_reduce_max_ps(_mm512_max_ps(lo, hi));
	return threshold < FLT_MAX ? threshold : FLT_MAX;
}

/* Without a branch on what is selected; nothing is written beyond rows[n]. */
AVX512 int
avx512_packed_select(const float *dists, int n, const float *minima, int k,
					 uint16_t *rows)
{
	const __m512 threshold = _mm512_set1_ps(avx512_threshold(minima, k));
	__m512i		numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
											11, 12, 13, 14, 15);
	int			nselected = 0;

	for (int r = 0; r < n; r += 16)
	{
		__mmask16	mask = _mm512_cmp_ps_mask(_mm512_loadu_ps(dists + r),
											  threshold, _CMP_LE_OQ);
		__m512i		selected = _mm512_maskz_compress_epi32(mask, numbers);

		_mm256_storeu_si256((__m256i *) (rows + nselected),
							_mm512_cvtepi32_epi16(selected));
		nselected += __builtin_popcount(mask);
		numbers = _mm512_add_epi32(numbers, _mm512_set1_epi32(16));
	}
	return nselected;
}

AVX512 uint64_t
avx512_covered(const int32_t *dots, const NearRows *rows, int nrows,
			   const NearQuery *query, const float *limits)
{
	uint64_t	covered = 0;

	for (int r = 0; r < nrows; r += 16)
	{
		__mmask16	mask = nrows - r >= 16 ? (__mmask16) 0xFFFF :
		(__mmask16) ((1U << (nrows - r)) - 1);
		__m512		dist =
		avx512_row_distances(_mm512_maskz_loadu_epi32(mask, dots + r), rows,
							 r, mask, query);

		mask = _mm512_mask_cmp_ps_mask(mask, dist,
									   _mm512_maskz_loadu_ps(mask, limits + r),
									   _CMP_LE_OQ);
		covered |= (uint64_t) mask << r;
	}
	return covered;
}

/* Registers that hold the places. */
#define NEAREST_PARTS (NEAREST_SIZE / 16)

/* x moved up by one place, with the last of the register before it. */
AVX512_INLINE __m512
avx512_shift_floats(__m512 x, __m512 before)
{
	return _mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(x),
												   _mm512_castps_si512(before),
												   15));
}

/*
 * All places at once, without a branch on whether and where a row goes: it is
 * put where the mask of those behind it begins, which may be nowhere.
 */
AVX512_INLINE void
avx512_nearest_put(__m512i *ids, __m512 *dists, uint32_t id, float dist)
{
	__m512i		new_id = _mm512_set1_epi32((int) id);
	__m512		new_dist = _mm512_set1_ps(dist);
	__m512i		id_before = new_id;
	__m512		dist_before = new_dist;
	uint64_t	behind = 0;
	uint64_t	place;
	bool		known = false;

	UNROLL_16
	for (int k = 0; k < NEAREST_PARTS; k++)
	{
		__mmask16	greater = _mm512_cmp_ps_mask(dists[k], new_dist,
												 _CMP_GT_OQ);
		__mmask16	equal = _mm512_cmp_ps_mask(dists[k], new_dist, _CMP_EQ_OQ);

		greater |= _mm512_mask_cmpgt_epu32_mask(equal, ids[k], new_id);
		known |= _mm512_mask_cmpeq_epi32_mask(equal, ids[k], new_id) != 0;
		behind |= (uint64_t) greater << (16 * k);
	}
	behind = known ? 0 : behind;
	place = behind & ~(behind << 1);
	UNROLL_16
	for (int k = 0; k < NEAREST_PARTS; k++)
	{
		__mmask16	moved = (__mmask16) (behind >> (16 * k));
		__mmask16	first = (__mmask16) (place >> (16 * k));
		__m512i		id_moved = _mm512_alignr_epi32(ids[k], id_before, 15);
		__m512		dist_moved = avx512_shift_floats(dists[k], dist_before);

		id_before = ids[k];
		dist_before = dists[k];
		id_moved = _mm512_mask_mov_epi32(id_moved, first, new_id);
		dist_moved = _mm512_mask_mov_ps(dist_moved, first, new_dist);
		ids[k] = _mm512_mask_mov_epi32(ids[k], moved, id_moved);
		dists[k] = _mm512_mask_mov_ps(dists[k], moved, dist_moved);
	}
}

AVX512 void
avx512_nearest_merge(uint32_t *ids, float *dists, const uint32_t *new_ids,
					 const float *new_dists, int n)
{
	__m512i		i[NEAREST_PARTS];
	__m512		d[NEAREST_PARTS];

	UNROLL_16
	for (int k = 0; k < NEAREST_PARTS; k++)
	{
		i[k] = _mm512_loadu_si512(ids + 16 * k);
		d[k] = _mm512_loadu_ps(dists + 16 * k);
	}
	for (int j = 0; j < n; j++)
		avx512_nearest_put(i, d, new_ids[j], new_dists[j]);
	UNROLL_16
	for (int k = 0; k < NEAREST_PARTS; k++)
	{
		_mm512_storeu_si512(ids + 16 * k, i[k]);
		_mm512_storeu_ps(dists + 16 * k, d[k]);
	}
}

/* Halved as in plain C: 8, 4, 2, 1 apart. */
AVX512_INLINE float
avx512_halve_16(__m512 lanes)
{
	__m256		sum8 = _mm256_add_ps(_mm512_castps512_ps256(lanes),
									 _mm512_extractf32x8_ps(lanes, 1));
	__m128		sum4 = _mm_add_ps(_mm256_castps256_ps128(sum8),
								  _mm256_extractf128_ps(sum8, 1));
	__m128		sum2 = _mm_add_ps(sum4, _mm_movehl_ps(sum4, sum4));

	return _mm_cvtss_f32(_mm_add_ss(sum2, _mm_movehdup_ps(sum2)));
}

/* The sums' lanes: squares, magnitudes, signs, products. */
AVX512_INLINE __mmask16
avx512_add_difference(__m512 *lanes, __m128i code, __m512 scale,
					  __m512 centre, __m512 origin, __mmask16 mask)
{
	const __m512 minus = _mm512_set1_ps(-0.0f);
	__m512i		u = _mm512_cvtepu8_epi32(code);
	__m512i		y = _mm512_sub_epi32(_mm512_add_epi32(u, u),
									 _mm512_set1_epi32(255));
	__m512		d = _mm512_sub_ps(_mm512_mul_ps(scale, _mm512_cvtepi32_ps(y)),
								  centre);
	__mmask16	positive;

	/* what is masked out becomes zero, and adds nothing */
	d = _mm512_maskz_mov_ps(mask, d);
	positive = _mm512_cmp_ps_mask(d, _mm512_setzero_ps(), _CMP_GT_OQ);
	lanes[0] = _mm512_add_ps(lanes[0], _mm512_mul_ps(d, d));
	lanes[1] = _mm512_add_ps(lanes[1], _mm512_abs_ps(d));
	lanes[2] = _mm512_add_ps(lanes[2],
							 _mm512_mask_mov_ps(_mm512_xor_ps(origin, minus),
												positive, origin));
	lanes[3] = _mm512_add_ps(lanes[3], _mm512_mul_ps(d, origin));
	return positive;
}

AVX512 DifferenceSums
avx512_code_difference(const uint8_t *code, float scale, const float *centre,
					   const float *origin, uint32_t n, uint8_t *signs)
{
	const __m512 scales = _mm512_set1_ps(scale);
	DifferenceSums sums;
	__m512		lanes[4];
	uint32_t	i = 0;

	UNROLL_16
	for (int k = 0; k < 4; k++)
		lanes[k] = _mm512_setzero_ps();
	for (; i + 16 <= n; i += 16)
	{
		uint16_t	bits;

		bits = avx512_add_difference(lanes, _mm_loadu_si128((const __m128i *)
															(code + i)),
									 scales, _mm512_loadu_ps(centre + i),
									 _mm512_loadu_ps(origin + i), 0xFFFF);
		memcpy(signs + i / 8, &bits, sizeof(bits));
	}
	if (i < n)
	{
		__mmask16	mask = (__mmask16) ((1U << (n - i)) - 1);
		__m128i		c = _mm_maskz_loadu_epi8(mask, code + i);
		uint16_t	bits;

		bits = avx512_add_difference(lanes, c, scales,
									 _mm512_maskz_loadu_ps(mask, centre + i),
									 _mm512_maskz_loadu_ps(mask, origin + i),
									 mask);
		memcpy(signs + i / 8, &bits, (n - i + 7) / 8);
	}
	sums.squares = avx512_halve_16(lanes[0]);
	sums.magnitudes = avx512_halve_16(lanes[1]);
	sums.signs = avx512_halve_16(lanes[2]);
	sums.products = avx512_halve_16(lanes[3]);
	return sums;
}

#endif							/* VDB_KERNELS_X86 */
