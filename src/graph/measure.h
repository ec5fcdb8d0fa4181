/*-------------------------------------------------------------------------
 *
 * measure.h
 *	  How many of the nearest rows a walk finds, by how far it goes on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GRAPH_MEASURE_H
#define VDB_GRAPH_MEASURE_H

#include "postgres.h"

#include "graph/build.h"
#include "graph/search.h"

/*
 * Fill in the curve of a graph that has been written, by walking it with
 * queries made of its rows.  order[i] is the row that is node i.  report, if
 * it is not NULL, is told how many of the queries are done.
 */
typedef void (*MeasureReport) (uint32 ndone, uint32 nqueries);

extern void graph_measure(Graph *graph, const QuantSpace *space,
						  const GraphRows *rows, const GraphBuild *build,
						  const uint32 *order, MeasureReport report);

#endif							/* VDB_GRAPH_MEASURE_H */
