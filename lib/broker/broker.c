#include "broker/broker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "broker/session.h"
#include "bus/reach.h"
#include "event/event.h"

enum {
	CHECKPOINT_BYTES = 64 * 1024 * 1024,
	DRAIN_TIME = 2 * DATE_SECOND,
	REPLAY_AHEAD = 60 * DATE_SECOND /* a clock that was wrong once */
};

static const int64_t channel_life = (int64_t)30 * 86400 * DATE_SECOND;

void
session_answer(
    struct broker *b, const struct front_route *route, struct buf *header)
{
	struct blob *blob = blob_new(header->len);
	struct front_piece piece = { blob, blob->p, header->len };

	memcpy(blob->p, header->p, header->len);
	blob->len = header->len;
	gate_reply(b->gate, route, &piece, 1);
	buf_fini(header);
}

void
session_error(struct broker *b, const struct front_route *route,
    const char *error_name, const char *why)
{
	struct buf h = { 0 };

	buf_addf(&h, "{\"ok\":false,\"error\":\"%s\",\"why\":", error_name);
	json_add_string(&h, why, strlen(why));
	buf_addc(&h, '}');
	session_answer(b, route, &h);
}

int
session_lax(const struct broker *b)
{
	return b->twin == NULL || b->synced || b->o.accept_behind;
}

/*
 * A broker's certificate lets it listen, look how another one is, and copy
 * what its twin has; it is nobody's who publishes or reads.
 */
static int
may_ask(const struct session *s, enum wire_op op)
{
	return s->grant == NULL || s->grant->cert->role == CERT_ACTOR ||
	    op == WIRE_HELLO || op == WIRE_STAT || op == WIRE_MIRROR;
}

static void
request(struct session *s, const struct front_route *route, struct blob *body)
{
	struct wire_request r;
	const char *why;

	if (wire_request_parse(&r, body->p, body->len, &why) != 0) {
		session_error(s->b, route, "bad", why);
		return;
	}
	if (!may_ask(s, r.op)) {
		s->b->counts.denied++;
		session_error(s->b, route, "denied",
		    "a broker's certificate may not act as an actor");
		return;
	}
	switch (r.op) {
	case WIRE_HELLO: query_hello(s, route, &r); break;
	case WIRE_PUB: publish_request(s, route, body, &r); break;
	case WIRE_FETCH_OP: subscribe_request(s, route, &r); break;
	case WIRE_LAST: query_last(s, route, &r); break;
	case WIRE_SEEK: query_seek(s, route, &r); break;
	case WIRE_COMMIT: cursor_commit(s, route, &r); break;
	case WIRE_BYE: publish_bye(s, route, &r); break;
	case WIRE_STAT: query_stat(s, route); break;
	case WIRE_MIRROR: mirror_request(s, route, &r); break;
	default:
		session_error(
		    s->b, route, "bad", "op: not offered by this broker");
	}
}

static struct session *
session_of(struct broker *b, struct front_conn *conn)
{
	struct session *s = gate_get(conn);

	if (s == NULL) {
		s = xcalloc(1, sizeof *s);
		s->b = b;
		s->conn = conn;
		s->grant = gate_grant(conn);
		s->next = b->sessions;
		s->self = &b->sessions;
		if (s->next != NULL)
			s->next->self = &s->next;
		b->sessions = s;
		gate_set(conn, s);
	}
	return s;
}

static void
closed(struct session *s)
{
	if (s == NULL)
		return;
	*s->self = s->next;
	if (s->next != NULL)
		s->next->self = s->self;
	subscribe_closed(s);
	cursor_closed(s);
	publish_closed(s);
	mirror_closed(s);
	free(s);
}

/* A failed write: every frame the log still has will fail too. */
static void
write_failed(struct broker *b, int code)
{
	if (code == 0)
		return;
	if (code == ENOSPC || code == EDQUOT || code == EFBIG) {
		if (!b->full)
			error("store: %s; refusing events", strerror(code));
		b->full = b->failing = code;
	} else if (code != ECANCELED && !b->fatal) {
		error("store: %s; leaving", strerror(code));
		b->fatal = 1;
		b->failing = code;
	} else if (!b->failing) {
		b->failing = code;
	}
}

