#include "broker/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "broker/answer.h"
#include "broker/copy.h"
#include "broker/session.h"

enum {
	FLIGHT = 64,		   /* parts not confirmed yet */
	WAITING = 16,		   /* requests not answered yet */
	BEAT = DATE_SECOND / 2,	   /* us until one is answered with nothing */
	SILENCE = 2 * DATE_SECOND, /* us without a request: it is away */
	SLICE = 2000,		   /* us of looking for last values, */
	REST = 8000,		   /* and until it goes on: others wait */
	PART = WIRE_FETCH,	   /* bytes of frames in an answer */
	NOTES = 4 * PART	   /* bytes of notes that wait for one */
};

/* A part that was sent: where the twin is once it has it. */
struct part {
	uint64_t number;
	int64_t sent;
	struct trail after;
};

struct mirror {
	struct broker *b;
	struct session *session; /* of the twin; NULL: it is not there */
	uint32_t theirs;	 /* its log, which it needs no copy of */
	struct trail at;	 /* where it is after all that was sent */
	struct trail done;
	int known; /* done has been told since our start */
	uint64_t number;
	struct part part[FLIGHT]; /* a ring */
	size_t first, parts;
	struct front_route waiting[WAITING]; /* a ring, too */
	int64_t since[WAITING];
	size_t head, nwaiting;
	struct buf notes;
	size_t rows; /* bytes of them at the opening */
	int lacking; /* it is at what is gone here, and being given last values
			of that, */
	struct trail behind; /* what comes behind it, */
	int opening;	     /* of topics of unknown place, too; */
	size_t hand;	     /* from this topic on, */
	int64_t rested;	     /* at that time */
	int64_t heard;
};

struct mirror *
mirror_new(struct broker *b)
{
	struct mirror *m = xcalloc(1, sizeof *m);

	m->b = b;
	return m;
}

void
mirror_free(struct mirror *m)
{
	if (m == NULL)
		return;
	buf_fini(&m->notes);
	free(m);
}

const struct trail *
mirror_done(const struct mirror *m)
{
	return m->known ? &m->done : NULL;
}

int
mirror_open(const struct mirror *m)
{
	int64_t now = date_mono();

	if (m->session == NULL ||
	    (m->nwaiting == 0 && now > m->heard + SILENCE))
		return 0;
	return m->parts == 0 || now <= m->part[m->first].sent + SILENCE;
}

static void
close_session(struct mirror *m)
{
	if (m->session != NULL)
		m->session->mirrors = 0;
	m->session = NULL;
	m->nwaiting = m->parts = 0;
	buf_fini(&m->notes);
	m->lacking = 0;
}

void
mirror_closed(struct session *s)
{
	struct mirror *m = s->b->mirror;

	if (s->mirrors && m != NULL)
		close_session(m);
}

/* The stream ends here: whoever still waits for it opens it anew. */
static void
end_stream(struct mirror *m, const char *why)
{
	while (m->nwaiting != 0) {
		session_error(m->b, &m->waiting[m->head], "bad", why);
		m->head = (m->head + 1) % WAITING;
		m->nwaiting--;
	}
	close_session(m);
}

/* The answer to the request that waits longest. */
static void
send_part(struct mirror *m, struct answer *a)
{
	struct wire_cursor cursor;
	struct trail now;
	struct buf h = { 0 };
	size_t i = (m->first + m->parts++) % FLIGHT;

	m->part[i].number = ++m->number;
	m->part[i].sent = date_mono();
	m->part[i].after = m->at;
	buf_adds(&h, "{\"ok\":true,\"part\":");
	buf_addu(&h, m->number);
	buf_adds(&h, ",\"n\":");
	buf_addu(&h, a->events);
	buf_adds(&h, ",\"cursor\":");
	trail_cursor(&m->at, m->b->store, &cursor);
	wire_cursor_add(&h, &cursor);
	buf_adds(&h, ",\"now\":");
	trail_now(&now, m->b->store);
	twin_coming(m->b->twin, &now);
	trail_cursor(&now, m->b->store, &cursor);
	wire_cursor_add(&h, &cursor);
	buf_adds(&h, "}\n");
	answer_send(a, m->b->gate, &m->waiting[m->head], &h);
	m->head = (m->head + 1) % WAITING;
	m->nwaiting--;
}

