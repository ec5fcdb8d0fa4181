/*-------------------------------------------------------------------------
 *
 * lifecycle.c
 *	  Steps in the life of a segment: seal, swap, retire, free.
 *
 * Every step is one record that leaves the manifest true; README.md, "States
 * and crashes", says what a crash between two steps leaves and who goes on.
 * Callers of manifest_*() hold the maintenance lock; sealing needs none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "base/background.h"
#include "base/compat.h"
#include "base/debug_points.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/descriptor.h"
#include "storage/growing.h"
#include "storage/lifecycle.h"
#include "storage/lock.h"
#include "storage/manifest.h"
#include "storage/segment.h"
#include "storage/wal.h"
#include "utils/timestamp.h"

StaticAssertDecl(MANIFEST_SWAP_PAGES + 1 <= PAGE_EDIT_MAX,
				 "a swap is one page edit");

typedef struct SwapPages
{
	DescriptorRef refs[MANIFEST_SWAP_PAGES];
	int			nrefs;
} SwapPages;

static void lifecycle_trim(MetaPage *meta, SegmentHeader *header);
static uint32 lifecycle_close_lanes(Relation index, BlockNumber header_blkno,
									const SegmentHeader *header,
									const SegmentShape *shape);
static SegmentDescriptor *swap_find(Relation index, Buffer meta,
									SwapPages *pages, PageEdit *edit,
									uint32 id);
static void lifecycle_chain_retired(Relation index, uint32 id,
									BlockNumber header);
static void lifecycle_retire_orphan(Relation index, uint32 id);

/* ----------------------------------------------------------------------
 * Sealing
 * ----------------------------------------------------------------------
 */

/*
 * One record of metapage, descriptor page and header: from here on the
 * segment gets no page.  Rows may still arrive in its tail pages, until each
 * is closed.
 */
bool
lifecycle_close_growing(Relation index, uint32 id)
{
	DescriptorRef ref;
	Buffer		metabuf = descriptor_reserve(index, &ref);
	MetaPage   *meta = meta_page(BufferGetPage(metabuf));
	BlockNumber header_blkno = meta->growing_header;
	Buffer		buffer;
	SegmentHeader *header;
	SegmentDescriptor *slot;
	PageEdit	edit;

	if (meta->growing_id != id)
	{
		descriptor_release(&ref);
		UnlockReleaseBuffer(metabuf);
		return false;
	}
	buffer = page_read(index, header_blkno, PAGE_SEGMENT, id,
					   BUFFER_LOCK_EXCLUSIVE);
	if (segment_header(BufferGetPage(buffer))->npages_used == 0)
	{
		UnlockReleaseBuffer(buffer);
		descriptor_release(&ref);
		UnlockReleaseBuffer(metabuf);
		return false;
	}

	edit = page_edit_begin(index);
	meta = meta_page(page_edit_get(&edit, metabuf));
	{
		Page		page = page_edit_get(&edit, buffer);

		header = segment_header(page);
		header->state = SEGMENT_SEALING;
		lifecycle_trim(meta, header);
		segment_header_set_used(page);
	}
	meta->growing_id = 0;
	meta->growing_header = InvalidBlockNumber;
	meta->npending++;
	meta->generation++;

	slot = descriptor_edit(&edit, &ref);
	memset(slot, 0, sizeof(SegmentDescriptor));
	slot->id = id;
	slot->header = header_blkno;
	slot->state = SEGMENT_SEALING;
	slot->kind = SEGMENT_ROWS;
	slot->npages = header->npages_owned + 1;
	slot->created = GetCurrentTimestamp();
	page_edit_commit(&edit);

	UnlockReleaseBuffer(buffer);
	descriptor_release(&ref);
	UnlockReleaseBuffer(metabuf);
	debug_point("seal-closed");
	return true;
}

