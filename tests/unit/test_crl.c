#include <string.h>

#include "check.h"
#include "network.h"

#define S0 "00000000000000000000000000000000"
#define S1 "11111111111111111111111111111111"
#define S2 "22222222222222222222222222222222"
#define K1 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define K2 "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define HEAD "\"iat\":1000,\"iss\":\"" K1 "\",\"num\":1,\"nxt\":2000,"
#define TAIL ",\"sig\":\"x\",\"typ\":\"sg-crl\"}"

static const struct {
	const char *in, *why; /* NULL: it is a list */
} parsing[] = {
	{ "{" HEAD "\"rev\":[]" TAIL, NULL },
	{ "{" HEAD "\"rev\":[[\"" S0 "\",5,\"lost\"],[\"" S1 "\",6]]" TAIL,
	    NULL },
	{ "{\"all_before\":[[\"" K1 "\",7]]," HEAD "\"rev\":[]" TAIL, NULL },
	{ "{\"also\":1," HEAD "\"rev\":[]" TAIL, NULL },
	{ "{\"also\":1,\"crit\":[\"also\"]," HEAD "\"rev\":[]" TAIL,
	    "crit: names also, which is not known" },
	{ "{ " HEAD "\"rev\":[]" TAIL, "not in canonical form (RFC 8785)" },
	{ "{" HEAD "\"rev\":[]" TAIL "\n", "not in canonical form (RFC 8785)" },
	{ "{" HEAD "\"rev\":[],\"rev\":[]" TAIL, "duplicate member name" },
	{ "[]", "not an object" },
	{ "", "ends too early" },
	{ "{" HEAD "\"rev\":[],\"sig\":\"x\",\"typ\":\"sg-cert\"}",
	    "typ: not sg-crl" },
	{ "{" HEAD "\"rev\":[],\"typ\":\"sg-crl\"}", "sig: missing" },
	{ "{" HEAD "\"sig\":\"x\",\"typ\":\"sg-crl\"}", "rev: missing" },
	{ "{\"iat\":1000,\"iss\":\"" K1
	  "\",\"num\":0,\"nxt\":2000,\"rev\":[]" TAIL,
	    "num: not from 1 on" },
	{ "{\"iat\":1000,\"iss\":\"" K1
	  "\",\"num\":-1,\"nxt\":2000,\"rev\":[]" TAIL,
	    "num: not a whole number from 0 on" },
	{ "{\"iat\":1000,\"iss\":\"" K1
	  "\",\"num\":1,\"nxt\":999,\"rev\":[]" TAIL,
	    "nxt: before iat" },
	{ "{\"iat\":1000,\"iss\":\"me\",\"num\":1,\"nxt\":2000,\"rev\":[]" TAIL,
	    "iss: not a key's id (43 characters of base64url)" },
	{ "{" HEAD "\"rev\":{}" TAIL, "rev: not an array" },
	{ "{" HEAD "\"rev\":[{}]" TAIL, "rev: not [serial,time,reason]" },
	{ "{" HEAD "\"rev\":[[]]" TAIL, "rev: not [serial,time,reason]" },
	{ "{" HEAD "\"rev\":[[\"" S0 "\"]]" TAIL,
	    "rev: not [serial,time,reason]" },
	{ "{" HEAD "\"rev\":[[\"" S0 "\",5,\"\",1]]" TAIL,
	    "rev: not [serial,time,reason]" },
	{ "{" HEAD "\"rev\":[[\"0\",5]]" TAIL, "rev: not 32 hex digits" },
	{ "{" HEAD "\"rev\":[[5,5]]" TAIL, "rev: not 32 hex digits" },
	{ "{" HEAD "\"rev\":[[\"" S0 "\",\"5\"]]" TAIL,
	    "rev: not a whole number from 0 on" },
	{ "{" HEAD "\"rev\":[[\"" S0 "\",5,6]]" TAIL,
	    "rev: reason: not a string" },
	{ "{" HEAD "\"rev\":[[\"" S0 "\",5,\"" S0 S0 "\"]]" TAIL,
	    "rev: reason: longer than 63 bytes" },
	{ "{" HEAD "\"rev\":[[\"" S1 "\",5],[\"" S0 "\",5]]" TAIL,
	    "rev: serials not in order, each once" },
	{ "{" HEAD "\"rev\":[[\"" S0 "\",5],[\"" S0 "\",6]]" TAIL,
	    "rev: serials not in order, each once" },
	{ "{\"all_before\":{}," HEAD "\"rev\":[]" TAIL,
	    "all_before: not an array" },
	{ "{\"all_before\":[[\"" K1 "\"]]," HEAD "\"rev\":[]" TAIL,
	    "all_before: not [kid,time]" },
	{ "{\"all_before\":[[\"" K1 "\",1,2]]," HEAD "\"rev\":[]" TAIL,
	    "all_before: not [kid,time]" },
	{ "{\"all_before\":[[\"me\",1]]," HEAD "\"rev\":[]" TAIL,
	    "all_before: not a key's id (43 characters of base64url)" },
	{ "{\"all_before\":[[\"" K1 "\",-1]]," HEAD "\"rev\":[]" TAIL,
	    "all_before: not a whole number from 0 on" },
};

