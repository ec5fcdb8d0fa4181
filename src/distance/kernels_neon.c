/*-------------------------------------------------------------------------
 *
 * kernels_neon.c
 *	  Kernels for aarch64: NEON, and the dot product instructions where the
 *	  machine has them.
 *
 * Meaning as in kernels_scalar.c.  The two tables differ in the dots of codes
 * alone.
 *
 * Both ways of multiplying take signed bytes, so that whole bytes are taken
 * as c - 128, which is one exclusive-or, and 128 times the sum of the query is
 * added in the end.  Without the dot product instruction two products of at
 * most 128 * 127 are added up in 16 bits, which they just fit.
 *
 * No tail is read beyond its row: what is left over is copied.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#ifdef VDB_KERNELS_NEON

#include <arm_neon.h>
#include <string.h>

#ifdef __clang__
#define NEON_DOT __attribute__((target("dotprod")))
#else
#define NEON_DOT __attribute__((target("arch=armv8.2-a+dotprod")))
#endif

#define WIDTH 16

/* ---- float ---- */

/* A block of 32 elements: lanes 0 .. 3, 4 .. 7, and so on. */
typedef struct FloatBlock
{
	float32x4_t part[8];
} FloatBlock;

NEON_INLINE FloatBlock
neon_load(const float *x)
{
	FloatBlock	block;

	UNROLL_16
	for (int k = 0; k < 8; k++)
		block.part[k] = vld1q_f32(x + 4 * k);
	return block;
}

/* The last n < 32 elements of a vector, and zeros. */
NEON_INLINE FloatBlock
neon_load_tail(const float *x, uint32_t n)
{
	float		padded[FLOAT_LANES] = {0};

	memcpy(padded, x, n * sizeof(float));
	return neon_load(padded);
}

NEON_INLINE FloatBlock
neon_zero(void)
{
	FloatBlock	block;

	UNROLL_16
	for (int k = 0; k < 8; k++)
		block.part[k] = vdupq_n_f32(0);
	return block;
}

/* Two roundings: vmlaq_f32() and vfmaq_f32() would be one. */
NEON_INLINE void
neon_add_product(FloatBlock *sum, FloatBlock a, FloatBlock b)
{
	UNROLL_16
	for (int k = 0; k < 8; k++)
		sum->part[k] = vaddq_f32(sum->part[k],
								 vmulq_f32(a.part[k], b.part[k]));
}

NEON_INLINE FloatBlock
neon_difference(FloatBlock a, FloatBlock b)
{
	UNROLL_16
	for (int k = 0; k < 8; k++)
		a.part[k] = vsubq_f32(a.part[k], b.part[k]);
	return a;
}

NEON_INLINE void
neon_add_abs(FloatBlock *sum, FloatBlock d)
{
	UNROLL_16
	for (int k = 0; k < 8; k++)
		sum->part[k] = vaddq_f32(sum->part[k], vabsq_f32(d.part[k]));
}

/* Halved as distance.h says: 16, 8, 4, 2, 1 apart. */
NEON_INLINE float
neon_reduce(FloatBlock lanes)
{
	float32x4_t sum4;
	float32x2_t sum2;

	for (int k = 0; k < 4; k++)
		lanes.part[k] = vaddq_f32(lanes.part[k], lanes.part[k + 4]);
	sum4 = vaddq_f32(vaddq_f32(lanes.part[0], lanes.part[2]),
					 vaddq_f32(lanes.part[1], lanes.part[3]));
	sum2 = vadd_f32(vget_low_f32(sum4), vget_high_f32(sum4));
	return vget_lane_f32(sum2, 0) + vget_lane_f32(sum2, 1);
}

static float
neon_l2_sq(const float *a, const float *b, uint32_t dim)
{
	FloatBlock	sum = neon_zero();
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
	{
		FloatBlock	d = neon_difference(neon_load(a + i), neon_load(b + i));

		neon_add_product(&sum, d, d);
	}
	if (i < dim)
	{
		FloatBlock	d = neon_difference(neon_load_tail(a + i, dim - i),
										neon_load_tail(b + i, dim - i));

		neon_add_product(&sum, d, d);
	}
	return neon_reduce(sum);
}

