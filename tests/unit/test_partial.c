/*
 * Partial aggregates: printed, read again and merged they are what all
 * readings are, whatever tree they go through; and what is refused.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "event/event.h"
#include "grid/reading.h"

enum { READINGS = 40, FIELDS = 2 };

static const struct tally_times times = { 60000000, 900000000 };
static const struct tally_scale plain = { 1, 0 };

static uint32_t seed = 3;

static uint32_t
number(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* What aggregates one group: a window of one node of the tree. */
struct node {
	const struct partial_wants *wants;
	const struct partial_fields *fields;
	size_t nfields;
	struct tally tally[FIELDS];
};

static void
node_take(struct node *node, const char *line)
{
	struct event e;
	struct reading r;
	const char *why = "";

	check(
	    event_scan(&e, line, strlen(line), &why) == 0, "%s: %s", line, why);
	if (reading_take(&r, &e, node->fields, node->wants, &why) != 1) {
		check(0, "%s: %s", line, why);
		return;
	}
	for (size_t f = 0; f < node->nfields; f++) {
		struct tally t = { 0 };

		if (!(r.have >> f & 1))
			continue;
		why = reading_tally(&r, node->fields, node->wants, f,
		    node->wants->parts, &plain, &t);
		check(why == NULL, "%s: %s", line, why);
		if (why == NULL)
			tally_merge(&node->tally[f], node->wants->parts, &t);
		tally_fini(&t);
	}
}

/* Its line, and it is empty again; 0 if it has nothing to say. */
static int
node_line(struct node *node, struct buf *b)
{
	struct partial_field field[FIELDS];
	int some = 0;

	for (size_t f = 0; f < node->nfields; f++) {
		field[f] = (struct partial_field){ &node->tally[f], "W", 1 };
		some |= node->tally[f].values > 0;
	}
	b->len = 0;
	if (some) {
		buf_adds(b, "{\"topic\":\"A\",\"t\":0");
		partial_print(node->wants, node->fields, field, &times, b);
		buf_addc(b, '}');
	}
	for (size_t f = 0; f < node->nfields; f++)
		tally_fini(&node->tally[f]);
	buf_cstr(b);
	return some;
}

static void
make_number(char *text, size_t size)
{
	static const char *const odd[] = { "0", "-0.0", "1e-9", "1e20",
		"123456789012345678901234.5", "0.1234567890123456789",
		"-99999999999999999999.000000000001", "1e-30" };

	switch (number(8)) {
	case 0:
		snprintf(
		    text, size, "%s", odd[number(sizeof odd / sizeof *odd)]);
		break;
	case 1:
		snprintf(text, size, "-%u.%03u", number(1000), number(1000));
		break;
	case 2: snprintf(text, size, "%u", number(5)); break;
	default: snprintf(text, size, "%u.%u", number(100000), number(100));
	}
}

static void
make_line(char *text, size_t size, int several)
{
	char a[64], b[64];
	const char *q = number(9) == 0 ? ",\"q\":\"ESTIMATED\"" : "";

	make_number(a, sizeof a);
	make_number(b, sizeof b);
	if (!several)
		snprintf(text, size,
		    "{\"topic\":\"A\",\"t\":%u.%u,\"v\":%s,\"u\":\"W\"%s}",
		    number(50), number(1000), a, q);
	else if (number(4) == 0)
		snprintf(text, size,
		    "{\"topic\":\"A\",\"t\":%u,\"m\":{\"load\":%s}%s}",
		    number(50), a, q);
	else
		snprintf(text, size,
		    "{\"topic\":\"A\",\"t\":%u,\"m\":{\"x\":1,\"dn.y\":%s,"
		    "\"load\":%s}%s}",
		    number(50), b, a, q);
}

/* A tree whose leaves take readings: each node's line goes to its parent. */
static void
grow(struct node *into, char lines[][256], size_t n, int depth)
{
	struct node node = *into;
	struct buf b = { 0 };

	memset(node.tally, 0, sizeof node.tally);
	for (size_t i = 0, some; i < n; i += some) {
		some = 1 + number((uint32_t)(n - i));
		if (depth == 0 || number(4) == 0)
			for (size_t k = 0; k < some; k++)
				node_take(&node, lines[i + k]);
		else
			grow(&node, lines + i, some, depth - 1);
	}
	if (node_line(&node, &b))
		node_take(into, b.p);
	buf_fini(&b);
}

