/* Teach-in telegrams: what they say, how they are answered. */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "device/enocean/esp3.h"
#include "device/enocean/teach.h"
#include "frames.h"

static const char ute_query[] =
    "55000D0701FDD4A0FF33000901D201949ECA0003FFFFFFFF550099";

static const char *const kinds[] = { "none", "1BS", "4BS 1", "4BS 2", "4BS 3",
	"UTE", "generic", "smart ack", "secure", "answer" };

/* RORG and payload, what they are. */
static const struct {
	const char *in;
	enum teach_kind kind;
	enum teach_request request;
	uint32_t profile;
	uint16_t manufacturer;
	uint8_t channels, wants, two_way;
	const char *why;
} says[] = {
	{ "D5 08", TEACH_NONE, .manufacturer = 0xFFFF, .why = "open" },
	{ "D5 09", TEACH_NONE, .manufacturer = 0xFFFF, .why = "closed" },
	{ "D5 0800", TEACH_NONE, .manufacturer = 0xFFFF, .why = "too long" },
	{ "D5 0000", TEACH_NONE, .manufacturer = 0xFFFF, .why = "too long" },
	{ "A5 00000008", TEACH_NONE, .manufacturer = 0xFFFF, .why = "data" },
	{ "A5 00000088", TEACH_NONE, .manufacturer = 0xFFFF,
	    .why = "data, highest bit set" },
	{ "A5 000000", TEACH_NONE, .manufacturer = 0xFFFF, .why = "short" },
	{ "A5 0000000000", TEACH_NONE, .manufacturer = 0xFFFF, .why = "long" },
	{ "F6 00", TEACH_NONE, .manufacturer = 0xFFFF,
	    .why = "RPS has no teach-in" },
	{ "D2 00000000000000", TEACH_NONE, .manufacturer = 0xFFFF,
	    .why = "VLD data" },
	{ "D4 A0FF33000901", TEACH_NONE, .manufacturer = 0xFFFF,
	    .why = "UTE, short" },
	{ "D4 B0FF33000901D2", TEACH_NONE, .manufacturer = 0xFFFF,
	    .why = "UTE, request 3" },
	{ "D4 A2FF33000901D2", TEACH_NONE, .manufacturer = 0xFFFF,
	    .why = "UTE, command 2" },
	{ "B0 00", TEACH_NONE, .manufacturer = 0xFFFF,
	    .why = "generic, short" },
	{ "B0 000C", TEACH_NONE, .manufacturer = 0xFFFF,
	    .why = "generic, purpose 3" },
	{ "C6 F80BA50205"
	  "",
	    TEACH_SMART_ACK, .profile = 0xA50205, .manufacturer = 0x00B,
	    .why = "Smart Ack request" },
	{ "C6 F80BA502", TEACH_NONE, .manufacturer = 0xFFFF,
	    .why = "Smart Ack, short" },
	{ "C7 01", TEACH_ANSWER, .manufacturer = 0xFFFF,
	    .why = "Smart Ack answer" },
	{ "35 20F3", TEACH_SECURE, .manufacturer = 0xFFFF, .why = "secure" },
	{ "B1 0000", TEACH_ANSWER, .manufacturer = 0xFFFF,
	    .why = "generic answer" },
	{ "D5 00", TEACH_1BS, .manufacturer = 0xFFFF, .why = "1BS" },
	{ "D5 07", TEACH_1BS, .manufacturer = 0xFFFF, .why = "1BS" },
	{ "A5 00000000", TEACH_4BS_UNKNOWN, .manufacturer = 0xFFFF,
	    .why = "variation 1" },
	{ "A5 FFFFFF77", TEACH_4BS_UNKNOWN, .manufacturer = 0xFFFF,
	    .why = "variation 1, other bits mean nothing" },
	{ "A5 08284680", TEACH_4BS, .profile = 0xA50205, .manufacturer = 0x046,
	    .why = "variation 2" },
	{ "A5 40300D87", TEACH_4BS, .profile = 0xA51006, .manufacturer = 0x00D,
	    .why = "variation 2, low bits set" },
	{ "A5 48083380", TEACH_4BS, .profile = 0xA51201, .manufacturer = 0x033,
	    .why = "a meter" },
	{ "A5 E0400D80", TEACH_4BS, .profile = 0xA53808, .manufacturer = 0x00D,
	    .why = "a gateway" },
	{ "A5 FFFFFF80", TEACH_4BS, .profile = 0xA53F7F, .manufacturer = 0x7FF,
	    .why = "the highest of all" },
	{ "A5 80084980", TEACH_4BS_TWO_WAY, .profile = 0xA52001,
	    .manufacturer = 0x049, .wants = 1, .two_way = 1,
	    .why = "a valve waits for an answer" },
	{ "A5 C0182D80", TEACH_4BS_TWO_WAY, .profile = 0xA53003,
	    .manufacturer = 0x02D, .wants = 1, .two_way = 1,
	    .why = "digital inputs do so, too" },
	{ "A5 800849F0", TEACH_ANSWER, .profile = 0xA52001,
	    .manufacturer = 0x049, .why = "another gateway's answer" },
	{ "D4 A0FF33000901D2", TEACH_UTE, TEACH_TOGGLE, 0xD20109, 0x033, 0xFF,
	    1, 1, "either" },
	{ "D4 80083E051201D2", TEACH_UTE, TEACH_IN, 0xD20112, 0x53E, 8, 1, 1,
	    "in, manufacturer of 11 bits" },
	{ "D4 80083EFD1201D2", TEACH_UTE, TEACH_IN, 0xD20112, 0x53E, 8, 1, 1,
	    "the bits above do not belong to it" },
	{ "D4 50FF46000100D5", TEACH_UTE, TEACH_OUT, 0xD50001, 0x046, 0xFF, 0,
	    0, "out, one way, no answer wanted" },
	{ "D4 91FF33000901D2", TEACH_ANSWER, .profile = 0xD20109,
	    .manufacturer = 0x033, .channels = 0xFF, .two_way = 1,
	    .why = "another gateway's answer" },
	{ "B0 FFE0", TEACH_GENERIC, .manufacturer = 0x7FF,
	    .why = "generic, one way" },
	{ "B0 0675", TEACH_GENERIC, TEACH_OUT, .manufacturer = 0x033,
	    .wants = 1, .two_way = 1, .why = "generic, two way, out" },
	{ "B0 0668", TEACH_GENERIC, TEACH_TOGGLE, .manufacturer = 0x033,
	    .why = "generic, either" },
};