static float
neon_ip(const float *a, const float *b, uint32_t dim)
{
	FloatBlock	sum = neon_zero();
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
		neon_add_product(&sum, neon_load(a + i), neon_load(b + i));
	if (i < dim)
		neon_add_product(&sum, neon_load_tail(a + i, dim - i),
						 neon_load_tail(b + i, dim - i));
	return neon_reduce(sum);
}

static float
neon_l1(const float *a, const float *b, uint32_t dim)
{
	FloatBlock	sum = neon_zero();
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
		neon_add_abs(&sum, neon_difference(neon_load(a + i),
										   neon_load(b + i)));
	if (i < dim)
		neon_add_abs(&sum, neon_difference(neon_load_tail(a + i, dim - i),
										   neon_load_tail(b + i, dim - i)));
	return neon_reduce(sum);
}

NEON_INLINE void
neon_add_cosine(FloatBlock *ab, FloatBlock *aa, FloatBlock *bb,
				FloatBlock a, FloatBlock b)
{
	neon_add_product(ab, a, b);
	neon_add_product(aa, a, a);
	neon_add_product(bb, b, b);
}

static CosineSums
neon_cosine(const float *a, const float *b, uint32_t dim)
{
	CosineSums	sums;
	FloatBlock	ab = neon_zero();
	FloatBlock	aa = neon_zero();
	FloatBlock	bb = neon_zero();
	uint32_t	i = 0;

	for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES)
		neon_add_cosine(&ab, &aa, &bb, neon_load(a + i), neon_load(b + i));
	if (i < dim)
		neon_add_cosine(&ab, &aa, &bb, neon_load_tail(a + i, dim - i),
						neon_load_tail(b + i, dim - i));
	sums.ab = neon_reduce(ab);
	sums.aa = neon_reduce(aa);
	sums.bb = neon_reduce(bb);
	return sums;
}

/* ---- dots of codes ---- */

/* The last n < 16 bytes of a row, and zeros. */
NEON_INLINE uint8x16_t
neon_load_bytes_tail(const void *bytes, uint32_t n)
{
	uint8_t		padded[WIDTH] = {0};

	memcpy(padded, bytes, n);
	return vld1q_u8(padded);
}

NEON_INLINE int8x16_t
neon_load_query_tail(const int8_t *query, uint32_t n)
{
	return vreinterpretq_s8_u8(neon_load_bytes_tail(query, n));
}

NEON_INLINE int8x16_t
neon_centre_bytes(uint8x16_t codes)
{
	return vreinterpretq_s8_u8(veorq_u8(codes, vdupq_n_u8(128)));
}

NEON_INLINE int8x16_t
neon_load_centred(const uint8_t *codes)
{
	return neon_centre_bytes(vld1q_u8(codes));
}

/* 16 products in 32-bit sums, from instructions that all machines have. */
NEON_INLINE int32x4_t
neon_add_plain(int32x4_t acc, int8x16_t a, int8x16_t b)
{
	int16x8_t	products = vmull_s8(vget_low_s8(a), vget_low_s8(b));

	products = vmlal_s8(products, vget_high_s8(a), vget_high_s8(b));
	return vpadalq_s16(acc, products);
}

static int32_t
neon_query_offset(const int8_t *query, uint32_t dim)
{
	int32_t		sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += query[i];
	return 128 * sum;
}

