#include "bus/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/app.h"
#include "base/buf.h"
#include "base/die.h"
#include "base/num.h"
#include "event/json.h"

enum { SIDE_MAX = 65536 };

static int
open_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? xstrdup(".")
				  : xstrndup(path, (size_t)(slash - path) + 1);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	free(dir);
	return fd;
}

/* The content of FILE.sg-cursor: 1, 0 if there is none, -1. */
static int
read_side(const struct sink *s, struct buf *b)
{
	int fd = open(s->side, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	do {
		n = read(fd, buf_room(b, SIDE_MAX), SIDE_MAX);
		if (n > 0)
			b->len += (size_t)n;
	} while (n > 0 && b->len < SIDE_MAX);
	close(fd);
	return n < 0 ? -1 : 1;
}

/* One of [["FROM","CHAN",N],…], both in 16 hex digits: 0 or -1. */
static int
parse_entry(const struct json_value *v, struct seen_entry *e)
{
	struct json_value name, part[3];
	struct json_walk w;
	int64_t number;
	size_t n = 0;

	if (v->kind != JSON_ARRAY)
		return -1;
	json_walk(&w, v);
	while (n < 3 && json_next(&w, &name, &part[n]) > 0)
		n++;
	if (n < 3 || wire_chan_parse(&e->from, &part[0]) != 0 ||
	    wire_chan_parse(&e->chan, &part[1]) != 0 ||
	    part[2].kind != JSON_NUMBER ||
	    num_uint(part[2].p, part[2].n, &number) != 0)
		return -1;
	e->number = (uint64_t)number;
	return 0;
}

static int
parse_seen(struct sink *s, const struct json_value *v)
{
	struct json_value name, each;
	struct json_walk w;

	s->nseen = 0;
	if (v->kind != JSON_ARRAY)
		return -1;
	json_walk(&w, v);
	while (s->nseen < SINK_SEEN && json_next(&w, &name, &each) > 0)
		if (parse_entry(&each, &s->seen[s->nseen++]) != 0)
			return -1;
	return 0;
}

static void
add_seen(struct sink *s, struct buf *b)
{
	buf_adds(b, ",\"seen\":[");
	for (size_t i = 0; i < s->nseen; i++)
		buf_addf(b, "%s[\"%016llx\",\"%016llx\",%llu]", i ? "," : "",
		    (unsigned long long)s->seen[i].from,
		    (unsigned long long)s->seen[i].chan,
		    (unsigned long long)s->seen[i].number);
	buf_addc(b, ']');
}

static int
parse_side(struct sink *s, const struct buf *b, struct wire_cursor *cursor,
    int64_t *length, const char **why)
{
	struct json_value side, v;

	*why = "its .sg-cursor file is damaged";
	if (json_check(b->p, b->len, why) != JSON_OBJECT)
		return -1;
	side = json_value(b->p, b->len);
	*why = "its .sg-cursor file is damaged";
	if (!json_get(&side, "cursor", &v) || wire_cursor_parse(cursor, &v) < 0)
		return -1;
	if (!json_get(&side, "length", &v) || v.kind != JSON_NUMBER ||
	    num_uint(v.p, v.n, length) < 0)
		return -1;
	if (json_get(&side, "seen", &v) && parse_seen(s, &v) < 0)
		return -1;
	*why = "it belongs to another cursor";
	if (!json_get(&side, "name", &v) || v.kind != JSON_STRING ||
	    !json_equal(&v, s->name))
		return -1;
	return 0;
}

static int
write_through(const char *path, const struct buf *b)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int error = 0;

	if (fd < 0)
		return -1;
	if (app_write(fd, b->p, b->len) != 0 || fsync(fd) != 0)
		error = errno;
	if (close(fd) != 0 && error == 0)
		error = errno;
	errno = error;
	return error ? -1 : 0;
}

/*
 * Only the rename changes what the next start believes, and by then FILE is
 * on the disk up to the length it tells.
 */
