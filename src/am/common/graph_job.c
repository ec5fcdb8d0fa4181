/*-------------------------------------------------------------------------
 *
 * graph_job.c
 *	  Writing a graph segment: the leader's part.
 *
 * Rows are taken into memory, equal codes are found, the graph is built over
 * the distinct ones (graph/build.h), and everything is written in the order
 * that the builder likes.  Memory: the codes and some 600 bytes a row, in the
 * bounds that the caller got from graph_job_max_rows().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "am/common/build.h"
#include "am/common/graph_job_state.h"
#include "am/common/options.h"
#include "base/debug_points.h"
#include "common/hashfn.h"
#include "graph/encode.h"
#include "graph/info.h"
#include "graph/measure.h"
#include "miscadmin.h"
#include "quant/quant.h"
#include "utils/memutils.h"

/* Neighbours' codes have two signs a dimension up to this one, */
#define STEER_TWO_SIGNS_DIM 64

/* and one for all dimensions up to this one. */
#define STEER_FULL_DIM 256

/* Above, enough to be as good as the full code of a smaller vector. */
#define STEER_MIN_DIM 240
#define STEER_MIN_SHARE 0.37

static uint32 graph_job_steer_dim(uint32 dim, int bits);
static void graph_job_find_copies(GraphJob *job);
static void graph_job_lift(GraphJob *job, const QuantSpace *space);
static void graph_job_number_rows(GraphJob *job);
static GraphInfo *graph_job_info(GraphJob *job);
static void graph_job_measure(GraphJob *job, GraphInfo *info);
static QuantSpace *graph_job_space(GraphJob *job);

bool
graph_job_supported(const IndexIdentity *identity)
{
	return identity->am == AM_HNSW && identity->metric != QUANT_L1 &&
		graph_supported(identity->dim, identity->bits) &&
		graph_shape(identity->dim, identity->bits,
					graph_job_steer_dim(identity->dim,
										identity->bits)).own_bytes > 0;
}

double
graph_job_row_memory(Relation index, const IndexIdentity *identity)
{
	GraphOptions options = options_graph(index);
	GraphParams params = graph_params(options.m, options.ef_construction,
									  identity->seed);
	uint32		sample = 1000000;

	return graph_job_block_size(identity, &params, sample) / (double) sample +
		2 * sizeof(uint32) + sizeof(uint64) * 2;
}

uint32
graph_job_max_rows(Relation index, const IndexIdentity *identity, Size memory)
{
	return (uint32) Min(memory / graph_job_row_memory(index, identity),
						GRAPH_MAX_NODES);
}

GraphJob *
graph_job_begin(Relation index, const IndexIdentity *identity,
				const uint32 class_rows[4], const GraphHelp *help)
{
	GraphJob   *job;
	GraphJobShared *shared;
	GraphOptions options = options_graph(index);
	GraphParams params = graph_params(options.m, options.ef_construction,
									  identity->seed);
	uint32		nbounded = class_rows[ROW_BOUNDED];
	uint32		nother = 0;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "vectordb graph",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	Assert(nbounded > 0);
	job = palloc0(sizeof(GraphJob));
	job->context = context;
	job->index = index;
	memcpy(job->class_rows, class_rows, sizeof(job->class_rows));
	for (int i = ROW_UNBOUNDED; i <= ROW_NULL; i++)
		nother += class_rows[i];
	job->other_tids = palloc_extended(sizeof(ItemPointerData) *
									  Max((Size) nother, 1), MCXT_ALLOC_HUGE);
	job->owner = palloc_extended(sizeof(uint32) * (Size) nbounded,
								 MCXT_ALLOC_HUGE);
	job->places = palloc_extended(sizeof(uint32) *
								  ((Size) nbounded + nother),
								  MCXT_ALLOC_HUGE);

	shared = graph_job_allocate(job, graph_job_block_size(identity, &params,
														  nbounded),
								help);
	memset(shared, 0, sizeof(GraphJobShared));
	shared->indexrelid = RelationGetRelid(index);
	shared->identity = *identity;
	shared->params = params;
	shared->steer_dim = graph_job_steer_dim(identity->dim, identity->bits);
	shared->params.per_page = graph_shape(identity->dim, identity->bits,
										  shared->steer_dim).nodes_per_page;
	shared->capacity = nbounded;
	BarrierInit(&shared->barrier, 0);
	pg_atomic_init_u32(&shared->next_page, 0);
	pg_atomic_init_u32(&shared->waiting, 0);
	pg_atomic_init_u32(&shared->ended, 0);
	pg_atomic_init_u32(&shared->failed, 0);
	graph_job_map(job, shared);
	MemoryContextSwitchTo(old);
	return job;
}

