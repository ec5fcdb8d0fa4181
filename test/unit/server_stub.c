/*-------------------------------------------------------------------------
 *
 * server_stub.c
 *	  The few functions of the server that code under unit test calls.
 *
 * Memory comes from malloc() and is not given back: the programs are short.
 * (The address sanitizer's leak check is off for this reason; see run.)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>

/* postgres.h renames it to a function of the server */
#undef fprintf

void *
palloc(Size size)
{
	void	   *result = malloc(size > 0 ? size : 1);

	if (result == NULL)
		abort();
	return result;
}

void *
palloc0(Size size)
{
	void	   *result = calloc(1, size > 0 ? size : 1);

	if (result == NULL)
		abort();
	return result;
}

void
pfree(void *pointer)
{
	free(pointer);
}

/* What Assert() calls, should the server's headers ask for assertions. */
#if PG_VERSION_NUM >= 160000
void
ExceptionalCondition(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, condition);
	abort();
}
#else
void
ExceptionalCondition(const char *condition, const char *type,
					 const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s: %s\n", file, line, type, condition);
	abort();
}
#endif
