/* Rules in their process: what they may not do, what they give, restarts. */
#include "grid/rule_peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "check.h"

static const char event[] =
    "{\"topic\":\"MEASUREMENT/SENSOR/12/Power\",\"t\":1795388400.123,"
    "\"v\":231.5,\"u\":\"W\"}";

enum { RULES = 64, EVENTS = 2000, STATES = 70000, OPEN = 90 };

static const int64_t now = 1795388401250000;

/* As the tests need it: little of everything. */
static struct rule_peer *
open_rules(const char *const *text, size_t n, struct buf *why)
{
	struct rule_source rule[RULES] = { { 0 } };
	struct rule_plan plan = { .rule = rule,
		.rules = n,
		.knowledge = "{\"site\":\"A\"}",
		.knowledge_n = 12,
		.explain = 1,
		.time = 100000,
		.memory = 48 << 20,
		.output = 64 << 10 };

	for (size_t k = 0; k < n; k++)
		rule[k] = (struct rule_source){ "rule", "dir/rule.jq", text[k],
			strlen(text[k]), "{\"limit\":225}", 13 };
	return rule_peer_open(&plan, why);
}

static void
give(struct rule_peer *p, uint32_t rule, struct rule_state *s, const char *line)
{
	struct rule_run run = { .rule = rule,
		.state = s,
		.key = "k1",
		.key_n = 2,
		.captures = "{\"sensor\":\"12\"}",
		.captures_n = 15,
		.now = now,
		.event = line,
		.event_n = strlen(line) };

	rule_peer_give(p, &run);
}

/* All of an answer in one line: texts, state, timer, why. */
static const char *
show(struct rule_answer *a, struct buf *b)
{
	enum rule_text kind;
	const char *text;
	size_t n;

	buf_clear(b);
	while ((kind = rule_answer_next(a, &text, &n)) != RULE_END) {
		buf_adds(b, kind == RULE_WHY ? "why " : "");
		buf_add(b, text, n);
		buf_addc(b, '|');
	}
	if (a->changed)
		buf_addf(b, "state %s|",
		    a->state->text != NULL ? a->state->text : "none");
	if (a->timer == RULE_TIMER_SET)
		buf_addf(b, "timer %lld|", (long long)a->due);
	if (a->timer == RULE_TIMER_CANCEL)
		buf_adds(b, "no timer|");
	if (a->verdict != RULE_DONE)
		buf_addf(b, "%s: %s",
		    a->verdict == RULE_STOPPED ? "STOPPED" : "ERROR", a->why);
	return buf_cstr(b);
}

static const char *
answer(struct rule_peer *p, struct buf *b)
{
	struct rule_answer a;

	return rule_peer_take(p, &a, 1) == 1 ? show(&a, b) : "nothing";
}

struct run_case {
	const char *program, *want, *why;
};

/* ThreadSanitizer holds signals back while nothing is called. */
static char endless[] = "STOPPED: stopped after 100 ms";

