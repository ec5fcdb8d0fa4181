/*-------------------------------------------------------------------------
 *
 * rewrite.c
 *	  Reorganising sealed segments.
 *
 * A rewrite lists the live rows of its source by class, writes them to a new
 * segment, and under the maintenance lock carries over the rows that VACUUM
 * marked meanwhile, by their place in the source (design, rule 17): by heap
 * address it would also hit a row that was since put under the same address.
 * The source is sealed, so its rows do not move.
 *
 * Memory: four bytes for each row of the source, and one page.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/rewrite.h"
#include "miscadmin.h"
#include "storage/growing.h"
#include "storage/manifest.h"
#include "storage/segment.h"
#include "utils/memutils.h"

typedef struct Rewrite
{
	Relation	index;
	IndexIdentity identity;
	SegmentInfo source;
	SegmentReader *reader;

	/* Live rows of the source, ordered by class: rows[i] becomes row i. */
	uint32	   *rows;
	uint32		nrows;
	uint32		class_rows[4];

	/* ROWS: the page that was read last. */
	PGAlignedBlock page;
	uint32		page_number;
} Rewrite;

static const SegmentInfo *rewrite_find(const Manifest *manifest, uint32 id);
static void rewrite_list_rows(Rewrite *rewrite);
static uint32 rewrite_list_class(Rewrite *rewrite, RowClass class,
								 const uint8 *dead, uint32 n);
static uint32 rewrite_position_end(const Rewrite *rewrite);
static bool rewrite_row_class(Rewrite *rewrite, uint32 position,
							  const uint8 *dead, RowClass *class);
static uint32 rewrite_write(Rewrite *rewrite);
static void rewrite_add_slot(Rewrite *rewrite, SegmentWriter *writer,
							 uint32 position);
static void rewrite_add_planes(Rewrite *rewrite, SegmentWriter *writer,
							   uint32 row);
static bool rewrite_publish(Rewrite *rewrite, uint32 new_id);
static uint32 rewrite_carry_over(Rewrite *rewrite,
								 const SegmentInfo *new_info);

bool
index_rewrite_segment(Relation index, uint32 segment_id)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "vectordb rewrite",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Manifest   *manifest = manifest_read(index);
	const SegmentInfo *info = rewrite_find(manifest, segment_id);
	bool		done = false;

	if (info != NULL && info->state == SEGMENT_SEALED)
	{
		Rewrite    *rewrite = palloc0(sizeof(Rewrite));

		rewrite->index = index;
		rewrite->identity = manifest->identity;
		rewrite->source = *info;
		rewrite->reader = segment_open(index, &manifest->identity, info);
		rewrite->page_number = SEGMENT_NO_PAGE;
		rewrite_list_rows(rewrite);
		done = rewrite_publish(rewrite, rewrite->nrows > 0 ?
							   rewrite_write(rewrite) : 0);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return done;
}

int
index_build_pending(Relation index)
{
	Manifest   *manifest;
	int			nbuilt = 0;

	growing_seal(index);
	maintenance_lock_patiently(index);
	manifest_finish_pending(index);
	manifest_retire_empty(index);
	maintenance_unlock(index);

	manifest = manifest_read(index);
	for (int i = 0; i < manifest->nsegments; i++)
	{
		const SegmentInfo *info = &manifest->segments[i];

		CHECK_FOR_INTERRUPTS();
		if (info->state != SEGMENT_SEALED)
			continue;
		if (info->kind != SEGMENT_ROWS &&
			(info->ndead == 0 ||
			 info->ndead < REWRITE_DEAD_FRACTION * info->nrows))
			continue;
		if (index_rewrite_segment(index, info->id))
			nbuilt++;
	}
	if (nbuilt > 0)
		manifest_pass_horizon();
	return nbuilt;
}

static const SegmentInfo *
rewrite_find(const Manifest *manifest, uint32 id)
{
	for (int i = 0; i < manifest->nsegments; i++)
	{
		if (manifest->segments[i].id == id)
			return &manifest->segments[i];
	}
	return NULL;
}

/* ----------------------------------------------------------------------
 * Which rows, in which order
 * ----------------------------------------------------------------------
 */

/*
 * The list is made in one state of the dead marks per class; what dies later
 * is carried over when the segment is published.
 */
