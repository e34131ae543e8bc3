/*
 * Fetch requests: subscriptions, the live path and the way through what is
 * stored, the heartbeat.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "broker/answer.h"
#include "broker/session.h"
#include "event/event.h"

enum {
	LEASE = 10 * DATE_SECOND,   /* a silent holder loses a cursor */
	FEW_FILTERS = 8,	    /* are tried one by one */
	SCAN_MAX = 16 * 1024 * 1024 /* bytes looked through for an answer */
};

/* A fetch that is not answered yet. */
struct fetch {
	struct fetch *next;	     /* of the same subscription */
	struct fetch *after, **self; /* in the wheel */
	struct sub *sub;
	struct front_route route;
	size_t max;
	uint64_t count;
	int64_t wait, deadline;
};

/* Lines from … to (offsets) of the frame being dispatched. */
struct range {
	uint32_t from, to, event, events;
};

struct sub {
	struct dispatch_sub d; /* first: dispatch knows this part */
	struct sub *next;      /* of the same session */
	struct session *session;
	int64_t k; /* 0: for one answer only */
	struct log_place at, until;
	int has_until, meta, all;
	int live;   /* all up to now is passed, none pending */
	size_t max; /* the first fetch's, for those after it */
	uint64_t count;
	int64_t wait;
	uint64_t part;
	struct fetch *first, **last;
	struct durable *durable;
	struct range *ranges; /* of the frame in hand, for this sub */
	size_t nranges, ranges_cap;
	struct sub *woken; /* next one the frame in hand goes to */
};

static int
place_reached(struct log_place at, struct log_place goal)
{
	return at.run > goal.run || (at.run == goal.run && at.n >= goal.n);
}

/* The wheel: fetches by the time they must be answered. */

static void
park(struct broker *b, struct fetch *f)
{
	struct fetch **slot =
	    &b->wheel[f->deadline / SESSION_TICK % SESSION_WHEEL];

	f->after = *slot;
	f->self = slot;
	if (f->after != NULL)
		f->after->self = &f->after;
	*slot = f;
	b->parked++;
}

static void
unpark(struct broker *b, struct fetch *f)
{
	if (f->self == NULL)
		return;
	*f->self = f->after;
	if (f->after != NULL)
		f->after->self = f->self;
	f->self = NULL;
	b->parked--;
}

static void
sub_free(struct sub *sub)
{
	struct broker *b = sub->session->b;
	struct sub **at = &sub->session->subs;
	struct fetch *f;

	while (*at != sub)
		at = &(*at)->next;
	*at = sub->next;
	sub->session->nsubs--;
	sub->session->nfilters -= sub->d.set.n;
	dispatch_remove(b->dispatch, &sub->d);
	topic_set_fini(&sub->d.set);
	while ((f = sub->first) != NULL) {
		sub->first = f->next;
		unpark(b, f);
		free(f);
	}
	if (sub->durable != NULL)
		sub->durable->holder = NULL;
	free(sub->ranges);
	free(sub);
}

static struct sub *
sub_find(const struct session *s, int64_t k)
{
	struct sub *sub;

	for (sub = s->subs; sub != NULL; sub = sub->next)
		if (k != 0 && sub->k == k)
			return sub;
	return NULL;
}

/* Remove the first fetch, once it is answered; the sub too if it is done. */
static void
fetch_done(struct sub *sub)
{
	struct fetch *f = sub->first;

	sub->first = f->next;
	if (sub->first == NULL)
		sub->last = &sub->first;
	unpark(sub->session->b, f);
	free(f);
}

static struct log_place
position(const struct sub *sub)
{
	return sub->live ? store_now(sub->session->b->store) : sub->at;
}

static int
at_until(const struct sub *sub)
{
	return sub->has_until && place_reached(sub->at, sub->until);
}

