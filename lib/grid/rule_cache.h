/*
 * Which states the worker has, as the side that feeds it keeps count of it.
 * States are let go that have not been used for longest.
 */
#ifndef SG_GRID_RULE_CACHE_H
#define SG_GRID_RULE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "grid/rule_peer.h"

struct rule_place {
	struct rule_state *state; /* NULL: free */
	uint32_t before, after;	  /* in the order of use */
};

struct rule_cache {
	struct rule_place *place;
	uint32_t used;		/* places that have been taken so far */
	uint32_t newest, oldest; /* RULE_NO_SLOT: none */
	uint32_t vacant;	/* the first of those left, in a list */
	size_t bytes;		/* text of all states in places */
	size_t most;		/* bytes aimed at */
};

/*
 * rule_cache_init(c, most) - Nothing is there.  rule_cache_fini(c).
 * rule_cache_clear(c) - The worker has nothing any more.
 *
 * rule_cache_take(c, s) - A place for s, now the newest: 1 if it is there, 0
 * if its text has to be given.  s->slot is set.
 *
 * rule_cache_excess(c, slot) - 1 if the oldest state should go, for it is too
 * much text; it is gone then, and *slot is what the worker has to empty.
 *
 * rule_cache_text(c, s, text, n) - Replace the text of s, whether it is here
 * or not.
 * rule_cache_drop(c, s) - Its place is free, if it has one.
 */
void rule_cache_init(struct rule_cache *c, size_t most);
void rule_cache_fini(struct rule_cache *c);
void rule_cache_clear(struct rule_cache *c);
int rule_cache_take(struct rule_cache *c, struct rule_state *s);
int rule_cache_excess(struct rule_cache *c, uint32_t *slot);
void rule_cache_text(
    struct rule_cache *c, struct rule_state *s, const char *text, uint32_t n);
void rule_cache_drop(struct rule_cache *c, struct rule_state *s);

#endif
