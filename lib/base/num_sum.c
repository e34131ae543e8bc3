#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "base/num_wide.h"

enum {
	SCALE_MAX = 18,
	PLAIN_DIGITS = 18,
	TOP_EXPONENT = 308,
	TAKE_EXPONENT = 340,
	ADDS_MAX = 1 << 30, /* limbs of 63 bits take 2^33 addends */
	EXACT_DIGITS = 17,
	/*
	 * A number half way between two doubles has at most 767 digits, so
	 * that many and whether any follow decide how to round.
	 */
	HALFWAY_DIGITS = 770
};

static const int64_t power[] = { 1, 10, 100, 1000, 10000, 100000, 1000000,
	10000000, 100000000, 1000000000, 10000000000, 100000000000,
	1000000000000, 10000000000000, 100000000000000, 1000000000000000,
	10000000000000000, 100000000000000000, 1000000000000000000 };

/* Each limb in 0..BASE-1 but the top one, which then has the sum's sign. */
static void
carry(struct num_wide *w)
{
	int64_t c = 0, v;

	for (int i = 0; i < LIMBS - 1; i++) {
		v = w->limb[i] + c;
		c = v / BASE - (v % BASE < 0);
		w->limb[i] = v - c * BASE;
	}
	w->limb[LIMBS - 1] += c;
	w->adds = 0;
}

static void
negate(struct num_wide *w)
{
	for (int i = 0; i < LIMBS; i++)
		w->limb[i] = -w->limb[i];
	carry(w);
}

struct num_wide *
num_wide_add(struct num_sum *s)
{
	if (s->wide == NULL)
		s->wide = xcalloc(1, sizeof *s->wide);
	if (++s->wide->adds >= ADDS_MAX)
		carry(s->wide);
	return s->wide;
}

/* Add digit * 10^exponent. */
static void
wide_digit(struct num_wide *w, int digit, int64_t exponent)
{
	int64_t at = exponent + LOWEST;

	w->limb[at / BASE_DIGITS] += digit * power[at % BASE_DIGITS];
}

static void
wide_units(struct num_wide *w, __int128 units, int scale)
{
	for (int64_t exponent = -scale; units != 0; exponent++) {
		wide_digit(w, (int)(units % 10), exponent);
		units /= 10;
	}
}

/* Move what units hold to the limbs. */
static void
spill(struct num_sum *s)
{
	wide_units(num_wide_add(s), s->units, s->scale);
	s->units = 0;
}

/* Add v * 10^-scale. */
static void
add_units(struct num_sum *s, __int128 v, int scale)
{
	__int128 sum;

	if (scale > s->scale) {
		if (__builtin_mul_overflow(
			s->units, (__int128)power[scale - s->scale], &sum)) {
			spill(s);
			sum = 0;
		}
		s->scale = scale;
		s->units = sum;
	} else if (scale < s->scale) {
		if (__builtin_mul_overflow(
			v, (__int128)power[s->scale - scale], &sum)) {
			spill(s);
			s->scale = scale;
			sum = v;
		}
		v = sum;
	}
	if (__builtin_add_overflow(s->units, v, &sum)) {
		spill(s);
		sum = v;
	}
	s->units = sum;
}

/* A number that units can hold although it has an exponent: 2.5e-3. */
static int
add_few(struct num_sum *s, const struct num_parts *d)
{
	int64_t v = 0;
	size_t n = d->n;

	if (d->exponent < -SCALE_MAX || d->exponent > PLAIN_DIGITS ||
	    (int64_t)n + (d->exponent > 0 ? d->exponent : 0) > PLAIN_DIGITS)
		return 0;
	for (const char *q = d->p; n > 0; q++)
		if (*q != '.') {
			v = v * 10 + (*q - '0');
			n--;
		}
	if (d->exponent > 0)
		v *= power[d->exponent];
	add_units(
	    s, d->negative ? -v : v, d->exponent < 0 ? (int)-d->exponent : 0);
	return 1;
}

/* Any number below 10^limit, digit by digit. */
static int
add_parts(struct num_sum *s, const char *p, size_t n, int limit)
{
	struct num_parts d;
	struct num_wide *w;
	int64_t top;

	if (num_split(p, n, &d) < 0)
		return -1;
	if (d.n == 0 || add_few(s, &d))
		return 0;
	top = d.exponent + (int64_t)d.n - 1;
	if (top >= limit || d.exponent < -LOWEST)
		return -1;
	w = num_wide_add(s);
	for (const char *q = d.p; top >= d.exponent; q++)
		if (*q != '.')
			wide_digit(w, d.negative ? '0' - *q : *q - '0', top--);
	return 0;
}

