/*-------------------------------------------------------------------------
 *
 * page.c
 *	  What all pages of an index have in common, and how one is read.
 *
 * Relies on the buffer manager alone.  Promises that a caller never sees a
 * page of another kind, segment or version than the one it asked for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "base/compat.h"
#include "storage/buf_internals.h"
#include "storage/page.h"
#include "storage/smgr.h"
#include "utils/rel.h"

/*
 * Where blocks were found last in shared buffers: a direct-mapped table, so
 * that neighbouring blocks have neighbouring entries.  An entry is a hint: the
 * buffer's tag is compared before it is used.  It saves the look-up in the
 * buffer mapping table, which costs two or three cache misses and a lock.
 * One megabyte holds the hints of two gigabytes of index.
 *
 * A pin by hint does not raise the usage count of the buffer.  So that pages
 * in use stay cached, one look-up in PAGE_HINT_PERIOD goes the normal way; the
 * period is odd, so that it is not always the same pages.
 */
#define PAGE_NHINTS (1 << 18)
#define PAGE_HINT_PERIOD 31

static Buffer page_hints[PAGE_NHINTS];
static uint32 page_lookups = 0;

static inline Buffer *page_hint(Relation index, BlockNumber blkno);
static Buffer page_lookup(Relation index, BlockNumber blkno);
static inline Buffer page_lookup_hint(Relation index, BlockNumber blkno,
									  bool *hinted);
static void page_check_exists(Relation index, BlockNumber blkno);
pg_noreturn static void page_report_mismatch(Relation index, BlockNumber blkno,
											 Page page, PageKind kind,
											 uint32 segment_id);

void
page_init(Page page, PageKind kind, uint32 segment_id, uint32 ordinal)
{
	PageStamp  *stamp;

	PageInit(page, BLCKSZ, sizeof(PageStamp));
	stamp = page_stamp(page);
	stamp->segment_id = segment_id;
	stamp->ordinal = ordinal;
	stamp->kind = kind;
	stamp->version = VDB_PAGE_VERSION;
	stamp->flags = 0;
	stamp->detail = 0;
	stamp->page_id = VDB_PAGE_ID;
}

bool
page_matches(Page page, PageKind kind, uint32 segment_id)
{
	PageHeader	header = (PageHeader) page;
	PageStamp  *stamp = page_stamp(page);

	return header->pd_special == BLCKSZ - sizeof(PageStamp) &&
		header->pd_lower >= MAXALIGN(SizeOfPageHeaderData) &&
		header->pd_lower <= header->pd_special &&
		stamp->page_id == VDB_PAGE_ID &&
		stamp->version == VDB_PAGE_VERSION &&
		stamp->kind == kind &&
		stamp->segment_id == segment_id;
}

Buffer
page_read(Relation index, BlockNumber blkno, PageKind kind,
		  uint32 segment_id, int lockmode)
{
	Buffer		buffer = page_lookup(index, blkno);

	page_lock(index, buffer, kind, segment_id, lockmode);
	return buffer;
}

Buffer
page_pin_ahead(Relation index, BlockNumber blkno)
{
	return page_lookup(index, blkno);
}

void
page_lock(Relation index, Buffer buffer, PageKind kind, uint32 segment_id,
		  int lockmode)
{
	page_lock_content(index, buffer, lockmode);
	if (unlikely(!page_matches(BufferGetPage(buffer), kind, segment_id)))
		page_report_mismatch(index, BufferGetBlockNumber(buffer),
							 BufferGetPage(buffer), kind, segment_id);
}

/* A page that points at itself, or back, is met while it is locked. */
void
page_lock_content(Relation index, Buffer buffer, int lockmode)
{
	if (!BufferIsLocal(buffer))
	{
		BufferDesc *desc = GetBufferDescriptor(buffer - 1);

		if (unlikely(LWLockHeldByMe(BufferDescriptorGetContentLock(desc))))
			page_report_damage(index, BufferGetBlockNumber(buffer),
							   "A page that is in use points at this one.");
	}
	LockBuffer(buffer, lockmode);
}

/*
 * A page without a lock is safe on a primary because it does not change until
 * no snapshot can see its segment (storage/README.md, invariant 9).  Replay
 * knows no such horizon, so in recovery the stamp is checked under the lock,
 * and the lock kept.
 */
Buffer
page_pin(Relation index, BlockNumber blkno, PageKind kind,
		 uint32 segment_id, bool *locked)
{
	Buffer		buffer = page_lookup(index, blkno);

	*locked = RecoveryInProgress();
	if (unlikely(*locked))
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (unlikely(!page_matches(BufferGetPage(buffer), kind, segment_id)))
		page_report_mismatch(index, blkno, BufferGetPage(buffer), kind,
							 segment_id);
	return buffer;
}

