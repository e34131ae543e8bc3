/*
 * Sealed lines whose key event has not come yet, in the order of their
 * arrival, up to a number of bytes.  All-zero with max set is empty.
 */
#ifndef SG_TRUST_HOLD_H
#define SG_TRUST_HOLD_H

#include <stddef.h>

#include "base/buf.h"
#include "trust/sender.h"

struct hold_line {
	unsigned char id[SENDER_ID];
	size_t n;
	char *p; /* NULL: given out */
};

struct hold {
	size_t max, bytes;
	struct hold_line *line;
	size_t first, n, cap; /* line[first..n) */
	size_t count;	      /* of those that are still there */
};

/* hold_add(h, id, p, n) - Keep a copy of the line p[0..n). */
void
hold_add(struct hold *h, const unsigned char *id, const char *p, size_t n);

/*
 * hold_over(h) - The oldest line if there are more bytes than max, else NULL.
 * hold_oldest(h) - The oldest line, or NULL.  hold_find(h, id, at) - The
 * oldest line sealed with that key, or NULL; *at, 0 at first, is where the
 * next call goes on, if nothing is added meanwhile.
 * hold_take(h, line) - Its bytes, which the caller frees; it is
 * no longer there.
 */
struct hold_line *hold_over(struct hold *h);
struct hold_line *hold_oldest(struct hold *h);
struct hold_line *
hold_find(struct hold *h, const unsigned char *id, size_t *at);
char *hold_take(struct hold *h, struct hold_line *line);

void hold_fini(struct hold *h);

#endif
