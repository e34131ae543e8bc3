/*
 * sg-rule reads event lines, gives them to the rules that want them, and
 * writes the events that these make.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/opt.h"
#include "base/stats.h"
#include "bus/mark.h"
#include "bus/memo.h"
#include "event/event.h"
#include "event/line.h"
#include "grid/engine.h"
#include "grid/programs.h"
#include "grid/rule_set.h"

static struct {
	struct opt_list rules, contexts, topics, commands;
	const char *knowledge, *state, *dead;
	int clock, check, dry_run, strict, stats;
	int64_t ready_fd;
	struct engine_options engine;
	int64_t max_memory, max_output;
} o = {
	.ready_fd = -1,
	.max_memory = INT64_C(256) << 20,
	.max_output = INT64_C(1) << 20,
	.engine = {
		.skew = INT64_C(60) * DATE_SECOND,
		.grace = INT64_C(5) * DATE_SECOND,
		.time = INT64_C(1) * DATE_SECOND,
	},
};

static int64_t max_keys = 1000000;

static const char *const clocks[] = { "event", "wall", NULL };

static const struct opt options[] = {
	{ 'r', "rule", OPT_LIST, "FILE", "a rule: a jq program with its head",
	    &o.rules },
	{ 0, "context", OPT_LIST, "FILE",
	    "what rules are told: JSON, or NAME=FILE.csv[:COLUMN]",
	    &o.contexts },
	{ 0, "exec", OPT_LIST, "COMMAND", "a program that stands in for a rule",
	    &o.commands },
	{ 't', "topic", OPT_LIST, "FILTER", "what the next --exec gets (all)",
	    &o.topics },
	{ 0, "knowledge", OPT_STRING, "FILE", "JSON object that all may read",
	    &o.knowledge },
	{ 0, "clock", OPT_CHOICE, "WHICH", "what $now is (event)", &o.clock,
	    NULL, clocks },
	{ 0, "grace", OPT_DURATION, "DUR",
	    "how late timers run when nothing comes (5s)", &o.engine.grace },
	{ 0, "skew", OPT_DURATION, "DUR",
	    "how far t may be in the future (60s)", &o.engine.skew },
	{ 0, "state", OPT_STRING, "FILE", "keep what rules remember in FILE",
	    &o.state },
	{ 0, "src", OPT_STRING, "NAME", "results get src, ep, seq of NAME",
	    &o.engine.src },
	{ 0, "pass", OPT_FLAG, NULL, "write the input too", &o.engine.pass },
	{ 0, "dry-run", OPT_FLAG, NULL, "only show what would be written",
	    &o.dry_run },
	{ 0, "explain", OPT_FLAG, NULL, "say what each rule did with what",
	    &o.engine.explain },
	{ 0, "check", OPT_FLAG, NULL, "only check rules and contexts",
	    &o.check },
	{ 0, "max-time", OPT_DURATION, "DUR", "of one run (1s)",
	    &o.engine.time },
	{ 0, "max-memory", OPT_SIZE, "SIZE", "of all rules (256M)",
	    &o.max_memory },
	{ 0, "max-output", OPT_SIZE, "SIZE", "of one run (1M)", &o.max_output },
	{ 0, "max-keys", OPT_INT, "N", "to keep states by (1000000)",
	    &max_keys },
	{ 0, "dead", OPT_STRING, "FILE", "append refused lines to FILE",
	    &o.dead },
	{ 0, "strict", OPT_FLAG, NULL, "stop at the first refused line",
	    &o.strict },
	{ 0, "stats", OPT_FLAG, NULL, "print counts at the end", &o.stats },
	{ 0, "ready-fd", OPT_INT, "N", "write a line there once it reads",
	    &o.ready_fd },
	{ 0 },
};

static const struct opt_command command = {
	.name = "sg-rule",
	.purpose = "run rules on events",
	.operands = "[FILE]...",
	.options = options,
	.examples = {
		"sg-rule -r threshold.jq --context district-a.json day.ndjson",
		"sg-sub 'AGGREGATE/#' | sg-rule -r peak.jq --explain | sg-pub",
	},
};

/* The rules and the engine that runs them. */
struct running {
	struct rule_set set;
	struct engine *engine;
	struct engine_stats before; /* what earlier ones have done */
};

