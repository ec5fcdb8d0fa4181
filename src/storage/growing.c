/*-------------------------------------------------------------------------
 *
 * growing.c
 *	  Appending rows to the growing segment.
 *
 * A writer appends to the tail page of its lane; writers of different lanes
 * share no page.  Only when the tail is full does it lock the segment's
 * header, to get the next page; only when the segment owns no more pages does
 * it lock the metapage.  What a writer remembers from its last row is a hint:
 * segment, lane and not-closed are verified under the tail's lock (rule 14).
 *
 * Lock order: metapage, descriptor page, segment header, rows page.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/background.h"
#include "base/compat.h"
#include "base/debug_points.h"
#include "miscadmin.h"
#include "storage/descriptor.h"
#include "storage/growing.h"
#include "storage/lifecycle.h"
#include "storage/run.h"
#include "storage/wal.h"

/* With that many pages a segment may be worth sealing when it is idle. */
#define GROWING_NOTICE_PAGES 8

static bool growing_try_append(Relation index, GrowingTarget *target,
							   const PlanesRow *row);
static void growing_write_row(const SegmentShape *shape, Page page,
							  uint32 slot, const PlanesRow *row);
static void growing_find_tail(Relation index, GrowingTarget *target);
static void growing_create(Relation index, const GrowingTarget *target);
static bool growing_add_page(Relation index, GrowingTarget *target,
							 uint32 id, BlockNumber header_blkno);
static bool growing_init_page(Relation index, GrowingTarget *target,
							  Buffer header_buffer, BlockNumber blkno);
static bool growing_add_run(Relation index, const GrowingTarget *target,
							uint32 id, BlockNumber header_blkno);

void
growing_target_init(GrowingTarget *target, const IndexIdentity *identity,
					uint32 seal_rows)
{
	target->shape = segment_shape(identity->dim, identity->bits);
	target->seal_rows = Max(seal_rows, 1);
	target->lane = 0;
	target->segment_id = 0;
	target->tail = InvalidBlockNumber;
}

void
growing_append(Relation index, GrowingTarget *target, const PlanesRow *row)
{
	for (;;)
	{
		if (target->segment_id != 0 &&
			growing_try_append(index, target, row))
			return;
		CHECK_FOR_INTERRUPTS();
		growing_find_tail(index, target);
	}
}

uint32
growing_seal(Relation index)
{
	Manifest   *manifest = manifest_read_all(index);
	uint32		sealed = 0;

	for (int i = 0; i < manifest->nsegments; i++)
	{
		const SegmentInfo *info = &manifest->segments[i];

		if (info->state == SEGMENT_GROWING)
		{
			if (!lifecycle_close_growing(index, info->id))
				continue;
			sealed = info->id;
		}
		else if (info->state != SEGMENT_SEALING)
			continue;
		lifecycle_finish_seal(index, info->id, info->header);
	}
	return sealed;
}

/*
 * All pages but the lanes' tails are full.  Pages of another segment are not
 * counted: it was sealed meanwhile, and its pages may be used again.
 */
uint64
growing_count(Relation index, uint32 *id)
{
	Buffer		buffer = descriptor_lock_meta(index, BUFFER_LOCK_SHARE);
	MetaPage   *meta = meta_page(BufferGetPage(buffer));
	BlockNumber header_blkno = meta->growing_header;
	SegmentShape shape = segment_shape(meta->dim, meta->bits);
	PGAlignedBlock copy;
	SegmentHeader *header = segment_header(copy.data);
	Buffer		header_buffer;
	uint64		nrows;

	*id = meta->growing_id;
	if (*id == 0)
	{
		UnlockReleaseBuffer(buffer);
		return 0;
	}
	header_buffer = page_read(index, header_blkno, PAGE_SEGMENT, *id,
							  BUFFER_LOCK_SHARE);
	memcpy(copy.data, BufferGetPage(header_buffer), BLCKSZ);
	UnlockReleaseBuffer(header_buffer);
	UnlockReleaseBuffer(buffer);

	/* Numbers of damaged pages may be anything: the result is an estimate. */
	nrows = (uint64) header->npages_used * shape.rows_per_page;
	for (int lane = 0; lane < MANIFEST_MAX_LANES; lane++)
	{
		Page		page;

		if (header->lane_tail[lane] == SEGMENT_NO_PAGE)
			continue;
		buffer = page_pin_ahead(index,
								segment_header_block(index, header_blkno,
													 header,
													 header->lane_tail[lane]));
		page = BufferGetPage(buffer);
		page_lock_content(index, buffer, BUFFER_LOCK_SHARE);
		if (page_matches(page, PAGE_ROWS, *id))
		{
			uint32		nfree = shape.rows_per_page -
			Min(rows_page_count(&shape, page), shape.rows_per_page);

			nrows -= Min(nrows, nfree);
		}
		UnlockReleaseBuffer(buffer);
	}
	return nrows;
}

/*
 * Append to the page of the hint.  Returns false, having changed nothing,
 * when the page is full, closed, or no longer what it was.
 */
