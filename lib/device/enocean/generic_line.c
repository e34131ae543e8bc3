#include "device/enocean/generic_part.h"

enum { DECIMALS_LEAST = 6, DECIMALS_MOST = 9, NANO = 1000000000 };

static __int128
magnitude(__int128 v)
{
	return v < 0 ? -v : v;
}

static __int128
divisor(__int128 a, __int128 b)
{
	while (b != 0) {
		__int128 rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static void
reduce(struct generic_line *l)
{
	__int128 d = divisor(l->c, divisor(magnitude(l->a), magnitude(l->b)));

	l->a /= d;
	l->b /= d;
	l->c /= d;
}

static int
multiply(struct generic_line *l, int64_t mul, int64_t div)
{
	if (__builtin_mul_overflow(l->a, (__int128)mul, &l->a) ||
	    __builtin_mul_overflow(l->b, (__int128)mul, &l->b) ||
	    __builtin_mul_overflow(l->c, (__int128)div, &l->c))
		return -1;
	reduce(l);
	return 0;
}

/* One decimal more, if all values still fit. */
static int
refine(struct generic_line *l, unsigned bits)
{
	const __int128 most = (__int128)1 << bits;
	struct generic_line more = *l;
	__int128 end;

	if (multiply(&more, 10, 1) < 0 ||
	    __builtin_mul_overflow(more.a, most, &end) ||
	    __builtin_add_overflow(end, more.b, &end) ||
	    magnitude(end) / more.c > INT64_MAX / 2 ||
	    magnitude(more.b) / more.c > INT64_MAX / 2)
		return -1;
	more.decimals++;
	*l = more;
	return 0;
}

/* Decimals that show every value exactly, or at least 6 and the step. */
int
generic_line_make(struct generic_line *line, int64_t low, int64_t high,
    unsigned bits, int64_t mul, int64_t div)
{
	const __int128 codes = (__int128)1 << bits;
	struct generic_line exact,
	    l = { (__int128)high - low, low * codes, codes * NANO, 0 };

	reduce(&l);
	if (multiply(&l, mul, div) < 0)
		return -1;
	*line = l;
	for (exact = l; exact.c != 1 && exact.decimals < DECIMALS_MOST;)
		if (refine(&exact, bits) < 0)
			break;
	if (exact.c == 1) {
		*line = exact;
		return 0;
	}
	/* A step is a in c: three digits of it. */
	while (line->decimals < DECIMALS_LEAST ||
	    (line->decimals < DECIMALS_MOST &&
		magnitude(line->a) < 1000 * line->c))
		if (refine(line, bits) < 0)
			break;
	return 0;
}

int64_t
generic_line_units(const struct generic_line *line, uint32_t raw)
{
	__int128 v = raw * line->a + line->b;

	return (int64_t)(v < 0 ? -((-v + line->c / 2) / line->c)
			       : (v + line->c / 2) / line->c);
}
