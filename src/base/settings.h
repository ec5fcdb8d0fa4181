/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings "vectordb.*".
 *
 * settings_init() defines them all; it is called once, when the library is
 * loaded.  A setting that code reads is a variable declared below.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_SETTINGS_H
#define VDB_SETTINGS_H

#include <stdbool.h>

/* vectordb.vacuum_merge: VACUUM merges segments with few live rows. */
extern bool vdb_vacuum_merge;

/* Defines every setting and chooses the distance kernels. */
extern void settings_init(void);

#endif							/* VDB_SETTINGS_H */
