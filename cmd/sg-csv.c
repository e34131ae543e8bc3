/*
 * sg-csv - Reads CSV and writes event lines; with --to-csv it reads event
 * lines and writes CSV.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/opt.h"
#include "base/stats.h"
#include "event/csv.h"
#include "event/event.h"
#include "event/format.h"
#include "event/line.h"
#include "event/row.h"
#include "event/topic.h"

static struct {
	struct row_plan plan;
	struct opt_list member, number, missing;
	const char *tz, *delimiter, *columns, *dead;
	int to_csv, strict, stats;
} o = { .delimiter = "," };

static const struct opt options[] = {
	{ 't', "topic", OPT_STRING, "TEMPLATE",
	    "topic with {COLUMN}; with --to-csv a pattern", &o.plan.topic, NULL,
	    NULL },
	{ 0, "time", OPT_STRING, "COLUMN", "time, or DATE,TIME (t)",
	    &o.plan.time, NULL, NULL },
	{ 0, "time-format", OPT_STRING, "FORMAT",
	    "strptime(3) with %f, or unix, unixms", &o.plan.time_format, NULL,
	    NULL },
	{ 0, "tz", OPT_STRING, "ZONE", "zone of local times, Europe/London",
	    &o.tz, NULL, NULL },
	{ 0, "value", OPT_STRING, "COLUMN", "value (v)", &o.plan.value, NULL,
	    NULL },
	{ 0, "values", OPT_STRING, "LIST",
	    "several as m: NAME=COLUMN[:UNIT],...", &o.plan.values, NULL,
	    NULL },
	{ 0, "each", OPT_STRING, "LIST",
	    "an event for each; {name} in the topic is its NAME", &o.plan.each,
	    NULL, NULL },
	{ 0, "unit", OPT_STRING, "UNIT", "unit of the values, or {COLUMN}",
	    &o.plan.unit, NULL, NULL },
	{ 0, "scale", OPT_STRING, "NUMBER", "multiply the values by it",
	    &o.plan.scale, NULL, NULL },
	{ 0, "member", OPT_LIST, "NAME=COLUMN", "a further member, a string",
	    &o.member, NULL, NULL },
	{ 0, "number", OPT_LIST, "NAME=COLUMN", "a further member, a number",
	    &o.number, NULL, NULL },
	{ 0, "missing", OPT_LIST, "TEXT", "cell that stands for no value",
	    &o.missing, NULL, NULL },
	{ 0, "decimal-comma", OPT_FLAG, NULL, "numbers like 1,5",
	    &o.plan.decimal_comma, NULL, NULL },
	{ 0, "clean", OPT_FLAG, NULL,
	    "write _ for what cannot stand in a topic", &o.plan.clean, NULL,
	    NULL },
	{ 0, "delimiter", OPT_STRING, "CHAR", "between cells (,); tab for tabs",
	    &o.delimiter, NULL, NULL },
	{ 0, "no-header", OPT_FLAG, NULL, "no header row; columns are 1, 2, 3",
	    &o.plan.no_header, NULL, NULL },
	{ 0, "to-csv", OPT_FLAG, NULL, "from event lines to CSV", &o.to_csv,
	    NULL, NULL },
	{ 0, "columns", OPT_STRING, "LIST",
	    "of --to-csv: members, m.NAME, value, {capture}", &o.columns, NULL,
	    NULL },
	{ 0, "dead", OPT_STRING, "FILE", "append refused rows to FILE", &o.dead,
	    NULL, NULL },
	{ 0, "strict", OPT_FLAG, NULL, "stop at the first refused row",
	    &o.strict, NULL, NULL },
	{ 0, "stats", OPT_FLAG, NULL, "print counts and speed at the end",
	    &o.stats, NULL, NULL },
	{ 0 }
};

static const struct opt_command command = { "sg-csv",
	"turn CSV into events and back", "[FILE]...", options,
	{ "sg-csv -t 'MEASUREMENT/METER/{meter}/Load' --time t --value kw "
	  "a.csv",
	    "sg-csv --to-csv -t 'A/{region}/#' --columns 't,{region},v' events",
	    NULL } };

static struct line_out out;
static struct line_in in; /* --to-csv's input; the keeper of bad rows */
static int unread;	  /* a file could not be opened or read */
static uint64_t written;  /* events, or rows of --to-csv */

static void
fail(const char *name)
{
	die(EXIT_IO, "%s: %s", name, strerror(errno));
}

static void
put(const struct buf *b)
{
	if (line_out_add(&out, b->p, b->len) < 0)
		fail(out.name);
}

