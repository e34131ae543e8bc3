#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/die.h"
#include "base/num.h"
#include "device/enocean/eep_part.h"

enum { CHANNELS_MAX = 128 };

static const char *const columns[EEP_COLUMNS] = {
	[EEP_PROFILE] = "profile",
	[EEP_MESSAGE] = "message",
	[EEP_WHEN] = "when",
	[EEP_FIELD] = "field",
	[EEP_NAME] = "name",
	[EEP_CELL_BITS] = "bits",
	[EEP_RANGE] = "range",
	[EEP_UNIT] = "unit",
	[EEP_RULES] = "rules",
	[EEP_QUANTITY] = "quantity",
	[EEP_VALUES] = "values",
	[EEP_NOTE] = "note",
	[EEP_TITLE] = "title",
	[EEP_SAME_AS] = "same_as",
	[EEP_CHANNELS] = "channels",
	[EEP_LACKS] = "lacks",
};

_Static_assert(
    (int)EEP_COLUMNS <= (int)SHEET_COLUMNS, "a sheet has room for all");

/* A file that is being read. */
struct reader {
	struct eep *eep;
	struct sheet sheet;
	struct eep_profile *profile;
	struct eep_message *message; /* not finished yet, or NULL */
	struct buf when;	     /* its cell */
	struct eep_draft *draft;     /* EEP_FIELDS */
	size_t n;
};

static int
refuse(const struct reader *r, const char *what, const struct csv_cell *cell)
{
	return sheet_refuse(&r->sheet, sheet_line(&r->sheet), "%s: \"%.*s\"",
	    what, (int)(cell->n < 80 ? cell->n : 80), cell->p);
}

static void
add_message(struct eep *eep, struct eep_profile *p, const struct eep_message *m)
{
	if (p->messages == p->cap) {
		size_t cap = p->cap == 0 ? 4 : 2 * p->cap;
		const struct eep_message **grown =
		    eep_alloc(eep, cap * sizeof(void *));

		for (size_t i = 0; i < p->messages; i++)
			grown[i] = p->message[i];
		p->message = grown;
		p->cap = cap;
	}
	p->message[p->messages++] = m;
}

static int
end_message(struct reader *r)
{
	struct eep_message *m = r->message;

	r->message = NULL;
	if (m == NULL)
		return 0;
	if (eep_message_make(r->eep, &r->sheet, m, r->draft, r->n) < 0)
		return -1;
	add_message(r->eep, r->profile, m);
	return 0;
}

static int
begin_profile(struct reader *r, uint32_t id)
{
	struct eep_profile *p = eep_get(r->eep, id);

	if (p->round == r->eep->round)
		return refuse(r, "profile: its rows have to stand together",
		    &r->sheet.cell[EEP_PROFILE]);
	p->round = r->eep->round;
	p->messages = p->cap = 0;
	p->same = NULL;
	r->profile = p;
	return 0;
}

static int
begin_message(struct reader *r, const struct csv_cell *name)
{
	struct eep_text t = eep_text(name);
	struct csv_cell word;
	struct eep_message *m;

	if (!eep_text_word(&t, &word) || !eep_text_end(&t))
		return refuse(
		    r, "message: letters, digits and _ make a name", name);
	m = eep_alloc(r->eep, sizeof *m);
	m->name = eep_string(r->eep, name->p, name->n);
	m->rorg = (uint8_t)(r->profile->id >> 16);
	r->n = 0;
	r->message = m;
	buf_clear(&r->when);
	buf_add(&r->when, r->sheet.cell[EEP_WHEN].p, r->sheet.cell[EEP_WHEN].n);
	return eep_when_read(&r->sheet, m, &r->sheet.cell[EEP_WHEN]);
}

/* How many bits a telegram of the profile carries. */
static size_t
bits_of(const struct eep_profile *p)
{
	switch (p->id >> 16) {
	case RORG_4BS: return 32;
	case RORG_RPS:
	case RORG_1BS: return 8;
	default: return EEP_BITS;
	}
}

static int
take_field(struct reader *r)
{
	const struct csv_cell *c = r->sheet.cell;
	uint32_t id;

	if (eep_id(c[EEP_PROFILE].p, c[EEP_PROFILE].n, &id) < 0)
		return refuse(
		    r, "profile: has to be like A5-12-01", &c[EEP_PROFILE]);
	if (r->profile == NULL || r->profile->id != id) {
		if (end_message(r) < 0 || begin_profile(r, id) < 0)
			return -1;
	} else if (r->message != NULL &&
	    (!cell_is(&c[EEP_MESSAGE], r->message->name) ||
		!eep_same(&c[EEP_WHEN], r->when.p, r->when.len))) {
		if (end_message(r) < 0)
			return -1;
	}
	if (r->message == NULL && begin_message(r, &c[EEP_MESSAGE]) < 0)
		return -1;
	if (r->n == EEP_FIELDS)
		return refuse(r, "field: too many in a message", &c[EEP_FIELD]);
	if (eep_field_read(
		r->eep, &r->sheet, bits_of(r->profile), &r->draft[r->n]) < 0)
		return -1;
	r->n++;
	return 0;
}

static int
take_channels(const struct reader *r, struct eep_profile *p)
{
	const struct csv_cell *cell = &r->sheet.cell[EEP_CHANNELS];
	int64_t channels = 0;

	if (cell->n > 0 &&
	    (num_uint(cell->p, cell->n, &channels) < 0 ||
		channels > CHANNELS_MAX))
		return refuse(
		    r, "channels: has to be a number up to 128", cell);
	p->channels = (int)channels;
	return 0;
}

