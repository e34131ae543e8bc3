#include "bus/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/date.h"
#include "base/die.h"
#include "base/num.h"

enum {
	/*
	 * The window, one frame that a long line closed beyond it, and the
	 * open one.
	 */
	SLOTS = PUBLISHER_WINDOW + 2,
	KEEP = PUBLISHER_WINDOW / 2, /* frames, when others are let go */
	FLOW_FILL = WIRE_LINES_MAX - WIRE_MARK_MAX, /* a full frame of a flow */
	FULL_PAUSE = DATE_SECOND, /* us before a full broker is asked again */
	WHY_MAX = 256
};

/* Pauses before asking what is safe by now, us: the first, the longest. */
static const int64_t ask_pauses[][2] = {
	/* Nobody waits for it, but somebody may be worried. */
	[PUBLISHER_LETS_GO] = { DATE_SECOND, 60 * (int64_t)DATE_SECOND },
	[PUBLISHER_REWINDS] = { DATE_SECOND / 20, DATE_SECOND },
	[PUBLISHER_HOLDS] = { DATE_SECOND / 20, DATE_SECOND },
};

enum state {
	OPEN,  /* being filled */
	READY, /* to be sent */
	SENT,  /* in flight */
	STORED /* a broker has it, not yet safe */
};

static const char filler[] = "{\"topic\":\"COMMAND/none/none\",\"t\":0,"
			     "\"id\":\"none\",\"ttl\":1,\"v\":0}";

struct frame {
	enum state state;
	struct buf lines;
	uint64_t *marks; /* one per line, or one for all */
	size_t marks_cap;
	int one_mark;
	uint64_t first;
	uint32_t n;
	int marked; /* ends in a mark, which has a number too */
	int wait;   /* until those before it are stored */
	uint64_t tag;
	int sent_before;
	struct wire_mark commit;       /* of a flow */
	uint64_t sent_safe, sent_done; /* the marks when it was sent */
};

struct publisher {
	struct client *client;
	const char *from;
	enum publisher_policy policy;
	uint64_t chan, next, tag;
	/*
	 * Everything up to there: is safe; is in the log of the broker that
	 * is connected; was stored by one; has left the window unsafe.
	 */
	uint64_t safe, local, done, gone;
	uint64_t told_safe, told_done;
	uint64_t left_alone; /* events of earlier channels, never safe */
	char broker[WIRE_NAME_MAX + 1]; /* the last one */
	int connected;
	int moved;  /* the marks have */
	int astray; /* the broker has lost what it had and we have not */
	struct frame frame[SLOTS]; /* a ring */
	size_t head, closed;	   /* closed frames, then the open one */
	size_t in_flight;
	int flush; /* the open frame shall leave */
	int64_t pause_until, ask_at, ask_pause;
	uint64_t asking; /* tag of it, or 0 */
	int told_full;
	/* of a flow */
	int flow;
	int taking_up;	 /* how far it has come is asked first */
	int64_t take_at; /* again then */
	char name[WIRE_NAME_MAX + 1];
	uint64_t begun; /* number of the mark it began with */
	uint64_t after; /* number of the newest mark */
	uint64_t ahead; /* lines to come that are there already */
	uint64_t group; /* lines since the newest mark */
	struct buf head_line, text;
	/* what one answer still has to say */
	struct frame *answered;
	struct json_walk refused;
	int walking;
	int nrefused; /* entries of it so far */
	uint32_t bad; /* line to replace in it, from 1 */
	char why[WHY_MAX];
	struct publisher_counts counts;
};

static struct frame *
frame_at(struct publisher *p, size_t i)
{
	return &p->frame[(p->head + i) % SLOTS];
}

static struct frame *
open_frame(struct publisher *p)
{
	return frame_at(p, p->closed);
}

static uint64_t
last_of(const struct frame *f)
{
	return f->first + f->n + (uint64_t)f->marked - 1;
}

