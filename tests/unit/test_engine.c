/*
 * The engine against a worker that is played: what comes out is the same
 * however far runs are ahead, and goes on after saving at any event.
 */
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "base/mix.h"
#include "base/num.h"
#include "check.h"
#include "grid/engine.h"
#include "grid/rule_peer.h"

/* The worker */

/*
 * A program is words: "emit:TOPIC" an event, "tell:TOPIC" one if it is no
 * timer, "ring:TOPIC" one if it is a timer, "late:TOPIC" one if v is above 5;
 * "count" adds one to the state, "forget" makes it null if v is 9, "wake:N"
 * sets the timer in N seconds, "calm" cancels it if v is 7, "fail" is an
 * error if v is 3.
 */
struct play {
	struct rule_answer answer;
	struct buf event, outputs, text; /* outputs: lines */
	int has_text;
};

struct rule_peer {
	char *program[8], *name[8];
	struct play *plays; /* a queue */
	size_t n, cap, at;
	struct buf ahead[4096]; /* states after all that was given */
	int has[4096];
	uint32_t slots, nspare, spare[4096];
};

static size_t full_at = 1000;
static uint64_t shy; /* seed: take() without wait may say 0 */
static uint64_t took;

struct rule_peer *
rule_peer_open(const struct rule_plan *plan, struct buf *why)
{
	struct rule_peer *p = xcalloc(1, sizeof *p);

	(void)why;
	for (size_t i = 0; i < plan->rules; i++) {
		const char *text = strstr(plan->rule[i].text, "};");

		p->program[i] = xstrdup(text + 2);
		p->name[i] = xstrdup(plan->rule[i].name);
	}
	return p;
}

void
rule_peer_close(struct rule_peer *p)
{
	for (int i = 0; i < 8; i++) {
		free(p->program[i]);
		free(p->name[i]);
	}
	for (size_t i = 0; i < p->n; i++) {
		buf_fini(&p->plays[i].event);
		buf_fini(&p->plays[i].outputs);
		buf_fini(&p->plays[i].text);
	}
	for (int i = 0; i < 4096; i++)
		buf_fini(&p->ahead[i]);
	free(p->plays);
	free(p);
}

static double
value_of(const struct rule_run *run)
{
	struct event e;
	const char *why;
	double v = 0;

	if (event_scan(&e, run->event, run->event_n, &why) == 0 &&
	    event_has(&e, EVENT_V))
		num_double(e.line + e.at[EVENT_V], e.len[EVENT_V], &v);
	return v;
}

static void
emit(struct play *play, const struct rule_run *run, const char *topic, size_t n,
    const char *state)
{
	struct buf *b = &play->outputs;

	buf_adds(b, "{\"topic\":\"");
	buf_add(b, topic, n);
	buf_adds(b, "\",\"t\":");
	num_add_micros(b, run->now);
	buf_addf(b, ",\"v\":%g,\"vs\":\"", value_of(run));
	b->len -= strlen(",\"vs\":\"");
	buf_addf(b, ",\"x\":\"%.*s/%s\"}\n", (int)run->key_n, run->key, state);
}

static int
is_word(const char *word, size_t n, const char *name)
{
	return n >= strlen(name) && memcmp(word, name, strlen(name)) == 0;
}

static void
play_word(struct rule_peer *p, struct play *play, const struct rule_run *run,
    const char *word, size_t n)
{
	int timer = strstr(play->event.p, "$SG/TIMER") != NULL;
	double v = value_of(run);
	uint32_t slot = run->state->slot;
	const char *state = p->has[slot] ? buf_cstr(&p->ahead[slot]) : "null";

	if (is_word(word, n, "emit:") ||
	    (is_word(word, n, "tell:") && !timer) ||
	    (is_word(word, n, "ring:") && timer) ||
	    (is_word(word, n, "late:") && v > 5))
		emit(play, run, word + 5, n - 5, state);
	if (is_word(word, n, "count")) {
		long count = p->has[slot] ? strtol(state, NULL, 10) : 0;

		buf_clear(&p->ahead[slot]);
		buf_addf(&p->ahead[slot], "%ld", count + 1);
		p->has[slot] = 1;
		play->answer.changed = 1;
	}
	if (is_word(word, n, "forget") && v == 9 && p->has[slot]) {
		p->has[slot] = 0;
		play->answer.changed = 1;
	}
	if (is_word(word, n, "wake:") && !timer) {
		play->answer.timer = RULE_TIMER_SET;
		play->answer.due =
		    run->now + DATE_SECOND * strtol(word + 5, NULL, 10);
	}
	if (is_word(word, n, "calm") && v == 7)
		play->answer.timer = RULE_TIMER_CANCEL;
	if (is_word(word, n, "fail") && v == 3) {
		play->answer.verdict = RULE_ERROR;
		play->answer.why = "it fails";
	}
}

