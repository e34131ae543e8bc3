#include "broker/summary.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

enum { BYTES_MIN = 16, BITS_PER_HASH = 10, CAP_MIN = 64 };

uint64_t
summary_hash(unsigned level, const char *p, size_t n)
{
	const uint64_t prime = 0x100000001b3;
	uint64_t h = (0xcbf29ce484222325 ^ (level & 255)) * prime;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)p[i]) * prime;
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccd;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53;
	return h ^ h >> 33;
}

/* The next level of p[*at..n); moves *at behind its slash. */
static const char *
level_next(const char *p, size_t n, size_t *at, size_t *len)
{
	const char *start = p + *at, *slash;

	if (*at > n)
		return NULL;
	slash = memchr(start, '/', n - *at);
	*len = slash == NULL ? n - *at : (size_t)(slash - start);
	*at += *len + 1;
	return start;
}

size_t
summary_levels(const char *topic, size_t n, uint64_t *hash)
{
	const char *p;
	size_t at = 0, len, count = 0;

	while (count < TOPIC_LEVELS_MAX &&
	    (p = level_next(topic, n, &at, &len)) != NULL) {
		hash[count] = summary_hash((unsigned)count, p, len);
		count++;
	}
	return count;
}

static void
grow(struct summary *s)
{
	s->cap = s->cap == 0 ? CAP_MIN : s->cap * 2;
	s->slot = xrealloc(s->slot, s->cap * sizeof *s->slot);
	s->hash = xrealloc(s->hash, s->cap * sizeof *s->hash);
	free(s->mark);
	s->mark = xcalloc(s->cap, sizeof *s->mark);
	s->turn = 1;
}

/* 1 if the hash is new in this turn. */
static int
insert(struct summary *s, uint64_t hash)
{
	size_t i = hash & (s->cap - 1);

	while (s->mark[i] == s->turn) {
		if (s->slot[i] == hash)
			return 0;
		i = (i + 1) & (s->cap - 1);
	}
	s->mark[i] = s->turn;
	s->slot[i] = hash;
	return 1;
}

void
summary_begin(struct summary *s)
{
	s->n = 0;
	if (s->cap == 0)
		grow(s);
	if (++s->turn == 0) {
		memset(s->mark, 0, s->cap * sizeof *s->mark);
		s->turn = 1;
	}
}

void
summary_add(struct summary *s, uint64_t hash)
{
	if (!insert(s, hash))
		return;
	s->hash[s->n++] = hash;
	if (s->n * 2 < s->cap)
		return;
	grow(s);
	for (size_t i = 0; i < s->n; i++)
		insert(s, s->hash[i]);
}

size_t
summary_finish(struct summary *s, uint8_t out[FRAME_SUMMARY_MAX])
{
	size_t bytes = BYTES_MIN;
	uint64_t mask;

	if (s->n == 0)
		return 0;
	while (bytes < FRAME_SUMMARY_MAX && bytes * 8 < s->n * BITS_PER_HASH)
		bytes *= 2;
	mask = bytes * 8 - 1;
	memset(out, 0, bytes);
	for (size_t i = 0; i < s->n; i++)
		for (int shift = 0; shift < 60; shift += 20) {
			uint64_t bit = s->hash[i] >> shift & mask;

			out[bit / 8] |= (uint8_t)(1u << bit % 8);
		}
	return bytes;
}

void
summary_fini(struct summary *s)
{
	free(s->slot);
	free(s->mark);
	free(s->hash);
	*s = (struct summary){ 0 };
}

static int
has(const uint8_t *p, size_t n, uint64_t hash)
{
	uint64_t mask = n * 8 - 1;

	for (int shift = 0; shift < 60; shift += 20) {
		uint64_t bit = hash >> shift & mask;

		if ((p[bit / 8] >> bit % 8 & 1) == 0)
			return 0;
	}
	return 1;
}

static int
filter_may_match(const uint8_t *p, size_t n, const char *filter)
{
	size_t at = 0, len, fn = strlen(filter);
	const char *level;

	for (unsigned i = 0;
	     (level = level_next(filter, fn, &at, &len)) != NULL; i++) {
		if (len == 1 && strchr("+#*", level[0]) != NULL)
			continue;
		if (!has(p, n, summary_hash(i, level, len)))
			return 0;
	}
	return 1;
}

/* 1 if this is a filter as they are made here. */
static int
is_known(size_t n)
{
	return n >= BYTES_MIN && n <= FRAME_SUMMARY_MAX && (n & (n - 1)) == 0;
}

int
summary_may_have(const uint8_t *p, size_t n, uint64_t hash)
{
	return !is_known(n) || has(p, n, hash);
}

int
summary_may_match(const uint8_t *p, size_t n, const struct topic_set *set)
{
	if (!is_known(n))
		return 1;
	for (size_t i = 0; i < set->n; i++)
		if (!set->exclude[i] && filter_may_match(p, n, set->filter[i]))
			return 1;
	return 0;
}
