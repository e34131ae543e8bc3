/* The store: what is put comes back, after any end of the process. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "broker/log.h"

static int passed, failed;
static char root[64];

static void
check(int ok, int line, const char *what)
{
	if (ok) {
		passed++;
		return;
	}
	failed++;
	printf("test_log: line %d: %s (errno %d %s)\n", line, what, errno,
	    strerror(errno));
}

static char *
new_dir(void)
{
	static int n;
	char *dir = xmalloc(128);

	snprintf(dir, 128, "%s/%d", root, n++);
	return dir;
}

static struct log *
reopen(const char *dir, int64_t segment, int64_t age, int64_t size)
{
	struct log_options o = { dir, "alpha", segment, age, size };
	const char *why = NULL;
	int status = 0;
	struct log *log = log_open(&o, &status, &why);

	if (log == NULL)
		printf("test_log: open: %d %s\n", status, why);
	return log;
}

/* The line of event n of a run: its length and bytes depend on n. */
static size_t
make_line(char *out, uint64_t start, uint64_t n, size_t size)
{
	size_t len = (size_t)snprintf(out, 200,
	    "{\"topic\":\"A/%llu/B\",\"t\":%llu,\"v\":%llu,\"vs\":\"",
	    (unsigned long long)n % 7, (unsigned long long)start,
	    (unsigned long long)n);

	for (size_t i = 0; i < size + n % 13; i++)
		out[len++] = (char)('a' + (n * 7 + i) % 26);
	memcpy(out + len, "\"}\n", 3);
	return len + 3;
}

static struct log_frame *
make_frame(uint64_t start, uint64_t n, uint32_t events, size_t size)
{
	struct log_frame *f = xcalloc(1, sizeof *f);

	f->body = blob_new(events * (size + 300));
	for (uint32_t i = 0; i < events; i++)
		f->body->len +=
		    make_line(f->body->p + f->body->len, start, n + i, size);
	f->item.kind = LOG_FRAME;
	f->head = (struct frame_head){ .n = n,
		.events = events,
		.numbers = events + 1,
		.rt = (int64_t)(start * 1000000 + n),
		.chan = start * 4 + 1 + n % 3,
		.first = n * 2,
		.summary = (const uint8_t *)"0123456789abcdef",
		.summary_len = 16,
		.lines = f->body->p,
		.len = (uint32_t)f->body->len };
	memcpy(f->head.from, "meter/1", sizeof "meter/1");
	return f;
}

static void
free_frame(struct log_item *item)
{
	blob_unref(((struct log_frame *)item)->body);
	free(item);
}

static struct log_item *
wait_done(struct log *log)
{
	struct pollfd p = { log_done_fd(log), POLLIN, 0 };
	struct log_item *item;

	while ((item = log_done(log)) == NULL)
		if (poll(&p, 1, 120000) <= 0)
			die(EXIT_BUG, "test_log: no item within 120 s");
	return item;
}

static const struct log_run *
current(const struct log *log)
{
	return log_run_at(log, log_own(log));
}

/* Put one frame after the newest and wait for it; its error. */
static int
append_as(struct log *log, uint64_t chan, uint32_t events, size_t size)
{
	struct log_frame *f = make_frame(
	    current(log)->start, current(log)->end + 1, events, size);
	struct log_item *item;
	int error;

	f->run = log_own(log);
	f->head.chan = chan;
	log_put(log, &f->item);
	item = wait_done(log);
	error = item->error;
	free_frame(item);
	return error;
}

static int
append(struct log *log, uint32_t events, size_t size)
{
	return append_as(log,
	    current(log)->start * 4 + 1 + (current(log)->end + 1) % 3, events,
	    size);
}

/* 1 if the view's frame is what make_frame makes. */
static int
same_frame(const struct log_view *v, const struct log *log, size_t size)
{
	const struct log_run *run = log_run_at(log, v->run);
	struct log_frame *f =
	    make_frame(run->start, v->head.n, v->head.events, size);
	const struct frame_head *a = &f->head, *b = &v->head;
	int same = a->n == b->n && a->events == b->events &&
	    a->numbers == b->numbers && a->rt == b->rt && a->chan == b->chan &&
	    a->first == b->first && a->len == b->len &&
	    strcmp(a->from, b->from) == 0 && a->summary_len == b->summary_len &&
	    memcmp(a->summary, b->summary, a->summary_len) == 0 &&
	    memcmp(a->lines, b->lines, a->len) == 0;

	free_frame(&f->item);
	return same;
}

/* Read a whole run by views; the number of events that were right. */
static uint64_t
read_run(struct log *log, uint32_t run, size_t size)
{
	const struct log_run *r = log_run_at(log, run);
	struct log_view v;
	uint64_t n = r->first;
	int got = log_view(&v, log, (struct log_place){ run, n });

	while (got == 1) {
		if (v.head.n != n || !same_frame(&v, log, size)) {
			log_view_end(&v);
			break;
		}
		n += v.head.events;
		got = log_view_next(&v);
	}
	return got == 0 ? n - r->first : 0;
}

static void
test_append_and_read(void)
{
	char *dir = new_dir();
	struct log *log = reopen(dir, 64 << 20, 0, 0);
	struct log_view v;
	uint64_t n;

	check(current(log)->start == 1, __LINE__, "first start number");
	check(log_view(&v, log, (struct log_place){ 0, 1 }) == 0, __LINE__,
	    "an empty log has no event 1");
	for (uint32_t i = 0; i < 20; i++)
		check(append(log, 1 + i % 4, i * 50) == 0, __LINE__, "append");
	n = current(log)->end;
	check(n == 50, __LINE__, "end counts events");
	for (uint64_t i = 1; i <= n; i++) {
		int r = log_view(&v, log, (struct log_place){ 0, i });

		check(r == 1 && v.head.n <= i && i < v.head.n + v.head.events,
		    __LINE__, "any event is found");
		if (r == 1)
			log_view_end(&v);
	}
	check(log_view(&v, log, (struct log_place){ 0, n + 1 }) == 0, __LINE__,
	    "no event behind the end");
	log_close(log);
	log = reopen(dir, 64 << 20, 0, 0);
	check(current(log)->start == 2 && log_runs(log) == 2, __LINE__,
	    "a new run at each open");
	check(log_run_at(log, 0)->end == n && log_run_at(log, 0)->first == 1,
	    __LINE__, "the old run is known");
	log_close(log);
	free(dir);
}

