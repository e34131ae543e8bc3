#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "device/enocean/eep_part.h"

static char reason[256]; /* of the last refusal */

static int __attribute__((format(printf, 2, 3)))
refuse(const struct eep_field *f, const char *fmt, ...)
{
	int n = snprintf(reason, sizeof reason, "%.40s: ", f->shortcut);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason + n, sizeof reason - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

static void
put_bits(const struct eep_bits *b, uint8_t *p, uint64_t v)
{
	uint64_t mask = b->mask << b->shift;

	v = (v & b->mask) << b->shift;
	for (size_t i = 0; i < b->bytes; i++) {
		uint8_t *at =
		    p + b->first + (b->swap ? i : (size_t)b->bytes - 1 - i);

		*at = (uint8_t)((*at & ~(mask >> 8 * i)) | v >> 8 * i);
	}
}

static void
put(const struct eep_field *f, uint8_t *p, uint64_t raw)
{
	put_bits(&f->part[0], p, raw >> f->part[1].size);
	if (f->part[1].size != 0)
		put_bits(&f->part[1], p, raw);
}

static void
put_conditions(const struct eep_message *m, uint8_t *p)
{
	for (size_t i = 0; i < m->conditions; i++) {
		const struct eep_condition *c = &m->when[i];

		if (c->kind == EEP_WHEN_BITS && !c->differs)
			put_bits(&c->bits, p, c->value);
		else if (c->kind == EEP_WHEN_LAST)
			p[m->length - 1] |= (uint8_t)c->value;
	}
	for (size_t i = 0; i < m->fields; i++) {
		const struct eep_field *f = &m->field[i];

		if (f->fixed)
			put(f, p, (uint64_t)f->low);
		else if (f->learn)
			put(f, p, 1);
	}
}

/* What the number of a field would be at a raw value. */
static double
number_at(const struct eep_linear *l, int64_t raw)
{
	return (double)(raw * l->mul + l->add) / (double)l->div /
	    pow(10, l->decimals);
}

static int
refuse_range(const struct eep_field *f, const struct eep_scale *scale, double x)
{
	double a = number_at(&scale->table, f->low);
	double b = number_at(&scale->table, f->high);

	return refuse(f, "%.10g is not within %.10g to %.10g%s%s", x,
	    a < b ? a : b, a < b ? b : a, scale->unit == NULL ? "" : " ",
	    scale->unit == NULL ? "" : scale->unit);
}

static int
put_number(const struct eep_field *f, double x, uint8_t *p)
{
	const uint64_t factor = f->times == NULL ? 0 : eep_raw(f->times, p);
	const uint64_t choice = f->by == NULL ? 0 : eep_raw(f->by, p);
	const struct eep_scale *scale;
	const struct eep_linear *l;
	double size = x;
	long double raw;

	if (factor >= f->factors || choice >= f->choices)
		return refuse(f, "%s stands for no unit or factor",
		    factor >= f->factors ? f->times->shortcut
					 : f->by->shortcut);
	scale = &f->scale[factor * f->choices + choice];
	l = &scale->table;
	if (l->mul == 0)
		return refuse(f, "always the same: %s",
		    f->times == NULL ? "range" : f->times->shortcut);
	if (f->minus.field != NULL)
		size = fabs(x);
	raw = roundl(
	    ((long double)size * powl(10, l->decimals) * l->div - l->add) /
	    l->mul);
	if (!(raw >= f->low && raw <= f->high))
		return refuse_range(f, scale, x);
	put(f, p, (uint64_t)(int64_t)raw);
	if (f->minus.field != NULL && x < 0)
		put(f->minus.field, p, f->minus.raw);
	else if (f->minus.field != NULL && x > 0 &&
	    eep_raw(f->minus.field, p) == f->minus.raw)
		put(f->minus.field, p, f->minus.raw == 0);
	return 0;
}

/* A number for a field without a scale is its raw value. */
static int
put_code(const struct eep_field *f, double x, uint8_t *p)
{
	const double most = ldexp(1, f->size);
	uint64_t raw;

	if (!(x >= 0 && x < most && x == floor(x)))
		return refuse(
		    f, "%.10g is no whole number of %d bits", x, f->size);
	raw = (uint64_t)x;
	if (f->kind != EEP_KIND_FLAGS && eep_label_of(f, raw) == NULL) {
		if (f->kind == EEP_KIND_LABEL)
			return refuse(f, "%.10g stands for nothing", x);
		if (f->has_range && (x < (double)f->low || x > (double)f->high))
			return refuse(f, "%.10g is not within %lld to %lld", x,
			    (long long)f->low, (long long)f->high);
	}
	put(f, p, raw);
	return 0;
}

static int
put_label(const struct eep_setting *set, uint8_t *p)
{
	const struct csv_cell label = { set->label, set->n };
	const struct eep_field *f = set->field;

	if (f->kind != EEP_KIND_FLAGS)
		for (size_t i = 0; i < f->labels; i++)
			if (cell_is(&label, f->label[i].text)) {
				put(f, p, f->label[i].low);
				return 0;
			}
	return refuse(f, "no value is called \"%.*s\"",
	    (int)(set->n < 60 ? set->n : 60), set->label);
}

static int
is_scaled(const struct eep_setting *set)
{
	return set->label == NULL && set->field->kind == EEP_KIND_NUMBER;
}

static int
put_setting(const struct eep_setting *set, uint8_t *p)
{
	if (set->label != NULL)
		return put_label(set, p);
	if (is_scaled(set))
		return put_number(set->field, set->number, p);
	return put_code(set->field, set->number, p);
}

/* Scaled ones are last: their selectors have to be there. */
static int
put_settings(const struct eep_setting *set, size_t n, uint8_t *p)
{
	for (size_t i = 0; i < n; i++)
		if (set[i].field->gate.field != NULL)
			put(set[i].field->gate.field, p,
			    set[i].field->gate.raw);
	for (int scaled = 0; scaled < 2; scaled++)
		for (size_t i = 0; i < n; i++)
			if (is_scaled(&set[i]) == scaled &&
			    put_setting(&set[i], p) < 0)
				return -1;
	return 0;
}

static int
check_gates(const struct eep_setting *set, size_t n, const uint8_t *p)
{
	for (size_t i = 0; i < n; i++) {
		const struct eep_reference *gate = &set[i].field->gate;

		if (gate->field != NULL && eep_raw(gate->field, p) != gate->raw)
			return refuse(set[i].field,
			    "only there when %.40s is %llu",
			    gate->field->shortcut,
			    (unsigned long long)gate->raw);
	}
	return 0;
}

uint8_t
eep_status(const struct eep_message *m)
{
	uint8_t status = 0;

	for (size_t i = 0; i < m->conditions; i++)
		if (m->when[i].kind == EEP_WHEN_STATUS && !m->when[i].differs)
			put_bits(&m->when[i].bits, &status, m->when[i].value);
	return status;
}

static int
check_conditions(const struct eep_message *m, const uint8_t *p)
{
	const struct telegram tel = {
		.rorg = m->rorg, .p = p, .n = m->length, .status = eep_status(m)
	};

	if (eep_when_holds(m, &tel))
		return 0;
	snprintf(reason, sizeof reason,
	    "%.60s: a field's value makes another message of it", m->name);
	return -1;
}

int
eep_encode(const struct eep_message *m, const struct eep_setting *set, size_t n,
    uint8_t *p, size_t *len, const char **why)
{
	*why = reason;
	*len = m->length;
	memset(p, 0, TELEGRAM_SPACE);
	put_conditions(m, p);
	if (put_settings(set, n, p) < 0 || check_gates(set, n, p) < 0)
		return -1;
	return check_conditions(m, p);
}
