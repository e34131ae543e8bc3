#include "device/enocean/eep_part.h"

/* "12:4=3" or "12:4!=3", behind the 's' of a status. */
static int
read_bits(struct eep_text *t, struct eep_condition *c)
{
	uint64_t first, size;

	if (!eep_text_uint(t, &first) || !eep_text_is(t, ":") ||
	    !eep_text_uint(t, &size) ||
	    eep_bits_set(&c->bits, first, size, 0) < 0)
		return 0;
	c->differs = eep_text_is(t, "!");
	return eep_text_is(t, "=") && eep_text_uint(t, &c->value) &&
	    c->value <= c->bits.mask;
}

static int
read_direction(struct eep_text *t, struct eep_message *m)
{
	uint64_t direction;

	if (!eep_text_uint(t, &direction) ||
	    (direction != EEP_FROM_DEVICE && direction != EEP_TO_DEVICE))
		return 0;
	m->direction = (unsigned)direction;
	return 1;
}

static int
read_condition(struct eep_text *t, struct eep_message *m)
{
	struct eep_condition c = { .kind = EEP_WHEN_BITS };
	int good;

	if (eep_text_is(t, "dir="))
		return read_direction(t, m);
	if (eep_text_is(t, "len=")) {
		c.kind = EEP_WHEN_LENGTH;
		good = eep_text_uint(t, &c.value) && c.value > 0 &&
		    c.value <= TELEGRAM_SPACE;
	} else if (eep_text_is(t, "last=")) {
		c.kind = EEP_WHEN_LAST;
		good = eep_text_uint(t, &c.value) && c.value <= 15;
	} else if (eep_text_is(t, "s")) {
		c.kind = EEP_WHEN_STATUS;
		good = read_bits(t, &c) && eep_bits_end(&c.bits) == 1;
	} else {
		good = read_bits(t, &c);
	}
	if (!good || m->conditions == EEP_CONDITIONS)
		return 0;
	m->when[m->conditions++] = c;
	return 1;
}

int
eep_when_read(
    const struct sheet *s, struct eep_message *m, const struct csv_cell *cell)
{
	struct eep_text t = eep_text(cell);

	for (eep_text_blanks(&t); !eep_text_end(&t); eep_text_blanks(&t))
		if (!read_condition(&t, m) ||
		    (!eep_text_end(&t) && *t.p != ' '))
			return sheet_refuse(s, sheet_line(s),
			    "when: no condition: \"%.*s\"", (int)(t.end - t.p),
			    t.p);
	return 0;
}

static int
holds(const struct eep_condition *c, const struct telegram *tel)
{
	switch (c->kind) {
	case EEP_WHEN_LENGTH: return tel->n == c->value;
	case EEP_WHEN_LAST:
		return tel->n > 0 && (tel->p[tel->n - 1] & 15) == c->value;
	case EEP_WHEN_STATUS:
		return (eep_bits_get(&c->bits, &tel->status) == c->value) !=
		    c->differs;
	case EEP_WHEN_BITS: break;
	}
	return tel->n >= eep_bits_end(&c->bits) &&
	    (eep_bits_get(&c->bits, tel->p) == c->value) != c->differs;
}

int
eep_when_holds(const struct eep_message *m, const struct telegram *tel)
{
	for (size_t i = 0; i < m->conditions; i++)
		if (!holds(&m->when[i], tel))
			return 0;
	return 1;
}
