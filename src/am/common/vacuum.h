/*-------------------------------------------------------------------------
 *
 * vacuum.h
 *	  VACUUM callbacks, the same for every access method.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_VACUUM_H
#define VDB_VACUUM_H

#include "postgres.h"

#include "access/genam.h"

extern IndexBulkDeleteResult *vacuum_bulk_delete(IndexVacuumInfo *info,
												 IndexBulkDeleteResult *stats,
												 IndexBulkDeleteCallback,
												 void *);
extern IndexBulkDeleteResult *vacuum_cleanup(IndexVacuumInfo *info,
											 IndexBulkDeleteResult *stats);

#endif							/* VDB_VACUUM_H */
