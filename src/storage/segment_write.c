/*-------------------------------------------------------------------------
 *
 * segment_write.c
 *	  Writing a reorganised segment: planes, heap addresses, dead bits.
 *
 * The segment is registered as building, with all the runs it needs, before
 * its first page is written; its pages are logged before finish() returns,
 * and the manifest makes it part of the index later, in one record.  Until
 * then no reader knows of it.  A crash leaves a building segment without a
 * builder, which the next maintenance gives back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/debug_points.h"
#include "miscadmin.h"
#include "storage/descriptor.h"
#include "storage/lifecycle.h"
#include "storage/run.h"
#include "storage/segment.h"
#include "storage/wal.h"
#include "utils/timestamp.h"

/* One area while it is being written. */
typedef struct AreaWriter
{
	PageKind	kind;
	uint32		page;			/* logical page the buffer will become */
	uint32		nrows;			/* rows in the buffer */
	uint32		rows_per_page;
	PGAlignedBlock buffer;		/* contents of the page */
} AreaWriter;

struct SegmentWriter
{
	Relation	index;
	SegmentShape shape;
	SegmentReader *reader;		/* for its runs */
	uint32		id;
	uint32		nadded;
	uint32		nrows;
	RowClass	last_class;
	AreaWriter	coarse;
	AreaWriter	fine;
	AreaWriter	tids;
};

static SegmentHeader writer_plan_areas(const SegmentShape *shape,
									   const uint32 class_rows[4]);
static BlockNumber writer_register(Relation index, const SegmentHeader *areas,
								   int level, uint32 *id);
static void writer_add_runs(Relation index, BlockNumber header_blkno,
							uint32 id, uint32 npages);
static void writer_init_area(AreaWriter *area, PageKind kind, uint32 page,
							 uint32 rows_per_page);
static void writer_add_codes(SegmentWriter *writer, const PlanesRow *row);
static void writer_flush(SegmentWriter *writer, AreaWriter *area,
						 uint32 nbytes);
static void writer_write_dead(SegmentWriter *writer);

SegmentWriter *
segment_writer_begin(Relation index, const IndexIdentity *identity,
					 const uint32 class_rows[4], int level)
{
	SegmentWriter *writer = palloc0(sizeof(SegmentWriter));
	SegmentHeader areas;
	SegmentInfo info = {0};

	writer->index = index;
	writer->shape = segment_shape(identity->dim, identity->bits);
	for (int i = 0; i < 4; i++)
		writer->nrows += class_rows[i];

	areas = writer_plan_areas(&writer->shape, class_rows);
	info.header = writer_register(index, &areas, level, &info.id);
	info.kind = SEGMENT_PLANES;
	writer_add_runs(index, info.header, info.id, areas.npages_used);

	writer->id = info.id;
	writer->reader = segment_open(index, identity, &info);
	writer_init_area(&writer->coarse, PAGE_COARSE,
					 areas.area_start[AREA_COARSE],
					 writer->shape.coarse_rows_per_page);
	writer_init_area(&writer->fine, PAGE_FINE, areas.area_start[AREA_FINE],
					 writer->shape.fine_rows_per_page);
	writer_init_area(&writer->tids, PAGE_TIDS, areas.area_start[AREA_TIDS],
					 TIDS_PER_PAGE);
	return writer;
}

void
segment_writer_add(SegmentWriter *writer, const PlanesRow *row)
{
	AreaWriter *tids = &writer->tids;

	if (writer->nadded == writer->nrows || row->class < writer->last_class)
		elog(ERROR, "rows of a segment are added out of order");
	writer->nadded++;
	writer->last_class = row->class;

	if (row->class == ROW_BOUNDED)
		writer_add_codes(writer, row);

	((ItemPointer) tids->buffer.data)[tids->nrows++] = row->tid;
	if (tids->nrows == tids->rows_per_page)
		writer_flush(writer, tids, tids->nrows * sizeof(ItemPointerData));
}

