#include "bus/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/app.h"
#include "base/buf.h"
#include "base/die.h"

extern char **environ;

void
job_init(struct job *j)
{
	*j = (struct job){ .fd = -1, .pidfd = -1 };
}

static int
open_nameless(void)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];
	int fd;

	if (dir == NULL || *dir == '\0')
		dir = "/tmp";
	if (snprintf(path, sizeof(path), "%s/sg-job.XXXXXX", dir) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int
job_write(struct job *j, const void *p, size_t n)
{
	if (j->fd < 0 && (j->fd = open_nameless()) < 0)
		return -1;
	if (app_write(j->fd, p, n) != 0)
		return -1;
	j->bytes += (int64_t)n;
	return 0;
}

/* "NAME={"A.7":12}", freed by the caller. */
static char *
position(const char *name, const struct wire_cursor *cursor)
{
	struct buf b = { 0 };
	char *s;

	buf_adds(&b, name);
	wire_cursor_add(&b, cursor);
	s = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return s;
}

/* Our environment with two more entries; the array is freed by the caller. */
static char **
environment(char *from, char *to)
{
	size_t n = 0, kept = 0;
	char **env;

	while (environ[n] != NULL)
		n++;
	env = xcalloc(n + 3, sizeof(*env));
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "SG_FROM=", 8) != 0 &&
		    strncmp(environ[i], "SG_TO=", 6) != 0)
			env[kept++] = environ[i];
	env[kept++] = from;
	env[kept] = to;
	return env;
}

/* As a program expects to start: no signal ignored or blocked. */
static int
set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, defaults;
	int error;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGXFSZ);
	sigaddset(&defaults, SIGPIPE);
	if ((error = posix_spawnattr_init(attr)) != 0)
		return error;
	if ((error = posix_spawnattr_setflags(attr,
		 POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
		     POSIX_SPAWN_SETSIGDEF)) != 0 ||
	    (error = posix_spawnattr_setpgroup(attr, 0)) != 0 ||
	    (error = posix_spawnattr_setsigmask(attr, &none)) != 0 ||
	    (error = posix_spawnattr_setsigdefault(attr, &defaults)) != 0)
		posix_spawnattr_destroy(attr);
	return error;
}

static int
spawn(struct job *j, const char *command, char **env)
{
	char sh[] = "sh", c[] = "-c", *text = xstrdup(command);
	char *const argv[] = { sh, c, text, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int error = set_attributes(&attr);

	if (error == 0) {
		error = posix_spawn_file_actions_init(&actions);
		if (error == 0) {
			error = posix_spawn_file_actions_adddup2(
			    &actions, j->fd, STDIN_FILENO);
			if (error == 0)
				error = posix_spawn(&j->pid, "/bin/sh",
				    &actions, &attr, argv, env);
			posix_spawn_file_actions_destroy(&actions);
		}
		posix_spawnattr_destroy(&attr);
	}
	free(text);
	return error;
}

int
job_start(struct job *j, const char *command, const struct wire_cursor *from,
    const struct wire_cursor *to)
{
	char *from_text = position("SG_FROM=", from);
	char *to_text = position("SG_TO=", to);
	char **env = environment(from_text, to_text);
	int error = 0;

	if (lseek(j->fd, 0, SEEK_SET) != 0)
		error = errno;
	else if ((error = spawn(j, command, env)) != 0)
		j->pid = 0;
	free(env);
	free(from_text);
	free(to_text);
	if (error == 0)
		j->pidfd = (int)syscall(SYS_pidfd_open, j->pid, 0);
	errno = error;
	return error ? -1 : 0;
}

void
job_signal(const struct job *j, int number)
{
	if (j->pid > 0)
		kill(-j->pid, number);
}

int
job_end(struct job *j)
{
	int status, got;

	do
		got = waitpid(j->pid, &status, 0);
	while (got < 0 && errno == EINTR);
	j->pid = 0;
	job_fini(j);
	if (got < 0)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

void
job_fini(struct job *j)
{
	if (j->fd >= 0)
		close(j->fd);
	if (j->pidfd >= 0)
		close(j->pidfd);
	job_init(j);
}
