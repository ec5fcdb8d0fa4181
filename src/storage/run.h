/*-------------------------------------------------------------------------
 *
 * run.h
 *	  Taking runs of blocks for segments; private to storage/.
 *
 * A run comes from what the last seal gave back, else from the oldest retired
 * segment that no snapshot can see, else from the end of the index.  Taking
 * is part of the caller's page edit, so that no crash can lose blocks:
 *
 *		run_plan_begin()	locks the metapage, chooses
 *		page_edit_begin(), run_plan_apply(), caller's own pages, commit
 *		run_plan_end()		releases the locks
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_RUN_H
#define VDB_RUN_H

#include "postgres.h"

#include "storage/manifest_page.h"
#include "storage/segment_page.h"
#include "storage/wal.h"

typedef enum RunSource
{
	RUN_FROM_SPARE,
	RUN_FROM_RETIRED,			/* a run of a retired segment */
	RUN_FROM_HEADER,			/* the header block of an emptied one */
	RUN_FROM_END
} RunSource;

typedef struct RunPlan
{
	Buffer		meta;			/* locked exclusively */
	Buffer		donor;			/* header of a retired segment, or invalid */
	Buffer		first;			/* of run_plan_first_page(), or invalid */
	bool		fresh;			/* from the end of the index alone */
	RunSource	source;
	uint32		donor_run;		/* number of the run in the donor */
	SegmentRun	run;			/* what will be taken: 1 to want blocks */
} RunPlan;

/*
 * Choose a run of at most want blocks; it lies inside the file.  On entry no
 * content lock is held; on return the metapage and possibly a donor are
 * locked exclusively.
 */
extern void run_plan_begin(Relation index, uint32 want, RunPlan *plan);

/* The same, but at the end of the index whatever is free elsewhere. */
extern void run_plan_begin_fresh(Relation index, uint32 want, RunPlan *plan);

/* Take it: returns the edit's copy of the metapage. */
extern MetaPage *run_plan_apply(RunPlan *plan, PageEdit *edit);

/*
 * The first block of the run as a new page, locked exclusively: the donor's
 * own header when that is what was taken.  run_plan_end() releases it.
 */
extern Buffer run_plan_first_page(Relation index, RunPlan *plan);

extern void run_plan_end(RunPlan *plan);

#endif							/* VDB_RUN_H */
