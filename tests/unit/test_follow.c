/*
 * Runs of a subscription from a reader that follows a script to a file or to
 * a command.  The reader's functions here stand in for the library's.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/follow.h"
#include "check.h"

/* What the reader does, one letter each. */
struct reader {
	const char *script; /* 1-9 so many events, 0 a batch without any,
			       X one that is none, _ the deadline, L loss,
			       A connected again, E end, F failure */
	struct wire_cursor at, committed;
	struct buf lines;
	uint64_t given, n, lost;
	uint64_t rest; /* of a batch that was cut, comes next */
	unsigned connects;
	int commits;
};

static void
add_line(struct reader *r)
{
	r->given++;
	buf_addf(&r->lines, "{\"topic\":\"A\",\"t\":%llu,\"v\":%llu}\n",
	    (unsigned long long)r->given, (unsigned long long)r->given);
}

static enum reader_result
give(struct reader *r, struct reader_batch *batch, uint64_t n)
{
	buf_clear(&r->lines);
	for (r->n = 0; r->n < n; r->n++)
		add_line(r);
	r->at.n = 1;
	r->at.at[0].n += n;
	*batch = (struct reader_batch){
		.lines = r->lines.p,
		.len = r->lines.len,
		.n = n,
	};
	return READER_LINES;
}

static enum reader_result
give_broken(struct reader *r, struct reader_batch *batch)
{
	give(r, batch, 0);
	buf_adds(&r->lines, "{}}\n");
	batch->lines = r->lines.p;
	batch->len = r->lines.len;
	batch->n = 1;
	return READER_LINES;
}

enum reader_result
reader_next(struct reader *r, struct reader_batch *batch, int64_t deadline)
{
	uint64_t rest = r->rest;
	char c = *r->script;

	r->rest = 0;
	if (rest > 0)
		return give(r, batch, rest);
	if (c == '\0' || c == '_') {
		while (deadline != INT64_MAX && date_mono() < deadline)
			continue;
		r->script += c == '_';
		return deadline == INT64_MAX ? READER_FAILED : READER_NONE;
	}
	r->script++;
	switch (c) {
	case 'L': r->lost = 7; return READER_NONE;
	case 'A': r->connects++; return READER_NONE;
	case 'X': return give_broken(r, batch);
	case 'E': return READER_END;
	case 'F': return READER_FAILED;
	default: return give(r, batch, (uint64_t)(c - '0'));
	}
}

enum reader_result
reader_last(struct reader *r, struct reader_batch *batch)
{
	return reader_next(r, batch, INT64_MAX);
}

void
reader_limit(struct reader *r, uint64_t n)
{
	(void)r;
	(void)n;
}

enum reader_result
reader_cut(struct reader *r, uint64_t n)
{
	r->at.at[0].n -= r->n - n;
	r->given -= r->n - n;
	r->rest = r->n - n;
	return READER_LINES;
}

const struct wire_cursor *
reader_position(const struct reader *r)
{
	return &r->at;
}

const struct seen *
reader_seen(const struct reader *r)
{
	(void)r;
	return NULL;
}

int
reader_moved(const struct reader *r)
{
	return r->at.at[0].n != r->committed.at[0].n;
}

uint64_t
reader_lost(struct reader *r)
{
	uint64_t lost = r->lost;

	r->lost = 0;
	return lost;
}

unsigned
reader_connects(const struct reader *r)
{
	return r->connects;
}

void
reader_commit(struct reader *r, const struct wire_cursor *cursor)
{
	r->committed = *cursor;
	r->commits++;
}

enum reader_result
reader_sync(struct reader *r, int64_t deadline)
{
	(void)r;
	(void)deadline;
	return READER_END;
}

enum reader_result
reader_tend(struct reader *r, int64_t deadline)
{
	(void)r;
	(void)deadline;
	return READER_NONE;
}

int
reader_fd(const struct reader *r)
{
	(void)r;
	return -1;
}

int
reader_status(const struct reader *r)
{
	(void)r;
	return EXIT_NOINPUT;
}

