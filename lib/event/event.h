/*
 * The event line, sg-event(5): one flat JSON object.  event_scan() is the
 * one place that decides whether bytes are an event; it finds the members
 * in place and builds no tree.
 */
#ifndef SG_EVENT_EVENT_H
#define SG_EVENT_EVENT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

enum {
	EVENT_LINE_MAX = 1048576 /* bytes of a line with its signature,
				    without the newline */
};

/* Members the toolkit knows; all others pass untouched. */
enum event_member {
	EVENT_TOPIC,
	EVENT_T,
	EVENT_V,
	EVENT_VS,
	EVENT_VB,
	EVENT_VD,
	EVENT_M,
	EVENT_D,
	EVENT_ENC,
	EVENT_U,
	EVENT_SRC,
	EVENT_EP,
	EVENT_SEQ,
	EVENT_ID,
	EVENT_RE,
	EVENT_TTL,
	EVENT_Q,
	EVENT_REV,
	EVENT_W,
	EVENT_N,
	EVENT_KID,
	EVENT_SIG,
	EVENT_RT,
	EVENT_FROM,
	EVENT_POS,
	EVENT_MEMBERS
};

/*
 * A scanned line.  at[] and len[] say where each known member's value stands
 * in line[]: for a string what is between the quotes, else the whole token.
 * Borrowed from the line; valid as long as that is.
 */
struct event {
	const char *line;
	size_t n;	  /* bytes, without newline */
	uint32_t have;	  /* 1u << enum event_member */
	uint32_t escaped; /* same bits: string with a backslash */
	uint32_t text;	  /* same bits: value is a string */
	uint32_t at[EVENT_MEMBERS];
	uint32_t len[EVENT_MEMBERS];
	uint32_t key_at[EVENT_MEMBERS]; /* opening quote of the name */
};

/* event_has(e, member) - 1 if the line has it. */
static inline int
event_has(const struct event *e, enum event_member m)
{
	return e->have >> m & 1;
}

/*
 * event_momentary(topic, n) - 1 if events of the topic are commands or
 * requests (COMMAND/…, DR/REQUEST/…): they have no last value.
 */
static inline int
event_momentary(const char *topic, size_t n)
{
	return (n > 8 && memcmp(topic, "COMMAND/", 8) == 0) ||
	    (n > 11 && memcmp(topic, "DR/REQUEST/", 11) == 0);
}

/*
 * event_is_mark(e) - 1 if the line is a mark, topic $SG/MARK, which says how
 * far a stream has been read (sg-event(5)).  Filters that know no more of it
 * pass it on as it is, in its place among the events.
 */
static inline int
event_is_mark(const struct event *e)
{
	static const char topic[] = "$SG/MARK";

	return event_has(e, EVENT_TOPIC) &&
	    e->len[EVENT_TOPIC] == sizeof topic - 1 &&
	    memcmp(e->line + e->at[EVENT_TOPIC], topic, sizeof topic - 1) == 0;
}

/*
 * event_scan(e, line, n, why) - Check the line completely and find its
 * members.  0, or -1 with *why, a constant string that completes
 * "FILE:LINE: ", such as "duplicate member name", "topic: empty level".
 *
 * The whole line is one JSON object of at most EVENT_LINE_MAX bytes, white
 * space around tokens allowed, a newline nowhere.  As json_check(), it looks
 * at syntax, UTF-8, control characters, lone surrogates, \u0000, names used
 * twice in one object (after unescaping), depth <= 64 with the object itself,
 * members <= 256 in all objects of the line together, numbers that a double
 * can hold.  Then at the members the toolkit knows:
 *
 *	topic		a topic, sg-topic(7); escapes are allowed
 *	t		number within +-9.2e12, or an RFC 3339 string with a
 *			zone (its bit in e->text) unless the line has sig
 *	v vs vb d	number, string, true or false, object
 *	vd enc		base64url without padding
 *	m		object of numbers
 *	u		string, or object of strings
 *	src from	1-255 printable ASCII characters without spaces
 *	id re kid	1-128 of these
 *	sig		any number of these
 *	ep seq rev n	whole number from 0 to 2^63-1, digits only
 *	ttl w		number above 0
 *	q		OK, MISSING, ESTIMATED or BAD
 *	rt		number
 *	pos		anything
 *
 * and that there is at most one of v vs vb vd m d enc.  Missing members are
 * no fault here.
 */
int event_scan(struct event *e, const char *line, size_t n, const char **why);

/*
 * event_complete(e, why) - 0 if the event has topic, numeric t and one of v
 * vs vb vd m d enc, else -1 with *why.
 */
int event_complete(const struct event *e, const char **why);

/*
 * event_command(e, now, why) - The rules for COMMAND and DR requests
 * (DR/REQUEST/...): COMMAND needs id and ttl, DR requests need ttl, t no
 * more than 30 s ahead of now (microseconds), t + ttl not before now.  1
 * fine or another class, 0 too late (*why "expired"), -1 refused with *why.
 */
int event_command(const struct event *e, int64_t now, const char **why);

/*
 * event_topic(e, space, n) - The topic's text, unescaped into space (at
 * least 256 bytes) only if it carries escapes; *n is its length.
 */
const char *event_topic(const struct event *e, char *space, size_t *n);

/* event_time(e, out) - t in microseconds.  0, or -1 if absent or invalid. */
int event_time(const struct event *e, int64_t *out);

/*
 * event_integer(e, member, out) - ep, seq, rev, n as int64_t >= 0.  0 or -1
 * if absent or not such an integer.
 */
int event_integer(const struct event *e, enum event_member m, int64_t *out);

/*
 * event_without(e, member, out) - out becomes the line without that member,
 * which it has, and a comma beside it.
 */
void event_without(
    const struct event *e, enum event_member m, struct buf *out);

/* event_string(e, member, b) - Append the member's text, unescaped. */
void event_string(const struct event *e, enum event_member m, struct buf *b);

#endif
