/*
 * sg-proxy-enocean - Reads the packets of an EnOcean radio module and writes
 * event lines; COMMAND event lines on its standard input go to the devices.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/opt.h"
#include "base/stats.h"
#include "device/enocean/actuator.h"
#include "device/enocean/gateway.h"
#include "device/port.h"
#include "device/tape.h"
#include "event/line.h"

static struct {
	struct opt_list eep;
	const char *devices, *keys, *act, *record, *dead;
	int64_t baud, window, ready_fd;
	int learn, telegrams, signal, describe, list_topics, replay, real_time;
	int strict, stats;
} o = { .baud = 57600, .window = 250000, .ready_fd = -1 };

static const struct opt options[] = {
	{ 0, "devices", OPT_STRING, "FILE",
	    "CSV of the devices: sender,profile,name", &o.devices },
	{ 0, "learn", OPT_FLAG, NULL,
	    "accept and answer teach-ins; append to --devices", &o.learn },
	{ 0, "keys", OPT_STRING, "FILE", "keys and codes of secured devices",
	    &o.keys },
	{ 0, "eep", OPT_LIST, "PATH", "further profiles: a CSV or a folder",
	    &o.eep },
	{ 0, "telegrams", OPT_FLAG, NULL,
	    "an event for each telegram, with all its fields", &o.telegrams },
	{ 0, "signal", OPT_FLAG, NULL, "also how strong it was received",
	    &o.signal },
	{ 0, "window", OPT_DURATION, "DUR",
	    "in which equal telegrams are one (250ms)", &o.window },
	{ 0, "describe", OPT_FLAG, NULL,
	    "print the devices as DISCOVERY events, and leave", &o.describe },
	{ 0, "list-topics", OPT_FLAG, NULL,
	    "print filters of the commands for them, and leave",
	    &o.list_topics },
	{ 0, "act", OPT_STRING, "FILE",
	    "memory of the commands that were executed", &o.act },
	{ 0, "record", OPT_STRING, "FILE",
	    "append all bytes with their times to FILE", &o.record },
	{ 0, "replay", OPT_FLAG, NULL, "SOURCE is a recording", &o.replay },
	{ 0, "real-time", OPT_FLAG, NULL, "replay as fast as it was recorded",
	    &o.real_time },
	{ 0, "baud", OPT_INT, "N", "speed of a serial line (57600)", &o.baud },
	{ 0, "dead", OPT_STRING, "FILE", "append refused command lines to FILE",
	    &o.dead },
	{ 0, "strict", OPT_FLAG, NULL, "stop at the first refused line",
	    &o.strict },
	{ 0, "stats", OPT_FLAG, NULL, "print counts at the end", &o.stats },
	{ 0, "ready-fd", OPT_INT, "N", "write a line there once it listens",
	    &o.ready_fd },
	{ 0 }
};

static const struct opt_command command = { "sg-proxy-enocean",
	"EnOcean devices as events, and commands to them", "SOURCE", options,
	{ "sg-proxy-enocean --devices flat12.csv /dev/ttyUSB0 | sg-pub",
	    "sg-proxy-enocean --telegrams tcp://gateway:3000", NULL } };

static struct {
	struct quantities *quantities;
	struct eep *eep;
	struct devices *devices;
	struct manufacturers *manufacturers;
	struct secure *secure;
	struct module *module;
	struct command_guard *guard;
	struct actuator *actuator;
	struct gateway *gateway;
	struct port *port;
	struct tape *tape;
	struct esp3_reader reader;
	struct line_in in; /* commands, or the recording */
	struct line_out out;
	struct buf events;
	int64_t came;	/* when bytes came last, monotonic */
	int commands;	/* standard input is still read */
	int more;	/* another line of it may have been read already */
	uint64_t taken; /* commands for our devices */
} s;

static void
fail(const char *name)
{
	die(EXIT_IO, "%s: %s", name, strerror(errno));
}

/* Write what was made. */
static void
put(void)
{
	if (s.events.len > 0 &&
	    line_out_add(&s.out, s.events.p, s.events.len) < 0)
		fail(s.out.name);
	buf_clear(&s.events);
}

static void
tell(void)
{
	const char *line;
	enum news_kind kind;

	while ((kind = gateway_news(s.gateway, &line)) != NEWS_NONE)
		if (kind == NEWS_WARNING)
			warn("%s", line);
		else
			note("%s", line);
}

static void
take_packets(int64_t mono)
{
	struct esp3_packet packet;

	while (esp3_next(&s.reader, &packet)) {
		gateway_take(s.gateway, &packet, mono, &s.events);
		put();
	}
	tell();
}

static void
end_packet(int64_t mono)
{
	esp3_gap(&s.reader);
	take_packets(mono);
}

