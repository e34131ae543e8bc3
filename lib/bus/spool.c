#include "bus/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc.h"
#include "base/die.h"
#include "bus/wire.h"

enum {
	SEGMENT_SIZE = 8 << 20, /* bytes before the next one is begun */
	SEGMENT_LEAST = 64 << 10,
	HEADER = 96,
	FROM = 68,
	RECORD = 24,
	STATE = 28,
	STATE_STEP = 512, /* the copies lie in two sectors */
	NAME_BYTES = 24,
	LOOKS = 3
};

static const char segment_magic[] = "SGSPOOL1", state_magic[] = "SGSTATE1";

struct segment {
	uint64_t first;
	uint64_t size; /* valid bytes */
};

struct spool {
	int dir, lock, state;
	int access; /* O_RDWR, or O_RDONLY for who only looks */
	uint64_t size_max, segment_size;
	uint64_t chan;
	char from[FROM + 1];
	uint64_t end, synced, done, cut;
	uint64_t serial;	 /* of the last copy of the state */
	struct segment *segment; /* in order; the last is written to */
	size_t nsegment;
	uint64_t bytes;	     /* of all segments */
	int fd;		     /* of the last one */
	int read_fd;	     /* where reading is */
	uint64_t read_first; /* that segment's first number */
	uint64_t read_at, read_next;
	struct buf record;
};

static void
put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void
put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static uint64_t
get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void
segment_name(char *name, uint64_t first)
{
	snprintf(name, NAME_BYTES, "%016" PRIx64 ".seg", first);
}

static struct segment *
last_segment(struct spool *s)
{
	return &s->segment[s->nsegment - 1];
}

static void
add_segment(struct spool *s, uint64_t first, uint64_t size)
{
	s->segment =
	    xrealloc(s->segment, (s->nsegment + 1) * sizeof *s->segment);
	s->segment[s->nsegment++] =
	    (struct segment){ .first = first, .size = size };
	s->bytes += size;
}

/* All of it at its place, or an error. */
static int
write_all(int fd, const void *p, size_t n, uint64_t at)
{
	ssize_t wrote = pwrite(fd, p, n, (off_t)at);

	if (wrote == (ssize_t)n)
		return 0;
	if (wrote >= 0)
		errno = ENOSPC;
	return -1;
}

/* Exactly n bytes: 1, 0 the file is shorter, -1. */
static int
read_all(int fd, void *p, size_t n, uint64_t at)
{
	ssize_t got = pread(fd, p, n, (off_t)at);

	if (got < 0)
		return -1;
	return got == (ssize_t)n;
}

