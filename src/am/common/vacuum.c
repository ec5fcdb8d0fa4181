/*-------------------------------------------------------------------------
 *
 * vacuum.c
 *	  VACUUM callbacks, the same for every access method.
 *
 * ambulkdelete marks dead rows; amvacuumcleanup finishes what crashes left,
 * gives up segments without a live row, and seals a growing segment that is
 * mostly dead, so that a small table that is updated for ever does not carry
 * its past along.  Rows are rewritten if few are left of many, and otherwise
 * only where vectordb.vacuum_build says so (design, rule 20).
 *
 * The maintenance lock is held from copying the manifest to the last mark
 * (rule 16): otherwise a merge could publish rows whose marks it has not seen.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/options.h"
#include "am/common/rewrite.h"
#include "am/common/vacuum.h"
#include "base/background.h"
#include "base/settings.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/growing.h"
#include "storage/proc.h"
#include "storage/manifest.h"
#include "storage/segment.h"
#include "utils/memutils.h"
#include "utils/relcache.h"

/* A growing segment of fewer pages is left alone, however dead. */
#define SEAL_DEAD_MIN_PAGES 16

static void vacuum_merge(Relation index);
static bool vacuum_is_for_wraparound(void);
static void vacuum_mark(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
						IndexBulkDeleteCallback callback,
						void *callback_state);
static void vacuum_seal(Relation index, const SegmentInfo *growing,
						uint32 ndead);
static bool vacuum_growing_is_mostly_dead(Relation index,
										  const Manifest *manifest,
										  const SegmentInfo *info,
										  uint32 ndead);
static void vacuum_estimate(IndexVacuumInfo *info,
							IndexBulkDeleteResult *stats);

/*
 * Every entry that is live is reported once through the callback and counted
 * once (rule 17): CREATE INDEX CONCURRENTLY adds what it does not see here.
 */
IndexBulkDeleteResult *
vacuum_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				   IndexBulkDeleteCallback callback, void *callback_state)
{
	MemoryContext context;
	MemoryContext old;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	else
		stats->num_index_tuples = 0;	/* an earlier pass counted these */

	context = AllocSetContextCreate(CurrentMemoryContext, "vectordb vacuum",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	maintenance_lock(info->index);
	vacuum_mark(info, stats, callback, callback_state);
	maintenance_unlock(info->index);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return stats;
}

IndexBulkDeleteResult *
vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	MemoryContext context;
	MemoryContext old;

	if (info->analyze_only)
		return stats;

	context = AllocSetContextCreate(CurrentMemoryContext, "vectordb vacuum",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	maintenance_lock(info->index);
	manifest_finish_pending(info->index);
	if (sources_try_lock(info->index))
	{
		manifest_retire_empty(info->index);
		sources_unlock(info->index);
	}
	maintenance_unlock(info->index);
	if (!vacuum_is_for_wraparound())
	{
		if (vdb_vacuum_merge)
			vacuum_merge(info->index);
		background_vacuum(info->index);
	}
	MemoryContextSwitchTo(old);
	background_wanted(info->index);

	if (stats == NULL)
	{
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		old = MemoryContextSwitchTo(context);
		vacuum_estimate(info, stats);
		MemoryContextSwitchTo(old);
	}
	MemoryContextDelete(context);
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	stats->pages_free = manifest_free_pages(info->index);
	return stats;
}

/*
 * The lock is given up between merges: others wait for it, too.  A worker
 * that reads segments will merge these itself.
 */
static void
vacuum_merge(Relation index)
{
	Manifest   *manifest = manifest_read(index);
	uint32		seal_rows = options_seal_rows(index, manifest->identity.dim);
	bool		merged;

	do
	{
		CHECK_FOR_INTERRUPTS();
		if (!sources_try_lock(index))
			return;
		maintenance_lock(index);
		merged = index_merge_small(index, seal_rows);
		maintenance_unlock(index);
		sources_unlock(index);
	} while (merged);
}

/* Such a VACUUM has no time for what can wait (rule 20). */
static bool
vacuum_is_for_wraparound(void)
{
	return (MyProc->statusFlags & PROC_VACUUM_FOR_WRAPAROUND) != 0;
}

static void
vacuum_mark(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
			IndexBulkDeleteCallback callback, void *callback_state)
{
	Manifest   *manifest = manifest_read(info->index);

	for (int i = 0; i < manifest->nsegments; i++)
	{
		const SegmentInfo *segment = &manifest->segments[i];
		uint32		ndead = segment_bulk_delete(info->index,
												&manifest->identity, segment,
												callback, callback_state,
												stats);

		if (segment->state == SEGMENT_GROWING &&
			vacuum_growing_is_mostly_dead(info->index, manifest, segment,
										  ndead))
			vacuum_seal(info->index, segment, ndead);
		else if (segment->state == SEGMENT_SEALED && ndead != segment->ndead)
			manifest_set_dead(info->index, segment->id, ndead);
	}
}

/* Dead rows are not counted before a segment is sealed. */
static void
vacuum_seal(Relation index, const SegmentInfo *growing, uint32 ndead)
{
	if (growing_seal(index) == growing->id)
		manifest_set_dead(index, growing->id, ndead);
}

static bool
vacuum_growing_is_mostly_dead(Relation index, const Manifest *manifest,
							  const SegmentInfo *info, uint32 ndead)
{
	SegmentReader *reader = segment_open(index, &manifest->identity, info);
	uint64		capacity = (uint64) reader->npages *
	reader->shape.rows_per_page;
	bool		mostly_dead = reader->npages >= SEAL_DEAD_MIN_PAGES &&
	(uint64) ndead * 2 >= capacity;

	segment_close(reader);
	return mostly_dead;
}

/*
 * No dead heap rows.  Entries are the rows of the table, unless the index is
 * partial: then what the manifest says is there, as full pages would hold it.
 */
static void
vacuum_estimate(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	Relation	index = info->index;
	Manifest   *manifest;

	if (RelationGetIndexPredicate(index) == NIL)
	{
		stats->num_index_tuples = Max(info->num_heap_tuples, 0);
		stats->estimated_count = info->estimated_count;
		return;
	}

	manifest = manifest_read(index);
	stats->estimated_count = true;
	for (int i = 0; i < manifest->nsegments; i++)
	{
		const SegmentInfo *segment = &manifest->segments[i];

		if (segment->state == SEGMENT_SEALED)
			stats->num_index_tuples += segment->nrows - segment->ndead;
		else
		{
			SegmentReader *reader = segment_open(index, &manifest->identity,
												 segment);

			stats->num_index_tuples += (double) reader->npages *
				reader->shape.rows_per_page;
			segment_close(reader);
		}
	}
}
