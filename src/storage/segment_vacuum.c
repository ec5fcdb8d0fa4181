/*-------------------------------------------------------------------------
 *
 * segment_vacuum.c
 *	  Marking dead rows.
 *
 * VACUUM reads heap addresses and sets bits: nothing is moved or removed
 * here.  Marks are logged before ambulkdelete returns (rule 18), since the
 * heap's line pointers are used again after that.  Callers hold the
 * maintenance lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/debug_points.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/segment.h"
#include "storage/wal.h"

/* A page holds no more slots than this, whatever the dimension. */
#define MAX_SLOTS \
	(PAGE_CONTENT_SIZE / \
	 (offsetof(CoarseSlot, code) + offsetof(FineSlot, code)))

typedef struct VacuumState
{
	SegmentReader *reader;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	IndexBulkDeleteResult *stats;
	uint32		ndead;			/* in the segment, old and new */
} VacuumState;

static void vacuum_rows(VacuumState *state);
static uint32 vacuum_find_dead_slots(VacuumState *state, Page page,
									 uint16 *dead);
static void vacuum_mark_slots(VacuumState *state, uint32 page,
							  const uint16 *dead, uint32 ndead);
static void vacuum_planes(VacuumState *state);
static uint32 vacuum_tids_range(VacuumState *state, uint32 first, uint32 stop,
								const uint8 *dead_bits, uint32 *dead);
static void segment_set_dead_bits(const SegmentReader *reader, uint32 page,
								  const uint32 *rows, uint32 nrows);

uint32
segment_bulk_delete(Relation index, const IndexIdentity *identity,
					const SegmentInfo *info,
					IndexBulkDeleteCallback callback, void *callback_state,
					IndexBulkDeleteResult *stats)
{
	VacuumState state = {0};

	state.reader = segment_open(index, identity, info);
	state.callback = callback;
	state.callback_state = callback_state;
	state.stats = stats;
	if (state.reader->kind == SEGMENT_ROWS)
		vacuum_rows(&state);
	else
		vacuum_planes(&state);
	segment_close(state.reader);
	debug_point("segment-marked");
	return state.ndead;
}

/*
 * Rows in ascending order are marked with one edit per page of bits.
 */
void
segment_mark_dead(Relation index, const IndexIdentity *identity,
				  const SegmentInfo *info, const uint32 *rows, uint32 nrows)
{
	SegmentReader *reader = segment_open(index, identity, info);
	uint32		done = 0;

	while (done < nrows)
	{
		uint32		page = rows[done] / DEAD_BITS_PER_PAGE;
		uint32		end = done;

		while (end < nrows && rows[end] / DEAD_BITS_PER_PAGE == page)
			end++;
		segment_set_dead_bits(reader, page, rows + done, end - done);
		done = end;
	}
	segment_close(reader);
}

/*
 * Slots do not move and are never reused, so what is found under a share lock
 * can be marked later under an exclusive one.  The callback is asked without a
 * lock: it may allocate memory and write files.
 */
static void
vacuum_rows(VacuumState *state)
{
	for (uint32 page = 0; page < state->reader->npages; page++)
	{
		Buffer		buffer;
		PGAlignedBlock copy;
		uint16		dead[MAX_SLOTS];
		uint32		ndead;

		vdb_vacuum_delay_point();
		buffer = segment_read_rows(state->reader, page);
		memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
		UnlockReleaseBuffer(buffer);

		ndead = vacuum_find_dead_slots(state, copy.data, dead);
		if (ndead > 0)
			vacuum_mark_slots(state, page, dead, ndead);
	}
}

static uint32
vacuum_find_dead_slots(VacuumState *state, Page page, uint16 *dead)
{
	const SegmentShape *shape = &state->reader->shape;
	uint32		nrows = rows_page_count(shape, page);
	uint32		ndead = 0;

	for (uint32 i = 0; i < nrows; i++)
	{
		FineSlot   *slot = rows_page_fine(shape, page, i);

		if ((slot->flags & ROW_DEAD) != 0)
			state->ndead++;
		else if (state->callback(&slot->tid, state->callback_state))
			dead[ndead++] = i;
		else
			state->stats->num_index_tuples++;
	}
	return ndead;
}

