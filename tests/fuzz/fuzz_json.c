/*
 * What json_check() accepts, libjq reads too, the walk visits every value of
 * it, and every string survives being written canonically.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jv.h>

#include "event/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
check_string(const struct json_value *string)
{
	struct buf text = { 0 }, out = { 0 }, again = { 0 };
	struct json_value value;
	const char *why;

	json_text(string, &text);
	require(text.len <= string->n);
	require(json_equal(string, buf_cstr(&text)));
	json_add_string(&out, text.p, text.len);
	require(json_check(out.p, out.len, &why) == JSON_STRING);
	value = json_value(out.p, out.len);
	json_text(&value, &again);
	require(again.len == text.len);
	require(memcmp(buf_cstr(&again), text.p, text.len) == 0);
	buf_fini(&text);
	buf_fini(&out);
	buf_fini(&again);
}

static void
check_name(const struct json_value *object, const struct json_value *name,
    const struct json_value *value)
{
	struct json_value found;
	struct buf text = { 0 };

	json_text(name, &text);
	require(json_get(object, buf_cstr(&text), &found));
	require(found.p == value->p && found.n == value->n);
	buf_fini(&text);
}

/* How many members the value has in all its objects. */
static size_t
check_value(const struct json_value *value)
{
	struct json_walk walk;
	struct json_value name, inner;
	const char *why;
	size_t members = 0;

	if (value->kind == JSON_STRING)
		check_string(value);
	else
		require(json_check(value->p, value->n, &why) == value->kind);
	if (value->kind != JSON_OBJECT && value->kind != JSON_ARRAY)
		return 0;
	json_walk(&walk, value);
	while (json_next(&walk, &name, &inner)) {
		require(
		    (name.kind == JSON_STRING) == (value->kind == JSON_OBJECT));
		if (name.kind == JSON_STRING) {
			check_string(&name);
			check_name(value, &name, &inner);
			members++;
		}
		members += check_value(&inner);
	}
	return members;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	const char *why = NULL, *other = NULL;
	enum json_kind kind, wide;
	struct json_value value;
	jv parsed;

	memcpy(copy, data, size);
	kind = json_check(copy, size, &why);
	require((kind == JSON_NONE) == (why != NULL));
	wide = json_check_wide(copy, size, &other);
	require((wide == JSON_NONE) == (other != NULL));
	require((kind == wide && why == other) ||
	    (kind == JSON_NONE && strncmp(why, "more than 256", 13) == 0));
	if (kind != JSON_NONE) {
		value = json_value(copy, size);
		require(value.kind == kind);
		require(check_value(&value) <= JSON_MEMBERS_MAX);
		parsed = jv_parse_sized(copy, (int)size);
		require(jv_is_valid(parsed));
		jv_free(parsed);
	}
	free(copy);
	return 0;
}
