#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "event/unit.h"
#include "grid/tally.h"

enum { DIGITS_MAX = 2048, SCALE_MAX = 18, RANK_PLACES = 4 };

static const int64_t hour = INT64_C(3600000000);

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
	[TALLY_POWER] = "power",
	[TALLY_STDDEV] = "stddev",
	[TALLY_QUANTILE] = "p",
};

const char *
tally_stat_name(enum tally_stat stat)
{
	return names[stat];
}

/* p0 to p100, in millionths. */
static int
find_rank(const char *p, size_t n, int32_t *rank)
{
	static const int32_t unit[] = { 10000, 1000, 100, 10, 1 };
	int64_t v;
	int places;

	if (num_plain(p, n, &v, &places) == -1 || p[0] == '-' ||
	    places > RANK_PLACES || (places > 0 && p[n - 1] == '0') ||
	    v * unit[places] > 100 * unit[0])
		return -1;
	*rank = (int32_t)v * unit[places];
	return 0;
}

int
tally_want(struct tally_want *want, const char *p, size_t n)
{
	*want = (struct tally_want){ 0 };
	if (n == 0 || n > TALLY_NAME_MAX)
		return -1;
	memcpy(want->name, p, n);
	want->stat = TALLY_QUANTILE;
	if (*p == 'p' && find_rank(p + 1, n - 1, &want->rank) == 0)
		return 0;
	for (int i = 0; i < TALLY_QUANTILE; i++)
		if (strcmp(names[i], want->name) == 0) {
			want->stat = (enum tally_stat)i;
			return 0;
		}
	return -1;
}

unsigned
tally_parts(enum tally_stat stat)
{
	switch (stat) {
	case TALLY_SUM:
	case TALLY_MEAN:
	case TALLY_ENERGY:
	case TALLY_POWER: return TALLY_HAS_SUM;
	case TALLY_MIN:
	case TALLY_MIN_AT: return TALLY_HAS_MIN;
	case TALLY_MAX:
	case TALLY_MAX_AT: return TALLY_HAS_MAX;
	case TALLY_FIRST:
	case TALLY_FIRST_AT: return TALLY_HAS_FIRST;
	case TALLY_LAST:
	case TALLY_LAST_AT: return TALLY_HAS_LAST;
	case TALLY_STDDEV: return TALLY_HAS_SUM | TALLY_HAS_SQ;
	case TALLY_QUANTILE: return TALLY_HAS_SKETCH;
	default: return 0;
	}
}

