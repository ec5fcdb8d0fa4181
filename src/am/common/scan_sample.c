/*-------------------------------------------------------------------------
 *
 * scan_sample.c
 *	  A bound that about as many rows are below as the first round collects.
 *
 * Without one, a round computes the bounds of every row until it has twice
 * the rows it wants, and of ever fewer from then on: of about
 * L (1 + ln(N / L)) rows of N for L that are collected.  With one, of L.
 *
 * Rows are looked at in small groups, spread evenly over all rows: neighbours
 * in an index have often been inserted together and resemble one another.  A
 * bound that is too small costs another round, and one that is too large
 * costs what a round without it would: so it need not be right.
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

/* Rows to look at, and how many together. */
#define SAMPLE_ROWS 1024
#define SAMPLE_GROUP 16

/* Of fewer rows in the index a sample would be too large a part. */
#define SAMPLE_MIN_ROWS (16 * SAMPLE_ROWS)

/* Rows below the bound, as a multiple of those that are collected. */
#define SAMPLE_MARGIN 1.5

/* The rank in the sample: fewer would leave too much to chance. */
#define SAMPLE_MIN_RANK 4
#define SAMPLE_MAX_RANK 64

typedef struct Sample
{
	uint32		rank;			/* the bound looked for is the rank-th */
	uint32		nbest;
	float		best[SAMPLE_MAX_RANK];	/* smallest so far, ascending */
} Sample;

static uint64 sample_rows_of(const IndexScan *scan, uint32 segment);
static void sample_group(IndexScan *scan, uint32 segment, uint32 row,
						 Sample *sample);
static void sample_coarse(IndexScan *scan, const SegmentReader *reader,
						  uint32 row, Sample *sample);
static void sample_slots(IndexScan *scan, const SegmentReader *reader,
						 uint32 row, Sample *sample);
static int	sample_bounds(IndexScan *scan, const CodeBlock *block,
						  const Sample *sample);
static void sample_add(Sample *sample, float bound);

bool
scan_sample_threshold(IndexScan *scan, TopEntry *threshold)
{
	uint64		nrows = 0;
	uint64		first = 0;		/* of the segment */
	uint64		group = 0;
	uint64		ngroups = SAMPLE_ROWS / SAMPLE_GROUP;
	Sample		sample = {.nbest = 0};
	double		rank;

	if (scan->mode != SCAN_BOUNDS || scan->filter != FILTER_NONE)
		return false;
	for (int i = 0; i < scan->manifest->nsegments; i++)
		nrows += sample_rows_of(scan, i);
	if (nrows < SAMPLE_MIN_ROWS)
		return false;
	rank = Max(SAMPLE_MARGIN * scan->limit / nrows * SAMPLE_ROWS,
			   SAMPLE_MIN_RANK);
	if (rank > SAMPLE_MAX_RANK)
		return false;
	sample.rank = ceil(rank);

	for (int i = 0; i < scan->manifest->nsegments; i++)
	{
		uint64		end = first + sample_rows_of(scan, i);

		CHECK_FOR_INTERRUPTS();
		for (; group < ngroups; group++)
		{
			uint64		place = (2 * group + 1) * nrows / (2 * ngroups);

			if (place >= end)
				break;
			sample_group(scan, i, place - first, &sample);
		}
		first = end;
	}
	if (sample.nbest < sample.rank)
		return false;

	/* Rows of this bound are below it, wherever they are. */
	threshold->key = scan_key(RANK_DISTANCE, sample.best[sample.rank - 1],
							  false);
	threshold->place = PG_UINT64_MAX;
	return true;
}

/* Rows that a round would read codes of. */
static uint64
sample_rows_of(const IndexScan *scan, uint32 segment)
{
	const SegmentReader *reader = scan->readers[segment];

	if (scan_graphs_walk(scan, segment))
		return 0;
	if (segment_has_planes(reader->kind))
		return reader->class_first[ROW_BOUNDED + 1];
	return (uint64) reader->npages * reader->shape.rows_per_page;
}