void
lifecycle_finish_seal(Relation index, uint32 id, BlockNumber header_blkno)
{
	PGAlignedBlock copy;
	Buffer		metabuf;
	Buffer		buffer;
	DescriptorRef ref;
	SegmentShape shape;
	uint32		nrows;
	MetaPage   *meta;
	bool		sealed = false;

	metabuf = descriptor_lock_meta(index, BUFFER_LOCK_SHARE);
	meta = meta_page(BufferGetPage(metabuf));
	shape = segment_shape(meta->dim, meta->bits);
	UnlockReleaseBuffer(metabuf);

	buffer = page_read(index, header_blkno, PAGE_SEGMENT, id,
					   BUFFER_LOCK_SHARE);
	memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);

	nrows = lifecycle_close_lanes(index, header_blkno,
								  segment_header(copy.data), &shape);
	debug_point("seal-lanes-closed");

	metabuf = descriptor_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	if (descriptor_find(index, metabuf, id, &ref))
	{
		if (descriptor_peek(&ref)->state == SEGMENT_SEALING)
		{
			PageEdit	edit;
			SegmentDescriptor *slot;

			buffer = page_read(index, header_blkno, PAGE_SEGMENT, id,
							   BUFFER_LOCK_EXCLUSIVE);
			edit = page_edit_begin(index);
			meta = meta_page(page_edit_get(&edit, metabuf));
			meta->npending--;
			meta->generation++;
			slot = descriptor_edit(&edit, &ref);
			slot->state = SEGMENT_SEALED;
			slot->nrows = nrows;
			segment_header(page_edit_get(&edit, buffer))->state =
				SEGMENT_SEALED;
			page_edit_commit(&edit);
			UnlockReleaseBuffer(buffer);
			sealed = true;
		}
		descriptor_release(&ref);
	}
	UnlockReleaseBuffer(metabuf);
	debug_point("seal-done");
	if (sealed)
		background_wanted(index);
}

/*
 * Give the unused end of the last run back as the spare run, from which the
 * next growing segment takes its first pages.  When the old spare is the
 * larger (and not the run's continuation) the end stays with the segment.
 */
static void
lifecycle_trim(MetaPage *meta, SegmentHeader *header)
{
	uint32		unused = header->npages_owned - header->npages_used;
	SegmentRun *last;
	uint32		start;

	if (unused == 0 || header->nruns == 0)
		return;
	last = &header->runs[header->nruns - 1];
	if (unused > last->npages)
		return;					/* cannot happen: a run is added when all are
								 * used */
	start = last->start + last->npages - unused;
	if (meta->spare_npages > 0 && meta->spare_start == start + unused)
		meta->spare_npages += unused;
	else if (meta->spare_npages == 0)
		meta->spare_npages = unused;
	else
		return;

	meta->spare_start = start;
	last->npages -= unused;
	header->npages_owned -= unused;
	if (last->npages == 0)
		header->nruns--;
}

/*
 * Flag the tail page of each lane closed; returns the rows of the segment.
 * All other pages are full: a lane gets a page when its last one is.
 */
static uint32
lifecycle_close_lanes(Relation index, BlockNumber header_blkno,
					  const SegmentHeader *header, const SegmentShape *shape)
{
	uint32		ntails = 0;
	uint32		nrows = 0;

	for (int lane = 0; lane < MANIFEST_MAX_LANES; lane++)
	{
		BlockNumber blkno;
		Buffer		buffer;
		Page		page;

		if (header->lane_tail[lane] == SEGMENT_NO_PAGE)
			continue;
		blkno = segment_header_block(index, header_blkno, header,
									 header->lane_tail[lane]);
		buffer = page_read(index, blkno, PAGE_ROWS, header->id,
						   BUFFER_LOCK_EXCLUSIVE);
		page = BufferGetPage(buffer);
		ntails++;
		nrows += rows_page_count(shape, page);
		if ((page_stamp(page)->flags & ROWS_CLOSED) == 0)
		{
			PageEdit	edit = page_edit_begin(index);

			page_stamp(page_edit_get(&edit, buffer))->flags |= ROWS_CLOSED;
			page_edit_commit(&edit);
		}
		UnlockReleaseBuffer(buffer);
	}
	return nrows + (header->npages_used - ntails) * shape->rows_per_page;
}

/* ----------------------------------------------------------------------
 * Publishing and retiring
 * ----------------------------------------------------------------------
 */

