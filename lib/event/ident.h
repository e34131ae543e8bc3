/*
 * The identity of an event: src, ep, seq.  One file per source keeps epoch
 * and counter; the epoch rises when the counter was lost (a crash, a second
 * process at the same time), so no (src, ep, seq) is ever given twice.
 */
#ifndef SG_EVENT_IDENT_H
#define SG_EVENT_IDENT_H

#include <stdint.h>

struct ident {
	int fd;
	int64_t ep;	/* >= 1 */
	int64_t seq;	/* last given, 0 at first */
	char *path;
};

/*
 * ident_open(id, dir, src) - Take the counter of src in dir (created 0700).
 * The process that holds it alone continues the epoch from a clean end; any
 * other start gets a new epoch, durable before this returns.  0, or -1 with
 * errno.
 */
int ident_open(struct ident *id, const char *dir, const char *src);

/* ident_next(id) - The next seq, from 1. */
static inline int64_t
ident_next(struct ident *id)
{
	return ++id->seq;
}

/* ident_close(id) - Record the clean end.  0, or -1 with errno. */
int ident_close(struct ident *id);

#endif
