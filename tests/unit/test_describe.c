/* What the devices are and can do, as discovery events. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "device/enocean/devices.h"
#include "event/event.h"
#include "event/json.h"

static struct eep *eep;
static char path[] = "/tmp/sg-test-describe-XXXXXX";

#define HEAD "sender,profile,name,room,manufacturer,note\n"

static void
write_text(const char *p, size_t n)
{
	FILE *f = fopen(path, "w");

	check(f != NULL && fwrite(p, 1, n, f) == n && fclose(f) == 0,
	    "%s: not written", path);
}

static struct devices *
open_text(const char *p)
{
	struct buf why = { 0 };
	struct devices *d;

	write_text(p, strlen(p));
	d = devices_open(path, eep, 0, &why);
	check(d != NULL, "%s", buf_cstr(&why));
	if (d == NULL)
		exit(check_done());
	buf_fini(&why);
	return d;
}

/* Every line is a whole event; how many there are. */
static size_t
check_lines(const struct buf *b)
{
	const char *p = b->p, *end = b->p + b->len;
	size_t n = 0;

	for (; p < end; n++) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *why = "";
		struct event e;

		check(newline != NULL, "the last line has no newline");
		if (newline == NULL)
			break;
		check(event_scan(&e, p, (size_t)(newline - p), &why) == 0 &&
			event_complete(&e, &why) == 0 && event_has(&e, EVENT_D),
		    "%s: %.*s", why, (int)(newline - p), p);
		p = newline + 1;
	}
	return n;
}

static const struct {
	const char *in, *want, *why;
} described[] = {
	{ "sender,profile,name\n", "", "no device" },
	{ HEAD "01949ECA,A5-12-01,meter,kitchen,Permundo,\n",
	    "{\"topic\":\"DISCOVERY/DEVICE/meter\",\"t\":1.5,\"d\":{"
	    "\"technology\":\"EnOcean\",\"address\":\"01949ECA\","
	    "\"manufacturer\":\"Permundo\",\"profiles\":[{\"profile\":"
	    "\"A5-12-01\",\"title\":\"electricity meter\"}],\"commands\":[],"
	    "\"quantities\":[{\"quantity\":\"EnergyImport\",\"unit\":\"kWh\","
	    "\"kind\":\"number\",\"topics\":["
	    "\"MEASUREMENT/SENSOR/meter/EnergyImport\"],\"channels\":16},"
	    "{\"quantity\":\"Power\",\"unit\":\"W\",\"kind\":\"number\","
	    "\"topics\":[\"MEASUREMENT/SENSOR/meter/Power\"],"
	    "\"channels\":16}],\"attributes\":{\"room\":\"kitchen\"}}}\n",
	    "a meter" },
	{ HEAD "0123456789AB,D5-00-01,window,\"a \"\"b\"\", c\",,\n",
	    "{\"topic\":\"DISCOVERY/DEVICE/window\",\"t\":1.5,\"d\":{"
	    "\"technology\":\"EnOcean\",\"address\":\"0123456789AB\","
	    "\"profiles\":[{\"profile\":\"D5-00-01\",\"title\":"
	    "\"contact\"}],\"commands\":[],\"quantities\":["
	    "{\"quantity\":\"Contact\",\"kind\":\"bool\",\"topics\":["
	    "\"MEASUREMENT/SENSOR/window/Contact\"]}],\"attributes\":{"
	    "\"room\":\"a \\\"b\\\", c\"}}}\n",
	    "a contact" },
};

static void
test_described(void)
{
	for (size_t i = 0; i < sizeof described / sizeof *described; i++) {
		struct devices *d = open_text(described[i].in);
		struct buf b = { 0 };

		devices_describe(d, &b, 1500000);
		check(strcmp(buf_cstr(&b), described[i].want) == 0, "%s: %s",
		    described[i].why, b.p);
		check_lines(&b);
		devices_close(d);
		buf_fini(&b);
	}
}

