/*
 * sg-sub: the events of a broker that match topic filters, as lines on
 * standard output, in a file, or batch by batch to a command.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/opt.h"
#include "base/stats.h"
#include "bus/flow.h"
#include "bus/follow.h"
#include "bus/outlet.h"
#include "bus/reach.h"
#include "bus/reader.h"
#include "event/filters.h"
#include "event/format.h"

#define UNSET PICK_ANY

static struct {
	const char *topics_from, *slot, *cursor, *file, *command, *columns;
	struct opt_list topics;
	int64_t arrived_since, skew, retry, ready_fd;
	const char *state;
	int from_start, until_end, skip_gone, format, stats, marks;
	struct follow_options run;
} o = {
	.run = { .since = UNSET, .until = UNSET, .count = -1 },
	.arrived_since = UNSET,
	.skew = INT64_C(3600) * DATE_SECOND,
	.retry = -1,
	.ready_fd = -1,
};

static const struct opt options[] = {
	{ 0, "reach", OPT_GROUP, NULL, NULL, reach_rows },
	{ 't', "topic", OPT_LIST, "FILTER", "topics; !FILTER excludes",
	    &o.topics },
	{ 0, "topics-from", OPT_STRING, "FILE", "one filter per line",
	    &o.topics_from },
	{ 's', "since", OPT_TIME, "TIME", "events measured from then on",
	    &o.run.since },
	{ 0, "until", OPT_TIME, "TIME", "events measured before then",
	    &o.run.until },
	{ 0, "skew", OPT_DURATION, "DUR", "how late --since looks back (1h)",
	    &o.skew },
	{ 0, "arrived-since", OPT_TIME, "TIME", "events received from then on",
	    &o.arrived_since },
	{ 0, "from-start", OPT_FLAG, NULL, "from the oldest event there is",
	    &o.from_start },
	{ 0, "slot", OPT_STRING, "DUR[@-N]",
	    "events of the last whole 15m, 1h of the clock", &o.slot },
	{ 0, "last", OPT_FLAG, NULL, "newest event of each topic",
	    &o.run.last },
	{ 0, "live", OPT_FLAG, NULL, "after --last go on with new events",
	    &o.run.live },
	{ 'e', "until-end", OPT_FLAG, NULL, "stop where the log ends now",
	    &o.until_end },
	{ 'n', "count", OPT_INT, "N", "stop after N events", &o.run.count },
	{ 'w', "timeout", OPT_DURATION, "DUR", "stop after DUR with status 124",
	    &o.run.timeout },
	{ 'i', "idle", OPT_DURATION, "DUR", "stop after DUR without an event",
	    &o.run.idle },
	{ 'c', "cursor", OPT_STRING, "NAME", "durable cursor in the broker",
	    &o.run.cursor },
	{ 0, "marks", OPT_FLAG, NULL,
	    "with -c: sg-pub moves it, with the results", &o.marks },
	{ 0, "state", OPT_STRING, "FILE", "that of the filter behind --marks",
	    &o.state },
	{ 0, "skip-gone", OPT_FLAG, NULL, "go on behind retention",
	    &o.skip_gone },
	{ 'o', "output", OPT_STRING, "FILE", "append; with -c exactly once",
	    &o.file },
	{ 'x', "exec", OPT_STRING, "COMMAND",
	    "run for each batch (-e, -n, --every)", &o.command },
	{ 0, "every", OPT_DURATION, "DUR", "length of a batch in time",
	    &o.run.every },
	{ 'f', "format", OPT_CHOICE, "FORMAT", "lines as", &o.format,
	    .choices = format_names },
	{ 0, "columns", OPT_STRING, "NAMES", "of csv and tsv", &o.columns },
	{ 0, "meta", OPT_FLAG, NULL, "add receive time, publisher, position",
	    &o.run.meta },
	{ 0, "retry", OPT_DURATION, "DUR", "give up without a broker (5s)",
	    &o.retry },
	{ 0, "ready-fd", OPT_INT, "FD", "write a line there when subscribed",
	    &o.ready_fd },
	{ 0, "stats", OPT_FLAG, NULL, "count on standard error at the end",
	    &o.stats },
	{ 0 },
};

static const struct opt_command command = {
	"sg-sub",
	"receive events from a broker",
	"[FILTER]...",
	options,
	{ "sg-sub --last -f pretty 'MEASUREMENT/#'",
	    "sg-sub -c nightly -e -x ./import.sh 'AGGREGATE/#'" },
};

static struct {
	struct reach reach;
	struct filters filters;
	struct format *format;
	struct outlet outlet;
	struct reader *reader;
	struct follow *follow;
	struct flow *flow; /* with marks, in place of both */
	uint64_t bad;	   /* events left out */
	int all_members;   /* no columns were chosen */
	int64_t started;
} s;

