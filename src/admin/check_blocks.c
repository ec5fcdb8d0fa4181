/*-------------------------------------------------------------------------
 *
 * check_blocks.c
 *	  Verification that every block of an index has exactly one owner.
 *
 * The walk holds the metapage's lock in share mode from beginning to end:
 * every change of ownership needs it exclusively, so what is seen is one
 * state.  That delays the growth of the index for some milliseconds, not
 * searches and not inserts into pages that exist.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "admin/check.h"
#include "miscadmin.h"

/* An index of fewer blocks may be that far from its high-water mark. */
#define CHECK_MAX_MISSING 131072

typedef struct OwnerMap
{
	CheckState *state;
	uint32		nblocks;
	uint8	   *owned;			/* a byte a block */
	bool		sound;			/* segments can be read */
} OwnerMap;

static void owner_add(OwnerMap *map, uint32 segment_id, uint32 start,
					  uint32 npages);
static void check_descriptor_pages(OwnerMap *map, const MetaPage *meta);
static void check_slots(OwnerMap *map, const SegmentDescriptor *slots,
						int nslots, uint32 *npending);
static void check_segment_blocks(OwnerMap *map, uint32 id, BlockNumber blkno,
								 int kind);
static void check_free_list(OwnerMap *map, const MetaPage *meta);
static void check_unowned(OwnerMap *map);

