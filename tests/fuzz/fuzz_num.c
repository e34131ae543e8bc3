/*
 * Numbers: the fast ways agree with the slow ones, what is written reads
 * back, and sums do not depend on order.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum { TOKENS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
check_double(const char *p, size_t n)
{
	char copy[4096], *end;
	double v, want;

	if (n >= sizeof copy || memchr(p, '\0', n) != NULL)
		return;
	memcpy(copy, p, n);
	copy[n] = '\0';
	if (num_double(p, n, &v) < 0) {
		must(num_token(p, n) != n || n == 0 ||
		    isinf(strtod(copy, NULL)));
		return;
	}
	want = strtod(copy, &end);
	must(*end == '\0' && memcmp(&v, &want, sizeof v) == 0);
}

static void
check_plain(const char *p, size_t n)
{
	struct num_sum a = { 0 }, b = { 0 };
	struct num_parts parts;
	char text[64];
	int64_t v;
	int scale;

	if (num_plain(p, n, &v, &scale) < 0)
		return;
	must(num_split(p, n, &parts) == 0 && scale >= 0 && scale <= 18);
	snprintf(text, sizeof text, "%llde-%d", (long long)v, scale);
	must(num_sum_add(&a, p, n) == 0);
	must(num_sum_add(&b, text, strlen(text)) == 0);
	must(num_sum_compare(&a, &b) == 0);
	num_sum_fini(&a);
	num_sum_fini(&b);
}

/* No further from the number than half a microsecond. */
static void
check_micros(const char *p, size_t n)
{
	struct num_sum sum = { 0 }, half = { 0 };
	char text[64];
	int64_t us;

	if (num_micros(p, n, &us) < 0 || num_sum_add(&sum, p, n) < 0)
		return;
	snprintf(text, sizeof text, "%s%llde-6", us < 0 ? "" : "-",
	    us < 0 ? -(long long)us : (long long)us);
	must(num_sum_add(&sum, text, strlen(text)) == 0);
	num_sum_add(&half, "5e-7", 4);
	must(num_sum_compare(&sum, &half) <= 0);
	num_sum_fini(&half);
	num_sum_add(&half, "-5e-7", 5);
	must(num_sum_compare(&sum, &half) >= 0);
	num_sum_fini(&half);
	num_sum_fini(&sum);
}

static void
check_format(const uint8_t *data, size_t size)
{
	char out[NUM_MAX], shorter[64];
	double v, back;
	size_t n;
	int digits = 0, leading = 1;

	if (size < sizeof v)
		return;
	memcpy(&v, data, sizeof v);
	if (!isfinite(v))
		return;
	n = num_format(out, v);
	must(n <= NUM_MAX && num_token(out, n) == n);
	must(num_double(out, n, &back) == 0 && back == v);
	for (size_t i = 0; i < n && out[i] != 'e'; i++) {
		leading &= strchr("-0.", out[i]) != NULL;
		digits += !leading && out[i] != '.';
	}
	if (digits < 2 || memchr(out, '.', n) == NULL)
		return;
	snprintf(shorter, sizeof shorter, "%.*e", digits - 2, v);
	must(num_double(shorter, strlen(shorter), &back) < 0 || back != v);
}

static void
check_sum(const char *p, size_t n)
{
	struct num_sum up = { 0 }, down = { 0 }, odd = { 0 };
	struct buf a = { 0 }, b = { 0 };
	const char *token[TOKENS_MAX];
	size_t len[TOKENS_MAX], tokens = 0;

	while (n > 0 && tokens < TOKENS_MAX) {
		const char *space = memchr(p, ' ', n);
		size_t k = space != NULL ? (size_t)(space - p) : n;

		token[tokens] = p;
		len[tokens++] = k;
		p += space != NULL ? k + 1 : k;
		n -= space != NULL ? k + 1 : k;
	}
	for (size_t i = 0; i < tokens; i++) {
		size_t j = tokens - 1 - i;
		int r = num_sum_add(&up, token[i], len[i]);

		must(num_sum_add(i % 2 ? &odd : &up, "0", 1) == 0);
		must(num_sum_add(&odd, token[i], len[i]) == r);
		num_sum_add(&down, token[j], len[j]);
	}
	must(num_sum_compare(&up, &down) == 0);
	must(num_sum_compare(&up, &odd) == 0);
	num_sum_merge(&odd, &down);
	num_sum_format(&up, 1, 1, &a);
	num_sum_format(&odd, 1, 2, &b);
	must(a.len == b.len && memcmp(a.p, b.p, a.len) == 0);
	must(num_token(a.p, a.len) == a.len);
	buf_fini(&a);
	buf_fini(&b);
	num_sum_fini(&up);
	num_sum_fini(&down);
	num_sum_fini(&odd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;

	must(num_token(p, size) <= size);
	check_double(p, size);
	check_plain(p, size);
	check_micros(p, size);
	check_format(data, size);
	check_sum(p, size);
	return 0;
}
