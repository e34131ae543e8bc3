/*
 * A set of strings, numbered from 0, for the many names that a stream
 * repeats: some 15 bytes each beside the text.  All-zero is the empty set.
 */
#ifndef SG_GRID_NAMES_H
#define SG_GRID_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NAMES_NONE UINT32_MAX

enum { NAMES_CHUNK_BITS = 18, NAMES_FREE_MAX = 256 };

struct names {
	uint32_t n;    /* numbers in use, and those dropped, are below it */
	uint32_t live; /* strings in it */
	uint32_t cap;
	uint32_t *at;	   /* by number: where the text stands, "" if dropped */
	uint32_t *dropped; /* numbers to be used again */
	uint32_t ndropped, capdropped;
	char **chunk;		       /* of text: length, bytes, NUL */
	size_t nchunks, used;	       /* used: bytes of the last chunk */
	uint32_t free[NAMES_FREE_MAX]; /* dropped texts by length */
	uint8_t *tag;		       /* open addressing: 0 is free */
	uint32_t *slot;
	size_t mask;
};

/* names_find(names, p, n) - Number of the string p[0..n), or NAMES_NONE. */
uint32_t names_find(const struct names *names, const char *p, size_t n);

/*
 * names_add(names, p, n) - Copy in a string that is not there yet: the number
 * of one that was dropped, or the next one.  NAMES_NONE if the set is full,
 * at 4 GiB of text.
 */
uint32_t names_add(struct names *names, const char *p, size_t n);

/* names_get(names, p, n) - As names_find, and names_add if need be. */
uint32_t names_get(struct names *names, const char *p, size_t n);

/*
 * names_drop(names, i) - Forget string i; its number and memory go to one
 * that is added later.
 */
void names_drop(struct names *names, uint32_t i);

/* names_text(names, i, n) - String i, NUL-terminated, valid until dropped. */
const char *names_text(const struct names *names, uint32_t i, size_t *n);

void names_fini(struct names *names);

/* names_is(names, i, p, n) - 1 if p[0..n) is string i, "" if dropped. */
static inline int
names_is(const struct names *names, uint32_t i, const char *p, size_t n)
{
	const char *s = names->chunk[names->at[i] >> NAMES_CHUNK_BITS] +
	    (names->at[i] & ((1u << NAMES_CHUNK_BITS) - 1));
	size_t len;

	if (n < UINT8_MAX)
		return (uint8_t)*s == n && memcmp(s + 1, p, n) == 0;
	s = names_text(names, i, &len);
	return len == n && memcmp(s, p, n) == 0;
}

#endif
