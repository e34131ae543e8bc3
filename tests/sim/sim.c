/*
 * sim [--seeds A-B] [--mutant NAME] [--disks KIND] [--all] [--trace SEED] -
 * Twins under all the faults they are to survive: as they are they have to
 * keep every promise, and without any one of their rules they have to fail.
 * Each line of the table is run with these seeds, a mutant until it is caught
 * (--all: with all of them).  --trace prints what happens, step by step.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/date.h"
#include "base/die.h"
#include "broker/session.h"
#include "sim.h"

enum {
	STEPS = 1500,
	TURNS = 2000, /* of a broker that finds no rest */
	HEAL_ROUNDS = 3000,
	CALM_ROUNDS = 80, /* after all seems done */
	STUMBLES = 20,
	FREEZE = 4 * DATE_SECOND
};

struct world world;

/* What the main loop measures. */
static struct {
	uint64_t crashes, rollbacks, losses, cuts, freezes, fulls, events;
} stat;

uint64_t
sim_random(uint64_t n)
{
	uint64_t z = world.random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return n > 1 ? z % n : 0;
}

int
sim_chance(unsigned p)
{
	return sim_random(1000) < p;
}

void
sim_trace(const char *fmt, ...)
{
	va_list ap;

	if (!world.tracing)
		return;
	printf("%9.3f  ", (double)world.time / DATE_SECOND);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void
sim_violation(const char *name, const char *fmt, ...)
{
	va_list ap;

	if (world.violation != NULL)
		return;
	world.violation = name;
	va_start(ap, fmt);
	vsnprintf(world.detail, sizeof world.detail, fmt, ap);
	va_end(ap);
	sim_trace("VIOLATION: %s: %s", name, world.detail);
}

const char *
sim_who(int who)
{
	static const char *const names[PEERS] = { "p0", "p1", "p2", "c0", "c1",
		"c2", "A", "B" };

	return names[who];
}

/* Brokers. */

/* The number of the flow's newest mark at broker x; 0: none is stored. */
static uint64_t
newest_mark(int x)
{
	struct broker *b = world.broker[x].b;
	char topic[WIRE_MARK_TOPIC];
	const struct last_topic *t;
	struct store_view v;
	uint64_t number;

	wire_mark_topic(topic, "", FLOW_CURSOR);
	t = last_find(b->last, topic, strlen(topic));
	if (t == NULL || t->n == 0 ||
	    store_view(&v, b->store, (struct log_place){ t->run, t->n - 1 }) !=
		1)
		return 0;
	number = v.head.first + (t->n - v.head.n);
	store_view_end(&v);
	return number;
}

/* Where the flow's durable cursor is, or is about to be. */
static uint64_t
flow_cursor(int x)
{
	const struct durable *d = world.broker[x].b->durables;
	const char *n;

	while (d != NULL && strcmp(d->name, FLOW_CURSOR) != 0)
		d = d->next;
	n = d != NULL && d->row != NULL ? strstr(d->row, "\"F.1\":") : NULL;
	return n != NULL ? strtoull(n + 6, NULL, 10) : 0;
}

/* The newest mark, what came before it, and its cursor are there together. */
static void
check_flow(int x)
{
	const uint64_t mark = newest_mark(x);
	const char *name = world.broker[x].name;

	if (mark == 0)
		return;
	if (!ledger_has(x, FLOW, mark))
		sim_violation(
		    "mark without results", "%s has mark %d", name, (int)mark);
	if (flow_cursor(x) != mark)
		sim_violation("mark without cursor", "%s: cursor %d, mark %d",
		    name, (int)flow_cursor(x), (int)mark);
}

static void
broker_start(int x)
{
	static const struct client_config twin[BROKERS] = {
		{ .urls = "sim://B", .retry = INT64_MAX / 4 },
		{ .urls = "sim://A", .retry = INT64_MAX / 4 },
	};
	struct sim_broker *s = &world.broker[x];
	struct broker_options o = {
		.name = s->name,
		.dir = world.disks & DISK_NONE ? NULL : "sim",
		.segment = 1 << 20,
		.max_line = 1 << 20,
		.last_topics = 64,
		.memory =
		    sim_chance(500) || world.disks & DISK_NONE ? 1 << 24 : 2000,
		.twin = &twin[x],
		.accept_behind = world.mutant == MUTANT_ACCEPT_BEHIND,
	};
	const char *why = NULL;
	int status;

	if (s->b != NULL)
		return;
	world.time += DATE_SECOND + (int64_t)sim_random(DATE_SECOND);
	world.current = x;
	s->frozen = 0;
	s->b = broker_new(&o, &status, &why);
	if (s->b == NULL)
		die(EXIT_BUG, "broker %s: %s", s->name, why);
	sim_trace("%s starts: log %s.%llu", s->name, s->name,
	    (unsigned long long)store_run(s->b->store, s->b->run)->start);
	check_flow(x);
	world.current = -1;
}

static void
broker_work(int x)
{
	struct sim_broker *s = &world.broker[x];
	int i;

	if (s->b == NULL || s->frozen > world.time)
		return;
	world.current = x;
	for (i = 0; i < TURNS; i++) {
		broker_turn(s->b);
		if (front_idle(s->front))
			break;
	}
	if (i == TURNS)
		sim_violation("no rest", "%s is never idle", s->name);
	if (s->b->fatal)
		sim_violation("fatal", "%s gives up", s->name);
	world.current = -1;
}

/* What its log has comes back without being stored, and nobody hears more. */
static void
broker_crash(int x)
{
	struct sim_broker *s = &world.broker[x];

	if (s->b == NULL)
		return;
	sim_trace("%s crashes with %zu items", s->name, disk_waiting(s->disk));
	stat.crashes++;
	s->dying = 1;
	s->frozen = 0;
	disk_crash(s->disk);
	broker_work(x);
	world.current = x;
	broker_free(s->b);
	world.current = -1;
	s->b = NULL;
	s->dying = 0;
}

/* It answers what is durable and leaves. */
static void
broker_leave(int x)
{
	struct sim_broker *s = &world.broker[x];

	if (s->b == NULL || s->frozen > world.time)
		return;
	sim_trace("%s leaves with %zu items", s->name, disk_waiting(s->disk));
	world.current = x;
	world.leaving = 1;
	broker_run(s->b);
	world.leaving = 0;
	if (disk_waiting(s->disk) != 0)
		sim_violation("left early", "%s with %zu items", s->name,
		    disk_waiting(s->disk));
	broker_free(s->b);
	world.current = -1;
	s->b = NULL;
}

/* Everything gets a little further. */
static void
round_of(int all)
{
	int x;

	net_flow(all);
	for (x = 0; x < BROKERS; x++) {
		if (all || sim_chance(700))
			disk_work(world.broker[x].disk, all);
		if (all || sim_chance(800))
			broker_work(x);
		if (world.broker[x].b != NULL && world.broker[x].b->synced)
			world.broker[x].suspect = 0;
	}
}

/* Faults. */

static const char *
flip(int who, int x)
{
	if (world.link[who][x])
		net_cut(who, x);
	else
		net_heal(who, x);
	return world.link[who][x] ? "healed" : "cut";
}

static void
cut_twins(void)
{
	int x = (int)sim_random(BROKERS), both = sim_chance(800);
	const char *what = flip(TWIN + x, 1 - x);

	if (both && world.link[TWIN + x][1 - x] != world.link[TWIN + 1 - x][x])
		flip(TWIN + 1 - x, x);
	sim_trace("link %s-%s %s%s", world.broker[x].name,
	    world.broker[1 - x].name, what, both ? "" : " in one direction");
}

static void
cut_client(void)
{
	int who = (int)sim_random(TWIN), x = (int)sim_random(BROKERS);

	sim_trace(
	    "link %s-%s %s", sim_who(who), world.broker[x].name, flip(who, x));
}

/* Of so many of its logs only it remembers that they may be incomplete. */
static int
is_fragile(const struct sim_broker *s)
{
	return s->suspect && disk_unsettled(s->disk) >= LOG_UNSETTLED;
}

/* Without disks one is lost with what it had, as long as the other has it. */
static int
may_end(int x)
{
	const struct sim_broker *s = &world.broker[x], *other;

	other = &world.broker[1 - x];
	if (world.disks & DISK_NONE)
		return !other->suspect && other->b != NULL;
	return !is_fragile(s);
}

static void
end_broker(int x)
{
	if (sim_chance(300))
		broker_leave(x);
	else
		broker_crash(x);
	if (world.disks & DISK_NONE)
		world.broker[x].suspect = 1;
}

/* Many short starts, each of which stores something. */
static void
stumble(int x)
{
	int i, k;

	for (i = 0; i < STUMBLES && may_end(x); i++) {
		broker_start(x);
		for (k = 0; k < 30; k++) {
			world.time += (int64_t)sim_random(20000);
			producer_step((int)sim_random(PRODUCERS));
			round_of(0);
		}
		broker_crash(x);
		if (world.disks & DISK_NONE)
			world.broker[x].suspect = 1;
	}
	broker_start(x);
}

/*
 * One disk at a time: the other broker is unharmed, and has all that this
 * one has lost and somebody was told to be safe.
 */
static void
harm_disk(int x)
{
	struct sim_broker *s = &world.broker[x];
	int loss = world.disks & DISK_LOSS &&
	    (!(world.disks & DISK_ROLLBACK) || sim_chance(400));

	if (!(world.disks & (DISK_ROLLBACK | DISK_LOSS)) ||
	    world.broker[1 - x].suspect || is_fragile(s))
		return;
	broker_crash(x);
	s->suspect = 1;
	if (loss) {
		sim_trace("%s loses its disk", s->name);
		disk_lose(s->disk);
		stat.losses++;
	} else {
		sim_trace("%s gets an older copy of its disk, %zu items short",
		    s->name, disk_rollback(s->disk));
		stat.rollbacks++;
	}
	if (sim_chance(500))
		broker_start(x);
}

static void
fault(void)
{
	int x = (int)sim_random(BROKERS);
	struct sim_broker *s = &world.broker[x];
	uint64_t k = sim_random(100);

	if (k < 20) {
		cut_twins();
		stat.cuts++;
	} else if (k < 45) {
		cut_client();
		stat.cuts++;
	} else if (k < 70) {
		if (s->b == NULL)
			broker_start(x);
		else if (may_end(x))
			end_broker(x);
	} else if (k < 78) {
		s->frozen = world.time + (int64_t)sim_random(FREEZE);
		sim_trace("%s stands still", s->name);
		stat.freezes++;
	} else if (k < 86) {
		harm_disk(x);
	} else if (k < 92) {
		s->full = !s->full;
		disk_full(s->disk, s->full);
		sim_trace("%s: disk %s", s->name,
		    s->full ? "full" : "has room again");
		stat.fulls++;
	} else {
		int who = (int)sim_random(PEERS);

		net_reset(who, x);
		sim_trace("%s-%s is reset", sim_who(who), s->name);
	}
}

static void
step(void)
{
	uint64_t k = sim_random(1000);

	world.time += (int64_t)sim_random(20000);
	if (k < 400)
		producer_step((int)sim_random(PRODUCERS));
	else if (k < 700)
		consumer_step((int)sim_random(CONSUMERS));
	else if (k < 730)
		fault();
	else
		round_of(0);
}

/* The end: everything is mended, and has to come to the same. */

static void
mend(void)
{
	int x, who;

	sim_trace("everything is mended");
	world.healing = 1;
	for (who = 0; who < PEERS; who++)
		for (x = 0; x < BROKERS; x++)
			net_heal(who, x);
	for (x = 0; x < BROKERS; x++) {
		disk_full(world.broker[x].disk, 0);
		world.broker[x].full = 0;
		world.broker[x].frozen = 0;
		broker_start(x);
	}
}

static const char *
unfinished(void)
{
	int i;

	for (i = 0; i < PRODUCERS; i++)
		if (!producer_done(i))
			return sim_who(PRODUCER + i);
	for (i = 0; i < CONSUMERS; i++)
		if (!consumer_done(i))
			return sim_who(CONSUMER + i);
	for (i = 0; i < BROKERS; i++)
		if (!world.broker[i].b->synced ||
		    disk_waiting(world.broker[i].disk) != 0)
			return world.broker[i].name;
	return NULL;
}

/* Go on until all is done and was for so many rounds. */
static void
settle(int rounds)
{
	int round, calm = 0, i;

	for (round = 0;
	     round < HEAL_ROUNDS && calm < rounds && world.violation == NULL;
	     round++) {
		world.time += 20000 + (int64_t)sim_random(20000);
		for (i = 0; i < PRODUCERS; i++)
			producer_step(i);
		for (i = 0; i < CONSUMERS; i++)
			consumer_step(i);
		round_of(1);
		calm = unfinished() == NULL ? calm + 1 : 0;
	}
	if (calm < rounds)
		sim_violation("not converged", "%s has not come to an end",
		    unfinished() != NULL ? unfinished() : "nobody");
}

static void
last_values(int x, struct buf *out)
{
	static const char *const all[] = { "#" };
	struct front_conn *c = net_dial(CONSUMER, x);
	struct wire_reply r;
	struct buf text = { 0 };
	const char *why;
	uint64_t tag;

	wire_last(&text, all, 1, 0, 0);
	net_send(c, 0, &text);
	net_flow(1);
	broker_work(x);
	net_flow(1);
	if (net_receive(c, &tag, &text) != 1 ||
	    wire_reply_parse(&r, text.p, text.len, &why) != 0 || !r.ok ||
	    !r.end)
		sim_violation(
		    "bad answer", "last values of %s", world.broker[x].name);
	else
		buf_add(out, r.lines, r.lines_len);
	buf_fini(&text);
	net_close(c);
}

static int
has_line(const struct buf *b, const char *line, size_t n)
{
	return memmem(b->p, b->len, line, n) != NULL;
}

/*
 * Topics of one producer have the same newest event everywhere.  Of one that
 * several have the brokers may think otherwise, if a frame that was sent again
 * came between.
 */
static void
compare_last(void)
{
	struct buf v[BROKERS] = { { 0 }, { 0 } };
	const char *line, *end, *lf;

	last_values(0, &v[0]);
	last_values(1, &v[1]);
	for (line = v[0].p, end = line + v[0].len; line < end; line = lf + 1) {
		lf = memchr(line, '\n', (size_t)(end - line));
		ledger_check_last(line, (size_t)(lf - line));
		if (!ledger_shared(line, (size_t)(lf - line)) &&
		    !has_line(&v[1], line, (size_t)(lf + 1 - line)))
			sim_violation("last values differ", "%.*s",
			    (int)(lf - line), line);
	}
	for (line = v[1].p, end = line + v[1].len; line < end; line = lf + 1) {
		lf = memchr(line, '\n', (size_t)(end - line));
		ledger_check_last(line, (size_t)(lf - line));
	}
	buf_fini(&v[0]);
	buf_fini(&v[1]);
}

/* How far each channel is, as the brokers have it in mind. */
static void
compare_marks(void)
{
	const struct chan *a, *b;
	char from[] = "p0";
	int p;

	for (p = 0; p < PRODUCERS; p++) {
		from[1] = (char)('0' + p);
		a = chans_get(
		    world.broker[0].b->channels, from, 2, ledger_chan(p), 0);
		b = chans_get(
		    world.broker[1].b->channels, from, 2, ledger_chan(p), 0);
		if (a == NULL || b == NULL || a->accepted != b->accepted ||
		    a->durable != b->durable || a->durable != producer_last(p))
			sim_violation("marks differ", "%s", from);
	}
}

/* The flow's newest mark is the last that was sent. */
static void
compare_flow(void)
{
	const uint64_t want = ledger_mark(FLOW, producer_last(FLOW));
	uint64_t have;
	int x;

	for (x = 0; x < BROKERS; x++) {
		check_flow(x);
		have = newest_mark(x);
		if (have != want && (have != 0 || want == 0))
			sim_violation("flow behind", "%s: mark %d of %d",
			    world.broker[x].name, (int)have, (int)want);
		if (flow_cursor(x) != want)
			sim_violation("flow behind", "%s: cursor %d of %d",
			    world.broker[x].name, (int)flow_cursor(x),
			    (int)want);
	}
}

/* Both have the same, and have it again after a start. */
static void
compare(void)
{
	int x, i;

	settle(CALM_ROUNDS);
	disk_compare(world.broker[0].disk, world.broker[1].disk);
	compare_marks();
	compare_flow();
	compare_last();
	for (i = 0; i < PRODUCERS; i++)
		producer_say(i, 5);
	settle(1);
	for (x = 0; x < BROKERS; x++) {
		if (world.disks & DISK_NONE)
			settle(CALM_ROUNDS);
		broker_crash(x);
		broker_start(x);
	}
	settle(CALM_ROUNDS);
	disk_compare(world.broker[0].disk, world.broker[1].disk);
	compare_marks();
	compare_flow();
	compare_last();
}

/* One seed. */

static void
begin(uint64_t seed, enum mutant mutant, int disks, int tracing)
{
	int x, who;

	memset(&world, 0, sizeof world);
	world.random = seed * 0x2545f4914f6cdd1du;
	world.mutant = mutant;
	world.disks = disks;
	world.tracing = tracing;
	world.current = -1;
	for (who = 0; who < PEERS; who++)
		for (x = 0; x < BROKERS; x++)
			world.link[who][x] = 1;
	for (x = 0; x < BROKERS; x++) {
		struct sim_broker *s = &world.broker[x];

		s->name = x == 0 ? "A" : "B";
		s->disk = disk_new(x);
		s->mono = DATE_SECOND * (int64_t)(1000 + sim_random(1000));
		s->skew = (int64_t)sim_random(DATE_SECOND);
	}
	ledger_reset();
	producers_reset();
	consumers_reset();
}

static void
end(void)
{
	int x, i;

	for (i = 0; i < PRODUCERS; i++)
		stat.events += producer_last(i);
	for (x = 0; x < BROKERS; x++) {
		broker_crash(x);
		disk_free(world.broker[x].disk);
	}
	net_free();
	producers_free();
	consumers_free();
}

static const char *
run_seed(uint64_t seed, enum mutant mutant, int disks, int tracing)
{
	int i;

	begin(seed, mutant, disks, tracing);
	broker_start(0);
	broker_start(1);
	if (sim_chance(100))
		stumble((int)sim_random(BROKERS));
	for (i = 0; i < STEPS && world.violation == NULL; i++)
		step();
	if (world.violation == NULL) {
		mend();
		compare();
	}
	end();
	return world.violation;
}

/* The lines of the table. */

static const struct line {
	const char *mutant, *disks;
	enum mutant without;
	int harm;
} lines[] = {
	{ "none", "kept", MUTANT_NONE, 0 },
	{ "none", "rollback", MUTANT_NONE, DISK_ROLLBACK },
	{ "none", "loss", MUTANT_NONE, DISK_LOSS },
	{ "none", "both", MUTANT_NONE, DISK_ROLLBACK | DISK_LOSS },
	{ "none", "none", MUTANT_NONE, DISK_NONE },
	{ "none", "retention", MUTANT_NONE, DISK_RETAIN },
	{ "none", "all", MUTANT_NONE, DISK_RETAIN | DISK_ROLLBACK | DISK_LOSS },
	{ "early-done", "kept", MUTANT_EARLY_DONE, 0 },
	{ "all-safe", "kept", MUTANT_ALL_SAFE, 0 },
	{ "no-deps", "kept", MUTANT_NO_DEPS, 0 },
	{ "no-seen", "kept", MUTANT_NO_SEEN, 0 },
	{ "no-marks", "kept", MUTANT_NO_MARKS, 0 },
	{ "no-notes", "kept", MUTANT_NO_NOTES, 0 },
	{ "same-log", "both", MUTANT_SAME_LOG, DISK_ROLLBACK | DISK_LOSS },
	{ "accept-behind", "rollback", MUTANT_ACCEPT_BEHIND, DISK_ROLLBACK },
	{ "accept-behind", "loss", MUTANT_ACCEPT_BEHIND, DISK_LOSS },
	{ "lax", "both", MUTANT_LAX, DISK_ROLLBACK | DISK_LOSS },
	{ "closed-logs", "rollback", MUTANT_CLOSED_LOGS, DISK_ROLLBACK },
	{ "local-is-safe", "kept", MUTANT_LOCAL_IS_SAFE, 0 },
	{ "mark-ahead", "kept", MUTANT_MARK_AHEAD, 0 },
	{ "no-flows", "kept", MUTANT_NO_FLOWS, 0 },
	{ "no-copied", "kept", MUTANT_NO_COPIED_MARKS, 0 },
};

enum { LINES = sizeof lines / sizeof *lines };

static struct {
	uint64_t from, to, trace;
	int tracing, all;
	const char *mutant, *disks;
} o = { 1, 100, 0, 0, 0, NULL, NULL };

struct tally {
	const char *name;
	uint64_t n, first;
	char detail[sizeof world.detail];
};

static void
count(struct tally *t, const char *name, uint64_t seed)
{
	for (; t->name != NULL && strcmp(t->name, name) != 0; t++)
		;
	if (t->n++ == 0) {
		t->name = name;
		t->first = seed;
		memcpy(t->detail, world.detail, sizeof t->detail);
	}
}

/* 1 if the line is as it should be. */
static int
run_line(const struct line *line)
{
	struct tally tally[32] = { { 0 } };
	struct timespec a, b;
	uint64_t seed, bad = 0;
	const char *v;
	int i;

	memset(&stat, 0, sizeof stat);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (seed = o.from; seed <= o.to; seed++) {
		v = run_seed(seed, line->without, line->harm, 0);
		if (v == NULL)
			continue;
		bad++;
		count(tally, v, seed);
		if (line->without != MUTANT_NONE && !o.all)
			break;
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%-13s %-8s %5" PRIu64 " seeds %5.1f s, %" PRIu64
	       " events, %" PRIu64 " crashes, %" PRIu64 "+%" PRIu64 " disks: ",
	    line->mutant, line->disks,
	    seed > o.to ? o.to - o.from + 1 : seed - o.from + 1,
	    (double)(b.tv_sec - a.tv_sec) +
		(double)(b.tv_nsec - a.tv_nsec) / 1e9,
	    stat.events, stat.crashes, stat.rollbacks, stat.losses);
	printf(bad ? "%" PRIu64 " violations\n" : "all well\n", bad);
	for (i = 0; tally[i].name != NULL; i++)
		printf("    %s: %" PRIu64 ", first seed %" PRIu64 ": %s\n",
		    tally[i].name, tally[i].n, tally[i].first, tally[i].detail);
	return (bad == 0) == (line->without == MUTANT_NONE);
}

static void
usage(void)
{
	size_t i;

	fprintf(stderr,
	    "usage: sim [--seeds A-B] [--mutant NAME] [--disks KIND] [--all] "
	    "[--trace SEED]\n");
	for (i = 0; i < LINES; i++)
		fprintf(stderr, "    --mutant %s --disks %s\n", lines[i].mutant,
		    lines[i].disks);
	exit(EXIT_USAGE);
}

static void
option(const char *name, const char *value)
{
	if (strcmp(name, "--mutant") == 0)
		o.mutant = value;
	else if (strcmp(name, "--disks") == 0)
		o.disks = value;
	else if (strcmp(name, "--trace") == 0)
		o.tracing = sscanf(value, "%" SCNu64, &o.trace) == 1;
	else if (strcmp(name, "--seeds") != 0 ||
	    sscanf(value, "%" SCNu64 "-%" SCNu64, &o.from, &o.to) != 2)
		usage();
}

static void
options(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--all") == 0) {
			o.all = 1;
		} else {
			if (i + 1 == argc)
				usage();
			option(argv[i], argv[i + 1]);
			i++;
		}
}

static int
is_selected(const struct line *line)
{
	return (o.mutant == NULL || strcmp(o.mutant, line->mutant) == 0) &&
	    (o.disks == NULL || strcmp(o.disks, line->disks) == 0);
}

int
main(int argc, char **argv)
{
	int passed = 0, failed = 0;
	size_t i;

	die_name("sim");
	options(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < LINES; i++) {
		if (!is_selected(&lines[i]))
			continue;
		if (o.tracing)
			return run_seed(o.trace, lines[i].without,
				   lines[i].harm, 1) != NULL;
		if (run_line(&lines[i]))
			passed++;
		else
			failed++;
	}
	printf("sim: %d passed, %d failed\n", passed, failed);
	return failed != 0 || passed == 0;
}
