/*-------------------------------------------------------------------------
 *
 * slots.c
 *	  Who of the workers may do what: limits without shared memory.
 *
 * The locks are advisory ones of a kind of their own (the fourth field of the
 * tag; the user's functions make 1 and 2).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/debug_points.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "worker/slots.h"

#define SLOT_TAG_KIND 3

/* Slots of one kind have numbers below this. */
#define SLOT_MAX 1000

/* How often to ask again whether another worker leads: others just look. */
#define LEAD_TRIES 5

static void
slot_tag(SlotKind kind, int number, LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, InvalidOid, DEBUG_POINT_LOCK_CLASS,
						 kind * SLOT_MAX + number, SLOT_TAG_KIND);
}

int
slot_try_take(SlotKind kind, int nslots)
{
	for (int number = 0; number < nslots; number++)
	{
		LOCKTAG		tag;

		slot_tag(kind, number, &tag);
		if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_OK)
			return number;
	}
	return -1;
}

void
slot_give_back(SlotKind kind, int number)
{
	LOCKTAG		tag;

	slot_tag(kind, number, &tag);
	LockRelease(&tag, ExclusiveLock, true);
}

static void
database_tag(LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, DEBUG_POINT_LOCK_CLASS, 0,
						 SLOT_TAG_KIND);
}

bool
database_try_lead(void)
{
	LOCKTAG		tag;

	database_tag(&tag);
	for (int try = 0; try < LEAD_TRIES; try++)
	{
		if (LockAcquire(&tag, ExclusiveLock, true, true) !=
			LOCKACQUIRE_NOT_AVAIL)
			return true;
		pg_usleep(1000);
	}
	return false;
}

void
database_stop_leading(void)
{
	LOCKTAG		tag;

	database_tag(&tag);
	LockRelease(&tag, ExclusiveLock, true);
}

bool
database_is_led(void)
{
	LOCKTAG		tag;

	database_tag(&tag);
	if (LockAcquire(&tag, ShareLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	LockRelease(&tag, ShareLock, true);
	return false;
}

/*
 * DROP DATABASE, ALTER DATABASE ... SET TABLESPACE and CREATE DATABASE ...
 * TEMPLATE lock the database and then wait some seconds for others to leave
 * it.  A session that connects takes this lock, too.
 */
bool
database_is_wanted(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	if (LockAcquire(&tag, RowExclusiveLock, true, true) ==
		LOCKACQUIRE_NOT_AVAIL)
		return true;
	LockRelease(&tag, RowExclusiveLock, true);
	return false;
}
