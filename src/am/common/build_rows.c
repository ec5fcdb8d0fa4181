/*-------------------------------------------------------------------------
 *
 * build_rows.c
 *	  Encoded rows in memory, and the segment they become.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/build_state.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define BUILD_CHUNK_BYTES (1024 * 1024)

void
build_rows_init(BuildRows *rows, const IndexIdentity *identity, Size memory,
				uint32 seal_rows)
{
	uint64		fit;

	memset(rows, 0, sizeof(BuildRows));
	rows->shape = segment_shape(identity->dim, identity->bits);
	rows->row_size = rows->shape.coarse_size + rows->shape.fine_size;
	fit = Max(memory / rows->row_size, 1);
	rows->max_rows = Min(fit, seal_rows);
	rows->chunk_rows = Max(BUILD_CHUNK_BYTES / rows->row_size, 1);
	rows->max_chunks = rows->max_rows / rows->chunk_rows + 1;
	rows->context = AllocSetContextCreate(CurrentMemoryContext,
										  "vector index build",
										  ALLOCSET_DEFAULT_SIZES);
	rows->chunks = MemoryContextAlloc(CurrentMemoryContext,
									  sizeof(char *) * rows->max_chunks);
}

static inline CoarseSlot *
build_rows_coarse(const BuildRows *rows, uint32 i)
{
	return (CoarseSlot *) (rows->chunks[i / rows->chunk_rows] +
						   (Size) (i % rows->chunk_rows) * rows->row_size);
}

static inline FineSlot *
build_rows_fine(const BuildRows *rows, uint32 i)
{
	return (FineSlot *) ((char *) build_rows_coarse(rows, i) +
						 rows->shape.coarse_size);
}

void
build_rows_add(BuildRows *rows, const PlanesRow *row)
{
	CoarseSlot *coarse;
	FineSlot   *fine;

	Assert(rows->nrows < rows->max_rows);
	if (rows->nrows == rows->nchunks * rows->chunk_rows)
	{
		uint32		rest = rows->max_rows - rows->nrows;

		rows->chunks[rows->nchunks++] =
			MemoryContextAlloc(rows->context,
							   (Size) Min(rows->chunk_rows, rest) *
							   rows->row_size);
	}

	coarse = build_rows_coarse(rows, rows->nrows);
	fine = build_rows_fine(rows, rows->nrows);
	fine->tid = row->tid;
	fine->class = row->class;
	fine->flags = 0;
	if (row->class == ROW_BOUNDED)
	{
		coarse->factors = row->coarse_factors;
		memcpy(coarse->code, row->coarse, rows->shape.plane_bytes);
		fine->radius = row->radius;
		memcpy(fine->code, row->fine, rows->shape.fine_bytes);
	}
	rows->nrows++;
	rows->class_rows[row->class]++;
}

/* Row i as the writer of segments takes it; it points into the memory. */
static PlanesRow
build_rows_get(const BuildRows *rows, uint32 i)
{
	CoarseSlot *coarse = build_rows_coarse(rows, i);
	FineSlot   *fine = build_rows_fine(rows, i);
	PlanesRow	row = {
		.tid = fine->tid,
		.class = fine->class,
		.coarse = coarse->code,
		.fine = fine->code,
		.coarse_factors = coarse->factors,
		.radius = fine->radius
	};

	return row;
}

void
build_rows_write(BuildRows *rows, Relation index, const RowEncoder *encoder)
{
	ManifestSwap swap = {.nnew = 1};
	SegmentWriter *writer;
	uint32		id;

	if (rows->nrows == 0)
		return;

	writer = segment_writer_begin(index, &encoder->identity, rows->class_rows,
								  0);
	for (int class = ROW_BOUNDED; class <= ROW_NULL; class++)
	{
		for (uint32 i = 0; rows->class_rows[class] > 0 && i < rows->nrows; i++)
		{
			PlanesRow	row;

			if (build_rows_fine(rows, i)->class != class)
				continue;
			row = build_rows_get(rows, i);
			segment_writer_add(writer, &row);
		}
	}
	id = segment_writer_finish(writer);

	/* The index is not yet anybody else's, so this does not wait. */
	maintenance_lock(index);
	swap.new_ids = &id;
	manifest_swap(index, &swap);
	maintenance_unlock(index);

	MemoryContextReset(rows->context);
	rows->nchunks = 0;
	rows->nrows = 0;
	memset(rows->class_rows, 0, sizeof(rows->class_rows));
}
