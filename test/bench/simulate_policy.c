/*-------------------------------------------------------------------------
 *
 * simulate_policy.c
 *	  What the policy of maintenance workers costs, simulated.
 *
 *		test/bench/simulate-policy
 *
 * Rows stream in, segments are sealed, and one worker does what policy.c says,
 * in the time that building takes.  Printed for each load and each limit:
 * how often a row is written, what share of the time the worker is busy, how
 * many segments there are, and what a search costs beside one in a single
 * graph of all rows.
 *
 * The model: 128 dimensions; a worker builds 12,000 rows a second; reading
 * rows without a graph takes 6 ns each; a search in a graph of 160,000 rows
 * 39 us, 8 % more for each doubling; in n equal graphs of the same rows n^0.4
 * times that (65 us in four, 86 us in eight); n graphs of different sizes are
 * as many as their entropy says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <stdio.h>

#include "worker/policy.h"

#undef printf

#define SEAL_ROWS 249856
#define BUILD_ROWS_PER_S 12000.0
#define MAX_SEGMENTS 2000

static PolicySegment segments[MAX_SEGMENTS];
static int	nsegments;
static int64 born[MAX_SEGMENTS];	/* ms */

static double
one_graph(double rows)
{
	return 39e-6 * pow(1.08, log2(Max(rows, 2) / 160000));
}

/* Cost of a search beside that in one graph. */
static double
search_cost(double growing)
{
	double		flat = growing;
	double		total = 0;
	double		entropy = 0;

	for (int i = 0; i < nsegments; i++)
	{
		if (segments[i].kind == SEGMENT_GRAPH)
			total += segments[i].nrows;
		else
			flat += segments[i].nrows;
	}
	for (int i = 0; i < nsegments; i++)
	{
		double		share = segments[i].nrows / total;

		if (segments[i].kind == SEGMENT_GRAPH)
			entropy -= share * log(share);
	}
	return (flat * 6e-9 +
			(total > 0 ? one_graph(total) * exp(0.4 * entropy) : 0)) /
		one_graph(total + flat);
}

static void
add(SegmentKind kind, uint32 rows, int64 now)
{
	memset(&segments[nsegments], 0, sizeof(PolicySegment));
	segments[nsegments].kind = kind;
	segments[nsegments].nrows = segments[nsegments].nbounded = rows;
	born[nsegments++] = now;
}

/* Sources of a job go; returns their rows. */
static double
take(const PolicyJob *job)
{
	bool		gone[MAX_SEGMENTS] = {false};
	int			n = 0;

	for (int i = 0; i < job->nsources; i++)
		gone[job->sources[i]] = true;
	for (int i = 0; i < nsegments; i++)
	{
		if (gone[i])
			continue;
		segments[n] = segments[i];
		born[n++] = born[i];
	}
	nsegments = n;
	return job->rows;
}

static void
simulate(double total, double rate, double max_rows)
{
	PolicyLimits limits = {
		.graphs = true,.min_graph_rows = 2048,.min_index_rows = 1024,
		.max_rows = max_rows,.dead_fraction = 0.2,.max_pages = 3
	};
	PolicyJob	jobs[MAX_SEGMENTS];
	PolicyJob	running = {0};
	int64		now = 0;
	int64		ends = 0;
	double		inserted = 0;
	double		growing = 0;
	double		written = 0;
	double		busy = 0;
	double		cost = 0;
	double		worst = 0;
	int			peak = 0;
	double		samples = 0;

	nsegments = 0;
	/* While rows arrive, and ten minutes more. */
	for (; now < (total / rate + 600) * 1000; now += 1000)
	{
		if (inserted < total)
		{
			inserted += rate;
			growing += rate;
		}
		while (growing >= SEAL_ROWS)
		{
			add(SEGMENT_ROWS, SEAL_ROWS, now);
			growing -= SEAL_ROWS;
		}
		if (running.nsources > 0 && now >= ends)
		{
			/* Segments are appended, so the sources are where they were. */
			double		rows = take(&running);

			add(SEGMENT_GRAPH, rows, now);
			written += rows;
			running.nsources = 0;
		}
		if (running.nsources == 0)
		{
			int			njobs;

			for (int i = 0; i < nsegments; i++)
				segments[i].age_ms = now - born[i];
			njobs = policy_jobs(segments, nsegments, &limits, jobs);
			if (njobs == 0 && policy_seal_early(growing, rate))
			{
				add(SEGMENT_ROWS, growing, now);
				growing = 0;
			}
			if (njobs > 0 && jobs[0].wait_ms == 0)
			{
				running = jobs[0];
				ends = now + running.rows / BUILD_ROWS_PER_S * 1000;
			}
		}
		if (inserted < total)
		{
			double		c = search_cost(growing);

			busy += running.nsources > 0;
			cost += c;
			worst = Max(worst, c);
			peak = Max(peak, nsegments);
			samples++;
		}
	}
	printf("%6.0f M %8.0f/s %6.1f M   %5.2f  %5.0f %%  %6.2f  %6.2f  %5d  %5d  %6.2f\n",
		   total / 1e6, rate, max_rows / 1e6, written / total,
		   100 * busy / samples, cost / samples, worst, peak, nsegments,
		   search_cost(growing));
}

int
main(void)
{
	static const double totals[] = {1e6, 10e6, 100e6};
	static const double rates[] = {1000, 5000, 20000};
	static const double limits[] = {2e6, 16e6};

	printf("                     largest   times         search, in one graph = 1   segments      search\n"
		   "    rows      speed  segment  written   busy    mean   worst    most    end    at the end\n");
	for (int l = 0; l < 2; l++)
	{
		for (int t = 0; t < 3; t++)
		{
			for (int r = 0; r < 3; r++)
				simulate(totals[t], rates[r], limits[l]);
		}
	}
	return 0;
}
