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
	encoder->code = palloc0(encoder->space->row_bytes);
	encoder->coarse = palloc0(encoder->space->plane_bytes);
	encoder->fine = palloc0(encoder->space->plane_bytes);
	encoder->scratch = AllocSetContextCreate(CurrentMemoryContext,
											 "vector index row",
											 ALLOCSET_DEFAULT_SIZES);
	if (centre != NULL)
		pfree(centre);
	pfree(manifest->segments);
	pfree(manifest);
	return encoder;
}

void
encoder_encode(RowEncoder *encoder, Datum value, bool isnull, PlanesRow *row)
{
	MemoryContext old;
	Vector	   *vector;
	RowFactors	factors;

	row->class = ROW_NULL;
	if (isnull)
		return;

	old = MemoryContextSwitchTo(encoder->scratch);
	vector = DatumGetVector(value);
	if (vector->dim != encoder->space->dim)
		(void) vector_check_typmod(vector->dim, encoder->space->dim, NULL);
	row->class = quant_encode(encoder->space, vector->x, encoder->code,
							  &factors);
	MemoryContextSwitchTo(old);
	MemoryContextReset(encoder->scratch);
	if (row->class != ROW_BOUNDED)
		return;

	row->radius = factors.radius;
	row->fine = encoder->fine;
	if (encoder->identity.bits == 8)
	{
		quant_split(encoder->space, encoder->code, &factors, encoder->coarse,
					encoder->fine, &row->coarse_factors);
		row->coarse = encoder->coarse;
	}
	else
	{
		/* A code of 4 bits is a coarse plane. */
		row->coarse = encoder->code;
		row->coarse_factors = factors;
	}
}
