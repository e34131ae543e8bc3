#include "broker/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "broker/db.h"
#include "broker/record.h"
#include "broker/segment.h"
#include "broker/state.h"
#include "broker/writer.h"

enum {
	LOCK_WAIT = 2 * DATE_SECOND,
	RUNS_TOLD = 1024, /* of a name: their ends are known when gone */
	RUNS_MAX = 1 << 16,
	OPEN_MAX_SEGMENTS = 8, /* environments open for reading */
	VERIFIED = 256,	       /* records whose checksum was seen to match */
	SEGMENT_MIN = 1 << 20
};

static const char format[] = "sg-store 1\n";

struct segment {
	uint64_t id;
	struct db *db;	  /* NULL while closed */
	int64_t size;	  /* when it was closed */
	unsigned pins;	  /* views that read it */
	uint64_t used;	  /* log.clock */
	struct run **run; /* those it has pieces of */
	size_t runs, run_cap;
	int64_t rt; /* highest of its events */
};

/* What one segment holds of one run: no gaps. */
struct piece {
	struct segment *segment;
	uint64_t from, to;
	int64_t rt; /* of the newest event */
	int cut;    /* where it ends is not known */
};

struct run {
	struct log_run told;
	uint32_t index, number;
	int keep;
	struct piece *piece; /* oldest first */
	size_t pieces, piece_cap;
};

struct verified {
	uint64_t segment, n;
	uint32_t run;
};

struct log {
	char *dir;
	struct log_options options;
	size_t map;
	int lock;
	struct db *state;
	struct writer *writer;

	struct run **run; /* by index; their numbers ascend */
	size_t runs;
	uint32_t own;
	struct state_counters counters;
	int settled;

	struct segment **segment; /* oldest first; the last is written */
	size_t segments;
	uint64_t clock;
	int dropping; /* a LOG_DROP is under way */
	int rolling;  /* a roll was asked for */
	int stopping; /* nothing may be put any more */
	struct verified verified[VERIFIED];
};

/* Failure while opening: errno and what to say of it. */
static int
refuse(int *status, const char **why, int code, const char *text)
{
	*status = code;
	*why = text != NULL ? text : strerror(errno);
	return -1;
}

/* The directory. */

/* A broker that was killed a moment ago may still be on its way out. */
static int
lock_soon(int fd)
{
	const struct timespec pause = { 0, 20000000 };
	int64_t until = date_mono() + LOCK_WAIT;

	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK || date_mono() > until)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int
lock_dir(struct log *log, int *status, const char **why)
{
	char path[PATH_MAX];
	int r = 0;

	if (snprintf(path, sizeof path, "%s/..", log->dir) >= PATH_MAX)
		return refuse(status, why, EXIT_CANTCREATE, "path too long");
	if (mkdir(log->dir, 0700) == 0)
		r = db_fsync_dir(path);
	else if (errno != EEXIST)
		r = -1;
	if (r == -1)
		return refuse(status, why, EXIT_CANTCREATE, NULL);
	if (snprintf(path, sizeof path, "%s/lock", log->dir) >= PATH_MAX)
		return refuse(status, why, EXIT_CANTCREATE, "path too long");
	log->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (log->lock == -1)
		return refuse(status, why, EXIT_CANTCREATE, NULL);
	if (lock_soon(log->lock) == -1)
		return refuse(status, why, EXIT_UNAVAILABLE,
		    "another broker holds the directory");
	return 0;
}

static int
write_format(const char *dir, const char *path)
{
	char tmp[PATH_MAX];
	int fd, r = -1;

	if (snprintf(tmp, sizeof tmp, "%s/tmp-FORMAT", dir) >= PATH_MAX)
		return -1;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if (write(fd, format, sizeof format - 1) == sizeof format - 1)
		r = fsync(fd);
	r |= close(fd);
	if (r == 0)
		r = rename(tmp, path);
	return r == 0 ? db_fsync_dir(dir) : -1;
}

/* 1 if FORMAT is ours, 0 if there is none, -1 with *why. */
static int
read_format(const char *path, int *status, const char **why)
{
	char text[sizeof format + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1)
		return refuse(status, why, EXIT_IO, NULL);
	n = read(fd, text, sizeof text);
	close(fd);
	if (n == sizeof format - 1 && memcmp(text, format, (size_t)n) == 0)
		return 1;
	if (n > 9 && memcmp(text, "sg-store ", 9) == 0)
		return refuse(status, why, EXIT_CONFIG,
		    "the store has a format this version does not know");
	return refuse(
	    status, why, EXIT_CONFIG, "FORMAT is not that of a store");
}

