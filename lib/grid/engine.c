#include "grid/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "event/json.h"
#include "grid/engine_part.h"

enum { WINDOW_FIRST = 64, WINDOW_MOST = 1 << 16, NO_RULE = 0xffffffff };

/* Lists */

void
engine_push(struct engine_list *list, struct engine_node *node)
{
	node->next = NULL;
	if (list->last == NULL)
		list->first = node;
	else
		list->last->next = node;
	list->last = node;
	list->n++;
}

struct engine_node *
engine_pop(struct engine_list *list)
{
	struct engine_node *node = list->first;

	list->first = node->next;
	if (list->first == NULL)
		list->last = NULL;
	list->n--;
	node->next = NULL;
	return node;
}

void
engine_front(struct engine_list *list, struct engine_list *other)
{
	if (other->n == 0)
		return;
	other->last->next = list->first;
	if (list->last == NULL)
		list->last = other->last;
	list->first = other->first;
	list->n += other->n;
	*other = (struct engine_list){ 0 };
}

struct engine_node *
engine_node(struct engine *e, enum engine_step step)
{
	struct engine_node *node = e->spare_node;
	struct buf text = { 0 };

	if (node == NULL) {
		node = xmalloc(sizeof *node);
	} else {
		e->spare_node = node->next;
		text = node->text;
		buf_clear(&text);
	}
	node->next = NULL;
	node->step = step;
	node->text = text;
	node->key = NULL;
	node->by_program = 0;
	node->depth = 0;
	node->open = 0;
	node->passed = node->failed = node->replan = node->cancelled = 0;
	node->fed = (struct engine_list){ 0 };
	return node;
}

void
engine_node_free(struct engine *e, struct engine_node *node)
{
	enum { KEPT = 65536 };

	if (node->text.cap > KEPT)
		buf_fini(&node->text);
	node->next = e->spare_node;
	e->spare_node = node;
}

static void
list_free(struct engine_list *list)
{
	while (list->n > 0) {
		struct engine_node *node = engine_pop(list);

		list_free(&node->fed);
		buf_fini(&node->text);
		free(node);
	}
}

/* Beginning and end */

static void
open_singles(struct engine *e)
{
	for (size_t i = 0; i < e->set->n; i++)
		if (e->set->files[i].nby == 0) {
			e->single[i] = 1;
			rule_keys_add(&e->keys, (uint32_t)i, "", 0);
		}
}

static struct rule_peer *
open_peer(
    const struct engine_options *o, const struct rule_set *set, struct buf *why)
{
	struct rule_source *sources = xcalloc(set->n + 1, sizeof *sources);
	struct rule_plan plan = { .rule = sources,
		.rules = set->n,
		.knowledge = set->knowledge.p,
		.knowledge_n = set->knowledge.len,
		.explain = o->explain,
		.time = o->time,
		.memory = o->memory,
		.output = o->output };
	struct rule_peer *peer;

	for (size_t i = 0; i < set->n; i++)
		sources[i] = (struct rule_source){ .name = set->files[i].name,
			.file = set->files[i].path,
			.text = set->files[i].text.p,
			.n = set->files[i].text.len,
			.context = set->contexts[i].p,
			.context_n = set->contexts[i].len };
	peer = rule_peer_open(&plan, why);
	free(sources);
	return peer;
}

struct engine *
engine_new(
    const struct engine_options *o, const struct rule_set *set, struct buf *why)
{
	struct rule_peer *peer = open_peer(o, set, why);
	struct engine *e;

	if (peer == NULL)
		return NULL;
	e = xcalloc(1, sizeof *e);
	e->o = o;
	e->set = set;
	e->peer = peer;
	e->keys.peer = peer;
	e->routes.rules = set->files;
	e->routes.nrules = set->n;
	e->single = xcalloc(set->n + 1, sizeof *e->single);
	e->runs = xcalloc(set->n + 1, sizeof *e->runs);
	e->looped = xcalloc(set->n + 1, sizeof *e->looped);
	e->clock = e->limit = e->judged = ENGINE_NOT_YET;
	e->window = WINDOW_FIRST;
	open_singles(e);
	return e;
}

