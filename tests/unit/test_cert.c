#include <string.h>

#include "check.h"
#include "network.h"

/* A NULL and a text are equal to nothing else. */
static int
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The text with the first `from` replaced; the caller frees. */
static struct buf
replace(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	struct buf out = { 0 };

	if (!at)
		network_die(from, "not in the certificate");
	buf_add(&out, text, (size_t)(at - text));
	buf_adds(&out, to);
	buf_adds(&out, at + strlen(from));
	return out;
}

static const struct network_wish actor = {
	.subject = "area/flat12",
	.pub = { "MEASUREMENT/flat12/#" },
	.subs = { "DR/REQUEST/+" },
	.call = { "svc/tariff" },
	.serve = { "svc/flat12" },
	.deny = { "MEASUREMENT/flat12/private/#" },
	.via = { "area/flat12/+" },
};

static const struct network_wish broker = {
	.subject = "broker-a",
	.role = CERT_BROKER,
	.names = { "broker-a", "host.example.org" },
};

static const struct network_wish issuer = {
	.subject = "area/ca",
	.role = CERT_ISSUER,
	.scope = { "MEASUREMENT/#", "DR/#" },
	.subjects = { "area/#" },
	.brokers = { "broker-a" },
	.max_life = 2592000,
};

#define T64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const struct network_wish *of;
	const char *from, *to;
	const char *why; /* how it begins */
} malformed[] = {
	{ &actor, "{", " {", "not in canonical form (RFC 8785)" },
	{ &actor, "\"v\":1", "\"v\": 1", "not in canonical form (RFC 8785)" },
	{ &actor, "\"v\":1", "\"v\":1.0", "not in canonical form (RFC 8785)" },
	{ &actor, "\"v\":1,", "", "v: missing" },
	{ &actor, "\"typ\"", "\"\\u0074yp\"",
	    "not in canonical form (RFC 8785)" },
	{ &actor, "\"v\":1", "\"v\":1,\"v\":1", "duplicate member name" },
	{ &actor,
	    "\"sub\":", "\"sub\":\"root\",\"sub\":", "duplicate member name" },
	{ &actor, "{", "{}{", "text after the end" },
	{ &actor, "\"v\":1", "\"v\":2", "v: not 1" },
	{ &actor, "\"v\":1", "\"v\":\"1\"", "v: not 1" },
	{ &actor, "sg-cert", "sg-event", "typ: not sg-cert" },
	{ &actor, "\"typ\":\"sg-cert\"", "\"typ\":1", "typ: not sg-cert" },
	{ &actor, "\"role\":\"actor\"", "\"role\":\"root\"",
	    "role: none of actor, broker, issuer" },
	{ &actor, "\"role\":\"actor\"", "\"role\":\"none\"",
	    "role: none of actor, broker, issuer" },
	{ &actor, "\"role\":\"actor\"", "\"role\":[\"actor\"]",
	    "role: none of actor, broker, issuer" },
	{ &actor, "\"role\":\"actor\"", "\"role\":\"broker\"",
	    "role: broker with the rights of an actor" },
	{ &actor, "\"role\":\"actor\"", "\"role\":\"issuer\"",
	    "role: issuer with the rights of an actor" },
	{ &broker, "\"role\":\"broker\"", "\"role\":\"actor\"",
	    "role: actor with names" },
	{ &broker, "\"role\":\"broker\"", "\"role\":\"issuer\"",
	    "role: issuer with names" },
	{ &broker, "\"broker-a\",\"host.example.org\"", "", "names: missing" },
	{ &broker, "\"broker-a\"", "\"broker/a\"",
	    "names: not 1-64 of A-Z a-z 0-9 . _ : @ -" },
	{ &broker, "\"broker-a\"", "\"*\"",
	    "names: not 1-64 of A-Z a-z 0-9 . _ : @ -" },
	{ &broker, "\"broker-a\"", "\"\"",
	    "names: not 1-64 of A-Z a-z 0-9 . _ : @ -" },
	{ &broker, "\"broker-a\"", "\"$SG\"",
	    "names: not 1-64 of A-Z a-z 0-9 . _ : @ -" },
	{ &broker, "\"broker-a\"", "\"" T64 "0\"",
	    "names: not 1-64 of A-Z a-z 0-9 . _ : @ -" },
	{ &broker, "\"broker-a\"", "1",
	    "names: not 1-64 of A-Z a-z 0-9 . _ : @ -" },
	{ &broker, "[\"broker-a\",\"host.example.org\"]", "\"broker-a\"",
	    "names: not an array" },
	{ &issuer, "\"role\":\"issuer\"", "\"role\":\"actor\"",
	    "role: actor with ca" },
	{ &issuer, "\"role\":\"issuer\"", "\"role\":\"broker\"",
	    "names: missing" },
	{ &actor, "\"role\":\"actor\"", "\"names\":[\"x\"],\"role\":\"actor\"",
	    "not in canonical form (RFC 8785)" },
	{ &issuer, "\"depth\":0", "\"depth\":-1",
	    "ca: depth: not a whole number from 0 on" },
	{ &issuer, "\"depth\":0,", "", "ca: depth: missing" },
	{ &issuer, "\"depth\":0", "\"depth\":0,\"ends\":1",
	    "ca: ends: not a member of this object" },
	{ &issuer, "\"maxttl\":2592000", "\"maxttl\":1.5",
	    "ca: maxttl: not a whole number from 0 on" },
	{ &issuer, "\"maxttl\":2592000,", "", "ca: maxttl: missing" },
	{ &issuer, "\"scope\":[\"MEASUREMENT/#\"", "\"scope\":[\"#/A\"",
	    "ca: scope: #/A: '#' or '*' before the last level" },
	{ &actor, "\"MEASUREMENT/flat12/#\"", "\"!MEASUREMENT/flat12/#\"",
	    "pub: '!' (what is forbidden stands in deny)" },
	{ &actor, "\"MEASUREMENT/flat12/#\"", "\"A//B\"",
	    "pub: A//B: empty level" },
	{ &actor, "[\"MEASUREMENT/flat12/#\"]", "\"MEASUREMENT/flat12/#\"",
	    "pub: not an array" },
	{ &actor, "\"MEASUREMENT/flat12/#\"", "[\"A\"]", "pub: not a string" },
	{ &actor, "\"MEASUREMENT/flat12/#\"", "\"A/\\n\"",
	    "pub: A/\\n: character other than A-Z a-z 0-9 . _ : @ -" },
	{ &actor, "\"area/flat12/+\"", "\"area/+x\"",
	    "via: area/+x: wildcard beside other characters of its level" },
	{ &actor, "\"gen\":1", "\"gen\":-1",
	    "gen: not a whole number from 0 on" },
	{ &actor, "\"gen\":1", "\"gen\":1e+21",
	    "gen: not a whole number from 0 on" },
	{ &actor, "\"gen\":1", "\"gen\":\"1\"",
	    "gen: not a whole number from 0 on" },
	{ &actor, "\"exp\":1", "\"exp\":991", "exp: after the year 9999" },
	{ &actor, "\"nbf\":1", "\"nbf\":2", "exp: not after nbf" },
	{ &actor, "\"sub\":\"area", "\"sub\":\"area/..", "sub: " },
	{ &actor, "\"sub\":\"area", "\"sub\":\"area/", "sub: " },
	{ &actor, "\"sub\":\"area", "\"sub\":\"/area", "sub: " },
	{ &actor, "\"sub\":\"area", "\"sub\":\"\xc3\xa9", "sub: " },
	{ &actor, "\"sub\":\"area", "\"sub\":\"+", "sub: " },
	{ &actor, "\"sub\":\"area", "\"sub\":\"" T64, "sub: " },
	{ &actor, "\"sub\":\"area/flat12\"", "\"sub\":\"\"", "sub: " },
	{ &actor, "\"sub\":\"area/flat12\"", "\"sub\":null",
	    "sub: not a string" },
	{ &actor, "\"kty\":\"OKP\"", "\"kty\":\"EC\"",
	    "enc: not a public X25519 JWK" },
	{ &actor, "{\"crv\":\"X25519\"", "{\"crv\":\"Ed25519\"",
	    "enc: not a public X25519 JWK" },
	{ &actor, "{\"crv\":\"Ed25519\"", "{\"crv\":\"X25519\"",
	    "key: not a public Ed25519 JWK" },
	{ &actor, "{\"crv\":\"Ed25519\",",
	    "{\"crv\":\"Ed25519\",\"d\":"
	    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",",
	    "key: not a public Ed25519 JWK" },
};

