/*-------------------------------------------------------------------------
 *
 * info.h
 *	  Disk format of what a graph segment says of its graph as a whole.
 *
 * The bytes of AREA_GRAPH: a GraphInfo, then nentries / GRAPH_DEGREE (rounded
 * up) blocks of entries.  An entry is a node at which a search may start; its
 * code is of the signs of its distance from the centre, so that blocks are
 * read like the neighbours of a node:
 *
 *	 OFFSET  SIZE  FIELD
 *		  0   128  ids             uint32, GRAPH_ENTRY_NONE behind the last
 *		128   128  add             float
 *		256   128  res             float
 *		384   16G  signs           G = ngroups
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GRAPH_INFO_H
#define VDB_GRAPH_INFO_H

#include "postgres.h"

#include "graph/build.h"
#include "graph/node.h"

#define GRAPH_INFO_VERSION 2

/* Slack of a graph whose recall has not been measured. */
#define GRAPH_DEFAULT_SLACK 0.05f

/* Points of the recall curve. */
#define GRAPH_CURVE_POINTS 12

/*
 * Ranges of ranks, for each of which there is a curve: of the nearest row to
 * the 16th, from there to the 64th, and from there to the 256th (search.h).
 */
#define GRAPH_CURVE_GROUPS 3

typedef struct GraphCurvePoint
{
	float		slack;			/* see search.h */
	float		steps;			/* nodes expanded before the first row is
								 * returned, on average */
	float		recall[GRAPH_CURVE_GROUPS]; /* of rows of these ranks */
} GraphCurvePoint;

typedef struct GraphInfo
{
	uint32		version;		/* GRAPH_INFO_VERSION */
	uint32		steer_dim;		/* dimensions of the neighbours' codes */
	uint32		nentries;
	uint32		ncurve;			/* points of the curve in use */
	uint32		m;				/* storage parameters it was built with */
	uint32		ef_construction;
	float		lift_sq;		/* inner product: largest squared norm */
	uint32		reserved;
	GraphCurvePoint curve[GRAPH_CURVE_POINTS];
} GraphInfo;

StaticAssertDecl(sizeof(GraphInfo) == 32 + 20 * GRAPH_CURVE_POINTS,
				 "on-disk format");

#define GRAPH_ENTRY_NONE 0xFFFFFFFF

typedef struct GraphEntries
{
	uint32		ids[GRAPH_DEGREE];
	float		add[GRAPH_DEGREE];
	float		res[GRAPH_DEGREE];
	uint8		signs[FLEXIBLE_ARRAY_MEMBER];
} GraphEntries;

static inline uint32
graph_entry_blocks(uint32 nentries)
{
	return (nentries + GRAPH_DEGREE - 1) / GRAPH_DEGREE;
}

static inline Size
graph_entries_bytes(uint32 ngroups)
{
	return offsetof(GraphEntries, signs) + 16 * ngroups;
}

static inline Size
graph_info_bytes(uint32 nentries, uint32 ngroups)
{
	return sizeof(GraphInfo) +
		graph_entry_blocks(nentries) * graph_entries_bytes(ngroups);
}

static inline GraphEntries *
graph_info_entries(const GraphInfo *info, uint32 ngroups, uint32 block)
{
	return (GraphEntries *) ((char *) info + sizeof(GraphInfo) +
							 block * graph_entries_bytes(ngroups));
}

#endif							/* VDB_GRAPH_INFO_H */
