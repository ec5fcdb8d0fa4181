/*-------------------------------------------------------------------------
 *
 * distance.h
 *	  Kernels: distances between float vectors and between codes.
 *
 * Lowest layer: plain C, no server.  Callers use the table vdb_kernels, which
 * distance_init() points at the best instruction set of this machine or at
 * the one asked for by name.  kernels_scalar.c defines the meaning of each
 * kernel; src/distance/README.md has the layouts and the error bounds.
 *
 * The float kernels give the same bits under every instruction set: 32 lanes,
 * element i is added to lane i % 32 in order of i, and the lanes are reduced
 * by halving (lane j += lane j + 16, then + 8, 4, 2, 1).  No fused operations.
 * They are what SQL sees (rule 8 of the design).
 *
 * The code kernels on integers are exact.  All pointers may be unaligned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_DISTANCE_H
#define VDB_DISTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sums for the cosine of a and b, in one pass. */
typedef struct CosineSums
{
	float		ab;
	float		aa;
	float		bb;
} CosineSums;

/*
 * Numbers of the filters below.  With x = 2 * dots[r] - offset, a row passes
 *
 *	filter_l2:	base + norm_factor * norm_sq[r] - factor * (scale[r] * x)
 *				<= (radius_factor * (limit + radius[r]))^2
 *	filter_ip:	base - factor * (scale[r] * x) - radius_factor * radius[r]
 *				- norm_factor * sqrt(norm_sq[r]) <= limit
 *
 * in float arithmetic, and so does a row for which a side is NaN.
 */
typedef struct FilterParams
{
	int32_t		offset;
	float		base;
	float		factor;
	float		norm_factor;
	float		radius_factor;
	float		limit;
} FilterParams;

/* Dots and factors of consecutive rows. */
typedef struct FilterRows
{
	const int32_t *dots;
	const float *scale;
	const float *norm_sq;
	const float *radius;
	int			nrows;			/* at most 65,536 */
} FilterRows;

/*
 * Codes of 8 bits that are compared with each other (README.md, "Rows against
 * rows").  The distance of rows a and b, with the dot of a's bytes u and b's
 * bytes minus 128, is
 *
 *	(norm_sq[a] + norm_sq[b]) - (2 * scale[a] * scale[b]) * product
 *		+ (lift[a] - lift[b])^2,
 *	product = 4 * dot + term[a] + term[b]	in integers, then as a float,
 *
 * where term is 2 * sum of u for a and -510 * sum of (u - 128) - 255 * dim for
 * b.  The last summand is left out where lift is NULL.
 */
typedef struct NearRows
{
	const int32_t *term;
	const float *scale;
	const float *norm_sq;
	const float *lift;
} NearRows;

typedef struct NearQuery
{
	int32_t		term;
	float		scale;
	float		norm_sq;
	float		lift;
} NearQuery;

/*
 * Blocks of 16 rows: codes hold, for each block and each group of 4
 * dimensions, 4 bytes of each of the 16 rows.  Places without a row have
 * zeros, and +infinity as norm_sq.
 */
typedef struct PackedRows
{
	const uint8_t *codes;
	uint32_t	ngroups;
	int			nblocks;
	NearRows	terms;			/* 16 * nblocks each */
} PackedRows;

typedef struct PackedQuery
{
	const int8_t *code;			/* bytes minus 128; 4 * ngroups of them, those
								 * beyond dim zero */
	NearQuery	terms;
} PackedQuery;

/* Number of minima that packed_distances() gives. */
#define PACKED_MINIMA 32

/*
 * The nearest rows that were found for something: NEAREST_SIZE places in
 * ascending order of distance and number; those that are free hold +infinity
 * and UINT32_MAX.
 */
#define NEAREST_SIZE 64

/* Sums over the difference d of two vectors; y are its signs, 1 or -1. */
typedef struct DifferenceSums
{
	float		squares;		/* |d|^2 */
	float		magnitudes;		/* |d|_1 */
	float		signs;			/* <y, origin> */
	float		products;		/* <d, origin> */
} DifferenceSums;

