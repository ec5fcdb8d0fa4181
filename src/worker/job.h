/*-------------------------------------------------------------------------
 *
 * job.h
 *	  Finding the jobs of an index, and running one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_JOB_H
#define VDB_JOB_H

#include "postgres.h"

#include "am/common/graph_job.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "worker/policy.h"

/* Something to do in an index. */
typedef struct Job
{
	JobKind		kind;
	JobState	state;
	int64		wait_ms;		/* until it is due; 0: now, -1: never */
	int			nids;
	uint32	   *ids;			/* segments */
	uint64		rows;			/* live rows of them */
	int			tries;			/* failed ones */
	uint32		sqlstate;		/* of the last of them */
} Job;

/* What there is to do in an index, and what there may be later. */
typedef struct JobList
{
	int			njobs;
	Job		   *jobs;			/* the most urgent first */
	uint32		growing_id;		/* growing segment to seal when idle, or 0 */
	uint32		newest_id;		/* the growing segment, or 0 */
	uint64		growing_rows;	/* of it */
	bool		graphs;			/* segments are to have graphs */
} JobList;

typedef enum JobResult
{
	JOB_DONE,
	JOB_NOT_NOW,				/* in somebody's way, or not to be done */
	JOB_ERROR					/* it has been noted */
} JobResult;

/*
 * Jobs of an index that the caller has opened.  It has a snapshot.  memory:
 * of a worker, in kB.
 */
extern JobList *job_find(Relation index, int memory);

/*
 * The sets of segments that vectordb.optimize() is to put together, or
 * vectordb.compact() to rewrite.
 */
extern JobList *job_find_optimize(Relation index, int memory);
extern JobList *job_find_compact(Relation index);

/*
 * Rewrite the segments of a job of kind build, merge or compact.  False when
 * one of them was not there any more.
 */
extern bool job_rewrite(Relation index, const Job *job, int memory,
						const GraphHelp *help);

/* Is an error such that the same job may succeed when it is run again? */
extern bool job_fault_is_elsewhere(uint32 sqlstate);

/* Memory of a worker as it is set, in kB. */
extern int	job_memory(void);

/*
 * Run a job in transactions of its own; in a worker only.  Errors are logged
 * and noted in the segments.
 */
extern JobResult job_run(Oid indexrelid, const Job *job);

/* Called once by a worker. */
extern void job_init_worker(void);

/* Called once by every process: VACUUM runs jobs, too. */
extern void job_vacuum_init(void);

/* Set when a command waits for the database: the worker is to leave. */
extern bool job_must_leave;

/*
 * A running job, as every session can see it (pg_stat_progress_create_index
 * shows it, too).
 */
typedef struct RunningJob
{
	int			pid;
	JobKind		kind;
	uint32		segment;		/* the first one */
	double		progress;		/* 0 to 1, -1 unknown */
	TimestampTz start;
} RunningJob;

/* "build" and so on. */
extern const char *job_kind_name(JobKind kind);

/* The running job of an index of this database; false if there is none. */
extern bool job_running(Oid indexrelid, RunningJob *running);

#endif							/* VDB_JOB_H */
