/*
 * Which of a source's numbers (ep, seq) have come, so that gaps, repetitions
 * and a changed order show.  An epoch begins with seq 1; one that rises is
 * fine, one that falls is not.
 */
#ifndef SG_TRUST_SEQUENCE_H
#define SG_TRUST_SEQUENCE_H

#include <stddef.h>
#include <stdint.h>

enum { SEQUENCE_GAPS_MAX = 1024 };

struct sequence_gap {
	int64_t from, to; /* both missing */
	int told;
};

/* All-zero: nothing has come yet. */
struct sequence {
	int64_t ep;   /* 0: none yet */
	int64_t high; /* the highest that exists */
	struct sequence_gap *gap; /* below high, ascending */
	size_t gaps, cap;
};

enum sequence_result {	  /* zero is no */
	SEQUENCE_OLD = 0, /* of an epoch that is over */
	SEQUENCE_REPEATED,
	SEQUENCE_LATE, /* after one that comes behind it */
	SEQUENCE_NEXT  /* the highest so far, in a new epoch too */
};

/*
 * sequence_ask(q, ep, seq) - What it would be.  sequence_take(q, ep, seq) -
 * It has come: numbers below it that have not are a gap, but for those
 * before the first that ever came.  Gaps of an epoch that ends are forgotten,
 * and so is the lowest beyond SEQUENCE_GAPS_MAX: what is in it counts as
 * repeated.
 */
enum sequence_result
sequence_ask(const struct sequence *q, int64_t ep, int64_t seq);
enum sequence_result
sequence_take(struct sequence *q, int64_t ep, int64_t seq);

/* sequence_until(q, ep, next) - All below next exist, says somebody trusted. */
void sequence_until(struct sequence *q, int64_t ep, int64_t next);

/*
 * sequence_untold(q, next, from, to) - 1 with the lowest gap below next that
 * was not told yet, which is told now, else 0.
 */
int sequence_untold(
    struct sequence *q, int64_t next, int64_t *from, int64_t *to);
void sequence_fini(struct sequence *q);

#endif
