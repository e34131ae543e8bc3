#include "broker/trail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* All of a log, whatever it may still get. */
#define ALL ((uint64_t)INT64_MAX)

/* The logs of one broker are a chain; any of its logs stands for it. */

static int
same_chain(const struct log_run *a, const struct log_run *b)
{
	return a->own == b->own && (a->own || strcmp(a->name, b->name) == 0);
}

/*
 * The chain after prev: our own comes first, then the others by name.
 * STORE_RUN_NONE begins and ends.
 */
static uint32_t
next_chain(const struct store *s, uint32_t prev)
{
	const struct log_run *last, *r, *found = NULL;
	uint32_t i, next = STORE_RUN_NONE;

	if (prev == STORE_RUN_NONE)
		return store_own(s);
	last = store_run(s, prev);
	for (i = 0; i < store_runs(s); i++) {
		r = store_run(s, i);
		if (r->own || (!last->own && strcmp(r->name, last->name) <= 0))
			continue;
		if (found == NULL || strcmp(r->name, found->name) < 0) {
			found = r;
			next = i;
		}
	}
	return next;
}

/*
 * 1 if the log may still get events: a copy too until one after it has some,
 * for its tail may not be here yet when the next is heard of.
 */
static int
may_grow(const struct store *s, uint32_t run)
{
	const struct log_run *r = store_run(s, run);

	if (r->open || r->own)
		return r->open;
	do {
		run = store_after(s, run);
	} while (run != STORE_RUN_NONE && store_run(s, run)->end == 0);
	return run == STORE_RUN_NONE;
}

/* Index of the log's entry, or t->n. */
static size_t
find(const struct trail *t, uint32_t run)
{
	size_t i;

	for (i = 0; i < t->n && t->at[i].run != run; i++)
		;
	return i;
}

/* Index of the oldest entry of that chain, or t->n. */
static size_t
find_oldest(
    const struct trail *t, const struct store *s, const struct log_run *chain)
{
	const struct log_run *r, *best = NULL;
	size_t i, oldest = t->n;

	for (i = 0; i < t->n; i++) {
		r = store_run(s, t->at[i].run);
		if (!same_chain(r, chain) ||
		    (best != NULL && r->start > best->start))
			continue;
		best = r;
		oldest = i;
	}
	return oldest;
}

static void
drop(struct trail *t, size_t i)
{
	t->at[i] = t->at[--t->n];
}

uint64_t
trail_in(const struct trail *t, const struct store *s, uint32_t run)
{
	const struct log_run *r = store_run(s, run);
	size_t i = find(t, run);

	if (i < t->n)
		return t->at[i].n;
	i = find_oldest(t, s, r);
	if (i < t->n && store_run(s, t->at[i].run)->start > r->start)
		return ALL;
	return 0;
}

/* The entry that goes when there is no room: the chain's oldest. */
static void
make_room(struct trail *t, const struct store *s, const struct log_run *chain)
{
	size_t i;

	if (t->n < TRAIL_MAX)
		return;
	i = find_oldest(t, s, chain);
	drop(t, i < t->n ? i : 0);
}

static void
put(struct trail *t, const struct store *s, uint32_t run, uint64_t n)
{
	size_t i = find(t, run);

	if (i == t->n) {
		make_room(t, s, store_run(s, run));
		i = t->n++;
	}
	t->at[i] = (struct log_place){ run, n };
}

/* Logs that are closed and passed give way to the next of the chain. */
static void
normalise(struct trail *t, const struct store *s, const struct log_run *chain)
{
	const struct log_run *r;
	uint32_t next;
	size_t i;

	for (;;) {
		i = find_oldest(t, s, chain);
		if (i == t->n)
			return;
		r = store_run(s, t->at[i].run);
		if (t->at[i].n < ALL &&
		    (t->at[i].n < r->end || may_grow(s, t->at[i].run)))
			return;
		next = store_after(s, t->at[i].run);
		if (next == STORE_RUN_NONE)
			return;
		if (find(t, next) < t->n)
			drop(t, i);
		else if (may_grow(s, t->at[i].run) && !r->own)
			return; /* one that has events may come between */
		else
			t->at[i] = (struct log_place){ next, 0 };
	}
}

