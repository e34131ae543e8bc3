/*
 * Where the events of a topic go: patterns pick topics apart, a joined table
 * adds what is known of them, and templates make the topic of the result and
 * the name of the source.
 */
#ifndef SG_GRID_ROUTE_H
#define SG_GRID_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "grid/join.h"
#include "grid/window.h"

struct route_rule {
	const char *const *from; /* patterns with captures (topic.h) */
	size_t nfrom;		 /* the first one that matches counts */
	const char *to;		 /* template: captures, columns of the table */
	const char *source;	 /* template, or NULL: each topic is one */
	const struct join *join; /* or NULL; borrowed */
	const char *capture;	 /* that finds the row, or NULL: the only one */
	const struct join *expect; /* or NULL: its keys are expected */
	size_t topics_max;
};

struct route;

/*
 * route_new(rule, set, why) - Streams go into set.  The sources that expect
 * names, as topics or as texts of the only capture, are expected; without
 * expect, if the joined table tells all topics there may be, those of its
 * rows.  NULL with *why, valid until the next call.
 */
struct route *route_new(
    const struct route_rule *rule, struct window_set *set, const char **why);

/*
 * route_resume(route, why) - The set has been loaded: its streams go where
 * the rule says now, and sources are expected once more.  0, or -1 with *why.
 */
int route_resume(struct route *route, const char **why);
void route_free(struct route *route);

enum route_result {
	ROUTE_FOUND,
	ROUTE_OTHER,   /* no pattern matches */
	ROUTE_REFUSED, /* *why: no row, no topic can be made */
	ROUTE_AGAIN    /* refused before, for the same reason */
};

/*
 * route_find(route, topic, n, input, why) - The stream of a topic.  *why is
 * valid until the next call.
 */
enum route_result route_find(struct route *route, const char *topic, size_t n,
    uint32_t *input, const char **why);

#endif
