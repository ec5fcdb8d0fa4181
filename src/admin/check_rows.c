/*-------------------------------------------------------------------------
 *
 * check_rows.c
 *	  Verification of the rows of an index against its table.
 *
 * For each row that is not dead, and whose heap tuple this transaction can
 * see, the vector is encoded again: class, code and factors must be those of
 * the index, which proves the bound that searches hand out.  Then every
 * visible heap row must have been met exactly once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/heapam.h"
#include "access/tableam.h"
#include "admin/check.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "graph/row_code.h"
#include "miscadmin.h"
#include "quant/quant.h"
#include "type/vector.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* Missing rows are named up to this number. */
#define MAX_MISSING_REPORTED 20

typedef struct RowChecker
{
	CheckState *state;
	QuantSpace *space;
	SegmentReader *reader;
	IndexInfo  *index_info;
	EState	   *estate;
	ExprState  *predicate;
	TupleTableSlot *slot;
	IndexFetchTableData *fetch;
	Snapshot	snapshot;
	MemoryContext row_context;
	uint8	   *code;			/* as encoded again */
	PGAlignedBlock coarse;		/* coarse code of a row of planes */
	ItemPointerData *seen;		/* heap tuples found through the index */
	uint64		nseen;
	uint64		seen_capacity;
} RowChecker;

/* A row as the index has it. */
typedef struct IndexedRow
{
	BlockNumber blkno;
	uint32		number;
	ItemPointerData tid;
	RowClass	class;
	const uint8 *code;
	const uint8 *coarse;		/* coarse plane; NULL: code is made of it */
	RowFactors	factors;		/* of the full code */
	RowFactors	coarse_factors;
} IndexedRow;

static void checker_begin(RowChecker *checker, CheckState *state);
static void checker_end(RowChecker *checker);
static void check_rows_segment(RowChecker *checker);
static void check_rows_page(RowChecker *checker, Page page, uint32 number);
static void check_planes_segment(RowChecker *checker);
static bool check_planes_row(RowChecker *checker, uint32 row, uint8 *code,
							 IndexedRow *indexed);
static bool check_planes_code(RowChecker *checker, uint32 row, uint8 *code,
							  IndexedRow *indexed);
static bool check_fine(RowChecker *checker, uint32 row, uint8 *code,
					   IndexedRow *indexed);
static bool check_node_code(RowChecker *checker, uint32 row, uint8 *code,
							IndexedRow *indexed);
static bool check_row_node(RowChecker *checker, uint32 row, uint32 *node);
static void check_join(RowChecker *checker, const uint8 *coarse,
					   const uint8 *fine, const RowFactors *coarse_factors,
					   float radius, uint8 *code, RowFactors *factors);
static void check_row(RowChecker *checker, const IndexedRow *indexed);
static void check_row_code(RowChecker *checker, const IndexedRow *indexed);
static bool check_factors(RowChecker *checker, const IndexedRow *indexed,
						  const RowFactors *factors);
static bool factors_agree(const RowFactors *a, const RowFactors *b);
static bool floats_agree(float a, float b);
static void check_completeness(RowChecker *checker);
static int	compare_tids(const void *a, const void *b);

void
check_rows(CheckState *state)
{
	RowChecker	checker = {0};

	checker_begin(&checker, state);
	for (int i = 0; i < state->manifest->nsegments; i++)
	{
		const SegmentInfo *info = &state->manifest->segments[i];

		if (info->state == SEGMENT_BUILDING || info->state == SEGMENT_RETIRED)
			continue;
		checker.reader = segment_open(state->index, &state->manifest->identity,
									  info);
		if (info->kind == SEGMENT_ROWS)
			check_rows_segment(&checker);
		else
			check_planes_segment(&checker);
		if (info->kind == SEGMENT_GRAPH)
			check_graph(state, checker.reader, checker.space);
		segment_close(checker.reader);
	}
	check_completeness(&checker);
	checker_end(&checker);
}