/* Begin a new segment, durable before it is used. */
static int
begin_segment(struct spool *s)
{
	uint8_t head[HEADER] = { 0 };
	char name[NAME_BYTES];
	int fd;

	memcpy(head, segment_magic, 8);
	put64(head + 8, s->chan);
	put64(head + 16, s->end + 1);
	memcpy(head + 24, s->from, strlen(s->from));
	put32(head + HEADER - 4, crc32c(0, head, HEADER - 4));
	segment_name(name, s->end + 1);
	fd = openat(s->dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (write_all(fd, head, sizeof head, 0) < 0 || fsync(fd) < 0 ||
	    fsync(s->dir) < 0) {
		unlinkat(s->dir, name, 0);
		close(fd);
		return -1;
	}
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	add_segment(s, s->end + 1, HEADER);
	return 0;
}

/* Read a segment's header: 1, 0 it has none, -1 with errno. */
static int
read_header(struct spool *s, int fd, uint64_t first)
{
	uint8_t head[HEADER];
	int got = read_all(fd, head, sizeof head, 0);

	if (got <= 0)
		return got;
	if (memcmp(head, segment_magic, 7) == 0 && head[7] != '1') {
		errno = ENOTSUP;
		return -1;
	}
	if (memcmp(head, segment_magic, 8) != 0 ||
	    get32(head + HEADER - 4) != crc32c(0, head, HEADER - 4) ||
	    get64(head + 16) != first)
		return 0;
	s->chan = get64(head + 8);
	memcpy(s->from, head + 24, FROM);
	return 1;
}

/*
 * Read the record at *at into s->record: 1 and *at behind it, 0 there is no
 * valid record, -1 with errno.
 */
static int
read_record(struct spool *s, int fd, uint64_t *at, struct spool_record *r)
{
	uint8_t head[RECORD], *all;
	int got = read_all(fd, head, sizeof head, *at);

	if (got <= 0)
		return got;
	r->len = get32(head + 4);
	r->n = get32(head + 8);
	r->first = get64(head + 16);
	if (r->len > WIRE_LINES_MAX || r->n == 0 || r->n > r->len)
		return 0;
	buf_clear(&s->record);
	all = (uint8_t *)buf_room(&s->record, RECORD + r->len);
	got = read_all(fd, all, RECORD + r->len, *at);
	if (got <= 0)
		return got;
	if (get32(all) != crc32c(0, all + 4, RECORD - 4 + r->len))
		return 0;
	r->lines = (const char *)all + RECORD;
	*at += RECORD + r->len;
	return 1;
}

static int
by_first(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* The segments that the folder holds, in order. */
static int
list_segments(struct spool *s)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	char name[NAME_BYTES];
	struct stat st;
	uint64_t first;

	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		first = strtoull(entry->d_name, NULL, 16);
		segment_name(name, first);
		if (strcmp(name, entry->d_name) == 0 &&
		    fstatat(s->dir, name, &st, 0) == 0)
			add_segment(s, first, (uint64_t)st.st_size);
	}
	closedir(dir);
	if (s->nsegment > 1)
		qsort(s->segment, s->nsegment, sizeof *s->segment, by_first);
	return 0;
}

static int
open_segment(struct spool *s, uint64_t first)
{
	char name[NAME_BYTES];

	segment_name(name, first);
	return openat(s->dir, name, s->access | O_CLOEXEC);
}

static int
remove_segment(struct spool *s, size_t i)
{
	char name[NAME_BYTES];

	segment_name(name, s->segment[i].first);
	s->bytes -= s->segment[i].size;
	s->nsegment--;
	memmove(s->segment + i, s->segment + i + 1,
	    (s->nsegment - i) * sizeof *s->segment);
	return unlinkat(s->dir, name, 0);
}

/* Where the valid records of the last segment end: *at.  0 or -1. */
static int
read_end(struct spool *s, uint64_t *at)
{
	struct spool_record r;
	int got;

	*at = HEADER;
	s->end = last_segment(s)->first - 1;
	while ((got = read_record(s, s->fd, at, &r)) == 1) {
		if (r.first != s->end + 1) {
			*at -= RECORD + r.len;
			break;
		}
		s->end += r.n;
	}
	return got < 0 ? -1 : 0;
}

/* Find the end of the last segment and cut off what is torn. */
static int
find_end(struct spool *s)
{
	struct segment *last = last_segment(s);
	uint64_t at;

	if (read_end(s, &at) < 0)
		return -1;
	s->cut = last->size > at ? last->size - at : 0;
	s->bytes -= s->cut;
	last->size = at;
	s->synced = s->end;
	if (s->cut > 0 && ftruncate(s->fd, (off_t)at) < 0)
		return -1;
	/* What a killed process left may still be in memory alone. */
	return fdatasync(s->fd);
}

/* Open the last segment that was begun as a whole. */
static int
open_last(struct spool *s)
{
	int got;

	while (s->nsegment > 0) {
		s->fd = open_segment(s, last_segment(s)->first);
		if (s->fd < 0)
			return -1;
		got = read_header(s, s->fd, last_segment(s)->first);
		if (got < 0)
			return -1;
		if (got == 1)
			return find_end(s);
		close(s->fd);
		s->fd = -1;
		/* A header is synced before the first record. */
		if (last_segment(s)->size > HEADER) {
			errno = EBADMSG;
			return -1;
		}
		if (remove_segment(s, s->nsegment - 1) < 0)
			return -1;
	}
	return begin_segment(s);
}

