/*
 * Work on batches by several threads, results in the order of the batches:
 * for filters whose work on each line costs more than reading it.
 */
#ifndef SG_BASE_POOL_H
#define SG_BASE_POOL_H

#include <stddef.h>

struct pool;

/*
 * pool_new(threads, work) - work(job) runs in one of the threads, on nothing
 * but its job and what does not change.  threads 0: one per processor that
 * this process may use.  1: no thread, work runs in pool_put().
 */
struct pool *pool_new(unsigned threads, void (*work)(void *job));

/*
 * pool_put(p, job) - Hand over; the job is the pool's until pool_get gives it
 * back.  pool_room(p) - 1 if a further one would not wait too long.
 */
void pool_put(struct pool *p, void *job);
int pool_room(const struct pool *p);

/*
 * pool_get(p) - The oldest job, if it is done, else NULL.  pool_wait(p) - The
 * same, but waits for it; NULL only if there is none at all.
 */
void *pool_get(struct pool *p);
void *pool_wait(struct pool *p);

/* pool_free(p) - All jobs have been taken back. */
void pool_free(struct pool *p);

#endif
