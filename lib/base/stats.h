/*
 * What --stats prints at the end of a run: one JSON object on one line of
 * standard error, in the same members for every program.
 */
#ifndef SG_BASE_STATS_H
#define SG_BASE_STATS_H

#include <stdint.h>

#include "base/buf.h"

/*
 * stats_begin(b, tool, in, out, bad) - Begin the object in b, which is
 * empty: what was read, what was written, what was refused of the former.
 */
void stats_begin(
    struct buf *b, const char *tool, uint64_t in, uint64_t out, uint64_t bad);

/* stats_add(b, name, n) - A further member; name is plain. */
void stats_add(struct buf *b, const char *name, uint64_t n);

/*
 * stats_end(b, n, micros) - End it with the time and with n per second of it
 * as the rate, write it to standard error (also with -q) and free b.
 */
void stats_end(struct buf *b, uint64_t n, int64_t micros);

#endif
