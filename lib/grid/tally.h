/*
 * What is known of a set of readings: how many, their exact sum and that of
 * their squares, least, greatest, first and last with their times, a sketch
 * of them for quantiles.  The order in which readings
 * and other tallies are added changes nothing.
 */
#ifndef SG_GRID_TALLY_H
#define SG_GRID_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/num.h"
#include "grid/sketch.h"

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
	TALLY_ENERGY, /* of powers */
	TALLY_POWER,  /* of energies */
	TALLY_STDDEV, /* of all values, not of a sample */
	TALLY_QUANTILE,
	TALLY_STATS
};

enum { TALLY_NAME_MAX = 15, TALLY_WANTS_MAX = 32 };

/* A statistic that is asked for. */
struct tally_want {
	enum tally_stat stat;
	int32_t rank;		       /* of a quantile, in millionths */
	char name[TALLY_NAME_MAX + 1]; /* "sum", "min_at", "p99.9", … */
};

/*
 * tally_want(want, p, n) - The statistic of that name; quantiles are p0 to
 * p100 with up to four decimals, the last one not 0.  0, or -1 if there is
 * none.
 */
int tally_want(struct tally_want *want, const char *p, size_t n);

/* tally_stat_name(stat) - "sum", "min_at", …; of a quantile "p". */
const char *tally_stat_name(enum tally_stat stat);

/* Which parts of a tally are kept. */
enum {
	TALLY_HAS_SUM = 1,
	TALLY_HAS_MIN = 2,
	TALLY_HAS_MAX = 4,
	TALLY_HAS_FIRST = 8,
	TALLY_HAS_LAST = 16,
	TALLY_HAS_SQ = 32,
	TALLY_HAS_SKETCH = 64
};

enum {
	TALLY_HAS_VALUES = TALLY_HAS_MIN | TALLY_HAS_MAX | TALLY_HAS_FIRST |
	    TALLY_HAS_LAST | TALLY_HAS_SQ
};

/* tally_parts(stat) - The parts from which stat is computed. */
unsigned tally_parts(enum tally_stat stat);

/*
 * tally_unit(stat, u, n, un) - The unit of a statistic of numbers in the unit
 * u[0..n), *un its length, 0 if it has none.  Borrowed.  The energy of energies
 * is in their unit.
 */
const char *
tally_unit(enum tally_stat stat, const char *u, size_t n, size_t *un);

/* A value and the time it is of, microseconds. */
struct tally_value {
	struct num_sum v;
	int64_t at;
};

/* What only some statistics need. */
struct tally_more {
	unsigned parts;		 /* those that value[] has room for */
	int64_t ignored, resets; /* of counters (counter.h) */
	struct sketch sketch;
	/*
	 * In the order of the parts: the earliest of equal least and greatest
	 * ones, the greatest of equal times, the sum of squares.
	 */
	struct tally_value value[];
};

/* All-zero is the empty tally. */
struct tally {
	struct num_sum sum;
	int64_t n;		 /* readings, those behind added partials too */
	int64_t values;		 /* what a mean divides by */
	int64_t estimated;	 /* of n, those of that quality */
	struct tally_more *more; /* only if such a part is kept */
};

/* What a value stands for. */
struct tally_count {
	int64_t n, estimated; /* readings */
	int64_t ignored, resets;
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
 * tally_exact(x, p, n, scale) - The same for what num_sum_exact() wrote.
 */
int tally_exact(struct num_sum *x, const char *p, size_t n,
    const struct tally_scale *scale);

/*
 * tally_fits(x, parts) - 0, or -1 if x is out of the range of the parts:
 * 1e154 for squares, 1e24 for sketches.
 */
int tally_fits(const struct num_sum *x, unsigned parts);

/*
 * tally_value(t, part) - The value of one of TALLY_HAS_VALUES, or NULL if it
 * is not kept.
 */
struct tally_value *tally_value(const struct tally *t, unsigned part);

/* tally_more(t, parts) - t->more with room for these parts, made if need be. */
struct tally_more *tally_more(struct tally *t, unsigned parts);

/*
 * tally_add(t, parts, x, at, count) - Add one value x of time at, which fits.
 */
void tally_add(struct tally *t, unsigned parts, const struct num_sum *x,
    int64_t at, const struct tally_count *count);

/*
 * tally_merge(t, parts, other) - Add all readings of other, which has the
 * parts.
 */
void tally_merge(struct tally *t, unsigned parts, const struct tally *other);

/* Lengths of time, microseconds, that energy and power are made with. */
struct tally_times {
	int64_t every; /* from one reading to the next */
	int64_t width; /* of the window */
};

/*
 * tally_print(t, want, times, b) - Append the statistic as a JSON number; t
 * has values.  Times are in seconds.  TALLY_ENERGY is the sum of powers times
 * every, in hours; TALLY_POWER the sum of energies by the width, in hours.  1
 * if the number is exact, 0 if it is rounded.
 */
int tally_print(const struct tally *t, const struct tally_want *want,
    const struct tally_times *times, struct buf *b);

/* tally_fini(t) - Free and make empty. */
void tally_fini(struct tally *t);

#endif