static void
record(enum tape_direction direction, int64_t t, const void *p, size_t n)
{
	if (s.tape != NULL && tape_write(s.tape, direction, t, p, n) < 0)
		fail(o.record);
}

static void
take_bytes(const void *p, size_t n)
{
	int64_t t = date_now();

	s.came = date_mono();
	record(TAPE_CAME, t, p, n);
	esp3_feed(&s.reader, p, n, t);
	take_packets(s.came);
}

/* One line of standard input; 1 to go on, 0 to stop. */
static int
take_command(const char *line, size_t n)
{
	struct event e;
	const char *why;
	int r;

	if (event_scan(&e, line, n, &why) < 0 || event_complete(&e, &why) < 0)
		r = line_bad(&s.in, line, n, why);
	else {
		s.taken += (uint64_t)actuator_command(
		    s.actuator, &e, date_now(), date_mono(), &s.events);
		put();
		r = 1;
	}
	if (r < 0)
		fail(s.in.name);
	return r;
}

/* One at a time: each is written down durably, and the line is to be read. */
static void
take_next_command(void)
{
	const char *line;
	size_t n;
	enum line_result r;

	if (!s.commands)
		return;
	r = line_take(&s.in, &line, &n);
	if (r == LINE_ERROR)
		fail(s.in.name);
	s.more = r == LINE_GIVEN;
	if (r != LINE_WAIT)
		s.commands = r != LINE_END && take_command(line, n);
}

/* A telegram without response may still be on its way. */
static void
renew_if_silent(void)
{
	static unsigned silences;

	if (module_info(s.module)->silences != silences)
		port_renew(s.port);
	silences = module_info(s.module)->silences;
}

static void
send_bytes(void)
{
	static struct buf bytes;

	if (s.module == NULL)
		return;
	actuator_tick(s.actuator, date_now(), date_mono(), &s.events);
	module_tick(s.module, date_mono(), &bytes);
	renew_if_silent();
	if (bytes.len > 0) {
		port_write(s.port, bytes.p, bytes.len);
		record(TAPE_SENT, date_now(), bytes.p, bytes.len);
		buf_clear(&bytes);
	}
	gateway_results(s.gateway, date_now(), date_mono(), &s.events);
	put();
	tell();
}

static int64_t
earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
next_due(void)
{
	int64_t due = s.commands && s.more ? 0 : port_due(s.port);

	if (esp3_pending(&s.reader))
		due = earliest(due, s.came + ESP3_GAP);
	if (s.module != NULL)
		due = earliest(due,
		    earliest(module_due(s.module), actuator_due(s.actuator)));
	return due;
}

/* Output goes out before anything is waited for, but not for each read. */
static int
wait_on(struct pollfd *fds, nfds_t n, int64_t due)
{
	struct timespec wait = { 0 };
	int64_t left = due - date_mono();

	if (left <= 0 || poll(fds, n, 0) > 0)
		return poll(fds, n, 0);
	if (line_out_flush(&s.out) < 0)
		fail(s.out.name);
	wait.tv_sec = left / DATE_SECOND;
	wait.tv_nsec = left % DATE_SECOND * 1000;
	return ppoll(fds, n, due == INT64_MAX ? NULL : &wait, NULL);
}

static void
wait_for_work(void)
{
	struct pollfd fds[3] = {
		{ .fd = port_fd(s.port), .events = POLLIN },
		{ .fd = s.commands && !s.more ? line_fd(&s.in) : -1,
		    .events = POLLIN },
		{ .fd = app_signal_fd(), .events = POLLIN },
	};

	if (port_wants_write(s.port))
		fds[0].events |= POLLOUT;
	if (wait_on(fds, 3, next_due()) > 0 && fds[1].revents != 0 &&
	    line_fill(&s.in) < 0 && errno != EINTR)
		fail(s.in.name);
}

static void
line_gone(void)
{
	end_packet(date_mono());
	if (s.module != NULL)
		module_down(s.module);
	warn("%s: it will be opened again", port_why(s.port));
}

/* One read of the line; 0 at the end of a file. */
static int
take_line(const char *source)
{
	static char space[65536];
	size_t n = 0;

	switch (port_read(s.port, space, sizeof space, &n)) {
	case PORT_END:
		if (*port_why(s.port) != '\0')
			die(EXIT_IO, "%s", port_why(s.port));
		return 0;
	case PORT_BYTES: take_bytes(space, n); break;
	case PORT_GONE: line_gone(); break;
	case PORT_BACK:
		note("%s is there", source);
		if (s.module != NULL)
			module_up(s.module, date_mono());
		break;
	case PORT_NONE: break;
	}
	return 1;
}

/*
 * Commands that were read are answered, buttons that are pressed are released,
 * and all that is under way gets its last word.
 */