static void
test_parsing(void)
{
	for (size_t i = 0; i < sizeof(parsing) / sizeof(*parsing); i++) {
		const char *in = parsing[i].in, *why = NULL;
		struct crl *c = crl_parse(in, strlen(in), &why);

		check(!c == !!parsing[i].why &&
			(c || strcmp(why, parsing[i].why) == 0),
		    "%s: %s", in, c ? "accepted" : why);
		crl_free(c);
	}
}

/* A list in memory that crl_free() may have. */
static struct crl *
make_list(const struct crl_entry *entry, size_t entries,
    const struct crl_before *before, size_t befores)
{
	struct crl *c = xcalloc(1, sizeof(*c));

	c->number = 7;
	c->issued = 1000;
	c->next = 2000;
	c->entries = entries;
	c->befores = befores;
	if (entries > 0) {
		c->entry = xcalloc(entries, sizeof(*entry));
		memcpy(c->entry, entry, entries * sizeof(*entry));
	}
	if (befores > 0) {
		c->before = xcalloc(befores, sizeof(*before));
		memcpy(c->before, before, befores * sizeof(*before));
	}
	return c;
}

static void
test_signing(const struct network *n)
{
	static const struct crl_entry entry[] = { { S2, 30, "lost" },
		{ S0, 10, "" }, { S1, 20, "a \"name\"\n" } };
	static const struct crl_before before[] = { { K2, 5 }, { K1, 6 } };
	struct crl *c = make_list(entry, 3, before, 2), *got;
	const char *why = "";

	check(crl_sign(c, n->root, &why) == 0, "signed: %s", why);
	got = crl_parse(c->text, c->len, &why);
	check(got != NULL, "parsed: %s", why);
	check(got->number == 7 && got->issued == 1000 && got->next == 2000 &&
		got->entries == 3 && got->befores == 2,
	    "the numbers come back");
	check(strcmp(got->issuer, n->root->public.kid) == 0, "the issuer");
	for (size_t i = 0; i < 3; i++) {
		const struct crl_entry *e = &entry[(i + 1) % 3];

		check(strcmp(got->entry[i].serial, e->serial) == 0 &&
			got->entry[i].at == e->at &&
			strcmp(got->entry[i].why, e->why) == 0,
		    "entry %zu in its place", i);
	}
	crl_free(got);
	crl_free(c);
	c = make_list(entry, 0, NULL, 0);
	check(crl_sign(c, n->root, &why) == 0, "an empty list: %s", why);
	crl_free(c);
	c = make_list(
	    (const struct crl_entry[]){ entry[0], entry[0] }, 2, NULL, 0);
	check(crl_sign(c, n->root, &why) < 0, "one serial twice");
	crl_free(c);
}

/* 15,000 revocations fit, and travel inside an event of 1 MiB. */
static void
test_long_list(const struct network *n)
{
	enum { MANY = 15000 };
	struct crl *c = make_list(NULL, 0, NULL, 0);
	struct cert holder = { .nbf = 1 };
	const char *why = "";

	c->entries = MANY;
	c->entry = xcalloc(MANY, sizeof(*c->entry));
	for (int i = 0; i < MANY; i++) {
		snprintf(c->entry[i].serial, sizeof(c->entry[i].serial),
		    "%032d", MANY - i);
		c->entry[i].at = 1700000000 + i;
	}
	check(crl_sign(c, n->root, &why) == 0, "many: %s", why);
	memcpy(holder.issuer, c->issuer, sizeof(holder.issuer));
	for (int i = 0; i < MANY; i++) {
		snprintf(
		    holder.serial, sizeof(holder.serial), "%032d", MANY - i);
		check(crl_revoked(c, &holder) == 1700000000 + i,
		    "the time of number %d", i);
	}
	crl_free(c);
}

