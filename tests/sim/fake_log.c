/*
 * The log in memory.  What is durable is a list of operations, in order; a
 * log that is opened is what comes of them, an older copy of the disk is a
 * shorter list.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "broker/log.h"
#include "sim.h"

enum { LOG_FD = 200, RUNS_MAX = 256, KEEP = 64, DROP_STEP = 30 };

enum op_kind {
	OP_RUN,
	OP_FRAME,
	OP_CURSOR,
	OP_BYE,
	OP_LAST,
	OP_SETTLED,
	OP_DROP,
	OP_KEEP
};

/* A log by its id, since indices change from start to start. */
struct run_id {
	char name[65];
	uint64_t start;
};

struct place_id {
	struct run_id run;
	uint64_t n;
};

struct last_row {
	char *topic;
	struct place_id at; /* n 0: forget; no run's name: leave */
	char *line;	    /* DROP, KEEP: the line to keep */
	int64_t rt;
};

/* What was made durable in one step. */
struct op {
	enum op_kind kind;
	struct run_id run;	/* RUN, FRAME */
	struct frame_head head; /* FRAME */
	struct run_id dep[FRAME_DEPS_MAX];
	struct log_channel channel; /* BYE */
	char name[LOG_CURSOR_MAX + 1];
	char *json; /* CURSOR */
	struct last_row *row;
	size_t rows;
	struct place_id mark[TRAIL_MAX];
	size_t marks;
	size_t upto; /* DROP: frames among the first so many operations */
};

struct entry {
	struct log_item *item;
	struct op *op;
};

struct disk {
	int x;
	struct op **op;
	size_t ops, cap;
	int full;
	struct log *log; /* that is open */
	size_t dropping; /* the first operations, whose frames go */
};

/* One log as its readers see it. */
struct run {
	struct log_run told;
	struct op **frame;
	size_t frames, cap;
};

struct log {
	struct disk *disk;
	struct run run[RUNS_MAX];
	size_t runs;
	uint32_t own;
	uint64_t newest; /* start of ours */
	int twin, settled;
	struct entry *queue;
	size_t first, given, durable, n, cap;
	int failed; /* items put now fail until that one is taken back */
};

/* Operations. */

static void
op_free(struct op *op)
{
	size_t i;

	for (i = 0; i < op->rows; i++) {
		free(op->row[i].topic);
		free(op->row[i].line);
	}
	free(op->row);
	free(op->json);
	free((void *)(uintptr_t)op->head.lines);
	free((void *)(uintptr_t)op->head.summary);
	free(op);
}

static struct run_id
id_of(const struct log *log, uint32_t run)
{
	struct run_id id = { 0 };

	if (run >= log->runs)
		return id;
	memcpy(id.name, log->run[run].told.name, sizeof id.name);
	id.start = log->run[run].told.start;
	return id;
}

static int
same_id(const struct run_id *a, const struct run_id *b)
{
	return a->start == b->start && strcmp(a->name, b->name) == 0;
}

static uint32_t
index_of(const struct log *log, const struct run_id *id)
{
	uint32_t i;

	for (i = 0; i < log->runs; i++)
		if (log->run[i].told.start == id->start &&
		    strcmp(log->run[i].told.name, id->name) == 0)
			return i;
	return UINT32_MAX;
}

static struct op *
op_frame(const struct log *log, struct log_frame *f)
{
	struct op *op = xcalloc(1, sizeof *op);
	struct frame_head *h = &op->head;
	char *lines = xmalloc(f->head.len + 1);
	uint8_t *summary = xmalloc(f->head.summary_len + 1);
	uint32_t i;

	op->kind = OP_FRAME;
	op->run = id_of(log, f->run);
	*h = f->head;
	memcpy(lines, f->head.lines, h->len);
	memcpy(summary, f->head.summary, h->summary_len);
	h->lines = lines;
	h->summary = summary;
	for (i = 0; i < h->deps; i++)
		op->dep[i] = id_of(log, h->dep[i].run);
	return op;
}

