#include "event/line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/die.h"
#include "event/event.h"

enum { READ_SIZE = 256 * 1024, WRITE_SIZE = 64 * 1024 };

void
line_out_init(struct line_out *out, int fd, const char *name)
{
	*out = (struct line_out){ .fd = fd, .name = name };
	app_pipe_size(fd);
}

int
line_out_add(struct line_out *out, const char *p, size_t n)
{
	buf_add(&out->buf, p, n);
	return out->buf.len < WRITE_SIZE ? 0 : line_out_flush(out);
}

int
line_out_line(struct line_out *out, const char *p, size_t n)
{
	char *to = buf_room(&out->buf, n + 1);

	memcpy(to, p, n);
	to[n] = '\n';
	out->buf.len += n + 1;
	return out->buf.len < WRITE_SIZE ? 0 : line_out_flush(out);
}

int
line_out_flush(struct line_out *out)
{
	size_t n = out->buf.len;

	if (n == 0)
		return 0;
	buf_clear(&out->buf);
	return app_write(out->fd, out->buf.p, n);
}

int
line_out_fini(struct line_out *out)
{
	int failed = line_out_flush(out), saved = errno;

	buf_fini(&out->buf);
	if (close(out->fd) != 0 && !failed)
		return -1;
	errno = saved;
	return failed;
}

void
line_open(struct line_in *in, char *const *files, size_t n)
{
	static char stdin_name[] = "-";
	static char *const standard[] = { stdin_name };

	*in = (struct line_in){ .files = n > 0 ? files : standard,
		.nfiles = n > 0 ? n : 1,
		.fd = -1,
		.name = "stdin",
		.max = EVENT_LINE_MAX,
		.dead = -1 };
}

int
line_dead(struct line_in *in, const char *path)
{
	if (strcmp(path, "-") == 0) {
		errno = EINVAL;
		return -1;
	}
	in->dead = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	in->dead_name = path;
	return in->dead < 0 ? -1 : 0;
}

