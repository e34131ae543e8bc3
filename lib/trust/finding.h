/*
 * One thing that was found wrong, at its place, and the two forms in which it
 * is told: JSON for programs, one line of text for people, of whom nobody
 * reads more than a few a second.
 */
#ifndef SG_TRUST_FINDING_H
#define SG_TRUST_FINDING_H

#include <stdint.h>

#include "base/buf.h"
#include "trust/verdict.h"

/* Where a line came from; all borrowed. */
struct finding_place {
	const char *file; /* or NULL */
	uint64_t line;
	const char *src; /* or NULL */
	int64_t ep, seq; /* 0: none */
};

struct finding {
	enum verdict verdict;
	struct finding_place at;
	int64_t n; /* of the events from at.seq on; 0: no number of them */
	const char *why;
};

/*
 * finding_json(b, f) - Append {"verdict":...,"file":...,"line":...,"src":...,
 * "ep":...,"seq":...,"n":...,"why":...} without what there is not.
 * finding_text(b, f) - Append "FILE:LINE: VERDICT: SRC/EP/SEQ: WHY".
 */
void finding_json(struct buf *b, const struct finding *f);
void finding_text(struct buf *b, const struct finding *f);

/* Some a second are told, the others counted; all-zero is valid. */
enum { FINDING_RATE = 20 };
struct finding_limit {
	int64_t since; /* of the monotonic clock */
	uint64_t told, untold;
};

/*
 * finding_limit_due(l, now) - 1 if the second is over: time to say how many
 * were not told.
 * finding_limit_end(l, now) - Begin another; how many were not told.
 * finding_limit_take(l) - 1 if one more may be told in this one.
 */
int finding_limit_due(const struct finding_limit *l, int64_t now);
uint64_t finding_limit_end(struct finding_limit *l, int64_t now);
int finding_limit_take(struct finding_limit *l);

#endif
