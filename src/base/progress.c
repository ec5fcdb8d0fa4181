/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  Keeping what the server's views of progress show across an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/progress.h"
#include "utils/backend_status.h"

ProgressSaved
progress_save(void)
{
	ProgressSaved saved = {.command = PROGRESS_COMMAND_INVALID};

	if (MyBEEntry != NULL)
	{
		saved.command = MyBEEntry->st_progress_command;
		saved.target = MyBEEntry->st_progress_command_target;
		memcpy(saved.params, (int64 *) MyBEEntry->st_progress_param,
			   sizeof(saved.params));
	}
	return saved;
}

void
progress_restore(const ProgressSaved *saved)
{
	int			places[PGSTAT_NUM_PROGRESS_PARAM];

	if (saved->command == PROGRESS_COMMAND_INVALID)
		return;
	for (int i = 0; i < PGSTAT_NUM_PROGRESS_PARAM; i++)
		places[i] = i;
	pgstat_progress_start_command(saved->command, saved->target);
	pgstat_progress_update_multi_param(PGSTAT_NUM_PROGRESS_PARAM, places,
									   saved->params);
}
