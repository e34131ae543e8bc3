#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "base/die.h"

enum { AHEAD = 4 }; /* jobs for each thread before there is no more room */

struct node {
	struct node *next;
	void *job;
	int done;
};

struct pool {
	void (*work)(void *job);
	unsigned threads;
	pthread_t *thread;
	pthread_mutex_t mutex;
	pthread_cond_t put, done;
	struct node *oldest, *newest;
	struct node *ready; /* the oldest that nobody works on */
	size_t n;	    /* used by the owner alone */
	int end;
};

static void
run(struct pool *p, struct node *node)
{
	p->ready = node->next;
	pthread_mutex_unlock(&p->mutex);
	p->work(node->job);
	pthread_mutex_lock(&p->mutex);
	node->done = 1;
	if (node == p->oldest)
		pthread_cond_signal(&p->done);
}

static void *
thread_main(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->mutex);
	while (!p->end || p->ready != NULL)
		if (p->ready != NULL)
			run(p, p->ready);
		else
			pthread_cond_wait(&p->put, &p->mutex);
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

static unsigned
processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

/* Signals are the main thread's, so that they end its waiting. */
static void
start_threads(struct pool *p)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	p->thread = xcalloc(p->threads, sizeof *p->thread);
	for (unsigned i = 0; i < p->threads; i++)
		if (pthread_create(&p->thread[i], NULL, thread_main, p) != 0) {
			p->threads = i;
			break;
		}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct pool *
pool_new(unsigned threads, void (*work)(void *job))
{
	struct pool *p = xcalloc(1, sizeof *p);

	p->work = work;
	p->threads = threads == 0 ? processors() : threads;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->put, NULL);
	pthread_cond_init(&p->done, NULL);
	if (p->threads == 1)
		p->threads = 0;
	else
		start_threads(p);
	return p;
}

void
pool_put(struct pool *p, void *job)
{
	struct node *node = xcalloc(1, sizeof *node);

	node->job = job;
	if (p->threads == 0) {
		p->work(job);
		node->done = 1;
	}
	pthread_mutex_lock(&p->mutex);
	if (p->newest != NULL)
		p->newest->next = node;
	else
		p->oldest = node;
	p->newest = node;
	p->n++;
	if (!node->done && p->ready == NULL)
		p->ready = node;
	pthread_mutex_unlock(&p->mutex);
	if (p->threads > 0)
		pthread_cond_signal(&p->put);
}

int
pool_room(const struct pool *p)
{
	return p->n < (p->threads == 0 ? 1 : (size_t)p->threads * AHEAD);
}

/* The oldest, if it is done and has been waited for; with the mutex held. */
static void *
take(struct pool *p)
{
	struct node *node = p->oldest;
	void *job;

	if (node == NULL || !node->done)
		return NULL;
	job = node->job;
	p->oldest = node->next;
	if (p->oldest == NULL)
		p->newest = NULL;
	p->n--;
	free(node);
	return job;
}

void *
pool_get(struct pool *p)
{
	void *job;

	pthread_mutex_lock(&p->mutex);
	job = take(p);
	pthread_mutex_unlock(&p->mutex);
	return job;
}

void *
pool_wait(struct pool *p)
{
	void *job;

	pthread_mutex_lock(&p->mutex);
	while (p->oldest != NULL && !p->oldest->done)
		pthread_cond_wait(&p->done, &p->mutex);
	job = take(p);
	pthread_mutex_unlock(&p->mutex);
	return job;
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->mutex);
	p->end = 1;
	pthread_cond_broadcast(&p->put);
	pthread_mutex_unlock(&p->mutex);
	for (unsigned i = 0; i < p->threads; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->put);
	pthread_cond_destroy(&p->done);
	pthread_mutex_destroy(&p->mutex);
	free(p->thread);
	free(p);
}