static void
checker_begin(RowChecker *checker, CheckState *state)
{
	const IndexIdentity *identity = &state->manifest->identity;

	checker->state = state;
	checker->space = quant_space_create(identity->dim, identity->metric,
										identity->bits, identity->seed,
										manifest_read_centre(state->index,
															 state->manifest));
	checker->index_info = BuildIndexInfo(state->index);
	checker->estate = CreateExecutorState();
	checker->predicate = ExecPrepareQual(checker->index_info->ii_Predicate,
										 checker->estate);
	checker->slot = table_slot_create(state->heap, NULL);
	GetPerTupleExprContext(checker->estate)->ecxt_scantuple = checker->slot;
	checker->fetch = table_index_fetch_begin(state->heap);
	checker->snapshot = GetActiveSnapshot();
	checker->row_context = AllocSetContextCreate(CurrentMemoryContext,
												 "vectordb check row",
												 ALLOCSET_DEFAULT_SIZES);
	checker->code = palloc0(checker->space->row_bytes);
	checker->seen_capacity = 1024;
	checker->seen = palloc(sizeof(ItemPointerData) * checker->seen_capacity);
}

static void
checker_end(RowChecker *checker)
{
	table_index_fetch_end(checker->fetch);
	ExecDropSingleTupleTableSlot(checker->slot);
	FreeExecutorState(checker->estate);
	MemoryContextDelete(checker->row_context);
	pfree(checker->seen);
}

/* ----------------------------------------------------------------------
 * Rows as they came
 * ----------------------------------------------------------------------
 */

static void
check_rows_segment(RowChecker *checker)
{
	SegmentReader *reader = checker->reader;
	uint32		npartial = 0;

	for (uint32 page = 0; page < reader->npages; page++)
	{
		BlockNumber blkno = segment_block(reader, page);
		PGAlignedBlock copy;
		Buffer		buffer;
		uint32		used;

		CHECK_FOR_INTERRUPTS();
		buffer = check_read(checker->state, blkno, PAGE_ROWS, reader->id);
		if (!BufferIsValid(buffer))
			continue;
		memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
		UnlockReleaseBuffer(buffer);

		used = page_content_used(copy.data);
		if (page_stamp(copy.data)->ordinal != page)
			check_report(checker->state, reader->id, blkno,
						 "the page has number %u, not %u",
						 page_stamp(copy.data)->ordinal, page);
		if (used % reader->shape.coarse_size != 0 ||
			used > reader->shape.coarse_size * reader->shape.rows_per_page)
		{
			check_report(checker->state, reader->id, blkno,
						 "%u bytes in use are no number of rows", used);
			continue;
		}
		if (used < reader->shape.coarse_size * reader->shape.rows_per_page)
			npartial++;
		check_rows_page(checker, copy.data, page);
	}
	if (npartial > MANIFEST_MAX_LANES)
		check_report(checker->state, reader->id, InvalidBlockNumber,
					 "%u pages are not full", npartial);
}

static void
check_rows_page(RowChecker *checker, Page page, uint32 number)
{
	const SegmentShape *shape = &checker->reader->shape;
	uint32		nrows = rows_page_count(shape, page);
	bool		special = (page_stamp(page)->flags & ROWS_SPECIAL) != 0;
	uint8	   *code = palloc0(checker->space->row_bytes);

	for (uint32 i = 0; i < nrows; i++)
	{
		CoarseSlot *coarse = rows_page_coarse(shape, page, i);
		FineSlot   *fine = rows_page_fine(shape, page, i);
		IndexedRow	row = {0};

		row.blkno = segment_block(checker->reader, number);
		row.number = number * shape->rows_per_page + i;
		if (fine->class != ROW_BOUNDED && !special)
			check_report(checker->state, checker->reader->id, row.blkno,
						 "row %u has class %u, the page is not marked so",
						 row.number, fine->class);
		if ((fine->flags & ROW_DEAD) != 0)
			continue;
		row.tid = fine->tid;
		row.class = fine->class;
		row.code = code;
		row.coarse_factors = coarse->factors;
		if (fine->class == ROW_BOUNDED)
			check_join(checker, coarse->code, fine->code, &coarse->factors,
					   fine->radius, code, &row.factors);
		check_row(checker, &row);
	}
	pfree(code);
}

/* ----------------------------------------------------------------------
 * Planes
 * ----------------------------------------------------------------------
 */

