#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "device/enocean/generic.h"
#include "device/enocean/generic_part.h"

enum { BYTES_MAX = 700 };

static struct quantities *quantities;

/* Bits as text, blanks between them; filled up with zeros. */
static size_t
bits(const char *text, uint8_t *out)
{
	size_t n = 0;

	memset(out, 0, BYTES_MAX);
	for (; *text != '\0'; text++) {
		if (*text == ' ')
			continue;
		if (*text == '1')
			out[n / 8] |= (uint8_t)(0x80 >> n % 8);
		n++;
	}
	return (n + 7) / 8;
}

static struct generic *
new_of(const char *text)
{
	uint8_t p[BYTES_MAX];
	size_t n = bits(text, p);
	const char *why = "";
	struct generic *g = generic_new(p, n, quantities, &why);

	check(g != NULL, "%s: %s", text, why);
	return g;
}

#define TEMPERATURE "01 00011000 01 0111 00000000 0001 00101000 0001 "
#define SWITCH "10 00001010 01 "
#define WINDOW "10 00001011 01 "
#define HVAC "11 00000100 01 0010 "
#define BATTERY "11 00000111 01 0110 "
#define POWER "01 00010100 01 1001 10000000 0011 01111111 0011 "
#define ENERGY "01 00001001 01 1100 00000000 0001 01111111 1000 "
#define TINY "01 00000110 01 1000 10011100 1101 01100100 1101 "
#define INBOUND "00 00000001 00000001 10101010 "
#define PRODUCT "00 00000010 00000010 1010101011111111 "

static const struct {
	const char *text, *want;
} refused[] = {
	{ "", "no channels" },
	{ "00000000 00000000", "no channels" },
	{ INBOUND TEMPERATURE, "" }, /* fine: it only takes commands */
	{ "01 00011000 01 0000 00000000 0001 00101000 0001",
	    "a resolution that does not exist" },
	{ "01 00011000 01 1101 00000000 0001 00101000 0001",
	    "a resolution that does not exist" },
	{ "11 00011000 01 1111", "a resolution that does not exist" },
	{ "01 00011000 01 0111 00000000 0000 00101000 0001",
	    "a scale that does not exist" },
	{ "01 00011000 01 0111 00000000 0001 00101000 1110",
	    "a scale that does not exist" },
	{ "01 00011000 01 0111 00000000", "its definition is cut short" },
	{ TEMPERATURE "10 0000", "its definition is cut short" },
	{ TEMPERATURE "1", "its definition is cut short" },
	{ TEMPERATURE "00 00000010 00000011 10101010",
	    "its definition is cut short" },
	{ TEMPERATURE "00 00000010", "its definition is cut short" },
};

static void
refuses_definitions(void)
{
	uint8_t p[BYTES_MAX];
	const char *why;
	size_t n;

	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct generic *g;

		n = bits(refused[i].text, p);
		why = "";
		g = generic_new(p, n, quantities, &why);
		check(g == NULL ? strcmp(why, refused[i].want) == 0
				: *refused[i].want == '\0',
		    "%s: %s, not %s", refused[i].text, why, refused[i].want);
		generic_free(g);
	}
	/* Flags of 12 bits each: 64 are the most. */
	for (size_t count = 64; count <= 65; count++) {
		struct generic *g;

		memset(p, 0, sizeof p);
		for (size_t i = 0; i < count; i++) {
			p[i * 12 / 8] |= i % 2 ? 0x08 : 0x80;
			p[i * 12 / 8 + 1] |= i % 2 ? 0x11 : 0x10;
		}
		why = "";
		g = generic_new(p, (count * 12 + 7) / 8, quantities, &why);
		check(count == 64 ? g != NULL && generic_channels(g) == 64
				  : strcmp(why, "more than 64 channels") == 0,
		    "%zu channels: %s", count, why);
		generic_free(g);
	}
	check(generic_new(p, TELEGRAM_SPACE + 1, quantities, &why) == NULL,
	    "longer than any telegram");
}

