/*
 * What the twin gets from this broker: one stream of all frames and notes, in
 * causal order, and how far it has them.  Private to the broker's session
 * code.
 */
#ifndef SG_BROKER_MIRROR_H
#define SG_BROKER_MIRROR_H

#include <stddef.h>
#include <stdint.h>

#include "broker/front.h"
#include "bus/wire.h"

struct broker;
struct mirror;
struct session;
struct trail;

/* mirror_new(b) - For a broker that has a twin; b is borrowed. */
struct mirror *mirror_new(struct broker *b);
void mirror_free(struct mirror *m);

/* mirror_request(s, route, r) - Op mirror; answered now or later. */
void mirror_request(struct session *s, const struct front_route *route,
    const struct wire_request *r);
void mirror_closed(struct session *s);

/*
 * mirror_frame(m) - A frame was added to the store.  mirror_turn(m, now) -
 * Answer what waits too long; when to call it again, in date_mono() time.
 */
void mirror_frame(struct mirror *m);
int64_t mirror_turn(struct mirror *m, int64_t now);

/* A note to be sent, if the twin is there. */
void mirror_cursor(struct mirror *m, const char *name, int64_t t,
    const struct wire_cursor *cursor);
void mirror_bye(struct mirror *m, const char *from, uint64_t chan);

/*
 * mirror_done(m) - What the twin has durably, valid until the next request of
 * its; NULL: not known since our start.  mirror_open(m) - 1 while it keeps up:
 * asks and confirms.
 */
const struct trail *mirror_done(const struct mirror *m);
int mirror_open(const struct mirror *m);

#endif
