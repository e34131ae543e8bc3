#include "trust/cert.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "event/json.h"
#include "trust/document.h"
#include "trust/reason.h"

static const char *const role_name[] = {
	[CERT_NONE] = "none",
	[CERT_ACTOR] = "actor",
	[CERT_BROKER] = "broker",
	[CERT_ISSUER] = "issuer",
};

static const char *const right_name[] = {
	[CERT_PUB] = "pub",
	[CERT_SUBS] = "subs",
	[CERT_CALL] = "call",
	[CERT_SERVE] = "serve",
};

enum { ROLES = sizeof(role_name) / sizeof(*role_name) };

const char *
cert_role_name(enum cert_role r)
{
	return role_name[r];
}

enum cert_role
cert_role_of(const char *p, size_t n)
{
	for (int r = CERT_ACTOR; r < ROLES; r++)
		if (n == strlen(role_name[r]) &&
		    memcmp(p, role_name[r], n) == 0)
			return (enum cert_role)r;
	return CERT_NONE;
}

const char *
cert_right_name(enum cert_right r)
{
	return right_name[r];
}

static const char *
take_version(void *field, const struct json_value *value)
{
	(void)field;
	if (value->kind != JSON_NUMBER || value->n != 1 || *value->p != '1')
		return "not 1";
	return NULL;
}

static const char *
take_typ(void *field, const struct json_value *value)
{
	(void)field;
	if (value->kind != JSON_STRING || !json_equal(value, "sg-cert"))
		return "not sg-cert";
	return NULL;
}

static const char *
take_subject(void *field, const struct json_value *value)
{
	const char *why;

	if (value->kind != JSON_STRING)
		return "not a string";
	why = key_subject_check(value->p, value->n);
	if (why)
		return why;
	memcpy(field, value->p, value->n);
	((char *)field)[value->n] = '\0';
	return NULL;
}

static const char *
take_role(void *field, const struct json_value *value)
{
	enum cert_role *role = field;

	*role = value->kind == JSON_STRING ? cert_role_of(value->p, value->n)
					   : CERT_NONE;
	return *role == CERT_NONE ? "none of actor, broker, issuer" : NULL;
}

static const char *
take_sign_key(void *field, const struct json_value *value)
{
	struct key_public *key = field;

	if (key_jwk_parse(value, "Ed25519", key->sign) < 0)
		return "not a public Ed25519 JWK";
	key_thumbprint(key->sign, key->kid);
	return NULL;
}

static const char *
take_enc_key(void *field, const struct json_value *value)
{
	struct key_public *key = field;

	if (key_jwk_parse(value, "X25519", key->enc) < 0)
		return "not a public X25519 JWK";
	return NULL;
}

/* In canonical form what needs no escape has none. */
static const char *
add_filter(struct topic_set *set, const struct json_value *value)
{
	const char *why;

	if (value->kind != JSON_STRING)
		return "not a string";
	if (value->n > 0 && *value->p == '!')
		return "'!' (what is forbidden stands in deny)";
	why = topic_set_add(set, value->p, value->n);
	return why ? reason("%.*s: %s", (int)(value->n > 64 ? 64 : value->n),
			 value->p, why)
		   : NULL;
}

static const char *
take_filters(void *field, const struct json_value *value)
{
	struct json_value none, filter;
	struct json_walk walk;
	const char *why;

	if (value->kind != JSON_ARRAY)
		return "not an array";
	json_walk(&walk, value);
	while (json_next(&walk, &none, &filter)) {
		why = add_filter(field, &filter);
		if (why)
			return why;
	}
	return NULL;
}

static int
is_name(const struct json_value *value)
{
	return value->kind == JSON_STRING && !memchr(value->p, '/', value->n) &&
	    !memchr(value->p, '$', value->n) &&
	    topic_fault(value->p, value->n) == TOPIC_FINE;
}

static const char *
take_names(void *field, const struct json_value *value)
{
	struct json_value none, name;
	struct cert *c = field;
	struct json_walk walk;

	if (value->kind != JSON_ARRAY)
		return "not an array";
	json_walk(&walk, value);
	while (json_next(&walk, &none, &name)) {
		if (!is_name(&name))
			return "not 1-64 of A-Z a-z 0-9 . _ : @ -";
		c->name = xrealloc(c->name, (c->names + 1) * sizeof(*c->name));
		c->name[c->names++] = xstrndup(name.p, name.n);
	}
	return NULL;
}

static const struct document_member limit_members[] = {
	{ "bps", offsetof(struct cert_limits, bytes), document_count, 0 },
	{ "conn", offsetof(struct cert_limits, connections), document_count,
	    0 },
	{ "eps", offsetof(struct cert_limits, events), document_count, 0 },
	{ "topics", offsetof(struct cert_limits, topics), document_count, 0 },
	{ NULL },
};

