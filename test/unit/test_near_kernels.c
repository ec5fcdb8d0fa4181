/*-------------------------------------------------------------------------
 *
 * test_near_kernels.c
 *	  Kernels of rows against rows: the scalar one's bits, everywhere.
 *
 * And the scalar one against formulas in double.  Data ends at a page which
 * may not be touched.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/distance.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define MAX_GROUPS 1100
#define MAX_BLOCKS 9
#define MAX_ROWS (16 * MAX_BLOCKS)
#define MAX_QUERIES 9
#define MAX_DIM 4100

static Fence codes_fence;
static Fence query_fence;
static Fence rows_fence[4];
static Fence out_fence[2];
static const VdbKernels *scalar;

static float *
random_floats(Fence fence, int n)
{
	float	   *x = (float *) fence.end - n;

	for (int i = 0; i < n; i++)
		x[i] = unit_gaussian();
	return x;
}

/* Rows with a code of dim bytes, plain; packed below. */
typedef struct Rows
{
	int			n;
	uint32_t	dim;
	uint8_t		codes[MAX_ROWS][4 * MAX_GROUPS];
} Rows;

static Rows plain;

static void
make_plain(int n, uint32_t dim, bool extreme)
{
	plain.n = n;
	plain.dim = dim;
	for (int r = 0; r < n; r++)
		for (uint32_t i = 0; i < dim; i++)
			plain.codes[r][i] = extreme ? 255 : (uint8_t) unit_random();
}

static int32_t
plain_sum(int r)
{
	int32_t		sum = 0;

	for (uint32_t i = 0; i < plain.dim; i++)
		sum += plain.codes[r][i];
	return sum;
}

/* Pack all rows; norms and scales are those of codes with a random scale. */
static PackedRows
make_packed(bool with_lift)
{
	PackedRows	packed = {0};
	int			nplaces;
	uint8_t    *codes;
	int32_t    *term;
	float	   *scale;
	float	   *norm_sq;

	packed.ngroups = (plain.dim + 3) / 4;
	packed.nblocks = (plain.n + 15) / 16;
	nplaces = 16 * packed.nblocks;
	codes = codes_fence.end - (size_t) nplaces * packed.ngroups * 4;
	memset(codes, 0, (size_t) nplaces * packed.ngroups * 4);
	term = (int32_t *) rows_fence[0].end - nplaces;
	scale = random_floats(rows_fence[1], nplaces);
	norm_sq = random_floats(rows_fence[2], nplaces);
	for (int r = 0; r < nplaces; r++)
	{
		uint8_t    *block = codes + (size_t) (r / 16) * packed.ngroups * 64;

		term[r] = 0;
		norm_sq[r] = INFINITY;
		if (r >= plain.n)
		{
			scale[r] = 0;
			continue;
		}
		scale[r] = 0.01f * (1 + fabsf(scale[r]));
		for (uint32_t i = 0; i < plain.dim; i++)
			block[i / 4 * 64 + r % 16 * 4 + i % 4] = plain.codes[r][i];
		term[r] = 2 * plain_sum(r);
		norm_sq[r] = scale[r] * scale[r] *
			scalar->norm_u8(plain.codes[r], plain.dim);
	}
	packed.codes = codes;
	packed.terms.term = term;
	packed.terms.scale = scale;
	packed.terms.norm_sq = norm_sq;
	if (with_lift)
		packed.terms.lift = random_floats(rows_fence[3], nplaces);
	return packed;
}

/* Row r of the packed ones, as a query. */
static PackedQuery
make_query(const PackedRows *packed, int r)
{
	PackedQuery query;
	int8_t	   *code = (int8_t *) query_fence.end -
	(size_t) 4 * packed->ngroups * (r + 1);

	memset(code, 0, 4 * packed->ngroups);
	for (uint32_t i = 0; i < plain.dim; i++)
		code[i] = (int8_t) (plain.codes[r][i] ^ 0x80);
	query.code = code;
	query.terms.term = -510 * (plain_sum(r) - 128 * (int32_t) plain.dim) -
		255 * (int32_t) plain.dim;
	query.terms.scale = packed->terms.scale[r];
	query.terms.norm_sq = packed->terms.norm_sq[r];
	query.terms.lift = packed->terms.lift == NULL ? 0 : packed->terms.lift[r];
	return query;
}

