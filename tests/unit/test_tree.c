#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "event/json.h"
#include "trust/tree.h"

enum { LEAVES = 70 };

static unsigned char leaf[LEAVES][TREE_HASH];

/* MTH as RFC 9162, section 2.1.1, defines it. */
static void
defined_root(size_t from, size_t n, unsigned char *out)
{
	unsigned char a[TREE_HASH], b[TREE_HASH];
	size_t k = 1;

	if (n == 1) {
		memcpy(out, leaf[from], TREE_HASH);
		return;
	}
	while (2 * k < n)
		k *= 2;
	defined_root(from, k, a);
	defined_root(from + k, n - k, b);
	tree_node(a, b, out);
}

/* SUBPROOF, section 2.1.4.1. */
static size_t
defined_proof(
    size_t m, size_t from, size_t n, int whole, unsigned char (*out)[TREE_HASH])
{
	size_t k = 1, hashes;

	if (m == n) {
		if (whole)
			return 0;
		defined_root(from, n, out[0]);
		return 1;
	}
	while (2 * k < n)
		k *= 2;
	if (m <= k) {
		hashes = defined_proof(m, from, k, whole, out);
		defined_root(from + k, n - k, out[hashes]);
	} else {
		hashes = defined_proof(m - k, from + k, n - k, 0, out);
		defined_root(from, k, out[hashes]);
	}
	return hashes + 1;
}

static void
test_roots(void)
{
	unsigned char root[TREE_HASH], want[TREE_HASH];

	for (size_t n = 1; n <= LEAVES; n++) {
		tree_root(leaf, n, root);
		defined_root(0, n, want);
		check(memcmp(root, want, TREE_HASH) == 0, "root of %zu", n);
	}
}

/* Every leaf of every tree is in it, at its place, and nothing else is. */
static void
test_inclusion(void)
{
	unsigned char proof[TREE_PROOF_MAX][TREE_HASH], root[TREE_HASH];
	size_t hashes;

	for (size_t n = 1; n <= LEAVES; n++) {
		tree_root(leaf, n, root);
		for (size_t i = 0; i < n; i++) {
			hashes = tree_prove(leaf, n, i, proof);
			check(tree_included(i, n, leaf[i], proof, hashes, root),
			    "%zu of %zu is not included", i, n);
			check(!tree_included(i, n, leaf[(i + 1) % LEAVES],
				  proof, hashes, root),
			    "%zu of %zu: another leaf", i, n);
			check(!tree_included(
				  i, n, leaf[i], proof, hashes + 1, root),
			    "%zu of %zu: a hash more", i, n);
			check(hashes == 0 ||
				!tree_included(
				    i, n, leaf[i], proof, hashes - 1, root),
			    "%zu of %zu: a hash less", i, n);
			for (size_t k = 0; k < n; k++)
				check(k == i ||
					!tree_included(
					    k, n, leaf[i], proof, hashes, root),
				    "%zu of %zu: also at %zu", i, n, k);
			check(!tree_included(
				  n, n, leaf[i], proof, hashes, root) &&
				!tree_included(
				    i, 0, leaf[i], proof, hashes, root),
			    "%zu of %zu: beyond the end", i, n);
			for (size_t k = 0; k < hashes; k++) {
				proof[k][k % TREE_HASH] ^= 1;
				check(!tree_included(
					  i, n, leaf[i], proof, hashes, root),
				    "%zu of %zu: forged", i, n);
				proof[k][k % TREE_HASH] ^= 1;
			}
		}
	}
}

static void
test_consistency(void)
{
	unsigned char proof[TREE_PROOF_MAX][TREE_HASH];
	unsigned char old[TREE_HASH], new[TREE_HASH];
	size_t hashes;

	for (size_t n = 1; n <= LEAVES; n++) {
		tree_root(leaf, n, new);
		for (size_t m = 1; m <= n; m++) {
			tree_root(leaf, m, old);
			hashes = defined_proof(m, 0, n, 1, proof);
			check(tree_consistent(m, n, proof, hashes, old, new),
			    "%zu of %zu is not consistent", m, n);
			for (size_t k = 0; k <= n + 1; k++)
				check(k == m ||
					!tree_consistent(
					    k, n, proof, hashes, old, new),
				    "%zu of %zu: also %zu", m, n, k);
			check(
			    !tree_consistent(m, n, proof, hashes + 1, old, new),
			    "%zu of %zu: a hash more", m, n);
			check(m == n ||
				!tree_consistent(
				    m, n, proof, hashes - 1, old, new),
			    "%zu of %zu: a hash less", m, n);
			check(m == n ||
				!tree_consistent(m, n, proof, hashes, new, old),
			    "%zu of %zu: roots exchanged", m, n);
			for (size_t k = 0; k < hashes; k++) {
				proof[k][k % TREE_HASH] ^= 1;
				check(!tree_consistent(
					  m, n, proof, hashes, old, new),
				    "%zu of %zu: forged", m, n);
				proof[k][k % TREE_HASH] ^= 1;
			}
		}
	}
}