static int
replace_side(struct sink *s, const struct wire_cursor *cursor)
{
	struct buf b = { 0 }, temporary = { 0 };
	struct stat st;
	int result = -1;

	if (fstat(s->fd, &st) != 0)
		return -1;
	s->length = st.st_size;
	buf_adds(&b, "{\"name\":");
	json_add_string(&b, s->name, strlen(s->name));
	buf_adds(&b, ",\"length\":");
	buf_addi(&b, s->length);
	buf_adds(&b, ",\"cursor\":");
	wire_cursor_add(&b, cursor);
	if (s->nseen > 0)
		add_seen(s, &b);
	buf_adds(&b, "}\n");
	buf_addf(&temporary, "%s.new", s->side);
	if (write_through(buf_cstr(&temporary), &b) == 0 &&
	    rename(buf_cstr(&temporary), s->side) == 0 && fsync(s->dir) == 0)
		result = 0;
	buf_fini(&b);
	buf_fini(&temporary);
	return result;
}

/* What the files say: 1 bound, 0 not yet, -1. */
static int
recover(struct sink *s, struct wire_cursor *cursor, const char **why)
{
	struct buf b = { 0 };
	int64_t length = 0;
	int got = read_side(s, &b);

	*why = "cannot read its .sg-cursor file";
	if (got > 0 && parse_side(s, &b, cursor, &length, why) < 0) {
		errno = EINVAL;
		got = -1;
	}
	buf_fini(&b);
	if (got <= 0)
		return got;
	if (s->length == 0)
		return replace_side(s, cursor) == 0 ? 1 : -1;
	if (s->length < length) {
		*why = "it is shorter than what was committed";
		errno = EINVAL;
		return -1;
	}
	*why = "cannot cut it to its committed length";
	if (ftruncate(s->fd, length) != 0)
		return -1;
	s->length = length;
	return 1;
}

static int
bind_side(struct sink *s, const char *path, struct wire_cursor *cursor,
    const char **why)
{
	struct buf side = { 0 };
	struct stat st;

	*why = "in use by another process";
	if (flock(s->fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			errno = EBUSY;
		return -1;
	}
	*why = "cannot open its folder";
	if (fstat(s->fd, &st) != 0)
		return -1;
	s->length = st.st_size;
	if ((s->dir = open_dir(path)) < 0)
		return -1;
	buf_addf(&side, "%s.sg-cursor", path);
	s->side = xstrdup(buf_cstr(&side));
	buf_fini(&side);
	return recover(s, cursor, why);
}

int
sink_open(struct sink *s, const char *path, const char *name,
    struct wire_cursor *cursor, const char **why)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
	struct stat st;
	int bound = 0, error;

	*s = (struct sink){ .fd = -1, .dir = -1, .name = name };
	*why = "cannot open it";
	s->fd = open(path, flags, 0666);
	if (s->fd < 0 || fstat(s->fd, &st) != 0)
		goto fail;
	s->length = st.st_size;
	if (name == NULL)
		return 0;
	if (!S_ISREG(st.st_mode)) {
		*why = "no regular file";
		errno = EINVAL;
		goto fail;
	}
	if ((bound = bind_side(s, path, cursor, why)) < 0)
		goto fail;
	return bound;
fail:
	error = errno;
	sink_close(s);
	errno = error;
	return -1;
}

int
sink_write(struct sink *s, const void *p, size_t n)
{
	if (app_write(s->fd, p, n) != 0)
		return -1;
	s->length += (int64_t)n;
	s->pending += (int64_t)n;
	return 0;
}

int
sink_commit(
    struct sink *s, const struct wire_cursor *cursor, const struct seen *seen)
{
	if (s->side == NULL)
		return 0;
	if (s->pending > 0 && fdatasync(s->fd) != 0)
		return -1;
	s->nseen = seen != NULL ? seen_export(seen, s->seen, SINK_SEEN) : 0;
	if (replace_side(s, cursor) != 0)
		return -1;
	s->pending = 0;
	return 0;
}

int
sink_close(struct sink *s)
{
	int result = s->fd >= 0 ? close(s->fd) : 0;

	if (s->dir >= 0)
		close(s->dir);
	free(s->side);
	*s = (struct sink){ .fd = -1, .dir = -1 };
	return result;
}
