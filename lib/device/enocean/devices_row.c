#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "device/enocean/devices_part.h"
#include "event/json.h"
#include "event/topic.h"

static const char *const column_name[COLUMNS] = {
	[COLUMN_SENDER] = "sender",
	[COLUMN_PROFILE] = "profile",
	[COLUMN_NAME] = "name",
	[COLUMN_OFFSET] = "offset",
	[COLUMN_OPTIONS] = "options",
};

enum { SHOWN = 80 }; /* bytes of a cell in a message */

static int
shown(const struct csv_cell *c)
{
	return c->n < SHOWN ? (int)c->n : SHOWN;
}

int
fault(const struct devices *d, uint64_t line, struct buf *why, const char *fmt,
    ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_clear(why);
	if (d->path != NULL)
		buf_adds(why, d->path);
	if (d->path != NULL && line > 0)
		buf_addf(why, ":%llu", (unsigned long long)line);
	if (d->path != NULL)
		buf_adds(why, ": ");
	buf_adds(why, text);
	return -1;
}

/* What makes bytes no text of a JSON string, or NULL. */
static const char *
not_text(const struct csv_cell *c, size_t *bytes)
{
	struct buf b = { 0 };
	const char *why = NULL;

	json_add_string(&b, c->p, c->n);
	if (json_check(b.p, b.len, &why) != JSON_NONE)
		why = NULL;
	*bytes = b.len;
	buf_fini(&b);
	return why;
}

static enum column
which_column(const struct csv_cell *c)
{
	enum column i = 0;

	while (i < COLUMNS &&
	    (strlen(column_name[i]) != c->n ||
		memcmp(column_name[i], c->p, c->n) != 0))
		i++;
	return i;
}

static int
add_column(
    struct devices *d, const struct csv_cell *c, uint64_t line, struct buf *why)
{
	struct columns *to = &d->columns;
	enum column known = which_column(c);
	size_t bytes;
	const char *wrong = not_text(c, &bytes);

	if (wrong != NULL)
		return fault(d, line, why, "column %zu: %s", to->n + 1, wrong);
	for (size_t i = 0; c->n > 0 && i < to->n; i++)
		if (strlen(to->name[i]) == c->n &&
		    memcmp(to->name[i], c->p, c->n) == 0)
			return fault(d, line, why, "two columns \"%.*s\"",
			    shown(c), c->p);
	if (known < COLUMNS)
		to->at[known] = to->n;
	to->name[to->n++] = xstrndup(c->n > 0 ? c->p : "", c->n);
	return 0;
}

static int
read_columns(struct devices *d, const struct csv_cell *c, size_t n,
    uint64_t line, struct buf *why)
{
	for (enum column i = 0; i < COLUMNS; i++)
		d->columns.at[i] = SIZE_MAX;
	if (n > COLUMNS_MAX)
		return fault(d, line, why, "more than %d columns", COLUMNS_MAX);
	for (size_t i = 0; i < n; i++)
		if (add_column(d, &c[i], line, why) < 0)
			return -1;
	for (enum column i = COLUMN_SENDER; i <= COLUMN_NAME; i++)
		if (d->columns.at[i] == SIZE_MAX)
			return fault(d, line, why, "no column \"%s\"%s",
			    column_name[i],
			    n == 1 && memchr(c->p, ';', c->n) != NULL
				? "; columns are separated by ',', not ';'"
				: "");
	return 0;
}

struct csv_cell
cell_of(const struct columns *columns, enum column which,
    const struct csv_cell *c, size_t n)
{
	size_t at = columns->at[which];

	return at < n ? c[at] : (struct csv_cell){ "", 0 };
}

/* What makes the text no name, or NULL. */
static const char *
not_name(const struct csv_cell *c)
{
	struct buf topic = { 0 };
	size_t digits = 0;
	const char *why;

	if (c->n == 0)
		return "empty";
	if (c->n > DEVICE_NAME_MAX)
		return "longer than 58 bytes";
	if (memchr(c->p, '/', c->n) != NULL)
		return "has a '/'";
	buf_adds(&topic, "DEVICE/");
	buf_add(&topic, c->p, c->n);
	why = topic_check(topic.p, topic.len);
	buf_fini(&topic);
	while (digits < c->n && c->p[c->n - 1 - digits] >= '0' &&
	    c->p[c->n - 1 - digits] <= '9')
		digits++;
	if (why == NULL && digits > 0 && digits < c->n &&
	    c->p[c->n - 1 - digits] == ':')
		why = "ends as a channel of a device does";
	return why;
}

