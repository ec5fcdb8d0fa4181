/*-------------------------------------------------------------------------
 *
 * manifest_page.h
 *	  Disk format of the manifest: the metapage, and descriptor pages.
 *
 * Metapage (block 0), contents:
 *
 *	 OFFSET  SIZE  FIELD
 *		  0     4  magic           VDB_MAGIC
 *		  4     2  format          VDB_FORMAT_VERSION
 *		  6     1  am              AmKind
 *		  7     1  metric          QuantMetric
 *		  8     1  element         ElementType
 *		  9     1  bits            of a row code: 8 or 4
 *		 10     1  nlanes          tail pages of the growing segment
 *		 11     1  reserved        0
 *		 12     4  dim
 *		 16     8  seed            of the rotation
 *		 24     4  next_segment_id never used before; ids are not reused
 *		 28     4  high_water      first block never handed out
 *		 32     4  growing_id      growing segment, 0 if none
 *		 36     4  growing_header  block of its header
 *		 40     4  spare_start     a run given back by the last seal,
 *		 44     4  spare_npages    0 if none
 *		 48     4  free_head       header of the first retired segment whose
 *		 52     4  free_tail       pages can be reused, and of the last
 *		 56     4  centre_start    first block of the centre
 *		 60     4  centre_npages   0: the centre is the origin
 *		 64     4  desc_head       first descriptor page
 *		 68     4  desc_tail       last one
 *		 72     4  npending        descriptors that need attention: sealing,
 *		                           building, retired
 *		 76     4  reserved        0
 *		 80     8  generation      raised by every change of a descriptor
 *		 88     8  created         TimestampTz
 *		 96    ..  descriptors[MANIFEST_META_SLOTS]
 *
 * Descriptor page: stamp.ordinal counts them from 1.
 *
 *		  0     4  next            block of the next one, or InvalidBlockNumber
 *		  4     4  reserved        0
 *		  8    ..  descriptors[MANIFEST_PAGE_SLOTS]
 *
 * A descriptor with id 0 is an empty slot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_MANIFEST_PAGE_H
#define VDB_MANIFEST_PAGE_H

#include "postgres.h"

#include "storage/block.h"
#include "storage/page.h"

#define VDB_MAGIC 0x31424456	/* "VDB1" */
#define VDB_FORMAT_VERSION 1
#define META_BLKNO 0

#define MANIFEST_MAX_LANES 16

typedef struct SegmentDescriptor
{
	uint32		id;				/* 0: empty slot */
	uint32		header;			/* block of the segment header */
	uint8		state;			/* SegmentState */
	uint8		kind;			/* SegmentKind */
	uint8		level;			/* 0 sealed as it grew, raised by merges */
	uint8		tries;			/* jobs that failed */
	uint32		nrows;			/* live and dead; 0 while sealing */
	uint32		ndead;			/* as of the last VACUUM */
	uint32		npages;			/* blocks it owns, header included */
	uint64		retired;		/* FullTransactionId, when retired */
	int64		created;		/* TimestampTz */
	uint32		sqlstate;		/* of the last of them */
	uint32		tried;			/* when: seconds since 2000, 0 never */
} SegmentDescriptor;

StaticAssertDecl(sizeof(SegmentDescriptor) == 48, "on-disk format");

#define MANIFEST_META_SLOTS 64

typedef struct MetaPage
{
	uint32		magic;
	uint16		format;
	uint8		am;
	uint8		metric;
	uint8		element;
	uint8		bits;
	uint8		nlanes;
	uint8		reserved1;
	uint32		dim;
	uint64		seed;
	uint32		next_segment_id;
	uint32		high_water;
	uint32		growing_id;
	uint32		growing_header;
	uint32		spare_start;
	uint32		spare_npages;
	uint32		free_head;
	uint32		free_tail;
	uint32		centre_start;
	uint32		centre_npages;
	uint32		desc_head;
	uint32		desc_tail;
	uint32		npending;
	uint32		reserved2;
	uint64		generation;
	int64		created;
	SegmentDescriptor slots[MANIFEST_META_SLOTS];
} MetaPage;

StaticAssertDecl(offsetof(MetaPage, slots) == 96, "on-disk format");
StaticAssertDecl(sizeof(MetaPage) <= PAGE_CONTENT_SIZE, "fits a page");

#define MANIFEST_PAGE_SLOTS \
	((PAGE_CONTENT_SIZE - 8) / sizeof(SegmentDescriptor))

typedef struct DescriptorPage
{
	uint32		next;
	uint32		reserved;
	SegmentDescriptor slots[MANIFEST_PAGE_SLOTS];
} DescriptorPage;

StaticAssertDecl(sizeof(DescriptorPage) <= PAGE_CONTENT_SIZE, "fits a page");

#define CENTRE_FLOATS_PER_PAGE (PAGE_CONTENT_SIZE / sizeof(float4))

static inline MetaPage *
meta_page(Page page)
{
	return (MetaPage *) page_content(page);
}

static inline DescriptorPage *
descriptor_page(Page page)
{
	return (DescriptorPage *) page_content(page);
}

#endif							/* VDB_MANIFEST_PAGE_H */
