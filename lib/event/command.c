#include "event/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc.h"
#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "event/command_memory.h"
#include "event/topic.h"

/*
 * The file: a first line, then one line for each command, with its newline,
 *
 *	CRC UNTIL EP SEQ SRC [ID]
 *
 * CRC is that of the rest behind the blank, 8 hexadecimal digits; UNTIL in
 * microseconds.  It grows by whole lines, each durable before the next is
 * written, so only the last one can be incomplete.
 */
static const char magic[] = "sg-commands 1\n";

enum {
	MAGIC = sizeof magic - 1,
	CRC = 8,
	FILE_MAX = 256 << 20,
	SPARE = 64 << 10, /* bytes over the double that are not cleaned up */
	TRIES = 8
};

struct command_guard {
	char *path; /* NULL: nothing is kept */
	int fd;
	int broken;	/* what the file holds is not known any more */
	size_t size;	/* bytes of the file */
	size_t compact; /* what it had when we wrote it anew, 0 before */
	struct command_memory memory;
	struct buf src, id, line;
};

static void
add_line(struct buf *b, const struct command_mark *mark)
{
	size_t at = b->len;
	char crc[CRC + 1];

	buf_addf(b, "%0*d %" PRId64 " %" PRId64 " %" PRId64 " %s", CRC, 0,
	    mark->until, mark->ep, mark->seq, mark->src);
	if (mark->id != NULL)
		buf_addf(b, " %s", mark->id);
	snprintf(crc, sizeof crc, "%08" PRIx32,
	    crc32c(0, b->p + at + CRC + 1, b->len - at - CRC - 1));
	memcpy(b->p + at, crc, CRC);
	buf_addc(b, '\n');
}

/* The word that ends at the next blank of *p, which moves behind that. */
static char *
word(char **p)
{
	char *start = *p, *blank;

	if (start == NULL)
		return NULL;
	blank = strchr(start, ' ');
	*p = blank != NULL ? blank + 1 : NULL;
	if (blank != NULL)
		*blank = '\0';
	return start;
}

static int
take_number(char **p, int64_t *out)
{
	const char *w = word(p);

	return w != NULL ? num_uint(w, strlen(w), out) : -1;
}

/* Take a line of n bytes, whose newline has become a NUL.  0, or -1. */
static int
take_line(struct command_memory *m, char *line, size_t n)
{
	struct command_mark mark = { 0 };
	char crc[CRC + 1], *p = line + CRC + 1;

	if (n < CRC + 2 || strlen(line) != n)
		return -1;
	snprintf(crc, sizeof crc, "%08" PRIx32, crc32c(0, p, n - CRC - 1));
	if (memcmp(crc, line, CRC) != 0 || line[CRC] != ' ')
		return -1;
	if (take_number(&p, &mark.until) < 0 || take_number(&p, &mark.ep) < 0 ||
	    take_number(&p, &mark.seq) < 0)
		return -1;
	mark.src = word(&p);
	mark.id = word(&p);
	if (mark.src == NULL || p != NULL)
		return -1;
	command_memory_add(m, &mark);
	return 0;
}

/*
 * Take all lines of text, which is changed.  How many bytes of it are valid:
 * all, or all but the last line, which was not written completely (it has no
 * newline, or a NUL where the disk has nothing).  -1: damaged.
 */
static ssize_t
take_lines(struct command_memory *m, char *text, size_t n)
{
	size_t at = MAGIC;

	if (n < MAGIC || memcmp(text, magic, MAGIC) != 0)
		return -1;
	while (at < n) {
		char *end = memchr(text + at, '\n', n - at);
		size_t len;
		int torn;

		if (end == NULL)
			break;
		len = (size_t)(end - (text + at));
		torn = at + len + 1 == n && memchr(text + at, '\0', len);
		*end = '\0';
		if (take_line(m, text + at, len) < 0) {
			if (torn)
				break;
			return -1;
		}
		at += len + 1;
	}
	return (ssize_t)at;
}

static int
write_at(int fd, const char *p, size_t n, size_t at)
{
	while (n > 0) {
		ssize_t wrote = pwrite(fd, p, n, (off_t)at);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return -1;
		p += wrote;
		n -= (size_t)wrote;
		at += (size_t)wrote;
	}
	return 0;
}

