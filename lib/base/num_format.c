#include <string.h>

#include "base/num.h"
#include "base/num_power.h"

/*
 * Digits d[0..k) with the decimal point before the digit at n, as
 * ECMAScript's Number::toString lays them out.
 */
size_t
num_layout(char *out, const char *d, int k, int n)
{
	char *p = out;

	if (n > 21 || n <= -6) {
		*p++ = d[0];
		if (k > 1) {
			*p++ = '.';
			memcpy(p, d + 1, (size_t)(k - 1));
			p += k - 1;
		}
		*p++ = 'e';
		*p++ = n > 0 ? '+' : '-';
		n = n > 0 ? n - 1 : 1 - n;
		if (n >= 100)
			*p++ = (char)('0' + n / 100);
		if (n >= 10)
			*p++ = (char)('0' + n / 10 % 10);
		*p++ = (char)('0' + n % 10);
	} else if (n <= 0) {
		memcpy(p, "0.00000", 7);
		p += 2 - n;
		memcpy(p, d, (size_t)k);
		p += k;
	} else if (n < k) {
		memcpy(p, d, (size_t)n);
		p[n] = '.';
		memcpy(p + n + 1, d + n, (size_t)(k - n));
		p += k + 1;
	} else {
		memcpy(p, d, (size_t)k);
		memset(p + k, '0', (size_t)(n - k));
		p += n;
	}
	return (size_t)(p - out);
}

/* Write v > 0 without the zeros at its end; *point is its number of digits. */
static int
write_digits(char *d, uint64_t v, int *point)
{
	char space[20];
	int at = sizeof space, n;

	while (v >= 100000000) {
		uint32_t low = (uint32_t)(v % 100000000);

		v /= 100000000;
		for (int i = 0; i < 8; i++) {
			space[--at] = (char)('0' + low % 10);
			low /= 10;
		}
	}
	for (uint32_t high = (uint32_t)v; high != 0; high /= 10)
		space[--at] = (char)('0' + high % 10);
	n = (int)sizeof space - at;
	*point = n;
	while (space[at + n - 1] == '0')
		n--;
	memcpy(d, space + at, (size_t)n);
	return n;
}

/*
 * floor(g * c * 2^-128), with its last bit set if anything was cut off: g is
 * a little above the power, hence a rest of one unit counts for nothing.
 */
static uint64_t
multiply(const struct num_power *g, uint64_t c)
{
	unsigned __int128 low = (unsigned __int128)g->low * c;
	unsigned __int128 high =
	    (unsigned __int128)g->high * c + (uint64_t)(low >> 64);

	return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/*
 * The decimal v * 10^*k with the fewest digits between the neighbours' middles
 * of the double c * 2^q, and of those the nearest (Raffaello Giulietti, The
 * Schubfach way to render doubles, 2021).  All is counted in quarters, so
 * that the middles are integers; even c own their middles.
 */
static uint64_t
shortest(uint64_t c, int q, int narrow, int *k)
{
	/* floor(log10(2^q)), or of 3/4 * 2^q below a power of two */
	int e = (q * 1262611 - (narrow ? 524031 : 0)) >> 22;
	int shift = q + num_power_floor(-e) + 1;
	const struct num_power *g = &num_power[-e - NUM_POWER_LOW];
	uint64_t low = multiply(g, (4 * c - 2 + (uint64_t)narrow) << shift);
	uint64_t mid = multiply(g, 4 * c << shift);
	uint64_t high = multiply(g, (4 * c + 2) << shift);
	uint64_t s = mid / 4, ten = s / 10;
	int down, up;

	*k = e + 1;
	low += c % 2;
	high -= c % 2;
	if (s >= 10) {
		down = low <= 40 * ten;
		up = 40 * ten + 40 <= high;
		if (down != up)
			return ten + (uint64_t)up;
	}
	*k = e;
	down = low <= 4 * s;
	up = 4 * s + 4 <= high;
	if (down != up)
		return s + (uint64_t)up;
	return s + (mid > 4 * s + 2 || (mid == 4 * s + 2 && s % 2 != 0));
}

size_t
num_format(char *out, double v)
{
	const uint64_t implied = 1ULL << 52;
	char d[20];
	size_t sign = 0;
	uint64_t bits, c;
	int q, digits, point, k = 0;

	if (v == 0) {
		out[0] = '0';
		return 1;
	}
	if (v < 0) {
		out[sign++] = '-';
		v = -v;
	}
	memcpy(&bits, &v, sizeof bits);
	c = bits & (implied - 1);
	q = (int)(bits >> 52);
	if (v < 9007199254740992.0 && v == (double)(uint64_t)v)
		c = (uint64_t)v;
	else if (q == 0)
		c = shortest(c, -1074, 0, &k);
	else
		c = shortest(c | implied, q - 1075, c == 0 && q > 1, &k);
	digits = write_digits(d, c, &point);
	return sign + num_layout(out + sign, d, digits, point + k);
}
