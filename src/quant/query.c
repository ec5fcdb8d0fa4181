/*-------------------------------------------------------------------------
 *
 * query.c
 *	  A query made ready: projected, quantised, its error terms computed.
 *
 * The projected query becomes integers v = 128 * high + low of some 15 bits,
 * both in int8.  The first stage uses high alone, which is a quantisation to
 * 8 bits, the second stage both.  Under L1 the query stays in float.
 *
 *-------------------------------------------------------------------------
 */
#include "quant/quant_private.h"

#include "distance/distance.h"

/* 128 * 127 + 63, so that high stays within 127 */
#define QUERY_LARGEST 16319

/*
 * Errors of the SQL operators, as functions of the steps that a sum of dim
 * terms takes in 32 lanes: README.md, "The operators".
 */
static void
query_operator_errors(const QuantSpace *space, struct QuantQueryData *data)
{
	double		adds = (space->dim + 31) / 32;
	double		underflow = space->dim * ldexp(1, -149);

	switch (space->metric)
	{
		case QUANT_L2:
			data->operator_rel = 1.01 * FLOAT_EPS * (adds + 9) / 2;
			data->operator_abs = sqrt(underflow);
			break;
		case QUANT_IP:
			data->operator_rel = 1.01 * FLOAT_EPS * (adds + 6);
			data->operator_abs = underflow;
			break;
		case QUANT_COSINE:
			data->operator_rel = 0;
			data->operator_abs = 2.04 * FLOAT_EPS * (adds + 10) + 1e-14;
			break;
		case QUANT_L1:
			data->operator_rel = 1.01 * FLOAT_EPS * (adds + 6);
			data->operator_abs = 0;
			break;
	}
}

static void
query_finish_form(QueryForm *form, double step, int64 sum, double sum_sq,
				  double left_out_sq, const Projection *projection)
{
	form->step = step;
	form->sum = sum;
	form->norm_sq = step * step * sum_sq;
	form->norm = sqrt(form->norm_sq);
	form->error = sqrt(left_out_sq) * (1 + DOUBLE_SUM_EPS) +
		projection->error;
}

/* What query_element() adds up. */
typedef struct QuerySums
{
	double		left_out;		/* squares */
	double		high_left_out;
	double		sum_sq;
	int64		sum;
	int32		high_sum_sq;
	int32		high_sum;
} QuerySums;

/* Element i; inverse = 1 / step, or 0 when the query is all zeros. */
static inline void
query_element(struct QuantQueryData *data, uint32 i, double x, double step,
			  double inverse, QuerySums *sums)
{
	/* adding 16,384 rounds towards minus infinity; so does the division */
	int			v = (int) (x * inverse + 16384.5) - 16384;
	int			high = (v + 64 + 16384) / 128 - 128;
	double		e = x - step * v;
	double		high_e = x - step * (128 * high);

	data->high[i] = (int8) high;
	data->low[i] = (int8) (v - 128 * high);
	sums->left_out += e * e;
	sums->high_left_out += high_e * high_e;
	sums->sum_sq += (double) v * v;
	sums->sum += v;
	sums->high_sum_sq += high * high;
	sums->high_sum += high;
}

/* Two at a time: one chain of additions would wait for each of them. */
static void
query_quantise(const QuantSpace *space, const float *x,
			   const Projection *projection, struct QuantQueryData *data)
{
	QuerySums	a = {0};
	QuerySums	b = {0};
	double		largest = 0;
	double		step;
	double		inverse;
	uint32		i = 0;

	for (uint32 j = 0; j < space->dim; j++)
		largest = Max(largest, fabs((double) x[j]));
	step = largest < QUANT_TINY ? 0 : largest / QUERY_LARGEST;
	inverse = step == 0 ? 0 : 1 / step;

	for (; i + 2 <= space->dim; i += 2)
	{
		query_element(data, i, x[i], step, inverse, &a);
		query_element(data, i + 1, x[i + 1], step, inverse, &b);
	}
	if (i < space->dim)
		query_element(data, i, x[i], step, inverse, &a);

	query_finish_form(&data->coarse, 128 * step, a.high_sum + b.high_sum,
					  (double) a.high_sum_sq + b.high_sum_sq,
					  a.high_left_out + b.high_left_out, projection);
	query_finish_form(&data->fine, step, a.sum + b.sum, a.sum_sq + b.sum_sq,
					  a.left_out + b.left_out, projection);
}

/* IP: <q, o> = <q, c> + <Pq, P(o - c)>, so the query is not centred. */
static void
query_prepare_ip(const QuantSpace *space, const float *query,
				 const Projection *projection, struct QuantQueryData *data)
{
	double		dot = 0;

	data->norm = projection->input_norm * (1 + DOUBLE_SUM_EPS);
	if (space->centre == NULL)
		return;
	for (uint32 i = 0; i < space->dim; i++)
		dot += (double) query[i] * space->centre[i];
	data->centre_dot = dot;
}

static struct QuantQueryData *
query_data_create(const QuantSpace *space)
{
	struct QuantQueryData *data = palloc0(sizeof(struct QuantQueryData));

	data->padded = 2 * space->plane_bytes;
	if (space->metric == QUANT_L1)
		data->residual = palloc0(sizeof(float) * data->padded);
	else
	{
		data->high = palloc0(data->padded);
		data->low = palloc0(data->padded);
	}
	query_operator_errors(space, data);
	return data;
}

QuantQuery *
quant_query_create(const QuantSpace *space, const float *query)
{
	QuantQuery *result = palloc0(sizeof(QuantQuery));
	float	   *x = space->scratch;
	Projection	projection;
	RowClass	class;

	result->space = space;
	class = quant_project(space, query,
						  space->metric == QUANT_IP ? NULL : space->centre,
						  x, &projection);
	if (class != ROW_BOUNDED)
	{
		result->class = class == ROW_NAN ? QUERY_NAN : QUERY_UNBOUNDED;
		return result;
	}

	result->class = QUERY_BOUNDED;
	result->data = query_data_create(space);
	if (space->metric == QUANT_L1)
	{
		memcpy(result->data->residual, x, sizeof(float) * space->dim);
		result->data->residual_error = projection.error;
		return result;
	}
	query_quantise(space, x, &projection, result->data);
	if (space->metric == QUANT_IP)
		query_prepare_ip(space, query, &projection, result->data);
	return result;
}

QuantQuery *
quant_query_create_projected(const QuantSpace *space, const float *projected,
							 double centre_dot)
{
	QuantQuery *result = palloc0(sizeof(QuantQuery));
	Projection	projection = {0};

	Assert(space->metric != QUANT_L1);
	projection.norm =
		sqrt(vdb_kernels->sum_squares(projected, space->dim));
	projection.input_norm = projection.norm;
	result->space = space;
	result->class = QUERY_BOUNDED;
	result->data = query_data_create(space);
	query_quantise(space, projected, &projection, result->data);
	result->data->norm = projection.norm;
	result->data->centre_dot = centre_dot;
	return result;
}
