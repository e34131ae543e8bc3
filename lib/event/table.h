/*
 * Rows under names of columns, as CSV, as a JSON object each, or aligned for
 * a person.  Rows are kept until they are printed.
 */
#ifndef SG_EVENT_TABLE_H
#define SG_EVENT_TABLE_H

#include <stddef.h>

#include "base/buf.h"

enum table_format { TABLE_CSV, TABLE_PRETTY, TABLE_JSON };

/* Their names in this order, NULL-terminated, for OPT_CHOICE. */
extern const char *const table_formats[];

enum { TABLE_COLUMNS = 24 };

/* All-zero has no columns and no rows. */
struct table {
	struct buf text; /* cells one after the other, names first */
	struct buf ends; /* size_t each: where a cell ends in text */
	struct buf kind; /* of each cell */
	size_t columns, rows;
};

/*
 * table_column(t, fmt, ...) - One more column, before the first row; at most
 * TABLE_COLUMNS.
 */
void table_column(struct table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * table_text(t, p, n) - The next cell of the row, UTF-8; empty: no value.
 * table_number(t, p, n) - The same for a JSON number as text.
 * table_word, table_count - From a C string, a whole number.
 * table_end(t) - The row ends; cells not given are empty.
 */
void table_text(struct table *t, const char *p, size_t n);
void table_number(struct table *t, const char *p, size_t n);
void table_word(struct table *t, const char *s);
void table_count(struct table *t, long long v);
void table_end(struct table *t);

/*
 * table_print(t, format, b) - Append all: CSV (RFC 4180, LF) with a row of
 * names; JSON, an object per line without the members that have no value;
 * or columns two blanks apart, numbers to the right, control characters
 * shown as '?'.
 */
void table_print(const struct table *t, enum table_format format,
    struct buf *b);

void table_fini(struct table *t);

#endif
