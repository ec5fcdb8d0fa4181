/*-------------------------------------------------------------------------
 *
 * kernels_avx2.c
 *	  Kernels for x86-64 with AVX2.
 *
 * Meaning as in kernels_scalar.c.  Fused multiply-add is not used: it would
 * round otherwise than the other instruction sets.
 *
 * Integer dots must be exact, and the instruction that multiplies unsigned by
 * signed bytes saturates at 16 bits.  With nibbles it cannot (2 * 15 * 127,
 * four times over, is below 32,768); whole bytes are widened first.
 *
 * No tail is read beyond its row: the last, overlapping 32 bytes are read
 * again and meet zeros of the query where they were counted before; rows
 * shorter than that are copied.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#ifdef VDB_KERNELS_X86

#include <immintrin.h>
#include <string.h>

/* Rows whose dots are computed together, and bytes in a register. */
#define ROWS 8
#define WIDTH 32

/* ---- float ---- */

/* A block of 32 elements: lanes 0 .. 7, 8 .. 15, and so on. */
typedef struct FloatBlock
{
	__m256		part[4];
} FloatBlock;

AVX2_INLINE FloatBlock
avx2_load(const float *x)
{
	FloatBlock	block;

	UNROLL_16
	for (int k = 0; k < 4; k++)
		block.part[k] = _mm256_loadu_ps(x + 8 * k);
	return block;
}

/* The last n < 32 elements of a vector, and zeros. */
AVX2_INLINE FloatBlock
avx2_load_tail(const float *x, uint32_t n)
{
	float		padded[FLOAT_LANES] = {0};

	memcpy(padded, x, n * sizeof(float));
	return avx2_load(padded);
}

AVX2_INLINE FloatBlock
avx2_zero(void)
{
	FloatBlock	block;

	UNROLL_16
	for (int k = 0; k < 4; k++)
		block.part[k] = _mm256_setzero_ps();
	return block;
}

AVX2_INLINE void
avx2_add_product(FloatBlock *sum, FloatBlock a, FloatBlock b)
{
	UNROLL_16
	for (int k = 0; k < 4; k++)
		sum->part[k] = _mm256_add_ps(sum->part[k],
									 _mm256_mul_ps(a.part[k], b.part[k]));
}

AVX2_INLINE FloatBlock
avx2_difference(FloatBlock a, FloatBlock b)
{
	UNROLL_16
	for (int k = 0; k < 4; k++)
		a.part[k] = _mm256_sub_ps(a.part[k], b.part[k]);
	return a;
}

AVX2_INLINE void
avx2_add_abs(FloatBlock *sum, FloatBlock d)
{
	const __m256 sign = _mm256_set1_ps(-0.0f);

	UNROLL_16
	for (int k = 0; k < 4; k++)
		sum->part[k] = _mm256_add_ps(sum->part[k],
									 _mm256_andnot_ps(sign, d.part[k]));
}

/* Halved as distance.h says: 16, 8, 4, 2, 1 apart. */
AVX2_INLINE float
avx2_reduce(FloatBlock lanes)
{
	__m256		sum8 = _mm256_add_ps(_mm256_add_ps(lanes.part[0],
												   lanes.part[2]),
									 _mm256_add_ps(lanes.part[1],
												   lanes.part[3]));
	__m128		sum4 = _mm_add_ps(_mm256_castps256_ps128(sum8),
								  _mm256_extractf128_ps(sum8, 1));
	__m128		sum2 = _mm_add_ps(sum4, _mm_movehl_ps(sum4, sum4));

	return _mm_cvtss_f32(_mm_add_ss(sum2, _mm_movehdup_ps(sum2)));
}

AVX2 static float
avx2_l2_sq(const float *a, const float *b, uint32_t dim)
{
	FloatBlock	sum = avx2_zero();
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
	{
		FloatBlock	d = avx2_difference(avx2_load(a + i), avx2_load(b + i));

		avx2_add_product(&sum, d, d);
	}
	if (i < dim)
	{
		FloatBlock	d = avx2_difference(avx2_load_tail(a + i, dim - i),
										avx2_load_tail(b + i, dim - i));

		avx2_add_product(&sum, d, d);
	}
	return avx2_reduce(sum);
}

