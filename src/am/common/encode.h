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
	MemoryContext scratch;		/* reset by each row */
} RowEncoder;

/* From what the index says of itself; lives in the current memory context. */
extern RowEncoder *encoder_create(Relation index);

/*
 * Encode one value, NULL included.  Writes space->row_bytes at code (zeros
 * unless the row is ROW_BOUNDED).
 */
extern RowClass encoder_encode(RowEncoder *encoder, Datum value, bool isnull,
							   uint8 *code, RowFactors *factors);

#endif							/* VDB_ENCODE_H */
