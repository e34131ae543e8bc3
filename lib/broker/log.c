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
	RUNS_TOLD = 1024,      /* logs whose end is known when they are gone */
	OPEN_MAX_SEGMENTS = 8, /* environments open for reading */
	VERIFIED = 256,	       /* records whose checksum was seen to match */
	SEGMENT_MIN = 1 << 20
};

static const char format[] = "sg-store 1\n";

struct segment {
	uint64_t id;
	struct db *db; /* NULL while closed */
	int64_t size;  /* when it was closed */
	unsigned pins; /* views that read it */
	uint64_t used; /* log.clock */
};

/* What one segment holds of one run. */
struct piece {
	struct segment *segment;
	uint32_t run; /* index */
	uint64_t from, to;
	int64_t rt; /* of the newest event */
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

	struct log_run *run;
	uint32_t *number; /* run numbers, by index */
	size_t runs;

	struct segment **segment; /* oldest first; the last is written */
	size_t segments;
	struct piece *piece; /* oldest first */
	size_t pieces, piece_cap;
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
	log->segment = xrealloc(
	    log->segment, (log->segments + 1) * sizeof(struct segment *));
	log->segment[log->segments++] = s;
	return s;
}

static struct piece *
add_piece(struct log *log, struct segment *segment, uint32_t run, uint64_t from)
{
	struct piece *p;

	if (log->pieces == log->piece_cap) {
		log->piece_cap = log->piece_cap == 0 ? 64 : log->piece_cap * 2;
		log->piece =
		    xrealloc(log->piece, log->piece_cap * sizeof *log->piece);
	}
	p = &log->piece[log->pieces++];
	*p = (struct piece){ segment, run, from, from, 0 };
	return p;
}