/*
 * 1 if there is, or may come, something to read in the log.  Not in a copy
 * that is empty: others that have events may be there before it.
 */
static int
has_events(const struct store *s, uint32_t run)
{
	const struct log_run *r = store_run(s, run);

	return r->end >= r->first ||
	    ((r->own || r->end > 0) && may_grow(s, run));
}

/*
 * Before what is stored of one chain: an entry for its oldest log that has
 * something, and for those after it that have lost their beginning.
 */
static void
begin_chain(struct trail *t, const struct store *s, const struct log_run *chain)
{
	const struct log_run *r, *oldest = NULL;
	uint32_t i;

	for (i = 0; i < store_runs(s); i++) {
		r = store_run(s, i);
		if (same_chain(r, chain) && has_events(s, i) &&
		    (oldest == NULL || r->start < oldest->start))
			oldest = r;
	}
	for (i = 0; oldest != NULL && i < store_runs(s); i++) {
		r = store_run(s, i);
		if (r == oldest ||
		    (same_chain(r, chain) && r->start > oldest->start &&
			r->first > 1))
			put(t, s, i, r->first - 1);
	}
}

void
trail_begin(struct trail *t, const struct store *s)
{
	uint32_t c = STORE_RUN_NONE;

	t->n = 0;
	while ((c = next_chain(s, c)) != STORE_RUN_NONE)
		begin_chain(t, s, store_run(s, c));
}

/*
 * A newest log that is empty: the one before it may still grow.  If all are,
 * none of them is begun, for others may be there that we have not heard of.
 */
static void
put_tail(struct trail *t, const struct store *s, uint32_t empty)
{
	const struct log_run *chain = store_run(s, empty), *r, *tail = NULL;
	uint32_t i, run = STORE_RUN_NONE;

	for (i = 0; i < store_runs(s); i++) {
		r = store_run(s, i);
		if (r->end == 0 || !same_chain(r, chain) ||
		    (tail != NULL && r->start < tail->start))
			continue;
		tail = r;
		run = i;
	}
	if (run == STORE_RUN_NONE)
		return;
	put(t, s, run, tail->end);
	put(t, s, empty, 0);
}

/* An empty log of ours behind an older one that is open needs no entry. */
static int
is_between(const struct store *s, uint32_t run)
{
	const struct log_run *r = store_run(s, run), *older;
	uint32_t i;

	if (!r->own || r->end != 0 || run == store_own(s))
		return 0;
	for (i = 0; i < store_runs(s); i++) {
		older = store_run(s, i);
		if (older->own && older->open && older->start < r->start)
			return 1;
	}
	return 0;
}

/* Logs after this one that have no entry are passed. */
static void
pass_later(struct trail *t, const struct store *s, uint32_t run)
{
	while ((run = store_after(s, run)) != STORE_RUN_NONE)
		if (find(t, run) == t->n && store_run(s, run)->end > 0)
			put(t, s, run, store_run(s, run)->end);
}

void
trail_now(struct trail *t, const struct store *s)
{
	const struct log_run *r;
	size_t own = 0;
	uint32_t i;

	t->n = 0;
	for (i = 0; i < store_runs(s); i++) {
		r = store_run(s, i);
		if (!r->open)
			continue;
		if (!r->own && r->end == 0)
			put_tail(t, s, i);
		else if (!is_between(s, i))
			put(t, s, i, r->end);
		own += (size_t)r->own;
	}
	/* One that the twin told of may lie before some that are closed. */
	if (own > 1)
		pass_later(t, s,
		    t->at[find_oldest(t, s, store_run(s, store_own(s)))].run);
}

void
trail_before(struct trail *t, const struct store *s, struct log_place place)
{
	trail_now(t, s);
	put(t, s, place.run, place.n);
	if (!store_run(s, place.run)->open)
		pass_later(t, s, place.run);
}

