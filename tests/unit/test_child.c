/* Programs that we start. */
#include "base/child.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

enum { WAIT = 10000 };

/* All that it writes until it closes. */
static void
drain(int fd, char *text, size_t size)
{
	struct pollfd p = { fd, POLLIN, 0 };
	size_t n = 0;
	ssize_t got;

	while (n + 1 < size && poll(&p, 1, WAIT) == 1 &&
	    (got = read(fd, text + n, size - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
}

static void
test_pipes(void)
{
	static const char *const argv[] = { "/bin/sh", "-c",
		"read x; echo out $x; echo said >&3; echo bad >&2; exit 7",
		NULL };
	char log[] = "/tmp/sg-child.XXXXXX", text[64];
	int fd = mkstemp(log);
	struct child c;

	check(child_start(&c, argv, CHILD_IN | CHILD_OUT | CHILD_SAY, log) == 0,
	    "starts");
	check(!child_ended(&c), "waits for input");
	check(write(c.in, "word\n", 5) == 5, "takes input");
	drain(c.out, text, sizeof text);
	check(strcmp(text, "out word\n") == 0, "writes: %s", text);
	drain(c.say, text, sizeof text);
	check(strcmp(text, "said\n") == 0, "says: %s", text);
	child_wait(&c);
	check(c.status == 7, "its status: %d", c.status);
	check(child_ended(&c), "has ended");
	child_close(&c);
	check(read(fd, text, sizeof text) == 4 && memcmp(text, "bad\n", 4) == 0,
	    "its messages are in the log");
	close(fd);
	unlink(log);
}

static void
test_ends(void)
{
	static const char *const waits[] = { "/bin/cat", NULL };
	static const char *const absent[] = { "/nonexistent/program", NULL };
	static const char *const closed[] = { "/bin/sh", "-c",
		"[ -z \"$(cat)\" ] && ! echo x 2>/dev/null >&3", NULL };
	struct child c;

	check(child_start(&c, waits, CHILD_IN, NULL) == 0, "starts");
	kill(c.pid, SIGTERM);
	child_wait(&c);
	check(c.status == 128 + SIGTERM, "ended by a signal: %d", c.status);
	child_close(&c);
	check(child_start(&c, waits, CHILD_IN, NULL) == 0, "starts");
	child_close(&c);
	check(c.pid == 0 && c.in == -1, "is ended by closing");
	check(child_start(&c, absent, 0, NULL) == 0, "forks");
	child_wait(&c);
	check(c.status == 127, "no such program: %d", c.status);
	child_close(&c);
	check(child_start(&c, closed, 0, NULL) == 0, "starts");
	child_wait(&c);
	check(c.status == 0, "no input, no third descriptor: %d", c.status);
	child_close(&c);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_pipes();
	test_ends();
	return check_done();
}