uint32
segment_writer_finish(SegmentWriter *writer)
{
	uint32		id = writer->id;
	SegmentReader *reader = writer->reader;

	if (writer->nadded != writer->nrows)
		elog(ERROR, "segment %u got %u rows instead of %u", id,
			 writer->nadded, writer->nrows);
	/* Factor arrays come first, so a page in part is used to its end. */
	if (writer->coarse.nrows > 0)
		writer_flush(writer, &writer->coarse, PAGE_CONTENT_SIZE);
	if (writer->fine.nrows > 0)
		writer_flush(writer, &writer->fine, PAGE_CONTENT_SIZE);
	if (writer->tids.nrows > 0)
		writer_flush(writer, &writer->tids,
					 writer->tids.nrows * sizeof(ItemPointerData));
	writer_write_dead(writer);
	debug_point("build-written");

	for (uint32 i = 0; i < reader->nruns; i++)
		page_log_range(writer->index, reader->runs[i].start,
					   reader->runs[i].start + reader->runs[i].npages);
	segment_close(reader);
	pfree(writer);
	debug_point("build-logged");
	return id;
}

void
segment_writer_abandon(Relation index, uint32 segment_id)
{
	/* Nobody holds the builder's lock any more: it is an orphan. */
	building_unlock(index, segment_id);
}

/* Pages of each area, one after the other. */
static SegmentHeader
writer_plan_areas(const SegmentShape *shape, const uint32 class_rows[4])
{
	SegmentHeader areas;
	uint64		nrows = 0;
	uint64		npages = 0;
	uint64		bounded = class_rows[ROW_BOUNDED];

	memset(&areas, 0, sizeof(areas));
	for (int i = 0; i < 4; i++)
	{
		areas.class_rows[i] = class_rows[i];
		nrows += class_rows[i];
	}

#define AREA_PAGES(rows, per_page) (((rows) + (per_page) - 1) / (per_page))
	areas.area_start[AREA_COARSE] = 0;
	npages += AREA_PAGES(bounded, shape->coarse_rows_per_page);
	areas.area_start[AREA_FINE] = npages;
	if (shape->fine_rows_per_page > 0)
		npages += AREA_PAGES(bounded, shape->fine_rows_per_page);
	areas.area_start[AREA_TIDS] = npages;
	npages += AREA_PAGES(nrows, TIDS_PER_PAGE);
	areas.area_start[AREA_DEAD] = npages;
	npages += AREA_PAGES(nrows, DEAD_BITS_PER_PAGE);

	if (nrows > PG_UINT32_MAX || npages > MaxBlockNumber)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("a segment cannot hold " UINT64_FORMAT " rows", nrows));
	areas.npages_used = npages;
	return areas;
}

/*
 * Make the segment known as building: one record of metapage, descriptor
 * page, header and donor.  From the start of the record on, the builder's
 * lock keeps maintenance from taking it for an orphan.
 */
static BlockNumber
writer_register(Relation index, const SegmentHeader *areas, int level,
				uint32 *id)
{
	for (;;)
	{
		DescriptorRef ref;
		RunPlan		plan;
		PageEdit	edit;
		MetaPage   *meta;
		SegmentDescriptor *slot;
		SegmentHeader *header;
		Buffer		buffer;
		Page		page;
		BlockNumber header_blkno;

		/* See that a slot is free; look again under the plan's lock. */
		buffer = descriptor_reserve(index, &ref);
		*id = meta_page(BufferGetPage(buffer))->next_segment_id;
		descriptor_release(&ref);
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
		if (!building_try_lock(index, *id))
			continue;			/* another builder is taking that number */

		run_plan_begin(index, 1, &plan);
		if (meta_page(BufferGetPage(plan.meta))->next_segment_id != *id ||
			!descriptor_find(index, plan.meta, 0, &ref))
		{
			run_plan_end(&plan);
			building_unlock(index, *id);
			CHECK_FOR_INTERRUPTS();
			continue;
		}
		buffer = run_plan_first_page(index, &plan);
		header_blkno = plan.run.start;

		edit = page_edit_begin(index);
		meta = run_plan_apply(&plan, &edit);
		meta->next_segment_id++;
		meta->npending++;
		meta->generation++;
		slot = descriptor_edit(&edit, &ref);
		memset(slot, 0, sizeof(SegmentDescriptor));
		slot->id = *id;
		slot->header = header_blkno;
		slot->state = SEGMENT_BUILDING;
		slot->kind = SEGMENT_PLANES;
		slot->level = level;
		slot->nrows = areas->class_rows[0] + areas->class_rows[1] +
			areas->class_rows[2] + areas->class_rows[3];
		slot->npages = areas->npages_used + 1;
		slot->created = GetCurrentTimestamp();

		page = page_edit_new(&edit, buffer, PAGE_SEGMENT, *id, 0);
		header = segment_header(page);
		memcpy(header, areas, sizeof(SegmentHeader));
		header->id = *id;
		header->state = SEGMENT_BUILDING;
		header->kind = SEGMENT_PLANES;
		header->npages_used = 0;
		for (int lane = 0; lane < MANIFEST_MAX_LANES; lane++)
			header->lane_tail[lane] = SEGMENT_NO_PAGE;
		header->next_free = InvalidBlockNumber;
		segment_header_set_used(page);
		page_edit_commit(&edit);

		descriptor_release(&ref);
		run_plan_end(&plan);
		debug_point("build-registered");
		return header_blkno;
	}
}

