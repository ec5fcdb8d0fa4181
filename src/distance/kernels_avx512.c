/*-------------------------------------------------------------------------
 *
 * kernels_avx512.c
 *	  Kernels for x86-64 with AVX-512 F, BW, VL, DQ and VNNI.
 *
 * Meaning as in kernels_scalar.c.  Tails are read with masks, so that nothing
 * beyond a row is touched.
 *
 * Dots of codes take 16 rows at a time: each row is accumulated in a register
 * of its own and the 16 registers are then summed by a transposed reduction,
 * three instructions a row where a reduction of each would take ten.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#ifdef VDB_KERNELS_X86

#include <immintrin.h>
#include <string.h>

/* Rows whose dots are computed together. */
#define ROWS 16

#define ALL_BYTES (~(__mmask64) 0)

/* ---- float ---- */

AVX512_INLINE __mmask32
avx512_tail_mask(uint32_t n)
{
	return (__mmask32) ((UINT64_C(1) << n) - 1);
}

/* A block of 32 elements, or the last ones of a vector and zeros. */
typedef struct FloatBlock
{
	__m512		lo;
	__m512		hi;
} FloatBlock;

AVX512_INLINE FloatBlock
avx512_load(const float *x)
{
	FloatBlock	block = {_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)};

	return block;
}

AVX512_INLINE FloatBlock
avx512_load_tail(const float *x, uint32_t n)
{
	__mmask32	mask = avx512_tail_mask(n);
	FloatBlock	block = {
		_mm512_maskz_loadu_ps((__mmask16) mask, x),
		_mm512_maskz_loadu_ps((__mmask16) (mask >> 16), x + 16)
	};

	return block;
}

AVX512_INLINE FloatBlock
avx512_zero(void)
{
	FloatBlock	block = {_mm512_setzero_ps(), _mm512_setzero_ps()};

	return block;
}

AVX512_INLINE void
avx512_add_product(FloatBlock *sum, FloatBlock a, FloatBlock b)
{
	sum->lo = _mm512_add_ps(sum->lo, _mm512_mul_ps(a.lo, b.lo));
	sum->hi = _mm512_add_ps(sum->hi, _mm512_mul_ps(a.hi, b.hi));
}

AVX512_INLINE FloatBlock
avx512_difference(FloatBlock a, FloatBlock b)
{
	FloatBlock	d = {_mm512_sub_ps(a.lo, b.lo), _mm512_sub_ps(a.hi, b.hi)};

	return d;
}

/* Halved as distance.h says: 16, 8, 4, 2, 1 apart. */
AVX512_INLINE float
avx512_reduce(FloatBlock lanes)
{
	__m512		sum16 = _mm512_add_ps(lanes.lo, lanes.hi);
	__m256		sum8 = _mm256_add_ps(_mm512_castps512_ps256(sum16),
									 _mm512_extractf32x8_ps(sum16, 1));
	__m128		sum4 = _mm_add_ps(_mm256_castps256_ps128(sum8),
								  _mm256_extractf128_ps(sum8, 1));
	__m128		sum2 = _mm_add_ps(sum4, _mm_movehl_ps(sum4, sum4));

	return _mm_cvtss_f32(_mm_add_ss(sum2, _mm_movehdup_ps(sum2)));
}

AVX512 static float
avx512_l2_sq(const float *a, const float *b, uint32_t dim)
{
	FloatBlock	sum = avx512_zero();
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
	{
		FloatBlock	d = avx512_difference(avx512_load(a + i),
										  avx512_load(b + i));

		avx512_add_product(&sum, d, d);
	}
	if (i < dim)
	{
		FloatBlock	d = avx512_difference(avx512_load_tail(a + i, dim - i),
										  avx512_load_tail(b + i, dim - i));

		avx512_add_product(&sum, d, d);
	}
	return avx512_reduce(sum);
}

AVX512 static float
avx512_ip(const float *a, const float *b, uint32_t dim)
{
	FloatBlock	sum = avx512_zero();
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
		avx512_add_product(&sum, avx512_load(a + i), avx512_load(b + i));
	if (i < dim)
		avx512_add_product(&sum, avx512_load_tail(a + i, dim - i),
						   avx512_load_tail(b + i, dim - i));
	return avx512_reduce(sum);
}

AVX512_INLINE void
avx512_add_abs(FloatBlock *sum, FloatBlock d)
{
	sum->lo = _mm512_add_ps(sum->lo, _mm512_abs_ps(d.lo));
	sum->hi = _mm512_add_ps(sum->hi, _mm512_abs_ps(d.hi));
}

