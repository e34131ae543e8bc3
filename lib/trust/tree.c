#include "trust/tree.h"

#include <string.h>

#include "trust/sha256.h"

enum { LEAF = 0, NODE = 1 };

void
tree_leaf(const void *p, size_t n, unsigned char out[TREE_HASH])
{
	sha256_lead(LEAF, p, n, out);
}

void
tree_node(const unsigned char *a, const unsigned char *b,
    unsigned char out[TREE_HASH])
{
	unsigned char both[2 * TREE_HASH];

	memcpy(both, a, TREE_HASH);
	memcpy(both + TREE_HASH, b, TREE_HASH);
	sha256_lead(NODE, both, sizeof both, out);
}

/*
 * The roots of the complete trees so far, largest first, are the ones in the
 * binary form of the number of leaves; the last ones are folded into one.
 */
void
tree_root(const unsigned char (*leaf)[TREE_HASH], size_t n,
    unsigned char out[TREE_HASH])
{
	unsigned char stack[TREE_PROOF_MAX + 1][TREE_HASH];
	size_t top = 0;

	if (n == 0) {
		sha256("", 0, out);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		memcpy(stack[top++], leaf[i], TREE_HASH);
		for (size_t full = i; full & 1; full >>= 1, top--)
			tree_node(
			    stack[top - 2], stack[top - 1], stack[top - 2]);
	}
	for (; top > 1; top--)
		tree_node(stack[top - 2], stack[top - 1], stack[top - 2]);
	memcpy(out, stack[0], TREE_HASH);
}

/* The largest power of two below n > 1. */
static size_t
left_part(size_t n)
{
	size_t k = 1;

	while (k < n - k)
		k *= 2;
	return k;
}

size_t
tree_prove(const unsigned char (*leaf)[TREE_HASH], size_t n, size_t i,
    unsigned char (*out)[TREE_HASH])
{
	size_t hashes = 0;

	while (n > 1) {
		size_t k = left_part(n);

		if (i < k) {
			tree_root(leaf + k, n - k, out[hashes]);
			n = k;
		} else {
			tree_root(leaf, k, out[hashes]);
			leaf += k;
			i -= k;
			n -= k;
		}
		hashes++;
	}
	/* the path goes from the leaf to the root */
	for (size_t a = 0, b = hashes; a + 1 < b; a++, b--) {
		unsigned char swap[TREE_HASH];

		memcpy(swap, out[a], TREE_HASH);
		memcpy(out[a], out[b - 1], TREE_HASH);
		memcpy(out[b - 1], swap, TREE_HASH);
	}
	return hashes;
}

/* RFC 9162, section 2.1.3.2 */
int
tree_included(uint64_t i, uint64_t n, const unsigned char leaf[TREE_HASH],
    const unsigned char (*proof)[TREE_HASH], size_t hashes,
    const unsigned char root[TREE_HASH])
{
	unsigned char r[TREE_HASH];
	uint64_t last = n - 1;

	if (i >= n)
		return 0;
	memcpy(r, leaf, TREE_HASH);
	for (size_t k = 0; k < hashes; k++) {
		if (last == 0)
			return 0;
		if (i % 2 == 0 && i != last) {
			tree_node(r, proof[k], r);
		} else {
			tree_node(proof[k], r, r);
			for (; i % 2 == 0 && i != 0; i >>= 1)
				last >>= 1;
		}
		i >>= 1;
		last >>= 1;
	}
	return last == 0 && memcmp(r, root, TREE_HASH) == 0;
}

int
tree_consistent(uint64_t m, uint64_t n, const unsigned char (*proof)[TREE_HASH],
    size_t hashes, const unsigned char *old, const unsigned char *new)
{
	return m > 0 && tree_part_consistent(0, m, n, proof, hashes, old, new);
}

/* 1 if [start, end), not empty, is a node of a tree with n leaves or more. */
static int
is_part(uint64_t start, uint64_t end)
{
	uint64_t k = 1, n = end - start;

	while (k < n && k <= UINT64_MAX / 2)
		k *= 2;
	return k >= n && start % k == 0;
}

int
tree_part_included(uint64_t start, uint64_t end, uint64_t i,
    const unsigned char leaf[TREE_HASH],
    const unsigned char (*proof)[TREE_HASH], size_t hashes,
    const unsigned char root[TREE_HASH])
{
	return start <= i && i < end && is_part(start, end) &&
	    tree_included(i - start, end - start, leaf, proof, hashes, root);
}

/*
 * As RFC 9162, section 2.1.4.2, does for parts that begin at 0: both roots
 * are computed from the proof, the part's only as long as the path is inside
 * it, that is until first meets last.
 */
int
tree_part_consistent(uint64_t start, uint64_t end, uint64_t n,
    const unsigned char (*proof)[TREE_HASH], size_t hashes,
    const unsigned char *part, const unsigned char *root)
{
	unsigned char inner[TREE_HASH], outer[TREE_HASH];
	uint64_t first = start, last = end - 1, tree = n - 1;
	size_t k = 0;

	if (start > end || end > n)
		return 0;
	if (start == end) {
		tree_root(NULL, 0, inner);
		return hashes == 0 && memcmp(part, inner, TREE_HASH) == 0;
	}
	if (!is_part(start, end))
		return 0;
	while (first != last && (last % 2 == 1 || last == tree)) {
		first >>= 1;
		last >>= 1;
		tree >>= 1;
	}
	if (first != last && hashes == 0)
		return 0;
	memcpy(inner, first == last ? part : proof[k++], TREE_HASH);
	memcpy(outer, inner, TREE_HASH);
	for (; k < hashes; k++) {
		if (tree == 0)
			return 0;
		if (last % 2 == 0 && last != tree) {
			tree_node(outer, proof[k], outer);
		} else {
			if (first < last)
				tree_node(proof[k], inner, inner);
			tree_node(proof[k], outer, outer);
			for (; last % 2 == 0 && last != 0; last >>= 1) {
				first >>= 1;
				tree >>= 1;
			}
		}
		first >>= 1;
		last >>= 1;
		tree >>= 1;
	}
	return tree == 0 && memcmp(inner, part, TREE_HASH) == 0 &&
	    memcmp(outer, root, TREE_HASH) == 0;
}
