/*-------------------------------------------------------------------------
 *
 * debug_points.c
 *	  Named places where a test can stop or kill a process.
 *
 * Relies on advisory locks to stop a process: a test takes the lock
 * (DEBUG_POINT_LOCK_CLASS, 0) in its own session, and releases it to let the
 * stopped process go on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <unistd.h>

#include "base/background.h"
#include "base/debug_points.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/guc.h"

char	   *vdb_debug_points = NULL;

static void debug_point_wait(void);
static bool debug_point_action(const char *name, const char *action);

void
debug_points_define_setting(void)
{
	DefineCustomStringVariable("vectordb.debug_points",
							   "Places at which this process stops or ends, for tests.",
							   "A list of name=action; actions are \"wait\", "
							   "\"busy\", \"crash\" and \"error\".",
							   &vdb_debug_points,
							   "",
							   PGC_SUSET,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE,
							   NULL, NULL, NULL);
}

void
debug_point_reached(const char *name)
{
	if (debug_point_action(name, "wait"))
		debug_point_wait();
	while (debug_point_action(name, "busy"))
	{
		background_check();
		pg_usleep(1000);
	}
	if (debug_point_action(name, "crash"))
		kill(getpid(), SIGKILL);
	if (debug_point_action(name, "error"))
		ereport(ERROR,
				errcode(ERRCODE_INTERNAL_ERROR),
				errmsg("debug point \"%s\" was reached", name));
}

/* Is "name=action" an element of the list? */
static bool
debug_point_action(const char *name, const char *action)
{
	size_t		name_len = strlen(name);
	size_t		action_len = strlen(action);

	for (const char *p = vdb_debug_points; *p != '\0';)
	{
		size_t		len = strcspn(p, ",");

		while (len > 0 && *p == ' ')
		{
			p++;
			len--;
		}
		if (len == name_len + 1 + action_len &&
			strncmp(p, name, name_len) == 0 && p[name_len] == '=' &&
			strncmp(p + name_len + 1, action, action_len) == 0)
			return true;
		p += len;
		if (*p == ',')
			p++;
	}
	return false;
}

static void
debug_point_wait(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, DEBUG_POINT_LOCK_CLASS, 0, 2);
	(void) LockAcquire(&tag, ShareLock, false, false);
	LockRelease(&tag, ShareLock, false);
}