static int
run_index(const struct log *log, uint32_t number, uint32_t *index)
{
	size_t lo = 0, hi = log->runs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (log->number[mid] < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	*index = (uint32_t)lo;
	return lo < log->runs && log->number[lo] == number ? 0 : -1;
}

static int
learn_piece(void *ctx, const struct segment_piece *found)
{
	struct log *log = ctx;
	struct piece *p;
	uint32_t run;

	if (run_index(log, found->run, &run) == -1) {
		errno = EBADMSG;
		return -1;
	}
	p = add_piece(log, log->segment[log->segments - 1], run, found->from);
	p->to = found->to;
	p->rt = found->rt;
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

/* first and end of every run from the pieces; ends without: as stored. */
static void
learn_runs(struct log *log)
{
	for (size_t i = 0; i < log->runs; i++)
		log->run[i].first = log->run[i].end + 1;
	for (size_t i = log->pieces; i-- > 0;) {
		struct log_run *run = &log->run[log->piece[i].run];

		run->first = log->piece[i].from;
		if (run->end < log->piece[i].to)
			run->end = log->piece[i].to;
	}
}

/* Runs. */

static void
set_run(struct log *log, size_t i, const struct state_run *row)
{
	struct log_run *run = &log->run[i];

	*run = (struct log_run){ .start = row->start, .end = row->end };
	memcpy(run->name, row->name, sizeof run->name);
	run->first = run->end + 1;
	log->number[i] = row->number;
}

struct named {
	const struct log *log;
	unsigned char *keep;
};

static void
mark_named(void *ctx, struct log_row *row, const struct state_place *at)
{
	struct named *named = ctx;
	uint32_t run;

	(void)row;
	if (at != NULL && run_index(named->log, at->run, &run) == 0)
		named->keep[run] = 1;
}

/* Which runs something still refers to. */
static int
find_named(struct log *log, unsigned char *keep)
{
	struct named named = { log, keep };
	struct state_place mark;
	uint32_t run;
	size_t kept = 0;

	for (size_t i = 0; i < log->pieces; i++)
		keep[log->piece[i].run] = 1;
	for (size_t i = 0; i < log->runs; i++)
		if (log->run[i].end > 0 && i + RUNS_TOLD >= log->runs)
			keep[i] = 1;
	if (state_mark(log->state, &mark) == 1 &&
	    run_index(log, mark.run, &run) == 0)
		keep[run] = 1;
	for (size_t i = 0; i < log->runs; i++)
		kept += keep[i];
	if (kept == log->runs)
		return 0;
	return state_walk(log->state, mark_named, &named);
}

/* Move runs worth keeping to the front of row; the others' numbers: forget. */
static size_t
sift_runs(struct log *log, struct state_run *row, const unsigned char *keep,
    uint32_t *forget)
{
	size_t n = 0, m = 0;

	for (size_t i = 0; i < log->runs; i++) {
		row[i].end = log->run[i].end;
		if (!keep[i]) {
			forget[m++] = row[i].number;
			continue;
		}
		for (size_t j = 0; j < log->pieces; j++)
			if (log->piece[j].run == i)
				log->piece[j].run = (uint32_t)n;
		row[n] = row[i];
		log->run[n] = log->run[i];
		log->number[n] = row[i].number;
		n++;
	}
	log->runs = n;
	return m;
}

/* Store the runs and a new one; row has room for it. */
static int
begin_run(
    struct log *log, struct state_run *row, struct state_counters *counters)
{
	unsigned char *keep = xcalloc(log->runs + 1, 1);
	uint32_t *forget = xcalloc(log->runs + 1, sizeof *forget);
	struct state_run *new;
	size_t m = 0;
	int r = find_named(log, keep);

	if (r == 0) {
		m = sift_runs(log, row, keep, forget);
		new = &row[log->runs];
		*new = (struct state_run){ .number = ++counters->run,
			.start = ++counters->start };
		strncat(new->name, log->options.name, sizeof new->name - 1);
		set_run(log, log->runs++, new);
		r = state_begin(
		    log->state, row, log->runs, forget, m, counters);
	}
	free(keep);
	free(forget);
	return r;
}

static struct log_place
oldest_place(const struct log *log, size_t piece)
{
	uint32_t current = (uint32_t)log->runs - 1;

	if (piece < log->pieces)
		return (struct log_place){ log->piece[piece].run,
			log->piece[piece].from };
	return (struct log_place){ current, log->run[current].end + 1 };
}

static int
start_writer(struct log *log, const struct state_run *run)
{
	const struct segment *active = log->segment[log->segments - 1];
	struct writer_options o = {
		.dir = log->dir,
		.segment = log->options.segment,
		.map = log->map,
		.state = log->state,
		.active = active->db,
		.id = active->id,
		.number = log->number,
		.runs = (uint32_t)log->runs,
		.current = (uint32_t)log->runs - 1,
		.run = *run,
		.oldest = oldest_place(log, 0),
	};

	log->writer = writer_start(&o);
	return log->writer == NULL ? -1 : 0;
}

static int
open_rest(struct log *log, const uint64_t *id, size_t n)
{
	struct state_counters counters;
	struct state_run *row;
	long runs = state_runs(log->state, &row, &counters);
	int r = -1;

	if (runs >= 0) {
		log->run = xcalloc((size_t)runs + 1, sizeof *log->run);
		log->number = xcalloc((size_t)runs + 1, sizeof *log->number);
		log->runs = (size_t)runs;
		for (size_t i = 0; i < log->runs; i++)
			set_run(log, i, &row[i]);
		r = open_segments(log, id, n);
	}
	if (r == 0) {
		learn_runs(log);
		r = begin_run(log, row, &counters);
	}
	if (r == 0)
		r = start_writer(log, &row[log->runs - 1]);
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
	for (size_t i = 0; i < log->segments; i++) {
		db_close(log->segment[i]->db);
		free(log->segment[i]);
	}
	db_close(log->state);
	if (log->lock != -1)
		close(log->lock);
	free(log->segment);
	free(log->piece);
	free(log->run);
	free(log->number);
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

void
log_put(struct log *log, struct log_item *item)
{
	struct log_rows *rows;
	size_t i = 0;

	if (item->kind == LOG_DROP) {
		/* Open while it goes, it stays readable until it is gone. */
		log->dropping = pin(log, log->segment[0]) == 0 ? 2 : 1;
		rows = (struct log_rows *)item;
		rows->segment = log->segment[0]->id;
		while (
		    i < log->pieces && log->piece[i].segment == log->segment[0])
			i++;
		rows->oldest = oldest_place(log, i);
	}
	writer_put(log->writer, item);
}

int
log_done_fd(const struct log *log)
{
	return writer_fd(log->writer);
}

static void
frame_done(struct log *log, const struct frame_head *h)
{
	struct segment *active = log->segment[log->segments - 1];
	struct piece *last =
	    log->pieces > 0 ? &log->piece[log->pieces - 1] : NULL;
	uint32_t current = (uint32_t)log->runs - 1;

	if (h->events == 0)
		return;
	if (last == NULL || last->segment != active || last->run != current)
		last = add_piece(log, active, current, h->n);
	last->to = log->run[current].end = h->n + h->events - 1;
	last->rt = h->rt;
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
	size_t n = 0;

	while (n < log->pieces && log->piece[n].segment == s) {
		log->run[log->piece[n].run].first = log->piece[n].to + 1;
		n++;
	}
	log->pieces -= n;
	memmove(log->piece, log->piece + n, log->pieces * sizeof *log->piece);
	log->segments--;
	memmove(log->segment, log->segment + 1,
	    log->segments * sizeof(struct segment *));
	db_close(s->db);
	free(s);
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
drop_done(struct log *log, const struct log_item *item)
{
	if (log->dropping == 2)
		log->segment[0]->pins--;
	log->dropping = 0;
	if (item->error != 0)
		return;
	forget_segment(log);
	ask_trim(log, ((const struct log_rows *)item)->segment);
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
		case LOG_DROP: drop_done(log, item); return item;
		case LOG_FRAME:
			if (item->error == 0)
				frame_done(
				    log, &((struct log_frame *)item)->head);
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
	return &log->run[i];
}

/* Views. */

/* The piece that holds the place, or NULL. */
static struct piece *
find_piece(const struct log *log, uint32_t run, uint64_t n)
{
	size_t lo = 0, hi = log->pieces;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct piece *p = &log->piece[mid];

		if (p->run < run || (p->run == run && p->to < n))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < log->pieces && log->piece[lo].run == run &&
	    log->piece[lo].from <= n)
		return &log->piece[lo];
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
		.run = view->log->number[view->run] };
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

/* The next frame of the record: 1, 0 behind the last one, -1. */
static int
view_frame(struct log_view *view)
{
	return record_frame(
	    view->record, view->record_len, &view->record_at, &view->head);
}

int
log_view(struct log_view *view, struct log *log, struct log_place place)
{
	const struct piece *piece = find_piece(log, place.run, place.n);
	struct segment_reader reader;
	uint64_t last;
	int r;

	*view = (struct log_view){ .log = log, .run = place.run };
	if (piece == NULL)
		return 0;
	last = piece->to;
	if (pin(log, piece->segment) == -1) {
		if (errno == ENOENT && log->dropping)
			return 0;
		return view_fail(view, place.n, last);
	}
	view->segment = piece->segment;
	r = segment_at(
	    &reader, piece->segment->db, log->number[place.run], place.n);
	if (r == 0)
		errno = EBADMSG;
	if (r != 1)
		return view_fail(view, place.n, last);
	view_on(view, &reader);
	if (reader.run != log->number[place.run]) {
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

	if (next.n > log->run[view->run].end)
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
 * Narrow *lo..*hi, both starts of records, to the first record whose newest
 * frame is not older than rt.  1 when they have met, 0 to go on, -1.
 */
static int
seek_step(
    const struct segment_reader *reader, int64_t rt, uint64_t *lo, uint64_t *hi)
{
	struct record head;

	if (record_head(reader->value.p, reader->value.n, &head) == -1)
		return -1;
	if (head.rt_last >= rt)
		*hi = head.n;
	else
		*lo = head.n + head.events;
	return *lo >= *hi;
}

static int
seek_piece(struct log *log, const struct piece *p, int64_t rt, uint64_t *n)
{
	struct segment_reader reader;
	uint64_t lo = p->from, hi = p->to;
	int r = lo >= hi, saved;

	if (pin(log, p->segment) == -1)
		return -1;
	while (r != -1) {
		int met = r;

		r = segment_at(&reader, p->segment->db, log->number[p->run],
		    met ? lo : lo + (hi - lo) / 2);
		if (r != 1)
			break;
		r = met ? seek_frame(log, p->segment, &reader, rt, n)
			: seek_step(&reader, rt, &lo, &hi);
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
log_seek(struct log *log, int64_t rt, struct log_place *place)
{
	*place = oldest_place(log, log->pieces);
	for (size_t i = 0; i < log->pieces; i++) {
		if (log->piece[i].rt < rt)
			continue;
		place->run = log->piece[i].run;
		return seek_piece(log, &log->piece[i], rt, &place->n);
	}
	return 0;
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
	uint32_t run;

	if (at != NULL && run_index(w->log, at->run, &run) == 0) {
		row->at = (struct log_place){ run, at->n };
		if (find_piece(w->log, run, at->n) != NULL) {
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
    void *ctx, struct log_place *mark)
{
	struct last_walk w = { log, fn, ctx };
	struct state_place at;
	uint32_t run;
	int r = state_mark(log->state, &at);

	if (r == -1)
		return -1;
	*mark = oldest_place(log, 0);
	mark->n--;
	if (r == 1 && run_index(log, at.run, &run) == 0 &&
	    (run > mark->run || (run == mark->run && at.n > mark->n)))
		*mark = (struct log_place){ run, at.n };
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

static int
is_due(struct log *log, const struct piece *newest, int64_t now)
{
	const struct log_options *o = &log->options;

	if (newest == NULL)
		return log->segments > 1;
	if (o->retain_age > 0 && newest->rt < now - o->retain_age)
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
log_due(
    struct log *log, int64_t now, struct log_place *from, struct log_place *to)
{
	const struct piece *newest = NULL;

	for (size_t i = 0;
	     i < log->pieces && log->piece[i].segment == log->segment[0]; i++)
		newest = &log->piece[i];
	if (log->dropping || log->rolling || !is_due(log, newest, now))
		return 0;
	if (log->segments == 1) {
		ask_roll(log);
		return 0;
	}
	*from = oldest_place(log, 0);
	*to = newest != NULL ? (struct log_place){ newest->run, newest->to }
			     : (struct log_place){ from->run, from->n - 1 };
	return 1;
}
