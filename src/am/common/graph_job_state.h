/*-------------------------------------------------------------------------
 *
 * graph_job_state.h
 *	  State of a graph job; private to the files graph_job*.c.
 *
 * What all processes of a job look at lies in one block of memory, shared if
 * there are workers: GraphJobShared and behind it, in this order, arrays by
 * row as they were added, then the builder's own block.  A node is one of the
 * distinct codes; codes and factors of nodes are moved to the front of their
 * arrays, so node k is no longer row k where there are copies.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GRAPH_JOB_STATE_H
#define VDB_GRAPH_JOB_STATE_H

#include "postgres.h"

#include "access/parallel.h"
#include "am/common/graph_job.h"
#include "graph/build.h"
#include "graph/node.h"
#include "port/atomics.h"
#include "storage/barrier.h"
#include "storage/segment.h"

typedef struct GraphJobShared
{
	Oid			indexrelid;
	IndexIdentity identity;
	GraphParams params;
	uint32		steer_dim;
	uint32		capacity;		/* bounded rows: length of the arrays */
	uint32		nnodes;			/* set before any worker starts */
	float		lift_sq;
	Barrier		barrier;
	pg_atomic_uint32 next_page; /* of nodes, to be written */
	pg_atomic_uint32 waiting;	/* processes at the barrier, not the leader */
	pg_atomic_uint32 ended;		/* the leader has left */
	pg_atomic_uint32 failed;	/* SQLSTATE of a helper's error, or 0 */
	SegmentInfo segment;		/* being written: set by the leader */
} GraphJobShared;

/* Helpers of a maintenance worker. */
typedef struct GraphTeam GraphTeam;

struct GraphJob
{
	Relation	index;
	GraphJobShared *shared;
	MemoryContext context;
	ParallelContext *pcxt;		/* NULL: no parallel workers */
	GraphTeam  *team;			/* NULL: no helpers */

	/* Parts of the block. */
	uint8	   *codes;			/* by node; dim bytes each */
	float	   *scale;
	float	   *norm_sq;
	float	   *radius;
	float	   *lift;			/* inner product */
	float	   *shift;			/* likewise: dim floats */
	uint32	   *numbers;		/* node to its number in the segment */
	uint32	   *node_row;		/* node to the row it was added as */
	uint32	   *copy_first;		/* by number: rows with the same code */
	uint32	   *ncopies;
	ItemPointerData *tids;		/* of bounded rows, as they were added */
	void	   *build_block;

	GraphRows	rows;
	GraphBuild *build;
	GraphShape	shape;

	/* The leader's. */
	uint32		class_rows[4];
	uint32		nadded;
	uint32	   *owner;			/* row to its node; by row as added */
	uint32	   *places;			/* row as added to row of the segment */
	ItemPointerData *other_tids;	/* of rows that are not bounded */
	uint32		nother;
	SegmentWriter *writer;
	int			level;
};

/* Bytes of the block for so many bounded rows. */
extern Size graph_job_block_size(const IndexIdentity *identity,
								 const GraphParams *params, uint32 capacity);

/* Find the parts of the block, in any process. */
extern void graph_job_map(GraphJob *job, GraphJobShared *shared);

/* All phases, by every process; the leader says so. */
extern void graph_job_participate(GraphJob *job, bool leader);

/* The leader's phases after those that all go through together. */
extern void graph_job_report_measuring(void);
extern void graph_job_report_logging(void);

/* graph_job.c: the leader's phase between building and writing nodes. */
extern void graph_job_start_writing(GraphJob *job);

/* graph_job.c: planes and heap addresses, while others write nodes. */
extern void graph_job_write_planes(GraphJob *job);

/* graph_job_parallel.c: memory for the block, with workers if possible. */
extern GraphJobShared *graph_job_allocate(GraphJob *job, Size size,
										  const GraphHelp *help);
extern void graph_job_launch(GraphJob *job);
extern void graph_job_finish_workers(GraphJob *job);
extern void graph_job_release_workers(GraphJob *job);

/* graph_job_team.c: the leader's side */
extern GraphTeam *graph_team_create(Size size, int nhelpers);
extern GraphJobShared *graph_team_shared(const GraphTeam *team);
extern void graph_team_launch(GraphTeam *team);
extern void graph_team_left_barrier(GraphTeam *team);
extern void graph_team_check(const GraphTeam *team);
extern void graph_team_release(GraphTeam *team);

/* ... and the helper's: it is, or is not, one of those who meet. */
extern void graph_team_set_attached(bool attached);

#endif							/* VDB_GRAPH_JOB_STATE_H */
