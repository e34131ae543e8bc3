/* Marks, as they travel in pipes and as the broker stores them. */
#include <string.h>

#include "bus/mark.h"
#include "check.h"

#define HEAD "{\"topic\":\"$SG/MARK\",\"t\":1795388400.123,\"d\":"
#define BODY "\"name\":\"agg\",\"id\":\"17.4\",\"cursor\":{\"a.1795\":812}"
#define STORED                                                       \
	"{\"topic\":\"$SG/MARK/0123456789abcdef/fedcba9876543210\"," \
	"\"t\":1795388400,\"d\":"

static const struct {
	const char *in;
	const char *want; /* what is wrong, or NULL */
	const char *why;
} cases[] = {
	{ HEAD "{" BODY "}}", NULL, "the least" },
	{ HEAD "{" BODY ",\"committed\":\"17.3\"}}", NULL, "one durable" },
	{ HEAD "{" BODY ",\"done\":true,\"n\":9}}", NULL, "done" },
	{ HEAD "{" BODY ",\"done\":true,\"n\":0}}", NULL, "never any" },
	{ HEAD "{" BODY ",\"done\":false,\"new\":[1]}}", NULL,
	    "a member of tomorrow's" },
	{ "{ \"d\": {" BODY "}, \"t\": 1, \"topic\": \"$SG/MARK\" }", NULL,
	    "written by another program" },
	{ STORED "{" BODY "},\"seq\":7}", NULL, "from the broker" },
	{ STORED "{\"name\":\"agg\",\"deleted\":true},\"seq\":7}", NULL,
	    "a deletion" },
	{ STORED "{" BODY "}}", "mark: stored without seq", "no number" },
	{ STORED "{" BODY "},\"seq\":0}", "mark: stored without seq",
	    "number 0" },
	{ "{\"topic\":\"$SG/MARKET\",\"t\":1,\"d\":{" BODY "}}",
	    "mark: another topic", "another topic" },
	{ "{\"topic\":\"$SG/MARK\",\"d\":{" BODY "}}", "mark: no topic, t or d",
	    "no time" },
	{ HEAD "7}", "d: not an object", "d is a number" },
	{ "{\"topic\":\"$SG/MARK\",\"t\":1,\"v\":1}", "mark: no topic, t or d",
	    "no d" },
	{ HEAD "{}}", "mark: no name", "empty" },
	{ HEAD "{\"name\":\"a b\"}}", "mark: name", "a blank in the name" },
	{ HEAD "{\"name\":7}}", "mark: name", "a number as name" },
	{ HEAD "{\"name\":\"a\",\"id\":\"1\"}}", "mark: no cursor",
	    "no cursor" },
	{ HEAD "{\"name\":\"a\",\"cursor\":{}}}", "mark: no id", "no id" },
	{ HEAD "{\"name\":\"a\",\"cursor\":{\"a\":1}}}", "mark: cursor",
	    "no log id" },
	{ HEAD "{\"name\":\"a\",\"id\":\"a\\\"b\"}}", "mark: id",
	    "an id with a quote" },
	{ HEAD "{\"name\":\"a\",\"id\":\"\"}}", "mark: id", "an empty id" },
	{ HEAD "{\"name\":\"a\",\"id\":\"01234567890123456789012345678901234567"
	       "890123456789012345678901234\"}}",
	    "mark: id", "65 bytes" },
	{ HEAD "{" BODY ",\"done\":1}}", "mark: done", "done is a number" },
	{ HEAD "{" BODY ",\"n\":-1}}", "mark: n", "n below zero" },
	{ HEAD "{" BODY ",\"committed\":null}}", "mark: committed", "null" },
};

static void
test_parse(void)
{
	static struct mark m;
	const char *why;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int got;
		why = NULL;
		got = mark_parse(&m, cases[i].in, strlen(cases[i].in), &why);
		check(got == (cases[i].want ? -1 : 0) &&
			(got == 0 || strcmp(why, cases[i].want) == 0 ||
			    strncmp(cases[i].want, "mark", 4) != 0),
		    "%s: %d %s", cases[i].why, got, why ? why : "");
	}
}

static void
test_members(void)
{
	static struct mark m;
	const char *why;
	const char *in = STORED "{" BODY "},\"seq\":7}";

	check(mark_parse(&m, in, strlen(in), &why) == 0 && m.done && m.n == 7 &&
		!m.anew && !m.deleted && m.t == 1795388400 * (int64_t)1000000 &&
		strcmp(m.name, "agg") == 0 && strcmp(m.id, "17.4") == 0 &&
		m.cursor.n == 1 && m.cursor.at[0].n == 812 &&
		m.cursor.at[0].start == 1795,
	    "a stored mark");
	in = HEAD "{" BODY ",\"done\":true,\"n\":0}}";
	check(mark_parse(&m, in, strlen(in), &why) == 0 && m.anew,
	    "number 0: the flow begins");
	check(
	    m.dn == strlen("{" BODY ",\"done\":true,\"n\":0}") && m.d[0] == '{',
	    "its text");
}

/* What is printed reads back as the same. */
static void
test_add(void)
{
	static const char *const lines[] = {
		HEAD "{" BODY "}}",
		HEAD "{" BODY ",\"done\":true,\"n\":9,\"committed\":\"1.1\"}}",
		HEAD "{" BODY ",\"done\":true,\"n\":9,\"anew\":true}}",
		HEAD "{" BODY ",\"done\":true,\"n\":9,\"ahead\":3,"
		     "\"lead\":true}}",
		HEAD "{" BODY ",\"idle\":true,\"committed\":\"1.1\"}}",
		HEAD "{" BODY ",\"end\":true,\"committed\":\"1.1\"}}",
	};
	static struct mark m;
	struct buf b = { 0 };
	const char *why;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		buf_clear(&b);
		check(mark_parse(&m, lines[i], strlen(lines[i]), &why) == 0,
		    "line %zu", i);
		mark_add(&b, &m, NULL);
		check(b.len == strlen(lines[i]) &&
			memcmp(b.p, lines[i], b.len) == 0,
		    "line %zu: %.*s", i, (int)b.len, b.p);
	}
	buf_clear(&b);
	mark_add(&b, &m, ",\"x\":[1]");
	check(mark_parse(&m, b.p, b.len, &why) == 0 &&
		strstr(buf_cstr(&b), "\"x\":[1]}}") != NULL,
	    "with more");
	buf_fini(&b);
}

int
main(void)
{
	test_parse();
	test_members();
	test_add();
	return check_done();
}
