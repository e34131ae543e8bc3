/*
 * The client's side of the wire over libnng: one REQ socket per broker, a
 * context per request in flight, RESENDTIME -1, our own redial schedule and
 * our own failover along a list of URLs.  nng's types stay in client.c.
 */
#ifndef SG_BUS_CLIENT_H
#define SG_BUS_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "bus/wire.h"

struct client;

/*
 * client_open(urls, retry, why) - urls is "URL[,URL…]".  Connects (and says
 * hello) within retry microseconds, trying the URLs in order.  NULL with
 * *why and errno (ETIMEDOUT: no broker; EPROTO: no broker of ours there;
 * EINVAL: bad URL).
 */
struct client *client_open(const char *urls, int64_t retry,
    const char **why);
void client_close(struct client *c);

/* client_broker(c) - Name of the broker; client_url(c) - where it is. */
const char *client_broker(const struct client *c);
const char *client_url(const struct client *c);

/*
 * client_generation(c) - Rises with each new connection; what was
 * outstanding before is answered by CLIENT_LOST.
 */
unsigned client_generation(const struct client *c);

/*
 * client_send(c, tag, msg) - Send a request; its bytes are copied (or moved)
 * out of msg, which is empty after.  The answer comes from client_next()
 * with that tag.  0, or -1 with errno (EAGAIN: no connection now).
 */
int client_send(struct client *c, uint64_t tag, struct buf *msg);

enum client_result {
	CLIENT_NONE,		/* nothing by the deadline */
	CLIENT_REPLY,
	CLIENT_LOST,		/* the request's connection is gone */
	CLIENT_CONNECTED	/* a new connection; send again what is due */
};

struct client_event {
	enum client_result result;
	uint64_t tag;
	struct wire_reply reply;	/* valid until the next client_next */
};

/*
 * client_fd(c) - Readable when client_next(c, …, 0) would give something.
 * client_next(c, event, deadline) - The next thing that happened, waiting
 * until deadline (date_mono time; 0: do not wait).  Redials and moves along
 * the URL list by itself.  0, or -1 with errno: EINTR a signal, EPROTO the
 * peer is not a broker, ETIMEDOUT no broker could be reached for `retry`
 * microseconds (client_retry()).
 */
int client_fd(const struct client *c);
int client_next(struct client *c, struct client_event *event,
    int64_t deadline);

/* client_retry(c, retry) - From now on give up after so many us. */
void client_retry(struct client *c, int64_t retry);

/*
 * client_call(c, msg, event, deadline) - One request and its reply, nothing
 * else in flight.  0 with event->reply, or -1 with errno.
 */
int client_call(struct client *c, struct buf *msg, struct client_event *event,
    int64_t deadline);

#endif
