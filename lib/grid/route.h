/*
 * Where the events of a topic go: a pattern picks topics apart, a joined
 * table adds what is known of them, and templates make the topic of the
 * result and the name of the source.
 */
#ifndef SG_GRID_ROUTE_H
#define SG_GRID_ROUTE_H

#include <stddef.h>

#include "grid/join.h"
#include "grid/window.h"

struct route_rule {
	const char *from;	/* pattern with captures (topic.h) */
	const char *to;		/* template: captures, columns of the table */
	const char *source;	/* template, or NULL: each topic is one */
	const struct join *join;	/* or NULL; borrowed */
	const char *capture;	/* that finds the row, or NULL: the only one */
	size_t topics_max;
};

struct route;

/*
 * route_new(rule, set, why) - Streams go into set.  If the table tells all
 * topics there may be, their sources are expected.  NULL with *why, valid
 * until the next call.
 */
struct route *route_new(const struct route_rule *rule, struct window_set *set,
    const char **why);
void route_free(struct route *route);

enum route_result {
	ROUTE_FOUND,
	ROUTE_OTHER,	/* the pattern does not match */
	ROUTE_REFUSED,	/* *why: no row, no topic can be made */
	ROUTE_AGAIN	/* refused before, for the same reason */
};

/*
 * route_find(route, topic, n, input, why) - The stream of a topic.  *why is
 * valid until the next call.
 */
enum route_result route_find(struct route *route, const char *topic, size_t n,
    struct window_input **input, const char **why);

#endif
