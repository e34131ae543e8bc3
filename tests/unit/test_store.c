/*
 * The store with and without a log, against a model that keeps every frame:
 * readers find the same, wherever the frames are.
 */
#include "broker/store.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"
#include "check.h"

enum { RUNS = 200, FRAMES = 4000, TOPICS = 7, MEMORY = 60000 };

struct frame {
	uint32_t run, events;
	uint64_t n;
	int64_t rt;
};

struct model {
	struct log *log; /* or NULL */
	struct last *last;
	struct store *s;
	uint64_t first[RUNS], end[RUNS];
	int64_t rt[RUNS];
	size_t runs;
	struct frame frame[FRAMES]; /* as they came */
	size_t frames;
};

static char root[64];
static unsigned seed;

static uint32_t
chance(uint32_t n)
{
	return (uint32_t)rand_r(&seed) % n;
}

static void
make_topic(char out[32], uint32_t run, uint64_t n)
{
	snprintf(out, 32, "T/%u", (unsigned)(run * 3 + n) % TOPICS);
}

static void
make_line(struct buf *b, uint32_t run, uint64_t n)
{
	char topic[32];

	make_topic(topic, run, n);
	buf_addf(b, "{\"topic\":\"%s\",\"v\":\"%u.%llu%.*s\"}", topic, run,
	    (unsigned long long)n, (int)(n % 60),
	    "----------------------------------------------------------------");
}

static struct store_frame *
make_frame(struct model *m, const struct frame *f)
{
	struct store_frame *out = store_frame_new(f->events);
	struct buf lines = { 0 };
	char topic[32];

	for (uint32_t i = 0; i < f->events; i++) {
		out->at[i] = (uint32_t)lines.len;
		make_line(&lines, f->run, f->n + i);
		buf_addc(&lines, '\n');
		make_topic(topic, f->run, f->n + i);
		out->topic[i] = last_topic(m->last, topic, strlen(topic));
	}
	out->at[f->events] = (uint32_t)lines.len;
	out->f.body = blob_new(lines.len);
	out->f.body->len = lines.len;
	memcpy(out->f.body->p, lines.p, lines.len);
	out->f.item.kind = LOG_FRAME;
	out->f.run = f->run;
	out->f.head = (struct frame_head){ .n = f->n,
		.events = f->events,
		.rt = f->rt,
		.lines = out->f.body->p,
		.len = (uint32_t)lines.len };
	memcpy(out->f.head.from, "meter", 6);
	buf_fini(&lines);
	return out;
}

/* Through the log, if there is one. */
static void
store_through(struct model *m, struct store_frame *frame)
{
	struct pollfd p = { .events = POLLIN };
	struct log_item *item = &frame->f.item;

	if (m->log != NULL) {
		p.fd = log_done_fd(m->log);
		log_put(m->log, item);
		while ((item = log_done(m->log)) == NULL)
			if (poll(&p, 1, 120000) <= 0)
				die(EXIT_BUG, "no item within 120 s");
		check(item == &frame->f.item && item->error == 0, "stored");
	}
	for (uint32_t i = 0; i < frame->events; i++)
		last_set(m->last, frame->topic[i], frame->f.run,
		    frame->f.head.n + i);
	store_add(m->s, frame);
}

static void
op_frame(struct model *m)
{
	uint32_t run = chance(2) ? store_own(m->s) : chance((uint32_t)m->runs);
	struct frame *f = &m->frame[m->frames++];

	*f = (struct frame){ run, 1 + chance(20), m->end[run] + 1, 0 };
	if (run != store_own(m->s) && chance(25) == 0)
		f->n += 1 + chance(9);
	f->rt = m->rt[run] += chance(30);
	if (f->n != m->end[run] + 1)
		m->first[run] = f->n;
	m->end[run] = f->n + f->events - 1;
	store_through(m, make_frame(m, f));
	check(store_memory(m->s) <= MEMORY, "memory is bounded");
}

static void
op_add(struct model *m)
{
	static const char *const names[] = { "alpha", "b", "ba", "gamma" };
	const char *name = names[chance(4)];
	uint64_t start = chance(40);
	uint32_t run = 7777, known = store_find(m->s, name, start);
	int got;

	if (m->runs == RUNS)
		return;
	got = store_run_add(m->s, name, start, &run);
	if (known != STORE_RUN_NONE) {
		check(got == -1 && errno == EEXIST, "added twice");
		return;
	}
	check(got == 0 && run == m->runs &&
		strcmp(store_run(m->s, run)->name, name) == 0 &&
		store_run(m->s, run)->start == start,
	    "%s.%u is added", name, (unsigned)start);
	m->first[m->runs++] = 1;
}

