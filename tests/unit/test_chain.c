/* Chained messages: in order, out of order, twice, torn, mixed, too many. */
#include <inttypes.h>

#include "check.h"
#include "device/enocean/chain.h"
#include "frames.h"

enum { PART = 0, WHOLE = 1, WRONG = -1 };

/* One telegram and what is to come of it. */
struct step {
	const char *p; /* payload; NULL ends the steps */
	int want;
	const char *whole;
	int64_t ms;
	uint8_t rorg, status;
	uint32_t sender, dest;
	int dbm;
};

struct scene {
	const char *why;
	uint64_t lost;
	struct step step[9];
};

static const struct scene scenes[] = {
	{ "what is not chained", 0,
	    { { "00005508", WHOLE, "A5 00005508", .rorg = RORG_4BS },
		{ "00", WHOLE, "F6 00", .rorg = RORG_RPS } } },
	{ "two parts", 0,
	    { { "40 000C B2 00010203040506070809", PART },
		{ "41 0A0B", WHOLE, "B2 000102030405060708090A0B" } } },
	{ "a message in one part", 0,
	    { { "80 0002 D2 AABB", WHOLE, "D2 AABB" } } },
	{ "the published secure message", 0,
	    { { "40 0027 BB17C17A05CAF5575DE2", PART, .rorg = 0x33 },
		{ "41 08302FB572A0FD3A4434A41096", PART, .rorg = 0x33 },
		{ "42 F102E60DC20D777A010203043B", PART, .rorg = 0x33 },
		{ "43 4C380F", WHOLE,
		    "31 BB17C17A05CAF5575DE208302FB572A0FD3A4434A41096F102E60D"
		    "C20D777A010203043B4C380F",
		    .rorg = 0x33 } } },
	{ "out of order", 0,
	    { { "40 0006 D2 0102", PART }, { "42 0506", PART },
		{ "41 0304", WHOLE, "D2 010203040506" } } },
	{ "the first comes last", 0,
	    { { "42 0506", PART }, { "41 0304", PART, .ms = 50 },
		{ "40 0006 D2 0102", WHOLE, "D2 010203040506", .ms = 100 } } },
	{ "the first comes too late for what was there", 1,
	    { { "41 0304", PART }, { "40 0004 D2 0102", PART, .ms = 250 },
		{ "41 0506", WHOLE, "D2 01020506", .ms = 300 } } },
	{ "each part again by a repeater, in turn", 0,
	    { { "40 0004 D2 0102", PART },
		{ "40 0004 D2 0102", PART, .status = 1 },
		{ "41 0304", WHOLE, "D2 01020304" },
		{ "41 0304", PART, .status = 1, .ms = 40 } } },
	{ "the whole again by a repeater, afterwards", 0,
	    { { "40 0004 D2 0102", PART }, { "41 0304", WHOLE, "D2 01020304" },
		{ "40 0004 D2 0102", PART, .status = 1, .ms = 40 },
		{ "41 0304", PART, .status = 1, .ms = 60 } } },
	{ "one part only a repeater brought", 0,
	    { { "40 0004 D2 0102", PART },
		{ "41 0304", WHOLE, "D2 01020304", .status = 0x82 } } },
	{ "the same message once more", 0,
	    { { "40 0004 D2 0102", PART }, { "41 0304", WHOLE, "D2 01020304" },
		{ "40 0004 D2 0102", PART, .ms = 500 },
		{ "41 0304", WHOLE, "D2 01020304", .ms = 520 } } },
	{ "it begins again, since a part was lost", 1,
	    { { "40 0006 D2 0102", PART }, { "41 0304", PART },
		{ "40 0006 D2 0102", PART, .ms = 700 },
		{ "41 0304", PART, .ms = 720 },
		{ "42 0506", WHOLE, "D2 010203040506", .ms = 740 } } },
	{ "another message of the same number", 1,
	    { { "40 0006 D2 0102", PART }, { "41 0304", PART },
		{ "40 0003 D2 0A0B", PART },
		{ "41 0C", WHOLE, "D2 0A0B0C" } } },
	{ "a longer one of the same number", 1,
	    { { "40 0003 D2 0102", PART }, { "40 0004 D2 0102", PART },
		{ "41 0304", WHOLE, "D2 01020304" } } },
	{ "another RORG of the same number", 1,
	    { { "40 0003 D2 0102", PART }, { "40 0003 D1 0102", PART },
		{ "41 03", WHOLE, "D1 010203" } } },
	{ "two messages at once", 0,
	    { { "40 0004 D2 0102", PART }, { "80 0004 D1 1112", PART },
		{ "41 0304", WHOLE, "D2 01020304" },
		{ "81 1314", WHOLE, "D1 11121314" } } },
	{ "two senders at once", 0,
	    { { "40 0004 D2 0102", PART, .sender = 1 },
		{ "40 0004 D1 1112", PART, .sender = 2 },
		{ "41 0304", WHOLE, "D2 01020304", .sender = 1 },
		{ "41 1314", WHOLE, "D1 11121314", .sender = 2 } } },
	{ "to all and to one at once", 0,
	    { { "40 0004 D2 0102", PART },
		{ "40 0004 D1 1112", PART, .dest = 7 },
		{ "41 0304", WHOLE, "D2 01020304" },
		{ "41 1314", WHOLE, "D1 11121314", .dest = 7 } } },
	{ "each part sent twice", 0,
	    { { "40 0006 D2 0102", PART }, { "41 0304", PART },
		{ "40 0006 D2 0102", PART, .ms = 50 },
		{ "41 0304", PART, .ms = 60 },
		{ "42 0506", WHOLE, "D2 010203040506", .ms = 70 } } },
	{ "plain and secure at once", 0,
	    { { "40 0004 D2 0102", PART },
		{ "40 0004 1112", PART, .rorg = 0x33 },
		{ "41 0304", WHOLE, "D2 01020304" },
		{ "41 1314", WHOLE, "31 11121314", .rorg = 0x33 } } },
	{ "a part differs from the one before", 1,
	    { { "40 0006 D2 0102", PART }, { "41 0304", PART },
		{ "41 0305", WRONG }, { "42 0506", PART } } },
	{ "more than was announced", 1,
	    { { "40 0003 D2 0102", PART }, { "41 0304", WRONG } } },
	{ "more than was announced, in the first part", 1,
	    { { "40 0001 D2 0102", WRONG } } },
	{ "as much as was announced, but a part is missing", 1,
	    { { "40 0004 D2 0102", PART }, { "42 0304", WRONG } } },
	{ "a part after the last", 0,
	    { { "40 0004 D2 0102", PART }, { "41 0304", WHOLE, "D2 01020304" },
		{ "42 05", WRONG } } },
	{ "a part of the next message without its first", 0,
	    { { "40 0004 D2 0102", PART }, { "41 0304", WHOLE, "D2 01020304" },
		{ "41 0506", WRONG } } },
	{ "too late", 2,
	    { { "40 0004 D2 0102", PART }, { "41 0304", PART, .ms = 3001 },
		{ "40 0004 D2 0A0B", PART, .ms = 7000 } } },
	{ "just in time", 0,
	    { { "40 0004 D2 0102", PART },
		{ "41 0304", WHOLE, "D2 01020304", .ms = 3000 } } },
	{ "the clock was set back", 1,
	    { { "40 0004 D2 0102", PART, .ms = 10000 },
		{ "41 0304", PART, .ms = 0 } } },
	{ "nothing in it", 0, { { "", WRONG } } },
	{ "nothing but a number", 0, { { "41", WRONG } } },
	{ "a malformed part ends its message", 1,
	    { { "40 0004 D2 0102", PART }, { "41", WRONG },
		{ "41 0304", PART } } },
	{ "the length is cut", 0, { { "40 00", WRONG } } },
	{ "no RORG", 0, { { "40 0004", WRONG } } },
	{ "no length needed", 0, { { "40 0000 D2", WRONG } } },
	{ "longer than any", 0, { { "40 0259 D2 01", WRONG } } },
	{ "longer than any, secure", 0,
	    { { "40 FFFF 01", WRONG, .rorg = 0x33 } } },
	{ "a chain in a chain", 0, { { "40 0004 40 4000", WRONG } } },
	{ "a secure chain in a chain", 0, { { "40 0004 33 4000", WRONG } } },
	{ "strength and hops", 0,
	    { { "40 0006 D2 0102", PART, .dbm = -80, .status = 0x81 },
		{ "41 0304", PART, .dbm = -60 },
		{ "42 0506", WHOLE, "D2 010203040506", .dbm = 0,
		    .status = 0x82 } } },
};

