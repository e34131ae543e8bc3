#include "broker/actor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "bus/wire.h"

enum {
	BUCKETS = 1024, /* actors by subject */
	KNOWN_MIN = 64,
	SOURCES = 1024 /* of others, remembered of each grant */
};

/*
 * A topic that an actor has published to: its index in last + 1, and the
 * grant that allowed it.  Topics are never forgotten, so the table's fill is
 * what counts for the quota.
 */
struct known {
	uint32_t topic, stamp;
};

struct actor_topics {
	struct known *known;
	size_t mask, n;
};

/* An actor with what only this file knows. */
struct owner {
	struct actor actor; /* first */
	struct actor_topics topics;
	struct bucket events, bytes, handshakes;
};

struct source {
	size_t n;
	char text[KEY_SUBJECT_MAX];
};

struct rights {
	struct grant grant; /* first */
	size_t users;
	uint32_t stamp;
	struct source *source; /* of others that it may use; NULL: none yet */
};

struct actors {
	struct actor_limits limits;
	struct actor *actor[BUCKETS];
	struct grant *grants;
	uint32_t stamp; /* the newest grant's */
	char why[512];
};

struct actors *
actors_new(const struct actor_limits *limits)
{
	struct actors *a = xcalloc(1, sizeof *a);

	a->limits = *limits;
	return a;
}

static struct owner *
owner_of(const struct grant *g)
{
	return (struct owner *)(void *)g->actor;
}

static struct rights *
rights_of(struct grant *g)
{
	return (struct rights *)(void *)g;
}

static void
rights_free(struct rights *r)
{
	free(r->source);
	free(r);
}

void
actors_free(struct actors *a)
{
	struct grant *g;
	struct actor *actor;
	size_t i;

	if (a == NULL)
		return;
	while ((g = a->grants) != NULL) {
		a->grants = g->next;
		rights_free(rights_of(g));
	}
	for (i = 0; i < BUCKETS; i++)
		while ((actor = a->actor[i]) != NULL) {
			a->actor[i] = actor->chain;
			free(((struct owner *)(void *)actor)->topics.known);
			free(actor);
		}
	free(a);
}

const struct actor_limits *
actors_limits(const struct actors *a)
{
	return &a->limits;
}

struct actor *
actors_get(struct actors *a, const char *subject, size_t n)
{
	struct actor **at = &a->actor[last_hash(subject, n) % BUCKETS];
	struct owner *o;

	for (; *at != NULL; at = &(*at)->chain)
		if (strlen((*at)->subject) == n &&
		    memcmp((*at)->subject, subject, n) == 0)
			return *at;
	o = xcalloc(1, sizeof *o);
	memcpy(o->actor.subject, subject, n);
	o->actor.topics = &o->topics;
	*at = &o->actor;
	return *at;
}

/* The certificate's limit, else the broker's; 0: none. */
static int64_t
limit(int64_t given, int64_t standard)
{
	return given != 0 ? given : standard;
}

static struct grant *
grant_new(struct actors *a, const struct cert *cert)
{
	struct rights *r = xcalloc(1, sizeof *r);

	r->grant.actor = actors_get(a, cert->subject, strlen(cert->subject));
	r->grant.cert = cert;
	r->stamp = ++a->stamp;
	r->grant.next = a->grants;
	a->grants = &r->grant;
	return &r->grant;
}

struct grant *
grant_take(struct actors *a, const struct cert *cert, const char **why)
{
	struct actor *actor =
	    actors_get(a, cert->subject, strlen(cert->subject));
	int64_t most = limit(cert->limits.connections, a->limits.connections);
	struct grant *g;

	if (most != 0 && actor->connections >= most) {
		snprintf(a->why, sizeof a->why,
		    "connections quota of %s (%lld) is used up", actor->subject,
		    (long long)most);
		*why = a->why;
		return NULL;
	}
	for (g = a->grants; g != NULL; g = g->next)
		if (g->cert->len == cert->len &&
		    memcmp(g->cert->text, cert->text, cert->len) == 0)
			break;
	if (g == NULL)
		g = grant_new(a, cert);
	rights_of(g)->users++;
	actor->connections++;
	return g;
}