const char *
tally_unit(enum tally_stat stat, const char *u, size_t n, size_t *un)
{
	const char *other;

	*un = 0;
	switch (stat) {
	case TALLY_ENERGY:
		if (unit_power(u, n) != NULL) {
			*un = n;
			return u;
		}
		other = unit_energy(u, n);
		break;
	case TALLY_POWER: other = unit_power(u, n); break;
	case TALLY_MIN_AT:
	case TALLY_MAX_AT:
	case TALLY_FIRST_AT:
	case TALLY_LAST_AT:
	case TALLY_COUNT: return NULL;
	default: *un = n; return u;
	}
	*un = other == NULL ? 0 : strlen(other);
	return other;
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

/* The number p[0..n) times 10^shift, by its exponent, and then as add does. */
static int
add_shifted(struct num_sum *x, const char *p, size_t n, int shift,
    int (*add)(struct num_sum *, const char *, size_t))
{
	char text[DIGITS_MAX + 32];
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
	return add(x, text, digits);
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
	if (add_shifted(&one, p, n, scale->shift, num_sum_add) == -1)
		return -1;
	add_times(x, &one, scale->mul);
	return 0;
}

int
tally_exact(
    struct num_sum *x, const char *p, size_t n, const struct tally_scale *scale)
{
	struct num_sum one = { 0 };

	if (num_split(p, n, &(struct num_parts){ 0 }) == -1 ||
	    add_shifted(&one, p, n, scale->shift, num_sum_take) == -1)
		return -1;
	add_times(x, &one, scale->mul);
	return 0;
}

int
tally_fits(const struct num_sum *x, unsigned parts)
{
	struct num_sum square = { 0 };
	int fits = 0;
	int32_t at;

	if (parts & TALLY_HAS_SQ && x->wide != NULL)
		fits = num_sum_square(&square, x);
	num_sum_fini(&square);
	if (parts & TALLY_HAS_SKETCH && sketch_bucket(x, &at) == -1)
		fits = -1;
	return fits;
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

/* Where a part stands among those there are. */
static struct tally_value *
value_of(struct tally_more *more, unsigned part)
{
	return &more->value[__builtin_popcount(
	    more->parts & TALLY_HAS_VALUES & (part - 1))];
}

struct tally_value *
tally_value(const struct tally *t, unsigned part)
{
	if (t->more == NULL || !(t->more->parts & part))
		return NULL;
	return value_of(t->more, part);
}

struct tally_more *
tally_more(struct tally *t, unsigned parts)
{
	unsigned old = t->more == NULL ? 0 : t->more->parts;
	struct tally_more *more;

	parts &= TALLY_HAS_VALUES;
	if (t->more != NULL && (old & parts) == parts)
		return t->more;
	more = xcalloc(1,
	    sizeof *more +
		(size_t)__builtin_popcount(old | parts) * sizeof *more->value);
	if (t->more != NULL)
		*more = *t->more;
	more->parts = old | parts;
	for (unsigned part = 1; part <= TALLY_HAS_SQ; part <<= 1)
		if (old & part)
			*value_of(more, part) = *value_of(t->more, part);
	free(t->more);
	t->more = more;
	return more;
}

static void
add_values(struct tally *t, unsigned parts, const struct tally *x,
    const struct tally_value *one)
{
	struct tally_more *more = tally_more(t, parts);
	int empty = t->values == 0;

	for (unsigned part = TALLY_HAS_MIN; part <= TALLY_HAS_LAST;
	     part <<= 1) {
		const struct tally_value *v;
		struct tally_value *best;

		if (!(parts & part))
			continue;
		v = x == NULL ? one : value_of(x->more, part);
		best = value_of(more, part);
		if (part & (TALLY_HAS_MIN | TALLY_HAS_MAX))
			extreme(best, part == TALLY_HAS_MIN ? -1 : 1, &v->v,
			    v->at, empty);
		else
			newest(best, part == TALLY_HAS_FIRST ? -1 : 1, &v->v,
			    v->at, empty);
	}
}

static void
add_odd(struct tally *t, int64_t ignored, int64_t resets)
{
	struct tally_more *more;

	if (ignored == 0 && resets == 0)
		return;
	more = tally_more(t, 0);
	more->ignored += ignored;
	more->resets += resets;
}

static void
add_sketch(struct tally *t, const struct num_sum *x)
{
	int32_t at;

	if (sketch_bucket(x, &at) == 0)
		sketch_add(&tally_more(t, 0)->sketch, at, 1);
}

void
tally_add(struct tally *t, unsigned parts, const struct num_sum *x, int64_t at,
    const struct tally_count *count)
{
	struct tally_value one = { *x, at };

	if (parts & TALLY_HAS_SUM)
		num_sum_merge(&t->sum, x);
	if (parts & TALLY_HAS_VALUES)
		add_values(t, parts, NULL, &one);
	if (parts & TALLY_HAS_SQ)
		num_sum_square(&value_of(t->more, TALLY_HAS_SQ)->v, x);
	if (parts & TALLY_HAS_SKETCH)
		add_sketch(t, x);
	add_odd(t, count->ignored, count->resets);
	t->n += count->n;
	t->estimated += count->estimated;
	t->values++;
}

void
tally_merge(struct tally *t, unsigned parts, const struct tally *other)
{
	if (other->values == 0 && other->n == 0)
		return;
	if (parts & TALLY_HAS_SUM)
		num_sum_merge(&t->sum, &other->sum);
	if (parts & TALLY_HAS_VALUES && other->values > 0)
		add_values(t, parts, other, NULL);
	if (parts & TALLY_HAS_SQ && other->values > 0)
		num_sum_merge(&value_of(t->more, TALLY_HAS_SQ)->v,
		    &value_of(other->more, TALLY_HAS_SQ)->v);
	if (parts & TALLY_HAS_SKETCH && other->more != NULL)
		sketch_merge(&tally_more(t, 0)->sketch, &other->more->sketch);
	if (other->more != NULL)
		add_odd(t, other->more->ignored, other->more->resets);
	t->n += other->n;
	t->estimated += other->estimated;
	t->values += other->values;
}

/* s * up / down, whose product with a sum would overflow if not reduced. */
static int
print_ratio(const struct num_sum *s, int64_t up, int64_t down, struct buf *b)
{
	int64_t d = num_common_divisor(up, down);

	return num_sum_format(s, up / d, down / d, b);
}

static int
print_deviation(const struct tally *t, struct buf *b)
{
	num_sum_deviation(
	    &t->sum, &tally_value(t, TALLY_HAS_SQ)->v, t->values, b);
	return 0;
}

static int
print_value(const struct tally *t, unsigned part, struct buf *b)
{
	return num_sum_format(&tally_value(t, part)->v, 1, 1, b);
}

static int
print_at(const struct tally *t, unsigned part, struct buf *b)
{
	num_add_micros(b, tally_value(t, part)->at);
	return 1;
}

int
tally_print(const struct tally *t, const struct tally_want *want,
    const struct tally_times *times, struct buf *b)
{
	switch (want->stat) {
	case TALLY_SUM: return num_sum_format(&t->sum, 1, 1, b);
	case TALLY_MEAN: return num_sum_format(&t->sum, 1, t->values, b);
	case TALLY_MIN:
	case TALLY_MAX:
	case TALLY_FIRST:
	case TALLY_LAST: return print_value(t, tally_parts(want->stat), b);
	case TALLY_MIN_AT:
	case TALLY_MAX_AT:
	case TALLY_FIRST_AT:
	case TALLY_LAST_AT: return print_at(t, tally_parts(want->stat), b);
	case TALLY_ENERGY: return print_ratio(&t->sum, times->every, hour, b);
	case TALLY_POWER: return print_ratio(&t->sum, hour, times->width, b);
	case TALLY_STDDEV: return print_deviation(t, b);
	case TALLY_QUANTILE:
		sketch_quantile(&t->more->sketch, want->rank, b);
		return 0;
	default: buf_addi(b, t->n); return 1;
	}
}

void
tally_fini(struct tally *t)
{
	struct tally_more *more = t->more;

	num_sum_fini(&t->sum);
	if (more != NULL) {
		int n = __builtin_popcount(more->parts);

		for (int i = 0; i < n; i++)
			num_sum_fini(&more->value[i].v);
		sketch_fini(&more->sketch);
		free(more);
	}
	*t = (struct tally){ 0 };
}
