/*
 * What is remembered of sources for a restart: a file with a JSON object a
 * line, of each that has signed something,
 *
 *  {"src":S,"ep":E,"high":H,"gaps":[[FROM,TO,TOLD],...],"last":B,
 *   "seal_ep":E,"next":Q,"every":MICROS,"sealed":0}
 *
 * with last (base64url) to every only if there is a chain of seals.
 */
#ifndef SG_TRUST_SOURCE_STATE_H
#define SG_TRUST_SOURCE_STATE_H

#include <stddef.h>

#include "base/buf.h"
#include "trust/sources.h"

/*
 * source_state_add(b, q) - Append the line of one.
 * source_state_read(s, p, n) - Take such a line p[0..n): 0, or -1 if it is
 * none.
 */
void source_state_add(struct buf *b, const struct source *q);
int source_state_read(struct sources *s, const char *p, size_t n);

/*
 * source_state_save(s, path) - Replace the file, durably, by way of
 * PATH.new.  0, or -1 with errno.
 * source_state_load(s, path, line) - 0 if all of it was taken or there is no
 * such file; -1 with errno, or with *line > 0, which is damaged.
 */
int source_state_save(const struct sources *s, const char *path);
int source_state_load(struct sources *s, const char *path, uint64_t *line);

#endif
