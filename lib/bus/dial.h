/*
 * How the connection to a broker is made: a thread tries a list of URLs in
 * turn, through a proxy if there is one, shakes hands where there is a key,
 * says hello, and tries again on a schedule of its own.
 */
#ifndef SG_BUS_DIAL_H
#define SG_BUS_DIAL_H

#include <stdint.h>

#include "bus/client.h"
#include "bus/envelope.h"
#include "bus/link.h"

struct dial;

/*
 * dial_new(config, link, why) - config is copied, what it points to and the
 * link are borrowed.  NULL with errno (EINVAL: a bad URL or proxy; ENOKEY) and
 * *why, valid until the next call.
 */
struct dial *dial_new(
    const struct client_config *config, struct link *link, const char **why);

/* dial_free(d) - After dial_stop() and dial_drop(); d may be NULL. */
void dial_free(struct dial *d);

/*
 * dial_start(d, retry) - Make a new connection, giving up after retry us, in
 * the place of the last, with nothing in flight.  link_ring() says that it is
 * over; until dial_end() link and envelope are not the caller's.
 * dial_end(d) - What became of it: 0 or an errno with dial_why(d), valid
 * until the next end.
 * dial_stop(d) - It shall end, for good.
 * dial_drop(d) - Drop the connection.
 */
void dial_start(struct dial *d, int64_t retry);
int dial_end(struct dial *d);
const char *dial_why(const struct dial *d);
void dial_stop(struct dial *d);
void dial_drop(struct dial *d);

/*
 * dial_leave(d, until, why) - While there is a connection: the next one is to
 * be to the next URL of the list, and to this one not before until (date_mono
 * time; 0: at once), which explains a dial that has failed by then.
 */
void dial_leave(struct dial *d, int64_t until, const char *why);

/* dial_going(d) - 1 between dial_start() and dial_end() or dial_stop(). */
int dial_going(const struct dial *d);

/* dial_envelope(d) - How messages go over the connection. */
struct envelope *dial_envelope(struct dial *d);

/*
 * Of the last connection that was made: the broker's name, where it is, when
 * that was (date_mono time), and how many there have been.
 */
const char *dial_broker(const struct dial *d);
const char *dial_url(const struct dial *d);
int64_t dial_since(const struct dial *d);
unsigned dial_count(const struct dial *d);

/* dial_twins(d) - 1 if there are several URLs, or the broker is a twin. */
int dial_twins(const struct dial *d);

#endif
