/*-------------------------------------------------------------------------
 *
 * check_graph.c
 *	  Verification of the graph of a segment.
 *
 * Every node is looked at, dead ones too, since searches pass through them:
 * its neighbours exist and differ, what it says of its row is what planes and
 * heap addresses say, its copies are those that the owners name.  Then every
 * node must be reachable from the entries.  Memory: three bits a node.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "admin/check.h"
#include "graph/info.h"
#include "graph/node.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"

/* Problems of one segment's graph that are named. */
#define MAX_GRAPH_PROBLEMS 20

typedef struct GraphChecker
{
	CheckState *state;
	const SegmentReader *reader;
	const QuantSpace *space;
	GraphInfo  *info;
	GraphShape	shape;
	uint32		nproblems;
	uint32		next_copy;		/* first row that no node has claimed */
	bool		links_sound;	/* neighbours can be followed */
	uint8	   *coarse;			/* plane_bytes each */
	uint8	   *fine;
} GraphChecker;

static bool check_graph_info(GraphChecker *checker);
static bool check_info_numbers(GraphChecker *checker, BlockNumber blkno);
static void check_entries(GraphChecker *checker, BlockNumber blkno);
static void check_nodes(GraphChecker *checker);
static void check_links(GraphChecker *checker, uint32 number,
						const GraphNode *node);
static void check_steering(GraphChecker *checker, uint32 number,
						   const GraphNode *node);
static void check_node_row(GraphChecker *checker, uint32 number,
						   const GraphNode *node);
static void check_node_plane(GraphChecker *checker, uint32 number,
							 const GraphNode *node);
static void check_copies(GraphChecker *checker, uint32 number,
						 const GraphNode *node);
static void check_reachable(GraphChecker *checker);
static bool check_expand(GraphChecker *checker, const uint8 *front,
						 uint8 *seen, uint8 *next);
static bool graph_problem(GraphChecker *checker, uint32 number,
						  const char *what);

void
check_graph(CheckState *state, const SegmentReader *reader,
			const QuantSpace *space)
{
	GraphChecker checker = {.state = state,.reader = reader,.space = space};

	if (reader->nnodes == 0)
		return;
	checker.links_sound = true;
	checker.next_copy = reader->nnodes;
	checker.coarse = palloc(space->plane_bytes);
	checker.fine = palloc(space->plane_bytes);
	if (!check_graph_info(&checker))
		return;
	check_nodes(&checker);
	if (checker.links_sound)
		check_reachable(&checker);
	pfree(checker.coarse);
	pfree(checker.fine);
	pfree(checker.info);
}

/* ----------------------------------------------------------------------
 * The graph as a whole
 * ----------------------------------------------------------------------
 */

/* False when the nodes cannot be looked at. */
static bool
check_graph_info(GraphChecker *checker)
{
	const SegmentReader *reader = checker->reader;
	uint32		start = reader->area_start[AREA_GRAPH];
	BlockNumber blkno = InvalidBlockNumber;

	for (uint32 i = 0; i < segment_area_pages(reader, AREA_GRAPH); i++)
	{
		Buffer		buffer;

		blkno = segment_block(reader, start + i);
		buffer = check_read(checker->state, blkno, PAGE_GRAPH, reader->id);
		if (!BufferIsValid(buffer))
			return false;
		UnlockReleaseBuffer(buffer);
	}
	blkno = segment_block(reader, start);
	checker->info = segment_read_graph(reader);
	if (!check_info_numbers(checker, blkno))
		return false;
	check_entries(checker, blkno);
	return true;
}

