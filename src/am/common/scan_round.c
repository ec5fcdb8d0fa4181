/*-------------------------------------------------------------------------
 *
 * scan_round.c
 *	  One pass over the segments: the next rows in the order of the scan.
 *
 * Reads coarse pages with a pin alone and pages of rows under a share lock
 * held for the arithmetic of one page, which is a few microseconds and calls
 * nothing that can wait or fail.  What a pass sees of a row it sees again in
 * each later one (codes do not change), so passes fit together exactly; rows
 * that die between them are left out, which harms nothing.
 *
 * Nothing is locked or pinned on entry or on return of any function here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "am/common/scan_graph.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"

/* A row whose first bound is known. */
typedef struct RoundRow
{
	uint64		place;
	float		bound;
	Page		page;			/* of rows, locked; NULL: it is in planes */
	const SegmentShape *shape;
	uint32		slot;
} RoundRow;

static void round_planes(IndexScan *scan, uint32 segment);
static void round_coarse(IndexScan *scan, uint32 segment, uint32 end,
						 const uint8 *dead);
static int	round_coarse_page(IndexScan *scan, uint32 segment, uint32 first,
							  Page page);
static void round_coarse_rows(IndexScan *scan, uint64 first, int nbounds,
							  const uint8 *dead);
static void round_class(IndexScan *scan, uint32 segment, RowClass class,
						const uint8 *dead);
static void round_rows(IndexScan *scan, uint32 segment);
static uint32 round_rows_page(IndexScan *scan, uint32 segment, uint32 page,
							  Buffer buffer);
static uint32 round_rows_bounds(IndexScan *scan, Page page,
								const SegmentShape *shape, uint32 nrows,
								uint64 first);

/* Key of a row whose place in the order needs no code. */
static inline uint64
round_class_key(const IndexScan *scan, RowClass class)
{
	if (scan->mode == SCAN_ALL_NULL || class == ROW_NULL)
		return scan_key(RANK_NULL, 0, true);
	if (scan->mode == SCAN_ALL_NAN || class == ROW_NAN)
		return scan_key(RANK_NAN, 0, true);
	return scan_key(RANK_DISTANCE, -INFINITY, true);
}

/*
 * In place: a round starts where the last one ended, and ends at the next page
 * when it has enough.  A page has no more rows than the collector has room for
 * beyond that, so that none is dropped.
 */
static inline bool
round_stops(IndexScan *scan, uint32 segment, uint32 row)
{
	if (!scan_in_place(scan) || scan->collector.count < scan->limit)
		return false;
	scan->lower.key = round_class_key(scan, ROW_NULL);
	scan->lower.place = scan_place(segment, row) - 1;
	scan->stopped = true;
	return true;
}

/* The place to start at. */
static inline uint64
round_first_place(const IndexScan *scan)
{
	if (!scan_in_place(scan) || scan->lower.key == 0)
		return 0;
	return scan->lower.place + 1;
}

/* Row of the segment to start with. */
static inline uint32
round_first_row(const IndexScan *scan, uint32 segment)
{
	uint64		first = round_first_place(scan);

	return scan_place_segment(first) == segment ? scan_place_row(first) : 0;
}

/* Bounds above this cannot be among the rows to be collected. */
static inline float
round_threshold(const IndexScan *scan)
{
	uint64		key = Min(scan->collector.threshold.key, scan->upper);

	if (scan_key_rank(key) != RANK_DISTANCE)
		return INFINITY;
	return scan_key_bound(key);
}

static inline void
round_add(IndexScan *scan, TopEntry entry)
{
	if (entry.key <= scan->upper && top_less(&scan->lower, &entry))
		top_collector_add(&scan->collector, entry);
}

static inline bool
round_needs_code(const IndexScan *scan, RowClass class)
{
	return class == ROW_BOUNDED &&
		(scan->mode == SCAN_BOUNDS || scan->filter == FILTER_BOUNDS);
}

/* Might rows of the class pass the filter? */
static inline bool
round_wants_class(const IndexScan *scan, RowClass class)
{
	return scan->filter == FILTER_NONE || class == ROW_BOUNDED ||
		class == ROW_UNBOUNDED;
}

void
scan_round(IndexScan *scan)
{
	scan->stopped = false;
	for (int i = scan_place_segment(round_first_place(scan));
		 i < scan->manifest->nsegments; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (round_stops(scan, i, 0))
			break;
		if (scan_graphs_walk(scan, i))
			continue;
		if (segment_has_planes(scan->readers[i]->kind))
			round_planes(scan, i);
		else
			round_rows(scan, i);
		if (scan->stopped)
			break;
	}
}

/* Bounds for a block of rows that may have a place in the round. */
static inline int
round_bounds(IndexScan *scan, const CodeBlock *block)
{
	scan->stats.rows_scanned += block->nrows;
	if (scan->filter == FILTER_BOUNDS)
		return quant_bounds_coarse(scan->filter_query, block, scan->farthest,
								   scan->work->bounds);
	return quant_bounds_coarse(scan->query, block, round_threshold(scan),
							   scan->work->bounds);
}

