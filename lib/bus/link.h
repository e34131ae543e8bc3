/*
 * One connection to a broker over libnng: a REQ socket that lives as long as
 * the connection does, and on it a context for each request in flight.  It is
 * redialled by its owner.  nng's types stay in link.c.
 *
 * Two threads use a link: one makes the connection (link_dial, _exchange,
 * _drop, _pause) while the other, which owns it, has nothing in flight.
 */
#ifndef SG_BUS_LINK_H
#define SG_BUS_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct link;

/*
 * link_new() - Not connected; NULL with errno.
 * link_free(l) - After link_drop(); waits a moment for what is still being
 * closed.  l may be NULL.
 */
struct link *link_new(void);
void link_free(struct link *l);

/*
 * link_dial(l, url, deadline) - Connect to "tcp://ADDRESS:PORT" or
 * "ipc:///PATH" by the deadline (date_mono time): 0, or an errno, which is
 * ECANCELED after link_stop().
 * link_drop(l) - End the connection, which no request uses (any more); does
 * not block.
 */
int link_dial(struct link *l, const char *url, int64_t deadline);
void link_drop(struct link *l);

/*
 * link_exchange(l, msg, p, n, deadline) - One request and its answer, p[0..n)
 * until the next exchange or drop: 0 or an errno.
 */
int link_exchange(struct link *l, const struct buf *msg, const char **p,
    size_t *n, int64_t deadline);

/*
 * link_stop(l) - The thread that makes the connection shall end, for good:
 * what it waits for is over.  link_stop_fd(l) is readable then.
 * link_pause(l, until) - Sleep until then (date_mono time); 1 if it shall end.
 */
void link_stop(struct link *l);
int link_stop_fd(const struct link *l);
int link_pause(struct link *l, int64_t until);

/* link_ring(l) - Tell the owner, from any thread, that there is news. */
void link_ring(struct link *l);

struct link_request;

/* What the other threads have left for the owner. */
struct link_news {
	struct link_request *done; /* answered, or its connection is gone */
	int lost;		   /* the connection is gone */
	int rung;		   /* by link_ring() */
};

/*
 * link_news(l) - One answered request, or else whether it was rung since.
 * link_fd(l) - Readable when there is more, provided that the last call gave
 * nothing.
 * link_great(n) - 1 if a request of n bytes is one that may be long in going
 * out.  link_sent(l) - So many of these have been, or never will.
 */
struct link_news link_news(struct link *l);
int link_fd(const struct link *l);
int link_great(size_t n);
unsigned link_sent(struct link *l);

/*
 * A request, to be used for one message and its answer after the other.
 *
 * link_request_new(l, owner), link_request_owner(r) - owner is the caller's.
 * link_request_begin(r) - For a new message over the connection there is: 0
 * or -1.
 * link_request_room(r, n) - Where its n bytes are to be written.
 * link_request_send(r) - Out with it; link_news() gives r when it is answered.
 * link_request_answer(r, p, n) - Take the answer, p[0..n) until
 * link_request_release(); -1 if there is none, since the connection is gone.
 * link_request_cancel(r) - What is in flight gets no answer.
 * link_request_settle(r) - Wait until nothing of it is in other hands.
 */
struct link_request *link_request_new(struct link *l, void *owner);
void *link_request_owner(const struct link_request *r);
int link_request_begin(struct link_request *r);
void *link_request_room(struct link_request *r, size_t n);
void link_request_send(struct link_request *r);
int link_request_answer(struct link_request *r, const char **p, size_t *n);
void link_request_release(struct link_request *r);
void link_request_cancel(struct link_request *r);
void link_request_settle(struct link_request *r);
void link_request_free(struct link_request *r);

#endif
