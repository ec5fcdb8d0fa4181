/*-------------------------------------------------------------------------
 *
 * float_parse.h
 *	  Reading a float from text, fast and correctly rounded.
 *
 * Plain C, no server: test/unit/test_float_parse.c links it alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VDB_FLOAT_PARSE_H
#define VDB_FLOAT_PARSE_H

/*
 * float_parse -- what strtof() would read at s.
 *
 * Same result, bit for bit, same overflow to infinity, and *end is where
 * strtof() would stop: at s when there is no number.  Leading white space is
 * skipped as strtof() does.  The text must end with a null byte at "limit";
 * nothing beyond that byte is read.
 *
 * The locale's decimal point must be '.', and the rounding mode "to nearest".
 */
extern float float_parse(const char *s, const char *limit, const char **end);

#endif							/* VDB_FLOAT_PARSE_H */