static int
check_format(struct log *log, long segments, int *status, const char **why)
{
	char path[PATH_MAX];
	int r;

	if (snprintf(path, sizeof path, "%s/FORMAT", log->dir) >= PATH_MAX)
		return refuse(status, why, EXIT_CANTCREATE, "path too long");
	r = read_format(path, status, why);
	if (r != 0)
		return r == 1 ? 0 : -1;
	if (segments > 0)
		return refuse(status, why, EXIT_CONFIG, "FORMAT is missing");
	if (write_format(log->dir, path) == -1)
		return refuse(status, why, EXIT_CANTCREATE, NULL);
	return 0;
}

static int
open_state(struct log *log, long segments, int *status, const char **why)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof path, "%s/state", log->dir) >= PATH_MAX)
		return refuse(status, why, EXIT_CANTCREATE, "path too long");
	if (segments > 0 && access(path, F_OK) == -1)
		return refuse(status, why, EXIT_CONFIG, "state is missing");
	log->state = state_open(log->dir, log->options.name);
	if (log->state != NULL)
		return 0;
	if (errno == ENOTUNIQ)
		return refuse(status, why, EXIT_CONFIG,
		    "the store belongs to a broker of another name");
	return refuse(
	    status, why, EXIT_IO, errno == EBADMSG ? "state is damaged" : NULL);
}

/* Segments and their pieces. */

static struct segment *
add_segment(struct log *log, uint64_t id, struct db *db)
{
	struct segment *s = xcalloc(1, sizeof *s);

	s->id = id;
	s->db = db;
	s->rt = INT64_MIN;
	log->segment = xrealloc(
	    log->segment, (log->segments + 1) * sizeof(struct segment *));
	log->segment[log->segments++] = s;
	return s;
}

static void
free_segment(struct segment *s)
{
	db_close(s->db);
	free(s->run);
	free(s);
}

static struct piece *
add_piece(struct segment *segment, struct run *run, uint64_t from)
{
	struct piece *p;

	if (segment->runs == segment->run_cap) {
		segment->run_cap = segment->run_cap * 2 + 4;
		segment->run = xrealloc(
		    segment->run, segment->run_cap * sizeof(struct run *));
	}
	segment->run[segment->runs++] = run;
	if (run->pieces == run->piece_cap) {
		run->piece_cap = run->piece_cap * 2 + 4;
		run->piece =
		    xrealloc(run->piece, run->piece_cap * sizeof *run->piece);
	}
	p = &run->piece[run->pieces++];
	*p = (struct piece){ segment, from, from, 0, 0 };
	return p;
}

static void
piece_to(struct piece *p, uint64_t to, int64_t rt)
{
	p->to = to;
	p->rt = rt;
	if (p->segment->rt < rt)
		p->segment->rt = rt;
}

static struct run *
run_numbered(const struct log *log, uint32_t number)
{
	size_t lo = 0, hi = log->runs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (log->run[mid]->number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == log->runs || log->run[lo]->number != number)
		return NULL;
	return log->run[lo];
}

static int
learn_piece(void *ctx, const struct segment_piece *found)
{
	struct log *log = ctx;
	struct segment *s = log->segment[log->segments - 1];
	struct run *run = run_numbered(log, found->run);
	struct piece *p;

	if (run == NULL) {
		errno = EBADMSG;
		return -1;
	}
	p = add_piece(s, run, found->from);
	p->cut = found->damaged;
	piece_to(p, found->to, found->rt);
	if (run->pieces > 1 && p[-1].cut)
		p[-1].to = p->from - 1;
	return 0;
}

static int
learn_segment(struct log *log, uint64_t id, enum db_mode mode)
{
	struct segment *s = add_segment(log, id, NULL);

	s->db = segment_open(log->dir, id, mode, log->map);
	if (s->db == NULL || segment_pieces(s->db, learn_piece, log) == -1)
		return -1;
	s->size = db_size(s->db);
	if (mode == DB_READ) {
		db_close(s->db);
		s->db = NULL;
	}
	return 0;
}

static int
open_segments(struct log *log, const uint64_t *id, size_t n)
{
	struct db *db;

	for (size_t i = 0; i < n; i++)
		if (learn_segment(
			log, id[i], i + 1 == n ? DB_WRITE : DB_READ) == -1)
			return -1;
	if (n > 0)
		return 0;
	db = segment_create(log->dir, 1, log->map, NULL);
	if (db == NULL)
		return -1;
	add_segment(log, 1, db);
	return 0;
}

/*
 * first and end of every run from the pieces, first behind all gaps; ends
 * without: as stored.
 */
static void
learn_runs(struct log *log)
{
	for (size_t i = 0; i < log->runs; i++) {
		const struct run *r = log->run[i];
		struct log_run *told = &log->run[i]->told;
		size_t n = r->pieces;

		if (n > 0 && told->end < r->piece[n - 1].to)
			told->end = r->piece[n - 1].to;
		told->first = told->end + 1;
		while (n-- > 0) {
			told->first = r->piece[n].from;
			if (n > 0 && r->piece[n - 1].to + 1 != told->first)
				break;
		}
	}
}

