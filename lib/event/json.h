/*
 * A strict reader of JSON text (RFC 8259, I-JSON's rules on names and
 * strings) that walks members in place and builds no tree.
 */
#ifndef SG_EVENT_JSON_H
#define SG_EVENT_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum json_kind {
	JSON_NONE = 0,
	JSON_OBJECT,
	JSON_ARRAY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL
};

enum { JSON_DEPTH_MAX = 64, JSON_MEMBERS_MAX = 256 };

/*
 * One value inside a text.  For a string p[0..n) is what stands between the
 * quotes, escapes and all; for everything else the whole token.
 */
struct json_value {
	enum json_kind kind;
	const char *p;
	size_t n;
	int escaped; /* string with at least one backslash */
};

/*
 * json_check(p, n, why) - The whole of p[0..n) is one JSON value, white space
 * around it allowed: syntax, depth, members, duplicate names, UTF-8, lone
 * surrogates, \u0000, control characters.  Its kind, or JSON_NONE with *why
 * (a constant string) naming the first fault.
 */
enum json_kind json_check(const char *p, size_t n, const char **why);

/*
 * json_check_wide(p, n, why) - The same for any number of members; the time
 * grows with the square of those of one object.
 */
enum json_kind json_check_wide(const char *p, size_t n, const char **why);

/*
 * A walk over the members of an object or the elements of an array that
 * json_check() has passed (the walk trusts the text).
 */
struct json_walk {
	const char *p, *end;
	int first;
	char close;
};

/* json_walk(w, value) - Start over value (object or array). */
void json_walk(struct json_walk *w, const struct json_value *value);

/*
 * json_next(w, name, value) - 1 with the next member (name->kind is
 * JSON_NONE in an array), 0 at the end.
 */
int json_next(
    struct json_walk *w, struct json_value *name, struct json_value *value);

/* json_value(p, n) - The one value of a checked text. */
struct json_value json_value(const char *p, size_t n);

/*
 * json_get(object, name, value) - 1 and the member called name (compared
 * after unescaping), or 0.
 */
int json_get(const struct json_value *object, const char *name,
    struct json_value *value);

/* json_equal(string, s) - 1 if the string's text is the C string s. */
int json_equal(const struct json_value *string, const char *s);

/* json_text(string, b) - Append the string's text, unescaped, to b. */
void json_text(const struct json_value *string, struct buf *b);

/*
 * json_add_string(b, p, n) - Append p[0..n) (UTF-8) as a quoted JSON string
 * with RFC 8785's escapes.
 */
void json_add_string(struct buf *b, const char *p, size_t n);

#endif