void
graph_job_add(GraphJob *job, const uint8 *code, const RowFactors *factors,
			  ItemPointer tid)
{
	uint32		dim = job->shared->identity.dim;
	uint32		i = job->nadded++;

	Assert(i < job->shared->capacity);
	memcpy(job->codes + (Size) i * dim, code, dim);
	job->scale[i] = factors->scale;
	job->norm_sq[i] = factors->norm_sq;
	job->radius[i] = factors->radius;
	job->tids[i] = *tid;
}

void
graph_job_add_tid(GraphJob *job, ItemPointer tid)
{
	job->other_tids[job->nother++] = *tid;
}

uint32
graph_job_write(GraphJob *job, int level)
{
	MemoryContext old = MemoryContextSwitchTo(job->context);
	GraphInfo  *info;
	uint32		id;

	Assert(job->nadded == job->shared->capacity);
	job->level = level;
	graph_job_find_copies(job);
	if (job->lift != NULL)
		graph_job_lift(job, graph_job_space(job));
	job->rows.n = job->shared->nnodes;
	job->build = graph_build_attach(job->build_block, &job->rows,
									&job->shared->params, true);
	graph_job_launch(job);
	graph_job_participate(job, true);
	graph_job_finish_workers(job);
	debug_point("graph-nodes-written");

	info = graph_job_info(job);
	segment_writer_set_graph(job->writer, info);
	graph_job_report_measuring();
	graph_job_measure(job, info);
	segment_writer_set_graph(job->writer, info);
	graph_job_report_logging();
	debug_point("graph-measured");
	id = segment_writer_finish(job->writer);
	MemoryContextSwitchTo(old);
	return id;
}

const uint32 *
graph_job_places(GraphJob *job)
{
	return job->places;
}

void
graph_job_end(GraphJob *job)
{
	graph_job_release_workers(job);
	MemoryContextDelete(job->context);
}

/*
 * Dimensions of the neighbours' codes.  The rotation makes all dimensions
 * alike, so that the first ones stand for all; what they miss of a product is
 * about 1 / sqrt(dimensions), as what a sign misses is.  With fewer of them a
 * page holds more nodes: as many as leave enough.
 */
static uint32
graph_job_steer_dim(uint32 dim, int bits)
{
	uint32		least = Max(STEER_MIN_DIM, STEER_MIN_SHARE * dim);
	uint32		steer = Min(dim, GRAPH_MAX_STEER_DIM);

	if (dim <= STEER_TWO_SIGNS_DIM)
		return QUANT_STEER_TWO_SIGNS(dim);
	if (dim <= STEER_FULL_DIM)
		return dim;
	for (uint32 per_page = 1; per_page < 32; per_page++)
	{
		uint32		room = PAGE_CONTENT_SIZE / per_page;
		uint32		rest = graph_shape(dim, bits, 4).node_bytes -
		16;
		uint32		fits;

		if (room < rest + 16)
			break;
		fits = (room - rest) / 16 * 4;
		if (fits < least)
			break;
		steer = Min(fits, dim);
	}
	return Min(steer, GRAPH_MAX_STEER_DIM);
}

/* ----------------------------------------------------------------------
 * Copies
 * ----------------------------------------------------------------------
 */

typedef struct CodeHash
{
	uint64		hash;
	uint32		row;
} CodeHash;

static int
code_hash_compare(const void *a, const void *b)
{
	const CodeHash *x = a;
	const CodeHash *y = b;

	/* Sorting millions takes seconds. */
	CHECK_FOR_INTERRUPTS();
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->row < y->row ? -1 : 1;
}

static bool
graph_job_same_code(const GraphJob *job, uint32 a, uint32 b)
{
	uint32		dim = job->shared->identity.dim;

	return job->scale[a] == job->scale[b] &&
		job->radius[a] == job->radius[b] &&
		memcmp(job->codes + (Size) a * dim, job->codes + (Size) b * dim,
			   dim) == 0;
}

/* The same for rows of the same code: multiples of one vector are not. */
static uint64
graph_job_hash(const GraphJob *job, uint32 i)
{
	uint32		dim = job->shared->identity.dim;
	uint32		scale;

	memcpy(&scale, &job->scale[i], sizeof(scale));
	return hash_bytes_extended(job->codes + (Size) i * dim, dim, scale);
}

/*
 * Rows of the same code become copies of the first of them.  Owner of a row:
 * its node, by the number of the row at first and by node in the end.
 */