/* Make the name of the file durable. */
static int
sync_folder(const char *path)
{
	char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	free(copy);
	if (fd < 0)
		return -1;
	r = fsync(fd);
	close(fd);
	return r;
}

static const char *
reason(void)
{
	return strerror(errno);
}

/*
 * Open and lock the file that has the name: while we waited another process
 * may have put a new one in its place.
 */
static int
open_locked(const char *path, const char **why)
{
	struct stat ours, named;
	int fd;

	for (int i = 0; i < TRIES; i++) {
		fd = open(path,
		    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		    0600);
		if (fd < 0 || fstat(fd, &ours) < 0) {
			*why = reason();
			break;
		}
		if (!S_ISREG(ours.st_mode)) {
			*why = "not a regular file";
			errno = EINVAL;
			break;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			*why = errno == EWOULDBLOCK ? "another process uses it"
						    : reason();
			break;
		}
		if (stat(path, &named) == 0 && named.st_dev == ours.st_dev &&
		    named.st_ino == ours.st_ino)
			return fd;
		close(fd);
		fd = -1;
		*why = "another process replaces it";
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* All of the file.  0, or -1 with *why. */
static int
read_file(int fd, struct buf *text, const char **why)
{
	struct stat st;
	ssize_t got = 1;

	if (fstat(fd, &st) < 0) {
		*why = reason();
		return -1;
	}
	if (st.st_size > FILE_MAX) {
		*why = "damaged: too long";
		return -1;
	}
	while (got > 0) {
		got = pread(fd, buf_room(text, (size_t)st.st_size + 1),
		    (size_t)st.st_size + 1, (off_t)text->len);
		if (got > 0)
			text->len += (size_t)got;
	}
	if (got < 0)
		*why = reason();
	return got < 0 ? -1 : 0;
}

static int
begin_file(struct command_guard *g, const char **why)
{
	if (ftruncate(g->fd, 0) == 0 && write_at(g->fd, magic, MAGIC, 0) == 0 &&
	    fsync(g->fd) == 0 && sync_folder(g->path) == 0) {
		g->size = MAGIC;
		return 0;
	}
	*why = reason();
	return -1;
}

static int
load(struct command_guard *g, const char **why)
{
	struct buf text = { 0 };
	ssize_t valid;
	int r = -1;

	if (read_file(g->fd, &text, why) < 0) {
		buf_fini(&text);
		return -1;
	}
	/* created, but its maker did not get further */
	if (text.len < MAGIC &&
	    (text.len == 0 || memcmp(text.p, magic, text.len) == 0)) {
		buf_fini(&text);
		return begin_file(g, why);
	}
	valid = take_lines(&g->memory, text.p, text.len);
	if (valid < 0)
		*why = "damaged";
	else if ((size_t)valid < text.len &&
	    (ftruncate(g->fd, valid) < 0 || fsync(g->fd) < 0))
		*why = reason();
	else
		r = 0;
	g->size = r == 0 ? (size_t)valid : 0;
	buf_fini(&text);
	return r;
}

struct command_guard *
command_open(const char *path, const char **why)
{
	struct command_guard *g = xcalloc(1, sizeof *g);
	int error;

	g->fd = -1;
	if (path == NULL)
		return g;
	g->path = xstrdup(path);
	g->fd = open_locked(path, why);
	if (g->fd < 0 || load(g, why) < 0) {
		error = g->fd < 0 ? errno : EINVAL;
		command_close(g);
		errno = error;
		return NULL;
	}
	return g;
}

/* Everything that is remembered, as a file. */
static void
add_all(const struct command_memory *m, struct buf *b)
{
	buf_adds(b, magic);
	for (size_t i = 0; i < m->sources; i++) {
		const struct command_source *s = m->source[i];

		add_line(b,
		    &(struct command_mark){
			s->src, NULL, s->ep, s->seq, s->until });
	}
	for (size_t i = 0; i < m->ids; i++) {
		const struct command_id *id = m->id[i];

		add_line(b,
		    &(struct command_mark){ id->source->src, id->id,
			id->source->ep, id->source->seq, id->until });
	}
}

/*
 * Put a file in the place of ours that has only what is still remembered.
 * If that fails ours goes on as it is.
 */
static void
rewrite(struct command_guard *g)
{
	struct buf text = { 0 }, name = { 0 };
	const char *path;
	int fd;

	add_all(&g->memory, &text);
	buf_addf(&name, "%s.new", g->path);
	path = buf_cstr(&name);
	(void)unlink(path);
	fd = open(
	    path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    write_at(fd, text.p, text.len, 0) == 0 && fsync(fd) == 0 &&
	    rename(path, g->path) == 0) {
		close(g->fd);
		g->fd = fd;
		g->size = text.len;
		g->broken |= sync_folder(g->path) < 0;
	} else if (fd >= 0) {
		(void)unlink(path);
		close(fd);
	}
	g->compact = g->size;
	buf_fini(&name);
	buf_fini(&text);
}

/* Write the command down.  0, or -1: it may not be executed. */
static int
record(struct command_guard *g, const struct command_mark *mark)
{
	if (g->path == NULL)
		return 0;
	if (g->broken)
		return -1;
	buf_clear(&g->line);
	add_line(&g->line, mark);
	if (write_at(g->fd, g->line.p, g->line.len, g->size) < 0) {
		g->broken = ftruncate(g->fd, (off_t)g->size) < 0;
		return -1;
	}
	if (fdatasync(g->fd) < 0) {
		g->broken = 1;
		return -1;
	}
	g->size += g->line.len;
	return 0;
}

/* Whether e is well-formed but for its time: then it is at its own. */
static enum command_verdict
early_or_malformed(const struct event *e)
{
	const char *ignored;
	int64_t t;

	return event_time(e, &t) == 0 && event_command(e, t, &ignored) == 1
	    ? COMMAND_EARLY
	    : COMMAND_MALFORMED;
}

static int64_t
add_times(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* What is to be remembered of e.  NULL, or what it lacks. */
static const char *
mark_of(
    struct command_guard *g, const struct event *e, struct command_mark *mark)
{
	int64_t t = 0, ttl = 0;

	*mark = (struct command_mark){ 0 };
	if (!event_has(e, EVENT_SRC))
		return "command without src";
	if (event_integer(e, EVENT_SEQ, &mark->seq) < 0)
		return "command without seq";
	(void)event_integer(e, EVENT_EP, &mark->ep);
	(void)event_time(e, &t);
	(void)num_micros(e->line + e->at[EVENT_TTL], e->len[EVENT_TTL], &ttl);
	mark->until =
	    add_times(add_times(t, ttl), (int64_t)COMMAND_KEEP * DATE_SECOND);
	if (mark->until < 0)
		mark->until = 0;
	buf_clear(&g->src);
	event_string(e, EVENT_SRC, &g->src);
	mark->src = buf_cstr(&g->src);
	if (event_has(e, EVENT_ID)) {
		buf_clear(&g->id);
		event_string(e, EVENT_ID, &g->id);
		mark->id = buf_cstr(&g->id);
	}
	return NULL;
}

enum command_verdict
command_check(struct command_guard *g, const struct event *e, int64_t now,
    const char **why)
{
	char space[TOPIC_MAX + 1];
	size_t n;
	const char *topic = event_topic(e, space, &n), *fault;
	struct command_mark mark;
	int r = event_command(e, now, why);

	if (r < 0)
		return early_or_malformed(e);
	if (r == 0)
		return COMMAND_LATE;
	if (!event_momentary(topic, n))
		return COMMAND_OTHER;
	fault = mark_of(g, e, &mark);
	if (fault != NULL) {
		*why = fault;
		return COMMAND_MALFORMED;
	}
	if (command_memory_has(&g->memory, &mark, now, why))
		return COMMAND_REPEATED;
	command_memory_forget(&g->memory, now);
	if (command_memory_full(&g->memory, &mark)) {
		*why = "too many commands at a time";
		return COMMAND_FULL;
	}
	if (g->path != NULL && g->size > 2 * g->compact + SPARE)
		rewrite(g);
	if (record(g, &mark) < 0) {
		*why = "cannot be remembered";
		return COMMAND_FULL;
	}
	command_memory_add(&g->memory, &mark);
	return COMMAND_FRESH;
}

int
command_close(struct command_guard *g)
{
	int r = g->fd >= 0 ? close(g->fd) : 0;

	command_memory_fini(&g->memory);
	buf_fini(&g->src);
	buf_fini(&g->id);
	buf_fini(&g->line);
	free(g->path);
	free(g);
	return r;
}
