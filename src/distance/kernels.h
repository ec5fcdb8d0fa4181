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

/* Before a loop over registers in an array: they must not be in memory. */
#ifdef __clang__
#define UNROLL_16 _Pragma("clang loop unroll(full)")
#else
#define UNROLL_16 _Pragma("GCC unroll 16")
#endif

extern const VdbKernels vdb_kernels_scalar;

#if defined(__x86_64__)
#define VDB_KERNELS_X86 1
extern const VdbKernels vdb_kernels_avx2;
extern const VdbKernels vdb_kernels_avx512;
#endif

#if defined(__aarch64__)
#define VDB_KERNELS_NEON 1
extern const VdbKernels vdb_kernels_neon;
extern const VdbKernels vdb_kernels_neon_dot;
#endif

#endif							/* VDB_DISTANCE_KERNELS_H */