/* Runs. */

static struct run *
add_run(struct log *log, const struct state_run *row)
{
	struct run *run = xcalloc(1, sizeof *run);
	struct log_run *told = &run->told;

	*told = (struct log_run){ .start = row->start, .end = row->end };
	memcpy(told->name, row->name, sizeof told->name);
	told->first = told->end + 1;
	told->own = strcmp(told->name, log->options.name) == 0;
	run->number = row->number;
	run->index = (uint32_t)log->runs;
	if ((log->runs & (log->runs + 1)) == 0)
		log->run = xrealloc(
		    log->run, (log->runs + 1) * 2 * sizeof(struct run *));
	log->run[log->runs++] = run;
	return run;
}

static void
free_run(struct run *run)
{
	free(run->piece);
	free(run);
}

/* By name and, of one name, the newest first. */
static int
by_chain(const void *a, const void *b)
{
	const struct run *x, *y;
	int c;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	c = strcmp(x->told.name, y->told.name);
	return c != 0
	    ? c
	    : (x->told.start < y->told.start) - (x->told.start > y->told.start);
}

/* The runs in that order, freed by the caller. */
static struct run **
by_chains(const struct log *log)
{
	struct run **sorted = xcalloc(log->runs + 1, sizeof(struct run *));

	if (log->runs > 0)
		memcpy(sorted, log->run, log->runs * sizeof(struct run *));
	qsort(sorted, log->runs, sizeof(struct run *), by_chain);
	return sorted;
}

static int
begins_chain(struct run *const *sorted, size_t i)
{
	return i == 0 ||
	    strcmp(sorted[i]->told.name, sorted[i - 1]->told.name) != 0;
}

/* Of each name: runs that can be told of, and the newest of another's. */
static void
keep_told(struct log *log)
{
	struct run **sorted = by_chains(log);
	size_t told = 0;

	for (size_t i = 0; i < log->runs; i++) {
		struct run *r = sorted[i];

		if (begins_chain(sorted, i)) {
			told = 0;
			r->keep |= !r->told.own;
		}
		if (r->told.end > 0 && told++ < RUNS_TOLD)
			r->keep = 1;
		if (r->pieces > 0)
			r->keep = 1;
	}
	free(sorted);
}

static void
keep_named(void *ctx, struct log_row *row, const struct state_place *at)
{
	struct run *run = at != NULL ? run_numbered(ctx, at->run) : NULL;

	(void)row;
	if (run != NULL)
		run->keep = 1;
}

/* Which runs something still refers to. */
static int
find_kept(struct log *log)
{
	struct state_place mark[TRAIL_MAX];
	int n = state_mark(log->state, mark);
	size_t kept = 0;

	if (n == -1)
		return -1;
	keep_told(log);
	for (int i = 0; i < n; i++)
		keep_named(log, NULL, &mark[i]);
	for (size_t i = 0; i < log->runs; i++)
		kept += log->run[i]->keep != 0;
	if (kept == log->runs)
		return 0;
	return state_walk(log->state, keep_named, log);
}

/* Move runs worth keeping to the front of row; the others' numbers: forget. */
static size_t
sift_runs(struct log *log, struct state_run *row, uint32_t *forget)
{
	size_t n = 0, m = 0;

	for (size_t i = 0; i < log->runs; i++) {
		struct run *run = log->run[i];

		if (!run->keep) {
			forget[m++] = run->number;
			free_run(run);
			continue;
		}
		row[n] = row[i];
		row[n].end = run->told.end;
		run->index = (uint32_t)n;
		log->run[n++] = run;
	}
	log->runs = n;
	return m;
}

/* A number that no earlier start can have had, whatever became of the disk. */
static void
next_start(struct state_counters *counters)
{
	int64_t now = date_now();

	counters->start++;
	if (now > 0 && counters->start < (uint64_t)now)
		counters->start = (uint64_t)now;
}

/* Store the runs and a new one; row has room for it. */
static int
begin_run(struct log *log, struct state_run *row)
{
	uint32_t *forget = xcalloc(log->runs + 1, sizeof *forget);
	struct state_run *new;
	int r = find_kept(log);
	size_t m;

	if (r == 0) {
		m = sift_runs(log, row, forget);
		next_start(&log->counters);
		new = &row[log->runs];
		*new = (struct state_run){ .number = ++log->counters.run,
			.start = log->counters.start };
		strncat(new->name, log->options.name, sizeof new->name - 1);
		log->own = add_run(log, new)->index;
		r = state_begin(
		    log->state, row, log->runs, forget, m, &log->counters);
	}
	free(forget);
	return r;
}

/*
 * Which runs may grow.  An empty one of ours that is still known is one that
 * the twin has told of.
 */
