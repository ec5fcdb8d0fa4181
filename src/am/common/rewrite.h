/*-------------------------------------------------------------------------
 *
 * rewrite.h
 *	  Reorganising and merging sealed segments.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_REWRITE_H
#define VDB_REWRITE_H

#include "postgres.h"

#include "am/common/graph_job.h"
#include "utils/rel.h"

/* Share of dead rows from which a segment is rewritten. */
#define REWRITE_DEAD_FRACTION 0.20

/* How segments are replaced. */
typedef struct RewriteHow
{
	bool		locked;			/* the maintenance lock is held */
	bool		graph;			/* the new segment is to have a graph */
	bool		alone;			/* nobody else can see the index */
	GraphHelp	help;			/* graph */
	uint32		max_rows;		/* graph: bounded rows of one */
} RewriteHow;

/*
 * Replace sealed segments by one, or by several graphs of at most max_rows
 * rows.  False when a source was not there (any more); then nothing has
 * changed.  The caller has a snapshot, or sees to it that nobody else retires
 * the sources.
 */
extern bool index_rewrite(Relation index, const uint32 *ids, int nids,
						  const RewriteHow *how);

/*
 * The source that is being read, 0 if none is: when an error was raised, that
 * segment is its cause.
 */
extern uint32 rewrite_reading;

/*
 * Write a sealed segment anew, as planes and without its dead rows, and put
 * the new segment in its place.  Codes are carried over bit for bit.
 * Searches, inserts and VACUUM go on meanwhile.  Returns false when the
 * segment is not there any more.
 */
extern bool index_rewrite_segment(Relation index, uint32 segment_id);

/*
 * Seal the growing segment, then rewrite every segment that is not
 * reorganised or has many dead rows; in an index with graphs those that have
 * none are put together to such as have.  Returns the number of segments
 * written.
 */
extern int	index_build_pending(Relation heap, Relation index);

/*
 * Of an index that is being built, and that nobody else can see: make graph
 * segments of the segments there are, as few as maintenance_work_mem allows.
 */
extern void index_build_graphs(Relation index, int nworkers);

/*
 * What VACUUM does so that a table that is updated for ever does not grow for
 * ever: segments half of whose rows are dead, and those with few live rows
 * (MERGE_SMALL_FRACTION of seal_rows), are merged into one of up to seal_rows,
 * if half of them is dead or they are many.  So at most one row is written
 * for each that died.  With the maintenance lock held.  Returns whether
 * anything was merged; then there may be more.
 */
extern bool index_merge_small(Relation index, uint32 seal_rows);

#define MERGE_SMALL_FRACTION 0.20
#define MERGE_MIN_SOURCES 8
#define MERGE_MAX_SOURCES 64

#endif							/* VDB_REWRITE_H */