static int
seek_log(struct store *s, uint32_t run, int64_t rt, uint64_t *n)
{
	const struct log_run *r = store_run(s, run);

	*n = r->first - 1;
	if (r->end < r->first)
		return 0;
	return store_seek(s, run, rt, n);
}

/*
 * To the oldest log of the chain that has something from rt on, and the
 * same in those after it: 0 or -1.
 */
static int
seek_chain(
    struct trail *t, struct store *s, const struct log_run *chain, int64_t rt)
{
	const struct log_run *r, *oldest = NULL;
	uint64_t n;
	uint32_t i;

	for (i = 0; i < store_runs(s); i++) {
		r = store_run(s, i);
		if (!same_chain(r, chain) || !has_events(s, i) ||
		    (oldest != NULL && r->start > oldest->start))
			continue;
		if (seek_log(s, i, rt, &n) != 0)
			return -1;
		if (n < r->end || may_grow(s, i))
			oldest = r;
	}
	for (i = 0; oldest != NULL && i < store_runs(s); i++) {
		r = store_run(s, i);
		if (!same_chain(r, chain) || r->start < oldest->start)
			continue;
		if (seek_log(s, i, rt, &n) != 0)
			return -1;
		if (n > 0 || r == oldest)
			put(t, s, i, n);
	}
	return 0;
}

int
trail_seek(struct trail *t, struct store *s, int64_t rt)
{
	uint32_t c = STORE_RUN_NONE;

	t->n = 0;
	while ((c = next_chain(s, c)) != STORE_RUN_NONE)
		if (seek_chain(t, s, store_run(s, c), rt) != 0)
			return -1;
	return 0;
}

/* What a cursor names. */

/* Start number of a broker's newest log that cannot grow; 0: none. */
static uint64_t
settled(const struct store *s, const char *name)
{
	const struct log_run *r;
	uint64_t start = 0;
	uint32_t i;

	for (i = 0; i < store_runs(s); i++) {
		r = store_run(s, i);
		if (r->start > start && strcmp(r->name, name) == 0 &&
		    !may_grow(s, i))
			start = r->start;
	}
	return start;
}

/* The oldest log of that broker that began after start, or STORE_RUN_NONE. */
static uint32_t
began_after(const struct store *s, const char *name, uint64_t start)
{
	const struct log_run *r;
	uint64_t best = UINT64_MAX;
	uint32_t i, run = STORE_RUN_NONE;

	for (i = 0; i < store_runs(s); i++) {
		r = store_run(s, i);
		if (r->start <= start || r->start >= best ||
		    strcmp(r->name, name) != 0)
			continue;
		best = r->start;
		run = i;
	}
	return run;
}

static uint32_t
newest(const struct store *s, uint32_t run)
{
	uint32_t next;

	while ((next = store_after(s, run)) != STORE_RUN_NONE)
		run = next;
	return run;
}

/* 1 if what the cursor says of that broker begins with this entry. */
static int
is_first(const struct wire_cursor *cursor, const struct wire_position *p)
{
	size_t i;

	for (i = 0; i < cursor->n; i++)
		if (cursor->at[i].start < p->start &&
		    strcmp(cursor->at[i].name, p->name) == 0)
			return 0;
	return 1;
}

/* Others of its broker may be there before it, which are not here yet. */
static int
is_empty_copy(const struct store *s, uint32_t run)
{
	return !store_run(s, run)->own && store_run(s, run)->end == 0;
}

/* 1 if an earlier log that the cursor names may still be on its way here. */
static int
is_held_back(const struct store *s, const struct wire_cursor *cursor,
    const struct wire_position *p)
{
	const struct wire_position *q;
	uint32_t next;
	size_t i;

	for (i = 0; i < cursor->n; i++) {
		q = &cursor->at[i];
		if (q->start >= p->start || strcmp(q->name, p->name) != 0 ||
		    store_find(s, q->name, q->start) != STORE_RUN_NONE)
			continue;
		next = began_after(s, q->name, q->start);
		if (next != STORE_RUN_NONE && is_empty_copy(s, next))
			return 1;
	}
	return 0;
}