static void
open_runs(struct log *log)
{
	struct run **sorted = by_chains(log);
	int unsettled = log->settled ? 0 : LOG_UNSETTLED;

	for (size_t i = 0; i < log->runs; i++) {
		struct run *r = sorted[i];

		if (!r->told.own)
			r->told.open = begins_chain(sorted, i);
		else if (r->index == log->own)
			r->told.open = 1;
		else {
			r->told.open = unsettled > 0;
			unsettled -= r->told.end > 0;
		}
	}
	free(sorted);
}

static struct writer_run
writer_run_of(const struct log *log, const struct run *r)
{
	const struct segment *active = log->segment[log->segments - 1];
	const struct log_run *told = &r->told;
	struct writer_run run = { .first = told->first, .next = told->end + 1 };

	if (r->pieces > 0) {
		run.first = r->piece[0].from;
		run.named = r->piece[r->pieces - 1].segment->id;
	}
	if (run.named != active->id)
		run.named = 0;
	run.row = (struct state_run){ r->number, told->start, told->end, "" };
	memcpy(run.row.name, told->name, sizeof run.row.name);
	return run;
}

static int
start_writer(struct log *log)
{
	const struct segment *active = log->segment[log->segments - 1];
	struct writer_run *run = xcalloc(log->runs, sizeof *run);
	struct writer_options o = {
		.dir = log->dir,
		.segment = log->options.segment,
		.map = log->map,
		.state = log->state,
		.active = active->db,
		.id = active->id,
		.run = run,
		.runs = (uint32_t)log->runs,
		.own = log->own,
	};

	for (size_t i = 0; i < log->runs; i++)
		run[i] = writer_run_of(log, log->run[i]);
	log->writer = writer_start(&o);
	free(run);
	return log->writer == NULL ? -1 : 0;
}

static int
open_rest(struct log *log, const uint64_t *id, size_t n)
{
	struct state_run *row;
	long runs = state_runs(log->state, &row, &log->counters);
	int r = -1;

	for (long i = 0; i < runs; i++)
		add_run(log, &row[i]);
	if (runs >= 0)
		r = open_segments(log, id, n);
	if (r == 0) {
		learn_runs(log);
		r = begin_run(log, row);
	}
	if (r == 0) {
		open_runs(log);
		r = start_writer(log);
	}
	free(row);
	return r;
}

static int
open_store(struct log *log, int *status, const char **why)
{
	uint64_t *id = NULL;
	long n;
	int r;

	if (lock_dir(log, status, why) == -1)
		return -1;
	n = segment_list(log->dir, &id);
	if (n == -1)
		return refuse(status, why, EXIT_IO, NULL);
	r = check_format(log, n, status, why);
	if (r == 0 && db_sweep(log->dir) == -1)
		r = refuse(status, why, EXIT_IO, NULL);
	if (r == 0)
		r = open_state(log, n, status, why);
	if (r == 0 && open_rest(log, id, (size_t)n) == -1)
		r = refuse(status, why, EXIT_IO,
		    errno == EBADMSG ? "the store is damaged" : NULL);
	free(id);
	return r;
}

struct log *
log_open(const struct log_options *options, int *status, const char **why)
{
	struct log *log = xcalloc(1, sizeof *log);

	log->lock = -1;
	log->dir = xstrdup(options->dir);
	log->options = *options;
	log->options.dir = log->dir;
	log->settled = !options->twin;
	if (options->retain_size > 0 &&
	    log->options.segment > options->retain_size / 4)
		log->options.segment = options->retain_size / 4;
	if (log->options.segment < SEGMENT_MIN)
		log->options.segment = SEGMENT_MIN;
	/* Sparse; beside the frames there are rows that are carried over. */
	log->map = (size_t)log->options.segment * 2 + ((size_t)2 << 30);
	if (open_store(log, status, why) == 0)
		return log;
	log_close(log);
	return NULL;
}

void
log_close(struct log *log)
{
	struct log_item *item;

	log->stopping = 1;
	if (log->writer != NULL) {
		writer_stop(log->writer);
		while ((item = log_done(log)) != NULL)
			continue;
		writer_free(log->writer);
	}
	for (size_t i = 0; i < log->segments; i++)
		free_segment(log->segment[i]);
	for (size_t i = 0; i < log->runs; i++)
		free_run(log->run[i]);
	db_close(log->state);
	if (log->lock != -1)
		close(log->lock);
	free(log->segment);
	free(log->run);
	free(log->dir);
	free(log);
}

/* Environments open for reading: few, the one unused for longest goes. */

static void
close_one(struct log *log)
{
	struct segment *old = NULL;
	size_t open = 0;

	for (size_t i = 0; i + 1 < log->segments; i++) {
		struct segment *s = log->segment[i];

		if (s->db == NULL)
			continue;
		open++;
		if (s->pins == 0 && (old == NULL || s->used < old->used))
			old = s;
	}
	if (open < OPEN_MAX_SEGMENTS || old == NULL)
		return;
	old->size = db_size(old->db);
	db_close(old->db);
	old->db = NULL;
}