static uint64_t
mark_of(const struct frame *f, uint32_t i)
{
	return f->marks[f->one_mark ? 0 : i];
}

static void
set_broker(struct publisher *p)
{
	snprintf(p->broker, sizeof p->broker, "%s", client_broker(p->client));
}

struct publisher *
publisher_new(
    struct client *client, const char *from, uint64_t chan, uint64_t next)
{
	struct publisher *p = xcalloc(1, sizeof *p);

	p->client = client;
	p->from = from;
	p->chan = chan;
	p->next = next;
	p->safe = p->local = p->done = p->gone = next - 1;
	p->told_safe = p->told_done = next - 1;
	p->connected = client_generation(client) > 0;
	if (p->connected)
		set_broker(p);
	p->ask_at = INT64_MAX;
	publisher_policy(p, PUBLISHER_LETS_GO);
	return p;
}

void
publisher_policy(struct publisher *p, enum publisher_policy policy)
{
	p->policy = policy;
	p->ask_pause = ask_pauses[policy][0];
}

void
publisher_free(struct publisher *p)
{
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < SLOTS; i++) {
		buf_fini(&p->frame[i].lines);
		free(p->frame[i].marks);
	}
	buf_fini(&p->head_line);
	buf_fini(&p->text);
	free(p);
}

int
publisher_room(const struct publisher *p)
{
	return p->closed < PUBLISHER_WINDOW && !p->taking_up;
}

/* Of where a flow began nobody has told us that. */
static uint64_t
known_safe(const struct publisher *p)
{
	return p->flow && p->safe <= p->begun ? 0 : p->safe;
}

/*
 * Number, header and off; without a connection it stays ready.  What the
 * broker has, from another process maybe, need not go there again.
 */
static void
send_frame(struct publisher *p, struct frame *f)
{
	/* The numbers of a flow may have been given by another one too. */
	if (!p->flow && last_of(f) <= p->local) {
		f->state = STORED;
		p->moved = 1;
		return;
	}
	buf_clear(&p->head_line);
	if (p->flow)
		wire_pub_mark(&p->head_line, p->from, f->first, f->n,
		    known_safe(p), &f->commit);
	else
		wire_pub(
		    &p->head_line, p->from, p->chan, f->first, f->n, p->safe);
	if (client_send_lines(
		p->client, f->tag, &p->head_line, f->lines.p, f->lines.len) < 0)
		return;
	f->state = SENT;
	f->sent_safe = p->safe;
	f->sent_done = p->done;
	p->in_flight++;
	p->counts.frames++;
	p->counts.resent += (uint64_t)f->sent_before;
	f->sent_before = 1;
}

static void
begin_frame(struct publisher *p)
{
	struct frame *f = open_frame(p);

	f->state = OPEN;
	f->n = 0;
	f->marked = f->wait = 0;
	f->one_mark = 0;
	buf_clear(&f->lines);
	p->flush = 0;
}

/* The open frame is complete. */
static void
close_frame(struct publisher *p)
{
	struct frame *f = open_frame(p);

	f->state = READY;
	f->tag = ++p->tag;
	f->sent_before = 0;
	if (p->flow && !f->marked) {
		f->commit.has_cursor = 0;
		f->commit.after = p->after;
		memcpy(f->commit.name, p->name, sizeof p->name);
	}
	p->closed++;
	begin_frame(p);
}

/* 1 if all frames before the i-th are stored. */
static int
is_next(struct publisher *p, size_t i)
{
	while (i > 0)
		if (frame_at(p, --i)->state != STORED)
			return 0;
	return 1;
}

static void
send_ready(struct publisher *p)
{
	size_t i;

	if (!p->connected || p->taking_up)
		return;
	if (p->pause_until > 0 && date_mono() < p->pause_until)
		return;
	p->pause_until = 0;
	if (p->flush && p->in_flight == 0 && open_frame(p)->n > 0 &&
	    publisher_room(p))
		close_frame(p);
	for (i = 0; i < p->closed; i++)
		if (frame_at(p, i)->state == READY &&
		    (!frame_at(p, i)->wait || is_next(p, i)))
			send_frame(p, frame_at(p, i));
}

