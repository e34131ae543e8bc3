/*
 * A token bucket that may run into debt: something is taken while there is
 * anything left, whatever its size, and what is missing has to flow back
 * before the next.  So nothing is too big to be taken at all.
 */
#ifndef SG_BROKER_BUCKET_H
#define SG_BROKER_BUCKET_H

#include <stdint.h>

/* All-zero is a full bucket. */
struct bucket {
	int64_t debt; /* millionths taken beyond what has flowed back */
	int64_t at;   /* us of date_mono() */
};

/*
 * bucket_wait(b, rate, burst, now) - 0 if something may be taken from a
 * bucket of burst tokens that gains rate a second (0: no limit), else in how
 * many microseconds.
 */
static inline int64_t
bucket_wait(struct bucket *b, int64_t rate, int64_t burst, int64_t now)
{
	int64_t passed = now - b->at, full = burst * 1000000;

	if (rate == 0)
		return 0;
	b->at = now;
	if (passed > b->debt / rate)
		b->debt = 0;
	else if (passed > 0)
		b->debt -= passed * rate;
	return b->debt < full ? 0 : (b->debt - full) / rate + 1;
}

/* bucket_take(b, n) - Take n tokens, or with n < 0 give them back. */
static inline void
bucket_take(struct bucket *b, int64_t n)
{
	b->debt += n * 1000000;
	if (b->debt < 0)
		b->debt = 0;
}

#endif
