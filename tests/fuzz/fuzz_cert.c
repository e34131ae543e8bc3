/*
 * Certificates from outside.  What parses survives being issued again; no
 * alteration of a genuine chain is accepted; what a root has really signed is
 * accepted only within the rules.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/network.h"
#include "trust/document.h"
#include "trust/keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct network network;
static struct keyring *ring;
static struct buf genuine;

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
open_ring(void)
{
	const char *why;

	keyring_free(ring);
	ring = keyring_open(network.dir, &why);
	require(ring != NULL);
}

static void
remove_network(void)
{
	network_fini(&network);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct network_wish issuer = {
		.subject = "area/ca",
		.role = CERT_ISSUER,
		.scope = { "A/#" },
		.subjects = { "area/#" },
	};
	struct network_wish leaf = { .subject = "area/flat",
		.pub = { "A/flat/#" },
		.via = { "area/flat/+" } };
	const char *why;
	struct key *by, *key = key_new("x");
	struct cert *c;

	(void)argc;
	(void)argv;
	network_init(&network);
	atexit(remove_network);
	network_issue(&network, &issuer);
	by = network_key(&network, "area/ca");
	c = network_make(&network, &leaf, key, by);
	buf_add(&genuine, c->text, c->len);
	buf_addc(&genuine, '\n');
	require(
	    folder_read(network_path(&network, "certs/", "area/ca", ".cert"),
		CERT_MAX, &genuine, &why) == 0);
	cert_free(c);
	key_free(by);
	key_free(key);
	open_ring();
	return 0;
}

static int
same_set(const struct topic_set *a, const struct topic_set *b)
{
	int same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->filter[i], b->filter[i]) == 0;
	return same;
}

static int
same_rights(const struct cert *a, const struct cert *b)
{
	const struct cert_rights *x = &a->rights, *y = &b->rights;

	return same_set(&x->pub, &y->pub) && same_set(&x->subs, &y->subs) &&
	    same_set(&x->call, &y->call) && same_set(&x->serve, &y->serve) &&
	    same_set(&x->deny, &y->deny) && same_set(&x->via, &y->via);
}

static int
same_cert(const struct cert *a, const struct cert *b)
{
	int same = a->role == b->role && a->nbf == b->nbf && a->exp == b->exp &&
	    a->gen == b->gen && a->names == b->names &&
	    a->has_ca == b->has_ca && a->ca.depth == b->ca.depth &&
	    a->ca.max_life == b->ca.max_life;

	for (size_t i = 0; same && i < a->names; i++)
		same = strcmp(a->name[i], b->name[i]) == 0;
	return same && strcmp(a->subject, b->subject) == 0 &&
	    memcmp(&a->key, &b->key, sizeof(a->key)) == 0 &&
	    memcmp(&a->limits, &b->limits, sizeof(a->limits)) == 0 &&
	    same_rights(a, b) && same_set(&a->ca.scope, &b->ca.scope) &&
	    same_set(&a->ca.subjects, &b->ca.subjects) &&
	    same_set(&a->ca.brokers, &b->ca.brokers);
}

/* As text. */
static void
parse(const char *p, size_t n)
{
	const struct cert *leaf;
	struct cert *c, *again;
	const char *why = NULL;

	require(keyring_add_chain(ring, p, n, &leaf, &why) < 0 && why);
	c = cert_parse(p, n, &why);
	if (!c) {
		require(why && *why);
		return;
	}
	require(c->len == n && memcmp(c->text, p, n) == 0);
	again = cert_parse(p, n, &why);
	require(again && same_cert(c, again));
	/* A real signature may be too much for a full certificate. */
	if (cert_issue(again, network.root, &why) == 0)
		require(same_cert(c, again));
	else
		require(strcmp(why, "longer than 4096 bytes") == 0);
	cert_free(again);
	cert_free(c);
}

/* As alterations of a genuine chain, three bytes each. */
static void
alter(const uint8_t *data, size_t size)
{
	struct buf text = { 0 };
	const struct cert *leaf;
	const char *why;
	int changed;

	buf_add(&text, genuine.p, genuine.len);
	for (; size >= 3; data += 3, size -= 3) {
		size_t at = (size_t)data[0] << 8 | data[1];

		text.p[at % text.len] = (char)data[2];
	}
	changed = memcmp(text.p, genuine.p, text.len) != 0;
	require((keyring_add_chain(ring, text.p, text.len, &leaf, &why) < 0) ==
	    changed);
	buf_fini(&text);
}

/* As what a root has been made to sign; "?" stands for its id. */
static void
sign(const char *p, size_t n)
{
	static const char mark[] = "\"iss\":\"?\"";
	const char *at = memmem(p, n, mark, strlen(mark));
	struct buf json = { 0 }, text = { 0 };
	const struct cert *leaf;
	const char *why;

	if (at) {
		buf_add(&json, p, (size_t)(at - p));
		buf_addf(&json, "\"iss\":\"%s\"", network.root->public.kid);
		n -= (size_t)(at - p) + strlen(mark);
		p = at + strlen(mark);
	}
	buf_add(&json, p, n);
	if (!document_sign(&json, network.root, "sg-cert", &text) &&
	    keyring_add_chain(ring, text.p, text.len, &leaf, &why) == 0) {
		require(!cert_is_root(leaf));
		require(strcmp(leaf->issuer, network.root->public.kid) == 0);
		require(cert_allowed(
		    leaf, keyring_find(ring, network.root->public.kid), &why));
		open_ring();
	}
	buf_fini(&json);
	buf_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0: parse(text, size - 1); break;
	case 1: alter(data + 1, size - 1); break;
	default: sign(text, size - 1); break;
	}
	return 0;
}
