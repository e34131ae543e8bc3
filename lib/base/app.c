#include "base/app.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

enum { PIPE_SIZE = 1 << 20 };

static volatile sig_atomic_t stop_signal, hup, pending;
static int signal_fd = -1;

void
app_streams(void)
{
	/* open() takes the lowest number that is free. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null",
			    fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static void
on_signal(int number)
{
	const uint64_t one = 1;
	int saved = errno;
	ssize_t wrote;

	if (number == SIGHUP)
		hup = 1;
	else
		stop_signal = number;
	pending = 1;
	wrote = write(signal_fd, &one, sizeof one);
	(void)wrote;
	errno = saved;
}

void
app_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct sigaction plain = { .sa_handler = SIG_DFL };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	if (signal_fd < 0)
		signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigaction(SIGHUP, &action, NULL);
	/* Who asks twice does not want to wait for a slow ending. */
	action.sa_flags = (int)SA_RESETHAND;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	/* A parent may have left it ignored. */
	sigaction(SIGPIPE, &plain, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
}

/* Signals after this set pending again, so none is lost. */
static void
drain(void)
{
	uint64_t count;
	ssize_t got;

	if (!pending)
		return;
	pending = 0;
	got = read(signal_fd, &count, sizeof count);
	(void)got;
}

int
app_stop(void)
{
	drain();
	return stop_signal;
}

int
app_hup(void)
{
	drain();
	if (!hup)
		return 0;
	hup = 0;
	return 1;
}

int
app_signal_fd(void)
{
	return signal_fd;
}

int
app_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

int64_t
app_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur < INT64_MAX ? (int64_t)limit.rlim_cur : INT64_MAX;
}

void
app_ready(int fd)
{
	if (fd < 0)
		return;
	app_write(fd, "ready\n", 6);
	close(fd);
}

int
app_write(int fd, const void *p, size_t n)
{
	const char *next = p;
	struct pollfd wait = { .fd = fd, .events = POLLOUT };

	while (n > 0) {
		ssize_t wrote = write(fd, next, n);

		if (wrote >= 0) {
			next += wrote;
			n -= (size_t)wrote;
		} else if (errno == EAGAIN) {
			poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

void
app_pipe_size(int fd)
{
	fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
}

const char *
app_default_broker(void)
{
	static struct buf url;
	const char *dir = getenv("XDG_RUNTIME_DIR");

	buf_clear(&url);
	if (dir != NULL && dir[0] == '/')
		buf_addf(&url, "ipc://%s/sg/broker", dir);
	else
		buf_addf(&url, "ipc:///tmp/sg-%u/broker", (unsigned)getuid());
	return buf_cstr(&url);
}

/* Create path and its parents; path is put back as it was. */
static int
make_dirs(char *path)
{
	char *slash = path;

	while ((slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

int
app_state_dir(char *out, size_t n, const char *name)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int len;

	if (state != NULL && state[0] == '/')
		len = snprintf(out, n, "%s/sg/%s", state, name);
	else if (home != NULL && home[0] == '/')
		len = snprintf(out, n, "%s/.local/state/sg/%s", home, name);
	else
		len = snprintf(out, n, "/var/lib/sg/%s", name);
	if (len < 0 || (size_t)len >= n) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return make_dirs(out);
}

/* The directory of the running program, without a last slash. */
static int
program_dir(char *out, size_t n)
{
	ssize_t len = readlink("/proc/self/exe", out, n - 1);
	char *slash;

	if (len < 0)
		return -1;
	out[len] = '\0';
	slash = strrchr(out, '/');
	if (slash == NULL)
		return -1;
	*slash = '\0';
	return 0;
}

static int
try_share(
    char *out, size_t n, const char *dir, const char *below, const char *name)
{
	int len = snprintf(out, n, "%s%s/%s", dir, below, name);

	return len >= 0 && (size_t)len < n && access(out, R_OK) == 0;
}

int
app_share(char *out, size_t n, const char *name)
{
	const char *chosen = getenv("SG_SHARE");
	char dir[4096];

	if (chosen != NULL && *chosen != '\0')
		return try_share(out, n, chosen, "", name) ? 0 : -1;
	if (program_dir(dir, sizeof dir) == 0 &&
	    (try_share(out, n, dir, "/../share/sg", name) ||
		try_share(out, n, dir, "/../share", name)))
		return 0;
	return try_share(out, n, SG_SHARE, "", name) ? 0 : -1;
}
