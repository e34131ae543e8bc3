#include <stdlib.h>

#include "base/die.h"
#include "grid/names.h"

enum {
	CHUNK = 1 << NAMES_CHUNK_BITS,
	CHUNKS_MAX = 1 << (32 - NAMES_CHUNK_BITS),
	LONG = UINT8_MAX, /* a length that follows in four bytes */
	FIRST_SLOTS = 64,
	FIRST_TEXT = 2
};

static const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t
hash(const char *p, size_t n)
{
	uint64_t h = n * odd, word;

	for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
		memcpy(&word, p, sizeof word);
		h = (h ^ word) * odd;
		h ^= h >> 32;
	}
	word = 0;
	if (n > 0)
		memcpy(&word, p, n);
	h = (h ^ word) * odd;
	return h ^ h >> 32;
}

static uint8_t
tag_of(uint64_t h)
{
	return (uint8_t)(h >> 56) | 1;
}

static char *
place(const struct names *names, uint32_t at)
{
	return names->chunk[at >> NAMES_CHUNK_BITS] + (at & (CHUNK - 1));
}

const char *
names_text(const struct names *names, uint32_t i, size_t *n)
{
	const char *s = place(names, names->at[i]);
	uint32_t len;

	*n = (uint8_t)*s;
	if (*n < LONG)
		return s + 1;
	memcpy(&len, s + 1, sizeof len);
	*n = len;
	return s + 1 + sizeof len;
}

/* Where the string stands in the table, or would. */
static size_t
find(const struct names *names, const char *p, size_t n, uint64_t h)
{
	size_t i = h & names->mask;
	uint8_t tag = tag_of(h);

	for (; names->tag[i] != 0; i = (i + 1) & names->mask)
		if (names->tag[i] == tag &&
		    names_is(names, names->slot[i], p, n))
			break;
	return i;
}

uint32_t
names_find(const struct names *names, const char *p, size_t n)
{
	size_t i;

	if (names->tag == NULL)
		return NAMES_NONE;
	i = find(names, p, n, hash(p, n));
	return names->tag[i] == 0 ? NAMES_NONE : names->slot[i];
}

/* Into a table that does not have it. */
static void
put(struct names *names, uint64_t h, uint32_t number)
{
	size_t i = h & names->mask;

	while (names->tag[i] != 0)
		i = (i + 1) & names->mask;
	names->tag[i] = tag_of(h);
	names->slot[i] = number;
}

static void
grow_table(struct names *names)
{
	struct names old = *names;
	size_t cap = old.tag == NULL ? FIRST_SLOTS : (old.mask + 1) * 2;

	names->tag = xcalloc(cap, sizeof *names->tag);
	names->slot = xcalloc(cap, sizeof *names->slot);
	names->mask = cap - 1;
	for (size_t i = 0; old.tag != NULL && i <= old.mask; i++) {
		size_t n;
		const char *p;

		if (old.tag[i] == 0)
			continue;
		p = names_text(names, old.slot[i], &n);
		put(names, hash(p, n), old.slot[i]);
	}
	free(old.tag);
	free(old.slot);
}

static int
add_chunk(struct names *names, size_t bytes)
{
	if (names->nchunks == CHUNKS_MAX)
		return -1;
	/* At powers of two; the table of chunks is small. */
	if ((names->nchunks & (names->nchunks - 1)) == 0)
		names->chunk = xrealloc(names->chunk,
		    (names->nchunks * 2 + 1) * sizeof *names->chunk);
	names->chunk[names->nchunks++] = xmalloc(bytes > CHUNK ? bytes : CHUNK);
	names->used = 0;
	return 0;
}

