/*-------------------------------------------------------------------------
 *
 * growing.h
 *	  Appending rows to the growing segment, and sealing it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GROWING_H
#define VDB_GROWING_H

#include "postgres.h"

#include "storage/manifest.h"
#include "storage/segment_page.h"

/*
 * Where this backend last appended: a hint, verified under the page's lock.
 * Starts as zeros with the identity set by growing_target_init().
 */
typedef struct GrowingTarget
{
	SegmentShape shape;
	uint32		seal_rows;		/* rows at which the segment is sealed */
	int			lane;
	uint32		segment_id;		/* 0: unknown */
	BlockNumber tail;
} GrowingTarget;

extern void growing_target_init(GrowingTarget *target,
								const IndexIdentity *identity,
								uint32 seal_rows);

/*
 * Append one row.  On entry no buffer is locked; on return the change is
 * WAL-logged and no buffer is locked or pinned.
 */
extern void growing_append(Relation index, GrowingTarget *target,
						   const PlanesRow *row);

/*
 * Seal the growing segment now, and finish seals that were interrupted.
 * Returns the id of the segment sealed, 0 when there was no growing row.
 */
extern uint32 growing_seal(Relation index);

/*
 * Rows of the growing segment as they are just now, dead ones included, and
 * its id; 0 if there is none.
 */
extern uint64 growing_count(Relation index, uint32 *id);

#endif							/* VDB_GROWING_H */