static const struct run_case refusals[] = {
	{ "def f: f; f", endless, "an endless loop" },
	{ "[range(1e12)]", "STOPPED: ", "an endless array" },
	{ "repeat(.)", "ERROR: more than 64K of output", "a flood of events" },
	{ "def f: {\"$why\":\"x\"}, f; f", "ERROR: more than 64K of output",
	    "a flood of explanations" },
	{ "{topic:\"A\",vs:(\"x\" * 100000)}", "ERROR: more than 64K of output",
	    "a huge string" },
	{ "reduce range(40) as $i (\"x\"; . + .) | {topic:\"A\",vs:.}",
	    "STOPPED: ", "a string without bounds" },
	{ "{\"$state\": [range(100000)]}", "ERROR: more than 64K of output",
	    "a huge state" },
	{ "error(\"no \\u0007 good\\nat all\")", "ERROR: no   good at all",
	    "an error of the program's own" },
	{ "error({a:1})", "ERROR: {\"a\":1}", "an error that is no text" },
	{ "error(\"\")", "ERROR: error", "an error without text" },
	{ ".v.x", "ERROR: Cannot index number with ", "a type error" },
	{ "{topic:\"A/B\",v:1}, .v.x", "ERROR: Cannot index number with ",
	    "an error after an output" },
	{ "{\"$state\":1},{\"$state\":2}", "ERROR: output 2: a second $state",
	    "two states" },
	{ "{\"$timer\":1},{\"$timer\":null}",
	    "ERROR: output 2: a second $timer", "two timers" },
	{ "{\"$timer\":\"1h\"}",
	    "ERROR: output 1: $timer: neither a time nor null",
	    "a timer that is none" },
	{ "{\"$timer\":1e300}",
	    "ERROR: output 1: $timer: neither a time nor null",
	    "a timer out of range" },
	{ "1", "ERROR: output 1: of type number, not an object", "a number" },
	{ ".,null", "ERROR: output 2: of type null, not an object", "null" },
	{ "{}", "ERROR: output 1: neither an event with a topic",
	    "an empty object" },
	{ "{v:1}", "ERROR: output 1: neither an event with a topic",
	    "an event without topic" },
	{ "{topic:\"A/B\"}", "ERROR: output 1: ", "an event without value" },
	{ "{topic:\"A//B\",v:1}", "ERROR: output 1: topic: ", "a bad topic" },
	{ "{topic:5,v:1}", "ERROR: output 1: topic", "a topic that is none" },
	{ "{topic:\"A/B\",v:nan}", "ERROR: output 1: ", "not a number" },
	{ "{topic:\"A/B\",v:1,vs:\"x\"}", "ERROR: output 1: ", "two values" },
	{ "{topic:\"A/B\",vs:\"a\\u0000b\"}",
	    "ERROR: output 1: a string with U+0000", "a NUL" },
	{ "{\"$state\":\"a\\u0000b\"}", "ERROR: output 1: a string with U+0000",
	    "a NUL in the state" },
	{ "{topic:\"A/B\",d:(reduce range(100) as $i ({}; {a:.}))}",
	    "ERROR: output 1: nested deeper than 64", "deep nesting" },
	{ "{\"$state\":(reduce range(100) as $i (1; [.]))}",
	    "ERROR: output 1: nested deeper than 64", "a deep state" },
	{ "{\"$state\":(reduce range(300000) as $i (1; [.]))}", "",
	    "a state so deep that libjq's stack may end" },
	{ "{topic:\"COMMAND/L/set\",v:1}",
	    "ERROR: output 1: COMMAND without ttl", "a command for ever" },
	{ "{topic:\"A/B\",v:1,sig:\"AAAA\",kid:\"k\"}",
	    "ERROR: output 1: ", "a signature that cannot be its own" },
};

/* All rules of a table, and one more. */
static struct rule_peer *
open_cases(const struct run_case *c, size_t n, const char *more)
{
	const char *text[RULES];
	struct buf why = { 0 };
	struct rule_peer *p;

	for (size_t i = 0; i < n; i++)
		text[i] = c[i].program;
	text[n] = more;
	p = open_rules(text, n + 1, &why);
	check(p != NULL, "the rules: %s", buf_cstr(&why));
	buf_fini(&why);
	return p;
}

static void
test_refusals(void)
{
	const size_t n = sizeof refusals / sizeof *refusals;
	struct rule_peer *p = open_cases(refusals, n, ". + {v:2}");
	struct rule_state s[RULES] = { { 0 } };
	struct buf b = { 0 };

	for (uint32_t i = 0; p != NULL && i < n; i++) {
		const struct run_case *c = &refusals[i];
		const char *got;

		give(p, i, &s[i], event);
		give(p, (uint32_t)n, &s[n], event);
		got = answer(p, &b);
		check(strncmp(got, c->want, strlen(c->want)) == 0, "%s: %s",
		    c->why, got);
		check(s[i].text == NULL, "%s: the state has changed", c->why);
		got = answer(p, &b);
		check(strstr(got, "\"v\":2") != NULL,
		    "%s: the next run gives %s", c->why, got);
		rule_state_fini(p, &s[i]);
	}
	check(p != NULL && rule_peer_restarts(p) < n, "restarts");
	rule_peer_close(p);
	buf_fini(&b);
}

