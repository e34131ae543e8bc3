/*
 * sg-pub: event lines from standard input or files to a broker, each once
 * and in order, over a spool on disk if there is one.
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/app.h"
#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "base/opt.h"
#include "base/stats.h"
#include "bus/client.h"
#include "bus/mark.h"
#include "bus/outbox.h"
#include "bus/reach.h"
#include "event/fill.h"
#include "event/ident.h"
#include "event/line.h"
#include "event/topic.h"
#include "trust/cert.h"

/* Microseconds. */
enum {
	LEAVE_TIME = 2 * DATE_SECOND, /* for answers, when asked to leave */
	BYE_TIME = DATE_SECOND,
	PROGRESS_TIME = DATE_SECOND
};

enum { FILE_SHIFT = 48, PATH_BYTES = 4096 };

static struct {
	const char *topic, *src, *dead, *spool;
	int64_t spool_size, timeout, retry, ready_fd, ack_fd;
	int strict, stats, require_twin;
} o = {
	.spool_size = INT64_C(1) << 30,
	.retry = 5 * DATE_SECOND,
	.ready_fd = -1,
	.ack_fd = -1,
};

static const struct opt options[] = {
	{ 0, "reach", OPT_GROUP, NULL, NULL, reach_rows },
	{ 't', "topic", OPT_STRING, "TOPIC", "for lines that carry none",
	    &o.topic },
	{ 0, "src", OPT_STRING, "NAME", "our name (user@host)", &o.src },
	{ 0, "spool", OPT_STRING, "DIR", "store there until delivered",
	    &o.spool },
	{ 0, "spool-size", OPT_SIZE, "SIZE", "bytes of it at most (1G)",
	    &o.spool_size },
	{ 'w', "timeout", OPT_DURATION, "DUR", "stop after DUR with status 124",
	    &o.timeout },
	{ 0, "retry", OPT_DURATION, "DUR", "give up without a broker (5s)",
	    &o.retry },
	{ 0, "require-twin", OPT_FLAG, NULL,
	    "delivered is what both brokers have", &o.require_twin },
	{ 0, "dead", OPT_STRING, "FILE", "append bad lines to FILE", &o.dead },
	{ 0, "strict", OPT_FLAG, NULL, "stop at the first bad line",
	    &o.strict },
	{ 0, "ack-fd", OPT_INT, "FD", "write numbers of safe lines there",
	    &o.ack_fd },
	{ 0, "ready-fd", OPT_INT, "FD", "write a line there when connected",
	    &o.ready_fd },
	{ 0, "stats", OPT_FLAG, NULL, "count on standard error at the end",
	    &o.stats },
	{ 0 },
};

static const struct opt_command command = {
	"sg-pub",
	"publish event lines to a broker",
	"[FILE]...",
	options,
	{ "sg-csv feeder.csv | sg-pub",
	    "echo '{\"v\":21.5,\"u\":\"Cel\"}' | sg-pub -t "
	    "MEASUREMENT/SENSOR/7/Temperature" },
};

/* What a run carries along. */
static struct {
	struct reach reach;
	struct line_in in;
	struct fill fill;
	struct ident ident;
	struct outbox *outbox;
	struct buf src;
	const char *from; /* who publishes: the subject, or else src */
	uint64_t *base;	  /* lines before each file */
	uint64_t acked;	  /* last line written to --ack-fd */
	int file;	  /* the current one, from 0 */
	int ended;	  /* there is no more input */
	int waiting;	  /* no whole line is buffered */
	int unread;	  /* a file could not be opened or read */
	int denied;	  /* a line, by a rule of our certificate */
	int guessed;	  /* from is what this user is called here */
	int marks;	  /* have come */
	int abandoned;	  /* lines behind the last one */
	int stopped;	  /* by one that cannot be */
	struct mark mark;
	int64_t started, told;
	int progress;
} s = { .ident = { .fd = -1 } };

/* "user@host", with what a name may not have replaced. */
static const char *
default_src(void)
{
	const struct passwd *user = getpwuid(geteuid());
	char host[256] = "";
	size_t i;

	gethostname(host, sizeof host - 1);
	if (user != NULL)
		buf_addf(&s.src, "%s@%s", user->pw_name, host);
	else
		buf_addf(&s.src, "%u@%s", (unsigned)geteuid(), host);
	if (s.src.len > WIRE_NAME_MAX)
		s.src.len = WIRE_NAME_MAX;
	for (i = 0; i < s.src.len; i++)
		if (!wire_name_check(s.src.p + i, 1))
			s.src.p[i] = '_';
	return buf_cstr(&s.src);
}

