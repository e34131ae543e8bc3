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
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "broker/front.h"

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

#endif
