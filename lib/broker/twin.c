#include "broker/twin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "broker/copy.h"
#include "broker/session.h"

enum {
	FLIGHT = 4,		  /* requests in flight, */
	FLIGHT_MAX = 12,	  /* with those that only confirm */
	PARTS = 64,		  /* answers not yet durable */
	QUEUE = 16 * 1024 * 1024, /* bytes of frames not yet durable */
	AWAY = 2 * DATE_SECOND,	  /* us of silence */
	STUCK = 4 * DATE_SECOND,  /* the same, and it says that it lives */
	AGAIN = DATE_SECOND,	  /* us until it is opened again */
	OTHERS = 5,		  /* brokers that a trail has room for */
	TAG_EPOCH = 1 << 8	  /* tags: the opening, and a request */
};

/* No start has such a number, not even in microseconds. */
static const uint64_t start_max = (uint64_t)1 << 53;

/* An answer: it is durable when so many frames are. */
struct part {
	uint64_t number, frames;
	int goal; /* it has sent all up to there, but what it has no more */
};

/* An answer that came before one that was asked for earlier. */
struct early {
	struct wire_reply reply;
	struct buf lines;
};

struct twin {
	struct broker *b;
	struct client *c;
	struct client_config config;
	char *url;
	char peer[KEY_SUBJECT_MAX + 1];
	int connected, opened; /* the stream is asked for */
	uint64_t epoch;	       /* of the opening */
	unsigned flight;
	struct part part[PARTS]; /* a ring */
	size_t first, parts;
	uint64_t taken; /* the last part taken in, each after the one before */
	struct early early[FLIGHT_MAX];
	size_t nearly;
	uint64_t done, told;   /* the last part that is durable, as told */
	int failed;	       /* the log has refused frames */
	uint64_t put, durable; /* frames, and lines to keep, that were handed
				  to the log, and back */
	int64_t queued;	       /* bytes of them */
	uint64_t *next;	       /* by run: the number expected next, or 0 */
	size_t runs;
	struct trail goal;  /* what it had when the stream was opened */
	int has_goal, sent; /* all up to it was sent, and is durable here */
	int64_t heard, mirrored, again_at; /* mirrored: it asked us */
	int64_t asked;	 /* or answered: since then an answer is awaited */
	int away;	 /* as was told */
	int64_t since;	 /* date_now() time of that */
	uint64_t lost;	 /* events it no longer had */
	uint64_t behind; /* events we have still to get */
	char why[256];
};

struct twin *
twin_new(struct broker *b, const struct client_config *config, const char **why)
{
	struct twin *t = xcalloc(1, sizeof *t);

	t->b = b;
	t->config = *config;
	t->c = client_begin(config, why);
	if (t->c == NULL) {
		free(t);
		return NULL;
	}
	t->url = xstrdup(config->urls);
	t->heard = t->mirrored = date_mono();
	t->since = date_now();
	return t;
}

static void
drop_early(struct twin *t)
{
	while (t->nearly > 0)
		buf_fini(&t->early[--t->nearly].lines);
}

void
twin_free(struct twin *t)
{
	if (t == NULL)
		return;
	client_close(t->c);
	drop_early(t);
	free(t->next);
	free(t->url);
	free(t);
}

int
twin_fd(const struct twin *t)
{
	return client_fd(t->c);
}

const char *
twin_peer(const struct twin *t)
{
	return t->peer[0] != '\0' ? t->peer : NULL;
}

const char *
twin_name(const struct twin *t)
{
	const char *name = client_broker(t->c);

	return name[0] != '\0' ? name : NULL;
}

/* Where the next event of a log has to begin. */
static uint64_t *
expected(struct twin *t, uint32_t run)
{
	size_t n = store_runs(t->b->store);

	if (run >= t->runs) {
		t->next = xrealloc(t->next, n * sizeof *t->next);
		memset(t->next + t->runs, 0, (n - t->runs) * sizeof *t->next);
		t->runs = n;
	}
	if (t->next[run] == 0)
		t->next[run] = store_run(t->b->store, run)->end + 1;
	return &t->next[run];
}

