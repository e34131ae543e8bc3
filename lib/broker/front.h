/*
 * The broker's sockets: one epoll loop that speaks nng's wire mapping (SP
 * over TCP and IPC, protocol REP) and hands whole requests to the caller.
 * Layout of greeting, lengths and request ids: sp.h.
 */
#ifndef SG_BROKER_FRONT_H
#define SG_BROKER_FRONT_H

#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"

struct front;
struct front_conn; /* one connection */

/*
 * Every limit but the first may be 0: none.  gather: while hundreds of
 * connections send a little each, wake up at most once in that time (or when
 * a watched descriptor is ready), which saves most of the CPU time; with
 * few busy connections requests never wait.
 */
struct front_limits {
	size_t message;	       /* bytes of a request's body */
	int connections;       /* in all */
	int address;	       /* per source address, IPv6: /64 */
	int strangers;	       /* not admitted yet, in all; 0: see below */
	int address_strangers; /* not admitted yet, per source address */
	int64_t admission;     /* us until a connection must be admitted */
	int requests;	       /* unanswered, per connection */
	size_t memory;	       /* bytes of unsent replies, per connection */
	int64_t greeting;      /* us until the peer's greeting must be in */
	int64_t message_time;  /* us for a started message to make progress */
	int64_t write_time;    /* us an unread reply may wait */
	int64_t gather;	       /* us to let requests of many gather, or 0 */
};

/*
 * With a limit of strangers every connection over tcp is one until
 * front_admit(), and is cut off if that does not come in time; if there are
 * too many, the oldest makes room.  Without one nobody is a stranger.
 *
 * front_new(limits) - No listeners yet; limits are copied.
 */
struct front *front_new(const struct front_limits *limits);

/*
 * front_listen(f, url, why) - ipc:///path (socket 0600, its folder created
 * 0700 if absent; a stale socket file is replaced, a live one refused; peers
 * of another user than ours and root are turned away),
 * tcp://host:port (port 0: any).  0, or -1 with *why.  front_url(f, i) is
 * listener i's URL with the real port, NULL past the last.
 */
int front_listen(struct front *f, const char *url, const char **why);
const char *front_url(const struct front *f, size_t i);

/* front_local(url) - 1 if the URL is ipc://, else 0. */
int front_local(const char *url);

/* front_watch(f, fd) - Report FRONT_READABLE when fd is readable. */
int front_watch(struct front *f, int fd);

enum front_kind {
	FRONT_TIME, /* the deadline has passed */
	FRONT_REQUEST,
	FRONT_CLOSED,  /* conn is gone after this event */
	FRONT_READABLE /* a watched descriptor: fd */
};

/* The route back of one request: its connection and SP header. */
struct front_route {
	struct front_conn *conn;
	uint8_t hops[64]; /* request id and the hops before it */
	uint8_t hops_len;
	uint64_t number; /* the caller's, carried along */
};

struct front_event {
	enum front_kind kind;
	int fd;
	struct front_route route; /* FRONT_REQUEST; .conn if CLOSED */
	struct blob *body;	  /* FRONT_REQUEST: the caller's to unref */
};

/*
 * front_next(f, event, deadline) - Wait for and give the next event;
 * deadline in date_mono() time, INT64_MAX for none.  0, or -1 with errno
 * (EINTR: a signal).  Replies are sent before it waits and before it reads
 * more requests, so that those to one connection leave together.  Under load
 * FRONT_TIME comes between requests; call it again at once for the others.
 */
int front_next(struct front *f, struct front_event *event, int64_t deadline);

/* A piece of a reply: bytes inside a blob, which is referenced. */
struct front_piece {
	struct blob *blob;
	const char *p;
	size_t n;
};

/*
 * front_reply(f, route, pieces, n) - Queue the one reply to a request.  One
 * reference per piece to its blob passes from the caller to the front; the
 * bytes must not change any more.  The connection must not have been
 * reported closed.  One whose unsent replies pass the limits is cut off.
 */
void front_reply(struct front *f, const struct front_route *route,
    const struct front_piece *pieces, size_t n);

/*
 * front_cut(f, conn, why) - Close it, after one attempt to send what is
 * queued; FRONT_CLOSED follows.  why goes to the log.
 */
void front_cut(struct front *f, struct front_conn *conn, const char *why);

/*
 * front_admit(f, conn) - It has shown who it is: no stranger any more.
 * front_conn_local(conn) - 1 if it came over ipc.  front_conn_address(conn) -
 * Where from: 16 bytes, the network of an IPv6 address (64 bits, the rest
 * zero) or IPv4 as ::ffff:a.b.c.d, zero for ipc.
 */
void front_admit(struct front *f, struct front_conn *conn);
int front_conn_local(const struct front_conn *conn);
const unsigned char *front_conn_address(const struct front_conn *conn);

/* The caller's own pointer of a connection; NULL at first. */
void front_conn_set(struct front_conn *conn, void *data);
void *front_conn_get(const struct front_conn *conn);

/* front_conn_name(conn) - "ipc:uid=0:pid=77", "tcp:[::1]:4711". */
const char *front_conn_name(const struct front_conn *conn);

struct front_counts {
	uint64_t accepted, refused, cut, requests, replies, in, out;
	int connections, strangers;
};

/* front_counts(f) - Totals since front_new(); valid as long as f is. */
const struct front_counts *front_counts(const struct front *f);

/*
 * front_log(f, fn, ctx) - Where cut-off reasons go, one line each: fn(ctx,
 * connection name, why); why completes "NAME " as a sentence or names the
 * matter ("speaks HTTP or text, not SP", "too many connections").  At most
 * ten a second and then one line with the number left out.
 */
void front_log(struct front *f,
    void (*fn)(void *ctx, const char *conn, const char *why), void *ctx);

/* front_report(f, name, why) - A line of the caller's, counted with them. */
void front_report(struct front *f, const char *name, const char *why);

/* front_drain(f, deadline) - Stop accepting, send what is queued. */
void front_drain(struct front *f, int64_t deadline);
void front_free(struct front *f);

#endif
