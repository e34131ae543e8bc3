#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/date.h"
#include "check.h"
#include "event/command.h"

static const int64_t now = 1795388400LL * DATE_SECOND;

static char folder[] = "/tmp/test_command.XXXXXX";
static char path[64];

static const char *const verdicts[] = { "malformed", "late", "early",
	"repeated", "full", "fresh", "other" };

/* The verdict on a line; *why is "" if there is none. */
static enum command_verdict
ask(struct command_guard *g, const char *line, int64_t at, const char **why)
{
	struct event e;

	*why = "";
	check(
	    event_scan(&e, line, strlen(line), why) == 0, "%s: %s", line, *why);
	return command_check(g, &e, at, why);
}

static void
expect(struct command_guard *g, const char *line, int64_t at,
    enum command_verdict want, const char *reason)
{
	const char *why;
	enum command_verdict got = ask(g, line, at, &why);

	check(got == want && strstr(why, reason) != NULL,
	    "%s: %s (%s), not %s (%s)", line, verdicts[got], why,
	    verdicts[want], reason);
}

/* A command of source with those numbers. */
static void
expect_number(struct command_guard *g, const char *src, int ep, int seq,
    const char *id, enum command_verdict want)
{
	char line[512];

	snprintf(line, sizeof line,
	    "{\"topic\":\"COMMAND/r\",\"t\":1795388400,\"ttl\":60,"
	    "\"src\":\"%s\",\"ep\":%d,\"seq\":%d,\"id\":\"%s\",\"v\":1}",
	    src, ep, seq, id);
	expect(g, line, now, want, "");
}

static struct command_guard *
open_guard(const char *name)
{
	const char *why = "";
	struct command_guard *g = command_open(name, &why);

	check(g != NULL, "%s: %s", name ? name : "(none)", why);
	if (g == NULL)
		exit(1);
	return g;
}

static void
refuse_open(const char *name, const char *reason)
{
	const char *why = "";
	struct command_guard *g = command_open(name, &why);

	check(g == NULL && strstr(why, reason) != NULL, "%s: opened, %s", name,
	    why);
	if (g != NULL)
		command_close(g);
}

