/*
 * sg-sub: the events of a broker that match topic filters, as lines on
 * standard output, in a file, or batch by batch to a command.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "base/opt.h"
#include "bus/job.h"
#include "bus/pick.h"
#include "bus/reader.h"
#include "bus/sink.h"
#include "event/event.h"
#include "event/format.h"
#include "event/line.h"
#include "event/topic.h"

/* Microseconds. */
enum {
	SINK_PAUSE = DATE_SECOND / 5,  /* a file's commit after a write */
	MOVED_PAUSE = 5 * DATE_SECOND, /* commit of a position alone */
	SYNC_TIME = 10 * DATE_SECOND,  /* for the last commit */
	LEAVE_TIME = 2 * DATE_SECOND   /* the same, when asked to leave */
};

enum { EXACT_MAX = 10000 }; /* events of -n asked for by number */

#define UNSET PICK_ANY

static struct {
	const char *broker, *topics_from, *slot, *cursor, *file, *command,
	    *columns;
	struct opt_list topics;
	int64_t since, until, arrived_since, skew;
	int64_t count, timeout, idle, every, retry, ready_fd;
	int from_start, last, live, until_end, skip_gone, format, meta, stats;
} o = {
	.since = UNSET,
	.until = UNSET,
	.arrived_since = UNSET,
	.skew = INT64_C(3600) * DATE_SECOND,
	.count = -1,
	.retry = -1,
	.ready_fd = -1,
};