static void
run_step(struct chain *c, const char *why, size_t i, const struct step *s,
    struct telegram *out)
{
	struct buf p = hex_of(s->p), want = hex_of(s->whole ? s->whole : "");
	struct telegram in = { .t = s->ms * 1000,
		.sender = s->sender ? s->sender : 0x0181b744,
		.dest = s->dest ? s->dest : TELEGRAM_BROADCAST,
		.rorg = s->rorg ? s->rorg : RORG_CDM,
		.status = s->status,
		.repeat = s->status & 15,
		.dbm = s->dbm,
		.erp = 1 };
	const char *reason = "";
	int got;

	p.p = realloc(p.p, p.len + !p.len);
	in.p = (uint8_t *)p.p;
	in.n = p.len;
	got = chain_take(c, &in, out, &reason);
	check(got == s->want, "%s, %zu: %d %s", why, i, got, reason);
	check(got >= 0 || *reason != '\0', "%s, %zu: no reason", why, i);
	if (got == WHOLE && s->want == WHOLE)
		check(out->n + 1 == want.len && out->rorg == (uint8_t)*want.p &&
			memcmp(out->p, want.p + 1, out->n) == 0 &&
			out->sender == in.sender && out->t == in.t,
		    "%s, %zu: %02X and %zu bytes", why, i, out->rorg, out->n);
	buf_fini(&p);
	buf_fini(&want);
}