/* The squared distance of two rows, in double, and what it was made of. */
static double
exact_distance(const PackedRows *packed, int a, int b, double *magnitude)
{
	double		sum = 0;

	for (uint32_t i = 0; i < plain.dim; i++)
	{
		double		d = (double) packed->terms.scale[a] *
		(2 * plain.codes[a][i] - 255) - (double) packed->terms.scale[b] *
		(2 * plain.codes[b][i] - 255);

		sum += d * d;
	}
	*magnitude = (double) packed->terms.norm_sq[a] + packed->terms.norm_sq[b];
	if (packed->terms.lift != NULL)
	{
		double		apart = (double) packed->terms.lift[a] -
		packed->terms.lift[b];

		sum += apart * apart;
		*magnitude += apart * apart;
	}
	return sum;
}

static void
check_meaning(const PackedRows *packed, int nqueries, const float *dists,
			  size_t stride)
{
	for (int q = 0; q < nqueries; q++)
		for (int r = 0; r < 16 * packed->nblocks; r++)
		{
			double		magnitude;
			double		exact;

			if (r >= plain.n)
			{
				unit_check(dists[q * stride + r] == INFINITY,
						   "a place without a row has a distance");
				continue;
			}
			exact = exact_distance(packed, q, r, &magnitude);
			unit_check(fabs(dists[q * stride + r] - exact) <=
					   8 * 0x1p-24 * magnitude,
					   "distance %g is not %g", dists[q * stride + r], exact);
		}
}

static void
check_packed(const VdbKernels *k, int n, uint32_t dim, int nqueries,
			 bool with_lift)
{
	static float expected[MAX_QUERIES * (MAX_ROWS + 3)];
	static float expected_minima[MAX_QUERIES * PACKED_MINIMA];
	PackedQuery queries[MAX_QUERIES];
	PackedRows	packed;
	size_t		stride;
	float	   *dists;
	float	   *minima;

	make_plain(n, dim, n % 7 == 3);
	packed = make_packed(with_lift);
	stride = 16 * packed.nblocks + unit_below(4);
	nqueries = nqueries < n ? nqueries : n;
	for (int q = 0; q < nqueries; q++)
		queries[q] = make_query(&packed, q);
	dists = (float *) out_fence[0].end - ((nqueries - 1) * stride +
										  16 * packed.nblocks);
	minima = (float *) out_fence[1].end - nqueries * PACKED_MINIMA;
	scalar->packed_distances(&packed, queries, nqueries, expected, stride,
							 expected_minima);
	if (k == scalar)
		check_meaning(&packed, nqueries, expected, stride);
	k->packed_distances(&packed, queries, nqueries, dists, stride, minima);
	for (int q = 0; q < nqueries; q++)
		unit_check(memcmp(dists + q * stride, expected + q * stride,
						  16 * packed.nblocks * sizeof(float)) == 0,
				   "%s packed_distances differs: %d rows, %u dimensions, "
				   "query %d", k->name, n, dim, q);
	unit_check(memcmp(minima, expected_minima,
					  nqueries * PACKED_MINIMA * sizeof(float)) == 0,
			   "%s packed_distances has other minima: %d rows, %u dimensions",
			   k->name, n, dim);
}

static int
compare_floats(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return x < y ? -1 : x > y;
}

/* Distances with ties and infinities; at least the k nearest are selected. */
static void
check_select(const VdbKernels *k, int n, int nearest)
{
	float	   *dists = (float *) out_fence[0].end - n;
	float		sorted[MAX_ROWS];
	float		minima[PACKED_MINIMA];
	uint16_t   *rows = (uint16_t *) out_fence[1].end - n;
	uint16_t	expected[MAX_ROWS];
	float		threshold = FLT_MAX;
	int			nexpected = 0;
	int			nfinite = 0;
	int			nselected;

	for (int j = 0; j < PACKED_MINIMA; j++)
		minima[j] = INFINITY;
	for (int r = 0; r < n; r++)
	{
		dists[r] = unit_below(20) == 0 ? INFINITY : unit_below(200) - 2.0f;
		minima[r % PACKED_MINIMA] = fminf(minima[r % PACKED_MINIMA], dists[r]);
		nfinite += isfinite(dists[r]);
	}
	memcpy(sorted, minima, sizeof(minima));
	qsort(sorted, PACKED_MINIMA, sizeof(float), compare_floats);
	if (nearest <= PACKED_MINIMA)
		threshold = fminf(sorted[nearest - 1], FLT_MAX);
	for (int r = 0; r < n; r++)
		if (dists[r] <= threshold)
			expected[nexpected++] = (uint16_t) r;
	nselected = k->packed_select(dists, n, minima, nearest, rows);
	unit_check(nselected == nexpected &&
			   memcmp(rows, expected, nexpected * sizeof(uint16_t)) == 0,
			   "%s packed_select differs: %d rows, %d nearest", k->name, n,
			   nearest);
	unit_check(nselected >= (nearest < nfinite ? nearest : nfinite),
			   "%s packed_select gives %d rows of %d", k->name, nselected,
			   nearest);
}