static void
check_planes_segment(RowChecker *checker)
{
	SegmentReader *reader = checker->reader;
	uint8	   *dead = segment_read_dead(reader);
	uint8	   *code = palloc0(checker->space->row_bytes);
	uint32		ndead = 0;

	for (uint32 row = 0; row < reader->nrows; row++)
	{
		IndexedRow	indexed;

		CHECK_FOR_INTERRUPTS();
		if ((dead[row / 8] >> (row % 8)) & 1)
		{
			ndead++;
			continue;
		}
		if (check_planes_row(checker, row, code, &indexed))
			check_row(checker, &indexed);
	}
	for (int i = 0; i < checker->state->manifest->nsegments; i++)
	{
		const SegmentInfo *info = &checker->state->manifest->segments[i];

		/* Marks are logged before they are counted: the count may lag. */
		if (info->id == reader->id &&
			(info->nrows != reader->nrows || info->ndead > ndead))
			check_report(checker->state, reader->id, info->header,
						 "the segment has %u rows, %u dead; the manifest says %u, %u",
						 reader->nrows, ndead, info->nrows, info->ndead);
	}
	pfree(code);
	pfree(dead);
}

/* Put one row together from its pages; false when one of them is damaged. */
static bool
check_planes_row(RowChecker *checker, uint32 row, uint8 *code,
				 IndexedRow *indexed)
{
	SegmentReader *reader = checker->reader;
	Buffer		buffer;

	memset(indexed, 0, sizeof(IndexedRow));
	indexed->number = row;
	indexed->code = code;
	while (row >= reader->class_first[indexed->class + 1])
		indexed->class++;

	indexed->blkno = segment_block(reader, reader->area_start[AREA_TIDS] +
								   row / TIDS_PER_PAGE);
	buffer = check_read(checker->state, indexed->blkno, PAGE_TIDS, reader->id);
	if (!BufferIsValid(buffer))
		return false;
	indexed->tid = *tids_page_tid(BufferGetPage(buffer), row % TIDS_PER_PAGE);
	UnlockReleaseBuffer(buffer);
	return indexed->class != ROW_BOUNDED ||
		check_planes_code(checker, row, code, indexed);
}

/* Code and factors of a bounded row, wherever the segment has them. */
static bool
check_planes_code(RowChecker *checker, uint32 row, uint8 *code,
				  IndexedRow *indexed)
{
	SegmentReader *reader = checker->reader;
	const SegmentShape *shape = &reader->shape;
	uint8	   *coarse = (uint8 *) checker->coarse.data;
	uint32		i = row % shape->coarse_rows_per_page;
	Buffer		buffer;
	Page		page;

	indexed->blkno = segment_block(reader, reader->area_start[AREA_COARSE] +
								   row / shape->coarse_rows_per_page);
	buffer = check_read(checker->state, indexed->blkno, PAGE_COARSE,
						reader->id);
	if (!BufferIsValid(buffer))
		return false;
	page = BufferGetPage(buffer);
	memcpy(coarse, coarse_page_codes(shape, page) +
		   (Size) i * shape->plane_bytes, shape->plane_bytes);
	indexed->coarse_factors.scale = coarse_page_scale(shape, page)[i];
	indexed->coarse_factors.norm_sq = coarse_page_norm_sq(shape, page)[i];
	indexed->coarse_factors.radius = coarse_page_radius(shape, page)[i];
	UnlockReleaseBuffer(buffer);

	if (graph_has_row_codes(reader))
		return check_node_code(checker, row, code, indexed);
	if (reader->has_fine)
		return check_fine(checker, row, code, indexed);
	check_join(checker, coarse, NULL, &indexed->coarse_factors, 0, code,
			   &indexed->factors);
	return true;
}

/* The other half of the code is in the fine plane. */
static bool
check_fine(RowChecker *checker, uint32 row, uint8 *code, IndexedRow *indexed)
{
	SegmentReader *reader = checker->reader;
	const SegmentShape *shape = &reader->shape;
	uint32		i = row % shape->fine_rows_per_page;
	BlockNumber blkno = segment_block(reader, reader->area_start[AREA_FINE] +
									  row / shape->fine_rows_per_page);
	Buffer		buffer = check_read(checker->state, blkno, PAGE_FINE,
									reader->id);

	if (!BufferIsValid(buffer))
		return false;
	check_join(checker, (uint8 *) checker->coarse.data,
			   fine_page_codes(shape, BufferGetPage(buffer)) +
			   (Size) i * shape->plane_bytes, &indexed->coarse_factors,
			   fine_page_radius(shape, BufferGetPage(buffer))[i], code,
			   &indexed->factors);
	UnlockReleaseBuffer(buffer);
	return true;
}

