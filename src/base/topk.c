/*-------------------------------------------------------------------------
 *
 * topk.c
 *	  The smallest entries of a stream, and a priority queue of them.
 *
 * Relies on memory contexts alone.  Promises that the entries kept are the
 * smallest in their order whatever the order of arrival, so that a scan that
 * is repeated from a boundary continues exactly where it ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/topk.h"
#include "utils/memutils.h"

static const TopEntry top_largest = {PG_UINT64_MAX, PG_UINT64_MAX};

static void top_select(TopEntry *entries, uint32 n, uint32 k);
static int	top_compare(const void *a, const void *b);
static void top_heap_sift_down(TopHeap *heap, uint32 i);
static void top_heap_sift_up(TopHeap *heap, uint32 i);

/* ----------------------------------------------------------------------
 * Collector
 * ----------------------------------------------------------------------
 */

void
top_collector_init(TopCollector *collector)
{
	memset(collector, 0, sizeof(TopCollector));
	collector->context = CurrentMemoryContext;
}

void
top_collector_reset(TopCollector *collector, uint32 limit)
{
	Assert(limit > 0 && limit < PG_UINT32_MAX / 2);
	if (collector->capacity < 2 * limit)
	{
		Size		nbytes = sizeof(TopEntry) * 2 * (Size) limit;

		if (collector->entries != NULL)
			pfree(collector->entries);
		collector->entries = NULL;
		collector->entries = MemoryContextAllocHuge(collector->context,
													nbytes);
		collector->capacity = 2 * limit;
	}
	collector->limit = limit;
	collector->count = 0;
	collector->dropped = false;
	collector->threshold = top_largest;
}

void
top_collector_limit(TopCollector *collector, TopEntry threshold)
{
	Assert(collector->count == 0 && !collector->dropped);
	collector->dropped = true;
	collector->threshold = threshold;
}

void
top_collector_finish(TopCollector *collector)
{
	if (collector->dropped && collector->count > collector->limit)
		top_collector_cut(collector);
}

void
top_collector_cut(TopCollector *collector)
{
	top_select(collector->entries, collector->count, collector->limit - 1);
	collector->dropped = true;
	collector->count = collector->limit;
	collector->threshold = collector->entries[collector->limit - 1];
}

static inline void
top_swap(TopEntry *a, TopEntry *b)
{
	TopEntry	t = *a;

	*a = *b;
	*b = t;
}

/*
 * Rearrange so that entry k is in its sorted place and smaller ones precede
 * it.  Quickselect by median of three; input made to defeat that is sorted.
 */
static void
top_select(TopEntry *entries, uint32 n, uint32 k)
{
	int64		low = 0;
	int64		high = (int64) n - 1;
	int			rounds = 0;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;
		int64		i = low;
		int64		j = high;
		TopEntry	pivot;

		if (++rounds > 64)
		{
			qsort(entries + low, high - low + 1, sizeof(TopEntry),
				  top_compare);
			return;
		}
		if (top_less(&entries[middle], &entries[low]))
			top_swap(&entries[middle], &entries[low]);
		if (top_less(&entries[high], &entries[low]))
			top_swap(&entries[high], &entries[low]);
		if (top_less(&entries[high], &entries[middle]))
			top_swap(&entries[high], &entries[middle]);
		pivot = entries[middle];

		while (i <= j)
		{
			while (top_less(&entries[i], &pivot))
				i++;
			while (top_less(&pivot, &entries[j]))
				j--;
			if (i <= j)
				top_swap(&entries[i++], &entries[j--]);
		}
		if (k <= j)
			high = j;
		else if (k >= i)
			low = i;
		else
			return;
	}
}

static int
top_compare(const void *a, const void *b)
{
	if (top_less(a, b))
		return -1;
	return top_less(b, a) ? 1 : 0;
}

/* ----------------------------------------------------------------------
 * Heap
 * ----------------------------------------------------------------------
 */

void
top_heap_init(TopHeap *heap)
{
	memset(heap, 0, sizeof(TopHeap));
	heap->context = CurrentMemoryContext;
}

void
top_heap_reset(TopHeap *heap)
{
	heap->count = 0;
}

/*
 * Many at once are put in order from the bottom, which costs less than one
 * after the other.
 */
void
top_heap_add(TopHeap *heap, const TopEntry *entries, uint32 n)
{
	uint32		old = heap->count;

	if (n == 0)
		return;
	if (heap->capacity - old < n)
	{
		Size		nbytes = sizeof(TopEntry) * ((Size) old + n);

		if (heap->entries == NULL)
			heap->entries = MemoryContextAllocHuge(heap->context, nbytes);
		else
			heap->entries = repalloc_huge(heap->entries, nbytes);
		heap->capacity = old + n;
	}
	memcpy(heap->entries + old, entries, sizeof(TopEntry) * n);
	heap->count = old + n;

	if (n > old / 8)
	{
		for (uint32 i = heap->count / 2; i > 0; i--)
			top_heap_sift_down(heap, i - 1);
	}
	else
	{
		for (uint32 i = old; i < heap->count; i++)
			top_heap_sift_up(heap, i);
	}
}

void
top_heap_pop(TopHeap *heap)
{
	Assert(heap->count > 0);
	heap->entries[0] = heap->entries[--heap->count];
	top_heap_sift_down(heap, 0);
}

void
top_heap_replace(TopHeap *heap, TopEntry entry)
{
	Assert(heap->count > 0);
	heap->entries[0] = entry;
	top_heap_sift_down(heap, 0);
}

static void
top_heap_sift_down(TopHeap *heap, uint32 i)
{
	TopEntry	entry;

	if (i >= heap->count)
		return;
	entry = heap->entries[i];
	for (;;)
	{
		uint32		child = 2 * i + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count &&
			top_less(&heap->entries[child + 1], &heap->entries[child]))
			child++;
		if (!top_less(&heap->entries[child], &entry))
			break;
		heap->entries[i] = heap->entries[child];
		i = child;
	}
	heap->entries[i] = entry;
}

static void
top_heap_sift_up(TopHeap *heap, uint32 i)
{
	TopEntry	entry = heap->entries[i];

	while (i > 0)
	{
		uint32		parent = (i - 1) / 2;

		if (!top_less(&entry, &heap->entries[parent]))
			break;
		heap->entries[i] = heap->entries[parent];
		i = parent;
	}
	heap->entries[i] = entry;
}
