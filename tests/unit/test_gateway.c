/*
 * gateway: packets of ESP3 in, event lines, counts and news out.  Profiles are
 * those of share/.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/enocean/gateway.h"
#include "event/event.h"

#include "check.h"

static struct quantities *quantities;
static struct eep *eep;
static struct manufacturers *manufacturers;
static char folder[] = "/tmp/test_gateway.XXXXXX";

static const char devices_text[] = "sender,profile,name,offset,options\n"
				   "0181B744,A5-02-05,attic,,\n"
				   "01823456,A5-12-01,meter,,\n"
				   "0194E3B9,D2-01-12,plug,3,\n"
				   "00298979,F6-02-01,door,,\n"
				   "0199AAAA,A5-20-01,boiler,,controller\n";

struct bench {
	struct gateway *g;
	struct devices *devices;
	struct secure *secure;
	struct module *module;
	struct buf out;
	char path[64];
};

static void
set_up(struct bench *b, int learn, enum gateway_form form, int64_t window)
{
	struct gateway_parts parts;
	struct buf why = { 0 };
	FILE *f;

	memset(b, 0, sizeof *b);
	snprintf(b->path, sizeof b->path, "%s/devices.csv", folder);
	f = fopen(b->path, "w");
	fputs(devices_text, f);
	fclose(f);
	b->devices = devices_open(b->path, eep, learn, &why);
	b->secure = secure_open(NULL, learn, &why);
	check(b->devices != NULL && b->secure != NULL, "set up: %s",
	    buf_cstr(&why));
	b->module = module_new();
	parts = (struct gateway_parts){ .eep = eep,
		.devices = b->devices,
		.secure = b->secure,
		.manufacturers = manufacturers,
		.module = b->module,
		.form = form,
		.learn = learn,
		.window = window };
	b->g = gateway_new(&parts);
	buf_fini(&why);
}

static void
tear_down(struct bench *b)
{
	gateway_free(b->g);
	module_free(b->module);
	secure_close(b->secure);
	devices_close(b->devices);
	buf_fini(&b->out);
	unlink(b->path);
}

/* One telegram as a module gives it. */
static void
radio(struct bench *b, int64_t t, uint8_t rorg, const void *payload, size_t n,
    uint32_t sender, uint32_t dest, uint8_t status)
{
	uint8_t data[64], opt[7] = { 1 };
	struct esp3_packet p = { .t = t,
		.data = data,
		.n = n + 6,
		.opt = opt,
		.nopt = sizeof opt,
		.type = ESP3_RADIO_ERP1 };

	data[0] = rorg;
	memcpy(data + 1, payload, n);
	for (int i = 0; i < 4; i++) {
		data[n + 1 + (size_t)i] = (uint8_t)(sender >> (24 - 8 * i));
		opt[1 + i] = (uint8_t)(dest >> (24 - 8 * i));
	}
	data[n + 5] = status;
	opt[5] = 60;
	gateway_take(b->g, &p, t, &b->out);
}

static void
answer(struct bench *b, int64_t t, const void *data, size_t n)
{
	struct esp3_packet p = {
		.t = t, .data = data, .n = n, .type = ESP3_RESPONSE
	};

	gateway_take(b->g, &p, t, &b->out);
}

/* Each line is an event; what was written is what was wanted. */
static void
wrote(struct bench *b, const char *what, const char *want)
{
	const char *line = buf_cstr(&b->out), *end, *why;
	struct event e;

	check(strcmp(line, want) == 0, "%s: wrote\n%s", what, line);
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
		check(event_scan(&e, line, (size_t)(end - line), &why) == 0 &&
			event_complete(&e, &why) == 0,
		    "%s: %.*s: %s", what, (int)(end - line), line, why);
	buf_clear(&b->out);
}

static void
said(struct bench *b, const char *what, const char *want)
{
	const char *line = "";
	enum news_kind kind = gateway_news(b->g, &line);

	if (want == NULL)
		check(kind == NEWS_NONE, "%s: said '%s'", what, line);
	else
		check(kind != NEWS_NONE && strstr(line, want) != NULL,
		    "%s: said '%s', not '%s'", what, line, want);
}

