/*
 * An event that a rule has put out, on its way to an event line.
 */
#ifndef SG_GRID_RULE_OUTPUT_H
#define SG_GRID_RULE_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* From what it was made. */
struct rule_origin {
	const char *rule;
	const char *key, *event;
	size_t key_n, event_n;
	uint32_t count; /* events of the same run before it */
};

/*
 * rule_output_finish(b, at, origin, why) - Check the line from b->p[at] on as
 * an event that leaves a rule: complete, a command or request with ttl.  One
 * without id gets one that is made of its origin, so that it is the same
 * whenever the same event is given to the same rule: 16 hexadecimal digits of
 * a SHA-256.  1; 2 if it carries sig or enc; -1 with *why.
 */
int rule_output_finish(struct buf *b, size_t at,
    const struct rule_origin *origin, const char **why);

#endif
