/*-------------------------------------------------------------------------
 *
 * policy.c
 *	  Which segments are to be built, merged and compacted, and when.
 *
 * Searching one large segment is much cheaper than searching ten, so rows
 * move into ever larger segments; each move writes the row again, so they
 * move seldom: when the largest source is at most half of the result.
 *
 * A segment that made a job fail is tried alone until that succeeds, so that
 * it does not take others with it.  Where the fault lay elsewhere (no space, a
 * crash), the same segments are tried together again, after a while.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "worker/policy.h"

/* What the functions below look at; order: usable segments, smallest first. */
typedef struct Policy
{
	const PolicySegment *segments;
	const PolicyLimits *limits;
	int		   *order;
	int			n;				/* of the order */
	int64		quiet_ms;		/* since a segment appeared */
	int64		settled_ms;		/* since one was sealed that still waits */
	int64		oldest_ms;		/* of those that wait for their structure */
	PolicyJob  *jobs;
	int			njobs;
} Policy;

static void policy_begin(Policy *policy, const PolicySegment *segments,
						 int nsegments, const PolicyLimits *limits,
						 PolicyJob *jobs);
static void policy_order(Policy *policy, int nsegments);
static uint32 policy_live(const PolicySegment *segment);
static bool policy_lacks_structure(const Policy *policy,
								   const PolicySegment *segment);
static bool policy_is_dead_enough(const Policy *policy,
								  const PolicySegment *segment);
static bool policy_must_wait(const PolicySegment *segment);
static void policy_add_tried(Policy *policy, int i);
static bool policy_merge(Policy *policy, double ratio);
static void policy_build(Policy *policy);
static PolicyJob *policy_add(Policy *policy, JobKind kind);
static void policy_take(Policy *policy, PolicyJob *job, int place);
static void policy_remove_taken(Policy *policy);
static bool policy_pages_fit(const Policy *policy, uint32 *pages, int *npages,
							 const PolicySegment *segment);

int
policy_jobs(const PolicySegment *segments, int nsegments,
			const PolicyLimits *limits, PolicyJob *jobs)
{
	Policy		policy;
	double		ratio;

	policy_begin(&policy, segments, nsegments, limits, jobs);
	ratio = policy.quiet_ms >= POLICY_QUIET_MS ? POLICY_RATIO_QUIET :
		POLICY_RATIO;
	while (policy_merge(&policy, ratio))
		;
	policy_build(&policy);
	for (int i = 0; i < policy.n; i++)
	{
		if (policy_is_dead_enough(&policy, &segments[policy.order[i]]))
			policy_take(&policy, policy_add(&policy, JOB_COMPACT), i);
	}
	for (int i = 0; i < nsegments; i++)
	{
		if (policy_must_wait(&segments[i]) && policy_live(&segments[i]) > 0)
			policy_add_tried(&policy, i);
	}
	pfree(policy.order);
	return policy.njobs;
}

int
policy_optimize(const PolicySegment *segments, int nsegments,
				const PolicyLimits *limits, PolicyJob *jobs)
{
	Policy		policy;

	policy_begin(&policy, segments, nsegments, limits, jobs);
	policy.settled_ms = POLICY_SETTLE_MS;
	while (policy_merge(&policy, 1.0))
		;
	policy_build(&policy);
	for (int i = 0; i < policy.n; i++)
	{
		if (policy_is_dead_enough(&policy, &segments[policy.order[i]]))
			policy_take(&policy, policy_add(&policy, JOB_COMPACT), i);
	}
	pfree(policy.order);
	return policy.njobs;
}

bool
policy_seal_early(uint64 rows, double rate)
{
	return rows >= POLICY_EARLY_ROWS && rate <= POLICY_EARLY_RATE;
}

int64
policy_backoff_ms(int tries, bool fault_elsewhere)
{
	if (tries < POLICY_MAX_TRIES)
		return (int64) 1000 << tries;
	return fault_elsewhere ? POLICY_RETRY_MS : -1;
}

