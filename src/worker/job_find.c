/*-------------------------------------------------------------------------
 *
 * job_find.c
 *	  What there is to do in an index.
 *
 * The manifest says what there is, the policy what follows from it.  Nothing
 * is kept elsewhere: a job that a worker did not finish is found again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/graph_job.h"
#include "am/common/options.h"
#include "am/common/rewrite.h"
#include "base/settings.h"
#include "miscadmin.h"
#include "storage/growing.h"
#include "storage/manifest.h"
#include "storage/segment.h"
#include "utils/errcodes.h"
#include "utils/timestamp.h"
#include "worker/job.h"

/* Seconds since 2000, as descriptors have them. */
#define SECONDS_NOW(now) ((now) / USECS_PER_SEC)

/* Segments that one job of kind free names; it does all there is. */
#define JOB_MAX_UNFINISHED 100

typedef struct JobFinder
{
	Relation	index;
	Manifest   *manifest;
	PolicyLimits limits;
	PolicySegment *segments;	/* the sealed ones */
	const SegmentInfo **infos;	/* the same */
	int			nsegments;
	TimestampTz now;
} JobFinder;

static void job_find_unfinished(Relation index, const JobFinder *finder,
								JobList *list);
static int64 job_tried_ms(const JobFinder *finder, const SegmentInfo *info);
static void job_finder_begin(JobFinder *finder, Relation index, int memory);
static void job_finder_add(JobFinder *finder, const SegmentInfo *info);
static void job_finder_forget_tries(JobFinder *finder);
static JobList *job_finder_list(JobFinder *finder, const PolicyJob *jobs,
								int njobs);
static void job_finder_copy(const JobFinder *finder, const PolicyJob *from,
							Job *job);
static uint32 job_count_bounded(const JobFinder *finder,
								const SegmentInfo *info);

int
job_memory(void)
{
	return vdb_worker_memory < 0 ? maintenance_work_mem :
		Max(vdb_worker_memory, 1024);
}

JobList *
job_find(Relation index, int memory)
{
	JobFinder	finder;
	PolicyJob  *jobs;
	JobList    *list;

	job_finder_begin(&finder, index, memory);
	jobs = palloc0(sizeof(PolicyJob) * Max(finder.nsegments, 1));
	list = job_finder_list(&finder, jobs,
						   policy_jobs(finder.segments, finder.nsegments,
									   &finder.limits, jobs));
	list->growing_rows = growing_count(index, &list->newest_id);
	list->growing_id = list->newest_id;
	list->graphs = finder.limits.graphs;
	if (list->growing_rows < finder.limits.min_index_rows)
		list->growing_id = 0;
	job_find_unfinished(index, &finder, list);
	return list;
}

/* What was left unfinished comes first.  It, too, may fail. */
static void
job_find_unfinished(Relation index, const JobFinder *finder, JobList *list)
{
	SegmentInfo *infos;
	int			n = Min(manifest_list_unfinished(index, &infos),
						JOB_MAX_UNFINISHED);
	Job		   *job = &list->jobs[0];
	int64		tried_ms = PG_INT64_MAX;

	if (n == 0)
		return;
	memmove(job + 1, job, sizeof(Job) * list->njobs);
	memset(job, 0, sizeof(Job));
	job->kind = JOB_FREE;
	job->nids = n;
	job->ids = palloc(sizeof(uint32) * n);
	for (int i = 0; i < n; i++)
	{
		job->ids[i] = infos[i].id;
		if (infos[i].tries == 0)
			continue;
		job->tries = Max(job->tries, (int) infos[i].tries);
		job->sqlstate = infos[i].sqlstate;
		tried_ms = Min(tried_ms, job_tried_ms(finder, &infos[i]));
	}
	if (job->tries > 0)
	{
		job->state = job->tries >= POLICY_MAX_TRIES ? JOB_FAILED : JOB_RETRY;
		job->wait_ms = Max(policy_backoff_ms(job->tries, true) - tried_ms, 0);
	}
	list->njobs++;
}

JobList *
job_find_optimize(Relation index, int memory)
{
	JobFinder	finder;
	PolicyJob  *jobs;

	job_finder_begin(&finder, index, memory);
	job_finder_forget_tries(&finder);
	jobs = palloc0(sizeof(PolicyJob) * Max(finder.nsegments, 1));
	return job_finder_list(&finder, jobs,
						   policy_optimize(finder.segments, finder.nsegments,
										   &finder.limits, jobs));
}

JobList *
job_find_compact(Relation index)
{
	JobFinder	finder;
	PolicyJob  *jobs;
	int			njobs = 0;

	job_finder_begin(&finder, index, maintenance_work_mem);
	jobs = palloc0(sizeof(PolicyJob) * Max(finder.nsegments, 1));
	for (int i = 0; i < finder.nsegments; i++)
	{
		const PolicySegment *segment = &finder.segments[i];
		PolicyJob  *job = &jobs[njobs];

		/* Not a graph that there is no memory to build again. */
		if (segment->ndead == 0 ||
			(segment->kind == SEGMENT_GRAPH && !finder.limits.graphs))
			continue;
		job->kind = JOB_COMPACT;
		job->state = JOB_PENDING;
		job->nsources = 1;
		job->sources = palloc(sizeof(int));
		job->sources[0] = i;
		job->rows = segment->nrows - segment->ndead;
		njobs++;
	}
	return job_finder_list(&finder, jobs, njobs);
}