static struct op *
op_last(const struct log *log, const struct log_rows *rows)
{
	struct op *op = xcalloc(1, sizeof *op);
	size_t i;

	op->kind = rows->item.kind == LOG_DROP ? OP_DROP
	    : rows->item.kind == LOG_KEEP      ? OP_KEEP
					       : OP_LAST;
	op->upto = log->disk->dropping;
	op->row = xcalloc(rows->n + 1, sizeof *op->row);
	op->rows = rows->n;
	for (i = 0; i < rows->n; i++) {
		const struct log_row *r = &rows->row[i];

		op->row[i].topic = xstrndup(r->topic, r->topic_len);
		op->row[i].at.run = id_of(log, r->at.run);
		op->row[i].at.n = r->at.n;
		op->row[i].rt = r->rt;
		op->row[i].line =
		    r->line != NULL ? xstrndup(r->line, r->len) : NULL;
	}
	for (i = 0; i < rows->mark.n; i++) {
		op->mark[i].run = id_of(log, rows->mark.at[i].run);
		op->mark[i].n = rows->mark.at[i].n;
	}
	op->marks = rows->mark.n;
	return op;
}

static struct op *
op_new(const struct log *log, struct log_item *item)
{
	const struct log_cursor *cursor = (void *)item;
	struct op *op;

	switch (item->kind) {
	case LOG_FRAME: return op_frame(log, (void *)item);
	case LOG_LAST:
	case LOG_KEEP:
	case LOG_DROP: return op_last(log, (void *)item);
	case LOG_CURSOR:
		op = xcalloc(1, sizeof *op);
		op->kind = OP_CURSOR;
		memcpy(op->name, cursor->name, sizeof op->name);
		op->json = cursor->json ? xstrdup(cursor->json) : NULL;
		return op;
	case LOG_BYE:
		op = xcalloc(1, sizeof *op);
		op->kind = OP_BYE;
		op->channel = *(struct log_channel *)(void *)item;
		return op;
	default: die(EXIT_BUG, "item kind %d", item->kind);
	}
}

/* The disk. */

static const char *
trace_deps(const struct op *op)
{
	static char text[FRAME_DEPS_MAX * 100];
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < op->head.deps; i++)
		n += (size_t)snprintf(text + n, sizeof text - n,
		    " after %s.%d:%d", op->dep[i].name, (int)op->dep[i].start,
		    (int)op->head.dep[i].n);
	return text;
}

static void
sim_trace_op(const struct disk *d, const struct op *op)
{
	const struct frame_head *h = &op->head;
	const char *name = world.broker[d->x].name;

	if (!world.tracing)
		return;
	if (op->kind == OP_FRAME)
		sim_trace("%s's disk: %s.%d %d+%d = %s:%d..%d%s", name,
		    op->run.name, (int)op->run.start, (int)h->n, (int)h->events,
		    h->from, (int)h->first, (int)(h->first + h->numbers - 1),
		    h->deps != 0 ? trace_deps(op) : "");
	else if (op->kind == OP_CURSOR)
		sim_trace("%s's disk: cursor %s %s", name, op->name,
		    op->json != NULL ? op->json : "deleted");
	else if (op->kind == OP_RUN)
		sim_trace("%s's disk: new log %s.%d", name, op->run.name,
		    (int)op->run.start);
}

/* What the broker appends to its log is nowhere on its disk yet. */
static void
check_repeat(const struct disk *d, const struct op *op)
{
	const struct frame_head *h = &op->head, *other;
	const struct log *log = d->log;
	size_t i;

	if (op->kind != OP_FRAME || h->chan == 0 || log == NULL ||
	    op->run.start != log->run[log->own].told.start ||
	    strcmp(op->run.name, world.broker[d->x].name) != 0)
		return;
	for (i = 0; i < d->ops; i++) {
		other = &d->op[i]->head;
		if (d->op[i]->kind == OP_FRAME && other->chan == h->chan &&
		    strcmp(other->from, h->from) == 0 &&
		    other->first < h->first + h->numbers &&
		    h->first < other->first + other->numbers) {
			sim_violation("stored twice", "%s: %s:%d",
			    world.broker[d->x].name, h->from, (int)h->first);
			return;
		}
	}
}

static void
disk_put(struct disk *d, struct op *op)
{
	const struct frame_head *h = &op->head;

	if (d->ops == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 256;
		d->op = xrealloc(d->op, d->cap * sizeof *d->op);
	}
	check_repeat(d, op);
	d->op[d->ops++] = op;
	sim_trace_op(d, op);
	if (op->kind == OP_FRAME)
		ledger_durable(d->x, h->from, h->chan, h->first, h->events);
}

static void
disk_cut(struct disk *d, size_t ops)
{
	while (d->ops > ops)
		op_free(d->op[--d->ops]);
}

struct disk *
disk_new(int x)
{
	struct disk *d = xcalloc(1, sizeof *d);

	d->x = x;
	return d;
}

