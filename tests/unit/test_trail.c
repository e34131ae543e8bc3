/*
 * The way through several logs, against a model: two brokers that write,
 * copy each other, start anew and lose the end of their disks, and a third one
 * that was there before; what one of them stores is then walked.
 */
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/die.h"
#include "broker/trail.h"
#include "check.h"
#include "event/json.h"

enum {
	BROKERS = 3, /* a and b are twins, c was a's before */
	RUNS = 32,
	FRAMES = 1000,
	DEPS = BROKERS - 1,
	WORLDS = 1500,
	EVENTS = 6
};

static uint64_t seed;

static uint32_t
draw(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* --- the world --- */

struct run {
	unsigned broker;
	uint64_t start, end; /* end: of all that was ever written */
};

struct frame {
	unsigned run, deps;
	uint64_t n;
	uint32_t events;
	int64_t rt;
	struct log_place dep[DEPS]; /* .run: of the world */
};

struct broker {
	unsigned run;		/* that it writes */
	uint64_t has[RUNS];	/* events of each */
	uint64_t told[BROKERS]; /* what the last frame depended on, */
	unsigned told_run[BROKERS];
	size_t arrived[FRAMES], n; /* frames, in order */
	size_t base;		   /* of them: before the last start */
};

static struct run run[RUNS];
static unsigned runs;
static struct frame frame[FRAMES];
static size_t frames;
static struct broker broker[BROKERS];

static void
start_run(unsigned x)
{
	if (runs == RUNS)
		return;
	run[runs] = (struct run){ x, 1 + runs, 0 };
	broker[x].run = runs++;
	memset(broker[x].told, 0, sizeof broker[x].told);
}

/* The newest log of y that x has something of, or RUNS. */
static unsigned
newest(unsigned x, unsigned y)
{
	unsigned i, found = RUNS;

	for (i = 0; i < runs; i++)
		if (run[i].broker == y && broker[x].has[i] != 0)
			found = i;
	return found;
}

static void
arrive(unsigned x, size_t f)
{
	struct broker *b = &broker[x];

	if (b->has[frame[f].run] + 1 != frame[f].n)
		die(EXIT_BUG, "the world is broken");
	b->has[frame[f].run] += frame[f].events;
	b->arrived[b->n++] = f;
}

static void
append(unsigned x)
{
	struct broker *b = &broker[x];
	struct frame *f = &frame[frames];
	unsigned y, r;

	if (frames == FRAMES)
		return;
	memset(f, 0, sizeof *f);
	f->run = b->run;
	f->n = run[b->run].end + 1;
	f->events = 1 + draw(EVENTS);
	f->rt = (int64_t)frames;
	run[b->run].end += f->events;
	for (y = 0; y < BROKERS; y++) {
		r = y == x ? RUNS : newest(x, y);
		if (r == RUNS ||
		    (b->told[y] == b->has[r] && b->told_run[y] == r))
			continue;
		f->dep[f->deps++] = (struct log_place){ r, b->has[r] };
		b->told[y] = b->has[r];
		b->told_run[y] = r;
	}
	arrive(x, frames++);
}

/* 1 if y, as it walks its logs, would send x that frame now. */
static int
is_next(unsigned x, unsigned y, const struct frame *f)
{
	const uint64_t *has = broker[x].has, *theirs = broker[y].has;
	unsigned i;

	if (has[f->run] + 1 != f->n)
		return 0;
	for (i = 0; i < f->run; i++)
		if (run[i].broker == run[f->run].broker && has[i] < theirs[i])
			return 0;
	for (i = 0; i < f->deps; i++)
		if (has[f->dep[i].run] < f->dep[i].n &&
		    has[f->dep[i].run] < theirs[f->dep[i].run])
			return 0;
	return 1;
}

/* Some of what y has comes to x. */
static void
copy(unsigned x, unsigned y, uint32_t most)
{
	size_t i, n;

	do {
		n = broker[x].n;
		for (i = 0; i < broker[y].n && most > 0; i++)
			if (is_next(x, y, &frame[broker[y].arrived[i]])) {
				arrive(x, broker[y].arrived[i]);
				most--;
			}
	} while (n != broker[x].n);
}

static void
restart(unsigned x, size_t lose)
{
	struct broker *b = &broker[x];

	for (; lose > 0 && b->n > 0; lose--) {
		const struct frame *f = &frame[b->arrived[--b->n]];

		b->has[f->run] = f->n - 1;
	}
	start_run(x);
	b->base = b->n;
}

static void
live(unsigned x, unsigned y, int steps)
{
	while (steps-- > 0) {
		unsigned a = draw(2) ? x : y, b = a == x ? y : x;

		switch (draw(16)) {
		case 0:
			if (runs < RUNS - 4)
				restart(a, draw(3) ? 0 : draw(6));
			break;
		case 1:
		case 2:
		case 3:
		case 4:
		case 5: copy(a, b, 1 + draw(12)); break;
		default: append(a); break;
		}
	}
}

static void
make_world(uint64_t number)
{
	seed = number;
	runs = 0;
	frames = 0;
	memset(broker, 0, sizeof broker);
	start_run(0);
	if (draw(3) == 0) {
		start_run(2);
		live(0, 2, (int)draw(30));
	}
	start_run(1);
	live(0, 1, (int)draw(60));
	if (draw(2))
		restart(0, draw(8));
	live(0, 1, (int)draw(80));
}

/* --- what broker a stores --- */

struct view {
	struct store *store;
	uint32_t index[RUNS]; /* of the world's runs, or STORE_RUN_NONE */
	uint64_t has[RUNS];   /* events stored, */
	uint64_t done[RUNS];  /* and given to the reader */
	size_t n;	      /* of what arrived at a */
};

static void
know(struct view *v, unsigned r)
{
	char name[2] = { (char)('a' + run[r].broker), '\0' };

	if (v->index[r] != STORE_RUN_NONE)
		return;
	if (store_run_add(v->store, name, run[r].start, &v->index[r]) != 0)
		die(EXIT_BUG, "store_run_add: %s", strerror(errno));
}

static void
view_init(struct view *v, size_t memory)
{
	unsigned r;

	memset(v, 0, sizeof *v);
	v->store = store_new(NULL, "a", memory, NULL);
	for (r = 0; r < RUNS; r++)
		v->index[r] = STORE_RUN_NONE;
	v->index[broker[0].run] = store_own(v->store);
}

static void
view_add(struct view *v)
{
	const struct frame *f = &frame[broker[0].arrived[v->n++]];
	struct store_frame *s = store_frame_new(f->events);
	struct frame_head *h = &s->f.head;
	uint32_t i;

	know(v, f->run);
	for (i = 0; i < f->deps; i++) {
		know(v, f->dep[i].run);
		h->dep[i] =
		    (struct frame_dep){ v->index[f->dep[i].run], f->dep[i].n };
	}
	h->deps = f->deps;
	h->n = f->n;
	h->events = h->numbers = f->events;
	h->rt = f->rt;
	h->len = f->events * 2;
	s->f.run = v->index[f->run];
	s->f.body = blob_new(h->len);
	s->f.body->len = h->len;
	for (i = 0; i <= f->events; i++)
		s->at[i] = i * 2;
	for (i = 0; i < f->events; i++)
		memcpy(s->f.body->p + s->at[i], "x\n", 2);
	memset(s->topic, 0, f->events * sizeof(struct last_topic *));
	h->lines = s->f.body->p;
	v->has[f->run] = f->n + f->events - 1;
	store_add(v->store, s);
}

static unsigned
world_run(const struct view *v, uint32_t index)
{
	unsigned r;

	for (r = 0; r < runs && v->index[r] != index; r++)
		;
	return r;
}

/* --- walking --- */

struct event {
	uint64_t run, n;
};

struct walk {
	struct event *e;
	size_t n, most;
};

/* The frame that holds event n of a run. */
static const struct frame *
frame_at(unsigned r, uint64_t n)
{
	size_t i;

	for (i = 0; i < frames; i++)
		if (frame[i].run == r && frame[i].n <= n &&
		    n < frame[i].n + frame[i].events)
			return &frame[i];
	die(EXIT_BUG, "no such event");
}

/* Once each, in the order of its log, after what it depends on. */
static void
judge(struct view *v, unsigned r, uint64_t n)
{
	const struct frame *f = frame_at(r, n);
	unsigned i;

	check(n == v->done[r] + 1 && n <= v->has[r],
	    "world %llu: event %llu of log %u after %llu of %llu",
	    (unsigned long long)seed, (unsigned long long)n, r,
	    (unsigned long long)v->done[r], (unsigned long long)v->has[r]);
	v->done[r] = n;
	for (i = 0; n == f->n && i < f->deps; i++) {
		const struct log_place *d = &f->dep[i];
		uint64_t want = d->n < v->has[d->run] ? d->n : v->has[d->run];

		check(v->done[d->run] >= want,
		    "event %llu of log %u came before %llu of %u",
		    (unsigned long long)n, r, (unsigned long long)want, d->run);
	}
}

static void
take(struct view *v, struct walk *w, uint32_t index, uint64_t n)
{
	unsigned r = world_run(v, index);

	if (w->n == w->most) {
		w->most = w->most ? w->most * 2 : 256;
		w->e = xrealloc(w->e, w->most * sizeof *w->e);
	}
	w->e[w->n++] = (struct event){ r, n };
	judge(v, r, n);
}

/* By way of a client. */
static void
round_trip(const struct view *v, struct trail *t)
{
	struct wire_cursor cursor;
	struct json_value value;
	struct buf text = { 0 };

	trail_cursor(t, v->store, &cursor);
	wire_cursor_add(&text, &cursor);
	value = json_value(text.p, text.len);
	check(wire_cursor_parse(&cursor, &value) == 0 &&
		trail_parse(t, v->store, &cursor, (int)draw(2)) == 0,
	    "a cursor comes back: %s", buf_cstr(&text));
	buf_fini(&text);
}

/* Go on for so many events; in slices: 0 for whole frames. */
static void
walk(struct view *v, struct trail *t, struct walk *w, int sliced, size_t most)
{
	struct store_view view = { 0 };
	struct log_place at;
	size_t end = w->n + most;

	while (w->n < end && trail_next(t, v->store, &view, &at) > 0) {
		uint64_t to = view.head.n + view.head.events - 1;

		if (sliced && draw(3) == 0)
			to = at.n + 1 + draw((uint32_t)(to - at.n));
		while (at.n < to)
			take(v, w, at.run, ++at.n);
		trail_move(t, v->store, at);
		if (!sliced || draw(4) != 0)
			continue;
		trail_end(&view);
		if (draw(2))
			round_trip(v, t);
	}
	trail_end(&view);
}

static void
walk_fini(struct walk *w)
{
	free(w->e);
	*w = (struct walk){ 0 };
}

/* --- the tests of a world --- */

static void
check_all_done(const struct view *v, const char *why)
{
	unsigned r;

	for (r = 0; r < runs; r++)
		check(v->done[r] == v->has[r], "%s: log %u: %llu of %llu", why,
		    r, (unsigned long long)v->done[r],
		    (unsigned long long)v->has[r]);
}

/* All that is stored, whole or in slices: the same. */
static void
test_static(struct view *v)
{
	struct walk whole = { 0 }, sliced = { 0 };
	struct trail t;

	trail_begin(&t, v->store);
	walk(v, &t, &whole, 0, SIZE_MAX / 2);
	check_all_done(v, "whole");
	check(trail_behind(&t, v->store) == 0, "nothing is left");
	memset(v->done, 0, sizeof v->done);
	trail_begin(&t, v->store);
	check(
	    trail_behind(&t, v->store) == whole.n, "behind is what will come");
	walk(v, &t, &sliced, 1, SIZE_MAX / 2);
	check_all_done(v, "sliced");
	check(whole.n == sliced.n &&
		(whole.n == 0 ||
		    memcmp(whole.e, sliced.e, whole.n * sizeof *whole.e) == 0),
	    "the order depends on how it is walked");
	walk_fini(&whole);
	walk_fini(&sliced);
}

/* From a time on: what came then or later. */
static void
test_seek(struct view *v)
{
	const int64_t rt = (int64_t)draw((uint32_t)frames + 1);
	struct walk w = { 0 };
	struct trail t;
	size_t i;

	memset(v->done, 0, sizeof v->done);
	for (i = 0; i < v->n; i++) {
		const struct frame *f = &frame[broker[0].arrived[i]];

		if (f->rt < rt)
			v->done[f->run] = f->n + f->events - 1;
	}
	check(trail_seek(&t, v->store, rt) == 0, "seek");
	walk(v, &t, &w, 1, SIZE_MAX / 2);
	check_all_done(v, "seek");
	walk_fini(&w);
}

/* What is there was there at the start: any log of ours may lack its end. */
static void
reopen(struct view *v)
{
	size_t i;

	for (i = 0; i < store_runs(v->store); i++)
		if (store_run(v->store, i)->own)
			((struct log_run *)(uintptr_t)store_run(v->store, i))
			    ->open = 1;
}

/* The store grows while it is read, from now on or from the beginning. */
static void
test_growing(void)
{
	size_t settle = broker[0].n, i;
	struct walk w = { 0 };
	struct view v;
	struct trail t;
	uint32_t before;
	unsigned r;

	view_init(&v, 1 << 30);
	/* As a broker with a twin does until it knows what was lost. */
	if (store_run_add(v.store, "a", 0, &before) != 0)
		die(EXIT_BUG, "store_run_add: %s", strerror(errno));
	/* The order in which a store lists its logs says nothing. */
	for (i = broker[0].base; i-- > 0;)
		if (draw(2))
			know(&v, frame[broker[0].arrived[i]].run);
	while (v.n < broker[0].base)
		view_add(&v);
	reopen(&v);
	for (i = v.n; i < broker[0].n; i++) {
		r = frame[broker[0].arrived[i]].run;
		if (run[r].broker == 0 && r != broker[0].run)
			settle = broker[0].n;
		else if (settle == broker[0].n)
			settle = i;
	}
	trail_begin(&t, v.store);
	if (draw(2)) {
		trail_now(&t, v.store);
		memcpy(v.done, v.has, sizeof v.done);
	}
	while (v.n < broker[0].n) {
		if (v.n >= settle && draw(4) == 0)
			store_settle(v.store);
		if (draw(6) == 0) /* heard of before its time */
			know(&v, frame[broker[0].arrived[broker[0].n - 1]].run);
		view_add(&v);
		if (draw(3) == 0)
			walk(&v, &t, &w, 1, draw(40));
		if (draw(8) == 0) {
			struct trail now;

			walk(&v, &t, &w, 1, SIZE_MAX / 2);
			trail_now(&now, v.store);
			check(trail_reached(&t, v.store, &now) &&
				trail_reached(&now, v.store, &t),
			    "behind all is now");
			if (draw(2))
				t = now;
		}
	}
	walk(&v, &t, &w, 1, SIZE_MAX / 2);
	check_all_done(&v, "growing");
	walk_fini(&w);
	store_free(v.store);
}

/* The end of a log is nowhere: what waits for it comes all the same. */
static void
test_lost(void)
{
	struct view v;
	unsigned r = draw(runs);
	uint64_t most = run[r].end / 2;
	size_t i, n = 0;

	for (i = 0; i < broker[0].n; i++) {
		const struct frame *f = &frame[broker[0].arrived[i]];

		if (f->run == r && f->n > most)
			continue;
		broker[0].arrived[n++] = broker[0].arrived[i];
	}
	broker[0].n = n;
	view_init(&v, 1 << 30);
	while (v.n < broker[0].n)
		view_add(&v);
	test_static(&v);
	store_free(v.store);
}

/* Old frames have left the store: they count once, as lost. */
static void
test_retention(void)
{
	struct walk w = { 0 };
	struct trail t = { 0 };
	uint64_t lost, gone = 0;
	struct view v;
	unsigned r;

	view_init(&v, 4000);
	while (v.n < broker[0].n)
		view_add(&v);
	for (r = 0; r < runs; r++)
		if (v.index[r] != STORE_RUN_NONE) {
			v.done[r] = store_run(v.store, v.index[r])->first - 1;
			gone += v.done[r];
		}
	lost = trail_skip(&t, v.store);
	check(lost == gone && trail_skip(&t, v.store) == 0,
	    "%llu events are gone, not %llu", (unsigned long long)gone,
	    (unsigned long long)lost);
	if (draw(2)) {
		trail_begin(&t, v.store);
		check(trail_skip(&t, v.store) == 0, "the beginning is stored");
	}
	walk(&v, &t, &w, 1, SIZE_MAX / 2);
	check_all_done(&v, "retention");
	walk_fini(&w);
	store_free(v.store);
}

static void
test_world(uint64_t number)
{
	struct view v;

	make_world(number);
	view_init(&v, 1 << 30);
	while (v.n < broker[0].n)
		view_add(&v);
	if (draw(2))
		store_settle(v.store);
	test_static(&v);
	test_seek(&v);
	store_free(v.store);
	test_growing();
	test_retention();
	test_lost();
}

/* --- cursors, one by one --- */

/*
 * The store of a: its own log (O in the texts), a.3 (10 events, b's and the
 * twin may know more), b.5 (20), b.6 (4) and b.9 (8), b.10 empty.
 */
static const struct {
	const char *in;
	int strict; /* what trail_parse() says without lax */
	const char *want, *why;
} cursors[] = {
	{ "{}", 0, "{\"a.3\":0,\"b.5\":0}", "the beginning" },
	{ "{\"a.O\":2}", 0, "{\"a.O\":2,\"b.5\":0}", "the other is not begun" },
	{ "{\"a.3\":4}", 0, "{\"a.3\":4,\"b.5\":0}", "nor what comes after" },
	{ "{\"a.3\":10,\"a.O\":0}", 0, "{\"a.3\":10,\"a.O\":0,\"b.5\":0}",
	    "a log that may grow keeps its entry" },
	{ "{\"a.3\":40,\"a.O\":0}", 0, "{\"a.3\":40,\"a.O\":0,\"b.5\":0}",
	    "ahead of what is here" },
	{ "{\"a.2\":7}", -1, "{\"a.3\":0,\"b.5\":0}", "may be lost here" },
	{ "{\"a.O\":1,\"b.5\":20}", 0, "{\"a.O\":1,\"b.6\":0}", "passed" },
	{ "{\"a.O\":1,\"b.5\":21}", 0, "{\"a.O\":1,\"b.6\":0}",
	    "more than there was" },
	{ "{\"a.O\":1,\"b.5\":19,\"b.6\":4}", 0,
	    "{\"a.O\":1,\"b.5\":19,\"b.6\":4}", "two of one broker" },
	{ "{\"a.O\":1,\"b.5\":20,\"b.9\":3}", 0,
	    "{\"a.O\":1,\"b.6\":0,\"b.9\":3}", "a hole stays one" },
	{ "{\"a.O\":1,\"b.6\":4,\"b.5\":20}", 0, "{\"a.O\":1,\"b.9\":0}",
	    "in any order" },
	{ "{\"a.O\":1,\"b.9\":8}", 0, "{\"a.O\":1,\"b.9\":8}",
	    "its end may not be here yet" },
	{ "{\"a.O\":1,\"b.9\":60}", 0, "{\"a.O\":1,\"b.9\":60}",
	    "ahead of a copy" },
	{ "{\"a.O\":1,\"b.4\":9}", 0, "{\"a.O\":1,\"b.5\":0}",
	    "long gone: older than what is settled" },
	{ "{\"a.O\":1,\"b.8\":9}", -1, "{\"a.O\":1,\"b.9\":0}", "unknown" },
	{ "{\"a.O\":1,\"b.11\":9}", -1, "{\"a.O\":1,\"b.11\":0}",
	    "not heard of yet" },
	{ "{\"a.O\":1,\"z.1\":9,\"b.9\":0}", 0, "{\"a.O\":1,\"b.9\":0}",
	    "a stranger" },
};

/* In the same store: is the second reached where the first is? */
static const struct {
	const char *at, *goal;
	int want;
	const char *why;
} goals[] = {
	{ "{\"a.O\":5,\"b.9\":8}", "{\"a.O\":5,\"b.9\":8}", 1, "the same" },
	{ "{\"a.O\":4,\"b.9\":8}", "{\"a.O\":5,\"b.9\":8}", 0, "one missing" },
	{ "{\"a.O\":5,\"b.9\":8}", "{\"a.O\":5,\"b.9\":9}", 0,
	    "it may come yet" },
	{ "{\"a.3\":10,\"a.O\":5}", "{\"a.3\":11,\"a.O\":0}", 0,
	    "of ours, too" },
	{ "{\"b.6\":0}", "{\"b.5\":25}", 1, "it will never come" },
	{ "{\"a.3\":10,\"b.9\":0}", "{\"a.O\":0,\"b.6\":4}", 1,
	    "all before the first entry, as far as it is here" },
	{ "{\"a.3\":9,\"b.9\":0}", "{\"a.O\":0,\"b.6\":4}", 0, "and no less" },
};

static void
add_events(struct store *s, uint32_t r, uint64_t n)
{
	struct store_frame *f = store_frame_new(1);

	f->f.run = r;
	f->f.head.n = store_run(s, r)->end + 1;
	f->f.head.events = f->f.head.numbers = 1;
	f->f.head.len = 2;
	f->f.body = blob_new(2);
	memcpy(f->f.body->p, "x\n", 2);
	f->f.body->len = 2;
	f->f.head.lines = f->f.body->p;
	f->at[0] = 0;
	f->at[1] = 2;
	f->topic[0] = NULL;
	store_add(s, f);
	if (n > 1)
		add_events(s, r, n - 1);
}

static void
add_log(struct store *s, const char *name, uint64_t start, uint64_t n)
{
	uint32_t r;

	if (store_run_add(s, name, start, &r) != 0)
		die(EXIT_BUG, "store_run_add: %s", strerror(errno));
	if (n != 0)
		add_events(s, r, n);
}

/* text with the start number of s's own log for O */
static const char *
fill(struct buf *b, const char *text, const struct store *s)
{
	buf_clear(b);
	for (; *text != '\0'; text++) {
		if (*text == 'O')
			buf_addu(b, store_run(s, store_own(s))->start);
		else
			buf_addc(b, *text);
	}
	return buf_cstr(b);
}

static void
read_trail(struct trail *t, const struct store *s, const char *text)
{
	struct buf in = { 0 };
	struct json_value v;
	struct wire_cursor c;

	text = fill(&in, text, s);
	v = json_value(text, strlen(text));
	if (wire_cursor_parse(&c, &v) != 0 || trail_parse(t, s, &c, 1) != 0)
		die(EXIT_BUG, "%s", text);
	buf_fini(&in);
}

static void
test_goals(const struct store *s)
{
	struct trail at, goal;
	size_t i;

	for (i = 0; i < sizeof goals / sizeof *goals; i++) {
		read_trail(&at, s, goals[i].at);
		read_trail(&goal, s, goals[i].goal);
		check(trail_reached(&at, s, &goal) == goals[i].want,
		    "%s: %s, %s", goals[i].why, goals[i].at, goals[i].goal);
	}
}

static void
test_cursors(void)
{
	struct store *s = store_new(NULL, "a", 1 << 20, NULL);
	struct buf in = { 0 }, want = { 0 }, got = { 0 };
	struct wire_cursor c;
	struct trail t;
	size_t i;

	add_events(s, store_own(s), 5);
	add_log(s, "b", 9, 8);
	add_log(s, "a", 3, 10);
	add_log(s, "b", 5, 20);
	add_log(s, "b", 6, 4);
	add_log(s, "b", 10, 0);
	for (i = 0; i < sizeof cursors / sizeof *cursors; i++) {
		struct json_value v;
		const char *text = fill(&in, cursors[i].in, s);

		v = json_value(text, strlen(text));
		if (wire_cursor_parse(&c, &v) != 0)
			die(EXIT_BUG, "%s", text);
		check(trail_parse(&t, s, &c, 0) == cursors[i].strict &&
			(trail_unknown(s, &c) != NULL) ==
			    (cursors[i].strict != 0),
		    "%s: %s", cursors[i].why, text);
		trail_parse(&t, s, &c, 1);
		trail_cursor(&t, s, &c);
		buf_clear(&got);
		wire_cursor_add(&got, &c);
		fill(&want, cursors[i].want, s);
		check(strcmp(buf_cstr(&got), want.p) == 0,
		    "%s: %s is %s instead of %s", cursors[i].why, text, got.p,
		    want.p);
	}
	test_goals(s);
	store_free(s);
	buf_fini(&in);
	buf_fini(&want);
	buf_fini(&got);
}

/*
 * Logs that a reader knows and the broker does not yet: in the store of b.7 (3
 * events) a cursor, what is told again, and the same once b.9 is known with
 * 4 events, and once b.11 is.
 */
static const struct {
	const char *in, *kept, *nine, *eleven, *why;
} unknown[] = {
	{ "{\"a.O\":0,\"b.7\":2}", "{\"a.O\":0,\"b.7\":2}",
	    "{\"a.O\":0,\"b.7\":2}", "{\"a.O\":0,\"b.7\":2}", "known" },
	{ "{\"a.O\":0,\"b.9\":2}", "{\"a.O\":0,\"b.9\":2}",
	    "{\"a.O\":0,\"b.9\":2}", "{\"a.O\":0,\"b.9\":2}", "learned" },
	{ "{\"a.O\":0,\"b.8\":2}", "{\"a.O\":0,\"b.8\":2}",
	    "{\"a.O\":0,\"b.9\":0}", "{\"a.O\":0,\"b.9\":0}", "of no use" },
	{ "{\"a.O\":0,\"b.7\":1,\"b.9\":6}", "{\"a.O\":0,\"b.7\":1,\"b.9\":6}",
	    "{\"a.O\":0,\"b.7\":1,\"b.9\":6}",
	    "{\"a.O\":0,\"b.7\":1,\"b.9\":6}", "beside a known one" },
	{ "{\"a.O\":0,\"b.8\":0,\"b.9\":6}", "{\"a.O\":0,\"b.8\":0,\"b.9\":6}",
	    "{\"a.O\":0,\"b.9\":6}", "{\"a.O\":0,\"b.9\":6}", "two of them" },
	{ "{\"a.O\":0,\"b.6\":0,\"b.11\":2}",
	    "{\"a.O\":0,\"b.7\":0,\"b.11\":2}",
	    "{\"a.O\":0,\"b.7\":0,\"b.11\":2}",
	    "{\"a.O\":0,\"b.7\":0,\"b.11\":2}", "after one long gone" },
	{ "{\"a.O\":0,\"y.6\":0,\"y.11\":2}",
	    "{\"a.O\":0,\"b.7\":0,\"y.6\":0,\"y.11\":2}",
	    "{\"a.O\":0,\"b.7\":0,\"y.6\":0,\"y.11\":2}",
	    "{\"a.O\":0,\"b.7\":0,\"y.6\":0,\"y.11\":2}", "two of a stranger" },
	{ "{\"a.O\":0,\"b.11\":2}", "{\"a.O\":0,\"b.11\":2}",
	    "{\"a.O\":0,\"b.11\":2}", "{\"a.O\":0,\"b.11\":2}",
	    "one more is between" },
	{ "{\"a.O\":0,\"b.7\":3,\"z.1\":5}", "{\"a.O\":0,\"b.7\":3,\"z.1\":5}",
	    "{\"a.O\":0,\"b.9\":0,\"z.1\":5}",
	    "{\"a.O\":0,\"b.9\":0,\"z.1\":5}", "of a stranger" },
};

static void
expect(const struct store *s, const struct trail *t,
    const struct wire_cursor *left, const char *want, const char *why)
{
	struct buf got = { 0 }, text = { 0 };
	struct wire_cursor c;

	want = fill(&text, want, s);
	trail_cursor(t, s, &c);
	trail_tell(s, left, &c);
	wire_cursor_add(&got, &c);
	check(strcmp(buf_cstr(&got), want) == 0, "%s: %s instead of %s", why,
	    got.p, want);
	buf_fini(&got);
	buf_fini(&text);
}

static void
test_unknown(size_t i)
{
	struct store *s = store_new(NULL, "a", 1 << 20, NULL);
	struct wire_cursor c, left;
	struct buf in = { 0 };
	struct json_value v;
	struct trail t;
	const char *text = fill(&in, unknown[i].in, s), *why = unknown[i].why;

	add_log(s, "b", 7, 3);
	v = json_value(text, strlen(text));
	if (wire_cursor_parse(&c, &v) != 0 || trail_parse(&t, s, &c, 1) != 0)
		die(EXIT_BUG, "%s", text);
	trail_keep(s, &c, &left);
	expect(s, &t, &left, unknown[i].kept, why);
	trail_learn(&t, s, &left);
	expect(s, &t, &left, unknown[i].kept, why);
	add_log(s, "b", 9, 4);
	trail_learn(&t, s, &left);
	expect(s, &t, &left, unknown[i].nine, why);
	add_log(s, "b", 11, 0);
	trail_learn(&t, s, &left);
	expect(s, &t, &left, unknown[i].eleven, why);
	store_free(s);
	buf_fini(&in);
}

/* From just before a frame of a log that comes back late. */
static void
test_before(void)
{
	struct store *s = store_new(NULL, "a", 1 << 20, NULL);
	const struct log_place place = { 2, 1 };
	struct wire_cursor none = { 0 };
	struct trail t;

	store_settle(s);
	add_log(s, "a", 5, 2);
	add_log(s, "a", 4, 2);
	add_log(s, "a", 6, 0);
	trail_before(&t, s, place);
	expect(s, &t, &none, "{\"a.4\":1,\"a.5\":2,\"a.O\":0}", "before");
	store_free(s);
}

int
main(void)
{
	size_t i;

	uint64_t number;

	test_cursors();
	for (i = 0; i < sizeof unknown / sizeof *unknown; i++)
		test_unknown(i);
	test_before();
	for (number = 1; number <= WORLDS && check_failed < 20; number++)
		test_world(number);
	return check_done();
}
