#include "device/enocean/chain.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

enum {
	MESSAGES = 32, /* under way at once, or just complete */
	PARTS = 64,    /* an index has 6 bits */
	/* A part that overtook the first one waits so long for it (us): a
	   later message may have the same number. */
	EARLY = 200000,
	/* The first part again within this is the same telegram (us). */
	AGAIN = 300000
};

enum state { FREE, BEGUN, COMPLETE };

struct part {
	uint16_t at, n; /* its bytes of the message's */
};

struct message {
	enum state state;
	uint64_t sender, dest;
	uint8_t chain, seq; /* RORG of its telegrams, number of the message */
	int64_t began, headed; /* first telegram, first part (us) */
	uint64_t have;	       /* a bit for each part */
	struct telegram head;  /* first part's; its payload is not used */
	uint8_t hops, most;    /* of the first part, of all */
	int dbm;
	size_t total, used; /* bytes announced, bytes here */
	struct part part[PARTS];
	uint8_t bytes[TELEGRAM_SPACE]; /* of all parts, as they came */
};

struct chain {
	struct message message[MESSAGES];
	uint64_t lost;
	uint8_t whole[TELEGRAM_SPACE];
};

/* One telegram of a chain, taken apart. */
struct piece {
	uint8_t seq, index, hops;
	uint8_t rorg; /* of the message; these two if index is 0 */
	size_t total;
	const uint8_t *p;
	size_t n;
};

struct chain *
chain_new(void)
{
	return xcalloc(1, sizeof(struct chain));
}

void
chain_free(struct chain *c)
{
	free(c);
}

uint64_t
chain_lost(const struct chain *c)
{
	return c->lost;
}

static void
give_up(struct chain *c, struct message *m)
{
	c->lost += m->state == BEGUN;
	m->state = FREE;
}

/* Also if the clock was set back. */
static int
older_than(int64_t then, int64_t now, int64_t limit)
{
	return now - then > limit || then - now > limit;
}

static void
expire(struct chain *c, int64_t now)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		struct message *m = &c->message[i];
		int64_t limit = m->have & 1 ? CHAIN_KEEP : EARLY;

		if (m->state != FREE && older_than(m->began, now, limit))
			give_up(c, m);
	}
}

static struct message *
find(struct chain *c, const struct telegram *in, uint8_t seq)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		struct message *m = &c->message[i];

		if (m->state != FREE && m->sender == in->sender &&
		    m->dest == in->dest && m->chain == in->rorg &&
		    m->seq == seq)
			return m;
	}
	return NULL;
}

/* A free one, else the oldest complete one, else the oldest. */
static struct message *
make_room(struct chain *c)
{
	struct message *best = &c->message[0];

	for (size_t i = 0; i < MESSAGES; i++) {
		struct message *m = &c->message[i];

		if (m->state == FREE)
			return m;
		if (m->state != best->state ? m->state == COMPLETE
					    : m->began < best->began)
			best = m;
	}
	give_up(c, best);
	return best;
}

static void
begin(struct message *m, const struct telegram *in, uint8_t seq)
{
	m->state = BEGUN;
	m->sender = in->sender;
	m->dest = in->dest;
	m->chain = in->rorg;
	m->seq = seq;
	m->began = in->t;
	m->have = 0;
	m->total = m->used = 0;
	m->most = 0;
	m->dbm = 0;
}

static uint8_t
hops_of(const struct telegram *in)
{
	return in->repeat == 15 ? 0 : in->repeat;
}

static const char *
take_apart(struct piece *piece, const struct telegram *in)
{
	size_t head = in->rorg == RORG_CDM ? 4 : 3;
	const uint8_t *p = in->p;

	piece->seq = p[0] >> 6;
	piece->index = p[0] & 63;
	piece->hops = hops_of(in);
	if (piece->index > 0)
		head = 1;
	if (in->n < head + (piece->index > 0))
		return "chained telegram too short";
	piece->p = p + head;
	piece->n = in->n - head;
	if (piece->index > 0)
		return NULL;
	piece->total = (size_t)p[1] << 8 | p[2];
	piece->rorg = head == 4 ? p[3] : RORG_SEC_ENCAPS;
	if (piece->total == 0 || piece->total > TELEGRAM_SPACE)
		return "chained message of an impossible length";
	if (piece->rorg == RORG_CDM || piece->rorg == RORG_SEC_CDM)
		return "chained message in another";
	return NULL;
}

static int
has(const struct message *m, unsigned index)
{
	return m->have >> index & 1;
}