void
disk_free(struct disk *d)
{
	disk_cut(d, 0);
	free(d->op);
	free(d);
}

/* Starts of ours among the first so many operations, since a settling. */
static int
unsettled(const struct disk *d, size_t ops)
{
	const char *name = world.broker[d->x].name;
	int n = 0;

	while (ops-- > 0 && d->op[ops]->kind != OP_SETTLED)
		n += d->op[ops]->kind == OP_RUN && d->op[ops]->run.start != 0 &&
		    strcmp(d->op[ops]->run.name, name) == 0;
	return n;
}

int
disk_unsettled(const struct disk *d)
{
	return unsettled(d, d->ops);
}

size_t
disk_rollback(struct disk *d)
{
	size_t most = d->ops, gone;

	if (most == 0)
		return 0;
	gone = 1 + sim_random(most < KEEP ? most : KEEP);
	if (unsettled(d, most - gone) >= LOG_UNSETTLED)
		return 0;
	disk_cut(d, most - gone);
	return gone;
}

void
disk_lose(struct disk *d)
{
	disk_cut(d, 0);
}

void
disk_full(struct disk *d, int full)
{
	d->full = full;
}

/* Runs. */

static int
compare_start(const void *a, const void *b)
{
	const struct log_run *x = *(struct log_run *const *)a;
	const struct log_run *y = *(struct log_run *const *)b;

	return x->start > y->start ? -1 : x->start < y->start;
}

static int
is_newest(const struct log *log, const struct log_run *run)
{
	size_t i;

	for (i = 0; i < log->runs; i++)
		if (strcmp(log->run[i].told.name, run->name) == 0 &&
		    log->run[i].told.start > run->start)
			return 0;
	return 1;
}

/* Which logs may grow, as log.h says, when it is opened or settled. */
static void
set_open(struct log *log)
{
	struct log_run *own[RUNS_MAX];
	size_t i, n = 0;
	int left =
	    log->settled || !log->twin || world.mutant == MUTANT_CLOSED_LOGS
	    ? 0
	    : LOG_UNSETTLED;

	for (i = 0; i < log->runs; i++) {
		struct log_run *run = &log->run[i].told;

		run->open = run->own ? i == log->own : is_newest(log, run);
		if (run->own && !run->open)
			own[n++] = run;
	}
	qsort(own, n, sizeof own[0], compare_start);
	for (i = 0; i < n && left > 0; i++) {
		own[i]->open = 1;
		left -= own[i]->end != 0;
	}
}

/* The same for one that has been learned. */
static void
set_open_added(struct log *log, struct log_run *added)
{
	size_t i;

	if (added->own) {
		added->open =
		    !log->settled && world.mutant != MUTANT_CLOSED_LOGS;
		return;
	}
	for (i = 0; i < log->runs; i++)
		if (strcmp(log->run[i].told.name, added->name) == 0)
			log->run[i].told.open =
			    is_newest(log, &log->run[i].told);
}

/* What comes back of our own logs comes in their order. */
static void
close_earlier(struct log *log, const struct log_run *run)
{
	size_t i;

	for (i = 0; i < log->runs; i++)
		if (log->run[i].told.own && log->run[i].told.start < run->start)
			log->run[i].told.open = 0;
}

static uint32_t
learn(struct log *log, const struct run_id *id)
{
	struct run *run = &log->run[log->runs];

	if (log->runs == RUNS_MAX)
		die(EXIT_BUG, "too many logs");
	memcpy(run->told.name, id->name, sizeof run->told.name);
	run->told.start = id->start;
	run->told.first = 1;
	run->told.own = strcmp(id->name, world.broker[log->disk->x].name) == 0;
	return (uint32_t)log->runs++;
}

static void
grow(struct log *log, struct op *op)
{
	struct run *run = &log->run[index_of(log, &op->run)];

	if (op->head.n < run->told.end + 1 ||
	    (op->head.n > run->told.end + 1 &&
		index_of(log, &op->run) == log->own))
		sim_violation("hole in a log", "%s.%llu: %llu after %llu",
		    op->run.name, (unsigned long long)op->run.start,
		    (unsigned long long)op->head.n,
		    (unsigned long long)run->told.end);
	if (run->frames == run->cap) {
		run->cap = run->cap ? run->cap * 2 : 16;
		run->frame = xrealloc(run->frame, run->cap * sizeof op);
	}
	if (op->head.n > run->told.end + 1)
		run->told.first = op->head.n;
	run->frame[run->frames++] = op;
	run->told.end = op->head.n + op->head.events - 1;
}

