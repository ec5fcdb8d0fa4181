/*-------------------------------------------------------------------------
 *
 * test_policy.c
 *	  Which segments are built, merged and compacted, and when.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "unit.h"
#include "worker/policy.h"

#define MAX_SEGMENTS 400

static PolicySegment segments[MAX_SEGMENTS];
static int	nsegments;
static PolicyJob jobs[MAX_SEGMENTS];
static int	njobs;

static PolicyLimits
limits_hnsw(void)
{
	PolicyLimits limits = {
		.graphs = true,.min_graph_rows = 2048,.min_index_rows = 1024,
		.max_rows = 2000000,.dead_fraction = 0.2,.max_pages = 3
	};

	return limits;
}

static PolicySegment *
add(SegmentKind kind, uint32 nrows)
{
	PolicySegment *segment = &segments[nsegments];

	memset(segment, 0, sizeof(*segment));
	segment->id = ++nsegments;
	segment->kind = kind;
	segment->nrows = segment->nbounded = nrows;
	segment->age_ms = POLICY_SETTLE_MS;
	return segment;
}

static void
run(PolicyLimits limits)
{
	njobs = policy_jobs(segments, nsegments, &limits, jobs);
	nsegments = 0;
}

static bool
job_is(int i, JobKind kind, int nsources, uint64 rows, int64 wait_ms)
{
	return i < njobs && jobs[i].kind == kind &&
		jobs[i].nsources == nsources && jobs[i].rows == rows &&
		jobs[i].wait_ms == wait_ms;
}

static void
test_build(void)
{
	PolicyLimits flat = limits_hnsw();

	flat.graphs = false;
	run(limits_hnsw());
	unit_check(njobs == 0, "an empty index has no job");

	add(SEGMENT_ROWS, 250000);
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_BUILD, 1, 250000, 0),
			   "rows are built");
	add(SEGMENT_ROWS, 1023);
	run(limits_hnsw());
	unit_check(njobs == 0, "few rows stay as they are");
	add(SEGMENT_ROWS, 1024);
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_BUILD, 1, 1024, 0),
			   "rows become planes");
	add(SEGMENT_PLANES, 2047);
	run(limits_hnsw());
	unit_check(njobs == 0, "too few for a graph");
	add(SEGMENT_PLANES, 2048);
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_BUILD, 1, 2048, 0),
			   "enough for a graph");
	add(SEGMENT_PLANES, 5000)->nbounded = 2000;
	run(limits_hnsw());
	unit_check(njobs == 0, "rows without a vector do not make a graph");
	add(SEGMENT_GRAPH, 5000);
	run(limits_hnsw());
	unit_check(njobs == 0, "a graph is all one can have");
	add(SEGMENT_PLANES, 5000);
	run(flat);
	unit_check(njobs == 0, "planes are all one can have");
	add(SEGMENT_ROWS, 100)->ndead = 100;
	run(flat);
	unit_check(njobs == 0, "what is dead is not built");

	/* Several that cannot be merged are built together if they fit. */
	add(SEGMENT_ROWS, 250000);
	add(SEGMENT_ROWS, 2000);
	add(SEGMENT_GRAPH, 1900000);
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_BUILD, 2, 252000, 0),
			   "all that lack a graph are built together");

	/* No memory for a segment as large: it is built alone, in parts. */
	flat = limits_hnsw();
	flat.max_rows = 90000;
	add(SEGMENT_ROWS, 250000);
	add(SEGMENT_ROWS, 250000);
	run(flat);
	unit_check(njobs == 2 && job_is(0, JOB_BUILD, 1, 250000, 0) &&
			   job_is(1, JOB_BUILD, 1, 250000, 0),
			   "segments larger than memory are built one by one");
	add(SEGMENT_GRAPH, 83334);
	add(SEGMENT_GRAPH, 83333);
	add(SEGMENT_GRAPH, 83333);
	run(flat);
	unit_check(njobs == 0, "parts are not merged again");
}

