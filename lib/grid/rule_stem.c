#include "grid/rule_stem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/die.h"
#include "grid/rule_program.h"
#include "grid/rule_worker.h"

enum {
	CONTROL_FD = 3,
	COMPILE_TIME = 30000, /* ms for one rule */
	WHY_MAX = 1 << 20,
	STACK = 8 << 20 /* the same wherever it runs */
};

/* What the stem says of the rules. */
struct verdict {
	char kind; /* 'c': one more is compiled; 'v': the end */
	char ok;
	uint32_t n; /* bytes of text that follow */
};

/* The answer to a request for a worker. */
struct birth {
	int error, status;
};

static int
write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t done = send(fd, at, n, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

/* 1; 0 at the end, -1 with errno, ETIMEDOUT if it takes more than ms (-1). */
static int
read_all(int fd, void *p, size_t n, int ms)
{
	struct pollfd wait = { fd, POLLIN, 0 };
	char *at = p;

	while (n > 0) {
		int ready = poll(&wait, 1, ms);
		ssize_t got;

		if (ready == 0)
			errno = ETIMEDOUT;
		if (ready == 0 || (ready < 0 && errno != EINTR))
			return -1;
		if (ready < 0)
			continue;
		got = read(fd, at, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return (int)got;
		at += got;
		n -= (size_t)got;
	}
	return 1;
}

/*
 * In the child.
 */

static void
set_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	/* They are for the program; this one goes with it. */
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Nothing of the program's stays open here.  0 or -1. */
static int
set_files(int control)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0)
		return -1;
	for (int fd = 0; fd < CONTROL_FD; fd++)
		if (dup2(null, fd) < 0)
			return -1;
	if (control != CONTROL_FD && dup2(control, CONTROL_FD) < 0)
		return -1;
	return close_range(CONTROL_FD + 1, ~0u, 0);
}

static void
limit(int what, rlim_t most)
{
	struct rlimit r = { most, most }, old;

	if (getrlimit(what, &old) == 0 && old.rlim_max < most)
		r.rlim_cur = r.rlim_max = old.rlim_max;
	setrlimit(what, &r);
}

/* Address space in use, bytes; 0 if unknown. */
static size_t
size_now(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void
set_environment(const struct rule_plan *plan)
{
	clearenv();
	setenv("TZ", plan->zone != NULL ? plan->zone : "UTC0", 1);
	tzset();
}

static void
tell(char kind, char ok, const struct buf *why)
{
	struct verdict v = { .kind = kind, .ok = ok };

	v.n = why == NULL ? 0 : (uint32_t)why->len;
	if (write_all(CONTROL_FD, &v, sizeof v) < 0 ||
	    (v.n > 0 && write_all(CONTROL_FD, why->p, v.n) < 0))
		_exit(RULE_WORKER_ENDED);
}

/* All of them, so that all faults are said.  NULL if there is one. */
static struct rule_program **
compile(const struct rule_plan *plan, struct rule_heap *heap)
{
	struct rule_program **program =
	    xcalloc(plan->rules + 1, sizeof(struct rule_program *));
	struct buf why = { 0 };
	int ok = 1;

	for (size_t k = 0; k < plan->rules; k++) {
		program[k] = rule_program_new(plan, k, heap, &why);
		ok &= program[k] != NULL;
		tell('c', 1, NULL);
	}
	if (why.len > WHY_MAX)
		why.len = WHY_MAX;
	tell('v', (char)ok, &why);
	buf_fini(&why);
	return ok ? program : NULL;
}

/* A request, with the worker's end of its socket; -1 when there is no more. */
static int
next_request(void)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec part = { &byte, 1 };
	struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control };
	struct cmsghdr *c;
	ssize_t got;
	int fd;

	do
		got = recvmsg(CONTROL_FD, &m, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	c = got == 1 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c == NULL || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof fd))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

static int
end_worker(pid_t pid)
{
	int status = 0;

	if (pid <= 0)
		return 0;
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status;
}

static void
be_worker(const struct rule_plan *plan, struct rule_program *const *program,
    struct rule_heap *heap, int fd, pid_t parent)
{
	prctl(PR_SET_NAME, "sg-rule worker");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(RULE_WORKER_ENDED);
	close(CONTROL_FD);
	/* It opens nothing. */
	limit(RLIMIT_NOFILE, 0);
	_exit(rule_worker_serve(fd, program, plan->rules, heap, plan->time));
}

