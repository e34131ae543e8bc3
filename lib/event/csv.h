/*
 * CSV rows (RFC 4180, libcsv), with the line each began on.
 */
#ifndef SG_EVENT_CSV_H
#define SG_EVENT_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/line.h"

struct csv_cell {
	const char *p; /* not terminated */
	size_t n;
};

struct csv;

/*
 * csv_open(path, delimiter) - "-" is standard input.  NULL with errno.
 */
struct csv *csv_open(const char *path, char delimiter);

/* csv_open_text(p, n, delimiter) - The same for a text in memory, copied. */
struct csv *csv_open_text(const char *p, size_t n, char delimiter);

/* csv_flush(csv, out) - Flush out before every wait for input. */
void csv_flush(struct csv *csv, struct line_out *out);

/*
 * csv_next(csv, cells, n) - The next row; cells are valid until the next
 * call.  A byte order mark and blank rows are skipped, CRLF and LF both end
 * a row, blanks around a cell without quotes do not belong to it.  1, 0 at
 * the end, -1 with errno (csv_failed() names the file or output; EINTR may
 * be continued), or -1 with csv_why() for malformed quoting or a row over
 * 1 MiB (the walk may go on: with the next line).
 */
int csv_next(struct csv *csv, const struct csv_cell **cells, size_t *n);
const char *csv_why(const struct csv *csv);
const char *csv_failed(const struct csv *csv);

/* csv_line(csv) - Line on which the row last given began, from 1. */
uint64_t csv_line(const struct csv *csv);

/*
 * csv_raw(csv, n) - Text of the row last given or refused, as read, without
 * its newline; valid until the next call.  NULL if it was over 1 MiB.
 */
const char *csv_raw(const struct csv *csv, size_t *n);

void csv_close(struct csv *csv);

/* csv_add_cell(b, p, n, delimiter) - Append one cell, quoted if needed. */
void csv_add_cell(struct buf *b, const char *p, size_t n, char delimiter);

#endif
