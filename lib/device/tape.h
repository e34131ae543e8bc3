/*
 * Recordings of a line: "<time> < <hex>" for bytes that came and ">" for
 * bytes that were sent, a text line for each read or write, so that grep and
 * diff work on them.  Times are RFC 3339 in UTC to the microsecond.
 */
#ifndef SG_DEVICE_TAPE_H
#define SG_DEVICE_TAPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum tape_direction { TAPE_CAME, TAPE_SENT };

struct tape; /* one that is written */

/* tape_create(path) - Append to path (0600 if new).  NULL with errno. */
struct tape *tape_create(const char *path);

/*
 * tape_write(t, direction, when, p, n) - One line, written out before it
 * returns; none if n is 0.  0, or -1 with errno; lines after one that was
 * written in part are whole again.
 */
int tape_write(struct tape *t, enum tape_direction direction, int64_t when,
    const void *p, size_t n);

/* tape_close(t) - 0, or -1 with errno; NULL is allowed. */
int tape_close(struct tape *t);

/*
 * tape_read(line, n, when, direction, out, why) - One line of a recording,
 * without its newline; bytes are appended to out.  0, or -1 with *why and out
 * as it was.  What people write by hand is read, too: seconds since 1970 for
 * the time, blanks between the bytes, small letters.
 */
int tape_read(const char *line, size_t n, int64_t *when,
    enum tape_direction *direction, struct buf *out, const char **why);

#endif