/* Each line alone, to a guard that remembers nothing. */
static const struct {
	const char *line;
	enum command_verdict want;
	const char *why;
} alone[] = {
	{ "{\"topic\":\"COMMAND/r\",\"t\":1795388400,\"ttl\":5,\"src\":\"a\","
	  "\"seq\":1,\"v\":1}",
	    COMMAND_MALFORMED, "COMMAND without id" },
	{ "{\"topic\":\"COMMAND/r\",\"t\":1795388400,\"id\":\"x\","
	  "\"src\":\"a\",\"seq\":1,\"v\":1}",
	    COMMAND_MALFORMED, "COMMAND without ttl" },
	{ "{\"topic\":\"COMMAND/r\",\"t\":1795388400,\"id\":\"x\",\"ttl\":5,"
	  "\"seq\":1,\"v\":1}",
	    COMMAND_MALFORMED, "without src" },
	{ "{\"topic\":\"COMMAND/r\",\"t\":1795388400,\"id\":\"x\",\"ttl\":5,"
	  "\"src\":\"a\",\"v\":1}",
	    COMMAND_MALFORMED, "without seq" },
	{ "{\"topic\":\"COMMAND/r\",\"id\":\"x\",\"ttl\":5,\"src\":\"a\","
	  "\"seq\":1,\"v\":1}",
	    COMMAND_MALFORMED, "t: missing" },
	{ "{\"topic\":\"COMMAND/r\",\"t\":1795388500,\"ttl\":5,\"src\":\"a\","
	  "\"seq\":1,\"v\":1}",
	    COMMAND_MALFORMED, "COMMAND without id" },
	{ "{\"topic\":\"COMMAND/r\",\"t\":1795388400,\"id\":\"x\","
	  "\"ttl\":1e300,\"src\":\"a\",\"seq\":1,\"v\":1}",
	    COMMAND_MALFORMED, "ttl" },
	{ "{\"topic\":\"DR/REQUEST/x\",\"t\":1795388400,\"src\":\"a\","
	  "\"seq\":1,\"v\":1}",
	    COMMAND_MALFORMED, "DR request without ttl" },
	{ "{\"topic\":\"DR/REQUEST/x\",\"t\":1795388400,\"ttl\":5,\"v\":1}",
	    COMMAND_MALFORMED, "without src" },
	{ "{\"topic\":\"COMMAND/r\",\"t\":1795388394.9,\"id\":\"x\","
	  "\"ttl\":5,\"src\":\"a\",\"seq\":1,\"v\":1}",
	    COMMAND_LATE, "expired" },
	{ "{\"topic\":\"COMMAND/r\",\"t\":-9e12,\"id\":\"x\",\"ttl\":5,"
	  "\"src\":\"a\",\"seq\":1,\"v\":1}",
	    COMMAND_LATE, "expired" },
	{ "{\"topic\":\"COMMAND/r\",\"t\":1795388430.1,\"id\":\"x\","
	  "\"ttl\":5,\"src\":\"a\",\"seq\":1,\"v\":1}",
	    COMMAND_EARLY, "ahead" },
	{ "{\"topic\":\"DR/REQUEST/x\",\"t\":1795388431,\"ttl\":5,"
	  "\"src\":\"a\",\"seq\":1,\"v\":1}",
	    COMMAND_EARLY, "ahead" },
	{ "{\"topic\":\"COMMAND/r\",\"t\":1795388395,\"id\":\"x\","
	  "\"ttl\":5,\"src\":\"a\",\"seq\":1,\"v\":1}",
	    COMMAND_FRESH, "" },
	{ "{\"topic\":\"COMMAND/r\",\"t\":1795388430,\"id\":\"x\","
	  "\"ttl\":9e12,\"src\":\"a\",\"seq\":0,\"v\":1}",
	    COMMAND_FRESH, "" },
	{ "{\"topic\":\"COMM\\u0041ND/r\",\"t\":1795388400,\"id\":\"x\","
	  "\"ttl\":5,\"src\":\"\\u0061\",\"ep\":7,\"seq\":1,\"v\":1}",
	    COMMAND_FRESH, "" },
	{ "{\"topic\":\"DR/REQUEST/x\",\"t\":1795388400,\"ttl\":5,"
	  "\"src\":\"a\",\"seq\":1,\"v\":1}",
	    COMMAND_FRESH, "" },
	{ "{\"topic\":\"MEASUREMENT/x\",\"t\":1,\"v\":1}", COMMAND_OTHER, "" },
	{ "{\"topic\":\"COMMANDS/x\",\"t\":1,\"v\":1}", COMMAND_OTHER, "" },
	{ "{\"topic\":\"DR/RESPONSE/x\",\"t\":1,\"v\":1}", COMMAND_OTHER, "" },
};

static void
test_alone(void)
{
	for (size_t i = 0; i < sizeof alone / sizeof *alone; i++) {
		struct command_guard *g = open_guard(NULL);

		expect(g, alone[i].line, now, alone[i].want, alone[i].why);
		if (alone[i].want == COMMAND_FRESH)
			expect(g, alone[i].line, now, COMMAND_REPEATED, "");
		command_close(g);
	}
}

/* What was executed, and what may still be. */
static void
ask_again(struct command_guard *g)
{
	expect_number(g, "a", 0, 5, "one", COMMAND_REPEATED);
	expect_number(g, "a", 0, 6, "one", COMMAND_REPEATED);
	expect_number(g, "b", 0, 1, "one", COMMAND_REPEATED);
	expect_number(g, "a", 0, 5, "new", COMMAND_REPEATED);
	expect_number(g, "a", 0, 4, "new", COMMAND_REPEATED);
	expect_number(g, "a", 0, 0, "new", COMMAND_REPEATED);
	expect_number(g, "a", 9, 1, "new", COMMAND_REPEATED);
}

