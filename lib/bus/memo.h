/*
 * The state file of a filter: what it knows at a mark (mark.h), so that
 * whatever is killed, the flow goes on from a mark that the broker has with
 * the state that belongs to it.
 *
 * FILE and FILE.2 hold one saved state each, the older one is written over:
 * a line
 *
 *	{"sg":"memo","version":1,"program":"sg-aggregate",
 *	 "config":"16 hex digits","generation":N,"t":T,"mark":{…},
 *	 "bytes":N,"crc":N}
 *
 * (mark: what stands in the mark's "d"; without marks it is left out) and
 * then that many bytes; crc is the CRC-32C of the line before `,"crc"` and
 * of the bytes.  One that was cut short or altered does not count.  Who
 * removes FILE begins anew.
 *
 * With marks:
 *
 *	for each line
 *		if it is a mark
 *			if it is the first line of all
 *				memo_begin(), and the state from its bytes
 *			switch memo_due()
 *			MEMO_SAVE	memo_save(), pass the mark on
 *			MEMO_PASS	pass the mark on
 *			MEMO_ABSORB	nothing: it goes on as if it was not
 *there else	take the event at the end nothing is saved, and nothing printed
 *that is not due yet
 *
 * and in between the time is that of the last mark.  Without marks:
 * memo_begin() with NULL, at the end of the input memo_save() with NULL.
 */
#ifndef SG_BUS_MEMO_H
#define SG_BUS_MEMO_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "bus/mark.h"

struct memo;

struct memo_options {
	const char *path;
	const char *program; /* "sg-aggregate": needs no JSON escapes */
	uint64_t config;     /* hash of the options that the state depends on */
};

/*
 * memo_open(o, status, why) - Lock the state file, created 0600 if there is
 * none, and read what is in it; o's strings are borrowed while it is open.
 * NULL with *why (completes "PATH: ", valid until the next call) and an exit
 * code: EXIT_UNAVAILABLE in use by another process, EXIT_CONFIG of another
 * program, of other options, or a newer version, EXIT_IO damaged,
 * EXIT_CANTCREATE.
 */
struct memo *
memo_open(const struct memo_options *o, int *status, const char **why);
void memo_close(struct memo *m);

/*
 * memo_begin(m, mark, p, n, why) - The state to begin with: 1 with p[0..n),
 * valid until the next memo_save(); 0: begin empty (with marks: the flow
 * begins anew, or, if *why is not NULL, there is no state for it); -1 with
 * *why: what is saved is of another position or another flow (EXIT_CONFIG).
 * mark is the first of the stream, NULL: there are none.
 */
int memo_begin(struct memo *m, const struct mark *mark, const char **p,
    size_t *n, const char **why);

enum memo_due {
	MEMO_ABSORB = 0, /* neither save nor pass it */
	MEMO_SAVE = 1,	 /* memo_save(), then pass it on */
	MEMO_PASS = 2	 /* pass it on */
};

/*
 * memo_due(m, mark, taken, given) - What is to be done with a mark, where
 * since the last one passed an event was taken, a line given.
 *
 * It is absorbed while the one passed last is not committed, for there is room
 * for the state of one that is and of one that may come to nothing; while
 * nothing has happened (now and then it is passed all the same, so that the
 * position moves); if it is idle, unless a line was given; and as long as
 * saving would take more than a fifth of the time.  A done one is always
 * passed, one that only tells the time never.
 */
enum memo_due
memo_due(struct memo *m, const struct mark *mark, int taken, int given);

/*
 * memo_save(m, mark, p, n, why) - Save the state p[0..n) as that of the mark
 * (NULL: without marks), durably.  0, or -1 with errno and *why.  The mark is
 * to be passed on after that, not before.
 */
int memo_save(struct memo *m, const struct mark *mark, const void *p, size_t n,
    const char **why);

/* What sg-sub has to know of a state file. */
struct memo_peek {
	size_t n;	     /* marks of saved states, the newest first */
	struct mark mark[2]; /* d is NULL */
	struct buf d[2];     /* the texts of them */
};

/*
 * memo_peek(peek, path, why) - Look into a state file without its lock.  0,
 * n is 0 if there is no file or nothing in it; -1 with errno and *why
 * (EBADMSG: damaged).  memo_peek_fini(peek) - Free the texts.
 */
int memo_peek(struct memo_peek *peek, const char *path, const char **why);
void memo_peek_fini(struct memo_peek *peek);

/*
 * Records: how the bytes of a state are written and read.  All numbers are
 * little-endian.
 *
 * memo_put_u64/_i64/_double(b, v) - 8 bytes.
 * memo_put_uint(b, v) - 1 to 10 bytes, the fewer the smaller (LEB128).
 * memo_put_bytes(b, p, n) - n as by memo_put_uint(), then the bytes.
 */
void memo_put_u64(struct buf *b, uint64_t v);
void memo_put_i64(struct buf *b, int64_t v);
void memo_put_double(struct buf *b, double v);
void memo_put_uint(struct buf *b, uint64_t v);
void memo_put_bytes(struct buf *b, const void *p, size_t n);

/* A walk over such bytes; the first fault sticks. */
struct memo_record {
	const char *p;
	size_t n; /* left */
	int bad;
};

/*
 * memo_record(p, n) - Start.  memo_get_* give what was put, or 0 (a NULL of
 * length 0) and r->bad if that does not lie there.  Bytes are borrowed.
 * memo_get_count(r, each) - A memo_put_uint() that says how many things
 * follow, each of at least `each` > 0 bytes: bad if so many cannot be left.
 * memo_get_end(r) - 1 if nothing was bad and nothing is left.
 */
struct memo_record memo_record(const char *p, size_t n);
uint64_t memo_get_u64(struct memo_record *r);
int64_t memo_get_i64(struct memo_record *r);
double memo_get_double(struct memo_record *r);
uint64_t memo_get_uint(struct memo_record *r);
const char *memo_get_bytes(struct memo_record *r, size_t *n);
size_t memo_get_count(struct memo_record *r, size_t each);
int memo_get_end(const struct memo_record *r);

#endif
