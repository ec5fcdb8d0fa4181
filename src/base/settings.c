/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The settings "vectordb.*" and "hnsw.*": definitions, check and assign hooks.
 *
 * Relies on guc.h and, for vectordb.kernels, on the tables of distance.h.
 * Each subject has a function settings_define_<subject>(); settings_init()
 * calls them all and then reserves the prefixes, so that a mistyped name is an
 * error and not a placeholder nobody reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "base/debug_points.h"
#include "base/settings.h"
#include "distance/distance.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/guc.h"

bool		vdb_vacuum_merge = true;
bool		vdb_vacuum_build = false;
int			vdb_max_workers = 2;
int			vdb_max_build_workers = 2;
int			vdb_max_merge_workers = 1;
int			vdb_worker_memory = -1;
int			vdb_worker_naptime = 1000;
double		vdb_worker_cost_delay = 2;
int			vdb_worker_cost_limit = 2000;
int			vdb_seal_idle_time = 60;
int			vdb_launcher_naptime = 60;
double		vdb_target_recall = 0.95;
int			vdb_hnsw_ef_search = HNSW_EF_SEARCH_AUTO;
int			vdb_hnsw_iterative_scan = ITERATIVE_SCAN_STRICT;
int			vdb_hnsw_max_scan_tuples = HNSW_MAX_SCAN_TUPLES_NONE;
double		vdb_hnsw_scan_mem_multiplier = 1;

/* Is it settled who owns the settings "hnsw.*" in this process? */
static bool settings_hnsw_seen = false;

static void settings_define_kernels(void);
static void settings_define_vacuum(void);
static void settings_define_workers(void);
static void settings_define_worker_costs(void);
static void settings_define_recall(void);
static void settings_define_hnsw(void);
static bool settings_check_undefined(const char *name, int elevel);

void
settings_init(void)
{
	settings_define_kernels();
	debug_points_define_setting();
	settings_define_vacuum();
	settings_define_workers();
	settings_define_worker_costs();
	settings_define_recall();
	MarkGUCPrefixReserved("vectordb");
	if (!process_shared_preload_libraries_in_progress)
	{
		settings_check_undefined("hnsw.ef_search", ERROR);
		settings_define_hnsw();
	}
}

void
settings_need_hnsw(void)
{
	if (!settings_hnsw_seen &&
		settings_check_undefined("hnsw.ef_search", WARNING))
		settings_define_hnsw();
	settings_hnsw_seen = true;
}

/*
 * vectordb.kernels: which instruction set computes distances.  It changes the
 * speed alone: results have the same bits under every one.
 */
static char *setting_kernels = NULL;

/* The names this machine accepts, as a list for an error message. */
static char *
settings_kernel_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	appendStringInfoString(&names, "\"auto\"");
	for (int i = 0; vdb_kernel_tables[i] != NULL; i++)
	{
		if (distance_supported(vdb_kernel_tables[i]))
			appendStringInfo(&names, ", \"%s\"", vdb_kernel_tables[i]->name);
	}
	return names.data;
}

static bool
settings_check_kernels(char **newval, void **extra, GucSource source)
{
	if (strcmp(*newval, "auto") == 0)
		return true;

	for (int i = 0; vdb_kernel_tables[i] != NULL; i++)
	{
		if (strcmp(*newval, vdb_kernel_tables[i]->name) != 0)
			continue;
		if (distance_supported(vdb_kernel_tables[i]))
			return true;
		GUC_check_errmsg("this machine cannot run the kernels \"%s\"",
						 *newval);
		break;
	}
	GUC_check_errdetail("Available values: %s.", settings_kernel_names());
	return false;
}

static void
settings_assign_kernels(const char *newval, void *extra)
{
	/* The check hook has accepted the name, so this cannot fail. */
	(void) distance_init(newval);
}

static void
settings_define_kernels(void)
{
	/* Callers may use vdb_kernels from here on, whatever the setting says. */
	(void) distance_init("auto");

	DefineCustomStringVariable("vectordb.kernels",
							   "Chooses the instruction set that computes distances.",
							   "\"auto\" takes the fastest of this machine. "
							   "Results are the same under every choice.",
							   &setting_kernels,
							   "auto",
							   PGC_USERSET,
							   0,
							   settings_check_kernels,
							   settings_assign_kernels,
							   NULL);
}