static void
test_memory(void)
{
	struct command_guard *g = open_guard(path);

	expect_number(g, "a", 0, 5, "one", COMMAND_FRESH);
	expect_number(g, "a", 9, 1, "two", COMMAND_FRESH);
	ask_again(g);
	check(command_close(g) == 0, "close");
	g = open_guard(path);
	ask_again(g);
	expect_number(g, "a", 0, 6, "three", COMMAND_FRESH);
	expect_number(g, "a", 8, 1, "four", COMMAND_FRESH);
	expect_number(g, "b", 0, 0, "five", COMMAND_FRESH);
	command_close(g);
	unlink(path);
}

/* An id may come again once it is forgotten; a number may not. */
static void
test_forget(void)
{
	static const char first[] =
	    "{\"topic\":\"COMMAND/r\",\"t\":1795388400,\"id\":\"x\","
	    "\"ttl\":5,\"src\":\"a\",\"seq\":1,\"v\":1}";
	static const char later[] =
	    "{\"topic\":\"COMMAND/r\",\"t\":1795388465,\"id\":\"x\","
	    "\"ttl\":5,\"src\":\"a\",\"seq\":2,\"v\":1}";
	static const char held_back[] =
	    "{\"topic\":\"COMMAND/r\",\"t\":1795388400,\"id\":\"y\","
	    "\"ttl\":99999,\"src\":\"a\",\"seq\":1,\"v\":1}";
	struct command_guard *g = open_guard(path);

	expect(g, first, now, COMMAND_FRESH, "");
	expect(g, later, now + 65 * DATE_SECOND, COMMAND_REPEATED, "id");
	expect(g, later, now + 65 * DATE_SECOND + 1, COMMAND_FRESH, "");
	expect(g, later, now + 66 * DATE_SECOND, COMMAND_REPEATED, "id");
	expect(
	    g, held_back, now + 9999LL * DATE_SECOND, COMMAND_REPEATED, "seq");
	command_close(g);
	g = open_guard(path);
	expect(g, later, now + 66 * DATE_SECOND, COMMAND_REPEATED, "id");
	expect(
	    g, held_back, now + 9999LL * DATE_SECOND, COMMAND_REPEATED, "seq");
	command_close(g);
	unlink(path);
}

static void
test_one_process(void)
{
	struct command_guard *g = open_guard(path);

	refuse_open(path, "another process");
	command_close(g);
	command_close(open_guard(path));
	unlink(path);
}

static void
write_file(const char *p, size_t n)
{
	FILE *f = fopen(path, "w");

	check(f != NULL && fwrite(p, 1, n, f) == n && fclose(f) == 0,
	    "%s: not written", path);
}

static size_t
read_file(char *p, size_t room)
{
	FILE *f = fopen(path, "r");
	size_t n = f != NULL ? fread(p, 1, room, f) : 0;

	if (f != NULL)
		fclose(f);
	return n;
}

static void
test_bad_files(void)
{
	char target[64];

	refuse_open("/dev/full", "not a regular file");
	refuse_open("/tmp/no/such/folder/file", "No such file");
	refuse_open(folder, "Is a directory");
	snprintf(target, sizeof target, "%s/target", folder);
	check(symlink(target, path) == 0, "symlink");
	refuse_open(path, "symbolic links");
	unlink(path);
	check(mkfifo(path, 0600) == 0, "mkfifo");
	refuse_open(path, "not a regular file");
	unlink(path);
	write_file("something else\n", 15);
	refuse_open(path, "damaged");
	unlink(path);
}

static void
expect_mode(void)
{
	struct stat st = { 0 };

	check(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600,
	    "%s: mode %o", path, (unsigned)st.st_mode);
}

/*
 * A crash while the third command was written leaves any part of its line:
 * the first two are not executed again, the third one was not.
 */
