/*
 * The topics a broker knows: each has a small entry with the place of its
 * newest event and the subscriptions it went to last time.
 */
#ifndef SG_BROKER_LAST_H
#define SG_BROKER_LAST_H

#include <stddef.h>
#include <stdint.h>

#include "broker/log.h"

struct dispatch_match;

/* A line kept because the store no longer has its event. */
struct last_kept {
	int64_t rt;
	char from[FRAME_FROM_MAX + 1];
	size_t len;
	char line[];
};

struct last_topic {
	const char *text;
	struct dispatch_match *match; /* dispatch.h; NULL: not asked yet */
	uint64_t n;		      /* place of the newest event; 0: none */
	uint32_t run;
	uint32_t frame;	     /* the caller's mark of the frame in hand */
	uint32_t len : 8;    /* of text */
	uint32_t dirty : 1;  /* changed since the last checkpoint */
	uint32_t index : 23; /* last_at() */
};

struct last;

enum { LAST_LIMIT_MAX = 1 << 23 };

/*
 * last_new(limit) - An empty table of at most limit topics, no more than
 * LAST_LIMIT_MAX.  last_free()
 * frees it with all entries and matches.
 */
struct last *last_new(size_t limit);
void last_free(struct last *last);

/*
 * last_topic(last, p, n) - The entry of topic p[0..n), made if absent.  NULL
 * once the table is full and the topic new.  Entries live as long as the
 * table.
 */
struct last_topic *last_topic(struct last *last, const char *p, size_t n);

/* last_find(last, p, n) - The same, but NULL if it is absent. */
struct last_topic *last_find(const struct last *last, const char *p, size_t n);

/* last_count(last) - Entries; last_at(last, i) is the i-th, i < count. */
size_t last_count(const struct last *last);
struct last_topic *last_at(const struct last *last, size_t i);

/*
 * last_set(last, topic, run, n) - The topic's newest event is at that place.
 * A kept line of it is forgotten.
 */
void
last_set(struct last *last, struct last_topic *topic, uint32_t run, uint64_t n);

/*
 * last_dirty(last, n) - Entries set since the last call of last_clean(), in
 * the order of their first change.
 */
struct last_topic **last_dirty(struct last *last, size_t *n);
void last_clean(struct last *last);

/*
 * last_keep(last, topic, line, n, rt, from) - Keep a copy of the line, for a
 * broker without a store.  last_kept() gives it back, NULL if there is none.
 */
void last_keep(struct last *last, const struct last_topic *topic,
    const char *line, size_t n, int64_t rt, const char *from);
const struct last_kept *
last_kept(const struct last *last, const struct last_topic *topic);

/*
 * last_hash(p, n) - The hash of the table; fast, not stable over versions.
 */
uint64_t last_hash(const char *p, size_t n);

#endif