static void
test_malformed(const struct network *n)
{
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
		struct key *key = key_new("x");
		struct cert *c = network_make(n, malformed[i].of, key, n->root);
		struct buf text =
		    replace(c->text, malformed[i].from, malformed[i].to);
		const char *why = "none";
		struct cert *got = cert_parse(text.p, text.len, &why);

		why = why ? why : "accepted";
		check(!got &&
			strncmp(why, malformed[i].why,
			    strlen(malformed[i].why)) == 0,
		    "%s: '%s', not '%s'", malformed[i].to, why,
		    malformed[i].why);
		cert_free(got);
		cert_free(c);
		key_free(key);
		buf_fini(&text);
	}
}

/* Serials and ids of keys are random, so these are written by place. */
static void
test_malformed_ids(const struct network *n)
{
	static const struct {
		const char *name, *write, *why;
	} row[] = {
		{ "\"ser\":\"", "A", "ser: not 32 hex digits" },
		{ "\"ser\":\"", "g", "ser: not 32 hex digits" },
		{ "\"ser\":\"", "\\\"", "ser: not 32 hex digits" },
		{ "\"iss\":\"", "+",
		    "iss: not a key's id (43 characters of base64url)" },
		{ "\"iss\":\"", "\\\\",
		    "iss: not a key's id (43 characters of base64url)" },
	};
	struct cert *c = network_make(n, &actor, n->root, n->root), *got;
	const char *why;
	char *text;

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		text = xstrdup(c->text);
		memcpy(strstr(text, row[i].name) + strlen(row[i].name),
		    row[i].write, strlen(row[i].write));
		got = cert_parse(text, c->len, &why);
		check(!got && same(why, row[i].why), "%s%s: '%s'", row[i].name,
		    row[i].write, why);
		cert_free(got);
		free(text);
	}
	cert_free(c);
}

