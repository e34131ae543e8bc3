#include "broker/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/date.h"
#include "base/die.h"
#include "broker/bucket.h"
#include "event/json.h"
#include "trust/channel.h"
#include "trust/crl.h"

enum {
	SOURCES = 4096, /* buckets of handshakes, addresses share them */
	BURST = 2,	/* seconds' worth of handshakes at once */
	FORGET = 60,	/* s between looks for certificates to forget */
	GRACE = 300,	/* s that a session may outlive channel_expires() */
	PIECES = 16	/* of a reply, without allocating */
};

enum link_state {
	LINK_NEW,
	LINK_PLAIN,
	LINK_SHAKING, /* the handshake goes on */
	LINK_OPEN,
	LINK_REFUSED, /* authenticated, but only to be told why not */
	LINK_DEAD     /* cut off; what it had sent before is dropped */
};

/* What the gate knows of a connection. */
struct link {
	struct link *next, **self; /* in the gate's list */
	struct front_conn *conn;
	void *data; /* the caller's */
	enum link_state state;
	struct channel *channel; /* NULL: plain */
	struct grant *grant;
	struct bucket *source; /* where its handshake was counted */
	int64_t until;	       /* date_mono() time; the session ends */
	char *why;	       /* LINK_REFUSED */
};

struct gate {
	struct front *front;
	struct gate_options o;
	struct gate_counts counts;
	struct actors *actors;
	struct link *links;
	struct link *gone; /* reported closed by the last call */
	struct bucket all, *source;
	uint64_t salt[2];
	enum keyring_verdict own;     /* on the broker's certificate */
	int64_t forget_at;	      /* date_mono() time */
	char why[256], list_why[512]; /* the last bad file */
};

struct gate *
gate_new(struct front *front, const struct gate_options *options)
{
	struct gate *g = xcalloc(1, sizeof *g);

	g->front = front;
	g->o = *options;
	g->actors = actors_new(&options->actor);
	if (g->o.identity == NULL)
		return g;
	g->own = KEYRING_VALID;
	g->source = xcalloc(SOURCES, sizeof *g->source);
	/* Nobody shall know whose bucket he shares. */
	if (getrandom(g->salt, sizeof g->salt, 0) != sizeof g->salt)
		g->salt[0] = (uint64_t)date_mono();
	return g;
}

static void
link_free(struct gate *g, struct link *l)
{
	if (l == NULL)
		return;
	channel_free(l->channel);
	if (l->grant != NULL)
		grant_leave(g->actors, l->grant);
	free(l->why);
	free(l);
}

static void
link_leave(struct link *l)
{
	*l->self = l->next;
	if (l->next != NULL)
		l->next->self = l->self;
}

void
gate_free(struct gate *g)
{
	struct link *l;

	if (g == NULL)
		return;
	while ((l = g->links) != NULL) {
		link_leave(l);
		link_free(g, l);
	}
	link_free(g, g->gone);
	actors_free(g->actors);
	free(g->source);
	free(g);
}

static struct link *
link_of(struct gate *g, struct front_conn *conn)
{
	struct link *l = front_conn_get(conn);

	if (l != NULL)
		return l;
	l = xcalloc(1, sizeof *l);
	l->conn = conn;
	l->next = g->links;
	l->self = &g->links;
	if (l->next != NULL)
		l->next->self = &l->next;
	g->links = l;
	front_conn_set(conn, l);
	return l;
}

/*
 * Cut off.  The keys go at once, the rest when the front has told that the
 * connection is gone.
 */
static void
link_cut(struct gate *g, struct link *l, const char *why)
{
	if (l->state == LINK_DEAD)
		return;
	if (l->state == LINK_SHAKING)
		g->counts.failed++;
	if (l->state == LINK_OPEN)
		g->counts.sessions--;
	l->state = LINK_DEAD;
	channel_free(l->channel);
	l->channel = NULL;
	front_cut(g->front, l->conn, why);
}

