/*-------------------------------------------------------------------------
 *
 * scan_graph.h
 *	  The part of a scan that walks graphs; private to the files scan*.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_SCAN_GRAPH_H
#define VDB_SCAN_GRAPH_H

#include "postgres.h"

#include "am/common/scan_state.h"

/* At the first query: open the graphs of the segments that have one. */
extern void scan_graphs_open(IndexScan *scan);

/* A query begins. */
extern void scan_graphs_start(IndexScan *scan);

/* Walk no more: rows that were found and wait are the caller's to forget. */
extern void scan_graphs_stop(IndexScan *scan);

/* Is this segment walked rather than read? */
extern bool scan_graphs_walk(const IndexScan *scan, uint32 segment);

/*
 * See that no graph holds a row that should come before "top", the first of
 * the rows that wait (NULL: none does).  True if something has changed, be it
 * that rows were added or that the graphs have been given up.
 */
extern bool scan_graphs_advance(IndexScan *scan, const TopEntry *top);

/*
 * Shall this row, the next in order, be returned?  False for one that has been
 * returned before, or that was found too late for the order.
 */
extern bool scan_graphs_accept(IndexScan *scan, const TopEntry *entry);

/* May the scan go on, or does a setting end it here? */
extern bool scan_graphs_may_go_on(const IndexScan *scan);

#endif							/* VDB_SCAN_GRAPH_H */