static void
set_mark(struct frame *f, uint64_t mark)
{
	if (f->n == f->marks_cap) {
		f->marks_cap = f->marks_cap ? 2 * f->marks_cap : 64;
		f->marks = xrealloc(f->marks, f->marks_cap * sizeof *f->marks);
	}
	f->marks[f->n] = mark;
}

void
publisher_add(struct publisher *p, const char *line, size_t n, uint64_t mark)
{
	const size_t fill = p->flow ? FLOW_FILL : WIRE_FILL;
	const uint32_t most = WIRE_EVENTS_MAX - (uint32_t)p->flow;
	struct frame *f = open_frame(p);
	char *to;

	p->group++;
	if (p->ahead > 0) {
		p->ahead--;
		return;
	}
	if (f->n > 0 && f->lines.len + n + 1 > fill) {
		close_frame(p);
		send_ready(p);
		f = open_frame(p);
	}
	if (f->n == 0)
		f->first = p->next;
	to = buf_room(&f->lines, n + 1);
	memcpy(to, line, n);
	to[n] = '\n';
	f->lines.len += n + 1;
	set_mark(f, mark);
	f->n++;
	p->next++;
	p->counts.events++;
	p->counts.bytes += n + 1;
	if (f->lines.len >= fill || f->n == most) {
		close_frame(p);
		send_ready(p);
	}
}

void
publisher_add_frame(struct publisher *p, const char *lines, size_t len,
    uint32_t n, uint64_t mark)
{
	struct frame *f = open_frame(p);

	f->first = p->next;
	set_mark(f, mark);
	f->one_mark = 1;
	buf_add(&f->lines, lines, len);
	f->n = n;
	p->next += n;
	p->counts.events += n;
	p->counts.bytes += len;
	close_frame(p);
	send_ready(p);
}

void
publisher_flush(struct publisher *p)
{
	p->flush = open_frame(p)->n > 0 && !p->flow;
	if (p->flush)
		send_ready(p);
}

/* Line i of a frame, from 1. */
static void
find_line(const struct frame *f, uint32_t i, struct publisher_event *event)
{
	const char *at = f->lines.p, *end = at + f->lines.len, *lf;

	while (--i > 0)
		at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
	lf = memchr(at, '\n', (size_t)(end - at));
	event->line = at;
	event->n = (size_t)(lf - at);
}

static void
refuse(struct publisher *p, const struct frame *f, uint32_t i,
    const struct json_value *why, struct publisher_event *event)
{
	event->result = PUBLISHER_REFUSED;
	event->number = f->first + i - 1;
	event->mark = mark_of(f, i - 1);
	find_line(f, i, event);
	buf_clear(&p->text);
	if (why->kind == JSON_STRING)
		json_text(why, &p->text);
	else
		buf_adds(&p->text, "refused");
	event->why = buf_cstr(&p->text);
	p->counts.refused++;
}

/* The mark of an event, or 0 if its frame has left. */
static uint64_t
find_mark(struct publisher *p, uint64_t number)
{
	struct frame *f;

	for (size_t i = 0; i < p->closed; i++) {
		f = frame_at(p, i);
		if (number >= f->first && number <= last_of(f))
			return mark_of(f, (uint32_t)(number - f->first));
	}
	return 0;
}

static void
drop_frame(struct publisher *p)
{
	p->head = (p->head + 1) % SLOTS;
	p->closed--;
}

/* Out of the window goes what is safe, and what there is no room for. */
static void
drop_frames(struct publisher *p)
{
	int full =
	    p->closed >= PUBLISHER_WINDOW && p->policy != PUBLISHER_HOLDS;
	struct frame *f;

	while (p->closed > 0) {
		f = frame_at(p, 0);
		if (f->state != STORED ||
		    (last_of(f) > p->safe && (!full || p->closed <= KEEP)))
			break;
		if (last_of(f) > p->safe)
			p->gone = last_of(f);
		drop_frame(p);
	}
}

