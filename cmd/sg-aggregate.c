/*
 * sg-aggregate reads event lines, groups them by topic and time window, and
 * writes one aggregate event for each group and window.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/mix.h"
#include "base/opt.h"
#include "base/stats.h"
#include "bus/memo.h"
#include "event/event.h"
#include "event/line.h"
#include "event/unit.h"
#include "grid/join.h"
#include "grid/route.h"
#include "grid/window.h"

enum late { LATE_CORRECT, LATE_DEAD, LATE_DROP };

static struct {
	const char *window, *by, *expect, *to, *stat, *field, *join, *source;
	const char *tz, *rollover, *max_rate;
	const char *dead, *state;
	int per_source, late, strict, stats;
	int64_t topics_max;
	struct opt_list from;
	struct window_rule rule;
} o = {
	.window = "1m",
	.stat = "sum",
	.topics_max = 1000000,
	.rule = {
		.grace = INT64_C(5) * DATE_SECOND,
		.skew = INT64_C(60) * DATE_SECOND,
		.keep = INT64_C(3600) * DATE_SECOND,
	},
};

static const char *const per_source[] = { "each", "mean", "last", "sum", "min",
	"max", "delta", "rate", NULL };
static const char *const late[] = { "correct", "dead", "drop", NULL };

static const struct opt options[] = {
	{ 0, "from", OPT_LIST, "PATTERN", "topics to read, with {captures}",
	    &o.from },
	{ 0, "to", OPT_STRING, "TEMPLATE", "topic of the result", &o.to },
	{ 'W', "window", OPT_STRING, "LENGTH", "duration, month or year (1m)",
	    &o.window },
	{ 0, "slide", OPT_DURATION, "DURATION", "a window begins so often",
	    &o.rule.slide },
	{ 0, "every", OPT_DURATION, "DURATION",
	    "partial results of open windows", &o.rule.every },
	{ 0, "stat", OPT_STRING, "NAME[,NAME]",
	    "sum mean min max last stddev p95 energy ... (sum)", &o.stat },
	{ 0, "by", OPT_STRING, "NAME[,NAME]",
	    "instead of --to: what to group by", &o.by },
	{ 0, "join", OPT_STRING, "FILE[:COLUMN={capture}]",
	    "CSV table with more names for --to", &o.join },
	{ 0, "source", OPT_STRING, "TEMPLATE",
	    "what counts as one source (each topic)", &o.source },
	{ 0, "per-source", OPT_CHOICE, "HOW",
	    "first make one value of each source", &o.per_source, NULL,
	    per_source },
	{ 0, "rollover", OPT_STRING, "N",
	    "delta, rate: a counter begins anew at N", &o.rollover },
	{ 0, "max-rate", OPT_STRING, "X", "delta, rate: no counter is faster",
	    &o.max_rate },
	{ 0, "stale", OPT_DURATION, "DURATION",
	    "last: how long it holds (a window)", &o.rule.stale },
	{ 0, "field", OPT_STRING, "NAME[,NAME]", "v, or m.NAME (v)", &o.field },
	{ 0, "unit", OPT_STRING, "UNIT", "unit of the result", &o.rule.unit },
	{ 0, "interval", OPT_DURATION, "DURATION",
	    "interval of power readings, for energy", &o.rule.interval },
	{ 0, "tz", OPT_STRING, "ZONE", "align windows to local time (UTC)",
	    &o.tz },
	{ 0, "grace", OPT_DURATION, "DURATION",
	    "how long to wait for readings (5s)", &o.rule.grace },
	{ 0, "late", OPT_CHOICE, "WHAT", "what to do with later ones", &o.late,
	    NULL, late },
	{ 0, "keep", OPT_DURATION, "DURATION",
	    "how long to correct a window (1h)", &o.rule.keep },
	{ 0, "skew", OPT_DURATION, "DURATION",
	    "how far t may be in the future (60s)", &o.rule.skew },
	{ 0, "expect", OPT_STRING, "FILE[:COLUMN]",
	    "CSV table of the sources that have to report", &o.expect },
	{ 0, "forget", OPT_INT, "N", "sources not seen in N windows (never)",
	    &o.rule.forget },
	{ 0, "missing", OPT_FLAG, NULL, "name the missing sources",
	    &o.rule.missing },
	{ 0, "state", OPT_STRING, "FILE", "go on where the last run ended",
	    &o.state },
	{ 0, "src", OPT_STRING, "NAME", "with --state: source of the results",
	    &o.rule.src },
	{ 0, "max-topics", OPT_INT, "N", "topics to tell apart (1000000)",
	    &o.topics_max },
	{ 0, "dead", OPT_STRING, "FILE", "append refused lines to FILE",
	    &o.dead },
	{ 0, "strict", OPT_FLAG, NULL, "stop at the first refused line",
	    &o.strict },
	{ 0, "stats", OPT_FLAG, NULL, "say what was done at the end",
	    &o.stats },
	{ 0 },
};

static const struct opt_command command = {
	.name = "sg-aggregate",
	.purpose = "aggregate events by topic and time window",
	.operands = "[FILE]...",
	.options = options,
	.examples = {
		"sg-aggregate --from 'METER/{meter}/Load' --join meters.csv "
		"--by feeder",
		"sg-aggregate -W 1d --tz Europe/London --stat energy,max,max_at "
		"\\\n      --interval 1m --from 'METER/{meter}/Load' --by meter",
	},
};

static struct line_in in;
static struct line_out out;
static struct window_set *windows;
static struct route *route;
static struct join *join, *expected;
static char *join_name;
static struct buf line;
static struct memo *memo;
static enum { UNDECIDED, PLAIN, MARKED } flow; /* by the first line */
static struct {
	unsigned long long taken, other, unused, late, given;
	unsigned long long taken_before, given_before; /* the last mark */
} count;

