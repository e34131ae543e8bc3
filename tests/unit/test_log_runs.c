/*
 * A store with the logs of several brokers, against a model: whatever is put,
 * added, dropped and reopened in whatever order, what it says is what the
 * model says.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "broker/log.h"
#include "check.h"

enum { RUNS = 128, FRAMES = 4096, CHANS = 5, CHAN_ROWS = CHANS * 2 };

struct frame {
	uint64_t n, chan, first;
	uint32_t events, numbers, len, deps;
	int64_t rt;
	struct frame_dep dep[FRAME_DEPS_MAX]; /* run: of the model */
};

struct run {
	char name[8];
	uint64_t start, first, end;
	int64_t rt;
	size_t frames;
	struct frame *frame;
};

/* run[0..runs), the newest of ours is own. */
struct model {
	struct run run[RUNS];
	size_t runs, own;
	uint64_t last[CHANS]; /* 0: no row */
	struct trail mark;    /* run: of the model */
	int settled;
};

static char root[64];
static unsigned seed;

static uint32_t
chance(uint32_t n)
{
	return (uint32_t)rand_r(&seed) % n;
}

static struct log *
reopen(const char *dir, int twin)
{
	struct log_options o = { dir, "alpha", 1 << 20, 0, 3 << 20, twin };
	const char *why = NULL;
	int status = 0;
	struct log *log = log_open(&o, &status, &why);

	if (log == NULL)
		die(EXIT_BUG, "open: %d %s", status, why);
	return log;
}

static struct log_item *
wait_done(struct log *log)
{
	struct pollfd p = { log_done_fd(log), POLLIN, 0 };
	struct log_item *item;

	while ((item = log_done(log)) == NULL)
		if (poll(&p, 1, 120000) <= 0)
			die(EXIT_BUG, "no item within 120 s");
	return item;
}

/* The log's index of a run of the model; UINT32_MAX if it is unknown. */
static uint32_t
index_of(const struct log *log, const struct run *r)
{
	for (size_t i = 0; i < log_runs(log); i++)
		if (log_run_at(log, i)->start == r->start &&
		    strcmp(log_run_at(log, i)->name, r->name) == 0)
			return (uint32_t)i;
	return UINT32_MAX;
}

static size_t
model_add(struct model *m, const char *name, uint64_t start)
{
	struct run *r = &m->run[m->runs];

	if (m->runs == RUNS)
		die(EXIT_BUG, "too many runs");
	*r = (struct run){ .start = start, .first = 1 };
	r->frame = xcalloc(FRAMES, sizeof *r->frame);
	memcpy(r->name, name, strlen(name));
	return m->runs++;
}

static void
model_free(struct model *m)
{
	for (size_t i = 0; i < m->runs; i++)
		free(m->run[i].frame);
}

static void
model_forget(struct model *m, size_t i)
{
	free(m->run[i].frame);
	memmove(
	    &m->run[i], &m->run[i + 1], (m->runs - i - 1) * sizeof m->run[0]);
	m->runs--;
	for (size_t j = 0; j < m->runs; j++)
		for (size_t k = 0; k < m->run[j].frames; k++) {
			struct frame *f = &m->run[j].frame[k];
			uint32_t n = 0;

			for (uint32_t d = 0; d < f->deps; d++) {
				if (f->dep[d].run == i)
					continue;
				f->dep[n] = f->dep[d];
				f->dep[n++].run -= f->dep[d].run > i;
			}
			f->deps = n;
		}
	for (size_t j = 0; j < m->mark.n; j++)
		m->mark.at[j].run -= m->mark.at[j].run > i;
	m->own -= m->own > i;
}

static void
fill_lines(char *p, const struct run *r, const struct frame *f)
{
	for (uint32_t i = 0; i < f->len; i++)
		p[i] = (char)(f->n * 31 + r->start + i * 7);
}