/* The frames among the first operations are not there any more. */
static void
forget_frames(struct log *log, size_t upto)
{
	size_t i;

	for (i = 0; i < upto; i++) {
		const struct op *op = log->disk->op[i];
		struct log_run *run;

		if (op->kind != OP_FRAME || op->head.events == 0)
			continue;
		run = &log->run[index_of(log, &op->run)].told;
		if (run->first < op->head.n + op->head.events)
			run->first = op->head.n + op->head.events;
	}
}

/* 1 if the newest checkpoint speaks of the log. */
static int
is_marked(const struct disk *d, const struct run_id *id)
{
	size_t i = d->ops, k;

	while (i > 0 && d->op[i - 1]->kind != OP_LAST)
		i--;
	for (k = 0; i > 0 && k < d->op[i - 1]->marks; k++)
		if (same_id(&d->op[i - 1]->mark[k].run, id))
			return 1;
	return 0;
}

/* Empty logs are forgotten, but for the newest of another broker. */
static int
is_kept(const struct disk *d, const struct run_id *id)
{
	int newest = strcmp(id->name, world.broker[d->x].name) != 0;
	size_t i;

	for (i = 0; i < d->ops; i++) {
		const struct op *op = d->op[i];

		if (op->kind == OP_FRAME && op->head.events != 0 &&
		    same_id(&op->run, id))
			return 1;
		if (op->kind == OP_RUN && strcmp(op->run.name, id->name) == 0 &&
		    op->run.start > id->start)
			newest = 0;
	}
	return newest || is_marked(d, id);
}

static void
replay(struct log *log)
{
	size_t i;

	for (i = 0; i < log->disk->ops; i++) {
		struct op *op = log->disk->op[i];

		if (op->kind == OP_RUN && op->run.start > log->newest &&
		    strcmp(op->run.name, world.broker[log->disk->x].name) == 0)
			log->newest = op->run.start;
		if (op->kind == OP_RUN &&
		    index_of(log, &op->run) == UINT32_MAX &&
		    is_kept(log->disk, &op->run))
			learn(log, &op->run);
		else if (op->kind == OP_FRAME && op->head.events != 0)
			grow(log, op);
		else if (op->kind == OP_DROP)
			forget_frames(log, op->upto);
	}
}

static uint32_t
add_run(struct log *log, const char *name, uint64_t start)
{
	struct op *op = xcalloc(1, sizeof *op);
	uint32_t run;

	op->kind = OP_RUN;
	strncpy(op->run.name, name, sizeof op->run.name - 1);
	op->run.start = start;
	run = learn(log, &op->run);
	if (world.broker[log->disk->x].dying)
		op_free(op);
	else
		disk_put(log->disk, op);
	return run;
}

static uint64_t
new_start(const struct log *log)
{
	uint64_t now = (uint64_t)(date_now() / DATE_SECOND);

	if (now > log->newest && world.mutant != MUTANT_SAME_LOG)
		return now;
	return log->newest + 1;
}

struct log *
log_open(const struct log_options *options, int *status, const char **why)
{
	struct log *log = xcalloc(1, sizeof *log);

	*status = EXIT_OK;
	*why = NULL;
	log->disk = world.broker[world.current].disk;
	log->disk->log = log;
	log->twin = options->twin;
	log->own = UINT32_MAX;
	replay(log);
	log->own = add_run(log, options->name, new_start(log));
	set_open(log);
	return log;
}

/* No clock is set back here. */
int
log_pass(struct log *log, uint64_t start)
{
	(void)log;
	(void)start;
	errno = ENOSYS;
	return -1;
}

void
log_settle(struct log *log)
{
	struct op *op = xcalloc(1, sizeof *op);

	op->kind = OP_SETTLED;
	if (world.broker[log->disk->x].dying)
		op_free(op);
	else
		disk_put(log->disk, op);
	log->settled = 1;
	set_open(log);
}

void
log_close(struct log *log)
{
	size_t i;

	log->disk->log = NULL;
	for (i = log->durable; i < log->n; i++)
		if (log->queue[i].op != NULL)
			op_free(log->queue[i].op);
	for (i = 0; i < log->runs; i++)
		free(log->run[i].frame);
	free(log->queue);
	free(log);
}

size_t
log_runs(const struct log *log)
{
	return log->runs;
}