static int
take_lacks(const struct reader *r, struct eep_profile *p)
{
	const struct csv_cell *cell = &r->sheet.cell[EEP_LACKS];
	struct eep_text t = eep_text(cell);
	size_t n = cell->n / 2 + 1; /* names have blanks between them */

	p->lacks = eep_alloc(r->eep, n * sizeof(void *));
	p->lacking = 0;
	while (!eep_text_end(&t)) {
		struct csv_cell name = eep_text_until(&t, ' ');
		const struct quantity *q =
		    quantity_find(r->eep->quantities, name.p, name.n);

		if (q == NULL || p->lacking == n)
			return refuse(r, "lacks: not registered", &name);
		p->lacks[p->lacking++] = q;
	}
	return 0;
}

static int
take_profile(struct reader *r)
{
	const struct csv_cell *c = r->sheet.cell;
	struct eep_profile *p;
	uint32_t id, same;

	if (eep_id(c[EEP_PROFILE].p, c[EEP_PROFILE].n, &id) < 0)
		return refuse(
		    r, "profile: has to be like A5-12-01", &c[EEP_PROFILE]);
	p = eep_get(r->eep, id);
	p->title = eep_string(r->eep, c[EEP_TITLE].p, c[EEP_TITLE].n);
	if (c[EEP_SAME_AS].n > 0) {
		if (eep_id(c[EEP_SAME_AS].p, c[EEP_SAME_AS].n, &same) < 0 ||
		    same >> 16 != id >> 16 || same == id)
			return refuse(r,
			    "same_as: has to be another profile of this RORG",
			    &c[EEP_SAME_AS]);
		if (p->round == r->eep->round)
			return refuse(r, "same_as: it has messages of its own",
			    &c[EEP_PROFILE]);
		p->same = eep_get(r->eep, same);
		p->messages = p->cap = 0;
	}
	return take_channels(r, p) < 0 ? -1 : take_lacks(r, p);
}

static int
take_rows(struct reader *r)
{
	const int profiles = r->sheet.at[EEP_TITLE] >= 0;
	int got;

	while ((got = sheet_next(&r->sheet)) > 0)
		if ((profiles ? take_profile(r) : take_field(r)) < 0)
			return -1;
	return got < 0 ? -1 : end_message(r);
}

/* A table is of one kind, and whole. */
static int
check_columns(const struct reader *r)
{
	static const enum eep_column fields[] = { EEP_MESSAGE, EEP_FIELD,
		EEP_NAME, EEP_CELL_BITS };
	const int *at = r->sheet.at;

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if ((at[fields[i]] >= 0) == (at[EEP_TITLE] >= 0))
			return sheet_refuse(&r->sheet, 1,
			    at[EEP_TITLE] >= 0 ? "column of another table: %s"
					       : "column absent: %s",
			    columns[fields[i]]);
	return 0;
}

/* A folder may hold tables of other kinds. */
static int
read_file(struct eep *eep, const char *path, int in_folder, struct buf *why)
{
	struct reader r = { .eep = eep };
	int got = sheet_open(&r.sheet, path, columns, EEP_COLUMNS, 1, why);

	if (got == 0 && in_folder)
		return 0;
	if (got == 0)
		return sheet_refuse(&r.sheet, 1, "no table of profiles");
	if (got < 0)
		return -1;
	r.draft = xcalloc(EEP_FIELDS, sizeof *r.draft);
	got = check_columns(&r) < 0 ? -1 : take_rows(&r);
	free(r.draft);
	buf_fini(&r.when);
	sheet_close(&r.sheet);
	return got;
}

static int
is_table(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 4 && strcmp(entry->d_name + n - 4, ".csv") == 0 &&
	    entry->d_name[0] != '.';
}

static int
read_folder(struct eep *eep, const char *path, struct buf *why)
{
	struct dirent **entry;
	struct buf name = { 0 };
	int n = scandir(path, &entry, is_table, alphasort), r = 0;

	if (n < 0) {
		buf_addf(why, "%s: %s", path, strerror(errno));
		return -1;
	}
	for (int i = 0; i < n; i++) {
		buf_clear(&name);
		buf_addf(&name, "%s/%s", path, entry[i]->d_name);
		if (r == 0)
			r = read_file(eep, buf_cstr(&name), 1, why);
		free(entry[i]);
	}
	free(entry);
	buf_fini(&name);
	return r;
}

/* Every profile has messages, its own or those of another. */
static int
check_profiles(const struct eep *eep, const char *path, struct buf *why)
{
	for (size_t i = 0; i < eep->n; i++) {
		const struct eep_profile *p = eep->profile[i];
		char id[9];

		if (p->same != NULL ? p->same->messages > 0 : p->messages > 0)
			continue;
		eep_format_id(id, p->id);
		buf_addf(why, "%s: profile without a message: %s", path, id);
		return -1;
	}
	return 0;
}

int
eep_read(struct eep *eep, const char *path, struct buf *why)
{
	struct stat st;
	int r;

	buf_clear(why);
	eep->round++;
	if (stat(path, &st) < 0) {
		buf_addf(why, "%s: %s", path, strerror(errno));
		return -1;
	}
	r = S_ISDIR(st.st_mode) ? read_folder(eep, path, why)
				: read_file(eep, path, 0, why);
	return r < 0 ? -1 : check_profiles(eep, path, why);
}
