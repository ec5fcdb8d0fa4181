/*-------------------------------------------------------------------------
 *
 * run.c
 *	  Taking runs of blocks for segments.
 *
 * The free list is the chain of headers of retired segments (README.md,
 * "Retired pages"): each still holds its table of runs, and gives them away
 * until it is empty, then itself.  Only its head is looked at: segments are
 * chained about in the order in which they were retired, so if the horizon has
 * not passed the head it has hardly passed the others.
 *
 * Lock order: metapage, then the donor's header.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "storage/descriptor.h"
#include "storage/lifecycle.h"
#include "storage/run.h"
#include "utils/snapmgr.h"

static void run_plan_find(Relation index, uint32 want, RunPlan *plan);
static bool run_plan_choose(Relation index, uint32 want, RunPlan *plan);
static void run_plan_check(Relation index, const RunPlan *plan);
static bool run_plan_from_donor(Relation index, uint32 want, BlockNumber head,
								RunPlan *plan);
static uint32 run_best_fit(const SegmentHeader *header, uint32 want);

void
run_plan_begin(Relation index, uint32 want, RunPlan *plan)
{
	plan->fresh = false;
	run_plan_find(index, want, plan);
}

void
run_plan_begin_fresh(Relation index, uint32 want, RunPlan *plan)
{
	plan->fresh = true;
	run_plan_find(index, want, plan);
}

static void
run_plan_find(Relation index, uint32 want, RunPlan *plan)
{
	Assert(want > 0);
	for (;;)
	{
		BlockNumber end;

		plan->meta = descriptor_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
		plan->donor = InvalidBuffer;
		plan->first = InvalidBuffer;
		if (!run_plan_choose(index, want, plan))
			ereport(ERROR,
					errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("index \"%s\" cannot grow beyond %u blocks",
						   RelationGetRelationName(index), MaxBlockNumber));

		run_plan_check(index, plan);

		/*
		 * The file may be shorter than what was handed out: extending it is
		 * not logged (rule 12).  Extend without content locks, then choose
		 * again, since others may have taken the run.
		 */
		end = plan->run.start + plan->run.npages;
		if (RelationGetNumberOfBlocks(index) >= end)
			return;
		run_plan_end(plan);
		page_extend_to(index, end);
		CHECK_FOR_INTERRUPTS();
	}
}

MetaPage *
run_plan_apply(RunPlan *plan, PageEdit *edit)
{
	MetaPage   *meta = meta_page(page_edit_get(edit, plan->meta));
	SegmentHeader *donor = NULL;

	if (BufferIsValid(plan->donor))
	{
		donor = segment_header(page_edit_get(edit, plan->donor));
		donor->reuse_logged = 1;
	}

	switch (plan->source)
	{
		case RUN_FROM_SPARE:
			meta->spare_start += plan->run.npages;
			meta->spare_npages -= plan->run.npages;
			break;
		case RUN_FROM_RETIRED:
			{
				SegmentRun *run = &donor->runs[plan->donor_run];

				run->start += plan->run.npages;
				run->npages -= plan->run.npages;
				donor->npages_owned -= plan->run.npages;
				if (run->npages == 0)
				{
					*run = donor->runs[donor->nruns - 1];
					donor->nruns--;
				}
				break;
			}
		case RUN_FROM_HEADER:
			meta->free_head = donor->next_free;
			if (meta->free_head == InvalidBlockNumber)
				meta->free_tail = InvalidBlockNumber;
			break;
		case RUN_FROM_END:
			meta->high_water = plan->run.start + plan->run.npages;
			break;
	}
	return meta;
}

Buffer
run_plan_first_page(Relation index, RunPlan *plan)
{
	if (plan->source == RUN_FROM_HEADER)
		return plan->donor;
	plan->first = page_acquire_new(index, plan->run.start);
	return plan->first;
}

void
run_plan_end(RunPlan *plan)
{
	if (BufferIsValid(plan->first))
		UnlockReleaseBuffer(plan->first);
	if (BufferIsValid(plan->donor))
		UnlockReleaseBuffer(plan->donor);
	UnlockReleaseBuffer(plan->meta);
	plan->first = plan->donor = plan->meta = InvalidBuffer;
}

/*
 * Choose a run, with the metapage locked.  False when the index is full.
 */
static bool
run_plan_choose(Relation index, uint32 want, RunPlan *plan)
{
	MetaPage   *meta = meta_page(BufferGetPage(plan->meta));

	if (!plan->fresh && meta->spare_npages > 0)
	{
		plan->source = RUN_FROM_SPARE;
		plan->run.start = meta->spare_start;
		plan->run.npages = Min(want, meta->spare_npages);
		return true;
	}
	if (!plan->fresh && meta->free_head != InvalidBlockNumber &&
		run_plan_from_donor(index, want, meta->free_head, plan))
		return true;

	if (meta->high_water > MaxBlockNumber - want)
		return false;
	plan->source = RUN_FROM_END;
	plan->run.start = meta->high_water;
	plan->run.npages = want;
	return true;
}

/* What was handed out before lies below the high-water mark, and is no less
 * than a block.
 */
static void
run_plan_check(Relation index, const RunPlan *plan)
{
	MetaPage   *meta = meta_page(BufferGetPage(plan->meta));
	uint64		end = (uint64) plan->run.start + plan->run.npages;

	if (plan->source == RUN_FROM_END)
		return;
	if (plan->run.start == META_BLKNO || plan->run.npages == 0 ||
		end > meta->high_water)
		page_report_damage(index, BufferIsValid(plan->donor) ?
						   BufferGetBlockNumber(plan->donor) : META_BLKNO,
						   "A free run of blocks lies outside the index.");
}

/*
 * Take from the oldest retired segment, if no snapshot can still see it.  The
 * test is made here, when pages are handed out (rule 18): nothing that was
 * decided earlier can be wrong by now.
 */
static bool
run_plan_from_donor(Relation index, uint32 want, BlockNumber head,
					RunPlan *plan)
{
	Buffer		buffer = page_pin_ahead(index, head);
	SegmentHeader *header = segment_header(BufferGetPage(buffer));
	FullTransactionId retired;

	page_lock_content(index, buffer, BUFFER_LOCK_EXCLUSIVE);
	lifecycle_check_retired(index, buffer);
	retired = FullTransactionIdFromU64(header->retired);
	if (!GlobalVisCheckRemovableFullXid(NULL, retired))
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}

	/* Standbys hear of it before the first page changes (rule 19). */
	if (!header->reuse_logged)
		wal_log_reuse(index, head, retired);

	plan->donor = buffer;
	if (header->nruns == 0)
	{
		plan->source = RUN_FROM_HEADER;
		plan->run.start = head;
		plan->run.npages = 1;
		return true;
	}
	plan->source = RUN_FROM_RETIRED;
	plan->donor_run = run_best_fit(header, want);
	plan->run.start = header->runs[plan->donor_run].start;
	plan->run.npages = Min(want, header->runs[plan->donor_run].npages);
	return true;
}

/* The smallest run that is long enough, else the longest. */
static uint32
run_best_fit(const SegmentHeader *header, uint32 want)
{
	uint32		best = 0;

	for (uint32 i = 1; i < header->nruns; i++)
	{
		uint32		n = header->runs[i].npages;
		uint32		best_n = header->runs[best].npages;

		if (best_n < want ? n > best_n : (n >= want && n < best_n))
			best = i;
	}
	return best;
}