int
num_sum_add(struct num_sum *s, const char *p, size_t n)
{
	int64_t v;
	int scale;

	if (num_plain(p, n, &v, &scale) < 0)
		return add_parts(s, p, n, TOP_EXPONENT);
	add_units(s, v, scale);
	return 0;
}

int
num_sum_take(struct num_sum *s, const char *p, size_t n)
{
	return add_parts(s, p, n, TAKE_EXPONENT);
}

void
num_sum_merge(struct num_sum *s, const struct num_sum *other)
{
	struct num_wide *w;
	struct num_wide copy;

	if (other->wide != NULL) {
		copy = *other->wide;
		carry(&copy);
		w = num_wide_add(s);
		for (int i = 0; i < LIMBS; i++)
			w->limb[i] += copy.limb[i];
	}
	add_units(s, other->units, other->scale);
}

/* The whole sum as carried limbs. */
static void
widen(const struct num_sum *s, struct num_wide *out)
{
	*out = s->wide != NULL ? *s->wide : (struct num_wide){ 0 };
	carry(out);
	wide_units(out, s->units, s->scale);
	carry(out);
}

static int
wide_sign(const struct num_wide *w)
{
	if (w->limb[LIMBS - 1] < 0)
		return -1;
	for (int i = 0; i < LIMBS; i++)
		if (w->limb[i] != 0)
			return 1;
	return 0;
}

int
num_wide_get(const struct num_sum *s, struct num_wide *out)
{
	int sign;

	widen(s, out);
	sign = wide_sign(out);
	if (sign < 0)
		negate(out);
	return sign;
}

int
num_sum_compare(const struct num_sum *a, const struct num_sum *b)
{
	struct num_wide x, y;
	__int128 u = a->units, v = b->units;
	int fits = a->wide == NULL && b->wide == NULL;

	if (fits && a->scale < b->scale)
		fits = !__builtin_mul_overflow(
		    u, (__int128)power[b->scale - a->scale], &u);
	else if (fits)
		fits = !__builtin_mul_overflow(
		    v, (__int128)power[a->scale - b->scale], &v);
	if (fits)
		return u < v ? -1 : u > v;
	widen(a, &x);
	widen(b, &y);
	for (int i = 0; i < LIMBS; i++)
		x.limb[i] -= y.limb[i];
	carry(&x);
	return wide_sign(&x);
}

/*
 * A positive quotient in decimal: digits without leading zeros, the point
 * before digit [point], and whether any digit but 0 follows.
 */
struct quotient {
	char digit[HALFWAY_DIGITS + 2 * BASE_DIGITS + 1];
	int n, point, more;
};

/* The next limb of the quotient, the most significant first. */
static void
put_limb(struct quotient *q, uint32_t limb)
{
	char d[BASE_DIGITS];

	for (int i = BASE_DIGITS; i-- > 0; limb /= 10)
		d[i] = (char)('0' + limb % 10);
	for (int i = 0; i < BASE_DIGITS; i++)
		if (q->n > 0 || d[i] != '0')
			q->digit[q->n++] = d[i];
		else
			q->point--;
}

static void
trim(struct quotient *q)
{
	while (!q->more && q->n > 0 && q->digit[q->n - 1] == '0')
		q->n--;
}

/* |w| * mul / div by long division, as many digits as could matter. */
static void
divide_wide(
    const struct num_wide *w, uint64_t mul, uint64_t div, struct quotient *q)
{
	uint32_t product[LIMBS + 3];
	unsigned __int128 c = 0, rest = 0;
	int i, n = LIMBS + 3;

	for (i = 0; i < n; i++) {
		if (i < LIMBS)
			c += (unsigned __int128)(uint64_t)w->limb[i] * mul;
		product[i] = (uint32_t)(c % BASE);
		c /= BASE;
	}
	*q = (struct quotient){ .point = n * BASE_DIGITS - LOWEST };
	for (i = n; q->n < HALFWAY_DIGITS && (i > 0 || rest != 0); i--) {
		rest = rest * BASE + (i > 0 ? product[i - 1] : 0);
		put_limb(q, (uint32_t)(rest / div));
		rest %= div;
	}
	q->more = rest != 0;
	while (!q->more && i-- > 0)
		q->more = product[i] != 0;
	trim(q);
}

