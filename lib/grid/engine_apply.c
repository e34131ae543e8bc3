#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "event/json.h"
#include "grid/engine_part.h"

enum { WINDOW_MOST = 1 << 16, SHOWN = 200 };

/* An answer and the run that it is of. */
struct work {
	struct engine *e;
	struct engine_node *node;
	struct rule_key *key;
	struct rule_answer *a;
	uint32_t rule;
	struct buf whys;
	uint64_t made;
};

/* Messages */

static void
add_shown(struct buf *b, const char *p, size_t n)
{
	buf_add(b, p, n < SHOWN ? n : SHOWN);
}

/* "peak.jq: on TOPIC (FILE:LINE): " or "peak.jq: timer of KEY at T: " */
static struct buf *
begin_message(struct engine *e, uint32_t rule, const struct engine_node *node)
{
	struct buf *b = &e->scratch;
	char space[TOPIC_MAX + 1];
	size_t n;
	const char *topic;

	buf_clear(b);
	buf_addf(b, "%s: ", engine_rule_name(e, rule));
	if (node->step == STEP_ALARM) {
		buf_adds(b, node->alarm == RULE_TIMER ? "timer" : "interval");
		if (node->key->n > 0) {
			buf_adds(b, " of ");
			add_shown(b, node->key->text, node->key->n);
		}
		buf_adds(b, " at ");
		date_add(b, node->now, NULL);
		buf_adds(b, ": ");
		return b;
	}
	topic = event_topic(&node->event, space, &n);
	buf_adds(b, "on ");
	buf_add(b, topic, n);
	if (node->origin.file != NULL) {
		buf_addf(b, " (%s", node->origin.file);
		if (node->origin.line > 0)
			buf_addf(
			    b, ":%llu", (unsigned long long)node->origin.line);
		buf_addc(b, ')');
	}
	buf_adds(b, ": ");
	return b;
}

static void
say_refused(
    struct engine *e, const struct engine_node *node, const char *p, size_t n)
{
	engine_say(e, ENGINE_REFUSED, p, n)->origin = node->origin;
}

static void
say_fault(struct work *w)
{
	struct buf *b = begin_message(w->e, w->rule, w->node);

	buf_adds(b, w->a->why);
	engine_say(w->e, ENGINE_FAULT, b->p, b->len);
	w->e->stats.errors++;
	if (!w->node->failed)
		say_refused(w->e, w->node, w->node->text.p,
		    w->node->step == STEP_ALARM ? 0 : w->node->text.len);
	w->node->failed = 1;
}

static void
say_done(struct work *w)
{
	struct buf *b = begin_message(w->e, w->rule, w->node);

	if (w->made > 0)
		buf_addf(b, "fired (%llu event%s)", (unsigned long long)w->made,
		    w->made == 1 ? "" : "s");
	else if (w->a->changed || w->a->timer != RULE_TIMER_KEEP)
		buf_adds(b, "no event, remembered");
	else
		buf_adds(b, "no output");
	if (w->whys.len > 0) {
		buf_adds(b, ": ");
		buf_add(b, w->whys.p, w->whys.len);
	}
	engine_say(w->e, ENGINE_TOLD, b->p, b->len);
}

/* Results that feed rules */

static void
say_loop(struct work *w, uint32_t rule, const char *line, size_t n)
{
	struct engine *e = w->e;
	struct buf *b = &e->scratch;
	unsigned from = w->node->depth;

	e->stats.errors++;
	if (e->looped[w->rule]++ == 0) {
		while (from > 0 && w->rule != rule &&
		    w->node->chain[from - 1] != rule)
			from--;
		if (from > 0 && w->rule != rule)
			from--;
		buf_clear(b);
		for (; from < w->node->depth; from++)
			if (w->node->chain[from] < e->set->n)
				buf_addf(b, "%s -> ",
				    engine_rule_name(e, w->node->chain[from]));
		buf_addf(b, "%s -> ", engine_rule_name(e, w->rule));
		buf_addf(b, "%s: results feed each other",
		    engine_rule_name(e, rule));
		engine_say(e, ENGINE_FAULT, b->p, b->len);
	}
	say_refused(e, w->node, line, n);
}

/* A node for a result that other rules want; NULL: none does. */
static struct engine_node *
fed_node(struct work *w, const struct event *event)
{
	struct engine *e = w->e;
	struct engine_node *node = engine_node(e, STEP_FED);

	buf_add(&node->text, event->line, event->n);
	node->event = *event;
	node->event.line = node->text.p;
	node->now = w->node->now;
	node->origin = w->node->origin;
	node->by_program = w->node->by_program;
	memcpy(node->chain, w->node->chain, sizeof node->chain);
	node->chain[w->node->depth] = w->rule;
	node->depth = w->node->depth + 1;
	return node;
}