static void
test_altered(const struct network *n)
{
	static const struct crl_entry entry = { S0, 10, "lost" };
	struct network_wish wish = { .subject = "root", .role = CERT_ISSUER };
	struct cert *root = network_make(n, &wish, n->root, n->root);
	struct crl *c = make_list(&entry, 1, NULL, 0), *got;
	int accepted = 0;
	const char *why;

	crl_sign(c, n->root, &why);
	check(crl_signed(c, root), "signed");
	for (size_t i = 0; i < c->len; i++) {
		char *text = xstrdup(c->text);

		text[i] ^= 1;
		got = crl_parse(text, c->len, &why);
		accepted += got && crl_signed(got, root);
		crl_free(got);
		free(text);
	}
	check(accepted == 0, "%d alterations accepted", accepted);
	root->role = CERT_ACTOR;
	check(!crl_signed(c, root), "an actor signs no lists");
	crl_free(c);
	cert_free(root);
}

/* One key signs for another, and one kind for another. */
static void
test_wrong_signature(const struct network *n)
{
	struct network_wish wish = { .subject = "root", .role = CERT_ISSUER };
	struct cert *root = network_make(n, &wish, n->root, n->root), *c;
	struct key *other = key_new("other");
	struct crl *list = make_list(NULL, 0, NULL, 0), as_list = { 0 };
	const char *why;

	crl_sign(list, other, &why);
	check(!crl_signed(list, root), "another's list");
	memcpy(list->issuer, n->root->public.kid, sizeof(list->issuer));
	check(!crl_signed(list, root), "another's, in the root's name");
	c = network_make(n, &wish, n->root, n->root);
	as_list.text = c->text;
	as_list.len = c->len;
	memcpy(as_list.issuer, c->issuer, sizeof(as_list.issuer));
	check(!crl_signed(&as_list, root), "a certificate is no list");
	crl_free(list);
	cert_free(c);
	cert_free(root);
	key_free(other);
}

static const struct {
	const char *serial, *kid, *issuer;
	int64_t nbf, want;
} revoked[] = {
	{ S0, K2, NULL, 100, 10 },
	{ S1, K2, NULL, 100, 1 }, /* at 0 still counts as revoked */
	{ S2, K2, NULL, 100, 0 },
	{ S0, K2, K1, 100, 0 }, /* another issuer's serial */
	{ S2, K1, NULL, 49, 50 }, { S2, K1, NULL, 50, 0 },
	{ S2, K1, K2, 49, 0 }, { S0, K1, NULL, 49, 10 }, /* both: the earlier */
};

static void
test_revoked(const struct network *n)
{
	static const struct crl_entry entry[] = { { S0, 10, "" },
		{ S1, 0, "" } };
	static const struct crl_before before = { K1, 50 };
	struct crl *c = make_list(entry, 2, &before, 1);
	const char *why;

	crl_sign(c, n->root, &why);
	for (size_t i = 0; i < sizeof(revoked) / sizeof(*revoked); i++) {
		struct cert holder = { .nbf = revoked[i].nbf };
		int64_t got;

		memcpy(holder.serial, revoked[i].serial, CERT_SERIAL);
		memcpy(holder.key.kid, revoked[i].kid, KEY_ID);
		memcpy(holder.issuer,
		    revoked[i].issuer ? revoked[i].issuer : c->issuer, KEY_ID);
		got = crl_revoked(c, &holder);
		check(got == revoked[i].want, "case %zu: %lld", i,
		    (long long)got);
	}
	crl_free(c);
}

int
main(void)
{
	struct network n;

	network_init(&n);
	test_parsing();
	test_signing(&n);
	test_long_list(&n);
	test_altered(&n);
	test_wrong_signature(&n);
	test_revoked(&n);
	network_fini(&n);
	return check_done();
}
