/*
 * Between the front and the sessions' code: who is at the other end of each
 * connection, whether it may go on, and the ciphering of what it says and is
 * told (trust/channel.h).  The first body of a connection decides: a frame
 * begins a handshake, and from then on there are only frames; anything else
 * is plain text, which is taken over ipc, and over tcp if that was asked for.
 */
#ifndef SG_BROKER_GATE_H
#define SG_BROKER_GATE_H

#include <stddef.h>
#include <stdint.h>

#include "broker/actor.h"
#include "broker/front.h"
#include "trust/identity.h"

struct gate;

struct gate_options {
	struct identity *identity;	      /* NULL: plain only; borrowed */
	const struct identity_options *given; /* to read it again */
	int insecure;			      /* plain over tcp, too */
	int64_t handshakes; /* a second, of an address or actor; 0: no limit */
	int64_t handshakes_all; /* a second, in all */
	struct actor_limits actor;
};

/*
 * gate_new(front, options) - front is borrowed, options copied.  gate_free()
 * wipes all keys; the front has to be freed after it.
 */
struct gate *gate_new(struct front *front, const struct gate_options *options);
void gate_free(struct gate *g);

/*
 * gate_next(g, event, deadline) - front_next(), but FRONT_REQUEST comes only
 * for requests that may be answered, with body in plain text, and
 * FRONT_CLOSED for connections that gate_set() was called for.
 */
int gate_next(struct gate *g, struct front_event *event, int64_t deadline);

/* gate_reply(g, route, pieces, n) - front_reply(), enciphered if need be. */
void gate_reply(struct gate *g, const struct front_route *route,
    const struct front_piece *pieces, size_t n);

/* The caller's own pointer of a connection; NULL at first. */
void gate_set(struct front_conn *conn, void *data);
void *gate_get(const struct front_conn *conn);

/*
 * gate_grant(conn) - The certificate of its session, NULL if it is plain;
 * valid until the connection is reported closed.  gate_actors(g) - All that
 * have sessions.
 */
struct grant *gate_grant(const struct front_conn *conn);
struct actors *gate_actors(struct gate *g);

/*
 * gate_turn(g, now) - To be called every second, in date_mono() time: looks
 * at the folder's revocation lists, ends what has been revoked, has expired
 * or is too old.
 */
void gate_turn(struct gate *g, int64_t now);

/*
 * gate_reload(g, why) - Read key and network again.  0, or -1 with *why, and
 * all is as before.
 */
int gate_reload(struct gate *g, const char **why);

/*
 * gate_list(g, kid, n, text, len) - A revocation list of issuer kid[0..n) was
 * published: take it, keep it in the folder and act on it.  NULL, or why it
 * is no such list.
 */
const char *gate_list(
    struct gate *g, const char *kid, size_t n, const char *text, size_t len);

/*
 * gate_doubts(g, cert) - Why a certificate that was valid is so no longer, by
 * what is known here now; NULL: it still is.
 */
const char *gate_doubts(const struct gate *g, const struct cert *cert);

struct gate_counts {
	uint64_t handshakes, failed; /* begun, and not ended well */
	size_t sessions;	     /* open now */
	uint64_t denied;	     /* connections with a valid certificate */
	uint64_t ended;		     /* revoked, expired, too old */
};

/* gate_counts(g) - Totals since gate_new(); valid as long as g is. */
const struct gate_counts *gate_counts(const struct gate *g);

#endif