static int
read_sender(const struct csv_cell *c, uint64_t *out)
{
	return telegram_address(c->p, c->n, out) < 0 || *out == 0 ||
		*out == TELEGRAM_BROADCAST
	    ? -1
	    : 0;
}

/* " (line 7)", if it is in a file. */
static void
add_line(struct buf *why, uint64_t line)
{
	if (line > 0)
		buf_addf(why, " (line %llu)", (unsigned long long)line);
}

int
devices_known(const struct devices *d, uint64_t sender,
    const struct csv_cell *name, struct entry **out, uint64_t line,
    struct buf *why)
{
	struct device *dev = device_by_sender(d, sender);
	struct entry *other = entry_by_name(d, name->p, name->n);
	char address[13];

	*out = dev != NULL ? d->entry[dev->index] : NULL;
	if (other == *out)
		return 0;
	if (dev != NULL) {
		telegram_format_address(address, sender);
		fault(
		    d, line, why, "%s is named %s already", address, dev->name);
		add_line(why, (*out)->line);
	} else {
		telegram_format_address(address, other->dev.sender);
		fault(d, line, why, "%s is the name of %s", other->dev.name,
		    address);
		add_line(why, other->line);
	}
	return -1;
}

static int
set_offset(const struct devices *d, struct entry *e, const struct csv_cell *c,
    uint64_t line, struct buf *why)
{
	int64_t offset;

	if (c->n == 0)
		return 0;
	if (num_uint(c->p, c->n, &offset) < 0 || offset >= DEVICE_OFFSETS)
		return fault(d, line, why, "offset \"%.*s\": not 0 to %d",
		    shown(c), c->p, DEVICE_OFFSETS - 1);
	if (e->has_offset && e->dev.offset != (int)offset)
		return fault(d, line, why, "%s has offset %d already",
		    e->dev.name, e->dev.offset);
	e->has_offset = 1;
	e->dev.offset = (int)offset;
	return 0;
}

static const struct {
	const char *word;
	enum device_option option;
} option[] = {
	{ "percent", DEVICE_PERCENT },
	{ "mute", DEVICE_MUTE },
	{ "controller", DEVICE_CONTROLLER },
};

static unsigned
option_of(const char *p, size_t n)
{
	for (size_t i = 0; i < sizeof option / sizeof *option; i++)
		if (strlen(option[i].word) == n &&
		    memcmp(option[i].word, p, n) == 0)
			return option[i].option;
	return 0;
}

static int
set_options(const struct devices *d, struct entry *e, const struct csv_cell *c,
    uint64_t line, struct buf *why)
{
	const char *p = c->p, *end = c->p + c->n;

	while (p < end) {
		const char *blank = memchr(p, ' ', (size_t)(end - p));
		size_t n = (size_t)((blank != NULL ? blank : end) - p);
		unsigned bit = option_of(p, n);

		if (n > 0 && bit == 0)
			return fault(d, line, why,
			    "option \"%.*s\": neither percent nor mute nor "
			    "controller",
			    n < SHOWN ? (int)n : SHOWN, p);
		e->dev.options |= bit;
		p += n + (blank != NULL);
	}
	return 0;
}

static int
has_attribute(
    const struct entry *e, const char *column, const struct csv_cell *c)
{
	for (size_t i = 0; i < e->attributes; i++)
		if (strcmp(e->attribute[i].column, column) == 0 &&
		    strlen(e->attribute[i].text) == c->n &&
		    memcmp(e->attribute[i].text, c->p, c->n) == 0)
			return 1;
	return 0;
}

static int
set_attribute(const struct devices *d, struct entry *e, const char *column,
    const struct csv_cell *c, uint64_t line, struct buf *why)
{
	size_t bytes;
	const char *wrong = not_text(c, &bytes);

	if (wrong != NULL)
		return fault(d, line, why, "%s: %s", column, wrong);
	if (has_attribute(e, column, c))
		return 0;
	e->attribute_bytes += bytes + strlen(column);
	if (e->attribute_bytes > ATTRIBUTES_MAX)
		return fault(d, line, why,
		    "%s: more than 64 KiB of columns for one device",
		    e->dev.name);
	e->attribute =
	    xrealloc(e->attribute, (e->attributes + 1) * sizeof *e->attribute);
	e->attribute[e->attributes++] = (struct attribute){
		.column = xstrdup(column),
		.text = xstrndup(c->p, c->n),
	};
	return 0;
}

static int
is_attribute(const struct columns *columns, size_t i)
{
	for (enum column which = 0; which < COLUMNS; which++)
		if (columns->at[which] == i)
			return 0;
	return columns->name[i][0] != '\0';
}