/*
 * Give the segment all its pages: runs as they come, a record each.  The free
 * list may be in pieces; when the table of runs is nearly full the rest comes
 * from the end of the index, as much as one run may have.
 */
static void
writer_add_runs(Relation index, BlockNumber header_blkno, uint32 id,
				uint32 npages)
{
	uint32		owned = 0;

	while (owned < npages)
	{
		RunPlan		plan;
		PageEdit	edit;
		Buffer		buffer;
		Page		page;
		SegmentHeader *header;

		CHECK_FOR_INTERRUPTS();
		run_plan_begin(index, Min(npages - owned, SEGMENT_MAX_RUN_PAGES),
					   &plan);
		buffer = page_read(index, header_blkno, PAGE_SEGMENT, id,
						   BUFFER_LOCK_EXCLUSIVE);
		edit = page_edit_begin(index);
		run_plan_apply(&plan, &edit);
		page = page_edit_get(&edit, buffer);
		header = segment_header(page);
		if (!segment_header_add_run(header, plan.run))
			ereport(ERROR,
					errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("free space of index \"%s\" is in too many pieces",
						   RelationGetRelationName(index)),
					errhint("Rebuild the index with REINDEX."));
		header->npages_used = owned = header->npages_owned;
		segment_header_set_used(page);
		page_edit_commit(&edit);
		UnlockReleaseBuffer(buffer);
		run_plan_end(&plan);
		debug_point("build-run-added");
	}
}

static void
writer_init_area(AreaWriter *area, PageKind kind, uint32 page,
				 uint32 rows_per_page)
{
	area->kind = kind;
	area->page = page;
	area->rows_per_page = rows_per_page;
	area->nrows = 0;
	memset(area->buffer.data, 0, BLCKSZ);
}

/* Factors into the arrays, codes behind them (segment_page.h). */
static void
writer_add_codes(SegmentWriter *writer, const PlanesRow *row)
{
	uint32		plane_bytes = writer->shape.plane_bytes;
	AreaWriter *coarse = &writer->coarse;
	AreaWriter *fine = &writer->fine;
	uint32		per_page = coarse->rows_per_page;
	float	   *factors = (float *) coarse->buffer.data;

	factors[coarse->nrows] = row->coarse_factors.scale;
	factors[per_page + coarse->nrows] = row->coarse_factors.norm_sq;
	factors[2 * per_page + coarse->nrows] = row->coarse_factors.radius;
	memcpy(coarse->buffer.data + 3 * sizeof(float) * per_page +
		   coarse->nrows * plane_bytes, row->coarse, plane_bytes);
	if (++coarse->nrows == per_page)
		writer_flush(writer, coarse, PAGE_CONTENT_SIZE);

	per_page = fine->rows_per_page;
	if (per_page == 0)
		return;
	factors = (float *) fine->buffer.data;
	factors[fine->nrows] = row->radius;
	memcpy(fine->buffer.data + sizeof(float) * per_page +
		   fine->nrows * plane_bytes, row->fine, plane_bytes);
	if (++fine->nrows == per_page)
		writer_flush(writer, fine, PAGE_CONTENT_SIZE);
}

static void
writer_flush(SegmentWriter *writer, AreaWriter *area, uint32 nbytes)
{
	CHECK_FOR_INTERRUPTS();
	page_build_write(writer->index, segment_block(writer->reader, area->page),
					 area->kind, writer->id, area->page, area->buffer.data,
					 nbytes, NULL);
	area->page++;
	area->nrows = 0;
	memset(area->buffer.data, 0, BLCKSZ);
}

static void
writer_write_dead(SegmentWriter *writer)
{
	PGAlignedBlock zero;

	memset(zero.data, 0, BLCKSZ);
	for (uint32 page = writer->reader->area_start[AREA_DEAD];
		 page < writer->reader->npages; page++)
		page_build_write(writer->index, segment_block(writer->reader, page),
						 PAGE_DEAD, writer->id, page, zero.data,
						 PAGE_CONTENT_SIZE, NULL);
}
