/*-------------------------------------------------------------------------
 *
 * vector.h
 *	  The SQL type "vector": its layout and how C code gets at one.
 *
 * Layout, in memory and on disk, after detoasting:
 *
 *	 OFFSET  SIZE  FIELD
 *		  0     4   varlena header
 *		  4     2   dim       1 .. VECTOR_MAX_DIM
 *		  6     2   unused    0
 *		  8     4n  x         float4, finite
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_VECTOR_H
#define VDB_VECTOR_H

#include "postgres.h"

#include "base/compat.h"

#define VECTOR_MAX_DIM 16000

typedef struct Vector
{
	int32		vl_len_;		/* varlena header; do not touch */
	int16		dim;
	int16		unused;
	float4		x[FLEXIBLE_ARRAY_MEMBER];
} Vector;

StaticAssertDecl(offsetof(Vector, x) == 8, "on-disk format");

#define VECTOR_SIZE(dim) (offsetof(Vector, x) + sizeof(float4) * (dim))
#define DatumGetVector(d) ((Vector *) PG_DETOAST_DATUM(d))
#define PG_GETARG_VECTOR_P(n) DatumGetVector(PG_GETARG_DATUM(n))
#define PG_RETURN_VECTOR_P(v) PG_RETURN_POINTER(v)

/* A new vector of zeros. */
extern Vector *vector_new(int dim);

/* Distances as SQL calls them, for C code that must get the same bits. */
extern PGDLLEXPORT Datum vdb_l2_distance(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum vdb_vector_negative_inner_product(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum vdb_cosine_distance(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum vdb_l1_distance(PG_FUNCTION_ARGS);

#endif							/* VDB_VECTOR_H */
