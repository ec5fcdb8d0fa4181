/*-------------------------------------------------------------------------
 *
 * test_bounds.c
 *	  No bound is above the distance that the SQL operator returns.
 *
 * Pairs of all kinds are made for all metrics, dimensions, widths and both
 * stages: ordinary, nearly equal, equal, opposite, with ties, one-hot,
 * constant, zero, denormal, tiny, huge, of mixed magnitudes.  Blocks must give
 * the same bounds whatever the threshold and the instruction set, and exactly
 * the rows at or below the threshold.
 *
 *-------------------------------------------------------------------------
 */
#include "quant/quant_private.h"

#include "distance/distance.h"
#include "unit.h"

#define BLOCK_ROWS 37

typedef enum PairKind
{
	GAUSSIAN,
	BYTES,
	NEARLY_EQUAL,
	ONE_UNIT_APART,
	EQUAL,
	OPPOSITE,
	MULTIPLE,
	ONE_HOT,
	CONSTANT,
	ZERO,
	DENORMAL,
	TINY,
	HUGE_NUMBERS,
	LARGEST,
	MIXED,
	SPARSE,
	NKINDS
} PairKind;

static const uint32 dims[] = {
	1, 2, 3, 5, 7, 16, 31, 96, 128, 384, 768, 1000, 1536, 3072, 8096, 8097,
	16000
};

static long nbounded = 0;
static long nattained = 0;

static float
random_float(int lowest, int highest)
{
	return ldexpf(unit_gaussian(),
				  lowest + (int) unit_below(highest - lowest + 1));
}

/* Elements that do not depend on another vector. */
static float
element(PairKind kind, uint32 i, uint32 special, float constant)
{
	switch (kind)
	{
		case BYTES:
			return (float) unit_below(256);
		case ONE_HOT:
			return i == special ? constant : 0;
		case CONSTANT:
			return constant;
		case ZERO:
			return unit_below(2) ? 0.0f : -0.0f;
		case DENORMAL:
			return random_float(-149, -127);
		case TINY:
			return random_float(-80, -60);
		case HUGE_NUMBERS:
			return random_float(40, 52);
		case LARGEST:
			return unit_gaussian() > 0 ? FLT_MAX : -FLT_MAX;
		case MIXED:
			return random_float(-140, 50);
		case SPARSE:
			return unit_below(20) == 0 ? unit_gaussian() : 0;
		default:
			return unit_gaussian();
	}
}

static void
make_vector(PairKind kind, float *x, uint32 dim)
{
	uint32		special = unit_below(dim);
	float		constant = random_float(-20, 20);

	for (uint32 i = 0; i < dim; i++)
		x[i] = element(kind, i, special, constant);
}

/* A row for a query, of the same kind. */
static void
make_row(PairKind kind, const float *query, float *row, uint32 dim)
{
	float		factor = random_float(-30, 5);

	if (kind < NEARLY_EQUAL || kind > MULTIPLE)
		make_vector(kind, row, dim);
	else if (kind == ONE_UNIT_APART)
	{
		uint32		i = unit_below(dim);

		memcpy(row, query, sizeof(float) * dim);
		row[i] = nextafterf(row[i], unit_below(2) ? INFINITY : -INFINITY);
	}
	else
		for (uint32 i = 0; i < dim; i++)
			row[i] = kind == NEARLY_EQUAL ?
				query[i] + factor * unit_gaussian() :
				kind == EQUAL ? query[i] :
				kind == OPPOSITE ? -query[i] : factor * query[i];
}

/* What the operators of src/type compute. */
static double
operator_distance(QuantMetric metric, const float *a, const float *b,
				  uint32 dim)
{
	CosineSums	sums;
	double		cosine;

	switch (metric)
	{
		case QUANT_L2:
			return sqrt((double) vdb_kernels->l2_sq(a, b, dim));
		case QUANT_IP:
			return -(double) vdb_kernels->ip(a, b, dim);
		case QUANT_L1:
			return vdb_kernels->l1(a, b, dim);
		default:
			sums = vdb_kernels->cosine(a, b, dim);
			cosine = sums.ab / sqrt((double) sums.aa * (double) sums.bb);
			if (isnan(cosine))
				return cosine;
			return 1 - Min(Max(cosine, -1), 1);
	}
}

