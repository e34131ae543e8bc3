/*
 * Windows that slide, and partial results of windows, are what adding up all
 * readings again for each of them gives.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/mix.h"
#include "event/event.h"
#include "grid/window.h"

#include "check.h"

enum { READINGS = 150, SOURCES = 5, ROUNDS = 40 };

#define S INT64_C(1000000)

struct one {
	int64_t t;
	int source;
	int v;
};

static const struct shape {
	int64_t width, slide, every;
	const char *zone;
	int64_t begin; /* of the readings */
	int64_t apart; /* at most, a day or some seconds */
} shapes[] = {
	{ 60, 0, 0, NULL, 1000000, 20 },
	{ 60, 20, 0, NULL, 1000000, 20 },
	{ 60, 20, 5, NULL, 1000000, 20 },
	{ 60, 60, 7, NULL, 1000000, 9 },
	{ 900, 300, 300, NULL, -7000, 200 },
	{ 60, 1, 0, NULL, 1000000, 20 },
	/* The clock of London changes on 2026-03-29 and 2026-10-25. */
	{ 2 * 86400, 86400, 0, "Europe/London", 1774400000, 9000 },
	{ 2 * 86400, 86400, 6 * 3600, "Europe/London", 1792600000, 9000 },
};

static void
make(struct one *all, const struct shape *shape, uint64_t round)
{
	int64_t t = shape->begin * S;

	for (size_t i = 0; i < READINGS; i++) {
		uint64_t x = mix64(round, i);

		t += (int64_t)(x % (uint64_t)(shape->apart * 10)) * S / 10;
		/* A gap now and then, which nothing is told of. */
		if (x >> 60 == 0)
			t += shape->width * 5 * S;
		all[i].t = t;
		all[i].source = (int)(x >> 20 & 0xff) % SOURCES;
		all[i].v = (int)(x >> 32 & 0xff) - 128;
	}
}

static void
line_of(const struct one *one, struct buf *b)
{
	buf_clear(b);
	buf_addf(b, "{\"topic\":\"M/%d\",\"t\":", one->source);
	num_add_micros(b, one->t);
	buf_addf(b, ",\"v\":%d}", one->v);
}

static uint32_t
input_of(struct window_set *set, int source)
{
	char topic[] = { 'M', '/', (char)('0' + source) };
	uint32_t input = names_find(window_topics(set), topic, sizeof topic);

	return input != NAMES_NONE
	    ? input
	    : window_input(set, topic, sizeof topic, "A", 1, NULL, 0);
}

static void
drain(struct window_set *set, struct buf *out)
{
	while (window_next(set, out))
		buf_addc(out, '\n');
}

/* Saved and loaded before reading at, if there is one. */
static void
aggregate(const struct window_rule *rule, const struct one *all, size_t at,
    struct buf *out)
{
	struct window_set *set = window_new(rule);
	struct buf line = { 0 }, state = { 0 };
	struct event e;
	const char *why;

	for (size_t i = 0; i < READINGS; i++) {
		if (i == at) {
			window_save(set, &state);
			window_free(set);
			set = window_new(rule);
			check(window_load(set, state.p, state.len) == 0,
			    "a state");
		}
		line_of(&all[i], &line);
		if (event_scan(&e, line.p, line.len, &why) == -1)
			abort();
		window_add(set, input_of(set, all[i].source), &e, &why);
		drain(set, out);
	}
	window_end(set);
	drain(set, out);
	window_free(set);
	buf_fini(&line);
	buf_fini(&state);
}

/* What a line begins with, of the readings from start up to end. */
static int
add_up(const struct one *all, int64_t start, int64_t end, int64_t width,
    struct buf *b)
{
	int sum = 0, n = 0, heard[SOURCES] = { 0 }, sources = 0;

	for (size_t i = 0; i < READINGS; i++) {
		if (all[i].t < start || all[i].t >= end)
			continue;
		n++;
		sum += all[i].v;
		sources += !heard[all[i].source];
		heard[all[i].source] = 1;
	}
	buf_clear(b);
	buf_adds(b, "{\"topic\":\"A\",\"t\":");
	num_add_micros(b, start);
	buf_addf(b, ",\"v\":%d,\"w\":", sum);
	num_add_micros(b, width);
	buf_addf(b, ",\"n\":%d,\"sources\":%d,", n, sources);
	return n;
}