static int
open_next(struct line_in *in)
{
	const char *path = in->files[in->file++];

	in->number = 0;
	in->name = path;
	if (strcmp(path, "-") == 0) {
		in->name = "stdin";
		in->fd = STDIN_FILENO;
	} else {
		in->fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (in->fd < 0)
		return -1;
	app_pipe_size(in->fd);
	return 0;
}

static void
close_current(struct line_in *in)
{
	if (in->fd > STDIN_FILENO)
		close(in->fd);
	in->fd = -1;
}

/* Write to the dead file, if there is one; errors stay with in. */
static int
write_dead(struct line_in *in, const void *p, size_t n)
{
	if (in->dead < 0 || app_write(in->dead, p, n) == 0)
		return 0;
	if (in->dead_errno == 0)
		in->dead_errno = errno;
	in->name = in->dead_name;
	return -1;
}

static void
report(struct line_in *in, const char *why)
{
	if (why)
		error("%s:%llu: %s", in->name, (unsigned long long)in->number,
		    why);
	in->bad++;
	in->lost += in->dead < 0;
	in->stop = in->strict;
}

int
line_bad(struct line_in *in, const char *p, size_t n, const char *why)
{
	struct buf whole = { 0 };
	int failed;

	report(in, why);
	buf_add(&whole, p, n);
	buf_adds(&whole, in->cr ? "\r\n" : "\n");
	failed = write_dead(in, whole.p, whole.len);
	buf_fini(&whole);
	return failed ? -1 : !in->strict;
}

static void
report_long(struct line_in *in)
{
	char why[64];

	snprintf(why, sizeof(why), "longer than %zu bytes", in->max);
	report(in, why);
}

/*
 * Part of a line over the limit: p[0..n), the newline too where it ends.
 * What a file's end cuts off gets the newline that the dead file needs.
 */
static int
skip(struct line_in *in, const char *p, size_t n, int last)
{
	if (!in->skipping) {
		in->number++;
		in->lines++;
		report_long(in);
	}
	in->skipping = !last;
	if (write_dead(in, p, n) != 0)
		return -1;
	if (last && p[n - 1] != '\n')
		return write_dead(in, "\n", 1);
	return 0;
}

/* The line p[0..n) without its newline: 1 given, 0 empty. */
static int
give(
    struct line_in *in, const char *p, size_t n, const char **line, size_t *len)
{
	in->cr = n > 0 && p[n - 1] == '\r';
	in->number++;
	*line = p;
	*len = n - (size_t)in->cr;
	in->lines += *len > 0;
	return *len > 0;
}

/* Whether p[0..n), all of a line or only its begin, is over the limit. */
static int
is_long(const struct line_in *in, const char *p, size_t n, int whole)
{
	if (n <= in->max)
		return 0;
	return n > in->max + 1 || (whole && p[n - 1] != '\r');
}

/* Nothing is buffered: open the next file if it is time. */
static enum line_result
next_file(struct line_in *in)
{
	if (in->fd >= 0)
		return LINE_WAIT;
	if (in->skipping) {
		in->skipping = 0;
		if (write_dead(in, "\n", 1) != 0)
			return LINE_ERROR;
	}
	if (in->stop || in->file == in->nfiles)
		return LINE_END;
	return open_next(in) == 0 ? LINE_WAIT : LINE_ERROR;
}

static void
stop(struct line_in *in)
{
	close_current(in);
	in->file = in->nfiles;
	in->at = in->seen = in->buf.len = 0;
}

enum line_result
line_take(struct line_in *in, const char **p, size_t *n)
{
	const char *from, *end;
	size_t left, len;
	int whole;

	for (;;) {
		if (in->stop && !in->skipping)
			stop(in);
		if (in->at == in->buf.len)
			return next_file(in);
		from = in->buf.p + in->at;
		left = in->buf.len - in->at;
		end = memchr(from + in->seen, '\n', left - in->seen);
		len = end ? (size_t)(end - from) : left;
		whole = end || in->fd < 0;
		if (!whole && !in->skipping && !is_long(in, from, len, 0)) {
			in->seen = left;
			return LINE_WAIT;
		}
		in->seen = 0;
		in->at += len + (end != NULL);
		if (in->skipping || is_long(in, from, len, whole)) {
			if (skip(in, from, len + (end != NULL), whole) != 0)
				return LINE_ERROR;
		} else if (give(in, from, len, p, n)) {
			return LINE_GIVEN;
		}
	}
}

/*
 * Only the begin of a line is left in the buffer.  It moves to the front
 * when there is no room behind it.
 */
static char *
make_room(struct line_in *in)
{
	struct buf *b = &in->buf;

	if (in->at == b->len)
		in->at = b->len = 0;
	if (in->at > 0 && b->cap - b->len < READ_SIZE) {
		memmove(b->p, b->p + in->at, b->len - in->at);
		b->len -= in->at;
		in->at = 0;
	}
	return buf_room(b, READ_SIZE);
}

/* read(), waiting if the descriptor is not to block. */
static ssize_t
read_some(int fd, char *p)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	ssize_t n;

	while ((n = read(fd, p, READ_SIZE)) < 0 && errno == EAGAIN)
		if (poll(&ready, 1, -1) < 0)
			return -1;
	return n;
}

int
line_fill(struct line_in *in)
{
	ssize_t n = 0;
	int saved;

	if (in->fd >= 0)
		n = read_some(in->fd, make_room(in));
	if (n > 0) {
		in->buf.len += (size_t)n;
		return 1;
	}
	if (n < 0 && errno == EINTR)
		return -1;
	saved = errno;
	close_current(in);
	errno = saved;
	/* The begin of a line whose rest cannot be read is no line. */
	if (n < 0)
		in->at = in->seen = in->buf.len = 0;
	if (n < 0)
		return -1;
	return in->at < in->buf.len || in->skipping || in->file < in->nfiles;
}

enum line_result
line_next(struct line_in *in, const char **p, size_t *n)
{
	enum line_result result;

	while ((result = line_take(in, p, n)) == LINE_WAIT) {
		if (in->out && line_out_flush(in->out) != 0) {
			in->name = in->out->name;
			return LINE_ERROR;
		}
		if (line_fill(in) < 0)
			return LINE_ERROR;
	}
	return result;
}

int
line_fd(const struct line_in *in)
{
	return in->fd;
}

int
line_status(const struct line_in *in)
{
	return in->lost > 0 || (in->strict && in->bad > 0) ? EXIT_DATA
							   : EXIT_OK;
}

void
line_summary(const struct line_in *in)
{
	if (in->bad > 1 && in->bad <= in->lines)
		warn("%llu of %llu lines refused", (unsigned long long)in->bad,
		    (unsigned long long)in->lines);
	else if (in->bad > 1) /* some came from a spool */
		warn("%llu lines refused", (unsigned long long)in->bad);
}

int
line_close(struct line_in *in)
{
	close_current(in);
	buf_fini(&in->buf);
	if (in->dead >= 0 && close(in->dead) != 0 && in->dead_errno == 0)
		in->dead_errno = errno;
	in->dead = -1;
	errno = in->dead_errno;
	return in->dead_errno ? -1 : 0;
}