void
grant_leave(struct actors *a, struct grant *g)
{
	struct grant **at = &a->grants;

	g->actor->connections--;
	if (--rights_of(g)->users > 0)
		return;
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	rights_free(rights_of(g));
}

struct grant *
grants(const struct actors *a)
{
	return a->grants;
}

/* Where topic is in the table, or would be. */
static struct known *
known_find(const struct actor_topics *t, uint32_t topic)
{
	size_t at = topic * 0x9e3779b1u & t->mask;

	while (t->known[at].topic != 0 && t->known[at].topic != topic)
		at = (at + 1) & t->mask;
	return &t->known[at];
}

static void
known_grow(struct actor_topics *t)
{
	struct actor_topics to = { .mask = t->mask * 2 + 1, .n = t->n };
	size_t i;

	if (t->known == NULL)
		to.mask = KNOWN_MIN - 1;
	to.known = xcalloc(to.mask + 1, sizeof *to.known);
	for (i = 0; t->known != NULL && i <= t->mask; i++)
		if (t->known[i].topic != 0)
			*known_find(&to, t->known[i].topic) = t->known[i];
	free(t->known);
	*t = to;
}

static void
known_set(struct actor_topics *t, uint32_t topic, uint32_t stamp)
{
	struct known *k;

	if (t->known == NULL || t->n * 2 > t->mask)
		known_grow(t);
	k = known_find(t, topic);
	t->n += k->topic == 0;
	*k = (struct known){ topic, stamp };
}

static const char *
denied(struct actors *a, const struct grant *g, const char *right,
    const char *rule, const char *text, size_t n)
{
	if (rule != NULL)
		snprintf(a->why, sizeof a->why, "denied: deny pattern %s of %s",
		    rule, g->actor->subject);
	else
		snprintf(a->why, sizeof a->why,
		    "denied: no %s pattern of %s covers %.*s", right,
		    g->actor->subject, (int)n, text);
	return a->why;
}

/* *topic is known as the actor's, with that stamp. */
static const char *
count_topic(struct actors *a, struct grant *g, struct last *last, const char *p,
    size_t n, uint32_t stamp, struct last_topic **topic)
{
	struct actor_topics *topics = &owner_of(g)->topics;
	int64_t most = limit(g->cert->limits.topics, a->limits.topics);
	int is_new;

	is_new = *topic == NULL || topics->known == NULL ||
	    known_find(topics, (*topic)->index + 1u)->topic == 0;
	if (is_new && most != 0 && topics->n >= (size_t)most) {
		snprintf(a->why, sizeof a->why,
		    "denied: topics quota of %s (%lld) is used up",
		    g->actor->subject, (long long)most);
		return a->why;
	}
	if (*topic == NULL)
		*topic = last_topic(last, p, n);
	if (*topic != NULL)
		known_set(topics, (*topic)->index + 1u, stamp);
	return NULL;
}

const char *
grant_topic(struct actors *a, struct grant *g, struct last *last, const char *p,
    size_t n, struct last_topic **topic)
{
	/* Whoever publishes to it has still to be asked for its right. */
	return count_topic(a, g, last, p, n, 0, topic);
}

/* The topic is new to this actor, or to this certificate of its. */
static const char *
check_topic(struct actors *a, struct grant *g, struct last *last, const char *p,
    size_t n, struct last_topic **topic)
{
	const char *rule = NULL;

	if (!cert_may(g->cert, CERT_PUB, p, n, &rule))
		return denied(a, g, "pub", rule, p, n);
	return count_topic(a, g, last, p, n, rights_of(g)->stamp, topic);
}