static int
any(const struct one *all, int64_t start, int64_t end)
{
	for (size_t i = 0; i < READINGS; i++)
		if (all[i].t >= start && all[i].t < end)
			return 1;
	return 0;
}

/* The next line is that one; partial if it says so. */
static void
expect(const char **got, const struct buf *want, int partial, size_t shape)
{
	const char *end = strchr(*got, '\n');
	size_t n = end == NULL ? 0 : (size_t)(end - *got);
	int is = n > 0 &&
	    memmem(*got, n, ",\"partial\":true", strlen(",\"partial\":true")) !=
		NULL;

	check(n > want->len && memcmp(*got, want->p, want->len) == 0 &&
		is == partial,
	    "shape %zu: %.*s, not %.*s%s", shape, (int)n, *got, (int)want->len,
	    want->p, partial ? " partial" : "");
	if (end != NULL)
		*got = end + 1;
}

/* The start of the window that ends with that slot. */
static int64_t
window_start(const struct slot_rule *base, struct slot slot, int64_t slides)
{
	for (; slides > 1; slides--)
		slot_at(base, slot.start - 1, &slot);
	return slot.start;
}

/* All lines there are to be, by the part of time that they end with. */
static void
check_lines(const struct window_rule *rule, const struct one *all,
    const char *got, size_t shape)
{
	struct slot_rule base = rule->slot;
	int64_t slides = 1, from;
	struct slot slot;
	struct buf want = { 0 };

	if (rule->slide > 0) {
		base.width = rule->slide;
		slides = rule->slot.width / rule->slide;
	}
	slot_at(&base, all[0].t, &slot);
	while (*got != '\0' &&
	    slot.start <= all[READINGS - 1].t + 2 * rule->slot.width) {
		int64_t step =
		    rule->every > 0 ? rule->every : slot.end - slot.start;

		for (from = slot.start; from < slot.end; from += step) {
			int64_t to =
			    from + step < slot.end ? from + step : slot.end;
			struct slot last = slot;
			int64_t start = window_start(&base, last, slides);

			if (to == slot.end &&
			    add_up(all, start, to, to - start, &want) > 0)
				expect(&got, &want, 0, shape);
			if (rule->every == 0 || !any(all, from, to))
				continue;
			for (int64_t k = 0; k < slides; k++) {
				start = window_start(&base, last, slides);
				add_up(all, start, to, last.end - start, &want);
				if (last.end > to)
					expect(&got, &want, 1, shape);
				slot_at(&base, last.end, &last);
			}
		}
		slot_at(&base, slot.end, &slot);
	}
	check(*got == '\0', "shape %zu: more lines: %.60s", shape, got);
	buf_fini(&want);
}

static void
check_shape(size_t shape, uint64_t round)
{
	const struct shape *s = &shapes[shape];
	struct window_rule rule = { .slot.width = s->width * S,
		.slide = s->slide * S,
		.every = s->every * S,
		.grace = 30 * S,
		.keep = 3600 * S };
	struct date_zone *zone = NULL;
	struct buf out = { 0 }, again = { 0 };
	struct one all[READINGS];
	const char *why;

	if (s->zone != NULL)
		rule.slot.zone = zone = date_zone_open(s->zone);
	partial_wants(&rule.wants, "sum", &why);
	make(all, s, round);
	aggregate(&rule, all, READINGS, &out);
	check_lines(&rule, all, buf_cstr(&out), shape);
	aggregate(&rule, all, (size_t)(mix64(round, 77) % READINGS), &again);
	check(strcmp(buf_cstr(&again), buf_cstr(&out)) == 0,
	    "shape %zu: others after a state", shape);
	buf_fini(&out);
	buf_fini(&again);
	if (zone != NULL)
		date_zone_close(zone);
}

int
main(void)
{
	setenv("SG_NOW", "@1900000000", 1);
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
		for (uint64_t round = 0; round < ROUNDS; round++)
			check_shape(i, round);
	return check_done();
}
