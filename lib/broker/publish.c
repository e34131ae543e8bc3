/*
 * Publish requests: order and repeats by channel, the check of every line,
 * the way to the log and back to the publisher.
 */
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "broker/session.h"
#include "broker/summary.h"
#include "event/event.h"

enum {
	AHEAD_FRAMES = 64, /* waiting for an earlier one, a channel */
	AHEAD_BYTES = 32 * 1024 * 1024, /* all channels together */
	AHEAD_SHARE = AHEAD_BYTES / 4,	/* of an actor */
	AHEAD_TIME = 5 * DATE_SECOND,	/* then the answer is "gap" */
	CHANNELS_MAX = 1 << 20,
	LISTS_MAX = 16,		    /* revocation lists in a frame */
	SAFE_WAIT = 200000,	    /* us an answer waits for the twin */
	SKEW_MAX = 60 * DATE_SECOND /* of the twin's clock, followed */
};

/* What is needed of a request's header after it was read. */
struct claim {
	int has_chan;
	uint64_t first, safe;
	struct json_value from;
	const char *lines;
	size_t lines_len;
};

/* A publish request that is not answered yet. */
struct publish {
	struct publish *next;		 /* in its channel's list */
	struct publish *other, **self;	 /* in its session's list */
	struct publish *queue, **queued; /* in the broker's ahead list */
	struct session *session;	 /* NULL: the connection is gone */
	struct actor *actor;		 /* NULL: plain */
	struct front_route route;
	struct chan *channel; /* NULL: not numbered */
	struct blob *body;    /* while it waits ahead of its turn */
	struct claim request;
	struct wire_mark *mark; /* what it commits, or NULL */
	int64_t since;
	uint64_t upto;	/* number of its last line */
	uint64_t lines; /* in the request */
	uint64_t events;
	struct log_place place; /* the twin has it when it has this */
	struct publish *unsafe; /* next of those that wait for that */
	int64_t safe_due;	/* but not longer */
	struct buf refused;	/* elements of the answer's array */
	size_t nrefused;
};

static void
enlist(struct publish *p, struct session *s)
{
	p->session = s;
	p->other = s->publishes;
	p->self = &s->publishes;
	if (p->other != NULL)
		p->other->self = &p->other;
	s->publishes = p;
}

static struct publish *
publish_new(struct session *s, const struct front_route *route,
    struct chan *channel, const struct wire_request *r)
{
	struct publish *p = xcalloc(1, sizeof *p);

	p->route = *route;
	p->actor = s->grant != NULL ? s->grant->actor : NULL;
	p->channel = channel;
	p->request = (struct claim){ r->has_chan, r->first, r->safe, r->from,
		r->lines, r->lines_len };
	p->mark = flow_claim(r);
	enlist(p, s);
	return p;
}

static void
publish_free(struct publish *p)
{
	if (p->session != NULL) {
		*p->self = p->other;
		if (p->other != NULL)
			p->other->self = p->self;
	}
	buf_fini(&p->refused);
	free(p->mark);
	free(p);
}

static int
twin_has(const struct broker *b, struct log_place place)
{
	const struct trail *done = mirror_done(b->mirror);

	return place.n == 0 ||
	    (done != NULL && trail_passed(done, b->store, place));
}

static uint64_t
safe_mark(const struct broker *b, struct chan *c)
{
	if (b->twin == NULL || twin_has(b, c->last))
		c->safe = c->durable;
	return c->safe;
}

/* The marks of a numbered request's channel; a new one's are 0. */
static void
add_marks(const struct broker *b, struct buf *h, const struct publish *p)
{
	buf_adds(h, ",\"local\":");
	buf_addu(h, p->channel != NULL ? p->channel->durable : 0);
	buf_adds(h, ",\"safe\":");
	buf_addu(h, p->channel != NULL ? safe_mark(b, p->channel) : 0);
}

/* Answer with the channel's marks, or with a count if it has no channel. */
static void
acknowledge(struct broker *b, struct publish *p)
{
	struct buf h = { 0 };

	if (p->session != NULL) {
		buf_adds(&h, "{\"ok\":true");
		if (p->request.has_chan) {
			add_marks(b, &h, p);
		} else {
			buf_adds(&h, ",\"n\":");
			buf_addu(&h, p->events);
		}
		if (p->nrefused != 0) {
			buf_adds(&h, ",\"refused\":[");
			buf_add(&h, p->refused.p, p->refused.len);
			buf_addc(&h, ']');
		}
		buf_addc(&h, '}');
		session_answer(b, &p->route, &h);
	}
	publish_free(p);
}

static void
refuse(struct broker *b, struct publish *p, const char *error, const char *why)
{
	struct buf h = { 0 };

	if (p->session != NULL) {
		buf_addf(&h, "{\"ok\":false,\"error\":\"%s\"", error);
		if (p->request.has_chan)
			add_marks(b, &h, p);
		if (p->mark != NULL && strcmp(error, "busy") == 0) {
			buf_adds(&h, ",\"mark\":");
			buf_addu(&h, flow_newest(p->session, p->mark));
		}
		buf_adds(&h, ",\"why\":");
		json_add_string(&h, why, strlen(why));
		buf_addc(&h, '}');
		session_answer(b, &p->route, &h);
	}
	publish_free(p);
}