static const char *
check_source(struct actors *a, struct grant *g, const char *p, size_t n)
{
	struct rights *r = rights_of(g);
	const char *subject = g->actor->subject, *rule;
	struct source *known;

	if (strncmp(subject, p, n) == 0 && subject[n] == '\0')
		return NULL;
	if (r->source == NULL)
		r->source = xcalloc(SOURCES, sizeof *r->source);
	known = &r->source[last_hash(p, n) % SOURCES];
	if (known->n == n && memcmp(known->text, p, n) == 0)
		return NULL;
	if (!cert_may_source(g->cert, p, n, &rule)) {
		snprintf(a->why, sizeof a->why,
		    "denied: not owner of src %.*s: no via pattern of %s "
		    "covers it",
		    (int)n, p, g->actor->subject);
		return a->why;
	}
	if (n <= sizeof known->text) {
		known->n = n;
		memcpy(known->text, p, n);
	}
	return NULL;
}

static const char *
source_fault(struct actors *a, struct grant *g, const struct event *e)
{
	struct buf text = { 0 };
	const char *why;

	if (!event_has(e, EVENT_SRC))
		return NULL;
	if ((e->escaped >> EVENT_SRC & 1) == 0)
		return check_source(
		    a, g, e->line + e->at[EVENT_SRC], e->len[EVENT_SRC]);
	event_string(e, EVENT_SRC, &text);
	why = check_source(a, g, text.p, text.len);
	buf_fini(&text);
	return why;
}

const char *
grant_publish(struct actors *a, struct grant *g, struct last *last,
    const struct event *e, struct last_topic **topic)
{
	const struct actor_topics *topics = &owner_of(g)->topics;
	char space[TOPIC_MAX + 1];
	size_t n;
	const char *p = event_topic(e, space, &n), *why;

	if ((why = source_fault(a, g, e)) != NULL)
		return why;
	*topic = last_find(last, p, n);
	if (*topic != NULL && topics->known != NULL &&
	    known_find(topics, (*topic)->index + 1u)->stamp ==
		rights_of(g)->stamp)
		return NULL;
	return check_topic(a, g, last, p, n, topic);
}

/* Filters of the marks of an actor's own flows need no right, bus/wire.h. */
static int
is_own_marks(const struct grant *g, const char *filter)
{
	char own[WIRE_MARK_TOPIC];
	size_t n;

	wire_mark_topic(own, g->actor->subject, NULL);
	n = strlen(own) - 1;
	return strncmp(filter, own, n) == 0 &&
	    !topic_set_match(&g->cert->rights.deny, filter, strlen(filter));
}

const char *
grant_subscribe(struct actors *a, const struct grant *g, struct topic_set *set)
{
	const struct topic_set *deny = &g->cert->rights.deny;
	char text[TOPIC_MAX + 2];
	const char *rule;
	size_t i;

	for (i = 0; i < set->n; i++) {
		const char *filter = set->filter[i];

		rule = NULL;
		if (set->exclude[i] || is_own_marks(g, filter) ||
		    cert_may_filter(g->cert, filter, strlen(filter), &rule))
			continue;
		return denied(a, g, "subs", rule, filter, strlen(filter)) +
		    sizeof "denied: " - 1;
	}
	for (i = 0; i < deny->n; i++) {
		int len = snprintf(text, sizeof text, "!%s", deny->filter[i]);

		topic_set_add(set, text, (size_t)len);
	}
	return NULL;
}

int
grant_sees(const struct grant *g, const char *topic)
{
	const char *rule;

	return cert_may(g->cert, CERT_SUBS, topic, strlen(topic), &rule);
}

int64_t
grant_pay(struct actors *a, struct grant *g, uint64_t events, uint64_t bytes,
    int64_t now)
{
	struct owner *o = owner_of(g);
	const int64_t e = limit(g->cert->limits.events, a->limits.events);
	const int64_t b = limit(g->cert->limits.bytes, a->limits.bytes);
	const int64_t e_wait = bucket_wait(&o->events, e, e, now);
	const int64_t b_wait = bucket_wait(&o->bytes, b, b, now);

	if (e_wait != 0 || b_wait != 0)
		return e_wait > b_wait ? e_wait : b_wait;
	if (e != 0)
		bucket_take(&o->events, (int64_t)events);
	if (b != 0)
		bucket_take(&o->bytes, (int64_t)bytes);
	return 0;
}

struct bucket *
grant_handshakes(const struct grant *g)
{
	return &owner_of(g)->handshakes;
}
