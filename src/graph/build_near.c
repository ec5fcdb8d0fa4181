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
 * same bits whichever of the two is asked for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "distance/distance.h"
#include "graph/build_near.h"

NearScratch *
near_create(const GraphBuild *build)
{
	NearScratch *scratch = palloc0(sizeof(NearScratch));

	scratch->query = palloc(build->rows.dim);
	return scratch;
}

void
near_free(NearScratch *scratch)
{
	pfree(scratch->query);
	if (scratch->capacity > 0)
	{
		pfree(scratch->dots);
		pfree(scratch->dists);
	}
	pfree(scratch);
}

static void
near_reserve(NearScratch *scratch, uint32 n)
{
	if (n <= scratch->capacity)
		return;
	if (scratch->capacity > 0)
	{
		pfree(scratch->dots);
		pfree(scratch->dists);
	}
	scratch->capacity = Max(n, POOL_SIZE);
	scratch->dots = palloc(scratch->capacity * sizeof(int32));
	scratch->dists = palloc(scratch->capacity * sizeof(float));
}

NearSet *
near_set_create(const GraphBuild *build, uint32 capacity)
{
	NearSet    *set = palloc0(sizeof(NearSet));

	set->capacity = capacity;
	set->codes = palloc((Size) capacity * build->rows.dim);
	set->terms = palloc(capacity * sizeof(int32));
	set->scale = palloc(capacity * sizeof(float));
	set->norm_sq = palloc(capacity * sizeof(float));
	set->lift = palloc(capacity * sizeof(float));
	return set;
}

void
near_set_free(NearSet *set)
{
	pfree(set->codes);
	pfree(set->terms);
	pfree(set->scale);
	pfree(set->norm_sq);
	pfree(set->lift);
	pfree(set);
}

void
near_set_fill(NearSet *set, const GraphBuild *build, const uint32 *nodes,
			  uint32 n)
{
	const GraphRows *rows = &build->rows;
	Size		dim = rows->dim;

	Assert(n <= set->capacity);
	set->n = n;
	for (uint32 i = 0; i < n; i++)
	{
		uint32		node = nodes[i];

		memcpy(set->codes + i * dim, rows->codes + node * dim, dim);
		set->terms[i] = 2 * build->sums[node];
		set->scale[i] = rows->scale[node];
		set->norm_sq[i] = rows->norm_sq[node];
		set->lift[i] = rows->lift != NULL ? rows->lift[node] : 0;
	}
}

const float *
near_distances(GraphBuild *build, const NearSet *set, uint32 first,
			   uint32 node)
{
	const GraphRows *rows = &build->rows;
	NearScratch *scratch = build->near;
	uint32		dim = rows->dim;
	const uint8 *code = rows->codes + (Size) node * dim;
	int32		term = -510 * (build->sums[node] - 128 * (int32) dim) -
	255 * (int32) dim;
	float		norm_sq = rows->norm_sq[node];
	float		scale = rows->scale[node];
	float		lift = rows->lift != NULL ? rows->lift[node] : 0;
	uint32		n = set->n - first;

	near_reserve(scratch, n);
	for (uint32 i = 0; i < dim; i++)
		scratch->query[i] = (int8) (code[i] ^ 0x80);
	vdb_kernels->dot_u8_s8(set->codes + (Size) first * dim, dim, n,
						   scratch->query, dim, scratch->dots);
	for (uint32 i = 0; i < n; i++)
	{
		uint32		row = first + i;
		float		product = (float) (4 * scratch->dots[i] +
									   set->terms[row] + term);
		float		apart = set->lift[row] - lift;

		scratch->dists[i] = (norm_sq + set->norm_sq[row]) -
			2 * (scale * set->scale[row]) * product + apart * apart;
	}
	return scratch->dists;
}

uint32
near_search(GraphBuild *build, const NearSet *set, uint32 node, uint32 except,
			uint32 nearest, Near *found)
{
	const float *dists = near_distances(build, set, 0, node);
	uint32		nfound = 0;
	float		threshold = INFINITY;

	for (uint32 row = 0; row < set->n; row++)
	{
		uint32		at;

		if (!(dists[row] < threshold) || row == except)
			continue;
		at = nfound < nearest ? nfound++ : nearest - 1;
		for (; at > 0 && found[at - 1].dist > dists[row]; at--)
			found[at] = found[at - 1];
		found[at].row = row;
		found[at].dist = dists[row];
		if (nfound == nearest)
			threshold = found[nearest - 1].dist;
	}
	return nfound;
}

float
near_distance(GraphBuild *build, uint32 a, uint32 b)
{
	const GraphRows *rows = &build->rows;
	const uint8 *u = rows->codes + (Size) a * rows->dim;
	const uint8 *v = rows->codes + (Size) b * rows->dim;
	int32		product;
	float		apart = 0;

	for (uint32 i = 0; i < rows->dim; i++)
		build->near->query[i] = (int8) (v[i] ^ 0x80);
	vdb_kernels->dot_u8_s8(u, rows->dim, 1, build->near->query, rows->dim,
						   &product);
	product = 4 * product + 2 * build->sums[a] -
		510 * (build->sums[b] - 128 * (int32) rows->dim) -
		255 * (int32) rows->dim;
	if (rows->lift != NULL)
		apart = rows->lift[a] - rows->lift[b];
	return (rows->norm_sq[a] + rows->norm_sq[b]) -
		2 * (rows->scale[a] * rows->scale[b]) * (float) product +
		apart * apart;
}