AVX2 static float
avx2_ip(const float *a, const float *b, uint32_t dim)
{
	FloatBlock	sum = avx2_zero();
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
		avx2_add_product(&sum, avx2_load(a + i), avx2_load(b + i));
	if (i < dim)
		avx2_add_product(&sum, avx2_load_tail(a + i, dim - i),
						 avx2_load_tail(b + i, dim - i));
	return avx2_reduce(sum);
}

AVX2 static float
avx2_l1(const float *a, const float *b, uint32_t dim)
{
	FloatBlock	sum = avx2_zero();
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
		avx2_add_abs(&sum, avx2_difference(avx2_load(a + i),
										   avx2_load(b + i)));
	if (i < dim)
		avx2_add_abs(&sum, avx2_difference(avx2_load_tail(a + i, dim - i),
										   avx2_load_tail(b + i, dim - i)));
	return avx2_reduce(sum);
}

AVX2_INLINE void
avx2_add_cosine(FloatBlock *ab, FloatBlock *aa, FloatBlock *bb,
				FloatBlock a, FloatBlock b)
{
	avx2_add_product(ab, a, b);
	avx2_add_product(aa, a, a);
	avx2_add_product(bb, b, b);
}

AVX2 static CosineSums
avx2_cosine(const float *a, const float *b, uint32_t dim)
{
	CosineSums	sums;
	FloatBlock	ab = avx2_zero();
	FloatBlock	aa = avx2_zero();
	FloatBlock	bb = avx2_zero();
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
		avx2_add_cosine(&ab, &aa, &bb, avx2_load(a + i), avx2_load(b + i));
	if (i < dim)
		avx2_add_cosine(&ab, &aa, &bb, avx2_load_tail(a + i, dim - i),
						avx2_load_tail(b + i, dim - i));
	sums.ab = avx2_reduce(ab);
	sums.aa = avx2_reduce(aa);
	sums.bb = avx2_reduce(bb);
	return sums;
}

/* ---- dots of codes ---- */

/* Element r of the result is the sum of rows[r]. */
AVX2_INLINE __m256i
avx2_sum_8(const __m256i *rows)
{
	__m256i		a = _mm256_hadd_epi32(_mm256_hadd_epi32(rows[0], rows[1]),
									  _mm256_hadd_epi32(rows[2], rows[3]));
	__m256i		b = _mm256_hadd_epi32(_mm256_hadd_epi32(rows[4], rows[5]),
									  _mm256_hadd_epi32(rows[6], rows[7]));

	return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20),
							_mm256_permute2x128_si256(a, b, 0x31));
}

AVX2_INLINE int32_t
avx2_sum(__m256i x)
{
	__m128i		sum = _mm_add_epi32(_mm256_castsi256_si128(x),
									_mm256_extracti128_si256(x, 1));

	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1));
	return _mm_cvtsi128_si32(sum);
}

AVX2_INLINE __m256i
avx2_load_bytes(const void *p)
{
	return _mm256_loadu_si256((const __m256i *) p);
}

/*
 * What the query looks like to the last 32 bytes of a row of n: zeros for
 * those that whole steps have read already.
 */
AVX2_INLINE __m256i
avx2_query_tail(const int8_t *query, uint32_t n)
{
	int8_t		padded[WIDTH] = {0};
	uint32_t	tail = n % WIDTH;

	memcpy(padded + WIDTH - tail, query + n - tail, tail);
	return avx2_load_bytes(padded);
}

/* 16 bits a byte of the query: its two halves. */
typedef struct WideBytes
{
	__m256i		lo;
	__m256i		hi;
} WideBytes;

AVX2_INLINE WideBytes
avx2_widen_query(__m256i query)
{
	WideBytes	wide = {
		_mm256_cvtepi8_epi16(_mm256_castsi256_si128(query)),
		_mm256_cvtepi8_epi16(_mm256_extracti128_si256(query, 1))
	};

	return wide;
}

AVX2_INLINE __m256i
avx2_add_u8(__m256i acc, const uint8_t *codes, WideBytes query)
{
	const __m128i *halves = (const __m128i *) codes;
	__m256i		lo = _mm256_cvtepu8_epi16(_mm_loadu_si128(halves));
	__m256i		hi = _mm256_cvtepu8_epi16(_mm_loadu_si128(halves + 1));

	acc = _mm256_add_epi32(acc, _mm256_madd_epi16(lo, query.lo));
	return _mm256_add_epi32(acc, _mm256_madd_epi16(hi, query.hi));
}

