#include "device/enocean/generic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "device/enocean/generic_part.h"
#include "event/unit.h"

enum {
	HEADER = 2,	  /* bytes before the definitions */
	PURPOSE_NONE = 3, /* reserved */
	INFO_INBOUND = 1, /* what follows is what the device takes */
	NANO = 1000000000
};

/* Bits of a value, by resolution. */
static const uint8_t resolutions[] = { 0, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24,
	32 };

/* In 10^-9, by scale. */
static const int64_t scales[] = { 0, 1 * (int64_t)NANO, 10 * (int64_t)NANO,
	100 * (int64_t)NANO, 1000 * (int64_t)NANO, 10000 * (int64_t)NANO,
	100000 * (int64_t)NANO, 1000000 * (int64_t)NANO,
	10000000 * (int64_t)NANO, 100000000, 10000000, 1000000, 1000, 1 };

int
generic_take(struct generic_bits *b, unsigned count, uint32_t *out)
{
	*out = 0;
	if (b->n - b->at < count)
		return -1;
	for (unsigned i = 0; i < count; i++, b->at++)
		*out = *out << 1 | (b->p[b->at / 8] >> (7 - b->at % 8) & 1u);
	return 0;
}

int
generic_parse(const struct telegram *tel, struct generic_teach *out)
{
	unsigned header;

	if (tel->rorg != RORG_GP_TI || tel->n <= HEADER)
		return -1;
	header = (unsigned)tel->p[0] << 8 | tel->p[1];
	*out = (struct generic_teach){ .manufacturer = (uint16_t)(header >> 5),
		.two_way = header >> 4 & 1,
		.purpose = header >> 2 & 3,
		.p = tel->p + HEADER,
		.n = tel->n - HEADER };
	return out->purpose == PURPOSE_NONE ? -1 : 0;
}

/* Nothing but zeros: the last byte's filling. */
static int
is_filling(struct generic_bits b)
{
	uint32_t bit = 0;

	while (b.at < b.n && bit == 0)
		generic_take(&b, 1, &bit);
	return bit == 0;
}

/* 1 if the channels that the device sends end here, 0 to go on, -1. */
static int
skip_information(struct generic_bits *b)
{
	uint32_t signal, bytes;

	if (generic_take(b, 8, &signal) < 0 || generic_take(b, 8, &bytes) < 0 ||
	    b->n - b->at < 8 * (size_t)bytes)
		return -1;
	b->at += 8 * (size_t)bytes;
	return signal == INFO_INBOUND;
}

static const char *
read_range(struct generic_bits *b, int64_t *low, int64_t *high)
{
	uint32_t value[2], scale[2];

	for (int i = 0; i < 2; i++) {
		if (generic_take(b, 8, &value[i]) < 0 ||
		    generic_take(b, 4, &scale[i]) < 0)
			return "its definition is cut short";
		if (scale[i] == 0 || scale[i] >= sizeof scales / sizeof *scales)
			return "a scale that does not exist";
	}
	*low = (int8_t)value[0] * scales[scale[0]];
	*high = (int8_t)value[1] * scales[scale[1]];
	return NULL;
}

static const char *
unit_of(const struct generic_channel *c)
{
	/* A difference of temperatures is no temperature. */
	if (c->use == GENERIC_SHIFT && c->signal->unit != NULL &&
	    strcmp(c->signal->unit, "Cel") == 0)
		return "K";
	return c->signal->unit;
}

/* What its numbers are in, for the telegram and for the event. */
static const char *
make_lines(struct generic_channel *c, int64_t low, int64_t high)
{
	const struct quantity *q = c->quantity;
	const char *unit = c->unit == NULL ? "/" : c->unit;
	int64_t mul, div;

	if (generic_line_make(&c->line, low, high, c->bits, 1, 1) < 0)
		return "a range that is too wide";
	if (q == NULL)
		return NULL;
	if (q->kind != QUANTITY_NUMBER ||
	    unit_ratio(
		unit, strlen(unit), q->unit, strlen(q->unit), &mul, &div) < 0 ||
	    generic_line_make(&c->event, low, high, c->bits, mul, div) < 0)
		c->quantity = NULL;
	return NULL;
}

/* Resolution, and range of data. */
static const char *
read_size(struct generic_bits *b, struct generic_channel *c)
{
	int64_t low = 0, high;
	uint32_t resolution;
	const char *fault;

	c->bits = 1;
	if (c->type == GENERIC_FLAG)
		return NULL;
	if (generic_take(b, 4, &resolution) < 0)
		return "its definition is cut short";
	if (resolution == 0 || resolution >= sizeof resolutions)
		return "a resolution that does not exist";
	c->bits = resolutions[resolution];
	if (c->type == GENERIC_DATA) {
		fault = read_range(b, &low, &high);
		return fault != NULL ? fault : make_lines(c, low, high);
	}
	if (c->signal->halves) {
		high = ((int64_t)1 << c->bits) * (NANO / 2);
		return make_lines(c, low, high);
	}
	return NULL;
}

