/*-------------------------------------------------------------------------
 *
 * encode.h
 *	  From an indexed datum to the code of a row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_ENCODE_H
#define VDB_ENCODE_H

#include "postgres.h"

#include "quant/quant.h"
#include "storage/manifest.h"
#include "utils/rel.h"

/* What it takes to encode rows of one index. */
typedef struct RowEncoder
{
	IndexIdentity identity;
	QuantSpace *space;
	uint8	   *code;			/* of the last row */
	uint8	   *coarse;			/* its planes */
	uint8	   *fine;
	MemoryContext scratch;		/* reset by each row */
} RowEncoder;

/* From what the index says of itself; lives in the current memory context. */
extern RowEncoder *encoder_create(Relation index);

/*
 * Encode one value, NULL included: sets all of the row but its address.  The
 * planes it points to are good until the next call.
 */
extern void encoder_encode(RowEncoder *encoder, Datum value, bool isnull,
						   PlanesRow *row);

#endif							/* VDB_ENCODE_H */