/* A row and a query of fewer bytes than a register. */
AVX2_INLINE void
avx2_pad(uint8_t *padded, const void *bytes, uint32_t n)
{
	memset(padded, 0, WIDTH);
	memcpy(padded, bytes, n);
}

AVX2 static void
avx2_dot_u8_s8_short(const uint8_t *codes, size_t stride, int nrows,
					 const int8_t *query, uint32_t dim, int32_t *dots)
{
	uint8_t		padded[WIDTH];
	WideBytes	q;

	avx2_pad(padded, query, dim);
	q = avx2_widen_query(avx2_load_bytes(padded));
	for (int r = 0; r < nrows; r++, codes += stride)
	{
		avx2_pad(padded, codes, dim);
		dots[r] = avx2_sum(avx2_add_u8(_mm256_setzero_si256(), padded, q));
	}
}

AVX2_INLINE void
avx2_step_u8(__m256i *acc, const uint8_t *codes, size_t stride,
			 WideBytes query)
{
	UNROLL_16
	for (int k = 0; k < ROWS; k++)
		acc[k] = avx2_add_u8(acc[k], codes + k * stride, query);
}

/* One row, where there are not 8; two sums, each waiting for itself alone. */
AVX2_INLINE __m256i
avx2_row_u8(const uint8_t *codes, const int8_t *query, uint32_t dim,
			WideBytes tail)
{
	uint32_t	whole = dim - dim % WIDTH;
	__m256i		even = _mm256_setzero_si256();
	__m256i		odd = _mm256_setzero_si256();

	for (uint32_t i = 0; i < whole; i += WIDTH)
	{
		WideBytes	q = avx2_widen_query(avx2_load_bytes(query + i));

		if (i % (2 * WIDTH) == 0)
			even = avx2_add_u8(even, codes + i, q);
		else
			odd = avx2_add_u8(odd, codes + i, q);
	}
	if (whole < dim)
		odd = avx2_add_u8(odd, codes + dim - WIDTH, tail);
	return _mm256_add_epi32(even, odd);
}

/*
 * Where a step of 8 rows begins: the last one is moved back and computes some
 * rows again, which costs less than one row at a time.
 */
AVX2_INLINE int
avx2_first_row(int r, int nrows)
{
	return r + ROWS <= nrows ? r : nrows - ROWS;
}

AVX2 static void
avx2_dot_u8_s8(const uint8_t *codes, size_t stride, int nrows,
			   const int8_t *query, uint32_t dim, int32_t *dots)
{
	uint32_t	whole = dim - dim % WIDTH;
	WideBytes	tail;

	if (dim < WIDTH)
	{
		avx2_dot_u8_s8_short(codes, stride, nrows, query, dim, dots);
		return;
	}
	tail = avx2_widen_query(avx2_query_tail(query, dim));
	for (int r = 0; nrows >= ROWS && r < nrows; r += ROWS)
	{
		int			first = avx2_first_row(r, nrows);
		const uint8_t *rows = codes + first * stride;
		__m256i		acc[ROWS];

		UNROLL_16
		for (int k = 0; k < ROWS; k++)
			acc[k] = _mm256_setzero_si256();
		for (uint32_t i = 0; i < whole; i += WIDTH)
			avx2_step_u8(acc, rows + i, stride,
						 avx2_widen_query(avx2_load_bytes(query + i)));
		if (whole < dim)
			avx2_step_u8(acc, rows + dim - WIDTH, stride, tail);
		_mm256_storeu_si256((__m256i *) (dots + first), avx2_sum_8(acc));
	}
	for (int r = 0; nrows < ROWS && r < nrows; r++, codes += stride)
		dots[r] = avx2_sum(avx2_row_u8(codes, query, dim, tail));
}

