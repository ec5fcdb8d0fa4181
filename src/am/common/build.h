/*-------------------------------------------------------------------------
 *
 * build.h
 *	  Building a vector index, for access methods.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_BUILD_H
#define VDB_BUILD_H

#include "postgres.h"

#include "access/genam.h"
#include "nodes/execnodes.h"
#include "storage/manifest.h"

/* What ambuild, ambuildempty and ambuildphasename do. */
extern IndexBuildResult *build_index(Relation heap, Relation index,
									 IndexInfo *info, AmKind am);
extern void build_empty(Relation index, AmKind am);
extern char *build_phase_name(int64 phase);

/*
 * Say in the view of progress which phase of a graph's build has begun; and in
 * a phase that goes through all nodes, for how many that is done.
 */
extern void build_report_graph_phase(int phase);
extern void build_report_graph_nodes(uint32 ndone, uint32 nnodes);

/*
 * How much of the build of a graph is done, 0 to 1, by a process's counters of
 * progress; -1: it builds none.
 */
extern double build_graph_progress(const int64 *params);

#endif							/* VDB_BUILD_H */
