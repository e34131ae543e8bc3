#include <string.h>

#include "check.h"
#include "network.h"
#include "trust/document.h"
#include "trust/keyring.h"

/* The one network that most of the tests share: who is who in it. */
static const struct network_wish everything = {
	.subject = "root",
	.role = CERT_ISSUER,
	.scope = { "#" },
	.subjects = { "#" },
	.brokers = { "#" },
	.depth = 1,
};
static const struct network_wish area = {
	.subject = "area/ca",
	.role = CERT_ISSUER,
	.scope = { "MEASUREMENT/#" },
	.subjects = { "area/#" },
	.max_life = 2 * NETWORK_DAY,
};
static const struct network_wish flat = {
	.subject = "area/flat12",
	.issuer = "area/ca",
	.pub = { "MEASUREMENT/flat12/#" },
};
static const struct network_wish gateway = {
	.subject = "gateway",
	.pub = { "#" },
	.subs = { "#" },
};
static const struct network_wish broker = {
	.subject = "broker-a",
	.role = CERT_BROKER,
	.names = { "broker-a" },
};

static void
populate(struct network *n)
{
	network_init(n);
	network_issue(n, &area);
	network_issue(n, &flat);
	network_issue(n, &gateway);
	network_issue(n, &broker);
}

static struct keyring *
open_ring(const struct network *n)
{
	const char *why;
	struct keyring *r = keyring_open(n->dir, &why);

	if (!r)
		network_die(n->dir, why);
	return r;
}

/* What a case of the table below makes its chain from. */
struct forge {
	struct network *n;
	struct key *leaf, *middle;
	struct buf out;
};

static void
add_text(struct forge *f, const char *text)
{
	buf_adds(&f->out, text);
	buf_addc(&f->out, '\n');
}

static void
add_made(struct forge *f, const struct network_wish *wish,
    const struct key *key, const struct key *by)
{
	struct cert *c = network_make(f->n, wish, key, by);

	add_text(f, c->text);
	cert_free(c);
}

static void
add_file(struct forge *f, const char *sub, const char *subject)
{
	const char *why;

	if (folder_read(network_path(f->n, sub, subject, ".cert"), CERT_MAX,
		&f->out, &why) < 0)
		network_die(subject, why);
}

/*
 * A certificate of the leaf key as text, with a member put in before "enc",
 * really signed by the root as typ.
 */
static void
add_signed(struct forge *f, const char *member, const char *typ)
{
	struct buf json = { 0 }, text = { 0 };
	const char *why;

	buf_addf(&json, "{%s\"enc\":", member);
	key_jwk(&json, "X25519", f->leaf->public.enc);
	buf_addf(&json, ",\"exp\":%lld,\"gen\":1,\"iss\":\"%s\",\"key\":",
	    (long long)f->n->now + 60, f->n->root->public.kid);
	key_jwk(&json, "Ed25519", f->leaf->public.sign);
	buf_addf(&json,
	    ",\"nbf\":%lld,\"role\":\"actor\",\"ser\":\"%032d\","
	    "\"sub\":\"x\",\"typ\":\"sg-cert\",\"v\":1}",
	    (long long)f->n->now - 60, 7);
	why = document_sign(&json, f->n->root, typ, &text);
	if (why)
		network_die(member, why);
	add_text(f, buf_cstr(&text));
	buf_fini(&json);
	buf_fini(&text);
}

static void
plain(struct forge *f)
{
	add_signed(f, "", "sg-cert");
}

static void
plain_without_lf(struct forge *f)
{
	plain(f);
	f->out.len--;
}

static void
through_issuer(struct forge *f)
{
	struct key *by = network_key(f->n, "area/ca");

	add_made(f, &flat, f->leaf, by);
	add_file(f, "certs/", "area/ca");
	key_free(by);
}

static void
nothing(struct forge *f)
{
	(void)f;
}

static void
crit_unknown(struct forge *f)
{
	add_signed(f, "\"crit\":[\"until\"],\"until\":1,", "sg-cert");
}

static void
as_event(struct forge *f)
{
	add_signed(f, "", "sg-event");
}

static void
as_list(struct forge *f)
{
	add_signed(f, "", "sg-crl");
}

/* The bytes of out with the first `from` replaced. */
static void
alter(struct forge *f, const char *from, const char *to)
{
	char *text = xstrdup(buf_cstr(&f->out)), *at = strstr(text, from);

	if (!at)
		network_die(from, "not there");
	buf_clear(&f->out);
	buf_add(&f->out, text, (size_t)(at - text));
	buf_adds(&f->out, to);
	buf_adds(&f->out, at + strlen(from));
	free(text);
}

static void
spaced(struct forge *f)
{
	plain(f);
	alter(f, ",", ", ");
}

static void
twice(struct forge *f)
{
	plain(f);
	alter(f, "\"sub\":\"x\"", "\"sub\":\"x\",\"sub\":\"root\"");
}

static void
other_subject(struct forge *f)
{
	plain(f);
	alter(f, "\"sub\":\"x\"", "\"sub\":\"y\"");
}

static void
added_right(struct forge *f)
{
	plain(f);
	alter(f, "\"role\"", "\"pub\":[\"#\"],\"role\"");
}

static void
other_role(struct forge *f)
{
	plain(f);
	alter(f, "\"nbf\"", "\"names\":[\"b\"],\"nbf\"");
	alter(f, "actor", "broker");
}

static void
no_signature(struct forge *f)
{
	plain(f);
	alter(f, "\"sig\":\"", "\"sig\":\"x\",\"sog\":\"");
}

static void
empty_signature(struct forge *f)
{
	char *text, *sig, *end;

	plain(f);
	text = xstrdup(buf_cstr(&f->out));
	sig = strstr(text, "..") + 2;
	end = strchr(sig, '"');
	memmove(sig, end, strlen(end) + 1);
	buf_clear(&f->out);
	buf_adds(&f->out, text);
	free(text);
}

