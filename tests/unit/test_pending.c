/*
 * Lines that wait for their seal: which of them are a seal's, and that their
 * memory is given back.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "trust/pending.h"

/* The line of a number: ep 1, its own text and leaf. */
static void
add(struct pending *h, int64_t seq)
{
	struct pending_line line = { .ep = 1, .seq = seq };
	unsigned char leaf[TREE_HASH];
	char text[32];

	line.n = (size_t)snprintf(text, sizeof text, "line %d", (int)seq);
	tree_leaf(text, line.n, leaf);
	pending_add(h, &line, text, leaf);
}

static struct batch_seal
seal_of(int64_t first, int64_t n)
{
	unsigned char leaf[8][TREE_HASH];
	struct batch_seal seal = { .ep = 1, .first = first };
	struct pending all = { 0 };

	for (int64_t i = 0; i < n; i++)
		add(&all, first + i);
	memcpy(leaf, all.leaf, (size_t)n * TREE_HASH);
	batch_make(&seal, (const unsigned char(*)[TREE_HASH])leaf, (size_t)n);
	pending_fini(&all);
	return seal;
}

static void
check_rows(void)
{
	static const struct {
		int64_t came[6]; /* ends with 0 */
		int64_t first, n, want;
		const char *why;
	} row[] = {
		{ { 0 }, 1, 2, -1, "none" },
		{ { 1 }, 1, 2, -1, "one is missing" },
		{ { 2, 1 }, 1, 2, -1, "another order" },
		{ { 1, 9, 2 }, 1, 2, -1, "one between them" },
		{ { 1, 2, 2 }, 1, 2, -1, "one that came twice" },
		{ { 2, 3, 1 }, 2, 2, -1, "an earlier one after them" },
		{ { 1, 2, 3, 9 }, 1, 2, 0, "the first ones" },
		{ { 1, 2, 3, 4 }, 3, 2, 2, "the last ones" },
		{ { 5 }, 5, 1, 0, "a single one" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct batch_seal seal = seal_of(row[i].first, row[i].n);
		struct pending h = { 0 };
		size_t want, got;

		for (const int64_t *seq = row[i].came; *seq != 0; seq++)
			add(&h, *seq);
		want = row[i].want < 0 ? h.n : (size_t)row[i].want;
		got = pending_row(&h, &seal);
		check(got == want, "%s: %zu", row[i].why, got);
		seal.ep = 2;
		check(pending_row(&h, &seal) == h.n, "%s, of another epoch",
		    row[i].why);
		seal.ep = 1;
		seal.root[0] ^= 1;
		check(pending_row(&h, &seal) == h.n, "%s, another root",
		    row[i].why);
		pending_fini(&h);
	}
}

static void
check_sweep(void)
{
	enum { N = 100 };
	struct pending h = { 0 };
	size_t cost = 0, freed = 0;
	char text[32];

	for (int64_t seq = 1; seq <= N; seq++)
		add(&h, seq);
	for (size_t i = 0; i < h.n; i++)
		cost += pending_cost(&h.line[i]);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < h.n; i++)
			h.line[i].done = i % 3 != 1;
		freed += pending_sweep(&h);
		for (size_t i = 0; i < h.n; i++) {
			snprintf(
			    text, sizeof text, "line %d", (int)h.line[i].seq);
			check(h.line[i].n == strlen(text) &&
				memcmp(pending_text(&h, &h.line[i]), text,
				    h.line[i].n) == 0,
			    "what stays keeps its text: %s", text);
		}
	}
	check(h.n == 11, "one of three stays, twice: %zu", h.n);
	check(
	    pending_find(&h, 1, 5) != NULL && pending_find(&h, 1, 5)->seq == 5,
	    "found by its number");
	check(pending_find(&h, 1, 1) == NULL, "one that went");
	check(pending_find(&h, 2, 5) == NULL, "of another epoch");
	check(pending_lowest(&h, 1, 6, 20) == 14, "the lowest from there on");
	check(pending_lowest(&h, 1, 6, 14) == 14, "none below the end");
	for (size_t i = 0; i < h.n; i++)
		h.line[i].done = 1;
	freed += pending_sweep(&h);
	check(freed == cost, "all memory given back: %zu of %zu", freed, cost);
	check(h.n == 0 && h.text.len == 0, "no text is left");
	pending_fini(&h);
}

int
main(void)
{
	check_rows();
	check_sweep();
	return check_done();
}