/* The object without the i-th of its members; 0 behind the last. */
static int
without_member(const char *text, size_t which, struct buf *out, char *name)
{
	struct json_value object = json_value(text, strlen(text)), key, value;
	struct json_walk walk;
	int found = 0;

	buf_clear(out);
	json_walk(&walk, &object);
	for (size_t i = 0; json_next(&walk, &key, &value); i++) {
		int quoted = value.kind == JSON_STRING;

		if (i == which) {
			snprintf(name, 16, "%.*s", (int)key.n, key.p);
			found = 1;
			continue;
		}
		buf_addf(out, "%c\"%.*s\":", out->len ? ',' : '{', (int)key.n,
		    key.p);
		buf_add(out, value.p - quoted, value.n + 2 * (size_t)quoted);
	}
	buf_addc(out, '}');
	return found;
}

/* What is required, and what is not. */
static void
test_missing(const struct network *n)
{
	static const char required[] =
	    " v typ ser iss sub role key enc nbf exp gen sig ";
	struct cert *c = network_make(n, &actor, n->root, n->root), *got;
	char name[16], word[18], want[40];
	struct buf text = { 0 };
	const char *why;
	int n_required = 0;

	for (size_t i = 0; without_member(c->text, i, &text, name); i++) {
		int needed;

		snprintf(word, sizeof(word), " %s ", name);
		needed = strstr(required, word) != NULL;
		n_required += needed;
		got = cert_parse(text.p, text.len, &why);
		snprintf(want, sizeof(want), "%s: missing", name);
		check(needed ? !got && same(why, want) : got != NULL,
		    "without %s: %s", name, got ? "accepted" : why);
		cert_free(got);
	}
	check(n_required == 12, "12 members are required, not %d", n_required);
	buf_fini(&text);
	cert_free(c);
}

static const struct {
	const char *add, *why; /* before "enc" */
} extensions[] = {
	{ "\"and\":[1,{\"a\":null}],", NULL },
	{ "\"crit\":[],", NULL },
	{ "\"crit\":[\"pub\",\"sub\"],", NULL },
	{ "\"and\":1,\"crit\":[\"and\"],",
	    "crit: names and, which is not known" },
	{ "\"crit\":[\"pub\",\"until\"],",
	    "crit: names until, which is not known" },
	{ "\"crit\":[\"crit\"],", "crit: names crit, which is not known" },
	{ "\"crit\":[1],", "crit: not a name" },
	{ "\"crit\":\"pub\",", "crit: not an array" },
	{ "\"crit\":{},", "crit: not an array" },
};

