#include "bus/swarm.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/date.h"
#include "base/die.h"
#include "base/mix.h"
#include "bus/sp.h"
#include "bus/url.h"
#include "bus/wire.h"
#include "trust/channel.h"

enum {
	TICK = 12,     /* of 2^12 us are the wheel's */
	SLOTS = 16384, /* over a minute */
	NONE = -1,
	PLACES = 8,
	READY = 512,
	SCRATCH = 65536,
	BUSY = 32,		    /* connections that had news on a turn */
	NAP = 250000,		    /* us that a turn may take at most */
	FRAMES = 16,		    /* unanswered, per connection */
	BATCH = 32768,		    /* bytes of a frame before its last line */
	HEALTHY = 30 * DATE_SECOND, /* open for so long: no back-off */
	RENEW = 600,		    /* s over which sessions are made anew */
	FULL_PAUSE = DATE_SECOND,
	WHY_MAX = 512
};

enum state {
	STATE_AWAY, /* the timer says when it is tried */
	STATE_CONNECTING,
	STATE_GREETING, /* ours is sent */
	STATE_SHAKING,
	STATE_OPEN,
	STATE_LEAVING, /* bye is sent */
	STATE_GONE     /* for good */
};

struct conn {
	int fd;
	uint8_t state, place;
	uint8_t timed; /* it is in the wheel */
	uint8_t done;  /* counted as finished */
	int32_t next, prev;
	int64_t at;    /* its timer */
	int64_t due;   /* of event sent + 1 */
	int64_t heard; /* something, or nothing was outstanding until then */
	int64_t since; /* open */
	int64_t until; /* the session is renewed */
	int64_t pause;
	uint64_t acked, safe, sent; /* events, by number */
	uint64_t top;		    /* the highest ever sent */
	uint64_t request;	    /* in the session */
	uint32_t frames;	    /* unanswered */
	uint32_t id;
	struct sp_reader reader;
	struct buf in, out; /* what is incomplete */
	struct channel *channel;
};

/* One URL of the list. */
struct place {
	struct url url;
	struct sockaddr_storage to;
	socklen_t len;
	enum sp_transport transport;
	int loopback;
};

struct swarm {
	struct swarm_config config;
	struct swarm_counts counts;
	struct histogram latency;
	struct place place[PLACES];
	size_t nplaces;
	struct conn *conn;
	int epoll;
	int64_t now;
	uint64_t run, random;
	int started, stopped, busy, error, denied;
	uint32_t finished;
	int64_t begun;
	int64_t away; /* since when not all are open; 0: they are */
	int64_t tick; /* up to which the wheel has turned */
	int32_t slot[SLOTS];
	struct buf head, lines, out, plain;
	char why[WHY_MAX];
	char scratch[SCRATCH];
	struct epoll_event ready[READY];
};

/* --- timers: a wheel, since all that many do is wait --- */

static uint32_t
index_of(const struct swarm *s, const struct conn *c)
{
	return (uint32_t)(c - s->conn);
}

static void
timer_clear(struct swarm *s, struct conn *c)
{
	if (!c->timed)
		return;
	c->timed = 0;
	if (c->next != NONE)
		s->conn[c->next].prev = c->prev;
	if (c->prev != NONE)
		s->conn[c->prev].next = c->next;
	else
		s->slot[(c->at >> TICK) % SLOTS] = c->next;
}

/* Late by a tick at most, so that those of a tick are done together. */
static void
timer_set(struct swarm *s, struct conn *c, int64_t at)
{
	int64_t tick;
	int32_t *slot;

	timer_clear(s, c);
	if (at == INT64_MAX)
		return;
	tick = (at >> TICK) + 1;
	if (tick <= s->tick)
		tick = s->tick + 1;
	c->at = tick << TICK;
	slot = &s->slot[tick % SLOTS];
	c->timed = 1;
	c->prev = NONE;
	c->next = *slot;
	if (*slot != NONE)
		s->conn[*slot].prev = (int32_t)index_of(s, c);
	*slot = (int32_t)index_of(s, c);
}