/* The final bound of a row, which may be on a page of rows that is locked. */
static inline float
round_final(IndexScan *scan, const QuantQuery *query, const RoundRow *row)
{
	if (row->page == NULL)
		return scan_row_bound(scan, query, row->place);
	scan->stats.rows_refined++;
	return scan_slot_bound(query, row->shape, row->page, row->slot);
}

/* The key of a row that round_bounds() has let pass; false: it is left out. */
static bool
round_code_key(IndexScan *scan, const RoundRow *row, uint64 *key)
{
	float		bound = row->bound;

	if (scan->filter == FILTER_BOUNDS)
	{
		if (round_final(scan, scan->filter_query, row) > scan->farthest)
			return false;
		if (scan->mode != SCAN_BOUNDS)
		{
			*key = round_class_key(scan, ROW_BOUNDED);
			return true;
		}
		bound = -INFINITY;
	}
	if (scan->by_final)
		bound = Max(bound, round_final(scan, scan->query, row));
	*key = scan_key(RANK_DISTANCE, bound, scan->by_final);
	return true;
}

/* ----------------------------------------------------------------------
 * Planes
 * ----------------------------------------------------------------------
 */

/*
 * Dead bits are copied, if there were any when the scan began; those set
 * later are seen when the row would be returned.
 */
static void
round_planes(IndexScan *scan, uint32 segment)
{
	const SegmentReader *reader = scan->readers[segment];
	uint8	   *dead = NULL;

	if (scan->manifest->segments[segment].ndead > 0)
	{
		dead = segment_read_dead(reader);
		scan->stats.pages += segment_area_pages(reader, AREA_DEAD);
	}

	for (int class = ROW_BOUNDED; class <= ROW_NULL && !scan->stopped; class++)
	{
		if (!round_wants_class(scan, class))
			continue;
		if (round_needs_code(scan, class))
			round_coarse(scan, segment, reader->class_first[class + 1], dead);
		else
			round_class(scan, segment, class, dead);
	}
	if (dead != NULL)
		pfree(dead);
}

static inline bool
round_is_dead(const uint8 *dead, uint32 row)
{
	return dead != NULL && (dead[row / 8] >> (row % 8) & 1) != 0;
}

/*
 * The coarse plane, rows 0 .. end - 1.  On a primary the next page is pinned
 * and fetched from memory while one is looked at: pages lie anywhere, and
 * waiting for the first lines of each would cost as much as the arithmetic.
 * In recovery pages are locked, and two of them had better not be.
 */
static void
round_coarse(IndexScan *scan, uint32 segment, uint32 end, const uint8 *dead)
{
	const SegmentReader *reader = scan->readers[segment];
	uint32		per_page = reader->shape.coarse_rows_per_page;
	uint32		row = round_first_row(scan, segment) / per_page * per_page;
	Buffer		next = InvalidBuffer;

	for (; row < end && !round_stops(scan, segment, row); row += per_page)
	{
		Buffer		buffer = next;
		bool		locked = false;
		int			nbounds;

		CHECK_FOR_INTERRUPTS();
		if (!BufferIsValid(buffer))
			buffer = segment_pin_area(reader, AREA_COARSE, row, &locked);
		next = InvalidBuffer;
		if (!locked && end - row > per_page)
		{
			bool		next_locked;

			next = segment_pin_area(reader, AREA_COARSE, row + per_page,
									&next_locked);
			Assert(!next_locked);
			page_prefetch(next, per_page *
						  (sizeof(RowFactors) + reader->shape.plane_bytes));
		}
		nbounds = round_coarse_page(scan, segment, row,
									BufferGetPage(buffer));
		page_unpin(buffer, locked);
		round_coarse_rows(scan, scan_place(segment, row), nbounds, dead);
	}
	if (BufferIsValid(next))
		ReleaseBuffer(next);
}

/*
 * The page of the coarse plane that begins with row "first": leaves rows in
 * bounds[], returns how many.
 */
static int
round_coarse_page(IndexScan *scan, uint32 segment, uint32 first, Page page)
{
	const SegmentReader *reader = scan->readers[segment];
	const SegmentShape *shape = &reader->shape;
	uint32		rest = reader->class_first[ROW_BOUNDED + 1] - first;
	CodeBlock	block;

	block.codes = coarse_page_codes(shape, page);
	block.stride = shape->plane_bytes;
	block.nrows = Min(shape->coarse_rows_per_page, rest);
	block.scale = coarse_page_scale(shape, page);
	block.norm_sq = coarse_page_norm_sq(shape, page);
	block.radius = coarse_page_radius(shape, page);
	scan->stats.pages++;
	return round_bounds(scan, &block);
}

/* Collect these rows; other pages may have to be read for it. */
static void
round_coarse_rows(IndexScan *scan, uint64 first, int nbounds,
				  const uint8 *dead)
{
	for (int i = 0; i < nbounds; i++)
	{
		RoundRow	row = {
			.place = first + scan->work->bounds[i].row,
			.bound = scan->work->bounds[i].bound
		};
		TopEntry	entry = {.place = row.place};

		if (!round_is_dead(dead, scan_place_row(row.place)) &&
			round_code_key(scan, &row, &entry.key))
			round_add(scan, entry);
	}
}

