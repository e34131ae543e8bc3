#include "device/enocean/generic_part.h"

enum { COUNT_BITS = 4, INDEX_BITS = 6 };

static void
read_number(
    const struct generic_channel *c, uint32_t raw, struct eep_value *out)
{
	out->state = EEP_NUMBER;
	out->unit = c->unit;
	out->units = generic_line_units(&c->line, raw);
	out->decimals = c->line.decimals;
	if (c->quantity == NULL)
		return;
	out->event_units = generic_line_units(&c->event, raw);
	out->event_decimals = c->event.decimals;
}

static void
read_value(const struct generic_channel *c, uint32_t raw, struct eep_value *out)
{
	*out = (struct eep_value){ .state = EEP_RAW,
		.raw = raw,
		.truth = -1,
		.quantity = c->quantity,
		.channel = c->ordinal };
	if (c->type == GENERIC_DATA || c->signal->halves) {
		read_number(c, raw, out);
	} else if (raw < c->signal->count) {
		out->state = EEP_LABEL;
		out->label = c->signal->labels[raw];
	}
	if (c->quantity != NULL && c->type == GENERIC_FLAG)
		out->truth = (int)raw ^ c->signal->inverted;
}

/* All bits that are left belong to the last byte's filling. */
static int
is_over(const struct generic_bits *b)
{
	return b->n - b->at < 8;
}

static const char *
read_complete(const struct generic *g, struct generic_bits *b,
    struct eep_value *out, uint8_t *channel)
{
	uint32_t raw;

	if (b->n < g->bits)
		return "shorter than the device's channels";
	for (size_t i = 0; i < g->channels; i++) {
		generic_take(b, g->channel[i].bits, &raw);
		read_value(&g->channel[i], raw, &out[i]);
		channel[i] = (uint8_t)i;
	}
	return is_over(b) ? NULL : "longer than the device's channels";
}

static const char *
read_selected(const struct generic *g, struct generic_bits *b, uint32_t count,
    struct eep_value *out, uint8_t *channel)
{
	uint32_t index, raw;

	for (uint32_t i = 0; i < count; i++) {
		if (generic_take(b, INDEX_BITS, &index) < 0)
			return "cut short";
		if (index >= g->channels)
			return "a channel that the device has not defined";
		if (generic_take(b, g->channel[index].bits, &raw) < 0)
			return "cut short";
		read_value(&g->channel[index], raw, &out[i]);
		channel[i] = (uint8_t)index;
	}
	return is_over(b) ? NULL : "longer than the channels in it";
}

int
generic_values(const struct generic *g, const struct telegram *tel,
    struct eep_value out[GENERIC_CHANNELS], uint8_t channel[GENERIC_CHANNELS],
    const char **why)
{
	struct generic_bits b = { tel->p, 8 * tel->n, 0 };
	uint32_t count = (uint32_t)g->channels;

	if (tel->rorg == RORG_GP_CD) {
		*why = read_complete(g, &b, out, channel);
	} else if (tel->rorg != RORG_GP_SD) {
		*why = "not the data of a generic profile";
	} else if (generic_take(&b, COUNT_BITS, &count) < 0 || count == 0) {
		*why = "no channels in it";
	} else {
		*why = read_selected(g, &b, count, out, channel);
	}
	return *why == NULL ? (int)count : -1;
}
