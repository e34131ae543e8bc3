/* Radio telegrams in packets of all types, both ways. */
#include <inttypes.h>

#include "check.h"
#include "device/enocean/telegram.h"
#include "frames.h"

/* The one packet in these bytes; they have to stay. */
static struct esp3_packet
packet_of(struct esp3_reader *r, const struct buf *in)
{
	struct esp3_packet p = { 0 };

	esp3_feed(r, in->p, in->len, 5);
	check(esp3_next(r, &p), "a packet");
	return p;
}

static void
check_member(
    const struct json_value *row, const char *id, const char *name, long got)
{
	long want;

	if (frames_number(row, name, &want))
		check(got == want, "%s: %s %ld, not %ld", id, name, got, want);
}

static void
check_hex(const struct json_value *row, const char *id, const char *name,
    uint64_t got)
{
	struct buf b = { 0 };
	uint64_t want = 0;

	if (frames_hex(row, name, &b)) {
		for (size_t i = 0; i < b.len; i++)
			want = want << 8 | (uint8_t)b.p[i];
		check(got == want, "%s: %s %" PRIX64 ", not %" PRIX64, id, name,
		    got, want);
	}
	buf_fini(&b);
}

/* The telegram says what the row says. */
static void
check_row(
    const struct json_value *row, const char *id, const struct telegram *tel)
{
	check_hex(row, id, "rorg", tel->rorg);
	check_hex(row, id, "sender", tel->sender);
	check_hex(row, id, "status", tel->status);
	check_hex(row, id, "dest", tel->dest);
	check_member(row, id, "repeat", tel->repeat);
	check_member(row, id, "subtel", tel->subtelegrams);
	check_member(row, id, "dbm", tel->dbm);
	check_member(row, id, "security", tel->security);
}

/* What is sent comes back as it was. */
static void
check_again(const char *id, const struct telegram *tel)
{
	struct esp3_reader r = { 0 };
	struct telegram back;
	struct esp3_packet p;
	struct buf b = { 0 };
	const char *why = "";

	check(telegram_pack(&b, tel) == 0, "%s: packed", id);
	p = packet_of(&r, &b);
	check(telegram_parse(&back, &p, &why) == 1, "%s: %s", id, why);
	check(back.sender == tel->sender && back.dest == tel->dest &&
		back.rorg == tel->rorg && back.status == tel->status &&
		back.n == tel->n && memcmp(back.p, tel->p, tel->n) == 0 &&
		back.dbm == -255 && back.subtelegrams == 3,
	    "%s: not the same after packing", id);
	buf_fini(&b);
	esp3_fini(&r);
}

static int
wanted(const struct json_value *kind)
{
	static const char *const telegrams[] = { "radio", "teach_in", "secure",
		"radio_sub_tel", "erp2" };

	if (json_equal(kind, "malformed"))
		return -1;
	for (size_t i = 0; i < sizeof telegrams / sizeof *telegrams; i++) {
		if (json_equal(kind, telegrams[i]))
			return 1;
	}
	return 0;
}

static void
test_cases(void)
{
	FILE *f = frames_open("cases.jsonl");
	struct buf line = { 0 };
	struct json_value row, v, kind;
	size_t rows = 0;

	while (frames_next(f, &line, &row)) {
		struct esp3_reader r = { 0 };
		struct telegram tel;
		struct esp3_packet p;
		struct buf in = { 0 };
		const char *why = "";
		char id[32] = "?";
		int got;

		json_get(&row, "kind", &kind);
		if (json_equal(&kind, "invalid"))
			continue;
		if (json_get(&row, "id", &v))
			snprintf(id, sizeof id, "%.*s", (int)v.n, v.p);
		frames_hex(&row, "hex", &in);
		p = packet_of(&r, &in);
		got = telegram_parse(&tel, &p, &why);
		check(got == wanted(&kind), "%s: %d, %s", id, got, why);
		check(got >= 0 || *why != '\0', "%s: no reason", id);
		if (got == 1) {
			check_row(&row, id, &tel);
			check(tel.t == 5, "%s: time", id);
			if (tel.n <= 9)
				check_again(id, &tel);
			rows++;
		}
		buf_fini(&in);
		esp3_fini(&r);
	}
	check(rows >= 175, "%zu telegrams", rows);
}

