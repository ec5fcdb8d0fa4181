/*-------------------------------------------------------------------------
 *
 * vector_compare.c
 *	  Order, equality and hashing of vectors.
 *
 * Vectors are ordered by their elements, and when one begins with the whole
 * of the other, by dimension, as arrays are.  Elements are compared as
 * numbers: -0 equals 0, so that equal vectors may differ in their bytes, and
 * the hash functions must not tell the two apart.
 *
 * Copies are freed: index code calls these without resetting its memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "type/vector.h"

static int
vector_compare(const Vector *a, const Vector *b)
{
	int			dim = Min(a->dim, b->dim);

	for (int i = 0; i < dim; i++)
	{
		if (a->x[i] != b->x[i])
			return a->x[i] < b->x[i] ? -1 : 1;
	}
	return (a->dim > b->dim) - (a->dim < b->dim);
}

static inline int
vector_compare_args(FunctionCallInfo fcinfo)
{
	Vector	   *a = PG_GETARG_VECTOR_P(0);
	Vector	   *b = PG_GETARG_VECTOR_P(1);
	int			order = vector_compare(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return order;
}

PG_FUNCTION_INFO_V1(vdb_vector_lt);
Datum
vdb_vector_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(vector_compare_args(fcinfo) < 0);
}

PG_FUNCTION_INFO_V1(vdb_vector_le);
Datum
vdb_vector_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(vector_compare_args(fcinfo) <= 0);
}

PG_FUNCTION_INFO_V1(vdb_vector_eq);
Datum
vdb_vector_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(vector_compare_args(fcinfo) == 0);
}

PG_FUNCTION_INFO_V1(vdb_vector_ne);
Datum
vdb_vector_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(vector_compare_args(fcinfo) != 0);
}

PG_FUNCTION_INFO_V1(vdb_vector_ge);
Datum
vdb_vector_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(vector_compare_args(fcinfo) >= 0);
}

PG_FUNCTION_INFO_V1(vdb_vector_gt);
Datum
vdb_vector_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(vector_compare_args(fcinfo) > 0);
}

PG_FUNCTION_INFO_V1(vdb_vector_cmp);
Datum
vdb_vector_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(vector_compare_args(fcinfo));
}

/*
 * The elements, with every -0 turned into 0: v's own when it has none, else
 * a copy, which the caller frees.
 */
static float *
vector_hashable_elements(Vector *v)
{
	bool		has_negative_zero = false;
	float	   *x;

	for (int i = 0; i < v->dim; i++)
		has_negative_zero |= v->x[i] == 0 && signbit(v->x[i]);
	if (!has_negative_zero)
		return v->x;

	x = palloc(sizeof(float) * v->dim);
	for (int i = 0; i < v->dim; i++)
		x[i] = v->x[i] == 0 ? 0 : v->x[i];
	return x;
}

PG_FUNCTION_INFO_V1(vdb_vector_hash);
Datum
vdb_vector_hash(PG_FUNCTION_ARGS)
{
	Vector	   *v = PG_GETARG_VECTOR_P(0);
	float	   *x = vector_hashable_elements(v);
	Datum		hash = hash_any((unsigned char *) x,
								(int) sizeof(float) * v->dim);

	if (x != v->x)
		pfree(x);
	PG_FREE_IF_COPY(v, 0);
	return hash;
}

PG_FUNCTION_INFO_V1(vdb_vector_hash_extended);
Datum
vdb_vector_hash_extended(PG_FUNCTION_ARGS)
{
	Vector	   *v = PG_GETARG_VECTOR_P(0);
	float	   *x = vector_hashable_elements(v);
	Datum		hash = hash_any_extended((unsigned char *) x,
										 (int) sizeof(float) * v->dim,
										 PG_GETARG_INT64(1));

	if (x != v->x)
		pfree(x);
	PG_FREE_IF_COPY(v, 0);
	return hash;
}
