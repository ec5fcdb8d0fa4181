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

/* Defines every setting and chooses the distance kernels. */
extern void settings_init(void);

#endif							/* VDB_SETTINGS_H */