static int
set_attributes(const struct devices *d, struct entry *e,
    const struct csv_cell *c, size_t n, uint64_t line, struct buf *why)
{
	for (size_t i = 0; i < n && i < d->columns.n; i++)
		if (c[i].n > 0 && is_attribute(&d->columns, i) &&
		    set_attribute(d, e, d->columns.name[i], &c[i], line, why) <
			0)
			return -1;
	for (size_t i = d->columns.n; i < n; i++)
		if (c[i].n > 0)
			return fault(d, line, why, "%zu cells for %zu columns",
			    n, d->columns.n);
	return 0;
}

static int
set_profile(const struct devices *d, struct entry *e, const struct csv_cell *c,
    uint64_t line, struct buf *why)
{
	struct profile_name profile;
	struct buf wrong = { 0 };
	int r = profile_read(d, c->p, c->n, &profile, &wrong);

	if (r == 0)
		r = profile_add(d, e, &profile, &wrong);
	free(profile.definitions);
	if (r < 0)
		fault(d, line, why, "%s", buf_cstr(&wrong));
	buf_fini(&wrong);
	return r;
}

/* All but sender and name. */
static int
set_rest(const struct devices *d, struct entry *e, const struct csv_cell *c,
    size_t n, uint64_t line, struct buf *why)
{
	struct csv_cell profile = cell_of(&d->columns, COLUMN_PROFILE, c, n);
	struct csv_cell offset = cell_of(&d->columns, COLUMN_OFFSET, c, n);
	struct csv_cell options = cell_of(&d->columns, COLUMN_OPTIONS, c, n);

	if (set_profile(d, e, &profile, line, why) < 0 ||
	    set_offset(d, e, &offset, line, why) < 0 ||
	    set_options(d, e, &options, line, why) < 0)
		return -1;
	return set_attributes(d, e, c, n, line, why);
}

int
devices_row(struct devices *d, const struct csv_cell *c, size_t n,
    uint64_t line, struct buf *why)
{
	struct csv_cell sender = cell_of(&d->columns, COLUMN_SENDER, c, n);
	struct csv_cell name = cell_of(&d->columns, COLUMN_NAME, c, n);
	struct entry *e, fresh = { .line = line };
	const char *wrong = not_name(&name);
	int r;

	if (read_sender(&sender, &fresh.dev.sender) < 0)
		return fault(d, line, why,
		    "sender \"%.*s\": no address of a device: 8 hex digits",
		    shown(&sender), sender.p);
	if (wrong != NULL)
		return fault(d, line, why, "name \"%.*s\": %s", shown(&name),
		    name.p, wrong);
	if (devices_known(d, fresh.dev.sender, &name, &e, line, why) < 0)
		return -1;
	if (e != NULL)
		return set_rest(d, e, c, n, line, why);
	memcpy(fresh.dev.name, name.p, name.n);
	r = set_rest(d, &fresh, c, n, line, why);
	if (r == 0)
		devices_adopt(d, &fresh);
	entry_fini(&fresh);
	return r;
}

/* The text with blanks in the place of comments: lines that begin with '#'. */
static void
blank_comments(char *p, size_t n)
{
	char *end = p + n;
	int quoted = 0;

	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	while (p < end) {
		char *newline = memchr(p, '\n', (size_t)(end - p));
		char *next = newline != NULL ? newline + 1 : end;
		char *q = p;

		while (q < next && (*q == ' ' || *q == '\t'))
			q++;
		if (!quoted && q < next && *q == '#')
			memset(p, ' ',
			    (size_t)((newline != NULL ? newline : end) - p));
		for (q = p; q < next; q++)
			quoted ^= *q == '"';
		p = next;
	}
}

struct csv *
devices_rows(const struct buf *text)
{
	struct buf copy = { 0 };
	struct csv *csv;

	buf_add(&copy, text->p, text->len);
	if (copy.len > 0)
		blank_comments(copy.p, copy.len);
	csv = csv_open_text(copy.p, copy.len, ',');
	buf_fini(&copy);
	return csv;
}

int
devices_parse(struct devices *d, const struct buf *text, struct buf *why)
{
	struct csv *csv = devices_rows(text);
	const struct csv_cell *c;
	int r, rows = 0;
	size_t n;

	while ((r = csv_next(csv, &c, &n)) > 0) {
		uint64_t line = csv_line(csv);

		r = rows == 0 ? read_columns(d, c, n, line, why)
			      : devices_row(d, c, n, line, why);
		if (r < 0)
			break;
		rows = 1;
	}
	if (r < 0 && csv_why(csv) != NULL)
		fault(d, csv_line(csv), why, "%s", csv_why(csv));
	csv_close(csv);
	return r < 0 ? -1 : rows;
}
