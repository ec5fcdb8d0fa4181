/*-------------------------------------------------------------------------
 *
 * background.h
 *	  What maintenance workers and the code that they run tell each other.
 *
 * Work that may take long calls background_check() where it could as well
 * call CHECK_FOR_INTERRUPTS(): no lock on a buffer held, at least every 100
 * ms.  In a maintenance worker that is also the place where it learns that it
 * is in somebody's way, and where it sleeps if it is told to work slowly; in
 * all other processes it is CHECK_FOR_INTERRUPTS().
 *
 * Whoever leaves work behind (seals a segment, marks many rows dead) calls
 * background_wanted().  VACUUM, when it is done with an index, calls
 * background_vacuum(), which does the work itself if it is told to.
 * src/worker sets all hooks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_BACKGROUND_H
#define VDB_BACKGROUND_H

#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "utils/rel.h"

/* Set from time to time, in a worker that runs a job. */
extern volatile sig_atomic_t background_check_due;

/*
 * Sleep as VACUUM does, for all that was read and written since the last
 * time, if VacuumCostActive: as vectordb.worker_cost_delay says.
 */
extern void background_cost_sleep(void);

/* Limits for statements are not for a process that no session waits for. */
extern void background_set_timeouts_off(void);

/*
 * Leave processor time to others: 0 to 19 as for nice, for the rest of the
 * process.
 */
extern void background_lower_priority(int nice);

/* Called when it is; may raise an error. */
extern void (*background_check_hook) (void);

/* Called with an index that has work for a worker. */
extern void (*background_wanted_hook) (Relation index);

/* Called by VACUUM with an index that it has cleaned up. */
extern void (*background_vacuum_hook) (Relation index);

#define background_check() \
	do { \
		if (unlikely(background_check_due) && background_check_hook != NULL) \
			background_check_hook(); \
		CHECK_FOR_INTERRUPTS(); \
	} while (0)

static inline void
background_wanted(Relation index)
{
	if (background_wanted_hook != NULL)
		background_wanted_hook(index);
}

static inline void
background_vacuum(Relation index)
{
	if (background_vacuum_hook != NULL)
		background_vacuum_hook(index);
}

#endif							/* VDB_BACKGROUND_H */
