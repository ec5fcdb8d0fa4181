/*-------------------------------------------------------------------------
 *
 * codes.c
 *	  How well do short codes of neighbours steer a walk?
 *
 *	codes ROWS QUERIES DIM [NROWS [NQUERIES]]
 *
 * ROWS and QUERIES are files of float32, distances are Euclidean.  Builds the
 * graph with the library's builder, then walks it once for each kind of code,
 * with everything else exact: the next node is the one whose estimate, made
 * at the first node that saw it, is least.  Prints for each kind the error of
 * <d, r> in units of |d| |r| (d from the node to the neighbour, r to the
 * query; root mean square over the nodes on the way), and the steps that
 * find .95 and .99 of the ten nearest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "distance/distance.h"
#include "graph/build.h"
#include "graph/node.h"
#include "quant/quant_private.h"

#undef printf
#undef fprintf

#define K 10
#define NSLACKS 40
#define MAX_STEPS 2000

/* Codes: bits a dimension, and how many dimensions have a code. */
typedef struct Kind
{
	const char *name;
	int			bits;			/* 1, 2 or 8 */
	uint32		dim;
}			Kind;

static uint32 n;
static uint32 dim;
static uint32 nqueries;
static float *rows;				/* rotated */
static float *queries;
static GraphBuild *build;
static double error_sum;
static double error_count;

static float *
read_floats(const char *path, uint32 most, uint32 *count)
{
	FILE	   *file = fopen(path, "rb");
	float	   *data = malloc((Size) most * dim * sizeof(float));

	if (file == NULL)
	{
		perror(path);
		exit(1);
	}
	*count = fread(data, dim * sizeof(float), most, file);
	fclose(file);
	return data;
}

static float
dot(const float *a, const float *b, uint32 d)
{
	return vdb_kernels->ip(a, b, d);
}

/* Centre, rotate and encode everything, and build the graph. */
static void
make_graph(void)
{
	float	   *centre = calloc(dim, sizeof(float));
	GraphRows	encoded = {.n = n,.dim = dim};
	uint8	   *codes = malloc((Size) n * dim);
	float	   *scale = malloc(n * sizeof(float));
	float	   *norm_sq = malloc(n * sizeof(float));
	GraphParams params = graph_params(16, 64, 1);
	QuantSpace *space;
	Projection	projection;

	for (uint32 i = 0; i < n; i++)
		for (uint32 j = 0; j < dim; j++)
			centre[j] += rows[(Size) i * dim + j] / n;
	space = quant_space_create(dim, QUANT_L2, 8, 1, centre);
	for (uint32 i = 0; i < n; i++)
	{
		float	   *row = rows + (Size) i * dim;
		RowFactors	factors;

		quant_encode(space, row, codes + (Size) i * dim, &factors);
		scale[i] = factors.scale;
		norm_sq[i] = factors.norm_sq;
		quant_project(space, row, centre, row, &projection);
	}
	for (uint32 i = 0; i < nqueries; i++)
		quant_project(space, queries + (Size) i * dim, centre,
					  queries + (Size) i * dim, &projection);
	encoded.codes = codes;
	encoded.scale = scale;
	encoded.norm_sq = norm_sq;
	build = graph_build_attach(aligned_alloc(64, graph_build_size(&encoded,
																  &params)),
							   &encoded, &params, true);
	for (int phase = 0; phase < graph_build_nphases(); phase++)
		graph_build_phase(build, phase);
}

/*
 * More dimensions than there are: the vector as often as it has room, random
 * signs, and a Hadamard transform; it keeps lengths and products.
 */
static void
widen(const float *x, float *out, uint32 wide)
{
	uint32		ncopies = wide / dim;
	uint64		random = 1;

	memset(out, 0, wide * sizeof(float));
	for (uint32 i = 0; i < ncopies * dim; i++)
	{
		random = random * UINT64CONST(6364136223846793005) +
			UINT64CONST(1442695040888963407);
		out[i] = random >> 63 ? x[i % dim] : -x[i % dim];
	}
	vdb_kernels->hadamard(out, wide, 1 / sqrtf((float) wide * ncopies));
}

/* The level that a code has for x, in units of the vector's step. */
static inline float
level(float x, int bits)
{
	if (bits == 1)
		return x > 0 ? 1 : -1;
	if (bits == 2)
		return x > 1 ? 1.5f : x > 0 ? 0.5f : x > -1 ? -0.5f : -1.5f;
	return rintf(x);
}

/* <d, r> as the code of d has it. */
static float
estimate(const Kind * kind, const float *d, const float *r)
{
	static float wide_d[4096];
	static float wide_r[4096];
	uint32		used = kind->dim;
	float		square = dot(d, d, dim);
	float		step;
	float		dy = 0;
	float		ry = 0;

	if (used > dim)
	{
		widen(d, wide_d, used);
		widen(r, wide_r, used);
		d = wide_d;
		r = wide_r;
	}
	step = sqrtf(dot(d, d, used) / used);
	if (kind->bits == 8)
		step *= 4 / 127.f;
	if (step == 0)
		return 0;
	for (uint32 i = 0; i < used; i++)
	{
		float		y = level(d[i] / step, kind->bits);

		dy += d[i] * y;
		ry += r[i] * y;
	}
	return square / dy * ry;
}

static float
distance_sq(const float *query, uint32 node)
{
	return vdb_kernels->l2_sq(query, rows + (Size) node * dim, dim);
}

