/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  The scan of a vector index: what the executor calls.
 *
 * The scan returns every row of the index in the order of a certain lower
 * bound of its distance, with xs_recheckorderby set: the executor computes
 * the distance from the heap row, which it needs anyway, and puts rows into
 * exact order (rule 1 of the design: each row is compared with its own bound
 * alone, so a bound is never raised to make the output look sorted).
 *
 * No LIMIT and no WHERE reach an access method (rule 4), so scan_order.c works
 * in rounds, each resuming where the last ended.
 *
 * A condition does (range.c): rows whose lower bound is not within its radius
 * are left out, the rest is for the executor to look at again.
 *
 * Relies on the snapshot of the scan being an MVCC snapshot that lasts as
 * long as the scan: the manifest and the ends of the growing segment are read
 * once, at the first query.  Rows that arrive later are not visible to it
 * (rule 6), and segments retired later keep their pages (rule 18).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "am/common/range.h"
#include "am/common/scan.h"
#include "am/common/scan_graph.h"
#include "am/common/scan_limits.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "type/vector.h"
#include "type/vector_check.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

static void scan_open_segments(IndexScan *scan);
static void scan_set_range(IndexScan *scan, IndexScanDesc desc);
static void scan_set_unordered(IndexScan *scan);
static void scan_set_query(IndexScan *scan, ScanKey key);
static void scan_store_distances(IndexScanDesc desc, uint64 key);

IndexScanDesc
scan_begin(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc desc = RelationGetIndexScan(index, nkeys, norderbys);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "vector index scan",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	IndexScan  *scan = palloc0(sizeof(IndexScan));

	scan->context = context;
	scan->query_context = AllocSetContextCreate(context, "vector query",
												ALLOCSET_DEFAULT_SIZES);
	scan->index = index;

	scan->max_limit = scan_round_most();
	scan->max_heap = scan->max_limit * 2;
	top_collector_init(&scan->collector);
	top_heap_init(&scan->heap);
	MemoryContextSwitchTo(old);

	if (norderbys > 0)
	{
		desc->xs_orderbyvals = palloc0(sizeof(Datum) * norderbys);
		desc->xs_orderbynulls = palloc(sizeof(bool) * norderbys);
		memset(desc->xs_orderbynulls, true, sizeof(bool) * norderbys);
	}
	desc->opaque = scan;
	return desc;
}

void
scan_rescan(IndexScanDesc desc, ScanKey keys, int nkeys, ScanKey orderbys,
			int norderbys)
{
	IndexScan  *scan = (IndexScan *) desc->opaque;
	MemoryContext old;

	if (keys != NULL && desc->numberOfKeys > 0)
		memmove(desc->keyData, keys, desc->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys != NULL && desc->numberOfOrderBys > 0)
		memmove(desc->orderByData, orderbys,
				desc->numberOfOrderBys * sizeof(ScanKeyData));

	if (!IsMVCCSnapshot(desc->xs_snapshot))
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("index \"%s\" can only be scanned with an MVCC snapshot",
					   RelationGetRelationName(scan->index)));

	pgstat_count_index_scan(scan->index);
	vdb_count_index_search(desc);
	scan->stats.rescans++;
	if (scan->manifest == NULL)
		scan_open_segments(scan);

	MemoryContextReset(scan->query_context);
	old = MemoryContextSwitchTo(scan->query_context);
	scan_set_range(scan, desc);
	if (desc->numberOfOrderBys > 0)
		scan_set_query(scan, &desc->orderByData[0]);
	else
		scan_set_unordered(scan);
	scan_restart(scan);
	MemoryContextSwitchTo(old);
}

bool
scan_gettuple(IndexScanDesc desc, ScanDirection direction)
{
	IndexScan  *scan = (IndexScan *) desc->opaque;
	TopEntry	entry;

	Assert(ScanDirectionIsForward(direction));
	if (!scan_next(scan, &entry, &desc->xs_heaptid))
		return false;

	scan->stats.rows_returned++;
	desc->xs_recheck = desc->numberOfKeys > 0;
	if (desc->numberOfOrderBys > 0)
		scan_store_distances(desc, entry.key);
	return true;
}

int64
scan_getbitmap(IndexScanDesc desc, TIDBitmap *bitmap)
{
	IndexScan  *scan = (IndexScan *) desc->opaque;
	TopEntry	entry;
	ItemPointerData tid;
	int64		nrows = 0;

	while (scan_next(scan, &entry, &tid))
	{
		tbm_add_tuples(bitmap, &tid, 1, true);
		nrows++;
	}
	scan->stats.rows_returned += nrows;
	return nrows;
}