/* What it would remember is undone if it fails. */
static void
play_run(struct rule_peer *p, struct play *play, const struct rule_run *run)
{
	const char *s = p->program[run->rule];
	uint32_t slot = run->state->slot;
	struct buf before = { 0 };
	int had = p->has[slot];

	buf_add(&before, p->ahead[slot].p, p->ahead[slot].len);
	for (;;) {
		size_t n;

		s += strspn(s, " \n");
		n = strcspn(s, " \n");
		if (n == 0)
			break;
		play_word(p, play, run, s, n);
		s += n;
	}
	if (play->answer.verdict != RULE_DONE) {
		buf_clear(&p->ahead[slot]);
		buf_add(&p->ahead[slot], before.p, before.len);
		p->has[slot] = had;
		play->answer.changed = 0;
		play->answer.timer = RULE_TIMER_KEEP;
		buf_clear(&play->outputs);
	}
	buf_fini(&before);
}

static void
know_state(struct rule_peer *p, struct rule_state *s)
{
	if (s->slot == 0) {
		s->slot = p->nspare > 0 ? p->spare[--p->nspare] : ++p->slots;
		check(s->slot < 4096, "more states than the test has room");
	}
	if (s->flight++ > 0)
		return;
	buf_clear(&p->ahead[s->slot]);
	p->has[s->slot] = s->text != NULL;
	if (s->text != NULL)
		buf_add(&p->ahead[s->slot], s->text, s->n);
}

void
rule_peer_give(struct rule_peer *p, const struct rule_run *run)
{
	struct play *play;

	if (p->n == p->cap) {
		p->cap = p->cap * 2 + 64;
		p->plays = xrealloc(p->plays, p->cap * sizeof *p->plays);
	}
	play = &p->plays[p->n++];
	*play = (struct play){ .answer = { .tag = run->tag,
				   .rule = run->rule,
				   .state = run->state,
				   .now = run->now } };
	buf_add(&play->event, run->event, run->event_n);
	buf_cstr(&play->event);
	know_state(p, run->state);
	play_run(p, play, run);
	play->has_text = p->has[run->state->slot];
	buf_add(&play->text, p->ahead[run->state->slot].p,
	    p->ahead[run->state->slot].len);
}

void
rule_peer_flush(struct rule_peer *p)
{
	(void)p;
}

int
rule_peer_full(const struct rule_peer *p)
{
	return p->n - p->at >= full_at;
}

int
rule_peer_take(struct rule_peer *p, struct rule_answer *a, int wait)
{
	struct play *play;
	struct rule_state *s;

	if (p->at == p->n || (!wait && shy != 0 && mix64(shy, took++) % 3 > 0))
		return 0;
	play = &p->plays[p->at++];
	*a = play->answer;
	s = a->state;
	s->flight--;
	free(s->text);
	s->text =
	    play->has_text ? xstrndup(play->text.p, play->text.len) : NULL;
	s->n = (uint32_t)play->text.len;
	a->at = play->outputs.p;
	a->end = a->at == NULL ? NULL : a->at + play->outputs.len;
	return 1;
}

enum rule_text
rule_answer_next(struct rule_answer *a, const char **text, size_t *n)
{
	const char *end;

	if (a->at == a->end)
		return RULE_END;
	end = memchr(a->at, '\n', (size_t)(a->end - a->at));
	*text = a->at;
	*n = (size_t)(end - a->at);
	a->at = end + 1;
	return RULE_EVENT;
}

size_t
rule_peer_open_runs(const struct rule_peer *p)
{
	return p->n - p->at;
}

int
rule_peer_fd(const struct rule_peer *p)
{
	(void)p;
	return -1;
}

uint64_t
rule_peer_restarts(const struct rule_peer *p)
{
	(void)p;
	return 0;
}

void
rule_state_fini(struct rule_peer *p, struct rule_state *s)
{
	check(s->flight == 0, "a state is forgotten in a run");
	if (s->slot != 0)
		p->spare[p->nspare++] = s->slot;
	s->slot = 0;
	free(s->text);
	s->text = NULL;
}