static struct log_frame *
make_frame(const struct log *log, const struct model *m, const struct run *r,
    const struct frame *f)
{
	struct log_frame *out = xcalloc(1, sizeof *out);
	struct frame_head *h = &out->head;

	out->body = blob_new(f->len + 1);
	fill_lines(out->body->p, r, f);
	out->item.kind = LOG_FRAME;
	out->run = index_of(log, r);
	*h = (struct frame_head){ .n = f->n,
		.events = f->events,
		.numbers = f->numbers,
		.rt = f->rt,
		.chan = f->chan,
		.first = f->first,
		.deps = f->deps,
		.lines = out->body->p,
		.len = f->len };
	for (uint32_t i = 0; i < f->deps; i++)
		h->dep[i] =
		    (struct frame_dep){ index_of(log, &m->run[f->dep[i].run]),
			    f->dep[i].n };
	memcpy(h->from, "meter", 6);
	return out;
}

static void
choose_deps(const struct model *m, const struct run *r, struct frame *f)
{
	for (size_t i = 0; i < m->runs && f->deps < FRAME_DEPS_MAX; i++)
		if (&m->run[i] != r && m->run[i].end > 0 && chance(4) == 0)
			f->dep[f->deps++] =
			    (struct frame_dep){ (uint32_t)i, m->run[i].end };
}

/* A frame that can come next in a run; in a copy there may be a gap. */
static struct frame
next_frame(struct model *m, struct run *r, int copy)
{
	struct frame f = { .n = r->end + 1,
		.events = 1 + chance(30),
		.chan = chance(CHANS),
		.first = 1 + chance(500),
		.len = chance(3) == 0 ? chance(60000) : chance(900) };

	if (chance(12) == 0)
		f.events = 0;
	if (copy && chance(20) == 0)
		f.n += 1 + chance(100);
	f.numbers = f.events + chance(3);
	f.rt = r->rt += chance(50);
	/* Our own numbers rise, the twin's need not. */
	if (!copy)
		f.first = m->last[f.chan] + 1 + chance(2);
	choose_deps(m, r, &f);
	return f;
}

static void
model_frame(struct model *m, struct run *r, const struct frame *f)
{
	uint64_t last = f->first + f->numbers - 1;

	if (f->chan != 0 && m->last[f->chan] < last)
		m->last[f->chan] = last;
	if (f->events == 0)
		return;
	if (r->frames == FRAMES)
		die(EXIT_BUG, "too many frames");
	if (f->n != r->end + 1)
		r->first = f->n;
	r->end = f->n + f->events - 1;
	r->frame[r->frames++] = *f;
}

static void
put_frame(struct log *log, struct model *m)
{
	size_t i = chance(2) ? m->own : chance((uint32_t)m->runs);
	struct run *r = &m->run[i];
	struct frame f = next_frame(m, r, i != m->own);
	struct log_frame *item = make_frame(log, m, r, &f);

	model_frame(m, r, &f);
	log_put(log, &item->item);
}

static void
put_bye(struct log *log, struct model *m)
{
	struct log_channel *c = xcalloc(1, sizeof *c);

	c->item.kind = LOG_BYE;
	memcpy(c->from, "meter", 6);
	c->chan = 1 + chance(CHANS - 1);
	m->last[c->chan] = 0;
	log_put(log, &c->item);
}

static void
take_all(struct log *log, int n)
{
	int bad = 0;

	for (; n > 0; n--) {
		struct log_item *item = wait_done(log);

		bad += item->error != 0;
		if (item->kind == LOG_FRAME)
			blob_unref(((struct log_frame *)item)->body);
		free(item);
	}
	check(bad == 0, "seed %u: %d items came back with an error", seed, bad);
}

static void
op_write(struct log *log, struct model *m)
{
	int n = 1 + (int)chance(40);

	for (int i = 0; i < n; i++)
		if (chance(30) == 0)
			put_bye(log, m);
		else
			put_frame(log, m);
	take_all(log, n);
}

