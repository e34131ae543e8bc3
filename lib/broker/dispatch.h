/*
 * Which subscriptions get an event: a trie of the filters' levels, so that
 * the cost of an event grows with the subscriptions that get it and not with
 * those that exist.
 */
#ifndef SG_BROKER_DISPATCH_H
#define SG_BROKER_DISPATCH_H

#include <stddef.h>
#include <stdint.h>

#include "event/topic.h"

struct dispatch;

/* A subscription as the trie sees it; embedded in the caller's. */
struct dispatch_sub {
	struct topic_set set; /* the caller fills it before dispatch_add */
	int excludes;	      /* set has a '!' filter */
	uint64_t mark;	      /* dispatch's */
};

/* The subscriptions of one topic, valid while the generation is the same. */
struct dispatch_match {
	uint64_t generation;
	size_t n;
	struct dispatch_sub *sub[];
};

/*
 * dispatch_new() - An empty trie.  dispatch_free(d): every subscription must
 * have been removed.
 */
struct dispatch *dispatch_new(void);
void dispatch_free(struct dispatch *d);

/*
 * dispatch_add(d, sub) - Enter sub under the filters of its set, which must
 * stay as it is until dispatch_remove(d, sub).
 */
void dispatch_add(struct dispatch *d, struct dispatch_sub *sub);
void dispatch_remove(struct dispatch *d, struct dispatch_sub *sub);

/*
 * dispatch_match(d, topic, n, cache) - The subscriptions whose sets match
 * topic, each once; valid until the next call.  *cache (NULL at first, freed
 * with free()) is renewed only if a subscription has come or gone since it
 * was made; many subscriptions are not cached, for there are many topics.
 */
const struct dispatch_match *dispatch_match(struct dispatch *d,
    const char *topic, size_t n, struct dispatch_match **cache);

/*
 * dispatch_matches(d, sub, topic, n) - 1 if sub, which has been added, gets
 * the topic.  The cost does not grow with sub's filters.
 */
int dispatch_matches(struct dispatch *d, const struct dispatch_sub *sub,
    const char *topic, size_t n);

#endif