static void
of_another_network(struct forge *f)
{
	add_made(f, &gateway, f->leaf, f->middle);
}

static void
root_too(struct forge *f)
{
	plain(f);
	add_file(f, "", "root");
}

static void
only_root(struct forge *f)
{
	add_file(f, "", "root");
}

static void
root_of_its_own(struct forge *f)
{
	add_made(f, &gateway, f->leaf, f->middle);
	add_made(f, &everything, f->middle, f->middle);
}

/* An issuer in the root's name, signed by itself. */
static void
issuer_self_signed(struct forge *f)
{
	struct key *liar = key_new("x");

	add_made(f, &gateway, f->leaf, f->middle);
	memcpy(liar, f->middle, sizeof(*liar));
	memcpy(
	    liar->public.kid, f->n->root->public.kid, sizeof(liar->public.kid));
	add_made(f, &everything, f->middle, liar);
	key_free(liar);
}

static void
below_actor(struct forge *f)
{
	struct key *by = network_key(f->n, "gateway");

	add_made(f, &flat, f->leaf, by);
	add_file(f, "certs/", "gateway");
	key_free(by);
}

static void
below_broker(struct forge *f)
{
	struct key *by = network_key(f->n, "broker-a");

	add_made(f, &flat, f->leaf, by);
	add_file(f, "certs/", "broker-a");
	key_free(by);
}

static void
without_issuer(struct forge *f)
{
	struct key *by = network_key(f->n, "area/ca");

	add_made(f, &flat, f->leaf, by);
	key_free(by);
}

static void
with_another_issuer(struct forge *f)
{
	without_issuer(f);
	add_file(f, "certs/", "gateway");
}

static void
wrong_order(struct forge *f)
{
	struct key *by = network_key(f->n, "area/ca");

	add_file(f, "certs/", "area/ca");
	add_made(f, &flat, f->leaf, by);
	key_free(by);
}

/* Signed by the area's issuer with a wish that it may not have. */
static void
by_area(struct forge *f, const struct network_wish *wish)
{
	struct key *by = network_key(f->n, "area/ca");

	add_made(f, wish, f->leaf, by);
	add_file(f, "certs/", "area/ca");
	key_free(by);
}

static void
outside_scope(struct forge *f)
{
	by_area(f,
	    &(struct network_wish){
		.subject = "area/x", .pub = { "COMMAND/#" } });
}

static void
outside_subjects(struct forge *f)
{
	by_area(f, &(struct network_wish){ .subject = "gateway" });
}

static void
broker_of_area(struct forge *f)
{
	by_area(f,
	    &(struct network_wish){ .subject = "area/b",
		.role = CERT_BROKER,
		.names = { "broker-a" } });
}

static void
too_long_life(struct forge *f)
{
	by_area(f,
	    &(struct network_wish){
		.subject = "area/x", .exp = f->n->now + 3 * NETWORK_DAY });
}

static void
issuer_below_depth(struct forge *f)
{
	by_area(f,
	    &(struct network_wish){
		.subject = "area/x", .role = CERT_ISSUER, .max_life = 1 });
}

static void
four_long(struct forge *f)
{
	struct key *by = network_key(f->n, "area/ca");

	add_made(f, &flat, f->leaf, f->middle);
	add_made(f, &area, f->middle, by);
	add_file(f, "certs/", "area/ca");
	key_free(by);
}

static void
very_long(struct forge *f)
{
	plain(f);
	while (f->out.len <= CERT_MAX)
		buf_addc(&f->out, '\n');
}

static void
empty_line(struct forge *f)
{
	through_issuer(f);
	alter(f, "\n", "\n\n");
}

static void
line_behind(struct forge *f)
{
	plain(f);
	add_text(f, "{}");
}

static void
nul_behind(struct forge *f)
{
	plain(f);
	buf_addc(&f->out, '\0');
}

static void
carriage_return(struct forge *f)
{
	plain(f);
	alter(f, "\n", "\r\n");
}

static void
as_array(struct forge *f)
{
	plain(f);
	alter(f, "{", "[{");
	alter(f, "}\n", "}]\n");
}

