/* Which telegrams are the same one again, and which only look so. */
#include "check.h"
#include "device/enocean/repeat.h"
#include "frames.h"

enum { WINDOW = 300000 };

struct step {
	const char *p; /* NULL ends the steps */
	int want;
	int64_t ms;
	uint8_t status, rorg;
	uint32_t sender, dest;
};

struct scene {
	const char *why;
	int64_t window;
	struct step step[10];
};

static const struct scene scenes[] = {
	{ "another payload", WINDOW, { { "00005508", 0 }, { "00005608", 0 } } },
	{ "another sender", WINDOW,
	    { { "00005508", 0 }, { "00005508", 0, .sender = 7 } } },
	{ "another destination", WINDOW,
	    { { "00005508", 0 }, { "00005508", 0, .dest = 7 } } },
	{ "another RORG", WINDOW,
	    { { "00005508", 0 }, { "00005508", 0, .rorg = RORG_VLD } } },
	{ "a longer one", WINDOW,
	    { { "00005508", 0 }, { "0000550800", 0, .rorg = RORG_4BS } } },
	{ "a shorter one", WINDOW,
	    { { "00005508", 0 }, { "000055", 0, .rorg = RORG_4BS } } },
	{ "by a repeater, and by two", WINDOW,
	    { { "00005508", 0 }, { "00005508", 1, 20, 1 },
		{ "00005508", 1, 40, 0x82 }, { "00005508", 1, 60, 1 } } },
	{ "the device says it three times", WINDOW,
	    { { "00005508", 0 }, { "00005508", 1, 100 },
		{ "00005508", 1, 200 } } },
	{ "the end of the window", WINDOW,
	    { { "00005508", 0 }, { "00005508", 1, 300 }, { "00005508", 0, 301 },
		{ "00005508", 1, 601 } } },
	{ "a narrow window", 50000,
	    { { "00005508", 0 }, { "00005508", 1, 50, 1 },
		{ "00005508", 0, 51 } } },
	{ "heard by a repeater first", WINDOW,
	    { { "00005508", 0, 0, 1 }, { "00005508", 1, 10 },
		{ "00005508", 1, 20, 1 } } },
	{ "heard by a repeater first, then another", WINDOW,
	    { { "00005508", 0, 0, 1 }, { "00005508", 1, 10 },
		{ "00005608", 0, 20 }, { "00005508", 1, 30, 1 } } },
	{ "pressed and released twice", WINDOW,
	    { { "50", 0, 0, 0x30 }, { "00", 0, 80, 0x20 },
		{ "50", 0, 160, 0x30 }, { "00", 0, 240, 0x20 } } },
	{ "the same by a repeater, which comes after the release", WINDOW,
	    { { "50", 0, 0, 0x30 }, { "00", 0, 20, 0x20 },
		{ "50", 1, 30, 0x31 }, { "00", 1, 50, 0x21 },
		{ "50", 0, 160, 0x30 }, { "50", 1, 170, 0x31 },
		{ "00", 0, 180, 0x20 }, { "00", 1, 190, 0x21 } } },
	{ "press and release of equal payload", WINDOW,
	    { { "10", 0, 0, 0x30 }, { "10", 0, 10, 0x20 },
		{ "10", 0, 20, 0x30 } } },
	{ "status bits that say nothing here", WINDOW,
	    { { "00005508", 0 }, { "00005508", 1, 5, 0x80 },
		{ "00005508", 1, 6, 0x30 } } },
	{ "never to be repeated", WINDOW,
	    { { "00005508", 0, 0, 15 }, { "00005508", 1, 5, 15 },
		{ "00005509", 0, 6, 15 }, { "00005508", 0, 7, 15 } } },
	{ "never to be repeated is no hop", WINDOW,
	    { { "00005508", 0 }, { "00005608", 0 },
		{ "00005508", 0, 5, 15 } } },
	{ "on, off, on", WINDOW,
	    { { "010064", 0 }, { "010000", 0, 100 }, { "010064", 0, 200 },
		{ "010000", 1, 210, 1 }, { "010064", 1, 220, 1 } } },
	{ "the clock was set back", WINDOW,
	    { { "00005508", 0, 1000000 }, { "00005508", 0, 0 },
		{ "00005508", 1, 100 } } },
	{ "the clock goes back a little", WINDOW,
	    { { "00005508", 0, 1000 }, { "00005508", 1, 999, 1 } } },
	{ "a long payload", WINDOW,
	    { { "000102030405060708090A0B0C0D0E0F10", 0 },
		{ "000102030405060708090A0B0C0D0E0F11", 0 },
		{ "010102030405060708090A0B0C0D0E0F10", 0 },
		{ "000102030405060708090A0B0C0D0E0F10", 1, 1, 1 } } },
	{ "without times: only what a repeater sent", 0,
	    { { "00005508", 0 }, { "00005508", 1, 0, 1 }, { "00005508", 0 },
		{ "00005508", 1, 0, 2 }, { "00005508", 0 } } },
	{ "without times: heard only through a repeater", 0,
	    { { "00005508", 0, 0, 1 }, { "00005508", 0, 0, 1 },
		{ "00005508", 1, 0, 2 }, { "00005508", 0 } } },
	{ "without times: pressed and released twice", 0,
	    { { "50", 0, 0, 0x30 }, { "00", 0, 0, 0x20 }, { "50", 0, 0, 0x30 },
		{ "50", 1, 0, 0x31 }, { "00", 0, 0, 0x20 },
		{ "00", 1, 0, 0x21 } } },
};

