/*-------------------------------------------------------------------------
 *
 * wal.c
 *	  The only way to change a page.
 *
 * Small changes are generic WAL records (a delta of each page).  Builds log
 * whole pages in batches of 32 (log_newpage_range).  No other file calls
 * GenericXLog or log_newpage (checked by tools/check-layers).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/nbtxlog.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "base/compat.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/manifest_page.h"
#include "storage/smgr.h"
#include "storage/wal.h"

/* The most blocks by which a small index is extended at once: 1 GB. */
#define PAGE_EXTEND_MAX ((BlockNumber) 131072)

PageEdit
page_edit_begin(Relation index)
{
	PageEdit	edit;

	edit.state = GenericXLogStart(index);
	return edit;
}

Page
page_edit_get(PageEdit *edit, Buffer buffer)
{
	return GenericXLogRegisterBuffer(edit->state, buffer, 0);
}

Page
page_edit_new(PageEdit *edit, Buffer buffer, PageKind kind,
			  uint32 segment_id, uint32 ordinal)
{
	Page		page = GenericXLogRegisterBuffer(edit->state, buffer,
												 GENERIC_XLOG_FULL_IMAGE);

	page_init(page, kind, segment_id, ordinal);
	return page;
}

void
page_edit_commit(PageEdit *edit)
{
	GenericXLogFinish(edit->state);
	edit->state = NULL;
}

void
page_edit_abort(PageEdit *edit)
{
	GenericXLogAbort(edit->state);
	edit->state = NULL;
}

/*
 * The old contents are of no interest: after a crash the page may even be torn
 * or missing from the file's middle, which RBM_ZERO_AND_LOCK does not mind.
 */
Buffer
page_acquire_new(Relation index, BlockNumber blkno)
{
	return ReadBufferExtended(index, MAIN_FORKNUM, blkno, RBM_ZERO_AND_LOCK,
							  NULL);
}

void
page_build_write(Relation index, BlockNumber blkno, PageKind kind,
				 uint32 segment_id, uint32 ordinal,
				 const char *contents, uint32 nbytes,
				 BufferAccessStrategy strategy)
{
	Buffer		buffer = ReadBufferExtended(index, MAIN_FORKNUM, blkno,
											RBM_ZERO_AND_LOCK, strategy);
	Page		page = BufferGetPage(buffer);

	Assert(nbytes <= PAGE_CONTENT_SIZE);
	START_CRIT_SECTION();
	page_init(page, kind, segment_id, ordinal);
	memcpy(page_content(page), contents, nbytes);
	page_set_content_used(page, nbytes);
	MarkBufferDirty(buffer);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
}

void
page_log_range(Relation index, BlockNumber start, BlockNumber end)
{
	/* The contents lie below pd_lower, so the hole may go (rule 11). */
	if (RelationNeedsWAL(index) && start < end)
		log_newpage_range(index, MAIN_FORKNUM, start, end, true);
}

void
page_extend_to(Relation index, BlockNumber nblocks)
{
	BlockNumber now = RelationGetNumberOfBlocks(index);

	if (now >= nblocks)
		return;

	/*
	 * Blocks that were handed out may be missing after a crash, but not more
	 * than the file has, or than one large segment: a damaged number must not
	 * fill the disk.
	 */
	if (nblocks - now > Max(now, PAGE_EXTEND_MAX))
		page_report_damage(index, now,
						   psprintf("The index ends here, but block %u was handed out.",
									nblocks - 1));

	LockRelationForExtension(index, ExclusiveLock);
	while (RelationGetNumberOfBlocks(index) < nblocks)
	{
		Buffer		buffer = vdb_extend_relation(index);

		ReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
	UnlockRelationForExtension(index, ExclusiveLock);
}

void
page_write_init_fork(Relation index, Page page)
{
	SMgrRelation smgr = RelationGetSmgr(index);

	/*
	 * The init fork is copied over the main fork at crash recovery without
	 * WAL replay of its own, so it has to be on disk when CREATE INDEX
	 * commits; generic WAL would log nothing for an unlogged relation.
	 */
	PageSetChecksumInplace(page, META_BLKNO);
	smgrextend(smgr, INIT_FORKNUM, META_BLKNO, (char *) page, true);
	log_newpage(&RelationGetSmgrIdent(smgr), INIT_FORKNUM, META_BLKNO,
				page, true);
	smgrimmedsync(smgr, INIT_FORKNUM);
}

/*
 * Core's B-tree has the one record whose replay does nothing but resolve
 * conflicts with snapshots: "pages retired at fxid are used again".  It names
 * no page that replay touches, so it serves any access method.
 */
void
wal_log_reuse(Relation index, BlockNumber blkno, FullTransactionId fxid)
{
	xl_btree_reuse_page record;

	if (!XLogStandbyInfoActive() || !RelationNeedsWAL(index))
		return;

	memset(&record, 0, sizeof(record));
	vdb_fill_reuse_record(&record, index, blkno, fxid);

	XLogBeginInsert();
	XLogRegisterData((char *) &record, SizeOfBtreeReusePage);
	XLogInsert(RM_BTREE_ID, XLOG_BTREE_REUSE_PAGE);
}