static void
rows_free(struct log_rows *rows)
{
	size_t i;

	for (i = 0; i < rows->n && rows->item.kind == LOG_DROP; i++)
		free((char *)(uintptr_t)rows->row[i].line);
	free(rows->row);
	free(rows);
}

/* Rows that could not be written are written with the next checkpoint. */
static void
checkpoint_done(struct broker *b, struct log_item *item)
{
	struct log_rows *rows = (struct log_rows *)(void *)item;
	struct last_topic *t;
	size_t i;

	b->checkpoint_out = 0;
	for (i = 0; item->error != 0 && i < rows->n; i++) {
		t = last_topic(
		    b->last, rows->row[i].topic, rows->row[i].topic_len);
		last_set(b->last, t, t->run, t->n);
	}
	rows_free(rows);
}

static void
frame_done(struct broker *b, struct store_frame *frame, int error)
{
	if (error == 0 && b->full) {
		note("store: there is room again");
		b->full = 0;
	}
	if (frame->f.run == b->run)
		publish_done(b, frame, error);
	else
		publish_copied(b, frame, error);
}

static void
item_done(struct broker *b, struct log_item *item)
{
	b->queued--;
	switch (item->kind) {
	case LOG_FRAME:
		write_failed(b, item->error);
		frame_done(b, (struct store_frame *)(void *)item, item->error);
		break;
	case LOG_CURSOR:
		write_failed(b, item->error);
		cursor_committed(b, (struct log_cursor *)(void *)item);
		break;
	case LOG_BYE:
		write_failed(b, item->error);
		free(item);
		break;
	case LOG_KEEP:
		write_failed(b, item->error);
		keep_done(b, (struct log_rows *)(void *)item);
		break;
	case LOG_LAST: checkpoint_done(b, item); break;
	case LOG_DROP:
		b->drop_out = 0;
		rows_free((struct log_rows *)(void *)item);
		break;
	case LOG_ROLL: break;
	}
	if (b->queued == 0 && b->failing && !b->fatal) {
		b->next = store_run(b->store, b->run)->end + 1;
		b->failing = 0;
		twin_tails(b);
	}
}

static void
take_done(struct broker *b)
{
	struct log_item *item;

	while ((item = log_done(b->log)) != NULL)
		item_done(b, item);
	if (b->twin != NULL)
		twin_turn(b->twin, date_mono());
}

/* Hand the changed last values to the log. */
static void
checkpoint(struct broker *b)
{
	struct log_rows *rows;
	struct last_topic **dirty;
	size_t n, i;

	dirty = last_dirty(b->last, &n);
	b->checkpoint_bytes = 0;
	if (n == 0 || b->checkpoint_out || b->keeping != 0)
		return;
	rows = xcalloc(1, sizeof *rows);
	rows->item.kind = LOG_LAST;
	rows->row = xcalloc(n, sizeof *rows->row);
	rows->n = n;
	trail_now(&rows->mark, b->store);
	for (i = 0; i < n; i++) {
		rows->row[i].topic = dirty[i]->text;
		rows->row[i].topic_len = dirty[i]->len;
		rows->row[i].at =
		    (struct log_place){ dirty[i]->run, dirty[i]->n };
	}
	last_clean(b->last);
	b->checkpoint_out = 1;
	b->queued++;
	log_put(b->log, &rows->item);
}

static int
by_place(const void *a, const void *b)
{
	const struct last_topic *x = *(struct last_topic *const *)a;
	const struct last_topic *y = *(struct last_topic *const *)b;

	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	return x->n < y->n ? -1 : x->n > y->n;
}

static void
keep_row(struct log_rows *rows, const struct last_topic *t,
    const struct frame_head *h)
{
	struct log_row *row = &rows->row[rows->n++];
	const char *line;
	size_t n;

	line = store_find_line(h, t->n, &n);
	row->topic = t->text;
	row->topic_len = t->len;
	row->line = xstrndup(line, n);
	row->len = n;
	row->rt = h->rt;
	row->from = "";
}