static void
end_commands(const char *source)
{
	int64_t end = date_mono() + DATE_SECOND;

	if (s.actuator == NULL)
		return;
	while (s.commands && s.more)
		take_next_command();
	s.commands = 0;
	while (actuator_quit(s.actuator, 1, date_now(), &s.events) &&
	    date_mono() < end) {
		send_bytes();
		wait_for_work();
		(void)take_line(source);
	}
	(void)actuator_quit(s.actuator, 0, date_now(), &s.events);
	put();
}

static void
run(const char *source)
{
	int more = 1;

	if (s.module != NULL)
		module_up(s.module, date_mono());
	app_ready((int)o.ready_fd);
	while (more && !app_stop() && !s.in.stop) {
		send_bytes();
		wait_for_work();
		take_next_command();
		more = take_line(source);
		if (esp3_pending(&s.reader) && date_mono() >= s.came + ESP3_GAP)
			end_packet(date_mono());
	}
	end_packet(date_mono());
	end_commands(source);
}

/* Until the moment that stands in a recording, when the first is now. */
static void
keep_pace(int64_t when)
{
	static int64_t first, begun;
	struct pollfd signal = { .fd = app_signal_fd(), .events = POLLIN };

	if (begun == 0) {
		first = when;
		begun = date_mono();
	}
	while (!app_stop() && date_mono() < begun + when - first)
		wait_on(&signal, 1, begun + when - first);
}

static int
replay_line(const char *line, size_t n)
{
	static struct buf bytes;
	enum tape_direction direction;
	int64_t when;
	const char *why;
	int r;

	buf_clear(&bytes);
	if (tape_read(line, n, &when, &direction, &bytes, &why) < 0) {
		r = line_bad(&s.in, line, n, why);
		if (r < 0)
			fail(s.in.name);
		return r;
	}
	if (direction == TAPE_SENT)
		return 1;
	if (o.real_time)
		keep_pace(when);
	if (when > s.came + ESP3_GAP)
		end_packet(when);
	s.came = when;
	esp3_feed(&s.reader, bytes.p, bytes.len, when);
	take_packets(when);
	return 1;
}

static void
replay(void)
{
	const char *line;
	size_t n;
	enum line_result r;

	app_ready((int)o.ready_fd);
	while (!app_stop() && (r = line_next(&s.in, &line, &n)) != LINE_END) {
		if (r == LINE_ERROR && errno == EINTR)
			continue;
		if (r == LINE_ERROR)
			die(EXIT_NOINPUT, "%s: %s", s.in.name, strerror(errno));
		if (!replay_line(line, n))
			break;
	}
	end_packet(s.came);
}

static void
read_profiles(void)
{
	struct buf why = { 0 };
	char path[4096];

	s.quantities = quantities_open(NULL, &why);
	if (s.quantities == NULL)
		die(EXIT_CONFIG, "%s", buf_cstr(&why));
	s.eep = eep_open(s.quantities);
	if (app_share(path, sizeof path, "eep") < 0)
		die(EXIT_CONFIG, "%s: %s", path, strerror(errno));
	if (eep_read(s.eep, path, &why) < 0)
		die(EXIT_CONFIG, "%s", buf_cstr(&why));
	for (size_t i = 0; i < o.eep.n; i++)
		if (eep_read(s.eep, o.eep.v[i], &why) < 0)
			die(EXIT_CONFIG, "%s", buf_cstr(&why));
}

static void
read_devices(void)
{
	struct buf why = { 0 };
	char path[4096];

	s.devices = devices_open(o.devices, s.eep, o.learn, &why);
	if (s.devices == NULL)
		die(EXIT_CONFIG, "%s", buf_cstr(&why));
	if (app_share(path, sizeof path, "eep/manufacturers.csv") < 0)
		die(EXIT_CONFIG, "%s: %s", path, strerror(errno));
	s.manufacturers = manufacturers_open(path, &why);
	if (s.manufacturers == NULL)
		die(EXIT_CONFIG, "%s", buf_cstr(&why));
}

/* --describe and --list-topics: 1 if that was all. */
static int
print_devices(void)
{
	if (o.describe)
		devices_describe(s.devices, &s.events, date_now());
	if (o.list_topics)
		devices_topics(s.devices, &s.events);
	put();
	return o.describe || o.list_topics;
}

/* The memory of commands is as old as the devices file: they go together. */
static const char *
guard_path(void)
{
	static char path[4096];
	const char *name = strrchr(o.devices, '/');
	char dir[4000];

	if (o.act != NULL)
		return o.act;
	if (app_state_dir(dir, sizeof dir, "enocean") < 0)
		fail(dir);
	snprintf(path, sizeof path, "%s/%.80s.commands", dir,
	    name != NULL ? name + 1 : o.devices);
	return path;
}