typedef struct VdbKernels
{
	const char *name;			/* "scalar", "avx2", "avx512", "neon",
								 * "neon_dot" */

	/* sum (a-b)^2, sum a*b, sum |a-b|; dim may be 0 */
	float		(*l2_sq) (const float *a, const float *b, uint32_t dim);
	float		(*ip) (const float *a, const float *b, uint32_t dim);
	float		(*l1) (const float *a, const float *b, uint32_t dim);
	CosineSums	(*cosine) (const float *a, const float *b, uint32_t dim);

	/*
	 * dots[r] = sum over i < dim of codes[r * stride + i] * query[i], for r <
	 * nrows.  Exact; dim <= 16,384 and |query[i]| <= 127, so 32 bits hold it.
	 * Reads no byte outside the rows' [0, dim) and the query's [0, dim).
	 */
	void		(*dot_u8_s8) (const uint8_t *codes, size_t stride, int nrows,
							  const int8_t *query, uint32_t dim,
							  int32_t *dots);

	/*
	 * The same for codes of 4 bits: byte i of a row holds a low nibble that
	 * meets query_lo[i] and a high nibble that meets query_hi[i]; i < nbytes.
	 */
	void		(*dot_u4_s8) (const uint8_t *codes, size_t stride, int nrows,
							  const int8_t *query_lo, const int8_t *query_hi,
							  uint32_t nbytes, int32_t *dots);

	/*
	 * sums[r] = sum over i of |query[i] - scales[r] * (2 * u_i - 255)|, float
	 * arithmetic, any order of summation within the bound of README.md; the
	 * same row gives the same bits whatever its place in a call.
	 */
	void		(*l1_u8) (const uint8_t *codes, size_t stride, int nrows,
						  const float *query, const float *scales,
						  uint32_t dim, float *sums);

	/* The same for 4 bits, with (2 * h - 15); nibbles as in dot_u4_s8. */
	void		(*l1_u4) (const uint8_t *codes, size_t stride, int nrows,
						  const float *query_lo, const float *query_hi,
						  const float *scales, uint32_t nbytes, float *sums);

	/*
	 * FastScan: one block of 32 codes of one bit per dimension.  lut holds
	 * ngroups tables of 16 bytes, block ngroups times 16 bytes (layout in
	 * README.md); sums[r] = sum of the looked-up bytes of row r.  Exact.
	 */
	void		(*fastscan_block) (const uint8_t *block, const uint8_t *lut,
								   uint32_t ngroups, uint32_t *sums);

	/*
	 * Numbers of the rows that pass, ascending, into passed (room for nrows);
	 * returns how many.  Rounding may differ between instruction sets:
	 * callers widen the limit by the bound in README.md.
	 */
	int			(*filter_l2) (const FilterRows *rows,
							  const FilterParams *params, uint16_t *passed);
	int			(*filter_ip) (const FilterRows *rows,
							  const FilterParams *params, uint16_t *passed);

	/* sum over i < dim of (2 * codes[i] - 255)^2; exact for dim <= 16,384 */
	uint32_t	(*norm_u8) (const uint8_t *codes, uint32_t dim);

	/* The same for both nibbles of every byte, with (2 * h - 15)^2. */
	uint32_t	(*norm_u4) (const uint8_t *codes, uint32_t nbytes);

	/*
	 * Steps of projecting and encoding a vector; all give the same bits under
	 * every instruction set.
	 *
	 * hadamard: the unnormalised Walsh-Hadamard transform of x in place, then
	 * every element times factor.  n is a power of two.  Levels in ascending
	 * order of distance.
	 *
	 * flip_signs: x[i] with its bits xor signs[i], which is 0 or 1 << 31.
	 *
	 * turn: first[i], second[i] become their sum and their difference, each
	 * times factor.
	 *
	 * sum_squares: in double, element i in lane i % 8, the lanes halved.
	 *
	 * subtract: out[i] = x[i] * factor - y[i] in double, rounded to float.
	 *
	 * largest: the largest magnitude.
	 */
	void		(*hadamard) (float *x, uint32_t n, float factor);
	void		(*flip_signs) (float *x, const uint32_t *signs, uint32_t n);
	void		(*turn) (float *first, float *second, uint32_t n,
						 float factor);
	double		(*sum_squares) (const float *x, uint32_t n);
	void		(*subtract) (const float *x, double factor, const float *y,
							 float *out, uint32_t n);
	float		(*largest) (const float *x, uint32_t n);

	/*
	 * codes[i] = x[i] / (2 * scale) + 128, cut off and kept within a byte.
	 * Returns the sum of (x[i] - scale * (2 * codes[i] - 255))^2, in double,
	 * element i in lane i % 16, the lanes halved.
	 */
	double		(*quantise_u8) (const float *x, uint32_t n, float scale,
								uint8_t *codes);

	/*
	 * Rows against rows; all give the same bits under every instruction set.
	 *
	 * packed_distances: dists[q * stride + r] of query q and row r, for all
	 * 16 * nblocks places; minima[q * PACKED_MINIMA + j] is the least of
	 * those with r % PACKED_MINIMA = j, +infinity if there are none.  No
	 * distance is NaN.
	 *
	 * packed_select: the rows r < n (a multiple of 16, at most 65,536) with
	 * dists[r] <= the k-th smallest of PACKED_MINIMA minima, all that are
	 * finite if k is larger; ascending; returns how many.  rows has room for
	 * n.
	 *
	 * covered: bit r is set if the distance of row r < nrows <= 64, whose dot
	 * is dots[r], is at most limits[r].
	 *
	 * nearest_merge: put n more rows into the places; those that are farthest
	 * drop out, and what is there already (the same number and distance) is
	 * not put in twice.
	 *
	 * code_difference: sums over d = scale * (2 * code - 255) - centre,
	 * element i in lane i % 16, the lanes halved; bit i % 8 of signs[i / 8]
	 * is set if element i is positive.
	 */
	void		(*packed_distances) (const PackedRows *rows,
									 const PackedQuery *queries, int nqueries,
									 float *dists, size_t stride,
									 float *minima);
	int			(*packed_select) (const float *dists, int n,
								  const float *minima, int k, uint16_t *rows);
	uint64_t	(*covered) (const int32_t *dots, const NearRows *rows,
							int nrows, const NearQuery *query,
							const float *limits);
	void		(*nearest_merge) (uint32_t *ids, float *dists,
								  const uint32_t *new_ids,
								  const float *new_dists, int n);
	DifferenceSums (*code_difference) (const uint8_t *code, float scale,
									   const float *centre,
									   const float *origin, uint32_t n,
									   uint8_t *signs);
} VdbKernels;

extern const VdbKernels *vdb_kernels;

/* Tables of this build, best first, then NULL.  Some may not run here. */
extern const VdbKernels *const vdb_kernel_tables[];

/* Can this machine run that table? */
extern bool distance_supported(const VdbKernels *kernels);

/*
 * Choose the table: "auto" or the name of one.  Returns false, and changes
 * nothing, when the name is unknown or this machine cannot run it.
 */
extern bool distance_init(const char *name);

#endif							/* VDB_DISTANCE_H */
