#include "event/sheet.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 60 }; /* bytes of a name in a message */

int
cell_is(const struct csv_cell *cell, const char *text)
{
	return cell->n == strlen(text) && memcmp(cell->p, text, cell->n) == 0;
}

int
sheet_refuse(const struct sheet *s, uint64_t line, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_clear(s->why);
	buf_addf(
	    s->why, "%s:%llu: %s", s->path, (unsigned long long)line, text);
	return -1;
}

/* The row after csv_next() said r. */
static int
refuse_row(const struct sheet *s)
{
	int no = errno;

	if (csv_why(s->csv) != NULL)
		return sheet_refuse(s, csv_line(s->csv), "%s", csv_why(s->csv));
	buf_clear(s->why);
	buf_addf(s->why, "%s: %s", s->path, strerror(no));
	return -1;
}

static int
read_header(
    struct sheet *s, const char *const *names, size_t n, size_t required)
{
	const struct csv_cell *cell;
	int r = csv_next(s->csv, &cell, &s->width);

	if (r < 0)
		return refuse_row(s);
	if (r == 0)
		return sheet_refuse(s, 1, "no row that names the columns");
	if (!cell_is(cell, names[0]))
		return 0;
	for (size_t i = 0; i < s->width; i++) {
		size_t c = 0;

		while (c < n && !cell_is(&cell[i], names[c]))
			c++;
		if (c == n || s->at[c] >= 0)
			return sheet_refuse(s, csv_line(s->csv), "%s: %.*s",
			    c == n ? "no such column" : "column given twice",
			    (int)(cell[i].n < SHOWN ? cell[i].n : SHOWN),
			    cell[i].p);
		s->at[c] = (int)i;
	}
	for (size_t c = 0; c < required; c++)
		if (s->at[c] < 0)
			return sheet_refuse(
			    s, csv_line(s->csv), "column absent: %s", names[c]);
	return 1;
}

int
sheet_open(struct sheet *s, const char *path, const char *const *names,
    size_t n, size_t required, struct buf *why)
{
	int r;

	*s = (struct sheet){ .path = path, .why = why, .columns = n };
	for (size_t i = 0; i < SHEET_COLUMNS; i++)
		s->at[i] = -1;
	s->csv = csv_open(path, ',');
	if (s->csv == NULL) {
		buf_clear(why);
		buf_addf(why, "%s: %s", path, strerror(errno));
		return -1;
	}
	r = read_header(s, names, n, required);
	if (r <= 0)
		sheet_close(s);
	return r;
}

int
sheet_next(struct sheet *s)
{
	const struct csv_cell *cell;
	size_t n;
	int r = csv_next(s->csv, &cell, &n);

	if (r < 0)
		return refuse_row(s);
	if (r == 0)
		return 0;
	if (n > s->width)
		return sheet_refuse(s, csv_line(s->csv),
		    "%zu cells, but only %zu columns", n, s->width);
	for (size_t c = 0; c < s->columns; c++) {
		size_t at = (size_t)s->at[c];

		/* an empty cell has no place in the row */
		s->cell[c] = s->at[c] < 0 || at >= n || cell[at].n == 0
		    ? (struct csv_cell){ "", 0 }
		    : cell[at];
		if (memchr(s->cell[c].p, '\0', s->cell[c].n) != NULL)
			return sheet_refuse(s, csv_line(s->csv), "a NUL byte");
	}
	return 1;
}

uint64_t
sheet_line(const struct sheet *s)
{
	return csv_line(s->csv);
}

void
sheet_close(struct sheet *s)
{
	if (s->csv != NULL)
		csv_close(s->csv);
	s->csv = NULL;
}
