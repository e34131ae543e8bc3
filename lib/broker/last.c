#include "broker/last.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

enum {
	CHUNK = 4096,	   /* entries allocated together */
	ARENA = 256 * 1024 /* bytes of topic texts allocated together */
};

struct slot {
	uint32_t tag;	/* upper half of the hash */
	uint32_t entry; /* index + 1; 0: free */
};

struct last {
	struct slot *slots;
	size_t mask;
	struct last_topic **chunks;
	struct last_kept ***kept; /* chunks of pointers, made on demand */
	size_t count, limit;
	char **arenas;
	size_t narenas, arena_used;
	struct last_topic **dirty;
	size_t ndirty, dirty_cap;
};

struct last *
last_new(size_t limit)
{
	struct last *last = xcalloc(1, sizeof *last);
	size_t chunks = limit / CHUNK + 1;

	last->limit = limit;
	last->mask = 1023;
	last->slots = xcalloc(last->mask + 1, sizeof *last->slots);
	last->chunks = xcalloc(chunks, sizeof(struct last_topic *));
	last->kept = xcalloc(chunks, sizeof(struct last_kept **));
	return last;
}

static void
free_chunk(struct last *last, size_t chunk)
{
	size_t i;

	for (i = 0; i < CHUNK; i++) {
		free(last->chunks[chunk][i].match);
		if (last->kept[chunk] != NULL)
			free(last->kept[chunk][i]);
	}
	free(last->chunks[chunk]);
	free(last->kept[chunk]);
}

void
last_free(struct last *last)
{
	size_t i;

	if (last == NULL)
		return;
	for (i = 0; i <= last->limit / CHUNK; i++)
		if (last->chunks[i] != NULL)
			free_chunk(last, i);
	for (i = 0; i < last->narenas; i++)
		free(last->arenas[i]);
	free(last->arenas);
	free(last->chunks);
	free(last->kept);
	free(last->slots);
	free(last->dirty);
	free(last);
}

uint64_t
last_hash(const char *p, size_t n)
{
	uint64_t h = n * 0x9e3779b97f4a7c15u, w;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	w = 0;
	memcpy(&w, p, n);
	h = (h ^ w) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 29;
}

size_t
last_count(const struct last *last)
{
	return last->count;
}

struct last_topic *
last_at(const struct last *last, size_t i)
{
	return &last->chunks[i / CHUNK][i % CHUNK];
}

static const char *
keep_text(struct last *last, const char *p, size_t n)
{
	char *text;

	if (last->narenas == 0 || last->arena_used + n > ARENA) {
		last->arenas = xrealloc(
		    last->arenas, (last->narenas + 1) * sizeof(char *));
		last->arenas[last->narenas++] = xmalloc(ARENA);
		last->arena_used = 0;
	}
	text = last->arenas[last->narenas - 1] + last->arena_used;
	memcpy(text, p, n);
	last->arena_used += n;
	return text;
}

static void
grow(struct last *last)
{
	size_t mask = last->mask * 2 + 1, i, at;
	struct slot *slots = xcalloc(mask + 1, sizeof *slots);

	for (i = 0; i < last->count; i++) {
		const struct last_topic *t = last_at(last, i);
		uint64_t h = last_hash(t->text, t->len);

		for (at = h & mask; slots[at].entry != 0; at = (at + 1) & mask)
			;
		slots[at] =
		    (struct slot){ (uint32_t)(h >> 32), (uint32_t)i + 1 };
	}
	free(last->slots);
	last->slots = slots;
	last->mask = mask;
}

static struct last_topic *
add(struct last *last, const char *p, size_t n, uint64_t h, size_t at)
{
	struct last_topic *t;
	size_t chunk = last->count / CHUNK;

	if (last->count >= last->limit)
		return NULL;
	if (last->chunks[chunk] == NULL)
		last->chunks[chunk] = xcalloc(CHUNK, sizeof *t);
	t = last_at(last, last->count);
	t->index = last->count++ & (LAST_LIMIT_MAX - 1);
	t->text = keep_text(last, p, n);
	t->len = (uint8_t)n;
	last->slots[at] =
	    (struct slot){ (uint32_t)(h >> 32), (uint32_t)last->count };
	if (last->count * 2 > last->mask)
		grow(last);
	return t;
}

/* The entry of a topic with that hash, or NULL with *at its slot. */
static struct last_topic *
find(const struct last *last, const char *p, size_t n, uint64_t h, size_t *at)
{
	uint32_t tag = (uint32_t)(h >> 32);
	struct last_topic *t;

	for (*at = h & last->mask; last->slots[*at].entry != 0;
	     *at = (*at + 1) & last->mask) {
		if (last->slots[*at].tag != tag)
			continue;
		t = last_at(last, last->slots[*at].entry - 1);
		if (t->len == n && memcmp(t->text, p, n) == 0)
			return t;
	}
	return NULL;
}

struct last_topic *
last_find(const struct last *last, const char *p, size_t n)
{
	size_t at;

	return find(last, p, n, last_hash(p, n), &at);
}

struct last_topic *
last_topic(struct last *last, const char *p, size_t n)
{
	uint64_t h = last_hash(p, n);
	size_t at;
	struct last_topic *t = find(last, p, n, h, &at);

	return t != NULL ? t : add(last, p, n, h, at);
}

static struct last_kept **
kept_slot(const struct last *last, const struct last_topic *topic)
{
	struct last_kept **chunk = last->kept[topic->index / CHUNK];

	return chunk != NULL ? &chunk[topic->index % CHUNK] : NULL;
}

void
last_set(struct last *last, struct last_topic *topic, uint32_t run, uint64_t n)
{
	struct last_kept **kept;

	topic->run = run;
	topic->n = n;
	if (topic->dirty)
		return;
	topic->dirty = 1;
	if (last->ndirty == last->dirty_cap) {
		last->dirty_cap = last->dirty_cap ? last->dirty_cap * 2 : 64;
		last->dirty = xrealloc(
		    last->dirty, last->dirty_cap * sizeof(struct last_topic *));
	}
	last->dirty[last->ndirty++] = topic;
	kept = kept_slot(last, topic);
	if (kept != NULL) {
		free(*kept);
		*kept = NULL;
	}
}

struct last_topic **
last_dirty(struct last *last, size_t *n)
{
	*n = last->ndirty;
	return last->dirty;
}

void
last_clean(struct last *last)
{
	size_t i;

	for (i = 0; i < last->ndirty; i++)
		last->dirty[i]->dirty = 0;
	last->ndirty = 0;
}

void
last_keep(struct last *last, const struct last_topic *topic, const char *line,
    size_t n, int64_t rt, const char *from)
{
	struct last_kept ***chunk = &last->kept[topic->index / CHUNK];
	struct last_kept *kept = xcalloc(1, sizeof *kept + n);

	if (*chunk == NULL)
		*chunk = xcalloc(CHUNK, sizeof(struct last_kept *));
	kept->rt = rt;
	strncpy(kept->from, from, FRAME_FROM_MAX);
	kept->len = n;
	memcpy(kept->line, line, n);
	free((*chunk)[topic->index % CHUNK]);
	(*chunk)[topic->index % CHUNK] = kept;
}

const struct last_kept *
last_kept(const struct last *last, const struct last_topic *topic)
{
	struct last_kept **kept = kept_slot(last, topic);

	return kept != NULL ? *kept : NULL;
}
