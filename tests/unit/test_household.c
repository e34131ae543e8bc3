#include <stdint.h>
#include <string.h>

#include "check.h"
#include "grid/household.h"

enum { HOMES = 400 };

static const int64_t second = 1000000, monday = INT64_C(1795392000);

static int64_t
at(const struct household *h, int64_t s)
{
	return household_load(h, s * second);
}

/* The mean of all homes over an hour of the day, in watts. */
static double
mean(int64_t day, int hour)
{
	struct household h;
	double sum = 0;
	int i, m;

	for (i = 0; i < HOMES; i++) {
		household_init(&h, 1, (uint64_t)i);
		for (m = 0; m < 60; m += 3)
			sum += (double)at(&h, day + hour * 3600 + m * 60) / 10;
	}
	return sum / HOMES / 20;
}

static void
test_shape(void)
{
	double night = mean(monday, 4), morning = mean(monday, 8),
	       noon = mean(monday, 11), evening = mean(monday, 19),
	       saturday = mean(monday + 5 * 86400, 11);

	check(night > 100 && night < 500, "night %.0f W", night);
	check(evening > 500 && evening < 1500, "evening %.0f W", evening);
	check(morning > night && evening > morning,
	    "%.0f, %.0f, %.0f W: not rising", night, morning, evening);
	check(saturday > noon, "%.0f W on Saturday, %.0f on Monday", saturday,
	    noon);
}

static void
test_bounds(void)
{
	struct household h;
	int64_t t, v;
	int i;

	for (i = 0; i < HOMES; i++) {
		household_init(&h, 2, (uint64_t)i);
		for (t = 0; t < 86400; t += 977) {
			v = at(&h, monday + t);
			check(v >= 100 && v <= 300000, "%lld at %lld",
			    (long long)v, (long long)t);
		}
	}
}

static void
test_repeatable(void)
{
	struct household a, b, c;

	household_init(&a, 7, 17);
	household_init(&b, 7, 17);
	household_init(&c, 8, 17);
	check(memcmp(&a, &b, sizeof a) == 0, "not the same again");
	check(memcmp(&a, &c, sizeof a) != 0, "another seed, the same home");
	check(at(&a, monday) == at(&b, monday), "another load");
	/* The value itself, so that recorded runs stay what they are. */
	check(at(&a, monday + 36000) == 3337, "%lld",
	    (long long)at(&a, monday + 36000));
}

/* No step at the beginning of a day, nor before 1970. */
static void
test_midnight(void)
{
	struct household h;
	int64_t day, v;
	int i;

	for (i = 0; i < HOMES; i++) {
		household_init(&h, 3, (uint64_t)i);
		for (day = -3; day < 4; day++) {
			v = at(&h, day * 86400);
			check(v >= 100 && v <= 300000, "%lld on day %lld",
			    (long long)v, (long long)day);
		}
		v = household_load(&h, INT64_MIN / 2) +
		    household_load(&h, INT64_MAX / 2);
		check(v >= 200 && v <= 600000, "at the ends of time");
	}
}

int
main(void)
{
	test_shape();
	test_bounds();
	test_repeatable();
	test_midnight();
	return check_done();
}
