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

/* Planes: pin the page of an area (coarse, fine, tids) with that row. */
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