static void
policy_begin(Policy *policy, const PolicySegment *segments, int nsegments,
			 const PolicyLimits *limits, PolicyJob *jobs)
{
	policy->segments = segments;
	policy->limits = limits;
	policy->jobs = jobs;
	policy->njobs = 0;
	policy->n = 0;
	policy->order = palloc(sizeof(int) * Max(nsegments, 1));
	policy->quiet_ms = policy->settled_ms = PG_INT64_MAX;
	policy->oldest_ms = 0;
	for (int i = 0; i < nsegments; i++)
	{
		policy->quiet_ms = Min(policy->quiet_ms, segments[i].age_ms);
		if (segments[i].kind == SEGMENT_ROWS)
			policy->settled_ms = Min(policy->settled_ms, segments[i].age_ms);
		if (policy_lacks_structure(policy, &segments[i]))
			policy->oldest_ms = Max(policy->oldest_ms, segments[i].age_ms);
	}
	policy_order(policy, nsegments);
}

/* Insertion sort: an index has tens of segments, and seldom hundreds. */
static void
policy_order(Policy *policy, int nsegments)
{
	for (int i = 0; i < nsegments; i++)
	{
		uint32		live = policy_live(&policy->segments[i]);
		int			place = policy->n;

		/* What is all dead is freed. */
		if (live == 0 || policy_must_wait(&policy->segments[i]))
			continue;
		while (place > 0 &&
			   policy_live(&policy->segments[policy->order[place - 1]]) > live)
		{
			policy->order[place] = policy->order[place - 1];
			place--;
		}
		policy->order[place] = i;
		policy->n++;
	}
}

static uint32
policy_live(const PolicySegment *segment)
{
	return segment->nrows - Min(segment->ndead, segment->nrows);
}

/* Rows as they came, or planes of which a graph could be made. */
static bool
policy_lacks_structure(const Policy *policy, const PolicySegment *segment)
{
	const PolicyLimits *limits = policy->limits;
	uint32		nodes = segment->nbounded - Min(segment->ndead,
												segment->nbounded);

	if (segment->kind == SEGMENT_ROWS)
		return policy_live(segment) >= limits->min_index_rows;
	return segment->kind == SEGMENT_PLANES && limits->graphs &&
		nodes >= Max(limits->min_index_rows, limits->min_graph_rows);
}

/*
 * A graph that there is no memory to build again is better than none; planes
 * are made of it when it would be too small.
 */
static bool
policy_is_dead_enough(const Policy *policy, const PolicySegment *segment)
{
	if (segment->ndead == 0 || policy_live(segment) == 0 ||
		segment->ndead <= policy->limits->dead_fraction * segment->nrows)
		return false;
	return segment->kind != SEGMENT_GRAPH || policy->limits->graphs ||
		policy_live(segment) < policy->limits->min_graph_rows;
}

/* A segment that cannot be put together with others now. */
static bool
policy_must_wait(const PolicySegment *segment)
{
	return segment->tries > 0 &&
		(!segment->fault_elsewhere ||
		 segment->tried_ms < policy_backoff_ms(segment->tries, true));
}

/* The job of a segment in which one has failed. */
static void
policy_add_tried(Policy *policy, int i)
{
	const PolicySegment *segment = &policy->segments[i];
	int64		backoff = policy_backoff_ms(segment->tries,
											segment->fault_elsewhere);
	PolicyJob  *job;

	job = policy_add(policy,
					 policy_lacks_structure(policy, segment) ? JOB_BUILD :
					 policy_is_dead_enough(policy, segment) ? JOB_COMPACT :
					 JOB_MERGE);
	job->nsources = 1;
	job->sources = palloc(sizeof(int));
	job->sources[0] = i;
	job->rows = policy_live(segment);
	job->tries = segment->tries;
	job->state = segment->tries >= POLICY_MAX_TRIES ? JOB_FAILED : JOB_RETRY;
	job->wait_ms = backoff < 0 ? -1 : Max(backoff - segment->tried_ms, 0);
}

/*
 * Put the smaller segments together, as many as possible.  The order is by
 * size, so what is taken is its beginning.
 */
