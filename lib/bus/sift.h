/*
 * A reader's batches without the lines that it has been given before, and how
 * far the position moves with each line of one.
 */
#ifndef SG_BUS_SIFT_H
#define SG_BUS_SIFT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "bus/reader.h"
#include "bus/seen.h"
#include "bus/wire.h"

/* All-zero with seen set is ready for use. */
struct sift {
	struct seen *seen; /* the caller's */

	/* The module's. */
	struct buf lines, meta; /* a batch that something was taken out of */
	uint64_t *repeats;	/* of each run */
	size_t nrepeats, cap;
};

void sift_fini(struct sift *s);

/*
 * sift_batch(s, batch) - Take out of a batch that tells its origin what was
 * seen; what remains is seen from now on.  If that is not all, lines and meta
 * are the sift's until the next call.  0, or -1 if its origin is damaged.
 */
int sift_batch(struct sift *s, struct reader_batch *batch);

/*
 * sift_cut(s, batch, n, at) - Only the first n lines of the batch that
 * sift_batch() gave last count: the others have not been seen, and at, where
 * the batch began, moves behind the n-th.  0, or -1 if the batch does not tell
 * its origin or at has no room for another log; then nothing has changed.
 */
int sift_cut(struct sift *s, const struct reader_batch *batch, uint64_t n,
    struct wire_cursor *at);

#endif
