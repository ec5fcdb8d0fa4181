/*-------------------------------------------------------------------------
 *
 * debug_points.h
 *	  Named places where a test can stop or kill a process.
 *
 * The setting vectordb.debug_points (superuser only) holds a list of
 * "name=action": "wait" blocks until the session-level advisory lock
 * (DEBUG_POINT_LOCK_CLASS, 0) can be had in share mode, "busy" stays there as
 * if there were no end of work, until something interrupts it (or the setting
 * is changed, in a maintenance worker), "crash" ends
 * the process as kill -9 does, "error" raises an error.  With an empty setting a
 * debug point costs one test of a static variable.
 *
 * A debug point is never placed while a buffer content lock is held.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_DEBUG_POINTS_H
#define VDB_DEBUG_POINTS_H

#include "postgres.h"

#define DEBUG_POINT_LOCK_CLASS 7064

extern char *vdb_debug_points;

extern void debug_points_define_setting(void);
extern void debug_point_reached(const char *name);

#define debug_point(name) \
	do { \
		if (vdb_debug_points != NULL && vdb_debug_points[0] != '\0') \
			debug_point_reached(name); \
	} while (0)

#endif							/* VDB_DEBUG_POINTS_H */
