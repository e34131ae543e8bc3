#include "broker/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"

struct store {
	struct log *log;
	struct last *last;
	size_t memory, held;
	struct store_frame **ring; /* power of two of slots */
	size_t slots, first, count;
	struct log_run own; /* the log of a broker without a store */
};

struct store_frame *
store_frame_new(uint32_t events)
{
	struct store_frame *frame =
	    xmalloc(sizeof *frame + events * sizeof(struct last_topic *) +
		((size_t)events + 1) * sizeof(uint32_t));

	memset(frame, 0, sizeof *frame);
	frame->events = events;
	frame->topic = (struct last_topic **)(void *)(frame + 1);
	frame->at = (uint32_t *)(void *)(frame->topic + events);
	return frame;
}

void
store_frame_free(struct store_frame *frame)
{
	if (frame == NULL)
		return;
	blob_unref(frame->f.body);
	free(frame->summary);
	free(frame);
}

void
store_frame_summary(struct store_frame *frame, struct summary *summary)
{
	uint8_t bytes[FRAME_SUMMARY_MAX];
	size_t n = summary_finish(summary, bytes);

	frame->summary = xmalloc(n);
	memcpy(frame->summary, bytes, n);
	frame->f.head.summary = frame->summary;
	frame->f.head.summary_len = (uint32_t)n;
}

static size_t
frame_size(const struct store_frame *frame)
{
	return sizeof *frame + frame->f.body->cap +
	    frame->events * (sizeof(struct last_topic *) + 4);
}

struct store *
store_new(struct log *log, const char *name, size_t memory, struct last *last)
{
	struct store *s = xcalloc(1, sizeof *s);

	s->log = log;
	s->last = last;
	s->memory = memory;
	s->slots = 64;
	s->ring = xcalloc(s->slots, sizeof(struct store_frame *));
	if (log == NULL) {
		strncpy(s->own.name, name, sizeof s->own.name - 1);
		s->own.start = (uint64_t)date_now();
		s->own.first = 1;
	}
	return s;
}

static struct store_frame *
held(const struct store *s, size_t i)
{
	return s->ring[(s->first + i) & (s->slots - 1)];
}

void
store_free(struct store *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->count; i++)
		store_frame_free(held(s, i));
	free(s->ring);
	free(s);
}

size_t
store_runs(const struct store *s)
{
	return s->log != NULL ? log_runs(s->log) : 1;
}

const struct log_run *
store_run(const struct store *s, size_t i)
{
	return s->log != NULL ? log_run_at(s->log, i) : &s->own;
}

struct log_place
store_now(const struct store *s)
{
	size_t run = store_runs(s) - 1;

	return (struct log_place){ (uint32_t)run, store_run(s, run)->end };
}

/* Keep the last values among the lines of a frame about to go. */
static void
keep_last(struct store *s, const struct store_frame *frame)
{
	const struct frame_head *h = &frame->f.head;
	uint32_t i;

	for (i = 0; i < frame->events; i++)
		if (frame->topic[i] != NULL && frame->topic[i]->n == h->n + i)
			last_keep(s->last, frame->topic[i],
			    h->lines + frame->at[i],
			    frame->at[i + 1] - frame->at[i] - 1, h->rt,
			    h->from);
}

static void
drop_first(struct store *s)
{
	struct store_frame *frame = held(s, 0);

	if (s->log == NULL) {
		keep_last(s, frame);
		s->own.first = frame->f.head.n + frame->events;
	}
	s->held -= frame_size(frame);
	s->first++;
	s->count--;
	store_frame_free(frame);
}

static void
grow(struct store *s)
{
	struct store_frame **ring =
	    xcalloc(s->slots * 2, sizeof(struct store_frame *));
	size_t i;

	for (i = 0; i < s->count; i++)
		ring[i] = held(s, i);
	free(s->ring);
	s->ring = ring;
	s->slots *= 2;
	s->first = 0;
}

void
store_add(struct store *s, struct store_frame *frame)
{
	if (s->count == s->slots)
		grow(s);
	s->ring[(s->first + s->count++) & (s->slots - 1)] = frame;
	s->held += frame_size(frame);
	if (s->log == NULL)
		s->own.end = frame->f.head.n + frame->events - 1;
	while (s->held > s->memory && s->count > 1)
		drop_first(s);
}

