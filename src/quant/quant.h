/*-------------------------------------------------------------------------
 *
 * quant.h
 *	  Codes of vectors, and certain lower bounds of distances from codes.
 *
 * A QuantSpace is what all rows and queries of an index share: dimension,
 * metric, rotation, centre, bits.  quant_encode() turns a vector into a code
 * and three factors; a QuantQuery gives, for codes, a number that is never
 * above the distance which the SQL operator returns for that pair, in any
 * rounding, under any instruction set (README.md has the proof).
 *
 *	metric		operator	bound is below
 *	L2			<->			l2_distance(q, o)
 *	IP			<#>			-inner_product(q, o)
 *	COSINE		<=>			cosine_distance(q, o)
 *	L1			<+>			l1_distance(q, o)
 *
 * Full code, 8 bits ("row code"): byte i is u_i of dimension i, standing for
 * scale * (2 * u_i - 255) of the rotated and centred vector.
 *
 * Split code, for 8-bit spaces: the coarse plane holds the high nibbles
 * (factors of their own), the fine plane the low ones; byte i of a plane holds
 * dimension i in its low and dimension i + plane_bytes in its high nibble.
 *
 * 4-bit spaces (vectors whose 8-bit row does not fit a page): the row code is
 * a coarse plane, and there is no fine plane.
 *
 * Memory: everything is allocated in the current memory context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_QUANT_H
#define VDB_QUANT_H

#include "postgres.h"

/* Stored on disk and in opclass definitions: never renumber. */
typedef enum QuantMetric
{
	QUANT_L2 = 1,
	QUANT_IP = 2,
	QUANT_COSINE = 3,
	QUANT_L1 = 4
} QuantMetric;

/* What a row is; stored on disk: never renumber. */
typedef enum RowClass
{
	ROW_BOUNDED = 0,			/* code and factors are valid */
	ROW_UNBOUNDED = 1,			/* no safe bound: treat it as -infinity */
	ROW_NAN = 2,				/* distance is NaN to every query (zero vector
								 * under cosine) */
	ROW_NULL = 3				/* no vector */
} RowClass;

typedef struct RowFactors
{
	float		scale;			/* >= 0; half a quantisation step */
	float		norm_sq;		/* squared 2-norm of the decoded code; L1: 0 */
	float		radius;			/* norm of what the code leaves out, rounded
								 * up; the 1-norm for L1 */
} RowFactors;

typedef struct QuantSpace
{
	uint32		dim;
	QuantMetric metric;
	int			bits;			/* 8 or 4 */
	uint64		seed;			/* of the rotation's signs */
	const float *centre;		/* dim floats, or NULL for the origin */
	uint32		row_bytes;		/* length of a row code */
	uint32		plane_bytes;	/* length of a row in one plane */
	struct QuantRotation *rotation; /* private */
	float	   *scratch;		/* private: 2 * dim floats, for encoding */
	double		centre_norm;	/* upper bound of its 2-norm */
} QuantSpace;

/* Bits of the row code that quant_space_create() takes for a dimension. */
extern int	quant_bits_for_dim(uint32 dim);

/* centre is copied, NULL for none.  What it means is frozen with version 1. */
extern QuantSpace *quant_space_create(uint32 dim, QuantMetric metric, int bits,
									  uint64 seed, const float *centre);

/*
 * Encode one vector.  Writes row_bytes at code and the factors (all zero
 * unless the class is ROW_BOUNDED).  Never raises an error for finite input.
 */
extern RowClass quant_encode(const QuantSpace *space, const float *vector,
							 uint8 *code, RowFactors *factors);

/*
 * Take a row code apart into planes (8-bit spaces).  coarse_factors are those
 * of the coarse plane; scale of the full code = coarse scale / 16, its radius
 * is full->radius, its norm_sq is not needed by quant_bound_split().
 */
extern void quant_split(const QuantSpace *space, const uint8 *code,
						const RowFactors *full, uint8 *coarse, uint8 *fine,
						RowFactors *coarse_factors);

/* The inverse of quant_split(): row code and factors, bit for bit. */
extern void quant_join(const QuantSpace *space, const uint8 *coarse,
					   const uint8 *fine, float coarse_scale, float radius,
					   uint8 *code, RowFactors *full);

