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

#include <math.h>

#include "am/common/graph_job.h"
#include "am/common/rewrite.h"
#include "am/common/rewrite_state.h"
#include "base/background.h"
#include "base/compat.h"
#include "base/debug_points.h"
#include "miscadmin.h"
#include "storage/growing.h"
#include "utils/memutils.h"

/*
 * A segment becomes no more graphs than these: their descriptors must find
 * room in the pages of one swap.
 */
#define REWRITE_MAX_PARTS 64

static int	rewrite_build_graphs(Relation index, const RewriteHow *how);
static void rewrite_report_memory(Relation index,
								  const IndexIdentity *identity,
								  uint64 nrows);
static bool rewrite_wants_graph(const Manifest *manifest,
								const SegmentInfo *info);
static Rewrite *rewrite_begin(Relation index, const uint32 *ids, int nids);
static const SegmentInfo *rewrite_find(const Manifest *manifest, uint32 id);
static void rewrite_write(Rewrite *rewrite);
static uint32 rewrite_level(const Rewrite *rewrite);
static void rewrite_write_graphs(Rewrite *rewrite);
static uint32 rewrite_write_graph(Rewrite *rewrite, uint32 first, uint32 end);
static void rewrite_add_to_graph(Rewrite *rewrite, GraphJob *job,
								 uint32 first, uint32 end);
static bool rewrite_publish(Rewrite *rewrite);
static bool rewrite_sources_are_there(Rewrite *rewrite,
									  const Manifest *manifest);
static uint32 *rewrite_carry_over(Rewrite *rewrite,
								  const Manifest *manifest);

/*
 * The maintenance lock is taken to publish, unless it is held already.  The
 * lock of jobs is held meanwhile, if it can be had, so that VACUUM does not
 * merge the sources and make this work vain.
 */
bool
index_rewrite(Relation index, const uint32 *ids, int nids,
			  const RewriteHow *how)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "vectordb rewrite",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		reserved = !how->locked && sources_try_lock(index);
	Rewrite    *rewrite;
	bool		done = false;

	rewrite_reading = 0;
	rewrite = rewrite_begin(index, ids, nids);
	if (rewrite != NULL)
	{
		rewrite->how = how;
		rewrite_list_rows(rewrite);
		if (how->graph && rewrite->class_rows[ROW_BOUNDED] >= GRAPH_MIN_ROWS)
			rewrite_write_graphs(rewrite);
		else if (rewrite->nrows > 0)
			rewrite_write(rewrite);
		if (!how->locked)
			maintenance_lock_patiently(index);
		done = rewrite_publish(rewrite);
		if (!how->locked)
			maintenance_unlock(index);
	}
	if (reserved)
		sources_unlock(index);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return done;
}

bool
index_rewrite_segment(Relation index, uint32 segment_id)
{
	static const RewriteHow how = {0};

	return index_rewrite(index, &segment_id, 1, &how);
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
		how.help.nworkers = graph_job_workers(heap, index);
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
		/* No memory for a new graph: the old one is better than none. */
		if (info->kind == SEGMENT_GRAPH &&
			info->nrows - info->ndead >= GRAPH_MIN_ROWS)
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
	RewriteHow	how = {.graph = true,.alone = true,.help = {nworkers}};
	int			nbuilt = rewrite_build_graphs(index, &how);

	if (nbuilt > 1)
		ereport(NOTICE,
				errmsg("index \"%s\" has %d graphs, for maintenance_work_mem holds no more of its rows at a time",
					   RelationGetRelationName(index), nbuilt),
				errhint("Increase maintenance_work_mem to speed up searches."));
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
	uint64		lacking = 0;
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
		if (max_rows < Max(GRAPH_MIN_ROWS, rows / REWRITE_MAX_PARTS))
		{
			lacking += rows;
			continue;
		}
		if (nids == 0 || rows < GRAPH_MIN_ROWS)
			continue;
		this.max_rows = max_rows;
		/* What is in memory need not stay on disk. */
		this.alone = how->alone && all && nids == manifest->nsegments;
		if (index_rewrite(index, ids, nids, &this))
			nbuilt++;
	}
	if (lacking >= GRAPH_MIN_ROWS)
		rewrite_report_memory(index, &manifest->identity, lacking);
	return nbuilt;
}

