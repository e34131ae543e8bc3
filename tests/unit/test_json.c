#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/json.h"

static int passed, failed;

static void
result(int ok, const char *in, const char *got, const char *why)
{
	if (ok) {
		passed++;
		return;
	}
	failed++;
	printf("test_json: %s: %s: %s\n", in, got ? got : "(none)", why);
}

/*
 * json_check() of a copy without a byte to spare on either side, so that a
 * sanitizer sees every read outside.
 */
static enum json_kind
check(const char *in, size_t n, const char **why)
{
	char *copy = malloc(n ? n : 1);
	enum json_kind kind;

	*why = NULL;
	memcpy(copy, in, n);
	kind = json_check(copy, n, why);
	free(copy);
	return kind;
}

static const struct {
	const char *in;
	enum json_kind kind;
	const char *why; /* the fault, or what is fine */
} checks[] = {
	{ "{}", JSON_OBJECT, "empty object" },
	{ "[]", JSON_ARRAY, "empty array" },
	{ "\"\"", JSON_STRING, "empty string" },
	{ "0", JSON_NUMBER, "zero" },
	{ "-0", JSON_NUMBER, "minus zero" },
	{ "12", JSON_NUMBER, "two bytes" },
	{ "-1.5e+10", JSON_NUMBER, "all parts" },
	{ "0.1", JSON_NUMBER, "fraction" },
	{ "1E5", JSON_NUMBER, "capital E" },
	{ "1e-400", JSON_NUMBER, "underflow is zero" },
	{ "1.7976931348623157e308", JSON_NUMBER, "largest double" },
	{ "123456789012345678901234567890", JSON_NUMBER, "long" },
	{ "0.1234567890123456789", JSON_NUMBER, "long fraction" },
	{ "123456789012345", JSON_NUMBER, "15 digits" },
	{ "1234567890123456", JSON_NUMBER, "16 digits" },
	{ "true", JSON_TRUE, "true" },
	{ "false", JSON_FALSE, "false" },
	{ "null", JSON_NULL, "null" },
	{ " \t\r\n[ 1 , 2 ] \n", JSON_ARRAY, "white space" },
	{ "{ \"a\" : { \"a\" : 1 } , \"b\" : [ ] }", JSON_OBJECT,
	    "the same name on two levels" },
	{ "[{\"a\":1},{\"a\":1}]", JSON_ARRAY, "the same name in two objects" },
	{ "{\"x\":{\"a\":1,\"b\":1},\"a\":2,\"b\":3}", JSON_OBJECT,
	    "names of a closed object are free" },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", JSON_STRING, "short escapes" },
	{ "\"\\u0001\\u00e9\\uFFFF\"", JSON_STRING, "unit escapes" },
	{ "\"\\ud83d\\ude00\"", JSON_STRING, "surrogate pair" },
	{ "\"\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80\"",
	    JSON_STRING, "borders of UTF-8" },
	{ "\"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf \x7f\"", JSON_STRING,
	    "borders of UTF-8, long" },

	{ "", JSON_NONE, "ends too early" },
	{ "  ", JSON_NONE, "ends too early" },
	{ "{", JSON_NONE, "ends too early" },
	{ "{\"a\"", JSON_NONE, "ends too early" },
	{ "{\"a\":", JSON_NONE, "ends too early" },
	{ "{\"a\":1", JSON_NONE, "ends too early" },
	{ "{\"a\":1,", JSON_NONE, "ends too early" },
	{ "[1,", JSON_NONE, "ends too early" },
	{ "[1", JSON_NONE, "ends too early" },
	{ "\"", JSON_NONE, "unterminated string" },
	{ "\"abc", JSON_NONE, "unterminated string" },
	{ "\"0123456789abcde", JSON_NONE, "unterminated string" },
	{ "\"0123456789abcdef", JSON_NONE, "unterminated string" },
	{ "\"abc\\", JSON_NONE, "unterminated string" },
	{ "\"abc\\\"", JSON_NONE, "unterminated string" },
	{ "{a:1}", JSON_NONE, "unexpected character" },
	{ "{'a':1}", JSON_NONE, "unexpected character" },
	{ "{1:1}", JSON_NONE, "unexpected character" },
	{ "{,}", JSON_NONE, "unexpected character" },
	{ "{\"a\":1,}", JSON_NONE, "unexpected character" },
	{ "{\"a\" 1}", JSON_NONE, "unexpected character" },
	{ "{\"a\":,}", JSON_NONE, "unexpected character" },
	{ "{\"a\":1 \"b\":2}", JSON_NONE, "unexpected character" },
	{ "{\"a\":1]", JSON_NONE, "unexpected character" },
	{ "[1}", JSON_NONE, "unexpected character" },
	{ "[1,]", JSON_NONE, "unexpected character" },
	{ "[,1]", JSON_NONE, "unexpected character" },
	{ "[1 2]", JSON_NONE, "unexpected character" },
	{ "tru", JSON_NONE, "unexpected character" },
	{ "trua", JSON_NONE, "unexpected character" },
	{ "True", JSON_NONE, "unexpected character" },
	{ "NaN", JSON_NONE, "unexpected character" },
	{ "nan", JSON_NONE, "unexpected character" },
	{ "Infinity", JSON_NONE, "unexpected character" },
	{ "+1", JSON_NONE, "unexpected character" },
	{ ".5", JSON_NONE, "unexpected character" },
	{ "// x\n1", JSON_NONE, "unexpected character" },
	{ "\f1", JSON_NONE, "control character" },
	{ "[1\x7f]", JSON_NONE, "control character" },
	{ "\xef\xbb\xbf{}", JSON_NONE, "byte order mark" },
	{ "\xc2\xa0{}", JSON_NONE, "unexpected character" },
	{ "\xff{}", JSON_NONE, "invalid UTF-8" },
	{ "{} {}", JSON_NONE, "text after the end" },
	{ "1 x", JSON_NONE, "text after the end" },
	{ "truex", JSON_NONE, "text after the end" },
	{ "-", JSON_NONE, "malformed number" },
	{ "-a", JSON_NONE, "malformed number" },
	{ "--1", JSON_NONE, "malformed number" },
	{ "01", JSON_NONE, "malformed number" },
	{ "-01", JSON_NONE, "malformed number" },
	{ "00", JSON_NONE, "malformed number" },
	{ "1.", JSON_NONE, "malformed number" },
	{ "1.e5", JSON_NONE, "malformed number" },
	{ "1e", JSON_NONE, "malformed number" },
	{ "1e+", JSON_NONE, "malformed number" },
	{ "1.2.3", JSON_NONE, "malformed number" },
	{ "[1.5.5,                  1]", JSON_NONE, "malformed number" },
	{ "[1-2,                    1]", JSON_NONE, "malformed number" },
	{ "0x10", JSON_NONE, "text after the end" },
	{ "1e309", JSON_NONE, "number too large for a double" },
	{ "-1e309", JSON_NONE, "number too large for a double" },
	{ "1.8e308", JSON_NONE, "number too large for a double" },
	{ "{\"a\":1,\"a\":2}", JSON_NONE, "duplicate member name" },
	{ "{\"\":1,\"\":2}", JSON_NONE, "duplicate member name" },
	{ "{\"a\":1,\"\\u0061\":2}", JSON_NONE, "duplicate member name" },
	{ "{\"\\u0061\":1,\"a\":2}", JSON_NONE, "duplicate member name" },
	{ "{\"\\u00e9\":1,\"\xc3\xa9\":2}", JSON_NONE,
	    "duplicate member name" },
	{ "{\"\\uD83D\\uDE00\":1,\"\xf0\x9f\x98\x80\":2}", JSON_NONE,
	    "duplicate member name" },
	{ "{\"/\":1,\"\\/\":2}", JSON_NONE, "duplicate member name" },
	{ "[[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]]", JSON_NONE,
	    "duplicate member name" },
	{ "{\"a\":{\"b\":1},\"c\":2,\"a\":3}", JSON_NONE,
	    "duplicate member name" },
	{ "\"\\x\"", JSON_NONE, "unknown escape" },
	{ "\"\\'\"", JSON_NONE, "unknown escape" },
	{ "\"\\U0041\"", JSON_NONE, "unknown escape" },
	{ "\"\\\xc3\xa9\"", JSON_NONE, "unknown escape" },
	{ "\"\\u12\"", JSON_NONE, "\\u without four hexadecimal digits" },
	{ "\"\\u12g4\"", JSON_NONE, "\\u without four hexadecimal digits" },
	{ "\"\\u\"", JSON_NONE, "\\u without four hexadecimal digits" },
	{ "\"\\u123", JSON_NONE, "\\u without four hexadecimal digits" },
	{ "\"\\u0000\"", JSON_NONE, "\\u0000 in a string" },
	{ "{\"\\u0000\":1}", JSON_NONE, "\\u0000 in a string" },
	{ "\"\\ud800\"", JSON_NONE, "lone surrogate" },
	{ "\"\\ud800x\"", JSON_NONE, "lone surrogate" },
	{ "\"\\ud800\\n\"", JSON_NONE, "lone surrogate" },
	{ "\"\\ud800\\ud800\"", JSON_NONE, "lone surrogate" },
	{ "\"\\ud800\\u0041\"", JSON_NONE, "lone surrogate" },
	{ "\"\\udc00\"", JSON_NONE, "lone surrogate" },
	{ "\"\\udc00\\ud800\"", JSON_NONE, "lone surrogate" },
	{ "\"a\tb\"", JSON_NONE, "control character in a string" },
	{ "\"a\nb\"", JSON_NONE, "control character in a string" },
	{ "\"\x1f\"", JSON_NONE, "control character in a string" },
	{ "{\"a\x01\":1}", JSON_NONE, "control character in a string" },
	{ "\"\x80\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xbf\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xc0\x80\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xc1\xbf\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xc3\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xc3(\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xe0\x9f\xbf\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xe2\x82\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xe2\x28\xa1\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xed\xa0\x80\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xed\xbf\xbf\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xf0\x8f\xbf\xbf\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xf0\x9f\x98\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xf4\x90\x80\x80\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xf5\x80\x80\x80\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xff\"", JSON_NONE, "invalid UTF-8" },
	{ "\"\xf0\x9f\x98", JSON_NONE, "invalid UTF-8" },
};