static const struct opt options[] = {
	{ 'b', "broker", OPT_STRING, "URL", "broker, or several with commas",
	    &o.broker, "SG_BROKER" },
	{ 't', "topic", OPT_LIST, "FILTER", "topics; !FILTER excludes",
	    &o.topics },
	{ 0, "topics-from", OPT_STRING, "FILE", "one filter per line",
	    &o.topics_from },
	{ 's', "since", OPT_TIME, "TIME", "events measured from then on",
	    &o.since },
	{ 0, "until", OPT_TIME, "TIME", "events measured before then",
	    &o.until },
	{ 0, "skew", OPT_DURATION, "DUR", "how late --since looks back (1h)",
	    &o.skew },
	{ 0, "arrived-since", OPT_TIME, "TIME", "events received from then on",
	    &o.arrived_since },
	{ 0, "from-start", OPT_FLAG, NULL, "from the oldest event there is",
	    &o.from_start },
	{ 0, "slot", OPT_STRING, "DUR[@-N]",
	    "events of the last whole 15m, 1h of the clock", &o.slot },
	{ 0, "last", OPT_FLAG, NULL, "newest event of each topic", &o.last },
	{ 0, "live", OPT_FLAG, NULL, "after --last go on with new events",
	    &o.live },
	{ 'e', "until-end", OPT_FLAG, NULL, "stop where the log ends now",
	    &o.until_end },
	{ 'n', "count", OPT_INT, "N", "stop after N events", &o.count },
	{ 'w', "timeout", OPT_DURATION, "DUR", "stop after DUR with status 124",
	    &o.timeout },
	{ 'i', "idle", OPT_DURATION, "DUR", "stop after DUR without an event",
	    &o.idle },
	{ 'c', "cursor", OPT_STRING, "NAME", "durable cursor in the broker",
	    &o.cursor },
	{ 0, "skip-gone", OPT_FLAG, NULL, "go on behind retention",
	    &o.skip_gone },
	{ 'o', "output", OPT_STRING, "FILE", "append; with -c exactly once",
	    &o.file },
	{ 'x', "exec", OPT_STRING, "COMMAND",
	    "run for each batch (-e, -n, --every)", &o.command },
	{ 0, "every", OPT_DURATION, "DUR", "length of a batch in time",
	    &o.every },
	{ 'f', "format", OPT_CHOICE, "FORMAT", "form of a line", &o.format,
	    .choices = format_names },
	{ 0, "columns", OPT_STRING, "NAMES", "of csv and tsv", &o.columns },
	{ 0, "meta", OPT_FLAG, NULL, "add receive time, publisher, position",
	    &o.meta },
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

/* What a run carries along. */
static struct {
	struct topic_set filters;
	char **filter; /* as given, for the wire */
	size_t nfilters;
	struct reader *reader;
	struct format *format;
	struct sink sink;
	struct job job;
	struct wire_cursor from; /* where the batch in job began */
	struct buf out, columns;
	int plain; /* lines go out as they come in */
	struct pick pick;
	int begun;	/* the header row is out */
	int failed;	/* the reader has */
	uint64_t taken; /* events of this batch of -n */
	uint64_t events, bytes, bad;
	int64_t started, seen, every_due, until_due, commit_due;
	unsigned connects;
} s = { .sink = { .fd = -1, .dir = -1 } };

static void
add_filter(const char *p, const char *where)
{
	const char *why = topic_set_add(&s.filters, p, strlen(p));

	if (why != NULL)
		opt_usage("%sfilter %s: %s", where, p, why);
	s.filter = xrealloc(s.filter, (s.nfilters + 1) * sizeof(*s.filter));
	s.filter[s.nfilters++] = xstrdup(p);
}

static void
read_filters(const char *path)
{
	char *name = xstrdup(path);
	struct line_in in;
	const char *p;
	size_t n;
	enum line_result got;

	line_open(&in, &name, 1);
	while ((got = line_next(&in, &p, &n)) == LINE_GIVEN) {
		char *filter;
		while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
			n--;
		while (n > 0 && (*p == ' ' || *p == '\t'))
			p++, n--;
		if (n == 0 || *p == '#')
			continue;
		filter = xstrndup(p, n);
		add_filter(filter, "--topics-from: ");
		free(filter);
	}
	if (got == LINE_ERROR)
		die(EXIT_NOINPUT, "%s: %s", path, strerror(errno));
	line_close(&in);
	free(name);
}

static void
choose_filters(int argc, char **argv, int i)
{
	const char *why;

	if (i == argc && o.topics.n == 0 && o.topics_from == NULL)
		add_filter("#", "");
	for (size_t k = 0; k < o.topics.n; k++)
		add_filter(o.topics.v[k], "");
	for (; i < argc; i++)
		add_filter(argv[i], "");
	if (o.topics_from != NULL)
		read_filters(o.topics_from);
	why = topic_set_check(&s.filters);
	if (why != NULL)
		opt_usage("filters: %s", why);
}

/* --slot DUR[@-N]: a whole slot of the clock (UTC), N before the last one. */
static void
choose_slot(void)
{
	const char *at = strchr(o.slot, '@');
	size_t n = at ? (size_t)(at - o.slot) : strlen(o.slot);
	char *length = xstrndup(o.slot, n);
	int64_t slot, back = 0;

	if (date_duration(length, &slot) != 0 || slot <= 0)
		opt_usage("--slot %s: not a duration", o.slot);
	if (at != NULL &&
	    (at[1] != '-' || num_uint(at + 2, strlen(at + 2), &back) != 0 ||
		back > INT64_MAX / 2 / slot))
		opt_usage("--slot %s: not DUR@-N", o.slot);
	o.until = date_now() / slot * slot - back * slot;
	o.since = o.until - slot;
	o.until_end = 1;
	free(length);
}

static void
check_options(void)
{
	int starts = (o.arrived_since != UNSET) + o.from_start +
	    (o.slot != NULL) + o.last;

	if (starts > 1)
		opt_usage("only one of --arrived-since, --from-start, --slot"
			  " and --last");
	if (o.slot != NULL &&
	    (o.since != UNSET || o.until != UNSET || o.cursor != NULL))
		opt_usage("--slot goes with none of --since, --until and -c");
	if (o.last && (o.cursor != NULL || o.until_end || o.meta))
		opt_usage("--last goes with none of -c, -e and --meta");
	if (o.live && !o.last)
		opt_usage("--live is for --last");
	if (o.command != NULL && o.cursor == NULL)
		opt_usage("-x needs a durable cursor, -c");
	if (o.command != NULL && !o.until_end && o.count < 0 && o.every == 0)
		opt_usage("-x needs -e, -n or --every to end a batch");
	if (o.command != NULL && o.file != NULL)
		opt_usage("-x and -o exclude each other");
	if (o.every > 0 && o.command == NULL)
		opt_usage("--every is for -x");
	if (o.columns != NULL && o.format != FORMAT_CSV &&
	    o.format != FORMAT_TSV)
		opt_usage("--columns is for -f csv and -f tsv");
	if (o.cursor != NULL && !wire_name_check(o.cursor, strlen(o.cursor)))
		opt_usage("cursor %s: not a name", o.cursor);
	if (o.slot != NULL)
		choose_slot();
	if (o.until != UNSET && o.until <= date_now())
		o.until_end = 1;
	else if (o.until != UNSET)
		s.until_due = date_mono() + (o.until - date_now());
}

static int
names_meta(const char *columns)
{
	for (const char *p = columns; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, ",");
		if ((n == 2 && memcmp(p, "rt", 2) == 0) ||
		    (n == 4 && memcmp(p, "from", 4) == 0) ||
		    (n == 3 && memcmp(p, "pos", 3) == 0))
			return 1;
		p += n + (p[n] == ',');
	}
	return 0;
}