static void
rewrite_list_rows(Rewrite *rewrite)
{
	uint32		end = rewrite_position_end(rewrite);
	uint8	   *dead = rewrite->source.kind == SEGMENT_PLANES ?
	segment_read_dead(rewrite->reader) : NULL;

	rewrite->rows = palloc_extended(sizeof(uint32) * Max(end, 1),
									MCXT_ALLOC_HUGE);
	for (int class = ROW_BOUNDED; class <= ROW_NULL; class++)
	{
		uint32		n = rewrite_list_class(rewrite, class, dead,
										   rewrite->nrows);

		rewrite->class_rows[class] = n - rewrite->nrows;
		rewrite->nrows = n;
	}
}

/* Append the live rows of a class to the list, which has n so far. */
static uint32
rewrite_list_class(Rewrite *rewrite, RowClass class, const uint8 *dead,
				   uint32 n)
{
	uint32		end = rewrite_position_end(rewrite);

	for (uint32 position = 0; position < end; position++)
	{
		RowClass	found;

		if (!rewrite_row_class(rewrite, position, dead, &found) ||
			found != class)
			continue;
		rewrite->rows[n++] = position;
	}
	return n;
}

/* Positions of the source are below this. */
static uint32
rewrite_position_end(const Rewrite *rewrite)
{
	return rewrite->source.kind == SEGMENT_PLANES ? rewrite->reader->nrows :
		rewrite->reader->npages * rewrite->reader->shape.rows_per_page;
}