/* Who publishes, and whose the lines are that do not say it. */
static void
open_reach(void)
{
	const char *why;
	int status;

	if (reach_open(&s.reach, o.retry, &status, &why) < 0)
		die(status, "%s", why);
	s.from = reach_subject(&s.reach);
	if (o.src != NULL && !wire_name_check(o.src, strlen(o.src)))
		opt_usage("--src %s: 1-64 of A-Z a-z 0-9 . _ : @ / -", o.src);
	if (o.src != NULL && s.from != NULL &&
	    !cert_may_source(s.reach.identity.cert, o.src, strlen(o.src), &why))
		die(EXIT_DENIED,
		    "--src %s: not %s and in none of its via patterns", o.src,
		    s.from);
	s.guessed = s.from == NULL && o.src == NULL;
	if (s.from == NULL)
		s.from = o.src != NULL ? o.src : default_src();
	if (o.src == NULL)
		o.src = s.from;
}

static void
check_options(void)
{
	const char *why;

	if (o.topic != NULL && *o.topic == '$')
		opt_usage("-t %s: reserved", o.topic);
	if (o.topic != NULL &&
	    (why = topic_check(o.topic, strlen(o.topic))) != NULL)
		opt_usage("-t %s: %s", o.topic, why);
}

static void
open_input(int argc, char **argv, int operand)
{
	line_open(&s.in, argv + operand, (size_t)(argc - operand));
	s.base = xcalloc(s.in.nfiles + 1, sizeof *s.base);
	s.in.strict = o.strict;
	if (o.dead != NULL && line_dead(&s.in, o.dead) < 0)
		die(EXIT_CANTCREATE, "%s: %s", o.dead, strerror(errno));
	s.fill.topic = o.topic;
	s.fill.src = o.src;
	s.progress = isatty(STDERR_FILENO) && !isatty(STDIN_FILENO);
}

static void
open_outbox(void)
{
	const struct outbox_options options_of = {
		.client = &s.reach.config,
		.from = s.from,
		.guessed = s.guessed,
		.owner = reach_subject(&s.reach),
		.spool = o.spool,
		.spool_size = o.spool_size,
		.require_twin = o.require_twin,
	};
	const char *why;
	int status;

	s.outbox = outbox_open(&options_of, &status, &why);
	if (s.outbox == NULL)
		die(status, "%s", why);
	if (outbox_cut(s.outbox) > 0)
		note("spool %s: cut off %llu bytes of an unfinished write",
		    o.spool, (unsigned long long)outbox_cut(s.outbox));
}

static void
open_ident(void)
{
	char dir[PATH_BYTES];

	if (app_state_dir(dir, sizeof dir, "ident") < 0 ||
	    ident_open(&s.ident, dir, o.src) < 0)
		die(EXIT_CANTCREATE, "counter of %s: %s", o.src,
		    strerror(errno));
	s.fill.ident = &s.ident;
}

/* Where the line last given stands, as the publisher's mark. */
static uint64_t
mark(void)
{
	int file = (int)s.in.file - 1;

	while (s.file < file) {
		s.file++;
		s.base[s.file + 1] = s.base[s.file];
	}
	s.base[file + 1] = s.base[file] + s.in.number;
	return (uint64_t)file << FILE_SHIFT | s.in.number;
}

/* Tell whoever feeds us which lines need not be kept any longer. */
static void
acknowledge(uint64_t line)
{
	struct buf b = { 0 };

	if (o.ack_fd < 0 || line <= s.acked)
		return;
	s.acked = line;
	buf_addu(&b, line);
	buf_addc(&b, '\n');
	if (app_write((int)o.ack_fd, b.p, b.len) < 0)
		die(EXIT_IO, "--ack-fd: %s", strerror(errno));
	buf_fini(&b);
}

/* Of the spool. */
static _Noreturn void
die_of_spool(void)
{
	die(EXIT_IO, "spool %s: %s", o.spool,
	    errno == EBADMSG ? "damaged" : strerror(errno));
}

