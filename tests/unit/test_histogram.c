#include <stdint.h>
#include <stdlib.h>

#include "base/histogram.h"
#include "check.h"

static const struct {
	int64_t from, to; /* each value once */
	uint32_t parts;
	uint64_t want; /* exactly; what is shown is at most 1/64 more */
	const char *why;
} cases[] = {
	{ 5, 5, 500000, 5, "one value" },
	{ 5, 5, 1000000, 5, "all of one value" },
	{ -7, -7, 500000, 0, "a negative value counts as 0" },
	{ 1, 100, 500000, 50, "median of a hundred" },
	{ 1, 100, 990000, 99, "p99 of a hundred" },
	{ 1, 100, 999000, 100, "p99.9 of a hundred is the last" },
	{ 1, 100, 0, 1, "no part at all is the smallest" },
	{ 1, 100000, 500000, 50000, "median of many" },
	{ 1, 100000, 999000, 99900, "p99.9 of many" },
	{ 1000000, 1003000, 1000000, 1003000, "the largest is exact" },
	{ INT64_MAX - 1, INT64_MAX, 500000, INT64_MAX, "beyond the top" },
};

static void
test_cases(void)
{
	struct histogram *h;
	uint64_t got, want;
	size_t i;
	int64_t v;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		h = calloc(1, sizeof *h);
		for (v = cases[i].from;; v++) {
			histogram_add(h, v);
			if (v == cases[i].to)
				break;
		}
		got = histogram_share(h, cases[i].parts);
		want = cases[i].want;
		check(got >= want && got - want <= want / 64,
		    "%s: %llu, not %llu", cases[i].why, (unsigned long long)got,
		    (unsigned long long)want);
		free(h);
	}
}

/* Whatever the values: never below the truth, never 1/64 above it. */
static void
test_one_value(void)
{
	struct histogram *h;
	uint64_t v, got;
	int bit;

	for (bit = 0; bit < HISTOGRAM_TOP; bit++)
		for (int d = -1; d <= 1; d++) {
			v = ((uint64_t)1 << bit) + (uint64_t)(int64_t)d;
			h = calloc(1, sizeof *h);
			histogram_add(h, (int64_t)v);
			histogram_add(h, (int64_t)1 << 62);
			got = histogram_share(h, 500000);
			check(got >= v && got - v <= v / 64,
			    "one value: %llu, not %llu",
			    (unsigned long long)got, (unsigned long long)v);
			free(h);
		}
}

int
main(void)
{
	struct histogram empty = { 0 };

	check(histogram_share(&empty, 500000) == 0, "empty");
	test_cases();
	test_one_value();
	return check_done();
}
