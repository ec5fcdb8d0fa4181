/*-------------------------------------------------------------------------
 *
 * segment_write.c
 *	  Writing a reorganised segment: planes, heap addresses, dead bits, graph.
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

#include "base/background.h"
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
	uint32		row_bytes;		/* 0: factors and codes, in arrays */
	PGAlignedBlock buffer;		/* contents of the page */
} AreaWriter;

struct SegmentWriter
{
	Relation	index;
	SegmentShape shape;
	SegmentReader *reader;		/* for its runs */
	uint32		id;
	BlockNumber header;
	uint32		nadded;
	uint32		nrows;
	RowClass	last_class;
	uint32		nnodes;			/* of which have been added */
	uint32		nowners;
	bool		graph_set;
	AreaWriter	coarse;
	AreaWriter	fine;
	AreaWriter	tids;
	AreaWriter	nodes;
	AreaWriter	owners;
};

static SegmentWriter *writer_begin(Relation index,
								   const IndexIdentity *identity,
								   SegmentHeader *plan, int level);
static void writer_plan_areas(const SegmentShape *shape,
							  SegmentHeader *plan);
static BlockNumber writer_register(Relation index, const SegmentHeader *plan,
								   int level, uint32 *id);
static void writer_add_runs(Relation index, BlockNumber header_blkno,
							uint32 id, uint32 npages);
static void writer_init_area(AreaWriter *area, PageKind kind, uint32 page,
							 uint32 rows_per_page, uint32 row_bytes);
static void writer_add_codes(SegmentWriter *writer, const PlanesRow *row);
static void writer_add_bytes(SegmentWriter *writer, AreaWriter *area,
							 const void *row);
static void writer_flush(SegmentWriter *writer, AreaWriter *area);
static void writer_write_dead(SegmentWriter *writer);

SegmentWriter *
segment_writer_begin(Relation index, const IndexIdentity *identity,
					 const uint32 class_rows[4], int level)
{
	SegmentHeader plan;

	memset(&plan, 0, sizeof(plan));
	plan.kind = SEGMENT_PLANES;
	plan.flags = identity->bits == 8 ? SEGMENT_HAS_FINE : 0;
	memcpy(plan.class_rows, class_rows, sizeof(plan.class_rows));
	return writer_begin(index, identity, &plan, level);
}

SegmentWriter *
segment_writer_begin_graph(Relation index, const IndexIdentity *identity,
						   const uint32 class_rows[4], int level,
						   const GraphPlan *graph)
{
	SegmentHeader plan;

	Assert(graph->nnodes <= class_rows[ROW_BOUNDED]);
	Assert(graph->nodes_per_page * graph->node_bytes <= PAGE_CONTENT_SIZE);
	memset(&plan, 0, sizeof(plan));
	plan.kind = SEGMENT_GRAPH;
	plan.flags = identity->bits == 8 && graph->has_fine ? SEGMENT_HAS_FINE : 0;
	memcpy(plan.class_rows, class_rows, sizeof(plan.class_rows));
	plan.nnodes = graph->nnodes;
	plan.node_bytes = graph->node_bytes;
	plan.nodes_per_page = graph->nodes_per_page;
	plan.graph_bytes = graph->graph_bytes;
	return writer_begin(index, identity, &plan, level);
}

void
segment_writer_add(SegmentWriter *writer, const PlanesRow *row)
{
	if (writer->nadded == writer->nrows || row->class < writer->last_class)
		elog(ERROR, "rows of a segment are added out of order");
	writer->nadded++;
	writer->last_class = row->class;

	if (row->class == ROW_BOUNDED)
		writer_add_codes(writer, row);
	writer_add_bytes(writer, &writer->tids, &row->tid);
}

void
segment_writer_add_node(SegmentWriter *writer, const void *node)
{
	if (writer->nnodes == writer->reader->nnodes)
		elog(ERROR, "a segment gets too many nodes");
	writer->nnodes++;
	writer_add_bytes(writer, &writer->nodes, node);
}

