#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "check.h"

static const struct {
	const char *in;
	size_t want;
	const char *why;
} tokens[] = {
	{ "0", 1, "zero" },
	{ "-0", 2, "minus zero" },
	{ "12.50e+3,", 8, "ends before the comma" },
	{ "1E5", 3, "capital E" },
	{ "01", 1, "a leading zero ends it" },
	{ "", 0, "empty" },
	{ "-", 0, "sign alone" },
	{ "+1", 0, "plus" },
	{ ".5", 0, "no digit before the point" },
	{ "1.", 0, "no digit behind the point" },
	{ "1.e5", 0, "none before e" },
	{ "1e", 0, "no exponent" },
	{ "1e+", 0, "no exponent behind the sign" },
	{ "NaN", 0, "word" },
	{ " 1", 0, "blank" },
	{ "0x10", 1, "hex ends at x" },
};

static void
test_token(void)
{
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
		check(num_token(tokens[i].in, strlen(tokens[i].in)) ==
			tokens[i].want,
		    "token(%s): %s", tokens[i].in, tokens[i].why);
}

static const struct {
	const char *in;
	const char *want; /* as num_format writes it, NULL: refused */
	const char *why;
} doubles[] = {
	{ "231.5", "231.5", "plain" },
	{ "-0.036", "-0.036", "negative" },
	{ "-0", "0", "minus zero prints as 0" },
	{ "9007199254740993", "9007199254740992", "half to even" },
	{ "9007199254740993.0000000000000000000000001", "9007199254740994",
	    "just above half" },
	{ "0.1", "0.1", "one division" },
	{ "123456789012345678", "123456789012345680", "17 digits" },
	{ "1e23", "1e+23", "not 9.999999999999999e22" },
	{ "1e21", "1e+21", "exponent from 21 on" },
	{ "1e20", "100000000000000000000", "no exponent at 20" },
	{ "1e-7", "1e-7", "exponent from -7 on" },
	{ "1e-6", "0.000001", "no exponent at -6" },
	{ "5e-324", "5e-324", "smallest" },
	{ "2e-324", "0", "underflow" },
	{ "1.7976931348623157e308", "1.7976931348623157e+308", "largest" },
	{ "1.7976931348623159e308", NULL, "overflow" },
	{ "1e999999999999", NULL, "overflow by far" },
	{ "1e-999999999999", "0", "underflow by far" },
	{ "9007199254740992e-1000", "0", "underflow with digits" },
	{ "01", NULL, "leading zero" },
	{ "-01.5", NULL, "leading zero behind a sign" },
	{ "1.", NULL, "no fraction" },
	{ "-.5", NULL, "no digit before the point" },
	{ "1.2.3", NULL, "two points" },
	{ "1 ", NULL, "blank behind" },
	{ "inf", NULL, "infinity" },
	{ "0x1p3", NULL, "hex" },
	{ "", NULL, "empty" },
};

static void
test_double(void)
{
	for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
		const char *in = doubles[i].in, *want = doubles[i].want;
		char out[NUM_MAX + 1] = "";
		double v;

		if (num_double(in, strlen(in), &v) == 0)
			out[num_format(out, v)] = '\0';
		check(strcmp(out, want != NULL ? want : "") == 0,
		    "double(%s): %s", in, doubles[i].why);
	}
}

static const struct {
	const char *in;
	int64_t want; /* INT64_MIN: refused */
} micros[] = {
	{ "0", 0 },
	{ "-0", 0 },
	{ "1", 1000000 },
	{ "946684800", 946684800000000 },
	{ "1795388400.123", 1795388400123000 },
	{ "1795388400.123456", 1795388400123456 },
	{ "0.0000005", 1 },
	{ "-0.0000005", -1 },
	{ "0.00000049999999999999999999", 0 },
	{ "0.00000005", 0 },
	{ "1.9999999", 2000000 },
	{ "1.5e3", 1500000000 },
	{ "15e-1", 1500000 },
	{ "1e-6", 1 },
	{ "5e-7", 1 },
	{ "5e-8", 0 },
	{ "1.25e-999999999999", 0 },
	{ "0e999999999999", 0 },
	{ "9200000000000", 9200000000000000000 },
	{ "-9200000000000", -9200000000000000000 },
	{ "9200000000000.000001", INT64_MIN },
	{ "9200000000001", INT64_MIN },
	{ "1e13", INT64_MIN },
	{ "1e999999999999", INT64_MIN },
	{ "999999999999999999", INT64_MIN },
	{ "", INT64_MIN },
	{ "-", INT64_MIN },
	{ "1,5", INT64_MIN },
	{ "00", INT64_MIN },
}, uints[] = {
	{ "0", 0 },
	{ "7", 7 },
	{ "9223372036854775807", INT64_MAX },
	{ "9223372036854775808", INT64_MIN },
	{ "00", INT64_MIN },
	{ "-1", INT64_MIN },
	{ "1.0", INT64_MIN },
	{ "1e3", INT64_MIN },
	{ "", INT64_MIN },
	{ "99999999999999999999", INT64_MIN },
};

