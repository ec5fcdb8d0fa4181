/*-------------------------------------------------------------------------
 *
 * descriptor.h
 *	  Finding and changing segment descriptors; private to storage/.
 *
 * Descriptors are read with the metapage locked in any mode and changed with
 * it locked exclusively, which also makes their own pages' locks free of
 * deadlock: whoever wants one has the metapage first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_DESCRIPTOR_H
#define VDB_DESCRIPTOR_H

#include "postgres.h"

#include "storage/manifest_page.h"
#include "storage/wal.h"

/* Place of a descriptor. */
typedef struct DescriptorRef
{
	Buffer		buffer;			/* locked exclusively; the metapage's own when
								 * on_meta */
	bool		on_meta;
	int			slot;
} DescriptorRef;

/*
 * Find the descriptor of a segment (id 0: an empty slot).  The metapage is
 * locked exclusively; on success the page of the descriptor is too.
 */
extern bool descriptor_find(Relation index, Buffer meta, uint32 id,
							DescriptorRef *ref);

/*
 * The same while descriptor pages are already held: their locks are not taken
 * again, and their slots are not looked at.
 */
extern bool descriptor_find_other(Relation index, Buffer meta, uint32 id,
								  const DescriptorRef *held, int nheld,
								  DescriptorRef *ref);

/* Its place in the edit's copy of the page, and in the page itself. */
extern SegmentDescriptor *descriptor_edit(PageEdit *edit,
										  const DescriptorRef *ref);
extern SegmentDescriptor *descriptor_peek(const DescriptorRef *ref);

/* Release the descriptor's page, not the metapage. */
extern void descriptor_release(const DescriptorRef *ref);

/*
 * Lock the metapage and find an empty slot, adding a descriptor page if there
 * is none.  On return both are locked exclusively.
 */
extern Buffer descriptor_reserve(Relation index, DescriptorRef *ref);

/* Read the metapage and lock it; reports damage unless it looks sound. */
extern Buffer descriptor_lock_meta(Relation index, int lockmode);

/* The same with a descriptor page, the ordinal-th of the chain, from 1. */
extern Buffer descriptor_lock_page(Relation index, BlockNumber blkno,
								   uint32 ordinal, int lockmode);

#endif							/* VDB_DESCRIPTOR_H */