/* Sums of 16 bits, at most 2 * 2 * 15 * 127 each, of 32 bytes of a row. */
AVX2_INLINE __m256i
avx2_products_u4(__m256i bytes, __m256i query_lo, __m256i query_hi)
{
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i		lo = _mm256_and_si256(bytes, nibble);
	__m256i		hi = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);

	return _mm256_add_epi16(_mm256_maddubs_epi16(lo, query_lo),
							_mm256_maddubs_epi16(hi, query_hi));
}

AVX2_INLINE __m256i
avx2_widen_sums(__m256i acc, __m256i sums)
{
	return _mm256_add_epi32(acc, _mm256_madd_epi16(sums,
												   _mm256_set1_epi16(1)));
}

AVX2 static void
avx2_dot_u4_s8_short(const uint8_t *codes, size_t stride, int nrows,
					 const int8_t *query_lo, const int8_t *query_hi,
					 uint32_t nbytes, int32_t *dots)
{
	uint8_t		padded[WIDTH];
	__m256i		lo;
	__m256i		hi;

	avx2_pad(padded, query_lo, nbytes);
	lo = avx2_load_bytes(padded);
	avx2_pad(padded, query_hi, nbytes);
	hi = avx2_load_bytes(padded);
	for (int r = 0; r < nrows; r++, codes += stride)
	{
		__m256i		sums;

		avx2_pad(padded, codes, nbytes);
		sums = avx2_products_u4(avx2_load_bytes(padded), lo, hi);
		dots[r] = avx2_sum(avx2_widen_sums(_mm256_setzero_si256(), sums));
	}
}

AVX2_INLINE __m256i
avx2_step_u4(const uint8_t *codes, const int8_t *query_lo,
			 const int8_t *query_hi, uint32_t i)
{
	return avx2_products_u4(avx2_load_bytes(codes + i),
							avx2_load_bytes(query_lo + i),
							avx2_load_bytes(query_hi + i));
}

/*
 * Four steps of 32 bytes fit 16 bits; two are taken, which is a whole row of
 * 128 dimensions.
 */
AVX2_INLINE __m256i
avx2_row_u4(const uint8_t *codes, const int8_t *query_lo,
			const int8_t *query_hi, uint32_t nbytes, __m256i tail_lo,
			__m256i tail_hi)
{
	uint32_t	whole = nbytes - nbytes % WIDTH;
	__m256i		acc = _mm256_setzero_si256();
	uint32_t	i = 0;

	for (; i + 2 * WIDTH <= whole; i += 2 * WIDTH)
	{
		__m256i		first = avx2_step_u4(codes, query_lo, query_hi, i);
		__m256i		second = avx2_step_u4(codes, query_lo, query_hi,
										  i + WIDTH);

		acc = avx2_widen_sums(acc, _mm256_add_epi16(first, second));
	}
	if (i < whole)
		acc = avx2_widen_sums(acc, avx2_step_u4(codes, query_lo, query_hi, i));
	if (whole < nbytes)
	{
		__m256i		bytes = avx2_load_bytes(codes + nbytes - WIDTH);

		acc = avx2_widen_sums(acc, avx2_products_u4(bytes, tail_lo, tail_hi));
	}
	return acc;
}

AVX2 static void
avx2_dot_u4_s8(const uint8_t *codes, size_t stride, int nrows,
			   const int8_t *query_lo, const int8_t *query_hi,
			   uint32_t nbytes, int32_t *dots)
{
	__m256i		tail_lo;
	__m256i		tail_hi;

	if (nbytes < WIDTH)
	{
		avx2_dot_u4_s8_short(codes, stride, nrows, query_lo, query_hi, nbytes,
							 dots);
		return;
	}
	tail_lo = avx2_query_tail(query_lo, nbytes);
	tail_hi = avx2_query_tail(query_hi, nbytes);
	for (int r = 0; nrows >= ROWS && r < nrows; r += ROWS)
	{
		int			first = avx2_first_row(r, nrows);
		const uint8_t *row = codes + first * stride;
		__m256i		acc[ROWS];

		for (int k = 0; k < ROWS; k++, row += stride)
			acc[k] = avx2_row_u4(row, query_lo, query_hi, nbytes, tail_lo,
								 tail_hi);
		_mm256_storeu_si256((__m256i *) (dots + first), avx2_sum_8(acc));
	}
	for (int r = 0; nrows < ROWS && r < nrows; r++, codes += stride)
		dots[r] = avx2_sum(avx2_row_u4(codes, query_lo, query_hi, nbytes,
									   tail_lo, tail_hi));
}

