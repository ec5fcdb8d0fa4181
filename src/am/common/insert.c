/*-------------------------------------------------------------------------
 *
 * insert.c
 *	  Inserting one row into a vector index.
 *
 * An insert encodes the vector and appends the code to the growing segment:
 * there is no search and nothing to balance.  What one statement needs again
 * for each row is kept in its IndexInfo: identity and centre cannot change
 * while the statement holds its lock, the tail page is a hint that storage
 * verifies.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/encode.h"
#include "am/common/insert.h"
#include "am/common/options.h"
#include "storage/growing.h"

typedef struct InsertState
{
	RowEncoder *encoder;
	GrowingTarget target;
} InsertState;

static InsertState *insert_begin(Relation index, IndexInfo *info);

bool
insert_row(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid,
		   Relation heap, IndexUniqueCheck check_unique, bool index_unchanged,
		   IndexInfo *info)
{
	InsertState *state = (InsertState *) info->ii_AmCache;
	PlanesRow	row;

	if (state == NULL)
		state = insert_begin(index, info);

	row.tid = *heap_tid;
	encoder_encode(state->encoder, values[0], isnull[0], &row);
	growing_append(index, &state->target, &row);
	return false;
}

static InsertState *
insert_begin(Relation index, IndexInfo *info)
{
	MemoryContext old = MemoryContextSwitchTo(info->ii_Context);
	InsertState *state = palloc0(sizeof(InsertState));
	const IndexIdentity *identity;

	state->encoder = encoder_create(index);
	identity = &state->encoder->identity;
	growing_target_init(&state->target, identity,
						options_seal_rows(index, identity->dim));
	info->ii_AmCache = state;
	MemoryContextSwitchTo(old);
	return state;
}
