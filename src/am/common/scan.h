/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  The scan of a vector index, for access methods: ORDER BY distance,
 *	  and conditions on it.
 *
 * The functions have the signatures of the access method's own and are put
 * into its IndexAmRoutine as they are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_SCAN_H
#define VDB_SCAN_H

#include "postgres.h"

#include "access/genam.h"
#include "access/sdir.h"
#include "access/skey.h"
#include "nodes/tidbitmap.h"

extern IndexScanDesc scan_begin(Relation index, int nkeys, int norderbys);
extern void scan_rescan(IndexScanDesc desc, ScanKey keys, int nkeys,
						ScanKey orderbys, int norderbys);
extern bool scan_gettuple(IndexScanDesc desc, ScanDirection direction);
extern int64 scan_getbitmap(IndexScanDesc desc, TIDBitmap *bitmap);
extern void scan_end(IndexScanDesc desc);

#endif							/* VDB_SCAN_H */