static void
test_extensions(const struct network *n)
{
	struct cert *c = network_make(n, &actor, n->root, n->root), *got;

	for (size_t i = 0; i < sizeof(extensions) / sizeof(*extensions); i++) {
		/* "call" stands before "crit" but behind "and". */
		const char *add = extensions[i].add, *why = NULL;
		struct buf call =
		    replace(c->text, "\"call\":[\"svc/tariff\"],", "");
		struct buf text = { 0 }, to = { 0 };

		buf_addf(&to, "%s\"deny\"", add);
		text = replace(buf_cstr(&call), "\"deny\"", buf_cstr(&to));
		got = cert_parse(text.p, text.len, &why);
		check(
		    !got == !!extensions[i].why && same(why, extensions[i].why),
		    "%s: %s", add, why ? why : "accepted");
		cert_free(got);
		buf_fini(&call);
		buf_fini(&text);
		buf_fini(&to);
	}
	cert_free(c);
}

static void
test_size(const struct network *n)
{
	struct cert *c = network_make(n, &actor, n->root, n->root), *got;
	struct buf fill = { 0 }, text;
	const char *why = NULL;

	buf_adds(&fill, "\"deny\":[");
	while (fill.len < CERT_MAX)
		buf_adds(&fill, "\"A/B\",");
	text = replace(c->text, "\"deny\":[", buf_cstr(&fill));
	check(text.len > CERT_MAX, "%zu bytes are too many", text.len);
	got = cert_parse(text.p, text.len, &why);
	check(!got && same(why, "longer than 4096 bytes"), "size: %s", why);
	cert_free(got);
	cert_free(c);
	buf_fini(&fill);
	buf_fini(&text);
}

/* No single byte can be another one. */
static void
test_altered(const struct network *n)
{
	struct cert *c = network_make(n, &actor, n->root, n->root), *got;
	struct network_wish wish = { .subject = "root", .role = CERT_ISSUER };
	struct cert *root = network_make(n, &wish, n->root, n->root);
	int accepted = 0;
	const char *why;

	check(cert_signed(c, root), "signed");
	for (size_t i = 0; i < c->len; i++) {
		char *text = xstrdup(c->text);

		text[i] ^= 1;
		got = cert_parse(text, c->len, &why);
		accepted += got && cert_signed(got, root);
		cert_free(got);
		free(text);
	}
	check(accepted == 0, "%d alterations accepted", accepted);
	cert_free(root);
	cert_free(c);
}

/* Signed by the right key as something else, or by another key. */
static void
test_wrong_signature(const struct network *n)
{
	struct network_wish wish = { .subject = "root", .role = CERT_ISSUER };
	struct cert *root = network_make(n, &wish, n->root, n->root);
	struct key *other = key_new("other");
	struct cert *c = network_make(n, &actor, other, other);

	check(!cert_signed(c, root), "signed by its own key");
	memcpy(c->issuer, n->root->public.kid, sizeof(c->issuer));
	check(!cert_signed(c, root), "the field says root, the text does not");
	memcpy(root->key.kid, other->public.kid, sizeof(root->key.kid));
	memcpy(c->issuer, other->public.kid, sizeof(c->issuer));
	check(!cert_signed(c, root), "kid of one key, signature of another");
	cert_free(c);
	cert_free(root);
	key_free(other);
}

static void
test_round_trip(const struct network *n)
{
	static const struct network_wish *const all[] = { &actor, &broker,
		&issuer };
	const char *why = NULL;

	for (size_t i = 0; i < 3; i++) {
		struct cert *c = network_make(n, all[i], n->root, n->root);
		struct cert *got = cert_parse(c->text, c->len, &why);
		char serial[CERT_SERIAL + 1];

		check(got != NULL, "%s: %s", all[i]->subject, why);
		if (!got) {
			cert_free(c);
			continue;
		}
		check(got->role == all[i]->role ||
			(got->role == CERT_ACTOR && !all[i]->role),
		    "%s: role", c->subject);
		check(same(got->subject, c->subject), "%s: sub", c->subject);
		check(memcmp(&got->key, &c->key, sizeof(c->key)) == 0,
		    "%s: keys", c->subject);
		check(got->nbf == c->nbf && got->exp == c->exp &&
			got->gen == c->gen && got->has_ca == !!all[i]->scope[0],
		    "%s: numbers", c->subject);
		memcpy(serial, got->serial, sizeof(serial));
		got->limits = (struct cert_limits){ 50, 65536, 0, 64 };
		check(cert_issue(got, n->root, &why) == 0 &&
			strstr(got->text,
			    "\"lim\":{\"bps\":65536,\"eps\":50,\"topics\":64}"),
		    "%s: limits", c->subject);
		check(!same(serial, got->serial), "%s: a fresh serial",
		    c->subject);
		cert_free(got);
		cert_free(c);
	}
}