static void
test_many_in_flight(void)
{
	char *dir = new_dir();
	struct log *log = reopen(dir, 2 << 20, 0, 0);
	uint64_t n = 1;
	int bad = 0;

	for (int i = 0; i < 300; i++) {
		struct log_frame *f = make_frame(1, n, 100, 150);

		n += 100;
		log_put(log, &f->item);
	}
	for (int i = 0; i < 300; i++) {
		struct log_item *item = wait_done(log);

		bad += item->error != 0 ||
		    ((struct log_frame *)item)->head.n != (uint64_t)i * 100 + 1;
		free_frame(item);
	}
	check(bad == 0, __LINE__, "all come back, in order");
	check(read_run(log, 0, 150) == 30000, __LINE__, "all can be read");
	log_close(log);
	log = reopen(dir, 2 << 20, 0, 0);
	check(read_run(log, 0, 150) == 30000, __LINE__,
	    "all can be read across segments after a restart");
	log_close(log);
	free(dir);
}

/* Put any item and wait for it; its error. */
static int
put_wait(struct log *log, struct log_item *item)
{
	log_put(log, item);
	if (wait_done(log) != item)
		die(EXIT_BUG, "test_log: another item came back");
	return item->error;
}

static int
set_cursor(struct log *log, const char *name, const char *json)
{
	struct log_cursor c = { .item.kind = LOG_CURSOR };

	snprintf(c.name, sizeof c.name, "%s", name);
	if (json != NULL)
		c.json = xstrdup(json);
	put_wait(log, &c.item);
	free(c.json);
	return c.item.error;
}

static int
bye(struct log *log, uint64_t chan)
{
	struct log_channel c = { .item.kind = LOG_BYE, .chan = chan };

	memcpy(c.from, "meter/1", sizeof "meter/1");
	return put_wait(log, &c.item);
}

/* A walk's rows as text, so that one comparison says it all. */
static void
print_channel(void *ctx, const struct log_channel *row)
{
	buf_addf(ctx, "%s %llu %llu;", row->from, (unsigned long long)row->chan,
	    (unsigned long long)row->last);
}

static void
print_cursor(void *ctx, const char *name, const char *json)
{
	buf_addf(ctx, "%s=%s;", name, json);
}

static void
print_last(void *ctx, const struct log_row *row)
{
	buf_addf(ctx, "%.*s@%u.%llu", (int)row->topic_len, row->topic,
	    row->at.run, (unsigned long long)row->at.n);
	if (row->line != NULL)
		buf_addf(
		    ctx, "=%.*s from %s", (int)row->len, row->line, row->from);
	buf_addc(ctx, ';');
}

static int
rows_are(struct log *log, const char *channels, const char *cursors)
{
	struct buf b = { 0 };
	int ok;

	ok = log_channels(log, print_channel, &b) == 0 &&
	    strcmp(buf_cstr(&b), channels) == 0;
	if (!ok)
		printf("channels: %s\n", buf_cstr(&b));
	buf_clear(&b);
	if (log_cursors(log, print_cursor, &b) != 0 ||
	    strcmp(buf_cstr(&b), cursors) != 0) {
		printf("cursors: %s\n", buf_cstr(&b));
		ok = 0;
	}
	buf_fini(&b);
	return ok;
}

/* mark as "RUN.N ...", each with a space behind it. */
static int
last_is(struct log *log, const char *rows, const char *mark)
{
	struct buf b = { 0 }, m = { 0 };
	struct trail trail = { .n = 0 };
	int ok = log_last(log, print_last, &b, &trail) == 0;

	for (size_t i = 0; i < trail.n; i++)
		buf_addf(&m, "%u.%llu ", trail.at[i].run,
		    (unsigned long long)trail.at[i].n);
	ok = ok && strcmp(buf_cstr(&b), rows) == 0 &&
	    strcmp(buf_cstr(&m), mark) == 0;
	if (!ok)
		printf("last: %s mark %s\n", buf_cstr(&b), buf_cstr(&m));
	buf_fini(&b);
	buf_fini(&m);
	return ok;
}

/* 1 if that is among the last values. */
static int
last_has(struct log *log, const char *row)
{
	struct buf b = { 0 };
	struct trail trail = { .n = 0 };
	int ok = log_last(log, print_last, &b, &trail) == 0 &&
	    strstr(buf_cstr(&b), row) != NULL;

	buf_fini(&b);
	return ok;
}

static void
test_rows(void)
{
	char *dir = new_dir();
	struct log *log = reopen(dir, 1 << 20, 0, 0);

	check(rows_are(log, "", ""), __LINE__, "a new store has no rows");
	/* n 1, 3, 6: channels 6, 5, 5; last 2n + numbers - 1 */
	append(log, 2, 10);
	append(log, 3, 10);
	append(log, 1, 10);
	check(set_cursor(log, "cron", "{\"alpha.1\":2}") == 0 &&
		set_cursor(log, "gone", "{}") == 0 &&
		set_cursor(log, "cron", "{\"alpha.1\":5}") == 0 &&
		set_cursor(log, "gone", NULL) == 0 &&
		set_cursor(log, "never", NULL) == 0,
	    __LINE__, "cursors are set and deleted");
	check(
	    rows_are(log, "meter/1 5 13;meter/1 6 4;", "cron={\"alpha.1\":5};"),
	    __LINE__, "rows of channels and cursors");
	check(bye(log, 6) == 0 && bye(log, 77) == 0, __LINE__, "bye");
	log_close(log);
	log = reopen(dir, 1 << 20, 0, 0);
	check(rows_are(log, "meter/1 5 13;", "cron={\"alpha.1\":5};"), __LINE__,
	    "rows survive a restart");
	log_close(log);
	free(dir);
}