static void
send_text(struct gate *g, const struct front_route *route, const char *p,
    size_t n,
    void (*send)(struct gate *g, const struct front_route *route,
	const struct front_piece *pieces, size_t n))
{
	struct blob *blob = blob_new(n);
	struct front_piece piece = { blob, blob->p, n };

	memcpy(blob->p, p, n);
	blob->len = n;
	send(g, route, &piece, 1);
}

static void
send_as_is(struct gate *g, const struct front_route *route,
    const struct front_piece *pieces, size_t n)
{
	front_reply(g->front, route, pieces, n);
}

/* An error as all others, before there is a session to send it. */
static void
send_error(struct gate *g, const struct front_route *route, const char *name,
    const char *why)
{
	struct buf h = { 0 };

	buf_addf(&h, "{\"ok\":false,\"error\":\"%s\",\"why\":", name);
	json_add_string(&h, why, strlen(why));
	buf_addc(&h, '}');
	send_text(g, route, h.p, h.len, gate_reply);
	buf_fini(&h);
}

/* The bucket of an address. */
static struct bucket *
source_of(struct gate *g, const struct front_conn *conn)
{
	const unsigned char *ip = front_conn_address(conn);
	uint64_t word[2], h;

	memcpy(word, ip, sizeof word);
	h = (word[0] ^ g->salt[0]) * 0xff51afd7ed558ccdu;
	h = (h ^ h >> 32 ^ word[1] ^ g->salt[1]) * 0xc4ceb9fe1a85ec53u;
	h = (h ^ h >> 32) * 0xff51afd7ed558ccdu;
	return &g->source[(h ^ h >> 32) % SOURCES];
}

/* 1 if one more handshake may begin. */
static int
may_shake(struct gate *g, struct link *l)
{
	const int64_t now = date_mono(), rate = g->o.handshakes;
	const int64_t all = g->o.handshakes_all;
	struct bucket *source = source_of(g, l->conn);

	if (bucket_wait(&g->all, all, BURST * all, now) != 0 ||
	    bucket_wait(source, rate, BURST * rate, now) != 0)
		return 0;
	if (all != 0)
		bucket_take(&g->all, 1);
	if (rate != 0) {
		bucket_take(source, 1);
		l->source = source;
	}
	return 1;
}

/*
 * Who got in has not wasted our time, so that many may come from one
 * address; unless the same actor does so again and again.
 */
static void
shaken(struct gate *g, struct link *l)
{
	const int64_t rate = g->o.handshakes;
	struct bucket *own = grant_handshakes(l->grant);

	if (rate == 0 || bucket_wait(own, rate, BURST * rate, date_mono()) != 0)
		return;
	bucket_take(own, 1);
	bucket_take(l->source, -1);
}

static void
refuse(struct gate *g, struct link *l, const char *why)
{
	l->state = LINK_REFUSED;
	l->why = xstrdup(why);
	g->counts.denied++;
	front_report(g->front, front_conn_name(l->conn), why);
}

/* What is overlooked (--crl-soft) is said. */
static void
warn_stale(const struct gate *g, const struct cert *cert)
{
	const struct keyring *ring = g->o.identity->ring;
	const int64_t now = keyring_clock(ring, time(NULL));

	if (keyring_judge(ring, cert, now) == KEYRING_STALE)
		warn("session of %s: %s", cert->subject,
		    keyring_verdict_why(KEYRING_STALE));
}

static void
opened(struct gate *g, struct link *l)
{
	const struct cert *cert = channel_peer(l->channel);
	const int64_t left = channel_expires(l->channel) - time(NULL) + GRACE;
	const char *why;

	l->grant = grant_take(g->actors, cert, &why);
	if (l->grant == NULL) {
		refuse(g, l, why);
		return;
	}
	l->state = LINK_OPEN;
	l->until = date_mono() + left * DATE_SECOND;
	g->counts.sessions++;
	front_admit(g->front, l->conn);
	shaken(g, l);
	warn_stale(g, cert);
	debug("%s: session of %s (%s)", front_conn_name(l->conn), cert->subject,
	    cert->serial);
}