static const struct {
	const char *about;
	void (*make)(struct forge *f);
	const char *why; /* how it begins; NULL: it is taken */
} chains[] = {
	{ "of the root", plain, NULL },
	{ "without the last newline", plain_without_lf, NULL },
	{ "through an issuer", through_issuer, NULL },
	{ "nothing at all", nothing, "no certificate" },
	{ "an unknown critical member", crit_unknown,
	    "crit: names until, which is not known" },
	{ "a signature of an event", as_event,
	    "the certificate's signature is not its issuer's" },
	{ "a signature of a list", as_list,
	    "the certificate's signature is not its issuer's" },
	{ "not canonical", spaced, "not in canonical form (RFC 8785)" },
	{ "a member twice", twice, "duplicate member name" },
	{ "another subject", other_subject,
	    "the certificate's signature is not its issuer's" },
	{ "a right more", added_right,
	    "the certificate's signature is not its issuer's" },
	{ "another role", other_role,
	    "the certificate's signature is not its issuer's" },
	{ "no signature", no_signature,
	    "the certificate's signature is not its issuer's" },
	{ "an empty signature", empty_signature,
	    "the certificate's signature is not its issuer's" },
	{ "another network's", of_another_network, "the issuer " },
	{ "the root on the wire", root_too,
	    "certificate 2 of the chain: a root: these stand in root.cert" },
	{ "only the root on the wire", only_root,
	    "a root: these stand in root.cert only" },
	{ "a root of its own", root_of_its_own,
	    "certificate 2 of the chain: a root: these stand in root.cert" },
	{ "an issuer that signed itself", issuer_self_signed,
	    "certificate 2 of the chain: the certificate's signature" },
	{ "an actor as issuer", below_actor,
	    "the certificate above is no issuer's" },
	{ "a broker as issuer", below_broker,
	    "the certificate above is no issuer's" },
	{ "the issuer left out", without_issuer, "the issuer " },
	{ "another's certificate as issuer's", with_another_issuer,
	    "the next certificate is not its issuer's" },
	{ "issuer first", wrong_order, "certificate 2 of the chain: " },
	{ "outside of the issuer's scope", outside_scope,
	    "pub COMMAND/# is outside of the issuer's scope" },
	{ "outside of the issuer's subjects", outside_subjects,
	    "subject gateway is outside of the issuer's subjects" },
	{ "a broker by an issuer without brokers", broker_of_area,
	    "name broker-a is outside of the issuer's brokers" },
	{ "a longer life than maxttl", too_long_life,
	    "longer life than the issuer's maxttl" },
	{ "an issuer below depth", issuer_below_depth,
	    "the issuer may have no issuers below it (depth 0)" },
	{ "four certificates with the root", four_long,
	    "certificate 3 of the chain: more than 3 certificates" },
	{ "more than 4096 bytes", very_long, "chain longer than 4096 bytes" },
	{ "an empty line", empty_line,
	    "certificate 2 of the chain: ends too early" },
	{ "something behind", line_behind,
	    "certificate 2 of the chain: enc: missing" },
	{ "a NUL behind", nul_behind, "certificate 2 of the chain: " },
	{ "a carriage return", carriage_return,
	    "not in canonical form (RFC 8785)" },
	{ "an array", as_array, "not an object" },
};

static void
test_chains(struct network *n)
{
	for (size_t i = 0; i < sizeof(chains) / sizeof(*chains); i++) {
		struct forge f = { n, key_new("x"), key_new("y"), { 0 } };
		struct keyring *r = open_ring(n);
		const struct cert *leaf = NULL, *found;
		const char *why = "taken";
		int got;

		chains[i].make(&f);
		got = keyring_add_chain(r, f.out.p, f.out.len, &leaf, &why);
		why = why ? why : "taken";
		found = keyring_find(r, f.leaf->public.kid);
		if (chains[i].why) {
			check(got < 0 &&
				strncmp(why, chains[i].why,
				    strlen(chains[i].why)) == 0,
			    "%s: %s", chains[i].about, why);
			check(!found && !keyring_find(r, f.middle->public.kid),
			    "%s: remembered", chains[i].about);
		} else {
			check(got == 0 && leaf && leaf == found, "%s: %s",
			    chains[i].about, why);
			check(keyring_judge(r, leaf, n->now) == KEYRING_VALID,
			    "%s: valid", chains[i].about);
		}
		keyring_free(r);
		key_free(f.leaf);
		key_free(f.middle);
		buf_fini(&f.out);
	}
}

/* What comes in twice is one certificate, and goes out as it came. */
static void
test_same_again(struct network *n)
{
	struct forge f = { n, key_new("x"), key_new("y"), { 0 } };
	struct keyring *r = open_ring(n);
	const struct cert *a = NULL, *b = NULL;
	struct buf out = { 0 };
	const char *why;

	through_issuer(&f);
	keyring_add_chain(r, f.out.p, f.out.len, &a, &why);
	keyring_add_chain(r, f.out.p, f.out.len, &b, &why);
	check(a && a == b, "the same certificate");
	alter(&f, "\"role\":\"issuer\"", "\"pub\":[],\"role\":\"issuer\"");
	check(keyring_add_chain(r, f.out.p, f.out.len, &b, &why) < 0,
	    "a known leaf vouches for no issuer");
	alter(&f, "\"pub\":[],", "");
	keyring_chain(r, a, &out);
	check(out.len == f.out.len && memcmp(out.p, f.out.p, out.len) == 0,
	    "the same chain");
	buf_clear(&out);
	keyring_chain(r, keyring_subject(r, "root"), &out);
	check(out.len == 0, "a root has no chain");
	keyring_free(r);
	key_free(f.leaf);
	key_free(f.middle);
	buf_fini(&f.out);
	buf_fini(&out);
}

static void
test_finding(void)
{
	struct network n;
	struct keyring *r;
	struct key *key;
	const struct cert *c;

	populate(&n);
	key = network_key(&n, "gateway");
	network_issue(&n,
	    &(struct network_wish){ .subject = "late", .key = key, .gen = 4 });
	network_issue(&n,
	    &(struct network_wish){ .subject = "early",
		.key = key,
		.nbf = n.now - 5000,
		.gen = 2 });
	r = open_ring(&n);
	c = keyring_find(r, key->public.kid);
	check(c && strcmp(c->subject, "late") == 0, "the newest of a key");
	c = keyring_holder(r, key->public.kid, "gateway", n.now);
	check(c && c->gen == 1, "of a key and a subject");
	check(!keyring_holder(r, key->public.kid, "broker-a", n.now),
	    "of a key and another's subject");
	c = keyring_holder(r, key->public.kid, NULL, n.now);
	check(c && c->gen == 4, "the newest that has begun");
	c = keyring_holder(r, key->public.kid, NULL, n.now - 1000);
	check(c && c->gen == 2, "that had begun then");
	c = keyring_holder(r, key->public.kid, NULL, 0);
	check(c && c->gen == 4, "the newest if none had");
	c = keyring_subject(r, "area/flat12");
	check(c && strcmp(c->subject, "area/flat12") == 0, "of a subject");
	check(!keyring_subject(r, "area/flat1"), "of nobody");
	check(strcmp(keyring_network(r), n.root->public.kid) == 0,
	    "the network's id is its root's");
	c = keyring_find(r, n.root->public.kid);
	check(c && cert_is_root(c), "a root by its key");
	check(!keyring_psk(r), "no psk");
	key_free(key);
	keyring_free(r);
	network_fini(&n);
}

