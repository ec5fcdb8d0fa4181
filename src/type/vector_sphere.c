/*-------------------------------------------------------------------------
 *
 * vector_sphere.c
 *	  The SQL type "sphere_vector", and which vectors are in a sphere.
 *
 * An index cannot be told of "v <-> q < r": the comparison is one of float8,
 * to which the distance is an expression.  "v <<->> sphere(q, r)" says the
 * same in one operator, and means the same: the distance is that of the
 * operator without the brackets and the comparison that of float8, so NaN is
 * larger than every number.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "type/sphere.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/selfuncs.h"
#include "utils/typcache.h"

#define SPHERE_NFIELDS 2

/* If none of a hundred values is in the sphere. */
#define SPHERE_MIN_SELECTIVITY 0.001

static Datum sphere_contains(FunctionCallInfo fcinfo, PGFunction distance);

bool
sphere_get(Datum datum, Sphere *sphere)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(datum);
	Oid			type = HeapTupleHeaderGetTypeId(header);
	int32		typmod = HeapTupleHeaderGetTypMod(header);
	TupleDesc	desc = lookup_rowtype_tupdesc(type, typmod);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header),
	.t_data = header};
	Datum		values[SPHERE_NFIELDS];
	bool		nulls[SPHERE_NFIELDS];

	/* An owner of the type may have changed it. */
	if (desc->natts != SPHERE_NFIELDS ||
		TupleDescAttr(desc, 0)->attlen != -1 ||
		TupleDescAttr(desc, 1)->atttypid != FLOAT8OID)
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("type %s is not a pair of a vector and a radius",
					   format_type_be(type)));
	heap_deform_tuple(&tuple, desc, values, nulls);
	ReleaseTupleDesc(desc);
	if (nulls[0] || nulls[1])
		return false;
	sphere->center = DatumGetVector(values[0]);
	sphere->radius = DatumGetFloat8(values[1]);
	return true;
}

PG_FUNCTION_INFO_V1(vdb_sphere);
Datum
vdb_sphere(PG_FUNCTION_ARGS)
{
	TupleDesc	desc = fcinfo->flinfo->fn_extra;
	Datum		values[SPHERE_NFIELDS] = {PG_GETARG_DATUM(0),
	PG_GETARG_DATUM(1)};
	bool		nulls[SPHERE_NFIELDS] = {false, false};

	if (desc == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
			desc->natts != SPHERE_NFIELDS)
			elog(ERROR, "return type must be a row type of %d columns",
				 SPHERE_NFIELDS);
		desc = BlessTupleDesc(CreateTupleDescCopy(desc));
		fcinfo->flinfo->fn_extra = desc;
		MemoryContextSwitchTo(old);
	}
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* ----------------------------------------------------------------------
 * Is the vector in the sphere?  One function for each distance.
 * ----------------------------------------------------------------------
 */

static Datum
sphere_contains(FunctionCallInfo fcinfo, PGFunction distance)
{
	Sphere		sphere;
	Datum		d;

	if (!sphere_get(PG_GETARG_DATUM(1), &sphere))
		PG_RETURN_NULL();
	d = DirectFunctionCall2(distance, PG_GETARG_DATUM(0),
							PointerGetDatum(sphere.center));
	PG_RETURN_BOOL(float8_lt(DatumGetFloat8(d), sphere.radius));
}

PG_FUNCTION_INFO_V1(vdb_l2_within);
Datum
vdb_l2_within(PG_FUNCTION_ARGS)
{
	return sphere_contains(fcinfo, vdb_l2_distance);
}

PG_FUNCTION_INFO_V1(vdb_negative_inner_product_within);
Datum
vdb_negative_inner_product_within(PG_FUNCTION_ARGS)
{
	return sphere_contains(fcinfo, vdb_vector_negative_inner_product);
}

PG_FUNCTION_INFO_V1(vdb_cosine_within);
Datum
vdb_cosine_within(PG_FUNCTION_ARGS)
{
	return sphere_contains(fcinfo, vdb_cosine_distance);
}

PG_FUNCTION_INFO_V1(vdb_l1_within);
Datum
vdb_l1_within(PG_FUNCTION_ARGS)
{
	return sphere_contains(fcinfo, vdb_l1_distance);
}

/* ----------------------------------------------------------------------
 * How many rows are in a sphere?
 * ----------------------------------------------------------------------
 */

/*
 * What ANALYZE keeps of a column of up to 1 kB is, for distances, a sample: a
 * hundred values evenly drawn from the order of their first elements.  The
 * share of these that is in the sphere is the estimate.  Without dimensions
 * the values kept may not be those that the operator will ever see.
 */
PG_FUNCTION_INFO_V1(vdb_sphere_sel);
Datum
vdb_sphere_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	Oid			operator = PG_GETARG_OID(1);
	List	   *args = (List *) PG_GETARG_POINTER(2);
	int			relid = PG_GETARG_INT32(3);

	double		share;

	if (list_length(args) != 2 || exprTypmod(linitial(args)) < 1)
		PG_RETURN_FLOAT8(SPHERE_SELECTIVITY);
	share = generic_restriction_selectivity(root, operator, PG_GET_COLLATION(),
											args, relid, SPHERE_SELECTIVITY);
	PG_RETURN_FLOAT8(Max(share, SPHERE_MIN_SELECTIVITY));
}

PG_FUNCTION_INFO_V1(vdb_sphere_joinsel);
Datum
vdb_sphere_joinsel(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(SPHERE_SELECTIVITY);
}