/* Data that do not belong to the definitions. */
static const struct {
	const char *definitions;
	uint8_t rorg;
	const char *data, *want;
} wrong[] = {
	{ TEMPERATURE, RORG_GP_CD, "", "shorter than the device's channels" },
	{ TEMPERATURE, RORG_GP_CD, "10000000",
	    "shorter than the device's channels" },
	{ TEMPERATURE, RORG_GP_CD, "10000000 00000000 00000000",
	    "longer than the device's channels" },
	{ TEMPERATURE, RORG_GP_SD, "", "no channels in it" },
	{ TEMPERATURE, RORG_GP_SD, "0000", "no channels in it" },
	{ TEMPERATURE, RORG_GP_SD, "0001", "cut short" },
	{ TEMPERATURE, RORG_GP_SD, "0001 000000 100000", "cut short" },
	{ TEMPERATURE, RORG_GP_SD, "0001 000001 1000000000",
	    "a channel that the device has not defined" },
	{ TEMPERATURE, RORG_GP_SD, "0001 111111 1000000000",
	    "a channel that the device has not defined" },
	{ TEMPERATURE, RORG_GP_SD, "0010 000000 1000000000", "cut short" },
	{ TEMPERATURE, RORG_GP_SD, "0001 000000 1000000000 00000000 0000",
	    "longer than the channels in it" },
	{ TEMPERATURE, RORG_VLD, "1000000000",
	    "not the data of a generic profile" },
};

static void
refuses_data(void)
{
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct generic *g = new_of(wrong[i].definitions);
		struct eep_value out[GENERIC_CHANNELS];
		uint8_t p[BYTES_MAX], channel[GENERIC_CHANNELS];
		struct telegram tel = { .rorg = wrong[i].rorg,
			.p = p,
			.n = bits(wrong[i].data, p) };
		const char *why = "";

		check(generic_values(g, &tel, out, channel, &why) < 0 &&
			strcmp(why, wrong[i].want) == 0,
		    "%s: %s", wrong[i].data, why);
		generic_free(g);
	}
}

static void
add_number(struct buf *b, int64_t units, int decimals)
{
	int64_t one = 1;
	uint64_t v = units < 0 ? -(uint64_t)units : (uint64_t)units;

	for (int i = 0; i < decimals; i++)
		one *= 10;
	buf_addf(b, "%s%" PRIu64 ".%0*" PRIu64, units < 0 ? "-" : "",
	    v / (uint64_t)one, decimals, v % (uint64_t)one);
}

/* One value as text: what it is, in the telegram and in the event. */
static void
add_value(struct buf *b, const struct eep_value *v, uint8_t channel)
{
	buf_addf(b, "%s%d", b->len > 0 ? " " : "", channel);
	if (v->state == EEP_NUMBER) {
		buf_addc(b, '=');
		add_number(b, v->units, v->decimals);
		buf_addf(b, "%s", v->unit == NULL ? "" : v->unit);
	} else if (v->state == EEP_LABEL) {
		buf_addf(b, "=%s", v->label);
	} else {
		buf_addf(b, "#%" PRIu64, v->raw);
	}
	if (v->quantity == NULL)
		return;
	buf_addf(b, ">%s", v->quantity->name);
	if (v->channel > 0)
		buf_addf(b, ":%d", v->channel);
	if (v->quantity->kind == QUANTITY_BOOL)
		buf_addf(b, "=%d", v->truth);
	if (v->quantity->kind == QUANTITY_NUMBER) {
		buf_addc(b, '=');
		add_number(b, v->event_units, v->event_decimals);
		buf_adds(b, v->quantity->unit);
	}
}

