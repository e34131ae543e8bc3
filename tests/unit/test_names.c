#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mix.h"
#include "grid/names.h"

#include "check.h"

enum { STRINGS = 5000, STEPS = 60000, LONGEST = 300000 };

/* String i: short ones, some long, one longer than a chunk. */
static const char *
text(uint32_t i, size_t *n)
{
	static char space[LONGEST + 1];

	*n = (size_t)snprintf(space, sizeof space, "METER/%u/Load", i * 7919);
	if (i % 97 == 0) {
		memset(space + *n, 'x', 250 + i % 11);
		*n += 250 + i % 11;
	}
	if (i == 1234) {
		memset(space, 'y', LONGEST);
		*n = LONGEST;
	}
	return space;
}

static void
check_one(const struct names *names, const uint32_t *number, uint32_t i)
{
	size_t n, len;
	const char *p = text(i, &n), *got;

	if (number[i] == NAMES_NONE) {
		check(names_find(names, p, n) == NAMES_NONE, "%u is there", i);
		return;
	}
	got = names_text(names, number[i], &len);
	check(names_find(names, p, n) == number[i], "%u is not found", i);
	check(len == n && memcmp(got, p, n) == 0 && got[n] == '\0',
	    "%u has another text", i);
	check(names_is(names, number[i], p, n), "%u is another", i);
}

/* Added and dropped at random, beside what is known of each. */
static void
check_random(void)
{
	struct names names = { 0 };
	uint32_t number[STRINGS], live = 0, most = 0;

	memset(number, 0xff, sizeof number);
	for (uint64_t step = 0; step < STEPS; step++) {
		uint32_t i = (uint32_t)(mix64(1, step) % STRINGS);
		size_t n;
		const char *p = text(i, &n);

		if (number[i] == NAMES_NONE) {
			number[i] = names_get(&names, p, n);
			live++;
		} else if (mix64(2, step) % 2 == 0) {
			names_drop(&names, number[i]);
			number[i] = NAMES_NONE;
			live--;
		}
		most = live > most ? live : most;
		if (step % 10000 == 0)
			for (i = 0; i < STRINGS; i++)
				check_one(&names, number, i);
	}
	check(names.live == live, "%u strings, not %u", names.live, live);
	check(names.n == most, "%u numbers for %u strings", names.n, most);
	names_fini(&names);
}

/* The memory of what is dropped is used again. */
static void
check_memory(void)
{
	struct names names = { 0 };
	uint32_t first = NAMES_NONE;
	size_t chunks = 0;

	for (uint32_t round = 0; round < 200000; round++) {
		char space[32];
		size_t n = (size_t)snprintf(
		    space, sizeof space, "METER/%06u/Load", round);
		uint32_t i = names_add(&names, space, n);

		if (round == 0)
			first = i;
		check(i == first, "number %u", i);
		names_drop(&names, i);
		check(names_is(&names, i, "", 0), "a dropped one has a text");
		chunks = names.nchunks;
	}
	check(chunks == 1, "%zu chunks", chunks);
	names_fini(&names);
}

int
main(void)
{
	struct names empty = { 0 };

	check(names_find(&empty, "a", 1) == NAMES_NONE, "an empty set");
	names_fini(&empty);
	check_random();
	check_memory();
	return check_done();
}