/* Packets by hand: type, data, optional data; what they give. */
static const struct {
	const char *why;
	uint8_t type;
	const char *data, *opt;
	int got;
	const char *payload;
	uint64_t sender, dest;
	uint8_t rorg, status, repeat, subtelegrams, security, erp;
	int dbm;
} by_hand[] = {
	{ "ERP1 without optional data", 1, "A5 00005508 0181B744 81", "", 1,
	    "00005508", 0x0181b744, 0xffffffff, 0xa5, 0x81, 1, 0, 0, 1, 0 },
	{ "ERP1 with more optional data than is known", 1, "F6 50 0029219F 30",
	    "02 00000001 37 04 AABB", 1, "50", 0x0029219f, 1, 0xf6, 0x30, 0, 2,
	    4, 1, -0x37 },
	{ "ERP1, optional data ends inside the destination", 1,
	    "D5 09 01825DAB 0F", "01 FFFF", 1, "09", 0x01825dab, 0xffffffff,
	    0xd5, 0x0f, 15, 1, 0, 1, 0 },
	{ "ERP1 without a payload", 1, "A5 0181B744 00", "", -1, .erp = 1 },
	{ "ERP1 without anything", 1, "", "01", -1, .erp = 1 },
	{ "an addressed telegram in its container", 1,
	    "A6 D2 0100 64 0194E3B9 FF9E5501 00", "03 FFFFFFFF 40 00", 1,
	    "010064", 0xff9e5501, 0x0194e3b9, 0xd2, 0, 0, 3, 0, 1, -64 },
	{ "the shortest container", 1, "A6 F6 50 0194E3B9 FF9E5501 30", "", 1,
	    "50", 0xff9e5501, 0x0194e3b9, 0xf6, 0x30, 0, 0, 0, 1, 0 },
	{ "a container with nothing in it", 1, "A6 F6 0194E3B9 FF9E5501 30", "",
	    -1 },
	{ "a container in a container", 1,
	    "A6 A6 50 0194E3B9 0194E3B9 FF9E5501 30", "", -1 },
	{ "sub-telegrams: the strongest counts", 3, "F6 70 AABBCCDD 01",
	    "03 FFFFFFFF 45 00 0000 104300 124500 114100", 1, "70", 0xaabbccdd,
	    0xffffffff, 0xf6, 1, 1, 3, 0, 1, -0x41 },
	{ "sub-telegrams: one is cut short", 3, "F6 70 AABBCCDD 01",
	    "03 FFFFFFFF 45 00 0000 104300 1201", 1, "70", 0xaabbccdd,
	    0xffffffff, 0xf6, 1, 1, 3, 0, 1, -0x43 },
	{ "a message put together by the module", 9,
	    "D1 00010203 04050607 08090A0B 0C0D0E0F 10", "FF9E5501 0194E3B9 37",
	    1, "0001020304050607 08090A0B0C0D0E0F 10", 0x0194e3b9, 0xff9e5501,
	    0xd1, 0, 0, 0, 0, 1, -0x37 },
	{ "a message that hides its sender", 9, "D1 00", "FF9E5501 0194E3",
	    -1 },
	{ "a message without a payload", 9, "D1", "FF9E5501 0194E3B9 37", -1 },
	{ "ERP2, sender of 32 bits", 10, "22 04013195 00004808", "01 29", 1,
	    "00004808", 0x04013195, 0xffffffff, 0xa5, 0, 0, 1, 0, 2, -41 },
	{ "ERP2, sender of 24 bits, optional data absent", 10, "01 013195 09",
	    "", 1, "09", 0x013195, 0xffffffff, 0xd5, 0, 0, 0, 0, 2, 0 },
	{ "ERP2 with a destination", 10, "44 04013195 FF9E5501 010064", "00 2A",
	    1, "010064", 0x04013195, 0xff9e5501, 0xd2, 0, 0, 0, 0, 2, -42 },
	{ "ERP2, sender of 48 bits", 10, "64 010203040506 AA", "", 1, "AA",
	    0x010203040506, 0xffffffff, 0xd2, 0, 0, 0, 0, 2, 0 },
	{ "ERP2, repeated once, two bytes of optional data", 10,
	    "32 12 04013195 00004808 BEEF", "02 30 04", 1, "00004808",
	    0x04013195, 0xffffffff, 0xa5, 1, 1, 2, 4, 2, -48 },
	{ "ERP2, extended type: chained", 10, "2F 03 04013195 4000", "", 1,
	    "4000", 0x04013195, 0xffffffff, 0x40, 0, 0, 0, 0, 2, 0 },
	{ "ERP2, extended header and type, destination", 10,
	    "5F 20 00 04013195 FF9E5501 0102", "", 1, "0102", 0x04013195,
	    0xff9e5501, 0xc5, 2, 2, 0, 0, 2, 0 },
	{ "ERP2 rocker, energy bow pressed", 10, "20 0029219F 84", "", 1, "84",
	    0x0029219f, 0xffffffff, 0xf6, 0x30, 0, 0, 0, 2, 0 },
	{ "ERP2 rocker released", 10, "20 0029219F 00", "", 1, "00", 0x0029219f,
	    0xffffffff, 0xf6, 0x20, 0, 0, 0, 2, 0 },
	{ "ERP2 rocker as in ERP1, pressed, repeated", 10, "30 10 0029219F 50",
	    "", 1, "50", 0x0029219f, 0xffffffff, 0xf6, 0x31, 1, 0, 0, 2, 0 },
	{ "ERP2 handle", 10, "20 0029219F C1", "", 1, "C1", 0x0029219f,
	    0xffffffff, 0xf6, 0x20, 0, 0, 0, 2, 0 },
	{ "ERP2, addresses of a later standard", 10, "82 04013195 00004808", "",
	    -1 },
	{ "ERP2, a type of a later standard", 10, "2B 04013195 00004808", "",
	    -1 },
	{ "ERP2, an extended type of a later standard", 10, "2F 04 04013195 00",
	    "", -1 },
	{ "ERP2 ends in the extended header", 10, "32", "", -1 },
	{ "ERP2 ends before the extended type", 10, "2F", "", -1 },
	{ "ERP2 ends in the sender", 10, "22 040131", "", -1 },
	{ "ERP2 ends before the payload", 10, "22 04013195", "", -1 },
	{ "ERP2, all is optional data", 10, "32 02 04013195 BEEF", "", -1 },
	{ "ERP2 without a header", 10, "", "", -1 },
	{ "a response", 2, "00", "", 0 },
	{ "remote management", 7, "087607FF00", "FFFFFFFF 00000000 FF 00", 0 },
	{ "of a vendor", 200, "A5 00005508 0181B744 81", "", 0 },
};

