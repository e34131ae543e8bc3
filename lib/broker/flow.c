#include "broker/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "broker/session.h"
#include "bus/mark.h"

enum { CHAINS = 1024 };

struct flow {
	struct flow *chain;
	char topic[WIRE_MARK_TOPIC];
	char cursor[LOG_CURSOR_MAX + 1]; /* full name; "": not known */
	char name[WIRE_NAME_MAX + 1];	 /* the same, as its actor says it */
	char from[FRAME_FROM_MAX + 1];	 /* who published the newest mark */
	uint64_t accepted; /* its number, handed to the log; 0: there is none */
	uint64_t durable;  /* the same, on disk */
	uint64_t id;	   /* a hash of its id; 0: not known */
	int ended;	   /* it says that the cursor is deleted; */
	int durably;	   /* so does the one on disk */
};

struct flow_mark {
	struct flow *flow;
	uint64_t number;
	int newest; /* it is, up to now */
	int ended;  /* the durable cursor is deleted, else it goes to: */
	struct wire_cursor cursor;
};

struct flows {
	struct flow *chain[CHAINS];
};

struct flows *
flows_new(void)
{
	return xcalloc(1, sizeof(struct flows));
}

void
flows_free(struct flows *flows)
{
	struct flow *f;
	size_t i;

	for (i = 0; flows != NULL && i < CHAINS; i++)
		while ((f = flows->chain[i]) != NULL) {
			flows->chain[i] = f->chain;
			free(f);
		}
	free(flows);
}

static struct flow **
find(const struct broker *b, const char *topic)
{
	const uint64_t h = last_hash(topic, strlen(topic));
	struct flow **at = &b->flows->chain[h % CHAINS];

	while (*at != NULL && strcmp((*at)->topic, topic) != 0)
		at = &(*at)->chain;
	return at;
}

static struct flow *
get(struct broker *b, const char *topic, const char *name)
{
	struct flow **at = find(b, topic);

	if (*at == NULL) {
		*at = xcalloc(1, sizeof **at);
		snprintf((*at)->topic, sizeof(*at)->topic, "%s", topic);
		snprintf((*at)->name, sizeof(*at)->name, "%s", name);
	}
	return *at;
}

static const char *
actor_of(const struct session *s)
{
	return s->grant != NULL ? s->grant->actor->subject : "";
}

/* The flow of the session's actor, or NULL: it has no mark. */
static struct flow *
own_flow(const struct session *s, const struct wire_mark *m)
{
	char topic[WIRE_MARK_TOPIC];

	wire_mark_topic(topic, actor_of(s), m->name);
	return *find(s->b, topic);
}

/* A durable cursor's full name: a session's has its subject before it. */
static void
full_name(char to[LOG_CURSOR_MAX + 1], const char *actor, const char *name)
{
	snprintf(to, LOG_CURSOR_MAX + 1, "%s%s%s", actor,
	    actor[0] != '\0' ? " " : "", name);
}

/* Requests. */

const char *
flow_request_fault(const struct wire_request *r, uint64_t lines)
{
	struct wire_mark m;

	if (r->commit.kind == JSON_NONE)
		return NULL;
	if (wire_mark_parse(&m, &r->commit) != 0)
		return "commit: invalid";
	if (!r->has_chan)
		return "commit without chan";
	if (r->chan != wire_mark_chan(m.name))
		return "commit: chan is not that of the cursor";
	if (r->first <= m.after)
		return "commit: first is not behind after";
	if (!m.has_cursor)
		return NULL;
	if (lines >= WIRE_EVENTS_MAX)
		return "too many events in a frame";
	if (r->lines_len > WIRE_LINES_MAX - WIRE_MARK_MAX)
		return "frame too long";
	return NULL;
}

int
flow_claims(const struct wire_request *r)
{
	struct json_value cursor;

	return r->commit.kind != JSON_NONE &&
	    json_get(&r->commit, "cursor", &cursor);
}

struct wire_mark *
flow_claim(const struct wire_request *r)
{
	struct wire_mark *m;

	if (r->commit.kind == JSON_NONE)
		return NULL;
	m = xmalloc(sizeof *m);
	wire_mark_parse(m, &r->commit);
	return m;
}

uint64_t
flow_newest(const struct session *s, const struct wire_mark *m)
{
	const struct flow *f = own_flow(s, m);

	return f != NULL ? f->accepted : 0;
}