/* How far an unbroken row of frames is stored. */
static void
find_done(struct publisher *p)
{
	struct frame *f;

	for (size_t i = 0; i < p->closed; i++) {
		f = frame_at(p, i);
		if (f->state != STORED)
			break;
		if (last_of(f) > p->done)
			p->done = last_of(f);
	}
}

/* The marks may have moved: 1 if that is to be told. */
static int
settle(struct publisher *p, struct publisher_event *event)
{
	uint64_t safe;

	find_done(p);
	safe = p->safe < p->done ? p->safe : p->done;
	if (safe > p->told_safe) {
		event->result = PUBLISHER_SAFE;
		event->number = p->told_safe = safe;
		p->ask_pause = ask_pauses[p->policy][0];
		if (p->told_done < safe)
			p->told_done = safe;
	} else if (p->done > p->told_done) {
		event->result = PUBLISHER_LOCAL;
		event->number = p->told_done = p->done;
	}
	if (event->result != PUBLISHER_NONE)
		event->mark = find_mark(p, event->number);
	drop_frames(p);
	p->ask_at = p->done > p->safe && p->in_flight == 0
	    ? date_mono() + p->ask_pause
	    : INT64_MAX;
	p->moved = p->done > p->told_done;
	return event->result != PUBLISHER_NONE;
}

static int
fail(struct publisher *p, int error, const char *what,
    const struct json_value *why)
{
	buf_clear(&p->text);
	if (why->kind == JSON_STRING)
		json_text(why, &p->text);
	snprintf(p->why, sizeof p->why, "%s%s%s", what,
	    p->text.len > 0 ? ": " : "", buf_cstr(&p->text));
	errno = error;
	return -1;
}

/*
 * A line that the broker will never take has used a number that all later
 * ones wait for: in its place goes a command that has expired, which every
 * broker refuses by itself.
 */
static void
replace_line(struct frame *f, uint32_t i)
{
	struct publisher_event at = { 0 };
	struct buf b = { 0 };
	const char *rest;

	find_line(f, i, &at);
	rest = at.line + at.n;
	buf_add(&b, f->lines.p, (size_t)(at.line - f->lines.p));
	buf_adds(&b, filler);
	buf_add(&b, rest, f->lines.len - (size_t)(rest - f->lines.p));
	buf_fini(&f->lines);
	f->lines = b;
}

static int
is_filler(const struct frame *f, uint32_t i)
{
	struct publisher_event at = { 0 };

	find_line(f, i, &at);
	return at.n == sizeof filler - 1 && memcmp(at.line, filler, at.n) == 0;
}

static struct frame *
by_tag(struct publisher *p, uint64_t tag)
{
	size_t i;

	for (i = 0; i < p->closed; i++)
		if (frame_at(p, i)->tag == tag && frame_at(p, i)->state == SENT)
			return frame_at(p, i);
	return NULL;
}

/* What the broker says of the channel. */
static void
take_marks(struct publisher *p, const struct wire_reply *r)
{
	const uint64_t most = p->next - 1;

	if (r->safe > p->safe)
		p->safe = r->safe < most ? r->safe : most;
	if (r->local > p->local)
		p->local = r->local;
	p->moved = 1;
	client_progress(p->client);
}

/* A frame was taken: remember its answer to be walked. */
static void
take_ok(struct publisher *p, struct frame *f, const struct wire_reply *r)
{
	f->state = STORED;
	take_marks(p, r);
	p->told_full = 0;
	p->answered = f;
	p->walking = r->refused.kind == JSON_ARRAY;
	p->nrefused = 0;
	if (p->walking)
		json_walk(&p->refused, &r->refused);
}