/* The case as it is, and moved along a long text: every place of a block. */
static void
check_case(const char *in, enum json_kind kind, const char *want)
{
	char moved[512];
	const char *why;
	enum json_kind got;

	for (int pad = -1; pad < 36; pad++) {
		int n = pad < 0
		    ? snprintf(moved, sizeof(moved), "%s", in)
		    : snprintf(moved, sizeof(moved), "%*s%s", pad, "", in);

		if (pad >= 0 && strncmp(in, "\xef\xbb\xbf", 3) == 0)
			break;
		got = check(moved, (size_t)n, &why);
		result(got == kind, in, why, "kind");
		if (kind == JSON_NONE)
			result(why && strcmp(why, want) == 0, in, why, want);
	}
}

static void
test_check(void)
{
	const char *why;

	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		check_case(checks[i].in, checks[i].kind, checks[i].why);
	result(check("\"a\0b\"", 5, &why) == JSON_NONE &&
		strcmp(why, "control character in a string") == 0,
	    "NUL in a string", why, "refused");
	result(check("[1,\0 2]", 7, &why) == JSON_NONE &&
		strcmp(why, "control character") == 0,
	    "NUL between tokens", why, "refused");
}

/* A fault at every place of a long string, and none. */
static void
test_places(void)
{
	static const struct {
		const char *bytes, *why;
	} faults[] = {
		{ "\x80", "invalid UTF-8" },
		{ "\xe2\x82", "invalid UTF-8" },
		{ "\n", "control character in a string" },
		{ "\\u0000", "\\u0000 in a string" },
		{ "\xe2\x82\xac", NULL },
		{ "\\n", NULL },
	};
	char text[128];
	const char *why;

	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		for (size_t at = 0; at < 80; at++) {
			size_t n = strlen(faults[i].bytes);

			memset(text, 'x', sizeof(text));
			text[0] = '"';
			memcpy(text + 1 + at, faults[i].bytes, n);
			text[at + n + 9] = '"';
			check(text, at + n + 10, &why);
			result(why == faults[i].why ||
				(why && faults[i].why &&
				    strcmp(why, faults[i].why) == 0),
			    faults[i].bytes, why, "at every place");
		}
}

