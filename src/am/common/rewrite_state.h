/*-------------------------------------------------------------------------
 *
 * rewrite_state.h
 *	  State of a rewrite; private to the files rewrite*.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_REWRITE_STATE_H
#define VDB_REWRITE_STATE_H

#include "postgres.h"

#include "am/common/rewrite.h"
#include "quant/quant.h"
#include "storage/manifest.h"
#include "storage/segment.h"

typedef struct RewriteSource
{
	SegmentInfo info;
	SegmentReader *reader;
	uint8	   *dead;			/* planes: dead bits as last read */
} RewriteSource;

typedef struct RewriteRow
{
	uint32		source;
	uint32		position;		/* planes: row; rows: page * rows_per_page +
								 * slot */
} RewriteRow;

typedef struct Rewrite
{
	Relation	index;
	IndexIdentity identity;
	RewriteSource *sources;
	int			nsources;

	/* Live rows of the sources, ordered by class. */
	RewriteRow *rows;
	uint32		nrows;
	uint64		max_rows;		/* live rows by the manifest */
	uint32		class_rows[4];

	/* Page of rows that was read last. */
	PGAlignedBlock page;
	uint32		page_source;
	uint32		page_number;

	/* Planes of the row that was read last, and its code put together. */
	QuantSpace *space;
	uint8	   *coarse;
	uint8	   *fine;
	uint8	   *code;

	const RewriteHow *how;
	bool		forgotten;		/* the sources are no more */

	/*
	 * The new segments: one, or as many graphs as memory makes necessary.
	 * Bounded rows are shared out part_rows at a time, the others go to the
	 * last.
	 */
	int			nparts;
	uint32		part_rows;
	uint32	   *new_ids;
	uint32	   *places;			/* row that rows[i] becomes in its segment;
								 * NULL: row i */
} Rewrite;

/* List the live rows of the sources; what dies later is carried over. */
extern void rewrite_list_rows(Rewrite *rewrite);

/* A row of a source; its planes are copies, good until the next call. */
extern void rewrite_read_row(Rewrite *rewrite, RewriteRow from,
							 PlanesRow *row);

/* Class of a row; false when it is dead or there is none. */
extern bool rewrite_row_class(Rewrite *rewrite, RewriteRow row,
							  RowClass *class);

/* Read the marks of dead rows as they are now. */
extern void rewrite_read_dead(Rewrite *rewrite);

#endif							/* VDB_REWRITE_STATE_H */