static void
op_add(struct log *log, struct model *m)
{
	static const char *const names[] = { "beta", "gamma", "alpha" };
	const char *name = names[chance(3)];
	uint64_t start = 1 + chance(1000);
	struct run r = { .start = start };
	uint32_t run = UINT32_MAX;
	int known, got;

	if (m->runs > RUNS / 2)
		return;
	memcpy(r.name, name, strlen(name));
	known = index_of(log, &r) != UINT32_MAX;
	got = log_run_add(log, name, start, &run);
	check(known ? got == -1 && errno == EEXIST
		    : got == 0 && run == log_runs(log) - 1,
	    "run %s.%u is added", name, (unsigned)start);
	if (got != 0)
		return;
	model_add(m, name, start);
	if (strcmp(name, "alpha") == 0)
		check(log_run_at(log, run)->open == !m->settled,
		    "our own from before is open until it is settled");
}

static void
op_mark(struct log *log, struct model *m)
{
	struct log_rows rows = { .item.kind = LOG_LAST };
	size_t step = 1 + m->runs / TRAIL_MAX;

	m->mark.n = 0;
	for (size_t i = chance((uint32_t)step); i < m->runs; i += step) {
		struct log_place *at = &m->mark.at[m->mark.n];

		*at = (struct log_place){ (uint32_t)i, m->run[i].end };
		rows.mark.at[m->mark.n++] =
		    (struct log_place){ index_of(log, &m->run[i]),
			    m->run[i].end };
	}
	rows.mark.n = m->mark.n;
	log_put(log, &rows.item);
	check(wait_done(log) == &rows.item && rows.item.error == 0,
	    "a checkpoint");
}

/* What leaves must be the oldest that there is of each run. */
static void
op_drop(struct log *log, struct model *m)
{
	struct log_rows rows = { .item.kind = LOG_DROP };

	if (!log_due(log, 0))
		return;
	for (size_t i = 0; i < m->runs; i++) {
		struct run *r = &m->run[i];
		struct log_place at = { index_of(log, r), 0 };
		size_t n = 0;

		for (; n < r->frames; n++) {
			const struct frame *f = &r->frame[n];

			at.n = f->n;
			if (!log_leaving(log, at))
				break;
			at.n += f->events - 1;
			check(log_leaving(log, at), "whole frames leave");
			if (r->first < at.n + 1)
				r->first = at.n + 1;
		}
		r->frames -= n;
		memmove(r->frame, r->frame + n, r->frames * sizeof *r->frame);
		for (n = 0; n < r->frames; n++) {
			at.n = r->frame[n].n;
			check(!log_leaving(log, at), "the rest stays");
		}
	}
	log_put(log, &rows.item);
	check(wait_done(log) == &rows.item && rows.item.error == 0, "a drop");
}

static int
same_deps(const struct log *log, const struct model *m, const struct frame *f,
    const struct frame_head *h)
{
	if (f->deps != h->deps)
		return 0;
	for (uint32_t i = 0; i < f->deps; i++)
		if (index_of(log, &m->run[f->dep[i].run]) != h->dep[i].run ||
		    f->dep[i].n != h->dep[i].n)
			return 0;
	return 1;
}

static int
same_frame(const struct log *log, const struct model *m, const struct run *r,
    const struct frame *f, const struct frame_head *h)
{
	char lines[60000];

	fill_lines(lines, r, f);
	return f->n == h->n && f->events == h->events &&
	    f->numbers == h->numbers && f->rt == h->rt && f->chan == h->chan &&
	    f->first == h->first && f->len == h->len &&
	    strcmp(h->from, "meter") == 0 &&
	    memcmp(lines, h->lines, f->len) == 0 && same_deps(log, m, f, h);
}

