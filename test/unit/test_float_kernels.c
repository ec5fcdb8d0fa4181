/*-------------------------------------------------------------------------
 *
 * test_float_kernels.c
 *	  Float kernels: every instruction set gives the bits of the scalar one.
 *
 * All lengths up to 2,100 and some up to 16,384, with vectors that end at a
 * page which may not be read, of ordinary numbers, of all magnitudes with
 * zeros of both signs and denormals, and of numbers whose sums overflow.  The
 * scalar kernels themselves are compared with sums in double.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/distance.h"

#include <math.h>
#include <string.h>

#include "unit.h"

#define MAX_DIM 16384

static Fence fence_a;
static Fence fence_b;
static Fence fence_x;
static Fence fence_y;

typedef enum ValueKind
{
	ORDINARY,
	ALL_MAGNITUDES,
	HUGE_VALUES,
	NKINDS
} ValueKind;

/* Finite; any bit pattern that is. */
static float
any_finite(void)
{
	for (;;)
	{
		uint32_t	bits = (uint32_t) unit_random();
		float		f;

		memcpy(&f, &bits, sizeof(f));
		if (isfinite(f))
			return f;
	}
}

static float
value(ValueKind kind)
{
	static const float special[] = {
		0.0f, -0.0f, 1e-45f, -1e-45f, 1e-38f, 1e-20f, -1.0f, 1.0f
	};

	switch (kind)
	{
		case ORDINARY:
			return unit_gaussian();
		case ALL_MAGNITUDES:
			if (unit_below(4) == 0)
				return special[unit_below(8)];
			return ldexpf(unit_gaussian(), (int) unit_below(140) - 90);
		default:
			return unit_below(8) == 0 ? any_finite() : 1e19f * unit_gaussian();
	}
}

/* Same bits; a NaN is as good as another. */
static bool
same(float x, float y)
{
	if (isnan(x) || isnan(y))
		return isnan(x) && isnan(y);
	return memcmp(&x, &y, sizeof(x)) == 0;
}

static void
check_table(const VdbKernels *k, const VdbKernels *scalar, const float *a,
			const float *b, uint32_t dim)
{
	CosineSums	sums = k->cosine(a, b, dim);
	CosineSums	expected = scalar->cosine(a, b, dim);

	unit_check(same(k->l2_sq(a, b, dim), scalar->l2_sq(a, b, dim)),
			   "%s l2_sq differs at %u dimensions", k->name, dim);
	unit_check(same(k->ip(a, b, dim), scalar->ip(a, b, dim)),
			   "%s ip differs at %u dimensions", k->name, dim);
	unit_check(same(k->l1(a, b, dim), scalar->l1(a, b, dim)),
			   "%s l1 differs at %u dimensions", k->name, dim);
	unit_check(same(sums.ab, expected.ab) && same(sums.aa, expected.aa) &&
			   same(sums.bb, expected.bb),
			   "%s cosine differs at %u dimensions", k->name, dim);
}

/* The scalar kernels against double, within the bound of the README. */
static void
check_scalar(const VdbKernels *k, const float *a, const float *b,
			 uint32_t dim)
{
	double		room = ((dim + 31) / 32 + 7) * 0x1.1p-24;
	double		l2_sq = 0;
	double		ip = 0;
	double		ip_abs = 0;
	double		l1 = 0;
	CosineSums	sums = k->cosine(a, b, dim);

	for (uint32_t i = 0; i < dim; i++)
	{
		double		d = (double) a[i] - b[i];

		l2_sq += d * d;
		l1 += fabs(d);
		ip += (double) a[i] * b[i];
		ip_abs += fabs((double) a[i] * b[i]);
	}
	unit_check(fabs(k->l2_sq(a, b, dim) - l2_sq) <= room * l2_sq,
			   "l2_sq is wrong at %u dimensions", dim);
	unit_check(fabs(k->l1(a, b, dim) - l1) <= room * l1,
			   "l1 is wrong at %u dimensions", dim);
	unit_check(fabs(k->ip(a, b, dim) - ip) <= room * ip_abs,
			   "ip is wrong at %u dimensions", dim);
	unit_check(same(sums.ab, k->ip(a, b, dim)) &&
			   same(sums.aa, k->ip(a, a, dim)) &&
			   same(sums.bb, k->ip(b, b, dim)),
			   "cosine is not three inner products at %u dimensions", dim);
}