void
twin_coming(const struct twin *t, struct trail *now)
{
	const struct store *store = t->b->store;
	uint32_t run;

	for (run = 0; run < t->runs; run++)
		if (t->next[run] > store_run(store, run)->end + 1)
			trail_move(now, store,
			    (struct log_place){ run, t->next[run] - 1 });
}

/* The tails of others' logs are what frames of ours may depend on. */
static void
set_tail(struct broker *b, uint32_t run, uint64_t n)
{
	const char *name = store_run(b->store, run)->name;
	struct log_place *at = NULL;
	size_t i;

	if (store_run(b->store, run)->own)
		return;
	for (i = 0; i < b->tails.n; i++)
		if (strcmp(store_run(b->store, b->tails.at[i].run)->name,
			name) == 0)
			at = &b->tails.at[i];
	if (at == NULL && b->tails.n < FRAME_DEPS_MAX) {
		at = &b->tails.at[b->tails.n++];
		at->run = run;
	}
	if (at == NULL ||
	    store_run(b->store, at->run)->start >
		store_run(b->store, run)->start)
		return;
	*at = (struct log_place){ run, n };
}

void
twin_tails(struct broker *b)
{
	const struct log_run *run;
	size_t i;

	b->tails.n = b->deps.n = 0;
	for (i = 0; i < store_runs(b->store); i++) {
		run = store_run(b->store, i);
		if (run->end != 0)
			set_tail(b, (uint32_t)i, run->end);
	}
}

/* The stream is to be opened anew: what is in flight counts no more. */
static void
reopen(struct twin *t, int64_t when)
{
	t->opened = 0;
	t->has_goal = t->sent = 0;
	t->epoch++;
	t->parts = 0;
	drop_early(t);
	t->taken = t->done = t->told = 0;
	t->again_at = when;
}

static void
tell(struct twin *t, int away)
{
	const char *name = t->peer[0] != '\0' ? t->peer : t->url;

	if (t->away == away)
		return;
	t->away = away;
	t->since = date_now();
	if (away)
		warn("twin %s is away%s%s: events are kept here alone until "
		     "it is back",
		    name, t->why[0] != '\0' ? ": " : "", t->why);
	else
		note("twin %s is back", name);
	session_event(t->b, "$SG/TWIN", away ? "away" : "here");
}

static void
fault(struct twin *t, const char *why)
{
	snprintf(t->why, sizeof t->why, "%s", why);
	reopen(t, date_mono() + AGAIN);
}

/* How many brokers beside this one have logs here. */
static size_t
count_others(const struct broker *b)
{
	const struct log_run *r;
	size_t i, n = 0;

	for (i = 0; i < store_runs(b->store); i++) {
		r = store_run(b->store, i);
		n += !r->own && store_oldest(b->store, r->name) == i;
	}
	return n;
}

const char *
twin_log(struct broker *b, const struct wire_position *at, uint32_t *run)
{
	const struct log_run *own = store_run(b->store, b->run);
	const int is_own = strcmp(at->name, own->name) == 0;

	*run = store_find(b->store, at->name, at->start);
	if (*run != STORE_RUN_NONE)
		return NULL;
	/* Readers would pass over ours, which comes before it. */
	if (is_own && at->start > own->start) {
		if (at->start < start_max)
			store_pass(b->store, at->start);
		return "the twin knows a later log of this broker: was the "
		       "clock set back?  Start it again";
	}
	if (!is_own && store_oldest(b->store, at->name) == STORE_RUN_NONE &&
	    count_others(b) >= OTHERS)
		return "the twin has logs of too many brokers";
	return store_run_add(b->store, at->name, at->start, run) == 0
	    ? NULL
	    : strerror(errno);
}