static void
check_covered(const VdbKernels *k, int n, uint32_t dim, bool with_lift)
{
	int32_t		dots[64];
	float		limits[64];
	PackedRows	packed;
	PackedQuery query;
	NearRows	rows;
	uint64_t	mask;

	make_plain(n, dim, false);
	packed = make_packed(with_lift);
	query = make_query(&packed, n - 1);
	for (int r = 0; r < n; r++)
	{
		double		magnitude;

		scalar->dot_u8_s8(plain.codes[r], dim, 1, query.code, dim, &dots[r]);
		limits[r] = exact_distance(&packed, r, n - 1, &magnitude);
		if (unit_below(3) != 0)
			limits[r] *= 0.99f + 0.02f * unit_below(2);
	}
	rows = packed.terms;
	mask = k->covered(dots, &rows, n, &query.terms, limits);
	unit_check(mask == scalar->covered(dots, &rows, n, &query.terms, limits),
			   "%s covered differs: %d rows", k->name, n);
	unit_check(n == 64 || mask >> n == 0, "%s covered sets a bit too many",
			   k->name);
}

/* Few numbers and distances, so that many are known or equally far. */
static void
check_merge(const VdbKernels *k, int n, uint32_t range)
{
	uint32_t	expected_ids[NEAREST_SIZE];
	float		expected_dists[NEAREST_SIZE];
	uint32_t   *ids = (uint32_t *) out_fence[0].end - NEAREST_SIZE;
	float	   *dists = (float *) out_fence[1].end - NEAREST_SIZE;
	uint32_t   *new_ids = (uint32_t *) rows_fence[0].end - n;
	float	   *new_dists = (float *) rows_fence[1].end - n;

	for (int i = 0; i < NEAREST_SIZE; i++)
	{
		ids[i] = expected_ids[i] = UINT32_MAX;
		dists[i] = expected_dists[i] = INFINITY;
	}
	for (int round = 0; round < 4; round++)
	{
		for (int i = 0; i < n; i++)
		{
			new_ids[i] = unit_below(range);
			new_dists[i] = (float) (new_ids[i] % 7) - 1;
		}
		scalar->nearest_merge(expected_ids, expected_dists, new_ids, new_dists,
							  n);
		k->nearest_merge(ids, dists, new_ids, new_dists, n);
		unit_check(memcmp(ids, expected_ids, sizeof(expected_ids)) == 0 &&
				   memcmp(dists, expected_dists, sizeof(expected_dists)) == 0,
				   "%s nearest_merge differs: %d rows", k->name, n);
	}
}

/* Of the numbers 0 to n - 1, many times, the nearest remain, each once. */
static void
check_scalar_merge(uint32_t n)
{
	uint32_t	ids[NEAREST_SIZE];
	float		dists[NEAREST_SIZE];
	uint32_t	count = 0;

	for (int i = 0; i < NEAREST_SIZE; i++)
	{
		ids[i] = UINT32_MAX;
		dists[i] = INFINITY;
	}
	for (uint32_t i = 0; i < 20 * n; i++)
	{
		uint32_t	id = i < n ? i : unit_below(n);
		float		dist = (float) (id / 3);

		scalar->nearest_merge(ids, dists, &id, &dist, 1);
	}
	for (int i = 0; i < NEAREST_SIZE; i++)
		if (ids[i] == (uint32_t) i && dists[i] == i / 3)
			count++;
		else
			unit_check(ids[i] == UINT32_MAX && dists[i] == INFINITY,
					   "place %d is not free", i);
	unit_check(count == (n < NEAREST_SIZE ? n : NEAREST_SIZE),
			   "%u of %u nearest are kept", count, n);
}

