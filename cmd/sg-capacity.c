/*
 * sg-capacity tells how many customers a link carries and how many subsystems
 * an area needs: the tables of the paper, checked, and the same for one's own
 * links and messages.  The first operand is what to tell.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/stats.h"
#include "event/line.h"
#include "event/table.h"
#include "grid/capacity_table.h"
#include "grid/traffic_table.h"

#define UNSET INT64_C(-1)

static struct {
	const char *bytes, *overhead, *density, *effective, *links, *regions;
	const char *dead;
	struct opt_list link;
	int64_t interval, fanout, customers, batch;
	int format, mega, rounding, table, check, strict, stats;
} o = {
	.interval = UNSET,
	.fanout = UNSET,
	.customers = UNSET,
	.batch = UNSET,
	.format = -1,
	.mega = -1,
	.rounding = -1,
	.table = -1,
};

static const char *const megas[] = { "1e6", "2^20", NULL };
static const char *const roundings[] = { "paper", "floor", "half-up", NULL };
static const char *const tables[] = { "table1", "table2", "table3", NULL };

static const struct opt options[] = {
	{ 'f', "format", OPT_CHOICE, "FORMAT", "pretty at a terminal, else csv",
	    &o.format, NULL, table_formats },
	{ 0, "check-paper", OPT_FLAG, NULL,
	    "compare the paper's figures with its formulas", &o.check },
	{ 0, "bytes", OPT_STRING, "N", "of a message (800)", &o.bytes },
	{ 0, "overhead", OPT_STRING, "N", "bytes around each message (0)",
	    &o.overhead },
	{ 0, "interval", OPT_DURATION, "DUR",
	    "each customer sends once (table1: 1s, else 1m)", &o.interval },
	{ 0, "mega", OPT_CHOICE, "N", "bit/s in a Mbit/s", &o.mega, NULL,
	    megas },
	{ 0, "rounding", OPT_CHOICE, "HOW", "of numbers of customers",
	    &o.rounding, NULL, roundings },
	{ 0, "fanout", OPT_INT, "F", "receivers of each message (0)",
	    &o.fanout },
	{ 0, "links", OPT_STRING, "FILE", "CSV of links", &o.links },
	{ 0, "regions", OPT_STRING, "FILE", "CSV of regions", &o.regions },
	{ 0, "density", OPT_STRING, "N", "customers per km2 (109)",
	    &o.density },
	{ 0, "effective", OPT_STRING, "MBPS", "model B's link (41)",
	    &o.effective },
	{ 0, "link", OPT_LIST, "DOWN/UP", "this link in Mbps, not --links",
	    &o.link },
	{ 0, "customers", OPT_INT, "N", "link, subsystems: so many",
	    &o.customers },
	{ 0, "batch", OPT_INT, "N", "measure: events in a message (100)",
	    &o.batch },
	{ 0, "table", OPT_CHOICE, "TABLE", "measure: with the sizes measured",
	    &o.table, NULL, tables },
	{ 0, "dead", OPT_STRING, "FILE", "measure: append bad lines to FILE",
	    &o.dead },
	{ 0, "strict", OPT_FLAG, NULL, "measure: stop at the first bad line",
	    &o.strict },
	{ 0, "stats", OPT_FLAG, NULL, "measure: print counts and speed",
	    &o.stats },
	{ 0 },
};

static const struct opt_command command = {
	.name = "sg-capacity",
	.purpose = "how many customers a link carries, an area needs",
	.operands = "VERB [FILE]...\n"
		    "verbs: table1 table2 table3 customers link subsystems "
		    "measure",
	.options = options,
	.examples = {
		"sg-capacity customers --link 24/3.3 --bytes 288",
		"sg-sub -w 10m 'MEASUREMENT/#' | sg-capacity measure",
	},
};

static struct survey survey;
static struct capacity_ask ask;
static struct table table;
static int status;

/* A decimal option above 0 in units of 10^-places, `otherwise` if absent. */
static int64_t
decimal(const char *name, const char *text, int places, int64_t max,
    int64_t otherwise)
{
	int64_t v;

	if (text == NULL)
		return otherwise;
	if (capacity_decimal(text, strlen(text), places, max, &v) < 0)
		opt_usage("%s %s: not a number above 0 and up to %lld with at "
			  "most %d decimals",
		    name, text,
		    (long long)(places == 6 ? max / 1000000 : max / 1000),
		    places);
	return v;
}