static void
test_scenes(void)
{
	struct telegram out = { 0 };

	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
		const struct scene *scene = &scenes[i];
		struct chain *c = chain_new();

		for (size_t k = 0; scene->step[k].p != NULL; k++)
			run_step(c, scene->why, k, &scene->step[k], &out);
		check(chain_lost(c) == scene->lost, "%s: %" PRIu64 " lost",
		    scene->why, chain_lost(c));
		chain_free(c);
	}
	check(out.dbm == -60 && out.repeat == 2 && out.status == 0x82,
	    "strength %d, hops %u, status %02X", out.dbm, out.repeat,
	    out.status);
}

/* More begun messages than there is room for: the oldest go. */
static void
test_crowd(void)
{
	struct chain *c = chain_new();
	struct telegram out;
	struct step first = { "40 0004 D2 0102", PART };
	struct step last = { "41 0304", WHOLE, "D2 01020304" };

	for (uint32_t i = 1; i <= 100; i++) {
		first.sender = i;
		first.ms = i;
		run_step(c, "a crowd", i, &first, &out);
	}
	check(chain_lost(c) == 68, "%" PRIu64 " lost", chain_lost(c));
	last.ms = 101;
	for (uint32_t i = 69; i <= 100; i++) {
		last.sender = i;
		run_step(c, "a crowd ends", i, &last, &out);
	}
	chain_free(c);
}

/* Complete ones go first, although they are new. */
static void
test_complete_first(void)
{
	struct chain *c = chain_new();
	struct telegram out;
	struct step begun = { "40 0004 D2 0102", PART };
	struct step one = { "40 0001 D2 01", WHOLE, "D2 01", .ms = 32 };

	for (uint32_t i = 1; i <= 31; i++) {
		begun.sender = i;
		begun.ms = i;
		run_step(c, "begun", i, &begun, &out);
	}
	for (one.sender = 32; one.sender < 40; one.sender++)
		run_step(c, "complete", one.sender, &one, &out);
	check(chain_lost(c) == 0, "%" PRIu64 " lost", chain_lost(c));
	chain_free(c);
}

/* Parts of a message whose first part does not come fill no memory. */
static void
test_headless(void)
{
	struct chain *c = chain_new();
	struct telegram out;
	struct step s = { NULL, PART };
	char hex[32];

	for (unsigned i = 1; i <= 47; i++) {
		snprintf(hex, sizeof hex, "%02X%026X", 0x40 + i, i);
		s.p = hex;
		s.want = i * 13 <= TELEGRAM_SPACE ? PART : WRONG;
		run_step(c, "no first part", i, &s, &out);
	}
	check(chain_lost(c) == 1, "%" PRIu64 " lost", chain_lost(c));
	chain_free(c);
}