static void
refuse_line(struct broker *b, struct publish *p, uint64_t line, const char *why)
{
	struct buf h = { 0 };

	buf_addf(&h, "{\"ok\":false,\"error\":\"bad\",\"line\":%llu,\"why\":",
	    (unsigned long long)line);
	json_add_string(&h, why, strlen(why));
	buf_addc(&h, '}');
	if (p->session != NULL)
		session_answer(b, &p->route, &h);
	else
		buf_fini(&h);
	publish_free(p);
}

/* A line that is well formed but may not be accepted. */
static void
note_refused(
    struct broker *b, struct publish *p, uint64_t line, const char *why)
{
	b->counts.refused++;
	if (p->nrefused++ >= WIRE_REFUSED_MAX)
		return;
	if (p->refused.len != 0)
		buf_addc(&p->refused, ',');
	buf_addc(&p->refused, '[');
	buf_addu(&p->refused, line);
	buf_addc(&p->refused, ',');
	json_add_string(&p->refused, why, strlen(why));
	buf_addc(&p->refused, ']');
}

/* 1 if the frame ends with a mark, which takes a number, too. */
static int
has_mark(const struct publish *p)
{
	return p->mark != NULL && p->mark->has_cursor;
}

static uint32_t
count_lines(const char *p, size_t n)
{
	const char *end = p + n, *lf;
	uint32_t count = 0;

	while (p < end && (lf = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		count++;
		p = lf + 1;
	}
	return count + (p < end);
}

/* Move past the first lines that are known already. */
static void
skip_lines(struct claim *r, uint64_t count)
{
	const char *end = r->lines + r->lines_len, *lf;

	while (count-- > 0 && r->lines < end) {
		lf = memchr(r->lines, '\n', (size_t)(end - r->lines));
		r->lines = lf != NULL ? lf + 1 : end;
	}
	r->lines_len = (size_t)(end - r->lines);
}

/*
 * The body with its last line ended.  Only requests typed by hand lack the
 * newline, so the copy does not matter.
 */
static struct blob *
end_last_line(struct blob *body, struct claim *r)
{
	struct blob *whole;

	if (r->lines_len == 0 || r->lines[r->lines_len - 1] == '\n')
		return blob_ref(body);
	whole = blob_new(r->lines_len + 1);
	memcpy(whole->p, r->lines, r->lines_len);
	whole->p[r->lines_len++] = '\n';
	whole->len = r->lines_len;
	r->lines = whole->p;
	return whole;
}

/* The body with its last line ended, and the mark behind it. */
static struct blob *
add_mark(const struct publish *p, struct claim *r)
{
	struct buf mark = { 0 };
	struct blob *whole;
	size_t n = r->lines_len;

	flow_add(&mark, p->session, p->mark, p->upto);
	whole = blob_new(n + 1 + mark.len);
	memcpy(whole->p, r->lines, n);
	if (n != 0 && whole->p[n - 1] != '\n')
		whole->p[n++] = '\n';
	memcpy(whole->p + n, mark.p, mark.len);
	whole->len = n + mark.len;
	buf_fini(&mark);
	r->lines = whole->p;
	r->lines_len = whole->len;
	return whole;
}

/* What scanning a frame needs beside the line in hand. */
struct scan {
	struct broker *b;
	struct publish *p;
	struct store_frame *frame; /* all lines, the refused ones too */
	unsigned char *refused;	   /* by line; NULL: none is */
	int64_t now;
	uint32_t n, kept;
	uint64_t line; /* index in the request, from 1 */
	int lists;     /* revocation lists among the lines so far */
};

/* Topics of revocation lists; the issuer's id follows. */
static const char lists[] = "$SG/TRUST/CRL/";

static const char *
take_list(struct broker *b, const struct event *e, const char *topic, size_t n)
{
	const size_t head = sizeof lists - 1;

	if (!event_has(e, EVENT_D))
		return "a revocation list without d";
	return gate_list(b->gate, topic + head, n - head,
	    e->line + e->at[EVENT_D], e->len[EVENT_D]);
}

static int
is_list(const char *topic, size_t n)
{
	return n > sizeof lists - 1 &&
	    memcmp(topic, lists, sizeof lists - 1) == 0;
}

/* Of the broker's own topics only revocation lists may be published. */
static const char *
list_fault(struct scan *s, const struct event *e, const char *topic, size_t n)
{
	if (!is_list(topic, n))
		return "topic is the broker's own";
	/* Each costs a signature; all others wait meanwhile. */
	if (++s->lists > LISTS_MAX)
		return "too many revocation lists at once";
	return take_list(s->b, e, topic, n);
}

static const char *
class_fault(struct scan *s, const struct event *e, const char *topic, size_t n)
{
	const char *why;

	if (topic[0] == '$')
		return list_fault(s, e, topic, n);
	if (n < sizeof "COMMAND" - 1 || (topic[0] != 'C' && topic[0] != 'D'))
		return NULL;
	return event_command(e, s->now, &why) == 1 ? NULL : why;
}

static void
add_to_summary(
    struct broker *b, struct last_topic *t, const char *topic, size_t n)
{
	uint64_t hash[TOPIC_LEVELS_MAX];
	size_t levels = summary_levels(topic, n, hash), i;

	for (i = 0; i < levels; i++)
		summary_add(&b->summary, hash[i]);
	if (t != NULL)
		t->frame = b->frame_mark;
}

static int
refuse_event(struct scan *s, const char *why)
{
	note_refused(s->b, s->p, s->line, why);
	if (s->refused == NULL)
		s->refused = xcalloc(s->frame->events, 1);
	s->refused[s->n] = 1;
	return 0;
}

/* The mark is our own, behind the request's lines. */
static int
scan_mark(struct scan *s)
{
	struct last_topic *t = flow_topic(s->p->session, s->p->mark);

	s->frame->topic[s->n] = t;
	add_to_summary(s->b, t, t->text, t->len);
	return 1;
}

/* 1 kept, 0 refused (noted), -1 malformed with *why. */
static int
scan_line(struct scan *s, const char *line, size_t n, const char **why)
{
	char space[TOPIC_MAX + 1];
	struct event e;
	const char *topic, *fault;
	size_t topic_n;
	struct grant *grant = s->p->session->grant;
	struct last_topic *t;

	if (s->line > s->p->lines)
		return scan_mark(s);
	if (n > (size_t)s->b->o.max_line) {
		*why = "line too long";
		return -1;
	}
	if (event_scan(&e, line, n, why) != 0 || event_complete(&e, why) != 0)
		return -1;
	topic = event_topic(&e, space, &topic_n);
	fault = grant == NULL
	    ? NULL
	    : grant_publish(gate_actors(s->b->gate), grant, s->b->last, &e, &t);
	if (fault != NULL) {
		s->b->counts.denied++;
		return refuse_event(s, fault);
	}
	fault = class_fault(s, &e, topic, topic_n);
	if (fault != NULL)
		return refuse_event(s, fault);
	if (grant == NULL)
		t = last_topic(s->b->last, topic, topic_n);
	s->frame->topic[s->n] = t;
	if (t == NULL || t->frame != s->b->frame_mark)
		add_to_summary(s->b, t, topic, topic_n);
	return 1;
}

/* Its events are durable here: answer, with the twin's word if that comes. */
static void
confirm(struct broker *b, struct publish *p, struct log_place place)
{
	if (b->twin == NULL || p->channel == NULL || b->lagging ||
	    !mirror_open(b->mirror) || twin_has(b, place)) {
		acknowledge(b, p);
		return;
	}
	p->place = place;
	p->channel->pending++;
	p->safe_due = date_mono() + SAFE_WAIT;
	*b->unsafe_end = p;
	b->unsafe_end = &p->unsafe;
}

/*
 * A twin that catches up is not waited for: every answer would wait in vain.
 * It is again once it has an event within that time of our having stored it.
 */
static void
probe(struct broker *b)
{
	const int64_t now = date_mono();

	if (b->lagging && twin_has(b, b->probe) &&
	    now < b->probe_at + SAFE_WAIT) {
		b->lagging = 0;
	} else if (!b->lagging || twin_has(b, b->probe)) {
		b->lagging = 1;
		b->probe = (struct log_place){ b->run,
			store_run(b->store, b->run)->end };
		b->probe_at = now;
	}
}

int64_t
publish_confirmed(struct broker *b, int64_t now)
{
	struct publish *p;
	int gone = b->mirror == NULL || !mirror_open(b->mirror);

	if (b->lagging && !gone)
		probe(b);

	while ((p = b->unsafe) != NULL &&
	    (gone || p->safe_due <= now || twin_has(b, p->place))) {
		b->unsafe = p->unsafe;
		if (b->unsafe == NULL)
			b->unsafe_end = &b->unsafe;
		if (twin_has(b, p->place))
			p->channel->safe = p->upto > p->channel->safe
			    ? p->upto
			    : p->channel->safe;
		else if (!gone && !b->lagging)
			probe(b);
		p->channel->pending--;
		acknowledge(b, p);
	}
	return b->unsafe != NULL ? b->unsafe->safe_due : INT64_MAX;
}

/* Answer repeats whose events have become durable. */
static void
settle(struct broker *b, struct chan *c)
{
	struct publish *p;

	while ((p = c->waiting) != NULL && p->upto <= c->durable) {
		c->waiting = p->next;
		confirm(b, p, c->last);
	}
}

/* Check every line and note where it stands.  -1: the request is refused. */
static int
scan_lines(struct scan *s, const char *lines, size_t len)
{
	const char *p = lines, *end = lines + len, *lf, *why;
	int kept;

	for (; p < end; p = lf + 1, s->line++, s->n++) {
		lf = memchr(p, '\n', (size_t)(end - p));
		s->frame->at[s->n] = (uint32_t)(p - lines);
		kept = scan_line(s, p, (size_t)(lf - p), &why);
		if (kept < 0) {
			refuse_line(s->b, s->p, s->line, why);
			return -1;
		}
		s->kept += (uint32_t)kept;
	}
	s->frame->at[s->n] = (uint32_t)len;
	return 0;
}

/* How far the logs of others have come, where that is news. */
static void
add_deps(struct broker *b, struct frame_head *h)
{
	const struct log_place *at;
	size_t i;

	for (i = 0; i < b->tails.n && h->deps < FRAME_DEPS_MAX; i++) {
		at = &b->tails.at[i];
		if (i < b->deps.n && b->deps.at[i].run == at->run &&
		    b->deps.at[i].n == at->n)
			continue;
		h->dep[h->deps++] = (struct frame_dep){ at->run, at->n };
	}
	b->deps = b->tails;
}

/* How many of the events were given to us. */
static uint64_t
given(const struct store_frame *frame)
{
	return frame->internal ? 0 : frame->events - (frame->mark != NULL);
}

/* Hand a frame of ours, whose lines and topics are set, to the log. */
static void
append(struct broker *b, struct store_frame *frame, struct publish *p)
{
	struct frame_head *h = &frame->f.head;

	frame->f.item.kind = LOG_FRAME;
	frame->f.run = b->run;
	frame->owner = p;
	h->n = b->next;
	h->rt = b->rt;
	h->events = frame->events;
	add_deps(b, h);
	store_frame_summary(frame, &b->summary);
	if (frame->channel != NULL)
		frame->channel->pending++;
	b->next += frame->events;
	b->counts.frames++;
	b->counts.bytes_in += h->len;
	b->counts.events_in += given(frame);
	if (b->log == NULL) {
		publish_done(b, frame, 0);
		return;
	}
	b->queued++;
	log_put(b->log, &frame->f.item);
	flow_handed(b, frame);
}

/* Whose events these are; first is the channel number of the first line. */
static void
fill_origin(struct store_frame *frame, const struct publish *p, uint64_t first)
{
	struct frame_head *h = &frame->f.head;

	frame->channel = p->channel;
	if (p->channel != NULL) {
		memcpy(h->from, p->channel->from, sizeof h->from);
		h->chan = p->channel->chan;
		h->first = first;
	} else if (p->request.from.kind == JSON_STRING) {
		memcpy(h->from, p->request.from.p, p->request.from.n);
	} else {
		memcpy(h->from, "anonymous", sizeof "anonymous");
	}
}

/* Lines i to end of what was scanned as a frame of its own. */
static struct store_frame *
cut_frame(const struct scan *s, const char *lines, uint32_t i, uint32_t end)
{
	struct store_frame *piece = store_frame_new(end - i);
	const struct store_frame *all = s->frame;
	char space[TOPIC_MAX + 1];
	const char *line, *topic;
	struct last_topic *t;
	uint32_t k;
	size_t n;

	s->b->frame_mark++;
	summary_begin(&s->b->summary);
	piece->f.head.lines = lines + all->at[i];
	piece->f.head.len = all->at[end] - all->at[i];
	for (k = i; k <= end; k++)
		piece->at[k - i] = all->at[k] - all->at[i];
	for (k = i; k < end; k++) {
		t = piece->topic[k - i] = all->topic[k];
		if (t != NULL && t->frame == s->b->frame_mark)
			continue;
		line = lines + all->at[k];
		topic = session_topic(
		    line, all->at[k + 1] - all->at[k] - 1, space, &n);
		add_to_summary(s->b, t, topic, n);
	}
	return piece;
}

static uint32_t
same_kind(const struct scan *s, uint32_t i)
{
	uint32_t end = i;

	while (end < s->n && s->refused[end] == s->refused[i])
		end++;
	return end;
}

static void
set_mark(const struct scan *s, struct store_frame *frame)
{
	const struct publish *p = s->p;

	if (has_mark(p))
		frame->mark =
		    flow_mark(p->session, p->mark, p->channel->from, p->upto);
}

/*
 * Between refused lines the frame is cut, so that the events of each piece
 * have consecutive numbers; the last piece takes the numbers behind it.
 */
static void
store_pieces(
    struct scan *s, struct blob *body, const char *lines, uint64_t first)
{
	struct store_frame *piece;
	uint32_t i = 0, end, next;

	for (; i < s->n; i = end) {
		end = same_kind(s, i);
		if (s->refused[i])
			continue;
		next = end < s->n ? same_kind(s, end) : end;
		piece = cut_frame(s, lines, i, end);
		piece->f.body = blob_ref(body);
		fill_origin(piece, s->p, first + i);
		piece->f.head.numbers = next == s->n ? s->n - i : end - i;
		if (end == s->n)
			set_mark(s, piece);
		append(s->b, piece, next == s->n ? s->p : NULL);
	}
}

static struct store_frame *
session_frame(struct broker *b, const char *topic, const char *text);

/*
 * All lines were refused: an event of our own takes their numbers, so that
 * the log alone tells how far the channel is.
 */
static void
store_refused(struct scan *s, uint64_t first)
{
	struct store_frame *frame =
	    session_frame(s->b, "$SG/REFUSED", s->p->channel->from);

	fill_origin(frame, s->p, first);
	frame->f.head.numbers = s->n;
	append(s->b, frame, s->p);
}

static void
store_scanned(struct scan *s, struct blob *body, const char *lines)
{
	struct store_frame *frame = s->frame;
	struct publish *p = s->p;
	uint64_t first = p->upto - s->n + 1;

	s->b->rt = s->now > s->b->rt ? s->now : s->b->rt;
	p->events = s->kept;
	if (s->refused == NULL) {
		frame->f.body = blob_ref(body);
		frame->f.head.lines = lines;
		frame->f.head.len = frame->at[s->n];
		frame->f.head.numbers = s->n;
		fill_origin(frame, p, first);
		set_mark(s, frame);
		append(s->b, frame, p);
		return;
	}
	if (s->kept != 0)
		store_pieces(s, body, lines, first);
	else if (p->channel != NULL)
		store_refused(s, first);
	else
		acknowledge(s->b, p);
	store_frame_free(frame);
	free(s->refused);
}

/* Take the lines of a request whose turn it is, from line skip + 1 on. */
static void
accept_lines(
    struct broker *b, struct publish *p, struct blob *given, uint64_t skip)
{
	struct claim *r = &p->request;
	struct scan s = { .b = b, .p = p, .line = skip + 1 };
	struct blob *body;
	const char *lines;

	skip_lines(r, skip);
	body = has_mark(p) ? add_mark(p, r) : end_last_line(given, r);
	lines = body->p + (r->lines - body->p);
	s.now = date_now();
	s.frame = store_frame_new((uint32_t)(p->upto + 1 - r->first - skip));
	b->frame_mark++;
	summary_begin(&b->summary);
	if (scan_lines(&s, lines, r->lines_len) != 0) {
		store_frame_free(s.frame);
		free(s.refused);
	} else {
		if (p->channel != NULL)
			p->channel->accepted = p->upto;
		store_scanned(&s, body, lines);
	}
	blob_unref(body);
}

static void
wait_for_durable(struct broker *b, struct publish *p)
{
	struct publish **at = &p->channel->waiting;

	while (*at != NULL)
		at = &(*at)->next;
	*at = p;
	p->next = NULL;
	settle(b, p->channel);
}

static void
leave_ahead(struct broker *b, struct publish *p)
{
	*p->queued = p->queue;
	if (p->queue != NULL)
		p->queue->queued = p->queued;
	b->ahead_bytes -= p->body->len;
	if (p->actor != NULL)
		p->actor->ahead -= p->body->len;
	b->nahead--;
	p->channel->ahead_count--;
}

/* What is asked for is its turn, or has been taken already. */
static void
take_turn(struct broker *b, struct publish *p, struct blob *body)
{
	const uint64_t accepted = p->channel->accepted;
	const uint64_t first = p->request.first;
	const char *error_name = NULL, *why;

	if (p->mark != NULL)
		error_name =
		    flow_fault(p->session, p->mark, p->upto, accepted, &why);
	if (error_name != NULL)
		refuse(b, p, error_name, why);
	else if (p->upto <= accepted)
		wait_for_durable(b, p);
	else
		accept_lines(b, p, body, accepted + 1 - first);
}

/* Frames that waited for the one just taken. */
static void
take_ahead(struct broker *b, struct chan *c)
{
	struct publish *p;
	struct blob *body;

	while ((p = c->ahead) != NULL && p->request.first <= c->accepted + 1) {
		c->ahead = p->next;
		leave_ahead(b, p);
		body = p->body;
		p->body = NULL;
		take_turn(b, p, body);
		blob_unref(body);
	}
}

static void
wait_ahead(struct broker *b, struct publish *p, struct blob *body)
{
	struct publish **at = &p->channel->ahead;

	if (p->channel->ahead_count >= AHEAD_FRAMES ||
	    b->ahead_bytes + body->len > AHEAD_BYTES ||
	    (p->actor != NULL && p->actor->ahead + body->len > AHEAD_SHARE)) {
		b->counts.gaps++;
		refuse(b, p, "gap", "earlier events are missing");
		return;
	}
	while (*at != NULL && (*at)->request.first < p->request.first)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
	p->channel->ahead_count++;
	p->body = blob_ref(body);
	p->since = date_mono();
	b->ahead_bytes += body->len;
	if (p->actor != NULL)
		p->actor->ahead += body->len;
	b->nahead++;
	p->queue = b->ahead;
	p->queued = &b->ahead;
	if (p->queue != NULL)
		p->queue->queued = &p->queue;
	b->ahead = p;
}

/* Remove from the list of frames waiting for an earlier one. */
static void
forget_ahead(struct broker *b, struct publish *p)
{
	struct publish **at = &p->channel->ahead;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	leave_ahead(b, p);
	blob_unref(p->body);
	p->body = NULL;
}

/* A channel that nothing was taken from is not worth its memory. */
static void
forget_unused(struct broker *b, struct chan *c)
{
	if (c->accepted == 0 && chan_idle(c))
		chans_forget(b->channels, c);
}

static void
count_repeated(struct broker *b, const struct publish *p)
{
	const uint64_t accepted = p->channel->accepted;
	const uint64_t upto = p->upto < accepted ? p->upto : accepted;

	b->counts.repeated += upto + 1 - p->request.first;
}

static void
publish_in_channel(struct broker *b, struct publish *p, struct blob *body)
{
	struct chan *c = p->channel;
	struct claim *r = &p->request;

	c->rt = date_now();
	if (p->mark != NULL)
		flow_advance(p->session, p->mark, c);
	if (r->safe > c->accepted) {
		if (c->accepted != 0 || !session_lax(b))
			b->counts.behind++;
		if (!session_lax(b)) {
			refuse(b, p, "behind",
			    "this broker has lost events that its twin had");
			forget_unused(b, c);
			return;
		}
		c->accepted = c->durable = c->safe = r->safe;
	}
	if (r->first > c->accepted + 1) {
		wait_ahead(b, p, body);
	} else {
		count_repeated(b, p);
		take_turn(b, p, body);
	}
	take_ahead(b, c);
	forget_unused(b, c);
}

static const char *
request_fault(const struct wire_request *r, uint64_t lines)
{
	if (r->from.kind == JSON_STRING &&
	    (r->from.escaped || !wire_name_check(r->from.p, r->from.n)))
		return "from: no valid name";
	if (r->has_chan && r->from.kind != JSON_STRING)
		return "chan without from";
	if (r->has_chan && r->first == 0)
		return "first: must be at least 1";
	if (r->first > INT64_MAX - WIRE_EVENTS_MAX)
		return "first: too large";
	if (r->n >= 0 && (uint64_t)r->n != lines)
		return "n does not equal the number of lines";
	if (lines > WIRE_EVENTS_MAX)
		return "too many events in a frame";
	/* With the end of its last line, which may be missing. */
	if (r->lines_len > WIRE_LINES_MAX ||
	    (r->lines_len == WIRE_LINES_MAX &&
		r->lines[r->lines_len - 1] != '\n'))
		return "frame too long";
	return flow_request_fault(r, lines);
}

/*
 * The publisher is the session's actor, whether the request says so or not.
 * NULL, or why it may not say what it does.
 */
static const char *
own_from(const struct session *s, struct json_value *from)
{
	const char *subject;

	if (s->grant == NULL)
		return NULL;
	subject = s->grant->actor->subject;
	if (from->kind != JSON_STRING) {
		*from = (struct json_value){
			.kind = JSON_STRING, .p = subject, .n = strlen(subject)
		};
		return NULL;
	}
	return from->n == strlen(subject) &&
		memcmp(from->p, subject, from->n) == 0
	    ? NULL
	    : "from is not the subject of the certificate";
}

/* A channel of a session is counted as its actor's, when first seen. */
static struct chan *
own_channel(struct session *s, struct chan *c)
{
	if (c != NULL && s->grant != NULL && c->count == NULL) {
		c->count = &s->grant->actor->channels;
		++*c->count;
	}
	return c;
}

/* 1 if the session may have a channel more. */
static int
may_open(const struct session *s)
{
	const int64_t most = actors_limits(gate_actors(s->b->gate))->channels;

	return chans_count(s->b->channels) < CHANNELS_MAX &&
	    (s->grant == NULL || most == 0 || s->grant->actor->channels < most);
}

static void
busy(struct broker *b, const struct front_route *route, int64_t wait)
{
	struct buf h = { 0 };

	b->counts.busy++;
	buf_addf(&h,
	    "{\"ok\":false,\"error\":\"busy\",\"after\":%lld.%06lld,"
	    "\"why\":\"more than the actor's quota of events or bytes a "
	    "second\"}",
	    (long long)(wait / DATE_SECOND), (long long)(wait % DATE_SECOND));
	session_answer(b, route, &h);
}

/* 1 if the request has been answered: it is not to be taken. */
static int
turned_away(struct session *s, const struct front_route *route,
    struct wire_request *r, uint64_t lines)
{
	struct broker *b = s->b;
	const char *fault = own_from(s, &r->from);
	const int claims = flow_claims(r);
	int64_t wait;

	if (fault != NULL) {
		b->counts.denied++;
		session_error(b, route, "denied", fault);
		return 1;
	}
	if ((fault = request_fault(r, lines)) != NULL) {
		session_error(b, route, "bad", fault);
		return 1;
	}
	if (s->grant == NULL)
		return 0;
	/* A mark is stored, too. */
	wait =
	    grant_pay(gate_actors(b->gate), s->grant, lines + (uint64_t)claims,
		r->lines_len + (claims ? r->commit.n : 0), date_mono());
	if (wait != 0)
		busy(b, route, wait);
	return wait != 0;
}

void
publish_request(struct session *s, const struct front_route *route,
    struct blob *body, struct wire_request *r)
{
	struct broker *b = s->b;
	struct chan *c = NULL;
	struct publish *p;
	uint64_t lines = count_lines(r->lines, r->lines_len);
	int has_events;

	if (turned_away(s, route, r, lines))
		return;
	has_events = lines != 0 || flow_claims(r);
	if (r->has_chan)
		c = own_channel(s,
		    chans_get(b->channels, r->from.p, r->from.n, r->chan,
			has_events && !b->failing && may_open(s)));
	p = publish_new(s, route, c, r);
	p->lines = lines;
	p->upto = r->first + lines + (uint64_t)has_mark(p) - 1;
	if (b->failing)
		refuse(b, p, "full", strerror(b->failing));
	else if (!has_events)
		acknowledge(b, p);
	else if (!r->has_chan)
		accept_lines(b, p, body, 0);
	else if (c == NULL)
		refuse(b, p, "limit", "too many channels");
	else
		publish_in_channel(b, p, body);
}

static void
set_last(struct broker *b, const struct store_frame *frame)
{
	uint32_t i;

	for (i = 0; i < frame->events; i++) {
		struct last_topic *t = frame->topic[i];

		if (t != NULL && !event_momentary(t->text, t->len))
			last_set(b->last, t, frame->f.run, frame->f.head.n + i);
	}
}

static void
tap_frame(struct broker *b, const struct store_frame *frame)
{
	char space[TOPIC_MAX + 1];
	uint32_t i;

	for (i = 0; i < frame->events; i++) {
		const char *line = frame->f.head.lines + frame->at[i];
		size_t n = frame->at[i + 1] - frame->at[i] - 1, topic_n;
		const char *topic = session_topic(line, n, space, &topic_n);

		tap_send(b->tap, topic, topic_n, line, n);
	}
}

static void
publish_failed(struct broker *b, struct chan *c, struct publish *p, int error)
{
	struct publish *repeat;

	if (c != NULL) {
		c->accepted = c->durable;
		while ((repeat = c->waiting) != NULL) {
			c->waiting = repeat->next;
			refuse(b, repeat, "full", strerror(error));
		}
	}
	if (p != NULL)
		refuse(b, p, "full", strerror(error));
}

/* Its channel has come as far as this frame. */
static void
move_channel(struct chan *c, const struct frame_head *h)
{
	uint64_t upto = h->first + h->numbers - 1;

	if (upto > c->durable)
		c->durable = upto;
	if (upto > c->accepted)
		c->accepted = upto;
}

/* A frame that is durable: to those who wait for it. */
static void
hand_on(struct broker *b, struct store_frame *frame)
{
	b->checkpoint_bytes += frame->f.head.len;
	if (tap_busy(b->tap))
		tap_frame(b, frame);
	store_add(b->store, frame);
	subscribe_frame(b, frame);
	if (b->mirror != NULL)
		mirror_frame(b->mirror);
}

void
publish_done(struct broker *b, struct store_frame *frame, int error)
{
	const struct frame_head *h = &frame->f.head;
	const struct log_place place = { b->run, h->n + h->events - 1 };
	struct publish *p = frame->owner;
	struct chan *c = frame->channel;

	if (c != NULL)
		c->pending--;
	if (error != 0) {
		b->counts.events_in -= given(frame);
		flow_done(b, frame, error);
		publish_failed(b, c, p, error);
		store_frame_free(frame);
		return;
	}
	if (c != NULL) {
		move_channel(c, h);
		c->last = place;
	}
	if (p != NULL)
		confirm(b, p, place);
	if (c != NULL)
		settle(b, c);
	set_last(b, frame);
	flow_done(b, frame, 0);
	hand_on(b, frame);
}

/* Copies: frames of the twin's logs, and of ours that come back. */

/*
 * Which of two events of one topic is the newest: of one channel that of the
 * higher number, for a publisher sends again to another broker what it may
 * have; else the one received last, of the same time that of the greater
 * name.  A broker's receive times are above all it has seen of its twin's, so
 * what was sent later is newer.
 */
static int
is_newer(struct broker *b, const struct last_topic *t, uint32_t run,
    const struct frame_head *h, uint32_t i)
{
	const struct log_run *mine, *its = store_run(b->store, run);
	struct store_view v = { 0 };
	int64_t rt;
	uint64_t number = 0;

	if (t->n == 0 || t->run == run)
		return 1;
	rt = store_newest(b->store, t);
	if (t->run == STORE_RUN_NONE)
		return h->rt >= rt;
	mine = store_run(b->store, t->run);
	if (h->chan != 0 &&
	    store_view(&v, b->store, (struct log_place){ t->run, t->n - 1 }) ==
		1 &&
	    v.head.chan == h->chan && strcmp(v.head.from, h->from) == 0)
		number = v.head.first + (t->n - v.head.n);
	store_view_end(&v);
	if (number != 0)
		return h->first + i > number;
	if (strcmp(mine->name, its->name) == 0)
		return its->start > mine->start;
	return h->rt > rt || (h->rt == rt && strcmp(its->name, mine->name) > 0);
}

void
publish_newest(struct broker *b, struct last_topic *t, uint32_t run,
    const struct frame_head *h, uint32_t i)
{
	if (t == NULL || event_momentary(t->text, t->len))
		return;
	if (is_newer(b, t, run, h, i))
		last_set(b->last, t, run, h->n + i);
}

void
publish_list(struct broker *b, const char *line, size_t n)
{
	char space[TOPIC_MAX + 1];
	struct event e;
	const char *why, *topic;
	size_t topic_n;

	if (event_scan(&e, line, n, &why) != 0 || !event_has(&e, EVENT_TOPIC))
		return;
	topic = event_topic(&e, space, &topic_n);
	if (is_list(topic, topic_n))
		take_list(b, &e, topic, topic_n);
}

void
publish_after(struct broker *b, int64_t rt)
{
	if (rt >= b->rt && rt < date_now() + SKEW_MAX)
		b->rt = rt + 1;
}

int
publish_copy(struct broker *b, struct store_frame *frame)
{
	struct frame_head *h = &frame->f.head;
	const char *line = h->lines, *end = line + h->len, *lf, *topic;
	char space[TOPIC_MAX + 1];
	uint32_t i;
	size_t n;

	b->frame_mark++;
	summary_begin(&b->summary);
	for (i = 0; i < h->events; i++, line = lf + 1) {
		struct last_topic *t;

		lf = memchr(line, '\n', (size_t)(end - line));
		topic = session_topic(line, (size_t)(lf - line), space, &n);
		if (topic == NULL || n > TOPIC_MAX)
			return -1;
		if (is_list(topic, n))
			publish_list(b, line, (size_t)(lf - line));
		t = last_topic(b->last, topic, n);
		frame->topic[i] = t;
		frame->at[i] = (uint32_t)(line - h->lines);
		if (t == NULL || t->frame != b->frame_mark)
			add_to_summary(b, t, topic, n);
		if (i + 1 == h->events)
			flow_copy(
			    b, frame, topic, n, line, (size_t)(lf - line));
	}
	frame->at[i] = h->len;
	store_frame_summary(frame, &b->summary);
	publish_after(b, h->rt);
	if (h->chan != 0) {
		frame->channel = chans_get(
		    b->channels, h->from, strlen(h->from), h->chan, 1);
		frame->channel->pending++;
		frame->channel->rt = date_now();
		if (h->first + h->numbers - 1 > frame->channel->accepted)
			frame->channel->accepted = h->first + h->numbers - 1;
	}
	if (b->log == NULL) {
		publish_copied(b, frame, 0);
		return 0;
	}
	b->queued++;
	log_put(b->log, &frame->f.item);
	flow_handed(b, frame);
	return 0;
}

void
publish_copied(struct broker *b, struct store_frame *frame, int error)
{
	const struct frame_head *h = &frame->f.head;
	struct chan *c = frame->channel;
	uint32_t i;

	twin_copied(b->twin, frame, error);
	if (c != NULL)
		c->pending--;
	flow_done(b, frame, error);
	if (error != 0) {
		publish_failed(b, c, NULL, error);
		store_frame_free(frame);
		return;
	}
	b->counts.copied += frame->events;
	for (i = 0; i < frame->events; i++)
		publish_newest(b, frame->topic[i], frame->f.run, h, i);
	if (c != NULL) {
		move_channel(c, h);
		if (h->first + h->numbers - 1 > c->safe)
			c->safe = h->first + h->numbers - 1;
		settle(b, c);
		take_ahead(b, c);
	}
	hand_on(b, frame);
}

/* Events of the broker's own. */

static struct store_frame *
line_frame(struct broker *b, const char *topic, const struct buf *line)
{
	struct store_frame *frame = store_frame_new(1);

	frame->f.body = blob_new(line->len);
	memcpy(frame->f.body->p, line->p, line->len);
	frame->f.body->len = line->len;
	frame->f.head.lines = frame->f.body->p;
	frame->f.head.len = (uint32_t)line->len;
	frame->f.head.numbers = 1;
	frame->at[0] = 0;
	frame->at[1] = (uint32_t)line->len;
	b->frame_mark++;
	summary_begin(&b->summary);
	frame->internal = 1;
	frame->topic[0] = last_topic(b->last, topic, strlen(topic));
	add_to_summary(b, frame->topic[0], topic, strlen(topic));
	return frame;
}

static struct store_frame *
session_frame(struct broker *b, const char *topic, const char *text)
{
	struct store_frame *frame;
	struct buf line = { 0 };

	buf_addf(&line, "{\"topic\":\"%s\",\"t\":", topic);
	num_add_micros(&line, date_now());
	buf_addf(&line, ",\"vs\":\"%s\",\"src\":\"%s\"}\n", text, b->o.name);
	frame = line_frame(b, topic, &line);
	buf_fini(&line);
	return frame;
}

void
publish_internal(struct broker *b, const char *topic, const struct buf *line,
    struct chan *c, uint64_t number, struct flow_mark *mark)
{
	struct store_frame *frame = line_frame(b, topic, line);
	struct frame_head *h = &frame->f.head;

	memcpy(h->from, c->from, sizeof h->from);
	h->chan = c->chan;
	h->first = number;
	frame->channel = c;
	frame->mark = mark;
	c->accepted = number;
	c->rt = date_now();
	b->rt = c->rt > b->rt ? c->rt : b->rt;
	append(b, frame, NULL);
}

void
session_event(struct broker *b, const char *topic, const char *text)
{
	struct store_frame *frame;

	if (b->failing)
		return;
	frame = session_frame(b, topic, text);
	memcpy(frame->f.head.from, b->o.name, strlen(b->o.name));
	b->rt = date_now() > b->rt ? date_now() : b->rt;
	append(b, frame, NULL);
}

void
publish_forget(struct broker *b, struct chan *c)
{
	struct log_channel *item;

	if (b->log != NULL) {
		item = xcalloc(1, sizeof *item);
		item->item.kind = LOG_BYE;
		memcpy(item->from, c->from, sizeof item->from);
		item->chan = c->chan;
		b->queued++;
		log_put(b->log, &item->item);
	}
	chans_forget(b->channels, c);
}

void
publish_bye(
    struct session *s, const struct front_route *route, struct wire_request *r)
{
	struct broker *b = s->b;
	struct chan *c = NULL;
	const char *fault = own_from(s, &r->from);
	struct buf h = { 0 };

	if (fault != NULL) {
		session_error(b, route, "denied", fault);
		return;
	}

	if (r->from.kind == JSON_STRING && r->has_chan &&
	    wire_name_check(r->from.p, r->from.n))
		c = chans_get(b->channels, r->from.p, r->from.n, r->chan, 0);
	if (c != NULL && !chan_idle(c)) {
		session_error(b, route, "bad", "events are on their way");
		return;
	}
	if (c != NULL && b->mirror != NULL)
		mirror_bye(b->mirror, c->from, c->chan);
	if (c != NULL && !flow_keeps(b, c))
		publish_forget(b, c);
	buf_adds(&h, "{\"ok\":true}");
	session_answer(b, route, &h);
}

void
publish_closed(struct session *s)
{
	struct publish *p, *next;
	struct chan *c;

	for (p = s->publishes; p != NULL; p = next) {
		next = p->other;
		p->session = NULL;
		if (p->body == NULL)
			continue;
		c = p->channel;
		forget_ahead(s->b, p);
		publish_free(p);
		forget_unused(s->b, c);
	}
	s->publishes = NULL;
}

void
publish_expire(struct broker *b, int64_t now)
{
	struct publish *p, *next;
	const char *error_name, *why;
	struct chan *c;

	for (p = b->ahead; p != NULL; p = next) {
		next = p->queue;
		if (p->since + AHEAD_TIME > now)
			continue;
		c = p->channel;
		forget_ahead(b, p);
		b->counts.gaps++;
		why = "earlier events did not come";
		error_name = "gap";
		if (p->mark != NULL)
			error_name = flow_gap(p->session, p->mark, &why);
		refuse(b, p, error_name, why);
		forget_unused(b, c);
	}
}
