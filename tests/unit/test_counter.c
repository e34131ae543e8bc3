/*
 * Cumulative counters: what they rise by over resets, wraps, exchanges and
 * faults, whatever the order of the readings and however they are cut into
 * windows.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "grid/counter.h"

enum { READINGS_MAX = 16 };

static const int64_t second = 1000000, hour = INT64_C(3600000000);

/* Readings are an hour apart; "-" is an hour without one. */
static const struct scenario {
	const char *readings, *rollover, *max_rate, *want;
	int ignored, resets;
	const char *why;
} scenarios[] = {
	{ "100 101 103.5", "", "", "3.5", 0, 0, "a meter" },
	{ "100", "", "", "none", 0, 0, "one reading tells nothing" },
	{ "100 100", "", "", "0", 0, 0, "no rise is one of 0" },
	{ "100 - - 104", "", "", "4", 0, 0, "nothing is lost in a gap" },
	{ "100 105 2 4", "", "", "9", 0, 1, "a reset, counted from 0" },
	{ "100 105 0 4", "", "", "9", 0, 1, "a reset to 0" },
	{ "100 105 0 0 0 4 5", "", "", "10", 0, 1, "a reset that stays at 0" },
	{ "100 105 0 106", "", "", "6", 1, 0, "a brief zero" },
	{ "100 105 0 0 0 105", "", "", "5", 1, 0, "back where it was" },
	{ "100 0 100 0 100", "", "", "0", 2, 0, "zeros again and again" },
	{ "0 0 0", "", "", "0", 0, 0, "0 from the start is no fault" },
	{ "53700000 53700010 0 53700020", "", "", "20", 1, 0,
	    "a meter of 53.7 MWh that is briefly 0" },
	{ "53700000 53700010 3 53700020", "", "100", "13", 1, 1,
	    "one that is briefly nearly 0: the way back is no rise" },
	{ "53700000 53700010 3 53700020 53700025", "", "100", "18", 1, 2,
	    "and it goes on from there" },
	{ "100 101 53700101 102 103", "", "100", "3", 1, 0, "a spike" },
	{ "100 101 5000 5003 5004", "", "100", "5", 1, 1,
	    "an exchange for a meter that is further on" },
	{ "5000 5001 100 102", "", "", "103", 0, 1,
	    "an exchange for one that is not: counted from 0" },
	{ "5000 5001 100 102", "", "50", "3", 1, 1,
	    "unless that is faster than can be" },
	{ "4294967290 4294967295 4 10", "4294967296", "", "16", 0, 0,
	    "32 bits" },
	{ "99998 99999 0 2", "100000", "", "4", 0, 0,
	    "five digits, read at 0" },
	{ "99998 99999 1 2", "100000", "", "4", 0, 0, "five digits" },
	{ "60000 60001 3", "100000", "", "4", 0, 1,
	    "a fall from far below the end is a reset" },
	{ "99999 99998 99999", "100000", "", "99999", 0, 1,
	    "a fall by one is no wrap but a reset" },
	{ "-5 -3 -2", "", "", "3", 0, 0, "below 0" },
	{ "-2 -5 -3", "", "", "2", 0, 1, "a fall below 0 counts nothing" },
	{ "0.1 0.2 0.3", "", "", "0.2", 0, 0, "exactly" },
	{ "999999999999999999 0.000000000000000001", "", "", "1e-18", 0, 1,
	    "18 digits before, 18 behind" },
	{ "10 20 31 41", "", "10", "20", 1, 1, "just too fast, then on" },
	{ "10 20 30", "", "10", "20", 0, 0, "just not too fast" },
};

static void
take(struct num_sum *x, const char *p, size_t n)
{
	check(n == 0 || num_sum_add(x, p, n) == 0, "%.*s", (int)n, p);
}

static size_t
take_readings(const struct scenario *s, struct counter_point *points)
{
	size_t count = 0;
	int64_t t = 0;

	for (const char *p = s->readings; *p != '\0'; t += hour) {
		size_t n = strcspn(p, " ");
		struct num_sum x = { 0 };

		if (!(n == 1 && *p == '-')) {
			take(&x, p, n);
			check(counter_point_set(&points[count++], &x, t) == 0,
			    "%s: too long", s->readings);
		}
		num_sum_fini(&x);
		p += n + (p[n] == ' ');
	}
	return count;
}