/* Rows for topics in order of place: each frame is looked up once. */
static void
keep_rows(struct broker *b, struct log_rows *rows,
    struct last_topic *const *topic, size_t n)
{
	struct store_view v;
	size_t i = 0;

	while (i < n) {
		const struct last_topic *t = topic[i];
		struct log_place before = { t->run, t->n - 1 };

		if (store_view(&v, b->store, before) != 1) {
			i++;
			continue;
		}
		for (; i < n && topic[i]->run == t->run &&
		     topic[i]->n < v.head.n + v.head.events;
		     i++)
			keep_row(rows, topic[i], &v.head);
		store_view_end(&v);
	}
}

/* Drop the oldest segment, keeping the last values that lie in it. */
static void
retire(struct broker *b)
{
	struct log_rows *rows;
	struct last_topic **topic, *t;
	size_t i, n = 0;

	if (b->drop_out || b->keeping != 0 || !log_due(b->log, date_now()))
		return;
	topic = xcalloc(last_count(b->last), sizeof(struct last_topic *));
	for (i = 0; i < last_count(b->last); i++) {
		t = last_at(b->last, i);
		if (t->n != 0 &&
		    log_leaving(b->log, (struct log_place){ t->run, t->n }))
			topic[n++] = t;
	}
	qsort(topic, n, sizeof(struct last_topic *), by_place);
	rows = xcalloc(1, sizeof *rows);
	rows->item.kind = LOG_DROP;
	rows->row = xcalloc(n, sizeof *rows->row);
	keep_rows(b, rows, topic, n);
	free(topic);
	b->drop_out = 1;
	b->queued++;
	log_put(b->log, &rows->item);
}

static void
forget_old_channel(struct broker *b)
{
	struct chan *c = chans_old(b->channels, date_now() - channel_life);

	if (c != NULL && flow_keeps(b, c))
		c->rt = date_now();
	else if (c != NULL)
		publish_forget(b, c);
}

static void
each_second(struct broker *b, int64_t now)
{
	b->second_at = now + DATE_SECOND;
	b->rate_in = b->counts.events_in - b->second.events_in;
	b->rate_out = b->counts.events_out - b->second.events_out;
	b->second = b->counts;
	publish_expire(b, now);
	gate_turn(b->gate, now);
	if (b->twin != NULL)
		twin_judge(b->twin);
	forget_old_channel(b);
	if (b->log == NULL)
		return;
	checkpoint(b);
	retire(b);
}

/* HUP: what cannot be read leaves all as it was. */
static void
reload(struct broker *b)
{
	const char *why = NULL;

	if (gate_reload(b->gate, &why) != 0)
		error("not read again, the old keys and certificates stay: %s",
		    why);
	else
		note("keys and certificates were read again");
}

