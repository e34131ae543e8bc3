/*
 * A CSV table with a header row, looked up by the text of one of its
 * columns, such as the feeder and phase of each meter.
 */
#ifndef SG_GRID_JOIN_H
#define SG_GRID_JOIN_H

#include <stddef.h>

struct join;

/*
 * join_open(path, key, why) - Read the whole table.  key names the column
 * that rows are found by, NULL is the first.  NULL with *why ("line 7:
 * N1F1-003 a second time"), which is valid until the next call.
 */
struct join *join_open(const char *path, const char *key, const char **why);
void join_close(struct join *join);

/* join_key(join) - The name of the key column. */
const char *join_key(const struct join *join);

/* join_column(join, name, n) - Number of the column of that name, or -1. */
int join_column(const struct join *join, const char *name, size_t n);

/* join_column_name(join, column) - The name of a column, NULL: there is none.
 */
const char *join_column_name(const struct join *join, int column);

/* join_rows(join) - How many rows there are, without the header. */
size_t join_rows(const struct join *join);

/* join_find(join, key, n) - Number of the row with that key, or -1. */
long join_find(const struct join *join, const char *key, size_t n);

/* join_cell(join, row, column) - Its text; borrowed from the table. */
const char *join_cell(const struct join *join, size_t row, int column);

#endif
