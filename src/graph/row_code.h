/*-------------------------------------------------------------------------
 *
 * row_code.h
 *	  Row codes that lie in the nodes of a graph segment.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_ROW_CODE_H
#define VDB_ROW_CODE_H

#include "postgres.h"

#include "graph/node.h"
#include "storage/segment.h"

/*
 * Are the low halves of the segment's codes nowhere but in its nodes?  Then
 * there is no fine plane, and a bounded row has the code and the factors of
 * its node.
 */
static inline bool
graph_has_row_codes(const SegmentReader *reader)
{
	return reader->kind == SEGMENT_GRAPH && !reader->has_fine &&
		reader->shape.fine_bytes > 0;
}

/*
 * Pin the node of a bounded row of such a segment; row_bytes is the length of
 * a row code.  page_unpin() undoes it.
 */
extern const GraphNode *graph_pin_row_code(const SegmentReader *reader,
										   uint32 row, uint32 row_bytes,
										   Buffer *buffer, bool *locked);

#endif							/* VDB_ROW_CODE_H */
