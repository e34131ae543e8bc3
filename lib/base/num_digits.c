#include <string.h>

#include "base/num.h"
#include "base/num_wide.h"

enum {
	SPACE = LIMBS * BASE_DIGITS, /* digits of a wide sum */
	SQUARE_TOP = 154,
	SQUARE_LOW = 553,
	SQUARE_SCALE = 9,  /* the square's scale is within 18 */
	LAYOUT_LOW = -990, /* exponents of three digits */
	LEAD_MIN = 100,
	LEAD_MAX = 999
};

static unsigned __int128
magnitude(const struct num_sum *s)
{
	unsigned __int128 v = (unsigned __int128)s->units;

	return s->units < 0 ? -v : v;
}

/*
 * All digits of a wide number, most significant first, without zeros at
 * either end; *point is where the decimal point stands.  How many.
 */
static int
wide_digits(const struct num_wide *w, char *d, int *point)
{
	int n = 0;

	*point = SPACE - LOWEST;
	for (int i = LIMBS; i-- > 0;) {
		int64_t limb = w->limb[i];
		char one[BASE_DIGITS];

		for (int k = BASE_DIGITS; k-- > 0; limb /= 10)
			one[k] = (char)('0' + limb % 10);
		for (int k = 0; k < BASE_DIGITS; k++)
			if (n > 0 || one[k] != '0')
				d[n++] = one[k];
			else
				--*point;
	}
	while (n > 0 && d[n - 1] == '0')
		n--;
	return n;
}

static int
unit_digits(unsigned __int128 v, char *d, int *point)
{
	char space[40];
	int at = sizeof space, n;

	for (; v != 0; v /= 10)
		space[--at] = (char)('0' + (int)(v % 10));
	n = (int)sizeof space - at;
	*point += n;
	memcpy(d, space + at, (size_t)n);
	while (n > 0 && d[n - 1] == '0')
		n--;
	return n;
}

void
num_sum_exact(const struct num_sum *s, struct buf *b)
{
	struct num_wide w;
	char d[SPACE];
	int point = -s->scale, n, negative = s->units < 0;

	if (s->wide == NULL) {
		n = unit_digits(magnitude(s), d, &point);
	} else {
		negative = num_wide_get(s, &w) < 0;
		n = wide_digits(&w, d, &point);
	}
	if (negative)
		buf_addc(b, '-');
	if (n == 0)
		buf_addc(b, '0');
	else if (point > LAYOUT_LOW)
		b->len += num_layout(buf_room(b, NUM_EXACT_MAX), d, n, point);
	else
		buf_addf(b, "%c%s%.*se%d", d[0], n > 1 ? "." : "", n - 1, d + 1,
		    point - 1);
}

int
num_sum_lead(const struct num_sum *s, int *exponent)
{
	unsigned __int128 v = magnitude(s);
	int sign = s->units < 0 ? -1 : 1, lead = 0;
	struct num_wide w;
	char d[SPACE];
	uint64_t u;

	*exponent = -s->scale;
	if (s->wide != NULL) {
		int point, n;

		sign = num_wide_get(s, &w);
		n = wide_digits(&w, d, &point);
		*exponent = point - 3;
		for (int i = 0; i < 3; i++)
			lead = lead * 10 + (i < n ? d[i] - '0' : 0);
		return sign * lead;
	}
	if (v == 0)
		return 0;
	for (; v >> 63 != 0; *exponent += 9)
		v /= BASE;
	u = (uint64_t)v;
	for (; u > LEAD_MAX * 1000; *exponent += 3)
		u /= 1000;
	for (; u > LEAD_MAX; ++*exponent)
		u /= 10;
	for (; u < LEAD_MIN; --*exponent)
		u *= 10;
	return sign * (int)u;
}

/* The square of a number that no short one can hold, limb by limb. */
static int
square_wide(struct num_sum *s, const struct num_sum *x)
{
	enum { DOWN = LOWEST / BASE_DIGITS };
	struct num_wide w, *sum;
	char d[SPACE];
	int point, n, low = LIMBS, high = 0;

	if (num_wide_get(x, &w) == 0)
		return 0;
	n = wide_digits(&w, d, &point);
	if (point > SQUARE_TOP || n - point > SQUARE_LOW)
		return -1;
	for (int i = 0; i < LIMBS; i++)
		if (w.limb[i] != 0) {
			low = i < low ? i : low;
			high = i + 1;
		}
	for (int i = low; i < high; i++) {
		sum = num_wide_add(s);
		for (int j = low; j < high; j++) {
			int64_t product = w.limb[i] * w.limb[j];
			int at = i + j - DOWN;

			/* Below the last limb stand only zeros. */
			if (at >= 0)
				sum->limb[at] += product % BASE;
			if (at + 1 >= 0)
				sum->limb[at + 1] += product / BASE;
		}
	}
	return 0;
}

int
num_sum_square(struct num_sum *s, const struct num_sum *x)
{
	struct num_sum square = { 0 };

	if (x->wide != NULL || x->scale > SQUARE_SCALE ||
	    __builtin_mul_overflow(x->units, x->units, &square.units))
		return square_wide(s, x);
	square.scale = 2 * x->scale;
	num_sum_merge(s, &square);
	return 0;
}
