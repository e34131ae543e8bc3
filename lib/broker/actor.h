/*
 * Those who have sessions.  An actor is a subject, with what it has used of
 * its quotas over all its connections; a grant is one of its certificates
 * that is in use, with what that allows.
 */
#ifndef SG_BROKER_ACTOR_H
#define SG_BROKER_ACTOR_H

#include <stddef.h>
#include <stdint.h>

#include "broker/bucket.h"
#include "broker/last.h"
#include "event/event.h"
#include "event/topic.h"
#include "trust/cert.h"

/* What an actor may use if its certificate does not say; 0: no limit. */
struct actor_limits {
	int64_t connections, topics;
	int64_t events, bytes; /* published, a second */
	int64_t cursors, channels;
};

struct actor {
	struct actor *chain;
	char subject[KEY_SUBJECT_MAX + 1];
	int64_t connections, channels; /* it has now */
	size_t ahead;		       /* bytes that wait for earlier ones */
	struct actor_topics *topics;   /* it has published to */
};

struct grant {
	struct grant *next;
	struct actor *actor;
	const struct cert *cert;
};

struct actors;

/* actors_new(limits) - Nobody yet; limits are copied. */
struct actors *actors_new(const struct actor_limits *limits);
void actors_free(struct actors *a);

/* actors_get(a, subject, n) - The actor, made if absent; lives as long as a. */
struct actor *actors_get(struct actors *a, const char *subject, size_t n);

/*
 * grant_take(a, cert, why) - A connection of the certificate's holder more;
 * cert is borrowed as long as a is.  NULL with *why (valid until the next
 * call) if it has too many.  grant_leave(a, g) - One less; g is freed with
 * the last.
 */
struct grant *
grant_take(struct actors *a, const struct cert *cert, const char **why);
void grant_leave(struct actors *a, struct grant *g);

/* grants(a) - The first of all grants, the others by next. */
struct grant *grants(const struct actors *a);

/*
 * grant_publish(a, g, last, e, topic) - May the holder publish the scanned
 * event?  NULL with *topic its entry in last, made if absent (NULL if last
 * is full); or why not, which begins with "denied: ", names the rule, and is
 * valid until the next call.
 */
const char *grant_publish(struct actors *a, struct grant *g, struct last *last,
    const struct event *e, struct last_topic **topic);

/*
 * grant_topic(a, g, last, p, n, topic) - Is there room for that topic, which
 * needs no right, among those of the holder?  *topic is its entry in last or
 * NULL; results as above.
 */
const char *grant_topic(struct actors *a, struct grant *g, struct last *last,
    const char *p, size_t n, struct last_topic **topic);

/*
 * grant_subscribe(a, g, set) - May the holder read what set matches?  NULL,
 * with what it is denied added as exclusions; or why not, as above without
 * the "denied: ".  The marks of its own flows it may always read.
 * grant_sees(g, topic) - May it read that topic?
 */
const char *
grant_subscribe(struct actors *a, const struct grant *g, struct topic_set *set);
int grant_sees(const struct grant *g, const char *topic);

/*
 * grant_pay(a, g, events, bytes, now) - The holder wants to publish so much:
 * 0 if its rates allow that, now in date_mono() time; else for how many
 * microseconds it has to wait, with nothing taken.
 */
int64_t grant_pay(struct actors *a, struct grant *g, uint64_t events,
    uint64_t bytes, int64_t now);

/* grant_handshakes(g) - The bucket of the holder's handshakes. */
struct bucket *grant_handshakes(const struct grant *g);

/*
 * actors_limits(a) - The broker's defaults.
 */
const struct actor_limits *actors_limits(const struct actors *a);

#endif