static bool
policy_merge(Policy *policy, double ratio)
{
	const PolicyLimits *limits = policy->limits;
	uint32	   *pages = palloc(sizeof(uint32) * (limits->max_pages + 1));
	int			npages = 0;
	uint64		sum = 0;
	uint64		rows = 0;
	int			end = 0;
	bool		bare = true;
	bool		unbuilt = false;
	PolicyJob  *job;

	for (int place = 0; place < policy->n; place++)
	{
		const PolicySegment *segment = &policy->segments[policy->order[place]];
		uint32		live = policy_live(segment);

		if (sum + live > limits->max_rows ||
			!policy_pages_fit(policy, pages, &npages, segment))
			break;
		/* A graph must not become planes. */
		if (segment->kind == SEGMENT_GRAPH && !limits->graphs)
			break;
		sum += live;
		if (place > 0 && sum >= ratio * live)
		{
			end = place + 1;
			rows = sum;
		}
	}
	pfree(pages);
	if (end == 0)
		return false;

	job = policy_add(policy, JOB_MERGE);
	for (int place = 0; place < end; place++)
	{
		const PolicySegment *segment = &policy->segments[policy->order[place]];

		if (segment->kind == SEGMENT_GRAPH ||
			(segment->kind == SEGMENT_PLANES && !limits->graphs))
			bare = false;
		if (policy_lacks_structure(policy, segment))
			unbuilt = true;
		policy_take(policy, job, place);
	}
	if (bare && unbuilt)
		job->kind = JOB_BUILD;
	job->rows = rows;
	policy_remove_taken(policy);
	return true;
}

/* What is left without a structure gets it, as many together as may be. */
static void
policy_build(Policy *policy)
{
	const PolicyLimits *limits = policy->limits;
	uint32	   *pages = palloc(sizeof(uint32) * (limits->max_pages + 1));
	bool		more;

	do
	{
		PolicyJob  *job = NULL;
		int			npages = 0;

		more = false;
		for (int place = 0; place < policy->n; place++)
		{
			const PolicySegment *segment =
			&policy->segments[policy->order[place]];

			if (!policy_lacks_structure(policy, segment))
				continue;
			if (job != NULL &&
				(job->rows + policy_live(segment) > limits->max_rows ||
				 !policy_pages_fit(policy, pages, &npages, segment)))
			{
				more = true;
				break;
			}
			if (job == NULL)
			{
				job = policy_add(policy, JOB_BUILD);
				(void) policy_pages_fit(policy, pages, &npages, segment);
			}
			job->rows += policy_live(segment);
			policy_take(policy, job, place);
		}
		policy_remove_taken(policy);
	} while (more);
	pfree(pages);
}

/*
 * It is due unless rows are being loaded, which it might have to write again.
 * What is written without dead rows only cannot gain by waiting.
 */
static PolicyJob *
policy_add(Policy *policy, JobKind kind)
{
	PolicyJob  *job = &policy->jobs[policy->njobs++];

	memset(job, 0, sizeof(PolicyJob));
	job->kind = kind;
	job->state = JOB_PENDING;
	if (kind != JOB_COMPACT && policy->settled_ms < POLICY_SETTLE_MS &&
		policy->oldest_ms < POLICY_SETTLE_MAX_MS)
		job->wait_ms = POLICY_SETTLE_MS - policy->settled_ms;
	return job;
}

/* Make a segment a source; its place in the order is free then. */
static void
policy_take(Policy *policy, PolicyJob *job, int place)
{
	if (job->sources == NULL)
		job->sources = palloc(sizeof(int) * policy->n);
	job->sources[job->nsources++] = policy->order[place];
	job->tries = Max(job->tries,
					 policy->segments[policy->order[place]].tries);
	if (job->kind == JOB_COMPACT)
		job->rows = policy_live(&policy->segments[policy->order[place]]);
	else
		policy->order[place] = -1;
}

static void
policy_remove_taken(Policy *policy)
{
	int			n = 0;

	for (int place = 0; place < policy->n; place++)
	{
		if (policy->order[place] >= 0)
			policy->order[n++] = policy->order[place];
	}
	policy->n = n;
}

/*
 * Can the segment be part of a change that touches those descriptor pages?
 * One is left for the descriptor of the new segment.
 */
static bool
policy_pages_fit(const Policy *policy, uint32 *pages, int *npages,
				 const PolicySegment *segment)
{
	if (segment->descriptor_page == 0)
		return true;
	for (int i = 0; i < *npages; i++)
	{
		if (pages[i] == segment->descriptor_page)
			return true;
	}
	if (*npages == policy->limits->max_pages - 1)
		return false;
	pages[(*npages)++] = segment->descriptor_page;
	return true;
}