static uint64_t
draw(struct swarm *s)
{
	return mix64(s->run, s->random++);
}

/* --- connections --- */

static void
say(struct swarm *s, const char *why)
{
	snprintf(s->why, sizeof s->why, "%s: %s", s->place[0].url.text, why);
}

static void
say_at(struct swarm *s, const struct conn *c, const char *why)
{
	snprintf(
	    s->why, sizeof s->why, "%s: %s", s->place[c->place].url.text, why);
}

static void
conn_close(struct swarm *s, struct conn *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	channel_free(c->channel);
	c->channel = NULL;
	buf_fini(&c->in);
	buf_fini(&c->out);
	if (c->state == STATE_OPEN || c->state == STATE_LEAVING)
		s->counts.open--;
	if (c->state == STATE_OPEN && s->away == 0)
		s->away = s->now;
	c->state = STATE_AWAY;
	c->frames = 0;
	timer_clear(s, c);
}

/* When it sends its event k. */
static int64_t
due_of(const struct swarm *s, const struct conn *c, uint64_t k)
{
	if (!s->started || (s->stopped && k > c->top))
		return INT64_MAX;
	return s->config.source.due(s->config.source.ctx, index_of(s, c), k);
}

/* What the next broker may not have is sent again from there. */
static void
conn_rewind(struct swarm *s, struct conn *c)
{
	c->sent = s->nplaces > 1 ? c->safe : c->acked;
	c->due = due_of(s, c, c->sent + 1);
}

/* Decorrelated jitter: between the least and three times the last pause. */
static int64_t
next_pause(struct swarm *s, struct conn *c)
{
	const int64_t least = s->config.pause_min;
	int64_t most = 3 * c->pause;

	if (c->pause == 0) {
		c->pause = least;
		return (int64_t)(draw(s) % (uint64_t)(least + 1));
	}
	c->pause = least + (int64_t)(draw(s) % (uint64_t)(most - least + 1));
	if (c->pause > s->config.pause_max)
		c->pause = s->config.pause_max;
	return c->pause;
}

static void
conn_lost(struct swarm *s, struct conn *c, const char *why)
{
	const int was_open = c->state == STATE_OPEN;

	if (c->state == STATE_LEAVING) {
		conn_close(s, c);
		c->state = STATE_GONE;
		return;
	}
	say_at(s, c, why);
	if (was_open)
		s->counts.lost++;
	else
		s->counts.failed++;
	if (was_open && s->now - c->since > HEALTHY)
		c->pause = 0;
	conn_close(s, c);
	c->place = (uint8_t)((c->place + 1U) % s->nplaces);
	conn_rewind(s, c);
	timer_set(s, c, s->now + next_pause(s, c));
}

/* Each so many connections get a source address of their own. */
static int
bind_source(const struct swarm *s, const struct conn *c, int fd)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	const uint32_t i = index_of(s, c) / s->config.spread;
	int on = 1;

	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
	return bind(fd, (struct sockaddr *)&from, sizeof from);
}

