/*
 * The names of what is measured and their units, share/quantities.csv: the
 * same in every proxy, so that a consumer does not notice which technology
 * is behind.
 */
#ifndef SG_EVENT_QUANTITY_H
#define SG_EVENT_QUANTITY_H

#include <stddef.h>

#include "base/buf.h"

enum quantity_kind {
	QUANTITY_NUMBER, /* v with u */
	QUANTITY_BOOL,	 /* vb */
	QUANTITY_TEXT	 /* vs: a word */
};

struct quantity {
	const char *name; /* the last level of its topic */
	const char *unit; /* registered; "" for bool and text */
	const char *description;
	enum quantity_kind kind;
};

struct quantities;

/*
 * quantities_open(path, why) - Read the table (path NULL: the one of
 * share/).  NULL with why set to "FILE:LINE: what is wrong".
 */
struct quantities *quantities_open(const char *path, struct buf *why);
void quantities_close(struct quantities *q);

/* quantity_find(q, name, n) - NULL if there is none. */
const struct quantity *
quantity_find(const struct quantities *q, const char *name, size_t n);

#endif
