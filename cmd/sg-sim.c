/*
 * sg-sim - Events of simulated meters: as lines on standard output, or to a
 * broker, over a connection for each meter, counting what becomes of them.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/opt.h"
#include "base/stats.h"
#include "bus/reach.h"
#include "bus/swarm.h"
#include "event/line.h"
#include "grid/fleet.h"
#include "trust/identity.h"

enum {
	FILES = 32,    /* that are not connections */
	SIZE = 800,    /* of the paper's events */
	GATHER = 4000, /* us: output is written no more often */
	PROGRESS_TIME = DATE_SECOND,
	LEAVE_TIME = 2 * DATE_SECOND,
	BYE_TIME = 10 * DATE_SECOND
};

enum report { REPORT_TEXT, REPORT_JSON };

static const char *const reports[] = { "text", "json", NULL };

static struct {
	const char *broker, *topic, *rate, *speed;
	int insecure, format, stats;
	int64_t count, first, seed, period, jitter, size, since, length, limit;
	int64_t spread, connect_rate, every, drop_every;
	int64_t timeout, retry, ready_fd;
} o = {
	.topic = "MEASUREMENT/METER/{meter}/Load",
	.format = -1,
	.count = 1,
	.first = 1,
	.size = -1,
	.since = INT64_MIN,
	.spread = -1,
	.connect_rate = -1,
	.timeout = -1,
	.retry = -1,
	.ready_fd = -1,
};

static const struct opt options[] = {
	{ 'n', "count", OPT_INT, "N", "meters (1)", &o.count },
	{ 0, "first", OPT_INT, "N", "number of the first one (1)", &o.first },
	{ 0, "seed", OPT_INT, "N", "of all that is random (0)", &o.seed },
	{ 0, "rate", OPT_STRING, "N/DUR", "events of each meter (1/s)",
	    &o.rate },
	{ 0, "period", OPT_DURATION, "DUR", "the same: one in DUR", &o.period },
	{ 0, "jitter", OPT_DURATION, "DUR", "each up to DUR late at random",
	    &o.jitter },
	{ 't', "topic", OPT_STRING, "TOPIC",
	    "with {meter} (MEASUREMENT/METER/{meter}/Load)", &o.topic },
	{ 0, "size", OPT_SIZE, "SIZE",
	    "exact bytes of a line; 0: as it comes (-b: 800)", &o.size },
	{ 's', "since", OPT_TIME, "TIME", "when it begins (now)", &o.since },
	{ 0, "for", OPT_DURATION, "DUR", "how long, in the meters' time",
	    &o.length },
	{ 0, "limit", OPT_INT, "N", "events of all meters, at most", &o.limit },
	{ 0, "speed", OPT_STRING, "Nx",
	    "the meters' time to ours (1x); max: do not wait", &o.speed },
	{ 'b', "broker", OPT_STRING, "URL",
	    "publish, over a connection for each meter", &o.broker },
	{ 0, "identity", OPT_GROUP, NULL, NULL, identity_rows },
	{ 0, "insecure", OPT_FLAG, NULL, "plain text over tcp, without a key",
	    &o.insecure },
	{ 0, "spread", OPT_INT, "N",
	    "connections of one loopback address (10000)", &o.spread },
	{ 0, "connect-rate", OPT_INT, "N",
	    "connections begun a second; 0: at once (5000)", &o.connect_rate },
	{ 0, "drop-every", OPT_DURATION, "DUR",
	    "then close all connections at once", &o.drop_every },
	{ 0, "every", OPT_DURATION, "DUR", "report on the way", &o.every },
	{ 'f', "format", OPT_CHOICE, "FORMAT", "reports as", &o.format,
	    .choices = reports },
	{ 'w', "timeout", OPT_DURATION, "DUR",
	    "for acknowledgements at the end (10s)", &o.timeout },
	{ 0, "retry", OPT_DURATION, "DUR", "give up without a broker (5s)",
	    &o.retry },
	{ 0, "ready-fd", OPT_INT, "FD", "write a line there when connected",
	    &o.ready_fd },
	{ 0, "stats", OPT_FLAG, NULL, "count on standard error at the end",
	    &o.stats },
	{ 0 },
};