/* The first rule that is to be given the event, or UINT32_MAX. */
static uint32_t
wanted(struct work *w, const struct event *event)
{
	char space[TOPIC_MAX + 1];
	size_t n;
	const char *topic = event_topic(event, space, &n);
	const struct rule_topic *t = rule_routes_find(&w->e->routes, topic, n);

	for (uint32_t i = 0; i < t->nhits; i++)
		if (t->hits[i].rule != w->rule ||
		    w->e->set->files[w->rule].self)
			return t->hits[i].rule;
	return UINT32_MAX;
}

static void
add_identity(struct engine *e, const struct event *event, struct buf *b)
{
	size_t n = event->n;

	while (n > 0 && event->line[n - 1] != '}')
		n--;
	buf_add(b, event->line, n - 1);
	buf_adds(b, ",\"src\":\"");
	buf_adds(b, e->o->src);
	buf_adds(b, "\",\"ep\":");
	buf_addi(b, e->ep);
	buf_adds(b, ",\"seq\":");
	buf_addi(b, ++e->seq);
	buf_addc(b, '}');
}

static int
has_identity(const struct event *event)
{
	return event_has(event, EVENT_SRC) || event_has(event, EVENT_EP) ||
	    event_has(event, EVENT_SEQ);
}

static int
same_member(
    const struct event *a, const struct event *b, enum event_member member)
{
	return event_has(a, member) && event_has(b, member) &&
	    a->len[member] == b->len[member] &&
	    memcmp(a->line + a->at[member], b->line + b->at[member],
		a->len[member]) == 0;
}

/*
 * What a rule makes of an event is another event: "src", "ep" and "seq" that
 * it has copied would say that it is the same.  *event is then in line.
 */
static void
drop_identity(const struct event *from, struct event *event, struct buf *line)
{
	static const enum event_member members[] = { EVENT_SRC, EVENT_EP,
		EVENT_SEQ };
	const char *why;

	if (event_has(event, EVENT_SIG) || event_has(event, EVENT_ENC) ||
	    !same_member(from, event, EVENT_SRC) ||
	    !same_member(from, event, EVENT_SEQ))
		return;
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		struct buf less = { 0 };

		if (!event_has(event, members[i]))
			continue;
		event_without(event, members[i], &less);
		buf_fini(line);
		*line = less;
		(void)event_scan(event, line->p, line->len, &why);
	}
}

static void
take_event(struct work *w, const char *p, size_t n)
{
	struct engine *e = w->e;
	struct buf line = { 0 }, bare = { 0 };
	struct event event;
	const char *why;
	uint32_t rule;

	if (event_scan(&event, p, n, &why) < 0)
		return; /* the peer has looked at it */
	drop_identity(&w->node->event, &event, &bare);
	p = event.line;
	n = event.n;
	rule = wanted(w, &event);
	if (rule != UINT32_MAX && w->node->depth == ENGINE_DEPTH) {
		say_loop(w, rule, p, n);
		buf_fini(&bare);
		return;
	}
	if (e->o->src != NULL && !has_identity(&event)) {
		add_identity(e, &event, &line);
		if (event_scan(&event, line.p, line.len, &why) == 0) {
			p = line.p;
			n = line.len;
		}
	}
	engine_say(e, ENGINE_MADE, p, n)->by_program = w->node->by_program;
	w->made++;
	e->stats.made++;
	if (rule != UINT32_MAX) {
		engine_push(&w->node->fed, fed_node(w, &event));
		e->stats.fed++;
	}
	buf_fini(&line);
	buf_fini(&bare);
}

static void
take_outputs(struct work *w)
{
	const char *p;
	size_t n;
	enum rule_text kind;

	while ((kind = rule_answer_next(w->a, &p, &n)) != RULE_END)
		if (kind == RULE_EVENT) {
			take_event(w, p, n);
		} else {
			if (w->whys.len > 0)
				buf_adds(&w->whys, "; ");
			buf_add(&w->whys, p, n);
		}
}

/* Times */

/* Alarms of the key that were planned too early are void. */
static void
cancel_planned(struct work *w, enum rule_alarm alarm)
{
	struct engine_node *node = w->node->next;

	if (w->key->refs == 0)
		return;
	for (; node != NULL; node = node->next)
		if (node->step == STEP_ALARM && node->key == w->key &&
		    node->alarm == alarm && !node->cancelled) {
			node->cancelled = 1;
			w->node->replan = 1;
		}
}

/* What was planned beyond the new time comes after it. */
static void
set_alarm(struct work *w, enum rule_alarm alarm, int64_t t)
{
	struct engine *e = w->e;

	rule_keys_set(&e->keys, w->key, alarm, t);
	if (t != RULE_NEVER && w->node != e->planned.last &&
	    t <= e->planned.last->now)
		w->node->replan = 1;
}

/*
 * Times that have come run at once, so a key that sets one again and again
 * would never let the time go on: 1 if it is one too many.
 */
static int
is_endless(struct work *w)
{
	struct rule_key *key = w->key;

	if (key->again_at != w->node->now || key->again_in != w->e->inputs ||
	    w->node->step == STEP_INPUT) {
		key->again = 0;
		key->again_at = w->node->now;
		key->again_in = w->e->inputs;
	}
	return ++key->again > ENGINE_DEPTH;
}

