/*-------------------------------------------------------------------------
 *
 * test_code_kernels.c
 *	  Kernels on codes: exact where they are integers, else within bounds.
 *
 * Rows and queries end at a page that may not be read, at any alignment and
 * stride, in random and in extreme values.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/distance.h"

#include <math.h>
#include <string.h>

#include "unit.h"

#define MAX_DIM 16384
#define MAX_ROWS 70
#define CODE_ROOM (MAX_ROWS * 3000 + 3 * MAX_DIM)

static Fence code_fence;
static Fence query_fence;
static Fence query_fence2;
static Fence lut_fence;
static const VdbKernels *scalar;

/* Codes of nrows rows of n bytes whose last byte is the last one of memory. */
static uint8_t *
make_codes(size_t stride, int nrows, uint32_t n, bool extreme)
{
	size_t		size = nrows > 0 ? (nrows - 1) * stride + n : 0;
	uint8_t    *codes = code_fence.end - size;

	for (size_t i = 0; i < size; i++)
		codes[i] = extreme ? 255 : (uint8_t) unit_random();
	return codes;
}

static int8_t *
make_query(Fence fence, uint32_t n, bool extreme)
{
	int8_t	   *query = (int8_t *) fence.end - n;
	int8_t		value = unit_below(2) ? 127 : -127;

	for (uint32_t i = 0; i < n; i++)
		query[i] = extreme ? value : (int8_t) ((int) unit_below(255) - 127);
	return query;
}

static void
check_dots(const VdbKernels *k, uint32_t n, size_t stride, int nrows,
		   bool extreme)
{
	uint8_t    *codes = make_codes(stride, nrows, n, extreme);
	int8_t	   *lo = make_query(query_fence, n, extreme);
	int8_t	   *hi = make_query(query_fence2, n, extreme);
	int32_t		dots[MAX_ROWS + 1];
	int32_t		expected[MAX_ROWS + 1];

	memset(dots, 7, sizeof(dots));
	memset(expected, 7, sizeof(expected));
	k->dot_u8_s8(codes, stride, nrows, lo, n, dots);
	scalar->dot_u8_s8(codes, stride, nrows, lo, n, expected);
	unit_check(memcmp(dots, expected, sizeof(dots)) == 0,
			   "%s dot_u8_s8 differs: %u bytes, stride %zu, %d rows",
			   k->name, n, stride, nrows);
	k->dot_u4_s8(codes, stride, nrows, lo, hi, n, dots);
	scalar->dot_u4_s8(codes, stride, nrows, lo, hi, n, expected);
	unit_check(memcmp(dots, expected, sizeof(dots)) == 0,
			   "%s dot_u4_s8 differs: %u bytes, stride %zu, %d rows",
			   k->name, n, stride, nrows);
	unit_check(k->norm_u8(codes, nrows > 0 ? n : 0) ==
			   scalar->norm_u8(codes, nrows > 0 ? n : 0),
			   "%s norm_u8 differs: %u bytes", k->name, n);
}

/* The meaning of the scalar kernels, in other words. */
static void
check_scalar_dots(void)
{
	const uint8_t codes[] = {0x00, 0xFF, 0x21, 0x80, 0x7F, 0x01};
	const int8_t lo[] = {1, -127, 3};
	const int8_t hi[] = {5, 7, -2};
	int32_t		dots[2];

	scalar->dot_u8_s8(codes, 3, 2, lo, 3, dots);
	unit_check(dots[0] == 0 - 255 * 127 + 0x21 * 3 &&
			   dots[1] == 0x80 - 0x7F * 127 + 3, "dot_u8_s8 is wrong");
	scalar->dot_u4_s8(codes, 3, 2, lo, hi, 3, dots);
	unit_check(dots[0] == 15 * -127 + 15 * 7 + 3 - 4 &&
			   dots[1] == 8 * 5 - 15 * 127 + 7 * 7 + 3, "dot_u4_s8 is wrong");
	unit_check(scalar->norm_u8(codes, 3) ==
			   255 * 255 * 2 + (66 - 255) * (66 - 255), "norm_u8 is wrong");
}

static double
exact_l1(const uint8_t *row, const float *query, float scale, uint32_t n,
		 int shift, int mask)
{
	double		sum = 0;
	int			levels = mask == 255 ? 255 : 15;

	for (uint32_t i = 0; i < n; i++)
	{
		int			code = (row[i] >> shift) & mask;

		sum += fabs((double) query[i] - (double) scale * (2 * code - levels));
	}
	return sum;
}

