/*-------------------------------------------------------------------------
 *
 * creation.h
 *	  What is tested when the server creates a vector index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_CREATION_H
#define VDB_CREATION_H

#include "postgres.h"

/* Called once, when the library is loaded. */
extern void creation_init(void);

#endif							/* VDB_CREATION_H */