/* What a line that can be written to needs. */
static void
open_commands(void)
{
	static char dash[] = "-", *input[] = { dash };
	struct actuator_parts parts;
	const char *why;

	s.module = module_new();
	if (o.devices == NULL)
		return;
	s.guard = command_open(guard_path(), &why);
	if (s.guard == NULL)
		die(EXIT_CONFIG, "%s: %s", guard_path(), why);
	parts = (struct actuator_parts){ s.eep, s.devices, s.module, s.secure,
		s.guard };
	s.actuator = actuator_new(&parts);
	line_open(&s.in, input, 1);
	s.in.out = &s.out;
	s.commands = 1;
}

static void
open_gateway(int has_times)
{
	struct gateway_parts parts = {
		.eep = s.eep,
		.devices = s.devices,
		.secure = s.secure,
		.manufacturers = s.manufacturers,
		.module = s.module,
		.actuator = s.actuator,
		.form = o.telegrams ? GATEWAY_TELEGRAMS : GATEWAY_QUANTITIES,
		.learn = o.learn,
		.signal = o.signal,
		.window = has_times ? o.window : 0,
	};

	s.gateway = gateway_new(&parts);
}

static void
open_source(const char *source)
{
	struct buf why = { 0 };
	int live;

	s.secure = secure_open(o.keys, o.learn, &why);
	if (s.secure == NULL)
		die(EXIT_CONFIG, "%s", buf_cstr(&why));
	if (o.replay) {
		open_gateway(1);
		return;
	}
	s.port = port_open(source, (unsigned)o.baud, 0, &why);
	if (s.port == NULL)
		die(app_stop() ? 128 + app_stop() : EXIT_NOINPUT, "%s",
		    buf_cstr(&why));
	live = port_kind(s.port) != PORT_FILE;
	if (live)
		open_commands();
	open_gateway(live || strcmp(source, "-") == 0);
	if (o.record != NULL && (s.tape = tape_create(o.record)) == NULL)
		die(EXIT_CANTCREATE, "%s: %s", o.record, strerror(errno));
}

static void
print_stats(int64_t begun)
{
	struct buf b = { 0 };

	gateway_stats(s.gateway, &s.reader.counts, &b);
	stats_add(&b, "commands", s.taken);
	stats_end(
	    &b, gateway_counts(s.gateway)->telegrams, date_mono() - begun);
}

/* A source of another kind, a wrong speed: 65, and that is said. */
static int
source_status(const char *source)
{
	const struct esp3_counts *c = &s.reader.counts;

	for (size_t i = 0; i < sizeof c->packets / sizeof c->packets[0]; i++)
		if (c->packets[i] > 0)
			return EXIT_OK;
	if (c->bytes == 0)
		return EXIT_OK;
	error("%s: no packet in %llu bytes", source,
	    (unsigned long long)c->bytes);
	return EXIT_DATA;
}

static void
close_all(void)
{
	if (s.secure != NULL && secure_close(s.secure) < 0)
		fail(o.keys);
	if (s.guard != NULL && command_close(s.guard) < 0)
		fail("the memory of commands");
	if (s.tape != NULL && tape_close(s.tape) < 0)
		fail(o.record);
	if (s.port != NULL)
		port_close(s.port);
	if (line_out_fini(&s.out) < 0)
		fail("standard output");
	line_summary(&s.in);
	if (line_close(&s.in) < 0)
		fail(s.in.name);
}

static void
check_options(int operands)
{
	if (o.learn && o.devices == NULL)
		opt_usage("--learn needs --devices");
	if ((o.describe || o.list_topics) && o.devices == NULL)
		opt_usage("--describe and --list-topics need --devices");
	if (o.real_time && !o.replay)
		opt_usage("--real-time goes with --replay");
	if (o.replay && o.record != NULL)
		opt_usage("--record and --replay exclude each other");
	if (operands != !(o.describe || o.list_topics))
		opt_usage(operands == 0 ? "SOURCE: which?"
					: "one SOURCE, none with --describe "
					  "or --list-topics");
}

int
main(int argc, char **argv)
{
	int first = opt_parse(&command, argc, argv), status = EXIT_OK;
	int64_t begun = date_mono();

	check_options(argc - first);
	app_signals();
	line_out_init(&s.out, STDOUT_FILENO, "standard output");
	line_open(&s.in, argv + first, (size_t)(argc - first));
	s.in.out = &s.out;
	read_profiles();
	read_devices();
	if (!print_devices()) {
		open_source(argv[first]);
		s.in.strict = o.strict;
		if (o.dead != NULL && line_dead(&s.in, o.dead) < 0)
			die(EXIT_CANTCREATE, "%s: %s", o.dead, strerror(errno));
		if (o.replay)
			replay();
		else
			run(argv[first]);
		status = source_status(argv[first]);
		if (o.stats)
			print_stats(begun);
	}
	close_all();
	if (status == EXIT_OK)
		status = line_status(&s.in);
	return app_stop() ? 128 + app_stop() : status;
}