static int
conn_socket(struct swarm *s, struct conn *c)
{
	const struct place *p = &s->place[c->place];
	int on = 1, fd;

	fd = socket(
	    p->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (p->transport == SP_TCP)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (p->loopback && s->config.connections > s->config.spread &&
	    bind_source(s, c, fd) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* One attempt; a local socket whose queue is full says EAGAIN. */
static void
conn_connect(struct swarm *s, struct conn *c)
{
	const struct place *p = &s->place[c->place];
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
		.data.ptr = c };

	c->fd = conn_socket(s, c);
	if (c->fd == -1) {
		s->error = errno;
		say(s, strerror(errno));
		return;
	}
	if (connect(c->fd, (const struct sockaddr *)&p->to, p->len) != 0 &&
	    errno != EINPROGRESS) {
		conn_lost(s, c, strerror(errno));
		return;
	}
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0) {
		s->error = errno;
		say(s, strerror(errno));
		return;
	}
	c->state = STATE_CONNECTING;
	c->heard = s->now;
	timer_set(s, c, s->now + s->config.patience);
}

/* Send, as far as the socket takes it. */
static void
conn_write(struct swarm *s, struct conn *c, const void *p, size_t n)
{
	const char *from = p;
	ssize_t did = 0;

	if (c->out.len == 0) {
		did = send(c->fd, from, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (did == -1 && errno != EAGAIN && errno != EINTR) {
			conn_lost(s, c, strerror(errno));
			return;
		}
	}
	did = did > 0 ? did : 0;
	s->counts.bytes += n;
	if ((size_t)did < n)
		buf_add(&c->out, from + did, n - (size_t)did);
}

static void
conn_flush(struct swarm *s, struct conn *c)
{
	ssize_t did;

	if (c->out.len == 0)
		return;
	did = send(c->fd, c->out.p, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (did == -1) {
		if (errno != EAGAIN && errno != EINTR)
			conn_lost(s, c, strerror(errno));
		return;
	}
	buf_cut(&c->out, (size_t)did);
	if (c->out.len == 0)
		buf_fini(&c->out);
}

/* s->out has room for the head before it: one message of what is there. */
static void
head_write(struct swarm *s, struct conn *c, size_t body)
{
	uint8_t path[4], head[SP_HEAD_MAX];

	c->id = (c->id + 1) & 0x7fffffff;
	path[0] = (uint8_t)(0x80 | c->id >> 24);
	path[1] = (uint8_t)(c->id >> 16);
	path[2] = (uint8_t)(c->id >> 8);
	path[3] = (uint8_t)c->id;
	buf_clear(&s->out);
	buf_add(&s->out, head,
	    sp_head(head, c->reader.transport, path, sizeof path, body));
}

/* A request: s->head and then s->lines, in the session if there is one. */
static void
conn_request(struct swarm *s, struct conn *c)
{
	const struct channel_piece piece[2] = { { s->head.p, s->head.len },
		{ s->lines.p, s->lines.len } };
	size_t n = s->head.len + s->lines.len;

	if (c->channel != NULL) {
		n = channel_sealed(n);
		head_write(s, c, n);
		channel_seal(c->channel, ++c->request, piece,
		    s->lines.len > 0 ? 2 : 1, buf_room(&s->out, n));
		s->out.len += n;
	} else {
		head_write(s, c, n);
		buf_add(&s->out, s->head.p, s->head.len);
		buf_add(&s->out, s->lines.p, s->lines.len);
	}
	if (c->frames++ == 0)
		c->heard = s->now;
	conn_write(s, c, s->out.p, s->out.len);
}

static const char *
from_of(struct swarm *s, struct conn *c)
{
	if (s->config.identity != NULL)
		return s->config.identity->cert->subject;
	return s->config.source.name(s->config.source.ctx, index_of(s, c));
}

static uint64_t
chan_of(const struct swarm *s, const struct conn *c)
{
	return mix64(s->run, UINT64_C(1) << 40 | index_of(s, c));
}

/* --- events out --- */

/* The lines that are due: how many. */
static uint64_t
gather(struct swarm *s, struct conn *c)
{
	const struct swarm_source *from = &s->config.source;
	const uint32_t i = index_of(s, c);
	uint64_t n = 0;

	buf_clear(&s->lines);
	while (c->due <= s->now && s->lines.len < BATCH) {
		from->line(from->ctx, i, c->sent + ++n, &s->lines);
		c->due = due_of(s, c, c->sent + n + 1);
	}
	return n;
}

static void
conn_frame(struct swarm *s, struct conn *c)
{
	uint64_t first = c->sent + 1, n = gather(s, c), last = c->sent + n;

	buf_clear(&s->head);
	wire_pub(&s->head, from_of(s, c), chan_of(s, c), first, n, c->safe);
	c->sent = last;
	if (c->top < last) {
		s->counts.resent += n - (last - c->top);
		s->counts.sent += last - c->top;
		c->top = last;
	} else {
		s->counts.resent += n;
	}
	s->counts.frames++;
	conn_request(s, c);
}

/* When there is something to do for it again. */
static void
conn_schedule(struct swarm *s, struct conn *c)
{
	int64_t at = c->frames < FRAMES ? c->due : INT64_MAX;

	if (c->frames > 0 && c->heard + s->config.patience < at)
		at = c->heard + s->config.patience;
	if (c->until < at)
		at = c->until;
	timer_set(s, c, at);
}

static void
conn_finish(struct swarm *s, struct conn *c)
{
	if (c->done || !s->started || c->acked != c->top ||
	    c->due != INT64_MAX || c->sent != c->top)
		return;
	c->done = 1;
	s->finished++;
}

static void
conn_publish(struct swarm *s, struct conn *c)
{
	while (c->state == STATE_OPEN && c->due <= s->now &&
	    c->frames < FRAMES && c->out.len == 0)
		conn_frame(s, c);
	if (c->state != STATE_OPEN)
		return;
	conn_schedule(s, c);
	conn_finish(s, c);
}

static void
all_open(struct swarm *s)
{
	const int64_t time = s->now - s->away;

	if (s->counts.opening == 0)
		s->counts.opening = time;
	else if (time > s->counts.outage)
		s->counts.outage = time;
	s->away = 0;
}

static void
conn_opened(struct swarm *s, struct conn *c)
{
	int64_t left;

	c->state = STATE_OPEN;
	c->since = c->heard = s->now;
	c->until = INT64_MAX;
	s->counts.opened++;
	if (c->channel != NULL) {
		/* Not all at the same time. */
		left = channel_expires(c->channel) - date_now() / DATE_SECOND;
		left -= (int64_t)(draw(s) % RENEW);
		if (left > 0)
			c->until = s->now + left * DATE_SECOND;
	}
	if (++s->counts.open == s->counts.connections)
		all_open(s);
	conn_publish(s, c);
}

/* --- answers in --- */

static void
acknowledged(struct swarm *s, struct conn *c, const struct wire_reply *r)
{
	const struct swarm_source *from = &s->config.source;
	const uint32_t i = index_of(s, c);
	const uint64_t local = r->local < c->top ? r->local : c->top;
	const uint64_t safe = r->safe < c->top ? r->safe : c->top;

	for (; c->acked < local; c->acked++) {
		histogram_add(&s->latency,
		    s->now - from->due(from->ctx, i, c->acked + 1));
		s->counts.acked++;
	}
	if (safe > c->safe) {
		s->counts.safe += safe - c->safe;
		c->safe = safe;
	}
}

/* Lines that were refused one by one: how many, and why the last was. */
static void
refused(struct swarm *s, const struct conn *c, const struct wire_reply *r)
{
	struct json_value name, entry, why;
	struct json_walk all, one;
	struct buf text = { 0 };

	if (r->refused.kind != JSON_ARRAY)
		return;
	json_walk(&all, &r->refused);
	while (json_next(&all, &name, &entry)) {
		s->counts.refused++;
		json_walk(&one, &entry);
		if (entry.kind != JSON_ARRAY || !json_next(&one, &name, &why) ||
		    !json_next(&one, &name, &why) || why.kind != JSON_STRING)
			continue;
		buf_clear(&text);
		json_text(&why, &text);
		say_at(s, c, buf_cstr(&text));
	}
	buf_fini(&text);
}

/* All that is not acknowledged is sent again, not before pause is over. */
static void
again(struct swarm *s, struct conn *c, int64_t pause)
{
	c->sent = c->acked;
	c->due = due_of(s, c, c->sent + 1);
	if (c->due < s->now + pause)
		c->due = s->now + pause;
}

static void
say_error(struct swarm *s, const struct conn *c, const struct wire_reply *r)
{
	struct buf text = { 0 };

	buf_adds(&text, r->error);
	if (r->why.kind == JSON_STRING) {
		buf_clear(&text);
		json_text(&r->why, &text);
	}
	say_at(s, c, buf_cstr(&text));
	buf_fini(&text);
}

/* An answer that is no. */
static void
declined(struct swarm *s, struct conn *c, const struct wire_reply *r)
{
	char why[WHY_MAX];

	say_error(s, c, r);
	if (strcmp(r->error, "gap") == 0) {
		again(s, c, 0);
	} else if (strcmp(r->error, "busy") == 0) {
		again(s, c, r->after > 0 ? r->after : FULL_PAUSE);
	} else if (strcmp(r->error, "full") == 0) {
		again(s, c, FULL_PAUSE);
	} else if (strcmp(r->error, "bad") == 0) {
		s->error = EPROTO;
	} else {
		s->denied = strcmp(r->error, "denied") == 0;
		snprintf(why, sizeof why, "%s", s->why);
		conn_lost(s, c, r->error);
		memcpy(s->why, why, sizeof why);
	}
}

static void
answered(struct swarm *s, struct conn *c, const char *p, size_t n)
{
	struct wire_reply r;
	const char *why;

	if (c->state == STATE_LEAVING) {
		conn_lost(s, c, "");
		return;
	}
	if (wire_reply_parse(&r, p, n, &why) != 0) {
		conn_lost(s, c, why);
		return;
	}
	c->frames -= c->frames > 0;
	c->heard = s->now;
	acknowledged(s, c, &r);
	if (r.ok)
		refused(s, c, &r);
	else
		declined(s, c, &r);
	if (c->state == STATE_OPEN)
		conn_publish(s, c);
}

/* A body as it is, without a session around it. */
static void
conn_send_body(struct swarm *s, struct conn *c, const struct buf *body)
{
	head_write(s, c, body->len);
	buf_add(&s->out, body->p, body->len);
	conn_write(s, c, s->out.p, s->out.len);
}

/* Plain text before the connection is open: to hello, or instead of a frame. */
static void
hello(struct swarm *s, struct conn *c, const char *p, size_t n)
{
	struct wire_reply r;
	const char *why;

	if (wire_reply_parse(&r, p, n, &why) != 0)
		conn_lost(s, c, "is no broker of ours");
	else if (!r.ok)
		declined(s, c, &r);
	else if (c->channel != NULL)
		conn_lost(s, c, "has no sessions");
	else
		conn_opened(s, c);
}

static void
shake(struct swarm *s, struct conn *c, const char *p, size_t n)
{
	struct buf *out = &s->plain;
	const char *why = NULL;
	enum channel_result result;

	if (c->channel == NULL || !channel_frame(p, n)) {
		hello(s, c, p, n);
		return;
	}
	buf_clear(out);
	result =
	    channel_step(c->channel, p, n, date_now() / DATE_SECOND, out, &why);
	if (result == CHANNEL_DENIED) {
		s->denied = 1;
		conn_lost(s, c, why != NULL ? why : "denied");
		return;
	}
	if (out->len > 0)
		conn_send_body(s, c, out);
	if (result == CHANNEL_OPEN && c->state == STATE_SHAKING)
		conn_opened(s, c);
}

static void
greeted(struct swarm *s, struct conn *c)
{
	const char *name = s->place[c->place].url.name;

	c->state = STATE_SHAKING;
	c->request = 0;
	buf_clear(&s->plain);
	if (s->config.identity == NULL) {
		wire_hello(&s->plain);
	} else {
		c->channel = channel_dial(
		    s->config.identity, *name != '\0' ? name : NULL);
		channel_start(c->channel, &s->plain);
	}
	conn_send_body(s, c, &s->plain);
}

static void
conn_message(struct swarm *s, struct conn *c, const char *p, size_t n)
{
	uint64_t request;
	int64_t len;

	if (c->state == STATE_SHAKING) {
		shake(s, c, p, n);
		return;
	}
	if (c->channel == NULL) {
		answered(s, c, p, n);
		return;
	}
	buf_clear(&s->plain);
	len = channel_open(c->channel, p, n, &request, buf_room(&s->plain, n));
	if (len < 0 || request > c->request)
		conn_lost(s, c, "an answer that is not of the session");
	else
		answered(s, c, s->plain.p, (size_t)len);
}

/* Whole messages at the start of p[0..n): the bytes used. */
static size_t
conn_take(struct swarm *s, struct conn *c, const char *p, size_t n)
{
	const char *at = p, *why;
	size_t left = n, used = 0, body;
	struct sp_reader was;
	enum sp_step step;

	while (c->fd != -1) {
		was = c->reader;
		step = sp_read(&c->reader, &at, &left, &why);
		body = (size_t)c->reader.body;
		if (step == SP_BAD) {
			conn_lost(s, c, why);
		} else if (step == SP_GREETED) {
			greeted(s, c);
		} else if (step == SP_MESSAGE && left >= body) {
			at += body;
			left -= body;
			conn_message(s, c, at - body, body);
		} else {
			c->reader = was;
			return used;
		}
		used = n - left;
	}
	return used;
}

/* 1 if there may be more. */
static int
conn_read(struct swarm *s, struct conn *c)
{
	ssize_t n = recv(c->fd, s->scratch, sizeof s->scratch, MSG_DONTWAIT);
	size_t used;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		conn_lost(s, c, n == 0 ? "it hung up" : strerror(errno));
		return 0;
	}
	if (c->in.len > 0) {
		buf_add(&c->in, s->scratch, (size_t)n);
		used = conn_take(s, c, c->in.p, c->in.len);
		if (c->fd != -1)
			buf_cut(&c->in, used);
		if (c->in.len == 0)
			buf_fini(&c->in);
	} else {
		used = conn_take(s, c, s->scratch, (size_t)n);
		if (c->fd != -1 && used < (size_t)n)
			buf_add(&c->in, s->scratch + used, (size_t)n - used);
	}
	return c->fd != -1 && (size_t)n == sizeof s->scratch;
}

static void
connected(struct swarm *s, struct conn *c)
{
	uint8_t greeting[SP_GREETING];
	int error = 0;
	socklen_t len = sizeof error;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0) {
		conn_lost(s, c, strerror(error));
		return;
	}
	c->state = STATE_GREETING;
	sp_reader_init(&c->reader, s->place[c->place].transport, SP_REP,
	    channel_sealed(WIRE_MESSAGE_MAX));
	sp_greeting(greeting, SP_REQ);
	conn_write(s, c, greeting, sizeof greeting);
}

static void
conn_event(struct swarm *s, struct conn *c, uint32_t events)
{
	if (c->fd != -1 && c->state == STATE_CONNECTING &&
	    events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		connected(s, c);
	if (c->fd != -1 && events & EPOLLOUT && c->out.len > 0) {
		conn_flush(s, c);
		if (c->state == STATE_OPEN)
			conn_publish(s, c);
	}
	while (c->fd != -1 && events & (EPOLLIN | EPOLLHUP | EPOLLERR) &&
	    conn_read(s, c))
		;
}

/* --- turns --- */

static void
conn_renew(struct swarm *s, struct conn *c)
{
	conn_close(s, c);
	conn_rewind(s, c);
	conn_connect(s, c);
}

static void
conn_timer(struct swarm *s, struct conn *c)
{
	switch (c->state) {
	case STATE_AWAY: conn_connect(s, c); break;
	case STATE_CONNECTING:
	case STATE_GREETING:
	case STATE_SHAKING: conn_lost(s, c, "no answer in time"); break;
	case STATE_OPEN:
		if (c->frames > 0 && s->now - c->heard >= s->config.patience)
			conn_lost(s, c, "does not answer");
		else if (s->now >= c->until && c->frames == 0)
			conn_renew(s, c);
		else
			conn_publish(s, c);
		break;
	default: break;
	}
}

/* All of one slot; those of a later round stay in it. */
static void
slot_run(struct swarm *s, int32_t *slot)
{
	int32_t i = *slot, next;
	struct conn *c;

	*slot = NONE;
	for (; i != NONE; i = next) {
		c = &s->conn[i];
		next = c->next;
		c->timed = 0;
		if (c->at >> TICK > s->tick)
			timer_set(s, c, c->at - 1);
		else if (s->error == 0)
			conn_timer(s, c);
	}
}

static void
wheel_run(struct swarm *s)
{
	const int64_t to = s->now >> TICK;

	if (to - s->tick > SLOTS)
		s->tick = to - SLOTS;
	while (s->tick < to) {
		s->tick++;
		slot_run(s, &s->slot[s->tick % SLOTS]);
	}
}

/* When the next slot with anybody in it comes. */
static int64_t
wheel_next(const struct swarm *s)
{
	int64_t tick = s->tick + 1;

	while (tick - s->tick < NAP >> TICK && s->slot[tick % SLOTS] == NONE)
		tick++;
	return tick << TICK;
}

/*
 * Waking up for each answer costs more than the answer: where many come, they
 * are left to gather until the next tick.
 */
static int
milliseconds(struct swarm *s, int64_t deadline)
{
	int64_t next = wheel_next(s), left;
	struct timespec t;

	if (next < deadline)
		deadline = next;
	left = deadline - date_mono();
	if (left <= 0)
		return 0;
	if (!s->busy)
		return (int)((left + 999) / 1000);
	if (left > 1 << TICK)
		left = 1 << TICK;
	t = (struct timespec){ left / DATE_SECOND, left % DATE_SECOND * 1000 };
	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	return 0;
}

int
swarm_turn(struct swarm *s, int64_t deadline)
{
	int wait = milliseconds(s, deadline), n, i, news = 0;

	do {
		n = epoll_wait(s->epoll, s->ready, READY, wait);
		if (n == -1 && errno != EINTR)
			return -1;
		s->now = date_mono();
		for (i = 0; i < n && s->error == 0; i++)
			conn_event(s, s->ready[i].data.ptr, s->ready[i].events);
		news += n > 0 ? n : 0;
		wait = 0;
	} while (n == READY && s->error == 0);
	s->busy = news >= BUSY;
	s->now = date_mono();
	wheel_run(s);
	if (s->error == 0)
		return 0;
	errno = s->error;
	return -1;
}

/* --- the caller's --- */

const char *
swarm_why(const struct swarm *s)
{
	return s->why;
}

int
swarm_denied(const struct swarm *s)
{
	return s->denied;
}

void
swarm_start(struct swarm *s)
{
	uint32_t i;

	s->started = 1;
	s->now = s->begun = date_mono();
	for (i = 0; i < s->config.connections; i++) {
		struct conn *c = &s->conn[i];

		conn_rewind(s, c);
		conn_finish(s, c);
		if (c->state == STATE_OPEN)
			conn_schedule(s, c);
	}
}

void
swarm_stop(struct swarm *s)
{
	uint32_t i;

	s->stopped = 1;
	s->now = date_mono();
	for (i = 0; i < s->config.connections; i++) {
		struct conn *c = &s->conn[i];

		if (c->sent == c->top)
			c->due = INT64_MAX;
		conn_finish(s, c);
	}
}

int
swarm_finished(const struct swarm *s)
{
	return s->finished == s->config.connections;
}

void
swarm_drop(struct swarm *s)
{
	uint32_t i;

	s->now = date_mono();
	for (i = 0; i < s->config.connections; i++) {
		struct conn *c = &s->conn[i];

		if (c->state == STATE_AWAY || c->state == STATE_GONE)
			continue;
		s->counts.lost += c->state == STATE_OPEN;
		conn_close(s, c);
		conn_rewind(s, c);
		timer_set(s, c, s->now);
	}
}

void
swarm_bye(struct swarm *s)
{
	uint32_t i;

	s->now = date_mono();
	buf_clear(&s->lines);
	for (i = 0; i < s->config.connections; i++) {
		struct conn *c = &s->conn[i];

		if (c->state == STATE_OPEN && c->acked == c->top &&
		    c->top > 0) {
			c->state = STATE_LEAVING;
			timer_clear(s, c);
			buf_clear(&s->head);
			wire_bye(&s->head, from_of(s, c), chan_of(s, c));
			conn_request(s, c);
		} else {
			conn_close(s, c);
			c->state = STATE_GONE;
		}
	}
}

const struct swarm_counts *
swarm_counts(struct swarm *s)
{
	const int64_t now = date_mono();

	s->counts.away = s->away != 0 ? now - s->away : 0;
	s->counts.time = s->started ? now - s->begun : 0;
	return &s->counts;
}

const struct histogram *
swarm_latency(const struct swarm *s)
{
	return &s->latency;
}

/* --- beginning and end --- */

static int
local_address(struct place *p, const char **why)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)&p->to;
	const char *path = p->url.dial + strlen("ipc://");
	size_t n = strlen(path);

	p->transport = SP_IPC;
	sun->sun_family = AF_UNIX;
	p->len = sizeof *sun;
	if (n >= sizeof sun->sun_path) {
		*why = "path longer than 107 bytes";
		return EINVAL;
	}
	memcpy(sun->sun_path, path, n);
	return 0;
}

