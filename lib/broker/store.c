#include "broker/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"

enum { RUNS_MAX = 1 << 16 };

/* The frames of one log that are in memory, oldest first. */
struct ring {
	struct store_frame **slot; /* power of two of slots */
	size_t slots, first, count;
};

struct store {
	struct log *log;
	struct last *last;
	size_t memory, held;
	struct store_frame *oldest, *newest; /* of all that are held */
	struct ring *ring;		     /* by run */
	size_t rings;
	struct log_run **run; /* the logs of a broker without a store */
	size_t runs;
	int settled;
	uint32_t *order; /* runs by name and start number */
	uint32_t *rank;	 /* where in order each run is */
	size_t ordered;
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
	free(frame->mark);
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

/* Logs. */

size_t
store_runs(const struct store *s)
{
	return s->log != NULL ? log_runs(s->log) : s->runs;
}

const struct log_run *
store_run(const struct store *s, size_t i)
{
	return s->log != NULL ? log_run_at(s->log, i) : s->run[i];
}

uint32_t
store_own(const struct store *s)
{
	return s->log != NULL ? log_own(s->log) : 0;
}

static int
compare_run(const struct log_run *run, const char *name, uint64_t start)
{
	int c = strcmp(run->name, name);

	return c != 0 ? c : (run->start > start) - (run->start < start);
}

/* How many logs in order come before that one. */
static size_t
count_before(const struct store *s, const char *name, uint64_t start)
{
	size_t low = 0, high = s->ordered, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (compare_run(store_run(s, s->order[mid]), name, start) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Take the next log into the order. */
static void
order_run(struct store *s)
{
	uint32_t run = (uint32_t)s->ordered;
	const struct log_run *r = store_run(s, run);
	size_t at = count_before(s, r->name, r->start), i;

	s->order = xrealloc(s->order, (s->ordered + 1) * sizeof *s->order);
	s->rank = xrealloc(s->rank, (s->ordered + 1) * sizeof *s->rank);
	memmove(s->order + at + 1, s->order + at,
	    (s->ordered - at) * sizeof *s->order);
	s->order[at] = run;
	s->ordered++;
	for (i = at; i < s->ordered; i++)
		s->rank[s->order[i]] = (uint32_t)i;
}

/* The log at that place of the order if it is that broker's. */
static uint32_t
run_ranked(const struct store *s, size_t at, const char *name)
{
	if (at >= s->ordered ||
	    strcmp(store_run(s, s->order[at])->name, name) != 0)
		return STORE_RUN_NONE;
	return s->order[at];
}

uint32_t
store_find(const struct store *s, const char *name, uint64_t start)
{
	uint32_t run = run_ranked(s, count_before(s, name, start), name);

	if (run != STORE_RUN_NONE && store_run(s, run)->start != start)
		return STORE_RUN_NONE;
	return run;
}

uint32_t
store_after(const struct store *s, uint32_t run)
{
	return run_ranked(s, s->rank[run] + (size_t)1, store_run(s, run)->name);
}

uint32_t
store_oldest(const struct store *s, const char *name)
{
	return run_ranked(s, count_before(s, name, 0), name);
}

static struct log_run *
new_run(struct store *s, const char *name, uint64_t start)
{
	struct log_run *run = xcalloc(1, sizeof *run);

	strncpy(run->name, name, sizeof run->name - 1);
	run->start = start;
	run->first = 1;
	run->open = 1;
	s->run = xrealloc(s->run, (s->runs + 1) * sizeof(struct log_run *));
	s->run[s->runs++] = run;
	run->own = strcmp(run->name, s->run[0]->name) == 0;
	return run;
}

static int
add_run(struct store *s, const char *name, uint64_t start)
{
	size_t n = strlen(name), i;
	struct log_run *run;

	if (n == 0 || n >= sizeof run->name)
		errno = EINVAL;
	else if (s->runs >= RUNS_MAX)
		errno = EBUSY;
	else if (store_find(s, name, start) != STORE_RUN_NONE)
		errno = EEXIST;
	else {
		run = new_run(s, name, start);
		run->open = !run->own || !s->settled;
		for (i = 0; !run->own && i < s->runs; i++) {
			if (strcmp(s->run[i]->name, name) != 0)
				continue;
			if (s->run[i]->start < start)
				s->run[i]->open = 0;
			else if (s->run[i]->start > start)
				run->open = 0;
		}
		return 0;
	}
	return -1;
}

int
store_run_add(struct store *s, const char *name, uint64_t start, uint32_t *run)
{
	int r = s->log != NULL ? log_run_add(s->log, name, start, run)
			       : add_run(s, name, start);

	if (r == -1)
		return -1;
	*run = (uint32_t)s->ordered;
	order_run(s);
	return 0;
}

void
store_settle(struct store *s)
{
	size_t i;

	if (s->log != NULL)
		log_settle(s->log);
	s->settled = 1;
	for (i = 1; i < s->runs; i++)
		if (s->run[i]->own)
			s->run[i]->open = 0;
}

void
store_pass(struct store *s, uint64_t start)
{
	/* If it fails the next start of ours is told the same. */
	if (s->log != NULL)
		log_pass(s->log, start);
}

struct store *
store_new(struct log *log, const char *name, size_t memory, struct last *last)
{
	struct store *s = xcalloc(1, sizeof *s);

	s->log = log;
	s->last = last;
	s->memory = memory;
	if (log == NULL)
		new_run(s, name, (uint64_t)date_now());
	while (s->ordered < store_runs(s))
		order_run(s);
	return s;
}

void
store_free(struct store *s)
{
	struct store_frame *frame, *next;
	size_t i;

	if (s == NULL)
		return;
	for (frame = s->oldest; frame != NULL; frame = next) {
		next = frame->next;
		store_frame_free(frame);
	}
	for (i = 0; i < s->rings; i++)
		free(s->ring[i].slot);
	for (i = 0; i < s->runs; i++)
		free(s->run[i]);
	free(s->ring);
	free(s->run);
	free(s->order);
	free(s->rank);
	free(s);
}

/* Frames in memory. */

/* Keep the last values among the lines of a frame about to go. */
static void
keep_last(struct store *s, const struct store_frame *frame)
{
	const struct frame_head *h = &frame->f.head;
	uint32_t i;

	for (i = 0; i < frame->events; i++)
		if (frame->topic[i] != NULL &&
		    frame->topic[i]->run == frame->f.run &&
		    frame->topic[i]->n == h->n + i)
			last_keep(s->last, frame->topic[i],
			    h->lines + frame->at[i],
			    frame->at[i + 1] - frame->at[i] - 1, h->rt,
			    h->from);
}

static struct store_frame *
held(const struct ring *ring, size_t i)
{
	return ring->slot[(ring->first + i) & (ring->slots - 1)];
}

static uint64_t
frame_end(const struct store_frame *frame)
{
	return frame->f.head.n + frame->events;
}

static void
drop_oldest(struct store *s)
{
	struct store_frame *frame = s->oldest;
	struct ring *ring = &s->ring[frame->f.run];
	struct log_run *run;

	if (s->log == NULL) {
		keep_last(s, frame);
		run = s->run[frame->f.run];
		if (run->first < frame_end(frame))
			run->first = frame_end(frame);
	}
	s->held -= frame_size(frame);
	s->oldest = frame->next;
	ring->first++;
	if (--ring->count == 0 && frame->f.run != store_own(s)) {
		free(ring->slot);
		*ring = (struct ring){ 0 };
	}
	store_frame_free(frame);
}

static void
grow(struct ring *ring)
{
	size_t slots = ring->slots == 0 ? 64 : ring->slots * 2, i;
	struct store_frame **slot = xcalloc(slots, sizeof *slot);

	for (i = 0; i < ring->count; i++)
		slot[i] = held(ring, i);
	free(ring->slot);
	ring->slot = slot;
	ring->slots = slots;
	ring->first = 0;
}

static struct ring *
ring_of(struct store *s, uint32_t run)
{
	size_t n = store_runs(s);

	if (run >= s->rings) {
		s->ring = xrealloc(s->ring, n * sizeof *s->ring);
		memset(s->ring + s->rings, 0, (n - s->rings) * sizeof *s->ring);
		s->rings = n;
	}
	return &s->ring[run];
}

/* Without a log it is the store that knows how far a run goes. */
/* As log.h says: what comes back of ours comes in order. */
static void
close_earlier(struct store *s, const struct log_run *run)
{
	size_t i;

	for (i = 0; i < s->runs; i++)
		if (s->run[i]->own && s->run[i]->start < run->start)
			s->run[i]->open = 0;
}

static void
move_end(struct store *s, const struct store_frame *frame)
{
	struct log_run *run = s->run[frame->f.run];

	if (frame->f.head.n != run->end + 1)
		run->first = frame->f.head.n;
	run->end = frame_end(frame) - 1;
	if (run->own && frame->f.run != store_own(s))
		close_earlier(s, run);
}

void
store_add(struct store *s, struct store_frame *frame)
{
	struct ring *ring = ring_of(s, frame->f.run);

	if (ring->count == ring->slots)
		grow(ring);
	ring->slot[(ring->first + ring->count++) & (ring->slots - 1)] = frame;
	frame->next = NULL;
	if (s->oldest == NULL)
		s->oldest = frame;
	else
		s->newest->next = frame;
	s->newest = frame;
	s->held += frame_size(frame);
	if (s->log == NULL)
		move_end(s, frame);
	while (s->held > s->memory && s->oldest != s->newest)
		drop_oldest(s);
}

size_t
store_memory(const struct store *s)
{
	return s->held;
}

static void
stand_on(struct store_view *v, const struct ring *ring, size_t index)
{
	v->index = index;
	v->memory = held(ring, index);
	v->head = v->memory->f.head;
}

/* The held frame that has event place.n + 1, or -1. */
static long
find_held(const struct ring *ring, uint64_t n)
{
	size_t low = 0, high = ring->count, mid;

	if (ring->count == 0 || n < held(ring, 0)->f.head.n)
		return -1;
	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (held(ring, mid)->f.head.n <= n)
			low = mid;
		else
			high = mid;
	}
	return n < frame_end(held(ring, low)) ? (long)low : -1;
}

/* Views. */

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
	long index = -1;

	v->store = s;
	v->open = 0;
	if (place.run < s->rings)
		index = find_held(&s->ring[place.run], place.n + 1);
	if (index >= 0) {
		stand_on(v, &s->ring[place.run], (size_t)index);
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
	const struct ring *ring;
	uint64_t end;

	if (v->memory == NULL)
		return stand_on_log(v, log_view_next(&v->log));
	ring = &v->store->ring[v->memory->f.run];
	end = frame_end(v->memory);
	if (v->index + 1 >= ring->count ||
	    held(ring, v->index + 1)->f.head.n != end)
		return 0;
	stand_on(v, ring, v->index + 1);
	return 1;
}

void
store_view_end(struct store_view *v)
{
	if (v->open)
		log_view_end(&v->log);
	v->open = 0;
}

static uint64_t
seek_held(const struct store *s, uint32_t run, int64_t rt)
{
	const struct ring none = { 0 };
	const struct ring *ring = run < s->rings ? &s->ring[run] : &none;
	size_t low = 0, high = ring->count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (held(ring, mid)->f.head.rt < rt)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < ring->count)
		return held(ring, low)->f.head.n - 1;
	return store_run(s, run)->end;
}

int
store_seek(struct store *s, uint32_t run, int64_t rt, uint64_t *n)
{
	uint64_t gone = store_run(s, run)->first - 1;

	if (s->log == NULL)
		*n = seek_held(s, run, rt);
	else if (log_seek(s->log, run, rt, n) == 0)
		--*n;
	else
		return -1;
	if (*n < gone)
		*n = gone;
	return 0;
}

int
store_kept(struct store *s, const struct last_topic *topic, struct log_row *row,
    struct buf *space)
{
	const struct last_kept *kept;

	if (s->log != NULL)
		return log_kept(s->log, topic->text, topic->len, row, space);
	kept = last_kept(s->last, topic);
	if (kept == NULL)
		return 0;
	*row = (struct log_row){ .topic = topic->text,
		.topic_len = topic->len,
		.line = kept->line,
		.len = kept->len,
		.rt = kept->rt,
		.from = kept->from };
	return 1;
}

int64_t
store_newest(struct store *s, const struct last_topic *topic)
{
	struct log_place before = { topic->run, topic->n - 1 };
	struct buf space = { 0 };
	struct store_view v;
	struct log_row row;
	int64_t rt = INT64_MIN;

	if (topic->n == 0)
		return rt;
	if (store_view(&v, s, before) == 1) {
		rt = v.head.rt;
		store_view_end(&v);
		return rt;
	}
	if (store_kept(s, topic, &row, &space) == 1)
		rt = row.rt;
	buf_fini(&space);
	return rt;
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
