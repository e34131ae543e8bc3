#include "event/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "event/csv.h"
#include "event/json.h"

const char *const table_formats[] = { "csv", "pretty", "json", NULL };

enum kind { NONE, TEXT, NUMBER };

static void
add(struct table *t, const char *p, size_t n, enum kind kind)
{
	buf_add(&t->text, p, n);
	buf_add(&t->ends, &t->text.len, sizeof t->text.len);
	buf_addc(&t->kind, (char)(n == 0 ? NONE : kind));
}

void
table_column(struct table *t, const char *fmt, ...)
{
	char name[80];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof name, fmt, ap);
	va_end(ap);
	add(t, name, strlen(name), TEXT);
	t->columns++;
}

/* Cells of the row that has begun */
static size_t
cells(const struct table *t)
{
	return t->kind.len - (t->rows + 1) * t->columns;
}

void
table_text(struct table *t, const char *p, size_t n)
{
	if (cells(t) < t->columns)
		add(t, p, n, TEXT);
}

void
table_number(struct table *t, const char *p, size_t n)
{
	if (cells(t) < t->columns)
		add(t, p, n, NUMBER);
}

void
table_word(struct table *t, const char *s)
{
	table_text(t, s, strlen(s));
}

void
table_count(struct table *t, long long v)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%lld", v);

	table_number(t, text, (size_t)n);
}

void
table_end(struct table *t)
{
	while (cells(t) < t->columns)
		add(t, "", 0, NONE);
	t->rows++;
}

/* Row 0 are the names. */
static const char *
cell(const struct table *t, size_t row, size_t column, size_t *n)
{
	size_t i = row * t->columns + column, end, begin = 0;

	memcpy(&end, t->ends.p + i * sizeof end, sizeof end);
	if (i > 0)
		memcpy(&begin, t->ends.p + (i - 1) * sizeof end, sizeof end);
	*n = end - begin;
	return t->text.p + begin;
}

static enum kind
kind(const struct table *t, size_t row, size_t column)
{
	return (enum kind)t->kind.p[row * t->columns + column];
}

static void
print_csv(const struct table *t, struct buf *b)
{
	const char *p;
	size_t n;

	for (size_t row = 0; row <= t->rows; row++) {
		for (size_t c = 0; c < t->columns; c++) {
			if (c > 0)
				buf_addc(b, ',');
			p = cell(t, row, c, &n);
			csv_add_cell(b, p, n, ',');
		}
		buf_addc(b, '\n');
	}
}

static void
print_json(const struct table *t, struct buf *b)
{
	const char *p;
	size_t n;

	for (size_t row = 1; row <= t->rows; row++) {
		char before = '{';

		for (size_t c = 0; c < t->columns; c++) {
			if (kind(t, row, c) == NONE)
				continue;
			buf_addc(b, before);
			before = ',';
			p = cell(t, 0, c, &n);
			json_add_string(b, p, n);
			buf_addc(b, ':');
			p = cell(t, row, c, &n);
			if (kind(t, row, c) == NUMBER)
				buf_add(b, p, n);
			else
				json_add_string(b, p, n);
		}
		buf_adds(b, before == '{' ? "{}\n" : "}\n");
	}
}

/* Characters, counted as the bytes that do not continue one. */
static size_t
width(const char *p, size_t n)
{
	size_t w = 0;

	for (size_t i = 0; i < n; i++)
		w += ((unsigned char)p[i] & 0xc0) != 0x80;
	return w;
}

static void
add_blanks(struct buf *b, size_t n)
{
	while (n-- > 0)
		buf_addc(b, ' ');
}

/* No control character reaches a terminal, those of C1 neither. */
static void
add_safe(struct buf *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == 0xc2 && i + 1 < n && (unsigned char)p[i + 1] < 0xa0) {
			buf_addc(b, '?');
			i++;
		} else {
			buf_addc(b, c < 0x20 || c == 0x7f ? '?' : (char)c);
		}
	}
}

/* Measure a column: its width, and whether only numbers are in it. */
static size_t
measure(const struct table *t, size_t c, int *right)
{
	size_t w = 0, n;

	*right = 0;
	for (size_t row = 1; row <= t->rows && *right >= 0; row++)
		if (kind(t, row, c) != NONE)
			*right = kind(t, row, c) == NUMBER ? 1 : -1;
	for (size_t row = 0; row <= t->rows; row++) {
		const char *p = cell(t, row, c, &n);

		if (width(p, n) > w)
			w = width(p, n);
	}
	return w;
}

static void
print_pretty(const struct table *t, struct buf *b)
{
	size_t wide[TABLE_COLUMNS] = { 0 }, n;
	int right[TABLE_COLUMNS] = { 0 };

	for (size_t c = 0; c < t->columns && c < TABLE_COLUMNS; c++)
		wide[c] = measure(t, c, &right[c]);
	for (size_t row = 0; row <= t->rows; row++) {
		size_t blanks = 0;

		for (size_t c = 0; c < t->columns && c < TABLE_COLUMNS; c++) {
			const char *p = cell(t, row, c, &n);
			size_t left = wide[c] - width(p, n);

			blanks += right[c] > 0 ? left : 0;
			if (n > 0) {
				add_blanks(b, blanks);
				add_safe(b, p, n);
				blanks = 0;
			}
			blanks += 2 + (right[c] > 0 ? 0 : left);
		}
		buf_addc(b, '\n');
	}
}

void
table_print(const struct table *t, enum table_format format, struct buf *b)
{
	switch (format) {
	case TABLE_CSV: print_csv(t, b); break;
	case TABLE_PRETTY: print_pretty(t, b); break;
	case TABLE_JSON: print_json(t, b); break;
	}
}

void
table_fini(struct table *t)
{
	buf_fini(&t->text);
	buf_fini(&t->ends);
	buf_fini(&t->kind);
	*t = (struct table){ 0 };
}