/*
 * A log that is nowhere is passed, and with the first that the cursor names
 * those before it.  If the next is an empty copy there may be others between
 * that have not come here yet.
 */
static void
pass_unknown(struct trail *t, const struct store *s,
    const struct wire_cursor *cursor, const struct wire_position *p)
{
	uint32_t next = began_after(s, p->name, p->start);

	if (next == STORE_RUN_NONE) {
		next = newest(s, store_oldest(s, p->name));
		if (find(t, next) == t->n && is_first(cursor, p))
			put(t, s, next, ALL);
	} else if (find(t, next) == t->n && !is_empty_copy(s, next)) {
		put(t, s, next, 0);
	}
}

const struct wire_position *
trail_unknown(const struct store *s, const struct wire_cursor *cursor)
{
	const struct wire_position *p;
	size_t i;

	for (i = 0; i < cursor->n; i++) {
		p = &cursor->at[i];
		if (store_find(s, p->name, p->start) == STORE_RUN_NONE &&
		    store_oldest(s, p->name) != STORE_RUN_NONE &&
		    p->start > settled(s, p->name))
			return p;
	}
	return NULL;
}

int
trail_parse(struct trail *t, const struct store *s,
    const struct wire_cursor *cursor, int lax)
{
	const struct wire_position *p;
	uint32_t run, c = STORE_RUN_NONE;
	size_t i;

	if (!lax && trail_unknown(s, cursor) != NULL)
		return -1;
	t->n = 0;
	for (i = 0; i < cursor->n; i++) {
		p = &cursor->at[i];
		run = store_find(s, p->name, p->start);
		if (run != STORE_RUN_NONE && !is_held_back(s, cursor, p))
			put(t, s, run, p->n < ALL ? p->n : ALL);
	}
	for (i = 0; i < cursor->n; i++) {
		p = &cursor->at[i];
		if (store_oldest(s, p->name) != STORE_RUN_NONE &&
		    store_find(s, p->name, p->start) == STORE_RUN_NONE)
			pass_unknown(t, s, cursor, p);
	}
	while ((c = next_chain(s, c)) != STORE_RUN_NONE) {
		const struct log_run *chain = store_run(s, c);

		if (find_oldest(t, s, chain) == t->n)
			begin_chain(t, s, chain);
		normalise(t, s, chain);
	}
	return 0;
}

/* A log passed for ever has no number to tell: the next one tells it. */
static void
tell(const struct log_run *r, uint64_t n, struct wire_position *to)
{
	memcpy(to->name, r->name, sizeof to->name);
	to->start = n < ALL ? r->start : r->start + 1;
	to->n = n < ALL ? n : 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct wire_position *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order != 0)
		return order;
	return x->start < y->start ? -1 : x->start > y->start;
}

void
trail_cursor(
    const struct trail *t, const struct store *s, struct wire_cursor *cursor)
{
	struct trail now = *t;
	size_t i;

	for (i = 0; i < t->n; i++)
		if (!store_run(s, t->at[i].run)->open)
			normalise(&now, s, store_run(s, t->at[i].run));
	memset(cursor, 0, sizeof *cursor);
	for (i = 0; i < now.n; i++)
		tell(store_run(s, now.at[i].run), now.at[i].n, &cursor->at[i]);
	cursor->n = now.n;
	if (now.n > 1)
		qsort(cursor->at, now.n, sizeof *cursor->at, by_name);
}

size_t
trail_keep(const struct store *s, const struct wire_cursor *cursor,
    struct wire_cursor *unknown)
{
	const struct log_run *own = store_run(s, store_own(s));
	const struct wire_position *p;
	uint32_t next;
	size_t i;

	unknown->n = 0;
	for (i = 0; i < cursor->n; i++) {
		p = &cursor->at[i];
		next = began_after(s, p->name, p->start);
		if (strcmp(p->name, own->name) != 0 &&
		    store_find(s, p->name, p->start) == STORE_RUN_NONE &&
		    (next == STORE_RUN_NONE || is_empty_copy(s, next)))
			unknown->at[unknown->n++] = *p;
	}
	return unknown->n;
}

