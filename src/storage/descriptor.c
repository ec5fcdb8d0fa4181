/*-------------------------------------------------------------------------
 *
 * descriptor.c
 *	  Finding and changing segment descriptors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/descriptor.h"
#include "storage/run.h"

static bool descriptor_search(const SegmentDescriptor *slots, int nslots,
							  uint32 id, int *slot);
static Buffer descriptor_held(const DescriptorRef *held, int nheld,
							  BlockNumber blkno);
static void descriptor_check_meta(Relation index, Page page);
static void descriptor_add_page(Relation index);

bool
descriptor_find(Relation index, Buffer meta, uint32 id, DescriptorRef *ref)
{
	return descriptor_find_other(index, meta, id, NULL, 0, ref);
}

bool
descriptor_find_other(Relation index, Buffer meta, uint32 id,
					  const DescriptorRef *held, int nheld,
					  DescriptorRef *ref)
{
	MetaPage   *metapage = meta_page(BufferGetPage(meta));
	BlockNumber blkno = metapage->desc_head;
	uint32		ordinal = 0;

	if (descriptor_search(metapage->slots, MANIFEST_META_SLOTS, id,
						  &ref->slot))
	{
		ref->buffer = meta;
		ref->on_meta = true;
		return true;
	}

	while (blkno != InvalidBlockNumber)
	{
		Buffer		buffer = descriptor_held(held, nheld, blkno);
		DescriptorPage *page;

		ordinal++;
		if (BufferIsValid(buffer))
		{
			blkno = descriptor_page(BufferGetPage(buffer))->next;
			continue;
		}
		buffer = descriptor_lock_page(index, blkno, ordinal,
									  BUFFER_LOCK_EXCLUSIVE);
		page = descriptor_page(BufferGetPage(buffer));
		if (descriptor_search(page->slots, MANIFEST_PAGE_SLOTS, id,
							  &ref->slot))
		{
			ref->buffer = buffer;
			ref->on_meta = false;
			return true;
		}
		blkno = page->next;
		UnlockReleaseBuffer(buffer);
	}
	return false;
}

SegmentDescriptor *
descriptor_edit(PageEdit *edit, const DescriptorRef *ref)
{
	Page		page = page_edit_get(edit, ref->buffer);

	return ref->on_meta ? &meta_page(page)->slots[ref->slot] :
		&descriptor_page(page)->slots[ref->slot];
}

SegmentDescriptor *
descriptor_peek(const DescriptorRef *ref)
{
	Page		page = BufferGetPage(ref->buffer);

	return ref->on_meta ? &meta_page(page)->slots[ref->slot] :
		&descriptor_page(page)->slots[ref->slot];
}

void
descriptor_release(const DescriptorRef *ref)
{
	if (!ref->on_meta)
		UnlockReleaseBuffer(ref->buffer);
}

Buffer
descriptor_reserve(Relation index, DescriptorRef *ref)
{
	for (;;)
	{
		Buffer		meta = descriptor_lock_meta(index,
												BUFFER_LOCK_EXCLUSIVE);

		if (descriptor_find(index, meta, 0, ref))
			return meta;
		UnlockReleaseBuffer(meta);
		descriptor_add_page(index);
	}
}

Buffer
descriptor_lock_meta(Relation index, int lockmode)
{
	Buffer		buffer = page_read(index, META_BLKNO, PAGE_META, 0, lockmode);

	descriptor_check_meta(index, BufferGetPage(buffer));
	return buffer;
}

/* Pages are numbered, so a damaged chain ends here and is no endless loop. */
Buffer
descriptor_lock_page(Relation index, BlockNumber blkno, uint32 ordinal,
					 int lockmode)
{
	Buffer		buffer = page_read(index, blkno, PAGE_DESCRIPTORS, 0,
								   lockmode);

	if (page_stamp(BufferGetPage(buffer))->ordinal != ordinal)
		page_report_damage(index, blkno,
						   "The descriptor page is not in its place of the chain.");
	return buffer;
}

static void
descriptor_check_meta(Relation index, Page page)
{
	MetaPage   *meta = meta_page(page);

	if (meta->magic != VDB_MAGIC)
		page_report_damage(index, META_BLKNO,
						   "The metapage does not start with the magic number.");
	if (meta->format != VDB_FORMAT_VERSION)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("index \"%s\" has format version %u",
					   RelationGetRelationName(index), meta->format),
				errdetail("This release reads version %d.",
						  VDB_FORMAT_VERSION),
				errhint("Rebuild the index with REINDEX."));
	if (meta->dim == 0 || meta->dim > 16000 ||
		(meta->bits != 8 && meta->bits != 4) ||
		meta->metric < QUANT_L2 || meta->metric > QUANT_L1 ||
		meta->nlanes == 0 || meta->nlanes > MANIFEST_MAX_LANES ||
		meta->high_water == 0 || meta->next_segment_id == 0 ||
		meta->growing_id >= meta->next_segment_id ||
		meta->centre_npages > meta->high_water)
		page_report_damage(index, META_BLKNO,
						   "A field of the metapage is out of range.");
}

/* The buffer of a block among those held, or InvalidBuffer. */
static Buffer
descriptor_held(const DescriptorRef *held, int nheld, BlockNumber blkno)
{
	for (int i = 0; i < nheld; i++)
	{
		if (BufferGetBlockNumber(held[i].buffer) == blkno)
			return held[i].buffer;
	}
	return InvalidBuffer;
}

static bool
descriptor_search(const SegmentDescriptor *slots, int nslots, uint32 id,
				  int *slot)
{
	for (int i = 0; i < nslots; i++)
	{
		if (slots[i].id == id)
		{
			*slot = i;
			return true;
		}
	}
	return false;
}

/*
 * Append an empty descriptor page to the chain: one record of metapage, last
 * page, new page and possibly the donor of the block.
 */
static void
descriptor_add_page(Relation index)
{
	RunPlan		plan;
	PageEdit	edit;
	MetaPage   *meta;
	Buffer		tail = InvalidBuffer;
	Buffer		buffer;
	Page		page;
	uint32		ordinal = 1;

	run_plan_begin(index, 1, &plan);
	meta = meta_page(BufferGetPage(plan.meta));
	if (meta->desc_tail != InvalidBlockNumber)
	{
		tail = page_read(index, meta->desc_tail, PAGE_DESCRIPTORS, 0,
						 BUFFER_LOCK_EXCLUSIVE);
		ordinal = page_stamp(BufferGetPage(tail))->ordinal + 1;
	}
	buffer = run_plan_first_page(index, &plan);

	edit = page_edit_begin(index);
	meta = run_plan_apply(&plan, &edit);
	page = page_edit_new(&edit, buffer, PAGE_DESCRIPTORS, 0, ordinal);
	descriptor_page(page)->next = InvalidBlockNumber;
	page_set_content_used(page, sizeof(DescriptorPage));
	if (BufferIsValid(tail))
		descriptor_page(page_edit_get(&edit, tail))->next = plan.run.start;
	else
		meta->desc_head = plan.run.start;
	meta->desc_tail = plan.run.start;
	page_edit_commit(&edit);

	if (BufferIsValid(tail))
		UnlockReleaseBuffer(tail);
	run_plan_end(&plan);
}
