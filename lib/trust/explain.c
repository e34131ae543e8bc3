#include "trust/explain.h"

#include <inttypes.h>
#include <string.h>

#include "base/date.h"
#include "event/json.h"

enum { RIGHTS = CERT_SERVE + 1 };

/* The right of that name, or -1. */
static int
find_right(const char *p, size_t n)
{
	for (int r = 0; r < RIGHTS; r++) {
		const char *name = cert_right_name((enum cert_right)r);

		if (strlen(name) == n && memcmp(name, p, n) == 0)
			return r;
	}
	return -1;
}

static const struct topic_set *
right_set(const struct cert_rights *rights, enum cert_right right)
{
	switch (right) {
	case CERT_PUB: return &rights->pub;
	case CERT_SUBS: return &rights->subs;
	case CERT_CALL: return &rights->call;
	case CERT_SERVE: break;
	}
	return &rights->serve;
}

const char *
explain_ask(struct explain_request *r, const char *subject, const char *right,
    const char *topic)
{
	int number = find_right(right, strlen(right));

	r->cert = keyring_subject(r->ring, subject);
	r->topic = topic;
	r->topic_n = strlen(topic);
	if (r->cert == NULL)
		return "no certificate of that name";
	if (number < 0)
		return "the right is none of pub, subs, call, serve";
	r->right = (enum cert_right)number;
	return r->right == CERT_SUBS ? topic_filter_check(r->topic, r->topic_n)
				     : topic_check(r->topic, r->topic_n);
}

static void
add_time(struct buf *b, int64_t s)
{
	date_add(b, s * DATE_SECOND, NULL);
}

/* 1, 0; the reason in words. */
static int
decide(const struct explain_request *r, struct buf *why)
{
	const char *name = cert_right_name(r->right), *rule = NULL;
	enum keyring_verdict v = keyring_judge(r->ring, r->cert, r->at);
	int may;

	if (v != KEYRING_VALID) {
		buf_adds(why, keyring_verdict_why(v));
		return 0;
	}
	may = r->right == CERT_SUBS
	    ? cert_may_filter(r->cert, r->topic, r->topic_n, &rule)
	    : cert_may(r->cert, r->right, r->topic, r->topic_n, &rule);
	if (rule != NULL)
		buf_addf(why, "%s %s", may ? name : "deny", rule);
	else
		buf_addf(why, "no %s pattern covers it", name);
	return may;
}

static void
add_member(struct buf *b, const char *name, const char *p, size_t n)
{
	buf_addf(b, "\"%s\":", name);
	json_add_string(b, p, n);
}

int
explain_verdict(
    const struct explain_request *r, enum explain_form form, struct buf *out)
{
	const char *right = cert_right_name(r->right), *verdict;
	const char *subject = r->cert->subject;
	struct buf why = { 0 };
	int may = decide(r, &why);

	verdict = may ? "allow" : "deny";
	if (form == EXPLAIN_JSON) {
		buf_addc(out, '{');
		add_member(out, "verdict", verdict, strlen(verdict));
		buf_addc(out, ',');
		add_member(out, "sub", subject, strlen(subject));
		buf_addc(out, ',');
		add_member(out, "right", right, strlen(right));
		buf_addc(out, ',');
		add_member(out, "topic", r->topic, r->topic_n);
		buf_addc(out, ',');
		add_member(out, "why", why.p, why.len);
		buf_adds(out, "}\n");
	} else {
		buf_addf(out, "%s %s %s %.*s: %s\n", verdict, subject, right,
		    (int)r->topic_n, r->topic, buf_cstr(&why));
	}
	buf_fini(&why);
	return may;
}

static void
add_rule(struct buf *out, enum explain_form form, const char *kind,
    const char *pattern, const char *effect)
{
	if (form == EXPLAIN_JSON) {
		buf_addc(out, '{');
		add_member(out, "rule", kind, strlen(kind));
		buf_addc(out, ',');
		add_member(out, "pattern", pattern, strlen(pattern));
		buf_addc(out, ',');
		add_member(out, "effect", effect, strlen(effect));
		buf_adds(out, "}\n");
	} else {
		buf_addf(out, "  %-11s %s: %s\n", kind, pattern, effect);
	}
}

static const char *
effect_of(const struct explain_request *r, const char *pattern, int deny)
{
	size_t n = strlen(pattern);

	if (topic_covers(pattern, n, r->topic, r->topic_n))
		return deny ? "forbids it" : "covers it";
	if (deny && r->right == CERT_SUBS)
		return "leaves out what it matches";
	return "does not cover it";
}

static void
add_rules(const struct explain_request *r, enum explain_form form,
    const char *kind, const struct topic_set *set, int deny, struct buf *out)
{
	if (set->n == 0)
		add_rule(out, form, kind, "(none)", "allows nothing");
	for (size_t i = 0; i < set->n; i++)
		add_rule(out, form, kind, set->filter[i],
		    effect_of(r, set->filter[i], deny));
}

int
explain_rules(
    const struct explain_request *r, enum explain_form form, struct buf *out)
{
	const struct cert_rights *rights = &r->cert->rights;
	enum keyring_verdict v = keyring_judge(r->ring, r->cert, r->at);

	add_rule(out, form, "role", cert_role_name(r->cert->role),
	    r->cert->role == CERT_ACTOR ? "may act" : "may not act");
	add_rule(out, form, "certificate", r->cert->serial,
	    v == KEYRING_VALID ? "valid" : keyring_verdict_why(v));
	if (rights->deny.n > 0)
		add_rules(r, form, "deny", &rights->deny, 1, out);
	add_rules(r, form, cert_right_name(r->right),
	    right_set(rights, r->right), 0, out);
	return explain_verdict(r, form, out);
}