static uint64_t
random_chan(void)
{
	uint64_t chan = 0;

	if (getrandom(&chan, sizeof chan, 0) < 0 || chan == 0)
		die(EXIT_BUG, "no random numbers");
	return chan;
}

/*
 * What has left the window is at a broker that is away.  Of the rest, what no
 * broker is known to have begins a new channel.
 */
static void
begin_channel(struct publisher *p)
{
	struct frame *f;

	p->left_alone += p->done - p->safe;
	p->chan = random_chan();
	p->next = 1;
	for (size_t i = 0; i <= p->closed; i++) {
		f = frame_at(p, i);
		if (f->state == STORED) {
			p->left_alone += f->first > p->done ? f->n : 0;
			f->n = 0;
		}
		f->first = p->next;
		p->next += f->n;
	}
	p->safe = p->local = p->done = p->gone = 0;
	p->told_safe = p->told_done = 0;
}

void
publisher_restart(struct publisher *p, uint64_t next)
{
	while (p->closed > 0)
		drop_frame(p);
	begin_frame(p);
	p->next = next;
	p->gone = p->done = next - 1;
}

/* Everything up to number is there, as far as safe on the twin as well. */
static void
begin_at(struct publisher *p, uint64_t number, uint64_t safe)
{
	p->local = p->done = p->gone = p->told_done = number;
	p->safe = p->told_safe = safe;
	p->next = number + 1;
}

void
publisher_flow(struct publisher *p, const char *from, const char *name,
    uint64_t after, uint64_t ahead)
{
	p->left_alone += p->done - p->safe;
	publisher_restart(p, after + 1);
	p->from = from;
	p->flow = p->taking_up = 1;
	p->take_at = 0;
	snprintf(p->name, sizeof p->name, "%s", name);
	p->chan = wire_mark_chan(p->name);
	p->begun = p->after = after;
	p->ahead = ahead;
	p->group = 0;
	p->asking = 0;
	p->answered = NULL;
	begin_at(p, after, after);
}

void
publisher_commit(struct publisher *p, const char *id, int64_t t,
    const struct wire_cursor *cursor, uint64_t mark)
{
	struct frame *f = open_frame(p);

	if (f->n == 0)
		f->first = p->next;
	set_mark(f, mark);
	f->marked = 1;
	f->commit.has_cursor = 1;
	f->commit.after = p->after;
	f->commit.t = t;
	f->commit.ahead = p->ahead;
	f->commit.cursor = *cursor;
	memcpy(f->commit.name, p->name, sizeof p->name);
	snprintf(f->commit.id, sizeof f->commit.id, "%s", id);
	p->after = p->next++;
	p->group = 0;
	close_frame(p);
	send_ready(p);
}

uint64_t
publisher_group(const struct publisher *p)
{
	return p->group;
}

void
publisher_abandon(struct publisher *p)
{
	p->next -= open_frame(p)->n;
	p->counts.events -= open_frame(p)->n;
	p->counts.bytes -= open_frame(p)->lines.len;
	p->group = 0;
	begin_frame(p);
}

/*
 * The broker has nothing beyond known, whatever another one has stored: 1 if
 * the caller has to be told.
 */
static int
send_again(struct publisher *p, uint64_t known, struct publisher_event *event)
{
	struct frame *f;

	p->local = known;
	/* A flow has one channel: that broker will know, or another does. */
	if (p->gone > known && p->flow)
		known = p->gone;
	if (p->gone > known && p->policy == PUBLISHER_REWINDS) {
		event->result = PUBLISHER_REWIND;
		event->number = p->told_safe;
		return 1;
	}
	if (p->gone > known) {
		begin_channel(p);
		return 0;
	}
	for (size_t i = 0; i < p->closed; i++) {
		f = frame_at(p, i);
		if (f->state == STORED && last_of(f) > known)
			f->state = READY;
	}
	p->done = known;
	return 0;
}