static int
internet_address(struct place *p, const char **why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	const struct sockaddr_in *sin = (const struct sockaddr_in *)&p->to;
	int error = getaddrinfo(p->url.host, p->url.port, &hints, &list);

	p->transport = SP_TCP;
	if (error != 0) {
		*why = gai_strerror(error);
		return EHOSTUNREACH;
	}
	memcpy(&p->to, list->ai_addr, list->ai_addrlen);
	p->len = list->ai_addrlen;
	p->loopback = list->ai_family == AF_INET &&
	    ntohl(sin->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	freeaddrinfo(list);
	return 0;
}

/* 0, or an errno with *why. */
static int
place_open(struct swarm *s, const char *p, size_t n, const char **why)
{
	struct place *place = &s->place[s->nplaces];

	*why = "too many URLs";
	if (s->nplaces == PLACES)
		return EINVAL;
	*why = url_parse(&place->url, p, n);
	if (*why != NULL)
		return EINVAL;
	*why = "everybody on the way could read and alter it: give a key (-k)"
	       " or --insecure";
	if (place->url.tcp && s->config.identity == NULL && !s->config.insecure)
		return ENOKEY;
	s->nplaces++;
	return place->url.tcp ? internet_address(place, why)
			      : local_address(place, why);
}

static int
places_open(struct swarm *s, const char *urls, const char **why)
{
	static char text[WHY_MAX];
	size_t n;
	int error;

	for (;; urls += n + 1) {
		n = strcspn(urls, ",");
		error = place_open(s, urls, n, why);
		if (error != 0) {
			snprintf(text, sizeof text, "%.*s: %s",
			    n < URL_MAX ? (int)n : URL_MAX, urls, *why);
			*why = text;
			return error;
		}
		if (urls[n] == '\0')
			return 0;
	}
}

static void
conns_open(struct swarm *s)
{
	const int64_t rate = s->config.connects;
	int64_t at = s->now;
	uint32_t i;

	s->conn = xcalloc(s->config.connections, sizeof *s->conn);
	for (i = 0; i < s->config.connections; i++) {
		s->conn[i].fd = -1;
		s->conn[i].due = s->conn[i].until = INT64_MAX;
		if (rate > 0)
			at = s->now + i * (int64_t)DATE_SECOND / rate;
		timer_set(s, &s->conn[i], at);
	}
}

struct swarm *
swarm_new(const struct swarm_config *config, const char **why)
{
	struct swarm *s = xcalloc(1, sizeof *s);
	int error;

	s->config = *config;
	s->counts.connections = config->connections;
	s->now = s->away = date_mono();
	s->tick = s->now >> TICK;
	memset(s->slot, 0xff, sizeof s->slot);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (getrandom(&s->run, sizeof s->run, 0) != sizeof s->run)
		s->run = (uint64_t)s->now;
	error = places_open(s, config->urls, why);
	if (error == 0 && s->epoll == -1) {
		error = errno;
		*why = strerror(errno);
	}
	if (error != 0) {
		swarm_free(s);
		errno = error;
		return NULL;
	}
	conns_open(s);
	return s;
}

void
swarm_free(struct swarm *s)
{
	uint32_t i;

	if (s == NULL)
		return;
	for (i = 0; s->conn != NULL && i < s->config.connections; i++)
		conn_close(s, &s->conn[i]);
	if (s->epoll != -1)
		close(s->epoll);
	free(s->conn);
	buf_fini(&s->head);
	buf_fini(&s->lines);
	buf_fini(&s->out);
	buf_fini(&s->plain);
	free(s);
}
