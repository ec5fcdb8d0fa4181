/*-------------------------------------------------------------------------
 *
 * job_progress.h
 *	  Showing other sessions what a worker does; private to worker/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_JOB_PROGRESS_H
#define VDB_JOB_PROGRESS_H

#include "postgres.h"

#include "utils/rel.h"
#include "worker/job.h"

extern void job_progress_start(Relation index, const Job *job);
extern void job_progress_end(void);

/* The same of a job that VACUUM runs, whose own progress is shown on. */
extern void job_progress_start_in_vacuum(Relation index, const Job *job);
extern void job_progress_end_in_vacuum(void);

#endif							/* VDB_JOB_PROGRESS_H */
