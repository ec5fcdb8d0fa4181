/*-------------------------------------------------------------------------
 *
 * test_quant.c
 *	  Codes: the rotation, the radius, the planes, the classes of rows.
 *
 * The radius is checked against the same rotation computed in double.  That a
 * bound holds is the subject of test_bounds.c.
 *
 *-------------------------------------------------------------------------
 */
#include "quant/quant_private.h"

#include "distance/distance.h"
#include "unit.h"

static const uint32 dims[] = {
	1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 64, 96, 100, 128, 129, 384, 768,
	1000, 1536, 3072, 8096, 8097, 16000
};

#define NDIMS ((int) lengthof(dims))

static float *
gaussian_vector(uint32 dim, float deviation)
{
	float	   *x = palloc(sizeof(float) * dim);

	for (uint32 i = 0; i < dim; i++)
		x[i] = deviation * unit_gaussian();
	return x;
}

static double
norm(const double *x, uint32 dim)
{
	double		sum = 0;

	for (uint32 i = 0; i < dim; i++)
		sum += x[i] * x[i];
	return sqrt(sum);
}

/* The rotation of README.md, in double. */
static void
rotate_exactly(const QuantRotation *rotation, double *x)
{
	uint32		dim = rotation->dim;
	uint32		window = rotation->window;

	for (int round = 0; window > 0 && round < 4; round++)
	{
		double	   *w = round % 2 == 0 ? x : x + (dim - window);

		for (uint32 i = 0; i < dim; i++)
			x[i] = rotation->signs[round * dim + i] ? -x[i] : x[i];
		for (uint32 half = 1; half < window; half *= 2)
			for (uint32 i = 0; i < window; i++)
				if ((i & half) == 0)
				{
					double		a = w[i];

					w[i] = a + w[i + half];
					w[i + half] = a - w[i + half];
				}
		for (uint32 i = 0; i < window; i++)
			w[i] /= sqrt((double) window);
		for (uint32 i = 0; window != dim && i < dim / 2; i++)
		{
			double	   *b = x + (dim - dim / 2) + i;
			double		a = x[i];

			x[i] = (a + *b) * M_SQRT1_2;
			*b = (a - *b) * M_SQRT1_2;
		}
	}
}

static void
check_rotation(uint32 dim)
{
	QuantRotation *rotation = rotation_create(dim, 12345 + dim, false);
	float	   *x = gaussian_vector(dim, 1);
	double	   *exact = palloc(sizeof(double) * dim);
	double		before;
	double		error = 0;

	for (uint32 i = 0; i < dim; i++)
		exact[i] = x[i];
	before = norm(exact, dim);
	rotate_exactly(rotation, exact);
	unit_check(fabs(norm(exact, dim) - before) <= 1e-12 * before,
			   "the rotation of %u dimensions changes lengths", dim);
	rotation_apply(rotation, x);
	for (uint32 i = 0; i < dim; i++)
		error += (x[i] - exact[i]) * (x[i] - exact[i]);
	unit_check(sqrt(error) <= rotation->error * before,
			   "the rotation of %u dimensions is off by %g, more than %g",
			   dim, sqrt(error) / before, rotation->error);
	unit_check(rotation->error < 1e-5, "the bound of %u dimensions is %g",
			   dim, rotation->error);

	/* rows that stand out in one dimension must be spread over all */
	if (dim >= 64)
	{
		float		largest = 0;

		memset(x, 0, sizeof(float) * dim);
		x[dim / 2] = 1;
		rotation_apply(rotation, x);
		for (uint32 i = 0; i < dim; i++)
			largest = Max(largest, fabsf(x[i]));
		unit_check(largest < 8 / sqrt((double) dim),
				   "a unit vector of %u dimensions is not spread", dim);
	}
}

static double
decoded(const QuantSpace *space, const uint8 *code, const RowFactors *factors,
		uint32 i)
{
	uint32		nbytes = space->plane_bytes;

	if (space->bits == 8)
		return (double) factors->scale * (2 * code[i] - 255);
	if (i < nbytes)
		return (double) factors->scale * (2 * (code[i] & 15) - 15);
	return (double) factors->scale * (2 * (code[i - nbytes] >> 4) - 15);
}

/* The projection of a vector, in double. */
static double *
project_exactly(const QuantSpace *space, const float *vector)
{
	double	   *z = palloc(sizeof(double) * space->dim);
	double		length = 1;

	for (uint32 i = 0; i < space->dim; i++)
		z[i] = vector[i];
	if (space->metric == QUANT_COSINE)
		length = norm(z, space->dim);
	for (uint32 i = 0; i < space->dim; i++)
		z[i] = z[i] / length - (space->centre ? space->centre[i] : 0);
	rotate_exactly(space->rotation, z);
	return z;
}

