/*-------------------------------------------------------------------------
 *
 * wal.h
 *	  The only way to change a page.
 *
 * PageEdit is one atomic, WAL-logged change of up to PAGE_EDIT_MAX pages whose
 * buffers the caller holds locked exclusively.  Nothing between begin and
 * commit may raise an error that a user can cause.  page_edit_commit() makes
 * the changes visible and marks the buffers dirty; locks are the caller's.
 *
 * Builds write whole pages: page_build_*() fill new pages in shared buffers,
 * which page_log_range() logs as full-page images, in batches, before the
 * record that publishes them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_WAL_H
#define VDB_WAL_H

#include "postgres.h"

#include "access/generic_xlog.h"
#include "access/transam.h"
#include "storage/page.h"

#define PAGE_EDIT_MAX MAX_GENERIC_XLOG_PAGES

typedef struct PageEdit
{
	GenericXLogState *state;
} PageEdit;

extern PageEdit page_edit_begin(Relation index);

/* The working copy of a page; valid until commit. */
extern Page page_edit_get(PageEdit *edit, Buffer buffer);

/* The same for a page that starts anew: logged whole, initialised. */
extern Page page_edit_new(PageEdit *edit, Buffer buffer, PageKind kind,
						  uint32 segment_id, uint32 ordinal);

extern void page_edit_commit(PageEdit *edit);

/* Give up an edit: nothing has changed. */
extern void page_edit_abort(PageEdit *edit);

/*
 * Get a page to be written from scratch, whatever it holds: pinned and locked
 * exclusively.  The block must lie inside the file (page_extend_to()).
 */
extern Buffer page_acquire_new(Relation index, BlockNumber blkno);

/*
 * One page of a build: initialised in its buffer with contents and used bytes,
 * marked dirty, not logged.
 */
extern void page_build_write(Relation index, BlockNumber blkno, PageKind kind,
							 uint32 segment_id, uint32 ordinal,
							 const char *contents, uint32 nbytes,
							 BufferAccessStrategy strategy);

/* Log blocks [start, end) as written by page_build_write(). */
extern void page_log_range(Relation index, BlockNumber start, BlockNumber end);

/* Make the file at least nblocks long.  Holds no content lock. */
extern void page_extend_to(Relation index, BlockNumber nblocks);

/* Write block 0 of an init fork (unlogged tables). */
extern void page_write_init_fork(Relation index, Page page);

/*
 * Tell standbys that pages retired at fxid are about to be used again: replay
 * resolves conflicts with older snapshots (design, rule 19).
 */
extern void wal_log_reuse(Relation index, BlockNumber blkno,
						  FullTransactionId fxid);

#endif							/* VDB_WAL_H */