void
flow_advance(struct session *s, const struct wire_mark *m, struct chan *c)
{
	const struct flow *f = own_flow(s, m);
	const struct last_topic *t;

	if (f == NULL || f->durable != m->after || c->accepted >= m->after)
		return;
	c->accepted = c->durable = m->after;
	t = last_find(s->b->last, f->topic, strlen(f->topic));
	if (t != NULL && t->n != 0 && t->run != STORE_RUN_NONE)
		c->last = (struct log_place){ t->run, t->n };
}

/* The number is taken: by this mark, as far as can be told? */
static const char *
repetition_fault(const struct flow *f, const struct wire_mark *m, uint64_t upto)
{
	const uint64_t newest = f != NULL ? f->accepted : 0;

	if (!m->has_cursor || upto < newest)
		return NULL;
	if (upto > newest)
		return "gap";
	if (f->ended)
		return "busy";
	if (f->id == 0 || f->id == last_hash(m->id, strlen(m->id)))
		return NULL;
	return "busy";
}

static const char *
fenced(struct broker *b, const struct wire_mark *m, const char **why)
{
	snprintf(b->why, sizeof b->why,
	    "another reader has gone on from cursor %s", m->name);
	*why = b->why;
	return "busy";
}

static const char unknown_mark[] =
    "this broker does not have the mark that these results follow on";

const char *
flow_gap(const struct session *s, const struct wire_mark *m, const char **why)
{
	if (m->after <= flow_newest(s, m))
		return "gap";
	*why = unknown_mark;
	return s->b->twin != NULL ? "behind" : "busy";
}

static const char *
repeated(struct broker *b, const struct flow *f, const struct wire_mark *m,
    uint64_t upto, const char **why)
{
	const char *error_name = repetition_fault(f, m, upto);

	*why = "an event of a group that was not ended has the mark's number";
	return error_name != NULL && strcmp(error_name, "busy") == 0
	    ? fenced(b, m, why)
	    : error_name;
}

/* NULL, or why the flow's marks get no topic. */
static const char *
mark_topic_fault(const struct session *s, const struct wire_mark *m)
{
	struct last *last = s->b->last;
	const char *why = NULL;
	char topic[WIRE_MARK_TOPIC];
	struct last_topic *t;
	size_t n;

	wire_mark_topic(topic, actor_of(s), m->name);
	n = strlen(topic);
	t = last_find(last, topic, n);
	if (s->grant == NULL)
		t = last_topic(last, topic, n);
	else
		why = grant_topic(
		    gate_actors(s->b->gate), s->grant, last, topic, n, &t);
	if (why == NULL && t == NULL)
		why = "no room for the last value of one topic more";
	return why;
}

const char *
flow_fault(struct session *s, const struct wire_mark *m, uint64_t upto,
    uint64_t accepted, const char **why)
{
	struct broker *b = s->b;
	const struct flow *f = own_flow(s, m);
	const uint64_t newest = f != NULL ? f->accepted : 0;
	char cursor[LOG_CURSOR_MAX + 1];

	if (upto <= accepted)
		return repeated(b, f, m, upto, why);
	*why = unknown_mark;
	if (m->after > newest)
		return b->twin != NULL ? "behind" : "busy";
	if (m->after < newest)
		return fenced(b, m, why);
	if (!m->has_cursor)
		return NULL;
	*why = mark_topic_fault(s, m);
	if (*why != NULL)
		return "limit";
	full_name(cursor, actor_of(s), m->name);
	return cursor_fault(s, cursor, &m->cursor, why);
}

/* Marks. */

static void
add_head(struct buf *line, const char *topic, int64_t t, const char *name)
{
	buf_addf(line, "{\"topic\":\"%s\",\"t\":", topic);
	num_add_micros(line, t);
	buf_addf(line, ",\"d\":{\"name\":\"%s\"", name);
}

static void
add_tail(struct buf *line, uint64_t number)
{
	buf_adds(line, "},\"seq\":");
	buf_addu(line, number);
	buf_adds(line, "}\n");
}

void
flow_add(struct buf *line, const struct session *s, const struct wire_mark *m,
    uint64_t number)
{
	char topic[WIRE_MARK_TOPIC];

	wire_mark_topic(topic, actor_of(s), m->name);
	add_head(line, topic, m->t, m->name);
	buf_addf(line, ",\"id\":\"%s\",\"cursor\":", m->id);
	wire_cursor_add(line, &m->cursor);
	if (m->ahead != 0) {
		buf_adds(line, ",\"ahead\":");
		buf_addu(line, m->ahead);
	}
	add_tail(line, number);
}

