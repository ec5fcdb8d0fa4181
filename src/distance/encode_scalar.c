/*-------------------------------------------------------------------------
 *
 * encode_scalar.c
 *	  Plain C kernels of projecting and encoding vectors.
 *
 * They define what the encode_*.c of other instruction sets compute, to the
 * last bit: a vector gets the same code on every machine.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#include <math.h>

uint32_t
scalar_norm_u8(const uint8_t *codes, uint32_t dim)
{
	uint32_t	sum = 0;

	for (uint32_t i = 0; i < dim; i++)
	{
		int32_t		y = 2 * codes[i] - 255;

		sum += (uint32_t) (y * y);
	}
	return sum;
}

uint32_t
scalar_norm_u4(const uint8_t *codes, uint32_t nbytes)
{
	uint32_t	sum = 0;

	for (uint32_t i = 0; i < nbytes; i++)
	{
		int32_t		lo = 2 * (codes[i] & 15) - 15;
		int32_t		hi = 2 * (codes[i] >> 4) - 15;

		sum += (uint32_t) (lo * lo + hi * hi);
	}
	return sum;
}

void
scalar_hadamard(float *x, uint32_t n, float factor)
{
	for (uint32_t half = 1; half < n; half *= 2)
		for (uint32_t start = 0; start < n; start += 2 * half)
			for (uint32_t i = start; i < start + half; i++)
			{
				float		a = x[i];
				float		b = x[i + half];

				x[i] = a + b;
				x[i + half] = a - b;
			}
	for (uint32_t i = 0; i < n; i++)
		x[i] *= factor;
}

void
scalar_flip_signs(float *x, const uint32_t *signs, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		x[i] = signs[i] ? -x[i] : x[i];
}

void
scalar_turn(float *first, float *second, uint32_t n, float factor)
{
	for (uint32_t i = 0; i < n; i++)
	{
		float		a = first[i];
		float		b = second[i];

		first[i] = (a + b) * factor;
		second[i] = (a - b) * factor;
	}
}

double
scalar_sum_squares(const float *x, uint32_t n)
{
	double		lanes[8] = {0};

	return kernels_finish_squares(lanes, x, n);
}

void
scalar_subtract(const float *x, double factor, const float *y, float *out,
				uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = (float) (x[i] * factor - y[i]);
}

float
scalar_largest(const float *x, uint32_t n)
{
	float		largest = 0;

	for (uint32_t i = 0; i < n; i++)
		if (fabsf(x[i]) > largest)
			largest = fabsf(x[i]);
	return largest;
}

double
scalar_quantise_u8(const float *x, uint32_t n, float scale, uint8_t *codes)
{
	double		lanes[16] = {0};

	return kernels_finish_quantise(lanes, x, n, scale, codes);
}
