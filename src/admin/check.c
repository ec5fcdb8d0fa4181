/*-------------------------------------------------------------------------
 *
 * check.c
 *	  vectordb.check(regclass): proof that an index is as it should be.
 *
 * Takes the maintenance lock (not in recovery), so that segments are neither
 * published nor freed meanwhile; searches and inserts go on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xlog.h"
#include "admin/admin.h"
#include "admin/check.h"
#include "base/compat.h"
#include "catalog/index.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(vdb_check);

static bool check_meta(CheckState *state);

Datum
vdb_check(PG_FUNCTION_ARGS)
{
	Oid			indexrelid = PG_GETARG_OID(0);
	CheckState	state = {0};
	Oid			save_userid;
	int			save_context;
	int			save_nestlevel;

	state.index = admin_open_owned(indexrelid, AccessShareLock, &state.heap);
	InitMaterializedSRF(fcinfo, 0);
	state.result = (ReturnSetInfo *) fcinfo->resultinfo;

	/* The index expression runs as the owner of the table (rule 25). */
	GetUserIdAndSecContext(&save_userid, &save_context);
	SetUserIdAndSecContext(state.heap->rd_rel->relowner,
						   save_context | SECURITY_RESTRICTED_OPERATION);
	save_nestlevel = NewGUCNestLevel();

	if (!RecoveryInProgress())
		maintenance_lock_patiently(state.index);
	if (check_meta(&state))
	{
		state.manifest = manifest_read_all(state.index);
		if (check_blocks(&state))
			check_rows(&state);
	}
	if (!RecoveryInProgress())
		maintenance_unlock(state.index);

	AtEOXact_GUC(false, save_nestlevel);
	SetUserIdAndSecContext(save_userid, save_context);
	admin_close(state.index, state.heap, AccessShareLock);
	return (Datum) 0;
}

void
check_report(CheckState *state, uint32 segment_id, BlockNumber blkno,
			 const char *format,...)
{
	Datum		values[3];
	bool		nulls[3] = {0};
	StringInfoData message;

	initStringInfo(&message);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&message, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&message, needed);
	}

	values[0] = Int64GetDatum((int64) segment_id);
	nulls[0] = segment_id == 0;
	values[1] = Int64GetDatum((int64) blkno);
	nulls[1] = blkno == InvalidBlockNumber;
	values[2] = CStringGetTextDatum(message.data);
	tuplestore_putvalues(state->result->setResult, state->result->setDesc,
						 values, nulls);
	state->nfound++;
}

Buffer
check_read(CheckState *state, BlockNumber blkno, PageKind kind,
		   uint32 segment_id)
{
	Buffer		buffer;

	if (blkno >= RelationGetNumberOfBlocks(state->index))
	{
		check_report(state, segment_id, blkno, "the block is missing");
		return InvalidBuffer;
	}
	buffer = ReadBuffer(state->index, blkno);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (!page_matches(BufferGetPage(buffer), kind, segment_id))
	{
		PageStamp	stamp = *page_stamp(BufferGetPage(buffer));

		UnlockReleaseBuffer(buffer);
		check_report(state, segment_id, blkno,
					 "the page is of kind %u, segment %u, page id %x, "
					 "instead of kind %d, segment %u",
					 stamp.kind, stamp.segment_id, stamp.page_id,
					 (int) kind, segment_id);
		return InvalidBuffer;
	}
	return buffer;
}

/* Can the manifest be read at all? */
static bool
check_meta(CheckState *state)
{
	Buffer		buffer = check_read(state, META_BLKNO, PAGE_META, 0);
	MetaPage   *meta;
	bool		sound;

	if (!BufferIsValid(buffer))
		return false;
	meta = meta_page(BufferGetPage(buffer));
	sound = meta->magic == VDB_MAGIC && meta->format == VDB_FORMAT_VERSION &&
		meta->dim > 0 && meta->dim <= 16000 &&
		(meta->bits == 8 || meta->bits == 4) &&
		meta->nlanes > 0 && meta->nlanes <= MANIFEST_MAX_LANES &&
		meta->metric >= QUANT_L2 && meta->metric <= QUANT_L1 &&
		meta->high_water > meta->centre_npages;
	UnlockReleaseBuffer(buffer);
	if (!sound)
		check_report(state, 0, META_BLKNO,
					 "a field of the metapage is out of range");
	return sound;
}
