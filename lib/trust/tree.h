/*
 * Merkle trees of RFC 9162, section 2.1, over SHA-256.
 */
#ifndef SG_TRUST_TREE_H
#define SG_TRUST_TREE_H

#include <stddef.h>
#include <stdint.h>

enum { TREE_HASH = 32, TREE_PROOF_MAX = 64 };

/* tree_leaf(p, n, out) - H(0x00 | p); tree_node(a, b, out) - H(1 | a | b). */
void tree_leaf(const void *p, size_t n, unsigned char out[TREE_HASH]);
void tree_node(const unsigned char *a, const unsigned char *b,
    unsigned char out[TREE_HASH]);

/* tree_root(leaf, n, out) - MTH of n leaf hashes (n may be 0). */
void tree_root(const unsigned char (*leaf)[TREE_HASH], size_t n,
    unsigned char out[TREE_HASH]);

/*
 * tree_prove(leaf, n, i, out) - PATH(i, D[n]): number of hashes written.
 * tree_included(i, n, leaf, proof, hashes, root) - 1 if the proof is exact.
 * tree_consistent(m, n, proof, hashes, old, new) - 1 if so.
 */
size_t tree_prove(const unsigned char (*leaf)[TREE_HASH], size_t n, size_t i,
    unsigned char (*out)[TREE_HASH]);
int tree_included(uint64_t i, uint64_t n, const unsigned char leaf[TREE_HASH],
    const unsigned char (*proof)[TREE_HASH], size_t hashes,
    const unsigned char root[TREE_HASH]);
int
tree_consistent(uint64_t m, uint64_t n, const unsigned char (*proof)[TREE_HASH],
    size_t hashes, const unsigned char *old, const unsigned char *new);

#endif
