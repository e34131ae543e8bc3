/*
 * Numbers of a source as they come: what each is, and which are missing;
 * against a list of all that came where there is much.
 */
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "trust/sequence.h"

static void
check_steps(void)
{
	static const struct {
		int64_t ep, seq;
		enum sequence_result want;
		const char *why;
	} row[] = {
		{ 5, 10, SEQUENCE_NEXT, "the first ever" },
		{ 5, 9, SEQUENCE_REPEATED, "before the first" },
		{ 5, 10, SEQUENCE_REPEATED, "twice" },
		{ 5, 11, SEQUENCE_NEXT, "the next" },
		{ 5, 15, SEQUENCE_NEXT, "with a gap before" },
		{ 5, 13, SEQUENCE_LATE, "in the middle of the gap" },
		{ 5, 13, SEQUENCE_REPEATED, "in the gap, twice" },
		{ 5, 12, SEQUENCE_LATE, "the first of the gap" },
		{ 5, 14, SEQUENCE_LATE, "the last of the gap" },
		{ 5, 14, SEQUENCE_REPEATED, "no gap is left" },
		{ 4, 16, SEQUENCE_OLD, "an epoch that was over before" },
		{ 6, 2, SEQUENCE_NEXT, "a new epoch" },
		{ 6, 1, SEQUENCE_LATE, "an epoch begins with 1" },
		{ 5, 16, SEQUENCE_OLD, "an epoch that is over now" },
		{ 6, INT64_MAX, SEQUENCE_NEXT, "the highest" },
	};
	struct sequence q = { 0 };
	int64_t from, to;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		check(sequence_ask(&q, row[i].ep, row[i].seq) == row[i].want,
		    "asked: %s", row[i].why);
		check(sequence_take(&q, row[i].ep, row[i].seq) == row[i].want,
		    "%s", row[i].why);
	}
	check(sequence_untold(&q, 10, &from, &to) && from == 3 && to == 9,
	    "a gap that is told up to a number");
	check(sequence_untold(&q, INT64_MAX, &from, &to) && from == 10 &&
		to == INT64_MAX - 1,
	    "the rest of it");
	check(!sequence_untold(&q, INT64_MAX, &from, &to), "all told");
	sequence_fini(&q);
}

static void
check_until(void)
{
	struct sequence q = { 0 };
	int64_t from, to;

	sequence_until(&q, 3, 8);
	check(!sequence_untold(&q, INT64_MAX, &from, &to),
	    "nothing is missing before the first");
	sequence_until(&q, 2, 80);
	sequence_until(&q, 3, 8);
	sequence_until(&q, 3, 10);
	check(
	    sequence_untold(&q, INT64_MAX, &from, &to) && from == 8 && to == 9,
	    "what exists and has not come is missing");
	check(sequence_take(&q, 3, 8) == SEQUENCE_LATE,
	    "what is told missing may still come");
	sequence_fini(&q);
}

/* Random numbers from a short range, with a list of what came. */
static void
check_random(unsigned seed)
{
	enum { N = 3000 };
	static unsigned char came[N + 1];
	struct sequence q = { 0 };
	int64_t high = 0, from, to, missing = 0, told = 0;

	srandom(seed);
	for (int i = 0; i <= N; i++)
		came[i] = 0;
	sequence_take(&q, 1, 1);
	came[1] = 1;
	high = 1;
	for (int i = 0; i < N; i++) {
		int64_t seq = high + 3 - random() % 20;
		enum sequence_result want;

		if (seq < 1 || seq > N)
			continue;
		want = seq > high ? SEQUENCE_NEXT
		    : came[seq]	  ? SEQUENCE_REPEATED
				  : SEQUENCE_LATE;
		check(sequence_take(&q, 1, seq) == want, "seed %u: number %d",
		    seed, (int)seq);
		came[seq] = 1;
		high = seq > high ? seq : high;
	}
	for (int i = 1; i < high; i++)
		missing += !came[i];
	while (sequence_untold(&q, INT64_MAX, &from, &to))
		for (int64_t i = from; i <= to; i++, told++)
			check(!came[i], "seed %u: told missing: %d", seed,
			    (int)i);
	check(told == missing, "seed %u: %d of %d missing told", seed,
	    (int)told, (int)missing);
	sequence_fini(&q);
}

static void
check_many(void)
{
	struct sequence q = { 0 };

	for (int64_t seq = 1; seq < 10 * SEQUENCE_GAPS_MAX; seq += 2)
		check(sequence_take(&q, 1, seq) == SEQUENCE_NEXT, "many gaps");
	check(q.gaps == SEQUENCE_GAPS_MAX, "%zu gaps", q.gaps);
	check(sequence_take(&q, 1, 2) == SEQUENCE_REPEATED,
	    "a gap that is forgotten");
	check(sequence_take(&q, 1, q.high - 1) == SEQUENCE_LATE,
	    "the newest gap");
	sequence_fini(&q);
}

int
main(void)
{
	check_steps();
	check_until();
	for (unsigned seed = 1; seed <= 20; seed++)
		check_random(seed);
	check_many();
	return check_done();
}