static void
test_many(struct network *n)
{
	enum { MANY = 3000 };
	static char kid[MANY][KEY_ID + 1];
	struct keyring *r = open_ring(n);
	int found = 0;

	for (int i = 0; i < MANY; i++) {
		char subject[16];
		struct network_wish wish = { .subject = subject };
		struct key *key = key_new("x");
		const struct cert *leaf;
		const char *why;
		struct cert *c;

		snprintf(subject, sizeof(subject), "m/%d", i);
		c = network_make(n, &wish, key, n->root);
		memcpy(kid[i], key->public.kid, sizeof(kid[i]));
		keyring_add_chain(r, c->text, c->len, &leaf, &why);
		cert_free(c);
		key_free(key);
	}
	for (int i = 0; i < MANY; i++) {
		const struct cert *c = keyring_find(r, kid[i]);

		found += c && strcmp(c->key.kid, kid[i]) == 0 &&
		    keyring_subject(r, c->subject) == c;
	}
	check(found == MANY, "%d of %d found", found, MANY);
	keyring_free(r);
}

/* A list in the folder: issuer's, one subject revoked or none. */
static void
put_list(const struct network *n, const char *by, const char *revoked,
    int64_t at, int64_t number, int64_t issued)
{
	struct key *issuer = by ? network_key(n, by) : NULL;
	struct cert *c = revoked ? network_cert(n, revoked) : NULL;
	struct crl_entry entry = { .at = at };
	struct crl list = { .number = number,
		.issued = issued,
		.next = issued + NETWORK_DAY,
		.entry = &entry,
		.entries = revoked != NULL };
	struct buf text = { 0 };
	const char *why;

	if (c)
		memcpy(entry.serial, c->serial, sizeof(entry.serial));
	if (crl_sign(&list, issuer ? issuer : n->root, &why) < 0)
		network_die("list", why);
	buf_add(&text, list.text, list.len);
	network_write(n, "crl/", list.issuer, ".crl", &text);
	buf_fini(&text);
	free(list.text);
	cert_free(c);
	key_free(issuer);
}

/* Seconds from the beginning of the certificates below. */
enum { HOUR = 3600, EXP = 100 * HOUR };

static const struct {
	const char *about;
	const char *issuer, *revoked; /* whose list revokes whom, */
	int64_t at;		      /* from when on */
	int list;		      /* whether there is one, made then: */
	int64_t issued;
	int64_t ca_exp; /* 0: EXP */
	int64_t when;
	enum keyring_verdict want;
} judging[] = {
	{ .about = "at its beginning", .when = 0, .want = KEYRING_VALID },
	{ .about = "two minutes early", .when = -120, .want = KEYRING_VALID },
	{ .about = "earlier", .when = -121, .want = KEYRING_EARLY },
	{ .about = "at its end", .when = EXP, .want = KEYRING_VALID },
	{ .about = "a second later", .when = EXP + 1, .want = KEYRING_EXPIRED },
	{ .about = "below an issuer that ends earlier",
	    .ca_exp = 10 * HOUR,
	    .when = 10 * HOUR,
	    .want = KEYRING_VALID },
	{ .about = "below an expired issuer",
	    .ca_exp = 10 * HOUR,
	    .when = 10 * HOUR + 1,
	    .want = KEYRING_EXPIRED },
	{ .about = "before it is revoked",
	    .issuer = "ca",
	    .revoked = "leaf",
	    .at = HOUR,
	    .list = 1,
	    .issued = 2 * HOUR,
	    .when = HOUR - 1,
	    .want = KEYRING_VALID },
	{ .about = "once it is revoked",
	    .issuer = "ca",
	    .revoked = "leaf",
	    .at = HOUR,
	    .list = 1,
	    .issued = 2 * HOUR,
	    .when = HOUR,
	    .want = KEYRING_REVOKED },
	{ .about = "before its issuer is revoked",
	    .revoked = "ca",
	    .at = HOUR,
	    .list = 1,
	    .issued = 2 * HOUR,
	    .when = HOUR - 1,
	    .want = KEYRING_VALID },
	{ .about = "below a revoked issuer",
	    .revoked = "ca",
	    .at = HOUR,
	    .list = 1,
	    .issued = 2 * HOUR,
	    .when = HOUR,
	    .want = KEYRING_REVOKED },
	{ .about = "by somebody who is not its issuer",
	    .revoked = "leaf",
	    .at = HOUR,
	    .list = 1,
	    .issued = 2 * HOUR,
	    .when = 2 * HOUR,
	    .want = KEYRING_VALID },
	{ .about = "within a day after nxt",
	    .issuer = "ca",
	    .list = 1,
	    .when = 48 * HOUR,
	    .want = KEYRING_VALID },
	{ .about = "with an overdue list",
	    .issuer = "ca",
	    .list = 1,
	    .when = 48 * HOUR + 1,
	    .want = KEYRING_STALE },
	{ .about = "with an overdue list of the root",
	    .list = 1,
	    .when = 48 * HOUR + 1,
	    .want = KEYRING_STALE },
	{ .about = "revoked, with an overdue list",
	    .issuer = "ca",
	    .revoked = "leaf",
	    .at = HOUR,
	    .list = 1,
	    .when = 49 * HOUR,
	    .want = KEYRING_REVOKED },
};

