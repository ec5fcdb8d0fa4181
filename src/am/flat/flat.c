/*-------------------------------------------------------------------------
 *
 * flat.c
 *	  Access method "flat": exact search in codes, without a structure.
 *
 * Everything it does is what all access methods of this extension do, and is
 * in am/common; this file says that there is nothing more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amapi.h"
#include "am/common/build.h"
#include "am/common/cost.h"
#include "am/common/insert.h"
#include "am/common/opclass.h"
#include "am/common/options.h"
#include "am/common/scan.h"
#include "am/common/vacuum.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"

static IndexBuildResult *flat_build(Relation heap, Relation index,
									IndexInfo *info);
static void flat_build_empty(Relation index);
static bool flat_validate(Oid opclassoid);

PG_FUNCTION_INFO_V1(vdb_flat_handler);
Datum
vdb_flat_handler(PG_FUNCTION_ARGS)
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

	amroutine->ambuild = flat_build;
	amroutine->ambuildempty = flat_build_empty;
	amroutine->aminsert = insert_row;
	amroutine->ambulkdelete = vacuum_bulk_delete;
	amroutine->amvacuumcleanup = vacuum_cleanup;
	amroutine->amcostestimate = cost_exact_scan;
	amroutine->amoptions = options_parse;
	amroutine->ambuildphasename = build_phase_name;
	amroutine->amvalidate = flat_validate;
	amroutine->ambeginscan = scan_begin;
	amroutine->amrescan = scan_rescan;
	amroutine->amgettuple = scan_gettuple;
	amroutine->amendscan = scan_end;

	PG_RETURN_POINTER(amroutine);
}

static IndexBuildResult *
flat_build(Relation heap, Relation index, IndexInfo *info)
{
	return build_index(heap, index, info, AM_FLAT);
}

static void
flat_build_empty(Relation index)
{
	build_empty(index, AM_FLAT);
}

static bool
flat_validate(Oid opclassoid)
{
	return opclass_validate(opclassoid, "flat");
}