/* Engines */

static struct engine_options options = { .skew = INT64_C(60) * DATE_SECOND,
	.grace = INT64_C(5) * DATE_SECOND,
	.keys_max = 1000 };

/* Its name, and its text. */
static char *
make_rule(const char *rule, struct buf *text)
{
	const char *space = strchr(rule, ' '), *bar = strchr(rule, '|');

	buf_adds(text, "module {\"topics\":");
	for (const char *p = space + 1; p < bar; p++)
		buf_addc(text, *p == '\'' ? '"' : *p);
	buf_adds(text, "};");
	buf_adds(text, bar + 1);
	return xstrndup(rule, (size_t)(space - rule));
}

/* "NAME ['TOPIC'],'MEMBER':MORE|PROGRAM" each, NULL-terminated. */
static void
make_set(struct rule_set *set, const char *const *rules)
{
	struct buf why = { 0 };

	*set = (struct rule_set){ 0 };
	set->files = xcalloc(8, sizeof *set->files);
	set->contexts = xcalloc(8, sizeof *set->contexts);
	for (; rules[set->n] != NULL; set->n++) {
		struct buf text = { 0 };
		char *name = make_rule(rules[set->n], &text);

		if (rule_file_parse(
			&set->files[set->n], name, text.p, text.len, &why) < 0)
			check(0, "%s", buf_cstr(&why));
		free(name);
		buf_fini(&text);
	}
	buf_adds(&set->knowledge, "{}");
	buf_fini(&why);
}

static int say_loops = 1; /* each engine says a loop once */

static void
take(struct engine *e, struct buf *out)
{
	struct engine_result r;

	while (engine_next(e, &r)) {
		if (r.kind == ENGINE_FAULT && !say_loops &&
		    memmem(r.p, r.n, "feed each other", 15) != NULL)
			continue;
		if (r.kind == ENGINE_FAULT)
			buf_adds(out, "! ");
		if (r.kind == ENGINE_REFUSED)
			buf_adds(out, "refused ");
		buf_add(out, r.p, r.n);
		buf_addc(out, '\n');
	}
}

static void
settle(struct engine *e, struct buf *out)
{
	while (!engine_settled(e))
		engine_run(e, 1);
	take(e, out);
}

static void
add(struct engine *e, const char *line, uint64_t number, struct buf *out)
{
	struct engine_origin origin = { "in", number };
	struct event event;
	const char *why;

	if (event_scan(&event, line, strlen(line), &why) < 0)
		check(0, "%s: %s", line, why);
	if (engine_add(e, &event, &origin) == ENGINE_FUTURE)
		buf_adds(out, "future\n");
	while (engine_full(e))
		engine_run(e, 1);
	take(e, out);
}

static struct engine *
start(const struct rule_set *set)
{
	struct buf why = { 0 };
	struct engine *e = engine_new(&options, set, &why);

	engine_begin(e, DATE_SECOND);
	return e;
}

/* Once through all lines; saved and taken up again before line `at`. */
static void
run_all(const struct rule_set *set, char *const *lines, size_t n, size_t at,
    struct buf *out)
{
	struct engine *e = start(set);
	struct buf state = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (i == at) {
			settle(e, out);
			engine_save(e, &state);
			engine_free(e);
			e = start(set);
			check(engine_load(e, state.p, state.len) == 0,
			    "what was saved loads");
		}
		add(e, lines[i], i + 1, out);
	}
	settle(e, out);
	engine_free(e);
	buf_fini(&state);
}

/* Cases: lines "t topic v", what comes out "topic t x" or a message. */

struct order_case {
	const char *what;
	const char *rules[5];
	const char *in, *want;
};

