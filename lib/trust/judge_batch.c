#include "trust/judge_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

int
judge_batch_add(struct judge_batch *b, const char *p, size_t n,
    const char *file, uint64_t number)
{
	struct judge_entry *x;

	if (b->n == b->cap) {
		b->cap = b->cap > 0 ? 2 * b->cap : JUDGE_BATCH_SIGNED;
		b->entry = xrealloc(b->entry, b->cap * sizeof *b->entry);
	}
	x = &b->entry[b->n++];
	x->at = b->lines.len;
	x->n = n;
	x->file = file;
	x->number = number;
	buf_add(&b->lines, p, n);
	b->signs += memmem(p, n, "\"sig\"", 5) != NULL;
	return b->signs >= JUDGE_BATCH_SIGNED || b->n >= JUDGE_BATCH_LINES ||
	    b->lines.len >= JUDGE_BATCH_BYTES;
}

void
judge_batch_run(void *batch)
{
	struct judge_batch *b = batch;

	for (struct judge_entry *x = b->entry; x < b->entry + b->n; x++)
		judge_line(
		    b->judge, &b->space, b->lines.p + x->at, x->n, &x->judged);
}

struct finding_place
judge_batch_place(const struct judge_batch *b, const struct judge_entry *x)
{
	return (struct finding_place){ x->file, x->number,
		judge_src(&b->space, &x->judged), x->judged.ep, x->judged.seq };
}

void
judge_batch_clear(struct judge_batch *b)
{
	buf_clear(&b->lines);
	judge_space_clear(&b->space);
	b->n = b->signs = 0;
}

void
judge_batch_fini(struct judge_batch *b)
{
	buf_fini(&b->lines);
	judge_space_fini(&b->space);
	free(b->entry);
	*b = (struct judge_batch){ 0 };
}
