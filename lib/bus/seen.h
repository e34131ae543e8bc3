/*
 * What a reader has been given already, by the publishers' own numbers: two
 * brokers may hold the same event, once each, if its publisher changed from
 * one to the other before the first copy was passed on.  Of each channel of a
 * publisher the highest number is kept, for the channels used last.
 */
#ifndef SG_BUS_SEEN_H
#define SG_BUS_SEEN_H

#include <stddef.h>
#include <stdint.h>

enum { SEEN_MAX = 1 << 20 }; /* channels: 40 bytes each */

struct seen;

/*
 * seen_new(most) - Nothing yet; of more channels than most (1 … SEEN_MAX) the
 * least recently used is forgotten.  Grows as it is used.
 */
struct seen *seen_new(size_t most);
void seen_free(struct seen *s);

/*
 * seen_take(s, from, n, chan, first, count) - The events numbered first (at
 * least 1) … first + count - 1 in channel chan of the publisher from[0..n)
 * are at hand: how many of them, from the front, are repeats.  After that all
 * of them are.
 */
uint64_t seen_take(struct seen *s, const char *from, size_t n, uint64_t chan,
    uint64_t first, uint64_t count);

/*
 * seen_mark(s), seen_undo(s) - Take back what was taken since the last mark;
 * a channel that was forgotten for others stays so.
 */
void seen_mark(struct seen *s);
void seen_undo(struct seen *s);

/* One channel; from is the first 8 bytes of the name's SHA-256. */
struct seen_entry {
	uint64_t from, chan, number;
};

/*
 * seen_export(s, to, n) - The n channels used last, the latest first, but for
 * those with nothing taken: how many.
 * seen_import(s, from, n) - The same into what is empty so far.
 */
size_t seen_export(const struct seen *s, struct seen_entry *to, size_t n);
void seen_import(struct seen *s, const struct seen_entry *from, size_t n);

#endif
