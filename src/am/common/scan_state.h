/*-------------------------------------------------------------------------
 *
 * scan_state.h
 *	  State of a scan, and the order in which it returns rows; private to the
 *	  files scan*.c, README.md has the algorithm.
 *
 * Every row has two places in the order: by its first bound, from the coarse
 * plane (or from the whole code where rows are stored so), and by its final
 * bound, which is never before the first.  Both are TopEntries:
 *
 *	key		bits 34-35	rank: distances, then NaN, then NULL
 *			bits  2-33	bound, as top_float_order() has it
 *			bit	  0		1: the bound is final
 *	place	bits 32-63	number of the segment in the scan
 *			bits  0-31	row
 *
 * so that rows of the same bound, such as copies of one vector, have an order
 * too, and a scan that starts again behind a row finds each other row once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_SCAN_STATE_H
#define VDB_SCAN_STATE_H

#include "postgres.h"

#include "am/common/scan_stats.h"
#include "base/topk.h"
#include "quant/quant.h"
#include "storage/itemptr.h"
#include "storage/segment.h"

typedef enum ScanRank
{
	RANK_DISTANCE = 0,			/* has a bound, perhaps -infinity */
	RANK_NAN = 1,				/* the distance is certain to be NaN */
	RANK_NULL = 2				/* the distance is NULL */
} ScanRank;

/* What the query makes of the rows. */
typedef enum ScanMode
{
	SCAN_BOUNDS,				/* bounds from codes */
	SCAN_NO_BOUNDS,				/* every bound is -infinity */
	SCAN_ALL_NAN,				/* every distance is NaN */
	SCAN_ALL_NULL				/* the query is NULL, or no order is wanted */
} ScanMode;

/* Rows that are left out wherever they come in the order. */
typedef enum ScanFilter
{
	FILTER_NONE,
	FILTER_CLASS,				/* those whose distance is NULL or NaN */
	FILTER_BOUNDS				/* and those too far from filter_query */
} ScanFilter;

/* Most rows of a page. */
#define SCAN_PAGE_ROWS QUANT_MAX_BLOCK

typedef struct IndexScan
{
	/* The same for all queries of the scan. */
	MemoryContext context;
	MemoryContext query_context;	/* reset by each query */
	Relation	index;
	Manifest   *manifest;		/* NULL until the first query */
	SegmentReader **readers;	/* one for each of its segments */
	struct ScanGraphs *graphs;	/* scan_graph.c's */
	QuantSpace *space;
	uint32		max_limit;		/* rows collected in one round, at most */
	uint32		max_heap;		/* rows that wait, at most */

	/* The query. */
	ScanMode	mode;
	QuantQuery *query;
	ScanFilter	filter;
	QuantQuery *filter_query;
	float		farthest;		/* from it, by bound */
	uint64		upper;			/* rows of a larger key are not wanted */
	bool		empty;			/* no row is */
	bool		stopped;		/* the last round, in place, has not come to
								 * the end of the index */
	bool		by_final;		/* rounds collect by final bound */
	bool		exhausted;		/* no row is left to be collected */
	uint32		limit;			/* rows collected in the last round; 0 at the
								 * start */
	TopEntry	lower;			/* rows up to this one have been collected */
	TopEntry	last;			/* last row returned, by final bound */
	uint64		nreturned;
	TopCollector collector;
	TopHeap		heap;			/* collected and not yet returned */
	ScanStats	stats;
	struct ScanWork *work;		/* NULL until a segment is read */
} IndexScan;

/*
 * Of the page that is being looked at.  Not a part of the scan, since those
 * that only walk graphs do without: what a query allocates is kept below what
 * the C library gives back to the system each time.
 */
typedef struct ScanWork
{
	float		scale[SCAN_PAGE_ROWS];
	float		norm_sq[SCAN_PAGE_ROWS];
	float		radius[SCAN_PAGE_ROWS];
	RowBound	bounds[SCAN_PAGE_ROWS];
	TopEntry	found[SCAN_PAGE_ROWS];
} ScanWork;

#define SCAN_KEY_FINAL UINT64CONST(1)
#define SCAN_KEY_BOUND_SHIFT 2
#define SCAN_KEY_RANK_SHIFT 34

static inline uint64
scan_key(ScanRank rank, float bound, bool final)
{
	/* Adding 0 makes +0 of -0, which would come before it. */
	return (uint64) rank << SCAN_KEY_RANK_SHIFT |
		(uint64) top_float_order(bound + 0.0f) << SCAN_KEY_BOUND_SHIFT |
		(final ? SCAN_KEY_FINAL : 0);
}

static inline ScanRank
scan_key_rank(uint64 key)
{
	return (ScanRank) (key >> SCAN_KEY_RANK_SHIFT);
}

static inline float
scan_key_bound(uint64 key)
{
	return top_order_float((uint32) (key >> SCAN_KEY_BOUND_SHIFT));
}

static inline uint64
scan_place(uint32 segment, uint32 row)
{
	return (uint64) segment << 32 | row;
}

static inline uint32
scan_place_segment(uint64 place)
{
	return place >> 32;
}

static inline uint32
scan_place_row(uint64 place)
{
	return (uint32) place;
}

/*
 * Rows of which all distances are equal come in the order of their places.  A
 * round ends then after "limit" rows, or some more; "lower" says where.
 */
static inline bool
scan_in_place(const IndexScan *scan)
{
	return scan->mode == SCAN_ALL_NULL;
}

/*
 * scan_round.c: collect the next rows behind "lower", at most "limit", into
 * the collector.
 */
extern void scan_round(IndexScan *scan);

/*
 * scan_sample.c: a threshold for the first round that about "limit" rows are
 * below, from a sample; false: none is worth having.
 */
extern bool scan_sample_threshold(IndexScan *scan, TopEntry *threshold);

/*
 * scan_row.c: the final bound of one row (ROW_BOUNDED) for a query; it may be
 * below the first one, the caller takes the larger.
 */
extern float scan_row_bound(IndexScan *scan, const QuantQuery *query,
							uint64 place);

/* The same for a row of a locked page of rows. */
extern float scan_slot_bound(const QuantQuery *query,
							 const SegmentShape *shape, Page page,
							 uint32 slot);

/* Heap address of a row; false when it is dead. */
extern bool scan_row_tid(IndexScan *scan, uint64 place, ItemPointer tid);

/* scan_order.c: the next row in order; false at the end. */
extern bool scan_next(IndexScan *scan, TopEntry *entry, ItemPointer tid);

/* Start a query; and forget all that waits and collect it again. */
extern void scan_restart(IndexScan *scan);
extern void scan_start_rounds(IndexScan *scan);

#endif							/* VDB_SCAN_STATE_H */