static bool
check_info_numbers(GraphChecker *checker, BlockNumber blkno)
{
	const SegmentReader *reader = checker->reader;
	const GraphInfo *info = checker->info;
	GraphShape *shape = &checker->shape;
	float		slack = 0;

	if (reader->graph_bytes < sizeof(GraphInfo) ||
		info->version != GRAPH_INFO_VERSION ||
		!graph_steer_fits(info->steer_dim, checker->space->dim) ||
		info->nentries == 0 || info->nentries > GRAPH_MAX_ENTRIES ||
		info->nentries > reader->nnodes || reader->nnodes > GRAPH_MAX_NODES)
	{
		check_report(checker->state, reader->id, blkno,
					 "the description of the graph does not fit the segment");
		return false;
	}
	*shape = graph_shape(checker->space->dim, checker->space->bits,
						 info->steer_dim);
	if (shape->own_bytes == 0 || shape->node_bytes != reader->node_bytes ||
		shape->nodes_per_page != reader->nodes_per_page ||
		reader->graph_bytes != graph_info_bytes(info->nentries,
												shape->ngroups))
	{
		check_report(checker->state, reader->id, blkno,
					 "nodes of %u bytes, %u a page, do not fit the description of the graph",
					 reader->node_bytes, reader->nodes_per_page);
		return false;
	}
	if (!isfinite(info->lift_sq) || info->lift_sq < 0 ||
		(info->lift_sq > 0 && checker->space->metric != QUANT_IP) ||
		info->ncurve > GRAPH_CURVE_POINTS)
		check_report(checker->state, reader->id, blkno,
					 "a number in the description of the graph is out of range");
	for (uint32 i = 0; i < Min(info->ncurve, GRAPH_CURVE_POINTS); i++)
	{
		const GraphCurvePoint *point = &info->curve[i];

		bool		sound = point->slack >= slack && point->slack <= 1 &&
		point->steps >= 0 && isfinite(point->steps);

		for (int g = 0; g < GRAPH_CURVE_GROUPS; g++)
			sound &= point->recall[g] >= 0 && point->recall[g] <= 1;
		if (!sound)
			check_report(checker->state, reader->id, blkno,
						 "point %u of the recall curve is out of range", i);
		slack = point->slack;
	}
	return true;
}

static void
check_entries(GraphChecker *checker, BlockNumber blkno)
{
	const GraphInfo *info = checker->info;
	uint32		ngroups = checker->shape.ngroups;

	for (uint32 i = 0; i < GRAPH_DEGREE * graph_entry_blocks(info->nentries);
		 i++)
	{
		const GraphEntries *entries = graph_info_entries(info, ngroups,
														 i / GRAPH_DEGREE);
		uint32		slot = i % GRAPH_DEGREE;

		if (i < info->nentries ?
			entries->ids[slot] < checker->reader->nnodes &&
			isfinite(entries->add[slot]) && isfinite(entries->res[slot]) :
			entries->ids[slot] == GRAPH_ENTRY_NONE)
			continue;
		check_report(checker->state, checker->reader->id, blkno,
					 "entry %u of the graph is node %u of %u, or has no finite distance",
					 i, entries->ids[slot], checker->reader->nnodes);
		checker->links_sound = false;
		return;
	}
}

/* ----------------------------------------------------------------------
 * Nodes
 * ----------------------------------------------------------------------
 */

static void
check_nodes(GraphChecker *checker)
{
	const SegmentReader *reader = checker->reader;
	uint32		nbounded = reader->class_first[ROW_BOUNDED + 1];

	for (uint32 first = 0; first < reader->nnodes;
		 first += reader->nodes_per_page)
	{
		uint32		end = Min(reader->nnodes - first, reader->nodes_per_page);
		PGAlignedBlock copy;
		Buffer		buffer = check_read(checker->state,
										segment_node_block(reader, first),
										PAGE_NODES, reader->id);

		CHECK_FOR_INTERRUPTS();
		if (!BufferIsValid(buffer))
		{
			checker->links_sound = false;
			continue;
		}
		memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
		UnlockReleaseBuffer(buffer);
		for (uint32 number = first; number < first + end; number++)
		{
			const GraphNode *node = segment_node_pointer(reader, copy.data,
														 number);

			check_links(checker, number, node);
			check_node_row(checker, number, node);
			check_node_plane(checker, number, node);
			check_copies(checker, number, node);
		}
	}
	if (checker->links_sound && checker->next_copy != nbounded)
		check_report(checker->state, reader->id, InvalidBlockNumber,
					 "the nodes have %u rows, the segment %u",
					 checker->next_copy, nbounded);
}