static int
pin(struct log *log, struct segment *s)
{
	if (s->db == NULL) {
		close_one(log);
		s->db = segment_open(log->dir, s->id, DB_READ, log->map);
		if (s->db == NULL)
			return -1;
	}
	s->used = ++log->clock;
	s->pins++;
	return 0;
}

static int64_t
segment_size(const struct segment *s)
{
	return s->db != NULL ? db_size(s->db) : s->size;
}

int64_t
log_bytes(const struct log *log)
{
	int64_t sum = 0;

	for (size_t i = 0; i < log->segments; i++)
		sum += segment_size(log->segment[i]);
	return sum;
}

/* Items. */

/* What will be left of the runs in the oldest segment without it. */
static void
find_left(const struct log *log, struct log_rows *rows)
{
	const struct segment *s = log->segment[0];

	rows->segment = s->id;
	rows->first = xcalloc(s->runs + 1, sizeof *rows->first);
	rows->firsts = s->runs;
	for (size_t i = 0; i < s->runs; i++) {
		const struct run *r = s->run[i];
		uint64_t first = r->piece[0].to + 1;

		if (r->pieces > 1)
			first = r->piece[1].from;
		rows->first[i] = (struct log_place){ r->index, first };
	}
}

void
log_put(struct log *log, struct log_item *item)
{
	if (item->kind == LOG_DROP) {
		/* Open while it goes, it stays readable until it is gone. */
		log->dropping = pin(log, log->segment[0]) == 0 ? 2 : 1;
		find_left(log, (struct log_rows *)item);
	}
	writer_put(log->writer, item);
}

int
log_done_fd(const struct log *log)
{
	return writer_fd(log->writer);
}

/*
 * What comes back of our own logs comes in their order: those before this one
 * are complete.
 */
static void
close_earlier(struct log *log, const struct run *run)
{
	for (size_t i = 0; i < log->runs; i++)
		if (log->run[i]->told.own &&
		    log->run[i]->told.start < run->told.start)
			log->run[i]->told.open = 0;
}

static void
frame_done(struct log *log, const struct log_frame *f)
{
	struct segment *active = log->segment[log->segments - 1];
	const struct frame_head *h = &f->head;
	struct run *run = log->run[f->run];
	struct piece *last =
	    run->pieces > 0 ? &run->piece[run->pieces - 1] : NULL;

	if (h->events == 0)
		return;
	if (h->n != run->told.end + 1)
		run->told.first = h->n;
	if (last == NULL || last->segment != active)
		last = add_piece(active, run, h->n);
	run->told.end = h->n + h->events - 1;
	piece_to(last, run->told.end, h->rt);
	if (run->told.own && f->run != log->own)
		close_earlier(log, run);
}

static void
roll_done(struct log *log, struct writer_roll *roll)
{
	log->rolling = 0;
	if (roll->item.error == 0)
		add_segment(log, roll->id, roll->db);
	free(roll);
}

static void
forget_segment(struct log *log)
{
	struct segment *s = log->segment[0];

	for (size_t i = 0; i < s->runs; i++) {
		struct run *run = s->run[i];

		if (run->told.first <= run->piece[0].to)
			run->told.first = run->piece[0].to + 1;
		run->pieces--;
		memmove(run->piece, run->piece + 1,
		    run->pieces * sizeof *run->piece);
	}
	log->segments--;
	memmove(log->segment, log->segment + 1,
	    log->segments * sizeof(struct segment *));
	free_segment(s);
}

/* What is left undone here is done when the store is opened again. */
static void
ask_trim(struct log *log, uint64_t segment)
{
	struct writer_trim *trim;

	if (log->stopping)
		return;
	trim = xcalloc(1, sizeof *trim);
	trim->item.kind = (enum log_kind)WRITER_TRIM;
	trim->segment = segment;
	writer_put(log->writer, &trim->item);
}

static void
drop_done(struct log *log, struct log_rows *rows)
{
	if (log->dropping == 2)
		log->segment[0]->pins--;
	log->dropping = 0;
	free(rows->first);
	rows->first = NULL;
	if (rows->item.error != 0)
		return;
	forget_segment(log);
	ask_trim(log, rows->segment);
}

struct log_item *
log_done(struct log *log)
{
	struct log_item *item;

	while ((item = writer_done(log->writer)) != NULL) {
		switch ((int)item->kind) {
		case LOG_ROLL:
			roll_done(log, (struct writer_roll *)item);
			continue;
		case WRITER_TRIM: free(item); continue;
		case LOG_DROP:
			drop_done(log, (struct log_rows *)item);
			return item;
		case LOG_FRAME:
			if (item->error == 0)
				frame_done(log, (struct log_frame *)item);
			return item;
		default: return item;
		}
	}
	return NULL;
}

