/*
 * The tap: a lossy monitor of everything the broker takes, for plain nng
 * subscribers.  One PUB message per event: topic, one space, line.
 */
#ifndef SG_BROKER_TAP_H
#define SG_BROKER_TAP_H

#include <stddef.h>

struct tap;

/*
 * tap_open(url, why) - Listen on any URL nng knows (ipc sockets get mode
 * 0600).  NULL with *why.  nng starts its threads here: fork before.
 */
struct tap *tap_open(const char *url, const char **why);

/* tap_url(t) - The URL with the real port; the tap's. */
const char *tap_url(const struct tap *t);

/*
 * tap_busy(t) - 1 if a subscriber is connected; else tap_send() would be for
 * nobody.  t may be NULL: 0.
 */
int tap_busy(const struct tap *t);

/*
 * tap_send(t, topic, tn, line, n) - Never blocks; what a subscriber is too
 * slow for is lost.  t may be NULL.  The line's newline is left out by the
 * caller.
 */
void tap_send(struct tap *t, const char *topic, size_t tn, const char *line,
    size_t n);

/*
 * tap_close(t) - Stop listening (an ipc socket file goes), once, when the
 * process is about to end; t must not be used again.  NULL is allowed.
 */
void tap_close(struct tap *t);

#endif