static struct {
	struct running *rules;
	struct programs programs;
	size_t awaited; /* programs that have not passed the mark on */
	struct memo *memo;
	struct line_in in;
	struct line_out out;
	struct buf state;
	int begun;	   /* with what is in the state file */
	int marks;	   /* the input has marks */
	int ending;	   /* no more input */
	uint64_t made;	   /* by programs */
	uint64_t lost;	   /* faults whose line no dead file has */
	int read, written; /* anything since the last mark passed on */
	uint64_t taken, other;
} s;

static void
output(int status)
{
	if (status < 0)
		die(EXIT_IO, "%s: %s", s.out.name, strerror(errno));
}

/* Rules */

static struct rule_paths
paths(void)
{
	return (struct rule_paths){ o.rules.v, o.rules.n, o.contexts.v,
		o.contexts.n, o.knowledge };
}

/* Lines of why, one message each. */
static void
say_lines(struct buf *why)
{
	char *p, *line;

	buf_addc(why, '\0');
	p = why->p;
	while ((line = strsep(&p, "\n")) != NULL)
		if (*line != '\0')
			error("%s", line);
	buf_fini(why);
}

static void
close_rules(struct running *r)
{
	engine_free(r->engine);
	rule_set_fini(&r->set);
	free(r);
}

/* NULL with what is wrong said. */
static struct running *
open_rules(void)
{
	struct rule_paths files = paths();
	struct running *r = xcalloc(1, sizeof *r);
	struct buf why = { 0 };

	if (rule_set_open(&r->set, &files, &why) == 0) {
		r->engine = engine_new(&o.engine, &r->set, &why);
		if (r->engine == NULL && why.len == 0)
			buf_addf(&why, "rules: %s", strerror(errno));
	}
	if (r->engine != NULL)
		return r;
	say_lines(&why);
	close_rules(r);
	return NULL;
}

/* What comes out */

/* Lines that a rule failed with are of before the line read last. */
static void
refuse(const struct engine_result *r)
{
	struct line_in *in = &s.in;
	const char *name = in->name;
	uint64_t number = in->number;
	int cr = in->cr, status = 0;

	if (r->n == 0) {
		s.lost++;
		in->stop |= in->strict;
		return;
	}
	in->number = r->origin.line;
	in->cr = 0;
	status = line_bad(in, r->p, r->n, NULL);
	if (status < 0)
		die(EXIT_IO, "%s: %s", in->name, strerror(errno));
	in->name = name;
	in->number = number;
	in->cr = cr;
}

/* What a rule made is for programs, unless it comes from one. */
static void
put_result(const struct engine_result *r)
{
	struct event e;
	const char *why;

	s.written = 1;
	output(line_out_line(&s.out, r->p, r->n));
	if (s.programs.n > 0 && r->kind == ENGINE_MADE && !r->by_program &&
	    event_scan(&e, r->p, r->n, &why) == 0)
		programs_give(&s.programs, &e);
}

static void
take_results(void)
{
	struct engine_result r;

	while (engine_next(s.rules->engine, &r))
		switch (r.kind) {
		case ENGINE_MADE:
		case ENGINE_PASSED: put_result(&r); break;
		case ENGINE_FAULT: error("%.*s", (int)r.n, r.p); break;
		case ENGINE_REFUSED: refuse(&r); break;
		case ENGINE_TOLD: note("%.*s", (int)r.n, r.p); break;
		case ENGINE_DETAIL: debug("%.*s", (int)r.n, r.p); break;
		case ENGINE_NONE: break;
		}
}

static void
work(int wait)
{
	if (engine_run(s.rules->engine, wait) < 0)
		die(EXIT_BUG, "rules: %s", strerror(errno));
	take_results();
}

/* A signal asks to leave, and what there is to do takes longer than that. */
static int
overdue(void)
{
	static int64_t asked;

	if (!app_stop())
		return 0;
	if (asked == 0)
		asked = date_mono();
	return date_mono() - asked > DATE_SECOND;
}

