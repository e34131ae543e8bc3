#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/app.h"
#include "base/die.h"
#include "check.h"
#include "event/event.h"
#include "event/line.h"

static char dir[] = "/tmp/test_line.XXXXXX";

static const char *
path_of(const char *name)
{
	static char paths[4][256];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static char *
make_file(const char *name, const char *p, size_t n)
{
	char *path = strdup(path_of(name));
	FILE *f = fopen(path, "w");

	fwrite(p, 1, n, f);
	fclose(f);
	return path;
}

static void
read_file(const char *path, struct buf *b)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	buf_clear(b);
	while ((n = read(fd, buf_room(b, 65536), 65536)) > 0)
		b->len += (size_t)n;
	close(fd);
}

/* Run what follows with standard error in the file "stderr". */
static int
quiet(void)
{
	int saved = dup(STDERR_FILENO);
	int fd = open(path_of("stderr"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	dup2(fd, STDERR_FILENO);
	close(fd);
	return saved;
}

static void
loud(int saved)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static int
reported(const char *text)
{
	struct buf b = { 0 };
	int found;

	read_file(path_of("stderr"), &b);
	found = strcmp(buf_cstr(&b), text) == 0;
	if (!found)
		printf("test_line: stderr: %s", b.p);
	buf_fini(&b);
	return found;
}

static const struct {
	const char *in;
	size_t n;
	const char *want; /* number:line| each */
	const char *why;
} small[] = {
	{ "", 0, "", "empty input" },
	{ "\n", 1, "", "only an empty line" },
	{ "a\n", 2, "1:a|", "one line" },
	{ "a", 1, "1:a|", "no last newline" },
	{ "a\nb\n", 4, "1:a|2:b|", "two lines" },
	{ "a\nb", 3, "1:a|2:b|", "two lines, no last newline" },
	{ "a\r\nb\r\n", 6, "1:a|2:b|", "CRLF" },
	{ "a\r\nb\r", 5, "1:a|2:b|", "CR at the end" },
	{ "a\rb\r\r\n", 6, "1:a\rb\r|", "other CRs stay" },
	{ "\n\na\n\nb\n\n", 8, "3:a|5:b|", "empty lines are counted" },
	{ "\r\n\r\na\r\n", 7, "3:a|", "empty CRLF lines" },
	{ "\r", 1, "", "a CR is an empty line" },
	{ " \n", 2, "1: |", "a space is not" },
	{ "a\0b\n", 4, "1:a?b|", "NUL inside" },
	{ "\0\n", 2, "1:?|", "NUL alone" },
	{ "\0", 1, "1:?|", "NUL alone, no newline" },
};

/* All lines of in, as "number:line|", a NUL as '?'. */
static void
collect(struct line_in *in, struct buf *b)
{
	const char *p;
	size_t n;

	buf_clear(b);
	while (line_next(in, &p, &n) == LINE_GIVEN) {
		buf_addf(b, "%d:", (int)in->number);
		for (size_t i = 0; i < n; i++)
			buf_addc(b, p[i] ? p[i] : '?');
		buf_addc(b, '|');
	}
	buf_cstr(b);
}

static void
test_small(void)
{
	struct buf got = { 0 };
	struct line_in in;

	for (size_t i = 0; i < sizeof(small) / sizeof(*small); i++) {
		char *path = make_file("small", small[i].in, small[i].n);

		line_open(&in, &path, 1);
		collect(&in, &got);
		check(strcmp(got.p, small[i].want) == 0, "%s: %s", small[i].why,
		    got.p);
		check(line_status(&in) == EXIT_OK && line_close(&in) == 0,
		    "%s: status", small[i].why);
		free(path);
	}
	buf_fini(&got);
}

/* A writer in a process of its own, into the pipe whose reading end is given */
struct writer {
	pid_t pid;
	int fd;
};

static struct writer
write_pieces(const char *p, size_t n, size_t piece)
{
	struct writer w;
	int ends[2];

	if (pipe(ends) != 0 || (w.pid = fork()) < 0)
		exit(1);
	if (w.pid > 0) {
		close(ends[1]);
		w.fd = ends[0];
		return w;
	}
	for (size_t at = 0; at < n; at += piece)
		app_write(ends[1], p + at, n - at < piece ? n - at : piece);
	_exit(0);
}

static void
done(struct writer w)
{
	close(w.fd);
	waitpid(w.pid, NULL, 0);
}

/* Lines of length first, then ever one byte longer, through pipes. */
static void
test_lengths(size_t first, int count, size_t piece)
{
	struct buf text = { 0 };
	struct writer w;
	struct line_in in;
	char path[64], *file = path;
	const char *p;
	size_t n, i = 0;
	int wrong = 0;

	for (int k = 0; k < count; k++) {
		size_t len = first + (size_t)k;

		memset(buf_room(&text, len), 'a' + k % 26, len);
		text.len += len;
		buf_addc(&text, '\n');
	}
	w = write_pieces(text.p, text.len, piece);
	snprintf(path, sizeof(path), "/dev/fd/%d", w.fd);
	line_open(&in, &file, 1);
	while (line_next(&in, &p, &n) == LINE_GIVEN) {
		wrong += n != first + i || p[0] != (char)('a' + i % 26) ||
		    p[n - 1] != p[0] || memcmp(p, p + 1, n - 1) != 0;
		i++;
	}
	snprintf(path, sizeof(path), "%d from %zu by %zu", count, first, piece);
	check(i == (size_t)count && wrong == 0, "%s: lengths", path);
	line_close(&in);
	done(w);
	buf_fini(&text);
}

/* A line over the limit between two others, its end and begin in the file. */
static void
test_long(size_t max, size_t len, size_t piece, const char *end, int bad)
{
	struct buf text = { 0 }, kept = { 0 }, got = { 0 };
	char path[64], *file = path, want[128];
	struct writer w;
	struct line_in in;
	int saved;

	buf_adds(&text, "before\n");
	memset(buf_room(&text, len), 'x', len);
	text.len += len;
	buf_adds(&text, end);
	if (*end)
		buf_adds(&text, "after\n");
	unlink(path_of("dead"));
	w = write_pieces(text.p, text.len, piece);
	snprintf(path, sizeof(path), "/dev/fd/%d", w.fd);
	line_open(&in, &file, 1);
	in.max = max;
	saved = quiet();
	check(line_dead(&in, path_of("dead")) == 0, "dead: opened");
	collect(&in, &got);
	loud(saved);
	if (!bad) {
		check(
		    got.len > len && in.bad == 0, "%s: within the limit", end);
	} else {
		check(strcmp(got.p, *end ? "1:before|3:after|" : "1:before|") ==
			0,
		    "%s: the lines around", got.p);
		snprintf(want, sizeof(want),
		    "test_line: error: %s:2: longer than %zu bytes\n", path,
		    max);
		check(reported(want), "%s: report", want);
		read_file(path_of("dead"), &kept);
		check(kept.len == len + (*end ? strlen(end) : 1) &&
			memcmp(kept.p, text.p + 7, len) == 0 &&
			strcmp(buf_cstr(&kept) + len, *end ? end : "\n") == 0,
		    "%s: whole in the dead file", end);
		check(in.bad == 1 && in.lines == 2 + (*end != '\0'),
		    "%s: counts", end);
	}
	check(in.buf.cap <= 4 * (max + 256 * 1024), "%s: bounded memory", end);
	check(line_status(&in) == EXIT_OK, "%s: status", end);
	check(line_close(&in) == 0, "%s: closed", end);
	done(w);
	buf_fini(&text);
	buf_fini(&kept);
	buf_fini(&got);
}

static void
test_longs(void)
{
	size_t mib = EVENT_LINE_MAX;

	test_long(mib, mib, 65536, "\n", 0);
	test_long(mib, mib, 65536, "\r\n", 0);
	test_long(mib, mib, 65536, "", 0);
	test_long(mib, mib + 1, 65536, "\n", 1);
	test_long(mib, mib + 1, 65536, "\r\n", 1);
	test_long(mib, mib + 1, 65536, "", 1);
	test_long(mib, mib + 2, 65536, "\n", 1);
	test_long(mib, 20 * mib, 1000000, "\n", 1);
	test_long(mib, 20 * mib, 1000000, "", 1);
	test_long(10, 10, 1, "\r\n", 0);
	test_long(10, 11, 1, "\n", 1);
	test_long(10, 11, 1, "\r\n", 1);
	test_long(10, 11, 1, "", 1);
	test_long(10, 12, 100, "\n", 1);
	test_long(10, 300000, 262144, "\n", 1);
}

/* Several files, with one absent, a directory and a last line cut short. */
static void
test_files(void)
{
	char *files[] = { make_file("one", "a\nb", 3), strdup(path_of("none")),
		strdup(dir), make_file("empty", "", 0),
		make_file("two", "c\n", 2) };
	static const struct {
		enum line_result result;
		int error, file;
		uint64_t number;
	} want[] = {
		{ LINE_GIVEN, 0, 0, 1 },
		{ LINE_GIVEN, 0, 0, 2 },
		{ LINE_ERROR, ENOENT, 1, 0 },
		{ LINE_ERROR, EISDIR, 2, 0 },
		{ LINE_GIVEN, 0, 4, 1 },
		{ LINE_END, 0, 4, 1 },
		{ LINE_END, 0, 4, 1 },
	};
	struct line_in in;
	const char *p;
	size_t n;

	line_open(&in, files, 5);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		enum line_result got = line_next(&in, &p, &n);

		check(got == want[i].result && in.number == want[i].number &&
			strcmp(in.name, files[want[i].file]) == 0 &&
			(got != LINE_ERROR || errno == want[i].error),
		    "%s: one after the other", files[want[i].file]);
	}
	check(in.lines == 3 && line_close(&in) == 0, "files: lines in all");
	for (int i = 0; i < 5; i++)
		free(files[i]);
}

static void
test_bad(int strict, int with_dead)
{
	char *files[] = { make_file("bad", "a\r\nb\nc\n", 7) };
	struct buf kept = { 0 }, want = { 0 };
	struct line_in in;
	const char *p;
	size_t n, given = 0;
	int saved = quiet(), go = 1;

	unlink(path_of("dead"));
	line_open(&in, files, 1);
	in.strict = strict;
	if (with_dead)
		line_dead(&in, path_of("dead"));
	while (line_next(&in, &p, &n) == LINE_GIVEN) {
		given++;
		go = *p == 'c' ? 1 : line_bad(&in, p, n, "wrong");
		check(go == !strict, "bad: go on or not");
	}
	loud(saved);
	buf_addf(&want, "test_line: error: %s:1: wrong\n", files[0]);
	if (!strict)
		buf_addf(&want, "test_line: error: %s:2: wrong\n", files[0]);
	check(reported(buf_cstr(&want)), "bad: reports");
	check(given == (strict ? 1u : 3u), "bad: strict stops");
	check(in.bad == (strict ? 1u : 2u), "bad: counted");
	check(line_close(&in) == 0, "bad: closed");
	check(line_status(&in) == (strict || !with_dead ? EXIT_DATA : EXIT_OK),
	    "bad: status");
	if (with_dead) {
		read_file(path_of("dead"), &kept);
		check(
		    strcmp(buf_cstr(&kept), strict ? "a\r\n" : "a\r\nb\n") == 0,
		    "%s: unchanged in the dead file", kept.p);
	}
	buf_fini(&kept);
	buf_fini(&want);
	free(files[0]);
}

static void
test_dead_errors(void)
{
	char *files[] = { make_file("bad", "a\n", 2) };
	struct line_in in;
	const char *p;
	size_t n;
	int saved = quiet();

	line_open(&in, files, 1);
	check(line_dead(&in, "-") == -1 && errno == EINVAL, "dead -: refused");
	check(line_dead(&in, path_of("no/where")) == -1 && errno == ENOENT,
	    "dead: cannot be created");
	check(line_dead(&in, "/dev/full") == 0, "/dev/full: opened");
	line_next(&in, &p, &n);
	check(line_bad(&in, p, n, "x") == -1 && errno == ENOSPC,
	    "/dev/full: noticed");
	check(line_close(&in) == -1 && errno == ENOSPC,
	    "/dev/full: noticed at the end too");
	line_open(&in, files, 1);
	in.max = 0;
	line_dead(&in, "/dev/full");
	check(line_next(&in, &p, &n) == LINE_ERROR && errno == ENOSPC &&
		strcmp(in.name, "/dev/full") == 0,
	    "/dev/full: noticed with a long line");
	line_close(&in);
	loud(saved);
	free(files[0]);
}

static void
test_strict_long(void)
{
	char *files[] = { make_file("bad", "a\n0123456789abc\nb\n", 18) };
	struct buf kept = { 0 }, got = { 0 };
	struct line_in in;
	int saved = quiet();

	unlink(path_of("dead"));
	line_open(&in, files, 1);
	in.max = 10;
	in.strict = 1;
	line_dead(&in, path_of("dead"));
	collect(&in, &got);
	loud(saved);
	read_file(path_of("dead"), &kept);
	check(strcmp(got.p, "1:a|") == 0, "%s: stops at the long line", got.p);
	check(strcmp(buf_cstr(&kept), "0123456789abc\n") == 0,
	    "%s: which is whole in the dead file", kept.p);
	check(line_status(&in) == EXIT_DATA, "strict: status");
	line_close(&in);
	buf_fini(&kept);
	buf_fini(&got);
	free(files[0]);
}

/* What was written before comes out before the reader waits. */
static void
test_flush(void)
{
	int ends[2], out_ends[2];
	char path[64], *file = path, seen[8] = "";
	struct line_in in;
	struct line_out out;
	const char *p;
	size_t n;

	if (pipe(ends) != 0 || pipe(out_ends) != 0)
		exit(1);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	line_open(&in, &file, 1);
	line_out_init(&out, out_ends[1], "standard output");
	in.out = &out;
	app_write(ends[1], "a\nb\nc", 5);
	for (int i = 0; i < 2; i++) {
		line_next(&in, &p, &n);
		line_out_line(&out, p, n);
	}
	fcntl(out_ends[0], F_SETFL, O_NONBLOCK);
	check(read(out_ends[0], seen, sizeof(seen)) == -1,
	    "flush: not before it waits");
	check(line_take(&in, &p, &n) == LINE_WAIT, "flush: must wait");
	close(ends[1]);
	check(line_next(&in, &p, &n) == LINE_GIVEN && *p == 'c', "flush: rest");
	check(read(out_ends[0], seen, sizeof(seen)) == 4 &&
		memcmp(seen, "a\nb\n", 4) == 0,
	    "flush: out before the read");
	check(line_out_fini(&out) == 0, "flush: closed");
	line_close(&in);
	close(ends[0]);
	close(out_ends[0]);
}

static void
test_out_errors(void)
{
	char *files[] = { make_file("bad", "a\nb\n", 4) };
	struct line_in in;
	struct line_out out;
	const char *p;
	size_t n;

	line_out_init(&out, open("/dev/full", O_WRONLY), "standard output");
	line_open(&in, files, 1);
	in.out = &out;
	line_out_line(&out, "x", 1);
	check(line_next(&in, &p, &n) == LINE_ERROR && errno == ENOSPC &&
		in.name == out.name,
	    "/dev/full: noticed before the read");
	line_out_add(&out, "x", 1);
	check(line_out_fini(&out) == -1 && errno == ENOSPC,
	    "/dev/full: noticed at the end");
	line_close(&in);
	free(files[0]);
}

static void
nothing(int signal)
{
	(void)signal;
}

/* A signal ends the wait, and the reader goes on afterwards. */
static void
test_signal(void)
{
	struct sigaction action = { .sa_handler = nothing };
	int ends[2];
	char path[64], *file = path;
	struct line_in in;
	const char *p;
	size_t n;
	pid_t pid;

	if (pipe(ends) != 0)
		exit(1);
	sigaction(SIGALRM, &action, NULL);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	line_open(&in, &file, 1);
	app_write(ends[1], "a\nb", 3);
	line_next(&in, &p, &n);
	ualarm(1000, 1000);
	check(line_next(&in, &p, &n) == LINE_ERROR && errno == EINTR,
	    "signal: interrupts");
	ualarm(0, 0);
	pid = fork();
	if (pid == 0) {
		app_write(ends[1], "c\n", 2);
		_exit(0);
	}
	check(line_next(&in, &p, &n) == LINE_GIVEN && n == 2 &&
		memcmp(p, "bc", 2) == 0,
	    "signal: nothing lost");
	waitpid(pid, NULL, 0);
	close(ends[1]);
	line_close(&in);
	close(ends[0]);
}

/* line_take, line_fill and line_fd, as an event loop uses them. */
static void
test_take(void)
{
	int ends[2];
	char path[64], *files[] = { make_file("one", "x", 1), path };
	struct line_in in;
	const char *p;
	size_t n;

	if (pipe2(ends, O_NONBLOCK) != 0)
		exit(1);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	line_open(&in, files, 2);
	check(line_take(&in, &p, &n) == LINE_WAIT && line_fd(&in) >= 0,
	    "take: file to poll");
	check(line_fill(&in) == 1 && line_take(&in, &p, &n) == LINE_WAIT,
	    "take: may go on");
	check(line_fill(&in) == 1 && line_take(&in, &p, &n) == LINE_GIVEN,
	    "take: no last newline");
	check(line_take(&in, &p, &n) == LINE_WAIT && line_fd(&in) >= 0,
	    "take: pipe to poll");
	app_write(ends[1], "a\nb\n", 4);
	check(line_fill(&in) == 1 && line_take(&in, &p, &n) == LINE_GIVEN &&
		line_take(&in, &p, &n) == LINE_GIVEN && *p == 'b',
	    "take: two lines of one read");
	check(line_take(&in, &p, &n) == LINE_WAIT, "take: no more");
	close(ends[1]);
	check(line_fill(&in) == 0 && line_take(&in, &p, &n) == LINE_END &&
		line_fd(&in) == -1,
	    "take: end");
	line_close(&in);
	close(ends[0]);
	free(files[0]);
}

static void
test_stdin(void)
{
	struct writer w = write_pieces("a\n", 2, 1);
	struct buf got = { 0 };
	struct line_in in;

	dup2(w.fd, STDIN_FILENO);
	line_open(&in, NULL, 0);
	collect(&in, &got);
	check(strcmp(got.p, "1:a|") == 0 && strcmp(in.name, "stdin") == 0,
	    "stdin: read");
	line_close(&in);
	check(fcntl(STDIN_FILENO, F_GETFD) == 0, "stdin: not closed");
	done(w);
	buf_fini(&got);
}

static void
remove_files(void)
{
	static const char *const names[] = { "small", "dead", "stderr", "one",
		"two", "empty", "bad" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(path_of(names[i]));
	rmdir(dir);
}

int
main(int argc, char **argv)
{
	(void)argc;
	die_name(argv[0]);
	if (!mkdtemp(dir))
		return 1;
	test_small();
	test_lengths(1, 3000, 4096);
	test_lengths(1, 300, 1);
	test_lengths(65530, 12, 65536);
	test_lengths(262140, 12, 100000);
	test_lengths(EVENT_LINE_MAX - 2, 3, 65536);
	test_longs();
	test_files();
	test_bad(0, 0);
	test_bad(0, 1);
	test_bad(1, 0);
	test_bad(1, 1);
	test_dead_errors();
	test_strict_long();
	test_flush();
	test_out_errors();
	test_signal();
	test_take();
	test_stdin();
	remove_files();
	return check_done();
}