/* Of energies in kWh, the powers are in kW. */
static void
power_unit(void)
{
	const char *unit = o.rule.unit, *energy;
	size_t n = unit == NULL ? 0 : strlen(unit);

	if (n < 2)
		return;
	energy = unit_energy(unit, n - 1);
	if (energy != NULL && strcmp(energy, unit) == 0)
		o.rule.unit = xstrndup(unit, n - 1);
}

static void
check_energy(void)
{
	if (!(o.rule.wants.stats >> TALLY_ENERGY & 1))
		return;
	power_unit();
	if (o.rule.interval == 0 &&
	    (o.per_source == CELL_EACH || o.per_source == CELL_SUM))
		opt_usage(
		    "energy needs --interval, the interval of the readings");
}

/* --by a,b: AGGREGATE/{a}/{b}/Load/60s, Load being --from's last level. */
static void
make_to(void)
{
	const char *what = strrchr(o.from.v[0], '/');
	const struct slot_rule *slot = &o.rule.slot;
	int64_t day = INT64_C(86400) * DATE_SECOND;
	static struct buf to;

	what = what == NULL ? o.from.v[0] : what + 1;
	buf_adds(&to, "AGGREGATE");
	for (const char *s = o.by; *s != '\0';) {
		size_t n = strcspn(s, ",");

		buf_addf(&to, "/{%.*s}", (int)n, s);
		s += n + (s[n] != '\0');
	}
	buf_addf(&to, "/%s/", strpbrk(what, "{+#") != NULL ? "Value" : what);
	if (slot->kind != SLOT_FIXED)
		buf_adds(&to, o.window);
	else if (slot->width % day == 0)
		buf_addf(&to, "%lldd", (long long)(slot->width / day));
	else if (slot->width % DATE_SECOND == 0)
		buf_addf(&to, "%llds", (long long)(slot->width / DATE_SECOND));
	else
		buf_addf(&to, "%lldms", (long long)(slot->width / 1000));
	o.to = buf_cstr(&to);
}

static void
check_panes(void)
{
	const struct window_rule *rule = &o.rule;
	int64_t base = rule->slide > 0 ? rule->slide : rule->slot.width;

	if (rule->slide > 0 &&
	    (rule->slot.kind != SLOT_FIXED || rule->slide < 1000 ||
		rule->slot.width % rule->slide != 0))
		opt_usage("--slide: %s is not whole slides", o.window);
	if (rule->every > 0 &&
	    (rule->every < 1000 || rule->every > SLOT_WIDTH_MAX))
		opt_usage("--every: not from 1ms to 10 years");
	if (rule->slide > 0 &&
	    rule->slot.width / rule->slide > WINDOW_PANES_MAX)
		opt_usage("--slide: a window has over %d", WINDOW_PANES_MAX);
	if (rule->stale > SLOT_WIDTH_MAX ||
	    (rule->slot.kind == SLOT_FIXED &&
		rule->stale / base > WINDOW_PANES_MAX))
		opt_usage("--stale: over %d windows", WINDOW_PANES_MAX);
	if (rule->every > 0 && rule->slot.kind == SLOT_FIXED &&
	    rule->slot.width / base * (base / rule->every) > WINDOW_PANES_MAX)
		opt_usage("--every: a window has over %d", WINDOW_PANES_MAX);
}