/* Send what the answer holds for the first fetch. */
static void
send_answer(struct sub *sub, struct answer *a)
{
	struct broker *b = sub->session->b;
	struct wire_cursor cursor;
	struct buf h = { 0 };

	buf_adds(&h, "{\"ok\":true");
	if (sub->k != 0) {
		buf_adds(&h, ",\"part\":");
		buf_addu(&h, ++sub->part);
	}
	buf_adds(&h, ",\"n\":");
	buf_addu(&h, a->events);
	buf_adds(&h, ",\"cursor\":");
	session_cursor(b, position(sub), &cursor);
	wire_cursor_add(&h, &cursor);
	if (at_until(sub))
		buf_adds(&h, ",\"end\":true");
	if (sub->meta) {
		answer_meta_end(a);
		buf_adds(&h, ",\"meta\":[");
		buf_add(&h, a->meta.p, a->meta.len);
		buf_addc(&h, ']');
	}
	buf_adds(&h, "}\n");
	b->counts.events_out += a->events;
	b->counts.bytes_out += a->bytes;
	answer_send(a, b->gate, &sub->first->route, &h);
	fetch_done(sub);
}

static void
send_gone(struct sub *sub, uint64_t lost, const char *why)
{
	struct broker *b = sub->session->b;
	struct wire_cursor cursor;
	struct buf h = { 0 };

	buf_adds(&h, "{\"ok\":false,\"error\":\"gone\",\"lost\":");
	buf_addu(&h, lost);
	if (sub->k != 0) {
		buf_adds(&h, ",\"part\":");
		buf_addu(&h, ++sub->part);
	}
	buf_adds(&h, ",\"cursor\":");
	session_cursor(b, sub->at, &cursor);
	wire_cursor_add(&h, &cursor);
	buf_addf(&h, ",\"why\":\"%s\"}", why);
	session_answer(b, &sub->first->route, &h);
	fetch_done(sub);
}

const char *
session_topic(const char *line, size_t n, char *space, size_t *topic_n)
{
	static const char first[] = "{\"topic\":\"";
	struct event e;
	const char *why, *end;

	if (n > sizeof first && memcmp(line, first, sizeof first - 1) == 0) {
		line += sizeof first - 1;
		end = memchr(line, '"', n - (sizeof first - 1));
		if (end != NULL &&
		    memchr(line, '\\', (size_t)(end - line)) == NULL) {
			*topic_n = (size_t)(end - line);
			return line;
		}
		line -= sizeof first - 1;
	}
	if (event_scan(&e, line, n, &why) != 0 || !event_has(&e, EVENT_TOPIC))
		return NULL;
	return event_topic(&e, space, topic_n);
}

static int
topic_matches(const struct sub *sub, const char *topic, size_t n)
{
	if (sub->d.set.n <= FEW_FILTERS)
		return topic_set_match(&sub->d.set, topic, n);
	return dispatch_matches(sub->session->b->dispatch, &sub->d, topic, n);
}

static int
event_matches(const struct sub *sub, const struct store_view *v, uint32_t i,
    const char *line, size_t n)
{
	const struct last_topic *t = NULL;
	char space[TOPIC_MAX + 1];
	const char *topic;
	size_t topic_n;

	if (v->memory != NULL)
		t = v->memory->topic[i];
	if (t != NULL)
		return topic_matches(sub, t->text, t->len);
	topic = session_topic(line, n, space, &topic_n);
	return topic != NULL && topic_matches(sub, topic, topic_n);
}

/* What is left to put into one answer. */
struct room {
	size_t max;
	uint64_t count;
};

static int
fits(const struct answer *a, const struct room *room, size_t n)
{
	return a->events < room->count && !answer_meta_full(a) &&
	    (a->bytes + n <= room->max || a->events == 0);
}

/*
 * Lines of one frame, from sub->at on, into the answer.  1 if there was room
 * for all of it; sub->at is moved past what was looked at.
 */
static int
take_lines(struct sub *sub, const struct store_view *v, struct answer *a,
    const struct room *room)
{
	const struct frame_head *h = &v->head;
	uint32_t i = (uint32_t)(sub->at.n + 1 - h->n);
	const char *end = h->lines + h->len, *p, *lf;
	size_t n;

	p = v->memory != NULL ? h->lines + v->memory->at[i]
			      : store_find_line(h, h->n + i, &n);
	for (; i < h->events; i++, p = lf + 1, sub->at.n++) {
		if (sub->has_until && place_reached(sub->at, sub->until))
			return 0;
		lf = memchr(p, '\n', (size_t)(end - p));
		n = (size_t)(lf + 1 - p);
		if (!sub->all && !event_matches(sub, v, i, p, n - 1))
			continue;
		if (!fits(a, room, n))
			return 0;
		answer_add(a, v->memory ? v->memory->f.body : NULL, p, n, 1);
		if (sub->meta)
			answer_meta(a, h, sub->session->b->store, sub->at);
	}
	return 1;
}

