#include "bus/follow.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "event/topic.h"

/* Microseconds. */
enum {
	SINK_PAUSE = DATE_SECOND / 5,  /* a file's commit after a write */
	MOVED_PAUSE = 5 * DATE_SECOND, /* commit of a position alone */
	SYNC_TIME = 10 * DATE_SECOND,  /* for the last commit */
	LEAVE_TIME = 2 * DATE_SECOND   /* the same, when asked to leave */
};

enum { EXACT_MAX = 10000 }; /* events of a count asked for by number */

enum phase {
	READ,  /* the next batch */
	PICK,  /* the events of the one at hand */
	NEWS,  /* of the reader */
	LIMITS /* of the run */
};

struct follow {
	struct follow_options o;
	struct reader *reader;
	struct outlet *outlet;
	enum phase phase;
	int walking; /* the last values */
	int failed;  /* the reader has */
	struct reader_batch batch;
	struct pick pick;
	int64_t came;		 /* when the batch did */
	uint64_t before;	 /* taken when it did */
	uint64_t taken;		 /* events, in this batch for a command */
	struct wire_cursor from; /* where that began */
	uint64_t events, bad;
	int quiet; /* nothing asked for came last: what is stored is read */
	unsigned connects;
	int64_t started, seen, every_due, commit_due;
	struct follow_event event;
	struct buf why;
};

struct follow *
follow_new(struct reader *reader, struct outlet *outlet,
    const struct follow_options *o)
{
	struct follow *f = xcalloc(1, sizeof(*f));

	f->o = *o;
	f->reader = reader;
	f->outlet = outlet;
	f->walking = o->last;
	f->pick.since = o->since;
	f->pick.until = o->until;
	f->pick.meta = o->meta;
	f->from = *reader_position(reader);
	f->connects = reader_connects(reader);
	f->started = f->seen = date_mono();
	f->every_due = o->every > 0 ? f->started + o->every : 0;
	return f;
}

void
follow_free(struct follow *f)
{
	if (f == NULL)
		return;
	buf_fini(&f->why);
	free(f);
}

uint64_t
follow_events(const struct follow *f)
{
	return f->events;
}

static enum follow_result
give(struct follow *f, enum follow_result result, int status, const char *why)
{
	f->event = (struct follow_event){
		.result = result,
		.status = status,
		.why = why,
	};
	return result;
}

/* The system's word on what happened to name. */
static enum follow_result
give_errno(struct follow *f, const char *name)
{
	const char *why = strerror(errno);

	buf_clear(&f->why);
	buf_addf(&f->why, "%s: %s", name, why);
	return give(f, FOLLOW_FAILED, EXIT_IO, buf_cstr(&f->why));
}

static enum follow_result
give_bad(struct follow *f, const char *what, size_t n, const char *why)
{
	f->bad++;
	buf_clear(&f->why);
	buf_addf(&f->why, "%.*s: %s", (int)n, what, why);
	return give(f, FOLLOW_BAD, 0, buf_cstr(&f->why));
}

static enum follow_result
give_reader(struct follow *f)
{
	int status = reader_status(f->reader);

	f->failed = 1;
	give(
	    f, FOLLOW_END, status, status > 128 ? NULL : reader_why(f->reader));
	f->event.gone = status == EXIT_NOINPUT;
	return FOLLOW_END;
}

/* Commit. */

static void
commit_by(struct follow *f, int64_t due)
{
	if (f->commit_due == 0 || due < f->commit_due)
		f->commit_due = due;
}

/* What was read so far is written: move the cursor. */
static enum follow_result
commit(struct follow *f)
{
	const struct wire_cursor *to = reader_position(f->reader);

	f->commit_due = 0;
	if (f->o.cursor == NULL ||
	    (f->outlet->kind == OUTLET_COMMAND && f->taken > 0) ||
	    !reader_moved(f->reader))
		return FOLLOW_NONE;
	if (outlet_commit(f->outlet, to, reader_seen(f->reader)) != 0)
		return give_errno(f, f->outlet->name);
	f->from = *to;
	reader_commit(f->reader, &f->from);
	return FOLLOW_NONE;
}

static enum follow_result
sync_cursor(struct follow *f, int64_t time)
{
	switch (reader_sync(f->reader, date_mono() + time)) {
	case READER_FAILED: return give_reader(f);
	case READER_NONE:
		buf_clear(&f->why);
		buf_addf(&f->why,
		    "cursor %s: the broker did not confirm its move",
		    f->o.cursor);
		return give(f, FOLLOW_END, EXIT_UNAVAILABLE, buf_cstr(&f->why));
	default: return FOLLOW_NONE;
	}
}

/* Commands. */

