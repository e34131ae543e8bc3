/*
 * Windows: readings in any order give the same bytes; late readings that
 * correct what was said, and partial aggregates of them that are aggregated
 * again, come to the same figures.  A state that is saved and loaded anywhere
 * changes nothing, and one that is damaged does no harm.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/date.h"
#include "event/event.h"
#include "grid/window.h"

enum { EVENTS_MAX = 64, EVENT_BYTES = 5, HEAD = 6 };

static const int64_t minute = INT64_C(60) * DATE_SECOND;
static const int64_t year = INT64_C(365) * 86400 * DATE_SECOND;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line, and the source it comes from: 0..3. */
struct reading_line {
	char text[160];
	size_t n;
	int source;
};

static size_t
make_lines(struct reading_line *lines, const uint8_t *p, size_t size)
{
	/* No sum gets more than the 17 digits that are printed exactly. */
	static const char *const exponents[] = { "", "e1", "e-3", "e2" };
	size_t n = 0;

	for (; size >= EVENT_BYTES && n < EVENTS_MAX;
	     p += EVENT_BYTES, size -= EVENT_BYTES) {
		struct reading_line *l = &lines[n++];
		int value = (int)(p[2] << 8 | p[3]) - 32768;

		l->source = p[0] & 3;
		l->n = (size_t)snprintf(l->text, sizeof l->text,
		    "{\"topic\":\"S/%d\",\"t\":%d.%d,\"v\":%d.%02d%s,"
		    "\"u\":\"%s\"}",
		    l->source, p[1] * 3, p[0] >> 4, value, p[4] % 100,
		    exponents[p[4] >> 6], (p[0] & 4) != 0 ? "kW" : "W");
	}
	return n;
}

static void
drain(struct window_set *set, struct buf *out)
{
	while (window_next(set, out))
		buf_addc(out, '\n');
}

static enum window_result
try(struct window_set *set, uint32_t input, const char *p, size_t n,
    struct buf *out)
{
	struct event e;
	const char *why;
	enum window_result r;

	if (event_scan(&e, p, n, &why) == -1)
		abort();
	r = window_add(set, input, &e, &why);
	drain(set, out);
	return r;
}

static void
add(struct window_set *set, uint32_t input, const char *p, size_t n,
    struct buf *out)
{
	enum window_result r = try(set, input, p, n, out);

	if (r != WINDOW_TAKEN && r != WINDOW_DUE)
		abort();
}

static uint32_t
input_of(struct window_set *set, int source)
{
	char topic[] = { 'S', '/', (char)('0' + source) };
	uint32_t input = names_find(window_topics(set), topic, sizeof topic);

	return input != NAMES_NONE
	    ? input
	    : window_input(set, topic, sizeof topic, "A", 1, NULL, 0);
}

/* The readings step apart, begun at from, so that each comes once. */
static void
run(const struct window_rule *rule, const struct reading_line *lines, size_t n,
    size_t from, size_t step, struct buf *out)
{
	struct window_set *set = window_new(rule);

	for (size_t i = 0; i < n; i++) {
		const struct reading_line *l = &lines[(from + i * step) % n];

		add(set, input_of(set, l->source), l->text, l->n, out);
	}
	window_end(set);
	drain(set, out);
	window_free(set);
}

static void
again(const struct window_rule *rule, const struct buf *in, struct buf *out)
{
	struct window_set *set = window_new(rule);
	uint32_t input = window_input(set, "A", 1, "A", 1, NULL, 0);
	const char *p = in->p, *end = in->p + in->len;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));

		add(set, input, p, (size_t)(newline - p), out);
		p = newline + 1;
	}
	window_end(set);
	drain(set, out);
	window_free(set);
}

/* What is left of each line before "sources". */
static void
cut(struct buf *b)
{
	struct buf out = { 0 };
	const char *p = buf_cstr(b);

	while (*p != '\0') {
		const char *sources = strstr(p, ",\"sources\"");

		buf_add(&out, p, (size_t)(sources - p));
		buf_addc(&out, '\n');
		p = strchr(p, '\n') + 1;
	}
	buf_fini(b);
	*b = out;
}

static void
same(const struct buf *a, const struct buf *b, const char *what)
{
	if (a->len == b->len &&
	    (a->len == 0 || memcmp(a->p, b->p, a->len) == 0))
		return;
	fprintf(stderr, "%s differs:\n%.*s---\n%.*s", what, (int)a->len, a->p,
	    (int)b->len, b->p);
	abort();
}

