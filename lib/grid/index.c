#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "grid/index.h"

static const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);

static uint32_t
hash(const char *p, size_t n)
{
	uint64_t h = n * odd, word;

	for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
		memcpy(&word, p, sizeof word);
		h = (h ^ word) * odd;
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, p, n);
	h = (h ^ word) * odd;
	return (uint32_t)(h ^ h >> 32);
}

static struct index_entry *
entry_find(const struct index *ix, const char *key, size_t n, uint32_t h)
{
	struct index_entry *e;

	for (size_t i = h & ix->mask;; i = (i + 1) & ix->mask) {
		e = &ix->entry[i];
		if (e->key == NULL ||
		    (e->hash == h && e->n == n && memcmp(e->key, key, n) == 0))
			return e;
	}
}

uint32_t
index_get(const struct index *ix, const char *key, size_t n)
{
	const struct index_entry *e;

	if (ix->entry == NULL)
		return INDEX_NONE;
	e = entry_find(ix, key, n, hash(key, n));
	return e->key == NULL ? INDEX_NONE : e->value;
}

static void
grow(struct index *ix)
{
	struct index old = *ix;
	size_t cap = old.entry == NULL ? 64 : (old.mask + 1) * 2;

	ix->entry = xcalloc(cap, sizeof *ix->entry);
	ix->mask = cap - 1;
	for (size_t i = 0; old.entry != NULL && i <= old.mask; i++) {
		const struct index_entry *e = &old.entry[i];

		if (e->key != NULL)
			*entry_find(ix, e->key, e->n, e->hash) = *e;
	}
	free(old.entry);
}

void
index_put(struct index *ix, const char *key, size_t n, uint32_t value)
{
	uint32_t h = hash(key, n);
	struct index_entry *e;

	if (ix->entry == NULL || ix->n * 2 > ix->mask)
		grow(ix);
	e = entry_find(ix, key, n, h);
	e->key = key;
	e->n = (uint32_t)n;
	e->hash = h;
	e->value = value;
	ix->n++;
}

void
index_fini(struct index *ix)
{
	free(ix->entry);
	memset(ix, 0, sizeof *ix);
}
