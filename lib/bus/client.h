/*
 * The client's side of the wire: requests in flight to a broker and what comes
 * of them.  bus/dial.h makes the connection, again and along a list of URLs,
 * and bus/link.h is it.
 */
#ifndef SG_BUS_CLIENT_H
#define SG_BUS_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "bus/wire.h"
#include "trust/identity.h"

struct client;

/*
 * How to reach a broker.  With an identity every connection is a session of
 * trust/channel.h, over tcp and ipc; the broker's certificate must have the
 * name it is dialled by (bus/url.h).  Without one, ipc is plain and tcp is
 * refused unless insecure.  All borrowed while the client is open.
 *
 * The identity is used by a thread of the client's; where given is set, it is
 * read again (identity_reload()) before a new session once its certificate
 * is about to end.
 */
struct client_config {
	const char *urls; /* "URL[,URL…]", tried in order */
	struct identity *identity;
	const struct identity_options *given;
	const char *proxy;	/* "http://host:port" for tcp, or NULL */
	const char *proxy_auth; /* "USER:PASSWORD", or NULL */
	int insecure;
	int64_t retry; /* us */
};

/*
 * client_open(config, why) - Connects, authenticates and says hello within
 * retry microseconds, trying the URLs in order.  NULL with *why (valid until
 * the next call) and errno (ETIMEDOUT: no broker; EPROTO: no broker of ours
 * there; EACCES: denied; EINVAL: bad URL; ENOKEY: a tcp URL without identity
 * and not insecure; EINTR: a signal).
 */
struct client *
client_open(const struct client_config *config, const char **why);
void client_close(struct client *c);

/*
 * client_begin(config, why) - As client_open, but does not wait:
 * client_next() tells of the connection.  NULL only for bad URLs (EINVAL,
 * ENOKEY).
 */
struct client *
client_begin(const struct client_config *config, const char **why);

/* client_broker(c) - Name of the broker; client_url(c) - where it is. */
const char *client_broker(const struct client *c);
const char *client_url(const struct client *c);

/*
 * client_peer(c) - The broker's certificate, valid until the connection is
 * lost or left; NULL if it is plain, or there is none.
 */
struct cert;
const struct cert *client_peer(const struct client *c);

/*
 * client_generation(c) - Rises with each new connection; what was
 * outstanding before is answered by CLIENT_LOST.
 */
unsigned client_generation(const struct client *c);

/*
 * client_twins(c) - 1 if the same may be read from another broker: there are
 * several URLs, or the broker says that it has a twin.
 */
int client_twins(const struct client *c);

/*
 * client_send(c, tag, msg) - Send a request; its bytes are copied (or moved)
 * out of msg, which is empty after.  The answer comes from client_next()
 * with that tag.  0, or -1 with errno (EAGAIN: no connection now).
 */
int client_send(struct client *c, uint64_t tag, struct buf *msg);

/*
 * client_send_lines(c, tag, head, p, n) - As client_send with head and then
 * p[0..n), which stays the caller's: for frames that are kept to be sent
 * again.  Requests reach the broker in the order of these calls.
 */
int client_send_lines(
    struct client *c, uint64_t tag, struct buf *head, const void *p, size_t n);

enum client_result {
	CLIENT_NONE, /* nothing by the deadline */
	CLIENT_REPLY,
	CLIENT_LOST,	 /* the request's connection is gone */
	CLIENT_CONNECTED /* a new connection; send again what is due */
};

struct client_event {
	enum client_result result;
	uint64_t tag;
	struct wire_reply reply; /* valid until the next client_next */
};

/*
 * client_fd(c) - Readable when client_next(c, …, 0) would give something or
 * has something to do, provided that its last call gave CLIENT_NONE (so drain
 * before polling).
 * client_next(c, event, deadline) - The next thing that happened, waiting
 * until deadline (date_mono time; 0: do not wait).  Redials and moves along
 * the URL list by itself.  0, or -1 with errno: EINTR a signal, EPROTO the
 * peer is not a broker, EACCES it does not want us, ETIMEDOUT no broker
 * could be reached for `retry` microseconds (client_retry()); client_why()
 * says more.  After that the next call begins anew.  A URL that has denied is
 * left alone for a minute.  A session is replaced by a new one in time, when
 * nothing is in flight if possible; that is CLIENT_LOST and CLIENT_CONNECTED
 * as for any lost connection, and so is a reply that is forged.
 *
 * So is a broker that has fallen silent: it was asked something and nothing
 * has come for 2 s, though it was asked for a sign of life meanwhile.  Only
 * time counts in which the caller looked or slept in a poll of client_fd().
 */
int client_fd(const struct client *c);
int client_next(struct client *c, struct client_event *event, int64_t deadline);

/*
 * client_progress(c) - What the connection is for has moved on.  Until it is
 * told so, or a connection lasts, each broker that falls silent makes the
 * client more patient with the next one, for over a slow line one great
 * message may take longer.
 */
void client_progress(struct client *c);

/*
 * client_leave(c, why) - This broker is of no use now: the connection is
 * given up (what is outstanding is CLIENT_LOST) for the next URL, and it is
 * not tried again for a second.  client_next() gives ETIMEDOUT, and why, when
 * that has gone on for `retry` microseconds without progress.
 */
void client_leave(struct client *c, const char *why);

/* client_why(c) - Reason of the last failure, valid until the next call. */
const char *client_why(const struct client *c);

/* client_retry(c, retry) - From now on give up after so many us. */
void client_retry(struct client *c, int64_t retry);

/*
 * client_call(c, msg, event, deadline) - One request and its reply, nothing
 * else in flight; sent again if its connection is lost, so only for requests
 * that may be repeated.  0 with event->reply, or -1 with errno (ETIMEDOUT:
 * deadline passed, and a late reply is dropped).
 */
int client_call(struct client *c, struct buf *msg, struct client_event *event,
    int64_t deadline);

#endif