static size_t
coprime(size_t n, size_t step)
{
	for (step = step % n + 1;; step++) {
		size_t a = n, b = step;

		while (b != 0) {
			size_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return step;
	}
}

static void
check_order(const struct window_rule *rule, const struct reading_line *lines,
    size_t n, size_t from, size_t step)
{
	struct buf a = { 0 }, b = { 0 };

	run(rule, lines, n, 0, 1, &a);
	run(rule, lines, n, from, coprime(n, step), &b);
	same(&a, &b, "another order");
	buf_fini(&a);
	buf_fini(&b);
}

static void
check_partials(const struct window_rule *rule, const struct reading_line *lines,
    size_t n, int64_t grace)
{
	struct window_rule hour = *rule, hasty = *rule;
	struct buf direct = { 0 }, parts = { 0 }, merged = { 0 };

	hour.slot.width = 5 * minute;
	hasty.grace = grace;
	run(&hour, lines, n, 0, 1, &direct);
	run(&hasty, lines, n, 0, 1, &parts);
	again(&hour, &parts, &merged);
	cut(&direct);
	cut(&merged);
	same(&direct, &merged, "an aggregate of aggregates");
	buf_fini(&direct);
	buf_fini(&parts);
	buf_fini(&merged);
}

/* The readings in their order, some of them late: from..to. */
static void
feed(struct window_set *set, const struct reading_line *lines, size_t from,
    size_t to, struct buf *out)
{
	for (size_t i = from; i < to; i++) {
		uint32_t input = input_of(set, lines[i].source);

		if (!window_refused(set, input))
			try(set, input, lines[i].text, lines[i].n, out);
	}
}

static struct window_set *
reload(const struct window_rule *rule, const struct buf *state)
{
	struct window_set *set = window_new(rule);

	if (window_load(set, state->p, state->len) == -1)
		abort();
	return set;
}

/* Saved and loaded before reading at: the same lines and the same state. */
static void
check_state(const struct window_rule *rule, const struct reading_line *lines,
    size_t n, size_t at, struct buf *state)
{
	struct buf a = { 0 }, b = { 0 }, again = { 0 };
	struct window_set *set = window_new(rule);

	feed(set, lines, 0, at, &b);
	window_save(set, state);
	window_free(set);
	set = reload(rule, state);
	/* Once more, as what is saved may be shorter than it was. */
	buf_clear(state);
	window_save(set, state);
	window_free(set);
	set = reload(rule, state);
	window_save(set, &again);
	same(state, &again, "a state");
	feed(set, lines, at, n, &b);
	window_end(set);
	drain(set, &b);
	window_free(set);
	set = window_new(rule);
	feed(set, lines, 0, n, &a);
	window_end(set);
	drain(set, &a);
	window_free(set);
	same(&a, &b, "after a state");
	buf_fini(&a);
	buf_fini(&b);
	buf_fini(&again);
}

static void
check_damage(const struct window_rule *rule, const struct reading_line *lines,
    size_t n, struct buf *state, size_t at, uint8_t by)
{
	struct window_set *set = window_new(rule);
	struct buf out = { 0 };

	state->p[at % state->len] ^= (char)by;
	if (window_load(set, state->p, state->len) == 0)
		feed(set, lines, 0, n, &out);
	window_end(set);
	drain(set, &out);
	window_free(set);
	buf_fini(&out);
}

static void
vary(struct window_rule *rule, const uint8_t *head)
{
	static const int64_t every[] = { 0, 10, 7, 60 };

	rule->per_source.how = (enum cell_reduce)(head[1] % 8);
	rule->slide = (head[3] & 1) ? minute / 3 : 0;
	rule->every = every[head[3] >> 1 & 3] * DATE_SECOND;
	rule->forget = head[3] >> 3 & 3;
	rule->expected = head[3] >> 5 & 1;
	if (rule->per_source.how == CELL_LAST && (head[3] >> 6 & 1))
		rule->stale = 90 * DATE_SECOND;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reading_line lines[EVENTS_MAX];
	struct window_rule rule = {
		.slot.width = minute,
		.grace = year,
		.keep = year,
		.interval = minute,
	};
	struct buf state = { 0 };
	const char *why;
	size_t n;

	if (size < HEAD)
		return 0;
	/* Most of the time few, so that there are many runs. */
	partial_wants(&rule.wants,
	    data[5] % 8 != 0
		? "sum,max,last_at"
		: "sum,mean,min,max,first,last,min_at,max_at,first_at,last_at,"
		  "count,energy,stddev,p50,p99.9",
	    &why);
	n = make_lines(lines, data + HEAD, size - HEAD);
	if (n == 0)
		return 0;
	rule.missing = data[0] & 1;
	check_partials(&rule, lines, n, (data[0] >> 1) * DATE_SECOND);
	vary(&rule, data);
	check_order(&rule, lines, n, data[2], data[1] / 8);
	rule.grace = (data[0] >> 1) * DATE_SECOND;
	rule.keep = data[4] % 8 * minute;
	rule.src = data[3] >> 7 ? "us" : NULL;
	check_state(&rule, lines, n, data[4] % n, &state);
	check_damage(&rule, lines, n, &state, data[4] | data[5] << 8, data[2]);
	buf_fini(&state);
	return 0;
}
