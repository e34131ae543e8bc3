#include "trust/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/app.h"
#include "base/die.h"
#include "trust/reason.h"

static int
refuse(const char *path, const char **why, int error, const char *what)
{
	*why = reason("%s: %s", path, what ? what : strerror(error));
	errno = error;
	return -1;
}

/* What is wrong with who can write it, or NULL. */
static const char *
open_to_others(const struct stat *st)
{
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "belongs to another user";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "can be written by others";
	return NULL;
}

static int
read_all(int fd, size_t size, struct buf *out)
{
	while (size > 0) {
		char *room = buf_room(out, size);
		ssize_t n = read(fd, room, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		out->len += (size_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static int
read_checked(
    int fd, const char *path, size_t max, struct buf *out, const char **why)
{
	const char *fault;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return refuse(path, why, errno, NULL);
	if (!S_ISREG(st.st_mode))
		return refuse(path, why, EINVAL, "not a regular file");
	fault = open_to_others(&st);
	if (fault)
		return refuse(path, why, EPERM, fault);
	if ((uintmax_t)st.st_size > max)
		return refuse(path, why, EFBIG, "too large");
	if (read_all(fd, (size_t)st.st_size, out) < 0)
		return refuse(path, why, errno, NULL);
	return 0;
}

int
folder_read(const char *path, size_t max, struct buf *out, const char **why)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int result;

	if (fd < 0)
		return refuse(
		    path, why, errno, errno == ELOOP ? "symbolic link" : NULL);
	result = read_checked(fd, path, max, out, why);
	close(fd);
	return result;
}

int
folder_check(const char *path, const char **why)
{
	const char *fault;
	struct stat st;

	if (stat(path, &st) < 0)
		return refuse(path, why, errno, NULL);
	if (!S_ISDIR(st.st_mode))
		return refuse(path, why, ENOTDIR, NULL);
	fault = open_to_others(&st);
	return fault ? refuse(path, why, EPERM, fault) : 0;
}

static int
make_parents(const char *path, const char **why)
{
	char *copy = xstrdup(path);
	int failed = 0;

	for (char *p = copy + 1; (p = strchr(p, '/')) && !failed; p++) {
		*p = '\0';
		failed = mkdir(copy, 0755) < 0 && errno != EEXIST;
		if (failed)
			refuse(copy, why, errno, NULL);
		*p = '/';
	}
	free(copy);
	return failed ? -1 : 0;
}

/* So that the rename itself survives a crash. */
static int
sync_parent(const char *path)
{
	char *copy = xstrdup(path), *slash = strrchr(copy, '/');
	int fd, failed;

	if (slash)
		slash[slash == copy] = '\0';
	fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	failed = fd < 0 || fsync(fd) < 0;
	if (fd >= 0)
		close(fd);
	free(copy);
	return failed ? -1 : 0;
}

static int
write_new(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int failed;

	if (fd < 0)
		return -1;
	failed =
	    app_write(fd, p, n) < 0 || fchmod(fd, 0644) < 0 || fsync(fd) < 0;
	failed |= close(fd) < 0;
	return failed ? -1 : 0;
}

int
folder_write(const char *path, const void *p, size_t n, const char **why)
{
	char *fresh;
	int error;

	if (make_parents(path, why) < 0)
		return -1;
	if (asprintf(&fresh, "%s.%ld.new", path, (long)getpid()) < 0)
		die(EXIT_BUG, "out of memory");
	unlink(fresh); /* of one before us that did not end well */
	error = write_new(fresh, p, n) < 0 || rename(fresh, path) < 0 ||
		sync_parent(path) < 0
	    ? errno
	    : 0;
	if (error)
		unlink(fresh);
	free(fresh);
	return error ? refuse(path, why, error, NULL) : 0;
}

/* What one walk needs everywhere. */
struct walk {
	const char *root, *suffix;
	struct folder_names *names;
	const char **why;
};

static int walk_directory(const struct walk *w, const char *below);

static void
add_name(struct folder_names *names, const char *p, size_t n)
{
	if ((names->n & (names->n - 1)) == 0)
		names->v = xrealloc(names->v,
		    (names->n ? 2 * names->n : 1) * sizeof(*names->v));
	names->v[names->n++] = xstrndup(p, n);
}

/* below is relative to the root, "" for itself. */
static int
walk_entry(const struct walk *w, const char *below, const char *name)
{
	size_t n, suffix = strlen(w->suffix);
	char path[PATH_MAX];
	const char *relative = path + strlen(w->root) + 1;
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s%s%s", w->root, below,
		*below ? "/" : "", name) >= (int)sizeof(path))
		return refuse(w->root, w->why, ENAMETOOLONG, NULL);
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : refuse(path, w->why, errno, NULL);
	if (S_ISDIR(st.st_mode))
		return walk_directory(w, relative);
	n = strlen(relative);
	if (n > suffix && strcmp(relative + n - suffix, w->suffix) == 0)
		add_name(w->names, relative, n - suffix);
	return 0;
}

static int
walk_directory(const struct walk *w, const char *below)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int result = 0;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s%s%s", w->root, *below ? "/" : "",
		below) >= (int)sizeof(path))
		return refuse(w->root, w->why, ENAMETOOLONG, NULL);
	if (folder_check(path, w->why) < 0)
		return -1;
	dir = opendir(path);
	if (!dir)
		return refuse(path, w->why, errno, NULL);
	while (result == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			result = walk_entry(w, below, entry->d_name);
	closedir(dir);
	return result;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
folder_list(const char *path, const char *suffix, struct folder_names *names,
    const char **why)
{
	struct walk w = { path, suffix, names, why };

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (walk_directory(&w, "") < 0)
		return -1;
	if (names->n > 0)
		qsort(names->v, names->n, sizeof(*names->v), by_name);
	return 0;
}

void
folder_names_fini(struct folder_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct folder_names){ 0 };
}