static const struct {
	const char *about;
	struct network_wish issuer, c;
	const char *why; /* NULL: allowed */
} allowed[] = {
	{ "an actor inside of everything",
	    { .scope = { "MEASUREMENT/#", "DR/#", "svc/+" },
		.subjects = { "area/#" } },
	    { .subject = "area/1",
		.pub = { "MEASUREMENT/1/*", "MEASUREMENT" },
		.subs = { "DR/REQUEST/+" },
		.call = { "svc/tariff" },
		.serve = { "svc/x" },
		.deny = { "#", "$SG/#" },
		.via = { "area/1/+", "area/+" } },
	    NULL },
	{ "publishing outside", { .scope = { "A/#" }, .subjects = { "#" } },
	    { .subject = "s", .pub = { "A/1", "B/1" } },
	    "pub B/1 is outside of the issuer's scope" },
	{ "publishing one level too wide",
	    { .scope = { "A/+/Load" }, .subjects = { "#" } },
	    { .subject = "s", .pub = { "A/#" } },
	    "pub A/# is outside of the issuer's scope" },
	{ "a wildcard where the issuer has a name",
	    { .scope = { "A/b" }, .subjects = { "#" } },
	    { .subject = "s", .pub = { "A/+" } },
	    "pub A/+ is outside of the issuer's scope" },
	{ "# where the issuer has *",
	    { .scope = { "A/*" }, .subjects = { "#" } },
	    { .subject = "s", .pub = { "A/#" } },
	    "pub A/# is outside of the issuer's scope" },
	{ "two of the issuer's patterns do not add up",
	    { .scope = { "A/b", "A/c" }, .subjects = { "#" } },
	    { .subject = "s", .pub = { "A/+" } },
	    "pub A/+ is outside of the issuer's scope" },
	{ "everything does not hold $SG",
	    { .scope = { "#" }, .subjects = { "#" } },
	    { .subject = "s", .pub = { "$SG/#" } },
	    "pub $SG/# is outside of the issuer's scope" },
	{ "$SG where it is given",
	    { .scope = { "#", "$SG/#" }, .subjects = { "#" } },
	    { .subject = "s", .pub = { "$SG/TRUST/CRL/#" } }, NULL },
	{ "subscribing outside", { .scope = { "A/#" }, .subjects = { "#" } },
	    { .subject = "s", .subs = { "#" } },
	    "subs # is outside of the issuer's scope" },
	{ "calling outside", { .scope = { "A/#" }, .subjects = { "#" } },
	    { .subject = "s", .call = { "svc/x" } },
	    "call svc/x is outside of the issuer's scope" },
	{ "serving outside", { .scope = { "A/#" }, .subjects = { "#" } },
	    { .subject = "s", .serve = { "svc/x" } },
	    "serve svc/x is outside of the issuer's scope" },
	{ "no scope, no rights", { .subjects = { "#" } },
	    { .subject = "s", .pub = { "A" } },
	    "pub A is outside of the issuer's scope" },
	{ "an actor without rights", { .subjects = { "#" } },
	    { .subject = "s" }, NULL },
	{ "another area's subject",
	    { .scope = { "#" }, .subjects = { "area/#" } },
	    { .subject = "other/1" },
	    "subject other/1 is outside of the issuer's subjects" },
	{ "a name that only begins the same",
	    { .scope = { "#" }, .subjects = { "area/#" } },
	    { .subject = "areas" },
	    "subject areas is outside of the issuer's subjects" },
	{ "no subjects, no certificates", { .scope = { "#" } },
	    { .subject = "s" },
	    "subject s is outside of the issuer's subjects" },
	{ "speaking for another area",
	    { .scope = { "#" }, .subjects = { "area/#" } },
	    { .subject = "area/1", .via = { "#" } },
	    "via # is outside of the issuer's subjects" },
	{ "a life as long as maxttl", { .subjects = { "#" }, .max_life = 3600 },
	    { .subject = "s", .nbf = 1000, .exp = 4600 }, NULL },
	{ "a second longer", { .subjects = { "#" }, .max_life = 3600 },
	    { .subject = "s", .nbf = 1000, .exp = 4601 },
	    "longer life than the issuer's maxttl" },
	{ "a broker by its name",
	    { .subjects = { "#" }, .brokers = { "broker-a" } },
	    { .subject = "b", .role = CERT_BROKER, .names = { "broker-a" } },
	    NULL },
	{ "a broker by every name", { .subjects = { "#" }, .brokers = { "+" } },
	    { .subject = "b",
		.role = CERT_BROKER,
		.names = { "broker-a", "127.0.0.1" } },
	    NULL },
	{ "another broker's name",
	    { .subjects = { "#" }, .brokers = { "broker-a" } },
	    { .subject = "b",
		.role = CERT_BROKER,
		.names = { "broker-a", "broker-b" } },
	    "name broker-b is outside of the issuer's brokers" },
	{ "brokers need their own permission",
	    { .scope = { "#" }, .subjects = { "#" }, .depth = 1 },
	    { .subject = "b", .role = CERT_BROKER, .names = { "b" } },
	    "name b is outside of the issuer's brokers" },
	{ "an issuer below",
	    { .scope = { "#" },
		.subjects = { "#" },
		.brokers = { "#" },
		.depth = 1,
		.max_life = 86460 },
	    { .subject = "ca",
		.role = CERT_ISSUER,
		.scope = { "A/#" },
		.subjects = { "a/#" },
		.brokers = { "b" },
		.max_life = 86460 },
	    NULL },
	{ "no issuers below", { .scope = { "#" }, .subjects = { "#" } },
	    { .subject = "ca", .role = CERT_ISSUER, .scope = { "A/#" } },
	    "the issuer may have no issuers below it (depth 0)" },
	{ "an issuer as deep as its own",
	    { .scope = { "#" }, .subjects = { "#" }, .depth = 1 },
	    { .subject = "ca", .role = CERT_ISSUER, .depth = 1 },
	    "depth is not below the issuer's" },
	{ "an issuer that grants longer lives",
	    { .subjects = { "#" }, .depth = 1, .max_life = 86460 },
	    { .subject = "ca", .role = CERT_ISSUER, .max_life = 86461 },
	    "maxttl is above the issuer's" },
	{ "an issuer with a wider scope",
	    { .scope = { "A/#" }, .subjects = { "#" }, .depth = 1 },
	    { .subject = "ca", .role = CERT_ISSUER, .scope = { "#" } },
	    "scope # is outside of the issuer's" },
	{ "an issuer of more subjects",
	    { .subjects = { "ca", "a/#" }, .depth = 1 },
	    { .subject = "ca", .role = CERT_ISSUER, .subjects = { "#" } },
	    "subjects # is outside of the issuer's" },
	{ "an issuer of more brokers",
	    { .subjects = { "#" }, .brokers = { "a" }, .depth = 1 },
	    { .subject = "ca", .role = CERT_ISSUER, .brokers = { "+" } },
	    "brokers + is outside of the issuer's" },
	{ "an actor above", { .role = CERT_ACTOR, .pub = { "#" } },
	    { .subject = "s" }, "the certificate above is no issuer's" },
	{ "a broker above", { .role = CERT_BROKER, .names = { "b" } },
	    { .subject = "s" }, "the certificate above is no issuer's" },
};

