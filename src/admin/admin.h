/*-------------------------------------------------------------------------
 *
 * admin.h
 *	  Opening an index for an administrative function.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_ADMIN_H
#define VDB_ADMIN_H

#include "postgres.h"

#include "storage/lockdefs.h"
#include "utils/rel.h"

/*
 * Open an index of this extension and its table, for the owner of the table
 * (or a superuser).  Errors: not an index of ours (42809), not the owner
 * (42501), another session's temporary table (0A000).
 */
extern Relation admin_open_owned(Oid indexrelid, LOCKMODE lockmode,
								 Relation *heap);

/* The same for everybody who may read the table. */
extern Relation admin_open_readable(Oid indexrelid, Relation *heap);

extern void admin_close(Relation index, Relation heap, LOCKMODE lockmode);

/* Raises an error on a standby. */
extern void admin_refuse_in_recovery(const char *function);

#endif							/* VDB_ADMIN_H */