static void
make_wants(struct partial_wants *wants)
{
	static const char *const names[] = { "sum", "mean", "min", "max",
		"first", "last", "min_at", "max_at", "first_at", "last_at",
		"count", "stddev", "p50", "p99.9", "p0", "power" };
	struct buf b = { 0 };
	const char *why;
	size_t n = sizeof names / sizeof *names, from = number((uint32_t)n);
	size_t some = number(2) ? 1 : 1 + number((uint32_t)n);

	/* Alone they are of another unit than what they are made of. */
	do {
		b.len = 0;
		for (size_t i = 0; i < some; i++)
			buf_addf(
			    &b, i == 0 ? "%s" : ",%s", names[(from + i) % n]);
		from = (from + 1) % n;
	} while (some == 1 &&
	    (strcmp(buf_cstr(&b), "power") == 0 ||
		strstr(buf_cstr(&b), "_at") != NULL ||
		strcmp(buf_cstr(&b), "count") == 0));
	check(partial_wants(wants, buf_cstr(&b), &why) == 0, "%s", b.p);
	buf_fini(&b);
}

static void
test_trees(void)
{
	for (int round = 0; round < 2000; round++) {
		char lines[READINGS][256];
		struct partial_wants wants;
		struct partial_fields fields = { 0 };
		struct node flat = { .wants = &wants,
			.fields = &fields,
			.nfields = 1 },
			    tree;
		struct buf a = { 0 }, b = { 0 };
		size_t n = 1 + number(READINGS);
		int several = (int)number(2);
		const char *why;

		make_wants(&wants);
		if (several) {
			partial_fields(&fields, "m.load,m.dn.y", &why);
			flat.nfields = 2;
		}
		tree = flat;
		for (size_t i = 0; i < n; i++) {
			make_line(lines[i], sizeof lines[i], several);
			node_take(&flat, lines[i]);
		}
		for (int i = 0; i < 2; i++)
			grow(&tree, lines + (i == 0 ? 0 : n / 2),
			    i == 0 ? n / 2 : n - n / 2, (int)number(4));
		node_line(&flat, &a);
		node_line(&tree, &b);
		check(a.len > 0 && strcmp(a.p, b.p) == 0, "round %d:\n%s\n%s",
		    round, a.p, b.p);
		buf_fini(&a);
		buf_fini(&b);
	}
}

