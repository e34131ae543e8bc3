#include "base/num.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { EXPONENT_MAX = 100000000 };

static pthread_once_t plain_once = PTHREAD_ONCE_INIT;
static locale_t plain;

static void
make_plain(void)
{
	plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
}

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t
run(const char *p, size_t n, size_t i)
{
	while (i < n && is_digit(p[i]))
		i++;
	return i;
}

size_t
num_token(const char *p, size_t n)
{
	size_t i = n > 0 && p[0] == '-', j;

	if (i == n || !is_digit(p[i]))
		return 0;
	i = p[i] == '0' ? i + 1 : run(p, n, i);
	if (i < n && p[i] == '.') {
		j = run(p, n, i + 1);
		if (j == i + 1)
			return 0;
		i = j;
	}
	if (i < n && (p[i] == 'e' || p[i] == 'E')) {
		i++;
		if (i < n && (p[i] == '+' || p[i] == '-'))
			i++;
		j = run(p, n, i);
		if (j == i)
			return 0;
		i = j;
	}
	return i;
}

int
num_plain(const char *p, size_t n, int64_t *v, int *scale)
{
	size_t sign = n > 0 && p[0] == '-', i, point = n;
	uint64_t sum = 0;

	if (n > sign + 19 || n == sign || !is_digit(p[sign]) ||
	    !is_digit(p[n - 1]))
		return -1;
	for (i = sign; i < n; i++) {
		unsigned c = (unsigned char)p[i] - '0';

		if (c <= 9)
			sum = sum * 10 + c;
		else if (p[i] == '.' && point == n)
			point = i;
		else
			return -1;
	}
	if (point == n && n == sign + 19)
		return -1;
	if (p[sign] == '0' && n > sign + 1 && point != sign + 1)
		return -1;
	*v = sign ? -(int64_t)sum : (int64_t)sum;
	*scale = point == n ? 0 : (int)(n - 1 - point);
	return 0;
}

int
num_split(const char *p, size_t n, struct num_parts *out)
{
	size_t i, digit = 0, first = 0, last = 0, whole = 0;
	int64_t exponent = 0;

	if (n == 0 || num_token(p, n) != n)
		return -1;
	*out = (struct num_parts){ .negative = p[0] == '-' };
	for (i = p[0] == '-'; i < n && (p[i] | 32) != 'e'; i++) {
		if (p[i] == '.') {
			whole = digit;
			continue;
		}
		if (p[i] != '0' && out->p == NULL) {
			out->p = p + i;
			first = digit;
		}
		if (p[i] != '0')
			last = digit;
		digit++;
	}
	if (memchr(p, '.', i) == NULL)
		whole = digit;
	for (size_t k = i + 1; k < n; k++)
		if (is_digit(p[k]) && exponent < EXPONENT_MAX)
			exponent = exponent * 10 + (p[k] - '0');
	if (i < n && p[i + 1] == '-')
		exponent = -exponent;
	if (out->p == NULL)
		return 0;
	out->n = last - first + 1;
	out->exponent = exponent + (int64_t)whole - 1 - (int64_t)last;
	return 0;
}

static int
by_library(const char *p, size_t n, double *out)
{
	char space[128], *copy = n < sizeof space ? space : malloc(n + 1);

	if (copy == NULL)
		return -1;
	pthread_once(&plain_once, make_plain);
	memcpy(copy, p, n);
	copy[n] = '\0';
	*out = strtod_l(copy, NULL, plain);
	if (copy != space)
		free(copy);
	return isfinite(*out) ? 0 : -1;
}

/*
 * Integers up to 2^53 and powers of ten up to 10^22 are exact doubles, so
 * one division rounds once, which is correct.
 */
int
num_double(const char *p, size_t n, double *out)
{
	const int64_t exact = 1LL << 53;
	static const double power[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7,
		1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
		1e18 };
	int64_t v;
	int scale;

	if (num_plain(p, n, &v, &scale) == 0 && v <= exact && v >= -exact) {
		*out = (double)v / power[scale];
		if (v == 0 && p[0] == '-')
			*out = -0.0;
		return 0;
	}
	if (n == 0 || num_token(p, n) != n)
		return -1;
	return by_library(p, n, out);
}

int
num_uint(const char *p, size_t n, int64_t *out)
{
	int64_t v = 0;

	if (n == 0 || n > 19 || (p[0] == '0' && n > 1))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!is_digit(p[i]) || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, p[i] - '0', &v))
			return -1;
	*out = v;
	return 0;
}

static int
take_digit(const char **s)
{
	*s += **s == '.';
	return *(*s)++ - '0';
}

int
num_micros(const char *p, size_t n, int64_t *out)
{
	static const int64_t unit[] = { 1000000, 100000, 10000, 1000, 100, 10,
		1 };
	const int64_t limit = 9200000000000000000;
	struct num_parts d;
	const char *s;
	int64_t v, above;
	int scale;

	if (num_plain(p, n, &v, &scale) == 0 && scale <= 6) {
		if (__builtin_mul_overflow(v, unit[scale], out) ||
		    *out > limit || *out < -limit)
			return -1;
		return 0;
	}
	if (num_split(p, n, &d) < 0)
		return -1;
	/* digits in front of the microseconds' point; 19 make the limit */
	above = (int64_t)d.n + d.exponent + 6;
	if (above > 19)
		return -1;
	s = d.p;
	v = 0;
	for (int64_t i = 0; i < above; i++) {
		int digit = i < (int64_t)d.n ? take_digit(&s) : 0;

		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return -1;
	}
	if (above >= 0 && (int64_t)d.n > above)
		v += take_digit(&s) >= 5;
	if (v > limit)
		return -1;
	*out = d.negative ? -v : v;
	return 0;
}

void
num_add_decimal(struct buf *b, int64_t v, int scale)
{
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	char p[NUM_MAX];
	size_t at = sizeof p;

	while (scale > 0 && u % 10 == 0) {
		u /= 10;
		scale--;
	}
	for (; scale > 0; scale--) {
		p[--at] = (char)('0' + u % 10);
		u /= 10;
		if (scale == 1)
			p[--at] = '.';
	}
	do {
		p[--at] = (char)('0' + u % 10);
		u /= 10;
	} while (u > 0);
	if (v < 0)
		p[--at] = '-';
	buf_add(b, p + at, sizeof p - at);
}

void
num_add_micros(struct buf *b, int64_t us)
{
	num_add_decimal(b, us, 6);
}

int64_t
num_common_divisor(int64_t a, int64_t b)
{
	while (b != 0) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}
