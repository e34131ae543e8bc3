/* What a check says, in each format, and that nothing breaks out of it. */
#include "bus/health.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "event/json.h"

static const struct health_limits none = { NAN, NAN };

static void
same(struct health *h, enum health_format format, const char *want,
    const char *why)
{
	struct buf b = { 0 };

	health_print(h, format, &b);
	check(strcmp(buf_cstr(&b), want) == 0, "%s: %s: got %s", why,
	    health_formats[format], b.p);
	buf_fini(&b);
}

static void
test_worse(void)
{
	static const enum health_state order[] = { HEALTH_OK, HEALTH_WARNING,
		HEALTH_UNKNOWN, HEALTH_CRITICAL };

	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 4; k++)
			check(health_worse(order[i], order[k]) ==
				order[i > k ? i : k],
			    "%s or %s", health_name(order[i]),
			    health_name(order[k]));
}

static void
test_judge(void)
{
	const struct health_limits both = { 10, 20 };
	static const struct {
		double value;
		enum health_state want;
	} rows[] = { { 0, HEALTH_OK }, { 10, HEALTH_OK },
		{ 10.5, HEALTH_WARNING }, { 20, HEALTH_WARNING },
		{ 20.5, HEALTH_CRITICAL } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check(health_judge(rows[i].value, both) == rows[i].want,
		    "%f is %s", rows[i].value, health_name(rows[i].want));
	check(health_judge(1e9, none) == HEALTH_OK, "no limits");
}

static void
test_nothing(void)
{
	struct health h;

	health_init(&h, "lag");
	check(health_state(&h) == HEALTH_UNKNOWN, "nothing found is unknown");
	same(&h, HEALTH_TEXT, "unknown: nothing to look at\n", "nothing");
	same(&h, HEALTH_NAGIOS, "SG LAG UNKNOWN - nothing to look at\n",
	    "nothing");
	same(&h, HEALTH_JSON,
	    "{\"check\":\"lag\",\"state\":\"unknown\",\"code\":3,"
	    "\"findings\":[],\"figures\":[]}\n",
	    "nothing");
	same(&h, HEALTH_PROMETHEUS,
	    "# HELP sg_check_state 0 ok, 1 warning, 2 critical, 3 unknown.\n"
	    "# TYPE sg_check_state gauge\n"
	    "sg_check_state{check=\"lag\"} 3\n",
	    "nothing");
	health_fini(&h);
}

static void
add_figure(struct health *h, const char *name, const char *subject, double v,
    struct health_limits limits)
{
	health_figure(h,
	    &(struct health_figure){ .name = name,
		.help = "Help.",
		.unit = "s",
		.label = subject == NULL ? NULL : "url",
		.subject = subject,
		.value = v,
		.limits = limits });
}

/* Quotes, backslashes, bars, newlines, bytes that are no UTF-8. */
static void
test_escapes(void)
{
	struct health h;

	health_init(&h, "broker");
	health_find(
	    &h, HEALTH_WARNING, "a\"b\\c|d'e=f\ng", "x|y\n\"\xff\xc3\xa9");
	add_figure(&h, "up", "a\"b\\c|d'e=f\ng", 1, none);
	same(&h, HEALTH_TEXT, "warning: a\"b\\c|d'e=f?g: x|y?\"?\xc3\xa9\n",
	    "escapes");
	same(&h, HEALTH_NAGIOS,
	    "SG BROKER WARNING - a\"b\\c/d'e=f?g: x/y?\"?\xc3\xa9 |"
	    " 'up a\"b\\c/d''e_f?g'=1s\n",
	    "escapes");
	same(&h, HEALTH_JSON,
	    "{\"check\":\"broker\",\"state\":\"warning\",\"code\":1,"
	    "\"findings\":[{\"state\":\"warning\","
	    "\"subject\":\"a\\\"b\\\\c|d'e=f?g\","
	    "\"text\":\"x|y?\\\"?\xc3\xa9\"}],"
	    "\"figures\":[{\"name\":\"up\",\"url\":\"a\\\"b\\\\c|d'e=f?g\","
	    "\"value\":1,\"unit\":\"s\"}]}\n",
	    "escapes");
	same(&h, HEALTH_PROMETHEUS,
	    "# HELP sg_check_state 0 ok, 1 warning, 2 critical, 3 unknown.\n"
	    "# TYPE sg_check_state gauge\n"
	    "sg_check_state{check=\"broker\"} 1\n"
	    "# HELP sg_up Help.\n# TYPE sg_up gauge\n"
	    "sg_up{url=\"a\\\"b\\\\c|d'e=f?g\"} 1\n",
	    "escapes");
	health_fini(&h);
}

/* All samples of a name under one HELP; limits where they have a place. */
static void
test_groups(void)
{
	struct health h;

	health_init(&h, "lag");
	health_find(&h, HEALTH_OK, "a", "fine");
	add_figure(&h, "one", "a", 1.5, (struct health_limits){ 2, NAN });
	add_figure(&h, "two", NULL, 3, (struct health_limits){ NAN, 4 });
	add_figure(&h, "one", "b", 2.5, (struct health_limits){ 2, 3 });
	same(&h, HEALTH_NAGIOS,
	    "SG LAG OK - a: fine | 'one a'=1.5s;2; 'two'=3s;;4"
	    " 'one b'=2.5s;2;3\n",
	    "groups");
	same(&h, HEALTH_PROMETHEUS,
	    "# HELP sg_check_state 0 ok, 1 warning, 2 critical, 3 unknown.\n"
	    "# TYPE sg_check_state gauge\n"
	    "sg_check_state{check=\"lag\"} 0\n"
	    "# HELP sg_one Help.\n# TYPE sg_one gauge\n"
	    "sg_one{url=\"a\"} 1.5\nsg_one{url=\"b\"} 2.5\n"
	    "# HELP sg_two Help.\n# TYPE sg_two gauge\nsg_two 3\n",
	    "groups");
	health_fini(&h);
}

/* Nagios' first line tells what is worst, and not everything. */
static void
test_summary(void)
{
	struct health h;

	health_init(&h, "stale");
	health_find(&h, HEALTH_OK, "", "fine");
	for (int i = 1; i <= 5; i++)
		health_find(&h, HEALTH_CRITICAL, "", "bad %d", i);
	health_find(&h, HEALTH_UNKNOWN, "", "who knows");
	same(&h, HEALTH_NAGIOS,
	    "SG STALE CRITICAL - bad 1; bad 2; bad 3; and 2 more\n", "summary");
	health_fini(&h);
}

/* Whatever bytes come from outside, JSON stays JSON and one line. */
static void
test_bytes(void)
{
	for (int round = 0; round < 2000; round++) {
		struct buf b = { 0 };
		char text[24];
		const char *why = "";
		struct health h;
		size_t n = (size_t)rand() % (sizeof text - 1);

		for (size_t i = 0; i < n; i++)
			text[i] = (char)(1 + rand() % 255);
		text[n] = '\0';
		health_init(&h, "keys");
		health_find(&h, HEALTH_OK, text, "%s", text);
		add_figure(&h, "f", text, 1, none);
		health_print(&h, HEALTH_JSON, &b);
		check(json_check(b.p, b.len, &why) == JSON_OBJECT,
		    "round %d: %s", round, why);
		buf_clear(&b);
		health_print(&h, HEALTH_NAGIOS, &b);
		check(memchr(b.p, '\n', b.len) == b.p + b.len - 1,
		    "round %d: a line break", round);
		buf_fini(&b);
		health_fini(&h);
	}
}

int
main(void)
{
	test_worse();
	test_judge();
	test_nothing();
	test_escapes();
	test_groups();
	test_summary();
	srand(1);
	test_bytes();
	return check_done();
}