static void
neon_dot_u8_s8(const uint8_t *codes, size_t stride, int nrows,
			   const int8_t *query, uint32_t dim, int32_t *dots)
{
	int32_t		offset = neon_query_offset(query, dim);

	for (int r = 0; r < nrows; r++, codes += stride)
	{
		int32x4_t	acc0 = vdupq_n_s32(0);
		int32x4_t	acc1 = vdupq_n_s32(0);
		uint32_t	i = 0;

		for (; i + 2 * WIDTH <= dim; i += 2 * WIDTH)
		{
			int8x16_t	c0 = neon_load_centred(codes + i);
			int8x16_t	c1 = neon_load_centred(codes + i + WIDTH);

			acc0 = neon_add_plain(acc0, c0, vld1q_s8(query + i));
			acc1 = neon_add_plain(acc1, c1, vld1q_s8(query + i + WIDTH));
		}
		for (; i < dim; i += WIDTH)
		{
			uint32_t	n = dim - i < WIDTH ? dim - i : WIDTH;
			uint8x16_t	c = neon_load_bytes_tail(codes + i, n);

			acc0 = neon_add_plain(acc0, neon_centre_bytes(c),
								  neon_load_query_tail(query + i, n));
		}
		dots[r] = vaddvq_s32(vaddq_s32(acc0, acc1)) + offset;
	}
}

NEON_INLINE int8x16_t
neon_low(uint8x16_t bytes)
{
	return vreinterpretq_s8_u8(vandq_u8(bytes, vdupq_n_u8(15)));
}

NEON_INLINE int8x16_t
neon_high(uint8x16_t bytes)
{
	return vreinterpretq_s8_u8(vshrq_n_u8(bytes, 4));
}

static void
neon_dot_u4_s8(const uint8_t *codes, size_t stride, int nrows,
			   const int8_t *query_lo, const int8_t *query_hi,
			   uint32_t nbytes, int32_t *dots)
{
	for (int r = 0; r < nrows; r++, codes += stride)
	{
		int32x4_t	lo = vdupq_n_s32(0);
		int32x4_t	hi = vdupq_n_s32(0);
		uint32_t	i = 0;

		for (; i + WIDTH <= nbytes; i += WIDTH)
		{
			uint8x16_t	c = vld1q_u8(codes + i);

			lo = neon_add_plain(lo, neon_low(c), vld1q_s8(query_lo + i));
			hi = neon_add_plain(hi, neon_high(c), vld1q_s8(query_hi + i));
		}
		if (i < nbytes)
		{
			uint32_t	n = nbytes - i;
			uint8x16_t	c = neon_load_bytes_tail(codes + i, n);

			lo = neon_add_plain(lo, neon_low(c),
								neon_load_query_tail(query_lo + i, n));
			hi = neon_add_plain(hi, neon_high(c),
								neon_load_query_tail(query_hi + i, n));
		}
		dots[r] = vaddvq_s32(vaddq_s32(lo, hi));
	}
}

/* ---- the same with the dot product instruction ---- */

/*
 * Written as an instruction: clang before 16 hides vdotq_s32() unless the
 * whole file is compiled for it.
 */
NEON_DOT	NEON_INLINE int32x4_t
neon_dot_step(int32x4_t acc, int8x16_t a, int8x16_t b)
{
__asm__("sdot %0.4s, %1.16b, %2.16b":"+w"(acc):"w"(a), "w"(b));
	return acc;
}

NEON_DOT static void
neon_dot_dot_u8_s8(const uint8_t *codes, size_t stride, int nrows,
				   const int8_t *query, uint32_t dim, int32_t *dots)
{
	int32_t		offset = neon_query_offset(query, dim);

	for (int r = 0; r < nrows; r++, codes += stride)
	{
		int32x4_t	acc0 = vdupq_n_s32(0);
		int32x4_t	acc1 = vdupq_n_s32(0);
		uint32_t	i = 0;

		for (; i + 2 * WIDTH <= dim; i += 2 * WIDTH)
		{
			int8x16_t	c0 = neon_load_centred(codes + i);
			int8x16_t	c1 = neon_load_centred(codes + i + WIDTH);

			acc0 = neon_dot_step(acc0, c0, vld1q_s8(query + i));
			acc1 = neon_dot_step(acc1, c1, vld1q_s8(query + i + WIDTH));
		}
		for (; i < dim; i += WIDTH)
		{
			uint32_t	n = dim - i < WIDTH ? dim - i : WIDTH;
			uint8x16_t	c = neon_load_bytes_tail(codes + i, n);

			acc0 = neon_dot_step(acc0, neon_centre_bytes(c),
								 neon_load_query_tail(query + i, n));
		}
		dots[r] = vaddvq_s32(vaddq_s32(acc0, acc1)) + offset;
	}
}

