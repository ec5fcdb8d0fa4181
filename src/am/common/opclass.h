/*-------------------------------------------------------------------------
 *
 * opclass.h
 *	  Operator classes of the vector indexes, and what they say of an index.
 *
 * An operator class of any access method of this extension has
 *
 *	OPERATOR 1	the distance operator, FOR ORDER BY float_ops
 *	OPERATOR 2	is the distance below a radius?  Its right side is a pair
 *				(type/sphere.h); may be missing
 *	FUNCTION 1	(internal) returns internal: a pointer to an OpclassInfo
 *
 * so that a new metric or element type is a new function and a new class,
 * not a change to an access method.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_OPCLASS_H
#define VDB_OPCLASS_H

#include "postgres.h"

#include "storage/manifest.h"
#include "utils/rel.h"

#define OPCLASS_DISTANCE_STRATEGY 1
#define OPCLASS_RANGE_STRATEGY 2
#define OPCLASS_NSTRATEGIES 2
#define OPCLASS_INFO_PROC 1
#define OPCLASS_NPROCS 1

typedef struct OpclassInfo
{
	QuantMetric metric;
	ElementType element;
} OpclassInfo;

/* What the operator class of the index says. */
extern const OpclassInfo *opclass_info(Relation index);

/* Dimensions of the indexed column or expression; -1 if it has none. */
extern int	opclass_index_dim(Relation index);

/*
 * Raises an error if it has none.  The index may be in the middle of its
 * creation; is_rebuild is true when it replaces one that was there.
 */
extern void opclass_require_dim(Relation index, bool is_rebuild);

/*
 * Identity of an index that is about to be created.  Raises an error if its
 * column has no dimensions.
 */
extern IndexIdentity opclass_identity(Relation index, AmKind am);

/* amvalidate; amname is for messages. */
extern bool opclass_validate(Oid opclassoid, const char *amname);

#endif							/* VDB_OPCLASS_H */