/* The scenario, its first cut readings in a window before the others. */
static void
run(const struct scenario *s, size_t turn, size_t cut)
{
	struct counter_rule rule = { .per = hour };
	struct counter_point points[READINGS_MAX];
	size_t n = take_readings(s, points);
	struct counter part[2] = { 0 };
	struct counter_rise all = { 0 };
	struct counter_state state;
	struct buf b = { 0 };

	take(&rule.rollover, s->rollover, strlen(s->rollover));
	take(&rule.max_rate, s->max_rate, strlen(s->max_rate));
	for (size_t i = 0; i < n; i++) {
		size_t at = (i * (turn % 2 ? n - 1 : 1) + turn) % n;

		counter_add(&part[at >= cut], &points[at], INT64_MIN);
		counter_add(&part[at >= cut], &points[at], INT64_MIN);
	}
	for (int i = 0; i < 2; i++) {
		struct counter_rise rise;

		if (i == 1)
			part[1].before = state;
		counter_run(&part[i], &rule, &rise, &state);
		num_sum_merge(&all.v, &rise.v);
		num_sum_fini(&rise.v);
		all.steps += rise.steps;
		all.ignored += rise.ignored;
		all.resets += rise.resets;
	}
	if (all.steps == 0)
		buf_adds(&b, "none");
	else
		num_sum_exact(&all.v, &b);
	check(strcmp(buf_cstr(&b), s->want) == 0,
	    "%s: %s, turn %zu, cut %zu: %s", s->readings, s->why, turn, cut,
	    b.p);
	check(all.ignored == s->ignored && all.resets == s->resets,
	    "%s: %s: %d ignored, %d resets", s->readings, s->why,
	    (int)all.ignored, (int)all.resets);
	num_sum_fini(&all.v);
	counter_fini(&part[0]);
	counter_fini(&part[1]);
	buf_fini(&b);
}

static uint32_t seed = 7;

static uint32_t
number(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/*
 * Readings that come up to half an hour late: those that have been dropped
 * since change nothing.
 */
static void
test_thinning(void)
{
	struct counter_rule rule = { .per = hour };

	for (int round = 0; round < 200; round++) {
		struct counter all = { 0 }, thin = { 0 };
		struct counter_rise a, b;
		struct counter_state after_a, after_b;
		int64_t v = 100, t[600];

		/* In blocks of half an hour, turned and mixed. */
		for (int i = 0; i < 600; i++)
			t[i] = (i / 30 * 30 + (i % 30 * 7 + round) % 30) * 60 *
			    second;
		for (int i = 0; i < 600; i++) {
			uint32_t what = number(40);
			int64_t now = t[i] / second;
			struct counter_point p = { t[i], v + now, 0 };

			if (what == 0)
				p.v = 0;
			else if (what == 1)
				p.v = number(100000);
			else if (what < 10)
				p.v += number(50);
			counter_add(&all, &p, INT64_MIN);
			counter_add(&thin, &p, i / 30 * 30 * 60 * second);
		}
		counter_run(&all, &rule, &a, &after_a);
		counter_run(&thin, &rule, &b, &after_b);
		check(num_sum_compare(&a.v, &b.v) == 0 &&
			a.ignored == b.ignored && a.resets == b.resets &&
			after_a.last.v == after_b.last.v,
		    "round %d: %u readings of %u differ", round, thin.n, all.n);
		check(thin.n < all.n, "round %d: nothing dropped", round);
		num_sum_fini(&a.v);
		num_sum_fini(&b.v);
		counter_fini(&all);
		counter_fini(&thin);
	}
}

int
main(void)
{
	struct counter_point points[READINGS_MAX];

	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
		size_t n = take_readings(&scenarios[i], points);

		for (size_t turn = 0; turn < n; turn++)
			for (size_t cut = 0; cut <= n; cut++)
				run(&scenarios[i], turn, cut);
	}
	test_thinning();
	return check_done();
}