/* Until the command ends, keep the cursor ours and pass signals on. */
static int
await_job(struct follow *f)
{
	struct job *job = &f->outlet->job;
	struct pollfd fds[] = { { .fd = job->pidfd, .events = POLLIN },
		{ .fd = reader_fd(f->reader), .events = POLLIN },
		{ .fd = app_signal_fd(), .events = POLLIN } };
	int told = 0;

	while (job->pidfd >= 0) {
		if (app_stop() != 0 && !told) {
			job_signal(job, app_stop());
			told = 1;
		}
		if (fds[1].fd >= 0 &&
		    reader_tend(f->reader, 0) == READER_FAILED)
			fds[1].fd = -1;
		if (poll(fds, told ? 2 : 3, 1000) > 0 && fds[0].revents != 0)
			break;
	}
	return outlet_ran(f->outlet);
}

/* The batch is complete: FOLLOW_NONE if it is done and committed. */
static enum follow_result
run_job(struct follow *f)
{
	struct wire_cursor to = *reader_position(f->reader);
	int status;

	if (f->taken == 0)
		return FOLLOW_NONE;
	if (outlet_run(f->outlet, &f->from, &to) != 0)
		return give_errno(f, f->outlet->command);
	status = await_job(f);
	if (status < 0)
		return give_errno(f, f->outlet->command);
	if (status > 0) {
		buf_clear(&f->why);
		buf_addf(&f->why,
		    "command ended with status %d: nothing is committed",
		    status);
		return give(f, FOLLOW_END, status, buf_cstr(&f->why));
	}
	f->taken = 0;
	f->from = to;
	reader_commit(f->reader, &to);
	return sync_cursor(f, SYNC_TIME);
}

/* Batches. */

static int
full(const struct follow *f)
{
	return f->o.count >= 0 && f->taken >= (uint64_t)f->o.count;
}

/* So many lines of the batch are written. */
static enum follow_result
end_batch(struct follow *f, uint64_t used)
{
	int empty = f->taken == f->before;

	f->phase = f->walking ? LIMITS : NEWS;
	f->events += f->taken - f->before;
	f->quiet = empty;
	if (!empty)
		f->seen = f->came;
	if (f->o.cursor == NULL)
		return FOLLOW_NONE;
	if (used < f->batch.n && reader_cut(f->reader, used) != READER_LINES)
		return give_reader(f);
	if (empty)
		commit_by(f, f->came + MOVED_PAUSE);
	else
		commit_by(f,
		    f->outlet->kind == OUTLET_FILE ? f->came + SINK_PAUSE
						   : f->came);
	return FOLLOW_NONE;
}

static enum follow_result
begin_batch(struct follow *f)
{
	const struct reader_batch *b = &f->batch;

	f->came = date_mono();
	f->before = f->taken;
	f->phase = PICK;
	if (f->o.as_is && pick_all(&f->pick) &&
	    (f->o.count < 0 || f->taken + b->n <= (uint64_t)f->o.count)) {
		if (outlet_lines(f->outlet, b->lines, b->len) != 0)
			return give_errno(f, f->outlet->name);
		f->taken += b->n;
		return end_batch(f, b->n);
	}
	if (pick_batch(&f->pick, b) != 0)
		return give(f, FOLLOW_FAILED, EXIT_PROTOCOL,
		    "broker: lines without their origin");
	return FOLLOW_NONE;
}

/* The event just picked, in its form. */
static enum follow_result
take_event(struct follow *f)
{
	const struct event *e = &f->pick.event;
	char topic[TOPIC_MAX + 1];
	const char *why, *at = "";
	size_t n = 0;

	f->taken++;
	if (outlet_event(
		f->outlet, e, f->o.meta ? &f->pick.origin : NULL, &why) == 0)
		return FOLLOW_NONE;
	if (event_has(e, EVENT_TOPIC))
		at = event_topic(e, topic, &n);
	return give_bad(f, at, n, why);
}

static enum follow_result
picked(struct follow *f)
{
	if (outlet_flush(f->outlet) != 0)
		return give_errno(f, f->outlet->name);
	return end_batch(f, f->pick.used);
}

/* One more of the batch, unless all asked for have come. */
static enum follow_result
pick_event(struct follow *f)
{
	static const char damaged[] = "damaged event";
	const char *why;

	if (full(f))
		return picked(f);
	switch (pick_next(&f->pick, &why)) {
	case PICK_EVENT: return take_event(f);
	case PICK_BAD: return give_bad(f, damaged, strlen(damaged), why);
	case PICK_BROKEN:
		return give(f, FOLLOW_FAILED, EXIT_PROTOCOL,
		    "broker: damaged origin of lines");
	default: return picked(f);
	}
}

/* Limits. */

static int64_t
earliest(int64_t a, int64_t b)
{
	return b > 0 && b < a ? b : a;
}

static int64_t
next_deadline(const struct follow *f)
{
	int64_t due = INT64_MAX;

	if (f->o.timeout > 0)
		due = earliest(due, f->started + f->o.timeout);
	if (f->o.idle > 0)
		due = earliest(due, f->seen + f->o.idle);
	if (f->quiet)
		due = earliest(due, f->o.until_due);
	due = earliest(due, f->every_due);
	return earliest(due, f->commit_due);
}