static const struct {
	const char *definitions;
	uint8_t rorg;
	const char *data, *want;
} values[] = {
	{ TEMPERATURE, RORG_GP_CD, "0000000000",
	    "0=0.0000000Cel>Temperature=0.0000000Cel" },
	{ TEMPERATURE, RORG_GP_CD, "1000000000",
	    "0=20.0000000Cel>Temperature=20.0000000Cel" },
	{ TEMPERATURE, RORG_GP_CD, "1111111111",
	    "0=39.9609375Cel>Temperature=39.9609375Cel" },
	{ TEMPERATURE TEMPERATURE SWITCH WINDOW, RORG_GP_CD,
	    "1000000000 0100000000 1 1",
	    "0=20.0000000Cel>Temperature=20.0000000Cel "
	    "1=10.0000000Cel>Temperature:1=10.0000000Cel "
	    "2=on>Switch=1 3=open>Contact=0" },
	{ SWITCH WINDOW, RORG_GP_CD, "0 0",
	    "0=off>Switch=0 1=closed>Contact=1" },
	{ SWITCH PRODUCT HVAC BATTERY, RORG_GP_CD, "1 011 11001000",
	    "0=on>Switch=1 1=economy>HvacMode "
	    "2=100.0%EL>BatteryLevel=100.0%EL" },
	{ HVAC, RORG_GP_CD, "101", "0#5>HvacMode" },
	{ SWITCH INBOUND TEMPERATURE, RORG_GP_CD, "1", "0=on>Switch=1" },
	/* -128 * 100 .. 127 * 100 in 65536 steps */
	{ POWER, RORG_GP_CD, "0000000000000000",
	    "0=-12800.000000W>Power=-12800.000000W" },
	{ POWER, RORG_GP_CD, "1000000000000000",
	    "0=-50.000000W>Power=-50.000000W" },
	{ POWER, RORG_GP_CD, "1111111111111111",
	    "0=12699.610901W>Power=12699.610901W" },
	/* 32 bits up to 1.27e9 J, in kWh */
	{ ENERGY, RORG_GP_CD, "10000000000000000000000000000000",
	    "0=635000000.000000J>EnergyImport=176.388888889kWh" },
	{ ENERGY, RORG_GP_CD, "00000000000000000000000000000001",
	    "0=0.295695J>EnergyImport=0.000000082kWh" },
	/* -100e-9 .. 100e-9 A */
	{ TINY, RORG_GP_CD, "000000000000",
	    "0=-0.000000100A>Current=-0.000000100A" },
	{ "01 01100011 01 0110 00000000 0001 00000001 0001 ", RORG_GP_CD,
	    "10000000", "0=0.50000000" },
	{ "01 00011000 10 0110 00000000 0001 00101000 0001 ", RORG_GP_CD,
	    "10000000", "0=20.00000Cel>TemperatureSetpoint=20.00000Cel" },
	{ "01 00011000 11 0110 11111011 0001 00000101 0001 ", RORG_GP_CD,
	    "00000000", "0=-5.0000000K>SetpointShift=-5.0000000K" },
	{ "01 00000011 01 0110 00000000 0001 00000001 0001 ", RORG_GP_CD,
	    "10000000", "0=0.50000000rad/s" },
	{ "10 00001010 10 ", RORG_GP_CD, "1", "0=on" },
	{ "10 00001010 00 ", RORG_GP_CD, "1", "0=on" },
	{ "10 01100011 01 ", RORG_GP_CD, "1", "0#1" },
	{ "10 00000100 01 ", RORG_GP_CD, "1", "0=day>Night=0" },
	{ TEMPERATURE SWITCH, RORG_GP_SD, "0001 000001 1", "1=on>Switch=1" },
	{ TEMPERATURE SWITCH, RORG_GP_SD, "0010 000001 0 000000 1000000000",
	    "1=off>Switch=0 0=20.0000000Cel>Temperature=20.0000000Cel" },
	/* the example of the standard: channel 1 has 2 bits */
	{ SWITCH "11 00000011 01 0001", RORG_GP_SD, "0001 000001 01",
	    "1=standby>OccupancyMode" },
};

