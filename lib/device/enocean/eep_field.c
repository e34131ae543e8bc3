#include <string.h>

#include "device/enocean/eep_part.h"

/* One row of a table of fields. */
struct row {
	struct eep *eep;
	const struct sheet *s;
	const struct csv_cell *cell;
};

static int
refuse(const struct row *r, const char *what, const struct csv_cell *cell)
{
	return sheet_refuse(r->s, sheet_line(r->s), "%s: \"%.*s\"", what,
	    (int)(cell->n < 80 ? cell->n : 80), cell->p);
}

static struct csv_cell
keep(const struct row *r, const struct csv_cell *cell)
{
	return (
	    struct csv_cell){ eep_string(r->eep, cell->p, cell->n), cell->n };
}

/* "16:8" */
static int
read_part(struct eep_text *t, uint64_t *first, uint64_t *size)
{
	return eep_text_uint(t, first) && eep_text_is(t, ":") &&
	    eep_text_uint(t, size);
}

static int
read_flags(struct eep_text *t, struct eep_field *f, int *swap)
{
	struct csv_cell word;

	while (eep_text_is(t, " ") && eep_text_word(t, &word)) {
		if (cell_is(&word, "le"))
			*swap = 1;
		else if (cell_is(&word, "signed"))
			f->is_signed = 1;
		else if (cell_is(&word, "learn"))
			f->learn = 1;
		else if (cell_is(&word, "flags"))
			f->kind = EEP_KIND_FLAGS;
		else
			return 0;
	}
	return eep_text_end(t);
}

/* "16:8", "0:4+8:8", "16:16 le signed" */
static int
read_bits(const struct row *r, size_t limit, struct eep_field *f)
{
	const struct csv_cell *cell = &r->cell[EEP_CELL_BITS];
	struct eep_text t = eep_text(cell);
	uint64_t first[2] = { 0 }, size[2] = { 0 };
	int swap = 0;

	if (!read_part(&t, &first[0], &size[0]) ||
	    (eep_text_is(&t, "+") && !read_part(&t, &first[1], &size[1])) ||
	    !read_flags(&t, f, &swap))
		return refuse(r, "bits: has to be like 16:8 or 0:4+8:8", cell);
	if (eep_bits_set(&f->part[0], first[0], size[0], swap) < 0 ||
	    (size[1] != 0 &&
		eep_bits_set(&f->part[1], first[1], size[1], swap) < 0) ||
	    size[0] + size[1] > 64)
		return refuse(r, "bits: too many", cell);
	if (first[0] + size[0] > limit || first[1] + size[1] > limit)
		return refuse(r, "bits: beyond the telegram", cell);
	f->size = (uint8_t)(size[0] + size[1]);
	f->end = (uint16_t)eep_bits_end(&f->part[0]);
	if (size[1] != 0 && eep_bits_end(&f->part[1]) > f->end)
		f->end = (uint16_t)eep_bits_end(&f->part[1]);
	return 0;
}

/* 1 if the field's bits can hold it. */
static int
fits(const struct eep_field *f, int64_t raw)
{
	int bits = f->size - f->is_signed;

	if (bits >= 63)
		return f->is_signed || raw >= 0;
	return raw >= (f->is_signed ? -((int64_t)1 << bits) : 0) &&
	    raw < (int64_t)1 << bits;
}

/* " = -40..0" behind the raw values */
static int
read_scale(struct eep_text *t, struct eep_draft *d)
{
	if (!eep_text_decimal(t, &d->from) || !eep_text_is(t, "..") ||
	    !eep_text_decimal(t, &d->to))
		return 0;
	return d->raw_from != d->raw_to &&
	    (d->from.units != d->to.units || d->from.scale != d->to.scale);
}

