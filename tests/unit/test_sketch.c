/*
 * The quantile sketch: buckets against a reckoning of their own, the 1 % that
 * is promised, merging in any shape, text in and out.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "grid/sketch.h"

static int32_t
bucket(const char *text)
{
	struct num_sum x = { 0 };
	int32_t at = INT32_MAX;

	check(num_sum_add(&x, text, strlen(text)) == 0, "%s: no number", text);
	if (sketch_bucket(&x, &at) == -1)
		at = INT32_MIN;
	num_sum_fini(&x);
	return at;
}

/* The bucket of 1.00, of which each power of ten moves it by a decade. */
static const int32_t one = 1 + 24 * SKETCH_DECADE;

static void
test_buckets(void)
{
	static const struct {
		const char *in;
		int32_t want;
		const char *why;
	} cases[] = {
		{ "0", 0, "zero" },
		{ "-0.0", 0, "minus zero" },
		{ "1", 0, "the first of a decade" },
		{ "1.0199999999999999999999999999999", 0,
		    "just below an edge" },
		{ "1.02", 1, "an edge" },
		{ "1.9999999999999999999999", 49, "just below 2" },
		{ "2", 50, "steps of 0.04 begin" },
		{ "2.03", 50, "within" },
		{ "2.04", 51, "an edge" },
		{ "4.96", 124, "the last of them" },
		{ "5", 125, "steps of 0.1 begin" },
		{ "9.99", 174, "the last of a decade" },
		{ "10", 175, "the next decade" },
		{ "0.1", -175, "the decade before" },
		{ "100e-2", 0, "exponents" },
		{ "1000000000000000000000000000000e-30", 0, "many digits" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int32_t want = cases[i].want + one;

		if (strcmp(cases[i].in, "0") == 0 || cases[i].in[0] == '-')
			want = 0;
		check(bucket(cases[i].in) == want,
		    "%s: %s: %" PRId32 ", not %" PRId32, cases[i].in,
		    cases[i].why, bucket(cases[i].in), want);
	}
	check(bucket("-1") == -one, "negative numbers mirror");
	check(bucket("1e-24") == 1, "the least");
	check(bucket("9.9e-25") == 0, "what is less is 0");
	check(bucket("9.99e23") == SKETCH_BUCKETS, "the greatest");
	check(bucket("1e24") == INT32_MIN, "too great");
	check(bucket("-1e300") == INT32_MIN, "too great, negative");
}

static uint32_t seed;

static uint32_t
number(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

struct value {
	double v;
	int32_t at;
};

static int
ascending(const void *a, const void *b)
{
	const struct value *x = a, *y = b;

	return (x->v > y->v) - (x->v < y->v);
}

enum { VALUES = 200 };

static size_t
make_values(struct value *values)
{
	size_t n = 1 + number(VALUES);
	int exponent = (int)number(30) - 15, spread = 1 + (int)number(6);

	for (size_t i = 0; i < n; i++) {
		char text[64];

		snprintf(text, sizeof text, "%s%u.%02ue%d",
		    number(3) == 0 ? "-" : "", number(1000), number(100),
		    exponent + (int)number((uint32_t)spread));
		values[i].v = strtod(text, NULL);
		values[i].at = bucket(text);
	}
	return n;
}

static void
check_quantiles(struct value *values, size_t n, const struct sketch *s)
{
	static const int32_t ranks[] = { 0, 10000, 250000, 500000, 900000,
		950000, 999000, 999999, 1000000 };

	qsort(values, n, sizeof *values, ascending);
	for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
		size_t at = (size_t)ranks[i] * (n - 1) / 1000000;
		double want = values[at].v, got;
		struct buf b = { 0 };

		sketch_quantile(s, ranks[i], &b);
		got = strtod(buf_cstr(&b), NULL);
		check(got - want <= 0.01000001 * (want < 0 ? -want : want) &&
			want - got <= 0.01000001 * (want < 0 ? -want : want),
		    "rank %" PRId32 " of %zu: %s is not within 1 %% of %g",
		    ranks[i], n, b.p, want);
		buf_fini(&b);
	}
}

static void
check_text(const struct sketch *s, const char *why)
{
	struct sketch again = { 0 };
	struct buf a = { 0 }, b = { 0 };

	sketch_print(s, &a);
	check(sketch_parse(&again, a.p, a.len, 0) == 0, "%s: not read", why);
	sketch_print(&again, &b);
	check(a.len == b.len && memcmp(a.p, b.p, a.len) == 0 && again.n == s->n,
	    "%s: not the same", why);
	check(a.len <= SKETCH_TEXT_MAX, "%s: too long", why);
	buf_fini(&a);
	buf_fini(&b);
	sketch_fini(&again);
}

/* Values dealt to some sketches, which are merged in pairs at random. */
static void
test_merging(void)
{
	struct value values[VALUES];

	for (int round = 0; round < 300; round++) {
		struct sketch whole = { 0 }, part[8] = { 0 };
		struct buf a = { 0 }, b = { 0 };
		size_t n = make_values(values);

		for (size_t i = 0; i < n; i++) {
			sketch_add(&whole, values[i].at, 1);
			sketch_add(&part[number(8)], values[i].at, 1);
		}
		for (size_t left = 8; left > 1; left--) {
			size_t from = number((uint32_t)left), to = left - 1;
			struct sketch one_of = part[from];

			part[from] = part[to];
			part[to] = one_of;
			sketch_merge(
			    &part[number((uint32_t)left - 1)], &part[to]);
			sketch_fini(&part[to]);
		}
		sketch_print(&whole, &a);
		sketch_print(&part[0], &b);
		check(a.len == b.len && memcmp(a.p, b.p, a.len) == 0,
		    "round %d: merged differs", round);
		check_text(&whole, "random");
		check_quantiles(values, n, &part[0]);
		buf_fini(&a);
		buf_fini(&b);
		sketch_fini(&whole);
		sketch_fini(&part[0]);
	}
}

static void
test_printing(void)
{
	static const struct {
		const char *in, *want, *why;
	} cases[] = {
		{ "0", "0", "zero" },
		{ "1", "1.01", "the middle of 1.00 to 1.02" },
		{ "2.5", "2.5", "the middle of 2.48 to 2.52" },
		{ "-77", "-77.5", "the middle of 77 to 78" },
		{ "123456", "123000", "whole numbers" },
		{ "0.0123", "0.0123", "small ones" },
		{ "1e23", "1.01e+23", "great ones" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sketch s = { 0 };
		struct buf b = { 0 };

		sketch_add(&s, bucket(cases[i].in), 1);
		sketch_quantile(&s, 500000, &b);
		check(strcmp(buf_cstr(&b), cases[i].want) == 0, "%s: %s: %s",
		    cases[i].in, cases[i].why, b.p);
		sketch_fini(&s);
		buf_fini(&b);
	}
}

static void
test_text(void)
{
	static const struct {
		const char *in;
		int shift, want;
		const char *why;
	} cases[] = {
		{ "AQAB", 0, 0, "one value of 0" },
		{ "AQ", 0, 0, "no values" },
		{ "", 0, -1, "empty" },
		{ "AgAB", 0, -1, "another format" },
		{ "AQA", 0, -1, "no base64" },
		{ "AQAA", 0, -1, "a bucket without values" },
		{ "AQABAAE", 0, -1, "the same bucket twice" },
		{ "AYAAAQ", 0, -1, "a number longer than need be" },
		{ "AQCA", 0, -1, "a number without end" },
		{ "AQB_f39_f39_fw", 0, -1, "more values than can be" },
		{ "Af___38B", 0, -1, "a bucket that is none" },
		{ "AQAB=", 0, -1, "padding" },
		{ "AQIB", 47, 0, "moved to the greatest decade" },
		{ "AQIB", 48, -1, "moved beyond" },
		{ "AQIB", -1, -1, "moved below" },
		{ "AQAB", -48, 0, "0 stays where it is" },
		{ "AQAB", 2000000000, -1, "moved by far" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sketch s = { 0 };
		int got = sketch_parse(
		    &s, cases[i].in, strlen(cases[i].in), cases[i].shift);

		check(
		    got == cases[i].want, "%s: %s", cases[i].in, cases[i].why);
		check(got == 0 || (s.n == 0 && s.bin == NULL),
		    "%s: something is left", cases[i].in);
		sketch_fini(&s);
	}
}

/* All buckets there are fit into the text that is allowed. */
static void
test_full(void)
{
	struct sketch s = { 0 }, moved = { 0 };
	struct buf b = { 0 };

	for (int32_t at = -SKETCH_BUCKETS; at <= SKETCH_BUCKETS; at++)
		sketch_add(&s, at, INT64_C(1000000000));
	check_text(&s, "full");
	sketch_fini(&s);
	sketch_add(&s, one, 3);
	sketch_add(&s, -one, 2);
	sketch_print(&s, &b);
	check(sketch_parse(&moved, b.p, b.len, 3) == 0, "moved");
	b.len = 0;
	sketch_quantile(&moved, 1000000, &b);
	check(strcmp(buf_cstr(&b), "1010") == 0, "moved: %s", b.p);
	b.len = 0;
	sketch_quantile(&moved, 0, &b);
	check(strcmp(buf_cstr(&b), "-1010") == 0, "moved: %s", b.p);
	buf_fini(&b);
	sketch_fini(&s);
	sketch_fini(&moved);
}

int
main(void)
{
	test_buckets();
	test_printing();
	test_merging();
	test_text();
	test_full();
	return check_done();
}
