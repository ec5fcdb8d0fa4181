/*-------------------------------------------------------------------------
 *
 * bounds.c
 *	  Certain lower bounds of distances, from a query and codes.
 *
 * The first stage takes a block of rows: one kernel computes all dots, another
 * drops the rows that cannot pass, and the bound proper is computed in double
 * for what is left.  The filter is in float and wide enough that it never
 * drops a row whose bound passes, so that what comes out is decided by the
 * bound alone.  README.md derives every term.
 *
 *-------------------------------------------------------------------------
 */
#include "quant/quant_private.h"

#include "distance/distance.h"

/* Relative room for the float arithmetic of a filter: 32 roundings. */
#define FILTER_ROOM (32 * FLOAT_EPS)

/* Relative room for the double arithmetic of a bound. */
#define DOUBLE_ROOM 4e-15

/* A root of what the squares of floats lose by underflow, with room. */
#define ROOT_UNDERFLOW 1e-21

/* How the codes of a call are to be read. */
typedef struct CodeForm
{
	int			levels;			/* 255 or 15: code c means 2c - levels */
	bool		packed;			/* two codes a byte */
} CodeForm;

static const CodeForm full_form = {255, false};
static const CodeForm nibble_form = {15, true};

/* What a bound needs to know of one row. */
typedef struct RowTerms
{
	double		dot;			/* of the integers of query and decoded code */
	double		scale;
	double		norm_sq;
	double		norm_sq_error;
	double		radius;
} RowTerms;

static inline double
bounds_l2_projected(const QueryForm *form, const RowTerms *row)
{
	double		sum = form->norm_sq + row->norm_sq;
	double		est = sum - 2 * (row->scale * form->step) * row->dot;

	est -= row->norm_sq_error + DOUBLE_ROOM * sum;
	return (est > 0 ? sqrt(est) : 0) - row->radius - form->error;
}

static inline double
bounds_ip(const QuantQuery *query, const QueryForm *form, const RowTerms *row)
{
	struct QuantQueryData *data = query->data;
	double		centre_norm = query->space->centre_norm;
	double		row_norm = sqrt(row->norm_sq + row->norm_sq_error) *
	(1 + DOUBLE_ROOM);
	double		bound = -data->centre_dot -
	(row->scale * form->step) * row->dot;

	bound -= data->norm * row->radius + form->error * row_norm;
	bound -= (data->operator_rel + DOUBLE_SUM_EPS) * data->norm *
		(centre_norm + row_norm + row->radius);
	return bound - data->operator_abs - form->error * ROOT_UNDERFLOW;
}

/* The bound that is handed out, from the terms of a row; not for L1. */
static inline float
bounds_finish(const QuantQuery *query, const QueryForm *form,
			  const RowTerms *row)
{
	struct QuantQueryData *data = query->data;
	double		bound;

	if (query->space->metric == QUANT_IP)
		return quant_round_down(bounds_ip(query, form, row));

	bound = bounds_l2_projected(form, row);
	if (bound <= 0)
		return 0;
	if (query->space->metric == QUANT_COSINE)
		bound = bound * bound * (0.5 - DOUBLE_ROOM) - data->operator_abs;
	else
		bound = bound * (1 - data->operator_rel) - data->operator_abs;
	return quant_round_down(bound < 0 ? 0 : bound);
}

/* L1: from the float sum that the kernel computed. */
static inline float
bounds_finish_l1(const QuantQuery *query, CodeForm form, double sum,
				 double scale, double radius)
{
	struct QuantQueryData *data = query->data;
	uint32		dim = query->space->dim;
	double		terms = data->padded;
	double		bound = sum * (1 - 1.01 * FLOAT_EPS * (terms / 16 + 20));

	/* the products scale * code are rounded before they are subtracted */
	bound -= 1.01 * FLOAT_EPS * scale * form.levels * terms;
	/* an odd dimension has one nibble more than elements; it is 0 */
	if (form.packed && dim % 2 != 0)
		bound -= scale * form.levels * (1 + 2 * FLOAT_EPS);
	bound -= radius + data->residual_error;
	return quant_round_down(bound > 0 ? bound * (1 - data->operator_rel) : 0);
}

