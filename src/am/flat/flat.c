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

#include "am/common/build.h"
#include "am/common/opclass.h"
#include "am/common/routine.h"
#include "base/compat.h"
#include "fmgr.h"

static IndexBuildResult *flat_build(Relation heap, Relation index,
									IndexInfo *info);
static void flat_build_empty(Relation index);
static bool flat_validate(Oid opclassoid);

PG_FUNCTION_INFO_V1(vdb_flat_handler);
Datum
vdb_flat_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *amroutine = routine_create();

	amroutine->ambuild = flat_build;
	amroutine->ambuildempty = flat_build_empty;
	amroutine->amvalidate = flat_validate;
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
