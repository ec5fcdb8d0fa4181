/*-------------------------------------------------------------------------
 *
 * segment_page.h
 *	  Disk format of segments: header, rows, planes, graphs.
 *
 * Segment header page, contents: SegmentHeader, then its runs of blocks in
 * logical order.  Page p of the segment is found by adding up the runs; the
 * header block itself is not among them.
 *
 * Rows page (PAGE_ROWS; growing segments and what they are sealed to): a row
 * has two slots of fixed size.  CoarseSlots, which every scan reads, lie one
 * after the other from the start of the contents; FineSlots, read for few
 * rows, lie one before the other from the end (pd_upper).  Between them is the
 * page's hole, so that appending a row logs two pieces and full-page images
 * hold no empty space.  Number of rows = used bytes / coarse_size.
 * stamp.flags has ROWS_CLOSED and ROWS_SPECIAL, stamp.detail is the lane.  The
 * row number of a slot is page * rows_per_page + slot (pages that are not full
 * leave gaps).
 *
 * Planes (sealed and reorganised): rows are numbered 0 .. nrows-1, ordered by
 * class: bounded rows first.  Only bounded rows have codes.
 *	PAGE_COARSE  float scale[R], norm_sq[R], radius[R], then R codes of
 *				 plane_bytes; R = coarse_rows_per_page
 *	PAGE_FINE	 float radius[R] of the full code, then R codes of plane_bytes;
 *				 R = fine_rows_per_page; absent in 4-bit indexes, and in graphs
 *				 whose nodes have the row codes (SEGMENT_HAS_FINE)
 *	PAGE_TIDS	 TIDS_PER_PAGE heap addresses of 6 bytes
 *	PAGE_DEAD	 DEAD_BITS_PER_PAGE bits, least significant first
 *
 * Graph: planes, and a graph over them.  Of the bounded rows the first nnodes
 * are the nodes, one row for each distinct code; the others are copies: row
 * nnodes + i has the code and the factors of the node whose number is owner i.
 *	PAGE_NODES	 nodes of node_bytes, nodes_per_page of them; node i is row i.
 *				 Their contents are the graph's matter (graph/node.h)
 *	PAGE_OWNERS	 OWNERS_PER_PAGE numbers of nodes, of 4 bytes, ascending
 *	PAGE_GRAPH	 a piece of graph_bytes bytes, likewise the graph's matter
 *
 * Areas follow one another in this order in the logical pages.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_SEGMENT_PAGE_H
#define VDB_SEGMENT_PAGE_H

#include "postgres.h"

#include "quant/quant.h"
#include "storage/itemptr.h"
#include "storage/manifest_page.h"
#include "storage/page.h"

/* On disk: never renumber. */
typedef enum SegmentState
{
	SEGMENT_GROWING = 1,		/* takes rows; not in a descriptor */
	SEGMENT_SEALING = 2,		/* takes no page; lanes are being closed */
	SEGMENT_SEALED = 3,
	SEGMENT_BUILDING = 4,		/* not yet part of the index */
	SEGMENT_RETIRED = 5			/* replaced or empty; old scans may read it */
} SegmentState;

typedef enum SegmentKind
{
	SEGMENT_ROWS = 1,
	SEGMENT_PLANES = 2,
	SEGMENT_GRAPH = 3
} SegmentKind;

/* Rows lie in planes, with arrays of heap addresses and dead bits? */
static inline bool
segment_has_planes(SegmentKind kind)
{
	return kind == SEGMENT_PLANES || kind == SEGMENT_GRAPH;
}

typedef enum SegmentArea
{
	AREA_COARSE = 0,
	AREA_FINE = 1,
	AREA_TIDS = 2,
	AREA_DEAD = 3,
	AREA_NODES = 4,
	AREA_OWNERS = 5,
	AREA_GRAPH = 6
} SegmentArea;
#define SEGMENT_NAREAS 7

typedef struct SegmentRun
{
	uint32		start;			/* first block */
	uint32		npages;
} SegmentRun;

typedef struct SegmentHeader
{
	uint32		id;
	uint8		state;			/* SegmentState */
	uint8		kind;			/* SegmentKind */
	uint16		reuse_logged;	/* freed: standbys were told */
	uint32		npages_used;	/* rows: pages handed to lanes; planes: all */
	uint32		npages_owned;	/* sum of the runs */
	uint32		class_rows[4];	/* planes: rows of each RowClass */
	uint32		area_start[SEGMENT_NAREAS]; /* planes: first logical page */
	uint32		flags;			/* SEGMENT_HAS_FINE */
	uint32		lane_tail[MANIFEST_MAX_LANES];	/* rows: logical page or
												 * SEGMENT_NO_PAGE */
	uint32		nnodes;			/* graph */
	uint32		node_bytes;		/* multiple of 4 */
	uint32		nodes_per_page;
	uint32		graph_bytes;
	uint64		retired;		/* FullTransactionId */
	uint32		next_free;		/* header of the next retired segment */
	uint32		nruns;
	SegmentRun	runs[FLEXIBLE_ARRAY_MEMBER];
} SegmentHeader;

StaticAssertDecl(offsetof(SegmentHeader, runs) == 160,
				 "on-disk format");

