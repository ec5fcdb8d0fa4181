/*-------------------------------------------------------------------------
 *
 * build_rows.c
 *	  Encoded rows in memory, and the segment they become.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/build_state.h"
#include "am/common/planes.h"
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
	fit = Max(memory / rows->shape.row_size, 1);
	rows->max_rows = Min(fit, seal_rows);
	rows->chunk_rows = Max(BUILD_CHUNK_BYTES / rows->shape.row_size, 1);
	rows->max_chunks = rows->max_rows / rows->chunk_rows + 1;
	rows->context = AllocSetContextCreate(CurrentMemoryContext,
										  "vector index build",
										  ALLOCSET_DEFAULT_SIZES);
	rows->chunks = MemoryContextAlloc(CurrentMemoryContext,
									  sizeof(char *) * rows->max_chunks);
}

static inline RowSlot *
build_rows_get(const BuildRows *rows, uint32 i)
{
	return (RowSlot *) (rows->chunks[i / rows->chunk_rows] +
						(Size) (i % rows->chunk_rows) * rows->shape.row_size);
}

RowSlot *
build_rows_next(BuildRows *rows)
{
	Assert(rows->nrows < rows->max_rows);
	if (rows->nrows == rows->nchunks * rows->chunk_rows)
	{
		uint32		rest = rows->max_rows - rows->nrows;

		rows->chunks[rows->nchunks++] =
			MemoryContextAlloc(rows->context,
							   (Size) Min(rows->chunk_rows, rest) *
							   rows->shape.row_size);
	}
	return build_rows_get(rows, rows->nrows);
}

void
build_rows_count(BuildRows *rows, RowClass class)
{
	rows->nrows++;
	rows->class_rows[class]++;
}

void
build_rows_write(BuildRows *rows, Relation index, const RowEncoder *encoder)
{
	PlanesWriter *writer;
	uint32		id;

	if (rows->nrows == 0)
		return;

	writer = planes_writer_begin(index, &encoder->identity, encoder->space,
								 rows->class_rows, 0);
	for (int class = ROW_BOUNDED; class <= ROW_NULL; class++)
	{
		for (uint32 i = 0; rows->class_rows[class] > 0 && i < rows->nrows; i++)
		{
			RowSlot    *slot = build_rows_get(rows, i);

			if (slot->class == class)
				planes_writer_add_row(writer, slot);
		}
	}
	id = planes_writer_finish(writer);

	/* The index is not yet anybody else's, so this does not wait. */
	maintenance_lock(index);
	manifest_swap(index, &(ManifestSwap)
				  {
					  .nnew = 1,.new_ids = &id
				  });
	maintenance_unlock(index);

	MemoryContextReset(rows->context);
	rows->nchunks = 0;
	rows->nrows = 0;
	memset(rows->class_rows, 0, sizeof(rows->class_rows));
}