static struct telegram
telegram_of(const struct buf *b)
{
	return (struct telegram){
		.sender = 0x01949ECA,
		.dest = TELEGRAM_BROADCAST,
		.rorg = (uint8_t)b->p[0],
		.p = (const uint8_t *)b->p + 1,
		.n = b->len - 1,
		.erp = 1,
	};
}

static void
test_says(void)
{
	for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
		struct buf b = hex_of(says[i].in);
		struct telegram tel = telegram_of(&b);
		struct teach t;
		enum teach_kind kind = teach_parse(&tel, &t);

		check(kind == says[i].kind && t.kind == kind,
		    "%s: %s, want %s: %s", says[i].in, kinds[kind],
		    kinds[says[i].kind], says[i].why);
		check(t.request == says[i].request &&
			t.profile == says[i].profile &&
			t.manufacturer == says[i].manufacturer &&
			t.channels == says[i].channels &&
			t.wants_answer == says[i].wants &&
			t.two_way == says[i].two_way,
		    "%s: request %d profile %06X manufacturer %03X channels "
		    "%02X answer %d two-way %d: %s",
		    says[i].in, t.request, (unsigned)t.profile, t.manufacturer,
		    t.channels, t.wants_answer, t.two_way, says[i].why);
		buf_fini(&b);
	}
}

/* Query, result, the answer's payload ("" none). */
static const struct {
	const char *in;
	enum teach_result result;
	const char *want, *why;
} answers[] = {
	{ "D5 00", TEACH_ACCEPTED, "", "1BS has no answer" },
	{ "A5 00000000", TEACH_ACCEPTED, "", "nor variation 1" },
	{ "A5 48083380", TEACH_ACCEPTED, "", "nor variation 2" },
	{ "A5 800849F0", TEACH_ACCEPTED, "", "nor an answer" },
	{ "D4 91FF33000901D2", TEACH_ACCEPTED, "", "nor that of UTE" },
	{ "D4 C0FF33000901D2", TEACH_ACCEPTED, "", "none wanted" },
	{ "B0 0675", TEACH_ACCEPTED, "", "generic profiles have their own" },
	{ "C6 F80BA50205", TEACH_ACCEPTED, "", "the module answers" },
	{ "A5 80084980", TEACH_REFUSED, "800849D0", "4BS refused" },
	{ "A5 80084980", TEACH_NO_PROFILE, "80084990", "4BS unknown" },
	{ "A5 80084980", TEACH_DELETED, "800849D0", "4BS deleted" },
	{ "A5 80084980", TEACH_ACCEPTED, "800849F0", "4BS accepted" },
	{ "D4 A0FF33000901D2", TEACH_REFUSED, "81FF33000901D2", "UTE refused" },
	{ "D4 A0FF33000901D2", TEACH_NO_PROFILE, "B1FF33000901D2",
	    "UTE unknown" },
	{ "D4 A0FF33000901D2", TEACH_DELETED, "A1FF33000901D2", "UTE deleted" },
	{ "D4 A0FF33000901D2", TEACH_ACCEPTED, "91FF33000901D2",
	    "UTE accepted" },
	{ "D4 2001460001 00D2FF", TEACH_ACCEPTED, "11014600 0100D2",
	    "UTE, one way, and a byte too many" },
};

