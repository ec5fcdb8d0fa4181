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
#define SEAL_SIZE_MIN 1
#define SEAL_SIZE_MAX (64 * 1024 * 1024)

#define M_DEFAULT 16
#define M_MIN 2
#define M_MAX 100
#define EF_CONSTRUCTION_DEFAULT 64
#define EF_CONSTRUCTION_MIN 4
#define EF_CONSTRUCTION_MAX 1000

typedef struct IndexOptions
{
	int32		vl_len_;		/* varlena header; do not touch */
	int			seal_size;		/* offset of the string, 0 if not given */
	int			m;				/* hnsw */
	int			ef_construction;	/* hnsw */
} IndexOptions;

static relopt_kind options_exact_kind;
static relopt_kind options_hnsw_kind;
static bool options_registered = false;

static const relopt_parse_elt options_exact_table[] = {
	{"seal_size", RELOPT_TYPE_STRING, offsetof(IndexOptions, seal_size)}
};

static const relopt_parse_elt options_hnsw_table[] = {
	{"seal_size", RELOPT_TYPE_STRING, offsetof(IndexOptions, seal_size)},
	{"m", RELOPT_TYPE_INT, offsetof(IndexOptions, m)},
	{"ef_construction", RELOPT_TYPE_INT,
	offsetof(IndexOptions, ef_construction)}
};

static int	options_parse_size(const char *name, const char *value);
static void options_check_seal_size(const char *value);

void
options_register(void)
{
	if (options_registered)
		return;
	options_exact_kind = add_reloption_kind();
	options_hnsw_kind = add_reloption_kind();
	add_string_reloption(options_exact_kind | options_hnsw_kind, "seal_size",
						 "Raw size of the vectors at which a growing segment is sealed",
						 NULL, options_check_seal_size,
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

bytea *
options_parse(Datum reloptions, bool validate)
{
	return (bytea *) build_reloptions(reloptions, validate,
									  options_exact_kind,
									  sizeof(IndexOptions),
									  options_exact_table,
									  lengthof(options_exact_table));
}

/* What the catalogs have is not refused: it was valid when it was set. */
bytea *
options_parse_hnsw(Datum reloptions, bool validate)
{
	IndexOptions *options = (IndexOptions *)
	build_reloptions(reloptions, validate, options_hnsw_kind,
					 sizeof(IndexOptions), options_hnsw_table,
					 lengthof(options_hnsw_table));

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
	IndexOptions *options = (IndexOptions *) index->rd_options;
	int			kilobytes = SEAL_SIZE_DEFAULT;
	uint64		rows;

	if (options != NULL && options->seal_size != 0)
	{
		const char *value = GET_STRING_RELOPTION(options, seal_size);

		kilobytes = options_parse_size("seal_size", value);
	}
	rows = (uint64) kilobytes * 1024 / (sizeof(float4) * dim);
	return Min(Max(rows, 1), PG_INT32_MAX);
}

static void
options_check_seal_size(const char *value)
{
	if (value != NULL)
		(void) options_parse_size("seal_size", value);
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
	if (kilobytes < SEAL_SIZE_MIN || kilobytes > SEAL_SIZE_MAX)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("value \"%s\" is out of range for option \"%s\"",
					   value, name),
				errdetail("The size must be between %d kB and %d GB.",
						  SEAL_SIZE_MIN, SEAL_SIZE_MAX / 1024 / 1024));
	return kilobytes;
}
