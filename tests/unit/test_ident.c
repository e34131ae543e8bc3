#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "event/ident.h"

static char top[64] = "/tmp/sg-test-ident-XXXXXX";

static void
path(char *out, size_t n, const char *name)
{
	snprintf(out, n, "%s/%s", top, name);
}

static void
test_clean_end(void)
{
	struct ident id;
	char dir[128];
	struct stat st;
	int64_t ep;

	path(dir, sizeof dir, "a/b/state");
	check(ident_open(&id, dir, "meter/1") == 0, "first open");
	check(stat(dir, &st) == 0 && (st.st_mode & 0777) == 0700,
	    "folder is private");
	ep = id.ep;
	check(ep >= 1, "epochs begin at 1 or later");
	check(ident_next(&id) == 1 && ident_next(&id) == 2, "counts from 1");
	check(ident_close(&id) == 0 && ident_close(&id) == 0, "close twice");
	check(ident_open(&id, dir, "meter/1") == 0 && id.ep == ep &&
		ident_next(&id) == 3,
	    "a clean end is continued");
	check(ident_close(&id) == 0, "close");
	check(ident_open(&id, dir, "meter/2") == 0 && ident_next(&id) == 1,
	    "another source has its own counter");
	check(ident_close(&id) == 0, "close");
}

static void
test_two_at_once(void)
{
	struct ident a, b, c;
	char dir[128];
	int64_t last;

	path(dir, sizeof dir, "two");
	check(ident_open(&a, dir, "x") == 0 && ident_open(&b, dir, "x") == 0 &&
		a.ep < b.ep,
	    "the second gets a new epoch");
	ident_next(&a);
	ident_next(&b);
	ident_next(&b);
	check(ident_close(&a) == 0, "the first closes");
	check(ident_open(&c, dir, "x") == 0 && c.ep > b.ep,
	    "the second still runs: a new epoch for the third");
	last = c.ep;
	check(ident_close(&b) == 0 && ident_close(&c) == 0, "close");
	check(ident_open(&a, dir, "x") == 0 && a.ep == last,
	    "the last epoch is continued");
	ident_close(&a);
}

/* Open in a child, use three numbers, and end as told. */
static void
use(const char *dir, int to, int kill_it)
{
	struct ident id;
	int64_t given[2];

	if (ident_open(&id, dir, "crowd") < 0)
		_exit(1);
	for (int i = 0; i < 3; i++) {
		given[0] = id.ep;
		given[1] = ident_next(&id);
		if (write(to, given, sizeof given) != sizeof given)
			_exit(1);
	}
	if (kill_it)
		raise(SIGKILL);
	_exit(ident_close(&id) < 0);
}

static void
test_crash(void)
{
	struct ident id;
	char dir[128];
	int status, p[2];
	int64_t given[2] = { 0, 0 };

	path(dir, sizeof dir, "crash");
	if (pipe(p) < 0)
		return;
	if (fork() == 0)
		use(dir, p[1], 1);
	check(wait(&status) > 0 && WIFSIGNALED(status), "killed");
	check(read(p[0], given, sizeof given) == sizeof given, "child ran");
	check(ident_open(&id, dir, "crowd") == 0 && id.ep > given[0] &&
		id.seq == 0,
	    "a crash ends the epoch");
	ident_close(&id);
	close(p[0]);
	close(p[1]);
}

static int
by_value(const void *a, const void *b)
{
	return memcmp(a, b, 2 * sizeof(int64_t));
}

/* A hundred at once, some killed, some clean: no number twice. */
static void
test_crowd(void)
{
	enum { N = 100 };
	static int64_t given[3 * N][2];
	char dir[128];
	int p[2], status, bad = 0, twice = 0;
	size_t have = 0;

	path(dir, sizeof dir, "crowd");
	if (pipe(p) < 0)
		return;
	for (int i = 0; i < N; i++)
		if (fork() == 0)
			use(dir, p[1], i % 3 == 0);
	for (int i = 0; i < N; i++)
		if (wait(&status) > 0 && WIFEXITED(status))
			bad |= WEXITSTATUS(status);
	close(p[1]);
	while (have < 3 * N &&
	    read(p[0], given[have], sizeof given[have]) == sizeof given[have])
		have++;
	close(p[0]);
	check(!bad && have == 3 * N, "each process got its numbers");
	qsort(given, have, sizeof given[0], by_value);
	for (size_t i = 1; i < have; i++)
		twice |= by_value(given[i - 1], given[i]) == 0;
	check(!twice, "a number was given twice");
}

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	if (f != NULL) {
		fputs(text, f);
		fclose(f);
	}
}

static void
test_refusals(void)
{
	static const char *const damaged[] = { "", "5", "5 ", "5 \n", "x 1\n",
		"0 1\n", "-1 1\n", "5 1", "5 01\n", "5 -1\n",
		"9223372036854775807 1\n" };
	struct ident id, next;
	char dir[128], file[160], longest[600];

	path(dir, sizeof dir, "damaged");
	mkdir(dir, 0700);
	snprintf(file, sizeof file, "%s/x%%2Fy", dir);
	for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
		write_file(file, damaged[i]);
		check(ident_open(&id, dir, "x/y") < 0 && errno == EBADMSG,
		    "a damaged file is no fresh start");
	}
	write_file(file, "99999999999 7\n");
	check(ident_open(&id, dir, "x/y") == 0 && id.ep == 99999999999 &&
		ident_next(&id) == 8,
	    "the file is what it says");
	check(ident_open(&next, dir, "x/y") == 0 && next.ep == 100000000000,
	    "one more than an epoch ahead of the clock");
	check(ident_close(&id) == 0 && ident_close(&next) == 0, "close");
	check(ident_open(&id, dir, "") < 0, "no name");
	check(ident_open(&id, "/proc/nowhere", "x") < 0, "no folder");
	memset(longest, '/', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	check(ident_open(&id, dir, longest) == 0, "a very long name");
	ident_close(&id);
	check(ident_open(&id, dir, "..") == 0, "dots are only a name");
	ident_close(&id);
}

int
main(void)
{
	char command[96];

	if (mkdtemp(top) == NULL)
		return 1;
	test_clean_end();
	test_two_at_once();
	test_crash();
	test_crowd();
	test_refusals();
	snprintf(command, sizeof command, "rm -rf %s", top);
	check(system(command) == 0, "clean up");
	return check_done();
}