/* ---- L1 of codes ---- */

/* |query - scale * (2 c - levels)| of 8 codes. */
AVX2_INLINE __m256
avx2_l1_term(__m128i codes, __m256 query, __m256 scale, __m256i levels)
{
	__m256i		wide = _mm256_cvtepu8_epi32(codes);
	__m256i		y = _mm256_sub_epi32(_mm256_add_epi32(wide, wide), levels);
	__m256		d = _mm256_sub_ps(query, _mm256_mul_ps(scale,
													   _mm256_cvtepi32_ps(y)));

	return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), d);
}

AVX2_INLINE float
avx2_sum_ps(__m256 a, __m256 b)
{
	FloatBlock	lanes = avx2_zero();

	lanes.part[0] = a;
	lanes.part[1] = b;
	return avx2_reduce(lanes);
}

AVX2 static void
avx2_l1_u8(const uint8_t *codes, size_t stride, int nrows,
		   const float *query, const float *scales, uint32_t dim,
		   float *sums)
{
	const __m256i levels = _mm256_set1_epi32(255);
	uint32_t	whole = dim - dim % 16;

	for (int r = 0; r < nrows; r++, codes += stride)
	{
		__m256		scale = _mm256_set1_ps(scales[r]);
		__m256		a = _mm256_setzero_ps();
		__m256		b = _mm256_setzero_ps();
		float		tail = 0;

		for (uint32_t i = 0; i < whole; i += 16)
		{
			__m128i		c = _mm_loadu_si128((const __m128i *) (codes + i));
			__m256		q0 = _mm256_loadu_ps(query + i);
			__m256		q1 = _mm256_loadu_ps(query + i + 8);

			a = _mm256_add_ps(a, avx2_l1_term(c, q0, scale, levels));
			b = _mm256_add_ps(b, avx2_l1_term(_mm_srli_si128(c, 8), q1, scale,
											  levels));
		}
		if (whole < dim)
			vdb_kernels_scalar.l1_u8(codes + whole, 0, 1, query + whole,
									 scales + r, dim - whole, &tail);
		sums[r] = avx2_sum_ps(a, b) + tail;
	}
}

AVX2 static void
avx2_l1_u4(const uint8_t *codes, size_t stride, int nrows,
		   const float *query_lo, const float *query_hi,
		   const float *scales, uint32_t nbytes, float *sums)
{
	const __m256i levels = _mm256_set1_epi32(15);
	const __m128i nibble = _mm_set1_epi8(15);
	uint32_t	whole = nbytes - nbytes % 8;

	for (int r = 0; r < nrows; r++, codes += stride)
	{
		__m256		scale = _mm256_set1_ps(scales[r]);
		__m256		a = _mm256_setzero_ps();
		__m256		b = _mm256_setzero_ps();
		float		tail = 0;

		for (uint32_t i = 0; i < whole; i += 8)
		{
			__m128i		c = _mm_loadl_epi64((const __m128i *) (codes + i));
			__m128i		lo = _mm_and_si128(c, nibble);
			__m128i		hi = _mm_and_si128(_mm_srli_epi16(c, 4), nibble);

			__m256		q_lo = _mm256_loadu_ps(query_lo + i);
			__m256		q_hi = _mm256_loadu_ps(query_hi + i);

			a = _mm256_add_ps(a, avx2_l1_term(lo, q_lo, scale, levels));
			b = _mm256_add_ps(b, avx2_l1_term(hi, q_hi, scale, levels));
		}
		if (whole < nbytes)
			vdb_kernels_scalar.l1_u4(codes + whole, 0, 1, query_lo + whole,
									 query_hi + whole, scales + r,
									 nbytes - whole, &tail);
		sums[r] = avx2_sum_ps(a, b) + tail;
	}
}

/* ---- FastScan ---- */

