/*
 * A CSV file whose first row names its columns: a table that a person keeps.
 * Columns are found by name, in whatever order they stand.
 */
#ifndef SG_EVENT_SHEET_H
#define SG_EVENT_SHEET_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/csv.h"

enum { SHEET_COLUMNS = 16 };

struct sheet {
	struct csv_cell cell[SHEET_COLUMNS]; /* of the row; absent: n 0 */
	struct csv *csv;
	const char *path; /* borrowed */
	struct buf *why;  /* borrowed */
	size_t columns;
	int at[SHEET_COLUMNS]; /* column of the file, -1: it has none */
	size_t width;	       /* columns of the file */
};

/*
 * sheet_open(s, path, names, n, required, why) - Open path, whose first row
 * has to name the first `required` of the n columns, and may name the others;
 * any other name is refused.  1; 0 if the first row does not begin with
 * names[0] (a table of another kind); -1 with why set to "FILE: why not" or
 * "FILE:LINE: what is wrong".  s->path and why are borrowed.
 */
int sheet_open(struct sheet *s, const char *path, const char *const *names,
    size_t n, size_t required, struct buf *why);

/*
 * sheet_next(s) - The next row is in s->cell: 1; 0 at the end; -1 with why.
 * The cells are valid until the next call.
 */
int sheet_next(struct sheet *s);

/* sheet_line(s) - Line on which the row began, from 1. */
uint64_t sheet_line(const struct sheet *s);

/*
 * sheet_refuse(s, line, fmt, ...) - Set why to "FILE:LINE: ...".  Returns -1.
 */
int sheet_refuse(const struct sheet *s, uint64_t line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void sheet_close(struct sheet *s);

/* cell_is(cell, text) - 1 if they are equal. */
int cell_is(const struct csv_cell *cell, const char *text);

#endif
