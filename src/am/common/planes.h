/*-------------------------------------------------------------------------
 *
 * planes.h
 *	  Writing rows, whose codes are whole, as a segment of planes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_PLANES_H
#define VDB_PLANES_H

#include "postgres.h"

#include "quant/quant.h"
#include "storage/segment.h"

typedef struct PlanesWriter PlanesWriter;

/* As segment_writer_begin(); allocates in the current memory context. */
extern PlanesWriter *planes_writer_begin(Relation index,
										 const IndexIdentity *identity,
										 const QuantSpace *space,
										 const uint32 class_rows[4],
										 int level);

/* Add a row, its code taken apart; rows come in the order of their classes. */
extern void planes_writer_add_row(PlanesWriter *writer, const RowSlot *slot);

/* Add a row that has been taken apart already. */
extern void planes_writer_add_split(PlanesWriter *writer,
									const PlanesRow *row);

/* Returns the id of the segment, which is written and not yet published. */
extern uint32 planes_writer_finish(PlanesWriter *writer);

#endif							/* VDB_PLANES_H */
