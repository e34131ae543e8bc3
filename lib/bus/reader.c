#include "bus/reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/app.h"
#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/client.h"
#include "bus/reach.h"
#include "bus/sift.h"

/*
 * The lease is held by a subscription of its own, because a fetch with a
 * name starts at the committed position, and after a lost connection the
 * reader has to go on where it has read to.
 */
enum { LEASE_SUB = 1, READ_SUB = 2 };

/* Microseconds. */
enum {
	WAIT = DATE_SECOND,	      /* a parked fetch: the heartbeat */
	LOOK = DATE_SECOND,	      /* longest wait without a look around */
	ANSWER_MIN = 5 * DATE_SECOND, /* for an answer while opening */
	COMMIT_PAUSE = DATE_SECOND / 20, /* between two commits */
	LEASE_PAUSE = 3 * DATE_SECOND,	 /* between two signs of life */
	BUSY_PAUSE = DATE_SECOND / 10,	 /* until a cursor is tried again */
	REACH_PAUSE = DATE_SECOND / 20,	 /* until an end is tried again */
	BUSY_MAX = 15 * DATE_SECOND	 /* above the lease of a dead peer */
};

static const int64_t no_limit = INT64_MAX / 4;

enum slot_name { FETCH_A, FETCH_B, ASK, COMMIT, LEASE, SLOTS };

/* A request in flight, or its answer. */
struct slot {
	uint64_t tag; /* 0: idle */
	int answered;
	int fresh; /* reply lies in the client's memory */
	struct wire_reply reply;
	struct buf copy;
};

struct reader {
	struct reader_options o;
	struct client *c;
	char broker[WIRE_NAME_MAX + 1]; /* the last one */
	int connected;
	unsigned connects, generation;
	uint64_t tag;
	struct slot slot[SLOTS];
	struct buf msg;

	struct wire_cursor prev, at, until, end;
	int to_end; /* until counts: */
	int exact;  /* and it has to be reached, whatever the broker has */
	int64_t open_due;
	int held; /* the durable cursor, and where it stands */
	struct wire_cursor row;
	int opened, ended;
	int end_due; /* until has to be looked at with a new broker */
	uint64_t part, limit, lost;
	struct sift sift;
	struct reader_batch given; /* the last one */

	struct wire_cursor want, sent, committed;
	int has_want, has_committed;
	int64_t commit_due, commit_again, lease_due, busy_since;

	int pages; /* of reader_last() */
	uint64_t page;
	int paged;

	int status;
	char why[256];
};

static char open_why[256];

static int fail(struct reader *r, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
fail(struct reader *r, int status, const char *fmt, ...)
{
	va_list ap;

	r->status = status;
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return -1;
}

static int
fail_reply(struct reader *r, const struct wire_reply *reply)
{
	int status = EXIT_PROTOCOL;

	if (strcmp(reply->error, "denied") == 0)
		status = EXIT_DENIED;
	else if (strcmp(reply->error, "gone") == 0)
		status = EXIT_NOINPUT;
	else if (strcmp(reply->error, "bad") != 0)
		status = EXIT_UNAVAILABLE;
	if (status == EXIT_NOINPUT)
		return fail(r, status,
		    "%llu events are gone: the position is behind retention",
		    (unsigned long long)reply->lost);
	if (reply->why.kind != JSON_STRING)
		return fail(r, status, "broker: %s", reply->error);
	return fail(r, status, "broker: %s: %.*s", reply->error,
	    (int)(reply->why.n < 128 ? reply->why.n : 128), reply->why.p);
}

/* Requests and answers. */

/* Send r->msg; an idle slot afterwards means that there is no connection. */
static int
send_as(struct reader *r, enum slot_name name)
{
	struct slot *s = &r->slot[name];

	s->answered = s->fresh = 0;
	s->tag = ++r->tag;
	if (client_send(r->c, s->tag, &r->msg) == 0)
		return 0;
	s->tag = 0;
	if (errno != EAGAIN)
		return fail(r, EXIT_UNAVAILABLE, "send: %s", strerror(errno));
	r->connected = 0;
	return 0;
}

/* Forget what was fetched ahead; the next fetch starts at r->at. */
static void
rewind_fetches(struct reader *r)
{
	r->slot[FETCH_A].tag = r->slot[FETCH_B].tag = 0;
	r->slot[FETCH_A].answered = r->slot[FETCH_B].answered = 0;
	r->opened = 0;
	r->part = 0;
}

/* Answers not yet used move out of the client's memory. */
static void
keep(struct reader *r)
{
	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &r->slot[i];
		struct wire_reply *reply = &s->reply;
		const char *from = reply->header.p, *to;
		if (!s->answered || !s->fresh)
			continue;
		buf_clear(&s->copy);
		buf_add(&s->copy, from, reply->header.n);
		buf_add(&s->copy, reply->lines, reply->lines_len);
		to = s->copy.p;
		reply->header.p = to;
		if (reply->meta.kind != JSON_NONE)
			reply->meta.p = to + (reply->meta.p - from);
		if (reply->why.kind != JSON_NONE)
			reply->why.p = to + (reply->why.p - from);
		reply->refused.kind = JSON_NONE;
		reply->lines = to + reply->header.n;
		s->fresh = 0;
	}
}

