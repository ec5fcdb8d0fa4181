/*-------------------------------------------------------------------------
 *
 * routine.c
 *	  What the server is told of every vector index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/build.h"
#include "am/common/cost.h"
#include "am/common/insert.h"
#include "am/common/opclass.h"
#include "am/common/options.h"
#include "am/common/routine.h"
#include "am/common/scan.h"
#include "am/common/vacuum.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"

IndexAmRoutine *
routine_create(void)
{
	IndexAmRoutine *amroutine = makeNode(IndexAmRoutine);

	options_register();

	amroutine->amstrategies = OPCLASS_NSTRATEGIES;
	amroutine->amsupport = OPCLASS_NPROCS;
	amroutine->amcanorderbyop = true;

	/* NULLs are indexed: a scan returns as many rows as the table has. */
	amroutine->amoptionalkey = true;
	amroutine->amkeytype = InvalidOid;

	/* A parallel VACUUM deletes in a worker; cleaning up takes no time. */
	amroutine->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	vdb_set_version_flags(amroutine);

	amroutine->aminsert = insert_row;
	amroutine->ambulkdelete = vacuum_bulk_delete;
	amroutine->amvacuumcleanup = vacuum_cleanup;
	amroutine->amcostestimate = cost_exact_scan;
	amroutine->amoptions = options_parse;
	amroutine->ambuildphasename = build_phase_name;
	amroutine->ambeginscan = scan_begin;
	amroutine->amrescan = scan_rescan;
	amroutine->amgettuple = scan_gettuple;
	amroutine->amgetbitmap = scan_getbitmap;
	amroutine->amendscan = scan_end;
	return amroutine;
}