size_t
log_runs(const struct log *log)
{
	return log->runs;
}

const struct log_run *
log_run_at(const struct log *log, size_t i)
{
	return &log->run[i]->told;
}

uint32_t
log_own(const struct log *log)
{
	return log->own;
}

static int
is_known(const struct log *log, const char *name, uint64_t start)
{
	for (size_t i = 0; i < log->runs; i++)
		if (log->run[i]->told.start == start &&
		    strcmp(log->run[i]->told.name, name) == 0)
			return 1;
	return 0;
}

/* No later start of ours may be given the number again. */
static void
count_start(struct log *log, const struct state_run *row)
{
	log->counters.run = row->number;
	if (log->counters.start < row->start &&
	    strcmp(row->name, log->options.name) == 0)
		log->counters.start = row->start;
}

/* open_runs() for one that is new. */
static void
open_added(struct log *log, struct run *added)
{
	added->told.open = 1;
	if (added->told.own) {
		added->told.open = !log->settled;
		return;
	}
	for (size_t i = 0; i < log->runs; i++) {
		struct log_run *told = &log->run[i]->told;

		if (strcmp(told->name, added->told.name) != 0)
			continue;
		if (told->start < added->told.start)
			told->open = 0;
		else if (told->start > added->told.start)
			added->told.open = 0;
	}
}

int
log_run_add(struct log *log, const char *name, uint64_t start, uint32_t *run)
{
	struct state_run row = { .number = log->counters.run + 1,
		.start = start };
	struct state_counters before = log->counters;
	size_t n = strlen(name);

	if (n == 0 || n >= sizeof row.name)
		errno = EINVAL;
	else if (log->runs >= RUNS_MAX)
		errno = EBUSY;
	else if (is_known(log, name, start))
		errno = EEXIST;
	else {
		memcpy(row.name, name, n);
		count_start(log, &row);
		if (writer_run_add(log->writer, &row, &log->counters) == 0) {
			*run = add_run(log, &row)->index;
			open_added(log, log->run[*run]);
			return 0;
		}
		log->counters = before;
	}
	return -1;
}

int
log_pass(struct log *log, uint64_t start)
{
	const uint64_t before = log->counters.start;

	if (start <= before)
		return 0;
	log->counters.start = start;
	if (writer_run_add(log->writer, NULL, &log->counters) == 0)
		return 0;
	log->counters.start = before;
	return -1;
}

void
log_settle(struct log *log)
{
	log->settled = 1;
	open_runs(log);
}

/* Views. */

/* The piece that holds the place, or NULL. */
static struct piece *
find_piece(const struct log *log, uint32_t index, uint64_t n)
{
	const struct run *run = log->run[index];
	size_t lo = 0, hi = run->pieces;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (run->piece[mid].to < n)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < run->pieces && run->piece[lo].from <= n)
		return &run->piece[lo];
	return NULL;
}

static struct verified *
verified_slot(struct log *log, const struct verified *want)
{
	uint64_t h =
	    (want->n ^ want->segment << 40) * 0x9e3779b97f4a7c15 + want->run;

	return &log->verified[(h >> 32) % VERIFIED];
}

static int
verify(struct log *log, const struct segment *s,
    const struct segment_reader *reader)
{
	struct verified want = { s->id, reader->n, reader->run };
	struct verified *slot = verified_slot(log, &want);
	struct record head;

	if (slot->segment == want.segment && slot->n == want.n &&
	    slot->run == want.run)
		return 0;
	if (record_check(reader->value.p, reader->value.n) == -1)
		return -1;
	if (record_head(reader->value.p, reader->value.n, &head) == -1 ||
	    head.run != reader->run || head.n != reader->n) {
		errno = EBADMSG;
		return -1;
	}
	*slot = want;
	return 0;
}

static struct segment_reader
reader_of(const struct log_view *view)
{
	return (struct segment_reader){ .txn = view->txn,
		.cursor = view->cursor,
		.value = { view->record, view->record_len },
		.run = view->log->run[view->run]->number };
}

void
log_view_end(struct log_view *view)
{
	struct segment_reader reader = reader_of(view);
	struct segment *s = view->segment;

	segment_end(&reader);
	if (s != NULL)
		s->pins--;
	view->segment = view->txn = view->cursor = NULL;
	view->record = NULL;
}

static void
view_on(struct log_view *view, const struct segment_reader *reader)
{
	view->txn = reader->txn;
	view->cursor = reader->cursor;
	view->record = reader->value.p;
	view->record_len = reader->value.n;
	view->record_at = RECORD_HEAD;
}

