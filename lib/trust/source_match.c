#include <string.h>

#include "trust/source_part.h"

/* A seal's leaves, in their order. */
static void
write_proof(struct source *q, struct source_room *room,
    const unsigned char (*leaf)[TREE_HASH], const struct pending_line *line)
{
	static struct batch_proof proof;
	const struct source_seal *w = &q->wait;
	struct buf b = { 0 };
	struct event e;
	const char *why;
	int64_t t = 0;

	proof.ep = w->seal->ep;
	proof.seq = line->seq;
	proof.seal = w->line.p;
	proof.seal_n = w->line.len;
	proof.hashes = tree_prove(leaf, (size_t)w->seal->n,
	    (size_t)(line->seq - w->seal->first), proof.path);
	if (event_scan(&e, proof.seal, proof.seal_n, &why) == 0)
		event_time(&e, &t);
	batch_proof_add(&b, &proof, q->name, t);
	room->sink->prove(
	    room->sink->arg, pending_text(&q->pending, line), line->n, &b);
	buf_fini(&b);
	room->wish.done = 1;
}

static int
is_wanted(const struct source *q, const struct source_room *room,
    const struct pending_line *line)
{
	const struct source_wish *w = &room->wish;

	return w->src != NULL && !w->done && line->ep == w->ep &&
	    line->seq == w->seq && strcmp(q->name, w->src) == 0;
}

static void
end_wait(struct source *q, struct source_room *room)
{
	const struct source_seal *w = &q->wait;
	struct finding_place at = { w->file, w->number, q->name, w->seal->ep,
		0 };

	source_tell_gaps(q, room, w->seal->first + w->seal->n, &at);
	room->sink->pass(room->sink->arg, &at, w->line.p, w->line.len);
	q->wait.set = 0;
	source_sweep(q, room);
}

static int
is_under_seal(const struct source *q, const struct pending_line *line)
{
	const struct batch_seal *seal = q->wait.seal;
	int64_t at = line->seq - seal->first;

	return !line->done && line->ep == seal->ep && at >= 0 && at < seal->n;
}

/* All of a seal's events in a row, as if nobody had touched them: 1. */
static int
match_row(struct source *q, struct source_room *room)
{
	size_t k = pending_row(&q->pending, q->wait.seal);
	const unsigned char(*leaf)[TREE_HASH];
	struct pending_line *line;

	if (k == q->pending.n)
		return 0;
	leaf = (const unsigned char(*)[TREE_HASH])(q->pending.leaf + k);
	line = &q->pending.line[k];
	for (size_t i = 0; i < (size_t)q->wait.seal->n; i++, line++) {
		if (is_wanted(q, room, line))
			write_proof(q, room, leaf, line);
		source_pass_line(q, room, line, q->wait.cert, 0);
	}
	return 1;
}

/*
 * Which pending line is the i-th event of the waiting seal: index[i], or -1.
 * Returns how many there are; altered and repeated ones are dropped.
 */
static size_t
sort_lines(
    struct source *q, const struct source_room *room, int index[BATCH_MAX])
{
	const struct batch_seal *seal = q->wait.seal;
	unsigned char(*leaf)[TREE_HASH] = q->pending.leaf;
	size_t found = 0;

	memset(index, -1, BATCH_MAX * sizeof *index);
	for (size_t i = 0; i < q->pending.n; i++) {
		struct pending_line *line = &q->pending.line[i];
		int64_t at = line->seq - seal->first;

		if (!is_under_seal(q, line))
			continue;
		if (seal->has_hint &&
		    memcmp(seal->hint[at], leaf[i], BATCH_HINT) != 0) {
			source_drop_line(q, room, line, VERDICT_BAD,
			    "altered: does not fit its seal");
		} else if (index[at] < 0) {
			index[at] = (int)i;
			found++;
		} else if (memcmp(leaf[index[at]], leaf[i], TREE_HASH) == 0) {
			source_drop_line(
			    q, room, line, VERDICT_REPLAYED, "has come before");
		} else {
			source_drop_line(q, room, line, VERDICT_BAD,
			    "another has the same number");
		}
	}
	return found;
}

/* All are there: they fit the root together, or one of them is wrong. */
static void
match_all(
    struct source *q, struct source_room *room, const int index[BATCH_MAX])
{
	static unsigned char leaf[BATCH_MAX][TREE_HASH];
	const unsigned char(*leaves)[TREE_HASH] =
	    (const unsigned char(*)[TREE_HASH])leaf;
	unsigned char root[TREE_HASH];
	size_t n = (size_t)q->wait.seal->n;
	int64_t high = 0;
	int good;

	for (size_t i = 0; i < n; i++)
		memcpy(leaf[i], q->pending.leaf[index[i]], TREE_HASH);
	tree_root(leaves, n, root);
	good = memcmp(root, q->wait.seal->root, TREE_HASH) == 0;
	for (size_t i = 0; i < q->pending.n; i++) {
		struct pending_line *line = &q->pending.line[i];

		if (!is_under_seal(q, line))
			continue;
		if (!good) {
			source_drop_line(q, room, line, VERDICT_BAD,
			    "does not fit its seal");
			continue;
		}
		if (is_wanted(q, room, line))
			write_proof(q, room, leaves, line);
		source_pass_line(q, room, line, q->wait.cert, line->seq < high);
		high = line->seq > high ? line->seq : high;
	}
}

static void
drop_unproven(struct source *q, const struct source_room *room,
    const int index[BATCH_MAX])
{
	for (size_t i = 0; i < (size_t)q->wait.seal->n; i++) {
		struct pending_line *line;
		struct finding_place at;

		if (index[i] < 0)
			continue;
		line = &q->pending.line[index[i]];
		at = source_place(q, line);
		source_take(q, room, line->ep, line->seq, &at);
		source_drop_line(q, room, line, VERDICT_UNPROVEN,
		    "others under its seal are missing");
	}
}

void
source_match(struct source *q, struct source_room *room, int last)
{
	const struct batch_seal *seal = q->wait.seal;
	int index[BATCH_MAX];
	size_t found;

	if (!q->wait.set)
		return;
	if (match_row(q, room)) {
		end_wait(q, room);
		return;
	}
	found = sort_lines(q, room, index);
	if (found < (size_t)seal->n && !last)
		return;
	sequence_until(&q->sequence, seal->ep, seal->first + seal->n);
	if (found == (size_t)seal->n)
		match_all(q, room, index);
	else
		drop_unproven(q, room, index);
	end_wait(q, room);
}