/* 1 if another line may be taken. */
static int
has_room(void)
{
	int got = outbox_room(s.outbox);

	if (got < 0)
		die_of_spool();
	return got;
}

/* What is in hand goes its way: 1 if anything has left the spool. */
static int
push(void)
{
	int got = outbox_push(s.outbox, s.waiting || s.ended);

	if (got < 0)
		die_of_spool();
	return got;
}

static void
bad_line(const char *p, size_t n, const char *why)
{
	if (line_bad(&s.in, p, n, why) < 0)
		die(EXIT_IO, "%s: %s", s.in.name, strerror(errno));
}

/* How far what came before it has been read: it moves with that. */
static void
take_mark(const char *p, size_t n)
{
	const char *why;

	if (mark_parse(&s.mark, p, n, &why) == 0) {
		if (o.spool != NULL)
			die(EXIT_USAGE, "--spool goes not with marks");
		s.marks = 1;
		why = outbox_mark(s.outbox, &s.mark, mark());
		if (why == NULL)
			return;
	}
	/* Nothing after it can be told to belong anywhere. */
	bad_line(p, n, why);
	s.ended = s.stopped = 1;
}

static void
take_line(const char *p, size_t n)
{
	uint64_t at = mark();
	const char *why;
	enum fill_result did = fill_line(&s.fill, p, n, &why);

	if (did == FILL_MARK) {
		take_mark(p, n);
		return;
	}

	if (did == FILL_IDENT) {
		open_ident();
		did = fill_line(&s.fill, p, n, &why);
	}
	if (did == FILL_PLAIN)
		outbox_put(s.outbox, p, n, at);
	else if (did == FILL_MADE)
		outbox_put(s.outbox, s.fill.line.p, s.fill.line.len, at);
	else
		bad_line(p, n, why);
}

static void
input_failed(void)
{
	if (errno == EINTR)
		return;
	error("%s: %s", s.in.name, strerror(errno));
	if (s.in.name == s.in.dead_name)
		exit(EXIT_IO);
	s.unread = 1;
}

/* Lines without a mark behind them are made again by the next run. */
static void
abandon_rest(void)
{
	uint64_t n = outbox_abandon(s.outbox);

	if (n > 0)
		debug("%llu lines behind the last mark are dropped",
		    (unsigned long long)n);
	s.abandoned |= n > 0;
}

/* All whole lines that are buffered, as far as there is room. */
static void
take_lines(void)
{
	const char *p;
	size_t n;

	s.waiting = 0;
	while (!s.ended && !s.waiting && has_room()) {
		switch (line_take(&s.in, &p, &n)) {
		case LINE_GIVEN: take_line(p, n); break;
		case LINE_WAIT: s.waiting = 1; break;
		case LINE_END: s.ended = 1; break;
		case LINE_ERROR: input_failed(); break;
		}
	}
	if (s.ended && s.marks)
		abandon_rest();
}

/* A line that the broker refused, reported where it came from. */
static void
refused_line(const struct outbox_event *event)
{
	struct line_in now = s.in;
	struct buf why = { 0 };

	if (event->line == NULL) {
		error("%s", event->why);
		s.in.bad++;
		s.in.lost++;
		return;
	}
	buf_addf(&why, "refused by the broker: %s", event->why);
	s.denied |= strncmp(event->why, "denied: ", strlen("denied: ")) == 0;
	s.in.name = s.in.files[event->mark >> FILE_SHIFT];
	if (strcmp(s.in.name, "-") == 0)
		s.in.name = "stdin";
	s.in.number = event->mark & ((UINT64_C(1) << FILE_SHIFT) - 1);
	if (o.spool != NULL) {
		s.in.name = o.spool;
		s.in.number = event->number;
	}
	s.in.cr = 0;
	bad_line(event->line, event->n, buf_cstr(&why));
	s.in.name = now.name;
	s.in.number = now.number;
	s.in.cr = now.cr;
	buf_fini(&why);
}

static uint64_t
line_of(uint64_t at)
{
	return s.base[at >> FILE_SHIFT] +
	    (at & ((UINT64_C(1) << FILE_SHIFT) - 1));
}

