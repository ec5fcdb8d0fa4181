/*-------------------------------------------------------------------------
 *
 * graph_data.c
 *	  Data over which tests build graphs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <stdlib.h>

#include "distance/distance.h"
#include "graph_data.h"
#include "quant/quant_private.h"
#include "unit.h"

float *
data_vector(const Data *data, uint32 i)
{
	return data->vectors + (Size) i * data->dim;
}

Data
data_create(uint32 n, uint32 dim)
{
	Data		data = {n, dim};

	data.vectors = malloc((Size) n * dim * sizeof(float));
	data.metric = QUANT_L2;
	return data;
}

void
data_free(Data *data)
{
	free(data->vectors);
	free((void *) data->rows.codes);
	free((void *) data->rows.scale);
	free((void *) data->rows.norm_sq);
	free((void *) data->rows.lift);
	free((void *) data->rows.shift);
}

/* Lift rows so that the largest product with a query is the nearest. */
static void
data_lift(Data *data)
{
	float	   *lift = malloc(data->n * sizeof(float));
	float	   *shift = malloc(data->dim * sizeof(float));
	float		most = 0;
	Projection	projection;

	for (uint32 i = 0; i < data->n; i++)
	{
		lift[i] = vdb_kernels->ip(data_vector(data, i), data_vector(data, i),
								  data->dim);
		most = fmaxf(most, lift[i]);
	}
	for (uint32 i = 0; i < data->n; i++)
		lift[i] = sqrtf(most - lift[i]);
	quant_project(data->space, data->space->centre, NULL, shift, &projection);
	data->rows.inner_product = true;
	data->rows.lift = lift;
	data->rows.shift = shift;
}

/* Codes and factors of the vectors, centred on the first. */
void
data_encode(Data *data)
{
	uint8	   *codes = malloc((Size) data->n * data->dim);
	float	   *scale = malloc(data->n * sizeof(float));
	float	   *norm_sq = malloc(data->n * sizeof(float));

	data->space = quant_space_create(data->dim, data->metric, 8, 42,
									 data_vector(data, 0));
	for (uint32 i = 0; i < data->n; i++)
	{
		RowFactors	factors;

		quant_encode(data->space, data_vector(data, i),
					 codes + (Size) i * data->dim, &factors);
		scale[i] = factors.scale;
		norm_sq[i] = factors.norm_sq;
	}
	data->rows.n = data->n;
	data->rows.dim = data->dim;
	data->rows.codes = codes;
	data->rows.scale = scale;
	data->rows.norm_sq = norm_sq;
	if (data->metric == QUANT_IP)
		data_lift(data);
}

/* Around nclusters points; spread is the size of a cluster. */
Data
data_clustered(uint32 n, uint32 dim, uint32 nclusters, float spread)
{
	Data		data = data_create(n, dim);
	float	   *centres = malloc(nclusters * dim * sizeof(float));

	for (uint32 i = 0; i < nclusters * dim; i++)
		centres[i] = unit_gaussian();
	for (uint32 i = 0; i < n; i++)
	{
		const float *centre = centres + unit_below(nclusters) * dim;

		for (uint32 j = 0; j < dim; j++)
			data_vector(&data, i)[j] = centre[j] + spread * unit_gaussian();
	}
	free(centres);
	return data;
}