static void
choose_format(void)
{
	const char *why, *no_color = getenv("NO_COLOR");
	int colour = o.file == NULL && o.command == NULL &&
	    isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == '\0');

	s.pick.since = o.since;
	s.pick.until = o.until;
	s.pick.meta = o.meta || names_meta(o.columns);
	if (s.pick.meta && o.last)
		opt_usage("--last goes with none of the columns rt, from and"
			  " pos");
	if (o.columns == NULL && o.meta) {
		buf_adds(&s.columns, FORMAT_COLUMNS ",rt,from,pos");
		o.columns = buf_cstr(&s.columns);
	}
	s.format =
	    format_new((enum format_kind)o.format, o.columns, colour, &why);
	if (s.format == NULL)
		opt_usage("--columns %s: %s", o.columns, why);
	s.plain = o.format == FORMAT_JSON && !s.pick.meta && pick_all(&s.pick);
}

static void
open_sink(struct reader_options *r)
{
	const char *why;
	int bound = sink_open(&s.sink, o.file, o.cursor, &r->cursor, &why);

	if (bound < 0)
		die(errno == EINVAL	  ? EXIT_DATA
			: errno == EBUSY  ? EXIT_UNAVAILABLE
			: errno == ENOSPC ? EXIT_IO
					  : EXIT_CANTCREATE,
		    "%s: %s%s%s", o.file, why,
		    errno == EINVAL || errno == EBUSY ? "" : ": ",
		    errno == EINVAL || errno == EBUSY ? "" : strerror(errno));
	if (bound > 0) {
		r->start = WIRE_FROM_CURSOR;
		r->resume = 1;
	}
}

static void
choose_start(struct reader_options *r)
{
	if (o.arrived_since != UNSET) {
		r->start = WIRE_FROM_TIME;
		r->time = o.arrived_since;
	} else if (o.since != UNSET && !o.from_start) {
		r->start = WIRE_FROM_TIME;
		r->time = o.since - o.skew;
	} else if (o.from_start || (o.until_end && o.cursor == NULL)) {
		r->start = WIRE_FROM_BEGIN;
	} else {
		r->start = WIRE_FROM_NOW;
	}
	if (r->time < 0)
		r->time = 0;
	if (o.file != NULL)
		open_sink(r);
}

static void
report_lost(void)
{
	uint64_t lost = reader_lost(s.reader);

	if (lost > 0)
		warn("%llu events behind retention are skipped",
		    (unsigned long long)lost);
}