static void
parse_number(const char *name, const char *text, struct num_sum *x)
{
	static const struct num_sum zero;

	if (text != NULL &&
	    (num_sum_add(x, text, strlen(text)) == -1 ||
		num_sum_compare(x, &zero) <= 0))
		opt_usage("--%s %s: no number above 0", name, text);
}

static void
check_counters(void)
{
	struct cell_rule *how = &o.rule.per_source;
	int counts = how->how == CELL_DELTA || how->how == CELL_RATE;

	if (!counts && (o.rollover != NULL || o.max_rate != NULL))
		opt_usage("--%s is for --per-source delta and rate",
		    o.rollover != NULL ? "rollover" : "max-rate");
	parse_number("rollover", o.rollover, &how->counter.rollover);
	parse_number("max-rate", o.max_rate, &how->counter.max_rate);
	if (o.rule.stale > 0 && how->how != CELL_LAST)
		opt_usage("--stale is for --per-source last");
}

static void
parse_rule(void)
{
	struct window_rule *rule = &o.rule;
	const char *why;

	if (o.from.n == 0 || (o.to == NULL && o.by == NULL))
		opt_usage("--from and --to or --by are needed");
	if (slot_rule_parse(&rule->slot, o.window, &why) == -1)
		opt_usage("--window %s: %s", o.window, why);
	if (o.tz != NULL && (rule->slot.zone = date_zone_open(o.tz)) == NULL)
		opt_usage("--tz %s: no such time zone", o.tz);
	if (rule->unit != NULL && !unit_known(rule->unit, strlen(rule->unit)))
		opt_usage("--unit %s: no registered unit", rule->unit);
	if (o.field != NULL &&
	    partial_fields(&rule->fields, o.field, &why) == -1)
		opt_usage("--field %s: %s", o.field, why);
	if (partial_wants(&rule->wants, o.stat, &why) == -1)
		opt_usage("--stat: %s", why);
	if (rule->grace > SLOT_WIDTH_MAX || rule->skew > SLOT_WIDTH_MAX ||
	    rule->keep > SLOT_WIDTH_MAX || rule->interval > SLOT_WIDTH_MAX)
		opt_usage("a duration is longer than 10 years");
	rule->per_source.how = (enum cell_reduce)o.per_source;
	if (o.late != LATE_CORRECT)
		rule->keep = 0;
	rule->expected = o.expect != NULL;
	check_panes();
	check_energy();
	check_counters();
	if (o.to == NULL)
		make_to();
	if (rule->src != NULL && o.state == NULL)
		opt_usage("--src needs --state");
	if (rule->src != NULL && !wire_name_check(rule->src, strlen(rule->src)))
		opt_usage(
		    "--src %s: 1-64 of A-Z a-z 0-9 . _ : @ / -", rule->src);
}

static struct join *
open_table(const char *file, const char *column)
{
	const char *why;
	struct join *table = join_open(file, column, &why);

	if (table == NULL)
		die(access(file, R_OK) == 0 ? EXIT_DATA : EXIT_NOINPUT,
		    "%s: %s", file, why);
	return table;
}

/* FILE or FILE:COLUMN={capture} */
static void
open_join(struct route_rule *rule)
{
	char *file = xstrdup(o.join), *colon = strrchr(file, ':');
	char *column = NULL, *equals;
	size_t n;

	join_name = file;
	if (colon != NULL && (equals = strstr(colon, "={")) != NULL &&
	    (n = strlen(equals)) > 3 && equals[n - 1] == '}') {
		*colon = *equals = equals[n - 1] = '\0';
		column = colon + 1;
		rule->capture = equals + 2;
	}
	join = open_table(file, column);
	rule->join = join;
}

/* FILE or FILE:COLUMN */
static void
open_expect(struct route_rule *rule)
{
	char *file = xstrdup(o.expect), *colon = strrchr(file, ':');

	if (colon != NULL && access(file, F_OK) == -1)
		*colon++ = '\0';
	else
		colon = NULL;
	expected = open_table(file, colon);
	rule->expect = expected;
	free(file);
}

static void
open_route(void)
{
	struct route_rule rule = { .from = o.from.v,
		.nfrom = o.from.n,
		.to = o.to,
		.source = o.source,
		.topics_max = (size_t)o.topics_max };
	const char *why;

	if (o.join != NULL)
		open_join(&rule);
	if (o.expect != NULL)
		open_expect(&rule);
	windows = window_new(&o.rule);
	route = route_new(&rule, windows, &why);
	if (route == NULL && o.expect != NULL)
		die(EXIT_DATA, "%s", why);
	if (route == NULL)
		opt_usage("%s", why);
}

