/*
 * A certificate: one canonical JSON object that says whose keys these are
 * and what their holder may do, signed by its issuer as a detached JWS (typ
 * sg-cert) in "sig".  A chain is NDJSON: the leaf first, then its issuers,
 * without the root.
 *
 *  {"v":1,"typ":"sg-cert","ser":HEX,"iss":KID,"sub":S,"role":R,
 *   "key":JWK,"enc":JWK,"nbf":T,"exp":T,"gen":N,"pub":[F],"subs":[F],
 *   "call":[F],"serve":[F],"deny":[F],"via":[P],
 *   "lim":{"eps":N,"bps":N,"conn":N,"topics":N},
 *   "ca":{"depth":N,"scope":[F],"maxttl":SECONDS,"subjects":[P],
 *    "brokers":[P]},
 *   "names":[S],"crit":[S],"sig":J}
 *
 * v typ ser iss sub role key enc nbf exp gen sig are required, the others
 * are empty when absent; a member it does not know is an error only if crit
 * names it, in lim and ca always.  F is a filter, sg-topic(7), without '!'
 * (what is forbidden stands in deny); P is a filter over names whose levels
 * are what stands between slashes ("meters/+", "#"); S in names is 1-64 of
 * A-Z a-z 0-9 . _ : @ -.  T and N are digits only.
 *
 * Three roles, and nothing is two of them: an actor alone has pub subs call
 * serve via, a broker alone has names (at least one), an issuer alone has ca.
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
	CERT_ISSUER  /* signs certificates and lists; may not act either */
};

struct cert_limits {	/* 0: the broker's default */
	int64_t events; /* a second */
	int64_t bytes;	/* a second */
	int64_t connections, topics;
};

/* What an actor may do.  Patterns as written, for messages too. */
struct cert_rights {
	struct topic_set pub, subs, call, serve, deny, via;
};

/* "ca": what an issuer may give away. */
struct cert_power {
	int64_t depth;		   /* further issuers below it; 0: none */
	int64_t max_life;	   /* seconds, of what it issues */
	struct topic_set scope;	   /* over pub subs call serve of those below */
	struct topic_set subjects; /* over their sub and via */
	struct topic_set brokers;  /* over names of brokers; empty: none */
};

struct cert {
	char *text; /* canonical, with sig, no LF */
	size_t len;
	char serial[CERT_SERIAL + 1];
	char issuer[KEY_ID + 1];
	char subject[KEY_SUBJECT_MAX + 1];
	enum cert_role role;
	struct key_public key;
	int64_t nbf, exp; /* Unix seconds; valid from nbf to exp, both too */
	int64_t gen;
	struct cert_rights rights;
	struct cert_limits limits;
	int has_ca;	      /* as parsed; an issuer's, and only that */
	struct cert_power ca; /* all-zero unless an issuer */
	char **name;	      /* hosts and names a broker answers for */
	size_t names;
};

/*
 * cert_parse(text, n, why) - Check syntax, canonical form and members of one
 * certificate; nothing about its signature.  NULL with *why, valid until the
 * next call of a function of this header in the same thread.
 */
struct cert *cert_parse(const char *text, size_t n, const char **why);
void cert_free(struct cert *c);

/*
 * cert_issue(c, issuer, why) - Sign with the issuer's key: c's text, serial
 * (fresh random) and issuer are made from its other fields.  0, or -1 with
 * *why (a field is out of bounds).  The caller has checked cert_allowed().
 * A root is issued by its own key.
 */
int cert_issue(struct cert *c, const struct key *issuer, const char **why);

/*
 * cert_signed(c, issuer) - 1 if c names issuer's key as its own issuer's and
 * that key signed it.
 *
 * cert_allowed(c, issuer, why) - 1 if an issuer with this certificate may
 * have issued c, else 0 with *why.  The rules, in this order:
 *
 *  1. issuer's role is issuer.
 *  2. c's life, exp - nbf, is at most maxttl.
 *  3. c's sub, and each pattern of its via, is covered by one of subjects.
 *  4. An actor: each pattern of pub subs call serve is covered by one of
 *     scope.  '#' does not cover $SG/...: a scope of everything is
 *     ["#","$SG/#"].  deny and lim take away and need no permission.
 *  5. A broker: each of its names is covered by one of brokers.
 *  6. An issuer: its depth is below issuer's (so issuer's is not 0), its
 *     maxttl at most issuer's, its scope, subjects and brokers are covered.
 *
 * Whether either is valid at some moment is keyring_judge()'s.
 */
int cert_signed(const struct cert *c, const struct cert *issuer);
int
cert_allowed(const struct cert *c, const struct cert *issuer, const char **why);

/* cert_is_root(c) - 1 if c is an issuer's and names its own key as issuer. */
int cert_is_root(const struct cert *c);

/* cert_role_name(r) - "actor", "broker", "issuer".  cert_role_of - back. */
const char *cert_role_name(enum cert_role r);
enum cert_role cert_role_of(const char *p, size_t n);

enum cert_right { CERT_PUB, CERT_SUBS, CERT_CALL, CERT_SERVE };

/*
 * cert_may(c, right, topic, n, rule) - May the holder publish, ... this topic
 * (not a filter)?  1 with *rule the pattern that allows it; 0 with *rule the
 * deny pattern that forbids it, or NULL if nothing allows it (nothing does
 * unless c is an actor's).
 *
 * cert_may_filter(c, filter, n, rule) - May it subscribe with this filter
 * (no '!')?  1 if one pattern of subs covers it and no pattern of deny covers
 * all of it; what deny takes out of its middle is left out at delivery.
 *
 * cert_may_source(c, src, n, rule) - May it publish events with this src: its
 * subject, or matched by via.
 */
int cert_may(const struct cert *c, enum cert_right right, const char *topic,
    size_t n, const char **rule);
int cert_may_filter(
    const struct cert *c, const char *filter, size_t n, const char **rule);
int cert_may_source(
    const struct cert *c, const char *src, size_t n, const char **rule);

/* cert_right_name(r) - "pub", "subs", "call", "serve". */
const char *cert_right_name(enum cert_right r);

/* cert_named(c, name) - 1 if a broker's certificate has that name. */
int cert_named(const struct cert *c, const char *name);

#endif
