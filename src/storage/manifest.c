/*-------------------------------------------------------------------------
 *
 * manifest.c
 *	  Creating and reading the manifest; the maintenance lock.
 *
 * The metapage's content lock covers all descriptor pages: readers hold it
 * shared while they copy, writers exclusively.  A copy is therefore the state
 * after one record and before the next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/background.h"
#include "base/compat.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/descriptor.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/manifest.h"
#include "storage/wal.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#define MANIFEST_LANES 8

/* How long to wait before the maintenance lock is asked for again. */
#define MAINTENANCE_RETRY_MS 20

/* Sub-object number of the maintenance lock; see maintenance_lock(). */
#define MAINTENANCE_LOCK_NUMBER 1

/* The same of the lock of jobs; those of builders lie between. */
#define SOURCES_LOCK_NUMBER 65535

/* Held in share mode by who wants a job to give up. */
#define SOURCES_WANTED_NUMBER 65534

static void manifest_fill_meta(Page page, const IndexIdentity *identity,
							   uint32 centre_npages);
static void manifest_write_centre(Relation index, uint32 dim,
								  const float *centre, uint32 npages);
static Manifest *manifest_copy(Relation index, bool all);

/* A copy that is being made. */
typedef struct ManifestCopy
{
	Relation	index;
	Manifest   *manifest;
	int			capacity;
	bool		all;			/* also what no scan reads */
	BlockNumber blkno;			/* page whose descriptors are added */
	uint32		descriptor_page;	/* its number, see SegmentInfo */
} ManifestCopy;

static void manifest_add_slots(ManifestCopy *copy,
							   const SegmentDescriptor *slots, int nslots);
static void manifest_check_slot(const ManifestCopy *copy,
								const SegmentDescriptor *slot);

void
manifest_create(Relation index, ForkNumber fork,
				const IndexIdentity *identity, const float *centre)
{
	uint32		npages = 0;
	Buffer		buffer;
	PageEdit	edit;

	if (fork == INIT_FORKNUM)
	{
		PGIOAlignedBlock block;

		manifest_fill_meta(block.data, identity, 0);
		page_write_init_fork(index, block.data);
		return;
	}

	if (centre != NULL)
		npages = (identity->dim + CENTRE_FLOATS_PER_PAGE - 1) /
			CENTRE_FLOATS_PER_PAGE;
	page_extend_to(index, 1 + npages);
	if (centre != NULL)
		manifest_write_centre(index, identity->dim, centre, npages);

	buffer = page_acquire_new(index, META_BLKNO);
	edit = page_edit_begin(index);
	manifest_fill_meta(page_edit_new(&edit, buffer, PAGE_META, 0, 0),
					   identity, npages);
	page_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
}

/* Ids are not used again: a page that is left over cannot be mistaken. */
void
manifest_forget(Relation index)
{
	Manifest   *manifest = manifest_read(index);
	Buffer		buffer = descriptor_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	MetaPage	old = *meta_page(BufferGetPage(buffer));
	PageEdit	edit = page_edit_begin(index);
	Page		page = page_edit_new(&edit, buffer, PAGE_META, 0, 0);

	manifest_fill_meta(page, &manifest->identity, old.centre_npages);
	meta_page(page)->next_segment_id = old.next_segment_id;
	meta_page(page)->generation = old.generation + 1;
	page_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
}

Manifest *
manifest_read(Relation index)
{
	return manifest_copy(index, false);
}

Manifest *
manifest_read_all(Relation index)
{
	return manifest_copy(index, true);
}

float *
manifest_read_centre(Relation index, const Manifest *manifest)
{
	uint32		dim = manifest->identity.dim;
	float	   *centre;

	if (manifest->centre_npages == 0)
		return NULL;

	centre = palloc(sizeof(float) * dim);
	for (uint32 i = 0; i < manifest->centre_npages; i++)
	{
		BlockNumber blkno = manifest->centre_start + i;
		uint32		first = i * CENTRE_FLOATS_PER_PAGE;
		uint32		n;
		Buffer		buffer;

		if (first >= dim)
			break;
		n = Min(dim - first, CENTRE_FLOATS_PER_PAGE);
		buffer = page_read(index, blkno, PAGE_CENTRE, 0, BUFFER_LOCK_SHARE);
		if (page_content_used(BufferGetPage(buffer)) < n * sizeof(float))
			page_report_damage(index, blkno, "The centre is cut short.");
		memcpy(centre + first, page_content(BufferGetPage(buffer)),
			   n * sizeof(float));
		UnlockReleaseBuffer(buffer);
	}
	return centre;
}

