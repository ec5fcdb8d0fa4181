/*-------------------------------------------------------------------------
 *
 * segment.c
 *	  Reading segments: from rows and areas to blocks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/lifecycle.h"
#include "storage/segment.h"
#include "utils/memutils.h"

static void segment_check_header(Relation index, const SegmentInfo *info,
								 const SegmentHeader *header, Page page);
static void segment_set_runs(SegmentReader *reader,
							 const SegmentHeader *header,
							 BlockNumber header_blkno);
static void segment_set_planes(SegmentReader *reader,
							   const SegmentHeader *header,
							   BlockNumber blkno);
static void segment_set_graph(SegmentReader *reader,
							  const SegmentHeader *header,
							  BlockNumber blkno);
static void segment_set_areas(SegmentReader *reader,
							  const SegmentHeader *header,
							  BlockNumber blkno);
static uint64 segment_area_length(const SegmentReader *reader,
								  SegmentArea area);

SegmentShape
segment_shape(uint32 dim, int bits)
{
	SegmentShape shape;

	shape.plane_bytes = (dim + 1) / 2;
	shape.fine_bytes = bits == 8 ? shape.plane_bytes : 0;
	shape.coarse_size = TYPEALIGN(4, offsetof(CoarseSlot, code) +
								  shape.plane_bytes);
	shape.fine_size = TYPEALIGN(4, offsetof(FineSlot, code) +
								shape.fine_bytes);
	shape.rows_per_page = PAGE_CONTENT_SIZE /
		(shape.coarse_size + shape.fine_size);
	shape.coarse_rows_per_page = PAGE_CONTENT_SIZE /
		(3 * sizeof(float) + shape.plane_bytes);
	shape.fine_rows_per_page = bits == 8 ?
		PAGE_CONTENT_SIZE / (sizeof(float) + shape.plane_bytes) : 0;
	Assert(shape.rows_per_page > 0 && shape.coarse_rows_per_page > 0);
	return shape;
}

BlockNumber
segment_header_block(Relation index, BlockNumber blkno,
					 const SegmentHeader *header, uint32 page)
{
	uint32		rest = page;

	for (uint32 i = 0; i < header->nruns && i < SEGMENT_MAX_RUNS; i++)
	{
		if (rest < header->runs[i].npages)
			return header->runs[i].start + rest;
		rest -= header->runs[i].npages;
	}
	page_report_damage(index, blkno,
					   psprintf("The segment has no page %u.", page));
	return InvalidBlockNumber;	/* keep the compiler quiet */
}

void
segment_header_set_used(Page page)
{
	page_set_content_used(page, offsetof(SegmentHeader, runs) +
						  segment_header(page)->nruns * sizeof(SegmentRun));
}

bool
segment_header_add_run(SegmentHeader *header, SegmentRun run)
{
	SegmentRun *last = header->nruns > 0 ?
	&header->runs[header->nruns - 1] : NULL;

	if (last != NULL && last->start + last->npages == run.start)
		last->npages += run.npages;
	else if (header->nruns < SEGMENT_MAX_RUNS)
		header->runs[header->nruns++] = run;
	else
		return false;
	header->npages_owned += run.npages;
	return true;
}

SegmentReader *
segment_open(Relation index, const IndexIdentity *identity,
			 const SegmentInfo *info)
{
	SegmentReader *reader = palloc0(sizeof(SegmentReader));
	Buffer		buffer = page_read(index, info->header, PAGE_SEGMENT, info->id,
								   BUFFER_LOCK_SHARE);
	SegmentHeader *header = segment_header(BufferGetPage(buffer));

	segment_check_header(index, info, header, BufferGetPage(buffer));
	reader->index = index;
	reader->shape = segment_shape(identity->dim, identity->bits);
	reader->id = info->id;
	reader->state = header->state;
	reader->kind = header->kind;
	reader->npages = header->npages_used;
	segment_set_runs(reader, header, info->header);
	if (segment_has_planes(reader->kind))
	{
		segment_set_planes(reader, header, info->header);
		if (reader->kind == SEGMENT_GRAPH)
			segment_set_graph(reader, header, info->header);
		segment_set_areas(reader, header, info->header);
	}
	UnlockReleaseBuffer(buffer);
	return reader;
}

