/*-------------------------------------------------------------------------
 *
 * graph_data.h
 *	  Data over which tests build graphs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GRAPH_DATA_H
#define VDB_GRAPH_DATA_H

#include "postgres.h"

#include "graph/build.h"
#include "quant/quant.h"

typedef struct Data
{
	uint32		n;
	uint32		dim;
	float	   *vectors;
	QuantMetric metric;
	QuantSpace *space;
	GraphRows	rows;
} Data;

/* Vectors to be filled in; metric is L2 unless it is changed. */
extern Data data_create(uint32 n, uint32 dim);
extern void data_free(Data *data);
extern float *data_vector(const Data *data, uint32 i);

/* Rows around nclusters centres, in random directions. */
extern Data data_clustered(uint32 n, uint32 dim, uint32 nclusters,
						   float spread);

/* Fill in space and rows. */
extern void data_encode(Data *data);

#endif							/* VDB_GRAPH_DATA_H */