/* The whole code is in the row's node. */
static bool
check_node_code(RowChecker *checker, uint32 row, uint8 *code,
				IndexedRow *indexed)
{
	SegmentReader *reader = checker->reader;
	uint32		row_bytes = checker->space->row_bytes;
	const GraphNode *node;
	Buffer		buffer;
	uint32		number;

	if (!check_row_node(checker, row, &number))
		return false;
	indexed->blkno = segment_node_block(reader, number);
	if (reader->node_bytes < offsetof(GraphNode, data) + row_bytes)
	{
		check_report(checker->state, reader->id, indexed->blkno,
					 "nodes of %u bytes have no room for their codes",
					 reader->node_bytes);
		return false;
	}
	buffer = check_read(checker->state, indexed->blkno, PAGE_NODES,
						reader->id);
	if (!BufferIsValid(buffer))
		return false;
	node = segment_node_pointer(reader, BufferGetPage(buffer), number);
	memcpy(code, graph_node_code(node), row_bytes);
	indexed->factors = node->factors;
	indexed->coarse = (uint8 *) checker->coarse.data;
	UnlockReleaseBuffer(buffer);
	return true;
}

/* Node of a row, from the owners if it is a copy. */
static bool
check_row_node(RowChecker *checker, uint32 row, uint32 *node)
{
	SegmentReader *reader = checker->reader;
	uint32		copy = row - reader->nnodes;
	BlockNumber blkno;
	Buffer		buffer;

	*node = row;
	if (row < reader->nnodes)
		return true;
	blkno = segment_block(reader, reader->area_start[AREA_OWNERS] +
						  copy / OWNERS_PER_PAGE);
	buffer = check_read(checker->state, blkno, PAGE_OWNERS, reader->id);
	if (!BufferIsValid(buffer))
		return false;
	*node = *owners_page_node(BufferGetPage(buffer), copy % OWNERS_PER_PAGE);
	UnlockReleaseBuffer(buffer);
	if (*node < reader->nnodes)
		return true;
	check_report(checker->state, reader->id, blkno,
				 "row %u belongs to node %u of %u", row, *node,
				 reader->nnodes);
	return false;
}

/* The row code and its factors from the planes of a row. */
static void
check_join(RowChecker *checker, const uint8 *coarse, const uint8 *fine,
		   const RowFactors *coarse_factors, float radius, uint8 *code,
		   RowFactors *factors)
{
	if (checker->space->bits == 8)
	{
		quant_join(checker->space, coarse, fine, coarse_factors->scale,
				   radius, code, factors);
		return;
	}
	memcpy(code, coarse, checker->space->plane_bytes);
	*factors = *coarse_factors;
}

/* ----------------------------------------------------------------------
 * Against the table
 * ----------------------------------------------------------------------
 */

static void
check_row(RowChecker *checker, const IndexedRow *indexed)
{
	bool		call_again = false;
	ItemPointerData tid = indexed->tid;
	MemoryContext old;

	if (!row_tid_is_sound(&tid) || indexed->class > ROW_NULL)
	{
		check_report(checker->state, checker->reader->id, indexed->blkno,
					 "row %u has heap address (%u,%u) and class %d",
					 indexed->number, ItemPointerGetBlockNumberNoCheck(&tid),
					 ItemPointerGetOffsetNumberNoCheck(&tid),
					 (int) indexed->class);
		return;
	}
	if (ItemPointerGetBlockNumber(&tid) >=
		RelationGetNumberOfBlocks(checker->state->heap))
	{
		check_report(checker->state, checker->reader->id, indexed->blkno,
					 "row %u points behind the end of the table",
					 indexed->number);
		return;
	}
	if (!table_index_fetch_tuple(checker->fetch, &tid, checker->snapshot,
								 checker->slot, &call_again, NULL))
		return;

	if (checker->nseen == checker->seen_capacity)
	{
		checker->seen_capacity *= 2;
		checker->seen = repalloc_huge(checker->seen,
									  sizeof(ItemPointerData) *
									  checker->seen_capacity);
	}
	checker->seen[checker->nseen++] = checker->slot->tts_tid;

	old = MemoryContextSwitchTo(checker->row_context);
	check_row_code(checker, indexed);
	MemoryContextSwitchTo(old);
	MemoryContextReset(checker->row_context);
}

