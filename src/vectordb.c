/*-------------------------------------------------------------------------
 *
 * vectordb.c
 *	  What the server calls when it loads the library.
 *
 * Relies on every part that has something to register; promises nothing more
 * than that _PG_init() calls each of them once, in the order they need.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/common/creation.h"
#include "base/compat.h"
#include "base/settings.h"
#include "fmgr.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	settings_init();
	creation_init();
	worker_init();
}
