#include <stdlib.h>
#include <string.h>

#include "base/mix.h"
#include "grid/group.h"
#include "grid/presence.h"

#include "check.h"

enum { SOURCES = 300, ROUNDS = 300 };

static const int64_t start = INT64_C(1700000000000000);

/* Times that are apart as in round: seconds, any, days, the same, never. */
static int64_t
some_time(uint64_t round, uint32_t i)
{
	uint64_t x = mix64(round, i);

	switch (round % 5) {
	case 0: return start + (int64_t)(x % 60) * 1000000;
	case 1: return start + (int64_t)(x % 60000000);
	case 2: return start + (int64_t)(x % (UINT64_C(86400000000) * 400));
	case 3: return start + 7;
	default: return x % 4 == 0 ? GROUP_ALWAYS : start - (int64_t)(x >> 40);
	}
}

static void
check_all(const struct presence *p, const int64_t *want, uint32_t n,
    const char *when, uint64_t round)
{
	for (uint32_t i = 0; i < n; i++)
		if (presence_at(p, i, start) != want[i]) {
			check(0, "round %u, source %u %s", (unsigned)round, i,
			    when);
			return;
		}
	check(1, "%s", when);
}

static void
note(struct presence *p, int64_t *want, uint32_t i, int64_t t, uint32_t n)
{
	int changed = t > want[i];

	check(presence_note(p, i, start, t, n) == changed,
	    "a change that is %d", changed);
	if (changed)
		want[i] = t;
}

static void
check_saved(
    const struct presence *p, const int64_t *want, uint32_t n, uint64_t round)
{
	struct presence copy = { 0 };
	struct memo_record r;
	struct buf b = { 0 };

	presence_save(p, start, &b);
	r = memo_record(b.p, b.len);
	presence_load(&copy, &r);
	check(memo_get_end(&r), "round %u: a state", (unsigned)round);
	check_all(&copy, want, n, "loaded", round);
	presence_fini(&copy);
	/* Cut short it is an error, and nothing worse. */
	for (size_t cut = 0; cut < b.len; cut += 1 + b.len / 50) {
		r = memo_record(b.p, cut);
		presence_load(&copy, &r);
		check(r.bad || copy.n <= p->n, "cut at %zu", cut);
		presence_fini(&copy);
	}
	buf_fini(&b);
}

static void
check_round(uint64_t round)
{
	struct presence p = { 0 };
	int64_t want[SOURCES];
	uint32_t n = 1 + (uint32_t)(mix64(round, 1000) % SOURCES);

	for (uint32_t i = 0; i < SOURCES; i++)
		want[i] = GROUP_ALWAYS;
	for (uint32_t i = 0; i < n; i++) {
		int64_t t = some_time(round, i);

		if (t != GROUP_ALWAYS && t >= start)
			note(&p, want, i, t, n);
	}
	check_all(&p, want, n, "open", round);
	check_saved(&p, want, n, round);
	for (uint32_t i = 0; i < n; i++)
		want[i] = some_time(round, i);
	presence_pack(&p, want, n);
	check_all(&p, want, n, "packed", round);
	check_saved(&p, want, n, round);
	for (uint32_t i = 0; i < n; i += 3)
		note(&p, want, i, some_time(round + 1, i), n);
	check_all(&p, want, n, "corrected", round);
	check_saved(&p, want, n, round);
	presence_fini(&p);
}

int
main(void)
{
	for (uint64_t round = 0; round < ROUNDS; round++)
		check_round(round);
	return check_done();
}
