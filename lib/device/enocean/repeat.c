#include "device/enocean/repeat.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/mix.h"

enum {
	SETS = 256, /* a sender has its place in one of them */
	WAYS = 4,   /* senders that share a set */
	LAST = 4,   /* telegrams that are remembered of a sender */
	NEAR = 16,  /* without times: telegrams of all senders that may come
		       between one and its repetition */
	STATUS_NU_T21 = 0x30
};

struct seen {
	uint64_t hash; /* of all that makes it this telegram */
	int64_t when;
	uint8_t hops, used;
};

struct place {
	uint64_t sender, used; /* used: count when it was last heard, 0 never */
	struct seen last[LAST]; /* newest first */
};

struct repeat {
	int64_t window;
	uint64_t count; /* telegrams so far */
	struct place place[SETS][WAYS];
};

struct repeat *
repeat_new(int64_t window)
{
	struct repeat *r = xcalloc(1, sizeof *r);

	r->window = window;
	return r;
}

void
repeat_free(struct repeat *r)
{
	free(r);
}

/*
 * Two that have the same by chance are not to be expected in the life of the
 * plant, and who makes them on purpose could send the telegram itself.
 */
static uint64_t
hash_of(const struct telegram *tel)
{
	uint64_t h =
	    tel->dest ^ (uint64_t)tel->rorg << 48 ^ (uint64_t)tel->n << 32;
	uint64_t word;
	size_t at = 0;

	/* A press and a release may differ only there. */
	if (tel->rorg == RORG_RPS)
		h ^= (uint64_t)(tel->status & STATUS_NU_T21) << 56;
	for (; tel->n - at >= sizeof word; at += sizeof word) {
		memcpy(&word, tel->p + at, sizeof word);
		h = mix64(h, word);
	}
	word = 0;
	memcpy(&word, tel->p + at, tel->n - at);
	return mix64(h, word);
}

/* The sender's place; if it has none, that of the one not heard longest. */
static struct place *
place_of(struct repeat *r, uint64_t sender)
{
	struct place *set = r->place[mix64(0, sender) % SETS];
	struct place *oldest = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].used > 0 && set[i].sender == sender)
			return &set[i];
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	memset(oldest, 0, sizeof *oldest);
	oldest->sender = sender;
	return oldest;
}

/* Also if the clock was set back. */
static int
near(int64_t a, int64_t b, int64_t limit)
{
	return a - b <= limit && b - a <= limit;
}

/* Which of the last ones it is, LAST if none. */
static size_t
find(const struct place *place, uint64_t hash, int64_t now, int64_t limit)
{
	size_t i = 0;

	while (i < LAST &&
	    !(place->last[i].used && place->last[i].hash == hash &&
		near(place->last[i].when, now, limit)))
		i++;
	return i;
}

/* It is the newest now; number i (or the oldest) goes. */
static void
remember(struct place *place, size_t i, const struct seen *one)
{
	if (i == LAST)
		i--;
	memmove(place->last + 1, place->last, i * sizeof *place->last);
	place->last[0] = *one;
}

int
repeat_is(struct repeat *r, const struct telegram *tel)
{
	struct place *place = place_of(r, tel->sender);
	struct seen one = { .hash = hash_of(tel),
		.when = r->window > 0 ? tel->t : (int64_t)r->count,
		.hops = tel->repeat == 15 ? 0 : tel->repeat,
		.used = 1 };
	size_t i =
	    find(place, one.hash, one.when, r->window > 0 ? r->window : NEAR);

	place->used = ++r->count;
	if (i < LAST && one.hops > place->last[i].hops)
		return 1;
	/* Without a telegram in between it was sent more than once. */
	if (i == 0 && r->window > 0) {
		place->last[0].hops = one.hops;
		return 1;
	}
	remember(place, i, &one);
	return 0;
}
