/*
 * Which rules want an event, by its topic alone: what was found out about a
 * topic is kept, since streams repeat their topics.
 */
#ifndef SG_GRID_RULE_ROUTE_H
#define SG_GRID_RULE_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "grid/names.h"
#include "grid/rule_file.h"

struct rule_key;

/* A rule that wants the topic. */
struct rule_hit {
	uint32_t rule;
	uint32_t captures_n;
	char *captures;	      /* JSON object */
	struct rule_key *key; /* the caller's, NULL at first */
};

struct rule_topic {
	uint32_t next; /* the topic that came after it last time */
	uint32_t nhits;
	struct rule_hit *hits; /* in the rules' order */
};

struct rule_routes {
	const struct rule_file *rules; /* borrowed */
	size_t nrules;
	struct names names; /* of the topics */
	struct rule_topic *topics;
	uint32_t n, cap, last;
	struct buf text;
};

/*
 * rule_routes_find(r, topic, n) - Never NULL; valid until the next call, which
 * may forget all topics.
 */
struct rule_topic *
rule_routes_find(struct rule_routes *r, const char *topic, size_t n);

/* rule_routes_clear(r) - Forget all topics, and so all keys. */
void rule_routes_clear(struct rule_routes *r);

#endif
