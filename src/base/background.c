/*-------------------------------------------------------------------------
 *
 * background.c
 *	  What maintenance workers and the code that they run tell each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/background.h"
#include "base/settings.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/guc.h"

volatile	sig_atomic_t background_check_due = false;
void		(*background_check_hook) (void) = NULL;
void		(*background_wanted_hook) (Relation index) = NULL;
void		(*background_vacuum_hook) (Relation index) = NULL;

/* The longest sleep between two looks. */
#define COST_MAX_SLEEP_MS 100

/* Linux lets one process in 100 ms change the priority of its session. */
#define PRIORITY_TRIES 10
#define PRIORITY_WAIT_MS 110

static bool background_lower_session(int nice);

void
background_cost_sleep(void)
{
	double		ms = vdb_worker_cost_delay * VacuumCostBalance /
	vdb_worker_cost_limit;

	if (!VacuumCostActive || VacuumCostBalance < vdb_worker_cost_limit)
		return;
	VacuumCostBalance = 0;
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 (long) Min(ms, COST_MAX_SLEEP_MS), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
}

/* As autovacuum does. */
void
background_set_timeouts_off(void)
{
	static const char *const names[] = {
		"statement_timeout", "lock_timeout",
		"idle_in_transaction_session_timeout",
		"transaction_timeout",	/* from 17 on */
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (GetConfigOption(names[i], true, false) != NULL)
			SetConfigOption(names[i], "0", PGC_SUSET, PGC_S_OVERRIDE);
	}
	SetConfigOption("default_transaction_isolation", "read committed",
					PGC_SUSET, PGC_S_OVERRIDE);
}

/*
 * Linux may schedule sessions as groups, and each process of the server is a
 * session; then the priority of the group counts (sched(7), "autogroup").
 * Where one or the other is not to be had, others just get less.
 */
void
background_lower_priority(int nice)
{
	for (int i = 0; i < PRIORITY_TRIES && !background_lower_session(nice); i++)
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(PRIORITY_WAIT_MS * 1000L);
	}
	if (setpriority(PRIO_PROCESS, 0, nice) != 0)
		elog(DEBUG1, "could not lower the priority of the process: %m");
}

/* False when it is to be tried again. */
static bool
background_lower_session(int nice)
{
	int			fd = open("/proc/self/autogroup", O_WRONLY);
	bool		again = false;
	char		text[12];
	int			len = snprintf(text, sizeof(text), "%d", nice);

	if (fd < 0)
		return true;
	if (write(fd, text, len) != len)
	{
		again = errno == EAGAIN;
		if (!again)
			elog(DEBUG1, "could not lower the priority of the session: %m");
	}
	close(fd);
	return !again;
}