static int64_t
overhead(void)
{
	if (o.overhead != NULL && strcmp(o.overhead, "0") == 0)
		return 0;
	return decimal("--overhead", o.overhead, 3, CAPACITY_BYTES_MAX, 0);
}

static int64_t
bounded(
    const char *name, int64_t v, int64_t min, int64_t max, int64_t otherwise)
{
	if (v == UNSET)
		return otherwise;
	if (v < min || v > max)
		opt_usage(
		    "%s: %lld to %lld", name, (long long)min, (long long)max);
	return v;
}

static void
read_ask(enum table_format format)
{
	int64_t around = overhead();

	ask = capacity_paper;
	ask.compare = o.bytes == NULL && around == 0 && o.interval == UNSET &&
	    o.mega < 0 && o.rounding <= 0 && o.density == NULL &&
	    o.effective == NULL;
	ask.bytes = around +
	    decimal("--bytes", o.bytes, 3, CAPACITY_BYTES_MAX, ask.bytes);
	if (ask.bytes > CAPACITY_BYTES_MAX)
		opt_usage("--bytes, --overhead: too many together");
	if (o.interval == 0 || o.interval > CAPACITY_INTERVAL_MAX)
		opt_usage("--interval: above 0, a year at most");
	ask.interval = o.interval == UNSET ? 0 : o.interval;
	if (o.mega >= 0)
		ask.mega = o.mega == 0 ? CAPACITY_MEGA : CAPACITY_MEGA_BINARY;
	ask.rounding = o.rounding < 0 ? CAPACITY_PAPER
				      : (enum capacity_rounding)o.rounding;
	ask.fanout = bounded("--fanout", o.fanout, 0, CAPACITY_FANOUT_MAX, 0);
	ask.density = decimal(
	    "--density", o.density, 3, INT64_C(1000000000), ask.density);
	ask.effective = decimal(
	    "--effective", o.effective, 6, CAPACITY_RATE_MAX, ask.effective);
	ask.sums = format == TABLE_PRETTY;
}

/* A table of the user's is input, one of ours belongs to the programs. */
static void
unreadable(const char *path, struct buf *why)
{
	int code = path == NULL	      ? EXIT_CONFIG
	    : access(path, R_OK) == 0 ? EXIT_DATA
				      : EXIT_NOINPUT;

	die(code, "%s", buf_cstr(why));
}

static void
open_links(void)
{
	struct buf why = { 0 };

	for (size_t i = 0; i < o.link.n; i++)
		if (survey_add_link(&survey, o.link.v[i]) < 0)
			opt_usage(
			    "--link %s: not DOWN/UP in Mbit/s", o.link.v[i]);
	if (o.link.n == 0 && survey_links(&survey, o.links, &why) < 0)
		unreadable(o.links, &why);
	buf_fini(&why);
}

static void
open_regions(void)
{
	struct buf why = { 0 };

	if (survey_regions(&survey, o.regions, &why) < 0)
		unreadable(o.regions, &why);
	buf_fini(&why);
}

/* Table n, its text with n 0; a figure that differs is a "no". */
static void
check_paper(int n)
{
	struct buf why = { 0 };
	int differ = capacity_check(&survey, &ask, n, &table, &why);

	if (differ < 0)
		die(EXIT_CONFIG, "claims.csv: %s", buf_cstr(&why));
	if (differ > 0)
		status = EXIT_NO;
	buf_fini(&why);
}

static void
check_all(void)
{
	struct buf why = { 0 };

	open_links();
	open_regions();
	if (survey_claims(&survey, NULL, &why) < 0)
		unreadable(NULL, &why);
	buf_fini(&why);
	for (int n = 1; n <= 4; n++)
		check_paper(n % 4);
}

static void
run_table1(char **v, size_t n)
{
	(void)v;
	(void)n;
	open_links();
	if (o.check)
		check_paper(1);
	else
		capacity_table1(&survey, &ask, &table);
}

