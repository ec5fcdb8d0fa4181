/*-------------------------------------------------------------------------
 *
 * test_graph.c
 *	  Builds graphs over easy and nasty data, by one and by several processes.
 *
 * Checked for each: what build.h promises of neighbours, entries and order;
 * that every node can be reached; that the result is the same whoever built
 * it.  For data that look like real ones also how much of the truth a search
 * finds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "distance/distance.h"
#include "graph/build.h"
#include "graph/encode.h"
#include "graph_data.h"
#include "plain_search.h"
#include "quant/quant_private.h"
#include "unit.h"

#undef qsort

#define MAX_PROCS 3
#define K 10

/* ---- data ---- */

/* Groups of rows that differ in one element, and hardly. */
static Data
data_near_duplicates(uint32 n, uint32 dim, uint32 group)
{
	Data		data = data_create(n, dim);

	for (uint32 i = 0; i < n; i++)
		for (uint32 j = 0; j < dim; j++)
			if (i % group == 0)
				data_vector(&data, i)[j] = unit_gaussian();
			else
				data_vector(&data, i)[j] = data_vector(&data, i - 1)[j] *
					(j == i % dim ? 1.0001f : 1);
	return data;
}

/* One element each; many pairs are equally far. */
static Data
data_one_hot(uint32 n, uint32 dim)
{
	Data		data = data_create(n, dim);

	for (uint32 i = 0; i < n; i++)
		for (uint32 j = 0; j < dim; j++)
			data_vector(&data, i)[j] = j == i % dim ? 1 + i / dim : 0;
	return data;
}

/* The same everywhere, but for noise that codes may not show. */
static Data
data_constant(uint32 n, uint32 dim, float noise)
{
	Data		data = data_create(n, dim);

	for (uint32 i = 0; i < n * dim; i++)
		data.vectors[i] = 1 + noise * unit_gaussian();
	return data;
}

/* Two clusters, the second of "few" nodes and far away. */
static Data
data_two_far(uint32 n, uint32 dim, uint32 few)
{
	Data		data = data_create(n, dim);

	for (uint32 i = 0; i < n; i++)
		for (uint32 j = 0; j < dim; j++)
			data_vector(&data, i)[j] = unit_gaussian() +
				(i >= n / 2 && i < n / 2 + few ? 1000 : 0);
	return data;
}

/* ---- building ---- */

static void *
share(Size size)
{
	void	   *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
							  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	return memory;
}

static void
run_phases(GraphBuild *build, pthread_barrier_t *barrier)
{
	for (int phase = 0; phase < graph_build_nphases(); phase++)
	{
		graph_build_phase(build, phase);
		if (barrier != NULL)
			pthread_barrier_wait(barrier);
	}
}

/* Returns the handle of this process; *memory is to be unmapped. */
static GraphBuild *
build_graph(const GraphRows *rows, const GraphParams *params, int nprocs,
			void **memory)
{
	pthread_barrier_t *barrier = share(sizeof(pthread_barrier_t));
	pthread_barrierattr_t attr;
	GraphBuild *build;

	*memory = share(graph_build_size(rows, params));
	build = graph_build_attach(*memory, rows, params, true);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(barrier, &attr, nprocs);
	for (int i = 1; i < nprocs; i++)
		if (fork() == 0)
		{
			run_phases(graph_build_attach(*memory, rows, params, false),
					   barrier);
			_exit(0);
		}
	run_phases(build, barrier);
	for (int i = 1; i < nprocs; i++)
	{
		int			status = -1;

		wait(&status);
		unit_check(status == 0, "a building process failed");
	}
	munmap(barrier, sizeof(pthread_barrier_t));
	return build;
}

static void
free_graph(GraphBuild *build, const GraphRows *rows,
		   const GraphParams *params, void *memory)
{
	graph_build_detach(build);
	munmap(memory, graph_build_size(rows, params));
}

/* ---- what a graph must be ---- */

