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

#include "am/common/graph_job.h"
#include "am/common/rewrite.h"
#include "base/compat.h"
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

/* How segments are replaced. */
typedef struct RewriteHow
{
	bool		locked;			/* the maintenance lock is held */
	bool		graph;			/* the new segment is to have a graph */
	bool		alone;			/* nobody else can see the index */
	int			nworkers;		/* graph: to help */
} RewriteHow;

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

	/* Live rows of the sources, ordered by class. */
	RewriteRow *rows;
	uint32		nrows;
	uint64		max_rows;		/* live rows by the manifest */
	uint32		class_rows[4];

	/* Page of rows that was read last. */
	PGAlignedBlock page;
	uint32		page_source;
	uint32		page_number;

	/* Planes of the row that was read last, and its code put together. */
	QuantSpace *space;
	uint8	   *coarse;
	uint8	   *fine;
	uint8	   *code;

	const RewriteHow *how;
	uint32	   *places;			/* row that rows[i] becomes; NULL: row i */
	bool		forgotten;		/* the sources are no more */
} Rewrite;

static int	rewrite_build_graphs(Relation index, const RewriteHow *how);
static bool rewrite_wants_graph(const Manifest *manifest,
								const SegmentInfo *info);
static bool rewrite_run(Relation index, const uint32 *ids, int nids,
						const RewriteHow *how);
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
static uint32 rewrite_write_graph(Rewrite *rewrite);
static void rewrite_read_row(Rewrite *rewrite, RewriteRow from,
							 PlanesRow *row);
static void rewrite_read_slot(Rewrite *rewrite, RewriteRow from,
							  PlanesRow *row);
static void rewrite_read_planes(Rewrite *rewrite, RewriteRow from,
								PlanesRow *row);
static void rewrite_read_coarse(Rewrite *rewrite, const SegmentReader *reader,
								uint32 number, PlanesRow *row);
static void rewrite_read_fine(Rewrite *rewrite, const SegmentReader *reader,
							  uint32 number, PlanesRow *row);
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
	static const RewriteHow how = {0};

	return rewrite_run(index, &segment_id, 1, &how);
}

int
index_build_pending(Relation heap, Relation index)
{
	Manifest   *manifest;
	RewriteHow	how = {.graph = true};
	int			nbuilt = 0;

	growing_seal(index);
	maintenance_lock_patiently(index);
	manifest_finish_pending(index);
	manifest_retire_empty(index);
	maintenance_unlock(index);

	manifest = manifest_read(index);
	if (graph_job_supported(&manifest->identity))
	{
		how.nworkers = graph_job_workers(heap, index);
		nbuilt = rewrite_build_graphs(index, &how);
		manifest = manifest_read(index);
	}
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

void
index_build_graphs(Relation index, int nworkers)
{
	RewriteHow	how = {.graph = true,.alone = true,.nworkers = nworkers};

	(void) rewrite_build_graphs(index, &how);
}

/*
 * Segments that have no graph, or one with many dead rows, are put together,
 * as many at a time as maintenance_work_mem allows.  Returns how many segments
 * were written.
 */
static int
rewrite_build_graphs(Relation index, const RewriteHow *how)
{
	Manifest   *manifest = manifest_read(index);
	uint32		max_rows = graph_job_max_rows(index, &manifest->identity,
											  (Size) maintenance_work_mem *
											  1024);
	uint32	   *ids = palloc(sizeof(uint32) * Max(manifest->nsegments, 1));
	int			nbuilt = 0;
	int			next = 0;

	while (next < manifest->nsegments)
	{
		RewriteHow	this = *how;
		uint64		rows = 0;
		uint32		last_page = 0;
		int			npages = 1; /* for the new descriptor */
		int			nids = 0;
		bool		all = true;

		CHECK_FOR_INTERRUPTS();
		for (; next < manifest->nsegments; next++)
		{
			const SegmentInfo *info = &manifest->segments[next];
			uint32		live = info->nrows - Min(info->ndead, info->nrows);

			if (!rewrite_wants_graph(manifest, info))
			{
				all = false;
				continue;
			}
			if (nids > 0 && rows + live > max_rows)
				break;
			if (info->descriptor_page != last_page &&
				++npages > MANIFEST_SWAP_PAGES)
				break;
			last_page = info->descriptor_page;
			ids[nids++] = info->id;
			rows += live;
		}
		if (nids == 0 || rows < GRAPH_MIN_ROWS || rows > max_rows)
			continue;
		/* What is in memory need not stay on disk. */
		this.alone = how->alone && all && nids == manifest->nsegments;
		if (rewrite_run(index, ids, nids, &this))
			nbuilt++;
	}
	return nbuilt;
}

static bool
rewrite_wants_graph(const Manifest *manifest, const SegmentInfo *info)
{
	return info->state == SEGMENT_SEALED &&
		(info->kind != SEGMENT_GRAPH ||
		 (info->ndead > 0 &&
		  info->ndead >= REWRITE_DEAD_FRACTION * info->nrows));
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
	static const RewriteHow how = {.locked = true};
	uint64		live = 0;
	uint64		dead = 0;
	int			nids = 0;
	int			npages = 1;		/* for the new descriptor */
	uint32		last_page = 0;

	for (int i = 0; i < manifest->nsegments; i++)
	{
		const SegmentInfo *info = &manifest->segments[i];
		uint32		rows = info->nrows - Min(info->ndead, info->nrows);

		/* What is written has no graph: that is not for VACUUM to decide. */
		if (info->state != SEGMENT_SEALED ||
			(info->kind == SEGMENT_GRAPH && rows >= GRAPH_MIN_ROWS) ||
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
		!rewrite_run(index, ids, nids, &how))
		return false;
	manifest_pass_horizon();
	return true;
}

/*
 * Replace segments by one.  Unless the maintenance lock is held already, the
 * caller has a snapshot, and the lock is taken to publish.  False when a
 * source was not there (any more), and nothing has changed.
 */
static bool
rewrite_run(Relation index, const uint32 *ids, int nids,
			const RewriteHow *how)
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

		rewrite->how = how;
		rewrite_list_rows(rewrite);
		if (how->graph && rewrite->class_rows[ROW_BOUNDED] >= GRAPH_MIN_ROWS)
			new_id = rewrite_write_graph(rewrite);
		else if (rewrite->nrows > 0)
			new_id = rewrite_write(rewrite);
		if (!how->locked)
			maintenance_lock_patiently(index);
		done = rewrite_publish(rewrite, new_id);
		if (!how->locked)
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
	rewrite->space = quant_space_create(manifest->identity.dim,
										manifest->identity.metric,
										manifest->identity.bits,
										manifest->identity.seed, NULL);
	rewrite->coarse = palloc0(rewrite->space->plane_bytes);
	rewrite->fine = palloc0(rewrite->space->plane_bytes);
	rewrite->code = palloc0(rewrite->space->row_bytes);
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
		PlanesRow	row;

		rewrite_read_row(rewrite, rewrite->rows[i], &row);
		segment_writer_add(writer, &row);
	}
	return segment_writer_finish(writer);
}