/* Go on with the other files, as cat does. */
static int
unreadable(const char *path)
{
	error("%s: %s", path, strerror(errno));
	unread = 1;
	return 1;
}

/* An output is the end; of several files the others can still be read. */
static void
line_failed(void)
{
	if (in.name == out.name || in.name == in.dead_name)
		fail(in.name);
	unreadable(in.name);
}

/* 1 to go on, 0 to stop */
static int
bad(const char *p, size_t n, const char *why)
{
	int r, dead = in.dead;

	/* a row too long to be held cannot be saved either */
	if (p == NULL)
		in.dead = -1;
	r = line_bad(&in, p, n, why);
	in.dead = dead;
	if (r < 0)
		fail(in.name);
	return r;
}

static int
bad_row(struct csv *csv, const char *why)
{
	size_t n;
	const char *p = csv_raw(csv, &n);

	in.number = csv_line(csv);
	return bad(p, n, why);
}

static void
header(struct row *row, const struct csv_cell *cells, size_t n)
{
	const char *why;

	if (row_header(row, cells, n, &why) < 0)
		die(EXIT_DATA, "%s:%llu: %s", in.name,
		    (unsigned long long)in.number, why);
}

/* One row; 1 to go on, 0 to stop. */
static int
take_row(
    struct csv *csv, struct row *row, const struct csv_cell *cells, size_t n)
{
	static struct buf b;
	const char *why;
	int made;

	buf_clear(&b);
	made = row_events(row, cells, n, &b, &why);
	if (made < 0)
		return bad_row(csv, why);
	written += (uint64_t)made;
	put(&b);
	return 1;
}

/* Rows until the end of the file; 1 to go on with the next file. */
static int
read_rows(struct csv *csv, struct row *row)
{
	const struct csv_cell *cells;
	int want_header = !o.plan.no_header, go = 1, r = 1;
	size_t n;

	while (go && r != 0 && !app_stop()) {
		r = csv_next(csv, &cells, &n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno != 0 && csv_failed(csv) == out.name)
			fail(out.name);
		if (r < 0 && errno != 0)
			return unreadable(csv_failed(csv));
		if (r < 0) {
			in.lines++;
			go = bad_row(csv, csv_why(csv));
		} else if (r > 0 && want_header) {
			in.number = csv_line(csv);
			header(row, cells, n);
			want_header = 0;
		} else if (r > 0) {
			in.lines++;
			go = take_row(csv, row, cells, n);
		}
	}
	return go && !app_stop();
}

static int
read_file(const char *path, struct row *row, char delimiter)
{
	struct csv *csv = csv_open(path, delimiter);
	int go;

	if (csv == NULL && errno == EINTR && app_stop())
		return 0;
	if (csv == NULL)
		return unreadable(path);
	in.name = strcmp(path, "-") == 0 ? "stdin" : path;
	csv_flush(csv, &out);
	go = read_rows(csv, row);
	csv_close(csv);
	return go;
}

static void
from_csv(char **files, size_t n, const struct date_zone *zone, char delimiter)
{
	const char *why;
	struct row *row;
	uint64_t missing;

	o.plan.zone = zone;
	o.plan.member = o.member.v;
	o.plan.members = o.member.n;
	o.plan.number = o.number.v;
	o.plan.numbers = o.number.n;
	o.plan.missing = o.missing.v;
	o.plan.missings = o.missing.n;
	row = row_new(&o.plan, &why);
	if (row == NULL)
		opt_usage("%s", why);
	if (n == 0)
		read_file("-", row, delimiter);
	for (size_t i = 0; i < n && read_file(files[i], row, delimiter); i++)
		;
	missing = row_missing(row);
	if (missing > 0)
		note("%llu missing value%s skipped",
		    (unsigned long long)missing, missing == 1 ? "" : "s");
	row_free(row);
}

static struct topic_pattern *
open_pattern(struct format *format)
{
	struct topic_pattern *pattern;
	const char *why;

	pattern =
	    topic_pattern_new(o.plan.topic != NULL ? o.plan.topic : "#", &why);
	if (pattern == NULL)
		opt_usage("--topic: %s", why);
	if (format_pattern(format, pattern) < 0)
		opt_usage("--columns: a {capture} that --topic does not have");
	return pattern;
}