static void
settle(void)
{
	while (!engine_settled(s.rules->engine) && !overdue())
		work(1);
	take_results();
}

/* Programs that stand in for rules */

/* Which argument a value given to an option is, or is a part of. */
static int
position(const char *value, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if ((uintptr_t)value >= (uintptr_t)argv[i] &&
		    (uintptr_t)value <= (uintptr_t)argv[i] + strlen(argv[i]))
			return i;
	return 0;
}

/* Filters are for the next program given. */
static void
open_programs(int argc, char **argv)
{
	size_t t = 0;
	const char *why;

	for (size_t i = 0; i < o.commands.n; i++) {
		int at = position(o.commands.v[i], argc, argv);
		struct topic_set set = { 0 };

		for (;
		     t < o.topics.n && position(o.topics.v[t], argc, argv) < at;
		     t++) {
			why = topic_set_add(
			    &set, o.topics.v[t], strlen(o.topics.v[t]));
			if (why != NULL)
				opt_usage("--topic %s: %s", o.topics.v[t], why);
		}
		if (set.n > 0 && (why = topic_set_check(&set)) != NULL)
			opt_usage("--topic: %s", why);
		if (o.dry_run || o.check)
			topic_set_fini(&set);
		else
			programs_add(&s.programs, o.commands.v[i], &set);
	}
	if (t < o.topics.n)
		opt_usage("--topic %s: no --exec follows", o.topics.v[t]);
}

static void
refuse_program(
    const struct program *p, const char *line, size_t n, const char *why)
{
	struct engine_result r = { .p = line, .n = n };

	error("%s: %s", program_command(p), why);
	refuse(&r);
}

/* A command has to be one, whatever the time is. */
static int
check_command(const struct event *e, const char **why)
{
	int64_t t = 0;

	(void)event_time(e, &t);
	return event_command(e, t, why);
}

static void
take_program_line(struct program *p, const char *line, size_t n)
{
	struct event e;
	const char *why;

	if (event_scan(&e, line, n, &why) < 0 ||
	    (!mark_is(&e) && event_complete(&e, &why) < 0) ||
	    (!mark_is(&e) && check_command(&e, &why) < 0)) {
		refuse_program(p, line, n, why);
		return;
	}
	if (mark_is(&e)) {
		s.awaited -= s.awaited > 0;
		return;
	}
	s.written = 1;
	s.made++;
	output(line_out_line(&s.out, line, n));
	engine_feed(s.rules->engine, &e);
}

static void
say_ended(const struct program *p)
{
	const char *name = program_command(p);

	/* What a shell ends with that cannot run it. */
	if (program_status(p) == 126 || program_status(p) == 127)
		die(EXIT_CONFIG, "%s: it cannot be run", name);
	if (s.marks && !s.ending)
		die(EXIT_UNAVAILABLE,
		    "%s: it ended with status %d between "
		    "marks",
		    name, program_status(p));
	if (!s.ending)
		warn("%s: it ended with status %d, and is started again when "
		     "there is something for it",
		    name, program_status(p));
	else if (program_status(p) != 0)
		warn("%s: it ended with status %d", name, program_status(p));
}

/* Write to programs and read from them, without waiting. */
static void
work_programs(void)
{
	int64_t now = date_mono();
	const char *line;
	size_t n;
	int r;

	for (size_t i = 0; i < s.programs.n; i++) {
		struct program *p = s.programs.v[i];
		enum program_news news = program_work(p, now);

		while ((r = program_next(p, &line, &n)) != 0)
			if (r > 0)
				take_program_line(p, line, n);
			else
				refuse_program(p, NULL, 0, "line too long");
		if (news == PROGRAM_ENDED)
			say_ended(p);
		else if (news == PROGRAM_FAILED)
			die(EXIT_BUG, "%s: %s", program_command(p),
			    strerror(errno));
	}
	while (engine_full(s.rules->engine) && !overdue())
		work(1);
	take_results();
}

static int
awaits_mark(void)
{
	return s.awaited > 0;
}

static int
are_full(void)
{
	return programs_full(&s.programs);
}

static int
are_running(void)
{
	return !programs_done(&s.programs);
}

