/*-------------------------------------------------------------------------
 *
 * hnsw.c
 *	  Access method "hnsw": search along a graph.
 *
 * Sealed segments are to get a graph (graph/); until one has it, its rows are
 * searched exactly, as those of "flat" are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/build.h"
#include "am/common/opclass.h"
#include "am/common/options.h"
#include "am/common/routine.h"
#include "base/compat.h"
#include "base/settings.h"
#include "fmgr.h"

static IndexBuildResult *hnsw_build(Relation heap, Relation index,
									IndexInfo *info);
static void hnsw_build_empty(Relation index);
static bool hnsw_validate(Oid opclassoid);

PG_FUNCTION_INFO_V1(vdb_hnsw_handler);
Datum
vdb_hnsw_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *amroutine = routine_create();

	settings_need_hnsw();
	amroutine->ambuild = hnsw_build;
	amroutine->ambuildempty = hnsw_build_empty;
	amroutine->amoptions = options_parse_hnsw;
	amroutine->amvalidate = hnsw_validate;
	PG_RETURN_POINTER(amroutine);
}

static IndexBuildResult *
hnsw_build(Relation heap, Relation index, IndexInfo *info)
{
	return build_index(heap, index, info, AM_HNSW);
}

static void
hnsw_build_empty(Relation index)
{
	build_empty(index, AM_HNSW);
}

static bool
hnsw_validate(Oid opclassoid)
{
	return opclass_validate(opclassoid, "hnsw");
}