const struct log_run *
log_run_at(const struct log *log, size_t i)
{
	return &log->run[i].told;
}

uint32_t
log_own(const struct log *log)
{
	return log->own;
}

int
log_run_add(struct log *log, const char *name, uint64_t start, uint32_t *run)
{
	struct run_id id = { "", start };

	strncpy(id.name, name, sizeof id.name - 1);
	if (index_of(log, &id) != UINT32_MAX) {
		errno = EEXIST;
		return -1;
	}
	*run = add_run(log, name, start);
	set_open_added(log, &log->run[*run].told);
	return 0;
}

/* Items on their way. */

/* A failure of one of these concerns it alone. */
static int
is_apart(const struct log_item *item)
{
	return item->kind == LOG_LAST || item->kind == LOG_DROP;
}

void
log_put(struct log *log, struct log_item *item)
{
	struct log_frame *f = (void *)item;
	int dying = world.broker[log->disk->x].dying;

	item->error = dying || (log->failed && !is_apart(item)) ? ECANCELED : 0;
	if (item->kind == LOG_FRAME && world.mutant == MUTANT_NO_DEPS)
		f->head.deps = 0;
	if (log->n == log->cap) {
		log->cap = log->cap ? log->cap * 2 : 64;
		log->queue =
		    xrealloc(log->queue, log->cap * sizeof *log->queue);
	}
	log->queue[log->n++] = (struct entry){ item, op_new(log, item) };
	if (dying)
		log->given = log->n;
}

/* There is no room: all that wait fail with it, but for a checkpoint. */
static void
fail(struct log *log, struct log_item *item)
{
	size_t i;

	item->error = ENOSPC;
	if (is_apart(item))
		return;
	for (i = log->durable; i < log->n; i++)
		log->queue[i].item->error = ECANCELED;
	log->failed = 1;
}

/* Make the next item durable, if that is possible. */
static void
sync_one(struct log *log)
{
	struct entry *e = &log->queue[log->durable++];

	if (e->item != NULL && e->item->error == 0 && log->disk->full)
		fail(log, e->item);
	if (e->item == NULL || e->item->error == 0) {
		disk_put(log->disk, e->op);
		return;
	}
	op_free(e->op);
	e->op = NULL;
}

void
disk_work(struct disk *d, int all)
{
	struct log *log = d->log;
	size_t most, until;

	if (log == NULL)
		return;
	most = log->n - log->durable;
	until = log->durable + (all ? most : sim_random(most + 1));
	while (log->durable < until)
		sync_one(log);
	most = log->durable - log->given;
	if (world.mutant == MUTANT_EARLY_DONE && !log->disk->full)
		most = log->n - log->given;
	log->given += all ? most : sim_random(most + 1);
}

int
disk_ready(const struct disk *d, int fd)
{
	return d->log != NULL && fd == LOG_FD + d->x &&
	    d->log->first < d->log->given;
}

size_t
disk_waiting(const struct disk *d)
{
	return d->log != NULL ? d->log->n - d->log->first : 0;
}

int
log_done_fd(const struct log *log)
{
	return LOG_FD + log->disk->x;
}

/* An error reaches the caller: from now on items are taken again. */
static void
recover(struct log *log, const struct log_item *item)
{
	if (item->error == ENOSPC && !is_apart(item))
		log->failed = 0;
}

static void
take_dropped(struct log *log, const struct log_item *item, const struct op *op)
{
	log->disk->dropping = 0;
	if (item->error == 0)
		forget_frames(log, op->upto);
}

static struct log_item *
take_back(struct log *log)
{
	struct entry *e = &log->queue[log->first++];
	struct log_item *item = e->item;
	struct log_run *run;

	e->item = NULL;
	if (item->kind == LOG_DROP)
		take_dropped(log, item, e->op);
	if (item->error != 0) {
		sim_trace("%s: an item comes back: %s",
		    world.broker[log->disk->x].name, strerror(item->error));
		recover(log, item);
	} else if (item->kind == LOG_FRAME &&
	    ((struct log_frame *)(void *)item)->head.events != 0) {
		grow(log, e->op);
		run = &log->run[((struct log_frame *)(void *)item)->run].told;
		if (run->own && run != &log->run[log->own].told)
			close_earlier(log, run);
	}
	return item;
}

struct log_item *
log_done(struct log *log)
{
	return log->first < log->given ? take_back(log) : NULL;
}