/* Some notes, as many as fit, leave for an answer. */
static void
take_notes(struct mirror *m, struct answer *a)
{
	size_t n = m->notes.len;
	struct buf rest = { 0 };
	const char *end;

	if (n == 0)
		return;
	if (n > PART) {
		end = memrchr(m->notes.p, '\n', PART);
		n = (size_t)(end - m->notes.p) + 1;
		buf_add(&rest, m->notes.p + n, m->notes.len - n);
	}
	answer_add(a, NULL, m->notes.p, n, 0);
	buf_fini(&m->notes);
	m->notes = rest;
}

static void
take_frame(struct mirror *m, struct answer *a, const struct store_view *v,
    uint32_t run)
{
	const struct frame_head *h = &v->head;
	struct buf head = { 0 };

	copy_head(&head, h, m->b->store, run);
	answer_add(a, NULL, head.p, head.len, 0);
	answer_add(a, v->memory ? v->memory->f.body : NULL, h->lines, h->len,
	    h->events);
	buf_fini(&head);
}

/* What cannot be read is passed over; the twin sees the gap. */
static void
skip_damaged(struct mirror *m, const struct store_view *v, struct log_place at)
{
	uint64_t n = at.n + 1;

	if (v->head.n + v->head.events > n)
		n = v->head.n + v->head.events - 1;
	trail_move(&m->at, m->b->store, (struct log_place){ at.run, n });
}

static void
take_frames(struct mirror *m, struct answer *a)
{
	struct store_view v = { 0 };
	struct log_place at;
	int found;

	while ((found = trail_next(&m->at, m->b->store, &v, &at)) != 0) {
		if (found < 0) {
			if (errno != EBADMSG)
				break;
			skip_damaged(m, &v, at);
			continue;
		}
		if (at.run != m->theirs) {
			if (a->bytes != 0 && a->bytes + v.head.len > PART)
				break;
			take_frame(m, a, &v, at.run);
		}
		at.n = v.head.n + v.head.events - 1;
		trail_move(&m->at, m->b->store, at);
	}
	trail_end(&v);
}

static void
give_values(struct mirror *m, const struct trail *behind)
{
	m->lacking = 1;
	m->behind = *behind;
	m->hand = 0;
	m->rested = 0;
}

/*
 * What is gone here before the twin had it was perhaps the newest of its
 * topic: those last values come next.
 */
static void
skip_gone(struct mirror *m)
{
	struct trail behind = m->at;

	if (!m->lacking && trail_skip(&behind, m->b->store) != 0)
		give_values(m, &behind);
}

/* 1 if the topic's newest event is one that is gone. */
static int
is_lacking(const struct mirror *m, const struct last_topic *t)
{
	const struct log_place at = { t->run, t->n };
	const struct store *s = m->b->store;

	if (t->n == 0)
		return 0;
	if (t->run == STORE_RUN_NONE)
		return m->opening;
	return t->n < store_run(s, t->run)->first &&
	    !trail_passed(&m->at, s, at);
}

/* Append the topic's last value.  1, 0 if there is no room. */
static int
take_value(struct mirror *m, struct answer *a, const struct last_topic *t)
{
	struct buf note = { 0 }, space = { 0 };
	struct log_row row;
	int room = 1;

	if (store_kept(m->b->store, t, &row, &space) == 1 &&
	    copy_kept(&note, &row)) {
		room = a->bytes == 0 || a->bytes + note.len <= PART;
		if (room)
			answer_add(a, NULL, note.p, note.len, 0);
	}
	buf_fini(&note);
	buf_fini(&space);
	return room;
}

