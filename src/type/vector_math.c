/*-------------------------------------------------------------------------
 *
 * vector_math.c
 *	  Element-wise arithmetic, and taking vectors apart and together.
 *
 * Results keep the promise of the type: an overflow is an error, and so is a
 * product that underflows to zero, as for real.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "type/vector.h"
#include "type/vector_check.h"
#include "utils/float.h"
#include "utils/varbit.h"

/* Finite operands give an infinity only by overflow, and no NaN. */
static void
vector_check_overflow(const Vector *v)
{
	bool		overflow = false;

	for (int i = 0; i < v->dim; i++)
		overflow |= isinf(v->x[i]) != 0;
	if (unlikely(overflow))
		float_overflow_error();
}

PG_FUNCTION_INFO_V1(vdb_vector_add);
Datum
vdb_vector_add(PG_FUNCTION_ARGS)
{
	Vector	   *a = PG_GETARG_VECTOR_P(0);
	Vector	   *b = PG_GETARG_VECTOR_P(1);
	Vector	   *result;

	vector_check_same_dim(a, b);
	result = vector_new(a->dim);
	for (int i = 0; i < a->dim; i++)
		result->x[i] = a->x[i] + b->x[i];
	vector_check_overflow(result);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_VECTOR_P(result);
}

PG_FUNCTION_INFO_V1(vdb_vector_sub);
Datum
vdb_vector_sub(PG_FUNCTION_ARGS)
{
	Vector	   *a = PG_GETARG_VECTOR_P(0);
	Vector	   *b = PG_GETARG_VECTOR_P(1);
	Vector	   *result;

	vector_check_same_dim(a, b);
	result = vector_new(a->dim);
	for (int i = 0; i < a->dim; i++)
		result->x[i] = a->x[i] - b->x[i];
	vector_check_overflow(result);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_VECTOR_P(result);
}

PG_FUNCTION_INFO_V1(vdb_vector_mul);
Datum
vdb_vector_mul(PG_FUNCTION_ARGS)
{
	Vector	   *a = PG_GETARG_VECTOR_P(0);
	Vector	   *b = PG_GETARG_VECTOR_P(1);
	Vector	   *result;
	bool		underflow = false;

	vector_check_same_dim(a, b);
	result = vector_new(a->dim);
	for (int i = 0; i < a->dim; i++)
	{
		result->x[i] = a->x[i] * b->x[i];
		underflow |= result->x[i] == 0 && a->x[i] != 0 && b->x[i] != 0;
	}
	vector_check_overflow(result);
	if (unlikely(underflow))
		float_underflow_error();

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_VECTOR_P(result);
}

PG_FUNCTION_INFO_V1(vdb_vector_concat);
Datum
vdb_vector_concat(PG_FUNCTION_ARGS)
{
	Vector	   *a = PG_GETARG_VECTOR_P(0);
	Vector	   *b = PG_GETARG_VECTOR_P(1);
	int			dim = a->dim + b->dim;
	Vector	   *result;

	(void) vector_check_dim(dim, NULL);
	result = vector_new(dim);
	memcpy(result->x, a->x, sizeof(float) * a->dim);
	memcpy(result->x + a->dim, b->x, sizeof(float) * b->dim);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_VECTOR_P(result);
}

/*
 * subvector(v, start, count): like substring(), counts from 1, and what lies
 * outside of v is left out.
 */
PG_FUNCTION_INFO_V1(vdb_subvector);
Datum
vdb_subvector(PG_FUNCTION_ARGS)
{
	Vector	   *v = PG_GETARG_VECTOR_P(0);
	int64		start = PG_GETARG_INT32(1);
	int64		count = PG_GETARG_INT32(2);
	int64		end = Min(start + count, (int64) v->dim + 1);
	Vector	   *result;

	/* A count below 1 gives nothing, even where the start is clipped. */
	start = Max(start, 1);
	(void) vector_check_dim(count < 1 ? 0 : end - start, NULL);
	result = vector_new((int) (end - start));
	memcpy(result->x, v->x + start - 1, sizeof(float) * (end - start));

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_VECTOR_P(result);
}

/* One bit per element: is it positive? */
PG_FUNCTION_INFO_V1(vdb_binary_quantize);
Datum
vdb_binary_quantize(PG_FUNCTION_ARGS)
{
	Vector	   *v = PG_GETARG_VECTOR_P(0);
	Size		size = VARBITTOTALLEN(v->dim);
	VarBit	   *result = palloc0(size);
	bits8	   *bits = VARBITS(result);

	SET_VARSIZE(result, size);
	VARBITLEN(result) = v->dim;
	for (int i = 0; i < v->dim; i++)
		bits[i / BITS_PER_BYTE] |=
			(v->x[i] > 0) << (BITS_PER_BYTE - 1 - i % BITS_PER_BYTE);

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_VARBIT_P(result);
}

/* Reads no more of the value than its header. */
PG_FUNCTION_INFO_V1(vdb_vector_dims);
Datum
vdb_vector_dims(PG_FUNCTION_ARGS)
{
	Datum		datum = PG_GETARG_DATUM(0);
	struct varlena *head;

	head = PG_DETOAST_DATUM_SLICE(datum, 0, VECTOR_SIZE(0) - VARHDRSZ);
	PG_RETURN_INT32(((Vector *) head)->dim);
}