static void
add_filter(const char *p)
{
	const char *why = filters_add(&s.filters, p);

	if (why != NULL)
		opt_usage("%s", why);
}

static void
choose_filters(int argc, char **argv, int i)
{
	const char *why;
	int got = 1;

	if (i == argc && o.topics.n == 0 && o.topics_from == NULL)
		add_filter("#");
	for (size_t k = 0; k < o.topics.n; k++)
		add_filter(o.topics.v[k]);
	for (; i < argc; i++)
		add_filter(argv[i]);
	if (o.topics_from != NULL)
		got = filters_read(&s.filters, o.topics_from, &why);
	if (got < 0)
		die(EXIT_NOINPUT, "%s: %s", o.topics_from, strerror(errno));
	if (got == 0)
		opt_usage("--topics-from: %s", why);
	why = filters_check(&s.filters);
	if (why != NULL)
		opt_usage("filters: %s", why);
}

static int
names_internal(void)
{
	for (size_t i = 0; i < s.filters.n; i++)
		if (s.filters.v[i][0] == '$')
			return 1;
	return 0;
}

/* What contradicts itself, and why. */
static void
check_options(void)
{
	const struct follow_options *r = &o.run;
	int spans = r->since != UNSET || r->until != UNSET;
	int exec = o.command != NULL, slot = o.slot != NULL;
	int starts = (o.arrived_since != UNSET) + o.from_start + slot + r->last;
	int ends = o.until_end || r->count >= 0 || r->every > 0;
	int table = o.format == FORMAT_CSV || o.format == FORMAT_TSV;
	const struct {
		int broken;
		const char *rule;
	} rules[] = {
		{ starts > 1,
		    "only one of --arrived-since, --from-start,"
		    " --slot and --last" },
		{ slot && (spans || r->cursor != NULL),
		    "--slot goes with none of --since, --until and -c" },
		{ r->last && (r->cursor != NULL || o.until_end || r->meta),
		    "--last goes with none of -c, -e and --meta" },
		{ r->live && !r->last, "--live is for --last" },
		{ exec && r->cursor == NULL, "-x needs a durable cursor, -c" },
		{ exec && !ends, "-x needs -e, -n or --every to end a batch" },
		{ exec && o.file != NULL, "-x and -o exclude each other" },
		{ r->every > 0 && !exec, "--every is for -x" },
		{ o.marks && r->cursor == NULL,
		    "--marks needs a durable cursor, -c" },
		{ o.marks &&
			(exec || o.file != NULL || slot || r->last ||
			    r->count >= 0 || r->meta || spans ||
			    o.format != FORMAT_JSON),
		    "--marks goes with none of -o, -x, -n, -f, --since,"
		    " --until, --slot, --last and --meta" },
		{ o.marks && names_internal(),
		    "--marks follows no topics that begin with $SG" },
		{ o.state != NULL && !o.marks, "--state is for --marks" },
		{ o.columns != NULL && !table,
		    "--columns is for -f csv and -f tsv" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].broken)
			opt_usage("%s", rules[i].rule);
	if (r->cursor != NULL && !wire_name_check(r->cursor, strlen(r->cursor)))
		opt_usage("cursor %s: not a name", r->cursor);
}

