/*-------------------------------------------------------------------------
 *
 * creation.c
 *	  What is tested when the server creates a vector index.
 *
 * An index is refused here when its column has no dimensions.  To refuse it
 * in ambuild would be too late: CREATE INDEX CONCURRENTLY has committed an
 * invalid index by then, an index on a partitioned table is never built, and
 * ALTER TABLE ... TYPE vector on a column of vector(n), which changes no row,
 * gives the old file to a new index.  Such an index would answer queries, and
 * neither REINDEX nor the restore of a dump could make it again.
 *
 * Relies on the server's hook for new objects.  Before it creates an index
 * the server asks the access method's handler, which is in this library; so
 * the hook is there whenever an index of ours is created.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amapi.h"
#include "am/common/creation.h"
#include "am/common/opclass.h"
#include "am/common/vacuum.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "utils/rel.h"
#include "utils/relcache.h"

static object_access_hook_type creation_next_hook = NULL;

static void creation_hook(ObjectAccessType access, Oid classid, Oid objectid,
						  int subid, void *arg);
static void creation_check(Oid relid, bool is_rebuild);

void
creation_init(void)
{
	creation_next_hook = object_access_hook;
	object_access_hook = creation_hook;
}

static void
creation_hook(ObjectAccessType access, Oid classid, Oid objectid, int subid,
			  void *arg)
{
	if (creation_next_hook != NULL)
		creation_next_hook(access, classid, objectid, subid, arg);

	/* What the server calls internal is the second half of ALTER TABLE. */
	if (access == OAT_POST_CREATE && classid == RelationRelationId &&
		subid == 0)
		creation_check(objectid,
					   ((ObjectAccessPostCreate *) arg)->is_internal);
}

/*
 * The relation's row in the catalog cannot be seen yet, but the relation
 * cache has it, and the server holds a lock.
 */
static void
creation_check(Oid relid, bool is_rebuild)
{
	Relation	relation = RelationIdGetRelation(relid);

	if (relation == NULL)
		return;
	if (relation->rd_rel->relkind == RELKIND_INDEX ||
		relation->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
	{
		IndexAmRoutine *routine =
		GetIndexAmRoutineByAmId(relation->rd_rel->relam, true);

		/* All access methods of this extension share it. */
		if (routine != NULL && routine->ambulkdelete == vacuum_bulk_delete)
			opclass_require_dim(relation, is_rebuild);
	}
	RelationClose(relation);
}