static void
test_torn(void)
{
	static char all[4096];
	struct command_guard *g = open_guard(path);
	size_t size, before;

	expect_mode();
	expect_number(g, "a", 0, 1, "one", COMMAND_FRESH);
	expect_number(g, "a", 0, 2, "two", COMMAND_FRESH);
	before = read_file(all, sizeof all);
	expect_number(g, "a", 0, 3, "three", COMMAND_FRESH);
	command_close(g);
	size = read_file(all, sizeof all);
	for (size_t n = before; n <= size; n++) {
		write_file(all, n);
		g = open_guard(path);
		expect_number(g, "a", 0, 1, "one", COMMAND_REPEATED);
		expect_number(g, "a", 0, 2, "two", COMMAND_REPEATED);
		expect_number(g, "a", 0, 3, "three",
		    n == size ? COMMAND_REPEATED : COMMAND_FRESH);
		expect_number(g, "a", 0, 3, "three", COMMAND_REPEATED);
		command_close(g);
		g = open_guard(path);
		expect_number(g, "a", 0, 3, "three", COMMAND_REPEATED);
		command_close(g);
	}
	/* the blocks behind the first were not written, only the length was */
	memset(all + before + 5, 0, size - before - 6);
	write_file(all, size);
	g = open_guard(path);
	expect_number(g, "a", 0, 3, "three", COMMAND_FRESH);
	command_close(g);
	for (size_t n = 0; n < 14; n++) {
		write_file(all, n);
		g = open_guard(path);
		expect_number(g, "a", 0, 1, "one", COMMAND_FRESH);
		command_close(g);
	}
	unlink(path);
}

/* Whatever byte of it another one replaces. */
static void
test_damage(void)
{
	static char all[4096];
	struct command_guard *g = open_guard(path);
	size_t size;

	expect_number(g, "a", 0, 1, "one", COMMAND_FRESH);
	expect_number(g, "a", 0, 2, "two", COMMAND_FRESH);
	command_close(g);
	size = read_file(all, sizeof all);
	for (size_t i = 0; i + 1 < size; i++) {
		all[i] ^= 1;
		write_file(all, size);
		refuse_open(path, "damaged");
		all[i] ^= 1;
	}
	unlink(path);
}

/* Killed while it takes commands: what it said it had taken it remembers. */
static void
test_kill(void)
{
	struct command_guard *g;
	char id[16];
	int pipe_end[2], taken = 0, seq;
	pid_t pid;

	check(pipe(pipe_end) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		g = open_guard(path);
		for (seq = 1;; seq++) {
			snprintf(id, sizeof id, "id%d", seq);
			expect_number(g, "a", 0, seq, id, COMMAND_FRESH);
			if (write(pipe_end[1], &seq, sizeof seq) < 0)
				_exit(1);
		}
	}
	close(pipe_end[1]);
	while (taken < 50 && read(pipe_end[0], &seq, sizeof seq) > 0)
		taken++;
	kill(pid, SIGKILL);
	while (read(pipe_end[0], &seq, sizeof seq) == (ssize_t)sizeof seq)
		taken++;
	waitpid(pid, NULL, 0);
	close(pipe_end[0]);
	check(taken >= 50, "%d taken", taken);
	g = open_guard(path);
	for (seq = 1; seq <= taken; seq++) {
		snprintf(id, sizeof id, "id%d", seq);
		expect_number(g, "b", 0, seq, id, COMMAND_REPEATED);
	}
	expect_number(g, "a", 0, taken, "other", COMMAND_REPEATED);
	expect_number(g, "a", 0, taken + 2, "other", COMMAND_FRESH);
	command_close(g);
	unlink(path);
}

