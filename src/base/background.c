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

volatile	sig_atomic_t background_check_due = false;
void		(*background_check_hook) (void) = NULL;
void		(*background_wanted_hook) (Relation index) = NULL;
void		(*background_vacuum_hook) (Relation index) = NULL;

/*
 * Linux may schedule sessions as groups, and each process of the server is a
 * session; then the priority of the group counts (sched(7), "autogroup").
 * Where one or the other is not to be had, others just get less.
 */
void
background_lower_priority(int nice)
{
	int			fd = open("/proc/self/autogroup", O_WRONLY);

	if (fd >= 0)
	{
		char		text[12];
		int			len = snprintf(text, sizeof(text), "%d", nice);

		if (write(fd, text, len) != len)
			elog(DEBUG1, "could not lower the priority of the session: %m");
		close(fd);
	}
	if (setpriority(PRIO_PROCESS, 0, nice) != 0)
		elog(DEBUG1, "could not lower the priority of the process: %m");
}
