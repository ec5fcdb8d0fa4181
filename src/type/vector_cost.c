/*-------------------------------------------------------------------------
 *
 * vector_cost.c
 *	  What a distance costs: the support function of the distance functions.
 *
 * A distance of 16 dimensions and one of 1,536 that is read from the TOAST
 * table differ by a factor of a hundred, so no constant would do.  The number
 * of dimensions is that of the column's type, or of the constant it is
 * compared with.
 *
 * The planner charges nobody for reading from the TOAST table.  Here it is
 * part of the function that reads: processor time, and pages in order, as
 * they come in a sequential scan.  Whether a vector is in the row follows
 * from its size and from the size of the table: a heap smaller than its
 * vectors does not contain them.
 *
 * Factors are in units of cpu_operator_cost, taken as 5 ns.  That is between
 * what the unit stands for elsewhere in the plans that compete with an index:
 * 8 to 10 ns for the processor's part of a sequential scan, 4 for a sort, 2 to
 * 3 for pages, which are in memory more often than their cost says.  Measured
 * by test/bench, part "plans".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/heaptoast.h"
#include "base/compat.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "type/sphere.h"
#include "type/vector.h"
#include "type/vector_cost.h"
#include "utils/lsyscache.h"

/* A distance of vectors in memory: the call, and each dimension. */
#define COST_DISTANCE 20.0
#define COST_DIMENSION (1 / 6.5)

/* Reading one vector from the TOAST table: finding it, and each chunk. */
#define COST_TOAST 240.0
#define COST_TOAST_CHUNK 100.0

static Cost vector_distance_cost(PlannerInfo *root, List *args);
static int	vector_args_dim(List *args);
static int	vector_const_dim(const Const *constant);
static Cost vector_read_cost(PlannerInfo *root, Node *arg, int dim);

PG_FUNCTION_INFO_V1(vdb_vector_distance_support);
Datum
vdb_vector_distance_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestCost *cost;
	List	   *args;

	if (!IsA(request, SupportRequestCost))
		PG_RETURN_POINTER(NULL);
	cost = (SupportRequestCost *) request;
	if (cost->node == NULL)
		args = NIL;
	else if (IsA(cost->node, FuncExpr))
		args = ((FuncExpr *) cost->node)->args;
	else if (IsA(cost->node, OpExpr))
		args = ((OpExpr *) cost->node)->args;
	else
		args = NIL;

	cost->startup = 0;
	cost->per_tuple = vector_distance_cost(cost->root, args);
	PG_RETURN_POINTER(cost);
}

static Cost
vector_distance_cost(PlannerInfo *root, List *args)
{
	int			dim = vector_args_dim(args);
	Cost		cost = (COST_DISTANCE + dim * COST_DIMENSION) *
	cpu_operator_cost;
	ListCell   *lc;

	foreach(lc, args)
		cost += vector_read_cost(root, (Node *) lfirst(lc), dim);
	return cost;
}

/* As far as the arguments tell; 0 if they do not. */
static int
vector_args_dim(List *args)
{
	int			dim = 0;
	ListCell   *lc;

	foreach(lc, args)
	{
		Node	   *arg = (Node *) lfirst(lc);

		if (exprTypmod(arg) > 0)
			return Min(exprTypmod(arg), VECTOR_MAX_DIM);
		if (IsA(arg, Const) && !((Const *) arg)->constisnull)
			dim = vector_const_dim((Const *) arg);
	}
	return dim;
}

/* A vector, or a sphere. */
static int
vector_const_dim(const Const *constant)
{
	Sphere		sphere;

	if (!type_is_rowtype(constant->consttype))
		return DatumGetVector(constant->constvalue)->dim;
	return sphere_get(constant->constvalue, &sphere) ? sphere.center->dim : 0;
}

/* Only columns can be out of line. */
static Cost
vector_read_cost(PlannerInfo *root, Node *arg, int dim)
{
	const RelOptInfo *rel = NULL;
	const Var  *var = (const Var *) arg;
	double		pages;

	if (!IsA(arg, Var))
		return 0;
	if (root != NULL && var->varlevelsup == 0 && (int) var->varno > 0 &&
		(int) var->varno < root->simple_rel_array_size)
		rel = root->simple_rel_array[var->varno];
	pages = vector_toast_pages(rel, dim);
	if (pages == 0)
		return 0;
	return pages * seq_page_cost +
		(COST_TOAST + COST_TOAST_CHUNK *
		 ceil(VECTOR_SIZE(dim) / (double) TOAST_MAX_CHUNK_SIZE)) *
		cpu_operator_cost;
}

double
vector_toast_pages(const RelOptInfo *rel, int dim)
{
	double		size = VECTOR_SIZE(dim);

	if (size <= TOAST_TUPLE_TARGET ||
		(rel != NULL && rel->tuples > 0 && rel->pages > 0 &&
		 rel->pages * (double) BLCKSZ >= rel->tuples * size))
		return 0;
	return size / (TOAST_MAX_CHUNK_SIZE * EXTERN_TUPLES_PER_PAGE);
}