/* What a line has to hold, or not. */
static const struct {
	const char *in, *has, *not, *why;
} parts[] = {
	{ HEAD "01949ECA,D2-01-12,plug,kitchen,,a\n"
	       "01949ECA,A5-12-01,plug,kitchen,,b\n",
	    "\"attributes\":{\"room\":\"kitchen\",\"note\":[\"a\",\"b\"]}",
	    NULL, "rows that differ" },
	{ HEAD "01949ECA,D2-01-12,plug,,,\n01949ECA,A5-12-01,plug,,,\n",
	    "\"profiles\":[{\"profile\":\"D2-01-12\",\"title\":\"switch, 2 "
	    "outputs, "
	    "input for a switch\"},{\"profile\":\"A5-12-01\"",
	    NULL, "two profiles" },
	{ HEAD "01949ECA,D2-01-12,plug,,,\n", "\"channels\":2", NULL,
	    "outputs" },
	{ HEAD "01949ECA,D2-01-12,plug,,,\n",
	    "{\"topics\":[\"COMMAND/plug\",\"COMMAND/plug:1\"],\"verbs\":["
	    "\"switch\"",
	    "COMMAND/plug:2", "commands of each output" },
	{ HEAD "01949ECA,D2-01-12,plug,,,\n",
	    "\"topics\":[\"MEASUREMENT/SENSOR/plug/Switch\","
	    "\"MEASUREMENT/SENSOR/plug:1/Switch\"]",
	    NULL, "quantities of each output" },
	{ HEAD "01949ECA,D2-01-09,plug,,,\n", "\"quantity\":\"Power\"",
	    "plug:1", "one output" },
	{ HEAD "01949ECA,D2-01-01,switch,,,\n", "\"quantity\":\"Switch\"",
	    "\"quantity\":\"Power\"", "a switch that measures nothing" },
	{ HEAD "01949ECA,D2-01-00,switch,,,\n", "\"quantity\":\"EnergyImport\"",
	    "\"quantity\":\"Power\"",
	    "a switch that measures energy, not power" },
	{ HEAD "01949ECA,A5-20-01,valve,,,\n",
	    "\"commands\":[{\"topics\":[\"COMMAND/valve\"],\"verbs\":"
	    "[\"valve\",\"setpoint\"",
	    NULL, "a valve" },
	{ HEAD "01949ECA,D2-10-30,panel,,,\n",
	    "\"topics\":[\"MEASUREMENT/SENSOR/panel:1/ValvePosition\","
	    "\"MEASUREMENT/SENSOR/panel:2/ValvePosition\"",
	    "panel/ValvePosition", "channels that fields tell" },
	{ "sender,profile,name,options\n01949ECA,A5-38-08,panel,controller\n",
	    "\"commands\":[],\"quantities\":[{\"quantity\":\"Switch\"", NULL,
	    "a controller commands others" },
	{ HEAD "01949ECA,GP:461A001281,g,,,\n",
	    "{\"profile\":\"GP:461A001281\",\"title\":\"generic profile\"}",
	    NULL, "a generic profile" },
	{ HEAD "01949ECA,A5-04-01,c,,Afriso,\n", "\"manufacturer\":\"Afriso\"",
	    "\"attributes\":{\"manufacturer\"",
	    "the manufacturer stands alone" },
};

static void
test_parts(void)
{
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		struct devices *d = open_text(parts[i].in);
		struct buf b = { 0 };

		devices_describe(d, &b, 0);
		check(check_lines(&b) == 1 &&
			strstr(buf_cstr(&b), parts[i].has) != NULL &&
			(parts[i].not == NULL ||
			    strstr(b.p, parts[i].not ) == NULL),
		    "%s: %s", parts[i].why, buf_cstr(&b));
		devices_close(d);
		buf_fini(&b);
	}
}

static const struct {
	const char *in, *want, *why;
} topics[] = {
	{ "sender,profile,name\n", "", "no device" },
	{ "sender,profile,name\n01949ECA,A5-12-01,meter\n", "",
	    "nothing to command" },
	{ "sender,profile,name\n01949ECA,A5-12-01,meter\n"
	  "01949ECB,D2-01-13,strip\n01949ECC,A5-20-04,valve\n",
	    "COMMAND/strip/+\nCOMMAND/strip:1/+\nCOMMAND/strip:2/+\n"
	    "COMMAND/strip:3/+\nCOMMAND/valve/+\n",
	    "outputs" },
};

static void
test_topics(void)
{
	for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
		struct devices *d = open_text(topics[i].in);
		struct buf b = { 0 };

		devices_topics(d, &b);
		check(strcmp(buf_cstr(&b), topics[i].want) == 0, "%s: %s",
		    topics[i].why, b.p);
		devices_close(d);
		buf_fini(&b);
	}
}