/* A full disk, as a limit on the length of files; then room again. */
static void
test_full_disk(void)
{
	struct rlimit was, small;
	struct command_guard *g = open_guard(path);

	expect_number(g, "a", 0, 1, "one", COMMAND_FRESH);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	small = was;
	small.rlim_cur = 80;
	setrlimit(RLIMIT_FSIZE, &small);
	expect_number(g, "a", 0, 2, "two", COMMAND_FULL);
	expect_number(g, "a", 0, 2, "two", COMMAND_FULL);
	expect_number(g, "a", 0, 1, "one", COMMAND_REPEATED);
	setrlimit(RLIMIT_FSIZE, &was);
	expect_number(g, "a", 0, 2, "two", COMMAND_FRESH);
	command_close(g);
	g = open_guard(path);
	expect_number(g, "a", 0, 1, "one", COMMAND_REPEATED);
	expect_number(g, "a", 0, 2, "two", COMMAND_REPEATED);
	command_close(g);
	unlink(path);
}

static enum command_verdict
ask_at(struct command_guard *g, const char *src, int seq, int64_t second)
{
	char line[512];
	const char *why;

	snprintf(line, sizeof line,
	    "{\"topic\":\"COMMAND/r\",\"t\":%lld,\"ttl\":60,\"src\":\"%s\","
	    "\"seq\":%d,\"id\":\"i%lld-%d\",\"v\":1}",
	    (long long)second, src, seq, (long long)second, seq);
	return ask(g, line, second * DATE_SECOND, &why);
}

/* Bounded: ids by their number, sources too, until time has passed. */
static void
test_bounds(void)
{
	struct command_guard *g = open_guard(NULL);
	const int64_t start = 1795388400;
	char src[16];
	int fresh = 0;

	for (int i = 0; i < COMMAND_IDS_MAX; i++)
		fresh += ask_at(g, "a", i, start) == COMMAND_FRESH;
	check(fresh == COMMAND_IDS_MAX, "%d ids", fresh);
	check(ask_at(g, "a", COMMAND_IDS_MAX, start + 120) == COMMAND_FULL,
	    "more ids than there is room for");
	check(ask_at(g, "a", COMMAND_IDS_MAX, start + 121) == COMMAND_FRESH,
	    "room again");
	command_close(g);
	g = open_guard(NULL);
	for (int i = fresh = 0; i < COMMAND_SOURCES_MAX; i++) {
		snprintf(src, sizeof src, "s%d", i);
		fresh += ask_at(g, src, i, start) == COMMAND_FRESH;
	}
	check(fresh == COMMAND_SOURCES_MAX, "%d sources", fresh);
	check(ask_at(g, "t", fresh, start + 120) == COMMAND_FULL,
	    "more sources than there is room for");
	check(ask_at(g, "s0", fresh, start + 120) == COMMAND_FRESH,
	    "a known source");
	check(ask_at(g, "t", fresh, start + 121) == COMMAND_FRESH,
	    "room again for sources");
	check(ask_at(g, "s0", fresh, start + 122) == COMMAND_REPEATED,
	    "a source that is still of interest");
	command_close(g);
}

/* The file does not grow for ever, and a new one forgets nothing it needs. */
static void
test_rewrite(void)
{
	struct command_guard *g = open_guard(path);
	const int64_t start = 1795388400;
	struct stat st;
	off_t most = 0;

	for (int i = 0; i < 6000; i++) {
		int64_t at = start + i / 4;

		if (ask_at(g, "a", i, at) != COMMAND_FRESH)
			check(0, "%d is not fresh", i);
		if (i % 1000 == 999) {
			command_close(g);
			g = open_guard(path);
			check(ask_at(g, "a", i, at) == COMMAND_REPEATED,
			    "%d again", i);
		}
		if (stat(path, &st) == 0 && st.st_size > most)
			most = st.st_size;
	}
	expect_mode();
	check(most < 200000, "%lld bytes", (long long)most);
	refuse_open(path, "another process");
	command_close(g);
	unlink(path);
}

int
main(void)
{
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/commands", folder);
	test_alone();
	test_bad_files();
	test_damage();
	test_memory();
	test_forget();
	test_one_process();
	test_torn();
	test_kill();
	test_full_disk();
	test_bounds();
	test_rewrite();
	check(rmdir(folder) == 0, "%s: not empty", folder);
	return check_done();
}