static const char *
take_limits(void *field, const struct json_value *value)
{
	return document_members(limit_members, DOCUMENT_CLOSED, value, field);
}

static const struct document_member power_members[] = {
	{ "brokers", offsetof(struct cert_power, brokers), take_filters, 0 },
	{ "depth", offsetof(struct cert_power, depth), document_count, 1 },
	{ "maxttl", offsetof(struct cert_power, max_life), document_count, 1 },
	{ "scope", offsetof(struct cert_power, scope), take_filters, 0 },
	{ "subjects", offsetof(struct cert_power, subjects), take_filters, 0 },
	{ NULL },
};

static const char *
take_power(void *field, const struct json_value *value)
{
	struct cert *c = field;

	c->has_ca = 1;
	return document_members(power_members, DOCUMENT_CLOSED, value, &c->ca);
}

static const struct document_member cert_members[] = {
	{ "ca", 0, take_power, 0 },
	{ "call", offsetof(struct cert, rights.call), take_filters, 0 },
	{ "deny", offsetof(struct cert, rights.deny), take_filters, 0 },
	{ "enc", offsetof(struct cert, key), take_enc_key, 1 },
	{ "exp", offsetof(struct cert, exp), document_time, 1 },
	{ "gen", offsetof(struct cert, gen), document_count, 1 },
	{ "iss", offsetof(struct cert, issuer), document_kid, 1 },
	{ "key", offsetof(struct cert, key), take_sign_key, 1 },
	{ "lim", offsetof(struct cert, limits), take_limits, 0 },
	{ "names", 0, take_names, 0 },
	{ "nbf", offsetof(struct cert, nbf), document_time, 1 },
	{ "pub", offsetof(struct cert, rights.pub), take_filters, 0 },
	{ "role", offsetof(struct cert, role), take_role, 1 },
	{ "ser", offsetof(struct cert, serial), document_serial, 1 },
	{ "serve", offsetof(struct cert, rights.serve), take_filters, 0 },
	{ "sig", 0, document_any, 1 },
	{ "sub", offsetof(struct cert, subject), take_subject, 1 },
	{ "subs", offsetof(struct cert, rights.subs), take_filters, 0 },
	{ "typ", 0, take_typ, 1 },
	{ "v", 0, take_version, 1 },
	{ "via", offsetof(struct cert, rights.via), take_filters, 0 },
	{ NULL },
};

/* What is only seen once all members are there. */
static const char *
check_whole(const struct cert *c)
{
	const struct cert_rights *r = &c->rights;

	if (c->exp <= c->nbf)
		return "exp: not after nbf";
	if (c->role != CERT_ACTOR &&
	    (r->pub.n || r->subs.n || r->call.n || r->serve.n || r->via.n))
		return reason("role: %s with the rights of an actor",
		    cert_role_name(c->role));
	if (c->role != CERT_BROKER && c->names)
		return reason("role: %s with names", cert_role_name(c->role));
	if (c->role == CERT_BROKER && c->names == 0)
		return "names: missing";
	if (c->role != CERT_ISSUER && c->has_ca)
		return reason("role: %s with ca", cert_role_name(c->role));
	if (c->role == CERT_ISSUER && !c->has_ca)
		return "ca: missing";
	return NULL;
}