static void
check_neighbours(const GraphBuild *build, const GraphRows *rows, int degree,
				 const char *name)
{
	uint32	   *seen = calloc(rows->n, sizeof(uint32));

	for (uint32 node = 0; node < rows->n; node++)
	{
		int			n;
		const uint32 *ids = graph_build_neighbours(build, node, &n);

		unit_check(n <= degree, "%s: node %u has %d neighbours", name, node,
				   n);
		unit_check(n >= 1 || rows->n == 1, "%s: node %u has no neighbour",
				   name, node);
		for (int i = 0; i < n && ids[i] < rows->n; i++)
		{
			unit_check(ids[i] != node, "%s: node %u has itself", name, node);
			unit_check(seen[ids[i]] != node + 1, "%s: node %u has %u twice",
					   name, node, ids[i]);
			seen[ids[i]] = node + 1;
		}
		for (int i = 0; i < n; i++)
			unit_check(ids[i] < rows->n, "%s: there is no node %u", name,
					   ids[i]);
	}
	free(seen);
}

static void
check_reachable(const GraphBuild *build, const GraphRows *rows,
				const char *name)
{
	uint32		entries[GRAPH_MAX_ENTRIES];
	int			nentries = graph_build_entries(build, entries);
	uint32	   *queue = malloc(rows->n * sizeof(uint32));
	bool	   *reached = calloc(rows->n, sizeof(bool));
	uint32		tail = 0;

	unit_check(nentries >= 1 && nentries <= GRAPH_MAX_ENTRIES,
			   "%s: %d entries", name, nentries);
	for (int i = 0; i < nentries; i++)
	{
		unit_check(entries[i] < rows->n &&
				   (i == 0 || entries[i] > entries[i - 1]),
				   "%s: entries are not ascending", name);
		reached[entries[i]] = true;
		queue[tail++] = entries[i];
	}
	for (uint32 head = 0; head < tail; head++)
	{
		int			n;
		const uint32 *ids = graph_build_neighbours(build, queue[head], &n);

		for (int i = 0; i < n; i++)
			if (!reached[ids[i]])
			{
				reached[ids[i]] = true;
				queue[tail++] = ids[i];
			}
	}
	unit_check(tail == rows->n, "%s: %u of %u nodes can be reached", name,
			   tail, rows->n);
	free(queue);
	free(reached);
}

static void
check_order(const GraphBuild *build, const GraphRows *rows, const char *name)
{
	const uint32 *order = graph_build_order(build);
	bool	   *seen = calloc(rows->n, sizeof(bool));

	for (uint32 i = 0; i < rows->n; i++)
	{
		if (unit_check(order[i] < rows->n && !seen[order[i]],
					   "%s: the order is none", name))
			seen[order[i]] = true;
	}
	free(seen);
}

static void
check_same(const GraphBuild *a, const GraphBuild *b, const GraphRows *rows,
		   const char *name)
{
	unit_check(memcmp(graph_build_order(a), graph_build_order(b),
					  rows->n * sizeof(uint32)) == 0,
			   "%s: the order differs", name);
	for (uint32 node = 0; node < rows->n; node++)
	{
		int			na;
		int			nb;
		const uint32 *ids_a = graph_build_neighbours(a, node, &na);
		const uint32 *ids_b = graph_build_neighbours(b, node, &nb);

		unit_check(na == nb && memcmp(ids_a, ids_b, na * sizeof(uint32)) == 0,
				   "%s: node %u depends on who built the graph", name, node);
	}
}

/* All promises, for one data set and one setting. */
static void
check_graph(const Data *data, GraphParams params, int nprocs,
			const char *name)
{
	void	   *memory;
	void	   *memory2;
	GraphBuild *build = build_graph(&data->rows, &params, 1, &memory);
	GraphBuild *build2;

	check_neighbours(build, &data->rows, params.degree, name);
	check_reachable(build, &data->rows, name);
	check_order(build, &data->rows, name);
	if (nprocs > 1)
	{
		build2 = build_graph(&data->rows, &params, nprocs, &memory2);
		check_same(build, build2, &data->rows, name);
		free_graph(build2, &data->rows, &params, memory2);
	}
	free_graph(build, &data->rows, &params, memory);
}

static void
check_data(Data data, const char *name)
{
	GraphParams params = graph_params(16, 64, unit_random());
	GraphParams small = graph_params(2, 16, unit_random());

	data_encode(&data);
	check_graph(&data, params, MAX_PROCS, name);
	params.per_page = 9;
	/* many levels of parts */
	params.leaf_size = 64;
	check_graph(&data, params, 2, name);
	small.leaf_size = 100;
	small.per_page = 3;
	check_graph(&data, small, 1, name);
	data_free(&data);
}

