/* The store: what is put comes back, after any end of the process. */
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
		f->body->len += make_line(
		    f->body->p + f->body->len, start, n + i, size);
	f->item.kind = LOG_FRAME;
	f->head = (struct frame_head){ .n = n,
		.events = events,
		.numbers = events + 1,
		.rt = (int64_t)(start * 1000000 + n),
		.chan = 1 + n % 3,
		.first = n * 2,
		.summary = (const uint8_t *)"0123456789abcdef",
		.summary_len = 16,
		.lines = f->body->p,
		.len = (uint32_t)f->body->len };
	strcpy(f->head.from, "meter/1");
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
		if (poll(&p, 1, 20000) <= 0)
			die(EXIT_BUG, "test_log: no item within 20 s");
	return item;
}

static const struct log_run *
current(const struct log *log)
{
	return log_run_at(log, log_runs(log) - 1);
}

/* Put one frame after the newest and wait for it; its error. */
static int
append(struct log *log, uint32_t events, size_t size)
{
	struct log_frame *f = make_frame(
	    current(log)->start, current(log)->end + 1, events, size);
	struct log_item *item;
	int error;

	log_put(log, &f->item);
	item = wait_done(log);
	error = item->error;
	free_frame(item);
	return error;
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
	    strcmp(a->from, b->from) == 0 &&
	    a->summary_len == b->summary_len &&
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

		check(r == 1 && v.head.n <= i &&
			i < v.head.n + v.head.events,
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
		    ((struct log_frame *)item)->head.n !=
			(uint64_t)i * 100 + 1;
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

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	char command[128];

	signal(SIGXFSZ, SIG_IGN);
	snprintf(root, sizeof root, "%s/test_log.XXXXXX",
	    tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	if (mkdtemp(root) == NULL)
		die(EXIT_CANTCREATE, "%s", root);
	test_append_and_read();
	test_many_in_flight();
	snprintf(command, sizeof command, "rm -rf %s", root);
	if (system(command) != 0)
		failed++;
	if (failed == 0)
		printf("test_log: %d passed\n", passed);
	return failed != 0;
}
