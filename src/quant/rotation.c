/*-------------------------------------------------------------------------
 *
 * rotation.c
 *	  A fast pseudo-random rotation.
 *
 * Four rounds.  Each flips signs, applies the orthonormal Walsh-Hadamard
 * transform to a window of the largest power of two of coordinates (the first
 * ones in even rounds, the last ones in odd rounds) and, where the window does
 * not hold them all, turns each coordinate of the first half against its
 * partner in the second half by 45 degrees.  Every step is orthogonal.
 *
 * Frozen with format version 1: the order of the steps, the generator and how
 * its bits become signs.  The arithmetic is elementwise, so that every
 * instruction set gives the same bits.
 *
 *-------------------------------------------------------------------------
 */
#include "quant/quant_private.h"

#include "distance/distance.h"

#define ROTATION_ROUNDS 4

#define TURN_FACTOR 0.70710678118654752f

/* One step of a 64-bit generator with a counter as its state. */
static uint64
rotation_random(uint64 *state)
{
	uint64		x;

	*state += UINT64CONST(0x9E3779B97F4A7C15);
	x = *state;
	x = (x ^ (x >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

/* Bit j of word w of the generator is the sign of number 64 * w + j. */
static void
rotation_fill_signs(QuantRotation *rotation, uint64 seed)
{
	uint32		nsigns = ROTATION_ROUNDS * rotation->dim;
	uint64		bits = 0;

	for (uint32 i = 0; i < nsigns; i++)
	{
		if (i % 64 == 0)
			bits = rotation_random(&seed);
		rotation->signs[i] = (uint32) (bits & 1) << 31;
		bits >>= 1;
	}
}

/*
 * Error of one round, in units of FLOAT_EPS: one per level, two for the
 * factor (itself rounded, and the product), three for the turn.
 */
QuantRotation *
rotation_create(uint32 dim, uint64 seed, bool identity)
{
	QuantRotation *rotation = palloc0(sizeof(QuantRotation));
	int			levels = 0;

	rotation->dim = dim;
	if (identity || dim < 2)
		return rotation;

	rotation->window = 1;
	while (rotation->window * 2 <= dim)
	{
		rotation->window *= 2;
		levels++;
	}
	rotation->factor = (float) (1.0 / sqrt((double) rotation->window));
	rotation->error = 1.01 * ROTATION_ROUNDS * (levels + 5) * FLOAT_EPS;
	rotation->signs = palloc(sizeof(uint32) * ROTATION_ROUNDS * dim);
	rotation_fill_signs(rotation, seed);
	return rotation;
}

void
rotation_apply(const QuantRotation *rotation, float *x)
{
	uint32		dim = rotation->dim;
	uint32		window = rotation->window;

	if (window == 0)
		return;
	for (int round = 0; round < ROTATION_ROUNDS; round++)
	{
		vdb_kernels->flip_signs(x, rotation->signs + (size_t) round * dim,
								dim);
		vdb_kernels->hadamard(round % 2 == 0 ? x : x + (dim - window),
							  window, rotation->factor);
		/* the middle element of an odd number has no partner and stays */
		if (window != dim)
			vdb_kernels->turn(x, x + (dim - dim / 2), dim / 2, TURN_FACTOR);
	}
}