static int
committed(struct reader *r)
{
	struct slot *s = &r->slot[COMMIT];

	s->tag = 0;
	s->answered = 0;
	r->commit_due = date_mono() + COMMIT_PAUSE;
	if (s->reply.ok) {
		r->committed = r->sent;
		r->has_committed = 1;
		if (wire_cursor_same(&r->want, &r->committed))
			r->has_want = 0;
		return 0;
	}
	if (strcmp(s->reply.error, "busy") == 0 ||
	    strcmp(s->reply.error, "full") == 0) {
		r->commit_due = r->commit_again = date_mono() + BUSY_PAUSE;
		return 0;
	}
	return fail_reply(r, &s->reply);
}

static void
take_row(struct reader *r, const struct wire_reply *reply)
{
	if (!reply->ok || !reply->has_cursor || r->held)
		return;
	r->held = 1;
	r->row = reply->cursor;
}

static int
leased(struct reader *r)
{
	struct slot *s = &r->slot[LEASE];
	int64_t now = date_mono();

	s->tag = 0;
	s->answered = 0;
	r->lease_due = now + LEASE_PAUSE;
	if (strcmp(s->reply.error, "denied") == 0)
		return fail_reply(r, &s->reply);
	if (strcmp(s->reply.error, "busy") != 0) {
		r->busy_since = 0;
		take_row(r, &s->reply);
		return 0;
	}
	if (r->o.hold != NULL && !r->held) {
		r->lease_due = now + BUSY_PAUSE;
		return 0;
	}
	if (r->busy_since == 0)
		r->busy_since = now;
	if (now - r->busy_since > BUSY_MAX)
		return fail(
		    r, EXIT_UNAVAILABLE, "cursor %s is in use", r->o.name);
	r->lease_due = now + BUSY_PAUSE;
	return 0;
}

/*
 * A broker that has lost what we have read is left for its twin, which has
 * it, until it has got it back.
 */
static void
leave_behind(struct reader *r, const struct wire_reply *reply)
{
	struct buf why = { 0 };

	buf_adds(&why, "the broker has fallen behind");
	if (reply->why.kind == JSON_STRING) {
		buf_adds(&why, ": ");
		json_text(&reply->why, &why);
	}
	client_leave(r->c, buf_cstr(&why));
	buf_fini(&why);
	r->connected = 0;
	for (int i = 0; i < SLOTS; i++)
		r->slot[i].tag = r->slot[i].answered = 0;
	rewind_fetches(r);
}