static void
slots_free(struct engine *e)
{
	struct engine_slot *slot;

	while ((slot = e->given) != NULL) {
		e->given = slot->next;
		if (slot->node == NULL && --slot->state->flight == 0) {
			free(slot->state->text);
			free(slot->state);
		}
		free(slot);
	}
	while ((slot = e->spare_slot) != NULL) {
		e->spare_slot = slot->next;
		free(slot);
	}
}

void
engine_free(struct engine *e)
{
	struct engine_node *node;

	if (e == NULL)
		return;
	rule_peer_close(e->peer);
	e->keys.peer = NULL;
	slots_free(e);
	list_free(&e->todo);
	list_free(&e->planned);
	while ((node = e->spare_node) != NULL) {
		e->spare_node = node->next;
		buf_fini(&node->text);
		free(node);
	}
	rule_keys_fini(&e->keys);
	rule_routes_clear(&e->routes);
	free(e->single);
	free(e->runs);
	free(e->looped);
	free(e->said);
	buf_fini(&e->bytes);
	buf_fini(&e->scratch);
	buf_fini(&e->key_text);
	free(e);
}

/* Results */

struct engine_said *
engine_say(struct engine *e, enum engine_kind kind, const char *p, size_t n)
{
	struct engine_said *said;

	if (e->nsaid == e->capsaid) {
		e->capsaid = e->capsaid * 2 + 64;
		e->said = xrealloc(e->said, e->capsaid * sizeof *e->said);
	}
	said = &e->said[e->nsaid++];
	*said =
	    (struct engine_said){ .kind = kind, .at = e->bytes.len, .n = n };
	if (n > 0)
		buf_add(&e->bytes, p, n);
	return said;
}

int
engine_next(struct engine *e, struct engine_result *r)
{
	const struct engine_said *said;

	if (e->next_said == e->nsaid) {
		e->next_said = e->nsaid = 0;
		buf_clear(&e->bytes);
		return 0;
	}
	said = &e->said[e->next_said];
	*r = (struct engine_result){ .kind = said->kind,
		.p = said->n > 0 ? e->bytes.p + said->at : "",
		.n = said->n,
		.origin = said->origin,
		.by_program = said->by_program };
	e->next_said++;
	return 1;
}

