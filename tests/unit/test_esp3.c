/* Packets in streams of bytes, whole, torn, broken and in between noise. */
#include <inttypes.h>

#include "check.h"
#include "device/enocean/esp3.h"
#include "frames.h"

/* All packets that were given, encoded again one after another. */
struct given {
	struct buf bytes;
	size_t count;
};

static void
take_all(struct esp3_reader *r, struct given *g)
{
	struct esp3_packet p;

	while (esp3_next(r, &p)) {
		esp3_add(&g->bytes, (enum esp3_type)p.type, p.data, p.n, p.opt,
		    p.nopt);
		g->count++;
	}
}

static void
finish(struct esp3_reader *r, struct given *g)
{
	if (esp3_pending(r)) {
		esp3_gap(r);
		take_all(r, g);
	}
	check(!esp3_pending(r), "nothing is left after a gap");
}

static void
add_up(const struct esp3_reader *r, const struct given *g, const char *what)
{
	uint64_t packets = 0;

	for (size_t i = 0; i < 256; i++)
		packets += r->counts.packets[i];
	check(packets == g->count, "%s: %" PRIu64 " packets counted, %zu given",
	    what, packets, g->count);
	check(r->counts.bytes == r->counts.skipped + g->bytes.len,
	    "%s: %" PRIu64 " bytes, %" PRIu64 " skipped, %zu in packets", what,
	    r->counts.bytes, r->counts.skipped, g->bytes.len);
}

/* Feed in pieces of 1 to "most" bytes, by a generator with its own seed. */
static void
feed_pieces(struct esp3_reader *r, const struct buf *in, size_t most,
    uint32_t seed, struct given *g)
{
	size_t at = 0;

	while (at < in->len) {
		size_t n = most > 1 ? 1 + seed % most : 1;

		seed = seed * 1664525u + 1013904223u;
		n = n < in->len - at ? n : in->len - at;
		esp3_feed(r, in->p + at, n, 1);
		take_all(r, g);
		at += n;
	}
	finish(r, g);
}

static void
split_stream(const char *id, const struct buf *in, const struct given *want)
{
	static const size_t most[] = { SIZE_MAX / 2, 1, 2, 7, 40 };

	for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
		struct esp3_reader r = { 0 };
		struct given got = { 0 };

		feed_pieces(&r, in, i == 0 ? in->len : most[i],
		    i == 0 ? (uint32_t)in->len - 1 : (uint32_t)i * 7919, &got);
		check(got.count == want->count &&
			got.bytes.len == want->bytes.len &&
			memcmp(got.bytes.p ? got.bytes.p : "",
			    want->bytes.p ? want->bytes.p : "",
			    got.bytes.len) == 0,
		    "%s in pieces of %zu: %zu packets, not %zu", id, most[i],
		    got.count, want->count);
		add_up(&r, &got, id);
		esp3_fini(&r);
		buf_fini(&got.bytes);
	}
}

static void
test_streams(void)
{
	FILE *f = frames_open("streams.jsonl");
	struct buf line = { 0 };
	struct json_value row, list, one, none;
	struct json_walk w;
	size_t rows = 0;

	while (frames_next(f, &line, &row)) {
		struct buf in = { 0 };
		struct given want = { 0 };
		char id[32] = "?";

		if (json_get(&row, "id", &one))
			snprintf(id, sizeof id, "%.*s", (int)one.n, one.p);
		frames_hex(&row, "hex", &in);
		check(json_get(&row, "frames", &list), "%s: frames", id);
		json_walk(&w, &list);
		for (; json_next(&w, &none, &one); want.count++)
			hex_add(&want.bytes, one.p, one.n);
		split_stream(id, &in, &want);
		buf_fini(&in);
		buf_fini(&want.bytes);
		rows++;
	}
	check(rows >= 9, "%zu streams", rows);
}