static void
test_judging(void)
{
	for (size_t i = 0; i < sizeof(judging) / sizeof(*judging); i++) {
		int64_t ca_exp = judging[i].ca_exp ? judging[i].ca_exp : EXP;
		struct network n;
		struct keyring *r;
		const struct cert *leaf;
		enum keyring_verdict got;

		network_init(&n);
		network_issue(&n,
		    &(struct network_wish){ .subject = "ca",
			.role = CERT_ISSUER,
			.subjects = { "#" },
			.nbf = n.now,
			.exp = n.now + ca_exp });
		network_issue(&n,
		    &(struct network_wish){ .subject = "leaf",
			.issuer = "ca",
			.nbf = n.now,
			.exp = n.now + EXP });
		if (judging[i].list)
			put_list(&n, judging[i].issuer, judging[i].revoked,
			    n.now + judging[i].at, 1,
			    n.now + judging[i].issued);
		r = open_ring(&n);
		leaf = keyring_subject(r, "leaf");
		got = keyring_judge(r, leaf, n.now + judging[i].when);
		check(got == judging[i].want, "%s: %s", judging[i].about,
		    keyring_verdict_why(got));
		keyring_free(r);
		network_fini(&n);
	}
}

/* A renewed issuer keeps alive what it issued before. */
static void
test_renewed_issuer(void)
{
	struct network n;
	struct keyring *r, *other;
	const struct cert *leaf;
	struct key *key;

	populate(&n);
	key = network_key(&n, "area/ca");
	network_issue(&n,
	    &(struct network_wish){ .subject = "area/ca",
		.role = CERT_ISSUER,
		.scope = { "MEASUREMENT/#" },
		.subjects = { "area/#" },
		.key = key,
		.gen = 2,
		.exp = n.now + 10 * NETWORK_DAY });
	network_issue(&n,
	    &(struct network_wish){ .subject = "area/flat12",
		.issuer = "area/ca",
		.pub = { "MEASUREMENT/flat12/#" },
		.exp = n.now + 9 * NETWORK_DAY });
	r = open_ring(&n);
	leaf = keyring_subject(r, "area/flat12");
	check(keyring_judge(r, leaf, n.now + 5 * NETWORK_DAY) == KEYRING_VALID,
	    "by the renewed certificate");
	network_fini(&n);
	populate(&n);
	other = open_ring(&n);
	check(keyring_judge(other, leaf, n.now) == KEYRING_UNKNOWN,
	    "another network does not know it");
	check(keyring_judge(other, keyring_find(r, keyring_network(r)),
		  n.now) == KEYRING_UNKNOWN,
	    "nor its root");
	network_fini(&n);
	keyring_free(other);
	keyring_free(r);
	key_free(key);
}

static void
test_refresh(void)
{
	struct network n;
	struct keyring *r;
	const struct cert *c;
	const char *why;
	struct buf junk = { 0 };

	populate(&n);
	r = open_ring(&n);
	c = keyring_subject(r, "gateway");
	check(keyring_refresh(r, &why) == 0, "no lists");
	put_list(&n, NULL, "gateway", n.now - 10, 5, n.now);
	check(keyring_refresh(r, &why) == 1, "a list came");
	check(keyring_judge(r, c, n.now) == KEYRING_REVOKED, "it revokes");
	check(keyring_judge(r, c, n.now - 11) == KEYRING_VALID, "not before");
	check(keyring_refresh(r, &why) == 0, "nothing new");
	put_list(&n, NULL, NULL, 0, 4, n.now + 1);
	check(keyring_refresh(r, &why) == 0, "an older list");
	check(keyring_judge(r, c, n.now) == KEYRING_REVOKED, "changes nothing");
	put_list(&n, NULL, NULL, 0, 5, n.now + 2);
	check(keyring_refresh(r, &why) == -1 &&
		strstr(why, "another list has the number 5 too"),
	    "the same number: %s", why);
	put_list(&n, NULL, NULL, 0, 6, n.now + 3);
	check(keyring_refresh(r, &why) == 1, "a newer list");
	check(keyring_judge(r, c, n.now) == KEYRING_VALID, "frees it");
	buf_adds(&junk, "{}\n");
	network_write(&n, "crl/", "junk", ".crl", &junk);
	put_list(&n, "area/ca", "area/flat12", n.now, 1, n.now);
	check(keyring_refresh(r, &why) == -1 &&
		strncmp(why, network_path(&n, "crl/", "junk", ".crl:1: "),
		    strlen(n.dir) + 15) == 0,
	    "names the bad file: %s", why);
	check(keyring_judge(r, keyring_subject(r, "area/flat12"), n.now) ==
		KEYRING_REVOKED,
	    "and takes the good one");
	keyring_free(r);
	buf_fini(&junk);
	network_fini(&n);
}

/* Somebody else's list, in its own and in the issuer's name. */
static void
test_forged_lists(void)
{
	struct network n;
	struct keyring *r;
	struct key *liar = key_new("x"), *gate;
	struct crl list = { .number = 1, .issued = 5, .next = 6 };
	const char *why;

	populate(&n);
	r = open_ring(&n);
	gate = network_key(&n, "gateway");
	crl_sign(&list, liar, &why);
	check(keyring_add_crl(r, list.text, list.len, &why) == -1 &&
		strstr(why, "is not known"),
	    "a stranger's: %s", why);
	memcpy(liar->public.kid, n.root->public.kid, sizeof(liar->public.kid));
	crl_sign(&list, liar, &why);
	check(keyring_add_crl(r, list.text, list.len, &why) == -1 &&
		strstr(why, "signature is not its issuer's"),
	    "in the root's name: %s", why);
	crl_sign(&list, gate, &why);
	check(keyring_add_crl(r, list.text, list.len, &why) == -1 &&
		strstr(why, "is not known"),
	    "an actor's: %s", why);
	check(!keyring_crl(r, gate->public.kid) &&
		!keyring_crl(r, n.root->public.kid),
	    "none is in force");
	free(list.text);
	key_free(liar);
	key_free(gate);
	keyring_free(r);
	network_fini(&n);
}

