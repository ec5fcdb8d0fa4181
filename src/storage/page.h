/*-------------------------------------------------------------------------
 *
 * page.h
 *	  What all pages of an index have in common, and how one is read.
 *
 * Page (8 kB)
 *
 *	 OFFSET  SIZE  FIELD
 *		  0    24  PostgreSQL's page header; pd_lower is the end of the data
 *		 24  8152  contents, by kind (manifest_page.h, segment_page.h)
 *	   8176     4  segment_id  segment it belongs to, 0 for the index itself
 *	   8180     4  ordinal     number of the page in its segment or chain
 *	   8184     2  kind        PageKind
 *	   8186     1  version     VDB_PAGE_VERSION
 *	   8187     1  flags       by kind
 *	   8188     2  detail      by kind
 *	   8190     2  page_id     VDB_PAGE_ID
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_PAGE_H
#define VDB_PAGE_H

#include "postgres.h"

#include "base/compat.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "utils/rel.h"

#define VDB_PAGE_ID 0xFD17
#define VDB_PAGE_VERSION 1

/* On disk: never renumber. */
typedef enum PageKind
{
	PAGE_META = 1,				/* block 0: the manifest */
	PAGE_DESCRIPTORS = 2,		/* more segment descriptors */
	PAGE_CENTRE = 3,			/* the centre of the codes */
	PAGE_SEGMENT = 4,			/* header of a segment */
	PAGE_ROWS = 5,				/* rows, one after the other */
	PAGE_COARSE = 6,			/* high nibbles and their factors */
	PAGE_FINE = 7,				/* low nibbles and radii */
	PAGE_TIDS = 8,				/* heap addresses */
	PAGE_DEAD = 9,				/* one bit a row: dead */
	PAGE_NODES = 10,			/* nodes of a graph */
	PAGE_OWNERS = 11,			/* nodes of rows that share one */
	PAGE_GRAPH = 12				/* what else a graph consists of */
} PageKind;

typedef struct PageStamp
{
	uint32		segment_id;
	uint32		ordinal;
	uint16		kind;
	uint8		version;
	uint8		flags;
	uint16		detail;
	uint16		page_id;
} PageStamp;

StaticAssertDecl(sizeof(PageStamp) == 16, "on-disk format");

#define PAGE_CONTENT_SIZE \
	(BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - sizeof(PageStamp))

static inline PageStamp *
page_stamp(Page page)
{
	return (PageStamp *) (page + BLCKSZ - sizeof(PageStamp));
}

static inline char *
page_content(Page page)
{
	return page + MAXALIGN(SizeOfPageHeaderData);
}

/* Bytes of contents in use, by pd_lower; 0 when that is damaged. */
static inline uint32
page_content_used(Page page)
{
	LocationIndex lower = ((PageHeader) page)->pd_lower;

	if (lower < MAXALIGN(SizeOfPageHeaderData) ||
		lower > BLCKSZ - sizeof(PageStamp))
		return 0;
	return lower - MAXALIGN(SizeOfPageHeaderData);
}

static inline void
page_set_content_used(Page page, uint32 nbytes)
{
	((PageHeader) page)->pd_lower = MAXALIGN(SizeOfPageHeaderData) + nbytes;
}

/* Initialise a page; the contents are zero and none are in use. */
extern void page_init(Page page, PageKind kind, uint32 segment_id,
					  uint32 ordinal);

/* Is it a page of this kind and segment?  For hints: raises nothing. */
extern bool page_matches(Page page, PageKind kind, uint32 segment_id);

/*
 * Read a page that must be there.  lockmode is BUFFER_LOCK_SHARE or
 * BUFFER_LOCK_EXCLUSIVE; returns with the buffer pinned and locked.  A page of
 * another kind or segment is ERRCODE_INDEX_CORRUPTED (in recovery a
 * serialization failure: the segment was given up while it was read).
 */
extern Buffer page_read(Relation index, BlockNumber blkno, PageKind kind,
						uint32 segment_id, int lockmode);

/*
 * The two halves of page_read(): a pin that tells nothing of the page, for
 * fetching it from memory ahead of its use, and the lock with the check.
 */
extern Buffer page_pin_ahead(Relation index, BlockNumber blkno);
extern void page_lock(Relation index, Buffer buffer, PageKind kind,
					  uint32 segment_id, int lockmode);

/* The lock alone.  Damage if this process has it: it would wait for itself. */
extern void page_lock_content(Relation index, Buffer buffer, int lockmode);

/*
 * Read a page that no longer changes: pinned, and locked only in recovery,
 * where pages may be replaced under a scan (design, rule 19).  page_unpin()
 * undoes both.
 */
extern Buffer page_pin(Relation index, BlockNumber blkno, PageKind kind,
					   uint32 segment_id, bool *locked);
extern void page_unpin(Buffer buffer, bool locked);

/*
 * A pin of a page that no longer changes, and on a primary only.  The stamp is
 * looked at when the page has to be searched for, but not when it still lies
 * where this process found it before: the stamp's two cache lines are in
 * other parts of memory than what is to be read.  So this is for contents in
 * which nothing is used as a length or a number before it has been checked.
 */
extern Buffer page_pin_again(Relation index, BlockNumber blkno, PageKind kind,
							 uint32 segment_id);

/*
 * Ask for some bytes of a page that will probably be pinned soon: from memory
 * if this process knows where the page lies, else from the file.  True if it
 * had to be read from there.
 */
extern bool page_expect(Relation index, BlockNumber blkno, uint32 offset,
						uint32 nbytes);

/*
 * Ask the memory for the first bytes of the contents of a pinned page that
 * will be used soon.  They are not looked at, so no lock is needed.
 */
static inline void
page_prefetch(Buffer buffer, uint32 nbytes)
{
	char	   *page = BufferGetPage(buffer);
	uint32		end = MAXALIGN(SizeOfPageHeaderData) + nbytes;

	for (uint32 i = 0; i < end; i += 64)
		__builtin_prefetch(page + i);
	__builtin_prefetch(page_stamp(page));
}

/* The index is damaged: ERRCODE_INDEX_CORRUPTED with name, block and hint. */
pg_noreturn extern void page_report_damage(Relation index, BlockNumber blkno,
										   const char *detail);

#endif							/* VDB_PAGE_H */