static void
take_values(struct mirror *m, struct answer *a)
{
	int64_t now = date_mono(), late = now + SLICE;
	size_t count = last_count(m->b->last);

	for (; m->hand < count && now <= late; m->hand++) {
		const struct last_topic *t = last_at(m->b->last, m->hand);

		if (is_lacking(m, t) && !take_value(m, a, t))
			break;
		now = date_mono();
	}
	m->rested = now + REST;
	if (m->hand < count)
		return;
	m->lacking = m->opening = 0;
	m->at = m->behind;
}

/* When an answer with last values may be made, in date_mono() time. */
static int64_t
values_due(const struct mirror *m)
{
	return m->lacking && m->nwaiting != 0 && m->parts < FLIGHT ? m->rested
								   : INT64_MAX;
}

/* Answer requests as long as there is something for them. */
static void
pump(struct mirror *m)
{
	while (m->nwaiting != 0 && m->parts < FLIGHT) {
		struct answer a = { 0 };

		skip_gone(m);
		if (m->lacking && date_mono() < m->rested)
			return;
		take_notes(m, &a);
		if (m->lacking)
			take_values(m, &a);
		if (!m->lacking)
			take_frames(m, &a);
		if (a.bytes == 0)
			return;
		send_part(m, &a);
	}
}

void
mirror_frame(struct mirror *m)
{
	if (m->nwaiting != 0)
		pump(m);
}

int64_t
mirror_turn(struct mirror *m, int64_t now)
{
	struct answer empty = { 0 };
	int64_t due = INT64_MAX;

	if (values_due(m) <= now)
		pump(m);
	while (m->nwaiting != 0 && m->since[m->head] + BEAT <= now &&
	    m->parts < FLIGHT)
		send_part(m, &empty);
	if (m->nwaiting != 0 && m->parts < FLIGHT)
		due = m->since[m->head] + BEAT;
	return due < values_due(m) ? due : values_due(m);
}

/* A twin that does not ask for them gets all rows when it comes back. */
static void
bound_notes(struct mirror *m)
{
	if (m->notes.len > m->rows + NOTES)
		end_stream(m, "too much waits for the twin");
}

void
mirror_cursor(struct mirror *m, const char *name, int64_t t,
    const struct wire_cursor *cursor)
{
	if (m->session == NULL)
		return;
	copy_cursor(&m->notes, name, t, cursor);
	bound_notes(m);
	pump(m);
}

void
mirror_bye(struct mirror *m, const char *from, uint64_t chan)
{
	if (m->session == NULL)
		return;
	copy_bye(&m->notes, from, chan);
	bound_notes(m);
}

static void
add_row(void *ctx, const struct durable *d)
{
	struct mirror *m = ctx;

	copy_cursor(&m->notes, d->name, d->t, d->deleted ? NULL : &d->cursor);
}

/*
 * Logs that only the twin knows: its own, and what we have forgotten or lost of
 * ours.  NULL, or why that cannot be.
 */
static const char *
learn_logs(struct mirror *m, const char *name, const struct wire_cursor *c,
    int *forgotten)
{
	struct broker *b = m->b;
	const struct wire_position *at;
	const char *why;
	uint32_t run;
	size_t i;

	m->theirs = STORE_RUN_NONE;
	*forgotten = 0;
	for (i = 0; i < c->n; i++) {
		at = &c->at[i];
		*forgotten |= strcmp(at->name, b->o.name) == 0 &&
		    store_find(b->store, at->name, at->start) == STORE_RUN_NONE;
		why = twin_log(b, at, &run);
		if (why != NULL)
			return why;
		if (run == b->run && at->n >= b->next)
			return "the twin has more of this broker's log than "
			       "this broker itself: two of one name?";
		if (strcmp(at->name, name) == 0 &&
		    (m->theirs == STORE_RUN_NONE ||
			store_run(b->store, m->theirs)->start < at->start))
			m->theirs = run;
	}
	return NULL;
}

