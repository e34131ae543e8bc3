#include "grid/failover.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/app.h"
#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/examine.h"
#include "grid/crew.h"
#include "grid/pair.h"

/* Microseconds. */
enum {
	START_TIME = 20 * DATE_SECOND,
	STEP_TIME = 60 * DATE_SECOND,	/* to come back into step */
	LEAVE_TIME = 30 * DATE_SECOND,	/* for SIGTERM */
	END_TIME = 60 * DATE_SECOND,	/* for the publishers */
	FLOW_TIME = 20 * DATE_SECOND,	/* to publish and receive again */
	QUIET_TIME = 15 * DATE_SECOND,	/* for what is missing */
	LONG_GAP = 5 * DATE_SECOND / 2, /* that the log tells */
	ASK_TIME = 50000
};

enum { TOLD = 20 }; /* faults in the answer */

static const char *const kinds[] = { "kill", "stop", "cut", "split", "restart",
	"both" };

/* How long a fault lasts, ms. */
static const struct {
	unsigned least, most;
} lengths[] = { { 100, 2500 }, { 200, 4500 }, { 200, 4500 }, { 200, 4500 },
	{ 0, 200 }, { 100, 2500 } };

static const struct health_limits no_limits = { NAN, NAN };

struct failover {
	struct failover_options o;
	char dir[PAIR_PATH];
	int made; /* the folder is ours */
	struct pair pair;
	struct crew crew;
	uint64_t random;
	unsigned allowed; /* 1u << kind */
	uint64_t rounds;
	struct {
		uint64_t rounds;
		int64_t gap;
	} kind[FAILOVER_KINDS];
	int log;
	int64_t started;
	size_t told; /* faults in the log */
};

/* xorshift64*, Vigna, "An experimental exploration of Marsaglia's xorshift
 * generators, scrambled", 2016. */
static uint64_t
draw(struct failover *f, uint64_t below)
{
	uint64_t x = f->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	f->random = x;
	return (x * UINT64_C(2685821657736338717) >> 11) % below;
}

/* A line of the log of what was done when. */
static void __attribute__((format(printf, 2, 3)))
record(struct failover *f, const char *fmt, ...)
{
	struct buf line = { 0 };
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_addf(&line, "%10.3f %s\n",
	    (double)(date_mono() - f->started) / DATE_SECOND, text);
	if (app_write(f->log, line.p, line.len) < 0)
		crew_fail(&f->crew, "rounds.log: %s", strerror(errno));
	buf_fini(&line);
}

static void
describe(const struct crew_fault *fault, char *text, size_t n)
{
	if (fault->text[0] != '\0')
		snprintf(text, n, "%s", fault->text);
	else
		snprintf(text, n, "%s: %s %" PRIu64 " at %s", fault->what,
		    fault->publisher, fault->number, fault->subscriber);
}

/* Faults that are new go to the log, where they stand among the rounds. */
static void
record_faults(struct failover *f)
{
	char text[512];

	for (; f->told < f->crew.nfault; f->told++) {
		describe(&f->crew.fault[f->told], text, sizeof text);
		record(f, "FAULT %s", text);
	}
}

static void
turn(struct failover *f, int64_t until)
{
	int status;

	crew_turn(&f->crew, until);
	status = pair_look(&f->pair);
	if (status != 0)
		crew_fail(
		    &f->crew, "a broker has ended with status %d", status);
	record_faults(f);
}

static void
work(struct failover *f, int64_t us)
{
	int64_t until = date_mono() + us;

	while (date_mono() < until && !app_stop())
		turn(f, until);
}

/* Not an event that went astray, but something that does not work. */
static const char *
program_failed(const struct failover *f)
{
	for (size_t i = 0; i < f->crew.nfault; i++)
		if (f->crew.fault[i].text[0] != '\0')
			return f->crew.fault[i].text;
	return NULL;
}

/* Until both brokers run and have what the other has: 1, or 0. */
static int
await_step(struct failover *f, int64_t us)
{
	int64_t until = date_mono() + us, ask = 0;
	int answer = 0;

	while (date_mono() < until && !app_stop() && !program_failed(f)) {
		turn(f, date_mono() + ASK_TIME);
		if (!f->pair.broker[0].ready || !f->pair.broker[1].ready ||
		    date_mono() < ask)
			continue;
		answer = pair_in_step(&f->pair);
		if (answer > 0)
			return 1;
		if (answer == 0)
			ask = date_mono() + ASK_TIME;
	}
	return 0;
}

