/*
 * What passes between the feeder of a rule worker and the worker: runs one
 * way, replies the other, as records one behind the other.  Both ends are the
 * same program on the same machine, so numbers stand as they are in memory.
 */
#ifndef SG_GRID_RULE_WIRE_H
#define SG_GRID_RULE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "grid/rule_peer.h"

enum { RULE_SLOTS = 65536, RULE_NO_SLOT = RULE_SLOTS };

enum rule_ask_flag {
	RULE_ASK_TEXT = 1,  /* the slot is to hold the state given here */
	RULE_ASK_FLUSH = 2, /* answer before the next run */
	RULE_ASK_DROP = 4   /* no run, no answer: empty the slot */
};

/* Borrowed from the bytes it was taken from. */
struct rule_ask {
	uint32_t rule, slot, flags;
	uint32_t key_n, captures_n, event_n, state_n;
	int64_t now;
	const char *key, *captures, *event, *state;
};

struct rule_reply {
	uint32_t verdict, timer, changed;
	uint32_t state_n, why_n, texts_n;
	uint32_t events, whys;
	int64_t due;
	const char *texts, *state, *why;
};

/* rule_ask_add(b, a) - Append a record; returns how many bytes it has. */
size_t rule_ask_add(struct buf *b, const struct rule_ask *a);

/*
 * rule_ask_take(a, p, n, used) - The record at p: 1 with *used, its length; 0
 * if it is not complete yet; -1 if it is none.
 */
int rule_ask_take(
    struct rule_ask *a, const char *p, size_t n, size_t *used);

/*
 * A reply is written piece by piece: rule_reply_begin(b) makes room for its
 * head and returns its place; texts, state text and why are appended in this
 * order; rule_reply_end(b, at, r) fills in the head.
 * rule_reply_text(b, kind, p, n) - Append one of the texts.
 * rule_reply_sized(b, at, kind) - Append one that was begun empty and of which
 * b->p[at] and all behind it has been added since.
 * rule_reply_fail(b, r, verdict, why) - Make *r one that has failed, and append
 * why (not empty; what is not printable UTF-8 is replaced).
 */
size_t rule_reply_begin(struct buf *b);
void rule_reply_text(
    struct buf *b, enum rule_text kind, const char *p, size_t n);
void rule_reply_sized(struct buf *b, size_t at, enum rule_text kind);
void rule_reply_fail(struct buf *b, struct rule_reply *r,
    enum rule_verdict verdict, const char *why);
void rule_reply_end(struct buf *b, size_t at, const struct rule_reply *r);

/*
 * rule_reply_take(r, p, n, most, used) - As rule_ask_take().  Nothing is
 * believed: 1 only if the record has at most most bytes, its parts fill it
 * exactly, counts agree, event lines are complete events, the state is JSON
 * text and all else is printable UTF-8.
 */
int rule_reply_take(struct rule_reply *r, const char *p, size_t n,
    size_t most, size_t *used);

/*
 * rule_text_next(at, end, text, n) - The text at *at, which moves on;
 * RULE_END at the end, or for what is no text.
 */
enum rule_text rule_text_next(
    const char **at, const char *end, const char **text, size_t *n);

/* rule_size_add(b, n) - Append a size as options take it: 256M, 64K, 100. */
void rule_size_add(struct buf *b, size_t n);

#endif