/* Let programs run as long as that is so; a signal ends it too. */
static void
run_programs(int (*is_so)(void))
{
	struct pollfd fds[2] = { { .fd = -1 },
		{ .fd = app_signal_fd(), .events = POLLIN } };

	work_programs();
	while (is_so() && !app_stop()) {
		output(line_out_flush(&s.out));
		programs_wait(&s.programs, fds, -1);
		work_programs();
	}
}

/* What they make of all that they were given comes out. */
static void
mark_programs(const struct event *e)
{
	s.awaited = s.programs.n;
	programs_give_all(&s.programs, e->line, e->n);
	run_programs(awaits_mark);
	settle();
}

static void
end_programs(void)
{
	s.ending = 1;
	programs_end(&s.programs);
	run_programs(are_running);
	settle();
	programs_fini(&s.programs);
}

/* State */

static void __attribute__((noreturn)) fail_state(int status, const char *why)
{
	die(status, "%s: %s", o.state, why);
}

static void
open_state(void)
{
	static struct memo_options memo;
	const char *why;
	int status;

	if (o.state == NULL || (o.dry_run && access(o.state, F_OK) < 0))
		return;
	memo = (struct memo_options){ .path = o.state,
		.program = command.name,
		.config = (uint64_t)o.clock };
	s.memo = memo_open(&memo, &status, &why);
	if (s.memo == NULL)
		fail_state(status, why);
}

/* With the first line: whether it is a mark is known then. */
static void
begin(const struct mark *mark)
{
	const char *p, *why = NULL;
	size_t n;
	int r = 0;

	s.begun = 1;
	if (s.memo != NULL)
		r = memo_begin(s.memo, mark, &p, &n, &why);
	if (r < 0)
		fail_state(EXIT_CONFIG, why);
	if (why != NULL)
		note("%s: %s", o.state, why);
	if (r == 0)
		engine_begin(
		    s.rules->engine, mark != NULL ? mark->t : date_now());
	else if (engine_load(s.rules->engine, p, n) < 0)
		fail_state(EXIT_IO, "damaged");
}

static void
save(const struct mark *mark)
{
	const char *why;

	if (s.memo == NULL || o.dry_run)
		return;
	buf_clear(&s.state);
	engine_save(s.rules->engine, &s.state);
	if (memo_save(s.memo, mark, s.state.p, s.state.len, &why) < 0)
		fail_state(EXIT_IO, why);
}

/* What comes in */

static void
refuse_line(const char *p, size_t n, const char *why)
{
	if (line_bad(&s.in, p, n, why) < 0)
		die(EXIT_IO, "%s: %s", s.in.name, strerror(errno));
}

static void
pass_mark(const struct event *e)
{
	if (!o.dry_run)
		output(line_out_line(&s.out, e->line, e->n));
}

/*
 * All before it is done.  Time goes on only at marks that are passed on, as it
 * does for who follows from mark to mark.
 */
static void
finish_mark(const struct event *e, const struct mark *mark)
{
	enum memo_due due = MEMO_PASS;

	settle();
	if (s.programs.n > 0)
		mark_programs(e);
	if (app_stop())
		return;
	if (s.memo != NULL && !o.dry_run)
		due = memo_due(s.memo, mark, s.read,
		    s.written || engine_due(s.rules->engine, mark->t));
	if (due == MEMO_ABSORB)
		return;
	engine_idle(s.rules->engine, mark->t);
	settle();
	if (app_stop())
		return;
	if (due == MEMO_SAVE)
		save(mark);
	s.read = s.written = 0;
	pass_mark(e);
}

static void
take_mark(const struct event *e)
{
	static struct mark mark;
	const char *why;

	if (mark_read(&mark, e, &why) < 0) {
		refuse_line(e->line, e->n, why);
		return;
	}
	if (!s.begun)
		begin(&mark);
	else if (s.memo != NULL && !s.marks)
		die(EXIT_DATA, "%s:%llu: the first mark is not the first line",
		    s.in.name, (unsigned long long)s.in.number);
	s.marks = 1;
	finish_mark(e, &mark);
}