static void
settings_define_vacuum(void)
{
	DefineCustomBoolVariable("vectordb.vacuum_merge",
							 "Lets VACUUM merge segments with few live rows.",
							 "Without it their space comes back when their "
							 "last row dies, or with vectordb.build().",
							 &vdb_vacuum_merge,
							 true,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("vectordb.vacuum_build",
							 "Lets VACUUM build, merge and compact segments where no worker does.",
							 "That is where workers are turned off, for the "
							 "server or for the index.",
							 &vdb_vacuum_build,
							 false,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
}

static void
settings_define_workers(void)
{
	DefineCustomIntVariable("vectordb.max_workers",
							"Number of maintenance workers of the server.",
							"0 turns them off.",
							&vdb_max_workers,
							2, 0, 64, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vectordb.max_build_workers",
							"Number of workers that may build graphs at the same time.",
							NULL,
							&vdb_max_build_workers,
							2, 0, 64, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vectordb.max_merge_workers",
							"Number of workers that may merge or compact segments at the same time.",
							NULL,
							&vdb_max_merge_workers,
							1, 0, 64, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vectordb.worker_memory",
							"Memory of a maintenance worker.",
							"-1 takes maintenance_work_mem.",
							&vdb_worker_memory,
							-1, -1, MAX_KILOBYTES, PGC_SIGHUP, GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomIntVariable("vectordb.worker_naptime",
							"Time between two looks of a worker at its indexes.",
							NULL,
							&vdb_worker_naptime,
							1000, 10, 60000, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("vectordb.launcher_naptime",
							"Time between two visits of the launcher to a database.",
							"A launcher runs if the library is preloaded.",
							&vdb_launcher_naptime,
							60, 1, 86400, PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("vectordb.seal_idle_time",
							"Time without inserts after which a worker seals a growing segment.",
							"0 leaves it growing until it is full.",
							&vdb_seal_idle_time,
							60, 0, 86400, PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
}

static void
settings_define_worker_costs(void)
{
	DefineCustomRealVariable("vectordb.worker_cost_delay",
							 "Time that a worker sleeps when it has used up its cost limit.",
							 "0 lets it work at full speed.",
							 &vdb_worker_cost_delay,
							 2, 0, 100, PGC_SIGHUP, GUC_UNIT_MS,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("vectordb.worker_cost_limit",
							"Cost of page accesses after which a worker sleeps.",
							"Costs are those of VACUUM.",
							&vdb_worker_cost_limit,
							2000, 1, 10000, PGC_SIGHUP, 0,
							NULL, NULL, NULL);
}

static void
settings_define_recall(void)
{
	DefineCustomRealVariable("vectordb.target_recall",
							 "Share of the nearest rows that a search along a graph is to find.",
							 NULL,
							 &vdb_target_recall,
							 0.95, 0.5, 1.0,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
}

/* Elsewhere 0 often stands for no limit; here every search would be empty. */
static bool
settings_check_max_scan_tuples(int *newval, void **extra, GucSource source)
{
	if (*newval != 0)
		return true;
	GUC_check_errdetail("A search that ends after 0 rows finds nothing; "
						"-1 sets no limit.");
	return false;
}

/*
 * Names, ranges and meaning are those that existing programs rely on; the
 * defaults are such that nothing has to be set.
 */
static void
settings_define_hnsw(void)
{
	static const struct config_enum_entry iterative_scans[] = {
		{"off", ITERATIVE_SCAN_OFF, false},
		{"strict_order", ITERATIVE_SCAN_STRICT, false},
		{"relaxed_order", ITERATIVE_SCAN_RELAXED, false},
		{NULL, 0, false}
	};

	DefineCustomIntVariable("hnsw.ef_search",
							"Number of rows among which a search along a graph looks for the nearest.",
							"0 chooses it by vectordb.target_recall.",
							&vdb_hnsw_ef_search,
							HNSW_EF_SEARCH_AUTO, HNSW_EF_SEARCH_AUTO, 1000,
							PGC_USERSET,
							0,
							NULL, NULL, NULL);
	DefineCustomEnumVariable("hnsw.iterative_scan",
							 "How a search goes on when more rows are wanted than it found at first.",
							 "strict_order keeps the order of distances; "
							 "relaxed_order also returns rows that are found late; "
							 "off ends the search.",
							 &vdb_hnsw_iterative_scan,
							 ITERATIVE_SCAN_STRICT, iterative_scans,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("hnsw.max_scan_tuples",
							"Number of rows after which a search does not go on any further.",
							"-1 sets no limit.",
							&vdb_hnsw_max_scan_tuples,
							HNSW_MAX_SCAN_TUPLES_NONE,
							HNSW_MAX_SCAN_TUPLES_NONE, PG_INT32_MAX,
							PGC_USERSET,
							0,
							settings_check_max_scan_tuples, NULL, NULL);
	DefineCustomRealVariable("hnsw.scan_mem_multiplier",
							 "Multiple of work_mem that a search may use.",
							 NULL,
							 &vdb_hnsw_scan_mem_multiplier,
							 1, 1, 1000,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
	MarkGUCPrefixReserved("hnsw");
	settings_hnsw_seen = true;
}

/* A name has one owner in a process; the server's error says too little. */
static bool
settings_check_undefined(const char *name, int elevel)
{
	int			flags = GetConfigOptionFlags(name, true);

	if (GetConfigOption(name, true, false) == NULL ||
		(flags & GUC_CUSTOM_PLACEHOLDER) != 0)
		return true;
	ereport(elevel,
			errcode(ERRCODE_DUPLICATE_OBJECT),
			errmsg("setting \"%s\" is already defined by another library",
				   name),
			errhint("Load one of the two libraries, in a new session."));
	return false;
}