/* The list of an issuer that a chain brings later. */
static void
test_waiting(void)
{
	struct network n;
	struct keyring *r;
	struct buf chain = { 0 };
	const struct cert *leaf;
	const char *why;

	populate(&n);
	put_list(&n, "area/ca", "area/flat12", n.now, 1, n.now);
	folder_read(network_path(&n, "certs/", "area/flat12", ".cert"),
	    CERT_MAX, &chain, &why);
	remove(network_path(&n, "certs/", "area/flat12", ".cert"));
	remove(network_path(&n, "certs/", "area/ca", ".cert"));
	r = open_ring(&n);
	check(keyring_add_chain(r, chain.p, chain.len, &leaf, &why) == 0,
	    "the chain");
	check(keyring_judge(r, leaf, n.now) == KEYRING_REVOKED,
	    "the list that was there before it counts");
	keyring_free(r);
	buf_fini(&chain);
	network_fini(&n);
}

/* What one ring has learned goes to disk, and on to the next ring. */
static void
test_keeping(void)
{
	struct network n;
	struct keyring *r, *again;
	struct crl list = { .number = 9 };
	const char *why;

	populate(&n);
	r = open_ring(&n);
	again = open_ring(&n);
	list.issued = n.now + 5;
	list.next = n.now + NETWORK_DAY;
	crl_sign(&list, n.root, &why);
	check(keyring_save_crl(r, n.root->public.kid, &why) == -1,
	    "there is nothing to save");
	check(keyring_add_crl(r, list.text, list.len, &why) == 1, "taken");
	check(keyring_add_crl(r, list.text, list.len, &why) == 0, "once");
	keyring_told(r, n.now + 50);
	keyring_inherit(again, r);
	check(keyring_crl(again, n.root->public.kid) != NULL, "inherited");
	check(keyring_clock(again, n.now) == n.now + 50, "so is the time");
	check(keyring_save_crl(r, n.root->public.kid, &why) == 0, "saved");
	keyring_free(r);
	r = open_ring(&n);
	check(keyring_crl(r, n.root->public.kid) &&
		keyring_crl(r, n.root->public.kid)->number == 9,
	    "read again");
	check(keyring_clock(r, n.now - 1000) == n.now + 5,
	    "and its time holds against a clock set back");
	free(list.text);
	keyring_free(r);
	keyring_free(again);
	network_fini(&n);
}

/* What was learned in handshakes and from events outlives a new reading. */
static void
test_inherit(void)
{
	struct network n;
	struct keyring *r, *again;
	struct buf chain = { 0 };
	const struct cert *leaf;
	struct key *by;
	struct crl_entry entry = { .at = 1 };
	struct crl list = { .number = 1, .entry = &entry, .entries = 1 };
	const char *why;

	populate(&n);
	folder_read(network_path(&n, "certs/", "area/flat12", ".cert"),
	    CERT_MAX, &chain, &why);
	by = network_key(&n, "area/ca");
	remove(network_path(&n, "certs/", "area/flat12", ".cert"));
	remove(network_path(&n, "certs/", "area/ca", ".cert"));
	r = open_ring(&n);
	keyring_add_chain(r, chain.p, chain.len, &leaf, &why);
	again = open_ring(&n);
	keyring_inherit(again, r);
	check(keyring_judge(again, leaf, n.now) == KEYRING_VALID,
	    "an issuer that a chain brought");
	keyring_free(again);
	memcpy(entry.serial, leaf->serial, sizeof(entry.serial));
	list.issued = n.now;
	list.next = n.now + NETWORK_DAY;
	crl_sign(&list, by, &why);
	keyring_add_crl(r, list.text, list.len, &why);
	again = open_ring(&n);
	keyring_inherit(again, r);
	check(keyring_judge(again, leaf, n.now) == KEYRING_REVOKED,
	    "and its list");
	keyring_free(again);
	free(list.text);
	key_free(by);
	keyring_free(r);
	buf_fini(&chain);
	network_fini(&n);
}

static int
is_subject(const void *subject, const struct cert *c)
{
	return strcmp(c->subject, subject) == 0;
}

static void
test_forget(void)
{
	static const char *const ended[] = { "a", "b", "c/ca" };
	struct network n;
	struct keyring *r;

	populate(&n);
	for (size_t i = 0; i < 3; i++)
		network_issue(&n,
		    &(struct network_wish){ .subject = ended[i],
			.role = i == 2 ? CERT_ISSUER : CERT_ACTOR,
			.nbf = n.now - 3 * NETWORK_DAY,
			.exp = n.now - 2 * NETWORK_DAY });
	network_issue(&n,
	    &(struct network_wish){
		.subject = "d", .nbf = n.now - 90, .exp = n.now - 60 });
	r = open_ring(&n);
	keyring_forget(r, n.now, is_subject, "b");
	check(!keyring_subject(r, "a"), "ended long ago");
	check(keyring_subject(r, "b") != NULL, "held by somebody");
	check(keyring_subject(r, "c/ca") != NULL, "an issuer");
	check(keyring_subject(r, "d") != NULL, "just ended");
	check(keyring_subject(r, "gateway") && keyring_subject(r, "root"),
	    "valid");
	keyring_forget(r, n.now, is_subject, "");
	check(!keyring_subject(r, "b"), "not held any more");
	check(keyring_subject(r, "area/flat12") != NULL, "others stay");
	keyring_free(r);
	network_fini(&n);
}

