/*
 * What is known of a set of readings: how many, their exact sum, least,
 * greatest, first and last with their times.  The order in which readings
 * and other tallies are added changes nothing.
 */
#ifndef SG_GRID_TALLY_H
#define SG_GRID_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/num.h"

enum tally_stat {
	TALLY_SUM,
	TALLY_MEAN,
	TALLY_MIN,
	TALLY_MAX,
	TALLY_FIRST,
	TALLY_LAST,
	TALLY_MIN_AT,
	TALLY_MAX_AT,
	TALLY_FIRST_AT,
	TALLY_LAST_AT,
	TALLY_COUNT,
	TALLY_ENERGY,
	TALLY_STATS
};

/* tally_stat_name(stat) - "sum", "min_at", … */
const char *tally_stat_name(enum tally_stat stat);

/* tally_stat_find(p, n) - The stat of that name, or -1. */
int tally_stat_find(const char *p, size_t n);

/* Which parts of a tally are kept. */
enum { TALLY_HAS_SUM = 1, TALLY_HAS_MIN = 2, TALLY_HAS_MAX = 4,
	TALLY_HAS_FIRST = 8, TALLY_HAS_LAST = 16 };

enum { TALLY_HAS_ENDS = TALLY_HAS_MIN | TALLY_HAS_MAX | TALLY_HAS_FIRST |
	TALLY_HAS_LAST };

/* tally_parts(stat) - The parts from which stat is computed. */
unsigned tally_parts(enum tally_stat stat);

/* A value and the time it is of, microseconds. */
struct tally_value {
	struct num_sum v;
	int64_t at;
};

struct tally_ends {
	struct tally_value min, max;	/* earliest of equal ones */
	struct tally_value first, last;	/* greatest of equal times */
};

/* All-zero is the empty tally. */
struct tally {
	struct num_sum sum;
	int64_t n;	/* readings, those behind added partials too */
	int64_t values;	/* what a mean divides by */
	struct tally_ends *ends;	/* only if such a part is kept */
};

/*
 * A decimal factor: mul * 10^shift, mul > 0.  {1, 0} leaves numbers alone.
 */
struct tally_scale {
	int64_t mul;
	int shift;
};

/*
 * tally_scale_set(scale, mul, div) - The factor mul / div, both > 0.  0, or
 * -1 if it has no finite decimal form.
 */
int tally_scale_set(struct tally_scale *scale, int64_t mul, int64_t div);

/*
 * tally_number(x, p, n, scale) - Add the JSON number p[0..n) times scale to
 * x, exactly.  0, or -1 if it is no number or too large.
 */
int tally_number(struct num_sum *x, const char *p, size_t n,
    const struct tally_scale *scale);

/* tally_copy(to, from) - Make *to, which is initialised, equal to from. */
void tally_copy(struct num_sum *to, const struct num_sum *from);

/*
 * tally_ends(t, parts) - t->ends, which is made if one of the parts needs it
 * and it is not there, or NULL.
 */
struct tally_ends *tally_ends(struct tally *t, unsigned parts);

/*
 * tally_add(t, parts, x, at, n) - Add one value x of time at that stands
 * for n readings.
 */
void tally_add(struct tally *t, unsigned parts, const struct num_sum *x,
    int64_t at, int64_t n);

/* tally_merge(t, parts, other) - Add all readings of other. */
void tally_merge(struct tally *t, unsigned parts, const struct tally *other);

/*
 * tally_print(t, stat, every, b) - Append the stat as a JSON number; t is
 * not empty.  Times are in seconds.  TALLY_ENERGY is the sum of powers times
 * every microseconds, in hours.
 */
void tally_print(const struct tally *t, enum tally_stat stat, int64_t every,
    struct buf *b);

/* tally_fini(t) - Free and make empty. */
void tally_fini(struct tally *t);

#endif