struct last_topic *
flow_topic(const struct session *s, const struct wire_mark *m)
{
	char topic[WIRE_MARK_TOPIC];

	wire_mark_topic(topic, actor_of(s), m->name);
	return last_topic(s->b->last, topic, strlen(topic));
}

static struct flow_mark *
mark_new(struct flow *f, const char *from, uint64_t number,
    const struct wire_cursor *cursor)
{
	struct flow_mark *mark = xcalloc(1, sizeof *mark);

	mark->flow = f;
	mark->number = number;
	mark->ended = cursor == NULL;
	if (number > f->accepted) {
		snprintf(f->from, sizeof f->from, "%s", from);
		f->accepted = number;
		f->ended = mark->ended;
		f->id = 0;
		mark->newest = 1;
	}
	if (cursor != NULL)
		mark->cursor = *cursor;
	return mark;
}

struct flow_mark *
flow_mark(struct session *s, const struct wire_mark *m, const char *from,
    uint64_t number)
{
	char topic[WIRE_MARK_TOPIC];
	struct flow_mark *mark;
	struct flow *f;

	wire_mark_topic(topic, actor_of(s), m->name);
	f = get(s->b, topic, m->name);
	full_name(f->cursor, actor_of(s), m->name);
	mark = mark_new(f, from, number, &m->cursor);
	f->id = last_hash(m->id, strlen(m->id));
	return mark;
}

static int
is_mark_topic(const char *topic, size_t n)
{
	static const char begin[] = MARK_TOPIC "/";

	return n == WIRE_MARK_TOPIC - 1 &&
	    memcmp(topic, begin, sizeof begin - 1) == 0;
}

/*
 * A stored mark, and the flow it is of.  Whose it is the topic tells only as a
 * hash, from in clear: a session publishes under its subject.  NULL: it is
 * none.
 */
static struct flow *
read_mark(struct broker *b, struct mark *m, const char *from, const char *line,
    size_t len)
{
	char topic[WIRE_MARK_TOPIC], other[WIRE_MARK_TOPIC];
	struct event e;
	struct flow *f;
	const char *why, *text;
	char space[TOPIC_MAX + 1];
	size_t n;

	if (event_scan(&e, line, len, &why) != 0 || mark_read(m, &e, &why) != 0)
		return NULL;
	text = event_topic(&e, space, &n);
	if (!is_mark_topic(text, n))
		return NULL;
	memcpy(topic, text, n);
	topic[n] = '\0';
	f = get(b, topic, m->name);
	wire_mark_topic(other, from, m->name);
	if (strcmp(other, topic) == 0)
		full_name(f->cursor, from, m->name);
	wire_mark_topic(other, "", m->name);
	if (strcmp(other, topic) == 0)
		full_name(f->cursor, "", m->name);
	return f;
}

void
flow_copy(struct broker *b, struct store_frame *frame, const char *topic,
    size_t n, const char *line, size_t len)
{
	struct mark *m;
	struct flow *f;

	if (!is_mark_topic(topic, n))
		return;
	m = xmalloc(sizeof *m);
	f = read_mark(b, m, frame->f.head.from, line, len);
	if (f != NULL) {
		free(frame->mark);
		frame->mark = mark_new(f, frame->f.head.from, m->n,
		    m->deleted ? NULL : &m->cursor);
		if (f->accepted == m->n)
			f->id = last_hash(m->id, strlen(m->id));
	}
	free(m);
}

static void
move_cursor(struct broker *b, const struct store_frame *frame)
{
	const struct flow_mark *mark = frame->mark;

	if (mark->newest && mark->flow->cursor[0] != '\0')
		cursor_follow(b, mark->flow->cursor,
		    mark->ended ? NULL : &mark->cursor, frame->f.head.rt);
}

void
flow_handed(struct broker *b, struct store_frame *frame)
{
	if (frame->mark != NULL)
		move_cursor(b, frame);
}

void
flow_done(struct broker *b, struct store_frame *frame, int error)
{
	struct flow_mark *mark = frame->mark;
	struct flow *f;

	if (mark == NULL)
		return;
	f = mark->flow;
	if (error != 0) {
		f->accepted = f->durable;
		f->ended = f->durably;
		f->id = 0;
	} else if (mark->number > f->durable) {
		f->durable = mark->number;
		f->durably = mark->ended;
	}
	if (error == 0 && b->log == NULL)
		move_cursor(b, frame);
	free(mark);
	frame->mark = NULL;
}