static int
run_step(struct repeat *r, const struct step *s)
{
	struct buf p = hex_of(s->p);
	struct telegram tel = { .t = s->ms * 1000,
		.sender = s->sender ? s->sender : 0x0181b744,
		.dest = s->dest ? s->dest : TELEGRAM_BROADCAST,
		.status = s->status,
		.repeat = s->status & 15,
		.p = (uint8_t *)p.p,
		.n = p.len };
	int got;

	tel.rorg = s->rorg ? s->rorg : p.len == 1 ? RORG_RPS : RORG_4BS;
	got = repeat_is(r, &tel);
	buf_fini(&p);
	return got;
}

static void
test_scenes(void)
{
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
		const struct scene *scene = &scenes[i];
		struct repeat *r = repeat_new(scene->window);

		for (size_t k = 0; scene->step[k].p != NULL; k++) {
			int got = run_step(r, &scene->step[k]);

			check(got == scene->step[k].want, "%s, %zu: %d",
			    scene->why, k, got);
		}
		repeat_free(r);
	}
}

/* Without times it has to be near: 16 telegrams of others are enough. */
static void
test_near(void)
{
	for (uint32_t others = 14; others <= 16; others++) {
		struct repeat *r = repeat_new(0);
		struct step s = { "00005508", 0 }, other = s;
		int got;

		run_step(r, &s);
		for (other.sender = 1; other.sender <= others; other.sender++)
			check(run_step(r, &other) == 0, "another sender");
		s.status = 1;
		got = run_step(r, &s);
		check(got == (others < 16), "after %u others: %d", others, got);
		repeat_free(r);
	}
}

/* A building full of senders: each once, each once more by a repeater. */
static void
test_crowd(void)
{
	struct repeat *r = repeat_new(WINDOW);
	struct step s = { "00005508", 0 };
	size_t again = 0, merged = 0;

	for (uint32_t i = 1; i <= 200; i++) {
		s.sender = 0x01800000 + i * 37;
		merged += (size_t)run_step(r, &s);
	}
	s.status = 1;
	for (uint32_t i = 1; i <= 200; i++) {
		s.sender = 0x01800000 + i * 37;
		again += (size_t)run_step(r, &s);
	}
	check(merged == 0, "%zu senders taken for others", merged);
	check(again == 200, "%zu of 200 known again", again);
	s.status = 0;
	for (uint32_t i = 1; i <= 100000; i++) {
		s.sender = i;
		s.ms = 1000;
		merged += (size_t)run_step(r, &s);
	}
	check(merged == 0, "%zu senders taken for others", merged);
	repeat_free(r);
}

int
main(void)
{
	test_scenes();
	test_near();
	test_crowd();
	return check_done();
}