/* open n times, then middle, then close n times */
static void
nest(struct buf *b, const char *open, const char *middle, const char *close,
    int n)
{
	buf_clear(b);
	for (int i = 0; i < n; i++)
		buf_adds(b, open);
	buf_adds(b, middle);
	for (int i = 0; i < n; i++)
		buf_adds(b, close);
}

static void
check_buf(const struct buf *b, const char *want, const char *what)
{
	const char *why;

	check(b->p, b->len, &why);
	result(want ? why && strcmp(why, want) == 0 : !why, what, why,
	    want ? want : "is fine");
}

/* count objects with one member each, and one with count members. */
static void
check_members(struct buf *b, int count, const char *want)
{
	buf_clear(b);
	for (int i = 0; i < count; i++)
		buf_addf(b, "%s{\"a\":1}", i ? "," : "[");
	buf_addc(b, ']');
	check_buf(b, want, "members of many objects");
	buf_clear(b);
	for (int i = 0; i < count; i++)
		buf_addf(b, "%s\"%d\":1", i ? "," : "{", i);
	buf_addc(b, '}');
	check_buf(b, want, "members of one object");
}

/* Any number of members, and everything else as ever. */
static void
test_wide(void)
{
	const char *why;
	struct buf b = { 0 };

	for (int count = 255; count <= 6000; count += 5745) {
		check_members(
		    &b, count, count < 256 ? NULL : "more than 256 members");
		why = NULL;
		result(json_check_wide(b.p, b.len, &why) == JSON_OBJECT, "wide",
		    why, "many members of one object");
		b.len--;
		why = NULL;
		result(json_check_wide(b.p, b.len, &why) == JSON_NONE, "wide",
		    why, "an object that does not end");
		buf_adds(&b, ",\"7\":1}");
		result(json_check_wide(b.p, b.len, &why) == JSON_NONE &&
			strcmp(why, "duplicate member name") == 0,
		    "wide", why, "one of many twice");
	}
	buf_clear(&b);
	for (int i = 0; i < 3000; i++)
		buf_adds(&b, i ? ",{\"\":0}" : "[{\"\":0}");
	buf_addc(&b, ']');
	why = NULL;
	result(json_check_wide(b.p, b.len, &why) == JSON_ARRAY, "wide", why,
	    "the shortest members");
	buf_fini(&b);
}

