/*
 * A constant as it stands in a file: a JSON text, or what jq allows where a
 * program wants a constant (comments, names without quotes).  It becomes
 * strict JSON in which every value stands on the line it stood on.
 */
#ifndef SG_GRID_CONSTANT_H
#define SG_GRID_CONSTANT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/json.h"

enum constant_form {
	CONSTANT_JSON, /* RFC 8259 */
	CONSTANT_JQ    /* also # comments and {name: value} */
};

/* All-zero is valid. */
struct constant {
	struct buf text; /* strict JSON, after leading newlines */
	struct json_value value;
	const char *why; /* constant_read() failed: what is wrong ... */
	uint64_t line;	 /* ... on which line, from 1 */
};

/*
 * constant_read(c, p, n, form, from) - Read the one value that begins at or
 * behind p[from]; lines are counted from p.  Returns where it ends in p, or
 * 0 with c->why and c->line.  c->value is valid until c is changed.
 */
size_t constant_read(struct constant *c, const char *p, size_t n,
    enum constant_form form, size_t from);

/*
 * constant_whole(c, p, n) - Read p[0..n), which is one JSON value: 0, or -1
 * as above.
 */
int constant_whole(struct constant *c, const char *p, size_t n);

/*
 * constant_load(path, text) - Append the whole file, at most 64 MiB.  0, or -1
 * with errno (EFBIG).
 */
int constant_load(const char *path, struct buf *text);

/* constant_blank(p, n, from) - Over jq's blanks and comments from p[from]. */
size_t constant_blank(const char *p, size_t n, size_t from);

/* constant_line(c, at) - The line on which something in c->text stands. */
uint64_t constant_line(const struct constant *c, const char *at);

void constant_fini(struct constant *c);

#endif
