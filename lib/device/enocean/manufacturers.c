#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/app.h"
#include "base/die.h"
#include "device/enocean/teach.h"
#include "event/sheet.h"

enum { MANUFACTURERS = 0x800 }; /* 11 bits */

enum { ID, NAME, COLUMNS };

static const char *const columns[COLUMNS] = { "id", "name" };

struct manufacturers {
	char *name[MANUFACTURERS];
};

void
manufacturers_close(struct manufacturers *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < MANUFACTURERS; i++)
		free(m->name[i]);
	free(m);
}

const char *
manufacturer_name(const struct manufacturers *m, uint16_t id)
{
	return m != NULL && id < MANUFACTURERS ? m->name[id] : NULL;
}

/* "0x033" */
static int
read_id(const struct csv_cell *c, size_t *out)
{
	static const char digits[] = "0123456789ABCDEFabcdef";

	if (c->n < 3 || c->n > 6 || memcmp(c->p, "0x", 2) != 0)
		return -1;
	*out = 0;
	for (size_t i = 2; i < c->n; i++) {
		const char *p = memchr(digits, c->p[i], sizeof digits - 1);
		size_t digit;

		if (p == NULL)
			return -1;
		digit = (size_t)(p - digits);
		*out = *out * 16 + (digit < 16 ? digit : digit - 6);
	}
	return *out < MANUFACTURERS ? 0 : -1;
}

static int
add(struct manufacturers *m, const struct sheet *s)
{
	size_t id;

	if (read_id(&s->cell[ID], &id) < 0)
		return sheet_refuse(
		    s, sheet_line(s), "id: not of the form 0x033");
	if (s->cell[NAME].n == 0)
		return sheet_refuse(s, sheet_line(s), "no name");
	if (m->name[id] != NULL)
		return sheet_refuse(s, sheet_line(s), "this id stands above");
	m->name[id] = xstrndup(s->cell[NAME].p, s->cell[NAME].n);
	return 0;
}

static int
read_all(struct manufacturers *m, const char *path, struct buf *why)
{
	struct sheet s;
	int r = sheet_open(&s, path, columns, COLUMNS, COLUMNS, why);

	if (r == 0)
		return sheet_refuse(&s, 1, "column absent: id");
	if (r < 0)
		return -1;
	while ((r = sheet_next(&s)) > 0)
		if (add(m, &s) < 0) {
			r = -1;
			break;
		}
	sheet_close(&s);
	return r;
}

struct manufacturers *
manufacturers_open(const char *path, struct buf *why)
{
	struct manufacturers *m;
	char share[4096];

	if (path == NULL) {
		if (app_share(share, sizeof share, "eep/manufacturers.csv") <
		    0) {
			buf_clear(why);
			buf_addf(why, "%s: %s", share, strerror(errno));
			return NULL;
		}
		path = share;
	}
	m = xcalloc(1, sizeof *m);
	if (read_all(m, path, why) == 0)
		return m;
	manufacturers_close(m);
	return NULL;
}