static void
vacuum_mark_slots(VacuumState *state, uint32 page, const uint16 *dead,
				  uint32 ndead)
{
	SegmentReader *reader = state->reader;
	Buffer		buffer = page_read(reader->index, segment_block(reader, page),
								   PAGE_ROWS, reader->id,
								   BUFFER_LOCK_EXCLUSIVE);
	PageEdit	edit = page_edit_begin(reader->index);
	Page		copy = page_edit_get(&edit, buffer);

	for (uint32 i = 0; i < ndead; i++)
		rows_page_fine(&reader->shape, copy, dead[i])->flags |= ROW_DEAD;
	page_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	state->ndead += ndead;
	state->stats->tuples_removed += ndead;
}

/*
 * One page of dead bits at a time, so that the rows to be marked fit a small
 * array and are logged together.
 */
static void
vacuum_planes(VacuumState *state)
{
	SegmentReader *reader = state->reader;
	uint8	   *dead_bits = segment_read_dead(reader);
	uint32	   *dead = palloc(sizeof(uint32) *
							  Min(DEAD_BITS_PER_PAGE, Max(reader->nrows, 1)));
	uint32		ndead = 0;
	uint32		first = 0;

	while (first < reader->nrows)
	{
		uint32		bits_page = first / DEAD_BITS_PER_PAGE;
		uint64		end = Min((uint64) (bits_page + 1) * DEAD_BITS_PER_PAGE,
							  reader->nrows);

		/* Pages of addresses and of bits do not end at the same rows. */
		for (ndead = 0; first < end;)
		{
			uint64		page_end = ((uint64) first / TIDS_PER_PAGE + 1) *
			TIDS_PER_PAGE;
			uint32		stop = Min(page_end, end);

			vdb_vacuum_delay_point();
			ndead += vacuum_tids_range(state, first, stop, dead_bits,
									   dead + ndead);
			first = stop;
		}
		if (ndead > 0)
			segment_set_dead_bits(reader, bits_page, dead, ndead);
		state->stats->tuples_removed += ndead;
		state->ndead += ndead;
	}
	pfree(dead);
	pfree(dead_bits);
}

/* Ask about rows [first, stop) of one page; returns how many are dead now. */
static uint32
vacuum_tids_range(VacuumState *state, uint32 first, uint32 stop,
				  const uint8 *dead_bits, uint32 *dead)
{
	ItemPointerData tids[TIDS_PER_PAGE];
	uint32		ndead = 0;
	bool		locked;
	Buffer		buffer;

	buffer = segment_pin_area(state->reader, AREA_TIDS, first, &locked);
	memcpy(tids, page_content(BufferGetPage(buffer)), sizeof(tids));
	page_unpin(buffer, locked);

	for (uint32 row = first; row < stop; row++)
	{
		if ((dead_bits[row / 8] >> (row % 8)) & 1)
			state->ndead++;
		else if (state->callback(&tids[row % TIDS_PER_PAGE],
								 state->callback_state))
			dead[ndead++] = row;
		else
			state->stats->num_index_tuples++;
	}
	return ndead;
}

/* Set the bits of rows that share a page of bits: one record. */
static void
segment_set_dead_bits(const SegmentReader *reader, uint32 page,
					  const uint32 *rows, uint32 nrows)
{
	BlockNumber blkno = segment_block(reader,
									  reader->area_start[AREA_DEAD] + page);
	Buffer		buffer = page_read(reader->index, blkno, PAGE_DEAD, reader->id,
								   BUFFER_LOCK_EXCLUSIVE);
	PageEdit	edit = page_edit_begin(reader->index);
	uint8	   *bits = (uint8 *) page_content(page_edit_get(&edit, buffer));

	for (uint32 i = 0; i < nrows; i++)
	{
		uint32		bit = rows[i] % DEAD_BITS_PER_PAGE;

		bits[bit / 8] |= 1 << (bit % 8);
	}
	page_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
}