static void
test_settle(void)
{
	add(SEGMENT_ROWS, 250000)->age_ms = 3000;
	add(SEGMENT_ROWS, 250000)->age_ms = 1000;
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_BUILD, 2, 500000, 4000),
			   "rows that are being loaded wait until the load has ended");
	add(SEGMENT_ROWS, 250000)->age_ms = POLICY_SETTLE_MAX_MS;
	add(SEGMENT_ROWS, 250000)->age_ms = 1000;
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_BUILD, 2, 500000, 0),
			   "but not for ever");
	add(SEGMENT_GRAPH, 250000)->age_ms = 0;
	add(SEGMENT_GRAPH, 250000)->age_ms = 0;
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_MERGE, 2, 500000, 0),
			   "what has just been built does not keep a job waiting");
	add(SEGMENT_GRAPH, 10000)->ndead = 5000;
	add(SEGMENT_ROWS, 100)->age_ms = 0;
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_COMPACT, 1, 5000, 0),
			   "dead rows go at once");
}

static void
test_merge(void)
{
	add(SEGMENT_GRAPH, 250000);
	add(SEGMENT_GRAPH, 250000);
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_MERGE, 2, 500000, 0),
			   "two of one size are merged");
	add(SEGMENT_GRAPH, 500000);
	add(SEGMENT_GRAPH, 250000);
	run(limits_hnsw());
	unit_check(njobs == 0, "a large one is not written for a small one");
	add(SEGMENT_GRAPH, 500000)->age_ms = POLICY_QUIET_MS;
	add(SEGMENT_GRAPH, 250000)->age_ms = POLICY_QUIET_MS;
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_MERGE, 2, 750000, 0),
			   "unless nothing has been added for long");
	add(SEGMENT_GRAPH, 500000)->age_ms = POLICY_QUIET_MS;
	add(SEGMENT_GRAPH, 1000)->age_ms = POLICY_QUIET_MS;
	run(limits_hnsw());
	unit_check(njobs == 0, "and never for next to nothing");
	add(SEGMENT_GRAPH, 1100000);
	add(SEGMENT_GRAPH, 1100000);
	run(limits_hnsw());
	unit_check(njobs == 0, "no segment becomes too large");
	add(SEGMENT_ROWS, 300);
	add(SEGMENT_GRAPH, 250000);
	add(SEGMENT_GRAPH, 250000);
	add(SEGMENT_GRAPH, 1900000);
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_MERGE, 3, 500300, 0),
			   "small ones go with them");
	for (int i = 0; i < 5; i++)
		add(SEGMENT_PLANES, 700)->descriptor_page = i;
	run(limits_hnsw());
	unit_check(njobs == 2 && job_is(0, JOB_MERGE, 3, 2100, 0) &&
			   job_is(1, JOB_MERGE, 2, 1400, 0),
			   "a merge fits one change of the manifest");
}

static void
test_compact(void)
{
	PolicyLimits poor = limits_hnsw();

	poor.graphs = false;
	add(SEGMENT_GRAPH, 10000)->ndead = 2000;
	run(limits_hnsw());
	unit_check(njobs == 0, "a fifth is not too much");
	add(SEGMENT_GRAPH, 10000)->ndead = 2001;
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_COMPACT, 1, 7999, 0),
			   "more than a fifth is");
	add(SEGMENT_GRAPH, 10000)->ndead = 5000;
	run(poor);
	unit_check(njobs == 0, "a graph is kept that cannot be built again");
	add(SEGMENT_GRAPH, 10000)->ndead = 9000;
	run(poor);
	unit_check(njobs == 1 && job_is(0, JOB_COMPACT, 1, 1000, 0),
			   "a graph of nothing is not");
	add(SEGMENT_GRAPH, 10000)->ndead = 10000;
	run(limits_hnsw());
	unit_check(njobs == 0, "what is dead is freed");
}

