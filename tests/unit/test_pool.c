/*
 * Jobs come back in the order in which they went in, each worked on once,
 * however long each takes and however many threads there are.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/die.h"
#include "base/pool.h"
#include "check.h"

struct job {
	int number;
	int times; /* worked on */
};

static atomic_int working, most;

static void
work(void *arg)
{
	struct job *job = arg;
	int now = atomic_fetch_add(&working, 1) + 1, seen = most;
	struct timespec nap = { 0, job->number % 7 * 20000 };

	while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
		;
	if (job->number % 7)
		nanosleep(&nap, NULL);
	job->times++;
	atomic_fetch_sub(&working, 1);
}

static void
take_back(void *arg, int *next)
{
	struct job *job = arg;

	check(job->number == *next, "job %d came as number %d", job->number,
	    *next);
	check(job->times == 1, "job %d was worked on %d times", job->number,
	    job->times);
	(*next)++;
	free(job);
}

static void
check_threads(unsigned threads)
{
	struct pool *p = pool_new(threads, work);
	int next = 0, ahead = 0, refused = 0;
	void *done;

	most = 0;
	check(pool_get(p) == NULL, "%u threads: a job from nowhere", threads);
	check(pool_wait(p) == NULL, "%u threads: waits for nothing", threads);
	for (int i = 0; i < 500; i++) {
		struct job *job = xcalloc(1, sizeof *job);

		job->number = i;
		while (!pool_room(p)) {
			refused++;
			take_back(pool_wait(p), &next);
		}
		pool_put(p, job);
		if (i - next > ahead)
			ahead = i - next;
		if (i % 3 == 0 && (done = pool_get(p)) != NULL)
			take_back(done, &next);
	}
	while ((done = pool_wait(p)) != NULL)
		take_back(done, &next);
	check(next == 500, "%u threads: %d of 500 came back", threads, next);
	check(refused > 0, "%u threads: always room", threads);
	check(ahead < 64, "%u threads: %d jobs ahead", threads, ahead);
	check(threads == 0 || most <= (int)threads, "%u threads: %d at once",
	    threads, (int)most);
	pool_free(p);
}

int
main(void)
{
	for (unsigned threads = 0; threads <= 8; threads++)
		check_threads(threads);
	pool_free(NULL);
	return check_done();
}