/* Logs it has that we have never heard of. */
static int
learn_logs(struct twin *t, const struct wire_cursor *c)
{
	const char *why = NULL;
	uint32_t run;
	size_t i;

	for (i = 0; why == NULL && i < c->n; i++)
		why = twin_log(t->b, &c->at[i], &run);
	if (why != NULL)
		fault(t, why);
	return why == NULL ? 0 : -1;
}

static void
fill_deps(struct twin *t, struct frame_head *h, const struct wire_cursor *deps)
{
	uint32_t run;
	size_t i;

	for (i = 0; i < deps->n && h->deps < FRAME_DEPS_MAX; i++) {
		run = store_find(
		    t->b->store, deps->at[i].name, deps->at[i].start);
		if (run != STORE_RUN_NONE)
			h->dep[h->deps++] =
			    (struct frame_dep){ run, deps->at[i].n };
	}
}

static struct store_frame *
frame_of(struct twin *t, const struct copy *c, uint32_t run)
{
	struct store_frame *frame = store_frame_new(c->events);
	struct frame_head *h = &frame->f.head;

	frame->f.item.kind = LOG_FRAME;
	frame->f.run = run;
	frame->f.body = blob_new(c->len);
	memcpy(frame->f.body->p, c->lines, c->len);
	frame->f.body->len = c->len;
	h->n = c->log.n;
	h->events = c->events;
	h->numbers = c->numbers;
	h->rt = c->rt;
	memcpy(h->from, c->from, sizeof h->from);
	h->chan = c->chan;
	h->first = c->first;
	fill_deps(t, h, &c->deps);
	h->lines = frame->f.body->p;
	h->len = (uint32_t)c->len;
	return frame;
}

/* 0, or -1: the stream has to be opened again. */
static int
take_frame(struct twin *t, const struct copy *c)
{
	struct broker *b = t->b;
	struct store_frame *frame;
	uint64_t *next, end = c->log.n + c->events;
	uint32_t run;
	const char *why = twin_log(b, &c->log, &run);

	if (why != NULL) {
		fault(t, why);
		return -1;
	}
	next = expected(t, run);
	if (run == b->run || end <= *next)
		return 0;
	if (store_run(b->store, run)->own && !store_run(b->store, run)->open) {
		fault(t, "it has more of a log of ours than there can be");
		return -1;
	}
	if (c->log.n < *next) {
		fault(t, "it cuts frames otherwise than it did");
		return -1;
	}
	if (c->log.n > *next) {
		t->lost += c->log.n - *next;
		warn("twin: %llu events of log %s.%llu are not there any more",
		    (unsigned long long)(c->log.n - *next), c->log.name,
		    (unsigned long long)c->log.start);
	}
	*next = end;
	set_tail(b, run, end - 1);
	frame = frame_of(t, c, run);
	t->put++;
	t->queued += (int64_t)c->len;
	if (publish_copy(b, frame) == 0)
		return 0;
	t->put--;
	t->queued -= (int64_t)c->len;
	store_frame_free(frame);
	fault(t, "it sends lines that are no events");
	return -1;
}

static void
forget_channel(struct broker *b, const struct copy *c)
{
	struct chan *channel =
	    chans_get(b->channels, c->from, strlen(c->from), c->chan, 0);

	if (channel != NULL && chan_idle(channel) && !flow_keeps(b, channel))
		publish_forget(b, channel);
}

/* What was taken of last values, before what follows it. */
static void
put_kept(struct twin *t, struct log_rows **rows)
{
	struct log_rows *put = *rows;

	if (put == NULL)
		return;
	*rows = NULL;
	t->put++;
	t->queued += keep_bytes(put);
	keep_put(t->b, put);
}