static void
handle(struct broker *b, struct front_event *event)
{
	switch (event->kind) {
	case FRONT_REQUEST:
		request(session_of(b, event->route.conn), &event->route,
		    event->body);
		blob_unref(event->body);
		break;
	case FRONT_CLOSED: closed(gate_get(event->route.conn)); break;
	case FRONT_READABLE:
		if (b->log != NULL && event->fd == log_done_fd(b->log))
			take_done(b);
		else if (b->twin != NULL && event->fd == twin_fd(b->twin))
			twin_turn(b->twin, date_mono());
		break;
	case FRONT_TIME: break;
	}
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What only a pair has to do. */
static int64_t
twin_timers(struct broker *b, int64_t now)
{
	int64_t due;

	if (b->twin == NULL)
		return INT64_MAX;
	if (now >= twin_due(b->twin))
		twin_turn(b->twin, now);
	due = sooner(twin_due(b->twin), publish_confirmed(b, now));
	return sooner(due, mirror_turn(b->mirror, now));
}

static int64_t
timers(struct broker *b)
{
	int64_t now = date_mono();

	if (now >= b->second_at)
		each_second(b, now);
	if (b->log != NULL && b->checkpoint_bytes >= CHECKPOINT_BYTES)
		checkpoint(b);
	return sooner(
	    b->second_at, sooner(subscribe_turn(b, now), twin_timers(b, now)));
}

/*
 * Everything the log has comes back before we go.  Requests that come now get
 * no answer: their senders find the connection closed and try again, here or
 * at the twin.
 */
static void
drain(struct broker *b)
{
	struct front_event event;
	int64_t end = date_mono() + DRAIN_TIME;

	if (b->log != NULL && !b->fatal)
		checkpoint(b);
	while (b->queued != 0 && date_mono() < end) {
		take_done(b);
		if (b->queued == 0)
			break;
		if (gate_next(b->gate, &event, date_mono() + 1000) != 0)
			continue;
		if (event.kind == FRONT_REQUEST)
			blob_unref(event.body);
		else if (event.kind == FRONT_CLOSED)
			closed(gate_get(event.route.conn));
	}
	publish_confirmed(b, INT64_MAX);
	front_drain(b->front, end);
}

void
broker_turn(struct broker *b)
{
	struct front_event event;
	int64_t deadline = timers(b);

	if (app_hup())
		reload(b);
	if (gate_next(b->gate, &event, deadline) == 0)
		handle(b, &event);
	else if (errno != EINTR)
		die(EXIT_BUG, "epoll: %s", strerror(errno));
}

int
broker_run(struct broker *b)
{
	while (!app_stop() && !b->fatal)
		broker_turn(b);
	drain(b);
	return b->fatal ? EXIT_IO : EXIT_OK;
}

/* Start-up: what the store remembers. */

static void
load_channel(void *ctx, const struct log_channel *row)
{
	struct broker *b = ctx;
	struct chan *c =
	    chans_get(b->channels, row->from, strlen(row->from), row->chan, 1);

	c->accepted = c->durable = row->last;
	c->rt = row->rt;
}

static void
load_last(void *ctx, const struct log_row *row)
{
	struct broker *b = ctx;
	struct last_topic *t = last_topic(b->last, row->topic, row->topic_len);

	if (t == NULL)
		return;
	if (row->line != NULL)
		last_set(b->last, t, (uint32_t)STORE_RUN_NONE, 1);
	else
		last_set(b->last, t, row->at.run, row->at.n);
}

static void
replay_frame(struct broker *b, uint32_t run, const struct frame_head *h)
{
	char space[TOPIC_MAX + 1];
	const char *p = h->lines, *end = p + h->len, *lf, *topic;
	size_t n;
	uint32_t i;

	for (i = 0; i < h->events && p < end; i++, p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		topic = session_topic(p, (size_t)(lf - p), space, &n);
		if (topic != NULL)
			publish_newest(
			    b, last_topic(b->last, topic, n), run, h, i);
	}
	if (h->rt > b->rt && h->rt < date_now() + REPLAY_AHEAD)
		b->rt = h->rt;
}

/* Last values of the frames stored since the checkpoint. */
static int
replay(struct broker *b, struct trail *mark)
{
	struct store_view v = { 0 };
	struct log_place at;
	int found;

	trail_skip(mark, b->store);
	while ((found = trail_next(mark, b->store, &v, &at)) == 1) {
		replay_frame(b, at.run, &v.head);
		at.n = v.head.n + v.head.events - 1;
		trail_move(mark, b->store, at);
	}
	trail_end(&v);
	return found;
}

/* What a channel of the store has in our logs is there up to their end. */
static void
set_place(void *ctx, struct chan *c)
{
	const struct log_place *place = ctx;

	c->last = *place;
}

static int
load(struct broker *b)
{
	struct log_place place = { 0, 0 };
	struct trail mark;
	uint32_t run;

	if (log_channels(b->log, load_channel, b) != 0 || cursor_load(b) != 0 ||
	    log_last(b->log, load_last, b, &mark) != 0)
		return -1;
	last_clean(b->last);
	run = store_oldest(b->store, b->o.name);
	for (; run != STORE_RUN_NONE; run = store_after(b->store, run))
		if (store_run(b->store, run)->end != 0)
			place = (struct log_place){ run,
				store_run(b->store, run)->end };
	chans_each(b->channels, set_place, &place);
	if (replay(b, &mark) != 0)
		return -1;
	flow_load(b);
	return 0;
}

static void
cut_off(void *ctx, const char *conn, const char *why)
{
	(void)ctx;
	warn("%s: %s", conn, why);
}

static struct log *
open_log(const struct broker_options *o, int *status, const char **why)
{
	const struct log_options options = { o->dir, o->name, o->segment,
		o->retain_age, o->retain_size, o->twin != NULL };

	return log_open(&options, status, why);
}

/*
 * The disk may be new, or restored from a copy older than all our logs but
 * the few that are open: until the twin has said what it knows, an empty log
 * before all others keeps everybody's place there.
 */
static int
keep_place(struct broker *b)
{
	const struct log_run *r;
	size_t i, known = 0;
	uint32_t run;

	for (i = 0; i < store_runs(b->store); i++) {
		r = store_run(b->store, i);
		known += r->own && r->open && r->end != 0;
	}
	if (known >= LOG_UNSETTLED ||
	    store_find(b->store, b->o.name, 0) != STORE_RUN_NONE)
		return 0;
	return store_run_add(b->store, b->o.name, 0, &run);
}

static int
open_twin(struct broker *b, int *status, const char **why)
{
	*why = "the store cannot be written";
	*status = EXIT_IO;
	if (keep_place(b) != 0)
		return -1;
	b->twin = twin_new(b, b->o.twin, why);
	*status = reach_status(errno);
	if (b->twin == NULL)
		return -1;
	b->mirror = mirror_new(b);
	front_watch(b->front, twin_fd(b->twin));
	twin_turn(b->twin, date_mono());
	return 0;
}

static int
open_parts(struct broker *b, int *status, const char **why)
{
	*status = EXIT_IO;
	if (b->o.dir != NULL) {
		b->log = open_log(&b->o, status, why);
		if (b->log == NULL)
			return -1;
	}
	b->store = store_new(b->log, b->o.name, (size_t)b->o.memory, b->last);
	b->run = store_own(b->store);
	b->next = 1;
	if (b->log != NULL && load(b) != 0) {
		*why = strerror(errno);
		return -1;
	}
	twin_tails(b);
	if (b->o.twin != NULL && open_twin(b, status, why) != 0)
		return -1;
	if (b->o.tap != NULL) {
		b->tap = tap_open(b->o.tap, why);
		*status = EXIT_CONFIG;
		if (b->tap == NULL)
			return -1;
	}
	front_watch(b->front, app_signal_fd());
	if (b->log != NULL)
		front_watch(b->front, log_done_fd(b->log));
	return 0;
}

struct broker *
broker_new(const struct broker_options *options, int *status, const char **why)
{
	struct broker *b = xcalloc(1, sizeof *b);

	b->o = *options;
	b->started = date_mono();
	b->wheel_at = b->started / SESSION_TICK;
	b->second_at = b->started + DATE_SECOND;
	b->front = front_new(&b->o.limits);
	front_log(b->front, cut_off, b);
	b->gate = gate_new(b->front, &b->o.gate);
	b->last = last_new((size_t)b->o.last_topics);
	b->dispatch = dispatch_new();
	b->channels = chans_new();
	b->flows = flows_new();
	b->unsafe_end = &b->unsafe;
	if (open_parts(b, status, why) != 0) {
		broker_free(b);
		return NULL;
	}
	return b;
}

int
broker_listen(struct broker *b, const char *url, const char **why)
{
	return front_listen(b->front, url, why);
}

const char *
broker_url(const struct broker *b, size_t i)
{
	return front_url(b->front, i);
}

const char *
broker_tap_url(const struct broker *b)
{
	return b->tap != NULL ? tap_url(b->tap) : NULL;
}

void
broker_free(struct broker *b)
{
	if (b == NULL)
		return;
	while (b->sessions != NULL)
		closed(b->sessions);
	publish_confirmed(b, INT64_MAX);
	twin_free(b->twin);
	mirror_free(b->mirror);
	b->mirror = NULL;
	gate_free(b->gate);
	front_free(b->front);
	if (b->log != NULL)
		log_close(b->log);
	tap_close(b->tap);
	cursor_free(b);
	store_free(b->store);
	last_free(b->last);
	chans_free(b->channels);
	flows_free(b->flows);
	dispatch_free(b->dispatch);
	summary_fini(&b->summary);
	free(b);
}
