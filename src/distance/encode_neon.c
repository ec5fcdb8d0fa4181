/*-------------------------------------------------------------------------
 *
 * encode_neon.c
 *	  Projecting and encoding vectors with NEON.
 *
 * Meaning and bits as in encode_scalar.c; tails are left to plain C.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#ifdef VDB_KERNELS_NEON

#include <arm_neon.h>

uint32_t
neon_norm_u8(const uint8_t *codes, uint32_t dim)
{
	int32x4_t	acc = vdupq_n_s32(0);
	uint32_t	whole = dim - dim % 8;

	for (uint32_t i = 0; i < whole; i += 8)
	{
		uint16x8_t	u = vshll_n_u8(vld1_u8(codes + i), 1);
		int16x8_t	y = vsubq_s16(vreinterpretq_s16_u16(u), vdupq_n_s16(255));

		acc = vmlal_s16(acc, vget_low_s16(y), vget_low_s16(y));
		acc = vmlal_s16(acc, vget_high_s16(y), vget_high_s16(y));
	}
	return (uint32_t) vaddvq_s32(acc) +
		scalar_norm_u8(codes + whole, dim - whole);
}

/* Levels 1 and 2 apart are left to pairs of registers taken apart. */
NEON_INLINE void
neon_hadamard_8(float *x)
{
	float32x4x2_t v = vld2q_f32(x);
	float32x4_t sum = vaddq_f32(v.val[0], v.val[1]);
	float32x4_t difference = vsubq_f32(v.val[0], v.val[1]);

	/* back in order, then pairs of pairs */
	float32x4_t a = vzip1q_f32(sum, difference);
	float32x4_t b = vzip2q_f32(sum, difference);
	float32x4_t even = vcombine_f32(vget_low_f32(a), vget_low_f32(b));
	float32x4_t odd = vcombine_f32(vget_high_f32(a), vget_high_f32(b));

	sum = vaddq_f32(even, odd);
	difference = vsubq_f32(even, odd);
	a = vcombine_f32(vget_low_f32(sum), vget_low_f32(difference));
	b = vcombine_f32(vget_high_f32(sum), vget_high_f32(difference));
	vst1q_f32(x, vaddq_f32(a, b));
	vst1q_f32(x + 4, vsubq_f32(a, b));
}

void
neon_hadamard(float *x, uint32_t n, float factor)
{
	if (n < 8)
	{
		scalar_hadamard(x, n, factor);
		return;
	}
	for (uint32_t i = 0; i < n; i += 8)
		neon_hadamard_8(x + i);
	for (uint32_t half = 8; half < n; half *= 2)
		for (uint32_t start = 0; start < n; start += 2 * half)
			for (uint32_t i = start; i < start + half; i += 4)
			{
				float32x4_t a = vld1q_f32(x + i);
				float32x4_t b = vld1q_f32(x + i + half);

				vst1q_f32(x + i, vaddq_f32(a, b));
				vst1q_f32(x + i + half, vsubq_f32(a, b));
			}
	for (uint32_t i = 0; i < n; i += 4)
		vst1q_f32(x + i, vmulq_n_f32(vld1q_f32(x + i), factor));
}

uint32_t
neon_norm_u4(const uint8_t *codes, uint32_t nbytes)
{
	const uint8x16_t nibble = vdupq_n_u8(15);
	uint32x4_t	acc = vdupq_n_u32(0);
	uint32_t	whole = nbytes - nbytes % 16;

	for (uint32_t i = 0; i < whole; i += 16)
	{
		uint8x16_t	c = vld1q_u8(codes + i);
		uint8x16_t	lo = vandq_u8(c, nibble);
		uint8x16_t	hi = vshrq_n_u8(c, 4);

		/* the difference of unsigned numbers is the magnitude */
		lo = vabdq_u8(vaddq_u8(lo, lo), nibble);
		hi = vabdq_u8(vaddq_u8(hi, hi), nibble);
		acc = vpadalq_u16(acc, vmull_u8(vget_low_u8(lo), vget_low_u8(lo)));
		acc = vpadalq_u16(acc, vmull_u8(vget_high_u8(lo), vget_high_u8(lo)));
		acc = vpadalq_u16(acc, vmull_u8(vget_low_u8(hi), vget_low_u8(hi)));
		acc = vpadalq_u16(acc, vmull_u8(vget_high_u8(hi), vget_high_u8(hi)));
	}
	return vaddvq_u32(acc) + scalar_norm_u4(codes + whole, nbytes - whole);
}

void
neon_flip_signs(float *x, const uint32_t *signs, uint32_t n)
{
	uint32_t	whole = n - n % 4;

	for (uint32_t i = 0; i < whole; i += 4)
	{
		uint32x4_t	bits = vreinterpretq_u32_f32(vld1q_f32(x + i));

		bits = veorq_u32(bits, vld1q_u32(signs + i));
		vst1q_f32(x + i, vreinterpretq_f32_u32(bits));
	}
	scalar_flip_signs(x + whole, signs + whole, n - whole);
}

