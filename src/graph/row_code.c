/*-------------------------------------------------------------------------
 *
 * row_code.c
 *	  Row codes that lie in the nodes of a graph segment.
 *
 * Relies on storage/ for pages.  Promises that a code which is handed out lies
 * within its node.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph/row_code.h"

/* Of a copy, the page with its owner is released before the node is pinned. */
const GraphNode *
graph_pin_row_code(const SegmentReader *reader, uint32 row, uint32 row_bytes,
				   Buffer *buffer, bool *locked)
{
	uint32		node = segment_row_node(reader, row);

	if (reader->node_bytes < offsetof(GraphNode, data) + row_bytes)
		page_report_damage(reader->index, segment_node_block(reader, node),
						   "A node is too short for its code.");
	*buffer = segment_pin_node(reader, node, locked);
	return (const GraphNode *) segment_node_pointer(reader,
													BufferGetPage(*buffer),
													node);
}