size_t
store_memory(const struct store *s)
{
	return s->held;
}

static void
stand_on(struct store_view *v, size_t index)
{
	v->index = index;
	v->memory = held(v->store, index);
	v->head = v->memory->f.head;
}

/* The held frame that has event n, or -1. */
static long
find_held(const struct store *s, struct log_place place)
{
	uint64_t n = place.n + 1;
	size_t low = 0, high = s->count, mid;

	if (s->count == 0 || held(s, 0)->run != place.run ||
	    n < held(s, 0)->f.head.n)
		return -1;
	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (held(s, mid)->f.head.n <= n)
			low = mid;
		else
			high = mid;
	}
	return n < held(s, low)->f.head.n + held(s, low)->events ? (long)low
								 : -1;
}

static int
stand_on_log(struct store_view *v, int found)
{
	v->open = found > 0;
	v->memory = NULL;
	v->head = v->log.head;
	return found;
}

int
store_view(struct store_view *v, struct store *s, struct log_place place)
{
	long index = find_held(s, place);

	v->store = s;
	v->open = 0;
	if (index >= 0) {
		stand_on(v, (size_t)index);
		return 1;
	}
	if (s->log == NULL || place.run >= store_runs(s) ||
	    store_run(s, place.run)->end <= place.n)
		return 0;
	place.n++;
	return stand_on_log(v, log_view(&v->log, s->log, place));
}

int
store_view_next(struct store_view *v)
{
	if (v->memory == NULL)
		return stand_on_log(v, log_view_next(&v->log));
	if (v->index + 1 >= v->store->count)
		return 0;
	stand_on(v, v->index + 1);
	return 1;
}

void
store_view_end(struct store_view *v)
{
	if (v->open)
		log_view_end(&v->log);
	v->open = 0;
}

void
store_skip(struct store *s, struct log_place *place, uint64_t *lost)
{
	const struct log_run *run;

	*lost = 0;
	for (;;) {
		run = store_run(s, place->run);
		if (place->n + 1 < run->first) {
			*lost += run->first - 1 - place->n;
			place->n = run->first - 1;
		}
		if (place->n < run->end || place->run + 1 >= store_runs(s))
			return;
		*place = (struct log_place){ place->run + 1, 0 };
	}
}

static void
seek_held(const struct store *s, int64_t rt, struct log_place *place)
{
	size_t low = 0, high = s->count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (held(s, mid)->f.head.rt < rt)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < s->count)
		place->n = held(s, low)->f.head.n - 1;
	else
		*place = store_now(s);
}

int
store_seek(struct store *s, int64_t rt, struct log_place *place)
{
	if (s->log == NULL) {
		place->run = 0;
		seek_held(s, rt, place);
		return 0;
	}
	if (log_seek(s->log, rt, place) != 0)
		return -1;
	place->n--;
	return 0;
}

int
store_kept(struct store *s, const struct last_topic *topic, struct buf *b)
{
	const struct last_kept *kept;
	struct buf space = { 0 };
	struct log_row row;
	int found;

	if (s->log == NULL) {
		kept = last_kept(s->last, topic);
		if (kept != NULL)
			buf_add(b, kept->line, kept->len);
		return kept != NULL;
	}
	found = log_kept(s->log, topic->text, topic->len, &row, &space);
	if (found == 1)
		buf_add(b, row.line, row.len);
	buf_fini(&space);
	return found;
}

const char *
store_find_line(const struct frame_head *head, uint64_t n, size_t *len)
{
	const char *p = head->lines, *end = p + head->len;
	uint64_t i;

	for (i = head->n; i < n; i++)
		p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
	*len = (size_t)((const char *)memchr(p, '\n', (size_t)(end - p)) - p);
	return p;
}

const char *
store_view_line(const struct store_view *v, uint64_t n, size_t *len)
{
	const uint32_t *at;

	if (v->memory == NULL)
		return store_find_line(&v->head, n, len);
	at = &v->memory->at[n - v->head.n];
	*len = at[1] - at[0] - 1;
	return v->head.lines + at[0];
}