static int
write_whole(char *d, unsigned __int128 whole)
{
	char space[40];
	int n = 0, at = 0;

	while (whole >> 64 != 0) {
		space[n++] = (char)('0' + (int)(whole % 10));
		whole /= 10;
	}
	for (uint64_t v = (uint64_t)whole; v != 0; v /= 10)
		space[n++] = (char)('0' + (int)(v % 10));
	while (n > 0)
		d[at++] = space[--n];
	return at;
}

/* The first 18 digits of num / div * 10^-scale, which is not 0. */
static void
divide_units(unsigned __int128 num, uint64_t div, int scale, struct quotient *q)
{
	unsigned __int128 rest = num % div;
	char digit;

	q->n = write_whole(q->digit, num / div);
	q->point = q->n - scale;
	while (rest != 0 && q->n <= EXACT_DIGITS) {
		rest *= 10;
		if (rest >> 64 == 0) {
			digit = (char)('0' + (uint64_t)rest / div);
			rest = (uint64_t)rest % div;
		} else {
			digit = (char)('0' + (int)(rest / div));
			rest %= div;
		}
		if (q->n > 0 || digit != '0')
			q->digit[q->n++] = digit;
		else
			q->point--;
	}
	q->more = rest != 0;
	trim(q);
}

/* num / den to the nearest double, by binary long division; den < 2^126. */
static double
nearest(unsigned __int128 num, unsigned __int128 den)
{
	unsigned __int128 whole = num / den, rest = num % den;
	int exponent = 0;
	uint64_t m;

	while (whole >> 55 != 0) {
		rest |= whole & 1;
		whole >>= 1;
		exponent++;
	}
	for (; whole >> 54 == 0; exponent--) {
		rest <<= 1;
		whole = whole << 1 | (rest >= den);
		if (rest >= den)
			rest -= den;
	}
	/* 55 bits and a sticky one round once, to 53, in the conversion */
	m = (uint64_t)whole << 1 | (rest != 0);
	return ldexp((double)m, exponent - 1);
}

static double
nearest_digits(struct quotient *q)
{
	struct buf b = { 0 };
	double v;

	buf_add(&b, q->digit, (size_t)q->n);
	if (q->more)
		buf_addc(&b, '1');
	buf_addf(&b, "e%d", q->point - q->n - q->more);
	if (num_double(b.p, b.len, &v) < 0)
		v = 0x1.fffffffffffffp1023;
	buf_fini(&b);
	return v;
}

static void
add_exact(struct buf *b, int negative, const struct quotient *q)
{
	if (negative)
		buf_addc(b, '-');
	buf_room(b, NUM_MAX);
	b->len += num_layout(b->p + b->len, q->digit, q->n, q->point);
}

static void
add_double(struct buf *b, int negative, double v)
{
	buf_room(b, NUM_MAX);
	b->len += num_format(b->p + b->len, negative ? -v : v);
}

static int
format_wide(const struct num_sum *s, int64_t mul, int64_t div, struct buf *b)
{
	struct num_wide w;
	struct quotient q;
	int sign = num_wide_get(s, &w), exact;

	if (sign == 0) {
		buf_addc(b, '0');
		return 1;
	}
	divide_wide(&w, (uint64_t)mul, (uint64_t)div, &q);
	/* digits outside a double's range would be no use to a reader */
	exact = q.n <= EXACT_DIGITS && !q.more && q.point <= TOP_EXPONENT &&
	    q.point > -TOP_EXPONENT;
	if (exact)
		add_exact(b, sign < 0, &q);
	else
		add_double(b, sign < 0, nearest_digits(&q));
	return exact;
}

int
num_sum_format(const struct num_sum *s, int64_t mul, int64_t div, struct buf *b)
{
	unsigned __int128 num = (unsigned __int128)s->units;
	int negative = s->units < 0;
	struct quotient q;

	if (negative)
		num = -num;
	if (s->wide != NULL ||
	    __builtin_mul_overflow(num, (unsigned __int128)mul, &num)) {
		return format_wide(s, mul, div, b);
	}
	if (num == 0) {
		buf_addc(b, '0');
		return 1;
	}
	divide_units(num, (uint64_t)div, s->scale, &q);
	if (q.n <= EXACT_DIGITS && !q.more) {
		add_exact(b, negative, &q);
		return 1;
	}
	add_double(b, negative,
	    nearest(num,
		(unsigned __int128)div * (unsigned __int128)power[s->scale]));
	return 0;
}

void
num_sum_fini(struct num_sum *s)
{
	free(s->wide);
	*s = (struct num_sum){ 0 };
}