static void
say_endless(struct work *w)
{
	struct engine *e = w->e;
	struct buf *b = begin_message(e, w->rule, w->node);

	e->stats.errors++;
	buf_adds(b, "sets its timer to this time again and again");
	engine_say(e, ENGINE_FAULT, b->p, b->len);
	if (!w->node->failed)
		say_refused(e, w->node, w->node->text.p,
		    w->node->step == STEP_ALARM ? 0 : w->node->text.len);
	w->node->failed = 1;
}

static void
take_timer(struct work *w)
{
	int64_t due = w->a->due;

	if (w->a->timer == RULE_TIMER_KEEP)
		return;
	cancel_planned(w, RULE_TIMER);
	if (w->a->timer == RULE_TIMER_CANCEL)
		due = RULE_NEVER;
	else if (due < w->node->now)
		due = w->node->now;
	if (due == w->node->now && is_endless(w)) {
		say_endless(w);
		due = RULE_NEVER;
	}
	set_alarm(w, RULE_TIMER, due);
}

/* A key has intervals as long as it has a state. */
static void
take_state(struct work *w)
{
	const struct rule_key *key = w->key;
	int has = key->state->text != NULL;

	if (!w->a->changed || w->e->single[w->rule] ||
	    w->e->set->files[w->rule].every == 0)
		return;
	if (!has) {
		cancel_planned(w, RULE_EVERY);
		set_alarm(w, RULE_EVERY, RULE_NEVER);
	} else if (key->due[RULE_EVERY] == RULE_NEVER) {
		set_alarm(
		    w, RULE_EVERY, engine_next_every(w->e, key, w->node->now));
	}
}

/* Planning again */

static void
take_back(struct engine *e, struct engine_node *node, struct engine_list *list)
{
	struct rule_key *key = node->key;

	if (node->step != STEP_ALARM) {
		node->open = 0;
		node->failed = node->replan = 0;
		engine_push(list, node);
		return;
	}
	if (!node->cancelled && node->now < key->due[node->alarm])
		rule_keys_set(&e->keys, key, node->alarm, node->now);
	engine_node_free(e, node);
}

void
engine_slot_void(struct engine *e, struct engine_slot *slot)
{
	slot->node = NULL;
	slot->key->refs--;
	e->runs[slot->key->rule]--;
	e->stats.runs--;
	if (slot->key->state == slot->state)
		rule_key_abandon(slot->key);
}

/* All that was planned behind the node that is done goes back. */
static void
plan_again(struct engine *e)
{
	struct engine_list list = { 0 };

	for (struct engine_slot *slot = e->given; slot != NULL;
	     slot = slot->next)
		if (slot->node != NULL)
			engine_slot_void(e, slot);
	while (e->planned.n > 0)
		take_back(e, engine_pop(&e->planned), &list);
	if (list.n == 0)
		return;
	engine_front(&e->todo, &list);
	e->window = e->window > 1 ? e->window / 2 : 1;
	e->smooth = 0;
}

void
engine_finish(struct engine *e)
{
	while (e->planned.n > 0 && e->planned.first->open == 0) {
		struct engine_node *node = engine_pop(&e->planned);

		e->inputs += node->step == STEP_INPUT;
		if (e->o->pass && node->step == STEP_INPUT && !node->passed)
			engine_say(
			    e, ENGINE_PASSED, node->text.p, node->text.len);
		if (node->replan || node->fed.n > 0) {
			plan_again(e);
			engine_front(&e->todo, &node->fed);
		}
		engine_node_free(e, node);
	}
}

static struct engine_slot *
oldest(struct engine *e)
{
	struct engine_slot *slot = e->given;

	e->given = slot->next;
	slot->next = e->spare_slot;
	e->spare_slot = slot;
	e->open--;
	return slot;
}

static void
apply(struct work *w)
{
	struct engine *e = w->e;

	w->key->refs--;
	w->node->open--;
	if (e->o->pass && w->node->step == STEP_INPUT && !w->node->passed) {
		engine_say(
		    e, ENGINE_PASSED, w->node->text.p, w->node->text.len);
		w->node->passed = 1;
	}
	if (w->a->verdict != RULE_DONE) {
		say_fault(w);
		return;
	}
	take_outputs(w);
	take_state(w);
	take_timer(w);
	if (e->o->explain)
		say_done(w);
	buf_fini(&w->whys);
}

void
engine_apply(struct engine *e, struct rule_answer *answer)
{
	struct engine_slot *slot = oldest(e);
	struct rule_state *state = slot->state;
	struct work w = { .e = e,
		.node = slot->node,
		.key = slot->key,
		.a = answer,
		.rule = answer->rule };

	if (slot->node == NULL) {
		if (state->flight == 0) {
			rule_state_fini(e->peer, state);
			free(state);
		}
		return;
	}
	apply(&w);
	if (++e->smooth >= e->window && e->window < WINDOW_MOST) {
		e->window *= 2;
		e->smooth = 0;
	}
}