static const struct quantity *
quantity_of(
    const struct generic_channel *c, const struct quantities *quantities)
{
	const char *name = c->signal->quantity[c->use];

	return name == NULL || quantities == NULL
	    ? NULL
	    : quantity_find(quantities, name, strlen(name));
}

/* Of the kind that its values have. */
static int
is_of_kind(const struct generic_channel *c)
{
	if (c->type == GENERIC_FLAG)
		return c->quantity->kind == QUANTITY_BOOL;
	if (c->type == GENERIC_ENUMERATION && !c->signal->halves)
		return c->quantity->kind == QUANTITY_TEXT;
	return c->quantity->kind == QUANTITY_NUMBER;
}

static const char *
read_channel(struct generic_bits *b, enum generic_type type,
    const struct quantities *quantities, struct generic_channel *c)
{
	static const char *const kinds[] = { "", "data", "flag",
		"enumeration" };
	uint32_t signal, use;
	const char *fault;

	if (generic_take(b, 8, &signal) < 0 || generic_take(b, 2, &use) < 0)
		return "its definition is cut short";
	c->type = type;
	c->use = (enum generic_use)use;
	c->signal = generic_signal(type, (uint8_t)signal);
	c->unit = unit_of(c);
	c->ordinal = -1;
	c->quantity = quantity_of(c, quantities);
	if (c->signal->name != NULL)
		snprintf(c->name, sizeof c->name, "%s", c->signal->name);
	else
		snprintf(c->name, sizeof c->name, "%s_%u", kinds[type],
		    (unsigned)signal);
	fault = read_size(b, c);
	if (c->quantity != NULL && !is_of_kind(c))
		c->quantity = NULL;
	return fault;
}

/* Two temperatures are the device's own and that of its channel 1. */
static void
count_ordinals(struct generic *g)
{
	for (size_t i = 0; i < g->channels; i++) {
		struct generic_channel *c = &g->channel[i];

		if (c->quantity == NULL)
			continue;
		c->ordinal = 0;
		for (size_t j = 0; j < i; j++)
			c->ordinal += g->channel[j].quantity == c->quantity;
	}
}

static const char *
read_definitions(struct generic *g, struct generic_bits *b,
    const struct quantities *quantities)
{
	uint32_t type;
	const char *fault;

	while (!is_filling(*b)) {
		if (generic_take(b, 2, &type) < 0)
			return "its definition is cut short";
		if (type == GENERIC_INFORMATION) {
			int end = skip_information(b);

			if (end < 0)
				return "its definition is cut short";
			if (end)
				return NULL;
			continue;
		}
		if (g->channels == GENERIC_CHANNELS)
			return "more than 64 channels";
		fault = read_channel(b, (enum generic_type)type, quantities,
		    &g->channel[g->channels]);
		if (fault != NULL)
			return fault;
		g->bits += g->channel[g->channels++].bits;
	}
	return g->channels > 0 ? NULL : "no channels";
}

struct generic *
generic_new(const uint8_t *p, size_t n, const struct quantities *quantities,
    const char **why)
{
	struct generic *g = xcalloc(1, sizeof *g);
	struct generic_bits b = { p, 8 * n, 0 };
	const char *fault = n > TELEGRAM_SPACE
	    ? "longer than any telegram"
	    : read_definitions(g, &b, quantities);

	if (fault != NULL) {
		free(g);
		*why = fault;
		return NULL;
	}
	count_ordinals(g);
	return g;
}

void
generic_free(struct generic *g)
{
	free(g);
}

size_t
generic_channels(const struct generic *g)
{
	return g->channels;
}

const char *
generic_name(const struct generic *g, size_t i)
{
	return g->channel[i].name;
}

const char *
generic_unit(const struct generic *g, size_t i)
{
	return g->channel[i].unit;
}

const struct quantity *
generic_quantity(const struct generic *g, size_t i, int *channel)
{
	*channel = g->channel[i].ordinal;
	return g->channel[i].quantity;
}

int
generic_answer(const struct telegram *query, const struct generic_teach *teach,
    enum teach_result result, uint64_t sender, uint8_t *p, struct telegram *out)
{
	/* In the order of the standard: what we cannot decode is rejected by
	 * its channels. */
	static const uint8_t codes[] = { [TEACH_REFUSED] = 0,
		[TEACH_ACCEPTED] = 1,
		[TEACH_DELETED] = 2,
		[TEACH_NO_PROFILE] = 3 };
	unsigned header;

	if (query->rorg != RORG_GP_TI || !teach->two_way)
		return -1;
	header = (unsigned)teach->manufacturer << 5 | codes[result] << 3;
	p[0] = (uint8_t)(header >> 8);
	p[1] = (uint8_t)header;
	*out = (struct telegram){ .t = query->t,
		.sender = sender,
		.dest = query->sender,
		.rorg = RORG_GP_TR,
		.p = p,
		.n = HEADER,
		.erp = query->erp };
	return 0;
}
