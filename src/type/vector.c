/*-------------------------------------------------------------------------
 *
 * vector.c
 *	  Making vectors, and the conditions they must meet.
 *
 * The lowest file of the type "vector": the functions that SQL calls are in
 * vector_io.c, vector_cast.c, vector_distance.c, vector_math.c,
 * vector_compare.c and vector_agg.c.  Together they promise that every value
 * of the type has 1 to VECTOR_MAX_DIM elements, all of them finite.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "base/compat.h"
#include "type/vector.h"
#include "type/vector_check.h"

Vector *
vector_new(int dim)
{
	Size		size = VECTOR_SIZE(dim);
	Vector	   *result = palloc0(size);

	SET_VARSIZE(result, size);
	result->dim = (int16) dim;
	return result;
}

bool
vector_check_dim(int64 dim, struct Node *escontext)
{
	if (dim < 1)
		ereturn(escontext, false,
				errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("vector must have at least 1 dimension"));
	if (dim > VECTOR_MAX_DIM)
		ereturn(escontext, false,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("vector cannot have more than %d dimensions",
					   VECTOR_MAX_DIM));
	return true;
}

bool
vector_check_typmod(int dim, int32 typmod, struct Node *escontext)
{
	if (typmod != -1 && typmod != dim)
		ereturn(escontext, false,
				errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("expected %d dimensions, not %d", typmod, dim));
	return true;
}

bool
vector_check_element(float x, struct Node *escontext)
{
	if (unlikely(isnan(x)))
		ereturn(escontext, false,
				errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("NaN not allowed in vector"));
	if (unlikely(isinf(x)))
		ereturn(escontext, false,
				errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("infinite value not allowed in vector"));
	return true;
}

void
vector_check_elements(const float *x, int dim)
{
	bool		finite = true;

	/* Without a branch per element the compiler can do several at once. */
	for (int i = 0; i < dim; i++)
		finite &= fabsf(x[i]) <= FLT_MAX;
	if (likely(finite))
		return;

	for (int i = 0; i < dim; i++)
		(void) vector_check_element(x[i], NULL);
}

void
vector_different_dims(int a, int b)
{
	ereport(ERROR,
			errcode(ERRCODE_DATA_EXCEPTION),
			errmsg("different vector dimensions %d and %d", a, b));
}