/* "255..0 = -40..0", "0..29", "7" */
static int
read_range(const struct row *r, struct eep_draft *d)
{
	const struct csv_cell *cell = &r->cell[EEP_RANGE];
	struct eep_text t = eep_text(cell);
	struct eep_field *f = &d->field;

	if (cell->n == 0)
		return 0;
	if (!eep_text_int(&t, &d->raw_from))
		return refuse(r, "range: no number", cell);
	d->raw_to = d->raw_from;
	f->has_range = 1;
	f->fixed = eep_text_end(&t);
	if (!f->fixed &&
	    (!eep_text_is(&t, "..") || !eep_text_int(&t, &d->raw_to)))
		return refuse(r, "range: has to be like 0..255", cell);
	f->low = d->raw_from < d->raw_to ? d->raw_from : d->raw_to;
	f->high = d->raw_from < d->raw_to ? d->raw_to : d->raw_from;
	if (!fits(f, f->low) || !fits(f, f->high))
		return refuse(r, "range: more than the bits hold", cell);
	f->kind = EEP_KIND_RAW;
	if (eep_text_is(&t, " = ")) {
		f->kind = EEP_KIND_NUMBER;
		if (!read_scale(&t, d))
			return refuse(
			    r, "range: has to be like 0..255 = 0..40", cell);
	}
	return eep_text_end(&t) ? 0 : refuse(r, "range: too much", cell);
}

/* "DIV:1|0.1|0.01" */
static int
read_times(const struct row *r, struct eep_text *t, struct eep_draft *d)
{
	struct csv_cell name = eep_text_until(t, ':');
	struct csv_cell rest = { t->p, (size_t)(t->end - t->p) };

	d->times = keep(r, &name);
	d->factors = keep(r, &rest);
	return d->times.n > 0 && rest.n > 0;
}

static int
read_reference(const struct row *r, struct eep_text *t, struct csv_cell *name,
    uint64_t *raw)
{
	struct csv_cell word;

	if (!eep_text_word(t, &word) || !eep_text_is(t, "=") ||
	    !eep_text_uint(t, raw) || !eep_text_end(t))
		return 0;
	*name = keep(r, &word);
	return 1;
}

/* "if TSN=1; times DIV:1|0.1; minus AS=1" */
static int
read_rules(const struct row *r, struct eep_draft *d)
{
	struct eep_text t = eep_text(&r->cell[EEP_RULES]);

	while (!eep_text_end(&t)) {
		struct csv_cell cell = eep_text_until(&t, ';');
		struct eep_text rule = eep_text(&cell);
		int good = 0;

		if (eep_text_is(&rule, "if "))
			good = read_reference(r, &rule, &d->gate, &d->gate_raw);
		else if (eep_text_is(&rule, "minus "))
			good =
			    read_reference(r, &rule, &d->minus, &d->minus_raw);
		else if (eep_text_is(&rule, "times "))
			good = read_times(r, &rule, d);
		if (!good)
			return refuse(r,
			    "rules: neither if F=N, minus F=N nor times F:N|N",
			    &cell);
		eep_text_blanks(&t);
	}
	return 0;
}

/* "0=open", "1..14=speed"; *out's text is not its own yet */
static int
read_label(struct eep_text *t, struct eep_label *out, struct csv_cell *text)
{
	if (!eep_text_uint(t, &out->low))
		return 0;
	out->high = out->low;
	if (eep_text_is(t, "..") && !eep_text_uint(t, &out->high))
		return 0;
	return eep_text_is(t, "=") && eep_text_word(t, text) &&
	    eep_text_end(t) && out->low <= out->high;
}

static int
label_fault(const struct row *r, const struct eep_field *f,
    const struct eep_label *label, const struct csv_cell *cell)
{
	const uint64_t max = f->kind == EEP_KIND_FLAGS
	    ? (uint64_t)f->size - 1
	    : UINT64_MAX >> (64 - f->size);

	if (label->high > max)
		return refuse(r, "values: more than the bits hold", cell);
	for (size_t i = 0; i < f->labels; i++)
		if (label->low <= f->label[i].high &&
		    label->high >= f->label[i].low)
			return refuse(r, "values: given twice", cell);
	if (f->kind == EEP_KIND_NUMBER && (int64_t)label->low <= f->high &&
	    (int64_t)label->high >= f->low)
		return refuse(r, "values: within the range", cell);
	return 0;
}

