#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "event/csv.h"

static char file[] = "/tmp/sg-test-csv-XXXXXX";

/* Rows as LINE<cell><cell>, refusals as LINE!reason, each on a line. */
static const struct {
	const char *in, *want, *why;
} rows[] = {
	{ "", "", "empty file" },
	{ "a,b\n1,2\n", "1<a><b>\n2<1><2>\n", "plain" },
	{ "a,b\r\n1,2\r\n", "1<a><b>\n2<1><2>\n", "CRLF" },
	{ "a,b\n1,2", "1<a><b>\n2<1><2>\n", "no last newline" },
	{ "\xef\xbb\xbf"
	  "a,b\n",
	    "1<a><b>\n", "byte order mark" },
	{ "a\n\n  \r\nb\n", "1<a>\n4<b>\n", "blank rows are skipped" },
	{ ",\n", "1<><>\n", "empty cells are cells" },
	{ "a,\n", "1<a><>\n", "empty last cell" },
	{ " a , b c\t,\t\n", "1<a><b c><>\n", "blanks around cells" },
	{ "\"a\",\" b \"\n", "1<a>< b >\n", "blanks in quotes stay" },
	{ " \"a\" ,b\n", "1<a><b>\n", "blanks around quotes" },
	{ "\"a,b\",c\n", "1<a,b><c>\n", "delimiter in quotes" },
	{ "\"say \"\"x\"\"\",c\n", "1<say \"x\"><c>\n", "doubled quotes" },
	{ "\"\",\"\"\n", "1<><>\n", "empty quotes" },
	{ "\"a\nb\",c\nd\n", "1<a\nb><c>\n3<d>\n", "newline in quotes" },
	{ "\"a\r\nb\",c\r\nd\n", "1<a\r\nb><c>\n3<d>\n", "CRLF in quotes" },
	{ "\"a\n\n\nb\"\nd\n", "1<a\n\n\nb>\n5<d>\n", "blank lines in quotes" },
	{ "\"a\",b", "1<a><b>\n", "quotes without last newline" },
	{ "\"a\"", "1<a>\n", "last cell quoted without newline" },
	{ "x\"y\nz\n", "1!malformed quoting\n2<z>\n", "quote in a cell" },
	{ "\"x\"y\nz\n", "1!malformed quoting\n2<z>\n", "text behind a quote" },
	{ "\"x\nz,1\n", "1!a quote is not closed\n2<z><1>\n",
	    "an open quote swallows nothing" },
	{ "\"x\nz,\"1\"\n", "1!malformed quoting\n2<z><1>\n",
	    "an open quote closed by the next row's" },
	{ "\"x", "1!a quote is not closed\n", "open at the end" },
	{ "a;b\n", "1<a;b>\n", "another delimiter is text" },
	{ "a\rb\n", "1<a\rb>\n", "a lone CR is text" },
};

static void
write_file(const char *p, size_t n)
{
	int fd = open(file, O_WRONLY | O_TRUNC);

	check(fd >= 0 && write(fd, p, n) == (ssize_t)n, "%.60s: not written",
	    "file");
	close(fd);
}

static void
read_rows(struct csv *csv, struct buf *b)
{
	const struct csv_cell *c;
	size_t n;
	int r;

	while ((r = csv_next(csv, &c, &n)) != 0) {
		if (r < 0 && errno != 0) {
			buf_addf(b, "error %d\n", errno);
			return;
		}
		buf_addu(b, csv_line(csv));
		if (r < 0)
			buf_addf(b, "!%s", csv_why(csv));
		for (size_t i = 0; r > 0 && i < n; i++)
			buf_addf(b, "<%.*s>", (int)c[i].n, c[i].p);
		buf_addc(b, '\n');
	}
}

static void
test_rows(void)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = { 0 };
		struct csv *csv;

		write_file(rows[i].in, strlen(rows[i].in));
		csv = csv_open(file, ',');
		read_rows(csv, &b);
		check(strcmp(buf_cstr(&b), rows[i].want) == 0, "%.60s: %s",
		    rows[i].in, rows[i].why);
		csv_close(csv);
		buf_clear(&b);
		csv = csv_open_text(rows[i].in, strlen(rows[i].in), ',');
		read_rows(csv, &b);
		check(strcmp(buf_cstr(&b), rows[i].want) == 0,
		    "%.60s: %s: in memory", rows[i].in, rows[i].why);
		buf_fini(&b);
		csv_close(csv);
	}
}