/*
 * The cursor has passed all logs before the one it names: 1 and its entry for
 * them, if there is one, goes.
 */
static int
take_passed(struct trail *t, const struct store *s, const struct log_run *chain)
{
	size_t i = find_oldest(t, s, chain);

	if (i == t->n)
		return 1;
	if (t->at[i].n < ALL)
		return 0;
	drop(t, i);
	return 1;
}

/* 1 if p has become known, or is nowhere. */
static int
learn(struct trail *t, const struct store *s, const struct wire_position *p)
{
	uint32_t run = store_find(s, p->name, p->start);
	uint32_t next = began_after(s, p->name, p->start);
	const struct log_run *chain;
	int passed;

	if (run == STORE_RUN_NONE && next == STORE_RUN_NONE)
		run = store_oldest(s, p->name);
	else if (run == STORE_RUN_NONE && !is_empty_copy(s, next))
		run = next;
	if (run == STORE_RUN_NONE)
		return 0;
	chain = store_run(s, run);
	passed = take_passed(t, s, chain);
	if (chain->start == p->start) {
		if (passed || p->n > trail_in(t, s, run))
			put(t, s, run, p->n);
	} else if (passed && next == STORE_RUN_NONE) {
		put(t, s, newest(s, run), ALL);
	} else if (passed) {
		put(t, s, next, 0);
	}
	if (chain->start < p->start)
		return 0;
	normalise(t, s, chain);
	return 1;
}

/* The first that may be learned now: of one broker in their order. */
static size_t
find_learnable(
    struct trail *t, const struct store *s, const struct wire_cursor *unknown)
{
	size_t i;

	for (i = 0; i < unknown->n; i++)
		if (is_first(unknown, &unknown->at[i]) &&
		    learn(t, s, &unknown->at[i]))
			break;
	return i;
}

void
trail_learn(struct trail *t, const struct store *s, struct wire_cursor *unknown)
{
	size_t i;

	while ((i = find_learnable(t, s, unknown)) < unknown->n)
		unknown->at[i] = unknown->at[--unknown->n];
}

static void
tell_passed(struct wire_cursor *cursor, const struct wire_position *p)
{
	struct wire_position *at;
	size_t i;

	for (i = 0; i < cursor->n; i++) {
		at = &cursor->at[i];
		if (at->start != p->start || strcmp(at->name, p->name) != 0)
			continue;
		at->n = at->n > p->n ? at->n : p->n;
		return;
	}
	if (cursor->n < WIRE_LOGS_MAX)
		cursor->at[cursor->n++] = *p;
}

void
trail_tell(const struct store *s, const struct wire_cursor *unknown,
    struct wire_cursor *cursor)
{
	const struct wire_position *p;
	size_t i, n = 0;

	/* What only says that all is passed up to one of them. */
	for (i = 0; i < cursor->n; i++) {
		p = &cursor->at[i];
		if (!wire_cursor_names(unknown, p->name) ||
		    store_find(s, p->name, p->start) != STORE_RUN_NONE)
			cursor->at[n++] = *p;
	}
	cursor->n = n;
	for (i = 0; i < unknown->n; i++)
		tell_passed(cursor, &unknown->at[i]);
}

int
trail_passed(
    const struct trail *t, const struct store *s, struct log_place place)
{
	uint64_t n = trail_in(t, s, place.run);

	return n >= place.n ||
	    (n >= store_run(s, place.run)->end && !may_grow(s, place.run));
}

int
trail_reached(
    const struct trail *t, const struct store *s, const struct trail *goal)
{
	uint64_t have, want;
	uint32_t i;

	for (i = 0; i < store_runs(s); i++) {
		want = trail_in(goal, s, i);
		have = trail_in(t, s, i);
		if (have >= want)
			continue;
		if (have < store_run(s, i)->end ||
		    (want < ALL && may_grow(s, i)))
			return 0;
	}
	return 1;
}

/*
 * The first entry of a chain says that what is before it is passed: what is
 * not needs one too.
 */
