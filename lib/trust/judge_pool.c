#include "trust/judge_pool.h"

#include <stdlib.h>

#include "base/die.h"

void
judge_pool_init(
    struct judge_pool *j, unsigned threads, const struct judge *judge)
{
	*j = (struct judge_pool){ .judge = judge };
	j->pool = pool_new(threads, judge_batch_run);
}

int
judge_pool_add(struct judge_pool *j, const char *p, size_t n, const char *file,
    uint64_t number)
{
	if (j->batch == NULL) {
		j->batch =
		    j->idle != NULL ? j->idle : xcalloc(1, sizeof *j->batch);
		j->batch->judge = j->judge;
		j->idle = NULL;
	}
	return judge_batch_add(j->batch, p, n, file, number);
}

static void
free_batch(struct judge_batch *b)
{
	if (b == NULL)
		return;
	judge_batch_fini(b);
	free(b);
}

static void
take_back(struct judge_pool *j)
{
	if (j->given == NULL)
		return;
	judge_batch_clear(j->given);
	if (j->idle == NULL)
		j->idle = j->given;
	else
		free_batch(j->given);
	j->given = NULL;
}

const struct judge_batch *
judge_pool_get(struct judge_pool *j, enum judge_pool_which which)
{
	take_back(j);
	if (j->batch != NULL && !pool_room(j->pool)) {
		j->given = pool_wait(j->pool);
		return j->given;
	}
	if (j->batch != NULL) {
		pool_put(j->pool, j->batch);
		j->batch = NULL;
	}
	j->given =
	    which == JUDGE_POOL_ALL ? pool_wait(j->pool) : pool_get(j->pool);
	return j->given;
}

void
judge_pool_fini(struct judge_pool *j)
{
	take_back(j);
	pool_free(j->pool);
	free_batch(j->batch);
	free_batch(j->idle);
	*j = (struct judge_pool){ 0 };
}
