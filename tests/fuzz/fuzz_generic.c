/*
 * Generic profiles: definitions of any content are refused or understood, and
 * data of any content that belong to them give values that are in order.
 */
#include <stdlib.h>
#include <string.h>

#include "device/enocean/generic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth)
{
	if (!truth)
		abort();
}

static struct quantities *
registered(void)
{
	static struct quantities *q;
	struct buf why = { 0 };

	if (q == NULL)
		q = quantities_open("share/quantities.csv", &why);
	require(q != NULL);
	return q;
}

static void
is_in_order(const struct generic *g, const struct eep_value *v, uint8_t channel)
{
	int ordinal;

	require(channel < generic_channels(g));
	require(v->quantity == generic_quantity(g, channel, &ordinal));
	require(v->channel == ordinal && ordinal < GENERIC_CHANNELS);
	require((v->quantity != NULL) == (ordinal >= 0));
	require(v->raw <= UINT32_MAX);
	require((v->state == EEP_LABEL) == (v->label != NULL));
	require(v->decimals >= 0 && v->decimals <= 9);
	require(v->event_decimals >= 0 && v->event_decimals <= 9);
	require(v->truth == -1 || v->quantity->kind == QUANTITY_BOOL);
	if (v->quantity != NULL && v->quantity->kind == QUANTITY_NUMBER)
		require(v->state == EEP_NUMBER);
}

static void
read_data(const struct generic *g, uint8_t rorg, const uint8_t *p, size_t n)
{
	struct telegram tel = { .rorg = rorg, .p = p, .n = n };
	struct eep_value out[GENERIC_CHANNELS];
	uint8_t channel[GENERIC_CHANNELS];
	const char *why = NULL;
	int count = generic_values(g, &tel, out, channel, &why);

	require((count < 0) == (why != NULL));
	require(count < 0 || rorg != RORG_GP_CD ||
	    (size_t)count == generic_channels(g));
	for (int i = 0; i < count; i++)
		is_in_order(g, &out[i], channel[i]);
}

static void
teach(const uint8_t *p, size_t n)
{
	struct telegram tel = { .rorg = RORG_GP_TI, .p = p, .n = n }, out;
	struct generic_teach t;
	uint8_t answer[TELEGRAM_SPACE];

	if (generic_parse(&tel, &t) < 0)
		return;
	require(t.p == p + 2 && t.n == n - 2 && t.purpose <= 2);
	require((generic_answer(&tel, &t, TEACH_ACCEPTED, 1, answer, &out) ==
		    0) == t.two_way);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *why = NULL;
	struct generic *g;
	size_t n;

	teach(data, size);
	if (size < 2)
		return 0;
	n = data[0] < size - 1 ? data[0] : size - 1;
	g = generic_new(data + 1, n, registered(), &why);
	require((g == NULL) == (why != NULL));
	if (g == NULL)
		return 0;
	require(generic_channels(g) <= GENERIC_CHANNELS);
	read_data(g, RORG_GP_CD, data + 1 + n, size - 1 - n);
	read_data(g, RORG_GP_SD, data + 1 + n, size - 1 - n);
	generic_free(g);
	return 0;
}
