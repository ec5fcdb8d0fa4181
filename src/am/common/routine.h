/*-------------------------------------------------------------------------
 *
 * routine.h
 *	  What the server is told of every vector index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_ROUTINE_H
#define VDB_ROUTINE_H

#include "postgres.h"

#include "access/amapi.h"

/*
 * The routine of an access method that adds nothing to what is common: exact
 * search, its cost, the options that all share.  The caller sets ambuild,
 * ambuildempty and amvalidate, which name the access method, and replaces
 * what it does otherwise.
 */
extern IndexAmRoutine *routine_create(void);

#endif							/* VDB_ROUTINE_H */