static void
graph_job_find_copies(GraphJob *job)
{
	uint32		n = job->shared->capacity;
	uint32		dim = job->shared->identity.dim;
	uint32		nnodes = 0;
	CodeHash   *hashes = palloc_extended(sizeof(CodeHash) * (Size) n,
										 MCXT_ALLOC_HUGE);

	for (uint32 i = 0; i < n; i++)
	{
		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		hashes[i].hash = graph_job_hash(job, i);
		hashes[i].row = i;
		job->owner[i] = i;
	}
	qsort(hashes, n, sizeof(CodeHash), code_hash_compare);
	for (uint32 i = 1, first = 0; i < n; i++)
	{
		if (hashes[i].hash == hashes[first].hash &&
			graph_job_same_code(job, hashes[i].row, hashes[first].row))
			job->owner[hashes[i].row] = hashes[first].row;
		else
			first = i;
	}
	pfree(hashes);

	/* The first of several comes before its copies: rows are ascending. */
	for (uint32 i = 0; i < n; i++)
	{
		if (job->owner[i] != i)
		{
			job->owner[i] = job->owner[job->owner[i]];
			continue;
		}
		if (nnodes != i)
		{
			memcpy(job->codes + (Size) nnodes * dim,
				   job->codes + (Size) i * dim, dim);
			job->scale[nnodes] = job->scale[i];
			job->norm_sq[nnodes] = job->norm_sq[i];
			job->radius[nnodes] = job->radius[i];
		}
		job->node_row[nnodes] = i;
		job->owner[i] = nnodes++;
	}
	job->shared->nnodes = nnodes;
}

/* ----------------------------------------------------------------------
 * Inner products
 * ----------------------------------------------------------------------
 */

/* Squared norm of node k itself, not of its distance from the centre. */
static double
graph_job_norm_sq(const GraphJob *job, uint32 k)
{
	uint32		dim = job->shared->identity.dim;
	const uint8 *code = job->codes + (Size) k * dim;
	double		sum = 0;

	for (uint32 i = 0; i < dim; i++)
	{
		float		x = job->scale[k] * (2 * code[i] - 255) + job->shift[i];

		sum += x * x;
	}
	return sum;
}

/*
 * One more coordinate gives all rows the norm of the longest: then the nearest
 * to a query, whose own is 0, has the largest inner product with it.
 */