void
segment_writer_add_owner(SegmentWriter *writer, uint32 node)
{
	if (writer->nowners == writer->reader->ncopies ||
		node >= writer->reader->nnodes)
		elog(ERROR, "node %u cannot have another copy", node);
	writer->nowners++;
	writer_add_bytes(writer, &writer->owners, &node);
}

SegmentInfo
segment_writer_share_nodes(SegmentWriter *writer)
{
	SegmentInfo info = {0};

	Assert(writer->nnodes == 0);
	writer->nnodes = writer->reader->nnodes;
	info.id = writer->id;
	info.kind = SEGMENT_GRAPH;
	info.header = writer->header;
	return info;
}

/* page counts those of the area; nodes are the contents of the page. */
void
segment_write_node_page(const SegmentReader *reader, uint32 page,
						const void *nodes)
{
	uint32		first = page * reader->nodes_per_page;
	uint32		n = Min(reader->nnodes - first, reader->nodes_per_page);
	uint32		logical = reader->area_start[AREA_NODES] + page;

	background_check();
	page_build_write(reader->index, segment_block(reader, logical),
					 PAGE_NODES, reader->id, logical, nodes,
					 n * reader->node_bytes, NULL);
}

void
segment_writer_set_graph(SegmentWriter *writer, const void *bytes)
{
	SegmentReader *reader = writer->reader;
	uint32		page = reader->area_start[AREA_GRAPH];
	uint32		n;

	for (uint32 done = 0; done < reader->graph_bytes; done += n)
	{
		n = Min(reader->graph_bytes - done, PAGE_CONTENT_SIZE);
		page_build_write(writer->index, segment_block(reader, page),
						 PAGE_GRAPH, writer->id, page,
						 (const char *) bytes + done, n, NULL);
		page++;
	}
	writer->graph_set = true;
}