static void
run_table2(char **v, size_t n)
{
	(void)v;
	(void)n;
	open_links();
	if (o.check)
		check_paper(2);
	else
		capacity_table2(&survey, &ask, &table);
}

static void
run_table3(char **v, size_t n)
{
	const char *why;

	(void)v;
	(void)n;
	open_links();
	open_regions();
	if (o.check)
		check_paper(3);
	else if (capacity_table3(&survey, &ask, &table, &why) < 0)
		opt_usage("%s", why);
}

static void
run_customers(char **v, size_t n)
{
	(void)v;
	(void)n;
	open_links();
	capacity_links(&survey, &ask, &table);
}

static int64_t
customers(const char *verb)
{
	if (o.customers == UNSET)
		opt_usage("%s: how many? --customers N", verb);
	return bounded(
	    "--customers", o.customers, 1, CAPACITY_CUSTOMERS_MAX, 0);
}

static void
run_link(char **v, size_t n)
{
	int64_t want = customers("link");

	(void)v;
	(void)n;
	open_links();
	if (capacity_fit(&survey, &ask, want, &table) == 0) {
		status = EXIT_NO;
		note("none of %zu links carries %lld", survey.links,
		    (long long)want);
	}
}

static void
run_subsystems(char **v, size_t n)
{
	int64_t want = customers("subsystems");

	(void)v;
	(void)n;
	open_links();
	capacity_split(&survey, &ask, want, &table);
}

/* Measuring */

static struct line_in in;
static int unread;

static void
take_line(struct traffic *t, const char *line, size_t n)
{
	const char *why;

	if (traffic_add(t, line, n, &why) < 0 &&
	    line_bad(&in, line, n, why) < 0)
		die(EXIT_IO, "%s: %s", in.name, strerror(errno));
}

static void
read_events(struct traffic *t)
{
	const char *line;
	enum line_result r;
	size_t n;

	while (!app_stop() && (r = line_next(&in, &line, &n)) != LINE_END) {
		if (r == LINE_GIVEN) {
			take_line(t, line, n);
		} else if (errno != EINTR) {
			if (in.name == in.dead_name)
				die(EXIT_IO, "%s: %s", in.name,
				    strerror(errno));
			error("%s: %s", in.name, strerror(errno));
			unread = 1;
		}
	}
}

static void
tell_stream(const struct traffic_result *r)
{
	struct buf b = { 0 };

	buf_addf(&b, "%llu event%s of %llu topic%s in ",
	    (unsigned long long)r->events, r->events == 1 ? "" : "s",
	    (unsigned long long)r->topics, r->topics == 1 ? "" : "s");
	num_add_micros(&b, r->span);
	buf_adds(&b, " s");
	if (r->interval > 0) {
		buf_adds(&b, ", one of each topic every ");
		num_add_micros(&b, r->interval);
		buf_adds(&b, " s");
	}
	note("%s", buf_cstr(&b));
	buf_fini(&b);
}

static void
show_traffic(const struct traffic_result *r)
{
	const char *why;

	tell_stream(r);
	if (r->events == 0)
		status = EXIT_NO;
	if (o.table < 0) {
		traffic_sizes(r, &survey, &ask, &table);
		return;
	}
	if (o.table == 2)
		open_regions();
	if (traffic_table(r, &survey, &ask, o.table + 1, &table, &why) < 0)
		opt_usage("%s", why);
}

static void
print_stats(int64_t begun)
{
	struct buf b = { 0 };

	if (!o.stats)
		return;
	stats_begin(&b, command.name, in.lines, table.rows, in.bad);
	stats_end(&b, in.lines, date_mono() - begun);
}