static void
test_answers(void)
{
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct buf b = hex_of(answers[i].in);
		struct buf want = hex_of(answers[i].want);
		struct telegram tel = telegram_of(&b), out;
		uint8_t p[TELEGRAM_SPACE];
		struct teach t;
		int r;

		teach_parse(&tel, &t);
		r = teach_answer(
		    &tel, &t, answers[i].result, 0xFF8B1A05, p, &out);
		check(r == (want.len > 0 ? 0 : -1), "%s: %s", answers[i].in,
		    answers[i].why);
		check(r < 0 ||
			(out.n == want.len &&
			    memcmp(out.p, want.p, want.len) == 0 &&
			    out.rorg == tel.rorg && out.dest == tel.sender &&
			    out.sender == 0xFF8B1A05 && out.status == 0),
		    "%s: other bytes: %s", answers[i].in, answers[i].why);
		buf_fini(&b);
		buf_fini(&want);
	}
}

/* A published answer, byte for byte. */
static void
test_published(void)
{
	struct buf in = hex_of(ute_query), made = { 0 };
	struct buf want = hex_of("55000D0701FDD491FF33000901D20000000000030194"
				 "9ECAFF00A1");
	struct esp3_reader r = { 0 };
	struct esp3_packet packet;
	struct telegram tel = { 0 }, out;
	uint8_t p[TELEGRAM_SPACE];
	struct teach t;
	const char *why = "";

	esp3_feed(&r, in.p, in.len, 0);
	check(esp3_next(&r, &packet) == 1 &&
		telegram_parse(&tel, &packet, &why) == 1 &&
		teach_parse(&tel, &t) == TEACH_UTE &&
		teach_answer(&tel, &t, TEACH_ACCEPTED, 0, p, &out) == 0 &&
		telegram_pack(&made, &out) == 0,
	    "published query: not answered: %s", why);
	check(made.len == want.len && memcmp(made.p, want.p, want.len) == 0,
	    "published answer: other bytes");
	esp3_fini(&r);
	buf_fini(&in);
	buf_fini(&made);
	buf_fini(&want);
}

static int
text_is(const struct json_value *object, const char *name, const char *want)
{
	struct json_value v;

	return json_get(object, name, &v) && json_equal(&v, want);
}

static unsigned long
number_of(const struct json_value *object, const char *name, int base)
{
	struct json_value v;

	return json_get(object, name, &v) ? strtoul(v.p, NULL, base) : 0;
}

static int
is_true(const struct json_value *object, const char *name)
{
	struct json_value v;

	return json_get(object, name, &v) && v.kind == JSON_TRUE;
}

/* 4BS variations 2 and 3 have the same bits; the cases say 2 for both. */
static int
same_kind(const struct json_value *want, const struct teach *t)
{
	unsigned long variant = number_of(want, "variant", 10);

	if (text_is(want, "method", "1BS"))
		return t->kind == TEACH_1BS;
	if (text_is(want, "method", "UTE"))
		return t->kind ==
		    (text_is(want, "command", "query") ? TEACH_UTE
						       : TEACH_ANSWER);
	if (!text_is(want, "method", "4BS"))
		return 0;
	if (variant == 1)
		return t->kind == TEACH_4BS_UNKNOWN;
	if (text_is(want, "role", "response"))
		return t->kind == TEACH_ANSWER;
	return t->kind == TEACH_4BS || t->kind == TEACH_4BS_TWO_WAY;
}

