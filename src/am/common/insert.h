/*-------------------------------------------------------------------------
 *
 * insert.h
 *	  Inserting one row into a vector index, for access methods.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_INSERT_H
#define VDB_INSERT_H

#include "postgres.h"

#include "access/genam.h"
#include "nodes/execnodes.h"

/* aminsert. */
extern bool insert_row(Relation index, Datum *values, bool *isnull,
					   ItemPointer heap_tid, Relation heap,
					   IndexUniqueCheck check_unique, bool index_unchanged,
					   IndexInfo *info);

#endif							/* VDB_INSERT_H */