void
manifest_swap(Relation index, const ManifestSwap *swap)
{
	Buffer		metabuf;
	SwapPages	pages = {.nrefs = 0};
	PageEdit	edit;
	MetaPage   *meta;
	FullTransactionId horizon;

	debug_point("swap-begin");
	metabuf = descriptor_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	edit = page_edit_begin(index);
	meta = meta_page(page_edit_get(&edit, metabuf));

	/*
	 * The horizon is read under the lock that the swap is made under (rule
	 * 18): a snapshot that saw the old manifest was taken before, so its xmin
	 * is not above this.
	 */
	horizon = ReadNextFullTransactionId();
	for (int i = 0; i < swap->nnew; i++)
	{
		SegmentDescriptor *slot = swap_find(index, metabuf, &pages, &edit,
											swap->new_ids[i]);

		if (slot->state != SEGMENT_BUILDING)
			page_report_damage(index, META_BLKNO,
							   psprintf("Segment %u is not being built.",
										swap->new_ids[i]));
		slot->state = SEGMENT_SEALED;
		slot->ndead = swap->new_dead ? swap->new_dead[i] : 0;
		meta->npending--;
	}
	for (int i = 0; i < swap->nold; i++)
	{
		SegmentDescriptor *slot = swap_find(index, metabuf, &pages, &edit,
											swap->old_ids[i]);

		if (slot->state != SEGMENT_SEALED)
			page_report_damage(index, META_BLKNO,
							   psprintf("Segment %u is not sealed.",
										swap->old_ids[i]));
		slot->state = SEGMENT_RETIRED;
		slot->retired = U64FromFullTransactionId(horizon);
		meta->npending++;
	}
	meta->generation++;
	page_edit_commit(&edit);

	for (int i = 0; i < pages.nrefs; i++)
		UnlockReleaseBuffer(pages.refs[i].buffer);
	UnlockReleaseBuffer(metabuf);
	for (int i = 0; i < swap->nnew; i++)
		building_unlock(index, swap->new_ids[i]);
	debug_point("swap-done");
}

/*
 * Descriptor of a segment in the edit; its page stays locked, once, until the
 * end of the swap.  An error releases everything, and changes nothing.
 */
static SegmentDescriptor *
swap_find(Relation index, Buffer meta, SwapPages *pages, PageEdit *edit,
		  uint32 id)
{
	DescriptorRef ref;

	for (int p = 0; p < pages->nrefs; p++)
	{
		DescriptorPage *page =
		descriptor_page(BufferGetPage(pages->refs[p].buffer));

		for (int i = 0; i < (int) MANIFEST_PAGE_SLOTS; i++)
		{
			if (page->slots[i].id == id)
			{
				ref = pages->refs[p];
				ref.slot = i;
				return descriptor_edit(edit, &ref);
			}
		}
	}
	if (!descriptor_find_other(index, meta, id, pages->refs, pages->nrefs,
							   &ref))
		page_report_damage(index, META_BLKNO,
						   psprintf("Segment %u is gone.", id));
	if (!ref.on_meta)
	{
		if (pages->nrefs == MANIFEST_SWAP_PAGES)
			elog(ERROR, "too many descriptor pages in one change of index \"%s\"",
				 RelationGetRelationName(index));
		pages->refs[pages->nrefs++] = ref;
	}
	return descriptor_edit(edit, &ref);
}

void
manifest_set_dead(Relation index, uint32 segment_id, uint32 ndead)
{
	Buffer		metabuf = descriptor_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	DescriptorRef ref;

	if (descriptor_find(index, metabuf, segment_id, &ref))
	{
		if (descriptor_peek(&ref)->ndead != ndead)
		{
			PageEdit	edit = page_edit_begin(index);

			SegmentDescriptor *slot = descriptor_edit(&edit, &ref);

			slot->ndead = ndead;
			slot->tries = 0;
			slot->sqlstate = 0;
			slot->tried = 0;
			page_edit_commit(&edit);
		}
		descriptor_release(&ref);
	}
	UnlockReleaseBuffer(metabuf);
}

void
manifest_set_tries(Relation index, uint32 segment_id, uint32 tries,
				   uint32 sqlstate, uint32 tried)
{
	Buffer		metabuf = descriptor_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	DescriptorRef ref;

	if (descriptor_find(index, metabuf, segment_id, &ref))
	{
		PageEdit	edit = page_edit_begin(index);
		SegmentDescriptor *slot = descriptor_edit(&edit, &ref);

		slot->tries = Min(tries, PG_UINT8_MAX);
		slot->sqlstate = sqlstate;
		slot->tried = tried;
		page_edit_commit(&edit);
		descriptor_release(&ref);
	}
	UnlockReleaseBuffer(metabuf);
}

