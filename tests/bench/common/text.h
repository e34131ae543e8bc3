/*
 * A file of lines in memory, so that a program times its own work alone.
 */
#ifndef SG_BENCH_TEXT_H
#define SG_BENCH_TEXT_H

#include <stddef.h>

#include "base/buf.h"

/* text_read(path, b) - All of it to b, or the program ends. */
void text_read(const char *path, struct buf *b);

/*
 * text_next(p, end, n) - The line at *p, of *n bytes without its newline; *p
 * moves behind that.  NULL at the end.
 */
const char *text_next(const char **p, const char *end, size_t *n);

/* text_seconds() - CPU time of this process. */
double text_seconds(void);

#endif