const char *
reader_why(const struct reader *r)
{
	(void)r;
	return "gone";
}

/* The runs. */

enum { MILLI = DATE_SECOND / 1000, SET_UP = -1 };

/* What is not said is not limited. */
static struct follow_options
options(struct follow_options o)
{
	o.count = o.count == 0 ? -1 : o.count == SET_UP ? 0 : o.count;
	o.since = o.since == 0 ? PICK_ANY : o.since;
	o.until = o.until == 0 ? PICK_ANY : o.until;
	return o;
}

static const struct {
	const char *script;
	struct follow_options o;
	const char *command;
	const char *out;  /* values in the file "out" */
	const char *told; /* one letter for each thing told, E the end */
	int status;	  /* after follow_finish() */
	uint64_t committed;
	const char *why;
} cases[] = {
	{ "E", { 0 }, NULL, "", "E", EXIT_NO, 0, "nothing came" },
	{ "12E", { .as_is = 1 }, NULL, "1 2 3 ", "E", EXIT_OK, 0,
	    "lines as they are" },
	{ "12E", { 0 }, NULL, "1 2 3 ", "E", EXIT_OK, 0,
	    "lines in their form" },
	{ "12E", { .cursor = "c" }, NULL, "1 2 3 ", "E", EXIT_OK, 3,
	    "what is written is committed" },
	{ "0E", { .cursor = "c" }, NULL, "", "E", EXIT_NO, 0,
	    "a batch without events is none" },
	{ "", { .cursor = "c", .count = SET_UP }, NULL, "", "E", EXIT_OK, 0,
	    "a cursor is only set up" },
	{ "2X1E", { 0 }, NULL, "1 2 3 ", "BE", EXIT_DATA, 0,
	    "a damaged event is told and left out" },
	{ "L1AE", { 0 }, NULL, "1 ", "LAE", EXIT_OK, 0,
	    "loss and a new connection are told" },
	{ "3F", { .cursor = "c" }, NULL, "1 2 3 ", "G", EXIT_NOINPUT, 3,
	    "a failed reader ends the run; what came is kept" },

	{ "5", { .cursor = "c", .count = 3 }, NULL, "1 2 3 ", "E", EXIT_OK, 3,
	    "the count cuts a batch" },
	{ "21", { .cursor = "c", .count = 3, .as_is = 1 }, NULL, "1 2 3 ", "E",
	    EXIT_OK, 3, "the count over several batches" },
	{ "9E", { .since = 3000000, .until = 5000000 }, NULL, "3 4 ", "E",
	    EXIT_OK, 0, "a span of time, its end exclusive" },
	{ "9", { .cursor = "c", .count = 1, .since = 3000000 }, NULL, "3 ", "E",
	    EXIT_OK, 3, "the count is of events wanted" },

	{ "2", { .timeout = 5 * MILLI }, NULL, "1 2 ", "E", EXIT_TIMEOUT, 0,
	    "the time for the run is over" },
	{ "2", { .idle = 5 * MILLI }, NULL, "1 2 ", "E", EXIT_OK, 0,
	    "no more has come" },
	{ "0", { .idle = 5 * MILLI }, NULL, "", "E", EXIT_NO, 0,
	    "nothing at all has come" },
	{ "210", { .until_due = 1 }, NULL, "1 2 3 ", "E", EXIT_OK, 0,
	    "the time to come is here, and all is read" },

	{ "12E", { .last = 1 }, NULL, "1 2 3 ", "E", EXIT_OK, 0,
	    "last values" },
	{ "5", { .last = 1, .count = 2 }, NULL, "1 2 ", "E", EXIT_OK, 0,
	    "so many last values" },
	{ "2E1E", { .last = 1, .live = 1 }, NULL, "1 2 3 ", "E", EXIT_OK, 0,
	    "last values and what came then" },

	{ "3E", { .cursor = "c" }, "cat >>out", "1 2 3 ", "E", EXIT_OK, 3,
	    "a command gets the batch" },
	{ "E", { .cursor = "c" }, "echo x >>out", "", "E", EXIT_NO, 0,
	    "a command is not started on nothing" },
	{ "5E", { .cursor = "c", .count = 2 }, "cat >>out; echo v:9} >>out",
	    "1 2 9 3 4 9 5 9 ", "E", EXIT_OK, 5, "a batch for each count" },
	{ "3E", { .cursor = "c" }, "exit 3", "", "E", 3, 0,
	    "a command that fails commits nothing" },
	{ "3_F", { .cursor = "c", .every = 5 * MILLI }, "cat >>out", "1 2 3 ",
	    "G", EXIT_NOINPUT, 3, "a batch for each time" },
};

