/*-------------------------------------------------------------------------
 *
 * range.h
 *	  Conditions of a scan: rows within a radius.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_RANGE_H
#define VDB_RANGE_H

#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "nodes/pathnodes.h"
#include "quant/quant.h"
#include "type/sphere.h"

typedef enum RangeKind
{
	RANGE_ALL,					/* there is no condition */
	RANGE_NONE,					/* no row meets the conditions */
	RANGE_SPHERE				/* rows in the sphere */
} RangeKind;

typedef struct Range
{
	RangeKind	kind;
	Sphere		sphere;
	bool		is_order;		/* rows are ordered by this centre */
	float		farthest;		/* bounds above this, and no others, reach the
								 * radius */
} Range;

/* The conditions of a scan of an index of this space. */
extern Range range_get(IndexScanDesc desc, const QuantSpace *space);

/*
 * Will the conditions of the path end a scan in the order of the path?  As far
 * as the plan tells.
 */
extern bool range_ends_order(const IndexPath *path);

#endif							/* VDB_RANGE_H */
