#include "base/ratio.h"

static unsigned __int128
common_divisor(unsigned __int128 a, unsigned __int128 b)
{
	while (b != 0) {
		unsigned __int128 rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

struct ratio
ratio_of(unsigned __int128 num, unsigned __int128 den)
{
	unsigned __int128 d = common_divisor(num, den);

	return (struct ratio){ num / d, den / d };
}

struct ratio
ratio_mul(struct ratio a, struct ratio b)
{
	struct ratio x = ratio_of(a.num, b.den), y = ratio_of(b.num, a.den);

	return (struct ratio){ x.num * y.num, x.den * y.den };
}

struct ratio
ratio_div(struct ratio a, struct ratio b)
{
	return ratio_mul(a, (struct ratio){ b.den, b.num });
}

static int64_t
fit(unsigned __int128 v)
{
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

int64_t
ratio_floor(struct ratio r)
{
	return fit(r.num / r.den);
}

int64_t
ratio_ceil(struct ratio r)
{
	return fit(r.num / r.den + (r.num % r.den != 0));
}

int64_t
ratio_half_up(struct ratio r)
{
	unsigned __int128 rest = r.num % r.den;

	return fit(r.num / r.den + (rest >= r.den - rest));
}

/* As Euclid does it, since a cross product might not fit. */
int
ratio_compare(struct ratio a, struct ratio b)
{
	for (int sign = 1;; sign = -sign) {
		unsigned __int128 p = a.num / a.den, q = b.num / b.den;
		unsigned __int128 x = a.num % a.den, y = b.num % b.den;

		if (p != q)
			return p < q ? -sign : sign;
		if (x == 0 || y == 0)
			return x == y ? 0 : x == 0 ? -sign : sign;
		a = (struct ratio){ a.den, x };
		b = (struct ratio){ b.den, y };
	}
}

unsigned __int128
ratio_scaled(struct ratio r, int places, int up)
{
	unsigned __int128 whole = r.num / r.den, rest = r.num % r.den;

	for (int i = 0; i < places; i++) {
		rest *= 10;
		whole = whole * 10 + rest / r.den;
		rest %= r.den;
	}
	return whole + (up && rest != 0);
}

/* v * 10^-places with at least `least` decimals */
static void
add_scaled(struct buf *b, unsigned __int128 v, int places, int least)
{
	char digits[60];
	int n = 0;

	while (places > least && v % 10 == 0) {
		v /= 10;
		places--;
	}
	do {
		digits[n++] = (char)('0' + (int)(v % 10));
		v /= 10;
	} while (v != 0 || n <= places);
	while (n > 0) {
		if (n == places)
			buf_addc(b, '.');
		buf_addc(b, digits[--n]);
	}
}

void
ratio_add(struct buf *b, struct ratio r, int least, int most)
{
	/* half a unit of the last decimal is one of the next digit's fives */
	unsigned __int128 v = ratio_scaled(r, most + 1, 0) + 5;

	add_scaled(b, v / 10, most, least);
}

void
ratio_cut(struct buf *b, struct ratio r, int places)
{
	add_scaled(b, ratio_scaled(r, places, 0), places, places);
}
