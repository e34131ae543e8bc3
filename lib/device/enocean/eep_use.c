#include <string.h>

#include "device/enocean/eep_part.h"

/* The field whose cells are read. */
struct place {
	struct eep *eep;
	const struct sheet *s;
	const struct eep_message *m;
	const struct eep_draft *d;
	struct eep_field *f;
};

static int
refuse(const struct place *at, const char *what, const struct csv_cell *cell)
{
	return sheet_refuse(at->s, at->d->line, "%s: \"%.*s\"", what,
	    (int)(cell->n < 80 ? cell->n : 80), cell->p);
}

/*
 * "DT:kWh|W": one for each raw value of DT, from 0.  1, with the selector's
 * name and the choices behind it; 0 if the cell is no choice.
 */
static int
is_choice(
    const struct csv_cell *cell, struct csv_cell *name, struct eep_text *rest)
{
	*rest = eep_text(cell);
	return eep_text_word(rest, name) && eep_text_is(rest, ":") &&
	    memchr(rest->p, '|', (size_t)(rest->end - rest->p)) != NULL;
}

static int
set_selector(const struct place *at, const struct csv_cell *name, size_t n)
{
	const struct eep_field *by = eep_field_called(at->m, name);

	if (by == NULL)
		return refuse(at, "the message has no such field", name);
	if (at->f->by != NULL && (at->f->by != by || at->f->choices != n))
		return refuse(at,
		    "unit and quantity have to follow the same field", name);
	at->f->by = by;
	at->f->choices = n;
	return 0;
}

/* 1 a choice, 0 none, -1 refused */
static int
read_choice(
    const struct place *at, const struct csv_cell *cell, struct csv_cell *out)
{
	struct csv_cell name;
	struct eep_text t;
	size_t n = 0;

	if (!is_choice(cell, &name, &t))
		return 0;
	for (;;) {
		int last = memchr(t.p, '|', (size_t)(t.end - t.p)) == NULL;

		if (n == EEP_CHOICES)
			return refuse(at, "too many choices", cell);
		out[n++] = eep_text_until(&t, '|');
		if (last)
			break;
	}
	return set_selector(at, &name, n) < 0 ? -1 : 1;
}

static const struct quantity *
find(const struct place *at, const struct csv_cell *cell)
{
	return quantity_find(at->eep->quantities, cell->p, cell->n);
}

static int
choose_quantities(const struct place *at, const struct csv_cell *cells,
    struct eep_choice *choice)
{
	struct eep_use *use = eep_alloc(at->eep, sizeof *use);

	for (size_t i = 0; i < at->f->choices; i++) {
		if (cells[i].n == 0)
			continue;
		choice[i].quantity = find(at, &cells[i]);
		if (choice[i].quantity == NULL)
			return refuse(
			    at, "quantity: not registered", &cells[i]);
		if (choice[i].quantity->kind != QUANTITY_NUMBER)
			return refuse(at, "quantity: no number", &cells[i]);
	}
	use->channel = -1;
	at->f->use = use;
	at->f->uses = 1;
	return 0;
}

/* "closed+tilted": mark each */
static int
mark(const struct place *at, struct eep_text *t, uint8_t *truth,
    enum eep_truth to)
{
	do {
		struct csv_cell word;
		size_t i = 0;

		if (!eep_text_word(t, &word))
			return 0;
		while (
		    i < at->f->labels && !cell_is(&word, at->f->label[i].text))
			i++;
		if (i == at->f->labels)
			return 0;
		/* the same label may stand for several codes */
		for (; i < at->f->labels; i++)
			if (cell_is(&word, at->f->label[i].text))
				truth[i] = (uint8_t)to;
	} while (eep_text_is(t, "+"));
	return 1;
}

/* ":2", "=closed", ">0" and "!unknown" behind a quantity's name */
static int
read_tail(const struct place *at, struct eep_text *t, struct eep_use *use,
    uint8_t *truth, int *equals)
{
	uint64_t channel;

	use->channel = -1;
	if (eep_text_is(t, ":")) {
		if (!eep_text_uint(t, &channel) || channel > 127)
			return 0;
		use->channel = (int)channel;
	}
	*equals = eep_text_is(t, "=");
	if (*equals && !mark(at, t, truth, EEP_TRUE))
		return 0;
	use->above = !*equals && eep_text_is(t, ">");
	if (use->above) {
		memset(truth, EEP_SILENT, at->f->labels);
		if (!eep_text_int(t, &use->limit) || use->limit > 1000000000)
			return 0;
	}
	if (eep_text_is(t, "!") && !mark(at, t, truth, EEP_SILENT))
		return 0;
	return eep_text_end(t);
}