/* What a filter needs so that it never drops a row below the threshold. */
static FilterParams
bounds_filter_params(const QuantQuery *query, CodeForm form, float threshold)
{
	struct QuantQueryData *data = query->data;
	const QueryForm *q = &data->coarse;
	double		rel = data->operator_rel + DOUBLE_SUM_EPS;
	FilterParams params;

	params.offset = (int32) (form.levels * q->sum);
	if (query->space->metric == QUANT_IP)
	{
		double		norm_factor;
		double		base;

		norm_factor = (q->error + rel * data->norm) * (1 + FILTER_ROOM) +
			FILTER_ROOM * q->norm;
		base = -data->centre_dot - data->operator_abs -
			rel * data->norm * query->space->centre_norm - 1e-30;
		/* a norm that underflows must not take the room for rounding along */
		base -= 2 * ROOT_UNDERFLOW * norm_factor;
		params.base = quant_round_down(base - FILTER_ROOM * fabs(base));
		params.factor = (float) q->step;
		params.norm_factor = quant_round_up(norm_factor);
		params.radius_factor = quant_round_up(data->norm * (1 + rel) *
											  (1 + FILTER_ROOM));
		params.limit = quant_round_up(threshold + 1e-30 +
									  FILTER_ROOM * fabs(threshold));
		return params;
	}

	params.base = quant_round_down(q->norm_sq * (1 - FILTER_ROOM));
	params.factor = (float) (2 * q->step);
	params.norm_factor = (float) (1 - FILTER_ROOM);
	params.radius_factor = (float) (1 + FILTER_ROOM);
	if (query->space->metric == QUANT_COSINE)
		params.limit = quant_round_up(sqrt(2 * (threshold +
												data->operator_abs)) *
									  (1 + FILTER_ROOM) + q->error + 1e-18);
	else
		params.limit = quant_round_up((threshold + data->operator_abs) *
									  (1 + rel + FILTER_ROOM) +
									  q->error + 1e-18);
	return params;
}

static void
bounds_dots(const QuantQuery *query, CodeForm form, const uint8 *codes,
			size_t stride, int nrows, const int8 *plane, int32 *dots)
{
	if (form.packed)
		vdb_kernels->dot_u4_s8(codes, stride, nrows, plane,
							   plane + query->space->plane_bytes,
							   query->space->plane_bytes, dots);
	else
		vdb_kernels->dot_u8_s8(codes, stride, nrows, plane,
							   query->space->dim, dots);
}

static int
bounds_block_l1(const QuantQuery *query, CodeForm form,
				const CodeBlock *block, float threshold, RowBound *out)
{
	const float *residual = query->data->residual;
	uint32		nbytes = query->space->plane_bytes;
	float		sums[QUANT_MAX_BLOCK];
	int			nout = 0;

	if (form.packed)
		vdb_kernels->l1_u4(block->codes, block->stride, block->nrows,
						   residual, residual + nbytes, block->scale, nbytes,
						   sums);
	else
		vdb_kernels->l1_u8(block->codes, block->stride, block->nrows,
						   residual, block->scale, query->space->dim, sums);
	for (int r = 0; r < block->nrows; r++)
	{
		float		bound = bounds_finish_l1(query, form, sums[r],
											 block->scale[r],
											 block->radius[r]);

		if (bound <= threshold)
		{
			out[nout].row = (uint16) r;
			out[nout++].bound = bound;
		}
	}
	return nout;
}

/* Rows that may pass, into passed; all of them if there is no threshold. */
static int
bounds_filter(const QuantQuery *query, CodeForm form, const CodeBlock *block,
			  const int32 *dots, float threshold, uint16 *passed)
{
	FilterRows	rows;
	FilterParams params;

	if (threshold == INFINITY)
	{
		for (int r = 0; r < block->nrows; r++)
			passed[r] = (uint16) r;
		return block->nrows;
	}
	rows.dots = dots;
	rows.scale = block->scale;
	rows.norm_sq = block->norm_sq;
	rows.radius = block->radius;
	rows.nrows = block->nrows;
	params = bounds_filter_params(query, form, threshold);
	if (query->space->metric == QUANT_IP)
		return vdb_kernels->filter_ip(&rows, &params, passed);
	if (threshold < 0)
		return 0;
	return vdb_kernels->filter_l2(&rows, &params, passed);
}

static int
bounds_block(const QuantQuery *query, CodeForm form, const CodeBlock *block,
			 float threshold, RowBound *out)
{
	const QueryForm *q;
	int32		dots[QUANT_MAX_BLOCK];
	uint16		passed[QUANT_MAX_BLOCK];
	int64		offset;
	int			npassed;
	int			nout = 0;

	Assert(query->class == QUERY_BOUNDED);
	Assert(block->nrows <= QUANT_MAX_BLOCK);
	if (query->space->metric == QUANT_L1)
		return bounds_block_l1(query, form, block, threshold, out);

	q = &query->data->coarse;
	offset = form.levels * q->sum;
	bounds_dots(query, form, block->codes, block->stride, block->nrows,
				query->data->high, dots);
	npassed = bounds_filter(query, form, block, dots, threshold, passed);
	for (int i = 0; i < npassed; i++)
	{
		int			r = passed[i];
		float		bound;
		RowTerms	row;

		row.dot = (double) (2 * (int64) dots[r] - offset);
		row.scale = block->scale[r];
		row.norm_sq = block->norm_sq[r];
		row.norm_sq_error = row.norm_sq * (1.01 * FLOAT_EPS) +
			ROOT_UNDERFLOW * ROOT_UNDERFLOW;
		row.radius = block->radius[r];
		bound = bounds_finish(query, q, &row);
		if (bound <= threshold)
		{
			out[nout].row = (uint16) r;
			out[nout++].bound = bound;
		}
	}
	return nout;
}

