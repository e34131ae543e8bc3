#include "bus/flow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/flow_part.h"
#include "bus/origin.h"

enum {
	PIECE = 4096, /* goes into a pipe that can be written to (PIPE_BUF) */
	TEND = 500,   /* ms that a reader of ours may take, in between */
	LOOK = DATE_SECOND / 5,
	QUIET = DATE_SECOND,	     /* between two events: then time is told */
	LEAVE_TIME = 2 * DATE_SECOND /* for a reader, when asked to leave */
};

static char open_why[256];

enum follow_result
flow_give(
    struct flow *f, enum follow_result result, int status, const char *why)
{
	f->event = (struct follow_event){
		.result = result,
		.status = status,
		.why = why,
	};
	return result;
}

enum follow_result
flow_failed(struct flow *f, const struct reader *r)
{
	int status = app_stop() ? 128 + app_stop() : reader_status(r);

	flow_give(f, FOLLOW_END, status, status > 128 ? NULL : reader_why(r));
	f->event.gone = status == EXIT_NOINPUT;
	return FOLLOW_END;
}

int64_t
flow_now(const struct flow *f)
{
	return f->heard > f->at.t ? f->heard : f->at.t;
}

/* Writing. */

static enum follow_result
give_errno(struct flow *f)
{
	const char *why = strerror(errno);

	buf_clear(&f->text);
	buf_addf(&f->text, "%s: %s", f->outlet->name, why);
	return flow_give(f, FOLLOW_FAILED, EXIT_IO, buf_cstr(&f->text));
}

/* Whoever reads us may take long, but the cursor is ours meanwhile. */
static void
tend(struct flow *f)
{
	reader_tend(f->events, 0);
	reader_tend(f->marks, 0);
}

enum follow_result
flow_put(struct flow *f, const char *p, size_t n)
{
	struct pollfd fd = { .fd = f->outlet->fd, .events = POLLOUT };
	int64_t stopped = 0;
	int kept = 0;

	while (n > 0) {
		size_t piece = n < PIECE ? n : PIECE;
		if (poll(&fd, 1, TEND) == 0) {
			/* They are the reader's until then. */
			if (!kept) {
				buf_clear(&f->rest);
				buf_add(&f->rest, p, n);
				p = f->rest.p;
				kept = 1;
			}
			tend(f);
			if (app_stop() && stopped == 0)
				stopped = date_mono();
			if (stopped && date_mono() - stopped > LEAVE_TIME)
				return flow_failed(f, f->events);
			continue;
		}
		if (outlet_lines(f->outlet, p, piece) != 0)
			return give_errno(f);
		p += piece;
		n -= piece;
	}
	return FOLLOW_NONE;
}

enum follow_result
flow_put_mark(struct flow *f, const struct mark *m)
{
	buf_clear(&f->mark_line);
	mark_add(&f->mark_line, m, NULL);
	buf_addc(&f->mark_line, '\n');
	return flow_put(f, f->mark_line.p, f->mark_line.len);
}

static enum follow_result
put_time(struct flow *f)
{
	struct mark *m = &f->at;
	enum follow_result got;
	int done = m->done, end = m->end, idle = m->idle;

	m->t = f->heard;
	m->time = 1;
	m->done = m->end = m->idle = 0;
	got = flow_put_mark(f, m);
	m->time = 0;
	m->done = done;
	m->end = end;
	m->idle = idle;
	return got;
}

/* Behind n lines. */
static const char *
skip_lines(const char *p, const char *end, uint64_t n)
{
	const char *lf;

	while (n-- > 0 && p < end) {
		lf = memchr(p, '\n', (size_t)(end - p));
		p = lf != NULL ? lf + 1 : end;
	}
	return p;
}

/*
 * The batch's memory is the reader's: once it was tended that is another's, so
 * a batch with pauses in it is copied before.
 */
static enum follow_result
put_with_time(struct flow *f, const struct reader_batch *batch)
{
	enum follow_result got = FOLLOW_NONE;
	struct json_value meta = batch->meta;
	const char *at, *end, *to;
	struct json_walk w;
	struct origin o;

	buf_clear(&f->batch);
	buf_add(&f->batch, batch->lines, batch->len);
	at = f->batch.p;
	end = at + batch->len;
	buf_clear(&f->meta);
	buf_add(&f->meta, meta.p, meta.n);
	meta.p = f->meta.p;
	json_walk(&w, &meta);
	while (got == FOLLOW_NONE && origin_next(&w, &o) > 0) {
		if (o.rt > f->heard)
			f->heard = o.rt;
		if (f->heard > f->at.t + QUIET)
			got = put_time(f);
		to = skip_lines(at, end, o.n);
		if (got == FOLLOW_NONE)
			got = flow_put(f, at, (size_t)(to - at));
		at = to;
	}
	return got;
}