static void
open_reader(void)
{
	struct reader_options r = {
		.urls = o.broker ? o.broker : app_default_broker(),
		.retry = o.retry >= 0 ? o.retry : 5 * DATE_SECOND,
		.again = o.retry >= 0 ? o.retry : 0,
		.filters = (const char *const *)s.filter,
		.nfilters = s.nfilters,
		.name = o.cursor,
		.to_end = o.until_end,
		.meta = s.pick.meta,
		.skip_gone = o.skip_gone,
	};
	const char *why;
	int status;

	choose_start(&r);
	s.reader = reader_open(&r, &status, &why);
	if (s.reader == NULL && status > 128)
		exit(status);
	if (s.reader == NULL)
		die(status, "%s", why);
	report_lost();
	s.connects = reader_connects(s.reader);
	s.from = *reader_position(s.reader);
	if (o.file != NULL && !r.resume && sink_commit(&s.sink, &s.from) != 0)
		die(EXIT_IO, "%s: %s", o.file, strerror(errno));
}

/* Output. */

static void
put(const char *p, size_t n)
{
	int got;

	if (n == 0)
		return;
	if (o.command != NULL)
		got = job_write(&s.job, p, n);
	else if (o.file != NULL)
		got = sink_write(&s.sink, p, n);
	else
		got = app_write(STDOUT_FILENO, p, n);
	if (got != 0)
		die(EXIT_IO, "%s: %s",
		    o.command	 ? "batch"
			: o.file ? o.file
				 : "standard output",
		    strerror(errno));
	s.bytes += n;
}

static void
put_header(void)
{
	if (!s.begun && (o.file == NULL || s.sink.length == 0))
		format_header(s.format, &s.out);
	s.begun = 1;
}

/* The event just picked, in its form. */
static void
take_event(void)
{
	char topic[TOPIC_MAX + 1];
	const char *why, *at = "";
	size_t n = 0;

	put_header();
	s.taken++;
	if (format_event(s.format, &s.pick.event,
		s.pick.meta ? &s.pick.origin : NULL, &s.out, &why) == 0)
		return;
	if (event_has(&s.pick.event, EVENT_TOPIC))
		at = event_topic(&s.pick.event, topic, &n);
	error("%.*s: %s", (int)n, at, why);
	s.bad++;
}

/* How many of the lines it takes to have all that -n asks for. */
static uint64_t
take_lines(const struct reader_batch *b)
{
	enum pick_result got = PICK_EVENT;
	const char *why;

	if (pick_batch(&s.pick, b) != 0)
		die(EXIT_PROTOCOL, "broker: lines without their origin");
	while ((o.count < 0 || s.taken < (uint64_t)o.count) &&
	    (got = pick_next(&s.pick, &why)) != PICK_END) {
		if (got == PICK_BROKEN)
			die(EXIT_PROTOCOL, "broker: damaged origin of lines");
		if (got == PICK_EVENT) {
			take_event();
			continue;
		}
		error("damaged event: %s", why);
		s.bad++;
	}
	put(s.out.p, s.out.len);
	buf_clear(&s.out);
	return s.pick.used;
}

static void
commit_by(int64_t due)
{
	if (s.commit_due == 0 || due < s.commit_due)
		s.commit_due = due;
}

/* 0, or -1: the reader has failed. */
static int
take(const struct reader_batch *b)
{
	int64_t now = date_mono();
	uint64_t before = s.taken, used = b->n;

	if (s.plain && (o.count < 0 || s.taken + b->n <= (uint64_t)o.count)) {
		put(b->lines, b->len);
		s.taken += b->n;
	} else {
		used = take_lines(b);
	}
	s.events += s.taken - before;
	if (s.taken > before)
		s.seen = now;
	if (o.cursor == NULL)
		return 0;
	if (used < b->n && reader_cut(s.reader, used) != READER_LINES)
		return -1;
	if (s.taken == before)
		commit_by(now + MOVED_PAUSE);
	else
		commit_by(o.file != NULL ? now + SINK_PAUSE : now);
	return 0;
}

/* What was read so far is written: move the cursor. */
static void
commit(void)
{
	s.commit_due = 0;
	if (o.cursor == NULL || (o.command != NULL && s.taken > 0) ||
	    !reader_moved(s.reader))
		return;
	if (o.file != NULL &&
	    sink_commit(&s.sink, reader_position(s.reader)) != 0)
		die(EXIT_IO, "%s: %s", o.file, strerror(errno));
	reader_commit(s.reader, reader_position(s.reader));
	s.from = *reader_position(s.reader);
}

