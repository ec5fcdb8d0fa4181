/*-------------------------------------------------------------------------
 *
 * topk.h
 *	  The smallest entries of a stream, and a priority queue of them.
 *
 * An entry is 128 bits in two words, ordered by the first and then by the
 * second.  What they mean is the caller's; no two entries are equal.
 *
 * TopCollector keeps the "limit" smallest of any number of entries in room
 * for twice as many: when that is full, half is thrown away by selection, and
 * from then on the largest one kept is the threshold at the door.
 *
 * TopHeap is a binary heap with the smallest entry on top.
 *
 * Both allocate in the memory context that was current at their creation, and
 * keep what they have when they are reset.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_TOPK_H
#define VDB_TOPK_H

#include "postgres.h"

typedef struct TopEntry
{
	uint64		key;
	uint64		place;
} TopEntry;

static inline bool
top_less(const TopEntry *a, const TopEntry *b)
{
	return a->key < b->key || (a->key == b->key && a->place < b->place);
}

/* Order of floats (no NaN) as order of unsigned numbers, and back. */
static inline uint32
top_float_order(float value)
{
	union
	{
		float		f;
		uint32		u;
	}			bits = {.f = value};

	return bits.u ^ ((uint32) -(int32) (bits.u >> 31) | 0x80000000);
}

static inline float
top_order_float(uint32 order)
{
	union
	{
		uint32		u;
		float		f;
	}			bits;

	bits.u = (order & 0x80000000) ? order & 0x7FFFFFFF : ~order;
	return bits.f;
}

typedef struct TopCollector
{
	MemoryContext context;
	TopEntry   *entries;		/* room for capacity */
	uint32		capacity;
	uint32		count;
	uint32		limit;
	bool		dropped;		/* there is a threshold; entries beyond it may
								 * have been seen */
	TopEntry	threshold;		/* only smaller ones are taken */
} TopCollector;

extern void top_collector_init(TopCollector *collector);

/* Start again, keeping the "limit" smallest. */
extern void top_collector_reset(TopCollector *collector, uint32 limit);

/* Before the first entry: take only those below this threshold. */
extern void top_collector_limit(TopCollector *collector, TopEntry threshold);

/*
 * The stream has ended: leaves the result in entries[0 .. count), unordered:
 * all of them if nothing was dropped, else all below the threshold, or the
 * "limit" smallest, the largest of which is the threshold then.
 */
extern void top_collector_finish(TopCollector *collector);

/* Throw away all but the smallest; private to the inline function below. */
extern void top_collector_cut(TopCollector *collector);

static inline void
top_collector_add(TopCollector *collector, TopEntry entry)
{
	if (!top_less(&entry, &collector->threshold))
		return;
	collector->entries[collector->count++] = entry;
	if (collector->count == 2 * collector->limit)
		top_collector_cut(collector);
}

typedef struct TopHeap
{
	MemoryContext context;
	TopEntry   *entries;
	uint32		capacity;
	uint32		count;
} TopHeap;

extern void top_heap_init(TopHeap *heap);
extern void top_heap_reset(TopHeap *heap);

/* Add n entries in any order. */
extern void top_heap_add(TopHeap *heap, const TopEntry *entries, uint32 n);

/* Remove the top; replace it by a larger entry.  The heap is not empty. */
extern void top_heap_pop(TopHeap *heap);
extern void top_heap_replace(TopHeap *heap, TopEntry entry);

#endif							/* VDB_TOPK_H */