/* n bytes; as many terms, or twice as many for nibbles. */
static void
check_l1(const VdbKernels *k, uint32_t n, size_t stride, int nrows)
{
	uint8_t    *codes = make_codes(stride, nrows, n, false);
	float	   *lo = (float *) query_fence.end - n;
	float	   *hi = (float *) query_fence2.end - n;
	float		scales[MAX_ROWS];
	float		sums[MAX_ROWS];
	float		one;

	for (uint32_t i = 0; i < n; i++)
	{
		lo[i] = unit_gaussian();
		hi[i] = unit_gaussian();
	}
	for (int r = 0; r < nrows; r++)
		scales[r] = 0.001f * (r + 1);

	k->l1_u8(codes, stride, nrows, lo, scales, n, sums);
	for (int r = 0; r < nrows; r++)
	{
		double		exact = exact_l1(codes + r * stride, lo, scales[r], n, 0,
									 255);
		double		room = (n / 16.0 + 20) * 0x1p-24 * exact +
		0x1p-24 * scales[r] * 255 * n;

		unit_check(fabs(sums[r] - exact) <= room,
				   "%s l1_u8 is wrong: %u bytes", k->name, n);
		k->l1_u8(codes + r * stride, 0, 1, lo, scales + r, n, &one);
		unit_check(memcmp(&one, sums + r, sizeof(one)) == 0,
				   "%s l1_u8 depends on the place of the row", k->name);
	}

	k->l1_u4(codes, stride, nrows, lo, hi, scales, n, sums);
	for (int r = 0; r < nrows; r++)
	{
		double		exact = exact_l1(codes + r * stride, lo, scales[r], n, 0,
									 15) +
		exact_l1(codes + r * stride, hi, scales[r], n, 4, 15);
		double		room = (n / 8.0 + 20) * 0x1p-24 * exact +
		0x1p-24 * scales[r] * 15 * 2 * n;

		unit_check(fabs(sums[r] - exact) <= room,
				   "%s l1_u4 is wrong: %u bytes", k->name, n);
		k->l1_u4(codes + r * stride, 0, 1, lo, hi, scales + r, n, &one);
		unit_check(memcmp(&one, sums + r, sizeof(one)) == 0,
				   "%s l1_u4 depends on the place of the row", k->name);
	}
}

static void
check_fastscan(const VdbKernels *k, uint32_t ngroups, bool extreme)
{
	uint8_t    *block = make_codes(0, 1, ngroups * 16, false);
	uint8_t    *lut = lut_fence.end - ngroups * 16;
	uint32_t	sums[33];
	uint32_t	expected[33];

	for (uint32_t i = 0; i < ngroups * 16; i++)
		lut[i] = extreme ? 255 : (uint8_t) unit_random();
	memset(sums, 9, sizeof(sums));
	memset(expected, 9, sizeof(expected));
	k->fastscan_block(block, lut, ngroups, sums);
	scalar->fastscan_block(block, lut, ngroups, expected);
	unit_check(memcmp(sums, expected, sizeof(sums)) == 0,
			   "%s fastscan_block differs at %u groups", k->name, ngroups);
}

/* Where row r of a block lies: nibble r / 16, byte 2 r or 2 (r - 8) + 1. */
static void
check_fastscan_layout(void)
{
	for (int r = 0; r < 32; r++)
	{
		uint8_t		block[16] = {0};
		uint8_t		lut[16];
		uint32_t	sums[32];
		int			byte = r % 16 < 8 ? 2 * (r % 16) : 2 * (r % 16 - 8) + 1;

		for (int i = 0; i < 16; i++)
			lut[i] = (uint8_t) (10 * i);
		block[byte] = r < 16 ? 0x0B : 0xB0;
		scalar->fastscan_block(block, lut, 1, sums);
		for (int i = 0; i < 32; i++)
			unit_check(sums[i] == (i == r ? 110 : 0),
					   "row %d is not where it belongs", r);
	}
}

/* How far the row is from the edge of the filter, in double; > 0 passes. */
static double
filter_margin(const FilterRows *rows, const FilterParams *p, int r, bool ip,
			  double *magnitude)
{
	double		x = 2 * (double) rows->dots[r] - p->offset;
	double		term = (double) p->factor * rows->scale[r] * x;
	double		reach = (double) p->radius_factor *
	((double) p->limit + rows->radius[r]);

	if (ip)
	{
		double		radius = (double) p->radius_factor * rows->radius[r];
		double		norm = (double) p->norm_factor * sqrt(rows->norm_sq[r]);

		*magnitude = fabs(p->base) + fabs(term) + radius + norm +
			fabs(p->limit);
		return p->limit - (p->base - term - radius - norm);
	}
	*magnitude = p->base + p->norm_factor * rows->norm_sq[r] + fabs(term) +
		reach * reach;
	return reach * reach -
		(p->base + (double) p->norm_factor * rows->norm_sq[r] - term);
}

