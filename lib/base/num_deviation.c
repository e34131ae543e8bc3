#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/num_wide.h"

/*
 * Whole numbers of any size that occur here: a sum's square has 9700 bits,
 * the power of ten beneath it 7500.
 */
enum { WORDS = 352, ROOT_BITS = 112 };

struct whole {
	uint32_t word[WORDS]; /* least significant first */
	int n;		      /* without zeros at the top */
};

static void
trim(struct whole *w)
{
	while (w->n > 0 && w->word[w->n - 1] == 0)
		w->n--;
}

/* w = w * mul + add */
static void
multiply_small(struct whole *w, uint32_t mul, uint32_t add)
{
	uint64_t c = add;

	for (int i = 0; i < w->n; i++) {
		c += (uint64_t)w->word[i] * mul;
		w->word[i] = (uint32_t)c;
		c >>= 32;
	}
	if (c != 0)
		w->word[w->n++] = (uint32_t)c;
}

static void
multiply_power(struct whole *w, int exponent)
{
	for (; exponent >= BASE_DIGITS; exponent -= BASE_DIGITS)
		multiply_small(w, BASE, 0);
	for (; exponent > 0; exponent--)
		multiply_small(w, 10, 0);
}

static void
multiply_count(struct whole *w, int64_t n)
{
	struct whole high = *w;

	multiply_small(w, (uint32_t)n, 0);
	multiply_small(&high, (uint32_t)(n >> 32), 0);
	trim(w);
	trim(&high);
	if (high.n == 0)
		return;
	while (w->n <= high.n + 1)
		w->word[w->n++] = 0;
	for (uint64_t c = 0, i = 0; i < (uint64_t)w->n - 1; i++) {
		c += w->word[i + 1];
		c += i < (uint64_t)high.n ? high.word[i] : 0;
		w->word[i + 1] = (uint32_t)c;
		c >>= 32;
	}
	trim(w);
}

static void
square(struct whole *w)
{
	struct whole out = { .n = 2 * w->n };

	for (int i = 0; i < w->n; i++) {
		uint64_t c = 0;

		for (int j = 0; j < w->n; j++) {
			c += out.word[i + j];
			c += (uint64_t)w->word[i] * w->word[j];
			out.word[i + j] = (uint32_t)c;
			c >>= 32;
		}
		out.word[i + w->n] = (uint32_t)c;
	}
	*w = out;
	trim(w);
}

static int
bits(const struct whole *w)
{
	return w->n == 0 ? 0 : w->n * 32 - __builtin_clz(w->word[w->n - 1]);
}

static void
shift_left(struct whole *w, int by)
{
	int words = by / 32, rest = by % 32;

	if (w->n == 0)
		return;
	memmove(w->word + words, w->word, (size_t)w->n * sizeof *w->word);
	memset(w->word, 0, (size_t)words * sizeof *w->word);
	w->n += words;
	if (rest > 0)
		multiply_small(w, UINT32_C(1) << rest, 0);
}

static void
halve(struct whole *w)
{
	for (int i = 0; i < w->n; i++)
		w->word[i] =
		    w->word[i] >> 1 | (i + 1 < w->n ? w->word[i + 1] << 31 : 0);
	trim(w);
}

static int
compare(const struct whole *a, const struct whole *b)
{
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (int i = a->n; i-- > 0;)
		if (a->word[i] != b->word[i])
			return a->word[i] < b->word[i] ? -1 : 1;
	return 0;
}

/* a -= b, which is not greater */
static void
subtract(struct whole *a, const struct whole *b)
{
	int64_t c = 0;

	for (int i = 0; i < a->n; i++) {
		c += (int64_t)a->word[i] - (i < b->n ? b->word[i] : 0);
		a->word[i] = (uint32_t)c;
		c >>= 32;
	}
	trim(a);
}

/* The magnitude of s is *w * 10^-scale; its scale. */
static int
whole_get(struct whole *w, const struct num_sum *s)
{
	unsigned __int128 v = (unsigned __int128)s->units;
	struct num_wide wide;

	w->n = 0;
	if (s->wide == NULL) {
		for (v = s->units < 0 ? -v : v; v != 0; v >>= 32)
			w->word[w->n++] = (uint32_t)v;
		return s->scale;
	}
	num_wide_get(s, &wide);
	for (int i = LIMBS; i-- > 0;)
		multiply_small(w, BASE, (uint32_t)wide.limb[i]);
	return LOWEST;
}

/*
 * The variance is *num / *den, both whole.  0, or -1 if it would be less
 * than 0.
 */
static int
variance(const struct num_sum *sum, const struct num_sum *sq, int64_t n,
    struct whole *num, struct whole *den)
{
	struct whole mean;
	int a = 2 * whole_get(&mean, sum), c = whole_get(num, sq);
	int scale = a > c ? a : c;

	if (num_sum_compare(sq, &(struct num_sum){ 0 }) < 0)
		return -1;
	multiply_count(num, n);
	multiply_power(num, scale - c);
	square(&mean);
	multiply_power(&mean, scale - a);
	if (compare(num, &mean) < 0)
		return -1;
	subtract(num, &mean);
	den->n = 1;
	den->word[0] = 1;
	multiply_count(den, n);
	multiply_count(den, n);
	multiply_power(den, scale);
	return 0;
}

/* floor(num / den), which is below 2^ROOT_BITS; num becomes the rest. */
static unsigned __int128
divide(struct whole *num, struct whole *den)
{
	unsigned __int128 q = 0;

	shift_left(den, ROOT_BITS);
	for (int i = 0; i <= ROOT_BITS; i++) {
		q <<= 1;
		if (compare(num, den) >= 0) {
			subtract(num, den);
			q |= 1;
		}
		halve(den);
	}
	return q;
}

static uint64_t
root(unsigned __int128 v, int *rest)
{
	uint64_t r = 0;

	for (int i = ROOT_BITS / 2; i >= 0; i--) {
		unsigned __int128 more = r | UINT64_C(1) << i;

		if (more * more <= v)
			r = (uint64_t)more;
	}
	*rest = (unsigned __int128)r * r != v;
	return r;
}

/*
 * The root of num / den: of the quotient times 4^k with about 112 bits, so
 * that its root has more bits than a double and one more tells whether
 * anything follows: the conversion rounds once.
 */
static double
nearest(struct whole *num, struct whole *den)
{
	int shift = ROOT_BITS - 1 - (bits(num) - bits(den)), rest;
	uint64_t r;

	shift -= shift % 2 != 0;
	if (shift >= 0)
		shift_left(num, shift);
	else
		shift_left(den, -shift);
	r = root(divide(num, den), &rest);
	r = r << 1 | (rest || num->n > 0);
	return ldexp((double)r, -shift / 2 - 1);
}

int
num_sum_deviation(const struct num_sum *sum, const struct num_sum *sq,
    int64_t n, struct buf *b)
{
	struct whole num, den;
	int fine = variance(sum, sq, n, &num, &den);
	double v = 0;

	if (b == NULL)
		return fine;
	if (fine == 0 && num.n > 0)
		v = nearest(&num, &den);
	b->len += num_format(buf_room(b, NUM_MAX), v);
	return fine;
}