static void
test_allowed(const struct network *n)
{
	struct key *key = key_new("x");

	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++) {
		struct network_wish wish = allowed[i].issuer;
		struct cert *above, *c;
		const char *why = NULL;
		int got;

		wish.subject = "issuer";
		wish.role = wish.role ? wish.role : CERT_ISSUER;
		above = network_make(n, &wish, key, n->root);
		c = network_make(n, &allowed[i].c, key, key);
		got = cert_allowed(c, above, &why);
		check(got == !allowed[i].why &&
			(got || same(why, allowed[i].why)),
		    "%s: %s", allowed[i].about, got ? "allowed" : why);
		cert_free(above);
		cert_free(c);
	}
	key_free(key);
}

static const struct {
	const char *right, *topic;
	int want;
	const char *rule;
} may[] = {
	{ "pub", "MEASUREMENT/flat12/Load", 1, "MEASUREMENT/flat12/#" },
	{ "pub", "MEASUREMENT/flat12", 1, "MEASUREMENT/flat12/#" },
	{ "pub", "MEASUREMENT/flat1", 0, NULL },
	{ "pub", "MEASUREMENT/flat12/private/x", 0,
	    "MEASUREMENT/flat12/private/#" },
	{ "pub", "DR/REQUEST/a", 0, NULL },
	{ "subs", "DR/REQUEST/a", 1, "DR/REQUEST/+" },
	{ "subs", "MEASUREMENT/flat12/Load", 0, NULL },
	{ "call", "svc/tariff", 1, "svc/tariff" },
	{ "call", "svc/flat12", 0, NULL },
	{ "serve", "svc/flat12", 1, "svc/flat12" },
	{ "serve", "svc/tariff", 0, NULL },
	{ "filter", "DR/REQUEST/+", 1, "DR/REQUEST/+" },
	{ "filter", "DR/REQUEST/a", 1, "DR/REQUEST/+" },
	{ "filter", "DR/REQUEST/#", 0, NULL },
	{ "filter", "DR/REQUEST/*", 0, NULL },
	{ "filter", "#", 0, NULL },
	{ "filter", "+/+/+", 0, NULL },
	{ "filter", "$SG/#", 0, NULL },
	{ "filter", "MEASUREMENT/flat12/private/+", 0,
	    "MEASUREMENT/flat12/private/#" },
	{ "source", "area/flat12", 1, "area/flat12" },
	{ "source", "area/flat12/meter", 1, "area/flat12/+" },
	{ "source", "area/flat12/meter/1", 0, NULL },
	{ "source", "area/flat1", 0, NULL },
	{ "source", "area/flat123", 0, NULL },
	{ "source", "area/flat12/", 0, NULL },
	{ "source", "area/flat12/+", 0, NULL },
	{ "source", "area/flat12/#", 0, NULL },
	{ "source", "area/flat12/a b", 0, NULL },
	{ "source", "", 0, NULL },
};

