/*-------------------------------------------------------------------------
 *
 * build.c
 *	  Building a vector index.
 *
 * The index is created empty, with a centre found by sampling the table; then
 * the table is read once, by one process or by several, each of which encodes
 * rows into memory and writes a reorganised segment whenever its share of
 * maintenance_work_mem or the size of a segment is full.  A segment is
 * published as soon as it is written: nobody reads an index that is being
 * built, and whatever stops the build takes the whole index with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "am/common/build.h"
#include "am/common/build_state.h"
#include "am/common/graph_job.h"
#include "am/common/opclass.h"
#include "am/common/options.h"
#include "am/common/rewrite.h"
#include "base/background.h"
#include "base/compat.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"

/* Phases of pg_stat_progress_create_index; 1 is the server's own. */
#define BUILD_PHASE_SAMPLE 2
#define BUILD_PHASE_LOAD 3
#define BUILD_PHASE_GRAPH 4		/* and those that follow */

/* Rows between two progress reports. */
#define BUILD_PROGRESS_ROWS 1024

static uint32 build_max_rows(Relation index, const IndexIdentity *identity);
static void build_add_row(Relation index, ItemPointer tid, Datum *values,
						  bool *isnull, bool tuple_is_alive, void *state);

IndexBuildResult *
build_index(Relation heap, Relation index, IndexInfo *info, AmKind am)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	IndexIdentity identity = opclass_identity(index, am);
	BuildPart	part = {.heap = heap,.index = index,.info = info};
	float	   *centre;
	int			nworkers;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data",
			 RelationGetRelationName(index));

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE,
								 BUILD_PHASE_SAMPLE);
	centre = build_find_centre(heap, index, info, &identity);
	manifest_create(index, MAIN_FORKNUM, &identity, centre);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE,
								 BUILD_PHASE_LOAD);
	part.encoder = encoder_create(index);
	part.progress = true;
	nworkers = vdb_index_build_workers(heap, index, info);
	if (nworkers == 0 || !build_parallel(&part, nworkers, result))
	{
		result->heap_tuples = build_part(&part, NULL, 1);
		result->index_tuples = part.nindexed;
	}
	if (graph_job_supported(&identity) && !options_build_later(index))
		index_build_graphs(index, nworkers);
	background_wanted(index);
	return result;
}

/* Of an unlogged index, the file that a crash resets it to. */
void
build_empty(Relation index, AmKind am)
{
	IndexIdentity identity = opclass_identity(index, am);

	manifest_create(index, INIT_FORKNUM, &identity, NULL);
}

char *
build_phase_name(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case BUILD_PHASE_SAMPLE:
			return "sampling table";
		case BUILD_PHASE_LOAD:
			return "encoding rows";
	}
	return graph_job_phase_name(phase - BUILD_PHASE_GRAPH);
}

/* VACUUM, which may build graphs, shows its own progress. */
static bool
build_shows_progress(void)
{
	return MyBEEntry != NULL &&
		MyBEEntry->st_progress_command != PROGRESS_COMMAND_VACUUM;
}

void
build_report_graph_phase(int phase)
{
	static const int columns[] = {
		PROGRESS_CREATEIDX_SUBPHASE, PROGRESS_CREATEIDX_TUPLES_DONE
	};
	const int64 values[] = {BUILD_PHASE_GRAPH + phase, 0};

	if (!build_shows_progress())
		return;
	pgstat_progress_update_multi_param(lengthof(columns), columns, values);
}

void
build_report_graph_nodes(uint32 ndone, uint32 nnodes)
{
	static const int columns[] = {
		PROGRESS_CREATEIDX_TUPLES_TOTAL, PROGRESS_CREATEIDX_TUPLES_DONE
	};
	const int64 values[] = {nnodes, Min(ndone, nnodes)};

	if (!build_shows_progress())
		return;
	pgstat_progress_update_multi_param(lengthof(columns), columns, values);
}

/*
 * By phases, each for its share of the time (am/README.md).
 */
double
build_graph_progress(const int64 *params)
{
	/* In percent. */
	static const double shares[] = {
		2.5, 0.5, 38, 12, 4.5, 9, 0.5, 1.5, 3, 14, 12.5, 2
	};
	int64		phase = params[PROGRESS_CREATEIDX_SUBPHASE] -
	BUILD_PHASE_GRAPH;
	int64		nnodes = params[PROGRESS_CREATEIDX_TUPLES_TOTAL];
	double		part = nnodes == 0 ? 0 :
	(double) params[PROGRESS_CREATEIDX_TUPLES_DONE] / nnodes;
	double		done = 0;

	Assert(graph_job_phase_name(lengthof(shares) - 1) != NULL &&
		   graph_job_phase_name(lengthof(shares)) == NULL);
	if (phase < 0 || phase >= (int64) lengthof(shares))
		return -1;
	for (int i = 0; i < phase; i++)
		done += shares[i];
	return (done + Min(part, 1) * shares[phase]) / 100;
}

double
build_part(BuildPart *part, TableScanDesc scan, int nparts)
{
	const IndexIdentity *identity = &part->encoder->identity;
	double		heap_rows;

	build_rows_init(&part->rows, identity,
					(Size) maintenance_work_mem * 1024 / nparts,
					build_max_rows(part->index, identity));
	heap_rows = table_index_build_scan(part->heap, part->index, part->info,
									   true, part->progress, build_add_row,
									   part, scan);
	build_rows_write(&part->rows, part->index, part->encoder);
	MemoryContextDelete(part->rows.context);
	return heap_rows;
}

/*
 * A graph is built of whole segments, which must fit the memory for it; and of
 * few of them, so that the size of sealed ones does not matter.
 */
static uint32
build_max_rows(Relation index, const IndexIdentity *identity)
{
	uint32		max_rows;

	if (graph_job_supported(identity))
		max_rows = graph_job_max_rows(index, identity,
									  (Size) maintenance_work_mem * 1024);
	else
		max_rows = options_seal_rows(index, identity->dim);
	return Max(max_rows, 1);
}

static void
build_add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
			  bool tuple_is_alive, void *state)
{
	BuildPart  *part = (BuildPart *) state;
	PlanesRow	row;

	row.tid = *tid;
	encoder_encode(part->encoder, values[0], isnull[0], &row);
	build_rows_add(&part->rows, &row);
	if (part->rows.nrows == part->rows.max_rows)
		build_rows_write(&part->rows, index, part->encoder);

	part->nindexed++;
	if (part->progress && part->nindexed % BUILD_PROGRESS_ROWS == 0)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
									 part->nindexed);
}
