#include <string.h>

#include "base/die.h"
#include "trust/source_part.h"

static int
seen_seal(const struct source *q, const unsigned char id[TREE_HASH])
{
	size_t n = q->seals < SOURCE_SEEN ? q->seals : SOURCE_SEEN;

	for (size_t i = 0; i < n; i++)
		if (memcmp(q->seen[i], id, TREE_HASH) == 0)
			return 1;
	return q->chained && memcmp(q->last, id, TREE_HASH) == 0;
}

/* Does the seal follow the last one?  Tells if it does not: 0 if it is late. */
static int
check_chain(struct source *q, const struct source_room *room,
    const struct batch_seal *seal, struct finding_place at)
{
	int64_t next = seal->first + seal->n;

	if (!q->chained ||
	    (seal->has_prev && memcmp(seal->prev, q->last, TREE_HASH) == 0))
		return 1;
	at.ep = q->seal_ep;
	if (seal->ep > q->seal_ep) {
		if (seal->has_prev)
			source_find(room, VERDICT_GAP, &at, 0,
			    "the end of that epoch is missing");
		return 1;
	}
	if (next <= q->seal_next) {
		source_find(room, VERDICT_REORDERED, &at, 0,
		    "a seal after a later one");
		return 0;
	}
	source_find(
	    room, VERDICT_GAP, &at, 0, "a seal before this one is missing");
	return 1;
}

static void
remember_seal(struct source *q, const struct source_room *room,
    const struct batch_seal *seal, const unsigned char id[TREE_HASH])
{
	q->chained = 1;
	memcpy(q->last, id, TREE_HASH);
	q->seal_ep = seal->ep;
	q->seal_next = seal->first + seal->n;
	q->every = seal->every;
	q->heard = room->now;
	q->silent = 0;
}

/*
 * Where the seal's events begin that might have come: of a source that was
 * never heard before, with the first one that did.
 */
static int64_t
first_expected(const struct source *q, const struct batch_seal *seal)
{
	if (q->sequence.ep > 0)
		return seal->first;
	return pending_lowest(
	    &q->pending, seal->ep, seal->first, seal->first + seal->n);
}

static void
set_wait(struct source *q, const struct source_room *room,
    const struct batch_seal *seal, const struct judged *x,
    const struct finding_place *at)
{
	struct source_seal *w = &q->wait;

	q->sealed = 1;
	w->set = 1;
	if (w->seal == NULL)
		w->seal = xmalloc(sizeof *w->seal);
	memcpy(w->seal, seal, sizeof *seal);
	w->cert = x->cert;
	w->since = room->now;
	w->file = at->file;
	w->number = at->line;
}

void
source_seal(struct source *q, struct source_room *room, const struct judged *x,
    const struct finding_place *where, const char *p, size_t n)
{
	static struct batch_seal seal;
	struct finding_place at = *where;
	struct event event;
	const char *why;

	q->known = 1;
	if (event_scan(&event, p, n, &why) < 0 ||
	    batch_seal_read(&seal, &event, &why) < 0) {
		source_drop(room, VERDICT_BAD, &at, why, p, n);
		return;
	}
	at.ep = seal.ep;
	if (seal.ep < q->sequence.ep || seen_seal(q, x->leaf)) {
		source_drop(room, VERDICT_REPLAYED, &at,
		    "a seal that has come before", p, n);
		return;
	}
	source_match(q, room, 1);
	if (seal.ep > q->sequence.ep)
		source_tell_gaps(q, room, INT64_MAX, &at);
	if (check_chain(q, room, &seal, at))
		remember_seal(q, room, &seal, x->leaf);
	memcpy(q->seen[q->seals++ % SOURCE_SEEN], x->leaf, TREE_HASH);
	sequence_until(&q->sequence, seal.ep, first_expected(q, &seal));
	source_tell_gaps(q, room, seal.first, &at);
	if (seal.n == 0) {
		room->sink->pass(room->sink->arg, &at, p, n);
		return;
	}
	set_wait(q, room, &seal, x, &at);
	buf_clear(&q->wait.line);
	buf_add(&q->wait.line, p, n);
	source_match(q, room, 0);
}

void
source_proof(struct source *q, struct source_room *room,
    const struct finding_place *where, const char *p, size_t n)
{
	static struct batch_proof proof;
	static struct batch_seal seal;
	struct finding_place at = *where;
	const struct cert *cert = NULL;
	struct pending_line *line;
	const char *why = "";
	struct event event;
	enum verdict v;

	if (event_scan(&event, p, n, &why) < 0)
		return;
	v = judge_proof(
	    &room->judge, &room->space, &event, &proof, &seal, &cert, &why);
	at.ep = proof.ep;
	at.seq = proof.seq;
	line = v == VERDICT_GOOD
	    ? pending_find(&q->pending, proof.ep, proof.seq)
	    : NULL;
	if (v == VERDICT_GOOD && line == NULL) {
		v = VERDICT_UNPROVEN;
		why = "a proof without its event before it";
	} else if (v == VERDICT_GOOD &&
	    !batch_proves(
		&proof, &seal, q->pending.leaf[line - q->pending.line])) {
		v = VERDICT_BAD;
		why = "the proof does not fit the event";
	}
	if (v != VERDICT_GOOD) {
		source_drop(room, v, &at, why, p, n);
		return;
	}
	/* What lies between single proofs is no gap. */
	source_tell_gaps(q, room, INT64_MAX, &at);
	source_pass_line(q, room, line, cert, 0);
	while (sequence_untold(&q->sequence, INT64_MAX, &at.seq, &at.ep))
		;
	room->sink->pass(room->sink->arg, &at, p, n);
	source_sweep(q, room);
}