void
disk_crash(struct disk *d)
{
	struct log *log = d->log;
	size_t i;

	if (log == NULL)
		return;
	for (i = log->first; i < log->n; i++)
		log->queue[i].item->error = ECANCELED;
	log->given = log->n;
}

/* Reading. */

static void
show(struct log_view *v, const struct log *log, const struct op *op)
{
	struct frame_head *h = &v->head;
	uint32_t i, run, deps = 0;

	*h = op->head;
	for (i = 0; i < op->head.deps; i++) {
		run = index_of(log, &op->dep[i]);
		if (run == UINT32_MAX)
			continue;
		h->dep[deps].run = run;
		h->dep[deps++].n = op->head.dep[i].n;
	}
	h->deps = deps;
}

int
log_view(struct log_view *v, struct log *log, struct log_place place)
{
	const struct run *run = &log->run[place.run];
	size_t low = 0, high = run->frames, mid;

	if (place.n < run->told.first || place.n > run->told.end)
		return 0;
	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (run->frame[mid]->head.n <= place.n)
			low = mid;
		else
			high = mid;
	}
	memset(v, 0, sizeof *v);
	v->log = log;
	v->run = place.run;
	v->record_at = low;
	show(v, log, run->frame[low]);
	return 1;
}

int
log_view_next(struct log_view *v)
{
	const struct run *run = &v->log->run[v->run];

	if (v->record_at + 1 >= run->frames)
		return 0;
	show(v, v->log, run->frame[++v->record_at]);
	return 1;
}

void
log_view_end(struct log_view *v)
{
	(void)v;
}

int
log_seek(struct log *log, uint32_t run, int64_t rt, uint64_t *n)
{
	const struct run *r = &log->run[run];
	size_t i;

	for (i = 0; i < r->frames && r->frame[i]->head.rt < rt; i++)
		;
	*n = i < r->frames ? r->frame[i]->head.n : r->told.end + 1;
	return 0;
}

/* What start-up needs back. */

struct channels {
	struct log_channel *v;
	size_t n, cap;
};

static struct log_channel *
channel(struct channels *c, const char *from, uint64_t chan)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->v[i].chan == chan && strcmp(c->v[i].from, from) == 0)
			return &c->v[i];
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 8;
		c->v = xrealloc(c->v, c->cap * sizeof *c->v);
	}
	memset(&c->v[c->n], 0, sizeof *c->v);
	memcpy(c->v[c->n].from, from, strlen(from) + 1);
	c->v[c->n].chan = chan;
	return &c->v[c->n++];
}

static void
collect_channels(const struct disk *d, struct channels *c)
{
	size_t i;

	for (i = 0; i < d->ops; i++) {
		const struct op *op = d->op[i];
		const struct frame_head *h = &op->head;
		struct log_channel *row;

		if (op->kind == OP_BYE) {
			row = channel(c, op->channel.from, op->channel.chan);
			*row = c->v[--c->n];
		}
		if (op->kind != OP_FRAME || h->chan == 0)
			continue;
		row = channel(c, h->from, h->chan);
		if (h->first + h->numbers - 1 > row->last)
			row->last = h->first + h->numbers - 1;
		if (h->rt > row->rt)
			row->rt = h->rt;
	}
}

int
log_channels(struct log *log,
    void (*fn)(void *ctx, const struct log_channel *row), void *ctx)
{
	struct channels c = { 0 };
	size_t i;

	collect_channels(log->disk, &c);
	for (i = 0; i < c.n; i++)
		fn(ctx, &c.v[i]);
	free(c.v);
	return 0;
}

/* 1 if a later operation is about the same cursor. */
static int
overtaken(const struct disk *d, size_t at)
{
	size_t i;

	for (i = at + 1; i < d->ops; i++)
		if (d->op[i]->kind == OP_CURSOR &&
		    strcmp(d->op[i]->name, d->op[at]->name) == 0)
			return 1;
	return 0;
}

int
log_cursors(struct log *log,
    void (*fn)(void *ctx, const char *name, const char *json), void *ctx)
{
	const struct disk *d = log->disk;
	size_t i;

	for (i = 0; i < d->ops; i++)
		if (d->op[i]->kind == OP_CURSOR && d->op[i]->json != NULL &&
		    !overtaken(d, i))
			fn(ctx, d->op[i]->name, d->op[i]->json);
	return 0;
}

static struct log_place
place_of(const struct log *log, const struct place_id *id)
{
	uint32_t run = index_of(log, &id->run);

	return (struct log_place){ run, id->n };
}