static void
handshake(struct gate *g, struct link *l, const struct front_event *event)
{
	struct identity *id = g->o.identity;
	const char *why = NULL;
	struct buf out = { 0 };
	enum channel_result result = channel_step(l->channel, event->body->p,
	    event->body->len, keyring_clock(id->ring, time(NULL)), &out, &why);

	if (out.len != 0)
		send_text(g, &event->route, out.p, out.len, send_as_is);
	buf_fini(&out);
	switch (result) {
	case CHANNEL_DENIED:
		snprintf(g->why, sizeof g->why, "no session: %s",
		    why != NULL ? why : "refused");
		link_cut(g, l, g->why);
		break;
	case CHANNEL_SEND: break;
	case CHANNEL_OPEN: opened(g, l); break;
	}
}

/* The first frame of a connection. */
static void
begin(struct gate *g, struct link *l, const struct front_event *event)
{
	if (g->o.identity == NULL) {
		send_error(g, &event->route, "denied",
		    "this broker has no key, so there are no sessions");
		link_cut(g, l, "wants a session; there is no key (-k)");
		return;
	}
	if (!may_shake(g, l)) {
		link_cut(g, l, "too many handshakes");
		return;
	}
	g->counts.handshakes++;
	l->state = LINK_SHAKING;
	l->channel = channel_accept(g->o.identity);
	handshake(g, l, event);
}

/* The first body of a connection is plain text: 1 if that may be. */
static int
begin_plain(struct gate *g, struct link *l, const struct front_event *event)
{
	if (g->o.insecure || front_conn_local(l->conn)) {
		l->state = LINK_PLAIN;
		front_admit(g->front, l->conn);
		return 1;
	}
	send_error(g, &event->route, "denied",
	    "this broker wants a session here: give a key (-k)");
	link_cut(g, l, "is not authenticated");
	return 0;
}

/* Decipher in place of the frame.  1, or 0: the connection has been cut. */
static int
decipher(struct gate *g, struct link *l, struct front_event *event)
{
	struct blob *frame = event->body, *plain = blob_new(frame->len);
	int64_t n = channel_open(
	    l->channel, frame->p, frame->len, &event->route.number, plain->p);

	if (n < 0) {
		blob_unref(plain);
		link_cut(g, l, "sent a frame that is not of its session");
		return 0;
	}
	plain->len = (size_t)n;
	blob_unref(frame);
	event->body = plain;
	return 1;
}

/* 1 if the request is one for the caller, in plain text now. */
static int
take(struct gate *g, struct front_event *event)
{
	struct link *l = link_of(g, event->route.conn);
	const int frame = channel_frame(event->body->p, event->body->len);

	switch (l->state) {
	case LINK_NEW:
		if (!frame)
			return begin_plain(g, l, event);
		begin(g, l, event);
		return 0;
	case LINK_PLAIN:
		if (!frame)
			return 1;
		link_cut(g, l, "wants a session on a plain connection");
		return 0;
	case LINK_SHAKING: handshake(g, l, event); return 0;
	case LINK_OPEN: return decipher(g, l, event);
	case LINK_REFUSED:
		if (decipher(g, l, event)) {
			send_error(g, &event->route, "limit", l->why);
			link_cut(g, l, l->why);
		}
		return 0;
	case LINK_DEAD: return 0;
	}
	return 0;
}

/* The connection is gone: 1 if the caller has to know. */
static int
leave(struct gate *g, struct front_conn *conn)
{
	struct link *l = front_conn_get(conn);

	if (l == NULL)
		return 0;
	if (l->state == LINK_SHAKING)
		g->counts.failed++;
	if (l->state == LINK_OPEN)
		g->counts.sessions--;
	l->state = LINK_DEAD;
	link_leave(l);
	g->gone = l;
	return l->data != NULL;
}

int
gate_next(struct gate *g, struct front_event *event, int64_t deadline)
{
	for (;;) {
		link_free(g, g->gone);
		g->gone = NULL;
		if (front_next(g->front, event, deadline) != 0)
			return -1;
		if (event->kind == FRONT_REQUEST) {
			if (take(g, event))
				return 0;
			blob_unref(event->body);
		} else if (event->kind != FRONT_CLOSED ||
		    leave(g, event->route.conn)) {
			return 0;
		}
	}
}