void
segment_close(SegmentReader *reader)
{
	pfree(reader->runs);
	pfree(reader->run_first);
	pfree(reader);
}

BlockNumber
segment_block(const SegmentReader *reader, uint32 page)
{
	uint32		low = 0;
	uint32		high = reader->nruns;

	Assert(page < reader->npages);
	while (high - low > 1)
	{
		uint32		middle = (low + high) / 2;

		if (reader->run_first[middle] <= page)
			low = middle;
		else
			high = middle;
	}
	return reader->runs[low].start + (page - reader->run_first[low]);
}

Buffer
segment_read_rows(const SegmentReader *reader, uint32 page)
{
	Buffer		buffer = segment_pin_rows(reader, page);

	segment_lock_rows(reader, buffer);
	return buffer;
}

Buffer
segment_pin_rows(const SegmentReader *reader, uint32 page)
{
	return page_pin_ahead(reader->index, segment_block(reader, page));
}

void
segment_lock_rows(const SegmentReader *reader, Buffer buffer)
{
	page_lock(reader->index, buffer, PAGE_ROWS, reader->id,
			  BUFFER_LOCK_SHARE);
	if (unlikely(rows_page_count(&reader->shape, BufferGetPage(buffer)) >
				 reader->shape.rows_per_page))
		page_report_damage(reader->index, BufferGetBlockNumber(buffer),
						   "The page holds more rows than fit.");
}

uint32
segment_area_rows(const SegmentReader *reader, SegmentArea area)
{
	switch (area)
	{
		case AREA_COARSE:
			return reader->shape.coarse_rows_per_page;
		case AREA_FINE:
			return reader->has_fine ? reader->shape.fine_rows_per_page : 0;
		case AREA_TIDS:
			return TIDS_PER_PAGE;
		case AREA_DEAD:
			return DEAD_BITS_PER_PAGE;
		case AREA_NODES:
			return reader->nodes_per_page;
		case AREA_OWNERS:
			return OWNERS_PER_PAGE;
		case AREA_GRAPH:
			return PAGE_CONTENT_SIZE;
	}
	return 0;
}

uint32
segment_area_pages(const SegmentReader *reader, SegmentArea area)
{
	uint32		end = area == SEGMENT_NAREAS - 1 ? reader->npages :
	reader->area_start[area + 1];

	return end - reader->area_start[area];
}

Buffer
segment_pin_area(const SegmentReader *reader, SegmentArea area, uint32 row,
				 bool *locked)
{
	static const PageKind kinds[SEGMENT_NAREAS] = {PAGE_COARSE, PAGE_FINE,
	PAGE_TIDS, PAGE_DEAD, PAGE_NODES, PAGE_OWNERS, PAGE_GRAPH};
	uint32		page = reader->area_start[area] +
	row / segment_area_rows(reader, area);

	return page_pin(reader->index, segment_block(reader, page), kinds[area],
					reader->id, locked);
}

uint8 *
segment_read_dead(const SegmentReader *reader)
{
	uint32		nbytes = (reader->nrows + 7) / 8;
	uint32		npages = segment_area_pages(reader, AREA_DEAD);
	uint8	   *dead = palloc(Max(nbytes, 1));

	for (uint32 i = 0; i < npages; i++)
	{
		uint32		first = i * PAGE_CONTENT_SIZE;
		Buffer		buffer;

		buffer = page_read(reader->index,
						   segment_block(reader,
										 reader->area_start[AREA_DEAD] + i),
						   PAGE_DEAD, reader->id, BUFFER_LOCK_SHARE);
		memcpy(dead + first, page_content(BufferGetPage(buffer)),
			   Min(nbytes - first, PAGE_CONTENT_SIZE));
		UnlockReleaseBuffer(buffer);
	}
	return dead;
}

