/*
 * Lines on their way through the threads that judge them, and out again in
 * the order in which they came.
 */
#ifndef SG_TRUST_JUDGE_POOL_H
#define SG_TRUST_JUDGE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "trust/judge_batch.h"

struct judge_pool {
	const struct judge *judge;
	struct pool *pool;
	struct judge_batch *batch; /* being filled, or NULL */
	struct judge_batch *idle;  /* a used one, or NULL */
	struct judge_batch *given; /* the caller looks at it, or NULL */
};

/*
 * judge_pool_init(j, threads, judge) - threads as for pool_new(); the judge is
 * borrowed, and may change only while judge_pool_get(j, JUDGE_POOL_ALL) has
 * given NULL and nothing was added since.
 */
void judge_pool_init(
    struct judge_pool *j, unsigned threads, const struct judge *judge);

/*
 * judge_pool_add(j, p, n, file, number) - Copy a line, borrow the file's name.
 * 1 if judge_pool_get() is to be called until it gives NULL, else 0.
 */
int judge_pool_add(struct judge_pool *j, const char *p, size_t n,
    const char *file, uint64_t number);

/*
 * judge_pool_get(j, which) - The next lines that have been judged, valid until
 * the next call; NULL if there are none: ready without a wait (but for room
 * for what was added), or at all.
 */
enum judge_pool_which { JUDGE_POOL_READY, JUDGE_POOL_ALL };
const struct judge_batch *
judge_pool_get(struct judge_pool *j, enum judge_pool_which which);

/* judge_pool_fini(j) - After JUDGE_POOL_ALL has given NULL. */
void judge_pool_fini(struct judge_pool *j);

#endif
