#include "base/blob.h"

#include <stdlib.h>

#include "base/die.h"

struct blob *
blob_new(size_t cap)
{
	struct blob *b = xmalloc(sizeof *b + cap);

	b->refs = 1;
	b->len = 0;
	b->cap = cap;
	return b;
}

struct blob *
blob_ref(struct blob *b)
{
	__atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
	return b;
}

void
blob_unref(struct blob *b)
{
	if (b != NULL && __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(b);
}
