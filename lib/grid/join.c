#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "event/csv.h"
#include "grid/index.h"
#include "grid/join.h"

struct join {
	char **cell;	    /* the header's, then those of each row */
	size_t filled, cap; /* rows with the header */
	int columns, key;
	struct index index; /* of rows by key */
};

static char reason[256];

const char *
join_cell(const struct join *join, size_t row, int column)
{
	return join->cell[(row + 1) * (size_t)join->columns + (size_t)column];
}

static int
index_rows(struct join *join, const char **why)
{
	for (size_t row = 0; row < join_rows(join); row++) {
		const char *key = join_cell(join, row, join->key);
		size_t n = strlen(key);

		if (index_get(&join->index, key, n) != INDEX_NONE) {
			snprintf(reason, sizeof reason,
			    "%.100s \"%.100s\" a second time", join_key(join),
			    key);
			*why = reason;
			return -1;
		}
		index_put(&join->index, key, n, (uint32_t)row);
	}
	return 0;
}

/* Rows shorter than the header are filled up with empty cells. */
static void
add_row(struct join *join, const struct csv_cell *cells, size_t n)
{
	size_t columns = (size_t)join->columns;
	size_t at = join->filled * columns;

	if (join->filled == join->cap) {
		join->cap = join->cap * 2 + 64;
		join->cell = xrealloc(
		    join->cell, join->cap * columns * sizeof *join->cell);
	}
	join->filled++;
	for (size_t i = 0; i < columns; i++)
		join->cell[at + i] =
		    i < n ? xstrndup(cells[i].p, cells[i].n) : xstrdup("");
}

static int
read_rows(struct join *join, struct csv *csv, const char **why)
{
	const struct csv_cell *cells;
	size_t n;
	int r = csv_next(csv, &cells, &n);

	if (r == 0 || (r == 1 && n == 0)) {
		*why = "no header row";
		return -1;
	}
	if (r == 1) {
		join->columns = (int)n;
		add_row(join, cells, n);
	}
	while (r == 1 && (r = csv_next(csv, &cells, &n)) == 1) {
		if (n > (size_t)join->columns) {
			snprintf(reason, sizeof reason,
			    "line %llu: more cells than the header",
			    (unsigned long long)csv_line(csv));
			*why = reason;
			return -1;
		}
		add_row(join, cells, n);
	}
	if (r == -1) {
		int no = errno;

		snprintf(reason, sizeof reason, "line %llu: %s",
		    (unsigned long long)csv_line(csv),
		    no != 0 ? strerror(no) : csv_why(csv));
		*why = reason;
	}
	return r;
}

struct join *
join_open(const char *path, const char *key, const char **why)
{
	struct join *join;
	struct csv *csv = csv_open(path, ',');

	if (csv == NULL) {
		*why = strerror(errno);
		return NULL;
	}
	join = xcalloc(1, sizeof *join);
	if (read_rows(join, csv, why) == -1)
		goto fail;
	if (key != NULL &&
	    (join->key = join_column(join, key, strlen(key))) == -1) {
		snprintf(reason, sizeof reason, "no column %.100s", key);
		*why = reason;
		goto fail;
	}
	if (index_rows(join, why) == -1)
		goto fail;
	csv_close(csv);
	return join;
fail:
	csv_close(csv);
	join_close(join);
	return NULL;
}

void
join_close(struct join *join)
{
	size_t n;

	if (join == NULL)
		return;
	n = join->filled * (size_t)join->columns;
	for (size_t i = 0; i < n; i++)
		free(join->cell[i]);
	free(join->cell);
	index_fini(&join->index);
	free(join);
}

const char *
join_key(const struct join *join)
{
	return join->cell[join->key];
}

int
join_column(const struct join *join, const char *name, size_t n)
{
	for (int i = 0; i < join->columns; i++)
		if (strlen(join->cell[i]) == n &&
		    memcmp(join->cell[i], name, n) == 0)
			return i;
	return -1;
}

size_t
join_rows(const struct join *join)
{
	return join->filled - 1;
}

long
join_find(const struct join *join, const char *key, size_t n)
{
	uint32_t row = index_get(&join->index, key, n);

	return row == INDEX_NONE ? -1 : (long)row;
}