static void
keep_earlier(struct trail *t, const struct store *s, uint32_t run)
{
	const struct log_run *to = store_run(s, run), *r, *oldest = NULL;
	uint32_t i, first = STORE_RUN_NONE;

	i = (uint32_t)find_oldest(t, s, to);
	if (i < t->n && store_run(s, t->at[i].run)->start < to->start)
		return;
	for (i = 0; i < store_runs(s); i++) {
		r = store_run(s, i);
		if (r->start >= to->start || (r->end == 0 && !may_grow(s, i)) ||
		    !same_chain(r, to) || trail_in(t, s, i) >= ALL ||
		    (oldest != NULL && r->start > oldest->start))
			continue;
		oldest = r;
		first = i;
	}
	if (first != STORE_RUN_NONE)
		put(t, s, first, 0);
}

void
trail_move(struct trail *t, const struct store *s, struct log_place place)
{
	const struct log_run *r = store_run(s, place.run);
	size_t i = find(t, place.run);

	if (i < t->n) {
		if (t->at[i].n < place.n)
			t->at[i].n = place.n;
		if (r->open || t->at[i].n < r->end)
			return;
	} else {
		if (trail_in(t, s, place.run) >= place.n)
			return;
		keep_earlier(t, s, place.run);
		put(t, s, place.run, place.n);
	}
	normalise(t, s, r);
}

/* The way. */

/* What is to be read next of one chain; run STORE_RUN_NONE: nothing. */
static struct log_place
head_of(const struct trail *t, const struct store *s, uint32_t chain)
{
	const struct log_run *r = store_run(s, chain);
	size_t i = find_oldest(t, s, r);
	uint32_t run = i < t->n ? t->at[i].run : store_oldest(s, r->name);
	uint64_t n;

	for (; run != STORE_RUN_NONE; run = store_after(s, run)) {
		i = find(t, run);
		n = i < t->n ? t->at[i].n : 0;
		r = store_run(s, run);
		if (n + 1 < r->first)
			n = r->first - 1;
		if (n < r->end)
			return (struct log_place){ run, n };
	}
	return (struct log_place){ STORE_RUN_NONE, 0 };
}

static int
stand(struct store_view *v, struct store *s, struct log_place place,
    struct log_place *at)
{
	int found = store_view(v, s, place);

	*at = place;
	if (found == 0) {
		v->head.n = place.n + 1;
		v->head.events = 1;
		errno = EBADMSG;
		found = -1;
	}
	return found;
}

/* 1 if that log began before the other one of its chain; none did not. */
static int
is_before(const struct store *s, uint32_t run, uint32_t other)
{
	return run != STORE_RUN_NONE &&
	    store_run(s, run)->start < store_run(s, other)->start;
}

/*
 * 1 if the frame waits for other logs; *to is then where to read that comes
 * nearer, run STORE_RUN_NONE if nothing does.  It waits for the logs before
 * those it names, too: a reader may have been ahead of them at the other
 * broker, which had lost them.
 */
static int
waits(const struct trail *t, const struct store *s, const struct frame_head *h,
    struct log_place *to)
{
	struct log_place head;
	uint32_t i;
	int blocked = 0;

	to->run = STORE_RUN_NONE;
	for (i = 0; i < h->deps && to->run == STORE_RUN_NONE; i++) {
		const struct log_place dep = { h->dep[i].run, h->dep[i].n };
		const int passed = trail_passed(t, s, dep);

		head = head_of(t, s, dep.run);
		if (is_before(s, head.run, dep.run) ||
		    (!passed && head.run == dep.run))
			*to = head;
		blocked |= !passed || to->run != STORE_RUN_NONE;
	}
	return blocked;
}

/*
 * From the head of a chain to a frame that may be passed: 1; 0 if *at waits
 * for what is not there; -1.
 */
static int
follow(const struct trail *t, struct store *s, struct store_view *v,
    struct log_place from, struct log_place *at)
{
	size_t hops;
	int found;