static const uint8_t warm[4] = { 0, 0, 85, 8 };

static void
quantities_come_out(void)
{
	static const struct {
		const char *what;
		uint8_t rorg, payload[8];
		size_t n;
		uint32_t sender;
		uint8_t status;
		const char *want;
	} cases[] = {
		{ "an inverted scale", RORG_4BS, { 0, 0, 85, 8 }, 4, 0x0181B744,
		    0,
		    "{\"topic\":\"MEASUREMENT/SENSOR/attic/Temperature\","
		    "\"t\":2.5,\"v\":26.666667,\"u\":\"Cel\"}\n" },
		{ "a divisor", RORG_4BS, { 0x01, 0x14, 0xDA, 0x09 }, 4,
		    0x01823456, 0,
		    "{\"topic\":\"MEASUREMENT/SENSOR/meter/EnergyImport\","
		    "\"t\":2.5,\"v\":7087.4,\"u\":\"kWh\"}\n" },
		{ "a tariff", RORG_4BS, { 0, 0, 0x0E, 0x5D }, 4, 0x01823456,
		    0x80,
		    "{\"topic\":\"MEASUREMENT/SENSOR/meter:5/Power\","
		    "\"t\":2.5,\"v\":1.4,\"u\":\"W\"}\n" },
		{ "a channel and its unit", RORG_VLD,
		    { 0x07, 0x61, 0, 0, 0x12, 0x34 }, 6, 0x0194E3B9, 0,
		    "{\"topic\":\"MEASUREMENT/SENSOR/plug:1/Power\","
		    "\"t\":2.5,\"v\":4660,\"u\":\"W\"}\n" },
	};
	struct bench b;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		set_up(&b, 0, GATEWAY_QUANTITIES, 0);
		radio(&b, 2500000, cases[i].rorg, cases[i].payload, cases[i].n,
		    cases[i].sender, TELEGRAM_BROADCAST, cases[i].status);
		wrote(&b, cases[i].what, cases[i].want);
		said(&b, cases[i].what, NULL);
		check(gateway_counts(b.g)->decoded == 1, "%s: not decoded",
		    cases[i].what);
		tear_down(&b);
	}
}

static void
repeats_are_dropped(void)
{
	struct bench b;

	set_up(&b, 0, GATEWAY_QUANTITIES, 250000);
	radio(
	    &b, 1000000, RORG_4BS, warm, 4, 0x0181B744, TELEGRAM_BROADCAST, 0);
	buf_clear(&b.out);
	radio(
	    &b, 1050000, RORG_4BS, warm, 4, 0x0181B744, TELEGRAM_BROADCAST, 1);
	wrote(&b, "through a repeater", "");
	radio(
	    &b, 2000000, RORG_4BS, warm, 4, 0x0181B744, TELEGRAM_BROADCAST, 0);
	check(b.out.len > 0, "the same value later is an event again");
	check(gateway_counts(b.g)->repeated == 1, "one was repeated");
	tear_down(&b);
}

static void
strangers_are_named_once(void)
{
	struct bench b;

	set_up(&b, 0, GATEWAY_QUANTITIES, 0);
	radio(&b, 1, RORG_4BS, warm, 4, 0x0BADF00D, TELEGRAM_BROADCAST, 0);
	radio(&b, 2, RORG_4BS, warm, 4, 0x0BADF00D, TELEGRAM_BROADCAST, 0);
	wrote(&b, "a stranger", "");
	said(&b, "a stranger", "unknown sender 0BADF00D: ");
	said(&b, "a stranger again", NULL);
	check(gateway_counts(b.g)->unknown == 2, "both were counted");
	tear_down(&b);
}