/* The row of a topic whose line was kept, or NULL. */
static const struct last_row *
kept_row(const struct disk *d, const char *topic, size_t n)
{
	size_t i, k;

	for (i = d->ops; i-- > 0;)
		for (k = 0;
		     (d->op[i]->kind == OP_DROP || d->op[i]->kind == OP_KEEP) &&
		     k < d->op[i]->rows;
		     k++)
			if (strlen(d->op[i]->row[k].topic) == n &&
			    memcmp(d->op[i]->row[k].topic, topic, n) == 0)
				return &d->op[i]->row[k];
	return NULL;
}

static const char *
kept_line(const struct disk *d, const char *topic)
{
	const struct last_row *row = kept_row(d, topic, strlen(topic));

	return row != NULL ? row->line : NULL;
}

/* Of these topics only a line is known from there on. */
static void
walk_kept(const struct op *op, void (*fn)(void *ctx, const struct log_row *row),
    void *ctx)
{
	size_t i;

	if (op->kind != OP_KEEP && op->kind != OP_DROP)
		return;
	for (i = 0; i < op->rows; i++) {
		struct log_row row = { .topic = op->row[i].topic,
			.topic_len = strlen(op->row[i].topic),
			.line = op->row[i].line };

		fn(ctx, &row);
	}
}

int
log_last(struct log *log, void (*fn)(void *ctx, const struct log_row *row),
    void *ctx, struct trail *mark)
{
	const struct disk *d = log->disk;
	const struct op *last = NULL;
	struct log_place at;
	size_t i, k;

	for (i = 0; i < d->ops; i++) {
		walk_kept(d->op[i], fn, ctx);
		if (d->op[i]->kind != OP_LAST)
			continue;
		last = d->op[i];
		for (k = 0; k < last->rows; k++) {
			const struct last_row *r = &last->row[k];
			struct log_row row = { 0 };

			row.topic = r->topic;
			row.topic_len = strlen(r->topic);
			row.at = place_of(log, &r->at);
			if (row.at.run != UINT32_MAX && row.at.n != 0 &&
			    row.at.n < log->run[row.at.run].told.first)
				row.line = kept_line(d, r->topic);
			if (row.at.run != UINT32_MAX || row.at.n == 0)
				fn(ctx, &row);
		}
	}
	memset(mark, 0, sizeof *mark);
	for (i = 0; world.mutant == MUTANT_MARK_AHEAD && i < log->runs; i++)
		if (log->run[i].told.open)
			mark->at[mark->n++] = (struct log_place){ (uint32_t)i,
				log->run[i].told.end };
	if (mark->n != 0)
		return 0;
	for (i = 0; last != NULL && i < last->marks; i++) {
		at = place_of(log, &last->mark[i]);
		if (at.run != UINT32_MAX)
			mark->at[mark->n++] = at;
	}
	return 0;
}

int
log_kept(struct log *log, const char *topic, size_t n, struct log_row *row,
    struct buf *space)
{
	const struct last_row *kept = kept_row(log->disk, topic, n);

	if (kept == NULL)
		return 0;
	buf_adds(space, kept->line);
	memset(row, 0, sizeof *row);
	row->topic = topic;
	row->topic_len = n;
	row->line = space->p;
	row->len = space->len;
	row->rt = kept->rt;
	row->from = "";
	return 1;
}

/* 1 if all readers have had the frame, and the other broker has it. */
static int
is_spent(const struct frame_head *h)
{
	return ledger_safe(h->from, h->chan, h->first, h->numbers) &&
	    consumers_had(h->from, h->chan, h->first + h->numbers - 1);
}

/* The frames of so many operations were dropped. */
static size_t
dropped(const struct disk *d)
{
	size_t i = d->ops;

	while (i > 0 && d->op[i - 1]->kind != OP_DROP)
		i--;
	return i > 0 ? d->op[i - 1]->upto : 0;
}

int
log_due(struct log *log, int64_t now)
{
	struct disk *d = log->disk;
	size_t i, upto = 0, frames = 0;

	(void)now;
	if (!(world.disks & DISK_RETAIN) || d->dropping != 0)
		return 0;
	for (i = 0; i < d->ops && upto < dropped(d) + DROP_STEP; i++) {
		if (d->op[i]->kind != OP_FRAME)
			continue;
		if (!is_spent(&d->op[i]->head))
			break;
		frames++;
		upto = i + 1;
	}
	if (upto < dropped(d) + DROP_STEP / 2)
		return 0;
	d->dropping = upto;
	sim_trace(
	    "%s drops its first %zu frames", world.broker[d->x].name, frames);
	return 1;
}