static int
on_reply(struct reader *r, const struct client_event *event)
{
	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &r->slot[i];
		if (s->tag == 0 || s->tag != event->tag)
			continue;
		if (strcmp(event->reply.error, "behind") == 0) {
			leave_behind(r, &event->reply);
			return 0;
		}
		s->reply = event->reply;
		s->answered = s->fresh = 1;
		if (i == COMMIT)
			return committed(r);
		if (i == LEASE)
			return leased(r);
	}
	return 0;
}

static void
on_lost(struct reader *r, uint64_t tag)
{
	for (int i = 0; i < SLOTS; i++)
		if (r->slot[i].tag == tag) {
			r->slot[i].tag = 0;
			r->slot[i].answered = 0;
			if (i == FETCH_A || i == FETCH_B)
				rewind_fetches(r);
		}
}

/*
 * Its end may lie before what another broker's was, and that one's last move
 * of the cursor may not have come there.
 */
static void
on_other_broker(struct reader *r)
{
	snprintf(r->broker, sizeof r->broker, "%s", client_broker(r->c));
	r->end_due = r->to_end && !r->exact;
	if (r->has_committed && !r->has_want) {
		r->want = r->committed;
		r->has_want = 1;
	}
	r->has_committed = 0;
}

static void
on_connected(struct reader *r)
{
	if (client_generation(r->c) == r->generation)
		return;
	r->generation = client_generation(r->c);
	if (strcmp(r->broker, client_broker(r->c)) != 0)
		on_other_broker(r);
	for (int i = 0; i < SLOTS; i++)
		r->slot[i].tag = r->slot[i].answered = 0;
	rewind_fetches(r);
	r->connected = 1;
	r->connects++;
	r->lease_due = r->commit_due = r->commit_again = 0;
}

/* One thing that happens by the deadline: 1, 0 nothing, -1. */
static int
pump(struct reader *r, int64_t deadline)
{
	struct client_event event;
	int64_t look = date_mono() + LOOK;

	keep(r);
	if (client_next(r->c, &event, deadline < look ? deadline : look) != 0) {
		if (errno == EINTR)
			return 0;
		return fail(r, reach_status(errno), "%s", client_why(r->c));
	}
	switch (event.result) {
	case CLIENT_NONE: return 0;
	case CLIENT_REPLY: return on_reply(r, &event) == 0 ? 1 : -1;
	case CLIENT_LOST: on_lost(r, event.tag); return 1;
	case CLIENT_CONNECTED: on_connected(r); return 1;
	}
	return 0;
}

/*
 * One request and its answer, which is valid until the next pump(); msg is
 * sent again over a new connection.  NULL: failed, or a signal.
 */
static const struct wire_reply *
ask(struct reader *r, const struct buf *msg, int64_t deadline)
{
	struct slot *s = &r->slot[ASK];

	s->tag = 0;
	while (app_stop() == 0) {
		if (s->tag == 0 && r->connected) {
			buf_clear(&r->msg);
			buf_add(&r->msg, msg->p, msg->len);
			if (send_as(r, ASK) < 0)
				return NULL;
		}
		if (pump(r, deadline) < 0)
			return NULL;
		if (s->answered) {
			s->tag = 0;
			return &s->reply;
		}
		if (date_mono() >= deadline) {
			fail(r, EXIT_UNAVAILABLE, "no answer from the broker");
			return NULL;
		}
	}
	fail(r, 128 + app_stop(), "stopped");
	return NULL;
}

static int64_t
answer_time(const struct reader *r)
{
	return date_mono() +
	    (r->o.client.retry > ANSWER_MIN ? r->o.client.retry : ANSWER_MIN);
}

/* Ask for a cursor: 0 with it, 1 with another answer, -1. */
static int
ask_cursor(struct reader *r, struct buf *msg, struct wire_cursor *cursor,
    const struct wire_reply **reply)
{
	*reply = ask(r, msg, answer_time(r));
	buf_fini(msg);
	if (*reply == NULL)
		return -1;
	if (!(*reply)->ok)
		return 1;
	if (!(*reply)->has_cursor)
		return fail(r, EXIT_PROTOCOL, "answer without a cursor");
	*cursor = (*reply)->cursor;
	return 0;
}

