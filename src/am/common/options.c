/*-------------------------------------------------------------------------
 *
 * options.c
 *	  Storage parameters of the access methods.
 *
 * Sizes are strings with a unit, read as a setting of the server is; the
 * catalogs keep what the user wrote.  A parameter may be changed by ALTER
 * INDEX at any time: what has been sealed stays as it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "am/common/options.h"
#include "utils/guc.h"

/* In kilobytes, as the strings are read. */
#define SEAL_SIZE_DEFAULT (122 * 1024)
#define MAX_SEGMENT_SIZE_DEFAULT (1024 * 1024)
#define SIZE_MIN 1
#define SIZE_MAX_KB (64 * 1024 * 1024)

#define MIN_INDEX_ROWS_DEFAULT 1024
#define COMPACTION_DEFAULT 0.2

#define M_DEFAULT 16
#define M_MIN 2
#define M_MAX 100
#define EF_CONSTRUCTION_DEFAULT 64
#define EF_CONSTRUCTION_MIN 4
#define EF_CONSTRUCTION_MAX 1000

typedef enum BuildWhen
{
	BUILD_NOW,
	BUILD_LATER
} BuildWhen;

typedef struct IndexOptions
{
	int32		vl_len_;		/* varlena header; do not touch */
	int			seal_size;		/* offset of the string, 0 if not given */
	int			max_segment_size;	/* likewise */
	int			min_index_rows;
	double		compaction_threshold;
	bool		worker;
	int			build;			/* hnsw: a BuildWhen */
	int			m;				/* hnsw */
	int			ef_construction;	/* hnsw */
} IndexOptions;

static relopt_kind options_exact_kind;
static relopt_kind options_hnsw_kind;
static bool options_registered = false;

/* Those of all access methods, then those of hnsw. */
static const relopt_parse_elt options_table[] = {
	{"seal_size", RELOPT_TYPE_STRING, offsetof(IndexOptions, seal_size)},
	{"max_segment_size", RELOPT_TYPE_STRING,
	offsetof(IndexOptions, max_segment_size)},
	{"min_index_rows", RELOPT_TYPE_INT,
	offsetof(IndexOptions, min_index_rows)},
	{"compaction_threshold", RELOPT_TYPE_REAL,
	offsetof(IndexOptions, compaction_threshold)},
	{"worker", RELOPT_TYPE_BOOL, offsetof(IndexOptions, worker)},
	{"build", RELOPT_TYPE_ENUM, offsetof(IndexOptions, build)},
	{"m", RELOPT_TYPE_INT, offsetof(IndexOptions, m)},
	{"ef_construction", RELOPT_TYPE_INT,
	offsetof(IndexOptions, ef_construction)}
};

#define OPTIONS_COMMON 5

static relopt_enum_elt_def options_build_values[] =
{
	{
		"sync", BUILD_NOW
	},
	{
		"async", BUILD_LATER
	},
	{
		(const char *) NULL
	}
};

static void options_register_common(relopt_kind kinds);
static uint64 options_rows(const IndexOptions *options, const char *name,
						   int offset, int fallback, uint32 dim);
static int	options_parse_size(const char *name, const char *value);
static void options_check_seal_size(const char *value);
static void options_check_max_segment_size(const char *value);

void
options_register(void)
{
	if (options_registered)
		return;
	options_exact_kind = add_reloption_kind();
	options_hnsw_kind = add_reloption_kind();
	options_register_common(options_exact_kind | options_hnsw_kind);
	add_enum_reloption(options_hnsw_kind, "build",
					   "When graphs are built: by the command that creates the index, or later by workers",
					   options_build_values, BUILD_NOW,
					   "Valid values are \"sync\" and \"async\".",
					   ShareUpdateExclusiveLock);
	add_int_reloption(options_hnsw_kind, "m",
					  "Number of neighbours each vector is to have in each direction",
					  M_DEFAULT, M_MIN, M_MAX, ShareUpdateExclusiveLock);
	add_int_reloption(options_hnsw_kind, "ef_construction",
					  "Number of candidates from which neighbours are chosen",
					  EF_CONSTRUCTION_DEFAULT, EF_CONSTRUCTION_MIN,
					  EF_CONSTRUCTION_MAX, ShareUpdateExclusiveLock);
	options_registered = true;
}

