/*
 * Public EnOcean frames with what they have to give, a JSON object on each
 * line, from SG_TEST_DATA/enocean.
 */
#ifndef SG_TEST_FRAMES_H
#define SG_TEST_FRAMES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "check.h"
#include "event/json.h"

/* hex_add(b, p, n) - Append the bytes that hex digits and colons stand for. */
static inline void
hex_add(struct buf *b, const char *p, size_t n)
{
	unsigned v = 0, digits = 0;

	for (size_t i = 0; i < n; i++) {
		char one[2] = { p[i], '\0' }, *end;

		if (p[i] == ':' || p[i] == ' ')
			continue;
		v = v << 4 | (unsigned)strtoul(one, &end, 16);
		if (*end != '\0')
			check(0, "not hexadecimal: %.*s", (int)n, p);
		if (++digits % 2 == 0)
			buf_addc(b, (char)v);
	}
	check(digits % 2 == 0, "odd number of digits: %.*s", (int)n, p);
}

/* hex_of(s) - The same for a C string, as a new buffer. */
static inline struct buf
hex_of(const char *s)
{
	struct buf b = { 0 };

	hex_add(&b, s, strlen(s));
	return b;
}

/* frames_open(name) - NULL is counted as a failed check. */
static inline FILE *
frames_open(const char *name)
{
	const char *dir = getenv("SG_TEST_DATA");
	char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/enocean/%s",
	    dir != NULL ? dir : "../shared/data", name);
	f = fopen(path, "r");
	check(f != NULL, "%s: %m", path);
	return f;
}

/*
 * frames_next(f, line, row) - 1 with the next row (valid until the next
 * call), 0 at the end, when f is closed and line freed.
 */
static inline int
frames_next(FILE *f, struct buf *line, struct json_value *row)
{
	const char *why;
	ssize_t n;

	if (f == NULL)
		return 0;
	n = getline(&line->p, &line->cap, f);
	if (n <= 0) {
		fclose(f);
		buf_fini(line);
		return 0;
	}
	while (n > 0 && line->p[n - 1] == '\n')
		n--;
	check(json_check(line->p, (size_t)n, &why) == JSON_OBJECT, "%.*s: %s",
	    (int)n, line->p, why);
	*row = json_value(line->p, (size_t)n);
	return 1;
}

/* frames_hex(row, name, out) - 1 and a member's bytes appended, or 0. */
static inline int
frames_hex(const struct json_value *row, const char *name, struct buf *out)
{
	struct json_value v;

	if (!json_get(row, name, &v) || v.kind != JSON_STRING)
		return 0;
	hex_add(out, v.p, v.n);
	return 1;
}

/* frames_number(row, name, out) - 1 and an integer, or 0. */
static inline int
frames_number(const struct json_value *row, const char *name, long *out)
{
	struct json_value v;

	if (!json_get(row, name, &v) || v.kind != JSON_NUMBER)
		return 0;
	*out = strtol(v.p, NULL, 10);
	return 1;
}

#endif
