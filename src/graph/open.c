/*-------------------------------------------------------------------------
 *
 * open.c
 *	  A graph is opened: what it says of itself, and how far walks must go.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "graph/search.h"
#include "storage/bufmgr.h"

static void graph_report_damage(const SegmentReader *reader);
static bool graph_info_fits(const SegmentReader *reader,
							const GraphInfo *info, const GraphShape *shape);
static GraphCurvePoint graph_choose_point(const GraphInfo *info, int group,
										  float target_recall);
static GraphCurvePoint graph_last_point(const GraphInfo *info, int group);

Graph *
graph_open(const SegmentReader *reader, uint32 dim, int bits,
		   float target_recall)
{
	Graph	   *graph = palloc(sizeof(Graph));
	GraphInfo  *info = segment_read_graph(reader);

	graph->reader = reader;
	graph->info = info;
	if (reader->graph_bytes < sizeof(GraphInfo) ||
		info->version != GRAPH_INFO_VERSION ||
		!graph_steer_fits(info->steer_dim, dim))
		graph_report_damage(reader);
	graph->shape = graph_shape(dim, bits, info->steer_dim);
	if (!graph_info_fits(reader, info, &graph->shape))
		graph_report_damage(reader);
	for (int i = 0; i < GRAPH_CURVE_GROUPS; i++)
		graph->slack[i] = graph_choose_point(info, i, target_recall).slack;
	return graph;
}

GraphCurvePoint
graph_read_point(const SegmentReader *reader, float target_recall)
{
	GraphInfo	info;
	Buffer		buffer;
	bool		locked;

	if (reader->graph_bytes < sizeof(GraphInfo))
		graph_report_damage(reader);
	buffer = segment_pin_area(reader, AREA_GRAPH, 0, &locked);
	memcpy(&info, page_content(BufferGetPage(buffer)), sizeof(info));
	page_unpin(buffer, locked);
	if (info.version != GRAPH_INFO_VERSION || info.ncurve > GRAPH_CURVE_POINTS)
		graph_report_damage(reader);
	return graph_choose_point(&info, 0, target_recall);
}

static void
graph_report_damage(const SegmentReader *reader)
{
	page_report_damage(reader->index,
					   segment_block(reader, reader->area_start[AREA_GRAPH]),
					   "The description of the graph does not fit the segment.");
}

/* Between the ranks up to which the curves go. */
float
graph_slack(const Graph *graph, uint32 group)
{
	const float *slack = graph->slack;

	StaticAssertStmt(GRAPH_CURVE_GROUPS == 3 && GRAPH_FIRST_GROUP == 16 &&
					 GRAPH_LAST_GROUP == 256, "curves to 16, 64 and 256");
	if (group <= 16)
		return slack[0];
	if (group <= 32)
		return (slack[0] + slack[1]) / 2;
	if (group <= 64)
		return slack[1];
	if (group <= 128)
		return (slack[1] + slack[2]) / 2;
	return slack[2];
}

static bool
graph_info_fits(const SegmentReader *reader, const GraphInfo *info,
				const GraphShape *shape)
{
	if (info->nentries == 0 || info->nentries > reader->nnodes ||
		info->nentries > GRAPH_MAX_ENTRIES ||
		info->ncurve > GRAPH_CURVE_POINTS ||
		reader->graph_bytes != graph_info_bytes(info->nentries,
												shape->ngroups) ||
		shape->own_bytes == 0 ||
		shape->node_bytes != reader->node_bytes ||
		shape->nodes_per_page != reader->nodes_per_page)
		return false;
	for (uint32 i = 0; i < info->nentries; i++)
	{
		const GraphEntries *entries =
		graph_info_entries(info, shape->ngroups, i / GRAPH_DEGREE);

		if (entries->ids[i % GRAPH_DEGREE] >= reader->nnodes)
			return false;
	}
	return true;
}

/*
 * The curve was measured with queries made of the rows.  Real ones come from
 * elsewhere and miss up to three times as many of the nearest rows, and four
 * times as many of those behind them (README.md has measurements).
 */
static GraphCurvePoint
graph_choose_point(const GraphInfo *info, int group, float target_recall)
{
	float		wanted = 1 - (1 - target_recall) / (group == 0 ? 3 : 4);
	GraphCurvePoint unknown = {.slack = GRAPH_DEFAULT_SLACK};
	GraphCurvePoint beyond = {.slack = INFINITY,.steps = INFINITY};

	if (info->ncurve == 0)
		return unknown;
	for (uint32 i = 0; i < info->ncurve; i++)
	{
		GraphCurvePoint point = info->curve[i];
		const GraphCurvePoint *before = &info->curve[i] - 1;
		float		part;

		if (point.recall[group] < wanted)
			continue;
		if (i == 0 || point.recall[group] <= before->recall[group])
			return point;
		part = (point.recall[group] - wanted) /
			(point.recall[group] - before->recall[group]);
		point.slack -= part * (point.slack - before->slack);
		point.steps -= part * (point.steps - before->steps);
		return point;
	}
	return group == 0 ? beyond : graph_last_point(info, group);
}

/* Behind the nearest rows: the point beyond which hardly more is found. */
static GraphCurvePoint
graph_last_point(const GraphInfo *info, int group)
{
	uint32		i = info->ncurve - 1;
	float		most = info->curve[i].recall[group];

	while (i > 0 && info->curve[i - 1].recall[group] > most - 0.002f)
		i--;
	return info->curve[i];
}

float
graph_distance_score(const QuantQuery *query, float distance)
{
	switch (query->space->metric)
	{
		case QUANT_L2:
			return distance * distance;
		default:
			/* half the squared distance, or minus the inner product */
			return 2 * distance;
	}
}

/* Inner products: in the space in which all rows have the same norm. */
float
graph_widen_score(const Graph *graph, const QuantSteer *steer, float slack,
				  float score)
{
	float		lift = 0;

	if (graph->info->lift_sq > 0)
		lift = steer->query_norm_sq + graph->info->lift_sq;
	return Max(score + lift, 0) * (1 + slack) * (1 + slack) - lift;
}