static void
options_register_common(relopt_kind kinds)
{
	add_string_reloption(kinds, "seal_size",
						 "Raw size of the vectors at which a growing segment is sealed",
						 NULL, options_check_seal_size,
						 ShareUpdateExclusiveLock);
	add_string_reloption(kinds, "max_segment_size",
						 "Raw size of the vectors up to which segments are merged",
						 NULL, options_check_max_segment_size,
						 ShareUpdateExclusiveLock);
	add_int_reloption(kinds, "min_index_rows",
					  "Number of rows below which a sealed segment stays as it is",
					  MIN_INDEX_ROWS_DEFAULT, 1, PG_INT32_MAX,
					  ShareUpdateExclusiveLock);
	add_real_reloption(kinds, "compaction_threshold",
					   "Share of dead rows above which a segment is rewritten",
					   COMPACTION_DEFAULT, 0, 1, ShareUpdateExclusiveLock);
	add_bool_reloption(kinds, "worker",
					   "Lets maintenance workers take care of the index",
					   true, ShareUpdateExclusiveLock);
}

bytea *
options_parse(Datum reloptions, bool validate)
{
	return (bytea *) build_reloptions(reloptions, validate,
									  options_exact_kind,
									  sizeof(IndexOptions),
									  options_table, OPTIONS_COMMON);
}

/* What the catalogs have is not refused: it was valid when it was set. */
bytea *
options_parse_hnsw(Datum reloptions, bool validate)
{
	IndexOptions *options = (IndexOptions *)
	build_reloptions(reloptions, validate, options_hnsw_kind,
					 sizeof(IndexOptions), options_table,
					 lengthof(options_table));

	if (validate && options != NULL &&
		options->ef_construction < 2 * options->m)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("option \"ef_construction\" must be at least twice option \"m\""),
				errdetail("\"ef_construction\" is %d and \"m\" is %d.",
						  options->ef_construction, options->m));
	return (bytea *) options;
}

GraphOptions
options_graph(Relation index)
{
	IndexOptions *options = (IndexOptions *) index->rd_options;
	GraphOptions graph = {M_DEFAULT, EF_CONSTRUCTION_DEFAULT};

	if (options != NULL)
	{
		graph.m = options->m;
		graph.ef_construction = options->ef_construction;
	}
	return graph;
}

uint32
options_seal_rows(Relation index, uint32 dim)
{
	uint64		rows = options_rows((IndexOptions *) index->rd_options,
									"seal_size",
									offsetof(IndexOptions, seal_size),
									SEAL_SIZE_DEFAULT, dim);

	return Min(rows, PG_INT32_MAX);
}

MaintenanceOptions
options_maintenance(Relation index, uint32 dim)
{
	IndexOptions *options = (IndexOptions *) index->rd_options;
	MaintenanceOptions maintenance = {
		MIN_INDEX_ROWS_DEFAULT, 0, COMPACTION_DEFAULT, true
	};

	maintenance.max_segment_rows =
		options_rows(options, "max_segment_size",
					 offsetof(IndexOptions, max_segment_size),
					 MAX_SEGMENT_SIZE_DEFAULT, dim);
	if (options != NULL)
	{
		maintenance.min_index_rows = options->min_index_rows;
		maintenance.dead_fraction = options->compaction_threshold;
		maintenance.worker = options->worker;
	}
	return maintenance;
}

bool
options_build_later(Relation index)
{
	IndexOptions *options = (IndexOptions *) index->rd_options;

	return options != NULL && options->build == BUILD_LATER;
}

/* Vectors that a size holds; 1 or more. */
static uint64
options_rows(const IndexOptions *options, const char *name, int offset,
			 int fallback, uint32 dim)
{
	int			kilobytes = fallback;
	int			place = options == NULL ? 0 :
	*(const int *) ((const char *) options + offset);

	if (place != 0)
		kilobytes = options_parse_size(name, (const char *) options + place);
	return Max((uint64) kilobytes * 1024 / (sizeof(float4) * dim), 1);
}

static void
options_check_seal_size(const char *value)
{
	if (value != NULL)
		(void) options_parse_size("seal_size", value);
}

static void
options_check_max_segment_size(const char *value)
{
	if (value != NULL)
		(void) options_parse_size("max_segment_size", value);
}

/* Kilobytes; raises an error if it is no size, or one out of range. */
static int
options_parse_size(const char *name, const char *value)
{
	const char *hint = NULL;
	int			kilobytes;

	if (!parse_int(value, &kilobytes, GUC_UNIT_KB, &hint))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid value for option \"%s\": \"%s\"", name, value),
				hint ? errhint("%s", _(hint)) :
				errhint("Write a size with a unit, such as \"122MB\"."));
	if (kilobytes < SIZE_MIN || kilobytes > SIZE_MAX_KB)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("value \"%s\" is out of range for option \"%s\"",
					   value, name),
				errdetail("The size must be between %d kB and %d GB.",
						  SIZE_MIN, SIZE_MAX_KB / 1024 / 1024));
	return kilobytes;
}
