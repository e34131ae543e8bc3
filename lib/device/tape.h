/*
 * Recordings of a line: "<time> < <hex>" for bytes that came and ">" for
 * bytes that were sent, a text line for each read or write, so that grep and
 * diff work on them.
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
/* 0, or -1 with errno; written out before it returns. */
int tape_write(struct tape *t, enum tape_direction direction, int64_t when,
    const void *p, size_t n);
int tape_close(struct tape *t);

/*
 * tape_read(line, n, when, direction, out, why) - One line of a recording,
 * without its newline; bytes are appended to out.  0, or -1 with *why.
 */
int tape_read(const char *line, size_t n, int64_t *when,
    enum tape_direction *direction, struct buf *out, const char **why);

#endif