static void
test_by_hand(void)
{
	for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++) {
		struct buf data = hex_of(by_hand[i].data);
		struct buf opt = hex_of(by_hand[i].opt);
		struct buf want =
		    hex_of(by_hand[i].payload ? by_hand[i].payload : "");
		struct esp3_packet p = { .type = by_hand[i].type };
		struct telegram tel;
		const char *why = "";
		int got;

		if (p.type == ESP3_RADIO_ERP2)
			buf_addc(&data, (char)esp3_crc8(0, data.p, data.len));
		/* Exactly as long, so that a sanitizer sees what is beyond. */
		data.p = realloc(data.p, data.len + !data.len);
		opt.p = realloc(opt.p, opt.len + !opt.len);
		p.data = (uint8_t *)data.p;
		p.n = data.len;
		p.opt = (uint8_t *)opt.p;
		p.nopt = opt.len;
		got = telegram_parse(&tel, &p, &why);
		check(got == by_hand[i].got, "%s: %d %s", by_hand[i].why, got,
		    why);
		check(got >= 0 || *why != '\0', "%s: reason", by_hand[i].why);
		if (got == 1)
			check(tel.sender == by_hand[i].sender &&
				tel.dest == by_hand[i].dest &&
				tel.rorg == by_hand[i].rorg &&
				tel.status == by_hand[i].status &&
				tel.repeat == by_hand[i].repeat &&
				tel.subtelegrams == by_hand[i].subtelegrams &&
				tel.security == by_hand[i].security &&
				tel.erp == by_hand[i].erp &&
				tel.dbm == by_hand[i].dbm &&
				tel.n == want.len &&
				memcmp(tel.p, want.p, want.len) == 0,
			    "%s: %" PRIX64 " to %" PRIX64
			    " %02X, %zu bytes, status %02X, repeat %u, of %u, "
			    "security %u, %d dBm",
			    by_hand[i].why, tel.sender, tel.dest, tel.rorg,
			    tel.n, tel.status, tel.repeat, tel.subtelegrams,
			    tel.security, tel.dbm);
		buf_fini(&data);
		buf_fini(&opt);
		buf_fini(&want);
	}
}

