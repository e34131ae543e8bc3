#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "bus/memo.h"
#include "grid/engine_part.h"

enum { STATE_FORM = 1 };

static void
put_key(struct buf *b, const struct rule_key *key)
{
	int has = key->state->text != NULL;

	memo_put_bytes(b, key->text, key->n);
	memo_put_uint(b, (uint64_t)has);
	if (has)
		memo_put_bytes(b, key->state->text, key->state->n);
	for (int i = 0; i < RULE_ALARMS; i++)
		memo_put_i64(b, key->due[i]);
}

static int
has_past(const struct rule_key *key)
{
	return key->state->text != NULL || key->due[RULE_TIMER] != RULE_NEVER ||
	    key->due[RULE_EVERY] != RULE_NEVER;
}

static void
put_rule(struct buf *b, const struct engine *e, uint32_t rule)
{
	const struct rule_keys *k = &e->keys;
	uint64_t n = 0;

	for (size_t i = 0; k->slot != NULL && i <= k->mask; i++)
		n += k->slot[i] != NULL && k->slot[i]->rule == rule &&
		    has_past(k->slot[i]);
	memo_put_bytes(
	    b, e->set->files[rule].name, strlen(e->set->files[rule].name));
	memo_put_uint(b, n);
	for (size_t i = 0; k->slot != NULL && i <= k->mask; i++)
		if (k->slot[i] != NULL && k->slot[i]->rule == rule &&
		    has_past(k->slot[i]))
			put_key(b, k->slot[i]);
}

void
engine_save(const struct engine *e, struct buf *b)
{
	memo_put_uint(b, STATE_FORM);
	memo_put_i64(b, e->clock);
	memo_put_i64(b, e->judged);
	memo_put_uint(b, (uint64_t)(e->live != 0));
	memo_put_i64(b, e->ep);
	memo_put_i64(b, e->seq);
	memo_put_uint(b, e->set->n);
	for (size_t i = 0; i < e->set->n; i++)
		put_rule(b, e, (uint32_t)i);
}

static int
find_rule(const struct engine *e, const char *name, size_t n)
{
	for (size_t i = 0; i < e->set->n; i++)
		if (strlen(e->set->files[i].name) == n &&
		    memcmp(e->set->files[i].name, name, n) == 0)
			return (int)i;
	return -1;
}

static void
set_text(struct rule_state *state, const char *p, size_t n)
{
	free(state->text);
	state->text = xmalloc(n + 1);
	if (n > 0)
		memcpy(state->text, p, n);
	state->text[n] = '\0';
	state->n = (uint32_t)n;
}

/* An interval of another length begins anew. */
static int64_t
fit_every(const struct engine *e, const struct rule_key *key, int64_t due)
{
	int64_t every = e->set->files[key->rule].every;

	if (every == 0)
		return RULE_NEVER;
	if (due != RULE_NEVER && due % every == 0)
		return due;
	if (key->state->text == NULL && !e->single[key->rule])
		return RULE_NEVER;
	return e->clock == ENGINE_NOT_YET ? RULE_NEVER
					  : engine_next_every(e, key, e->clock);
}

/* rule -1: it is gone. */
static void
get_key(struct engine *e, struct memo_record *r, int rule)
{
	size_t n, text_n = 0;
	const char *name = memo_get_bytes(r, &n), *text = NULL;
	struct rule_key *key;
	int64_t due[RULE_ALARMS];
	int has = memo_get_uint(r) != 0;

	if (has)
		text = memo_get_bytes(r, &text_n);
	for (int i = 0; i < RULE_ALARMS; i++)
		due[i] = memo_get_i64(r);
	if (r->bad || rule < 0)
		return;
	if (name == NULL)
		name = "";
	if ((n == 0) != e->single[rule])
		return; /* it kept its state otherwise then */
	key = rule_keys_find(&e->keys, (uint32_t)rule, name, n);
	if (key == NULL)
		key = rule_keys_add(&e->keys, (uint32_t)rule, name, n);
	if (has)
		set_text(key->state, text, text_n);
	rule_keys_set(&e->keys, key, RULE_TIMER, due[RULE_TIMER]);
	rule_keys_set(
	    &e->keys, key, RULE_EVERY, fit_every(e, key, due[RULE_EVERY]));
}

static void
get_rule(struct engine *e, struct memo_record *r)
{
	size_t n, keys;
	const char *name = memo_get_bytes(r, &n);
	int rule = r->bad ? -1 : find_rule(e, name, n);

	keys = memo_get_count(r, 2 + 8 * RULE_ALARMS);
	for (size_t i = 0; i < keys && !r->bad; i++)
		get_key(e, r, rule);
}

int
engine_load(struct engine *e, const char *p, size_t n)
{
	struct memo_record r = memo_record(p, n);
	size_t rules;

	if (memo_get_uint(&r) != STATE_FORM)
		return -1;
	e->clock = memo_get_i64(&r);
	e->judged = memo_get_i64(&r);
	e->live = memo_get_uint(&r) != 0;
	e->ep = memo_get_i64(&r);
	e->seq = memo_get_i64(&r);
	rules = memo_get_count(&r, 2);
	for (size_t i = 0; i < rules && !r.bad; i++)
		get_rule(e, &r);
	if (!memo_get_end(&r))
		return -1;
	if (e->clock != ENGINE_NOT_YET)
		engine_arm_singles(e);
	return 0;
}

void
engine_begin(struct engine *e, int64_t now)
{
	e->ep = now / DATE_SECOND > 0 ? now / DATE_SECOND : 1;
	e->seq = 0;
}
