/*-------------------------------------------------------------------------
 *
 * scan_stats.h
 *	  What a scan of a vector index has done.
 *
 * Counted while a scan runs and kept when it ends, so that a session can ask
 * about its last one:
 *
 *	vdb_last_scan_stats() returns (segments integer, rounds bigint,
 *		steps bigint, rows_scanned bigint, rows_refined bigint,
 *		rows_returned bigint, pages bigint); one row of NULLs before the
 *		first scan.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_SCAN_STATS_H
#define VDB_SCAN_STATS_H

#include "postgres.h"

typedef struct ScanStats
{
	int			segments;		/* of the index, as the scan saw it */
	uint64		rescans;		/* queries answered */
	uint64		rounds;			/* passes over the segments */
	uint64		steps;			/* nodes of graphs that were expanded */
	uint64		rows_scanned;	/* whose first bound was computed */
	uint64		rows_refined;	/* whose full code was read */
	uint64		rows_returned;	/* handed to the executor */
	uint64		pages;			/* page accesses */
} ScanStats;

/* Keep the counts of a scan that ends, and say them at DEBUG1. */
extern void scan_stats_report(const ScanStats *stats, const char *index_name);

#endif							/* VDB_SCAN_STATS_H */
