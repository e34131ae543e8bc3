#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "device/enocean/devices_part.h"

static const char first_row[] =
    "sender,profile,name,offset,options,manufacturer";

/* What a column of a learned row holds. */
static struct csv_cell
learned_cell(const struct columns *columns, size_t i,
    const struct device_row *row, const char *address)
{
	const char *text = "";

	if (i == columns->at[COLUMN_SENDER])
		text = address;
	else if (i == columns->at[COLUMN_PROFILE])
		text = row->profile;
	else if (i == columns->at[COLUMN_NAME])
		text = row->name;
	else if (strcmp(columns->name[i], "manufacturer") == 0 &&
	    row->manufacturer != NULL)
		text = row->manufacturer;
	return (struct csv_cell){ text, strlen(text) };
}

/* Rows end as the first one does. */
static const char *
end_of_row(const struct buf *text)
{
	const char *newline =
	    text->len > 0 ? memchr(text->p, '\n', text->len) : NULL;

	return newline != NULL && newline > text->p && newline[-1] == '\r'
	    ? "\r\n"
	    : "\n";
}

static void
add_row(struct buf *text, const struct csv_cell *c, size_t n)
{
	const char *end = end_of_row(text);

	if (text->len > 0 && text->p[text->len - 1] != '\n')
		buf_adds(text, end);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(text, ',');
		csv_add_cell(text, c[i].p, c[i].n, ',');
	}
	buf_adds(text, end);
}

/* Give a file without any row its first one. */
static int
begin_columns(struct devices *d, struct buf *text, struct buf *why)
{
	const struct buf first = { .p = text->p, .len = text->len };

	if (text->len > 0 && text->p[text->len - 1] != '\n')
		buf_adds(text, end_of_row(&first));
	buf_adds(text, first_row);
	buf_adds(text, end_of_row(text));
	return devices_parse(d, text, why);
}

/*
 * Add the row to the text and to d, which is what the text says.  1, 0 if it
 * was there, -1 with why.
 */
static int
learn_text(struct devices *d, struct buf *text, const struct device_row *row,
    struct buf *why)
{
	struct csv_cell cell[COLUMNS_MAX];
	struct device_row full = *row;
	struct profile_name profile;
	char address[13];
	struct device *dev;
	int r = devices_parse(d, text, why);

	if (r == 0)
		r = begin_columns(d, text, why);
	if (r < 0)
		return -1;
	buf_clear(why);
	if (profile_read(d, row->profile, strlen(row->profile), &profile, why) <
	    0)
		return -1;
	dev = device_by_sender(d, row->sender);
	r = dev != NULL && entry_has(d->entry[dev->index], &profile);
	free(profile.definitions);
	if (r)
		return 0;
	telegram_format_address(address, row->sender);
	if (full.name == NULL)
		full.name = dev != NULL ? dev->name : address;
	for (size_t i = 0; i < d->columns.n; i++)
		cell[i] = learned_cell(&d->columns, i, &full, address);
	if (devices_row(d, cell, d->columns.n, 0, why) < 0)
		return -1;
	add_row(text, cell, d->columns.n);
	return 1;
}

/* From what the file says to memory, if nothing there is against it. */
static struct device *
adopt(struct devices *d, struct devices *fresh, uint64_t sender,
    struct store_file *s, const struct buf *text, struct buf *why)
{
	struct device *dev = device_by_sender(fresh, sender);
	struct csv_cell name = { dev->name, strlen(dev->name) };
	struct entry *known;

	if (devices_known(d, sender, &name, &known, 0, why) < 0)
		return NULL;
	if (text != NULL && store_file_replace(s, d, text, why) < 0)
		return NULL;
	return &devices_adopt(d, fresh->entry[dev->index])->dev;
}

struct device *
devices_learn_row(
    struct devices *d, const struct device_row *row, struct buf *why)
{
	struct devices *fresh;
	struct device *dev = NULL;
	struct store_file s;
	struct buf text = { 0 };
	int r;

	if (store_file_open(&s, d, why) < 0)
		return NULL;
	fresh = devices_new(d->path, d->eep);
	buf_add(&text, s.text.p, s.text.len);
	r = learn_text(fresh, &text, row, why);
	if (r >= 0)
		dev =
		    adopt(d, fresh, row->sender, &s, r > 0 ? &text : NULL, why);
	buf_fini(&text);
	devices_close(fresh);
	store_file_close(&s);
	return dev;
}

