#include "trust/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "trust/source_part.h"

enum { TOLD_GAPS = SEQUENCE_GAPS_MAX / 2, SILENCE_SPARE = 5 * DATE_SECOND };

void
source_find(const struct source_room *room, enum verdict v,
    const struct finding_place *at, int64_t n, const char *why)
{
	struct finding f = { v, *at, n, why };

	room->sink->find(room->sink->arg, &f);
}

void
source_drop(const struct source_room *room, enum verdict v,
    const struct finding_place *at, const char *why, const char *p, size_t len)
{
	struct finding f = { v, *at, 0, why };

	room->sink->drop(room->sink->arg, &f, p, len);
}

void
source_tell_gaps(struct source *q, const struct source_room *room, int64_t next,
    const struct finding_place *near)
{
	struct finding_place at = { near->file, near->line, q->name,
		q->sequence.ep, 0 };
	int64_t to;

	while (sequence_untold(&q->sequence, next, &at.seq, &to))
		if (!room->partial)
			source_find(
			    room, VERDICT_GAP, &at, to - at.seq + 1, "missing");
	q->gap_since = 0;
}

enum sequence_result
source_take(struct source *q, const struct source_room *room, int64_t ep,
    int64_t seq, const struct finding_place *at)
{
	enum sequence_result r;
	size_t gaps;

	q->known = 1;
	if (ep > q->sequence.ep || q->sequence.gaps >= TOLD_GAPS)
		source_tell_gaps(q, room, INT64_MAX, at);
	gaps = q->sequence.gaps;
	r = sequence_take(&q->sequence, ep, seq);
	if (q->sequence.gaps > gaps && q->gap_since == 0)
		q->gap_since = room->now;
	return r;
}

void
source_event(struct source *q, struct source_room *room, const struct judged *x,
    const struct finding_place *at, const char *p, size_t n)
{
	switch (source_take(q, room, x->ep, x->seq, at)) {
	case SEQUENCE_OLD:
		source_drop(room, VERDICT_REPLAYED, at,
		    "of an epoch that is over", p, n);
		break;
	case SEQUENCE_REPEATED:
		source_drop(
		    room, VERDICT_REPLAYED, at, "has come before", p, n);
		break;
	case SEQUENCE_LATE:
		source_find(room, VERDICT_REORDERED, at, 0,
		    "after one that was sent later");
		room->sink->pass(room->sink->arg, at, p, n);
		break;
	case SEQUENCE_NEXT: room->sink->pass(room->sink->arg, at, p, n); break;
	}
}

struct finding_place
source_place(const struct source *q, const struct pending_line *line)
{
	return (struct finding_place){ line->file, line->number, q->name,
		line->ep, line->seq };
}

void
source_drop_line(struct source *q, const struct source_room *room,
    struct pending_line *line, enum verdict v, const char *why)
{
	struct finding_place at = source_place(q, line);

	source_drop(
	    room, v, &at, why, pending_text(&q->pending, line), line->n);
	line->done = 1;
}

void
source_pass_line(struct source *q, const struct source_room *room,
    struct pending_line *line, const struct cert *cert, int reordered)
{
	struct finding_place at = source_place(q, line);
	const char *p = pending_text(&q->pending, line);
	const char *topic = p + line->topic_at, *rule, *why;
	char space[TOPIC_MAX + 1];
	size_t n = line->topic_n;
	struct event e;

	line->done = 1;
	if (n == 0 && event_scan(&e, p, line->n, &why) == 0)
		topic = event_topic(&e, space, &n);
	if (source_take(q, room, line->ep, line->seq, &at) <=
	    SEQUENCE_REPEATED) {
		source_drop(
		    room, VERDICT_REPLAYED, &at, "has come before", p, line->n);
		return;
	}
	if (!cert_may(cert, CERT_PUB, topic, n, &rule)) {
		source_drop(room, VERDICT_DENIED, &at,
		    rule != NULL ? "its certificate denies the topic"
				 : "its certificate does not cover the topic",
		    p, line->n);
		return;
	}
	if (reordered)
		source_find(room, VERDICT_REORDERED, &at, 0,
		    "after one that was sent later");
	room->sink->pass(room->sink->arg, &at, p, line->n);
}

