/*
 * How many bytes the events of a real stream take: alone, signed, many in a
 * message of the wire, under one signature, compressed; and how fast they
 * come, by their own times.
 */
#ifndef SG_GRID_TRAFFIC_H
#define SG_GRID_TRAFFIC_H

#include <stddef.h>
#include <stdint.h>

#include "base/ratio.h"

enum { TRAFFIC_BATCH_MAX = 65536, TRAFFIC_FORMS = 10 };

/*
 * One form: so many events in so many messages of so many bytes in all, named
 *
 *	event, event+sig	alone, signed
 *	message, message+sig	one in a message
 *	batch, batch+sig	many in a message
 *	batch+seal		many under one signature (trust/batch.h)
 *	batch+gzip, batch+sig+gzip, batch+seal+gzip	compressed (RFC 1951)
 *
 * For an event alone its line without LF is the message.  Else it is a frame as
 * a publisher sends it over TCP in a session: length and request id (bus/
 * sp.h), header and lines (bus/wire.h), encryption (trust/channel.h).
 */
struct traffic_form {
	const char *name;
	uint64_t bytes, events, messages;
};

struct traffic;

/*
 * traffic_new(batch) - batch events make a frame, 1 to TRAFFIC_BATCH_MAX, or
 * WIRE_FILL bytes of lines, as in a publisher.
 */
struct traffic *traffic_new(int64_t batch);
void traffic_free(struct traffic *t);

/*
 * traffic_add(t, line, n, why) - One more event, which has to be complete;
 * a mark (bus/mark.h) is none and does not count.
 * Without src, ep or seq it counts as if it had those of a meter.  A signed
 * one counts as unsigned without kid and sig.  0, or -1 with *why (constant)
 * and nothing counted.
 */
int traffic_add(
    struct traffic *t, const char *line, size_t n, const char **why);

/*
 * traffic_end(t, form) - No more events: fill form[0 .. TRAFFIC_FORMS), each
 * counted over full frames, or over the last one if none was full.
 */
void traffic_end(struct traffic *t, struct traffic_form form[TRAFFIC_FORMS]);

/*
 * traffic_events(t) - How many; traffic_topics(t) - of how many topics (by
 * hashes of 64 bits; of the first 4194304 at most); traffic_span(t) - from
 * the earliest to the latest t, microseconds; traffic_interval(t) - the mean
 * time between two events of a topic, 0 if no topic had two.
 */
uint64_t traffic_events(const struct traffic *t);
uint64_t traffic_topics(const struct traffic *t);
int64_t traffic_span(const struct traffic *t);
int64_t traffic_interval(const struct traffic *t);

#endif