static uint64_t
hash_text(uint64_t h, const char *s)
{
	size_t n = s == NULL ? 0 : strlen(s) + 1;

	for (size_t i = 0; i < n; i++)
		h = mix64(h, (unsigned char)s[i]);
	return mix64(h, n);
}

/* Of the options that a state depends on. */
static uint64_t
config_hash(void)
{
	const char *const texts[] = { o.window, o.to, o.stat, o.source, o.tz,
		o.field, o.rule.unit, o.rule.src, o.rollover, o.max_rate };
	const int64_t numbers[] = { o.per_source, o.late, o.rule.interval,
		o.rule.grace, o.rule.keep, o.rule.slide, o.rule.every,
		o.rule.stale, o.rule.forget };
	uint64_t h = 0;

	for (size_t i = 0; i < o.from.n; i++)
		h = hash_text(h, o.from.v[i]);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		h = hash_text(h, texts[i]);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		h = mix64(h, (uint64_t)numbers[i]);
	return h;
}

static void
open_state(void)
{
	struct memo_options what = { .path = o.state,
		.program = command.name,
		.config = config_hash() };
	const char *why;
	int status;

	if (o.state == NULL)
		return;
	memo = memo_open(&what, &status, &why);
	if (memo == NULL)
		die(status, "%s: %s", o.state, why);
}

static void
output(int status)
{
	if (status == -1)
		die(EXIT_IO, "%s: %s", out.name, strerror(errno));
}

static void
emit(void)
{
	while (window_next(windows, &line)) {
		output(line_out_line(&out, line.p, line.len));
		buf_clear(&line);
		count.given++;
	}
}

/* why NULL: said before. */
static void
refuse(const char *p, size_t n, const char *why)
{
	if (line_bad(&in, p, n, why) == -1)
		die(EXIT_IO, "%s: %s", in.name, strerror(errno));
}

static void
add(uint32_t input, const struct event *e)
{
	const char *why;

	switch (window_add(windows, input, e, &why)) {
	case WINDOW_DUE:
		emit();
		/* FALLTHROUGH */
	case WINDOW_TAKEN: count.taken++; break;
	case WINDOW_UNUSED: count.unused++; break;
	case WINDOW_LATE:
		count.late++;
		if (o.late != LATE_DROP)
			refuse(e->line, e->n, "late: its window is closed");
		break;
	case WINDOW_FUTURE:
		refuse(e->line, e->n, "future: t is ahead of the clock");
		break;
	default: refuse(e->line, e->n, why);
	}
}

/* The state to begin with: that of the first mark, or without marks. */
static void
begin(const struct mark *mark)
{
	const char *p, *why = NULL;
	size_t n;

	flow = mark == NULL ? PLAIN : MARKED;
	if (memo == NULL)
		return;
	switch (memo_begin(memo, mark, &p, &n, &why)) {
	case 1:
		if (window_load(windows, p, n) == -1)
			die(EXIT_CONFIG, "%s: not a state of this program",
			    o.state);
		if (route_resume(route, &why) == -1)
			die(EXIT_DATA, "%s", why);
		break;
	case 0:
		if (why != NULL)
			note("%s: %s", o.state, why);
		break;
	default: die(EXIT_CONFIG, "%s: %s", o.state, why);
	}
}

static void
save(const struct mark *mark)
{
	struct buf b = { 0 };
	const char *why;

	window_save(windows, &b);
	if (memo_save(memo, mark, b.p, b.len, &why) == -1)
		die(EXIT_IO, "%s: %s", o.state, why);
	buf_fini(&b);
}

/* With --state, time is that of the marks. */
static void
handle_mark(const struct event *e)
{
	static struct mark mark;
	enum memo_due due = MEMO_PASS;
	const char *why;

	if (memo != NULL && flow != PLAIN) {
		if (mark_read(&mark, e, &why) == -1) {
			refuse(e->line, e->n, why);
			return;
		}
		if (flow == UNDECIDED)
			begin(&mark);
		window_clock(windows, mark.t);
		due = memo_due(memo, &mark, count.taken > count.taken_before,
		    count.given > count.given_before ||
			window_closes(windows, mark.t));
	} else if (memo != NULL)
		die(EXIT_DATA, "%s: a mark behind lines without marks",
		    in.name);
	if (due == MEMO_ABSORB)
		return;
	/* Only where who follows behind, from mark to mark, does it too. */
	if (memo != NULL) {
		window_idle(windows, mark.t);
		emit();
	}
	if (due == MEMO_SAVE)
		save(&mark);
	count.taken_before = count.taken;
	count.given_before = count.given;
	output(line_out_line(&out, e->line, e->n));
}

