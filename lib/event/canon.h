/*
 * The canonical form of JSON, RFC 8785 (JCS): members sorted by the UTF-16
 * code units of their names, strings with the shortest escapes, numbers as
 * ECMAScript prints them.  What is signed is this form, so that a line that
 * another program has rewritten still verifies.
 */
#ifndef SG_EVENT_CANON_H
#define SG_EVENT_CANON_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* A canonicaliser and its memory; all-zero is valid. */
struct canon {
	struct buf out;	    /* the result */
	struct buf space;   /* unescaped names, sorting */
	struct buf members; /* those of the objects that are open */
};

enum { CANON_WITHOUT_MAX = 8 };

enum canon_kind {
	CANON_JSON,  /* exactly RFC 8785 */
	CANON_SIGNED /* and refuse integers that a double does not hold: tokens
			of more than 15 digits, without fraction and exponent,
			neither exact nor with the canonical form's digits */
};

/*
 * canon_text(c, kind, p, n, why) - c->out becomes the canonical form of the
 * JSON text p[0..n), which lies outside c and need not have been checked:
 * syntax, UTF-8, lone surrogates, control characters, names used twice (after
 * unescaping), depth over JSON_DEPTH_MAX and numbers beyond a double are
 * refused.  0, or -1 with *why (constant).
 */
int canon_text(struct canon *c, enum canon_kind kind, const char *p, size_t n,
    const char **why);

/*
 * canon_without(c, kind, p, n, names, why) - As canon_text for an object,
 * leaving out its own members called names[] (at most CANON_WITHOUT_MAX,
 * NULL-terminated, plain ASCII).  They are checked all the same, as by
 * CANON_JSON.
 * canon_event(c, p, n, why) - What a signature of an event line covers:
 * CANON_SIGNED without sig, rt, from and pos.
 */
int canon_without(struct canon *c, enum canon_kind kind, const char *p,
    size_t n, const char *const *names, const char **why);
int canon_event(struct canon *c, const char *p, size_t n, const char **why);

void canon_fini(struct canon *c);

#endif
