/*-------------------------------------------------------------------------
 *
 * rewrite.c
 *	  Reorganising and merging sealed segments.
 *
 * A rewrite lists the live rows of its sources by class, writes them to a new
 * segment, and under the maintenance lock carries over the rows that VACUUM
 * marked meanwhile, by their place in the source (design, rule 17): by heap
 * address it would also hit a row that was since put under the same address.
 * Sources are sealed, so their rows do not move.
 *
 * Memory: eight bytes for each live row of the sources, and one page.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/rewrite.h"
#include "graph/row_code.h"
#include "miscadmin.h"
#include "storage/growing.h"
#include "storage/manifest.h"
#include "storage/segment.h"
#include "utils/memutils.h"

typedef struct RewriteSource
{
	SegmentInfo info;
	SegmentReader *reader;
	uint8	   *dead;			/* planes: dead bits as last read */
} RewriteSource;

typedef struct RewriteRow
{
	uint32		source;
	uint32		position;		/* planes: row; rows: page * rows_per_page +
								 * slot */
} RewriteRow;

typedef struct Rewrite
{
	Relation	index;
	IndexIdentity identity;
	RewriteSource *sources;
	int			nsources;

	/* Live rows of the sources, ordered by class: rows[i] becomes row i. */
	RewriteRow *rows;
	uint32		nrows;
	uint64		max_rows;		/* live rows by the manifest */
	uint32		class_rows[4];

	/* Page of rows that was read last. */
	PGAlignedBlock page;
	uint32		page_source;
	uint32		page_number;

	/* For taking row codes apart; NULL until there is one. */
	QuantSpace *space;
	uint8	   *coarse;			/* planes of the last one */
	uint8	   *fine;
} Rewrite;

static bool rewrite_run(Relation index, const uint32 *ids, int nids,
						bool locked);
static Rewrite *rewrite_begin(Relation index, const uint32 *ids, int nids);
static const SegmentInfo *rewrite_find(const Manifest *manifest, uint32 id);
static void rewrite_list_rows(Rewrite *rewrite);
static void rewrite_list_class(Rewrite *rewrite, RowClass class);
static uint32 rewrite_position_end(const RewriteSource *source);
static void rewrite_read_page(Rewrite *rewrite, uint32 source, uint32 page);
static FineSlot *rewrite_slot(Rewrite *rewrite, RewriteRow row);
static bool rewrite_row_class(Rewrite *rewrite, RewriteRow row,
							  RowClass *class);
static void rewrite_read_dead(Rewrite *rewrite);
static uint32 rewrite_write(Rewrite *rewrite);
static void rewrite_add_slot(Rewrite *rewrite, SegmentWriter *writer,
							 RewriteRow row);
static void rewrite_add_planes(Rewrite *rewrite, SegmentWriter *writer,
							   RewriteRow row);
static void rewrite_split_node(Rewrite *rewrite, const SegmentReader *reader,
							   uint32 number, PlanesRow *row);
static bool rewrite_publish(Rewrite *rewrite, uint32 new_id);
static bool rewrite_sources_are_there(Rewrite *rewrite,
									  const Manifest *manifest);
static uint32 rewrite_carry_over(Rewrite *rewrite,
								 const SegmentInfo *new_info);