static int
seek(struct reader *r, enum wire_from to, int64_t time,
    struct wire_cursor *cursor)
{
	struct buf msg = { 0 };
	const struct wire_reply *reply;
	int got;

	wire_seek(&msg, to, time);
	got = ask_cursor(r, &msg, cursor, &reply);
	return got == 1 ? fail_reply(r, reply) : got;
}

/* A fetch by name that reads nothing: the committed position, and the lease. */
static void
add_lease(struct reader *r, struct buf *msg)
{
	static const struct wire_cursor nothing = { .n = 0 };
	struct wire_fetch fetch = {
		.sub = LEASE_SUB,
		.filters = r->o.filters,
		.nfilters = r->o.nfilters,
		.start = WIRE_FROM_CURSOR,
		.cursor = r->o.hold != NULL ? *r->o.hold : r->at,
		.name = r->o.name,
		.until = &nothing,
	};

	wire_fetch(msg, &fetch);
}

static int
commit_now(struct reader *r, const struct wire_cursor *cursor)
{
	struct buf msg = { 0 };
	const struct wire_reply *reply;

	wire_commit(&msg, r->o.name, cursor);
	reply = ask(r, &msg, answer_time(r));
	buf_fini(&msg);
	if (reply == NULL)
		return -1;
	return reply->ok ? 0 : fail_reply(r, reply);
}

/* Wait without a busy loop, keeping the connection. */
static int
pause_for(struct reader *r, int64_t us)
{
	int64_t until = date_mono() + us;

	while (date_mono() < until && app_stop() == 0)
		if (pump(r, until) < 0)
			return -1;
	return 0;
}

/* Take the durable cursor; r->at, where a new one starts, becomes its. */
static int
take_lease(struct reader *r)
{
	int64_t deadline = date_mono() + r->o.client.retry;
	const struct wire_reply *reply;
	struct wire_cursor cursor;

	for (;;) {
		struct buf msg = { 0 };
		int got;
		add_lease(r, &msg);
		got = ask_cursor(r, &msg, &cursor, &reply);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		if (strcmp(reply->error, "gone") == 0 && reply->has_cursor &&
		    (r->o.skip_gone || reply->lost == 0)) {
			r->lost += reply->lost;
			cursor = reply->cursor;
			if (commit_now(r, &cursor) < 0)
				return -1;
		} else if (strcmp(reply->error, "busy") != 0) {
			return fail_reply(r, reply);
		} else if (date_mono() >= deadline) {
			return fail(r, EXIT_UNAVAILABLE, "cursor %s is in use",
			    r->o.name);
		} else if (pause_for(r, BUSY_PAUSE) < 0) {
			return -1;
		}
	}
	if (reply->n != 0)
		return fail(r, EXIT_PROTOCOL, "lines beyond the end asked for");
	r->lease_due = date_mono() + LEASE_PAUSE;
	if (!r->o.resume) {
		r->at = cursor;
	} else if (!wire_cursor_same(&cursor, &r->at)) {
		reader_commit(r, &r->at);
	}
	return 0;
}

/* Once; tend() goes on. */
static int
try_lease(struct reader *r)
{
	const struct wire_reply *reply;
	struct wire_cursor cursor;
	struct buf msg = { 0 };
	int got;

	add_lease(r, &msg);
	got = ask_cursor(r, &msg, &cursor, &reply);
	if (got == 0)
		take_row(r, reply);
	if (got == 1 && strcmp(reply->error, "busy") != 0)
		return fail_reply(r, reply);
	r->lease_due = date_mono() + (got == 0 ? LEASE_PAUSE : BUSY_PAUSE);
	return got < 0 ? -1 : 0;
}