static const struct run_case compiles[] = {
	{ "module {\"topics\":[\"A\"]};\n. |\nfoo", "dir/rule.jq:3: foo/0 is ",
	    "an unknown function" },
	{ ". |\n.a + $nope", "dir/rule.jq:2: $nope is not defined\n",
	    "an unknown variable" },
	{ "$state |\n(.a + $nope", "dir/rule.jq:", "two faults" },
	{ "1) | (2, $state", "", "brackets that close nothing" },
	{ "\n.a |\n}", "dir/rule.jq:3: syntax error", "a syntax error" },
	{ "include \"nowhere\";\n.", "dir/rule.jq:1: module not found: nowhere",
	    "an unknown module" },
	{ "{topic:\"A\",\nv:now}",
	    "dir/rule.jq:2: now: not in a rule: the "
	    "time is $now\n",
	    "the clock" },
	{ "input", "dir/rule.jq:1: input: not in a rule: ", "more input" },
	{ "[inputs]", "dir/rule.jq: input: not in a rule: ", "all input" },
	{ "stderr", "dir/rule.jq:1: stderr: not in a rule: ", "messages" },
	{ "halt", "dir/rule.jq:1: halt: not in a rule: ", "the end" },
	{ "input_filename", "dir/rule.jq:1: input_filename: ", "names" },
	{ "\"a\"|modulemeta", "dir/rule.jq:1: modulemeta: ", "files" },
	{ "def f: now; 1", "", "the clock, but never" },
};

static void
test_compiles(void)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof compiles / sizeof *compiles; i++) {
		const struct run_case *c = &compiles[i];
		struct rule_peer *p;

		buf_clear(&b);
		p = open_rules(&c->program, 1, &b);
		if (c->want[0] != '\0')
			check(p == NULL, "%s: is taken", c->why);
		check(strncmp(buf_cstr(&b), c->want, strlen(c->want)) == 0,
		    "%s: %s", c->why, b.p);
		rule_peer_close(p);
	}
	buf_fini(&b);
}

static const struct run_case results[] = {
	{ "empty", "", "nothing" },
	{ ".",
	    "{\"topic\":\"MEASUREMENT/SENSOR/12/Power\","
	    "\"t\":1795388400.123,\"v\":231.5,\"u\":\"W\"}|",
	    "the event itself" },
	{ "module {\"topics\":[\"A\"]}; select(.v > 225) | {topic, v}",
	    "{\"topic\":\"MEASUREMENT/SENSOR/12/Power\",\"t\":1795388401.25,"
	    "\"v\":231.5}|",
	    "t is now unless it is given" },
	{ "{v:.v,u:.u,t:.t,topic:\"A/B\"}",
	    "{\"topic\":\"A/B\",\"v\":231.5,\"u\":\"W\","
	    "\"t\":1795388400.123}|",
	    "topic comes first, the rest as it was made" },
	{ "select(.v > $context.limit) | {topic:\"A/B\",vs:$knowledge.site}",
	    "{\"topic\":\"A/B\",\"t\":1795388401.25,\"vs\":\"A\"}|",
	    "context and knowledge" },
	{ "{topic:\"A/B\",vs:\"\\($key) \\($captures.sensor) \\($now)\"}",
	    "{\"topic\":\"A/B\",\"t\":1795388401.25,"
	    "\"vs\":\"k1 12 1795388401.25\"}|",
	    "key, captures and time" },
	{ "def f: .v; # $key\n{\"$state\":[f,$state]},{\"$timer\":(.t+60)} #x",
	    "state [231.5,null]|timer 1795388460123000|",
	    "a state and a timer; a comment at the end" },
	{ "{\"$state\":null},{\"$timer\":null}", "no timer|",
	    "neither state nor timer" },
	{ "{\"$state\":{b:1,a:1e1000,c:nan,d:-0,e:1e17}}",
	    "state {\"b\":1,\"a\":1.7976931348623157e+308,\"c\":null,"
	    "\"d\":0,\"e\":100000000000000000}|",
	    "numbers beyond double" },
	{ "{\"$why\":\"so\\nit is\"},{\"$why\":[1]},(debug|empty)",
	    "why so it is|why [1]|why {\"topic\":"
	    "\"MEASUREMENT/SENSOR/12/Power\",\"t\":1795388400.123,"
	    "\"v\":231.5,\"u\":\"W\"}|",
	    "explanations, and debug" },
	{ "{topic:\"A/B\",vs:\"\\u00e4\\ud83d\\ude00\\t\\\"\"}",
	    "{\"topic\":\"A/B\",\"t\":1795388401.25,"
	    "\"vs\":\"\303\244\360\237\230\200\\t\\\"\"}|",
	    "Unicode" },
	{ "{topic:\"A/B\",d:{env:env,ENV:$ENV}}",
	    "{\"topic\":\"A/B\",\"t\":1795388401.25,\"d\":{\"env\":"
	    "{\"TZ\":\"UTC0\"},\"ENV\":{\"TZ\":\"UTC0\"}}}|",
	    "the environment tells nothing" },
	{ "{topic:\"A/B\",vs:(0|strftime(\"%Y-%m-%d %H\"))}",
	    "{\"topic\":\"A/B\",\"t\":1795388401.25,"
	    "\"vs\":\"1970-01-01 00\"}|",
	    "dates" },
	{ "{topic:\"A/B\",v:1,\"$state\":2}",
	    "ERROR: output 1: a member that begins with $", "a mixture" },
};