/* Norm of what a code leaves out; sets the norm of the decoded code. */
static double
left_out(const QuantSpace *space, const double *z, const uint8 *code,
		 const RowFactors *factors, double *decoded_norm)
{
	double		sum = 0;
	double		sum_abs = 0;
	double		decoded_sq = 0;

	for (uint32 i = 0; i < space->dim; i++)
	{
		double		y = decoded(space, code, factors, i);

		sum += (z[i] - y) * (z[i] - y);
		sum_abs += fabs(z[i] - y);
		decoded_sq += y * y;
	}
	*decoded_norm = sqrt(decoded_sq);
	return space->metric == QUANT_L1 ? sum_abs : sqrt(sum);
}

static void
check_planes(const QuantSpace *space, const double *z, const uint8 *code,
			 const RowFactors *full)
{
	uint8	   *coarse = palloc(space->plane_bytes);
	uint8	   *fine = palloc(space->plane_bytes);
	uint8	   *joined = palloc(space->row_bytes);
	QuantSpace	plane_space = *space;
	RowFactors	factors;
	RowFactors	again;
	RowFactors	again_factors;
	double		decoded_norm;
	double		out;

	quant_split(space, code, full, coarse, fine, &factors);
	plane_space.bits = 4;
	out = left_out(&plane_space, z, coarse, &factors, &decoded_norm);
	unit_check(out <= factors.radius,
			   "%u dimensions, metric %d: coarse radius %g is below %g",
			   space->dim, space->metric, factors.radius, out);
	if (space->metric != QUANT_L1)
		unit_check(fabs(factors.norm_sq - decoded_norm * decoded_norm) <=
				   1.01 * FLOAT_EPS * factors.norm_sq,
				   "%u dimensions: the norm of the coarse plane is wrong",
				   space->dim);

	quant_join(space, coarse, fine, factors.scale, full->radius, joined,
			   &again);
	unit_check(memcmp(joined, code, space->row_bytes) == 0 &&
			   memcmp(&again, full, sizeof(again)) == 0,
			   "%u dimensions, metric %d: planes do not join to what they were",
			   space->dim, space->metric);

	/* So rows can go from planes into graphs and back. */
	quant_split(space, joined, &again, coarse, fine, &again_factors);
	unit_check(memcmp(&again_factors, &factors, sizeof(factors)) == 0,
			   "%u dimensions, metric %d: other factors of the coarse plane",
			   space->dim, space->metric);
}

/*
 * What the radius of a Gaussian row may be, relative to its norm.  The scale
 * follows the largest element; at 4 bits and many dimensions it is cut.
 */
static double
largest_radius(uint32 dim, int bits)
{
	if (bits == 8)
		return dim > 8096 ? 0.013 : 0.0115;
	return dim > 8096 ? 0.112 : 0.18;
}

/* Gaussian rows: the radius holds, and is no larger than it should be. */
static void
check_encode(uint32 dim, QuantMetric metric, int bits, bool with_centre)
{
	float	   *centre = with_centre ? gaussian_vector(dim, 0.1f) : NULL;
	QuantSpace *space = quant_space_create(dim, metric, bits, 7, centre);
	float	   *vector = gaussian_vector(dim, 3);
	uint8	   *code = palloc(space->row_bytes);
	RowFactors	factors;
	double	   *z;
	double		out;
	double		decoded_norm;

	unit_check(quant_encode(space, vector, code, &factors) == ROW_BOUNDED,
			   "an ordinary row of %u dimensions has no bound", dim);
	z = project_exactly(space, vector);
	out = left_out(space, z, code, &factors, &decoded_norm);
	unit_check(out <= factors.radius,
			   "%u dimensions, metric %d, %d bits: radius %g is below %g",
			   dim, metric, bits, factors.radius, out);
	if (metric == QUANT_L1)
		unit_check(factors.norm_sq == 0, "L1 rows have no 2-norm");
	else
	{
		unit_check(fabs(factors.norm_sq - decoded_norm * decoded_norm) <=
				   1.01 * FLOAT_EPS * factors.norm_sq,
				   "%u dimensions: the norm of the code is wrong", dim);
		unit_check(factors.radius <= decoded_norm * largest_radius(dim, bits),
				   "%u dimensions, %d bits: radius %g of %g is too large",
				   dim, bits, factors.radius, decoded_norm);
	}
	if (bits == 8)
		check_planes(space, z, code, &factors);
}