/* A proof as a vector has it; -1 if one of its hashes is of another length. */
static int
from_base64(const struct json_value *string, unsigned char *out)
{
	size_t n;

	return sodium_base642bin(out, TREE_HASH, string->p, string->n, NULL, &n,
		   NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
		n == TREE_HASH
	    ? 0
	    : -1;
}

static int
read_proof(const struct json_value *line, unsigned char (*proof)[TREE_HASH],
    size_t *hashes)
{
	struct json_value list, name, value;
	struct json_walk w;

	*hashes = 0;
	if (!json_get(line, "proof", &list) || list.kind != JSON_ARRAY)
		return 0;
	json_walk(&w, &list);
	while (json_next(&w, &name, &value))
		if (*hashes == TREE_PROOF_MAX ||
		    from_base64(&value, proof[(*hashes)++]) < 0)
			return -1;
	return 0;
}

/* 0, or -1 if it is no hash; out is then the hash of its text. */
static int
read_hash(const struct json_value *line, const char *name, unsigned char *out)
{
	struct json_value value;

	if (!json_get(line, name, &value))
		return -1;
	if (from_base64(&value, out) == 0)
		return 0;
	tree_leaf(value.p, value.n, out);
	return -1;
}

static uint64_t
read_number(const struct json_value *line, const char *name)
{
	struct json_value value;

	return json_get(line, name, &value) ? strtoull(value.p, NULL, 10) : 0;
}

/* What the vector's proof proves: 1, or 0. */
static int
decide(const struct json_value *line, const char *kind)
{
	unsigned char proof[TREE_PROOF_MAX][TREE_HASH];
	unsigned char a[TREE_HASH], b[TREE_HASH];
	uint64_t start = read_number(line, "start");
	uint64_t end = read_number(line, "end");
	size_t hashes;

	if (read_proof(line, proof, &hashes) < 0)
		return 0;
	/* roots that "do not matter" are words, which may be equal */
	if (strstr(kind, "consistency") != NULL) {
		read_hash(line, "root1", a);
		read_hash(line, "root2", b);
	} else if (read_hash(line, "leafHash", a) < 0 ||
	    read_hash(line, "root", b) < 0) {
		return 0;
	}
	if (strcmp(kind, "consistency") == 0)
		return tree_consistent(read_number(line, "size1"),
		    read_number(line, "size2"), proof, hashes, a, b);
	if (strcmp(kind, "subtreeconsistency") == 0)
		return tree_part_consistent(
		    start, end, read_number(line, "size"), proof, hashes, a, b);
	if (strcmp(kind, "subtreeinclusion") == 0)
		return tree_part_included(start, end,
		    read_number(line, "leafIdx"), a, proof, hashes, b);
	return tree_included(read_number(line, "leafIdx"),
	    read_number(line, "treeSize"), a, proof, hashes, b);
}

static void
test_root_vector(const struct json_value *line)
{
	unsigned char leaves[64][TREE_HASH], bytes[256], root[TREE_HASH];
	struct json_value list, name, value;
	struct json_walk w;
	char hex[2 * TREE_HASH + 1];
	size_t n = 0, len;

	json_get(line, "leaves", &list);
	json_walk(&w, &list);
	while (json_next(&w, &name, &value)) {
		sodium_hex2bin(
		    bytes, sizeof bytes, value.p, value.n, NULL, &len, NULL);
		tree_leaf(bytes, len, leaves[n++]);
	}
	tree_root((const unsigned char(*)[TREE_HASH])leaves, n, root);
	sodium_bin2hex(hex, sizeof hex, root, sizeof root);
	json_get(line, "root", &value);
	check(value.n == strlen(hex) && memcmp(hex, value.p, value.n) == 0,
	    "root of %zu leaves: %s", n, hex);
}

static void
test_vectors(void)
{
	const char *dir = getenv("SG_TEST_DATA"), *why;
	struct json_value line, value;
	char path[4096], kind[64], *text = NULL;
	size_t cap = 0;
	ssize_t n;
	int decided = 0, want;
	FILE *f;

	snprintf(path, sizeof path, "%s/vectors/merkle_rfc9162_vectors.jsonl",
	    dir != NULL ? dir : "../shared/data");
	f = fopen(path, "r");
	if (f == NULL) {
		printf("test_tree: no test data: %s not checked\n", path);
		return;
	}
	while ((n = getline(&text, &cap, f)) > 0) {
		check(json_check(text, (size_t)n, &why) == JSON_OBJECT,
		    "vector: %s", why);
		line = json_value(text, (size_t)n);
		json_get(&line, "kind", &value);
		snprintf(kind, sizeof kind, "%.*s", (int)value.n, value.p);
		if (strcmp(kind, "root") == 0) {
			test_root_vector(&line);
			continue;
		}
		want = json_get(&line, "wantErr", &value) &&
		    value.kind == JSON_FALSE;
		json_get(&line, "id", &value);
		check(decide(&line, kind) == want, "%.*s: %s", (int)value.n,
		    value.p, want ? "refused" : "accepted");
		decided++;
	}
	free(text);
	fclose(f);
	check(decided >= 250, "%d vectors only", decided);
}

int
main(void)
{
	for (size_t i = 0; i < LEAVES; i++)
		tree_leaf(&i, 1 + i % 3, leaf[i]);
	test_roots();
	test_inclusion();
	test_consistency();
	test_vectors();
	return check_done();
}
