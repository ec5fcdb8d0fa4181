/*-------------------------------------------------------------------------
 *
 * reorder.c
 *	  What the executor cannot do with rows that it puts into order itself.
 *
 * An index that gives lower bounds relies on the executor's queue of rows
 * that wait for nearer ones (IndexNextWithReorder).  Some of its shortcomings
 * would make answers wrong, so that the planner is kept from such paths:
 *
 * - Rows are not compared by what follows a NULL, so a key behind one that
 *   may be NULL would not be sorted by.
 *
 * - There is room for 32 distances a row.
 *
 * - In many releases a row that has waited in the queue has lost its address:
 *   "ctid" is invalid, and FOR UPDATE cannot lock the row.  Whether this
 *   server is one of them is found out by trying.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "am/common/reorder.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "nodes/bitmapset.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"

static bool reorder_has_null_key(List *orderbys);
static bool reorder_needs_address(const RelOptInfo *rel);
static bool reorder_keeps_address(void);
static bool reorder_try_address(void);

bool
reorder_is_safe(const IndexPath *path)
{
	return list_length(path->indexorderbys) <= INDEX_MAX_KEYS &&
		!reorder_has_null_key(path->indexorderbys) &&
		(reorder_keeps_address() ||
		 !reorder_needs_address(path->indexinfo->rel));
}

/*
 * May a key that is not the last be NULL?  (A NULL that is known has been
 * simplified away.)
 */
static bool
reorder_has_null_key(List *orderbys)
{
	ListCell   *lc;

	foreach(lc, orderbys)
	{
		Node	   *key = lfirst(lc);

		if (lnext(orderbys, lc) == NULL)
			break;
		if (!IsA(key, OpExpr) || list_length(((OpExpr *) key)->args) != 2 ||
			!IsA(lsecond(((OpExpr *) key)->args), Const))
			return true;
	}
	return false;
}

/*
 * Does the query use the address of the rows, to show, compare or lock them?
 * What locks them has it in the target list by now.  Partitions and other
 * children have no attr_needed of their own, but a target list.
 */
static bool
reorder_needs_address(const RelOptInfo *rel)
{
	Bitmapset  *attributes = NULL;
	ListCell   *lc;

	if (rel->attr_needed != NULL &&
		!bms_is_empty(rel->attr_needed[SelfItemPointerAttributeNumber -
									   rel->min_attr]))
		return true;
	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &attributes);
	foreach(lc, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause,
					   rel->relid, &attributes);
	foreach(lc, rel->joininfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause,
					   rel->relid, &attributes);
	return bms_is_member(SelfItemPointerAttributeNumber -
						 FirstLowInvalidHeapAttributeNumber, attributes);
}

/* Is the server free of that error?  Tried once in a session. */
static bool
reorder_keeps_address(void)
{
	static bool known = false;
	static bool keeps;

	if (!known)
	{
		keeps = reorder_try_address();
		known = true;
	}
	return keeps;
}

/* Store a row as the executor does when it leaves the queue. */
static bool
reorder_try_address(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(1);
	TupleTableSlot *slot;
	HeapTuple	tuple;
	Datum		value = Int32GetDatum(0);
	bool		isnull = false;
	bool		kept;

	TupleDescInitEntry(desc, 1, "column", INT4OID, -1, 0);
	slot = MakeSingleTupleTableSlot(desc, &TTSOpsBufferHeapTuple);
	tuple = heap_form_tuple(desc, &value, &isnull);
	ItemPointerSet(&tuple->t_self, 1, 1);
	ExecForceStoreHeapTuple(tuple, slot, false);
	kept = ItemPointerIsValid(&slot->tts_tid) &&
		ItemPointerEquals(&slot->tts_tid, &tuple->t_self);

	ExecDropSingleTupleTableSlot(slot);
	heap_freetuple(tuple);
	FreeTupleDesc(desc);
	return kept;
}