/*
 * The dead bit is read after the heap address, at the moment the row is
 * handed out (rule 13): a row that VACUUM removed before this transaction's
 * snapshot was taken has its bit set by now, so an address that has been used
 * again for another row since is never handed out for the old one.
 */
bool
segment_row_live(const SegmentReader *reader, uint32 row, ItemPointer tid)
{
	bool		locked;
	Buffer		buffer;

	buffer = segment_pin_area(reader, AREA_TIDS, row, &locked);
	*tid = *tids_page_tid(BufferGetPage(buffer), row % TIDS_PER_PAGE);
	page_unpin(buffer, locked);
	return !segment_row_dead(reader, row);
}

bool
segment_row_dead(const SegmentReader *reader, uint32 row)
{
	bool		dead;
	Buffer		buffer;

	buffer = page_read(reader->index,
					   segment_block(reader, reader->area_start[AREA_DEAD] +
									 row / DEAD_BITS_PER_PAGE),
					   PAGE_DEAD, reader->id, BUFFER_LOCK_SHARE);
	dead = dead_page_test(BufferGetPage(buffer), row % DEAD_BITS_PER_PAGE);
	UnlockReleaseBuffer(buffer);
	return dead;
}

uint32
segment_row_node(const SegmentReader *reader, uint32 row)
{
	Buffer		buffer;
	bool		locked;
	uint32		copy = row - reader->nnodes;
	uint32		node;

	Assert(row < reader->class_first[ROW_BOUNDED + 1]);
	if (row < reader->nnodes)
		return row;

	buffer = segment_pin_area(reader, AREA_OWNERS, copy, &locked);
	node = *owners_page_node(BufferGetPage(buffer), copy % OWNERS_PER_PAGE);
	page_unpin(buffer, locked);
	if (node >= reader->nnodes)
		page_report_damage(reader->index,
						   segment_block(reader,
										 reader->area_start[AREA_OWNERS] +
										 copy / OWNERS_PER_PAGE),
						   "A row belongs to a node that does not exist.");
	return node;
}

void *
segment_read_graph(const SegmentReader *reader)
{
	char	   *bytes = palloc(Max(reader->graph_bytes, 1));
	uint32		done = 0;

	while (done < reader->graph_bytes)
	{
		uint32		n = Min(reader->graph_bytes - done, PAGE_CONTENT_SIZE);
		Buffer		buffer;
		bool		locked;

		buffer = segment_pin_area(reader, AREA_GRAPH, done, &locked);
		memcpy(bytes + done, page_content(BufferGetPage(buffer)), n);
		page_unpin(buffer, locked);
		done += n;
	}
	return bytes;
}

/* Sizes from the page are not used before they are known to be possible. */
static void
segment_check_header(Relation index, const SegmentInfo *info,
					 const SegmentHeader *header, Page page)
{
	uint64		npages = 0;

	if (header->id != info->id)
		page_report_damage(index, info->header,
						   "The segment header has another segment's number.");
	if (header->kind != info->kind)
		page_report_damage(index, info->header,
						   "The segment header has another kind than the manifest.");
	if (header->nruns > SEGMENT_MAX_RUNS ||
		page_content_used(page) < offsetof(SegmentHeader, runs) +
		header->nruns * sizeof(SegmentRun))
		page_report_damage(index, info->header,
						   "The table of runs is longer than the page.");
	for (uint32 i = 0; i < header->nruns; i++)
		npages += header->runs[i].npages;
	if (npages != header->npages_owned ||
		header->npages_used > header->npages_owned)
		page_report_damage(index, info->header,
						   "The runs do not add up to the pages in use.");
}