static int
take_line(struct twin *t, const struct copy *c, struct log_rows **rows)
{
	switch (c->kind) {
	case COPY_FRAME: put_kept(t, rows); return take_frame(t, c);
	case COPY_CURSOR:
		cursor_copied(
		    t->b, c->name, c->rt, c->deleted ? NULL : &c->cursor);
		break;
	case COPY_BYE: forget_channel(t->b, c); break;
	case COPY_KEPT:
		if (keep_take(t->b, rows, c) == 0)
			break;
		fault(t, "it sends lines that are no events");
		return -1;
	case COPY_UNKNOWN:
	case COPY_BAD: break;
	}
	return 0;
}

static int
take_lines(struct twin *t, const struct wire_reply *r)
{
	const char *p = r->lines, *end = p + r->lines_len, *why;
	struct log_rows *rows = NULL;
	struct copy c;
	int got, taken = 0;

	while (taken == 0 && (got = copy_next(&c, &p, end, &why)) == 1)
		taken = take_line(t, &c, &rows);
	put_kept(t, &rows);
	if (taken == 0 && got < 0)
		fault(t, why);
	return taken == 0 ? got : taken;
}

/* Parts whose frames are all durable. */
static void
settle_parts(struct twin *t)
{
	struct broker *b = t->b;
	struct trail now;

	while (t->parts != 0 && t->part[t->first].frames <= t->durable) {
		t->done = t->part[t->first].number;
		t->sent |= t->part[t->first].goal;
		t->first = (t->first + 1) % PARTS;
		t->parts--;
	}
	if (!t->has_goal || b->synced || t->parts != 0)
		return;
	trail_now(&now, b->store);
	if (!t->sent && !trail_reached(&now, b->store, &t->goal))
		return;
	b->synced = 1;
	store_settle(b->store);
	note("twin %s: in step", t->peer);
}

/* What the twin has told of and not sent yet. */
static void
count_behind(struct twin *t, const struct wire_cursor *now)
{
	uint64_t next;
	uint32_t run;

	t->behind = 0;
	for (size_t i = 0; i < now->n; i++) {
		run =
		    store_find(t->b->store, now->at[i].name, now->at[i].start);
		if (run == STORE_RUN_NONE || run == t->b->run)
			continue;
		next = *expected(t, run);
		if (now->at[i].n >= next)
			t->behind += now->at[i].n + 1 - next;
	}
}

/* 1 if nothing up to the goal comes after this answer. */
static int
is_at_goal(const struct twin *t, const struct wire_reply *r)
{
	struct trail after;

	if (t->b->synced || !r->has_cursor)
		return 0;
	trail_parse(&after, t->b->store, &r->cursor, 1);
	return trail_reached(&after, t->b->store, &t->goal);
}

/*
 * What the twin has, when the stream is opened, is to be here before we are in
 * step; less if its log could not take what was coming then.
 */
static void
set_goal(struct twin *t, const struct wire_cursor *cursor)
{
	struct trail now;
	uint64_t n;
	size_t i;

	if (t->has_goal && t->b->synced)
		return;
	trail_parse(&now, t->b->store, cursor, 1);
	if (!t->has_goal)
		t->goal = now;
	t->has_goal = 1;
	for (i = 0; i < t->goal.n; i++) {
		n = trail_in(&now, t->b->store, t->goal.at[i].run);
		if (n < t->goal.at[i].n)
			t->goal.at[i].n = n;
	}
}

static void
take_part(struct twin *t, const struct wire_reply *r)
{
	struct part *part = &t->part[(t->first + t->parts) % PARTS];

	if (t->b->failing) { /* what came before it is not stored */
		t->failed = 1;
		fault(t, strerror(t->b->failing));
		return;
	}
	if (t->parts == PARTS || !r->has_now) {
		fault(t, "it answers what was not asked");
		return;
	}
	if (learn_logs(t, &r->now) != 0 || take_lines(t, r) != 0)
		return;
	set_goal(t, &r->now);
	*part = (struct part){ r->part, t->put, is_at_goal(t, r) };
	t->parts++;
	t->taken = r->part;
	count_behind(t, &r->now);
	if (mirror_open(t->b->mirror))
		tell(t, 0);
	settle_parts(t);
}

