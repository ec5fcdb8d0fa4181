/*-------------------------------------------------------------------------
 *
 * segment.h
 *	  Reading segments, and writing reorganised ones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_SEGMENT_H
#define VDB_SEGMENT_H

#include "postgres.h"

#include "access/genam.h"
#include "storage/manifest.h"
#include "storage/segment_page.h"

/*
 * A segment opened for reading: a copy of its header.  npages of a growing
 * segment is as of the opening: a scan stops there (design, rule 6).
 */
typedef struct SegmentReader
{
	Relation	index;
	SegmentShape shape;
	uint32		id;
	SegmentState state;
	SegmentKind kind;
	uint32		npages;			/* rows: logical pages in use */
	uint32		nrows;			/* planes: all rows */
	uint32		class_first[5]; /* planes: first row of each class; [4] =
								 * nrows */
	bool		has_fine;		/* planes: there is a fine one */
	uint32		nnodes;			/* graph; 0 of others */
	uint32		ncopies;		/* bounded rows that are not nodes */
	uint32		node_bytes;
	uint32		nodes_per_page;
	uint32		graph_bytes;
	uint32		area_start[SEGMENT_NAREAS];
	uint32		nruns;
	SegmentRun *runs;
	uint32	   *run_first;		/* logical page at which each run begins */
} SegmentReader;

/* Open, in the current memory context; segment_close() frees it. */
extern SegmentReader *segment_open(Relation index,
								   const IndexIdentity *identity,
								   const SegmentInfo *info);
extern void segment_close(SegmentReader *reader);

/* Block of a logical page; page < npages (planes: of an area, by row). */
extern BlockNumber segment_block(const SegmentReader *reader, uint32 page);

/* Rows kind: read logical page "page" under a share lock. */
extern Buffer segment_read_rows(const SegmentReader *reader, uint32 page);

/* The same in two halves: a pin for prefetching, then lock and check. */
extern Buffer segment_pin_rows(const SegmentReader *reader, uint32 page);
extern void segment_lock_rows(const SegmentReader *reader, Buffer buffer);

/*
 * Planes: pin the page of an area (coarse, fine, tids) with that row.  fine:
 * only where has_fine says that there is one.
 */
extern Buffer segment_pin_area(const SegmentReader *reader, SegmentArea area,
							   uint32 row, bool *locked);

/* Rows of each page of an area, and pages of an area. */
extern uint32 segment_area_rows(const SegmentReader *reader, SegmentArea area);
extern uint32 segment_area_pages(const SegmentReader *reader,
								 SegmentArea area);

/* Planes: a copy of the dead bits, nrows of them. */
extern uint8 *segment_read_dead(const SegmentReader *reader);

/* Planes: heap address of a row, and whether it is dead, as of now. */
extern bool segment_row_live(const SegmentReader *reader, uint32 row,
							 ItemPointer tid);

/* The second half alone, for who has the address from a node. */
extern bool segment_row_dead(const SegmentReader *reader, uint32 row);

/* Graph: block of a node; node < nnodes. */
static inline BlockNumber
segment_node_block(const SegmentReader *reader, uint32 node)
{
	return segment_block(reader, reader->area_start[AREA_NODES] +
						 node / reader->nodes_per_page);
}

/* Pin the page of a node; it does not change (page_pin()). */
static inline Buffer
segment_pin_node(const SegmentReader *reader, uint32 node, bool *locked)
{
	return page_pin(reader->index, segment_node_block(reader, node),
					PAGE_NODES, reader->id, locked);
}

/* A node in its page: bytes from the start of the page, and pointer. */
static inline uint32
segment_node_offset(const SegmentReader *reader, uint32 node)
{
	return MAXALIGN(SizeOfPageHeaderData) +
		(node % reader->nodes_per_page) * reader->node_bytes;
}

static inline void *
segment_node_pointer(const SegmentReader *reader, Page page, uint32 node)
{
	return (char *) page + segment_node_offset(reader, node);
}

/* Node of a bounded row; row < class_first[1]. */
extern uint32 segment_row_node(const SegmentReader *reader, uint32 row);

/* Graph: a copy of the graph_bytes bytes. */
extern void *segment_read_graph(const SegmentReader *reader);

/*
 * Writer of a reorganised segment.  begin() registers it in the manifest as
 * building, protected against being taken for an orphan until finish() or the
 * end of the transaction; rows are added ordered by class; finish() has logged
 * every page, after which manifest_swap() can publish it.
 */
typedef struct SegmentWriter SegmentWriter;

extern SegmentWriter *segment_writer_begin(Relation index,
										   const IndexIdentity *identity,
										   const uint32 class_rows[4],
										   int level);
extern void segment_writer_add(SegmentWriter *writer, const PlanesRow *row);
extern uint32 segment_writer_finish(SegmentWriter *writer);

/*
 * The same for a graph segment, whose bounded rows are the nodes followed by
 * the copies.  Nodes are added in their order, owners in that of the copies;
 * rows, nodes, owners and the graph's bytes may come in between one another.
 */
typedef struct GraphPlan
{
	uint32		nnodes;
	uint32		node_bytes;		/* multiple of 4 */
	uint32		nodes_per_page;
	uint32		graph_bytes;
	bool		has_fine;		/* if the index has a fine plane at all */
} GraphPlan;

extern SegmentWriter *segment_writer_begin_graph(Relation index,
												 const IndexIdentity *identity,
												 const uint32 class_rows[4],
												 int level,
												 const GraphPlan *plan);
extern void segment_writer_add_node(SegmentWriter *writer, const void *node);
extern void segment_writer_add_owner(SegmentWriter *writer, uint32 node);
extern void segment_writer_set_graph(SegmentWriter *writer, const void *bytes);

/*
 * Let several processes write the nodes, page by page, instead of adding them
 * to the writer: with the result any of them can open the segment, if it is
 * of the writer's lock group.  All must be done before finish().
 */
extern SegmentInfo segment_writer_share_nodes(SegmentWriter *writer);
extern void segment_write_node_page(const SegmentReader *reader, uint32 page,
									const void *nodes);

/*
 * Give up a building segment of this process: manifest_finish_pending() frees
 * it.  With the maintenance lock held.
 */
extern void segment_writer_abandon(Relation index, uint32 segment_id);

/*
 * Before publishing: mark rows of a building segment dead that died in the
 * sources meanwhile.  With the maintenance lock held.
 */
extern void segment_mark_dead(Relation index, const IndexIdentity *identity,
							  const SegmentInfo *info, const uint32 *rows,
							  uint32 nrows);

/*
 * VACUUM of one segment: ask the callback about each row that is not yet dead
 * and mark those it names.  Adds to stats (num_index_tuples,
 * tuples_removed).  Returns the dead rows of the segment.
 */
extern uint32 segment_bulk_delete(Relation index,
								  const IndexIdentity *identity,
								  const SegmentInfo *info,
								  IndexBulkDeleteCallback callback,
								  void *callback_state,
								  IndexBulkDeleteResult *stats);

#endif							/* VDB_SEGMENT_H */