/* The CRC at the end of a telegram of ERP2, and of none. */
static void
test_erp2_crc(void)
{
	static const char *const wrong[] = { "220401319500004808 64",
		"220401319500004809 63", "00", "63" };

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct buf data = hex_of(wrong[i]);
		struct esp3_packet p = { .type = ESP3_RADIO_ERP2,
			.data = (uint8_t *)data.p,
			.n = data.len };
		struct telegram tel;
		const char *why = "";

		check(telegram_parse(&tel, &p, &why) == -1 && *why, "%s taken",
		    wrong[i]);
		buf_fini(&data);
	}
}

/* A packet made for sending, byte for byte, and what cannot be sent. */
static void
test_pack(void)
{
	static const uint8_t payload[16] = { 0x91, 0xff, 0x33, 0, 9, 1, 0xd2 };
	static const struct {
		uint64_t sender, dest;
		size_t n;
		const char *want;
		const char *why;
	} cases[] = {
		{ 0, 0x01949eca, 7,
		    "55000D0701FDD491FF33000901D200000000000301949ECAFF00A1",
		    "an answer to a teach-in" },
		{ 0, 0xffffffff, 15, NULL, "too long for one telegram" },
		{ 0, 0x01949eca, 10, NULL, "too long for an addressed one" },
		{ 0, 0xffffffff, 0, NULL, "no payload" },
		{ 0x100000000, 0xffffffff, 7, NULL, "48 bits sent by ERP1" },
		{ 0, 0x100000000, 7, NULL, "48 bits addressed by ERP1" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct telegram tel = { .rorg = RORG_UTE,
			.p = payload,
			.n = cases[i].n,
			.sender = cases[i].sender,
			.dest = cases[i].dest };
		struct buf got = { 0 };
		struct buf want = hex_of(cases[i].want ? cases[i].want : "");
		int result = telegram_pack(&got, &tel);

		check(result == (cases[i].want ? 0 : -1) &&
			got.len == want.len &&
			(got.len == 0 || !memcmp(got.p, want.p, got.len)),
		    "%s: %d, %zu bytes", cases[i].why, result, got.len);
		buf_fini(&got);
		buf_fini(&want);
	}
}

static void
test_addresses(void)
{
	static const struct {
		const char *in, *want; /* NULL: refused */
	} cases[] = {
		{ "0181B744", "0181B744" },
		{ "0181b744", "0181B744" },
		{ "01:81:b7:44", "0181B744" },
		{ "01-81-B7-44", "0181B744" },
		{ "0x181B744", "0181B744" },
		{ "0X0181b744", "0181B744" },
		{ "FFFFFFFF", "FFFFFFFF" },
		{ "010203040506", "010203040506" },
		{ "01:02:03:04:05:06", "010203040506" },
		{ "0x123456789abc", "123456789ABC" },
		{ "000000000001", "00000001" },
		{ "", NULL },
		{ "0x", NULL },
		{ "0", NULL },
		{ "181B744", NULL },
		{ "0181B7440", NULL },
		{ "0x1234567890abc", NULL },
		{ "0181B74G", NULL },
		{ "0181 744", NULL },
		{ "01:81:b7:44:", NULL },
		{ "01:81:b7:4", NULL },
		{ "01:81-b7:44", NULL },
		{ "01:81:b744", NULL },
		{ "018:1b7:44", NULL },
		{ ":1:81:b7:44", NULL },
		{ "01:::b7:44", NULL },
		{ "0x-1", NULL },
		{ "+181B744", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t address = 0;
		char text[13] = "refused";

		if (telegram_address(
			cases[i].in, strlen(cases[i].in), &address) == 0)
			telegram_format_address(text, address);
		check(strcmp(text, cases[i].want ? cases[i].want : "refused") ==
			0,
		    "address \"%s\": %s", cases[i].in, text);
	}
}

static void
test_rorgs(void)
{
	size_t named = 0;

	for (unsigned i = 0; i < 256; i++)
		named += telegram_rorg_name((uint8_t)i) != NULL;
	check(named == 22, "%zu RORGs have names", named);
	check(strcmp(telegram_rorg_name(RORG_VLD), "VLD") == 0 &&
		strcmp(telegram_rorg_name(RORG_4BS), "4BS") == 0,
	    "names");
}

int
main(void)
{
	test_cases();
	test_by_hand();
	test_erp2_crc();
	test_pack();
	test_addresses();
	test_rorgs();
	return check_done();
}