static void
keep_early(struct twin *t, const struct wire_reply *r)
{
	struct early *e;

	if (r->part <= t->taken || t->nearly == FLIGHT_MAX) {
		fault(t, "it answers what was not asked");
		return;
	}
	e = &t->early[t->nearly++];
	*e = (struct early){ .reply = *r };
	buf_add(&e->lines, r->lines, r->lines_len);
}

/* Those that have waited for this one, too. */
static void
take_early(struct twin *t)
{
	struct early e;

	for (size_t i = 0; i < t->nearly;) {
		if (t->early[i].reply.part != t->taken + 1) {
			i++;
			continue;
		}
		e = t->early[i];
		t->early[i] = t->early[--t->nearly];
		e.reply.lines = buf_cstr(&e.lines);
		take_part(t, &e.reply);
		buf_fini(&e.lines);
		i = 0;
	}
}

static void
take_reply(struct twin *t, const struct client_event *event)
{
	const struct wire_reply *r = &event->reply;
	struct buf why = { 0 };

	t->flight--;
	if (event->tag / TAG_EPOCH != t->epoch)
		return;
	if (r->ok) {
		/* Answers may overtake each other on their way to us. */
		if (r->part == t->taken + 1) {
			take_part(t, r);
			take_early(t);
		} else {
			keep_early(t, r);
		}
		return;
	}
	if (r->why.kind == JSON_STRING)
		json_text(&r->why, &why);
	else
		buf_adds(&why, r->error);
	fault(t, buf_cstr(&why));
	buf_fini(&why);
}

static void
connected(struct twin *t)
{
	const struct cert *cert = client_peer(t->c);
	const char *name = cert != NULL ? cert->subject : client_broker(t->c);

	t->connected = 1;
	t->flight = 0;
	snprintf(t->peer, sizeof t->peer, "%s", name);
	reopen(t, 0);
	twin_judge(t);
}

void
twin_judge(struct twin *t)
{
	const struct cert *cert = t->connected ? client_peer(t->c) : NULL;
	const char *why = cert != NULL ? gate_doubts(t->b->gate, cert) : NULL;

	if (why == NULL)
		return;
	fault(t, why);
	client_leave(t->c, why);
}

static void
take_event(struct twin *t, const struct client_event *event)
{
	switch (event->result) {
	case CLIENT_REPLY:
		t->heard = t->asked = date_mono();
		take_reply(t, event);
		break;
	case CLIENT_CONNECTED: connected(t); break;
	case CLIENT_LOST:
		t->connected = 0;
		t->flight = 0;
		reopen(t, 0);
		break;
	case CLIENT_NONE: break;
	}
}

static int
send_request(struct twin *t)
{
	struct buf msg = { 0 };
	struct wire_cursor cursor;
	struct trail now;
	int sent;

	if (t->opened) {
		wire_mirror(&msg, NULL, NULL, t->done);
	} else {
		trail_now(&now, t->b->store);
		trail_cursor(&now, t->b->store, &cursor);
		wire_mirror(&msg, t->b->o.name, &cursor, 0);
	}
	t->told = t->done;
	sent = client_send(t->c, t->epoch * TAG_EPOCH, &msg) == 0;
	buf_fini(&msg);
	if (t->flight == 0)
		t->asked = date_mono();
	t->flight += (unsigned)sent;
	t->connected = sent;
	return sent;
}

/* What the log refused has all come back: go on from what is durable. */
static int
recover(struct twin *t)
{
	if (t->failed && t->durable == t->put) {
		t->runs = 0; /* expected() asks the store again */
		t->failed = 0;
	}
	return !t->failed;
}

/*
 * One request more: to have them in flight, or to confirm at once.  Not before
 * the first is answered: what refuses it is the reason, and must not come after
 * what that did to the others.
 */
