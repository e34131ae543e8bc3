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

/* Where the next event of a subscription comes from. */
enum reading {
	READ_STORED = 0, /* from what is stored */
	READ_PARKED,	 /* the same, but there is none up to now */
	READ_LIVE	 /* all up to now is passed, at counts no more */
};

struct sub {
	struct dispatch_sub d; /* first: dispatch knows this part */
	struct sub *next;      /* of the same session */
	struct session *session;
	int64_t k; /* 0: for one answer only */
	struct trail at;
	struct trail *until;	     /* or NULL */
	struct wire_cursor *unknown; /* passed elsewhere; or NULL */
	int meta, ids, all;
	enum reading reading;
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
	free(sub->until);
	free(sub->unknown);
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

/* Append where the subscription is. */
static void
add_position(const struct sub *sub, struct buf *h)
{
	const struct store *store = sub->session->b->store;
	struct wire_cursor cursor;
	struct trail now;

	if (sub->reading == READ_LIVE) {
		trail_now(&now, store);
		trail_cursor(&now, store, &cursor);
	} else {
		trail_cursor(&sub->at, store, &cursor);
	}
	if (sub->unknown != NULL)
		trail_tell(store, sub->unknown, &cursor);
	buf_adds(h, ",\"cursor\":");
	wire_cursor_add(h, &cursor);
}

static int
at_until(const struct sub *sub)
{
	return sub->until != NULL &&
	    trail_reached(&sub->at, sub->session->b->store, sub->until);
}

/* Logs that have been passed elsewhere, and are known here by now. */
static void
learn(struct sub *sub)
{
	if (sub->unknown == NULL)
		return;
	trail_learn(&sub->at, sub->session->b->store, sub->unknown);
	if (sub->unknown->n != 0)
		return;
	free(sub->unknown);
	sub->unknown = NULL;
}

/* Send what the answer holds for the first fetch. */
static void
send_answer(struct sub *sub, struct answer *a)
{
	struct broker *b = sub->session->b;
	struct buf h = { 0 };

	learn(sub);
	buf_adds(&h, "{\"ok\":true");
	if (sub->k != 0) {
		buf_adds(&h, ",\"part\":");
		buf_addu(&h, ++sub->part);
	}
	buf_adds(&h, ",\"n\":");
	buf_addu(&h, a->events);
	add_position(sub, &h);
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
	struct buf h = { 0 };

	buf_adds(&h, "{\"ok\":false,\"error\":\"gone\",\"lost\":");
	buf_addu(&h, lost);
	if (sub->k != 0) {
		buf_adds(&h, ",\"part\":");
		buf_addu(&h, ++sub->part);
	}
	add_position(sub, &h);
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

/* An answer being filled from what is stored. */
struct fill {
	struct sub *sub;
	struct answer *a;
	struct store_view v;
	struct log_place at; /* where it is in the log of the view */
	uint64_t to;	     /* the last event of the frame to look at */
	int all;	     /* the subscription gets all its events */
	size_t scanned;
};

static int
fits(const struct answer *a, const struct fetch *f, size_t n)
{
	return a->events < f->count && !answer_meta_full(a) &&
	    (a->bytes + n <= f->max || a->events == 0);
}

/*
 * Lines of one frame, from fill->at on, into the answer.  1 if there was room
 * for all of them; fill->at is moved past what was looked at.
 */
static int
take_lines(struct fill *fill)
{
	const struct store_view *v = &fill->v;
	const struct frame_head *h = &v->head;
	struct sub *sub = fill->sub;
	uint32_t i = (uint32_t)(fill->at.n + 1 - h->n);
	const char *end = h->lines + h->len, *p, *lf;
	size_t n;

	p = v->memory != NULL ? h->lines + v->memory->at[i]
			      : store_find_line(h, h->n + i, &n);
	for (; fill->at.n < fill->to; i++, p = lf + 1, fill->at.n++) {
		lf = memchr(p, '\n', (size_t)(end - p));
		n = (size_t)(lf + 1 - p);
		if (!fill->all && !event_matches(sub, v, i, p, n - 1))
			continue;
		if (!fits(fill->a, sub->first, n))
			return 0;
		answer_add(
		    fill->a, v->memory ? v->memory->f.body : NULL, p, n, 1);
		if (sub->meta)
			answer_meta(fill->a, h, sub->session->b->store,
			    fill->at, sub->ids);
	}
	return 1;
}

/* A whole frame at once, if all of it goes and fits. */
static int
take_whole(struct fill *fill)
{
	const struct frame_head *h = &fill->v.head;
	const struct sub *sub = fill->sub;
	struct answer *a = fill->a;

	if (!fill->all || sub->meta || fill->at.n + 1 != h->n ||
	    fill->to != h->n + h->events - 1 ||
	    a->events + h->events > sub->first->count ||
	    a->bytes + h->len > sub->first->max)
		return 0;
	answer_add(a, fill->v.memory ? fill->v.memory->f.body : NULL, h->lines,
	    h->len, h->events);
	fill->at.n = fill->to;
	return 1;
}

/* # does not match topics of the broker's own: a mark, a revocation list. */
static int
may_have_own(const struct frame_head *h)
{
	return summary_may_have(
	    h->summary, h->summary_len, summary_hash(0, "$SG", 3));
}

/* 1 if the frame has nothing for the subscription, without a closer look. */
static int
is_other(const struct sub *sub, const struct store_view *v)
{
	const struct frame_head *h = &v->head;

	return v->memory == NULL && !sub->all &&
	    !summary_may_match(h->summary, h->summary_len, &sub->d.set);
}

/* 1 if there was room for all that was to be looked at. */
static int
take_frame(struct fill *fill)
{
	const struct frame_head *h = &fill->v.head;
	struct sub *sub = fill->sub;
	int whole;

	fill->all = sub->all && !may_have_own(h);
	if (is_other(sub, &fill->v)) {
		fill->at.n = fill->to;
		whole = 1;
	} else {
		whole = take_whole(fill) || take_lines(fill);
	}
	trail_move(&sub->at, sub->session->b->store, fill->at);
	fill->scanned += h->len;
	return whole && fill->scanned <= SCAN_MAX;
}

/* Collect from all logs.  1: at their end, 0: the answer is full, -1: errno. */
static int
take_all(struct fill *fill)
{
	struct sub *sub = fill->sub;
	struct store *store = sub->session->b->store;
	int found;

	while ((found = trail_next(&sub->at, store, &fill->v, &fill->at)) > 0) {
		fill->to = fill->v.head.n + fill->v.head.events - 1;
		if (!take_frame(fill))
			break;
	}
	return found > 0 ? 0 : found == 0 ? 1 : -1;
}

/*
 * The same, but not beyond sub->until.  What lies there is passed over while
 * other logs go on, but the subscription's position stays before it.
 */
static int
take_until(struct fill *fill)
{
	struct sub *sub = fill->sub;
	struct store *store = sub->session->b->store;
	struct trail way = sub->at;
	uint64_t limit;
	int found;

	while ((found = trail_next(&way, store, &fill->v, &fill->at)) != 0) {
		limit = trail_in(sub->until, store, fill->at.run);
		if (fill->at.n >= limit) {
			trail_end(&fill->v);
			fill->at.n = store_run(store, fill->at.run)->end;
			trail_move(&way, store, fill->at);
			continue;
		}
		if (found < 0)
			return -1;
		fill->to = fill->v.head.n + fill->v.head.events - 1;
		if (fill->to > limit)
			fill->to = limit;
		if (!take_frame(fill))
			return 0;
		trail_move(&way, store, fill->at);
		if (at_until(sub))
			return 0;
	}
	return 1;
}

/* Events that cannot be read are passed over and said to be lost. */
static void
skip_damaged(const struct fill *fill)
{
	struct sub *sub = fill->sub;
	struct broker *b = sub->session->b;
	const struct frame_head *h = &fill->v.head;
	const struct log_run *run = store_run(b->store, fill->at.run);
	struct log_place to = { fill->at.run, fill->at.n + 1 };
	uint64_t lost;

	if (h->n + h->events > to.n)
		to.n = h->n + h->events - 1;
	lost = to.n - fill->at.n;
	trail_move(&sub->at, b->store, to);
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

/*
 * Answer the first fetch from what is stored.  1 if it was answered, 0 if
 * there is nothing for it up to now.
 */
static int
serve_stored(struct sub *sub)
{
	struct answer a = { 0 };
	struct fill fill = { .sub = sub, .a = &a };
	uint64_t lost;
	int end = 0, fault = 0;

	learn(sub);
	if (!at_until(sub)) {
		lost = trail_skip(&sub->at, sub->session->b->store);
		if (lost != 0) {
			send_gone(sub, lost, "behind retention");
			return 1;
		}
		end = sub->until != NULL ? take_until(&fill) : take_all(&fill);
		fault = errno;
		store_view_end(&fill.v);
	}
	if (end < 0 && a.events == 0) {
		answer_fini(&a);
		if (fault == EBADMSG)
			skip_damaged(&fill);
		else
			send_fault(sub, fault);
		return 1;
	}
	if (end > 0 && a.events == 0 && !at_until(sub))
		return 0;
	send_answer(sub, &a);
	return 1;
}

/*
 * All that is stored is passed.  What has been passed elsewhere and is not
 * here yet has to be left out when it comes: no live path then.
 */
static void
caught_up(struct sub *sub)
{
	if (sub->until == NULL && sub->unknown == NULL &&
	    !trail_ahead(&sub->at, sub->session->b->store))
		sub->reading = READ_LIVE;
	else
		sub->reading = READ_PARKED;
}

/* Answer fetches as long as there is something for them; park the rest. */
static void
pump(struct sub *sub)
{
	struct broker *b = sub->session->b;
	struct answer empty = { 0 };
	struct fetch *f;

	while ((f = sub->first) != NULL) {
		if (sub->reading == READ_STORED) {
			if (serve_stored(sub))
				continue;
			caught_up(sub);
		}
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
		struct log_place at = { frame->f.run, h->n + r->event - 1 };
		uint32_t k;

		answer_add(&a, frame->f.body, h->lines + r->from,
		    r->to - r->from, r->events);
		for (k = 0; sub->meta && k < r->events; k++, at.n++)
			answer_meta(
			    &a, h, sub->session->b->store, at, sub->ids);
	}
	send_answer(sub, &a);
}

/* The frame is left to be read from what is stored. */
static void
leave_live(struct sub *sub, const struct store_frame *frame)
{
	const struct log_place before = { frame->f.run, frame->f.head.n - 1 };

	if (sub->reading == READ_LIVE)
		trail_before(&sub->at, sub->session->b->store, before);
	sub->reading = READ_STORED;
}

static void
serve_live(struct sub *sub, const struct store_frame *frame)
{
	size_t bytes = 0, i;
	uint64_t events = 0;

	if (sub->reading == READ_STORED) {
		pump(sub);
		return;
	}
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

/* Event i of the frame is for sub, which is to be served after all of them. */
static void
wake(struct sub *sub, const struct store_frame *frame, uint32_t i,
    struct sub **woken)
{
	if (sub->reading == READ_STORED)
		return;
	if (sub->first != NULL && sub->nranges == 0) {
		sub->woken = *woken;
		*woken = sub;
	}
	if (sub->first != NULL && sub->reading == READ_LIVE)
		add_range(sub, frame, i);
	else
		leave_live(sub, frame);
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
		for (k = 0; k < m->n; k++)
			wake((struct sub *)(void *)m->sub[k], frame, i, &woken);
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

static void
keep_unknown(struct sub *sub, const struct wire_request *r)
{
	const struct wire_cursor *given = &r->cursor;
	struct wire_cursor unknown;

	if (sub->durable != NULL)
		given = &sub->durable->cursor;
	else if (r->start != WIRE_FROM_CURSOR)
		return;
	if (trail_keep(sub->session->b->store, given, &unknown) == 0)
		return;
	sub->unknown = xcalloc(1, sizeof *sub->unknown);
	*sub->unknown = unknown;
}

/* Where a new subscription starts.  NULL, or an error with *why. */
static const char *
find_start(struct sub *sub, const struct wire_request *r, const char **why)
{
	struct broker *b = sub->session->b;
	const char *error_name = NULL;

	if (r->start == WIRE_FROM_CURSOR)
		error_name = session_trail(b, &r->cursor, &sub->at, why);
	else if (r->start == WIRE_FROM_BEGIN)
		trail_begin(&sub->at, b->store);
	else
		trail_now(&sub->at, b->store);
	if (error_name == NULL && r->name.kind != JSON_NONE)
		error_name = cursor_take(
		    sub->session, &r->name, &sub->at, &sub->durable, why);
	if (error_name == NULL)
		keep_unknown(sub, r);
	return error_name;
}

/* An end that is not written yet means: the end as it is now. */
static const char *
find_until(struct sub *sub, const struct wire_request *r, const char **why)
{
	struct broker *b = sub->session->b;
	const char *error_name;

	if (!r->has_until)
		return NULL;
	sub->until = xcalloc(1, sizeof *sub->until);
	error_name = session_trail(b, &r->until, sub->until, why);
	if (error_name == NULL || strcmp(error_name, "behind") == 0)
		return error_name;
	trail_now(sub->until, b->store);
	return NULL;
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
	sub->meta = r->meta || r->ids;
	sub->ids = r->ids;
	sub->max = session_max(r);
	sub->count = r->count > 0 ? (uint64_t)r->count : UINT64_MAX;
	sub->wait = r->wait;
	sub->last = &sub->first;
	*error = session_filters(s, &sub->d.set, &r->filters, why);
	if (*error == NULL)
		*error = check_limits(s, sub->d.set.n, why);
	if (*error == NULL)
		*error = find_until(sub, r, why);
	if (*error == NULL)
		*error = find_start(sub, r, why);
	if (*error != NULL) {
		topic_set_fini(&sub->d.set);
		free(sub->until);
		free(sub);
		return NULL;
	}
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
	if (sub->reading == READ_PARKED)
		sub->reading = READ_STORED;
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