int
quant_bounds_coarse(const QuantQuery *query, const CodeBlock *block,
					float threshold, RowBound *out)
{
	return bounds_block(query, nibble_form, block, threshold, out);
}

int
quant_bounds_row(const QuantQuery *query, const CodeBlock *block,
				 float threshold, RowBound *out)
{
	return bounds_block(query,
						query->space->bits == 8 ? full_form : nibble_form,
						block, threshold, out);
}

/* The dot with both planes of the query, exact. */
static double
bounds_fine_dot(const QuantQuery *query, CodeForm form, const uint8 *code)
{
	struct QuantQueryData *data = query->data;
	int32		high;
	int32		low;

	bounds_dots(query, form, code, 0, 1, data->high, &high);
	bounds_dots(query, form, code, 0, 1, data->low, &low);
	return (double) (2 * (128 * (int64) high + low) -
					 form.levels * data->fine.sum);
}

static float
bounds_row_l1(const QuantQuery *query, CodeForm form, const uint8 *code,
			  float scale, float radius)
{
	const float *residual = query->data->residual;
	uint32		nbytes = query->space->plane_bytes;
	float		sum;

	if (form.packed)
		vdb_kernels->l1_u4(code, 0, 1, residual, residual + nbytes, &scale,
						   nbytes, &sum);
	else
		vdb_kernels->l1_u8(code, 0, 1, residual, &scale, query->space->dim,
						   &sum);
	return bounds_finish_l1(query, form, sum, scale, radius);
}

/* A row code of 8 bits: its norm is known exactly, from the code. */
static float
bounds_row_8_bits(const QuantQuery *query, const uint8 *code, float scale,
				  float radius)
{
	RowTerms	row;

	if (query->space->metric == QUANT_L1)
		return bounds_row_l1(query, full_form, code, scale, radius);
	row.dot = bounds_fine_dot(query, full_form, code);
	row.scale = scale;
	row.norm_sq = row.scale * row.scale *
		vdb_kernels->norm_u8(code, query->space->dim);
	row.norm_sq_error = 0;
	row.radius = radius;
	return bounds_finish(query, &query->data->fine, &row);
}

float
quant_row_score(const QuantQuery *query, const uint8 *code,
				const RowFactors *factors, float *score)
{
	const QueryForm *form = &query->data->fine;
	double		product;
	RowTerms	row;

	Assert(query->space->bits == 8 && query->space->metric != QUANT_L1);
	row.dot = bounds_fine_dot(query, full_form, code);
	row.scale = factors->scale;
	row.norm_sq = row.scale * row.scale *
		vdb_kernels->norm_u8(code, query->space->dim);
	row.norm_sq_error = 0;
	row.radius = factors->radius;

	product = row.scale * form->step * row.dot;
	if (query->space->metric == QUANT_IP)
		*score = (float) (-2 * (query->data->centre_dot + product));
	else
		*score = (float) (form->norm_sq + row.norm_sq - 2 * product);
	return bounds_finish(query, form, &row);
}

float
quant_bound_row(const QuantQuery *query, const uint8 *code,
				const RowFactors *factors)
{
	RowTerms	row;

	if (query->space->bits == 8)
		return bounds_row_8_bits(query, code, factors->scale,
								 factors->radius);
	if (query->space->metric == QUANT_L1)
		return bounds_row_l1(query, nibble_form, code, factors->scale,
							 factors->radius);
	row.dot = bounds_fine_dot(query, nibble_form, code);
	row.scale = factors->scale;
	row.norm_sq = factors->norm_sq;
	row.norm_sq_error = row.norm_sq * (1.01 * FLOAT_EPS) +
		ROOT_UNDERFLOW * ROOT_UNDERFLOW;
	row.radius = factors->radius;
	return bounds_finish(query, &query->data->fine, &row);
}

/* The full code is put together first: cheaper than dots of nibbles. */
float
quant_bound_split(const QuantQuery *query, const uint8 *coarse,
				  const uint8 *fine, float coarse_scale, float radius)
{
	uint8		code[16384];

	Assert(query->space->bits == 8 && query->space->dim <= sizeof(code));
	quant_join_codes(query->space, coarse, fine, code);
	return bounds_row_8_bits(query, code, coarse_scale / 16, radius);
}