/* End the view with the errno there is; n..last cannot be read. */
static int
view_fail(struct log_view *view, uint64_t n, uint64_t last)
{
	int saved = errno;
	uint64_t events = last - n + 1;

	log_view_end(view);
	view->head.n = n;
	view->head.events = events < UINT32_MAX ? (uint32_t)events : UINT32_MAX;
	errno = saved;
	return -1;
}

/* The reader's record is damaged: the view fails up to the next record. */
static int
view_damaged(
    struct log_view *view, struct segment_reader *reader, uint64_t last)
{
	uint64_t n = reader->n;
	uint32_t run = reader->run;

	if (segment_next(reader) == 1 && reader->run == run)
		last = reader->n - 1;
	view->txn = reader->txn;
	view->cursor = reader->cursor;
	errno = EBADMSG;
	return view_fail(view, n, last);
}

static int
view_end_none(struct log_view *view)
{
	log_view_end(view);
	return 0;
}

/* Deps as places here; those on logs that are forgotten are met. */
static void
find_deps(const struct log *log, struct frame_head *head)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < head->deps; i++) {
		const struct run *run = run_numbered(log, head->dep[i].run);

		if (run != NULL)
			head->dep[n++] =
			    (struct frame_dep){ run->index, head->dep[i].n };
	}
	head->deps = n;
}

/* The next frame of the record: 1, 0 behind the last one, -1. */
static int
view_frame(struct log_view *view)
{
	int r = record_frame(
	    view->record, view->record_len, &view->record_at, &view->head);

	if (r == 1 && view->head.deps > 0)
		find_deps(view->log, &view->head);
	return r;
}

int
log_view(struct log_view *view, struct log *log, struct log_place place)
{
	const struct piece *piece = NULL;
	struct segment_reader reader;
	uint32_t number;
	uint64_t last;
	int r;

	*view = (struct log_view){ .log = log, .run = place.run };
	if (place.run < log->runs)
		piece = find_piece(log, place.run, place.n);
	if (piece == NULL)
		return 0;
	number = log->run[place.run]->number;
	last = piece->to;
	if (pin(log, piece->segment) == -1) {
		if (errno == ENOENT && log->dropping)
			return 0;
		return view_fail(view, place.n, last);
	}
	view->segment = piece->segment;
	r = segment_at(&reader, piece->segment->db, number, place.n);
	if (r == 0)
		errno = EBADMSG;
	if (r != 1)
		return view_fail(view, place.n, last);
	view_on(view, &reader);
	if (reader.run != number) {
		errno = EBADMSG;
		return view_fail(view, place.n, last);
	}
	if (verify(log, piece->segment, &reader) == -1)
		return view_damaged(view, &reader, last);
	while ((r = view_frame(view)) == 1)
		if (place.n < view->head.n + view->head.events)
			return 1;
	return view_damaged(view, &reader, last);
}

int
log_view_next(struct log_view *view)
{
	struct segment_reader reader = reader_of(view);
	struct log *log = view->log;
	struct log_place next = { view->run, view->head.n + view->head.events };
	uint32_t run = reader.run;
	int r;

	if (next.n > log->run[view->run]->told.end)
		return view_end_none(view);
	r = view_frame(view);
	if (r == 1)
		return 1;
	if (r == 0)
		r = segment_next(&reader);
	view_on(view, &reader);
	if (r == 1 && reader.run == run && reader.n == next.n &&
	    verify(log, view->segment, &reader) == 0 && view_frame(view) == 1)
		return 1;
	/* The next segment, a newer snapshot, or damage to be told of. */
	log_view_end(view);
	return log_view(view, log, next);
}

/* Search. */

/* The first frame of the reader's record received at or after rt. */
static int
seek_frame(struct log *log, const struct segment *s,
    const struct segment_reader *reader, int64_t rt, uint64_t *n)
{
	struct frame_head head;
	size_t at = RECORD_HEAD;
	int r;

	if (verify(log, s, reader) == -1)
		return -1;
	while ((r = record_frame(
		    reader->value.p, reader->value.n, &at, &head)) == 1) {
		*n = head.n;
		if (head.rt >= rt)
			return 0;
		*n = head.n + head.events;
	}
	return r;
}

/*
 * Narrow *lo..*hi, both starts of records, by the record at mid to the first
 * one whose newest frame is not older than rt.  1 when they have met, 0 to go
 * on, -1.
 */
static int
seek_step(const struct segment_reader *reader, uint64_t mid, int64_t rt,
    uint64_t *lo, uint64_t *hi)
{
	struct record head;

	if (record_head(reader->value.p, reader->value.n, &head) == -1)
		return -1;
	if (head.rt_last >= rt)
		*hi = head.n;
	else if (head.n + head.events > mid)
		*lo = head.n + head.events;
	else
		*lo = mid + 1;
	return *lo >= *hi;
}