static void
check_row_code(RowChecker *checker, const IndexedRow *indexed)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	RowClass	class = ROW_NULL;
	RowFactors	factors = {0};

	ResetPerTupleExprContext(checker->estate);
	FormIndexDatum(checker->index_info, checker->slot, checker->estate,
				   values, nulls);
	if (!nulls[0])
	{
		Vector	   *vector = DatumGetVector(values[0]);

		if (vector->dim != checker->space->dim)
		{
			check_report(checker->state, checker->reader->id, indexed->blkno,
						 "row %u belongs to a vector of %d dimensions",
						 indexed->number, vector->dim);
			return;
		}
		class = quant_encode(checker->space, vector->x, checker->code,
							 &factors);
	}

	if (class != indexed->class)
		check_report(checker->state, checker->reader->id, indexed->blkno,
					 "row %u has class %d, its vector gives %d",
					 indexed->number, (int) indexed->class, (int) class);
	else if (class == ROW_BOUNDED &&
			 (memcmp(checker->code, indexed->code,
					 checker->space->row_bytes) != 0 ||
			  !check_factors(checker, indexed, &factors)))
		check_report(checker->state, checker->reader->id, indexed->blkno,
					 "row %u has another code than its vector gives",
					 indexed->number);
}

/*
 * Are the factors those that the row's vector gives?  The coarse plane has
 * some of its own, which the full code does not tell; and where the full code
 * was not made of it, the plane itself is compared too.
 */
static bool
check_factors(RowChecker *checker, const IndexedRow *indexed,
			  const RowFactors *factors)
{
	const QuantSpace *space = checker->space;
	RowFactors	coarse_factors;
	uint8	   *coarse;

	if (!factors_agree(factors, &indexed->factors))
		return false;
	if (space->bits != 8)
		return true;
	coarse = palloc(space->plane_bytes);
	quant_split(space, checker->code, factors, coarse,
				palloc(space->plane_bytes), &coarse_factors);
	return factors_agree(&coarse_factors, &indexed->coarse_factors) &&
		(indexed->coarse == NULL ||
		 memcmp(coarse, indexed->coarse, space->plane_bytes) == 0);
}

static bool
factors_agree(const RowFactors *a, const RowFactors *b)
{
	return floats_agree(a->scale, b->scale) &&
		floats_agree(a->norm_sq, b->norm_sq) &&
		floats_agree(a->radius, b->radius);
}

/* Factors may differ in the last bits between compilers, not more. */
static bool
floats_agree(float a, float b)
{
	return a == b || fabsf(a - b) <= 1e-5f * (fabsf(a) + fabsf(b));
}

/*
 * Every heap row that the snapshot sees, and the predicate of the index
 * accepts, has been met once.
 */
static void
check_completeness(RowChecker *checker)
{
	CheckState *state = checker->state;
	TableScanDesc scan;
	uint64		nmissing = 0;

	qsort(checker->seen, checker->nseen, sizeof(ItemPointerData),
		  compare_tids);
	for (uint64 i = 1; i < checker->nseen; i++)
	{
		if (ItemPointerEquals(&checker->seen[i - 1], &checker->seen[i]))
			check_report(state, 0, InvalidBlockNumber,
						 "heap row (%u,%u) is in the index twice",
						 ItemPointerGetBlockNumber(&checker->seen[i]),
						 ItemPointerGetOffsetNumber(&checker->seen[i]));
	}

	scan = table_beginscan(state->heap, checker->snapshot, 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, checker->slot))
	{
		ItemPointer tid = &checker->slot->tts_tid;

		CHECK_FOR_INTERRUPTS();
		ResetPerTupleExprContext(checker->estate);
		if (checker->predicate != NULL &&
			!ExecQual(checker->predicate,
					  GetPerTupleExprContext(checker->estate)))
			continue;
		if (bsearch(tid, checker->seen, checker->nseen,
					sizeof(ItemPointerData), compare_tids) != NULL)
			continue;
		if (nmissing++ < MAX_MISSING_REPORTED)
			check_report(state, 0, InvalidBlockNumber,
						 "heap row (%u,%u) is not in the index",
						 ItemPointerGetBlockNumber(tid),
						 ItemPointerGetOffsetNumber(tid));
	}
	table_endscan(scan);
	if (nmissing > MAX_MISSING_REPORTED)
		check_report(state, 0, InvalidBlockNumber,
					 UINT64_FORMAT " heap rows are not in the index",
					 nmissing);
}

static int
compare_tids(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) a, (ItemPointer) b);
}