static void
take_event(const struct event *e)
{
	struct engine_origin origin = { s.in.name, s.in.number };

	if (!s.begun)
		begin(NULL);
	s.read = 1;
	switch (engine_add(s.rules->engine, e, &origin)) {
	case ENGINE_FUTURE:
		refuse_line(e->line, e->n, "future: t is ahead of the clock");
		return;
	case ENGINE_OTHER: s.other++; break;
	case ENGINE_WANTED: s.taken++; break;
	}
	while (engine_full(s.rules->engine) && !overdue())
		work(1);
	if (s.programs.n == 0)
		return;
	programs_give(&s.programs, e);
	if (are_full())
		run_programs(are_full);
}

static void
handle(const char *p, size_t n)
{
	struct event e;
	const char *why = NULL;

	if (event_scan(&e, p, n, &why) < 0)
		refuse_line(p, n, why);
	else if (mark_is(&e))
		take_mark(&e);
	else if (event_complete(&e, &why) < 0)
		refuse_line(p, n, why);
	else
		take_event(&e);
	take_results();
}

static void
add_stats(struct engine_stats *to, const struct engine *from)
{
	struct engine_stats now;

	engine_stats(from, &now);
	to->runs += now.runs;
	to->made += now.made;
	to->errors += now.errors;
	to->fed += now.fed;
	to->timers += now.timers;
	to->restarts += now.restarts;
	to->keys = now.keys;
}

/* New rules take over what the old ones knew; if they are wrong, not. */
static void
reload(void)
{
	struct running *r;

	settle();
	if (overdue())
		return;
	r = open_rules();
	if (r == NULL) {
		warn("the rules stay as they were");
		return;
	}
	buf_clear(&s.state);
	engine_save(s.rules->engine, &s.state);
	if (engine_load(r->engine, s.state.p, s.state.len) < 0)
		die(EXIT_BUG, "a state that cannot be read");
	r->before = s.rules->before;
	add_stats(&r->before, s.rules->engine);
	close_rules(s.rules);
	s.rules = r;
	note("the rules are read again");
}

static int64_t
idle(void)
{
	int64_t wait;

	if (s.marks || (s.memo != NULL && !s.begun))
		return -1;
	if (!s.begun)
		begin(NULL);
	wait = engine_idle(s.rules->engine, date_now());
	settle();
	return wait;
}

/*
 * Until there is input; what time and programs make comes out meanwhile.  0,
 * or -1: a signal asks to leave, or the input cannot be read.
 */
static int
wait_for_input(void)
{
	struct pollfd fds[2] = { { .fd = line_fd(&s.in), .events = POLLIN },
		{ .fd = app_signal_fd(), .events = POLLIN } };
	int64_t wait = 0;

	while (
	    programs_wait(&s.programs, fds, wait) <= 0 || fds[0].revents == 0) {
		if (app_stop())
			return -1;
		if (app_hup())
			reload();
		work_programs();
		settle();
		wait = idle();
		output(line_out_flush(&s.out));
	}
	work_programs();
	return app_stop() ? -1 : line_fill(&s.in);
}

static void
unreadable(void)
{
	int saved = errno;

	settle();
	output(line_out_flush(&s.out));
	die(saved == ENOENT || saved == EACCES || saved == EISDIR ? EXIT_NOINPUT
								  : EXIT_IO,
	    "%s: %s", s.in.name, strerror(saved));
}

static void
run(void)
{
	const char *p;
	size_t n;
	enum line_result r;

	app_ready((int)o.ready_fd);
	while (!overdue() && (r = line_take(&s.in, &p, &n)) != LINE_END) {
		if (r == LINE_GIVEN)
			handle(p, n);
		else if (r == LINE_ERROR || wait_for_input() < 0) {
			if (app_stop())
				break;
			if (errno != EINTR)
				unreadable();
		}
		if (app_hup())
			reload();
	}
	settle();
	end_programs();
	/* An input without a line may be one with marks that has broken. */
	if (s.begun && !s.marks && !app_stop() && !(o.strict && s.in.bad > 0))
		save(NULL);
}