/* Read a run from its oldest event to its end. */
static void
check_frames(struct log *log, const struct model *m, const struct run *r)
{
	uint32_t run = index_of(log, r);
	struct log_view v;
	size_t i = 0, n = 0;
	int got;

	while (i < r->frames && r->frame[i].n < r->first)
		i++;
	got = log_view(&v, log, (struct log_place){ run, r->first });
	for (; got == 1; got = log_view_next(&v), i++, n++)
		if (i == r->frames ||
		    !same_frame(log, m, r, &r->frame[i], &v.head)) {
			log_view_end(&v);
			got = -2;
			break;
		}
	check(got == 0 && i == r->frames, "seed %u: frames of %s.%llu: %d",
	    seed, r->name, (unsigned long long)r->start, got);
}

static void
check_seek(struct log *log, const struct run *r)
{
	int64_t rt = chance((uint32_t)r->rt + 10);
	uint64_t want = r->end + 1, n = 0;

	for (size_t i = r->frames; i-- > 0 && r->frame[i].rt >= rt;)
		want = r->frame[i].n;
	check(log_seek(log, index_of(log, r), rt, &n) == 0 && n == want,
	    "seek %lld in %s.%llu: %llu, not %llu", (long long)rt, r->name,
	    (unsigned long long)r->start, (unsigned long long)n,
	    (unsigned long long)want);
}

/* Open are our newest, others' newest, and some of ours before the settling. */
static int
want_open(const struct model *m, const struct run *r)
{
	int own = strcmp(r->name, "alpha") == 0, later = 0;

	if (own && r == &m->run[m->own])
		return 1;
	for (size_t i = 0; i < m->runs; i++) {
		const struct run *s = &m->run[i];

		later += s->start > r->start && strcmp(s->name, r->name) == 0 &&
		    (!own || (i != m->own && s->end > 0));
	}
	if (!own)
		return later == 0;
	return !m->settled && later < LOG_UNSETTLED;
}

static void
check_runs(struct log *log, const struct model *m, int fresh)
{
	check(log_runs(log) == m->runs, "%zu runs, not %zu", log_runs(log),
	    m->runs);
	check(index_of(log, &m->run[m->own]) == log_own(log), "our own");
	for (size_t i = 0; i < m->runs; i++) {
		const struct run *r = &m->run[i];
		const struct log_run *told = log_run_at(log, index_of(log, r));

		check(told->first == r->first && told->end == r->end &&
			told->own == (strcmp(r->name, "alpha") == 0),
		    "seed %u: %s.%llu is %llu..%llu, not %llu..%llu", seed,
		    r->name, (unsigned long long)r->start,
		    (unsigned long long)told->first,
		    (unsigned long long)told->end, (unsigned long long)r->first,
		    (unsigned long long)r->end);
		if (!told->own || fresh || m->settled)
			check(told->open == want_open(m, r),
			    "seed %u: %s.%llu open: %d", seed, r->name,
			    (unsigned long long)r->start, told->open);
		check_frames(log, m, r);
		check_seek(log, r);
	}
}

static void
see_channel(void *ctx, const struct log_channel *row)
{
	uint64_t *last = ctx;

	if (row->chan < CHANS)
		last[row->chan] = row->last;
}

static void
no_row(void *ctx, const struct log_row *row)
{
	(void)row;
	++*(int *)ctx;
}

static void
check_rows(struct log *log, const struct model *m)
{
	uint64_t last[CHANS] = { 0 };
	struct trail mark;
	int rows = 0, same;

	check(log_channels(log, see_channel, last) == 0, "channels");
	for (size_t i = 1; i < CHANS; i++)
		check(last[i] == m->last[i],
		    "seed %u: channel %zu is at %llu, not %llu", seed, i,
		    (unsigned long long)last[i],
		    (unsigned long long)m->last[i]);
	check(log_last(log, no_row, &rows, &mark) == 0 && rows == 0, "last");
	same = mark.n == m->mark.n;
	for (size_t i = 0; same && i < mark.n; i++)
		same = mark.at[i].n == m->mark.at[i].n &&
		    mark.at[i].run == index_of(log, &m->run[m->mark.at[i].run]);
	check(same, "seed %u: the mark", seed);
}

