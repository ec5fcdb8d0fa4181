/*-------------------------------------------------------------------------
 *
 * quant_private.h
 *	  What the files of src/quant share.
 *
 * The constants of the error analysis stand here; README.md derives them.
 * Everything is written for arithmetic without contraction, see
 * distance/kernels.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_QUANT_PRIVATE_H
#define VDB_QUANT_PRIVATE_H

#include "quant/quant.h"

#include <float.h>
#include <math.h>

#include "quant/rotation.h"

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* Half a unit in the last place of 1.0, float. */
#define FLOAT_EPS 5.9604644775390625e-8

/* Beyond this 2-norm of a vector or centre no bound is claimed. */
#define QUANT_MAX_NORM 1e17

/* Nor below this one under cosine, but for the zero vector. */
#define QUANT_MIN_COSINE_NORM 1e-17

/* Vectors whose largest component is below this get the code of zero. */
#define QUANT_TINY 1e-30

/* Covers what underflow loses in projecting one vector, with room. */
#define QUANT_PROJECT_UNDERFLOW 1e-37

/* Covers every sum in double of up to 16,384 terms, relative. */
#define DOUBLE_SUM_EPS 1e-11

/* A vector after normalisation, centring and rotation. */
typedef struct Projection
{
	double		norm;			/* of the computed result; L1: 1-norm */
	double		error;			/* bound of |result - exact| */
	double		input_norm;		/* 2-norm of the vector given */
} Projection;

/* One quantised form of the query: the first plane alone, or both. */
typedef struct QueryForm
{
	double		step;			/* value of one unit */
	int64		sum;			/* of the integers */
	double		norm_sq;		/* squared 2-norm of the quantised query */
	double		norm;			/* its root */
	double		error;			/* bound of |exact - quantised| */
} QueryForm;

struct QuantQueryData
{
	uint32		padded;			/* 2 * plane_bytes: length of what follows */
	int8	   *high;			/* unit 128; zero from dim on */
	int8	   *low;			/* unit 1, -64 .. 63; zero from dim on */
	QueryForm	coarse;			/* high alone */
	QueryForm	fine;			/* 128 * high + low */
	double		centre_dot;		/* IP: <query, centre> */
	double		norm;			/* IP: upper bound of the query's 2-norm */
	double		operator_rel;	/* relative error of the SQL operator */
	double		operator_abs;	/* absolute error of the SQL operator */
	float	   *residual;		/* L1: query - centre; zero from dim on */
	double		residual_error; /* L1: 1-norm of its error */
};

/*
 * Normalise (cosine), subtract centre (NULL for none) and rotate.  out has
 * room for space->dim floats.  When the result is not ROW_BOUNDED, out and
 * projection hold nothing of use.
 */
extern RowClass quant_project(const QuantSpace *space, const float *vector,
							  const float *centre, float *out,
							  Projection *projection);

/* Squared 2-norm of a decoded code from its integer sum of squares. */
static inline float
quant_norm_sq(float scale, uint32 sum_sq)
{
	return (float) ((double) scale * (double) scale * (double) sum_sq);
}

static inline float
quant_round_up(double x)
{
	float		f = (float) x;

	return (double) f < x ? nextafterf(f, INFINITY) : f;
}

/* Never NaN: what is not a number bounds nothing. */
static inline float
quant_round_down(double x)
{
	float		f;

	if (!(x >= -FLT_MAX))
		return -INFINITY;
	if (x >= FLT_MAX)
		return FLT_MAX;
	f = (float) x;
	return (double) f > x ? nextafterf(f, -INFINITY) : f;
}

/* Take a row code of 8 bits apart, and the inverse; see split.c. */
extern void quant_split_codes(const QuantSpace *space, const uint8 *code,
							  uint8 *coarse, uint8 *fine);
extern void quant_join_codes(const QuantSpace *space, const uint8 *coarse,
							 const uint8 *fine, uint8 *code);

#endif							/* VDB_QUANT_PRIVATE_H */