/* It does not know what its twin has told us is safe; the twin does. */
static int
take_behind(struct publisher *p, const struct wire_reply *r)
{
	buf_clear(&p->text);
	buf_adds(&p->text, "the broker has fallen behind");
	if (r->why.kind == JSON_STRING) {
		buf_adds(&p->text, ": ");
		json_text(&r->why, &p->text);
	}
	client_leave(p->client, buf_cstr(&p->text));
	p->connected = 0;
	return 0;
}

/* 1 if others go before it, of a flow: it is sent again after them. */
static int
waits(struct publisher *p, struct frame *f)
{
	size_t i = 0;

	while (frame_at(p, i) != f)
		i++;
	f->wait = 1;
	return !is_next(p, i);
}

/* Somebody else has given numbers in the flow's channel. */
static int
overtaken(struct publisher *p)
{
	snprintf(p->why, sizeof p->why,
	    "another reader has gone on from cursor %s", p->name);
	errno = EBUSY;
	return -1;
}

/*
 * The broker misses what comes before: go back to there.  Answers overtake
 * each other, so what it has is compared with what was known at the sending.
 */
static int
take_gap(struct publisher *p, const struct frame *f, const struct wire_reply *r,
    struct publisher_event *event)
{
	const struct json_value none = { .kind = JSON_NONE };

	if (p->flow && r->local >= f->first)
		return overtaken(p);
	if (p->flow && r->local < f->sent_safe)
		return take_behind(p, r);
	if (r->local < f->sent_safe)
		return fail(p, EPROTO,
		    "the broker has lost what it had acknowledged", &none);
	if (r->local >= f->sent_done)
		return 0;
	if (p->gone <= r->local)
		return send_again(p, r->local, event);
	/* No frame may be in flight when they get other numbers. */
	p->astray = 1;
	client_leave(p->client, "it has lost what it had stored");
	p->connected = 0;
	return 0;
}

static int
take_bad(struct publisher *p, struct frame *f, const struct wire_reply *r,
    struct publisher_event *event)
{
	if (r->line < 1 || r->line > f->n || is_filler(f, (uint32_t)r->line))
		return fail(p, EPROTO, "the broker refuses a frame", &r->why);
	refuse(p, f, (uint32_t)r->line, &r->why, event);
	p->answered = f;
	p->bad = (uint32_t)r->line;
	return 1;
}

/*
 * What goes before was not taken, so that the broker does not know the mark
 * it came after; or it has lost that; or somebody else has gone on.
 */
static int
take_fenced(struct publisher *p, struct frame *f, const struct wire_reply *r)
{
	if (waits(p, f))
		return 0;
	return r->mark < f->commit.after ? take_behind(p, r) : overtaken(p);
}

/* All frames in flight are told so; what counts is the longest time. */
static int
take_busy(struct publisher *p, const struct wire_reply *r,
    struct publisher_event *event)
{
	int64_t wait = r->after > 0 ? r->after : FULL_PAUSE;
	int64_t until = date_mono() + wait;
	int waiting = p->pause_until > 0;

	if (until > p->pause_until)
		p->pause_until = until;
	if (waiting)
		return 0;
	event->result = PUBLISHER_BUSY;
	event->wait = wait;
	return 1;
}

/*
 * What is in the channel behind the newest mark are the first lines of a group
 * that was not ended: they need not go there again.
 */
static int
take_up(struct publisher *p, const struct wire_reply *r)
{
	uint64_t known = r->local > p->begun ? r->local : p->begun;

	if (strcmp(r->error, "behind") == 0)
		return take_behind(p, r);
	if (strcmp(r->error, "denied") == 0)
		return fail(p, EACCES, "denied by the broker", &r->why);
	p->take_at = date_mono() + FULL_PAUSE;
	if (!r->ok)
		return 0;
	p->taking_up = 0;
	p->ahead += known - p->begun;
	begin_at(p, known, r->safe < known ? r->safe : known);
	client_progress(p->client);
	return 0;
}

