/*-------------------------------------------------------------------------
 *
 * vector_io.c
 *	  Text and binary formats and the type modifier of "vector".
 *
 * Text: [1,2.5,-3e-7], white space allowed around brackets and elements.
 * Output is the shortest text that reads back to the same float.  Binary:
 * int16 dim, int16 zero, dim float4, all in network byte order.
 *
 * Input errors are soft where the server supports that: vector_in() returns
 * with the error in fcinfo->context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "type/float_parse.h"
#include "type/vector.h"
#include "type/vector_check.h"
#include "utils/array.h"

/* A text being read. */
typedef struct VectorText
{
	const char *start;
	const char *limit;			/* its null byte */
	const char *p;				/* what comes next */
	struct Node *escontext;
} VectorText;

static bool vector_text_open(VectorText *text);
static int	vector_text_elements(VectorText *text, float *x);
static bool vector_text_close(VectorText *text);

PG_FUNCTION_INFO_V1(vdb_vector_in);
Datum
vdb_vector_in(PG_FUNCTION_ARGS)
{
	char	   *input = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	VectorText	text;
	float		x[VECTOR_MAX_DIM];
	int			dim;
	Vector	   *result;

	text.start = text.p = input;
	text.limit = input + strlen(input);
	text.escontext = fcinfo->context;

	if (!vector_text_open(&text))
		PG_RETURN_NULL();
	dim = vector_text_elements(&text, x);
	if (dim < 0 || !vector_text_close(&text) ||
		!vector_check_typmod(dim, typmod, text.escontext))
		PG_RETURN_NULL();

	result = palloc(VECTOR_SIZE(dim));
	SET_VARSIZE(result, VECTOR_SIZE(dim));
	result->dim = (int16) dim;
	result->unused = 0;
	memcpy(result->x, x, sizeof(float) * dim);
	PG_RETURN_VECTOR_P(result);
}

/* White space as the server's own scanner has it, whatever the locale. */
static inline void
vector_text_skip_space(VectorText *text)
{
	while (*text->p == ' ' || (*text->p >= '\t' && *text->p <= '\r'))
		text->p++;
}

/* Not the text of a vector; the detail is a full sentence. */
static bool
vector_text_invalid(const VectorText *text, const char *detail)
{
	ereturn(text->escontext, false,
			errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			errmsg("invalid input syntax for type vector: \"%s\"",
				   text->start),
			errdetail_internal("%s", detail));
}

/* The same where element "number", counted from 1, is expected. */
static bool
vector_text_no_element(const VectorText *text, int number)
{
	const char *format = *text->p == '\0' ?
	_("The text ends where element %d is expected.") :
	_("Element %d is not a number.");

	return vector_text_invalid(text, psprintf(format, number));
}

/* Reads up to and with the opening bracket. */
static bool
vector_text_open(VectorText *text)
{
	vector_text_skip_space(text);
	if (*text->p != '[')
		return vector_text_invalid(text,
								   _("The elements must be enclosed in \"[\" and \"]\"."));
	text->p++;
	vector_text_skip_space(text);
	if (*text->p == ']')
		return vector_check_dim(0, text->escontext);
	return true;
}

/* Reads element "number", from 1, and the white space around it. */
static inline bool
vector_text_element(VectorText *text, float *x, int number)
{
	const char *end;

	vector_text_skip_space(text);
	*x = float_parse(text->p, text->limit, &end);
	if (unlikely(end == text->p))
		return vector_text_no_element(text, number);
	if (unlikely(!isfinite(*x)))
	{
		const char *word = text->p + (*text->p == '-' || *text->p == '+');

		/* Digits that overflowed, as opposed to the word "infinity"? */
		if (isinf(*x) && (*word == '.' || (*word >= '0' && *word <= '9')))
			ereturn(text->escontext, false,
					errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("\"%s\" is out of range for type vector",
						   pnstrdup(text->p, end - text->p)),
					errdetail("Element %d is too large for single precision.",
							  number));
		return vector_check_element(*x, text->escontext);
	}
	text->p = end;
	vector_text_skip_space(text);
	return true;
}

/*
 * Reads the elements and the closing bracket; x has room for VECTOR_MAX_DIM.
 * Returns how many, or -1 after a soft error.
 */