bool
index_rewrite_segment(Relation index, uint32 segment_id)
{
	return rewrite_run(index, &segment_id, 1, false);
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

/*
 * The maintenance lock is held all the time: VACUUM has no snapshot that would
 * keep the sources' pages if somebody else retired them meanwhile.  What is
 * written is one segment at most, in a tenth of a second.
 */
bool
index_merge_small(Relation index, uint32 seal_rows)
{
	Manifest   *manifest = manifest_read(index);
	uint32	   *ids = palloc(sizeof(uint32) * Max(manifest->nsegments, 1));
	uint64		live = 0;
	uint64		dead = 0;
	int			nids = 0;
	int			npages = 1;		/* for the new descriptor */
	uint32		last_page = 0;

	for (int i = 0; i < manifest->nsegments; i++)
	{
		const SegmentInfo *info = &manifest->segments[i];
		uint32		rows = info->nrows - Min(info->ndead, info->nrows);

		if (info->state != SEGMENT_SEALED ||
			(rows > MERGE_SMALL_FRACTION * seal_rows && info->ndead < rows))
			continue;
		if (live + rows > seal_rows || nids == MERGE_MAX_SOURCES)
			continue;
		/* The manifest lists segments page by page; a swap has few pages. */
		if (info->descriptor_page != last_page &&
			++npages > MANIFEST_SWAP_PAGES)
			break;
		last_page = info->descriptor_page;
		ids[nids++] = info->id;
		live += rows;
		dead += info->ndead;
	}
	if (nids == 0 || (dead < live && nids < MERGE_MIN_SOURCES) ||
		!rewrite_run(index, ids, nids, true))
		return false;
	manifest_pass_horizon();
	return true;
}

/*
 * Replace segments by one.  locked: the caller holds the maintenance lock;
 * otherwise the caller has a snapshot, and the lock is taken to publish.
 * False when a source was not there (any more), and nothing has changed.
 */
static bool
rewrite_run(Relation index, const uint32 *ids, int nids, bool locked)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "vectordb rewrite",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Rewrite    *rewrite = rewrite_begin(index, ids, nids);
	bool		done = false;

	if (rewrite != NULL)
	{
		uint32		new_id = 0;

		rewrite_list_rows(rewrite);
		if (rewrite->nrows > 0)
			new_id = rewrite_write(rewrite);
		if (!locked)
			maintenance_lock_patiently(index);
		done = rewrite_publish(rewrite, new_id);
		if (!locked)
			maintenance_unlock(index);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return done;
}

/* Open the sources; NULL when one of them is not a sealed segment. */
static Rewrite *
rewrite_begin(Relation index, const uint32 *ids, int nids)
{
	Manifest   *manifest = manifest_read(index);
	Rewrite    *rewrite = palloc0(sizeof(Rewrite));

	rewrite->index = index;
	rewrite->identity = manifest->identity;
	rewrite->nsources = nids;
	rewrite->sources = palloc0(sizeof(RewriteSource) * nids);
	rewrite->page_number = SEGMENT_NO_PAGE;
	for (int i = 0; i < nids; i++)
	{
		const SegmentInfo *info = rewrite_find(manifest, ids[i]);

		if (info == NULL || info->state != SEGMENT_SEALED)
			return NULL;
		rewrite->sources[i].info = *info;
		rewrite->sources[i].reader = segment_open(index, &manifest->identity,
												  info);
	}
	return rewrite;
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

/* What dies after this is carried over when the segment is published. */
static void
rewrite_list_rows(Rewrite *rewrite)
{
	rewrite_read_dead(rewrite);
	for (int i = 0; i < rewrite->nsources; i++)
		rewrite->max_rows += rewrite->sources[i].info.nrows -
			rewrite->sources[i].info.ndead;
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

		for (uint32 position = 0; position < end; position++)
		{
			RewriteRow	row = {i, position};
			RowClass	found;

			if (!rewrite_row_class(rewrite, row, &found) || found != class)
				continue;
			if (rewrite->nrows == rewrite->max_rows)
				page_report_damage(rewrite->index,
								   rewrite->sources[i].info.header,
								   "The segment has more rows than the manifest says.");
			rewrite->rows[rewrite->nrows++] = row;
		}
	}
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
	CHECK_FOR_INTERRUPTS();
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
static bool
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
static void
rewrite_read_dead(Rewrite *rewrite)
{
	for (int i = 0; i < rewrite->nsources; i++)
	{
		RewriteSource *source = &rewrite->sources[i];

		if (source->dead != NULL)
			pfree(source->dead);
		if (segment_has_planes(source->info.kind))
			source->dead = segment_read_dead(source->reader);
	}
	rewrite->page_number = SEGMENT_NO_PAGE;
}

/* ----------------------------------------------------------------------
 * Writing
 * ----------------------------------------------------------------------
 */

static uint32
rewrite_write(Rewrite *rewrite)
{
	uint32		level = 0;
	SegmentWriter *writer;

	for (int i = 0; i < rewrite->nsources; i++)
		level = Max(level, rewrite->sources[i].info.level);
	writer = segment_writer_begin(rewrite->index, &rewrite->identity,
								  rewrite->class_rows, Min(level + 1, 255));
	for (uint32 i = 0; i < rewrite->nrows; i++)
	{
		RewriteRow	row = rewrite->rows[i];

		if (segment_has_planes(rewrite->sources[row.source].info.kind))
			rewrite_add_planes(rewrite, writer, row);
		else
			rewrite_add_slot(rewrite, writer, row);
	}
	return segment_writer_finish(writer);
}

static void
rewrite_add_slot(Rewrite *rewrite, SegmentWriter *writer, RewriteRow row)
{
	const SegmentShape *shape = &rewrite->sources[row.source].reader->shape;
	FineSlot   *fine = rewrite_slot(rewrite, row);
	CoarseSlot *coarse = rows_page_coarse(shape, rewrite->page.data,
										  row.position % shape->rows_per_page);
	PlanesRow	planes = {
		.tid = fine->tid,
		.class = fine->class,
		.coarse = coarse->code,
		.fine = fine->code,
		.coarse_factors = coarse->factors,
		.radius = fine->radius
	};

	segment_writer_add(writer, &planes);
}

static void
rewrite_add_planes(Rewrite *rewrite, SegmentWriter *writer,
				   RewriteRow from)
{
	SegmentReader *reader = rewrite->sources[from.source].reader;
	uint32		number = from.position;
	const SegmentShape *shape = &reader->shape;
	Buffer		coarse = InvalidBuffer;
	Buffer		fine = InvalidBuffer;
	bool		coarse_locked = false;
	bool		fine_locked = false;
	bool		tids_locked;
	Buffer		tids = segment_pin_area(reader, AREA_TIDS, number,
										&tids_locked);
	PlanesRow	row = {0};

	CHECK_FOR_INTERRUPTS();
	row.tid = *tids_page_tid(BufferGetPage(tids), number % TIDS_PER_PAGE);
	page_unpin(tids, tids_locked);
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
	if (row.class == ROW_BOUNDED && graph_has_row_codes(reader))
		rewrite_split_node(rewrite, reader, number, &row);
	if (row.class == ROW_BOUNDED && reader->has_fine)
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

/*
 * The fine plane of a row whose code is in a node alone.  The coarse plane and
 * its factors are what they are in the segment, bit for bit.
 */
static void
rewrite_split_node(Rewrite *rewrite, const SegmentReader *reader,
				   uint32 number, PlanesRow *row)
{
	const IndexIdentity *identity = &rewrite->identity;
	const GraphNode *node;
	RowFactors	coarse_factors;
	Buffer		buffer;
	bool		locked;

	if (rewrite->space == NULL)
	{
		rewrite->space = quant_space_create(identity->dim, identity->metric,
											identity->bits, identity->seed,
											NULL);
		rewrite->coarse = palloc(rewrite->space->plane_bytes);
		rewrite->fine = palloc(rewrite->space->plane_bytes);
	}
	node = graph_pin_row_code(reader, number, rewrite->space->row_bytes,
							  &buffer, &locked);
	quant_split(rewrite->space, graph_node_code(node), &node->factors,
				rewrite->coarse, rewrite->fine, &coarse_factors);
	row->fine = rewrite->fine;
	row->radius = node->factors.radius;
	page_unpin(buffer, locked);
	Assert(memcmp(row->coarse, rewrite->coarse,
				  rewrite->space->plane_bytes) == 0);
}

/* ----------------------------------------------------------------------
 * Publishing
 * ----------------------------------------------------------------------
 */

/*
 * Put the new segment (0: there is none, all rows are dead) in the place of
 * the sources, with the maintenance lock held.  False when somebody else
 * retired one of them meanwhile; then the new segment is given back.
 */
static bool
rewrite_publish(Rewrite *rewrite, uint32 new_id)
{
	Manifest   *manifest = manifest_read_all(rewrite->index);
	bool		there = rewrite_sources_are_there(rewrite, manifest);

	if (there)
	{
		uint32		ndead = 0;
		uint32	   *old_ids = palloc(sizeof(uint32) * rewrite->nsources);
		ManifestSwap swap = {.nold = rewrite->nsources,.old_ids = old_ids};

		for (int i = 0; i < rewrite->nsources; i++)
			old_ids[i] = rewrite->sources[i].info.id;
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
	return there;
}

static bool
rewrite_sources_are_there(Rewrite *rewrite, const Manifest *manifest)
{
	for (int i = 0; i < rewrite->nsources; i++)
	{
		const SegmentInfo *info =
		rewrite_find(manifest, rewrite->sources[i].info.id);

		if (info == NULL || info->state != SEGMENT_SEALED)
			return false;
	}
	return true;
}

/* Mark the rows that died since they were listed; returns how many. */
static uint32
rewrite_carry_over(Rewrite *rewrite, const SegmentInfo *new_info)
{
	uint32	   *died = palloc_extended(sizeof(uint32) * rewrite->nrows,
									   MCXT_ALLOC_HUGE);
	uint32		ndied = 0;

	rewrite_read_dead(rewrite);
	for (uint32 i = 0; i < rewrite->nrows; i++)
	{
		RowClass	class;

		if (!rewrite_row_class(rewrite, rewrite->rows[i], &class))
			died[ndied++] = i;
	}
	if (ndied > 0)
		segment_mark_dead(rewrite->index, &rewrite->identity, new_info, died,
						  ndied);
	return ndied;
}
