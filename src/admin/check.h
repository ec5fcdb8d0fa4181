/*-------------------------------------------------------------------------
 *
 * check.h
 *	  Verification of an index; private to admin/.
 *
 * Every function looks without trusting: what it finds wrong becomes a row of
 * the result, and the walk goes on where it can.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_CHECK_H
#define VDB_CHECK_H

#include "postgres.h"

#include "funcapi.h"
#include "quant/quant.h"
#include "storage/manifest.h"
#include "storage/segment.h"

typedef struct CheckState
{
	Relation	index;
	Relation	heap;
	ReturnSetInfo *result;
	Manifest   *manifest;
	uint64		nfound;
} CheckState;

/* Add one violation; blkno may be InvalidBlockNumber. */
extern void check_report(CheckState *state, uint32 segment_id,
						 BlockNumber blkno, const char *format,...)
			pg_attribute_printf(4, 5);

/* A page as it is, under a share lock; invalid when it is not what it should
 * be, which has been reported. */
extern Buffer check_read(CheckState *state, BlockNumber blkno, PageKind kind,
						 uint32 segment_id);

/* Every block belongs to one owner: invariants 1 to 4 of storage/README.md. */
extern bool check_blocks(CheckState *state);

/* Pages, counts, codes and heap addresses of segments: invariants 5 to 8. */
extern void check_rows(CheckState *state);

/* Nodes and links of a graph segment: invariants 10 and 11. */
extern void check_graph(CheckState *state, const SegmentReader *reader,
						const QuantSpace *space);

#endif							/* VDB_CHECK_H */