static bool
growing_try_append(Relation index, GrowingTarget *target,
				   const PlanesRow *row)
{
	const SegmentShape *shape = &target->shape;
	Buffer		buffer = page_pin_ahead(index, target->tail);
	Page		page = BufferGetPage(buffer);
	uint32		nrows;
	PageEdit	edit;

	page_lock_content(index, buffer, BUFFER_LOCK_EXCLUSIVE);
	if (!page_matches(page, PAGE_ROWS, target->segment_id) ||
		page_stamp(page)->detail != target->lane ||
		(page_stamp(page)->flags & ROWS_CLOSED) != 0 ||
		(nrows = rows_page_count(shape, page)) >= shape->rows_per_page)
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}

	edit = page_edit_begin(index);
	growing_write_row(shape, page_edit_get(&edit, buffer), nrows, row);
	page_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	return true;
}

/* Both slots of a row, which are in the page's hole so far. */
static void
growing_write_row(const SegmentShape *shape, Page page, uint32 slot,
				  const PlanesRow *row)
{
	CoarseSlot *coarse = rows_page_coarse(shape, page, slot);
	FineSlot   *fine = rows_page_fine(shape, page, slot);

	memset(coarse, 0, shape->coarse_size);
	memset(fine, 0, shape->fine_size);
	fine->tid = row->tid;
	fine->class = row->class;
	if (row->class == ROW_BOUNDED)
	{
		coarse->factors = row->coarse_factors;
		memcpy(coarse->code, row->coarse, shape->plane_bytes);
		fine->radius = row->radius;
		memcpy(fine->code, row->fine, shape->fine_bytes);
	}
	else
		page_stamp(page)->flags |= ROWS_SPECIAL;

	page_set_content_used(page, (slot + 1) * shape->coarse_size);
	((PageHeader) page)->pd_upper = (char *) fine - page;
}

/*
 * Point the target at a tail page that may have room, creating segment, run
 * or page as needed, and sealing the segment when it has grown enough.
 */
static void
growing_find_tail(Relation index, GrowingTarget *target)
{
	Buffer		buffer = descriptor_lock_meta(index, BUFFER_LOCK_SHARE);
	MetaPage   *meta = meta_page(BufferGetPage(buffer));
	uint32		id = meta->growing_id;
	BlockNumber header_blkno = meta->growing_header;
	SegmentHeader *header;
	uint32		tail;
	uint64		nrows;

	target->lane = vdb_process_number() % meta->nlanes;
	UnlockReleaseBuffer(buffer);

	if (id == 0)
	{
		growing_create(index, target);
		return;
	}

	buffer = page_read(index, header_blkno, PAGE_SEGMENT, id,
					   BUFFER_LOCK_SHARE);
	header = segment_header(BufferGetPage(buffer));
	tail = header->lane_tail[target->lane];
	nrows = (uint64) header->npages_used * target->shape.rows_per_page;
	if (tail != SEGMENT_NO_PAGE)
	{
		BlockNumber blkno = segment_header_block(index, header_blkno, header,
												 tail);

		if (target->segment_id != id || target->tail != blkno)
		{
			/* Another writer of this lane got there first, or a new hint. */
			UnlockReleaseBuffer(buffer);
			target->segment_id = id;
			target->tail = blkno;
			return;
		}
	}
	UnlockReleaseBuffer(buffer);

	/* The tail is full. */
	if (nrows >= target->seal_rows ||
		!growing_add_page(index, target, id, header_blkno))
	{
		if (lifecycle_close_growing(index, id))
			lifecycle_finish_seal(index, id, header_blkno);
	}
}

/*
 * Start a growing segment: one record of metapage and header (and the donor
 * of its block).  Does nothing when there is one by now.
 */
static void
growing_create(Relation index, const GrowingTarget *target)
{
	RunPlan		plan;
	PageEdit	edit;
	MetaPage   *meta;
	SegmentHeader *header;
	Buffer		buffer;
	Page		page;

	run_plan_begin(index, 1, &plan);
	if (meta_page(BufferGetPage(plan.meta))->growing_id != 0)
	{
		run_plan_end(&plan);
		return;
	}
	buffer = run_plan_first_page(index, &plan);

	edit = page_edit_begin(index);
	meta = run_plan_apply(&plan, &edit);
	page = page_edit_new(&edit, buffer, PAGE_SEGMENT, meta->next_segment_id,
						 0);
	header = segment_header(page);
	header->id = meta->next_segment_id;
	header->state = SEGMENT_GROWING;
	header->kind = SEGMENT_ROWS;
	for (int lane = 0; lane < MANIFEST_MAX_LANES; lane++)
		header->lane_tail[lane] = SEGMENT_NO_PAGE;
	header->next_free = InvalidBlockNumber;
	segment_header_set_used(page);
	meta->growing_id = meta->next_segment_id++;
	meta->growing_header = plan.run.start;
	meta->generation++;
	page_edit_commit(&edit);

	run_plan_end(&plan);
	debug_point("growing-created");
}

/*
 * Give the lane its next page.  Returns false when the segment can have no
 * more and must be sealed; true otherwise, also when another process changed
 * the lane or the segment meanwhile: the caller looks again.
 */
