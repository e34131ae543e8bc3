#include "bus/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/dial.h"
#include "bus/envelope.h"
#include "bus/link.h"

/* Microseconds. */
enum {
	QUIET = 11 * DATE_SECOND / 10,	 /* of silence before a sign of life is
					    asked for: beyond a heartbeat */
	SILENCE = 19 * DATE_SECOND / 10, /* of a dead broker: within 2 s */
	SILENCE_MAX = 64 * DATE_SECOND,
	REST = DATE_SECOND,    /* of a broker that was left */
	USED = 5 * DATE_SECOND /* a connection this old was of some use */
};

enum {
	LOOKS = 4, /* while the answer to that is awaited */
	WHY_MAX = 1024
};

/* One request in flight, or idle and waiting for the next. */
struct request {
	struct link_request *link;
	uint64_t tag, number; /* number: in the envelope */
	int busy, dropped;
};

/*
 * A connection begins to be made when nothing is in flight, and has been made
 * before anything is sent.
 */
struct client {
	struct link *link;
	struct dial *dial;
	struct envelope *envelope; /* the dial's */
	int connected;
	int64_t retry;
	struct request **request;
	size_t nrequest, busy;
	struct request *held; /* whose reply was last given */
	const char *last_why;

	int64_t heard;	 /* a sign of life, while something is in flight */
	int64_t look_at; /* when to look for the next; INT64_MAX: never */
	int64_t silence; /* that is borne */
	int64_t longest; /* that has been borne since the connection */
	int looks;	 /* since a sign was asked for, or 0 */
	unsigned great;	 /* requests sent that may be long in going out */
	unsigned sent;	 /* link_sent() at the last look */
	int backlog;	 /* there were more then, not taken yet */
	int timer_fd;	 /* readable at look_at */
	int fd;		 /* of an epoll: the link's or the timer's */

	int64_t left; /* since when brokers are left, or 0 */
	char left_why[WHY_MAX];
};

/*
 * Signs of life.  A process that was stopped, or busy elsewhere, has heard
 * nothing because it did not listen: the silence ends in a row of looks, each
 * some time after the last, in which it did.
 */