/* The answer to the question what is safe. */
static int
take_asked(struct publisher *p, const struct wire_reply *r)
{
	p->asking = 0;
	p->moved = 1;
	if (p->taking_up)
		return take_up(p, r);
	if (r->ok)
		take_marks(p, r);
	return strcmp(r->error, "behind") == 0 ? take_behind(p, r) : 0;
}

/* An answer: 1 event is set, 0 go on, -1. */
static int
take_reply(struct publisher *p, const struct client_event *c,
    struct publisher_event *event)
{
	const struct wire_reply *r = &c->reply;
	struct frame *f = by_tag(p, c->tag);

	if (c->tag == p->asking)
		return take_asked(p, r);
	if (f == NULL)
		return 0;
	p->in_flight--;
	f->state = READY;
	if (r->ok) {
		take_ok(p, f, r);
		return 0;
	}
	if (strcmp(r->error, "behind") == 0)
		return p->flow && waits(p, f) ? 0 : take_behind(p, r);
	if (strcmp(r->error, "gap") == 0)
		return take_gap(p, f, r, event);
	if (strcmp(r->error, "denied") == 0)
		return fail(p, EACCES, "denied by the broker", &r->why);
	if (strcmp(r->error, "bad") == 0 || strcmp(r->error, "limit") == 0)
		return take_bad(p, f, r, event);
	if (strcmp(r->error, "busy") == 0 && p->flow && r->has_mark)
		return take_fenced(p, f, r);
	if (strcmp(r->error, "busy") == 0)
		return take_busy(p, r, event);
	p->pause_until = date_mono() + FULL_PAUSE;
	if (strcmp(r->error, "full") != 0 || p->told_full)
		return 0;
	p->told_full = 1;
	event->result = PUBLISHER_FULL;
	return 1;
}

/* Another frame's answer may have said that this one is safe. */
static void
take_lost(struct publisher *p, uint64_t tag)
{
	struct frame *f = by_tag(p, tag);

	p->connected = 0;
	if (tag == p->asking)
		p->asking = 0;
	if (f == NULL)
		return;
	p->in_flight--;
	f->state = last_of(f) <= p->safe ? STORED : READY;
	p->moved = 1;
}

static int
take_connection(struct publisher *p, struct publisher_event *event)
{
	int other = p->astray ||
	    (p->broker[0] != '\0' &&
		strcmp(p->broker, client_broker(p->client)) != 0);

	p->astray = 0;
	set_broker(p);
	p->connected = 1;
	p->moved = 1;
	p->pause_until = 0;
	p->local = p->safe;
	if (!other || !send_again(p, p->safe, event))
		event->result = PUBLISHER_CONNECTED;
	return 1;
}

/* The rest of the last answer: 1 event is set, 0 nothing more. */
static int
finish_answer(struct publisher *p, struct publisher_event *event)
{
	struct json_value name, entry, index, why;
	struct json_walk w;
	struct frame *f = p->answered;
	int64_t i;

	if (p->bad > 0) {
		replace_line(f, p->bad);
		p->bad = 0;
		p->answered = NULL;
		return 0;
	}
	while (p->walking && json_next(&p->refused, &name, &entry)) {
		if (entry.kind != JSON_ARRAY)
			continue;
		json_walk(&w, &entry);
		if (!json_next(&w, &name, &index) ||
		    !json_next(&w, &name, &why) ||
		    num_uint(index.p, index.n, &i) < 0 || i < 1 || i > f->n ||
		    is_filler(f, (uint32_t)i))
			continue;
		refuse(p, f, (uint32_t)i, &why, event);
		p->nrefused++;
		return 1;
	}
	if (p->walking && p->nrefused >= WIRE_REFUSED_MAX) {
		p->walking = 0;
		event->result = PUBLISHER_REFUSED;
		event->why = "the broker has refused more lines of this frame "
			     "than it names";
		return 1;
	}
	p->answered = NULL;
	p->walking = 0;
	return 0;
}

