/*-------------------------------------------------------------------------
 *
 * near_scalar.c
 *	  Rows against rows in plain C: the meaning of these kernels.
 *
 * The other near_*.c give the same bits: integers are exact, and the floats
 * are computed element by element, or in 16 lanes.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Of row r, from the dot of its bytes and those of the query. */
static float
scalar_distance(int32_t dot, const NearRows *rows, int r,
				const NearQuery *query)
{
	/* sums wrap around; the last one fits */
	uint32_t	product = 4 * (uint32_t) dot + (uint32_t) rows->term[r] +
	(uint32_t) query->term;
	float		dist = (query->norm_sq + rows->norm_sq[r]) -
	(2 * query->scale) * rows->scale[r] * (float) (int32_t) product;

	if (rows->lift != NULL)
	{
		float		apart = query->lift - rows->lift[r];

		dist += apart * apart;
	}
	return dist;
}

static int32_t
scalar_packed_dot(const PackedRows *rows, int r, const int8_t *query)
{
	const uint8_t *codes = rows->codes;
	int32_t		dot = 0;

	codes += (size_t) (r / 16) * rows->ngroups * 64 + r % 16 * 4;
	for (uint32_t g = 0; g < rows->ngroups; g++)
		for (int b = 0; b < 4; b++)
			dot += (int32_t) codes[64 * g + b] * query[4 * g + b];
	return dot;
}

void
scalar_packed_distances(const PackedRows *rows, const PackedQuery *queries,
						int nqueries, float *dists, size_t stride,
						float *minima)
{
	for (int q = 0; q < nqueries;
		 q++, queries++, dists += stride, minima += PACKED_MINIMA)
	{
		for (int j = 0; j < PACKED_MINIMA; j++)
			minima[j] = INFINITY;
		for (int r = 0; r < 16 * rows->nblocks; r++)
		{
			int32_t		dot = scalar_packed_dot(rows, r, queries->code);
			float	   *least = minima + r % PACKED_MINIMA;

			dists[r] = scalar_distance(dot, &rows->terms, r, &queries->terms);
			if (dists[r] < *least)
				*least = dists[r];
		}
	}
}

/* The k-th smallest, or the largest number. */
static float
scalar_threshold(const float *minima, int k)
{
	float		threshold = -INFINITY;

	if (k > PACKED_MINIMA)
		return FLT_MAX;
	for (int i = 0; i < PACKED_MINIMA; i++)
	{
		int			nsmaller = 0;

		for (int j = 0; j < PACKED_MINIMA; j++)
			if (minima[j] < minima[i])
				nsmaller++;
		if (nsmaller < k && minima[i] > threshold)
			threshold = minima[i];
	}
	return threshold < FLT_MAX ? threshold : FLT_MAX;
}

int
scalar_packed_select(const float *dists, int n, const float *minima, int k,
					 uint16_t *rows)
{
	float		threshold = scalar_threshold(minima, k);
	int			nselected = 0;

	for (int r = 0; r < n; r++)
		if (dists[r] <= threshold)
			rows[nselected++] = (uint16_t) r;
	return nselected;
}

uint64_t
scalar_covered(const int32_t *dots, const NearRows *rows, int nrows,
			   const NearQuery *query, const float *limits)
{
	uint64_t	mask = 0;

	for (int r = 0; r < nrows; r++)
		if (scalar_distance(dots[r], rows, r, query) <= limits[r])
			mask |= UINT64_C(1) << r;
	return mask;
}

static bool
scalar_nearer(float dist_a, uint32_t a, float dist_b, uint32_t b)
{
	return dist_a < dist_b || (dist_a == dist_b && a < b);
}

void
scalar_nearest_merge(uint32_t *ids, float *dists, const uint32_t *new_ids,
					 const float *new_dists, int n)
{
	for (int i = 0; i < n; i++)
	{
		uint32_t	id = new_ids[i];
		float		dist = new_dists[i];
		int			at = NEAREST_SIZE;

		while (at > 0 && scalar_nearer(dist, id, dists[at - 1], ids[at - 1]))
			at--;
		if (at == NEAREST_SIZE ||
			(at > 0 && ids[at - 1] == id && dists[at - 1] == dist))
			continue;
		memmove(ids + at + 1, ids + at,
				(NEAREST_SIZE - 1 - at) * sizeof(uint32_t));
		memmove(dists + at + 1, dists + at,
				(NEAREST_SIZE - 1 - at) * sizeof(float));
		ids[at] = id;
		dists[at] = dist;
	}
}

static float
scalar_halve_16(float *lanes)
{
	for (int width = 8; width > 0; width /= 2)
		for (int j = 0; j < width; j++)
			lanes[j] += lanes[j + width];
	return lanes[0];
}

DifferenceSums
scalar_code_difference(const uint8_t *code, float scale, const float *centre,
					   const float *origin, uint32_t n, uint8_t *signs)
{
	DifferenceSums sums;
	float		lanes[4][16] = {{0}};

	memset(signs, 0, (n + 7) / 8);
	for (uint32_t i = 0; i < n; i++)
	{
		float		d = scale * (float) (2 * code[i] - 255) - centre[i];
		int			lane = i % 16;

		lanes[0][lane] += d * d;
		lanes[1][lane] += fabsf(d);
		lanes[2][lane] += d > 0 ? origin[i] : -origin[i];
		lanes[3][lane] += d * origin[i];
		if (d > 0)
			signs[i / 8] |= 1 << i % 8;
	}
	sums.squares = scalar_halve_16(lanes[0]);
	sums.magnitudes = scalar_halve_16(lanes[1]);
	sums.signs = scalar_halve_16(lanes[2]);
	sums.products = scalar_halve_16(lanes[3]);
	return sums;
}