/* Of a source that is there for its pending lines alone. */
static size_t
source_cost(void)
{
	return sizeof(struct source) +
	    PENDING_MIN * (sizeof(struct pending_line) + TREE_HASH);
}

void
source_sweep(struct source *q, struct source_room *room)
{
	room->pending -= pending_sweep(&q->pending);
	if (q->pending.n > 0 || !q->charged)
		return;
	room->pending -= source_cost();
	q->charged = 0;
}

int
source_wants(struct source *q, struct source_room *room, const struct judged *x,
    const struct finding_place *at, const char *p, size_t n)
{
	if (!q->known ||
	    sequence_ask(&q->sequence, x->ep, x->seq) > SEQUENCE_REPEATED)
		return 1;
	source_drop(room, VERDICT_REPLAYED, at,
	    "no sig, and its number has come before", p, n);
	return 0;
}

void
source_hold(struct source *q, struct source_room *room, const struct judged *x,
    const struct finding_place *at, const char *p, size_t n)
{
	const struct source_seal *w = &q->wait;
	struct pending_line line = { 0, n, at->file, at->line, x->ep, x->seq,
		room->now, x->topic_at, x->topic_n, 0 };

	if (!q->known && !q->charged) {
		q->charged = 1;
		room->pending += source_cost();
	}
	pending_add(&q->pending, &line, p, x->leaf);
	room->pending += pending_cost(&line);
	if (w->set && x->ep == w->seal->ep && x->seq >= w->seal->first &&
	    x->seq - w->seal->first < w->seal->n)
		source_match(q, room, 0);
}

void
source_expire(struct source *q, struct source_room *room, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (q->sealed)
			source_drop_line(q, room, &q->pending.line[i],
			    VERDICT_UNPROVEN, "no seal came");
		else
			source_drop_line(q, room, &q->pending.line[i],
			    VERDICT_UNSIGNED, "no sig, and no seal came");
	source_sweep(q, room);
}

void
source_tick(struct source *q, struct source_room *room)
{
	struct finding_place at = { NULL, 0, q->name, 0, 0 };
	const struct pending *held = &q->pending;
	size_t old = 0;

	if (q->wait.set && room->now - q->wait.since > room->hold)
		source_match(q, room, 1);
	while (old < held->n && room->now - held->line[old].since > room->hold)
		old++;
	if (old > 0)
		source_expire(q, room, old);
	if (q->gap_since > 0 && room->now - q->gap_since > room->hold)
		source_tell_gaps(q, room, INT64_MAX, &at);
	if (room->live && q->every > 0 && !q->silent &&
	    room->now - q->heard > q->every + q->every / 2 + SILENCE_SPARE) {
		q->silent = 1;
		source_find(room, VERDICT_SILENT, &at, 0,
		    "no sign of life, though one is due");
	}
}

void
source_end(struct source *q, struct source_room *room)
{
	struct finding_place at = { 0 };

	source_match(q, room, 1);
	source_expire(q, room, q->pending.n);
	source_tell_gaps(q, room, INT64_MAX, &at);
}

void
source_free(struct source *q)
{
	sequence_fini(&q->sequence);
	pending_fini(&q->pending);
	buf_fini(&q->wait.line);
	free(q->wait.seal);
	free(q->name);
	free(q);
}

int
source_wish_read(struct source_wish *wish, const char *text)
{
	const char *seq = strrchr(text, '/'), *ep = seq;

	while (ep > text && *--ep != '/')
		;
	if (seq == NULL || ep == seq || *ep != '/' || ep == text ||
	    num_uint(seq + 1, strlen(seq + 1), &wish->seq) < 0 ||
	    num_uint(ep + 1, (size_t)(seq - ep - 1), &wish->ep) < 0)
		return -1;
	wish->src = xstrndup(text, (size_t)(ep - text));
	return 0;
}