struct device *
devices_learn(struct devices *d, uint64_t sender, const char *profile,
    const char *name, struct buf *why)
{
	const struct device_row row = { sender, profile, name, NULL };

	return devices_learn_row(d, &row, why);
}

/* Which rows are to go. */
struct out {
	uint64_t sender;
	int all;
	struct profile_name profile;
};

static int
goes(const struct devices *d, const struct csv_cell *c, size_t n,
    const struct out *out)
{
	struct csv_cell sender = cell_of(&d->columns, COLUMN_SENDER, c, n);
	struct csv_cell text = cell_of(&d->columns, COLUMN_PROFILE, c, n);
	struct profile_name profile;
	struct buf why = { 0 };
	uint64_t address;
	int same;

	if (telegram_address(sender.p, sender.n, &address) < 0 ||
	    address != out->sender)
		return 0;
	if (out->all)
		return 1;
	same = profile_read(d, text.p, text.n, &profile, &why) == 0 &&
	    profile.profile == out->profile.profile &&
	    (profile.definitions == NULL) ==
		(out->profile.definitions == NULL) &&
	    (profile.definitions == NULL ||
		strcmp(profile.definitions, out->profile.definitions) == 0);
	free(profile.definitions);
	buf_fini(&why);
	return same;
}

/* Where that many lines further is. */
static size_t
skip_lines(const struct buf *text, size_t at, uint64_t lines)
{
	while (lines-- > 0) {
		const char *p = memchr(text->p + at, '\n', text->len - at);

		if (p == NULL)
			return text->len;
		at = (size_t)(p - text->p) + 1;
	}
	return at;
}

/* Append what stays of the text, whose reading d is: how many rows go. */
static size_t
cut_rows(const struct devices *d, const struct buf *text, const struct out *out,
    struct buf *rest)
{
	struct csv *csv = devices_rows(text);
	size_t at = 0, kept = 0, gone = 0, n, bytes;
	const struct csv_cell *c;
	uint64_t line = 1;

	for (int first = 1; csv_next(csv, &c, &n) > 0; first = 0) {
		at = skip_lines(text, at, csv_line(csv) - line);
		line = csv_line(csv);
		if (first || !goes(d, c, n, out))
			continue;
		csv_raw(csv, &bytes);
		buf_add(rest, text->p + kept, at - kept);
		kept = at + bytes;
		kept += kept < text->len;
		gone++;
	}
	if (kept < text->len)
		buf_add(rest, text->p + kept, text->len - kept);
	csv_close(csv);
	return gone;
}

/* Memory is to be what the rest of the file says of the sender. */
static void
forget_memory(struct devices *d, struct devices *fresh, const struct out *out)
{
	struct device *old = device_by_sender(d, out->sender);
	struct device *left = device_by_sender(fresh, out->sender);

	if (old == NULL)
		return;
	if (left != NULL && strcmp(left->name, old->name) == 0) {
		devices_adopt(d, fresh->entry[left->index]);
		return;
	}
	entry_drop(d->entry[old->index], out->all ? NULL : &out->profile);
	if (!entry_alive(d->entry[old->index])) {
		d->dead++;
		devices_index(d);
	}
}

static int
forget_file(struct devices *d, struct store_file *s, const struct out *out,
    struct buf *why)
{
	struct devices *before = devices_new(d->path, d->eep);
	struct devices *after = devices_new(d->path, d->eep);
	struct buf rest = { 0 };
	int r = devices_parse(before, &s->text, why);

	if (r > 0 && cut_rows(before, &s->text, out, &rest) > 0)
		r = store_file_replace(s, d, &rest, why);
	if (r >= 0)
		r = devices_parse(after, &rest, why);
	if (r >= 0)
		forget_memory(d, after, out);
	buf_fini(&rest);
	devices_close(before);
	devices_close(after);
	return r < 0 ? -1 : 0;
}

int
devices_forget(
    struct devices *d, uint64_t sender, const char *profile, struct buf *why)
{
	struct out out = { .sender = sender, .all = profile == NULL };
	struct store_file s;
	int r;

	buf_clear(why);
	if (profile != NULL &&
	    profile_read(d, profile, strlen(profile), &out.profile, why) < 0)
		return -1;
	r = store_file_open(&s, d, why);
	if (r == 0)
		r = forget_file(d, &s, &out, why);
	store_file_close(&s);
	free(out.profile.definitions);
	return r;
}
