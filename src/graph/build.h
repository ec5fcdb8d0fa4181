/*-------------------------------------------------------------------------
 *
 * build.h
 *	  Builds the graph over the rows of a segment, in memory.
 *
 * Works on row codes alone: no buffers, no catalogs, no vectors of floats.
 * Several processes may build one graph: they attach to the same block of
 * shared memory, which may lie at a different address in each, and all of
 * them run every phase, with a barrier of the caller's between two phases:
 *
 *		build = graph_build_attach(shared, &rows, &params, first_process);
 *		barrier();
 *		for (int phase = 0; phase < graph_build_nphases(); phase++)
 *		{
 *			graph_build_phase(build, phase);
 *			barrier();
 *		}
 *
 * Only then the results may be read, by any of them.  They depend on the rows
 * and the parameters alone, not on the number of processes.
 *
 * The rows must be distinct vectors for good neighbours, but everything holds
 * whatever they are: a node has at most params.degree neighbours, all
 * different and none the node itself, and every node can be reached from the
 * entries.
 *
 * README.md has the algorithm, its costs and what was measured.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GRAPH_BUILD_H
#define VDB_GRAPH_BUILD_H

#include "postgres.h"

/*
 * Codes and factors of the rows that become nodes; row i is node i.  Row i
 * stands for the vector scale * (2 u - 255).
 */
typedef struct GraphRows
{
	uint32		n;				/* at least 1, at most GRAPH_MAX_NODES */
	uint32		dim;
	const uint8 *codes;			/* n row codes of 8 bits, dim bytes apart */
	const float *scale;
	const float *norm_sq;
	bool		inner_product;	/* scores are inner products */
	const float *lift;			/* inner product: the coordinate that is added
								 * to each row, so that the nearest in the
								 * lifted space has the largest product with a
								 * query; else NULL */
	const float *shift;			/* inner product: the rotated centre, dim
								 * floats; else NULL */
} GraphRows;

/* What a build costs and how good the graph becomes: graph_params(). */
typedef struct GraphParams
{
	uint64		seed;
	int			degree;			/* neighbours of a node, 32 at most */
	int			nballs;			/* balls of the first partition per node */
	int			nsplits;		/* parts of a ball's partition per node */
	int			nearest;		/* neighbours taken from a leaf, about */
	uint32		leaf_size;		/* nodes of a leaf, at most */
	uint32		per_page;		/* nodes that will lie on a page, at least 1 */
} GraphParams;

/* Called at least every 10 ms, without a lock held; may jump out. */
typedef void (*GraphCheck) (void *arg);

typedef struct GraphBuild GraphBuild;

/* Can a graph be built over codes of that kind? */
extern bool graph_supported(uint32 dim, int bits);

/* Parameters from the options of CREATE INDEX; per_page is to be set. */
extern GraphParams graph_params(int m, int ef_construction, uint64 seed);

/* Bytes of shared memory that the build takes, besides the rows. */
extern Size graph_build_size(const GraphRows *rows,
							 const GraphParams *params);

/*
 * A handle on the shared block, which is aligned to 64 bytes.  One process
 * says init, before the others attach or run a phase.  rows and params must
 * be the same in all; what rows points at must stay until the end.
 *
 * The handle and the scratch memory of the phases are allocated in the current
 * memory context; graph_build_detach() frees them.
 */
extern GraphBuild *graph_build_attach(void *shared, const GraphRows *rows,
									  const GraphParams *params, bool init);
extern void graph_build_detach(GraphBuild *build);

extern void graph_build_set_check(GraphBuild *build, GraphCheck check,
								  void *arg);

extern int	graph_build_nphases(void);
extern void graph_build_phase(GraphBuild *build, int phase);

/* Does one process do all of it, the first that comes? */
extern bool graph_build_phase_is_single(int phase);

/*
 * How far the phase is, of all processes together: nodes done, and a name for
 * views of progress.  May be called at any time.
 */
extern uint32 graph_build_progress(const GraphBuild *build, int phase);
extern const char *graph_build_phase_name(int phase);

/* The neighbours of a node, nearest first. */
extern const uint32 *graph_build_neighbours(const GraphBuild *build,
											uint32 node, int *n);

/*
 * Nodes to start a search from, ascending; returns how many, at most
 * GRAPH_MAX_ENTRIES and at least 1.
 */
#define GRAPH_MAX_ENTRIES 256
extern int	graph_build_entries(const GraphBuild *build, uint32 *nodes);

/*
 * The order in which nodes should be stored: order[i] is the node that comes
 * i-th.  Of params.per_page nodes each, from the first, many are neighbours of
 * one another.
 */
extern const uint32 *graph_build_order(const GraphBuild *build);

#endif							/* VDB_GRAPH_BUILD_H */