void
neon_turn(float *first, float *second, uint32_t n, float factor)
{
	uint32_t	whole = n - n % 4;

	for (uint32_t i = 0; i < whole; i += 4)
	{
		float32x4_t a = vld1q_f32(first + i);
		float32x4_t b = vld1q_f32(second + i);

		vst1q_f32(first + i, vmulq_n_f32(vaddq_f32(a, b), factor));
		vst1q_f32(second + i, vmulq_n_f32(vsubq_f32(a, b), factor));
	}
	scalar_turn(first + whole, second + whole, n - whole, factor);
}

double
neon_sum_squares(const float *x, uint32_t n)
{
	float64x2_t acc[4];
	double		lanes[8];
	uint32_t	whole = n - n % 8;

	for (int k = 0; k < 4; k++)
		acc[k] = vdupq_n_f64(0);
	for (uint32_t i = 0; i < whole; i += 8)
		for (int k = 0; k < 4; k++)
		{
			float64x2_t v = vcvt_f64_f32(vld1_f32(x + i + 2 * k));

			acc[k] = vaddq_f64(acc[k], vmulq_f64(v, v));
		}
	for (int k = 0; k < 4; k++)
		vst1q_f64(lanes + 2 * k, acc[k]);
	return kernels_finish_squares(lanes, x + whole, n - whole);
}

void
neon_subtract(const float *x, double factor, const float *y, float *out,
			  uint32_t n)
{
	uint32_t	whole = n - n % 2;

	for (uint32_t i = 0; i < whole; i += 2)
	{
		float64x2_t a = vmulq_n_f64(vcvt_f64_f32(vld1_f32(x + i)), factor);
		float64x2_t b = vcvt_f64_f32(vld1_f32(y + i));

		vst1_f32(out + i, vcvt_f32_f64(vsubq_f64(a, b)));
	}
	scalar_subtract(x + whole, factor, y + whole, out + whole, n - whole);
}

float
neon_largest(const float *x, uint32_t n)
{
	float32x4_t largest = vdupq_n_f32(0);
	uint32_t	whole = n - n % 4;
	float		both[2];

	for (uint32_t i = 0; i < whole; i += 4)
		largest = vmaxq_f32(largest, vabsq_f32(vld1q_f32(x + i)));
	both[0] = vmaxvq_f32(largest);
	both[1] = scalar_largest(x + whole, n - whole);
	return scalar_largest(both, 2);
}

/* Adds the squares of x - scale * y of four elements to two sums of two. */
NEON_INLINE void
neon_add_left_out(float64x2_t *acc, float32x4_t x, int32x4_t y, double scale)
{
	float64x2_t lo = vmulq_n_f64(vcvtq_f64_s64(vmovl_s32(vget_low_s32(y))),
								 scale);
	float64x2_t hi = vmulq_n_f64(vcvtq_f64_s64(vmovl_s32(vget_high_s32(y))),
								 scale);

	lo = vsubq_f64(vcvt_f64_f32(vget_low_f32(x)), lo);
	hi = vsubq_f64(vcvt_f64_f32(vget_high_f32(x)), hi);
	acc[0] = vaddq_f64(acc[0], vmulq_f64(lo, lo));
	acc[1] = vaddq_f64(acc[1], vmulq_f64(hi, hi));
}

double
neon_quantise_u8(const float *x, uint32_t n, float scale, uint8_t *codes)
{
	const float inverse = 0.5f / scale;
	const int32x4_t most = vdupq_n_s32(255);
	float64x2_t acc[8];
	double		lanes[16];
	uint32_t	whole = n - n % 16;

	for (int k = 0; k < 8; k++)
		acc[k] = vdupq_n_f64(0);
	for (uint32_t i = 0; i < whole; i += 16)
		for (int k = 0; k < 4; k++)
		{
			float32x4_t v = vld1q_f32(x + i + 4 * k);
			int32x4_t	u = vcvtq_s32_f32(vaddq_f32(vmulq_n_f32(v, inverse),
													vdupq_n_f32(128.0f)));
			uint8_t		u8[16];

			u = vminq_s32(vmaxq_s32(u, vdupq_n_s32(0)), most);
			vst1q_u8(u8, vreinterpretq_u8_s32(u));
			for (int j = 0; j < 4; j++)
				codes[i + 4 * k + j] = u8[4 * j];
			neon_add_left_out(acc + 2 * k, v,
							  vsubq_s32(vaddq_s32(u, u), most), scale);
		}
	for (int k = 0; k < 8; k++)
		vst1q_f64(lanes + 2 * k, acc[k]);
	return kernels_finish_quantise(lanes, x + whole, n - whole, scale,
								   codes + whole);
}

#endif							/* VDB_KERNELS_NEON */