void
scan_end(IndexScanDesc desc)
{
	IndexScan  *scan = (IndexScan *) desc->opaque;

	if (scan->stats.rescans > 0)
		scan_stats_report(&scan->stats, RelationGetRelationName(scan->index));
	MemoryContextDelete(scan->context);
	desc->opaque = NULL;
}

/* Copy the manifest and open all its segments, once for the whole scan. */
static void
scan_open_segments(IndexScan *scan)
{
	MemoryContext old = MemoryContextSwitchTo(scan->context);
	Manifest   *manifest = manifest_read(scan->index);
	const IndexIdentity *identity = &manifest->identity;
	float	   *centre = manifest_read_centre(scan->index, manifest);

	scan->space = quant_space_create(identity->dim, identity->metric,
									 identity->bits, identity->seed, centre);
	scan->readers = palloc(sizeof(SegmentReader *) *
						   Max(manifest->nsegments, 1));
	for (int i = 0; i < manifest->nsegments; i++)
	{
		CHECK_FOR_INTERRUPTS();
		scan->readers[i] = segment_open(scan->index, identity,
										&manifest->segments[i]);
	}
	scan->stats.segments = manifest->nsegments;
	scan->stats.pages += 1 + manifest->centre_npages + manifest->nsegments;
	scan->manifest = manifest;
	scan_graphs_open(scan);
	MemoryContextSwitchTo(old);
}

/*
 * A sphere around the point that rows are ordered by ends the scan; any other
 * one leaves rows out wherever they come in the order.
 */
static void
scan_set_range(IndexScan *scan, IndexScanDesc desc)
{
	Range		range = range_get(desc, scan->space);

	scan->upper = PG_UINT64_MAX;
	scan->filter = FILTER_NONE;
	scan->filter_query = NULL;
	scan->empty = range.kind == RANGE_NONE;
	if (range.kind != RANGE_SPHERE)
		return;
	if (range.is_order)
	{
		scan->upper = scan_key(RANK_DISTANCE, range.farthest, true);
		return;
	}
	scan->farthest = range.farthest;
	scan->filter_query = quant_query_create(scan->space,
											range.sphere.center->x);
	switch (scan->filter_query->class)
	{
		case QUERY_BOUNDED:
			scan->filter = FILTER_BOUNDS;
			break;
		case QUERY_UNBOUNDED:
			scan->filter = FILTER_CLASS;
			break;
		case QUERY_NAN:
			scan->empty = true;
			break;
	}
}

/* No order but that of the places: as if all distances were NULL. */
static void
scan_set_unordered(IndexScan *scan)
{
	scan->query = NULL;
	scan->mode = SCAN_ALL_NULL;
}

/*
 * The first key decides the order; any others are told -infinity, and the
 * executor sorts by them (rule 3).
 */
static void
scan_set_query(IndexScan *scan, ScanKey key)
{
	Vector	   *vector;

	scan->query = NULL;
	if ((key->sk_flags & SK_ISNULL) != 0)
	{
		scan->mode = SCAN_ALL_NULL;
		return;
	}

	/* Rows have the index's dimension, so this is what the operator says. */
	vector = DatumGetVector(key->sk_argument);
	if (vector->dim != scan->space->dim)
		vector_different_dims(scan->space->dim, vector->dim);

	scan->query = quant_query_create(scan->space, vector->x);
	switch (scan->query->class)
	{
		case QUERY_BOUNDED:
			scan->mode = SCAN_BOUNDS;
			break;
		case QUERY_UNBOUNDED:
			scan->mode = SCAN_NO_BOUNDS;
			break;
		case QUERY_NAN:
			scan->mode = SCAN_ALL_NAN;
			break;
	}
}

/*
 * Tell the executor the bound, by which it holds rows back until no nearer
 * one can come.
 */
static void
scan_store_distances(IndexScanDesc desc, uint64 key)
{
	Oid			types[INDEX_MAX_KEYS];
	IndexOrderByDistance distances[INDEX_MAX_KEYS];
	int			n = Min(desc->numberOfOrderBys, INDEX_MAX_KEYS);

	for (int i = 0; i < n; i++)
	{
		types[i] = FLOAT8OID;
		distances[i].isnull = false;
		distances[i].value = -get_float8_infinity();
	}
	switch (scan_key_rank(key))
	{
		case RANK_DISTANCE:
			distances[0].value = scan_key_bound(key);
			break;
		case RANK_NAN:
			distances[0].value = get_float8_nan();
			break;
		case RANK_NULL:
			distances[0].isnull = true;
			break;
	}
	index_store_float8_orderby_distances(desc, types, distances, true);
}
