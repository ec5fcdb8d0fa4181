/*-------------------------------------------------------------------------
 *
 * policy.h
 *	  Which segments are to be built, merged and compacted, and when.
 *
 * Pure functions of what the manifest says: no server is needed, no state is
 * kept.  So a worker that dies takes no decision with it, and every process
 * that looks at an index finds the same jobs.  README.md has the reasons and
 * the figures.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_POLICY_H
#define VDB_POLICY_H

#include "postgres.h"

#include "storage/segment_page.h"

/* A segment must be this old before it is built, so that a load can end. */
#define POLICY_SETTLE_MS 5000

/* ... unless one has waited this long. */
#define POLICY_SETTLE_MAX_MS 60000

/*
 * A merge must make the largest of its sources this many times larger: so a
 * row is written once for each doubling of its segment.  When nothing has
 * been added for long, the last few are put together for less.
 */
#ifndef POLICY_RATIO
#define POLICY_RATIO 2.0
#endif
#define POLICY_RATIO_QUIET 1.25
#define POLICY_QUIET_MS 300000

/* Failed jobs are tried again 2^n s later, this often. */
#define POLICY_MAX_TRIES 3

/* Then, if the fault was not the segment's own, from time to time. */
#define POLICY_RETRY_MS 3600000

/*
 * Reading so many rows takes about as long as a search along a graph.  A
 * growing segment that has more, and does not get more than so many a second,
 * is sealed when its index has no other job.
 */
#ifndef POLICY_EARLY_ROWS
#define POLICY_EARLY_ROWS 8192
#endif
#define POLICY_EARLY_RATE 5000

typedef enum JobKind
{
	JOB_SEAL = 1,				/* the growing segment, which is idle */
	JOB_FREE,					/* what is retired, or was left unfinished */
	JOB_BUILD,					/* give segments their structure */
	JOB_MERGE,
	JOB_COMPACT					/* without its dead rows */
} JobKind;

typedef enum JobState
{
	JOB_PENDING,				/* due, or waits for the load to settle */
	JOB_RETRY,					/* failed, waits to be tried again */
	JOB_FAILED					/* left alone until something changes */
} JobState;

/* A sealed segment. */
typedef struct PolicySegment
{
	uint32		id;
	uint32		descriptor_page;	/* SegmentInfo */
	SegmentKind kind;
	uint32		nrows;
	uint32		ndead;
	uint32		nbounded;		/* rows that a graph can have, dead or not */
	int64		age_ms;			/* since it was sealed or written */
	int			tries;			/* failed jobs */
	int64		tried_ms;		/* since the last of them */
	bool		fault_elsewhere;	/* it failed for lack of something */
} PolicySegment;

typedef struct PolicyLimits
{
	bool		graphs;			/* the index is to have graphs, and there is
								 * memory for them */
	uint32		min_graph_rows; /* smaller graphs do not pay */
	uint32		min_index_rows; /* smaller segments stay as they are */
	uint64		max_rows;		/* of a segment */
	double		dead_fraction;	/* from which a segment is compacted */
	int			max_pages;		/* descriptor pages of one swap */
} PolicyLimits;

typedef struct PolicyJob
{
	JobKind		kind;
	JobState	state;
	int64		wait_ms;		/* until it is due; 0: now, -1: never */
	int			nsources;
	int		   *sources;		/* numbers of segments in the array given */
	uint64		rows;			/* live rows of them */
	int			tries;
} PolicyJob;

/*
 * The jobs of an index, the most urgent one first; no segment is in two.
 * jobs has room for nsegments.  Returns how many.
 */
extern int	policy_jobs(const PolicySegment *segments, int nsegments,
						const PolicyLimits *limits, PolicyJob *jobs);

/*
 * What makes as few segments as the limits allow of what there is, whatever
 * it costs: the sets to be put together, the same way.
 */
extern int	policy_optimize(const PolicySegment *segments, int nsegments,
							const PolicyLimits *limits, PolicyJob *jobs);

/*
 * Is it worth sealing a growing segment of an index with graphs before it is
 * full?  rate: rows a second that it gets.
 */
extern bool policy_seal_early(uint64 rows, double rate);

/* How long after the last of so many failures; -1: never. */
extern int64 policy_backoff_ms(int tries, bool fault_elsewhere);

#endif							/* VDB_POLICY_H */