/* Every kernel table builds the same graph. */
static void
check_tables(void)
{
	Data		data = data_clustered(700, 33, 20, 0.3f);
	GraphParams params = graph_params(16, 64, 7);
	GraphBuild *first = NULL;
	void	   *memory;

	data_encode(&data);
	params.leaf_size = 100;
	for (int t = 0; vdb_kernel_tables[t] != NULL; t++)
	{
		GraphBuild *build;

		if (!distance_init(vdb_kernel_tables[t]->name))
			continue;
		build = build_graph(&data.rows, &params, 1, &memory);
		if (first == NULL)
			first = build;
		else
			check_same(first, build, &data.rows, vdb_kernel_tables[t]->name);
	}
	distance_init("auto");
	data_free(&data);
}

/* ---- quality ---- */

static float
exact_score(const Data *data, const float *query, uint32 i)
{
	if (data->metric == QUANT_IP)
		return -vdb_kernels->ip(query, data_vector(data, i), data->dim);
	return vdb_kernels->l2_sq(query, data_vector(data, i), data->dim);
}

/* How many of the results are as near as the K-th nearest? */
static int
count_hits(const Data *data, const float *query, const PlainResult *results,
		   int nresults)
{
	float		best[K];
	int			n = 0;
	int			nhits = 0;

	for (uint32 i = 0; i < data->n; i++)
	{
		float		score = exact_score(data, query, i);
		int			at = n < K ? n++ : K;

		if (at == K && score >= best[K - 1])
			continue;
		at = Min(at, K - 1);
		for (; at > 0 && best[at - 1] > score; at--)
			best[at] = best[at - 1];
		best[at] = score;
	}
	for (int i = 0; i < nresults; i++)
		if (exact_score(data, query, results[i].node) <= best[n - 1])
			nhits++;
	return nhits;
}

static PlainGraph
encode_graph(const Data *data, const GraphBuild *build, uint32 *entries)
{
	PlainGraph	graph = {graph_shape(data->dim, 8, data->dim)};
	GraphEncoder *encoder = graph_encoder_create(&graph.shape, &data->rows);

	graph.n = data->n;
	graph.dim = data->dim;
	graph.inner_product = data->rows.inner_product;
	graph.codes = data->rows.codes;
	graph.nodes = malloc((Size) data->n * graph.shape.node_bytes);
	graph.visited = calloc(data->n, sizeof(uint32));
	graph.expanded = malloc(data->n * sizeof(uint32));
	for (uint32 i = 0; i < data->n; i++)
	{
		int			n;
		const uint32 *ids = graph_build_neighbours(build, i, &n);

		graph_encode_node(encoder, i, ids, n, NULL, (GraphNode *)
						  (graph.nodes + (Size) i * graph.shape.node_bytes));
	}
	graph.nentries = graph_build_entries(build, entries);
	graph.entries = entries;
	return graph;
}

/* recall@10 of 100 queries like the data, with a search of that width */
static void
check_recall(Data data, Data queries, int width, double floor,
			 const char *name)
{
	GraphParams params = graph_params(16, 64, 3);
	uint32		entries[GRAPH_MAX_ENTRIES];
	float	   *query = malloc(data.dim * sizeof(float));
	void	   *memory;
	GraphBuild *build;
	PlainGraph	graph;
	double		nhits = 0;

	data_encode(&data);
	build = build_graph(&data.rows, &params, 1, &memory);
	graph = encode_graph(&data, build, entries);
	for (uint32 i = 0; i < queries.n; i++)
	{
		PlainResult results[K];
		Projection	projection;
		int			nexpanded;
		int			n;

		quant_project(data.space, data_vector(&queries, i),
					  data.rows.inner_product ? NULL : data.space->centre,
					  query, &projection);
		n = plain_search(&graph, query, width, K, results, &nexpanded);
		nhits += count_hits(&data, data_vector(&queries, i), results, n);
	}
	unit_check(nhits >= floor * K * queries.n, "%s: recall is %.3f", name,
			   nhits / K / queries.n);
	free_graph(build, &data.rows, &params, memory);
	free(graph.nodes);
	free(graph.visited);
	free(graph.expanded);
	free(query);
	data_free(&data);
	data_free(&queries);
}