static void
test_limits(void)
{
	struct buf b = { 0 };

	nest(&b, "[", "", "]", 64);
	check_buf(&b, NULL, "64 arrays");
	nest(&b, "[", "", "]", 65);
	check_buf(&b, "deeper than 64 levels", "65 arrays");
	nest(&b, "{\"a\":", "1", "}", 64);
	check_buf(&b, NULL, "64 objects");
	nest(&b, "{\"a\":", "{}", "}", 64);
	check_buf(&b, "deeper than 64 levels", "65 objects");
	nest(&b, "[", "", "", 100000);
	check_buf(&b, "deeper than 64 levels", "100000 arrays");
	check_members(&b, 256, NULL);
	check_members(&b, 257, "more than 256 members");
	buf_clear(&b);
	for (int i = 0; i < 10000; i++)
		buf_adds(&b, i ? ",1" : "[1");
	buf_addc(&b, ']');
	check_buf(&b, NULL, "elements of an array are not limited");
	buf_fini(&b);
}

static const char sample[] =
    " { \"a\" : 1 , \"b\\n\" : \"x\\ty\" ,\"c\":[ true , {\"a\":\"]\"} ,"
    " \"\\\\\" ], \"d\":null,\"e\\u0301\":-1.5e3 , \"f\":{},\"g\":\"\" } ";