/* When the last event of the batch was received. */
static int64_t
last_received(const struct reader_batch *batch)
{
	int64_t last = 0;
	struct json_walk w;
	struct origin o;

	if (batch->meta.kind != JSON_ARRAY)
		return 0;
	json_walk(&w, &batch->meta);
	while (origin_next(&w, &o) > 0)
		if (o.rt > last)
			last = o.rt;
	return last;
}

enum follow_result
flow_put_batch(struct flow *f, const struct reader_batch *batch)
{
	int64_t last = last_received(batch);

	if (last > f->at.t + QUIET)
		return put_with_time(f, batch);
	if (last > f->heard)
		f->heard = last;
	return flow_put(f, batch->lines, batch->len);
}

/* Beginning. */

enum follow_result
flow_begin(struct flow *f)
{
	enum follow_result got;

	if (reader_go(f->marks, WIRE_FROM_CURSOR, &f->at.cursor) < 0)
		return flow_failed(f, f->marks);
	if (reader_go(f->events, WIRE_FROM_CURSOR, &f->at.cursor) < 0)
		return flow_failed(f, f->events);
	reader_until(f->marks, NULL);
	f->lines_at = f->lines.len;
	f->has_to = 0;
	f->phase = FLOW_FOLLOW;
	f->at.committed[0] = '\0';
	f->at.lead = f->at.end = f->at.idle = 0;
	got = flow_put_mark(f, &f->at);
	f->begun = 1;
	f->at.anew = 0;
	return got == FOLLOW_NONE ? flow_give(f, FOLLOW_NOTE, 0, NULL) : got;
}

static int
open_readers(struct flow *f, const struct reader_options *events, int *status,
    const char **why)
{
	struct reader_options dated = *events;
	struct reader_options marks = {
		.client = events->client,
		.again = events->again,
		.filters = &f->filter,
		.nfilters = 1,
		.name = f->o.cursor,
		.start = WIRE_FROM_NOW,
		.skip_gone = 1,
		.hold = &f->begin,
	};

	dated.meta = 1;
	f->events = reader_open(&dated, status, why);
	if (f->events == NULL)
		return -1;
	f->begin = *reader_position(f->events);
	f->marks = reader_open(&marks, status, why);
	return f->marks == NULL ? -1 : 0;
}

static int
peek(struct flow *f, int *status, const char **why)
{
	const char *reason;

	if (f->o.state == NULL || memo_peek(&f->peek, f->o.state, &reason) == 0)
		return 0;
	snprintf(open_why, sizeof open_why, "%s: %s", f->o.state, reason);
	*why = open_why;
	*status = EXIT_IO;
	return -1;
}

struct flow *
flow_open(const struct reader_options *events, const struct flow_options *o,
    struct outlet *outlet, int *status, const char **why)
{
	struct flow *f = xcalloc(1, sizeof *f);

	f->o = *o;
	f->outlet = outlet;
	wire_mark_topic(f->topic, o->actor, o->cursor);
	f->filter = f->topic;
	f->start = date_now();
	if (peek(f, status, why) < 0 ||
	    open_readers(f, events, status, why) < 0) {
		flow_close(f);
		return NULL;
	}
	f->started = f->seen = date_mono();
	f->connects = reader_connects(f->events);
	f->retry = events->client.retry;
	return f;
}

void
flow_close(struct flow *f)
{
	if (f == NULL)
		return;
	reader_close(f->events);
	reader_close(f->marks);
	memo_peek_fini(&f->peek);
	buf_fini(&f->lines);
	buf_fini(&f->mark_line);
	buf_fini(&f->rest);
	buf_fini(&f->batch);
	buf_fini(&f->meta);
	buf_fini(&f->text);
	free(f);
}

uint64_t
flow_events(const struct flow *f)
{
	return f->count;
}

/* Following. */

/* The mark that whoever leads has made next, or none so far. */
static enum follow_result
take_next(struct flow *f)
{
	while (!f->has_to && flow_stored(f, &f->to))
		f->has_to = f->to.n > f->at.n;
	if (!f->has_to)
		return FOLLOW_NONE;
	if (f->to.deleted) {
		buf_clear(&f->text);
		buf_addf(&f->text, "cursor %s was deleted", f->o.cursor);
		return flow_give(
		    f, FOLLOW_FAILED, EXIT_UNAVAILABLE, buf_cstr(&f->text));
	}
	reader_until(f->events, &f->to.cursor);
	return FOLLOW_NONE;
}