NEON_DOT static void
neon_dot_dot_u4_s8(const uint8_t *codes, size_t stride, int nrows,
				   const int8_t *query_lo, const int8_t *query_hi,
				   uint32_t nbytes, int32_t *dots)
{
	for (int r = 0; r < nrows; r++, codes += stride)
	{
		int32x4_t	lo = vdupq_n_s32(0);
		int32x4_t	hi = vdupq_n_s32(0);
		uint32_t	i = 0;

		for (; i + WIDTH <= nbytes; i += WIDTH)
		{
			uint8x16_t	c = vld1q_u8(codes + i);

			lo = neon_dot_step(lo, neon_low(c), vld1q_s8(query_lo + i));
			hi = neon_dot_step(hi, neon_high(c), vld1q_s8(query_hi + i));
		}
		if (i < nbytes)
		{
			uint32_t	n = nbytes - i;
			uint8x16_t	c = neon_load_bytes_tail(codes + i, n);

			lo = neon_dot_step(lo, neon_low(c),
							   neon_load_query_tail(query_lo + i, n));
			hi = neon_dot_step(hi, neon_high(c),
							   neon_load_query_tail(query_hi + i, n));
		}
		dots[r] = vaddvq_s32(vaddq_s32(lo, hi));
	}
}

/* ---- L1 of codes ---- */

/* Adds |query - scale * (2 c - levels)| of 16 codes to four sums of four. */
NEON_INLINE void
neon_add_l1(float32x4_t *acc, uint8x16_t codes, const float *query,
			float scale, int16_t levels)
{
	uint16x8_t	wide[2];

	wide[0] = vshll_n_u8(vget_low_u8(codes), 1);
	wide[1] = vshll_n_u8(vget_high_u8(codes), 1);
	for (int k = 0; k < 4; k++)
	{
		int16x8_t	y = vsubq_s16(vreinterpretq_s16_u16(wide[k / 2]),
								  vdupq_n_s16(levels));
		int16x4_t	half = k % 2 == 0 ? vget_low_s16(y) : vget_high_s16(y);
		float32x4_t decoded = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(half)),
										  scale);

		acc[k] = vaddq_f32(acc[k],
						   vabsq_f32(vsubq_f32(vld1q_f32(query + 4 * k),
											   decoded)));
	}
}

NEON_INLINE float
neon_sum_l1(const float32x4_t *acc)
{
	return vaddvq_f32(vaddq_f32(vaddq_f32(acc[0], acc[1]),
								vaddq_f32(acc[2], acc[3])));
}

static void
neon_l1_u8(const uint8_t *codes, size_t stride, int nrows,
		   const float *query, const float *scales, uint32_t dim,
		   float *sums)
{
	uint32_t	whole = dim - dim % WIDTH;

	for (int r = 0; r < nrows; r++, codes += stride)
	{
		float32x4_t acc[4];
		float		tail = 0;

		for (int k = 0; k < 4; k++)
			acc[k] = vdupq_n_f32(0);
		for (uint32_t i = 0; i < whole; i += WIDTH)
			neon_add_l1(acc, vld1q_u8(codes + i), query + i, scales[r], 255);
		if (whole < dim)
			vdb_kernels_scalar.l1_u8(codes + whole, 0, 1, query + whole,
									 scales + r, dim - whole, &tail);
		sums[r] = neon_sum_l1(acc) + tail;
	}
}

