#include "grid/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* A set of numbers, a bit for each. */
struct set {
	uint64_t *word;
	size_t words;
	uint64_t count, highest;
};

struct ledger {
	size_t sources, subscribers;
	struct set *acknowledged; /* by source */
	struct set *given;	  /* by subscriber and source */
	uint64_t duplicated, disordered;
};

static int
has(const struct set *s, uint64_t number)
{
	return number / 64 < s->words &&
	    (s->word[number / 64] >> number % 64 & 1);
}

static void
add(struct set *s, uint64_t number)
{
	size_t need = (size_t)(number / 64) + 1, words = s->words;

	if (has(s, number))
		return;
	if (need > words) {
		while (words < need)
			words = words == 0 ? 16 : words * 2;
		s->word = xrealloc(s->word, words * sizeof *s->word);
		memset(s->word + s->words, 0,
		    (words - s->words) * sizeof *s->word);
		s->words = words;
	}
	s->word[number / 64] |= UINT64_C(1) << number % 64;
	s->count++;
	if (number > s->highest)
		s->highest = number;
}

struct ledger *
ledger_new(size_t sources, size_t subscribers)
{
	struct ledger *l = xcalloc(1, sizeof *l);

	l->sources = sources;
	l->subscribers = subscribers;
	l->acknowledged = xcalloc(sources + 1, sizeof *l->acknowledged);
	l->given = xcalloc(sources * subscribers + 1, sizeof *l->given);
	return l;
}

void
ledger_free(struct ledger *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->sources; i++)
		free(l->acknowledged[i].word);
	for (size_t i = 0; i < l->sources * l->subscribers; i++)
		free(l->given[i].word);
	free(l->acknowledged);
	free(l->given);
	free(l);
}

void
ledger_acknowledged(
    struct ledger *l, size_t source, uint64_t first, uint64_t last)
{
	for (uint64_t n = first; n <= last; n++)
		add(&l->acknowledged[source], n);
}

enum ledger_verdict
ledger_given(
    struct ledger *l, size_t subscriber, size_t source, uint64_t number)
{
	struct set *s = &l->given[subscriber * l->sources + source];
	int late = number < s->highest;

	if (has(s, number)) {
		l->duplicated++;
		return LEDGER_DUPLICATE;
	}
	add(s, number);
	l->disordered += (uint64_t)late;
	return late ? LEDGER_DISORDER : LEDGER_FINE;
}

void
ledger_forget(struct ledger *l, size_t subscriber)
{
	for (size_t i = 0; i < l->sources; i++) {
		struct set *s = &l->given[subscriber * l->sources + i];

		free(s->word);
		*s = (struct set){ 0 };
	}
}

uint64_t
ledger_missing(
    const struct ledger *l, size_t subscriber, size_t source, uint64_t after)
{
	const struct set *want = &l->acknowledged[source];
	const struct set *s = &l->given[subscriber * l->sources + source];

	for (uint64_t n = after + 1; n <= want->highest; n++)
		if (has(want, n) && !has(s, n))
			return n;
	return 0;
}

/* How many of want are not in s. */
static uint64_t
difference(const struct set *want, const struct set *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < want->words; i++)
		n += (uint64_t)__builtin_popcountll(
		    want->word[i] & ~(i < s->words ? s->word[i] : 0));
	return n;
}

void
ledger_count(const struct ledger *l, struct ledger_counts *counts)
{
	*counts = (struct ledger_counts){ .duplicated = l->duplicated,
		.disordered = l->disordered };
	for (size_t i = 0; i < l->sources; i++) {
		counts->acknowledged += l->acknowledged[i].count;
		for (size_t k = 0; k < l->subscribers; k++) {
			const struct set *s = &l->given[k * l->sources + i];

			counts->given += s->count;
			counts->missing += difference(&l->acknowledged[i], s);
		}
	}
}