static const struct {
	const char *fields, *wants, *in, *want, *why;
} lines[] = {
	{ NULL, "mean", "\"v\":2,\"u\":\"W\"",
	    "\"v\":2,\"u\":\"W\",\"w\":900,\"n\":1,\"sum\":2", "a mean" },
	{ NULL, "sum", "\"v\":1234567890123456789",
	    "\"v\":1234567890123456800,\"u\":\"W\",\"w\":900,\"n\":1,"
	    "\"exact\":\"1234567890123456789\"",
	    "what is rounded has all digits beside it" },
	{ NULL, "stddev", "\"v\":3",
	    "\"v\":0,\"u\":\"W\",\"w\":900,\"n\":1,\"sum\":3,\"sq\":\"9\"",
	    "one value deviates by nothing" },
	{ NULL, "p50", "\"v\":0",
	    "\"v\":0,\"u\":\"W\",\"w\":900,\"n\":1,\"sketch\":\"AQAB\"",
	    "a sketch" },
	{ NULL, "last", "\"v\":5",
	    "\"v\":5,\"u\":\"W\",\"w\":900,\"n\":1,\"last_at\":7",
	    "the last of several is told by its time" },
	{ NULL, "max_at,count", "\"v\":5",
	    "\"m\":{\"max_at\":7,\"count\":1},\"u\":{\"max\":\"W\"},"
	    "\"w\":900,\"n\":1,\"max\":5",
	    "the time of the greatest needs it" },
	{ "m.a,m.b", "sum", "\"m\":{\"a\":1,\"b\":2}",
	    "\"m\":{\"a\":1,\"b\":2},\"u\":{\"a\":\"W\",\"b\":\"W\"},"
	    "\"w\":900,\"n\":1",
	    "several fields" },
	{ "m.a,m.b", "sum,max", "\"m\":{\"a\":1,\"b\":2}",
	    "\"m\":{\"a.sum\":1,\"a.max\":1,\"b.sum\":2,\"b.max\":2},\"u\":{"
	    "\"a.sum\":\"W\",\"a.max\":\"W\",\"b.sum\":\"W\",\"b.max\":\"W\"},"
	    "\"w\":900,\"n\":1",
	    "several of both" },
	{ "m.a,m.b", "sum", "\"m\":{\"b\":2},\"q\":\"ESTIMATED\"",
	    "\"m\":{\"b\":2},\"u\":{\"b\":\"W\"},\"w\":900,\"n\":1,"
	    "\"q\":\"ESTIMATED\",\"estimated\":{\"b\":1}",
	    "one of them is not there" },
	{ "m.a,m.b", "sum",
	    "\"m\":{\"a\":1,\"b\":2},\"w\":1,\"n\":5,\"counts\":{\"a\":5,"
	    "\"b\":3}",
	    "\"m\":{\"a\":1,\"b\":2},\"u\":{\"a\":\"W\",\"b\":\"W\"},"
	    "\"w\":900,\"n\":5,\"counts\":{\"a\":5,\"b\":3}",
	    "counts that differ" },
	{ "v,m.b", "sum", "\"v\":4",
	    "\"m\":{\"v\":4},\"u\":{\"v\":\"W\"},\"w\":900,\"n\":1",
	    "v is one of them" },
	{ NULL, "sum", "\"m\":{\"a\":1}",
	    "refused: several values in m, none chosen", "no field" },
	{ "m.a", "sum", "\"m\":{\"b\":1}", "refused: m has no number a",
	    "another field" },
	{ "m.a,m.b", "sum", "\"m\":{\"c\":1}", "refused: none of the fields",
	    "other fields" },
	{ NULL, "sum", "\"v\":1,\"q\":\"BAD\"", "unused", "bad" },
	{ NULL, "sum", "\"v\":1,\"q\":\"MISS\\u0049NG\"", "unused",
	    "missing, escaped" },
	{ NULL, "sum", "\"v\":1,\"w\":1,\"n\":0", "unused", "of nothing" },
	{ NULL, "mean", "\"v\":1,\"w\":1,\"n\":1,\"values\":0", "unused",
	    "of no values" },
	{ NULL, "mean", "\"v\":1,\"w\":1,\"n\":1000000000001",
	    "refused: n is out of range", "too many" },
	{ NULL, "stddev", "\"v\":1,\"w\":1,\"n\":2,\"sum\":4,\"sq\":\"7\"",
	    "refused: sq is too small for its sum", "impossible squares" },
	{ NULL, "stddev", "\"v\":1,\"w\":1,\"n\":2,\"sum\":4,\"sq\":\"x\"",
	    "refused: number out of range", "no number" },
	{ NULL, "stddev", "\"v\":1,\"w\":1,\"n\":2,\"sum\":4,\"sq\":9",
	    "refused: not in the partial aggregate", "no string" },
	{ NULL, "p50", "\"v\":1,\"w\":1,\"n\":2,\"sketch\":\"AQAB\"",
	    "refused: sketch of other values", "not as many" },
	{ NULL, "p50", "\"v\":1,\"w\":1,\"n\":2,\"sketch\":\"AQAA\"",
	    "refused: no sketch", "damaged" },
	{ NULL, "p50", "\"v\":1e30", "refused: number out of range",
	    "too great for a sketch" },
	{ NULL, "stddev", "\"v\":1e154", "refused: number out of range",
	    "too great for a square" },
	{ NULL, "stddev,p50", "\"m\":{\"stddev\":1},\"w\":1,\"n\":2",
	    "refused: not in the partial aggregate", "lacks its sum" },
	{ "m.a,m.b", "sum",
	    "\"m\":{\"a\":1},\"w\":1,\"n\":5,\"counts\":{\"a\":-1}",
	    "refused: count out of range", "a count that is none" },
	{ NULL, "sum,min_at",
	    "\"m\":{\"sum\":1,\"min_at\":1e300},\"min\":1,"
	    "\"w\":1,\"n\":5",
	    "refused: time out of range", "a time" },
};

