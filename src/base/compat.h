/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The one place that tests the version of PostgreSQL.
 *
 * Elsewhere the newest API is called; this file provides it where the server
 * is older.  Supported: PostgreSQL 15 to 18.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_COMPAT_H
#define VDB_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "vectordb needs PostgreSQL 15 or newer"
#endif

#include "storage/bufmgr.h"
#include "fmgr.h"
#include "storage/proc.h"
#include "storage/smgr.h"
#include "utils/rel.h"

/* SET_VARSIZE and its like: apart from postgres.h since 16. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * Exported symbols (16): before, PGDLLEXPORT is empty and functions declared
 * by PG_FUNCTION_INFO_V1 do not carry it, so that the server would find
 * nothing in a library built with -fvisibility=hidden.  Every file that has a
 * function called by SQL, or _PG_init, includes this header.
 */
#if PG_VERSION_NUM < 160000 && !defined(WIN32)
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(funcname) \
	extern PGDLLEXPORT Datum funcname(PG_FUNCTION_ARGS); \
	extern PGDLLEXPORT const Pg_finfo_record *pg_finfo_##funcname(void); \
	const Pg_finfo_record * \
	pg_finfo_##funcname(void) \
	{ \
		static const Pg_finfo_record info = {1}; \
		return &info; \
	} \
	extern int	no_such_variable
#endif

/* The numbers of the relation's file: renamed in 16. */
#if PG_VERSION_NUM >= 160000
#define RelationGetSmgrLocator(rel) ((rel)->rd_locator)
#else
#define RelationGetSmgrLocator(rel) ((rel)->rd_node)
#endif

/* Number of this process, from 0; used to spread writers over lanes. */
#if PG_VERSION_NUM >= 170000
#define vdb_process_number() ((int) MyProcNumber)
#else
#define vdb_process_number() ((int) MyProc->pgprocno)
#endif

/* Identity of a relation's files in storage manager and WAL: renamed in 16. */
#if PG_VERSION_NUM >= 160000
#define RelationGetSmgrIdent(smgr) ((smgr)->smgr_rlocator.locator)
#else
#define RelationGetSmgrIdent(smgr) ((smgr)->smgr_rnode.node)
#endif

/* Number of a relation's file, and a pin by hint of a block of it. */
#if PG_VERSION_NUM >= 160000
#define RelationGetFileNumber(rel) ((rel)->rd_locator.relNumber)
#define vdb_read_recent_buffer(rel, blkno, buffer) \
	ReadRecentBuffer((rel)->rd_locator, MAIN_FORKNUM, blkno, buffer)
#else
#define RelationGetFileNumber(rel) ((rel)->rd_node.relNode)
#define vdb_read_recent_buffer(rel, blkno, buffer) \
	ReadRecentBuffer((rel)->rd_node, MAIN_FORKNUM, blkno, buffer)
#endif

/*
 * Add one zero page to the main fork; returns it pinned, not locked.  The
 * caller holds the extension lock (from 16 on the caller's lock is passed on).
 */
#if PG_VERSION_NUM >= 160000
#define vdb_extend_relation(rel) \
	ExtendBufferedRel(BMR_REL(rel), MAIN_FORKNUM, NULL, EB_SKIP_EXTENSION_LOCK)
#else
#define vdb_extend_relation(rel) \
	ReadBufferExtended(rel, MAIN_FORKNUM, P_NEW, RBM_NORMAL, NULL)
#endif

/* Fields of the B-tree page reuse record, which replay uses for conflicts. */
#if PG_VERSION_NUM >= 160000
#define vdb_fill_reuse_record(record, rel, blkno, fxid) \
	((record)->locator = (rel)->rd_locator, \
	 (record)->block = (blkno), \
	 (record)->snapshotConflictHorizon = (fxid), \
	 (record)->isCatalogRel = false)
#else
#define vdb_fill_reuse_record(record, rel, blkno, fxid) \
	((record)->node = (rel)->rd_node, \
	 (record)->block = (blkno), \
	 (record)->latestRemovedFullXid = (fxid))
#endif

/* Does the role own the relation?  Needs catalog/pg_class.h, utils/acl.h. */
#if PG_VERSION_NUM >= 160000
#define vdb_class_ownercheck(relid, roleid) \
	object_ownercheck(RelationRelationId, relid, roleid)
#else
#define vdb_class_ownercheck(relid, roleid) \
	pg_class_ownercheck(relid, roleid)
#endif

/* From this transaction id on autovacuum is forced (access/transam.h). */
#if PG_VERSION_NUM >= 170000
#define vdb_xid_vac_limit() (TransamVariables->xidVacLimit)
#else
#define vdb_xid_vac_limit() (ShmemVariableCache->xidVacLimit)
#endif

/* A page that the storage manager can write: aligned more from 16 on. */
#if PG_VERSION_NUM < 160000
#define PGIOAlignedBlock PGAlignedBlock
#endif

/* Its name since 17. */
#if PG_VERSION_NUM < 170000
#define AmAutoVacuumWorkerProcess() IsAutoVacuumWorkerProcess()
#endif

/* Cost-based delay of VACUUM: takes an argument from 18 on. */
#if PG_VERSION_NUM >= 180000
#define vdb_vacuum_delay_point() vacuum_delay_point(false)
#else
#define vdb_vacuum_delay_point() vacuum_delay_point()
#endif

/* Fields of IndexAmRoutine that newer versions added. */
#if PG_VERSION_NUM >= 170000
#define vdb_set_version_flags(amroutine) \
	((amroutine)->amcanbuildparallel = true)
#else
#define vdb_set_version_flags(amroutine) ((void) (amroutine))
#endif

/*
 * Parallel workers for building an index: from 17 on the server plans them
 * for any access method, before for B-trees alone.  Needs nodes/execnodes.h,
 * optimizer/optimizer.h.
 */
#if PG_VERSION_NUM >= 170000
#define vdb_index_build_workers(heap, index, info) ((info)->ii_ParallelWorkers)
#else
#define vdb_index_build_workers(heap, index, info) \
	plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index))
#endif

/* What the server knows of a process, by number from 1 (backend_status.h). */
#if PG_VERSION_NUM >= 160000
#define vdb_local_status(i) pgstat_get_local_beentry_by_index(i)
#else
#define vdb_local_status(i) pgstat_fetch_stat_local_beentry(i)
#endif
#define vdb_backend_status(i) \
	(vdb_local_status(i) == NULL ? NULL : &vdb_local_status(i)->backendStatus)

/* Count a search for EXPLAIN (18). */
#if PG_VERSION_NUM >= 180000
#define vdb_count_index_search(desc) \
	do { if ((desc)->instrument) (desc)->instrument->nsearches++; } while (0)
#else
#define vdb_count_index_search(desc) ((void) (desc))
#endif

/* A path that must not be taken counts as disabled from 18 on. */
#if PG_VERSION_NUM >= 180000
#define vdb_disable_index_path(ipath) ((ipath)->path.disabled_nodes = 2)
#else
#define vdb_disable_index_path(ipath) ((void) (ipath))
#endif

/* A function that does not return: stands before the declaration since 18. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* Soft input errors (16): before, the error is raised. */
#if PG_VERSION_NUM < 160000
#define ereturn(context, dummy_value, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy_value; \
	} while (0)
#endif

#endif							/* VDB_COMPAT_H */
