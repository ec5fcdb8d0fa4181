/*-------------------------------------------------------------------------
 *
 * kernels.h
 *	  What the kernel files share: their tables and the float lanes.
 *
 * Private to src/distance.  Relies on the compiler not contracting a * b + c
 * into one rounding: gcc is told by -ffp-contract=off in the Makefile, clang
 * by the pragma below, which also covers the bitcode that the server may
 * compile again with other flags.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_DISTANCE_KERNELS_H
#define VDB_DISTANCE_KERNELS_H

#include "distance/distance.h"

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* Lanes of the float kernels; part of the meaning of the SQL operators. */
#define FLOAT_LANES 32

extern const VdbKernels vdb_kernels_scalar;

#endif							/* VDB_DISTANCE_KERNELS_H */
