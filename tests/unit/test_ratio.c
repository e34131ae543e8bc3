#include <stdlib.h>
#include <string.h>

#include "base/ratio.h"
#include "check.h"

static const struct {
	uint64_t num, den;
	int64_t floor, ceil, half_up;
	const char *text, *cut; /* of 1 to 3 and of 2 decimals */
	const char *why;
} cases[] = {
	{ 0, 7, 0, 0, 0, "0.0", "0.00", "nothing" },
	{ 14, 7, 2, 2, 2, "2.0", "2.00", "a whole number" },
	{ 3, 2, 1, 2, 2, "1.5", "1.50", "a half goes up" },
	{ 1499, 1000, 1, 2, 1, "1.499", "1.49", "less than a half" },
	{ 1, 3, 0, 1, 0, "0.333", "0.33", "no end" },
	{ 2, 3, 0, 1, 1, "0.667", "0.66", "rounded, and cut" },
	{ 19996, 10000, 1, 2, 2, "2.0", "1.99", "carries into the whole" },
	{ 12345, 10, 1234, 1235, 1235, "1234.5", "1234.50", "a tenth" },
	{ 1, 2000, 0, 1, 0, "0.001", "0.00", "half of the last decimal" },
	{ 1, 2001, 0, 1, 0, "0.0", "0.00", "less than that" },
	{ UINT64_MAX, 1, INT64_MAX, INT64_MAX, INT64_MAX,
	    "18446744073709551615.0", "18446744073709551615.00",
	    "beyond int64_t" },
};

static void
check_case(size_t i)
{
	struct ratio r = ratio_of(cases[i].num, cases[i].den);
	struct buf b = { 0 };

	check(ratio_floor(r) == cases[i].floor, "%s: floor", cases[i].why);
	check(ratio_ceil(r) == cases[i].ceil, "%s: ceil", cases[i].why);
	check(
	    ratio_half_up(r) == cases[i].half_up, "%s: half up", cases[i].why);
	ratio_add(&b, r, 1, 3);
	check(strcmp(buf_cstr(&b), cases[i].text) == 0, "%s: %s", cases[i].why,
	    b.p);
	buf_clear(&b);
	ratio_cut(&b, r, 2);
	check(strcmp(buf_cstr(&b), cases[i].cut) == 0, "%s: %s", cases[i].why,
	    b.p);
	buf_fini(&b);
}

/* Against what is exact in long double, as far as that goes. */
static void
check_random(void)
{
	srand(1);
	for (int i = 0; i < 20000; i++) {
		uint64_t a = 1 + (uint64_t)rand() % 100000;
		uint64_t b = 1 + (uint64_t)rand() % 100000;
		uint64_t c = 1 + (uint64_t)rand() % 100000;
		uint64_t d = 1 + (uint64_t)rand() % 100000;
		struct ratio x = ratio_of(a, b), y = ratio_of(c, d);
		struct ratio m = ratio_mul(x, y), q = ratio_div(x, y);
		int want = a * d < c * b ? -1 : a * d > c * b;
		int got = ratio_compare(x, y);

		check(m.num * b * d == m.den * a * c, "product");
		check(q.num * b * c == q.den * a * d, "quotient");
		check((got > 0) - (got < 0) == want, "%llu/%llu, %llu/%llu",
		    (unsigned long long)a, (unsigned long long)b,
		    (unsigned long long)c, (unsigned long long)d);
		check(ratio_compare(x, x) == 0, "itself");
	}
}

int
main(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check_case(i);
	check_random();
	return check_done();
}
