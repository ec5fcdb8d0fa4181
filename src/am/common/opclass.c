/*-------------------------------------------------------------------------
 *
 * opclass.c
 *	  Operator classes of the vector indexes, and what they say of an index.
 *
 * Relies on the catalogs alone.  Promises that an index gets its metric and
 * dimension from its definition, never from a row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amvalidate.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "am/common/opclass.h"
#include "base/compat.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "type/vector.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

/* Frozen with format version 1; the rotation is not a secret. */
#define OPCLASS_DEFAULT_SEED UINT64CONST(0x5851F42D4C957F2D)

/* One operator class while it is being validated. */
typedef struct OpclassCheck
{
	const char *amname;
	const char *name;			/* of the operator family, for messages */
	Oid			type;			/* that the class is for */
	bool		valid;
} OpclassCheck;

static Oid	opclass_indexed_column(Relation index, AttrNumber *attnum);
static char *opclass_family_name(Oid family);
static void opclass_check_operators(OpclassCheck *check, CatCList *operators);
static const char *opclass_distance_problem(Form_pg_amop form);
static const char *opclass_range_problem(Form_pg_amop form);
static void opclass_check_functions(OpclassCheck *check, CatCList *functions);
static void opclass_check_complete(OpclassCheck *check, CatCList *operators,
								   CatCList *functions);

PG_FUNCTION_INFO_V1(vdb_vector_l2_support);
Datum
vdb_vector_l2_support(PG_FUNCTION_ARGS)
{
	static const OpclassInfo info = {QUANT_L2, ELEMENT_FLOAT4};

	PG_RETURN_POINTER(&info);
}

PG_FUNCTION_INFO_V1(vdb_vector_ip_support);
Datum
vdb_vector_ip_support(PG_FUNCTION_ARGS)
{
	static const OpclassInfo info = {QUANT_IP, ELEMENT_FLOAT4};

	PG_RETURN_POINTER(&info);
}

PG_FUNCTION_INFO_V1(vdb_vector_cosine_support);
Datum
vdb_vector_cosine_support(PG_FUNCTION_ARGS)
{
	static const OpclassInfo info = {QUANT_COSINE, ELEMENT_FLOAT4};

	PG_RETURN_POINTER(&info);
}

PG_FUNCTION_INFO_V1(vdb_vector_l1_support);
Datum
vdb_vector_l1_support(PG_FUNCTION_ARGS)
{
	static const OpclassInfo info = {QUANT_L1, ELEMENT_FLOAT4};

	PG_RETURN_POINTER(&info);
}

const OpclassInfo *
opclass_info(Relation index)
{
	FmgrInfo   *function = index_getprocinfo(index, 1, OPCLASS_INFO_PROC);
	Datum		info = FunctionCall1(function, PointerGetDatum(NULL));

	return (const OpclassInfo *) DatumGetPointer(info);
}

int
opclass_index_dim(Relation index)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(index), 0);
	int32		typmod = attribute->atttypmod;

	/* A column of a domain has the dimensions of the domain. */
	if (typmod < 0)
		(void) getBaseTypeAndTypmod(attribute->atttypid, &typmod);
	return typmod;
}

void
opclass_require_dim(Relation index, bool is_rebuild)
{
	Oid			heapid;
	AttrNumber	attnum;

	if (opclass_index_dim(index) >= 1)
		return;
	heapid = opclass_indexed_column(index, &attnum);
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			attnum != 0 ?
			errmsg("column \"%s\" of relation \"%s\" does not have dimensions",
				   get_attname(heapid, attnum, false),
				   get_rel_name(heapid)) :
			errmsg("indexed expression on relation \"%s\" does not have dimensions",
				   get_rel_name(heapid)),
			errdetail("Index \"%s\" can hold only vectors of one declared number of dimensions.",
					  RelationGetRelationName(index)),
			is_rebuild ?
			errhint("Drop the index before taking the dimensions from the column.") :
			errhint("Declare it as vector(n), or index an expression with a cast to vector(n)."));
}

/*
 * Table and column of an index, also of one whose row in pg_index is of the
 * command that is running; *attnum is 0 for an expression.
 */
static Oid
opclass_indexed_column(Relation index, AttrNumber *attnum)
{
	Relation	catalog = table_open(IndexRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Form_pg_index form;
	Oid			heapid;

	ScanKeyInit(&key, Anum_pg_index_indexrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationGetRelid(index)));
	scan = systable_beginscan(catalog, IndexRelidIndexId, true, SnapshotSelf,
							  1, &key);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "could not find tuple for index %u",
			 RelationGetRelid(index));
	form = (Form_pg_index) GETSTRUCT(tuple);
	heapid = form->indrelid;
	*attnum = form->indkey.values[0];
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return heapid;
}

IndexIdentity
opclass_identity(Relation index, AmKind am)
{
	const OpclassInfo *info = opclass_info(index);
	int			dim = opclass_index_dim(index);
	IndexIdentity identity = {
		.am = am,
		.metric = info->metric,
		.element = info->element,
		.seed = OPCLASS_DEFAULT_SEED
	};

	opclass_require_dim(index, false);
	if (dim > VECTOR_MAX_DIM)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("column cannot have more than %d dimensions for an index",
					   VECTOR_MAX_DIM));
	identity.dim = dim;
	identity.bits = quant_bits_for_dim(dim);
	return identity;
}

