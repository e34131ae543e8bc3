/*
 * A reference-counted block of bytes, so that a frame travels from the
 * socket through the log's queue to many subscribers without a copy.  Counts
 * are atomic: a blob may be handed to another thread.
 */
#ifndef SG_BASE_BLOB_H
#define SG_BASE_BLOB_H

#include <stddef.h>

struct blob {
	int refs;
	size_t len;	/* bytes used, set by the filler */
	size_t cap;
	char p[];
};

/* blob_new(cap) - A blob with one reference and len 0. */
struct blob *blob_new(size_t cap);

/* blob_ref(b) - One more reference; returns b. */
struct blob *blob_ref(struct blob *b);

/* blob_unref(b) - One less; the last frees it.  NULL is allowed. */
void blob_unref(struct blob *b);

#endif