static void
be_stem(const struct rule_plan *plan, int control, pid_t parent)
{
	struct rule_heap *heap;
	struct rule_program **program;
	pid_t worker = 0, self = getpid();
	size_t size = size_now();
	int fd;

	prctl(PR_SET_NAME, "sg-rule stem");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
	    set_files(control) < 0)
		_exit(RULE_WORKER_ENDED);
	set_signals();
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_STACK, STACK);
	limit(RLIMIT_AS, size + plan->memory);
	heap = rule_heap_new(rule_worker_memory);
	set_environment(plan);
	program = compile(plan, heap);
	while (program != NULL && (fd = next_request()) >= 0) {
		struct birth b = { .status = end_worker(worker) };

		worker = fork();
		if (worker == 0)
			be_worker(plan, program, heap, fd, self);
		if (worker < 0)
			b.error = errno;
		close(fd);
		if (write_all(CONTROL_FD, &b, sizeof b) < 0)
			break;
	}
	end_worker(worker);
	_exit(RULE_WORKER_ENDED);
}

/*
 * In the program.
 */

void
rule_stem_close(struct rule_stem *s)
{
	if (s->control >= 0)
		close(s->control);
	if (s->pid > 0) {
		/* Its worker goes with it. */
		kill(s->pid, SIGKILL);
		while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	*s = (struct rule_stem){ 0, -1 };
}

void
rule_stem_why(int status, size_t memory, struct buf *why)
{
	if (WIFEXITED(status) &&
	    (WEXITSTATUS(status) == RULE_WORKER_MEMORY ||
		WEXITSTATUS(status) == EXIT_BUG)) {
		buf_adds(why, "more than ");
		rule_size_add(why, memory);
		buf_adds(why, " of memory");
	} else if (WIFSIGNALED(status)) {
		buf_addf(why, "its process died of signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	} else {
		buf_adds(why, "its process ended");
	}
}

int
rule_stem_stopped(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == RULE_WORKER_STOPPED;
}

/* It has ended while it compiled rule k, or the time is over. */
static void
say_end(struct rule_stem *s, const struct rule_plan *plan, size_t k, int late,
    struct buf *why)
{
	int status = 0;

	if (late)
		kill(s->pid, SIGKILL);
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	s->pid = 0;
	buf_adds(why, k < plan->rules ? plan->rule[k].file : "rules");
	buf_adds(why, ": ");
	if (late)
		buf_adds(why, "takes too long to compile");
	else
		rule_stem_why(status, plan->memory, why);
	buf_addc(why, '\n');
}

/* 0, or -1 with lines in why or errno. */
static int
hear_verdict(struct rule_stem *s, const struct rule_plan *plan, struct buf *why)
{
	struct verdict v;
	size_t k = 0;
	int got;

	while ((got = read_all(s->control, &v, sizeof v, COMPILE_TIME)) > 0 &&
	    v.kind == 'c')
		k++;
	if (got > 0 && v.n <= WHY_MAX) {
		if (v.n > 0)
			got = read_all(
			    s->control, buf_room(why, v.n), v.n, COMPILE_TIME);
		if (got > 0)
			why->len += v.n;
		if (got > 0)
			return v.ok ? 0 : -1;
	}
	say_end(s, plan, k, got < 0 && errno == ETIMEDOUT, why);
	return -1;
}

int
rule_stem_open(
    struct rule_stem *s, const struct rule_plan *plan, struct buf *why)
{
	pid_t parent = getpid();
	int ends[2], error;

	*s = (struct rule_stem){ 0, -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	s->control = ends[0];
	s->pid = fork();
	if (s->pid == 0)
		be_stem(plan, ends[1], parent);
	error = errno;
	close(ends[1]);
	if (s->pid > 0 && hear_verdict(s, plan, why) == 0)
		return 0;
	rule_stem_close(s);
	errno = error;
	return -1;
}

static int
send_request(int control, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} space;
	char byte = 'w';
	struct iovec part = { &byte, 1 };
	struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &space,
		.msg_controllen = sizeof space };
	struct cmsghdr *c;
	ssize_t done;

	memset(&space, 0, sizeof space);
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	do
		done = sendmsg(control, &m, MSG_NOSIGNAL);
	while (done < 0 && errno == EINTR);
	return done == 1 ? 0 : -1;
}

int
rule_stem_worker(struct rule_stem *s, int *fd, int *status)
{
	struct birth b = { 0 };
	int ends[2], got;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	got = send_request(s->control, ends[1]);
	close(ends[1]);
	if (got == 0)
		got = read_all(s->control, &b, sizeof b, COMPILE_TIME);
	if (got == 0)
		errno = EPIPE;
	else if (got > 0)
		errno = b.error;
	*status = b.status;
	*fd = ends[0];
	if (got > 0 && b.error == 0 && fcntl(*fd, F_SETFL, O_NONBLOCK) == 0)
		return 0;
	got = errno;
	close(ends[0]);
	*fd = -1;
	errno = got;
	return -1;
}