/* The cursor is ours: one more look at the marks, and we lead. */
static enum follow_result
settle(struct flow *f, enum reader_result got)
{
	struct wire_cursor row;

	if (got == READER_END)
		return flow_begin_to_lead(f);
	if (f->settled)
		return FOLLOW_NONE;
	if (reader_held(f->marks, &row)) {
		f->settled = 1;
		if (reader_until_now(f->marks) < 0)
			return flow_failed(f, f->marks);
		return FOLLOW_NONE;
	}
	if (f->told_standby)
		return FOLLOW_NONE;
	f->told_standby = 1;
	buf_clear(&f->text);
	buf_addf(&f->text, "standing by: cursor %s is in use", f->o.cursor);
	return flow_give(f, FOLLOW_NOTE, 0, buf_cstr(&f->text));
}

static enum follow_result
await_mark(struct flow *f)
{
	struct wire_cursor row;
	int ours = reader_held(f->marks, &row) && !f->settled;
	enum reader_result got =
	    flow_take_marks(f, ours ? 0 : date_mono() + LOOK);

	switch (got) {
	case READER_LINES: return take_next(f);
	case READER_NONE:
	case READER_END: return settle(f, got);
	default: return flow_failed(f, f->marks);
	}
}

static enum follow_result
pass_mark(struct flow *f)
{
	f->at = f->to;
	f->has_to = 0;
	f->at.committed[0] = '\0';
	f->at.end = f->at.idle = f->at.lead = 0;
	return flow_put_mark(f, &f->at);
}

static enum follow_result
follow(struct flow *f)
{
	struct reader_batch batch;

	if (!f->has_to)
		return await_mark(f);
	switch (reader_next(f->events, &batch, date_mono() + LOOK)) {
	case READER_LINES:
		f->count += batch.n;
		if (batch.n > 0)
			f->seen = date_mono();
		return flow_put_batch(f, &batch);
	case READER_NONE: return FOLLOW_NONE;
	case READER_END: return pass_mark(f);
	default: return flow_failed(f, f->events);
	}
}

/* The whole. */

/* Who stands by writes nothing that would show it. */
static int
is_unread(const struct flow *f)
{
	struct pollfd fd = { .fd = f->outlet->fd };

	return poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR);
}

/* Limits of a run that does not lead yet. */
static enum follow_result
see_limits(struct flow *f)
{
	int64_t now = date_mono();
	struct wire_cursor row;

	if (f->phase == FLOW_LEAD || f->phase == FLOW_LEAVE)
		return FOLLOW_NONE;
	if (app_stop() != 0)
		return flow_give(f, FOLLOW_END, 128 + app_stop(), NULL);
	if (is_unread(f))
		return flow_give(f, FOLLOW_END, 128 + SIGPIPE, NULL);
	if (f->o.timeout > 0 && now >= f->started + f->o.timeout)
		return flow_give(f, FOLLOW_END, EXIT_TIMEOUT, NULL);
	if (!f->o.until_end || now < f->started + f->retry ||
	    reader_held(f->marks, &row))
		return FOLLOW_NONE;
	buf_clear(&f->text);
	buf_addf(&f->text, "cursor %s is in use", f->o.cursor);
	return flow_give(
	    f, FOLLOW_FAILED, EXIT_UNAVAILABLE, buf_cstr(&f->text));
}

static enum follow_result
see_news(struct flow *f)
{
	uint64_t lost = reader_lost(f->events);

	if (lost > 0) {
		flow_give(f, FOLLOW_LOST, 0, NULL);
		f->event.lost = lost;
		return FOLLOW_LOST;
	}
	if (reader_connects(f->events) == f->connects)
		return FOLLOW_NONE;
	f->connects = reader_connects(f->events);
	return flow_give(f, FOLLOW_AGAIN, 0, NULL);
}

static enum follow_result
step(struct flow *f)
{
	enum follow_result got = see_limits(f);

	if (got == FOLLOW_NONE)
		got = see_news(f);
	if (got != FOLLOW_NONE)
		return got;
	switch (f->phase) {
	case FLOW_FOLLOW: return follow(f);
	case FLOW_LEAD:
		return app_stop() ? flow_end(f, 128 + app_stop())
				  : flow_lead(f);
	case FLOW_LEAVE: return flow_leave(f);
	default: return flow_find(f);
	}
}

const struct follow_event *
flow_next(struct flow *f)
{
	enum follow_result got = FOLLOW_NONE;

	while (got == FOLLOW_NONE)
		got = step(f);
	return &f->event;
}
