#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/date.h"
#include "event/event.h"
#include "grid/window.h"

enum { EVENTS_MAX = 12 };

static int passed, failed;

/*
 * An event is "SOURCE rest-of-the-line"; all sources belong to the topic A,
 * but for those in capital letters, which are their own.  "!" is silence at
 * the time that follows it, "?" a source that is expected.
 */
struct scenario {
	const char *stats;
	struct window_rule rule;
	const char *in[EVENTS_MAX];
	const char *want; /* lines, and words for what is not taken */
	const char *why;
};

#define M INT64_C(60000000)
#define S INT64_C(1000000)

static const struct scenario scenarios[] = {
	{ "sum", { .slot.width = M },
	    { "a \"t\":0,\"v\":0.1,\"u\":\"W\"",
		"b \"t\":59.9,\"v\":0.2,\"u\":\"W\"" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":0.3,\"u\":\"W\",\"w\":60,\"n\":2,"
	    "\"sources\":2,\"missing\":0,\"age\":60}\n",
	    "an exact sum" },
	{ "sum", { .slot.width = M },
	    { "a \"t\":0,\"v\":1", "a \"t\":60,\"v\":2",
		"a \"t\":125,\"v\":3" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":1,\"w\":60,\"n\":1,\"sources\":1,"
	    "\"missing\":0,\"age\":60}\n"
	    "{\"topic\":\"A\",\"t\":60,\"v\":2,\"w\":60,\"n\":1,\"sources\":1,"
	    "\"missing\":0,\"age\":60}\n"
	    "{\"topic\":\"A\",\"t\":120,\"v\":3,\"w\":60,\"n\":1,\"sources\":1,"
	    "\"missing\":0,\"age\":55}\n",
	    "no unit, three windows" },
	{ "sum", { .slot.width = M },
	    { "Z \"t\":0,\"v\":1", "Y \"t\":1,\"v\":2" },
	    "{\"topic\":\"Y\",\"t\":0,\"v\":2,\"w\":60,\"n\":1,\"sources\":1,"
	    "\"missing\":0,\"age\":59}\n"
	    "{\"topic\":\"Z\",\"t\":0,\"v\":1,\"w\":60,\"n\":1,\"sources\":1,"
	    "\"missing\":0,\"age\":60}\n",
	    "by topic, not by arrival" },
	{ "mean,min,max,min_at,max_at,first,last,first_at,last_at,count",
	    { .slot.width = M },
	    { "a \"t\":3,\"v\":5", "a \"t\":1,\"v\":5", "a \"t\":2,\"v\":1.5",
		"a \"t\":2.5,\"v\":1.50", "b \"t\":1,\"v\":7" },
	    "{\"topic\":\"A\",\"t\":0,\"m\":{\"mean\":4,\"min\":1.5,\"max\":7,"
	    "\"min_at\":2,\"max_at\":1,\"first\":7,\"last\":5,\"first_at\":1,"
	    "\"last_at\":3,\"count\":5,\"sum\":20},\"w\":60,\"n\":5,"
	    "\"sources\":2,\"missing\":0,\"age\":59}\n",
	    "all of them; equal extremes: the earliest; equal times: the "
	    "greatest" },
	{ "sum", { .slot.width = M },
	    { "a \"t\":0,\"v\":2.771,\"u\":\"kW\"",
		"b \"t\":1,\"v\":1,\"u\":\"W\"",
		"c \"t\":1,\"v\":1e-3,\"u\":\"MW\"" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":3772,\"u\":\"W\",\"w\":60,\"n\":3,"
	    "\"sources\":3,\"missing\":0,\"age\":60}\n",
	    "kW, W and MW" },
	{ "sum", { .slot.width = M, .unit = "kW" },
	    { "a \"t\":0,\"v\":2.771,\"u\":\"kW\"",
		"b \"t\":1,\"v\":1,\"u\":\"W\"" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":2.772,\"u\":\"kW\",\"w\":60,"
	    "\"n\":2,\"sources\":2,\"missing\":0,\"age\":60}\n",
	    "in the unit asked for" },
	{ "sum", { .slot.width = M },
	    { "a \"t\":0,\"v\":1,\"u\":\"W\"", "b \"t\":1,\"v\":1,\"u\":\"V\"",
		"b \"t\":1,\"v\":1" },
	    "refused: unit V does not convert to the W of A\n"
	    "refused: no unit, but A is in W\n"
	    "{\"topic\":\"A\",\"t\":0,\"v\":1,\"u\":\"W\",\"w\":60,\"n\":1,"
	    "\"sources\":1,\"missing\":0,\"age\":60}\n",
	    "units that do not fit" },
	{ "sum", { .slot.width = M },
	    { "a \"t\":0,\"v\":1", "b \"t\":1,\"v\":1,\"u\":\"kW\"" },
	    "refused: unit kW, but A has none\n"
	    "{\"topic\":\"A\",\"t\":0,\"v\":1,\"w\":60,\"n\":1,"
	    "\"sources\":1,\"missing\":0,\"age\":60}\n",
	    "a unit beside none" },
	{ "energy", { .slot.width = 15 * M, .interval = M },
	    { "a \"t\":0,\"v\":0.1,\"u\":\"kW\"",
		"a \"t\":60,\"v\":0.2,\"u\":\"kW\"" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":5,\"u\":\"Wh\",\"w\":900,\"n\":2,"
	    "\"sources\":1,\"missing\":0,\"age\":840}\n",
	    "energy of power readings" },
	{ "energy", { .slot.width = 15 * M, .interval = M },
	    { "a \"t\":0,\"v\":0.1,\"u\":\"kWh\"",
		"a \"t\":60,\"v\":20,\"u\":\"Wh\"" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":120,\"u\":\"Wh\",\"w\":900,"
	    "\"n\":2,\"sources\":1,\"missing\":0,\"age\":840}\n",
	    "energies are just summed" },
	{ "energy,max", { .slot.width = M, .interval = M, .unit = "kW" },
	    { "a \"t\":0,\"v\":500,\"u\":\"Wh\"" },
	    "{\"topic\":\"A\",\"t\":0,\"m\":{\"energy\":0.5,\"max\":0.5,"
	    "\"sum\":0.5},\"u\":{\"energy\":\"kWh\",\"max\":\"kWh\","
	    "\"sum\":\"kWh\"},\"w\":60,\"n\":1,\"sources\":1,"
	    "\"missing\":0,\"age\":60}\n",
	    "in the unit asked for, by the power of it" },
	{ "energy", { .slot.width = M, .interval = M },
	    { "a \"t\":0,\"w\":60,\"n\":2,\"v\":0.3,\"u\":\"Wh\"",
		"b \"t\":0,\"w\":60,\"n\":2,\"v\":0.2,\"u\":\"Wh\"" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":0.5,\"u\":\"Wh\",\"w\":60,"
	    "\"n\":4,\"sources\":2,\"missing\":0,\"age\":60}\n",
	    "energies aggregated again" },
	{ "energy", { .slot.width = M, .interval = M },
	    { "a \"t\":0,\"v\":1,\"u\":\"V\"" },
	    "refused: unit V is no power: no energy from the V of A\n",
	    "no energy of voltages" },
	{ "sum", { .slot.width = M, .per_source.how = CELL_MEAN },
	    { "a \"t\":0,\"v\":1", "a \"t\":10,\"v\":2", "b \"t\":5,\"v\":10" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":11.5,\"w\":60,\"n\":3,"
	    "\"sources\":2,\"missing\":0,\"age\":55}\n",
	    "mean of each source, then their sum" },
	{ "mean", { .slot.width = M, .per_source.how = CELL_LAST },
	    { "a \"t\":10,\"v\":4", "a \"t\":0,\"v\":2", "b \"t\":5,\"v\":10" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":7,\"w\":60,\"n\":3,\"values\":2,"
	    "\"sum\":14,\"sources\":2,\"missing\":0,\"age\":55}\n",
	    "last of each source, then their mean" },
	{ "energy", { .slot.width = 60 * M, .per_source.how = CELL_MEAN },
	    { "a \"t\":10,\"v\":40,\"u\":\"W\"",
		"a \"t\":0,\"v\":20,\"u\":\"W\"" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":30,\"u\":\"Wh\",\"w\":3600,\"n\":2,"
	    "\"sources\":1,\"missing\":0,\"age\":3590}\n",
	    "a source's mean stands for the whole window" },
	{ "sum", { .slot.width = M, .missing = 1 },
	    { "a \"t\":0,\"v\":1", "b \"t\":30,\"v\":1", "a \"t\":60,\"v\":1",
		"c \"t\":120,\"v\":1" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":2,\"w\":60,\"n\":2,\"sources\":2,"
	    "\"missing\":0,\"age\":60}\n"
	    "{\"topic\":\"A\",\"t\":60,\"v\":1,\"w\":60,\"n\":1,\"sources\":1,"
	    "\"missing\":1,\"age\":90,\"absent\":[\"b\"]}\n"
	    "{\"topic\":\"A\",\"t\":120,\"v\":1,\"w\":60,\"n\":1,\"sources\":1,"
	    "\"missing\":2,\"age\":150,\"absent\":[\"a\",\"b\"]}\n",
	    "sources that fall silent are missing, those to come are not" },
	{ "sum", { .slot.width = M, .missing = 1 },
	    { "?b", "a \"t\":0,\"v\":1" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":1,\"w\":60,\"n\":1,\"sources\":1,"
	    "\"missing\":1,\"age\":60,\"absent\":[\"b\"]}\n",
	    "an expected source is missing before its first reading" },
	{ "sum", { .slot.width = M, .grace = 30 * S },
	    { "a \"t\":0,\"v\":1", "a \"t\":89,\"v\":10", "a \"t\":59,\"v\":2",
		"a \"t\":90,\"v\":20", "a \"t\":59,\"v\":4" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":3,\"w\":60,\"n\":2,\"sources\":1,"
	    "\"missing\":0,\"age\":1}\n"
	    "late\n"
	    "{\"topic\":\"A\",\"t\":60,\"v\":30,\"w\":60,\"n\":2,\"sources\":1,"
	    "\"missing\":0,\"age\":30}\n",
	    "grace, and nothing kept after it" },
	{ "sum", { .slot.width = M, .keep = 5 * M },
	    { "a \"t\":0,\"v\":1", "a \"t\":60,\"v\":10", "a \"t\":1,\"v\":2",
		"b \"t\":2,\"v\":4", "a \"t\":120,\"v\":20",
		"a \"t\":3,\"v\":8" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":1,\"w\":60,\"n\":1,\"sources\":1,"
	    "\"missing\":0,\"age\":60}\n"
	    "{\"topic\":\"A\",\"t\":0,\"v\":7,\"w\":60,\"n\":3,\"sources\":2,"
	    "\"missing\":0,\"age\":59,\"rev\":1}\n"
	    "{\"topic\":\"A\",\"t\":60,\"v\":10,\"w\":60,\"n\":1,\"sources\":1,"
	    "\"missing\":1,\"age\":118}\n"
	    "{\"topic\":\"A\",\"t\":0,\"v\":15,\"w\":60,\"n\":4,\"sources\":2,"
	    "\"missing\":0,\"age\":58,\"rev\":2}\n"
	    "{\"topic\":\"A\",\"t\":120,\"v\":20,\"w\":60,\"n\":1,"
	    "\"sources\":1,\"missing\":1,\"age\":178}\n",
	    "late readings correct what was said, before what comes next" },
	{ "sum", { .slot.width = M, .keep = 5 * M },
	    { "a \"t\":0,\"v\":1", "a \"t\":600,\"v\":10",
		"a \"t\":301,\"v\":2", "a \"t\":299,\"v\":4" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":1,\"w\":60,\"n\":1,\"sources\":1,"
	    "\"missing\":0,\"age\":60}\n"
	    "late\n"
	    "{\"topic\":\"A\",\"t\":300,\"v\":2,\"w\":60,\"n\":1,"
	    "\"sources\":1,\"missing\":0,\"age\":59}\n"
	    "{\"topic\":\"A\",\"t\":600,\"v\":10,\"w\":60,\"n\":1,"
	    "\"sources\":1,\"missing\":0,\"age\":60}\n",
	    "a window that had nothing is no correction; keep has an end" },
	{ "sum", { .slot.width = M },
	    { "a \"t\":0,\"v\":1", "a \"t\":1000061,\"v\":1",
		"a \"t\":10,\"v\":1,\"q\":\"BAD\"",
		"a \"t\":10,\"v\":5,\"q\":\"MISSING\"",
		"a \"t\":10,\"v\":3,\"q\":\"ESTIMATED\"" },
	    "future\nunused\nunused\n"
	    "{\"topic\":\"A\",\"t\":0,\"v\":4,\"w\":60,\"n\":2,"
	    "\"q\":\"ESTIMATED\",\"estimated\":1,\"sources\":1,"
	    "\"missing\":0,\"age\":50}\n",
	    "ahead of the clock; quality" },
	{ "sum", { .slot.width = M },
	    { "a \"t\":0,\"vs\":\"on\"", "a \"t\":0,\"m\":{\"x\":1}",
		"a \"t\":0,\"enc\":\"AAAA\"",
		"a \"t\":0,\"v\":1e306,\"u\":\"GW\"" },
	    "refused: no number in v\n"
	    "refused: several values in m, none chosen\n"
	    "refused: its value is sealed\n"
	    "refused: number out of range\n",
	    "no numbers" },
	{ "sum", { .slot.width = M, .fields = { 1, { "load" }, 1 } },
	    { "a \"t\":0,\"m\":{\"load\":1,\"flex\":2},\"u\":{\"load\":\"kW\"}",
		"a \"t\":0,\"m\":{\"flex\":2}" },
	    "refused: m has no number load\n"
	    "{\"topic\":\"A\",\"t\":0,\"v\":1000,\"u\":\"W\",\"w\":60,\"n\":1,"
	    "\"sources\":1,\"missing\":0,\"age\":60}\n",
	    "one member of m" },
	{ "sum,max", { .slot.width = 5 * M },
	    { "a \"t\":0,\"v\":10,\"w\":60,\"n\":55",
		"a \"t\":60,\"v\":30,\"w\":60,\"n\":54" },
	    "{\"topic\":\"A\",\"t\":0,\"m\":{\"sum\":40,\"max\":30},\"w\":300,"
	    "\"n\":109,\"sources\":1,\"missing\":0,\"age\":240}\n",
	    "an aggregate's v is one value, of n readings" },
	{ "mean", { .slot.width = 5 * M },
	    { "a \"t\":0,\"v\":2,\"w\":60,\"n\":3,\"sum\":6",
		"a \"t\":60,\"v\":10,\"w\":60,\"n\":1,\"sum\":10" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":4,\"w\":300,\"n\":4,\"sum\":16,"
	    "\"sources\":1,\"missing\":0,\"age\":240}\n",
	    "the mean of means weighs them" },
	{ "sum", { .slot.width = 5 * M },
	    { "a \"t\":0,\"v\":2,\"w\":60,\"n\":3,\"sum\":6",
		"b \"t\":0,\"v\":10,\"w\":60,\"n\":1,\"sum\":10" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":12,\"w\":300,\"n\":4,"
	    "\"sources\":2,\"missing\":0,\"age\":300}\n",
	    "the sum of means does not" },
	{ "mean,min,max_at", { .slot.width = 5 * M },
	    { "a \"t\":0,\"m\":{\"sum\":6,\"min\":1,\"max\":9,\"max_at\":7},"
	      "\"u\":{\"sum\":\"kW\"},\"w\":60,\"n\":3",
		"a \"t\":60,\"m\":{\"sum\":10,\"min\":10,\"max\":10},"
		"\"u\":{\"sum\":\"kW\"},\"w\":60,\"n\":1",
		"a \"t\":120,\"m\":{\"sum\":10},\"u\":{\"sum\":\"kW\"},"
		"\"w\":60,\"n\":1" },
	    "refused: not in the partial aggregate\n"
	    "{\"topic\":\"A\",\"t\":0,\"m\":{\"mean\":4000,\"min\":1000,"
	    "\"max_at\":60,\"sum\":16000},\"u\":{\"mean\":\"W\",\"min\":\"W\","
	    "\"sum\":\"W\"},\"w\":300,\"n\":4,\"max\":10000,"
	    "\"sources\":1,\"missing\":0,\"age\":240}\n",
	    "partial aggregates are merged by name" },
	{ "sum", { .slot.width = 5 * M },
	    { "a \"t\":0,\"v\":10,\"w\":60,\"n\":1",
		"a \"t\":60,\"v\":5,\"w\":60,\"n\":1",
		"a \"t\":0,\"v\":12,\"w\":60,\"n\":2,\"rev\":2",
		"a \"t\":0,\"v\":11,\"w\":60,\"n\":2,\"rev\":1",
		"a \"t\":60,\"v\":5,\"w\":60,\"n\":1" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":17,\"w\":300,\"n\":3,\"sources\":1,"
	    "\"missing\":0,\"age\":240}\n",
	    "a revision replaces, a repetition does not add" },
	{ "sum", { .slot.width = M, .grace = 5 * S },
	    { "a \"t\":0,\"v\":1", "!1000000", "a \"t\":50,\"v\":2" },
	    "{\"topic\":\"A\",\"t\":0,\"v\":3,\"w\":60,\"n\":2,\"sources\":1,"
	    "\"missing\":0,\"age\":10}\n",
	    "a pause within old data closes nothing" },
	{ "sum", { .slot.width = M, .grace = 5 * S, .skew = M, .keep = M },
	    { "a \"t\":999950,\"v\":1", "!999964", "a \"t\":999959,\"v\":2",
		"!999965", "a \"t\":999958,\"v\":4" },
	    "{\"topic\":\"A\",\"t\":999900,\"v\":3,\"w\":60,\"n\":2,"
	    "\"sources\":1,\"missing\":0,\"age\":1}\n"
	    "{\"topic\":\"A\",\"t\":999900,\"v\":7,\"w\":60,\"n\":3,"
	    "\"sources\":1,\"missing\":0,\"age\":1,\"rev\":1}\n",
	    "live, the clock closes at end + grace" },
};

static void
drain(struct window_set *set, struct buf *out)
{
	while (window_next(set, out))
		buf_addc(out, '\n');
}

static uint32_t
input_of(struct window_set *set, const char *source)
{
	char result[2] = { *source < 'a' ? *source : 'A', '\0' };
	uint32_t input = names_find(window_topics(set), source, 1);

	return input != NAMES_NONE
	    ? input
	    : window_input(set, source, 1, result, 1, NULL, 0);
}

static void
feed(struct window_set *set, const char *in, struct buf *out)
{
	static const char *const words[] = { "", "", "unused\n", "late\n",
		"future\n", "refused: " };
	struct buf b = { 0 };
	struct event e;
	const char *why = "";
	enum window_result r;

	if (*in == '?') {
		window_expect(set, input_of(set, in + 1));
		return;
	}
	if (*in == '!') {
		window_idle(set, strtoll(in + 1, NULL, 10) * S);
		drain(set, out);
		return;
	}
	buf_addf(&b, "{\"topic\":\"X\",%s}", in + 2);
	if (event_scan(&e, b.p, b.len, &why) == -1) {
		buf_addf(out, "bad: %s\n", why);
		buf_fini(&b);
		return;
	}
	r = window_add(set, input_of(set, in), &e, &why);
	buf_adds(out, words[r]);
	if (r == WINDOW_REFUSED)
		buf_addf(out, "%s\n", why);
	drain(set, out);
	buf_fini(&b);
}

static void
run(const struct scenario *s, const int *order, size_t n, struct buf *out)
{
	struct window_rule rule = s->rule;
	const char *why;
	struct window_set *set;

	partial_wants(&rule.wants, s->stats, &why);
	set = window_new(&rule);
	for (size_t i = 0; i < n; i++)
		feed(set, s->in[order[i]], out);
	window_end(set);
	drain(set, out);
	window_free(set);
}

static void
check(const struct scenario *s, const char *got)
{
	if (strcmp(got, s->want) == 0) {
		passed++;
		return;
	}
	failed++;
	printf("test_window: %s:\n%s--- not\n%s", s->why, got, s->want);
}

/* With enough grace the order does not matter: all rotations agree. */
static void
check_orders(const struct scenario *s, size_t n)
{
	struct scenario patient = *s;
	struct buf first = { 0 };

	patient.rule.grace = 1000000 * S;
	for (size_t shift = 0; shift < n; shift++) {
		struct buf out = { 0 };
		int order[EVENTS_MAX];

		for (size_t i = 0; i < n; i++)
			order[i] = (int)((i * (n > 3 ? n - 1 : 1) + shift) % n);
		run(&patient, order, n, shift == 0 ? &first : &out);
		if (shift > 0 &&
		    strcmp(buf_cstr(&out), buf_cstr(&first)) != 0) {
			failed++;
			printf("test_window: order matters: %s:\n%s--- and\n%s",
			    s->why, out.p, first.p);
		}
		buf_fini(&out);
	}
	passed++;
	buf_fini(&first);
}

int
main(void)
{
	setenv("SG_NOW", "@1000000", 1);
	for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
		static const int order[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
			11 };
		const struct scenario *s = &scenarios[i];
		struct buf out = { 0 };
		size_t n = 0;

		while (n < EVENTS_MAX && s->in[n] != NULL)
			n++;
		run(s, order, n, &out);
		check(s, buf_cstr(&out));
		buf_fini(&out);
		if (*s->want == '{')
			check_orders(s, n);
	}
	printf("test_window: %d passed\n", passed);
	return failed != 0;
}