static void
reads_values(void)
{
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		struct generic *g = new_of(values[i].definitions);
		struct eep_value out[GENERIC_CHANNELS];
		uint8_t p[BYTES_MAX], channel[GENERIC_CHANNELS];
		struct telegram tel = { .rorg = values[i].rorg,
			.p = p,
			.n = bits(values[i].data, p) };
		struct buf text = { 0 };
		const char *why = "";
		int n = generic_values(g, &tel, out, channel, &why);

		for (int j = 0; j < n; j++)
			add_value(&text, &out[j], channel[j]);
		check(strcmp(buf_cstr(&text), values[i].want) == 0,
		    "%s%s: %s, not %s", values[i].definitions, why,
		    buf_cstr(&text), values[i].want);
		buf_fini(&text);
		generic_free(g);
	}
}

/* Whatever the range: in order, and within it. */
static void
stays_in_range(void)
{
	static const int64_t ends[] = { -1280000000000000000, -128, -1, 0, 1,
		127, 1000000000, 1270000000000000000 };
	enum { ENDS = sizeof ends / sizeof *ends };
	static const unsigned sizes[] = { 1, 2, 8, 12, 16, 24, 32 };

	for (size_t i = 0; i < ENDS * ENDS * 7; i++) {
		int64_t low = ends[i % ENDS], high = ends[i / ENDS % ENDS];
		unsigned size = sizes[i / ENDS / ENDS];
		uint32_t last = (uint32_t)(((uint64_t)1 << size) - 1);
		struct generic_line line;
		int64_t first, next;
		double one = 1e-9, wide;

		check(generic_line_make(&line, low, high, size, 1, 1) == 0,
		    "%" PRId64 "..%" PRId64 ": made", low, high);
		for (int k = 0; k < line.decimals; k++)
			one *= 10;
		first = generic_line_units(&line, 0);
		next = generic_line_units(&line, last);
		wide = (double)(next - first) / one;
		check(line.decimals <= 9 &&
			(double)first / one - (double)low <= 0.5 / one + 512 &&
			(double)first / one - (double)low >= -0.5 / one - 512,
		    "%" PRId64 "..%" PRId64 ": begins with %" PRId64, low, high,
		    first);
		check(low <= high ? next >= first &&
			    wide <= (double)high - (double)low + 512
				  : next <= first,
		    "%" PRId64 "..%" PRId64 ": ends with %" PRId64, low, high,
		    next);
	}
}

/* Every quantity that the standard's signals are mapped to is registered. */
static void
knows_quantities(void)
{
	for (int type = GENERIC_DATA; type <= GENERIC_ENUMERATION; type++) {
		int named = 0;

		for (int i = 0; i < 256; i++) {
			const struct generic_signal *s =
			    generic_signal((enum generic_type)type, (uint8_t)i);

			named += s->name != NULL;
			for (int use = 0; use < GENERIC_USES; use++) {
				const char *name = s->quantity[use];

				check(name == NULL ||
					quantity_find(quantities, name,
					    strlen(name)) != NULL,
				    "%s is not registered", name);
			}
		}
		check(named ==
			(type == GENERIC_DATA	       ? 32
				: type == GENERIC_FLAG ? 14
						       : 7),
		    "type %d: %d signals", type, named);
	}
}

/* All data signals with a quantity: unit and quantity fit together. */
static void
converts_all(void)
{
	for (int i = 0; i < 256; i++) {
		const struct generic_signal *s =
		    generic_signal(GENERIC_DATA, (uint8_t)i);
		char text[80];
		struct generic *g;
		int ordinal;

		for (int use = 1; use < GENERIC_USES; use++) {
			if (s->quantity[use] == NULL)
				continue;
			snprintf(text, sizeof text,
			    "01 %d%d%d%d%d%d%d%d %d%d 0110 00000000 0001 "
			    "01100100 0001",
			    i >> 7 & 1, i >> 6 & 1, i >> 5 & 1, i >> 4 & 1,
			    i >> 3 & 1, i >> 2 & 1, i >> 1 & 1, i & 1, use >> 1,
			    use & 1);
			g = new_of(text);
			check(generic_quantity(g, 0, &ordinal) != NULL &&
				ordinal == 0,
			    "%s: in %s", s->name, s->quantity[use]);
			check(strcmp(generic_name(g, 0), s->name) == 0,
			    "%s is called %s", s->name, generic_name(g, 0));
			generic_free(g);
		}
	}
}