/* A whole frame at once, if all of it goes and fits. */
static int
take_whole(struct sub *sub, const struct store_view *v, struct answer *a,
    const struct room *room)
{
	const struct frame_head *h = &v->head;
	struct log_place end = { sub->at.run, h->n + h->events - 1 };

	if (!sub->all || sub->meta || sub->at.n + 1 != h->n ||
	    a->events + h->events > room->count ||
	    a->bytes + h->len > room->max ||
	    (sub->has_until && !place_reached(sub->until, end)))
		return 0;
	answer_add(a, v->memory ? v->memory->f.body : NULL, h->lines, h->len,
	    h->events);
	sub->at = end;
	return 1;
}

static int
take_frame(struct sub *sub, const struct store_view *v, struct answer *a,
    const struct room *room)
{
	const struct frame_head *h = &v->head;

	if (!sub->all && v->memory == NULL &&
	    !summary_may_match(h->summary, h->summary_len, &sub->d.set)) {
		sub->at.n = h->n + h->events - 1;
		if (!sub->has_until || !place_reached(sub->at, sub->until))
			return 1;
		sub->at = sub->until;
		return 0;
	}
	return take_whole(sub, v, a, room) || take_lines(sub, v, a, room);
}

/* Frames of one log.  1: at its end, 0: the answer is full, -1: errno. */
static int
take_frames(
    struct sub *sub, struct answer *a, const struct room *room, size_t *scanned)
{
	struct store_view v;
	int more = store_view(&v, sub->session->b->store, sub->at);

	while (more > 0) {
		if (!take_frame(sub, &v, a, room) ||
		    (*scanned += v.head.len) > SCAN_MAX) {
			store_view_end(&v);
			return 0;
		}
		more = store_view_next(&v);
	}
	store_view_end(&v);
	return more < 0 ? -1 : 1;
}

/* Events that cannot be read are passed over and said to be lost. */
static void
skip_damaged(struct sub *sub)
{
	struct broker *b = sub->session->b;
	const struct log_run *run = store_run(b->store, sub->at.run);
	struct store_view v;
	uint64_t end = sub->at.n + 1, lost;
	int found = store_view(&v, b->store, sub->at);

	store_view_end(&v);
	if (found < 0 && v.head.n + v.head.events > end)
		end = v.head.n + v.head.events - 1;
	lost = end - sub->at.n;
	sub->at.n = end;
	b->counts.damaged += lost;
	error("log %s.%llu: %llu events cannot be read", run->name,
	    (unsigned long long)run->start, (unsigned long long)lost);
	send_gone(sub, lost, "damaged in the store");
}

/* The system lacks something just now; the events are still there. */
static void
send_fault(struct sub *sub, int fault)
{
	error("store: %s", strerror(fault));
	session_error(
	    sub->session->b, &sub->first->route, "limit", strerror(fault));
	fetch_done(sub);
}

/* Collect from log after log.  As take_frames(); 1 only at the very end. */
static int
take_logs(struct sub *sub, struct answer *a, const struct room *room)
{
	struct broker *b = sub->session->b;
	size_t scanned = 0;
	int end;

	for (;;) {
		end = take_frames(sub, a, room, &scanned);
		if (end <= 0)
			return end;
		if (sub->at.n < store_run(b->store, sub->at.run)->end) {
			errno = EBADMSG;
			return -1;
		}
		if (sub->at.run + 1 >= store_runs(b->store))
			return 1;
		sub->at = (struct log_place){ sub->at.run + 1, 0 };
	}
}

/*
 * Answer the first fetch from what is stored.  1 if it was answered, 0 if
 * there is nothing for it up to now.
 */
