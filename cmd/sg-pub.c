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
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/app.h"
#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "base/opt.h"
#include "base/stats.h"
#include "bus/client.h"
#include "bus/publisher.h"
#include "bus/reach.h"
#include "bus/spool.h"
#include "event/fill.h"
#include "event/ident.h"
#include "event/line.h"
#include "event/topic.h"
#include "trust/cert.h"

/* Microseconds. */
enum {
	LEAVE_TIME = 2 * DATE_SECOND, /* for answers, when asked to leave */
	BYE_TIME = DATE_SECOND,
	PROGRESS_TIME = DATE_SECOND,
	BLOCKED_TIME = DATE_SECOND,   /* before a full spool is tried again */
	STALL_TIME = 5 * DATE_SECOND, /* of a broker that does not answer */
	ALONE_TIME = 2 * DATE_SECOND  /* of a twin, before that is told */
};

enum {
	FILE_SHIFT = 48,
	PATH_BYTES = 4096,
	BATCH = 65536, /* bytes of a spooled frame before its last line */
	SYNC = 1048576 /* bytes of spooled frames before a sync */
};

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
	struct client *client;
	struct publisher *publisher;
	struct spool *spool;
	struct buf batch; /* lines on their way into the spool */
	uint32_t batch_n;
	uint64_t batch_last; /* number of the last line read */
	size_t unsynced;     /* bytes in the spool */
	int blocked;	     /* the spool is full */
	uint64_t fed;	     /* last number taken from the spool */
	int64_t moved;	     /* when something was delivered or read */
	int64_t alone;	     /* since when one broker has more than its twin */
	int told_alone;
	struct buf src;
	const char *from; /* who publishes: the subject, or else src */
	uint64_t *base;	  /* lines before each file */
	uint64_t acked;	  /* last line written to --ack-fd */
	int file;	  /* the current one, from 0 */
	int ended;	  /* there is no more input */
	int waiting;	  /* no whole line is buffered */
	int unread;	  /* a file could not be opened or read */
	int denied;	  /* a line, by a rule of our certificate */
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

static uint64_t
random_chan(void)
{
	uint64_t chan = 0;

	if (getrandom(&chan, sizeof chan, 0) < 0 || chan == 0)
		die(EXIT_BUG, "no random numbers");
	return chan;
}

static void
open_spool(void)
{
	const char *why;

	s.spool = spool_open(o.spool, s.from, o.spool_size, &why);
	if (s.spool == NULL)
		die(errno == EWOULDBLOCK   ? EXIT_UNAVAILABLE
			: errno == ENOTSUP ? EXIT_CONFIG
			: errno == EBADMSG ? EXIT_IO
					   : EXIT_CANTCREATE,
		    "spool %s: %s", o.spool, why);
	if (reach_subject(&s.reach) != NULL &&
	    strcmp(spool_from(s.spool), s.from) != 0)
		die(EXIT_DENIED, "spool %s: it is %s's, the key is %s's",
		    o.spool, spool_from(s.spool), s.from);
	if (spool_cut(s.spool) > 0)
		note("spool %s: cut off %llu bytes of an unfinished write",
		    o.spool, (unsigned long long)spool_cut(s.spool));
}

