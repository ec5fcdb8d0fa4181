/*-------------------------------------------------------------------------
 *
 * scan_order.c
 *	  The order in which a scan returns rows.
 *
 * A round collects the rows with the smallest first bounds behind those of
 * the rounds before.  They wait in a heap; a row that comes to the top with
 * its first bound gets its final one and is put back, a row that comes to the
 * top with its final bound is returned, unless a row not yet collected might
 * come before it: then the next round is made first.  So only the rows that
 * are near enough are refined, and each row is returned exactly once, in the
 * order of (rank, final bound, segment, row).
 *
 * A radius around the query ends the scan where bounds reach it ("upper"); one
 * around another point filters rows in the rounds.
 *
 * Memory is bounded by work_mem.  Where first bounds tell so little that rows
 * pile up in the heap, rounds collect by final bound instead: what has been
 * returned is all that is up to "last" in that order, so the heap can be
 * thrown away and collected again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/scan_graph.h"
#include "am/common/scan_limits.h"
#include "miscadmin.h"

static const TopEntry *scan_first(const IndexScan *scan, const TopEntry *end);
static void scan_collect(IndexScan *scan);
static bool scan_reads_segments(const IndexScan *scan);
static uint32 scan_next_limit(IndexScan *scan);
static uint32 scan_first_limit(const IndexScan *scan);
static void scan_refine_top(IndexScan *scan);

void
scan_restart(IndexScan *scan)
{
	scan_start_rounds(scan);
	memset(&scan->last, 0, sizeof(TopEntry));
	scan->nreturned = 0;
	scan_graphs_start(scan);
}

void
scan_start_rounds(IndexScan *scan)
{
	static const TopEntry before_all = {0, 0};

	/* Who looks at the final bound for the filter has it for the order. */
	scan->by_final = scan->filter == FILTER_BOUNDS;
	scan->exhausted = false;
	scan->limit = 0;
	scan->lower = before_all;
	top_heap_reset(&scan->heap);
}

bool
scan_next(IndexScan *scan, TopEntry *entry, ItemPointer tid)
{
	const TopEntry end = {scan->upper, PG_UINT64_MAX};

	if (scan->empty || !scan_graphs_may_go_on(scan))
		return false;
	for (;;)
	{
		const TopEntry *top = scan_first(scan, &end);

		CHECK_FOR_INTERRUPTS();
		if (top == NULL)
		{
			if (!scan->exhausted)
				scan_collect(scan);
			else if (!scan_graphs_advance(scan, NULL))
				return false;
		}
		else if (top != &end && (top->key & SCAN_KEY_FINAL) == 0)
			scan_refine_top(scan);
		else if (!scan->exhausted && top_less(&scan->lower, top))
			scan_collect(scan);
		else if (!scan_graphs_advance(scan, top))
		{
			if (top == &end)
				return false;
			*entry = *top;
			top_heap_pop(&scan->heap);
			/* A dead row is not returned: others need not come after it. */
			if (!scan_graphs_accept(scan, entry) ||
				!scan_row_tid(scan, entry->place, tid))
				continue;
			if (top_less(&scan->last, entry))
				scan->last = *entry;
			scan->nreturned++;
			return true;
		}
	}
}

/*
 * The first of the rows that wait; the end of what is wanted, if none waits
 * that is before it; NULL if there is no such end.
 */
static const TopEntry *
scan_first(const IndexScan *scan, const TopEntry *end)
{
	const TopEntry *top = scan->heap.entries;

	if (scan->heap.count > 0 && top->key <= end->key)
		return top;
	return scan->upper == PG_UINT64_MAX ? NULL : end;
}

/* Make one more round and put what it finds into the heap. */
static void
scan_collect(IndexScan *scan)
{
	TopCollector *collector = &scan->collector;
	bool		is_first = scan->limit == 0;
	TopEntry	threshold;

	scan->limit = scan_next_limit(scan);
	top_collector_reset(collector, scan_in_place(scan) ?
						Max(scan->limit, SCAN_PAGE_ROWS) : scan->limit);
	if (scan->work == NULL && scan_reads_segments(scan))
		scan->work = MemoryContextAlloc(scan->context, sizeof(ScanWork));
	if (is_first && scan_sample_threshold(scan, &threshold))
		top_collector_limit(collector, threshold);
	scan_round(scan);
	top_collector_finish(collector);
	scan->stats.rounds++;

	if (collector->dropped)
		scan->lower = collector->threshold;
	else if (!scan->stopped)
		scan->exhausted = true;
	top_heap_add(&scan->heap, collector->entries, collector->count);
}

/* Are there segments to be read, not walked? */
static bool
scan_reads_segments(const IndexScan *scan)
{
	for (int i = 0; i < scan->manifest->nsegments; i++)
		if (!scan_graphs_walk(scan, i))
			return true;
	return false;
}

/*
 * Rows to collect in the next round.  Changes to rounds by final bound when
 * the heap has no room for a useful number of rows.
 */
static uint32
scan_next_limit(IndexScan *scan)
{
	uint32		limit;
	uint32		room;

	if (scan->limit == 0)
		return scan_first_limit(scan);

	limit = scan_round_next(scan->limit, scan->max_limit);
	if (scan->by_final)
		return limit;

	/* A round that drops nothing hands over up to twice its limit. */
	room = (scan->max_heap - Min(scan->heap.count, scan->max_heap)) / 2;
	if (room >= Min(limit, scan->max_limit / 8))
		return Min(limit, room);

	scan_graphs_stop(scan);
	scan->by_final = true;
	scan->lower = scan->last;
	top_heap_reset(&scan->heap);
	return scan->max_limit;
}

static uint32
scan_first_limit(const IndexScan *scan)
{
	uint64		rows = 0;

	for (int i = 0; i < scan->manifest->nsegments; i++)
	{
		const SegmentReader *reader = scan->readers[i];

		if (scan_graphs_walk(scan, i))
			continue;
		rows += segment_has_planes(reader->kind) ? reader->nrows :
			(uint64) reader->npages * reader->shape.rows_per_page;
	}
	return scan_round_first(rows, scan->max_limit);
}

/*
 * Replace the top's first bound by its final one.  Of two lower bounds the
 * larger is the better; the first one stays the key's floor, so that the
 * order never contradicts the one in which rows were collected.
 */
static void
scan_refine_top(IndexScan *scan)
{
	TopEntry	entry = scan->heap.entries[0];
	float		first = scan_key_bound(entry.key);
	float		final = scan_row_bound(scan, scan->query, entry.place);

	entry.key = scan_key(RANK_DISTANCE, Max(first, final), true);
	top_heap_replace(&scan->heap, entry);
}