static int
same_request(const struct json_value *want, const struct teach *t)
{
	static const char *const requests[] = { [TEACH_IN] = "teach_in",
		[TEACH_OUT] = "delete",
		[TEACH_TOGGLE] = "either" };
	struct json_value v;

	if (t->kind != TEACH_UTE)
		return 1;
	return json_get(want, "request", &v) &&
	    json_equal(&v, requests[t->request]) &&
	    t->wants_answer == is_true(want, "response_expected") &&
	    t->two_way == is_true(want, "bidirectional") &&
	    t->channels == number_of(want, "channels", 10);
}

static int
same_profile(const struct json_value *want, const struct teach *t)
{
	struct json_value v;
	char text[9];

	if (!json_get(want, "eep", &v))
		return t->profile == 0 && t->manufacturer == 0xFFFF;
	snprintf(text, sizeof text, "%02X-%02X-%02X",
	    (unsigned)t->profile >> 16 & 0xFF, (unsigned)t->profile >> 8 & 0xFF,
	    (unsigned)t->profile & 0xFF);
	if (!json_equal(&v, text) || !json_get(want, "manufacturer", &v))
		return 0;
	return t->manufacturer == strtoul(v.p, NULL, 16);
}

/* Every public telegram: taught or not as it is known, and by what. */
static void
test_public(void)
{
	FILE *f = frames_open("cases.jsonl");
	struct buf line = { 0 };
	struct json_value row, kind, want, id;
	int taught = 0, others = 0;

	while (frames_next(f, &line, &row)) {
		struct buf b = { 0 };
		struct esp3_reader r = { 0 };
		struct esp3_packet packet;
		struct telegram tel;
		struct teach t;
		const char *why;
		int is_teach;

		if (!json_get(&row, "kind", &kind) ||
		    !json_get(&row, "id", &id) || !frames_hex(&row, "hex", &b))
			continue;
		is_teach = json_equal(&kind, "teach_in");
		esp3_feed(&r, b.p, b.len, 0);
		if ((is_teach || json_equal(&kind, "radio")) &&
		    esp3_next(&r, &packet) == 1 &&
		    telegram_parse(&tel, &packet, &why) == 1) {
			teach_parse(&tel, &t);
			check((t.kind != TEACH_NONE) == is_teach, "%.*s: %s",
			    (int)id.n, id.p, kinds[t.kind]);
			if (is_teach)
				check(json_get(&row, "teach", &want) &&
					same_kind(&want, &t) &&
					same_request(&want, &t) &&
					same_profile(&want, &t),
				    "%.*s: %s, but otherwise", (int)id.n, id.p,
				    kinds[t.kind]);
			taught += is_teach;
			others += !is_teach;
		}
		esp3_fini(&r);
		buf_fini(&b);
	}
	check(taught >= 15 && others >= 100, "%d teach-ins, %d others", taught,
	    others);
}

static const struct {
	const char *in;
	unsigned status;
	const char *want;
} guesses[] = {
	{ "F6 30", 0x30,
	    "a rocker switch or push button, pressed: F6-02-01, F6-02-02" },
	{ "F6 50", 0xB1,
	    "a rocker switch or push button, pressed: F6-02-01, F6-02-02" },
	{ "F6 00", 0x20,
	    "a rocker switch or push button, released: F6-02-01, F6-02-02" },
	{ "F6 E0", 0x20, "a window handle: F6-10-00" },
	{ "F6 30", 0x10,
	    "a switch of four rockers, pressed: F6-03-01, F6-03-02" },
	{ "F6 11", 0x00, "a leak detector: F6-05-01" },
	{ "F6", 0x30, "a telegram without payload" },
	{ "D5 08", 0, "a contact, open: D5-00-01" },
	{ "D5 09", 0, "a contact, closed: D5-00-01" },
	{ "A5 00005508", 0,
	    "4BS data 00005508, perhaps of a temperature sensor (A5-02-xx): "
	    "its profile is told only by its teach-in (A5-xx-xx)" },
	{ "A5 00021C0C", 0,
	    "4BS data 00021C0C, perhaps of a meter (A5-12-01): "
	    "its profile is told only by its teach-in (A5-xx-xx)" },
	{ "A5 62020A09", 0,
	    "4BS data 62020A09, perhaps of a temperature and humidity sensor "
	    "(A5-04-03): its profile is told only by its teach-in (A5-xx-xx)" },
	{ "A5 006A940A", 0,
	    "4BS data 006A940A, perhaps of a temperature and humidity sensor "
	    "(A5-04-01, A5-04-02) or a meter (A5-12-01): its profile is told "
	    "only by its teach-in (A5-xx-xx)" },
	{ "A5 FFFFFFFF", 0,
	    "4BS data FFFFFFFF: its profile is told only by its teach-in "
	    "(A5-xx-xx)" },
	{ "D2 046080", 0,
	    "VLD data 046080, perhaps the status of an actuator (D2-01-xx): "
	    "its profile is told only by its teach-in (D2-xx-xx)" },
	{ "D2 0000000000000000000000000000000000000000", 0,
	    "VLD data 00000000000000000000000000000000...: "
	    "its profile is told only by its teach-in (D2-xx-xx)" },
	{ "D2 0E", 0,
	    "VLD data 0E, perhaps a switch (D2-03-00) or window handle "
	    "(D2-03-10): its profile is told only by its teach-in "
	    "(D2-xx-xx)" },
	{ "D2 70", 0,
	    "VLD data 70: its profile is told only by its teach-in "
	    "(D2-xx-xx)" },
	{ "D1 0461", 0,
	    "data of its manufacturer's own form (manufacturer 0x046): "
	    "D1-xx-xx" },
	{ "30 00", 0,
	    "a secured device: its key comes with its secure teach-in, or "
	    "stands on its label" },
	{ "B2 00", 0,
	    "a device of generic profiles: its teach-in tells what it sends" },
	{ "99 00", 0, "telegrams of a kind that no profile is for" },
};

