/*-------------------------------------------------------------------------
 *
 * wakeup.c
 *	  Starting a worker where work was left behind.
 *
 * A process that has sealed a segment starts a worker, unless the database
 * has one.  If the server has no process to spare nothing is said: the next
 * one tries again, or the launcher does.
 *
 * A worker cannot see an index that was created in a transaction which has
 * not committed (rule 24), so a worker is started once more at commit.  What
 * CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY builds becomes valid some
 * transactions later, when all is over that could not see it: the process that
 * has built it looks at the end of each of its transactions whether this is
 * the one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "am/common/options.h"
#include "base/background.h"
#include "base/settings.h"
#include "catalog/pg_index.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/slots.h"
#include "worker/worker.h"

/* A process starts no more workers than one in that time. */
#define WAKEUP_INTERVAL_MS 1000

static bool wakeup_at_commit = false;
static bool wakeup_registered = false;
static TimestampTz wakeup_last = 0;

/* Indexes built by this process that are not valid yet. */
static List *wakeup_invalid = NIL;

static void wakeup_wanted(Relation index);
static void wakeup_note_invalid(Oid indexrelid);
static void wakeup_check_invalid(void);
static bool wakeup_is_valid(Relation catalog, Oid indexrelid, bool *exists);
static void wakeup_start(void);
static void wakeup_transaction_ends(XactEvent event, void *arg);

void
wakeup_init(void)
{
	background_wanted_hook = wakeup_wanted;
}

static void
wakeup_wanted(Relation index)
{
	if (vdb_max_workers == 0 || worker_is_this_process ||
		!IsUnderPostmaster || IsBinaryUpgrade || IsParallelWorker() ||
		RecoveryInProgress() ||
		RelationUsesLocalBuffers(index) ||
		!options_maintenance(index, 1).worker)
		return;
	if (!wakeup_registered)
	{
		RegisterXactCallback(wakeup_transaction_ends, NULL);
		wakeup_registered = true;
	}
	if (!index->rd_index->indisvalid && !index->rd_index->indisready)
	{
		wakeup_note_invalid(RelationGetRelid(index));
		return;
	}
	wakeup_at_commit = true;
	if (index->rd_createSubid == InvalidSubTransactionId)
		wakeup_start();
}

static void
wakeup_note_invalid(Oid indexrelid)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	wakeup_invalid = list_append_unique_oid(wakeup_invalid, indexrelid);
	MemoryContextSwitchTo(old);
}

/* Before a commit. */
static void
wakeup_check_invalid(void)
{
	Relation	catalog = table_open(IndexRelationId, AccessShareLock);
	ListCell   *cell;

	foreach(cell, wakeup_invalid)
	{
		bool		exists = false;

		if (wakeup_is_valid(catalog, lfirst_oid(cell), &exists))
			wakeup_at_commit = true;
		else if (exists)
			continue;
		wakeup_invalid = foreach_delete_current(wakeup_invalid, cell);
	}
	table_close(catalog, AccessShareLock);
}

/* As the last command of this transaction has left it. */
static bool
wakeup_is_valid(Relation catalog, Oid indexrelid, bool *exists)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		valid = false;

	ScanKeyInit(&key, Anum_pg_index_indexrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(indexrelid));
	scan = systable_beginscan(catalog, IndexRelidIndexId, true, SnapshotSelf,
							  1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		*exists = true;
		valid = ((Form_pg_index) GETSTRUCT(tuple))->indisvalid;
	}
	systable_endscan(scan);
	return valid;
}

static void
wakeup_start(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (wakeup_last != 0 &&
		!TimestampDifferenceExceeds(wakeup_last, now, WAKEUP_INTERVAL_MS))
		return;
	if (database_is_led())
		return;
	wakeup_last = now;
	(void) worker_start(MyDatabaseId, false, NULL);
}

/*
 * When the transaction is over nothing may fail, so nobody is asked whether
 * there is a worker already.  The new one will see.
 */
static void
wakeup_transaction_ends(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT && wakeup_invalid != NIL)
		wakeup_check_invalid();
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	if (wakeup_at_commit && event == XACT_EVENT_COMMIT)
		(void) worker_start(MyDatabaseId, false, NULL);
	wakeup_at_commit = false;
	if (event == XACT_EVENT_ABORT)
	{
		list_free(wakeup_invalid);
		wakeup_invalid = NIL;
	}
}