Buffer
page_pin_again(Relation index, BlockNumber blkno, PageKind kind,
			   uint32 segment_id)
{
	bool		hinted;
	Buffer		buffer = page_lookup_hint(index, blkno, &hinted);

	if (unlikely(!hinted && !page_matches(BufferGetPage(buffer), kind,
										  segment_id)))
		page_report_mismatch(index, blkno, BufferGetPage(buffer), kind,
							 segment_id);
	return buffer;
}

void
page_unpin(Buffer buffer, bool locked)
{
	if (unlikely(locked))
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	ReleaseBuffer(buffer);
}

/*
 * Without a pin the page may be given up at any time: its bytes are asked for,
 * not looked at.  What is not in shared buffers is read ahead by the system,
 * and true is returned.
 */
bool
page_expect(Relation index, BlockNumber blkno, uint32 offset, uint32 nbytes)
{
	Buffer		buffer = *page_hint(index, blkno);

	/* Not noted as a hint: whoever pins the page first is to check it. */
	if (unlikely(buffer == InvalidBuffer) && !RelationUsesLocalBuffers(index))
	{
		page_check_exists(index, blkno);
		buffer = PrefetchBuffer(index, MAIN_FORKNUM, blkno).recent_buffer;
		if (buffer == InvalidBuffer)
			return true;
	}
	if (likely(buffer > 0 && buffer <= NBuffers))
	{
		const char *start = (const char *) BufferGetPage(buffer) + offset;

		__builtin_prefetch(GetBufferDescriptor(buffer - 1), 1);
		for (uint32 i = 0; i < nbytes + 63; i += 64)
			__builtin_prefetch(start + i);
	}
	return false;
}

static inline Buffer *
page_hint(Relation index, BlockNumber blkno)
{
	uint32		number = (uint32) RelationGetFileNumber(index);

	return &page_hints[(blkno + number * 0x9E3779B1) % PAGE_NHINTS];
}

/* Pin a block, by its hint if that holds. */
static Buffer
page_lookup(Relation index, BlockNumber blkno)
{
	bool		hinted;

	return page_lookup_hint(index, blkno, &hinted);
}

static inline Buffer
page_lookup_hint(Relation index, BlockNumber blkno, bool *hinted)
{
	Buffer	   *hint = page_hint(index, blkno);

	if (*hint > 0 && ++page_lookups % PAGE_HINT_PERIOD != 0 &&
		vdb_read_recent_buffer(index, blkno, *hint))
	{
		*hinted = true;
		return *hint;
	}
	*hinted = false;
	page_check_exists(index, blkno);
	*hint = ReadBuffer(index, blkno);
	return *hint;
}

/*
 * Numbers of blocks come from pages.  A block behind the end would be an error
 * of the storage manager's, and P_NEW would add a page to the index.  The size
 * that the storage manager remembers is no more than the real one, for files
 * of an index do not shrink.
 */
static void
page_check_exists(Relation index, BlockNumber blkno)
{
	BlockNumber known =
	RelationGetSmgr(index)->smgr_cached_nblocks[MAIN_FORKNUM];

	if (likely(known != InvalidBlockNumber && blkno < known))
		return;
	if (blkno >= RelationGetNumberOfBlocks(index))
		page_report_damage(index, blkno,
						   "The block lies behind the end of the index.");
}

void
page_report_damage(Relation index, BlockNumber blkno, const char *detail)
{
	ereport(ERROR,
			errcode(ERRCODE_INDEX_CORRUPTED),
			errmsg("index \"%s\" is damaged at block %u",
				   RelationGetRelationName(index), blkno),
			errdetail_internal("%s", detail),
			errhint("Rebuild the index with REINDEX."));
}

/*
 * The page is not what was asked for.  A lock still held is released when the
 * transaction aborts.
 */
static void
page_report_mismatch(Relation index, BlockNumber blkno, Page page,
					 PageKind kind, uint32 segment_id)
{
	PageStamp  *stamp = page_stamp(page);

	if (PageIsNew(page))
		page_report_damage(index, blkno, "The page is empty.");
	if (stamp->page_id != VDB_PAGE_ID)
		page_report_damage(index, blkno,
						   "The page does not belong to a vector index.");
	if (stamp->version != VDB_PAGE_VERSION)
		page_report_damage(index, blkno,
						   psprintf("The page has format version %u, this "
									"release reads version %d.",
									stamp->version, VDB_PAGE_VERSION));
	if (RecoveryInProgress() && stamp->segment_id != segment_id)
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("canceling statement due to conflict with recovery"),
				errdetail("A part of index \"%s\" was replaced while it was read.",
						  RelationGetRelationName(index)));
	page_report_damage(index, blkno,
					   psprintf("The page is of kind %u and segment %u, not of "
								"kind %u and segment %u.",
								stamp->kind, stamp->segment_id,
								(unsigned) kind, segment_id));
}