static const struct {
	const char *name;
	enum json_kind kind;
	const char *token;
	const char *text; /* of a string */
} members[] = {
	{ "a", JSON_NUMBER, "1", NULL },
	{ "b\n", JSON_STRING, "x\\ty", "x\ty" },
	{ "c", JSON_ARRAY, "[ true , {\"a\":\"]\"} , \"\\\\\" ]", NULL },
	{ "d", JSON_NULL, "null", NULL },
	{ "e\xcc\x81", JSON_NUMBER, "-1.5e3", NULL },
	{ "f", JSON_OBJECT, "{}", NULL },
	{ "g", JSON_STRING, "", "" },
};

static void
check_text(const struct json_value *value, const char *want)
{
	struct buf b = { 0 };

	json_text(value, &b);
	result(b.len == strlen(want) && memcmp(buf_cstr(&b), want, b.len) == 0,
	    want, b.p, "text");
	result(json_equal(value, want), want, NULL, "json_equal");
	result(!json_equal(value, "other"), want, NULL, "json_equal other");
	buf_fini(&b);
}

static void
test_walk(void)
{
	struct json_value object = json_value(sample, strlen(sample));
	struct json_value name, value, got;
	struct json_walk w;
	size_t i = 0;
	const char *why;

	result(check(sample, strlen(sample), &why) == JSON_OBJECT, sample, why,
	    "is fine");
	json_walk(&w, &object);
	while (json_next(&w, &name, &value)) {
		const char *token = members[i].token;

		check_text(&name, members[i].name);
		result(value.kind == members[i].kind &&
			value.n == strlen(token) &&
			memcmp(value.p, token, value.n) == 0,
		    token, NULL, "value of the walk");
		if (members[i].text)
			check_text(&value, members[i].text);
		result(json_get(&object, members[i].name, &got) &&
			got.p == value.p && got.n == value.n,
		    token, NULL, "json_get");
		i++;
	}
	result(i == sizeof(members) / sizeof(*members), sample, NULL,
	    "number of members");
	result(!json_get(&object, "x", &got), sample, NULL, "no such member");
	json_get(&object, "c", &got);
	json_walk(&w, &got);
	for (i = 0; json_next(&w, &name, &value); i++)
		result(name.kind == JSON_NONE, got.p, NULL, "no name");
	result(i == 3, got.p, NULL, "three elements");
	json_get(&object, "f", &got);
	json_walk(&w, &got);
	result(!json_next(&w, &name, &value), "{}", NULL, "nothing in it");
}

static const struct {
	const char *in;	 /* a JSON string without its quotes */
	const char *out; /* its canonical form, with them */
} texts[] = {
	{ "", "\"\"" },
	{ "abc", "\"abc\"" },
	{ "\\\"\\\\\\/", "\"\\\"\\\\/\"" },
	{ "\\b\\f\\n\\r\\t", "\"\\b\\f\\n\\r\\t\"" },
	{ "\\u0008\\u000c\\u000a\\u000D\\u0009", "\"\\b\\f\\n\\r\\t\"" },
	{ "\\u0001\\u001F", "\"\\u0001\\u001f\"" },
	{ "\\u007f", "\"\x7f\"" },
	{ "\\u0080\\u07ff", "\"\xc2\x80\xdf\xbf\"" },
	{ "\\u0800\\uFFFF", "\"\xe0\xa0\x80\xef\xbf\xbf\"" },
	{ "\\ud800\\udc00", "\"\xf0\x90\x80\x80\"" },
	{ "\\uDBFF\\uDFFF", "\"\xf4\x8f\xbf\xbf\"" },
	{ "\xe2\x82\xac", "\"\xe2\x82\xac\"" },
};

static void
test_strings(void)
{
	struct buf text = { 0 }, out = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *in = texts[i].in;
		struct json_value value = { JSON_STRING, in, strlen(in),
			strchr(in, '\\') != NULL };

		buf_clear(&text);
		buf_clear(&out);
		json_text(&value, &text);
		json_add_string(&out, text.p, text.len);
		result(strcmp(buf_cstr(&out), texts[i].out) == 0, in, out.p,
		    "canonical form");
	}
	buf_fini(&text);
	buf_fini(&out);
}

int
main(void)
{
	test_check();
	test_places();
	test_limits();
	test_wide();
	test_walk();
	test_strings();
	if (failed)
		return 1;
	printf("test_json: %d passed\n", passed);
	return 0;
}