struct cert *
cert_parse(const char *text, size_t n, const char **why)
{
	struct cert *c;

	if (n > CERT_MAX) {
		*why = "longer than 4096 bytes";
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	*why = document_parse(cert_members, text, n, c);
	if (!*why)
		*why = check_whole(c);
	if (*why) {
		cert_free(c);
		return NULL;
	}
	c->text = xstrndup(text, n);
	c->len = n;
	return c;
}

void
cert_free(struct cert *c)
{
	if (!c)
		return;
	topic_set_fini(&c->rights.pub);
	topic_set_fini(&c->rights.subs);
	topic_set_fini(&c->rights.call);
	topic_set_fini(&c->rights.serve);
	topic_set_fini(&c->rights.deny);
	topic_set_fini(&c->rights.via);
	topic_set_fini(&c->ca.scope);
	topic_set_fini(&c->ca.subjects);
	topic_set_fini(&c->ca.brokers);
	for (size_t i = 0; i < c->names; i++)
		free(c->name[i]);
	free(c->name);
	free(c->text);
	free(c);
}

static void
put_list(struct buf *b, const char *name, char *const *text, size_t n)
{
	if (n == 0)
		return;
	buf_addf(b, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(b, ',');
		json_add_string(b, text[i], strlen(text[i]));
	}
	buf_addc(b, ']');
}

static void
put_set(struct buf *b, const char *name, const struct topic_set *set)
{
	put_list(b, name, set->filter, set->n);
}

static void
put_count(struct buf *b, const char *name, int64_t n)
{
	buf_addf(b, ",\"%s\":", name);
	buf_addi(b, n);
}

static void
put_limits(struct buf *b, const struct cert_limits *limits)
{
	const struct {
		const char *name;
		int64_t n;
	} row[] = {
		{ "bps", limits->bytes },
		{ "conn", limits->connections },
		{ "eps", limits->events },
		{ "topics", limits->topics },
	};
	struct buf list = { 0 };

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		if (row[i].n > 0)
			put_count(&list, row[i].name, row[i].n);
	if (list.len > 0) {
		buf_adds(b, ",\"lim\":{");
		buf_add(b, list.p + 1, list.len - 1);
		buf_addc(b, '}');
	}
	buf_fini(&list);
}

static void
put_power(struct buf *b, const struct cert_power *ca)
{
	buf_adds(b, ",\"ca\":{\"depth\":");
	buf_addi(b, ca->depth);
	put_count(b, "maxttl", ca->max_life);
	put_set(b, "scope", &ca->scope);
	put_set(b, "subjects", &ca->subjects);
	put_set(b, "brokers", &ca->brokers);
	buf_addc(b, '}');
}

static void
put_rights(struct buf *b, const struct cert_rights *rights)
{
	put_set(b, "pub", &rights->pub);
	put_set(b, "subs", &rights->subs);
	put_set(b, "call", &rights->call);
	put_set(b, "serve", &rights->serve);
	put_set(b, "deny", &rights->deny);
	put_set(b, "via", &rights->via);
}

static void
put_cert(struct buf *b, const struct cert *c)
{
	buf_adds(b, "{\"v\":1,\"typ\":\"sg-cert\"");
	buf_addf(
	    b, ",\"ser\":\"%s\",\"iss\":\"%s\",\"sub\":", c->serial, c->issuer);
	json_add_string(b, c->subject, strlen(c->subject));
	buf_addf(b, ",\"role\":\"%s\",\"key\":", cert_role_name(c->role));
	key_jwk(b, "Ed25519", c->key.sign);
	buf_adds(b, ",\"enc\":");
	key_jwk(b, "X25519", c->key.enc);
	put_count(b, "nbf", c->nbf);
	put_count(b, "exp", c->exp);
	put_count(b, "gen", c->gen);
	put_rights(b, &c->rights);
	put_limits(b, &c->limits);
	if (c->role == CERT_ISSUER)
		put_power(b, &c->ca);
	put_list(b, "names", c->name, c->names);
	buf_addc(b, '}');
}

static void
fresh_serial(char serial[CERT_SERIAL + 1])
{
	unsigned char random[CERT_SERIAL / 2];

	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(serial, CERT_SERIAL + 1, random, sizeof(random));
}

int
cert_issue(struct cert *c, const struct key *issuer, const char **why)
{
	struct buf json = { 0 }, text = { 0 };
	struct cert *made = NULL;

	fresh_serial(c->serial);
	memcpy(c->issuer, issuer->public.kid, sizeof(c->issuer));
	key_thumbprint(c->key.sign, c->key.kid);
	put_cert(&json, c);
	*why = document_sign(&json, issuer, "sg-cert", &text);
	if (!*why)
		made = cert_parse(text.p, text.len, why);
	if (made) {
		free(c->text);
		c->text = made->text;
		c->len = made->len;
		made->text = NULL;
		cert_free(made);
	}
	buf_fini(&json);
	buf_fini(&text);
	return made ? 0 : -1;
}

int
cert_signed(const struct cert *c, const struct cert *issuer)
{
	return strcmp(c->issuer, issuer->key.kid) == 0 &&
	    document_signed(c->text, c->len, "sg-cert", &issuer->key);
}

int
cert_is_root(const struct cert *c)
{
	return c->role == CERT_ISSUER && strcmp(c->issuer, c->key.kid) == 0;
}

/* The pattern of the set that covers all of p, or NULL. */
static const char *
covering(const struct topic_set *set, const char *p, size_t n)
{
	for (size_t i = 0; i < set->n; i++) {
		const char *wide = set->filter[i];

		if (topic_covers(wide, strlen(wide), p, n))
			return wide;
	}
	return NULL;
}

/* What of the list is outside of the set, or NULL. */
static const char *
outside(const struct topic_set *set, char *const *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!covering(set, text[i], strlen(text[i])))
			return text[i];
	return NULL;
}

static const char *
check_actor(const struct cert_rights *r, const struct cert_power *ca)
{
	const struct {
		const char *name;
		const struct topic_set *set;
	} row[] = {
		{ "pub", &r->pub },
		{ "subs", &r->subs },
		{ "call", &r->call },
		{ "serve", &r->serve },
	};
	const char *found;

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		found = outside(&ca->scope, row[i].set->filter, row[i].set->n);
		if (found)
			return reason("%s %s is outside of the issuer's scope",
			    row[i].name, found);
	}
	return NULL;
}