static void
check_difference(const VdbKernels *k, uint32_t n, bool equal)
{
	uint8_t    *code = codes_fence.end - n;
	float	   *centre = random_floats(rows_fence[0], n);
	float	   *origin = random_floats(rows_fence[1], n);
	uint8_t    *signs = out_fence[0].end - (n + 7) / 8;
	uint8_t		expected_signs[MAX_DIM];
	DifferenceSums sums;
	DifferenceSums expected;
	double		exact[4] = {0};
	double		magnitude = 0;
	float		scale = 0.02f;

	for (uint32_t i = 0; i < n; i++)
	{
		double		d;

		code[i] = (uint8_t) unit_random();
		if (equal)
			centre[i] = scale * (2 * code[i] - 255);
		d = (double) scale * (2 * code[i] - 255) - centre[i];
		exact[0] += d * d;
		exact[1] += fabs(d);
		exact[2] += d > 0 ? origin[i] : -origin[i];
		exact[3] += d * origin[i];
		magnitude += d * d + fabs(d) + fabs(origin[i]) + fabs(d * origin[i]);
	}
	expected = scalar->code_difference(code, scale, centre, origin, n,
									   expected_signs);
	sums = k->code_difference(code, scale, centre, origin, n, signs);
	unit_check(memcmp(&sums, &expected, sizeof(sums)) == 0,
			   "%s code_difference differs: %u dimensions", k->name, n);
	unit_check(memcmp(signs, expected_signs, (n + 7) / 8) == 0,
			   "%s code_difference has other signs: %u dimensions", k->name,
			   n);
	if (equal)
		return;
	unit_check(fabs(sums.squares - exact[0]) <= 1e-5 * magnitude &&
			   fabs(sums.magnitudes - exact[1]) <= 1e-5 * magnitude &&
			   fabs(sums.signs - exact[2]) <= 1e-5 * magnitude &&
			   fabs(sums.products - exact[3]) <= 1e-5 * magnitude,
			   "%s code_difference is wrong: %u dimensions", k->name, n);
	for (uint32_t i = 0; i < n; i++)
		unit_check((signs[i / 8] >> i % 8 & 1) ==
				   (scale * (float) (2 * code[i] - 255) > centre[i]),
				   "%s code_difference has a wrong sign", k->name);
}

static void
check_table(const VdbKernels *k)
{
	for (uint32_t dim = 1; dim <= 70; dim++)
		check_packed(k, 1 + unit_below(MAX_ROWS), dim,
					 1 + unit_below(MAX_QUERIES), dim % 2 == 0);
	for (int n = 1; n <= MAX_ROWS; n += 5)
		check_packed(k, n, 128, 1 + unit_below(MAX_QUERIES), n % 2 == 0);
	check_packed(k, 19, 4 * MAX_GROUPS - 1, 5, false);
	for (int blocks = 1; blocks <= MAX_BLOCKS; blocks++)
		for (int nearest = 1; nearest <= 40; nearest++)
			check_select(k, 16 * blocks, nearest);
	for (int n = 1; n <= 64; n++)
	{
		check_covered(k, n, 16, n % 2 == 0);
		check_covered(k, n, 3, n % 2 != 0);
	}
	for (int n = 0; n <= 100; n++)
	{
		check_merge(k, n, 20);
		check_merge(k, n, 300);
	}
	for (uint32_t n = 0; n <= 100; n++)
	{
		check_difference(k, n, false);
		check_difference(k, n, true);
	}
	check_difference(k, MAX_DIM, false);
}

int
main(void)
{
	codes_fence = unit_fence((size_t) MAX_ROWS * MAX_GROUPS * 4);
	query_fence = unit_fence((size_t) MAX_QUERIES * MAX_GROUPS * 4 +
							 64 * 64);
	for (int i = 0; i < 4; i++)
		rows_fence[i] = unit_fence(MAX_DIM * sizeof(float));
	out_fence[0] = unit_fence(MAX_QUERIES * (MAX_ROWS + 4) * sizeof(float));
	out_fence[1] = unit_fence(MAX_QUERIES * PACKED_MINIMA * sizeof(float));
	distance_init("scalar");
	scalar = vdb_kernels;
	for (uint32_t n = 0; n < 200; n += 9)
		check_scalar_merge(n);
	for (int t = 0; vdb_kernel_tables[t] != NULL; t++)
		if (distance_supported(vdb_kernel_tables[t]))
			check_table(vdb_kernel_tables[t]);
	return unit_finish();
}
