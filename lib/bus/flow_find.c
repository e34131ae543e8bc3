/* Where a flow begins. */
#include <stdio.h>
#include <string.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/flow_part.h"
#include "bus/origin.h"

enum { LOOK = DATE_SECOND / 5 };

enum reader_result
flow_take_marks(struct flow *f, int64_t deadline)
{
	struct reader_batch batch;
	enum reader_result got;

	if (f->lines_at < f->lines.len)
		return READER_LINES;
	got = reader_next(f->marks, &batch, deadline);
	if (got != READER_LINES)
		return got;
	f->lines_at = 0;
	buf_clear(&f->lines);
	buf_add(&f->lines, batch.lines, batch.len);
	return READER_LINES;
}

int
flow_stored(struct flow *f, struct mark *m)
{
	const char *why;

	while (f->lines_at < f->lines.len) {
		const char *p = f->lines.p + f->lines_at;
		const char *lf = memchr(p, '\n', f->lines.len - f->lines_at);
		size_t n =
		    lf != NULL ? (size_t)(lf - p) : f->lines.len - f->lines_at;
		f->lines_at += n + (lf != NULL);
		if (mark_parse(m, p, n, &why) == 0 && m->done &&
		    strcmp(m->name, f->o.cursor) == 0)
			return 1;
	}
	return 0;
}

/* The newest mark of all, from the last values. */
static enum follow_result
find_newest(struct flow *f)
{
	struct reader_batch batch;
	struct mark m;

	for (;;) {
		switch (reader_last(f->marks, &batch)) {
		case READER_LINES: break;
		case READER_END: return FOLLOW_NONE;
		default: return flow_failed(f, f->marks);
		}
		buf_clear(&f->lines);
		buf_add(&f->lines, batch.lines, batch.len);
		f->lines_at = 0;
		while (flow_stored(f, &m)) {
			f->newest = m;
			f->has_newest = 1;
		}
	}
}

static enum follow_result
begin_at(struct flow *f, const struct mark *m)
{
	f->at = *m;
	f->at.done = 1;
	return flow_begin(f);
}

/* When the first event from there on was received, or now. */
static int64_t
time_of(struct flow *f, const struct wire_cursor *cursor)
{
	struct reader_batch batch;
	struct json_walk w;
	struct origin o;
	int64_t now = date_now();

	if (reader_go(f->events, WIRE_FROM_CURSOR, cursor) == 0 &&
	    reader_next(f->events, &batch, date_mono() + LOOK) ==
		READER_LINES &&
	    batch.meta.kind == JSON_ARRAY) {
		json_walk(&w, &batch.meta);
		if (origin_next(&w, &o) > 0 && o.rt < now)
			return o.rt;
	}
	return now;
}

/* A mark where nothing is known yet. */
static enum follow_result
begin_anew(struct flow *f, const struct wire_cursor *cursor, uint64_t n)
{
	struct mark *m = &f->at;

	snprintf(m->name, sizeof m->name, "%s", f->o.cursor);
	snprintf(m->id, sizeof m->id, "%lld.0", (long long)f->start);
	m->t = time_of(f, cursor);
	m->done = m->anew = 1;
	m->n = n;
	m->cursor = *cursor;
	return flow_begin(f);
}

/* Without any state: all there is, and all marks in it. */
static enum follow_result
begin_at_oldest(struct flow *f)
{
	struct wire_cursor oldest;
	enum follow_result got;

	if (reader_go(f->events, WIRE_FROM_BEGIN, NULL) < 0)
		return flow_failed(f, f->events);
	oldest = *reader_position(f->events);
	got = begin_anew(f, &oldest, 0);
	if (got != FOLLOW_NONE)
		return got;
	buf_clear(&f->text);
	buf_addf(&f->text, "%s holds no state: from the oldest event there is",
	    f->o.state);
	return flow_give(f, FOLLOW_NOTE, 0, buf_cstr(&f->text));
}

static int
is_saved(const struct flow *f, const struct mark *m)
{
	for (size_t i = 0; i < f->peek.n; i++)
		if (strcmp(f->peek.mark[i].id, m->id) == 0)
			return 1;
	return 0;
}

static enum follow_result
find(struct flow *f)
{
	enum follow_result got = find_newest(f);

	if (got != FOLLOW_NONE)
		return got;
	f->phase = FLOW_WAIT;
	if (!f->has_newest || f->newest.deleted)
		return FOLLOW_NONE;
	if (f->o.state == NULL || is_saved(f, &f->newest))
		return begin_at(f, &f->newest);
	if (f->peek.n == 0)
		return begin_at_oldest(f);
	f->phase = FLOW_SCAN;
	if (reader_go(f->marks, WIRE_FROM_CURSOR,
		&f->peek.mark[f->peek.n - 1].cursor) < 0 ||
	    reader_until_now(f->marks) < 0)
		return flow_failed(f, f->marks);
	f->lines_at = f->lines.len;
	return FOLLOW_NONE;
}

static enum follow_result
begin_at_saved(struct flow *f)
{
	const struct mark *oldest = &f->peek.mark[f->peek.n - 1];
	int twins;

	if (f->has_to)
		return begin_at(f, &f->to);
	/* The beginning of a flow, which others have gone on from. */
	if (oldest->anew && !f->ended)
		return begin_at(f, oldest);
	twins = reader_twins(f->marks);
	buf_clear(&f->text);
	buf_addf(&f->text,
	    "%s: what it holds belongs to no mark that the broker has (remove "
	    "it to begin with the oldest event)",
	    f->o.state);
	/* What it lacks may be on its way from the other one. */
	return flow_give(f, FOLLOW_FAILED,
	    twins ? EXIT_UNAVAILABLE : EXIT_CONFIG, buf_cstr(&f->text));
}

/* The newest saved mark among those that the broker has. */
static enum follow_result
scan(struct flow *f)
{
	struct mark m;

	switch (flow_take_marks(f, date_mono() + LOOK)) {
	case READER_LINES: break;
	case READER_NONE: return FOLLOW_NONE;
	case READER_END: return begin_at_saved(f);
	default: return flow_failed(f, f->marks);
	}
	while (flow_stored(f, &m)) {
		/* What comes after a deletion has nothing to do with it. */
		if (m.deleted) {
			f->has_to = 0;
			f->ended = 1;
		} else if (is_saved(f, &m)) {
			f->to = m;
			f->has_to = 1;
		}
		if (m.t > f->peek.mark[0].t)
			return begin_at_saved(f);
	}
	return FOLLOW_NONE;
}

/* Somebody else has made the first mark. */
static enum follow_result
take_first(struct flow *f)
{
	struct mark m;

	while (flow_stored(f, &m))
		if (!m.deleted)
			return f->o.state != NULL ? begin_at_oldest(f)
						  : begin_at(f, &m);
	return FOLLOW_NONE;
}

static enum follow_result
await_cursor(struct flow *f)
{
	struct wire_cursor row;

	if (reader_held(f->marks, &row))
		return begin_anew(f, &row, f->has_newest ? f->newest.n : 0);
	switch (flow_take_marks(f, date_mono() + LOOK)) {
	case READER_LINES: return take_first(f);
	case READER_NONE:
	case READER_END: return FOLLOW_NONE;
	default: return flow_failed(f, f->marks);
	}
}

enum follow_result
flow_find(struct flow *f)
{
	switch (f->phase) {
	case FLOW_FIND: return find(f);
	case FLOW_SCAN: return scan(f);
	default: return await_cursor(f);
	}
}