/* The rows around this one. */
static void
sample_group(IndexScan *scan, uint32 segment, uint32 row, Sample *sample)
{
	const SegmentReader *reader = scan->readers[segment];

	if (segment_has_planes(reader->kind))
		sample_coarse(scan, reader, row, sample);
	else
		sample_slots(scan, reader, row, sample);
	scan->stats.pages++;
}

/* Where a group begins that holds this slot, of so many. */
static inline uint32
sample_first_slot(uint32 slot, uint32 nslots)
{
	return nslots <= SAMPLE_GROUP ? 0 : Min(slot, nslots - SAMPLE_GROUP);
}

static void
sample_coarse(IndexScan *scan, const SegmentReader *reader, uint32 row,
			  Sample *sample)
{
	const SegmentShape *shape = &reader->shape;
	uint32		slot = row % shape->coarse_rows_per_page;
	uint32		rest = reader->class_first[ROW_BOUNDED + 1] - (row - slot);
	uint32		nslots = Min(shape->coarse_rows_per_page, rest);
	bool		locked;
	Buffer		buffer = segment_pin_area(reader, AREA_COARSE, row, &locked);
	Page		page = BufferGetPage(buffer);
	CodeBlock	block;
	int			n;

	slot = sample_first_slot(slot, nslots);
	block.codes = coarse_page_codes(shape, page) +
		(Size) slot * shape->plane_bytes;
	block.stride = shape->plane_bytes;
	block.nrows = Min(SAMPLE_GROUP, nslots);
	block.scale = coarse_page_scale(shape, page) + slot;
	block.norm_sq = coarse_page_norm_sq(shape, page) + slot;
	block.radius = coarse_page_radius(shape, page) + slot;
	n = sample_bounds(scan, &block, sample);
	page_unpin(buffer, locked);
	for (int i = 0; i < n; i++)
		sample_add(sample, scan->work->bounds[i].bound);
}

static void
sample_slots(IndexScan *scan, const SegmentReader *reader, uint32 row,
			 Sample *sample)
{
	const SegmentShape *shape = &reader->shape;
	Buffer		buffer = segment_read_rows(reader, row / shape->rows_per_page);
	Page		page = BufferGetPage(buffer);
	uint32		nslots = Min(rows_page_count(shape, page), SCAN_PAGE_ROWS);
	uint32		slot = sample_first_slot(row % shape->rows_per_page, nslots);
	CodeBlock	block = {
		.codes = rows_page_coarse(shape, page, slot)->code,
		.stride = shape->coarse_size,
		.nrows = Min(SAMPLE_GROUP, nslots),
		.scale = scan->work->scale,
		.norm_sq = scan->work->norm_sq,
		.radius = scan->work->radius
	};
	int			n;

	for (int i = 0; i < block.nrows; i++)
	{
		const RowFactors *factors =
		&rows_page_coarse(shape, page, slot + i)->factors;

		scan->work->scale[i] = factors->scale;
		scan->work->norm_sq[i] = factors->norm_sq;
		scan->work->radius[i] = factors->radius;
	}
	n = block.nrows > 0 ? sample_bounds(scan, &block, sample) : 0;
	for (int i = 0; i < n; i++)
	{
		const FineSlot *fine =
		rows_page_fine(shape, page, slot + scan->work->bounds[i].row);

		if ((fine->flags & ROW_DEAD) == 0 && fine->class == ROW_BOUNDED)
			sample_add(sample, scan->work->bounds[i].bound);
	}
	UnlockReleaseBuffer(buffer);
}

/* Leaves the rows that may be among the best in bounds[]; how many. */
static int
sample_bounds(IndexScan *scan, const CodeBlock *block, const Sample *sample)
{
	float		worst = INFINITY;

	if (sample->nbest == sample->rank)
		worst = sample->best[sample->rank - 1];
	return quant_bounds_coarse(scan->query, block, worst, scan->work->bounds);
}

static void
sample_add(Sample *sample, float bound)
{
	uint32		at;

	if (sample->nbest < sample->rank)
		at = sample->nbest++;
	else if (bound < sample->best[sample->rank - 1])
		at = sample->rank - 1;
	else
		return;
	for (; at > 0 && sample->best[at - 1] > bound; at--)
		sample->best[at] = sample->best[at - 1];
	sample->best[at] = bound;
}
