/*-------------------------------------------------------------------------
 *
 * space.c
 *	  What all rows and queries of an index share, and the way into it.
 *
 * quant_project() is the one place where a vector is normalised, centred and
 * rotated, for rows and for queries, and where the error of doing so in float
 * is bounded.
 *
 *-------------------------------------------------------------------------
 */
#include "quant/quant_private.h"

#include "distance/distance.h"

/* What a row takes in a page besides its code, and what a page offers. */
#define ROW_OVERHEAD 24
#define PAGE_ROOM 8120

int
quant_bits_for_dim(uint32 dim)
{
	return dim + ROW_OVERHEAD <= PAGE_ROOM ? 8 : 4;
}

/* In double: squares of the largest floats do not overflow. */
static double
space_norm(const float *x, uint32 dim)
{
	return sqrt(vdb_kernels->sum_squares(x, dim));
}

static double
space_norm_l1(const float *x, uint32 dim)
{
	double		lanes[4] = {0};
	uint32		i = 0;

	for (; i + 4 <= dim; i += 4)
		for (int j = 0; j < 4; j++)
			lanes[j] += fabs((double) x[i + j]);
	for (; i < dim; i++)
		lanes[0] += fabs((double) x[i]);
	return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

QuantSpace *
quant_space_create(uint32 dim, QuantMetric metric, int bits, uint64 seed,
				   const float *centre)
{
	QuantSpace *space = palloc0(sizeof(QuantSpace));

	Assert(bits == 8 || bits == 4);
	space->dim = dim;
	space->metric = metric;
	space->bits = bits;
	space->seed = seed;
	space->plane_bytes = (dim + 1) / 2;
	space->row_bytes = bits == 8 ? dim : space->plane_bytes;
	space->rotation = rotation_create(dim, seed, metric == QUANT_L1);
	space->scratch = palloc(sizeof(float) * 2 * dim);
	if (centre != NULL)
	{
		float	   *copy = palloc(sizeof(float) * dim);

		memcpy(copy, centre, sizeof(float) * dim);
		space->centre = copy;
		space->centre_norm = space_norm(copy, dim) * (1 + DOUBLE_SUM_EPS);
	}
	return space;
}

/* out = vector * factor - centre, each element rounded once to float. */
static void
space_centre(const float *vector, double factor, const float *centre,
			 float *out, uint32 dim)
{
	if (centre == NULL && factor == 1)
		memcpy(out, vector, sizeof(float) * dim);
	else if (centre == NULL)
		for (uint32 i = 0; i < dim; i++)
			out[i] = (float) (vector[i] * factor);
	else
		vdb_kernels->subtract(vector, factor, centre, out, dim);
}

/*
 * The error: rounding to float once costs FLOAT_EPS of the result, the
 * rotation its own share, both relative to a norm that they change by less
 * than 1 %.  Under cosine the factor is off by its double rounding, relative
 * to the unit vector.
 */
RowClass
quant_project(const QuantSpace *space, const float *vector,
			  const float *centre, float *out, Projection *projection)
{
	uint32		dim = space->dim;
	double		norm = space_norm(vector, dim);
	double		factor = 1;

	/* written so that NaN fails */
	if (!(norm <= QUANT_MAX_NORM && space->centre_norm <= QUANT_MAX_NORM))
		return ROW_UNBOUNDED;
	if (space->metric == QUANT_COSINE)
	{
		if (norm == 0)
			return ROW_NAN;
		if (norm < QUANT_MIN_COSINE_NORM)
			return ROW_UNBOUNDED;
		factor = 1 / norm;
	}

	space_centre(vector, factor, centre, out, dim);
	rotation_apply(space->rotation, out);

	projection->input_norm = norm;
	projection->norm = space->metric == QUANT_L1 ?
		space_norm_l1(out, dim) : space_norm(out, dim);
	projection->error = QUANT_PROJECT_UNDERFLOW +
		1.01 * (space->rotation->error + 1.01 * FLOAT_EPS) * projection->norm;
	if (space->metric == QUANT_COSINE)
		projection->error += DOUBLE_SUM_EPS * (1 + space->centre_norm);
	return ROW_BOUNDED;
}

float *
quant_rotated_centre(const QuantSpace *space)
{
	float	   *x = palloc0(sizeof(float) * space->dim);

	if (space->centre != NULL)
	{
		memcpy(x, space->centre, sizeof(float) * space->dim);
		rotation_apply(space->rotation, x);
	}
	return x;
}
