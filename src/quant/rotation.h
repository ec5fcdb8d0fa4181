/*-------------------------------------------------------------------------
 *
 * rotation.h
 *	  The rotation that all codes of an index share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_QUANT_ROTATION_H
#define VDB_QUANT_ROTATION_H

#include "postgres.h"

typedef struct QuantRotation
{
	uint32		dim;
	uint32		window;			/* largest power of two <= dim; or 0 */
	float		factor;			/* 1 / sqrt(window) */
	double		error;			/* bound, relative to the norm */
	uint32	   *signs;			/* ROTATION_ROUNDS * dim masks: 0 or 1 << 31 */
} QuantRotation;

/* The rotation of a dimension and a seed; the identity when asked for. */
extern QuantRotation *rotation_create(uint32 dim, uint64 seed, bool identity);

/* Rotate x, dim floats, in place. */
extern void rotation_apply(const QuantRotation *rotation, float *x);

#endif							/* VDB_QUANT_ROTATION_H */
