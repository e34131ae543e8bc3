#include <string.h>

#include "bus/memo.h"

void
memo_put_u64(struct buf *b, uint64_t v)
{
	unsigned char to[8];

	for (size_t i = 0; i < sizeof to; i++)
		to[i] = (unsigned char)(v >> 8 * i);
	buf_add(b, to, sizeof to);
}

void
memo_put_i64(struct buf *b, int64_t v)
{
	memo_put_u64(b, (uint64_t)v);
}

void
memo_put_double(struct buf *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	memo_put_u64(b, bits);
}

void
memo_put_uint(struct buf *b, uint64_t v)
{
	unsigned char to[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		to[n++] = (unsigned char)(v | 0x80);
	to[n++] = (unsigned char)v;
	buf_add(b, to, n);
}

void
memo_put_bytes(struct buf *b, const void *p, size_t n)
{
	memo_put_uint(b, n);
	buf_add(b, p, n);
}

struct memo_record
memo_record(const char *p, size_t n)
{
	return (struct memo_record){ p, n, 0 };
}

/* n bytes, or NULL. */
static const unsigned char *
take(struct memo_record *r, size_t n)
{
	const char *p = r->p;

	if (r->bad || n > r->n) {
		r->bad = 1;
		return NULL;
	}
	if (n > 0)
		r->p += n;
	r->n -= n;
	return (const unsigned char *)p;
}

uint64_t
memo_get_u64(struct memo_record *r)
{
	const unsigned char *p = take(r, 8);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < 8; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

int64_t
memo_get_i64(struct memo_record *r)
{
	return (int64_t)memo_get_u64(r);
}

double
memo_get_double(struct memo_record *r)
{
	uint64_t bits = memo_get_u64(r);
	double v;

	memcpy(&v, &bits, sizeof v);
	return v;
}

/* As it was put: neither longer than needed nor beyond 64 bits. */
uint64_t
memo_get_uint(struct memo_record *r)
{
	const unsigned char *p;
	uint64_t v = 0;

	for (int shift = 0; (p = take(r, 1)) != NULL; shift += 7) {
		v |= (uint64_t)(*p & 0x7f) << shift;
		if (*p & 0x80 && shift < 63)
			continue;
		if ((*p == 0 && shift > 0) || (shift == 63 && *p > 1))
			break;
		return v;
	}
	r->bad = 1;
	return 0;
}

const char *
memo_get_bytes(struct memo_record *r, size_t *n)
{
	uint64_t len = memo_get_uint(r);
	const unsigned char *p;

	*n = 0;
	if (len > SIZE_MAX) {
		r->bad = 1;
		return NULL;
	}
	p = take(r, (size_t)len);
	if (p != NULL)
		*n = (size_t)len;
	return (const char *)p;
}

size_t
memo_get_count(struct memo_record *r, size_t each)
{
	uint64_t count = memo_get_uint(r);

	if (count > r->n / each)
		r->bad = 1;
	return r->bad ? 0 : (size_t)count;
}

int
memo_get_end(const struct memo_record *r)
{
	return !r->bad && r->n == 0;
}