static size_t
count_choices(const struct csv_cell *cell)
{
	size_t n = cell->n > 0;

	for (size_t i = 0; i < cell->n; i++)
		n += cell->p[i] == '|';
	return n;
}

static int
read_values(const struct row *r, struct eep_field *f)
{
	struct eep_text t = eep_text(&r->cell[EEP_VALUES]);
	size_t n = count_choices(&r->cell[EEP_VALUES]);
	struct eep_label *label;

	if (n > EEP_LABELS)
		return refuse(r, "values: too many", &r->cell[EEP_VALUES]);
	label = eep_alloc(r->eep, n * sizeof *label);
	f->label = label;
	while (!eep_text_end(&t)) {
		struct csv_cell cell = eep_text_until(&t, '|'), text;
		struct eep_text one = eep_text(&cell);

		if (!read_label(&one, &label[f->labels], &text))
			return refuse(r,
			    "values: has to be like 0=off|1=on, in letters,"
			    " digits and _",
			    &cell);
		if (label_fault(r, f, &label[f->labels], &cell) < 0)
			return -1;
		label[f->labels].text = eep_string(r->eep, text.p, text.n);
		f->labels++;
	}
	return 0;
}

static int
read_names(const struct row *r, struct eep_field *f)
{
	struct eep_text t = eep_text(&r->cell[EEP_FIELD]);
	struct csv_cell shortcut, name;

	if (!eep_text_word(&t, &shortcut) || !eep_text_end(&t))
		return refuse(r, "field: letters, digits and _ make a name",
		    &r->cell[EEP_FIELD]);
	t = eep_text(&r->cell[EEP_NAME]);
	if (!eep_text_word(&t, &name) || !eep_text_end(&t))
		return refuse(r, "name: letters, digits and _ make a name",
		    &r->cell[EEP_NAME]);
	f->shortcut = eep_string(r->eep, shortcut.p, shortcut.n);
	f->name = eep_string(r->eep, name.p, name.n);
	return 0;
}

static int
check(const struct row *r, const struct eep_draft *d)
{
	const struct eep_field *f = &d->field;

	if (f->kind == EEP_KIND_FLAGS && r->cell[EEP_RANGE].n > 0)
		return refuse(r, "range: flags have none", &r->cell[EEP_RANGE]);
	if (f->kind != EEP_KIND_NUMBER &&
	    (r->cell[EEP_UNIT].n > 0 || d->times.n > 0 || d->minus.n > 0))
		return refuse(r,
		    "unit or rules: only for a range like 0..255 = 0..40",
		    &r->cell[EEP_FIELD]);
	if (f->is_signed && !f->has_range)
		return refuse(
		    r, "bits: signed without a range", &r->cell[EEP_CELL_BITS]);
	return 0;
}

int
eep_field_read(
    struct eep *eep, const struct sheet *s, size_t bits, struct eep_draft *out)
{
	const struct row r = { eep, s, s->cell };
	struct eep_field *f = &out->field;
	int flags;

	*out = (struct eep_draft){ .line = sheet_line(s) };
	if (read_names(&r, f) < 0 || read_bits(&r, bits, f) < 0)
		return -1;
	flags = f->kind == EEP_KIND_FLAGS;
	if (read_range(&r, out) < 0)
		return -1;
	if (flags)
		f->kind = EEP_KIND_FLAGS;
	else if (!f->has_range && s->cell[EEP_VALUES].n == 0)
		f->kind = EEP_KIND_RAW;
	if (read_rules(&r, out) < 0 || read_values(&r, f) < 0)
		return -1;
	out->unit = keep(&r, &s->cell[EEP_UNIT]);
	out->quantity = keep(&r, &s->cell[EEP_QUANTITY]);
	return check(&r, out);
}