AVX512 static float
avx512_l1(const float *a, const float *b, uint32_t dim)
{
	FloatBlock	sum = avx512_zero();
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
		avx512_add_abs(&sum, avx512_difference(avx512_load(a + i),
											   avx512_load(b + i)));
	if (i < dim)
		avx512_add_abs(&sum,
					   avx512_difference(avx512_load_tail(a + i, dim - i),
										 avx512_load_tail(b + i, dim - i)));
	return avx512_reduce(sum);
}

AVX512 static CosineSums
avx512_cosine(const float *a, const float *b, uint32_t dim)
{
	CosineSums	sums;
	FloatBlock	ab = avx512_zero();
	FloatBlock	aa = avx512_zero();
	FloatBlock	bb = avx512_zero();

	for (uint32_t i = 0; i < dim; i += FLOAT_LANES)
	{
		bool		whole = dim - i >= FLOAT_LANES;
		FloatBlock	x = whole ? avx512_load(a + i) :
		avx512_load_tail(a + i, dim - i);
		FloatBlock	y = whole ? avx512_load(b + i) :
		avx512_load_tail(b + i, dim - i);

		avx512_add_product(&ab, x, y);
		avx512_add_product(&aa, x, x);
		avx512_add_product(&bb, y, y);
	}
	sums.ab = avx512_reduce(ab);
	sums.aa = avx512_reduce(aa);
	sums.bb = avx512_reduce(bb);
	return sums;
}

/* ---- dots of codes ---- */

/* Sums of neighbours in a and b, in the order that the next levels expect. */
AVX512_INLINE __m512i
avx512_pair32(__m512i a, __m512i b)
{
	return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b),
							_mm512_unpackhi_epi32(a, b));
}

AVX512_INLINE __m512i
avx512_pair64(__m512i a, __m512i b)
{
	return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b),
							_mm512_unpackhi_epi64(a, b));
}

/*
 * Element r of the result is the sum of rows[r].  After the first two levels
 * element 4 j + k of a register holds the share of 128-bit part j in the sum
 * of row k of four; the last two add up the parts.
 */
AVX512_INLINE __m512i
avx512_sum_16(const __m512i *rows)
{
	__m512i		quads[4];
	__m512i		lo;
	__m512i		hi;

	UNROLL_16
	for (int i = 0; i < 4; i++)
		quads[i] = avx512_pair64(avx512_pair32(rows[4 * i], rows[4 * i + 1]),
								 avx512_pair32(rows[4 * i + 2],
											   rows[4 * i + 3]));
	lo = _mm512_add_epi32(_mm512_shuffle_i32x4(quads[0], quads[1], 0x88),
						  _mm512_shuffle_i32x4(quads[0], quads[1], 0xDD));
	hi = _mm512_add_epi32(_mm512_shuffle_i32x4(quads[2], quads[3], 0x88),
						  _mm512_shuffle_i32x4(quads[2], quads[3], 0xDD));
	return _mm512_add_epi32(_mm512_shuffle_i32x4(lo, hi, 0x88),
							_mm512_shuffle_i32x4(lo, hi, 0xDD));
}

AVX512_INLINE __mmask64
avx512_byte_mask(uint32_t n)
{
	return n >= 64 ? ~(__mmask64) 0 : (((__mmask64) 1 << n) - 1);
}

/*
 * Where a step of 16 rows begins: the last one is moved back and computes some
 * rows again, which costs less than one row at a time.
 */
AVX512_INLINE int
avx512_first_row(int r, int nrows)
{
	return r + ROWS <= nrows ? r : nrows - ROWS;
}

/*
 * Ask for the rows of the step after the one that begins with row r.  Within a
 * step the rows are read side by side, which the hardware takes for 16
 * streams too short to follow.  README.md has what this costs in the cache
 * and saves in main memory.
 */
AVX512_INLINE void
avx512_prefetch_step(const uint8_t *codes, size_t stride, int nrows, int r)
{
	int			first = r + ROWS;
	int			last = first + ROWS < nrows ? first + ROWS : nrows;
	size_t		end = last * stride;

	for (size_t i = first * stride; i < end; i += 64)
		_mm_prefetch((const char *) codes + i, _MM_HINT_T0);
}