/* See avx512_fastscan_flush(); here two parts for two groups. */
AVX2_INLINE void
avx2_fastscan_flush(__m256i even, __m256i odd, uint32_t *sums)
{
	even = _mm256_sub_epi16(even, _mm256_slli_epi16(odd, 8));
	for (int side = 0; side < 2; side++, even = odd, sums += 8)
	{
		__m256i		sum = avx2_load_bytes(sums);
		__m128i		front = _mm256_castsi256_si128(even);
		__m128i		back = _mm256_extracti128_si256(even, 1);

		sum = _mm256_add_epi32(sum, _mm256_cvtepu16_epi32(front));
		sum = _mm256_add_epi32(sum, _mm256_cvtepu16_epi32(back));
		_mm256_storeu_si256((__m256i *) sums, sum);
	}
}

/* Two groups at a time; ngroups must be even. */
AVX2_INLINE void
avx2_fastscan_batch(const uint8_t *block, const uint8_t *lut, size_t nbytes,
					uint32_t *sums)
{
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i		even_lo = _mm256_setzero_si256();
	__m256i		odd_lo = _mm256_setzero_si256();
	__m256i		even_hi = _mm256_setzero_si256();
	__m256i		odd_hi = _mm256_setzero_si256();

	for (size_t i = 0; i < nbytes; i += WIDTH)
	{
		__m256i		c = avx2_load_bytes(block + i);
		__m256i		table = avx2_load_bytes(lut + i);
		__m256i		hi = _mm256_and_si256(_mm256_srli_epi16(c, 4), nibble);
		__m256i		lo = _mm256_and_si256(c, nibble);

		lo = _mm256_shuffle_epi8(table, lo);
		hi = _mm256_shuffle_epi8(table, hi);
		even_lo = _mm256_add_epi16(even_lo, lo);
		odd_lo = _mm256_add_epi16(odd_lo, _mm256_srli_epi16(lo, 8));
		even_hi = _mm256_add_epi16(even_hi, hi);
		odd_hi = _mm256_add_epi16(odd_hi, _mm256_srli_epi16(hi, 8));
	}
	avx2_fastscan_flush(even_lo, odd_lo, sums);
	avx2_fastscan_flush(even_hi, odd_hi, sums + 16);
}

AVX2 static void
avx2_fastscan_block(const uint8_t *block, const uint8_t *lut,
					uint32_t ngroups, uint32_t *sums)
{
	size_t		nbytes = (size_t) (ngroups & ~(uint32_t) 1) * 16;

	memset(sums, 0, 32 * sizeof(uint32_t));
	while (nbytes > 0)
	{
		/* 256 additions of a byte fit 16 bits */
		size_t		batch = nbytes < 256 * WIDTH ? nbytes : 256 * WIDTH;

		avx2_fastscan_batch(block, lut, batch, sums);
		block += batch;
		lut += batch;
		nbytes -= batch;
	}
	if (ngroups % 2 != 0)
	{
		uint8_t		last[WIDTH];
		uint8_t		table[WIDTH];

		avx2_pad(last, block, 16);
		avx2_pad(table, lut, 16);
		avx2_fastscan_batch(last, table, WIDTH, sums);
	}
}

/* ---- filters ---- */

AVX2_INLINE int
avx2_append_rows(uint16_t *passed, int npassed, int first, uint32_t bits)
{
	while (bits != 0)
	{
		passed[npassed++] = (uint16_t) (first + __builtin_ctz(bits));
		bits &= bits - 1;
	}
	return npassed;
}

/* The rows from r on, for the scalar filter. */
AVX2_INLINE FilterRows
avx2_rows_from(const FilterRows *rows, int r)
{
	FilterRows	rest = {
		rows->dots + r, rows->scale + r, rows->norm_sq + r, rows->radius + r,
		rows->nrows - r
	};

	return rest;
}

AVX2_INLINE int
avx2_add_first(uint16_t *passed, int npassed, int nrest, int first)
{
	for (int i = npassed; i < npassed + nrest; i++)
		passed[i] = (uint16_t) (passed[i] + first);
	return npassed + nrest;
}

AVX2_INLINE __m256
avx2_scaled_dots(const FilterRows *rows, int r, __m256i offset)
{
	__m256i		dots = avx2_load_bytes(rows->dots + r);
	__m256i		x = _mm256_sub_epi32(_mm256_add_epi32(dots, dots), offset);

	return _mm256_mul_ps(_mm256_loadu_ps(rows->scale + r),
						 _mm256_cvtepi32_ps(x));
}