static void
test_results(void)
{
	const size_t n = sizeof results / sizeof *results;
	struct rule_peer *p = open_cases(results, n, ".");
	struct rule_state s[RULES] = { { 0 } };
	struct buf b = { 0 };

	for (uint32_t i = 0; p != NULL && i < n; i++)
		give(p, i, &s[i], event);
	for (uint32_t i = 0; p != NULL && i < n; i++) {
		const char *got = answer(p, &b);

		check(strcmp(got, results[i].want) == 0, "%s: %s",
		    results[i].why, got);
		rule_state_fini(p, &s[i]);
	}
	check(p != NULL && rule_peer_restarts(p) == 0, "no restart");
	rule_peer_close(p);
	buf_fini(&b);
}

/* The first child of a process, 0 without one. */
static pid_t
child_of(pid_t pid)
{
	char path[64];
	int child = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "r");
	if (f == NULL || fscanf(f, "%d", &child) != 1)
		child = 0;
	if (f != NULL)
		fclose(f);
	return child;
}

/* Answers, a line for each, until no more than that many runs are open. */
static void
take_some(struct rule_peer *p, size_t open, struct buf *all)
{
	struct rule_answer a;
	struct buf b = { 0 };

	while (rule_peer_open_runs(p) > open && rule_peer_take(p, &a, 1) == 1) {
		buf_adds(
		    all, a.verdict == RULE_STOPPED ? "STOPPED" : show(&a, &b));
		buf_addc(all, '\n');
	}
	buf_fini(&b);
}

/*
 * Sums, by two keys, of events among which are some that bring the worker
 * down; before says when which process is killed besides.
 */
static void
sum(struct rule_peer *p, void (*before)(int k), struct buf *all)
{
	struct rule_state s[2] = { { 0 } };
	char line[100];

	for (int k = 0; k < EVENTS; k++) {
		before(k);
		snprintf(line, sizeof line,
		    "{\"topic\":\"A/B\",\"t\":%d,\"v\":%d}", k,
		    k % 1000 == 777	  ? -1
			: k % 1000 == 888 ? -2
					  : k);
		give(p, 0, &s[k & 1], line);
		take_some(p, OPEN, all);
	}
	take_some(p, 0, all);
	rule_state_fini(p, &s[0]);
	rule_state_fini(p, &s[1]);
}

static void
kill_none(int k)
{
	(void)k;
}

static void
kill_some(int k)
{
	pid_t stem = child_of(getpid()), worker = child_of(stem);

	if (k % 97 == 50 && worker > 0)
		kill(worker, SIGKILL);
	if (k == 1400 && stem > 0)
		kill(stem, SIGKILL);
}