static void
choose_span(void)
{
	const char *why = NULL;

	if (o.slot != NULL) {
		why = date_slot(o.slot, date_now(), &o.run.since, &o.run.until);
		o.until_end = 1;
	}
	if (why != NULL)
		opt_usage("--slot %s: %s", o.slot, why);
	if (o.run.until != UNSET && o.run.until <= date_now())
		o.until_end = 1;
	else if (o.run.until != UNSET)
		o.run.until_due = date_mono() + (o.run.until - date_now());
}

static void
choose_format(void)
{
	const char *why, *no_color = getenv("NO_COLOR");
	int colour = o.file == NULL && o.command == NULL &&
	    isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == '\0');

	s.all_members = o.columns == NULL;
	if (o.columns == NULL && o.run.meta)
		o.columns = FORMAT_COLUMNS "," FORMAT_META_COLUMNS;
	o.run.meta = o.run.meta || format_wants_meta(o.columns);
	if (o.run.meta && o.run.last)
		opt_usage("--last goes with none of the columns rt, from and"
			  " pos");
	o.run.as_is = o.format == FORMAT_JSON && !o.run.meta;
	s.format =
	    format_new((enum format_kind)o.format, o.columns, colour, &why);
	if (s.format == NULL)
		opt_usage("--columns %s: %s", o.columns, why);
}

static void
choose_start(struct reader_options *r)
{
	if (o.arrived_since != UNSET) {
		r->start = WIRE_FROM_TIME;
		r->time = o.arrived_since;
	} else if (o.run.since != UNSET && !o.from_start) {
		r->start = WIRE_FROM_TIME;
		r->time = o.run.since - o.skew;
	} else if (o.from_start || (o.until_end && o.run.cursor == NULL)) {
		r->start = WIRE_FROM_BEGIN;
	} else {
		r->start = WIRE_FROM_NOW;
	}
	if (r->time < 0)
		r->time = 0;
}

/* A file that is bound to the cursor says where to go on. */
static void
open_outlet(struct reader_options *r)
{
	const char *why;
	int status, bound = 0;

	if (o.command != NULL)
		outlet_command(&s.outlet, s.format, o.command);
	else if (o.file == NULL)
		outlet_fd(
		    &s.outlet, s.format, STDOUT_FILENO, "standard output");
	else
		bound = outlet_file(&s.outlet, s.format, o.file, o.run.cursor,
		    &r->cursor, &status, &why);
	if (bound < 0)
		die(status, "%s: %s", o.file, why);
	if (bound > 0) {
		r->start = WIRE_FROM_CURSOR;
		r->resume = 1;
		r->seen = s.outlet.sink.seen;
		r->nseen = s.outlet.sink.nseen;
	}
}

static void
report_lost(uint64_t lost)
{
	if (lost > 0)
		warn("%llu events behind retention are skipped",
		    (unsigned long long)lost);
}

static void
open_reach(void)
{
	int64_t retry = o.retry >= 0 ? o.retry : 5 * DATE_SECOND;
	const char *why;
	int status;

	if (reach_open(&s.reach, retry, &status, &why) < 0)
		die(status, "%s", why);
}

static void
choose_reader(struct reader_options *r)
{
	*r = (struct reader_options){
		.client = s.reach.config,
		.again = o.retry >= 0 ? o.retry : 0,
		.filters = (const char *const *)s.filters.v,
		.nfilters = s.filters.n,
		.name = o.marks ? NULL : o.run.cursor,
		.to_end = o.until_end,
		.meta = o.run.meta,
		.skip_gone = o.skip_gone,
	};
	choose_start(r);
	open_outlet(r);
}