static void
check_links(GraphChecker *checker, uint32 number, const GraphNode *node)
{
	const uint8 *ids = graph_node_ids(&checker->shape, node);

	if (node->nneighbours > GRAPH_DEGREE)
	{
		checker->links_sound = false;
		(void) graph_problem(checker, number, "has too many neighbours");
		return;
	}
	for (int i = 0; i < node->nneighbours; i++)
	{
		uint32		id = graph_node_id(ids, i);

		if (id >= checker->reader->nnodes)
		{
			checker->links_sound = false;
			(void) graph_problem(checker, number,
								 "has a neighbour that does not exist");
		}
		else if (id == number)
			(void) graph_problem(checker, number, "is its own neighbour");
		for (int j = 0; j < i; j++)
		{
			if (graph_node_id(ids, j) == id)
				(void) graph_problem(checker, number, "has a neighbour twice");
		}
	}
	check_steering(checker, number, node);
}

/* A bfloat16 with all bits of the exponent set is not finite. */
static void
check_steering(GraphChecker *checker, uint32 number, const GraphNode *node)
{
	uint16		factors[2 * GRAPH_DEGREE];

	memcpy(factors, graph_node_factors(&checker->shape, node),
		   sizeof(factors));
	for (int i = 0; i < node->nneighbours; i++)
	{
		if ((factors[i] & 0x7F80) == 0x7F80 ||
			(factors[GRAPH_DEGREE + i] & 0x7F80) == 0x7F80)
		{
			(void) graph_problem(checker, number,
								 "has a neighbour at no finite distance");
			return;
		}
	}
}

/* Its heap address is that of its row. */
static void
check_node_row(GraphChecker *checker, uint32 number, const GraphNode *node)
{
	const SegmentReader *reader = checker->reader;
	Buffer		buffer;
	bool		same;

	buffer = check_read(checker->state,
						segment_block(reader, reader->area_start[AREA_TIDS] +
									  number / TIDS_PER_PAGE),
						PAGE_TIDS, reader->id);
	if (!BufferIsValid(buffer))
		return;
	same = memcmp(tids_page_tid(BufferGetPage(buffer),
								number % TIDS_PER_PAGE),
				  &node->tid, sizeof(ItemPointerData)) == 0;
	UnlockReleaseBuffer(buffer);
	if (!same)
		(void) graph_problem(checker, number,
							 "has another heap address than its row");
}

/* The coarse plane has what follows from its code. */
static void
check_node_plane(GraphChecker *checker, uint32 number, const GraphNode *node)
{
	const SegmentReader *reader = checker->reader;
	uint32		plane_bytes = checker->space->plane_bytes;
	uint32		per_page = reader->shape.coarse_rows_per_page;
	Buffer		buffer;
	RowFactors	factors;
	bool		same;

	if (!(node->factors.scale >= 0) || !(node->factors.radius >= 0) ||
		!isfinite(node->factors.scale) || !isfinite(node->factors.radius))
	{
		(void) graph_problem(checker, number, "has factors out of range");
		return;
	}
	buffer = check_read(checker->state,
						segment_block(reader, reader->area_start[AREA_COARSE] +
									  number / per_page),
						PAGE_COARSE, reader->id);
	if (!BufferIsValid(buffer))
		return;
	quant_split(checker->space, graph_node_code(node), &node->factors,
				checker->coarse, checker->fine, &factors);
	same = memcmp(coarse_page_codes(&reader->shape, BufferGetPage(buffer)) +
				  (Size) (number % per_page) * plane_bytes, checker->coarse,
				  plane_bytes) == 0 &&
		coarse_page_scale(&reader->shape,
						  BufferGetPage(buffer))[number % per_page] ==
		factors.scale;
	UnlockReleaseBuffer(buffer);
	if (!same)
		(void) graph_problem(checker, number,
							 "has another code than its row");
}