/* One row, where there are not 16. */
AVX512_INLINE __m512i
avx512_row_u8(const uint8_t *codes, const int8_t *query, uint32_t dim)
{
	__m512i		acc = _mm512_setzero_si512();
	uint32_t	i = 0;

	for (; i + 64 <= dim; i += 64)
		acc = _mm512_dpbusd_epi32(acc, _mm512_loadu_si512(codes + i),
								  _mm512_loadu_si512(query + i));
	if (i < dim)
	{
		__mmask64	mask = avx512_byte_mask(dim - i);

		acc = _mm512_dpbusd_epi32(acc,
								  _mm512_maskz_loadu_epi8(mask, codes + i),
								  _mm512_maskz_loadu_epi8(mask, query + i));
	}
	return acc;
}

/* Add the products of bytes [i, i + 64) of 16 rows to their accumulators. */
AVX512_INLINE void
avx512_step_u8(__m512i *acc, const uint8_t *codes, size_t stride,
			   const int8_t *query, __mmask64 mask)
{
	__m512i		q = _mm512_maskz_loadu_epi8(mask, query);

	UNROLL_16
	for (int k = 0; k < ROWS; k++)
	{
		__m512i		c = _mm512_maskz_loadu_epi8(mask, codes + k * stride);

		acc[k] = _mm512_dpbusd_epi32(acc[k], c, q);
	}
}

AVX512 static void
avx512_dot_u8_s8(const uint8_t *codes, size_t stride, int nrows,
				 const int8_t *query, uint32_t dim, int32_t *dots)
{
	if (nrows >= ROWS)
		avx512_prefetch_step(codes, stride, nrows, -ROWS);
	for (int r = 0; nrows >= ROWS && r < nrows; r += ROWS)
	{
		int			first = avx512_first_row(r, nrows);
		const uint8_t *rows = codes + first * stride;
		__m512i		acc[ROWS];
		uint32_t	i = 0;

		avx512_prefetch_step(codes, stride, nrows, r);
		UNROLL_16
		for (int k = 0; k < ROWS; k++)
			acc[k] = _mm512_setzero_si512();
		for (; i + 64 <= dim; i += 64)
			avx512_step_u8(acc, rows + i, stride, query + i, ALL_BYTES);
		if (i < dim)
			avx512_step_u8(acc, rows + i, stride, query + i,
						   avx512_byte_mask(dim - i));
		_mm512_storeu_si512(dots + first, avx512_sum_16(acc));
	}
	for (int r = 0; nrows < ROWS && r < nrows; r++, codes += stride)
		dots[r] = _mm512_reduce_add_epi32(avx512_row_u8(codes, query, dim));
}

AVX512_INLINE __m512i
avx512_add_u4(__m512i acc, __m512i bytes, __m512i query_lo, __m512i query_hi)
{
	const __m512i nibble = _mm512_set1_epi8(15);
	__m512i		lo = _mm512_and_si512(bytes, nibble);
	__m512i		hi = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);

	acc = _mm512_dpbusd_epi32(acc, lo, query_lo);
	return _mm512_dpbusd_epi32(acc, hi, query_hi);
}

AVX512_INLINE __m512i
avx512_row_u4(const uint8_t *codes, const int8_t *query_lo,
			  const int8_t *query_hi, uint32_t nbytes)
{
	__m512i		acc = _mm512_setzero_si512();
	uint32_t	i = 0;

	for (; i + 64 <= nbytes; i += 64)
		acc = avx512_add_u4(acc, _mm512_loadu_si512(codes + i),
							_mm512_loadu_si512(query_lo + i),
							_mm512_loadu_si512(query_hi + i));
	if (i < nbytes)
	{
		__mmask64	mask = avx512_byte_mask(nbytes - i);

		acc = avx512_add_u4(acc, _mm512_maskz_loadu_epi8(mask, codes + i),
							_mm512_maskz_loadu_epi8(mask, query_lo + i),
							_mm512_maskz_loadu_epi8(mask, query_hi + i));
	}
	return acc;
}

AVX512_INLINE void
avx512_step_u4(__m512i *acc, const uint8_t *codes, size_t stride,
			   __m512i query_lo, __m512i query_hi, __mmask64 mask)
{
	UNROLL_16
	for (int k = 0; k < ROWS; k++)
		acc[k] = avx512_add_u4(acc[k],
							   _mm512_maskz_loadu_epi8(mask,
													   codes + k * stride),
							   query_lo, query_hi);
}