static const char *
check_issuer(const struct cert_power *c, const struct cert_power *ca)
{
	const struct {
		const char *name;
		const struct topic_set *mine, *theirs;
	} row[] = {
		{ "scope", &c->scope, &ca->scope },
		{ "subjects", &c->subjects, &ca->subjects },
		{ "brokers", &c->brokers, &ca->brokers },
	};
	const char *found;

	if (ca->depth == 0)
		return "the issuer may have no issuers below it (depth 0)";
	if (c->depth >= ca->depth)
		return "depth is not below the issuer's";
	if (c->max_life > ca->max_life)
		return "maxttl is above the issuer's";
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		found =
		    outside(row[i].theirs, row[i].mine->filter, row[i].mine->n);
		if (found)
			return reason("%s %s is outside of the issuer's",
			    row[i].name, found);
	}
	return NULL;
}

/* What it is about, whatever the role. */
static const char *
check_subject(const struct cert *c, const struct cert_power *ca)
{
	const char *found;

	if (!covering(&ca->subjects, c->subject, strlen(c->subject)))
		return reason("subject %s is outside of the issuer's subjects",
		    c->subject);
	found = outside(&ca->subjects, c->rights.via.filter, c->rights.via.n);
	if (found)
		return reason(
		    "via %s is outside of the issuer's subjects", found);
	return NULL;
}

static const char *
check_role(const struct cert *c, const struct cert_power *ca)
{
	const char *found;

	if (c->role == CERT_ACTOR)
		return check_actor(&c->rights, ca);
	if (c->role == CERT_ISSUER)
		return check_issuer(&c->ca, ca);
	found = outside(&ca->brokers, c->name, c->names);
	if (c->role == CERT_BROKER && !found)
		return NULL;
	return reason(
	    "name %s is outside of the issuer's brokers", found ? found : "");
}

int
cert_allowed(const struct cert *c, const struct cert *issuer, const char **why)
{
	const struct cert_power *ca = &issuer->ca;

	if (issuer->role != CERT_ISSUER)
		*why = "the certificate above is no issuer's";
	else if (c->exp - c->nbf > ca->max_life)
		*why = "longer life than the issuer's maxttl";
	else
		*why = check_subject(c, ca);
	if (!*why)
		*why = check_role(c, ca);
	return !*why;
}

/* The pattern of the set that matches the topic, or NULL. */
static const char *
matching(const struct topic_set *set, const char *topic, size_t n)
{
	for (size_t i = 0; i < set->n; i++) {
		const char *filter = set->filter[i];

		if (topic_match(filter, strlen(filter), topic, n))
			return filter;
	}
	return NULL;
}

static const struct topic_set *
right_set(const struct cert_rights *rights, enum cert_right right)
{
	switch (right) {
	case CERT_PUB: return &rights->pub;
	case CERT_SUBS: return &rights->subs;
	case CERT_CALL: return &rights->call;
	case CERT_SERVE: return &rights->serve;
	}
	return NULL;
}

int
cert_may(const struct cert *c, enum cert_right right, const char *topic,
    size_t n, const char **rule)
{
	const struct topic_set *set = right_set(&c->rights, right);

	*rule = NULL;
	if (c->role != CERT_ACTOR || !set)
		return 0;
	*rule = matching(&c->rights.deny, topic, n);
	if (*rule)
		return 0;
	*rule = matching(set, topic, n);
	return *rule != NULL;
}

int
cert_may_filter(
    const struct cert *c, const char *filter, size_t n, const char **rule)
{
	*rule = NULL;
	if (c->role != CERT_ACTOR)
		return 0;
	*rule = covering(&c->rights.deny, filter, n);
	if (*rule)
		return 0;
	*rule = covering(&c->rights.subs, filter, n);
	return *rule != NULL;
}

int
cert_may_source(
    const struct cert *c, const char *src, size_t n, const char **rule)
{
	*rule = NULL;
	if (c->role != CERT_ACTOR)
		return 0;
	if (n == strlen(c->subject) && memcmp(src, c->subject, n) == 0)
		*rule = c->subject;
	else if (topic_fault(src, n) == TOPIC_FINE)
		*rule = matching(&c->rights.via, src, n);
	return *rule != NULL;
}

int
cert_named(const struct cert *c, const char *name)
{
	if (c->role != CERT_BROKER)
		return 0;
	for (size_t i = 0; i < c->names; i++)
		if (strcmp(c->name[i], name) == 0)
			return 1;
	return 0;
}