static const struct opt_command command = {
	"sg-sim",
	"simulate meters",
	NULL,
	options,
	{ "sg-sim -n 3 --limit 6 --speed max",
	    "sg-sim -n 1000 --rate 1/m --speed 60x --for 1h | sg-pub" },
};

static struct {
	struct fleet *fleet;
	struct swarm *swarm;
	struct identity identity;
	int64_t speed; /* millionths; 0: do not wait */
	int64_t begun; /* date_mono() time of o.since */
	int64_t told, dropped;
	struct line_out out;
} s;

/* When the meters' time is t. */
static int64_t
moment(int64_t t)
{
	if (t == INT64_MAX)
		return INT64_MAX;
	return s.begun +
	    (int64_t)((__int128)(t - o.since) * DATE_SECOND / s.speed);
}

static int64_t
due(void *ctx, uint32_t meter, uint64_t k)
{
	return moment(fleet_due(ctx, meter, k));
}

static void
line(void *ctx, uint32_t meter, uint64_t k, struct buf *out)
{
	fleet_line(ctx, meter, k, out);
}

static const char *
name(void *ctx, uint32_t meter)
{
	return fleet_name(ctx, meter);
}

static void
output(int status)
{
	if (status < 0)
		die(EXIT_IO, "standard output: %s", strerror(errno));
}

/* --- to standard output --- */

/* Sleep until then, or a signal. */
static void
wait_until(int64_t then)
{
	struct pollfd fd = { .fd = app_signal_fd(), .events = POLLIN };
	int64_t left = then - date_mono();
	struct timespec t;

	if (left <= 0)
		return;
	t = (struct timespec){ left / DATE_SECOND, left % DATE_SECOND * 1000 };
	ppoll(&fd, 1, &t, NULL);
}

static uint64_t
print_events(void)
{
	struct fleet_event e;
	struct buf b = { 0 };
	uint64_t n = 0;
	int64_t at, flushed = 0;

	while (!app_stop() && fleet_next(s.fleet, &e)) {
		at = s.speed > 0 ? moment(e.due) : 0;
		while (at > date_mono() && !app_stop()) {
			output(line_out_flush(&s.out));
			wait_until(
			    at > flushed + GATHER ? at : flushed + GATHER);
			flushed = date_mono();
		}
		if (app_stop())
			break;
		buf_clear(&b);
		fleet_line(s.fleet, e.meter, e.k, &b);
		output(line_out_add(&s.out, b.p, b.len));
		n++;
	}
	buf_fini(&b);
	return n;
}

/* --- to a broker --- */

static void
report(void)
{
	struct buf b = { 0 };

	if (o.format == REPORT_JSON)
		swarm_event(s.swarm, "STATUS/SIM", &b);
	else
		swarm_text(s.swarm, &b);
	output(line_out_add(&s.out, b.p, b.len));
	output(line_out_flush(&s.out));
	buf_fini(&b);
}

static void
show_progress(int64_t now)
{
	const struct swarm_counts *c;

	if (!isatty(STDERR_FILENO) || now - s.told < PROGRESS_TIME)
		return;
	c = swarm_counts(s.swarm);
	s.told = now;
	fprintf(stderr, "%u of %u open, %llu events, %llu pending\033[K\r",
	    c->open, c->connections, (unsigned long long)c->acked,
	    (unsigned long long)(c->sent - c->acked));
}

static void
turn(int64_t deadline)
{
	int64_t now;

	if (swarm_turn(s.swarm, deadline) < 0)
		die(errno == EPROTO ? EXIT_PROTOCOL : EXIT_IO, "%s",
		    swarm_why(s.swarm));
	now = date_mono();
	show_progress(now);
}