/* Make page the current page of a ROWS source. */
static void
rewrite_read_page(Rewrite *rewrite, uint32 page)
{
	Buffer		buffer;

	if (rewrite->page_number == page)
		return;
	CHECK_FOR_INTERRUPTS();
	buffer = segment_read_rows(rewrite->reader, page);
	memcpy(rewrite->page.data, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	rewrite->page_number = page;
}

/*
 * The fine slot at a position of a ROWS source, whose page becomes the current
 * one; NULL behind the last row of a page.
 */
static FineSlot *
rewrite_slot(Rewrite *rewrite, uint32 position)
{
	const SegmentShape *shape = &rewrite->reader->shape;
	uint32		slot = position % shape->rows_per_page;

	rewrite_read_page(rewrite, position / shape->rows_per_page);
	if (slot >= rows_page_count(shape, rewrite->page.data))
		return NULL;
	return rows_page_fine(shape, rewrite->page.data, slot);
}

/* Class of a row; false when it is dead or there is none. */
static bool
rewrite_row_class(Rewrite *rewrite, uint32 position, const uint8 *dead,
				  RowClass *class)
{
	FineSlot   *slot;

	if (rewrite->source.kind == SEGMENT_PLANES)
	{
		*class = ROW_BOUNDED;
		while (position >= rewrite->reader->class_first[*class + 1])
			(*class)++;
		return ((dead[position / 8] >> (position % 8)) & 1) == 0;
	}

	slot = rewrite_slot(rewrite, position);
	if (slot == NULL || (slot->flags & ROW_DEAD) != 0)
		return false;
	if (slot->class > ROW_NULL)
		page_report_damage(rewrite->index,
						   segment_block(rewrite->reader,
										 rewrite->page_number),
						   "A row has an unknown class.");
	*class = slot->class;
	return true;
}

/* ----------------------------------------------------------------------
 * Writing
 * ----------------------------------------------------------------------
 */

static uint32
rewrite_write(Rewrite *rewrite)
{
	SegmentWriter *writer = segment_writer_begin(rewrite->index,
												 &rewrite->identity,
												 rewrite->class_rows,
												 rewrite->source.level + 1);

	for (uint32 i = 0; i < rewrite->nrows; i++)
	{
		if (rewrite->source.kind == SEGMENT_PLANES)
			rewrite_add_planes(rewrite, writer, rewrite->rows[i]);
		else
			rewrite_add_slot(rewrite, writer, rewrite->rows[i]);
	}
	return segment_writer_finish(writer);
}

static void
rewrite_add_slot(Rewrite *rewrite, SegmentWriter *writer, uint32 position)
{
	const SegmentShape *shape = &rewrite->reader->shape;
	FineSlot   *fine = rewrite_slot(rewrite, position);
	CoarseSlot *coarse = rows_page_coarse(shape, rewrite->page.data,
										  position % shape->rows_per_page);
	PlanesRow	row = {
		.tid = fine->tid,
		.class = fine->class,
		.coarse = coarse->code,
		.fine = fine->code,
		.coarse_factors = coarse->factors,
		.radius = fine->radius
	};

	segment_writer_add(writer, &row);
}

static void
rewrite_add_planes(Rewrite *rewrite, SegmentWriter *writer, uint32 number)
{
	SegmentReader *reader = rewrite->reader;
	const SegmentShape *shape = &reader->shape;
	Buffer		coarse = InvalidBuffer;
	Buffer		fine = InvalidBuffer;
	bool		coarse_locked = false;
	bool		fine_locked = false;
	bool		dead_locked;
	Buffer		tids = segment_pin_area(reader, AREA_TIDS, number,
										&dead_locked);
	PlanesRow	row = {0};

	CHECK_FOR_INTERRUPTS();
	row.tid = *tids_page_tid(BufferGetPage(tids), number % TIDS_PER_PAGE);
	page_unpin(tids, dead_locked);
	while (number >= reader->class_first[row.class + 1])
		row.class++;

	if (row.class == ROW_BOUNDED)
	{
		uint32		i = number % shape->coarse_rows_per_page;
		Page		page;

		coarse = segment_pin_area(reader, AREA_COARSE, number,
								  &coarse_locked);
		page = BufferGetPage(coarse);
		row.coarse = coarse_page_codes(shape, page) +
			(Size) i * shape->plane_bytes;
		row.coarse_factors.scale = coarse_page_scale(shape, page)[i];
		row.coarse_factors.norm_sq = coarse_page_norm_sq(shape, page)[i];
		row.coarse_factors.radius = coarse_page_radius(shape, page)[i];
	}
	if (row.class == ROW_BOUNDED && shape->fine_rows_per_page > 0)
	{
		uint32		i = number % shape->fine_rows_per_page;

		fine = segment_pin_area(reader, AREA_FINE, number, &fine_locked);
		row.fine = fine_page_codes(shape, BufferGetPage(fine)) +
			(Size) i * shape->plane_bytes;
		row.radius = fine_page_radius(shape, BufferGetPage(fine))[i];
	}

	segment_writer_add(writer, &row);
	if (BufferIsValid(fine))
		page_unpin(fine, fine_locked);
	if (BufferIsValid(coarse))
		page_unpin(coarse, coarse_locked);
}

/* ----------------------------------------------------------------------
 * Publishing
 * ----------------------------------------------------------------------
 */

/*
 * Put the new segment (0: there is none, all rows are dead) in the place of
 * the source.  False when somebody else retired the source meanwhile; then
 * the new segment is given back.
 */
static bool
rewrite_publish(Rewrite *rewrite, uint32 new_id)
{
	Manifest   *manifest;
	const SegmentInfo *source;
	bool		there;

	maintenance_lock_patiently(rewrite->index);
	manifest = manifest_read_all(rewrite->index);
	source = rewrite_find(manifest, rewrite->source.id);
	there = source != NULL && source->state == SEGMENT_SEALED;
	if (there)
	{
		uint32		ndead = 0;
		ManifestSwap swap = {.nold = 1,.old_ids = &rewrite->source.id};

		if (new_id != 0)
		{
			ndead = rewrite_carry_over(rewrite,
									   rewrite_find(manifest, new_id));
			swap.nnew = 1;
			swap.new_ids = &new_id;
			swap.new_dead = &ndead;
		}
		manifest_swap(rewrite->index, &swap);
	}
	else if (new_id != 0)
		segment_writer_abandon(rewrite->index, new_id);
	manifest_finish_pending(rewrite->index);
	maintenance_unlock(rewrite->index);
	return there;
}

/* Mark the rows that died since they were listed; returns how many. */
static uint32
rewrite_carry_over(Rewrite *rewrite, const SegmentInfo *new_info)
{
	uint32	   *died = palloc_extended(sizeof(uint32) * rewrite->nrows,
									   MCXT_ALLOC_HUGE);
	uint8	   *dead = rewrite->source.kind == SEGMENT_PLANES ?
	segment_read_dead(rewrite->reader) : NULL;
	uint32		ndied = 0;

	rewrite->page_number = SEGMENT_NO_PAGE;
	for (uint32 i = 0; i < rewrite->nrows; i++)
	{
		RowClass	class;

		if (!rewrite_row_class(rewrite, rewrite->rows[i], dead, &class))
			died[ndied++] = i;
	}
	if (ndied > 0)
		segment_mark_dead(rewrite->index, &rewrite->identity, new_info, died,
						  ndied);
	return ndied;
}
