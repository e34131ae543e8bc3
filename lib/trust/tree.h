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
 * tree_prove(leaf, n, i, out) - PATH(i, D[n]), i < n, to out[TREE_PROOF_MAX]:
 * number of hashes written.
 * tree_included(i, n, leaf, proof, hashes, root) - 1 if the proof is exact.
 * tree_consistent(m, n, proof, hashes, old, new) - 1 if the tree of the first
 * m leaves, m > 0, has the root old and that of n leaves the root new.
 */
size_t tree_prove(const unsigned char (*leaf)[TREE_HASH], size_t n, size_t i,
    unsigned char (*out)[TREE_HASH]);
int tree_included(uint64_t i, uint64_t n, const unsigned char leaf[TREE_HASH],
    const unsigned char (*proof)[TREE_HASH], size_t hashes,
    const unsigned char root[TREE_HASH]);
int
tree_consistent(uint64_t m, uint64_t n, const unsigned char (*proof)[TREE_HASH],
    size_t hashes, const unsigned char *old, const unsigned char *new);

/*
 * The same for a part, the leaves from start to below end, where start is a
 * multiple of the power of two that is not below end - start; other parts
 * have no root of their own and are refused.
 *
 * tree_part_included(start, end, i, leaf, proof, hashes, root) - 1 if leaf i
 * of the whole tree is in the part with that root.
 * tree_part_consistent(start, end, n, proof, hashes, part, root) - 1 if the
 * tree of n leaves has the root root, and its part the root part.
 */
int tree_part_included(uint64_t start, uint64_t end, uint64_t i,
    const unsigned char leaf[TREE_HASH],
    const unsigned char (*proof)[TREE_HASH], size_t hashes,
    const unsigned char root[TREE_HASH]);
int tree_part_consistent(uint64_t start, uint64_t end, uint64_t n,
    const unsigned char (*proof)[TREE_HASH], size_t hashes,
    const unsigned char *part, const unsigned char *root);

#endif
