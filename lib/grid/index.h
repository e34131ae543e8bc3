/*
 * Strings to numbers, for the many names that a stream repeats.  All-zero is
 * the empty index.
 */
#ifndef SG_GRID_INDEX_H
#define SG_GRID_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct index_entry {
	const char *key; /* NULL is free */
	uint32_t n, hash, value;
};

struct index {
	struct index_entry *entry; /* open addressing */
	size_t n, mask;
};

#define INDEX_NONE UINT32_MAX

/* index_get(ix, key, n) - The value put with key[0..n), or INDEX_NONE. */
uint32_t index_get(const struct index *ix, const char *key, size_t n);

/*
 * index_put(ix, key, n, value) - key is borrowed until index_fini() and not
 * yet there.
 */
void index_put(struct index *ix, const char *key, size_t n, uint32_t value);

void index_fini(struct index *ix);

#endif