static const struct {
	const char *header;
	int want, manufacturer, two_way, purpose;
} teaches[] = {
	{ "", -1, 0, 0, 0 },
	{ "00000000000 0 00 00", -1, 0, 0, 0 },
	{ "00000110011 1 11 00 " SWITCH, -1, 0, 0, 0 },
	{ "00000110011 1 00 00 " SWITCH, 0, 0x033, 1, 0 },
	{ "11111111111 0 01 00 " SWITCH, 0, 0x7FF, 0, 1 },
	{ "10000000001 1 10 11 " SWITCH, 0, 0x401, 1, 2 },
};

static void
is_taught(void)
{
	for (size_t i = 0; i < sizeof teaches / sizeof teaches[0]; i++) {
		uint8_t p[BYTES_MAX], q[TELEGRAM_SPACE];
		struct telegram tel = { .sender = 0x01000001,
			.dest = TELEGRAM_BROADCAST,
			.rorg = RORG_GP_TI,
			.p = p,
			.n = bits(teaches[i].header, p) },
				out;
		struct generic_teach teach = { 0 };
		int r = generic_parse(&tel, &teach);

		check(r == teaches[i].want, "%s: %d", teaches[i].header, r);
		if (r != 0)
			continue;
		check(teach.manufacturer == teaches[i].manufacturer &&
			teach.two_way == teaches[i].two_way &&
			teach.purpose == teaches[i].purpose && teach.n == 2 &&
			teach.p == p + 2,
		    "%s: taken apart", teaches[i].header);
		r = generic_answer(
		    &tel, &teach, TEACH_ACCEPTED, 0xFF800001, q, &out);
		check((r == 0) == teaches[i].two_way, "%s: answered",
		    teaches[i].header);
		if (r != 0)
			continue;
		check(out.rorg == RORG_GP_TR && out.dest == 0x01000001 &&
			out.sender == 0xFF800001 && out.n == 2 && out.p == q,
		    "%s: the answer's addresses", teaches[i].header);
		check((q[0] << 8 | q[1]) ==
			(teaches[i].manufacturer << 5 | 1 << 3),
		    "%s: accepted: %02X%02X", teaches[i].header, q[0], q[1]);
		generic_answer(
		    &tel, &teach, TEACH_REFUSED, 0xFF800001, q, &out);
		check((q[1] & 0x18) == 0, "refused");
		generic_answer(
		    &tel, &teach, TEACH_DELETED, 0xFF800001, q, &out);
		check((q[1] & 0x18) == 2 << 3, "deleted");
		generic_answer(
		    &tel, &teach, TEACH_NO_PROFILE, 0xFF800001, q, &out);
		check((q[1] & 0x18) == 3 << 3, "channels rejected");
		tel.rorg = RORG_GP_TR;
		check(generic_parse(&tel, &teach) == -1 &&
			generic_answer(
			    &tel, &teach, TEACH_ACCEPTED, 0, q, &out) == -1,
		    "not a request");
	}
}

int
main(void)
{
	struct buf why = { 0 };

	quantities = quantities_open("share/quantities.csv", &why);
	check(quantities != NULL, "%s", buf_cstr(&why));
	if (quantities == NULL)
		return check_done();
	refuses_definitions();
	refuses_data();
	reads_values();
	stays_in_range();
	knows_quantities();
	converts_all();
	is_taught();
	quantities_close(quantities);
	buf_fini(&why);
	return check_done();
}
