/*-------------------------------------------------------------------------
 *
 * options.h
 *	  Storage parameters of the access methods.
 *
 * all
 *	seal_size	raw size of the vectors at which a growing segment is
 *				sealed; default 122 MB
 *	min_index_rows	a segment of fewer rows stays as it is; default 1,024
 *	max_segment_size	raw size of the vectors up to which segments are
 *				merged; default 1 GB
 *	compaction_threshold	share of dead rows above which a segment is
 *				rewritten; default 0.2
 *	worker		maintenance workers take care of the index; default on
 * hnsw
 *	build		"sync": CREATE INDEX builds graphs; "async": workers do,
 *				later
 *	m			neighbours of a vector; default 16
 *	ef_construction		candidates looked at for them; default 64, at least
 *				twice m
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_OPTIONS_H
#define VDB_OPTIONS_H

#include "postgres.h"

#include "utils/rel.h"

/* Make the parameters known; called before any is parsed, any often. */
extern void options_register(void);

/* amoptions: those of all, and those of hnsw. */
extern bytea *options_parse(Datum reloptions, bool validate);
extern bytea *options_parse_hnsw(Datum reloptions, bool validate);

/* Rows of dim dimensions at which a segment is sealed: 1 or more. */
extern uint32 options_seal_rows(Relation index, uint32 dim);

/* What there is to know for maintenance. */
typedef struct MaintenanceOptions
{
	uint32		min_index_rows;
	uint64		max_segment_rows;
	double		dead_fraction;
	bool		worker;
} MaintenanceOptions;

extern MaintenanceOptions options_maintenance(Relation index, uint32 dim);

/* Are graphs left to workers when the index is created? */
extern bool options_build_later(Relation index);

/* What an index of hnsw was told. */
typedef struct GraphOptions
{
	int			m;
	int			ef_construction;
} GraphOptions;

extern GraphOptions options_graph(Relation index);

#endif							/* VDB_OPTIONS_H */
