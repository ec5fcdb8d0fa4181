/*-------------------------------------------------------------------------
 *
 * manifest.h
 *	  What an index consists of: identity, centre, segments.
 *
 * manifest_read() gives a copy that stays true for the snapshot of the
 * caller: segments that are retired later keep their pages until no snapshot
 * older than that can be in use (README.md, "Retired pages").
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_MANIFEST_H
#define VDB_MANIFEST_H

#include "postgres.h"

#include "common/relpath.h"
#include "quant/quant.h"
#include "storage/manifest_page.h"
#include "storage/segment_page.h"
#include "utils/rel.h"

/* On disk: never renumber. */
typedef enum AmKind
{
	AM_FLAT = 1,
	AM_HNSW = 2
} AmKind;

typedef enum ElementType
{
	ELEMENT_FLOAT4 = 1
} ElementType;

/* What does not change during the life of an index. */
typedef struct IndexIdentity
{
	AmKind		am;
	QuantMetric metric;
	ElementType element;
	uint32		dim;
	int			bits;
	uint64		seed;
} IndexIdentity;

typedef struct SegmentInfo
{
	uint32		id;
	SegmentState state;
	SegmentKind kind;
	BlockNumber header;
	uint32		level;
	uint32		nrows;			/* of sealed segments; 0 of others */
	uint32		ndead;
	uint32		npages;			/* blocks; 0 of the growing one */
	uint32		descriptor_page;	/* that names it: 0 the metapage, then the
									 * descriptor pages in their order */
	int64		created;
	uint32		tries;			/* jobs that failed, with what, and when (s) */
	uint32		sqlstate;
	uint32		tried;
} SegmentInfo;

typedef struct Manifest
{
	IndexIdentity identity;
	BlockNumber high_water;
	BlockNumber centre_start;
	uint32		centre_npages;
	uint32		npending;
	uint64		generation;
	int64		created;
	int			nsegments;
	SegmentInfo *segments;		/* growing, sealing and sealed ones: what a
								 * scan has to read; growing first */
} Manifest;

/*
 * Create block 0 and the centre (dim floats, or NULL for the origin).  On an
 * init fork only block 0 is written, durably.
 */
extern void manifest_create(Relation index, ForkNumber fork,
							const IndexIdentity *identity,
							const float *centre);

/* A consistent copy, in the current memory context. */
extern Manifest *manifest_read(Relation index);

/* The same with segments that are building or retired, for administration. */
extern Manifest *manifest_read_all(Relation index);

/* The centre: dim floats, or NULL when it is the origin. */
extern float *manifest_read_centre(Relation index, const Manifest *manifest);

/*
 * Maintenance lock: held by VACUUM from copying the manifest to its last mark,
 * and by whoever publishes, retires or frees segments; never while building.
 * Everybody but VACUUM uses the conditional form (design, rule 16).
 */
extern void maintenance_lock(Relation index);
extern bool maintenance_try_lock(Relation index);

/*
 * Take it without waiting in its queue, where an autovacuum that holds it
 * would be cancelled: try again and again, with pauses.
 */
extern void maintenance_lock_patiently(Relation index);
extern void maintenance_unlock(Relation index);

/*
 * Lock of a job that reads segments without a snapshot: while it is held
 * nobody else retires any.  Never waited for.  vectordb.build() and its like,
 * which have a snapshot, keep jobs away by their lock on the index, and take
 * this one for each rewrite if they can: VACUUM leaves the sources alone then.
 */
extern bool sources_try_lock(Relation index);
extern void sources_unlock(Relation index);

/*
 * Ask a worker to give up a job in the index, for the sake of a caller that
 * does not wait in the queue for the lock on it.
 */
extern void sources_want(Oid indexrelid);
extern void sources_unwant(Oid indexrelid);
extern bool sources_are_wanted(Relation index);

/*
 * A swap fits one record while its segments are named on no more descriptor
 * pages than these, the metapage not counted.
 */
#define MANIFEST_SWAP_PAGES 3

/*
 * Make the building segments part of the index, and retire the given ones, in
 * one step.  The caller holds the maintenance lock and has carried over dead
 * rows (ndead[i] of new segment i).  Sources must be sealed.
 */
typedef struct ManifestSwap
{
	int			nnew;
	const uint32 *new_ids;
	const uint32 *new_dead;
	int			nold;
	const uint32 *old_ids;
} ManifestSwap;

extern void manifest_swap(Relation index, const ManifestSwap *swap);

/*
 * Forget all segments of an index that is being built by this process and
 * that nobody else has seen: their pages are free at once.
 */
extern void manifest_forget(Relation index);

/*
 * Store the number of dead rows that VACUUM found.  A change of it forgets the
 * jobs that have failed.
 */
extern void manifest_set_dead(Relation index, uint32 segment_id, uint32 ndead);

/* Store how often jobs have failed in a segment, with what, and when. */
extern void manifest_set_tries(Relation index, uint32 segment_id,
							   uint32 tries, uint32 sqlstate, uint32 tried);

/*
 * The segments with which manifest_finish_pending() or manifest_retire_empty()
 * has something to do.  Returns how many.
 */
extern int	manifest_list_unfinished(Relation index, SegmentInfo **infos);

/*
 * Finish what a crash or a conflict left: seals, retired segments on their way
 * to the free list, building segments whose builder is gone.  With the
 * maintenance lock held.
 */
extern void manifest_finish_pending(Relation index);

/*
 * The sealed segment of the index whose rows are all dead are retired.  With
 * the maintenance lock held.  Returns how many.
 */
extern int	manifest_retire_empty(Relation index);

/*
 * After segments were retired: use up a transaction id, so that the horizon
 * can pass the one they were stamped with as soon as their readers are gone.
 */
extern void manifest_pass_horizon(void);

/* Blocks on the free list: for administration and tests. */
extern uint64 manifest_free_pages(Relation index);

#endif							/* VDB_MANIFEST_H */
