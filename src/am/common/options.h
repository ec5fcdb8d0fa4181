/*-------------------------------------------------------------------------
 *
 * options.h
 *	  Storage parameters that all access methods share.
 *
 *	seal_size	raw size of the vectors at which a growing segment is
 *				sealed; default 122 MB
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_OPTIONS_H
#define VDB_OPTIONS_H

#include "postgres.h"

#include "utils/rel.h"

/* Make the parameters known; called before any is parsed, any often. */
extern void options_register(void);

/* amoptions. */
extern bytea *options_parse(Datum reloptions, bool validate);

/* Rows of dim dimensions at which a segment is sealed: 1 or more. */
extern uint32 options_seal_rows(Relation index, uint32 dim);

#endif							/* VDB_OPTIONS_H */