AVX2 static int
avx2_filter_l2(const FilterRows *rows, const FilterParams *params,
			   uint16_t *passed)
{
	const __m256i offset = _mm256_set1_epi32(params->offset);
	const __m256 base = _mm256_set1_ps(params->base);
	const __m256 factor = _mm256_set1_ps(params->factor);
	const __m256 norm_factor = _mm256_set1_ps(params->norm_factor);
	const __m256 radius_factor = _mm256_set1_ps(params->radius_factor);
	const __m256 limit = _mm256_set1_ps(params->limit);
	int			npassed = 0;
	int			r = 0;
	FilterRows	rest;

	for (; r + 8 <= rows->nrows; r += 8)
	{
		__m256		sx = avx2_scaled_dots(rows, r, offset);
		__m256		norm_sq = _mm256_loadu_ps(rows->norm_sq + r);
		__m256		radius = _mm256_loadu_ps(rows->radius + r);
		__m256		est = _mm256_add_ps(base, _mm256_mul_ps(norm_factor,
															norm_sq));
		__m256		reach = _mm256_mul_ps(radius_factor,
										  _mm256_add_ps(limit, radius));
		__m256		pass;

		est = _mm256_sub_ps(est, _mm256_mul_ps(factor, sx));
		pass = _mm256_cmp_ps(est, _mm256_mul_ps(reach, reach), _CMP_NGT_UQ);
		npassed = avx2_append_rows(passed, npassed, r,
								   (uint32_t) _mm256_movemask_ps(pass));
	}
	rest = avx2_rows_from(rows, r);
	return avx2_add_first(passed, npassed,
						  vdb_kernels_scalar.filter_l2(&rest, params,
													   passed + npassed), r);
}

AVX2 static int
avx2_filter_ip(const FilterRows *rows, const FilterParams *params,
			   uint16_t *passed)
{
	const __m256i offset = _mm256_set1_epi32(params->offset);
	const __m256 base = _mm256_set1_ps(params->base);
	const __m256 factor = _mm256_set1_ps(params->factor);
	const __m256 norm_factor = _mm256_set1_ps(params->norm_factor);
	const __m256 radius_factor = _mm256_set1_ps(params->radius_factor);
	const __m256 limit = _mm256_set1_ps(params->limit);
	int			npassed = 0;
	int			r = 0;
	FilterRows	rest;

	for (; r + 8 <= rows->nrows; r += 8)
	{
		__m256		sx = avx2_scaled_dots(rows, r, offset);
		__m256		norm_sq = _mm256_loadu_ps(rows->norm_sq + r);
		__m256		radius = _mm256_loadu_ps(rows->radius + r);
		__m256		bound = _mm256_sub_ps(base, _mm256_mul_ps(factor, sx));
		__m256		pass;

		bound = _mm256_sub_ps(bound, _mm256_mul_ps(radius_factor, radius));
		bound = _mm256_sub_ps(bound, _mm256_mul_ps(norm_factor,
												   _mm256_sqrt_ps(norm_sq)));
		pass = _mm256_cmp_ps(bound, limit, _CMP_NGT_UQ);
		npassed = avx2_append_rows(passed, npassed, r,
								   (uint32_t) _mm256_movemask_ps(pass));
	}
	rest = avx2_rows_from(rows, r);
	return avx2_add_first(passed, npassed,
						  vdb_kernels_scalar.filter_ip(&rest, params,
													   passed + npassed), r);
}

const VdbKernels vdb_kernels_avx2 = {
	.name = "avx2",
	.l2_sq = avx2_l2_sq,
	.ip = avx2_ip,
	.l1 = avx2_l1,
	.cosine = avx2_cosine,
	.dot_u8_s8 = avx2_dot_u8_s8,
	.dot_u4_s8 = avx2_dot_u4_s8,
	.l1_u8 = avx2_l1_u8,
	.l1_u4 = avx2_l1_u4,
	.fastscan_block = avx2_fastscan_block,
	.filter_l2 = avx2_filter_l2,
	.filter_ip = avx2_filter_ip,
	ENCODE_KERNELS(avx2)
	NEAR_KERNELS(avx2)
};

#endif							/* VDB_KERNELS_X86 */
