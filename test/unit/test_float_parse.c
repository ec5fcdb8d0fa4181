/*-------------------------------------------------------------------------
 *
 * test_float_parse.c
 *	  float_parse() must be strtof(): same bits, same end.
 *
 * Plain C.  Compile with -Isrc and src/type/float_parse.c; an argument sets
 * the number of random cases of each kind (default 1,000,000).  Every text is
 * placed at the very end of an allocation, so that a memory checker sees a
 * read beyond it.  Exits with 1 and shows the text at the first difference.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "type/float_parse.h"

static uint64_t random_state = UINT64_C(0x9E3779B97F4A7C15);
static long ncases = 0;

/* xorshift64*: the same cases in every run. */
static uint64_t
random_bits(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * UINT64_C(0x2545F4914F6CDD1D);
}

static int
random_below(int n)
{
	return (int) ((random_bits() >> 33) % (uint64_t) n);
}

static uint32_t
float_bits(float f)
{
	uint32_t	bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static float
bits_float(uint32_t bits)
{
	float		f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

static void
check(const char *text)
{
	size_t		len = strlen(text);
	char	   *copy = malloc(len + 1);
	char	   *expected_end;
	const char *end;
	float		expected;
	float		value;

	memcpy(copy, text, len + 1);
	expected = strtof(copy, &expected_end);
	value = float_parse(copy, copy + len, &end);
	ncases++;

	if (end != expected_end ||
		(isnan(expected) ? !isnan(value) :
		 float_bits(value) != float_bits(expected)))
	{
		printf("not ok: \"%s\" gives %a up to %d, expected %a up to %d\n",
			   text, value, (int) (end - copy),
			   expected, (int) (expected_end - copy));
		exit(1);
	}
	free(copy);
}

/* The text alone, and as an element of a vector. */
static void
check_in_context(const char *text)
{
	char		buf[256];

	check(text);
	snprintf(buf, sizeof(buf), "%s,1234567890", text);
	check(buf);
	snprintf(buf, sizeof(buf), "%s]", text);
	check(buf);
}

static void
test_fixed(void)
{
	static const char *const texts[] = {
		"", "-", "+", ".", "-.", "e5", ".e5", "0", "-0", "+0", "-0.0", "00",
		"0.", ".0", ".5", "5.", "-.5", "1e", "1e+", "1e-", "1e5", "1E5",
		"1e+5", "1e-5", "1e05", "1e00005", "1e99999", "1e-99999", "0e99999",
		"0x10", "0x1p-3", "0X1P3", "0x", "1x", "nan", "NaN", "-nan", "inf",
		"-inf", "Infinity", "infinit", "nan(123)", " 1", "\t\n2", "1 2",
		"--1", "+-1", "1..2", "1.2.3", "1e5.5", "1e5e5", "1,2", "abc", "1a",
		"3.4028235e38", "3.4028236e38", "-3.4028236e38", "3.40282357e38",
		"340282346638528859811704183484516925440", "1e38", "1e39", "9e38",
		"340282356779733661637539395458142568447",
		"340282356779733661637539395458142568448",
		"1.17549435e-38", "1.17549421e-38", "1.1754943e-38", "1e-38",
		"1.4e-45", "7e-46", "7.1e-46", "7.006492321624085e-46", "1e-46",
		"1e-400", "1e400", "0.000000000000000000000000000000000000000000001",
		"16777216", "16777217", "16777218", "16777219", "33554435",
		"16777217.0000000000000000000000001", "16777216.9999999999999999999",
		"1.00000005960464477539062", "1.000000059604644775390625",
		"1.00000005960464477539063", "1.00000017881393432617187499",
		"1.00000017881393432617187500", "1.00000017881393432617187501",
		"123456789012345678", "1234567890123456789", "12345678901234567890",
		"99999999999999999999999999999999999999", "0.1", "0.2", "0.3",
		"0.10000000149011612", "000000000000000000000000000001",
		"0.0000000000000000000000", "0000000000000000000.0.0",
		"0.00000000000000000000000.5", "-000000000000000000000.25",
		"12345678", "123456789", "1234567", "1234567.8", "12345678.9",
		"1.2345678", "1.23456789", "1.234567890123456", "8388608.5",
		"8388609.5", "4194304.25", "4194304.75", "/1", ":1", "1/", "1:",
		"12345678/", "1234567:", "1234567/8", "\x80" "1", "1\x80", "1\xff",
		"123\xff" "4567", "1.2\xba" "45678"
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_in_context(texts[i]);
}

/* Floats of every size, as programs write them. */
static void
test_random_floats(long n)
{
	static const char *const formats[] = {
		"%.9g", "%.8g", "%.7g", "%.6g", "%.17g", "%.15f", "%f", "%.3e", "%a"
	};

	for (long i = 0; i < n; i++)
	{
		char		buf[128];
		float		f = bits_float((uint32_t) random_bits());

		if (i % 2 == 0)
			f = (float) ((double) random_bits() / 1.8446744073709552e19 - 0.5);
		snprintf(buf, sizeof(buf), formats[random_below(9)], f);
		check(buf);
	}
}

/* Doubles, which have more digits than a float can tell apart. */
static void
test_random_doubles(long n)
{
	for (long i = 0; i < n; i++)
	{
		char		buf[128];
		double		d = (double) (int64_t) random_bits() / 9.3e18;

		d *= pow(10.0, random_below(90) - 50);
		snprintf(buf, sizeof(buf), "%.*g", 12 + random_below(14), d);
		check(buf);
	}
}

/* Midpoints of neighbouring floats, exact and a little beside. */
static void
test_midpoints(long n)
{
	for (long i = 0; i < n; i++)
	{
		char		buf[256];
		uint32_t	bits = (uint32_t) random_bits() & 0x7FFFFFFF;
		int			digits = 16 + random_below(100);
		double		middle;

		if (bits >= 0x7F7FFFFF)
			continue;
		middle = ((double) bits_float(bits) +
				  (double) bits_float(bits + 1)) / 2;
		snprintf(buf, sizeof(buf), "%.*e", digits, middle);
		check(buf);
		middle = nextafter(middle, random_below(2) ? 1e39 : 0);
		snprintf(buf, sizeof(buf), "%.*e", 14 + random_below(4), middle);
		check(buf);
	}
}

/* Midpoints between large floats, which are short integers. */
static void
test_integer_midpoints(long n)
{
	for (long i = 0; i < n; i++)
	{
		char		buf[64];
		uint64_t	value = (UINT64_C(1) << 24) | (random_bits() >> 40);
		int			shift = random_below(34);

		/* 25 bits and the midpoint's, then nothing or nearly nothing. */
		value = (value << 1 | 1) << shift;
		value += (uint64_t) (random_below(3) - 1);
		snprintf(buf, sizeof(buf), "%llu", (unsigned long long) value);
		check(buf);
		snprintf(buf, sizeof(buf), "%llue-%d", (unsigned long long) value,
				 random_below(30));
		check(buf);
	}
}

/* Any text made of the characters that numbers are made of. */
static void
test_random_text(long n)
{
	static const char alphabet[] = "0123456789012345678900000..-+eE,] xan";

	for (long i = 0; i < n; i++)
	{
		char		buf[64];
		int			len = random_below(28);

		for (int j = 0; j < len; j++)
			buf[j] = alphabet[random_below((int) sizeof(alphabet) - 1)];
		buf[len] = '\0';
		check(buf);
	}
}

int
main(int argc, char **argv)
{
	long		n = argc > 1 ? atol(argv[1]) : 1000000;

	test_fixed();
	test_random_floats(n);
	test_random_doubles(n);
	test_midpoints(n);
	test_integer_midpoints(n);
	test_random_text(n);
	printf("ok: float_parse, %ld cases\n", ncases);
	return 0;
}
