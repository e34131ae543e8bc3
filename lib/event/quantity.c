#include "event/quantity.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/app.h"
#include "base/die.h"
#include "event/sheet.h"
#include "event/topic.h"
#include "event/unit.h"

enum column { NAME, UNIT, KIND, DESCRIPTION, COLUMNS };

static const char *const columns[COLUMNS] = { "quantity", "unit", "kind",
	"description" };

struct quantities {
	struct quantity *row; /* by name once all are read */
	size_t n, cap;
};

static int
by_name(const void *a, const void *b)
{
	const struct quantity *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
read_kind(const struct csv_cell *cell, enum quantity_kind *kind)
{
	static const char *const names[] = { [QUANTITY_NUMBER] = "number",
		[QUANTITY_BOOL] = "bool",
		[QUANTITY_TEXT] = "text" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (cell_is(cell, names[i])) {
			*kind = (enum quantity_kind)i;
			return 0;
		}
	return -1;
}

static const char *
fault(const struct csv_cell *c, enum quantity_kind kind)
{
	if (topic_check(c[NAME].p, c[NAME].n) != NULL ||
	    memchr(c[NAME].p, '/', c[NAME].n) != NULL)
		return "the name does not fit into a topic";
	if (kind != QUANTITY_NUMBER)
		return c[UNIT].n == 0 ? NULL : "only numbers have a unit";
	return unit_known(c[UNIT].p, c[UNIT].n) ? NULL
						: "the unit is not registered";
}

static int
take_row(struct quantities *q, const struct sheet *s)
{
	const struct csv_cell *c = s->cell;
	enum quantity_kind kind;
	const char *why;

	if (read_kind(&c[KIND], &kind) < 0)
		return sheet_refuse(
		    s, sheet_line(s), "kind: has to be number, bool or text");
	why = fault(c, kind);
	if (why != NULL)
		return sheet_refuse(s, sheet_line(s), "%s", why);
	if (q->n == q->cap) {
		q->cap = q->cap == 0 ? 256 : 2 * q->cap;
		q->row = xrealloc(q->row, q->cap * sizeof *q->row);
	}
	q->row[q->n++] = (struct quantity){
		.name = xstrndup(c[NAME].p, c[NAME].n),
		.unit = xstrndup(c[UNIT].p, c[UNIT].n),
		.description = xstrndup(c[DESCRIPTION].p, c[DESCRIPTION].n),
		.kind = kind,
	};
	return 0;
}

static int
read_rows(struct quantities *q, const char *path, struct buf *why)
{
	struct sheet s;
	int r = sheet_open(&s, path, columns, COLUMNS, COLUMNS, why);

	if (r == 0) {
		buf_clear(why);
		buf_addf(why, "%s:1: no table of quantities", path);
	}
	if (r <= 0)
		return -1;
	while ((r = sheet_next(&s)) > 0 && (r = take_row(q, &s)) == 0)
		;
	sheet_close(&s);
	return r;
}

static int
sort_rows(struct quantities *q, const char *path, struct buf *why)
{
	if (q->n > 0)
		qsort(q->row, q->n, sizeof *q->row, by_name);
	for (size_t i = 1; i < q->n; i++)
		if (strcmp(q->row[i - 1].name, q->row[i].name) == 0) {
			buf_clear(why);
			buf_addf(
			    why, "%s: given twice: %s", path, q->row[i].name);
			return -1;
		}
	return 0;
}

struct quantities *
quantities_open(const char *path, struct buf *why)
{
	char share[PATH_MAX];
	struct quantities *q;

	if (path == NULL) {
		if (app_share(share, sizeof share, "quantities.csv") < 0) {
			buf_clear(why);
			buf_addf(why, "%s: %s", share, strerror(errno));
			return NULL;
		}
		path = share;
	}
	q = xcalloc(1, sizeof *q);
	if (read_rows(q, path, why) < 0 || sort_rows(q, path, why) < 0) {
		quantities_close(q);
		return NULL;
	}
	return q;
}

void
quantities_close(struct quantities *q)
{
	if (q == NULL)
		return;
	for (size_t i = 0; i < q->n; i++) {
		/* cast: only this module may give back what it copied */
		free((char *)(uintptr_t)q->row[i].name);
		free((char *)(uintptr_t)q->row[i].unit);
		free((char *)(uintptr_t)q->row[i].description);
	}
	free(q->row);
	free(q);
}

static int
compare(const char *name, const char *p, size_t n)
{
	int d = strncmp(p, name, n);

	return d != 0 ? d : name[n] == '\0' ? 0 : -1;
}

const struct quantity *
quantity_find(const struct quantities *q, const char *name, size_t n)
{
	size_t low = 0, high = q->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int d = compare(q->row[mid].name, name, n);

		if (d == 0)
			return &q->row[mid];
		if (d < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}