/* flags */
#define SEGMENT_HAS_FINE 0x01	/* planes: there is a fine one */

#define SEGMENT_NO_PAGE 0xFFFFFFFF
#define SEGMENT_MAX_RUNS \
	((PAGE_CONTENT_SIZE - offsetof(SegmentHeader, runs)) / sizeof(SegmentRun))
#define SEGMENT_MAX_RUN_PAGES 2048

static inline SegmentHeader *
segment_header(Page page)
{
	return (SegmentHeader *) page_content(page);
}

/* Rows page */

/* stamp.flags */
#define ROWS_CLOSED 0x01		/* takes no more rows */
#define ROWS_SPECIAL 0x02		/* some row is not ROW_BOUNDED */

#define ROW_DEAD 0x01			/* FineSlot.flags */

typedef struct CoarseSlot
{
	RowFactors	factors;		/* of the coarse plane */
	uint8		code[FLEXIBLE_ARRAY_MEMBER];	/* plane_bytes */
} CoarseSlot;

typedef struct FineSlot
{
	ItemPointerData tid;
	uint8		class;			/* RowClass */
	uint8		flags;
	float		radius;			/* of the full code */
	uint8		code[FLEXIBLE_ARRAY_MEMBER];	/* plane_bytes, or nothing in
												 * 4-bit indexes */
} FineSlot;

StaticAssertDecl(offsetof(CoarseSlot, code) == 12, "on-disk format");
StaticAssertDecl(offsetof(FineSlot, code) == 12, "on-disk format");

/* Planes */

#define TIDS_PER_PAGE (PAGE_CONTENT_SIZE / sizeof(ItemPointerData))
#define DEAD_BITS_PER_PAGE (PAGE_CONTENT_SIZE * 8)
#define OWNERS_PER_PAGE (PAGE_CONTENT_SIZE / sizeof(uint32))

/* Sizes that follow from dimension and bits. */
typedef struct SegmentShape
{
	uint32		plane_bytes;	/* of a row in one plane */
	uint32		fine_bytes;		/* plane_bytes, or 0: no fine plane */
	uint32		coarse_size;	/* CoarseSlot with its code, multiple of 4 */
	uint32		fine_size;		/* FineSlot likewise */
	uint32		rows_per_page;	/* of a rows page */
	uint32		coarse_rows_per_page;
	uint32		fine_rows_per_page; /* 0: no fine plane */
} SegmentShape;

extern SegmentShape segment_shape(uint32 dim, int bits);

static inline uint32
rows_page_count(const SegmentShape *shape, Page page)
{
	return page_content_used(page) / shape->coarse_size;
}

static inline CoarseSlot *
rows_page_coarse(const SegmentShape *shape, Page page, uint32 slot)
{
	return (CoarseSlot *) (page_content(page) +
						   (Size) slot * shape->coarse_size);
}

static inline FineSlot *
rows_page_fine(const SegmentShape *shape, Page page, uint32 slot)
{
	return (FineSlot *) ((char *) page_stamp(page) -
						 (Size) (slot + 1) * shape->fine_size);
}

/* A row with its code taken apart, on its way into a segment. */
typedef struct PlanesRow
{
	ItemPointerData tid;
	RowClass	class;
	const uint8 *coarse;		/* ignored unless ROW_BOUNDED */
	const uint8 *fine;			/* ignored where there is no fine plane */
	RowFactors	coarse_factors;
	float		radius;			/* of the full code */
} PlanesRow;

static inline const float *
coarse_page_scale(const SegmentShape *shape, Page page)
{
	return (const float *) page_content(page);
}

static inline const float *
coarse_page_norm_sq(const SegmentShape *shape, Page page)
{
	return (const float *) page_content(page) + shape->coarse_rows_per_page;
}

static inline const float *
coarse_page_radius(const SegmentShape *shape, Page page)
{
	return (const float *) page_content(page) +
		2 * shape->coarse_rows_per_page;
}

static inline const uint8 *
coarse_page_codes(const SegmentShape *shape, Page page)
{
	return (const uint8 *) page_content(page) +
		3 * sizeof(float) * shape->coarse_rows_per_page;
}

static inline const float *
fine_page_radius(const SegmentShape *shape, Page page)
{
	return (const float *) page_content(page);
}

static inline const uint8 *
fine_page_codes(const SegmentShape *shape, Page page)
{
	return (const uint8 *) page_content(page) +
		sizeof(float) * shape->fine_rows_per_page;
}

static inline ItemPointer
tids_page_tid(Page page, uint32 i)
{
	return (ItemPointer) page_content(page) + i;
}

/*
 * Could this be the address of a heap row?  To read the block "invalid" would
 * append one to the table.
 */
static inline bool
row_tid_is_sound(ItemPointer tid)
{
	return ItemPointerIsValid(tid) &&
		BlockNumberIsValid(ItemPointerGetBlockNumberNoCheck(tid));
}

static inline uint32 *
owners_page_node(Page page, uint32 i)
{
	return (uint32 *) page_content(page) + i;
}

static inline bool
dead_page_test(Page page, uint32 bit)
{
	return (((const uint8 *) page_content(page))[bit / 8] >> (bit % 8)) & 1;
}

#endif							/* VDB_SEGMENT_PAGE_H */
