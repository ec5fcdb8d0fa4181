/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The settings "vectordb.*": definitions, check and assign hooks.
 *
 * Relies on guc.h and, for vectordb.kernels, on the tables of distance.h.
 * Each subject has a function settings_define_<subject>(); settings_init()
 * calls them all and then reserves the prefix, so that a mistyped name is an
 * error and not a placeholder nobody reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/debug_points.h"
#include "base/settings.h"
#include "distance/distance.h"
#include "lib/stringinfo.h"
#include "utils/guc.h"

bool		vdb_vacuum_merge = true;

static void settings_define_kernels(void);
static void settings_define_vacuum(void);

void
settings_init(void)
{
	settings_define_kernels();
	debug_points_define_setting();
	settings_define_vacuum();

	MarkGUCPrefixReserved("vectordb");
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
}
