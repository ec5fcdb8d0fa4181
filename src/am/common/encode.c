/*-------------------------------------------------------------------------
 *
 * encode.c
 *	  From an indexed datum to the code of a row.
 *
 * Identity and centre of an index never change, so an encoder is good for as
 * long as the index is locked.  NULLs become rows too (rule 3 of the design):
 * a scan without them would lose rows that a sequential scan returns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/encode.h"
#include "type/vector.h"
#include "type/vector_check.h"
#include "utils/memutils.h"

RowEncoder *
encoder_create(Relation index)
{
	RowEncoder *encoder = palloc(sizeof(RowEncoder));
	Manifest   *manifest = manifest_read(index);
	float	   *centre = manifest_read_centre(index, manifest);

	encoder->identity = manifest->identity;
	encoder->space = quant_space_create(manifest->identity.dim,
										manifest->identity.metric,
										manifest->identity.bits,
										manifest->identity.seed, centre);
	encoder->scratch = AllocSetContextCreate(CurrentMemoryContext,
											 "vector index row",
											 ALLOCSET_DEFAULT_SIZES);
	if (centre != NULL)
		pfree(centre);
	pfree(manifest->segments);
	pfree(manifest);
	return encoder;
}

RowClass
encoder_encode(RowEncoder *encoder, Datum value, bool isnull, uint8 *code,
			   RowFactors *factors)
{
	MemoryContext old;
	Vector	   *vector;
	RowClass	class;

	if (isnull)
	{
		memset(factors, 0, sizeof(RowFactors));
		memset(code, 0, encoder->space->row_bytes);
		return ROW_NULL;
	}

	old = MemoryContextSwitchTo(encoder->scratch);
	vector = DatumGetVector(value);
	if (vector->dim != encoder->space->dim)
		(void) vector_check_typmod(vector->dim, encoder->space->dim, NULL);
	class = quant_encode(encoder->space, vector->x, code, factors);
	MemoryContextSwitchTo(old);
	MemoryContextReset(encoder->scratch);

	if (class != ROW_BOUNDED)
	{
		memset(factors, 0, sizeof(RowFactors));
		memset(code, 0, encoder->space->row_bytes);
	}
	return class;
}
