/*-------------------------------------------------------------------------
 *
 * rewrite_read.c
 *	  Reading the rows of the segments that are rewritten.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/rewrite.h"
#include "am/common/rewrite_state.h"
#include "base/background.h"
#include "graph/row_code.h"
#include "miscadmin.h"
#include "utils/memutils.h"

uint32		rewrite_reading = 0;

static FineSlot *rewrite_slot(Rewrite *rewrite, RewriteRow row);
static void rewrite_read_page(Rewrite *rewrite, uint32 source, uint32 page);
static void rewrite_read_planes(Rewrite *rewrite, RewriteRow from,
								PlanesRow *row);
static void rewrite_split_node(Rewrite *rewrite, const SegmentReader *reader,
							   uint32 number, PlanesRow *row);
static uint32 rewrite_position_end(const RewriteSource *source);
static void rewrite_read_fine(Rewrite *rewrite, const SegmentReader *reader,
							  uint32 number, PlanesRow *row);
static void rewrite_read_slot(Rewrite *rewrite, RewriteRow from,
							  PlanesRow *row);
static void rewrite_read_coarse(Rewrite *rewrite, const SegmentReader *reader,
								uint32 number, PlanesRow *row);
static void rewrite_list_class(Rewrite *rewrite, RowClass class);

/* ----------------------------------------------------------------------
 * Which rows, in which order
 * ----------------------------------------------------------------------
 */

/* What dies after this is carried over when the segment is published. */
void
rewrite_list_rows(Rewrite *rewrite)
{
	rewrite_read_dead(rewrite);
	for (int i = 0; i < rewrite->nsources; i++)
	{
		const SegmentInfo *info = &rewrite->sources[i].info;

		rewrite->max_rows += info->nrows - Min(info->ndead, info->nrows);
	}
	rewrite->rows = palloc_extended(sizeof(RewriteRow) *
									Max(rewrite->max_rows, 1),
									MCXT_ALLOC_HUGE);
	for (int class = ROW_BOUNDED; class <= ROW_NULL; class++)
	{
		uint32		before = rewrite->nrows;

		rewrite_list_class(rewrite, class);
		rewrite->class_rows[class] = rewrite->nrows - before;
	}
}

/* Append the live rows of a class to the list. */
static void
rewrite_list_class(Rewrite *rewrite, RowClass class)
{
	for (int i = 0; i < rewrite->nsources; i++)
	{
		uint32		end = rewrite_position_end(&rewrite->sources[i]);

		rewrite_reading = rewrite->sources[i].info.id;
		for (uint32 position = 0; position < end; position++)
		{
			RewriteRow	row = {i, position};
			RowClass	found;

			if (position % 65536 == 0)
				CHECK_FOR_INTERRUPTS();
			if (!rewrite_row_class(rewrite, row, &found) || found != class)
				continue;
			if (rewrite->nrows == rewrite->max_rows)
				page_report_damage(rewrite->index,
								   rewrite->sources[i].info.header,
								   "The segment has more rows than the manifest says.");
			rewrite->rows[rewrite->nrows++] = row;
		}
	}
	rewrite_reading = 0;
}

/* Positions of a source are below this. */
static uint32
rewrite_position_end(const RewriteSource *source)
{
	return segment_has_planes(source->info.kind) ? source->reader->nrows :
		source->reader->npages * source->reader->shape.rows_per_page;
}