int
manifest_retire_empty(Relation index)
{
	Manifest   *manifest = manifest_read(index);
	int			nretired = 0;

	for (int i = 0; i < manifest->nsegments; i++)
	{
		const SegmentInfo *info = &manifest->segments[i];
		ManifestSwap swap = {.nold = 1,.old_ids = &info->id};

		if (info->state != SEGMENT_SEALED || info->ndead < info->nrows)
			continue;
		manifest_swap(index, &swap);
		nretired++;
		CHECK_FOR_INTERRUPTS();
	}
	if (nretired > 0)
	{
		manifest_finish_pending(index);
		manifest_pass_horizon();
	}
	return nretired;
}

/*
 * Retired segments are stamped with the next transaction id.  The first
 * transaction that writes would get just that one, and as long as it runs the
 * horizon could not pass the stamp: an UPDATE of all rows after each VACUUM
 * would find the space of its predecessor, but never that of the one before.
 * So VACUUM takes the id itself, as it does when it truncates a table.  Not
 * where ids are running out, and parallel workers cannot.
 */
void
manifest_pass_horizon(void)
{
	if (RecoveryInProgress() || IsInParallelMode() ||
		!TransactionIdPrecedes(ReadNextTransactionId(), vdb_xid_vac_limit()))
		return;
	(void) GetTopTransactionId();
}

/* ----------------------------------------------------------------------
 * What was left unfinished
 * ----------------------------------------------------------------------
 */

int
manifest_list_unfinished(Relation index, SegmentInfo **infos)
{
	Manifest   *manifest = manifest_read_all(index);
	int			n = 0;

	*infos = manifest->segments;
	for (int i = 0; i < manifest->nsegments; i++)
	{
		SegmentInfo info = manifest->segments[i];

		/* On a standby the locks of builders cannot be had. */
		if (info.state == SEGMENT_BUILDING)
		{
			if (RecoveryInProgress() || !building_try_lock(index, info.id))
				continue;
			building_unlock(index, info.id);
		}
		else if (info.state == SEGMENT_GROWING ||
				 (info.state == SEGMENT_SEALED && info.ndead < info.nrows))
			continue;
		(*infos)[n++] = info;
	}
	return n;
}

void
manifest_finish_pending(Relation index)
{
	Manifest   *manifest = manifest_read_all(index);

	if (manifest->npending == 0)
		return;
	for (int i = 0; i < manifest->nsegments; i++)
	{
		const SegmentInfo *info = &manifest->segments[i];

		CHECK_FOR_INTERRUPTS();
		switch (info->state)
		{
			case SEGMENT_SEALING:
				lifecycle_finish_seal(index, info->id, info->header);
				break;
			case SEGMENT_BUILDING:
				if (!building_try_lock(index, info->id))
					break;
				lifecycle_retire_orphan(index, info->id);
				building_unlock(index, info->id);
				lifecycle_chain_retired(index, info->id, info->header);
				break;
			case SEGMENT_RETIRED:
				lifecycle_chain_retired(index, info->id, info->header);
				break;
			default:
				break;
		}
	}
}

/*
 * A building segment whose builder is gone: no scan has ever seen it, so its
 * pages may be used again at once.  Looked at again under the lock, since the
 * builder may have published it just before it let go.
 */
static void
lifecycle_retire_orphan(Relation index, uint32 id)
{
	Buffer		metabuf = descriptor_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	DescriptorRef ref;

	if (descriptor_find(index, metabuf, id, &ref))
	{
		if (descriptor_peek(&ref)->state == SEGMENT_BUILDING)
		{
			PageEdit	edit = page_edit_begin(index);
			SegmentDescriptor *slot = descriptor_edit(&edit, &ref);

			slot->state = SEGMENT_RETIRED;
			slot->retired =
				U64FromFullTransactionId(FirstNormalFullTransactionId);
			page_edit_commit(&edit);
		}
		descriptor_release(&ref);
	}
	UnlockReleaseBuffer(metabuf);
}

/*
 * Move a retired segment from the descriptors to the end of the free list:
 * one record of metapage, descriptor page, its header and the last header of
 * the list.
 */
