/*
 * Any text that is read as a sketch is written again as it was; merged with
 * itself it has twice the values and the same quantiles.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "grid/sketch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
check_doubled(const struct sketch *s)
{
	static const int32_t ranks[] = { 0, 1000000 };
	struct sketch twice = { 0 };

	sketch_merge(&twice, s);
	sketch_merge(&twice, s);
	check(twice.n == 2 * s->n && twice.nbins == s->nbins);
	for (int i = 0; i < 2; i++) {
		struct buf a = { 0 }, b = { 0 };

		sketch_quantile(s, ranks[i], &a);
		sketch_quantile(&twice, ranks[i], &b);
		check(strcmp(buf_cstr(&a), buf_cstr(&b)) == 0);
		check(num_token(a.p, a.len) == a.len);
		buf_fini(&a);
		buf_fini(&b);
	}
	sketch_fini(&twice);
}

static void
check_text(const char *p, size_t n)
{
	struct sketch s = { 0 };
	struct buf b = { 0 };

	if (sketch_parse(&s, p, n, 0) == -1) {
		check(s.n == 0 && s.bin == NULL);
		return;
	}
	sketch_print(&s, &b);
	check(b.len == n && memcmp(b.p, p, n) == 0);
	if (s.n > 0)
		check_doubled(&s);
	buf_fini(&b);
	sketch_fini(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = { 0 };
	char *copy = malloc(size + 1);

	check(copy != NULL);
	memcpy(copy, data, size);
	check_text(copy, size);
	free(copy);
	base64_add(&text, BASE64_URL, data, size);
	check_text(text.p, text.len);
	buf_fini(&text);
	return 0;
}