static int
start(struct reader *r)
{
	r->connected = 1;
	r->connects = 1;
	r->generation = client_generation(r->c);
	snprintf(r->broker, sizeof r->broker, "%s", client_broker(r->c));
	if (r->o.start == WIRE_FROM_CURSOR)
		r->at = r->o.cursor;
	else if (seek(r, r->o.start, r->o.time, &r->at) < 0)
		return -1;
	if (r->o.name != NULL &&
	    (r->o.hold != NULL ? try_lease(r) : take_lease(r)) < 0)
		return -1;
	r->prev = r->at;
	if (r->o.to_end && seek(r, WIRE_FROM_NOW, 0, &r->end) < 0)
		return -1;
	reader_until(r, NULL);
	return 0;
}

struct reader *
reader_open(const struct reader_options *o, int *status, const char **why)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	r->o = *o;
	r->sift.seen = seen_new(SEEN_MAX);
	seen_import(r->sift.seen, o->seen, o->nseen);
	r->c = client_open(&o->client, why);
	if (r->c == NULL) {
		*status = reach_status(errno);
		reader_close(r);
		return NULL;
	}
	client_retry(r->c, o->again > 0 ? o->again : no_limit);
	if (start(r) == 0)
		return r;
	*status = r->status;
	snprintf(open_why, sizeof(open_why), "%s", r->why);
	*why = open_why;
	reader_close(r);
	return NULL;
}

void
reader_close(struct reader *r)
{
	if (r == NULL)
		return;
	client_close(r->c);
	seen_free(r->sift.seen);
	sift_fini(&r->sift);
	for (int i = 0; i < SLOTS; i++)
		buf_fini(&r->slot[i].copy);
	buf_fini(&r->msg);
	free(r);
}

/* What is due now and then. */

static int
send_commit(struct reader *r)
{
	if (!r->has_want || !r->connected || r->slot[COMMIT].tag != 0 ||
	    date_mono() < r->commit_again)
		return 0;
	buf_clear(&r->msg);
	wire_commit(&r->msg, r->o.name, &r->want);
	r->sent = r->want;
	return send_as(r, COMMIT);
}

static int
tend(struct reader *r)
{
	int64_t now = date_mono();

	if (r->o.name == NULL || !r->connected)
		return 0;
	if (r->slot[LEASE].tag == 0 && now >= r->lease_due) {
		buf_clear(&r->msg);
		add_lease(r, &r->msg);
		if (send_as(r, LEASE) < 0)
			return -1;
	}
	return now >= r->commit_due ? send_commit(r) : 0;
}

static int64_t
next_due(const struct reader *r, int64_t deadline)
{
	if (r->connected && !r->opened && r->open_due > 0 &&
	    r->open_due < deadline)
		deadline = r->open_due;
	if (r->o.name == NULL || !r->connected)
		return deadline;
	if (r->slot[LEASE].tag == 0 && r->lease_due < deadline)
		deadline = r->lease_due;
	if (r->has_want && r->slot[COMMIT].tag == 0 && r->commit_due < deadline)
		deadline = r->commit_due;
	return deadline;
}

/* Fetching. */

static int
send_open(struct reader *r)
{
	struct wire_fetch fetch = {
		.sub = READ_SUB,
		.filters = r->o.filters,
		.nfilters = r->o.nfilters,
		.start = WIRE_FROM_CURSOR,
		.cursor = r->at,
		.max = WIRE_FETCH,
		.count = (int64_t)r->limit,
		.wait = WAIT,
		.until = r->to_end ? &r->until : NULL,
		.meta = r->o.meta,
		.ids = client_twins(r->c),
	};

	r->part = 0;
	r->opened = 1;
	r->open_due = 0;
	buf_clear(&r->msg);
	wire_fetch(&r->msg, &fetch);
	return send_as(r, FETCH_A);
}

/* Keep fetches in flight: one that opens, then two that go on. */
static int
fetch_ahead(struct reader *r)
{
	const struct wire_fetch more = { .sub = READ_SUB };
	int idle = r->slot[FETCH_A].tag == 0 && r->slot[FETCH_B].tag == 0;

	if (!r->connected || r->ended || r->end_due)
		return 0;
	if (!r->opened || (r->limit > 0 && idle))
		return idle && date_mono() >= r->open_due ? send_open(r) : 0;
	for (int i = FETCH_A; i <= FETCH_B && r->part > 0 && r->limit == 0;
	     i++) {
		if (r->slot[i].tag != 0 || !r->connected)
			continue;
		buf_clear(&r->msg);
		wire_fetch(&r->msg, &more);
		if (send_as(r, (enum slot_name)i) < 0)
			return -1;
	}
	return 0;
}

