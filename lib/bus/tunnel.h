/*
 * A connection through an HTTP proxy for a library that can only dial by
 * itself: a socket in a private folder, which it dials, and a thread that
 * carries the SP messages between that socket, where each begins with a byte
 * 01, and the proxy, where it does not (bus/sp.h has both mappings).
 */
#ifndef SG_BUS_TUNNEL_H
#define SG_BUS_TUNNEL_H

#include <stdint.h>

#include "bus/proxy.h"
#include "bus/url.h"

struct tunnel;

/*
 * tunnel_open(proxy, auth, to, deadline, stop, why) - Ask the proxy for a
 * tunnel to the tcp URL until deadline (date_mono time) or until stop, a
 * descriptor, becomes readable.  NULL with errno and *why, valid until the
 * next call in the same thread: EACCES the proxy forbids it or wants other
 * credentials, ECANCELED stop, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH, ...
 */
struct tunnel *tunnel_open(const struct proxy *proxy, const char *auth,
    const struct url *to, int64_t deadline, int stop, const char **why);

/* tunnel_url(t) - To be dialled, once. */
const char *tunnel_url(const struct tunnel *t);

/* tunnel_close(t) - End it; t may be NULL. */
void tunnel_close(struct tunnel *t);

#endif