/* What this fault has held up is not the next one's. */
static void
await_flow(struct failover *f, int64_t us)
{
	int64_t until = date_mono() + us;

	while (date_mono() < until && !crew_flows(&f->crew) && !app_stop() &&
	    program_failed(f) == NULL)
		turn(f, date_mono() + ASK_TIME);
}

static int
choose_kinds(struct failover *f)
{
	const char *p = f->o.kinds;
	size_t n;

	if (p == NULL) {
		f->allowed = (1u << FAILOVER_BOTH) - 1;
		return 0;
	}
	for (; p != NULL && *p != '\0'; p += n + (p[n] == ',')) {
		int kind = 0;

		n = strcspn(p, ",");
		while (kind < FAILOVER_KINDS &&
		    (strlen(kinds[kind]) != n ||
			memcmp(kinds[kind], p, n) != 0))
			kind++;
		if (kind == FAILOVER_KINDS)
			return -1;
		f->allowed |= 1u << kind;
	}
	return f->allowed == 0 ||
		(f->o.memory && f->allowed >> FAILOVER_BOTH & 1)
	    ? -1
	    : 0;
}

static int
make_folder(struct failover *f)
{
	const char *tmp = getenv("TMPDIR");

	if (f->o.dir != NULL) {
		if (realpath(f->o.dir, f->dir) == NULL &&
		    (mkdir(f->o.dir, 0700) < 0 ||
			realpath(f->o.dir, f->dir) == NULL))
			return -1;
		return 0;
	}
	snprintf(f->dir, sizeof f->dir, "%s/sg-check.XXXXXX",
	    tmp == NULL || *tmp == '\0' ? "/tmp" : tmp);
	f->made = mkdtemp(f->dir) != NULL;
	return f->made ? 0 : -1;
}

static int
open_log(struct failover *f)
{
	char path[PAIR_PATH + 16];

	snprintf(path, sizeof path, "%s/rounds.log", f->dir);
	f->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return f->log < 0 ? -1 : 0;
}