/*
 * Of one log, or of one broker's row of logs, the end is the earlier one.  A
 * log that the other broker does not know has nothing to wait for there.
 */
static void
bound(struct wire_cursor *until, const struct wire_cursor *end)
{
	struct wire_cursor to = { .n = 0 };
	size_t i, k;

	for (i = 0; i < until->n; i++) {
		struct wire_position at = until->at[i];
		int known = 0;
		for (k = 0; k < end->n; k++) {
			const struct wire_position *e = &end->at[k];
			if (strcmp(e->name, at.name) != 0)
				continue;
			known |= e->start >= at.start;
			if (e->start == at.start && e->n < at.n)
				at.n = e->n;
		}
		if (known)
			to.at[to.n++] = at;
	}
	for (k = 0; k < end->n && to.n < WIRE_LOGS_MAX; k++) {
		const struct wire_position *e = &end->at[k];
		int asked = 0, there = 0;
		for (i = 0; i < until->n; i++)
			asked |= strcmp(until->at[i].name, e->name) == 0;
		for (i = 0; i < to.n; i++)
			there |= strcmp(to.at[i].name, e->name) == 0;
		if (asked && !there)
			to.at[to.n++] = *e;
	}
	*until = to;
}

/* After a change of the broker, before the fetch that it concerns. */
static int
renew_end(struct reader *r)
{
	struct wire_cursor end;

	if (!r->end_due || !r->connected)
		return 0;
	if (seek(r, WIRE_FROM_NOW, 0, &end) < 0)
		return -1;
	bound(&r->until, &end);
	r->end_due = 0;
	return 0;
}

/*
 * The answer whose turn it is, or the one that ends the row: an error, or
 * one whose turn cannot come.
 */
static struct slot *
next_answer(struct reader *r)
{
	struct slot *last = NULL;
	int waiting = 0;

	for (int i = FETCH_A; i <= FETCH_B; i++) {
		struct slot *s = &r->slot[i];
		if (s->tag == 0)
			continue;
		if (!s->answered)
			waiting = 1;
		else if (s->reply.ok && s->reply.part == r->part + 1)
			return s;
		else if (last == NULL || !s->reply.ok)
			last = s;
	}
	return waiting ? NULL : last;
}

static int
on_error(struct reader *r, const struct wire_reply *reply)
{
	if (strcmp(reply->error, "gone") != 0 || !reply->has_cursor ||
	    (!r->o.skip_gone && reply->lost > 0))
		return fail_reply(r, reply);
	r->lost += reply->lost;
	r->at = reply->cursor;
	rewind_fetches(r);
	return 0;
}

int
reader_covers(const struct wire_cursor *at, const struct wire_cursor *until)
{
	for (size_t i = 0; i < until->n; i++) {
		const struct wire_position *u = &until->at[i];
		int there = 0;
		for (size_t k = 0; k < at->n; k++) {
			const struct wire_position *a = &at->at[k];
			there |= strcmp(a->name, u->name) == 0 &&
			    (a->start > u->start ||
				(a->start == u->start && a->n >= u->n));
		}
		if (!there)
			return 0;
	}
	return 1;
}

/* A broker that does not have it all yet ends where it has. */
static int
reached(struct reader *r)
{
	if (!reader_covers(&r->at, &r->until))
		return 0;
	r->at = r->until;
	return 1;
}