static void
test_tries(void)
{
	PolicySegment *segment;

	unit_check(policy_seal_early(POLICY_EARLY_ROWS, POLICY_EARLY_RATE) &&
			   !policy_seal_early(POLICY_EARLY_ROWS - 1, 0) &&
			   !policy_seal_early(250000, POLICY_EARLY_RATE + 1),
			   "early seals");
	unit_check(policy_backoff_ms(1, false) == 2000 &&
			   policy_backoff_ms(2, false) == 4000 &&
			   policy_backoff_ms(3, false) == -1 &&
			   policy_backoff_ms(3, true) == POLICY_RETRY_MS,
			   "waits after failures");

	add(SEGMENT_GRAPH, 10000);
	add(SEGMENT_GRAPH, 10000);
	segment = add(SEGMENT_GRAPH, 10000);
	segment->tries = 1;
	segment->tried_ms = 500;
	run(limits_hnsw());
	unit_check(njobs == 2 && job_is(0, JOB_MERGE, 2, 20000, 0) &&
			   job_is(1, JOB_MERGE, 1, 10000, 1500) &&
			   jobs[1].state == JOB_RETRY,
			   "what failed does not hold up the others");
	segment = add(SEGMENT_ROWS, 10000);
	segment->tries = 2;
	segment->tried_ms = 5000;
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_BUILD, 1, 10000, 0) &&
			   jobs[0].state == JOB_RETRY && jobs[0].tries == 2,
			   "it is tried again");
	segment = add(SEGMENT_ROWS, 10000);
	segment->tries = 3;
	segment->tried_ms = 2 * POLICY_RETRY_MS;
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_BUILD, 1, 10000, -1) &&
			   jobs[0].state == JOB_FAILED, "until it has failed");

	/* Lack of space: the same segments together again. */
	for (int i = 0; i < 2; i++)
	{
		segment = add(SEGMENT_GRAPH, 10000);
		segment->tries = 3;
		segment->tried_ms = POLICY_RETRY_MS;
		segment->fault_elsewhere = true;
	}
	run(limits_hnsw());
	unit_check(njobs == 1 && job_is(0, JOB_MERGE, 2, 20000, 0) &&
			   jobs[0].tries == 3, "a full disk may have room again");
}

/*
 * Whatever there is, each segment has one job at most, no merge makes too
 * large a segment, and doing as told comes to an end.
 */
static void
test_ends(int ncases)
{
	for (int c = 0; c < ncases; c++)
	{
		PolicyLimits limits = limits_hnsw();
		int			n = 1 + unit_below(40);
		int			rounds = 0;

		limits.graphs = unit_below(4) > 0;
		limits.max_rows = 2048 + unit_below(3000000);
		for (int i = 0; i < n; i++)
		{
			PolicySegment *segment = add(1 + unit_below(3),
										 1 + unit_below(1 << unit_below(21)));

			segment->ndead = unit_below(segment->nrows + 1);
			segment->nbounded = unit_below(segment->nrows + 1);
			segment->age_ms = 2 * POLICY_QUIET_MS;
			segment->descriptor_page = unit_below(3);
		}
		do
		{
			bool		used[MAX_SEGMENTS] = {false};

			n = nsegments;
			njobs = policy_jobs(segments, nsegments, &limits, jobs);
			for (int j = 0; j < njobs; j++)
			{
				PolicySegment result = {.id = n + j + 1};
				uint64		rows = 0;
				uint64		bounded = 0;

				for (int k = 0; k < jobs[j].nsources; k++)
				{
					PolicySegment *source = &segments[jobs[j].sources[k]];

					unit_check(!used[jobs[j].sources[k]], "in one job");
					used[jobs[j].sources[k]] = true;
					rows += source->nrows - source->ndead;
					bounded += source->nbounded -
						Min(source->ndead, source->nbounded);
				}
				unit_check(rows == jobs[j].rows, "rows add up");
				unit_check(jobs[j].nsources == 1 || rows <= limits.max_rows,
						   "not too large");
				/* As rewrite.c does it; parts are left out. */
				result.kind = limits.graphs && bounded >= 2048 ?
					SEGMENT_GRAPH : SEGMENT_PLANES;
				result.nrows = rows;
				result.nbounded = bounded;
				result.age_ms = 2 * POLICY_QUIET_MS;
				segments[nsegments++] = result;
			}
			/* Sources go. */
			n = 0;
			for (int i = 0; i < nsegments; i++)
			{
				if (!used[i])
					segments[n++] = segments[i];
			}
			nsegments = n;
		} while (njobs > 0 && ++rounds < 50);
		unit_check(njobs == 0, "no more jobs in the end");
		nsegments = 0;
	}
}

int
main(int argc, char **argv)
{
	long		ncases = unit_ncases(argc, argv, 100000);

	test_build();
	test_settle();
	test_merge();
	test_compact();
	test_tries();
	test_ends(Min(ncases / 50, 4000));
	return unit_finish();
}
