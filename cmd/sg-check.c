/*
 * sg-check asks after the health of brokers, cursors, topics, keys and spools
 * as a monitoring plug-in does, and proves that a pair of brokers loses
 * nothing: the first operand is what to look at.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "base/opt.h"
#include "bus/examine.h"
#include "bus/health.h"
#include "bus/inspect.h"
#include "bus/reach.h"
#include "event/filters.h"
#include "grid/failover.h"

#define UNSET INT64_C(-1)

static struct {
	const char *warning, *critical, *dir, *kinds;
	struct opt_list cursors, topics;
	int64_t timeout, expect, away, spool_size, rounds, time, seed, rate;
	int format, held, memory;
} o = {
	.timeout = UNSET,
	.expect = UNSET,
	.away = UNSET,
	.spool_size = UNSET,
	.rounds = UNSET,
	.time = UNSET,
	.seed = UNSET,
	.rate = UNSET,
};

static const struct opt options[] = {
	{ 0, "reach", OPT_GROUP, NULL, NULL, reach_rows },
	{ 'f', "format", OPT_CHOICE, "FORMAT", "of the answer", &o.format, NULL,
	    health_formats },
	{ 'w', "timeout", OPT_DURATION, "DUR", "wait for no broker longer (5s)",
	    &o.timeout },
	{ 0, "warning", OPT_STRING, "LIMIT", "beyond it is a warning",
	    &o.warning },
	{ 0, "critical", OPT_STRING, "LIMIT", "beyond it is critical",
	    &o.critical },
	{ 0, "away", OPT_DURATION, "DUR", "broker: a twin may be away (1m)",
	    &o.away },
	{ 'c', "cursor", OPT_LIST, "NAME", "lag, cursor: this durable cursor",
	    &o.cursors },
	{ 0, "held", OPT_FLAG, NULL, "cursor: somebody has to read from it",
	    &o.held },
	{ 't', "topic", OPT_LIST, "FILTER", "stale: these topics", &o.topics },
	{ 0, "expect", OPT_DURATION, "DUR", "stale, spool: nothing is older",
	    &o.expect },
	{ 0, "spool-size", OPT_SIZE, "SIZE", "spool: as sg-pub has it (1G)",
	    &o.spool_size },
	{ 0, "rounds", OPT_INT, "N", "failover: faults, one each (20)",
	    &o.rounds },
	{ 0, "for", OPT_DURATION, "DUR", "failover: for that long", &o.time },
	{ 0, "kinds", OPT_STRING, "LIST", "of kill,stop,cut,split,restart,both",
	    &o.kinds },
	{ 0, "rate", OPT_INT, "N", "failover: events a second (400)", &o.rate },
	{ 0, "memory", OPT_FLAG, NULL, "failover: brokers without a disk",
	    &o.memory },
	{ 0, "seed", OPT_INT, "N", "failover: the same faults again", &o.seed },
	{ 0, "dir", OPT_STRING, "DIR", "failover: keep logs and stores there",
	    &o.dir },
	{ 0 },
};

static const struct opt_command command = {
	.name = "sg-check",
	.purpose = "ask after the health of brokers and what depends on them",
	.operands = "VERB [OPERAND]...\n"
		    "verbs: broker lag cursor stale keys spool failover",
	.options = options,
	.examples = {
		"sg-check broker -b tcp://a:7788,tcp://b:7788",
		"sg-check stale --expect 15m -t 'MEASUREMENT/METER/+/Load'",
	},
};

static struct health found;
static struct reach reach;

/* What a limit counts in, and its defaults. */
enum unit { SECONDS, EVENTS, PERCENT };

static double
limit(const char *option, const char *text, enum unit unit, double otherwise)
{
	int64_t us, n;

	if (text == NULL)
		return otherwise;
	if (unit == SECONDS && date_duration(text, &us) == 0)
		return (double)us / DATE_SECOND;
	if (unit != SECONDS && num_uint(text, strlen(text), &n) == 0)
		return (double)n;
	opt_usage("%s %s: not a %s", option, text,
	    unit == SECONDS ? "duration" : "count");
}

