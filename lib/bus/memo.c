#include "bus/memo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/app.h"
#include "base/crc.h"
#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "event/json.h"

enum {
	VERSION = 1,
	HEAD_MAX = 2 * MARK_MAX,
	SLOTS = 2,
	PAUSE = 4 /* saving takes at most one part in 1 + PAUSE */
};

/* A saved state as it lies in its file. */
struct slot {
	int valid;
	uint64_t generation;
	char program[32];
	uint64_t config;
	int has_mark;
	struct mark mark; /* d lies in file */
	size_t at, n;	  /* the bytes, in file */
	struct buf file;  /* until it is no longer needed */
};

struct memo {
	struct memo_options o;
	int fd[SLOTS];
	int created; /* the folder is to be synced */
	struct slot slot[SLOTS];
	uint64_t generation;
	char passed[MARK_ID_MAX + 1]; /* last mark passed; "": a done one */
	int64_t passed_at, saved_at, took;
	char why[256];
};

static char open_why[256];

/* us without a mark passed, after which the position moves all the same */
static const int64_t moves_after = 600 * (int64_t)DATE_SECOND;

/* Read a file whole: 0 or -1. */
static int
read_all(int fd, struct buf *b)
{
	struct stat st;
	ssize_t got;

	if (fstat(fd, &st) < 0)
		return -1;
	for (;;) {
		size_t room = st.st_size > (off_t)b->len
		    ? (size_t)st.st_size - b->len
		    : 1;
		got = pread(fd, buf_room(b, room), room, (off_t)b->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return (int)got;
		b->len += (size_t)got;
	}
}

static int
get_count(const struct json_value *head, const char *name, uint64_t *out)
{
	struct json_value v;
	int64_t n;

	if (!json_get(head, name, &v) || v.kind != JSON_NUMBER ||
	    num_uint(v.p, v.n, &n) < 0)
		return -1;
	*out = (uint64_t)n;
	return 0;
}

/* Where the checksum begins: the last member of the head. */
static const char *
find_crc(const char *p, size_t n)
{
	static const char crc[] = ",\"crc\":";
	const char *at = NULL;

	for (size_t i = n < 32 ? 0 : n - 32; i + sizeof crc - 1 <= n; i++)
		if (memcmp(p + i, crc, sizeof crc - 1) == 0)
			at = p + i;
	return at;
}

static int
read_mark(struct slot *s, const struct json_value *head)
{
	struct json_value v;
	const char *why;

	s->has_mark = json_get(head, "mark", &v);
	if (!s->has_mark)
		return 0;
	s->mark.n = 0;
	if (mark_read_body(&s->mark, &v, &why) < 0)
		return -1;
	return json_get(head, "t", &v) && v.kind == JSON_NUMBER
	    ? num_micros(v.p, v.n, &s->mark.t)
	    : -1;
}

/* The members of the head: 0, 1 of a newer version, -1. */
static int
read_head(struct slot *s, const char *p, size_t n, uint64_t *crc)
{
	struct json_value head, v;
	uint64_t version, bytes;
	const char *why;

	if (json_check(p, n, &why) != JSON_OBJECT)
		return -1;
	head = json_value(p, n);
	if (!json_get(&head, "sg", &v) || v.kind != JSON_STRING ||
	    !json_equal(&v, "memo") ||
	    get_count(&head, "version", &version) < 0)
		return -1;
	if (version > VERSION)
		return 1;
	if (!json_get(&head, "program", &v) || v.kind != JSON_STRING ||
	    v.n >= sizeof s->program)
		return -1;
	memcpy(s->program, v.p, v.n);
	s->program[v.n] = '\0';
	if (!json_get(&head, "config", &v) ||
	    wire_chan_parse(&s->config, &v) < 0 ||
	    get_count(&head, "generation", &s->generation) < 0 ||
	    get_count(&head, "bytes", &bytes) < 0 ||
	    get_count(&head, "crc", crc) < 0 || read_mark(s, &head) < 0)
		return -1;
	s->n = bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX;
	return 0;
}

/*
 * Find the state in s->file: 0, s->valid says whether it is whole, or 1 if
 * it is of a newer version.
 */
static int
read_slot(struct slot *s)
{
	const char *p = s->file.p, *lf, *end;
	size_t max = s->file.len < HEAD_MAX ? s->file.len : HEAD_MAX;
	uint64_t want = 0;
	uint32_t crc;
	int got;

	s->valid = 0;
	lf = max > 0 ? memchr(p, '\n', max) : NULL;
	if (lf == NULL)
		return 0;
	got = read_head(s, p, (size_t)(lf - p), &want);
	if (got != 0)
		return got > 0;
	s->at = (size_t)(lf - p) + 1;
	end = find_crc(p, (size_t)(lf - p));
	if (end == NULL || s->n > s->file.len - s->at)
		return 0;
	crc = crc32c(0, p, (size_t)(end - p));
	crc = crc32c(crc, p + s->at, s->n);
	s->valid = crc == want;
	return 0;
}

/*
 * Both states from their files: 0, or -1 with *why and errno (ENOTSUP: a
 * newer version, EBADMSG).
 */
static int
read_slots(struct slot *slot, const int *fd, const char **why)
{
	size_t damaged = 0, valid = 0;

	for (int i = 0; i < SLOTS; i++) {
		if (fd[i] < 0)
			continue;
		if (read_all(fd[i], &slot[i].file) < 0) {
			*why = strerror(errno);
			return -1;
		}
		if (read_slot(&slot[i]) != 0) {
			*why = "it is of a newer version";
			errno = ENOTSUP;
			return -1;
		}
		valid += (size_t)slot[i].valid;
		damaged += slot[i].file.len > 0 && !slot[i].valid;
	}
	/* One alone may be a first save that was cut short. */
	if (valid == 0 && damaged == SLOTS) {
		*why = "it is damaged";
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

static char *
second_name(const char *path)
{
	struct buf b = { 0 };

	buf_adds(&b, path);
	buf_adds(&b, ".2");
	buf_cstr(&b);
	return b.p;
}

static int
open_status(int error)
{
	switch (error) {
	case EWOULDBLOCK: return EXIT_UNAVAILABLE;
	case ENOTSUP: return EXIT_CONFIG;
	case EBADMSG:
	case EIO: return EXIT_IO;
	default: return EXIT_CANTCREATE;
	}
}

/* Open and lock the first file; the second one goes with it. */
static int
open_files(struct memo *m, const char **why)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC;
	char *second;
	struct stat st;

	m->fd[0] = open(m->o.path, flags, 0600);
	if (m->fd[0] < 0 || flock(m->fd[0], LOCK_EX | LOCK_NB) < 0 ||
	    fstat(m->fd[0], &st) < 0) {
		*why = errno == EWOULDBLOCK ? "in use by another process"
					    : strerror(errno);
		return -1;
	}
	*why = "no regular file";
	errno = EINVAL;
	if (!S_ISREG(st.st_mode))
		return -1;
	second = second_name(m->o.path);
	m->fd[1] = open(second, flags, 0600);
	free(second);
	m->created = st.st_size == 0;
	/* Who removes or empties FILE begins anew. */
	if (m->fd[1] < 0 || (m->created && ftruncate(m->fd[1], 0) < 0)) {
		*why = strerror(errno);
		return -1;
	}
	return 0;
}

/* What is saved has to be of this program and its options. */
static const char *
foreign(const struct memo *m)
{
	for (int i = 0; i < SLOTS; i++) {
		const struct slot *s = &m->slot[i];
		if (s->valid && strcmp(s->program, m->o.program) != 0)
			return "it is another program's";
		if (s->valid && s->config != m->o.config)
			return "it was made with other options (remove it to "
			       "begin anew)";
	}
	return NULL;
}

struct memo *
memo_open(const struct memo_options *o, int *status, const char **why)
{
	struct memo *m = xcalloc(1, sizeof *m);
	const char *other;
	int error;

	m->o = *o;
	m->fd[0] = m->fd[1] = -1;
	if (open_files(m, why) == 0 && read_slots(m->slot, m->fd, why) == 0) {
		other = foreign(m);
		if (other == NULL)
			return m;
		*why = other;
		errno = ENOTSUP;
	}
	error = errno;
	snprintf(open_why, sizeof open_why, "%s", *why);
	*why = open_why;
	*status = open_status(error);
	memo_close(m);
	return NULL;
}

void
memo_close(struct memo *m)
{
	if (m == NULL)
		return;
	for (int i = 0; i < SLOTS; i++) {
		buf_fini(&m->slot[i].file);
		if (m->fd[i] >= 0)
			close(m->fd[i]);
	}
	free(m);
}

/* The newest state there is, or -1. */
static int
newest(const struct memo *m)
{
	int at = m->slot[0].valid ? 0 : -1;

	if (m->slot[1].valid &&
	    (at < 0 || m->slot[1].generation > m->slot[0].generation))
		at = 1;
	return at;
}

/* The state saved for the mark, or -1. */
static int
saved_for(const struct memo *m, const struct mark *mark)
{
	for (int i = 0; i < SLOTS; i++)
		if (m->slot[i].valid && m->slot[i].has_mark &&
		    strcmp(m->slot[i].mark.id, mark->id) == 0 &&
		    strcmp(m->slot[i].mark.name, mark->name) == 0)
			return i;
	return -1;
}

/* Why a state there is cannot be built upon with this mark, or NULL. */
static const char *
unfit(const struct slot *s, const struct mark *mark)
{
	if (mark == NULL)
		return s->has_mark ? "it belongs to a flow with marks" : NULL;
	if (!s->has_mark)
		return "it belongs to runs without marks";
	return strcmp(s->mark.name, mark->name) != 0
	    ? "it belongs to another flow"
	    : NULL;
}

/*
 * From now on only the state at `at` counts (-1: none); one that came to
 * nothing is the first to be written over, however new it is.
 */
static void
keep_one(struct memo *m, int at)
{
	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &m->slot[i];
		if (s->valid && s->generation > m->generation)
			m->generation = s->generation;
		s->valid = i == at;
		if (i != at)
			buf_fini(&s->file);
	}
}

int
memo_begin(struct memo *m, const struct mark *mark, const char **p, size_t *n,
    const char **why)
{
	int at = newest(m);
	int anew = mark != NULL && mark->anew;

	*why = at < 0 ? NULL : unfit(&m->slot[at], mark);
	if (*why != NULL)
		return -1;
	if (at >= 0 && mark != NULL) {
		at = saved_for(m, mark);
		*why = "it is of another position (sg-sub needs --state)";
		if (at < 0 && !anew)
			return -1;
	}
	keep_one(m, at);
	*why = at < 0 && mark != NULL && !anew
	    ? "there is no state of this position"
	    : NULL;
	if (at < 0)
		return 0;
	*p = m->slot[at].file.p + m->slot[at].at;
	*n = m->slot[at].n;
	return 1;
}

enum memo_due
memo_due(struct memo *m, const struct mark *mark, int taken, int given)
{
	int64_t now = date_mono();
	int soon = now - m->saved_at < PAUSE * m->took;
	int moves = now - m->passed_at > moves_after;

	if (mark->time)
		return MEMO_ABSORB;
	if (mark->done) {
		m->passed[0] = '\0';
		m->passed_at = now;
		return soon || saved_for(m, mark) >= 0 ? MEMO_PASS : MEMO_SAVE;
	}
	if (m->passed[0] != '\0' && strcmp(m->passed, mark->committed) != 0)
		return MEMO_ABSORB;
	/* sg-pub does not send an idle one without lines. */
	if (!given && (mark->idle || (!taken && !moves)))
		return MEMO_ABSORB;
	if (soon && !mark->end)
		return MEMO_ABSORB;
	memcpy(m->passed, mark->id, sizeof m->passed);
	m->passed_at = now;
	return MEMO_SAVE;
}

/* The slot to be written over: one that is not valid, or the older. */
static int
older(const struct memo *m)
{
	if (!m->slot[0].valid)
		return 0;
	if (!m->slot[1].valid)
		return 1;
	return m->slot[0].generation < m->slot[1].generation ? 0 : 1;
}

static void
add_head(const struct memo *m, const struct mark *mark, const void *p, size_t n,
    struct buf *b)
{
	uint32_t crc;

	buf_addf(b,
	    "{\"sg\":\"memo\",\"version\":%d,\"program\":\"%s\",\"config\":",
	    VERSION, m->o.program);
	wire_chan_add(b, m->o.config);
	buf_addf(b, ",\"generation\":%llu", (unsigned long long)m->generation);
	if (mark != NULL) {
		buf_adds(b, ",\"t\":");
		num_add_micros(b, mark->t);
		buf_adds(b, ",\"mark\":");
		buf_add(b, mark->d, mark->dn);
	}
	buf_addf(b, ",\"bytes\":%zu", n);
	crc = crc32c(crc32c(0, b->p, b->len), p, n);
	buf_addf(b, ",\"crc\":%lu}\n", (unsigned long)crc);
}

static int
sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? xstrdup(".")
				  : xstrndup(path, (size_t)(slash - path) + 1);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int got = fd < 0 ? -1 : fsync(fd);

	free(dir);
	if (fd >= 0)
		close(fd);
	return got;
}