static void
neon_l1_u4(const uint8_t *codes, size_t stride, int nrows,
		   const float *query_lo, const float *query_hi,
		   const float *scales, uint32_t nbytes, float *sums)
{
	uint32_t	whole = nbytes - nbytes % WIDTH;

	for (int r = 0; r < nrows; r++, codes += stride)
	{
		float32x4_t acc[4];
		float		tail = 0;

		for (int k = 0; k < 4; k++)
			acc[k] = vdupq_n_f32(0);
		for (uint32_t i = 0; i < whole; i += WIDTH)
		{
			uint8x16_t	c = vld1q_u8(codes + i);

			neon_add_l1(acc, vandq_u8(c, vdupq_n_u8(15)), query_lo + i,
						scales[r], 15);
			neon_add_l1(acc, vshrq_n_u8(c, 4), query_hi + i, scales[r], 15);
		}
		if (whole < nbytes)
			vdb_kernels_scalar.l1_u4(codes + whole, 0, 1, query_lo + whole,
									 query_hi + whole, scales + r,
									 nbytes - whole, &tail);
		sums[r] = neon_sum_l1(acc) + tail;
	}
}

/* ---- FastScan ---- */

/* One sum of 16 bits a row; 256 additions of a byte fit. */
static void
neon_fastscan_batch(const uint8_t *block, const uint8_t *lut,
					uint32_t ngroups, uint32_t *sums)
{
	uint16x8_t	acc[4];

	for (int k = 0; k < 4; k++)
		acc[k] = vdupq_n_u16(0);
	for (uint32_t g = 0; g < ngroups; g++, block += 16, lut += 16)
	{
		uint8x16_t	c = vld1q_u8(block);
		uint8x16_t	table = vld1q_u8(lut);
		uint16x8_t	lo;
		uint16x8_t	hi;

		lo = vreinterpretq_u16_u8(vqtbl1q_u8(table,
											 vandq_u8(c, vdupq_n_u8(15))));
		hi = vreinterpretq_u16_u8(vqtbl1q_u8(table, vshrq_n_u8(c, 4)));
		acc[0] = vaddq_u16(acc[0], vandq_u16(lo, vdupq_n_u16(255)));
		acc[1] = vaddq_u16(acc[1], vshrq_n_u16(lo, 8));
		acc[2] = vaddq_u16(acc[2], vandq_u16(hi, vdupq_n_u16(255)));
		acc[3] = vaddq_u16(acc[3], vshrq_n_u16(hi, 8));
	}
	for (int k = 0; k < 4; k++, sums += 8)
	{
		vst1q_u32(sums, vaddw_u16(vld1q_u32(sums), vget_low_u16(acc[k])));
		vst1q_u32(sums + 4, vaddw_u16(vld1q_u32(sums + 4),
									  vget_high_u16(acc[k])));
	}
}

static void
neon_fastscan_block(const uint8_t *block, const uint8_t *lut,
					uint32_t ngroups, uint32_t *sums)
{
	memset(sums, 0, 32 * sizeof(uint32_t));
	while (ngroups > 0)
	{
		uint32_t	batch = ngroups < 256 ? ngroups : 256;

		neon_fastscan_batch(block, lut, batch, sums);
		block += 16 * batch;
		lut += 16 * batch;
		ngroups -= batch;
	}
}

/* ---- filters ---- */

NEON_INLINE float32x4_t
neon_scaled_dots(const FilterRows *rows, int r, int32_t offset)
{
	int32x4_t	dots = vld1q_s32(rows->dots + r);
	int32x4_t	x = vsubq_s32(vaddq_s32(dots, dots), vdupq_n_s32(offset));

	return vmulq_f32(vld1q_f32(rows->scale + r), vcvtq_f32_s32(x));
}

/* drop has all bits of a lane set where the row does not pass. */
NEON_INLINE int
neon_append_rows(uint16_t *passed, int npassed, int first, uint32x4_t drop)
{
	uint16_t	dropped[4];

	if (vminvq_u32(drop) != 0)
		return npassed;
	vst1_u16(dropped, vmovn_u32(drop));
	for (int k = 0; k < 4; k++)
		if (dropped[k] == 0)
			passed[npassed++] = (uint16_t) (first + k);
	return npassed;
}