static int
write_state(struct spool *s)
{
	uint8_t copy[STATE];

	s->serial++;
	memcpy(copy, state_magic, 8);
	put64(copy + 8, s->serial);
	put64(copy + 16, s->done);
	put32(copy + 24, crc32c(0, copy, 24));
	return write_all(
	    s->state, copy, sizeof copy, s->serial % 2 * STATE_STEP);
}

/* The younger valid copy, if there is one. */
static int
read_copies(struct spool *s)
{
	uint8_t copy[STATE];
	int i, got;

	for (i = 0; i < 2; i++) {
		got = read_all(
		    s->state, copy, sizeof copy, (uint64_t)i * STATE_STEP);
		if (got < 0)
			return -1;
		if (got == 0 || memcmp(copy, state_magic, 8) != 0 ||
		    get32(copy + 24) != crc32c(0, copy, 24) ||
		    get64(copy + 8) <= s->serial)
			continue;
		s->serial = get64(copy + 8);
		s->done = get64(copy + 16);
	}
	if (s->done < s->segment[0].first - 1)
		s->done = s->segment[0].first - 1;
	if (s->done > s->end)
		s->done = s->end;
	return 0;
}

static int
read_state(struct spool *s)
{
	s->state = openat(s->dir, "state", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->state < 0 || read_copies(s) < 0)
		return -1;
	/* Both copies now, so that a full disk has their place. */
	return write_state(s) < 0 ? -1 : write_state(s);
}

/* Go to the segment that holds number s->read_next. */
static int
seek_segment(struct spool *s)
{
	size_t i = s->nsegment;

	while (i > 1 && s->segment[i - 1].first > s->read_next)
		i--;
	if (s->read_fd >= 0 && s->read_first == s->segment[i - 1].first)
		return 0;
	if (s->read_fd >= 0)
		close(s->read_fd);
	s->read_first = s->segment[i - 1].first;
	s->read_at = HEADER;
	s->read_fd = open_segment(s, s->read_first);
	return s->read_fd < 0 ? -1 : 0;
}

/* Stand before the first record that is not delivered. */
static int
seek_done(struct spool *s)
{
	struct spool_record r;
	uint64_t at;
	int got;

	s->read_next = s->done + 1;
	if (seek_segment(s) < 0)
		return -1;
	for (;;) {
		at = s->read_at;
		got =
		    s->done < s->end ? read_record(s, s->read_fd, &at, &r) : 0;
		if (got < 0)
			return -1;
		if (got == 0 || r.first + r.n - 1 > s->done)
			break;
		s->read_at = at;
	}
	/* A record that is delivered in part is sent as a whole again. */
	if (got == 1 && r.first <= s->done) {
		s->done = r.first - 1;
		s->read_next = r.first;
	}
	if (s->done == s->end)
		s->read_at = last_segment(s)->size;
	return 0;
}

static int
open_folder(struct spool *s, const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -1;
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return -1;
	s->lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return -1;
	return flock(s->lock, LOCK_EX | LOCK_NB);
}

static int
new_chan(struct spool *s)
{
	while (s->chan == 0)
		if (getrandom(&s->chan, sizeof s->chan, 0) < 0)
			return -1;
	return 0;
}

static struct spool *
spool_new(int access)
{
	struct spool *s = xcalloc(1, sizeof *s);

	s->dir = s->lock = s->state = s->fd = s->read_fd = -1;
	s->access = access;
	return s;
}