AVX512 static void
avx512_dot_u4_s8(const uint8_t *codes, size_t stride, int nrows,
				 const int8_t *query_lo, const int8_t *query_hi,
				 uint32_t nbytes, int32_t *dots)
{
	uint32_t	whole = nbytes & ~(uint32_t) 63;
	__mmask64	tail = avx512_byte_mask(nbytes - whole);

	if (nrows >= ROWS)
		avx512_prefetch_step(codes, stride, nrows, -ROWS);
	for (int r = 0; nrows >= ROWS && r < nrows; r += ROWS)
	{
		int			first = avx512_first_row(r, nrows);
		const uint8_t *rows = codes + first * stride;
		__m512i		acc[ROWS];

		avx512_prefetch_step(codes, stride, nrows, r);
		UNROLL_16
		for (int k = 0; k < ROWS; k++)
			acc[k] = _mm512_setzero_si512();
		for (uint32_t i = 0; i < whole; i += 64)
			avx512_step_u4(acc, rows + i, stride,
						   _mm512_loadu_si512(query_lo + i),
						   _mm512_loadu_si512(query_hi + i), ALL_BYTES);
		if (tail != 0)
			avx512_step_u4(acc, rows + whole, stride,
						   _mm512_maskz_loadu_epi8(tail, query_lo + whole),
						   _mm512_maskz_loadu_epi8(tail, query_hi + whole),
						   tail);
		_mm512_storeu_si512(dots + first, avx512_sum_16(acc));
	}
	for (int r = 0; nrows < ROWS && r < nrows; r++, codes += stride)
		dots[r] = _mm512_reduce_add_epi32(avx512_row_u4(codes, query_lo,
														query_hi, nbytes));
}

/* ---- L1 of codes ---- */

/* |query - scale * (2 c - levels)| of 16 codes. */
AVX512_INLINE __m512
avx512_l1_term(__m128i codes, __m512 query, __m512 scale, __m512i levels)
{
	__m512i		wide = _mm512_cvtepu8_epi32(codes);
	__m512i		y = _mm512_sub_epi32(_mm512_add_epi32(wide, wide), levels);
	__m512		decoded = _mm512_mul_ps(scale, _mm512_cvtepi32_ps(y));

	return _mm512_abs_ps(_mm512_sub_ps(query, decoded));
}

AVX512 static void
avx512_l1_u8(const uint8_t *codes, size_t stride, int nrows,
			 const float *query, const float *scales, uint32_t dim,
			 float *sums)
{
	const __m512i levels = _mm512_set1_epi32(255);

	for (int r = 0; r < nrows; r++, codes += stride)
	{
		__m512		scale = _mm512_set1_ps(scales[r]);
		__m512		acc = _mm512_setzero_ps();
		uint32_t	i = 0;

		for (; i + 16 <= dim; i += 16)
		{
			__m128i		c = _mm_loadu_si128((const __m128i *) (codes + i));
			__m512		q = _mm512_loadu_ps(query + i);

			acc = _mm512_add_ps(acc, avx512_l1_term(c, q, scale, levels));
		}
		if (i < dim)
		{
			__mmask16	mask = (__mmask16) ((1U << (dim - i)) - 1);
			__m128i		c = _mm_maskz_loadu_epi8(mask, codes + i);
			__m512		q = _mm512_maskz_loadu_ps(mask, query + i);

			acc = _mm512_mask_add_ps(acc, mask, acc,
									 avx512_l1_term(c, q, scale, levels));
		}
		sums[r] = _mm512_reduce_add_ps(acc);
	}
}

AVX512 static void
avx512_l1_u4(const uint8_t *codes, size_t stride, int nrows,
			 const float *query_lo, const float *query_hi,
			 const float *scales, uint32_t nbytes, float *sums)
{
	const __m512i levels = _mm512_set1_epi32(15);
	const __m128i nibble = _mm_set1_epi8(15);

	for (int r = 0; r < nrows; r++, codes += stride)
	{
		__m512		scale = _mm512_set1_ps(scales[r]);
		__m512		lo = _mm512_setzero_ps();
		__m512		hi = _mm512_setzero_ps();

		for (uint32_t i = 0; i < nbytes; i += 16)
		{
			__mmask16	mask = nbytes - i >= 16 ? (__mmask16) 0xFFFF :
			(__mmask16) ((1U << (nbytes - i)) - 1);
			__m128i		c = _mm_maskz_loadu_epi8(mask, codes + i);
			__m128i		c_lo = _mm_and_si128(c, nibble);
			__m128i		c_hi = _mm_and_si128(_mm_srli_epi16(c, 4), nibble);

			__m512		q_lo = _mm512_maskz_loadu_ps(mask, query_lo + i);
			__m512		q_hi = _mm512_maskz_loadu_ps(mask, query_hi + i);

			lo = _mm512_mask_add_ps(lo, mask, lo,
									avx512_l1_term(c_lo, q_lo, scale, levels));
			hi = _mm512_mask_add_ps(hi, mask, hi,
									avx512_l1_term(c_hi, q_hi, scale, levels));
		}
		sums[r] = _mm512_reduce_add_ps(_mm512_add_ps(lo, hi));
	}
}

