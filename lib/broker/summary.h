/*
 * A topic summary: which levels occur at which depth in a frame's topics,
 * as a Bloom filter, so that a reader who is behind skips frames without
 * looking at a line.  Stored for ever, so hash and layout never change,
 * sg-store(5):
 *
 * For each distinct (level, text), level 0 the first: h = FNV-1a (64 bits)
 * of one byte, the level, and the text; then h ^= h >> 33, h *=
 * 0xff51afd7ed558ccd, h ^= h >> 33, h *= 0xc4ceb9fe1a85ec53, h ^= h >> 33.
 * Bits h, h >> 20 and h >> 40, modulo the filter's bits, are set; bit b is
 * bit b % 8 of byte b / 8.  The filter has a power of two of bytes, 16 to
 * 4096, with at least 10 bits for each pair while that is possible.
 */
#ifndef SG_BROKER_SUMMARY_H
#define SG_BROKER_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

#include "broker/frame.h"
#include "event/topic.h"

/* A builder; all-zero is valid. */
struct summary {
	uint64_t *slot; /* hash table; entry valid if its mark is */
	uint32_t *mark; /* equal to turn */
	uint32_t turn;
	size_t cap;
	uint64_t *hash; /* the distinct hashes of this turn */
	size_t n;
};

/* summary_hash(level, p, n) - The hash h of one level. */
uint64_t summary_hash(unsigned level, const char *p, size_t n);

/*
 * summary_levels(topic, n, hash) - The hashes of all levels of a topic;
 * hash has room for TOPIC_LEVELS_MAX.  Returns how many.
 */
size_t summary_levels(const char *topic, size_t n, uint64_t *hash);

/* summary_begin(s) - Begin the summary of a frame. */
void summary_begin(struct summary *s);

/* summary_add(s, hash) - Add a level; once is enough. */
void summary_add(struct summary *s, uint64_t hash);

/*
 * summary_finish(s, out) - Write the filter, return its length; 0 if
 * nothing was added.
 */
size_t summary_finish(struct summary *s, uint8_t out[FRAME_SUMMARY_MAX]);

void summary_fini(struct summary *s);

/*
 * summary_may_match(p, n, set) - 0 if no topic of the frame can match the
 * set, else 1.  An empty or unknown summary may match anything; exclusions
 * are not looked at.  summary_may_have(p, n, hash) - 0 if no topic has that
 * level, else 1.
 */
int summary_may_have(const uint8_t *p, size_t n, uint64_t hash);
int summary_may_match(const uint8_t *p, size_t n, const struct topic_set *set);

#endif
