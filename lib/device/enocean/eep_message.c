#include <string.h>

#include "device/enocean/eep_part.h"

const struct eep_field *
eep_field_called(const struct eep_message *m, const struct csv_cell *cell)
{
	for (size_t i = 0; i < m->fields; i++)
		if (cell_is(cell, m->field[i].shortcut))
			return &m->field[i];
	return NULL;
}

static int
refer(const struct sheet *s, const struct eep_message *m,
    const struct eep_draft *d, const struct csv_cell *name, uint64_t raw,
    struct eep_reference *out)
{
	if (name->n == 0)
		return 0;
	out->field = eep_field_called(m, name);
	out->raw = raw;
	if (out->field == NULL)
		return sheet_refuse(s, d->line,
		    "rules: the message has no field \"%s\"", name->p);
	if (strcmp(out->field->shortcut, d->field.shortcut) == 0)
		return sheet_refuse(
		    s, d->line, "rules: \"%s\" refers to itself", name->p);
	if (raw > UINT64_MAX >> (64 - out->field->size))
		return sheet_refuse(s, d->line,
		    "rules: more than the bits of \"%s\" hold", name->p);
	return 0;
}

static int
finish(struct eep *eep, const struct sheet *s, const struct eep_message *m,
    const struct eep_draft *d, struct eep_field *f)
{
	struct eep_choice choice[EEP_CHOICES];
	struct eep_reference times = { 0 };

	if (refer(s, m, d, &d->gate, d->gate_raw, &f->gate) < 0 ||
	    refer(s, m, d, &d->minus, d->minus_raw, &f->minus) < 0 ||
	    refer(s, m, d, &d->times, 0, &times) < 0)
		return -1;
	f->times = times.field;
	if (eep_use_make(eep, s, m, d, f, choice) < 0)
		return -1;
	return f->kind != EEP_KIND_NUMBER
	    ? 0
	    : eep_scale_make(eep, s, d, f, choice);
}

static int
check_names(const struct sheet *s, const struct eep_draft *draft, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(draft[i].field.shortcut,
				draft[j].field.shortcut) == 0)
				return sheet_refuse(s, draft[i].line,
				    "field: given twice: %s",
				    draft[i].field.shortcut);
	return 0;
}

/* Bytes of a telegram that carries it; 0: fewer than its fields need. */
static size_t
length(const struct eep_message *m)
{
	const size_t least = m->rorg == RORG_4BS ? 4 : 1;
	size_t n = 1;

	for (size_t i = 0; i < m->fields; i++)
		if (m->field[i].end > n)
			n = m->field[i].end;
	for (size_t i = 0; i < m->conditions; i++)
		if (m->when[i].kind == EEP_WHEN_BITS &&
		    eep_bits_end(&m->when[i].bits) > n)
			n = eep_bits_end(&m->when[i].bits);
	for (size_t i = 0; i < m->conditions; i++)
		if (m->when[i].kind == EEP_WHEN_LENGTH)
			return m->when[i].value < n ? 0
						    : (size_t)m->when[i].value;
	return n < least ? least : n;
}

int
eep_message_make(struct eep *eep, const struct sheet *s, struct eep_message *m,
    const struct eep_draft *draft, size_t n)
{
	struct eep_field *field = eep_alloc(eep, n * sizeof *field);

	if (check_names(s, draft, n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		field[i] = draft[i].field;
	m->field = field;
	m->fields = n;
	for (size_t i = 0; i < n; i++) {
		if (finish(eep, s, m, &draft[i], &field[i]) < 0)
			return -1;
		if (!field[i].is_channel)
			continue;
		if (m->channel != NULL)
			return sheet_refuse(
			    s, draft[i].line, "quantity: a second channel");
		m->channel = &field[i];
	}
	m->length = length(m);
	return m->length > 0 ? 0
			     : sheet_refuse(s, draft[0].line,
				   "when: len= is less than its bits need");
}
