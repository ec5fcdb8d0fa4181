/*-------------------------------------------------------------------------
 *
 * admin.c
 *	  SQL functions about indexes: what they consist of, and maintenance.
 *
 * Reading is for everybody who may read the table; changing is for its owner
 * (design, rule 25), and refused in recovery.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "admin/admin.h"
#include "am/common/rewrite.h"
#include "am/common/vacuum.h"
#include "base/compat.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/growing.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/manifest.h"
#include "storage/proc.h"
#include "storage/segment.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(vdb_index_segments);
PG_FUNCTION_INFO_V1(vdb_index_info);
PG_FUNCTION_INFO_V1(vdb_flush);
PG_FUNCTION_INFO_V1(vdb_build);

static Relation admin_open(Oid indexrelid, LOCKMODE lockmode, bool owner,
						   Relation *heap);
static void admin_lock(Oid indexrelid, LOCKMODE lockmode);
static void admin_not_an_index(Oid relid);
static char *admin_index_names(Oid heapid);
static bool admin_is_vector_index(Oid indexrelid);
static int	admin_hint_indexes(const char *names);
static uint64 admin_live_pages(Relation index, const Manifest *manifest,
							   const SegmentInfo *info, uint32 *nrows);

Relation
admin_open_owned(Oid indexrelid, LOCKMODE lockmode, Relation *heap)
{
	return admin_open(indexrelid, lockmode, true, heap);
}

Relation
admin_open_readable(Oid indexrelid, Relation *heap)
{
	return admin_open(indexrelid, AccessShareLock, false, heap);
}

void
admin_close(Relation index, Relation heap, LOCKMODE lockmode)
{
	index_close(index, lockmode);
	table_close(heap, AccessShareLock);
}

/*
 * Table first, then index: the order of the server's own commands.  The
 * right to the table is tested before a lock is waited for.
 */
static Relation
admin_open(Oid indexrelid, LOCKMODE lockmode, bool owner, Relation *heap)
{
	Oid			heapid = IndexGetRelation(indexrelid, true);
	Relation	index;

	if (!OidIsValid(heapid))
		admin_not_an_index(indexrelid);
	if (owner)
	{
		if (!vdb_class_ownercheck(heapid, GetUserId()))
			aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX,
						   get_rel_name(indexrelid));
	}
	else
	{
		AclResult	result = pg_class_aclcheck(heapid, GetUserId(),
											   ACL_SELECT);

		if (result != ACLCHECK_OK)
			aclcheck_error(result, OBJECT_TABLE, get_rel_name(heapid));
	}

	*heap = table_open(heapid, AccessShareLock);
	admin_lock(indexrelid, lockmode);
	index = index_open(indexrelid, NoLock);
	if (index->rd_rel->relkind != RELKIND_INDEX)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("index \"%s\" is partitioned",
					   RelationGetRelationName(index)),
				errhint("Name the index of a partition; the view vectordb.tables lists them."));
	if (!admin_is_vector_index(indexrelid))
	{
		char	   *names = admin_index_names(heapid);

		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("index \"%s\" is not a vector index",
					   RelationGetRelationName(index)),
				errdetail("It was not created by an access method of vectordb."),
				admin_hint_indexes(names));
	}
	/* CREATE INDEX CONCURRENTLY has no lock that would keep others out. */
	if (owner && !index->rd_index->indisready)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("index \"%s\" is not ready",
					   RelationGetRelationName(index)),
				errdetail("It is being built, or building it has failed."));
	if (RELATION_IS_OTHER_TEMP(index))
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("cannot access temporary indexes of other sessions"));
	return index;
}

/*
 * Lock an index.  A lock that excludes others who maintain it is not queued
 * for: REINDEX CONCURRENTLY holds it for a long time and then waits for our
 * snapshot, so that one of the two would end as a victim of the deadlock, and
 * mostly the one that has worked longer.  What is over soon is waited for.
 */
