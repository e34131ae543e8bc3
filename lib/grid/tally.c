#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "grid/tally.h"

enum { DIGITS_MAX = 1024, SCALE_MAX = 18 };

static const char *const names[TALLY_STATS] = {
	[TALLY_SUM] = "sum",
	[TALLY_MEAN] = "mean",
	[TALLY_MIN] = "min",
	[TALLY_MAX] = "max",
	[TALLY_FIRST] = "first",
	[TALLY_LAST] = "last",
	[TALLY_MIN_AT] = "min_at",
	[TALLY_MAX_AT] = "max_at",
	[TALLY_FIRST_AT] = "first_at",
	[TALLY_LAST_AT] = "last_at",
	[TALLY_COUNT] = "count",
	[TALLY_ENERGY] = "energy",
};

const char *
tally_stat_name(enum tally_stat stat)
{
	return names[stat];
}

int
tally_stat_find(const char *p, size_t n)
{
	for (int i = 0; i < TALLY_STATS; i++)
		if (strlen(names[i]) == n && memcmp(names[i], p, n) == 0)
			return i;
	return -1;
}

unsigned
tally_parts(enum tally_stat stat)
{
	switch (stat) {
	case TALLY_SUM:
	case TALLY_MEAN:
	case TALLY_ENERGY: return TALLY_HAS_SUM;
	case TALLY_MIN:
	case TALLY_MIN_AT: return TALLY_HAS_MIN;
	case TALLY_MAX:
	case TALLY_MAX_AT: return TALLY_HAS_MAX;
	case TALLY_FIRST:
	case TALLY_FIRST_AT: return TALLY_HAS_FIRST;
	case TALLY_LAST:
	case TALLY_LAST_AT: return TALLY_HAS_LAST;
	default: return 0;
	}
}

int
tally_scale_set(struct tally_scale *scale, int64_t mul, int64_t div)
{
	int64_t d = num_common_divisor(mul, div);

	mul /= d;
	div /= d;
	scale->shift = 0;
	/* Widen the divisor to a power of ten; only 2 and 5 divide one. */
	for (; div > 1; scale->shift--) {
		int64_t more = div % 10 == 0 ? 1 : div % 5 == 0 ? 2 : 5;

		if (more == 5 && div % 2 != 0)
			return -1;
		if (__builtin_mul_overflow(mul, more, &mul))
			return -1;
		div = div * more / 10;
	}
	for (; mul % 10 == 0; scale->shift++)
		mul /= 10;
	scale->mul = mul;
	return 0;
}

/* x += addend * mul by doubling: exact however wide the sums are. */
static void
add_times(struct num_sum *x, struct num_sum *addend, int64_t mul)
{
	for (; mul > 0; mul >>= 1) {
		struct num_sum twice = { 0 };

		if (mul & 1)
			num_sum_merge(x, addend);
		if (mul > 1) {
			num_sum_merge(&twice, addend);
			num_sum_merge(&twice, addend);
		}
		num_sum_fini(addend);
		*addend = twice;
	}
}

/* The number p[0..n) times 10^shift, by its exponent. */
static int
add_shifted(struct num_sum *x, const char *p, size_t n, int shift)
{
	char text[DIGITS_MAX + 16];
	size_t digits = 0;
	long exponent = 0;

	while (digits < n && (p[digits] | 0x20) != 'e')
		digits++;
	if (digits > DIGITS_MAX || n - digits > 12)
		return -1;
	memcpy(text, p, digits);
	if (digits < n) {
		char tail[16];

		memcpy(tail, p + digits + 1, n - digits - 1);
		tail[n - digits - 1] = '\0';
		exponent = strtol(tail, NULL, 10);
	}
	exponent += shift;
	text[digits++] = 'e';
	digits += (size_t)snprintf(
	    text + digits, sizeof text - digits, "%ld", exponent);
	return num_sum_add(x, text, digits);
}

/* Numbers without exponent, as nearly all are: 1, or 0 if it does not fit. */
static int
scale_units(struct num_sum *one, const struct tally_scale *scale)
{
	int places = one->scale - scale->shift;

	if (one->wide != NULL || places > SCALE_MAX)
		return 0;
	for (; places < 0; places++)
		if (__builtin_mul_overflow(
			one->units, (__int128)10, &one->units))
			return 0;
	one->scale = places;
	return !__builtin_mul_overflow(
	    one->units, (__int128)scale->mul, &one->units);
}

int
tally_number(
    struct num_sum *x, const char *p, size_t n, const struct tally_scale *scale)
{
	struct num_sum one = { 0 };

	if (scale->mul == 1 && scale->shift == 0)
		return num_sum_add(x, p, n);
	if (num_sum_add(&one, p, n) == -1)
		return -1;
	if (scale_units(&one, scale)) {
		num_sum_merge(x, &one);
		return 0;
	}
	num_sum_fini(&one);
	if (add_shifted(&one, p, n, scale->shift) == -1)
		return -1;
	add_times(x, &one, scale->mul);
	return 0;
}