/* All that was asked for has come: the last batch, and our status. */
static enum follow_result
ended(struct follow *f)
{
	enum follow_result got = FOLLOW_NONE;

	if (f->outlet->kind == OUTLET_COMMAND)
		got = run_job(f);
	if (got != FOLLOW_NONE)
		return got;
	return give(f, FOLLOW_END, f->events > 0 ? EXIT_OK : EXIT_NO, NULL);
}

static enum follow_result
see_clock(struct follow *f)
{
	enum follow_result got = FOLLOW_NONE;
	int64_t now = date_mono();

	if (f->commit_due > 0 && now >= f->commit_due)
		got = commit(f);
	if (got == FOLLOW_NONE && f->every_due > 0 && now >= f->every_due) {
		got = run_job(f);
		f->every_due = date_mono() + f->o.every;
	}
	if (got != FOLLOW_NONE)
		return got;
	if (f->o.timeout > 0 && now >= f->started + f->o.timeout)
		return give(f, FOLLOW_END, EXIT_TIMEOUT, NULL);
	if ((f->o.idle > 0 && now >= f->seen + f->o.idle) ||
	    (f->o.until_due > 0 && now >= f->o.until_due && f->quiet))
		return ended(f);
	return FOLLOW_NONE;
}

/* Of number: the end, or one more batch for the command; then of time. */
static enum follow_result
see_limits(struct follow *f)
{
	enum follow_result got = FOLLOW_NONE;

	f->phase = READ;
	if (full(f) && f->outlet->kind != OUTLET_COMMAND)
		return give(f, FOLLOW_END, EXIT_OK, NULL);
	if (full(f))
		got = run_job(f);
	if (got != FOLLOW_NONE || f->walking)
		return got;
	return see_clock(f);
}

static enum follow_result
see_news(struct follow *f)
{
	uint64_t lost = reader_lost(f->reader);

	if (lost > 0) {
		give(f, FOLLOW_LOST, 0, NULL);
		f->event.lost = lost;
		return FOLLOW_LOST;
	}
	f->phase = LIMITS;
	if (reader_connects(f->reader) == f->connects)
		return FOLLOW_NONE;
	f->connects = reader_connects(f->reader);
	return give(f, FOLLOW_AGAIN, 0, NULL);
}

/* The run. */

/*
 * How many events to ask for at most.  Where many are wanted, or which ones
 * only shows here, fetching ahead and cutting the last batch costs less.
 */
static uint64_t
room(const struct follow *f)
{
	if (f->o.count < 0 || f->o.count > EXACT_MAX || !pick_all(&f->pick))
		return 0;
	return (uint64_t)f->o.count - f->taken;
}

static enum reader_result
next_batch(struct follow *f)
{
	if (f->walking)
		return reader_last(f->reader, &f->batch);
	reader_limit(f->reader, room(f));
	return reader_next(f->reader, &f->batch, next_deadline(f));
}

static enum follow_result
read_batch(struct follow *f)
{
	switch (next_batch(f)) {
	case READER_LINES: return begin_batch(f);
	case READER_STOPPED: return give(f, FOLLOW_END, 128 + app_stop(), NULL);
	case READER_FAILED: return give_reader(f);
	case READER_END:
		if (!f->walking || !f->o.live)
			return ended(f);
		f->walking = 0;
		return FOLLOW_NONE;
	case READER_NONE:
		f->quiet = 1;
		f->phase = NEWS;
		break;
	}
	return FOLLOW_NONE;
}

static enum follow_result
step(struct follow *f)
{
	switch (f->phase) {
	case READ: return read_batch(f);
	case PICK: return pick_event(f);
	case NEWS: return see_news(f);
	default: return see_limits(f);
	}
}

const struct follow_event *
follow_next(struct follow *f)
{
	enum follow_result got = FOLLOW_NONE;

	/* A cursor that is only to be set up is made durable all the same. */
	if (f->o.count == 0) {
		reader_commit(f->reader, reader_position(f->reader));
		got = give(f, FOLLOW_END, EXIT_OK, NULL);
	}
	while (got == FOLLOW_NONE)
		got = step(f);
	return &f->event;
}

const struct follow_event *
follow_finish(struct follow *f)
{
	enum follow_result got = FOLLOW_NONE;
	int status = f->event.status;

	if (f->commit_due > 0 && commit(f) == FOLLOW_FAILED)
		return &f->event;
	if (f->o.cursor != NULL && !f->failed)
		got = sync_cursor(f, status > 128 ? LEAVE_TIME : SYNC_TIME);
	if (got == FOLLOW_NONE)
		give(f, FOLLOW_END, status, NULL);
	if (status != EXIT_OK)
		f->event.status = status;
	if (f->event.status == EXIT_OK && f->bad > 0)
		f->event.status = EXIT_DATA;
	return &f->event;
}