static void
graph_job_lift(GraphJob *job, const QuantSpace *space)
{
	float	   *shift = quant_rotated_centre(space);
	double		largest = 0;

	memcpy(job->shift, shift, sizeof(float) * space->dim);
	for (uint32 k = 0; k < job->shared->nnodes; k++)
	{
		if (k % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		job->lift[k] = graph_job_norm_sq(job, k);
		largest = Max(largest, job->lift[k]);
	}
	for (uint32 k = 0; k < job->shared->nnodes; k++)
		job->lift[k] = sqrt(Max(largest - job->lift[k], 0));
	job->shared->lift_sq = largest;
}

/* ----------------------------------------------------------------------
 * Writing
 * ----------------------------------------------------------------------
 */

void
graph_job_start_writing(GraphJob *job)
{
	GraphPlan	plan = {0};
	int			nentries;
	uint32		entries[GRAPH_MAX_ENTRIES];

	graph_job_number_rows(job);
	nentries = graph_build_entries(job->build, entries);
	plan.nnodes = job->shared->nnodes;
	plan.node_bytes = job->shape.node_bytes;
	plan.nodes_per_page = job->shape.nodes_per_page;
	plan.graph_bytes = graph_info_bytes(nentries, job->shape.ngroups);
	plan.has_fine = job->shape.own_bytes == 0;
	job->writer = segment_writer_begin_graph(job->index,
											 &job->shared->identity,
											 job->class_rows, job->level,
											 &plan);
	job->shared->segment = segment_writer_share_nodes(job->writer);
}

/* By the builder's order: numbers of nodes, their copies, places of rows. */
static void
graph_job_number_rows(GraphJob *job)
{
	uint32		nnodes = job->shared->nnodes;
	uint32		nbounded = job->shared->capacity;
	const uint32 *order = graph_build_order(job->build);
	uint32		next = nnodes;

	for (uint32 number = 0; number < nnodes; number++)
	{
		job->numbers[order[number]] = number;
		job->ncopies[number] = 0;
	}
	for (uint32 i = 0; i < nbounded; i++)
	{
		uint32		number = job->numbers[job->owner[i]];

		if (job->node_row[job->owner[i]] != i)
			job->ncopies[number]++;
	}
	for (uint32 number = 0; number < nnodes; number++)
	{
		job->copy_first[number] = job->ncopies[number] > 0 ? next : 0;
		next += job->ncopies[number];
		job->ncopies[number] = 0;
	}
	for (uint32 i = 0; i < nbounded; i++)
	{
		uint32		number = job->numbers[job->owner[i]];

		job->places[i] = job->node_row[job->owner[i]] == i ? number :
			job->copy_first[number] + job->ncopies[number]++;
	}
	for (uint32 i = 0; i < job->nother; i++)
		job->places[nbounded + i] = nbounded + i;
}

/* The row of a node, or of a copy of it, as the segment's writer takes it. */
static void
graph_job_add_row(GraphJob *job, const QuantSpace *space, PlanesRow *row,
				  uint8 *coarse, uint8 *fine, uint32 node, uint32 i)
{
	RowFactors	factors = {job->scale[node], job->norm_sq[node],
	job->radius[node]};

	quant_split(space, job->codes + (Size) node * space->dim, &factors,
				coarse, fine, &row->coarse_factors);
	row->class = ROW_BOUNDED;
	row->coarse = coarse;
	row->fine = fine;
	row->radius = factors.radius;
	row->tid = job->tids[i];
	segment_writer_add(job->writer, row);
}

void
graph_job_write_planes(GraphJob *job)
{
	uint32		nnodes = job->shared->nnodes;
	uint32		nbounded = job->shared->capacity;
	const uint32 *order = graph_build_order(job->build);
	QuantSpace *space = graph_job_space(job);
	uint8	   *coarse = palloc(space->plane_bytes);
	uint8	   *fine = palloc(space->plane_bytes);
	uint32	   *copies = palloc_extended(sizeof(uint32) *
										 Max((Size) nbounded - nnodes, 1),
										 MCXT_ALLOC_HUGE);
	uint32		next = 0;
	PlanesRow	row;

	for (uint32 number = 0; number < nnodes; number++)
		graph_job_add_row(job, space, &row, coarse, fine, order[number],
						  job->node_row[order[number]]);

	for (uint32 i = 0; i < nbounded; i++)
	{
		if (job->places[i] >= nnodes)
			copies[job->places[i] - nnodes] = i;
	}
	for (uint32 c = 0; c < nbounded - nnodes; c++)
	{
		uint32		node = job->owner[copies[c]];

		graph_job_add_row(job, space, &row, coarse, fine, node, copies[c]);
		segment_writer_add_owner(job->writer, job->numbers[node]);
	}

	memset(&row, 0, sizeof(row));
	for (int class = ROW_UNBOUNDED; class <= ROW_NULL; class++)
	{
		row.class = class;
		for (uint32 i = 0; i < job->class_rows[class]; i++)
		{
			row.tid = job->other_tids[next++];
			segment_writer_add(job->writer, &row);
		}
	}
}

/* What the graph says of itself, with its entries. */
static GraphInfo *
graph_job_info(GraphJob *job)
{
	GraphOptions options = options_graph(job->index);
	uint32		entries[GRAPH_MAX_ENTRIES];
	uint32		nentries = graph_build_entries(job->build, entries);
	GraphInfo  *info = palloc0(graph_info_bytes(nentries,
												job->shape.ngroups));
	GraphEncoder *encoder = graph_encoder_create(&job->shape, &job->rows);

	info->version = GRAPH_INFO_VERSION;
	info->steer_dim = job->shared->steer_dim;
	info->nentries = nentries;
	info->m = options.m;
	info->ef_construction = options.ef_construction;
	info->lift_sq = job->shared->lift_sq;
	for (uint32 b = 0; b < graph_entry_blocks(nentries); b++)
	{
		uint32		first = b * GRAPH_DEGREE;

		graph_encode_entries(encoder, entries + first,
							 Min(nentries - first, GRAPH_DEGREE),
							 job->numbers,
							 graph_info_entries(info, job->shape.ngroups, b));
	}
	return info;
}

/* The nodes are written, but nobody else knows of the segment yet. */
static void
graph_job_measure(GraphJob *job, GraphInfo *info)
{
	const IndexIdentity *identity = &job->shared->identity;
	SegmentReader *reader = segment_open(job->index, identity,
										 &job->shared->segment);
	Graph	   *graph = graph_open(reader, identity->dim, identity->bits, 1);

	graph_measure(graph, graph_job_space(job), &job->rows, job->build,
				  graph_build_order(job->build), build_report_graph_nodes);
	info->ncurve = graph->info->ncurve;
	memcpy(info->curve, graph->info->curve, sizeof(info->curve));
}

static QuantSpace *
graph_job_space(GraphJob *job)
{
	const IndexIdentity *identity = &job->shared->identity;
	Manifest   *manifest = manifest_read(job->index);
	float	   *centre = manifest_read_centre(job->index, manifest);

	return quant_space_create(identity->dim, identity->metric, identity->bits,
							  identity->seed, centre);
}