typedef enum QueryClass
{
	QUERY_BOUNDED = 0,
	QUERY_UNBOUNDED = 1,		/* every bound is -infinity */
	QUERY_NAN = 2				/* every distance is NaN (zero under cosine) */
} QueryClass;

typedef struct QuantQuery
{
	const QuantSpace *space;
	QueryClass	class;
	struct QuantQueryData *data;	/* private */
} QuantQuery;

/* Rotate and quantise a query; the vector is not kept. */
extern QuantQuery *quant_query_create(const QuantSpace *space,
									  const float *query);

/* Codes of consecutive rows with their factors in arrays. */
typedef struct CodeBlock
{
	const uint8 *codes;
	size_t		stride;			/* bytes from one row's code to the next */
	int			nrows;			/* at most QUANT_MAX_BLOCK */
	const float *scale;
	const float *norm_sq;
	const float *radius;
} CodeBlock;

#define QUANT_MAX_BLOCK 2048

typedef struct RowBound
{
	uint16		row;			/* number of the row in the block */
	float		bound;
} RowBound;

/*
 * First stage: bounds for a block of coarse-plane rows, or of row codes.
 * Writes those with bound <= threshold (all, when it is +infinity) in order of
 * row, returns how many; bounds are finite or -infinity, never NaN, and the
 * same row gives the same bits in every call.  out has room for nrows.  The
 * query is QUERY_BOUNDED and the rows are ROW_BOUNDED (others give some
 * number that the caller ignores).
 */
extern int	quant_bounds_coarse(const QuantQuery *query,
								const CodeBlock *block, float threshold,
								RowBound *out);
extern int	quant_bounds_row(const QuantQuery *query, const CodeBlock *block,
							 float threshold, RowBound *out);

/*
 * Second stage, for one row: the tightest bound its full code allows.  The
 * result may be below the first stage's: the caller takes the larger.
 */
extern float quant_bound_split(const QuantQuery *query, const uint8 *coarse,
							   const uint8 *fine, float coarse_scale,
							   float radius);
extern float quant_bound_row(const QuantQuery *query, const uint8 *code,
							 const RowFactors *factors);

/*
 * Like quant_bound_row() for a row code of 8 bits, and in *score what the
 * codes say of the row, without room for any error: the squared distance
 * (cosine: of the unit vectors), or -2 times the inner product.  Not for L1.
 */
extern float quant_row_score(const QuantQuery *query, const uint8 *code,
							 const RowFactors *factors, float *score);

/*
 * A query for which P(q - c) is given, dim floats (inner product: P q), and
 * for inner product <q, c>.  Its bounds leave out how that was computed: for
 * measurements inside an index.
 */
extern QuantQuery *quant_query_create_projected(const QuantSpace *space,
												const float *projected,
												double centre_dot);

/*
 * Steering: estimates of <y, P(q - c)> (inner product: <y, P q>) for codes y
 * of one sign a dimension, in FastScan blocks of 32:
 *
 *		about sum * factor + offset
 *
 * sum being what the kernel fastscan_block() makes of the block and lut.
 * Only the first "dim" dimensions given to create count.  A code can have two
 * signs a dimension, of which the second counts half: y is then one of 1.5,
 * 0.5, -0.5 and -1.5.  The second ones begin at QUANT_STEER_SECOND, and "dim"
 * is QUANT_STEER_TWO_SIGNS of the dimension.
 */
#define QUANT_STEER_SECOND(dim) (((dim) + 7) / 8 * 8)
#define QUANT_STEER_TWO_SIGNS(dim) (QUANT_STEER_SECOND(dim) + (dim))
typedef struct QuantSteer
{
	uint32		ngroups;		/* of four dimensions */
	float		factor;
	float		offset;
	float		centre_score;	/* score of the centre itself */
	float		query_norm_sq;	/* inner product: squared norm of the query */
	uint8		lut[FLEXIBLE_ARRAY_MEMBER]; /* 16 * ngroups */
} QuantSteer;

extern QuantSteer *quant_steer_create(const QuantQuery *query, uint32 dim);

/* P times the centre: dim floats, all zero when the centre is the origin. */
extern float *quant_rotated_centre(const QuantSpace *space);

#endif							/* VDB_QUANT_H */