static void
test_end(void)
{
	struct network n;
	struct keyring *r;
	struct key *other = key_new("other");
	const struct cert *c;
	struct cert *alien;

	populate(&n);
	network_issue(&n,
	    &(struct network_wish){ .subject = "short/ca",
		.role = CERT_ISSUER,
		.scope = { "#" },
		.subjects = { "#" },
		.exp = n.now + 10 });
	network_issue(
	    &n, &(struct network_wish){ .subject = "y", .issuer = "short/ca" });
	/* The root's key in another's name says nothing of the root. */
	network_issue(&n,
	    &(struct network_wish){
		.subject = "z", .key = n.root, .gen = 9, .exp = n.now + 5 });
	r = open_ring(&n);
	c = keyring_subject(r, "gateway");
	check(keyring_end(r, c) == c->exp, "its own end");
	check(keyring_end(r, keyring_subject(r, "y")) == n.now + 10,
	    "its issuer's, which is sooner");
	check(keyring_end(r, keyring_subject(r, "root")) ==
		keyring_subject(r, "root")->exp,
	    "a root's");
	alien = network_make(
	    &n, &(struct network_wish){ .subject = "x" }, other, other);
	check(keyring_end(r, alien) == 0, "of nobody known");
	cert_free(alien);
	key_free(other);
	keyring_free(r);
	network_fini(&n);
}

static void
test_clock(void)
{
	struct network n;
	struct keyring *r;
	const struct cert *c;

	populate(&n);
	put_list(&n, "area/ca", NULL, 0, 1, n.now + 100 * NETWORK_DAY);
	r = open_ring(&n);
	check(keyring_clock(r, n.now) == n.now,
	    "an issuer below the root tells no time");
	keyring_told(r, n.now + 100);
	keyring_told(r, n.now + 50);
	check(keyring_clock(r, n.now) == n.now + 100, "it never goes back");
	check(keyring_clock(r, n.now + 200) == n.now + 200, "it goes on");
	c = keyring_subject(r, "gateway");
	keyring_told(r, c->exp + 1);
	check(keyring_judge(r, c, keyring_clock(r, c->nbf)) == KEYRING_EXPIRED,
	    "a clock set back revives no certificate");
	keyring_free(r);
	network_fini(&n);
}

/* The folder itself. */

static void
put(const struct network *n, const char *name, const char *text)
{
	struct buf b = { 0 };

	buf_adds(&b, text);
	network_write(n, name, "", "", &b);
	buf_fini(&b);
}

static void
no_root(struct network *n)
{
	remove(network_path(n, "root.cert", "", ""));
}

static void
empty_root(struct network *n)
{
	put(n, "root.cert", "");
}

static void
second_root_bad(struct network *n)
{
	const char *path = network_path(n, "root.cert", "", ""), *why;
	struct buf text = { 0 };

	folder_read(path, CERT_MAX, &text, &why);
	buf_adds(&text, "{}\n");
	network_write(n, "root.cert", "", "", &text);
	buf_fini(&text);
}

static void
actor_as_root(struct network *n)
{
	struct cert *c = network_cert(n, "gateway");

	put(n, "root.cert", c->text);
	cert_free(c);
}

static void
root_not_by_itself(struct network *n)
{
	struct key *other = key_new("x"), *by = key_new("x");
	struct cert *c;

	memcpy(by->public.kid, other->public.kid, sizeof(by->public.kid));
	c = network_make(n, &everything, other, by);
	put(n, "root.cert", c->text);
	cert_free(c);
	key_free(other);
	key_free(by);
}

static void
root_link(struct network *n)
{
	char to[PATH_MAX];

	snprintf(
	    to, sizeof(to), "%s.real", network_path(n, "root.cert", "", ""));
	if (rename(network_path(n, "root.cert", "", ""), to) < 0 ||
	    symlink(to, network_path(n, "root.cert", "", "")) < 0)
		network_die(to, strerror(errno));
}

static void
root_fifo(struct network *n)
{
	no_root(n);
	mkfifo(network_path(n, "root.cert", "", ""), 0600);
}

static void
root_directory(struct network *n)
{
	no_root(n);
	mkdir(network_path(n, "root.cert", "", ""), 0755);
}

static void
root_group_writable(struct network *n)
{
	chmod(network_path(n, "root.cert", "", ""), 0664);
}

static void
folder_writable(struct network *n)
{
	chmod(n->dir, 0777);
}

static void
folder_sticky(struct network *n)
{
	chmod(n->dir, 01777);
}

static void
certs_writable(struct network *n)
{
	chmod(network_path(n, "certs", "", ""), 0775);
}

static void
area_writable(struct network *n)
{
	chmod(network_path(n, "certs/area", "", ""), 0757);
}

static void
cert_writable(struct network *n)
{
	chmod(network_path(n, "certs/gateway.cert", "", ""), 0666);
}

static void
cert_of_another(struct network *n)
{
	if (rename(network_path(n, "certs/gateway.cert", "", ""),
		network_path(n, "certs/root.cert", "", "")) < 0)
		network_die(n->dir, strerror(errno));
}

static void
cert_bad(struct network *n)
{
	struct cert *c = network_cert(n, "gateway");
	struct buf text = { 0 };

	buf_addf(&text, "%s\n{}\n", c->text);
	network_write(n, "certs/", "gateway", ".cert", &text);
	buf_fini(&text);
	cert_free(c);
}

static void
list_of_another(struct network *n)
{
	put_list(n, NULL, NULL, 0, 1, n->now);
	if (rename(network_path(n, "crl/", n->root->public.kid, ".crl"),
		network_path(n, "crl/x.crl", "", "")) < 0)
		network_die(n->dir, strerror(errno));
}

static void
list_bad(struct network *n)
{
	put(n, "crl/x.crl", "{}\n");
}

