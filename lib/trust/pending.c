#include "trust/pending.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

void
pending_add(struct pending *h, const struct pending_line *line, const char *p,
    const unsigned char leaf[TREE_HASH])
{
	if (h->n == h->cap) {
		h->cap = h->cap > 0 ? 2 * h->cap : PENDING_MIN;
		h->line = xrealloc(h->line, h->cap * sizeof *h->line);
		h->leaf = xrealloc(h->leaf, h->cap * sizeof *h->leaf);
	}
	h->line[h->n] = *line;
	h->line[h->n].at = h->text.len;
	memcpy(h->leaf[h->n++], leaf, TREE_HASH);
	buf_add(&h->text, p, line->n);
}

const char *
pending_text(const struct pending *h, const struct pending_line *line)
{
	return h->text.p + line->at;
}

size_t
pending_cost(const struct pending_line *line)
{
	return line->n + sizeof *line + TREE_HASH;
}

/* The text of what was removed in the middle goes when its turn comes. */
static void
cut_text(struct pending *h)
{
	size_t base = h->n > 0 ? h->line[0].at : h->text.len;

	if (h->n > 0 && base < h->text.len / 2)
		return;
	buf_cut(&h->text, base);
	for (size_t i = 0; i < h->n; i++)
		h->line[i].at -= base;
}

size_t
pending_sweep(struct pending *h)
{
	size_t kept = 0, freed = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (h->line[i].done) {
			freed += pending_cost(&h->line[i]);
			continue;
		}
		if (kept != i) {
			h->line[kept] = h->line[i];
			memcpy(h->leaf[kept], h->leaf[i], TREE_HASH);
		}
		kept++;
	}
	h->n = kept;
	cut_text(h);
	return freed;
}

struct pending_line *
pending_find(struct pending *h, int64_t ep, int64_t seq)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->line[i].ep == ep && h->line[i].seq == seq)
			return &h->line[i];
	return NULL;
}

int64_t
pending_lowest(const struct pending *h, int64_t ep, int64_t first, int64_t end)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->line[i].ep == ep && h->line[i].seq >= first &&
		    h->line[i].seq < end)
			end = h->line[i].seq;
	return end;
}

size_t
pending_row(const struct pending *h, const struct batch_seal *seal)
{
	unsigned char root[TREE_HASH];
	size_t i, k = 0, n = (size_t)seal->n;

	while (k < h->n &&
	    (h->line[k].ep != seal->ep || h->line[k].seq != seal->first))
		k++;
	if (k + n > h->n)
		return h->n;
	for (i = 0; i < n; i++)
		if (h->line[k + i].ep != seal->ep ||
		    h->line[k + i].seq != seal->first + (int64_t)i)
			return h->n;
	for (i = k + n; i < h->n; i++)
		if (h->line[i].ep == seal->ep &&
		    h->line[i].seq < seal->first + seal->n)
			return h->n;
	tree_root((const unsigned char(*)[TREE_HASH])(h->leaf + k), n, root);
	return memcmp(root, seal->root, TREE_HASH) == 0 ? k : h->n;
}

void
pending_fini(struct pending *h)
{
	buf_fini(&h->text);
	free(h->line);
	free(h->leaf);
	*h = (struct pending){ 0 };
}
