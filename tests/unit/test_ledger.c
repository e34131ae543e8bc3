/*
 * The account of a delivery: rows of what happened, and a model that keeps
 * everything in plain arrays.
 */
#include "grid/ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { SOURCES = 3, SUBSCRIBERS = 2, MOST = 400 };

/* Source 0, subscriber 0: numbers given, in order, of 1 to 4 acknowledged. */
static const struct {
	const char *given;
	uint64_t missing, duplicated, disordered;
	const char *why;
} rows[] = {
	{ "1234", 0, 0, 0, "all in order" },
	{ "", 4, 0, 0, "nothing came" },
	{ "124", 1, 0, 0, "a gap is a loss" },
	{ "123", 1, 0, 0, "so is the end" },
	{ "234", 1, 0, 0, "and the beginning" },
	{ "12344", 0, 1, 0, "twice at once" },
	{ "123412", 0, 2, 0, "twice later is not out of order" },
	{ "1324", 0, 0, 1, "one behind a higher one" },
	{ "4321", 0, 0, 3, "backwards" },
	{ "12345", 0, 0, 0, "more than was acknowledged is no fault" },
};

static void
test_rows(void)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ledger *l = ledger_new(1, 1);
		struct ledger_counts n;

		ledger_acknowledged(l, 0, 1, 3);
		ledger_acknowledged(l, 0, 2, 4);
		for (const char *p = rows[i].given; *p != '\0'; p++)
			ledger_given(l, 0, 0, (uint64_t)(*p - '0'));
		ledger_count(l, &n);
		check(n.acknowledged == 4, "%s: acknowledged", rows[i].why);
		check(n.missing == rows[i].missing, "%s: missing %" PRIu64,
		    rows[i].why, n.missing);
		check(n.duplicated == rows[i].duplicated,
		    "%s: duplicated %" PRIu64, rows[i].why, n.duplicated);
		check(n.disordered == rows[i].disordered,
		    "%s: disordered %" PRIu64, rows[i].why, n.disordered);
		ledger_free(l);
	}
}

/* The same, with nothing clever. */
struct model {
	int acknowledged[SOURCES][MOST + 1];
	int given[SUBSCRIBERS][SOURCES][MOST + 1]; /* how often */
	uint64_t duplicated, disordered;
};

static enum ledger_verdict
give(struct model *m, size_t k, size_t i, uint64_t number)
{
	int higher = 0;

	if (m->given[k][i][number]++ > 0) {
		m->duplicated++;
		return LEDGER_DUPLICATE;
	}
	for (uint64_t n = number + 1; n <= MOST; n++)
		higher |= m->given[k][i][n] > 0;
	m->disordered += (uint64_t)higher;
	return higher ? LEDGER_DISORDER : LEDGER_FINE;
}

static void
compare(const struct ledger *l, const struct model *m, unsigned seed)
{
	struct ledger_counts n;
	uint64_t acknowledged = 0, given = 0, missing = 0, at;
	int same = 1;

	for (size_t i = 0; i < SOURCES; i++)
		for (uint64_t e = 1; e <= MOST; e++)
			acknowledged += (uint64_t)m->acknowledged[i][e];
	for (size_t k = 0; k < SUBSCRIBERS; k++) {
		for (size_t i = 0; i < SOURCES; i++) {
			at = 0;
			for (uint64_t e = 1; e <= MOST; e++) {
				given += m->given[k][i][e] > 0;
				if (!m->acknowledged[i][e] ||
				    m->given[k][i][e] > 0)
					continue;
				missing++;
				at = ledger_missing(l, k, i, at);
				same &= at == e;
			}
			same &= ledger_missing(l, k, i, at) == 0;
		}
	}
	ledger_count(l, &n);
	check(same, "seed %u: another event is missing", seed);
	check(n.acknowledged == acknowledged && n.given == given &&
		n.missing == missing && n.duplicated == m->duplicated &&
		n.disordered == m->disordered,
	    "seed %u: other counts", seed);
}

static void
test_model(unsigned seed)
{
	struct ledger *l = ledger_new(SOURCES, SUBSCRIBERS);
	struct model *m = calloc(1, sizeof *m);
	int same = 1;

	srand(seed);
	for (int step = 0; step < 600; step++) {
		size_t i = (size_t)rand() % SOURCES;
		size_t k = (size_t)rand() % SUBSCRIBERS;
		uint64_t n = 1 + (uint64_t)rand() % MOST;
		uint64_t last = n + (uint64_t)rand() % 5;

		if (rand() % 200 == 0) {
			ledger_forget(l, k);
			memset(m->given[k], 0, sizeof m->given[k]);
			continue;
		}
		if (rand() % 3 > 0) {
			same &= ledger_given(l, k, i, n) == give(m, k, i, n);
			continue;
		}
		last = last > MOST ? MOST : last;
		ledger_acknowledged(l, i, n, last);
		for (; n <= last; n++)
			m->acknowledged[i][n] = 1;
	}
	check(same, "seed %u: another verdict", seed);
	compare(l, m, seed);
	ledger_free(l);
	free(m);
}

int
main(void)
{
	test_rows();
	for (unsigned seed = 1; seed <= 50; seed++)
		test_model(seed);
	return check_done();
}