static void
handle(const struct outbox_event *event)
{
	switch (event->result) {
	case OUTBOX_DELIVERED: acknowledge(line_of(event->mark)); break;
	case OUTBOX_REFUSED: refused_line(event); break;
	case OUTBOX_FULL: warn("the broker's disk is full; waiting"); break;
	case OUTBOX_BLOCKED:
		warn("spool %s is full; the input waits", o.spool);
		break;
	case OUTBOX_ALONE:
		warn("%llu events are on one broker only: its twin is away",
		    (unsigned long long)outbox_alone(s.outbox));
		break;
	case OUTBOX_BUSY:
		debug("as much as the broker allows: waiting %lld ms",
		    (long long)(event->wait / 1000));
		break;
	case OUTBOX_CONNECTED:
		if (client_generation(outbox_client(s.outbox)) > 1)
			note("connected to %s",
			    client_url(outbox_client(s.outbox)));
		break;
	case OUTBOX_NONE: break;
	}
}

/* Everything that has happened: EXIT_OK, or why not to go on. */
static int
take_answers(int64_t deadline)
{
	struct outbox_event event;
	int status;

	do {
		if (outbox_next(s.outbox, &event, deadline) < 0) {
			if (outbox_failed(s.outbox))
				die_of_spool();
			if (errno == EINTR)
				return EXIT_OK;
			if (errno == ETIMEDOUT && o.spool != NULL)
				return s.ended ? EXIT_QUEUED : EXIT_OK;
			status = reach_status(errno);
			error("%s", outbox_why(s.outbox));
			return status;
		}
		handle(&event);
		deadline = 0;
	} while (event.result != OUTBOX_NONE);
	return EXIT_OK;
}

static void
show_progress(void)
{
	const struct publisher_counts *c = outbox_counts(s.outbox);
	int64_t now = date_mono();

	if (!s.progress || now - s.told < PROGRESS_TIME)
		return;
	fprintf(stderr, "%llu events, %.0f/s\033[K\r",
	    (unsigned long long)c->events,
	    (double)c->events * DATE_SECOND / (double)(now - s.started));
	s.told = now;
}

static int64_t
earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
stall_due(void)
{
	return outbox_stall(s.outbox, s.ended, o.retry);
}

/* Sleep until there is input that fits, an answer, a signal or a time. */
static void
wait_for_work(int64_t deadline)
{
	struct pollfd fds[3] = {
		{ .fd = s.waiting ? line_fd(&s.in) : -1, .events = POLLIN },
		{ .fd = client_fd(outbox_client(s.outbox)), .events = POLLIN },
		{ .fd = app_signal_fd(), .events = POLLIN },
	};
	int64_t until = earliest(deadline, outbox_due(s.outbox));
	struct timespec wait = { 0 };
	int64_t left;

	until = earliest(until, stall_due());
	if (s.progress)
		until = earliest(until, s.told + PROGRESS_TIME);
	left = until - date_mono();
	if (left > 0) {
		wait.tv_sec = left / DATE_SECOND;
		wait.tv_nsec = left % DATE_SECOND * 1000;
	}
	if (ppoll(fds, 3, until == INT64_MAX ? NULL : &wait, NULL) <= 0)
		return;
	if (fds[0].revents == 0)
		return;
	if (o.spool != NULL)
		outbox_stir(s.outbox);
	if (line_fill(&s.in) < 0)
		input_failed();
}

/* Status when there is no more time: what is left may be only the twin's. */
static int
late(int status)
{
	return o.require_twin && outbox_pending(s.outbox) == 0 ? EXIT_QUEUED
							       : status;
}

/* Until the input has ended and all is delivered, or something says stop. */
static int
publish(int64_t deadline)
{
	int status;

	for (;;) {
		take_lines();
		push();
		status = take_answers(0);
		if (status != EXIT_OK)
			return status;
		if (s.ended && outbox_owed(s.outbox) == 0)
			return EXIT_OK;
		if (app_stop())
			return 128 + app_stop();
		if (date_mono() >= stall_due())
			return o.spool != NULL ? EXIT_QUEUED
					       : late(EXIT_UNAVAILABLE);
		if (date_mono() >= deadline)
			return late(EXIT_TIMEOUT);
		show_progress();
		/* The answers may have emptied the window. */
		if (push())
			continue;
		if (s.waiting || s.ended || !has_room())
			wait_for_work(deadline);
	}
}