static void
run_measure(char **v, size_t n)
{
	int64_t begun = date_mono();
	struct traffic_result r = { .overhead = overhead() };
	struct traffic *t =
	    traffic_new(bounded("--batch", o.batch, 1, TRAFFIC_BATCH_MAX, 100));

	if (o.link.n > 0 || o.table >= 0)
		open_links();
	app_signals();
	line_open(&in, v, n);
	in.strict = o.strict;
	if (o.dead != NULL && line_dead(&in, o.dead) < 0)
		die(EXIT_CANTCREATE, "%s: %s", o.dead, strerror(errno));
	read_events(t);
	r.events = traffic_events(t);
	r.topics = traffic_topics(t);
	r.span = traffic_span(t);
	r.interval = traffic_interval(t);
	traffic_end(t, r.form);
	traffic_free(t);
	show_traffic(&r);
	line_summary(&in);
	if (line_close(&in) < 0)
		die(EXIT_IO, "%s: %s", o.dead, strerror(errno));
	print_stats(begun);
	if (line_status(&in) != EXIT_OK)
		status = line_status(&in);
	else if (unread)
		status = EXIT_NOINPUT;
	if (app_stop())
		status = 128 + app_stop();
}

#define COMMON "interval mega fanout rounding "

static const struct verb {
	const char *name;
	void (*run)(char **v, size_t n);
	const char *options; /* that fit, beside -f */
} verbs[] = {
	{ "table1", run_table1,
	    COMMON "check-paper bytes overhead links link" },
	{ "table2", run_table2,
	    "interval mega rounding check-paper bytes overhead links link" },
	{ "table3", run_table3,
	    "interval mega rounding check-paper bytes overhead links regions "
	    "density effective" },
	{ "customers", run_customers, COMMON "bytes overhead links link" },
	{ "link", run_link, COMMON "bytes overhead links link customers" },
	{ "subsystems", run_subsystems,
	    COMMON "bytes overhead links link customers effective" },
	{ "measure", run_measure,
	    COMMON "overhead links link regions density effective batch table "
		   "dead strict stats" },
};

/* An option that a verb does not look at is a mistake. */
static void
check_options(const char *verb, const char *fit)
{
	const struct {
		const char *name;
		int given;
	} list[] = {
		{ "check-paper", o.check },
		{ "bytes", o.bytes != NULL },
		{ "overhead", o.overhead != NULL },
		{ "interval", o.interval != UNSET },
		{ "mega", o.mega >= 0 },
		{ "rounding", o.rounding >= 0 },
		{ "fanout", o.fanout != UNSET },
		{ "links", o.links != NULL },
		{ "regions", o.regions != NULL },
		{ "density", o.density != NULL },
		{ "effective", o.effective != NULL },
		{ "link", o.link.n > 0 },
		{ "customers", o.customers != UNSET },
		{ "batch", o.batch != UNSET },
		{ "table", o.table >= 0 },
		{ "dead", o.dead != NULL },
		{ "strict", o.strict },
		{ "stats", o.stats },
	};

	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		if (list[i].given && !opt_named(fit, list[i].name))
			opt_usage("%s: --%s does not belong there", verb,
			    list[i].name);
	if (o.links != NULL && o.link.n > 0)
		opt_usage("--links and --link: one of them");
}

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	opt_usage("%s: no such verb", name);
}

static int
finish(enum table_format format)
{
	struct buf out = { 0 };

	table_print(&table, format, &out);
	if (app_write(STDOUT_FILENO, out.p, out.len) < 0)
		die(EXIT_IO, "standard output: %s", strerror(errno));
	buf_fini(&out);
	table_fini(&table);
	survey_fini(&survey);
	return status;
}

int
main(int argc, char **argv)
{
	int first = opt_parse(&command, argc, argv);
	const struct verb *verb;
	enum table_format format = o.format >= 0 ? (enum table_format)o.format
	    : isatty(STDOUT_FILENO)		 ? TABLE_PRETTY
						 : TABLE_CSV;

	if (first == argc && !o.check)
		opt_usage("what to tell? table1, customers, measure, ...");
	if (first == argc) {
		check_options("--check-paper", "check-paper");
		read_ask(format);
		check_all();
		return finish(format);
	}
	verb = find_verb(argv[first]);
	if (verb->run != run_measure && argc - first > 1)
		opt_usage("%s takes no operands", verb->name);
	check_options(verb->name, o.check ? "check-paper" : verb->options);
	if (o.check && !opt_named(verb->options, "check-paper"))
		opt_usage("--check-paper: with a table, or without a verb");
	read_ask(format);
	verb->run(argv + first + 1, (size_t)(argc - first - 1));
	return finish(format);
}
