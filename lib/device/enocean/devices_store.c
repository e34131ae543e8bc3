#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "device/enocean/devices_part.h"

enum { CHUNK = 65536, PAUSE = 1000000 /* ns */ };

int
store_read(int fd, struct buf *out)
{
	ssize_t n;

	while ((n = read(fd, buf_room(out, CHUNK), CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		out->len += (size_t)n;
		if (out->len > DEVICES_BYTES_MAX) {
			errno = EFBIG;
			return -1;
		}
	}
	return 0;
}

/* Where the file itself is: a new one takes its place, not a link's. */
static char *
real_path(const struct devices *d, struct buf *why)
{
	char *path = realpath(d->path, NULL);
	struct stat st;

	if (path != NULL)
		return path;
	if (errno == ENOENT && lstat(d->path, &st) < 0 && errno == ENOENT)
		return xstrdup(d->path);
	fault(d, 0, why, "%s",
	    errno == ENOENT ? "a symbolic link to no file" : strerror(errno));
	return NULL;
}

static int
open_file(struct store_file *s)
{
	int fd = open(s->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	fd = open(s->path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	s->created = fd >= 0;
	return fd;
}

/*
 * Lock what is at the path now: while we wait another program may put a new
 * file there.  1, 0 if that is to be tried again, or -1 with errno.
 */
static int
lock_now(struct store_file *s)
{
	struct stat here, there;

	s->fd = open_file(s);
	if (s->fd < 0)
		return errno == EEXIST ? 0 : -1;
	if (fstat(s->fd, &here) < 0)
		return -1;
	if (!S_ISREG(here.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	if (flock(s->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
	return stat(s->path, &there) == 0 && here.st_dev == there.st_dev &&
	    here.st_ino == there.st_ino;
}

static int
lock(struct store_file *s)
{
	const struct timespec pause = { 0, PAUSE };
	int64_t end = date_mono() + STORE_PATIENCE;
	int r;

	while ((r = lock_now(s)) == 0) {
		if (s->fd >= 0)
			close(s->fd);
		s->fd = -1;
		if (date_mono() > end) {
			errno = EWOULDBLOCK;
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return r > 0 ? 0 : -1;
}

static const char *
lock_fault(int error)
{
	if (error == EWOULDBLOCK)
		return "another program holds it";
	if (error == EINVAL)
		return "not a regular file, so nothing can be added";
	return strerror(error);
}

int
store_file_open(struct store_file *s, const struct devices *d, struct buf *why)
{
	*s = (struct store_file){ .fd = -1 };
	buf_add(&s->text, d->text.p, d->text.len);
	if (d->path == NULL)
		return 0;
	s->path = real_path(d, why);
	if (s->path == NULL)
		return -1;
	if (lock(s) < 0)
		fault(d, 0, why, "%s", lock_fault(errno));
	else if (store_read(s->fd, &s->text) < 0)
		fault(d, 0, why, "%s", strerror(errno));
	else
		return 0;
	store_file_close(s);
	return -1;
}

/* Mode and owner of the old file; another's may not become ours. */
static int
as_before(int from, int to)
{
	struct stat old, new;

	if (fstat(from, &old) < 0 || fstat(to, &new) < 0)
		return -1;
	if ((old.st_uid != new.st_uid || old.st_gid != new.st_gid) &&
	    fchown(to, old.st_uid, old.st_gid) < 0)
		return -1;
	return fchmod(to, old.st_mode & 07777);
}

static int
sync_folder(const char *path)
{
	char *folder = xstrdup(path), *slash = strrchr(folder, '/');
	int fd, r;

	if (slash != NULL)
		slash[slash == folder] = '\0';
	fd = open(
	    slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -1 : fsync(fd);
	if (fd >= 0)
		close(fd);
	free(folder);
	return r;
}

static int
write_new(const struct store_file *s, const char *fresh, const struct buf *text)
{
	int fd = open(
	    fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int ok;

	if (fd < 0)
		return -1;
	ok = as_before(s->fd, fd) == 0 &&
	    app_write(fd, text->p, text->len) == 0 && fsync(fd) == 0;
	if (close(fd) < 0)
		ok = 0;
	return ok ? 0 : -1;
}

static int
replace_file(struct store_file *s, const struct devices *d,
    const struct buf *text, struct buf *why)
{
	struct buf fresh = { 0 };
	int r = 0;

	buf_addf(&fresh, "%s.new", s->path);
	if (write_new(s, buf_cstr(&fresh), text) < 0 ||
	    rename(fresh.p, s->path) < 0) {
		r = fault(d, 0, why, "cannot be replaced: %s", strerror(errno));
		unlink(fresh.p);
	} else {
		s->created = 0;
		if (sync_folder(s->path) < 0)
			r = fault(d, 0, why, "its folder: %s", strerror(errno));
	}
	buf_fini(&fresh);
	return r;
}

int
store_file_replace(struct store_file *s, struct devices *d,
    const struct buf *text, struct buf *why)
{
	if (d->path != NULL)
		return replace_file(s, d, text, why);
	buf_clear(&d->text);
	buf_add(&d->text, text->p, text->len);
	return 0;
}

void
store_file_close(struct store_file *s)
{
	if (s->created)
		unlink(s->path);
	if (s->fd >= 0)
		close(s->fd);
	buf_fini(&s->text);
	free(s->path);
	*s = (struct store_file){ .fd = -1 };
}