static void
handle(const char *p, size_t n)
{
	struct event e;
	uint32_t input;
	char space[256];
	const char *why = NULL, *topic;
	size_t tn;

	if (event_scan(&e, p, n, &why) == -1) {
		refuse(p, n, why);
		return;
	}
	topic = event_topic(&e, space, &tn);
	if (mark_is(&e)) {
		handle_mark(&e);
		return;
	}
	if (flow == UNDECIDED)
		begin(NULL);
	if (event_complete(&e, &why) == -1) {
		refuse(p, n, why);
		return;
	}
	switch (route_find(route, topic, tn, &input, &why)) {
	case ROUTE_FOUND: add(input, &e); break;
	case ROUTE_OTHER: count.other++; break;
	case ROUTE_AGAIN:
		why = NULL;
		/* FALLTHROUGH */
	default: refuse(p, n, why);
	}
}

/* Until there is input; windows that the clock closes come out meanwhile. */
static int
wait_for_input(void)
{
	struct pollfd fds[2] = { { .fd = line_fd(&in), .events = POLLIN },
		{ .fd = app_signal_fd(), .events = POLLIN } };
	int64_t wait = 0;

	while (poll(fds, 2, (int)wait) <= 0 || fds[0].revents == 0) {
		if (app_stop())
			return -1;
		wait = flow == MARKED ? -1 : window_idle(windows, date_now());
		emit();
		output(line_out_flush(&out));
		if (wait != -1)
			wait = wait / 1000 < 60000 ? wait / 1000 + 1 : 60000;
	}
	return line_fill(&in);
}

static void
unreadable(void)
{
	int saved = errno;

	output(line_out_flush(&out));
	die(saved == ENOENT || saved == EACCES || saved == EISDIR ? EXIT_NOINPUT
								  : EXIT_IO,
	    "%s: %s", in.name, strerror(saved));
}

static void
run(void)
{
	const char *p;
	size_t n;
	enum line_result r;

	while ((r = line_take(&in, &p, &n)) != LINE_END) {
		if (r == LINE_GIVEN)
			handle(p, n);
		else if (r == LINE_ERROR || wait_for_input() == -1) {
			if (app_stop())
				return;
			if (errno != EINTR)
				unreadable();
		}
	}
	if (o.strict && in.bad > 0)
		return;
	if (memo == NULL)
		window_end(windows);
	else if (flow == PLAIN)
		save(NULL);
	emit();
}

static void
print_stats(int64_t begun)
{
	struct window_stats s;
	struct buf b = { 0 };

	if (!o.stats)
		return;
	window_stats(windows, &s);
	stats_begin(&b, command.name, in.lines, s.lines, in.bad);
	stats_add(&b, "taken", count.taken);
	stats_add(&b, "other", count.other);
	stats_add(&b, "unused", count.unused);
	stats_add(&b, "late", count.late);
	stats_add(&b, "sources", s.sources);
	stats_add(&b, "groups", s.groups);
	stats_add(&b, "corrections", s.corrections);
	stats_add(&b, "partials", s.partials);
	stats_end(&b, in.lines, date_mono() - begun);
}

int
main(int argc, char **argv)
{
	int first, status;
	int64_t begun = date_mono();

	die_name(argv[0]);
	first = opt_parse(&command, argc, argv);
	parse_rule();
	open_route();
	open_state();
	app_signals();
	line_out_init(&out, STDOUT_FILENO, "standard output");
	line_open(&in, argv + first, (size_t)(argc - first));
	in.strict = o.strict;
	in.out = &out;
	if (o.dead != NULL && line_dead(&in, o.dead) == -1)
		die(EXIT_CANTCREATE, "%s: %s", o.dead, strerror(errno));
	run();
	status = app_stop() ? 128 + app_stop() : line_status(&in);
	line_summary(&in);
	if (line_close(&in) == -1)
		die(EXIT_IO, "%s: %s", o.dead, strerror(errno));
	output(line_out_fini(&out));
	print_stats(begun);
	route_free(route);
	window_free(windows);
	memo_close(memo);
	join_close(join);
	join_close(expected);
	free(join_name);
	return status;
}