/* One encoded row with both forms of its code. */
typedef struct Row
{
	RowClass	class;
	uint8	   *code;
	uint8	   *coarse;
	uint8	   *fine;
	RowFactors	full;
	RowFactors	plane;
} Row;

static void
row_allocate(const QuantSpace *space, Row *row)
{
	row->code = palloc0(space->row_bytes);
	row->coarse = palloc0(space->plane_bytes);
	row->fine = palloc0(space->plane_bytes);
}

static void
row_free(Row *row)
{
	pfree(row->code);
	pfree(row->coarse);
	pfree(row->fine);
}

static void
row_encode(const QuantSpace *space, const float *vector, Row *row)
{
	row->class = quant_encode(space, vector, row->code, &row->full);
	if (row->class == ROW_BOUNDED && space->bits == 8)
		quant_split(space, row->code, &row->full, row->coarse, row->fine,
					&row->plane);
}

static void
query_free(QuantQuery *query)
{
	if (query->data != NULL)
	{
		if (query->data->residual != NULL)
			pfree(query->data->residual);
		if (query->data->high != NULL)
			pfree(query->data->high);
		if (query->data->low != NULL)
			pfree(query->data->low);
		pfree(query->data);
	}
	pfree(query);
}

/* The first-stage bound of one row. */
static float
block_bound(const QuantQuery *query, const uint8 *code,
			const RowFactors *factors, bool coarse)
{
	CodeBlock	block = {
		code, 0, 1, &factors->scale, &factors->norm_sq, &factors->radius
	};
	RowBound	out = {9, NAN};
	int			n;

	if (coarse)
		n = quant_bounds_coarse(query, &block, INFINITY, &out);
	else
		n = quant_bounds_row(query, &block, INFINITY, &out);

	unit_check(n == 1 && out.row == 0 && !isnan(out.bound),
			   "a threshold of infinity dropped a row");
	return out.bound;
}

static void
check_one_bound(const QuantSpace *space, PairKind kind, const char *form,
				float bound, double distance)
{
	nbounded++;
	nattained += bound > -INFINITY;
	unit_check(!isnan(bound) && bound < INFINITY && !(bound > distance),
			   "metric %d, %u dimensions, %d bits, kind %d, %s: %.9g > %.17g",
			   space->metric, space->dim, space->bits, kind, form, bound,
			   distance);
}

static void
check_pair(const QuantSpace *space, PairKind kind, const float *q,
		   const float *o, Row *row)
{
	double		distance = operator_distance(space->metric, q, o, space->dim);
	QuantQuery *query = quant_query_create(space, q);

	row_encode(space, o, row);
	if (query->class == QUERY_NAN || row->class == ROW_NAN)
		unit_check(isnan(distance), "kind %d: NaN was claimed of %g", kind,
				   distance);
	if (query->class == QUERY_BOUNDED && row->class == ROW_BOUNDED)
	{
		unit_check(!isnan(distance), "kind %d: a bounded pair is NaN", kind);
		check_one_bound(space, kind, "row, first stage",
						block_bound(query, row->code, &row->full, false),
						distance);
		check_one_bound(space, kind, "row, second stage",
						quant_bound_row(query, row->code, &row->full),
						distance);
		if (space->bits == 8)
		{
			float		split;

			split = quant_bound_split(query, row->coarse, row->fine,
									  row->plane.scale, row->full.radius);
			check_one_bound(space, kind, "coarse",
							block_bound(query, row->coarse, &row->plane, true),
							distance);
			check_one_bound(space, kind, "split", split, distance);
			unit_check(split == quant_bound_row(query, row->code, &row->full),
					   "row and split bounds differ");
		}
	}
	query_free(query);
}

