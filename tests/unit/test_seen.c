/* What was seen, against a model that keeps everything in a plain array. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "bus/seen.h"
#include "check.h"

static uint64_t
take(struct seen *s, const char *from, uint64_t chan, uint64_t first,
    uint64_t count)
{
	return seen_take(s, from, strlen(from), chan, first, count);
}

static const struct {
	const char *from;
	uint64_t chan, first, count, want;
	const char *why;
} cases[] = {
	{ "a", 1, 1, 5, 0, "the first are new" },
	{ "a", 1, 1, 5, 5, "all of them are repeats" },
	{ "a", 1, 2, 2, 2, "so are some of them" },
	{ "a", 1, 4, 4, 2, "the front is a repeat, the rest is new" },
	{ "a", 1, 6, 2, 2, "what was new then is a repeat now" },
	{ "a", 2, 1, 5, 0, "another channel" },
	{ "b", 1, 1, 5, 0, "another publisher" },
	{ "a", 1, 20, 1, 0, "ahead, over a gap" },
	{ "a", 1, 10, 5, 5, "the gap counts as given" },
	{ "a", 1, 21, 0, 0, "nothing at hand" },
	{ "a", 1, 21, 1, 0, "and nothing was taken by that" },
	{ "", 0, 1, 1, 0, "no name, channel 0" },
	{ "", 0, 1, 1, 1, "the same again" },
	{ "a", 1, INT64_MAX - 1, 2, 0, "the highest numbers" },
	{ "a", 1, INT64_MAX, 1, 1, "again" },
};

static void
test_cases(void)
{
	struct seen *s = seen_new(SEEN_MAX);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t got = take(s, cases[i].from, cases[i].chan,
		    cases[i].first, cases[i].count);
		check(got == cases[i].want, "%s: %llu", cases[i].why,
		    (unsigned long long)got);
	}
	seen_free(s);
}

static void
test_undo(void)
{
	struct seen *s = seen_new(8);

	take(s, "a", 1, 1, 10);
	seen_mark(s);
	take(s, "a", 1, 11, 5);
	take(s, "a", 1, 16, 5);
	take(s, "b", 1, 1, 5);
	seen_undo(s);
	check(take(s, "a", 1, 6, 10) == 5, "back to the mark, over two moves");
	check(take(s, "b", 1, 1, 5) == 0, "a new channel is new again");
	seen_undo(s);
	check(take(s, "a", 1, 1, 11) == 10, "the mark stays after an undo");
	seen_free(s);
}

/* Undone moves of a channel whose place has gone to another meanwhile. */
static void
test_undo_forgotten(void)
{
	struct seen *s = seen_new(2);

	take(s, "a", 1, 1, 10);
	seen_mark(s);
	take(s, "a", 1, 11, 1);
	take(s, "b", 1, 1, 7);
	take(s, "c", 1, 1, 9);
	seen_undo(s);
	check(take(s, "b", 1, 1, 7) == 0, "undone");
	check(take(s, "c", 1, 1, 9) == 0, "undone in another's place");
	seen_free(s);
}

static void
test_forgetting(void)
{
	struct seen *s = seen_new(3);

	take(s, "a", 1, 1, 1);
	take(s, "a", 2, 1, 1);
	take(s, "a", 3, 1, 1);
	take(s, "a", 1, 1, 1);
	take(s, "a", 4, 1, 1);
	check(take(s, "a", 1, 1, 1) == 1, "used again, so it stays");
	check(take(s, "a", 3, 1, 1) == 1, "used later than the oldest");
	check(take(s, "a", 4, 1, 1) == 1, "the newest");
	check(take(s, "a", 2, 1, 1) == 0, "the least recently used is gone");
	seen_free(s);
}

static void
test_export(void)
{
	struct seen *s = seen_new(8), *t = seen_new(8);
	struct seen_entry e[8];

	take(s, "a", 1, 1, 10);
	take(s, "b", 2, 1, 20);
	take(s, "c", 3, 1, 30);
	take(s, "a", 1, 11, 1);
	seen_mark(s);
	take(s, "d", 4, 1, 1);
	seen_undo(s);
	check(seen_export(s, e, 8) == 3, "what was undone is left out");
	check(e[0].number == 11 && e[1].number == 30 && e[2].number == 20,
	    "the latest first");
	check(seen_export(s, e, 2) == 2 && e[1].number == 30, "at most n");
	seen_import(t, e, 2);
	check(take(t, "a", 1, 11, 2) == 1, "imported");
	check(take(t, "c", 3, 1, 30) == 30, "imported");
	check(take(t, "b", 2, 20, 1) == 0, "what was not exported is new");
	seen_free(s);
	seen_free(t);
}

/* The model: the same in plain arrays. */
enum { CHANNELS = 40, FROMS = 3 };

struct model {
	uint64_t number[FROMS][CHANNELS], used[FROMS][CHANNELS], clock;
	size_t most;
};

static void
model_forget(struct model *m)
{
	uint64_t *oldest = NULL;
	size_t n = 0, at = 0;

	for (size_t i = 0; i < FROMS * CHANNELS; i++) {
		uint64_t *u = &m->used[i / CHANNELS][i % CHANNELS];
		n += *u > 0;
		if (*u > 0 && (oldest == NULL || *u < *oldest)) {
			oldest = u;
			at = i;
		}
	}
	if (n <= m->most)
		return;
	*oldest = 0;
	m->number[at / CHANNELS][at % CHANNELS] = 0;
}

static uint64_t
model_take(
    struct model *m, size_t from, size_t chan, uint64_t first, uint64_t count)
{
	uint64_t *number = &m->number[from][chan], repeats = 0;

	m->used[from][chan] = ++m->clock;
	for (uint64_t i = first; i < first + count; i++)
		repeats += i <= *number;
	if (first + count - 1 > *number)
		*number = first + count - 1;
	model_forget(m);
	return repeats;
}

static void
test_model(size_t most, unsigned seed)
{
	static const char *const names[FROMS] = { "meter", "m", "" };
	struct seen *s = seen_new(most);
	struct model m = { .most = most };
	int wrong = 0;

	srandom(seed);
	for (int i = 0; i < 20000; i++) {
		size_t from = (size_t)random() % FROMS;
		size_t chan = (size_t)random() % CHANNELS;
		uint64_t first = 1 + (uint64_t)random() % 50;
		uint64_t count = 1 + (uint64_t)random() % 5;
		/* Channels that share their low bits. */
		wrong += take(s, names[from], chan << 40, first, count) !=
		    model_take(&m, from, chan, first, count);
	}
	check(wrong == 0, "%d differ from the model of %zu channels", wrong,
	    most);
	seen_free(s);
}

static void
test_many(void)
{
	enum { MANY = 300000 };
	struct seen *s = seen_new(SEEN_MAX);
	uint64_t wrong = 0;

	for (uint64_t i = 0; i < MANY; i++)
		wrong += take(s, "meter", i, 1, 2);
	for (uint64_t i = 0; i < MANY; i++)
		wrong += take(s, "meter", i, 2, 2) - 1;
	check(wrong == 0, "%d channels at once", MANY);
	seen_free(s);
}

int
main(void)
{
	test_cases();
	test_undo();
	test_undo_forgotten();
	test_forgetting();
	test_export();
	test_model(1, 1);
	test_model(7, 2);
	test_model(64, 3);
	test_model(FROMS * CHANNELS, 4);
	test_many();
	return check_done();
}