uint32
segment_writer_finish(SegmentWriter *writer)
{
	uint32		id = writer->id;
	SegmentReader *reader = writer->reader;

	if (writer->nadded != writer->nrows)
		elog(ERROR, "segment %u got %u rows instead of %u", id,
			 writer->nadded, writer->nrows);
	if (writer->nnodes != reader->nnodes ||
		writer->nowners != reader->ncopies ||
		(reader->graph_bytes > 0 && !writer->graph_set))
		elog(ERROR, "segment %u got %u nodes and %u copies instead of %u and %u",
			 id, writer->nnodes, writer->nowners, reader->nnodes,
			 reader->ncopies);
	writer_flush(writer, &writer->coarse);
	writer_flush(writer, &writer->fine);
	writer_flush(writer, &writer->tids);
	writer_flush(writer, &writer->nodes);
	writer_flush(writer, &writer->owners);
	writer_write_dead(writer);
	debug_point("build-written");

	for (uint32 i = 0; i < reader->nruns; i++)
	{
		background_check();
		page_log_range(writer->index, reader->runs[i].start,
					   reader->runs[i].start + reader->runs[i].npages);
	}
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

/* The plan says what the segment is to hold; its areas are laid out here. */
static SegmentWriter *
writer_begin(Relation index, const IndexIdentity *identity,
			 SegmentHeader *plan, int level)
{
	SegmentWriter *writer = palloc0(sizeof(SegmentWriter));
	const SegmentShape *shape = &writer->shape;
	const uint32 *start = plan->area_start;
	SegmentInfo info = {0};

	writer->index = index;
	writer->shape = segment_shape(identity->dim, identity->bits);
	for (int i = 0; i < 4; i++)
		writer->nrows += plan->class_rows[i];

	writer_plan_areas(shape, plan);
	info.header = writer_register(index, plan, level, &info.id);
	info.kind = plan->kind;
	writer_add_runs(index, info.header, info.id, plan->npages_used);

	writer->id = info.id;
	writer->header = info.header;
	writer->reader = segment_open(index, identity, &info);
	writer_init_area(&writer->coarse, PAGE_COARSE, start[AREA_COARSE],
					 shape->coarse_rows_per_page, 0);
	writer_init_area(&writer->fine, PAGE_FINE, start[AREA_FINE],
					 segment_area_rows(writer->reader, AREA_FINE), 0);
	writer_init_area(&writer->tids, PAGE_TIDS, start[AREA_TIDS],
					 TIDS_PER_PAGE, sizeof(ItemPointerData));
	writer_init_area(&writer->nodes, PAGE_NODES, start[AREA_NODES],
					 plan->nodes_per_page, plan->node_bytes);
	writer_init_area(&writer->owners, PAGE_OWNERS, start[AREA_OWNERS],
					 OWNERS_PER_PAGE, sizeof(uint32));
	return writer;
}

/* Pages of each area, one after the other. */
static void
writer_plan_areas(const SegmentShape *shape, SegmentHeader *plan)
{
	uint64		nrows = 0;
	uint64		npages = 0;
	uint64		bounded = plan->class_rows[ROW_BOUNDED];
	bool		fine = (plan->flags & SEGMENT_HAS_FINE) != 0;
	uint64		copies = plan->kind == SEGMENT_GRAPH ?
	bounded - plan->nnodes : 0;

	for (int i = 0; i < 4; i++)
		nrows += plan->class_rows[i];

#define AREA_PAGES(rows, per_page) \
	((rows) == 0 ? 0 : ((rows) + (per_page) - 1) / (per_page))
	plan->area_start[AREA_COARSE] = 0;
	npages += AREA_PAGES(bounded, shape->coarse_rows_per_page);
	plan->area_start[AREA_FINE] = npages;
	npages += AREA_PAGES(fine ? bounded : 0, shape->fine_rows_per_page);
	plan->area_start[AREA_TIDS] = npages;
	npages += AREA_PAGES(nrows, TIDS_PER_PAGE);
	plan->area_start[AREA_DEAD] = npages;
	npages += AREA_PAGES(nrows, DEAD_BITS_PER_PAGE);
	plan->area_start[AREA_NODES] = npages;
	npages += AREA_PAGES((uint64) plan->nnodes, plan->nodes_per_page);
	plan->area_start[AREA_OWNERS] = npages;
	npages += AREA_PAGES(copies, OWNERS_PER_PAGE);
	plan->area_start[AREA_GRAPH] = npages;
	npages += AREA_PAGES((uint64) plan->graph_bytes, PAGE_CONTENT_SIZE);

	if (nrows > PG_UINT32_MAX || npages > MaxBlockNumber)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("a segment cannot hold " UINT64_FORMAT " rows", nrows));
	plan->npages_used = npages;
}

/*
 * Make the segment known as building: one record of metapage, descriptor
 * page, header and donor.  From the start of the record on, the builder's
 * lock keeps maintenance from taking it for an orphan.
 */
static BlockNumber
writer_register(Relation index, const SegmentHeader *plan, int level,
				uint32 *id)
{
	for (;;)
	{
		DescriptorRef ref;
		RunPlan		take;
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

		run_plan_begin(index, 1, &take);
		if (meta_page(BufferGetPage(take.meta))->next_segment_id != *id ||
			!descriptor_find(index, take.meta, 0, &ref))
		{
			run_plan_end(&take);
			building_unlock(index, *id);
			CHECK_FOR_INTERRUPTS();
			continue;
		}
		buffer = run_plan_first_page(index, &take);
		header_blkno = take.run.start;

		edit = page_edit_begin(index);
		meta = run_plan_apply(&take, &edit);
		meta->next_segment_id++;
		meta->npending++;
		meta->generation++;
		slot = descriptor_edit(&edit, &ref);
		memset(slot, 0, sizeof(SegmentDescriptor));
		slot->id = *id;
		slot->header = header_blkno;
		slot->state = SEGMENT_BUILDING;
		slot->kind = plan->kind;
		slot->level = level;
		slot->nrows = plan->class_rows[0] + plan->class_rows[1] +
			plan->class_rows[2] + plan->class_rows[3];
		slot->npages = plan->npages_used + 1;
		slot->created = GetCurrentTimestamp();

		page = page_edit_new(&edit, buffer, PAGE_SEGMENT, *id, 0);
		header = segment_header(page);
		memcpy(header, plan, sizeof(SegmentHeader));
		header->id = *id;
		header->state = SEGMENT_BUILDING;
		header->npages_used = 0;
		for (int lane = 0; lane < MANIFEST_MAX_LANES; lane++)
			header->lane_tail[lane] = SEGMENT_NO_PAGE;
		header->next_free = InvalidBlockNumber;
		segment_header_set_used(page);
		page_edit_commit(&edit);

		descriptor_release(&ref);
		run_plan_end(&take);
		debug_point("build-registered");
		return header_blkno;
	}
}