static struct blob *
encipher(
    struct link *l, uint64_t number, const struct front_piece *pieces, size_t n)
{
	struct channel_piece few[PIECES], *v = few;
	struct blob *out;
	size_t total = 0, i;

	if (n > PIECES)
		v = xmalloc(n * sizeof *v);
	for (i = 0; i < n; i++) {
		v[i] = (struct channel_piece){ pieces[i].p, pieces[i].n };
		total += pieces[i].n;
	}
	out = blob_new(channel_sealed(total));
	out->len = out->cap;
	channel_seal(l->channel, number, v, n, out->p);
	if (v != few)
		free(v);
	return out;
}

void
gate_reply(struct gate *g, const struct front_route *route,
    const struct front_piece *pieces, size_t n)
{
	struct link *l = front_conn_get(route->conn);
	struct front_piece piece;
	size_t i;

	/* Of a connection that was cut, the front drops all. */
	if (l->channel == NULL) {
		front_reply(g->front, route, pieces, n);
		return;
	}
	piece.blob = encipher(l, route->number, pieces, n);
	piece.p = piece.blob->p;
	piece.n = piece.blob->len;
	for (i = 0; i < n; i++)
		blob_unref(pieces[i].blob);
	front_reply(g->front, route, &piece, 1);
}

void
gate_set(struct front_conn *conn, void *data)
{
	struct link *l = front_conn_get(conn);

	l->data = data;
}

void *
gate_get(const struct front_conn *conn)
{
	const struct link *l = front_conn_get(conn);

	return l != NULL ? l->data : NULL;
}

struct grant *
gate_grant(const struct front_conn *conn)
{
	const struct link *l = front_conn_get(conn);

	return l->grant;
}

struct actors *
gate_actors(struct gate *g)
{
	return g->actors;
}

const struct gate_counts *
gate_counts(const struct gate *g)
{
	return &g->counts;
}

/* End all sessions of a certificate. */
static void
end_grant(struct gate *g, const struct grant *grant, const char *why)
{
	struct link *l, *next;

	for (l = g->links; l != NULL; l = next) {
		next = l->next;
		if (l->grant != grant || l->state == LINK_DEAD)
			continue;
		g->counts.ended++;
		link_cut(g, l, why);
	}
}

/* An overdue list is no reason to end what was begun in time. */
static const char *
cert_fault(const struct gate *g, const struct cert *cert, int64_t now)
{
	const enum keyring_verdict v =
	    keyring_judge(g->o.identity->ring, cert, now);

	return v == KEYRING_VALID || v == KEYRING_STALE
	    ? NULL
	    : keyring_verdict_why(v);
}

const char *
gate_doubts(const struct gate *g, const struct cert *cert)
{
	if (g->o.identity == NULL)
		return NULL;
	return cert_fault(
	    g, cert, keyring_clock(g->o.identity->ring, time(NULL)));
}

static void
judge(struct gate *g)
{
	const struct identity *id = g->o.identity;
	const int64_t now = keyring_clock(id->ring, time(NULL));
	const struct grant *grant;
	const char *why;

	for (grant = grants(g->actors); grant != NULL; grant = grant->next) {
		why = cert_fault(g, grant->cert, now);
		if (why == NULL)
			continue;
		snprintf(g->why, sizeof g->why, "session of %s ends: %s",
		    grant->actor->subject, why);
		end_grant(g, grant, g->why);
	}
}

/* Clients will refuse us; whoever looks after the broker should know. */
static void
judge_own(struct gate *g)
{
	const struct identity *id = g->o.identity;
	const enum keyring_verdict v = keyring_judge(
	    id->ring, id->cert, keyring_clock(id->ring, time(NULL)));

	if (v != KEYRING_VALID && v != g->own)
		error("this broker's %s: clients will refuse it",
		    keyring_verdict_why(v));
	g->own = v;
}