/* ---- FastScan ---- */

/*
 * even and odd hold, in 16 bits and in four parts for four groups, the sums
 * of the bytes at even and at odd places; the odd ones were also added to
 * even, at 256 times their value, and are taken off here.
 */
AVX512_INLINE void
avx512_fastscan_flush(__m512i even, __m512i odd, uint32_t *sums)
{
	even = _mm512_sub_epi16(even, _mm512_slli_epi16(odd, 8));
	for (int side = 0; side < 2; side++, even = odd, sums += 8)
	{
		__m256i		front = _mm512_castsi512_si256(even);
		__m256i		back = _mm512_extracti64x4_epi64(even, 1);
		__m512i		wide = _mm512_add_epi32(_mm512_cvtepu16_epi32(front),
											_mm512_cvtepu16_epi32(back));
		__m256i		sum = _mm256_add_epi32(_mm512_castsi512_si256(wide),
										   _mm512_extracti64x4_epi64(wide, 1));

		sum = _mm256_add_epi32(sum, _mm256_loadu_si256((__m256i *) sums));
		_mm256_storeu_si256((__m256i *) sums, sum);
	}
}

AVX512 static void
avx512_fastscan_block(const uint8_t *block, const uint8_t *lut,
					  uint32_t ngroups, uint32_t *sums)
{
	const __m512i nibble = _mm512_set1_epi8(15);
	size_t		nbytes = (size_t) ngroups * 16;

	memset(sums, 0, 32 * sizeof(uint32_t));
	while (nbytes > 0)
	{
		/* 256 additions of a byte fit 16 bits */
		size_t		batch = nbytes < 256 * 64 ? nbytes : 256 * 64;
		__m512i		even_lo = _mm512_setzero_si512();
		__m512i		odd_lo = _mm512_setzero_si512();
		__m512i		even_hi = _mm512_setzero_si512();
		__m512i		odd_hi = _mm512_setzero_si512();

		for (size_t i = 0; i < batch; i += 64)
		{
			__mmask64	mask = avx512_byte_mask(batch - i);
			__m512i		c = _mm512_maskz_loadu_epi8(mask, block + i);
			__m512i		table = _mm512_maskz_loadu_epi8(mask, lut + i);
			__m512i		hi = _mm512_and_si512(_mm512_srli_epi16(c, 4), nibble);
			__m512i		lo = _mm512_and_si512(c, nibble);

			lo = _mm512_shuffle_epi8(table, lo);
			hi = _mm512_shuffle_epi8(table, hi);
			even_lo = _mm512_add_epi16(even_lo, lo);
			odd_lo = _mm512_add_epi16(odd_lo, _mm512_srli_epi16(lo, 8));
			even_hi = _mm512_add_epi16(even_hi, hi);
			odd_hi = _mm512_add_epi16(odd_hi, _mm512_srli_epi16(hi, 8));
		}
		avx512_fastscan_flush(even_lo, odd_lo, sums);
		avx512_fastscan_flush(even_hi, odd_hi, sums + 16);
		block += batch;
		lut += batch;
		nbytes -= batch;
	}
}

/* ---- filters ---- */

/* scale * (2 dot - offset) of 16 rows */
AVX512_INLINE __m512
avx512_scaled_dots(const FilterRows *rows, int r, __mmask16 mask,
				   __m512i offset)
{
	__m512i		dots = _mm512_maskz_loadu_epi32(mask, rows->dots + r);
	__m512i		x = _mm512_sub_epi32(_mm512_add_epi32(dots, dots), offset);

	return _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, rows->scale + r),
						 _mm512_cvtepi32_ps(x));
}

AVX512_INLINE __mmask16
avx512_rows_mask(int nrows)
{
	return nrows >= 16 ? (__mmask16) 0xFFFF : (__mmask16) ((1U << nrows) - 1);
}

