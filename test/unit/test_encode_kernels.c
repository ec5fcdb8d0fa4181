/*-------------------------------------------------------------------------
 *
 * test_encode_kernels.c
 *	  Kernels of projecting and encoding: the scalar one's bits, everywhere.
 *
 * All lengths up to 300 and some longer ones, with data that ends at a page
 * which may not be touched.  The Hadamard transform is in
 * test_float_kernels.c, norms of whole bytes in test_code_kernels.c.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/distance.h"

#include <math.h>
#include <string.h>

#include "unit.h"

#define MAX_DIM 16384

static Fence fence[4];
static const VdbKernels *scalar;

/* n elements at the end of a fence; some are zero, tiny or large. */
static float *
make_floats(Fence place, uint32_t n)
{
	float	   *x = (float *) place.end - n;

	for (uint32_t i = 0; i < n; i++)
		switch (unit_below(8))
		{
			case 0:
				x[i] = unit_below(2) ? 0.0f : -0.0f;
				break;
			case 1:
				x[i] = ldexpf(unit_gaussian(), (int) unit_below(200) - 149);
				break;
			default:
				x[i] = unit_gaussian();
		}
	return x;
}

static bool
same_floats(const float *a, const float *b, uint32_t n)
{
	return memcmp(a, b, n * sizeof(float)) == 0;
}

static void
check_in_place(const VdbKernels *k, uint32_t n)
{
	float	   *a = make_floats(fence[0], n);
	float	   *b = make_floats(fence[1], n);
	uint32_t   *signs = (uint32_t *) fence[2].end - n;
	float		expected_a[MAX_DIM];
	float		expected_b[MAX_DIM];

	for (uint32_t i = 0; i < n; i++)
		signs[i] = unit_below(2) << 31;
	memcpy(expected_a, a, n * sizeof(float));
	memcpy(expected_b, b, n * sizeof(float));
	k->flip_signs(a, signs, n);
	scalar->flip_signs(expected_a, signs, n);
	unit_check(same_floats(a, expected_a, n), "%s flip_signs differs at %u",
			   k->name, n);
	k->turn(a, b, n, 0.7f);
	scalar->turn(expected_a, expected_b, n, 0.7f);
	unit_check(same_floats(a, expected_a, n) && same_floats(b, expected_b, n),
			   "%s turn differs at %u", k->name, n);
}

static void
check_sums(const VdbKernels *k, uint32_t n)
{
	float	   *x = make_floats(fence[0], n);
	float	   *y = make_floats(fence[1], n);
	float	   *out = (float *) fence[2].end - n;
	float		expected[MAX_DIM];
	double		sum = k->sum_squares(x, n);
	double		expected_sum = scalar->sum_squares(x, n);

	unit_check(memcmp(&sum, &expected_sum, sizeof(sum)) == 0,
			   "%s sum_squares differs at %u", k->name, n);
	unit_check(k->largest(x, n) == scalar->largest(x, n),
			   "%s largest differs at %u", k->name, n);
	k->subtract(x, 0.123456789, y, out, n);
	scalar->subtract(x, 0.123456789, y, expected, n);
	unit_check(same_floats(out, expected, n), "%s subtract differs at %u",
			   k->name, n);
}

/* factor: 1 fits the largest element; less cuts it off. */
static void
check_quantise(const VdbKernels *k, uint32_t n, float factor)
{
	float	   *x = make_floats(fence[0], n);
	uint8_t    *codes = fence[1].end - n;
	uint8_t		expected[MAX_DIM];
	float		scale;
	double		left_out;
	double		expected_left_out;

	for (uint32_t i = 0; i < n; i++)
		if (fabsf(x[i]) > 1000)
			x[i] = 1;
	scale = factor * scalar->largest(x, n) / 256;
	if (scale < 1e-30f)
		return;
	left_out = k->quantise_u8(x, n, scale, codes);
	expected_left_out = scalar->quantise_u8(x, n, scale, expected);
	unit_check(memcmp(codes, expected, n) == 0 &&
			   memcmp(&left_out, &expected_left_out, sizeof(left_out)) == 0,
			   "%s quantise_u8 differs at %u", k->name, n);
}

static void
check_norm_u4(const VdbKernels *k, uint32_t n)
{
	uint8_t    *codes = fence[0].end - n;

	for (uint32_t i = 0; i < n; i++)
		codes[i] = n % 3 == 0 ? 0xFF : (uint8_t) unit_random();
	unit_check(k->norm_u4(codes, n) == scalar->norm_u4(codes, n),
			   "%s norm_u4 differs at %u", k->name, n);
}

/* The scalar kernels, on numbers small enough to check by hand. */
static void
check_meaning(void)
{
	const float x[4] = {1, -2, 3, -4};
	const float y[4] = {0.5f, 0.5f, 0.5f, 0.5f};
	const uint32_t signs[2] = {UINT32_C(1) << 31, 0};
	const uint8_t codes[2] = {0x0F, 0x81};
	float		a[2] = {1, 2};
	float		b[2] = {3, 5};
	float		out[4];
	uint8_t		quantised[4];
	double		left_out;

	unit_check(scalar->sum_squares(x, 4) == 30, "sum_squares is wrong");
	unit_check(scalar->largest(x, 4) == 4, "largest is wrong");
	scalar->subtract(x, 2, y, out, 4);
	unit_check(out[0] == 1.5f && out[3] == -8.5f, "subtract is wrong");
	scalar->turn(a, b, 2, 0.5f);
	unit_check(a[0] == 2 && a[1] == 3.5f && b[0] == -1 && b[1] == -1.5f,
			   "turn is wrong");
	scalar->flip_signs(a, signs, 2);
	unit_check(a[0] == -2 && a[1] == 3.5f, "flip_signs is wrong");
	unit_check(scalar->norm_u4(codes, 2) ==
			   15 * 15 + 15 * 15 + 13 * 13 + 1, "norm_u4 is wrong");

	/* a scale of 1/64 reaches from -4 to 4: a step is 1/32 */
	left_out = scalar->quantise_u8(x, 4, 1.0f / 64, quantised);
	unit_check(quantised[0] == 160 && quantised[1] == 64 &&
			   quantised[2] == 224 && quantised[3] == 0,
			   "the codes of quantise_u8 are wrong");
	unit_check(left_out == 4.0 / 64 / 64,
			   "what quantise_u8 leaves out is wrong");
}

static void
check_length(const VdbKernels *k, uint32_t n)
{
	check_in_place(k, n);
	check_sums(k, n);
	check_quantise(k, n, 1);
	check_quantise(k, n, 0.3f);
	check_norm_u4(k, n);
}

int
main(void)
{
	static const uint32_t longer[] = {
		383, 384, 768, 1000, 1536, 3072, 8096, 16000, 16384
	};

	for (int i = 0; i < 4; i++)
		fence[i] = unit_fence(MAX_DIM * sizeof(float));
	distance_init("scalar");
	scalar = vdb_kernels;
	check_meaning();
	for (int t = 0; vdb_kernel_tables[t] != NULL; t++)
	{
		if (!distance_supported(vdb_kernel_tables[t]))
			continue;
		for (uint32_t n = 0; n <= 300; n++)
			check_length(vdb_kernel_tables[t], n);
		for (int i = 0; i < 9; i++)
			check_length(vdb_kernel_tables[t], longer[i]);
	}
	return unit_finish();
}
