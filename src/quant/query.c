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

/* Form of the query whose integers are stride * some plane(s). */
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

static void
query_quantise(const QuantSpace *space, const float *x,
			   const Projection *projection, struct QuantQueryData *data)
{
	double		largest = 0;
	double		step;
	double		high_left_out = 0;
	double		left_out = 0;
	double		high_sum_sq = 0;
	double		sum_sq = 0;
	int64		high_sum = 0;
	int64		sum = 0;

	for (uint32 i = 0; i < space->dim; i++)
		largest = Max(largest, fabs((double) x[i]));
	step = largest < QUANT_TINY ? 0 : largest / QUERY_LARGEST;

	for (uint32 i = 0; i < space->dim; i++)
	{
		int			v = step == 0 ? 0 : (int) rint(x[i] / step);
		int			high = (v + 64 + 16384) / 128 - 128;
		double		e = x[i] - step * v;
		double		high_e = x[i] - step * (128 * high);

		data->high[i] = (int8) high;
		data->low[i] = (int8) (v - 128 * high);
		left_out += e * e;
		high_left_out += high_e * high_e;
		high_sum += high;
		high_sum_sq += (double) (high * high);
		sum += v;
		sum_sq += (double) v * v;
	}
	query_finish_form(&data->coarse, 128 * step, high_sum, high_sum_sq,
					  high_left_out, projection);
	query_finish_form(&data->fine, step, sum, sum_sq, left_out, projection);
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