static void
check_filter_result(const VdbKernels *k, const FilterRows *rows,
					const FilterParams *params, bool ip)
{
	uint16_t	passed[MAX_ROWS];
	int			npassed = ip ? k->filter_ip(rows, params, passed) :
	k->filter_l2(rows, params, passed);
	int			next = 0;

	for (int r = 0; r < rows->nrows; r++)
	{
		double		magnitude;
		double		margin = filter_margin(rows, params, r, ip, &magnitude);
		bool		pass = next < npassed && passed[next] == r;

		if (pass)
			next++;
		if (fabs(margin) > 8 * 0x1p-24 * magnitude)
			unit_check(pass == (margin > 0), "%s filter is wrong on row %d",
					   k->name, r);
	}
	unit_check(next == npassed, "%s filter gives rows out of order",
			   k->name);
}

static void
check_filters(const VdbKernels *k, int nrows)
{
	int32_t		dots[MAX_ROWS];
	float		scale[MAX_ROWS];
	float		norm_sq[MAX_ROWS];
	float		radius[MAX_ROWS];
	FilterRows	rows = {dots, scale, norm_sq, radius, nrows};
	FilterParams params = {1000, 1.5f, 0.001f, 0.99f, 1.01f, 1.1f};

	for (int r = 0; r < nrows; r++)
	{
		dots[r] = (int32_t) unit_below(40000) - 20000;
		scale[r] = 0.02f * (1 + unit_below(3));
		norm_sq[r] = fabsf(unit_gaussian());
		radius[r] = 0.1f * fabsf(unit_gaussian());
	}
	check_filter_result(k, &rows, &params, false);
	check_filter_result(k, &rows, &params, true);

	/* what is not a number passes */
	for (int r = 0; r < nrows; r++)
		norm_sq[r] = NAN;
	{
		uint16_t	passed[MAX_ROWS];

		unit_check(k->filter_l2(&rows, &params, passed) == nrows &&
				   k->filter_ip(&rows, &params, passed) == nrows,
				   "%s filter drops rows that are not a number", k->name);
	}
}

static void
check_table(const VdbKernels *k)
{
	static const uint32_t longer[] = {
		384, 511, 512, 768, 1024, 1536, 2999, 3000
	};

	for (uint32_t n = 0; n <= 300; n++)
	{
		int			nrows = (int) unit_below(MAX_ROWS + 1);

		check_dots(k, n, n, nrows, false);
		check_dots(k, n, n + unit_below(50), nrows, n % 2 == 0);
		check_l1(k, n, n + unit_below(20), nrows % 20);
	}
	for (int nrows = 0; nrows <= MAX_ROWS; nrows++)
	{
		check_dots(k, 64, 64, nrows, false);
		check_dots(k, 128, 148, nrows, true);
		check_filters(k, nrows);
	}
	for (int i = 0; i < 8; i++)
	{
		check_dots(k, longer[i], longer[i], 19, i % 2 == 0);
		check_l1(k, longer[i], longer[i], 3);
	}
	check_dots(k, MAX_DIM, MAX_DIM, 1, true);
	check_dots(k, MAX_DIM - 1, MAX_DIM, 2, true);
	for (uint32_t ngroups = 0; ngroups <= 40; ngroups++)
		check_fastscan(k, ngroups, ngroups % 2 == 0);
	for (uint32_t ngroups = 41; ngroups <= 1100; ngroups += 53)
		check_fastscan(k, ngroups, true);
	check_fastscan(k, MAX_DIM / 4, true);
}

int
main(void)
{
	code_fence = unit_fence(CODE_ROOM);
	query_fence = unit_fence(MAX_DIM * sizeof(float));
	query_fence2 = unit_fence(MAX_DIM * sizeof(float));
	lut_fence = unit_fence(MAX_DIM * 4);
	distance_init("scalar");
	scalar = vdb_kernels;

	check_scalar_dots();
	check_fastscan_layout();
	for (int t = 0; vdb_kernel_tables[t] != NULL; t++)
		if (distance_supported(vdb_kernel_tables[t]))
			check_table(vdb_kernel_tables[t]);
	return unit_finish();
}
