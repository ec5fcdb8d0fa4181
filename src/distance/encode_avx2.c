/*-------------------------------------------------------------------------
 *
 * encode_avx2.c
 *	  Projecting and encoding vectors with AVX2.
 *
 * Meaning and bits as in encode_scalar.c; tails are left to plain C.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#ifdef VDB_KERNELS_X86

#include <immintrin.h>

AVX2_INLINE int32_t
avx2_sum_epi32(__m256i x)
{
	__m128i		sum = _mm_add_epi32(_mm256_castsi256_si128(x),
									_mm256_extracti128_si256(x, 1));

	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1));
	return _mm_cvtsi128_si32(sum);
}

AVX2 uint32_t
avx2_norm_u8(const uint8_t *codes, uint32_t dim)
{
	const __m256i levels = _mm256_set1_epi16(255);
	__m256i		acc = _mm256_setzero_si256();
	uint32_t	whole = dim - dim % 16;

	for (uint32_t i = 0; i < whole; i += 16)
	{
		__m128i		c = _mm_loadu_si128((const __m128i *) (codes + i));
		__m256i		u = _mm256_cvtepu8_epi16(c);
		__m256i		y = _mm256_sub_epi16(_mm256_add_epi16(u, u), levels);

		acc = _mm256_add_epi32(acc, _mm256_madd_epi16(y, y));
	}
	return (uint32_t) avx2_sum_epi32(acc) +
		scalar_norm_u8(codes + whole, dim - whole);
}

/* Levels 1, 2 and 4 apart, within a register: see avx512_hadamard_16(). */
AVX2_INLINE __m256
avx2_hadamard_8(__m256 x)
{
	__m256		partner;

	partner = _mm256_permute_ps(x, 0xB1);
	x = _mm256_blend_ps(_mm256_add_ps(partner, x), _mm256_sub_ps(partner, x),
						0xAA);
	partner = _mm256_permute_ps(x, 0x4E);
	x = _mm256_blend_ps(_mm256_add_ps(partner, x), _mm256_sub_ps(partner, x),
						0xCC);
	partner = _mm256_permute2f128_ps(x, x, 0x01);
	return _mm256_blend_ps(_mm256_add_ps(partner, x),
						   _mm256_sub_ps(partner, x), 0xF0);
}

AVX2 void
avx2_hadamard(float *x, uint32_t n, float factor)
{
	const __m256 factors = _mm256_set1_ps(factor);

	if (n < 8)
	{
		scalar_hadamard(x, n, factor);
		return;
	}
	for (uint32_t i = 0; i < n; i += 8)
		_mm256_storeu_ps(x + i, avx2_hadamard_8(_mm256_loadu_ps(x + i)));
	for (uint32_t half = 8; half < n; half *= 2)
		for (uint32_t start = 0; start < n; start += 2 * half)
			for (uint32_t i = start; i < start + half; i += 8)
			{
				__m256		a = _mm256_loadu_ps(x + i);
				__m256		b = _mm256_loadu_ps(x + i + half);

				_mm256_storeu_ps(x + i, _mm256_add_ps(a, b));
				_mm256_storeu_ps(x + i + half, _mm256_sub_ps(a, b));
			}
	for (uint32_t i = 0; i < n; i += 8)
		_mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i),
											  factors));
}

AVX2 uint32_t
avx2_norm_u4(const uint8_t *codes, uint32_t nbytes)
{
	const __m256i nibble = _mm256_set1_epi8(15);
	const __m256i ones = _mm256_set1_epi16(1);
	__m256i		acc = _mm256_setzero_si256();
	uint32_t	whole = nbytes - nbytes % 32;

	for (uint32_t i = 0; i < whole; i += 32)
	{
		__m256i		c = _mm256_loadu_si256((const __m256i *) (codes + i));
		__m256i		lo = _mm256_and_si256(c, nibble);
		__m256i		hi = _mm256_and_si256(_mm256_srli_epi16(c, 4), nibble);
		__m256i		squares;

		lo = _mm256_abs_epi8(_mm256_sub_epi8(_mm256_add_epi8(lo, lo), nibble));
		hi = _mm256_abs_epi8(_mm256_sub_epi8(_mm256_add_epi8(hi, hi), nibble));
		squares = _mm256_add_epi16(_mm256_maddubs_epi16(lo, lo),
								   _mm256_maddubs_epi16(hi, hi));
		acc = _mm256_add_epi32(acc, _mm256_madd_epi16(squares, ones));
	}
	return (uint32_t) avx2_sum_epi32(acc) +
		scalar_norm_u4(codes + whole, nbytes - whole);
}

AVX2 void
avx2_flip_signs(float *x, const uint32_t *signs, uint32_t n)
{
	uint32_t	whole = n - n % 8;

	for (uint32_t i = 0; i < whole; i += 8)
	{
		__m256i		bits = _mm256_loadu_si256((const __m256i *) (x + i));
		__m256i		mask = _mm256_loadu_si256((const __m256i *) (signs + i));

		_mm256_storeu_si256((__m256i *) (x + i),
							_mm256_xor_si256(bits, mask));
	}
	scalar_flip_signs(x + whole, signs + whole, n - whole);
}

