/* A flow that leads. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/flow_part.h"

/* Microseconds. */
enum {
	MARK_MAX_TIME = DATE_SECOND / 10, /* from mark to mark under load */
	MARK_MIN_TIME = DATE_SECOND / 100,
	PAUSE = DATE_SECOND / 500,    /* without an event: a good moment */
	BEAT = DATE_SECOND,	      /* time goes on */
	WORK_TIME = 60 * DATE_SECOND, /* the position moves all the same */
	END_TIME = 2 * DATE_SECOND    /* for the last commit */
};

static int64_t
earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
latest(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Nothing has come since a mark that is committed. */
static int
is_idle(const struct flow *f)
{
	return !f->fresh && f->committed >= f->busy;
}

static enum follow_result
put_own(struct flow *f, int end)
{
	struct mark *m = &f->at;
	int64_t now = date_mono();

	m->done = m->anew = m->lead = 0;
	m->n = m->ahead = 0;
	m->end = end;
	m->idle = is_idle(f) && now - f->working < WORK_TIME;
	f->number++;
	if (f->fresh)
		f->busy = f->number;
	if (!m->idle)
		f->working = now;
	if (end && f->end == 0)
		f->end = f->number;
	snprintf(m->id, sizeof m->id, "%lld.%llu", (long long)f->start,
	    (unsigned long long)f->number);
	m->t = flow_now(f);
	m->cursor = *reader_position(f->events);
	f->marked = now;
	f->fresh = f->news = 0;
	return flow_put_mark(f, m);
}

enum follow_result
flow_begin_to_lead(struct flow *f)
{
	struct mark *m = &f->at;
	enum follow_result got;

	m->lead = 1;
	got = flow_put_mark(f, m);
	m->lead = m->anew = 0;
	m->committed[0] = '\0';
	reader_until(f->events, NULL);
	reader_until(f->marks, NULL);
	f->phase = FLOW_LEAD;
	f->marked = f->working = date_mono();
	f->came = f->seen = f->marked;
	return got;
}

/* One of our marks is in the broker: 1; it is another's: 0. */
static int
take_commit(struct flow *f, const struct mark *m)
{
	char ours[32];
	size_t n =
	    (size_t)snprintf(ours, sizeof ours, "%lld.", (long long)f->start);
	uint64_t number;

	if (strncmp(m->id, ours, n) != 0)
		return 0;
	number = strtoull(m->id + n, NULL, 10);
	if (number <= f->committed)
		return 1;
	f->committed = number;
	memcpy(f->at.committed, m->id, sizeof m->id);
	f->news = 1;
	return 1;
}

static enum follow_result
taken_over(struct flow *f)
{
	buf_clear(&f->text);
	buf_addf(
	    &f->text, "another reader has gone on from cursor %s", f->o.cursor);
	return flow_give(
	    f, FOLLOW_FAILED, EXIT_UNAVAILABLE, buf_cstr(&f->text));
}

/* What has become of our marks. */
static enum follow_result
see_commits(struct flow *f)
{
	struct mark m;

	f->tended = date_mono();
	for (;;) {
		switch (flow_take_marks(f, 0)) {
		case READER_LINES: break;
		case READER_NONE:
		case READER_END: return FOLLOW_NONE;
		default: return flow_failed(f, f->marks);
		}
		while (flow_stored(f, &m))
			if (m.deleted || !take_commit(f, &m))
				return taken_over(f);
	}
}

static int64_t
mark_due(const struct flow *f)
{
	int64_t soon = f->marked + MARK_MIN_TIME;

	if (f->fresh)
		return earliest(
		    f->marked + MARK_MAX_TIME, latest(soon, f->came + PAUSE));
	/* It may have absorbed one meanwhile. */
	if (f->news && f->committed < f->busy)
		return soon;
	return f->marked + BEAT;
}

/* Until something comes or is due. */
static void
wait_until(struct flow *f, int64_t until)
{
	struct pollfd fds[] = {
		{ .fd = reader_fd(f->events), .events = POLLIN },
		{ .fd = reader_fd(f->marks), .events = POLLIN },
		{ .fd = app_signal_fd(), .events = POLLIN },
	};
	int64_t left = until - date_mono();
	struct timespec wait = { 0 };

	if (left <= 0)
		return;
	if (left > BEAT)
		left = BEAT;
	wait.tv_sec = left / DATE_SECOND;
	wait.tv_nsec = left % DATE_SECOND * 1000;
	ppoll(fds, 3, &wait, NULL);
}

static enum follow_result
take_events(struct flow *f, const struct reader_batch *batch)
{
	if (batch->n == 0)
		return FOLLOW_NONE;
	f->count += batch->n;
	f->fresh = 1;
	f->came = f->seen = date_mono();
	return flow_put_batch(f, batch);
}

/* What comes, or the limit that it has reached. */
static enum follow_result
read_events(struct flow *f, int64_t due)
{
	struct reader_batch batch;
	int64_t now = date_mono();

	switch (reader_next(f->events, &batch, 0)) {
	case READER_LINES: return take_events(f, &batch);
	case READER_END:
		/* All that had been received at the start. */
		if (f->start > f->heard)
			f->heard = f->start;
		return flow_end(f, f->count ? EXIT_OK : EXIT_NO);
	case READER_NONE: break;
	default: return flow_failed(f, f->events);
	}
	if (f->o.timeout > 0 && now >= f->started + f->o.timeout)
		return flow_end(f, EXIT_TIMEOUT);
	if (f->o.idle > 0 && now >= f->seen + f->o.idle)
		return flow_end(f, f->count ? EXIT_OK : EXIT_NO);
	if (f->o.timeout > 0)
		due = earliest(due, f->started + f->o.timeout);
	if (f->o.idle > 0)
		due = earliest(due, f->seen + f->o.idle);
	wait_until(f, due);
	return FOLLOW_NONE;
}

/*
 * Without events time goes on as far as nothing can come from before: what the
 * broker had a while ago is read.
 */
static void
see_time(struct flow *f)
{
	int64_t now = date_mono();

	if (f->asked > 0 &&
	    reader_covers(reader_position(f->events), &f->there)) {
		if (f->asked > f->heard)
			f->heard = f->asked;
		f->asked = 0;
	}
	if (f->asked > 0 || now < f->ask_due)
		return;
	f->ask_due = now + BEAT / 2;
	f->asked = date_now();
	/* Without a broker time stands still. */
	if (reader_end(f->marks, &f->there) < 0)
		f->asked = 0;
}

enum follow_result
flow_lead(struct flow *f)
{
	enum follow_result got = FOLLOW_NONE;

	see_time(f);

	if (date_mono() - f->tended >= PAUSE)
		got = see_commits(f);
	if (got == FOLLOW_NONE && date_mono() >= mark_due(f))
		got = put_own(f, 0);
	return got == FOLLOW_NONE ? read_events(f, mark_due(f)) : got;
}

enum follow_result
flow_end(struct flow *f, int status)
{
	f->leave_status = status;
	f->leave_due = date_mono() + END_TIME;
	f->phase = FLOW_LEAVE;
	return put_own(f, 1);
}

/* The last mark again, with news of commits, until it is one of them. */
enum follow_result
flow_leave(struct flow *f)
{
	enum follow_result got = see_commits(f);
	int64_t now = date_mono();

	if (got != FOLLOW_NONE)
		return got;
	if (f->committed >= f->end || is_idle(f) || now >= f->leave_due ||
	    app_stop() != 0)
		return flow_give(f, FOLLOW_END, f->leave_status, NULL);
	if (now >= f->marked + MARK_MAX_TIME)
		got = put_own(f, 1);
	wait_until(f, f->marked + MARK_MAX_TIME);
	return got;
}