static void
segment_set_runs(SegmentReader *reader, const SegmentHeader *header,
				 BlockNumber header_blkno)
{
	uint32		first = 0;
	Size		n = Max(header->nruns, 1);
	BlockNumber nblocks = RelationGetNumberOfBlocks(reader->index);

	reader->nruns = header->nruns;
	reader->runs = palloc(n * sizeof(SegmentRun));
	reader->run_first = palloc(n * sizeof(uint32));
	for (uint32 i = 0; i < header->nruns; i++)
	{
		reader->runs[i] = header->runs[i];
		reader->run_first[i] = first;
		first += header->runs[i].npages;
		/* Pages in use exist; others may be missing after a crash. */
		if (first <= header->npages_used &&
			(uint64) header->runs[i].start + header->runs[i].npages > nblocks)
			page_report_damage(reader->index, header_blkno,
							   "A run of the segment lies beyond the end of the index.");
	}
}

static void
segment_set_planes(SegmentReader *reader, const SegmentHeader *header,
				   BlockNumber blkno)
{
	uint64		nrows = 0;

	for (int i = 0; i < 4; i++)
	{
		reader->class_first[i] = nrows;
		nrows += header->class_rows[i];
	}
	reader->class_first[4] = reader->nrows = nrows;
	reader->has_fine = (header->flags & SEGMENT_HAS_FINE) != 0;
	if (nrows > PG_UINT32_MAX)
		page_report_damage(reader->index, blkno,
						   "The segment has too many rows.");
	if (reader->has_fine ? reader->shape.fine_rows_per_page == 0 :
		reader->shape.fine_rows_per_page > 0 && reader->kind == SEGMENT_PLANES)
		page_report_damage(reader->index, blkno,
						   "The segment has other planes than the index.");
}

static void
segment_set_graph(SegmentReader *reader, const SegmentHeader *header,
				  BlockNumber blkno)
{
	uint32		nbounded = reader->class_first[ROW_BOUNDED + 1];

	if (header->nnodes > nbounded || (header->nnodes == 0 && nbounded > 0) ||
		!AllocSizeIsValid(header->graph_bytes))
		page_report_damage(reader->index, blkno,
						   "The graph of the segment is not that of its rows.");
	if (header->nodes_per_page == 0 || header->node_bytes == 0 ||
		header->node_bytes % sizeof(uint32) != 0 ||
		header->node_bytes > PAGE_CONTENT_SIZE / header->nodes_per_page)
		page_report_damage(reader->index, blkno,
						   "The nodes of the segment do not fit their pages.");
	reader->nnodes = header->nnodes;
	reader->ncopies = nbounded - header->nnodes;
	reader->node_bytes = header->node_bytes;
	reader->nodes_per_page = header->nodes_per_page;
	reader->graph_bytes = header->graph_bytes;
}

/* Where the areas begin: each has the pages that its contents need. */
static void
segment_set_areas(SegmentReader *reader, const SegmentHeader *header,
				  BlockNumber blkno)
{
	for (int i = 0; i < SEGMENT_NAREAS; i++)
		reader->area_start[i] = header->area_start[i];

	for (int i = 0; i < SEGMENT_NAREAS; i++)
	{
		uint64		length = segment_area_length(reader, i);
		uint64		per_page = segment_area_rows(reader, i);
		uint64		end = i == SEGMENT_NAREAS - 1 ? reader->npages :
		header->area_start[i + 1];

		if (end > reader->npages || end < header->area_start[i] ||
			end - header->area_start[i] !=
			(per_page == 0 ? 0 : (length + per_page - 1) / per_page))
			page_report_damage(reader->index, blkno,
							   "The areas of the segment do not hold its rows.");
	}
}

/* What an area holds, in units of segment_area_rows(). */
static uint64
segment_area_length(const SegmentReader *reader, SegmentArea area)
{
	switch (area)
	{
		case AREA_COARSE:
		case AREA_FINE:
			return reader->class_first[ROW_BOUNDED + 1];
		case AREA_TIDS:
		case AREA_DEAD:
			return reader->nrows;
		case AREA_NODES:
			return reader->nnodes;
		case AREA_OWNERS:
			return reader->ncopies;
		case AREA_GRAPH:
			return reader->graph_bytes;
	}
	return 0;
}