/* A file that is no list is told of once. */
static void
look_at_lists(struct gate *g)
{
	const char *why = NULL;
	const int taken = keyring_refresh(g->o.identity->ring, &why);

	if (taken > 0)
		note("a newer revocation list was read");
	if (taken >= 0) {
		g->list_why[0] = '\0';
	} else if (strcmp(why, g->list_why) != 0) {
		snprintf(g->list_why, sizeof g->list_why, "%s", why);
		error("%s", why);
	}
}

static int
is_held(const void *ctx, const struct cert *cert)
{
	const struct gate *g = ctx;
	const struct grant *grant;

	if (cert == g->o.identity->cert)
		return 1;
	for (grant = grants(g->actors); grant != NULL; grant = grant->next)
		if (grant->cert == cert)
			return 1;
	return 0;
}

/* Whoever had a session once is not remembered forever. */
static void
forget(struct gate *g, int64_t now)
{
	const struct identity *id = g->o.identity;
	const int64_t clock = keyring_clock(id->ring, time(NULL));
	size_t i;

	if (now < g->forget_at)
		return;
	g->forget_at = now + FORGET * DATE_SECOND;
	keyring_forget(id->ring, clock, is_held, g);
	for (i = 0; i < id->nretired; i++)
		keyring_forget(id->retired[i], clock, is_held, g);
}

void
gate_turn(struct gate *g, int64_t now)
{
	struct link *l, *next;

	if (g->o.identity == NULL)
		return;
	look_at_lists(g);
	judge(g);
	judge_own(g);
	forget(g, now);
	for (l = g->links; l != NULL; l = next) {
		next = l->next;
		if (l->state != LINK_OPEN || l->until > now)
			continue;
		g->counts.ended++;
		link_cut(g, l, "session too old: a new handshake is due");
	}
}

/* Handshakes that have begun know the old identity. */
static void
drop_handshakes(struct gate *g)
{
	struct link *l, *next;

	for (l = g->links; l != NULL; l = next) {
		next = l->next;
		if (l->state == LINK_SHAKING)
			link_cut(g, l, "has to begin anew: the key was read");
	}
}

int
gate_reload(struct gate *g, const char **why)
{
	int status;

	if (g->o.identity == NULL)
		return 0;
	drop_handshakes(g);
	if (identity_reload(g->o.identity, g->o.given, &status, why) < 0)
		return -1;
	if (g->o.identity->cert->role != CERT_BROKER)
		error("the certificate is not a broker's any more: clients "
		      "will refuse it");
	gate_turn(g, date_mono());
	return 0;
}

/*
 * The list's own issuer has to be the one of the topic, and no older list may
 * become the topic's last value.
 */
static const char *
list_fault(const struct gate *g, const char *kid, size_t n, const char *text,
    size_t len)
{
	const struct crl *known;
	const char *why = NULL;
	struct crl *crl = crl_parse(text, len, &why);

	if (crl == NULL)
		return why;
	if (strlen(crl->issuer) != n || memcmp(crl->issuer, kid, n) != 0)
		why = "the list is of another issuer than the topic says";
	known = keyring_crl(g->o.identity->ring, crl->issuer);
	if (why == NULL && known != NULL && known->number > crl->number)
		why = "a newer list of this issuer is known";
	crl_free(crl);
	return why;
}

const char *
gate_list(
    struct gate *g, const char *kid, size_t n, const char *text, size_t len)
{
	struct identity *id = g->o.identity;
	char issuer[KEY_ID + 1];
	const char *why = NULL;

	if (id == NULL)
		return "topic is the broker's own";
	if (n != KEY_ID)
		return "the topic's last level is no key's id";
	if ((why = list_fault(g, kid, n, text, len)) != NULL)
		return why;
	switch (keyring_add_crl(id->ring, text, len, &why)) {
	case -1: return why;
	case 0: return NULL;
	}
	memcpy(issuer, kid, n);
	issuer[n] = '\0';
	note("revocation list of %s was published", issuer);
	if (keyring_save_crl(id->ring, issuer, &why) != 0)
		error("revocation list of %s: %s", issuer, why);
	judge(g);
	return NULL;
}
