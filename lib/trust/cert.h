/*
 * A certificate: one canonical JSON object that says whose keys these are
 * and what their holder may do, signed by its issuer as a detached JWS (typ
 * sg-cert) in "sig".  A chain is NDJSON: the leaf first, then its issuers,
 * without the root.
 *
 *  {"v":1,"typ":"sg-cert","ser":HEX128,"iss":KID,"sub":S,"role":R,
 *   "key":JWK,"enc":JWK,"nbf":T,"exp":T,"gen":N,"pub":[F],"subs":[F],
 *   "call":[F],"serve":[F],"deny":[F],"via":[P],
 *   "lim":{"eps":N,"bps":N,"conn":N,"topics":N},
 *   "ca":{"depth":N,"scope":[F],"maxttl":SECONDS},"names":[S],"crit":[],
 *   "sig":J}
 *
 * v typ ser iss sub role key enc nbf exp gen sig are required, the others
 * are empty when absent; members it does not know are an error only if crit
 * names them.  F is a filter, sg-topic(7); P is a pattern over subjects with
 * the same wildcards.
 */
#ifndef SG_TRUST_CERT_H
#define SG_TRUST_CERT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/topic.h"
#include "trust/key.h"

enum {
	CERT_MAX = 4096,    /* bytes of a chain */
	CERT_CHAIN_MAX = 3, /* with the root */
	CERT_SERIAL = 32,   /* hex digits */
	CERT_EARLY = 120    /* s a certificate may be from the future */
};

enum cert_role {
	CERT_NONE = 0,
	CERT_ACTOR,  /* publishes, subscribes, calls, serves */
	CERT_BROKER, /* listens; may not act as an actor */
	CERT_ISSUER  /* signs certificates and lists: has "ca" */
};

struct cert_limits {	/* 0: the broker's default */
	int64_t events; /* a second */
	int64_t bytes;	/* a second */
	int64_t connections, topics;
};

/* What a holder may do.  Patterns as written, for messages too. */
struct cert_rights {
	struct topic_set pub, subs, call, serve, deny, via;
};

struct cert {
	char *text; /* canonical, with sig, no LF */
	size_t len;
	char serial[CERT_SERIAL + 1];
	char issuer[KEY_ID + 1];
	char subject[KEY_SUBJECT_MAX + 1];
	enum cert_role role;
	struct key_public key;
	int64_t nbf, exp; /* Unix seconds */
	int64_t gen;
	struct cert_rights rights;
	struct cert_limits limits;
	int has_ca;
	int64_t depth, max_life; /* seconds */
	struct topic_set scope;
	char **name; /* hosts and names a broker answers for */
	size_t names;
};

/*
 * cert_parse(text, n, why) - Check syntax, canonical form and members of one
 * certificate; nothing about its signature.  NULL with *why.
 */
struct cert *cert_parse(const char *text, size_t n, const char **why);
void cert_free(struct cert *c);

/*
 * cert_issue(c, issuer, why) - Sign with the issuer's key: c's text, serial
 * (fresh random) and issuer are made from its other fields.  0, or -1 with
 * *why (a field is out of bounds).  The caller has checked cert_allowed().
 */
int cert_issue(struct cert *c, const struct key *issuer, const char **why);

/*
 * cert_signed(c, issuer) - 1 if issuer's key signed c.
 * cert_allowed(c, issuer, why) - 1 if an issuer with this certificate may
 * have issued c: it has ca, depth is left, life at most max_life, every
 * pattern of pub subs call serve (and of c's own scope) is covered by one of
 * its scope, broker or issuer roles only if its own scope is "#" ... see
 * sg-security(7).  Else 0 with *why (valid until the next call).
 */
int cert_signed(const struct cert *c, const struct cert *issuer);
int
cert_allowed(const struct cert *c, const struct cert *issuer, const char **why);

/* cert_role_name(r) - "actor", "broker", "issuer".  cert_role_of - back. */
const char *cert_role_name(enum cert_role r);
enum cert_role cert_role_of(const char *p, size_t n);

enum cert_right { CERT_PUB, CERT_SUBS, CERT_CALL, CERT_SERVE };

/*
 * cert_may(c, right, topic, n, rule) - May the holder publish, ... this topic
 * (not a filter)?  1 with *rule the pattern that allows it; 0 with *rule the
 * deny pattern that forbids it, or NULL if nothing allows it.
 *
 * cert_may_filter(c, filter, n, rule) - May it subscribe with this filter
 * (no '!')?  1 if one pattern of subs covers it; deny is applied at delivery.
 *
 * cert_may_source(c, src, n, rule) - May it publish events with this src: its
 * subject, or covered by via.
 */
int cert_may(const struct cert *c, enum cert_right right, const char *topic,
    size_t n, const char **rule);
int cert_may_filter(
    const struct cert *c, const char *filter, size_t n, const char **rule);
int cert_may_source(
    const struct cert *c, const char *src, size_t n, const char **rule);

/* cert_named(c, name) - 1 if a broker's certificate has that name. */
int cert_named(const struct cert *c, const char *name);

#endif
