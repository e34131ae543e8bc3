/* Runs and replies between the feeder of a rule worker and the worker. */
#include "grid/rule_wire.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { MOST = 4096 };

static const char event[] = "{\"topic\":\"A/B\",\"t\":1,\"v\":2}";

static void
test_asks(void)
{
	struct rule_ask a = { .rule = 3,
		.slot = 9,
		.flags = RULE_ASK_TEXT,
		.key_n = 2,
		.captures_n = 2,
		.event_n = sizeof event - 1,
		.state_n = 1,
		.now = -5,
		.key = "k1",
		.captures = "{}",
		.event = event,
		.state = "7" },
			back;
	struct buf b = { 0 };
	size_t n = rule_ask_add(&b, &a), used;

	check(n == b.len, "its length");
	for (size_t k = 0; k < n; k++)
		check(rule_ask_take(&back, b.p, k, &used) == 0,
		    "complete with %zu bytes", k);
	check(rule_ask_take(&back, b.p, n, &used) == 1 && used == n &&
		back.rule == 3 && back.slot == 9 && back.now == -5 &&
		back.flags == RULE_ASK_TEXT &&
		memcmp(back.key, "k1{}", 4) == 0 &&
		memcmp(back.event, event, back.event_n) == 0 &&
		back.state_n == 1 && *back.state == '7',
	    "comes back");
	b.p[0]++;
	check(rule_ask_take(&back, b.p, n, &used) < 0, "a wrong length");
	buf_fini(&b);
	a.slot = RULE_NO_SLOT + 1;
	rule_ask_add(&b, &a);
	check(rule_ask_take(&back, b.p, b.len, &used) < 0, "a wrong slot");
	buf_fini(&b);
}

/* A reply of these parts: what taking it gives. */
static const struct reply_case {
	const char *text; /* an event, or a text if why_text */
	int why_text;
	const char *state, *why;
	struct rule_reply r;
	int want;
	const char *name;
} replies[] = {
	{ event, 0, "", "", { .events = 1 }, 1, "an event" },
	{ "so", 1, "{}", "", { .whys = 1, .changed = 1 }, 1, "a state" },
	{ NULL, 0, "", "", { .changed = 1, .timer = RULE_TIMER_SET }, 1,
	    "no state any more, and a timer" },
	{ NULL, 0, "", "bad", { .verdict = RULE_ERROR }, 1, "an error" },
	{ NULL, 0, "", "", { .verdict = RULE_ERROR }, -1,
	    "an error without words" },
	{ NULL, 0, "", "bad", { .verdict = RULE_DONE }, -1,
	    "words without an error" },
	{ NULL, 0, "", "b\nd", { .verdict = RULE_ERROR }, -1, "two lines" },
	{ NULL, 0, "", "b\xff", { .verdict = RULE_ERROR }, -1, "not UTF-8" },
	{ NULL, 0, "", "bad", { .verdict = 7 }, -1, "an unknown verdict" },
	{ NULL, 0, "1", "bad", { .verdict = RULE_ERROR, .changed = 1 }, -1,
	    "an error with a state" },
	{ event, 0, "", "bad", { .verdict = RULE_STOPPED, .events = 1 }, -1,
	    "an error with an event" },
	{ NULL, 0, "", "", { .timer = 9 }, -1, "an unknown timer" },
	{ NULL, 0, "1", "", { 0 }, -1, "a state that has not changed" },
	{ NULL, 0, "{\"a\":1", "", { .changed = 1 }, -1, "half a state" },
	{ NULL, 0, "1", "", { .changed = 2 }, -1, "changed twice" },
	{ event, 0, "", "", { .events = 2 }, -1, "a wrong count" },
	{ event, 0, "", "", { .whys = 1 }, -1, "a wrong kind" },
	{ "{\"topic\":\"A/B\",\"t\":1}", 0, "", "", { .events = 1 }, -1,
	    "half an event" },
	{ "{\"topic\":\"A/B\",\"t\":1,\n\"v\":2}", 0, "", "", { .events = 1 },
	    -1, "an event of two lines" },
	{ "so\nso", 1, "", "", { .whys = 1 }, -1, "a text of two lines" },
};

static void
build(struct buf *b, const struct reply_case *c)
{
	struct rule_reply r = c->r;
	size_t at = rule_reply_begin(b);

	if (c->text != NULL)
		rule_reply_text(b, c->why_text ? RULE_WHY : RULE_EVENT, c->text,
		    strlen(c->text));
	r.texts_n = (uint32_t)(b->len - at) -
	    (uint32_t)(sizeof(uint32_t) * 10 + sizeof(int64_t));
	r.state_n = (uint32_t)strlen(c->state);
	r.why_n = (uint32_t)strlen(c->why);
	buf_adds(b, c->state);
	buf_adds(b, c->why);
	rule_reply_end(b, at, &r);
}

static void
test_replies(void)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		const struct reply_case *c = &replies[i];
		struct rule_reply r;
		size_t used = 0;
		int got;

		buf_clear(&b);
		build(&b, c);
		got = rule_reply_take(&r, b.p, b.len, MOST, &used);
		check(got == c->want, "%s: %d", c->name, got);
		check(got < 0 || used == b.len, "%s: length", c->name);
		check(rule_reply_take(&r, b.p, b.len - 1, MOST, &used) <= 0,
		    "%s: complete too early", c->name);
		check(rule_reply_take(&r, b.p, b.len, b.len - 1, &used) < 0,
		    "%s: longer than allowed", c->name);
	}
	buf_fini(&b);
}

/* States too long to be looked at closely. */
static void
test_long_states(void)
{
	static const struct {
		const char *end;
		int want;
	} cases[] = { { "\"]", 1 }, { "\"", -1 }, { "]", -1 }, { "\"}", -1 },
		{ "\"]]", -1 }, { "\x01\"]", -1 }, { "\xff\"]", -1 },
		{ "\\\"\"]", 1 } };
	char state[5000];
	struct reply_case c = {
		.state = state, .why = "", .r = { .changed = 1 }
	};
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rule_reply r;
		size_t used;

		memset(state, 'x', sizeof state);
		state[0] = '[';
		state[1] = '"';
		strncpy(state + 4900, cases[i].end, 10);
		buf_clear(&b);
		build(&b, &c);
		check(rule_reply_take(&r, b.p, b.len, 2 * MOST, &used) ==
			cases[i].want,
		    "a long state that ends with %s", cases[i].end);
	}
	buf_fini(&b);
}

static void
test_sizes(void)
{
	static const struct {
		size_t n;
		const char *want;
	} cases[] = { { 0, "0" }, { 1, "1" }, { 1000, "1000" }, { 1024, "1K" },
		{ 1536 << 10, "1536K" }, { 256 << 20, "256M" } };
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_clear(&b);
		rule_size_add(&b, cases[i].n);
		check(strcmp(buf_cstr(&b), cases[i].want) == 0, "%zu: %s",
		    cases[i].n, b.p);
	}
	buf_fini(&b);
}

int
main(void)
{
	test_asks();
	test_replies();
	test_long_states();
	test_sizes();
	return check_done();
}
