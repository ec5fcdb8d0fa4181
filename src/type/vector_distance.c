/*-------------------------------------------------------------------------
 *
 * vector_distance.c
 *	  Distances between vectors, and norms.
 *
 * The sums over elements come from vdb_kernels, which gives the same bits
 * under every instruction set; that is what makes these functions IMMUTABLE.
 * A sum that overflows is infinite and is not an error.
 *
 * Detoasted copies are freed at once: one query calls these a million times,
 * and the freed memory is what the next call gets, still in the cache.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "distance/distance.h"
#include "type/vector.h"
#include "type/vector_check.h"
#include "utils/float.h"

/* Two arguments of the same dimension. */
typedef struct VectorPair
{
	Vector	   *a;
	Vector	   *b;
} VectorPair;

static inline VectorPair
vector_pair_get(FunctionCallInfo fcinfo)
{
	VectorPair	pair = {PG_GETARG_VECTOR_P(0), PG_GETARG_VECTOR_P(1)};

	vector_check_same_dim(pair.a, pair.b);
	return pair;
}

static inline void
vector_pair_free(FunctionCallInfo fcinfo, VectorPair pair)
{
	PG_FREE_IF_COPY(pair.a, 0);
	PG_FREE_IF_COPY(pair.b, 1);
}

static inline double
vector_pair_l2_sq(FunctionCallInfo fcinfo)
{
	VectorPair	pair = vector_pair_get(fcinfo);
	double		sum = vdb_kernels->l2_sq(pair.a->x, pair.b->x, pair.a->dim);

	vector_pair_free(fcinfo, pair);
	return sum;
}

static inline double
vector_pair_ip(FunctionCallInfo fcinfo)
{
	VectorPair	pair = vector_pair_get(fcinfo);
	double		sum = vdb_kernels->ip(pair.a->x, pair.b->x, pair.a->dim);

	vector_pair_free(fcinfo, pair);
	return sum;
}

/* Rounding can push a cosine out of [-1, 1]; NaN stays NaN. */
static inline double
vector_clamp_cosine(double cosine)
{
	if (cosine > 1.0)
		return 1.0;
	if (cosine < -1.0)
		return -1.0;
	return cosine;
}

PG_FUNCTION_INFO_V1(vdb_l2_distance);
Datum
vdb_l2_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(sqrt(vector_pair_l2_sq(fcinfo)));
}

PG_FUNCTION_INFO_V1(vdb_vector_l2_squared_distance);
Datum
vdb_vector_l2_squared_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(vector_pair_l2_sq(fcinfo));
}

PG_FUNCTION_INFO_V1(vdb_inner_product);
Datum
vdb_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(vector_pair_ip(fcinfo));
}

PG_FUNCTION_INFO_V1(vdb_vector_negative_inner_product);
Datum
vdb_vector_negative_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(-vector_pair_ip(fcinfo));
}

PG_FUNCTION_INFO_V1(vdb_l1_distance);
Datum
vdb_l1_distance(PG_FUNCTION_ARGS)
{
	VectorPair	pair = vector_pair_get(fcinfo);
	double		sum = vdb_kernels->l1(pair.a->x, pair.b->x, pair.a->dim);

	vector_pair_free(fcinfo, pair);
	PG_RETURN_FLOAT8(sum);
}

/*
 * 1 minus the cosine of the angle.  NaN when either vector is zero, or so
 * short that the float sum of its squares is zero: it has no direction then.
 */
PG_FUNCTION_INFO_V1(vdb_cosine_distance);
Datum
vdb_cosine_distance(PG_FUNCTION_ARGS)
{
	VectorPair	pair = vector_pair_get(fcinfo);
	CosineSums	sums = vdb_kernels->cosine(pair.a->x, pair.b->x,
										   pair.a->dim);
	double		cosine;

	vector_pair_free(fcinfo, pair);
	if (sums.aa == 0 || sums.bb == 0)
		PG_RETURN_FLOAT8(get_float8_nan());
	cosine = sums.ab / sqrt((double) sums.aa * (double) sums.bb);
	PG_RETURN_FLOAT8(1.0 - vector_clamp_cosine(cosine));
}

/* The angle between vectors of length 1, as a part of a half turn. */
PG_FUNCTION_INFO_V1(vdb_vector_spherical_distance);
Datum
vdb_vector_spherical_distance(PG_FUNCTION_ARGS)
{
	double		cosine = vector_clamp_cosine(vector_pair_ip(fcinfo));

	PG_RETURN_FLOAT8(acos(cosine) / M_PI);
}

/*
 * The Euclidean norm, in doubles, so that no float is too large or too small
 * for it.  Four sums at a time, in an order that depends on nothing but the
 * dimension.
 */
static double
vector_norm(const Vector *v)
{
	double		sums[4] = {0, 0, 0, 0};
	int			i;

	for (i = 0; i + 4 <= v->dim; i += 4)
	{
		for (int j = 0; j < 4; j++)
			sums[j] += (double) v->x[i + j] * (double) v->x[i + j];
	}
	for (int j = 0; i + j < v->dim; j++)
		sums[j] += (double) v->x[i + j] * (double) v->x[i + j];

	return sqrt((sums[0] + sums[2]) + (sums[1] + sums[3]));
}

PG_FUNCTION_INFO_V1(vdb_vector_norm);
Datum
vdb_vector_norm(PG_FUNCTION_ARGS)
{
	Vector	   *v = PG_GETARG_VECTOR_P(0);
	double		norm = vector_norm(v);

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_FLOAT8(norm);
}

/* The vector of length 1 in the same direction; zero stays zero. */
PG_FUNCTION_INFO_V1(vdb_l2_normalize);
Datum
vdb_l2_normalize(PG_FUNCTION_ARGS)
{
	Vector	   *v = PG_GETARG_VECTOR_P(0);
	Vector	   *result = vector_new(v->dim);
	double		norm = vector_norm(v);

	/* No element is longer than the vector, so none can overflow. */
	if (norm > 0)
	{
		for (int i = 0; i < v->dim; i++)
			result->x[i] = (float) (v->x[i] / norm);
	}

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_VECTOR_P(result);
}
