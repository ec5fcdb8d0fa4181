/*-------------------------------------------------------------------------
 *
 * scan_row.c
 *	  Single rows of a scan: their final bound, their heap address.
 *
 * Pages of planes are read with a pin alone, pages of rows under a share
 * lock: a growing page still changes.  Nothing is locked or pinned on entry
 * or on return.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/scan_state.h"
#include "graph/row_code.h"
#include "storage/bufmgr.h"

static float scan_row_bound_planes(IndexScan *scan, const QuantQuery *query,
								   const SegmentReader *reader, uint32 row);
static float scan_row_bound_node(IndexScan *scan, const QuantQuery *query,
								 const SegmentReader *reader, uint32 row);
static float scan_row_bound_rows(IndexScan *scan, const QuantQuery *query,
								 const SegmentReader *reader, uint32 row);
static bool scan_node_live(IndexScan *scan, const SegmentReader *reader,
						   uint32 node, ItemPointer tid);
static bool scan_row_live(IndexScan *scan, const SegmentReader *reader,
						  uint32 row, ItemPointer tid);

float
scan_row_bound(IndexScan *scan, const QuantQuery *query, uint64 place)
{
	const SegmentReader *reader = scan->readers[scan_place_segment(place)];
	uint32		row = scan_place_row(place);

	scan->stats.rows_refined++;
	if (graph_has_row_codes(reader))
		return scan_row_bound_node(scan, query, reader, row);
	if (segment_has_planes(reader->kind))
		return scan_row_bound_planes(scan, query, reader, row);
	return scan_row_bound_rows(scan, query, reader, row);
}

/*
 * Whether a row is dead is looked at when it is returned (rule 13): it may
 * have been vacuumed since the round, and its address used again.
 */
bool
scan_row_tid(IndexScan *scan, uint64 place, ItemPointer tid)
{
	const SegmentReader *reader = scan->readers[scan_place_segment(place)];
	uint32		row = scan_place_row(place);
	bool		live;

	if (reader->kind == SEGMENT_GRAPH && row < reader->nnodes)
		live = scan_node_live(scan, reader, row, tid);
	else if (segment_has_planes(reader->kind))
	{
		live = segment_row_live(reader, row, tid);
		scan->stats.pages += 2;
	}
	else
		live = scan_row_live(scan, reader, row, tid);

	if (live && !row_tid_is_sound(tid))
	{
		uint32		page = segment_has_planes(reader->kind) ?
		reader->area_start[AREA_TIDS] + row / TIDS_PER_PAGE :
		row / reader->shape.rows_per_page;

		page_report_damage(scan->index, segment_block(reader, page),
						   "A heap address is not valid.");
	}
	return live;
}

/*
 * The coarse code is copied, so that in recovery, where pages are locked, no
 * two are locked at the same time: replay locks them in an order of its own.
 */
static float
scan_row_bound_planes(IndexScan *scan, const QuantQuery *query,
					  const SegmentReader *reader, uint32 row)
{
	const SegmentShape *shape = &reader->shape;
	uint32		slot = row % shape->coarse_rows_per_page;
	uint8		code[BLCKSZ];
	RowFactors	factors;
	bool		locked;
	Buffer		buffer = segment_pin_area(reader, AREA_COARSE, row, &locked);
	Page		page = BufferGetPage(buffer);
	float		bound;

	factors.scale = coarse_page_scale(shape, page)[slot];
	factors.norm_sq = coarse_page_norm_sq(shape, page)[slot];
	factors.radius = coarse_page_radius(shape, page)[slot];
	memcpy(code, coarse_page_codes(shape, page) +
		   (Size) slot * shape->plane_bytes, shape->plane_bytes);
	page_unpin(buffer, locked);
	scan->stats.pages++;
	if (!reader->has_fine)
		return quant_bound_row(query, code, &factors);

	buffer = segment_pin_area(reader, AREA_FINE, row, &locked);
	page = BufferGetPage(buffer);
	slot = row % shape->fine_rows_per_page;
	bound = quant_bound_split(query, code,
							  fine_page_codes(shape, page) +
							  (Size) slot * shape->plane_bytes,
							  factors.scale,
							  fine_page_radius(shape, page)[slot]);
	page_unpin(buffer, locked);
	scan->stats.pages++;
	return bound;
}

/* From the code of its node, which has all bits. */
static float
scan_row_bound_node(IndexScan *scan, const QuantQuery *query,
					const SegmentReader *reader, uint32 row)
{
	Buffer		buffer;
	bool		locked;
	const GraphNode *node = graph_pin_row_code(reader, row,
											   scan->space->row_bytes,
											   &buffer, &locked);
	float		bound = quant_bound_row(query, graph_node_code(node),
										&node->factors);

	page_unpin(buffer, locked);
	scan->stats.pages += row < reader->nnodes ? 1 : 2;
	return bound;
}

static float
scan_row_bound_rows(IndexScan *scan, const QuantQuery *query,
					const SegmentReader *reader, uint32 row)
{
	uint32		per_page = reader->shape.rows_per_page;
	Buffer		buffer = segment_read_rows(reader, row / per_page);
	float		bound = scan_slot_bound(query, &reader->shape,
										BufferGetPage(buffer),
										row % per_page);

	UnlockReleaseBuffer(buffer);
	scan->stats.pages++;
	return bound;
}

float
scan_slot_bound(const QuantQuery *query, const SegmentShape *shape, Page page,
				uint32 slot)
{
	CoarseSlot *coarse = rows_page_coarse(shape, page, slot);
	FineSlot   *fine = rows_page_fine(shape, page, slot);

	if (shape->fine_bytes == 0)
		return quant_bound_row(query, coarse->code, &coarse->factors);
	return quant_bound_split(query, coarse->code, fine->code,
							 coarse->factors.scale, fine->radius);
}

/* A node has been read a moment ago, the array of addresses has not. */
static bool
scan_node_live(IndexScan *scan, const SegmentReader *reader, uint32 node,
			   ItemPointer tid)
{
	bool		locked;
	Buffer		buffer = segment_pin_node(reader, node, &locked);

	*tid = ((const GraphNode *)
			segment_node_pointer(reader, BufferGetPage(buffer), node))->tid;
	page_unpin(buffer, locked);
	scan->stats.pages += 2;
	return !segment_row_dead(reader, node);
}

static bool
scan_row_live(IndexScan *scan, const SegmentReader *reader, uint32 row,
			  ItemPointer tid)
{
	uint32		per_page = reader->shape.rows_per_page;
	Buffer		buffer = segment_read_rows(reader, row / per_page);
	FineSlot   *slot = rows_page_fine(&reader->shape, BufferGetPage(buffer),
									  row % per_page);
	bool		live = (slot->flags & ROW_DEAD) == 0;

	*tid = slot->tid;
	UnlockReleaseBuffer(buffer);
	scan->stats.pages++;
	return live;
}