static int
ask(const struct cert *c, const char *right, const char *p, const char **rule)
{
	size_t n = strlen(p);

	if (strcmp(right, "filter") == 0)
		return cert_may_filter(c, p, n, rule);
	if (strcmp(right, "source") == 0)
		return cert_may_source(c, p, n, rule);
	for (int r = CERT_PUB; r <= CERT_SERVE; r++)
		if (strcmp(right, cert_right_name((enum cert_right)r)) == 0)
			return cert_may(c, (enum cert_right)r, p, n, rule);
	return -1;
}

static void
test_may(const struct network *n)
{
	struct cert *c = network_make(n, &actor, n->root, n->root);

	for (size_t i = 0; i < sizeof(may) / sizeof(*may); i++) {
		const char *rule = "unset";
		int got = ask(c, may[i].right, may[i].topic, &rule);

		check(got == may[i].want && same(rule, may[i].rule),
		    "%s %s: %d by %s", may[i].right, may[i].topic, got,
		    rule ? rule : "nothing");
	}
	/* Whatever a broker's or an issuer's certificate held, it is no actor.
	 */
	for (int role = CERT_BROKER; role <= CERT_ISSUER; role++) {
		c->role = (enum cert_role)role;
		for (size_t i = 0; i < sizeof(may) / sizeof(*may); i++) {
			const char *rule;

			check(!ask(c, may[i].right, may[i].topic, &rule),
			    "%s with %s of %s", cert_role_name(c->role),
			    may[i].right, may[i].topic);
		}
	}
	cert_free(c);
}

static void
test_names(const struct network *n)
{
	struct cert *b = network_make(n, &broker, n->root, n->root);

	check(cert_named(b, "broker-a"), "its first name");
	check(cert_named(b, "host.example.org"), "its second name");
	check(!cert_named(b, "broker-b"), "another's name");
	check(!cert_named(b, "BROKER-A"), "another case");
	check(!cert_named(b, ""), "no name");
	b->role = CERT_ACTOR;
	check(!cert_named(b, "broker-a"), "an actor has no names");
	cert_free(b);
	check(cert_role_of("actor", 5) == CERT_ACTOR, "role actor");
	check(cert_role_of("none", 4) == CERT_NONE, "role none");
	check(cert_role_of("act", 3) == CERT_NONE, "half a role");
}

int
main(void)
{
	struct network n;

	network_init(&n);
	test_malformed(&n);
	test_malformed_ids(&n);
	test_missing(&n);
	test_extensions(&n);
	test_size(&n);
	test_altered(&n);
	test_wrong_signature(&n);
	test_round_trip(&n);
	test_allowed(&n);
	test_may(&n);
	test_names(&n);
	network_fini(&n);
	return check_done();
}