static void
open_reader(void)
{
	struct reader_options r;
	const char *why;
	int status;

	choose_reader(&r);
	s.reader = reader_open(&r, &status, &why);
	if (s.reader == NULL && status > 128)
		exit(status);
	if (s.reader == NULL)
		die(status, "%s", why);
	report_lost(reader_lost(s.reader));
	if (!r.resume &&
	    outlet_commit(&s.outlet, reader_position(s.reader), NULL) != 0)
		die(EXIT_IO, "%s: %s", o.file, strerror(errno));
}

static void
report(const struct follow_event *e)
{
	switch (e->result) {
	case FOLLOW_FAILED: die(e->status, "%s", e->why);
	case FOLLOW_LOST: report_lost(e->lost); return;
	case FOLLOW_AGAIN: note("connected again"); return;
	case FOLLOW_NOTE: note("%s", e->why); return;
	case FOLLOW_BAD: s.bad++; break;
	default: break;
	}
	if (e->why != NULL)
		error("%s", e->why);
	if (e->gone)
		note("--skip-gone goes on with the oldest event there is");
}

static void
report_unshown(void)
{
	uint64_t n = format_unshown(s.format);

	if (s.all_members && n > 0)
		warn("%llu event%s members that no column shows; see --columns",
		    (unsigned long long)n, n == 1 ? " has" : "s have");
}

static void
print_stats(void)
{
	uint64_t events =
	    o.marks ? flow_events(s.flow) : follow_events(s.follow);
	struct buf b = { 0 };

	if (!o.stats)
		return;
	stats_begin(&b, command.name, events, events - s.bad, s.bad);
	stats_add(&b, "bytes", s.outlet.bytes);
	stats_end(&b, events, date_mono() - s.started);
}

static void
close_all(void)
{
	if (outlet_close(&s.outlet) != 0)
		die(EXIT_IO, "%s: %s", o.file, strerror(errno));
	report_unshown();
	print_stats();
	follow_free(s.follow);
	flow_close(s.flow);
	reader_close(s.reader);
	reach_close(&s.reach);
	format_free(s.format);
	filters_fini(&s.filters);
	if (o.file == NULL && close(STDOUT_FILENO) != 0 && errno != EBADF)
		die(EXIT_IO, "standard output: %s", strerror(errno));
}

/* With marks: until what was asked for has come; the status. */
static int
run_flow(void)
{
	const char *subject = reach_subject(&s.reach), *why;
	const struct flow_options flow = {
		.cursor = o.run.cursor,
		.actor = subject != NULL ? subject : "",
		.state = o.state,
		.until_end = o.until_end,
		.timeout = o.run.timeout,
		.idle = o.run.idle,
	};
	struct reader_options r;
	const struct follow_event *e;
	int status;

	choose_reader(&r);
	s.flow = flow_open(&r, &flow, &s.outlet, &status, &why);
	if (s.flow == NULL && status > 128)
		exit(status);
	if (s.flow == NULL)
		die(status, "%s", why);
	/* What a reader has not read has no mark behind it. */
	app_pipe_size(STDOUT_FILENO);
	s.started = date_mono();
	do {
		e = flow_next(s.flow);
		if (e->result == FOLLOW_NOTE && e->why == NULL)
			app_ready((int)o.ready_fd);
		else
			report(e);
	} while (e->result != FOLLOW_END);
	return e->status;
}

static int
run(void)
{
	const struct follow_event *e;

	open_reader();
	/* What a reader has not read is lost with it, but committed. */
	if (o.run.cursor == NULL)
		app_pipe_size(STDOUT_FILENO);
	app_ready((int)o.ready_fd);
	s.started = date_mono();
	s.follow = follow_new(s.reader, &s.outlet, &o.run);
	do {
		e = follow_next(s.follow);
		report(e);
	} while (e->result != FOLLOW_END);
	e = follow_finish(s.follow);
	report(e);
	return e->status;
}

int
main(int argc, char **argv)
{
	int operand = opt_parse(&command, argc, argv), status;

	app_signals();
	choose_filters(argc, argv, operand);
	check_options();
	choose_span();
	choose_format();
	open_reach();
	status = o.marks ? run_flow() : run();
	close_all();
	return status;
}