/*
 * What is gone here of logs that the twin has never heard of is gone for it,
 * too; and of what we have forgotten ourselves we cannot tell.
 */
static void
begin_values(struct mirror *m, const struct wire_cursor *c, int forgotten)
{
	struct trail behind = m->at, after;
	size_t i = 0;

	while (i < m->at.n)
		if (wire_cursor_names(
			c, store_run(m->b->store, m->at.at[i].run)->name))
			i++;
		else
			m->at.at[i] = m->at.at[--m->at.n];
	after = m->at;
	m->opening = trail_skip(&after, m->b->store) != 0 || forgotten ||
	    !wire_cursor_names(c, m->b->o.name);
	trail_skip(&behind, m->b->store);
	if (m->opening)
		give_values(m, &behind);
}

/* NULL, or the name of an error and *why. */
static const char *
open_session(struct session *s, const struct wire_request *r, const char **why)
{
	struct mirror *m = s->b->mirror;
	char name[WIRE_NAME_MAX + 1] = "";
	const char *twin;
	int forgotten;

	memcpy(name, r->name.p, r->name.n);
	*why = "both brokers have the same name";
	if (strcmp(name, s->b->o.name) == 0)
		return "bad";
	*why = "name: not a broker's";
	if (strchr(name, '/') != NULL)
		return "bad";
	*why = "this broker's twin is another one";
	twin = twin_name(s->b->twin);
	if (twin != NULL && strcmp(name, twin) != 0)
		return "bad";
	*why = learn_logs(m, name, &r->cursor, &forgotten);
	if (*why != NULL)
		return "limit";
	end_stream(m, "mirror: opened anew");
	trail_parse(&m->at, s->b->store, &r->cursor, 1);
	m->number = 0;
	m->session = s;
	begin_values(m, &r->cursor, forgotten);
	m->done = m->at;
	m->known = 1;
	s->mirrors = 1;
	cursor_walk(s->b, add_row, m);
	m->rows = m->notes.len;
	return NULL;
}

/* Parts are confirmed in order. */
static void
take_done(struct mirror *m, uint64_t done)
{
	while (m->parts != 0 && m->part[m->first].number <= done) {
		m->done = m->part[m->first].after;
		m->first = (m->first + 1) % FLIGHT;
		m->parts--;
	}
}

/* NULL, or the name of an error and *why. */
static const char *
request_fault(struct session *s, const struct wire_request *r, const char **why)
{
	struct broker *b = s->b;
	const char *peer;

	*why = "op: this broker has no twin";
	if (b->mirror == NULL)
		return "bad";
	peer = twin_peer(b->twin);
	*why = "this is not the certificate of the broker's twin";
	if (s->grant != NULL &&
	    (peer == NULL || strcmp(peer, s->grant->cert->subject) != 0))
		return "denied";
	if (r->name.kind != JSON_NONE)
		return open_session(s, r, why);
	*why = "mirror: not opened";
	if (b->mirror->session != s)
		return "bad";
	*why = "mirror: too many requests";
	return b->mirror->nwaiting == WAITING ? "limit" : NULL;
}

void
mirror_request(struct session *s, const struct front_route *route,
    const struct wire_request *r)
{
	struct mirror *m = s->b->mirror;
	const char *why, *error_name = request_fault(s, r, &why);
	size_t i;

	if (error_name != NULL) {
		session_error(s->b, route, error_name, why);
		return;
	}
	m->heard = date_mono();
	take_done(m, r->done);
	i = (m->head + m->nwaiting++) % WAITING;
	m->waiting[i] = *route;
	m->since[i] = m->heard;
	publish_confirmed(s->b, m->heard);
	pump(m);
}
