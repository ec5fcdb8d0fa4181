/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The one place that tests the version of PostgreSQL.
 *
 * Elsewhere the newest API is called; this file provides it where the server
 * is older.  Supported: PostgreSQL 15 to 18.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_COMPAT_H
#define VDB_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "vectordb needs PostgreSQL 15 or newer"
#endif

#include "storage/proc.h"
#include "utils/rel.h"

/* The numbers of the relation's file: renamed in 16. */
#if PG_VERSION_NUM >= 160000
#define RelationGetSmgrLocator(rel) ((rel)->rd_locator)
#else
#define RelationGetSmgrLocator(rel) ((rel)->rd_node)
#endif

/* Number of this process, from 0; used to spread writers over lanes. */
#if PG_VERSION_NUM >= 170000
#define vdb_process_number() ((int) MyProcNumber)
#else
#define vdb_process_number() ((int) MyProc->pgprocno)
#endif

/* Soft input errors (16): before, the error is raised. */
#if PG_VERSION_NUM < 160000
#define ereturn(context, dummy_value, ...) \
	do { (void) (context); ereport(ERROR, __VA_ARGS__); return dummy_value; } while (0)
#endif

#endif							/* VDB_COMPAT_H */