static int
matches(const struct topic_pattern *pattern, const struct event *e)
{
	const char *at[TOPIC_LEVELS_MAX], *topic;
	size_t len[TOPIC_LEVELS_MAX], n;
	char space[TOPIC_MAX + 1];

	if (o.plan.topic == NULL)
		return 1;
	if (!event_has(e, EVENT_TOPIC))
		return 0;
	topic = event_topic(e, space, &n);
	return topic_pattern_match(pattern, topic, n, at, len);
}

/* One line; 1 to go on, 0 to stop. */
static int
take_line(const char *line, size_t n, struct format *format,
    const struct topic_pattern *pattern)
{
	static struct buf b;
	struct event e;
	const char *why;

	buf_clear(&b);
	if (event_scan(&e, line, n, &why) < 0)
		return bad(line, n, why);
	if (event_is_mark(&e) || !matches(pattern, &e))
		return 1;
	if (format_event(format, &e, NULL, &b, &why) < 0)
		return bad(line, n, why);
	written++;
	put(&b);
	return 1;
}

static void
report_unshown(uint64_t n)
{
	if (n > 0)
		warn("%llu event%s members that no column shows; see --columns",
		    (unsigned long long)n, n == 1 ? " has" : "s have");
}

static void
to_csv(const struct date_zone *zone, char delimiter)
{
	struct topic_pattern *pattern;
	struct format *format;
	struct buf b = { 0 };
	const char *line, *why;
	enum line_result r;
	size_t n;

	format = format_new(FORMAT_CSV, o.columns, 0, &why);
	if (format == NULL)
		opt_usage("--columns: %s", why);
	format_delimiter(format, delimiter);
	format_zone(format, zone);
	pattern = open_pattern(format);
	format_header(format, &b);
	if (!o.plan.no_header)
		put(&b);
	while (!app_stop() && (r = line_next(&in, &line, &n)) != LINE_END)
		if (r == LINE_GIVEN)
			take_line(line, n, format, pattern);
		else if (errno != EINTR)
			line_failed();
	if (o.columns == NULL)
		report_unshown(format_unshown(format));
	buf_fini(&b);
	topic_pattern_free(pattern);
	format_free(format);
}

static void
print_stats(int64_t begun)
{
	struct buf b = { 0 };

	if (!o.stats)
		return;
	stats_begin(&b, command.name, in.lines, written, in.bad);
	stats_end(&b, in.lines, date_mono() - begun);
}

static char
read_delimiter(void)
{
	if (strcmp(o.delimiter, "tab") == 0 || strcmp(o.delimiter, "\\t") == 0)
		return '\t';
	if (strlen(o.delimiter) != 1 || strchr("\"\r\n", *o.delimiter) != NULL)
		opt_usage("--delimiter: must be one character, no quote or "
			  "newline");
	return *o.delimiter;
}

static void
check_options(void)
{
	const struct row_plan *p = &o.plan;

	if (!o.to_csv && o.columns != NULL)
		opt_usage("--columns needs --to-csv");
	if (o.to_csv &&
	    (p->time != NULL || p->time_format != NULL || p->value != NULL ||
		p->values != NULL || p->each != NULL || p->unit != NULL ||
		p->scale != NULL || o.member.n + o.number.n + o.missing.n > 0 ||
		p->decimal_comma || p->clean))
		opt_usage("--to-csv goes with --topic, --columns, --tz, "
			  "--delimiter and --no-header");
}

int
main(int argc, char **argv)
{
	int first = opt_parse(&command, argc, argv), status;
	int64_t begun = date_mono();
	struct date_zone *zone = NULL;
	char delimiter = read_delimiter();

	check_options();
	if (o.tz != NULL && (zone = date_zone_open(o.tz)) == NULL)
		opt_usage("--tz: no such time zone: %s", o.tz);
	app_signals();
	line_out_init(&out, STDOUT_FILENO, "standard output");
	line_open(&in, argv + first, (size_t)(argc - first));
	in.out = &out;
	in.strict = o.strict;
	if (o.dead != NULL && line_dead(&in, o.dead) < 0)
		die(EXIT_CANTCREATE, "%s: %s", o.dead, strerror(errno));
	if (o.to_csv)
		to_csv(zone, delimiter);
	else
		from_csv(argv + first, (size_t)(argc - first), zone, delimiter);
	if (line_out_fini(&out) < 0)
		fail("standard output");
	line_summary(&in);
	if (line_close(&in) < 0)
		fail(in.name);
	print_stats(begun);
	date_zone_close(zone);
	status = line_status(&in);
	if (status == EXIT_OK && unread)
		status = EXIT_NOINPUT;
	return app_stop() ? 128 + app_stop() : status;
}