/* All connections, or as long as more of them open in time. */
static void
connect_all(void)
{
	const struct swarm_counts *c = swarm_counts(s.swarm);
	uint64_t opened = 0;
	int64_t end = date_mono() + o.retry;

	while (c->open < c->connections && !app_stop()) {
		turn(end);
		c = swarm_counts(s.swarm);
		if (c->opened > opened)
			end = date_mono() + o.retry;
		opened = c->opened;
		if (date_mono() < end)
			continue;
		die(swarm_denied(s.swarm) ? EXIT_DENIED : EXIT_UNAVAILABLE,
		    "%u of %u connections: %s", c->open, c->connections,
		    swarm_why(s.swarm));
	}
}

static void
each_turn(int64_t *reported)
{
	int64_t now = date_mono();

	if (o.every > 0 && now >= *reported + o.every) {
		*reported += o.every;
		report();
	}
	if (o.drop_every > 0 && now >= s.dropped + o.drop_every) {
		s.dropped = now;
		swarm_drop(s.swarm);
	}
	turn(now + PROGRESS_TIME);
}

/* All events and their acknowledgements: 1, or 0 if some are missing. */
static int
publish_events(void)
{
	int64_t end, reported;

	s.begun = s.dropped = reported = date_mono();
	end = moment(fleet_end(s.fleet));
	end = end < INT64_MAX - o.timeout ? end + o.timeout : INT64_MAX;
	swarm_start(s.swarm);
	while (!swarm_finished(s.swarm) && !app_stop() && date_mono() < end)
		each_turn(&reported);
	if (!app_stop())
		return swarm_finished(s.swarm);
	swarm_stop(s.swarm);
	end = date_mono() + LEAVE_TIME;
	while (!swarm_finished(s.swarm) && date_mono() < end)
		turn(end);
	return swarm_finished(s.swarm);
}

static void
say_bye(void)
{
	int64_t end = date_mono() + BYE_TIME;

	swarm_bye(s.swarm);
	while (swarm_counts(s.swarm)->open > 0 && date_mono() < end)
		turn(end);
}

static void
open_swarm(void)
{
	struct swarm_config config = {
		.urls = o.broker,
		.insecure = o.insecure,
		.connections = (uint32_t)o.count,
		.spread = (uint32_t)o.spread,
		.connects = o.connect_rate,
		.pause_min = DATE_SECOND / 2,
		.pause_max = 10 * DATE_SECOND,
		.patience = 30 * DATE_SECOND,
		.source = { s.fleet, due, line, name },
	};
	const char *why, *src = fleet_name(s.fleet, 0);
	int status;

	switch (identity_open(&s.identity, &identity_given, &status, &why)) {
	case -1: die(status, "%s", why);
	case 0: break;
	default: config.identity = &s.identity;
	}
	if (config.identity != NULL &&
	    !cert_may_source(s.identity.cert, src, strlen(src), &why))
		die(EXIT_DENIED,
		    "%s is neither %s nor in its via patterns, such as METER/#",
		    src, s.identity.cert->subject);
	if (app_files() < o.count + FILES)
		die(EXIT_CONFIG,
		    "%lld connections need as many open files; the system "
		    "allows %lld (ulimit -Hn)",
		    (long long)o.count, (long long)app_files());
	s.swarm = swarm_new(&config, &why);
	if (s.swarm == NULL)
		die(reach_status(errno), "%s", why);
}

static int
run_swarm(void)
{
	const struct swarm_counts *c;
	int all, status = EXIT_OK;

	open_swarm();
	connect_all();
	if (!app_stop())
		app_ready((int)o.ready_fd);
	all = publish_events();
	report();
	c = swarm_counts(s.swarm);
	if (c->lost + c->failed > 0)
		note("the last connection lost: %s", swarm_why(s.swarm));
	if (c->refused > 0) {
		error("%llu events were refused, the last since %s",
		    (unsigned long long)c->refused, swarm_why(s.swarm));
		status = EXIT_DATA;
	}
	if (!all && !app_stop()) {
		error("%llu events were not acknowledged; %s",
		    (unsigned long long)(c->sent - c->acked),
		    swarm_why(s.swarm));
		status = EXIT_TIMEOUT;
	}
	if (all)
		say_bye();
	return status;
}

