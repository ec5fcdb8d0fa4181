/*-------------------------------------------------------------------------
 *
 * build_state.h
 *	  State of a build; private to the files build*.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_BUILD_STATE_H
#define VDB_BUILD_STATE_H

#include "postgres.h"

#include "access/tableam.h"
#include "am/common/encode.h"
#include "nodes/execnodes.h"
#include "storage/segment.h"

/*
 * Encoded rows in memory: each as a coarse slot and a fine slot, in chunks, so
 * that the memory never moves and never doubles.
 */
typedef struct BuildRows
{
	MemoryContext context;		/* reset when the rows have been written */
	SegmentShape shape;
	uint32		row_size;		/* bytes in memory */
	uint32		chunk_rows;
	uint32		nchunks;
	uint32		max_chunks;
	char	  **chunks;
	uint32		nrows;
	uint32		max_rows;		/* then they are written as a segment */
	uint32		class_rows[4];
} BuildRows;

/* memory: bytes that may be used; seal_rows: largest segment. */
extern void build_rows_init(BuildRows *rows, const IndexIdentity *identity,
							Size memory, uint32 seal_rows);

/* Keep a row; there must be room (nrows < max_rows). */
extern void build_rows_add(BuildRows *rows, const PlanesRow *row);

/* Write the rows as a segment, make it part of the index, and forget them. */
extern void build_rows_write(BuildRows *rows, Relation index,
							 const RowEncoder *encoder);

/* One process's part of a build. */
typedef struct BuildPart
{
	Relation	heap;
	Relation	index;
	IndexInfo  *info;
	RowEncoder *encoder;
	BuildRows	rows;
	int64		nindexed;
	bool		progress;		/* report rows done */
} BuildPart;

/*
 * Read the heap, or this process's part of it if scan is given, and write
 * segments.  Returns the number of heap rows; part->nindexed is set.
 */
extern double build_part(BuildPart *part, TableScanDesc scan, int nparts);

/* build_centre.c: mean of sampled vectors, or NULL for the origin. */
extern float *build_find_centre(Relation heap, Relation index,
								IndexInfo *info,
								const IndexIdentity *identity);

/*
 * build_parallel.c: build with workers.  False when there were none after
 * all, and nothing has been done.
 */
extern bool build_parallel(BuildPart *part, int nworkers,
						   IndexBuildResult *result);

#endif							/* VDB_BUILD_STATE_H */
