/*
 * Seals and proofs say the same after they were written anew, and a proof
 * holds only for the leaf it was made for.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trust/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth)
{
	if (!truth)
		abort();
}

/* src needs no escapes once it is part of a topic. */
static void
scan_again(struct buf *line, struct event *e)
{
	const char *why;

	require(event_scan(e, buf_cstr(line), line->len, &why) == 0);
}

static void
check_seal(const struct event *e, const char *src)
{
	static struct batch_seal seal, again;
	struct buf line = { 0 };
	const char *why = NULL;
	struct event f;

	if (batch_seal_read(&seal, e, &why) < 0) {
		require(why != NULL);
		return;
	}
	require(seal.n >= 0 && seal.n <= BATCH_MAX && seal.first > 0);
	batch_seal_add(&line, &seal, src, 1);
	scan_again(&line, &f);
	require(batch_seal_read(&again, &f, &why) == 0);
	require(seal.ep == again.ep && seal.first == again.first &&
	    seal.n == again.n && seal.every == again.every);
	require(memcmp(seal.root, again.root, TREE_HASH) == 0);
	require(
	    seal.has_prev == again.has_prev && seal.has_hint == again.has_hint);
	require(
	    !seal.has_prev || memcmp(seal.prev, again.prev, TREE_HASH) == 0);
	require(!seal.has_hint ||
	    memcmp(seal.hint, again.hint, (size_t)seal.n * BATCH_HINT) == 0);
	buf_fini(&line);
}

static void
check_proof(const struct event *e, const char *src)
{
	static struct batch_proof proof, again;
	static const unsigned char leaf[TREE_HASH] = "no event has this hash";
	static struct batch_seal seal;
	struct buf line = { 0 };
	const char *why = NULL;
	struct event f;

	if (batch_proof_read(&proof, e, &why) < 0) {
		require(why != NULL);
		return;
	}
	batch_proof_add(&line, &proof, src, 1);
	scan_again(&line, &f);
	require(batch_proof_read(&again, &f, &why) == 0);
	require(proof.ep == again.ep && proof.seq == again.seq &&
	    proof.hashes == again.hashes && proof.seal_n == again.seal_n);
	require(memcmp(proof.path, again.path, proof.hashes * TREE_HASH) == 0);
	require(memcmp(proof.seal, again.seal, proof.seal_n) == 0);
	if (event_scan(&f, proof.seal, proof.seal_n, &why) == 0 &&
	    batch_seal_read(&seal, &f, &why) == 0 && proof.hashes > 0)
		require(!batch_proves(&proof, &seal, leaf));
	buf_fini(&line);
}

/* Of leaves made from the input, each is proven, and no other. */
static void
check_tree(const uint8_t *data, size_t size)
{
	static unsigned char leaf[BATCH_MAX][TREE_HASH];
	static struct batch_seal seal;
	static struct batch_proof proof;
	const unsigned char(*leaves)[TREE_HASH] =
	    (const unsigned char(*)[TREE_HASH])leaf;
	size_t n = size < 4 ? 1 : 1 + ((size_t)data[0] << 8 | data[1]) % 40;
	size_t i = size < 4 ? 0 : data[2] % n;

	for (size_t k = 0; k < n; k++) {
		memset(leaf[k], size > k ? data[k] : 0, TREE_HASH);
		leaf[k][0] = (unsigned char)k;
	}
	seal.ep = 3;
	seal.first = 5;
	batch_make(&seal, leaves, n);
	proof.ep = 3;
	proof.seq = 5 + (int64_t)i;
	proof.hashes = tree_prove(leaves, n, i, proof.path);
	require(batch_proves(&proof, &seal, leaf[i]));
	for (size_t k = 0; k < n; k++)
		require(k == i || !batch_proves(&proof, &seal, leaf[k]));
	proof.ep = 4;
	require(!batch_proves(&proof, &seal, leaf[i]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	struct buf src = { 0 };
	const char *why;
	struct event e;

	memcpy(copy, data, size);
	if (event_scan(&e, copy, size, &why) == 0) {
		event_string(&e, EVENT_SRC, &src);
		check_seal(&e, buf_cstr(&src));
		check_proof(&e, buf_cstr(&src));
	}
	check_tree(data, size);
	buf_fini(&src);
	free(copy);
	return 0;
}
