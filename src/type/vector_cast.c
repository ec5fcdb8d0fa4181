/*-------------------------------------------------------------------------
 *
 * vector_cast.c
 *	  Casts: vector to vector(n), arrays to vector, vector to real[].
 *
 * The arguments of each are the value, the type modifier of the target (-1
 * for none) and whether the cast is explicit, which makes no difference.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "type/vector.h"
#include "type/vector_check.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"

static void vector_from_numerics(float *x, ArrayType *array, int dim);

/* vector(vector, integer, boolean): enforces the type modifier. */
PG_FUNCTION_INFO_V1(vdb_vector);
Datum
vdb_vector(PG_FUNCTION_ARGS)
{
	Vector	   *v = PG_GETARG_VECTOR_P(0);
	int32		typmod = PG_GETARG_INT32(1);

	(void) vector_check_typmod(v->dim, typmod, NULL);
	PG_RETURN_VECTOR_P(v);
}

/* array_to_vector: from integer[], real[], double precision[], numeric[] */
PG_FUNCTION_INFO_V1(vdb_array_to_vector);
Datum
vdb_array_to_vector(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int32		typmod = PG_GETARG_INT32(1);
	int			dim;
	Vector	   *result;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("array must be 1-D"));
	if (array_contains_nulls(array))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("array must not contain nulls"));

	dim = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	(void) vector_check_dim(dim, NULL);
	(void) vector_check_typmod(dim, typmod, NULL);
	result = vector_new(dim);

	/* Without nulls the elements lie one after another. */
	switch (ARR_ELEMTYPE(array))
	{
		case INT4OID:
			for (int i = 0; i < dim; i++)
				result->x[i] = (float) ((int32 *) ARR_DATA_PTR(array))[i];
			break;
		case FLOAT4OID:
			memcpy(result->x, ARR_DATA_PTR(array), sizeof(float) * dim);
			break;
		case FLOAT8OID:
			for (int i = 0; i < dim; i++)
				result->x[i] = (float) ((float8 *) ARR_DATA_PTR(array))[i];
			break;
		case NUMERICOID:
			vector_from_numerics(result->x, array, dim);
			break;
		default:
			ereport(ERROR,
					errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("unsupported array type"));
	}

	vector_check_elements(result->x, dim);
	PG_RETURN_VECTOR_P(result);
}

static void
vector_from_numerics(float *x, ArrayType *array, int dim)
{
	Datum	   *elements;

	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, &dim);
	for (int i = 0; i < dim; i++)
		x[i] = DatumGetFloat4(DirectFunctionCall1(numeric_float4,
												  elements[i]));
	pfree(elements);
}

PG_FUNCTION_INFO_V1(vdb_vector_to_float4);
Datum
vdb_vector_to_float4(PG_FUNCTION_ARGS)
{
	Vector	   *v = PG_GETARG_VECTOR_P(0);
	Size		size = ARR_OVERHEAD_NONULLS(1) + sizeof(float) * v->dim;
	ArrayType  *result = palloc0(size);

	SET_VARSIZE(result, size);
	result->ndim = 1;
	result->dataoffset = 0;		/* no nulls */
	result->elemtype = FLOAT4OID;
	ARR_DIMS(result)[0] = v->dim;
	ARR_LBOUND(result)[0] = 1;
	memcpy(ARR_DATA_PTR(result), v->x, sizeof(float) * v->dim);

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_ARRAYTYPE_P(result);
}