bool
job_rewrite(Relation index, const Job *job, int memory,
			const GraphHelp *help)
{
	Manifest   *manifest = manifest_read(index);
	const IndexIdentity *identity = &manifest->identity;
	RewriteHow	how = {.help = *help};

	if (graph_job_supported(identity))
	{
		how.max_rows = graph_job_max_rows(index, identity,
										  (Size) memory * 1024);
		how.graph = how.max_rows >= GRAPH_MIN_ROWS &&
			job->rows >= options_maintenance(index,
											 identity->dim).min_index_rows;
	}
	return index_rewrite(index, job->ids, job->nids, &how);
}

static void
job_finder_begin(JobFinder *finder, Relation index, int memory)
{
	MaintenanceOptions options;
	IndexIdentity *identity;

	memset(finder, 0, sizeof(JobFinder));
	finder->index = index;
	finder->manifest = manifest_read(index);
	finder->now = GetCurrentTimestamp();
	identity = &finder->manifest->identity;
	options = options_maintenance(index, identity->dim);

	finder->limits.min_graph_rows = GRAPH_MIN_ROWS;
	finder->limits.min_index_rows = options.min_index_rows;
	finder->limits.max_rows = Min(options.max_segment_rows, PG_INT32_MAX);
	finder->limits.dead_fraction = options.dead_fraction;
	finder->limits.max_pages = MANIFEST_SWAP_PAGES;
	if (graph_job_supported(identity))
	{
		uint32		max_rows = graph_job_max_rows(index, identity,
												  (Size) memory * 1024);

		finder->limits.graphs = max_rows >= GRAPH_MIN_ROWS;
		if (finder->limits.graphs)
			finder->limits.max_rows = Min(finder->limits.max_rows, max_rows);
	}

	finder->segments = palloc0(sizeof(PolicySegment) *
							   Max(finder->manifest->nsegments, 1));
	finder->infos = palloc0(sizeof(SegmentInfo *) *
							Max(finder->manifest->nsegments, 1));
	for (int i = 0; i < finder->manifest->nsegments; i++)
	{
		if (finder->manifest->segments[i].state == SEGMENT_SEALED)
			job_finder_add(finder, &finder->manifest->segments[i]);
	}
}

static void
job_finder_add(JobFinder *finder, const SegmentInfo *info)
{
	PolicySegment *segment = &finder->segments[finder->nsegments];

	segment->id = info->id;
	segment->descriptor_page = info->descriptor_page;
	segment->kind = info->kind;
	segment->nrows = info->nrows;
	segment->ndead = info->ndead;
	segment->nbounded = job_count_bounded(finder, info);
	/* A clock that was set back must not stop everything. */
	segment->age_ms = Max(finder->now - info->created, 0) / 1000;
	segment->tries = info->tries;
	segment->tried_ms = job_tried_ms(finder, info);
	segment->fault_elsewhere = job_fault_is_elsewhere(info->sqlstate);
	finder->infos[finder->nsegments++] = info;
}

static int64
job_tried_ms(const JobFinder *finder, const SegmentInfo *info)
{
	return Max(SECONDS_NOW(finder->now) - info->tried, 0) * 1000;
}

/* Only of planes it makes a difference: a graph may or may not be possible. */
static uint32
job_count_bounded(const JobFinder *finder, const SegmentInfo *info)
{
	SegmentReader *reader;
	uint32		nbounded;

	if (info->kind != SEGMENT_PLANES || !finder->limits.graphs)
		return info->nrows;
	reader = segment_open(finder->index, &finder->manifest->identity, info);
	nbounded = reader->class_first[1];
	segment_close(reader);
	return nbounded;
}

/* What the owner asks for is done, whatever failed before. */
static void
job_finder_forget_tries(JobFinder *finder)
{
	for (int i = 0; i < finder->nsegments; i++)
		finder->segments[i].tries = 0;
}

/* There is room for one more. */
static JobList *
job_finder_list(JobFinder *finder, const PolicyJob *jobs, int njobs)
{
	JobList    *list = palloc0(sizeof(JobList));

	list->njobs = njobs;
	list->jobs = palloc0(sizeof(Job) * (njobs + 1));
	for (int i = 0; i < njobs; i++)
		job_finder_copy(finder, &jobs[i], &list->jobs[i]);
	return list;
}

static void
job_finder_copy(const JobFinder *finder, const PolicyJob *from, Job *job)
{
	job->kind = from->kind;
	job->state = from->state;
	job->wait_ms = from->wait_ms;
	job->rows = from->rows;
	job->tries = from->tries;
	job->nids = from->nsources;
	job->ids = palloc(sizeof(uint32) * from->nsources);
	for (int i = 0; i < from->nsources; i++)
	{
		const SegmentInfo *info = finder->infos[from->sources[i]];

		job->ids[i] = info->id;
		if (info->tries > 0)
			job->sqlstate = info->sqlstate;
	}
}

/* Space, memory, a crash, a conflict: not the fault of what is in there. */
bool
job_fault_is_elsewhere(uint32 sqlstate)
{
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
			return true;
		default:
			return false;
	}
}