bool
opclass_validate(Oid opclassoid, const char *amname)
{
	HeapTuple	class_tuple = SearchSysCache1(CLAOID,
											  ObjectIdGetDatum(opclassoid));
	Form_pg_opclass class;
	CatCList   *operators;
	CatCList   *functions;
	OpclassCheck check = {.amname = amname,.valid = true};

	if (!HeapTupleIsValid(class_tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	class = (Form_pg_opclass) GETSTRUCT(class_tuple);
	check.type = class->opcintype;
	check.name = opclass_family_name(class->opcfamily);

	operators = SearchSysCacheList1(AMOPSTRATEGY,
									ObjectIdGetDatum(class->opcfamily));
	functions = SearchSysCacheList1(AMPROCNUM,
									ObjectIdGetDatum(class->opcfamily));
	if (OidIsValid(class->opckeytype) && class->opckeytype != check.type)
	{
		ereport(INFO,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("operator family \"%s\" of access method %s stores another type than it indexes",
					   check.name, amname));
		check.valid = false;
	}
	opclass_check_operators(&check, operators);
	opclass_check_functions(&check, functions);
	opclass_check_complete(&check, operators, functions);

	ReleaseCatCacheList(functions);
	ReleaseCatCacheList(operators);
	ReleaseSysCache(class_tuple);
	return check.valid;
}

static char *
opclass_family_name(Oid family)
{
	HeapTuple	tuple = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(family));
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator family %u", family);
	name = pstrdup(NameStr(((Form_pg_opfamily) GETSTRUCT(tuple))->opfname));
	ReleaseSysCache(tuple);
	return name;
}

static void
opclass_check_operators(OpclassCheck *check, CatCList *operators)
{
	for (int i = 0; i < operators->n_members; i++)
	{
		Form_pg_amop form = (Form_pg_amop)
		GETSTRUCT(&operators->members[i]->tuple);
		const char *problem;

		if (form->amopstrategy == OPCLASS_DISTANCE_STRATEGY)
			problem = opclass_distance_problem(form);
		else if (form->amopstrategy == OPCLASS_RANGE_STRATEGY)
			problem = opclass_range_problem(form);
		else
			problem = "contains operator %s with invalid strategy number %d";
		if (problem == NULL)
			continue;

		ereport(INFO,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("operator family \"%s\" of access method %s %s",
					   check->name, check->amname,
					   psprintf(problem, format_operator(form->amopopr),
								form->amopstrategy)));
		check->valid = false;
	}
}

/* Ordering by float8, of one type. */
static const char *
opclass_distance_problem(Form_pg_amop form)
{
	if (form->amoppurpose != AMOP_ORDER ||
		get_op_rettype(form->amopopr) != FLOAT8OID ||
		!opfamily_can_sort_type(form->amopsortfamily, FLOAT8OID))
		return "contains operator %s (strategy %d) that is not for ordering by double precision";
	if (form->amoplefttype != form->amoprighttype ||
		!check_amop_signature(form->amopopr, FLOAT8OID, form->amoplefttype,
							  form->amoprighttype))
		return "contains operator %s (strategy %d) with wrong signature";
	return NULL;
}

/* A condition, its right side of a row type. */
static const char *
opclass_range_problem(Form_pg_amop form)
{
	if (form->amoppurpose != AMOP_SEARCH)
		return "contains operator %s (strategy %d) that is not for searching";
	if (!type_is_rowtype(form->amoprighttype) ||
		!check_amop_signature(form->amopopr, BOOLOID, form->amoplefttype,
							  form->amoprighttype))
		return "contains operator %s (strategy %d) with wrong signature";
	return NULL;
}

/* Each function: known number, (internal) returns internal, one type. */
static void
opclass_check_functions(OpclassCheck *check, CatCList *functions)
{
	for (int i = 0; i < functions->n_members; i++)
	{
		Form_pg_amproc form = (Form_pg_amproc)
		GETSTRUCT(&functions->members[i]->tuple);
		const char *problem = NULL;

		if (form->amprocnum != OPCLASS_INFO_PROC)
			problem = "contains function %s with invalid support number %d";
		else if (form->amproclefttype != form->amprocrighttype ||
				 !check_amproc_signature(form->amproc, INTERNALOID, true,
										 1, 1, INTERNALOID))
			problem = "contains function %s with wrong signature for support number %d";
		if (problem == NULL)
			continue;

		ereport(INFO,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("operator family \"%s\" of access method %s %s",
					   check->name, check->amname,
					   psprintf(problem, format_procedure(form->amproc),
								form->amprocnum)));
		check->valid = false;
	}
}

/* The class's own type has all that is needed. */
static void
opclass_check_complete(OpclassCheck *check, CatCList *operators,
					   CatCList *functions)
{
	const uint64 distance = UINT64CONST(1) << OPCLASS_DISTANCE_STRATEGY;
	const uint64 info = UINT64CONST(1) << OPCLASS_INFO_PROC;
	List	   *groups = identify_opfamily_groups(operators, functions);
	ListCell   *lc;

	foreach(lc, groups)
	{
		OpFamilyOpFuncGroup *group = (OpFamilyOpFuncGroup *) lfirst(lc);

		if (group->lefttype == check->type &&
			group->righttype == check->type &&
			group->operatorset == distance && group->functionset == info)
			return;
	}
	ereport(INFO,
			errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			errmsg("operator family \"%s\" of access method %s lacks an operator or a support function for type %s",
				   check->name, check->amname, format_type_be(check->type)));
	check->valid = false;
}
