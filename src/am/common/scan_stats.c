/*-------------------------------------------------------------------------
 *
 * scan_stats.c
 *	  What the last scan of a vector index in this session has done.
 *
 * Private to the session: nothing is shared, nothing is locked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "am/common/scan_stats.h"
#include "base/compat.h"
#include "fmgr.h"
#include "funcapi.h"

#define SCAN_STATS_NCOLUMNS 7

static ScanStats last_stats;
static bool last_stats_valid = false;

void
scan_stats_report(const ScanStats *stats, const char *index_name)
{
	last_stats = *stats;
	last_stats_valid = true;

	ereport(DEBUG1,
			errmsg_internal("scan of index \"%s\": %d segments, "
							UINT64_FORMAT " queries, "
							UINT64_FORMAT " rounds, "
							UINT64_FORMAT " steps, "
							UINT64_FORMAT " rows scanned, "
							UINT64_FORMAT " refined, "
							UINT64_FORMAT " returned, "
							UINT64_FORMAT " pages",
							index_name, stats->segments, stats->rescans,
							stats->rounds, stats->steps, stats->rows_scanned,
							stats->rows_refined, stats->rows_returned,
							stats->pages));
}

PG_FUNCTION_INFO_V1(vdb_last_scan_stats);
Datum
vdb_last_scan_stats(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[SCAN_STATS_NCOLUMNS];
	bool		nulls[SCAN_STATS_NCOLUMNS];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != SCAN_STATS_NCOLUMNS)
		elog(ERROR, "return type must be a row type of %d columns",
			 SCAN_STATS_NCOLUMNS);

	memset(nulls, !last_stats_valid, sizeof(nulls));
	values[0] = Int32GetDatum(last_stats.segments);
	values[1] = Int64GetDatum(last_stats.rounds);
	values[2] = Int64GetDatum(last_stats.steps);
	values[3] = Int64GetDatum(last_stats.rows_scanned);
	values[4] = Int64GetDatum(last_stats.rows_refined);
	values[5] = Int64GetDatum(last_stats.rows_returned);
	values[6] = Int64GetDatum(last_stats.pages);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}
