#include "broker/record.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/crc.h"

enum { VERSION = 1, OTHER_LOG = 12 };

void
record_put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof v);
}

void
record_put64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof v);
}

uint32_t
record_get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return le32toh(v);
}

uint64_t
record_get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

size_t
record_frame_size(const struct frame_head *head)
{
	size_t n = RECORD_FRAME + (size_t)head->deps * OTHER_LOG +
	    strlen(head->from) + head->summary_len;

	return (n + head->len + 7) & ~(size_t)7;
}

uint8_t *
record_begin(uint8_t *out)
{
	memset(out, 0, RECORD_HEAD);
	return out + RECORD_HEAD;
}

static uint8_t *
append(uint8_t *at, const void *p, size_t n)
{
	if (n > 0)
		memcpy(at, p, n);
	return at + n;
}

uint8_t *
record_add(uint8_t *at, const struct frame_head *head, const uint32_t *number)
{
	size_t size = record_frame_size(head), from = strlen(head->from);
	uint8_t *p = at + RECORD_FRAME, *end = at + size;

	record_put32(at, (uint32_t)size);
	record_put32(at + 4, head->events);
	record_put64(at + 8, head->n);
	record_put64(at + 16, (uint64_t)head->rt);
	record_put64(at + 24, head->chan);
	record_put64(at + 32, head->first);
	record_put32(at + 40, head->numbers);
	record_put32(at + 44, head->len);
	put16(at + 48, (uint16_t)head->summary_len);
	put16(at + 50, (uint16_t)head->deps);
	record_put32(at + 52, (uint32_t)from);
	for (uint32_t i = 0; i < head->deps; i++, p += OTHER_LOG) {
		record_put32(p, number[head->dep[i].run]);
		record_put64(p + 4, head->dep[i].n);
	}
	p = append(p, head->from, from);
	p = append(p, head->summary, head->summary_len);
	p = append(p, head->lines, head->len);
	memset(p, 0, (size_t)(end - p));
	return end;
}

void
record_finish(uint8_t *out, size_t length, uint32_t run)
{
	const uint8_t *at = out + RECORD_HEAD, *last = at;
	uint64_t events = 0;
	uint32_t frames = 0;

	for (; at < out + length; at += record_get32(at)) {
		last = at;
		events += record_get32(at + 4);
		frames++;
	}
	out[8] = VERSION;
	record_put32(out + 12, (uint32_t)length);
	record_put32(out + 16, run);
	record_put32(out + 20, frames);
	memcpy(out + 24, out + RECORD_HEAD + 8, 8);
	record_put64(out + 32, events);
	memcpy(out + 40, out + RECORD_HEAD + 16, 8);
	memcpy(out + 48, last + 16, 8);
	record_put32(
	    out + 4, crc32c(0, out + RECORD_HEAD, length - RECORD_HEAD));
	record_put32(out, crc32c(0, out + 4, RECORD_HEAD - 4));
}

static int
bad(void)
{
	errno = EBADMSG;
	return -1;
}

int
record_head(const uint8_t *p, size_t n, struct record *out)
{
	if (n < RECORD_HEAD ||
	    record_get32(p) != crc32c(0, p + 4, RECORD_HEAD - 4) ||
	    p[8] != VERSION)
		return bad();
	out->length = record_get32(p + 12);
	out->run = record_get32(p + 16);
	out->frames = record_get32(p + 20);
	out->n = record_get64(p + 24);
	out->events = record_get64(p + 32);
	out->rt = (int64_t)record_get64(p + 40);
	out->rt_last = (int64_t)record_get64(p + 48);
	if (out->length != n || out->events == 0 ||
	    out->events > UINT64_MAX - out->n)
		return bad();
	return 0;
}

int
record_check(const uint8_t *p, size_t n)
{
	struct record r;

	if (record_head(p, n, &r) == -1)
		return -1;
	if (record_get32(p + 4) != crc32c(0, p + RECORD_HEAD, n - RECORD_HEAD))
		return bad();
	return 0;
}

static void
read_fixed(const uint8_t *p, struct frame_head *head)
{
	head->events = record_get32(p + 4);
	head->n = record_get64(p + 8);
	head->rt = (int64_t)record_get64(p + 16);
	head->chan = record_get64(p + 24);
	head->first = record_get64(p + 32);
	head->numbers = record_get32(p + 40);
	head->len = record_get32(p + 44);
	head->summary_len = get16(p + 48);
}

static void
read_deps(const uint8_t *p, struct frame_head *head)
{
	head->deps = get16(p + 50);
	if (head->deps > FRAME_DEPS_MAX)
		head->deps = FRAME_DEPS_MAX;
	p += RECORD_FRAME;
	for (uint32_t i = 0; i < head->deps; i++, p += OTHER_LOG)
		head->dep[i] =
		    (struct frame_dep){ record_get32(p), record_get64(p + 4) };
}

int
record_frame(const uint8_t *p, size_t n, size_t *at, struct frame_head *head)
{
	const uint8_t *f = p + *at;
	size_t size, fixed, from;

	if (*at >= n)
		return 0;
	if (n - *at < RECORD_FRAME)
		return bad();
	size = record_get32(f);
	from = f[52];
	read_fixed(f, head);
	fixed = RECORD_FRAME + (size_t)get16(f + 50) * OTHER_LOG;
	if (size > n - *at || from > FRAME_FROM_MAX ||
	    fixed + from + head->summary_len > size ||
	    ((fixed + from + head->summary_len + head->len + 7) & ~(size_t)7) !=
		size)
		return bad();
	read_deps(f, head);
	f += fixed;
	memcpy(head->from, f, from);
	head->from[from] = '\0';
	head->summary = f + from;
	head->lines = (const char *)f + from + head->summary_len;
	*at += size;
	return 1;
}

void
record_key(uint8_t key[RECORD_KEY], uint32_t run, uint64_t n)
{
	run = htobe32(run);
	n = htobe64(n);
	memcpy(key, &run, 4);
	memcpy(key + 4, &n, 8);
}

int
record_key_read(const uint8_t *key, size_t len, uint32_t *run, uint64_t *n)
{
	if (len != RECORD_KEY)
		return -1;
	memcpy(run, key, 4);
	memcpy(n, key + 4, 8);
	*run = be32toh(*run);
	*n = be64toh(*n);
	return 0;
}

static uint32_t
row_crc(const uint8_t *row, size_t n, const void *key, size_t kn)
{
	return crc32c(crc32c(0, key, kn), row + 4, n - 4);
}

void
record_seal(uint8_t *row, size_t n, const void *key, size_t kn)
{
	record_put32(row, row_crc(row, n, key, kn));
}

int
record_sealed(const uint8_t *row, size_t n, const void *key, size_t kn)
{
	if (n < 4 || record_get32(row) != row_crc(row, n, key, kn))
		return bad();
	return 0;
}