static int
serve_stored(struct sub *sub)
{
	struct room room = { sub->first->max, sub->first->count };
	struct answer a = { 0 };
	uint64_t lost = 0;
	int end = 0, fault = 0;

	if (!at_until(sub)) {
		store_skip(sub->session->b->store, &sub->at, &lost);
		if (lost != 0) {
			send_gone(sub, lost, "behind retention");
			return 1;
		}
		end = take_logs(sub, &a, &room);
		fault = errno;
	}
	if (end < 0 && a.events == 0) {
		answer_fini(&a);
		if (fault == EBADMSG)
			skip_damaged(sub);
		else
			send_fault(sub, fault);
		return 1;
	}
	if (end > 0 && a.events == 0 && !at_until(sub))
		return 0;
	send_answer(sub, &a);
	return 1;
}

/* Answer fetches as long as there is something for them; park the rest. */
static void
pump(struct sub *sub)
{
	struct broker *b = sub->session->b;
	struct answer empty = { 0 };
	struct fetch *f;

	while ((f = sub->first) != NULL) {
		if (!sub->live && serve_stored(sub))
			continue;
		sub->live = !sub->has_until;
		if (f->wait > 0)
			break;
		send_answer(sub, &empty);
	}
	for (; f != NULL; f = f->next)
		if (f->self == NULL)
			park(b, f);
	if (sub->first == NULL && sub->k == 0)
		sub_free(sub);
}

/* The live path. */

static void
add_range(struct sub *sub, const struct store_frame *frame, uint32_t i)
{
	struct range *r = sub->nranges ? &sub->ranges[sub->nranges - 1] : NULL;

	if (r != NULL && r->to == frame->at[i]) {
		r->to = frame->at[i + 1];
		r->events++;
		return;
	}
	if (sub->nranges == sub->ranges_cap) {
		sub->ranges_cap = sub->ranges_cap ? sub->ranges_cap * 2 : 4;
		sub->ranges = xrealloc(
		    sub->ranges, sub->ranges_cap * sizeof *sub->ranges);
	}
	sub->ranges[sub->nranges++] =
	    (struct range){ frame->at[i], frame->at[i + 1], i, 1 };
}

enum {
	LIVE_RUNS = 256, /* elements of meta that surely fit a header */
	RANGES_KEPT = 64
};

/* All ranges fit into the first fetch: answer it from them. */
static void
serve_ranges(struct sub *sub, const struct store_frame *frame)
{
	const struct frame_head *h = &frame->f.head;
	struct answer a = { 0 };
	size_t i;

	for (i = 0; i < sub->nranges; i++) {
		const struct range *r = &sub->ranges[i];
		struct log_place at = { frame->run, h->n + r->event - 1 };
		uint32_t k;

		answer_add(&a, frame->f.body, h->lines + r->from,
		    r->to - r->from, r->events);
		for (k = 0; sub->meta && k < r->events; k++, at.n++)
			answer_meta(&a, h, sub->session->b->store, at);
	}
	send_answer(sub, &a);
}

/* The frame is left to be read from what is stored. */
static void
leave_live(struct sub *sub, const struct store_frame *frame)
{
	sub->live = 0;
	sub->at = (struct log_place){ frame->run, frame->f.head.n - 1 };
}

static void
serve_live(struct sub *sub, const struct store_frame *frame)
{
	size_t bytes = 0, i;
	uint64_t events = 0;

	for (i = 0; i < sub->nranges; i++) {
		bytes += sub->ranges[i].to - sub->ranges[i].from;
		events += sub->ranges[i].events;
	}
	if (bytes <= sub->first->max && events <= sub->first->count &&
	    (!sub->meta || sub->nranges <= LIVE_RUNS))
		serve_ranges(sub, frame);
	else
		leave_live(sub, frame);
	sub->nranges = 0;
	if (sub->ranges_cap > RANGES_KEPT) {
		free(sub->ranges);
		sub->ranges = NULL;
		sub->ranges_cap = 0;
	}
	pump(sub);
}