/* Make a page of rows the current one. */
static void
rewrite_read_page(Rewrite *rewrite, uint32 source, uint32 page)
{
	Buffer		buffer;

	if (rewrite->page_source == source && rewrite->page_number == page)
		return;
	background_check();
	buffer = segment_read_rows(rewrite->sources[source].reader, page);
	memcpy(rewrite->page.data, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	rewrite->page_source = source;
	rewrite->page_number = page;
}

/*
 * The fine slot of a row of a ROWS source, whose page becomes the current one;
 * NULL behind the last row of a page.
 */
static FineSlot *
rewrite_slot(Rewrite *rewrite, RewriteRow row)
{
	const SegmentShape *shape = &rewrite->sources[row.source].reader->shape;
	uint32		slot = row.position % shape->rows_per_page;

	rewrite_read_page(rewrite, row.source,
					  row.position / shape->rows_per_page);
	if (slot >= rows_page_count(shape, rewrite->page.data))
		return NULL;
	return rows_page_fine(shape, rewrite->page.data, slot);
}

/* Class of a row; false when it is dead or there is none. */
bool
rewrite_row_class(Rewrite *rewrite, RewriteRow row, RowClass *class)
{
	const RewriteSource *source = &rewrite->sources[row.source];
	FineSlot   *slot;

	if (segment_has_planes(source->info.kind))
	{
		*class = ROW_BOUNDED;
		while (row.position >= source->reader->class_first[*class + 1])
			(*class)++;
		return (source->dead[row.position / 8] >> (row.position % 8) & 1) == 0;
	}

	slot = rewrite_slot(rewrite, row);
	if (slot == NULL || (slot->flags & ROW_DEAD) != 0)
		return false;
	if (slot->class > ROW_NULL)
		page_report_damage(rewrite->index,
						   segment_block(source->reader,
										 rewrite->page_number),
						   "A row has an unknown class.");
	*class = slot->class;
	return true;
}

/* Read the marks as they are now. */
void
rewrite_read_dead(Rewrite *rewrite)
{
	for (int i = 0; i < rewrite->nsources; i++)
	{
		RewriteSource *source = &rewrite->sources[i];

		rewrite_reading = source->info.id;
		if (source->dead != NULL)
			pfree(source->dead);
		if (segment_has_planes(source->info.kind))
			source->dead = segment_read_dead(source->reader);
	}
	rewrite_reading = 0;
	rewrite->page_number = SEGMENT_NO_PAGE;
}

/* A row of a source; its planes are copies, good until the next call. */
void
rewrite_read_row(Rewrite *rewrite, RewriteRow from, PlanesRow *row)
{
	rewrite_reading = rewrite->sources[from.source].info.id;
	memset(row, 0, sizeof(PlanesRow));
	if (segment_has_planes(rewrite->sources[from.source].info.kind))
		rewrite_read_planes(rewrite, from, row);
	else
		rewrite_read_slot(rewrite, from, row);
	row->coarse = rewrite->coarse;
	row->fine = rewrite->fine;
	rewrite_reading = 0;
}

static void
rewrite_read_slot(Rewrite *rewrite, RewriteRow from, PlanesRow *row)
{
	const SegmentShape *shape = &rewrite->sources[from.source].reader->shape;
	FineSlot   *fine = rewrite_slot(rewrite, from);
	CoarseSlot *coarse = rows_page_coarse(shape, rewrite->page.data,
										  from.position %
										  shape->rows_per_page);

	row->tid = fine->tid;
	row->class = fine->class;
	row->coarse_factors = coarse->factors;
	row->radius = fine->radius;
	memcpy(rewrite->coarse, coarse->code, shape->plane_bytes);
	memcpy(rewrite->fine, fine->code, shape->fine_bytes);
}

static void
rewrite_read_planes(Rewrite *rewrite, RewriteRow from, PlanesRow *row)
{
	SegmentReader *reader = rewrite->sources[from.source].reader;
	uint32		number = from.position;
	bool		locked;
	Buffer		buffer = segment_pin_area(reader, AREA_TIDS, number, &locked);

	background_check();
	row->tid = *tids_page_tid(BufferGetPage(buffer), number % TIDS_PER_PAGE);
	page_unpin(buffer, locked);
	while (number >= reader->class_first[row->class + 1])
		row->class++;
	if (row->class != ROW_BOUNDED)
		return;

	rewrite_read_coarse(rewrite, reader, number, row);
	if (graph_has_row_codes(reader))
		rewrite_split_node(rewrite, reader, number, row);
	else if (reader->has_fine)
		rewrite_read_fine(rewrite, reader, number, row);
}

static void
rewrite_read_coarse(Rewrite *rewrite, const SegmentReader *reader,
					uint32 number, PlanesRow *row)
{
	const SegmentShape *shape = &reader->shape;
	uint32		i = number % shape->coarse_rows_per_page;
	bool		locked;
	Buffer		buffer = segment_pin_area(reader, AREA_COARSE, number,
										  &locked);
	Page		page = BufferGetPage(buffer);

	row->coarse_factors.scale = coarse_page_scale(shape, page)[i];
	row->coarse_factors.norm_sq = coarse_page_norm_sq(shape, page)[i];
	row->coarse_factors.radius = coarse_page_radius(shape, page)[i];
	memcpy(rewrite->coarse, coarse_page_codes(shape, page) +
		   (Size) i * shape->plane_bytes, shape->plane_bytes);
	page_unpin(buffer, locked);
}

static void
rewrite_read_fine(Rewrite *rewrite, const SegmentReader *reader,
				  uint32 number, PlanesRow *row)
{
	const SegmentShape *shape = &reader->shape;
	uint32		i = number % shape->fine_rows_per_page;
	bool		locked;
	Buffer		buffer = segment_pin_area(reader, AREA_FINE, number, &locked);
	Page		page = BufferGetPage(buffer);

	row->radius = fine_page_radius(shape, page)[i];
	memcpy(rewrite->fine, fine_page_codes(shape, page) +
		   (Size) i * shape->plane_bytes, shape->plane_bytes);
	page_unpin(buffer, locked);
}

/*
 * The fine plane of a row whose code is in a node alone.  The coarse plane
 * stays what it is in the segment, and must agree.
 */
static void
rewrite_split_node(Rewrite *rewrite, const SegmentReader *reader,
				   uint32 number, PlanesRow *row)
{
	RowFactors	coarse_factors;
	Buffer		buffer;
	bool		locked;
	const GraphNode *node = graph_pin_row_code(reader, number,
											   rewrite->space->row_bytes,
											   &buffer, &locked);

	quant_split(rewrite->space, graph_node_code(node), &node->factors,
				rewrite->code, rewrite->fine, &coarse_factors);
	if (memcmp(rewrite->code, rewrite->coarse,
			   rewrite->space->plane_bytes) != 0)
		page_report_damage(rewrite->index, BufferGetBlockNumber(buffer),
						   "A node has another code than its row.");
	row->radius = node->factors.radius;
	page_unpin(buffer, locked);
}
