#include "device/tape.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/num.h"

struct tape {
	int fd;
	int torn; /* the last line has no end */
	struct buf line;
};

static int
ends_torn(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char last = '\n';

	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/* A file that may only be written cannot be looked at first. */
struct tape *
tape_create(const char *path)
{
	int flags = O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC;
	int fd = open(path, flags | O_RDWR, 0600);
	struct tape *t;

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		fd = open(path, flags | O_WRONLY, 0600);
	if (fd < 0)
		return NULL;
	t = xcalloc(1, sizeof *t);
	t->fd = fd;
	t->torn = ends_torn(fd);
	return t;
}

static void
add_time(struct buf *b, int64_t when)
{
	int64_t part = when % DATE_SECOND;

	if (part < 0)
		part += DATE_SECOND;
	date_add(b, when - part, NULL);
	b->len--; /* the Z */
	buf_addf(b, ".%06dZ", (int)part);
}

static void
add_hex(struct buf *b, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789ABCDEF";
	char *to = buf_room(b, 2 * n);

	for (size_t i = 0; i < n; i++) {
		*to++ = digits[p[i] >> 4];
		*to++ = digits[p[i] & 15];
	}
	b->len += 2 * n;
}

int
tape_write(struct tape *t, enum tape_direction direction, int64_t when,
    const void *p, size_t n)
{
	if (n == 0)
		return 0;
	buf_clear(&t->line);
	if (t->torn)
		buf_addc(&t->line, '\n');
	add_time(&t->line, when);
	buf_adds(&t->line, direction == TAPE_CAME ? " < " : " > ");
	add_hex(&t->line, p, n);
	buf_addc(&t->line, '\n');
	t->torn = app_write(t->fd, t->line.p, t->line.len) != 0;
	return t->torn ? -1 : 0;
}

int
tape_close(struct tape *t)
{
	int failed;

	if (t == NULL)
		return 0;
	failed = close(t->fd);
	buf_fini(&t->line);
	free(t);
	return failed;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' ^ 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes in hex, perhaps with blanks between them. */
static int
read_hex(const char *p, const char *end, struct buf *out)
{
	size_t before = out->len;
	int high, low;

	while (p < end) {
		if (*p == ' ') {
			p++;
			continue;
		}
		high = hex_digit(*p);
		low = end - p > 1 ? hex_digit(p[1]) : -1;
		if (high < 0 || low < 0) {
			out->len = before;
			return -1;
		}
		buf_addc(out, (char)(high << 4 | low));
		p += 2;
	}
	return out->len > before ? 0 : -1;
}

int
tape_read(const char *line, size_t n, int64_t *when,
    enum tape_direction *direction, struct buf *out, const char **why)
{
	const char *end = line + n, *blank = memchr(line, ' ', n);
	size_t time = blank != NULL ? (size_t)(blank - line) : n;

	if (n > 0 && end[-1] == '\r')
		end--;
	*why = "no time, in RFC 3339 or as seconds since 1970";
	if (date_rfc3339(line, time, when) != 0 &&
	    num_micros(line, time, when) != 0)
		return -1;
	*why = "neither < nor > after the time";
	if (end - line < (ptrdiff_t)time + 3 || line[time + 2] != ' ' ||
	    (line[time + 1] != '<' && line[time + 1] != '>'))
		return -1;
	*direction = line[time + 1] == '<' ? TAPE_CAME : TAPE_SENT;
	*why = "no bytes in hex digits";
	return read_hex(line + time + 3, end, out);
}