static void
look_at(struct client *c, int64_t at)
{
	struct itimerspec timer = { 0 };

	c->look_at = at;
	if (at != INT64_MAX) {
		timer.it_value.tv_sec = at / DATE_SECOND;
		timer.it_value.tv_nsec = at % DATE_SECOND * 1000;
	}
	timerfd_settime(c->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

/* Something was sent to a broker that owed us nothing. */
static void
expect_answer(struct client *c)
{
	c->heard = date_mono();
	c->looks = 0;
	if (c->look_at == INT64_MAX)
		look_at(c, c->heard + QUIET);
}

static int64_t
look_pause(const struct client *c)
{
	return (c->silence - QUIET) / LOOKS;
}

/* An answer, or great requests that go out. */
static void
hear(struct client *c, int64_t now)
{
	int64_t borne = QUIET + c->looks * look_pause(c);

	if (c->looks > 0 && borne > c->longest)
		c->longest = borne;
	c->heard = now;
	c->looks = 0;
}

/* An idle request for a message over this connection, or NULL. */
static struct request *
idle_request(struct client *c)
{
	struct request *r;
	size_t i;

	for (i = 0; i < c->nrequest && c->request[i]->busy; i++)
		;
	if (i == c->nrequest) {
		r = xcalloc(1, sizeof *r);
		r->link = link_request_new(c->link, r);
		c->request = xrealloc(c->request, (i + 1) * sizeof *c->request);
		c->request[c->nrequest++] = r;
	}
	r = c->request[i];
	return link_request_begin(r->link) == 0 ? r : NULL;
}

/* The request that carries it, or NULL. */
static struct request *
send_request(
    struct client *c, uint64_t tag, struct buf *head, const void *p, size_t n)
{
	struct request *r;
	size_t size;
	void *out;

	errno = EAGAIN;
	if (!c->connected || (r = idle_request(c)) == NULL)
		return NULL;
	r->tag = tag;
	r->busy = 1;
	r->dropped = 0;
	if (c->busy++ == 0)
		expect_answer(c);
	size = envelope_size(c->envelope, head->len + n);
	out = link_request_room(r->link, size);
	r->number = envelope_seal(c->envelope, head, p, n, out);
	buf_clear(head);
	c->great += (unsigned)link_great(size);
	link_request_send(r->link);
	return r;
}

int
client_send_lines(
    struct client *c, uint64_t tag, struct buf *head, const void *p, size_t n)
{
	return send_request(c, tag, head, p, n) != NULL ? 0 : -1;
}

int
client_send(struct client *c, uint64_t tag, struct buf *msg)
{
	return client_send_lines(c, tag, msg, NULL, 0);
}

/* What still waits for its answer gets none. */
static void
cancel_all(struct client *c)
{
	for (size_t i = 0; i < c->nrequest; i++)
		link_request_cancel(c->request[i]->link);
}

/* A living broker answers this at once, whatever its disk does. */
static void
ask_for_life(struct client *c)
{
	struct buf text = { 0 };
	struct request *r;

	wire_hello(&text);
	r = send_request(c, 0, &text, NULL, 0);
	if (r != NULL)
		r->dropped = 1;
	buf_fini(&text);
}

/* 1 if the broker is silent and was listened to for long enough. */
static int
silent(struct client *c)
{
	int64_t now = date_mono();
	unsigned sent;

	if (now < c->look_at)
		return 0;
	/* What is long in going out is no silence. */
	sent = link_sent(c->link);
	if (c->backlog && sent != c->sent)
		hear(c, now);
	c->sent = sent;
	c->backlog = sent != c->great;
	if (c->busy == 0) {
		look_at(c, INT64_MAX);
	} else if (c->looks == 0 && now < c->heard + QUIET) {
		look_at(c, c->heard + QUIET);
	} else if (c->looks <= LOOKS) {
		if (c->looks++ == 0)
			ask_for_life(c);
		look_at(c, now + look_pause(c));
	}
	return c->looks > LOOKS;
}

/* For the time being there is no connection. */
static void
disconnect(struct client *c)
{
	if (c->connected)
		cancel_all(c);
	c->connected = 0;
	look_at(c, INT64_MAX);
	c->looks = 0;
}

/* It has failed, as one request says as well as any other. */
static void
lose(struct client *c, const char *why)
{
	if (c->connected)
		dial_leave(c->dial, 0, why);
	disconnect(c);
}

static void
lose_silent(struct client *c)
{
	lose(c, "no sign of life");
	c->silence *= 2;
	if (c->silence > SILENCE_MAX)
		c->silence = SILENCE_MAX;
}

static void
settle_all(struct client *c)
{
	for (size_t i = 0; i < c->nrequest; i++)
		link_request_settle(c->request[i]->link);
}

static void
release_held(struct client *c)
{
	if (c->held != NULL)
		link_request_release(c->held->link);
	c->held = NULL;
}

/* Give the caller an answered request: 1, 0 if nobody waits for it, or -1. */
static int
give_answer(struct client *c, struct request *r, struct client_event *event)
{
	const char *p;
	size_t n;
	int lost = link_request_answer(r->link, &p, &n) < 0;

	r->busy = 0;
	c->busy--;
	event->tag = r->tag;
	event->result = lost ? CLIENT_LOST : CLIENT_REPLY;
	if (lost) {
		lose(c, "connection lost");
		return !r->dropped;
	}
	hear(c, date_mono());
	if (c->heard - dial_since(c->dial) > 2 * c->silence)
		client_progress(c);
	c->held = r;
	if (r->dropped) {
		release_held(c);
		return 0;
	}
	if (envelope_open(c->envelope, r->number, &p, &n) < 0) {
		event->result = CLIENT_LOST;
		lose(c, "a forged answer");
		return 1;
	}
	if (wire_reply_parse(&event->reply, p, n, &c->last_why) == 0)
		return 1;
	errno = EPROTO;
	return -1;
}

/* The dial has ended: 1 connected, or -1 with errno. */
static int
give_connection(struct client *c, struct client_event *event)
{
	int error = dial_end(c->dial);

	if (error != 0) {
		c->last_why = dial_why(c->dial);
		errno = error;
		return -1;
	}
	c->connected = 1;
	c->longest = 0;
	event->result = CLIENT_CONNECTED;
	event->tag = 0;
	return 1;
}

/* 1 if the connection there was is to be replaced, which begins here. */
static int
leave(struct client *c, int lost)
{
	if (lost)
		lose(c, "connection lost");
	else if (silent(c))
		lose_silent(c);
	else if (envelope_due(c->envelope, c->busy == 0))
		disconnect(c);
	return !c->connected;
}

/* Make the next connection: 0, or -1 if none was of any use for too long. */
static int
redial(struct client *c)
{
	settle_all(c);
	if (c->left > 0 && date_mono() - c->left > c->retry) {
		c->left = 0;
		c->last_why = c->left_why;
		errno = ETIMEDOUT;
		return -1;
	}
	dial_start(c->dial, c->retry);
	return 0;
}

/* One step: 1 something to give, 0 go on, 2 nothing to do now, or -1. */
static int
step(struct client *c, struct client_event *event)
{
	struct link_news news = link_news(c->link);

	if (news.done != NULL)
		return give_answer(c, link_request_owner(news.done), event);
	if (news.rung)
		return give_connection(c, event);
	if (c->connected && leave(c, news.lost))
		return 0;
	if (!c->connected && !dial_going(c->dial) && c->busy == 0)
		return redial(c);
	return 2;
}

/* Sleep until something comes: 1, 0 at the deadline, -1 at a signal. */
static int
await_news(struct client *c, int64_t deadline)
{
	struct pollfd fds[2] = {
		{ .fd = c->fd, .events = POLLIN },
		{ .fd = app_signal_fd(), .events = POLLIN },
	};
	int64_t left = deadline - date_mono();
	struct timespec wait = { .tv_sec = left / DATE_SECOND,
		.tv_nsec = left % DATE_SECOND * 1000 };
	int n;

	if (left <= 0)
		return 0;
	n = ppoll(fds, 2, &wait, NULL);
	if (n > 0 && fds[1].revents != 0) {
		errno = EINTR;
		n = -1;
	}
	if (n < 0)
		c->last_why = "interrupted";
	return n;
}

int
client_next(struct client *c, struct client_event *event, int64_t deadline)
{
	int did;

	release_held(c);
	event->result = CLIENT_NONE;
	for (;;) {
		did = step(c, event);
		if (did == 1)
			return 0;
		if (did == 2)
			did = deadline == 0 ? 0 : await_news(c, deadline);
		else if (did == 0)
			continue;
		if (did < 0)
			return -1;
		if (did == 0) {
			event->result = CLIENT_NONE;
			return 0;
		}
	}
}

/* Nobody waits any longer for what is in flight. */
static void
drop_requests(struct client *c)
{
	size_t i;

	for (i = 0; i < c->nrequest; i++)
		c->request[i]->dropped = c->request[i]->busy;
}

int
client_call(struct client *c, struct buf *msg, struct client_event *event,
    int64_t deadline)
{
	struct buf head = { 0 };
	int due = 1;

	for (;;) {
		if (due) {
			buf_clear(&head);
			buf_add(&head, msg->p, msg->len);
			due = client_send(c, 0, &head) < 0;
		}
		if (client_next(c, event, deadline) < 0)
			break;
		if (event->result == CLIENT_REPLY) {
			buf_clear(msg);
			buf_fini(&head);
			return 0;
		}
		if (event->result == CLIENT_NONE) {
			errno = ETIMEDOUT;
			break;
		}
		due = 1;
	}
	drop_requests(c);
	buf_fini(&head);
	return -1;
}

/* One descriptor for what comes and for the time to look: 0 or -1. */
static int
open_fds(struct client *c)
{
	struct epoll_event in = { .events = EPOLLIN };

	c->timer_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	c->fd = epoll_create1(EPOLL_CLOEXEC);
	return c->timer_fd < 0 || c->fd < 0 ||
		epoll_ctl(c->fd, EPOLL_CTL_ADD, c->timer_fd, &in) != 0 ||
		epoll_ctl(c->fd, EPOLL_CTL_ADD, link_fd(c->link), &in) != 0
	    ? -1
	    : 0;
}

static void
client_free(struct client *c)
{
	if (c->timer_fd >= 0)
		close(c->timer_fd);
	if (c->fd >= 0)
		close(c->fd);
	link_free(c->link);
	for (size_t i = 0; i < c->nrequest; i++) {
		link_request_free(c->request[i]->link);
		free(c->request[i]);
	}
	free(c->request);
	dial_free(c->dial);
	free(c);
}

struct client *
client_begin(const struct client_config *config, const char **why)
{
	struct client *c = xcalloc(1, sizeof *c);
	int error;

	c->retry = config->retry;
	c->silence = SILENCE;
	c->look_at = INT64_MAX;
	c->timer_fd = c->fd = -1;
	c->link = link_new();
	if (c->link == NULL || open_fds(c) < 0)
		*why = strerror(errno);
	else
		c->dial = dial_new(config, c->link, why);
	if (c->dial != NULL) {
		c->envelope = dial_envelope(c->dial);
		return c;
	}
	error = errno;
	client_free(c);
	errno = error;
	return NULL;
}

struct client *
client_open(const struct client_config *config, const char **why)
{
	static char text[WHY_MAX];
	struct client *c = client_begin(config, why);
	struct client_event event;
	int error;

	if (c == NULL || client_next(c, &event, INT64_MAX) == 0)
		return c;
	error = errno;
	snprintf(text, sizeof text, "%s", client_why(c));
	*why = text;
	client_close(c);
	errno = error;
	return NULL;
}

/* Replies that nobody has taken. */
static void
drop_replies(struct client *c)
{
	const char *p;
	size_t n;

	for (size_t i = 0; i < c->nrequest; i++)
		if (c->request[i]->busy)
			link_request_answer(c->request[i]->link, &p, &n);
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	dial_stop(c->dial);
	release_held(c);
	cancel_all(c);
	settle_all(c);
	drop_replies(c);
	dial_drop(c->dial);
	client_free(c);
}

const char *
client_broker(const struct client *c)
{
	return dial_broker(c->dial);
}

const struct cert *
client_peer(const struct client *c)
{
	if (!c->connected || c->envelope->channel == NULL)
		return NULL;
	return channel_peer(c->envelope->channel);
}

const char *
client_url(const struct client *c)
{
	return dial_url(c->dial);
}

const char *
client_why(const struct client *c)
{
	return c->last_why;
}

unsigned
client_generation(const struct client *c)
{
	return dial_count(c->dial);
}

int
client_fd(const struct client *c)
{
	return c->fd;
}

int
client_twins(const struct client *c)
{
	return dial_twins(c->dial);
}

void
client_progress(struct client *c)
{
	int64_t borne = 3 * c->longest / 2;

	c->left = 0;
	c->silence = borne < SILENCE ? SILENCE
	    : borne > SILENCE_MAX    ? SILENCE_MAX
				     : borne;
}

void
client_leave(struct client *c, const char *why)
{
	int64_t now = date_mono();

	if (!c->connected)
		return;
	if (c->left == 0 || now - dial_since(c->dial) > USED)
		c->left = now;
	snprintf(
	    c->left_why, sizeof c->left_why, "%s: %s", dial_url(c->dial), why);
	dial_leave(c->dial, now + REST, why);
	disconnect(c);
}

void
client_retry(struct client *c, int64_t retry)
{
	c->retry = retry;
}
