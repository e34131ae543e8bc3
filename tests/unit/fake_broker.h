/*
 * A broker of a test's own: a thread that hands each request to a function
 * of the test and does with its connection as that says.  It can begin again
 * at the same address at once, and break one connection while it listens on.
 */
#ifndef SG_TEST_FAKE_BROKER_H
#define SG_TEST_FAKE_BROKER_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "broker/front.h"
#include "trust/channel.h"

enum fake_deed {
	FAKE_REPLY,  /* send the reply */
	FAKE_SILENT, /* never answer this one */
	FAKE_CUT     /* close its connection */
};

struct fake_broker {
	struct front *front;
	int stop;
	pthread_t thread;
	enum fake_deed (*answer)(
	    void *ctx, const char *p, size_t n, struct buf *reply);
	void *ctx;
};

static inline void
fake_reply(struct fake_broker *b, const struct front_route *route,
    const struct buf *reply)
{
	struct blob *blob = blob_new(reply->len);
	struct front_piece piece = { blob, blob->p, reply->len };

	memcpy(blob->p, reply->p, reply->len);
	blob->len = reply->len;
	front_reply(b->front, route, &piece, 1);
}

static inline void
fake_request(struct fake_broker *b, const struct front_event *event)
{
	struct front_conn *conn = event->route.conn;
	struct buf reply = { 0 };

	/* What was read before the cut is lost with the connection. */
	if (front_conn_get(conn) != NULL)
		return;
	switch (b->answer(b->ctx, event->body->p, event->body->len, &reply)) {
	case FAKE_REPLY: fake_reply(b, &event->route, &reply); break;
	case FAKE_SILENT: break;
	case FAKE_CUT:
		front_conn_set(conn, b);
		front_cut(b->front, conn, "as asked for");
		break;
	}
	buf_fini(&reply);
}

static inline void *
fake_run(void *arg)
{
	struct fake_broker *b = arg;
	struct front_event event;

	while (front_next(b->front, &event, INT64_MAX) == 0 &&
	    event.kind != FRONT_READABLE) {
		if (event.kind != FRONT_REQUEST)
			continue;
		fake_request(b, &event);
		blob_unref(event.body);
	}
	front_free(b->front);
	return NULL;
}

/* fake_listen(b, url) - Accept connections, answer nothing yet. */
static inline void
fake_listen(struct fake_broker *b, const char *url)
{
	const struct front_limits limits = { .message = 1 << 22 };
	const char *why = "";

	b->stop = eventfd(0, EFD_CLOEXEC);
	b->front = front_new(&limits);
	if (front_listen(b->front, url, &why) != 0 ||
	    front_watch(b->front, b->stop) != 0) {
		printf("fake broker: none at %s: %s\n", url, why);
		exit(1);
	}
}

/*
 * fake_serve(b, answer, ctx) - Answer from now on: answer(ctx, p, n, reply)
 * is called in the broker's thread for one request at a time, with an empty
 * reply.
 */
static inline void
fake_serve(struct fake_broker *b,
    enum fake_deed (*answer)(
	void *ctx, const char *p, size_t n, struct buf *reply),
    void *ctx)
{
	b->answer = answer;
	b->ctx = ctx;
	if (pthread_create(&b->thread, NULL, fake_run, b) != 0) {
		printf("fake broker: no thread\n");
		exit(1);
	}
}

/* fake_stop(b) - Close every connection and the address; b is as new. */
static inline void
fake_stop(struct fake_broker *b)
{
	const uint64_t one = 1;

	if (write(b->stop, &one, sizeof one) != (ssize_t)sizeof one)
		exit(1);
	pthread_join(b->thread, NULL);
	close(b->stop);
	*b = (struct fake_broker){ 0 };
}

/* The broker's end of a session, of one client at a time. */
struct fake_session {
	struct identity *id;
	struct channel *channel;
	uint64_t astray; /* added to the request number of each reply */
};

static inline enum fake_deed
fake_seal(struct fake_session *s, uint64_t request, const struct buf *text,
    struct buf *reply)
{
	struct channel_piece piece = { text->p, text->len };
	size_t n = channel_sealed(text->len);

	channel_seal(
	    s->channel, request + s->astray, &piece, 1, buf_room(reply, n));
	reply->len += n;
	return FAKE_REPLY;
}

/*
 * fake_talk(s, p, n, reply, answer, ctx) - The answer to a frame, what is in
 * it being answered as fake_serve() says.  Plain text is refused.
 */
static inline enum fake_deed
fake_talk(struct fake_session *s, const char *p, size_t n, struct buf *reply,
    enum fake_deed (*answer)(
	void *ctx, const char *p, size_t n, struct buf *reply),
    void *ctx)
{
	struct buf in = { 0 }, out = { 0 };
	enum fake_deed deed = FAKE_CUT;
	const char *why;
	uint64_t request;
	int64_t got;

	if (!channel_frame(p, n)) {
		buf_adds(reply, "{\"ok\":false,\"error\":\"denied\"}");
		return FAKE_REPLY;
	}
	if (p[3] == 1) {
		channel_free(s->channel);
		s->channel = channel_accept(s->id);
	}
	if (p[3] != 5) {
		channel_step(s->channel, p, n, time(NULL), reply, &why);
		return reply->len > 0 ? FAKE_REPLY : FAKE_CUT;
	}
	got = channel_open(s->channel, p, n, &request, buf_room(&in, n));
	if (got >= 0)
		deed = answer(ctx, in.p, (size_t)got, &out);
	if (deed == FAKE_REPLY)
		fake_seal(s, request, &out, reply);
	buf_fini(&in);
	buf_fini(&out);
	return deed;
}

#endif