/* Names of files are of any kind, names in statistics are plain. */
static void
add_runs(struct buf *b)
{
	for (size_t i = 0; i < s.rules->set.n; i++) {
		char name[80];
		size_t n = 0;
		const char *p = s.rules->set.files[i].name;

		for (; *p != '\0' && n < sizeof name - 6; p++)
			name[n++] =
			    *p > ' ' && *p < 0x7f && *p != '"' && *p != '\\'
			    ? *p
			    : '_';
		memcpy(name + n, ".runs", 6);
		stats_add(b, name, engine_rule_runs(s.rules->engine, i));
	}
}

static void
print_stats(int64_t begun)
{
	struct engine_stats *sum = &s.rules->before;
	struct buf b = { 0 };

	if (!o.stats)
		return;
	add_stats(sum, s.rules->engine);
	stats_begin(&b, command.name, s.in.lines, sum->made + s.made, s.in.bad);
	stats_add(&b, "taken", s.taken);
	stats_add(&b, "other", s.other);
	stats_add(&b, "runs", sum->runs);
	add_runs(&b);
	stats_add(&b, "timers", sum->timers);
	stats_add(&b, "fed", sum->fed);
	stats_add(&b, "errors", sum->errors);
	stats_add(&b, "restarts", sum->restarts);
	stats_add(&b, "keys", sum->keys);
	stats_end(&b, s.in.lines, date_mono() - begun);
}

/* Printable, without what JSON escapes. */
static int
is_source(const char *p)
{
	size_t n = strlen(p);

	for (size_t i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] >= 0x7f || p[i] == '"' || p[i] == '\\')
			return 0;
	return n > 0 && n <= 255;
}

static void
check_options(void)
{
	struct engine_options *e = &o.engine;

	if (o.rules.n == 0 && o.commands.n == 0)
		opt_usage("a --rule is needed, or an --exec");
	if (o.state == NULL && e->src != NULL)
		opt_usage("--src needs --state, which keeps the counter");
	if (e->src != NULL && !is_source(e->src))
		opt_usage("--src %s: 1 to 255 printable characters", e->src);
	if (e->time == 0 || e->time > INT64_C(3600) * DATE_SECOND)
		opt_usage("--max-time is above 0 and at most 1h");
	if (o.max_memory < 1 << 20 || o.max_output < 1)
		opt_usage("--max-memory is at least 1M, --max-output 1");
	if (max_keys < 1)
		opt_usage("--max-keys is at least 1");
	e->explain += e->explain && die_verbose();
	e->clock = (enum engine_clock)o.clock;
	e->memory = (size_t)o.max_memory;
	e->output = (size_t)o.max_output;
	e->keys_max = (size_t)max_keys;
}

static void
open_all(char **files, int n)
{
	s.rules = open_rules();
	if (s.rules == NULL)
		exit(EXIT_CONFIG);
	open_state();
	app_signals();
	line_out_init(&s.out, STDOUT_FILENO, "standard output");
	line_open(&s.in, files, (size_t)n);
	s.in.strict = o.strict;
	s.in.out = &s.out;
	if (o.dead != NULL && line_dead(&s.in, o.dead) < 0)
		die(EXIT_CANTCREATE, "%s: %s", o.dead, strerror(errno));
}

static int
close_all(int64_t begun)
{
	int status = line_status(&s.in);

	line_summary(&s.in);
	if (line_close(&s.in) < 0)
		die(EXIT_IO, "%s: %s", o.dead, strerror(errno));
	output(line_out_fini(&s.out));
	print_stats(begun);
	close_rules(s.rules);
	if (s.memo != NULL)
		memo_close(s.memo);
	buf_fini(&s.state);
	if (app_stop())
		return 128 + app_stop();
	return status == EXIT_OK && s.lost > 0 ? EXIT_DATA : status;
}

int
main(int argc, char **argv)
{
	int64_t begun = date_mono();
	int first;

	first = opt_parse(&command, argc, argv);
	check_options();
	open_programs(argc, argv);
	if (o.check) {
		s.rules = open_rules();
		return s.rules == NULL ? EXIT_CONFIG : EXIT_OK;
	}
	open_all(argv + first, argc - first);
	run();
	return close_all(begun);
}
