/*-------------------------------------------------------------------------
 *
 * float_parse.c
 *	  Reading a float from text, fast and correctly rounded.
 *
 * Text input is most of the cost of COPY into a table of vectors, and
 * strtof() is slow because it must serve every case.  Here the usual case is
 * done in one multiplication of doubles; what is not provably right that way
 * is left to strtof().
 *
 * The number is w * 10^e, where w has at most 18 significant digits.  Its
 * double is
 *
 *	  d = fl(fl(w) * fl(10^e))
 *
 * with three roundings of relative size 2^-53 at most, so d is less than 4
 * units in its last place away from the number.  Floats, and the midpoints
 * between neighbouring floats, are doubles.  When no midpoint lies within 8
 * units of d, then d and the number are on the same side of every midpoint,
 * hence both round to the same float.  In the range of normal floats a
 * midpoint is a double whose low 29 bits are 2^28, which is easy to test; the
 * ends of that range, and the one case in 30 million near a midpoint, go to
 * strtof().
 *
 *-------------------------------------------------------------------------
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "type/float_parse.h"

/* More digits would not fit a signed 64-bit integer for certain. */
#define FLOAT_PARSE_MAX_DIGITS 18

/* Doubles between these are far enough inside the range of normal floats. */
#define FLOAT_PARSE_MIN 1.2e-38
#define FLOAT_PARSE_MAX 3.4e38

/* Bits of a double that a float has no room for, and a midpoint's. */
#define FLOAT_PARSE_LOW_MASK UINT64_C(0x1FFFFFFF)
#define FLOAT_PARSE_MIDPOINT UINT64_C(0x10000000)
#define FLOAT_PARSE_MARGIN UINT64_C(8)

#define FLOAT_PARSE_MIN_EXP (-64)
#define FLOAT_PARSE_MAX_EXP 38

/* 10^e, correctly rounded by the compiler. */
static const double float_parse_pow10[] = {
	1e-64, 1e-63, 1e-62, 1e-61, 1e-60, 1e-59, 1e-58, 1e-57, 1e-56, 1e-55,
	1e-54, 1e-53, 1e-52, 1e-51, 1e-50, 1e-49, 1e-48, 1e-47, 1e-46, 1e-45,
	1e-44, 1e-43, 1e-42, 1e-41, 1e-40, 1e-39, 1e-38, 1e-37, 1e-36, 1e-35,
	1e-34, 1e-33, 1e-32, 1e-31, 1e-30, 1e-29, 1e-28, 1e-27, 1e-26, 1e-25,
	1e-24, 1e-23, 1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17, 1e-16, 1e-15,
	1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4,
	1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21,
	1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32, 1e33,
	1e34, 1e35, 1e36, 1e37, 1e38
};

static float float_parse_slow(const char *s, const char **end);

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FLOAT_PARSE_EIGHT_AT_ONCE
#endif

#ifdef FLOAT_PARSE_EIGHT_AT_ONCE

static const uint64_t float_parse_int_pow10[] = {
	1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000
};

/*
 * The value of the digits at the start of 8 bytes of text, and their number.
 *
 * Branch-free on the number of digits, since it varies from one element of a
 * vector to the next and a mispredicted branch costs more than all the rest.
 */