/*
 * The maintenance lock is a heavyweight lock on a sub-object of the index:
 * unlike a page lock it allows other heavyweight locks to be taken while it
 * is held (assert-enabled servers refuse that for page locks), which the
 * check for orphaned builders needs.
 */
static void
maintenance_tag(Relation index, LOCKTAG *tag)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, RelationRelationId,
					   RelationGetRelid(index), MAINTENANCE_LOCK_NUMBER);
}

void
maintenance_lock(Relation index)
{
	LOCKTAG		tag;

	maintenance_tag(index, &tag);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

bool
maintenance_try_lock(Relation index)
{
	LOCKTAG		tag;

	maintenance_tag(index, &tag);
	return LockAcquire(&tag, ExclusiveLock, false, true) !=
		LOCKACQUIRE_NOT_AVAIL;
}

void
maintenance_lock_patiently(Relation index)
{
	while (!maintenance_try_lock(index))
	{
		background_check();
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 MAINTENANCE_RETRY_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

void
maintenance_unlock(Relation index)
{
	LOCKTAG		tag;

	maintenance_tag(index, &tag);
	LockRelease(&tag, ExclusiveLock, false);
}

static void
sources_tag(Relation index, LOCKTAG *tag)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, RelationRelationId,
					   RelationGetRelid(index), SOURCES_LOCK_NUMBER);
}

bool
sources_try_lock(Relation index)
{
	LOCKTAG		tag;

	sources_tag(index, &tag);
	return LockAcquire(&tag, ExclusiveLock, false, true) !=
		LOCKACQUIRE_NOT_AVAIL;
}

void
sources_unlock(Relation index)
{
	LOCKTAG		tag;

	sources_tag(index, &tag);
	LockRelease(&tag, ExclusiveLock, false);
}

static void
wanted_tag(Oid indexrelid, LOCKTAG *tag)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, RelationRelationId, indexrelid,
					   SOURCES_WANTED_NUMBER);
}

void
sources_want(Oid indexrelid)
{
	LOCKTAG		tag;

	wanted_tag(indexrelid, &tag);
	(void) LockAcquire(&tag, ShareLock, false, false);
}

void
sources_unwant(Oid indexrelid)
{
	LOCKTAG		tag;

	wanted_tag(indexrelid, &tag);
	LockRelease(&tag, ShareLock, false);
}

/* Tried for a moment alone, so whoever wants it waits no longer than that. */
bool
sources_are_wanted(Relation index)
{
	LOCKTAG		tag;

	wanted_tag(RelationGetRelid(index), &tag);
	if (LockAcquire(&tag, ExclusiveLock, false, true) ==
		LOCKACQUIRE_NOT_AVAIL)
		return true;
	LockRelease(&tag, ExclusiveLock, false);
	return false;
}

static void
manifest_fill_meta(Page page, const IndexIdentity *identity,
				   uint32 centre_npages)
{
	MetaPage   *meta = meta_page(page);

	page_init(page, PAGE_META, 0, 0);
	meta->magic = VDB_MAGIC;
	meta->format = VDB_FORMAT_VERSION;
	meta->am = identity->am;
	meta->metric = identity->metric;
	meta->element = identity->element;
	meta->bits = identity->bits;
	meta->nlanes = MANIFEST_LANES;
	meta->dim = identity->dim;
	meta->seed = identity->seed;
	meta->next_segment_id = 1;
	meta->high_water = 1 + centre_npages;
	meta->growing_header = InvalidBlockNumber;
	meta->free_head = InvalidBlockNumber;
	meta->free_tail = InvalidBlockNumber;
	meta->centre_start = 1;
	meta->centre_npages = centre_npages;
	meta->desc_head = InvalidBlockNumber;
	meta->desc_tail = InvalidBlockNumber;
	meta->created = GetCurrentTimestamp();
	page_set_content_used(page, sizeof(MetaPage));
}

/* Blocks 1 and on, logged before the metapage that makes an index of them. */
static void
manifest_write_centre(Relation index, uint32 dim, const float *centre,
					  uint32 npages)
{
	for (uint32 i = 0; i < npages; i++)
	{
		uint32		first = i * CENTRE_FLOATS_PER_PAGE;
		uint32		n = Min(dim - first, CENTRE_FLOATS_PER_PAGE);

		page_build_write(index, 1 + i, PAGE_CENTRE, 0, i,
						 (const char *) (centre + first), n * sizeof(float),
						 NULL);
	}
	page_log_range(index, 1, 1 + npages);
}

