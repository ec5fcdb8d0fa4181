/*-------------------------------------------------------------------------
 *
 * sphere.h
 *	  The SQL type "sphere_vector": all vectors nearer to a centre than a
 *	  radius, and how C code gets at one.
 *
 * It is a composite type, (center vector, radius double precision), so that
 * formats, casts and dumps are the server's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_SPHERE_H
#define VDB_SPHERE_H

#include "postgres.h"

#include "type/vector.h"

/* Share of the rows that is in a sphere, if no more is known of it. */
#define SPHERE_SELECTIVITY 0.005

typedef struct Sphere
{
	Vector	   *center;			/* points into the datum or to a copy */
	double		radius;			/* any number, NaN and infinity included */
} Sphere;

/* False, and nothing in *sphere, if one of the two is NULL. */
extern bool sphere_get(Datum datum, Sphere *sphere);

#endif							/* VDB_SPHERE_H */