/* Asked to leave: what is in hand goes out, its answers are waited for. */
static void
leave(void)
{
	int64_t deadline = date_mono() + LEAVE_TIME;

	do {
		take_lines();
		if (s.marks) {
			s.ended = 1;
			abandon_rest();
		}
		push();
		if (take_answers(outbox_owed(s.outbox) > 0 ? deadline : 0) !=
		    EXIT_OK)
			return;
	} while ((outbox_owed(s.outbox) > 0 || !(s.waiting || s.ended)) &&
	    date_mono() < deadline);
}

static void
report_alone(int status)
{
	unsigned long long n = outbox_alone(s.outbox);

	if (n > 0 && status == EXIT_QUEUED)
		error("%llu events are on one broker only, not on its twin", n);
	else if (n > 0)
		warn("%llu events are on one broker only: its twin is away%s",
		    n, o.spool != NULL ? "; they stay in the spool" : "");
}

static void
report_pending(int status)
{
	uint64_t at = 0;
	unsigned long long window = outbox_window(s.outbox, &at);
	unsigned long long n = outbox_pending(s.outbox);
	const char *file;

	report_alone(status);
	if (o.spool != NULL && n > 0)
		warn("%llu events stay in the spool %s", n, o.spool);
	if (o.spool != NULL || window == 0)
		return;
	file = s.in.files[at >> FILE_SHIFT];
	error("%llu lines not delivered as far as known, from %s:%llu on",
	    window, strcmp(file, "-") == 0 ? "stdin" : file,
	    (unsigned long long)(at & ((UINT64_C(1) << FILE_SHIFT) - 1)));
}

static void
print_stats(void)
{
	const struct publisher_counts *c = outbox_counts(s.outbox);
	struct buf b = { 0 };

	if (!o.stats)
		return;
	stats_begin(&b, command.name, s.in.lines, c->events, s.in.bad);
	stats_add(&b, "bytes", c->bytes);
	stats_add(&b, "frames", c->frames);
	stats_add(&b, "resent", c->resent);
	stats_end(&b, c->events, date_mono() - s.started);
}

/* Store what is in hand; whoever leaves events in the spool says so. */
static int
close_outbox(int status)
{
	uint64_t mark_of_last = 0;
	unsigned long long unstored;
	int left;

	if (outbox_store(s.outbox, &mark_of_last) < 0)
		die_of_spool();
	if (mark_of_last > 0)
		acknowledge(line_of(mark_of_last));
	left = outbox_owed(s.outbox) > 0;
	unstored = outbox_unstored(s.outbox);
	if (unstored > 0)
		error("%llu lines did not fit into the spool %s", unstored,
		    o.spool);
	print_stats();
	if (outbox_close(s.outbox) < 0)
		die_of_spool();
	return o.spool != NULL && left && status != EXIT_DENIED &&
		status != EXIT_PROTOCOL
	    ? EXIT_QUEUED
	    : status;
}

static int
finish(int status)
{
	if (status > 128)
		leave();
	if (status == EXIT_OK) {
		mark();
		if (!s.abandoned)
			acknowledge(s.base[s.in.nfiles]);
		outbox_bye(s.outbox, date_mono() + BYE_TIME);
	}
	if (s.progress)
		fputs("\033[K", stderr);
	report_pending(status);
	line_summary(&s.in);
	if (ident_close(&s.ident) < 0)
		warn("counter of %s: %s", o.src, strerror(errno));
	status = close_outbox(status);
	fill_fini(&s.fill);
	if (line_close(&s.in) < 0)
		die(EXIT_IO, "%s: %s", o.dead, strerror(errno));
	if (status == EXIT_OK)
		status = s.stopped ? EXIT_DATA : line_status(&s.in);
	if (status == EXIT_DATA && s.denied)
		status = EXIT_DENIED;
	if (status == EXIT_OK && s.unread)
		status = EXIT_NOINPUT;
	free(s.base);
	buf_fini(&s.src);
	reach_close(&s.reach);
	return status;
}

int
main(int argc, char **argv)
{
	int operand = opt_parse(&command, argc, argv);

	check_options();
	open_reach();
	app_signals();
	open_input(argc, argv, operand);
	open_outbox();
	app_ready((int)o.ready_fd);
	s.started = s.told = date_mono();
	return finish(
	    publish(o.timeout > 0 ? s.started + o.timeout : INT64_MAX));
}