/* Rows of a class that share one key. */
static void
round_class(IndexScan *scan, uint32 segment, RowClass class,
			const uint8 *dead)
{
	const SegmentReader *reader = scan->readers[segment];
	TopEntry	entry = {.key = round_class_key(scan, class)};
	uint32		row = Max(reader->class_first[class],
						  round_first_row(scan, segment));
	uint32		end = reader->class_first[class + 1];

	if (row >= end)
		return;
	if (entry.key > Min(scan->collector.threshold.key, scan->upper))
		return;
	for (; row < end && !round_stops(scan, segment, row); row++)
	{
		if (row % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		entry.place = scan_place(segment, row);
		if (!round_is_dead(dead, row))
			round_add(scan, entry);
	}
}

/* ----------------------------------------------------------------------
 * Rows
 * ----------------------------------------------------------------------
 */

static void
round_rows(IndexScan *scan, uint32 segment)
{
	const SegmentReader *reader = scan->readers[segment];
	uint32		per_page = reader->shape.rows_per_page;
	uint32		page = round_first_row(scan, segment) / per_page;
	Buffer		next = InvalidBuffer;

	/* As in round_coarse(); only one page at a time is locked. */
	for (; page < reader->npages &&
		 !round_stops(scan, segment, page * per_page); page++)
	{
		Buffer		buffer = BufferIsValid(next) ? next :
		segment_pin_rows(reader, page);
		uint32		nfound;

		CHECK_FOR_INTERRUPTS();
		next = InvalidBuffer;
		if (page + 1 < reader->npages)
		{
			next = segment_pin_rows(reader, page + 1);
			page_prefetch(next, per_page * reader->shape.coarse_size);
		}
		segment_lock_rows(reader, buffer);
		nfound = round_rows_page(scan, segment, page, buffer);
		UnlockReleaseBuffer(buffer);
		for (uint32 i = 0; i < nfound; i++)
			round_add(scan, scan->work->found[i]);
	}
	if (BufferIsValid(next))
		ReleaseBuffer(next);
}

/*
 * One page of rows, under its share lock.  Leaves what might be collected in
 * found[], returns how many: the collector is not filled under the lock since
 * it has to sort now and then.
 */
static uint32
round_rows_page(IndexScan *scan, uint32 segment, uint32 page, Buffer buffer)
{
	const SegmentReader *reader = scan->readers[segment];
	const SegmentShape *shape = &reader->shape;
	uint64		first = scan_place(segment, page * shape->rows_per_page);
	uint32		nfound = 0;
	uint32		nrows;
	Page		content = BufferGetPage(buffer);
	bool		needs_code = round_needs_code(scan, ROW_BOUNDED);

	scan->stats.pages++;
	nrows = Min(rows_page_count(shape, content), SCAN_PAGE_ROWS);
	if (needs_code && nrows > 0)
		nfound = round_rows_bounds(scan, content, shape, nrows, first);
	if (needs_code && (page_stamp(content)->flags & ROWS_SPECIAL) == 0)
		return nfound;

	/* Rows whose place in the order needs no code. */
	for (uint32 i = 0; i < nrows; i++)
	{
		FineSlot   *slot = rows_page_fine(shape, content, i);

		if ((slot->flags & ROW_DEAD) != 0 ||
			round_needs_code(scan, slot->class) ||
			!round_wants_class(scan, slot->class))
			continue;
		scan->work->found[nfound].key = round_class_key(scan, slot->class);
		scan->work->found[nfound++].place = first + i;
	}
	return nfound;
}

/*
 * Rows of a locked page whose bounds are below the threshold; "first" is the
 * place of the page's first row.
 */
static uint32
round_rows_bounds(IndexScan *scan, Page page, const SegmentShape *shape,
				  uint32 nrows, uint64 first)
{
	CodeBlock	block = {
		.codes = rows_page_coarse(shape, page, 0)->code,
		.stride = shape->coarse_size,
		.nrows = nrows,
		.scale = scan->work->scale,
		.norm_sq = scan->work->norm_sq,
		.radius = scan->work->radius
	};
	uint32		nfound = 0;
	int			n;

	for (uint32 i = 0; i < nrows; i++)
	{
		const RowFactors *factors = &rows_page_coarse(shape, page, i)->factors;

		scan->work->scale[i] = factors->scale;
		scan->work->norm_sq[i] = factors->norm_sq;
		scan->work->radius[i] = factors->radius;
	}
	n = round_bounds(scan, &block);
	for (int i = 0; i < n; i++)
	{
		RoundRow	row = {
			.place = first + scan->work->bounds[i].row,
			.bound = scan->work->bounds[i].bound,
			.page = page,
			.shape = shape,
			.slot = scan->work->bounds[i].row
		};
		FineSlot   *fine = rows_page_fine(shape, page, row.slot);

		if ((fine->flags & ROW_DEAD) != 0 || fine->class != ROW_BOUNDED)
			continue;
		scan->work->found[nfound].place = row.place;
		if (round_code_key(scan, &row, &scan->work->found[nfound].key))
			nfound++;
	}
	return nfound;
}