/* Cut by telegram_chain(), framed, read, and put together again. */
static int
there_and_back(size_t n, uint8_t rorg, uint64_t dest, size_t *parts)
{
	uint8_t p[TELEGRAM_SPACE + 1];
	struct telegram tel = {
		.sender = 0xff9e5501, .dest = dest, .p = p, .n = n, .rorg = rorg
	};
	struct telegram one, out = { 0 };
	struct esp3_reader r = { 0 };
	struct esp3_packet packet;
	struct chain *c = chain_new();
	struct buf b = { 0 };
	const char *why = "";
	int got = 0;

	*parts = 0;
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 7);
	if (telegram_chain(&b, &tel, 2) != 0) {
		check(b.len == 0, "%zu bytes: refused, but written", n);
		chain_free(c);
		return -1;
	}
	esp3_feed(&r, b.p, b.len, 0);
	while (esp3_next(&r, &packet)) {
		check(got == 0, "%zu bytes: whole before the last part", n);
		check(telegram_parse(&one, &packet, &why) == 1, "%zu: %s", n,
		    why);
		check(one.dest == dest && one.p[0] >> 6 == 2, "%zu: part", n);
		got = chain_take(c, &one, &out, &why);
		check(got >= 0, "%zu bytes: %s", n, why);
		++*parts;
	}
	check(got == 1 && out.n == n && memcmp(out.p, p, n) == 0 &&
		out.rorg == rorg && out.dest == dest &&
		out.sender == tel.sender,
	    "%zu bytes of %02X to %08" PRIX64 ": not the same", n, rorg, dest);
	buf_fini(&b);
	esp3_fini(&r);
	chain_free(c);
	return 0;
}

static void
test_cutting(void)
{
	static const struct {
		size_t n;
		uint64_t dest;
		size_t parts; /* 0: refused */
	} cases[] = { { 0, 0xffffffff, 0 }, { 1, 0xffffffff, 1 },
		{ 10, 0xffffffff, 1 }, { 11, 0xffffffff, 2 },
		{ 23, 0xffffffff, 2 }, { 24, 0xffffffff, 3 },
		{ 39, 0xffffffff, 4 }, { 600, 0xffffffff, 47 },
		{ 601, 0xffffffff, 0 }, { 5, 0x0194e3b9, 1 },
		{ 6, 0x0194e3b9, 2 }, { 14, 0x0194e3b9, 3 },
		{ 509, 0x0194e3b9, 64 }, { 510, 0x0194e3b9, 0 },
		{ 11, 0x100000000, 0 } };
	static const uint8_t rorgs[] = { RORG_MSC, RORG_SEC_ENCAPS };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t k = 0; k < sizeof rorgs; k++) {
			size_t parts;
			int got = there_and_back(
			    cases[i].n, rorgs[k], cases[i].dest, &parts);

			check(got == (cases[i].parts ? 0 : -1) &&
				parts == cases[i].parts,
			    "%zu bytes of %02X to %08" PRIX64 ": %zu parts",
			    cases[i].n, rorgs[k], cases[i].dest, parts);
		}
	}
}

/* The parts of the published secure message, byte for byte. */
static void
test_published(void)
{
	struct buf p = hex_of("BB17C17A05CAF5575DE208302FB572A0FD3A4434A41096F1"
			      "02E60DC20D777A010203043B4C380F");
	struct buf parts[4] = { hex_of("33 40 0027 BB17C17A05CAF5575DE2"),
		hex_of("33 41 08302FB572A0FD3A4434A41096"),
		hex_of("33 42 F102E60DC20D777A010203043B"),
		hex_of("33 43 4C380F") };
	struct telegram tel = { .sender = 0x019eb63b,
		.dest = TELEGRAM_BROADCAST,
		.p = (uint8_t *)p.p,
		.n = p.len,
		.rorg = RORG_SEC_ENCAPS };
	struct esp3_reader r = { 0 };
	struct esp3_packet packet;
	struct buf b = { 0 };
	size_t i = 0;

	check(telegram_chain(&b, &tel, 1) == 0, "cut");
	esp3_feed(&r, b.p, b.len, 0);
	for (; esp3_next(&r, &packet) && i < 4; i++)
		check(packet.n == parts[i].len + 5 &&
			!memcmp(packet.data, parts[i].p, parts[i].len),
		    "part %zu", i);
	check(i == 4, "%zu parts", i);
	for (i = 0; i < 4; i++)
		buf_fini(&parts[i]);
	buf_fini(&p);
	buf_fini(&b);
	esp3_fini(&r);
}

int
main(void)
{
	test_scenes();
	test_crowd();
	test_complete_first();
	test_headless();
	test_cutting();
	test_published();
	return check_done();
}
