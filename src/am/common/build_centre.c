/*-------------------------------------------------------------------------
 *
 * build_centre.c
 *	  The centre of an index's codes: mean of sampled vectors.
 *
 * Codes stand for what a vector differs by from the centre; the nearer the
 * centre, the shorter that is and the tighter the bounds.  Any centre is
 * correct.  The sample is taken from blocks at equal distances, so that the
 * same table gives the same index, and few rows of each, so that a table of
 * many rows a block does not cost more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "am/common/build_state.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "type/vector.h"
#include "utils/memutils.h"

#define CENTRE_BLOCKS 512
#define CENTRE_ROWS_PER_BLOCK 8

/* With fewer rows a mean says nothing about those to come. */
#define CENTRE_MIN_ROWS 100

/*
 * Vectors longer than this get no bound (their squares overflow), and would
 * draw the centre away from all others.
 */
#define CENTRE_MAX_NORM 1e15

typedef struct CentreSample
{
	const IndexIdentity *identity;
	MemoryContext scratch;
	int			block_rows;		/* rows of this block so far */
	int64		nrows;
	double	   *sum;
} CentreSample;

static void centre_add_row(Relation index, ItemPointer tid, Datum *values,
						   bool *isnull, bool tuple_is_alive, void *state);
static void centre_add_vector(CentreSample *sample, const float *x);

float *
build_find_centre(Relation heap, Relation index, IndexInfo *info,
				  const IndexIdentity *identity)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(heap);
	BlockNumber nsample = Min(nblocks, CENTRE_BLOCKS);
	CentreSample sample = {.identity = identity};
	float	   *centre;

	sample.sum = palloc0(sizeof(double) * identity->dim);
	sample.scratch = AllocSetContextCreate(CurrentMemoryContext,
										   "vector index sample",
										   ALLOCSET_DEFAULT_SIZES);
	for (BlockNumber i = 0; i < nsample; i++)
	{
		BlockNumber blkno = (uint64) i * nblocks / nsample;

		CHECK_FOR_INTERRUPTS();
		sample.block_rows = 0;

		/* Rows of others that are under way do no harm in a sample. */
		(void) table_index_build_range_scan(heap, index, info, false,
											!info->ii_Concurrent, false,
											blkno, 1, centre_add_row,
											&sample, NULL);
	}
	MemoryContextDelete(sample.scratch);
	if (sample.nrows < CENTRE_MIN_ROWS)
		return NULL;

	centre = palloc(sizeof(float) * identity->dim);
	for (uint32 i = 0; i < identity->dim; i++)
		centre[i] = sample.sum[i] / sample.nrows;
	pfree(sample.sum);
	return centre;
}

static void
centre_add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
			   bool tuple_is_alive, void *state)
{
	CentreSample *sample = (CentreSample *) state;
	MemoryContext old;
	Vector	   *vector;

	if (isnull[0] || sample->block_rows == CENTRE_ROWS_PER_BLOCK)
		return;
	sample->block_rows++;

	old = MemoryContextSwitchTo(sample->scratch);
	vector = DatumGetVector(values[0]);
	if (vector->dim == sample->identity->dim)
		centre_add_vector(sample, vector->x);
	MemoryContextSwitchTo(old);
	MemoryContextReset(sample->scratch);
}

/* Under cosine, codes are of vectors of length one. */
static void
centre_add_vector(CentreSample *sample, const float *x)
{
	uint32		dim = sample->identity->dim;
	double		norm = 0;
	double		scale = 1;

	for (uint32 i = 0; i < dim; i++)
		norm += (double) x[i] * x[i];
	norm = sqrt(norm);
	if (norm > CENTRE_MAX_NORM)
		return;
	if (sample->identity->metric == QUANT_COSINE)
	{
		if (norm == 0)
			return;
		scale = 1 / norm;
	}
	for (uint32 i = 0; i < dim; i++)
		sample->sum[i] += x[i] * scale;
	sample->nrows++;
}