/* Room for a text of that many bytes; 0, or -1 if there is none. */
static int
take_text(struct names *names, size_t bytes, uint32_t *at)
{
	if (bytes < NAMES_FREE_MAX && names->free[bytes] != 0) {
		*at = names->free[bytes];
		memcpy(&names->free[bytes], place(names, *at),
		    sizeof names->free[bytes]);
		return 0;
	}
	if (names->nchunks == 0) {
		/* It begins with "", which dropped numbers stand for. */
		add_chunk(names, CHUNK);
		memset(names->chunk[0], 0, FIRST_TEXT);
		names->used = FIRST_TEXT;
	}
	if ((names->used > CHUNK || bytes > CHUNK - names->used) &&
	    add_chunk(names, bytes) == -1)
		return -1;
	*at =
	    (uint32_t)((names->nchunks - 1) << NAMES_CHUNK_BITS | names->used);
	names->used += bytes;
	return 0;
}

static size_t
text_bytes(size_t n)
{
	return 1 + (n < LONG ? 0 : sizeof(uint32_t)) + n + 1;
}

static int
put_text(struct names *names, const char *p, size_t n, uint32_t *at)
{
	uint32_t len = (uint32_t)n;
	char *s;

	if (n >= UINT32_MAX / 2 || take_text(names, text_bytes(n), at) == -1)
		return -1;
	s = place(names, *at);
	*s++ = (char)(n < LONG ? n : LONG);
	if (n >= LONG) {
		memcpy(s, &len, sizeof len);
		s += sizeof len;
	}
	if (n > 0)
		memcpy(s, p, n);
	s[n] = '\0';
	return 0;
}

static uint32_t
take_number(struct names *names)
{
	if (names->ndropped > 0)
		return names->dropped[--names->ndropped];
	if (names->n == names->cap) {
		names->cap += names->cap / 2 + 16;
		names->at = xrealloc(names->at, names->cap * sizeof *names->at);
	}
	return names->n++;
}

uint32_t
names_add(struct names *names, const char *p, size_t n)
{
	uint32_t i, at;

	if (put_text(names, p, n, &at) == -1)
		return NAMES_NONE;
	if (names->tag == NULL ||
	    (uint64_t)(names->live + 1) * 8 > (names->mask + 1) * 7)
		grow_table(names);
	i = take_number(names);
	names->at[i] = at;
	names->live++;
	put(names, hash(p, n), i);
	return i;
}

uint32_t
names_get(struct names *names, const char *p, size_t n)
{
	uint32_t i = names_find(names, p, n);

	return i != NAMES_NONE ? i : names_add(names, p, n);
}

/* Close the gap at i: what stands behind it may have been moved past it. */
static void
remove_slot(struct names *names, size_t i)
{
	size_t mask = names->mask;

	for (size_t j = (i + 1) & mask; names->tag[j] != 0;
	     j = (j + 1) & mask) {
		size_t n, home;
		const char *p = names_text(names, names->slot[j], &n);

		home = hash(p, n) & mask;
		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		names->tag[i] = names->tag[j];
		names->slot[i] = names->slot[j];
		i = j;
	}
	names->tag[i] = 0;
}

void
names_drop(struct names *names, uint32_t i)
{
	size_t n;
	const char *p = names_text(names, i, &n);
	size_t bytes = text_bytes(n);

	remove_slot(names, find(names, p, n, hash(p, n)));
	if (bytes >= sizeof(uint32_t) && bytes < NAMES_FREE_MAX) {
		memcpy(place(names, names->at[i]), &names->free[bytes],
		    sizeof names->free[bytes]);
		names->free[bytes] = names->at[i];
	}
	names->at[i] = 0;
	names->live--;
	if (names->ndropped == names->capdropped) {
		names->capdropped += names->capdropped / 2 + 16;
		names->dropped = xrealloc(
		    names->dropped, names->capdropped * sizeof *names->dropped);
	}
	names->dropped[names->ndropped++] = i;
}

void
names_fini(struct names *names)
{
	for (size_t i = 0; i < names->nchunks; i++)
		free(names->chunk[i]);
	free(names->chunk);
	free(names->at);
	free(names->dropped);
	free(names->tag);
	free(names->slot);
	memset(names, 0, sizeof *names);
}
