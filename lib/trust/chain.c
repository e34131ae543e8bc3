#include "trust/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/crc.h"
#include "base/num.h"

/* "EP NEXT ID CRC\n" in columns, so that a write replaces all of it. */
enum { DIGITS = 19, ID = 43, RECORD = 2 * (DIGITS + 1) + ID + 1 + 8 + 1 };

static void
format_record(struct buf *b, const struct chain *c)
{
	buf_addf(b, "%019" PRId64 " %019" PRId64 " ", c->ep, c->next);
	base64_add(b, BASE64_URL, c->id, sizeof c->id);
	buf_addf(b, " %08" PRIx32 "\n", crc32c(0, b->p, b->len));
}

static int64_t
digits(const char *p)
{
	int64_t v = 0;

	while (*p == '0')
		p++;
	if (*p != ' ' && num_uint(p, (size_t)(strchr(p, ' ') - p), &v) < 0)
		return 0;
	return v;
}

/* What was written whole, or nothing: a damaged file is none. */
static void
read_record(struct chain *c)
{
	struct buf again = { 0 };
	char text[RECORD + 1] = "";

	if (pread(c->fd, text, RECORD, 0) == RECORD && text[DIGITS] == ' ' &&
	    text[2 * DIGITS + 1] == ' ') {
		c->ep = digits(text);
		c->next = digits(text + DIGITS + 1);
		base64_parse(c->id, sizeof c->id, BASE64_URL,
		    text + 2 * (DIGITS + 1), ID);
		format_record(&again, c);
	}
	if (again.len != RECORD || memcmp(again.p, text, RECORD) != 0)
		*c = (struct chain){ .fd = c->fd };
	buf_fini(&again);
}

static int
open_file(struct chain *c, const char *dir, const char *src)
{
	struct buf path = { 0 };

	buf_addf(&path, "%s/", dir);
	for (const char *s = src; *s != '\0'; s++)
		if (*s == '/' || (*s == '.' && s == src))
			buf_addf(&path, "%%%02X", (unsigned)*s);
		else
			buf_addc(&path, *s);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
		buf_fini(&path);
		return -1;
	}
	c->fd = open(
	    buf_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	buf_fini(&path);
	return c->fd < 0 ? -1 : 0;
}

/* Whoever comes while the counter is in use begins a new epoch. */
static int
raise_epoch(struct ident *ident, const char *dir, const char *src)
{
	struct ident old = *ident;

	if (ident_open(ident, dir, src) < 0) {
		*ident = old;
		return -1;
	}
	return ident_close(&old);
}

int
chain_open(struct chain *c, struct ident *ident, const char *identdir,
    const char *dir, const char *src)
{
	*c = (struct chain){ .fd = -1 };
	if (open_file(c, dir, src) < 0)
		return -1;
	if (flock(c->fd, LOCK_EX | LOCK_NB) < 0)
		chain_close(c);
	else
		read_record(c);
	if (ident->seq == 0 ||
	    (c->ep == ident->ep && c->next == ident->seq + 1))
		return 0;
	return raise_epoch(ident, identdir, src);
}

int
chain_put(struct chain *c, int64_t ep, int64_t next,
    const unsigned char id[TREE_HASH])
{
	struct buf record = { 0 };
	ssize_t n;

	c->ep = ep;
	c->next = next;
	memcpy(c->id, id, sizeof c->id);
	if (c->fd < 0)
		return 0;
	format_record(&record, c);
	n = pwrite(c->fd, record.p, record.len, 0);
	if (n >= 0 && (size_t)n != record.len)
		errno = ENOSPC;
	n = n == (ssize_t)record.len ? 0 : -1;
	buf_fini(&record);
	return (int)n;
}

void
chain_close(struct chain *c)
{
	if (c->fd >= 0)
		close(c->fd);
	*c = (struct chain){ .fd = -1 };
}