static void
test_roll_carries_rows(void)
{
	char *dir = new_dir();
	struct log *log = reopen(dir, 1 << 20, 0, 0);

	append_as(log, 99, 2, 10);
	set_cursor(log, "cron", "{}");
	for (int i = 0; i < 8; i++)
		append_as(log, 0, 4000, 150);
	check(log_bytes(log) > 5 << 20, __LINE__, "several segments");
	check(rows_are(log, "meter/1 99 4;", "cron={};"), __LINE__,
	    "rows are carried over");
	log_close(log);
	log = reopen(dir, 1 << 20, 0, 0);
	check(rows_are(log, "meter/1 99 4;", "cron={};"), __LINE__,
	    "rows are carried over and durable");
	log_close(log);
	free(dir);
}

/* A frame without events moves the channel and stores nothing. */
static void
test_no_events(void)
{
	char *dir = new_dir();
	struct log *log = reopen(dir, 1 << 20, 0, 0);
	struct log_frame *f = make_frame(1, 1, 0, 0);

	f->head.numbers = 5;
	check(put_wait(log, &f->item) == 0 && current(log)->end == 0, __LINE__,
	    "a frame without events");
	check(rows_are(log, "meter/1 6 6;", ""), __LINE__, "its channel row");
	free_frame(&f->item);
	check(append(log, 1, 1) == 0 && current(log)->end == 1, __LINE__,
	    "the next frame has the same number");
	log_close(log);
	free(dir);
}

static int
put_last(struct log *log, struct log_place mark, const char *topic,
    struct log_place at)
{
	struct log_row row = {
		.topic = topic, .topic_len = strlen(topic), .at = at
	};
	struct log_rows rows = { .item.kind = LOG_LAST,
		.row = &row,
		.n = 1,
		.mark = { { mark }, 1 } };

	return put_wait(log, &rows.item);
}

static int
drop(struct log *log, const char *topic, const char *line)
{
	struct log_row row = { .topic = topic,
		.topic_len = strlen(topic),
		.line = line,
		.len = strlen(line),
		.rt = 77,
		.from = "meter/1" };
	struct log_rows rows = { .item.kind = LOG_DROP, .row = &row, .n = 1 };

	return put_wait(log, &rows.item);
}

static int
leaving(const struct log *log, uint32_t run, uint64_t n)
{
	return log_leaving(log, (struct log_place){ run, n });
}

static void
test_last_and_retention(void)
{
	char *dir = new_dir();
	struct log *log = reopen(dir, 1 << 20, 5000000, 0);
	struct log_row row;
	struct log_view v;
	struct buf space = { 0 };
	uint64_t gone;

	check(last_is(log, "", ""), __LINE__, "no last values at first");
	check(log_due(log, INT64_MAX) == 0, __LINE__,
	    "an empty store is not due");
	append(log, 8000, 150);
	append(log, 8000, 150); /* begins a segment */
	append(log, 2, 1);	/* and one more */
	gone = 8000;
	check(put_last(log, (struct log_place){ 0, 8000 }, "A/1/B",
		  (struct log_place){ 0, 7 }) == 0 &&
		put_last(log, (struct log_place){ 0, 9000 }, "A/2/B",
		    (struct log_place){ 0, 8500 }) == 0 &&
		put_last(log, (struct log_place){ 0, 9001 }, "A/3/B",
		    (struct log_place){ 0, 8501 }) == 0 &&
		put_last(log, (struct log_place){ 0, 9002 }, "A/3/B",
		    (struct log_place){ 0, 0 }) == 0,
	    __LINE__, "checkpoints");
	check(last_is(log, "A/1/B@0.7;A/2/B@0.8500;", "0.9002 "), __LINE__,
	    "rows of checkpoints");
	check(log_due(log, 1000001 + 5000000) == 0, __LINE__, "young enough");
	check(log_due(log, 1008001 + 5000000) == 1 && leaving(log, 0, 1) &&
		leaving(log, 0, gone) && !leaving(log, 0, gone + 1) &&
		!leaving(log, 0, 0) && !leaving(log, UINT32_MAX, 1),
	    __LINE__, "too old");
	check(drop(log, "A/1/B", "the kept line") == 0, __LINE__, "drop");
	check(current(log)->first == gone + 1, __LINE__, "first moves up");
	check(log_view(&v, log, (struct log_place){ 0, gone }) == 0, __LINE__,
	    "the event is gone");
	check(log_kept(log, "A/1/B", 5, &row, &space) == 1 && row.len == 13 &&
		memcmp(row.line, "the kept line", 13) == 0 && row.rt == 77 &&
		strcmp(row.from, "meter/1") == 0,
	    __LINE__, "the line is kept");
	check(log_kept(log, "A/2/B", 5, &row, &space) == 0, __LINE__,
	    "no other is");
	log_close(log);
	log = reopen(dir, 1 << 20, 5000000, 0);
	check(log_run_at(log, 0)->first == gone + 1 &&
		log_run_at(log, 0)->end == 16002,
	    __LINE__, "retention survives a restart");
	check(last_is(log, "A/1/B@0.7=the kept line from meter/1;A/2/B@0.8500;",
		  "0.9002 "),
	    __LINE__, "so do last values");
	check(put_last(log, (struct log_place){ 0, 9003 }, "A/1/B",
		  (struct log_place){ 0, 9 }) == 0 &&
		log_kept(log, "A/1/B", 5, &row, &space) == 1,
	    __LINE__, "a row of an event that is gone does not end the line");
	check(put_last(log, (struct log_place){ 0, 9003 }, "A/1/B",
		  (struct log_place){ 0, 9003 }) == 0 &&
		log_kept(log, "A/1/B", 5, &row, &space) == 0,
	    __LINE__, "a newer place does");
	buf_fini(&space);
	log_close(log);
	free(dir);
}

/*
 * A line to keep is written among the frames, and what a checkpoint before it,
 * still being written, says of its topic is over.
 */
