/*-------------------------------------------------------------------------
 *
 * range.c
 *	  Conditions of a scan: rows within a radius.
 *
 * A condition is "v <<->> sphere(q, r)", or the like for the metric of the
 * index.  A scan uses one of them to leave rows out by their lower bounds; the
 * executor looks at all of them again (xs_recheck), so that a scan may return
 * too many rows, and never too few.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "am/common/range.h"
#include "nodes/primnodes.h"
#include "type/vector_check.h"
#include "utils/float.h"
#include "utils/lsyscache.h"

static float range_farthest(double radius);
static bool range_is_empty(const QuantSpace *space, double radius);
static bool range_is_order(IndexScanDesc desc, const Vector *centre);
static bool range_has_centre(const Node *sphere, const Node *point);

/* Of several spheres the smallest: whatever is in all of them is in it. */
Range
range_get(IndexScanDesc desc, const QuantSpace *space)
{
	Range		range = {.kind = RANGE_ALL};

	for (int i = 0; i < desc->numberOfKeys; i++)
	{
		const ScanKeyData *key = &desc->keyData[i];
		Sphere		sphere;

		/* The operators are strict. */
		if ((key->sk_flags & SK_ISNULL) != 0 ||
			!sphere_get(key->sk_argument, &sphere))
		{
			range.kind = RANGE_NONE;
			return range;
		}
		if (sphere.center->dim != space->dim)
			vector_different_dims(space->dim, sphere.center->dim);
		if (range.kind == RANGE_ALL ||
			float8_lt(sphere.radius, range.sphere.radius))
			range.sphere = sphere;
		range.kind = RANGE_SPHERE;
	}
	if (range.kind == RANGE_ALL)
		return range;

	if (range_is_empty(space, range.sphere.radius))
		range.kind = RANGE_NONE;
	range.is_order = range_is_order(desc, range.sphere.center);
	range.farthest = range_farthest(range.sphere.radius);
	return range;
}

/*
 * The largest float below the radius: a bound is a float, and tells of a row
 * that is not in the sphere as soon as it reaches the radius.  NaN is above
 * all distances.
 */
static float
range_farthest(double radius)
{
	float		farthest = (float) radius;

	if (isnan(radius))
		return INFINITY;
	return (double) farthest < radius ? farthest :
		nextafterf(farthest, -INFINITY);
}

/* Is no distance below it?  Only inner products can be negative. */
static bool
range_is_empty(const QuantSpace *space, double radius)
{
	return radius == -INFINITY || (space->metric != QUANT_IP && radius <= 0);
}

static bool
range_is_order(IndexScanDesc desc, const Vector *centre)
{
	const Vector *point;

	if (desc->numberOfOrderBys == 0 ||
		(desc->orderByData[0].sk_flags & SK_ISNULL) != 0)
		return false;
	point = DatumGetVector(desc->orderByData[0].sk_argument);
	return point->dim == centre->dim &&
		memcmp(point->x, centre->x, sizeof(float4) * centre->dim) == 0;
}

/* ----------------------------------------------------------------------
 * In plans
 * ----------------------------------------------------------------------
 */

bool
range_ends_order(const IndexPath *path)
{
	const OpExpr *order = linitial(path->indexorderbys);
	ListCell   *lc;

	if (!IsA(order, OpExpr) || list_length(order->args) != 2)
		return false;
	foreach(lc, path->indexclauses)
	{
		const IndexClause *clause = lfirst_node(IndexClause, lc);
		const OpExpr *condition = (OpExpr *) clause->rinfo->clause;

		if (IsA(condition, OpExpr) && list_length(condition->args) == 2 &&
			range_has_centre(lsecond(condition->args), lsecond(order->args)))
			return true;
	}
	return false;
}

/* A call of sphere(), or what has become of it if it is constant. */
static bool
range_has_centre(const Node *sphere, const Node *point)
{
	const Const *a = (const Const *) sphere;
	const Const *b = (const Const *) point;
	const Vector *vector;
	Sphere		value;

	if (IsA(sphere, FuncExpr))
		return ((FuncExpr *) sphere)->args != NIL &&
			equal(linitial(((FuncExpr *) sphere)->args), point);
	if (!IsA(sphere, Const) || !IsA(point, Const) || a->constisnull ||
		b->constisnull || !sphere_get(a->constvalue, &value))
		return false;
	vector = DatumGetVector(b->constvalue);
	return vector->dim == value.center->dim &&
		memcmp(vector->x, value.center->x, sizeof(float4) * vector->dim) == 0;
}
