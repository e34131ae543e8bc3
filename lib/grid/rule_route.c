#include "grid/rule_route.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

enum { TOPICS_KEPT = 1 << 18 };

void
rule_routes_clear(struct rule_routes *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		struct rule_topic *t = &r->topics[i];

		for (uint32_t j = 0; j < t->nhits; j++)
			free(t->hits[j].captures);
		free(t->hits);
	}
	free(r->topics);
	names_fini(&r->names);
	buf_fini(&r->text);
	*r = (struct rule_routes){ .rules = r->rules, .nrules = r->nrules };
}

static void
add_hit(struct rule_routes *r, struct rule_topic *t, uint32_t rule,
    const struct rule_captures *c)
{
	struct rule_hit *hit;

	t->hits = xrealloc(t->hits, (t->nhits + 1) * sizeof *t->hits);
	hit = &t->hits[t->nhits++];
	buf_clear(&r->text);
	rule_captures_add(c, &r->text);
	*hit = (struct rule_hit){ .rule = rule,
		.captures = xstrndup(r->text.p, r->text.len),
		.captures_n = (uint32_t)r->text.len };
}

static uint32_t
learn(struct rule_routes *r, const char *topic, size_t n)
{
	struct rule_captures c;
	struct rule_topic *t;

	if (r->n == TOPICS_KEPT)
		rule_routes_clear(r);
	if (r->n == r->cap) {
		r->cap = r->cap * 2 + 64;
		r->topics = xrealloc(r->topics, r->cap * sizeof *r->topics);
	}
	t = &r->topics[r->n];
	*t = (struct rule_topic){ 0 };
	for (size_t i = 0; i < r->nrules; i++)
		if (rule_file_match(&r->rules[i], topic, n, &c))
			add_hit(r, t, (uint32_t)i, &c);
	names_add(&r->names, topic, n);
	return r->n++;
}

/* The same topics tend to come in the same order. */
struct rule_topic *
rule_routes_find(struct rule_routes *r, const char *topic, size_t n)
{
	uint32_t i;

	if (r->n > 0 && names_is(&r->names, r->last, topic, n))
		return &r->topics[r->last];
	i = r->n == 0 ? 0 : r->topics[r->last].next;
	if (r->n == 0 || !names_is(&r->names, i, topic, n)) {
		i = names_find(&r->names, topic, n);
		if (i == NAMES_NONE)
			i = learn(r, topic, n);
		r->topics[r->last].next = i;
	}
	r->last = i;
	return &r->topics[i];
}