static int
vector_text_elements(VectorText *text, float *x)
{
	int			dim = 0;

	for (;;)
	{
		if (dim == VECTOR_MAX_DIM)
		{
			(void) vector_check_dim((int64) dim + 1, text->escontext);
			return -1;
		}
		if (!vector_text_element(text, &x[dim], dim + 1))
			return -1;
		dim++;

		if (*text->p == ',')
			text->p++;
		else if (*text->p == ']')
		{
			text->p++;
			return dim;
		}
		else
		{
			(void) vector_text_invalid(text,
									   psprintf(_("Expected \",\" or \"]\" after element %d."),
												dim));
			return -1;
		}
	}
}

/* Nothing but white space may follow. */
static bool
vector_text_close(VectorText *text)
{
	vector_text_skip_space(text);
	if (*text->p != '\0')
		return vector_text_invalid(text,
								   _("Only white space may follow the closing \"]\"."));
	return true;
}

PG_FUNCTION_INFO_V1(vdb_vector_out);
Datum
vdb_vector_out(PG_FUNCTION_ARGS)
{
	Vector	   *v = PG_GETARG_VECTOR_P(0);
	char	   *result;
	char	   *p;

	/* Each float with its separator, the brackets, the null byte. */
	result = palloc((Size) v->dim * FLOAT_SHORTEST_DECIMAL_LEN + 3);
	p = result;
	*p++ = '[';
	for (int i = 0; i < v->dim; i++)
	{
		if (i > 0)
			*p++ = ',';
		p += float_to_shortest_decimal_bufn(v->x[i], p);
	}
	*p++ = ']';
	*p = '\0';

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_CSTRING(result);
}

PG_FUNCTION_INFO_V1(vdb_vector_typmod_in);
Datum
vdb_vector_typmod_in(PG_FUNCTION_ARGS)
{
	ArrayType  *modifiers = PG_GETARG_ARRAYTYPE_P(0);
	int32	   *values;
	int			nvalues;

	values = ArrayGetIntegerTypmods(modifiers, &nvalues);
	if (nvalues != 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid type modifier"));
	if (values[0] < 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("dimensions for type vector must be at least 1"));
	if (values[0] > VECTOR_MAX_DIM)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("dimensions for type vector cannot exceed %d",
					   VECTOR_MAX_DIM));
	PG_RETURN_INT32(values[0]);
}

/* Between the floats of a vector and those of its binary format. */
static inline void
vector_swap_elements(float *x, int dim)
{
	for (int i = 0; i < dim; i++)
	{
		uint32		bits;

		memcpy(&bits, &x[i], sizeof(bits));
		bits = pg_ntoh32(bits);
		memcpy(&x[i], &bits, sizeof(bits));
	}
}

PG_FUNCTION_INFO_V1(vdb_vector_recv);
Datum
vdb_vector_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	int			dim = (int) pq_getmsgint(buf, sizeof(int16));
	int			unused = (int) pq_getmsgint(buf, sizeof(int16));
	Vector	   *result;

	(void) vector_check_dim(dim, NULL);
	(void) vector_check_typmod(dim, typmod, NULL);
	if (unused != 0)
		ereport(ERROR,
				errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("expected unused to be 0, not %d", unused));

	result = vector_new(dim);
	pq_copymsgbytes(buf, (char *) result->x, (int) sizeof(float) * dim);
	vector_swap_elements(result->x, dim);
	vector_check_elements(result->x, dim);
	PG_RETURN_VECTOR_P(result);
}

PG_FUNCTION_INFO_V1(vdb_vector_send);
Datum
vdb_vector_send(PG_FUNCTION_ARGS)
{
	Vector	   *v = PG_GETARG_VECTOR_P(0);
	int			element_bytes = (int) sizeof(float) * v->dim;
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint16(&buf, (uint16) v->dim);
	pq_sendint16(&buf, 0);
	enlargeStringInfo(&buf, element_bytes);
	for (int i = 0; i < v->dim; i++)
	{
		uint32		bits;

		memcpy(&bits, &v->x[i], sizeof(bits));
		pq_writeint32(&buf, bits);
	}

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}