static void
test_keep(void)
{
	enum { MANY = 5000 };
	char *dir = new_dir(), names[MANY][16];
	struct log *log = reopen(dir, 1 << 20, 0, 0);
	struct log_row row[MANY],
	    kept = { .topic = "A/9/B",
		    .topic_len = 5,
		    .line = "from the twin",
		    .len = 13,
		    .rt = 88,
		    .from = "" };
	struct log_rows rows = { .item.kind = LOG_LAST,
		.row = row,
		.n = MANY,
		.mark = { { { 0, 1 } }, 1 } };
	struct log_rows keep = { .item.kind = LOG_KEEP, .row = &kept, .n = 1 };
	struct log_frame *f = make_frame(current(log)->start, 2, 1, 1);
	struct buf space = { 0 };
	struct log_item *item;
	int left = 3, kept_first = 0;

	append(log, 1, 1);
	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof names[i], "A/%d/B", MANY - i);
		row[i] = (struct log_row){ .topic = names[i],
			.topic_len = strlen(names[i]),
			.at = { 0, 1 } };
	}
	f->run = log_own(log);
	log_put(log, &rows.item);
	log_put(log, &keep.item);
	log_put(log, &f->item);
	for (; left > 0; left--) {
		item = wait_done(log);
		check(item->error == 0, __LINE__, "it is written");
		kept_first |= item == &keep.item && left == 2;
		if (item == &f->item)
			check(left == 1, __LINE__, "the frame is the last");
	}
	check(kept_first, __LINE__, "the checkpoint is the first");
	free_frame(&f->item);
	check(log_kept(log, "A/9/B", 5, &kept, &space) == 1 && kept.len == 13 &&
		kept.rt == 88 && *kept.from == '\0',
	    __LINE__, "the line is kept");
	check(log_kept(log, "A/8/B", 5, &kept, &space) == 0, __LINE__,
	    "no other is");
	check(put_last(log, (struct log_place){ 0, 1 }, "A/9/B",
		  (struct log_place){ UINT32_MAX, 1 }) == 0 &&
		log_kept(log, "A/9/B", 5, &kept, &space) == 1,
	    __LINE__, "a checkpoint without a place leaves it");
	log_close(log);
	log = reopen(dir, 1 << 20, 0, 0);
	check(log_kept(log, "A/9/B", 5, &kept, &space) == 1, __LINE__,
	    "it is durable");
	check(last_has(log, "A/9/B@0.0=from the twin from ;") &&
		last_has(log, "A/8/B@0.1;"),
	    __LINE__, "its event is no longer the newest");
	buf_fini(&space);
	log_close(log);
	free(dir);
}

/* One event of a clock that is ahead keeps nothing for longer. */
static void
test_future(void)
{
	char *dir = new_dir();
	struct log *log = reopen(dir, 1 << 20, 5000000, 0);
	struct log_frame *f = make_frame(1, 1, 1, 1);

	f->run = log_own(log);
	f->head.rt = 1LL << 50;
	check(put_wait(log, &f->item) == 0, __LINE__, "an event to come");
	free_frame(&f->item);
	append(log, 8000, 150);
	append(log, 8000, 150); /* begins a segment */
	check(log_due(log, 1000001 + 5000000) == 0, __LINE__, "young enough");
	check(log_due(log, (1LL << 40)) == 1, __LINE__, "too old");
	log_close(log);
	free(dir);
}

/* All old: also the segment that is written must be able to go. */
static void
test_all_expires(void)
{
	char *dir = new_dir();
	struct log *log = reopen(dir, 1 << 20, 1000000, 0);
	const struct log_run *run;
	uint64_t n;
	int due = 0;

	append(log, 10, 10);
	for (int i = 0; i < 2000 && due == 0; i++) {
		due = log_due(log, 1LL << 40);
		log_done(log);
		usleep(1000);
	}
	check(due == 1 && leaving(log, 0, 1) && leaving(log, 0, 10), __LINE__,
	    "the written segment is closed when all of it is old");
	check(drop(log, "A/1/B", "kept") == 0, __LINE__, "drop");
	check(current(log)->first == 11 && current(log)->end == 10, __LINE__,
	    "nothing is stored");
	check(log_due(log, 1LL << 40) == 0, __LINE__, "nothing is due");
	log_close(log);
	log = reopen(dir, 1 << 20, 1000000, 0);
	check(last_is(log, "A/1/B@0.0=kept from meter/1;", ""), __LINE__,
	    "the kept line remains");
	run = log_run_at(log, 0);
	check(log_runs(log) == 2 && run->start == 1 && run->first == 11 &&
		run->end == 10,
	    __LINE__, "the end of a run that is gone can be told");
	check(append(log, 3, 10) == 0, __LINE__, "append");
	log_close(log);
	log = reopen(dir, 1 << 20, 1000000, 0);
	check(put_last(log, (struct log_place){ 2, 0 }, "A/1/B",
		  (struct log_place){ 1, 3 }) == 0 &&
		log_seek(log, 1, 0, &n) == 0 && n == 1 &&
		log_seek(log, 0, 0, &n) == 0 && n == 11,
	    __LINE__, "seek to the oldest");
	log_close(log);
	log = reopen(dir, 1 << 20, 1000000, 0);
	check(log_runs(log) == 4 && log_run_at(log, 2)->start == 3 &&
		log_run_at(log, 2)->end == 0,
	    __LINE__, "the run of the mark is not forgotten");
	log_close(log);
	log = reopen(dir, 1 << 20, 1000000, 0);
	check(log_runs(log) == 4 && log_run_at(log, 3)->start == 5, __LINE__,
	    "a run that never had an event is");
	log_close(log);
	free(dir);
}

static int
entries(const char *dir, const char *prefix)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	if (d == NULL)
		die(EXIT_BUG, "%s", dir);
	while ((e = readdir(d)) != NULL)
		n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	closedir(d);
	return n;
}

