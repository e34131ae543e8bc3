/*
 * Exact squares, all digits of a sum, its leading digits, and the standard
 * deviation; the deviations wanted are of decimal arithmetic with 3000 digits.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "check.h"

static const struct {
	const char *in, *want, *why;
} deviations[] = {
	{ "2 4 4 4 5 5 7 9", "2", "the example of the textbooks" },
	{ "1 2", "0.5", "a half" },
	{ "0.1 0.2 0.3", "0.08164965809277261", "an endless root" },
	{ "5", "0", "one value" },
	{ "7 7 7", "0", "equal values" },
	{ "1000000000000000 1000000000000001 1000000000000002",
	    "0.816496580927726", "small differences of great values" },
	{ "-3 3", "3", "below 0" },
	{ "1e-200 2e-200 4e-200", "1.2472191289246471e-200", "small ones" },
	{ "1e150 -1e150 3e149", "8.286535263104036e+149", "great ones" },
	{ "0.12345678901234567 -98765432109876543", "49382716054938270",
	    "17 digits each" },
	{ "123456789012345678901234567890.5 1", "6.172839450617284e+28",
	    "more than 128 bits when squared" },
	{ "9007199254740993 -9007199254740993", "9007199254740992",
	    "half way between two doubles, to the even one" },
	{ "0 0 0 0 0 0 0 1", "0.33071891388307384", "one of eight" },
};

static void
take(struct num_sum *x, const char *p, size_t n)
{
	check(num_sum_add(x, p, n) == 0, "%.*s", (int)n, p);
}

/* Sum and sum of squares of the numbers; how many. */
static int
sum_up(const char *in, struct num_sum *sum, struct num_sum *sq)
{
	int count = 0;

	for (const char *p = in; *p != '\0'; count++) {
		size_t n = strcspn(p, " ");
		struct num_sum x = { 0 };

		take(&x, p, n);
		check(num_sum_square(sq, &x) == 0, "%.*s", (int)n, p);
		num_sum_merge(sum, &x);
		num_sum_fini(&x);
		p += n + (p[n] == ' ');
	}
	return count;
}

static void
test_deviations(void)
{
	for (size_t i = 0; i < sizeof deviations / sizeof *deviations; i++) {
		struct num_sum sum = { 0 }, sq = { 0 };
		struct buf b = { 0 };
		int n = sum_up(deviations[i].in, &sum, &sq);

		check(num_sum_deviation(&sum, &sq, n, &b) == 0, "%s: none",
		    deviations[i].in);
		check(strcmp(buf_cstr(&b), deviations[i].want) == 0,
		    "%s: %s: %s, not %s", deviations[i].in, deviations[i].why,
		    b.p, deviations[i].want);
		num_sum_fini(&sum);
		num_sum_fini(&sq);
		buf_fini(&b);
	}
}

static void
test_impossible(void)
{
	struct num_sum sum = { .units = 4 }, sq = { .units = 7 },
		       negative = { .units = -1 }, none = { 0 };
	struct buf b = { 0 };

	check(num_sum_deviation(&sum, &sq, 2, NULL) == -1, "4 and 7 of two");
	check(num_sum_deviation(&sum, &sq, 2, &b) == -1 &&
		strcmp(buf_cstr(&b), "0") == 0,
	    "a 0 all the same");
	sq.units = 8;
	check(num_sum_deviation(&sum, &sq, 2, NULL) == 0, "2 and 2");
	check(num_sum_deviation(&none, &negative, 2, NULL) == -1,
	    "squares below 0");
	check(num_sum_deviation(&none, &none, 1000000000000, NULL) == 0,
	    "as many as there may be");
	buf_fini(&b);
}

static const struct {
	const char *in, *exact;
	int lead, exponent;
	const char *why;
} digits[] = {
	{ "0", "0", 0, 0, "zero" },
	{ "-0.0", "0", 0, 0, "minus zero" },
	{ "12.50", "12.5", 125, -1, "no zeros at the end" },
	{ "-1", "-1", -100, -2, "negative" },
	{ "999999", "999999", 999, 3, "cut, not rounded" },
	{ "1e-7", "1e-7", 100, -9, "an exponent" },
	{ "0.0000001", "1e-7", 100, -9, "the same number, the same text" },
	{ "123456789012345678.123456789012345678",
	    "123456789012345678.123456789012345678", 123, 15, "36 digits" },
	{ "1e300", "1e+300", 100, 298, "great" },
	{ "-5.25e-1100", "-5.25e-1100", -525, -1102, "four digits of it" },
	{ "1e-1107", "1e-1107", 100, -1109, "the least" },
	{ "-5.25e-600", "-5.25e-600", -525, -602, "small" },
	{ "1 1e-1000", NULL, 100, -2, "a thousand places" },
	{ "1e25 -1e25 3.5", "3.5", 350, -2,
	    "wide on the way, but not at the end" },
};

static void
test_digits(void)
{
	for (size_t i = 0; i < sizeof digits / sizeof *digits; i++) {
		struct num_sum sum = { 0 }, again = { 0 };
		struct buf b = { 0 };
		int exponent, lead;

		for (const char *p = digits[i].in; *p != '\0';) {
			size_t n = strcspn(p, " ");

			take(&sum, p, n);
			p += n + (p[n] == ' ');
		}
		num_sum_exact(&sum, &b);
		check(digits[i].exact == NULL ||
			strcmp(buf_cstr(&b), digits[i].exact) == 0,
		    "%s: %s: %s", digits[i].in, digits[i].why, b.p);
		check(b.len <= NUM_EXACT_MAX &&
			num_sum_take(&again, b.p, b.len) == 0 &&
			num_sum_compare(&sum, &again) == 0,
		    "%s: %s: not the same again", digits[i].in, digits[i].why);
		lead = num_sum_lead(&sum, &exponent);
		check(lead == digits[i].lead &&
			(lead == 0 || exponent == digits[i].exponent),
		    "%s: %s: %d, %d", digits[i].in, digits[i].why, lead,
		    exponent);
		num_sum_fini(&sum);
		num_sum_fini(&again);
		buf_fini(&b);
	}
}

static const struct {
	const char *in, *want, *why; /* want NULL: refused */
} squares[] = {
	{ "3", "9", "whole" },
	{ "-0.000000001", "1e-18", "nine places" },
	{ "0.0000000001", "1e-20", "ten" },
	{ "12345678901234567890", "1.524157875323883675019051998750190521e+38",
	    "beyond 128 bits" },
	{ "9e153", "8.1e+307", "nearly too great" },
	{ "1e154", NULL, "too great" },
	{ "1e-553", "1e-1106", "nearly too small" },
	{ "1e-554", NULL, "too small" },
};

static void
test_squares(void)
{
	for (size_t i = 0; i < sizeof squares / sizeof *squares; i++) {
		struct num_sum x = { 0 }, sq = { 0 };
		struct buf b = { 0 };
		int got;

		take(&x, squares[i].in, strlen(squares[i].in));
		got = num_sum_square(&sq, &x);
		num_sum_exact(&sq, &b);
		check(squares[i].want == NULL
			? got == -1 && strcmp(buf_cstr(&b), "0") == 0
			: got == 0 &&
			    strcmp(buf_cstr(&b), squares[i].want) == 0,
		    "%s: %s: %s", squares[i].in, squares[i].why, b.p);
		num_sum_fini(&x);
		num_sum_fini(&sq);
		buf_fini(&b);
	}
}

int
main(void)
{
	test_deviations();
	test_impossible();
	test_digits();
	test_squares();
	return check_done();
}