static void
lifecycle_chain_retired(Relation index, uint32 id, BlockNumber header_blkno)
{
	Buffer		metabuf;
	MetaPage   *meta;
	DescriptorRef ref;

	debug_point("retired-chain");
	metabuf = descriptor_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	meta = meta_page(BufferGetPage(metabuf));
	if (!descriptor_find(index, metabuf, id, &ref))
	{
		UnlockReleaseBuffer(metabuf);
		return;
	}
	if (descriptor_peek(&ref)->state == SEGMENT_RETIRED)
	{
		Buffer		buffer = page_read(index, header_blkno, PAGE_SEGMENT, id,
									   BUFFER_LOCK_EXCLUSIVE);
		Buffer		tail = InvalidBuffer;
		SegmentDescriptor *slot;
		SegmentHeader *header;
		PageEdit	edit;

		if (meta->free_tail != InvalidBlockNumber)
		{
			tail = page_pin_ahead(index, meta->free_tail);
			page_lock_content(index, tail, BUFFER_LOCK_EXCLUSIVE);
			lifecycle_check_retired(index, tail);
		}
		edit = page_edit_begin(index);
		meta = meta_page(page_edit_get(&edit, metabuf));
		slot = descriptor_edit(&edit, &ref);
		header = segment_header(page_edit_get(&edit, buffer));
		header->state = SEGMENT_RETIRED;
		header->retired = slot->retired;
		header->next_free = InvalidBlockNumber;
		header->reuse_logged = 0;
		memset(slot, 0, sizeof(SegmentDescriptor));
		if (BufferIsValid(tail))
			segment_header(page_edit_get(&edit, tail))->next_free =
				header_blkno;
		else
			meta->free_head = header_blkno;
		meta->free_tail = header_blkno;
		meta->npending--;
		page_edit_commit(&edit);

		if (BufferIsValid(tail))
			UnlockReleaseBuffer(tail);
		UnlockReleaseBuffer(buffer);
	}
	descriptor_release(&ref);
	UnlockReleaseBuffer(metabuf);
	debug_point("retired-chained");
}

/* A locked page that the free list points at is the header of one. */
void
lifecycle_check_retired(Relation index, Buffer buffer)
{
	Page		page = BufferGetPage(buffer);
	SegmentHeader *header = segment_header(page);

	if (!page_matches(page, PAGE_SEGMENT, page_stamp(page)->segment_id) ||
		header->state != SEGMENT_RETIRED || header->nruns > SEGMENT_MAX_RUNS)
		page_report_damage(index, BufferGetBlockNumber(buffer),
						   "The free list points at a page that is no retired segment.");
}

uint64
manifest_free_pages(Relation index)
{
	Buffer		metabuf = descriptor_lock_meta(index, BUFFER_LOCK_SHARE);
	MetaPage   *meta = meta_page(BufferGetPage(metabuf));
	BlockNumber blkno = meta->free_head;
	uint64		npages = meta->spare_npages;

	while (blkno != InvalidBlockNumber)
	{
		Buffer		buffer = page_pin_ahead(index, blkno);
		SegmentHeader *header = segment_header(BufferGetPage(buffer));

		page_lock_content(index, buffer, BUFFER_LOCK_SHARE);
		lifecycle_check_retired(index, buffer);
		npages += 1 + (uint64) header->npages_owned;
		if (npages > meta->high_water)
			page_report_damage(index, blkno,
							   "The free list has more pages than the index.");
		blkno = header->next_free;
		UnlockReleaseBuffer(buffer);
	}
	UnlockReleaseBuffer(metabuf);
	return npages;
}

/* ----------------------------------------------------------------------
 * Locks of builders
 * ----------------------------------------------------------------------
 */

/*
 * Sub-object numbers have 16 bits; two segments that share one can only make
 * an orphan look alive for a while.
 */
static void
building_tag(Relation index, uint32 id, LOCKTAG *tag)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, RelationRelationId,
					   RelationGetRelid(index), 2 + id % 65000);
}

bool
building_try_lock(Relation index, uint32 id)
{
	LOCKTAG		tag;

	building_tag(index, id, &tag);
	switch (LockAcquire(&tag, ExclusiveLock, false, true))
	{
		case LOCKACQUIRE_NOT_AVAIL:
			return false;
		case LOCKACQUIRE_OK:
			return true;
		default:				/* this process is the builder */
			LockRelease(&tag, ExclusiveLock, false);
			return false;
	}
}

void
building_unlock(Relation index, uint32 id)
{
	LOCKTAG		tag;

	building_tag(index, id, &tag);
	LockRelease(&tag, ExclusiveLock, false);
}
