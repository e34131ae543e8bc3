/*
 * Revocation lists from outside.  What parses is the same again when it is
 * signed, and a list that is not signed, or altered, never counts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/network.h"
#include "trust/keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct network network;
static struct keyring *ring;
static struct crl *genuine;

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
remove_network(void)
{
	network_fini(&network);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct crl_entry entry[] = {
		{ "00000000000000000000000000000001", 5, "lost" },
		{ "00000000000000000000000000000002", 6, "" },
	};
	const char *why;

	(void)argc;
	(void)argv;
	network_init(&network);
	atexit(remove_network);
	ring = keyring_open(network.dir, &why);
	genuine = xcalloc(1, sizeof(*genuine));
	genuine->number = 1;
	genuine->entries = 2;
	genuine->entry = xcalloc(2, sizeof(*entry));
	memcpy(genuine->entry, entry, sizeof(entry));
	genuine->befores = 1;
	genuine->before = xcalloc(1, sizeof(*genuine->before));
	memcpy(genuine->before->kid, network.root->public.kid, KEY_ID);
	require(ring && crl_sign(genuine, network.root, &why) == 0);
	return 0;
}

static int
same_list(const struct crl *a, const struct crl *b)
{
	int same = a->number == b->number && a->issued == b->issued &&
	    a->next == b->next && a->entries == b->entries &&
	    a->befores == b->befores;

	for (size_t i = 0; same && i < a->entries; i++)
		same = strcmp(a->entry[i].serial, b->entry[i].serial) == 0 &&
		    strcmp(a->entry[i].why, b->entry[i].why) == 0 &&
		    a->entry[i].at == b->entry[i].at;
	for (size_t i = 0; same && i < a->befores; i++)
		same = strcmp(a->before[i].kid, b->before[i].kid) == 0 &&
		    a->before[i].at == b->before[i].at;
	return same;
}

/* Who is on the list is revoked by it, and nobody before that time. */
static void
check_effect(const struct crl *c)
{
	struct cert holder = { .nbf = INT64_MAX };

	memcpy(holder.issuer, c->issuer, sizeof(holder.issuer));
	require(crl_revoked(c, &holder) == 0);
	for (size_t i = 0; i < c->entries; i++) {
		int64_t at = c->entry[i].at;

		memcpy(
		    holder.serial, c->entry[i].serial, sizeof(holder.serial));
		require(crl_revoked(c, &holder) == (at > 0 ? at : 1));
	}
}

static void
parse(const char *p, size_t n)
{
	struct crl *c, *again;
	const char *why = NULL;

	require(keyring_add_crl(ring, p, n, &why) < 0 && why);
	c = crl_parse(p, n, &why);
	if (!c) {
		require(why && *why);
		return;
	}
	require(c->len == n && memcmp(c->text, p, n) == 0);
	again = crl_parse(p, n, &why);
	require(again && same_list(c, again));
	require(crl_sign(again, network.root, &why) == 0);
	require(same_list(c, again));
	check_effect(c);
	crl_free(again);
	crl_free(c);
}

static void
alter(const uint8_t *data, size_t size)
{
	char *text = xstrndup(genuine->text, genuine->len);
	const char *why;

	for (; size >= 3; data += 3, size -= 3) {
		size_t at = (size_t)data[0] << 8 | data[1];

		text[at % genuine->len] = (char)data[2];
	}
	if (memcmp(text, genuine->text, genuine->len) != 0)
		require(keyring_add_crl(ring, text, genuine->len, &why) < 0);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0)
		parse((const char *)data + 1, size - 1);
	else
		alter(data + 1, size - 1);
	return 0;
}