/* Few rows pass, so that a loop over the bits of the mask is enough. */
AVX512_INLINE int
avx512_append_rows(uint16_t *passed, int npassed, int first, __mmask16 mask)
{
	uint32_t	bits = mask;

	while (bits != 0)
	{
		passed[npassed++] = (uint16_t) (first + __builtin_ctz(bits));
		bits &= bits - 1;
	}
	return npassed;
}

AVX512 static int
avx512_filter_l2(const FilterRows *rows, const FilterParams *params,
				 uint16_t *passed)
{
	const __m512i offset = _mm512_set1_epi32(params->offset);
	const __m512 base = _mm512_set1_ps(params->base);
	const __m512 factor = _mm512_set1_ps(params->factor);
	const __m512 norm_factor = _mm512_set1_ps(params->norm_factor);
	const __m512 radius_factor = _mm512_set1_ps(params->radius_factor);
	const __m512 limit = _mm512_set1_ps(params->limit);
	int			npassed = 0;

	for (int r = 0; r < rows->nrows; r += 16)
	{
		__mmask16	mask = avx512_rows_mask(rows->nrows - r);
		__m512		sx = avx512_scaled_dots(rows, r, mask, offset);
		__m512		norm_sq = _mm512_maskz_loadu_ps(mask, rows->norm_sq + r);
		__m512		radius = _mm512_maskz_loadu_ps(mask, rows->radius + r);
		__m512		est = _mm512_add_ps(base, _mm512_mul_ps(norm_factor,
															norm_sq));
		__m512		reach = _mm512_mul_ps(radius_factor,
										  _mm512_add_ps(limit, radius));
		__mmask16	pass;

		est = _mm512_sub_ps(est, _mm512_mul_ps(factor, sx));
		pass = _mm512_mask_cmp_ps_mask(mask, est, _mm512_mul_ps(reach, reach),
									   _CMP_NGT_UQ);
		npassed = avx512_append_rows(passed, npassed, r, pass);
	}
	return npassed;
}

AVX512 static int
avx512_filter_ip(const FilterRows *rows, const FilterParams *params,
				 uint16_t *passed)
{
	const __m512i offset = _mm512_set1_epi32(params->offset);
	const __m512 base = _mm512_set1_ps(params->base);
	const __m512 factor = _mm512_set1_ps(params->factor);
	const __m512 norm_factor = _mm512_set1_ps(params->norm_factor);
	const __m512 radius_factor = _mm512_set1_ps(params->radius_factor);
	const __m512 limit = _mm512_set1_ps(params->limit);
	int			npassed = 0;

	for (int r = 0; r < rows->nrows; r += 16)
	{
		__mmask16	mask = avx512_rows_mask(rows->nrows - r);
		__m512		sx = avx512_scaled_dots(rows, r, mask, offset);
		__m512		norm_sq = _mm512_maskz_loadu_ps(mask, rows->norm_sq + r);
		__m512		radius = _mm512_maskz_loadu_ps(mask, rows->radius + r);
		__m512		bound = _mm512_sub_ps(base, _mm512_mul_ps(factor, sx));
		__mmask16	pass;

		bound = _mm512_sub_ps(bound, _mm512_mul_ps(radius_factor, radius));
		bound = _mm512_sub_ps(bound, _mm512_mul_ps(norm_factor,
												   _mm512_sqrt_ps(norm_sq)));
		pass = _mm512_mask_cmp_ps_mask(mask, bound, limit, _CMP_NGT_UQ);
		npassed = avx512_append_rows(passed, npassed, r, pass);
	}
	return npassed;
}

const VdbKernels vdb_kernels_avx512 = {
	.name = "avx512",
	.l2_sq = avx512_l2_sq,
	.ip = avx512_ip,
	.l1 = avx512_l1,
	.cosine = avx512_cosine,
	.dot_u8_s8 = avx512_dot_u8_s8,
	.dot_u4_s8 = avx512_dot_u4_s8,
	.l1_u8 = avx512_l1_u8,
	.l1_u4 = avx512_l1_u4,
	.fastscan_block = avx512_fastscan_block,
	.filter_l2 = avx512_filter_l2,
	.filter_ip = avx512_filter_ip,
	ENCODE_KERNELS(avx512)
	NEAR_KERNELS(avx512)
};

#endif							/* VDB_KERNELS_X86 */