static int
fail_reader(void)
{
	s.failed = 1;
	if (reader_status(s.reader) > 128)
		return reader_status(s.reader);
	error("%s", reader_why(s.reader));
	if (reader_status(s.reader) == EXIT_NOINPUT)
		note("--skip-gone goes on with the oldest event there is");
	return reader_status(s.reader);
}

static int
sync_cursor(int64_t time)
{
	switch (reader_sync(s.reader, date_mono() + time)) {
	case READER_FAILED: return fail_reader();
	case READER_NONE:
		error(
		    "cursor %s: the broker did not confirm its move", o.cursor);
		return EXIT_UNAVAILABLE;
	default: return EXIT_OK;
	}
}

/* Commands. */

/* Until the command ends, keep the cursor ours and pass signals on. */
static int
await_job(void)
{
	struct pollfd fds[] = { { .fd = s.job.pidfd, .events = POLLIN },
		{ .fd = reader_fd(s.reader), .events = POLLIN },
		{ .fd = app_signal_fd(), .events = POLLIN } };
	int told = 0;

	while (s.job.pidfd >= 0) {
		if (app_stop() != 0 && !told) {
			job_signal(&s.job, app_stop());
			told = 1;
		}
		if (fds[1].fd >= 0 && reader_tend(s.reader, 0) == READER_FAILED)
			fds[1].fd = -1;
		if (poll(fds, told ? 2 : 3, 1000) > 0 && fds[0].revents != 0)
			break;
	}
	return job_end(&s.job);
}

/* The batch is complete: EXIT_OK if it is done and committed. */
static int
run_job(void)
{
	struct wire_cursor to = *reader_position(s.reader);
	int status;

	if (s.taken == 0)
		return EXIT_OK;
	if (job_start(&s.job, o.command, &s.from, &to) != 0)
		die(EXIT_IO, "%s: %s", o.command, strerror(errno));
	status = await_job();
	if (status < 0)
		die(EXIT_IO, "%s: %s", o.command, strerror(errno));
	if (status > 0) {
		error("command ended with status %d: nothing is committed",
		    status);
		return status;
	}
	s.taken = 0;
	s.begun = 0;
	s.from = to;
	reader_commit(s.reader, &to);
	return sync_cursor(SYNC_TIME);
}

/* The loop. */

static int64_t
earliest(int64_t a, int64_t b)
{
	return b > 0 && b < a ? b : a;
}

static int64_t
next_deadline(void)
{
	int64_t due = INT64_MAX;

	if (o.timeout > 0)
		due = earliest(due, s.started + o.timeout);
	if (o.idle > 0)
		due = earliest(due, s.seen + o.idle);
	due = earliest(due, s.until_due);
	due = earliest(due, s.every_due);
	return earliest(due, s.commit_due);
}

enum { GO_ON = -1 };

/* All that was asked for has come: the last batch, and our status. */
static int
ended(void)
{
	int status = o.command != NULL ? run_job() : EXIT_OK;

	if (status != EXIT_OK)
		return status;
	return s.events > 0 ? EXIT_OK : EXIT_NO;
}

/* What the clock asks for: GO_ON, or the status to leave with. */
static int
see_clock(void)
{
	int64_t now = date_mono();
	int status = GO_ON;

	if (s.commit_due > 0 && now >= s.commit_due)
		commit();
	if (s.every_due > 0 && now >= s.every_due) {
		if ((status = run_job()) != EXIT_OK)
			return status;
		s.every_due = date_mono() + o.every;
		status = GO_ON;
	}
	if (o.timeout > 0 && now >= s.started + o.timeout)
		return EXIT_TIMEOUT;
	if ((o.idle > 0 && now >= s.seen + o.idle) ||
	    (s.until_due > 0 && now >= s.until_due))
		return ended();
	return status;
}