static void
check_pairs(uint32 dim, QuantMetric metric, int bits, bool with_centre,
			long nrepeats)
{
	float	   *q = palloc(sizeof(float) * dim);
	float	   *o = palloc(sizeof(float) * dim);
	float	   *centre = palloc(sizeof(float) * dim);
	QuantSpace *space;
	Row			row;

	make_vector(unit_below(2) ? GAUSSIAN : BYTES, centre, dim);
	space = quant_space_create(dim, metric, bits, unit_random(),
							   with_centre ? centre : NULL);
	row_allocate(space, &row);
	for (int kind = 0; kind < NKINDS; kind++)
		for (long i = 0; i < nrepeats; i++)
		{
			PairKind	query_kind = kind >= NEARLY_EQUAL && kind <= MULTIPLE ?
			(unit_below(3) ? GAUSSIAN : unit_below(NKINDS)) : kind;

			make_vector(query_kind, q, dim);
			make_row(kind, q, o, dim);
			check_pair(space, kind, q, o, &row);
			/* the row at the centre itself */
			if (with_centre && i == 0)
				check_pair(space, kind, q, centre, &row);
			/* kinds against one another */
			if (i % 4 == 3)
			{
				make_vector(unit_below(NKINDS), o, dim);
				check_pair(space, kind, q, o, &row);
			}
		}
	row_free(&row);
	pfree(q);
	pfree(o);
	pfree(centre);
}

/* Rows of a page and their bounds without a threshold. */
typedef struct Page
{
	CodeBlock	block;
	uint8	   *codes;
	float		scale[BLOCK_ROWS];
	float		norm_sq[BLOCK_ROWS];
	float		radius[BLOCK_ROWS];
	float		bounds[BLOCK_ROWS];
} Page;

static int
page_bounds(const QuantQuery *query, const Page *page, bool coarse,
			float threshold, RowBound *out)
{
	return coarse ?
		quant_bounds_coarse(query, &page->block, threshold, out) :
		quant_bounds_row(query, &page->block, threshold, out);
}

static Page *
page_create(const QuantSpace *space, const float *q, PairKind kind,
			bool coarse)
{
	Page	   *page = palloc0(sizeof(Page));
	size_t		stride = (coarse ? space->plane_bytes : space->row_bytes) + 5;
	uint8	   *codes = palloc0(stride * BLOCK_ROWS);
	float	   *o = palloc(sizeof(float) * space->dim);
	Row			row;

	row_allocate(space, &row);
	for (int r = 0; r < BLOCK_ROWS; r++)
	{
		RowFactors *factors = coarse ? &row.plane : &row.full;

		make_row(unit_below(4) == 0 ? NEARLY_EQUAL : kind, q, o, space->dim);
		row_encode(space, o, &row);
		memcpy(codes + r * stride, coarse ? row.coarse : row.code, stride - 5);
		page->scale[r] = factors->scale;
		page->norm_sq[r] = factors->norm_sq;
		page->radius[r] = factors->radius;
	}
	page->codes = codes;
	page->block.codes = codes;
	page->block.stride = stride;
	page->block.nrows = BLOCK_ROWS;
	page->block.scale = page->scale;
	page->block.norm_sq = page->norm_sq;
	page->block.radius = page->radius;
	row_free(&row);
	pfree(o);
	return page;
}

static void
check_threshold(const QuantQuery *query, const Page *page, bool coarse,
				float threshold)
{
	RowBound	out[BLOCK_ROWS];
	int			n = page_bounds(query, page, coarse, threshold, out);
	int			next = 0;
	bool		same = true;

	for (int r = 0; r < BLOCK_ROWS; r++)
	{
		if (!(page->bounds[r] <= threshold))
			continue;
		same = same && next < n && out[next].row == r &&
			memcmp(&out[next].bound, &page->bounds[r], sizeof(float)) == 0;
		next++;
	}
	unit_check(same && next == n,
			   "metric %d, %u dimensions, %s: %d rows instead of %d at %g",
			   query->space->metric, query->space->dim, vdb_kernels->name, n,
			   next, threshold);
}

/*
 * Same bounds in every call, and exactly the rows that belong: for a query of
 * one kind and rows of another.
 */