static void
take_line(const struct partial_fields *fields,
    const struct partial_wants *wants, const char *line, struct buf *b)
{
	struct node node = { .wants = wants,
		.fields = fields,
		.nfields = fields->n > 0 ? fields->n : 1 };
	struct event e;
	struct reading r;
	const char *why = "";
	int taken;

	check(
	    event_scan(&e, line, strlen(line), &why) == 0, "%s: %s", line, why);
	taken = reading_take(&r, &e, fields, wants, &why);
	for (size_t f = 0; taken == 1 && f < node.nfields; f++) {
		if (!(r.have >> f & 1))
			continue;
		why = reading_tally(
		    &r, fields, wants, f, wants->parts, &plain, &node.tally[f]);
		taken = why == NULL ? 1 : -1;
	}
	if (taken == 1) {
		node_line(&node, b);
		buf_cut(b, strlen("{\"topic\":\"A\",\"t\":0,"));
		b->len--;
	} else {
		for (size_t f = 0; f < node.nfields; f++)
			tally_fini(&node.tally[f]);
		buf_addf(b, taken == 0 ? "unused" : "refused: %s", why);
	}
	buf_cstr(b);
}

static void
test_lines(void)
{
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct partial_fields fields = { 0 };
		struct partial_wants wants;
		struct buf in = { 0 }, b = { 0 };
		const char *why;

		if (lines[i].fields != NULL)
			partial_fields(&fields, lines[i].fields, &why);
		partial_wants(&wants, lines[i].wants, &why);
		buf_addf(&in, "{\"topic\":\"A\",\"t\":7,%s}", lines[i].in);
		take_line(&fields, &wants, buf_cstr(&in), &b);
		check(strcmp(b.p, lines[i].want) == 0, "%s: %s:\n%s\nnot\n%s",
		    lines[i].in, lines[i].why, b.p, lines[i].want);
		buf_fini(&in);
		buf_fini(&b);
	}
}

static void
test_names(void)
{
	static const struct {
		const char *in, *why; /* NULL: fine */
	} fields[] = {
		{ "v", NULL },
		{ "m.load", NULL },
		{ "m.load,m.flex_dn,v", NULL },
		{ "", "neither v nor m.NAME" },
		{ "m.", "neither v nor m.NAME" },
		{ "d.x", "neither v nor m.NAME" },
		{ "v,", "neither v nor m.NAME" },
		{ "v,v", "the same name twice" },
		{ "v,m.v", "the same name twice" },
		{ "m.a\"b", "character that no name here can have" },
		{ "m.1,m.2,m.3,m.4,m.5,m.6,m.7,m.8,m.9",
		    "more than 8 fields" },
	}, wants[] = {
		{ "sum", NULL },
		{ "p0,p100,p99.99,p0.0001", NULL },
		{ "", "no statistic \"\"" },
		{ "sum,", "no statistic \"\"" },
		{ "sum,sum", "sum twice" },
		{ "p", "no statistic \"p\"" },
		{ "p101", "no statistic \"p101\"" },
		{ "p-1", "no statistic \"p-1\"" },
		{ "p050", "no statistic \"p050\"" },
		{ "p50.0", "no statistic \"p50.0\"" },
		{ "p0.00001", "no statistic \"p0.00001\"" },
		{ "p99999999999999", "no statistic \"p99999999999999\"" },
		{ "median", "no statistic \"median\"" },
	};
	struct partial_fields f;
	struct partial_wants w;

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const char *why = NULL;

		partial_fields(&f, fields[i].in, &why);
		check((why == NULL) == (fields[i].why == NULL) &&
			(why == NULL || strcmp(why, fields[i].why) == 0),
		    "%s: %s", fields[i].in, why);
	}
	for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
		const char *why = NULL;

		partial_wants(&w, wants[i].in, &why);
		check((why == NULL) == (wants[i].why == NULL) &&
			(why == NULL || strcmp(why, wants[i].why) == 0),
		    "%s: %s", wants[i].in, why);
	}
}

int
main(void)
{
	test_names();
	test_lines();
	test_trees();
	return check_done();
}