static void
our_own_echo_is_dropped(void)
{
	static const uint8_t version[33] = { 0 },
			     base[] = { 0, 0xFF, 0x8B, 0x1A, 0x00 };
	struct buf bytes = { 0 };
	struct bench b;

	set_up(&b, 0, GATEWAY_QUANTITIES, 0);
	module_up(b.module, 1);
	module_tick(b.module, 1, &bytes);
	answer(&b, 2, version, sizeof version);
	module_tick(b.module, 3, &bytes);
	answer(&b, 4, base, sizeof base);
	check(module_info(b.module)->base == 0xFF8B1A00, "base id is read");
	radio(&b, 5, RORG_4BS, warm, 4, 0xFF8B1A03, TELEGRAM_BROADCAST, 1);
	check(gateway_counts(b.g)->own == 1, "our own through a repeater");
	radio(&b, 6, RORG_4BS, warm, 4, 0xFF8B1A80, TELEGRAM_BROADCAST, 1);
	check(gateway_counts(b.g)->unknown == 1, "another's base id");
	buf_fini(&bytes);
	tear_down(&b);
}

static void
commands_of_others_are_no_measurements(void)
{
	static const uint8_t valve[4] = { 50, 0x80, 0x20, 8 },
			     on[3] = { 0x01, 0x00, 0x64 };
	struct bench b;

	set_up(&b, 0, GATEWAY_QUANTITIES, 0);
	radio(&b, 1, RORG_VLD, on, 3, 0xFFAABB80, 0x0194E3B9, 0);
	wrote(&b, "a command to our plug", "");
	check(gateway_counts(b.g)->overheard == 1, "it was overheard");
	tear_down(&b);
	set_up(&b, 0, GATEWAY_TELEGRAMS, 0);
	radio(&b, 1, RORG_4BS, valve, 4, 0x0199AAAA, TELEGRAM_BROADCAST, 0);
	check(
	    strstr(buf_cstr(&b.out), "\"msg\":\"command_to_actuator\"") != NULL,
	    "a controller's: %s", buf_cstr(&b.out));
	tear_down(&b);
}

static void
teaching_needs_leave(void)
{
	static const uint8_t query[7] = { 0xA0, 0xFF, 0x33, 0, 0x09, 0x01,
		0xD2 };
	struct bench b;

	set_up(&b, 0, GATEWAY_QUANTITIES, 0);
	radio(&b, 1, RORG_UTE, query, 7, 0x01949ECA, TELEGRAM_BROADCAST, 0);
	wrote(&b, "a teach-in", "");
	said(&b, "a teach-in", "asks to be taught in as D2-01-09");
	check(device_by_sender(b.devices, 0x01949ECA) == NULL,
	    "learned without leave");
	tear_down(&b);
	set_up(&b, 1, GATEWAY_QUANTITIES, 0);
	radio(&b, 1, RORG_UTE, query, 7, 0x01949ECA, TELEGRAM_BROADCAST, 0);
	said(&b, "a teach-in", "taught in as D2-01-09");
	check(device_by_sender(b.devices, 0x01949ECA) != NULL, "not learned");
	radio(
	    &b, 1000000, RORG_UTE, query, 7, 0x01949ECA, TELEGRAM_BROADCAST, 0);
	said(&b, "not answered, it asks again", "taught in as D2-01-09");
	radio(
	    &b, 9000000, RORG_UTE, query, 7, 0x01949ECA, TELEGRAM_BROADCAST, 0);
	said(&b, "the other way", "taught out of D2-01-09");
	check(device_by_sender(b.devices, 0x01949ECA) == NULL, "still there");
	tear_down(&b);
}