void
subscribe_frame(struct broker *b, const struct store_frame *frame)
{
	const struct dispatch_match *m;
	struct dispatch_match *once = NULL;
	struct sub *woken = NULL, *sub;
	const struct frame_head *h = &frame->f.head;
	uint32_t i;
	size_t k;

	for (i = 0; i < frame->events; i++) {
		struct last_topic *t = frame->topic[i];

		if (t != NULL) {
			m = dispatch_match(
			    b->dispatch, t->text, t->len, &t->match);
		} else {
			char space[TOPIC_MAX + 1];
			size_t n;
			const char *topic =
			    session_topic(h->lines + frame->at[i],
				frame->at[i + 1] - frame->at[i] - 1, space, &n);

			free(once);
			once = NULL;
			m = dispatch_match(b->dispatch, topic, n, &once);
		}
		for (k = 0; k < m->n; k++) {
			sub = (struct sub *)(void *)m->sub[k];
			if (!sub->live)
				continue;
			if (sub->first == NULL) {
				leave_live(sub, frame);
				continue;
			}
			if (sub->nranges == 0) {
				sub->woken = woken;
				woken = sub;
			}
			add_range(sub, frame, i);
		}
	}
	free(once);
	while ((sub = woken) != NULL) {
		woken = sub->woken;
		serve_live(sub, frame);
	}
}

/* Opening and closing. */

static int
filters_match_all(const struct topic_set *set)
{
	return set->n == 1 && !set->exclude[0] &&
	    strcmp(set->filter[0], "#") == 0;
}

static const char *
read_filters(struct topic_set *set, const struct json_value *filters)
{
	struct json_walk walk;
	struct json_value none, value;
	struct buf text = { 0 };
	const char *why = NULL;

	if (filters->kind == JSON_NONE)
		return topic_set_check(set);
	json_walk(&walk, filters);
	while (why == NULL && json_next(&walk, &none, &value)) {
		if (value.kind != JSON_STRING) {
			why = "filters: not an array of strings";
			break;
		}
		buf_clear(&text);
		json_text(&value, &text);
		why =
		    topic_set_add(set, text.p != NULL ? text.p : "", text.len);
	}
	buf_fini(&text);
	return why != NULL ? why : topic_set_check(set);
}

const char *
session_filters(const struct session *s, struct topic_set *set,
    const struct json_value *filters, const char **why)
{
	if ((*why = read_filters(set, filters)) != NULL)
		return "bad";
	if (s->grant == NULL)
		return NULL;
	*why = grant_subscribe(gate_actors(s->b->gate), s->grant, set);
	s->b->counts.denied += *why != NULL;
	return *why != NULL ? "denied" : NULL;
}

static void
cancel(struct sub *sub, const char *error, const char *why)
{
	struct broker *b = sub->session->b;

	for (; sub->first != NULL; fetch_done(sub))
		session_error(b, &sub->first->route, error, why);
	sub_free(sub);
}

void
subscribe_release(struct durable *d)
{
	struct sub *sub;

	if (d->holder == NULL)
		return;
	for (sub = d->holder->subs; sub != NULL; sub = sub->next)
		if (sub->durable == d) {
			cancel(sub, "busy", "the cursor was taken away");
			return;
		}
}

static struct log_place
start_place(const struct broker *b, const struct wire_request *r)
{
	struct log_place place = store_now(b->store);

	if (r->start == WIRE_FROM_BEGIN)
		place = session_begin(b);
	return place;
}

/* Where a new subscription starts.  NULL, or an error with *why. */
static const char *
find_start(struct sub *sub, const struct wire_request *r, const char **why)
{
	struct broker *b = sub->session->b;

	sub->at = start_place(b, r);
	if (r->start == WIRE_FROM_CURSOR &&
	    session_place(b, &r->cursor, &sub->at) != 0) {
		*why = "cursor: ahead of this broker's log";
		return "bad";
	}
	return r->name.kind != JSON_NONE
	    ? cursor_take(sub->session, &r->name, &sub->at, &sub->durable, why)
	    : NULL;
}

/* An end that is not written yet means: the end as it is now. */
static void
find_until(struct sub *sub, const struct wire_request *r)
{
	struct broker *b = sub->session->b;

	if (!r->has_until)
		return;
	sub->has_until = 1;
	if (session_place(b, &r->until, &sub->until) != 0)
		sub->until = store_now(b->store);
}

static const char *
check_limits(const struct session *s, size_t filters, const char **why)
{
	if (s->nsubs < SESSION_SUBS && s->nfilters + filters <= SESSION_FILTERS)
		return NULL;
	*why = s->nsubs < SESSION_SUBS ? "too many filters"
				       : "too many subscriptions";
	return "limit";
}