static void
ask(struct publisher *p)
{
	buf_clear(&p->head_line);
	wire_pub(
	    &p->head_line, p->from, p->chan, p->done + 1, 0, known_safe(p));
	if (client_send(p->client, ++p->tag, &p->head_line) == 0)
		p->asking = p->tag;
}

/*
 * Nothing in flight and something not yet safe: ask with a frame of no lines,
 * which the broker answers as it does one that it has.
 */
static void
ask_again(struct publisher *p)
{
	const int64_t most = ask_pauses[p->policy][1];

	if (!p->connected || p->asking != 0 || date_mono() < p->ask_at)
		return;
	p->ask_at = INT64_MAX;
	if (p->in_flight > 0 || p->done <= p->safe)
		return;
	p->ask_pause = 2 * p->ask_pause < most ? 2 * p->ask_pause : most;
	ask(p);
}

/* How far the channel of a flow has come, before anything is added. */
static void
ask_first(struct publisher *p)
{
	if (p->taking_up && p->connected && p->asking == 0 &&
	    date_mono() >= p->take_at)
		ask(p);
}

static int
take_event(struct publisher *p, const struct client_event *c,
    struct publisher_event *event)
{
	switch (c->result) {
	case CLIENT_REPLY: return take_reply(p, c, event);
	case CLIENT_LOST: take_lost(p, c->tag); break;
	case CLIENT_CONNECTED: return take_connection(p, event);
	case CLIENT_NONE: break;
	}
	return 0;
}

int
publisher_next(
    struct publisher *p, struct publisher_event *event, int64_t deadline)
{
	struct client_event c;
	int64_t until;
	int did;

	*event = (struct publisher_event){ .result = PUBLISHER_NONE };
	for (;;) {
		if (p->answered != NULL && finish_answer(p, event))
			return 0;
		if (p->moved && settle(p, event))
			return 0;
		ask_again(p);
		ask_first(p);
		send_ready(p);
		if (p->moved)
			continue;
		until = publisher_due(p);
		until = deadline < until ? deadline : until;
		if (client_next(p->client, &c, until) < 0) {
			snprintf(
			    p->why, sizeof p->why, "%s", client_why(p->client));
			return -1;
		}
		did = take_event(p, &c, event);
		if (did != 0)
			return did < 0 ? -1 : 0;
		if (c.result == CLIENT_NONE && date_mono() >= deadline)
			return 0;
	}
}

const char *
publisher_why(const struct publisher *p)
{
	return p->why;
}

int64_t
publisher_due(const struct publisher *p)
{
	int64_t due = p->ask_at;

	if (p->pause_until > 0 && p->pause_until < due)
		due = p->pause_until;
	if (p->taking_up && p->connected && p->asking == 0 && p->take_at < due)
		due = p->take_at;
	return due;
}

uint64_t
publisher_pending(const struct publisher *p, uint64_t *mark)
{
	const struct frame *f;
	uint64_t n = 0;

	for (size_t i = 0; i <= p->closed; i++) {
		f = &p->frame[(p->head + i) % SLOTS];
		if (f->state == STORED && f != p->answered)
			continue;
		if (n == 0 && f->n + (uint32_t)f->marked > 0)
			*mark = mark_of(f, 0);
		n += f->n + (uint32_t)f->marked;
	}
	return n;
}

uint64_t
publisher_alone(const struct publisher *p)
{
	return p->left_alone + (p->done > p->safe ? p->done - p->safe : 0);
}

int
publisher_bye(struct publisher *p, int64_t deadline)
{
	struct client_event event;

	buf_clear(&p->head_line);
	wire_bye(&p->head_line, p->from, p->chan);
	return client_call(p->client, &p->head_line, &event, deadline);
}

const struct publisher_counts *
publisher_counts(const struct publisher *p)
{
	return &p->counts;
}