static inline uint64_t
float_parse_eight(const char *p, int *ndigits)
{
	uint64_t	bytes;
	uint64_t	other;

	memcpy(&bytes, p, sizeof(bytes));

	/* Digits become 0 to 9; a byte above 9 gets its high bit in "other". */
	bytes ^= UINT64_C(0x3030303030303030);
	other = ((bytes + UINT64_C(0x7676767676767676)) | bytes) &
		UINT64_C(0x8080808080808080);

	/*
	 * A byte above 9 may carry into those after it, but those before it, and
	 * its own bit, are right.  Move the digits to the end, zeros before them.
	 */
	if (other != 0)
	{
		*ndigits = __builtin_ctzll(other) >> 3;
		if (*ndigits == 0)
			return 0;
		bytes <<= 64 - 8 * *ndigits;
	}
	else
		*ndigits = 8;

	/* Join neighbours: 8 digits, 4 pairs, 2 fours, 1 eight. */
	bytes = (bytes * 10 + (bytes >> 8)) & UINT64_C(0x00FF00FF00FF00FF);
	bytes = (bytes * 100 + (bytes >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
	bytes = (bytes * 10000 + (bytes >> 32)) & UINT64_C(0xFFFFFFFF);
	return bytes;
}

#endif							/* FLOAT_PARSE_EIGHT_AT_ONCE */

/*
 * Reads digits at p onto *w and returns where they end.  *w wraps around
 * silently: the caller counts the digits.
 */
static inline const char *
float_parse_digits(const char *p, const char *limit, uint64_t *w)
{
#ifdef FLOAT_PARSE_EIGHT_AT_ONCE
	while (limit - p >= 8)
	{
		int			ndigits;
		uint64_t	value = float_parse_eight(p, &ndigits);

		*w = *w * float_parse_int_pow10[ndigits] + value;
		p += ndigits;
		if (ndigits < 8)
			return p;
	}
#endif
	while (*p >= '0' && *p <= '9')
	{
		*w = *w * 10 + (uint64_t) (*p - '0');
		p++;
	}
	return p;
}

/* How many of the digits of the number at p are zeros in front? */
static int
float_parse_leading_zeros(const char *p)
{
	int			nzeros = 0;

	for (; *p == '0' || *p == '.'; p++)
	{
		if (*p == '0')
			nzeros++;
	}
	return nzeros;
}

/*
 * Reads the exponent whose 'e' is at *p and moves *p behind it.  False when
 * it is not well-formed or too long to matter.
 */
static bool
float_parse_exponent(const char **p, int *exponent)
{
	const char *digits = *p + 1;
	const char *s;
	bool		negative = *digits == '-';
	int			value = 0;

	if (*digits == '-' || *digits == '+')
		digits++;
	for (s = digits; *s >= '0' && *s <= '9'; s++)
	{
		if (s - digits >= 4)
			return false;
		value = value * 10 + (*s - '0');
	}
	if (s == digits)
		return false;

	*exponent = negative ? -value : value;
	*p = s;
	return true;
}

float
float_parse(const char *s, const char *limit, const char **end)
{
	const char *p = s;
	const char *digits;
	bool		negative = *p == '-';
	uint64_t	w = 0;
	uint64_t	bits;
	int			ndigits;
	int			exponent = 0;
	double		d;

	if (*p == '-' || *p == '+')
		p++;
	digits = p;
	p = float_parse_digits(p, limit, &w);
	ndigits = (int) (p - digits);
	if (*p == '.')
	{
		const char *fraction = ++p;

		p = float_parse_digits(p, limit, &w);
		ndigits += (int) (p - fraction);
		exponent = -(int) (p - fraction);
	}
	if (ndigits == 0 ||
		(ndigits > FLOAT_PARSE_MAX_DIGITS &&
		 ndigits - float_parse_leading_zeros(digits) > FLOAT_PARSE_MAX_DIGITS))
		return float_parse_slow(s, end);

	if (*p == 'e' || *p == 'E')
	{
		int			written;

		if (!float_parse_exponent(&p, &written))
			return float_parse_slow(s, end);
		exponent += written;
	}
	else if (*p == 'x' || *p == 'X')
		return float_parse_slow(s, end);

	if (w == 0)
	{
		*end = p;
		return negative ? -0.0f : 0.0f;
	}
	if (exponent < FLOAT_PARSE_MIN_EXP || exponent > FLOAT_PARSE_MAX_EXP)
		return float_parse_slow(s, end);

	d = (double) (int64_t) w *
		float_parse_pow10[exponent - FLOAT_PARSE_MIN_EXP];
	memcpy(&bits, &d, sizeof(bits));
	if ((bits & FLOAT_PARSE_LOW_MASK) - (FLOAT_PARSE_MIDPOINT -
										 FLOAT_PARSE_MARGIN) <=
		2 * FLOAT_PARSE_MARGIN ||
		d < FLOAT_PARSE_MIN || d > FLOAT_PARSE_MAX)
		return float_parse_slow(s, end);

	*end = p;
	return negative ? -(float) d : (float) d;
}

/* Everything else, at leisure. */
static float
float_parse_slow(const char *s, const char **end)
{
	char	   *stop;
	float		value = strtof(s, &stop);

	*end = stop;
	return value;
}
