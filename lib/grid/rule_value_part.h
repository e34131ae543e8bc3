/*
 * Values of libjq from JSON text and to it.  Known to the modules that run
 * rules only.
 */
#ifndef SG_GRID_RULE_VALUE_PART_H
#define SG_GRID_RULE_VALUE_PART_H

#include <jq.h>

#include "base/buf.h"
#include "event/scan.h"
#include "grid/rule_wire.h"

enum { RULE_KNOWN_SIZE = 4096 /* strings kept, a power of two */ };

struct rule_heap {
	jv slot[RULE_SLOTS];	   /* states; invalid: null */
	jv known[RULE_KNOWN_SIZE]; /* strings met before; invalid: none */
	jv topic, t;		   /* names */
	void (*out_of_memory)(void *);
	struct scan scan;
	struct buf text;
};

/*
 * rule_read(h, p, n) - The value of the JSON text p[0..n), which may be
 * anything; invalid if it is none or deeper than JSON_DEPTH_MAX.  Names used
 * twice are not looked for: the last one counts.
 * rule_read_object(h, p, n) - The same; an empty object if n is 0.
 * rule_string(h, p, n) - A string.
 */
jv rule_read(struct rule_heap *h, const char *p, size_t n);
jv rule_read_object(struct rule_heap *h, const char *p, size_t n);
jv rule_string(struct rule_heap *h, const char *p, size_t n);

/*
 * Where text goes, up to a length; then why is NULL, for any other fault a
 * constant.
 */
struct rule_writer {
	struct buf *b;
	size_t most;
	const char *why;
};

/*
 * rule_write(w, v, depth) - Append v (borrowed) as compact JSON text, members
 * in the order in which they were set, depth objects and arrays being around
 * it.  As jq does it, a number that is none is null, and there is a largest
 * one.  0, or -1.
 *
 * rule_write_members(w, v, but, after, depth) - The members of an object
 * alone, but for the one called but (NULL: all), with a comma before the
 * first if after; with but, none may begin with $.
 */
int rule_write(struct rule_writer *w, jv v, unsigned depth);
int rule_write_members(struct rule_writer *w, jv v, const char *but,
    int after, unsigned depth);

#endif
