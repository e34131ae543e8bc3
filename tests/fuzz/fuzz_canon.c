/*
 * The canonical form is its own canonical form, has the same values, and
 * exists for what json_check() accepts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event/canon.h"
#include "event/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
check_twice(enum canon_kind kind, const struct canon *c)
{
	struct canon again = { 0 };
	const char *why;

	require(canon_text(&again, kind, c->out.p, c->out.len, &why) == 0);
	require(again.out.len == c->out.len);
	require(memcmp(again.out.p, c->out.p, c->out.len) == 0);
	canon_fini(&again);
}

static int
equal(const struct json_value *a, const struct json_value *b)
{
	struct buf x = { 0 }, y = { 0 };
	int same;

	json_text(a, &x);
	json_text(b, &y);
	same = strcmp(buf_cstr(&x), buf_cstr(&y)) == 0;
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

/* Every member of a is in b with the same value. */
static void
check_same(const struct json_value *a, const struct json_value *b)
{
	struct json_walk w, v;
	struct json_value name, value, other;
	struct buf text = { 0 };

	require(a->kind == b->kind);
	if (a->kind == JSON_STRING)
		require(equal(a, b));
	if (a->kind != JSON_OBJECT && a->kind != JSON_ARRAY)
		return;
	json_walk(&w, a);
	json_walk(&v, b);
	while (json_next(&w, &name, &value)) {
		if (a->kind == JSON_ARRAY) {
			require(json_next(&v, &name, &other));
		} else {
			buf_clear(&text);
			json_text(&name, &text);
			require(json_get(b, buf_cstr(&text), &other));
		}
		check_same(&value, &other);
	}
	buf_fini(&text);
}

/* What an event's signature covers does not depend on what it leaves out. */
static void
check_event(const char *p, size_t n)
{
	struct canon c = { 0 }, more = { 0 };
	struct buf text = { 0 };
	const char *why;

	if (canon_event(&c, p, n, &why) == 0) {
		check_twice(CANON_SIGNED, &c);
		buf_adds(&text, "{ \"sig\":[9007199254740993],\"rt\":-0.0");
		if (c.out.len > 2)
			buf_addc(&text, ',');
		buf_add(&text, c.out.p + 1, c.out.len - 1);
		require(canon_event(&more, text.p, text.len, &why) == 0);
		require(more.out.len == c.out.len);
		require(memcmp(more.out.p, c.out.p, c.out.len) == 0);
	}
	canon_fini(&c);
	canon_fini(&more);
	buf_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char zero[] = "\\u0000 in a string";
	static const char many[] = "more than 256 members";
	char *copy = malloc(size ? size : 1);
	struct canon c = { 0 };
	struct json_value a, b;
	const char *why = NULL, *json = NULL;
	int fine;

	memcpy(copy, data, size);
	fine = canon_text(&c, CANON_JSON, copy, size, &why) == 0;
	require(fine == (why == NULL));
	if (json_check(copy, size, &json) != JSON_NONE) {
		require(fine);
		require(json_check(c.out.p, c.out.len, &json) != JSON_NONE);
		a = json_value(copy, size);
		b = json_value(c.out.p, c.out.len);
		check_same(&a, &b);
	} else if (strcmp(json, zero) != 0 && strcmp(json, many) != 0) {
		require(!fine);
	}
	if (fine)
		check_twice(CANON_JSON, &c);
	check_event(copy, size);
	canon_fini(&c);
	free(copy);
	return 0;
}