static void
test_retain_size(void)
{
	char *dir = new_dir();
	struct log *log = reopen(dir, 1 << 20, 0, 5 << 20);
	int drops = 0, bad = 0;

	for (int i = 0; i < 60; i++) {
		bad += append(log, 1500, 150) != 0;
		while (log_due(log, 0)) {
			bad += drop(log, "T", "x") != 0;
			drops++;
		}
	}
	check(bad == 0 && drops > 5, __LINE__, "segments are dropped");
	check(log_bytes(log) <= (5 << 20) + (2 << 20), __LINE__,
	    "the store keeps to its size");
	for (int i = 0; i < 2000 && entries(dir, "tmp-") > 0; i++) {
		log_done(log);
		usleep(1000);
	}
	check(entries(dir, "tmp-") == 0 && entries(dir, "segment-") < 8,
	    __LINE__, "the space of dropped segments is freed");
	check(read_run(log, 0, 150) ==
		current(log)->end - current(log)->first + 1,
	    __LINE__, "the rest can be read");
	log_close(log);
	free(dir);
}

/* Write text to dir/name; NULL removes it. */
static void
spoil(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (text == NULL) {
		if (unlink(path) == -1)
			die(EXIT_BUG, "%s", path);
		return;
	}
	f = fopen(path, "w");
	if (f == NULL || fputs(text, f) == EOF || fclose(f) == EOF)
		die(EXIT_BUG, "%s", path);
}

/* More segments than are kept open, read in no order, two views at once. */
static void
test_many_segments(void)
{
	char *dir = new_dir();
	struct log *log = reopen(dir, 1 << 20, 0, 0);
	struct log_view v, w;
	unsigned seed = 5;
	uint64_t end;
	int bad = 0;

	for (int i = 0; i < 60; i++)
		append(log, 2000, 150);
	end = current(log)->end;
	check(log_bytes(log) > 20 << 20, __LINE__, "many segments");
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 300; i++) {
			uint64_t n = 1 + (uint64_t)rand_r(&seed) % end;
			uint64_t m = 1 + (uint64_t)rand_r(&seed) % end;

			if (log_view(&v, log, (struct log_place){ 0, n }) !=
				1 ||
			    log_view(&w, log, (struct log_place){ 0, m }) !=
				1) {
				bad++;
				continue;
			}
			bad += v.head.n > n || v.head.n + v.head.events <= n ||
			    !same_frame(&v, log, 150) || w.head.n > m ||
			    w.head.n + w.head.events <= m ||
			    !same_frame(&w, log, 150);
			log_view_end(&v);
			log_view_end(&w);
		}
		log_close(log);
		log = reopen(dir, 1 << 20, 0, 0);
	}
	check(bad == 0, __LINE__, "any event at any time");
	log_close(log);
	free(dir);
}

/* What a broker that was killed left half-made goes at the next start. */
static void
test_leftovers(void)
{
	char *dir = new_dir(), path[256];
	struct log *log = reopen(dir, 1 << 20, 0, 0);

	append(log, 10, 10);
	log_close(log);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/tmp-segment-%016x", dir, i);
		if (mkdir(path, 0700) == -1)
			die(EXIT_BUG, "%s", path);
	}
	spoil(dir, "tmp-segment-0000000000000001/data.mdb", "half");
	spoil(dir, "tmp-FORMAT", "half");
	log = reopen(dir, 1 << 20, 0, 0);
	check(log != NULL && entries(dir, "tmp-") == 0 &&
		read_run(log, 0, 10) == 10,
	    __LINE__, "leftovers are removed");
	log_close(log);
	free(dir);
}

static void
test_seek(void)
{
	char *dir = new_dir();
	struct log *log = NULL;
	uint64_t at;
	int bad = 0;

	for (int run = 0; run < 3; run++) {
		log = reopen(dir, 1 << 20, 0, 0);
		for (int i = 0; i < 40; i++)
			append(log, 1 + (uint32_t)i * 10, 150);
		if (run < 2)
			log_close(log);
	}
	for (uint32_t run = 0; run < 3; run++) {
		uint64_t end = log_run_at(log, run)->end, n = 1;

		/* rt of a frame is start * 1000000 + n of its first event */
		for (int i = 0; i < 40; i++) {
			int64_t rt = (int64_t)((run + 1) * 1000000 + n);

			bad += log_seek(log, run, rt, &at) != 0 || at != n;
			n += 1 + (uint64_t)i * 10;
			bad += log_seek(log, run, rt + 1, &at) != 0 || at != n;
		}
		bad += n != end + 1;
	}
	check(bad == 0, __LINE__, "seek finds the first frame not older");
	check(log_seek(log, 1, 0, &at) == 0 && at == 1, __LINE__, "before all");
	check(log_seek(log, 1, 1LL << 50, &at) == 0 &&
		at == log_run_at(log, 1)->end + 1,
	    __LINE__, "behind all");
	log_close(log);
	free(dir);
}

