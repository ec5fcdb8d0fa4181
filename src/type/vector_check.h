/*-------------------------------------------------------------------------
 *
 * vector_check.h
 *	  The conditions a vector must meet, and their errors.
 *
 * Each function returns true when the condition holds.  Otherwise it raises
 * the error, or, when "escontext" can hold it, leaves it there and returns
 * false; callers that pass no escontext need not look at the result.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_VECTOR_CHECK_H
#define VDB_VECTOR_CHECK_H

#include "postgres.h"

#include "base/compat.h"
#include "type/vector.h"

struct Node;

/* 1 .. VECTOR_MAX_DIM? */
extern bool vector_check_dim(int64 dim, struct Node *escontext);

/* The dimension that the type modifier asks for?  -1 asks for none. */
extern bool vector_check_typmod(int dim, int32 typmod,
								struct Node *escontext);

/* Neither NaN nor infinite? */
extern bool vector_check_element(float x, struct Node *escontext);

/* The same for all elements; raises the error. */
extern void vector_check_elements(const float *x, int dim);

pg_noreturn extern void vector_different_dims(int a, int b);

/* Raises an error unless the vectors can be compared element by element. */
static inline void
vector_check_same_dim(const Vector *a, const Vector *b)
{
	if (unlikely(a->dim != b->dim))
		vector_different_dims(a->dim, b->dim);
}

#endif							/* VDB_VECTOR_CHECK_H */
