#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/app.h"
#include "check.h"

/* 1 if fd can be read without waiting. */
static int
readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void
signals(void)
{
	app_signals();
	check(app_stop() == 0 && app_hup() == 0, "quiet at first");
	check(!readable(app_signal_fd()), "nothing to read at first");
	raise(SIGHUP);
	check(readable(app_signal_fd()), "HUP makes the descriptor readable");
	check(app_stop() == 0, "HUP is no reason to leave");
	check(app_hup() == 1, "HUP is reported");
	check(app_hup() == 0, "HUP is reported once");
	check(!readable(app_signal_fd()), "drained");
	raise(SIGTERM);
	check(app_stop() == SIGTERM, "TERM is reported");
	check(app_stop() == SIGTERM, "TERM stays");
	raise(SIGINT);
	check(app_stop() == SIGINT, "INT is reported");
}

/* A process that runs fn; its wait status. */
static int
child(void (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void
term_twice(void)
{
	app_signals();
	raise(SIGTERM);
	raise(SIGTERM);
}

static void
write_to_nobody(void)
{
	int fd[2];

	signal(SIGPIPE, SIG_IGN);
	app_signals();
	if (pipe(fd) == 0) {
		close(fd[0]);
		app_write(fd[1], "x", 1);
	}
}

static void
endings(void)
{
	int status = child(term_twice);

	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM,
	    "a second TERM ends the process");
	status = child(write_to_nobody);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE,
	    "SIGPIPE acts, though the parent ignored it");
}

static void
writing(void)
{
	enum { SIZE = 300000 };
	static char sent[SIZE], got[SIZE];
	size_t n = 0;
	ssize_t r;
	int fd[2], full = open("/dev/full", O_WRONLY);
	pid_t pid;

	check(app_write(full, "x", 1) < 0 && errno == ENOSPC,
	    "a full disk is an error");
	close(full);
	if (pipe(fd) < 0)
		exit(1);
	memset(sent, 'x', SIZE);
	pid = fork();
	if (pid == 0) {
		close(fd[0]);
		fcntl(fd[1], F_SETFL, O_NONBLOCK);
		_exit(app_write(fd[1], sent, SIZE) < 0);
	}
	close(fd[1]);
	while (n < SIZE && (r = read(fd[0], got + n, SIZE - n)) > 0)
		n += (size_t)r;
	check(n == SIZE && memcmp(sent, got, SIZE) == 0,
	    "all of it goes to a non-blocking pipe");
	close(fd[0]);
	waitpid(pid, NULL, 0);
}

static void
ready(void)
{
	char line[16] = "";
	int fd[2];

	if (pipe(fd) < 0)
		exit(1);
	app_ready(fd[1]);
	check(read(fd[0], line, sizeof line - 1) == 6 &&
		strcmp(line, "ready\n") == 0,
	    "the ready line");
	check(read(fd[0], line, 1) == 0, "and the end of it");
	close(fd[0]);
	app_ready(-1);
}

static const struct {
	const char *runtime, *want;
} brokers[] = {
	{ "/run/user/7", "ipc:///run/user/7/sg/broker" },
	{ "relative", "ipc:///tmp/sg-" },
	{ "", "ipc:///tmp/sg-" },
};

static void
places(const char *dir)
{
	char path[4200], small[8];
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof brokers / sizeof brokers[0]; i++) {
		setenv("XDG_RUNTIME_DIR", brokers[i].runtime, 1);
		check(strstr(app_default_broker(), brokers[i].want) ==
			app_default_broker(),
		    "%s", brokers[i].want);
	}
	setenv("XDG_STATE_HOME", dir, 1);
	check(app_state_dir(path, sizeof path, "a/b") == 0, "state directory");
	check(stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
		(st.st_mode & 0777) == 0700,
	    "is there, mode 0700");
	check(app_state_dir(path, sizeof path, "a/b") == 0, "and once more");
	check(app_state_dir(small, sizeof small, "a") < 0 &&
		errno == ENAMETOOLONG,
	    "no room for the path");
	setenv("SG_SHARE", "/dev", 1);
	check(app_share(path, sizeof path, "null") == 0 &&
		strcmp(path, "/dev/null") == 0,
	    "a file of share/");
	check(
	    app_share(path, sizeof path, "no such file") < 0 && errno == ENOENT,
	    "an absent file of share/");
}

int
main(void)
{
	char dir[] = "/tmp/test_app.XXXXXX", path[64];

	if (mkdtemp(dir) == NULL)
		return 1;
	writing();
	ready();
	endings();
	signals();
	places(dir);
	snprintf(path, sizeof path, "%s/sg/a/b", dir);
	rmdir(path);
	snprintf(path, sizeof path, "%s/sg/a", dir);
	rmdir(path);
	snprintf(path, sizeof path, "%s/sg", dir);
	rmdir(path);
	rmdir(dir);
	return check_done();
}
