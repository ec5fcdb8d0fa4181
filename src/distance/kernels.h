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

/*
 * The kernels of encoding stand in files of their own, encode_*.c: what an
 * instruction set has of them, and their places in its table.
 */
#define DECLARE_ENCODE_KERNELS(isa) \
	extern uint32_t isa##_norm_u8(const uint8_t *codes, uint32_t dim); \
	extern uint32_t isa##_norm_u4(const uint8_t *codes, uint32_t nbytes); \
	extern void isa##_hadamard(float *x, uint32_t n, float factor); \
	extern void isa##_flip_signs(float *x, const uint32_t *signs, \
								 uint32_t n); \
	extern void isa##_turn(float *first, float *second, uint32_t n, \
						   float factor); \
	extern double isa##_sum_squares(const float *x, uint32_t n); \
	extern void isa##_subtract(const float *x, double factor, \
							   const float *y, float *out, uint32_t n); \
	extern float isa##_largest(const float *x, uint32_t n); \
	extern double isa##_quantise_u8(const float *x, uint32_t n, \
									float scale, uint8_t *codes)

#define ENCODE_KERNELS(isa) \
	.norm_u8 = isa##_norm_u8, \
	.norm_u4 = isa##_norm_u4, \
	.hadamard = isa##_hadamard, \
	.flip_signs = isa##_flip_signs, \
	.turn = isa##_turn, \
	.sum_squares = isa##_sum_squares, \
	.subtract = isa##_subtract, \
	.largest = isa##_largest, \
	.quantise_u8 = isa##_quantise_u8,

/* Those that compare rows with rows stand in near_*.c. */
#define DECLARE_NEAR_KERNELS(isa) \
	extern void isa##_packed_distances(const PackedRows *rows, \
									   const PackedQuery *queries, \
									   int nqueries, float *dists, \
									   size_t stride, float *minima); \
	extern int	isa##_packed_select(const float *dists, int n, \
									const float *minima, int k, \
									uint16_t *rows); \
	extern uint64_t isa##_covered(const int32_t *dots, \
								  const NearRows *rows, int nrows, \
								  const NearQuery *query, \
								  const float *limits); \
	extern void isa##_nearest_merge(uint32_t *ids, float *dists, \
									const uint32_t *new_ids, \
									const float *new_dists, int n); \
	extern DifferenceSums \
	isa##_code_difference(const uint8_t *code, float scale, \
						  const float *centre, const float *origin, \
						  uint32_t n, uint8_t *signs)

#define NEAR_KERNELS(isa) \
	.packed_distances = isa##_packed_distances, \
	.packed_select = isa##_packed_select, \
	.covered = isa##_covered, \
	.nearest_merge = isa##_nearest_merge, \
	.code_difference = isa##_code_difference

/* Half the lanes on top of the other half, until one is left. */
static inline double
kernels_halve(double *lanes, int nlanes)
{
	for (int width = nlanes / 2; width > 0; width /= 2)
		for (int j = 0; j < width; j++)
			lanes[j] += lanes[j + width];
	return lanes[0];
}

/*
 * The last elements of a vector, fewer than there are lanes, in plain C, and
 * the sum: what the encoding kernels of all instruction sets end with.
 */
static inline double
kernels_finish_squares(double *lanes, const float *x, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		lanes[i % 8] += (double) x[i] * x[i];
	return kernels_halve(lanes, 8);
}

static inline double
kernels_finish_quantise(double *lanes, const float *x, uint32_t n,
						float scale, uint8_t *codes)
{
	float		inverse = 0.5f / scale;

	for (uint32_t i = 0; i < n; i++)
	{
		int			u = (int) (x[i] * inverse + 128.0f);
		double		e;

		u = u < 0 ? 0 : u > 255 ? 255 : u;
		e = (double) x[i] - (double) scale * (2 * u - 255);
		lanes[i % 16] += e * e;
		codes[i] = (uint8_t) u;
	}
	return kernels_halve(lanes, 16);
}

extern const VdbKernels vdb_kernels_scalar;

DECLARE_ENCODE_KERNELS(scalar);
DECLARE_NEAR_KERNELS(scalar);

#if defined(__x86_64__)
#define VDB_KERNELS_X86 1

/* On functions, never on files: the server's bitcode build knows no more. */
#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline AVX2 __attribute__((always_inline))
#define AVX512 \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define AVX512_INLINE static inline AVX512 __attribute__((always_inline))

extern const VdbKernels vdb_kernels_avx2;
extern const VdbKernels vdb_kernels_avx512;

DECLARE_ENCODE_KERNELS(avx2);
DECLARE_ENCODE_KERNELS(avx512);
DECLARE_NEAR_KERNELS(avx2);
DECLARE_NEAR_KERNELS(avx512);
#endif

#if defined(__aarch64__)
#define VDB_KERNELS_NEON 1

#define NEON_INLINE static inline __attribute__((always_inline))

extern const VdbKernels vdb_kernels_neon;
extern const VdbKernels vdb_kernels_neon_dot;

DECLARE_ENCODE_KERNELS(neon);
DECLARE_NEAR_KERNELS(neon);
#endif

#endif							/* VDB_DISTANCE_KERNELS_H */
