#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CANNOT_RUN = 127 };

void
child_init(struct child *c)
{
	*c = (struct child){ .in = -1, .out = -1, .say = -1 };
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The child's ends. */
struct ends {
	int in, out, err, say;
};

static void
close_ends(struct ends *e)
{
	close_fd(&e->in);
	close_fd(&e->out);
	close_fd(&e->err);
	close_fd(&e->say);
}

/* A pipe whose ours is non-blocking; writing: we write.  0 or -1. */
static int
make_pipe(int *ours, int *theirs, int writing)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	*ours = fds[writing != 0];
	*theirs = fds[writing == 0];
	return fcntl(*ours, F_SETFL, O_NONBLOCK);
}

static int
open_ends(struct child *c, struct ends *e, int pipes, const char *log)
{
	if (pipes & CHILD_IN
		? make_pipe(&c->in, &e->in, 1) < 0
		: (e->in = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		return -1;
	if (pipes & CHILD_OUT
		? make_pipe(&c->out, &e->out, 0) < 0
		: (e->out = open("/dev/null", O_WRONLY | O_CLOEXEC)) < 0)
		return -1;
	if (pipes & CHILD_SAY && make_pipe(&c->say, &e->say, 0) < 0)
		return -1;
	e->err = log == NULL
	    ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
	    : open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	return e->err < 0 ? -1 : 0;
}

/* To its place, to stay open. */
static int
place(int fd, int at)
{
	return fd == at ? fcntl(fd, F_SETFD, 0) : dup2(fd, at);
}

/* In the child, where only what is safe in signal handlers may be called. */
static void
become(const char *const *argv, const struct ends *e, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
	    place(e->in, STDIN_FILENO) >= 0 &&
	    place(e->out, STDOUT_FILENO) >= 0 &&
	    place(e->err, STDERR_FILENO) >= 0 &&
	    (e->say < 0 || place(e->say, CHILD_SAY_FD) >= 0) &&
	    sigprocmask(SIG_SETMASK, &none, NULL) == 0)
		execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(CANNOT_RUN);
}

int
child_start(
    struct child *c, const char *const *argv, int pipes, const char *log)
{
	struct ends e = { -1, -1, -1, -1 };
	pid_t parent = getpid();
	int error;

	child_init(c);
	if (open_ends(c, &e, pipes, log) == 0) {
		c->pid = fork();
		if (c->pid == 0)
			become(argv, &e, parent);
	} else {
		c->pid = -1;
	}
	error = errno;
	close_ends(&e);
	if (c->pid > 0)
		return 0;
	c->pid = 0;
	child_close(c);
	errno = error;
	return -1;
}

static int
reap(struct child *c, int how)
{
	int status;
	pid_t got;

	if (c->pid == 0)
		return 1;
	do
		got = waitpid(c->pid, &status, how);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return 0;
	c->pid = 0;
	c->status = got < 0	  ? -1
	    : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				  : WEXITSTATUS(status);
	return 1;
}

int
child_ended(struct child *c)
{
	return reap(c, WNOHANG);
}

void
child_wait(struct child *c)
{
	reap(c, 0);
}

void
child_close(struct child *c)
{
	if (c->pid > 0)
		kill(c->pid, SIGKILL);
	child_wait(c);
	close_fd(&c->in);
	close_fd(&c->out);
	close_fd(&c->say);
}
