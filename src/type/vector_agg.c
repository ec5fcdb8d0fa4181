/*-------------------------------------------------------------------------
 *
 * vector_agg.c
 *	  avg(vector): transition, combining and final function.
 *
 * The state is a double precision[]: the number of vectors, then the sum of
 * each element.  It begins as '{0}', before the dimension is known.  Its
 * layout is visible in SQL, so arrays are checked before they are used.
 *
 * Inside an aggregate the state belongs to the aggregate and is changed in
 * place; called by itself a function returns a new array.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "type/vector.h"
#include "type/vector_check.h"
#include "utils/array.h"
#include "utils/float.h"

#define STATE_SIZE(dim) \
	(ARR_OVERHEAD_NONULLS(1) + sizeof(float8) * ((dim) + 1))

static inline float8 *
vector_state_values(ArrayType *state)
{
	return (float8 *) ARR_DATA_PTR(state);
}

/* The dimension of a state, 0 for '{0}'; raises an error if it is none. */
static int
vector_state_dim(ArrayType *state, const char *caller)
{
	int			dim;

	/* Only a call by hand can pass another array, as to float8_accum(). */
	if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] < 1 ||
		ARR_HASNULL(state) || ARR_ELEMTYPE(state) != FLOAT8OID)
		elog(ERROR, "%s: expected state array", caller);

	dim = ARR_DIMS(state)[0] - 1;
	if (dim > 0)
		(void) vector_check_dim(dim, NULL);
	return dim;
}

static ArrayType *
vector_state_new(int dim)
{
	ArrayType  *state = palloc0(STATE_SIZE(dim));

	SET_VARSIZE(state, STATE_SIZE(dim));
	state->ndim = 1;
	state->dataoffset = 0;		/* no nulls */
	state->elemtype = FLOAT8OID;
	ARR_DIMS(state)[0] = dim + 1;
	ARR_LBOUND(state)[0] = 1;
	return state;
}

/* The state that a function may change and return. */
static ArrayType *
vector_state_writable(FunctionCallInfo fcinfo, ArrayType *state, int dim)
{
	ArrayType  *copy;

	if (AggCheckCallContext(fcinfo, NULL))
		return state;
	copy = vector_state_new(dim);
	memcpy(vector_state_values(copy), vector_state_values(state),
		   sizeof(float8) * (dim + 1));
	return copy;
}

static void
vector_state_check_overflow(const float8 *sums, int dim)
{
	bool		overflow = false;

	for (int i = 0; i < dim; i++)
		overflow |= isinf(sums[i]) != 0;
	if (unlikely(overflow))
		float_overflow_error();
}

PG_FUNCTION_INFO_V1(vdb_vector_accum);
Datum
vdb_vector_accum(PG_FUNCTION_ARGS)
{
	ArrayType  *state = PG_GETARG_ARRAYTYPE_P(0);
	Vector	   *v = PG_GETARG_VECTOR_P(1);
	int			dim = vector_state_dim(state, "vector_accum");
	ArrayType  *result;
	float8	   *values;

	if (dim == 0)
	{
		result = vector_state_new(v->dim);
		values = vector_state_values(result);
		values[0] = vector_state_values(state)[0] + 1.0;

		/* not added to 0, which would turn -0 into 0 */
		for (int i = 0; i < v->dim; i++)
			values[i + 1] = v->x[i];
	}
	else
	{
		(void) vector_check_typmod(v->dim, dim, NULL);
		result = vector_state_writable(fcinfo, state, dim);
		values = vector_state_values(result);
		values[0] += 1.0;
		for (int i = 0; i < v->dim; i++)
			values[i + 1] += v->x[i];
		vector_state_check_overflow(values + 1, v->dim);
	}

	PG_FREE_IF_COPY(v, 1);
	PG_RETURN_ARRAYTYPE_P(result);
}

PG_FUNCTION_INFO_V1(vdb_vector_combine);
Datum
vdb_vector_combine(PG_FUNCTION_ARGS)
{
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *b = PG_GETARG_ARRAYTYPE_P(1);
	int			adim = vector_state_dim(a, "vector_combine");
	int			bdim = vector_state_dim(b, "vector_combine");
	ArrayType  *result;
	float8	   *values;
	float8	   *added;

	/* A state without a dimension adds to the count alone. */
	if (adim == 0)
	{
		ArrayType  *swap = a;

		/* b is not the aggregate's to change: it may be read again. */
		result = vector_state_new(bdim);
		memcpy(vector_state_values(result), vector_state_values(b),
			   sizeof(float8) * (bdim + 1));
		b = swap;
		bdim = 0;
	}
	else
	{
		if (bdim != 0)
			(void) vector_check_typmod(bdim, adim, NULL);
		result = vector_state_writable(fcinfo, a, adim);
	}

	values = vector_state_values(result);
	added = vector_state_values(b);
	for (int i = 0; i <= bdim; i++)
		values[i] += added[i];
	vector_state_check_overflow(values + 1, bdim);
	PG_RETURN_ARRAYTYPE_P(result);
}

PG_FUNCTION_INFO_V1(vdb_vector_avg);
Datum
vdb_vector_avg(PG_FUNCTION_ARGS)
{
	ArrayType  *state = PG_GETARG_ARRAYTYPE_P(0);
	int			dim = vector_state_dim(state, "vector_avg");
	float8	   *values = vector_state_values(state);
	Vector	   *result;

	/* The average of no rows. */
	if (values[0] == 0)
		PG_RETURN_NULL();

	(void) vector_check_dim(dim, NULL);
	result = vector_new(dim);
	for (int i = 0; i < dim; i++)
		result->x[i] = (float) (values[i + 1] / values[0]);
	vector_check_elements(result->x, dim);
	PG_RETURN_VECTOR_P(result);
}
