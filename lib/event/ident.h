/*
 * The identity of an event: src, ep, seq.  One file per source keeps epoch
 * and counter; the epoch rises when the counter was lost (a crash, a second
 * process at the same time), so no (src, ep, seq) is ever given twice.
 */
#ifndef SG_EVENT_IDENT_H
#define SG_EVENT_IDENT_H

#include <stdint.h>

struct ident {
	int fd;	     /* the folder; -1: closed */
	int64_t ep;  /* >= 1; the Unix time at which it began, or later */
	int64_t seq; /* last given, 0 at first */
	char *path;  /* name of the file in the folder */
};

/*
 * ident_open(id, dir, src) - Take the counter of src in dir (created 0700
 * with its parents).  After a clean end the first to come continues the
 * epoch; anyone else (one who comes while that one runs, or after a crash)
 * gets a new epoch, durable before this returns.  0, or -1 with errno
 * (EBADMSG: the file is damaged).
 */
int ident_open(struct ident *id, const char *dir, const char *src);

/* ident_next(id) - The next seq, from 1. */
static inline int64_t
ident_next(struct ident *id)
{
	return ++id->seq;
}

/*
 * ident_close(id) - Record the clean end; without it the epoch is over.  0,
 * or -1 with errno.  Closing twice is allowed.
 */
int ident_close(struct ident *id);

#endif