static void
psk_readable(struct network *n)
{
	put(n, "psk", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
}

static void
psk_short(struct network *n)
{
	put(n, "psk", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
	chmod(network_path(n, "psk", "", ""), 0600);
}

static void
foreign_owner(struct network *n)
{
	if (chown(network_path(n, "root.cert", "", ""), 65534, 65534) < 0)
		network_die(n->dir, strerror(errno));
}

static const struct {
	const char *about;
	void (*spoil)(struct network *n);
	const char *file, *why; /* how they begin, behind the folder */
	int only_as_root;
} folders[] = {
	{ "no root", no_root, "/root.cert: ", "No such file" },
	{ "an empty root", empty_root, "/root.cert:1: ", "empty" },
	{ "a bad second root", second_root_bad,
	    "/root.cert:2: ", "enc: missing" },
	{ "an actor as root", actor_as_root, "/root.cert:1: ", "not a root" },
	{ "a root that another signed", root_not_by_itself,
	    "/root.cert:1: ", "the certificate's signature is not its own" },
	{ "a link", root_link, "/root.cert: ", "symbolic link" },
	{ "a pipe", root_fifo, "/root.cert: ", "not a regular file" },
	{ "a directory", root_directory, "/root.cert: ", "not a regular file" },
	{ "a file for the group", root_group_writable,
	    "/root.cert: ", "can be written by others" },
	{ "a file of another user", foreign_owner,
	    "/root.cert: ", "belongs to another user", 1 },
	{ "a folder for all", folder_writable, ": ",
	    "can be written by others" },
	{ "a sticky folder for all", folder_sticky, ": ",
	    "can be written by others" },
	{ "a folder for the group", certs_writable,
	    "/certs: ", "can be written by others" },
	{ "a deeper folder for all", area_writable,
	    "/certs/area: ", "can be written by others" },
	{ "a certificate for all", cert_writable,
	    "/certs/gateway.cert: ", "can be written by others" },
	{ "a certificate under another name", cert_of_another,
	    "/certs/root.cert:1: ", "the certificate is of gateway" },
	{ "a bad certificate", cert_bad,
	    "/certs/gateway.cert:2: ", "enc: missing" },
	{ "a list under another name", list_of_another,
	    "/crl/x.crl:1: ", "the list is of " },
	{ "a bad list", list_bad, "/crl/x.crl:1: ", "iat: missing" },
	{ "a psk for all", psk_readable, "/psk: ", "can be read by others" },
	{ "a short psk", psk_short, "/psk: ", "not 32 bytes in base64url" },
};

static void
test_folders(void)
{
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		struct network n;
		struct keyring *r;
		const char *why = "";
		char want[PATH_MAX];

		if (folders[i].only_as_root && geteuid() != 0)
			continue;
		populate(&n);
		folders[i].spoil(&n);
		snprintf(want, sizeof(want), "%s%s%s", n.dir, folders[i].file,
		    folders[i].why);
		r = keyring_open(n.dir, &why);
		check(!r && strncmp(why, want, strlen(want)) == 0, "%s: %s",
		    folders[i].about, r ? "opened" : why);
		keyring_free(r);
		network_fini(&n);
	}
}

static void
test_folder_extras(void)
{
	static const unsigned char psk[32] = { 1 };
	struct network n;
	struct keyring *r;
	const char *why = "";

	populate(&n);
	put(&n, "certs/gateway.cert.123.new", "half a cert");
	put(&n, "certs/README", "certificates");
	put(&n, "psk", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
	chmod(network_path(&n, "psk", "", ""), 0600);
	r = keyring_open(n.dir, &why);
	check(r && keyring_psk(r) && memcmp(keyring_psk(r), psk, 32) == 0,
	    "a psk, and files that are no certificates: %s", why);
	keyring_free(r);
	network_fini(&n);
	check(!keyring_open("/proc/nonexistent", &why) &&
		strcmp(why, "/proc/nonexistent: No such file or directory") ==
		    0,
	    "no folder: %s", why);
}

/* Which folder is the network's. */
static void
test_default(void)
{
	struct network n;
	char dir[PATH_MAX];

	network_init(&n);
	mkdir(network_path(&n, "sg", "", ""), 0755);
	unsetenv("SG_TRUST");
	setenv("XDG_CONFIG_HOME", n.dir, 1);
	setenv("HOME", n.dir, 1);
	check(keyring_default(NULL, dir, sizeof(dir)) < 0 ||
		strcmp(dir, "/etc/sg") == 0,
	    "no root.cert in any");
	put(&n, ".config/sg/root.cert", "");
	check(keyring_default(NULL, dir, sizeof(dir)) == 0 &&
		strcmp(dir, network_path(&n, ".config/sg", "", "")) == 0,
	    "below the home: %s", dir);
	put(&n, "sg/root.cert", "");
	check(keyring_default("", dir, sizeof(dir)) == 0 &&
		strcmp(dir, network_path(&n, "sg", "", "")) == 0,
	    "below the configuration: %s", dir);
	setenv("SG_TRUST", "/from/variable", 1);
	check(keyring_default(NULL, dir, sizeof(dir)) == 0 &&
		strcmp(dir, "/from/variable") == 0,
	    "the variable: %s", dir);
	check(keyring_default("/given", dir, sizeof(dir)) == 0 &&
		strcmp(dir, "/given") == 0,
	    "the option: %s", dir);
	check(keyring_default("/given", dir, 6) < 0, "no room");
	unsetenv("SG_TRUST");
	network_fini(&n);
}

int
main(void)
{
	struct network n;

	populate(&n);
	test_chains(&n);
	test_same_again(&n);
	test_many(&n);
	network_fini(&n);
	test_finding();
	test_judging();
	test_renewed_issuer();
	test_refresh();
	test_forged_lists();
	test_waiting();
	test_keeping();
	test_inherit();
	test_forget();
	test_end();
	test_clock();
	test_folders();
	test_folder_extras();
	test_default();
	return check_done();
}
