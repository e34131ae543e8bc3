#include "grid/rule_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "grid/rule_wire.h"

enum { NONE = RULE_NO_SLOT };

void
rule_cache_init(struct rule_cache *c, size_t most)
{
	*c = (struct rule_cache){
		.newest = NONE, .oldest = NONE, .vacant = NONE, .most = most
	};
	c->place = xcalloc(RULE_SLOTS, sizeof *c->place);
}

void
rule_cache_fini(struct rule_cache *c)
{
	free(c->place);
	*c = (struct rule_cache){ 0 };
}

void
rule_cache_clear(struct rule_cache *c)
{
	for (uint32_t i = 0; i < c->used; i++)
		c->place[i].state = NULL;
	c->used = 0;
	c->bytes = 0;
	c->newest = c->oldest = c->vacant = NONE;
}

static void
take_out(struct rule_cache *c, uint32_t i)
{
	struct rule_place *p = &c->place[i];

	if (p->before == NONE)
		c->oldest = p->after;
	else
		c->place[p->before].after = p->after;
	if (p->after == NONE)
		c->newest = p->before;
	else
		c->place[p->after].before = p->before;
}

static void
put_newest(struct rule_cache *c, uint32_t i)
{
	struct rule_place *p = &c->place[i];

	p->before = c->newest;
	p->after = NONE;
	if (c->newest == NONE)
		c->oldest = i;
	else
		c->place[c->newest].after = i;
	c->newest = i;
}

/* A slot may be left over from another peer. */
static int
has(const struct rule_cache *c, const struct rule_state *s)
{
	return s->slot < c->used && c->place[s->slot].state == s;
}

/* A place that is not in the order of use. */
static uint32_t
vacant(struct rule_cache *c)
{
	uint32_t i = c->vacant;

	if (i != NONE) {
		c->vacant = c->place[i].after;
		return i;
	}
	if (c->used < RULE_SLOTS)
		return c->used++;
	i = c->oldest;
	c->bytes -= c->place[i].state->n;
	take_out(c, i);
	return i;
}

int
rule_cache_take(struct rule_cache *c, struct rule_state *s)
{
	int known = has(c, s);

	if (known && s->slot == c->newest)
		return 1;
	if (known)
		take_out(c, s->slot);
	else
		s->slot = vacant(c);
	put_newest(c, s->slot);
	if (known)
		return 1;
	c->place[s->slot].state = s;
	c->bytes += s->n;
	return 0;
}

int
rule_cache_excess(struct rule_cache *c, uint32_t *slot)
{
	struct rule_place *p;

	if (c->bytes <= c->most || c->oldest == c->newest)
		return 0;
	p = &c->place[c->oldest];
	if (p->state->flight > 0)
		return 0;
	*slot = c->oldest;
	rule_cache_drop(c, p->state);
	return 1;
}

void
rule_cache_text(
    struct rule_cache *c, struct rule_state *s, const char *text, uint32_t n)
{
	if (has(c, s))
		c->bytes = c->bytes - s->n + n;
	s->n = n;
	if (n == 0) {
		free(s->text);
		s->text = NULL;
		return;
	}
	s->text = xrealloc(s->text, (size_t)n + 1);
	memcpy(s->text, text, n);
	s->text[n] = '\0';
}

void
rule_cache_drop(struct rule_cache *c, struct rule_state *s)
{
	if (!has(c, s))
		return;
	c->bytes -= s->n;
	c->place[s->slot].state = NULL;
	take_out(c, s->slot);
	c->place[s->slot].after = c->vacant;
	c->vacant = s->slot;
}