/* A device that was taken out is none. */
static void
test_forgotten(void)
{
	struct devices *d = open_text(
	    HEAD "01949ECA,D2-01-09,plug,,,\n01949ECB,D2-01-09,lamp,,,\n");
	struct buf b = { 0 }, why = { 0 };

	check(devices_forget(d, 0x01949ECA, "D2-01-09", &why) == 0, "%s",
	    buf_cstr(&why));
	devices_describe(d, &b, 0);
	devices_topics(d, &b);
	check(
	    strstr(buf_cstr(&b), "plug") == NULL && strstr(b.p, "lamp") != NULL,
	    "%s", b.p);
	devices_close(d);
	buf_fini(&b);
	buf_fini(&why);
}

/* A device of each profile of the table. */
static void
test_all(void)
{
	const struct eep_profile *profile;
	struct buf in = { 0 }, b = { 0 };
	struct devices *d;
	size_t n = 0;
	char id[9];

	buf_adds(&in, HEAD);
	for (; (profile = eep_at(eep, n)) != NULL; n++) {
		eep_format_id(id, eep_profile_id(profile));
		buf_addf(&in, "%08zX,%s,d%zu,,,\n", n + 1, id, n);
	}
	d = open_text(buf_cstr(&in));
	devices_describe(d, &b, 0);
	check(n >= 284 && check_lines(&b) == n, "%zu profiles", n);
	check(strstr(buf_cstr(&b), "\"more\"") == NULL,
	    "no room for the quantities of one profile");
	devices_close(d);
	buf_fini(&in);
	buf_fini(&b);
}

/* Eight profiles that say much, sixty columns: still an event. */
static void
test_full(void)
{
	static const char *const much[] = { "D2-10-30", "D2-34-00", "D2-14-40",
		"A5-13-01", "D2-50-00", "D2-01-14", "D2-06-01", "D2-33-00" };
	struct buf in = { 0 }, b = { 0 };
	struct devices *d;

	buf_adds(&in, "sender,profile,name");
	for (int i = 0; i < 61; i++)
		buf_addf(&in, ",c%d", i);
	for (size_t i = 0; i < sizeof much / sizeof *much; i++) {
		buf_addf(&in, "\n01949ECA,%s,much", much[i]);
		for (int j = 0; j < 61; j++)
			buf_addf(&in, ",%d", j);
	}
	d = open_text(buf_cstr(&in));
	devices_describe(d, &b, 0);
	check(check_lines(&b) == 1 && strstr(buf_cstr(&b), "\"more\":[\"") &&
		strstr(b.p, "\"c60\":\"60\"") != NULL,
	    "much: %s", buf_cstr(&b));
	devices_close(d);
	buf_fini(&in);
	buf_fini(&b);
}

/* A table of somebody's own, in Latin 1. */
static void
test_title(void)
{
	static const char table[] = "profile,title,same_as,channels\n"
				    "A5-99-01,caf\xe9,A5-12-01,\n";
	struct buf why = { 0 }, b = { 0 };
	struct devices *d;

	write_text(table, sizeof table - 1);
	check(eep_read(eep, path, &why) == 0, "%s", buf_cstr(&why));
	d = open_text(HEAD "01949ECA,A5-99-01,meter,,,\n");
	devices_describe(d, &b, 0);
	check(check_lines(&b) == 1 &&
		strstr(buf_cstr(&b), "[{\"profile\":\"A5-99-01\"}]") != NULL,
	    "title: %s", buf_cstr(&b));
	devices_close(d);
	buf_fini(&b);
	buf_fini(&why);
}

int
main(void)
{
	struct buf why = { 0 };
	struct quantities *quantities =
	    quantities_open("share/quantities.csv", &why);

	check(quantities != NULL, "%s", buf_cstr(&why));
	eep = eep_open(quantities);
	check(eep_read(eep, "share/eep", &why) == 0, "%s", buf_cstr(&why));
	close(mkstemp(path));
	test_described();
	test_parts();
	test_topics();
	test_forgotten();
	test_all();
	test_full();
	test_title();
	unlink(path);
	eep_close(eep);
	quantities_close(quantities);
	buf_fini(&why);
	return check_done();
}
