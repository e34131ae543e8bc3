#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "event/csv.h"
#include "grid/join.h"
#include "grid/names.h"

struct join {
	uint32_t *cell;	    /* in texts: the header's, then those of each row */
	size_t filled, cap; /* rows with the header */
	int columns, key;
	struct names texts; /* different ones */
	uint32_t *row;	    /* by number in texts: row that it is the key of */
};

static char reason[256];

static const char *
text(const struct join *join, size_t i)
{
	size_t n;

	return names_text(&join->texts, join->cell[i], &n);
}

const char *
join_cell(const struct join *join, size_t row, int column)
{
	return text(join, (row + 1) * (size_t)join->columns + (size_t)column);
}

static int
index_rows(struct join *join, const char **why)
{
	size_t columns = (size_t)join->columns;

	join->row = xmalloc((join->texts.n + 1) * sizeof *join->row);
	memset(join->row, 0xff, join->texts.n * sizeof *join->row);
	for (size_t row = 0; row < join_rows(join); row++) {
		uint32_t i =
		    join->cell[(row + 1) * columns + (size_t)join->key];

		if (join->row[i] != NAMES_NONE) {
			snprintf(reason, sizeof reason,
			    "%.100s \"%.100s\" a second time", join_key(join),
			    join_cell(join, row, join->key));
			*why = reason;
			return -1;
		}
		join->row[i] = (uint32_t)row;
	}
	return 0;
}

/* Rows shorter than the header are filled up with empty cells. */
static int
add_row(struct join *join, const struct csv_cell *cells, size_t n)
{
	size_t columns = (size_t)join->columns;
	size_t at = join->filled * columns;

	if (join->filled == join->cap) {
		join->cap += join->cap / 2 + 64;
		join->cell = xrealloc(
		    join->cell, join->cap * columns * sizeof *join->cell);
	}
	join->filled++;
	for (size_t i = 0; i < columns; i++) {
		join->cell[at + i] = i < n
		    ? names_get(&join->texts, cells[i].p, cells[i].n)
		    : names_get(&join->texts, "", 0);
		if (join->cell[at + i] == NAMES_NONE)
			return -1;
	}
	return 0;
}

/* As csv_next() says; errno 0 and *why if it is not csv that has failed. */
static int
next_row(struct join *join, struct csv *csv, const char **why)
{
	const struct csv_cell *cells;
	size_t n;
	int r = csv_next(csv, &cells, &n);

	*why = NULL;
	if (r != 1)
		return r;
	if (join->columns == 0)
		join->columns = (int)n;
	if (n > (size_t)join->columns)
		*why = "more cells than the header";
	else if (add_row(join, cells, n) == -1)
		*why = "more than 4 GiB of text";
	errno = 0;
	return *why == NULL ? 1 : -1;
}

static int
read_rows(struct join *join, struct csv *csv, const char **why)
{
	int r;

	while ((r = next_row(join, csv, why)) == 1 && join->columns > 0)
		continue;
	if (join->columns == 0 && r != -1) {
		*why = "no header row";
		return -1;
	}
	if (r == -1) {
		int no = errno;

		if (*why == NULL)
			*why = no != 0 ? strerror(no) : csv_why(csv);
		snprintf(reason, sizeof reason, "line %llu: %s",
		    (unsigned long long)csv_line(csv), *why);
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
	if (join == NULL)
		return;
	names_fini(&join->texts);
	free(join->cell);
	free(join->row);
	free(join);
}

const char *
join_key(const struct join *join)
{
	return text(join, (size_t)join->key);
}

const char *
join_column_name(const struct join *join, int column)
{
	return column < join->columns ? text(join, (size_t)column) : NULL;
}

int
join_column(const struct join *join, const char *name, size_t n)
{
	for (int i = 0; i < join->columns; i++)
		if (names_is(&join->texts, join->cell[i], name, n))
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
	uint32_t i = names_find(&join->texts, key, n);

	return i == NAMES_NONE || join->row[i] == NAMES_NONE
	    ? -1
	    : (long)join->row[i];
}
