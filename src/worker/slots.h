/*-------------------------------------------------------------------------
 *
 * slots.h
 *	  Who of the workers may do what: limits without shared memory.
 *
 * A slot is a session lock that no user command can take.  So limits hold for
 * all workers of the server, whoever started them and whether the library is
 * preloaded or not, and a process that dies gives back what it had.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_SLOTS_H
#define VDB_SLOTS_H

#include "postgres.h"

typedef enum SlotKind
{
	SLOT_WORKER,				/* to be a worker at all */
	SLOT_BUILD,
	SLOT_MERGE
} SlotKind;

/* Take one of so many slots; its number, or -1 when there is none. */
extern int	slot_try_take(SlotKind kind, int nslots);
extern void slot_give_back(SlotKind kind, int number);

/* Be the first worker of the database; there is one at most. */
extern bool database_try_lead(void);
extern void database_stop_leading(void);

/* Has the database of this process a first worker? */
extern bool database_is_led(void);

/* Does a command want the database for itself, or copy it? */
extern bool database_is_wanted(void);

#endif							/* VDB_SLOTS_H */
