/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  Maintenance workers and their launcher.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_WORKER_H
#define VDB_WORKER_H

#include "postgres.h"

#include "postmaster/bgworker.h"

/*
 * Called when the library is loaded.  If it is preloaded, a launcher is
 * registered.
 */
extern void worker_init(void);

/*
 * Start a worker in a database.  A helper finds another worker there.
 * handle: NULL, or where to put the worker's handle, so that this process is
 * told when the worker ends.  False when the server has no process to spare.
 */
extern bool worker_start(Oid database, bool helper,
						 BackgroundWorkerHandle * *handle);

/* launcher.c */
extern void launcher_register(void);

/* wakeup.c */
extern void wakeup_init(void);

/* Set in workers: they need not be woken. */
extern bool worker_is_this_process;

#endif							/* VDB_WORKER_H */