static void
spool_free(struct spool *s)
{
	const int fds[] = { s->fd, s->read_fd, s->state, s->lock, s->dir };
	size_t i;

	for (i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	buf_fini(&s->record);
	free(s->segment);
	free(s);
}

static const char *
reason(int error)
{
	switch (error) {
	case EWOULDBLOCK: return "in use by another process";
	case ENOTSUP: return "written by a newer version";
	case EBADMSG: return "damaged";
	default: return strerror(error);
	}
}

struct spool *
spool_open(const char *dir, const char *from, int64_t size, const char **why)
{
	struct spool *s = spool_new(O_RDWR);
	int error;

	s->size_max = (uint64_t)size;
	s->segment_size = s->size_max / 8;
	if (s->segment_size > SEGMENT_SIZE)
		s->segment_size = SEGMENT_SIZE;
	if (s->segment_size < SEGMENT_LEAST)
		s->segment_size = SEGMENT_LEAST;
	snprintf(s->from, sizeof s->from, "%s", from);
	if (open_folder(s, dir) == 0 && new_chan(s) == 0 &&
	    list_segments(s) == 0 && open_last(s) == 0 && read_state(s) == 0 &&
	    seek_done(s) == 0)
		return s;
	error = errno;
	*why = reason(error);
	spool_free(s);
	errno = error;
	return NULL;
}

int
spool_close(struct spool *s)
{
	int failed, error;

	if (s == NULL)
		return 0;
	failed =
	    spool_sync(s) < 0 || write_state(s) < 0 || fdatasync(s->state) < 0;
	error = errno;
	spool_free(s);
	errno = error;
	return failed ? -1 : 0;
}

uint64_t
spool_chan(const struct spool *s)
{
	return s->chan;
}

const char *
spool_from(const struct spool *s)
{
	return s->from;
}

uint64_t
spool_end(const struct spool *s)
{
	return s->end;
}

uint64_t
spool_done(const struct spool *s)
{
	return s->done;
}

uint64_t
spool_cut(const struct spool *s)
{
	return s->cut;
}

/* Remove the segments that are delivered, but never the last. */
static int
remove_done(struct spool *s)
{
	while (s->nsegment > 1 && s->segment[1].first <= s->done + 1)
		if (remove_segment(s, 0) < 0)
			return -1;
	return 0;
}

/* A full segment, or a delivered one that is not small, is left behind. */
static int
roll(struct spool *s, size_t need)
{
	const struct segment *last = last_segment(s);

	if (last->size > HEADER &&
	    (last->size + need > s->segment_size ||
		(s->done == s->end && last->size > s->segment_size / 2))) {
		if (spool_sync(s) < 0 || begin_segment(s) < 0)
			return -1;
		return remove_done(s);
	}
	return 0;
}

/*
 * The disk is full of what is delivered: give its place back first.  A crash
 * between the two leaves a spool without segments, which begins a new channel,
 * and nothing of the old one is missing.
 */
static int
start_over(struct spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	if (s->read_fd >= 0)
		close(s->read_fd);
	s->fd = s->read_fd = -1;
	while (s->nsegment > 0)
		if (remove_segment(s, 0) < 0)
			return -1;
	return begin_segment(s);
}

static int
append(struct spool *s, const char *lines, size_t len, uint32_t n)
{
	uint8_t head[RECORD] = { 0 };
	struct iovec parts[2] = { { head, RECORD },
		{ (void *)(uintptr_t)lines, len } };
	struct segment *last;
	ssize_t wrote;

	if (s->nsegment == 0 ? begin_segment(s) < 0 : roll(s, RECORD + len) < 0)
		return -1;
	errno = ENOSPC;
	if (s->bytes + RECORD + len > s->size_max && s->done < s->end)
		return -1;
	put32(head + 4, (uint32_t)len);
	put32(head + 8, n);
	put64(head + 16, s->end + 1);
	put32(head, crc32c(crc32c(0, head + 4, RECORD - 4), lines, len));
	last = last_segment(s);
	wrote = pwritev(s->fd, parts, 2, (off_t)last->size);
	if (wrote != (ssize_t)(RECORD + len)) {
		if (wrote >= 0)
			errno = ENOSPC;
		return -1;
	}
	last->size += RECORD + len;
	s->bytes += RECORD + len;
	s->end += n;
	return 0;
}

int
spool_add(struct spool *s, const char *lines, size_t len, uint32_t n)
{
	if (append(s, lines, len, n) == 0)
		return 0;
	if (errno != ENOSPC || s->done < s->end || s->nsegment == 0)
		return -1;
	return start_over(s) < 0 ? -1 : append(s, lines, len, n);
}

int
spool_sync(struct spool *s)
{
	if (s->synced == s->end)
		return 0;
	if (fdatasync(s->fd) < 0)
		return -1;
	s->synced = s->end;
	return 0;
}

int
spool_next(struct spool *s, struct spool_record *record)
{
	int got;

	if (s->read_next > s->synced)
		return 0;
	if (seek_segment(s) < 0)
		return -1;
	got = read_record(s, s->read_fd, &s->read_at, record);
	if (got < 0)
		return -1;
	if (got == 0 || record->first != s->read_next) {
		errno = EBADMSG;
		return -1;
	}
	s->read_next += record->n;
	return 1;
}

int
spool_rewind(struct spool *s)
{
	if (s->read_fd >= 0)
		close(s->read_fd);
	s->read_fd = -1;
	return seek_done(s);
}

int
spool_release(struct spool *s, uint64_t number)
{
	if (number <= s->done)
		return 0;
	s->done = number < s->end ? number : s->end;
	if (write_state(s) < 0)
		return -1;
	return remove_done(s);
}

/* Open the last segment, of which its writer may only have the name yet. */
static int
look_at_last(struct spool *s)
{
	uint64_t at;
	int got;

	while (s->nsegment > 0) {
		s->fd = open_segment(s, last_segment(s)->first);
		if (s->fd < 0)
			return -1;
		got = read_header(s, s->fd, last_segment(s)->first);
		if (got != 0)
			return got < 0 ? -1 : read_end(s, &at);
		close(s->fd);
		s->fd = -1;
		if (last_segment(s)->size > HEADER) {
			errno = EBADMSG;
			return -1;
		}
		s->nsegment--;
	}
	return 0;
}

/* The oldest event that waits. */
static int
look_at_first(struct spool *s, struct buf *first)
{
	struct spool_record r;
	const char *p, *end;
	int got;

	s->read_next = s->done + 1;
	if (seek_segment(s) < 0)
		return -1;
	do
		got = read_record(s, s->read_fd, &s->read_at, &r);
	while (got == 1 && r.first + r.n - 1 <= s->done);
	errno = EBADMSG;
	if (got <= 0)
		return -1;
	p = r.lines;
	for (uint64_t i = r.first; i <= s->done; i++)
		if ((p = memchr(p, '\n', (size_t)(r.lines + r.len - p))) !=
		    NULL)
			p++;
		else
			return -1;
	end = memchr(p, '\n', (size_t)(r.lines + r.len - p));
	buf_add(first, p, (size_t)((end ? end : r.lines + r.len) - p));
	return 0;
}

static int
look_at(struct spool *s, const char *dir, struct spool_look *look)
{
	s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return -1;
	s->state = openat(s->dir, "state", O_RDONLY | O_CLOEXEC);
	if (s->state < 0 || list_segments(s) < 0)
		return -1;
	look->bytes = s->bytes;
	if (look_at_last(s) < 0)
		return -1;
	if (s->nsegment == 0)
		return 0;
	if (read_copies(s) < 0)
		return -1;
	look->waiting = s->end - s->done;
	return look->waiting == 0 ? 0 : look_at_first(s, &look->first);
}

int
spool_look(const char *dir, struct spool_look *look, const char **why)
{
	int error = 0;

	/* What its user removes meanwhile is not there the next time. */
	for (int i = 0; i < LOOKS; i++) {
		struct spool *s = spool_new(O_RDONLY);

		buf_clear(&look->first);
		error = look_at(s, dir, look) == 0 ? 0 : errno;
		spool_free(s);
		if (error != ENOENT && error != EBADMSG)
			break;
	}
	*why = error == ENOENT ? "no spool" : reason(error);
	errno = error;
	return error == 0 ? 0 : -1;
}