/* Of the same broker's logs the one before all others above start, if any. */
static uint32_t
next_run(const struct model *m, const char *name, uint64_t start, int above)
{
	uint32_t best = STORE_RUN_NONE;

	for (uint32_t i = 0; i < m->runs; i++) {
		const struct log_run *r = store_run(m->s, i);

		if (strcmp(r->name, name) != 0 || r->start < start ||
		    (above && r->start == start))
			continue;
		if (best == STORE_RUN_NONE ||
		    r->start < store_run(m->s, best)->start)
			best = i;
	}
	return best;
}

static void
check_chains(const struct model *m)
{
	static const char *const none[] = { "", "a", "alphaa", "bb", "z" };

	check(store_runs(m->s) == m->runs, "number of logs");
	for (uint32_t i = 0; i < m->runs; i++) {
		const struct log_run *r = store_run(m->s, i);
		int own = strcmp(r->name, "alpha") == 0;

		check(store_find(m->s, r->name, r->start) == i, "find");
		check(store_after(m->s, i) == next_run(m, r->name, r->start, 1),
		    "after");
		check(store_oldest(m->s, r->name) == next_run(m, r->name, 0, 0),
		    "oldest");
		check(store_find(m->s, r->name, 1000 + i) == STORE_RUN_NONE,
		    "find none");
		check(r->own == own, "own");
		if (i == store_own(m->s))
			check(r->open && own, "our newest is open");
		else if (!own)
			check(
			    r->open == (store_after(m->s, i) == STORE_RUN_NONE),
			    "another's newest is open");
	}
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		check(store_oldest(m->s, none[i]) == STORE_RUN_NONE &&
			store_find(m->s, none[i], 1) == STORE_RUN_NONE,
		    "no such broker");
}

static void
check_lines(const struct store_view *v, const struct frame *f)
{
	struct buf want = { 0 };
	int bad = v->head.n != f->n || v->head.events != f->events ||
	    v->head.rt != f->rt;

	for (uint64_t n = f->n; !bad && n < f->n + f->events; n++) {
		size_t len;
		const char *line = store_view_line(v, n, &len);

		buf_clear(&want);
		make_line(&want, f->run, n);
		bad += len != want.len || memcmp(line, want.p, len) != 0;
	}
	check(!bad, "seed %u: frame %u.%llu", seed, f->run,
	    (unsigned long long)f->n);
	buf_fini(&want);
}

/* Any event of every frame; without a log it is gone or in memory. */
static void
check_views(struct model *m)
{
	struct store_view v;
	uint64_t held = 0;

	for (size_t i = 0; i < m->frames; i++) {
		const struct frame *f = &m->frame[i];
		struct log_place at = { f->run, f->n - 1 + chance(f->events) };
		int got = store_view(&v, m->s, at);

		if (got == 1)
			check_lines(&v, f);
		held += got == 1 && v.memory != NULL;
		check(got == 1 ||
			(m->log == NULL &&
			    at.n < store_run(m->s, f->run)->first),
		    "seed %u: %u.%llu: %d", seed, f->run,
		    (unsigned long long)at.n, got);
		if (got == 1)
			store_view_end(&v);
	}
	check(held > 0, "some are in memory");
	check(m->log != NULL || held < m->frames, "not all are");
}

/* Walk each run from its oldest event to its end. */
static void
check_walk(struct model *m, uint32_t run)
{
	const struct log_run *r = store_run(m->s, run);
	struct log_place at = { run, r->first - 1 };
	struct store_view v;
	size_t i = 0;
	int bad = 0, more;

	check(r->end == m->end[run] && r->first >= m->first[run] &&
		(m->log == NULL || r->first == m->first[run]),
	    "seed %u: run %u is %llu..%llu, not %llu..%llu", seed, run,
	    (unsigned long long)r->first, (unsigned long long)r->end,
	    (unsigned long long)m->first[run], (unsigned long long)m->end[run]);
	while (at.n < r->end && !bad) {
		more = store_view(&v, m->s, at);
		for (; more == 1; more = store_view_next(&v)) {
			while (i < m->frames &&
			    (m->frame[i].run != run || m->frame[i].n <= at.n))
				i++;
			if (i == m->frames || v.head.n != at.n + 1)
				break;
			check_lines(&v, &m->frame[i]);
			at.n += v.head.events;
		}
		bad = more != 0;
		store_view_end(&v);
	}
	check(!bad, "seed %u: a walk through run %u", seed, run);
	at.n = r->end;
	check(store_view(&v, m->s, at) == 0, "nothing behind the end");
}