/* What the caller's shell says of other brokers is not for the children. */
static void
clean_environment(void)
{
	static const char *const names[] = { "SG_BROKER", "SG_KEY", "SG_TRUST",
		"SG_PROXY", "SG_NOW" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unsetenv(names[i]);
	/* Their logs tell the time. */
	setenv("SG_LOG", "json", 1);
}

static const char *
start(struct failover *f)
{
	static char text[256];
	const char *why;
	int64_t until;

	if (make_folder(f) < 0 || open_log(f) < 0) {
		snprintf(text, sizeof text, "%.200s: %s",
		    f->o.dir == NULL ? f->dir : f->o.dir, strerror(errno));
		return text;
	}
	record(f, "seed %" PRIu64 ", at %.3f", f->o.seed,
	    (double)date_now() / DATE_SECOND);
	clean_environment();
	signal(SIGPIPE, SIG_IGN);
	if (pair_open(&f->pair, f->dir, f->o.memory, &why) < 0)
		return why;
	if (pair_start(&f->pair, 0) < 0 || pair_start(&f->pair, 1) < 0)
		return strerror(errno);
	if (!await_step(f, START_TIME))
		return program_failed(f) != NULL
		    ? program_failed(f)
		    : "the brokers have not come into step";
	/* Only a spool keeps the order when both fail. */
	if (crew_open(&f->crew, &f->pair, f->o.rate,
		f->allowed >> FAILOVER_BOTH & 1 ? CREW_SPOOLED : CREW_MIXED) <
	    0)
		return strerror(errno);
	until = date_mono() + START_TIME;
	while (!crew_ready(&f->crew) && date_mono() < until && !app_stop())
		turn(f, until);
	if (!crew_ready(&f->crew))
		return "the subscribers have not subscribed";
	crew_publish(&f->crew);
	work(f, DATE_SECOND / 2);
	return NULL;
}

struct failover *
failover_open(const struct failover_options *o, const char **why)
{
	struct failover *f = xcalloc(1, sizeof *f);
	static char text[PAIR_PATH + 256];

	f->o = *o;
	f->log = -1;
	/* Any state but zero will do. */
	f->random = o->seed * UINT64_C(6364136223846793005) + 1;
	f->random |= f->random == 0;
	f->started = date_mono();
	if (choose_kinds(f) < 0) {
		*why = "not a list of what can fail";
		free(f);
		errno = EINVAL;
		return NULL;
	}
	*why = start(f);
	if (*why == NULL)
		return f;
	snprintf(
	    text, sizeof text, "%.200s; see the logs in %.4000s", *why, f->dir);
	*why = text;
	f->made = 0;
	failover_close(f);
	errno = EIO;
	return NULL;
}

/* One fault. */
struct fault {
	enum failover_kind kind;
	int broker;
	enum relay_mode mode;
	int64_t length, delay;
	int reader; /* a subscriber is killed, too */
	int swap;   /* who was killed first comes back last */
};

static void
choose(struct failover *f, struct fault *x)
{
	do
		x->kind = (enum failover_kind)draw(f, FAILOVER_KINDS);
	while (!(f->allowed >> x->kind & 1));
	x->broker = (int)draw(f, 2);
	x->mode = draw(f, 3) == 0 ? RELAY_RESET : RELAY_STALL;
	x->length =
	    (int64_t)(lengths[x->kind].least +
		draw(f, lengths[x->kind].most - lengths[x->kind].least + 1)) *
	    1000;
	x->delay = draw(f, 3) == 0 ? (int64_t)draw(f, 20000) : 0;
	x->reader = draw(f, 4) == 0;
	x->swap = (int)draw(f, 2);
}

static void
set_network(struct failover *f, const struct fault *x, int broken)
{
	int cut = broken && x->kind == FAILOVER_CUT;
	int split = broken && x->kind == FAILOVER_SPLIT;

	pair_link(&f->pair, split ? x->mode : RELAY_OPEN, x->delay);
	for (int i = 0; i < 2; i++)
		pair_clients(&f->pair, i,
		    cut && i == x->broker ? x->mode : RELAY_OPEN, x->delay);
}

static void
start_again(struct failover *f, int broker)
{
	if (pair_start(&f->pair, broker) < 0)
		crew_fail(&f->crew, "broker %s cannot be started: %s",
		    f->pair.broker[broker].name, strerror(errno));
}

/* Nobody is there for a while, and then only one. */
static void
begin_both(struct failover *f, const struct fault *x)
{
	work(f, x->length);
	pair_kill(&f->pair, !x->broker, SIGKILL);
	work(f, x->length / 4);
	start_again(f, x->swap ? !x->broker : x->broker);
}

static void
begin_fault(struct failover *f, const struct fault *x)
{
	static const int signals[] = { [FAILOVER_KILL] = SIGKILL,
		[FAILOVER_STOP] = SIGSTOP,
		[FAILOVER_RESTART] = SIGTERM,
		[FAILOVER_BOTH] = SIGKILL };
	int64_t until = date_mono() + LEAVE_TIME;

	set_network(f, x, 1);
	if (signals[x->kind] != 0)
		pair_kill(&f->pair, x->broker, signals[x->kind]);
	if (x->kind == FAILOVER_BOTH)
		begin_both(f, x);
	while (x->kind == FAILOVER_RESTART &&
	    f->pair.broker[x->broker].child.pid != 0 && date_mono() < until)
		turn(f, until);
}

static void
mend(struct failover *f, const struct fault *x)
{
	set_network(f, x, 0);
	if (x->kind == FAILOVER_STOP)
		pair_kill(&f->pair, x->broker, SIGCONT);
	if (x->kind == FAILOVER_KILL || x->kind == FAILOVER_RESTART)
		start_again(f, x->broker);
	if (x->kind == FAILOVER_BOTH)
		start_again(f, x->swap ? x->broker : !x->broker);
}

/* The longest gap of a round; those worth looking into go to the log. */
static int64_t
measure(struct failover *f)
{
	const struct crew *c = &f->crew;
	int64_t longest = 0, gap;

	for (size_t k = 0; k < c->nsubscriber; k++) {
		for (size_t i = 0; i < c->npublisher; i++) {
			gap = crew_gap(c, k, i);
			if (gap > longest)
				longest = gap;
			if (gap > LONG_GAP)
				record(f, "%s waited %.3f s for %s",
				    c->subscriber[k].name, (double)gap / 1e6,
				    c->publisher[i].name);
		}
	}
	record(f, "longest gap %.3f s", (double)longest / 1e6);
	return longest;
}

int
failover_round(struct failover *f)
{
	struct fault x;
	int64_t gap;
	int in_step;

	choose(f, &x);
	record(f, "round %" PRIu64 ": %s %s, %s, %.3f s, delay %.1f ms%s%s",
	    f->rounds + 1, kinds[x.kind], f->pair.broker[x.broker].name,
	    x.mode == RELAY_STALL ? "silent" : "reset", (double)x.length / 1e6,
	    (double)x.delay / 1e3, x.reader ? ", reader" : "",
	    x.swap ? ", swap" : "");
	crew_gaps(&f->crew);
	begin_fault(f, &x);
	work(f, x.length / 2);
	if (x.reader)
		crew_kill_reader(&f->crew);
	work(f, x.length - x.length / 2);
	mend(f, &x);
	record(f, "mended");
	in_step = await_step(f, STEP_TIME);
	record(f, in_step ? "in step" : "not in step");
	if (!in_step && !app_stop())
		crew_fail(&f->crew, "the brokers do not come into step");
	work(f, (int64_t)(100 + draw(f, 400)) * 1000);
	await_flow(f, FLOW_TIME);
	gap = measure(f);
	f->rounds++;
	f->kind[x.kind].rounds++;
	if (gap > f->kind[x.kind].gap)
		f->kind[x.kind].gap = gap;
	return in_step && program_failed(f) == NULL && !app_stop();
}

void
failover_told(const struct failover *f, char *text, size_t n)
{
	struct ledger_counts counts;

	ledger_count(f->crew.ledger, &counts);
	snprintf(text, n,
	    "%" PRIu64 " rounds, %" PRIu64 " events acknowledged, %" PRIu64
	    " faults",
	    f->rounds, counts.acknowledged, f->crew.faults);
}

/* Whatever is under way arrives, or it will never. */
static void
settle(struct failover *f)
{
	int64_t now = date_mono(), until = now + END_TIME, quiet = INT64_MAX;
	struct ledger_counts counts;
	uint64_t given = 0;
	int ended = 0;

	crew_end(&f->crew);
	while (ended < 2 && (now = date_mono()) < until && now < quiet) {
		turn(f, now + ASK_TIME);
		ended = crew_ended(&f->crew);
		ledger_count(f->crew.ledger, &counts);
		if (ended > 0 && (quiet == INT64_MAX || counts.given > given))
			quiet = until = date_mono() + QUIET_TIME;
		given = counts.given;
	}
	/* A duplicate would come late. */
	for (until = date_mono() + DATE_SECOND / 2; date_mono() < until;)
		turn(f, until);
	crew_account(&f->crew);
	record_faults(f);
}

static void
figure(struct health *h, const char *name, const char *help, double value)
{
	health_figure(h,
	    &(struct health_figure){ .name = name,
		.help = help,
		.unit = "",
		.value = value,
		.limits = no_limits });
}

static void
tell_kinds(const struct failover *f, struct health *h)
{
	for (int i = 0; i < FAILOVER_KINDS; i++) {
		double gap = (double)f->kind[i].gap / DATE_SECOND;

		if (f->kind[i].rounds == 0)
			continue;
		health_find(h, HEALTH_OK, kinds[i],
		    "%" PRIu64 " rounds, longest gap %.3f s", f->kind[i].rounds,
		    gap);
		health_figure(h,
		    &(struct health_figure){ "failover_gap_seconds",
			"Longest time without delivery while something was "
			"published.",
			"s", "kind", kinds[i], gap, no_limits });
	}
}

void
failover_finish(struct failover *f, struct health *h)
{
	struct ledger_counts n;
	char text[512];
	int good;

	settle(f);
	ledger_count(f->crew.ledger, &n);
	good = n.missing == 0 && n.duplicated == 0 && n.disordered == 0;
	health_find(h, good ? HEALTH_OK : HEALTH_CRITICAL, "",
	    "%" PRIu64 " rounds, %" PRIu64 " events acknowledged, %" PRIu64
	    " lost, %" PRIu64 " duplicated, %" PRIu64
	    " out of order, seed %" PRIu64,
	    f->rounds, n.acknowledged, n.missing, n.duplicated, n.disordered,
	    f->o.seed);
	figure(h, "failover_rounds", "Rounds, of one fault each.",
	    (double)f->rounds);
	figure(h, "failover_events", "Events acknowledged.",
	    (double)n.acknowledged);
	figure(h, "failover_lost", "Acknowledged events not delivered.",
	    (double)n.missing);
	figure(h, "failover_duplicated", "Events delivered again.",
	    (double)n.duplicated);
	figure(h, "failover_disordered", "Events delivered out of order.",
	    (double)n.disordered);
	tell_kinds(f, h);
	for (size_t i = 0; i < f->crew.nfault && i < TOLD; i++) {
		describe(&f->crew.fault[i], text, sizeof text);
		health_find(h, HEALTH_CRITICAL, "", "%s", text);
	}
	if (f->crew.nfault > 0) {
		f->made = 0;
		health_find(h, HEALTH_CRITICAL, f->dir,
		    "rounds.log tells all faults, beside logs and stores");
	}
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
failover_close(struct failover *f)
{
	if (f == NULL)
		return;
	crew_close(&f->crew);
	if (f->pair.dir != NULL)
		pair_close(&f->pair);
	if (f->log >= 0)
		close(f->log);
	if (f->made)
		nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	signal(SIGPIPE, SIG_DFL);
	free(f);
}