static void
admin_lock(Oid indexrelid, LOCKMODE lockmode)
{
	TimestampTz start = GetCurrentTimestamp();

	if (lockmode < ShareUpdateExclusiveLock)
		LockRelationOid(indexrelid, lockmode);
	else if (!ConditionalLockRelationOid(indexrelid, lockmode))
	{
		/* A worker gives way. */
		sources_want(indexrelid);
		while (!ConditionalLockRelationOid(indexrelid, lockmode))
		{
			if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(),
										   DeadlockTimeout))
				ereport(ERROR,
						errcode(ERRCODE_LOCK_NOT_AVAILABLE),
						errmsg("index \"%s\" is being built or changed by another process",
							   get_rel_name(indexrelid)));
			(void) WaitLatch(MyLatch,
							 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
							 10, PG_WAIT_EXTENSION);
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
		sources_unwant(indexrelid);
	}
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(indexrelid)))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("relation with OID %u does not exist", indexrelid));
}

/* Often the name of the table was given: say which indexes it has. */
static void
admin_not_an_index(Oid relid)
{
	char	   *name = get_rel_name(relid);
	char	   *names;

	if (name == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("relation with OID %u does not exist", relid));
	names = admin_index_names(relid);
	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("\"%s\" is not an index", name),
			admin_hint_indexes(names));
}

/*
 * The vector indexes of a table, by name with commas between them; NULL if
 * there is none.  From the catalogs alone: the table is not locked.
 */
static char *
admin_index_names(Oid heapid)
{
	Relation	catalog = table_open(IndexRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *indexes = NIL;
	ListCell   *lc;
	StringInfoData names;

	ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(heapid));
	scan = systable_beginscan(catalog, IndexIndrelidIndexId, true, NULL, 1,
							  &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		indexes = lappend_oid(indexes,
							  ((Form_pg_index) GETSTRUCT(tuple))->indexrelid);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);

	initStringInfo(&names);
	list_sort(indexes, list_oid_cmp);
	foreach(lc, indexes)
	{
		Datum		index = ObjectIdGetDatum(lfirst_oid(lc));

		if (!admin_is_vector_index(lfirst_oid(lc)))
			continue;
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 DatumGetCString(DirectFunctionCall1(regclassout,
															 index)));
	}
	return names.len > 0 ? names.data : NULL;
}

/* All access methods of this extension share the callbacks of VACUUM. */
static bool
admin_is_vector_index(Oid indexrelid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(indexrelid));
	IndexAmRoutine *routine;
	Oid			amid;

	if (!HeapTupleIsValid(tuple))
		return false;
	amid = ((Form_pg_class) GETSTRUCT(tuple))->relam;
	ReleaseSysCache(tuple);
	routine = GetIndexAmRoutineByAmId(amid, true);
	return routine != NULL && routine->ambulkdelete == vacuum_bulk_delete;
}

static int
admin_hint_indexes(const char *names)
{
	if (names == NULL)
		return errhint("The view vectordb.tables lists the vector indexes of tables that you may read.");
	return errhint("The vector indexes of the table are: %s.", names);
}

void
admin_refuse_in_recovery(const char *function)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				errmsg("cannot execute %s() during recovery", function));
}

/*
 * One row for each segment: id, type, bytes, rows, created, state, dead rows,
 * level.
 */
Datum
vdb_index_segments(PG_FUNCTION_ARGS)
{
	static const char *const states[] = {"", "growing", "sealing", "sealed",
	"building", "retired"};
	static const char *const kinds[] = {"", "rows", "planes", "graph"};
	Relation	heap;
	Relation	index = admin_open_readable(PG_GETARG_OID(0), &heap);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Manifest   *manifest = manifest_read_all(index);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < manifest->nsegments; i++)
	{
		const SegmentInfo *info = &manifest->segments[i];
		Datum		values[8];
		bool		nulls[8] = {0};
		uint32		nrows = info->nrows;
		uint64		npages = admin_live_pages(index, manifest, info, &nrows);
		const char *state = states[info->state];
		const char *type = info->state == SEGMENT_GROWING ? state :
		psprintf("%s/%s", state, kinds[info->kind]);

		values[0] = Int64GetDatum((int64) info->id);
		values[1] = CStringGetTextDatum(type);
		values[2] = Int64GetDatum((int64) npages * BLCKSZ);
		values[3] = Int64GetDatum((int64) nrows);
		values[4] = TimestampTzGetDatum(info->created);
		nulls[4] = info->created == 0;
		values[5] = CStringGetTextDatum(state);
		values[6] = Int64GetDatum((int64) info->ndead);
		values[7] = Int32GetDatum((int32) info->level);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	admin_close(index, heap, AccessShareLock);
	return (Datum) 0;
}