static void
check_seek(struct model *m, uint32_t run)
{
	int64_t rt = chance((uint32_t)m->rt[run] + 10);
	const struct log_run *r = store_run(m->s, run);
	uint64_t want = r->end, n = 0;

	for (size_t i = m->frames; i-- > 0;) {
		const struct frame *f = &m->frame[i];

		if (f->run == run && f->rt >= rt && f->n >= r->first)
			want = f->n - 1;
	}
	check(store_seek(m->s, run, rt, &n) == 0 && n == want,
	    "seed %u: seek %lld in run %u: %llu, not %llu", seed, (long long)rt,
	    run, (unsigned long long)n, (unsigned long long)want);
}

/* Without a log the newest line of each topic stays, stored or kept. */
static void
check_last(struct model *m)
{
	struct buf line = { 0 }, want = { 0 }, space = { 0 };
	struct store_view v;
	struct log_row row;

	for (size_t i = 0; i < last_count(m->last); i++) {
		const struct last_topic *t = last_at(m->last, i);
		struct log_place at = { t->run, t->n - 1 };
		const char *p;
		size_t n;

		if (t->n == 0)
			continue;
		buf_clear(&want);
		buf_clear(&line);
		make_line(&want, t->run, t->n);
		if (store_view(&v, m->s, at) == 1) {
			p = store_view_line(&v, t->n, &n);
			buf_add(&line, p, n);
			store_view_end(&v);
		} else {
			check(store_kept(m->s, t, &row, &space) == 1,
			    "a kept line");
			buf_add(&line, row.line, row.len);
			check(store_newest(m->s, t) == row.rt, "its time");
		}
		check(line.len == want.len &&
			memcmp(line.p, want.p, line.len) == 0,
		    "the newest line of %.*s", (int)t->len, t->text);
	}
	buf_fini(&line);
	buf_fini(&want);
	buf_fini(&space);
}

static void
check_all(struct model *m)
{
	struct store_view v;
	struct log_place nowhere = { STORE_RUN_NONE, 0 };

	check_chains(m);
	check_views(m);
	for (uint32_t i = 0; i < m->runs; i++) {
		check_walk(m, i);
		check_seek(m, i);
	}
	check_last(m);
	check(store_view(&v, m->s, nowhere) == 0, "a place in no log");
}

static void
test_model(unsigned first, int disk)
{
	struct model *m = xcalloc(1, sizeof *m);
	struct log_options o = {
		.name = "alpha", .segment = 1 << 20, .twin = 1
	};
	char dir[80];
	const char *why = NULL;
	int status;

	seed = first;
	snprintf(dir, sizeof dir, "%s/%u", root, first);
	o.dir = dir;
	m->log = disk ? log_open(&o, &status, &why) : NULL;
	if (disk && m->log == NULL)
		die(EXIT_BUG, "%s", why);
	m->last = last_new(1000);
	m->s = store_new(m->log, "alpha", MEMORY, m->last);
	m->first[m->runs++] = 1;
	for (int i = 0; i < (disk ? 400 : 3000); i++) {
		if (chance(20) == 0)
			op_add(m);
		else
			op_frame(m);
	}
	check_all(m);
	store_settle(m->s);
	for (uint32_t i = 0; i < m->runs; i++)
		check(!store_run(m->s, i)->own ||
			store_run(m->s, i)->open == (i == store_own(m->s)),
		    "settled, only our newest is open");
	store_free(m->s);
	last_free(m->last);
	if (m->log != NULL)
		log_close(m->log);
	free(m);
}

/* Before it is settled, our earlier logs may come back. */
static void
test_own(void)
{
	struct last *last = last_new(10);
	struct store *s = store_new(NULL, "alpha", 1 << 20, last);
	uint32_t run = 0;

	check(store_run(s, 0)->start > 1000000 && store_own(s) == 0,
	    "a start number by the clock");
	check(store_run_add(s, "alpha", 5, &run) == 0 && run == 1 &&
		store_run(s, 1)->open && store_after(s, 1) == 0 &&
		store_oldest(s, "alpha") == 1,
	    "an earlier one is open");
	store_settle(s);
	check(store_run_add(s, "alpha", 6, &run) == 0 && run == 2 &&
		!store_run(s, 1)->open && !store_run(s, 2)->open,
	    "but not once it is settled");
	check(store_run_add(s, "", 6, &run) == -1 && errno == EINVAL,
	    "a log without a name");
	store_free(s);
	last_free(last);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	char command[128];

	snprintf(root, sizeof root, "%s/test_store.XXXXXX",
	    tmp != NULL && strlen(tmp) < 30 ? tmp : "/tmp");
	if (mkdtemp(root) == NULL)
		die(EXIT_CANTCREATE, "%s", root);
	test_own();
	for (unsigned i = 1; i <= 10; i++)
		test_model(i, 0);
	for (unsigned i = 11; i <= 13; i++)
		test_model(i, 1);
	snprintf(command, sizeof command, "rm -rf %s", root);
	check(system(command) == 0, "%s", command);
	return check_done();
}