static enum reader_result
deliver(struct reader *r, struct slot *s, struct reader_batch *batch)
{
	const struct wire_reply *reply = &s->reply;

	if (!reply->has_cursor || reply->part != r->part + 1) {
		fail(r, EXIT_PROTOCOL,
		    "answer without a cursor or out of order");
		return READER_FAILED;
	}
	r->prev = r->at;
	r->at = reply->cursor;
	r->part++;
	r->ended = reply->end && (!r->exact || reached(r));
	if (reply->end && !r->ended) {
		rewind_fetches(r);
		r->open_due = date_mono() + REACH_PAUSE;
	}
	*batch = (struct reader_batch){ reply->lines, reply->lines_len,
		reply->n, reply->meta };
	s->tag = 0;
	s->answered = 0;
	client_progress(r->c);
	if (sift_batch(&r->sift, batch) != 0) {
		fail(r, EXIT_PROTOCOL, "damaged origin of lines");
		return READER_FAILED;
	}
	r->given = *batch;
	if (r->limit == 0 && fetch_ahead(r) < 0)
		return READER_FAILED;
	return READER_LINES;
}

enum reader_result
reader_next(struct reader *r, struct reader_batch *batch, int64_t deadline)
{
	struct slot *s;

	for (;;) {
		int past;
		if (app_stop() != 0)
			return READER_STOPPED;
		if (r->ended)
			return READER_END;
		if (renew_end(r) < 0)
			return app_stop() ? READER_STOPPED : READER_FAILED;
		if (fetch_ahead(r) < 0 || tend(r) < 0)
			return READER_FAILED;
		s = next_answer(r);
		if (s != NULL && s->reply.ok)
			return deliver(r, s, batch);
		if (s != NULL && on_error(r, &s->reply) < 0)
			return READER_FAILED;
		if (s != NULL)
			continue;
		past = date_mono() >= deadline;
		switch (pump(r, past ? 0 : next_due(r, deadline))) {
		case -1: return READER_FAILED;
		case 0:
			if (past)
				return READER_NONE;
		}
	}
}

enum reader_result
reader_last(struct reader *r, struct reader_batch *batch)
{
	struct buf msg = { 0 };
	const struct wire_reply *reply;
	unsigned connects = r->connects;

	if (r->paged)
		return READER_END;
	wire_last(&msg, r->o.filters, r->o.nfilters, WIRE_FETCH, r->page);
	reply = ask(r, &msg, answer_time(r));
	buf_fini(&msg);
	if (reply == NULL)
		return app_stop() ? READER_STOPPED : READER_FAILED;
	if (!reply->ok)
		return (enum reader_result)fail_reply(r, reply);
	if (r->pages > 0 && r->connects != connects)
		return (enum reader_result)fail(r, EXIT_UNAVAILABLE,
		    "connection lost between two pages of last values");
	if (r->pages == 0 && !reply->has_cursor)
		return (enum reader_result)fail(
		    r, EXIT_PROTOCOL, "answer without a cursor");
	if (r->pages++ == 0)
		r->at = reply->cursor;
	r->page = reply->next;
	r->paged = !reply->has_next;
	*batch = (struct reader_batch){ reply->lines, reply->lines_len,
		reply->n, { .kind = JSON_NONE } };
	return READER_LINES;
}

int
reader_go(struct reader *r, enum wire_from to, const struct wire_cursor *cursor)
{
	rewind_fetches(r);
	r->ended = 0;
	seen_free(r->sift.seen);
	r->sift.seen = seen_new(SEEN_MAX);
	if (to == WIRE_FROM_CURSOR)
		r->at = *cursor;
	else if (seek(r, to, 0, &r->at) < 0)
		return -1;
	r->prev = r->at;
	return 0;
}

void
reader_until(struct reader *r, const struct wire_cursor *until)
{
	rewind_fetches(r);
	r->ended = 0;
	r->open_due = 0;
	r->exact = until != NULL;
	r->to_end = until != NULL || r->o.to_end;
	r->end_due = 0;
	r->until = until != NULL ? *until : r->end;
}

int
reader_end(struct reader *r, struct wire_cursor *end)
{
	return seek(r, WIRE_FROM_NOW, 0, end);
}