/* The same as a graph segment, whose rows are in an order of their own. */
static uint32
rewrite_write_graph(Rewrite *rewrite)
{
	GraphJob   *job = graph_job_begin(rewrite->index,
									  &rewrite->identity,
									  rewrite->class_rows,
									  rewrite->how->nworkers);
	uint32		level = 0;
	uint32		id;
	Size		places_bytes = sizeof(uint32) * (Size) rewrite->nrows;

	for (int i = 0; i < rewrite->nsources; i++)
		level = Max(level, rewrite->sources[i].info.level);
	for (uint32 i = 0; i < rewrite->nrows; i++)
	{
		PlanesRow	row;

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		rewrite_read_row(rewrite, rewrite->rows[i], &row);
		if (row.class == ROW_BOUNDED)
		{
			RowFactors	factors;

			quant_join(rewrite->space, rewrite->coarse, rewrite->fine,
					   row.coarse_factors.scale, row.radius, rewrite->code,
					   &factors);
			graph_job_add(job, rewrite->code, &factors, &row.tid);
		}
		else
			graph_job_add_tid(job, &row.tid);
	}
	if (rewrite->how->alone)
	{
		manifest_forget(rewrite->index);
		rewrite->forgotten = true;
	}
	id = graph_job_write(job, Min(level + 1, 255));
	rewrite->places = palloc_extended(places_bytes, MCXT_ALLOC_HUGE);
	memcpy(rewrite->places, graph_job_places(job), places_bytes);
	graph_job_end(job);
	return id;
}

/* A row of a source; its planes are copies, good until the next call. */
static void
rewrite_read_row(Rewrite *rewrite, RewriteRow from, PlanesRow *row)
{
	memset(row, 0, sizeof(PlanesRow));
	if (segment_has_planes(rewrite->sources[from.source].info.kind))
		rewrite_read_planes(rewrite, from, row);
	else
		rewrite_read_slot(rewrite, from, row);
	row->coarse = rewrite->coarse;
	row->fine = rewrite->fine;
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

	CHECK_FOR_INTERRUPTS();
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
	bool		there = rewrite->forgotten ||
	rewrite_sources_are_there(rewrite, manifest);

	if (there)
	{
		uint32		ndead = 0;
		uint32	   *old_ids = palloc(sizeof(uint32) * rewrite->nsources);
		ManifestSwap swap = {.nold = rewrite->nsources,.old_ids = old_ids};

		for (int i = 0; i < rewrite->nsources; i++)
			old_ids[i] = rewrite->sources[i].info.id;
		if (rewrite->forgotten)
			swap.nold = 0;
		if (new_id != 0)
		{
			if (!rewrite->forgotten)
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

static int
rewrite_compare_rows(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return x < y ? -1 : x > y;
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
			died[ndied++] = rewrite->places == NULL ? i :
				rewrite->places[i];
	}
	if (rewrite->places != NULL)
		qsort(died, ndied, sizeof(uint32), rewrite_compare_rows);
	if (ndied > 0)
		segment_mark_dead(rewrite->index, &rewrite->identity, new_info, died,
						  ndied);
	return ndied;
}
