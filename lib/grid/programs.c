#include "grid/programs.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/date.h"
#include "base/die.h"

void
programs_add(struct programs *ps, const char *command, struct topic_set *topics)
{
	ps->v = xrealloc(ps->v, (ps->n + 1) * sizeof *ps->v);
	ps->v[ps->n++] = program_new(command, topics);
	ps->fds = xrealloc(ps->fds, (2 + 2 * ps->n) * sizeof *ps->fds);
}

void
programs_give(struct programs *ps, const struct event *e)
{
	char space[TOPIC_MAX + 1];
	size_t n;
	const char *topic = event_topic(e, space, &n);

	for (size_t i = 0; i < ps->n; i++)
		if (program_wants(ps->v[i], topic, n))
			program_give(ps->v[i], e->line, e->n);
}

void
programs_give_all(struct programs *ps, const char *p, size_t n)
{
	for (size_t i = 0; i < ps->n; i++)
		program_give(ps->v[i], p, n);
}

int
programs_full(const struct programs *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		if (program_full(ps->v[i]))
			return 1;
	return 0;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int
programs_wait(struct programs *ps, struct pollfd fds[2], int64_t wait)
{
	int64_t now = date_mono();
	struct timespec left = { 0 };
	struct pollfd *all = ps->n == 0 ? fds : ps->fds;
	int ready;

	for (size_t i = 0; i < ps->n; i++) {
		program_poll(ps->v[i], &all[2 + 2 * i]);
		wait = earlier(wait, program_wait(ps->v[i], now));
	}
	if (all != fds)
		memcpy(all, fds, 2 * sizeof *fds);
	left.tv_sec = wait / DATE_SECOND;
	left.tv_nsec = wait % DATE_SECOND * 1000;
	ready = ppoll(all, 2 + 2 * ps->n, wait < 0 ? NULL : &left, NULL);
	if (all != fds)
		memcpy(fds, all, 2 * sizeof *fds);
	return ready;
}

void
programs_end(struct programs *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		program_end(ps->v[i]);
}

int
programs_done(const struct programs *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		if (!program_done(ps->v[i]))
			return 0;
	return 1;
}

void
programs_fini(struct programs *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		program_free(ps->v[i]);
	free(ps->v);
	free(ps->fds);
	*ps = (struct programs){ 0 };
}