static void
check_block(const QuantSpace *space, bool coarse, PairKind query_kind,
			PairKind row_kind)
{
	uint32		dim = space->dim;
	QuantMetric metric = space->metric;
	float	   *q = palloc(sizeof(float) * dim);
	Page	   *page = NULL;
	float		last[BLOCK_ROWS];
	bool		first = true;

	make_vector(query_kind, q, dim);
	for (int t = 0; vdb_kernel_tables[t] != NULL; t++)
	{
		QuantQuery *query;
		RowBound	out[BLOCK_ROWS];

		if (!distance_init(vdb_kernel_tables[t]->name))
			continue;
		query = quant_query_create(space, q);
		if (query->class != QUERY_BOUNDED)
		{
			query_free(query);
			continue;
		}
		if (first)
			page = page_create(space, q, row_kind, coarse);
		unit_check(page_bounds(query, page, coarse, INFINITY, out) ==
				   BLOCK_ROWS, "a threshold of infinity drops rows");
		for (int r = 0; r < BLOCK_ROWS; r++)
			page->bounds[r] = out[r].bound;
		if (!first && metric != QUANT_L1)
			unit_check(memcmp(last, page->bounds, sizeof(last)) == 0,
					   "metric %d: %s gives other bounds", metric,
					   vdb_kernels->name);
		memcpy(last, page->bounds, sizeof(last));
		first = false;

		for (int r = t; r < BLOCK_ROWS; r += dim > 128 ? 12 : 4)
		{
			check_threshold(query, page, coarse, page->bounds[r]);
			check_threshold(query, page, coarse,
							nextafterf(page->bounds[r], -INFINITY));
		}
		check_threshold(query, page, coarse, -1);
		check_threshold(query, page, coarse, 0);
		check_threshold(query, page, coarse, FLT_MAX);
		check_threshold(query, page, coarse, -INFINITY);
		query_free(query);
	}
	if (page != NULL)
	{
		pfree(page->codes);
		pfree(page);
	}
	pfree(q);
}

static void
check_blocks(uint32 dim, QuantMetric metric, int bits)
{
	static const PairKind kinds[] = {
		GAUSSIAN, BYTES, ZERO, DENORMAL, TINY, HUGE_NUMBERS, MIXED
	};
	float	   *centre = palloc(sizeof(float) * dim);
	int			nkinds = dim > 2000 ? 1 : dim > 128 ? 2 : lengthof(kinds);

	make_vector(GAUSSIAN, centre, dim);
	for (int with_centre = 0; with_centre < 2; with_centre++)
	{
		QuantSpace *space = quant_space_create(dim, metric, bits, 5,
											   with_centre ? centre : NULL);

		for (int q = 0; q < nkinds; q++)
			for (int r = 0; r < nkinds; r++)
			{
				check_block(space, false, kinds[q], kinds[r]);
				if (bits == 8)
					check_block(space, true, kinds[q], kinds[r]);
			}
	}
	pfree(centre);
}

/* Gaussian rows: the bound is near the distance, or it would prove nothing. */
static void
check_tightness(QuantMetric metric, int bits, double allowed)
{
	uint32		dim = 128;
	QuantSpace *space = quant_space_create(dim, metric, bits, 3, NULL);
	float		q[128];
	float		o[128];
	Row			row;

	row_allocate(space, &row);
	for (int i = 0; i < 100; i++)
	{
		QuantQuery *query;
		double		gap;

		make_vector(GAUSSIAN, q, dim);
		make_vector(GAUSSIAN, o, dim);
		query = quant_query_create(space, q);
		row_encode(space, o, &row);
		gap = operator_distance(metric, q, o, dim) -
			quant_bound_row(query, row.code, &row.full);
		unit_check(gap <= allowed, "metric %d, %d bits: %g below the distance",
				   metric, bits, gap);
		query_free(query);
	}
}

int
main(int argc, char **argv)
{
	long		ncases = unit_ncases(argc, argv, 1000000);

	for (int d = 0; d < (int) lengthof(dims); d++)
		for (int metric = QUANT_L2; metric <= QUANT_L1; metric++)
			for (int bits = 4; bits <= 8; bits += 4)
			{
				long		nrepeats = 1 + ncases / (100 * (dims[d] + 50));

				distance_init("auto");
				check_pairs(dims[d], metric, bits, false, nrepeats);
				check_pairs(dims[d], metric, bits, true, nrepeats);
				check_blocks(dims[d], metric, bits);
			}

	/* distances of about 16, inner products of about 11, cosine 1, L1 144 */
	check_tightness(QUANT_L2, 8, 0.15);
	check_tightness(QUANT_L2, 4, 2.0);
	check_tightness(QUANT_IP, 8, 1.5);
	check_tightness(QUANT_COSINE, 8, 0.02);
	check_tightness(QUANT_L1, 8, 1.5);
	unit_check(nattained > nbounded * 9 / 10,
			   "%ld of %ld bounds are -infinity", nbounded - nattained,
			   nbounded);
	return unit_finish();
}
