/*-------------------------------------------------------------------------
 *
 * unit.c
 *	  See unit.h.
 *
 *-------------------------------------------------------------------------
 */
#include "unit.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_MESSAGES 10

static uint64_t random_state = UINT64_C(0x853C49E6748FEA9B);
static long nchecks = 0;
static long nfailed = 0;

long
unit_ncases(int argc, char **argv, long fallback)
{
	return argc > 1 ? atol(argv[1]) : fallback;
}

/* A 64-bit linear congruential generator, its output mixed. */
uint64_t
unit_random(void)
{
	uint64_t	x;

	random_state = random_state * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	x = random_state ^ (random_state >> 33);
	x *= UINT64_C(0xFF51AFD7ED558CCD);
	return x ^ (x >> 29);
}

uint32_t
unit_below(uint32_t n)
{
	return (uint32_t) ((unit_random() >> 32) % n);
}

float
unit_gaussian(void)
{
	double		u = ((unit_random() >> 11) + 1) * 0x1p-53;
	double		v = (unit_random() >> 11) * 0x1p-53;

	return (float) (sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

bool
unit_check(bool passed, const char *format,...)
{
	nchecks++;
	if (!passed && nfailed++ < MAX_MESSAGES)
	{
		va_list		args;

		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		printf("\n");
	}
	return passed;
}

int
unit_finish(void)
{
	if (nchecks == 0)
		printf("no check was made\n");
	if (nfailed > 0)
		printf("%ld of %ld checks failed\n", nfailed, nchecks);
	return nchecks == 0 || nfailed > 0;
}

Fence
unit_fence(size_t size)
{
	size_t		page = (size_t) sysconf(_SC_PAGESIZE);
	size_t		usable = (size + page - 1) / page * page;
	Fence		fence;
	uint8_t    *p = mmap(NULL, usable + page, PROT_READ | PROT_WRITE,
						 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + usable, page, PROT_NONE) != 0)
		abort();
	fence.start = p;
	fence.end = p + usable;
	return fence;
}