static void
test_refusals(void)
{
	static const struct {
		const char *name, *text; /* file to spoil */
		const char *broker;
		int want;
		const char *why;
	} cases[] = {
		{ "FORMAT", "sg-store 2\n", "alpha", EXIT_CONFIG, "newer" },
		{ "FORMAT", "sg-store 1", "alpha", EXIT_CONFIG, "cut" },
		{ "FORMAT", "x", "alpha", EXIT_CONFIG, "not a store" },
		{ "FORMAT", NULL, "alpha", EXIT_CONFIG, "no FORMAT" },
		{ "FORMAT", "sg-store 1\n", "beta", EXIT_CONFIG, "name" },
		{ "state/data.mdb", "x", "alpha", EXIT_IO, "damaged state" },
		{ "segment-0000000000000001/data.mdb", "garbage", "alpha",
		    EXIT_IO, "damaged segment" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *dir = new_dir();
		struct log *log = reopen(dir, 1 << 20, 0, 0);
		struct log_options o = { dir, cases[i].broker, 1 << 20, 0, 0 };
		const char *why = NULL;
		int status = 0;

		append(log, 1, 1);
		log_close(log);
		spoil(dir, cases[i].name, cases[i].text);
		log = log_open(&o, &status, &why);
		check(log == NULL && status == cases[i].want && why != NULL,
		    __LINE__, cases[i].why);
		free(dir);
	}
}

static void
test_second_broker(void)
{
	char *dir = new_dir();
	struct log *log = reopen(dir, 1 << 20, 0, 0);
	struct log_options o = { dir, "alpha", 1 << 20, 0, 0 };
	const char *why = NULL;
	int status = 0;

	check(log_open(&o, &status, &why) == NULL && status == EXIT_UNAVAILABLE,
	    __LINE__, "one broker at a time");
	log_close(log);
	o.dir = "/proc/nowhere/store";
	check(log_open(&o, &status, &why) == NULL && status == EXIT_CANTCREATE,
	    __LINE__, "a directory that cannot be made");
	free(dir);
}

/* What comes back of frames in flight when one of them fails. */
static int
count_errors(struct log *log, int n, int *first, int *cancelled)
{
	int ok = 0;

	*first = *cancelled = 0;
	for (int i = 0; i < n; i++) {
		struct log_item *item = wait_done(log);

		if (item->error == 0)
			ok++;
		else if (item->error == ECANCELED)
			++*cancelled;
		else if (*first == 0)
			*first = item->error;
		free_frame(item);
	}
	return ok;
}

static int
flood(struct log *log, int frames, int *first, int *cancelled)
{
	uint64_t n = current(log)->end + 1, start = current(log)->start;

	for (int i = 0; i < frames; i++, n += 1000) {
		struct log_frame *f = make_frame(start, n, 1000, 150);

		f->run = log_own(log);
		log_put(log, &f->item);
	}
	return count_errors(log, frames, first, cancelled);
}

static void
test_wrong_number(void)
{
	char *dir = new_dir();
	struct log *log = reopen(dir, 1 << 20, 0, 0);
	int first, cancelled, ok;

	log_put(log, &make_frame(1, 1, 10, 10)->item);
	log_put(log, &make_frame(1, 12, 10, 10)->item);
	log_put(log, &make_frame(1, 22, 10, 10)->item);
	ok = count_errors(log, 3, &first, &cancelled);
	check(first == EINVAL && ok + cancelled == 2 &&
		(uint64_t)ok * 10 == current(log)->end,
	    __LINE__, "a gap in the numbers is refused");
	check(append(log, 5, 10) == 0, __LINE__, "and the right one taken");
	log_close(log);
	free(dir);
}

/* The store meets a limit, says so, keeps readers, and goes on with room. */
static void
test_no_room(
    const char *dir, int64_t segment, int want, void (*room)(const char *, int))
{
	struct log *log = reopen(dir, segment, 0, 0);
	int first, cancelled, ok;
	uint64_t end;

	check(append(log, 10, 150) == 0, __LINE__, "append");
	room(dir, 0);
	ok = flood(log, 200, &first, &cancelled);
	end = current(log)->end;
	check(first == want && ok + cancelled == 199, __LINE__,
	    "one error, the rest cancelled");
	check(end == 10 + (uint64_t)ok * 1000, __LINE__,
	    "what came back well is stored");
	check(append(log, 1000, 150) == want || current(log)->end > end,
	    __LINE__, "still no room");
	check(read_run(log, 0, 150) == current(log)->end, __LINE__,
	    "readers are served");
	end = current(log)->end;
	log_close(log);
	log = reopen(dir, segment, 0, 0);
	check(log != NULL && read_run(log, 0, 150) == end, __LINE__,
	    "readers are served after a restart without room");
	room(dir, 1);
	if (log == NULL)
		return;
	check(flood(log, 50, &first, &cancelled) == 50, __LINE__,
	    "there is room again");
	check(read_run(log, 0, 150) == end && read_run(log, 1, 150) == 50000,
	    __LINE__, "all can be read");
	log_close(log);
	log = reopen(dir, segment, 0, 0);
	check(read_run(log, 0, 150) == end && read_run(log, 1, 150) == 50000,
	    __LINE__, "also after a restart");
	log_close(log);
}

static void
limit_room(const char *dir, int yes)
{
	struct rlimit limit;

	(void)dir;
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = yes ? limit.rlim_max : 6000000;
	setrlimit(RLIMIT_FSIZE, &limit);
}

static void
mount_room(const char *dir, int yes)
{
	char path[160];

	snprintf(
	    path, sizeof path, "%.*s", (int)(strrchr(dir, '/') - dir), dir);
	if (yes && mount("none", path, NULL, MS_REMOUNT, "size=64m") == -1)
		die(EXIT_BUG, "test_log: remount");
}

static void
test_disk_full(int64_t segment)
{
	char *dir = new_dir(), path[160];

	if (mkdir(dir, 0700) == -1 ||
	    mount("none", dir, "tmpfs", 0, "size=6m") == -1) {
		printf("test_log: a full disk was not tested: cannot mount a "
		       "tmpfs (%s)\n",
		    strerror(errno));
		free(dir);
		return;
	}
	snprintf(path, sizeof path, "%s/store", dir);
	test_no_room(path, segment, ENOSPC, mount_room);
	check(umount(dir) == 0, __LINE__, "umount");
	free(dir);
}

/* Flip bits in the file; what is read is right or refused. */
static void
flip(const char *path, off_t at, int bit)
{
	unsigned char c;
	int fd = open(path, O_RDWR);

	if (fd == -1 || pread(fd, &c, 1, at) != 1)
		die(EXIT_BUG, "%s", path);
	c ^= (unsigned char)(1 << bit);
	if (pwrite(fd, &c, 1, at) != 1)
		die(EXIT_BUG, "%s", path);
	close(fd);
}

/* Read everything, going on behind damage: right, refused, wrong. */
static void
survey(struct log *log, uint32_t run, size_t size, uint64_t *right,
    uint64_t *refused, uint64_t *wrong)
{
	const struct log_run *r = log_run_at(log, run);
	struct log_place at = { run, r->first };
	struct log_view v;
	int got;

	*right = *refused = *wrong = 0;
	while (at.n <= r->end) {
		got = log_view(&v, log, at);
		if (got == -1 && errno == EBADMSG && v.head.n <= at.n &&
		    v.head.n + v.head.events > at.n) {
			*refused += v.head.n + v.head.events - at.n;
		} else if (got != 1 || v.head.n != at.n ||
		    !same_frame(&v, log, size)) {
			*wrong += 1;
			v.head.events = v.head.events != 0 ? v.head.events : 1;
		} else {
			*right += v.head.events;
		}
		at.n = v.head.n + v.head.events;
		if (got == 1)
			log_view_end(&v);
		if (*wrong > 0)
			return;
	}
}

static void
test_bit_rot(void)
{
	char *dir = new_dir(), path[256];
	struct log *log = reopen(dir, 64 << 20, 0, 0);
	uint64_t right, refused, wrong, end;
	unsigned seed = 1;
	struct stat st;
	int found = 0, bad = 0;

	for (int i = 0; i < 60; i++)
		append(log, 1 + (uint32_t)i % 30, 600);
	end = current(log)->end;
	log_close(log);
	snprintf(
	    path, sizeof path, "%s/segment-0000000000000001/data.mdb", dir);
	for (int i = 0; i < 200; i++) {
		off_t at;
		int bit = rand_r(&seed) % 8;

		/* Overflow pages of the frames: from page 16 on, no heads. */
		stat(path, &st);
		do
			at = rand_r(&seed) % st.st_size;
		while (at < 16 * 4096);
		flip(path, at, bit);
		log = reopen(dir, 64 << 20, 0, 0);
		if (log != NULL) {
			survey(log, 0, 600, &right, &refused, &wrong);
			found += refused > 0;
			bad += wrong > 0 || right + refused != end;
			log_close(log);
		}
		flip(path, at, bit);
	}
	check(bad == 0, __LINE__, "nothing wrong is ever served");
	check(found > 100, __LINE__, "damage is found");
	log = reopen(dir, 64 << 20, 0, 0);
	survey(log, 0, 600, &right, &refused, &wrong);
	check(right == end && refused == 0 && wrong == 0, __LINE__,
	    "all is well when the bits are back");
	log_close(log);
	free(dir);
}

/*
 * kill -9: a child writes and tells what was acknowledged; whatever the
 * moment of its end, the store has it all.
 */
struct told {
	uint64_t start, n, events, cursor;
};

static size_t
size_of(uint64_t n)
{
	return (n * 2654435761u >> 7) % 900;
}

/* A child writes its own log and, as a copy, one of another broker. */
enum { COPY_START = 1000 };

static void
child_put(struct log *log, uint32_t run, uint64_t *n, unsigned *seed)
{
	uint32_t events = 1 + (uint32_t)rand_r(seed) % 40;
	struct log_frame *f =
	    make_frame(log_run_at(log, run)->start, *n, events, size_of(*n));

	if (run == log_own(log)) {
		f->head.dep[0] = (struct frame_dep){ 0, *n * 3 };
		f->head.dep[0].run = (uint32_t)log_runs(log) - 1;
		f->head.deps = 1;
	}
	*n += events;
	f->run = run;
	log_put(log, &f->item);
}

static void
child_cursor(struct log *log, uint64_t value)
{
	struct log_cursor *c = xcalloc(1, sizeof *c);
	char json[32];

	c->item.kind = LOG_CURSOR;
	memcpy(c->name, "cron", sizeof "cron");
	snprintf(json, sizeof json, "%llu", (unsigned long long)value);
	c->json = xstrdup(json);
	log_put(log, &c->item);
}

static void
child_drop(struct log *log)
{
	struct log_rows *rows = xcalloc(1, sizeof *rows);

	rows->item.kind = LOG_DROP;
	if (log_due(log, 0))
		log_put(log, &rows->item);
	else
		free(rows);
}

static void
child_last(struct log *log)
{
	static struct log_row row = { .topic = "A/1/B", .topic_len = 5 };
	struct log_rows *rows = xcalloc(1, sizeof *rows);

	row.at.run = log_own(log);
	row.at.n = current(log)->end + 1;
	*rows = (struct log_rows){ .item.kind = LOG_LAST,
		.row = &row,
		.n = 1,
		.mark = { { row.at }, 1 } };
	log_put(log, &rows->item);
}

static void
child_took(struct log *log, struct log_item *item, int out)
{
	const struct frame_head *h = &((struct log_frame *)item)->head;
	struct told told = { .start = 0 };

	if (item->error != 0)
		_exit(3);
	if (item->kind == LOG_CURSOR) {
		told.cursor =
		    strtoull(((struct log_cursor *)item)->json, NULL, 10);
		free(((struct log_cursor *)item)->json);
	} else if (item->kind == LOG_FRAME) {
		told.start =
		    log_run_at(log, ((struct log_frame *)item)->run)->start;
		told.n = h->n;
		told.events = h->events;
		blob_unref(((struct log_frame *)item)->body);
	}
	free(item);
	if (told.n + told.cursor != 0 &&
	    write(out, &told, sizeof told) != sizeof told)
		_exit(4);
}

static void
child(const char *dir, unsigned seed, uint64_t cursor, int out)
{
	struct log *log = reopen(dir, 1 << 20, 0, 6 << 20);
	struct log_item *item;
	uint64_t n[2] = { 1, 1 };
	uint32_t run[2];

	if (log == NULL)
		_exit(2);
	run[0] = log_own(log);
	if (log_run_add(
		log, "beta", current(log)->start * COPY_START, &run[1]) == -1)
		_exit(2);
	for (int round = 0;; round++) {
		int frames = rand_r(&seed) % 12;

		for (int i = 0; i < frames; i++) {
			int copy = rand_r(&seed) % 3 == 0;

			child_put(log, run[copy], &n[copy], &seed);
		}
		child_cursor(log, ++cursor);
		child_drop(log);
		if (round % 8 == 0)
			child_last(log);
		child_took(log, wait_done(log), out);
		while ((item = log_done(log)) != NULL)
			child_took(log, item, out);
	}
}

enum { BOOKS = 1 << 16 };

struct books {
	uint64_t last[BOOKS]; /* by channel modulo that, from the frames */
	int wrong;
	uint64_t cursor;
};

static void
compare_channel(void *ctx, const struct log_channel *row)
{
	struct books *b = ctx;
	uint64_t last = b->last[row->chan % BOOKS];

	b->wrong += last != 0 && last != row->last;
}

static void
read_cursor(void *ctx, const char *name, const char *json)
{
	struct books *b = ctx;

	if (strcmp(name, "cron") == 0)
		b->cursor = strtoull(json, NULL, 10);
}

/* A frame of a child's own log depends on one of the copy. */
static int
deps_are_right(const struct log *log, const struct log_view *v)
{
	const struct log_run *run = log_run_at(log, v->run), *other;
	const struct frame_head *h = &v->head;

	if (!run->own)
		return h->deps == 0;
	if (h->deps == 0) {
		for (size_t i = 0; i < log_runs(log); i++)
			if (log_run_at(log, i)->start ==
			    run->start * COPY_START)
				return 0;
		return 1;
	}
	other = log_run_at(log, h->dep[0].run);
	return h->deps == 1 && h->dep[0].n == h->n * 3 &&
	    strcmp(other->name, "beta") == 0 &&
	    other->start == run->start * COPY_START;
}

/* Read all runs; frames must be right and without gaps. */
static int
audit(struct log *log, struct books *b)
{
	for (uint32_t run = 0; run < log_runs(log); run++) {
		const struct log_run *r = log_run_at(log, run);
		uint64_t n = r->first;
		struct log_view v;
		int got = log_view(&v, log, (struct log_place){ run, n });

		for (; got == 1; got = log_view_next(&v)) {
			if (v.head.n != n || !same_frame(&v, log, size_of(n)) ||
			    !deps_are_right(log, &v)) {
				log_view_end(&v);
				return -1;
			}
			n += v.head.events;
			b->last[v.head.chan % BOOKS] =
			    v.head.first + v.head.numbers - 1;
		}
		if (got == -1 || n != r->end + 1)
			return -1;
	}
	return 0;
}

/* 1 if the acknowledged frame is stored, or behind retention. */
static int
is_kept_promise(struct log *log, const struct told *told)
{
	for (size_t i = 0; i < log_runs(log); i++) {
		const struct log_run *r = log_run_at(log, i);

		if (r->start == told->start)
			return r->end >= told->n + told->events - 1;
	}
	return 0;
}

/* Odd seeds let the child get to work first, even ones perhaps not. */
static void
kill_once(const char *dir, unsigned seed, uint64_t *cursor, uint64_t *told_n)
{
	struct told told;
	static struct books b;
	struct log *log;
	struct pollfd told_fd = { .events = POLLIN };
	int p[2], lost = 0, status;
	pid_t pid;

	if (pipe(p) == -1 || (pid = fork()) == -1)
		die(EXIT_BUG, "test_log: fork");
	if (pid == 0) {
		close(p[0]);
		fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
		child(dir, seed, *cursor, p[1]);
	}
	close(p[1]);
	told_fd.fd = p[0];
	if (seed % 2 == 1 && poll(&told_fd, 1, 120000) <= 0)
		die(EXIT_BUG, "test_log: the child does nothing");
	usleep((useconds_t)(rand_r(&seed) % 60000));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	check(WIFSIGNALED(status), __LINE__, "the child worked to its end");
	log = reopen(dir, 1 << 20, 0, 6 << 20);
	memset(&b, 0, sizeof b);
	check(log != NULL, __LINE__, "the store opens after kill -9");
	if (log == NULL)
		return;
	while (read(p[0], &told, sizeof told) == sizeof told) {
		lost += told.n != 0 && !is_kept_promise(log, &told);
		*cursor = told.cursor > *cursor ? told.cursor : *cursor;
		++*told_n;
	}
	close(p[0]);
	check(lost == 0, __LINE__, "every acknowledged frame is stored");
	check(audit(log, &b) == 0, __LINE__, "every frame is right");
	check(log_channels(log, compare_channel, &b) == 0 && b.wrong == 0,
	    __LINE__, "channel rows agree with the frames");
	check(log_cursors(log, read_cursor, &b) == 0 && b.cursor >= *cursor,
	    __LINE__, "the acknowledged cursor is stored");
	*cursor = b.cursor > *cursor ? b.cursor : *cursor;
	log_close(log);
}

static void
test_kill(void)
{
	const char *rounds = getenv("SG_KILL_ROUNDS");
	int n = rounds != NULL ? (int)strtol(rounds, NULL, 10) : 30;
	char *dir = new_dir();
	uint64_t cursor = 0, told = 0;

	for (int i = 0; i < n; i++)
		kill_once(dir, (unsigned)i, &cursor, &told);
	check(told >= (uint64_t)n / 2, __LINE__, "the children did work");
	free(dir);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	char command[128], *dir;

	signal(SIGXFSZ, SIG_IGN);
	setenv("SG_NOW", "@0", 1); /* start numbers count from 1 */
	snprintf(root, sizeof root, "%s/test_log.XXXXXX",
	    tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	if (mkdtemp(root) == NULL)
		die(EXIT_CANTCREATE, "%s", root);
	test_append_and_read();
	test_many_in_flight();
	test_rows();
	test_roll_carries_rows();
	test_no_events();
	test_last_and_retention();
	test_keep();
	test_future();
	test_all_expires();
	test_retain_size();
	test_many_segments();
	test_leftovers();
	test_seek();
	test_refusals();
	test_second_broker();
	test_wrong_number();
	dir = new_dir();
	test_no_room(dir, 64 << 20, EFBIG, limit_room);
	free(dir);
	test_disk_full(64 << 20);
	test_disk_full(1 << 20);
	test_bit_rot();
	test_kill();
	snprintf(command, sizeof command, "rm -rf %s", root);
	if (system(command) != 0)
		failed++;
	if (failed == 0)
		printf("test_log: %d passed\n", passed);
	return failed != 0;
}