static int
write_slot(
    struct memo *m, int i, const struct buf *head, const void *p, size_t n)
{
	int fd = m->fd[i];

	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    app_write(fd, head->p, head->len) != 0 ||
	    (n > 0 && app_write(fd, p, n) != 0) ||
	    ftruncate(fd, (off_t)(head->len + n)) < 0 || fdatasync(fd) < 0)
		return -1;
	if (m->created && sync_folder(m->o.path) < 0)
		return -1;
	m->created = 0;
	return 0;
}

int
memo_save(struct memo *m, const struct mark *mark, const void *p, size_t n,
    const char **why)
{
	int i = older(m);
	struct slot *s = &m->slot[i];
	struct buf head = { 0 };
	int64_t begun = date_mono();
	int got, error;

	for (int j = 0; j < SLOTS; j++)
		buf_fini(&m->slot[j].file);
	s->valid = 0;
	m->generation++;
	add_head(m, mark, p, n, &head);
	got = write_slot(m, i, &head, p, n);
	error = errno;
	buf_fini(&head);
	if (got < 0) {
		snprintf(m->why, sizeof m->why, "%s", strerror(error));
		*why = m->why;
		errno = error;
		return -1;
	}
	s->valid = 1;
	s->generation = m->generation;
	s->has_mark = mark != NULL;
	if (mark != NULL) {
		memcpy(s->mark.id, mark->id, sizeof s->mark.id);
		memcpy(s->mark.name, mark->name, sizeof s->mark.name);
	}
	m->saved_at = date_mono();
	m->took = m->saved_at - begun;
	return 0;
}