static int
seek_piece(struct log *log, uint32_t number, const struct piece *p, int64_t rt,
    uint64_t *n)
{
	struct segment_reader reader;
	uint64_t lo = p->from, hi = p->to;
	int r = lo >= hi, saved;

	if (pin(log, p->segment) == -1)
		return -1;
	while (r != -1) {
		int met = r;
		uint64_t mid = met ? lo : lo + (hi - lo) / 2;

		r = segment_at(&reader, p->segment->db, number, mid);
		if (r != 1)
			break;
		r = met ? seek_frame(log, p->segment, &reader, rt, n)
			: seek_step(&reader, mid, rt, &lo, &hi);
		saved = errno;
		segment_end(&reader);
		errno = saved;
		if (met)
			break;
	}
	p->segment->pins--;
	return r;
}

int
log_seek(struct log *log, uint32_t index, int64_t rt, uint64_t *n)
{
	const struct run *run = log->run[index];
	size_t lo = 0, hi = run->pieces;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (run->piece[mid].rt < rt)
			lo = mid + 1;
		else
			hi = mid;
	}
	*n = run->told.end + 1;
	if (lo == run->pieces)
		return 0;
	return seek_piece(log, run->number, &run->piece[lo], rt, n);
}

/* Start-up. */

int
log_channels(struct log *log,
    void (*fn)(void *ctx, const struct log_channel *row), void *ctx)
{
	return segment_channels(log->segment[log->segments - 1]->db, fn, ctx);
}

int
log_cursors(struct log *log,
    void (*fn)(void *ctx, const char *name, const char *json), void *ctx)
{
	return segment_cursors(log->segment[log->segments - 1]->db, fn, ctx);
}

struct last_walk {
	struct log *log;
	void (*fn)(void *ctx, const struct log_row *row);
	void *ctx;
};

static void
walk_last(void *ctx, struct log_row *row, const struct state_place *at)
{
	struct last_walk *w = ctx;
	const struct run *run =
	    at != NULL ? run_numbered(w->log, at->run) : NULL;

	if (run != NULL) {
		row->at = (struct log_place){ run->index, at->n };
		if (find_piece(w->log, run->index, at->n) != NULL) {
			row->line = NULL;
			row->len = 0;
		} else if (row->line == NULL) {
			return;
		}
	}
	if (row->line != NULL || row->at.n != 0)
		w->fn(w->ctx, row);
}

int
log_last(struct log *log, void (*fn)(void *ctx, const struct log_row *row),
    void *ctx, struct trail *mark)
{
	struct last_walk w = { log, fn, ctx };
	struct state_place at[TRAIL_MAX];
	int n = state_mark(log->state, at);

	if (n == -1)
		return -1;
	mark->n = 0;
	for (int i = 0; i < n; i++) {
		const struct run *run = run_numbered(log, at[i].run);

		if (run != NULL)
			mark->at[mark->n++] =
			    (struct log_place){ run->index, at[i].n };
	}
	return state_walk(log->state, walk_last, &w);
}

int
log_kept(struct log *log, const char *topic, size_t n, struct log_row *row,
    struct buf *space)
{
	*row = (struct log_row){ .topic = topic, .topic_len = n };
	return state_kept(log->state, topic, n, row, space);
}

/* Retention. */

/*
 * When the newest event of the oldest segment came.  Those of a twin whose
 * clock is ahead may say that they are still to come, but what was written
 * before others is not younger than they are.
 */
static int64_t
oldest_rt(const struct log *log, int64_t now)
{
	for (size_t i = 0; i < log->segments; i++)
		if (log->segment[i]->runs > 0 && log->segment[i]->rt <= now)
			return log->segment[i]->rt;
	return INT64_MAX;
}

static int
is_due(struct log *log, int64_t now)
{
	const struct log_options *o = &log->options;
	const struct segment *oldest = log->segment[0];

	if (oldest->runs == 0)
		return log->segments > 1;
	if (o->retain_age > 0 && oldest_rt(log, now) < now - o->retain_age)
		return 1;
	return log->segments > 1 && o->retain_size > 0 &&
	    log_bytes(log) > o->retain_size;
}

static void
ask_roll(struct log *log)
{
	struct writer_roll *roll = xcalloc(1, sizeof *roll);

	roll->item.kind = LOG_ROLL;
	log->rolling = 1;
	writer_put(log->writer, &roll->item);
}

int
log_due(struct log *log, int64_t now)
{
	if (log->dropping || log->rolling || !is_due(log, now))
		return 0;
	if (log->segments > 1)
		return 1;
	ask_roll(log);
	return 0;
}

int
log_leaving(const struct log *log, struct log_place place)
{
	const struct run *run;

	if (place.run >= log->runs)
		return 0;
	run = log->run[place.run];
	return run->pieces > 0 && run->piece[0].segment == log->segment[0] &&
	    run->piece[0].from <= place.n && place.n <= run->piece[0].to;
}