static void
open_publisher(void)
{
	const char *why;

	if (o.spool != NULL)
		open_spool();
	s.client = o.spool ? client_begin(&s.reach.config, &why)
			   : client_open(&s.reach.config, &why);
	if (s.client == NULL)
		die(reach_status(errno), "%s", why);
	if (o.spool != NULL)
		s.publisher = publisher_new(s.client, spool_from(s.spool),
		    spool_chan(s.spool), spool_done(s.spool) + 1);
	else
		s.publisher = publisher_new(s.client, s.from, random_chan(), 1);
	if (o.require_twin)
		publisher_policy(s.publisher, PUBLISHER_HOLDS);
	else if (o.spool != NULL)
		publisher_policy(s.publisher, PUBLISHER_REWINDS);
	s.fed = o.spool != NULL ? spool_done(s.spool) : 0;
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

/*
 * Move the batch into the spool and make it durable once there is enough of
 * it, or at once: 0, or -1 if the spool is full.
 */
static int
store_batch(int now)
{
	if (s.batch_n > 0 &&
	    spool_add(s.spool, s.batch.p, s.batch.len, s.batch_n) < 0) {
		if (errno != ENOSPC)
			die(EXIT_IO, "spool %s: %s", o.spool, strerror(errno));
		if (!s.blocked)
			warn("spool %s is full; the input waits", o.spool);
		s.blocked = 1;
		return -1;
	}
	s.unsynced += s.batch.len;
	s.batch_n = 0;
	s.blocked = 0;
	buf_clear(&s.batch);
	if (s.unsynced == 0 || (!now && s.unsynced < SYNC))
		return 0;
	if (spool_sync(s.spool) < 0)
		die(EXIT_IO, "spool %s: %s", o.spool, strerror(errno));
	s.unsynced = 0;
	acknowledge(s.batch_last);
	return 0;
}

/* 1 if another line may be taken. */
static int
has_room(void)
{
	if (s.spool == NULL)
		return publisher_room(s.publisher);
	return s.batch.len < BATCH || store_batch(0) == 0;
}

/* A checked line goes out or into the spool. */
static void
put_line(const char *p, size_t n, uint64_t at)
{
	if (s.spool == NULL) {
		publisher_add(s.publisher, p, n, at);
		return;
	}
	buf_add(&s.batch, p, n);
	buf_addc(&s.batch, '\n');
	s.batch_n++;
	s.batch_last = s.base[(at >> FILE_SHIFT) + 1];
}

/* From the spool to the broker, as far as the window goes: 1 if anything. */
static int
feed(void)
{
	struct spool_record r;
	int got, fed = 0;

	while (s.spool != NULL && publisher_room(s.publisher)) {
		got = spool_next(s.spool, &r);
		if (got < 0)
			die(EXIT_IO, "spool %s: %s", o.spool,
			    errno == EBADMSG ? "damaged" : strerror(errno));
		if (got == 0)
			break;
		publisher_add_frame(s.publisher, r.lines, r.len, r.n, 0);
		s.fed = r.first + r.n - 1;
		fed = 1;
	}
	return fed;
}

static void
bad_line(const char *p, size_t n, const char *why)
{
	if (line_bad(&s.in, p, n, why) < 0)
		die(EXIT_IO, "%s: %s", s.in.name, strerror(errno));
}

static void
take_line(const char *p, size_t n)
{
	uint64_t at = mark();
	const char *why;
	enum fill_result did = fill_line(&s.fill, p, n, &why);

	if (did == FILL_IDENT) {
		open_ident();
		did = fill_line(&s.fill, p, n, &why);
	}
	if (did == FILL_PLAIN)
		put_line(p, n, at);
	else if (did == FILL_MADE)
		put_line(s.fill.line.p, s.fill.line.len, at);
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
	if (s.spool != NULL)
		store_batch(s.waiting || s.ended || s.blocked);
}

/* A line that the broker refused, reported where it came from. */
static void
refused_line(const struct publisher_event *event)
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
	if (s.spool != NULL) {
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

/* Delivered, unless it is to be safe and is not. */
static void
stored(const struct publisher_event *event)
{
	int safe = event->result == PUBLISHER_SAFE;
	int64_t now = date_mono();

	if (safe || !o.require_twin)
		s.moved = now;
	if (publisher_alone(s.publisher) == 0)
		s.alone = 0;
	else if (s.alone == 0)
		s.alone = now;
	if (s.spool == NULL && (safe || !o.require_twin) && event->mark > 0)
		acknowledge(line_of(event->mark));
	if (s.spool != NULL && safe &&
	    spool_release(s.spool, event->number) < 0)
		die(EXIT_IO, "spool %s: %s", o.spool, strerror(errno));
}

/* Another broker: it may lack what only the one before it was given. */
static void
rewind_spool(void)
{
	if (spool_rewind(s.spool) < 0)
		die(EXIT_IO, "spool %s: %s", o.spool,
		    errno == EBADMSG ? "damaged" : strerror(errno));
	s.fed = spool_done(s.spool);
	publisher_restart(s.publisher, s.fed + 1);
}

static void
connected(void)
{
	if (client_generation(s.client) > 1)
		note("connected to %s", client_url(s.client));
}

/* That one broker alone goes on is no fault of it, but a risk. */
static void
watch_twin(void)
{
	if (s.alone == 0 || s.told_alone || date_mono() - s.alone < ALONE_TIME)
		return;
	s.told_alone = 1;
	warn("%llu events are on one broker only: its twin is away",
	    (unsigned long long)publisher_alone(s.publisher));
}

static void
handle(const struct publisher_event *event)
{
	switch (event->result) {
	case PUBLISHER_SAFE:
	case PUBLISHER_LOCAL: stored(event); break;
	case PUBLISHER_REWIND:
		rewind_spool();
		connected();
		break;
	case PUBLISHER_REFUSED: refused_line(event); break;
	case PUBLISHER_FULL: warn("the broker's disk is full; waiting"); break;
	case PUBLISHER_BUSY:
		debug("as much as the broker allows: waiting %lld ms",
		    (long long)(event->wait / 1000));
		break;
	case PUBLISHER_CONNECTED: connected(); break;
	case PUBLISHER_NONE: break;
	}
}

/* Everything that has happened: EXIT_OK, or why not to go on. */
static int
take_answers(int64_t deadline)
{
	struct publisher_event event;

	do {
		if (publisher_next(s.publisher, &event, deadline) < 0) {
			if (errno == EINTR)
				return EXIT_OK;
			if (errno == ETIMEDOUT && s.spool != NULL)
				return s.ended ? EXIT_QUEUED : EXIT_OK;
			error("%s", publisher_why(s.publisher));
			return reach_status(errno);
		}
		handle(&event);
		deadline = 0;
	} while (event.result != PUBLISHER_NONE);
	return EXIT_OK;
}

/* Events that no broker has yet. */
static uint64_t
pending(void)
{
	uint64_t at, n = publisher_pending(s.publisher, &at);

	if (s.spool != NULL)
		n += spool_end(s.spool) - s.fed + s.batch_n;
	return n;
}

/* Events that are not delivered in the sense of the options. */
static uint64_t
owed(void)
{
	return pending() + (o.require_twin ? publisher_alone(s.publisher) : 0);
}

static void
show_progress(void)
{
	const struct publisher_counts *c = publisher_counts(s.publisher);
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

/* When waiting for a twin, or for a spool to empty, is over. */
static int64_t
stall_due(void)
{
	int64_t since = s.alone > s.moved ? s.alone : s.moved;

	if (o.require_twin && s.alone > 0 &&
	    (s.ended || s.blocked || !publisher_room(s.publisher)))
		return since + o.retry;
	return s.spool != NULL && s.ended ? s.moved + o.retry + STALL_TIME
					  : INT64_MAX;
}

/* Sleep until there is input that fits, an answer, a signal or a time. */
static void
wait_for_work(int64_t deadline)
{
	struct pollfd fds[3] = {
		{ .fd = s.waiting ? line_fd(&s.in) : -1, .events = POLLIN },
		{ .fd = client_fd(s.client), .events = POLLIN },
		{ .fd = app_signal_fd(), .events = POLLIN },
	};
	int64_t until = earliest(deadline, publisher_due(s.publisher));
	struct timespec wait = { 0 };
	int64_t left;

	if (s.blocked)
		until = earliest(until, date_mono() + BLOCKED_TIME);
	until = earliest(until, stall_due());
	if (s.alone > 0 && !s.told_alone)
		until = earliest(until, s.alone + ALONE_TIME);
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
	if (s.spool != NULL)
		s.moved = date_mono();
	if (line_fill(&s.in) < 0)
		input_failed();
}

/* Status when there is no more time: what is left may be only the twin's. */
static int
late(int status)
{
	return o.require_twin && pending() == 0 ? EXIT_QUEUED : status;
}

/* Until the input has ended and all is delivered, or something says stop. */
static int
publish(int64_t deadline)
{
	int status;

	for (;;) {
		take_lines();
		feed();
		publisher_flush(s.publisher);
		status = take_answers(0);
		if (status != EXIT_OK)
			return status;
		if (s.ended && owed() == 0)
			return EXIT_OK;
		if (app_stop())
			return 128 + app_stop();
		if (date_mono() >= stall_due())
			return s.spool != NULL ? EXIT_QUEUED
					       : late(EXIT_UNAVAILABLE);
		if (date_mono() >= deadline)
			return late(EXIT_TIMEOUT);
		watch_twin();
		show_progress();
		/* The answers may have emptied the window. */
		if (feed())
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
		feed();
		publisher_flush(s.publisher);
		if (take_answers(owed() > 0 ? deadline : 0) != EXIT_OK)
			return;
	} while (
	    (owed() > 0 || !(s.waiting || s.ended)) && date_mono() < deadline);
}

static void
report_alone(int status)
{
	unsigned long long n = publisher_alone(s.publisher);

	if (n > 0 && status == EXIT_QUEUED)
		error("%llu events are on one broker only, not on its twin", n);
	else if (n > 0)
		warn("%llu events are on one broker only: its twin is away%s",
		    n, s.spool != NULL ? "; they stay in the spool" : "");
}

static void
report_pending(int status)
{
	uint64_t at = 0;
	uint64_t n = publisher_pending(s.publisher, &at);
	const char *file;

	report_alone(status);
	if (s.spool != NULL && pending() > 0)
		warn("%llu events stay in the spool %s",
		    (unsigned long long)pending(), o.spool);
	if (s.spool != NULL || n == 0)
		return;
	file = s.in.files[at >> FILE_SHIFT];
	error("%llu lines not delivered as far as known, from %s:%llu on",
	    (unsigned long long)n, strcmp(file, "-") == 0 ? "stdin" : file,
	    (unsigned long long)(at & ((UINT64_C(1) << FILE_SHIFT) - 1)));
}

static void
print_stats(void)
{
	const struct publisher_counts *c = publisher_counts(s.publisher);
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
close_spool(int status)
{
	int left;

	if (s.spool == NULL)
		return status;
	store_batch(1);
	left = owed() > 0;
	if (s.batch_n > 0)
		error("%lu lines did not fit into the spool %s",
		    (unsigned long)s.batch_n, o.spool);
	if (spool_close(s.spool) < 0)
		die(EXIT_IO, "spool %s: %s", o.spool, strerror(errno));
	buf_fini(&s.batch);
	return left && status != EXIT_DENIED && status != EXIT_PROTOCOL
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
		acknowledge(s.base[s.in.nfiles]);
	}
	/* A spool's channel lives on. */
	if (status == EXIT_OK && s.spool == NULL)
		publisher_bye(s.publisher, date_mono() + BYE_TIME);
	if (s.progress)
		fputs("\033[K", stderr);
	report_pending(status);
	line_summary(&s.in);
	if (ident_close(&s.ident) < 0)
		warn("counter of %s: %s", o.src, strerror(errno));
	client_close(s.client);
	status = close_spool(status);
	print_stats();
	publisher_free(s.publisher);
	fill_fini(&s.fill);
	if (line_close(&s.in) < 0)
		die(EXIT_IO, "%s: %s", o.dead, strerror(errno));
	if (status == EXIT_OK)
		status = line_status(&s.in);
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
	open_publisher();
	app_ready((int)o.ready_fd);
	s.started = s.told = s.moved = date_mono();
	return finish(
	    publish(o.timeout > 0 ? s.started + o.timeout : INT64_MAX));
}
