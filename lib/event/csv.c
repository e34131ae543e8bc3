#include "event/csv.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/die.h"

enum { ROW_MAX = 1048576, CHUNK = 65536 };

/*
 * A line without a quote is split in place; only rows with quotes, which
 * may go over several lines, are handed to libcsv.
 */
struct csv {
	int fd;
	char delimiter;
	char *name;
	const char *failed;
	struct line_out *out;
	const char *why;
	struct buf buf;
	size_t at;	   /* where the next row begins */
	size_t raw, raw_n; /* the row last given */
	uint64_t line, next_line;
	int end;
	int skipping; /* behind a row over the limit */
	struct csv_cell *cell;
	size_t n, cap;
	struct buf text; /* cells that libcsv unquoted */
	struct csv_parser parser;
	int row_ended;
};

static int
is_blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int
is_newline(unsigned char c)
{
	return c == '\n';
}

static void
parser_init(struct csv *csv)
{
	if (csv_init(&csv->parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
		die(EXIT_BUG, "out of memory");
	csv_set_delim(&csv->parser, (unsigned char)csv->delimiter);
	csv_set_space_func(&csv->parser, is_blank);
	csv_set_term_func(&csv->parser, is_newline);
}

static int
can_delimit(char c)
{
	return c != '"' && c != '\n' && c != '\r' && c != '\0';
}

static struct csv *
csv_new(int fd, const char *name, char delimiter)
{
	struct csv *csv = xcalloc(1, sizeof *csv);

	csv->fd = fd;
	csv->delimiter = delimiter;
	csv->name = xstrdup(name);
	csv->next_line = 1;
	parser_init(csv);
	return csv;
}

struct csv *
csv_open(const char *path, char delimiter)
{
	int fd = STDIN_FILENO;

	if (!can_delimit(delimiter)) {
		errno = EINVAL;
		return NULL;
	}
	if (strcmp(path, "-") != 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	app_pipe_size(fd);
	return csv_new(
	    fd, strcmp(path, "-") != 0 ? path : "standard input", delimiter);
}

struct csv *
csv_open_text(const char *p, size_t n, char delimiter)
{
	struct csv *csv;

	if (!can_delimit(delimiter)) {
		errno = EINVAL;
		return NULL;
	}
	csv = csv_new(-1, "text", delimiter);
	buf_add(&csv->buf, p, n);
	csv->end = 1;
	return csv;
}

void
csv_flush(struct csv *csv, struct line_out *out)
{
	csv->out = out;
}

const char *
csv_failed(const struct csv *csv)
{
	return csv->failed;
}

const char *
csv_why(const struct csv *csv)
{
	return csv->why;
}

uint64_t
csv_line(const struct csv *csv)
{
	return csv->line;
}

const char *
csv_raw(const struct csv *csv, size_t *n)
{
	*n = csv->raw_n;
	return csv->raw_n > 0 ? csv->buf.p + csv->raw : NULL;
}

/* Read once: 1, 0 at the end, -1. */
static int
fill(struct csv *csv)
{
	struct pollfd ready = { .fd = csv->fd, .events = POLLIN };
	ssize_t n;

	csv->failed = csv->name;
	if (csv->out != NULL && line_out_flush(csv->out) < 0) {
		csv->failed = csv->out->name;
		return -1;
	}
	while ((n = read(csv->fd, buf_room(&csv->buf, CHUNK), CHUNK)) < 0 &&
	    errno == EAGAIN)
		if (poll(&ready, 1, -1) < 0)
			return -1;
	if (n < 0)
		return -1;
	csv->buf.len += (size_t)n;
	csv->end = n == 0;
	return n > 0;
}

/*
 * The line that begins at from: *n bytes without its newline.  1, 2 if it
 * is the last and has no newline, 0 if there is none, -1 with errno, -2 if
 * it is over the limit.  What stands before csv->at may be dropped, so from
 * is given relative to that.
 */
static int
get_line(struct csv *csv, size_t from, size_t *n)
{
	size_t seen = csv->at + from, first = seen;
	const char *p;
	int r;

	for (;;) {
		p = csv->buf.len > seen
		    ? memchr(csv->buf.p + seen, '\n', csv->buf.len - seen)
		    : NULL;
		if (p != NULL) {
			*n = (size_t)(p - csv->buf.p) - first;
			return *n > ROW_MAX ? -2 : 1;
		}
		seen = csv->buf.len;
		*n = seen - first;
		if (*n > ROW_MAX)
			return -2;
		if (csv->end)
			return *n > 0 ? 2 : 0;
		if (csv->at > 0) {
			buf_cut(&csv->buf, csv->at);
			seen -= csv->at;
			first -= csv->at;
			csv->at = 0;
			csv->raw_n = 0;
		}
		r = fill(csv);
		if (r < 0)
			return -1;
	}
}

static void
add_cell(struct csv *csv, const char *p, size_t n)
{
	if (csv->n == csv->cap) {
		csv->cap = csv->cap == 0 ? 32 : csv->cap * 2;
		csv->cell = xrealloc(csv->cell, csv->cap * sizeof *csv->cell);
	}
	csv->cell[csv->n++] = (struct csv_cell){ p, n };
}

static void
add_trimmed(struct csv *csv, const char *p, size_t n)
{
	while (n > 0 && is_blank((unsigned char)*p)) {
		p++;
		n--;
	}
	while (n > 0 && is_blank((unsigned char)p[n - 1]))
		n--;
	add_cell(csv, p, n);
}

static void
split(struct csv *csv, const char *p, size_t n)
{
	const char *end = p + n, *q;

	while ((q = memchr(p, csv->delimiter, (size_t)(end - p))) != NULL) {
		add_trimmed(csv, p, (size_t)(q - p));
		p = q + 1;
	}
	add_trimmed(csv, p, (size_t)(end - p));
}

/* The text may still move, so a cell holds its place until the row ends. */
static void
on_cell(void *p, size_t n, void *to)
{
	struct csv *csv = to;

	add_cell(csv, NULL, n);
	buf_add(&csv->text, p, n);
}

static void
on_row(int c, void *to)
{
	struct csv *csv = to;

	(void)c;
	csv->row_ended = 1;
}

static void
place_cells(struct csv *csv)
{
	const char *p = buf_cstr(&csv->text);

	for (size_t i = 0; i < csv->n; i++) {
		csv->cell[i].p = p;
		p += csv->cell[i].n;
	}
}

static void
parser_reset(struct csv *csv)
{
	csv_free(&csv->parser);
	parser_init(csv);
}

/* Give up the line of n bytes that begins here, and no more. */
static int
refuse(struct csv *csv, size_t n, const char *why)
{
	parser_reset(csv);
	csv->raw = csv->at;
	csv->raw_n = n;
	csv->at += n;
	csv->at += csv->at < csv->buf.len;
	csv->next_line = csv->line + 1;
	csv->why = why;
	errno = 0;
	return -1;
}

/*
 * A row with quotes.  If it is malformed, only its first line is given up:
 * a quote that was never closed must not swallow the rows behind it.
 */
static int
quoted(struct csv *csv, size_t first)
{
	size_t used = 0, n, whole;
	uint64_t lines = 0;
	int r;

	csv->row_ended = 0;
	buf_clear(&csv->text);
	do {
		r = get_line(csv, used, &n);
		if (r == -1) {
			parser_reset(csv);
			return -1;
		}
		if (r == -2 || used + n > ROW_MAX)
			return refuse(
			    csv, first, "a quote is not closed within 1 MiB");
		whole = n + (r == 1);
		if (csv_parse(&csv->parser, csv->buf.p + csv->at + used, whole,
			on_cell, on_row, csv) != whole)
			return refuse(csv, first, "malformed quoting");
		used += whole;
		lines++;
		if (r != 1 && csv_fini(&csv->parser, on_cell, on_row, csv) != 0)
			return refuse(csv, first, "a quote is not closed");
	} while (r == 1 && !csv->row_ended);
	place_cells(csv);
	csv->raw = csv->at;
	csv->raw_n = used - (r == 1);
	csv->at += used;
	csv->next_line = csv->line + lines;
	return 1;
}

/* Drop the rest of a line over the limit, in bounded memory. */
static int
skip(struct csv *csv)
{
	const char *p;
	int r;

	for (;;) {
		p = csv->buf.len > csv->at
		    ? memchr(csv->buf.p + csv->at, '\n', csv->buf.len - csv->at)
		    : NULL;
		if (p != NULL) {
			csv->at = (size_t)(p - csv->buf.p) + 1;
			break;
		}
		buf_clear(&csv->buf);
		csv->at = 0;
		if (csv->end)
			break;
		r = fill(csv);
		if (r < 0)
			return -1;
	}
	csv->skipping = 0;
	csv->next_line++;
	return 0;
}

static int
blank(const struct csv *csv, size_t n)
{
	const char *p = csv->buf.p + csv->at;

	for (size_t i = 0; i < n; i++)
		if (!is_blank((unsigned char)p[i]) || p[i] == csv->delimiter)
			return 0;
	return 1;
}

static int
skip_mark(struct csv *csv)
{
	if (csv->next_line > 1 || csv->buf.len - csv->at < 3 ||
	    memcmp(csv->buf.p + csv->at, "\xef\xbb\xbf", 3) != 0)
		return 0;
	csv->at += 3;
	return 1;
}

/* The next line with anything on it; as get_line(). */
static int
next_line(struct csv *csv, size_t *n)
{
	int r;

	for (;;) {
		if (csv->skipping && skip(csv) < 0)
			return -1;
		csv->line = csv->next_line;
		r = get_line(csv, 0, n);
		if (r <= 0)
			return r;
		if (skip_mark(csv))
			continue;
		if (!blank(csv, *n))
			return r;
		csv->at += *n + (r == 1);
		csv->next_line++;
	}
}

int
csv_next(struct csv *csv, const struct csv_cell **cells, size_t *n)
{
	size_t len;
	int r;

	csv->n = csv->raw_n = 0;
	csv->why = NULL;
	r = next_line(csv, &len);
	if (r == -2) {
		csv->skipping = 1;
		csv->why = "row over 1 MiB";
		errno = 0;
	}
	if (r <= 0)
		return r < 0 ? -1 : 0;
	if (memchr(csv->buf.p + csv->at, '"', len) != NULL) {
		if (quoted(csv, len) < 0)
			return -1;
	} else {
		split(csv, csv->buf.p + csv->at, len);
		csv->raw = csv->at;
		csv->raw_n = len;
		csv->at += len + (r == 1);
		csv->next_line++;
	}
	*cells = csv->cell;
	*n = csv->n;
	return 1;
}

void
csv_close(struct csv *csv)
{
	if (csv == NULL)
		return;
	if (csv->fd > STDIN_FILENO)
		close(csv->fd);
	csv_free(&csv->parser);
	buf_fini(&csv->buf);
	buf_fini(&csv->text);
	free(csv->cell);
	free(csv->name);
	free(csv);
}

static int
needs_quotes(const char *p, size_t n, char delimiter)
{
	if (n == 0)
		return 0;
	return is_blank((unsigned char)p[0]) ||
	    is_blank((unsigned char)p[n - 1]) ||
	    memchr(p, delimiter, n) != NULL || memchr(p, '"', n) != NULL ||
	    memchr(p, '\n', n) != NULL || memchr(p, '\r', n) != NULL;
}

void
csv_add_cell(struct buf *b, const char *p, size_t n, char delimiter)
{
	if (!needs_quotes(p, n, delimiter)) {
		buf_add(b, p, n);
		return;
	}
	buf_addc(b, '"');
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '"')
			buf_addc(b, '"');
		buf_addc(b, p[i]);
	}
	buf_addc(b, '"');
}
