#include "trust/hold.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

enum { EACH = sizeof(struct hold_line) };

/* Room for one more: what was given out goes first. */
static void
make_room(struct hold *h)
{
	size_t to = 0;

	if (h->count <= h->cap / 2) {
		for (size_t i = h->first; i < h->n; i++)
			if (h->line[i].p != NULL)
				h->line[to++] = h->line[i];
		h->first = 0;
		h->n = to;
	}
	if (h->n < h->cap)
		return;
	h->cap = h->cap == 0 ? 64 : 2 * h->cap;
	h->line = xrealloc(h->line, h->cap * sizeof *h->line);
}

void
hold_add(struct hold *h, const unsigned char *id, const char *p, size_t n)
{
	struct hold_line *line;

	if (h->n == h->cap)
		make_room(h);
	line = &h->line[h->n++];
	memcpy(line->id, id, SENDER_ID);
	line->n = n;
	line->p = xmalloc(n + 1);
	memcpy(line->p, p, n);
	h->bytes += n + EACH;
	h->count++;
}

struct hold_line *
hold_oldest(struct hold *h)
{
	while (h->first < h->n && h->line[h->first].p == NULL)
		h->first++;
	return h->first < h->n ? &h->line[h->first] : NULL;
}

struct hold_line *
hold_over(struct hold *h)
{
	return h->bytes > h->max ? hold_oldest(h) : NULL;
}

struct hold_line *
hold_find(struct hold *h, const unsigned char *id, size_t *at)
{
	if (*at < h->first)
		*at = h->first;
	for (; *at < h->n; ++*at)
		if (h->line[*at].p != NULL &&
		    memcmp(h->line[*at].id, id, SENDER_ID) == 0)
			return &h->line[*at];
	return NULL;
}

char *
hold_take(struct hold *h, struct hold_line *line)
{
	char *p = line->p;

	h->bytes -= line->n + EACH;
	h->count--;
	line->p = NULL;
	return p;
}

void
hold_fini(struct hold *h)
{
	for (size_t i = h->first; i < h->n; i++)
		free(h->line[i].p);
	free(h->line);
	*h = (struct hold){ .max = h->max };
}
