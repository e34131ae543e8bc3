/* Batches without what was seen, and cut after any of their lines. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "bus/sift.h"
#include "check.h"

#define A "\"a\",\"A.7\""
#define B "\"a\",\"B.9\""
#define C "\"0000000000000001\""
#define D "\"0000000000000002\""

/* Each with what was seen by those above; lines are 1, 2, 3 … */
static const struct {
	const char *meta, *lines;
	int n;
	const char *want_meta, *want_lines; /* NULL: refused */
	const char *why;
} cases[] = {
	{ "[[3,1.5," A ",11," C ",1]]", "1\n2\n3\n", 3,
	    "[[3,1.5," A ",11," C ",1]]", "1\n2\n3\n", "new ones stay" },
	{ "[[3,1.5," A ",11," C ",1]]", "1\n2\n3\n", 3, "[]", "",
	    "nothing stays" },
	{ "[[2,1.5," B ",5," C ",2],[2,1.5," B ",7," C ",4]]", "1\n2\n3\n4\n",
	    4, "[[2,1.5," B ",7," C ",4]]", "3\n4\n", "a run goes" },
	{ "[[3,1.5," B ",7," C ",4],[1,2," A ",9," D ",1]]", "1\n2\n3\n4\n", 4,
	    "[[1,1.5," B ",9," C ",6],[1,2," A ",9," D ",1]]", "3\n4\n",
	    "a run is cut" },
	{ "[[1,2," A ",1," D ",1],[1,2," A ",2," D ",2],[1,2," A ",3," D ",1]]",
	    "1\n2\n3\n", 3, "[[1,2," A ",2," D ",2]]", "2\n",
	    "repeats within a batch" },
	{ "[[2,2," A ",1," D ",0]]", "1\n2\n", 2, "[[2,2," A ",1," D ",0]]",
	    "1\n2\n", "no numbers" },
	{ "[[2,2," A ",1," D ",0]]", "1\n2\n", 2, "[[2,2," A ",1," D ",0]]",
	    "1\n2\n", "again no numbers" },
	{ "[[2,2," A ",1],[1,2," A ",3," D ",2]]", "1\n2\n3\n", 3,
	    "[[2,2," A ",1]]", "1\n2\n", "no channel" },
	{ "[]", "", 0, "[]", "", "nothing" },
	{ "[[2,2," A ",1," D ",9]]", "1\n2\n3\n", 3, NULL, NULL,
	    "fewer than the lines" },
	{ "[[2,2," A ",1," D ",9]]", "1\n", 1, NULL, NULL, "more than those" },
	{ "[[1,2," A ",1,\"x\",9]]", "1\n", 1, NULL, NULL, "no channel" },
	{ "[[0,2," A ",1," D ",9]]", "1\n", 1, NULL, NULL, "an empty run" },
	{ "[[1,2," A "]]", "1\n", 1, NULL, NULL, "no position" },
	{ "[7]", "1\n", 1, NULL, NULL, "no run" },
	{ "[[1,2," A ",1," D ",9223372036854775807]]", "1\n", 1, NULL, NULL,
	    "a number that would wrap" },
};

static struct reader_batch
batch_of(const char *meta, const char *lines, int n)
{
	return (struct reader_batch){ lines, strlen(lines), (uint64_t)n,
		json_value(meta, strlen(meta)) };
}

static int
is(const char *p, size_t n, const char *want)
{
	return n == strlen(want) && (n == 0 || memcmp(p, want, n) == 0);
}

static void
test_cases(void)
{
	struct sift s = { .seen = seen_new(SEEN_MAX) };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct reader_batch b =
		    batch_of(cases[i].meta, cases[i].lines, cases[i].n);
		int got = sift_batch(&s, &b);
		if (cases[i].want_lines == NULL) {
			check(got == -1, "%s: is taken", cases[i].why);
			continue;
		}
		check(got == 0 && is(b.lines, b.len, cases[i].want_lines),
		    "%s: %.*s", cases[i].why, (int)b.len, b.lines);
		check(is(b.meta.p, b.meta.n, cases[i].want_meta), "%s: %.*s",
		    cases[i].why, (int)b.meta.n, b.meta.p);
	}
	sift_fini(&s);
	seen_free(s.seen);
}

/* Numbers 1-3 of C are seen, then a batch of 5 of which 4 stay. */
static const struct {
	uint64_t n;
	const char *want;
	uint64_t seen_c, seen_d;
	const char *why;
} cuts[] = {
	{ 0, "{\"A.7\":10}", 3, 0, "nothing" },
	{ 1, "{\"A.7\":12}", 4, 0, "over one that was taken out" },
	{ 2, "{\"A.7\":12,\"B.9\":1}", 4, 1, "into another log" },
	{ 3, "{\"A.7\":12,\"B.9\":2}", 4, 2, "within a run" },
	{ 4, "{\"A.7\":13,\"B.9\":2}", 5, 2, "all" },
};

static void
test_cuts(void)
{
	static const char meta[] = "[[2,1," A ",11," C ",3],[2,1," B ",1," D
				   ",1],[1,1," A ",13," C ",5]]";

	for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
		struct sift s = { .seen = seen_new(SEEN_MAX) };
		struct reader_batch b = batch_of(meta, "1\n2\n3\n4\n5\n", 5);
		struct wire_cursor at = { .at = { { "A", 7, 10 } }, .n = 1 };
		struct buf text = { 0 };
		seen_take(s.seen, "a", 1, 1, 1, 3);
		check(sift_batch(&s, &b) == 0 && b.n == 4, "sift");
		check(sift_cut(&s, &b, cuts[i].n, &at) == 0, "cut");
		wire_cursor_add(&text, &at);
		check(is(text.p, text.len, cuts[i].want), "%s: %s", cuts[i].why,
		    buf_cstr(&text));
		check(seen_take(s.seen, "a", 1, 1, 1, 9) == cuts[i].seen_c &&
			seen_take(s.seen, "a", 1, 2, 1, 9) == cuts[i].seen_d,
		    "%s: what counts as seen", cuts[i].why);
		buf_fini(&text);
		sift_fini(&s);
		seen_free(s.seen);
	}
}

static void
test_no_cut(void)
{
	static const char meta[] = "[[1,1," B ",11," C ",1]]";
	struct sift s = { .seen = seen_new(SEEN_MAX) };
	struct reader_batch b = batch_of(meta, "1\n", 1);
	struct wire_cursor at = { .n = 0 }, was;

	while (at.n < WIRE_LOGS_MAX) {
		at.at[at.n] = (struct wire_position){ "A", at.n, 1 };
		at.n++;
	}
	was = at;
	sift_batch(&s, &b);
	check(sift_cut(&s, &b, 1, &at) == -1 && wire_cursor_same(&at, &was),
	    "no room for another log");
	check(seen_take(s.seen, "a", 1, 1, 1, 1) == 1, "it counts as seen");
	b.meta.kind = JSON_NONE;
	check(sift_cut(&s, &b, 1, &at) == -1, "no origin, no cut");
	check(sift_cut(&s, &b, 0, &at) == 0, "but before the first line");
	sift_fini(&s);
	seen_free(s.seen);
}

int
main(void)
{
	test_cases();
	test_cuts();
	test_no_cut();
	return check_done();
}
