/*-------------------------------------------------------------------------
 *
 * lifecycle.h
 *	  Steps in the life of a segment; private to storage/.
 *
 * Each function is one record; README.md has the diagram of states.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_LIFECYCLE_H
#define VDB_LIFECYCLE_H

#include "postgres.h"

#include "storage/manifest_page.h"
#include "storage/segment_page.h"
#include "utils/rel.h"

/* growing -> sealing, by id; false when it is no longer the growing one or
 * has no row. */
extern bool lifecycle_close_growing(Relation index, uint32 id);

/* Close the lanes, count, sealing -> sealed; safe to repeat. */
extern void lifecycle_finish_seal(Relation index, uint32 id,
								  BlockNumber header);

/* Block of a logical page by a header, at blkno or copied from there. */
extern BlockNumber segment_header_block(Relation index, BlockNumber blkno,
										const SegmentHeader *header,
										uint32 page);

/* Reports damage unless a locked page heads a retired segment. */
extern void lifecycle_check_retired(Relation index, Buffer buffer);

/* Set pd_lower to the end of the table of runs. */
extern void segment_header_set_used(Page page);

/*
 * Append a run to the table, joined to the last one where it continues it.
 * False when the table is full.
 */
extern bool segment_header_add_run(SegmentHeader *header, SegmentRun run);

/*
 * Lock that a builder holds on its segment until it is published, or its
 * transaction ends.  False when another process has it, or this one.
 */
extern bool building_try_lock(Relation index, uint32 id);
extern void building_unlock(Relation index, uint32 id);

#endif							/* VDB_LIFECYCLE_H */
