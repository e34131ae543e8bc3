#include "event/ident.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "base/num.h"

/*
 * The file holds the highest epoch ever given and, after a clean end, the
 * counter.  Who finds no counter there cannot know whether its last owner
 * crashed or still runs, and takes a new epoch in both cases.  The folder
 * is locked only while a file is read and replaced.
 */
enum { NAME_BYTES_MAX = 200, FILE_BYTES_MAX = 128 };

static const int64_t number_max = INT64_MAX / 2;

struct record {
	int64_t ep;
	int64_t seq; /* -1: in use or lost */
};

static int
make_folder(const char *dir)
{
	char *path = xstrdup(dir), *slash = path;
	int r;

	while ((slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
	r = mkdir(path, 0700);
	free(path);
	return r < 0 && errno != EEXIST ? -1 : 0;
}

static uint64_t
hash(const char *s)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

/*
 * A file name for src: what is not plain is written as %XX.  Should two very
 * long names meet in one, they share a counter, which harms neither.
 */
static void
file_name(struct buf *b, const char *src)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789_:@-";

	for (const char *s = src; *s != '\0'; s++)
		if (strchr(plain, *s) != NULL || (*s == '.' && s > src))
			buf_addc(b, *s);
		else
			buf_addf(b, "%%%02X", (unsigned char)*s);
	if (b->len > NAME_BYTES_MAX) {
		b->len = NAME_BYTES_MAX - 20;
		buf_addf(b, "%%%016" PRIx64, hash(src));
	}
}

static int
parse(const char *p, size_t n, struct record *r)
{
	const char *space = memchr(p, ' ', n);
	size_t left;

	if (space == NULL || n < 3 || p[n - 1] != '\n' ||
	    num_uint(p, (size_t)(space - p), &r->ep) < 0 || r->ep < 1 ||
	    r->ep > number_max)
		return -1;
	left = n - 2 - (size_t)(space - p);
	r->seq = -1;
	if (left == 1 && space[1] == '-')
		return 0;
	return num_uint(space + 1, left, &r->seq) < 0 || r->seq > number_max
	    ? -1
	    : 0;
}

/* 1, 0 if there is no such file yet, -1. */
static int
load(int dir, const char *name, struct record *r)
{
	char text[FILE_BYTES_MAX];
	ssize_t n;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	n = read(fd, text, sizeof text);
	close(fd);
	if (n < 0)
		return -1;
	if (parse(text, (size_t)n, r) < 0) {
		errno = EBADMSG;
		return -1;
	}
	return 1;
}

/* Replace the file, on disk before this returns. */
static int
store(int dir, const char *name, const struct record *r)
{
	char text[FILE_BYTES_MAX];
	struct buf temp = { 0 };
	int n, fd, ok;

	n = r->seq < 0 ? snprintf(text, sizeof text, "%" PRId64 " -\n", r->ep)
		       : snprintf(text, sizeof text,
			     "%" PRId64 " %" PRId64 "\n", r->ep, r->seq);
	buf_addf(&temp, "%s.new", name);
	fd = openat(dir, buf_cstr(&temp),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ok = fd >= 0 && write(fd, text, (size_t)n) == n && fsync(fd) == 0;
	if (fd >= 0 && close(fd) < 0)
		ok = 0;
	ok = ok && renameat(dir, temp.p, dir, name) == 0 && fsync(dir) == 0;
	buf_fini(&temp);
	return ok ? 0 : -1;
}

static int
lock(int dir, int how)
{
	int r;

	do
		r = flock(dir, how);
	while (r < 0 && errno == EINTR);
	return r;
}

/*
 * An epoch is the second it begins in, or one more than the last if that is
 * higher, so that even a lost folder does not bring an old one back.
 */
static int
begin(struct ident *id)
{
	struct record r;
	int64_t now = date_now() / DATE_SECOND;
	int found = load(id->fd, id->path, &r);

	if (found < 0)
		return -1;
	if (found == 0)
		r = (struct record){ .ep = 0, .seq = -1 };
	if (r.seq < 0) {
		r.ep = r.ep < now ? now : r.ep + 1;
		r.seq = 0;
	}
	id->ep = r.ep < 1 ? 1 : r.ep;
	id->seq = r.seq;
	return store(
	    id->fd, id->path, &(struct record){ .ep = id->ep, .seq = -1 });
}

static void
fini(struct ident *id)
{
	int saved = errno;

	if (id->fd >= 0)
		close(id->fd);
	free(id->path);
	*id = (struct ident){ .fd = -1 };
	errno = saved;
}

int
ident_open(struct ident *id, const char *dir, const char *src)
{
	struct buf name = { 0 };

	*id = (struct ident){ .fd = -1 };
	if (*src == '\0') {
		errno = EINVAL;
		return -1;
	}
	if (make_folder(dir) == 0)
		id->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (id->fd < 0)
		return -1;
	file_name(&name, src);
	id->path = xstrdup(buf_cstr(&name));
	buf_fini(&name);
	if (lock(id->fd, LOCK_EX) < 0 || begin(id) < 0) {
		fini(id);
		return -1;
	}
	return lock(id->fd, LOCK_UN);
}

/* A later epoch in the file is another process's, and stays. */
int
ident_close(struct ident *id)
{
	struct record r = { 0 };
	int status = -1;

	if (id->fd < 0)
		return 0;
	if (lock(id->fd, LOCK_EX) == 0)
		status = load(id->fd, id->path, &r);
	if (status == 1 && r.ep == id->ep) {
		r.seq = id->seq;
		status = store(id->fd, id->path, &r);
	}
	fini(id);
	return status < 0 ? -1 : 0;
}
