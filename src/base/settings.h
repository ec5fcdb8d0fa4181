/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings "vectordb.*" and "hnsw.*".
 *
 * A setting that code reads is a variable declared below.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_SETTINGS_H
#define VDB_SETTINGS_H

#include <stdbool.h>

/* vectordb.vacuum_merge: VACUUM merges segments with few live rows. */
extern bool vdb_vacuum_merge;

/* vectordb.vacuum_build: VACUUM does the jobs of an index without a worker. */
extern bool vdb_vacuum_build;

/* Maintenance workers; docs/administration.md. */
extern int	vdb_max_workers;
extern int	vdb_max_build_workers;
extern int	vdb_max_merge_workers;
extern int	vdb_worker_memory;	/* kB; -1: maintenance_work_mem */
extern int	vdb_worker_naptime; /* ms */
extern double vdb_worker_cost_delay;	/* ms */
extern int	vdb_worker_cost_limit;
extern int	vdb_seal_idle_time; /* s; 0: never */
extern int	vdb_launcher_naptime;	/* s */

/* vectordb.target_recall: what a search along a graph is to reach. */
extern double vdb_target_recall;

/* hnsw.ef_search; HNSW_EF_SEARCH_AUTO: as vectordb.target_recall demands. */
#define HNSW_EF_SEARCH_AUTO 0
extern int	vdb_hnsw_ef_search;

/* hnsw.iterative_scan, an IterativeScan. */
typedef enum IterativeScan
{
	ITERATIVE_SCAN_OFF,
	ITERATIVE_SCAN_STRICT,
	ITERATIVE_SCAN_RELAXED
} IterativeScan;
extern int	vdb_hnsw_iterative_scan;

/* hnsw.max_scan_tuples; HNSW_MAX_SCAN_TUPLES_NONE: no limit. */
#define HNSW_MAX_SCAN_TUPLES_NONE (-1)
extern int	vdb_hnsw_max_scan_tuples;

/* hnsw.scan_mem_multiplier: memory of a search, in work_mem. */
extern double vdb_hnsw_scan_mem_multiplier;

/*
 * Called once, when the library is loaded: defines the settings and chooses
 * the distance kernels.  Where the whole server loads it, "hnsw.*" wait until
 * a process needs them: another library defines the same names, and may be in
 * use in another database.
 */
extern void settings_init(void);

/* Called before an index that obeys "hnsw.*" is used. */
extern void settings_need_hnsw(void);

#endif							/* VDB_SETTINGS_H */
