#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"
#include "grid/counter.h"

enum { THIN_AT = 32, NEAR_END = 10 };

int
counter_point_set(
    struct counter_point *point, const struct num_sum *x, int64_t t)
{
	if (x->wide != NULL || x->units != (int64_t)x->units)
		return -1;
	point->v = (int64_t)x->units;
	point->scale = x->scale;
	point->t = t;
	return 0;
}

static struct num_sum
value(const struct counter_point *p)
{
	return (struct num_sum){ .units = p->v, .scale = p->scale };
}

static int
compare(const struct counter_point *a, const struct counter_point *b)
{
	struct num_sum x = value(a), y = value(b);

	return num_sum_compare(&x, &y);
}

/*
 * Drop readings between others that do not fall, all of them older than
 * horizon and above 0: with and without them the counter rises as much.
 */
static void
thin(struct counter *c, int64_t horizon)
{
	uint32_t n = c->n > 0;

	for (uint32_t i = 1; i < c->n; i++) {
		const struct counter_point *next = &c->point[i + 1];

		if (i + 1 < c->n && next->t < horizon &&
		    c->point[n - 1].v > 0 &&
		    compare(&c->point[n - 1], &c->point[i]) <= 0 &&
		    compare(&c->point[i], next) <= 0)
			continue;
		c->point[n++] = c->point[i];
	}
	c->n = n;
}

static void
room(struct counter *c, int64_t horizon)
{
	if (c->n < c->cap)
		return;
	if (c->n >= THIN_AT)
		thin(c, horizon);
	if (c->n <= c->cap / 2 && c->cap > 0)
		return;
	c->cap = c->cap == 0 ? 2 : c->cap * 2;
	c->point = xrealloc(c->point, c->cap * sizeof *c->point);
}

void
counter_add(
    struct counter *c, const struct counter_point *point, int64_t horizon)
{
	uint32_t i;

	room(c, horizon);
	for (i = c->n; i > 0 && c->point[i - 1].t > point->t; i--)
		;
	if (i > 0 && c->point[i - 1].t == point->t) {
		if (compare(&c->point[i - 1], point) < 0)
			c->point[i - 1] = *point;
		return;
	}
	memmove(c->point + i + 1, c->point + i, (c->n - i) * sizeof *c->point);
	c->point[i] = *point;
	c->n++;
}

/* *rise = to - from */
static void
difference(struct num_sum *rise, const struct counter_point *from,
    const struct counter_point *to)
{
	struct num_sum less = value(from);

	*rise = value(to);
	less.units = -less.units;
	num_sum_merge(rise, &less);
}

static int
too_fast(
    const struct counter_rule *rule, const struct num_sum *rise, int64_t time)
{
	int64_t d = num_common_divisor(rule->per, time);
	struct num_sum none = { 0 }, rate = { 0 };
	struct buf b = { 0 };
	int fast;

	if (num_sum_compare(&rule->max_rate, &none) <= 0)
		return 0;
	num_sum_format(rise, rule->per / d, time / d, &b);
	num_sum_add(&rate, b.p, b.len);
	fast = num_sum_compare(&rate, &rule->max_rate) > 0;
	num_sum_fini(&rate);
	buf_fini(&b);
	return fast;
}

/* What a fall to p means: *rise, through the end of the range or from 0. */
static void
fall(const struct counter_rule *rule, const struct counter_point *p,
    struct num_sum *rise, struct counter_rise *out)
{
	struct num_sum none = { 0 }, near = { 0 }, wrapped = { 0 };

	num_sum_merge(&wrapped, &rule->rollover);
	num_sum_merge(&wrapped, rise);
	for (int i = 0; i < NEAR_END; i++)
		num_sum_merge(&near, &wrapped);
	if (num_sum_compare(&wrapped, &none) >= 0 &&
	    num_sum_compare(&near, &rule->rollover) <= 0 && p->v >= 0) {
		num_sum_fini(rise);
		*rise = wrapped;
	} else {
		num_sum_fini(&wrapped);
		num_sum_fini(rise);
		*rise = p->v > 0 ? value(p) : none;
		out->resets++;
	}
	num_sum_fini(&near);
}

static void
accept(struct counter_state *s, const struct counter_point *p,
    const struct num_sum *rise, struct counter_rise *out)
{
	num_sum_merge(&out->v, rise);
	out->to = p->t;
	out->steps++;
	s->last = *p;
	s->zero = s->has_doubted = 0;
}

/* A reading that is too far up: believed if it goes on from the last such. */
static void
doubt(const struct counter_rule *rule, struct counter_state *s,
    const struct counter_point *p, struct counter_rise *out)
{
	struct num_sum rise = { 0 };

	if (s->has_doubted && compare(&s->doubted, p) <= 0) {
		difference(&rise, &s->doubted, p);
		if (!too_fast(rule, &rise, p->t - s->doubted.t)) {
			accept(s, p, &rise, out);
			out->resets++;
			num_sum_fini(&rise);
			return;
		}
		num_sum_fini(&rise);
	}
	s->doubted = *p;
	s->has_doubted = 1;
	out->ignored++;
}

static void
step(const struct counter_rule *rule, struct counter_state *s,
    const struct counter_point *p, struct counter_rise *out)
{
	int falls = compare(p, &s->last) < 0;
	int64_t resets = out->resets;
	struct num_sum rise;

	if (falls && p->v == 0) {
		s->zero = 1;
		return;
	}
	difference(&rise, &s->last, p);
	if (falls)
		fall(rule, p, &rise, out);
	else if (s->zero) {
		s->zero = 0;
		out->ignored++;
	}
	if (too_fast(rule, &rise, p->t - s->last.t)) {
		out->resets = resets;
		doubt(rule, s, p, out);
	} else
		accept(s, p, &rise, out);
	num_sum_fini(&rise);
}

void
counter_run(const struct counter *c, const struct counter_rule *rule,
    struct counter_rise *rise, struct counter_state *after)
{
	uint32_t i = 0;

	*rise = (struct counter_rise){ 0 };
	*after = c->before;
	if (!after->has_last && c->n > 0) {
		after->last = c->point[i++];
		after->has_last = 1;
	}
	rise->from = rise->to = after->last.t;
	for (; i < c->n; i++)
		step(rule, after, &c->point[i], rise);
}

void
counter_fini(struct counter *c)
{
	free(c->point);
	*c = (struct counter){ 0 };
}