static void
test_crc(void)
{
	static const struct {
		const char *hex;
		uint8_t want;
	} cases[] = {
		{ "", 0x00 },
		{ "00 0A 07 01", 0xeb },
		{ "00 07 07 01", 0x7a },
		{ "00 09 07 01", 0x56 },
		{ "00 0C 07 01", 0x96 },
		{ "00 08 07 01", 0x3d },
		{ "00 0D 07 01", 0xfd },
		{ "00 01 00 05", 0x70 },
		{ "00 05 01 02", 0xdb },
		{ "31 32 33 34 35 36 37 38 39", 0xf4 },
		{ "34 10 DE 8F 1A BA 3E FF 9F 5A 11 71 72 EA CA BD", 0x07 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = hex_of(cases[i].hex);
		uint8_t whole = esp3_crc8(0, b.p, b.len), parts = 0;

		for (size_t k = 0; k < b.len; k++)
			parts = esp3_crc8(parts, b.p + k, 1);
		check(whole == cases[i].want && parts == whole,
		    "CRC8 of %s: %02X", cases[i].hex, whole);
		buf_fini(&b);
	}
}

/* One input at a time: how many packets, and what was counted. */
static void
test_noise(void)
{
	static const struct {
		const char *hex;
		unsigned packets, header, data, cut, skipped;
		const char *why;
	} cases[] = {
		{ "", 0, 0, 0, 0, 0, "nothing" },
		{ "00 01 02", 0, 0, 0, 0, 3, "no sync byte" },
		{ "55", 0, 0, 0, 1, 1, "a sync byte alone" },
		{ "55 00 01 00 05 70 08 38", 1, 0, 0, 0, 0, "a command" },
		{ "55 00 01 00 05 70 08", 0, 0, 0, 1, 7, "its last byte" },
		{ "55 00 01 00 05 71 08 38", 0, 1, 0, 0, 8, "CRC8H" },
		{ "55 00 01 00 05 70 08 39", 0, 0, 1, 0, 8, "CRC8D" },
		{ "55 00 00 00 00 00 00", 0, 1, 0, 0, 7, "no data at all" },
		{ "55 FF FF FF 01 3D 55 00 01 00 05 70 08 38", 1, 1, 0, 0, 6,
		    "good CRC8H, impossible length" },
		{ "55 55 00 01 00 05 70 08 38", 1, 1, 0, 0, 1,
		    "the true sync follows a false one" },
		{ "55 00 07 07 01 7A 55 00 01 00 05 70 08 38", 1, 0, 0, 1, 6,
		    "a packet in what a lost one claimed, at the end" },
		{ "55 00 01 00 05 70 55 00 01 00 05 70 08 38", 1, 0, 1, 0, 6,
		    "cut short, the next one begins where CRC8D was wrong" },
		{ "55 00 00 01 63 3B 07 15", 1, 0, 0, 0, 0,
		    "optional data only, an unknown type" },
		{ "55 00 01 00 63 55 55 00 01 00 05 70 08 38", 1, 2, 0, 0, 6,
		    "the wrong CRC8H is itself a sync byte" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf in = hex_of(cases[i].hex);
		struct esp3_reader r = { 0 };
		struct given got = { 0 };
		const struct esp3_counts *c = &r.counts;

		esp3_feed(&r, in.p, in.len, 1);
		take_all(&r, &got);
		finish(&r, &got);
		add_up(&r, &got, cases[i].why);
		check(got.count == cases[i].packets &&
			c->bad_header == cases[i].header &&
			c->bad_data == cases[i].data &&
			c->cut == cases[i].cut &&
			c->skipped == cases[i].skipped,
		    "%s: %zu packets, header %" PRIu64 ", data %" PRIu64
		    ", cut %" PRIu64 ", skipped %" PRIu64,
		    cases[i].why, got.count, c->bad_header, c->bad_data, c->cut,
		    c->skipped);
		buf_fini(&in);
		buf_fini(&got.bytes);
		esp3_fini(&r);
	}
}

/* Every length from nothing to more than is allowed, both CRCs good. */
static void
test_lengths(void)
{
	static const uint8_t zeros[ESP3_BODY_MAX + 2];
	static const struct {
		size_t n, nopt;
		int good;
	} cases[] = { { 1, 0, 1 }, { 0, 1, 1 }, { 255, 255, 1 }, { 256, 0, 1 },
		{ ESP3_BODY_MAX - 255, 255, 1 }, { ESP3_BODY_MAX, 0, 1 },
		{ 0, 0, 0 }, { ESP3_BODY_MAX + 1, 0, 0 },
		{ ESP3_BODY_MAX, 1, 0 }, { ESP3_BODY_MAX - 254, 255, 0 } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct esp3_reader r = { 0 };
		struct esp3_packet p;
		struct buf in = { 0 };
		int got;

		esp3_add(
		    &in, ESP3_EVENT, zeros, cases[i].n, zeros, cases[i].nopt);
		check(in.len == 7 + cases[i].n + cases[i].nopt, "length");
		esp3_feed(&r, in.p, in.len, 7);
		got = esp3_next(&r, &p);
		check(got == cases[i].good, "%zu + %zu bytes: %d", cases[i].n,
		    cases[i].nopt, got);
		check(!got ||
			(p.n == cases[i].n && p.nopt == cases[i].nopt &&
			    p.type == ESP3_EVENT && p.t == 7),
		    "%zu + %zu bytes: as they were", cases[i].n, cases[i].nopt);
		buf_fini(&in);
		esp3_fini(&r);
	}
}

/* A packet has the time at which its first byte came. */
static void
test_times(void)
{
	struct buf in = hex_of("55 00 01 00 05 70 08 38"
			       "55 00 01 00 05 70 03 09");
	struct esp3_reader r = { 0 };
	struct esp3_packet p;

	esp3_feed(&r, in.p, 3, 100);
	check(!esp3_next(&r, &p) && esp3_pending(&r), "three bytes");
	esp3_feed(&r, in.p + 3, 2, 200);
	check(!esp3_next(&r, &p) && esp3_pending(&r), "five bytes");
	esp3_feed(&r, in.p + 5, 6, 300);
	check(esp3_next(&r, &p) && p.t == 100, "the first: %" PRId64, p.t);
	check(!esp3_next(&r, &p) && esp3_pending(&r), "begun");
	esp3_feed(&r, in.p + 11, 5, 400);
	check(esp3_next(&r, &p) && p.t == 300, "the second: %" PRId64, p.t);
	check(!esp3_next(&r, &p) && !esp3_pending(&r), "no more");
	esp3_feed(&r, in.p, 8, 500);
	check(esp3_next(&r, &p) && p.t == 500, "the third: %" PRId64, p.t);
	buf_fini(&in);
	esp3_fini(&r);
}

/* What comes after a gap begins anew, also if nobody took what was before. */
static void
test_gap(void)
{
	struct buf in = hex_of("55 00 01 00 05 70 08 38");
	struct esp3_reader r = { 0 };
	struct given got = { 0 };
	struct esp3_packet p;

	esp3_gap(&r);
	check(!esp3_pending(&r), "a gap before all");
	for (size_t cut = 1; cut < in.len; cut++) {
		uint64_t before = r.counts.cut;

		esp3_feed(&r, in.p, cut, 1);
		esp3_gap(&r);
		esp3_feed(&r, in.p, in.len, 2);
		take_all(&r, &got);
		check(got.count == cut && r.counts.cut == before + 1,
		    "%zu bytes, a gap, a packet: %zu", cut, got.count);
	}
	/* The reader moves what it holds, and the place of the gap with it. */
	esp3_feed(&r, in.p, in.len, 3);
	esp3_feed(&r, in.p, 3, 3);
	check(esp3_next(&r, &p), "one of two is taken");
	esp3_add(&got.bytes, ESP3_COMMON_COMMAND, p.data, p.n, p.opt, p.nopt);
	got.count++;
	esp3_gap(&r);
	esp3_feed(&r, in.p, in.len, 4);
	check(esp3_next(&r, &p) && p.t == 4 && r.counts.cut == in.len &&
		r.counts.bad_header == 0,
	    "the other was cut");
	esp3_add(&got.bytes, ESP3_COMMON_COMMAND, p.data, p.n, p.opt, p.nopt);
	got.count++;
	finish(&r, &got);
	add_up(&r, &got, "gaps");
	check(r.buf.cap <= 4096, "memory: %zu", r.buf.cap);
	buf_fini(&in);
	buf_fini(&got.bytes);
	esp3_fini(&r);
}

/* A long stream of everything keeps little. */
static void
test_memory(void)
{
	struct esp3_reader r = { 0 };
	struct given got = { 0 };
	uint8_t noise[64];
	uint32_t seed = 1;

	for (size_t i = 0; i < 20000; i++) {
		for (size_t k = 0; k < sizeof noise; k++) {
			seed = seed * 1664525u + 1013904223u;
			noise[k] = seed >> 30 ? (uint8_t)(seed >> 22) : 0x55;
		}
		esp3_feed(&r, noise, sizeof noise, 1);
		take_all(&r, &got);
		buf_clear(&got.bytes);
	}
	check(r.buf.cap <= 8192, "%zu bytes are kept", r.buf.cap);
	buf_fini(&got.bytes);
	esp3_fini(&r);
}

static int
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
test_names(void)
{
	static const struct {
		const char *(*name)(uint8_t);
		uint8_t code;
		const char *want;
	} cases[] = {
		{ esp3_type_name, 0, NULL },
		{ esp3_type_name, 1, "RADIO_ERP1" },
		{ esp3_type_name, 8, NULL },
		{ esp3_type_name, 10, "RADIO_ERP2" },
		{ esp3_type_name, 17, "COMMAND_2_4" },
		{ esp3_type_name, 18, NULL },
		{ esp3_type_name, 255, NULL },
		{ esp3_return_name, 0, "OK" },
		{ esp3_return_name, 5, "LOCK_SET" },
		{ esp3_return_name, 8, NULL },
		{ esp3_return_name, 0x91, "BASEID_MAX_REACHED" },
		{ esp3_return_name, 0x92, NULL },
		{ esp3_event_name, 0, NULL },
		{ esp3_event_name, 4, "CO_READY" },
		{ esp3_event_name, 255, NULL },
		{ esp3_command_name, 8, "CO_RD_IDBASE" },
		{ esp3_command_name, 38, NULL },
		{ esp3_command_name, 51, "CO_GET_NOISETHRESHOLD" },
		{ esp3_command_name, 255, NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *got = cases[i].name(cases[i].code);

		check(same(got, cases[i].want), "name %zu: %s, not %s", i,
		    got ? got : "none", cases[i].want ? cases[i].want : "none");
	}
}

/* What a public frame's row says of its packet. */
static void
check_case(
    const struct json_value *row, const char *id, const struct esp3_packet *p)
{
	struct json_value v;
	long number;

	check(frames_number(row, "packet_type", &number) && p->type == number,
	    "%s: type %u", id, p->type);
	if (frames_number(row, "return_code", &number))
		check(p->n > 0 && p->data[0] == number, "%s: return code", id);
	if (json_get(row, "event_name", &v))
		check(p->n > 0 && json_equal(&v, esp3_event_name(p->data[0])),
		    "%s: event %u", id, p->data[0]);
	if (json_get(row, "command", &v))
		check(p->n > 0 && json_equal(&v, esp3_command_name(p->data[0])),
		    "%s: command %u", id, p->data[0]);
}

/* Every public frame is one packet, except those that say they are wrong. */
static void
test_cases(void)
{
	FILE *f = frames_open("cases.jsonl");
	struct buf line = { 0 };
	struct json_value row, v, kind;
	size_t rows = 0, wrong = 0;

	while (frames_next(f, &line, &row)) {
		struct esp3_reader r = { 0 };
		struct esp3_packet p;
		struct buf in = { 0 };
		char id[32] = "?";
		int got;

		if (json_get(&row, "id", &v))
			snprintf(id, sizeof id, "%.*s", (int)v.n, v.p);
		frames_hex(&row, "hex", &in);
		esp3_feed(&r, in.p, in.len, 0);
		got = esp3_next(&r, &p);
		json_get(&row, "kind", &kind);
		if (json_equal(&kind, "invalid")) {
			json_get(&row, "error", &v);
			check(!got, "%s: taken, although %.*s", id, (int)v.n,
			    v.p);
			check((json_equal(&v, "crc8h") ? r.counts.bad_header
						       : r.counts.bad_data) > 0,
			    "%s: refused for another reason", id);
			wrong++;
		} else {
			check(got && !esp3_pending(&r), "%s: one packet", id);
			check_case(&row, id, &p);
		}
		rows++;
		buf_fini(&in);
		esp3_fini(&r);
	}
	check(rows >= 190 && wrong >= 5, "%zu frames, %zu wrong", rows, wrong);
}

int
main(void)
{
	test_crc();
	test_noise();
	test_lengths();
	test_times();
	test_gap();
	test_memory();
	test_names();
	test_streams();
	test_cases();
	return check_done();
}
