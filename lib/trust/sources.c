#include "trust/sources.h"

#include <string.h>

#include "base/die.h"
#include "trust/source_part.h"

static size_t
slot_of(const char *name)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (const char *c = name; *c != '\0'; c++)
		h = (h ^ (unsigned char)*c) * 16777619u;
	return h % SOURCES_SLOTS;
}

struct source *
sources_find(struct sources *s, const char *name)
{
	struct source **slot = &s->slot[slot_of(name)], *q;

	for (q = *slot; q != NULL; q = q->next)
		if (strcmp(q->name, name) == 0)
			return q;
	q = xcalloc(1, sizeof *q);
	q->name = xstrdup(name);
	q->next = *slot;
	*slot = q;
	return q;
}

struct source *
sources_next(const struct sources *s, const struct source *q)
{
	size_t i = 0;

	if (q != NULL && q->next != NULL)
		return q->next;
	if (q != NULL)
		i = slot_of(q->name) + 1;
	while (i < SOURCES_SLOTS && s->slot[i] == NULL)
		i++;
	return i < SOURCES_SLOTS ? s->slot[i] : NULL;
}

/* What nobody has signed for is not remembered, but for one in use. */
static void
forget_strangers(struct sources *s, const struct source *used)
{
	for (size_t i = 0; i < SOURCES_SLOTS; i++)
		for (struct source **at = &s->slot[i]; *at != NULL;) {
			struct source *q = *at;

			if (q->known || q->pending.n > 0 || q == used) {
				at = &q->next;
				continue;
			}
			*at = q->next;
			source_free(q);
		}
}

/* Anybody can make up sources; who has signed once does not suffer by it. */
static void
expire_strangers(struct sources *s, const struct source *used)
{
	struct source *q;

	for (q = sources_next(s, NULL); q != NULL; q = sources_next(s, q))
		if (!q->known && q != used)
			source_expire(q, &s->room, q->pending.n);
	forget_strangers(s, used);
}

/* Strangers have to make room, then who holds most. */
static void
make_room(struct sources *s, struct source *q)
{
	struct source *most = q;

	if (q->pending.n >= SOURCES_LINES)
		source_expire(q, &s->room, q->pending.n / 2);
	if (s->room.pending < SOURCES_BYTES)
		return;
	expire_strangers(s, q);
	if (s->room.pending < SOURCES_BYTES)
		return;
	for (q = sources_next(s, NULL); q != NULL; q = sources_next(s, q))
		if (q->pending.n > most->pending.n)
			most = q;
	source_expire(most, &s->room, most->pending.n);
}

void
sources_take(struct sources *s, const struct judged *x, const char *why,
    const struct finding_place *at, const char *p, size_t n)
{
	struct source *q;

	if (x->kind == JUDGE_NOTHING) {
		source_drop(&s->room, x->verdict, at, why, p, n);
		return;
	}
	q = sources_find(s, at->src);
	switch (x->kind) {
	case JUDGE_NOTHING: break;
	case JUDGE_EVENT: source_event(q, &s->room, x, at, p, n); break;
	case JUDGE_SEAL: source_seal(q, &s->room, x, at, p, n); break;
	case JUDGE_PROOF: source_proof(q, &s->room, at, p, n); break;
	case JUDGE_LEAF:
		if (!source_wants(q, &s->room, x, at, p, n))
			break;
		make_room(s, q);
		source_hold(q, &s->room, x, at, p, n);
		break;
	}
}

void
sources_tick(struct sources *s)
{
	struct source *q;

	for (q = sources_next(s, NULL); q != NULL; q = sources_next(s, q))
		source_tick(q, &s->room);
	forget_strangers(s, NULL);
}

void
sources_end(struct sources *s)
{
	struct source *q;

	for (q = sources_next(s, NULL); q != NULL; q = sources_next(s, q))
		source_end(q, &s->room);
}

void
sources_fini(struct sources *s)
{
	struct source *q, *next;

	for (size_t i = 0; i < SOURCES_SLOTS; i++)
		for (q = s->slot[i]; q != NULL; q = next) {
			next = q->next;
			source_free(q);
		}
	sign_space_fini(&s->room.space);
	memset(s, 0, sizeof *s);
}