bool
check_blocks(CheckState *state)
{
	Buffer		buffer = check_read(state, META_BLKNO, PAGE_META, 0);
	MetaPage   *meta;
	OwnerMap	map;

	if (!BufferIsValid(buffer))
		return false;
	meta = meta_page(BufferGetPage(buffer));
	if (meta->high_water / 2 > RelationGetNumberOfBlocks(state->index) &&
		meta->high_water > CHECK_MAX_MISSING)
	{
		check_report(state, 0, META_BLKNO,
					 "the high-water mark %u is far beyond the end of the index",
					 meta->high_water);
		UnlockReleaseBuffer(buffer);
		return false;
	}
	map.state = state;
	map.nblocks = meta->high_water;
	map.owned = palloc_extended(Max(map.nblocks, 1),
								MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	map.sound = true;

	owner_add(&map, 0, META_BLKNO, 1);
	owner_add(&map, 0, meta->centre_start, meta->centre_npages);
	owner_add(&map, 0, meta->spare_start, meta->spare_npages);
	check_descriptor_pages(&map, meta);
	if (meta->growing_id != 0)
		check_segment_blocks(&map, meta->growing_id, meta->growing_header,
							 SEGMENT_ROWS);
	check_free_list(&map, meta);
	if (map.sound)
		check_unowned(&map);
	UnlockReleaseBuffer(buffer);
	pfree(map.owned);
	return map.sound;
}

static void
owner_add(OwnerMap *map, uint32 segment_id, uint32 start, uint32 npages)
{
	if ((uint64) start + npages > map->nblocks)
	{
		check_report(map->state, segment_id, start,
					 "a run of %u blocks lies beyond the high-water mark %u",
					 npages, map->nblocks);
		map->sound = false;
		return;
	}
	for (uint32 i = start; i < start + npages; i++)
	{
		if (map->owned[i]++ == 1)
			check_report(map->state, segment_id, i,
						 "the block has two owners");
		if (map->owned[i] > 2)
			map->owned[i] = 2;
	}
}

static void
check_descriptor_pages(OwnerMap *map, const MetaPage *meta)
{
	BlockNumber blkno = meta->desc_head;
	BlockNumber last = InvalidBlockNumber;
	uint32		npending = 0;

	check_slots(map, meta->slots, MANIFEST_META_SLOTS, &npending);
	while (blkno != InvalidBlockNumber)
	{
		Buffer		buffer;
		DescriptorPage *page;

		if (blkno < map->nblocks && map->owned[blkno] != 0)
		{
			check_report(map->state, 0, blkno,
						 "the chain of descriptor pages has a loop");
			map->sound = false;
			return;
		}
		owner_add(map, 0, blkno, 1);
		buffer = check_read(map->state, blkno, PAGE_DESCRIPTORS, 0);
		if (!BufferIsValid(buffer))
		{
			map->sound = false;
			return;
		}
		page = descriptor_page(BufferGetPage(buffer));
		check_slots(map, page->slots, MANIFEST_PAGE_SLOTS, &npending);
		last = blkno;
		blkno = page->next;
		UnlockReleaseBuffer(buffer);
	}
	if (last != meta->desc_tail)
		check_report(map->state, 0, META_BLKNO,
					 "the last descriptor page is %u, not %u", last,
					 meta->desc_tail);
	if (npending != meta->npending)
		check_report(map->state, 0, META_BLKNO,
					 "%u segments are pending, the metapage says %u",
					 npending, meta->npending);
}

static void
check_slots(OwnerMap *map, const SegmentDescriptor *slots, int nslots,
			uint32 *npending)
{
	for (int i = 0; i < nslots; i++)
	{
		const SegmentDescriptor *slot = &slots[i];

		if (slot->id == 0)
			continue;
		if (slot->state < SEGMENT_SEALING || slot->state > SEGMENT_RETIRED)
		{
			check_report(map->state, slot->id, slot->header,
						 "the descriptor has state %u", slot->state);
			map->sound = false;
			continue;
		}
		if (slot->state != SEGMENT_SEALED)
			(*npending)++;
		if (slot->ndead > slot->nrows)
			check_report(map->state, slot->id, slot->header,
						 "%u of %u rows are dead", slot->ndead, slot->nrows);
		check_segment_blocks(map, slot->id, slot->header, slot->kind);
	}
}

static void
check_segment_blocks(OwnerMap *map, uint32 id, BlockNumber blkno, int kind)
{
	Buffer		buffer = check_read(map->state, blkno, PAGE_SEGMENT, id);
	SegmentHeader *header;
	uint64		npages = 0;

	if (!BufferIsValid(buffer))
	{
		map->sound = false;
		return;
	}
	header = segment_header(BufferGetPage(buffer));
	owner_add(map, id, blkno, 1);
	if (header->id != id || (kind >= 0 && header->kind != kind) ||
		header->nruns > SEGMENT_MAX_RUNS)
	{
		check_report(map->state, id, blkno,
					 "the header is of segment %u, kind %u, with %u runs",
					 header->id, header->kind, header->nruns);
		map->sound = false;
	}
	else
	{
		for (uint32 i = 0; i < header->nruns; i++)
		{
			owner_add(map, id, header->runs[i].start, header->runs[i].npages);
			npages += header->runs[i].npages;
		}
		if (npages != header->npages_owned ||
			(header->state != SEGMENT_RETIRED &&
			 header->npages_used > header->npages_owned))
		{
			check_report(map->state, id, blkno,
						 "the runs have " UINT64_FORMAT
						 " blocks, the header says %u, %u in use",
						 npages, header->npages_owned, header->npages_used);
			map->sound = false;
		}
	}
	UnlockReleaseBuffer(buffer);
}

static void
check_free_list(OwnerMap *map, const MetaPage *meta)
{
	BlockNumber blkno = meta->free_head;
	BlockNumber last = InvalidBlockNumber;

	while (blkno != InvalidBlockNumber)
	{
		Buffer		buffer;
		PageStamp	stamp;
		SegmentHeader *header;
		uint32		next;

		if (blkno >= map->nblocks || map->owned[blkno] != 0)
		{
			check_report(map->state, 0, blkno,
						 "the free list leads to a block in use");
			map->sound = false;
			return;
		}
		buffer = ReadBuffer(map->state->index, blkno);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		stamp = *page_stamp(BufferGetPage(buffer));
		header = segment_header(BufferGetPage(buffer));
		next = header->next_free;
		if (stamp.kind != PAGE_SEGMENT || header->state != SEGMENT_RETIRED)
		{
			check_report(map->state, stamp.segment_id, blkno,
						 "a segment on the free list is not retired");
			map->sound = false;
		}
		UnlockReleaseBuffer(buffer);
		if (!map->sound)
			return;
		check_segment_blocks(map, stamp.segment_id, blkno, -1);
		last = blkno;
		blkno = next;
	}
	if (last != meta->free_tail)
		check_report(map->state, 0, META_BLKNO,
					 "the last segment of the free list is at %u, not %u",
					 last, meta->free_tail);
}

/* Blocks without an owner are lost space: one row for each stretch. */
static void
check_unowned(OwnerMap *map)
{
	uint32		i = 0;

	while (i < map->nblocks)
	{
		uint32		start = i;

		while (i < map->nblocks && map->owned[i] == 0)
			i++;
		if (i > start)
			check_report(map->state, 0, start,
						 "%u blocks from here on belong to nobody",
						 i - start);
		i++;
	}
}