static int
same_part(const struct message *m, const struct piece *piece)
{
	const struct part *part = &m->part[piece->index];

	if (piece->index == 0 &&
	    (piece->total != m->total || piece->rorg != m->head.rorg))
		return 0;
	return part->n == piece->n &&
	    memcmp(m->bytes + part->at, piece->p, piece->n) == 0;
}

/*
 * The first part is there already.  Is this one the same telegram, by another
 * way, or does its message begin again?
 */
static int
again(const struct message *m, const struct piece *piece, int64_t now)
{
	if (!same_part(m, piece))
		return 0;
	return piece->hops > m->hops ||
	    (m->state == BEGUN && !older_than(m->headed, now, AGAIN));
}

static void
add_head(
    struct message *m, const struct piece *piece, const struct telegram *in)
{
	m->head = *in;
	m->head.rorg = piece->rorg;
	m->headed = in->t;
	m->hops = piece->hops;
	m->total = piece->total;
}

/* The strongest, as far as it is known. */
static int
better(int a, int b)
{
	return a == 0 || (b != 0 && b > a) ? b : a;
}

/* NULL, or why it cannot be. */
static const char *
add(struct message *m, const struct piece *piece, const struct telegram *in)
{
	struct part *part = &m->part[piece->index];

	if (piece->n > TELEGRAM_SPACE - m->used)
		return "chained message too long";
	part->at = (uint16_t)m->used;
	part->n = (uint16_t)piece->n;
	memcpy(m->bytes + m->used, piece->p, piece->n);
	m->used += piece->n;
	m->have |= (uint64_t)1 << piece->index;
	m->dbm = better(m->dbm, in->dbm);
	if (piece->hops > m->most)
		m->most = piece->hops;
	if (piece->index == 0)
		add_head(m, piece, in);
	return NULL;
}

/* 1: all parts are there, 0: not yet, -1: more than was announced. */
static int
completeness(const struct message *m)
{
	if (!has(m, 0) || m->used < m->total)
		return 0;
	/* A part that is missing has a byte at least. */
	return m->used > m->total || (m->have & (m->have + 1)) != 0 ? -1 : 1;
}

static void
put_together(struct chain *c, struct message *m, const struct telegram *in,
    struct telegram *out)
{
	size_t at = 0;

	for (unsigned i = 0; i < PARTS && has(m, i); i++) {
		memcpy(c->whole + at, m->bytes + m->part[i].at, m->part[i].n);
		at += m->part[i].n;
	}
	m->state = COMPLETE;
	*out = m->head;
	out->t = in->t;
	out->p = c->whole;
	out->n = at;
	out->dbm = m->dbm;
	out->subtelegrams = 0;
	if (m->most > 0)
		out->repeat = m->most;
	out->status = (uint8_t)((m->head.status & 0xf0) | out->repeat);
}

static int
drop(struct chain *c, struct message *m, const char *reason, const char **why)
{
	if (m != NULL)
		give_up(c, m);
	*why = reason;
	return -1;
}

/* A part of a message that is not there yet, or of m without it. */
static int
take_new(struct chain *c, struct message *m, const struct piece *piece,
    const struct telegram *in, struct telegram *out, const char **why)
{
	const char *reason;

	if (m == NULL) {
		m = make_room(c);
		begin(m, in, piece->seq);
	}
	reason = add(m, piece, in);
	if (reason != NULL)
		return drop(c, m, reason, why);
	switch (completeness(m)) {
	case 0: return 0;
	case 1: put_together(c, m, in, out); return 1;
	default: return drop(c, m, "chained message longer than it said", why);
	}
}

/* A part of which m has something already. */
static int
take_known(struct chain *c, struct message *m, const struct piece *piece,
    const struct telegram *in, struct telegram *out, const char **why)
{
	if (piece->index > 0)
		return same_part(m, piece)
		    ? 0
		    : drop(c, m, "chained telegram differs from one before",
			  why);
	if (again(m, piece, in->t))
		return 0;
	give_up(c, m);
	return take_new(c, NULL, piece, in, out, why);
}

int
chain_take(struct chain *c, const struct telegram *in, struct telegram *out,
    const char **why)
{
	struct piece piece;
	struct message *m;
	const char *reason;

	if (in->rorg != RORG_CDM && in->rorg != RORG_SEC_CDM) {
		*out = *in;
		return 1;
	}
	expire(c, in->t);
	if (in->n == 0)
		return drop(c, NULL, "chained telegram too short", why);
	reason = take_apart(&piece, in);
	m = find(c, in, piece.seq);
	if (reason != NULL)
		return drop(c, m, reason, why);
	if (m != NULL && has(m, piece.index))
		return take_known(c, m, &piece, in, out, why);
	return take_new(c, m, &piece, in, out, why);
}