/* The rows from r on, by the scalar filter given. */
static int
neon_filter_rest(int (*filter) (const FilterRows *, const FilterParams *,
								uint16_t *),
				 const FilterRows *rows, int r, const FilterParams *params,
				 uint16_t *passed)
{
	FilterRows	rest = {
		rows->dots + r, rows->scale + r, rows->norm_sq + r, rows->radius + r,
		rows->nrows - r
	};
	int			npassed = filter(&rest, params, passed);

	for (int i = 0; i < npassed; i++)
		passed[i] = (uint16_t) (passed[i] + r);
	return npassed;
}

static int
neon_filter_l2(const FilterRows *rows, const FilterParams *params,
			   uint16_t *passed)
{
	int			npassed = 0;
	int			r = 0;

	for (; r + 4 <= rows->nrows; r += 4)
	{
		float32x4_t sx = neon_scaled_dots(rows, r, params->offset);
		float32x4_t radius = vld1q_f32(rows->radius + r);
		float32x4_t reach = vmulq_n_f32(vaddq_f32(radius,
												  vdupq_n_f32(params->limit)),
										params->radius_factor);
		float32x4_t est = vmulq_n_f32(vld1q_f32(rows->norm_sq + r),
									  params->norm_factor);

		est = vaddq_f32(est, vdupq_n_f32(params->base));
		est = vsubq_f32(est, vmulq_n_f32(sx, params->factor));
		npassed = neon_append_rows(passed, npassed, r,
								   vcgtq_f32(est, vmulq_f32(reach, reach)));
	}
	return npassed + neon_filter_rest(vdb_kernels_scalar.filter_l2, rows, r,
									  params, passed + npassed);
}

static int
neon_filter_ip(const FilterRows *rows, const FilterParams *params,
			   uint16_t *passed)
{
	int			npassed = 0;
	int			r = 0;

	for (; r + 4 <= rows->nrows; r += 4)
	{
		float32x4_t sx = neon_scaled_dots(rows, r, params->offset);
		float32x4_t radius = vld1q_f32(rows->radius + r);
		float32x4_t norm = vsqrtq_f32(vld1q_f32(rows->norm_sq + r));
		float32x4_t bound = vsubq_f32(vdupq_n_f32(params->base),
									  vmulq_n_f32(sx, params->factor));

		bound = vsubq_f32(bound, vmulq_n_f32(radius, params->radius_factor));
		bound = vsubq_f32(bound, vmulq_n_f32(norm, params->norm_factor));
		npassed = neon_append_rows(passed, npassed, r,
								   vcgtq_f32(bound,
											 vdupq_n_f32(params->limit)));
	}
	return npassed + neon_filter_rest(vdb_kernels_scalar.filter_ip, rows, r,
									  params, passed + npassed);
}

#define NEON_KERNELS_BUT_DOTS \
	.l2_sq = neon_l2_sq, \
	.ip = neon_ip, \
	.l1 = neon_l1, \
	.cosine = neon_cosine, \
	.l1_u8 = neon_l1_u8, \
	.l1_u4 = neon_l1_u4, \
	.fastscan_block = neon_fastscan_block, \
	.filter_l2 = neon_filter_l2, \
	.filter_ip = neon_filter_ip, \
	ENCODE_KERNELS(neon) \
	NEAR_KERNELS(neon)

const VdbKernels vdb_kernels_neon = {
	.name = "neon",
	.dot_u8_s8 = neon_dot_u8_s8,
	.dot_u4_s8 = neon_dot_u4_s8,
	NEON_KERNELS_BUT_DOTS
};

const VdbKernels vdb_kernels_neon_dot = {
	.name = "neon_dot",
	.dot_u8_s8 = neon_dot_dot_u8_s8,
	.dot_u4_s8 = neon_dot_dot_u4_s8,
	NEON_KERNELS_BUT_DOTS
};

#endif							/* VDB_KERNELS_NEON */
