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

extern IndexBulkDeleteResult *am_bulkdelete(IndexVacuumInfo *info,
											IndexBulkDeleteResult *stats,
											IndexBulkDeleteCallback callback,
											void *callback_state);
extern IndexBulkDeleteResult *am_vacuumcleanup(IndexVacuumInfo *info,
											   IndexBulkDeleteResult *stats);

#endif							/* VDB_VACUUM_H */
