/*
 * A growing byte buffer.  All-zero is a valid empty buffer; growth is by
 * doubling; out of memory ends the process (die.h).
 */
#ifndef SG_BASE_BUF_H
#define SG_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	char *p;	/* bytes; not terminated unless buf_cstr() */
	size_t len;	/* bytes used */
	size_t cap;	/* bytes allocated */
};

/* buf_fini(b) - Free the bytes and make b empty again. */
void buf_fini(struct buf *b);

/* buf_clear(b) - Forget the content and keep the memory. */
void buf_clear(struct buf *b);

/*
 * buf_room(b, n) - Make room for n more bytes and return where they go.
 * The caller writes there and adds what it wrote to b->len.  Valid until
 * the next call on b.
 */
char *buf_room(struct buf *b, size_t n);

/* buf_add(b, p, n) - Append n bytes from p; p must not lie inside b. */
void buf_add(struct buf *b, const void *p, size_t n);

/* buf_adds/buf_addc - Append a C string, one byte. */
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);

/* buf_addf(b, fmt, ...) - Append printf output. */
void buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* buf_addu(b, v) / buf_addi(b, v) - Append v in decimal, fast. */
void buf_addu(struct buf *b, uint64_t v);
void buf_addi(struct buf *b, int64_t v);

/* buf_cut(b, n) - Drop the first n bytes, n <= b->len. */
void buf_cut(struct buf *b, size_t n);

/* buf_cstr(b) - Terminate without counting the NUL; valid until changed. */
const char *buf_cstr(struct buf *b);

#endif