static void
test_integers(void)
{
	int64_t v;

	for (size_t i = 0; i < sizeof micros / sizeof *micros; i++) {
		v = INT64_MIN;
		if (num_micros(micros[i].in, strlen(micros[i].in), &v) < 0)
			v = INT64_MIN;
		check(v == micros[i].want, "micros(%s): wrong", micros[i].in);
	}
	for (size_t i = 0; i < sizeof uints / sizeof *uints; i++) {
		v = INT64_MIN;
		if (num_uint(uints[i].in, strlen(uints[i].in), &v) < 0)
			v = INT64_MIN;
		check(v == uints[i].want, "uint(%s): wrong", uints[i].in);
	}
}

static void
test_add_micros(void)
{
	static const struct {
		int64_t us;
		const char *want;
	} cases[] = {
		{ 0, "0" },
		{ 1250000, "1.25" },
		{ -1250000, "-1.25" },
		{ 1, "0.000001" },
		{ -1, "-0.000001" },
		{ 946684800000000, "946684800" },
		{ INT64_MAX, "9223372036854.775807" },
		{ INT64_MIN, "-9223372036854.775808" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = { 0 };

		num_add_micros(&b, cases[i].us);
		check(strcmp(buf_cstr(&b), cases[i].want) == 0,
		    "add_micros(%s): %s", cases[i].want, b.p);
		buf_fini(&b);
	}
}

static double
from_bits(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof v);
	return v;
}

static uint64_t
random_bits(void)
{
	static uint64_t x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* Reads back, and no number with one digit less does. */
static void
check_shortest(double v)
{
	char out[NUM_MAX + 1], shorter[NUM_MAX + 8];
	double back = 0;
	size_t n = num_format(out, v);
	int digits = 0, leading = 1;

	out[n] = '\0';
	check(num_token(out, n) == n && num_double(out, n, &back) == 0 &&
		back == v,
	    "format(%s): does not read back", out);
	for (size_t i = 0; i < n && out[i] != 'e'; i++) {
		leading &= out[i] == '0' || out[i] == '.' || out[i] == '-';
		digits += !leading && out[i] != '.';
	}
	while (n > 0 && strchr(out, 'e') == NULL && strchr(out, '.') == NULL &&
	    out[--n] == '0')
		digits--;
	if (digits < 2)
		return;
	snprintf(shorter, sizeof shorter, "%.*e", digits - 2, v);
	check(num_double(shorter, strlen(shorter), &back) < 0 || back != v,
	    "format(%s): a shorter number reads back", out);
}

static void
test_shortest(void)
{
	double v;

	for (int e = -1074; e < 1024; e++) {
		uint64_t bits =
		    e < -1022 ? 1ULL << (e + 1074) : (uint64_t)(e + 1023) << 52;

		check_shortest(from_bits(bits));
		check_shortest(from_bits(bits - 1));
		check_shortest(-from_bits(bits + 1));
	}
	for (int i = 0; i < 20000; i++) {
		v = from_bits(random_bits());
		if (v - v == 0)
			check_shortest(v);
		check_shortest((double)(random_bits() % 1000000 + 1) /
		    (double)(random_bits() % 1000 + 1));
	}
}

/* The test vectors of RFC 8785's authors, where they are at hand. */
static void
test_vectors(void)
{
	const char *dir = getenv("SG_TEST_DATA");
	static char line[1 << 20];
	char path[4096], out[NUM_MAX + 1], *bits, *want;
	int n = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/vectors/jcs_vectors.jsonl",
	    dir != NULL ? dir : "../shared/data");
	f = fopen(path, "r");
	if (f == NULL) {
		printf("test_num: no test data: %s not checked\n", path);
		return;
	}
	while (fgets(line, sizeof line, f) != NULL) {
		bits = strstr(line, "\"ieee754\": \"");
		want = strstr(line, "\"expect\": \"");
		if (strstr(line, "\"kind\": \"number\"") == NULL ||
		    bits == NULL || want == NULL)
			continue;
		want += strlen("\"expect\": \"");
		want[strcspn(want, "\"")] = '\0';
		out[num_format(out, from_bits(strtoull(bits + 12, NULL, 16)))] =
		    '\0';
		check(strcmp(out, want) == 0, "vector(%s): %s", want, out);
		n++;
	}
	fclose(f);
	check(n > 800, "vectors(%s): hardly any vector found", path);
}