static void
test_restarts(void)
{
	/* -1: deeper than there is stack; -2: an error. */
	static const char *const text[] = {
		"if .v == -1 then reduce range(300000) as $i (1; [.]) "
		"elif .v == -2 then error(\"two\") else "
		"($state // 0) + .v | {\"$state\":.}, {topic:\"S\",v:.} end",
	};
	struct buf calm = { 0 }, rough = { 0 }, why = { 0 };
	struct rule_peer *p = open_rules(text, 1, &why);
	size_t lines = 0, stopped = 0;

	if (p == NULL) {
		check(0, "%s", buf_cstr(&why));
		return;
	}
	sum(p, kill_none, &calm);
	check(rule_peer_restarts(p) <= 3 * EVENTS / 1000,
	    "restarts without need");
	sum(p, kill_some, &rough);
	check(rule_peer_restarts(p) > 3 * EVENTS / 1000, "no restarts");
	for (const char *at = buf_cstr(&calm); *at != '\0'; at++)
		lines += *at == '\n';
	for (const char *at = buf_cstr(&calm);
	     (at = strstr(at, "STOPPED")) != NULL; at++)
		stopped++;
	check(lines == EVENTS, "answers: %zu", lines);
	check(stopped == EVENTS / 1000, "stopped: %zu", stopped);
	check(calm.len == rough.len && memcmp(calm.p, rough.p, calm.len) == 0,
	    "the same with processes killed");
	rule_peer_close(p);
	buf_fini(&calm);
	buf_fini(&rough);
	buf_fini(&why);
}

/* More states than the worker has room for, each twice. */
static void
test_states(void)
{
	static const char *const text[] = {
		"($state // []) + [.v] | {\"$state\":.}",
	};
	struct rule_state *s = calloc(STATES, sizeof *s);
	struct buf why = { 0 };
	struct rule_peer *p = open_rules(text, 1, &why);
	struct rule_answer a;
	int right = 0;

	for (int k = 0; p != NULL && k < 2 * STATES; k++) {
		if (rule_peer_full(p))
			rule_peer_take(p, &a, 1);
		give(p, 0, &s[k % STATES],
		    "{\"topic\":\"A\",\"t\":1,\"v\":123456789012345}");
	}
	while (p != NULL && rule_peer_take(p, &a, 1) == 1)
		continue;
	for (int k = 0; p != NULL && k < STATES; k++) {
		right += s[k].text != NULL && s[k].flight == 0 &&
		    strcmp(s[k].text, "[123456789012345,123456789012345]") == 0;
		rule_state_fini(p, &s[k]);
	}
	check(right == STATES, "states: %d of %d", right, STATES);
	check(p != NULL && rule_peer_restarts(p) == 0, "no restart");
	rule_peer_close(p);
	free(s);
	buf_fini(&why);
}

/* Whether it is there, and no corpse. */
static int
lives(pid_t pid)
{
	char path[64], state = 'Z';
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(f);
	return state != 'Z';
}

static void
test_end(void)
{
	static const char *const text[] = { "def f: f; f" };
	pid_t ids[2] = { 0 };
	int ends[2];
	pid_t pid;

	check(pipe(ends) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		struct buf why = { 0 };
		struct rule_peer *p = open_rules(text, 1, &why);

		give(p, 0, NULL, event);
		rule_peer_flush(p);
		ids[0] = child_of(getpid());
		ids[1] = child_of(ids[0]);
		if (write(ends[1], ids, sizeof ids) == sizeof ids)
			raise(SIGKILL);
		_exit(1);
	}
	check(read(ends[0], ids, sizeof ids) == sizeof ids && ids[1] > 0,
	    "the worker and where it comes from");
	waitpid(pid, NULL, 0);
	for (int k = 0; k < 1000 && (lives(ids[0]) || lives(ids[1])); k++)
		usleep(5000);
	check(!lives(ids[0]) && !lives(ids[1]), "they end with the program");
	close(ends[0]);
	close(ends[1]);
}

int
main(void)
{
	const char *sanitizer = getenv("SG_SANITIZED");

	if (sanitizer != NULL && strcmp(sanitizer, "thread") == 0)
		endless[sizeof "STOPPED: " - 1] = '\0';
	test_refusals();
	test_compiles();
	test_results();
	test_restarts();
	test_states();
	test_end();
	return check_done();
}