/* The rows from "first" on become queries. */
static Data
split_queries(Data *data, uint32 nqueries)
{
	Data		queries = data_create(nqueries, data->dim);

	data->n -= nqueries;
	memcpy(queries.vectors, data_vector(data, data->n),
		   (Size) nqueries * data->dim * sizeof(float));
	return queries;
}

static void
check_quality(bool small)
{
	uint32		n = small ? 1500 : 6000;
	Data		data = data_clustered(n, 24, 60, 0.4f);
	Data		queries = split_queries(&data, 100);

	check_recall(data, queries, 40, 0.95, "clusters");
	data = data_clustered(n, 16, 1, 1);
	queries = split_queries(&data, 100);
	check_recall(data, queries, 60, 0.90, "one cluster");
	data = data_clustered(n, 24, 60, 0.4f);
	data.metric = QUANT_IP;
	queries = split_queries(&data, 100);
	check_recall(data, queries, 60, 0.90, "inner product");
}

/* ---- interrupts ---- */

typedef struct CheckState
{
	jmp_buf		jump;
	uint32		ncalls;
	uint32		last;			/* jump at that call */
} CheckState;

static void
count_check(void *arg)
{
	CheckState *state = arg;

	if (++state->ncalls == state->last)
		longjmp(state->jump, 1);
}

/* Leave at any check; the memory can be used for another build then. */
static void
check_interrupts(void)
{
	Data		data = data_clustered(600, 16, 5, 0.5f);
	GraphParams params = graph_params(16, 64, 1);
	void	   *memory;
	GraphBuild *expected;
	CheckState	state = {.ncalls = 0};
	volatile uint32 stop = 1;
	void	   *memory2;

	data_encode(&data);
	params.leaf_size = 64;
	expected = build_graph(&data.rows, &params, 1, &memory);
	memory2 = share(graph_build_size(&data.rows, &params));
	for (;;)
	{
		GraphBuild *build = graph_build_attach(memory2, &data.rows, &params,
											   true);

		state.ncalls = 0;
		state.last = stop;
		graph_build_set_check(build, count_check, &state);
		if (setjmp(state.jump) == 0)
		{
			run_phases(build, NULL);
			check_same(expected, build, &data.rows, "after interrupts");
			break;
		}
		stop += 1 + stop / 4;
	}
	unit_check(stop > 20, "a build is interrupted %u times only", stop);
	for (int phase = 0; phase < graph_build_nphases(); phase++)
		unit_check(graph_build_phase_name(phase) != NULL &&
				   graph_build_progress(expected, phase) > 0,
				   "phase %d shows no progress", phase);
	free_graph(expected, &data.rows, &params, memory);
	data_free(&data);
}

int
main(int argc, char **argv)
{
	static const uint32 sizes[] = {1, 2, 3, 5, 31, 32, 33, 34, 64, 65, 200};
	static const uint32 dims[] = {1, 2, 3, 4, 5, 15, 16, 17, 63, 100, 768};
	bool		small = argc > 1;
	uint32		n = small ? 400 : 1500;

	distance_init("auto");
	for (int i = 0; i < 11; i++)
		check_data(data_clustered(sizes[i], 8, 3, 0.3f), "small");
	for (int i = 0; i < 11; i++)
		check_data(data_clustered(300, dims[i], 3, 0.3f), "dimensions");
	check_data(data_clustered(40, 3072, 3, 0.3f), "3,072 dimensions");
	check_data(data_clustered(n, 32, 50, 0.1f), "clusters");
	check_data(data_near_duplicates(n, 16, 100), "near duplicates");
	check_data(data_near_duplicates(n, 8, n), "one group of duplicates");
	check_data(data_one_hot(n, 128), "one hot");
	check_data(data_constant(n, 8, 1e-6f), "constant and noise");
	check_data(data_constant(n, 8, 0), "constant");
	check_data(data_two_far(n, 8, n / 2), "two far clusters");
	check_data(data_two_far(n, 8, 40), "a few far away");
	check_data(data_two_far(n, 8, 3), "outliers");
	check_tables();
	check_interrupts();
	check_quality(small);
	return unit_finish();
}