static int
may_ask(const struct twin *t)
{
	if (t->taken == 0)
		return t->flight == 0;
	if (t->flight + t->parts >= PARTS || t->queued >= QUEUE)
		return t->flight == 0;
	return t->flight < FLIGHT ||
	    (t->told < t->done && t->flight < FLIGHT_MAX);
}

/*
 * It lives, but has not answered for so long what it answers within a second,
 * and it is not we who keep it waiting: on another connection it may.
 */
static int64_t
stuck_at(const struct twin *t)
{
	return t->connected && t->flight != 0 && (t->parts == 0 || !t->opened)
	    ? t->asked + STUCK
	    : INT64_MAX;
}

static void
leave_stuck(struct twin *t, int64_t now)
{
	if (now < stuck_at(t))
		return;
	fault(t, "it does not answer");
	client_leave(t->c, t->why);
	t->connected = 0;
}

static int
may_open(const struct twin *t)
{
	return t->connected && !t->opened && t->flight == 0 && !t->b->failing &&
	    (!t->failed || t->durable == t->put);
}

/* Ask for more, as long as what came can be stored. */
static void
ask(struct twin *t, int64_t now)
{
	if (!t->connected || t->b->failing || now < t->again_at || !recover(t))
		return;
	if (may_open(t))
		t->opened = send_request(t);
	while (t->opened && t->connected && may_ask(t) && send_request(t))
		;
}

void
twin_refused(struct twin *t, int error)
{
	fault(t, strerror(error));
}

void
twin_copied(struct twin *t, struct store_frame *frame, int error)
{
	twin_kept(t, frame->f.head.len, error);
}

void
twin_kept(struct twin *t, int64_t bytes, int error)
{
	t->durable++;
	t->queued -= bytes;
	if (error == 0) {
		settle_parts(t);
		return;
	}
	t->failed = 1;
	fault(t, strerror(error));
}

static int
is_away(const struct twin *t, int64_t now)
{
	return now > t->heard + AWAY || now > t->mirrored + AWAY;
}

void
twin_turn(struct twin *t, int64_t now)
{
	struct client_event event;

	for (;;) {
		if (client_next(t->c, &event, 0) < 0) {
			snprintf(t->why, sizeof t->why, "%s", client_why(t->c));
			if (errno == EINTR)
				break;
			continue;
		}
		if (event.result == CLIENT_NONE)
			break;
		take_event(t, &event);
	}
	leave_stuck(t, now);
	ask(t, now);
	if (mirror_open(t->b->mirror))
		t->mirrored = now;
	if (is_away(t, now))
		tell(t, 1);
}

int64_t
twin_due(const struct twin *t)
{
	int64_t due = INT64_MAX;

	if (!t->away)
		due = (t->heard < t->mirrored ? t->heard : t->mirrored) + AWAY;
	if (may_open(t) && t->again_at < due)
		due = t->again_at;
	return stuck_at(t) < due ? stuck_at(t) : due;
}

int
twin_away(const struct twin *t)
{
	return t->away || !t->connected || !mirror_open(t->b->mirror);
}

void
twin_stat(const struct twin *t, struct buf *out)
{
	buf_adds(out, "\"url\":");
	json_add_string(out, t->url, strlen(t->url));
	if (t->peer[0] != '\0')
		buf_addf(out, ",\"name\":\"%s\"", t->peer);
	buf_addf(out, ",\"connected\":%s,\"synced\":%s,\"since\":",
	    twin_away(t) ? "false" : "true", t->b->synced ? "true" : "false");
	num_add_micros(out, t->since);
	buf_addf(out, ",\"behind\":%llu,\"copied\":%llu,\"lost\":%llu",
	    (unsigned long long)t->behind,
	    (unsigned long long)t->b->counts.copied,
	    (unsigned long long)t->lost);
	if (t->why[0] != '\0' && t->away) {
		buf_adds(out, ",\"why\":");
		json_add_string(out, t->why, strlen(t->why));
	}
}
