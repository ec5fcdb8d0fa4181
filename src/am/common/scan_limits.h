/*-------------------------------------------------------------------------
 *
 * scan_limits.h
 *	  How many rows the rounds of a scan collect: for the scan, and for the
 *	  estimate of its cost.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_SCAN_LIMITS_H
#define VDB_SCAN_LIMITS_H

#include "postgres.h"

#include "base/topk.h"
#include "miscadmin.h"
#include "storage/segment.h"

/*
 * Rows of the first round.  A coarse plane leaves about 150 candidates of
 * 200,000 rows for ten rows to be returned, up to a thousand when codes are
 * not centred.  Collecting too few costs another pass over the index, which is
 * dear when it is large; collecting too many costs selection, which is dear
 * beside the pass when it is small.
 */
#define SCAN_FIRST_LIMIT_MIN 256
#define SCAN_FIRST_LIMIT_MAX 2048
#define SCAN_FIRST_LIMIT_ROWS 128
#define SCAN_LIMIT_GROWTH 4

/* However much work_mem allows: numbers of rows in a scan have 32 bits. */
#define SCAN_MAX_LIMIT (1 << 26)

/* Rows of a coarse plane that are read in the time of one step, about. */
#define SCAN_STEP_ROWS 150

/* Fewer steps are always taken. */
#define SCAN_MIN_STEPS 200

/* Steps along graphs of so many rows, after which they are given up. */
static inline double
scan_most_steps(double rows)
{
	return Max(rows / SCAN_STEP_ROWS, SCAN_MIN_STEPS);
}

/*
 * Steps along the graph of a segment before the first row comes, on average;
 * infinitely many when there is none, or when the segment is read because
 * walks find too little, or take longer (scan_graph.c).
 */
extern double scan_graph_steps(const SegmentReader *reader);

/*
 * Most rows of a round.  Half of work_mem is for rows being collected, in room
 * for twice as many, half for those waiting.
 */
static inline uint32
scan_round_most(void)
{
	return Min((Size) work_mem * 1024 / 4 / sizeof(TopEntry), SCAN_MAX_LIMIT);
}

static inline uint32
scan_round_first(uint64 rows, uint32 most)
{
	uint32		limit = Max(SCAN_FIRST_LIMIT_MIN,
							Min(SCAN_FIRST_LIMIT_MAX,
								rows / SCAN_FIRST_LIMIT_ROWS));

	return Min(limit, most);
}

static inline uint32
scan_round_next(uint32 limit, uint32 most)
{
	return Min(most, (uint64) limit * SCAN_LIMIT_GROWTH);
}

#endif							/* VDB_SCAN_LIMITS_H */