static void
add_set(struct buf *b, const char *name, const struct topic_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		buf_addf(b, "  %-11s %s\n", i == 0 ? name : "", set->filter[i]);
}

static void
add_limit(struct buf *b, const char *name, int64_t n)
{
	if (n > 0)
		buf_addf(b, "  %-11s %" PRId64 "\n", name, n);
}

static void
add_power(struct buf *b, const struct cert_power *ca)
{
	buf_addf(b, "  %-11s %" PRId64 "\n", "depth", ca->depth);
	buf_addf(b, "  %-11s %" PRId64 " s\n", "maxttl", ca->max_life);
	add_set(b, "scope", &ca->scope);
	add_set(b, "subjects", &ca->subjects);
	add_set(b, "brokers", &ca->brokers);
}

/* "valid", "expired", "revoked", ... */
static const char *
state_of(const struct keyring *ring, const struct cert *c, int64_t at)
{
	switch (keyring_judge(ring, c, at)) {
	case KEYRING_UNKNOWN: return "unknown";
	case KEYRING_EARLY: return "early";
	case KEYRING_EXPIRED: return "expired";
	case KEYRING_REVOKED: return "revoked";
	case KEYRING_STALE: return "stale";
	case KEYRING_VALID: break;
	}
	return "valid";
}

static void
add_cert(const struct keyring *ring, const struct cert *c, const char *state,
    struct buf *b)
{
	const struct cert *issuer = keyring_find(ring, c->issuer);

	buf_addf(b, "%s\n", c->subject);
	buf_addf(b, "  %-11s %s\n", "state", state);
	buf_addf(b, "  %-11s %s\n", "role", cert_role_name(c->role));
	buf_addf(b, "  %-11s %s\n", "key", c->key.kid);
	buf_addf(b, "  %-11s %s\n", "serial", c->serial);
	buf_addf(b, "  %-11s %s %s\n", "issuer", c->issuer,
	    issuer == NULL ? "(unknown)" : issuer->subject);
	buf_addf(b, "  %-11s ", "from");
	add_time(b, c->nbf);
	buf_addf(b, "\n  %-11s ", "until");
	add_time(b, c->exp);
	buf_addf(b, "\n  %-11s %" PRId64 "\n", "generation", c->gen);
	add_set(b, "pub", &c->rights.pub);
	add_set(b, "subs", &c->rights.subs);
	add_set(b, "call", &c->rights.call);
	add_set(b, "serve", &c->rights.serve);
	add_set(b, "deny", &c->rights.deny);
	add_set(b, "via", &c->rights.via);
	add_limit(b, "eps", c->limits.events);
	add_limit(b, "bps", c->limits.bytes);
	add_limit(b, "conn", c->limits.connections);
	add_limit(b, "topics", c->limits.topics);
	for (size_t i = 0; i < c->names; i++)
		buf_addf(b, "  %-11s %s\n", i == 0 ? "names" : "", c->name[i]);
	if (c->role == CERT_ISSUER)
		add_power(b, &c->ca);
}

void
explain_cert(const struct keyring *ring, const struct cert *c, int64_t at,
    enum explain_form form, struct buf *out)
{
	const char *state = state_of(ring, c, at);

	if (form == EXPLAIN_TEXT) {
		add_cert(ring, c, state, out);
		return;
	}
	buf_addf(out, "{\"state\":\"%s\",\"cert\":", state);
	buf_add(out, c->text, c->len);
	buf_adds(out, "}\n");
}

void
explain_head(struct buf *out)
{
	buf_addf(out, "%-24s %-7s %4s  %-20s  %s\n", "NAME", "ROLE", "GEN",
	    "UNTIL", "STATE");
}

void
explain_row(const struct keyring *ring, const struct cert *c, const char *name,
    int64_t at, struct buf *out)
{
	buf_addf(out, "%-24s %-7s %4" PRId64 "  ", name,
	    cert_role_name(c->role), c->gen);
	add_time(out, c->exp);
	buf_addf(out, "  %s\n", state_of(ring, c, at));
}

void
explain_list(const struct crl *l, enum explain_form form, struct buf *out)
{
	if (form == EXPLAIN_JSON) {
		buf_add(out, l->text, l->len);
		buf_addc(out, '\n');
		return;
	}
	buf_addf(out, "list %" PRId64 " of %s, made ", l->number, l->issuer);
	add_time(out, l->issued);
	buf_adds(out, ", the next one due ");
	add_time(out, l->next);
	buf_addc(out, '\n');
	for (size_t i = 0; i < l->entries; i++) {
		buf_addf(out, "  %s revoked ", l->entry[i].serial);
		add_time(out, l->entry[i].at);
		buf_adds(out, ": ");
		json_add_string(out, l->entry[i].why, strlen(l->entry[i].why));
		buf_addc(out, '\n');
	}
	for (size_t i = 0; i < l->befores; i++) {
		buf_addf(out, "  key %s: all before ", l->before[i].kid);
		add_time(out, l->before[i].at);
		buf_addc(out, '\n');
	}
}

void
explain_key(const char *subject, const struct key_public *k, int sealed,
    enum explain_form form, struct buf *out)
{
	if (form == EXPLAIN_JSON) {
		buf_addf(out,
		    "{\"sub\":\"%s\",\"passphrase\":%s,\"key\":", subject,
		    sealed ? "true" : "false");
		key_jwk(out, "Ed25519", k->sign);
		buf_adds(out, ",\"enc\":");
		key_jwk(out, "X25519", k->enc);
		buf_adds(out, "}\n");
		return;
	}
	buf_addf(out, "%s\n  %-11s %s\n  %-11s %s\n", subject, "key", k->kid,
	    "passphrase", sealed ? "yes" : "no");
}
