#include "bus/seen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/die.h"
#include "trust/sha256.h"

enum { FIRST_ENTRIES = 64 };

/* In a list by use, whose ends point at each other through "none". */
struct node {
	struct seen_entry e;
	uint32_t later, earlier;
};

/* What an entry was before it was moved. */
struct change {
	uint32_t at;
	struct seen_entry was;
};

struct seen {
	struct node *node; /* [0] is none: the list's head */
	uint32_t *slot;	   /* node by hash, open addressing; 0: empty */
	size_t n, cap, most, mask;
	uint64_t seed[2]; /* so that nobody makes channels collide */
	struct change *change;
	size_t nchange, change_cap;
};

/* Any good mixing of 128 bits into one word will do. */
static size_t
hash(const struct seen *s, uint64_t from, uint64_t chan)
{
	uint64_t h = (from ^ s->seed[0]) * UINT64_C(0x9e3779b97f4a7c15);

	h ^= h >> 32;
	h = (h + (chan ^ s->seed[1])) * UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return (size_t)(h ^ h >> 32);
}

static size_t
home(const struct seen *s, uint32_t i)
{
	return hash(s, s->node[i].e.from, s->node[i].e.chan) & s->mask;
}

/* The slot of a channel, or the empty one where it would be. */
static size_t
find(const struct seen *s, uint64_t from, uint64_t chan)
{
	size_t at = hash(s, from, chan) & s->mask;
	const struct seen_entry *e;

	while (s->slot[at] != 0) {
		e = &s->node[s->slot[at]].e;
		if (e->from == from && e->chan == chan)
			break;
		at = (at + 1) & s->mask;
	}
	return at;
}

/* Room for so many entries, with half of the slots empty. */
static void
resize(struct seen *s, size_t cap)
{
	s->node = xrealloc(s->node, (cap + 1) * sizeof *s->node);
	s->cap = cap;
	s->mask = 1;
	while (s->mask < 2 * cap)
		s->mask *= 2;
	free(s->slot);
	s->slot = xcalloc(s->mask, sizeof *s->slot);
	s->mask--;
	for (uint32_t i = 1; i <= s->n; i++)
		s->slot[find(s, s->node[i].e.from, s->node[i].e.chan)] = i;
}

struct seen *
seen_new(size_t most)
{
	struct seen *s = xcalloc(1, sizeof *s);
	ssize_t got;

	got = getrandom(s->seed, sizeof s->seed, GRND_NONBLOCK);
	(void)got;
	s->most = most < 1 ? 1 : most > SEEN_MAX ? SEEN_MAX : most;
	resize(s, s->most < FIRST_ENTRIES ? s->most : FIRST_ENTRIES);
	s->node[0] = (struct node){ .later = 0, .earlier = 0 };
	return s;
}

void
seen_free(struct seen *s)
{
	if (s == NULL)
		return;
	free(s->node);
	free(s->slot);
	free(s->change);
	free(s);
}

static void
unlink_node(struct seen *s, uint32_t i)
{
	s->node[s->node[i].later].earlier = s->node[i].earlier;
	s->node[s->node[i].earlier].later = s->node[i].later;
}

/* The latest is next to the head. */
static void
link_latest(struct seen *s, uint32_t i)
{
	uint32_t next = s->node[0].earlier;

	s->node[i].later = 0;
	s->node[i].earlier = next;
	s->node[next].later = i;
	s->node[0].earlier = i;
}

/* 1 if going on from home one comes past "from" before "to". */
static int
between(size_t start, size_t from, size_t to, size_t mask)
{
	return ((from - start) & mask) <= ((to - start) & mask);
}

/* Empty a slot; those behind it move up, so that all are still found. */
static void
empty_slot(struct seen *s, size_t hole)
{
	size_t at = hole;

	for (;;) {
		s->slot[hole] = 0;
		do {
			at = (at + 1) & s->mask;
			if (s->slot[at] == 0)
				return;
		} while (!between(home(s, s->slot[at]), hole, at, s->mask));
		s->slot[hole] = s->slot[at];
		hole = at;
	}
}

/* A node for a new channel: a fresh one, or that of the least used. */
static uint32_t
take_node(struct seen *s)
{
	uint32_t i;

	if (s->n == s->cap && s->cap < s->most)
		resize(s, 2 * s->cap < s->most ? 2 * s->cap : s->most);
	if (s->n < s->cap)
		return (uint32_t)++s->n;
	i = s->node[0].later;
	empty_slot(s, find(s, s->node[i].e.from, s->node[i].e.chan));
	unlink_node(s, i);
	return i;
}

/* The node of a channel, which is the latest now. */
static uint32_t
use(struct seen *s, uint64_t from, uint64_t chan)
{
	uint32_t i = s->slot[find(s, from, chan)];

	if (i != 0) {
		unlink_node(s, i);
	} else {
		i = take_node(s);
		s->node[i].e =
		    (struct seen_entry){ .from = from, .chan = chan };
		s->slot[find(s, from, chan)] = i;
	}
	link_latest(s, i);
	return i;
}

static void
move(struct seen *s, uint32_t i, uint64_t number)
{
	if (s->nchange == s->change_cap) {
		s->change_cap = s->change_cap ? 2 * s->change_cap : 64;
		s->change =
		    xrealloc(s->change, s->change_cap * sizeof *s->change);
	}
	s->change[s->nchange++] = (struct change){ i, s->node[i].e };
	s->node[i].e.number = number;
}

uint64_t
seen_take(struct seen *s, const char *from, size_t n, uint64_t chan,
    uint64_t first, uint64_t count)
{
	unsigned char digest[SHA256_BYTES];
	uint64_t name, known, last = first + count - 1;
	uint32_t i;

	if (count == 0)
		return 0;
	sha256(from, n, digest);
	memcpy(&name, digest, sizeof name);
	i = use(s, name, chan);
	known = s->node[i].e.number;
	if (last <= known)
		return count;
	move(s, i, last);
	return known < first ? 0 : known - first + 1;
}

void
seen_mark(struct seen *s)
{
	s->nchange = 0;
}

void
seen_undo(struct seen *s)
{
	const struct change *c;
	struct seen_entry *e;

	while (s->nchange > 0) {
		c = &s->change[--s->nchange];
		e = &s->node[c->at].e;
		/* Meanwhile the node may have become another channel's. */
		if (e->from == c->was.from && e->chan == c->was.chan)
			e->number = c->was.number;
	}
}

size_t
seen_export(const struct seen *s, struct seen_entry *to, size_t n)
{
	size_t got = 0;
	uint32_t i;

	for (i = s->node[0].earlier; i != 0 && got < n; i = s->node[i].earlier)
		if (s->node[i].e.number > 0)
			to[got++] = s->node[i].e;
	return got;
}

void
seen_import(struct seen *s, const struct seen_entry *from, size_t n)
{
	uint32_t i;

	while (n > 0) {
		n--;
		i = use(s, from[n].from, from[n].chan);
		if (s->node[i].e.number < from[n].number)
			s->node[i].e.number = from[n].number;
	}
}
