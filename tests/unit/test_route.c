#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "event/event.h"
#include "grid/join.h"
#include "grid/route.h"
#include "grid/window.h"

static int passed, failed;

static const char table[] = "meter,feeder,region,odd\r\n"
			    "a,F1,\"East, England\",x y\r\n"
			    "b,F2,Wales\r\n"
			    "\xc3\xa9,F3,,\r\n";

static const struct {
	const char *from, *to, *source, *key, *capture;
	const char *topic;
	const char *want; /* result topic and source, or the reason */
	const char *why;
} cases[] = {
	{ "M/{m}/Load", "A/{m}", NULL, NULL, NULL, "M/a/Load", "A/a M/a/Load",
	    "a capture" },
	{ "M/{m}/{what}", "A/{what}/{m}.x", "{m}", "meter", "m", "M/a/Load",
	    "A/Load/a.x a", "a source of several topics" },
	{ "M/{m}/Load", "A/{feeder}", NULL, "meter", NULL, "M/b/Load",
	    "A/F2 M/b/Load", "a column" },
	{ "M/{m}/Load", "A/{region}", NULL, "meter", NULL, "M/a/Load",
	    "A/East__England M/a/Load", "a comma and a blank become _" },
	{ "M/{f}/Load", "A/{meter}", NULL, "feeder", NULL, "M/F1/Load",
	    "A/a M/F1/Load", "by another column" },
	{ "M/{x}/{feeder}", "A/{meter}", NULL, "feeder", NULL, "M/q/F2",
	    "A/b M/q/F2", "the capture with the column's name" },
	{ "M/{x}/{y}", "A/{meter}", NULL, "feeder", NULL, "M/q/F2",
	    "which capture finds the row? FILE:COLUMN={capture} says it",
	    "none of several captures is named" },
	{ "M/{m}/Load", "A/{feeder}", NULL, "meter", NULL, "M/c/Load",
	    "M/c/Load: not in the joined table", "no row" },
	{ "M/{m}/Load", "A/{odd}", NULL, "meter", NULL, "M/b/Load",
	    "M/b/Load: an empty cell in the joined table",
	    "a row that is too short" },
	{ "M/{m}/Load", "A/{m}", NULL, NULL, NULL, "M/a/Volt", "other",
	    "another topic" },
	{ "M/{m}/Load", "A/{n}", NULL, NULL, NULL, "M/a/Load",
	    "{n} is neither captured nor a column", "unknown name" },
	{ "M/{m}/Load", "A/{m", NULL, NULL, NULL, "M/a/Load", "unmatched brace",
	    "open brace" },
	{ "M/{m}/Load", "A/m}", NULL, NULL, NULL, "M/a/Load", "unmatched brace",
	    "closing brace" },
	{ "M/{m}/Load", "A//{m}", NULL, NULL, NULL, "M/a/Load",
	    "M/a/Load: empty level", "no topic" },
	{ "M/{m}/Load", "A/{m}", "\"{m}", NULL, NULL, "M/a/Load",
	    "M/a/Load: character other than A-Z a-z 0-9 . _ : @ -",
	    "a source that would break the line" },
	{ "M/{m}/Load", "A", NULL, "nowhere", NULL, "M/a/Load",
	    "no column nowhere", "unknown column" },
};

/* The topic of what comes out of a reading that goes in. */
static void
describe(struct window_set *set, uint32_t input, struct buf *b)
{
	static const char line[] =
	    "{\"topic\":\"X\",\"t\":0,\"v\":1,\"u\":\"W\"}";
	struct buf out = { 0 };
	struct event e;
	const char *why, *topic;

	if (event_scan(&e, line, sizeof line - 1, &why) == 0)
		window_add(set, input, &e, &why);
	window_end(set);
	while (window_next(set, &out))
		continue;
	topic = buf_cstr(&out) + strlen("{\"topic\":\"");
	buf_add(b, topic, strcspn(topic, "\""));
	buf_fini(&out);
}

static void
find(const struct window_rule *windows, const struct route_rule *rule,
    const char *topic, struct buf *b)
{
	struct window_set *set = window_new(windows);
	uint32_t input, again;
	const char *why = "";
	struct route *route = route_new(rule, set, &why);

	if (route == NULL) {
		buf_adds(b, why);
		window_free(set);
		return;
	}
	switch (route_find(route, topic, strlen(topic), &input, &why)) {
	case ROUTE_FOUND:
		if (route_find(route, topic, strlen(topic), &again, &why) !=
			ROUTE_FOUND ||
		    again != input)
			buf_adds(b, "not the same again: ");
		describe(set, input, b);
		buf_addc(b, ' ');
		buf_adds(b, window_source(set, input));
		break;
	case ROUTE_OTHER: buf_adds(b, "other"); break;
	default:
		buf_adds(b, why);
		if (route_find(route, topic, strlen(topic), &input, &why) !=
		    ROUTE_AGAIN)
			buf_adds(b, ", and again");
	}
	route_free(route);
	window_free(set);
}

static void
check(size_t i, const char *path)
{
	struct window_rule windows = { .slot.width = 1000000 };
	struct route_rule rule = { .from = &cases[i].from,
		.nfrom = 1,
		.to = cases[i].to,
		.source = cases[i].source,
		.capture = cases[i].capture,
		.topics_max = 100 };
	struct join *join = NULL;
	const char *why = "";
	struct buf b = { 0 };

	partial_one(&windows.wants, TALLY_SUM);
	if (cases[i].key != NULL) {
		join = join_open(path, cases[i].key, &why);
		rule.join = join;
	}
	if (cases[i].key != NULL && join == NULL)
		buf_adds(&b, why);
	else
		find(&windows, &rule, cases[i].topic, &b);
	if (strcmp(buf_cstr(&b), cases[i].want) == 0)
		passed++;
	else {
		failed++;
		printf("test_route: %s: %s, not %s\n", cases[i].why, b.p,
		    cases[i].want);
	}
	join_close(join);
	buf_fini(&b);
}

int
main(void)
{
	char path[] = "/tmp/test_route.XXXXXX";
	int fd = mkstemp(path);

	if (fd == -1 ||
	    write(fd, table, sizeof table - 1) != (ssize_t)sizeof table - 1) {
		perror(path);
		return 1;
	}
	close(fd);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check(i, path);
	unlink(path);
	printf("test_route: %d passed\n", passed);
	return failed != 0;
}