static bool
growing_add_page(Relation index, GrowingTarget *target, uint32 id,
				 BlockNumber header_blkno)
{
	Buffer		buffer;
	SegmentHeader *header;
	BlockNumber blkno;
	bool		done;

	do
	{
		buffer = page_read(index, header_blkno, PAGE_SEGMENT, id,
						   BUFFER_LOCK_SHARE);
		header = segment_header(BufferGetPage(buffer));
		if (header->state != SEGMENT_GROWING)
		{
			UnlockReleaseBuffer(buffer);
			return true;
		}
		if (header->npages_used == header->npages_owned)
		{
			bool		full = header->nruns >= SEGMENT_MAX_RUNS;

			UnlockReleaseBuffer(buffer);
			if (full)
				return false;
			return growing_add_run(index, target, id, header_blkno);
		}
		blkno = segment_header_block(index, header_blkno, header,
									 header->npages_used);
		UnlockReleaseBuffer(buffer);

		/* After a crash the file may end before the run does (rule 12). */
		page_extend_to(index, blkno + 1);

		buffer = page_read(index, header_blkno, PAGE_SEGMENT, id,
						   BUFFER_LOCK_EXCLUSIVE);
		done = growing_init_page(index, target, buffer, blkno);
		UnlockReleaseBuffer(buffer);
	} while (!done);
	return true;
}

/*
 * With the header locked exclusively: make blkno the tail page of the lane,
 * in one record of header and page.  The old tail needs no mark, for it is
 * full.  False when somebody else took that page; true also when nothing
 * needs doing any more.
 */
static bool
growing_init_page(Relation index, GrowingTarget *target, Buffer header_buffer,
				  BlockNumber blkno)
{
	SegmentHeader *header = segment_header(BufferGetPage(header_buffer));
	BlockNumber header_blkno = BufferGetBlockNumber(header_buffer);
	uint32		tail = header->lane_tail[target->lane];
	uint32		id = header->id;
	uint32		page_number = header->npages_used;
	Buffer		buffer;
	PageEdit	edit;
	Page		page;

	if (header->state != SEGMENT_GROWING)
		return true;
	if (tail != SEGMENT_NO_PAGE &&
		(target->segment_id != id ||
		 segment_header_block(index, header_blkno, header, tail) !=
		 target->tail))
		return true;			/* the lane has a newer tail */
	if (page_number == header->npages_owned ||
		segment_header_block(index, header_blkno, header,
							 page_number) != blkno)
		return false;

	if (blkno == header_blkno)
		page_report_damage(index, blkno,
						   "The header of the segment is one of its pages.");
	buffer = page_acquire_new(index, blkno);
	edit = page_edit_begin(index);
	header = segment_header(page_edit_get(&edit, header_buffer));
	page = page_edit_new(&edit, buffer, PAGE_ROWS, id, page_number);
	page_stamp(page)->detail = target->lane;
	header->lane_tail[target->lane] = page_number;
	header->npages_used++;
	page_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);

	target->segment_id = id;
	target->tail = blkno;
	return true;
}

/*
 * Let the segment own more pages: as many as it has, within limits, and not
 * many more than it takes to reach the size at which it is sealed.  One record
 * of metapage, header and the donor.  Returns as growing_add_page() does.
 */
static bool
growing_add_run(Relation index, const GrowingTarget *target, uint32 id,
				BlockNumber header_blkno)
{
	uint32		seal_pages = target->seal_rows / target->shape.rows_per_page +
	MANIFEST_MAX_LANES;
	uint32		owned;
	uint32		want;
	RunPlan		plan;
	Buffer		buffer;
	SegmentHeader *header;
	bool		added = true;

	buffer = page_read(index, header_blkno, PAGE_SEGMENT, id,
					   BUFFER_LOCK_SHARE);
	owned = segment_header(BufferGetPage(buffer))->npages_owned;
	UnlockReleaseBuffer(buffer);
	want = Max(owned, 1);
	if (owned < seal_pages)
		want = Min(want, seal_pages - owned);
	want = Min(want, SEGMENT_MAX_RUN_PAGES);

	run_plan_begin(index, want, &plan);
	buffer = page_read(index, header_blkno, PAGE_SEGMENT, id,
					   BUFFER_LOCK_EXCLUSIVE);
	header = segment_header(BufferGetPage(buffer));
	if (header->state == SEGMENT_GROWING &&
		header->npages_used == header->npages_owned)
	{
		PageEdit	edit = page_edit_begin(index);
		Page		page;

		run_plan_apply(&plan, &edit);
		page = page_edit_get(&edit, buffer);
		added = segment_header_add_run(segment_header(page), plan.run);
		segment_header_set_used(page);
		if (added)
			page_edit_commit(&edit);
		else
			page_edit_abort(&edit);
	}
	UnlockReleaseBuffer(buffer);
	run_plan_end(&plan);
	debug_point("growing-run-added");
	if (added && owned >= GROWING_NOTICE_PAGES)
		background_wanted(index);
	return added;
}