static void
check_length(const VdbKernels *scalar, uint32_t dim, ValueKind kind)
{
	float	   *a = (float *) fence_a.end - dim;
	float	   *b = (float *) fence_b.end - dim;

	for (uint32_t i = 0; i < dim; i++)
	{
		a[i] = value(kind);
		b[i] = kind == HUGE_VALUES && unit_below(2) ? a[i] : value(kind);
	}
	if (kind == ORDINARY)
		check_scalar(scalar, a, b, dim);
	for (int t = 0; vdb_kernel_tables[t] != NULL; t++)
		if (distance_supported(vdb_kernel_tables[t]))
			check_table(vdb_kernel_tables[t], scalar, a, b, dim);
}

static void
check_hadamard(const VdbKernels *scalar, uint32_t n)
{
	float	   *x = (float *) fence_x.end - n;
	float	   *expected = (float *) fence_y.end - n;

	for (int t = 0; vdb_kernel_tables[t] != NULL; t++)
	{
		if (!distance_supported(vdb_kernel_tables[t]))
			continue;
		for (uint32_t i = 0; i < n; i++)
			x[i] = expected[i] = value(ALL_MAGNITUDES);
		vdb_kernel_tables[t]->hadamard(x, n, 0.3f);
		scalar->hadamard(expected, n, 0.3f);
		unit_check(memcmp(x, expected, n * sizeof(float)) == 0,
				   "%s hadamard differs at %u elements",
				   vdb_kernel_tables[t]->name, n);
	}
}

/* Element j of the transform of unit vector i has the sign of their bits. */
static void
check_hadamard_meaning(const VdbKernels *scalar)
{
	float		x[16];

	for (int i = 0; i < 16; i++)
	{
		memset(x, 0, sizeof(x));
		x[i] = 1;
		scalar->hadamard(x, 16, 0.25f);
		for (int j = 0; j < 16; j++)
			unit_check(x[j] == (__builtin_parity(i & j) ? -0.25f : 0.25f),
					   "hadamard of unit vector %d is wrong at %d", i, j);
	}
}

static void
check_choice(void)
{
	const VdbKernels *before = vdb_kernels;

	unit_check(!distance_init("none such") && vdb_kernels == before,
			   "an unknown name was accepted");
	unit_check(distance_init("scalar") &&
			   strcmp(vdb_kernels->name, "scalar") == 0,
			   "the scalar kernels cannot be chosen");
	unit_check(distance_init("auto") && distance_supported(vdb_kernels),
			   "no kernels were chosen");
}

int
main(void)
{
	static const uint32_t longer[] = {
		3071, 3072, 4095, 4096, 8095, 8096, 8097, 15999, 16000, 16384
	};
	const VdbKernels *scalar;

	fence_a = unit_fence(MAX_DIM * sizeof(float));
	fence_b = unit_fence(MAX_DIM * sizeof(float));
	fence_x = unit_fence(MAX_DIM * sizeof(float));
	fence_y = unit_fence(MAX_DIM * sizeof(float));

	check_choice();
	distance_init("scalar");
	scalar = vdb_kernels;
	for (int kind = 0; kind < NKINDS; kind++)
	{
		for (uint32_t dim = 0; dim <= 2100; dim++)
			check_length(scalar, dim, kind);
		for (int i = 0; i < 10; i++)
			check_length(scalar, longer[i], kind);
	}
	check_hadamard_meaning(scalar);
	for (uint32_t n = 1; n <= MAX_DIM; n *= 2)
		check_hadamard(scalar, n);
	return unit_finish();
}