static struct health_limits
limits(enum unit unit, double warning, double critical)
{
	return (struct health_limits){
		limit("--warning", o.warning, unit, warning),
		limit("--critical", o.critical, unit, critical),
	};
}

/* 1 if a broker can be asked as the options say; else it is told. */
static int
open_examine(struct examine *x)
{
	int64_t timeout = o.timeout == UNSET ? 5 * DATE_SECOND : o.timeout;
	const char *why;
	int status;

	if (reach_open(&reach, timeout, &status, &why) < 0) {
		if (status == EXIT_USAGE)
			opt_usage("%s", why);
		health_find(&found, HEALTH_UNKNOWN, "", "%s", why);
		return 0;
	}
	x->config = &reach.config;
	x->deadline = date_mono() + timeout;
	return 1;
}

static void
run_broker(char **v, size_t n)
{
	struct examine x = {
		.limits = limits(SECONDS, 0.5, 2),
		.away = o.away == UNSET ? 60 * DATE_SECOND : o.away,
	};

	(void)v;
	(void)n;
	if (open_examine(&x))
		examine_broker(&x, &found);
}

static void
run_cursors(char **v, size_t n)
{
	struct examine x = {
		.limits = limits(EVENTS, 10000, 100000),
		.names = o.cursors.v,
		.nnames = o.cursors.n,
		.held = o.held,
	};

	(void)v;
	(void)n;
	if (open_examine(&x))
		examine_cursors(&x, &found);
}

static void
run_cursor(char **v, size_t n)
{
	if (o.cursors.n == 0)
		opt_usage("cursor: which one? -c NAME");
	run_cursors(v, n);
}

static void
run_stale(char **v, size_t n)
{
	double expect =
	    o.expect == UNSET ? 900 : (double)o.expect / DATE_SECOND;
	struct filters filters = { 0 };
	struct examine x = {
		.limits = limits(SECONDS, NAN, expect),
		.filters = &filters,
	};
	const char *why = NULL;

	(void)v;
	(void)n;
	for (size_t i = 0; why == NULL && i < o.topics.n; i++)
		why = filters_add(&filters, o.topics.v[i]);
	if (o.topics.n == 0)
		filters_add(&filters, "#");
	if (why == NULL)
		why = filters_check(&filters);
	if (why != NULL)
		opt_usage("%s", why);
	if (open_examine(&x))
		examine_stale(&x, &found);
	filters_fini(&filters);
}

static void
run_keys(char **v, size_t n)
{
	struct health_limits soon = limits(SECONDS, 14 * 86400, 86400);
	static char dir[PATH_MAX];
	int known = keyring_default(identity_given.trust, dir, sizeof dir) == 0;

	if (identity_given.key != NULL)
		inspect_key(
		    identity_given.key, known ? dir : NULL, soon, &found);
	for (size_t i = 0; i < n; i++)
		inspect_key(v[i], known ? dir : NULL, soon, &found);
	if (n == 0 && identity_given.key == NULL && known)
		inspect_network(dir, soon, &found);
	if (n == 0 && identity_given.key == NULL && !known)
		health_find(&found, HEALTH_UNKNOWN, "",
		    "no network: give --trust DIR, or files");
}

static void
run_spool(char **v, size_t n)
{
	struct inspect_spool x = {
		.size = o.spool_size == UNSET ? INT64_C(1) << 30 : o.spool_size,
		.filled = limits(PERCENT, 80, 95),
		.expect = o.expect == UNSET ? 0 : o.expect,
	};

	for (size_t i = 0; i < n; i++)
		inspect_spool(v[i], &x, &found);
}

/* As many rounds as asked for, or as time allows. */
static void
run_rounds(struct failover *f)
{
	int64_t end = o.time == UNSET ? INT64_MAX : date_mono() + o.time;
	int64_t rounds = o.rounds != UNSET ? o.rounds
	    : o.time != UNSET		   ? INT64_MAX
					   : 20;
	int tty = isatty(STDERR_FILENO);
	char text[128];

	for (int64_t i = 0; i < rounds && date_mono() < end; i++) {
		if (!failover_round(f))
			break;
		failover_told(f, text, sizeof text);
		if (tty)
			fprintf(stderr, "\r%s\033[K", text);
	}
	if (tty)
		fputs("\r\033[K", stderr);
}