/* The flow of a durable cursor, or NULL. */
static struct flow *
flow_of(const struct broker *b, const char *cursor)
{
	const char *space = strchr(cursor, ' ');
	char actor[LOG_CURSOR_MAX + 1] = "", topic[WIRE_MARK_TOPIC];

	if (space != NULL)
		memcpy(actor, cursor, (size_t)(space - cursor));
	wire_mark_topic(topic, actor, space != NULL ? space + 1 : cursor);
	return *find(b, topic);
}

int
flow_owns(const struct broker *b, const char *cursor)
{
	const struct flow *f = flow_of(b, cursor);

	return f != NULL && f->accepted != 0 && !f->ended;
}

/* Of a kept line it may not be known: then it is the actor, or we are. */
static const char *
publisher(const struct broker *b, struct flow *f)
{
	const char *space = strchr(f->cursor, ' ');

	if (f->from[0] == '\0' && space != NULL)
		snprintf(f->from, sizeof f->from, "%.*s",
		    (int)(space - f->cursor), f->cursor);
	return f->from[0] != '\0' ? f->from : b->o.name;
}

void
flow_end(struct broker *b, const char *cursor)
{
	struct flow *f = flow_of(b, cursor);
	struct buf line = { 0 };
	const char *from;
	struct chan *c;
	uint64_t number;

	if (f == NULL || f->ended || f->accepted == 0)
		return;
	from = publisher(b, f);
	c = chans_get(
	    b->channels, from, strlen(from), wire_mark_chan(f->name), 1);
	number = (c->accepted > f->accepted ? c->accepted : f->accepted) + 1;
	add_head(&line, f->topic, date_now(), f->name);
	buf_adds(&line, ",\"deleted\":true");
	add_tail(&line, number);
	publish_internal(
	    b, f->topic, &line, c, number, mark_new(f, c->from, number, NULL));
	buf_fini(&line);
}

int
flow_keeps(const struct broker *b, const struct chan *c)
{
	const struct flow *f;
	size_t i;

	for (i = 0; i < CHAINS; i++)
		for (f = b->flows->chain[i]; f != NULL; f = f->chain)
			if (!f->ended && strcmp(f->from, c->from) == 0 &&
			    wire_mark_chan(f->name) == c->chan)
				return 1;
	return 0;
}

/* What comes without its frame: at start-up, and from the twin. */

/* Cursors of flows whose publisher is not known any more. */
static void
name_cursor(void *ctx, const struct durable *d)
{
	struct flow *f = flow_of(ctx, d->name);

	if (f != NULL)
		memcpy(f->cursor, d->name, sizeof f->cursor);
}

/* The newest mark is the truth: the cursor is where it says. */
static void
load_mark(
    struct broker *b, const char *line, size_t n, const char *from, int64_t rt)
{
	struct mark *m = xmalloc(sizeof *m);
	struct flow *f = read_mark(b, m, from, line, n);

	if (f != NULL && m->n > f->accepted) {
		f->accepted = f->durable = m->n;
		f->ended = f->durably = m->deleted;
		f->id = last_hash(m->id, strlen(m->id));
		snprintf(f->from, sizeof f->from, "%s", from);
		if (f->cursor[0] == '\0')
			cursor_walk(b, name_cursor, b);
		if (f->cursor[0] != '\0')
			cursor_follow(
			    b, f->cursor, m->deleted ? NULL : &m->cursor, rt);
	}
	free(m);
}

void
flow_kept(struct broker *b, const struct log_row *row)
{
	if (is_mark_topic(row->topic, row->topic_len))
		load_mark(b, row->line, row->len, row->from, row->rt);
}

static void
load_topic(struct broker *b, const struct last_topic *t)
{
	struct log_place before = { t->run, t->n - 1 };
	struct buf space = { 0 };
	struct store_view v;
	struct log_row row;
	const char *line;
	size_t n;

	if (store_view(&v, b->store, before) == 1) {
		line = store_view_line(&v, t->n, &n);
		load_mark(b, line, n, v.head.from, v.head.rt);
		store_view_end(&v);
	} else if (store_kept(b->store, t, &row, &space) == 1) {
		load_mark(b, row.line, row.len, row.from, row.rt);
	}
	buf_fini(&space);
}

void
flow_load(struct broker *b)
{
	const struct last_topic *t;
	size_t i;

	for (i = 0; i < last_count(b->last); i++) {
		t = last_at(b->last, i);
		if (t->n != 0 && is_mark_topic(t->text, t->len))
			load_topic(b, t);
	}
}