AVX2 void
avx2_turn(float *first, float *second, uint32_t n, float factor)
{
	const __m256 factors = _mm256_set1_ps(factor);
	uint32_t	whole = n - n % 8;

	for (uint32_t i = 0; i < whole; i += 8)
	{
		__m256		a = _mm256_loadu_ps(first + i);
		__m256		b = _mm256_loadu_ps(second + i);

		_mm256_storeu_ps(first + i, _mm256_mul_ps(_mm256_add_ps(a, b),
												  factors));
		_mm256_storeu_ps(second + i, _mm256_mul_ps(_mm256_sub_ps(a, b),
												   factors));
	}
	scalar_turn(first + whole, second + whole, n - whole, factor);
}

AVX2 double
avx2_sum_squares(const float *x, uint32_t n)
{
	__m256d		lo = _mm256_setzero_pd();
	__m256d		hi = _mm256_setzero_pd();
	double		lanes[8];
	uint32_t	whole = n - n % 8;

	for (uint32_t i = 0; i < whole; i += 8)
	{
		__m256d		a = _mm256_cvtps_pd(_mm_loadu_ps(x + i));
		__m256d		b = _mm256_cvtps_pd(_mm_loadu_ps(x + i + 4));

		lo = _mm256_add_pd(lo, _mm256_mul_pd(a, a));
		hi = _mm256_add_pd(hi, _mm256_mul_pd(b, b));
	}
	_mm256_storeu_pd(lanes, lo);
	_mm256_storeu_pd(lanes + 4, hi);
	return kernels_finish_squares(lanes, x + whole, n - whole);
}

AVX2 void
avx2_subtract(const float *x, double factor, const float *y, float *out,
			  uint32_t n)
{
	const __m256d factors = _mm256_set1_pd(factor);
	uint32_t	whole = n - n % 4;

	for (uint32_t i = 0; i < whole; i += 4)
	{
		__m256d		a = _mm256_cvtps_pd(_mm_loadu_ps(x + i));
		__m256d		b = _mm256_cvtps_pd(_mm_loadu_ps(y + i));
		__m256d		d = _mm256_sub_pd(_mm256_mul_pd(a, factors), b);

		_mm_storeu_ps(out + i, _mm256_cvtpd_ps(d));
	}
	scalar_subtract(x + whole, factor, y + whole, out + whole, n - whole);
}

AVX2 float
avx2_largest(const float *x, uint32_t n)
{
	const __m256 sign = _mm256_set1_ps(-0.0f);
	__m256		largest = _mm256_setzero_ps();
	uint32_t	whole = n - n % 8;
	float		lanes[9];

	for (uint32_t i = 0; i < whole; i += 8)
		largest = _mm256_max_ps(_mm256_andnot_ps(sign, _mm256_loadu_ps(x + i)),
								largest);
	_mm256_storeu_ps(lanes, largest);
	lanes[8] = scalar_largest(x + whole, n - whole);
	return scalar_largest(lanes, 9);
}

/* The square of x - scale * y, for four. */
AVX2_INLINE __m256d
avx2_left_out(__m128 x, __m128i y, __m256d scale)
{
	__m256d		e = _mm256_sub_pd(_mm256_cvtps_pd(x),
								  _mm256_mul_pd(scale,
												_mm256_cvtepi32_pd(y)));

	return _mm256_mul_pd(e, e);
}

/* Writes the codes of eight; adds what they leave out to lo and hi. */
AVX2_INLINE void
avx2_quantise_8(const float *x, float scale, float inverse, uint8_t *codes,
				__m256d *lo, __m256d *hi)
{
	const __m256i most = _mm256_set1_epi32(255);
	const __m256d scales = _mm256_set1_pd(scale);
	__m256		v = _mm256_loadu_ps(x);
	__m256		t = _mm256_add_ps(_mm256_mul_ps(v, _mm256_set1_ps(inverse)),
								  _mm256_set1_ps(128.0f));
	__m256i		u = _mm256_cvttps_epi32(t);
	__m256i		y;
	__m128i		u16;

	u = _mm256_min_epi32(_mm256_max_epi32(u, _mm256_setzero_si256()), most);
	y = _mm256_sub_epi32(_mm256_add_epi32(u, u), most);
	u16 = _mm_packs_epi32(_mm256_castsi256_si128(u),
						  _mm256_extracti128_si256(u, 1));
	_mm_storel_epi64((__m128i *) codes, _mm_packus_epi16(u16, u16));
	*lo = _mm256_add_pd(*lo, avx2_left_out(_mm256_castps256_ps128(v),
										   _mm256_castsi256_si128(y), scales));
	*hi = _mm256_add_pd(*hi, avx2_left_out(_mm256_extractf128_ps(v, 1),
										   _mm256_extracti128_si256(y, 1),
										   scales));
}

AVX2 double
avx2_quantise_u8(const float *x, uint32_t n, float scale, uint8_t *codes)
{
	float		inverse = 0.5f / scale;
	__m256d		acc[4];
	double		lanes[16];
	uint32_t	whole = n - n % 16;

	for (int k = 0; k < 4; k++)
		acc[k] = _mm256_setzero_pd();
	for (uint32_t i = 0; i < whole; i += 16)
	{
		avx2_quantise_8(x + i, scale, inverse, codes + i, &acc[0], &acc[1]);
		avx2_quantise_8(x + i + 8, scale, inverse, codes + i + 8, &acc[2],
						&acc[3]);
	}
	for (int k = 0; k < 4; k++)
		_mm256_storeu_pd(lanes + 4 * k, acc[k]);
	return kernels_finish_quantise(lanes, x + whole, n - whole, scale,
								   codes + whole);
}

#endif							/* VDB_KERNELS_X86 */
