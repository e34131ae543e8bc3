/*
 * CSV: any bytes are read to their end, lines rise; a row without quotes is
 * cut as libcsv cuts it; what csv_add_cell wrote reads back; every event made
 * of a row is a complete event.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "event/csv.h"
#include "event/event.h"
#include "event/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int ok)
{
	if (!ok)
		abort();
}

static struct csv *
open_bytes(const void *p, size_t n, char delimiter)
{
	static int fd = -1;
	char path[64];

	if (fd < 0)
		fd = memfd_create("csv", MFD_CLOEXEC);
	must(ftruncate(fd, 0) == 0);
	must(pwrite(fd, p, n, 0) == (ssize_t)n);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return csv_open(path, delimiter);
}

static void
check_events(struct row *row, const struct csv_cell *c, size_t n)
{
	struct buf b = { 0 };
	struct event e;
	const char *why = NULL, *line, *end;
	int made = row_events(row, c, n, &b, &why);

	must(made >= 0 || (b.len == 0 && why != NULL));
	line = b.p;
	for (int i = 0; i < made; i++) {
		end = memchr(line, '\n', b.len - (size_t)(line - b.p));
		must(end != NULL);
		must(event_scan(&e, line, (size_t)(end - line), &why) == 0);
		must(event_complete(&e, &why) == 0);
		line = end + 1;
	}
	buf_fini(&b);
}

/*
 * The same line with a quoted cell behind it goes through libcsv.  It stands
 * second, since a byte order mark is only one in front.
 */
static void
check_split(const char *raw, size_t n, const struct csv_cell *c, size_t cells,
    char delimiter)
{
	struct buf b = { 0 };
	const struct csv_cell *d;
	struct csv *csv;
	size_t have = 0;

	if (n == 0 || memchr(raw, '"', n) != NULL)
		return;
	buf_adds(&b, "-\n");
	buf_add(&b, raw, n);
	buf_addc(&b, delimiter);
	buf_adds(&b, "\"x\"\n");
	csv = open_bytes(b.p, b.len, delimiter);
	must(csv_next(csv, &d, &have) == 1);
	must(csv_next(csv, &d, &have) == 1 && have == cells + 1);
	for (size_t i = 0; i < cells; i++)
		must(c[i].n == d[i].n && memcmp(c[i].p, d[i].p, c[i].n) == 0);
	csv_close(csv);
	buf_fini(&b);
}

/* Copies of the cells, since one file at a time is open. */
static void
check_back(const struct buf *written, const struct buf *cells, size_t n,
    char delimiter)
{
	struct csv *csv = open_bytes(written->p, written->len, delimiter);
	const struct csv_cell *c;
	const char *p = cells->p;
	size_t have = 0;

	must(csv_next(csv, &c, &have) == 1);
	must(csv_next(csv, &c, &have) == 1 && have == n);
	for (size_t i = 0; i < n; i++) {
		size_t len;

		memcpy(&len, p, sizeof len);
		p += sizeof len;
		must(c[i].n == len && memcmp(c[i].p, p, len) == 0);
		p += len;
	}
	must(csv_next(csv, &c, &have) == 0);
	csv_close(csv);
}

static void
check_row(const struct csv_cell *c, size_t n, char delimiter)
{
	struct buf written = { 0 }, cells = { 0 };
	int any = n > 1;

	buf_adds(&written, "-\n");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(&written, delimiter);
		csv_add_cell(&written, c[i].p, c[i].n, delimiter);
		buf_add(&cells, &c[i].n, sizeof c[i].n);
		buf_add(&cells, c[i].p, c[i].n);
		any |= c[i].n > 0;
	}
	buf_addc(&written, '\n');
	/* a row of one empty cell is a blank row */
	if (any)
		check_back(&written, &cells, n, delimiter);
	buf_fini(&written);
	buf_fini(&cells);
}

static void
read_all(const uint8_t *data, size_t size, char delimiter, struct row *row,
    int which)
{
	struct csv *csv = open_bytes(data, size, delimiter);
	const struct csv_cell *c;
	const char *why, *raw;
	uint64_t line = 0;
	size_t n, raw_n, rows = 0;
	int r, header = 1;

	must(csv != NULL);
	while ((r = csv_next(csv, &c, &n)) != 0) {
		must(r == 1 || (errno == 0 && csv_why(csv) != NULL));
		must(csv_line(csv) > line && ++rows <= size);
		line = csv_line(csv);
		raw = csv_raw(csv, &raw_n);
		if (r < 0)
			continue;
		must(n > 0 && raw != NULL);
		if (which == 0) {
			if (header)
				header = row_header(row, c, n, &why) < 0;
			else
				check_events(row, c, n);
		} else if (which == 1) {
			check_split(raw, raw_n, c, n, delimiter);
			break;
		} else {
			check_row(c, n, delimiter);
			break;
		}
	}
	csv_close(csv);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char delimiters[] = ",;\t| ";
	static const char *member[] = { "q=q", "x=x" };
	static const char *missing[] = { "?" };
	struct row_plan plan = { .clean = size % 2 };
	const char *why;
	struct row *row;
	char d = delimiters[size % 5];

	if (size % 3 > 0) {
		plan.topic = "M/{a}/{name}";
		plan.time = size % 3 == 1 ? "t" : "t,x";
		plan.each = "v,w=a:kW";
		plan.member = member;
		plan.members = size % 7 == 0 ? 2 : 0;
		plan.missing = missing;
		plan.missings = 1;
		plan.scale = size % 5 == 0 ? "-0.001" : NULL;
		plan.decimal_comma = d == ';';
	}
	row = row_new(&plan, &why);
	must(row != NULL);
	read_all(data, size, d, row, 0);
	read_all(data, size, d, row, 1);
	read_all(data, size, d, row, 2);
	row_free(row);
	return 0;
}
