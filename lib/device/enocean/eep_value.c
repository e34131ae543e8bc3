#include "device/enocean/eep_part.h"

const struct eep_label *
eep_label_of(const struct eep_field *f, uint64_t raw)
{
	/* most enumerations count from 0 */
	if (raw < f->labels && f->label[raw].low <= raw &&
	    raw <= f->label[raw].high)
		return &f->label[raw];
	for (size_t i = 0; i < f->labels; i++)
		if (f->label[i].low <= raw && raw <= f->label[i].high)
			return &f->label[i];
	return NULL;
}

/* 1, and the other field's raw value, if the payload has it. */
static int
look(const struct eep_field *f, const struct telegram *tel, uint64_t *raw)
{
	if (tel->n < f->end)
		return 0;
	*raw = eep_raw(f, tel->p);
	return 1;
}

static int
is_there(const struct eep_field *f, const struct telegram *tel)
{
	uint64_t raw;

	return tel->n >= f->end &&
	    (f->gate.field == NULL ||
		(look(f->gate.field, tel, &raw) && raw == f->gate.raw));
}

/* Half away from zero. */
static int64_t
apply(const struct eep_linear *l, int64_t raw)
{
	int64_t v = raw * l->mul + l->add;

	if (l->div == 1)
		return v;
	return v < 0 ? -((-v + l->div / 2) / l->div)
		     : (v + l->div / 2) / l->div;
}

/* NULL if a selector has a value that stands for nothing. */
static const struct eep_scale *
choose(const struct eep_field *f, const struct telegram *tel)
{
	uint64_t factor = 0, choice = 0;

	if ((f->times != NULL && !look(f->times, tel, &factor)) ||
	    (f->by != NULL && !look(f->by, tel, &choice)) ||
	    factor >= f->factors || choice >= f->choices)
		return NULL;
	return &f->scale[factor * f->choices + choice];
}

static enum eep_state
read_number(const struct eep_field *f, const struct telegram *tel, int64_t raw,
    struct eep_value *out)
{
	const struct eep_scale *scale = choose(f, tel);
	uint64_t sign;

	if (scale == NULL)
		return EEP_RAW;
	out->unit = scale->unit;
	out->units = apply(&scale->table, raw);
	out->decimals = scale->table.decimals;
	out->quantity = scale->quantity;
	if (scale->quantity != NULL) {
		out->event_units = apply(&scale->event, raw);
		out->event_decimals = scale->event.decimals;
	}
	if (f->minus.field != NULL && look(f->minus.field, tel, &sign) &&
	    sign == f->minus.raw) {
		out->units = -out->units;
		out->event_units = -out->event_units;
	}
	return EEP_NUMBER;
}

static enum eep_state
read_state(const struct eep_field *f, const struct telegram *tel,
    const struct eep_label **label, struct eep_value *out)
{
	int64_t raw = eep_raw_number(f, out->raw);

	if (f->kind == EEP_KIND_FLAGS)
		return EEP_RAW;
	if (f->kind == EEP_KIND_NUMBER && raw >= f->low && raw <= f->high)
		return read_number(f, tel, raw, out);
	if (f->kind == EEP_KIND_NUMBER) {
		const struct eep_scale *scale = choose(f, tel);

		out->quantity = scale == NULL ? NULL : scale->quantity;
	}
	*label = eep_label_of(f, out->raw);
	if (*label != NULL) {
		out->label = (*label)->text;
		return EEP_LABEL;
	}
	return f->has_range && (raw < f->low || raw > f->high)
	    ? EEP_OUT_OF_RANGE
	    : EEP_RAW;
}

/* As a whole number, for "> 0". */
static int
is_above(const struct eep_use *use, const struct eep_value *v)
{
	__int128 limit = use->limit;

	if (v->state == EEP_RAW)
		return use->limit < 0 || v->raw > (uint64_t)use->limit;
	for (int i = 0; i < v->decimals; i++)
		limit *= 10;
	return v->units > limit;
}

/* What the telegram says of one quantity; label is the state's. */
static void
tell(const struct eep_use *use, const struct eep_label *label, size_t index,
    struct eep_value *v)
{
	enum eep_truth truth = label == NULL || use->truth == NULL
	    ? EEP_FALSE
	    : (enum eep_truth)use->truth[index];

	if (use->quantity != NULL)
		v->quantity = use->quantity;
	v->channel = use->channel;
	v->truth = -1;
	if (v->quantity == NULL)
		return;
	if (truth == EEP_SILENT) {
		v->quantity = NULL;
		return;
	}
	if (v->quantity->kind != QUANTITY_BOOL)
		return;
	if (label != NULL)
		v->truth = truth == EEP_TRUE;
	else if (use->above && (v->state == EEP_NUMBER || v->state == EEP_RAW))
		v->truth = is_above(use, v);
}

int64_t
eep_signed(const struct eep_field *f, uint64_t raw)
{
	return eep_raw_number(f, raw);
}

/* A number that no selector makes one is none of any quantity. */
static int
is_silent(const struct eep_field *f, const struct eep_value *v)
{
	return f->uses == 0 ||
	    (f->kind == EEP_KIND_NUMBER && v->state == EEP_RAW);
}

enum eep_state
eep_value(const struct eep_field *f, const struct telegram *tel,
    struct eep_value *out)
{
	const struct eep_label *label = NULL;

	*out = (struct eep_value){ .truth = -1, .channel = -1 };
	if (!is_there(f, tel))
		return EEP_ABSENT;
	out->raw = eep_raw(f, tel->p);
	out->state = read_state(f, tel, &label, out);
	if (is_silent(f, out))
		out->quantity = NULL;
	else
		tell(f->use, label,
		    label == NULL ? 0 : (size_t)(label - f->label), out);
	return out->state;
}

int
eep_value_next(const struct eep_field *f, struct eep_value *value)
{
	const struct eep_label *label = NULL;

	if (value->state == EEP_ABSENT || value->which + 1 >= f->uses ||
	    (f->kind == EEP_KIND_NUMBER && value->state == EEP_RAW))
		return 0;
	value->which++;
	if (value->state == EEP_LABEL)
		label = eep_label_of(f, value->raw);
	tell(&f->use[value->which], label,
	    label == NULL ? 0 : (size_t)(label - f->label), value);
	return 1;
}

int
eep_channel(const struct eep_message *m, const struct telegram *tel)
{
	const struct eep_field *f = m->channel;
	uint64_t raw;

	if (f == NULL || !look(f, tel, &raw) || raw > 255 ||
	    eep_label_of(f, raw) != NULL)
		return -1;
	if (f->has_range && ((int64_t)raw < f->low || (int64_t)raw > f->high))
		return -1;
	return (int)raw;
}