static const struct {
	const char *in; /* tokens separated by blanks */
	int64_t mul, div;
	const char *want;
	const char *why;
} sums[] = {
	{ "", 1, 1, "0", "empty" },
	{ "0.1 0.2", 1, 1, "0.3", "not 0.30000000000000004" },
	{ "0.1 0.2 -0.3", 1, 1, "0", "back to nothing" },
	{ "231.5 0.036", 1, 1, "231.536", "scales meet" },
	{ "1e16 1 -1e16", 1, 1, "1", "no cancellation" },
	{ "1e300 1 -1e300", 1, 1, "1", "wide, no cancellation" },
	{ "1e-300 1 -1", 1, 1, "1e-300", "wide, small" },
	{ "1e307 1e-1107 -1e307", 1, 1, "0", "below the smallest double" },
	{ "1 2", 1, 2, "1.5", "mean" },
	{ "1 1 0", 1, 3, "0.6666666666666666", "mean, rounded once" },
	{ "0.036", 1000, 1, "36", "kW to W" },
	{ "36", 1, 3600, "0.01", "J to Wh" },
	{ "1", 1, 3, "0.3333333333333333", "a third" },
	{ "100000000000000000 1", 1, 1, "100000000000000000",
	    "18 digits are a double" },
	{ "9007199254740993", 1, 1, "9007199254740993", "16 digits: exact" },
	{ "99999999999999999", 1, 1, "99999999999999999", "17: exact" },
	{ "9e307 9e307", 1, 1, "1.7976931348623157e+308", "largest double" },
	{ "9e307 9e307", 1, 2, "9e+307", "its mean" },
	{ "-1.5 -1.5", 1, 2, "-1.5", "negative mean" },
	{ "1e21", 1, 1, "1e+21", "exponent form" },
	{ "999999999999999999 999999999999999999", INT64_MAX, INT64_MAX,
	    "2000000000000000000", "factors cancel" },
};

static void
add_all(struct num_sum *s, const char *in)
{
	while (*in != '\0') {
		size_t n = strcspn(in, " ");

		check(num_sum_add(s, in, n) == 0, "sum_add(%s): refused", in);
		in += n + (in[n] == ' ');
	}
}

static void
test_sum(void)
{
	static const char *const bad[] = { "", "x", "1e308", "-1e308", "01",
		"1e-1108", "1e999999999999", "1e-999999999999" };
	struct num_sum s = { 0 };

	for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
		struct buf b = { 0 };

		add_all(&s, sums[i].in);
		num_sum_format(&s, sums[i].mul, sums[i].div, &b);
		check(strcmp(buf_cstr(&b), sums[i].want) == 0, "sum(%s): %s",
		    sums[i].in, sums[i].why);
		buf_fini(&b);
		num_sum_fini(&s);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		check(num_sum_add(&s, bad[i], strlen(bad[i])) < 0,
		    "sum_add(%s): must be refused", bad[i]);
	num_sum_fini(&s);
}