/* -n: all that was asked for, or one more batch for the command. */
static int
see_count(void)
{
	int status;

	if (o.count < 0 || s.taken < (uint64_t)o.count)
		return GO_ON;
	if (o.command == NULL)
		return EXIT_OK;
	status = run_job();
	return status == EXIT_OK ? GO_ON : status;
}

/*
 * How many events to ask for at most.  Where many are wanted, or which ones
 * only shows here, fetching ahead and cutting the last batch costs less.
 */
static uint64_t
room(void)
{
	if (o.count < 0 || o.count > EXACT_MAX || !pick_all(&s.pick))
		return 0;
	return (uint64_t)o.count - s.taken;
}

static void
see_connection(void)
{
	if (reader_connects(s.reader) == s.connects)
		return;
	s.connects = reader_connects(s.reader);
	note("connected again");
}

static int
follow(void)
{
	struct reader_batch batch;
	int status = GO_ON;

	while (status == GO_ON) {
		reader_limit(s.reader, room());
		switch (reader_next(s.reader, &batch, next_deadline())) {
		case READER_LINES:
			if (take(&batch) < 0)
				return fail_reader();
			status = see_count();
			break;
		case READER_NONE: break;
		case READER_END: return ended();
		case READER_STOPPED: return 128 + app_stop();
		case READER_FAILED: return fail_reader();
		}
		report_lost();
		see_connection();
		if (status == GO_ON)
			status = see_clock();
	}
	return status;
}

static int
last_values(void)
{
	struct reader_batch batch;
	enum reader_result got = READER_LINES;

	while (see_count() == GO_ON &&
	    (got = reader_last(s.reader, &batch)) == READER_LINES)
		take(&batch);
	if (got == READER_FAILED)
		return fail_reader();
	if (got == READER_STOPPED)
		return 128 + app_stop();
	if (o.live && see_count() == GO_ON)
		return follow();
	return s.events > 0 ? EXIT_OK : EXIT_NO;
}

/* A cursor that is only to be set up is made durable all the same. */
static int
set_up(void)
{
	reader_commit(s.reader, reader_position(s.reader));
	return EXIT_OK;
}

static void
print_stats(void)
{
	double time = (double)(date_mono() - s.started) / DATE_SECOND;

	if (o.stats)
		note("%llu events, %llu bytes, %.3f s, %.0f events/s",
		    (unsigned long long)s.events, (unsigned long long)s.bytes,
		    time, time > 0 ? (double)s.events / time : 0.0);
}

/* Commit what was written, give everything back. */
static int
finish(int status)
{
	int leaving = status > 128, synced = EXIT_OK;

	if (s.commit_due > 0)
		commit();
	if (o.cursor != NULL && !s.failed)
		synced = sync_cursor(leaving ? LEAVE_TIME : SYNC_TIME);
	if (o.file != NULL && sink_close(&s.sink) != 0)
		die(EXIT_IO, "%s: %s", o.file, strerror(errno));
	if (status == EXIT_OK)
		status = synced;
	if (status == EXIT_OK && s.bad > 0)
		status = EXIT_DATA;
	print_stats();
	reader_close(s.reader);
	job_fini(&s.job);
	format_free(s.format);
	topic_set_fini(&s.filters);
	for (size_t i = 0; i < s.nfilters; i++)
		free(s.filter[i]);
	free(s.filter);
	buf_fini(&s.out);
	buf_fini(&s.columns);
	if (o.file == NULL && close(STDOUT_FILENO) != 0 && errno != EBADF)
		die(EXIT_IO, "standard output: %s", strerror(errno));
	return status;
}

int
main(int argc, char **argv)
{
	int operand = opt_parse(&command, argc, argv);

	app_signals();
	choose_filters(argc, argv, operand);
	check_options();
	choose_format();
	job_init(&s.job);
	open_reader();
	app_pipe_size(STDOUT_FILENO);
	app_ready((int)o.ready_fd);
	s.started = s.seen = date_mono();
	if (o.every > 0)
		s.every_due = s.started + o.every;
	if (o.count == 0)
		return finish(set_up());
	return finish(o.last ? last_values() : follow());
}
