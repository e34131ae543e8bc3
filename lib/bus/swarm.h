/*
 * Thousands of publishers in one thread, each with its own connection to the
 * broker, its own channel of numbered events and its own reconnecting: the
 * wire of wire.h over plain sockets, without libnng.  Events are not kept,
 * but made again if they have to be sent again.
 */
#ifndef SG_BUS_SWARM_H
#define SG_BUS_SWARM_H

#include <stdint.h>

#include "base/buf.h"
#include "base/histogram.h"
#include "trust/identity.h"

struct swarm;

/*
 * Whose events they are.  due(ctx, i, k): when connection i sends its event k
 * (from 1), in date_mono() time, rising with k; INT64_MAX: there is none any
 * more.  line(ctx, i, k, out): append it with its LF, the same each time.
 * name(ctx, i): the publisher's name, valid until the next call; in a session
 * it is the certificate's subject instead.
 */
struct swarm_source {
	void *ctx;
	int64_t (*due)(void *ctx, uint32_t i, uint64_t k);
	void (*line)(void *ctx, uint32_t i, uint64_t k, struct buf *out);
	const char *(*name)(void *ctx, uint32_t i);
};

/*
 * urls as in bus/client.h: each connection tries the next one when it is lost.
 * With an identity, which is borrowed, every connection is a session of its
 * own.  To a broker at a loopback address, each so many (spread) connections
 * come from a loopback address of their own, since one has some 28,000 ports.
 */
struct swarm_config {
	const char *urls;
	struct identity *identity; /* NULL: plain */
	int insecure;		   /* plain over tcp, too */
	uint32_t connections, spread;
	int64_t connects;  /* begun a second at first; 0: all at once */
	int64_t pause_min; /* us; bounds of the pauses between attempts */
	int64_t pause_max;
	int64_t patience; /* us without an answer that is due */
	struct swarm_source source;
};

/*
 * swarm_new(config, why) - config is copied; connections are made from now on.
 * NULL with *why, valid until the next call, and errno (EINVAL: a bad URL;
 * ENOKEY: a tcp URL without identity and not insecure; EHOSTUNREACH: no such
 * host; others from the system).
 */
struct swarm *swarm_new(const struct swarm_config *config, const char **why);
void swarm_free(struct swarm *s);

/*
 * swarm_turn(s, deadline) - Do what is due, and wait for more until deadline
 * (date_mono time), but not much longer than a quarter of a second, so that
 * the caller can look for signals.  0, or -1 with errno and swarm_why(): EPROTO
 * the broker does not take our frames; others from the system, such as EMFILE.
 */
int swarm_turn(struct swarm *s, int64_t deadline);

/*
 * swarm_why(s) - Why a connection was lost or not made, the last time that it
 * happened, "" if never; valid until the next turn.
 * swarm_denied(s) - 1 if it was because the broker or we denied it.
 */
const char *swarm_why(const struct swarm *s);
int swarm_denied(const struct swarm *s);

/*
 * swarm_start(s) - From now on events are sent.
 * swarm_stop(s) - From now on no new ones are.
 * swarm_finished(s) - 1 once there are no more and all are acknowledged.
 * swarm_drop(s) - Close all connections at once; they are made again at once.
 * swarm_bye(s) - Let the broker forget the channels, of connections that are
 * open and have nothing outstanding; each is closed with its answer, and the
 * others now.  swarm_counts()->open is 0 when all is over.
 */
void swarm_start(struct swarm *s);
void swarm_stop(struct swarm *s);
int swarm_finished(const struct swarm *s);
void swarm_drop(struct swarm *s);
void swarm_bye(struct swarm *s);

struct swarm_counts {
	uint32_t connections, open;
	uint64_t opened;  /* times a connection became open */
	uint64_t lost;	  /* open ones that were lost */
	uint64_t failed;  /* attempts to connect */
	uint64_t sent;	  /* events, each counted once */
	uint64_t acked;	  /* of them */
	uint64_t safe;	  /* of them, durable on the twin too */
	uint64_t resent;  /* times that an event was sent again */
	uint64_t refused; /* events, by the broker's rules */
	uint64_t frames, bytes;
	int64_t time;	 /* since swarm_start(), us */
	int64_t opening; /* until all were open for the first time, us */
	/* Since all connections were open, until they are again, us. */
	int64_t away;	/* now; 0: all are open */
	int64_t outage; /* the longest that has ended */
};

/*
 * swarm_counts(s), swarm_latency(s) - So far; valid until the next turn.
 * The latter: from the moment an event is due to its acknowledgement, us.
 */
const struct swarm_counts *swarm_counts(struct swarm *s);
const struct histogram *swarm_latency(const struct swarm *s);

/*
 * swarm_text(s, b) - Append the counts as three lines for a person.
 * swarm_event(s, topic, b) - The same as one event, with its LF.
 */
void swarm_text(struct swarm *s, struct buf *b);
void swarm_event(struct swarm *s, const char *topic, struct buf *b);

#endif