int
log_leaving(const struct log *log, struct log_place place)
{
	const struct disk *d = log->disk;
	struct run_id id = id_of(log, place.run);
	size_t i;

	for (i = 0; i < d->dropping; i++) {
		const struct frame_head *h = &d->op[i]->head;

		if (d->op[i]->kind == OP_FRAME && h->n <= place.n &&
		    place.n < h->n + h->events && same_id(&d->op[i]->run, &id))
			return 1;
	}
	return 0;
}

int64_t
log_bytes(const struct log *log)
{
	return (int64_t)log->disk->ops * 100;
}

/* What two disks have to agree on. */

static const struct op *
find_frame(const struct disk *d, const struct op *of)
{
	size_t i;

	for (i = 0; i < d->ops; i++)
		if (d->op[i]->kind == OP_FRAME &&
		    d->op[i]->head.n == of->head.n &&
		    same_id(&d->op[i]->run, &of->run))
			return d->op[i];
	return NULL;
}

static int
same_frame(const struct op *a, const struct op *b)
{
	const struct frame_head *x = &a->head, *y = &b->head;
	uint32_t i;

	if (x->events != y->events || x->numbers != y->numbers ||
	    x->rt != y->rt || strcmp(x->from, y->from) != 0 ||
	    x->chan != y->chan || x->first != y->first || x->len != y->len ||
	    memcmp(x->lines, y->lines, x->len) != 0 || x->deps != y->deps)
		return 0;
	for (i = 0; i < x->deps; i++)
		if (!same_id(&a->dep[i], &b->dep[i]) ||
		    x->dep[i].n != y->dep[i].n)
			return 0;
	return 1;
}

static void
compare_frames(const struct disk *a, const struct disk *b)
{
	const struct op *other;
	size_t i;

	for (i = dropped(a); i < a->ops; i++) {
		const struct op *op = a->op[i];

		if (op->kind != OP_FRAME)
			continue;
		other = find_frame(b, op);
		if (other == NULL)
			sim_violation("not copied", "%s.%llu:%llu of %s",
			    op->run.name, (unsigned long long)op->run.start,
			    (unsigned long long)op->head.n,
			    world.broker[a->x].name);
		else if (!same_frame(op, other))
			sim_violation("copies differ", "%s.%llu:%llu",
			    op->run.name, (unsigned long long)op->run.start,
			    (unsigned long long)op->head.n);
	}
}

static void
compare_channels(const struct disk *a, const struct disk *b)
{
	struct channels x = { 0 }, y = { 0 };
	size_t i;

	collect_channels(a, &x);
	collect_channels(b, &y);
	for (i = 0; i < x.n; i++)
		if (channel(&y, x.v[i].from, x.v[i].chan)->last != x.v[i].last)
			sim_violation("marks differ", "%s", x.v[i].from);
	free(x.v);
	free(y.v);
}

static const char *
cursor_row(const struct disk *d, const char *name)
{
	const char *json = NULL;
	size_t i;

	for (i = 0; i < d->ops; i++)
		if (d->op[i]->kind == OP_CURSOR &&
		    strcmp(d->op[i]->name, name) == 0)
			json = d->op[i]->json;
	/* One that is deleted is remembered for a while. */
	return json != NULL && strstr(json, ",null]") != NULL ? NULL : json;
}

/* The time in the row of a flow's cursor is each broker's own. */
static const char *
comparable(const char *name, const char *row)
{
	return row != NULL && strcmp(name, FLOW_CURSOR) == 0 ? strchr(row, ',')
							     : row;
}

static void
compare_cursors(const struct disk *a, const struct disk *b)
{
	const char *x, *y, *name;
	size_t i;

	for (i = 0; i < a->ops; i++) {
		if (a->op[i]->kind != OP_CURSOR)
			continue;
		name = a->op[i]->name;
		x = comparable(name, cursor_row(a, name));
		y = comparable(name, cursor_row(b, name));
		if ((x == NULL) != (y == NULL) ||
		    (x != NULL && strcmp(x, y) != 0))
			sim_violation("cursors differ", "%s: %s and %s",
			    a->op[i]->name, x ? x : "none", y ? y : "none");
	}
}

void
disk_compare(struct disk *a, struct disk *b)
{
	compare_frames(a, b);
	compare_frames(b, a);
	compare_channels(a, b);
	compare_cursors(a, b);
}
