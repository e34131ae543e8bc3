/*
 * Readings of a cumulative counter, such as a meter's kWh, and what it rose
 * by from one to the next.  Readings are kept until their window is counted,
 * so that their order of arrival changes nothing.
 *
 * A fall is a reset, and the new reading counts from 0; or, near the end of
 * the counter's range, a wrap.  A fall to 0 that is followed by a reading at
 * or above the old one is no reset but ignored.  So is a rise that is faster
 * than can be, until the next reading goes on from there: then the counter
 * has moved (a meter has been exchanged), and the step is not counted.
 */
#ifndef SG_GRID_COUNTER_H
#define SG_GRID_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/num.h"

struct counter_rule {
	struct num_sum rollover; /* values are below it; 0: unknown */
	struct num_sum max_rate; /* rise in per microseconds; 0: any */
	int64_t per;
};

/* v * 10^-scale at time t, microseconds. */
struct counter_point {
	int64_t t, v;
	int scale;
};

/* What must be known of the readings so far.  All-zero: there are none. */
struct counter_state {
	struct counter_point last, doubted;
	unsigned char has_last, has_doubted;
	unsigned char zero; /* then 0 was read: a reset, or nothing */
};

/* The readings of one counter in one window.  All-zero is none. */
struct counter {
	struct counter_state before; /* the window */
	struct counter_point *point; /* by time */
	uint32_t n, cap;
};

/* counter_point_set(point, x, t) - 0, or -1 if x has more than 18 digits. */
int counter_point_set(
    struct counter_point *point, const struct num_sum *x, int64_t t);

/*
 * counter_add(c, point, horizon) - Add a reading; of two at one time the
 * greater counts.  Nothing before horizon comes any more (it is no harm if
 * it does): readings there from which nothing follows may be dropped.  With a
 * max_rate each one matters: horizon is then INT64_MIN.
 */
void counter_add(
    struct counter *c, const struct counter_point *point, int64_t horizon);

/* What the readings of a window say. */
struct counter_rise {
	struct num_sum v; /* to be freed with num_sum_fini() */
	int64_t from, to; /* the times of the readings between which */
	int64_t steps;	  /* 0: there is no such pair of readings */
	int64_t ignored, resets;
};

/*
 * counter_run(c, rule, rise, after) - Go through the readings in order, from
 * c->before on.  *after is the state behind the last one.
 */
void counter_run(const struct counter *c, const struct counter_rule *rule,
    struct counter_rise *rise, struct counter_state *after);

/* counter_fini(c) - Free and make empty. */
void counter_fini(struct counter *c);

#endif
