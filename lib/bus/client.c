#include "bus/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/dial.h"
#include "bus/envelope.h"
#include "bus/link.h"

enum { WHY_MAX = 1024 };

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
};

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

int
client_send_lines(
    struct client *c, uint64_t tag, struct buf *head, const void *p, size_t n)
{
	struct request *r;
	void *out;

	errno = EAGAIN;
	if (!c->connected || (r = idle_request(c)) == NULL)
		return -1;
	r->tag = tag;
	r->busy = 1;
	r->dropped = 0;
	c->busy++;
	out = link_request_room(
	    r->link, envelope_size(c->envelope, head->len + n));
	r->number = envelope_seal(c->envelope, head, p, n, out);
	buf_clear(head);
	link_request_send(r->link);
	return 0;
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

/* One request that failed says as much as the end of the connection. */
static void
leave(struct client *c)
{
	if (c->connected)
		cancel_all(c);
	c->connected = 0;
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
		leave(c);
		return !r->dropped;
	}
	c->held = r;
	if (r->dropped) {
		release_held(c);
		return 0;
	}
	if (envelope_open(c->envelope, r->number, &p, &n) < 0) {
		event->result = CLIENT_LOST;
		leave(c);
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
	event->result = CLIENT_CONNECTED;
	event->tag = 0;
	return 1;
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
	if (c->connected &&
	    (news.lost || envelope_due(c->envelope, c->busy == 0))) {
		leave(c);
		return 0;
	}
	if (!c->connected && !dial_going(c->dial) && c->busy == 0) {
		settle_all(c);
		dial_start(c->dial, c->retry);
		return 0;
	}
	return 2;
}

/* Sleep until something comes: 1, 0 at the deadline, -1 at a signal. */
static int
await_news(struct client *c, int64_t deadline)
{
	struct pollfd fds[2] = {
		{ .fd = link_fd(c->link), .events = POLLIN },
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

static void
client_free(struct client *c)
{
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
	c->link = link_new();
	if (c->link == NULL)
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
	return link_fd(c->link);
}

void
client_retry(struct client *c, int64_t retry)
{
	c->retry = retry;
}