static void
rewrite_report_memory(Relation index, const IndexIdentity *identity,
					  uint64 nrows)
{
	double		bytes = nrows * graph_job_row_memory(index, identity);

	ereport(NOTICE,
			errmsg("no graph was built for " UINT64_FORMAT " rows of index \"%s\", for maintenance_work_mem has no room for it",
				   nrows, RelationGetRelationName(index)),
			errdetail("Searches read these rows."),
			errhint("Set maintenance_work_mem to %.0f MB or more, and call vectordb.build().",
					ceil(bytes / (1024 * 1024))));
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
		!index_rewrite(index, ids, nids, &how))
		return false;
	manifest_pass_horizon();
	return true;
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
		rewrite_reading = info->id;
		rewrite->sources[i].info = *info;
		rewrite->sources[i].reader = segment_open(index, &manifest->identity,
												  info);
	}
	rewrite_reading = 0;
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
 * Writing
 * ----------------------------------------------------------------------
 */

static void
rewrite_write(Rewrite *rewrite)
{
	SegmentWriter *writer = segment_writer_begin(rewrite->index,
												 &rewrite->identity,
												 rewrite->class_rows,
												 rewrite_level(rewrite));

	for (uint32 i = 0; i < rewrite->nrows; i++)
	{
		PlanesRow	row;

		rewrite_read_row(rewrite, rewrite->rows[i], &row);
		segment_writer_add(writer, &row);
	}
	rewrite->nparts = 1;
	rewrite->part_rows = Max(rewrite->class_rows[ROW_BOUNDED], 1);
	rewrite->new_ids = palloc(sizeof(uint32));
	rewrite->new_ids[0] = segment_writer_finish(writer);
}

static uint32
rewrite_level(const Rewrite *rewrite)
{
	uint32		level = 0;

	for (int i = 0; i < rewrite->nsources; i++)
		level = Max(level, rewrite->sources[i].info.level);
	return Min(level + 1, 255);
}

/* The same as graph segments, whose rows are in an order of their own. */
static void
rewrite_write_graphs(Rewrite *rewrite)
{
	uint32		nbounded = rewrite->class_rows[ROW_BOUNDED];
	uint32		max_rows = Max(rewrite->how->max_rows, GRAPH_MIN_ROWS);

	rewrite->nparts = (nbounded + max_rows - 1) / max_rows;
	rewrite->part_rows = (nbounded + rewrite->nparts - 1) / rewrite->nparts;
	rewrite->new_ids = palloc(sizeof(uint32) * rewrite->nparts);
	rewrite->places = palloc_extended(sizeof(uint32) * (Size) rewrite->nrows,
									  MCXT_ALLOC_HUGE);
	for (int i = 0; i < rewrite->nparts; i++)
	{
		uint32		first = i * rewrite->part_rows;

		rewrite->new_ids[i] =
			rewrite_write_graph(rewrite, first,
								Min(first + rewrite->part_rows, nbounded));
	}
}

/* Of bounded rows first to end - 1, and all others if these are the last. */
static uint32
rewrite_write_graph(Rewrite *rewrite, uint32 first, uint32 end)
{
	uint32		nbounded = rewrite->class_rows[ROW_BOUNDED];
	uint32		class_rows[4] = {end - first};
	uint32		nother = 0;
	GraphJob   *job;
	uint32		id;
	const uint32 *places;

	if (end == nbounded)
	{
		memcpy(class_rows + 1, rewrite->class_rows + 1, 3 * sizeof(uint32));
		nother = rewrite->nrows - nbounded;
	}
	job = graph_job_begin(rewrite->index, &rewrite->identity, class_rows,
						  &rewrite->how->help);
	rewrite_add_to_graph(rewrite, job, first, end);
	rewrite_add_to_graph(rewrite, job, nbounded, nbounded + nother);
	if (rewrite->how->alone && rewrite->nparts == 1)
	{
		manifest_forget(rewrite->index);
		rewrite->forgotten = true;
		debug_point("graph-sources-forgotten");
	}
	id = graph_job_write(job, rewrite_level(rewrite));
	places = graph_job_places(job);
	memcpy(rewrite->places + first, places, sizeof(uint32) * (end - first));
	memcpy(rewrite->places + nbounded, places + (end - first),
		   sizeof(uint32) * nother);
	graph_job_end(job);
	return id;
}