/* Empty runs that nothing names are forgotten, but for a copy's newest. */
static void
model_reopen(struct log *log, struct model *m)
{
	for (size_t i = m->runs; i-- > 0;) {
		const struct run *r = &m->run[i];
		int own = strcmp(r->name, "alpha") == 0, keep = r->end > 0;

		for (size_t j = 0; j < m->mark.n; j++)
			keep |= m->mark.at[j].run == i;
		if (!own)
			keep |= want_open(m, r);
		if (!keep)
			model_forget(m, i);
	}
	m->own = model_add(m, "alpha", log_run_at(log, log_own(log))->start);
}

static struct log *
op_reopen(struct log *log, struct model *m, const char *dir)
{
	uint64_t before = m->runs > 0 ? m->run[m->own].start : 0;
	int64_t now = date_now();
	int twin = chance(2) == 0;
	uint64_t start;

	if (log != NULL)
		log_close(log);
	log = reopen(dir, twin);
	start = log_run_at(log, log_own(log))->start;
	check(start > before && start >= (uint64_t)now, "start number");
	m->settled = !twin;
	model_reopen(log, m);
	check_runs(log, m, 1);
	check_rows(log, m);
	return log;
}

static void
op_settle(struct log *log, struct model *m)
{
	log_settle(log);
	m->settled = 1;
}

static void
test_model(unsigned first, int ops)
{
	struct model m = { .runs = 0 };
	char dir[80];
	struct log *log;

	seed = first;
	snprintf(dir, sizeof dir, "%s/%u", root, first);
	log = op_reopen(NULL, &m, dir);
	for (int i = 0; i < ops; i++) {
		switch (chance(10)) {
		case 0: op_add(log, &m); break;
		case 1: op_mark(log, &m); break;
		case 2: log = op_reopen(log, &m, dir); break;
		case 3: op_settle(log, &m); break;
		case 4: check_runs(log, &m, 0); break;
		default: op_write(log, &m);
		}
		op_drop(log, &m);
	}
	log = op_reopen(log, &m, dir);
	log_close(log);
	model_free(&m);
}

static struct log_frame
small_frame(uint32_t run, uint64_t n)
{
	struct log_frame f = { .item.kind = LOG_FRAME, .run = run };

	f.head = (struct frame_head){
		.n = n, .events = 1, .lines = "{}\n", .len = 3
	};
	return f;
}

/* What comes of one frame that is put. */
static int
put_one(struct log *log, uint32_t run, uint64_t n, uint32_t dep)
{
	struct log_frame f = small_frame(run, n);

	f.head.dep[0] = (struct frame_dep){ dep, 1 };
	f.head.deps = dep != 0;
	log_put(log, &f.item);
	wait_done(log);
	return f.item.error;
}

static void
test_refusals(void)
{
	static const char longest[] = "0123456789012345678901234567890123456789"
				      "012345678901234567890123";
	char dir[80], more[66] = "x";
	struct log *log;
	uint32_t run = 0, own;
	uint64_t start;

	snprintf(dir, sizeof dir, "%s/refusals", root);
	log = reopen(dir, 0);
	own = log_own(log);
	start = log_run_at(log, own)->start;
	memcpy(more + 1, longest, sizeof longest);
	check(
	    log_run_add(log, "", 1, &run) == -1 && errno == EINVAL, "no name");
	check(log_run_add(log, more, 1, &run) == -1 && errno == EINVAL,
	    "a name of 65 bytes");
	check(log_run_add(log, "alpha", start, &run) == -1 && errno == EEXIST,
	    "the one that is written");
	check(log_run_add(log, longest, UINT64_MAX, &run) == 0 && run == 1 &&
		strcmp(log_run_at(log, 1)->name, longest) == 0,
	    "a name of 64 bytes");
	check(put_one(log, 1, 50, 0) == 0 && log_run_at(log, 1)->first == 50,
	    "a copy may begin anywhere");
	check(put_one(log, 1, 50, 0) == EINVAL, "but not go back");
	check(put_one(log, own, 2, 0) == EINVAL, "our own has no gaps");
	check(put_one(log, own, 1, 2) == EINVAL, "a dep on no log");
	check(put_one(log, 2, 1, 0) == EINVAL, "a frame of no log");
	check(put_one(log, own, 1, 1) == 0 && put_one(log, 1, 51, 0) == 0,
	    "after each, the right one is taken");
	check(log_run_add(log, "alpha", start + 1000000, &run) == 0,
	    "our own of a clock that was wrong");
	log_close(log);
	log = reopen(dir, 0);
	check(log_run_at(log, log_own(log))->start > start + 1000000,
	    "no start number is given twice");
	log_close(log);
}

