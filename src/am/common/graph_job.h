/*-------------------------------------------------------------------------
 *
 * graph_job.h
 *	  Writing a graph segment, by one process or several; private to am/common.
 *
 * The job owns all rows of the segment to be: the caller asks for room, fills
 * in the rows, ordered by class, and then has the segment written:
 *
 *		job = graph_job_begin(index, &identity, class_rows, &help);
 *		for each bounded row: graph_job_add(job, code, factors, tid);
 *		for each other row: graph_job_add_tid(job, tid);
 *		id = graph_job_write(job, level);
 *		graph_job_end(job);
 *
 * The segment is then to be published, as any other.  Between begin and end
 * the process is in parallel mode if it has the server's parallel workers: no
 * transaction id can be assigned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_GRAPH_JOB_H
#define VDB_GRAPH_JOB_H

#include "postgres.h"

#include "quant/quant.h"
#include "storage/itemptr.h"
#include "storage/manifest.h"

/* Segments of fewer bounded rows are read as fast as they would be walked. */
#define GRAPH_MIN_ROWS 2048

/* Can rows of this index have a graph? */
extern bool graph_job_supported(const IndexIdentity *identity);

/* Bytes that building a graph takes for each row. */
extern double graph_job_row_memory(Relation index,
								   const IndexIdentity *identity);

/* Bounded rows for which so many bytes suffice. */
extern uint32 graph_job_max_rows(Relation index,
								 const IndexIdentity *identity, Size memory);

/* Processes that help. */
typedef struct GraphHelp
{
	int			nworkers;
	bool		team;			/* they are no parallel workers of the server:
								 * the caller has no snapshot to share, and
								 * the index has been committed */
} GraphHelp;

typedef struct GraphJob GraphJob;

extern GraphJob *graph_job_begin(Relation index,
								 const IndexIdentity *identity,
								 const uint32 class_rows[4],
								 const GraphHelp *help);
extern void graph_job_add(GraphJob *job, const uint8 *code,
						  const RowFactors *factors, ItemPointer tid);
extern void graph_job_add_tid(GraphJob *job, ItemPointer tid);
extern uint32 graph_job_write(GraphJob *job, int level);

/* Rows of the segment by the order in which they were added. */
extern const uint32 *graph_job_places(GraphJob *job);

extern void graph_job_end(GraphJob *job);

/* Workers that may help when no CREATE INDEX has said how many. */
extern int	graph_job_workers(Relation heap, Relation index);

/* Name of a phase for the view of progress, from 0; NULL: there is none. */
extern char *graph_job_phase_name(int phase);

#endif							/* VDB_GRAPH_JOB_H */