static void
rewrite_add_to_graph(Rewrite *rewrite, GraphJob *job, uint32 first,
					 uint32 end)
{
	for (uint32 i = first; i < end; i++)
	{
		PlanesRow	row;
		RowFactors	factors;

		if (i % 1024 == 0)
			background_check();
		rewrite_read_row(rewrite, rewrite->rows[i], &row);
		if (row.class != ROW_BOUNDED)
		{
			graph_job_add_tid(job, &row.tid);
			continue;
		}
		quant_join(rewrite->space, rewrite->coarse, rewrite->fine,
				   row.coarse_factors.scale, row.radius, rewrite->code,
				   &factors);
		graph_job_add(job, rewrite->code, &factors, &row.tid);
	}
}

/* ----------------------------------------------------------------------
 * Publishing
 * ----------------------------------------------------------------------
 */

/*
 * Put the new segments (none, if all rows are dead) in the place of
 * the sources, with the maintenance lock held.  False when somebody else
 * retired one of them meanwhile; then the new segment is given back.
 */
static bool
rewrite_publish(Rewrite *rewrite)
{
	Manifest   *manifest = manifest_read_all(rewrite->index);
	bool		there = rewrite->forgotten ||
	rewrite_sources_are_there(rewrite, manifest);

	if (there)
	{
		uint32	   *old_ids = palloc(sizeof(uint32) * rewrite->nsources);
		ManifestSwap swap = {
			.nnew = rewrite->nparts,.new_ids = rewrite->new_ids,
			.nold = rewrite->nsources,.old_ids = old_ids
		};

		for (int i = 0; i < rewrite->nsources; i++)
			old_ids[i] = rewrite->sources[i].info.id;
		if (rewrite->forgotten)
			swap.nold = 0;
		else if (rewrite->nparts > 0)
			swap.new_dead = rewrite_carry_over(rewrite, manifest);
		manifest_swap(rewrite->index, &swap);
	}
	else
	{
		for (int i = 0; i < rewrite->nparts; i++)
			segment_writer_abandon(rewrite->index, rewrite->new_ids[i]);
	}
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

/* Mark the rows that died since they were listed; returns how many of each. */
static uint32 *
rewrite_carry_over(Rewrite *rewrite, const Manifest *manifest)
{
	uint32	   *ndied = palloc0(sizeof(uint32) * rewrite->nparts);
	uint32	  **died = palloc(sizeof(uint32 *) * rewrite->nparts);
	uint32		rest = rewrite->nrows - rewrite->class_rows[ROW_BOUNDED];

	for (int p = 0; p < rewrite->nparts; p++)
	{
		Size		nrows = rewrite->part_rows;

		if (p == rewrite->nparts - 1)
			nrows += rest;
		died[p] = palloc_extended(sizeof(uint32) * nrows, MCXT_ALLOC_HUGE);
	}
	rewrite_read_dead(rewrite);
	for (uint32 i = 0; i < rewrite->nrows; i++)
	{
		int			p = Min(i / rewrite->part_rows, rewrite->nparts - 1);
		RowClass	class;

		if (!rewrite_row_class(rewrite, rewrite->rows[i], &class))
			died[p][ndied[p]++] = rewrite->places == NULL ? i :
				rewrite->places[i];
	}
	for (int p = 0; p < rewrite->nparts; p++)
	{
		if (ndied[p] == 0)
			continue;
		qsort(died[p], ndied[p], sizeof(uint32), rewrite_compare_rows);
		segment_mark_dead(rewrite->index, &rewrite->identity,
						  rewrite_find(manifest, rewrite->new_ids[p]),
						  died[p], ndied[p]);
	}
	return ndied;
}