	for (hops = 0; hops < TRAIL_MAX; hops++) {
		found = stand(v, s, from, at);
		if (found < 0 || !waits(t, s, &v->head, &from))
			return found;
		store_view_end(v);
		if (from.run == STORE_RUN_NONE)
			return 0;
	}
	return 0;
}

/* Wherever the last call stood: what comes next. */
static int
walk(const struct trail *t, struct store *s, struct store_view *v,
    struct log_place *at)
{
	struct log_place head, first = { STORE_RUN_NONE, 0 };
	uint32_t c = STORE_RUN_NONE;
	int found;

	while ((c = next_chain(s, c)) != STORE_RUN_NONE) {
		head = head_of(t, s, c);
		if (head.run == STORE_RUN_NONE)
			continue;
		found = follow(t, s, v, head, at);
		if (found != 0)
			return found;
		if (first.run == STORE_RUN_NONE)
			first = *at;
	}
	return first.run != STORE_RUN_NONE ? stand(v, s, first, at) : 0;
}

/* 1 if walk() would look at this log first. */
static int
comes_first(const struct trail *t, const struct store *s, uint32_t run)
{
	const struct log_run *r = store_run(s, run);
	uint32_t c = STORE_RUN_NONE;

	while ((c = next_chain(s, c)) != STORE_RUN_NONE) {
		if (same_chain(store_run(s, c), r))
			return head_of(t, s, c).run == run;
		if (head_of(t, s, c).run != STORE_RUN_NONE)
			return 0;
	}
	return 0;
}

/* The frame after this one, without looking for it: 1, or 0. */
static int
step(const struct trail *t, struct store_view *v, uint32_t run,
    struct log_place *at)
{
	struct log_place to;

	if (!comes_first(t, v->store, run) || store_view_next(v) != 1 ||
	    v->head.n != trail_in(t, v->store, run) + 1 ||
	    waits(t, v->store, &v->head, &to))
		return 0;
	*at = (struct log_place){ run, v->head.n - 1 };
	return 1;
}

/* What v stood on, or what follows there, if that is next: 1, or 0. */
static int
go_on(const struct trail *t, struct store_view *v, struct log_place *at)
{
	const uint32_t run = v->memory != NULL ? v->memory->f.run : v->log.run;
	const uint64_t n = trail_in(t, v->store, run);

	if (n < v->head.n + v->head.events - 1) {
		*at = (struct log_place){ run, n };
		return 1;
	}
	return step(t, v, run, at);
}

int
trail_next(struct trail *t, struct store *s, struct store_view *v,
    struct log_place *at)
{
	int found;

	if (v->store != NULL && go_on(t, v, at))
		return 1;
	trail_end(v);
	found = walk(t, s, v, at);
	if (found <= 0)
		v->store = NULL;
	return found;
}

void
trail_end(struct store_view *v)
{
	if (v->store != NULL)
		store_view_end(v);
	memset(v, 0, sizeof *v);
}

uint64_t
trail_skip(struct trail *t, const struct store *s)
{
	const struct log_run *r;
	uint64_t lost = 0, n;
	uint32_t i;

	for (i = 0; i < store_runs(s); i++) {
		r = store_run(s, i);
		if (r->first <= 1)
			continue;
		n = trail_in(t, s, i);
		if (n + 1 >= r->first)
			continue;
		lost += r->first - 1 - n;
		trail_move(t, s, (struct log_place){ i, r->first - 1 });
	}
	return lost;
}

int
trail_ahead(const struct trail *t, const struct store *s)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->at[i].n > store_run(s, t->at[i].run)->end &&
		    may_grow(s, t->at[i].run))
			return 1;
	return 0;
}

uint64_t
trail_behind(const struct trail *t, const struct store *s)
{
	const struct log_run *r;
	uint64_t events = 0, n;
	uint32_t i;

	for (i = 0; i < store_runs(s); i++) {
		r = store_run(s, i);
		n = trail_in(t, s, i);
		if (n + 1 < r->first)
			n = r->first - 1;
		if (n < r->end)
			events += r->end - n;
	}
	return events;
}
