#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "device/enocean/esp3.h"
#include "device/enocean/secure_part.h"
#include "trust/secret.h"

enum {
	CELLS_MAX = 6,
	ROW_MAX = 160 /* bytes of a row that we write, without comment */
};

static const char title[] = "# sender,key,slf,received,sent,sendkey";

struct cell {
	const char *p;
	size_t n;
};

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly 2 * n digits.  0 or -1. */
static int
read_bytes(struct cell c, uint8_t *out, size_t n)
{
	if (c.n != 2 * n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int high = digit(c.p[2 * i]), low = digit(c.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return -1;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

/* 1 to 9 digits: one more than a code has, for the one behind the last. */
static int
read_number(struct cell c, uint64_t *out)
{
	*out = 0;
	if (c.n < 1 || c.n > 9)
		return -1;
	for (size_t i = 0; i < c.n; i++) {
		int d = digit(c.p[i]);

		if (d < 0)
			return -1;
		*out = *out << 4 | (uint64_t)d;
	}
	return 0;
}

static struct cell
trim(const char *p, size_t n)
{
	for (; n > 0 && (*p == ' ' || *p == '\t'); n--)
		p++;
	while (
	    n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t' || p[n - 1] == '\r'))
		n--;
	return (struct cell){ p, n };
}

/* How many cells, CELLS_MAX + 1 if too many. */
static size_t
split(struct cell row, struct cell cells[CELLS_MAX])
{
	size_t count = 0;

	for (;;) {
		const char *comma = memchr(row.p, ',', row.n);
		size_t n = comma == NULL ? row.n : (size_t)(comma - row.p);

		if (count == CELLS_MAX)
			return CELLS_MAX + 1;
		cells[count++] = trim(row.p, n);
		if (comma == NULL)
			return count;
		row.p += n + 1;
		row.n -= n + 1;
	}
}

static const char *
take_psk(struct secure *s, uint64_t sender, const struct cell *cell,
    struct secure_device **out)
{
	uint8_t psk[AES_KEY + 1];
	const char *fault = NULL;
	size_t n = cell->n > 2 * AES_KEY ? AES_KEY + 1 : AES_KEY;
	struct secure_device *d = secure_find(s, sender);

	if (read_bytes(*cell, psk, n) < 0)
		fault = "a pre-shared key has 32 hex digits, and perhaps 2 "
			"of a checksum";
	else if (n > AES_KEY && esp3_crc8(0, psk, AES_KEY) != psk[AES_KEY])
		fault = "the pre-shared key's checksum is wrong";
	else if (d != NULL && d->has_psk)
		fault = "the sender has a pre-shared key already";
	else if ((d = secure_add(s, sender)) == NULL)
		fault = "too many devices";
	if (fault == NULL) {
		memcpy(secure_keys(s, d)->psk, psk, AES_KEY);
		d->has_psk = 1;
		*out = d;
	}
	secret_wipe(psk, sizeof psk);
	return fault;
}

static int
read_code(
    const struct secure_level *level, struct cell c, struct secure_counter *out)
{
	uint64_t codes = secure_codes(level), code;

	if (read_number(c, &code) < 0 ||
	    (codes == 0 ? code > 0xFFFF : code > codes))
		return -1;
	*out = (struct secure_counter){ code, code };
	return 0;
}

/* The cells of a device with a key, but for the sender. */
static const char *
read_row(const struct cell *cell, size_t n, struct secure_device *d,
    struct secure_keys *keys)
{
	uint8_t slf;
	const char *fault;

	if (n < 3)
		return "a row has sender, key, SLF and rolling code";
	if (read_bytes(cell[0], keys->key, AES_KEY) < 0)
		return "a key has 32 hex digits";
	if (read_bytes(cell[1], &slf, 1) < 0)
		return "an SLF has 2 hex digits";
	fault = secure_level(slf, &d->level);
	if (fault != NULL)
		return fault;
	if (read_code(&d->level, cell[2], &d->received) < 0)
		return "the rolling code received is none of its SLF";
	d->can_send = n > 3 && cell[3].n > 0;
	if (d->can_send && read_code(&d->level, cell[3], &d->sent) < 0)
		return "the rolling code sent is none of its SLF";
	d->own_key = n > 4 && cell[4].n > 0;
	if (d->own_key && read_bytes(cell[4], keys->send_key, AES_KEY) < 0)
		return "a key for sending has 32 hex digits";
	if (d->own_key && !d->can_send)
		return "a key for sending, and no rolling code";
	return NULL;
}

static const char *
take_key(struct secure *s, uint64_t sender, const struct cell *cell, size_t n,
    struct secure_device **out)
{
	struct secure_device *d = secure_find(s, sender), row = { 0 };
	struct secure_keys keys = { 0 };
	const char *fault = read_row(cell, n, &row, &keys);

	if (fault == NULL && d != NULL && d->has_key)
		fault = "the sender has a key already";
	if (fault == NULL && (d = secure_add(s, sender)) == NULL)
		fault = "too many devices";
	if (fault == NULL) {
		memcpy(keys.psk, secure_keys(s, d)->psk, AES_KEY);
		*secure_keys(s, d) = keys;
		row.sender = sender;
		row.has_psk = d->has_psk;
		row.has_key = 1;
		*d = row;
		*out = d;
	}
	secret_wipe(&keys, sizeof keys);
	return fault;
}

/* NULL, or what is wrong with a line. */
static const char *
take_line(struct secure *s, const char *p, size_t n)
{
	const char *hash = memchr(p, '#', n), *fault;
	struct cell row = trim(p, hash == NULL ? n : (size_t)(hash - p));
	struct cell comment = { NULL, 0 }, cell[CELLS_MAX];
	struct secure_device *d;
	size_t cells;
	uint64_t sender;
	int psk;

	if (memchr(p, '\0', n) != NULL)
		return "not a text";
	if (hash != NULL)
		comment = trim(hash, n - (size_t)(hash - p));
	if (row.n == 0) {
		secure_add_line(s, SECURE_TEXT, 0, comment.p, comment.n);
		return NULL;
	}
	cells = split(row, cell);
	if (cells > CELLS_MAX)
		return "more cells than a row has";
	if (telegram_address(cell[0].p, cell[0].n, &sender) < 0)
		return "the sender is no address";
	psk = cells == 3 && cell[1].n == 3 &&
	    strncasecmp(cell[1].p, "psk", 3) == 0;
	fault = psk ? take_psk(s, sender, &cell[2], &d)
		    : take_key(s, sender, cell + 1, cells - 1, &d);
	if (fault != NULL)
		return fault;
	secure_add_line(s, psk ? SECURE_PSK : SECURE_KEY,
	    (size_t)(d - s->device), comment.p, comment.n);
	return NULL;
}

static int
take_text(struct secure *s, const char *p, size_t n, struct buf *why)
{
	unsigned long number = 1;

	for (; n > 0; number++) {
		const char *end = memchr(p, '\n', n), *fault;
		size_t size = end == NULL ? n : (size_t)(end - p);

		fault = take_line(s, p, size);
		if (fault != NULL) {
			buf_addf(why, "%s:%lu: %s", s->path, number, fault);
			return -1;
		}
		size += end != NULL;
		p += size;
		n -= size;
	}
	return 0;
}

/*
 * Files are replaced when they are written, so the lock is on one beside
 * them.
 */
static int
lock(struct secure *s, struct buf *why)
{
	char *name = xmalloc(strlen(s->path) + sizeof ".lock");

	memcpy(name, s->path, strlen(s->path));
	memcpy(name + strlen(s->path), ".lock", sizeof ".lock");
	s->lock = open(name,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	    0600);
	if (s->lock < 0)
		buf_addf(why, "%s: %s", name, strerror(errno));
	else if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		buf_addf(why, "%s: %s", s->path,
		    errno == EWOULDBLOCK ? "another process uses it"
					 : strerror(errno));
	free(name);
	return why->len > 0 ? -1 : 0;
}

static void
remember(struct secure *s)
{
	struct stat st;

	if (lstat(s->path, &st) == 0) {
		s->inode = st.st_ino;
		s->changed = st.st_ctim;
	}
}

/* As much as the file needs, not as much as any may: it is locked memory. */
static size_t
most_of(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0 || st.st_size >= SECURE_FILE_MAX)
		return SECURE_FILE_MAX;
	return ((size_t)st.st_size / SECRET_FILE_MAX + 1) * SECRET_FILE_MAX;
}

int
secure_file_open(struct secure *s, const char *path, int learn, struct buf *why)
{
	const char *fault;
	char *text;
	size_t most, n;
	int status = -1;

	s->path = xstrdup(path);
	if (lock(s, why) < 0)
		return -1;
	most = most_of(path);
	text = secret_new(most + 1);
	if (secret_read_most(path, text, most, &n, &fault) == 0) {
		remember(s);
		status = take_text(s, text, n, why);
	} else if (learn && errno == ENOENT) {
		secure_add_line(s, SECURE_TEXT, 0, title, sizeof title - 1);
		status = 0;
	} else {
		buf_addf(why, "%s: %s", path, fault);
	}
	secret_free(text);
	return status;
}

static void
add_bytes(struct buf *b, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(b, "%02X", p[i]);
}

/* What the file is to say of a counter. */
static uint64_t
ahead_of(const struct secure_device *d, const struct secure_counter *c,
    uint64_t ahead)
{
	uint64_t codes = secure_codes(&d->level);

	if (!d->active)
		return c->kept;
	return codes != 0 && c->next + ahead > codes ? codes : c->next + ahead;
}

static void
add_code(struct buf *b, const struct secure_device *d,
    const struct secure_counter *c, uint64_t ahead)
{
	uint64_t code = ahead_of(d, c, ahead);

	if (d->level.code_bits == 16)
		code &= 0xFFFF;
	buf_addf(
	    b, ",%0*llX", d->level.code_bits / 4, (unsigned long long)code);
}

static void
add_row(struct buf *b, const struct secure_device *d,
    const struct secure_keys *keys, uint64_t ahead)
{
	char sender[13];

	telegram_format_address(sender, d->sender);
	buf_addf(b, "%s,", sender);
	add_bytes(b, keys->key, AES_KEY);
	buf_addf(b, ",%02X", d->level.slf);
	add_code(b, d, &d->received, ahead);
	if (d->can_send)
		add_code(b, d, &d->sent, ahead);
	if (d->own_key) {
		buf_addc(b, ',');
		add_bytes(b, keys->send_key, AES_KEY);
	}
}

static void
add_line(struct buf *b, const struct secure *s, const struct secure_line *line,
    uint64_t ahead)
{
	char sender[13];

	if (line->kind == SECURE_KEY) {
		add_row(
		    b, &s->device[line->index], &s->keys[line->index], ahead);
	} else if (line->kind == SECURE_PSK) {
		telegram_format_address(sender, s->device[line->index].sender);
		buf_addf(b, "%s,psk,", sender);
		add_bytes(b, s->keys[line->index].psk, AES_KEY);
	}
	if (line->comment != NULL) {
		if (line->kind != SECURE_TEXT)
			buf_addc(b, ' ');
		buf_adds(b, line->comment);
	}
	buf_addc(b, '\n');
}

/* The file changed by another hand: what it says now must not get lost. */
static int
changed(const struct secure *s)
{
	struct stat st;

	if (lstat(s->path, &st) < 0)
		return s->inode != 0;
	return st.st_ino != s->inode ||
	    st.st_ctim.tv_sec != s->changed.tv_sec ||
	    st.st_ctim.tv_nsec != s->changed.tv_nsec;
}

int
secure_file_save(struct secure *s, uint64_t ahead)
{
	struct buf b = { 0 };
	size_t size = 1;
	const char *fault = "another program changed it";
	int status = -1;

	for (size_t i = 0; i < s->lines; i++)
		size += ROW_MAX +
		    (s->line[i].comment ? strlen(s->line[i].comment) : 0);
	/* Never grown, so that no copy of the keys is left behind. */
	buf_room(&b, size);
	for (size_t i = 0; i < s->lines; i++)
		add_line(&b, s, &s->line[i], ahead);
	errno = ESTALE;
	if (b.len > SECURE_FILE_MAX) {
		fault = "it would be too long";
		errno = EFBIG;
	} else if (!changed(s)) {
		status =
		    secret_write(s->path, b.p, b.len, SECRET_REPLACE, &fault);
	}
	if (status < 0) {
		snprintf(s->why, sizeof s->why, "%.80s: %.60s", s->path, fault);
	} else {
		remember(s);
		for (size_t i = 0; i < s->devices; i++) {
			struct secure_device *d = &s->device[i];

			d->received.kept = ahead_of(d, &d->received, ahead);
			d->sent.kept = ahead_of(d, &d->sent, ahead);
		}
	}
	secret_wipe(b.p, b.len);
	buf_fini(&b);
	return status;
}

int
secure_reserve(struct secure *s, struct secure_device *d,
    struct secure_counter *counter, uint64_t next)
{
	uint64_t before = counter->next;
	uint8_t active = d->active;

	counter->next = next;
	d->active = 1;
	if (s->path == NULL || next <= counter->kept ||
	    secure_file_save(s, SECURE_AHEAD) == 0)
		return 0;
	counter->next = before;
	d->active = active;
	return -1;
}