int
reader_until_now(struct reader *r)
{
	struct wire_cursor now;

	rewind_fetches(r);
	if (seek(r, WIRE_FROM_NOW, 0, &now) < 0)
		return -1;
	reader_until(r, &now);
	r->exact = 0;
	return 0;
}

int
reader_held(const struct reader *r, struct wire_cursor *row)
{
	if (r->held)
		*row = r->row;
	return r->held;
}

void
reader_limit(struct reader *r, uint64_t n)
{
	if (n != r->limit)
		rewind_fetches(r);
	r->limit = n;
}

/* Count from where the batch began: a lone broker's order does not change. */
static enum reader_result
cut_by_count(struct reader *r, uint64_t n)
{
	struct wire_cursor at = r->prev;

	while (n > 0) {
		const struct wire_reply *reply;
		struct buf msg = { 0 };
		struct wire_fetch fetch = {
			.filters = r->o.filters,
			.nfilters = r->o.nfilters,
			.start = WIRE_FROM_CURSOR,
			.cursor = at,
			.max = WIRE_FETCH,
			.count = (int64_t)n,
		};
		int got;
		wire_fetch(&msg, &fetch);
		got = ask_cursor(r, &msg, &at, &reply);
		if (got == 1)
			fail_reply(r, reply);
		else if (got == 0 && (reply->n == 0 || reply->n > n))
			got = fail(r, EXIT_PROTOCOL, "a fetch by count fails");
		if (got != 0)
			return app_stop() ? READER_STOPPED : READER_FAILED;
		n -= reply->n;
	}
	r->at = at;
	return READER_LINES;
}

enum reader_result
reader_cut(struct reader *r, uint64_t n)
{
	struct wire_cursor at = r->prev;

	rewind_fetches(r);
	r->ended = 0;
	if (sift_cut(&r->sift, &r->given, n, &at) != 0)
		return cut_by_count(r, n);
	r->at = at;
	return READER_LINES;
}

const struct wire_cursor *
reader_position(const struct reader *r)
{
	return &r->at;
}

const struct seen *
reader_seen(const struct reader *r)
{
	return r->sift.seen;
}

int
reader_moved(const struct reader *r)
{
	if (r->has_want)
		return !wire_cursor_same(&r->at, &r->want);
	return !r->has_committed || !wire_cursor_same(&r->at, &r->committed);
}

uint64_t
reader_lost(struct reader *r)
{
	uint64_t lost = r->lost;

	r->lost = 0;
	return lost;
}

int
reader_twins(const struct reader *r)
{
	return client_twins(r->c);
}

unsigned
reader_connects(const struct reader *r)
{
	return r->connects;
}

void
reader_commit(struct reader *r, const struct wire_cursor *cursor)
{
	if (r->o.name == NULL)
		return;
	r->want = *cursor;
	r->has_want =
	    !r->has_committed || !wire_cursor_same(cursor, &r->committed);
}

enum reader_result
reader_sync(struct reader *r, int64_t deadline)
{
	while (r->has_want) {
		int64_t due = deadline;
		if (send_commit(r) < 0)
			return READER_FAILED;
		if (r->commit_again > date_mono() && r->commit_again < due)
			due = r->commit_again;
		if (pump(r, due) < 0)
			return READER_FAILED;
		if (r->has_want && date_mono() >= deadline)
			return READER_NONE;
	}
	return READER_END;
}

enum reader_result
reader_tend(struct reader *r, int64_t deadline)
{
	int got;

	do {
		if (tend(r) < 0)
			return READER_FAILED;
		got = pump(r, deadline > 0 ? next_due(r, deadline) : 0);
		if (got < 0)
			return READER_FAILED;
	} while (got > 0 || date_mono() < deadline);
	return READER_NONE;
}

int
reader_fd(const struct reader *r)
{
	return client_fd(r->c);
}

int
reader_status(const struct reader *r)
{
	return r->status;
}

const char *
reader_why(const struct reader *r)
{
	return r->why;
}
