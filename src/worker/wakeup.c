/*-------------------------------------------------------------------------
 *
 * wakeup.c
 *	  Starting a worker where work was left behind.
 *
 * A process that has sealed a segment starts a worker, unless the database
 * has one.  If the server has no process to spare nothing is said: the next
 * one tries again, or the launcher does.
 *
 * A worker cannot see an index that was created in a transaction which has not
 * committed (rule 24), so a worker is started once more at commit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "am/common/options.h"
#include "base/background.h"
#include "base/settings.h"
#include "miscadmin.h"
#include "utils/timestamp.h"
#include "worker/slots.h"
#include "worker/worker.h"

/* A process starts no more workers than one in that time. */
#define WAKEUP_INTERVAL_MS 1000

static bool wakeup_at_commit = false;
static bool wakeup_registered = false;
static TimestampTz wakeup_last = 0;

static void wakeup_wanted(Relation index);
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
	wakeup_at_commit = true;
	if (index->rd_createSubid == InvalidSubTransactionId)
		wakeup_start();
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
 * The transaction is over: nothing here may fail, so nobody is asked whether
 * there is a worker already.  The new one will see.
 */
static void
wakeup_transaction_ends(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	if (wakeup_at_commit && event == XACT_EVENT_COMMIT)
		(void) worker_start(MyDatabaseId, false, NULL);
	wakeup_at_commit = false;
}