static const char *
kind_fault(const struct place *at, const struct eep_use *use, int equals)
{
	const enum eep_kind kind = at->f->kind;

	switch (use->quantity->kind) {
	case QUANTITY_NUMBER:
		if (at->f->uses > 0)
			return "quantity: a number has to be the first";
		return kind == EEP_KIND_NUMBER && !equals && !use->above
		    ? NULL
		    : "quantity: a number needs a range like 0..255 = 0..40";
	case QUANTITY_BOOL:
		if (equals)
			return kind == EEP_KIND_LABEL
			    ? NULL
			    : "quantity: = needs values";
		return use->above && kind != EEP_KIND_LABEL
		    ? NULL
		    : "quantity: a bool needs = with a label, or > with a"
		      " number";
	case QUANTITY_TEXT: break;
	}
	return kind == EEP_KIND_LABEL && !equals && !use->above
	    ? NULL
	    : "quantity: a text needs values";
}

static int
read_use(
    const struct place *at, const struct csv_cell *cell, struct eep_use *use)
{
	struct eep_text t = eep_text(cell);
	uint8_t *truth = eep_alloc(at->eep, at->f->labels + 1);
	struct csv_cell name;
	const char *why;
	int equals;

	if (!eep_text_word(&t, &name))
		return refuse(at, "quantity: no name", cell);
	use->quantity = find(at, &name);
	if (use->quantity == NULL)
		return refuse(at, "quantity: not registered", &name);
	if (!read_tail(at, &t, use, truth, &equals))
		return refuse(
		    at, "quantity: no such label, or not understood", cell);
	why = kind_fault(at, use, equals);
	if (why != NULL)
		return refuse(at, why, cell);
	use->truth = truth;
	return 0;
}

static int
read_uses(const struct place *at, struct eep_choice *choice)
{
	struct eep_use *use = eep_alloc(at->eep, EEP_QUANTITIES * sizeof *use);
	struct eep_text t = eep_text(&at->d->quantity);

	at->f->use = use;
	while (!eep_text_end(&t)) {
		struct csv_cell cell = eep_text_until(&t, ' ');

		if (at->f->uses == EEP_QUANTITIES)
			return refuse(at, "quantity: too many", &cell);
		if (read_use(at, &cell, &use[at->f->uses]) < 0)
			return -1;
		at->f->uses++;
	}
	if (at->f->uses > 0 && use[0].quantity->kind == QUANTITY_NUMBER)
		for (size_t i = 0; i < at->f->choices; i++)
			choice[i].quantity = use[0].quantity;
	return 0;
}

static int
read_channel(const struct place *at)
{
	if (at->f->kind != EEP_KIND_RAW)
		return refuse(
		    at, "quantity: a channel has to be raw", &at->d->quantity);
	at->f->is_channel = 1;
	return 0;
}

int
eep_use_make(struct eep *eep, const struct sheet *s,
    const struct eep_message *m, const struct eep_draft *d, struct eep_field *f,
    struct eep_choice choice[EEP_CHOICES])
{
	const struct place at = { eep, s, m, d, f };
	struct csv_cell cells[EEP_CHOICES];
	int r;

	memset(choice, 0, EEP_CHOICES * sizeof *choice);
	f->choices = 1;
	r = read_choice(&at, &d->unit, cells);
	if (r < 0)
		return -1;
	for (size_t i = 0; i < f->choices; i++)
		choice[i].unit = r > 0 ? cells[i] : d->unit;
	if (cell_is(&d->quantity, ":channel"))
		return read_channel(&at);
	if (d->quantity.n == 0)
		return 0;
	r = read_choice(&at, &d->quantity, cells);
	if (r < 0)
		return -1;
	if (r == 0)
		return read_uses(&at, choice);
	/* only the quantity is chosen: the unit is the same for all */
	for (size_t i = 1; i < f->choices; i++)
		if (choice[i].unit.p == NULL)
			choice[i].unit = choice[0].unit;
	if (f->kind != EEP_KIND_NUMBER)
		return refuse(&at, "quantity: no number", &d->quantity);
	return choose_quantities(&at, cells, choice);
}
