/*-------------------------------------------------------------------------
 *
 * job_mark.h
 *	  Noting in its sources that a job has begun, and how it ended; private to
 *	  worker/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_JOB_MARK_H
#define VDB_JOB_MARK_H

#include "postgres.h"

#include "utils/rel.h"
#include "worker/job.h"

/*
 * The sources look as if the server crashed in the job, until
 * job_unmark_index().  False when they are not there any more.
 */
extern bool job_mark(Relation index, const Job *job);

/*
 * The job has ended, or failed in source "culprit" (PG_UINT32_MAX: in all; 0:
 * it has not failed).
 */
extern void job_unmark_index(Relation index, uint32 culprit, uint32 sqlstate);

/* Whatever is marked now stays so. */
extern void job_forget_marks(void);

/* Called before a process ends that calls job_mark(): takes marks back. */
extern void job_at_exit(int code, Datum arg);

#endif							/* VDB_JOB_MARK_H */