/* A copy without events does not move a channel back either. */
static void
test_channel(void)
{
	uint64_t last[CHANS] = { 0 };
	struct log_frame f;
	char dir[80];
	struct log *log;
	uint32_t run;

	snprintf(dir, sizeof dir, "%s/channel", root);
	log = reopen(dir, 0);
	check(log_run_add(log, "beta", 1, &run) == 0, "a copy");
	for (int i = 0; i < 2; i++) {
		f = small_frame(i == 0 ? log_own(log) : run, 1);
		f.head.events = i == 0;
		f.head.chan = 3;
		f.head.first = i == 0 ? 50 : 10;
		f.head.numbers = 5;
		memcpy(f.head.from, "meter", 6);
		log_put(log, &f.item);
		check(wait_done(log) == &f.item && f.item.error == 0, "stored");
	}
	check(log_channels(log, see_channel, last) == 0 && last[3] == 54,
	    "the channel is where it was");
	log_close(log);
}

/*
 * Frames of two logs, and one that fails among them: what came before it is
 * stored, the rest comes back, and both logs go on from their ends.
 */
static void
test_failure(void)
{
	enum { N = 40 };
	struct log_frame f[N];
	char dir[80];
	struct log *log;
	uint32_t run[2];

	seed = 3;
	snprintf(dir, sizeof dir, "%s/failure", root);
	log = reopen(dir, 0);
	run[0] = log_own(log);
	check(log_run_add(log, "beta", 1, &run[1]) == 0, "a copy");
	for (int round = 0; round < 30; round++) {
		uint64_t n[2] = { log_run_at(log, run[0])->end + 1,
			log_run_at(log, run[1])->end + 1 };
		uint64_t stored[2] = { n[0], n[1] };
		int bad = (int)chance(N), wrong = 0;

		for (int i = 0; i < N; i++) {
			int copy = (int)chance(2);

			f[i] = small_frame(run[copy], n[copy]++);
			if (i == bad)
				f[i] = small_frame(run[0], n[0] + 7);
			else if (i < bad)
				stored[copy] = n[copy];
			log_put(log, &f[i].item);
		}
		for (int i = 0; i < N; i++) {
			wrong += wait_done(log) != &f[i].item;
			wrong += i < bad && f[i].item.error != 0 &&
			    f[i].item.error != ECANCELED;
			wrong += i == bad && f[i].item.error == 0;
			wrong += i > bad && f[i].item.error != ECANCELED;
		}
		check(wrong == 0, "round %d: %d came back wrong", round, wrong);
		for (int i = 0; i < 2; i++)
			check(log_run_at(log, run[i])->end + 1 == stored[i],
			    "round %d: what was before the error is stored",
			    round);
	}
	log_close(log);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	char command[128];

	snprintf(root, sizeof root, "%s/test_log_runs.XXXXXX",
	    tmp != NULL && strlen(tmp) < 30 ? tmp : "/tmp");
	if (mkdtemp(root) == NULL)
		die(EXIT_CANTCREATE, "%s", root);
	test_refusals();
	test_failure();
	test_channel();
	for (unsigned i = 1; i <= 8; i++)
		test_model(i, 120);
	snprintf(command, sizeof command, "rm -rf %s", root);
	check(system(command) == 0, "%s", command);
	return check_done();
}