int
memo_peek(struct memo_peek *peek, const char *path, const char **why)
{
	struct slot *slot = xcalloc(SLOTS, sizeof *slot);
	char *second = second_name(path);
	int fd[SLOTS], got, error, first;

	peek->n = 0;
	fd[0] = open(path, O_RDONLY | O_CLOEXEC);
	error = errno;
	fd[1] = fd[0] < 0 ? -1 : open(second, O_RDONLY | O_CLOEXEC);
	*why = strerror(error);
	got =
	    fd[0] < 0 ? (error == ENOENT ? 0 : -1) : read_slots(slot, fd, why);
	if (fd[0] >= 0)
		error = errno;
	first = slot[1].valid &&
	    (!slot[0].valid || slot[1].generation > slot[0].generation);
	for (int i = 0; i < SLOTS; i++) {
		const struct slot *s = &slot[first ^ i];
		if (got < 0 || !s->valid || !s->has_mark)
			continue;
		buf_clear(&peek->d[peek->n]);
		buf_add(&peek->d[peek->n], s->mark.d, s->mark.dn);
		peek->mark[peek->n] = s->mark;
		peek->mark[peek->n++].d = NULL;
	}
	for (int i = 0; i < SLOTS; i++) {
		buf_fini(&slot[i].file);
		if (fd[i] >= 0)
			close(fd[i]);
	}
	free(slot);
	free(second);
	errno = error;
	return got;
}

void
memo_peek_fini(struct memo_peek *peek)
{
	for (size_t i = 0; i < SLOTS; i++)
		buf_fini(&peek->d[i]);
	peek->n = 0;
}