static RowClass
class_of(QuantMetric metric, float first, float second)
{
	QuantSpace *space = quant_space_create(2, metric, 8, 1, NULL);
	float		vector[2] = {first, second};
	uint8		code[2];
	RowFactors	factors;
	RowClass	class = quant_encode(space, vector, code, &factors);
	QuantQuery *query = quant_query_create(space, vector);

	unit_check((int) query->class == (int) class,
			   "row and query (%g, %g) are of different classes", first,
			   second);
	if (class != ROW_BOUNDED)
		unit_check(factors.scale == 0 && factors.norm_sq == 0 &&
				   factors.radius == 0, "a row without bound has factors");
	return class;
}

static void
check_classes(void)
{
	for (int metric = QUANT_L2; metric <= QUANT_L1; metric++)
	{
		bool		cosine = metric == QUANT_COSINE;

		unit_check(class_of(metric, 1, 2) == ROW_BOUNDED, "1, 2");
		unit_check(class_of(metric, 3e37f, 2) == ROW_UNBOUNDED, "3e37, 2");
		unit_check(class_of(metric, 1e16f, 2) == ROW_BOUNDED, "1e16, 2");
		unit_check(class_of(metric, 0, -0.0f) ==
				   (cosine ? ROW_NAN : ROW_BOUNDED), "zero");
		unit_check(class_of(metric, 1e-38f, 1e-45f) ==
				   (cosine ? ROW_UNBOUNDED : ROW_BOUNDED), "1e-38, 1e-45");
		unit_check(class_of(metric, NAN, 1) == ROW_UNBOUNDED, "NaN");
		unit_check(class_of(metric, INFINITY, 1) == ROW_UNBOUNDED,
				   "infinity");
	}
}

/* A centre out of range leaves no row with a bound. */
static void
check_centre_range(void)
{
	float		centre[2] = {1e30f, 0};
	float		vector[2] = {1, 2};
	uint8		code[2];
	RowFactors	factors;
	QuantSpace *space = quant_space_create(2, QUANT_L2, 8, 1, centre);

	unit_check(quant_encode(space, vector, code, &factors) == ROW_UNBOUNDED,
			   "a bound was claimed with a centre out of range");
}

/* Codes of format version 1: a number for all of them. */
static void
check_frozen(void)
{
	uint64		hash = UINT64CONST(0xCBF29CE484222325);

	for (int d = 0; d < NDIMS; d++)
		for (int bits = 4; bits <= 8; bits += 4)
		{
			QuantSpace *space = quant_space_create(dims[d], QUANT_L2, bits,
												   99, NULL);
			float	   *vector = palloc(sizeof(float) * dims[d]);
			uint8	   *code = palloc(space->row_bytes);
			RowFactors	factors;

			for (uint32 i = 0; i < dims[d]; i++)
				vector[i] = (float) ((int) (i * 7919 % 1009) - 500) / 64;
			(void) quant_encode(space, vector, code, &factors);
			for (uint32 i = 0; i < space->row_bytes; i++)
				hash = (hash ^ code[i]) * UINT64CONST(0x100000001B3);
		}
	unit_check(hash == UINT64CONST(0x5B789EAEF46B988D),
			   "codes are not those of format version 1: 0x%llX",
			   (unsigned long long) hash);
}

static void
check_bits(void)
{
	unit_check(quant_bits_for_dim(1) == 8 && quant_bits_for_dim(8096) == 8,
			   "8 bits fit up to 8,096 dimensions");
	unit_check(quant_bits_for_dim(8097) == 4 &&
			   quant_bits_for_dim(16000) == 4,
			   "8 bits do not fit above 8,096 dimensions");
}

int
main(void)
{
	check_bits();
	check_classes();
	check_centre_range();
	for (int t = 0; vdb_kernel_tables[t] != NULL; t++)
	{
		if (!distance_init(vdb_kernel_tables[t]->name))
			continue;
		for (int d = 0; d < NDIMS; d++)
		{
			check_rotation(dims[d]);
			for (int metric = QUANT_L2; metric <= QUANT_L1; metric++)
				for (int centre = 0; centre < 2; centre++)
				{
					check_encode(dims[d], metric, 8, centre != 0);
					check_encode(dims[d], metric, 4, centre != 0);
				}
		}
		check_frozen();
	}
	return unit_finish();
}