/* Keep the K smallest, ascending. */
static int
keep(float *best, uint32 *ids, int count, float x, uint32 id)
{
	int			at = count < K ? count : K - 1;

	if (count == K && x >= best[K - 1])
		return count;
	for (; at > 0 && best[at - 1] > x; at--)
	{
		best[at] = best[at - 1];
		ids[at] = ids[at - 1];
	}
	best[at] = x;
	ids[at] = id;
	return count < K ? count + 1 : K;
}

/* Give neighbours of a node that have none an estimate. */
static void
expand(const Kind * kind, const float *query, uint32 node, float *estimates)
{
	float	   *d = malloc(2 * dim * sizeof(float));
	float	   *r = d + dim;
	const float *from = rows + (Size) node * dim;
	int			nids;
	const uint32 *ids = graph_build_neighbours(build, node, &nids);
	float		rr = 0;

	for (uint32 j = 0; j < dim; j++)
		r[j] = query[j] - from[j];
	rr = dot(r, r, dim);
	for (int i = 0; i < nids; i++)
	{
		const float *to = rows + (Size) ids[i] * dim;
		float		dd;
		float		product;
		float		error;

		for (uint32 j = 0; j < dim; j++)
			d[j] = to[j] - from[j];
		dd = dot(d, d, dim);
		product = estimate(kind, d, r);
		error = product - dot(d, r, dim);
		if (rr * dd > 0)
		{
			error_sum += error * error / (rr * dd);
			error_count++;
		}
		if (estimates[ids[i]] == INFINITY)
			estimates[ids[i]] = rr + dd - 2 * product;
	}
	free(d);
}

/* One walk; adds recall and steps for each slack. */
static void
walk(const Kind * kind, const float *query, const uint32 *truth,
	 double *recall, double *steps)
{
	float	   *estimates = malloc(n * sizeof(float));
	bool	   *done = calloc(n, sizeof(bool));
	float		best[K];
	uint32		ids[K];
	uint32		entries[GRAPH_MAX_ENTRIES];
	int			nentries = graph_build_entries(build, entries);
	int			nbest = 0;
	int			nsteps = 0;
	int			slack = 0;

	for (uint32 i = 0; i < n; i++)
		estimates[i] = INFINITY;
	for (int i = 0; i < nentries; i++)
		estimates[entries[i]] = distance_sq(query, entries[i]);
	while (slack < NSLACKS)
	{
		uint32		next = n;
		float		front = INFINITY;
		double		wider = 1 + 0.01 * slack - 0.1;
		int			nhits = 0;

		for (uint32 i = 0; i < n; i++)
			if (!done[i] && estimates[i] < front)
			{
				next = i;
				front = estimates[i];
			}
		if (next != n && nsteps < MAX_STEPS &&
			(nbest < K || front < wider * wider * best[K - 1]))
		{
			done[next] = true;
			nsteps++;
			nbest = keep(best, ids, nbest, distance_sq(query, next), next);
			expand(kind, query, next, estimates);
			continue;
		}
		for (int i = 0; i < nbest; i++)
			for (int j = 0; j < K; j++)
				nhits += ids[i] == truth[j];
		recall[slack] += nhits / (double) K;
		steps[slack++] += nsteps;
	}
	free(estimates);
	free(done);
}

/* Steps for a recall, between the points of the curve. */
static double
steps_for(double wanted, const double *recall, const double *steps)
{
	for (int i = 1; i < NSLACKS; i++)
		if (recall[i] / nqueries >= wanted && recall[i] > recall[i - 1])
			return (steps[i] - (recall[i] - wanted * nqueries) /
					(recall[i] - recall[i - 1]) * (steps[i] - steps[i - 1])) /
				nqueries;
	return NAN;
}

static void
try_kind(const char *name, int bits, uint32 used, const uint32 *truth)
{
	Kind		kind = {name, bits, used};
	double		recall[NSLACKS] = {0};
	double		steps[NSLACKS] = {0};

	error_sum = error_count = 0;
	for (uint32 q = 0; q < nqueries; q++)
		walk(&kind, queries + (Size) q * dim, truth + q * K, recall, steps);
	printf("%u dim, %s of %u: %u bytes, error %.4f, steps %.0f at .95, %.0f at .99\n",
		   dim, kind.name, kind.dim, kind.bits * kind.dim / 8,
		   sqrt(error_sum / error_count), steps_for(.95, recall, steps),
		   steps_for(.99, recall, steps));
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	uint32	   *truth;

	if (argc < 4 || !distance_init("auto"))
		return 1;
	dim = atoi(argv[3]);
	rows = read_floats(argv[1], argc > 4 ? atoi(argv[4]) : 20000, &n);
	queries = read_floats(argv[2], argc > 5 ? atoi(argv[5]) : 200, &nqueries);
	make_graph();
	truth = calloc(nqueries * K, sizeof(uint32));
	for (uint32 q = 0; q < nqueries; q++)
	{
		float		best[K];
		int			nbest = 0;

		for (uint32 i = 0; i < n; i++)
			nbest = keep(best, truth + q * K, nbest,
						 distance_sq(queries + (Size) q * dim, i), i);
	}
	if (dim < 128)
	{
		try_kind("1 bit", 1, 64, truth);
		try_kind("1 bit", 1, 128, truth);
	}
	try_kind("1 bit", 1, dim, truth);
	if (dim > 256)
		try_kind("1 bit", 1, Max(240, dim * 37 / 100), truth);
	try_kind("2 bits", 2, dim / 2, truth);
	try_kind("2 bits", 2, dim, truth);
	try_kind("int8", 8, dim, truth);
	return 0;
}