const char *
engine_rule_name(const struct engine *e, uint32_t rule)
{
	const char *path = e->set->files[rule].path;
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* Planning */

int
engine_wants(const struct engine *e, const struct engine_node *node,
    const struct rule_hit *hit)
{
	return node->depth == 0 || node->chain[node->depth - 1] != hit->rule ||
	    e->set->files[hit->rule].self;
}

int64_t
engine_next_every(
    const struct engine *e, const struct rule_key *key, int64_t now)
{
	int64_t every = e->set->files[key->rule].every, rest;

	if (every == 0)
		return RULE_NEVER;
	rest = now % every;
	return now - (rest < 0 ? rest + every : rest) + every;
}

static void
give(struct engine *e, struct engine_node *node, struct rule_key *key,
    const char *captures, size_t n)
{
	struct engine_slot *slot = e->spare_slot;
	struct rule_run run = { .rule = key->rule,
		.state = key->state,
		.key = key->text,
		.key_n = key->n,
		.captures = captures,
		.captures_n = n,
		.now = node->now,
		.event = node->text.p,
		.event_n = node->text.len };

	if (slot == NULL)
		slot = xmalloc(sizeof *slot);
	else
		e->spare_slot = slot->next;
	*slot = (struct engine_slot){ NULL, node, key, key->state };
	if (e->given == NULL)
		e->given = slot;
	else
		e->last->next = slot;
	e->last = slot;
	run.tag = slot;
	rule_peer_give(e->peer, &run);
	e->open++;
	node->open++;
	key->refs++;
	e->runs[key->rule]++;
	e->stats.runs++;
}

static void
crowded(struct engine *e, struct engine_node *node)
{
	struct engine_said *said;
	struct buf *b = &e->scratch;

	buf_clear(b);
	buf_addf(b, "%s:%llu: more than %zu keys", node->origin.file,
	    (unsigned long long)node->origin.line, e->o->keys_max);
	engine_say(e, ENGINE_FAULT, b->p, b->len);
	said = engine_say(e, ENGINE_REFUSED, node->text.p, node->text.len);
	said->origin = node->origin;
	e->stats.errors++;
}

/*
 * NULL if there are too many; all routes may be forgotten then.  What is under
 * way may leave keys that say nothing, so that is seen to first.
 */
static struct rule_key *
make_key(struct engine *e, uint32_t rule, const char *p, size_t n)
{
	struct rule_key *key = rule_keys_find(&e->keys, rule, p, n);

	if (key != NULL)
		return key;
	if (e->keys.n >= e->o->keys_max && e->stats.runs >= e->sweep_after) {
		if (e->planned.n > 0) {
			e->crowded = 1;
			return NULL;
		}
		rule_routes_clear(&e->routes);
		rule_keys_sweep(&e->keys, e->single);
		e->sweep_after = e->stats.runs + e->o->keys_max / 16;
	}
	if (e->keys.n >= e->o->keys_max)
		return NULL;
	return rule_keys_add(&e->keys, rule, p, n);
}

static struct rule_key *
find_key(struct engine *e, struct engine_node *node, struct rule_hit *hit,
    const char *topic, size_t n)
{
	const struct rule_file *r = &e->set->files[hit->rule];
	struct rule_captures c = { 0 };
	struct buf *text = &e->key_text;

	buf_clear(text);
	if (r->nby > 0) {
		rule_file_match(r, topic, n, &c);
		rule_file_key(r, &c, &node->event, topic, n, text);
	}
	return make_key(e, hit->rule, text->len > 0 ? text->p : "", text->len);
}

/* Runs already given for the node do not count. */
static void
take_back(struct engine *e, struct engine_node *node)
{
	for (struct engine_slot *slot = e->given; slot != NULL;
	     slot = slot->next)
		if (slot->node == node)
			engine_slot_void(e, slot);
	node->open = 0;
}

/*
 * The runs of an event; the routes may change under a new key.  0, or -1: not
 * now.
 */
static int
give_all(struct engine *e, struct engine_node *node)
{
	char space[TOPIC_MAX + 1];
	size_t n;
	const char *topic = event_topic(&node->event, space, &n);

	for (uint32_t i = 0;; i++) {
		struct rule_topic *t = rule_routes_find(&e->routes, topic, n);
		struct rule_key *key;

		if (i >= t->nhits)
			return 0;
		if (!engine_wants(e, node, &t->hits[i]))
			continue;
		key = t->hits[i].key;
		if (key == NULL) {
			key = find_key(e, node, &t->hits[i], topic, n);
			t = rule_routes_find(&e->routes, topic, n);
			if (key != NULL && !e->set->files[key->rule].by_members)
				t->hits[i].key = key;
		}
		if (e->crowded) {
			take_back(e, node);
			return -1;
		}
		if (key == NULL)
			crowded(e, node);
		else
			give(e, node, key, t->hits[i].captures,
			    t->hits[i].captures_n);
	}
}

static void
plan_alarm(struct engine *e)
{
	struct rule_due due = e->keys.heap[0];
	struct engine_node *node = engine_node(e, STEP_ALARM);
	struct buf *b = &node->text;

	node->now = due.t;
	node->key = due.key;
	node->alarm = due.alarm;
	node->origin = (struct engine_origin){ 0 };
	buf_adds(b, "{\"topic\":\"$SG/TIMER\",\"t\":");
	num_add_micros(b, due.t);
	buf_addf(
	    b, ",\"vs\":\"%s\"}", due.alarm == RULE_TIMER ? "timer" : "every");
	rule_keys_set(&e->keys, due.key, due.alarm,
	    due.alarm == RULE_TIMER ? RULE_NEVER
				    : engine_next_every(e, due.key, due.t));
	if (due.t > e->clock)
		e->clock = e->judged = due.t;
	engine_push(&e->planned, node);
	give(e, node, due.key, NULL, 0);
	e->stats.timers++;
}

static int
may_plan(const struct engine *e)
{
	if (e->crowded && e->planned.n > 0)
		return 0;
	return e->open == 0 ||
	    (e->open < e->window && !rule_peer_full(e->peer));
}

/* Run ahead with what there is to do, as far as is good. */
static void
plan(struct engine *e)
{
	while (e->todo.n > 0 && may_plan(e)) {
		struct engine_node *node = e->todo.first;

		if (node->step != STEP_FED &&
		    rule_keys_next(&e->keys) <= node->now) {
			plan_alarm(e);
			continue;
		}
		engine_pop(&e->todo);
		if (node->step == STEP_TICK) {
			engine_node_free(e, node);
			continue;
		}
		e->crowded = 0;
		if (give_all(e, node) < 0) {
			struct engine_list again = { 0 };

			engine_push(&again, node);
			engine_front(&e->todo, &again);
			return;
		}
		engine_push(&e->planned, node);
		if (e->planned.first == node)
			engine_finish(e);
	}
}

/* What comes in */

static void
tick(struct engine *e, int64_t now)
{
	struct engine_node *last = e->todo.last;

	if (rule_keys_next(&e->keys) > now)
		return;
	if (last == NULL || last->step != STEP_TICK) {
		last = engine_node(e, STEP_TICK);
		engine_push(&e->todo, last);
	}
	last->now = now;
}

void
engine_arm_singles(struct engine *e)
{
	for (size_t i = 0; i < e->set->n; i++) {
		struct rule_key *key;

		if (!e->single[i])
			continue;
		key = rule_keys_find(&e->keys, (uint32_t)i, "", 0);
		if (key->due[RULE_EVERY] == RULE_NEVER)
			rule_keys_set(&e->keys, key, RULE_EVERY,
			    engine_next_every(e, key, e->clock));
	}
}

static void
move_clock(struct engine *e, int64_t t)
{
	int first = e->clock == ENGINE_NOT_YET;

	if (t > e->clock)
		e->clock = t;
	if (first)
		engine_arm_singles(e);
}

/* 1 if t is more than skew ahead of the wall clock. */
static int
is_ahead(struct engine *e, int64_t t)
{
	if (t <= e->limit)
		return 0;
	e->limit = date_now() + e->o->skew;
	return t > e->limit;
}

/* The length of an aggregate's window that is over, else 0. */
static int64_t
window_of(const struct event *event)
{
	struct json_value line, partial;
	int64_t w;

	if (!event_has(event, EVENT_W) || !event_has(event, EVENT_N) ||
	    num_micros(event->line + event->at[EVENT_W], event->len[EVENT_W],
		&w) == -1)
		return 0;
	line = json_value(event->line, event->n);
	return json_get(&line, "partial", &partial) ? 0 : w;
}

/* 0, or -1: it is ahead of the clock. */
static int
take_time(struct engine *e, const struct event *event)
{
	int64_t t = 0, w;

	if (e->o->clock == ENGINE_WALL) {
		move_clock(e, date_now());
		return 0;
	}
	(void)event_time(event, &t);
	if (is_ahead(e, t))
		return -1;
	/* An aggregate is known when its window is over. */
	w = window_of(event);
	if (w > 0 && !is_ahead(e, t + w))
		t += w;
	if (t > e->clock)
		move_clock(e, t);
	return 0;
}

static struct engine_node *
add_node(struct engine *e, enum engine_step step, const struct event *event)
{
	struct engine_node *node = engine_node(e, step);

	buf_add(&node->text, event->line, event->n);
	node->event = *event;
	node->event.line = node->text.p;
	node->now = e->clock;
	engine_push(&e->todo, node);
	return node;
}

static void
unwanted(struct engine *e, const struct event *event,
    const struct engine_origin *origin)
{
	char space[TOPIC_MAX + 1];
	size_t n;
	const char *topic = event_topic(event, space, &n);
	struct buf *b = &e->scratch;

	buf_clear(b);
	buf_addf(b, "no rule: on %.*s (%s:%llu): topic does not match", (int)n,
	    topic, origin->file, (unsigned long long)origin->line);
	engine_say(e, ENGINE_DETAIL, b->p, b->len);
}

enum engine_taken
engine_add(struct engine *e, const struct event *event,
    const struct engine_origin *origin)
{
	char space[TOPIC_MAX + 1];
	size_t n;
	const char *topic = event_topic(event, space, &n);
	uint32_t hits;

	if (take_time(e, event) < 0)
		return ENGINE_FUTURE;
	hits = rule_routes_find(&e->routes, topic, n)->nhits;
	if (hits == 0 && e->o->explain > 1)
		unwanted(e, event, origin);
	if (hits > 0 || e->o->pass) {
		add_node(e, STEP_INPUT, event)->origin = *origin;
		plan(e);
	} else if (rule_keys_next(&e->keys) <= e->clock) {
		tick(e, e->clock);
		plan(e);
	}
	return hits > 0 ? ENGINE_WANTED : ENGINE_OTHER;
}

void
engine_feed(struct engine *e, const struct event *event)
{
	char space[TOPIC_MAX + 1];
	size_t n;
	const char *topic = event_topic(event, space, &n);
	struct engine_node *node;

	if (rule_routes_find(&e->routes, topic, n)->nhits == 0)
		return;
	if (e->clock == ENGINE_NOT_YET)
		take_time(e, event);
	node = add_node(e, STEP_FED, event);
	node->origin = (struct engine_origin){ "program", 0 };
	node->by_program = 1;
	node->depth = 1;
	node->chain[0] = NO_RULE;
	plan(e);
}

int
engine_full(const struct engine *e)
{
	return e->todo.n > 0;
}

int
engine_settled(const struct engine *e)
{
	return e->todo.n == 0 && e->planned.n == 0 &&
	    (e->clock == ENGINE_NOT_YET || rule_keys_next(&e->keys) > e->clock);
}

/* Stale runs that are answered when nothing waits for them are no matter. */
int
engine_run(struct engine *e, int wait)
{
	struct rule_answer answer;
	int r;

	if (e->todo.n == 0 && e->planned.n == 0 && e->clock != ENGINE_NOT_YET)
		tick(e, e->clock);
	plan(e);
	wait = wait && (e->planned.n > 0 || e->todo.n > 0);
	while ((r = rule_peer_take(e->peer, &answer, wait)) == 1) {
		engine_apply(e, &answer);
		engine_finish(e);
		wait = 0;
	}
	plan(e);
	return r < 0 && errno != EINTR ? -1 : 0;
}

/* How late timers run when nothing comes, us. */
static int64_t
lateness(const struct engine *e)
{
	return e->o->clock == ENGINE_WALL ? 0 : e->o->grace;
}

/* 1 if time goes on by itself: the newest event was of the present. */
static int
is_live(const struct engine *e, int64_t now)
{
	if (e->o->clock == ENGINE_WALL)
		return 1;
	if (e->clock == ENGINE_NOT_YET)
		return 0;
	if (e->judged == e->clock)
		return e->live;
	return now - e->clock <= e->o->grace + e->o->skew;
}

int
engine_due(const struct engine *e, int64_t now)
{
	return is_live(e, now) && rule_keys_next(&e->keys) <= now - lateness(e);
}

int64_t
engine_idle(struct engine *e, int64_t now)
{
	int64_t late = lateness(e), next;

	if (e->o->clock == ENGINE_WALL)
		move_clock(e, now);
	e->live = is_live(e, now);
	e->judged = e->clock;
	if (!e->live)
		return -1;
	tick(e, now - late);
	next = rule_keys_next(&e->keys);
	if (next == RULE_NEVER)
		return -1;
	return next - now > -late ? next - now + late : 0;
}

void
engine_stats(const struct engine *e, struct engine_stats *stats)
{
	*stats = e->stats;
	stats->restarts = rule_peer_restarts(e->peer);
	stats->keys = e->keys.n;
}

uint64_t
engine_rule_runs(const struct engine *e, size_t rule)
{
	return e->runs[rule];
}