/* Division of whole doubles rounds once, and so must a mean. */
static void
test_mean(void)
{
	for (int i = 0; i < 20000; i++) {
		int64_t sum = (int64_t)(random_bits() >> (11 + i % 40));
		int64_t n = (int64_t)(random_bits() >> (11 + i % 50)) + 1;
		struct num_sum s = { 0 };
		struct buf b = { 0 };
		char token[32];
		double got = -1;

		snprintf(token, sizeof token, "%" PRId64 "%s", sum,
		    i % 3 ? "" : "e0");
		num_sum_add(&s, token, strlen(token));
		num_sum_format(&s, 1, n, &b);
		check(num_double(b.p, b.len, &got) == 0 &&
			got == (double)sum / (double)n,
		    "mean(%s): %s", token, buf_cstr(&b));
		/* the same by the limbs: 1e25 and back */
		num_sum_add(&s, "1e25", 4);
		num_sum_add(&s, "-10000000000000000000000000", 27);
		buf_clear(&b);
		num_sum_format(&s, 1, n, &b);
		check(num_double(b.p, b.len, &got) == 0 &&
			got == (double)sum / (double)n,
		    "wide mean(%s): %s", token, buf_cstr(&b));
		buf_fini(&b);
		num_sum_fini(&s);
	}
}

/* A token of any shape, now and then a wide one. */
static void
random_token(char *out, size_t n)
{
	int64_t v = (int64_t)(random_bits() % 2000001) - 1000000;

	switch (random_bits() % 8) {
	case 0:
		snprintf(out, n, "%" PRId64 "e%d", v,
		    (int)(random_bits() % 600) - 310);
		break;
	case 1: snprintf(out, n, "%" PRId64 "00000000000.25", v); break;
	case 2: snprintf(out, n, "%" PRId64 "e-2", v); break;
	default:
		snprintf(out, n, "%s%d.%03d", v < 0 ? "-" : "",
		    (int)(v < 0 ? -v : v) / 1000, (int)(v < 0 ? -v : v) % 1000);
	}
}

static int
same(const struct num_sum *a, const struct num_sum *b)
{
	struct buf x = { 0 }, y = { 0 };
	int r;

	num_sum_format(a, 1, 7, &x);
	num_sum_format(b, 1, 7, &y);
	r = num_sum_compare(a, b) == 0 &&
	    strcmp(buf_cstr(&x), buf_cstr(&y)) == 0;
	buf_fini(&x);
	buf_fini(&y);
	return r;
}

/* Any order, any split and merge give the same; minus itself is nothing. */
static void
test_sum_laws(void)
{
	enum { N = 24 };
	char token[N][64], minus[80];
	struct buf out = { 0 };

	for (int round = 0; round < 500; round++) {
		struct num_sum up = { 0 }, down = { 0 }, odd = { 0 },
			       even = { 0 };

		for (int i = 0; i < N; i++)
			random_token(token[i], sizeof token[i]);
		for (int i = 0; i < N; i++) {
			const char *t = token[i], *u = token[N - 1 - i];

			num_sum_add(&up, t, strlen(t));
			num_sum_add(&down, u, strlen(u));
			num_sum_add(i % 2 ? &odd : &even, t, strlen(t));
		}
		check(same(&up, &down), "sum(%s): order matters", token[0]);
		num_sum_merge(&odd, &even);
		check(same(&up, &odd), "sum(%s): merge differs", token[0]);
		num_sum_add(&odd, "1e-9", 4);
		check(num_sum_compare(&up, &odd) < 0 &&
			num_sum_compare(&odd, &up) > 0,
		    "sum(%s): comparison", token[0]);
		for (int i = 0; i < N; i++) {
			snprintf(minus, sizeof minus, "%s%s",
			    token[i][0] == '-' ? "" : "-",
			    token[i] + (token[i][0] == '-'));
			num_sum_add(&odd, minus, strlen(minus));
		}
		buf_clear(&out);
		num_sum_format(&odd, 1, 1, &out);
		check(strcmp(buf_cstr(&out), "1e-9") == 0,
		    "sum(%s): minus itself leaves more than what was put on "
		    "top",
		    token[0]);
		num_sum_fini(&up);
		num_sum_fini(&down);
		num_sum_fini(&odd);
		num_sum_fini(&even);
	}
	buf_fini(&out);
}

int
main(void)
{
	test_token();
	test_double();
	test_integers();
	test_add_micros();
	test_shortest();
	test_vectors();
	test_sum();
	test_mean();
	test_sum_laws();
	return check_done();
}
