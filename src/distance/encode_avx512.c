/*-------------------------------------------------------------------------
 *
 * encode_avx512.c
 *	  Projecting and encoding vectors with AVX-512.
 *
 * Meaning and bits as in encode_scalar.c.  Tails are read with masks where
 * zeros do no harm, and left to plain C where the order of sums matters.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#ifdef VDB_KERNELS_X86

#include <immintrin.h>

AVX512 uint32_t
avx512_norm_u8(const uint8_t *codes, uint32_t dim)
{
	const __m512i levels = _mm512_set1_epi16(255);
	__m512i		acc = _mm512_setzero_si512();

	for (uint32_t i = 0; i < dim; i += 32)
	{
		uint32_t	left = dim - i;
		__mmask32	mask = left >= 32 ? ~(__mmask32) 0 :
		(__mmask32) ((1U << left) - 1);
		__m256i		c = _mm256_maskz_loadu_epi8(mask, codes + i);
		__m512i		u = _mm512_cvtepu8_epi16(c);
		__m512i		y = _mm512_maskz_sub_epi16(mask, _mm512_add_epi16(u, u),
											   levels);

		acc = _mm512_add_epi32(acc, _mm512_madd_epi16(y, y));
	}
	return (uint32_t) _mm512_reduce_add_epi32(acc);
}

/* Levels 1, 2, 4 and 8 apart, within a register. */
AVX512_INLINE __m512
avx512_hadamard_16(__m512 x)
{
	__m512		partner;

	/* a + b where the bit of the place is 0, a - b where it is 1 */
	partner = _mm512_permute_ps(x, 0xB1);
	x = _mm512_mask_sub_ps(_mm512_add_ps(partner, x), 0xAAAA, partner, x);
	partner = _mm512_permute_ps(x, 0x4E);
	x = _mm512_mask_sub_ps(_mm512_add_ps(partner, x), 0xCCCC, partner, x);
	partner = _mm512_shuffle_f32x4(x, x, 0xB1);
	x = _mm512_mask_sub_ps(_mm512_add_ps(partner, x), 0xF0F0, partner, x);
	partner = _mm512_shuffle_f32x4(x, x, 0x4E);
	return _mm512_mask_sub_ps(_mm512_add_ps(partner, x), 0xFF00, partner, x);
}

/* Two levels in one pass over the memory: half and 2 * half apart. */
AVX512_INLINE void
avx512_hadamard_two(float *x, uint32_t n, uint32_t half)
{
	for (uint32_t start = 0; start < n; start += 4 * half)
		for (uint32_t i = start; i < start + half; i += 16)
		{
			__m512		a = _mm512_loadu_ps(x + i);
			__m512		b = _mm512_loadu_ps(x + i + half);
			__m512		c = _mm512_loadu_ps(x + i + 2 * half);
			__m512		d = _mm512_loadu_ps(x + i + 3 * half);
			__m512		ab = _mm512_add_ps(a, b);
			__m512		cd = _mm512_add_ps(c, d);

			a = _mm512_sub_ps(a, b);
			c = _mm512_sub_ps(c, d);
			_mm512_storeu_ps(x + i, _mm512_add_ps(ab, cd));
			_mm512_storeu_ps(x + i + half, _mm512_add_ps(a, c));
			_mm512_storeu_ps(x + i + 2 * half, _mm512_sub_ps(ab, cd));
			_mm512_storeu_ps(x + i + 3 * half, _mm512_sub_ps(a, c));
		}
}

AVX512 void
avx512_hadamard(float *x, uint32_t n, float factor)
{
	const __m512 factors = _mm512_set1_ps(factor);
	uint32_t	half = 16;

	if (n < 16)
	{
		scalar_hadamard(x, n, factor);
		return;
	}
	for (uint32_t i = 0; i < n; i += 16)
		_mm512_storeu_ps(x + i, avx512_hadamard_16(_mm512_loadu_ps(x + i)));
	for (; half * 2 < n; half *= 4)
		avx512_hadamard_two(x, n, half);
	if (half < n)
		for (uint32_t i = 0; i < half; i += 16)
		{
			__m512		a = _mm512_loadu_ps(x + i);
			__m512		b = _mm512_loadu_ps(x + i + half);

			_mm512_storeu_ps(x + i, _mm512_add_ps(a, b));
			_mm512_storeu_ps(x + i + half, _mm512_sub_ps(a, b));
		}
	for (uint32_t i = 0; i < n; i += 16)
		_mm512_storeu_ps(x + i, _mm512_mul_ps(_mm512_loadu_ps(x + i),
											  factors));
}

AVX512 uint32_t
avx512_norm_u4(const uint8_t *codes, uint32_t nbytes)
{
	const __m512i nibble = _mm512_set1_epi8(15);
	__m512i		acc = _mm512_setzero_si512();
	uint32_t	whole = nbytes - nbytes % 64;

	for (uint32_t i = 0; i < whole; i += 64)
	{
		__m512i		c = _mm512_loadu_si512(codes + i);
		__m512i		lo = _mm512_and_si512(c, nibble);
		__m512i		hi = _mm512_and_si512(_mm512_srli_epi16(c, 4), nibble);

		lo = _mm512_abs_epi8(_mm512_sub_epi8(_mm512_add_epi8(lo, lo), nibble));
		hi = _mm512_abs_epi8(_mm512_sub_epi8(_mm512_add_epi8(hi, hi), nibble));
		acc = _mm512_dpbusd_epi32(acc, lo, lo);
		acc = _mm512_dpbusd_epi32(acc, hi, hi);
	}
	return (uint32_t) _mm512_reduce_add_epi32(acc) +
		scalar_norm_u4(codes + whole, nbytes - whole);
}

