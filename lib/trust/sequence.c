#include "trust/sequence.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* The first gap that does not end before seq. */
static size_t
find(const struct sequence *q, int64_t seq)
{
	size_t low = 0, high = q->gaps;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (q->gap[middle].to < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
is_missing(const struct sequence *q, int64_t seq)
{
	size_t i = find(q, seq);

	return i < q->gaps && q->gap[i].from <= seq;
}

enum sequence_result
sequence_ask(const struct sequence *q, int64_t ep, int64_t seq)
{
	if (ep < q->ep)
		return SEQUENCE_OLD;
	if (ep > q->ep || seq > q->high)
		return SEQUENCE_NEXT;
	return is_missing(q, seq) ? SEQUENCE_LATE : SEQUENCE_REPEATED;
}

static void
insert(struct sequence *q, size_t i, struct sequence_gap gap)
{
	if (q->gaps == SEQUENCE_GAPS_MAX) {
		if (i == 0)
			return;
		memmove(q->gap, q->gap + 1, --q->gaps * sizeof *q->gap);
		i--;
	}
	if (q->gaps == q->cap) {
		q->cap = q->cap > 0 ? 2 * q->cap : 8;
		q->gap = xrealloc(q->gap, q->cap * sizeof *q->gap);
	}
	memmove(q->gap + i + 1, q->gap + i, (q->gaps - i) * sizeof *q->gap);
	q->gap[i] = gap;
	q->gaps++;
}

static void
fill(struct sequence *q, int64_t seq)
{
	size_t i = find(q, seq);
	struct sequence_gap *gap = &q->gap[i], rest = *gap;

	if (gap->from == gap->to) {
		q->gaps--;
		memmove(gap, gap + 1, (q->gaps - i) * sizeof *gap);
	} else if (gap->from == seq) {
		gap->from++;
	} else if (gap->to == seq) {
		gap->to--;
	} else {
		gap->to = seq - 1;
		rest.from = seq + 1;
		insert(q, i + 1, rest);
	}
}

void
sequence_until(struct sequence *q, int64_t ep, int64_t next)
{
	if (ep < q->ep)
		return;
	if (ep > q->ep) {
		q->high = q->ep == 0 ? next - 1 : 0;
		q->ep = ep;
		q->gaps = 0;
	}
	if (next - 1 <= q->high)
		return;
	insert(q, q->gaps, (struct sequence_gap){ q->high + 1, next - 1, 0 });
	q->high = next - 1;
}

enum sequence_result
sequence_take(struct sequence *q, int64_t ep, int64_t seq)
{
	enum sequence_result result = sequence_ask(q, ep, seq);

	if (result == SEQUENCE_LATE)
		fill(q, seq);
	if (result != SEQUENCE_NEXT)
		return result;
	sequence_until(q, ep, seq);
	q->high = seq;
	return result;
}

int
sequence_untold(struct sequence *q, int64_t next, int64_t *from, int64_t *to)
{
	struct sequence_gap rest;

	for (size_t i = 0; i < q->gaps && q->gap[i].from < next; i++) {
		if (q->gap[i].told)
			continue;
		if (q->gap[i].to >= next) {
			rest = q->gap[i];
			rest.from = next;
			q->gap[i].to = next - 1;
			insert(q, i + 1, rest);
			return sequence_untold(q, next, from, to);
		}
		q->gap[i].told = 1;
		*from = q->gap[i].from;
		*to = q->gap[i].to;
		return 1;
	}
	return 0;
}

void
sequence_fini(struct sequence *q)
{
	free(q->gap);
	*q = (struct sequence){ 0 };
}