static void
test_guesses(void)
{
	struct buf b, text = { 0 };
	struct telegram tel;

	for (size_t i = 0; i < sizeof guesses / sizeof *guesses; i++) {
		b = hex_of(guesses[i].in);
		tel = telegram_of(&b);
		tel.status = (uint8_t)guesses[i].status;
		buf_clear(&text);
		teach_guess(&tel, &text);
		check(strcmp(buf_cstr(&text), guesses[i].want) == 0, "%s: %s",
		    guesses[i].in, text.p);
		buf_fini(&b);
	}
	b = hex_of("D5 09");
	tel = telegram_of(&b);
	tel.sender = 0xFF8B1A05;
	tel.dest = 0x0181B744;
	buf_clear(&text);
	teach_guess(&tel, &text);
	check(strcmp(buf_cstr(&text),
		  "a contact, closed: D5-00-01; sent to 0181B744; by a "
		  "gateway's base address") == 0,
	    "addressed: %s", text.p);
	buf_fini(&b);
	buf_fini(&text);
}

static const struct {
	const char *in, *want, *why;
} tables[] = {
	{ "", "%s:1: no row that names the columns", "empty" },
	{ "number,name\n", "%s:1: column absent: id", "another table" },
	{ "id,name\n33,Permundo\n", "%s:2: id: not of the form 0x033",
	    "decimal" },
	{ "id,name\n0x800,Nobody\n", "%s:2: id: not of the form 0x033",
	    "12 bits" },
	{ "id,name\n0x033,\n", "%s:2: no name", "no name" },
	{ "id,name\n0x033,A\n0x33,B\n", "%s:3: this id stands above", "twice" },
};

static void
test_manufacturers(void)
{
	struct buf why = { 0 };
	struct manufacturers *m = manufacturers_open("/nowhere/x", &why);
	char want[256], path[] = "/tmp/sg-test-teach-XXXXXX";

	check(m == NULL &&
		strcmp(buf_cstr(&why),
		    "/nowhere/x: No such file or directory") == 0,
	    "absent: %s", buf_cstr(&why));
	close(mkstemp(path));
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		FILE *f = fopen(path, "w");

		fputs(tables[i].in, f);
		fclose(f);
		snprintf(want, sizeof want, "%s%s", path, tables[i].want + 2);
		m = manufacturers_open(path, &why);
		check(m == NULL && strcmp(buf_cstr(&why), want) == 0, "%s: %s",
		    tables[i].why, buf_cstr(&why));
		manufacturers_close(m);
	}
	unlink(path);
	m = manufacturers_open("share/eep/manufacturers.csv", &why);
	check(m != NULL && manufacturer_name(m, 0x033) != NULL &&
		strcmp(manufacturer_name(m, 0x033), "Permundo GmbH") == 0,
	    "share/eep/manufacturers.csv: %s", buf_cstr(&why));
	check(manufacturer_name(m, 0x000) == NULL &&
		manufacturer_name(m, 0xFFFF) == NULL &&
		manufacturer_name(NULL, 0x033) == NULL,
	    "no manufacturer has a name");
	manufacturers_close(m);
	buf_fini(&why);
}

int
main(void)
{
	test_says();
	test_answers();
	test_published();
	test_public();
	test_guesses();
	test_manufacturers();
	return check_done();
}
