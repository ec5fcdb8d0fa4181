/*-------------------------------------------------------------------------
 *
 * unit.h
 *	  What the unit tests share: a generator, checks, memory with a fence.
 *
 * A program runs its checks, prints what failed and returns unit_finish().
 * Its first argument, if any, is a number of random cases; the script "run"
 * gives a smaller one where programs run slowly.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_UNIT_H
#define VDB_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first argument, or fallback when there is none. */
extern long unit_ncases(int argc, char **argv, long fallback);

/* The same sequence in every run. */
extern uint64_t unit_random(void);
extern uint32_t unit_below(uint32_t n);

/* Gaussian, mean 0 and deviation 1. */
extern float unit_gaussian(void);

/* Counts a check, and shows the message when it failed (ten times at most). */
extern bool unit_check(bool passed, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* Exit status; shows how many checks failed, or that none was made. */
extern int	unit_finish(void);

/*
 * Memory of which the first byte after the end faults when touched.  fence_end
 * is that byte: place data so that it ends there.
 */
typedef struct Fence
{
	uint8_t    *start;
	uint8_t    *end;
} Fence;

extern Fence unit_fence(size_t size);

#endif							/* VDB_UNIT_H */