/* Its copies follow those of the nodes before, and name it their owner. */
static void
check_copies(GraphChecker *checker, uint32 number, const GraphNode *node)
{
	const SegmentReader *reader = checker->reader;
	uint32		nbounded = reader->class_first[ROW_BOUNDED + 1];
	uint32		first = checker->next_copy;

	if (node->copy_first != (node->ncopies > 0 ? first : 0) ||
		node->ncopies > nbounded - first)
	{
		(void) graph_problem(checker, number, "has copies out of order");
		if (node->ncopies > nbounded - first)
			return;
	}
	checker->next_copy += node->ncopies;
	for (uint32 row = first; row < checker->next_copy; row++)
	{
		uint32		copy = row - reader->nnodes;
		uint32		owner;
		Buffer		buffer;

		CHECK_FOR_INTERRUPTS();
		buffer = check_read(checker->state,
							segment_block(reader,
										  reader->area_start[AREA_OWNERS] +
										  copy / OWNERS_PER_PAGE),
							PAGE_OWNERS, reader->id);
		if (!BufferIsValid(buffer))
			return;
		owner = *owners_page_node(BufferGetPage(buffer),
								  copy % OWNERS_PER_PAGE);
		UnlockReleaseBuffer(buffer);
		if (owner != number &&
			!graph_problem(checker, number, "has a copy of another node"))
			return;
	}
}

/* ----------------------------------------------------------------------
 * Reachability
 * ----------------------------------------------------------------------
 */

static inline bool
bit_test(const uint8 *bits, uint32 i)
{
	return (bits[i / 8] >> (i % 8) & 1) != 0;
}

static inline void
bit_set(uint8 *bits, uint32 i)
{
	bits[i / 8] |= 1 << (i % 8);
}

/* Go out from the entries, a ring of neighbours at a time. */
static void
check_reachable(GraphChecker *checker)
{
	uint32		nnodes = checker->reader->nnodes;
	Size		nbytes = (nnodes + 7) / 8;
	int			flags = MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO;
	uint8	   *seen = palloc_extended(nbytes, flags);
	uint8	   *front = palloc_extended(nbytes, flags);
	uint8	   *next = palloc_extended(nbytes, flags);
	uint32		nmissing = 0;
	uint32		missing = 0;

	for (uint32 i = 0; i < checker->info->nentries; i++)
	{
		const GraphEntries *entries =
		graph_info_entries(checker->info, checker->shape.ngroups,
						   i / GRAPH_DEGREE);

		bit_set(front, entries->ids[i % GRAPH_DEGREE]);
	}
	memcpy(seen, front, nbytes);
	while (check_expand(checker, front, seen, next))
	{
		uint8	   *swap = front;

		front = next;
		next = swap;
		memset(next, 0, nbytes);
	}
	for (uint32 i = nnodes; i-- > 0;)
	{
		if (bit_test(seen, i))
			continue;
		missing = i;
		nmissing++;
	}
	if (nmissing > 0 && checker->links_sound)
		check_report(checker->state, checker->reader->id,
					 segment_node_block(checker->reader, missing),
					 "%u nodes of the graph, from %u on, cannot be reached",
					 nmissing, missing);
	pfree(seen);
	pfree(front);
	pfree(next);
}

/* Neighbours of the nodes in front that are new; false when there are none. */
static bool
check_expand(GraphChecker *checker, const uint8 *front, uint8 *seen,
			 uint8 *next)
{
	const SegmentReader *reader = checker->reader;
	bool		found = false;

	for (uint32 number = 0; number < reader->nnodes; number++)
	{
		const GraphNode *node;
		const uint8 *ids;
		Buffer		buffer;

		if (!bit_test(front, number))
			continue;
		CHECK_FOR_INTERRUPTS();
		buffer = check_read(checker->state,
							segment_node_block(reader, number), PAGE_NODES,
							reader->id);
		if (!BufferIsValid(buffer))
		{
			checker->links_sound = false;
			return false;
		}
		node = segment_node_pointer(reader, BufferGetPage(buffer), number);
		ids = graph_node_ids(&checker->shape, node);
		for (int i = 0; i < Min(node->nneighbours, GRAPH_DEGREE); i++)
		{
			uint32		id = graph_node_id(ids, i);

			if (id >= reader->nnodes || bit_test(seen, id))
				continue;
			bit_set(seen, id);
			bit_set(next, id);
			found = true;
		}
		UnlockReleaseBuffer(buffer);
	}
	return found;
}

/* False when so many have been named that no more are. */
static bool
graph_problem(GraphChecker *checker, uint32 number, const char *what)
{
	if (checker->nproblems++ < MAX_GRAPH_PROBLEMS)
		check_report(checker->state, checker->reader->id,
					 segment_node_block(checker->reader, number),
					 "node %u of the graph %s", number, what);
	return checker->nproblems < MAX_GRAPH_PROBLEMS;
}