static Manifest *
manifest_copy(Relation index, bool all)
{
	Manifest   *manifest = palloc0(sizeof(Manifest));
	ManifestCopy copy = {index, manifest, MANIFEST_META_SLOTS + 1, all,
	META_BLKNO, 0};
	Buffer		buffer = descriptor_lock_meta(index, BUFFER_LOCK_SHARE);
	Page		page = BufferGetPage(buffer);
	MetaPage   *meta = meta_page(page);

	manifest->identity.am = meta->am;
	manifest->identity.metric = meta->metric;
	manifest->identity.element = meta->element;
	manifest->identity.dim = meta->dim;
	manifest->identity.bits = meta->bits;
	manifest->identity.seed = meta->seed;
	manifest->high_water = meta->high_water;
	manifest->centre_start = meta->centre_start;
	manifest->centre_npages = meta->centre_npages;
	manifest->npending = meta->npending;
	manifest->generation = meta->generation;
	manifest->created = meta->created;

	manifest->segments = palloc(sizeof(SegmentInfo) * copy.capacity);
	if (meta->growing_id != 0)
	{
		SegmentInfo *info = &manifest->segments[manifest->nsegments++];

		memset(info, 0, sizeof(SegmentInfo));
		info->id = meta->growing_id;
		info->header = meta->growing_header;
		info->state = SEGMENT_GROWING;
		info->kind = SEGMENT_ROWS;
	}
	manifest_add_slots(&copy, meta->slots, MANIFEST_META_SLOTS);
	copy.blkno = meta->desc_head;
	while (copy.blkno != InvalidBlockNumber)
	{
		Buffer		desc = descriptor_lock_page(index, copy.blkno,
												++copy.descriptor_page,
												BUFFER_LOCK_SHARE);
		DescriptorPage *slots = descriptor_page(BufferGetPage(desc));

		manifest_add_slots(&copy, slots->slots, MANIFEST_PAGE_SLOTS);
		copy.blkno = slots->next;
		UnlockReleaseBuffer(desc);
	}
	for (int i = 0; i < manifest->nsegments; i++)
	{
		if (manifest->segments[i].id >= meta->next_segment_id)
			page_report_damage(index, META_BLKNO,
							   "A segment has a number that was not given yet.");
	}
	UnlockReleaseBuffer(buffer);
	return manifest;
}

static void
manifest_add_slots(ManifestCopy *copy, const SegmentDescriptor *slots,
				   int nslots)
{
	Manifest   *manifest = copy->manifest;

	for (int i = 0; i < nslots; i++)
	{
		const SegmentDescriptor *slot = &slots[i];
		SegmentInfo *info;

		if (slot->id == 0)
			continue;
		manifest_check_slot(copy, slot);
		if (!copy->all && slot->state != SEGMENT_SEALING &&
			slot->state != SEGMENT_SEALED)
			continue;
		if (manifest->nsegments == copy->capacity)
		{
			copy->capacity *= 2;
			manifest->segments = repalloc(manifest->segments,
										  sizeof(SegmentInfo) *
										  copy->capacity);
		}
		info = &manifest->segments[manifest->nsegments++];
		info->id = slot->id;
		info->state = slot->state;
		info->kind = slot->kind;
		info->header = slot->header;
		info->level = slot->level;
		info->nrows = slot->nrows;
		info->ndead = slot->ndead;
		info->npages = slot->npages;
		info->descriptor_page = copy->descriptor_page;
		info->created = slot->created;
		info->tries = slot->tries;
		info->sqlstate = slot->sqlstate;
		info->tried = slot->tried;
	}
}

/* A segment that is skipped for its state would be missed without a word. */
static void
manifest_check_slot(const ManifestCopy *copy, const SegmentDescriptor *slot)
{
	if (slot->state < SEGMENT_SEALING || slot->state > SEGMENT_RETIRED ||
		(slot->kind != SEGMENT_ROWS && !segment_has_planes(slot->kind)) ||
		slot->ndead > slot->nrows)
		page_report_damage(copy->index, copy->blkno,
						   psprintf("The descriptor of segment %u is out of range.",
									slot->id));
}