/* --- options --- */

static void
need_broker(int given, const char *option)
{
	if (given && o.broker == NULL)
		opt_usage("%s needs --broker", option);
}

static int64_t
standard(int64_t given, int64_t otherwise)
{
	return given < 0 ? otherwise : given;
}

static void
check_broker_options(void)
{
	need_broker(o.insecure, "--insecure");
	need_broker(o.spread >= 0, "--spread");
	need_broker(o.connect_rate >= 0, "--connect-rate");
	need_broker(o.drop_every > 0, "--drop-every");
	need_broker(o.every > 0, "--every");
	need_broker(o.format >= 0, "--format");
	need_broker(o.timeout >= 0, "--timeout");
	need_broker(o.retry >= 0, "--retry");
	need_broker(o.ready_fd >= 0, "--ready-fd");
	if (o.spread == 0)
		opt_usage("--spread: must be above 0");
	if (o.broker != NULL && s.speed == 0)
		opt_usage("--speed max is for standard output");
	o.spread = standard(o.spread, 10000);
	o.connect_rate = standard(o.connect_rate, 5000);
	o.timeout = standard(o.timeout, 10 * DATE_SECOND);
	o.retry = standard(o.retry, 5 * DATE_SECOND);
	o.size = standard(o.size, o.broker != NULL ? SIZE : 0);
}

static struct fleet_rate
read_rate(void)
{
	struct fleet_rate rate = { 1, DATE_SECOND };
	const char *why;

	if (o.rate != NULL && o.period != 0)
		opt_usage("--rate and --period exclude each other");
	if (o.rate != NULL && (why = fleet_rate(o.rate, &rate)) != NULL)
		opt_usage("--rate %s: %s", o.rate, why);
	if (o.period != 0)
		rate.per = o.period;
	return rate;
}

static void
open_fleet(void)
{
	struct fleet_plan plan;
	const char *why;

	if (o.count > INT32_MAX || o.first > INT32_MAX)
		opt_usage("--count and --first: at most 2147483647");
	if (o.speed != NULL && (why = fleet_speed(o.speed, &s.speed)) != NULL)
		opt_usage("--speed %s: %s", o.speed, why);
	check_broker_options();
	if (o.since == INT64_MIN)
		o.since = date_now();
	plan = (struct fleet_plan){ .meters = (uint32_t)o.count,
		.first = (uint32_t)o.first,
		.seed = (uint64_t)o.seed,
		.since = o.since,
		.rate = read_rate(),
		.jitter = o.jitter,
		.length = o.length,
		.limit = o.limit,
		.size = (size_t)o.size,
		.topic = o.topic };
	s.fleet = fleet_new(&plan, &why);
	if (s.fleet == NULL)
		opt_usage("%s", why);
}

static void
print_stats(uint64_t in, uint64_t out, uint64_t bad)
{
	struct buf b = { 0 };

	if (!o.stats)
		return;
	stats_begin(&b, command.name, in, out, bad);
	stats_end(&b, out, date_mono() - s.begun);
}

int
main(int argc, char **argv)
{
	int status = EXIT_OK;
	const struct swarm_counts *c;
	uint64_t n;

	s.speed = DATE_SECOND;
	opt_parse(&command, argc, argv);
	open_fleet();
	app_signals();
	line_out_init(&s.out, STDOUT_FILENO, "standard output");
	s.begun = date_mono();
	if (o.broker != NULL) {
		status = run_swarm();
		c = swarm_counts(s.swarm);
		print_stats(c->sent, c->acked, c->refused);
	} else {
		n = print_events();
		print_stats(0, n, 0);
	}
	output(line_out_fini(&s.out));
	swarm_free(s.swarm);
	identity_close(&s.identity);
	fleet_free(s.fleet);
	return app_stop() ? 128 + app_stop() : status;
}
