#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "device/enocean/secure_part.h"
#include "trust/secret.h"

enum { ROOM_FIRST = 16 };

static size_t
slot_of(const struct secure *s, uint64_t sender)
{
	uint64_t h = (sender + 1) * 0x9E3779B97F4A7C15u;

	return (size_t)(h >> 32) & (s->slots - 1);
}

struct secure_device *
secure_find(const struct secure *s, uint64_t sender)
{
	size_t i;

	if (s->devices == 0)
		return NULL;
	for (i = slot_of(s, sender); s->slot[i] != 0;
	     i = (i + 1) & (s->slots - 1)) {
		if (s->device[s->slot[i] - 1].sender == sender)
			return &s->device[s->slot[i] - 1];
	}
	return NULL;
}

static void
enter(struct secure *s, size_t index)
{
	size_t i = slot_of(s, s->device[index].sender);

	while (s->slot[i] != 0)
		i = (i + 1) & (s->slots - 1);
	s->slot[i] = (uint32_t)index + 1;
}

/* Room for twice as many, the table never more than half full. */
static void
grow(struct secure *s)
{
	size_t room = s->room == 0 ? ROOM_FIRST : 2 * s->room;
	struct secure_keys *keys = secret_new(room * sizeof *keys);

	if (s->devices > 0)
		memcpy(keys, s->keys, s->devices * sizeof *keys);
	if (s->keys != NULL)
		secret_free(s->keys);
	s->keys = keys;
	s->device = xrealloc(s->device, room * sizeof *s->device);
	s->room = room;
	free(s->slot);
	s->slots = 2 * room;
	s->slot = xcalloc(s->slots, sizeof *s->slot);
	for (size_t i = 0; i < s->devices; i++)
		enter(s, i);
}

struct secure_device *
secure_add(struct secure *s, uint64_t sender)
{
	struct secure_device *d = secure_find(s, sender);

	if (d != NULL || s->devices == SECURE_DEVICES_MAX)
		return d;
	if (s->devices == s->room)
		grow(s);
	d = &s->device[s->devices];
	*d = (struct secure_device){ .sender = sender };
	enter(s, s->devices++);
	return d;
}

struct secure_keys *
secure_keys(const struct secure *s, const struct secure_device *d)
{
	return &s->keys[d - s->device];
}

void
secure_forget_contexts(struct secure_device *d)
{
	aes_free(d->in);
	aes_free(d->out);
	d->in = d->out = NULL;
}

void
secure_add_line(struct secure *s, enum secure_line_kind kind, size_t index,
    const char *comment, size_t n)
{
	if (s->lines == s->lines_room) {
		s->lines_room =
		    s->lines_room == 0 ? ROOM_FIRST : 2 * s->lines_room;
		s->line = xrealloc(s->line, s->lines_room * sizeof *s->line);
	}
	s->line[s->lines++] = (struct secure_line){ kind, index,
		comment == NULL ? NULL : xstrndup(comment, n) };
}
