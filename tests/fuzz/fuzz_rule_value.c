/*
 * JSON text to libjq's values and back: whatever json_check() takes is a
 * value, the same that libjq makes of it; what is written is JSON text again,
 * and makes the same value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event/json.h"
#include "grid/rule_program.h"
#include "grid/rule_value_part.h"

enum { MOST = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
out_of_memory(void *unused)
{
	(void)unused;
	abort();
}

/* v is borrowed; libjq itself may refuse what is all right. */
static void
check_text(struct rule_heap *h, const char *p, size_t n, jv v)
{
	struct buf b = { 0 };
	struct rule_writer w = { &b, MOST, NULL };
	const char *why;
	jv back;

	check(rule_write(&w, v, 0) == 0);
	check(json_check_wide(b.p, b.len, &why) != JSON_NONE);
	back = rule_read(h, b.p, b.len);
	check(jv_is_valid(back) && jv_equal(jv_copy(back), jv_copy(v)));
	jv_free(back);
	back = jv_parse_sized(p, (int)n);
	check(!jv_is_valid(back) || jv_equal(jv_copy(back), jv_copy(v)));
	jv_free(back);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rule_heap *heap;
	const char *p = (const char *)data, *why;
	jv v;

	if (heap == NULL)
		heap = rule_heap_new(out_of_memory);
	v = rule_read(heap, p, size);
	if (json_check(p, size, &why) != JSON_NONE) {
		check(jv_is_valid(v));
		check_text(heap, p, size, v);
	}
	jv_free(v);
	return 0;
}