AVX512 void
avx512_flip_signs(float *x, const uint32_t *signs, uint32_t n)
{
	uint32_t	whole = n - n % 16;

	for (uint32_t i = 0; i < whole; i += 16)
		_mm512_storeu_si512(x + i,
							_mm512_xor_si512(_mm512_loadu_si512(x + i),
											 _mm512_loadu_si512(signs + i)));
	scalar_flip_signs(x + whole, signs + whole, n - whole);
}

AVX512 void
avx512_turn(float *first, float *second, uint32_t n, float factor)
{
	const __m512 factors = _mm512_set1_ps(factor);
	uint32_t	whole = n - n % 16;

	for (uint32_t i = 0; i < whole; i += 16)
	{
		__m512		a = _mm512_loadu_ps(first + i);
		__m512		b = _mm512_loadu_ps(second + i);

		_mm512_storeu_ps(first + i, _mm512_mul_ps(_mm512_add_ps(a, b),
												  factors));
		_mm512_storeu_ps(second + i, _mm512_mul_ps(_mm512_sub_ps(a, b),
												   factors));
	}
	scalar_turn(first + whole, second + whole, n - whole, factor);
}

AVX512 double
avx512_sum_squares(const float *x, uint32_t n)
{
	__m512d		acc = _mm512_setzero_pd();
	double		lanes[8];
	uint32_t	whole = n - n % 8;

	for (uint32_t i = 0; i < whole; i += 8)
	{
		__m512d		v = _mm512_cvtps_pd(_mm256_loadu_ps(x + i));

		acc = _mm512_add_pd(acc, _mm512_mul_pd(v, v));
	}
	_mm512_storeu_pd(lanes, acc);
	return kernels_finish_squares(lanes, x + whole, n - whole);
}

AVX512 void
avx512_subtract(const float *x, double factor, const float *y, float *out,
				uint32_t n)
{
	const __m512d factors = _mm512_set1_pd(factor);
	uint32_t	whole = n - n % 8;

	for (uint32_t i = 0; i < whole; i += 8)
	{
		__m512d		a = _mm512_cvtps_pd(_mm256_loadu_ps(x + i));
		__m512d		b = _mm512_cvtps_pd(_mm256_loadu_ps(y + i));
		__m512d		d = _mm512_sub_pd(_mm512_mul_pd(a, factors), b);

		_mm256_storeu_ps(out + i, _mm512_cvtpd_ps(d));
	}
	scalar_subtract(x + whole, factor, y + whole, out + whole, n - whole);
}

AVX512 float
avx512_largest(const float *x, uint32_t n)
{
	__m512		largest = _mm512_setzero_ps();

	for (uint32_t i = 0; i < n; i += 16)
	{
		__mmask16	mask = n - i >= 16 ? (__mmask16) 0xFFFF :
		(__mmask16) ((1U << (n - i)) - 1);

		largest = _mm512_max_ps(_mm512_abs_ps(_mm512_maskz_loadu_ps(mask,
																	x + i)),
								largest);
	}
	return _mm512_reduce_max_ps(largest);
}

/* The square of x - scale * y, for eight. */
AVX512_INLINE __m512d
avx512_left_out(__m256 x, __m256i y, __m512d scale)
{
	__m512d		e = _mm512_sub_pd(_mm512_cvtps_pd(x),
								  _mm512_mul_pd(scale,
												_mm512_cvtepi32_pd(y)));

	return _mm512_mul_pd(e, e);
}

AVX512 double
avx512_quantise_u8(const float *x, uint32_t n, float scale, uint8_t *codes)
{
	const __m512 inverse = _mm512_set1_ps(0.5f / scale);
	const __m512 middle = _mm512_set1_ps(128.0f);
	const __m512i most = _mm512_set1_epi32(255);
	const __m512d scales = _mm512_set1_pd(scale);
	__m512d		lo = _mm512_setzero_pd();
	__m512d		hi = _mm512_setzero_pd();
	double		lanes[16];
	uint32_t	whole = n - n % 16;

	for (uint32_t i = 0; i < whole; i += 16)
	{
		__m512		v = _mm512_loadu_ps(x + i);
		__m512		t = _mm512_add_ps(_mm512_mul_ps(v, inverse), middle);
		__m512i		u = _mm512_cvttps_epi32(t);
		__m512i		y;

		u = _mm512_min_epi32(_mm512_max_epi32(u, _mm512_setzero_si512()),
							 most);
		y = _mm512_sub_epi32(_mm512_add_epi32(u, u), most);
		_mm_storeu_si128((__m128i *) (codes + i), _mm512_cvtepi32_epi8(u));
		lo = _mm512_add_pd(lo, avx512_left_out(_mm512_castps512_ps256(v),
											   _mm512_castsi512_si256(y),
											   scales));
		hi = _mm512_add_pd(hi, avx512_left_out(_mm512_extractf32x8_ps(v, 1),
											   _mm512_extracti32x8_epi32(y, 1),
											   scales));
	}
	_mm512_storeu_pd(lanes, lo);
	_mm512_storeu_pd(lanes + 8, hi);
	return kernels_finish_quantise(lanes, x + whole, n - whole, scale,
								   codes + whole);
}

#endif							/* VDB_KERNELS_X86 */