/*
 * Blocks of a segment.  One that is not sealed has no counts in the manifest:
 * its pages are read.
 */
static uint64
admin_live_pages(Relation index, const Manifest *manifest,
				 const SegmentInfo *info, uint32 *nrows)
{
	SegmentReader *reader;
	uint64		npages;

	if (info->state != SEGMENT_GROWING && info->state != SEGMENT_SEALING)
		return info->npages;

	reader = segment_open(index, &manifest->identity, info);
	*nrows = 0;
	for (uint32 page = 0; page < reader->npages; page++)
	{
		Buffer		buffer = segment_read_rows(reader, page);

		*nrows += rows_page_count(&reader->shape, BufferGetPage(buffer));
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
	npages = 1;
	for (uint32 i = 0; i < reader->nruns; i++)
		npages += reader->runs[i].npages;
	segment_close(reader);
	return npages;
}

/* Identity and totals of an index, one row. */
Datum
vdb_index_info(PG_FUNCTION_ARGS)
{
	static const char *const metrics[] = {"", "L2", "IP", "COSINE", "L1"};
	Relation	heap;
	Relation	index = admin_open_readable(PG_GETARG_OID(0), &heap);
	Manifest   *manifest = manifest_read_all(index);
	TupleDesc	desc;
	Datum		values[10];
	bool		nulls[10] = {0};
	HeapTuple	tuple;
	int			nsearched = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	for (int i = 0; i < manifest->nsegments; i++)
	{
		if (manifest->segments[i].state <= SEGMENT_SEALED)
			nsearched++;
	}
	values[0] = Int32GetDatum((int32) manifest->identity.dim);
	values[1] = CStringGetTextDatum(metrics[manifest->identity.metric]);
	values[2] = Int32GetDatum(manifest->identity.bits);
	values[3] = Int32GetDatum(VDB_FORMAT_VERSION);
	values[4] = TimestampTzGetDatum(manifest->created);
	values[5] = Int32GetDatum(nsearched);
	values[6] = Int32GetDatum((int32) manifest->npending);
	values[7] = Int64GetDatum((int64) RelationGetNumberOfBlocks(index) *
							  BLCKSZ);
	values[8] = Int64GetDatum((int64) manifest_free_pages(index) * BLCKSZ);
	values[9] = BoolGetDatum(manifest->centre_npages > 0);
	tuple = heap_form_tuple(BlessTupleDesc(desc), values, nulls);
	admin_close(index, heap, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}

/* Seal the growing segment; returns its id, NULL when it had no row. */
Datum
vdb_flush(PG_FUNCTION_ARGS)
{
	Relation	heap;
	Relation	index;
	uint32		sealed;

	admin_refuse_in_recovery("flush");
	index = admin_open_owned(PG_GETARG_OID(0), RowExclusiveLock, &heap);
	sealed = growing_seal(index);
	admin_close(index, heap, RowExclusiveLock);
	if (sealed == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) sealed);
}

/*
 * Seal, and reorganise what is sealed but not yet reorganised or has many
 * dead rows.  Returns the number of segments written.
 */
Datum
vdb_build(PG_FUNCTION_ARGS)
{
	Relation	heap;
	Relation	index;
	int			nbuilt;

	admin_refuse_in_recovery("build");
	index = admin_open_owned(PG_GETARG_OID(0), ShareUpdateExclusiveLock,
							 &heap);
	nbuilt = index_build_pending(heap, index);
	admin_close(index, heap, ShareUpdateExclusiveLock);
	PG_RETURN_INT32(nbuilt);
}
