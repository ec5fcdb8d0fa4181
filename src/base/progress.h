/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  Keeping what the server's views of progress show across an error.
 *
 * When a subtransaction is rolled back the server forgets what the process
 * was doing, although that goes on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_PROGRESS_H
#define VDB_PROGRESS_H

#include "postgres.h"

#include "utils/backend_progress.h"

typedef struct ProgressSaved
{
	ProgressCommandType command;
	Oid			target;
	int64		params[PGSTAT_NUM_PROGRESS_PARAM];
} ProgressSaved;

/* What this process shows. */
extern ProgressSaved progress_save(void);

/* Show it again. */
extern void progress_restore(const ProgressSaved *saved);

#endif							/* VDB_PROGRESS_H */