/*
 * Give the segment all its pages: runs as they come, a record each.  The free
 * list may be in pieces; when the table of runs is nearly full the rest comes
 * from the end of the index, as much at a time as one run may have.
 */
static void
writer_add_runs(Relation index, BlockNumber header_blkno, uint32 id,
				uint32 npages)
{
	uint32		owned = 0;
	uint32		nruns = 0;

	while (owned < npages)
	{
		uint32		want = Min(npages - owned, SEGMENT_MAX_RUN_PAGES);
		RunPlan		plan;
		PageEdit	edit;
		Buffer		buffer;
		Page		page;
		SegmentHeader *header;

		CHECK_FOR_INTERRUPTS();
		/* Twice as many runs as that takes, if others grow meanwhile. */
		if (nruns + 2 * ((npages - owned) / SEGMENT_MAX_RUN_PAGES + 1) <
			SEGMENT_MAX_RUNS)
			run_plan_begin(index, want, &plan);
		else
			run_plan_begin_fresh(index, want, &plan);
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
		nruns = header->nruns;
		segment_header_set_used(page);
		page_edit_commit(&edit);
		UnlockReleaseBuffer(buffer);
		run_plan_end(&plan);
		debug_point("build-run-added");
	}
}

static void
writer_init_area(AreaWriter *area, PageKind kind, uint32 page,
				 uint32 rows_per_page, uint32 row_bytes)
{
	area->kind = kind;
	area->page = page;
	area->rows_per_page = rows_per_page;
	area->row_bytes = row_bytes;
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
		writer_flush(writer, coarse);

	per_page = fine->rows_per_page;
	if (per_page == 0)
		return;
	factors = (float *) fine->buffer.data;
	factors[fine->nrows] = row->radius;
	memcpy(fine->buffer.data + sizeof(float) * per_page +
		   fine->nrows * plane_bytes, row->fine, plane_bytes);
	if (++fine->nrows == per_page)
		writer_flush(writer, fine);
}

/* One row of an area whose rows lie one after the other. */
static void
writer_add_bytes(SegmentWriter *writer, AreaWriter *area, const void *row)
{
	memcpy(area->buffer.data + (Size) area->nrows * area->row_bytes, row,
		   area->row_bytes);
	if (++area->nrows == area->rows_per_page)
		writer_flush(writer, area);
}

/* Arrays of factors come first, so a page in part is used to its end. */
static void
writer_flush(SegmentWriter *writer, AreaWriter *area)
{
	uint32		nbytes = area->row_bytes == 0 ? PAGE_CONTENT_SIZE :
	area->nrows * area->row_bytes;

	if (area->nrows == 0)
		return;
	background_check();
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
	SegmentReader *reader = writer->reader;
	uint32		start = reader->area_start[AREA_DEAD];
	uint32		npages = segment_area_pages(reader, AREA_DEAD);
	PGAlignedBlock zero;

	memset(zero.data, 0, BLCKSZ);
	for (uint32 page = start; page < start + npages; page++)
		page_build_write(writer->index, segment_block(reader, page),
						 PAGE_DEAD, writer->id, page, zero.data,
						 PAGE_CONTENT_SIZE, NULL);
}
