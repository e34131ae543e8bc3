/*
 * A bad network between programs: connections to a URL of ours are passed on
 * to another, and each such route can be made to stand still, to break, or to
 * be slow.  One thread serves all routes.
 */
#ifndef SG_BUS_RELAY_H
#define SG_BUS_RELAY_H

#include <stddef.h>
#include <stdint.h>

struct relay;

enum relay_mode {
	RELAY_OPEN = 0,
	/*
	 * Nothing passes in either direction and nobody is told; what is under
	 * way arrives once the route is open again, as when a cable is pulled.
	 */
	RELAY_STALL,
	/* Connections end by a reset, new ones at once. */
	RELAY_RESET
};

/* relay_new() - NULL with errno.  relay_free(r) - Ends all connections. */
struct relay *relay_new(void);
void relay_free(struct relay *r);

/*
 * relay_route(r, listen, to, why) - Listen at a URL (bus/url.h; tcp port 0:
 * any) and pass on to another, which need not be there yet.  The route's
 * number from 0, or -1 with *why, a constant.
 * relay_url(r, route) - Where it listens, as a client dials it; valid as long
 * as r is.
 */
int relay_route(
    struct relay *r, const char *listen, const char *to, const char **why);
const char *relay_url(const struct relay *r, int route);

/*
 * relay_set(r, route, mode, delay) - From now on; what passes takes delay us
 * longer in each direction.
 */
void
relay_set(struct relay *r, int route, enum relay_mode mode, int64_t delay);

/* relay_connections(r) - Of all routes, now. */
size_t relay_connections(const struct relay *r);

#endif