/* Cells written by csv_add_cell come back, whatever the delimiter. */
static void
test_back(void)
{
	static const char *const cells[] = { "a", "", "a,b", "a;b", "a\tb",
		"say \"x\"", " a", "a ", "\t", "a\nb", "a\r", "\"", "0" };
	static const char delimiters[] = ",;\t|";
	const size_t n = sizeof cells / sizeof *cells;
	const struct csv_cell *c = NULL;
	struct csv *tabs;
	size_t two = 0;

	/* a tab is no blank where it stands between cells */
	write_file("\t\n \nx\t\n", 7);
	tabs = csv_open(file, '\t');
	check(csv_next(tabs, &c, &two) == 1 && two == 2 && c[1].n == 0 &&
		csv_next(tabs, &c, &two) == 1 && csv_line(tabs) == 3,
	    "%.60s: a row of empty cells", "tab");
	csv_close(tabs);
	for (const char *d = delimiters; *d != '\0'; d++) {
		struct buf b = { 0 };
		struct csv *csv;
		size_t have = 0;
		int ok;

		for (size_t i = 0; i < n; i++) {
			if (i > 0)
				buf_addc(&b, *d);
			csv_add_cell(&b, cells[i], strlen(cells[i]), *d);
		}
		buf_addc(&b, '\n');
		write_file(b.p, b.len);
		csv = csv_open(file, *d);
		ok = csv_next(csv, &c, &have) == 1 && have == n;
		for (size_t i = 0; ok && i < n; i++)
			ok = c[i].n == strlen(cells[i]) &&
			    memcmp(c[i].p, cells[i], c[i].n) == 0;
		check(ok, "%.60s: does not come back", b.p);
		csv_close(csv);
		buf_fini(&b);
	}
}

static void
test_raw(void)
{
	static const char in[] = "a,b\r\n\"x\ny\",1\nbad\"\n";
	static const char *const raw[] = { "a,b\r", "\"x\ny\",1", "bad\"" };
	const struct csv_cell *c;
	struct csv *csv;
	size_t n;

	write_file(in, sizeof in - 1);
	csv = csv_open(file, ',');
	for (size_t i = 0; i < 3; i++) {
		size_t len = 0;
		const char *p;

		csv_next(csv, &c, &n);
		p = csv_raw(csv, &len);
		check(p != NULL && len == strlen(raw[i]) &&
			memcmp(p, raw[i], len) == 0,
		    "%.60s: raw text", raw[i]);
	}
	csv_close(csv);
}

/* A long row at every place around the read size, and rows over the limit. */
static void
test_long(void)
{
	enum { MIB = 1048576 };
	struct buf b = { 0 };
	const struct csv_cell *c;
	struct csv *csv;
	size_t n, len;

	for (size_t before = 65530; before < 65545; before++) {
		int ok;

		buf_clear(&b);
		memset(buf_room(&b, before), 'x', before);
		b.len = before;
		buf_adds(&b, "\r\n\"q\n\"\"\",2\n");
		write_file(b.p, b.len);
		csv = csv_open(file, ',');
		ok = csv_next(csv, &c, &n) == 1 && n == 1 && c[0].n == before;
		ok = ok && csv_next(csv, &c, &n) == 1 && n == 2 &&
		    c[0].n == 3 && memcmp(c[0].p, "q\n\"", 3) == 0;
		ok = ok && csv_next(csv, &c, &n) == 0;
		check(ok, "%.60s: boundary", "64 KiB");
		csv_close(csv);
	}
	for (size_t extra = 0; extra < 2; extra++) {
		buf_clear(&b);
		memset(buf_room(&b, 3 * MIB), 'y', 3 * MIB);
		b.len = extra == 0 ? MIB : 3 * MIB;
		buf_adds(&b, "\nlast");
		write_file(b.p, b.len);
		csv = csv_open(file, ',');
		if (extra == 0)
			check(csv_next(csv, &c, &n) == 1 && c[0].n == MIB,
			    "%.60s: is allowed", "1 MiB");
		else
			check(csv_next(csv, &c, &n) == -1 && errno == 0 &&
				strcmp(csv_why(csv), "row over 1 MiB") == 0 &&
				csv_raw(csv, &len) == NULL,
			    "%.60s: refused", "3 MiB");
		check(csv_next(csv, &c, &n) == 1 && c[0].n == 4 &&
			csv_line(csv) == 2 && csv_next(csv, &c, &n) == 0,
		    "%.60s: the walk goes on", "last");
		csv_close(csv);
	}
	buf_fini(&b);
}

static void
test_errors(void)
{
	const struct csv_cell *c;
	struct csv *csv = csv_open("/tmp", ',');
	size_t n;

	check(csv_open("/nowhere/x", ',') == NULL && errno == ENOENT,
	    "%.60s: no such file", "/nowhere");
	check(csv_open(file, '"') == NULL && errno == EINVAL,
	    "%.60s: no delimiter", "quote");
	check(csv_open_text("", 0, '"') == NULL && errno == EINVAL,
	    "%.60s: no delimiter of a text", "quote");
	check(csv_open(file, '\n') == NULL && errno == EINVAL,
	    "%.60s: no delimiter", "newline");
	check(csv != NULL && csv_next(csv, &c, &n) == -1 && errno == EISDIR &&
		strcmp(csv_failed(csv), "/tmp") == 0,
	    "%.60s: a folder", "/tmp");
	csv_close(csv);
	csv_close(NULL);
}

int
main(void)
{
	close(mkstemp(file));
	test_rows();
	test_back();
	test_raw();
	test_long();
	test_errors();
	unlink(file);
	return check_done();
}
