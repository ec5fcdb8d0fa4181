/*-------------------------------------------------------------------------
 *
 * build_near.c
 *	  Distances between rows, many at once, and the nearest of them.
 *
 * All distances follow from dots of integers.  With the bytes u of one row
 * and v of the other, y = 2 u - 255 and z = 2 v - 255,
 *
 *		<y, z> = 4 <u, v - 128> + 2 sum u - 510 sum (v - 128) - 255 dim
 *
 * exactly, and |o - p|^2 = |o|^2 + |p|^2 - 2 scale_o scale_p <y, z> has the
 * same bits whichever of the two is asked for.  The kernels do it; here the
 * rows are laid out for them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "graph/build_near.h"

/* Rows of a block, and bytes of a group of dimensions in it. */
#define BLOCK_ROWS 16
#define GROUP_BYTES 64

/* Rows are asked for so far ahead. */
#define PREFETCH_ROWS 8

static uint32
near_ngroups(const GraphBuild *build)
{
	return (build->rows.dim + 3) / 4;
}

NearSet *
near_set_create(const GraphBuild *build, uint32 capacity)
{
	NearSet    *set = palloc0(sizeof(NearSet));
	Size		n = TYPEALIGN(BLOCK_ROWS, capacity);

	set->capacity = n;
	set->codes = palloc0(n * near_ngroups(build) * 4);
	set->term = palloc(n * sizeof(int32_t));
	set->scale = palloc(n * sizeof(float));
	set->norm_sq = palloc(n * sizeof(float));
	set->lift = palloc0(n * sizeof(float));
	set->packed.codes = set->codes;
	set->packed.ngroups = near_ngroups(build);
	set->packed.terms.term = set->term;
	set->packed.terms.scale = set->scale;
	set->packed.terms.norm_sq = set->norm_sq;
	set->packed.terms.lift = build->rows.lift != NULL ? set->lift : NULL;
	return set;
}

void
near_set_free(NearSet *set)
{
	pfree(set->codes);
	pfree(set->term);
	pfree(set->scale);
	pfree(set->norm_sq);
	pfree(set->lift);
	pfree(set);
}

/* Copy a code, four bytes at a time, to its place among 16; the last group
 * of a place has zeros behind the code from the beginning. */
static void
near_pack_code(uint8 *place, const uint8 *code, uint32 dim)
{
	uint32		whole = dim / 4;

	for (uint32 g = 0; g < whole; g++)
		memcpy(place + g * GROUP_BYTES, code + g * 4, 4);
	memcpy(place + whole * GROUP_BYTES, code + whole * 4, dim % 4);
}

void
near_set_fill(NearSet *set, const GraphBuild *build, const uint32 *nodes,
			  uint32 n)
{
	const GraphRows *rows = &build->rows;
	Size		block_bytes = (Size) set->packed.ngroups * GROUP_BYTES;

	Assert(n <= set->capacity);
	set->n = n;
	set->packed.nblocks = (n + BLOCK_ROWS - 1) / BLOCK_ROWS;
	for (uint32 i = 0; i < n; i++)
	{
		uint32		node = nodes[i];
		const NodeFactors *factors = &build->factors[node];

		if (i + PREFETCH_ROWS < n)
			near_prefetch(build, nodes[i + PREFETCH_ROWS]);
		near_pack_code(set->codes + i / BLOCK_ROWS * block_bytes +
					   i % BLOCK_ROWS * 4,
					   rows->codes + (Size) node * rows->dim, rows->dim);
		set->term[i] = near_row_term(factors);
		set->scale[i] = factors->scale;
		set->norm_sq[i] = factors->norm_sq;
		set->lift[i] = factors->lift;
	}
	/* the codes of places without a row do not matter */
	for (uint32 i = n; i < set->packed.nblocks * BLOCK_ROWS; i++)
	{
		set->term[i] = 0;
		set->scale[i] = 0;
		set->norm_sq[i] = INFINITY;
		set->lift[i] = 0;
	}
}

NearBatch *
near_batch_create(const GraphBuild *build, uint32 capacity)
{
	NearBatch  *batch = palloc(sizeof(NearBatch));

	batch->stride = TYPEALIGN(BLOCK_ROWS, capacity);
	batch->codes = palloc0((Size) NEAR_BATCH * near_ngroups(build) * 4);
	batch->dists = palloc((Size) NEAR_BATCH * batch->stride * sizeof(float));
	batch->rows = palloc(batch->stride * sizeof(uint16));
	for (uint32 q = 0; q < NEAR_BATCH; q++)
		batch->queries[q].code = batch->codes +
			(Size) q * near_ngroups(build) * 4;
	return batch;
}

void
near_batch_free(NearBatch *batch)
{
	pfree(batch->codes);
	pfree(batch->dists);
	pfree(batch->rows);
	pfree(batch);
}

/* The bytes minus 128, eight at a time. */
static void
near_signed_code(int8 *out, const uint8 *code, uint32 dim)
{
	uint32		i = 0;

	for (; i + 8 <= dim; i += 8)
	{
		uint64		bytes;

		memcpy(&bytes, code + i, 8);
		bytes ^= UINT64CONST(0x8080808080808080);
		memcpy(out + i, &bytes, 8);
	}
	for (; i < dim; i++)
		out[i] = (int8) (code[i] ^ 0x80);
}

NearQuery
near_query(const GraphBuild *build, uint32 node, int8 *code)
{
	const NodeFactors *factors = &build->factors[node];
	int32		dim = build->rows.dim;
	NearQuery	query;

	near_signed_code(code, build->rows.codes + (Size) node * dim, dim);
	query.term = -510 * (factors->sum - 128 * dim) - 255 * dim;
	query.scale = factors->scale;
	query.norm_sq = factors->norm_sq;
	query.lift = factors->lift;
	return query;
}

void
near_batch_run(NearBatch *batch, const GraphBuild *build, const NearSet *set,
			   const uint32 *nodes, uint32 n)
{
	Size		code_bytes = (Size) set->packed.ngroups * 4;

	Assert(n <= NEAR_BATCH && set->capacity <= batch->stride);
	for (uint32 q = 0; q < n; q++)
		near_prefetch(build, nodes[q]);
	for (uint32 q = 0; q < n; q++)
		batch->queries[q].terms = near_query(build, nodes[q],
											 batch->codes + q * code_bytes);
	vdb_kernels->packed_distances(&set->packed, batch->queries, n,
								  batch->dists, batch->stride,
								  batch->minima);
}

uint32
near_select(NearBatch *batch, const NearSet *set, uint32 q, uint32 k)
{
	return vdb_kernels->packed_select(batch->dists + q * batch->stride,
									  set->packed.nblocks * BLOCK_ROWS,
									  batch->minima + q * PACKED_MINIMA, k,
									  batch->rows);
}

uint32
near_nearest(NearBatch *batch, const NearSet *set, uint32 q, uint32 k,
			 Near *found)
{
	uint32		nselected = near_select(batch, set, q, k);
	uint32		nfound = 0;

	for (uint32 i = 0; i < nselected; i++)
	{
		uint32		row = batch->rows[i];
		float		dist = near_dist(batch, q, row);
		uint32		at = nfound < k ? nfound++ : k;

		if (at == k && dist >= found[k - 1].dist)
			continue;
		at = Min(at, k - 1);
		for (; at > 0 && found[at - 1].dist > dist; at--)
			found[at] = found[at - 1];
		found[at].row = row;
		found[at].dist = dist;
	}
	return nfound;
}