void
tally_copy(struct num_sum *to, const struct num_sum *from)
{
	num_sum_fini(to);
	num_sum_merge(to, from);
}

static int
compare(const struct num_sum *a, const struct num_sum *b)
{
	if (a->wide == NULL && b->wide == NULL && a->scale == b->scale)
		return (a->units > b->units) - (a->units < b->units);
	return num_sum_compare(a, b);
}

static void
set(struct tally_value *to, const struct num_sum *x, int64_t at)
{
	if (to->v.wide == NULL && x->wide == NULL)
		to->v = *x;
	else
		tally_copy(&to->v, x);
	to->at = at;
}

/* sign is 1 for the greatest and -1 for the least. */
static void
extreme(struct tally_value *best, int sign, const struct num_sum *x, int64_t at,
    int empty)
{
	int order = empty ? 1 : sign * compare(x, &best->v);

	if (order > 0 || (order == 0 && at < best->at))
		set(best, x, at);
}

/* sign is 1 for the last and -1 for the first. */
static void
newest(struct tally_value *best, int sign, const struct num_sum *x, int64_t at,
    int empty)
{
	if (empty || (sign > 0 ? at > best->at : at < best->at) ||
	    (at == best->at && compare(x, &best->v) > 0))
		set(best, x, at);
}

struct tally_ends *
tally_ends(struct tally *t, unsigned parts)
{
	if (t->ends == NULL && (parts & TALLY_HAS_ENDS))
		t->ends = xcalloc(1, sizeof *t->ends);
	return t->ends;
}

static void
add_ends(struct tally *t, unsigned parts, const struct tally_ends *x)
{
	struct tally_ends *ends = tally_ends(t, parts);
	int empty = t->values == 0;

	if (parts & TALLY_HAS_MIN)
		extreme(&ends->min, -1, &x->min.v, x->min.at, empty);
	if (parts & TALLY_HAS_MAX)
		extreme(&ends->max, 1, &x->max.v, x->max.at, empty);
	if (parts & TALLY_HAS_FIRST)
		newest(&ends->first, -1, &x->first.v, x->first.at, empty);
	if (parts & TALLY_HAS_LAST)
		newest(&ends->last, 1, &x->last.v, x->last.at, empty);
}

void
tally_add(struct tally *t, unsigned parts, const struct num_sum *x, int64_t at,
    int64_t n)
{
	if (parts & TALLY_HAS_SUM)
		num_sum_merge(&t->sum, x);
	if (parts & TALLY_HAS_ENDS) {
		struct tally_value one = { *x, at };
		struct tally_ends all = { one, one, one, one };

		add_ends(t, parts, &all);
	}
	t->n += n;
	t->values++;
}

void
tally_merge(struct tally *t, unsigned parts, const struct tally *other)
{
	if (other->values == 0)
		return;
	if (parts & TALLY_HAS_SUM)
		num_sum_merge(&t->sum, &other->sum);
	if (parts & TALLY_HAS_ENDS)
		add_ends(t, parts, other->ends);
	t->n += other->n;
	t->values += other->values;
}

static void
print_energy(const struct num_sum *sum, int64_t every, struct buf *b)
{
	static const int64_t hour = INT64_C(3600000000);
	int64_t d = num_common_divisor(every, hour);

	num_sum_format(sum, every / d, hour / d, b);
}

void
tally_print(
    const struct tally *t, enum tally_stat stat, int64_t every, struct buf *b)
{
	switch (stat) {
	case TALLY_SUM: num_sum_format(&t->sum, 1, 1, b); break;
	case TALLY_MEAN: num_sum_format(&t->sum, 1, t->values, b); break;
	case TALLY_MIN: num_sum_format(&t->ends->min.v, 1, 1, b); break;
	case TALLY_MAX: num_sum_format(&t->ends->max.v, 1, 1, b); break;
	case TALLY_FIRST: num_sum_format(&t->ends->first.v, 1, 1, b); break;
	case TALLY_LAST: num_sum_format(&t->ends->last.v, 1, 1, b); break;
	case TALLY_MIN_AT: num_add_micros(b, t->ends->min.at); break;
	case TALLY_MAX_AT: num_add_micros(b, t->ends->max.at); break;
	case TALLY_FIRST_AT: num_add_micros(b, t->ends->first.at); break;
	case TALLY_LAST_AT: num_add_micros(b, t->ends->last.at); break;
	case TALLY_ENERGY: print_energy(&t->sum, every, b); break;
	default: buf_addi(b, t->n);
	}
}

void
tally_fini(struct tally *t)
{
	num_sum_fini(&t->sum);
	if (t->ends != NULL) {
		num_sum_fini(&t->ends->min.v);
		num_sum_fini(&t->ends->max.v);
		num_sum_fini(&t->ends->first.v);
		num_sum_fini(&t->ends->last.v);
		free(t->ends);
		t->ends = NULL;
	}
	t->n = t->values = 0;
}
