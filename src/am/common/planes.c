/*-------------------------------------------------------------------------
 *
 * planes.c
 *	  Writing rows, whose codes are whole, as a segment of planes.
 *
 * Codes are carried bit for bit (rule 10 of the design): taking a code apart
 * loses nothing, so a row may be reorganised any number of times and its
 * bound stays what it was when it was encoded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/planes.h"

struct PlanesWriter
{
	SegmentWriter *writer;
	const QuantSpace *space;
	uint8	   *coarse;			/* of the row being added */
	uint8	   *fine;
};

PlanesWriter *
planes_writer_begin(Relation index, const IndexIdentity *identity,
					const QuantSpace *space, const uint32 class_rows[4],
					int level)
{
	PlanesWriter *writer = palloc(sizeof(PlanesWriter));

	writer->writer = segment_writer_begin(index, identity, class_rows, level);
	writer->space = space;
	writer->coarse = palloc(space->plane_bytes);
	writer->fine = palloc(space->plane_bytes);
	return writer;
}

void
planes_writer_add_row(PlanesWriter *writer, const RowSlot *slot)
{
	PlanesRow	row = {.tid = slot->tid,.class = slot->class};

	if (slot->class == ROW_BOUNDED && writer->space->bits == 8)
	{
		quant_split(writer->space, slot->code, &slot->factors,
					writer->coarse, writer->fine, &row.coarse_factors);
		row.coarse = writer->coarse;
		row.fine = writer->fine;
		row.radius = slot->factors.radius;
	}
	else if (slot->class == ROW_BOUNDED)
	{
		/* A code of 4 bits is a coarse plane. */
		row.coarse = slot->code;
		row.coarse_factors = slot->factors;
	}
	segment_writer_add(writer->writer, &row);
}

void
planes_writer_add_split(PlanesWriter *writer, const PlanesRow *row)
{
	segment_writer_add(writer->writer, row);
}

uint32
planes_writer_finish(PlanesWriter *writer)
{
	uint32		id = segment_writer_finish(writer->writer);

	pfree(writer->coarse);
	pfree(writer->fine);
	pfree(writer);
	return id;
}