static const struct order_case cases[] = {
	{ "rules run in their order", { "b ['A']|emit:X", "a ['A']|emit:Y" },
	    "1 A 0,2 A 0", "X 1 /null,Y 1 /null,X 2 /null,Y 2 /null" },
	{ "a state for each key", { "a ['A/{k}'],'by':'{k}'|count emit:X" },
	    "1 A/p 0,2 A/q 0,3 A/p 0", "X 1 p/1,X 2 q/1,X 3 p/2" },
	{ "results feed rules, before the next event",
	    { "a ['A']|emit:B", "b ['B']|emit:C", "c ['A']|emit:D" },
	    "1 A 0,2 A 0",
	    "B 1 /null,D 1 /null,C 1 /null,B 2 /null,D 2 /null,C 2 /null" },
	{ "the first result's results come before the second's",
	    { "a ['A']|emit:B emit:C", "b ['B']|emit:E", "c ['C']|emit:F",
		"d ['E']|emit:G" },
	    "1 A 0", "B 1 /null,C 1 /null,E 1 /null,G 1 /null,F 1 /null" },
	{ "a rule is not fed its own results", { "a ['#']|emit:B" }, "1 A 0",
	    "B 1 /null" },
	{ "unless it wants to, and then not for ever",
	    { "a ['#'],'self':true|emit:B" }, "1 A 0",
	    "B 1 /null,B 1 /null,B 1 /null,B 1 /null,B 1 /null,B 1 /null,"
	    "B 1 /null,B 1 /null,! a -> a: results feed each other,"
	    "refused B 1 /null" },
	{ "a loop is named", { "a ['A']|emit:B", "b ['B']|emit:A" }, "1 A 0",
	    "B 1 /null,A 1 /null,B 1 /null,A 1 /null,B 1 /null,A 1 /null,"
	    "B 1 /null,A 1 /null,! b -> a -> b: results feed each other,"
	    "refused B 1 /null" },
	{ "a timer comes before the event that moves the time to it",
	    { "a ['A/{k}'],'by':'{k}'|wake:10 tell:X ring:Y" },
	    "1 A/p 0,2 A/q 0,11 B 0,30 A/r 0",
	    "X 1 p/null,X 2 q/null,Y 11 p/null,Y 12 q/null,X 30 r/null" },
	{ "timers at one moment come by rule and key",
	    { "b ['A/{k}'],'by':'{k}'|wake:10 ring:X",
		"a ['A/{k}'],'by':'{k}'|wake:10 ring:Y" },
	    "1 A/q 0,1 A/p 0,11 B 0",
	    "X 11 p/null,X 11 q/null,Y 11 p/null,Y 11 q/null" },
	{ "a later event puts a timer off or away",
	    { "a ['A']|wake:10 ring:X calm" },
	    "1 A 0,9 A 0,18 A 0,30 A 7,50 A 0", "X 28 /null" },
	{ "at the end of the input only what is due has come",
	    { "a ['A']|wake:10 ring:X" }, "1 A 0,10.9 B 0", "" },
	{ "the time is the highest t", { "a ['A']|emit:X" },
	    "5 A 0,3 A 0,7 A 0", "X 5 /null,X 5 /null,X 7 /null" },
	{ "a failing rule remembers nothing", { "a ['A']|count emit:X fail" },
	    "1 A 0,2 A 3,3 A 0",
	    "X 1 /1,! a: on A (in:2): it fails,refused A 2 3,X 3 /2" },
	{ "intervals of a rule without keys run from the first event on",
	    { "a ['A'],'every':'1m'|ring:X" },
	    "100 B 0,119 B 0,120 B 0,250 B 0",
	    "X 120 /null,X 180 /null,"
	    "X 240 /null" },
	{ "those of a key as long as it has a state",
	    { "a ['A/{k}'],'by':'{k}','every':'1m'|count forget ring:X" },
	    "100 A/p 0,130 A/p 9,250 B 0", "X 120 p/2" },
	{ "timers feed rules too",
	    { "a ['A']|wake:5 ring:B", "b ['B']|count emit:C" },
	    "1 A 0,20 A 0,40 A 0", "B 6 /null,C 6 /1,B 25 /null,C 25 /2" },
	{ "excluded topics", { "a ['A/#','!A/x']|emit:X" }, "1 A/x 0,2 A/y 0",
	    "X 2 /null" },
};

static size_t
split(const char *in, char **lines, size_t max)
{
	char *copy = xstrdup(in), *p = copy, *part;
	size_t n = 0;

	while (n < max && *in != '\0' && (part = strsep(&p, ",")) != NULL) {
		char t[32], topic[64], v[32];
		struct buf b = { 0 };

		if (sscanf(part, "%31s %63s %31s", t, topic, v) != 3)
			check(0, "%s", part);
		buf_addf(
		    &b, "{\"topic\":\"%s\",\"t\":%s,\"v\":%s}", topic, t, v);
		lines[n++] = xstrndup(b.p, b.len);
		buf_fini(&b);
	}
	free(copy);
	return n;
}

