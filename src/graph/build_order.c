/*-------------------------------------------------------------------------
 *
 * build_order.c
 *	  The order in which nodes are stored.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph/build_private.h"

void
build_phase_order(GraphBuild *build)
{
	uint32		chunk;

	while (build_next(build, PHASE_ORDER, build_nchunks(build), &chunk))
	{
		uint32		end = build_chunk_end(build, chunk);

		for (uint32 node = chunk * CHUNK_NODES; node < end; node++)
			continue;
		build_done(build, PHASE_ORDER, end - chunk * CHUNK_NODES);
	}
}