/* A switch is usable at once; a two-way device is told our key. */
static void
secured_devices_are_taught(void)
{
	static const uint8_t first[13] = { 0x24, 0x8B, 0x3E, 0x2D, 0x00, 0x45,
		0x6E, 0x4F, 0x63, 0x65, 0x61, 0x6E, 0x20 };
	static const uint8_t second[10] = { 0x40, 0x47, 0x6D, 0x62, 0x48, 0x2E,
		0x31, 0x33, 0x00 };
	static const uint8_t pressed[4] = { 0x0E, 0x05, 0xE5, 0x6D };
	static const uint8_t version[33] = { 0 }, ok[1] = { 0 },
			     base[] = { 0, 0xFF, 0x8B, 0x1A, 0x00 };
	uint8_t two_way[13];
	struct buf bytes = { 0 };
	struct bench b;

	set_up(&b, 1, GATEWAY_QUANTITIES, 0);
	radio(&b, 1, RORG_SEC_TI, first, 13, 0x0185E177, TELEGRAM_BROADCAST, 0);
	radio(&b, 2, RORG_SEC_TI, second, 9, 0x0185E177, TELEGRAM_BROADCAST, 0);
	check(device_by_sender(b.devices, 0x0185E177) != NULL,
	    "the switch is learned");
	radio(&b, 3, RORG_SEC, pressed, 4, 0x0185E177, TELEGRAM_BROADCAST, 0);
	check(strstr(buf_cstr(&b.out), "/0185E177/ButtonPressed") != NULL,
	    "the switch is understood: %s", buf_cstr(&b.out));
	tear_down(&b);

	set_up(&b, 1, GATEWAY_QUANTITIES, 0);
	module_up(b.module, 1);
	module_tick(b.module, 1, &bytes);
	answer(&b, 1, version, sizeof version);
	module_tick(b.module, 1, &bytes);
	answer(&b, 1, base, sizeof base);
	memcpy(two_way, first, sizeof two_way);
	two_way[0] = 0x21;
	radio(
	    &b, 2, RORG_SEC_TI, two_way, 13, 0x0194E3B9, TELEGRAM_BROADCAST, 0);
	radio(&b, 3, RORG_SEC_TI, second, 9, 0x0194E3B9, TELEGRAM_BROADCAST, 0);
	/* sync, header, RORG, INFO, ...; its offset is 3 */
	for (int i = 0; i < 2; i++) {
		buf_clear(&bytes);
		module_tick(b.module, 4, &bytes);
		check(bytes.len > 20 && (uint8_t)bytes.p[6] == RORG_SEC_TI &&
			(uint8_t)bytes.p[7] == (i == 0 ? 0x21 : 0x40) &&
			memmem(bytes.p, bytes.len, "\xFF\x8B\x1A\x03", 4) !=
			    NULL,
		    "our teach-in, part %d of %zu bytes", i, bytes.len);
		answer(&b, 5, ok, sizeof ok);
	}
	buf_fini(&bytes);
	tear_down(&b);
}

static void
what_cannot_be_read_is_counted(void)
{
	static const uint8_t secured[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct esp3_packet cut = {
		.t = 1, .data = warm, .n = 3, .type = ESP3_RADIO_ERP1
	};
	struct bench b;

	set_up(&b, 0, GATEWAY_QUANTITIES, 0);
	gateway_take(b.g, &cut, 1, &b.out);
	check(gateway_counts(b.g)->malformed == 1, "a cut telegram");
	said(&b, "a cut telegram", "packet of type 1: ");
	radio(&b, 2, RORG_SEC_ENCAPS, secured, 8, 0x0181B744,
	    TELEGRAM_BROADCAST, 0);
	check(gateway_counts(b.g)->refused == 1, "one without a key");
	said(&b, "one without a key", "attic (0181B744): ");
	radio(&b, 3, RORG_MSC, secured, 8, 0x0181B744, TELEGRAM_BROADCAST, 0);
	check(gateway_counts(b.g)->undecoded == 1, "one of another profile");
	said(&b, "one of another profile", "attic (0181B744): ");
	wrote(&b, "none of them", "");
	tear_down(&b);
}

int
main(void)
{
	struct buf why = { 0 };

	if (mkdtemp(folder) == NULL)
		return 1;
	quantities = quantities_open("share/quantities.csv", &why);
	eep = eep_open(quantities);
	if (eep_read(eep, "share/eep", &why) < 0)
		check(0, "%s", buf_cstr(&why));
	manufacturers = manufacturers_open("share/eep/manufacturers.csv", &why);
	check(manufacturers != NULL, "%s", buf_cstr(&why));
	quantities_come_out();
	repeats_are_dropped();
	strangers_are_named_once();
	our_own_echo_is_dropped();
	commands_of_others_are_no_measurements();
	teaching_needs_leave();
	secured_devices_are_taught();
	what_cannot_be_read_is_counted();
	manufacturers_close(manufacturers);
	eep_close(eep);
	quantities_close(quantities);
	buf_fini(&why);
	rmdir(folder);
	return check_done();
}