static void
run_failover(char **v, size_t n)
{
	struct failover_options x = {
		.dir = o.dir,
		.kinds = o.kinds,
		.rate = o.rate == UNSET ? 400 : o.rate,
		.memory = o.memory,
		.seed = (uint64_t)o.seed,
	};
	struct failover *f;
	const char *why;

	(void)v;
	(void)n;
	if (x.rate < 1 || x.rate > 100000)
		opt_usage("--rate: 1 to 100000");
	if (o.seed == UNSET && getrandom(&x.seed, sizeof x.seed, 0) > 0)
		x.seed >>= 32;
	app_signals();
	f = failover_open(&x, &why);
	if (f == NULL && errno == EINVAL)
		opt_usage("--kinds %s: %s", o.kinds, why);
	if (f == NULL) {
		health_find(&found, HEALTH_UNKNOWN, "", "%s", why);
		return;
	}
	run_rounds(f);
	failover_finish(f, &found);
	failover_close(f);
}

static const struct verb {
	const char *name;
	size_t min, max; /* operands after it */
	void (*run)(char **v, size_t n);
	const char *operands, *options; /* that fit, beside -f and reach's */
} verbs[] = {
	{ "broker", 0, 0, run_broker, "", "timeout warning critical away" },
	{ "lag", 0, 0, run_cursors, "", "timeout warning critical cursor" },
	{ "cursor", 0, 0, run_cursor, "",
	    "timeout warning critical cursor held" },
	{ "stale", 0, 0, run_stale, "",
	    "timeout warning critical topic expect" },
	{ "keys", 0, SIZE_MAX, run_keys, "[FILE]...", "warning critical" },
	{ "spool", 1, SIZE_MAX, run_spool, "DIR...",
	    "warning critical expect spool-size" },
	{ "failover", 0, 0, run_failover, "",
	    "rounds for kinds rate memory seed dir" },
};

/* An option that a verb does not look at is a mistake. */
static void
check_options(const struct verb *verb)
{
	const struct {
		const char *name;
		int given;
	} list[] = {
		{ "timeout", o.timeout != UNSET },
		{ "warning", o.warning != NULL },
		{ "critical", o.critical != NULL },
		{ "away", o.away != UNSET },
		{ "cursor", o.cursors.n > 0 },
		{ "held", o.held },
		{ "topic", o.topics.n > 0 },
		{ "expect", o.expect != UNSET },
		{ "spool-size", o.spool_size != UNSET },
		{ "rounds", o.rounds != UNSET },
		{ "for", o.time != UNSET },
		{ "kinds", o.kinds != NULL },
		{ "rate", o.rate != UNSET },
		{ "memory", o.memory },
		{ "seed", o.seed != UNSET },
		{ "dir", o.dir != NULL },
	};

	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		if (list[i].given && !opt_named(verb->options, list[i].name))
			opt_usage("%s: --%s does not belong there", verb->name,
			    list[i].name);
}

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	opt_usage("%s: no such verb", name);
}

/* The answer, and its state as the exit code. */
static int
answer(void)
{
	enum health_state state = health_state(&found);
	struct buf out = { 0 };

	health_print(&found, (enum health_format)o.format, &out);
	if (app_write(STDOUT_FILENO, out.p, out.len) < 0)
		die(EXIT_IO, "standard output: %s", strerror(errno));
	buf_fini(&out);
	health_fini(&found);
	return state;
}

int
main(int argc, char **argv)
{
	int first = opt_parse(&command, argc, argv);
	const struct verb *verb;
	size_t n;

	if (first == argc)
		opt_usage("what to look at? broker, lag, stale, ...");
	verb = find_verb(argv[first]);
	n = (size_t)(argc - first - 1);
	if (n < verb->min || n > verb->max)
		opt_usage("usage: sg-check %s %s", verb->name, verb->operands);
	check_options(verb);
	health_init(&found, verb->name);
	verb->run(argv + first + 1, n);
	reach_close(&reach);
	return answer();
}