/* An event as "topic t x". */
static void
shorten(struct buf *out, struct buf *b)
{
	char *p, *line;

	buf_addc(out, '\0');
	p = out->p;
	while ((line = strsep(&p, "\n")) != NULL) {
		char topic[64] = "", t[32] = "", v[32] = "", x[64] = "";
		char *at = strchr(line, '{');

		if (*line == '\0')
			continue;
		if (b->len > 0)
			buf_addc(b, ',');
		if (at == NULL) {
			buf_adds(b, line);
			continue;
		}
		buf_add(b, line, (size_t)(at - line));
		if (sscanf(at,
			"{\"topic\":\"%63[^\"]\",\"t\":%31[0-9.],"
			"\"v\":%31[0-9],\"x\":\"%63[^\"]",
			topic, t, v, x) < 3)
			check(0, "%s", at);
		buf_addf(b, "%s %s %s", topic, t,
		    strstr(at, "\"x\"") != NULL ? x : v);
	}
	buf_cstr(b);
}

static void
check_order(const struct order_case *c)
{
	static const size_t fulls[] = { 1, 2, 1000 };
	char *lines[64];
	size_t n = split(c->in, lines, 64);
	struct rule_set set;

	make_set(&set, c->rules);
	for (size_t f = 0; f < 3; f++)
		for (size_t at = 0; at <= n; at++) {
			struct buf out = { 0 }, got = { 0 };

			full_at = fulls[f];
			run_all(&set, lines, n, at, &out);
			shorten(&out, &got);
			check(strcmp(buf_cstr(&got), c->want) == 0,
			    "%s (%zu ahead, saved at %zu):\n  got  %s\n"
			    "  want %s",
			    c->what, full_at, at, buf_cstr(&got), c->want);
			buf_fini(&out);
			buf_fini(&got);
		}
	for (size_t i = 0; i < n; i++)
		free(lines[i]);
	rule_set_fini(&set);
}

/* Random rules over random events: running ahead changes nothing. */

static const char *const mixed[] = {
	"a ['A/{k}'],'by':'{k}'|count wake:7 ring:B late:C/a",
	"b ['A/{k}','C/{k}'],'by':'{k}','every':'10s'|count forget fail tell:D "
	"ring:C/z",
	"c ['B','D']|count late:A/q calm wake:3 ring:E",
	"d ['E','C/+'],'every':'15s'|emit:F count", NULL
};

static void
check_ahead(uint64_t seed)
{
	enum { LINES = 120 };
	char *lines[LINES];
	struct buf want = { 0 };
	struct rule_set set;
	int64_t t = 1000;

	make_set(&set, mixed);
	for (size_t i = 0; i < LINES; i++) {
		struct buf b = { 0 };
		uint64_t r = mix64(seed, i);

		t += (int64_t)(r % 5 == 0 ? r / 5 % 20 : r / 5 % 3) - 1;
		buf_addf(&b, "{\"topic\":\"%s\",\"t\":%lld,\"v\":%d}",
		    r >> 20 & 1	      ? "A/p"
			: r >> 21 & 1 ? "A/q"
			: r >> 22 & 1 ? "C/a"
			: r >> 23 & 1 ? "N"
				      : "E",
		    (long long)t, (int)(r >> 30 & 7) + (int)(r >> 33 & 3));
		lines[i] = xstrndup(b.p, b.len);
		buf_fini(&b);
	}
	full_at = 1;
	shy = 0;
	say_loops = 0;
	run_all(&set, lines, LINES, LINES, &want);
	for (int i = 0; i < 4; i++) {
		struct buf got = { 0 };
		size_t at = i < 2 ? LINES : mix64(seed, 77) % LINES;

		full_at = i == 0 ? 3 : 1000;
		shy = i & 1 ? seed + 1 : 0;
		run_all(&set, lines, LINES, at, &got);
		check(got.len == want.len && got.len > 1000 &&
			memcmp(got.p, want.p, got.len) == 0,
		    "seed %llu, way %d: %zu bytes, not %zu",
		    (unsigned long long)seed, i, got.len, want.len);
		buf_fini(&got);
	}
	shy = 0;
	for (size_t i = 0; i < LINES; i++)
		free(lines[i]);
	buf_fini(&want);
	rule_set_fini(&set);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_order(&cases[i]);
	for (uint64_t seed = 1; seed <= 25; seed++)
		check_ahead(seed);
	return check_done();
}