/* What stands behind "v": in the file, each with a space. */
static int
holds(const char *want)
{
	char line[256];
	struct buf got = { 0 };
	FILE *f = fopen("out", "r");
	int same;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *v = strrchr(line, ':');
		buf_addf(
		    &got, "%d ", v != NULL ? (int)strtol(v + 1, NULL, 10) : -1);
	}
	if (f != NULL)
		fclose(f);
	same = strcmp(buf_cstr(&got), want) == 0;
	buf_fini(&got);
	return same;
}

static char
letter(const struct follow_event *e)
{
	switch (e->result) {
	case FOLLOW_BAD: return 'B';
	case FOLLOW_LOST: return e->lost == 7 ? 'L' : '?';
	case FOLLOW_AGAIN: return 'A';
	case FOLLOW_END: return e->gone ? 'G' : 'E';
	default: return '?';
	}
}

static void
run_case(size_t i)
{
	struct reader r = { .script = cases[i].script };
	const struct follow_options o = options(cases[i].o);
	const char *why;
	struct format *format = format_new(FORMAT_JSON, NULL, 0, &why);
	const struct follow_event *e;
	char told[8] = "";
	struct wire_cursor at;
	struct outlet out;
	struct follow *f;
	size_t n = 0;
	int error;

	if (truncate("out", 0) != 0)
		exit(1);
	if (cases[i].command != NULL)
		outlet_command(&out, format, cases[i].command);
	else if (outlet_file(&out, format, "out", NULL, &at, &error, &why) < 0)
		exit(1);
	f = follow_new(&r, &out, &o);
	do {
		e = follow_next(f);
		told[n++] = letter(e);
	} while (e->result < FOLLOW_END && n + 1 < sizeof(told));
	e = follow_finish(f);
	check(e->status == cases[i].status &&
		strcmp(told, cases[i].told) == 0 && holds(cases[i].out) &&
		r.committed.at[0].n == cases[i].committed &&
		r.commits <= (cases[i].o.cursor != NULL ? 3 : 0),
	    "%s", cases[i].why);
	follow_free(f);
	outlet_close(&out);
	format_free(format);
	buf_fini(&r.lines);
}

static void
test_full(void)
{
	struct reader r = { .script = "3E" };
	const char *why;
	struct format *format = format_new(FORMAT_JSON, NULL, 0, &why);
	const struct follow_options o =
	    options((struct follow_options){ .cursor = "c" });
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	const struct follow_event *e;
	struct outlet out;
	struct follow *f;

	outlet_fd(&out, format, fd, "standard output");
	f = follow_new(&r, &out, &o);
	e = follow_next(f);
	check(e->result == FOLLOW_FAILED && e->status == EXIT_IO &&
		strncmp(e->why, "standard output: ", 17) == 0 && r.commits == 0,
	    "what cannot be written is not committed");
	follow_free(f);
	outlet_close(&out);
	format_free(format);
	buf_fini(&r.lines);
	close(fd);
}

int
main(void)
{
	char dir[] = "/tmp/sgw.XXXXXX", command[64];
	int fd;

	if (mkdtemp(dir) == NULL || chdir(dir) != 0 ||
	    setenv("TMPDIR", dir, 1) != 0)
		return 1;
	fd = open("out", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return 1;
	close(fd);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(i);
	test_full();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return check_done();
}
