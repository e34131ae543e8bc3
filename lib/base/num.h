/*
 * Numbers of JSON text: doubles in and out, and exact decimal sums, so that
 * the order of the addends never changes a digit.
 */
#ifndef SG_BASE_NUM_H
#define SG_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { NUM_MAX = 32 }; /* bytes num_format() may write */

/*
 * num_token(p, n) - Length of the JSON number (RFC 8259 section 6) at the
 * start of p[0..n), 0 if there is none.
 */
size_t num_token(const char *p, size_t n);

/*
 * A JSON number taken apart: n significant digits in the text at p (where
 * one '.' may stand between them), neither first nor last of them 0;
 * exponent is the last one's power of ten.  Zero has n 0 and p NULL.
 */
struct num_parts {
	const char *p;
	size_t n;
	int64_t exponent; /* beyond +-100000000 only its sign counts */
	int negative;
};

/* num_split(p, n, out) - The whole of p[0..n).  0, or -1 if no number. */
int num_split(const char *p, size_t n, struct num_parts *out);

/*
 * num_plain(p, n, v, scale) - The whole of p[0..n) as a JSON number without
 * exponent of at most 18 digits: v * 10^-scale, scale 0..18.  0, or -1 if
 * it is anything else.  Fast.
 */
int num_plain(const char *p, size_t n, int64_t *v, int *scale);

/*
 * num_double(p, n, out) - The whole of p[0..n) as a JSON number, correctly
 * rounded.  0, or -1 if it is no number or overflows a double.
 */
int num_double(const char *p, size_t n, double *out);

/*
 * num_uint(p, n, out) - Digits only, no sign, no leading zero, fits int64_t.
 * 0 or -1.
 */
int num_uint(const char *p, size_t n, int64_t *out);

/*
 * num_micros(p, n, out) - A JSON number of seconds as whole microseconds,
 * half away from zero; exact for up to 6 decimals.  0, or -1 if it is no
 * number or out of +-9.2e12 seconds.
 */
int num_micros(const char *p, size_t n, int64_t *out);

/*
 * num_format(out, v) - The shortest decimal that reads back as v, in
 * ECMAScript form (RFC 8785 section 3.2.2.3); v is finite.  Writes at most
 * NUM_MAX bytes, no NUL; returns how many.
 */
size_t num_format(char *out, double v);

/*
 * num_layout(out, d, k, n) - Write the k >= 1 digits d, the decimal point
 * before digit n (which may lie outside), in ECMAScript form; the last
 * digit is not 0.  At most k + 8 bytes if k > 21, else NUM_MAX; returns how
 * many.
 */
size_t num_layout(char *out, const char *d, int k, int n);

/*
 * num_add_decimal(b, v, scale) - Append v * 10^-scale, scale 0..18, without
 * exponent or trailing zeros: 1.25.  num_add_micros() appends microseconds as
 * seconds.
 */
void num_add_decimal(struct buf *b, int64_t v, int scale);
void num_add_micros(struct buf *b, int64_t us);

/*
 * An exact sum of decimals.  All-zero is the empty sum; num_sum_fini frees
 * what a sum with a wide range of exponents allocated.
 */
struct num_sum {
	__int128 units;	       /* value in units of 10^-scale */
	int scale;	       /* 0..18 */
	struct num_wide *wide; /* limbs, once units cannot hold the sum */
};

/*
 * num_sum_add(s, p, n) - Add the JSON number p[0..n), exactly.  0, or -1 if
 * it is no number, its magnitude is not below 1e308, or a digit other than
 * 0 stands beyond 1e-1107.
 */
int num_sum_add(struct num_sum *s, const char *p, size_t n);

/* num_sum_merge(s, other) - Add another sum, exactly. */
void num_sum_merge(struct num_sum *s, const struct num_sum *other);

/*
 * num_sum_square(s, x) - Add the square of x, exactly.  0, or -1 if x is not
 * below 1e154 in magnitude or has a digit other than 0 beyond 1e-553; s is
 * then as before.
 */
int num_sum_square(struct num_sum *s, const struct num_sum *x);

/*
 * num_sum_format(s, mul, div, b) - Multiply by mul and divide by div (both > 0)
 * and append the result to b: exact if it has at most 17 significant
 * digits, else the nearest double (of which there is a largest) in shortest
 * form.  mul = div = 1 prints the sum, mul = 1 and div = n the mean.  s is
 * not changed.  1 if what is printed is exact, 0 if it is rounded.
 */
int num_sum_format(
    const struct num_sum *s, int64_t mul, int64_t div, struct buf *b);

/*
 * num_sum_exact(s, b) - Append the sum as a JSON number with all its digits,
 * at most NUM_EXACT_MAX bytes.  num_sum_take(s, p, n) adds such a text, as
 * num_sum_add() does, but up to 1e340.
 */
enum { NUM_EXACT_MAX = 1472 };
void num_sum_exact(const struct num_sum *s, struct buf *b);
int num_sum_take(struct num_sum *s, const char *p, size_t n);

/*
 * num_sum_deviation(sum, sq, n, b) - Append the standard deviation of the n
 * numbers (all of them, not a sample: the root of sq/n - (sum/n)^2) that have
 * this sum and this sum of squares, in shortest form: the nearest double if
 * it is above 1e-290.  0; -1, and a 0 is appended, if there are no n such
 * numbers; b may be NULL to ask for that alone.  0 < n <= 1e12.
 */
int num_sum_deviation(const struct num_sum *sum, const struct num_sum *sq,
    int64_t n, struct buf *b);

/*
 * num_sum_lead(s, exponent) - The first three significant digits with the
 * sign, cut and not rounded: 100 to 999, times 10^*exponent; 0 for 0.
 */
int num_sum_lead(const struct num_sum *s, int *exponent);

/* num_sum_compare(a, b) - <0, 0, >0. */
int num_sum_compare(const struct num_sum *a, const struct num_sum *b);

/* num_sum_fini(s) - Free and make empty again. */
void num_sum_fini(struct num_sum *s);

/* num_common_divisor(a, b) - The greatest one; a, b >= 0, not both 0. */
int64_t num_common_divisor(int64_t a, int64_t b);

#endif