static struct sub *
sub_open(struct session *s, const struct wire_request *r, const char **error,
    const char **why)
{
	struct sub *sub = sub_find(s, r->sub);

	if (sub != NULL)
		cancel(sub, "bad", "the subscription was opened anew");
	sub = xcalloc(1, sizeof *sub);
	sub->session = s;
	sub->k = r->sub;
	sub->meta = r->meta;
	sub->max = session_max(r);
	sub->count = r->count > 0 ? (uint64_t)r->count : UINT64_MAX;
	sub->wait = r->wait;
	sub->last = &sub->first;
	*error = session_filters(s, &sub->d.set, &r->filters, why);
	if (*error == NULL)
		*error = check_limits(s, sub->d.set.n, why);
	if (*error == NULL)
		*error = find_start(sub, r, why);
	if (*error != NULL) {
		topic_set_fini(&sub->d.set);
		free(sub);
		return NULL;
	}
	find_until(sub, r);
	sub->all = filters_match_all(&sub->d.set);
	dispatch_add(s->b->dispatch, &sub->d);
	sub->next = s->subs;
	s->subs = sub;
	s->nsubs++;
	s->nfilters += sub->d.set.n;
	return sub;
}

size_t
session_max(const struct wire_request *r)
{
	if (r->max <= 0)
		return WIRE_FETCH;
	return r->max < WIRE_LINES_MAX ? (size_t)r->max : WIRE_LINES_MAX;
}

static void
add_fetch(struct sub *sub, const struct front_route *route,
    const struct wire_request *r)
{
	struct fetch *f = xcalloc(1, sizeof *f);

	f->sub = sub;
	f->route = *route;
	f->max = r->max > 0 ? session_max(r) : sub->max;
	f->count = r->count > 0 ? (uint64_t)r->count : sub->count;
	f->wait = r->wait > 0 ? r->wait : sub->wait;
	if (f->wait > DATE_SECOND)
		f->wait = DATE_SECOND;
	f->deadline = date_mono() + f->wait;
	*sub->last = f;
	sub->last = &f->next;
	if (sub->durable != NULL)
		sub->durable->leased = date_mono();
}

void
subscribe_request(struct session *s, const struct front_route *route,
    const struct wire_request *r)
{
	const char *error = "bad", *why = "sub: no such subscription";
	struct sub *sub;

	if (r->filters.kind == JSON_NONE)
		sub = sub_find(s, r->sub);
	else
		sub = sub_open(s, r, &error, &why);
	if (sub == NULL) {
		session_error(s->b, route, error, why);
		return;
	}
	add_fetch(sub, route, r);
	pump(sub);
}

void
subscribe_closed(struct session *s)
{
	while (s->subs != NULL)
		sub_free(s->subs);
}

/* Answer a fetch whose time is over: the heartbeat. */
static void
heartbeat(struct fetch *f)
{
	struct sub *sub = f->sub;
	struct answer empty = { 0 };

	if (sub->durable != NULL)
		sub->durable->leased = date_mono();
	while (sub->first != f)
		send_answer(sub, &empty);
	send_answer(sub, &empty);
	pump(sub);
}

static void
turn_slot(struct fetch **slot, int64_t now)
{
	struct fetch *f = *slot;

	while (f != NULL) {
		if (f->deadline > now) {
			f = f->after;
			continue;
		}
		heartbeat(f);
		f = *slot;
	}
}

int64_t
subscribe_turn(struct broker *b, int64_t now)
{
	int64_t tick = now / SESSION_TICK, i;

	if (tick - b->wheel_at > SESSION_WHEEL)
		b->wheel_at = tick - SESSION_WHEEL;
	for (; b->wheel_at < tick; b->wheel_at++)
		turn_slot(&b->wheel[b->wheel_at % SESSION_WHEEL], now);
	if (b->parked == 0)
		return INT64_MAX;
	for (i = 0; i < SESSION_WHEEL; i++)
		if (b->wheel[(tick + i) % SESSION_WHEEL] != NULL)
			break;
	return (tick + i + 1) * SESSION_TICK;
}
